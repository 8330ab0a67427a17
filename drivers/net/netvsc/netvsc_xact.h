/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NETVSC_XACT_H
#define NETVSC_XACT_H

/*
 * Control requests: one at a time per device, under a mutex that processes and
 * threads share. The reply comes through the main channel: as a completion (of
 * an NVSP message) or as an RNDIS message (of an RNDIS request); whoever drains
 * the channel hands it over, whoever waits drains it himself meanwhile. A reply
 * that nobody waits for - late, duplicate, foreign - is counted and dropped.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* The longest reply of interest: a query's answer of 4 KiB. */
#define NETVSC_REPLY_BYTES 4224u
/* How long a host may take: Azure was seen to take 15 s. */
#define NETVSC_REPLY_WAIT_MS 60000u

enum netvsc_reply_kind {
	NETVSC_REPLY_NONE,          /* nobody waits */
	NETVSC_REPLY_NVSP,          /* a completion with this transaction id */
	NETVSC_REPLY_RNDIS,         /* an RNDIS completion with this request id */
};

struct netvsc_xact {
	pthread_mutex_t mutex;      /* process-shared, robust */
	uint32_t kind;              /* enum netvsc_reply_kind; what is awaited */
	uint32_t done;              /* set with release when the reply is complete */
	uint64_t transaction_id;    /* awaited */
	uint32_t request_id;        /* awaited, RNDIS */
	uint32_t next_request_id;
	uint16_t generation;        /* of control transaction ids */
	uint32_t reply_bytes;
	uint8_t reply[NETVSC_REPLY_BYTES];
	uint64_t late, timeouts;    /* counters */
};

struct netvsc_channel;
struct netvsc_device;

/* Called by netvsc_poll.c with the main channel's lock held: never blocks. The
 * bytes are the caller's copy. */
void netvsc_xact_completion(struct netvsc_device *dev, uint64_t transaction_id,
	const void *payload, uint32_t bytes);
void netvsc_xact_rndis(struct netvsc_device *dev, const void *message, uint32_t bytes);
void netvsc_xact_inband(struct netvsc_device *dev, const void *payload, uint32_t bytes,
	uint64_t transaction_id);

#endif /* NETVSC_XACT_H */
