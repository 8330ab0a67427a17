/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What each descriptor of the program is. Lookups take no lock: files live in
 * memory that is never given back, and a reference is taken only while the
 * slot still names the file. Also the descriptors that this library keeps for
 * itself: at high numbers, and out of the way when the program wants one.
 */

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "guest.h"

#define SLOTS_PER_BLOCK 1024
#define BLOCKS 1024
#define HIDDEN_MAX 4096u
#define HIDDEN_BASE 8192

struct slot_block {
	struct guest_file *slots[SLOTS_PER_BLOCK];
};

static struct slot_block *blocks[BLOCKS];
static struct guest_file hidden_file = { .kind = FILE_HIDDEN, .refs = 1 };

/* Where each hidden descriptor's number is kept. */
static int *hidden[HIDDEN_MAX];
static uint32_t hidden_count;

static struct guest_file *free_files;

/* ---- slots ---- */

static struct guest_file **
slot_find(int fd)
{
	struct slot_block *block;

	if (fd < 0 || fd >= BLOCKS * SLOTS_PER_BLOCK)
		return NULL;
	block = __atomic_load_n(&blocks[fd / SLOTS_PER_BLOCK], __ATOMIC_ACQUIRE);
	return block ? &block->slots[fd % SLOTS_PER_BLOCK] : NULL;
}

static struct guest_file **
slot_make(int fd)
{
	struct guest_file **slot = slot_find(fd);
	struct slot_block *block, *none = NULL;

	if (slot || fd < 0 || fd >= BLOCKS * SLOTS_PER_BLOCK)
		return slot;
	block = real.mmap(NULL, sizeof(*block), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (block == MAP_FAILED)
		return NULL;
	if (!__atomic_compare_exchange_n(&blocks[fd / SLOTS_PER_BLOCK], &none, block, false,
			__ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		real.munmap(block, sizeof(*block));
	return slot_find(fd);
}

bool
fds_special(int fd)
{
	struct guest_file **slot = slot_find(fd);

	return slot && __atomic_load_n(slot, __ATOMIC_ACQUIRE) != NULL;
}

int
fds_next(unsigned int first, unsigned int last)
{
	for (unsigned int fd = first; fd <= last && fd < BLOCKS * SLOTS_PER_BLOCK; fd++) {
		if (!slot_find((int)fd))
			fd |= SLOTS_PER_BLOCK - 1;      /* nothing in this block */
		else if (fds_special((int)fd))
			return (int)fd;
	}
	return -1;
}

static bool
ref_unless_zero(uint32_t *refs)
{
	uint32_t now = __atomic_load_n(refs, __ATOMIC_RELAXED);

	while (now > 0)
		if (__atomic_compare_exchange_n(refs, &now, now + 1, false, __ATOMIC_ACQ_REL,
				__ATOMIC_RELAXED))
			return true;
	return false;
}

struct guest_file *
fds_get(int fd)
{
	struct guest_file **slot = slot_find(fd);
	struct guest_file *file;

	if (!slot)
		return NULL;
	while ((file = __atomic_load_n(slot, __ATOMIC_ACQUIRE)) != NULL) {
		if (!ref_unless_zero(&file->refs))
			continue;       /* the slot is about to change */
		if (__atomic_load_n(slot, __ATOMIC_ACQUIRE) == file)
			return file;
		fds_put(file);
	}
	return NULL;
}

/* ---- files ---- */

struct guest_file *
fds_file_new(enum file_kind kind, int flags, const char *path)
{
	struct guest_file *file;

	guest_lock();
	file = free_files;
	if (file) {
		free_files = file->next_free;
	} else {
		file = real.mmap(NULL, sizeof(*file), PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (file == MAP_FAILED)
			file = NULL;
	}
	guest_unlock();
	if (!file)
		return NULL;
	file->kind = kind;
	file->slots = 0;
	file->flags = flags;
	file->fresh = false;
	file->read_error = 0;
	file->path[0] = '\0';
	if (path)
		strncpy(file->path, path, sizeof(file->path) - 1);
	file->path[sizeof(file->path) - 1] = '\0';
	uio_file_init(file);
	__atomic_store_n(&file->refs, 1, __ATOMIC_RELEASE);
	return file;
}

void
fds_put(struct guest_file *file)
{
	if (__atomic_sub_fetch(&file->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	if (file->kind == FILE_UIO)
		uio_free(file);
	guest_lock();
	file->next_free = free_files;
	free_files = file;
	guest_unlock();
}

static void
slot_drop(struct guest_file *file)
{
	if (!file || file == &hidden_file)
		return;
	if (__atomic_sub_fetch(&file->slots, 1, __ATOMIC_ACQ_REL) == 0 && file->kind == FILE_UIO)
		uio_last_slot(file);
	fds_put(file);
}

void
fds_set(int fd, struct guest_file *file)
{
	struct guest_file **slot = file ? slot_make(fd) : slot_find(fd);

	if (!slot || (!file && !__atomic_load_n(slot, __ATOMIC_ACQUIRE)))
		return;
	if (file) {
		__atomic_add_fetch(&file->refs, 1, __ATOMIC_ACQ_REL);
		__atomic_add_fetch(&file->slots, 1, __ATOMIC_ACQ_REL);
	}
	slot_drop(__atomic_exchange_n(slot, file, __ATOMIC_ACQ_REL));
}

/* ---- hidden descriptors ---- */

static int
hidden_base(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 3;
	if (limit.rlim_cur / 4 * 3 < HIDDEN_BASE)
		return (int)(limit.rlim_cur / 4 * 3);
	return HIDDEN_BASE;
}

/* Duplicates fd to a high number and marks that. Returns it, or -errno. */
static int
hidden_dup(int fd)
{
	int high = real.fcntl(fd, F_DUPFD_CLOEXEC, hidden_base());
	struct guest_file **slot;

	if (high < 0)
		high = real.fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (high < 0)
		return -errno;
	slot = slot_make(high);
	if (slot)
		__atomic_store_n(slot, &hidden_file, __ATOMIC_RELEASE);
	return high;
}

static void
hidden_drop(int fd)
{
	struct guest_file **slot = slot_find(fd);

	if (slot)
		__atomic_store_n(slot, NULL, __ATOMIC_RELEASE);
	real.close(fd);
}

int
fds_hide(int *where, int fd)
{
	int high = hidden_count < HIDDEN_MAX ? hidden_dup(fd) : -EMFILE;

	real.close(fd);
	*where = -1;
	if (high < 0)
		return high;
	*where = high;
	hidden[hidden_count++] = where;
	return 0;
}

void
fds_hidden_close(int *where)
{
	if (*where < 0)
		return;
	for (uint32_t i = 0; i < hidden_count; i++)
		if (hidden[i] == where) {
			hidden[i] = hidden[--hidden_count];
			break;
		}
	hidden_drop(*where);
	*where = -1;
}

void
fds_hidden_rename(int *from, int *to)
{
	for (uint32_t i = 0; i < hidden_count; i++)
		if (hidden[i] == from)
			hidden[i] = to;
	*to = *from;
	*from = -1;
}

void
fds_hidden_move(int fd)
{
	guest_lock();
	for (uint32_t i = 0; i < hidden_count; i++)
		if (*hidden[i] == fd) {
			int high = hidden_dup(fd);

			if (high >= 0)
				*hidden[i] = high;
			hidden_drop(fd);
			break;
		}
	guest_unlock();
}

int
fds_next_hidden(int first, int last)
{
	int next = -1;

	guest_lock();
	for (uint32_t i = 0; i < hidden_count; i++)
		if (*hidden[i] >= first && *hidden[i] <= last && (next < 0 || *hidden[i] < next))
			next = *hidden[i];
	guest_unlock();
	return next;
}
