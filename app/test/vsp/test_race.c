/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A guest that rewrites its memory while the host reads it: whatever comes
 * out, the host stays within its bounds (run it under ASan). The race is the
 * point, so TSan skips it.
 */

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "fake.h"

#define ROUNDS 30000u

static uint8_t frame[4096];
static bool stop;

/* Flips between good and random values in the headers of section 0, in the
 * frame behind them, and in the receive buffer. */
static void *
scribble(void *arg)
{
	struct rng rng = { 11 };
	uint8_t good[256];

	(void)arg;
	memcpy(good, fake.send, sizeof(good));
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		uint32_t at = rng_below(&rng, sizeof(good));

		__atomic_store_n(&fake.send[at], (uint8_t)rng_next(&rng), __ATOMIC_RELAXED);
		__atomic_store_n(&fake.recv[rng_below(&rng, fake.recv_bytes)],
			(uint8_t)rng_next(&rng), __ATOMIC_RELAXED);
		__atomic_store_n(&fake.send[at], good[at], __ATOMIC_RELAXED);
	}
	return NULL;
}

static void
race(enum config_check check, uint32_t ppi_type, uint32_t ppi_value)
{
	const struct fake_options options = { .check = check, .sections = 200 };
	uint32_t ppi[1][2] = { { ppi_type, ppi_value } }, bytes;
	struct fake_packet packet;
	pthread_t thread;

#if defined(__SANITIZE_THREAD__)
	skip();
#endif
	assert_int_equal(fake_start(&options), 0);
	fake.echo = true;
	bytes = make_message(fake.send, frame, make_ipv4(frame, IP_TCP, 1000), ppi, 1);
	stop = false;
	assert_int_equal(pthread_create(&thread, NULL, scribble, NULL), 0);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		guest_send(0, i, 0, bytes);
		fake_poll();
		while (guest_take(0, &packet)) {
			if (packet.header.type == VMBUS_PACKET_TRANSFER_PAGES)
				guest_complete(0, packet.header.transaction_id);
		}
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	fake_poll();
	/* Such a guest hurts itself alone: its channel lives, no section is lost. */
	assert_true(channel_is_open(&fake.nic.channel[0]));
	assert_int_equal(fake.nic.channel[0].free_count, 200 - 16);
	fake_stop();
}

static void
rewriting_a_segmentation_request_does_not_break_the_host(void **state)
{
	(void)state;
	race(CHECK_FULL, RNDIS_PPI_LSO, RNDIS_LSO_V2 | 34 << 20 | 100);
}

static void
rewriting_a_checksum_request_does_not_break_the_host(void **state)
{
	(void)state;
	race(CHECK_FULL, RNDIS_PPI_CHECKSUM, 0x15 | 34 << 16);
}

static void
rewriting_a_plain_frame_does_not_break_the_host(void **state)
{
	(void)state;
	race(CHECK_FAST, RNDIS_PPI_HASH_VALUE, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rewriting_a_segmentation_request_does_not_break_the_host),
		cmocka_unit_test(rewriting_a_checksum_request_does_not_break_the_host),
		cmocka_unit_test(rewriting_a_plain_frame_does_not_break_the_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
