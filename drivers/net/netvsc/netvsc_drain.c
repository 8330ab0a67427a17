/* SPDX-License-Identifier: BSD-3-Clause */

/* The end of traffic; see netvsc_drain.h. */

#include "netvsc_drain.h"

#include <errno.h>
#include <time.h>

#include "netvsc_channel.h"
#include "netvsc_lease.h"
#include "netvsc_poll.h"
#include "netvsc_reap.h"

/* How long stop waits for messages that the host has not completed. */
#define DRAIN_WAIT_MS 1000u

/* Takes everything in the backlog as delivered, unseen. */
static void
backlog_discard(struct netvsc_channel *channel)
{
	struct netvsc_backlog *backlog = &channel->backlog;

	if (channel->lender != NULL)
		netvsc_lease_skip(channel);
	channel->discarded += backlog->range_head - backlog->range_tail;
	backlog->range_tail = backlog->range_head;
	backlog->range_seen = backlog->range_head;
	backlog->transfer_seen = backlog->transfer_head;
	__atomic_store_n(&backlog->transfer_tail, backlog->transfer_head, __ATOMIC_RELEASE);
}

/* One look at a channel, with the gates of its queues closed that the flags
 * name. True if there may be more, or a message of ours is still under way. */
static bool
channel_drain(struct netvsc_channel *channel, bool rx_closed, struct netvsc_txq *txq)
{
	bool signal = false;

	/* The host may read a dead one's messages for as long as it is open. */
	if (channel->vmbus == NULL || netvsc_channel_dead(channel))
		return txq != NULL && txq->free_count < channel->tx_slots.count;
	rte_spinlock_lock(&channel->vmbus->lock);
	netvsc_poll(channel, NETVSC_POLL_CONTROL_BUDGET, &signal);
	if (rx_closed) {
		backlog_discard(channel);
		netvsc_poll(channel, 0, &signal);       /* the acknowledgements */
	}
	rte_spinlock_unlock(&channel->vmbus->lock);
	if (signal)
		vmbus_channel_signal(channel->vmbus);
	if (txq != NULL)
		netvsc_reap_all(txq, UINT32_MAX);
	return (!vmbus_gone(channel->dev->vmbus) && vmbus_rx_ring_pending(&channel->vmbus->rx)) ||
		(txq != NULL && txq->free_count < channel->tx_slots.count);
}

static bool
channels_drain(struct rte_eth_dev *eth)
{
	struct netvsc_device *dev = eth->data->dev_private;
	bool busy = false;

	for (unsigned int i = 0; i < dev->channel_count; i++)
		busy |= channel_drain(dev->channel[i], true, i < eth->data->nb_tx_queues ?
			eth->data->tx_queues[i] : NULL);
	return busy;
}

bool
netvsc_queues_drain(struct rte_eth_dev *eth)
{
	const struct netvsc_device *dev = eth->data->dev_private;
	const struct timespec pause = { .tv_nsec = 1000000 };

	/* Their rest is given back unseen; pieces that are lent go back with it. */
	for (uint16_t i = 0; i < eth->data->nb_rx_queues; i++)
		if (eth->data->rx_queues[i] != NULL)
			netvsc_rx_run_drop(eth->data->rx_queues[i], true);
	for (unsigned int ms = 0; ms < DRAIN_WAIT_MS; ms++) {
		if (dev->vmbus == NULL || vmbus_gone(dev->vmbus) || !channels_drain(eth))
			return false;
		nanosleep(&pause, NULL);
	}
	return true;
}

void
netvsc_drain_rx(struct netvsc_channel *channel)
{
	channel_drain(channel, true, NULL);
}

int
netvsc_drain_tx(struct netvsc_txq *txq)
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	const struct netvsc_device *dev = txq->channel->dev;

	for (unsigned int ms = 0; ms < DRAIN_WAIT_MS; ms++) {
		if (dev->vmbus == NULL || vmbus_gone(dev->vmbus))
			return 0;
		channel_drain(txq->channel, false, txq);
		if (txq->free_count == txq->channel->tx_slots.count)
			return 0;
		if (netvsc_channel_dead(txq->channel))
			return -EIO;    /* a setup must not free what the host may read */
		nanosleep(&pause, NULL);
	}
	return -ETIMEDOUT;
}
