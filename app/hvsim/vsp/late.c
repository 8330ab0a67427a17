/* SPDX-License-Identifier: BSD-3-Clause */

/* Completions that a host with the fault `late` keeps back until others have
 * overtaken them; see late.h. */

#include "late.h"

#include <string.h>

#include "data.h"

#define LATE_MAX 64u

static struct late {
	struct vsp_channel *channel;    /* NULL: free */
	uint64_t transaction_id;
	uint32_t bytes;
	uint8_t payload[NVSP_MSG_BYTES_V61];
} late[LATE_MAX];

unsigned int late_held;

bool
late_hold(struct vsp_channel *channel, uint64_t transaction_id, const void *payload,
	uint32_t bytes)
{
	for (unsigned int i = 0; i < LATE_MAX; i++) {
		if (late[i].channel != NULL || bytes > sizeof(late[i].payload))
			continue;
		late[i] = (struct late){ .channel = channel, .transaction_id = transaction_id,
			.bytes = bytes };
		if (bytes != 0)
			memcpy(late[i].payload, payload, bytes);
		late_held++;
		return true;
	}
	return false;
}

void
late_release(struct vsp_channel *channel, late_call call)
{
	for (unsigned int i = LATE_MAX; i-- > 0;) {
		struct late was = late[i];

		if (was.channel != channel)
			continue;
		late[i].channel = NULL;
		late_held--;
		if (call != NULL)
			call(channel, was.transaction_id, was.payload, was.bytes);
	}
}
