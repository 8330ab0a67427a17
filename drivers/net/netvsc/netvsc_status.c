/* SPDX-License-Identifier: BSD-3-Clause */

/* Counts and states of queues; see netvsc_status.h. */

#include "netvsc_status.h"

#include <errno.h>

#include "netvsc_poll.h"
#include "netvsc_rx.h"
#include "netvsc_tx.h"

/* Enough to see whether a queue fills up. */
#define STATUS_BUDGET 256u

/* Moves what the ring holds to where it can be counted. */
static void
channel_look(struct netvsc_channel *channel)
{
	struct vmbus_channel *vmbus = channel->vmbus;
	bool signal = false;

	if (vmbus_gone(channel->dev->vmbus) || !vmbus_rx_ring_pending(&vmbus->rx) ||
	    !rte_spinlock_trylock(&vmbus->lock))
		return;
	netvsc_poll(channel, STATUS_BUDGET, &signal);
	rte_spinlock_unlock(&vmbus->lock);
	if (signal)
		vmbus_channel_signal(vmbus);
}

NETVSC_COMPAT_QUEUE_COUNT
netvsc_rx_queue_count(void *queue)
{
	struct netvsc_rxq *rxq = queue;
	const struct netvsc_backlog *backlog = &rxq->channel->backlog;
	uint32_t waiting;

	if (!netvsc_gate_enter(&rxq->gate))
		return 0;
	channel_look(rxq->channel);
	waiting = __atomic_load_n(&backlog->range_head, __ATOMIC_RELAXED) - backlog->range_tail;
	netvsc_gate_leave(&rxq->gate);
	return (NETVSC_COMPAT_QUEUE_COUNT)waiting;
}

int
netvsc_rx_descriptor_status(void *queue, uint16_t offset)
{
	const struct netvsc_rxq *rxq = queue;

	if (offset >= rxq->nb_desc)
		return -EINVAL;
	return offset < netvsc_rx_queue_count(queue) ? RTE_ETH_RX_DESC_DONE :
		RTE_ETH_RX_DESC_AVAIL;
}

int
netvsc_tx_queue_count(void *queue)
{
	struct netvsc_txq *txq = queue;
	uint32_t used;

	if (!netvsc_gate_enter(&txq->gate))
		return 0;
	channel_look(txq->channel);
	netvsc_tx_reap(txq, UINT32_MAX);
	used = txq->nb_desc - txq->free_count;
	netvsc_gate_leave(&txq->gate);
	return (int)used;
}

int
netvsc_tx_descriptor_status(void *queue, uint16_t offset)
{
	const struct netvsc_txq *txq = queue;

	if (offset >= txq->nb_desc)
		return -EINVAL;
	return offset < netvsc_tx_queue_count(queue) ? RTE_ETH_TX_DESC_FULL : RTE_ETH_TX_DESC_DONE;
}

int
netvsc_tx_done_cleanup(void *queue, uint32_t count)
{
	struct netvsc_txq *txq = queue;
	unsigned int freed;

	if (!netvsc_gate_enter(&txq->gate))
		return 0;
	channel_look(txq->channel);
	freed = netvsc_tx_reap(txq, count != 0 ? count : UINT32_MAX);
	netvsc_gate_leave(&txq->gate);
	return (int)freed;
}
