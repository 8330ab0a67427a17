/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TEST_SWITCH_FIXTURE_H
#define TEST_SWITCH_FIXTURE_H

/*
 * What the tests of the switch share: a port that keeps copies of what it is
 * given, frames made byte by byte, and a checksum written without the code
 * under test.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdint.h>

#include "switch/switch.h"

#define PROBE_FRAMES_MAX 4096u

/* A port under the test's control. */
struct probe {
	struct sw_port port;
	unsigned int room;              /* what room() answers, */
	unsigned int (*room_fn)(struct probe *probe);   /* or this, if it is set */
	bool unready;                   /* what ready() denies, */
	bool (*ready_fn)(struct sw_port *port);         /* or this answers */
	unsigned int calls;             /* of output() */
	unsigned int count;
	const uint8_t *original[PROBE_FRAMES_MAX];      /* where the data was */
	struct frame got[PROBE_FRAMES_MAX];             /* with data copied */
};

/* Makes one and attaches it. */
struct probe *probe_create(struct sw *sw, const char *name);
/* Forgets what it got. */
void probe_clear(struct probe *probe);

/* An Ethernet frame of `bytes` in a buffer of the test, addresses 02::to and
 * 02::from, ethertype 0x88b5 (local experiments), the rest counted up. */
struct frame plain_frame(uint8_t *data, uint32_t bytes, uint8_t to, uint8_t from);
/* The same with an in-band tag. */
struct frame tagged_frame(uint8_t *data, uint32_t bytes, uint8_t to, uint8_t from,
	uint16_t tci);

/* The Internet checksum, byte by byte: 0 over data that includes a right one. */
uint16_t reference_checksum(const uint8_t *data, uint32_t bytes, uint32_t start);
/* True if the L4 checksum of the frame (untagged, no IP options) is right. */
bool l4_checksum_right(const uint8_t *data, uint32_t bytes);

/* The value of a counter; fails the test if the port has no such counter. */
uint64_t stat_of(struct sw_port *port, const char *name);

/* Runs the engine until the condition holds; false after `seconds`. Once per
 * test: an engine that was stopped stays so. */
bool run_until(bool (*condition)(void *arg), void *arg, unsigned int seconds);

/* Starts and ends the engine; destroys all switches. */
int engine_setup(void **state);
int engine_teardown(void **state);

#endif /* TEST_SWITCH_FIXTURE_H */
