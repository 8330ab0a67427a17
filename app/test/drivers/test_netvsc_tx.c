/* SPDX-License-Identifier: BSD-3-Clause */

/* What is sent: whole, in order, within the host's limits, with nothing of ours
 * beside it, and every mbuf either the driver's or the caller's. */

#include <stdlib.h>
#include <string.h>

#include "fake_data.h"
#include "netvsc_queue.h"

#define BURST 64u

static struct netvsc_txq *
txq_of(const struct fake_data *d)
{
	return d->eth->data->tx_queues[0];
}

/* The frame that fake_mbuf() makes. */
static void
check_frame(const struct fake_frame *frame, uint32_t bytes, uint8_t seed)
{
	assert_int_equal(frame->bytes, bytes);
	for (uint32_t i = 0; i < bytes; i++)
		if (frame->data[i] != (uint8_t)(i * 7 + seed))
			fail_msg("byte %u of %u", i, bytes);
}

/* ---- aggregation ---- */

struct limits {
	uint32_t packets, shift, transfer, section;
	uint32_t agg_packets, agg_bytes;        /* devargs */
	uint32_t packets_expected, bytes_expected;      /* at most, of 60-byte frames */
};

static const struct limits *limits;

static void
host_limits(struct fake_host *host)
{
	host->set.packets_per_message = limits->packets;
	host->set.alignment_shift = limits->shift;
	host->set.max_transfer_bytes = limits->transfer;
	host->set.send_section_bytes = limits->section;
	host->dev.args.tx_agg_packets = limits->agg_packets;
	host->dev.args.tx_agg_bytes = limits->agg_bytes;
}

/* Conformance: 38. */
static void
messages_are_filled_up_to_what_the_host_announced_and_no_further(void **state)
{
	/* A 60-byte frame takes 120 bytes with its header. */
	static const struct limits rows[] = {
		{ 8, 3, 0xEFFFFFFF, 6144, 0, 0, 8, 8 * 120 },
		{ 1, 0, 0xEFFFFFFF, 6144, 0, 0, 1, 120 },
		{ 4, 2, 0xEFFFFFFF, 6144, 0, 0, 4, 4 * 120 },
		{ 3, 4, 0xEFFFFFFF, 4096, 0, 0, 3, 3 * 128 },
		{ 1000, 3, 0xEFFFFFFF, 6144, 0, 0, 32, 32 * 120 },
		{ 8, 8, 0xEFFFFFFF, 6144, 0, 0, 8, 8 * 256 }, { 8, 3, 512, 6144, 0, 0, 3, 512 },
		{ 8, 3, 0xEFFFFFFF, 904, 0, 0, 7, 904 },
		{ 8, 3, 0xEFFFFFFF, 6144, 5, 0, 5, 5 * 120 },
		{ 4, 3, 0xEFFFFFFF, 6144, 5, 0, 4, 4 * 120 }, { 8, 3, 0xEFFFFFFF, 6144, 0, 400, 3, 400 },
		{ 8, 3, 0xEFFFFFFF, 6144, 0, 1, 1, 120 },
	};

	(void)state;
	for (unsigned int r = 0; r < RTE_DIM(rows); r++) {
		struct fake_data *d;
		struct rte_mbuf *pkts[BURST];

		limits = &rows[r];
		d = fake_data_start(&(struct fake_setup){ .host = host_limits });
		for (unsigned int i = 0; i < BURST; i++)
			pkts[i] = fake_mbuf(d, 60, 1, (uint8_t)i);
		assert_int_equal(fake_tx(d, pkts, BURST), BURST);
		assert_int_equal(d->frames, BURST);
		for (unsigned int i = 0; i < BURST; i++) {
			check_frame(&d->frame[i], 60, (uint8_t)i);
			assert_false(d->frame[i].padding_dirty);
		}
		if (d->message_frames_max != rows[r].packets_expected ||
		    d->message_bytes_max > rows[r].bytes_expected || d->aligned_wrong != 0)
			fail_msg("row %u: %u frames, %u bytes, %u unaligned", r,
				d->message_frames_max, d->message_bytes_max, d->aligned_wrong);
		fake_data_stop(d);
	}
}

/* Conformance: 38. */
static void
a_message_that_is_not_full_leaves_with_its_burst(void **state)
{
	struct fake_data *d = fake_data_start(&(struct fake_setup){ 0 });
	struct rte_mbuf *m;

	(void)state;
	for (unsigned int i = 1; i <= 3; i++) {
		m = fake_mbuf(d, 60 + i, 1, (uint8_t)i);
		assert_int_equal(fake_tx(d, &m, 1), 1);
		assert_int_equal(d->frames, i);
		assert_int_equal(d->messages, i);
	}
	fake_data_stop(d);
}

/* Conformance: 38. */
static void
what_pads_a_message_is_zeros_whatever_was_there(void **state)
{
	struct fake_data *d = fake_data_start(&(struct fake_setup){ 0 });

	(void)state;
	memset(fake_world.send, 0xff, FAKE_SEND_BYTES - 2 * 6144);
	for (uint32_t bytes = 14; bytes < 200; bytes++) {
		struct rte_mbuf *m = fake_mbuf(d, bytes, 1, 1);

		assert_int_equal(fake_tx(d, &m, 1), 1);
		check_frame(&d->frame[d->frames - 1], bytes, 1);
		assert_false(d->frame[d->frames - 1].padding_dirty);
	}
	fake_data_stop(d);
}

/* Conformance: 38. */
static void
nothing_is_written_where_the_host_reads_but_headers_and_frames(void **state)
{
	struct fake_data *d = fake_data_start(&(struct fake_setup){ 0 });
	const uint32_t sections = d->host->dev.sendbuf.count;
	uint32_t dirty = 0;

	(void)state;
	memset(fake_world.send, 0x5a, (size_t)sections * 6144);
	d->hold = true;
	for (uint32_t i = 0; i < 20; i++) {
		/* Its pool is full of 0xa5: a byte too many would show. */
		struct rte_mbuf *m = fake_mbuf(d, 61, 2, 3);

		assert_int_equal(fake_tx(d, &m, 1), 1);
	}
	for (uint32_t i = 0; i < sections * 6144; i++)
		if (i % 6144 >= 44 + 16 + 61 + 7)
			dirty += fake_world.send[i] != 0x5a;
	assert_int_equal(dirty, 0);
	assert_null(memchr(fake_world.send, 0xa5, (size_t)sections * 6144));
	fake_data_stop(d);
}

/* ---- lengths ---- */

/* Conformance: 44. */
static void
frames_from_14_bytes_to_the_mtu_are_sent_and_no_others(void **state)
{
	static const struct {
		uint32_t bytes;
		bool sent;
	} rows[] = {
		{ 1, false }, { 13, false }, { 14, true }, { 59, true }, { 60, true }, { 1514, true },
		{ 1515, false }, { 1518, false }, { 2000, false },
	};
	struct fake_data *d = fake_data_start(&(struct fake_setup){ 0 });
	unsigned int sent = 0, dropped = 0;

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(rows); i++) {
		struct rte_mbuf *m = fake_mbuf(d, rows[i].bytes, 1, 0);

		assert_int_equal(fake_tx(d, &m, 1), 1);
		sent += rows[i].sent;
		dropped += !rows[i].sent;
		assert_int_equal(d->frames, sent);
		assert_int_equal(fake_stats(d).opackets, sent);
		assert_int_equal(fake_stats(d).oerrors, dropped);
		assert_int_equal(txq_of(d)->counters.rejected, dropped);
	}
	fake_data_stop(d);
}

/* Conformance: 40. */
static void
a_page_list_names_every_byte_of_every_chain(void **state)
{
	struct fake_data *d = fake_data_start(&(struct fake_setup){ .mtu = 9000,
		.data_room = 9100, .mbufs = 200 });
	static const unsigned int segments[] = { 1, 2, 3, 7, 16, 30, 32 };

	(void)state;
	for (unsigned int s = 0; s < RTE_DIM(segments); s++)
		for (uint32_t bytes = 600; bytes <= 9014; bytes += 701) {
			struct rte_mbuf *m = fake_mbuf(d, bytes, segments[s], (uint8_t)bytes);

			assert_int_equal(fake_tx(d, &m, 1), 1);
			check_frame(&d->frame[d->frames - 1], bytes, (uint8_t)bytes);
			assert_true(d->frame[d->frames - 1].by_page);
			fake_settle(d);
		}
	assert_int_equal(txq_of(d)->counters.page_lists, d->frames);
	fake_data_stop(d);
}

/* Conformance: 40. */
static void
a_chain_too_long_for_a_page_list_is_copied_or_dropped_and_counted(void **state)
{
	struct fake_data *d = fake_data_start(&(struct fake_setup){ .mtu = 9000,
		.data_room = 9100, .mbufs = 200 });
	struct rte_mbuf *m = fake_mbuf(d, 4000, 40, 1);

	(void)state;
	assert_int_equal(fake_tx(d, &m, 1), 1);
	check_frame(&d->frame[0], 4000, 1);
	assert_false(d->frame[0].by_page);
	m = fake_mbuf(d, 9000, 40, 1);
	assert_int_equal(fake_tx(d, &m, 1), 1);
	assert_int_equal(d->frames, 1);
	assert_int_equal(txq_of(d)->counters.unsendable, 1);
	assert_int_equal(fake_stats(d).oerrors, 1);
	fake_data_stop(d);
}

static void
without_page_lists_a_frame_longer_than_a_section_is_dropped_and_counted(void **state)
{
	/* What a section holds: header 92, alignment 8. */
	const uint32_t most = 6144 - 92 - 7;
	struct fake_data *d = fake_data_start(&(struct fake_setup){ .mtu = 9000,
		.data_room = 9100, .mbufs = 200, .no_page_lists = true });
	struct rte_mbuf *m = fake_mbuf(d, most, 3, 1);

	(void)state;
	assert_int_equal(fake_tx(d, &m, 1), 1);
	check_frame(&d->frame[0], most, 1);
	m = fake_mbuf(d, most + 1, 3, 1);
	assert_int_equal(fake_tx(d, &m, 1), 1);
	assert_int_equal(d->frames, 1);
	assert_int_equal(txq_of(d)->counters.unsendable, 1);
	fake_data_stop(d);
}

/* ---- out of something ---- */

/* Sends until the driver takes no more; the others stay ours and are freed. */
static unsigned int
send_until_full(struct fake_data *d, uint32_t bytes, unsigned int most)
{
	unsigned int sent = 0;

	while (sent < most) {
		struct rte_mbuf *pkts[BURST];
		uint16_t taken;

		for (unsigned int i = 0; i < BURST; i++)
			pkts[i] = fake_mbuf(d, bytes, 1, (uint8_t)(sent + i));
		taken = fake_tx(d, pkts, BURST);
		sent += taken;
		rte_pktmbuf_free_bulk(pkts + taken, BURST - taken);
		if (taken < BURST)
			break;
	}
	return sent;
}

static void
one_frame_each(struct fake_host *host)
{
	host->set.packets_per_message = 1;
}

/* Conformance: 39. */
static void
with_all_sections_taken_frames_go_as_page_lists(void **state)
{
	struct fake_data *d = fake_data_start(&(struct fake_setup){ .nb_desc = 100,
		.host = one_frame_each });
	const uint32_t sections = d->host->dev.sendbuf.count;
	struct rte_mbuf *pkts[90];

	(void)state;
	assert_true(sections < 60);
	d->hold = true;
	for (unsigned int i = 0; i < 90; i++)
		pkts[i] = fake_mbuf(d, 60, 1, (uint8_t)i);
	assert_int_equal(fake_tx(d, pkts, 90), 90);
	assert_int_equal(d->frames, 90);
	for (unsigned int i = 0; i < 90; i++) {
		check_frame(&d->frame[i], 60, (uint8_t)i);
		assert_int_equal(d->frame[i].by_page, i >= sections);
	}
	assert_int_equal(txq_of(d)->counters.no_section, 90 - sections);
	/* Large ones, too: their headers need sections no more than they do. */
	assert_int_equal(fake_tx(d, &(struct rte_mbuf *){ fake_mbuf(d, 1500, 2, 9) }, 1), 1);
	check_frame(&d->frame[90], 1500, 9);
	fake_data_stop(d);
}

/* Conformance: 36, 37, 39. */
static void
without_page_lists_too_few_sections_hold_frames_back_and_lose_none(void **state)
{
	struct fake_data *d = fake_data_start(&(struct fake_setup){ .nb_desc = 100,
		.host = one_frame_each, .no_page_lists = true });
	const uint32_t sections = d->host->dev.sendbuf.count;

	(void)state;
	d->hold = true;
	for (unsigned int round = 1; round <= 3; round++) {
		assert_int_equal(send_until_full(d, 60, 1000), sections);
		assert_int_equal(fake_pool_out(&d->pool), 0);
		assert_int_equal(d->frames, round * sections);
		assert_true(txq_of(d)->counters.no_section >= round);
		fake_data_complete(d);
		fake_settle(d);
	}
	fake_data_stop(d);
}

/* Conformance: 36, 37. */
static void
without_descriptors_frames_stay_the_callers(void **state)
{
	struct fake_data *d = fake_data_start(&(struct fake_setup){ .nb_desc = 16,
		.host = one_frame_each });

	(void)state;
	d->hold = true;
	for (unsigned int round = 1; round <= 3; round++) {
		assert_int_equal(send_until_full(d, 60, 1000), 16);
		assert_int_equal(send_until_full(d, 1500, 1000), 0);
		assert_int_equal(fake_pool_out(&d->pool), 0);
		assert_int_equal(d->frames, round * 16);
		fake_data_complete(d);
		fake_settle(d);
	}
	fake_data_stop(d);
}

/* At each point of the ring's filling, with bursts of all kinds of frames, the
 * host deaf: nothing is the driver's and the caller's, and nothing nobody's.
 * Conformance: 36, 37. */
static void
a_ring_full_at_any_point_leaves_every_mbuf_with_one_owner(void **state)
{
	(void)state;
	for (uint32_t filled = 0; filled < 2200; filled += 24) {
		struct fake_data *d = fake_data_start(&(struct fake_setup){ .nb_desc = 64 });
		struct vmbus_tx_ring *tx = &d->host->dev.channel[0]->vmbus->tx;
		struct vmbus_packet_desc desc = { .type = VMBUS_PACKET_COMPLETION };
		static uint8_t filler[512];
		struct rte_mbuf *pkts[BURST];
		uint16_t sent = 0, taken;
		uint32_t write = tx->write;

		/* All but `filled` bytes and the reserve for acknowledgements. */
		d->host->set.deaf = true;
		desc.payload = filler;
		while (vmbus_tx_ring_room(tx, UINT32_MAX) > (int64_t)(filled + 600 +
				txq_of(d)->ack_reserve)) {
			desc.payload_bytes = sizeof(filler);
			assert_int_equal(vmbus_packet_put(tx, &desc, 0), 0);
		}
		for (unsigned int i = 0; i < BURST; i++)
			pkts[i] = fake_mbuf(d, i % 3 == 0 ? 1200 : 60, 1 + i % 3, (uint8_t)i);
		for (unsigned int tries = 0; tries < 3; tries++) {
			taken = fake_tx(d, pkts + sent, (uint16_t)(BURST - sent));
			sent = (uint16_t)(sent + taken);
		}
		for (unsigned int i = sent; i < BURST; i++)     /* still whole, still ours */
			assert_int_equal(rte_mbuf_refcnt_read(pkts[i]), 1);
		assert_int_equal(txq_of(d)->counters.packets, sent);
		/* The host reads again, from behind the filler. */
		(void)write;
		d->host->set.deaf = false;
		fake_world.tx_read = tx->write;
		tx->page->read_index = tx->write;
		for (uint32_t id = 0; id < d->host->dev.channel[0]->tx_slots.count; id++) {
			const struct netvsc_tx_slot *slot = &d->host->dev.channel[0]->tx_slots.slot[id];

			if ((slot->state & 1) != 0)
				d->held[d->held_count++] = (uint64_t)d->host->dev.channel[0]->epoch << 48 |
					(uint64_t)(slot->state >> 1) << 32 | id;
		}
		fake_data_complete(d);
		taken = fake_tx(d, pkts + sent, (uint16_t)(BURST - sent));
		assert_int_equal(taken, BURST - sent);
		assert_int_equal(d->frames, BURST - sent);
		for (unsigned int i = 0; i < d->frames; i++)
			check_frame(&d->frame[i], (sent + i) % 3 == 0 ? 1200 : 60, (uint8_t)(sent + i));
		fake_data_stop(d);
	}
}

/* The host may wait for acknowledgements before it reads on. Conformance: 27, 36. */
static void
an_eighth_of_the_ring_is_left_for_acknowledgements(void **state)
{
	struct fake_data *d = fake_data_start(&(struct fake_setup){ .nb_desc = 1024,
		.host = one_frame_each });
	struct vmbus_tx_ring *tx = &d->host->dev.channel[0]->vmbus->tx;
	unsigned int held, sent;
	uint64_t acks;

	(void)state;
	fake_data_send(d, &(const struct fake_frame){ .data = fake_world.rings, .bytes = 60 }, 1);
	d->host->set.deaf = true;
	sent = send_until_full(d, 1500, 1000);
	assert_true(sent > 50 && txq_of(d)->counters.ring_full > 0);
	assert_true(vmbus_tx_ring_room(tx, UINT32_MAX) >= FAKE_RING_DATA_BYTES / 8);
	acks = d->host->dev.channel[0]->acks;
	for (held = 0; held < 3; held++) {
		struct rte_mbuf *m;

		if (fake_rx(d, &m, 1) == 1)
			rte_pktmbuf_free(m);
	}
	assert_int_equal(d->host->dev.channel[0]->acks, acks + 1);
	fake_data_stop(d);
}

/* Conformance: 36. */
static void
a_long_burst_takes_the_lock_once_and_signals_once(void **state)
{
	struct fake_data *d = fake_data_start(&(struct fake_setup){ .nb_desc = 256 });
	struct rte_mbuf *pkts[256];
	unsigned int signals = d->host->signals;

	(void)state;
	for (unsigned int i = 0; i < 256; i++)
		pkts[i] = fake_mbuf(d, 60, 1, (uint8_t)i);
	assert_int_equal(fake_tx(d, pkts, 256), 256);
	assert_int_equal(d->host->signals, signals + 1);
	assert_int_equal(d->frames, 256);
	for (unsigned int i = 0; i < 256; i++)
		check_frame(&d->frame[i], 60, (uint8_t)i);
	fake_data_stop(d);
}

/* Conformance: 37. */
static void
queues_that_rest_keep_no_more_than_half_the_sections(void **state)
{
	static const struct {
		uint32_t sections, wanted, queues, max;
	} rows[] = {
		{ 2730, 64, 1, 64 }, { 2730, 64, 64, 21 }, { 2730, 8, 64, 8 }, { 2730, 0, 1, 1 },
		{ 40, 64, 64, 1 }, { 0, 64, 4, 1 }, { 2730, 1000, 1, 64 },
	};

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(rows); i++) {
		const struct netvsc_sendbuf buf = { .count = rows[i].sections };
		struct netvsc_sendbuf_cache cache = { 0 };

		netvsc_sendbuf_cache_fit(&buf, &cache, rows[i].wanted, rows[i].queues);
		assert_int_equal(cache.max, rows[i].max);
	}
}

/* UBSan is the judge: there is no list then. */
static void
a_send_buffer_that_was_refused_has_no_sections(void **state)
{
	struct netvsc_sendbuf_cache cache = { .max = 1 };

	assert_null(*state);
	assert_int_equal(netvsc_sendbuf_acquire(&(struct netvsc_sendbuf){ 0 }, &cache),
		NETVSC_SECTION_EMPTY);
}

/* ---- runs ---- */

/* Frame i of a mixed burst: what is common, in runs of one to five, and between
 * them what is not. Returns how many bytes arrive. */
static uint32_t
mixed_frame(struct fake_data *d, unsigned int i, struct rte_mbuf **m)
{
	static const uint32_t bytes[] = { 60, 64, 18, 17, 511, 512, 513, 1514, 33, 127, 128, 129 };
	uint32_t n = bytes[i % RTE_DIM(bytes)];

	*m = fake_mbuf(d, n, i % 7 == 3 ? 2 : 1, (uint8_t)i);
	if (i % 5 == 4)
		rte_pktmbuf_refcnt_update(*m, 1);       /* and another owner */
	return n;
}

/* Conformance: 36, 38. */
static void
runs_of_common_frames_and_others_between_them_arrive_whole_and_in_order(void **state)
{
	/* As many frames are sent as take the ring around a few times. */
	(void)state;
	for (uint16_t burst = 1; burst <= BURST; burst = (uint16_t)(burst * 2)) {
		struct fake_data *d = fake_data_start(&(struct fake_setup){ .nb_desc = 64 });
		unsigned int i = 0;

		while (i < 448) {
			struct rte_mbuf *pkts[BURST];
			uint32_t bytes[BURST];

			for (unsigned int k = 0; k < burst; k++)
				bytes[k] = mixed_frame(d, i + k, &pkts[k]);
			assert_int_equal(fake_tx(d, pkts, burst), burst);
			fake_settle(d);
			for (unsigned int k = 0; k < burst; k++, i++) {
				check_frame(&d->frame[i], bytes[k], (uint8_t)i);
				assert_int_equal(d->frame[i].by_page, bytes[k] > 512);
				assert_false(d->frame[i].padding_dirty);
				if (i % 5 == 4)
					rte_pktmbuf_free(pkts[k]);
			}
		}
		assert_int_equal(fake_pool_out(&d->pool), 0);
		assert_int_equal(txq_of(d)->counters.packets, i);
		fake_data_stop(d);
	}
}

/* ---- what the host says of it ---- */

/* Conformance: 44. */
static void
a_message_that_the_host_refuses_is_an_error_for_each_of_its_frames(void **state)
{
	struct fake_data *d = fake_data_start(&(struct fake_setup){ 0 });
	struct rte_mbuf *pkts[11];
	struct rte_eth_stats stats;

	(void)state;
	for (unsigned int i = 0; i < 11; i++)
		pkts[i] = fake_mbuf(d, 100, 1, (uint8_t)i);
	d->status = NVSP_STATUS_FAILURE;
	assert_int_equal(fake_tx(d, pkts, 10), 10);     /* 8 and 2 */
	d->status = NVSP_STATUS_SUCCESS;
	fake_tx(d, pkts, 0);
	assert_int_equal(fake_tx(d, pkts + 10, 1), 1);
	fake_settle(d);
	stats = fake_stats(d);
	assert_int_equal(stats.oerrors, 10);
	assert_int_equal(stats.opackets, 1);
	assert_int_equal(stats.obytes, 100);
	fake_data_stop(d);
}

/* The next frame of a run may be longer than any message, or too short for a frame. */
static void
a_frame_that_fits_no_message_ends_the_run_before_it_and_nothing_else(void **state)
{
	struct fake_data *d = fake_data_start(&(struct fake_setup){ .data_room = 9200, .mtu = 9000 });
	struct netvsc_txq *txq = txq_of(d);
	struct rte_mbuf *pkts[3];

	(void)state;
	pkts[0] = fake_mbuf(d, 60, 1, 0);
	pkts[1] = fake_mbuf(d, 9014, 1, 1);
	assert_int_equal(fake_tx(d, pkts, 2), 2);
	assert_int_equal(txq->counters.messages, 2);
	txq->copy_max = 0;
	netvsc_tx_quick_fit(txq);
	for (uint32_t i = 0; i < 3; i++)
		pkts[i] = fake_mbuf(d, 9 + i, 1, 0);
	assert_int_equal(fake_tx(d, pkts, 3), 3);
	assert_int_equal(txq->counters.rejected, 3);
	assert_int_equal(txq->counters.messages, 2);
	fake_settle(d);
	fake_data_stop(d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_are_filled_up_to_what_the_host_announced_and_no_further),
		cmocka_unit_test(a_message_that_is_not_full_leaves_with_its_burst),
		cmocka_unit_test(what_pads_a_message_is_zeros_whatever_was_there),
		cmocka_unit_test(nothing_is_written_where_the_host_reads_but_headers_and_frames),
		cmocka_unit_test(frames_from_14_bytes_to_the_mtu_are_sent_and_no_others),
		cmocka_unit_test(a_page_list_names_every_byte_of_every_chain),
		cmocka_unit_test(a_chain_too_long_for_a_page_list_is_copied_or_dropped_and_counted),
		cmocka_unit_test(without_page_lists_a_frame_longer_than_a_section_is_dropped_and_counted),
		cmocka_unit_test(with_all_sections_taken_frames_go_as_page_lists),
		cmocka_unit_test(without_page_lists_too_few_sections_hold_frames_back_and_lose_none),
		cmocka_unit_test(without_descriptors_frames_stay_the_callers),
		cmocka_unit_test(a_ring_full_at_any_point_leaves_every_mbuf_with_one_owner),
		cmocka_unit_test(an_eighth_of_the_ring_is_left_for_acknowledgements),
		cmocka_unit_test(a_long_burst_takes_the_lock_once_and_signals_once),
		cmocka_unit_test(queues_that_rest_keep_no_more_than_half_the_sections),
		cmocka_unit_test(a_send_buffer_that_was_refused_has_no_sections),
		cmocka_unit_test(
			runs_of_common_frames_and_others_between_them_arrive_whole_and_in_order),
		cmocka_unit_test(
			a_frame_that_fits_no_message_ends_the_run_before_it_and_nothing_else),
		cmocka_unit_test(a_message_that_the_host_refuses_is_an_error_for_each_of_its_frames),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
