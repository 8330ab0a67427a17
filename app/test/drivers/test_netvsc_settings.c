/* SPDX-License-Identifier: BSD-3-Clause */

/* What an application sets on a port, through its operations: checked before
 * the host is told, and told to the host as it is. */

#include <string.h>

#include "fake_port.h"
#include "netvsc_queue.h"
#include "netvsc_rx.h"
#include "netvsc_stats.h"

#define QUEUES 4u

/* The link of one channel passes for one of several: settings only count them. */
static struct fake_data *
start_with_queues(void)
{
	struct fake_data *d = fake_port_start(&(struct fake_setup){ 0 });

	d->host->dev.channel_count = QUEUES;
	d->eth->data->nb_rx_queues = QUEUES;
	return d;
}

static void
stop_with_queues(struct fake_data *d)
{
	d->host->dev.channel_count = 1;
	d->eth->data->nb_rx_queues = 1;
	fake_data_stop(d);
}

/* ---- link ---- */

/* Op: link_update. */
static void
the_link_is_asked_for_by_those_who_wait_and_down_once_the_device_is_gone(void **state)
{
	struct fake_data *d = fake_port_start(&(struct fake_setup){ 0 });
	const struct rte_eth_link *link = &d->eth->data->dev_link;
	struct netvsc_host *host = &d->host->dev.host;
	struct vmbus_shared *vmbus = d->host->dev.vmbus;

	(void)state;
	host->link_bps = 0;
	assert_int_equal(d->eth->dev_ops->link_update(d->eth, 0), 0);
	assert_int_equal(host->link_bps, 0);            /* not asked for */
	assert_int_equal(d->eth->dev_ops->link_update(d->eth, 1), 0);
	assert_int_equal(link->link_speed, 10000);
	assert_int_equal(link->link_status, RTE_ETH_LINK_UP);
	assert_int_equal(link->link_duplex, RTE_ETH_LINK_FULL_DUPLEX);
	for (unsigned int closed = 0; closed < 2; closed++) {
		if (closed)
			d->host->dev.vmbus = NULL;
		else
			d->host->shared.gone = 1;
		assert_int_equal(d->eth->dev_ops->link_update(d->eth, 1), 0);
		assert_int_equal(link->link_status, RTE_ETH_LINK_DOWN);
		assert_int_equal(link->link_speed, RTE_ETH_SPEED_NUM_NONE);
		d->host->dev.vmbus = vmbus;
		d->host->shared.gone = 0;
		assert_int_equal(d->eth->dev_ops->link_update(d->eth, 0), 0);
		assert_int_equal(link->link_status, RTE_ETH_LINK_UP);
	}
	fake_data_stop(d);
}

/* ---- filter and address ---- */

/* Op: promiscuous_enable, promiscuous_disable, allmulticast_enable, allmulticast_disable, set_mc_addr_list. */
static void
each_part_of_the_filter_reaches_the_host_and_is_taken_back(void **state)
{
	struct fake_data *d = fake_port_start(&(struct fake_setup){ 0 });
	const struct eth_dev_ops *ops = d->eth->dev_ops;
	struct rte_ether_addr group = { { 1, 0, 0x5e, 0, 0, 1 } };
	const uint32_t plain = NDIS_FILTER_DIRECTED | NDIS_FILTER_BROADCAST;

	(void)state;
	assert_int_equal(d->host->filter, plain);
	assert_int_equal(ops->allmulticast_enable(d->eth), 0);
	assert_int_equal(d->host->filter, plain | NDIS_FILTER_ALL_MULTICAST);
	assert_int_equal(ops->promiscuous_enable(d->eth), 0);
	assert_int_equal(d->host->filter,
		plain | NDIS_FILTER_ALL_MULTICAST | NDIS_FILTER_PROMISCUOUS);
	assert_int_equal(ops->allmulticast_disable(d->eth), 0);
	assert_int_equal(ops->promiscuous_disable(d->eth), 0);
	assert_int_equal(d->host->filter, plain);
	assert_int_equal(ops->set_mc_addr_list(d->eth, &group, 1), 0);
	assert_int_equal(d->host->filter, plain | NDIS_FILTER_MULTICAST);
	assert_int_equal(d->host->multicast_bytes, 6);
	fake_data_stop(d);
}

/* Op: mac_addr_set. */
static void
the_address_that_is_set_already_costs_the_host_nothing(void **state)
{
	struct fake_data *d = fake_port_start(&(struct fake_setup){ 0 });
	struct rte_ether_addr mac = { { 2, 0, 0, 0, 0, 9 } };
	unsigned int said;

	(void)state;
	assert_int_equal(d->eth->dev_ops->mac_addr_set(d->eth, &mac), 0);
	assert_memory_equal(&d->host->dev.mac, &mac, sizeof(mac));
	said = d->host->log_count;
	assert_int_equal(d->eth->dev_ops->mac_addr_set(d->eth, &mac), 0);
	assert_int_equal(d->host->log_count, said);
	mac.addr_bytes[5] = 10;
	assert_int_equal(d->eth->dev_ops->mac_addr_set(d->eth, &mac), 0);
	assert_true(d->host->log_count > said);
	fake_data_stop(d);
}

/* ---- MTU ---- */

/* Op: mtu_set. */
static void
an_mtu_must_fit_the_mbufs_of_each_queue_or_be_scattered(void **state)
{
	struct fake_data *d = fake_port_start(&(struct fake_setup){ .data_room = 2000 });
	const struct eth_dev_ops *ops = d->eth->dev_ops;
	struct netvsc_rxq *rxq = d->eth->data->rx_queues[0];
	unsigned int opens = d->host->opens;

	(void)state;
	assert_int_equal(ops->mtu_set(d->eth, RTE_ETHER_MTU), 0);
	assert_int_equal(d->host->opens, opens);        /* nothing to do */
	assert_int_equal(ops->mtu_set(d->eth, 2000 - 14 + 1), -EINVAL);
	assert_int_equal(d->host->opens, opens);
	assert_int_equal(d->host->dev.mtu, RTE_ETHER_MTU);
	assert_int_equal(ops->mtu_set(d->eth, 2000 - 14), 0);
	assert_int_equal(d->host->opens, opens + 1);
	assert_int_equal(d->host->dev.mtu, 2000 - 14);
	rxq->scatter = true;
	assert_int_equal(ops->mtu_set(d->eth, 2000 - 14 + 1), 0);
	assert_int_equal(d->host->opens, opens + 2);
	assert_int_equal(ops->mtu_set(d->eth, RTE_ETHER_MTU), 0);
	fake_data_stop(d);
}

/* ---- VLAN ---- */

/* Op: vlan_offload_set. */
static void
stripping_follows_the_configuration_if_that_is_what_changed(void **state)
{
	struct fake_data *d = fake_port_start(&(struct fake_setup){ 0 });
	struct netvsc_rxq *rxq = d->eth->data->rx_queues[0];
	uint64_t *offloads = &d->eth->data->dev_conf.rxmode.offloads;

	(void)state;
	*offloads |= RTE_ETH_RX_OFFLOAD_VLAN_STRIP;
	assert_int_equal(d->eth->dev_ops->vlan_offload_set(d->eth, RTE_ETH_VLAN_FILTER_MASK), 0);
	assert_false(rxq->vlan_strip);
	assert_int_equal(d->eth->dev_ops->vlan_offload_set(d->eth, RTE_ETH_VLAN_STRIP_MASK), 0);
	assert_true(rxq->vlan_strip);
	*offloads &= ~RTE_ETH_RX_OFFLOAD_VLAN_STRIP;
	assert_int_equal(d->eth->dev_ops->vlan_offload_set(d->eth, RTE_ETH_VLAN_STRIP_MASK), 0);
	assert_false(rxq->vlan_strip);
	/* A queue that is not set up is left out. */
	d->eth->data->rx_queues[0] = NULL;
	assert_int_equal(d->eth->dev_ops->vlan_offload_set(d->eth, RTE_ETH_VLAN_STRIP_MASK), 0);
	d->eth->data->rx_queues[0] = rxq;
	fake_data_stop(d);
}

/* ---- RSS ---- */

static void
reta_fill(struct rte_eth_rss_reta_entry64 *reta, uint64_t mask, uint16_t queue)
{
	for (unsigned int i = 0; i < 2; i++) {
		reta[i].mask = mask;
		for (unsigned int k = 0; k < RTE_ETH_RETA_GROUP_SIZE; k++)
			reta[i].reta[k] = queue;
	}
}

/* Op: reta_update, reta_query. */
static void
only_the_entries_of_the_mask_are_changed_and_only_to_queues_there_are(void **state)
{
	struct fake_data *d = start_with_queues();
	const struct eth_dev_ops *ops = d->eth->dev_ops;
	struct rte_eth_rss_reta_entry64 reta[2];
	unsigned int said;

	(void)state;
	d->eth->data->dev_conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
	d->eth->data->dev_conf.rx_adv_conf.rss_conf.rss_hf = RTE_ETH_RSS_IPV4;
	assert_int_equal(netvsc_rss_configure(d->eth), 0);
	for (unsigned int i = 0; i < 128; i++)
		assert_int_equal(d->host->rss_table[i], i % QUEUES);
	reta_fill(reta, UINT64_C(1) << 63 | 1, QUEUES - 1);
	assert_int_equal(ops->reta_update(d->eth, reta, 128), 0);
	for (unsigned int i = 0; i < 128; i++)
		assert_int_equal(d->host->rss_table[i], i % 64 == 0 || i % 64 == 63 ?
			QUEUES - 1 : i % QUEUES);
	said = d->host->log_count;
	reta_fill(reta, UINT64_C(1) << 7, QUEUES);
	assert_int_equal(ops->reta_update(d->eth, reta, 128), -EINVAL);
	assert_int_equal(ops->reta_update(d->eth, reta, 64), -EINVAL);
	assert_int_equal(ops->reta_query(d->eth, reta, 64), -EINVAL);
	assert_int_equal(d->host->log_count, said);
	/* What is not asked for is not written. */
	reta_fill(reta, UINT64_C(1) << 63 | 2, 77);
	assert_int_equal(ops->reta_query(d->eth, reta, 128), 0);
	for (unsigned int i = 0; i < 128; i++)
		assert_int_equal(reta[i / 64].reta[i % 64], i % 64 == 63 ? QUEUES - 1 :
			i % 64 == 1 ? 1 : 77);
	assert_int_equal(ops->reta_update(d->eth, reta, 128), 0);
	d->host->dev.host.reta_size = 0;
	assert_int_equal(ops->reta_update(d->eth, reta, 0), -ENOTSUP);
	assert_int_equal(ops->reta_query(d->eth, reta, 0), -ENOTSUP);
	d->host->dev.host.reta_size = 128;
	stop_with_queues(d);
}

/* Op: rss_hash_update, rss_hash_conf_get. */
static void
types_and_key_are_set_apart_and_told_as_set(void **state)
{
	struct fake_data *d = start_with_queues();
	const struct eth_dev_ops *ops = d->eth->dev_ops;
	uint8_t key[NDIS_RSS_KEY_BYTES], told[NDIS_RSS_KEY_BYTES];
	struct rte_eth_rss_conf conf = { .rss_hf = RTE_ETH_RSS_IPV4 };

	(void)state;
	memset(key, 0x5a, sizeof(key));
	assert_int_equal(netvsc_rss_configure(d->eth), 0);
	assert_int_equal(ops->rss_hash_update(d->eth, &conf), 0);
	assert_true((d->host->rss.hash_info & NDIS_HASH_IPV4) != 0);
	assert_memory_not_equal(d->host->rss_key, key, sizeof(key));
	conf.rss_key = key;
	conf.rss_key_len = NDIS_RSS_KEY_BYTES - 1;
	assert_int_equal(ops->rss_hash_update(d->eth, &conf), -EINVAL);
	conf.rss_key_len = NDIS_RSS_KEY_BYTES + 1;
	assert_int_equal(ops->rss_hash_update(d->eth, &conf), -EINVAL);
	assert_memory_not_equal(d->host->rss_key, key, sizeof(key));
	conf.rss_key_len = NDIS_RSS_KEY_BYTES;
	assert_int_equal(ops->rss_hash_update(d->eth, &conf), 0);
	assert_memory_equal(d->host->rss_key, key, sizeof(key));
	key[39] = 1;
	conf.rss_key_len = 0;           /* it has the length that keys have */
	assert_int_equal(ops->rss_hash_update(d->eth, &conf), 0);
	assert_memory_equal(d->host->rss_key, key, sizeof(key));
	for (unsigned int i = 0; i < 3; i++) {
		memset(told, 0, sizeof(told));
		conf = (struct rte_eth_rss_conf){ .rss_key = i == 2 ? NULL : told,
			.rss_key_len = i == 0 ? 40 : 39 };
		assert_int_equal(ops->rss_hash_conf_get(d->eth, &conf), 0);
		assert_int_equal(conf.rss_hf, RTE_ETH_RSS_IPV4);
		assert_int_equal(conf.rss_key_len, 40);
		assert_int_equal(told[39], i == 0);
	}
	conf = (struct rte_eth_rss_conf){ .rss_hf = RTE_ETH_RSS_ESP };
	assert_int_equal(ops->rss_hash_update(d->eth, &conf), -ENOTSUP);
	d->host->dev.host.reta_size = 0;
	conf.rss_hf = 0;
	assert_int_equal(ops->rss_hash_update(d->eth, &conf), -ENOTSUP);
	d->host->dev.host.reta_size = 128;
	stop_with_queues(d);
}

static void
a_configuration_switches_rss_on_only_where_its_mode_says_so(void **state)
{
	struct fake_data *d = start_with_queues();
	struct rte_eth_conf *conf = &d->eth->data->dev_conf;
	uint8_t key[NDIS_RSS_KEY_BYTES] = { 7 };

	(void)state;
	conf->rx_adv_conf.rss_conf.rss_hf = RTE_ETH_RSS_IPV4;
	conf->rxmode.mq_mode = RTE_ETH_MQ_RX_NONE;
	assert_int_equal(netvsc_rss_configure(d->eth), 0);
	assert_int_equal(d->host->dev.rss.hf, 0);
	assert_int_equal(d->host->rss_enables, 0);
	conf->rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
	conf->rx_adv_conf.rss_conf.rss_key = key;
	conf->rx_adv_conf.rss_conf.rss_key_len = 1;
	assert_int_equal(netvsc_rss_configure(d->eth), -EINVAL);
	assert_int_equal(d->host->rss_enables, 0);
	conf->rx_adv_conf.rss_conf.rss_key_len = NDIS_RSS_KEY_BYTES;
	assert_int_equal(netvsc_rss_configure(d->eth), 0);
	assert_int_equal(d->host->dev.rss.hf, RTE_ETH_RSS_IPV4);
	assert_int_equal(d->host->rss_enables, 1);
	assert_memory_equal(d->host->rss_key, key, sizeof(key));
	conf->rx_adv_conf.rss_conf.rss_hf = RTE_ETH_RSS_ESP;
	assert_int_equal(netvsc_rss_configure(d->eth), -ENOTSUP);
	stop_with_queues(d);
}

/* ---- configure ---- */

/* Op: dev_configure. */
static void
modes_that_there_are_not_are_refused(void **state)
{
	struct fake_data *d = fake_port_start(&(struct fake_setup){ 0 });
	struct rte_eth_conf *conf = &d->eth->data->dev_conf;

	(void)state;
	assert_int_equal(d->eth->dev_ops->dev_configure(d->eth), 0);
	conf->rxmode.mq_mode = RTE_ETH_MQ_RX_DCB;
	assert_int_equal(d->eth->dev_ops->dev_configure(d->eth), -ENOTSUP);
	conf->rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
	assert_int_equal(d->eth->dev_ops->dev_configure(d->eth), 0);
	conf->rxmode.mq_mode = RTE_ETH_MQ_RX_NONE;
	conf->txmode.mq_mode = RTE_ETH_MQ_TX_DCB;
	assert_int_equal(d->eth->dev_ops->dev_configure(d->eth), -ENOTSUP);
	conf->txmode.mq_mode = RTE_ETH_MQ_TX_NONE;
	conf->intr_conf.rxq = 1;
	assert_int_equal(d->eth->dev_ops->dev_configure(d->eth), -ENOTSUP);
	conf->intr_conf.rxq = 0;
	conf->rxmode.offloads = RTE_ETH_RX_OFFLOAD_SECURITY;
	assert_true(d->eth->dev_ops->dev_configure(d->eth) < 0);
	conf->rxmode.offloads = 0;
	assert_int_equal(d->eth->dev_ops->dev_configure(d->eth), 0);
	fake_data_stop(d);
}

/* ---- counters ---- */

static uint64_t
xstat(struct fake_data *d, const char *name)
{
	struct rte_eth_xstat_name names[64];
	struct rte_eth_xstat values[64];
	int n = d->eth->dev_ops->xstats_get_names(d->eth, names, 64);

	assert_int_equal(n, 8 + 16 + 8 + 5);
	assert_int_equal(d->eth->dev_ops->xstats_get(d->eth, values, 64), n);
	for (int i = 0; i < n; i++) {
		assert_int_equal(values[i].id, i);
		if (strcmp(names[i].name, name) == 0)
			return values[i].value;
	}
	fail_msg("no counter %s", name);
	return 0;
}

static void
counters_set(struct netvsc_device *dev, struct netvsc_rxq *rxq, struct netvsc_txq *txq,
	uint64_t first)
{
	rxq->counters.malformed = first;
	rxq->counters.csum_bad = first + 1;
	rxq->counters.lent = first + 8;
	rxq->counters.lend_refused = first + 9;
	txq->counters.messages = first + 2;
	txq->counters.ring_full = first + 3;
	dev->channel[0]->ring_errors = first + 4;
	dev->channel[0]->discarded = first + 5;
	dev->xact.late = first + 6;
	dev->xact.notified.unknown = first + 7;
}

/* Op: xstats_get, xstats_get_names, xstats_reset. */
static void
each_extended_counter_shows_its_own_since_the_last_reset(void **state)
{
	static const char *const names[] = {
		"rx_q0_malformed", "rx_q0_csum_bad", "tx_q0_messages", "tx_q0_ring_full",
		"channel_0_ring_errors", "channel_0_discarded", "control_late_replies",
		"host_unknown", "rx_q0_lent", "rx_q0_lend_refused",
	};
	struct fake_data *d = fake_port_start(&(struct fake_setup){ 0 });
	struct netvsc_rxq *rxq = d->eth->data->rx_queues[0];
	struct netvsc_txq *txq = d->eth->data->tx_queues[0];
	struct rte_eth_xstat few[36];
	struct rte_eth_xstat_name few_names[36];

	(void)state;
	counters_set(&d->host->dev, rxq, txq, 100);
	for (unsigned int i = 0; i < RTE_DIM(names); i++)
		assert_int_equal(xstat(d, names[i]), 100 + i);
	assert_int_equal(d->eth->dev_ops->xstats_reset(d->eth), 0);
	for (unsigned int i = 0; i < RTE_DIM(names); i++)
		assert_int_equal(xstat(d, names[i]), 0);
	counters_set(&d->host->dev, rxq, txq, 150);
	for (unsigned int i = 0; i < RTE_DIM(names); i++)
		assert_int_equal(xstat(d, names[i]), 50);
	/* How many there are, where there is no room for all. */
	assert_int_equal(d->eth->dev_ops->xstats_get(d->eth, few, 36), 37);
	assert_int_equal(d->eth->dev_ops->xstats_get(d->eth, NULL, 0), 37);
	assert_int_equal(d->eth->dev_ops->xstats_get_names(d->eth, few_names, 36), 37);
	assert_int_equal(d->eth->dev_ops->xstats_get_names(d->eth, NULL, 0), 37);
	fake_data_stop(d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_link_is_asked_for_by_those_who_wait_and_down_once_the_device_is_gone),
		cmocka_unit_test(each_part_of_the_filter_reaches_the_host_and_is_taken_back),
		cmocka_unit_test(the_address_that_is_set_already_costs_the_host_nothing),
		cmocka_unit_test(an_mtu_must_fit_the_mbufs_of_each_queue_or_be_scattered),
		cmocka_unit_test(stripping_follows_the_configuration_if_that_is_what_changed),
		cmocka_unit_test(only_the_entries_of_the_mask_are_changed_and_only_to_queues_there_are),
		cmocka_unit_test(types_and_key_are_set_apart_and_told_as_set),
		cmocka_unit_test(a_configuration_switches_rss_on_only_where_its_mode_says_so),
		cmocka_unit_test(modes_that_there_are_not_are_refused),
		cmocka_unit_test(each_extended_counter_shows_its_own_since_the_last_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
