/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Guest memory. Shared mappings that guest processes have told of are mapped
 * here too and read in place; everything else is copied by process_vm_readv().
 * Page numbers are virtual ones (VA) or physical ones, found through
 * /proc/<pid>/pagemap (PA). What is taken back stays mapped until everybody
 * who may hold a pointer of this round has finished.
 *
 * A guest can shrink a file that is mapped here. Touching such a page raises
 * SIGBUS, which puts zeros in the page's place: the guest sees a frame of
 * zeros, as on a host whose guest gives away memory under way.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "../../../drivers/bus/vmbus/vmbus_wire.h"
#include "../core/log.h"
#include "../core/util.h"
#include "memory_map.h"
#include "server.h"

#define ARENA_CHUNK_BYTES (256u << 10)
#define ARENA_CHUNKS_MAX 256u
#define PA_RESCAN_NS 10000000u

struct arena_chunk {
	struct arena_chunk *next;
	uint32_t used;
	uint8_t bytes[ARENA_CHUNK_BYTES];
};

/* Freed at the end of a round. */
struct arena {
	struct arena_chunk *chunks;
	unsigned int count;
};

struct guest_memory {
	struct kern_vm *vm;
	struct mem_process *processes;  /* the preferred one first */
	struct mem_map hit;             /* the last map found; start == end: none */
	struct mem_release *young, *old;        /* taken back, in this and the last round */
	struct arena arena[2];          /* [0] is this round's */
	struct engine_poller poller;
	struct pa_index index;
	uint64_t pa_scanned_ns;
	bool pa;
	bool pa_dirty;                  /* maps have changed since the scan */
	bool refused_logged, pa_logged;
};

/* ---- rounds ---- */

static void
arena_reset(struct arena *arena)
{
	while (arena->chunks) {
		struct arena_chunk *chunk = arena->chunks;

		arena->chunks = chunk->next;
		free(chunk);
	}
	arena->count = 0;
}

static uint8_t *
arena_take(struct arena *arena, uint32_t bytes)
{
	struct arena_chunk *chunk = arena->chunks;

	if (!chunk || ARENA_CHUNK_BYTES - chunk->used < bytes) {
		if (arena->count == ARENA_CHUNKS_MAX)
			return NULL;
		chunk = malloc(sizeof(*chunk));
		if (!chunk)
			return NULL;
		chunk->used = 0;
		chunk->next = arena->chunks;
		arena->chunks = chunk;
		arena->count++;
	}
	chunk->used += bytes;
	return chunk->bytes + chunk->used - bytes;
}

static void
release_all(struct guest_memory *memory, struct mem_release *list)
{
	for (struct mem_release *release = list; release; release = release->next)
		mem_release_do(release);
	while (list) {
		struct mem_release *release = list;

		list = release->next;
		if (release->answer)
			server_memory_released(memory->vm, release->pid);
		free(release);
	}
}

void
guest_memory_round(struct guest_memory *memory)
{
	struct mem_release *list = memory->old;

	memory->old = memory->young;
	memory->young = NULL;
	arena_reset(&memory->arena[1]);
	memory->arena[1] = memory->arena[0];
	memory->arena[0] = (struct arena){ 0 };
	release_all(memory, list);
	mem_fault_report(memory->vm->name);
}

/* Only keeps the engine awake: what was taken back is waited for. Rounds are
 * counted by guest_memory_round(), which the guest's own poller calls. */
static unsigned int
memory_poll(void *arg)
{
	const struct guest_memory *memory = arg;

	return memory->young || memory->old;
}

static bool
memory_may_sleep(void *arg)
{
	const struct guest_memory *memory = arg;

	return !memory->young && !memory->old;
}

/* ---- what processes tell ---- */

static struct mem_process *
process_find(const struct guest_memory *memory, pid_t pid)
{
	struct mem_process *p = memory->processes;

	while (p && p->pid != pid)
		p = p->next;
	return p;
}

static struct mem_process *
process_get(struct guest_memory *memory, pid_t pid)
{
	struct mem_process **link = &memory->processes;
	struct mem_process *p = process_find(memory, pid);

	if (p)
		return p;
	p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->pid = pid;
	p->pagemap_fd = -1;
	while (*link)
		link = &(*link)->next;
	*link = p;
	return p;
}

/* Nothing that was found so far may be found again. */
static void
maps_changed(struct guest_memory *memory)
{
	memory->hit = (struct mem_map){ 0 };
	memory->index.count = 0;
	memory->pa_dirty = true;
}

/* Takes [start, end) from the process; what it was stays mapped for a while. */
static void
process_cut(struct guest_memory *memory, struct mem_process *p, uint64_t start, uint64_t end)
{
	maps_changed(memory);
	mem_process_cut(p, start, end, &memory->young);
	if (memory->young)
		engine_kick();
}

int
guest_memory_map(struct guest_memory *memory, pid_t pid, const struct guest_mem *mem, int fd)
{
	struct mem_process *p = process_get(memory, pid);
	struct mem_map map;
	int ret = -ENOMEM;

	if (p && mem_range_ok(mem)) {
		process_cut(memory, p, mem->address, mem->address + mem->bytes);
		ret = fd < 0 ? 0 : mem_map_make(&map, mem, fd);
	}
	if (fd >= 0)
		close(fd);
	if (ret < 0 || fd < 0 || !p)
		return ret;
	memory->pa_dirty = true;
	return mem_process_add(p, &map);
}

void
guest_memory_unmap(struct guest_memory *memory, pid_t pid, const struct guest_mem *mem)
{
	struct mem_process *p = process_find(memory, pid);
	struct mem_release *release;

	if (p && mem_range_ok(mem))
		process_cut(memory, p, mem->address, mem->address + mem->bytes);
	release = memory->young;
	if (release && release->pid == pid) {
		release->answer = true;
		return;
	}
	server_memory_released(memory->vm, pid);
}

void
guest_memory_process_gone(struct guest_memory *memory, pid_t pid)
{
	struct mem_process **link = &memory->processes;

	while (*link && (*link)->pid != pid)
		link = &(*link)->next;
	if (*link) {
		struct mem_process *p = *link;

		process_cut(memory, p, 0, UINT64_MAX);
		*link = p->next;
		mem_process_free(p);
	}
}

void
guest_memory_inherit(struct guest_memory *memory, pid_t pid, pid_t parent)
{
	const struct mem_process *from = process_find(memory, parent);
	struct mem_process *p;

	if (!from || from->count == 0)
		return;
	p = process_get(memory, pid);
	if (!p || p->count > 0)
		return;
	mem_process_inherit(p, from);
	memory->pa_dirty = true;
}

void
guest_memory_prefer(struct guest_memory *memory, pid_t pid)
{
	struct mem_process *p = process_get(memory, pid);
	struct mem_process **link = &memory->processes;

	if (!p)
		return;
	while (*link != p)
		link = &(*link)->next;
	*link = p->next;
	p->next = memory->processes;
	memory->processes = p;
}

/* ---- virtual page numbers ---- */

static const uint8_t *
find_va(struct guest_memory *memory, uint64_t va, uint32_t bytes)
{
	const struct mem_map *map = &memory->hit;

	if (va >= map->start && range_ok(va - map->start, bytes, map->end - map->start))
		return map->base + (va - map->start);
	for (const struct mem_process *p = memory->processes; p; p = p->next) {
		map = mem_process_find(p, va);
		if (map && range_ok(va - map->start, bytes, map->end - map->start)) {
			memory->hit = *map;
			return map->base + (va - map->start);
		}
	}
	return NULL;
}

static void
log_refused(struct guest_memory *memory, pid_t pid, int error)
{
	if (memory->refused_logged)
		return;
	memory->refused_logged = true;
	log_error("guest %s: memory of process %d cannot be read: %s; memory that is not shared "
		"needs kernel.yama.ptrace_scope=0 (sysctl), or give the guest hugepages",
		memory->vm->name, (int)pid, strerror(error));
}

static const uint8_t *
copy_va(struct guest_memory *memory, uint64_t va, uint32_t bytes)
{
	uint8_t *copy = arena_take(&memory->arena[0], bytes);
	struct iovec local = { .iov_base = copy, .iov_len = bytes };
	struct iovec remote = { .iov_len = bytes };

	if (!copy)
		return NULL;
	memcpy(&remote.iov_base, &va, sizeof(remote.iov_base));
	for (const struct mem_process *p = memory->processes; p; p = p->next) {
		if (process_vm_readv(p->pid, &local, 1, &remote, 1, 0) == (ssize_t)bytes)
			return copy;
		if (errno == EPERM || errno == ENOSYS)
			log_refused(memory, p->pid, errno);
	}
	return NULL;
}

static const uint8_t *
page_va(struct guest_memory *memory, uint64_t va, uint32_t bytes, bool *in_place)
{
	const uint8_t *found = find_va(memory, va, bytes);

	if (!found) {
		/* The process may have told of it a moment ago. */
		server_drain(memory->vm);
		found = find_va(memory, va, bytes);
	}
	*in_place = found != NULL;
	return found ? found : copy_va(memory, va, bytes);
}

/* ---- physical page numbers ---- */

static void
log_no_pa(const struct guest_memory *memory)
{
	log_error("guest %s: physical addresses need root (CAP_SYS_ADMIN for "
		"/proc/<pid>/pagemap): run hvsim as root or the guest with --iova-mode=va",
		memory->vm->name);
}

static void
pa_scan(struct guest_memory *memory)
{
	int ret = 0;

	memory->index.count = 0;
	memory->pa_dirty = false;
	memory->pa_scanned_ns = engine_clock_ns();
	for (struct mem_process *p = memory->processes; p && ret == 0; p = p->next)
		ret = pa_index_scan(&memory->index, p);
	pa_index_sort(&memory->index);
	if (ret == 0 || memory->pa_logged)
		return;
	memory->pa_logged = true;
	log_no_pa(memory);
}

static const uint8_t *
page_pa(struct guest_memory *memory, uint64_t page_number, uint32_t offset, bool *in_place)
{
	const uint8_t *page;

	page = memory->pa_dirty ? NULL : pa_index_find(&memory->index, page_number);
	if (!page) {
		server_drain(memory->vm);
		if (memory->pa_dirty || engine_clock_ns() - memory->pa_scanned_ns > PA_RESCAN_NS)
			pa_scan(memory);
		page = pa_index_find(&memory->index, page_number);
	}
	*in_place = page != NULL;
	return page ? page + offset : NULL;
}

const uint8_t *
guest_memory_page(struct guest_memory *memory, uint64_t page_number, uint32_t offset,
	uint32_t bytes, bool *in_place)
{
	*in_place = false;
	if (!range_ok(offset, bytes, HV_PAGE_BYTES) || bytes == 0)
		return NULL;
	if (memory->pa)
		return page_pa(memory, page_number, offset, in_place);
	if (page_number > UINT64_MAX >> HV_PAGE_SHIFT)
		return NULL;
	return page_va(memory, (page_number << HV_PAGE_SHIFT) + offset, bytes, in_place);
}

/* ---- life ---- */

void
guest_memory_set_pa(struct guest_memory *memory, bool pa)
{
	if (memory->pa != pa)
		log_info("guest %s: page numbers are %s addresses", memory->vm->name,
			pa ? "physical" : "virtual");
	memory->pa = pa;
	memory->pa_dirty = true;
}

struct guest_memory *
guest_memory_create(struct kern_vm *vm)
{
	struct guest_memory *memory = calloc(1, sizeof(*memory));

	if (!memory)
		return NULL;
	memory->vm = vm;
	memory->pa = vm->iova == IOVA_PA;
	if (memory->pa && !pa_index_allowed()) {
		log_no_pa(memory);
		free(memory);
		errno = EPERM;
		return NULL;
	}
	mem_fault_install();
	memory->poller.poll = memory_poll;
	memory->poller.prepare_sleep = memory_may_sleep;
	memory->poller.arg = memory;
	engine_poller_add(&memory->poller);
	return memory;
}

void
guest_memory_destroy(struct guest_memory *memory)
{
	if (!memory)
		return;
	engine_poller_remove(&memory->poller);
	while (memory->processes)
		guest_memory_process_gone(memory, memory->processes->pid);
	guest_memory_round(memory);
	guest_memory_round(memory);
	arena_reset(&memory->arena[0]);
	arena_reset(&memory->arena[1]);
	pa_index_free(&memory->index);
	free(memory);
}
