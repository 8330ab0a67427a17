/* SPDX-License-Identifier: BSD-3-Clause */

/* Receive sections: who owns them, exactly-once completion, never a leak. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "fake.h"

static uint8_t data[256];

static int
start(unsigned int channels, unsigned int sections, enum config_check check)
{
	const struct fake_options options = {
		.check = check, .channels = channels, .sections = sections,
	};

	return fake_start(&options);
}

static int
setup(void **state)
{
	(void)state;
	return start(4, 16 + 103, CHECK_FULL);
}

static int
teardown(void **state)
{
	(void)state;
	fake_stop();
	return 0;
}

static void
set_table(unsigned int queues, unsigned int first)
{
	uint8_t key[NDIS_RSS_KEY_BYTES] = { 1, 2, 3, 4, 5 };
	struct vsp_rss *rss = &fake.nic.rss;

	assert_int_equal(rss_set_key(rss, key), 0);
	rss->enabled = queues != 0;
	rss->hash_types = NDIS_HASH_IPV4 | NDIS_HASH_TCP_IPV4;
	rss->entries = 16;
	for (unsigned int i = 0; i < 16; i++)
		rss->table[i] = (uint8_t)(first + i % HV_MAX(queues, 1u));
	rx_sections_divide(&fake.nic);
}

static unsigned int
free_of(unsigned int i)
{
	return fake.nic.channel[i].free_count;
}

static void
sections_are_divided_over_the_queues_of_the_table(void **state)
{
	(void)state;
	assert_int_equal(free_of(0), 103);      /* RSS is off: one queue */
	set_table(4, 0);
	assert_int_equal(free_of(0), 25);
	assert_int_equal(free_of(1), 25);
	assert_int_equal(free_of(2), 25);
	assert_int_equal(free_of(3), 28);       /* the last gets the remainder */
	set_table(2, 1);
	assert_int_equal(free_of(0), 0);
	assert_int_equal(free_of(1), 51);
	assert_int_equal(free_of(2), 52);
	assert_int_equal(free_of(3), 0);
	set_table(1, 9);                        /* no such queue: all of them */
	assert_int_equal(free_of(0), 25);
	assert_int_equal(free_of(3), 28);
	assert_int_equal(fake.nic.control_free_count, 16);
}

static void
too_few_sections_are_survived(void **state)
{
	static const unsigned int counts[] = { 1, 15, 16, 17, 18 };

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(counts); i++) {
		struct frame frame = { .data = data, .bytes = 60 };

		fake_stop();
		assert_int_equal(start(4, counts[i], CHECK_FULL), 0);
		set_table(4, 0);
		rx_output(&fake.nic.port, &frame, 1);
		fake_poll();
		assert_int_equal(fake.nic.control_free_count, HV_MIN(counts[i], 16u));
	}
}

static void
the_last_section_number_is_never_lent(void **state)
{
	(void)state;
	fake_stop();
	assert_int_equal(start(1, 65536, CHECK_FAST), 0);
	assert_int_equal(free_of(0), 65536 - 16 - 1);
	fake_stop();
	assert_int_not_equal(start(1, 65537, CHECK_FAST), 0);
}

static void
order_is_arbitrary_in_checks_and_last_in_first_out_in_benchmarks(void **state)
{
	unsigned int in_order = 0;

	(void)state;
	for (unsigned int i = 0; i < 103; i++)
		in_order += fake.nic.channel[0].free_sections[i] == i + 16;
	assert_true(in_order < 30);
	fake_stop();
	assert_int_equal(start(1, 64, CHECK_FAST), 0);
	for (unsigned int i = 0; i < 48; i++)
		assert_int_equal(section_pop(&fake.nic.channel[0]), 63 - i);
}

/* ---- completions ---- */

static uint64_t
receive_transfer(unsigned int frames)
{
	struct frame frame = { .data = data, .bytes = 60 };
	struct fake_packet packet;

	for (unsigned int i = 0; i < frames; i++)
		rx_output(&fake.nic.port, &frame, 1);
	fake_poll();
	assert_true(guest_take(0, &packet));
	assert_int_equal(packet.header.type, VMBUS_PACKET_TRANSFER_PAGES);
	return packet.header.transaction_id;
}

static void
a_transfer_comes_back_whole_and_once(void **state)
{
	uint64_t id = receive_transfer(5);

	(void)state;
	assert_int_equal(free_of(0), 98);
	guest_complete(0, id);
	fake_poll();
	assert_int_equal(free_of(0), 103);
	assert_int_equal(vsp_violations(), 0);
	guest_complete(0, id);
	fake_poll();
	assert_int_equal(fake_rule(VSP_RULE_COMPLETION_ID), 1);
	assert_int_equal(fake.nic.channel[0].state, CHANNEL_DEAD);
	assert_int_equal(free_of(0), 103);
}

static void
a_completion_with_a_failure_status_is_one_all_the_same(void **state)
{
	struct nvsp_rndis_complete complete = { NVSP_RNDIS_COMPLETE, NVSP_STATUS_FAILURE };
	uint64_t id = receive_transfer(1);

	(void)state;
	guest_put(0, VMBUS_PACKET_COMPLETION, id, NULL, 0, &complete, sizeof(complete));
	fake_poll();
	assert_int_equal(free_of(0), 103);
	assert_int_equal(vsp_violations(), 0);
}

/* What is done with the id of a transfer of three frames. */
static const struct {
	const char *what;
	unsigned int channel;
	int64_t id;             /* -1: the right one, -2: its second section */
	uint32_t type, bytes;
	enum vsp_rule rule;
} wrong[] = {
	{ "never lent", 0, 60, NVSP_RNDIS_COMPLETE, 8, VSP_RULE_COMPLETION_ID },
	{ "not a section", 0, 119, NVSP_RNDIS_COMPLETE, 8, VSP_RULE_COMPLETION_ID },
	{ "64 bits", 0, 0x100000000ll + 16, NVSP_RNDIS_COMPLETE, 8, VSP_RULE_COMPLETION_ID },
	{ "control section not lent", 0, 3, NVSP_RNDIS_COMPLETE, 8, VSP_RULE_COMPLETION_ID },
	{ "inside a transfer", 0, -2, NVSP_RNDIS_COMPLETE, 8, VSP_RULE_COMPLETION_ID },
	{ "another channel", 1, -1, NVSP_RNDIS_COMPLETE, 8, VSP_RULE_COMPLETION_ID },
	{ "VF id on a subchannel", 1, INT64_MIN, NVSP_RNDIS_COMPLETE, 8, VSP_RULE_COMPLETION_ID },
	{ "wrong type", 0, -1, 107, 8, VSP_RULE_COMPLETION_TYPE },
	{ "too short", 0, -1, NVSP_RNDIS_COMPLETE, 0, VSP_RULE_COMPLETION_TYPE },
};

static void
a_wrong_completion_silences_its_channel(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(wrong); i++) {
		uint32_t words[2] = { wrong[i].type, 1 };
		uint64_t id, first;

		fake_stop();
		assert_int_equal(start(2, 119, CHECK_FAST), 0);
		first = receive_transfer(3);
		id = wrong[i].id == -1 ? first : wrong[i].id == -2 ?
			fake.nic.sections[first].next : (uint64_t)wrong[i].id;
		guest_put(wrong[i].channel, VMBUS_PACKET_COMPLETION, id, NULL, 0, words,
			wrong[i].bytes);
		fake_poll();
		if (fake_rule(wrong[i].rule) != 1)
			fail_msg("%s", wrong[i].what);
		assert_int_equal(fake.nic.channel[wrong[i].channel].state, CHANNEL_DEAD);
		assert_int_equal(fake.nic.channel[!wrong[i].channel].state, CHANNEL_AWAKE);
	}
}

static void
an_id_of_an_earlier_transfer_is_none_of_a_later_one(void **state)
{
	(void)state;
	fake_stop();
	assert_int_equal(start(1, 16 + 2, CHECK_FAST), 0);
	assert_int_equal(receive_transfer(2), 17);
	guest_complete(0, 17);
	fake_poll();
	assert_int_equal(receive_transfer(2), 16);      /* 17 is its second section */
	guest_complete(0, 17);
	fake_poll();
	assert_int_equal(fake_rule(VSP_RULE_COMPLETION_ID), 1);
}

static void
a_control_section_goes_back_to_the_control_half(void **state)
{
	(void)state;
	fake.nic.control_free_count = 15;
	fake.nic.sections[15].owner = RECV_GUEST;
	guest_complete(0, 15);
	fake_poll();
	assert_int_equal(fake.sections_freed, 1);
	assert_int_equal(fake.nic.control_free_count, 16);
	assert_int_equal(fake.nic.control_free[15], 15);
	assert_int_equal(vsp_violations(), 0);
}

static void
sections_of_a_closed_channel_come_back(void **state)
{
	struct frame frame = { .data = data, .bytes = 0 };

	(void)state;
	set_table(1, 2);
	frame.bytes = make_ipv4(data, IP_TCP, 20);
	for (unsigned int i = 0; i < 10; i++)
		rx_output(&fake.nic.port, &frame, 1);
	fake_poll();
	assert_int_equal(free_of(2), 93);
	for (unsigned int i = 0; i < 5; i++)
		rx_output(&fake.nic.port, &frame, 1);   /* not sent yet */
	vsp_channel_closed(&fake.nic.channel[2]);
	assert_int_equal(free_of(2), 103);
}

/* ---- a model ---- */

#define MODEL_TRANSFERS 256u

struct transfer {
	uint64_t id;
	unsigned int channel, count;
	uint16_t sections[64];
};

static struct transfer held[MODEL_TRANSFERS];
static unsigned int held_count;
static bool lent[119];

static void
model_take(void)
{
	static struct fake_packet packet;

	for (unsigned int channel = 0; channel < 4; channel++) {
		while (held_count < MODEL_TRANSFERS && guest_take(channel, &packet)) {
			struct transfer *transfer = &held[held_count++];
			uint32_t count, range[2];

			memcpy(&count, packet.extension + 4, 4);
			assert_true(count <= 64);
			*transfer = (struct transfer) { packet.header.transaction_id, channel,
				count, { 0 } };
			for (uint32_t i = 0; i < count; i++) {
				memcpy(range, packet.extension + 8 + i * 8, 8);
				transfer->sections[i] =
					(uint16_t)(range[1] / fake.nic.suballoc_bytes);
				assert_int_equal(range[1] % fake.nic.suballoc_bytes, 0);
				assert_true(transfer->sections[i] >= 16);
				/* Never two at once. */
				assert_false(lent[transfer->sections[i]]);
				lent[transfer->sections[i]] = true;
			}
			assert_int_equal(transfer->id, transfer->sections[0]);
		}
	}
}

static void
model_complete(struct rng *rng)
{
	unsigned int i = rng_below(rng, held_count);
	struct transfer *transfer = &held[i];

	guest_complete(transfer->channel, transfer->id);
	for (unsigned int j = 0; j < transfer->count; j++)
		lent[transfer->sections[j]] = false;
	*transfer = held[--held_count];
}

static unsigned int
free_everywhere(void)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < 4; i++)
		n += free_of(i) + fake.nic.channel[i].range_count;
	return n;
}

static void
no_section_is_lost_or_lent_twice_in_any_order_of_events(void **state)
{
	struct rng rng = { 99 };
	unsigned int out = 0;

	(void)state;
	held_count = 0;
	memset(lent, 0, sizeof(lent));
	fake.nic.config.frames_per_transfer = 20;
	for (unsigned int step = 0; step < 50000; step++) {
		struct frame frame = { .data = data };

		switch (rng_below(&rng, 8)) {
		case 0:
		case 1:
		case 2:
			frame.bytes = make_ipv4(data, IP_TCP, 20);
			store_be16(data + 34, (uint16_t)rng_next(&rng));
			for (unsigned int i = rng_below(&rng, 30); i > 0; i--)
				rx_output(&fake.nic.port, &frame, 1);
			break;
		case 3:
		case 4:
		case 5:
			if (held_count > 0)
				model_complete(&rng);
			break;
		case 6:
			fake_poll();
			model_take();
			break;
		default:
			if (rng_below(&rng, 8) == 0)
				set_table(rng_below(&rng, 5), rng_below(&rng, 3));
			break;
		}
		for (unsigned int i = 0; i < 4; i++) {
			if (fake.nic.channel[i].to_guest.blocked)
				vsp_channel_signalled(&fake.nic.channel[i]);
		}
	}
	do {
		fake_poll();
		model_take();
		out = held_count;
		if (out > 0)
			model_complete(&rng);
		fake_poll();
	} while (out > 0);
	assert_int_equal(free_everywhere(), 103);
	assert_int_equal(vsp_violations(), 0);
	assert_true(fake.nic.channel[0].counters.rx_drop_no_section > 0);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(sections_are_divided_over_the_queues_of_the_table),
		CASE(too_few_sections_are_survived),
		CASE(the_last_section_number_is_never_lent),
		CASE(order_is_arbitrary_in_checks_and_last_in_first_out_in_benchmarks),
		CASE(a_transfer_comes_back_whole_and_once),
		CASE(a_completion_with_a_failure_status_is_one_all_the_same),
		CASE(a_wrong_completion_silences_its_channel),
		CASE(an_id_of_an_earlier_transfer_is_none_of_a_later_one),
		CASE(a_control_section_goes_back_to_the_control_half),
		CASE(sections_of_a_closed_channel_come_back),
		CASE(no_section_is_lost_or_lent_twice_in_any_order_of_events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
