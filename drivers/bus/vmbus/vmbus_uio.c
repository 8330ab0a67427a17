/* SPDX-License-Identifier: BSD-3-Clause */

/* /dev/uioN and its maps; see vmbus_uio.h. */

#include "vmbus_uio.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmbus_guard.h"
#include "vmbus_wire.h"

/* The largest pair of rings that a kernel gives a subchannel: 2 + 2 MiB and two
 * control pages of 64 KiB. A larger primary makes the slots larger. */
#define RING_SLOT_BYTES ((4u << 20) + (128u << 10))

static uint64_t
round_up(uint64_t bytes, uint64_t to)
{
	return (bytes + to - 1) / to * to;
}

int
vmbus_uio_open(int number)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/dev/uio%d", number);
	fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

int
vmbus_uio_lock(int fd)
{
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	/* Something between us and the kernel may know no locks: that is no
	 * reason to do without the device. */
	return errno == EWOULDBLOCK ? -EBUSY : 0;
}

/* Reserves address space for all maps and all subchannels to come. */
static int
window_reserve(const struct vmbus_sysfs_map sysfs[UIO_MAP_COUNT], struct vmbus_maps *maps)
{
	uint64_t bytes = 0;
	void *window;

	memset(maps, 0, sizeof(*maps));
	maps->page_bytes = (uint32_t)sysconf(_SC_PAGESIZE);
	for (unsigned int i = 0; i < UIO_MAP_COUNT; i++)
		bytes += round_up(sysfs[i].bytes, maps->page_bytes);
	maps->ring_slot_bytes = round_up(sysfs[UIO_MAP_RINGS].bytes > RING_SLOT_BYTES ?
		sysfs[UIO_MAP_RINGS].bytes : RING_SLOT_BYTES, maps->page_bytes);
	bytes += maps->ring_slot_bytes * VMBUS_SUBCHANNELS_MAX;
	window = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (window == MAP_FAILED)
		return -errno;
	maps->window = window;
	maps->window_bytes = bytes;
	return 0;
}

static void *
ring_slot(const struct vmbus_maps *maps, unsigned int slot)
{
	return (uint8_t *)maps->window + maps->window_bytes -
		maps->ring_slot_bytes * (VMBUS_SUBCHANNELS_MAX - slot);
}

static int
map_at(int fd, off_t offset, void *addr, uint64_t bytes, struct vmbus_mapping *mapping)
{
	if (mmap(addr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED | MAP_POPULATE,
			fd, offset) == MAP_FAILED)
		return -errno;
	/* What the host writes has no place in a core dump. */
	madvise(addr, bytes, MADV_DONTDUMP);
	mapping->addr = addr;
	mapping->bytes = bytes;
	return 0;
}

int
vmbus_uio_map(int fd, const struct vmbus_sysfs_map sysfs[UIO_MAP_COUNT], struct vmbus_maps *maps)
{
	uint8_t *addr;
	int ret = window_reserve(sysfs, maps);

	if (ret < 0)
		return ret;
	/* Only these go under a thread; without a guard they are what they were. */
	(void)vmbus_guard_add(ring_slot(maps, 0), maps->ring_slot_bytes * VMBUS_SUBCHANNELS_MAX);
	addr = maps->window;
	for (unsigned int i = 0; i < UIO_MAP_COUNT; i++) {
		ret = map_at(fd, (off_t)i * maps->page_bytes, addr, sysfs[i].bytes, &maps->map[i]);
		if (ret < 0) {
			vmbus_uio_unmap(maps);
			return ret;
		}
		addr += round_up(sysfs[i].bytes, maps->page_bytes);
	}
	return 0;
}

int
vmbus_uio_map_ring(const char *devices, const char *name, uint32_t relid,
	struct vmbus_maps *maps, unsigned int slot)
{
	char path[PATH_MAX];
	struct stat st;
	int fd, ret;

	if (slot >= VMBUS_SUBCHANNELS_MAX || maps->ring[slot].addr != NULL)
		return -EINVAL;
	if (snprintf(path, sizeof(path), "%s/%s/channels/%u/ring", devices, name, relid) >=
	    (int)sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		ret = -errno;
	else if (st.st_size < 4 * (off_t)HV_PAGE_BYTES || st.st_size > (off_t)maps->ring_slot_bytes)
		ret = -EPROTO;
	else
		ret = map_at(fd, 0, ring_slot(maps, slot), (uint64_t)st.st_size, &maps->ring[slot]);
	close(fd);
	return ret;
}

/* Gives the pages back but keeps the address space ours. */
static void
unmap_one(struct vmbus_mapping *mapping)
{
	if (mapping->addr != NULL)
		mmap(mapping->addr, mapping->bytes, PROT_NONE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
	mapping->addr = NULL;
	mapping->bytes = 0;
}

void
vmbus_uio_unmap_ring(struct vmbus_maps *maps, unsigned int slot)
{
	unmap_one(&maps->ring[slot]);
}

/* Maps are laid out by pages, whatever their sizes. */
static uint64_t
pages_bytes(uint64_t bytes)
{
	return round_up(bytes, (uint64_t)sysconf(_SC_PAGESIZE));
}

int
vmbus_uio_keep(struct vmbus_maps *maps, unsigned int which)
{
	struct vmbus_mapping *mapping = &maps->map[which];
	uint64_t bytes = pages_bytes(mapping->bytes);
	void *copy;

	maps->kept = *mapping;
	mapping->addr = NULL;
	mapping->bytes = 0;
	copy = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (copy == MAP_FAILED)
		return -errno;
	memcpy(copy, maps->kept.addr, maps->kept.bytes);
	/* In one step: at no moment is there nothing. */
	if (mremap(copy, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, maps->kept.addr) ==
	    MAP_FAILED) {
		int ret = -errno;

		/* The target may be gone, as for mmap(): then the hole is filled. */
		if (mmap(maps->kept.addr, bytes, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED) {
			memcpy(maps->kept.addr, copy, maps->kept.bytes);
			ret = 0;
		}
		munmap(copy, bytes);
		return ret;
	}
	return 0;
}

void
vmbus_uio_kept_free(void *addr, uint64_t bytes)
{
	munmap(addr, pages_bytes(bytes));
}

/* Gives the address space back, but for what is kept. */
static void
window_release(const struct vmbus_maps *maps)
{
	uint8_t *start = maps->window, *end = start + maps->window_bytes;
	uint8_t *kept = maps->kept.addr;

	if (kept != NULL) {
		if (kept != start)
			munmap(start, (size_t)(kept - start));
		start = kept + pages_bytes(maps->kept.bytes);
	}
	munmap(start, (size_t)(end - start));
}

void
vmbus_uio_unmap(struct vmbus_maps *maps)
{
	for (unsigned int slot = 0; slot < VMBUS_SUBCHANNELS_MAX; slot++)
		unmap_one(&maps->ring[slot]);
	for (unsigned int i = 0; i < UIO_MAP_COUNT; i++)
		unmap_one(&maps->map[i]);
	if (maps->window != NULL) {
		vmbus_guard_remove(ring_slot(maps, 0));
		window_release(maps);
	}
	maps->window = NULL;
	maps->window_bytes = 0;
	maps->kept = (struct vmbus_mapping){ 0 };
}

int
vmbus_uio_irqcontrol(int fd, bool enable)
{
	int32_t value = enable;
	ssize_t n = write(fd, &value, sizeof(value));

	return n == (ssize_t)sizeof(value) ? 0 : n < 0 ? -errno : -EIO;
}

int
vmbus_uio_events(int fd, uint32_t *count)
{
	ssize_t n = read(fd, count, sizeof(*count));

	return n == (ssize_t)sizeof(*count) ? 0 : n < 0 ? -errno : -EIO;
}
