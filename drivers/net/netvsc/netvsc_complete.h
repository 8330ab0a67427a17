/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NETVSC_COMPLETE_H
#define NETVSC_COMPLETE_H

/* The host is done with messages of the transmit queue. With the channel's lock
 * held, as for taking the slots back (netvsc_reap.h). */

#include "netvsc.h"

/* A message was completed: its slot becomes the transmit queue's at the next
 * store to done_head. False if there is no such message under way. */
static inline bool
netvsc_complete_slot(struct netvsc_channel *channel, uint64_t transaction_id, bool success,
	uint32_t done_head)
{
	struct netvsc_tx_slots *slots = &channel->tx_slots;
	uint32_t id = NETVSC_TID_SLOT(transaction_id);

	if (unlikely(NETVSC_TID_EPOCH(transaction_id) != channel->epoch || id >= slots->count ||
	    !netvsc_tx_slot_complete(&slots->slot[id], NETVSC_TID_GENERATION(transaction_id))))
		return false;
	slots->slot[id].failed = !success;
	slots->done_mbufs |= slots->slot[id].mbuf != NULL;
	slots->done[done_head & slots->mask] = (uint16_t)id;
	return true;
}

/* netvsc_complete.c: takes the completions of such messages that lie at the head
 * of the ring one behind the other, at most `budget`; returns how many. What is
 * not quite as expected stays for who looks closer. */
unsigned int netvsc_complete_run(struct netvsc_channel *channel, unsigned int budget);

#endif /* NETVSC_COMPLETE_H */
