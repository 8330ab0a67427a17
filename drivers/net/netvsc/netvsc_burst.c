/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * START READING HERE: where a packet's story starts.
 *
 *   rx_burst: gate -> frames left in the backlog? -> netvsc_rx.c copies them
 *             else lock, netvsc_poll.c drains the ring into the backlog and
 *             writes the acknowledgements that earlier bursts left, unlock,
 *             deliver, signal the host if it asked for it
 *   tx_burst: gate -> netvsc_tx.c locks, takes back completed messages, writes the
 *             frames into messages and those to the ring (runs of common frames:
 *             netvsc_quick.h), publishes, drains if low, unlocks
 *
 * The budget is per burst: at most one lock pair and two full fences (one for
 * each ring that was published). An idle poll costs a load of the host's index.
 */

#include "netvsc_burst.h"

#include <rte_branch_prediction.h>

#include "netvsc_channel.h"
#include "netvsc_lease.h"
#include "netvsc_poll.h"
#include "netvsc_reap.h"
#include "netvsc_rx.h"
#include "netvsc_tx.h"

/* Is there anything that only the lock's holder can do? */
static inline bool
channel_wants_poll(const struct netvsc_channel *channel)
{
	const struct netvsc_backlog *backlog = &channel->backlog;

	return vmbus_rx_ring_pending(&channel->vmbus->rx) ||
		__atomic_load_n(&backlog->acked, __ATOMIC_RELAXED) != backlog->transfer_tail ||
		(__atomic_load_n(&channel->owed_or_lends, __ATOMIC_RELAXED) != 0 &&
		 (__atomic_load_n(&channel->owed_count, __ATOMIC_RELAXED) != 0 ||
		  netvsc_lease_owed(channel)));
}

/* Is there nothing at all to do? What was acknowledged had been delivered, so two
 * counts tell that of the backlog. Every other queue is looked after too. One that
 * lends is never idle: frames may be given back at any time. */
static inline bool
channel_idle(const struct netvsc_channel *channel)
{
	const struct netvsc_backlog *backlog = &channel->backlog;
	const struct netvsc_device *dev = channel->dev;

	return !vmbus_rx_ring_pending(&channel->vmbus->rx) &&
		__atomic_load_n(&backlog->acked, __ATOMIC_RELAXED) ==
			__atomic_load_n(&backlog->transfer_head, __ATOMIC_RELAXED) &&
		__atomic_load_n(&channel->owed_or_lends, __ATOMIC_RELAXED) == 0 &&
		__atomic_load_n(&dev->attended, __ATOMIC_RELAXED) == dev->open_mask;
}

/* Drains the channel unless another thread is doing so. */
static inline void
rx_poll(struct netvsc_channel *channel, unsigned int budget)
{
	struct vmbus_channel *vmbus = channel->vmbus;
	bool signal = false;

	if (!rte_spinlock_trylock(&vmbus->lock))
		return;
	netvsc_poll(channel, budget, &signal);
	netvsc_poll_unlock(channel);
	if (unlikely(signal))
		vmbus_channel_signal(vmbus);
}

/* Ranges waiting in the backlog. */
static inline uint32_t
rx_waiting(struct netvsc_backlog *backlog)
{
	uint32_t head = __atomic_load_n(&backlog->transfer_head, __ATOMIC_ACQUIRE);

	if (head == backlog->transfer_seen)
		return backlog->range_seen - backlog->range_tail;
	backlog->transfer_seen = head;
	backlog->range_seen = backlog->transfers[(head - 1) & backlog->mask].range_end;
	return backlog->range_seen - backlog->range_tail;
}

static inline void
rx_look(struct netvsc_channel *channel, unsigned int budget)
{
	struct netvsc_device *dev = channel->dev;

	/* One channel a burst, which is one lock pair: if frames that nobody takes
	 * keep the sections, this queue's ring stays empty, and they get their turn. */
	if (channel_wants_poll(channel)) {
		rx_poll(channel, budget);
		rx_waiting(&channel->backlog);
	} else if (unlikely(__atomic_load_n(&dev->attended, __ATOMIC_RELAXED) != dev->open_mask)) {
		netvsc_poll_unattended(dev);
	}
}

static inline uint16_t
rx_take(struct netvsc_rxq *rxq, struct rte_mbuf **pkts, uint16_t nb_pkts)
{
	const struct netvsc_backlog *backlog = &rxq->channel->backlog;
	const uint32_t before = backlog->range_tail;
	uint16_t received;

	if (backlog->range_seen == before)
		return 0;
	received = netvsc_rx_deliver(rxq, pkts, nb_pkts);
	/* It stops where the backlog's array ends. */
	if (unlikely((backlog->range_tail & backlog->mask) == 0) && backlog->range_tail != before &&
	    received < nb_pkts && backlog->range_seen != backlog->range_tail)
		received = (uint16_t)(received +
			netvsc_rx_deliver(rxq, pkts + received, (uint16_t)(nb_pkts - received)));
	return received;
}

/* Somebody polls the queue, so what it may hold is not bounded by its share. */
static inline void
rx_polled(struct netvsc_backlog *backlog)
{
	if (unlikely(__atomic_load_n(&backlog->idle_tail, __ATOMIC_RELAXED) == backlog->range_tail))
		__atomic_store_n(&backlog->idle_tail, backlog->range_tail - 1, __ATOMIC_RELAXED);
}

/* Not inline: an idle poll saves no register. */
static __attribute__((noinline)) uint16_t
rx_work(struct netvsc_rxq *rxq, struct rte_mbuf **pkts, uint16_t nb_pkts)
{
	struct netvsc_channel *channel = rxq->channel;
	const unsigned int budget = 4u * nb_pkts + 64u;
	bool looks;
	uint16_t received;

	rx_polled(&channel->backlog);
	looks = rx_waiting(&channel->backlog) < nb_pkts;
	if (looks)
		rx_look(channel, budget);
	received = rx_take(rxq, pkts, nb_pkts);
	/* Without mbufs: some may be in messages whose completions are in the ring. */
	if (unlikely(received == 0 && !looks))
		rx_look(channel, budget);
	netvsc_gate_leave(&rxq->gate);
	return received;
}

uint16_t
netvsc_rx_burst(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts)
{
	struct netvsc_rxq *rxq = queue;
	struct netvsc_channel *channel = rxq->channel;

	if (unlikely(!netvsc_gate_enter(&rxq->gate)))
		return 0;
	if (likely(!vmbus_gone(channel->dev->vmbus)) && !channel_idle(channel))
		return rx_work(rxq, pkts, nb_pkts);
	netvsc_gate_leave(&rxq->gate);
	return 0;
}

uint16_t
netvsc_tx_burst(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts)
{
	struct netvsc_txq *txq = queue;
	uint16_t sent = 0;

	if (unlikely(!netvsc_gate_enter(&txq->gate)))
		return 0;
	if (likely(!netvsc_channel_dead(txq->channel) && !vmbus_gone(txq->channel->dev->vmbus)))
		sent = netvsc_tx_submit(txq, pkts, nb_pkts);
	netvsc_gate_leave(&txq->gate);
	return sent;
}
