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

#include <rte_common.h>
#include <rte_spinlock.h>

#include "ndis_wire.h"
#include "nvsp_wire.h"

/* The longest reply of interest: a query's answer of 4 KiB. */
#define NETVSC_REPLY_BYTES 4224u
/* How long a host may take: Azure was seen to take 15 s. */
#define NETVSC_REPLY_WAIT_MS 60000u
#define NETVSC_LEAVE_WAIT_MS 2000u      /* whoever leaves, or was not answered before */

/* RNDIS requests lie in memory that the host reads: one page of the host each.
 * One that timed out stays the host's until it is completed; this many may. */
#define NETVSC_REQUESTS 4u
#define NETVSC_REQUEST_BYTES 4096u

enum netvsc_reply_kind {
	NETVSC_REPLY_NONE,          /* nobody waits */
	NETVSC_REPLY_NVSP,          /* a completion with this transaction id */
	NETVSC_REPLY_RNDIS,         /* an RNDIS completion with this request id */
};

/* What the host has said by itself. Atomic: written by whoever drains. */
struct netvsc_notified {
	uint32_t pending;           /* NETVSC_EVENT_*: netvsc_event.c */
	uint32_t armed;             /* an alarm is on its way */
	uint32_t broken_told;       /* that the port needs a reset: once until it had one */
	uint32_t removed_told;      /* that the device is gone: once until it was opened again */
	uint32_t unwatched_ticks;   /* netvsc_watch.c */
	uint32_t vf_allocated, vf_serial;
	uint32_t data_path;         /* enum nvsp_data_path, as switched by the host */
	uint32_t indirection[NVSP_INDIRECTION_ENTRIES]; /* transmit: hash -> channel */
	uint32_t indirection_count;
	struct ndis_offload offload; /* current configuration, under xact.lock */
	uint64_t status_count, malformed, unknown;      /* counters */
};

struct netvsc_xact {
	pthread_mutex_t mutex;      /* process-shared, robust, recursive */
	uint32_t wait_ms;           /* NETVSC_REPLY_WAIT_MS; tests have less time */
	uint32_t hurried;           /* by how many that have not relaxed yet */
	/* Atomic: bit k: a wait for what enum netvsc_reply_kind k names passed in vain, and
	 * nothing was heard since that it may be waited for again. */
	uint32_t silent;
	uint32_t next_request_id;
	uint16_t generation;        /* of control transaction ids */
	char fault[160];            /* what netvsc_fault() said last */

	/* From here on under the lock; taken inside a channel's lock. */
	rte_spinlock_t lock;
	uint32_t kind;              /* enum netvsc_reply_kind; what is awaited */
	uint32_t done;              /* set with release when the reply is complete */
	uint64_t transaction_id;    /* awaited */
	uint32_t request_id;        /* awaited, RNDIS */
	uint32_t refused;           /* enum nvsp_status of an RNDIS request not taken; it stays */
	uint32_t reply_bytes;
	uint8_t reply[NETVSC_REPLY_BYTES];
	uint64_t in_flight[NETVSC_REQUESTS];    /* transaction id in each page; 0 = free */
	uint64_t late, timeouts;    /* counters */

	uint8_t *pages;             /* NETVSC_REQUESTS of them, page-aligned */
	uint64_t page_number[NETVSC_REQUESTS];  /* of the host's page */
	struct netvsc_notified notified;
};

struct netvsc_channel;
struct netvsc_device;

/* Returns 0 or -errno; destroy() takes what create() half made. */
int netvsc_xact_create(struct netvsc_device *dev);
void netvsc_xact_destroy(struct netvsc_device *dev);
/* The channel was closed and opened: the host has forgotten every request. */
void netvsc_xact_reset(struct netvsc_device *dev);

/* The control lock. Operations nest: a reopen restores settings by the same
 * functions that set them. Never take it inside a channel's lock. */
void netvsc_xact_lock(struct netvsc_device *dev);
/* False if another thread has it. */
bool netvsc_xact_trylock(struct netvsc_device *dev);
void netvsc_xact_unlock(struct netvsc_device *dev);

/* Whoever leaves the host does not wait long for it: until netvsc_xact_relax()
 * with what this returns, 2 s for each request at most. Under the control lock. */
uint32_t netvsc_xact_hurry(struct netvsc_device *dev);
void netvsc_xact_relax(struct netvsc_device *dev, uint32_t before_ms);

/*
 * When a wait for such a reply that begins now is over (NETVSC_REPLY_NVSP: also one
 * for room, or for memory). A host that let a whole one pass is silent until it is
 * heard on the control path again, or netvsc_xact_listen(): until then nobody waits
 * longer for it than whoever leaves. One may go on completing what it is sent and
 * answer no RNDIS request any more: completions do not end that silence.
 * netvsc_xact_unheard() says that a wait passed, and returns -ETIMEDOUT.
 */
uint64_t netvsc_xact_deadline_ms(const struct netvsc_device *dev, enum netvsc_reply_kind kind);
int netvsc_xact_unheard(struct netvsc_device *dev, enum netvsc_reply_kind kind);
void netvsc_xact_listen(struct netvsc_device *dev);

/* ---- one request; all under the control lock ---- */

/*
 * Claims one of the first `count` pages for a request whose message the host
 * reads from memory; waits, bounded, if the host still holds all. Returns its
 * index, -ETIMEDOUT, -ENODEV or -EIO. Give it back with netvsc_xact_page_release() if nothing was sent;
 * otherwise the host's completion does that.
 */
int netvsc_xact_page_claim(struct netvsc_device *dev, unsigned int count);
void netvsc_xact_page_release(struct netvsc_device *dev, int page);

/* Draws ids and waits for their reply from now on. `page` is what was claimed,
 * or -1. Then the caller sends the message with dev->xact.transaction_id (and
 * .request_id), and calls wait or cancel. */
void netvsc_xact_begin(struct netvsc_device *dev, enum netvsc_reply_kind kind, int page);
void netvsc_xact_cancel(struct netvsc_device *dev);

/*
 * Waits until the reply is there. Returns its length, the bytes being in
 * dev->xact.reply; -ETIMEDOUT after wait_ms; -ENODEV if the device is gone;
 * -EIO if the main channel is dead or the host did not take the RNDIS message.
 */
int netvsc_xact_wait(struct netvsc_device *dev);

/* -ENODEV or -EIO if no request can succeed any more, else 0. */
int netvsc_xact_alive(const struct netvsc_device *dev);

/* Drains the main channel once, then sleeps a little: for whoever waits for
 * something else than a reply. `round` counts from 0. */
void netvsc_xact_pause(struct netvsc_device *dev, unsigned int round);
uint64_t netvsc_xact_clock_ms(void);

/* Logs what went wrong with a request, the host's answer included; it stays in
 * dev->xact.fault for whoever has to tell that a whole step failed by it. */
void netvsc_fault(struct netvsc_device *dev, const char *format, ...) __rte_format_printf(2, 3);

/* ---- called by netvsc_poll.c with a channel's lock held: never block ---- */

/* The bytes are the caller's copy. */
void netvsc_xact_completion(struct netvsc_device *dev, uint64_t transaction_id,
	const void *payload, uint32_t bytes);
void netvsc_xact_rndis(struct netvsc_device *dev, const void *message, uint32_t bytes);
void netvsc_xact_inband(struct netvsc_device *dev, const void *payload, uint32_t bytes,
	uint64_t transaction_id);

#endif /* NETVSC_XACT_H */
