/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory that the guest's kernel hands out: rings, buffers, VM-wide pages. A
 * memfd each, so that a full tmpfs can kill nobody; pages appear when they are
 * touched.
 */

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../core/log.h"
#include "internal.h"

/* Where this process has such memory mapped: for the SIGBUS handler. A guest
 * that holds the descriptor of a ring may cut it short at any moment; to seal
 * it against that would also forbid revoking it. */
struct shm_map {
	uint8_t *base;
	uint64_t bytes;
	struct shm_map *next;
};
static struct shm_map *shm_maps;

static int
shm_map_add(uint8_t *base, uint64_t bytes)
{
	struct shm_map *map = malloc(sizeof(*map));

	if (map == NULL)
		return -ENOMEM;
	*map = (struct shm_map){ base, bytes, shm_maps };
	shm_maps = map;
	return 0;
}

static void
shm_map_remove(const uint8_t *base)
{
	for (struct shm_map **link = &shm_maps; *link != NULL; link = &(*link)->next) {
		struct shm_map *map = *link;

		if (map->base != base)
			continue;
		*link = map->next;
		free(map);
		return;
	}
}

bool
shm_fault(const void *addr)
{
	for (const struct shm_map *map = shm_maps; map != NULL; map = map->next) {
		uint64_t offset = (uint64_t)((const uint8_t *)addr - map->base);

		if ((const uint8_t *)addr < map->base || offset >= map->bytes)
			continue;
		/* All of it: what is left of a ring is of no use. */
		return mmap(map->base, map->bytes, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) != MAP_FAILED;
	}
	return false;
}

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
		if (base != MAP_FAILED && shm_map_add(base, bytes) == 0) {
			shm->base = base;
			return 0;
		}
		if (base != MAP_FAILED) {
			munmap(base, bytes);
			errno = ENOMEM;
		}
	}
	ret = -errno;
	shm_destroy(shm);
	return ret;
}

void
shm_unmap(struct shm *shm)
{
	if (shm->base != NULL) {
		shm_map_remove(shm->base);
		munmap(shm->base, shm->bytes);
	}
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

void
shm_end(struct shm *shm)
{
	shm_revoke(shm);
	shm_destroy(shm);
}
