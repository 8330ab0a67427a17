/* SPDX-License-Identifier: BSD-3-Clause */

/* Generated frames: what they look like, what a receiver notices, and what
 * is due by the clock. */

#include "fixture.h"

#include <string.h>

#include "core/engine.h"
#include "switch/gen_check.h"
#include "switch/gen_frame.h"
#include "switch/pace.h"

static uint8_t buffers[16][FRAME_BYTES_MAX + GEN_BUFFER_BYTES];
static struct gen_check *check;
static struct gen_builder builder;
static struct gen_flow flow;

static int
setup(void **state)
{
	const struct gen_shape shape = { .src = { 2, 1 }, .dst = { 2, 2 }, .generator = 7 };

	memset(&flow, 0, sizeof(flow));
	gen_builder_init(&builder, &shape);
	check = gen_check_create();
	return check == NULL ? -1 : engine_setup(state);
}

static int
teardown(void **state)
{
	gen_check_destroy(check);
	return engine_teardown(state);
}

static struct frame
next_frame(unsigned int buffer, uint32_t bytes)
{
	struct frame frame = { .data = buffers[buffer], .bytes = bytes };

	gen_build(&builder, &flow, 3, 1000, &frame);
	return frame;
}

static void
check_one(const struct frame *frame)
{
	gen_check_frames(check, frame, 1, 1500);
}

static const struct gen_check_counters *
counters(void)
{
	return gen_check_counters(check);
}

/* ---- frames ---- */

static void
every_shape_and_length_is_a_correct_packet(void **state)
{
	uint64_t good = 0;

	(void)state;
	for (unsigned int bits = 0; bits < 4; bits++) {
		const struct gen_shape shape = {
			.ipv6 = bits & 1, .tcp = bits & 2, .generator = (uint16_t)bits,
		};

		gen_builder_init(&builder, &shape);
		memset(&flow, 0, sizeof(flow));
		for (uint32_t bytes = gen_frame_min(&shape); bytes <= FRAME_BYTES_MAX; bytes++) {
			struct frame frame = next_frame(0, bytes);

			assert_int_equal(frame.bytes, bytes);
			assert_true(l4_checksum_right(frame.data, bytes));
			if (!shape.ipv6)
				assert_int_equal(reference_checksum(frame.data + 14, 20, 0), 0);
			assert_true(frame.flags & FRAME_CSUM_GOOD);
			check_one(&frame);
			assert_int_equal(counters()->received, ++good);
		}
	}
	assert_int_equal(counters()->lost + counters()->corrupt + counters()->foreign, 0);
}

static void
the_shortest_udp_frame_is_60_bytes(void **state)
{
	struct gen_shape shape = { .ipv6 = false };

	(void)state;
	assert_int_equal(gen_frame_min(&shape), 60);
	shape.ipv6 = true;
	assert_int_equal(gen_frame_min(&shape), 78);
	shape.tcp = true;
	assert_int_equal(gen_frame_min(&shape), 90);
}

static void
a_partial_frame_completes_to_the_full_one(void **state)
{
	struct gen_shape shape = { .partial = true };
	struct frame frame;

	(void)state;
	for (unsigned int tcp = 0; tcp < 2; tcp++) {
		shape.tcp = tcp;
		gen_builder_init(&builder, &shape);
		frame = next_frame(0, 333);
		assert_true(frame.flags & FRAME_CSUM_PARTIAL);
		assert_false(l4_checksum_right(frame.data, frame.bytes));
		check_one(&frame);
		frame_complete(&frame);
		assert_true(l4_checksum_right(frame.data, frame.bytes));
		check_one(&frame);
	}
	assert_int_equal(counters()->corrupt, 0);
	assert_int_equal(counters()->duplicate, 2);
}

static void
tcp_sequence_numbers_follow_each_other(void **state)
{
	const struct gen_shape shape = { .tcp = true };
	uint32_t expected = 0;

	(void)state;
	gen_builder_init(&builder, &shape);
	for (uint32_t bytes = 70; bytes < 1500; bytes += 13) {
		struct frame frame = next_frame(0, bytes);
		const uint8_t *p = frame.data + 38;

		assert_int_equal((uint32_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3], expected);
		expected += bytes - 54;
	}
}

/* ---- what the receiver notices ---- */

static void
loss_is_the_numbers_passed_over(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 100; i++) {
		struct frame frame = next_frame(0, 64);

		if (i != 0 && i % 10 != 5)
			check_one(&frame);
	}
	assert_int_equal(counters()->received, 89);
	assert_int_equal(counters()->lost, 11);
	assert_int_equal(counters()->reordered + counters()->duplicate, 0);
}

static void
numbers_that_a_source_skipped_are_lost(void **state)
{
	struct frame frame = next_frame(0, 64);

	(void)state;
	check_one(&frame);
	gen_skip(&flow);
	gen_skip(&flow);
	frame = next_frame(0, 64);
	check_one(&frame);
	assert_int_equal(counters()->lost, 2);
}

static void
reordering_is_not_loss_and_duplicates_are_neither(void **state)
{
	struct frame frames[4];

	(void)state;
	for (unsigned int i = 0; i < 4; i++)
		frames[i] = next_frame(i, 64);
	check_one(&frames[0]);
	check_one(&frames[2]);
	assert_int_equal(counters()->lost, 1);
	check_one(&frames[1]);
	assert_int_equal(counters()->lost, 0);
	assert_int_equal(counters()->reordered, 1);
	check_one(&frames[1]);
	check_one(&frames[2]);
	check_one(&frames[3]);
	check_one(&frames[3]);
	assert_int_equal(counters()->duplicate, 3);
	assert_int_equal(counters()->reordered, 1);
	assert_int_equal(counters()->lost, 0);
}

static void
duplicates_and_reordering_are_told_apart_across_the_window(void **state)
{
	struct frame old = next_frame(0, 64), missing = next_frame(1, 64), frame;

	(void)state;
	check_one(&old);
	for (unsigned int i = 0; i < 200; i++) {
		frame = next_frame(2, 64);
		check_one(&frame);
	}
	check_one(&old);
	assert_int_equal(counters()->duplicate, 1);
	check_one(&missing);
	assert_int_equal(counters()->reordered, 1);
	for (unsigned int i = 0; i < 300; i++) {
		frame = next_frame(2, 64);
		check_one(&frame);
	}
	check_one(&missing);
	assert_int_equal(counters()->late, 1);
	check_one(&old);                /* number 0: the source began again */
	assert_int_equal(counters()->restarted, 1);
	assert_int_equal(counters()->lost, 0);
}

static void
a_long_gap_leaves_no_false_duplicates(void **state)
{
	struct frame frame;

	(void)state;
	for (unsigned int i = 0; i < 300; i++) {
		frame = next_frame(0, 64);
		check_one(&frame);
	}
	flow.sequence += 5000;
	frame = next_frame(0, 64);
	flow.sequence -= 2;
	check_one(&frame);
	frame = next_frame(1, 64);
	check_one(&frame);
	assert_int_equal(counters()->lost, 4999);
	assert_int_equal(counters()->reordered, 1);
	assert_int_equal(counters()->duplicate, 0);
}

/* Whatever byte behind the addresses changes, the frame does not pass. */
static void
no_flipped_bit_passes(void **state)
{
	uint64_t judged = 0;

	(void)state;
	for (unsigned int bits = 0; bits < 4; bits++) {
		const struct gen_shape shape = { .ipv6 = bits & 1, .tcp = bits & 2 };

		gen_builder_init(&builder, &shape);
		for (uint32_t byte = 12; byte < 300; byte++) {
			struct frame frame = next_frame(0, 300);
			uint64_t good = counters()->received;

			/* Of the IPv6 header only addresses and lengths are covered. */
			if (shape.ipv6 && (byte < 18 || byte == 21) && byte >= 14)
				continue;
			buffers[0][byte] ^= (uint8_t)(1u << (byte % 8));
			check_one(&frame);
			if (counters()->received != good)
				fail_msg("shape %u: byte %u changed and nobody noticed", bits, byte);
			judged++;
		}
	}
	assert_int_equal(counters()->corrupt + counters()->foreign, judged);
	assert_true(counters()->corrupt > judged * 9 / 10);
}

static void
pieces_of_two_frames_mixed_up_are_noticed(void **state)
{
	struct frame first = next_frame(0, 1514), second = next_frame(1, 1514);

	(void)state;
	/* Also where the checksum happens to be repaired. */
	memcpy(buffers[1] + 1000, buffers[0] + 1000, 514);
	second.flags = FRAME_CSUM_PARTIAL;
	check_one(&first);
	check_one(&second);
	assert_int_equal(counters()->received, 1);
	assert_int_equal(counters()->corrupt, 1);
}

static void
a_truncated_or_padded_frame_is_noticed(void **state)
{
	struct frame frame = next_frame(0, 200);

	(void)state;
	frame.bytes = 199;
	check_one(&frame);
	assert_int_equal(counters()->corrupt, 1);
	frame = next_frame(0, 60);
	frame.bytes = 64;               /* Ethernet padding is no corruption */
	check_one(&frame);
	assert_int_equal(counters()->received, 1);
	frame.bytes = 57;
	check_one(&frame);
	assert_int_equal(counters()->foreign, 1);
}

static void
frames_of_others_are_foreign(void **state)
{
	struct frame frame = plain_frame(buffers[0], 64, 1, 2);

	(void)state;
	check_one(&frame);
	for (uint32_t bytes = 14; bytes < 64; bytes++) {
		struct frame cut = next_frame(0, 64);

		buffers[0][42] ^= 1;
		cut.bytes = bytes;
		check_one(&cut);
	}
	assert_int_equal(counters()->foreign, 51);
	assert_int_equal(counters()->corrupt, 0);
}

static void
flows_are_followed_apart(void **state)
{
	struct gen_flow flows[200] = { { 0 } };

	(void)state;
	for (unsigned int round = 0; round < 3; round++) {
		for (unsigned int i = 0; i < 200; i++) {
			struct frame frame = { .data = buffers[0], .bytes = 64 };

			gen_build(&builder, &flows[i], (uint16_t)(i * 327), 0, &frame);
			check_one(&frame);
		}
	}
	assert_int_equal(counters()->received, 600);
	assert_int_equal(counters()->lost + counters()->reordered + counters()->duplicate, 0);
}

/* ---- the schedule ---- */

static void
what_is_due_follows_the_clock(void **state)
{
	struct pace pace;

	(void)state;
	pace_start(&pace, 1e6, 5000000);
	assert_int_equal(pace_due(&pace, 5000000), 1);
	pace_take(&pace, 1);
	assert_int_equal(pace_due(&pace, 5000999), 0);
	assert_int_equal(pace_due(&pace, pace_next_ns(&pace)), 1);
	assert_int_equal(pace_due(&pace, 5010000), 10);
	pace_take(&pace, 4);            /* what is not sent stays due */
	assert_int_equal(pace_due(&pace, 5010000), 6);
	assert_int_equal(pace.missed, 0);
}

static void
catching_up_is_bounded(void **state)
{
	struct pace pace;

	(void)state;
	pace_start(&pace, 1e6, 0);
	pace_take(&pace, pace_due(&pace, 0));
	assert_in_range(pace_due(&pace, 1000000000), 20000, 20001);
	assert_in_range(pace.missed, 979998, 980001);
	pace_take(&pace, pace_due(&pace, 1000000000));
	assert_int_equal(pace_due(&pace, 1000000000), 0);
	assert_int_equal(pace.slots, 1000001);
}

static void
an_odd_rate_neither_drifts_nor_spins(void **state)
{
	struct pace pace;
	uint64_t now_ns = 123456789, sent = 0;

	(void)state;
	pace_start(&pace, 333333, now_ns);
	while (now_ns < 123456789 + 1000000000ull) {
		uint64_t due = pace_due(&pace, now_ns);

		assert_in_range(due, 1, 1);
		pace_take(&pace, due);
		sent += due;
		now_ns = pace_next_ns(&pace);
	}
	assert_in_range(sent, 333332, 333334);
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(every_shape_and_length_is_a_correct_packet),
		CASE(the_shortest_udp_frame_is_60_bytes),
		CASE(a_partial_frame_completes_to_the_full_one),
		CASE(tcp_sequence_numbers_follow_each_other),
		CASE(loss_is_the_numbers_passed_over),
		CASE(numbers_that_a_source_skipped_are_lost),
		CASE(reordering_is_not_loss_and_duplicates_are_neither),
		CASE(duplicates_and_reordering_are_told_apart_across_the_window),
		CASE(a_long_gap_leaves_no_false_duplicates),
		CASE(no_flipped_bit_passes),
		CASE(pieces_of_two_frames_mixed_up_are_noticed),
		CASE(a_truncated_or_padded_frame_is_noticed),
		CASE(frames_of_others_are_foreign),
		CASE(flows_are_followed_apart),
		CASE(what_is_due_follows_the_clock),
		CASE(catching_up_is_bounded),
		CASE(an_odd_rate_neither_drifts_nor_spins),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
