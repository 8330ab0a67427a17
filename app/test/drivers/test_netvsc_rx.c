/* SPDX-License-Identifier: BSD-3-Clause */

/* What is received: whole, in order, described as the host described it, each
 * frame and each loss counted once, and every transfer acknowledged once. */

#include <stdlib.h>
#include <string.h>

#include <rte_net.h>

#include "fake_data.h"
#include "netvsc_ethdev.h"
#include "netvsc_queue.h"

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

/* Frame i starts at pattern + i. */
static void
send_one(struct fake_data *d, uint32_t i, uint32_t bytes)
{
	const struct fake_frame frame = { .data = pattern + i, .bytes = bytes };

	fake_data_send(d, &frame, 1);
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

/* Conformance: 28, 33. */
static void
frames_of_transfers_arrive_in_order_in_clean_mbufs(void **state)
{
	struct fake_data *d = fake_data_start(&(struct fake_setup){ .mbufs = 40 });
	struct rte_mbuf *pkts[64];
	uint32_t next = 0, sent = 0;

	(void)state;
	for (unsigned int round = 0; round < 60; round++) {
		struct fake_frame frames[32] = { 0 };
		unsigned int count = round % 32 + 1;
		uint16_t n;

		for (unsigned int i = 0; i < count; i++, sent++) {
			frames[i].data = pattern + sent;
			frames[i].bytes = 60 + sent % 1000;
		}
		fake_data_send(d, frames, count);
		do {
			n = fake_rx(d, pkts, (uint16_t)(round % 7 + 1));
			for (uint16_t i = 0; i < n; i++, next++) {
				check_mbuf(pkts[i], pattern + next, 60 + next % 1000);
				assert_int_equal(pkts[i]->ol_flags, 0);
				assert_int_equal(pkts[i]->port, 0);
				rte_pktmbuf_free(pkts[i]);
			}
		} while (n > 0);
		assert_int_equal(next, sent);
	}
	assert_int_equal(fake_stats(d).ipackets, sent);
	fake_data_stop(d);
}

/* Conformance: 29. */
static void
every_length_is_whole_in_one_mbuf_or_a_chain(void **state)
{
	struct fake_data *d = fake_data_start(&(struct fake_setup){ .data_room = 128,
		.rx_offloads = RTE_ETH_RX_OFFLOAD_SCATTER });
	struct rte_mbuf *m;

	(void)state;
	for (uint32_t bytes = 14; bytes <= 1514; bytes++) {
		send_one(d, bytes, bytes);
		assert_int_equal(fake_rx(d, &m, 1), 1);
		check_mbuf(m, pattern + bytes, bytes);
		assert_int_equal(m->nb_segs, (bytes + 127) / 128);
		rte_pktmbuf_free(m);
	}
	fake_data_stop(d);
}

/* Conformance: 29, 34. */
static void
without_scatter_a_frame_that_fits_no_mbuf_is_dropped_and_counted(void **state)
{
	struct fake_data *d = fake_data_start(&(struct fake_setup){ .data_room = 1600 });
	const struct fake_frame frames[] = {
		{ .data = pattern, .bytes = 1600 }, { .data = pattern, .bytes = 1601 },
		{ .data = pattern + 9, .bytes = 1599 },
	};
	struct rte_mbuf *pkts[8];

	(void)state;
	fake_data_send(d, frames, 3);
	assert_int_equal(fake_rx(d, pkts, 8), 2);
	check_mbuf(pkts[0], pattern, 1600);     /* longer than the MTU, and there is room */
	check_mbuf(pkts[1], pattern + 9, 1599);
	assert_int_equal(rxq_of(d)->counters.oversize, 1);
	assert_int_equal(fake_stats(d).ierrors, 1);
	rte_pktmbuf_free_bulk(pkts, 2);
	fake_data_stop(d);
}

/* Conformance: 29. */
static void
frames_shorter_than_60_bytes_arrive_and_than_14_are_counted(void **state)
{
	struct fake_data *d = fake_data_start(&(struct fake_setup){ 0 });
	struct rte_mbuf *m;

	(void)state;
	for (uint32_t bytes = 1; bytes < 60; bytes++) {
		send_one(d, bytes, bytes);
		assert_int_equal(fake_rx(d, &m, 1), bytes >= 14);
		if (bytes >= 14) {
			check_mbuf(m, pattern + bytes, bytes);
			rte_pktmbuf_free(m);
		}
	}
	assert_int_equal(rxq_of(d)->counters.runts, 13);
	assert_int_equal(fake_stats(d).ierrors, 13);
	fake_data_stop(d);
}

/* Frames that are dropped, or need more than a copy, among plain ones. */
static void
odd_frames_among_plain_ones_take_no_place_and_keep_theirs(void **state)
{
	struct fake_data *d = fake_data_start(&(struct fake_setup){ 0 });
	struct fake_frame frames[24];
	uint32_t kept[24], n = 0;
	struct rte_mbuf *pkts[32];

	(void)state;
	for (unsigned int round = 0; round < 9; round++) {      /* and over the array's wrap */
		n = 0;
		for (uint32_t i = 0; i < RTE_DIM(frames); i++) {
			frames[i] = (struct fake_frame){ .data = pattern + i, .bytes = 60 + i,
				.ppi_count = 1, .ppi = { { RNDIS_PPI_CHECKSUM, i % 5 == 1 ?
					RNDIS_RX_CSUM_IP_BAD : RNDIS_RX_CSUM_IP_OK } },
				.malformed = i % 5 == 2, .outside = i % 5 == 3 };
			if (i % 5 == 4)
				frames[i].bytes = 13;
			else if (i % 5 < 2)
				kept[n++] = i;
		}
		fake_data_send(d, frames, RTE_DIM(frames));
		assert_int_equal(fake_rx(d, pkts, 32), n);
		for (uint32_t i = 0; i < n; i++) {
			check_mbuf(pkts[i], pattern + kept[i], 60 + kept[i]);
			assert_int_equal(pkts[i]->ol_flags, kept[i] % 5 == 1 ?
				RTE_MBUF_F_RX_IP_CKSUM_BAD : RTE_MBUF_F_RX_IP_CKSUM_GOOD);
		}
		rte_pktmbuf_free_bulk(pkts, n);
	}
	assert_int_equal(rxq_of(d)->counters.malformed, 9 * 10);
	assert_int_equal(rxq_of(d)->counters.runts, 9 * 4);
	assert_int_equal(rxq_of(d)->counters.packets, 9 * n);
	fake_data_stop(d);
}

/* ---- what the host says of a frame ---- */

/* Conformance: 31. */
static void
good_and_bad_checksums_are_told_apart(void **state)
{
	static const struct {
		uint32_t csum;
		uint64_t flags;
	} rows[] = {
		{ 0, 0 },
		{ RNDIS_RX_CSUM_IP_OK, RTE_MBUF_F_RX_IP_CKSUM_GOOD },
		{ RNDIS_RX_CSUM_IP_BAD, RTE_MBUF_F_RX_IP_CKSUM_BAD },
		{ RNDIS_RX_CSUM_TCP_OK, RTE_MBUF_F_RX_L4_CKSUM_GOOD },
		{ RNDIS_RX_CSUM_TCP_BAD, RTE_MBUF_F_RX_L4_CKSUM_BAD },
		{ RNDIS_RX_CSUM_UDP_OK, RTE_MBUF_F_RX_L4_CKSUM_GOOD },
		{ RNDIS_RX_CSUM_UDP_BAD, RTE_MBUF_F_RX_L4_CKSUM_BAD },
		{ RNDIS_RX_CSUM_IP_OK | RNDIS_RX_CSUM_TCP_OK,
			RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD },
		{ RNDIS_RX_CSUM_IP_OK | RNDIS_RX_CSUM_UDP_BAD,
			RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_BAD },
		{ RNDIS_RX_CSUM_IP_BAD | RNDIS_RX_CSUM_TCP_OK,
			RTE_MBUF_F_RX_IP_CKSUM_BAD | RTE_MBUF_F_RX_L4_CKSUM_GOOD },
		{ RNDIS_RX_CSUM_LOOPBACK, 0 },
		{ RNDIS_RX_CSUM_LOOPBACK | RNDIS_RX_CSUM_IP_OK | RNDIS_RX_CSUM_TCP_OK,
			RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD },
		{ RNDIS_RX_CSUM_TCP_OK | RNDIS_RX_CSUM_TCP_VALUE_INVALID,
			RTE_MBUF_F_RX_L4_CKSUM_NONE },
		{ RNDIS_RX_CSUM_IP_BAD | RNDIS_RX_CSUM_TCP_OK | RNDIS_RX_CSUM_TCP_VALUE_INVALID,
			RTE_MBUF_F_RX_IP_CKSUM_BAD | RTE_MBUF_F_RX_L4_CKSUM_NONE },
	};
	const uint32_t any_bad = RNDIS_RX_CSUM_IP_BAD | RNDIS_RX_CSUM_TCP_BAD |
		RNDIS_RX_CSUM_UDP_BAD;
	struct fake_data *d = fake_data_start(&(struct fake_setup){ 0 });
	const struct netvsc_rxq *rxq = d->eth->data->rx_queues[0];
	struct rte_mbuf *m;
	uint64_t bad = 0;

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(rows); i++) {
		const struct fake_frame frame = { .data = pattern, .bytes = 60,
			.ppi_count = 1, .ppi = { { RNDIS_PPI_CHECKSUM, rows[i].csum } } };

		fake_data_send(d, &frame, 1);
		assert_int_equal(fake_rx(d, &m, 1), 1);
		if (m->ol_flags != rows[i].flags)
			fail_msg("0x%x: 0x%" PRIx64, rows[i].csum, m->ol_flags);
		bad += (rows[i].csum & any_bad) != 0;
		assert_int_equal(rxq->counters.csum_bad, bad);
		rte_pktmbuf_free(m);
	}
	fake_data_stop(d);
}

/* Conformance: 31. */
static void
the_hash_is_delivered_where_it_was_asked_for(void **state)
{
	(void)state;
	for (unsigned int want = 0; want < 2; want++) {
		struct fake_data *d = fake_data_start(&(struct fake_setup){
			.rx_offloads = want ? RTE_ETH_RX_OFFLOAD_RSS_HASH : 0 });
		const struct fake_frame frames[] = {
			{ .data = pattern, .bytes = 60, .ppi_count = 2,
				.ppi = { { RNDIS_PPI_HASH_VALUE, 0xabcd1234 }, { RNDIS_PPI_HASH_INFO, 0x201 } } },
			{ .data = pattern, .bytes = 60 },
			/* Told of something, but of no hash. */
			{ .data = pattern, .bytes = 60, .ppi_count = 1, .ppi = { { RNDIS_PPI_VLAN, 0x50 } } },
		};
		struct rte_mbuf *pkts[3];

		fake_data_send(d, frames, 3);
		assert_int_equal(fake_rx(d, pkts, 3), 3);
		assert_int_equal(pkts[0]->ol_flags, want ? RTE_MBUF_F_RX_RSS_HASH : 0);
		assert_int_equal(pkts[2]->ol_flags & RTE_MBUF_F_RX_RSS_HASH, 0);
		if (want)
			assert_int_equal(pkts[0]->hash.rss, 0xabcd1234);
		assert_int_equal(pkts[1]->ol_flags, 0);
		rte_pktmbuf_free_bulk(pkts, 3);
		fake_data_stop(d);
	}
}

static const uint8_t ip_frame[64] = {
	1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0x08, 0x00,
	0x45, 0, 0, 50, 0, 1, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
	0, 7, 0, 9, 0, 30, 0, 0,
};

/* Conformance: 30. */
static void
a_vlan_tag_is_stripped_or_back_in_the_frame_with_all_its_bits(void **state)
{
	static const uint16_t tcis[] = { 1, 4095, 0x2000, 0xe000, 0x1000, 0xffff, 0x5abc };
	const struct fake_frame untagged = { .data = ip_frame, .bytes = 64, .ppi_count = 1,
		.ppi = { { RNDIS_PPI_CHECKSUM, RNDIS_RX_CSUM_IP_OK } } };
	struct rte_mbuf *m;

	(void)state;
	for (unsigned int strip = 0; strip < 2; strip++) {
		struct fake_data *d = fake_data_start(&(struct fake_setup){
			.rx_offloads = strip ? RTE_ETH_RX_OFFLOAD_VLAN_STRIP : 0 });

		for (unsigned int i = 0; i < RTE_DIM(tcis); i++) {
			const struct fake_frame frame = { .data = ip_frame, .bytes = 64, .ppi_count = 1,
				.ppi = { { RNDIS_PPI_VLAN, (uint32_t)(tcis[i] & 0xfff) << 4 |
					(uint32_t)(tcis[i] >> 12 & 1) << 3 | (uint32_t)tcis[i] >> 13 } } };
			uint8_t tagged[68];

			memcpy(tagged, ip_frame, 12);
			memcpy(tagged + 12, (const uint8_t[]){ 0x81, 0, (uint8_t)(tcis[i] >> 8),
				(uint8_t)tcis[i] }, 4);
			memcpy(tagged + 16, ip_frame + 12, 52);
			fake_data_send(d, &frame, 1);
			assert_int_equal(fake_rx(d, &m, 1), 1);
			assert_int_equal(m->vlan_tci, tcis[i]);
			assert_true((m->ol_flags & RTE_MBUF_F_RX_VLAN) != 0);
			assert_int_equal((m->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) != 0, strip);
			if (strip) {
				check_mbuf(m, ip_frame, 64);
			} else {
				assert_int_equal(m->pkt_len, 68);
				assert_memory_equal(rte_pktmbuf_mtod(m, uint8_t *), tagged, 68);
			}
			assert_int_equal(m->packet_type, (strip ? RTE_PTYPE_L2_ETHER :
				RTE_PTYPE_L2_ETHER_VLAN) | RTE_PTYPE_L3_IPV4 | RTE_PTYPE_L4_UDP);
			rte_pktmbuf_free(m);
		}
		/* Where the host says nothing of a tag there is none. */
		fake_data_send(d, &untagged, 1);
		assert_int_equal(fake_rx(d, &m, 1), 1);
		assert_int_equal(m->ol_flags, RTE_MBUF_F_RX_IP_CKSUM_GOOD);
		rte_pktmbuf_free(m);
		fake_data_stop(d);
	}
}

/* Conformance: 30. */
static void
a_tag_that_the_host_left_in_the_frame_is_stripped_too(void **state)
{
	uint8_t tagged[64] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0x81, 0x00, 0xb1, 0x23 };
	struct fake_frame frame = { .data = tagged, .bytes = 64 };
	struct rte_mbuf *m;

	(void)state;
	memcpy(tagged + 16, ip_frame + 12, 48);
	for (unsigned int strip = 0; strip < 2; strip++) {
		struct fake_data *d = fake_data_start(&(struct fake_setup){
			.rx_offloads = strip ? RTE_ETH_RX_OFFLOAD_VLAN_STRIP : 0 });

		fake_data_send(d, &frame, 1);
		assert_int_equal(fake_rx(d, &m, 1), 1);
		if (strip) {
			assert_int_equal(m->ol_flags, RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED);
			assert_int_equal(m->vlan_tci, 0xb123);
			assert_int_equal(m->pkt_len, 60);
			assert_memory_equal(rte_pktmbuf_mtod(m, uint8_t *), ip_frame, 60);
		} else {
			check_mbuf(m, tagged, 64);
			assert_int_equal(m->ol_flags, 0);
		}
		rte_pktmbuf_free(m);
		/* Of two tags only the outer one is stripped. */
		frame.ppi_count = 1;
		frame.ppi[0].type = RNDIS_PPI_VLAN;
		frame.ppi[0].value = 7 << 4;
		fake_data_send(d, &frame, 1);
		assert_int_equal(fake_rx(d, &m, 1), 1);
		assert_int_equal(m->vlan_tci, 7);
		assert_int_equal(m->pkt_len, strip ? 64 : 68);
		rte_pktmbuf_free(m);
		frame.ppi_count = 0;
		fake_data_stop(d);
	}
}

/* Frames of all kinds: whatever type is set is one that is reported.
 * Conformance: 32. */
static void
every_packet_type_that_is_set_is_one_that_is_reported(void **state)
{
	static const uint16_t ethertypes[] = { 0x0800, 0x86dd, 0x0806, 0x8100, 0x88a8, 0x8847, 0x8864,
		0x88f7, 0x88cc, 0x1234 };
	struct fake_data *d = fake_data_start(&(struct fake_setup){ 0 });
	uint32_t kinds[] = { RTE_PTYPE_L2_MASK, RTE_PTYPE_L3_MASK, RTE_PTYPE_L4_MASK };
	const uint32_t *known = netvsc_supported_ptypes_get(d->eth);
	struct rte_mbuf *m;

	(void)state;
	for (unsigned int e = 0; e < RTE_DIM(ethertypes); e++)
		for (unsigned int proto = 0; proto < 256; proto++) {
			uint8_t bytes[64];
			const struct fake_frame frame = { .data = bytes, .bytes = 64 };
			uint32_t left;

			memcpy(bytes, ip_frame, sizeof(bytes));
			bytes[12] = (uint8_t)(ethertypes[e] >> 8);
			bytes[13] = (uint8_t)ethertypes[e];
			bytes[14] = ethertypes[e] == 0x86dd ? 0x60 : proto % 2 ? 0x45 : 0x46;
			bytes[20] = ethertypes[e] == 0x86dd ? (uint8_t)proto : 0;
			bytes[23] = (uint8_t)proto;
			fake_data_send(d, &frame, 1);
			assert_int_equal(fake_rx(d, &m, 1), 1);
			left = m->packet_type;
			for (unsigned int k = 0; k < RTE_DIM(kinds); k++)
				for (const uint32_t *p = known; *p != RTE_PTYPE_UNKNOWN; p++)
					if ((m->packet_type & kinds[k]) == *p)
						left &= ~kinds[k];
			if (left != 0)
				fail_msg("0x%04x, %u: 0x%x", ethertypes[e], proto, m->packet_type);
			rte_pktmbuf_free(m);
		}
	fake_data_stop(d);
}

/* ---- overload ---- */

/* Conformance: 27, 34. */
static void
without_mbufs_frames_wait_and_are_acknowledged_once_when_they_came(void **state)
{
	struct fake_data *d = fake_data_start(&(struct fake_setup){ .mbufs = 64 });
	struct rte_mbuf *pkts[64];
	unsigned int acks;

	(void)state;
	for (unsigned int i = 0; i < 20; i++)
		send_one(d, i, 100);
	d->pool.keep = 64;
	for (unsigned int i = 1; i <= 3; i++) {
		assert_int_equal(fake_rx(d, pkts, 32), 0);
		assert_int_equal(fake_stats(d).rx_nombuf, i);
	}
	acks = d->host->acks_owed;
	assert_int_equal(acks, 20);
	/* A few: a few frames. */
	d->pool.keep = 64 - 5;
	assert_int_equal(fake_rx(d, pkts, 32), 5);
	for (unsigned int i = 0; i < 5; i++)
		check_mbuf(pkts[i], pattern + i, 100);
	assert_int_equal(fake_stats(d).rx_nombuf, 4);
	d->pool.keep = 0;
	assert_int_equal(fake_rx(d, pkts + 5, 32), 15);
	for (unsigned int i = 5; i < 20; i++)
		check_mbuf(pkts[i], pattern + i, 100);
	assert_int_equal(fake_rx(d, pkts + 20, 32), 0);         /* writes what is owed */
	assert_int_equal(d->host->acks_owed, 0);
	assert_int_equal(fake_stats(d).ipackets, 20);
	assert_int_equal(fake_stats(d).imissed + fake_stats(d).ierrors, 0);
	rte_pktmbuf_free_bulk(pkts, 20);
	fake_data_stop(d);
}

/* Conformance: 27. */
static void
a_pool_smaller_than_the_burst_still_delivers(void **state)
{
	struct fake_data *d = fake_data_start(&(struct fake_setup){ .mbufs = 10 });
	struct rte_mbuf *pkts[64];
	uint32_t next = 0;

	(void)state;
	for (unsigned int i = 0; i < 60; i++)
		send_one(d, i, 60);
	while (next < 60) {
		uint16_t n = fake_rx(d, pkts, 64);

		assert_true(n > 0);
		for (uint16_t i = 0; i < n; i++, next++)
			check_mbuf(pkts[i], pattern + next, 60);
		rte_pktmbuf_free_bulk(pkts, n);
	}
	fake_data_stop(d);
}

/* At the k-th allocation the pool is dry, and stays so for a while.
 * Conformance: 27, 36. */
static void
an_allocation_that_fails_anywhere_loses_nothing_and_keeps_nothing(void **state)
{
	(void)state;
	for (unsigned int k = 0; k < 60; k++) {
		struct fake_data *d = fake_data_start(&(struct fake_setup){ .data_room = 128,
			.rx_offloads = RTE_ETH_RX_OFFLOAD_SCATTER, .mbufs = 100 });
		struct rte_mbuf *pkts[8];
		uint32_t next = 0;

		for (unsigned int i = 0; i < 6; i++)
			send_one(d, i, 100 + i * 280);
		d->pool.gets_left = k;
		for (unsigned int tries = 0; next < 6; tries++) {
			uint16_t n = fake_rx(d, pkts, 8);

			assert_true(tries < 8);
			for (uint16_t i = 0; i < n; i++, next++)
				check_mbuf(pkts[i], pattern + next, 100 + next * 280);
			rte_pktmbuf_free_bulk(pkts, n);
			assert_int_equal(fake_pool_out(&d->pool), 0);
			if (tries == 2)
				d->pool.gets_left = UINT64_MAX;
		}
		assert_int_equal(fake_stats(d).ierrors + fake_stats(d).imissed, 0);
		fake_data_stop(d);
	}
}

/* Conformance: 35. */
static void
a_burst_of_one_or_of_none_loses_nothing(void **state)
{
	struct fake_data *d = fake_data_start(&(struct fake_setup){ 0 });
	struct rte_mbuf *m;

	(void)state;
	for (unsigned int i = 0; i < 50; i++)
		send_one(d, i, 60);
	for (unsigned int i = 0; i < 50; i++) {
		assert_int_equal(fake_rx(d, &m, 0), 0);
		assert_int_equal(fake_rx(d, &m, 1), 1);
		check_mbuf(m, pattern + i, 60);
		rte_pktmbuf_free(m);
	}
	assert_int_equal(fake_rx(d, &m, 1), 0);
	fake_data_stop(d);
}

/* The host fills the ring with completions of nothing, far more than one burst
 * may look at. Conformance: 35. */
static void
a_burst_looks_at_no_more_ring_packets_than_four_times_its_size_and_64(void **state)
{
	static const uint16_t sizes[] = { 1, 4, 32 };
	struct fake_data *d = fake_data_start(&(struct fake_setup){ 0 });
	const struct netvsc_channel *channel = d->host->dev.channel[0];
	struct rte_mbuf *pkts[32];

	(void)state;
	for (unsigned int s = 0; s < RTE_DIM(sizes); s++) {
		const unsigned int budget = 4u * sizes[s] + 64;
		uint64_t before = channel->bad_completions;

		for (unsigned int i = 0; i < 250; i++)
			fake_host_complete(0x1234, NULL, 0);
		assert_int_equal(fake_rx(d, pkts, sizes[s]), 0);
		assert_int_equal(channel->bad_completions - before, budget);
		while (channel->bad_completions - before < 250)
			assert_int_equal(fake_rx(d, pkts, sizes[s]), 0);
	}
	fake_data_stop(d);
}

/* Between frames there are completions without end: frames come all the same.
 * Conformance: 35. */
static void
a_flood_of_completions_does_not_keep_frames_away(void **state)
{
	struct fake_data *d = fake_data_start(&(struct fake_setup){ 0 });
	struct rte_mbuf *m;
	unsigned int next = 0;

	(void)state;
	for (unsigned int i = 0; i < 20; i++) {
		for (unsigned int k = 0; k < 60; k++)
			fake_host_complete(0x1234, NULL, 0);
		send_one(d, i, 60);
		if (fake_rx(d, &m, 1) == 0)
			continue;
		check_mbuf(m, pattern + next++, 60);
		rte_pktmbuf_free(m);
	}
	assert_true(next >= 19);
	fake_data_stop(d);
}

static int
setup(void **state)
{
	(void)state;
	pattern_make();
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_of_transfers_arrive_in_order_in_clean_mbufs),
		cmocka_unit_test(every_length_is_whole_in_one_mbuf_or_a_chain),
		cmocka_unit_test(without_scatter_a_frame_that_fits_no_mbuf_is_dropped_and_counted),
		cmocka_unit_test(frames_shorter_than_60_bytes_arrive_and_than_14_are_counted),
		cmocka_unit_test(odd_frames_among_plain_ones_take_no_place_and_keep_theirs),
		cmocka_unit_test(good_and_bad_checksums_are_told_apart),
		cmocka_unit_test(the_hash_is_delivered_where_it_was_asked_for),
		cmocka_unit_test(a_vlan_tag_is_stripped_or_back_in_the_frame_with_all_its_bits),
		cmocka_unit_test(a_tag_that_the_host_left_in_the_frame_is_stripped_too),
		cmocka_unit_test(every_packet_type_that_is_set_is_one_that_is_reported),
		cmocka_unit_test(without_mbufs_frames_wait_and_are_acknowledged_once_when_they_came),
		cmocka_unit_test(a_pool_smaller_than_the_burst_still_delivers),
		cmocka_unit_test(an_allocation_that_fails_anywhere_loses_nothing_and_keeps_nothing),
		cmocka_unit_test(a_burst_of_one_or_of_none_loses_nothing),
		cmocka_unit_test(a_burst_looks_at_no_more_ring_packets_than_four_times_its_size_and_64),
		cmocka_unit_test(a_flood_of_completions_does_not_keep_frames_away),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
