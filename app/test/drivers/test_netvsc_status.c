/* SPDX-License-Identifier: BSD-3-Clause */

/* Counts and states of queues, asked for by another thread than the one that
 * polls: they change nothing, and are right as far as that can be. */

#include <pthread.h>

#include "fake_data.h"
#include "netvsc_rx.h"
#include "netvsc_queue.h"
#include "netvsc_status.h"
#include "netvsc_tx.h"

static const uint8_t bytes[1500];

static void
frames_come(struct fake_data *d, unsigned int count)
{
	struct fake_frame frames[16] = { 0 };

	for (unsigned int i = 0; i < count; i++) {
		frames[i].data = bytes;
		frames[i].bytes = 60;
	}
	fake_data_send(d, frames, count);
}

/* Who asks looks at rings that a stop may take away. */
static void
a_stop_waits_for_who_asks_and_who_asks_later_is_told_nothing(void **state)
{
	struct fake_data *d = fake_data_start(&(struct fake_setup){ 0 });
	struct netvsc_rxq *rxq = d->eth->data->rx_queues[0];

	(void)state;
	frames_come(d, 5);
	rxq->lookers = 1;
	assert_int_equal(netvsc_rx_queue_stop(d->eth, 0), -ETIMEDOUT);
	rxq->lookers = 0;
	assert_int_equal(netvsc_rx_queue_count(rxq), 5);
	assert_int_equal(netvsc_rx_queue_stop(d->eth, 0), 0);
	assert_int_equal(netvsc_rx_queue_count(rxq), 0);
	assert_int_equal(rxq->lookers, 0);
	fake_data_stop(d);
}

static uint32_t
rx_count(struct fake_data *d)
{
	return (uint32_t)netvsc_rx_queue_count(d->eth->data->rx_queues[0]);
}

/* Op: rx_queue_count, rx_descriptor_status. */
static void
asking_for_received_frames_touches_neither_gate_nor_ring_nor_backlog(void **state)
{
	struct fake_data *d = fake_data_start(&(struct fake_setup){ 0 });
	struct netvsc_rxq *rxq = d->eth->data->rx_queues[0];
	struct netvsc_channel before, *channel = rxq->channel;
	struct vmbus_channel ring;
	struct rte_mbuf *pkts[4];

	(void)state;
	assert_int_equal(rx_count(d), 0);
	frames_come(d, 10);
	assert_int_equal(rx_count(d), 10);
	assert_int_equal(fake_rx(d, pkts, 4), 4);
	rte_pktmbuf_free_bulk(pkts, 4);
	frames_come(d, 5);                      /* 6 in the backlog, 5 in the ring */
	assert_true(netvsc_gate_enter(&rxq->gate));
	before = *channel;
	ring = *channel->vmbus;
	assert_int_equal(rx_count(d), 11);
	assert_int_equal(netvsc_rx_descriptor_status(rxq, 10), RTE_ETH_RX_DESC_DONE);
	assert_int_equal(netvsc_rx_descriptor_status(rxq, 11), RTE_ETH_RX_DESC_AVAIL);
	assert_int_equal(netvsc_rx_descriptor_status(rxq, 128), -EINVAL);
	assert_memory_equal(&before, channel, sizeof(before));
	assert_memory_equal(&ring, channel->vmbus, sizeof(ring));
	assert_int_equal(rxq->gate.busy, 1);    /* the burst is inside, still */
	netvsc_gate_leave(&rxq->gate);
	fake_data_stop(d);
}

/* The same bytes in packets of all kinds, good and bad. */
static void
what_waits_in_the_ring_and_is_no_transfer_of_frames_counts_for_none(void **state)
{
	static const struct {
		const char *what;
		uint16_t type;
		uint32_t ext_bytes, payload_bytes, channel_type, frames;
	} rows[] = {
		{ "frames", VMBUS_PACKET_TRANSFER_PAGES, 32, 16, NVSP_CHANNEL_DATA, 3 },
		{ "frames, all that there is room for", VMBUS_PACKET_TRANSFER_PAGES, 24, 16,
			NVSP_CHANNEL_DATA, 2 },
		{ "no room for frames", VMBUS_PACKET_TRANSFER_PAGES, 8, 16, NVSP_CHANNEL_DATA, 0 },
		{ "control", VMBUS_PACKET_TRANSFER_PAGES, 32, 16, NVSP_CHANNEL_CONTROL, 0 },
		{ "no room for a count", VMBUS_PACKET_TRANSFER_PAGES, 0, 16, NVSP_CHANNEL_DATA, 0 },
		{ "no message", VMBUS_PACKET_TRANSFER_PAGES, 32, 0, NVSP_CHANNEL_DATA, 0 },
		{ "in band", VMBUS_PACKET_INBAND, 32, 16, NVSP_CHANNEL_DATA, 0 },
		{ "a completion", VMBUS_PACKET_COMPLETION, 32, 16, NVSP_CHANNEL_DATA, 0 },
		{ "unknown", 99, 32, 16, NVSP_CHANNEL_DATA, 0 },
	};
	struct {
		struct vmbus_transfer_pages pages;
		struct vmbus_transfer_range range[3];
	} ext = { .pages = { .set_id = NETVSC_RECV_BUFFER_ID, .range_count = 3 } };

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(rows); i++) {
		struct fake_data *d = fake_data_start(&(struct fake_setup){ 0 });
		const struct nvsp_rndis nvsp = { NVSP_RNDIS, rows[i].channel_type, NVSP_SECTION_NONE, 0 };
		const struct fake_packet packet = {
			.type = rows[i].type, .transaction_id = 700,
			.ext = &ext, .ext_bytes = rows[i].ext_bytes,
			.payload = &nvsp, .bytes = rows[i].payload_bytes,
		};

		fake_world_write(&packet);
		if (rx_count(d) != rows[i].frames)
			fail_msg("%s: %u", rows[i].what, rx_count(d));
		d->host->acks_owed += rows[i].type == VMBUS_PACKET_TRANSFER_PAGES;
		fake_settle(d);
		fake_data_stop(d);
	}
}

/* Op: tx_descriptor_status, tx_queue_count. */
static void
asking_for_messages_under_way_touches_nothing_either(void **state)
{
	struct fake_data *d = fake_data_start(&(struct fake_setup){ .data_room = 1600 });
	struct netvsc_txq before, *txq = d->eth->data->tx_queues[0];
	struct rte_mbuf *pkts[3];

	(void)state;
	d->hold = true;
	for (unsigned int i = 0; i < 3; i++)
		pkts[i] = fake_mbuf(d, 1400, 1, 0);
	assert_int_equal(fake_tx(d, pkts, 3), 3);
	assert_true(netvsc_gate_enter(&txq->gate));
	before = *txq;
	assert_int_equal(netvsc_tx_queue_count(txq), 3);
	assert_int_equal(netvsc_tx_descriptor_status(txq, 2), RTE_ETH_TX_DESC_FULL);
	assert_int_equal(netvsc_tx_descriptor_status(txq, 3), RTE_ETH_TX_DESC_DONE);
	assert_int_equal(netvsc_tx_descriptor_status(txq, 64), -EINVAL);
	assert_memory_equal(&before, txq, sizeof(before));
	netvsc_gate_leave(&txq->gate);
	d->hold = false;
	fake_data_complete(d);
	fake_settle(d);
	assert_int_equal(netvsc_tx_queue_count(txq), 0);
	fake_data_stop(d);
}

static uint32_t ending;

static void *
ask_loop(void *arg)
{
	struct fake_data *d = arg;
	uint32_t most = 0;

	while (!__atomic_load_n(&ending, __ATOMIC_ACQUIRE)) {
		most = RTE_MAX(most, rx_count(d));
		netvsc_tx_queue_count(d->eth->data->tx_queues[0]);
	}
	return (void *)(uintptr_t)most;
}

/* The host fills the ring while nobody asks: it is no part of this process where
 * it matters, and TSan would take it for one. */
static void
counts_are_asked_for_while_another_thread_polls(void **state)
{
	struct fake_data *d = fake_data_start(&(struct fake_setup){ 0 });
	struct rte_mbuf *pkts[3];
	void *most;

	(void)state;
	for (unsigned int round = 0; round < 50; round++) {
		unsigned int received = 0;
		pthread_t thread;

		for (unsigned int i = 0; i < 8; i++)
			frames_come(d, 16);
		__atomic_store_n(&ending, 0, __ATOMIC_RELEASE);
		assert_int_equal(pthread_create(&thread, NULL, ask_loop, d), 0);
		while (received < 8 * 16) {
			uint16_t n = fake_rx(d, pkts, 3);

			rte_pktmbuf_free_bulk(pkts, n);
			received += n;
		}
		__atomic_store_n(&ending, 1, __ATOMIC_RELEASE);
		pthread_join(thread, &most);
		/* Frames on their way from the ring to the backlog may count twice. */
		assert_true((uintptr_t)most <= 2 * 8 * 16);
		assert_int_equal(rx_count(d), 0);
		/* The acknowledgements, so that there is room again. */
		assert_int_equal(fake_rx(d, pkts, 3), 0);
	}
	fake_data_stop(d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stop_waits_for_who_asks_and_who_asks_later_is_told_nothing),
		cmocka_unit_test(asking_for_received_frames_touches_neither_gate_nor_ring_nor_backlog),
		cmocka_unit_test(what_waits_in_the_ring_and_is_no_transfer_of_frames_counts_for_none),
		cmocka_unit_test(asking_for_messages_under_way_touches_nothing_either),
		cmocka_unit_test(counts_are_asked_for_while_another_thread_polls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
