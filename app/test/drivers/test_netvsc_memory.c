/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Memory that is not there: each allocation of each operation fails once. The
 * operation says -ENOMEM, or does without; what it had got is given back, tried
 * again it works, and at the end nothing is missing. (Of mbufs: test_netvsc_rx.c.)
 */

#include "fake_data.h"

#include <stdlib.h>

#include "netvsc_channel.h"
#include "netvsc_ethdev.h"
#include "netvsc_event.h"
#include "netvsc_link.h"
#include "netvsc_ndis.h"
#include "netvsc_queue.h"
#include "netvsc_sendbuf.h"
#include "netvsc_stats.h"

#define MTU 4000u
#define POINTS_MAX 64u          /* more than any operation has */

static const struct fake_setup setup = { .data_room = 5000, .mbufs = 64 };

/* ---- the operations ---- */

static void
conf_set(struct rte_eth_dev *eth)
{
	eth->data->dev_conf = (struct rte_eth_conf){ .intr_conf.lsc = 1 };
	eth->data->mtu = eth->data->mtu != 0 ? eth->data->mtu : RTE_ETHER_MTU;
}

static int
op_configure(struct fake_data *d)
{
	conf_set(d->eth);
	d->eth->data->mtu = MTU;        /* another link */
	return d->eth->dev_ops->dev_configure(d->eth);
}

static int
op_rx_queue(struct fake_data *d)
{
	const struct rte_eth_rxconf conf = { 0 };
	int ret;

	netvsc_rx_queue_release(d->eth, 0);
	d->eth->data->rx_queues[0] = NULL;
	ret = d->eth->dev_ops->rx_queue_setup(d->eth, 0, 128, 0, &conf, d->pool.mp);
	assert_true((ret == 0) == (d->eth->data->rx_queues[0] != NULL));
	return ret;
}

static int
op_tx_queue(struct fake_data *d)
{
	const struct rte_eth_txconf conf = { 0 };
	int ret;

	netvsc_tx_queue_release(d->eth, 0);
	d->eth->data->tx_queues[0] = NULL;
	ret = d->eth->dev_ops->tx_queue_setup(d->eth, 0, 64, 0, &conf);
	assert_true((ret == 0) == (d->eth->data->tx_queues[0] != NULL));
	return ret;
}

static int
op_start(struct fake_data *d)
{
	return d->eth->dev_ops->dev_start(d->eth);
}

static int
op_mtu(struct fake_data *d)
{
	int ret = d->eth->dev_ops->mtu_set(d->eth, MTU);

	if (ret == 0)
		d->eth->data->mtu = MTU;
	return ret;
}

static int
op_reset(struct fake_data *d)
{
	return d->eth->dev_ops->dev_reset(d->eth);
}

static const struct op {
	const char *name;
	int (*run)(struct fake_data *d);
	unsigned int points_least;      /* allocations that it makes */
} ops[] = {
	{ "dev_configure", op_configure, 0 },
	{ "rx_queue_setup", op_rx_queue, 1 },
	{ "tx_queue_setup", op_tx_queue, 2 },
	{ "dev_start", op_start, 0 },
	{ "mtu_set", op_mtu, 0 },
	{ "dev_reset", op_reset, 0 },
};

/* ---- the port ---- */

static struct fake_data *
port_start(void)
{
	struct fake_data *d = fake_data_start(&setup);

	netvsc_ethdev_init(d->eth);
	d->eth->device = &d->host->vmbus.device;
	assert_int_equal(netvsc_ndis_set_receiving(&d->host->dev, true), 0);
	assert_int_equal(d->eth->dev_ops->dev_stop(d->eth), 0);
	return d;
}

static void
receives_and_sends(struct fake_data *d)
{
	static const uint8_t bytes[60] = { 2 };
	const struct fake_frame frame = { .data = bytes, .bytes = sizeof(bytes) };
	struct rte_mbuf *m = fake_mbuf(d, 60, 1, 0), *pkts[4];

	d->held_count = 0;
	fake_data_send(d, &frame, 1);
	assert_int_equal(fake_rx(d, pkts, 4), 1);
	rte_pktmbuf_free(pkts[0]);
	assert_int_equal(fake_tx(d, &m, 1), 1);
	fake_settle(d);
	assert_int_equal(fake_pool_out(&d->pool), 0);
}

/* True if there was an allocation to fail. */
static bool
op_without_memory(const struct op *op, unsigned int point)
{
	struct fake_data *d = port_start();
	bool failed;
	int ret;

	fake_memory.failed = false;
	fake_memory.left = point;
	ret = op->run(d);
	failed = fake_memory.failed;
	fake_memory.left = UINT64_MAX;
	if (failed ? ret != -ENOMEM && ret != 0 : ret != 0)
		fail_msg("%s, allocation %u: %d", op->name, point, ret);
	if (ret != 0) {
		ret = op->run(d);
		if (ret != 0)
			fail_msg("%s after allocation %u failed: %d", op->name, point, ret);
	}
	if (op->run != op_start)
		assert_int_equal(d->eth->dev_ops->dev_start(d->eth), 0);
	receives_and_sends(d);
	netvsc_event_cancel(&d->host->dev);
	fake_data_stop(d);
	return failed;
}

static void
an_allocation_that_fails_in_any_operation_is_enomem_and_leaves_nothing_behind(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(ops); i++) {
		const uint64_t out = fake_memory.out;
		unsigned int point = 0;

		while (op_without_memory(&ops[i], point)) {
			point++;
			assert_true(point < POINTS_MAX);
			if (fake_memory.out != out)
				fail_msg("%s, allocation %u: %d are not freed", ops[i].name, point,
					(int)(fake_memory.out - out));
		}
		print_message("%s: %u allocations\n", ops[i].name, point);
		assert_true(point >= ops[i].points_least);
	}
}

/* ---- what a probe allocates ---- */

static bool
attach_without_memory(unsigned int point)
{
	struct fake_host *host = fake_host_start(true);
	struct netvsc_device *dev = &host->dev;
	bool failed;
	int ret;

	netvsc_xact_destroy(dev);
	fake_memory.failed = false;
	fake_memory.left = point;
	ret = netvsc_xact_create(dev);
	if (ret == 0)
		ret = netvsc_stats_create(dev);
	if (ret == 0)
		ret = netvsc_link_open(dev, &host->vmbus, 4);
	failed = fake_memory.failed;
	fake_memory.left = UINT64_MAX;
	if (ret != (failed ? -ENOMEM : 0))
		fail_msg("attach, allocation %u: %d", point, ret);
	if (ret == 0)
		netvsc_link_close(dev, &host->vmbus);
	assert_null(host->vmbus.shared);
	netvsc_stats_destroy(dev);
	fake_host_stop();
	return failed;
}

static void
an_allocation_that_fails_at_attach_is_enomem_and_leaves_nothing_behind(void **state)
{
	const uint64_t out = fake_memory.out;
	unsigned int point = 0;

	(void)state;
	while (attach_without_memory(point)) {
		point++;
		assert_true(point < POINTS_MAX);
		if (fake_memory.out != out)
			fail_msg("attach, allocation %u: %d are not freed", point,
				(int)(fake_memory.out - out));
	}
	print_message("attach: %u allocations\n", point);
	assert_true(point >= 10);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			an_allocation_that_fails_in_any_operation_is_enomem_and_leaves_nothing_behind),
		cmocka_unit_test(
			an_allocation_that_fails_at_attach_is_enomem_and_leaves_nothing_behind),
	};

	rte_log_set_global_level(RTE_LOG_EMERG);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
