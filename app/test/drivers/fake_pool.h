/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FAKE_POOL_H
#define FAKE_POOL_H

/* An mbuf pool without EAL, which can be made to run dry at any moment and knows
 * at any moment how many of its mbufs are out. */

#include <stdint.h>

#include <rte_mbuf.h>
#include <rte_mempool.h>

struct fake_pool {
	struct rte_mempool *mp;
	uint32_t count;
	uint32_t free_count;
	uint32_t keep;              /* so many are never given out */
	uint64_t gets_left;         /* after so many successful gets all others fail */
	void **free;
	uint8_t *memory;
};

/* `count` mbufs with so many bytes behind the headroom. Their memory is filled
 * with 0xa5, and with it again at every free: what shows up elsewhere leaked. */
void fake_pool_create(struct fake_pool *pool, uint32_t count, uint16_t data_room);
/* Fails the test if an mbuf is missing. */
void fake_pool_destroy(struct fake_pool *pool);
static inline uint32_t
fake_pool_out(const struct fake_pool *pool)
{
	return pool->count - pool->free_count;
}

#endif /* FAKE_POOL_H */
