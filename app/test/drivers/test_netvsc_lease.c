/* SPDX-License-Identifier: BSD-3-Clause */

/* Zero-copy receive: what is lent and what is copied, that each transfer is
 * acknowledged once, after its last mbuf, and that the host never runs dry. */

#include <string.h>

#include "fake_lend.h"
#include "netvsc_lease.h"

/* ---- what is lent ---- */

/* Conformance: 28. */
static void
frames_longer_than_the_copybreak_are_lent_and_others_copied(void **state)
{
	static const uint32_t copybreaks[] = { 0, 13, 14, 256, 1000, 100000 };

	(void)state;
	for (unsigned int k = 0; k < RTE_DIM(copybreaks); k++) {
		struct fake_data *d = lend_start(&(struct fake_setup){ .lend = true,
			.rx_copybreak = copybreaks[k] });
		uint64_t lent = 0;
		struct rte_mbuf *m;

		for (uint32_t bytes = 14; bytes <= 1514; bytes += 7) {
			lend_send(d, bytes, bytes, 1);
			lend_receive(d, &m, 1);
			lend_check(m, bytes, bytes);
			assert_int_equal(lend_lent(m), bytes > copybreaks[k]);
			lent += lend_lent(m);
			rte_pktmbuf_free(m);
		}
		assert_int_equal(lend_rxq(d)->counters.lent, lent);
		assert_int_equal(lend_rxq(d)->counters.lend_refused, 0);
		assert_int_equal(fake_stats(d).ipackets, 215);
		fake_data_stop(d);
	}
}

/* Where a frame is too long for an mbuf, the copy has several. */
static void
a_frame_as_long_as_the_copybreak_is_copied_into_however_many_mbufs(void **state)
{
	struct fake_data *d = lend_start(&(struct fake_setup){ .lend = true, .data_room = 512,
		.rx_copybreak = 1000, .rx_offloads = RTE_ETH_RX_OFFLOAD_SCATTER });
	struct rte_mbuf *m;

	(void)state;
	for (uint32_t bytes = 999; bytes <= 1001; bytes++) {
		lend_send(d, bytes, bytes, 1);
		lend_receive(d, &m, 1);
		lend_check(m, bytes, bytes);
		assert_int_equal(lend_lent(m), bytes > 1000);
		assert_int_equal(m->nb_segs > 1, bytes <= 1000);
		rte_pktmbuf_free(m);
	}
	fake_data_stop(d);
}

static void
nothing_is_lent_unless_it_was_asked_for(void **state)
{
	struct fake_data *d = lend_start(&(struct fake_setup){ .rx_copybreak = LEND_COPYBREAK });
	struct rte_mbuf *m;

	(void)state;
	lend_send(d, 0, 1514, 1);
	lend_receive(d, &m, 1);
	assert_false(RTE_MBUF_HAS_EXTBUF(m));
	assert_null(d->host->dev.channel[0]->lender);
	rte_pktmbuf_free(m);
	fake_data_stop(d);
}

/* Neither for what is said of the buffer nor for a channel's leases: what is there
 * then goes on as if it had not been asked for, and comes back once there is memory. */
static void
without_memory_for_leases_frames_are_copied(void **state)
{
	struct fake_data *d = lend_start(NULL);
	struct netvsc_device *dev = &d->host->dev;
	struct rte_mbuf *m;

	(void)state;
	for (uint64_t left = 0; left < 3; left++) {
		netvsc_lease_close(dev, &d->host->vmbus);
		fake_memory.left = left;
		netvsc_lease_open(dev);
		fake_memory.left = UINT64_MAX;
		assert_int_equal(dev->region != NULL, left > 0);
		assert_int_equal(dev->channel[0]->lender != NULL, left > 1);
		assert_int_equal(dev->channel[0]->lends, left > 1);
		if (left > 1)
			netvsc_lease_skip(dev->channel[0]);
		lend_send(d, (uint32_t)left, 1000, 1);
		lend_receive(d, &m, 1);
		assert_int_equal(lend_lent(m), left > 1);
		lend_check(m, (uint32_t)left, 1000);
		rte_pktmbuf_free(m);
	}
	lend_poll(d);
	assert_int_equal(d->host->acks_owed, 0);
	fake_data_stop(d);
}

/* What the host says about a frame, headroom, and room for all of a frame that no
 * mbuf could hold. */
static void
a_lent_frame_is_described_like_a_copied_one_and_needs_no_room(void **state)
{
	struct fake_data *d = lend_start(&(struct fake_setup){ .lend = true, .data_room = 1600,
		.rx_offloads = RTE_ETH_RX_OFFLOAD_RSS_HASH });
	struct fake_frame f = lend_frame(5, 9000);
	struct rte_mbuf *m;

	(void)state;
	f.ppi_count = 2;
	f.ppi[0].type = RNDIS_PPI_CHECKSUM;
	f.ppi[0].value = RNDIS_RX_CSUM_IP_OK | RNDIS_RX_CSUM_TCP_BAD;
	f.ppi[1].type = RNDIS_PPI_HASH_VALUE;
	f.ppi[1].value = 77;
	fake_data_send(d, &f, 1);
	lend_receive(d, &m, 1);
	assert_true(lend_lent(m));
	lend_check(m, 5, 9000);
	assert_int_equal(m->nb_segs, 1);
	assert_int_equal(m->ol_flags, RTE_MBUF_F_EXTERNAL | RTE_MBUF_F_RX_IP_CKSUM_GOOD |
		RTE_MBUF_F_RX_L4_CKSUM_BAD | RTE_MBUF_F_RX_RSS_HASH);
	assert_int_equal(m->hash.rss, 77);
	assert_int_equal(m->port, 0);
	assert_int_equal(rte_mbuf_data_iova(m), rte_pktmbuf_mtod(m, uintptr_t));
	/* The header in front of it is not needed any more. */
	assert_int_equal(rte_pktmbuf_headroom(m), sizeof(struct rndis_packet) + 32);
	assert_int_equal(rte_pktmbuf_tailroom(m), 0);
	memset(rte_pktmbuf_prepend(m, 32), 0x11, 32);
	assert_memory_equal(rte_pktmbuf_mtod(m, uint8_t *) + 32, lend_pattern + 5, 9000);
	rte_pktmbuf_free(m);
	fake_data_stop(d);
}

/* Frames with tags go the long way, which decides by their length once more. */
static void
a_tag_is_inserted_into_a_copy_and_stripped_from_a_lent_frame(void **state)
{
	static const uint32_t bytes[] = { LEND_COPYBREAK, LEND_COPYBREAK + 1, 1000 };

	(void)state;
	for (unsigned int i = 0; i < 2 * RTE_DIM(bytes); i++) {
		const bool strip = i % 2 != 0, is_long = bytes[i / 2] > LEND_COPYBREAK;
		struct fake_frame f = lend_frame(5, bytes[i / 2]);
		struct fake_data *d = lend_start(&(struct fake_setup){ .lend = true,
			.rx_copybreak = LEND_COPYBREAK,
			.rx_offloads = strip ? RTE_ETH_RX_OFFLOAD_VLAN_STRIP : 0 });
		struct rte_mbuf *m;

		f.ppi_count = 1;
		f.ppi[0].type = RNDIS_PPI_VLAN;
		f.ppi[0].value = 7u << RNDIS_VLAN_ID_SHIFT;
		fake_data_send(d, &f, 1);
		lend_receive(d, &m, 1);
		assert_int_equal(lend_lent(m), is_long && strip);
		assert_int_equal(lend_rxq(d)->counters.lend_refused, is_long && !strip);
		assert_int_equal(m->vlan_tci, 7);
		assert_int_equal(m->pkt_len, strip ? f.bytes : f.bytes + 4);
		rte_pktmbuf_free(m);
		fake_data_stop(d);
	}
}

/* Pages of the receive buffer are anywhere. */
static void
host_scatters(struct fake_host *host)
{
	(void)host;
	fake_world.scattered = true;
}

static void
a_frame_that_crosses_to_a_page_elsewhere_is_copied(void **state)
{
	struct fake_data *d = lend_start(&(struct fake_setup){ .lend = true,
		.host = host_scatters, .data_room = 2300 });
	struct rte_mbuf *m;

	(void)state;
	for (uint32_t bytes = 1900; bytes < 2200; bytes++) {
		uint32_t end;

		d->section_next %= 64;  /* far from the end of the buffer */
		end = d->section_next % 2 * FAKE_SUBALLOC_BYTES +
			(uint32_t)sizeof(struct rndis_packet) + bytes;
		lend_send(d, bytes, bytes, 1);
		lend_receive(d, &m, 1);
		assert_int_equal(lend_lent(m), end <= HV_PAGE_BYTES);
		if (lend_lent(m))
			assert_int_equal(rte_mbuf_data_iova(m),
				rte_mem_virt2iova(rte_pktmbuf_mtod(m, void *)));
		rte_pktmbuf_free(m);
	}
	fake_data_stop(d);
}

/* As many as the longest frame there may be with its message's header, of 256 bytes
 * at most: hosts use no more of them than they need, but do not say how many. */
static void
a_lent_frame_counts_for_the_sections_of_the_longest(void **state)
{
	static const struct { uint32_t frame_max, sections; } rows[] = {
		{ FAKE_SUBALLOC_BYTES - 256, 1 }, { FAKE_SUBALLOC_BYTES - 256 + 1, 2 },
		{ 4 * FAKE_SUBALLOC_BYTES - 256, 4 }, { 4 * FAKE_SUBALLOC_BYTES - 256 + 1, 5 },
	};
	struct fake_data *d = lend_start(NULL);
	struct netvsc_device *dev = &d->host->dev;
	struct rte_mbuf *m;

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(rows); i++) {
		netvsc_lease_close(dev, &d->host->vmbus);
		dev->host.frame_max = rows[i].frame_max;
		netvsc_lease_open(dev);
		netvsc_lease_skip(dev->channel[0]);
		lend_send(d, i, 1000, 1);
		lend_receive(d, &m, 1);
		assert_true(lend_lent(m));
		assert_int_equal(dev->channel[0]->lender->lent, rows[i].sections);
		rte_pktmbuf_free(m);
		lend_poll(d);
	}
	fake_data_stop(d);
}

/* ---- acknowledgements ---- */

/* Transfers of lent, copied and bad frames; all mbufs freed in an order of no order. */
/* Conformance: 30. */
static void
a_transfer_is_acknowledged_once_when_its_last_mbuf_was_freed(void **state)
{
	struct fake_data *d = lend_start(NULL);
	struct rte_mbuf *pkts[40];
	unsigned int left[10] = { 0 };
	uint16_t n = 0;

	(void)state;
	for (unsigned int t = 0; t < 10; t++) {
		struct fake_frame frames[5] = { lend_frame(t, 60), lend_frame(t, 900), lend_frame(t, 60),
			lend_frame(t, 901), lend_frame(t, 60) };

		frames[t % 5].malformed = true;
		fake_data_send(d, frames, 5);
	}
	while (n < 40)          /* a burst ends anywhere in a transfer */
		n = (uint16_t)(n + fake_rx(d, pkts + n, (uint16_t)RTE_MIN(7, 40 - n)));
	lend_poll(d);
	assert_int_equal(lend_rxq(d)->counters.malformed, 10);
	for (unsigned int i = 0; i < 40; i++)
		left[i / 4] += lend_lent(pkts[i]);
	for (unsigned int k = 0; k < 40; k++) {
		unsigned int i = k * 27 % 40;   /* each once */

		for (unsigned int t = 0; t < 10; t++)
			assert_int_equal(lend_acked(d, t), left[t] == 0);
		left[i / 4] -= lend_lent(pkts[i]);
		lend_check(pkts[i], i / 4, pkts[i]->pkt_len);
		rte_pktmbuf_free(pkts[i]);
		lend_poll(d);
	}
	for (unsigned int t = 0; t < 10; t++)
		assert_int_equal(lend_acked(d, t), 1);
	fake_data_stop(d);
}

static void
a_clone_keeps_the_frame_where_it_is(void **state)
{
	struct fake_data *d = lend_start(NULL);
	struct rte_mbuf *m, *clone;

	(void)state;
	lend_send(d, 3, 1000, 1);
	lend_receive(d, &m, 1);
	clone = rte_pktmbuf_clone(m, d->pool.mp);
	assert_non_null(clone);
	rte_pktmbuf_free(m);
	lend_poll(d);
	assert_int_equal(lend_acked(d, 0), 0);
	lend_check(clone, 3, 1000);
	rte_pktmbuf_free(clone);
	lend_poll(d);
	assert_int_equal(lend_acked(d, 0), 1);
	fake_data_stop(d);
}

/* Each frame is freed before the next is received; the last is lent, or none. */
static void
a_transfer_is_not_acknowledged_before_its_last_frame_was_received(void **state)
{
	struct fake_data *d = lend_start(NULL);
	struct rte_mbuf *m;

	(void)state;
	for (unsigned int t = 0; t < 20; t++) {
		struct fake_frame frames[3] = { lend_frame(t, 1000), lend_frame(t, 1001),
			lend_frame(t, t % 2 != 0 ? 60 : 1000) };

		fake_data_send(d, frames, 3);
		for (unsigned int i = 0; i < 3; i++) {
			lend_receive(d, &m, 1);
			assert_int_equal(lend_acked(d, t), 0);
			rte_pktmbuf_free(m);
		}
		lend_poll(d);
		assert_int_equal(lend_acked(d, t), 1);
	}
	fake_data_stop(d);
}

static void
acknowledgements_of_leases_wait_for_room_in_the_ring(void **state)
{
	struct fake_data *d = lend_start(NULL);
	struct vmbus_tx_ring *ring = &d->host->dev.channel[0]->vmbus->tx;
	const unsigned int before = d->host->acks_count;
	struct rte_mbuf *pkts[8];

	(void)state;
	for (unsigned int t = 0; t < 8; t++)
		lend_send(d, t, t == 7 ? 60 : 1000, 1);      /* the last is no lease */
	lend_receive(d, pkts, 8);
	/* The host has read so little that there is room for three. */
	d->host->set.deaf = true;
	ring->read_seen = (ring->write + 8 + 3 * 32) % ring->data_bytes;
	ring->page->read_index = ring->read_seen;
	rte_pktmbuf_free_bulk(pkts, 8);
	lend_poll(d);
	assert_true(netvsc_lease_owed(d->host->dev.channel[0]));
	ring->page->read_index = fake_world.tx_read;
	d->host->set.deaf = false;
	vmbus_channel_signal(d->host->dev.channel[0]->vmbus);
	assert_in_range(d->host->acks_count - before, 1, 3);
	lend_poll(d);
	for (unsigned int t = 0; t < 8; t++)
		assert_int_equal(lend_acked(d, t), 1);
	assert_false(netvsc_lease_owed(d->host->dev.channel[0]));
	fake_data_stop(d);
}

/* Conformance: 30. */
static void
an_application_that_keeps_all_leaves_the_host_half_of_its_sections(void **state)
{
	struct fake_data *d = lend_start(NULL);
	struct rte_mbuf *kept[LEND_SHARE], *m;

	(void)state;
	for (unsigned int round = 1; round <= 3; round++) {
		for (unsigned int t = 0; t < LEND_SHARE; t++) {
			lend_send(d, t, 1000, 1);
			lend_receive(d, kept + t, 1);
			assert_true(lend_lent(kept[t]));
		}
		for (unsigned int t = 0; t < 30; t++) {
			lend_send(d, t, 1000, 1);
			lend_receive(d, &m, 1);
			assert_false(lend_lent(m));
			lend_check(m, t, 1000);
			rte_pktmbuf_free(m);
			lend_poll(d);
			assert_int_equal(d->host->acks_owed, LEND_SHARE);
		}
		for (unsigned int t = 0; t < LEND_SHARE; t++)
			lend_check(kept[t], t, 1000);
		rte_pktmbuf_free_bulk(kept, LEND_SHARE);
		lend_poll(d);
		assert_int_equal(d->host->acks_owed, 0);
		assert_int_equal(lend_rxq(d)->counters.lent, round * LEND_SHARE);
		assert_int_equal(lend_rxq(d)->counters.lend_refused, round * 30);
	}
	fake_data_stop(d);
}

/* One lent frame keeps all sections of its transfer: they count. */
static void
the_share_counts_all_frames_of_a_transfer(void **state)
{
	struct fake_data *d = lend_start(NULL);
	struct rte_mbuf *kept[8], *pkts[64];

	(void)state;
	for (unsigned int t = 0; t < 6; t++) {
		struct fake_frame frames[16];

		for (unsigned int i = 0; i < 16; i++)
			frames[i] = lend_frame(i, i == 15 ? 1000 : 60);
		fake_data_send(d, frames, 16);
		for (unsigned int i = 0; i < 16; i++)   /* in bursts of one */
			lend_receive(d, pkts + i, 1);
		kept[t] = pkts[15];
		assert_int_equal(lend_lent(kept[t]), t < LEND_SHARE / 16);
		rte_pktmbuf_free_bulk(pkts, 15);
	}
	lend_poll(d);
	assert_int_equal(d->host->acks_owed, LEND_SHARE / 16);
	rte_pktmbuf_free_bulk(kept, 6);
	/* One that takes more than all of the share. */
	lend_send(d, 0, 1000, 60);
	lend_receive(d, pkts, 60);
	rte_pktmbuf_free_bulk(pkts, 60);
	assert_int_equal(lend_rxq(d)->counters.lent, 4 + 60);
	assert_int_equal(d->host->dev.channel[0]->lender->lent, 60);
	fake_data_stop(d);
}

/* ---- RSC ---- */

static struct fake_frame
piece(uint32_t i, uint8_t flags)
{
	struct fake_frame f = lend_frame(i, 1000);

	f.ppi_count = 1;
	f.ppi[0].type = RNDIS_PPI_PACKET_ID;
	f.ppi[0].value = 1u | (uint32_t)(flags | RNDIS_PACKET_ID_SUBALLOC) << 8 | 7u << 16;
	return f;
}

static void
a_run_is_a_chain_of_lent_pieces_and_a_broken_one_is_given_back(void **state)
{
	struct fake_data *d = lend_start(&(struct fake_setup){ .lend = true,
		.rx_offloads = RTE_ETH_RX_OFFLOAD_TCP_LRO });
	const struct fake_frame whole[] = { piece(0, RNDIS_PACKET_ID_FIRST), piece(1000, 0),
		piece(2000, RNDIS_PACKET_ID_LAST) };
	struct rte_mbuf *m;

	(void)state;
	fake_data_send(d, whole, 3);
	while (fake_rx(d, &m, 1) == 0)
		;
	assert_int_equal(m->nb_segs, 3);
	for (const struct rte_mbuf *s = m; s != NULL; s = s->next)
		assert_true(lend_lent(s));
	lend_check(m, 0, 3000);
	lend_poll(d);
	assert_int_equal(lend_acked(d, 0), 0);
	rte_pktmbuf_free(m);
	lend_poll(d);
	assert_int_equal(lend_acked(d, 0), 1);
	fake_data_send(d, whole, 2);            /* never ends */
	for (unsigned int i = 0; i < 4; i++)
		lend_poll(d);
	assert_int_equal(lend_acked(d, 1), 1);
	assert_int_equal(lend_rxq(d)->counters.rsc_broken, 2);
	fake_data_stop(d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_longer_than_the_copybreak_are_lent_and_others_copied),
		cmocka_unit_test(a_frame_as_long_as_the_copybreak_is_copied_into_however_many_mbufs),
		cmocka_unit_test(nothing_is_lent_unless_it_was_asked_for),
		cmocka_unit_test(without_memory_for_leases_frames_are_copied),
		cmocka_unit_test(a_lent_frame_is_described_like_a_copied_one_and_needs_no_room),
		cmocka_unit_test(a_tag_is_inserted_into_a_copy_and_stripped_from_a_lent_frame),
		cmocka_unit_test(a_frame_that_crosses_to_a_page_elsewhere_is_copied),
		cmocka_unit_test(a_lent_frame_counts_for_the_sections_of_the_longest),
		cmocka_unit_test(a_transfer_is_acknowledged_once_when_its_last_mbuf_was_freed),
		cmocka_unit_test(a_clone_keeps_the_frame_where_it_is),
		cmocka_unit_test(a_transfer_is_not_acknowledged_before_its_last_frame_was_received),
		cmocka_unit_test(acknowledgements_of_leases_wait_for_room_in_the_ring),
		cmocka_unit_test(an_application_that_keeps_all_leaves_the_host_half_of_its_sections),
		cmocka_unit_test(the_share_counts_all_frames_of_a_transfer),
		cmocka_unit_test(a_run_is_a_chain_of_lent_pieces_and_a_broken_one_is_given_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
