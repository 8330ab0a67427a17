/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HVSIM_VSP_LATE_H
#define HVSIM_VSP_LATE_H

/* Completions that a host with the fault `late` keeps back; few at a time. */

#include <stdbool.h>
#include <stdint.h>

struct vsp_channel;

typedef void (*late_call)(struct vsp_channel *channel, uint64_t transaction_id,
	const void *payload, uint32_t bytes);

/* How many there are: in an honest host none, and there is nothing to ask for. */
extern unsigned int late_held;

/* Keeps a copy; false if there is no room: then it is not late. */
bool late_hold(struct vsp_channel *channel, uint64_t transaction_id, const void *payload,
	uint32_t bytes);
/* All of a channel, the last one first, to `call`; NULL: they are forgotten. */
void late_release(struct vsp_channel *channel, late_call call);

#endif /* HVSIM_VSP_LATE_H */
