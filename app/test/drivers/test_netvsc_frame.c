/* SPDX-License-Identifier: BSD-3-Clause */

/* What goes to the host beside a frame, and what is left out of it for that. */

#include <stdlib.h>
#include <string.h>

#include "fake_data.h"
#include "netvsc_queue.h"

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

/* Conformance: 43. */
static void
the_hash_value_of_a_frame_is_the_number_of_its_queue(void **state)
{
	struct fake_data *d = fake_data_start(&(struct fake_setup){ 0 });

	(void)state;
	for (uint16_t q = 0; q < 64; q += 9) {
		struct rte_mbuf *m = fake_mbuf(d, 60, 1, 0), *large = fake_mbuf(d, 1000, 1, 0);

		txq_of(d)->queue_id = q;
		netvsc_tx_quick_fit(txq_of(d));
		assert_int_equal(fake_tx(d, &m, 1), 1);
		assert_int_equal(fake_frame_ppi(&d->frame[d->frames - 1], RNDIS_PPI_HASH_VALUE), q);
		assert_int_equal(fake_tx(d, &large, 1), 1);
		assert_int_equal(fake_frame_ppi(&d->frame[d->frames - 1], RNDIS_PPI_HASH_VALUE), q);
		assert_int_equal(d->frame[d->frames - 1].ppi_count, 1);
	}
	fake_data_stop(d);
}

/* Host: id 4-15, DEI 3, priority 0-2. */
static uint32_t
vlan_info(uint16_t tci)
{
	return (uint32_t)(tci & 0xfff) << 4 | (uint32_t)(tci >> 12 & 1) << 3 | (uint32_t)tci >> 13;
}

/* Conformance: 41. */
static void
a_vlan_tag_keeps_all_its_bits_by_flag_and_in_the_frame(void **state)
{
	static const uint16_t tcis[] = { 1, 4095, 0x2000, 0xe000, 0x1000, 0xffff, 0x0fff, 0x5abc };
	struct fake_data *d = fake_data_start(&(struct fake_setup){
		.tx_offloads = RTE_ETH_TX_OFFLOAD_VLAN_INSERT });

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(tcis); i++)
		for (uint32_t bytes = 60; bytes <= 1514; bytes += 1454) {
			struct rte_mbuf *m = fake_mbuf(d, bytes, 1, 5);
			uint8_t copy[1514], *data = rte_pktmbuf_mtod(m, uint8_t *);

			m->ol_flags = RTE_MBUF_F_TX_VLAN;
			m->vlan_tci = tcis[i];
			assert_int_equal(fake_tx(d, &m, 1), 1);
			check_frame(&d->frame[d->frames - 1], bytes, 5);
			assert_int_equal(fake_frame_ppi(&d->frame[d->frames - 1], RNDIS_PPI_VLAN),
				vlan_info(tcis[i]));

			m = fake_mbuf(d, bytes, 1, 5);
			data = rte_pktmbuf_mtod(m, uint8_t *);
			data[12] = 0x81;
			data[13] = 0;
			data[14] = (uint8_t)(tcis[i] >> 8);
			data[15] = (uint8_t)tcis[i];
			memcpy(copy, data, bytes);
			assert_int_equal(fake_tx(d, &m, 1), 1);
			assert_int_equal(d->frame[d->frames - 1].bytes, bytes - 4);
			assert_memory_equal(d->frame[d->frames - 1].data, copy, 12);
			assert_memory_equal(d->frame[d->frames - 1].data + 12, copy + 16, bytes - 16);
			assert_int_equal(fake_frame_ppi(&d->frame[d->frames - 1], RNDIS_PPI_VLAN),
				vlan_info(tcis[i]));
		}
	fake_data_stop(d);
}

/* Conformance: 41. */
static void
a_shared_mbuf_is_not_touched_when_its_tag_is_taken_out(void **state)
{
	struct fake_data *d = fake_data_start(&(struct fake_setup){ 0 });

	(void)state;
	for (uint32_t bytes = 18; bytes <= 1518; bytes += 300) {
		struct rte_mbuf *m = fake_mbuf(d, bytes, bytes > 100 ? 3 : 1, 5), *clone;
		uint8_t before[1518], after[1518];

		rte_pktmbuf_mtod(m, uint8_t *)[12] = 0x81;
		rte_pktmbuf_mtod(m, uint8_t *)[13] = 0;
		memcpy(before, rte_pktmbuf_read(m, 0, bytes, after), bytes);
		rte_pktmbuf_refcnt_update(m, 1);
		assert_int_equal(fake_tx(d, &m, 1), 1);
		assert_int_equal(d->frame[d->frames - 1].bytes, bytes - 4);
		fake_settle(d);
		assert_memory_equal(rte_pktmbuf_read(m, 0, bytes, after), before, bytes);
		assert_int_equal(m->pkt_len, bytes);
		/* An indirect one: the data is another's. */
		clone = rte_pktmbuf_clone(m, d->pool.mp);
		assert_non_null(clone);
		assert_int_equal(fake_tx(d, &clone, 1), 1);
		assert_int_equal(d->frame[d->frames - 1].bytes, bytes - 4);
		assert_memory_equal(rte_pktmbuf_read(m, 0, bytes, after), before, bytes);
		fake_settle(d);
		rte_pktmbuf_free(m);
	}
	fake_data_stop(d);
}

/* Conformance: 41. */
static void
of_two_tags_the_outer_one_goes_beside_the_frame(void **state)
{
	static const uint8_t tags[] = { 0x81, 0, 0x20, 0x05, 0x81, 0, 0x00, 0x07, 0x08, 0x00 };
	struct fake_data *d = fake_data_start(&(struct fake_setup){
		.tx_offloads = RTE_ETH_TX_OFFLOAD_VLAN_INSERT });
	struct rte_mbuf *m = fake_mbuf(d, 100, 1, 5);

	(void)state;
	memcpy(rte_pktmbuf_mtod(m, uint8_t *) + 12, tags, sizeof(tags));
	assert_int_equal(fake_tx(d, &m, 1), 1);
	assert_int_equal(d->frame[0].bytes, 96);
	assert_memory_equal(d->frame[0].data + 12, tags + 4, 6);
	assert_int_equal(fake_frame_ppi(&d->frame[0], RNDIS_PPI_VLAN), vlan_info(0x2005));
	/* By flag around one in the frame. */
	m = fake_mbuf(d, 100, 1, 5);
	memcpy(rte_pktmbuf_mtod(m, uint8_t *) + 12, tags + 4, 6);
	m->ol_flags = RTE_MBUF_F_TX_VLAN;
	m->vlan_tci = 0x3009;
	assert_int_equal(fake_tx(d, &m, 1), 1);
	assert_int_equal(d->frame[1].bytes, 100);
	assert_memory_equal(d->frame[1].data + 12, tags + 4, 6);
	assert_int_equal(fake_frame_ppi(&d->frame[1], RNDIS_PPI_VLAN), vlan_info(0x3009));
	/* A tag of another kind is only data. */
	m = fake_mbuf(d, 100, 1, 5);
	rte_pktmbuf_mtod(m, uint8_t *)[12] = 0x88;
	rte_pktmbuf_mtod(m, uint8_t *)[13] = 0xa8;
	assert_int_equal(fake_tx(d, &m, 1), 1);
	assert_int_equal(d->frame[2].bytes, 100);
	assert_int_equal(fake_frame_ppi(&d->frame[2], RNDIS_PPI_VLAN), FAKE_NO_PPI);
	fake_data_stop(d);
}

/* ---- what a page list can name ---- */

static void
sent_once(struct fake_data *d, struct rte_mbuf *m, uint8_t seed, bool by_page)
{
	assert_int_equal(fake_tx(d, &m, 1), 1);
	check_frame(&d->frame[d->frames - 1], 4000, seed);
	assert_int_equal(d->frame[d->frames - 1].by_page, by_page);
	fake_settle(d);
}

static void
an_empty_segment_is_left_out_of_a_page_list(void **state)
{
	struct fake_data *d = fake_data_start(&(struct fake_setup){ .mtu = 9000,
		.data_room = 9100, .mbufs = 200 });
	struct rte_mbuf *m = fake_mbuf(d, 4000, 2, 3), *empty = rte_pktmbuf_alloc(d->pool.mp);

	(void)state;
	empty->buf_iova = 0;            /* not looked at */
	empty->next = m->next;
	m->next = empty;
	m->nb_segs = 3;
	sent_once(d, m, 3, true);
	empty->buf_iova = (uintptr_t)empty->buf_addr;
	fake_data_stop(d);
}

static void
a_segment_without_an_address_is_copied(void **state)
{
	static const rte_iova_t none[] = { 0, RTE_BAD_IOVA };
	struct fake_data *d = fake_data_start(&(struct fake_setup){ .mtu = 9000,
		.data_room = 9100, .mbufs = 200 });

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(none); i++) {
		struct rte_mbuf *m = fake_mbuf(d, 4000, 2, 5), *last = m->next;
		rte_iova_t before = last->buf_iova;

		last->buf_iova = none[i];
		sent_once(d, m, 5, false);
		last->buf_iova = before;
	}
	fake_data_stop(d);
}

static unsigned int external_freed;

static void
external_free(void *addr, void *opaque)
{
	(void)addr;
	(void)opaque;
	external_freed++;
}

/* It may be contiguous in virtual memory only: within a page it is. */
static void
an_external_buffer_is_named_where_it_lies_in_one_page(void **state)
{
	static uint8_t buffer[3 * 4096] __rte_aligned(4096);
	static const struct {
		uint32_t at;
		bool by_page;
	} row[] = { { 4096, true }, { 4096 + 96, true }, { 4096 + 97, false }, { 4095, false } };
	struct rte_mbuf_ext_shared_info shared = { .free_cb = external_free };
	struct fake_data *d = fake_data_start(&(struct fake_setup){ .mtu = 9000,
		.data_room = 9100, .mbufs = 200 });

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(row); i++) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(d->pool.mp);

		rte_mbuf_ext_refcnt_set(&shared, 1);
		rte_pktmbuf_attach_extbuf(m, buffer, (uintptr_t)buffer, sizeof(buffer), &shared);
		m->data_off = (uint16_t)row[i].at;
		m->data_len = 4000;
		m->pkt_len = 4000;
		for (uint32_t k = 0; k < 4000; k++)
			buffer[row[i].at + k] = (uint8_t)(k * 7 + i);
		sent_once(d, m, (uint8_t)i, row[i].by_page);
		assert_int_equal(external_freed, i + 1);
	}
	fake_data_stop(d);
}

/* A frame of 1400 bytes across the end of a page, so that its list names two. */
static struct rte_mbuf *
across_pages(struct fake_data *d, uint8_t seed)
{
	struct rte_mbuf *m = fake_mbuf(d, 1, 1, 0);
	const uint16_t ahead = (4096 - 700 - (rte_mbuf_data_iova(m) & 4095)) & 4095;

	rte_pktmbuf_free(m);
	m = fake_mbuf(d, ahead + 1400u, 1, (uint8_t)(seed - ahead * 7u));
	assert_non_null(rte_pktmbuf_adj(m, ahead));
	return m;
}

/* Bursts of large and of small frames, short ones and long ones, so that a run of
 * messages ends at each place there is in the ring, its very end included. */
static void
a_run_of_frames_may_end_anywhere_in_the_ring(void **state)
{
	struct fake_data *d = fake_data_start(&(struct fake_setup){ .data_room = 6000 });
	struct rte_mbuf *pkts[16];

	(void)state;
	for (unsigned int i = 0; i < 3000; i++) {
		const unsigned int n = 1 + i * 7 % 13;
		const uint32_t bytes = i % 5 == 4 ? 60 : 1400;

		for (unsigned int k = 0; k < n; k++)
			pkts[k] = bytes == 60 ? fake_mbuf(d, bytes, 1, (uint8_t)(i + k)) :
				across_pages(d, (uint8_t)(i + k));
		assert_int_equal(fake_tx(d, pkts, (uint16_t)n), n);
		fake_settle(d);
		assert_int_equal(d->frames, n);
		for (unsigned int k = 0; k < n; k++) {
			check_frame(&d->frame[k], bytes, (uint8_t)(i + k));
			free((void *)(uintptr_t)d->frame[k].data);
		}
		d->frames = 0;
	}
	assert_int_equal(fake_pool_out(&d->pool), 0);
	fake_data_stop(d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_segment_is_left_out_of_a_page_list),
		cmocka_unit_test(a_segment_without_an_address_is_copied),
		cmocka_unit_test(an_external_buffer_is_named_where_it_lies_in_one_page),
		cmocka_unit_test(the_hash_value_of_a_frame_is_the_number_of_its_queue),
		cmocka_unit_test(a_vlan_tag_keeps_all_its_bits_by_flag_and_in_the_frame),
		cmocka_unit_test(a_shared_mbuf_is_not_touched_when_its_tag_is_taken_out),
		cmocka_unit_test(of_two_tags_the_outer_one_goes_beside_the_frame),
		cmocka_unit_test(a_run_of_frames_may_end_anywhere_in_the_ring),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
