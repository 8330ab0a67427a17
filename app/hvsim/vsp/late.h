/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HVSIM_VSP_LATE_H
#define HVSIM_VSP_LATE_H

/*
 * What a host with the fault `late` or `held` keeps back: completions until others have
 * overtaken them, answers and deeds until their time has come. Few at a time.
 */

#include <stdbool.h>
#include <stdint.h>

#include "../fault/fault.h"

struct vsp_channel;

/* What is done at last; the channel is open. */
typedef void (*late_call)(struct vsp_channel *channel, uint64_t transaction_id,
	const void *payload, uint32_t bytes);

struct late {
	struct vsp_channel *channel;
	late_call call;
	uint64_t transaction_id;
	const void *payload;
	uint32_t bytes;
	struct fault_hold hold;         /* serial 0: until it is overtaken */
};

/* How many there are: in an honest host none, and there is nothing to ask for. */
extern unsigned int late_held;

/* Keeps a copy; false if there is no room: then it is not late. */
bool late_hold(const struct late *late);
/* True if by the verdict, the last that was asked for, it is not done now: never, or late,
 * which is seen to. `hold` may be left out. */
bool late_or_never(const struct late *late, enum fault_verdict verdict);
/* All of a channel that were overtaken, the last one first. */
void late_overtaken(struct vsp_channel *channel);
/* All of a channel whose time has come, the first one first. */
void late_due(struct vsp_channel *channel);
/* When the next is due by the clock alone; UINT64_MAX: none is. */
uint64_t late_next_ns(void);
/* The channel is gone, and with it what is late. */
void late_forget(const struct vsp_channel *channel);

#endif /* HVSIM_VSP_LATE_H */
