/* SPDX-License-Identifier: BSD-3-Clause */

/* Segments and ports, wires, and the form in which frames are handed over. */

#include "fixture.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "core/engine.h"
#include "switch/segment.h"

static uint8_t data[8][10000];

static struct sw *wire;
static struct probe *left, *right;

static int
wire_setup(void **state)
{
	if (engine_setup(state) < 0)
		return -1;
	wire = sw_create_wire("wire");
	left = probe_create(wire, "left");
	right = probe_create(wire, "right");
	return 0;
}

/* Two or three plain frames. */
static void
some_frames(struct frame *frames, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		frames[i] = plain_frame(data[i], 64 + i, 1, 2);
}

/* An untagged IPv4/UDP frame of 62 bytes whose checksum is partial. */
static struct frame
partial_frame(uint8_t *buffer)
{
	struct frame frame = plain_frame(buffer, 62, 1, 2);
	uint16_t sum;

	memcpy(buffer + 12, "\x08\x00\x45\x00\x00\x30", 6);
	buffer[23] = 17;
	sum = (uint16_t)~reference_checksum(buffer + 26, 8, 17 + 28);
	buffer[40] = (uint8_t)(sum >> 8);
	buffer[41] = (uint8_t)sum;
	frame.flags = FRAME_CSUM_PARTIAL;
	frame.l4_offset = 34;
	return frame;
}

static void
names_of_segments_and_ports_are_unique(void **state)
{
	struct probe other = { .port = { .name = "left" } };
	struct sw *sw;

	(void)state;
	errno = 0;
	assert_null(sw_create("wire"));
	assert_int_equal(errno, EEXIST);
	assert_null(sw_create(""));
	assert_null(sw_create("a-name-that-is-longer-than-thirty-one"));
	sw = sw_create("other");
	assert_non_null(sw);
	assert_ptr_equal(sw_find("other"), sw);
	assert_string_equal(sw_name(sw), "other");
	assert_int_equal(sw_attach(sw, &other.port), -EEXIST);
	assert_ptr_equal(sw_port_find("left"), &left->port);
	assert_null(sw_port_find("nobody"));
	sw_destroy(sw);
	assert_null(sw_find("other"));
}

static void
walks_see_every_switch_and_port(void **state)
{
	struct sw *second = sw_create("second");

	(void)state;
	assert_ptr_equal(sw_next(NULL), wire);
	assert_ptr_equal(sw_next(wire), second);
	assert_null(sw_next(second));
	assert_ptr_equal(sw_port_next(wire, NULL), &left->port);
	assert_ptr_equal(sw_port_next(wire, &left->port), &right->port);
	assert_null(sw_port_next(wire, &right->port));
	assert_null(sw_port_next(second, NULL));
}

static void
a_wire_has_two_ends_and_a_freed_one_is_taken_again(void **state)
{
	struct probe third = { .port = { .name = "third", .link_up = true } };
	struct frame frame;

	(void)state;
	assert_int_equal(sw_attach(wire, &third.port), -ENOSPC);
	sw_port_remove(&left->port);
	assert_int_equal(sw_room(&right->port), 0);
	frame = plain_frame(data[0], 64, 1, 2);
	sw_input(&right->port, &frame, 1);
	assert_int_equal(right->port.counters.rx_drops, 1);
	left = probe_create(wire, "again");
	assert_int_equal(left->port.id, 0);
	sw_input(&right->port, &frame, 1);
	assert_int_equal(left->count, 1);
}

static void
a_wire_hands_over_the_very_bytes_in_one_call(void **state)
{
	struct frame frames[3];

	(void)state;
	some_frames(frames, 3);
	sw_input(&left->port, frames, 3);
	assert_int_equal(right->calls, 1);
	assert_int_equal(right->count, 3);
	assert_int_equal(left->count, 0);
	for (unsigned int i = 0; i < 3; i++)
		assert_ptr_equal(right->original[i], data[i]);
	assert_int_equal(left->port.counters.rx_frames, 3);
	assert_int_equal(left->port.counters.rx_bytes, 64 + 65 + 66);
	assert_int_equal(right->port.counters.tx_frames, 3);
	assert_int_equal(right->port.counters.tx_bytes, 64 + 65 + 66);
	assert_int_equal(stat_of(&right->port, "tx_bytes"), 64 + 65 + 66);
}

static void
a_link_that_is_down_passes_nothing_and_has_no_room(void **state)
{
	struct frame frames[2];

	(void)state;
	some_frames(frames, 2);
	right->port.link_up = false;
	assert_int_equal(sw_room(&left->port), 0);
	sw_input(&left->port, frames, 2);
	assert_int_equal(right->count, 0);
	assert_int_equal(right->port.counters.tx_drops, 2);
	right->port.link_up = true;
	left->port.link_up = false;
	assert_int_equal(sw_room(&left->port), 0);
	sw_input(&left->port, frames, 2);
	assert_int_equal(right->count, 0);
	assert_int_equal(left->port.counters.rx_drops, 2);
	left->port.link_up = true;
	sw_input(&left->port, frames, 2);
	assert_int_equal(right->count, 2);
}

static void
room_is_what_the_other_end_says(void **state)
{
	struct probe *lone;

	(void)state;
	right->room = 17;
	assert_int_equal(sw_room(&left->port), 17);
	lone = probe_create(sw_create("bridge"), "lone");
	assert_int_equal(sw_room(&lone->port), UINT_MAX);
}

static void
frames_of_impossible_lengths_are_refused_and_the_others_pass(void **state)
{
	struct frame frames[4];

	(void)state;
	some_frames(frames, 4);
	frames[0].bytes = 13;
	frames[2].bytes = FRAME_BYTES_MAX + 1;
	sw_input(&left->port, frames, 4);
	assert_int_equal(right->count, 2);
	assert_ptr_equal(right->original[0], data[1]);
	assert_ptr_equal(right->original[1], data[3]);
	assert_int_equal(left->port.counters.rx_drops, 2);
	assert_int_equal(left->port.counters.rx_frames, 2);
	frames[0].bytes = 14;
	frames[2].bytes = FRAME_BYTES_MAX;
	sw_input(&left->port, frames, 4);
	assert_int_equal(right->count, 6);
}

static void
a_partial_checksum_is_completed_only_for_a_port_that_needs_it(void **state)
{
	struct frame frame = partial_frame(data[0]);
	uint8_t before[64];

	(void)state;
	memcpy(before, data[0], 62);
	right->port.accepts_partial = true;
	sw_input(&left->port, &frame, 1);
	assert_ptr_equal(right->original[0], data[0]);
	assert_int_equal(right->got[0].flags, FRAME_CSUM_PARTIAL);
	right->port.accepts_partial = false;
	sw_input(&left->port, &frame, 1);
	assert_true(right->got[1].flags & FRAME_CSUM_GOOD);
	assert_false(right->got[1].flags & FRAME_CSUM_PARTIAL);
	assert_true(l4_checksum_right(right->got[1].data, 62));
	/* The sender's frame is not ours to write. */
	assert_memory_equal(before, data[0], 62);
	assert_ptr_not_equal(right->original[1], data[0]);
	frame.flags |= FRAME_WRITABLE;
	sw_input(&left->port, &frame, 1);
	assert_ptr_equal(right->original[2], data[0]);
	assert_true(l4_checksum_right(data[0], 62));
}

static void
a_tag_beside_the_frame_is_put_in_only_for_a_port_that_needs_it(void **state)
{
	struct frame frame = partial_frame(data[0]);
	uint8_t expected[80];

	(void)state;
	frame.flags |= FRAME_VLAN;
	frame.vlan_tci = 0x6064;
	right->port.accepts_partial = true;
	right->port.accepts_vlan_flag = true;
	sw_input(&left->port, &frame, 1);
	assert_int_equal(right->got[0].flags, FRAME_CSUM_PARTIAL | FRAME_VLAN);
	assert_int_equal(right->got[0].bytes, 62);
	right->port.accepts_vlan_flag = false;
	sw_input(&left->port, &frame, 1);
	memcpy(expected, data[0], 12);
	memcpy(expected + 12, "\x81\x00\x60\x64", 4);
	memcpy(expected + 16, data[0] + 12, 50);
	assert_int_equal(right->got[1].bytes, 66);
	assert_int_equal(right->got[1].l4_offset, 38);
	assert_false(right->got[1].flags & FRAME_VLAN);
	assert_memory_equal(right->got[1].data, expected, 66);
	/* Both at once: the checksum is completed behind the tag. */
	right->port.accepts_partial = false;
	sw_input(&left->port, &frame, 1);
	memmove(expected + 12, right->got[2].data + 16, 50);
	assert_true(l4_checksum_right(expected, 62));
	assert_int_equal(right->port.counters.tx_bytes, 62 + 66 + 66);
}

static void
a_full_batch_of_jumbo_frames_can_be_tagged(void **state)
{
	struct frame frames[FRAME_BATCH_MAX];

	(void)state;
	for (unsigned int i = 0; i < FRAME_BATCH_MAX; i++) {
		frames[i] = plain_frame(data[i % 8], FRAME_BYTES_MAX, 1, 2);
		frames[i].flags = FRAME_VLAN;
		frames[i].vlan_tci = (uint16_t)i;
	}
	sw_input(&left->port, frames, FRAME_BATCH_MAX);
	assert_int_equal(right->count, FRAME_BATCH_MAX);
	for (unsigned int i = 0; i < FRAME_BATCH_MAX; i++) {
		assert_int_equal(right->got[i].bytes, FRAME_BYTES_MAX + 4);
		assert_int_equal(right->got[i].data[14] << 8 | right->got[i].data[15], i);
		assert_memory_equal(right->got[i].data + 16, data[i % 8] + 12, FRAME_BYTES_MAX - 12);
	}
	assert_int_equal(right->port.counters.tx_drops, 0);
}

static struct sw_port *
port_create(struct sw *sw, const char *spec)
{
	char error[256] = "";
	struct sw_port *port = sw_port_create(sw, spec, 1, error, sizeof(error));

	if (port == NULL)
		fail_msg("%s: %s", spec, error);
	return port;
}

static void
an_echo_sends_the_very_frames_back(void **state)
{
	struct frame frames[3];

	(void)state;
	sw_port_remove(&right->port);
	port_create(wire, "echo");
	some_frames(frames, 3);
	frames[1].flags = FRAME_VLAN;
	frames[1].vlan_tci = 5;
	left->port.accepts_vlan_flag = true;
	sw_input(&left->port, frames, 3);
	assert_int_equal(left->count, 3);
	assert_int_equal(left->calls, 1);
	assert_ptr_equal(left->original[0], data[0]);
	assert_int_equal(left->got[1].flags, FRAME_VLAN);
	assert_int_equal(left->got[1].vlan_tci, 5);
}

static void
an_echo_swaps_addresses_in_a_copy(void **state)
{
	struct frame frame = plain_frame(data[0], 64, 1, 2);
	uint8_t before[64];

	(void)state;
	memcpy(before, data[0], 64);
	sw_port_remove(&right->port);
	port_create(wire, "echo:swap=mac");
	sw_input(&left->port, &frame, 1);
	assert_int_equal(left->count, 1);
	assert_memory_equal(left->got[0].data, before + 6, 6);
	assert_memory_equal(left->got[0].data + 6, before, 6);
	assert_memory_equal(left->got[0].data + 12, before + 12, 52);
	assert_memory_equal(data[0], before, 64);
}

static bool
three_came_back(void *arg)
{
	return ((struct probe *)arg)->count == 3;
}

static void
a_delayed_echo_keeps_order_and_answers_late(void **state)
{
	uint64_t start_ns = engine_clock_ns();
	struct frame frames[3];

	(void)state;
	sw_port_remove(&right->port);
	port_create(wire, "echo:delay=20ms");
	some_frames(frames, 3);
	sw_input(&left->port, frames, 3);
	memset(data, 0, sizeof(data));          /* a copy is what is kept */
	assert_int_equal(left->count, 0);
	assert_true(run_until(three_came_back, left, 5));
	assert_true(engine_clock_ns() - start_ns >= 19000000);
	for (unsigned int i = 0; i < 3; i++) {
		assert_int_equal(left->got[i].bytes, 64 + i);
		assert_int_equal(left->got[i].data[63], 63);
	}
}

static void
echoes_that_face_each_other_do_not_answer_for_ever(void **state)
{
	struct sw *sw = sw_create("loop");
	struct probe *probe = probe_create(sw, "probe");
	struct sw_port *first = port_create(sw, "echo");
	struct sw_port *second = port_create(sw, "echo");
	struct frame frame = plain_frame(data[0], 64, 1, 2);

	(void)state;
	data[0][0] = 0xff;      /* to all */
	sw_input(&probe->port, &frame, 1);
	assert_in_range(probe->count, 2, 100);
	assert_true(first->counters.rx_drops + second->counters.rx_drops > 0);
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, wire_setup, engine_teardown)
	const struct CMUnitTest tests[] = {
		CASE(names_of_segments_and_ports_are_unique),
		CASE(walks_see_every_switch_and_port),
		CASE(a_wire_has_two_ends_and_a_freed_one_is_taken_again),
		CASE(a_wire_hands_over_the_very_bytes_in_one_call),
		CASE(a_link_that_is_down_passes_nothing_and_has_no_room),
		CASE(room_is_what_the_other_end_says),
		CASE(frames_of_impossible_lengths_are_refused_and_the_others_pass),
		CASE(a_partial_checksum_is_completed_only_for_a_port_that_needs_it),
		CASE(a_tag_beside_the_frame_is_put_in_only_for_a_port_that_needs_it),
		CASE(a_full_batch_of_jumbo_frames_can_be_tagged),
		CASE(an_echo_sends_the_very_frames_back),
		CASE(an_echo_swaps_addresses_in_a_copy),
		CASE(a_delayed_echo_keeps_order_and_answers_late),
		CASE(echoes_that_face_each_other_do_not_answer_for_ever),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
