/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * START READING HERE: where a packet's story starts.
 *
 *   rx_burst: gate -> frames left in the backlog? -> netvsc_rx.c copies them
 *             else lock, netvsc_poll.c drains the ring into the backlog and
 *             writes the acknowledgements that earlier bursts left, unlock,
 *             deliver, signal the host if it asked for it
 *   tx_burst: gate -> netvsc_tx.c takes back completed messages, locks, writes the
 *             frames into messages and those to the ring (runs of common frames:
 *             netvsc_quick.h), publishes, drains if low, unlocks
 *
 * The budget is per burst: at most one lock pair and two full fences (one for
 * each ring that was published). An idle poll costs a load of the host's index.
 */

#include "netvsc_burst.h"

#include <rte_branch_prediction.h>

#include "netvsc_channel.h"
#include "netvsc_poll.h"
#include "netvsc_rx.h"
#include "netvsc_tx.h"

/* Is there anything that only the lock's holder can do? */
static inline bool
channel_wants_poll(const struct netvsc_channel *channel)
{
	const struct netvsc_backlog *backlog = &channel->backlog;

	return vmbus_rx_ring_pending(&channel->vmbus->rx) ||
		backlog->acked != backlog->transfer_tail || channel->owed_count != 0;
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
	rte_spinlock_unlock(&vmbus->lock);
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
	uint16_t received = 0, n = NETVSC_RX_BATCH;

	while (backlog->range_seen != backlog->range_tail && received < nb_pkts &&
	       n == NETVSC_RX_BATCH) {
		n = netvsc_rx_deliver(rxq, pkts + received, (uint16_t)(nb_pkts - received));
		received = (uint16_t)(received + n);
	}
	return received;
}

uint16_t
netvsc_rx_burst(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts)
{
	struct netvsc_rxq *rxq = queue;
	struct netvsc_channel *channel = rxq->channel;
	uint16_t received = 0;

	if (unlikely(!netvsc_gate_enter(&rxq->gate)))
		return 0;
	if (likely(!vmbus_gone(channel->dev->vmbus))) {
		if (rx_waiting(&channel->backlog) < nb_pkts)
			rx_look(channel, 4u * nb_pkts + 64u);
		received = rx_take(rxq, pkts, nb_pkts);
	}
	netvsc_gate_leave(&rxq->gate);
	return received;
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
