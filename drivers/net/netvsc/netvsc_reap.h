/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NETVSC_REAP_H
#define NETVSC_REAP_H

/*
 * Taking back what the host has completed. The transmit queue does it, and so does
 * whoever drains the channel when mbufs are among it: a queue that nobody sends on
 * any more would keep them, and an application that waits for mbufs to receive into
 * would never send again. So it is done with the channel's lock; the mbufs are freed
 * without it, as freeing one may call the application.
 */

#include "netvsc_tx.h"

#define NETVSC_SPENT_MAX 256u

/* Mbufs that nobody needs any more. */
struct netvsc_spent {
	unsigned int count;
	struct rte_mbuf *mbuf[NETVSC_SPENT_MAX];
};

/* With the lock held: takes slots back, `max` of them with mbufs at most; those are
 * appended, for which there must be room. */
void netvsc_reap_done(struct netvsc_txq *txq, uint32_t head, struct netvsc_spent *spent,
	unsigned int max);

static inline void
netvsc_reap(struct netvsc_txq *txq, struct netvsc_spent *spent, unsigned int max)
{
	/* Partner: the drainer's release store. */
	uint32_t head = __atomic_load_n(&txq->channel->tx_slots.done_head, __ATOMIC_ACQUIRE);

	if (unlikely(head != txq->done_tail))
		netvsc_reap_done(txq, head, spent, max);
}

/* Without the lock. */
void netvsc_spent_free(struct netvsc_spent *spent);

/* All that is done, with the lock not held; returns how many mbufs were freed, `max`
 * at most. */
unsigned int netvsc_reap_all(struct netvsc_txq *txq, unsigned int max);

/* netvsc_poll_unlock() with mbufs to free. */
void netvsc_reap_unlock(struct netvsc_channel *channel);

/* After netvsc_poll() on behalf of no transmit queue: gives the lock back, and frees
 * what the host is done with. */
static inline void
netvsc_poll_unlock(struct netvsc_channel *channel)
{
	if (unlikely(channel->tx_slots.done_mbufs))
		netvsc_reap_unlock(channel);
	else
		rte_spinlock_unlock(&channel->vmbus->lock);
}

#endif /* NETVSC_REAP_H */
