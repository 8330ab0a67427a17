/* SPDX-License-Identifier: BSD-3-Clause */

/* See memory.h. */

#include "memory.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../../drivers/bus/vmbus/vmbus_wire.h"
#include "../core/util.h"

int
vmm_memory_create(struct vmm_memory *memory, uint64_t bytes)
{
	void *base;

	*memory = (struct vmm_memory) { .fd = -1, .bytes = bytes };
	memory->low_bytes = HV_MIN(bytes, VMM_LOW_MAX);
	memory->fd = memfd_create("guest RAM", MFD_CLOEXEC);
	if (memory->fd < 0 || ftruncate(memory->fd, (off_t)bytes) < 0)
		return -errno;
	base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, memory->fd, 0);
	if (base == MAP_FAILED)
		return -errno;
	memory->base = base;
	return 0;
}

/* Takes halves. */
void
vmm_memory_destroy(struct vmm_memory *memory)
{
	if (memory->base != NULL)
		munmap(memory->base, memory->bytes);
	if (memory->fd >= 0)
		close(memory->fd);
	*memory = (struct vmm_memory) { .fd = -1 };
}

void
vmm_memory_clear(struct vmm_memory *memory)
{
	if (fallocate(memory->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
			(off_t)memory->bytes) < 0)
		memset(memory->base, 0, memory->bytes);
}

/* Where a guest address lies in the file; UINT64_MAX: nowhere. */
static uint64_t
file_offset(const struct vmm_memory *memory, uint64_t gpa, uint64_t bytes)
{
	if (range_ok(gpa, bytes, memory->low_bytes))
		return gpa;
	if (gpa >= VMM_HIGH_BASE && range_ok(gpa - VMM_HIGH_BASE, bytes,
			memory->bytes - memory->low_bytes))
		return gpa - VMM_HIGH_BASE + memory->low_bytes;
	return UINT64_MAX;
}

uint8_t *
vmm_memory_at(const struct vmm_memory *memory, uint64_t gpa, uint64_t bytes)
{
	uint64_t offset = file_offset(memory, gpa, bytes);

	return offset == UINT64_MAX ? NULL : memory->base + offset;
}

static uint64_t
page_offset(const struct vmm_memory *memory, uint64_t page)
{
	return page > UINT64_MAX >> HV_PAGE_SHIFT ? UINT64_MAX :
		file_offset(memory, page << HV_PAGE_SHIFT, HV_PAGE_BYTES);
}

/* How many of the pages from the first on lie one after the other. */
static uint32_t
run_length(const struct vmm_memory *memory, const uint64_t *pages, uint32_t count)
{
	uint64_t first = page_offset(memory, pages[0]);
	uint32_t n = 1;

	while (n < count && page_offset(memory, pages[n]) == first + (uint64_t)n * HV_PAGE_BYTES)
		n++;
	return n;
}

int
vmm_memory_map(const struct vmm_memory *memory, const uint64_t *pages, uint32_t count,
	uint8_t **base)
{
	uint64_t bytes = (uint64_t)count * HV_PAGE_BYTES;
	uint8_t *at;
	uint32_t run;

	*base = NULL;
	for (uint32_t i = 0; i < count; i++) {
		if (page_offset(memory, pages[i]) == UINT64_MAX)
			return -EFAULT;
	}
	at = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (at == MAP_FAILED)
		return -errno;
	for (uint32_t i = 0; i < count; i += run) {
		run = run_length(memory, pages + i, count - i);
		if (mmap(at + (uint64_t)i * HV_PAGE_BYTES, (uint64_t)run * HV_PAGE_BYTES,
				PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, memory->fd,
				(off_t)page_offset(memory, pages[i])) == MAP_FAILED) {
			int ret = -errno;

			munmap(at, bytes);
			return ret;
		}
	}
	*base = at;
	return 0;
}

void
vmm_memory_unmap(uint8_t *base, uint32_t count)
{
	munmap(base, (uint64_t)count * HV_PAGE_BYTES);
}
