/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory that the test guest lets the host read by page number: shared, as a
 * hugepage pool is, or plain malloc'ed, as any program's is. Both start on a
 * page boundary.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tg.h"

static int
create_shared(struct tg_memory *memory)
{
	int fd = memfd_create("test guest", MFD_CLOEXEC), err = 0;
	void *base;

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)memory->bytes) < 0) {
		err = -errno;
		close(fd);
		return err;
	}
	base = mmap(NULL, memory->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (base == MAP_FAILED)
		err = -errno;
	else
		memory->base = base;
	close(fd);
	return err;
}

static int
create_anonymous(struct tg_memory *memory)
{
	uintptr_t start;

	memory->raw = malloc(memory->bytes + HV_PAGE_BYTES);
	if (memory->raw == NULL)
		return -ENOMEM;
	start = ((uintptr_t)memory->raw + HV_PAGE_BYTES - 1) & ~(uintptr_t)(HV_PAGE_BYTES - 1);
	memory->base = (uint8_t *)start;
	return 0;
}

int
tg_memory_create(struct tg_memory *memory, enum tg_memory_kind kind, uint64_t bytes)
{
	memset(memory, 0, sizeof(*memory));
	memory->kind = kind;
	memory->bytes = bytes;
	return kind == TG_MEMORY_SHARED ? create_shared(memory) : create_anonymous(memory);
}

void
tg_memory_destroy(struct tg_memory *memory)
{
	if (memory->kind == TG_MEMORY_SHARED && memory->base != NULL)
		munmap(memory->base, memory->bytes);
	free(memory->raw);
	memset(memory, 0, sizeof(*memory));
}
