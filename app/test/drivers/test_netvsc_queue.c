/* SPDX-License-Identifier: BSD-3-Clause */

/* The life of queues: what is refused at their set-up, and what starting and
 * stopping one does when the host or a thread does not play along. */

#include <string.h>

#include "fake_port.h"
#include "fake_world.h"
#include "netvsc_ndis.h"
#include "netvsc_poll.h"
#include "netvsc_queue.h"
#include "netvsc_rx.h"
#include "netvsc_tx.h"

static const uint8_t bytes[60];

static int
rx_setup(struct fake_data *d, uint16_t queue, const struct rte_eth_rxconf *conf)
{
	return d->eth->dev_ops->rx_queue_setup(d->eth, queue, 128, 0, conf, d->pool.mp);
}

static int
tx_setup(struct fake_data *d, uint16_t queue, const struct rte_eth_txconf *conf)
{
	return d->eth->dev_ops->tx_queue_setup(d->eth, queue, 64, 0, conf);
}

/* ---- set-up ---- */

/* Op: rx_queue_setup, rx_queue_release. */
static void
a_receive_queue_is_refused_what_can_never_hold_a_frame(void **state)
{
	const struct rte_eth_rxconf plain = { 0 }, thresh = { .rx_free_thresh = 128 },
		scatter = { .offloads = RTE_ETH_RX_OFFLOAD_SCATTER },
		lro = { .offloads = RTE_ETH_RX_OFFLOAD_TCP_LRO };
	struct fake_data *d = fake_port_start(&(struct fake_setup){ .data_room = 1600 });
	struct rte_mempool *mp = d->pool.mp;
	struct rte_pktmbuf_pool_private *room = rte_mempool_get_priv(mp);
	const uint16_t room_before = room->mbuf_data_room_size;
	const uint32_t size_before = mp->size, channels = d->host->dev.channel_count;
	void *rxq = d->eth->data->rx_queues[0];

	(void)state;
	d->eth->data->rx_queues[0] = NULL;
	assert_int_equal(rx_setup(d, 1, &plain), -EINVAL);      /* no such channel */
	assert_int_equal(rx_setup(d, 0, &thresh), -EINVAL);
	room->mbuf_data_room_size = RTE_PKTMBUF_HEADROOM;
	assert_int_equal(rx_setup(d, 0, &scatter), -EINVAL);
	room->mbuf_data_room_size = RTE_PKTMBUF_HEADROOM + 1513;
	assert_int_equal(rx_setup(d, 0, &plain), -EINVAL);
	mp->size = NETVSC_RUN_PIECES_MAX - 1;
	room->mbuf_data_room_size = room_before;
	assert_int_equal(rx_setup(d, 0, &lro), -EINVAL);
	mp->size = 1;
	room->mbuf_data_room_size = RTE_PKTMBUF_HEADROOM + 1513;
	assert_int_equal(rx_setup(d, 0, &scatter), -EINVAL);
	assert_null(d->eth->data->rx_queues[0]);
	/* Just enough of each. */
	room->mbuf_data_room_size = RTE_PKTMBUF_HEADROOM + 1514;
	assert_int_equal(rx_setup(d, 0, &plain), 0);
	d->eth->dev_ops->rx_queue_release(d->eth, 0);
	mp->size = NETVSC_RUN_PIECES_MAX;
	assert_int_equal(rx_setup(d, 0, &lro), 0);
	d->eth->dev_ops->rx_queue_release(d->eth, 0);
	assert_null(d->eth->data->rx_queues[0]);
	d->eth->dev_ops->rx_queue_release(d->eth, 0);           /* of none */
	room->mbuf_data_room_size = room_before;
	mp->size = size_before;
	assert_int_equal(d->host->dev.channel_count, channels);
	d->eth->data->rx_queues[0] = rxq;
	fake_data_stop(d);
}

/* Op: tx_queue_setup, tx_queue_release. */
static void
a_transmit_queue_has_a_channel_and_a_threshold_below_its_descriptors(void **state)
{
	const struct rte_eth_txconf plain = { 0 }, much = { .tx_free_thresh = 64 },
		most = { .tx_free_thresh = 63 };
	struct fake_data *d = fake_port_start(&(struct fake_setup){ 0 });
	const struct netvsc_txq *txq;

	(void)state;
	assert_int_equal(netvsc_tx_queue_stop(d->eth, 0), 0);
	d->eth->dev_ops->tx_queue_release(d->eth, 0);
	assert_null(d->eth->data->tx_queues[0]);
	d->eth->dev_ops->tx_queue_release(d->eth, 0);
	assert_int_equal(tx_setup(d, 1, &plain), -EINVAL);
	assert_int_equal(tx_setup(d, 0, &much), -EINVAL);
	assert_null(d->eth->data->tx_queues[0]);
	assert_int_equal(tx_setup(d, 0, &most), 0);
	txq = d->eth->data->tx_queues[0];
	assert_int_equal(txq->free_thresh, 63);
	assert_int_equal(txq->free_count, 64);
	d->eth->dev_ops->tx_queue_release(d->eth, 0);
	assert_int_equal(tx_setup(d, 0, &plain), 0);
	txq = d->eth->data->tx_queues[0];
	assert_int_equal(txq->free_thresh, 16);
	assert_int_equal(netvsc_tx_queue_start(d->eth, 0), 0);
	fake_data_stop(d);
}

/* What is done keeps its section until it is taken back: on a port of many queues
 * none may hold what the others need, or they send small frames one by one. */
static void
a_queue_takes_back_what_is_done_before_it_has_more_than_its_share_of_the_sections(void **state)
{
	static const struct {
		uint32_t sections, queues;
		uint16_t thresh, low_water;
	} rows[] = {
		{ 2560, 1, 0, 16 }, { 2560, 20, 0, 16 }, { 2560, 40, 0, 32 }, { 2560, 64, 0, 44 },
		{ 2560, 64, 50, 50 }, { 40, 64, 0, 63 }, { 0, 64, 0, 16 }, { 128, 1, 0, 16 },
		{ 126, 1, 1, 1 }, { 126, 1, 0, 16 }, { 64, 1, 0, 32 },
	};
	struct fake_data *d = fake_port_start(&(struct fake_setup){ 0 });
	struct netvsc_device *dev = &d->host->dev;
	const uint32_t sections = dev->sendbuf.count, channels = dev->channel_count;
	const struct netvsc_txq *txq;

	(void)state;
	assert_int_equal(netvsc_tx_queue_stop(d->eth, 0), 0);
	for (unsigned int i = 1; i < 64; i++)
		dev->channel[i] = dev->channel[0];
	for (unsigned int i = 0; i < RTE_DIM(rows); i++) {
		const struct rte_eth_txconf conf = { .tx_free_thresh = rows[i].thresh };

		d->eth->dev_ops->tx_queue_release(d->eth, 0);
		dev->sendbuf.count = rows[i].sections;
		dev->channel_count = rows[i].queues;
		assert_int_equal(tx_setup(d, 0, &conf), 0);
		txq = d->eth->data->tx_queues[0];
		assert_int_equal(txq->low_water, rows[i].low_water);
		assert_int_equal(txq->free_thresh, rows[i].thresh != 0 ? rows[i].thresh : 16);
	}
	for (unsigned int i = 1; i < 64; i++)
		dev->channel[i] = NULL;
	dev->sendbuf.count = sections;
	dev->channel_count = channels;
	assert_int_equal(netvsc_tx_queue_start(d->eth, 0), 0);
	fake_data_stop(d);
}

/* How many allocations there are does not matter: each fails once. */
static void
a_set_up_without_memory_leaves_no_queue_and_works_once_there_is_some(void **state)
{
	const struct rte_eth_rxconf rxconf = { 0 };
	const struct rte_eth_txconf txconf = { 0 };
	struct fake_data *d = fake_port_start(&(struct fake_setup){ 0 });
	const struct eth_dev_ops *ops = d->eth->dev_ops;
	unsigned int rx_fails = 1, tx_fails = 1;
	int ret;

	(void)state;
	assert_int_equal(netvsc_queues_stop(d->eth), 0);
	ops->rx_queue_release(d->eth, 0);
	ops->tx_queue_release(d->eth, 0);
	for (;; rx_fails++) {
		fake_memory.left = rx_fails - 1;
		ret = rx_setup(d, 0, &rxconf);
		if (ret == 0)
			break;
		assert_int_equal(ret, -ENOMEM);
		assert_null(d->eth->data->rx_queues[0]);
	}
	for (;; tx_fails++) {
		fake_memory.left = tx_fails - 1;
		ret = tx_setup(d, 0, &txconf);
		if (ret == 0)
			break;
		assert_int_equal(ret, -ENOMEM);
		assert_null(d->eth->data->tx_queues[0]);
	}
	fake_memory.left = UINT64_MAX;
	assert_true(rx_fails > 1 && tx_fails > 4);
	assert_int_equal(netvsc_queues_start(d->eth), 0);
	fake_data_stop(d);
}

/* A link that is opened without memory is closed again, and can be opened. */
static void
a_reopen_without_memory_is_an_error_and_the_next_one_works(void **state)
{
	struct fake_data *d = fake_port_start(&(struct fake_setup){ 0 });
	unsigned int fails = 1;
	int ret;

	(void)state;
	for (;; fails++) {
		fake_memory.failed = false;
		fake_memory.left = fails - 1;
		ret = d->eth->dev_ops->mtu_set(d->eth, (uint16_t)(1400 - fails));
		if (!fake_memory.failed)
			break;
		assert_int_equal(ret, -ENOMEM);
	}
	fake_memory.left = UINT64_MAX;
	assert_int_equal(ret, 0);
	assert_int_equal(d->host->dev.mtu, 1400 - fails);
	assert_true(fails > 1);
	assert_int_equal(d->eth->dev_ops->dev_stop(d->eth), 0);
	assert_int_equal(d->eth->dev_ops->dev_start(d->eth), 0);
	fake_data_stop(d);
}

/* ---- start and stop ---- */

static void
transmits(struct fake_data *d, bool on)
{
	struct rte_mbuf *m = fake_mbuf(d, 60, 1, 0);
	uint16_t sent = fake_tx(d, &m, 1);

	assert_int_equal(sent, on);
	if (sent == 0)
		rte_pktmbuf_free(m);
	fake_settle(d);
}

static void
receives(struct fake_data *d, bool on)
{
	const struct fake_frame frame = { .data = bytes, .bytes = 60 };
	struct rte_mbuf *pkts[4];
	uint16_t n;

	fake_data_send(d, &frame, 1);
	n = fake_rx(d, pkts, 4);
	assert_int_equal(n, on);
	rte_pktmbuf_free_bulk(pkts, n);
}

/* Op: rx_queue_start, rx_queue_stop, tx_queue_start, tx_queue_stop. */
static void
a_stopped_queue_moves_nothing_and_what_came_meanwhile_is_counted(void **state)
{
	struct fake_data *d = fake_port_start(&(struct fake_setup){ 0 });
	const struct eth_dev_ops *ops = d->eth->dev_ops;
	const uint8_t *rx_state = d->eth->data->rx_queue_state;
	const uint8_t *tx_state = d->eth->data->tx_queue_state;

	(void)state;
	transmits(d, true);
	receives(d, true);
	assert_int_equal(d->host->dev.attended, 1);
	assert_int_equal(ops->tx_queue_stop(d->eth, 0), 0);
	assert_int_equal(tx_state[0], RTE_ETH_QUEUE_STATE_STOPPED);
	transmits(d, false);
	assert_int_equal(ops->rx_queue_stop(d->eth, 0), 0);
	assert_int_equal(rx_state[0], RTE_ETH_QUEUE_STATE_STOPPED);
	assert_int_equal(d->host->dev.attended, 0);
	receives(d, false);
	/* Bursts of other queues, one after the other, look after it. */
	for (unsigned int i = 0; i < NETVSC_QUEUES_MAX; i++)
		netvsc_poll_unattended(&d->host->dev);
	assert_int_equal(d->host->dev.channel[0]->discarded, 1);
	assert_int_equal(d->host->acks_owed, 0);
	assert_int_equal(ops->rx_queue_start(d->eth, 0), 0);
	assert_int_equal(rx_state[0], RTE_ETH_QUEUE_STATE_STARTED);
	receives(d, true);
	assert_int_equal(ops->tx_queue_start(d->eth, 0), 0);
	assert_int_equal(tx_state[0], RTE_ETH_QUEUE_STATE_STARTED);
	transmits(d, true);
	fake_data_stop(d);
}

static void
a_queue_that_is_polled_is_left_to_its_own_bursts(void **state)
{
	const struct fake_frame frame = { .data = bytes, .bytes = 60 };
	struct fake_data *d = fake_port_start(&(struct fake_setup){ 0 });
	struct rte_mbuf *pkts[4];

	(void)state;
	fake_data_send(d, &frame, 1);
	for (unsigned int i = 0; i < NETVSC_QUEUES_MAX; i++)
		netvsc_poll_unattended(&d->host->dev);
	assert_int_equal(d->host->dev.channel[0]->backlog.range_head, 0);
	assert_int_equal(fake_rx(d, pkts, 4), 1);
	rte_pktmbuf_free(pkts[0]);
	fake_data_stop(d);
}

static void
a_queue_without_a_channel_does_not_start_and_one_that_is_not_there_does_nothing(void **state)
{
	struct fake_data *d = fake_port_start(&(struct fake_setup){ 0 });
	struct netvsc_channel *channel = d->host->dev.channel[0];
	struct vmbus_channel *vmbus = channel->vmbus;
	void *rxq = d->eth->data->rx_queues[0], *txq = d->eth->data->tx_queues[0];

	(void)state;
	assert_int_equal(netvsc_queues_stop(d->eth), 0);
	channel->vmbus = NULL;
	assert_int_equal(netvsc_rx_queue_start(d->eth, 0), -EIO);
	assert_int_equal(netvsc_tx_queue_start(d->eth, 0), -EIO);
	assert_int_equal(netvsc_queues_start(d->eth), -EIO);
	netvsc_queues_open_gates(d->eth);
	channel->vmbus = vmbus;
	d->eth->data->rx_queues[0] = d->eth->data->tx_queues[0] = NULL;
	assert_int_equal(netvsc_rx_queue_start(d->eth, 0), -EIO);
	assert_int_equal(netvsc_tx_queue_start(d->eth, 0), -EIO);
	assert_int_equal(netvsc_rx_queue_stop(d->eth, 0), -EINVAL);
	assert_int_equal(netvsc_tx_queue_stop(d->eth, 0), -EINVAL);
	assert_int_equal(netvsc_queues_close_gates(d->eth), 0);
	netvsc_queues_open_gates(d->eth);
	netvsc_queues_reclaim(d->eth);
	d->eth->data->rx_queues[0] = rxq;
	d->eth->data->tx_queues[0] = txq;
	transmits(d, false);
	assert_int_equal(netvsc_queues_start(d->eth), 0);
	transmits(d, true);
	receives(d, true);
	fake_data_stop(d);
}

static void
a_deferred_queue_waits_until_it_is_started_by_itself(void **state)
{
	struct fake_data *d = fake_port_start(&(struct fake_setup){ 0 });
	struct netvsc_rxq *rxq = d->eth->data->rx_queues[0];
	struct netvsc_txq *txq = d->eth->data->tx_queues[0];

	(void)state;
	assert_int_equal(netvsc_queues_stop(d->eth), 0);
	rxq->deferred_start = txq->deferred_start = true;
	assert_int_equal(netvsc_queues_start(d->eth), 0);
	assert_int_equal(d->eth->data->rx_queue_state[0], RTE_ETH_QUEUE_STATE_STOPPED);
	assert_int_equal(d->eth->data->tx_queue_state[0], RTE_ETH_QUEUE_STATE_STOPPED);
	transmits(d, false);
	/* A reopen lets in only those that were started. */
	assert_int_equal(netvsc_queues_close_gates(d->eth), 0);
	netvsc_queues_open_gates(d->eth);
	transmits(d, false);
	assert_int_equal(netvsc_tx_queue_start(d->eth, 0), 0);
	assert_int_equal(netvsc_rx_queue_start(d->eth, 0), 0);
	assert_int_equal(netvsc_queues_close_gates(d->eth), 0);
	transmits(d, false);
	netvsc_queues_open_gates(d->eth);
	transmits(d, true);
	receives(d, true);
	fake_data_stop(d);
}

/* Bounded, and the queue goes on as before. */
static void
a_queue_whose_thread_or_host_keeps_it_busy_is_not_stopped(void **state)
{
	struct fake_data *d = fake_port_start(&(struct fake_setup){ 0 });
	struct netvsc_rxq *rxq = d->eth->data->rx_queues[0];
	struct rte_mbuf *m = fake_mbuf(d, 60, 1, 0);

	(void)state;
	rxq->gate.busy = 1;             /* each such wait takes a second and more */
	assert_int_equal(d->eth->dev_ops->dev_stop(d->eth), -ETIMEDOUT);
	rxq->gate.busy = 0;
	assert_int_equal(netvsc_ndis_set_receiving(&d->host->dev, true), 0);
	assert_int_equal(d->eth->data->rx_queue_state[0], RTE_ETH_QUEUE_STATE_STARTED);
	assert_int_equal(d->eth->data->tx_queue_state[0], RTE_ETH_QUEUE_STATE_STARTED);
	d->hold = true;
	assert_int_equal(fake_tx(d, &m, 1), 1);
	assert_int_equal(netvsc_tx_queue_stop(d->eth, 0), -ETIMEDOUT);
	d->hold = false;
	fake_data_complete(d);
	transmits(d, true);
	receives(d, true);
	assert_int_equal(netvsc_tx_queue_stop(d->eth, 0), 0);
	fake_data_stop(d);
}

/* Nobody sends on the queue any more: an application that has no mbufs to receive
 * into has nothing to send. */
static void
mbufs_that_the_host_is_done_with_are_freed_by_whoever_receives(void **state)
{
	static const unsigned int frames[] = { 1, 40, 400 };

	(void)state;
	for (unsigned int k = 0; k < RTE_DIM(frames); k++) {
		struct fake_data *d = fake_port_start(&(struct fake_setup){ .nb_desc = 512,
			.data_room = 1600, .mbufs = 512 });
		struct rte_mbuf *pkts[4];

		d->hold = true;
		for (unsigned int i = 0; i < frames[k]; i++) {
			pkts[0] = fake_mbuf(d, 1400, 1, (uint8_t)i);
			assert_int_equal(fake_tx(d, pkts, 1), 1);
		}
		assert_int_equal(fake_pool_out(&d->pool), frames[k]);
		fake_data_complete(d);
		for (unsigned int i = 0; i < 2 + frames[k] / 64; i++)
			assert_int_equal(fake_rx(d, pkts, 4), 0);
		assert_int_equal(fake_pool_out(&d->pool), 0);
		d->hold = false;
		fake_data_stop(d);
	}
}

/* All mbufs are in messages, frames wait for them, and the completions come behind
 * these in the ring. */
static void
frames_that_wait_for_mbufs_do_not_keep_completions_in_the_ring(void **state)
{
	struct fake_data *d = fake_port_start(&(struct fake_setup){ .data_room = 1600,
		.mbufs = 64 });
	const struct fake_frame frame = { .data = bytes, .bytes = 60 };
	struct rte_mbuf *pkts[32];

	(void)state;
	d->hold = true;
	for (unsigned int i = 0; i < 64; i++) {
		pkts[0] = fake_mbuf(d, 1400, 1, (uint8_t)i);
		assert_int_equal(fake_tx(d, pkts, 1), 1);
	}
	for (unsigned int i = 0; i < 40; i++)
		fake_data_send(d, &frame, 1);
	assert_int_equal(fake_rx(d, pkts, 32), 0);
	fake_data_complete(d);
	assert_int_equal(fake_rx(d, pkts, 32), 0);
	assert_int_equal(fake_rx(d, pkts, 32), 32);
	for (unsigned int i = 0; i < 32; i++)
		rte_pktmbuf_free(pkts[i]);
	assert_int_equal(fake_rx(d, pkts, 32), 8);
	for (unsigned int i = 0; i < 8; i++)
		rte_pktmbuf_free(pkts[i]);
	d->hold = false;
	fake_data_stop(d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_receive_queue_is_refused_what_can_never_hold_a_frame),
		cmocka_unit_test(a_transmit_queue_has_a_channel_and_a_threshold_below_its_descriptors),
		cmocka_unit_test(a_queue_takes_back_what_is_done_before_it_has_more_than_its_share_of_the_sections),
		cmocka_unit_test(a_set_up_without_memory_leaves_no_queue_and_works_once_there_is_some),
		cmocka_unit_test(a_reopen_without_memory_is_an_error_and_the_next_one_works),
		cmocka_unit_test(a_stopped_queue_moves_nothing_and_what_came_meanwhile_is_counted),
		cmocka_unit_test(a_queue_that_is_polled_is_left_to_its_own_bursts),
		cmocka_unit_test(a_queue_without_a_channel_does_not_start_and_one_that_is_not_there_does_nothing),
		cmocka_unit_test(a_deferred_queue_waits_until_it_is_started_by_itself),
		cmocka_unit_test(a_queue_whose_thread_or_host_keeps_it_busy_is_not_stopped),
		cmocka_unit_test(mbufs_that_the_host_is_done_with_are_freed_by_whoever_receives),
		cmocka_unit_test(frames_that_wait_for_mbufs_do_not_keep_completions_in_the_ring),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
