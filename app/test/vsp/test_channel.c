/* SPDX-License-Identifier: BSD-3-Clause */

/* A channel's life: slices, sleep and signals, a full ring, death, reopening. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "fake.h"

static uint8_t frame[2048];

static int
start(unsigned int channels)
{
	const struct fake_options options = { .check = CHECK_FULL, .channels = channels };

	store_be16(frame + 12, 0x88b5);
	if (fake_start(&options) < 0)
		return -1;
	make_message(fake.send, frame, 100, NULL, 0);
	return 0;
}

static int
setup(void **state)
{
	(void)state;
	return start(1);
}

static int
setup_four(void **state)
{
	(void)state;
	return start(4);
}

static int
teardown(void **state)
{
	(void)state;
	fake_stop();
	return 0;
}

static bool
send_one(unsigned int channel)
{
	return guest_send(channel, 1, 0, 144);
}

static struct vsp_channel *
channel(unsigned int i)
{
	return &fake.nic.channel[i];
}

/* ---- sleep ---- */

static void
an_awake_host_wants_no_signal(void **state)
{
	(void)state;
	assert_int_equal(fake.channel[0].tx_page->interrupt_mask, 1);
	assert_false(send_one(0));
	fake_poll();
	assert_int_equal(fake.frame_count, 1);
}

static void
a_sleeping_host_does_not_look_until_it_is_signalled(void **state)
{
	(void)state;
	assert_true(channel_prepare_sleep(&fake.nic));
	assert_int_equal(channel(0)->state, CHANNEL_ASLEEP);
	assert_int_equal(fake.channel[0].tx_page->interrupt_mask, 0);
	assert_true(send_one(0));
	/* A guest that forgets to signal hangs. */
	for (unsigned int i = 0; i < 100; i++) {
		channel_wake(&fake.nic);
		assert_int_equal(fake_poll(), 0);
		assert_true(channel_prepare_sleep(&fake.nic));
	}
	assert_int_equal(fake.frame_count, 0);
	vsp_channel_signalled(channel(0));
	assert_false(channel_prepare_sleep(&fake.nic));
	assert_int_equal(fake_poll(), 1);
	assert_int_equal(fake.frame_count, 1);
	assert_int_equal(fake.channel[0].tx_page->interrupt_mask, 1);
	assert_int_equal(vsp_violations(), 0);
	assert_int_equal(channel(0)->counters.sleeps, 1);
	assert_int_equal(channel(0)->counters.wakeups, 1);
}

static void
a_packet_that_comes_while_falling_asleep_keeps_the_host_awake(void **state)
{
	(void)state;
	send_one(0);
	assert_false(channel_prepare_sleep(&fake.nic));
	assert_int_equal(channel(0)->state, CHANNEL_AWAKE);
	assert_int_equal(fake.channel[0].tx_page->interrupt_mask, 1);
	assert_int_equal(fake_poll(), 1);
}

static void
an_idle_channel_sleeps_though_another_is_busy(void **state)
{
	(void)state;
	send_one(1);
	channel_prepare_sleep(&fake.nic);       /* the engine may sleep at all */
	for (unsigned int i = 0; i < 2000; i++) {
		send_one(1);
		vsp_channel_signalled(channel(1));
		assert_int_equal(fake_poll() >= 1, 1);
		fake.frame_count = 0;
		while (guest_status(1, NULL) != UINT32_MAX)
			;
	}
	assert_int_equal(channel(0)->state, CHANNEL_ASLEEP);
	assert_int_equal(channel(1)->state, CHANNEL_AWAKE);
}

static void
a_guest_that_masks_the_sleeping_host_is_silenced(void **state)
{
	(void)state;
	channel_prepare_sleep(&fake.nic);
	fake.channel[0].tx_page->interrupt_mask = 1;
	fake_poll();
	assert_int_equal(fake_rule(VSP_RULE_RING_MASK), 1);
	assert_int_equal(channel(0)->state, CHANNEL_DEAD);
}

static void
a_guest_that_unmasks_the_awake_host_is_silenced(void **state)
{
	(void)state;
	fake.channel[0].tx_page->interrupt_mask = 0;
	send_one(0);
	fake_poll();
	assert_int_equal(fake_rule(VSP_RULE_RING_MASK), 1);
}

/* ---- signals ---- */

static void
signals_that_nobody_asked_for_are_reported_if_they_go_on(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 3; i++)
		vsp_channel_signalled(channel(0));
	assert_int_equal(fake_rule(VSP_RULE_SIGNAL_SPURIOUS), 0);
	vsp_channel_signalled(channel(0));
	assert_int_equal(fake_rule(VSP_RULE_SIGNAL_SPURIOUS), 1);
	assert_true(channel_is_open(channel(0)));
}

static void
signals_are_not_judged_where_the_kernel_sends_them(void **state)
{
	(void)state;
	fake.nic.config.monitor = 0;
	for (unsigned int i = 0; i < 100; i++)
		vsp_channel_signalled(channel(0));
	assert_int_equal(vsp_violations(), 0);
}

static void
a_guest_that_signals_when_it_should_is_never_reported(void **state)
{
	struct rng rng = { 5 };

	(void)state;
	for (unsigned int i = 0; i < 20000; i++) {
		unsigned int what = rng_below(&rng, 8);

		if (what < 4) {
			if (send_one(0))
				vsp_channel_signalled(channel(0));
		} else if (what < 7) {
			fake_poll();
		} else {
			channel_prepare_sleep(&fake.nic);
		}
		while (guest_status(0, NULL) != UINT32_MAX)
			;
		fake.frame_count = 0;
	}
	assert_int_equal(vsp_violations(), 0);
	assert_true(channel(0)->counters.sleeps > 100);
}

/* ---- the other direction ---- */

static void
the_guest_is_interrupted_once_for_a_slice(void **state)
{
	(void)state;
	fake.channel[0].rx_page->interrupt_mask = 0;
	for (unsigned int i = 0; i < 5; i++)
		send_one(0);
	fake_poll();
	assert_int_equal(fake.channel[0].interrupts, 1);
	/* It has not looked yet: no more of them. */
	send_one(0);
	fake_poll();
	assert_int_equal(fake.channel[0].interrupts, 1);
	while (guest_status(0, NULL) != UINT32_MAX)
		;
	send_one(0);
	fake_poll();
	assert_int_equal(fake.channel[0].interrupts, 2);
}

static void
a_guest_that_masks_its_own_ring_gets_no_interrupt(void **state)
{
	(void)state;
	send_one(0);
	fake_poll();
	assert_int_equal(fake.channel[0].interrupts, 0);
	assert_int_equal(guest_status(0, NULL), NVSP_STATUS_SUCCESS);
}

static unsigned int
fill_ring(void)
{
	unsigned int sent = 0;

	while (!channel(0)->to_guest.blocked && sent < 5000) {
		guest_send(0, sent++, 0, 144);
		fake_poll();
	}
	return sent;
}

static void
completions_wait_in_order_for_a_full_ring_and_for_its_signal(void **state)
{
	uint32_t pending = ((FAKE_RING_BYTES - 8) / 4 + 7) / 8 * 8;
	unsigned int sent = fill_ring(), got = 0;
	uint64_t id;

	(void)state;
	assert_int_equal(fake.channel[0].rx_page->pending_send_bytes, pending);
	for (unsigned int i = 0; i < 10; i++)
		guest_send(0, sent++, 0, 144);
	fake_poll();
	while (guest_status(0, &id) != UINT32_MAX)
		assert_int_equal(id, got++);
	assert_true(got < sent);
	/* Drained, but the host was not told. */
	for (unsigned int i = 0; i < 10; i++)
		fake_poll();
	assert_int_equal(guest_status(0, &id), UINT32_MAX);
	vsp_channel_signalled(channel(0));
	fake_poll();
	assert_int_equal(fake.channel[0].rx_page->pending_send_bytes, 0);
	while (guest_status(0, &id) != UINT32_MAX)
		assert_int_equal(id, got++);
	assert_int_equal(got, sent);
	assert_int_equal(vsp_violations(), 0);
}

static void
with_1024_completions_outstanding_the_guest_ring_stays_unread(void **state)
{
	unsigned int sent = fill_ring();

	(void)state;
	for (; sent < 4000 && channel(0)->outstanding < VSP_TX_QUOTA; sent++) {
		guest_send(0, sent, 0, 144);
		fake_poll();
	}
	fake.frame_count = 0;
	for (unsigned int i = 0; i < 100; i++)
		guest_send(0, sent + i, 0, 144);
	fake_poll();
	fake_poll();
	assert_int_equal(fake.frame_count, 0);
	assert_true(channel(0)->outstanding >= VSP_TX_QUOTA);
	assert_true(channel(0)->outstanding < VSP_TX_QUOTA + 64);
	/* The engine may sleep: the guest's signal will come. */
	assert_true(channel_prepare_sleep(&fake.nic));
	for (unsigned int i = 0; i < 40; i++) {
		while (guest_status(0, NULL) != UINT32_MAX)
			;
		vsp_channel_signalled(channel(0));
		fake_poll();
	}
	assert_int_equal(fake.frame_count, 100);
	assert_int_equal(channel(0)->outstanding, 0);
}

/* ---- fairness ---- */

static void
a_slice_is_bounded_and_every_channel_gets_one(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 200; i++)
		send_one(0);
	send_one(3);
	assert_int_equal(fake_poll(), 64 + 1);
	assert_int_equal(guest_status(3, NULL), NVSP_STATUS_SUCCESS);
}

/* ---- demultiplexing ---- */

static const struct {
	const char *what;
	uint16_t type;
	uint64_t id;
	uint32_t words[4];
	uint32_t count;
	unsigned int nvsp;              /* messages that reach nvsp.c */
	enum vsp_rule rule;
} packets[] = {
	{ "NVSP init", VMBUS_PACKET_INBAND, 1, { NVSP_INIT, 2, 2, 0 }, 4, 1, VSP_RULE_COUNT },
	{ "unknown type", VMBUS_PACKET_INBAND, 1, { 4711 }, 2, 1, VSP_RULE_COUNT },
	{ "short", VMBUS_PACKET_INBAND, 1, { NVSP_RNDIS }, 2, 1, VSP_RULE_COUNT },
	{ "RNDIS control", VMBUS_PACKET_INBAND, 1,
		{ NVSP_RNDIS, NVSP_CHANNEL_CONTROL, 0, 100 }, 4, 1, VSP_RULE_COUNT },
	{ "VF association completed", VMBUS_PACKET_COMPLETION, NVSP_TID_VF_ASSOCIATION,
		{ 0 }, 0, 0, VSP_RULE_COUNT },
	{ "data path switch completed", VMBUS_PACKET_COMPLETION, NVSP_TID_SWITCH_DATA_PATH,
		{ 0 }, 0, 0, VSP_RULE_COUNT },
	{ "nothing to complete", VMBUS_PACKET_COMPLETION, 20, { NVSP_RNDIS_COMPLETE, 1 }, 2, 0,
		VSP_RULE_COMPLETION_ID },
};

static void
packets_reach_the_part_they_are_for(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(packets); i++) {
		fake.nvsp_messages = 0;
		guest_put(0, packets[i].type, packets[i].id, NULL, 0, packets[i].words,
			packets[i].count * 4);
		fake_poll();
		if (fake.nvsp_messages != packets[i].nvsp)
			fail_msg("%s: %u", packets[i].what, fake.nvsp_messages);
		if (packets[i].rule != VSP_RULE_COUNT)
			assert_int_equal(fake_rule(packets[i].rule), 1);
	}
}

static void
before_rndis_is_up_even_data_goes_to_nvsp(void **state)
{
	(void)state;
	fake.nic.state = NIC_READY;
	send_one(0);
	fake_poll();
	assert_int_equal(fake.nvsp_messages, 1);
	assert_int_equal(fake.frame_count, 0);
}

static void
a_control_packet_finds_what_came_before_it_done(void **state)
{
	uint32_t words[4] = { NVSP_INIT, 2, 2, 0 };

	(void)state;
	send_one(0);
	guest_put(0, VMBUS_PACKET_INBAND, 2, NULL, 0, words, sizeof(words));
	send_one(0);
	fake_poll();
	assert_int_equal(fake.batches, 2);
	assert_int_equal(fake.frame_count, 2);
}

/* ---- death and resurrection ---- */

static void
a_dead_channel_is_silent_while_the_others_live(void **state)
{
	(void)state;
	fake.channel[1].tx_page->write_index = 4;
	fake_poll();
	assert_int_equal(fake_rule(VSP_RULE_RING_INDEX), 1);
	assert_int_equal(channel(1)->state, CHANNEL_DEAD);
	fake.channel[1].tx_page->write_index = 0;
	send_one(1);
	vsp_channel_signalled(channel(1));
	channel_send(channel(1), 0, false, frame, 40);
	send_one(0);
	fake_poll();
	assert_int_equal(guest_status(1, NULL), UINT32_MAX);
	assert_int_equal(guest_status(0, NULL), NVSP_STATUS_SUCCESS);
	assert_int_equal(channel(1)->counters.dead, 1);
}

static void
closing_and_opening_brings_a_dead_channel_back(void **state)
{
	struct fake_guest_channel *guest = &fake.channel[1];

	(void)state;
	guest->tx_page->write_index = 4;
	fake_poll();
	vsp_channel_closed(channel(1));
	memset(guest->tx_page, 0, sizeof(*guest->tx_page));
	memset(guest->rx_page, 0, sizeof(*guest->rx_page));
	guest->tx_write = 0;
	guest->rx_read = 0;
	assert_int_equal(vsp_channel_opened(channel(1), (void *)guest, &guest->rings), 0);
	assert_int_equal(vsp_channel_opened(channel(1), (void *)guest, &guest->rings), -EBUSY);
	send_one(1);
	fake_poll();
	assert_int_equal(guest_status(1, NULL), NVSP_STATUS_SUCCESS);
	assert_int_equal(channel(1)->counters.opens, 2);
}

static void
what_the_guest_writes_over_host_words_silences_the_channel(void **state)
{
	(void)state;
	fake.channel[1].tx_page->read_index += 8;
	fake.channel[2].rx_page->write_index += 8;
	fake.channel[3].rx_page->pending_send_bytes = 64;
	for (unsigned int i = 0; i < 3; i++)
		send_one(i);
	fake_poll();
	assert_int_equal(fake_rule(VSP_RULE_RING_INDEX), 2);
	channel_prepare_sleep(&fake.nic);       /* the idle one is looked at then */
	assert_int_equal(fake_rule(VSP_RULE_RING_INDEX), 3);
	assert_true(channel_is_open(channel(0)));
}

static void
a_lost_event_after_the_open_is_made_up_for(void **state)
{
	(void)state;
	fake.channel[0].rx_page->interrupt_mask = 1;
	assert_true(channel(0)->unstick_timer.armed);
	channel_prepare_sleep(&fake.nic);
	send_one(0);
	assert_int_equal(fake_poll(), 0);
	channel(0)->unstick_timer.cb(channel(0)->unstick_timer.arg);
	assert_int_equal(fake_poll(), 1);
	fake.channel[0].rx_page->interrupt_mask = 0;
	assert_int_equal(fake.channel[0].interrupts, 0);
	channel(0)->unstick_timer.cb(channel(0)->unstick_timer.arg);
	assert_int_equal(fake.channel[0].interrupts, 1);
}

static void
opening_and_closing_tells_the_control_half(void **state)
{
	(void)state;
	assert_int_equal(fake.resets, 1);
	assert_int_equal(fake.subchannels_opened, 3);
	assert_int_equal(fake.nic.channels_open, 4);
	vsp_channel_closed(channel(3));
	assert_int_equal(fake.nic.channels_open, 3);
	assert_int_equal(fake.nic.channel_end, 3);
	vsp_channel_closed(channel(0));
	assert_int_equal(fake.resets, 2);
	assert_null(fake.nic.sections);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define CASE_FOUR(f) cmocka_unit_test_setup_teardown(f, setup_four, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(an_awake_host_wants_no_signal),
		CASE(a_sleeping_host_does_not_look_until_it_is_signalled),
		CASE(a_packet_that_comes_while_falling_asleep_keeps_the_host_awake),
		CASE_FOUR(an_idle_channel_sleeps_though_another_is_busy),
		CASE(a_guest_that_masks_the_sleeping_host_is_silenced),
		CASE(a_guest_that_unmasks_the_awake_host_is_silenced),
		CASE(signals_that_nobody_asked_for_are_reported_if_they_go_on),
		CASE(signals_are_not_judged_where_the_kernel_sends_them),
		CASE(a_guest_that_signals_when_it_should_is_never_reported),
		CASE(the_guest_is_interrupted_once_for_a_slice),
		CASE(a_guest_that_masks_its_own_ring_gets_no_interrupt),
		CASE(completions_wait_in_order_for_a_full_ring_and_for_its_signal),
		CASE(with_1024_completions_outstanding_the_guest_ring_stays_unread),
		CASE_FOUR(a_slice_is_bounded_and_every_channel_gets_one),
		CASE(packets_reach_the_part_they_are_for),
		CASE(before_rndis_is_up_even_data_goes_to_nvsp),
		CASE(a_control_packet_finds_what_came_before_it_done),
		CASE_FOUR(a_dead_channel_is_silent_while_the_others_live),
		CASE_FOUR(closing_and_opening_brings_a_dead_channel_back),
		CASE_FOUR(what_the_guest_writes_over_host_words_silences_the_channel),
		CASE(a_lost_event_after_the_open_is_made_up_for),
		CASE_FOUR(opening_and_closing_tells_the_control_half),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
