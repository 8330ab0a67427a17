/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory that the guest's kernel hands out: rings, buffers, VM-wide pages. A
 * memfd each, so that a full tmpfs can kill nobody; pages appear when they are
 * touched.
 */

#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../core/log.h"
#include "internal.h"

int
shm_create(struct shm *shm, const char *name, uint64_t bytes)
{
	void *base;
	int ret;

	shm->base = NULL;
	shm->bytes = bytes;
	shm->fd = memfd_create(name, MFD_CLOEXEC);
	if (shm->fd < 0)
		return -errno;
	if (ftruncate(shm->fd, (off_t)bytes) == 0) {
		base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE,
			shm->fd, 0);
		if (base != MAP_FAILED) {
			shm->base = base;
			return 0;
		}
	}
	ret = -errno;
	shm_destroy(shm);
	return ret;
}

void
shm_unmap(struct shm *shm)
{
	if (shm->base != NULL)
		munmap(shm->base, shm->bytes);
	shm->base = NULL;
}

void
shm_destroy(struct shm *shm)
{
	shm_unmap(shm);
	if (shm->bytes != 0 && shm->fd >= 0)    /* a zeroed one has no descriptor */
		close(shm->fd);
	shm->fd = -1;
	shm->bytes = 0;
}

void
shm_revoke(struct shm *shm)
{
	shm_unmap(shm);
	/* Whoever still touches it gets SIGBUS. */
	if (shm->bytes != 0 && shm->fd >= 0 && ftruncate(shm->fd, 0) < 0)
		log_warning("memory of %llu bytes could not be revoked",
			(unsigned long long)shm->bytes);
}
