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

#define NETVSC_SENDBUF_CACHE_MAX 64u

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
	uint32_t max;               /* 1 to NETVSC_SENDBUF_CACHE_MAX */
	uint32_t section[NETVSC_SENDBUF_CACHE_MAX];
};

#define NETVSC_SECTION_EMPTY UINT32_MAX

/* Returns 0 or -ENOMEM. destroy() takes what create() half made. */
int netvsc_sendbuf_create(struct netvsc_sendbuf *buf, uint8_t *base, uint64_t bytes,
	uint32_t section_bytes);
void netvsc_sendbuf_destroy(struct netvsc_sendbuf *buf);

/* What each of `queues` may have without another one going short: they rest with
 * half the sections in their stacks, and have the other half under way. */
static inline uint32_t
netvsc_sendbuf_share(const struct netvsc_sendbuf *buf, uint32_t queues)
{
	return buf->count / 2 / (queues == 0 ? 1 : queues);
}

/* Sets how many of `queues` stacks may hold: as `wanted`, but all of them together
 * no more than half the sections, or queues that rest would starve the others. */
void netvsc_sendbuf_cache_fit(const struct netvsc_sendbuf *buf, struct netvsc_sendbuf_cache *cache,
	uint32_t wanted, uint32_t queues);
/* Move a chunk, half of what a stack holds, between the pool and the stack. */
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
	if (__builtin_expect(cache->count >= cache->max, 0))
		netvsc_sendbuf_spill(buf, cache, cache->max / 2);
	cache->section[cache->count++] = section;
}

#endif /* NETVSC_SENDBUF_H */
