/* SPDX-License-Identifier: BSD-3-Clause */

/* The register dump, word by word as its file describes it. */

#include <string.h>

#include "fake_port.h"
#include "netvsc_event.h"
#include "netvsc_tx.h"

#define HEAD_WORDS 16u
#define CHANNEL_WORDS 28u

static int
regs_get(struct fake_data *d, struct rte_dev_reg_info *regs)
{
	return d->eth->dev_ops->get_reg(d->eth, regs);
}

/* Op: get_reg. */
static void
the_length_is_told_first_and_a_shorter_dump_ends_at_a_whole_channel(void **state)
{
	static const struct {
		uint32_t words, filled;
		int ret;
	} row[] = {
		{ 0, HEAD_WORDS + CHANNEL_WORDS, 0 },
		{ HEAD_WORDS - 1, 0, -EINVAL },
		{ HEAD_WORDS, HEAD_WORDS, 0 },
		{ HEAD_WORDS + CHANNEL_WORDS - 1, HEAD_WORDS, 0 },
		{ HEAD_WORDS + CHANNEL_WORDS, HEAD_WORDS + CHANNEL_WORDS, 0 },
		{ HEAD_WORDS + CHANNEL_WORDS + 9, HEAD_WORDS + CHANNEL_WORDS, 0 },
	};
	struct fake_data *d = fake_port_start(&(struct fake_setup){ 0 });
	struct rte_dev_reg_info regs = { 0 };
	uint32_t word[HEAD_WORDS + CHANNEL_WORDS + 9];

	(void)state;
	assert_int_equal(regs_get(d, &regs), 0);
	assert_int_equal(regs.length, HEAD_WORDS + CHANNEL_WORDS);
	assert_int_equal(regs.width, 4);
	assert_int_equal(regs.version, 1);
	for (unsigned int i = 0; i < RTE_DIM(row); i++) {
		uint32_t filled = 0;

		memset(word, 0xa5, sizeof(word));
		regs = (struct rte_dev_reg_info){ .data = word, .length = row[i].words };
		assert_int_equal(regs_get(d, &regs), row[i].ret);
		for (uint32_t w = 0; w < RTE_DIM(word); w++)
			if (word[w] != 0xa5a5a5a5)
				filled = w + 1;
		assert_int_equal(filled, row[i].filled);
	}
	fake_data_stop(d);
}

static void
words_are(const uint32_t *word, const uint32_t *expected, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		if (word[i] != expected[i])
			fail_msg("word %u is 0x%x, not 0x%x", i, word[i], expected[i]);
}

static void
the_head_says_what_was_negotiated_and_how_the_port_stands(void **state)
{
	struct fake_data *d = fake_port_start(&(struct fake_setup){ 0 });
	struct netvsc_device *dev = &d->host->dev;
	uint32_t word[HEAD_WORDS + CHANNEL_WORDS];
	struct rte_dev_reg_info regs = { .data = word };
	uint32_t expected[HEAD_WORDS] = {
		1, HEAD_WORDS, 1, CHANNEL_WORDS, NVSP_VERSION_61, 6 << 16 | 30, dev->epoch, 9, 1500,
		1400, 128, 2048, dev->host.send_section_count, 6144, 0x1 | 0x4 | 0x8, 10000,
	};

	(void)state;
	dev->host.ndis_major = 6;
	dev->host.ndis_minor = 30;
	dev->host.mtu = 1400;
	assert_int_equal(regs_get(d, &regs), 0);
	words_are(word, expected, HEAD_WORDS);
	dev->receiving = false;
	dev->page_lists_ok = false;
	dev->host.link_up = false;
	d->host->shared.gone = 1;
	expected[14] = 0x2;
	assert_int_equal(regs_get(d, &regs), 0);
	words_are(word, expected, HEAD_WORDS);
	d->host->shared.gone = 0;
	expected[14] = 0;
	assert_int_equal(regs_get(d, &regs), 0);
	words_are(word, expected, HEAD_WORDS);
	fake_data_stop(d);
}

static void
a_channel_shows_its_indices_states_and_counters(void **state)
{
	struct fake_data *d = fake_port_start(&(struct fake_setup){ 0 });
	struct netvsc_channel *channel = d->host->dev.channel[0];
	const struct netvsc_channel before = *channel;
	uint32_t word[HEAD_WORDS + CHANNEL_WORDS];
	struct rte_dev_reg_info regs = { .data = word };
	uint32_t *const at = word + HEAD_WORDS;
	uint32_t expected[12] = {
		21, 0x3, channel->vmbus->rx.read, 16384, channel->vmbus->tx.write, 16384,
		7, 3, 5 + 2, 2, channel->epoch, 1,
	};

	(void)state;
	channel->vmbus->relid = 0x70015;        /* the kernel's are 16 bits wide */
	channel->vmbus->monitor = true;
	channel->dead = true;
	channel->backlog.range_head += 7;
	channel->backlog.transfer_head += 3;
	channel->backlog.acked -= 5;
	channel->owed_count = 2;
	channel->tx_slots.slot[1].state |= 1;
	channel->tx_slots.slot[channel->tx_slots.count - 1].state |= 1;
	channel->ring_errors = 0x100000002;
	channel->bad_transfers = 0x300000004;
	channel->bad_completions = 0x500000006;
	channel->unknown_packets = 0x700000008;
	channel->control_messages = 0x90000000a;
	channel->acks = 0xb0000000c;
	channel->discarded = 0xd0000000e;
	channel->refused = 0xf00000010;
	assert_int_equal(regs_get(d, &regs), 0);
	words_are(at, expected, RTE_DIM(expected));
	for (unsigned int i = 0; i < 8; i++) {
		assert_int_equal(at[12 + 2 * i], 2 * i + 2);
		assert_int_equal(at[13 + 2 * i], 2 * i + 1);
	}
	channel->dead = false;
	channel->vmbus->monitor = false;
	d->host->dev.attended = 0;
	assert_int_equal(regs_get(d, &regs), 0);
	assert_int_equal(at[1], 0);
	assert_int_equal(at[11], 0);
	channel->tx_slots.slot[1].state &= ~1u;
	channel->tx_slots.slot[channel->tx_slots.count - 1].state &= ~1u;
	*channel = before;
	d->host->dev.attended = 1;
	fake_data_stop(d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_length_is_told_first_and_a_shorter_dump_ends_at_a_whole_channel),
		cmocka_unit_test(the_head_says_what_was_negotiated_and_how_the_port_stands),
		cmocka_unit_test(a_channel_shows_its_indices_states_and_counters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
