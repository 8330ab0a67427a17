/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NETVSC_CHANNEL_H
#define NETVSC_CHANNEL_H

/*
 * The life of struct netvsc_channel. It outlives the VMBus channel that it
 * drives: queues point to it, and a reopen attaches it to another. Under the
 * control lock, with no burst inside the queues' gates.
 */

#include "netvsc.h"

/* Attaches dev->channel[index], made if need be, to the open VMBus channel of
 * that index. Returns 0, -ENODEV if there is none, or -ENOMEM. */
int netvsc_channel_open(struct netvsc_device *dev, unsigned int index);
/* Makes the backlog as large as the receive buffer that the host described. */
int netvsc_channel_fit(struct netvsc_device *dev, unsigned int index);
/* The VMBus channel is about to be unmapped: forgets it and what came from it. */
void netvsc_channel_close(struct netvsc_device *dev, unsigned int index);

/* At the end of the port; takes what open() and fit() half made. */
void netvsc_channel_destroy(struct netvsc_device *dev, unsigned int index);

/*
 * A ring is beyond repair: nobody knows where the next packet starts. The
 * channel moves nothing from now on; the application is told once per port,
 * by RTE_ETH_EVENT_INTR_RESET, until the link has been opened again; of a device
 * that is gone only that is told. Under the channel's lock; never blocks. `dead`
 * is only ever set under that lock.
 */
void netvsc_channel_kill_rx(struct netvsc_channel *channel);
void netvsc_channel_kill_tx(struct netvsc_channel *channel);

static inline bool
netvsc_channel_dead(const struct netvsc_channel *channel)
{
	return __atomic_load_n(&channel->dead, __ATOMIC_RELAXED);
}

/* Whether one of the open channels is dead. */
bool netvsc_channels_broken(const struct netvsc_device *dev);

#endif /* NETVSC_CHANNEL_H */
