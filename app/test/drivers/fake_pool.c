/* SPDX-License-Identifier: BSD-3-Clause */

/* An mbuf pool without EAL; see fake_pool.h. */

#include "fake_pool.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define STALE 0xa5

static int
pool_alloc(struct rte_mempool *mp)
{
	(void)mp;
	return 0;
}

static void
pool_free(struct rte_mempool *mp)
{
	(void)mp;
}

/* What the last owner may have left behind. */
static void
mbuf_stale(struct rte_mbuf *m)
{
	memset(m->buf_addr, STALE, m->buf_len);
	m->ol_flags = RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_LRO | RTE_MBUF_F_RX_RSS_HASH |
		RTE_MBUF_F_TX_TCP_SEG;
	m->data_off = 3;
	m->port = 77;
	m->packet_type = UINT32_MAX;
	m->pkt_len = m->data_len = 999;
	m->vlan_tci = 999;
	m->tx_offload = UINT64_MAX;
}

static int
pool_enqueue(struct rte_mempool *mp, void *const *objects, unsigned int n)
{
	struct fake_pool *pool = mp->pool_data;

	for (unsigned int i = 0; i < n; i++) {
		struct rte_mbuf *m = objects[i];

		/* Put back twice, or as part of a chain. */
		assert_true(pool->free_count < pool->count);
		for (uint32_t k = 0; k < pool->free_count; k++)
			assert_ptr_not_equal(pool->free[k], m);
		assert_int_equal(rte_mbuf_refcnt_read(m), 1);
		assert_null(m->next);
		assert_int_equal(m->nb_segs, 1);
		mbuf_stale(m);
		pool->free[pool->free_count++] = m;
	}
	return 0;
}

static int
pool_dequeue(struct rte_mempool *mp, void **objects, unsigned int n)
{
	struct fake_pool *pool = mp->pool_data;

	if (pool->gets_left == 0 || pool->free_count < pool->keep + n)
		return -ENOBUFS;
	pool->gets_left--;
	for (unsigned int i = 0; i < n; i++)
		objects[i] = pool->free[--pool->free_count];
	return 0;
}

static unsigned int
pool_count(const struct rte_mempool *mp)
{
	const struct fake_pool *pool = mp->pool_data;

	return pool->free_count;
}

static const struct rte_mempool_ops pool_ops = {
	.name = "fake", .alloc = pool_alloc, .free = pool_free, .enqueue = pool_enqueue,
	.dequeue = pool_dequeue, .get_count = pool_count,
};

void
fake_pool_create(struct fake_pool *pool, uint32_t count, uint16_t data_room)
{
	static int ops_index = -1;
	const size_t bytes = 64 + sizeof(struct rte_mbuf) +
		RTE_PKTMBUF_HEADROOM + (size_t)RTE_ALIGN_CEIL(data_room, 128);
	struct rte_pktmbuf_pool_private *priv;

	if (ops_index < 0)
		ops_index = rte_mempool_register_ops(&pool_ops);
	assert_true(ops_index >= 0);
	*pool = (struct fake_pool) { .count = count, .gets_left = UINT64_MAX };
	pool->mp = aligned_alloc(64, sizeof(*pool->mp) + 4096);
	pool->free = malloc(count * sizeof(*pool->free));
	pool->memory = aligned_alloc(128, RTE_ALIGN_CEIL(bytes, 128) * count);
	assert_true(pool->mp != NULL && pool->free != NULL && pool->memory != NULL);
	memset(pool->mp, 0, sizeof(*pool->mp) + 4096);
	pool->mp->ops_index = ops_index;
	pool->mp->pool_data = pool;
	pool->mp->size = count;
	pool->mp->private_data_size = sizeof(*priv);
	priv = rte_mempool_get_priv(pool->mp);
	priv->mbuf_data_room_size = (uint16_t)(data_room + RTE_PKTMBUF_HEADROOM);
	for (uint32_t i = 0; i < count; i++) {
		struct rte_mbuf *m = (void *)(pool->memory + i * RTE_ALIGN_CEIL(bytes, 128) + 64);
		struct rte_mempool_objhdr *header = (void *)((uint8_t *)m - sizeof(*header));

		header->mp = pool->mp;
		header->iova = (uintptr_t)m;
		memset(m, 0, sizeof(*m));
		m->buf_addr = m + 1;
		rte_mbuf_iova_set(m, (uintptr_t)m->buf_addr);
		m->buf_len = (uint16_t)(data_room + RTE_PKTMBUF_HEADROOM);
		m->pool = pool->mp;
		m->next = NULL;
		m->nb_segs = 1;
		rte_mbuf_refcnt_set(m, 1);
		mbuf_stale(m);
		pool->free[pool->free_count++] = m;
	}
}

void
fake_pool_destroy(struct fake_pool *pool)
{
	assert_int_equal(fake_pool_out(pool), 0);
	free(pool->mp);
	free(pool->free);
	free(pool->memory);
}
