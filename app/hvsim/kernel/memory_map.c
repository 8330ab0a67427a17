/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Guest memory, the parts that know nothing of guests: sorted maps of a
 * process, and regions that outlive the files they map.
 */

#include "memory_map.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "../core/log.h"
#include "../core/util.h"
#include "kernel.h"

#define MAPS_MAX 65536u
#define PAGE_MASK 4095u

/* The handler below reads this list; it only changes where nothing of guest
 * memory is touched, on the same thread. */
static struct mem_region *regions;
static volatile sig_atomic_t faults;

/* ---- regions ---- */

static uint64_t
round_up(uint64_t value, uint64_t unit)
{
	return (value + unit - 1) / unit * unit;
}

static void
region_put(struct mem_region *region)
{
	if (--region->refs > 0)
		return;
	if (region->next)
		region->next->prev = region->prev;
	if (region->prev)
		region->prev->next = region->next;
	else
		regions = region->next;
	munmap(region->base, region->bytes);
	free(region);
}

static struct mem_region *
region_make(uint64_t bytes, uint64_t offset, uint64_t page_bytes, int fd)
{
	struct mem_region *region = calloc(1, sizeof(*region));
	void *base;

	if (!region)
		return NULL;
	/* The guest holds the pages; nothing is to be reserved for this side. */
	base = mmap(NULL, bytes, PROT_READ, MAP_SHARED | MAP_NORESERVE, fd, (off_t)offset);
	if (base == MAP_FAILED) {
		free(region);
		return NULL;
	}
	region->base = base;
	region->bytes = bytes;
	region->page_bytes = page_bytes;
	region->refs = 1;
	region->next = regions;
	if (regions)
		regions->prev = region;
	regions = region;
	return region;
}

/* ---- pages that a guest took away from under us ---- */

static struct sigaction fault_before;

static void
fault_handler(int sig, siginfo_t *info, void *context)
{
	const uint8_t *addr = info->si_addr;

	(void)context;
	for (struct mem_region *r = regions; r; r = r->next) {
		uint64_t offset;

		if (addr < r->base || addr >= r->base + r->bytes)
			continue;
		offset = (uint64_t)(addr - r->base) / r->page_bytes * r->page_bytes;
		if (mmap(r->base + offset, r->page_bytes, PROT_READ,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
			break;
		faults = 1;
		return;
	}
	if (shm_fault(addr)) {
		faults = 1;
		return;
	}
	/* Not guest memory: let the access fault again as if nobody cared. */
	sigaction(sig, &fault_before, NULL);
}

void
mem_fault_install(void)
{
	struct sigaction action = { .sa_flags = SA_SIGINFO }, before;

	if (sigaction(SIGBUS, NULL, &before) < 0 ||
			((before.sa_flags & SA_SIGINFO) && before.sa_sigaction == fault_handler))
		return;
	fault_before = before;
	action.sa_sigaction = fault_handler;
	sigemptyset(&action.sa_mask);
	sigaction(SIGBUS, &action, NULL);
}

void
mem_fault_report(const char *guest)
{
	if (!faults)
		return;
	faults = 0;
	log_warning("guest %s: memory was taken away while the host read it: read as zeros", guest);
}

/* ---- maps ---- */

bool
mem_range_ok(const struct guest_mem *mem)
{
	return mem->bytes > 0 && ((mem->address | mem->bytes | mem->offset) & PAGE_MASK) == 0 &&
		mem->bytes <= INT64_MAX && mem->address <= INT64_MAX &&
		mem->offset <= INT64_MAX - mem->bytes;
}

/* Only memory: a file whose pages somebody else serves could block hvsim. */
static int
file_check(int fd, uint64_t *bytes, uint64_t *page_bytes)
{
	struct statfs fs;
	struct stat st;

	if (fstat(fd, &st) < 0 || fstatfs(fd, &fs) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size < 0)
		return -EINVAL;
	*bytes = (uint64_t)st.st_size;
	*page_bytes = PAGE_MASK + 1;
	if (fs.f_type == HUGETLBFS_MAGIC)
		*page_bytes = (uint64_t)fs.f_bsize;
	else if (fs.f_type != TMPFS_MAGIC && fs.f_type != RAMFS_MAGIC)
		return -EINVAL;
	return 0;
}

int
mem_map_make(struct mem_map *map, const struct guest_mem *mem, int fd)
{
	uint64_t file_bytes, page_bytes, bytes;
	int ret = file_check(fd, &file_bytes, &page_bytes);

	if (ret < 0)
		return ret;
	if (file_bytes <= mem->offset || mem->offset % page_bytes != 0)
		return -EINVAL;
	bytes = HV_MIN(mem->bytes, file_bytes - mem->offset);
	map->region = region_make(round_up(bytes, page_bytes), mem->offset, page_bytes, fd);
	if (!map->region)
		return -errno;
	map->base = map->region->base;
	map->start = mem->address;
	map->end = mem->address + HV_MIN(mem->bytes, map->region->bytes);
	return 0;
}

void
mem_release_do(struct mem_release *release)
{
	struct mem_region *region = release->map.region;
	uint64_t bytes = release->map.end - release->map.start;
	uint64_t offset = (uint64_t)(release->map.base - region->base);

	/* A piece: give its pages up and keep the address range. Where a fork
	 * has the same memory, all of it waits for the last one. */
	if (region->refs > 1 && !region->forked && offset % region->page_bytes == 0 &&
			bytes % region->page_bytes == 0)
		mmap(release->map.base, bytes, PROT_NONE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
	region_put(region);
}

/* Index of the first map that ends behind va. */
static uint32_t
map_lower(const struct mem_process *p, uint64_t va)
{
	uint32_t low = 0, high = p->count;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (p->maps[mid].end <= va)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

const struct mem_map *
mem_process_find(const struct mem_process *p, uint64_t va)
{
	uint32_t i = map_lower(p, va);

	return i < p->count && p->maps[i].start <= va ? &p->maps[i] : NULL;
}

int
mem_process_add(struct mem_process *p, const struct mem_map *map)
{
	uint32_t i = map_lower(p, map->start);
	struct mem_map *maps = p->maps;

	if (p->count == p->room) {
		uint32_t room = p->room ? p->room * 2 : 64;

		maps = room <= MAPS_MAX ? realloc(maps, room * sizeof(*maps)) : NULL;
		if (!maps) {
			region_put(map->region);
			return -ENOMEM;
		}
		p->maps = maps;
		p->room = room;
	}
	memmove(&maps[i + 1], &maps[i], (p->count - i) * sizeof(*maps));
	maps[i] = *map;
	p->count++;
	return 0;
}

/* Notes that [start, end) of the map is free; the reference goes along. */
static void
release_add(struct mem_process *p, const struct mem_map *map, uint64_t start, uint64_t end,
	struct mem_release **list)
{
	struct mem_release *release = malloc(sizeof(*release));

	if (!release) {
		/* Keeping it mapped is the safe failure. */
		log_warning("memory of process %d: not released: out of memory", (int)p->pid);
		return;
	}
	release->map = *map;
	release->map.base += start - map->start;
	release->map.start = start;
	release->map.end = end;
	release->pid = p->pid;
	release->answer = false;
	release->next = *list;
	*list = release;
}

/* Cuts one map that overlaps [start, end); keeps what lies outside of it. */
static void
map_cut(struct mem_process *p, struct mem_map map, uint64_t start, uint64_t end,
	struct mem_release **list)
{
	struct mem_map head = map, tail = map;

	start = HV_MAX(start, map.start);
	end = HV_MIN(end, map.end);
	if (map.start < start) {
		head.end = start;
		map.region->refs++;
		mem_process_add(p, &head);
	}
	if (end < map.end) {
		tail.base += end - map.start;
		tail.start = end;
		map.region->refs++;
		mem_process_add(p, &tail);
	}
	release_add(p, &map, start, end, list);
}

void
mem_process_cut(struct mem_process *p, uint64_t start, uint64_t end,
	struct mem_release **list)
{
	for (;;) {
		uint32_t i = map_lower(p, start);
		struct mem_map map;

		if (i == p->count || p->maps[i].start >= end)
			return;
		map = p->maps[i];
		p->count--;
		memmove(&p->maps[i], &p->maps[i + 1], (p->count - i) * sizeof(map));
		map_cut(p, map, start, end, list);
	}
}

void
mem_process_inherit(struct mem_process *p, const struct mem_process *from)
{
	for (uint32_t i = 0; i < from->count; i++) {
		struct mem_map map = from->maps[i];

		map.region->refs++;
		map.region->forked = true;
		if (mem_process_add(p, &map) < 0)
			return;
	}
}

void
mem_process_free(struct mem_process *p)
{
	if (p->pagemap_fd >= 0)
		close(p->pagemap_fd);
	free(p->maps);
	free(p);
}
