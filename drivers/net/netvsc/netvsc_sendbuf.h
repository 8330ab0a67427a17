/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NETVSC_SENDBUF_H
#define NETVSC_SENDBUF_H

/*
 * Sections of the send buffer. A port has one pool; each transmit queue keeps a
 * small stack of its own and goes to the pool for a whole chunk only when that
 * is empty or full, so that the usual acquire and release touch nothing shared.
 */

#include <stdint.h>

#include <rte_spinlock.h>

#define NETVSC_SENDBUF_CHUNK 32u

struct netvsc_sendbuf {
	uint8_t *base;
	uint32_t section_bytes;
	uint32_t count;             /* sections; 0 = there is no send buffer */
	rte_spinlock_t lock;
	uint32_t free_count;        /* under the lock */
	uint32_t *free;
};

struct netvsc_sendbuf_cache {
	uint32_t count;
	uint32_t section[2 * NETVSC_SENDBUF_CHUNK];
};

#define NETVSC_SECTION_EMPTY UINT32_MAX

/* Returns 0 or -ENOMEM. destroy() takes what create() half made. */
int netvsc_sendbuf_create(struct netvsc_sendbuf *buf, uint8_t *base, uint64_t bytes,
	uint32_t section_bytes);
void netvsc_sendbuf_destroy(struct netvsc_sendbuf *buf);

/* Move a chunk between the pool and a queue's stack. */
void netvsc_sendbuf_refill(struct netvsc_sendbuf *buf, struct netvsc_sendbuf_cache *cache);
void netvsc_sendbuf_spill(struct netvsc_sendbuf *buf, struct netvsc_sendbuf_cache *cache,
	uint32_t keep);

/* A section, or NETVSC_SECTION_EMPTY if none is left. */
static inline uint32_t
netvsc_sendbuf_acquire(struct netvsc_sendbuf *buf, struct netvsc_sendbuf_cache *cache)
{
	if (__builtin_expect(cache->count == 0, 0)) {
		netvsc_sendbuf_refill(buf, cache);
		if (cache->count == 0)
			return NETVSC_SECTION_EMPTY;
	}
	return cache->section[--cache->count];
}

static inline void
netvsc_sendbuf_release(struct netvsc_sendbuf *buf, struct netvsc_sendbuf_cache *cache,
	uint32_t section)
{
	if (__builtin_expect(cache->count == 2 * NETVSC_SENDBUF_CHUNK, 0))
		netvsc_sendbuf_spill(buf, cache, NETVSC_SENDBUF_CHUNK);
	cache->section[cache->count++] = section;
}

#endif /* NETVSC_SENDBUF_H */
