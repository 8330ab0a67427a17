/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The host's data path against a guest that really runs at the same time: one
 * thread does the engine's work, the other is the guest. Run it under
 * ThreadSanitizer: payload is ordered by the indices alone, and everything
 * else that both touch must be atomic. A lost wake-up ends in a bounded wait.
 */

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "threads_guest.h"

#define IDLE_MAX 20000000u              /* looks in vain: a bound */

static struct guest guest;

/* What the main thread tells the host's. */
static bool host_stop, host_hold, host_sleeps;
static bool host_was_lost;
static unsigned int host_slept;

/* ---- the host's thread ---- */

static bool
flag(const bool *word)
{
	return __atomic_load_n(word, __ATOMIC_RELAXED);
}

static void
flag_store(bool *word, bool value)
{
	__atomic_store_n(word, value, __ATOMIC_RELAXED);
}

static void
interrupt_guest(void)
{
	event_set(&guest.interrupt);
}

static void
host_idle(void)
{
	if (!flag(&host_sleeps)) {
		sched_yield();
		return;
	}
	if (!channel_prepare_sleep(&fake.nic))
		return;
	host_slept++;
	if (!event_wait(&guest.signal))
		host_was_lost = true;
	else if (!flag(&host_stop))
		vsp_channel_signalled(&fake.nic.channel[0]);
}

static void *
host_run(void *arg)
{
	(void)arg;
	while (!flag(&host_stop)) {
		if (flag(&host_hold)) {
			sched_yield();
			continue;
		}
		if (event_take(&guest.signal))
			vsp_channel_signalled(&fake.nic.channel[0]);
		if (fake_poll() == 0)
			host_idle();
	}
	return NULL;
}

static pthread_t host;

static void
start(const struct fake_options *options, bool sleeps)
{
	assert_int_equal(fake_start(options), 0);
	fake.echo = true;
	fake.interrupted = interrupt_guest;
	guest_init(&guest);
	host_stop = false;
	host_hold = false;
	host_sleeps = sleeps;
	host_was_lost = false;
	host_slept = 0;
	assert_int_equal(pthread_create(&host, NULL, host_run, NULL), 0);
}

/* Ends the host and compares what both sides counted. */
static void
stop(bool waited_in_vain)
{
	const struct queue_counters *counters = &fake.nic.channel[0].counters;

	flag_store(&host_stop, true);
	event_set(&guest.signal);
	assert_int_equal(pthread_join(host, NULL), 0);
	guest_receive(&guest);          /* frames may leave after the completion */
	if (guest.fault != NULL)
		fail_msg("%s", guest.fault);
	assert_false(waited_in_vain);
	assert_false(host_was_lost);
	assert_int_equal(guest.in_flight, 0);
	assert_int_equal(counters->tx_messages, guest.messages);
	assert_int_equal(counters->tx_frames, guest.next_frame);
	assert_int_equal(counters->rx_frames, guest.frames);
	assert_int_equal(guest.frames + fake.nic.rx_drop_total, guest.next_frame);
	assert_int_equal(vsp_violations(), 0);
}

/* Reads until everything that was sent is completed. False if something never
 * comes. */
static bool
drain(uint32_t frames)
{
	while (guest.fault == NULL &&
	       (guest.in_flight > 0 || guest.owed > 0 || guest.frames < frames)) {
		if (!guest_receive(&guest) && !guest_wait(&guest, guest.owed > 0))
			return false;
	}
	return true;
}

/* ---- the cases ---- */

static void
frames_cross_both_ways_intact_while_both_sides_poll(void **state)
{
	const struct fake_options options = { .sections = 700 };
	unsigned int idle = 0;

	(void)state;
	start(&options, false);
	while (guest.fault == NULL && idle < IDLE_MAX &&
	       (guest.messages < 12000 || guest.frames < guest.next_frame)) {
		bool any = false;

		for (unsigned int i = 0; i < 16 && guest.messages < 12000 &&
		     guest_send_message(&guest); i++)
			any = true;
		any |= guest_receive(&guest);
		idle = any ? 0 : idle + 1;
		if (!any)
			sched_yield();
	}
	stop(!drain(guest.next_frame));
	assert_int_equal(guest.frames, guest.next_frame);
	fake_stop();
}

/* The host sleeps whenever it is idle, and the guest whenever it waits. */
static void
a_side_that_sleeps_is_woken_by_the_first_packet(void **state)
{
	const struct fake_options options = { .sections = 700, .check = CHECK_FAST };
	bool ok = true;

	(void)state;
	start(&options, true);
	while (ok && guest.fault == NULL && guest.messages < 8000) {
		for (unsigned int i = rng_below(&guest.rng, 8) + 1; i > 0; i--)
			guest_send_message(&guest);
		ok = drain(guest.next_frame);
	}
	stop(!ok);
	assert_int_equal(guest.frames, guest.next_frame);
	assert_true(guest.packet_waits > 0);
	assert_true(host_slept > 0);
	fake_stop();
}

static void
release_host(void)
{
	flag_store(&host_hold, false);
}

/* Rings of one page. The guest fills its ring while the host looks away, and
 * reads nothing until the host has no room for what it owes. */
static void
a_side_that_waits_for_room_is_signalled(void **state)
{
	const struct fake_options options = { .sections = 700, .ring_bytes = HV_PAGE_BYTES };
	bool ok = true;

	(void)state;
	start(&options, true);
	for (unsigned int i = 0; ok && guest.fault == NULL && i < 300; i++) {
		flag_store(&host_hold, true);
		while (guest_send_message(&guest))
			;
		ok = guest_wait_room(&guest, release_host);
		release_host();
		/* More messages than the host's ring holds completions. */
		while (ok && guest.in_flight < GUEST_SLOTS && guest.fault == NULL)
			ok = guest_send_message(&guest) || guest_wait_room(&guest, release_host);
		ok = ok && drain(0);
	}
	stop(!ok);
	assert_true(guest.room_waits > 0);
	assert_true(fake.nic.channel[0].counters.ring_full > 0);
	fake_stop();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_cross_both_ways_intact_while_both_sides_poll),
		cmocka_unit_test(a_side_that_sleeps_is_woken_by_the_first_packet),
		cmocka_unit_test(a_side_that_waits_for_room_is_signalled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
