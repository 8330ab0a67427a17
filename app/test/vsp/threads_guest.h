/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TEST_VSP_THREADS_GUEST_H
#define TEST_VSP_THREADS_GUEST_H

/*
 * A guest that runs in a thread of its own beside the host: it shares the
 * rings, the two buffers and its pages with it, and nothing else. Its ring
 * ends are the test guest's. Neither side helps the other with an order that
 * real rings do not have: events are relaxed words and futexes.
 */

#include <stdbool.h>
#include <stdint.h>

#include "fake.h"
#include "../testguest/tg_ring.h"

#define GUEST_SLOTS 128u                /* messages in flight: section, page, ... */
#define GUEST_FRAMES_PER_MESSAGE 4u

/* ---- a word that one thread sets and another waits for ---- */

struct event {
	uint32_t word;
};

void event_set(struct event *event);
/* False after ten seconds without the event. */
bool event_wait(struct event *event);
/* True if the event had come. */
bool event_take(struct event *event);

/* ---- the guest ---- */

struct guest {
	struct tg_tx_ring tx;
	struct tg_rx_ring rx;
	struct event interrupt;         /* host to guest */
	struct event signal;            /* guest to host */
	struct rng rng;
	uint64_t completions[512];      /* transaction ids that are owed to the host */
	unsigned int owed;
	bool busy[GUEST_SLOTS];
	unsigned int in_flight;
	uint32_t next_frame;            /* its number is in its bytes */
	uint32_t next_expected;         /* frames come back in order */
	uint32_t gaps;                  /* ... but some may be lost */
	uint64_t messages, frames;
	unsigned int room_waits, packet_waits;
	const char *fault;              /* the first thing that was wrong */
};

void guest_init(struct guest *guest);
/* Sends one message with a few frames; false if no slot or no room is free. */
bool guest_send_message(struct guest *guest);
/* Reads what has come, and completes it as far as there is room. */
bool guest_receive(struct guest *guest);
/* Waits until something comes or there is room for what is owed or wanted;
 * false if nothing does. */
bool guest_wait(struct guest *guest, bool for_room);
/* Like it, by an interrupt that announces room and by nothing else: `before`
 * is called when the wish has been stored. */
bool guest_wait_room(struct guest *guest, void (*before)(void));

#endif /* TEST_VSP_THREADS_GUEST_H */
