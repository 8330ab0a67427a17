/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NETVSC_DRAIN_H
#define NETVSC_DRAIN_H

/* Emptying queues whose gates are closed; netvsc_queues_drain() of netvsc_queue.h
 * does it for all of them. Control only. */

#include "netvsc_queue.h"

/* Gives back unseen what the channel received, as far as it came. */
void netvsc_drain_rx(struct netvsc_channel *channel);
/* Waits, bounded, until the host is done with the queue's messages; its channel's
 * receive queue may be at work. Returns 0, -ETIMEDOUT, or -EIO if the ring is dead
 * with messages that the host may still read. */
int netvsc_drain_tx(struct netvsc_txq *txq);

#endif /* NETVSC_DRAIN_H */
