/* SPDX-License-Identifier: BSD-3-Clause */

/* A host that floods, that keeps what it is given back, and that looks seldom. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../../hvsim/vsp/late.h"
#include "../fault/arm.h"
#include "fake.h"

static int
setup(void **state)
{
	const struct fake_options options = { .channels = 2, .sections = 64 };

	static uint8_t frame[100];

	(void)state;
	store_be16(frame + 12, 0x88b5);
	if (fake_start(&options) < 0)
		return -1;
	make_message(fake.send, frame, sizeof(frame), NULL, 0);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	fault_disarm("all");
	late_forget(&fake.nic.channel[0]);
	late_forget(&fake.nic.channel[1]);
	fake_stop();
	return 0;
}

/* ---- floods ---- */

/* Empties a receive ring; how many of that type there were. */
static unsigned int
take_all(unsigned int channel, uint16_t type, bool complete)
{
	struct fake_packet packet;
	unsigned int n = 0;

	while (guest_take(channel, &packet)) {
		assert_int_equal(packet.header.type, type);
		n++;
		if (complete)
			guest_complete(channel, packet.header.transaction_id);
	}
	return n;
}

static void
a_flood_fills_the_rings_of_all_queues_and_leaves_some_room(void **state)
{
	static const struct {
		const char *fault;
		uint16_t type;
	} rows[] = {
		{ "flood:message=completion,value=1000000", VMBUS_PACKET_COMPLETION },
		{ "flood:message=transfer,value=1000000", VMBUS_PACKET_TRANSFER_PAGES },
		{ "flood:message=vf-association,value=1000000", VMBUS_PACKET_INBAND },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		arm(rows[i].fault);
		for (unsigned int round = 0; round < 3; round++) {
			assert_true(fake_poll() > 100);
			fake_poll();
			for (unsigned int q = 0; q < 2; q++) {
				assert_null(fake.nic.channel[q].pending_head);
				assert_true(host_tx_ring_free_bytes(&fake.nic.channel[q].to_guest) >= 512);
				assert_true(take_all(q, rows[i].type, false) > 100);
			}
		}
		fault_disarm("all");
		fake_poll();
		assert_int_equal(take_all(0, rows[i].type, false), 0);
	}
	assert_int_equal(vsp_violations(), 0);
}

static void
a_flood_may_be_of_one_queue_and_of_so_many_at_a_time(void **state)
{
	(void)state;
	arm("flood:message=completion,queue=1,value=5");
	assert_int_equal(fake_poll(), 5);
	assert_int_equal(take_all(0, VMBUS_PACKET_COMPLETION, false), 0);
	assert_int_equal(take_all(1, VMBUS_PACKET_COMPLETION, false), 5);
	fault_disarm("all");
	arm("flood:message=interrupt,queue=0,value=7");
	fake.channel[0].interrupts = fake.channel[1].interrupts = 0;
	fake_poll();
	assert_int_equal(fake.channel[0].interrupts, 7);
	assert_int_equal(fake.channel[1].interrupts, 0);
}

static void
a_flood_of_what_takes_no_room_ends(void **state)
{
	(void)state;
	arm("flood:message=interrupt,queue=0,value=18446744073709551615");
	fake.channel[0].interrupts = 0;
	assert_int_equal(fake_poll(), 65536);
	assert_int_equal(fake.channel[0].interrupts, 65536);
}

/* Those that were made up own no section: it is no mistake of the guest to give them back,
 * also when the flood is over; others are, as ever. */
static void
what_was_made_up_can_be_acknowledged(void **state)
{
	unsigned int before = fake.nic.channel[0].free_count;

	(void)state;
	arm("flood:message=transfer,value=50");
	fake_poll();
	fault_disarm("all");
	assert_int_equal(take_all(0, VMBUS_PACKET_TRANSFER_PAGES, true), 50);
	fake_poll();
	assert_int_equal(vsp_violations(), 0);
	assert_int_equal(fake.nic.channel[0].free_count, before);
	guest_complete(0, 5000);
	fake_poll();
	assert_int_equal(fake_rule(VSP_RULE_COMPLETION_ID), 1);
}

/* ---- the receive buffer ---- */

/* A frame to the guest, which acknowledges it at once. */
static void
frame_through(void)
{
	static uint8_t data[64];
	struct frame frame = { .data = data, .bytes = 60 };
	struct fake_packet packet;

	rx_output(&fake.nic.port, &frame, 1);
	fake_poll();
	assert_true(guest_take(0, &packet));
	guest_complete(0, packet.header.transaction_id);
	fake_poll();
}

static void
a_host_that_holds_sections_gives_them_back_when_it_is_disarmed(void **state)
{
	unsigned int before = fake.nic.channel[0].free_count;

	(void)state;
	arm("held:message=return,count=3");
	for (unsigned int i = 0; i < 5; i++)
		frame_through();
	assert_int_equal(fake.nic.channel[0].free_count, before - 3);
	fault_disarm("all");
	fake_poll();
	assert_int_equal(fake.nic.channel[0].free_count, before);
	assert_int_equal(vsp_violations(), 0);
}

static void
a_host_that_keeps_all_sections_delivers_nothing_and_reports_nobody(void **state)
{
	static uint8_t data[64];
	struct frame frame = { .data = data, .bytes = 60 };
	unsigned int sections = fake.nic.channel[0].free_count;
	struct fake_packet packet;

	(void)state;
	arm("silent:message=return");
	for (unsigned int i = 0; i < sections; i++)
		frame_through();
	assert_int_equal(fake.nic.channel[0].free_count, 0);
	rx_output(&fake.nic.port, &frame, 1);
	fake_poll();
	assert_false(guest_take(0, &packet));
	assert_int_equal(vsp_violations(), 0);
}

static void
what_is_kept_was_given_back_once_and_may_not_be_again(void **state)
{
	static const char *const faults[] = { "silent:message=return", "held:message=return" };

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(faults); i++) {
		struct recv_section *control = &fake.nic.sections[3 + i];

		control->owner = RECV_GUEST;
		control->queue = (uint8_t)i;
		arm(faults[i]);
		guest_complete(i, 3 + i);
		fake_poll();
		assert_int_equal(fake_rule(VSP_RULE_COMPLETION_ID), i);
		guest_complete(i, 3 + i);
		fake_poll();
		assert_int_equal(fake_rule(VSP_RULE_COMPLETION_ID), i + 1);
		fault_disarm("all");
	}
}

/* ---- deaths ---- */

static void
die(struct vsp_channel *channel, uint64_t id, const void *payload, uint32_t bytes)
{
	(void)id;
	(void)payload;
	(void)bytes;
	channel->state = CHANNEL_DEAD;
}

/* As of a buffer that the host lets go of at last. */
static void
a_channel_that_dies_of_what_was_kept_stays_dead_and_keeps_nobody_awake(void **state)
{
	struct vsp_channel *channel = &fake.nic.channel[0];
	struct late late = { .channel = channel, .call = die, .hold = { .serial = 1 } };

	(void)state;
	assert_true(channel_prepare_sleep(&fake.nic));
	assert_int_equal(channel->state, CHANNEL_ASLEEP);
	channel->idle_rounds = 1000000;
	assert_true(late_hold(&late));
	assert_true(late_hold(&late));
	assert_int_equal(late_next_ns(), 0);
	late_due(&fake.nic.channel[1]);
	fake_poll();
	assert_int_equal(channel->state, CHANNEL_DEAD);
	fake_poll();
	assert_int_equal(channel->state, CHANNEL_DEAD);
	assert_true(late_hold(&late));
	assert_true(late_next_ns() == UINT64_MAX);
}

/* ---- completions, rings ---- */

static void
a_completion_that_is_held_comes_last(void **state)
{
	uint64_t id = 0;

	(void)state;
	arm("held:message=completion");
	guest_send(0, 11, 0, 144);
	guest_send(0, 12, 0, 144);
	fake_poll();
	assert_int_not_equal(guest_status(0, &id), UINT32_MAX);
	assert_int_equal(id, 12);
	assert_int_equal(guest_status(0, &id), UINT32_MAX);
	fault_disarm("all");
	fake_poll();
	assert_int_not_equal(guest_status(0, &id), UINT32_MAX);
	assert_int_equal(id, 11);
}

static void
a_ring_that_is_rarely_looked_at_is_not_looked_at_again_before_its_time(void **state)
{
	(void)state;
	arm("rarely:message=ring,every=1000s,queue=0");
	guest_send(0, 1, 0, 144);
	fake_poll();
	assert_int_equal(fake.frame_count, 1);
	guest_send(0, 2, 0, 144);
	for (unsigned int i = 0; i < 100; i++)
		fake_poll();
	assert_int_equal(fake.frame_count, 1);
	guest_send(1, 3, 0, 144);
	fake_poll();
	assert_int_equal(fake.frame_count, 2);
	fault_disarm("all");
	fake_poll();
	assert_int_equal(fake.frame_count, 3);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_flood_fills_the_rings_of_all_queues_and_leaves_some_room),
		CASE(a_flood_may_be_of_one_queue_and_of_so_many_at_a_time),
		CASE(a_flood_of_what_takes_no_room_ends),
		CASE(what_was_made_up_can_be_acknowledged),
		CASE(a_host_that_holds_sections_gives_them_back_when_it_is_disarmed),
		CASE(a_host_that_keeps_all_sections_delivers_nothing_and_reports_nobody),
		CASE(what_is_kept_was_given_back_once_and_may_not_be_again),
		CASE(a_channel_that_dies_of_what_was_kept_stays_dead_and_keeps_nobody_awake),
		CASE(a_completion_that_is_held_comes_last),
		CASE(a_ring_that_is_rarely_looked_at_is_not_looked_at_again_before_its_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
