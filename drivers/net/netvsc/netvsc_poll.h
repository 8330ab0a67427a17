/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NETVSC_POLL_H
#define NETVSC_POLL_H

/* Draining a channel. */

#include "netvsc.h"

/*
 * Takes at most `budget` packets from the channel's ring: completions go to the
 * transmit queue's list of done slots, transfers to the backlog, control
 * messages to netvsc_xact.c. Then writes the acknowledgements that are owed, as
 * far as there is room. Call it with the channel's lock held. Returns how many
 * packets were taken; sets *signal if the host must be signalled after the
 * lock is released. A ring beyond repair makes the channel dead.
 */
unsigned int netvsc_poll(struct netvsc_channel *channel, unsigned int budget, bool *signal);

/* Looks at one of the channels that no started queue receives from, if nobody
 * else is just doing so. For bursts of other queues: needs no lock, never waits. */
void netvsc_poll_unattended(struct netvsc_device *dev);

/* The same for whoever waits for a reply: locks, drains, unlocks, signals. */
void netvsc_poll_control(struct netvsc_device *dev);

/* Takes what all channels still hold, bounded, before the link is closed: what
 * nobody receives any more is counted. The host sends no more frames. */
void netvsc_poll_rest(struct netvsc_device *dev);

#endif /* NETVSC_POLL_H */
