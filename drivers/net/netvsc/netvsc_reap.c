/* SPDX-License-Identifier: BSD-3-Clause */

/* Completed messages; see netvsc_reap.h. */

#include "netvsc_reap.h"

#include "netvsc_quick.h"

/* Takes one slot back; returns the mbuf that the host has read, or NULL. */
static inline struct rte_mbuf *
slot_release(struct netvsc_txq *txq, uint16_t id)
{
	struct netvsc_tx_slot *slot = &txq->channel->tx_slots.slot[id];
	struct rte_mbuf *m = slot->mbuf;

	if (unlikely(slot->failed)) {
		txq->counters.host_errors += slot->frames;
		txq->counters.host_error_bytes += slot->bytes;
	}
	if (slot->section != NVSP_SECTION_NONE)
		netvsc_sendbuf_release(txq->sendbuf, &txq->sections, slot->section);
	slot->mbuf = NULL;
	txq->free_slots[txq->free_count++] = id;
	return m;
}

void
netvsc_reap_done(struct netvsc_txq *txq, uint32_t head, struct netvsc_spent *spent,
	unsigned int max)
{
	struct netvsc_tx_slots *slots = &txq->channel->tx_slots;
	const unsigned int end = spent->count + RTE_MIN(max, NETVSC_SPENT_MAX - spent->count);
	unsigned int count = spent->count;
	uint32_t tail = txq->done_tail;

	for (; tail != head && count < end; tail++) {
		struct rte_mbuf *m = slot_release(txq, slots->done[tail & slots->mask]);

		spent->mbuf[count] = m;
		count += m != NULL;
	}
	spent->count = count;
	txq->done_tail = tail;
	slots->done_mbufs = tail != head;
}

/* Mbufs on their way back to one pool, and to nobody else. */
static inline bool
goes_straight(const struct rte_mbuf *m)
{
	return quick_single(m) &&
		(m->ol_flags & (RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL)) == 0;
}

void
netvsc_spent_free(struct netvsc_spent *spent)
{
	unsigned int first = 0, i;

	for (i = 0; i < spent->count; i++) {
		struct rte_mbuf *m = spent->mbuf[i];

		if (likely(goes_straight(m) && m->pool == spent->mbuf[first]->pool))
			continue;
		if (i != first)
			rte_mempool_put_bulk(spent->mbuf[first]->pool,
				(void **)&spent->mbuf[first], i - first);
		first = i;
		if (goes_straight(m))
			continue;
		rte_pktmbuf_free(m);
		first = i + 1;
	}
	if (i != first)
		rte_mempool_put_bulk(spent->mbuf[first]->pool, (void **)&spent->mbuf[first],
			i - first);
	spent->count = 0;
}

unsigned int
netvsc_reap_all(struct netvsc_txq *txq, unsigned int max)
{
	/* NULL when the link was closed: then nobody drains it. */
	struct vmbus_channel *vmbus = txq->channel->vmbus;
	struct netvsc_spent spent;
	unsigned int freed = 0;
	bool more;

	do {
		spent.count = 0;
		if (vmbus != NULL)
			rte_spinlock_lock(&vmbus->lock);
		netvsc_reap(txq, &spent, max - freed);
		more = txq->done_tail != txq->channel->tx_slots.done_head;
		if (vmbus != NULL)
			rte_spinlock_unlock(&vmbus->lock);
		freed += spent.count;
		netvsc_spent_free(&spent);
	} while (more && freed < max);
	return freed;
}

/* A queue of more than NETVSC_SPENT_MAX descriptors may take several rounds, when a
 * host completes all of it at a time. */
void
netvsc_reap_unlock(struct netvsc_channel *channel)
{
	struct netvsc_spent spent;
	bool more;

	do {
		spent.count = 0;
		netvsc_reap(channel->tx_slots.txq, &spent, UINT32_MAX);
		more = channel->tx_slots.done_mbufs;
		rte_spinlock_unlock(&channel->vmbus->lock);
		netvsc_spent_free(&spent);
	} while (more && rte_spinlock_trylock(&channel->vmbus->lock));
}
