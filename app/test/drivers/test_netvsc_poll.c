/* SPDX-License-Identifier: BSD-3-Clause */

/* Draining a channel: what goes into the backlog, what is refused, and that
 * every transfer is acknowledged exactly once, on time and in order. */

#include "fake_world.h"

#include <stdlib.h>
#include <string.h>

#include "netvsc_link.h"
#include "netvsc_poll.h"

static struct fake_host *
open_host(void)
{
	struct fake_host *host = fake_host_start(true);

	assert_int_equal(netvsc_link_open(&host->dev, &host->vmbus, 1), 0);
	assert_int_equal(host->acks_owed, 0);
	return host;
}

static void
close_host(struct fake_host *host)
{
	netvsc_link_close(&host->dev, &host->vmbus);
	fake_host_stop();
}

/* A transfer of data as the host sends it; each test spoils what it wants. */
struct transfer {
	struct {
		struct vmbus_transfer_pages pages;
		struct vmbus_transfer_range range[8];
	} ext;
	struct nvsp_rndis nvsp;
	uint32_t ext_bytes, payload_bytes;
	uint64_t id;
};

static struct transfer
transfer_of(unsigned int ranges, uint64_t id)
{
	struct transfer t = {
		.ext.pages = { .set_id = NETVSC_RECV_BUFFER_ID, .range_count = ranges },
		.nvsp = { .type = NVSP_RNDIS, .channel_type = NVSP_CHANNEL_DATA,
			.section_idx = NVSP_SECTION_NONE },
		.ext_bytes = (uint32_t)(sizeof(t.ext.pages) + ranges * sizeof(t.ext.range[0])),
		.payload_bytes = sizeof(t.nvsp),
		.id = id,
	};

	for (unsigned int i = 0; i < ranges; i++)
		t.ext.range[i] = (struct vmbus_transfer_range){ 100 + i, i * FAKE_SUBALLOC_BYTES };
	return t;
}

static void
host_sends(struct fake_host *host, const struct transfer *t)
{
	const struct fake_packet packet = {
		.type = VMBUS_PACKET_TRANSFER_PAGES, .transaction_id = t->id,
		.ext = &t->ext, .ext_bytes = t->ext_bytes,
		.payload = &t->nvsp, .bytes = t->payload_bytes,
	};

	host->acks_owed++;
	fake_world_write(&packet);
}

/* Drains once; the host reads what was written, if it was signalled. */
static unsigned int
drain(struct fake_host *host, unsigned int budget)
{
	struct netvsc_channel *channel = host->dev.channel[0];
	bool signal = false;
	unsigned int taken;

	rte_spinlock_lock(&channel->vmbus->lock);
	taken = netvsc_poll(channel, budget, &signal);
	rte_spinlock_unlock(&channel->vmbus->lock);
	if (signal)
		vmbus_channel_signal(channel->vmbus);
	return taken;
}

/* The receive queue has delivered everything. */
static void
deliver_all(struct fake_host *host)
{
	struct netvsc_backlog *backlog = &host->dev.channel[0]->backlog;

	backlog->range_tail = backlog->range_head;
	backlog->transfer_tail = backlog->transfer_head;
}

/* Conformance: 27. */
static void
frames_are_acknowledged_when_they_were_delivered_and_not_before(void **state)
{
	struct fake_host *host = open_host();
	struct netvsc_backlog *backlog = &host->dev.channel[0]->backlog;
	struct transfer t = transfer_of(3, 700);

	(void)state;
	host_sends(host, &t);
	assert_int_equal(drain(host, 16), 1);
	assert_int_equal(backlog->range_head, 3);
	assert_int_equal(backlog->ranges[2].byte_count, 102);
	assert_int_equal(backlog->ranges[2].byte_offset, 2 * FAKE_SUBALLOC_BYTES);
	assert_int_equal(host->acks_owed, 1);
	drain(host, 16);
	assert_int_equal(host->acks_owed, 1);
	deliver_all(host);
	drain(host, 16);
	assert_int_equal(host->acks_owed, 0);
	drain(host, 16);
	assert_int_equal(host->errors, 0);      /* no second one */
	close_host(host);
}

/* Conformance: 26, 27. */
static void
a_malformed_transfer_is_acknowledged_once_and_nothing_of_it_delivered(void **state)
{
	static const struct {
		const char *what;
		uint32_t count;         /* ranges it claims */
		uint16_t set_id;
		uint32_t type, ext_bytes, payload_bytes;
	} rows[] = {
		{ "another buffer", 2, 0xcaff, NVSP_RNDIS, 24, 16 },
		{ "no ranges", 0, NETVSC_RECV_BUFFER_ID, NVSP_RNDIS, 24, 16 },
		{ "more ranges than there are", 3, NETVSC_RECV_BUFFER_ID, NVSP_RNDIS, 24, 16 },
		{ "2^29 ranges", 0x20000000, NETVSC_RECV_BUFFER_ID, NVSP_RNDIS, 24, 16 },
		{ "2^32 - 1 ranges", 0xffffffff, NETVSC_RECV_BUFFER_ID, NVSP_RNDIS, 24, 16 },
		{ "another NVSP message", 2, NETVSC_RECV_BUFFER_ID, NVSP_INIT, 24, 16 },
		{ "a short NVSP message", 2, NETVSC_RECV_BUFFER_ID, NVSP_RNDIS, 24, 8 },
		{ "no NVSP message", 2, NETVSC_RECV_BUFFER_ID, NVSP_RNDIS, 24, 0 },
		{ "no extension", 1, NETVSC_RECV_BUFFER_ID, NVSP_RNDIS, 0, 16 },
	};

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(rows); i++) {
		struct fake_host *host = open_host();
		struct netvsc_channel *channel = host->dev.channel[0];
		struct transfer t = transfer_of(2, 700 + i);

		t.ext.pages.range_count = rows[i].count;
		t.ext.pages.set_id = rows[i].set_id;
		t.nvsp.type = rows[i].type;
		t.ext_bytes = rows[i].ext_bytes;
		t.payload_bytes = rows[i].payload_bytes;
		host_sends(host, &t);
		drain(host, 16);
		drain(host, 16);
		if (host->acks_owed != 0 || host->errors != 0 || channel->bad_transfers != 1 ||
		    channel->backlog.range_head != 0 || channel->dead)
			fail_msg("%s", rows[i].what);
		close_host(host);
	}
}

/* Conformance: 20. */
static void
a_range_outside_the_buffer_becomes_an_empty_one(void **state)
{
	static const struct vmbus_transfer_range bad[] = {
		{ 1, FAKE_RECV_BYTES }, { 0xffffffff, 0 }, { FAKE_RECV_BYTES + 1, 0 },
		{ 2, 0xffffffff }, { 0x1100, 0xfffff000 }, { FAKE_RECV_BYTES, 8 },
	};

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(bad); i++) {
		struct fake_host *host = open_host();
		struct netvsc_backlog *backlog = &host->dev.channel[0]->backlog;
		struct transfer t = transfer_of(3, 700);

		t.ext.range[1] = bad[i];
		host_sends(host, &t);
		drain(host, 16);
		assert_int_equal(backlog->ranges[0].byte_count, 100);
		assert_int_equal(backlog->ranges[1].byte_count, 0);
		assert_int_equal(backlog->ranges[2].byte_count, 102);
		deliver_all(host);
		drain(host, 16);
		assert_int_equal(host->acks_owed, 0);
		close_host(host);
	}
}

/* Conformance: 20, 26. */
static void
more_ranges_outstanding_than_sections_are_refused_and_acknowledged(void **state)
{
	struct fake_host *host = open_host();
	struct netvsc_channel *channel = host->dev.channel[0];
	uint32_t slots = channel->backlog.mask + 1, sent = 0;
	struct transfer one = transfer_of(1, 999);

	(void)state;
	while (channel->bad_transfers == 0) {
		struct transfer t = transfer_of(8, 1000 + sent);

		assert_true(sent++ <= slots / 8);
		host_sends(host, &t);
		drain(host, 16);
	}
	assert_int_equal(sent, slots / 8 + 1);
	host_sends(host, &one);
	drain(host, 16);
	assert_int_equal(channel->bad_transfers, 2);
	assert_int_equal(host->acks_owed, slots / 8);   /* but the last two are through */
	deliver_all(host);
	drain(host, 0);
	assert_int_equal(host->acks_owed, 0);
	assert_int_equal(host->errors, 0);
	close_host(host);
}

/* The last sections there are, in a transfer that goes on at the start of the array. */
static void
all_sections_may_be_outstanding_wherever_the_backlog_wraps(void **state)
{
	struct fake_host *host = open_host();
	struct netvsc_backlog *backlog = &host->dev.channel[0]->backlog;
	const uint32_t slots = backlog->mask + 1;
	struct transfer t = transfer_of(4, 700);

	(void)state;
	host_sends(host, &t);
	drain(host, 16);
	deliver_all(host);
	for (uint32_t i = 0; i < slots / 8; i++) {
		t = transfer_of(8, 800 + i);
		host_sends(host, &t);
		drain(host, 16);
	}
	assert_int_equal(host->dev.channel[0]->bad_transfers, 0);
	assert_int_equal(backlog->range_head - backlog->range_tail, slots);
	for (uint32_t i = 0; i < slots; i++)
		assert_int_equal(backlog->ranges[(4 + i) & backlog->mask].byte_count, 100 + i % 8);
	t = transfer_of(1, 999);
	host_sends(host, &t);
	drain(host, 16);
	assert_int_equal(host->dev.channel[0]->bad_transfers, 1);
	deliver_all(host);
	drain(host, 0);
	assert_int_equal(host->acks_owed, 0);
	close_host(host);
}

/* The host reads nothing and the ring fills up to the last byte. */
static void
host_goes_deaf(struct fake_host *host)
{
	struct vmbus_tx_ring *tx = &host->dev.channel[0]->vmbus->tx;
	static const uint8_t filler[512];
	struct vmbus_packet_desc desc = {
		.type = VMBUS_PACKET_COMPLETION, .payload = filler, .payload_bytes = sizeof(filler),
	};

	host->set.deaf = true;
	while (vmbus_packet_put(tx, &desc, 0) == 0)
		;
	for (desc.payload_bytes = 256; desc.payload_bytes > 0; desc.payload_bytes -= 8)
		while (vmbus_packet_put(tx, &desc, 0) == 0)
			;
}

/* Conformance: 20, 26. */
static void
more_transfers_to_be_acknowledged_than_sections_are_refused(void **state)
{
	struct fake_host *host = open_host();
	struct netvsc_channel *channel = host->dev.channel[0];
	const uint64_t acks = channel->acks;    /* of the negotiation */
	uint32_t slots = channel->backlog.mask + 1;

	(void)state;
	host_goes_deaf(host);
	for (uint32_t i = 0; i <= slots; i++) {
		struct transfer t = transfer_of(1, 2000 + i);

		assert_int_equal(channel->bad_transfers, 0);
		host_sends(host, &t);
		drain(host, 16);
		deliver_all(host);
	}
	assert_int_equal(channel->bad_transfers, 1);
	assert_int_equal(channel->backlog.transfer_head - channel->backlog.acked, slots);
	assert_int_equal(channel->acks, acks);
	channel->vmbus->tx.page->read_index =
		(channel->vmbus->tx.page->read_index + 8192) % FAKE_RING_DATA_BYTES & ~7u;
	drain(host, 16);
	assert_int_equal(channel->acks, acks + slots + 1);
	vmbus_device_close(&host->vmbus);
	fake_host_stop();
}

/* Conformance: 18, 27. */
static void
acknowledgements_wait_for_room_and_none_is_lost(void **state)
{
	struct fake_host *host = open_host();
	struct netvsc_channel *channel = host->dev.channel[0];
	struct vmbus_tx_ring *tx = &channel->vmbus->tx;
	struct transfer good = transfer_of(1, 800), bad = transfer_of(1, 801);
	const uint64_t acks = channel->acks;    /* of the negotiation */
	uint32_t read_before;

	(void)state;
	bad.nvsp.type = NVSP_INIT;
	host_goes_deaf(host);
	host_sends(host, &good);
	host_sends(host, &bad);
	drain(host, 16);
	deliver_all(host);
	drain(host, 16);
	assert_int_equal(channel->acks, acks);
	assert_int_equal(channel->owed_count, 1);
	assert_int_equal(channel->backlog.transfer_tail - channel->backlog.acked, 1);
	/* It has read half of it: both go out, once. */
	read_before = tx->page->read_index;
	tx->page->read_index = (read_before + 8192) % FAKE_RING_DATA_BYTES & ~7u;
	drain(host, 16);
	assert_int_equal(channel->acks, acks + 2);
	assert_int_equal(channel->owed_count, 0);
	assert_int_equal(channel->backlog.acked, channel->backlog.transfer_tail);
	drain(host, 16);
	assert_int_equal(channel->acks, acks + 2);
	vmbus_device_close(&host->vmbus);
	fake_host_stop();
}

/* Conformance: 35. */
static void
no_more_is_taken_than_the_budget_says(void **state)
{
	struct fake_host *host = open_host();

	(void)state;
	for (unsigned int i = 0; i < 10; i++) {
		struct transfer t = transfer_of(1, 900 + i);

		host_sends(host, &t);
	}
	assert_int_equal(drain(host, 4), 4);
	assert_int_equal(host->dev.channel[0]->backlog.range_head, 4);
	assert_int_equal(drain(host, 0), 0);
	assert_int_equal(drain(host, 100), 6);
	deliver_all(host);
	drain(host, 0);
	assert_int_equal(host->acks_owed, 0);
	close_host(host);
}

/* Conformance: 22. */
static void
a_completion_that_fits_no_message_under_way_is_counted_and_frees_nothing(void **state)
{
	static const struct nvsp_rndis_complete complete = { NVSP_RNDIS_COMPLETE, 1 };
	struct fake_host *host = open_host();
	struct netvsc_channel *channel = host->dev.channel[0];
	struct netvsc_tx_slot slots[4];
	uint16_t done[4];
	const uint64_t good = (uint64_t)channel->epoch << 48 | (uint64_t)9 << 32 | 2;
	const uint64_t wrong[] = {
		good + 1, good - 1,                     /* not under way */
		(good & ~0xffffffffull) | 4,            /* one past the last */
		(good & ~0xffffffffull) | 0x7fffffff,
		good + (1ull << 32), good - (1ull << 32),       /* generation */
		good + (1ull << 48),                    /* epoch */
		0,
	};

	(void)state;
	memset(slots, 0, sizeof(slots));
	slots[2].state = 9u << 1 | 1;
	channel->tx_slots = (struct netvsc_tx_slots) {
		.slot = slots, .done = done, .count = 4, .mask = 3,
	};
	for (unsigned int i = 0; i < RTE_DIM(wrong); i++)
		fake_host_complete(wrong[i], &complete, sizeof(complete));
	drain(host, 100);
	assert_int_equal(channel->bad_completions, RTE_DIM(wrong));
	assert_int_equal(channel->tx_slots.done_head, 0);
	fake_host_complete(good, &complete, sizeof(complete));
	fake_host_complete(good, &complete, sizeof(complete));  /* twice */
	drain(host, 100);
	assert_int_equal(channel->tx_slots.done_head, 1);
	assert_int_equal(done[0], 2);
	assert_false(slots[2].failed);
	assert_int_equal(channel->bad_completions, RTE_DIM(wrong) + 1);
	memset(&channel->tx_slots, 0, sizeof(channel->tx_slots));
	close_host(host);
}

/* Conformance: 19. */
static void
a_ring_that_makes_no_sense_kills_the_channel_and_not_the_process(void **state)
{
	static const uint32_t index[] = { FAKE_RING_DATA_BYTES, 4, 0xfffffff8 };

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(index); i++) {
		struct fake_host *host = open_host();
		struct netvsc_channel *channel = host->dev.channel[0];

		channel->vmbus->rx.page->write_index = index[i];
		assert_int_equal(drain(host, 16), 0);
		assert_true(channel->dead);
		assert_int_equal(channel->ring_errors, 1);
		assert_int_equal(drain(host, 16), 0);
		assert_int_equal(channel->ring_errors, 1);
		vmbus_device_close(&host->vmbus);
		fake_host_stop();
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_are_acknowledged_when_they_were_delivered_and_not_before),
		cmocka_unit_test(a_malformed_transfer_is_acknowledged_once_and_nothing_of_it_delivered),
		cmocka_unit_test(a_range_outside_the_buffer_becomes_an_empty_one),
		cmocka_unit_test(more_ranges_outstanding_than_sections_are_refused_and_acknowledged),
		cmocka_unit_test(all_sections_may_be_outstanding_wherever_the_backlog_wraps),
		cmocka_unit_test(more_transfers_to_be_acknowledged_than_sections_are_refused),
		cmocka_unit_test(acknowledgements_wait_for_room_and_none_is_lost),
		cmocka_unit_test(no_more_is_taken_than_the_budget_says),
		cmocka_unit_test(a_completion_that_fits_no_message_under_way_is_counted_and_frees_nothing),
		cmocka_unit_test(a_ring_that_makes_no_sense_kills_the_channel_and_not_the_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
