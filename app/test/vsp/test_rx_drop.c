/* SPDX-License-Identifier: BSD-3-Clause */

/* Frames that the guest does not get: filters, and drops with their reason. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "fake.h"

static uint8_t data[FAKE_FRAME_BYTES];

static int
setup(void **state)
{
	static const struct fake_options options = { .check = CHECK_FULL };

	(void)state;
	store_be16(data + 12, 0x88b5);
	return fake_start(&options);
}

static int
setup_fast(void **state)
{
	static const struct fake_options options = { .check = CHECK_FAST };

	(void)state;
	store_be16(data + 12, 0x88b5);
	return fake_start(&options);
}

static int
teardown(void **state)
{
	(void)state;
	fake_stop();
	return 0;
}

static void
output(const uint8_t *frame_data, uint32_t bytes, uint16_t flags)
{
	struct frame frame = { .data = frame_data, .bytes = bytes, .flags = flags };

	rx_output(&fake.nic.port, &frame, 1);
}

static uint32_t
take_transfer(unsigned int channel, struct fake_packet *packet)
{
	uint32_t count;

	if (!guest_take(channel, packet))
		return 0;
	assert_int_equal(packet->header.type, VMBUS_PACKET_TRANSFER_PAGES);
	assert_int_equal(packet->header.flags, 1);
	memcpy(&count, packet->extension + 4, 4);
	assert_int_equal(packet->extension_bytes, 8 + count * 8);
	return count;
}

/* ---- filters and drops ---- */

static const uint8_t mine[6] = { 2, 0, 0, 0, 0, 9 };
static const uint8_t other[6] = { 2, 0, 0, 0, 0, 8 };
static const uint8_t all[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
static const uint8_t listed[6] = { 1, 0, 0x5e, 0, 0, 1 };
static const uint8_t unlisted[6] = { 1, 0, 0x5e, 0, 0, 2 };

static const struct {
	uint32_t filter;
	bool mine, other, all, listed, unlisted;
} filters[] = {
	{ NDIS_FILTER_DIRECTED, true, false, false, false, false },
	{ NDIS_FILTER_BROADCAST, false, false, true, false, false },
	{ NDIS_FILTER_MULTICAST, false, false, false, true, false },
	{ NDIS_FILTER_ALL_MULTICAST, false, false, false, true, true },
	{ NDIS_FILTER_PROMISCUOUS, true, true, true, true, true },
	{ NDIS_FILTER_DIRECTED | NDIS_FILTER_BROADCAST | NDIS_FILTER_ALL_MULTICAST,
		true, false, true, true, true },
};

static bool
passes(const uint8_t mac[6])
{
	uint64_t before = fake.nic.channel[0].counters.rx_drop_filter;

	memcpy(data, mac, 6);
	output(data, 60, 0);
	return fake.nic.channel[0].counters.rx_drop_filter == before;
}

static void
the_packet_filter_passes_what_the_guest_asked_for(void **state)
{
	(void)state;
	fake.nic.config.mac_filter = true;
	fake.profile.mac_filter = true;
	memcpy(fake.nic.mac, mine, 6);
	memcpy(fake.nic.multicast[0], listed, 6);
	fake.nic.multicast_count = 1;
	for (unsigned int i = 0; i < ARRAY_SIZE(filters); i++) {
		fake.nic.filter = filters[i].filter;
		assert_int_equal(passes(mine), filters[i].mine);
		assert_int_equal(passes(other), filters[i].other);
		assert_int_equal(passes(all), filters[i].all);
		assert_int_equal(passes(listed), filters[i].listed);
		assert_int_equal(passes(unlisted), filters[i].unlisted);
	}
	fake.nic.config.mac_filter = false;
	fake.nic.filter = NDIS_FILTER_DIRECTED;
	assert_true(passes(other));
}

static void
what_the_guest_cannot_receive_now_is_dropped_with_its_reason(void **state)
{
	struct queue_counters *counters = &fake.nic.channel[0].counters;

	(void)state;
	fake.nic.filter = 0;
	output(data, 60, 0);
	assert_int_equal(counters->rx_drop_filter, 1);
	fake.nic.filter = 1;
	fake.nic.link_up = false;
	output(data, 60, 0);
	assert_int_equal(counters->rx_drop_link, 1);
	fake.nic.link_up = true;
	fake.nic.state = NIC_READY;
	output(data, 60, 0);
	assert_int_equal(counters->rx_drop_not_open, 1);
	fake.nic.state = NIC_OPERATIONAL;
	output(data, 1515, 0);
	output(data, 13, 0);
	assert_int_equal(counters->rx_drop_length, 2);
	store_be16(data + 12, ETHER_VLAN);
	output(data, 1518, 0);
	assert_int_equal(counters->rx_drop_length, 2);
	assert_int_equal(fake.nic.rx_drop_total, 5);
}

/* In the middle of a batch, too, where the fast path hands over. */
static void
delivered_frames_for_groups_and_for_all_are_counted_apart(void **state)
{
	const struct queue_counters *counters = &fake.nic.channel[0].counters;
	static const uint8_t *const to[] = { mine, all, listed, mine, unlisted, other };
	uint8_t frame_data[ARRAY_SIZE(to)][60] = { 0 };
	struct frame frames[ARRAY_SIZE(to)];

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(to); i++) {
		memcpy(frame_data[i], to[i], 6);
		store_be16(frame_data[i] + 12, 0x88b5);
		frames[i] = (struct frame) { .data = frame_data[i], .bytes = 60 };
	}
	fake.nic.config.mac_filter = false;
	rx_output(&fake.nic.port, frames, ARRAY_SIZE(to));
	assert_int_equal(counters->rx_multicast + counters->rx_broadcast, 0);
	fake_poll();
	assert_int_equal(counters->rx_frames, 6);
	assert_int_equal(counters->rx_multicast, 2);
	assert_int_equal(counters->rx_broadcast, 1);
	/* Each transfer starts from nothing, and what is dropped was not delivered. */
	rx_output(&fake.nic.port, frames, 1);
	fake_poll();
	assert_int_equal(counters->rx_frames, 7);
	assert_int_equal(counters->rx_multicast, 2);
	rx_output(&fake.nic.port, frames, 2);
	rx_sections_destroy(&fake.nic);
	assert_int_equal(counters->rx_drop_not_open, 2);
	assert_int_equal(counters->rx_multicast, 2);
	assert_int_equal(counters->rx_broadcast, 1);
}

static void
without_free_sections_frames_are_dropped_until_some_come_back(void **state)
{
	struct fake_packet packet;
	unsigned int n = 64 - 16;

	(void)state;
	for (unsigned int i = 0; i < n; i++) {
		assert_int_equal(rx_room(&fake.nic.port), n - i);
		output(data, 60, 0);
	}
	assert_int_equal(rx_room(&fake.nic.port), 0);
	output(data, 60, 0);
	assert_int_equal(fake.nic.channel[0].counters.rx_drop_no_section, 1);
	fake_poll();
	assert_int_equal(take_transfer(0, &packet), n);
	guest_complete(0, packet.header.transaction_id);
	fake_poll();
	assert_int_equal(rx_room(&fake.nic.port), n);
}

static void
when_the_ring_is_full_a_batch_is_dropped_and_its_sections_return(void **state)
{
	unsigned int free_before;

	(void)state;
	/* One frame a transfer until the host stops. */
	for (unsigned int i = 0; i < 2000 && !fake.nic.channel[0].to_guest.blocked; i++) {
		channel_send(&fake.nic.channel[0], 0, false, data, 1000);
		output(data, 60, 0);
		fake_poll();
	}
	free_before = fake.nic.channel[0].free_count;
	for (unsigned int i = 0; i < 10; i++)
		output(data, 60, 0);
	fake_poll();
	assert_true(fake.nic.channel[0].counters.rx_drop_ring_full >= 10);
	assert_int_equal(fake.nic.channel[0].free_count, free_before);
	assert_true(fake.channel[0].rx_page->pending_send_bytes != 0);
	assert_int_equal(rx_room(&fake.nic.port), 0);
}

static void
a_transfer_that_outgrows_the_ring_is_dropped_whole(void **state)
{
	struct vsp_channel *channel = &fake.nic.channel[0];
	struct fake_packet packet;

	(void)state;
	for (unsigned int i = 0; i < 40; i++)
		output(data, 60, 0);
	/* The room is taken by something else meanwhile. */
	while (!channel->to_guest.blocked)
		channel_send(channel, 0, false, data, 500);
	rx_flush(channel);
	assert_int_equal(channel->counters.rx_drop_ring_full, 40);
	assert_int_equal(channel->counters.rx_frames, 0);
	assert_int_equal(channel->free_count, 48);
	while (guest_take(0, &packet))
		assert_int_equal(packet.header.type, VMBUS_PACKET_INBAND);
}

/* Each frame is in one counter, also when its transfer was begun, not sent. */
static void
frames_of_a_transfer_that_was_begun_count_as_dropped_when_the_buffer_goes(void **state)
{
	struct vsp_channel *channel = &fake.nic.channel[0];

	(void)state;
	for (unsigned int i = 0; i < 7; i++)
		output(data, 60, 0);
	assert_int_equal(channel->counters.rx_drop_not_open, 0);
	rx_sections_destroy(&fake.nic);
	assert_int_equal(channel->counters.rx_drop_not_open, 7);
	assert_int_equal(channel->counters.rx_frames, 0);
	assert_int_equal(channel->built_frames, 0);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define CASE_FAST(f) cmocka_unit_test_setup_teardown(f, setup_fast, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_packet_filter_passes_what_the_guest_asked_for),
		CASE_FAST(the_packet_filter_passes_what_the_guest_asked_for),
		CASE(what_the_guest_cannot_receive_now_is_dropped_with_its_reason),
		CASE_FAST(what_the_guest_cannot_receive_now_is_dropped_with_its_reason),
		CASE(delivered_frames_for_groups_and_for_all_are_counted_apart),
		CASE_FAST(delivered_frames_for_groups_and_for_all_are_counted_apart),
		CASE(without_free_sections_frames_are_dropped_until_some_come_back),
		CASE_FAST(without_free_sections_frames_are_dropped_until_some_come_back),
		CASE(when_the_ring_is_full_a_batch_is_dropped_and_its_sections_return),
		CASE_FAST(when_the_ring_is_full_a_batch_is_dropped_and_its_sections_return),
		CASE(a_transfer_that_outgrows_the_ring_is_dropped_whole),
		CASE_FAST(a_transfer_that_outgrows_the_ring_is_dropped_whole),
		CASE(frames_of_a_transfer_that_was_begun_count_as_dropped_when_the_buffer_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
