/* SPDX-License-Identifier: BSD-3-Clause */

/* Runs of coalesced segments: whole ones become a chain, broken ones nothing,
 * with each of their pieces counted once. And chains that take the whole pool. */

#include <string.h>

#include "fake_data.h"
#include "netvsc_rx.h"
#include "netvsc_queue.h"

#define FIRST RNDIS_PACKET_ID_FIRST
#define LAST RNDIS_PACKET_ID_LAST

static struct netvsc_rxq *
rxq_of(const struct fake_data *d)
{
	return d->eth->data->rx_queues[0];
}

/* Frames of a pattern, one after the other in one buffer. */
static uint8_t pattern[65536];

static void
pattern_make(void)
{
	for (unsigned int i = 0; i < sizeof(pattern); i++)
		pattern[i] = (uint8_t)(i * 13 + i / 251);
}

static void
check_mbuf(const struct rte_mbuf *m, const uint8_t *want, uint32_t bytes)
{
	static uint8_t copy[65536];
	uint32_t segments = 0, sum = 0;

	assert_int_equal(m->pkt_len, bytes);
	assert_memory_equal(rte_pktmbuf_read(m, 0, bytes, copy), want, bytes);
	for (const struct rte_mbuf *s = m; s != NULL; s = s->next, segments++) {
		sum += s->data_len;
		assert_int_equal(rte_mbuf_refcnt_read(s), 1);
		assert_int_equal(s->data_off, RTE_PKTMBUF_HEADROOM);
	}
	assert_int_equal(sum, bytes);
	assert_int_equal(m->nb_segs, segments);
}

static uint32_t
packet_id(uint8_t flags, uint16_t id)
{
	return 1u | (uint32_t)(flags | RNDIS_PACKET_ID_SUBALLOC) << 8 | (uint32_t)id << 16;
}

static struct fake_frame
piece(uint32_t bytes, uint8_t flags, uint16_t id)
{
	return (struct fake_frame) { .data = pattern, .bytes = bytes, .ppi_count = 1,
		.ppi = { { RNDIS_PPI_PACKET_ID, packet_id(flags, id) } } };
}

static struct fake_data *
start_lro(void)
{
	return fake_data_start(&(struct fake_setup){ .rx_offloads = RTE_ETH_RX_OFFLOAD_TCP_LRO,
		.mbufs = 700 });
}

static void
a_run_becomes_one_chain_that_says_how_long_its_segments_were(void **state)
{
	static const uint8_t head[54] = {
		1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0x08, 0x00,
		0x45, 0, 0, 50, 0, 1, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
		0, 7, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 0x10,
	};
	struct fake_data *d = start_lro();
	struct fake_frame frames[40];
	uint8_t first[54 + 1000], want[54 + 40000];
	struct rte_mbuf *m;
	uint16_t n = 0;

	(void)state;
	memcpy(first, head, 54);
	memcpy(first + 54, pattern, 1000);
	frames[0] = piece(1054, FIRST, 9);
	frames[0].data = first;
	frames[0].ppi_count = 3;
	frames[0].ppi[1].type = RNDIS_PPI_CHECKSUM;
	frames[0].ppi[1].value = RNDIS_RX_CSUM_IP_OK | RNDIS_RX_CSUM_TCP_OK |
		RNDIS_RX_CSUM_TCP_VALUE_INVALID;
	frames[0].ppi[2].type = RNDIS_PPI_HASH_VALUE;
	frames[0].ppi[2].value = 5;
	memcpy(want, first, 1054);
	for (unsigned int i = 1; i < 40; i++) {
		frames[i] = piece(1000, i == 39 ? LAST : 0, 9);
		frames[i].data = pattern + i;
		memcpy(want + 54 + i * 1000, pattern + i, 1000);
	}
	fake_data_send(d, frames, 40);
	while (n == 0)          /* bursts of one: the run is spread over many */
		n = fake_rx(d, &m, 1);
	assert_int_equal(m->nb_segs, 40);
	check_mbuf(m, want, 54 + 40000);
	assert_int_equal(m->tso_segsz, 1000);
	assert_int_equal(m->ol_flags, RTE_MBUF_F_RX_LRO | RTE_MBUF_F_RX_IP_CKSUM_GOOD |
		RTE_MBUF_F_RX_L4_CKSUM_NONE);
	assert_int_equal(m->packet_type, RTE_PTYPE_L2_ETHER | RTE_PTYPE_L3_IPV4 | RTE_PTYPE_L4_TCP);
	assert_int_equal(fake_stats(d).ipackets, 1);
	assert_int_equal(fake_stats(d).ibytes, 54 + 40000);
	rte_pktmbuf_free(m);
	fake_data_stop(d);
}

struct run_row {
	const char *what;
	struct fake_frame frames[6];
	unsigned int count;
	unsigned int delivered, broken, others;         /* others: counted elsewhere */
};

/* Conformance: 34. */
static void
a_broken_run_is_dropped_and_each_of_its_pieces_counted_once(void **state)
{
	struct run_row rows[] = {
		{ "no first", { piece(100, 0, 1), piece(100, 0, 1), piece(100, LAST, 1) }, 3, 0, 3, 0 },
		{ "no last", { piece(100, FIRST, 1), piece(100, 0, 1) }, 2, 0, 2, 0 },
		{ "no last, then a frame", { piece(100, FIRST, 1), piece(100, 0, 1),
			{ .data = pattern, .bytes = 60 } }, 3, 1, 2, 0 },
		{ "no last, then another", { piece(100, FIRST, 1), piece(100, 0, 1),
			piece(100, FIRST, 2), piece(100, LAST, 2) }, 4, 1, 2, 0 },
		{ "another run's piece", { piece(100, FIRST, 1), piece(100, 0, 2), piece(100, LAST, 1) },
			3, 0, 3, 0 },
		{ "a malformed piece", { piece(100, FIRST, 1), piece(100, 0, 1), piece(100, LAST, 1) },
			3, 0, 2, 1 },
		{ "a piece outside the buffer", { piece(100, FIRST, 1), piece(100, 0, 1),
			piece(100, LAST, 1) }, 3, 0, 2, 1 },
		{ "a first piece that is a runt", { piece(10, FIRST, 1), piece(100, LAST, 1) }, 2, 0, 2, 0 },
		{ "whole in one", { piece(100, FIRST | LAST, 1), piece(100, FIRST | LAST, 1) }, 2, 2, 0, 0 },
	};

	(void)state;
	rows[5].frames[1].malformed = true;
	rows[6].frames[1].outside = true;
	for (unsigned int i = 0; i < RTE_DIM(rows); i++) {
		struct fake_data *d = start_lro();
		struct rte_mbuf *pkts[8];
		uint16_t n;

		fake_data_send(d, rows[i].frames, rows[i].count);
		n = fake_rx(d, pkts, 8);
		if (n != rows[i].delivered || rxq_of(d)->counters.rsc_broken != rows[i].broken ||
		    rxq_of(d)->counters.malformed != rows[i].others ||
		    fake_stats(d).ierrors != rows[i].broken + rows[i].others)
			fail_msg("%s: %u delivered, %" PRIu64 " broken", rows[i].what, n,
				rxq_of(d)->counters.rsc_broken);
		/* Nothing is kept for later. */
		assert_null(rxq_of(d)->run_head);
		rte_pktmbuf_free_bulk(pkts, n);
		fake_data_stop(d);
	}
}

static void
a_run_does_not_go_on_in_the_next_transfer(void **state)
{
	struct fake_data *d = start_lro();
	const struct fake_frame a = piece(100, FIRST, 1), b = piece(100, LAST, 1);
	struct rte_mbuf *pkts[8];

	(void)state;
	fake_data_send(d, &a, 1);
	fake_data_send(d, &b, 1);
	assert_int_equal(fake_rx(d, pkts, 8), 0);
	assert_int_equal(rxq_of(d)->counters.rsc_broken, 2);
	fake_data_stop(d);
}

/* Nobody else frees it, and it counts. */
static void
a_run_that_is_unfinished_when_its_queue_stops_is_dropped_then(void **state)
{
	const struct fake_frame frames[2] = { piece(100, FIRST, 1), piece(100, 0, 1) };
	struct rte_mbuf *pkts[8];

	(void)state;
	for (unsigned int alone = 0; alone < 2; alone++) {
		struct fake_data *d = start_lro();

		fake_data_send(d, frames, 2);
		assert_int_equal(fake_rx(d, pkts, 1), 0);       /* the first, the second waits */
		assert_int_equal(rxq_of(d)->counters.rsc_broken, 0);
		assert_int_equal(fake_pool_out(&d->pool), 1);
		assert_int_equal(alone ? netvsc_rx_queue_stop(d->eth, 0) : netvsc_queues_stop(d->eth), 0);
		assert_int_equal(rxq_of(d)->counters.rsc_broken, 1);
		assert_int_equal(fake_pool_out(&d->pool), 0);
		fake_data_stop(d);
	}
}

static void
without_lro_pieces_are_none_of_ours(void **state)
{
	struct fake_data *d = fake_data_start(&(struct fake_setup){ 0 });
	const struct fake_frame frames[] = { piece(100, FIRST, 1), piece(100, LAST, 1),
		piece(100, FIRST | LAST, 1) };
	struct rte_mbuf *pkts[8];

	(void)state;
	fake_data_send(d, frames, 3);
	assert_int_equal(fake_rx(d, pkts, 8), 1);
	assert_int_equal(pkts[0]->ol_flags, 0);
	assert_int_equal(rxq_of(d)->counters.rsc_broken, 2);
	rte_pktmbuf_free(pkts[0]);
	fake_data_stop(d);
}

static void
a_run_of_more_pieces_than_the_pool_was_checked_for_is_broken(void **state)
{
	struct fake_data *d = start_lro();
	const struct fake_frame frames[] = { piece(100, FIRST, 1), piece(100, 0, 1),
		piece(100, 0, 1), piece(100, LAST, 1) };
	struct rte_mbuf *pkts[8];

	(void)state;
	fake_data_send(d, frames, 4);
	assert_int_equal(fake_rx(d, pkts, 2), 0);
	rxq_of(d)->run_pieces = NETVSC_RUN_PIECES_MAX - 1;
	assert_int_equal(fake_rx(d, pkts, 8), 0);
	assert_int_equal(rxq_of(d)->counters.rsc_broken, NETVSC_RUN_PIECES_MAX + 1);
	assert_null(rxq_of(d)->run_head);
	fake_data_stop(d);
}

#define GOOD { RNDIS_PPI_CHECKSUM, RNDIS_RX_CSUM_IP_OK }
#define HASH { RNDIS_PPI_HASH_VALUE, 0 }
#define INFO { RNDIS_PPI_HASH_INFO, 7 }
static const struct {
	struct fake_frame frame;
	uint64_t flags;
} layouts[] = {
	{ { .ppi_count = 0 }, 0 },
	{ { .ppi_count = 1, .ppi = { GOOD } }, RTE_MBUF_F_RX_IP_CKSUM_GOOD },
	{ { .ppi_count = 1, .ppi = { HASH } }, RTE_MBUF_F_RX_RSS_HASH },
	{ { .ppi_count = 3, .ppi = { INFO, HASH, GOOD } },
		RTE_MBUF_F_RX_RSS_HASH | RTE_MBUF_F_RX_IP_CKSUM_GOOD },
	{ { .ppi_count = 3, .ppi = { INFO, GOOD, HASH } },
		RTE_MBUF_F_RX_RSS_HASH | RTE_MBUF_F_RX_IP_CKSUM_GOOD },
	{ { .ppi_count = 6, .ppi = { { 11, 1 }, { 4, 2 }, HASH, { 15, 3 }, GOOD, INFO } },
		RTE_MBUF_F_RX_RSS_HASH | RTE_MBUF_F_RX_IP_CKSUM_GOOD },
};

static struct fake_frame
laid_out(uint32_t layout, uint32_t hash)
{
	struct fake_frame frame = layouts[layout].frame;

	frame.data = pattern;
	frame.bytes = 60;
	for (uint32_t i = 0; i < frame.ppi_count; i++)
		if (frame.ppi[i].type == RNDIS_PPI_HASH_VALUE)
			frame.ppi[i].value = hash;
	return frame;
}

/* Each layout comes behind each other, behind itself, and behind a run, whose is none
 * of these. */
static void
frames_of_changing_layouts_and_runs_between_them_keep_their_own_information(void **state)
{
	struct fake_data *d = fake_data_start(&(struct fake_setup){ .mbufs = 700,
		.rx_offloads = RTE_ETH_RX_OFFLOAD_TCP_LRO | RTE_ETH_RX_OFFLOAD_RSS_HASH });
	const uint32_t pairs = RTE_DIM(layouts) * RTE_DIM(layouts);

	(void)state;
	for (uint32_t i = 0; i < 2 * pairs; i++) {
		const uint32_t a = i % RTE_DIM(layouts), b = i / RTE_DIM(layouts) % RTE_DIM(layouts);
		const uint32_t order[] = { a, b, b, a };
		const struct fake_frame frames[] = { laid_out(a, i), laid_out(b, i + 1),
			piece(100, FIRST, 1), piece(100, LAST, 1), laid_out(b, i + 2), laid_out(a, i + 3) };
		struct rte_mbuf *pkts[8];
		uint32_t n = 0;

		fake_data_send(d, frames, 2);
		if (i >= pairs)
			fake_data_send(d, frames + 2, 2);
		fake_data_send(d, frames + 4, 2);
		assert_int_equal(fake_rx(d, pkts, 8), i >= pairs ? 5 : 4);
		for (uint32_t k = 0; k < RTE_DIM(order); k++, n++) {
			n += k == 2 && i >= pairs;      /* the run */
			check_mbuf(pkts[n], pattern, 60);
			assert_int_equal(pkts[n]->ol_flags, layouts[order[k]].flags);
			if ((pkts[n]->ol_flags & RTE_MBUF_F_RX_RSS_HASH) != 0)
				assert_int_equal(pkts[n]->hash.rss, i + k);
		}
		rte_pktmbuf_free_bulk(pkts, n);
	}
	assert_int_equal(rxq_of(d)->counters.rsc_broken, 0);
	fake_data_stop(d);
}

/* ---- chains ---- */

/* 12 mbufs for a frame, and the burst would take all 20 for the heads of chains. */
static void
fresh_mbufs_of_later_frames_do_not_starve_the_first_ones_chain(void **state)
{
	struct fake_data *d = fake_data_start(&(struct fake_setup){ .data_room = 128,
		.mbufs = 20, .rx_offloads = RTE_ETH_RX_OFFLOAD_SCATTER });
	const struct fake_frame frame = { .data = pattern, .bytes = 1500 };
	struct rte_mbuf *pkts[32];

	(void)state;
	for (unsigned int i = 0; i < 20; i++)
		fake_data_send(d, &frame, 1);
	for (unsigned int i = 0; i < 20; i++) {
		assert_int_equal(fake_rx(d, pkts, 32), 1);
		check_mbuf(pkts[0], pattern, 1500);
		rte_pktmbuf_free(pkts[0]);
	}
	fake_data_stop(d);
}

static void
a_frame_that_the_whole_pool_cannot_hold_is_dropped_and_keeps_nobody(void **state)
{
	struct fake_data *d = fake_data_start(&(struct fake_setup){ .data_room = 128,
		.mbufs = 20, .rx_offloads = RTE_ETH_RX_OFFLOAD_SCATTER });
	const struct fake_frame frames[] = { { .data = pattern, .bytes = 3000 },
		{ .data = pattern, .bytes = 60 } };
	struct rte_mbuf *pkts[4];

	(void)state;
	fake_data_send(d, frames, 2);
	assert_int_equal(fake_rx(d, pkts, 4), 1);
	assert_int_equal(rxq_of(d)->counters.oversize, 1);
	rte_pktmbuf_free(pkts[0]);
	fake_data_stop(d);
}

static int
setup(void **state)
{
	(void)state;
	pattern_make();
	return 0;
}

/* What a piece holds may need more than one mbuf. */
static void
a_piece_longer_than_an_mbuf_is_a_piece_all_the_same(void **state)
{
	struct fake_data *d = fake_data_start(&(struct fake_setup){ .mbufs = 700,
		.rx_offloads = RTE_ETH_RX_OFFLOAD_TCP_LRO | RTE_ETH_RX_OFFLOAD_SCATTER,
		.data_room = 600 });
	struct fake_frame frames[3] = { piece(1000, FIRST, 3), piece(1400, 0, 3), piece(900, LAST, 3) };
	struct rte_mbuf *pkts[4];

	(void)state;
	frames[1].data = pattern + 1000;
	frames[2].data = pattern + 2400;
	fake_data_send(d, frames, 3);
	assert_int_equal(fake_rx(d, pkts, 4), 1);
	check_mbuf(pkts[0], pattern, 3300);
	assert_int_equal(pkts[0]->nb_segs, 2 + 3 + 2);
	rte_pktmbuf_free(pkts[0]);
	fake_data_stop(d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_run_that_is_unfinished_when_its_queue_stops_is_dropped_then),
		cmocka_unit_test(a_piece_longer_than_an_mbuf_is_a_piece_all_the_same),
		cmocka_unit_test(a_run_becomes_one_chain_that_says_how_long_its_segments_were),
		cmocka_unit_test(a_broken_run_is_dropped_and_each_of_its_pieces_counted_once),
		cmocka_unit_test(a_run_does_not_go_on_in_the_next_transfer),
		cmocka_unit_test(a_run_of_more_pieces_than_the_pool_was_checked_for_is_broken),
		cmocka_unit_test(fresh_mbufs_of_later_frames_do_not_starve_the_first_ones_chain),
		cmocka_unit_test(
			a_frame_that_the_whole_pool_cannot_hold_is_dropped_and_keeps_nobody),
		cmocka_unit_test(without_lro_pieces_are_none_of_ours),
		cmocka_unit_test(
			frames_of_changing_layouts_and_runs_between_them_keep_their_own_information),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
