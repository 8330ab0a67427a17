/* SPDX-License-Identifier: BSD-3-Clause */

/* Data messages of a guest: which frames come out, which rule a bad one breaks. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "fake.h"

/* A frame of 100 bytes without information. */
#define MESSAGE_BYTES 144u

static uint8_t frame[FAKE_FRAME_BYTES];

static int
start(enum config_check check)
{
	const struct fake_options options = { .check = check };

	for (unsigned int i = 0; i < sizeof(frame); i++)
		frame[i] = (uint8_t)(i ^ i >> 8);
	store_be16(frame + 12, 0x88b5);
	return fake_start(&options);
}

static int
setup(void **state)
{
	(void)state;
	return start(CHECK_FULL);
}

static int
setup_fast(void **state)
{
	(void)state;
	return start(CHECK_FAST);
}

static int
teardown(void **state)
{
	(void)state;
	fake_stop();
	return 0;
}

static uint8_t *
section(unsigned int i)
{
	return fake.send + i * 6144;
}

static void
assert_frame(unsigned int i, const uint8_t *want, uint32_t bytes)
{
	assert_true(i < fake.frame_count);
	assert_int_equal(fake.frames[i].bytes, bytes);
	assert_memory_equal(fake.frames[i].data, want, bytes);
}

/* ---- what is right ---- */

static void
every_packet_of_a_message_arrives_in_place_and_one_completion_follows(void **state)
{
	uint32_t bytes = 0;
	uint64_t id;

	(void)state;
	for (uint32_t i = 0; i < 8; i++)
		bytes += make_message(section(3) + bytes, frame + i, 60 + i, NULL, 0);
	guest_send(0, 77, 3, bytes);
	fake_poll();
	assert_int_equal(fake.frame_count, 8);
	for (uint32_t i = 0; i < 8; i++) {
		assert_frame(i, frame + i, 60 + i);
		assert_true(fake.frames[i].in_place);
	}
	assert_int_equal(guest_status(0, &id), NVSP_STATUS_SUCCESS);
	assert_int_equal(id, 77);
	assert_int_equal(guest_status(0, NULL), UINT32_MAX);
	assert_int_equal(vsp_violations(), 0);
	assert_int_equal(fake.nic.channel[0].counters.bytes_copied, 0);
	assert_int_equal(fake.nic.channel[0].counters.bytes_in_place, 8 * 60 + 28);
}

static void
a_section_may_be_longer_than_a_section_inside_the_buffer(void **state)
{
	uint32_t bytes = 0;

	(void)state;
	fake.profile.packets_per_message = 10;
	for (uint32_t i = 0; i < 10; i++)
		bytes += make_message(section(0) + bytes, frame, 1500, NULL, 0);
	assert_true(bytes > 2 * 6144);
	guest_send(0, 1, 0, bytes);
	fake_poll();
	assert_int_equal(fake.frame_count, 10);
	assert_int_equal(vsp_violations(), 0);
}

/* Page numbers 1... are fake.memory; ranges as given. */
struct list {
	uint64_t words[64];
	unsigned int count;
};

static void
list_add(struct list *list, uint64_t first_page, uint32_t offset, uint32_t bytes, int step)
{
	uint32_t pages = (offset + bytes + 4095) / 4096;

	if (list->count == 0)
		list->count = 1;
	list->words[0] += 1ull << 32;
	list->words[list->count++] = (uint64_t)offset << 32 | bytes;
	for (uint32_t i = 0; i < pages; i++)
		list->words[list->count++] = (uint64_t)((int64_t)first_page + (int64_t)i * step);
}

static void
send_list(const struct list *list, uint32_t section_index, uint32_t section_bytes)
{
	struct nvsp_rndis rndis = {
		NVSP_RNDIS, NVSP_CHANNEL_DATA, section_index, section_bytes
	};

	guest_put(0, VMBUS_PACKET_GPA_DIRECT, 5, list->words, list->count * 8, &rndis,
		sizeof(rndis));
	fake_poll();
}

static void
a_page_list_over_adjacent_pages_is_read_in_place(void **state)
{
	struct list list = { 0 };
	uint32_t bytes = make_message(fake.memory + 4096 - 100, frame, 1400, NULL, 0);

	(void)state;
	list_add(&list, 1, 4096 - 100, bytes, 1);
	send_list(&list, NVSP_SECTION_NONE, 0);
	assert_frame(0, frame, 1400);
	assert_true(fake.frames[0].in_place);
	assert_int_equal(guest_status(0, NULL), NVSP_STATUS_SUCCESS);
	assert_int_equal(vsp_violations(), 0);
}

static void
headers_that_span_scattered_pages_of_one_range_are_read(void **state)
{
	struct list list = { 0 };
	uint8_t message[2048];
	uint32_t bytes = make_message(message, frame, 1000, NULL, 0);

	(void)state;
	/* Page 9 then page 8: the header's first 20 bytes end page 9. */
	memcpy(fake.memory + 9 * 4096 - 20, message, 20);
	memcpy(fake.memory + 7 * 4096, message + 20, bytes - 20);
	list_add(&list, 9, 4096 - 20, bytes, -1);
	send_list(&list, NVSP_SECTION_NONE, 0);
	assert_frame(0, frame, 1000);
	assert_int_equal(vsp_violations(), 0);
}

static void
header_in_a_section_and_payload_by_thirty_ranges_is_one_frame(void **state)
{
	struct list list = { 0 };
	uint32_t header_bytes, at = 0;

	(void)state;
	fake.nic.frame_max = 1514;
	header_bytes = make_message(section(1), frame, 0, NULL, 0);
	/* The length is that of the frame, which follows in ranges. */
	store_be32(section(1) + 12, 0);
	section(1)[12] = (uint8_t)(30 * 40);
	section(1)[13] = (30 * 40) >> 8;
	store_be32(section(1) + 4, 0);
	section(1)[4] = (uint8_t)(44 + 30 * 40);
	section(1)[5] = (44 + 30 * 40) >> 8;
	assert_int_equal(header_bytes, 48);
	for (unsigned int i = 0; i < 30; i++, at += 40) {
		memcpy(fake.memory + (30 - i) * 4096 + i * 8, frame + at, 40);
		list_add(&list, 31 - i, i * 8, 40, 1);
	}
	send_list(&list, 1, 44);
	assert_frame(0, frame, 1200);
	assert_int_equal(guest_status(0, NULL), NVSP_STATUS_SUCCESS);
	assert_int_equal(vsp_violations(), 0);
	assert_int_equal(fake.nic.channel[0].counters.bytes_copied, 0);
}

static void
pages_that_the_transport_had_to_copy_are_counted(void **state)
{
	struct list list = { 0 };
	uint32_t bytes = make_message(fake.memory, frame, 500, NULL, 0);

	(void)state;
	fake.pages_copied = true;
	list_add(&list, 1, 0, bytes, 1);
	send_list(&list, NVSP_SECTION_NONE, 0);
	assert_frame(0, frame, 500);
	assert_int_equal(fake.nic.channel[0].counters.bytes_copied, 500);
	assert_int_equal(fake.nic.channel[0].counters.bytes_in_place, 0);
}

static void
a_vlan_tag_travels_beside_the_frame(void **state)
{
	/* Priority 5, DEI, id 0x123. */
	static const uint32_t ppi[1][2] = { { RNDIS_PPI_VLAN, 0x5 | 0x8 | 0x123 << 4 } };

	(void)state;
	guest_send(0, 1, 0, make_message(section(0), frame, 100, ppi, 1));
	fake_poll();
	assert_frame(0, frame, 100);
	assert_int_equal(fake.frames[0].flags & FRAME_VLAN, FRAME_VLAN);
	assert_int_equal(fake.frames[0].vlan_tci, 5 << 13 | 1 << 12 | 0x123);
	assert_int_equal(vsp_violations(), 0);
}

static void
unknown_information_is_ignored(void **state)
{
	static const uint32_t ppi[3][2] = { { RNDIS_PPI_HASH_VALUE, 1 }, { 77, 2 },
		{ RNDIS_PPI_PACKET_ID, 3 } };

	(void)state;
	guest_send(0, 1, 0, make_message(section(0), frame, 100, ppi, 3));
	fake_poll();
	assert_frame(0, frame, 100);
	assert_true(fake.frames[0].in_place);
	assert_int_equal(vsp_violations(), 0);
}

static void
frames_with_and_without_offloads_keep_their_order(void **state)
{
	static const uint32_t ppi[1][2] = { { RNDIS_PPI_VLAN, 0x10 } };
	uint32_t bytes = 0;

	(void)state;
	for (uint32_t i = 0; i < 6; i++)
		bytes += make_message(section(0) + bytes, frame, 100 + i, ppi, i % 2);
	guest_send(0, 1, 0, bytes);
	fake_poll();
	assert_int_equal(fake.frame_count, 6);
	for (uint32_t i = 0; i < 6; i++) {
		assert_frame(i, frame, 100 + i);
		assert_int_equal((fake.frames[i].flags & FRAME_VLAN) != 0, i % 2);
	}
}

static void
messages_in_flight_at_a_restart_are_lost_but_completed(void **state)
{
	(void)state;
	make_message(section(0), frame, 100, NULL, 0);
	for (unsigned int i = 0; i < 3; i++)
		guest_send(0, i, 0, MESSAGE_BYTES);
	fake.nic.channel[0].losing = true;
	fake.nic.channel[0].lose_until = fake.channel[0].tx_page->write_index;
	guest_send(0, 3, 0, MESSAGE_BYTES);
	fake_poll();
	assert_int_equal(fake.frame_count, 1);
	for (unsigned int i = 0; i < 4; i++)
		assert_int_equal(guest_status(0, NULL), NVSP_STATUS_SUCCESS);
	assert_int_equal(fake.nic.channel[0].counters.tx_lost, 3);
}

static void
a_control_message_sent_as_data_goes_to_rndis(void **state)
{
	uint32_t message[3] = { RNDIS_KEEPALIVE, 12, 1 };

	(void)state;
	memcpy(section(0), message, sizeof(message));
	guest_send(0, 1, 0, sizeof(message));
	fake_poll();
	assert_int_equal(fake.rndis_messages, 1);
	assert_int_equal(vsp_violations(), 0);
}

/* ---- what is wrong ---- */

/* A good message of one 100-byte frame with a VLAN PPI, in which one word is
 * overwritten: the rule it breaks. No frame may arrive. */
static const struct {
	const char *what;
	uint32_t at, value;             /* 32-bit word at this offset */
	uint32_t bytes;                 /* of the message; 0: as it is */
	enum vsp_rule rule;
} wrong[] = {
	{ "message length 43", 4, 43, 0, VSP_RULE_RNDIS_HEADER },
	{ "message length 0", 4, 0, 0, VSP_RULE_RNDIS_HEADER },
	{ "message length past the message", 4, 161, 0, VSP_RULE_RNDIS_HEADER },
	{ "huge message length", 4, 0xffffffff, 0, VSP_RULE_RNDIS_HEADER },
	{ "message cut to 40 bytes", 4, 40, 40, VSP_RULE_RNDIS_HEADER },
	{ "message cut to 7 bytes", 4, 40, 7, VSP_RULE_RNDIS_HEADER },
	{ "empty frame", 12, 0, 0, VSP_RULE_RNDIS_DATA_RANGE },
	{ "frame one byte too long", 12, 101, 0, VSP_RULE_RNDIS_DATA_RANGE },
	{ "huge frame", 12, 0xfffffff0, 0, VSP_RULE_RNDIS_DATA_RANGE },
	{ "frame offset past the message", 8, 153, 0, VSP_RULE_RNDIS_DATA_RANGE },
	{ "huge frame offset", 8, 0xffffffff, 0, VSP_RULE_RNDIS_DATA_RANGE },
	{ "oob offset", 16, 1, 0, VSP_RULE_RNDIS_OOB },
	{ "oob length", 20, 1, 0, VSP_RULE_RNDIS_OOB },
	{ "oob count", 24, 1, 0, VSP_RULE_RNDIS_OOB },
	{ "vc handle", 36, 1, 0, VSP_RULE_RNDIS_OOB },
	{ "ppi offset past the message", 28, 153, 0, VSP_RULE_PPI_RANGE },
	{ "ppi longer than the message", 32, 200, 0, VSP_RULE_PPI_RANGE },
	{ "huge ppi length", 32, 0xffffffff, 0, VSP_RULE_PPI_RANGE },
	{ "half a ppi", 32, 8, 0, VSP_RULE_PPI_RANGE },
	{ "ppi of size 0", 44, 0, 0, VSP_RULE_PPI_RANGE },
	{ "ppi of size 11", 44, 11, 0, VSP_RULE_PPI_RANGE },
	{ "ppi larger than the list", 44, 17, 0, VSP_RULE_PPI_RANGE },
	{ "ppi data past the ppi", 52, 13, 0, VSP_RULE_PPI_RANGE },
	{ "huge ppi data offset", 52, 0xfffffffc, 0, VSP_RULE_PPI_RANGE },
	{ "frame of 13 bytes", 12, 13, 0, VSP_RULE_FRAME_LENGTH },
};

static void
a_bad_message_fails_by_its_rule_and_the_channel_lives(void **state)
{
	static const uint32_t ppi[1][2] = { { RNDIS_PPI_VLAN, 0x10 } };

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(wrong); i++) {
		uint32_t bytes = make_message(section(0), frame, 100, ppi, 1), status;
		bool report = vsp_rule_consequence(wrong[i].rule) == VSP_REPORT;

		assert_int_equal(bytes, 160);   /* 44 + 16 + 100 */
		memcpy(section(0) + wrong[i].at, &wrong[i].value, 4);
		fake.frame_count = 0;
		memset(fake.nic.rule_counts, 0, sizeof(fake.nic.rule_counts));
		guest_send(0, i, 0, wrong[i].bytes != 0 ? wrong[i].bytes : bytes);
		fake_poll();
		status = guest_status(0, NULL);
		if (fake_rule(wrong[i].rule) != 1 || fake.frame_count != 0 ||
		    status != (report ? NVSP_STATUS_SUCCESS : NVSP_STATUS_FAILURE))
			fail_msg("%s: %u times, %u frames, status %u", wrong[i].what,
				(unsigned int)fake_rule(wrong[i].rule), fake.frame_count, status);
	}
	make_message(section(0), frame, 100, NULL, 0);
	guest_send(0, 1, 0, MESSAGE_BYTES);
	fake_poll();
	assert_int_equal(guest_status(0, NULL), NVSP_STATUS_SUCCESS);
}

static void
one_bad_packet_drops_all_of_its_message(void **state)
{
	uint32_t bytes = 0, second, type = RNDIS_QUERY;

	(void)state;
	bytes += make_message(section(0), frame, 100, NULL, 0);
	second = bytes;
	bytes += make_message(section(0) + bytes, frame, 100, NULL, 0);
	bytes += make_message(section(0) + bytes, frame, 100, NULL, 0);
	memcpy(section(0) + second, &type, 4);
	guest_send(0, 1, 0, bytes);
	fake_poll();
	assert_int_equal(fake_rule(VSP_RULE_RNDIS_NOT_PACKET), 1);
	assert_int_equal(fake.frame_count, 0);
	assert_int_equal(guest_status(0, NULL), NVSP_STATUS_FAILURE);
}

static void
headers_split_between_ranges_fail_the_message(void **state)
{
	struct list list = { 0 };
	uint32_t bytes = make_message(fake.memory, frame, 100, NULL, 0);

	(void)state;
	list_add(&list, 1, 0, 40, 1);
	list_add(&list, 1, 40, bytes - 40, 1);
	send_list(&list, NVSP_SECTION_NONE, 0);
	assert_int_equal(fake_rule(VSP_RULE_RNDIS_HEADER), 1);
	assert_int_equal(guest_status(0, NULL), NVSP_STATUS_FAILURE);
}

static void
information_outside_the_first_range_fails_the_message(void **state)
{
	static const uint32_t ppi[1][2] = { { RNDIS_PPI_VLAN, 0x10 } };
	struct list list = { 0 };
	uint32_t bytes = make_message(fake.memory, frame, 100, ppi, 1);

	(void)state;
	list_add(&list, 1, 0, 48, 1);
	list_add(&list, 1, 48, bytes - 48, 1);
	send_list(&list, NVSP_SECTION_NONE, 0);
	assert_int_equal(fake_rule(VSP_RULE_PPI_RANGE), 1);
	assert_int_equal(guest_status(0, NULL), NVSP_STATUS_FAILURE);
}

static void
a_page_number_that_leads_nowhere_fails_the_message(void **state)
{
	struct list list = { 0 };

	(void)state;
	make_message(fake.memory, frame, 100, NULL, 0);
	list_add(&list, FAKE_PAGES + 1, 0, MESSAGE_BYTES, 1);
	send_list(&list, NVSP_SECTION_NONE, 0);
	assert_int_equal(fake_rule(VSP_RULE_PAGE_UNKNOWN), 1);
	assert_int_equal(guest_status(0, NULL), NVSP_STATUS_FAILURE);
	assert_true(channel_is_open(&fake.nic.channel[0]));
}

static void
pages_of_an_isolated_guest_are_its_own(void **state)
{
	struct list list = { 0 };

	(void)state;
	make_message(fake.memory, frame, 100, NULL, 0);
	list_add(&list, 1, 0, MESSAGE_BYTES, 1);
	fake.nic.isolated = true;
	send_list(&list, NVSP_SECTION_NONE, 0);
	assert_int_equal(fake_rule(VSP_RULE_PAGE_PRIVATE), 1);
	assert_int_equal(guest_status(0, NULL), NVSP_STATUS_FAILURE);
	assert_int_equal(fake.nic.channel[0].counters.tx_page_lists, 0);
	assert_true(channel_is_open(&fake.nic.channel[0]));
}

static const struct {
	uint32_t index, bytes;
} sections[] = {
	{ 64, 100 }, { 0xfffffffe, 100 }, { 63, 6145 }, { 0, 64 * 6144 + 1 }, { 1, 0xffffffff },
};

static void
a_section_outside_the_buffer_silences_the_channel(void **state)
{
	static const struct fake_options options = { .check = CHECK_FULL };

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(sections); i++) {
		fake_stop();
		assert_int_equal(fake_start(&options), 0);
		guest_send(0, 1, sections[i].index, sections[i].bytes);
		fake_poll();
		assert_int_equal(fake_rule(VSP_RULE_SECTION_INDEX), 1);
		assert_int_equal(fake.nic.channel[0].state, CHANNEL_DEAD);
		make_message(section(0), frame, 100, NULL, 0);
		guest_send(0, 2, 0, MESSAGE_BYTES);
		fake_poll();
		assert_int_equal(guest_status(0, NULL), UINT32_MAX);
	}
}

static void
messages_before_a_fatal_one_are_completed(void **state)
{
	(void)state;
	make_message(section(0), frame, 100, NULL, 0);
	guest_send(0, 1, 0, MESSAGE_BYTES);
	guest_send(0, 2, 99, MESSAGE_BYTES);
	fake_poll();
	assert_int_equal(fake.frame_count, 1);
	assert_int_equal(guest_status(0, NULL), NVSP_STATUS_SUCCESS);
	assert_int_equal(fake.nic.channel[0].state, CHANNEL_DEAD);
}

static void
a_message_without_the_completion_flag_is_reported(void **state)
{
	struct vmbus_packet_header header = { VMBUS_PACKET_INBAND, 2, 4, 0, 1 };
	struct nvsp_rndis rndis = { NVSP_RNDIS, NVSP_CHANNEL_DATA, 0, MESSAGE_BYTES };

	(void)state;
	make_message(section(0), frame, 100, NULL, 0);
	guest_put_raw(0, &header, &rndis, sizeof(rndis));
	fake_poll();
	assert_int_equal(fake_rule(VSP_RULE_COMPLETION_NOT_REQUESTED), 1);
	assert_int_equal(fake.frame_count, 1);
	assert_int_equal(guest_status(0, NULL), UINT32_MAX);
}

static void
more_packets_or_less_alignment_than_announced_is_reported(void **state)
{
	uint32_t bytes = 0, odd = MESSAGE_BYTES + 3;

	(void)state;
	for (unsigned int i = 0; i < 9; i++)
		bytes += make_message(section(0) + bytes, frame, 100, NULL, 0);
	guest_send(0, 1, 0, bytes);
	fake_poll();
	assert_int_equal(fake_rule(VSP_RULE_RNDIS_PACKETS_PER_MESSAGE), 1);
	assert_int_equal(fake_rule(VSP_RULE_RNDIS_ALIGNMENT), 0);
	make_message(section(0), frame, 100, NULL, 0);
	memcpy(section(0) + 4, &odd, 4);
	make_message(section(0) + odd, frame, 100, NULL, 0);
	guest_send(0, 1, 0, odd + MESSAGE_BYTES);
	fake_poll();
	assert_int_equal(fake_rule(VSP_RULE_RNDIS_ALIGNMENT), 1);
	assert_int_equal(fake.frame_count, 11);
}

static void
a_frame_above_the_mtu_is_dropped_and_reported(void **state)
{
	(void)state;
	guest_send(0, 1, 0, make_message(section(0), frame, 1515, NULL, 0));
	guest_send(0, 2, 1, make_message(section(1), frame, 1514, NULL, 0));
	fake_poll();
	assert_int_equal(fake_rule(VSP_RULE_FRAME_LENGTH), 1);
	assert_int_equal(fake.frame_count, 1);
	/* A tag inside does not count. */
	store_be16(frame + 12, ETHER_VLAN);
	guest_send(0, 2, 1, make_message(section(1), frame, 1518, NULL, 0));
	fake_poll();
	assert_int_equal(fake_rule(VSP_RULE_FRAME_LENGTH), 1);
	assert_int_equal(fake.frame_count, 2);
}

static void
random_messages_never_break_the_host(void **state)
{
	struct rng rng = { 42 };

	(void)state;
	for (unsigned int i = 0; i < 20000; i++) {
		static const uint32_t ppi[2][2] = { { 0, 0x00220015 }, { 2, 0x42200064 } };
		uint32_t bytes = make_message(section(0), frame, 100 + rng_below(&rng, 900), ppi,
			rng_below(&rng, 3));
		unsigned int flips = rng_below(&rng, 4);

		for (unsigned int j = 0; j < flips; j++)
			section(0)[rng_below(&rng, 130)] = (uint8_t)rng_next(&rng);
		fake.frame_count = 0;
		guest_send(0, i, 0, rng_below(&rng, 8) == 0 ? rng_below(&rng, bytes) : bytes);
		fake_poll();
		while (guest_status(0, NULL) != UINT32_MAX)
			;
		assert_true(channel_is_open(&fake.nic.channel[0]));
	}
	assert_true(vsp_violations() > 1000);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define CASE_FAST(f) cmocka_unit_test_setup_teardown(f, setup_fast, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(every_packet_of_a_message_arrives_in_place_and_one_completion_follows),
		CASE_FAST(every_packet_of_a_message_arrives_in_place_and_one_completion_follows),
		CASE(a_section_may_be_longer_than_a_section_inside_the_buffer),
		CASE_FAST(a_section_may_be_longer_than_a_section_inside_the_buffer),
		CASE(a_page_list_over_adjacent_pages_is_read_in_place),
		CASE(headers_that_span_scattered_pages_of_one_range_are_read),
		CASE(header_in_a_section_and_payload_by_thirty_ranges_is_one_frame),
		CASE(pages_that_the_transport_had_to_copy_are_counted),
		CASE_FAST(pages_that_the_transport_had_to_copy_are_counted),
		CASE(a_vlan_tag_travels_beside_the_frame),
		CASE(unknown_information_is_ignored),
		CASE_FAST(unknown_information_is_ignored),
		CASE(frames_with_and_without_offloads_keep_their_order),
		CASE_FAST(frames_with_and_without_offloads_keep_their_order),
		CASE(messages_in_flight_at_a_restart_are_lost_but_completed),
		CASE(a_control_message_sent_as_data_goes_to_rndis),
		CASE(a_bad_message_fails_by_its_rule_and_the_channel_lives),
		CASE_FAST(a_bad_message_fails_by_its_rule_and_the_channel_lives),
		CASE(one_bad_packet_drops_all_of_its_message),
		CASE_FAST(one_bad_packet_drops_all_of_its_message),
		CASE(headers_split_between_ranges_fail_the_message),
		CASE(information_outside_the_first_range_fails_the_message),
		CASE(a_page_number_that_leads_nowhere_fails_the_message),
		CASE(pages_of_an_isolated_guest_are_its_own),
		CASE(a_section_outside_the_buffer_silences_the_channel),
		CASE(messages_before_a_fatal_one_are_completed),
		CASE(a_message_without_the_completion_flag_is_reported),
		CASE(more_packets_or_less_alignment_than_announced_is_reported),
		CASE(a_frame_above_the_mtu_is_dropped_and_reported),
		CASE_FAST(a_frame_above_the_mtu_is_dropped_and_reported),
		CASE(random_messages_never_break_the_host),
		CASE_FAST(random_messages_never_break_the_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
