/* SPDX-License-Identifier: BSD-3-Clause */

/* The life of a channel's state; see netvsc_channel.h. */

#include "netvsc_channel.h"

#include <errno.h>
#include <string.h>

#include <rte_malloc.h>

#include "netvsc_event.h"

static struct netvsc_channel *
channel_create(struct netvsc_device *dev, unsigned int index)
{
	struct netvsc_channel *channel = rte_zmalloc_socket("netvsc_channel", sizeof(*channel),
		RTE_CACHE_LINE_SIZE, dev->socket);

	if (channel == NULL)
		return NULL;
	channel->owed = rte_zmalloc_socket("netvsc_owed", NETVSC_OWED_MAX * sizeof(*channel->owed),
		RTE_CACHE_LINE_SIZE, dev->socket);
	if (channel->owed == NULL) {
		rte_free(channel);
		return NULL;
	}
	channel->dev = dev;
	channel->index = (uint16_t)index;
	return channel;
}

static void
backlog_reset(struct netvsc_backlog *backlog)
{
	backlog->range_head = 0;
	backlog->transfer_head = 0;
	backlog->acked = 0;
	backlog->range_tail = 0;
	backlog->transfer_tail = 0;
	backlog->transfer_seen = 0;
	backlog->range_seen = 0;
	backlog->idle_tail = 0;
	backlog->idle_ticks = 0;
}

int
netvsc_channel_open(struct netvsc_device *dev, unsigned int index)
{
	struct vmbus_channel *vmbus = dev->vmbus->channel[index];

	if (vmbus == NULL)
		return -ENODEV;
	if (dev->channel[index] == NULL)
		dev->channel[index] = channel_create(dev, index);
	if (dev->channel[index] == NULL)
		return -ENOMEM;
	netvsc_channel_close(dev, index);
	dev->channel[index]->epoch = dev->epoch;
	dev->channel[index]->vmbus = vmbus;
	return 0;
}

static void
backlog_destroy(struct netvsc_backlog *backlog)
{
	rte_free(backlog->ranges);
	rte_free(backlog->transfers);
	backlog->ranges = NULL;
	backlog->transfers = NULL;
	backlog->mask = 0;
}

int
netvsc_channel_fit(struct netvsc_device *dev, unsigned int index)
{
	struct netvsc_backlog *backlog = &dev->channel[index]->backlog;
	uint32_t slots = rte_align32pow2(dev->host.section_count);

	if (backlog->ranges != NULL && backlog->mask + 1 == slots)
		return 0;
	backlog_destroy(backlog);
	backlog_reset(backlog);
	backlog->transfers = rte_zmalloc_socket("netvsc_backlog",
		slots * sizeof(*backlog->transfers), RTE_CACHE_LINE_SIZE, dev->socket);
	if (backlog->transfers == NULL)
		return -ENOMEM;
	backlog->ranges = rte_zmalloc_socket("netvsc_backlog",
		(slots + NETVSC_RX_PREFETCH) * sizeof(*backlog->ranges), RTE_CACHE_LINE_SIZE,
		dev->socket);
	if (backlog->ranges == NULL) {
		backlog_destroy(backlog);
		return -ENOMEM;
	}
	/* EAL knows that its memory is zeroed and does not touch it: without huge
	 * pages the first lap through the slots would be page faults. */
	memset(backlog->transfers, 0, slots * sizeof(*backlog->transfers));
	memset(backlog->ranges, 0, (slots + NETVSC_RX_PREFETCH) * sizeof(*backlog->ranges));
	backlog->mask = slots - 1;
	return 0;
}

void
netvsc_channel_close(struct netvsc_device *dev, unsigned int index)
{
	struct netvsc_channel *channel = dev->channel[index];

	if (channel == NULL)
		return;
	channel->vmbus = NULL;
	__atomic_store_n(&channel->dead, false, __ATOMIC_RELAXED);
	channel->owed_count = 0;
	/* Frames that came since the queues were drained are nobody's. */
	channel->discarded += channel->backlog.range_head - channel->backlog.range_tail;
	backlog_reset(&channel->backlog);
}

/* ---- beyond repair ---- */

/* True the first time, if it is the ring's own fault: it goes with a device that
 * the host takes away, and what is there then makes no sense. */
static bool
channel_kill(struct netvsc_channel *channel)
{
	if (netvsc_channel_dead(channel))
		return false;
	__atomic_store_n(&channel->dead, true, __ATOMIC_RELAXED);
	if (netvsc_event_gone(channel->dev))
		return false;
	channel->ring_errors++;
	netvsc_event_broken(channel->dev);
	return true;
}

void
netvsc_channel_kill_rx(struct netvsc_channel *channel)
{
	if (channel_kill(channel))
		NETVSC_LOG(ERR, rx, "%s: channel %u: its receive ring makes no sense: the channel is"
			" dead until the port is reset", channel->dev->name, channel->index);
}

void
netvsc_channel_kill_tx(struct netvsc_channel *channel)
{
	if (channel_kill(channel))
		NETVSC_LOG(ERR, tx, "%s: channel %u: the host's index in the transmit ring is none:"
			" the channel is dead until the port is reset", channel->dev->name,
			channel->index);
}

bool
netvsc_channels_broken(const struct netvsc_device *dev)
{
	for (unsigned int i = 0; i < dev->channel_count; i++)
		if (netvsc_channel_dead(dev->channel[i]))
			return true;
	return false;
}

void
netvsc_channel_destroy(struct netvsc_device *dev, unsigned int index)
{
	struct netvsc_channel *channel = dev->channel[index];

	if (channel == NULL)
		return;
	dev->channel[index] = NULL;
	backlog_destroy(&channel->backlog);
	rte_free(channel->owed);
	rte_free(channel);
}
