/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Mappings of the program that matter: those of uio devices keep the device
 * open, and shared memory is made known to hvsim, which reads packets in it.
 * What is unmapped or replaced is taken back before the kernel does it, so
 * that a hugepage is free again when munmap() returns.
 */

#include <errno.h>
#include <string.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "../../../drivers/bus/vmbus/uio_layout.h"
#include "guest.h"
#include "uffd.h"

struct map_entry {
	uintptr_t start, end;
	struct map_note note;
};

static struct map_entry *entries;       /* by address, not overlapping */
static size_t count, room;              /* count is read without the lock */
static uintptr_t lowest = UINTPTR_MAX, highest;         /* likewise; only widen */

/* ---- the table; the lock is held ---- */

static int
table_grow(void)
{
	size_t bigger = room ? room * 2 : 512;
	struct map_entry *table;

	if (count < room)
		return 0;
	table = real.mmap(NULL, bigger * sizeof(*table), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (table == MAP_FAILED)
		return -ENOMEM;
	if (entries) {
		memcpy(table, entries, count * sizeof(*table));
		real.munmap(entries, room * sizeof(*table));
	}
	entries = table;
	room = bigger;
	return 0;
}

/* Index of the first entry that ends behind start. */
static size_t
table_lower(uintptr_t start)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (entries[mid].end <= start)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static void
table_insert(const struct map_entry *entry)
{
	size_t i = table_lower(entry->start);

	if (table_grow() < 0)
		return;
	memmove(&entries[i + 1], &entries[i], (count - i) * sizeof(*entries));
	entries[i] = *entry;
	__atomic_store_n(&count, count + 1, __ATOMIC_RELEASE);
	if (entry->start < lowest)
		__atomic_store_n(&lowest, entry->start, __ATOMIC_RELEASE);
	if (entry->end > highest)
		__atomic_store_n(&highest, entry->end, __ATOMIC_RELEASE);
	if (entry->note.file) {
		__atomic_add_fetch(&entry->note.file->refs, 1, __ATOMIC_ACQ_REL);
		entry->note.file->uio.mappings++;
	}
}

static void
table_remove(size_t i)
{
	struct guest_file *file = entries[i].note.file;

	__atomic_store_n(&count, count - 1, __ATOMIC_RELEASE);
	memmove(&entries[i], &entries[i + 1], (count - i) * sizeof(*entries));
	if (!file)
		return;
	if (--file->uio.mappings == 0)
		fds_hidden_close(&file->uio.keeper_fd);
	fds_put(file);
}

static bool
table_touches(uintptr_t start, uintptr_t end)
{
	size_t i = table_lower(start);

	return i < count && entries[i].start < end;
}

/* Forgets [start, end), keeping what sticks out. */
static void
table_cut(uintptr_t start, uintptr_t end)
{
	size_t i;

	while ((i = table_lower(start)) < count && entries[i].start < end) {
		struct map_entry head = entries[i], tail = entries[i];
		bool has_head = head.start < start, has_tail = tail.end > end;

		head.end = start;
		tail.start = end;
		/* The pieces first: the device must not close in between. */
		if (has_head || has_tail) {
			struct guest_file *file = head.note.file;

			if (file) {
				__atomic_add_fetch(&file->refs, 1, __ATOMIC_ACQ_REL);
				file->uio.mappings++;
			}
			table_remove(i);
			if (has_head)
				table_insert(&head);
			if (has_tail)
				table_insert(&tail);
			if (file) {
				file->uio.mappings--;
				fds_put(file);
			}
		} else {
			table_remove(i);
		}
	}
}

/* May be asked without the lock: a false answer is a true one. */
static bool
may_matter(uintptr_t start, uintptr_t end)
{
	return __atomic_load_n(&count, __ATOMIC_ACQUIRE) > 0 &&
		start < __atomic_load_n(&highest, __ATOMIC_ACQUIRE) &&
		end > __atomic_load_n(&lowest, __ATOMIC_ACQUIRE);
}

/* ---- what hvsim is told ---- */

static size_t
page_up(size_t bytes)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (bytes + page - 1) / page * page;
}

int
maps_tell(const void *addr, size_t bytes, const struct map_request *req, int fd)
{
	struct guest_mem mem = {
		.address = (uintptr_t)addr,
		.bytes = page_up(bytes),
		.offset = (uint64_t)req->offset,
		.flags = (uint32_t)req->flags,
		.prot = (uint32_t)req->prot,
	};
	struct conn_message message = {
		.op = GUEST_MEM_MAP, .payload = &mem, .payload_bytes = sizeof(mem), .fd = fd,
	};

	return conn_tell(&message);
}

/* Waits until hvsim has let go: a hugepage that it keeps is one that the
 * program's next allocation does not find. */
static void
untell(uintptr_t start, uintptr_t end)
{
	struct guest_mem mem = { .address = start, .bytes = end - start };
	struct conn_message message = {
		.op = GUEST_MEM_UNMAP, .payload = &mem, .payload_bytes = sizeof(mem), .fd = -1,
	};
	struct conn_reply reply;

	for (size_t i = table_lower(start); i < count && entries[i].start < end; i++)
		if (entries[i].note.told) {
			conn_request(&message, &reply);
			conn_reply_close(&reply);
			return;
		}
}

/* A store into the monitor page is to wake a sleeping hvsim. */
static void
watch_stores(uintptr_t start, uintptr_t end)
{
	struct guest_uffd where = { .address = start, .bytes = end - start };
	struct conn_message message = {
		.op = GUEST_UFFD, .payload = &where, .payload_bytes = sizeof(where),
	};
	void *addr;

	memcpy(&addr, &start, sizeof(addr));
	message.fd = guest_uffd_register(addr, end - start);
	conn_tell(&message);
	if (message.fd >= 0)
		real.close(message.fd);
}

void
maps_note(void *addr, size_t bytes, const struct map_note *note)
{
	struct map_entry entry = { .start = (uintptr_t)addr, .note = *note };

	entry.end = entry.start + page_up(bytes);
	table_cut(entry.start, entry.end);
	table_insert(&entry);
	if (note->file && note->map == UIO_MAP_MONITOR_PAGE)
		watch_stores(entry.start, entry.end);
}

bool
maps_any_told(void)
{
	return count > 0;
}

void
maps_forked(void)
{
	for (size_t i = 0; i < count; i++)
		if (entries[i].note.file && entries[i].note.map == UIO_MAP_MONITOR_PAGE)
			watch_stores(entries[i].start, entries[i].end);
}

struct retelling {
	int (*tell)(const struct conn_message *message);
};

/* One mapping of the kernel's may be several here, or a part of one. */
static int
area_tell(const struct area *area, void *arg)
{
	const struct retelling *retelling = arg;
	struct guest_mem mem = { .flags = MAP_SHARED, .prot = PROT_READ | PROT_WRITE };
	struct conn_message message = {
		.op = GUEST_MEM_MAP, .payload = &mem, .payload_bytes = sizeof(mem), .fd = -1,
	};
	int ret = 0;

	for (size_t i = table_lower(area->start); ret == 0 && i < count &&
			entries[i].start < area->end; i++) {
		uintptr_t end = entries[i].end < area->end ? entries[i].end : area->end;

		mem.address = entries[i].start > area->start ? entries[i].start : area->start;
		mem.bytes = end - mem.address;
		mem.offset = area->offset + (mem.address - area->start);
		if (entries[i].note.told && message.fd < 0)
			message.fd = area_open(area);
		if (entries[i].note.told && message.fd >= 0)
			ret = retelling->tell(&message);
	}
	if (message.fd >= 0)
		real.close(message.fd);
	return ret;
}

int
maps_tell_again(int (*tell)(const struct conn_message *message))
{
	struct retelling retelling = { tell };

	return count > 0 ? areas_walk(area_tell, &retelling) : 0;
}

/* Only memory that packets may lie in: writable, not a file on a disk, no
 * program code. */
static bool
worth_telling(const struct map_request *req)
{
	struct statfs fs;
	int type = req->flags & MAP_TYPE;

	if (type != MAP_SHARED && type != MAP_SHARED_VALIDATE)
		return false;
	if (!(req->prot & PROT_WRITE) || (req->prot & PROT_EXEC))
		return false;
	if (fstatfs(req->fd, &fs) < 0)
		return false;
	return fs.f_type == HUGETLBFS_MAGIC || fs.f_type == TMPFS_MAGIC;
}

/* ---- calls ---- */

void *
maps_replace(const struct map_request *req, int fd, off_t offset)
{
	uintptr_t start = (uintptr_t)req->addr, end = start + page_up(req->bytes);
	void *addr;
	bool replaces;

	replaces = (req->flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) == MAP_FIXED &&
		table_touches(start, end);
	if (replaces)
		untell(start, end);
	addr = real.mmap(req->addr, req->bytes, req->prot, req->flags, fd, offset);
	if (replaces && addr != MAP_FAILED) {
		int saved = errno;

		table_cut(start, end);
		errno = saved;
	}
	return addr;
}

static void *
map_ordinary(const struct map_request *req, bool tell)
{
	struct map_note note = { .told = true };
	void *addr;

	guest_lock();
	addr = maps_replace(req, req->fd, req->offset);
	if (addr != MAP_FAILED && tell && maps_tell(addr, req->bytes, req, req->fd) == 0)
		maps_note(addr, req->bytes, &note);
	guest_unlock();
	return addr;
}

void *
maps_mmap(const struct map_request *req)
{
	bool anonymous = req->fd < 0 || (req->flags & MAP_ANONYMOUS);
	uintptr_t start = (uintptr_t)req->addr;
	struct guest_file *file = anonymous ? NULL : fds_get(req->fd);
	void *addr;
	bool tell;

	if (file && (file->kind == FILE_UIO || file->kind == FILE_RING)) {
		addr = file->kind == FILE_UIO ? uio_mmap(file, req->fd, req) :
			sysfs_ring_mmap(file, req);
		fds_put(file);
		return addr;
	}
	if (file)
		fds_put(file);
	tell = !anonymous && worth_telling(req);
	if (!tell && (!(req->flags & MAP_FIXED) || !may_matter(start, start + req->bytes)))
		return real.mmap(req->addr, req->bytes, req->prot, req->flags, req->fd,
			req->offset);
	return map_ordinary(req, tell);
}

int
maps_munmap(void *addr, size_t bytes)
{
	uintptr_t start = (uintptr_t)addr, end = start + page_up(bytes);
	int ret;

	if (end < start || !may_matter(start, end))
		return real.munmap(addr, bytes);
	guest_lock();
	untell(start, end);
	ret = real.munmap(addr, bytes);
	if (ret == 0)
		table_cut(start, end);
	guest_unlock();
	return ret;
}

/* Moves the entries of [from, from + bytes) to another address. What hvsim was
 * told of is told no more: there is no descriptor to tell it with. */
static void
table_move(uintptr_t from, uintptr_t to, size_t bytes)
{
	uintptr_t end = from + bytes;
	size_t i;

	while ((i = table_lower(from)) < count && entries[i].start < end) {
		struct map_entry entry = entries[i];

		entry.start = (entry.start > from ? entry.start : from) - from + to;
		entry.end = (entry.end < end ? entry.end : end) - from + to;
		entry.note.told = false;
		if (entry.note.file)
			table_insert(&entry);
		table_cut(entry.start - to + from, entry.end - to + from);
	}
}

static void *
remap(const struct remap_request *req)
{
	uintptr_t from = (uintptr_t)req->old_addr, end = from + page_up(req->old_bytes);
	uintptr_t to = (uintptr_t)req->new_addr;
	size_t moved = page_up(req->new_bytes < req->old_bytes ? req->new_bytes : req->old_bytes);
	size_t i = table_lower(from);
	void *addr;

	/* A uio mapping does not grow. */
	if (i < count && entries[i].start < end && entries[i].note.file &&
			req->new_bytes > req->old_bytes) {
		errno = EFAULT;
		return MAP_FAILED;
	}
	untell(from, end);
	if (req->flags & MREMAP_FIXED)
		untell(to, to + page_up(req->new_bytes));
	addr = real.mremap(req->old_addr, req->old_bytes, req->new_bytes, req->flags,
		req->new_addr);
	if (addr == MAP_FAILED)
		return addr;
	if (req->flags & MREMAP_FIXED)
		table_cut(to, to + page_up(req->new_bytes));
	if (addr != req->old_addr)
		table_move(from, (uintptr_t)addr, moved);
	table_cut(from + (addr == req->old_addr ? moved : 0), end);
	return addr;
}

void *
maps_mremap(const struct remap_request *req)
{
	uintptr_t from = (uintptr_t)req->old_addr, to = (uintptr_t)req->new_addr;
	void *addr;

	if (!may_matter(from, from + page_up(req->old_bytes)) &&
			(!(req->flags & MREMAP_FIXED) ||
			!may_matter(to, to + page_up(req->new_bytes))))
		return real.mremap(req->old_addr, req->old_bytes, req->new_bytes, req->flags,
			req->new_addr);
	guest_lock();
	addr = remap(req);
	guest_unlock();
	return addr;
}
