/* SPDX-License-Identifier: BSD-3-Clause */

/* Every frame that is lost is counted once, and every one that is not, too. */

#include <stdlib.h>
#include <string.h>

#include "fake_data.h"
#include "netvsc_queue.h"
#include "netvsc_stats.h"

static uint8_t bytes[4000];

/* ---- each kind of loss, made once ---- */

static struct fake_frame
frame(uint32_t length)
{
	return (struct fake_frame) { .data = bytes, .bytes = length };
}

static void
rx(struct fake_data *d)
{
	struct rte_mbuf *pkts[64];

	rte_pktmbuf_free_bulk(pkts, fake_rx(d, pkts, 64));
}

static void
fill(struct fake_frame *frames, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		frames[i] = frame(60);
}

static void
lose_malformed(struct fake_data *d)
{
	struct fake_frame frames[3] = { frame(60), frame(60), frame(60) };

	frames[0].malformed = frames[2].malformed = true;
	fake_data_send(d, frames, 3);
	rx(d);
}

static void
lose_outside(struct fake_data *d)
{
	struct fake_frame f = frame(60);

	f.outside = true;
	fake_data_send(d, &f, 1);
	rx(d);
}

static void
lose_oversize(struct fake_data *d)
{
	const struct fake_frame f = frame(1700);

	fake_data_send(d, &f, 1);
	rx(d);
}

static void
lose_runts(struct fake_data *d)
{
	const struct fake_frame frames[2] = { frame(13), frame(1) };

	fake_data_send(d, frames, 2);
	rx(d);
}

static void
lose_run(struct fake_data *d)
{
	struct fake_frame frames[2] = { frame(100), frame(100) };

	for (unsigned int i = 0; i < 2; i++) {
		frames[i].ppi_count = 1;
		frames[i].ppi[0].type = RNDIS_PPI_PACKET_ID;
		frames[i].ppi[0].value = i == 0 ? 0x0301 : 0x0101;
	}
	fake_data_send(d, frames, 2);
	rx(d);
}

/* More frames than there are sections; the host has them all outstanding. */
static void
lose_excess(struct fake_data *d)
{
	struct fake_frame frames[64];

	fill(frames, 64);
	for (unsigned int i = 0; i < 3; i++)
		fake_data_send(d, frames, i < 2 ? 64 : 5);
	d->pool.keep = d->pool.count;           /* none is delivered meanwhile */
	rx(d);
	d->pool.keep = 0;
	for (unsigned int i = 0; i < 3; i++)
		rx(d);
}

static void
lose_bad_transfer(struct fake_data *d)
{
	struct {
		struct vmbus_transfer_pages pages;
		struct vmbus_transfer_range range;
	} ext = { .pages = { .set_id = 1, .range_count = 1 }, .range = { 60, 40000 } };
	const struct nvsp_rndis nvsp = { .type = NVSP_RNDIS, .channel_type = NVSP_CHANNEL_DATA };
	const struct fake_packet packet = {
		.type = VMBUS_PACKET_TRANSFER_PAGES, .transaction_id = 77, .ext = &ext,
		.ext_bytes = sizeof(ext), .payload = &nvsp, .bytes = sizeof(nvsp),
	};

	d->host->acks_owed++;
	fake_world_write(&packet);
	rx(d);
}

static void
lose_at_stop(struct fake_data *d)
{
	struct fake_frame frames[7];

	fill(frames, 7);
	fake_data_send(d, frames, 7);
	assert_int_equal(netvsc_rx_queue_stop(d->eth, 0), 0);
	assert_int_equal(netvsc_rx_queue_start(d->eth, 0), 0);
}

static void
tx(struct fake_data *d, uint32_t length, uint64_t flags, unsigned int segments)
{
	struct rte_mbuf *m = fake_mbuf(d, length, segments, 0);

	m->ol_flags = flags;
	assert_int_equal(fake_tx(d, &m, 1), 1);
	fake_settle(d);
}

static void
lose_short(struct fake_data *d)
{
	tx(d, 13, 0, 1);
}

static void
lose_long(struct fake_data *d)
{
	tx(d, 1515, 0, 1);
}

static void
lose_offloads(struct fake_data *d)
{
	tx(d, 60, RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_TCP_CKSUM, 1);
}

static void
lose_refused(struct fake_data *d)
{
	struct rte_mbuf *pkts[5];

	for (unsigned int i = 0; i < 5; i++)
		pkts[i] = fake_mbuf(d, 60, 1, 0);
	d->status = NVSP_STATUS_FAILURE;
	assert_int_equal(fake_tx(d, pkts, 5), 5);
	d->status = NVSP_STATUS_SUCCESS;
	fake_settle(d);
}

static void
wait_for_mbufs(struct fake_data *d)
{
	const struct fake_frame f = frame(60);

	fake_data_send(d, &f, 1);
	d->pool.keep = d->pool.count;
	rx(d);
	d->pool.keep = 0;
}

static void
receive_one(struct fake_data *d)
{
	const struct fake_frame f = frame(60);

	fake_data_send(d, &f, 1);
	rx(d);
}

static void
send_one(struct fake_data *d)
{
	tx(d, 60, 0, 1);
}

/* Conformance: 34, 44. */
static void
every_loss_grows_exactly_one_counter_by_exactly_what_was_lost(void **state)
{
	static const struct {
		const char *what;
		void (*lose)(struct fake_data *d);
		uint64_t offloads;
		uint64_t imissed, ierrors, nombuf, oerrors, ipackets, opackets;
	} rows[] = {
		{ "nothing, received", receive_one, 0, 0, 0, 0, 0, 1, 0 },
		{ "nothing, sent", send_one, 0, 0, 0, 0, 0, 0, 1 },
		{ "two malformed messages", lose_malformed, 0, 0, 2, 0, 0, 1, 0 },
		{ "a range outside the buffer", lose_outside, 0, 0, 1, 0, 0, 0, 0 },
		{ "a frame that fits no mbuf", lose_oversize, 0, 0, 1, 0, 0, 0, 0 },
		{ "two runts", lose_runts, 0, 0, 2, 0, 0, 0, 0 },
		{ "a run without a last", lose_run, RTE_ETH_RX_OFFLOAD_TCP_LRO, 0, 2, 0, 0, 0, 0 },
		{ "frames beyond the sections", lose_excess, 0, 0, 5, 1, 0, 128, 0 },
		{ "a transfer of another buffer", lose_bad_transfer, 0, 0, 1, 0, 0, 0, 0 },
		{ "frames of a stopped queue", lose_at_stop, 0, 7, 0, 0, 0, 0, 0 },
		{ "no mbufs for a while", wait_for_mbufs, 0, 0, 0, 1, 0, 0, 0 },
		{ "a short frame to send", lose_short, 0, 0, 0, 0, 1, 0, 0 },
		{ "a long frame to send", lose_long, 0, 0, 0, 0, 1, 0, 0 },
		{ "offloads not switched on", lose_offloads, 0, 0, 0, 0, 1, 0, 0 },
		{ "a message the host refuses", lose_refused, 0, 0, 0, 0, 5, 0, 0 },
	};

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(rows); i++) {
		struct fake_data *d = fake_data_start(&(struct fake_setup){ .data_room = 1600,
			.rx_offloads = rows[i].offloads });
		struct rte_eth_stats s;

		rows[i].lose(d);
		s = fake_stats(d);
		if (s.imissed != rows[i].imissed || s.ierrors != rows[i].ierrors ||
		    s.rx_nombuf != rows[i].nombuf || s.oerrors != rows[i].oerrors ||
		    s.ipackets != rows[i].ipackets || s.opackets != rows[i].opackets)
			fail_msg("%s: imissed %" PRIu64 " ierrors %" PRIu64 " nombuf %" PRIu64
				" oerrors %" PRIu64 " ipackets %" PRIu64 " opackets %" PRIu64, rows[i].what,
				s.imissed, s.ierrors, s.rx_nombuf, s.oerrors, s.ipackets, s.opackets);
		assert_int_equal(netvsc_stats_reset(d->eth), 0);
		s = fake_stats(d);
		assert_int_equal(s.imissed + s.ierrors + s.rx_nombuf + s.oerrors + s.ipackets +
			s.opackets + s.ibytes + s.obytes, 0);
		fake_data_stop(d);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_loss_grows_exactly_one_counter_by_exactly_what_was_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
