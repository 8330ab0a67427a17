/* SPDX-License-Identifier: BSD-3-Clause */
/* The port's life and its settings. */

#include "ops.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_BYTES 40u
#define RETA_MAX RTE_ETH_RSS_RETA_SIZE_512
#define MC_MAX 128u

struct rte_mempool *ops_pool;

/* configure P RX TX [mtu=N] [rss=HF] [key=HEX] [rxoff=N] [txoff=N] [lsc=1] */
int
ops_configure(uint16_t port, const struct ops_words *words)
{
	uint8_t key[KEY_BYTES];
	struct rte_eth_conf conf = {
		.rxmode.mtu = (uint32_t)ops_value_number(words, 4, "mtu", 0),
		.rxmode.offloads = ops_value_number(words, 4, "rxoff", 0),
		.txmode.offloads = ops_value_number(words, 4, "txoff", 0),
		.rx_adv_conf.rss_conf.rss_hf = ops_value_number(words, 4, "rss", 0),
		.intr_conf.lsc = ops_value_number(words, 4, "lsc", 0) != 0,
		.intr_conf.rxq = ops_value_number(words, 4, "rxq", 0) != 0,
	};

	if (conf.rx_adv_conf.rss_conf.rss_hf != 0)
		conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
	if (ops_hex(ops_value(words, 4, "key"), key, KEY_BYTES)) {
		conf.rx_adv_conf.rss_conf.rss_key = key;
		conf.rx_adv_conf.rss_conf.rss_key_len = KEY_BYTES;
	}
	return rte_eth_dev_configure(port, (uint16_t)ops_number(words, 2, 1),
		(uint16_t)ops_number(words, 3, 1), &conf);
}

/* queues P RX TX [from=N] [rxd=N] [txd=N] [defer=1] [rxfree=N] [txfree=N] */
int
ops_queues(uint16_t port, const struct ops_words *words)
{
	uint16_t rx = (uint16_t)ops_number(words, 2, 1), tx = (uint16_t)ops_number(words, 3, 1);
	uint16_t from = (uint16_t)ops_value_number(words, 4, "from", 0);
	struct rte_eth_dev_info info;
	struct rte_eth_rxconf rxconf;
	struct rte_eth_txconf txconf;
	int ret = rte_eth_dev_info_get(port, &info);

	if (ret < 0)
		return ret;
	rxconf = info.default_rxconf;
	txconf = info.default_txconf;
	rxconf.rx_deferred_start = ops_value_number(words, 4, "defer", 0) != 0;
	txconf.tx_deferred_start = rxconf.rx_deferred_start;
	rxconf.rx_free_thresh = (uint16_t)ops_value_number(words, 4, "rxfree",
		rxconf.rx_free_thresh);
	txconf.tx_free_thresh = (uint16_t)ops_value_number(words, 4, "txfree",
		txconf.tx_free_thresh);
	for (uint16_t q = from; ret == 0 && q < rx; q++)
		ret = rte_eth_rx_queue_setup(port, q, (uint16_t)ops_value_number(words, 4, "rxd", 0),
			rte_socket_id(), &rxconf, ops_pool);
	for (uint16_t q = from; ret == 0 && q < tx; q++)
		ret = rte_eth_tx_queue_setup(port, q, (uint16_t)ops_value_number(words, 4, "txd", 0),
			rte_socket_id(), &txconf);
	return ret;
}

int
ops_start(uint16_t port, const struct ops_words *words)
{
	RTE_SET_USED(words);
	return rte_eth_dev_start(port);
}

int
ops_stop(uint16_t port, const struct ops_words *words)
{
	RTE_SET_USED(words);
	return rte_eth_dev_stop(port);
}

int
ops_close(uint16_t port, const struct ops_words *words)
{
	RTE_SET_USED(words);
	return rte_eth_dev_close(port);
}

int
ops_reset(uint16_t port, const struct ops_words *words)
{
	RTE_SET_USED(words);
	return rte_eth_dev_reset(port);
}

/* queue P rx|tx start|stop Q */
int
ops_queue(uint16_t port, const struct ops_words *words)
{
	uint16_t queue = (uint16_t)ops_number(words, 4, 0);
	bool start;

	if (words->count < 5)
		return -EINVAL;
	start = strcmp(words->word[3], "start") == 0;
	if (strcmp(words->word[2], "rx") == 0)
		return start ? rte_eth_dev_rx_queue_start(port, queue) :
			rte_eth_dev_rx_queue_stop(port, queue);
	return start ? rte_eth_dev_tx_queue_start(port, queue) :
		rte_eth_dev_tx_queue_stop(port, queue);
}

int
ops_promisc(uint16_t port, const struct ops_words *words)
{
	int ret = ops_number(words, 2, 1) != 0 ? rte_eth_promiscuous_enable(port) :
		rte_eth_promiscuous_disable(port);

	printf(", \"on\": %d", rte_eth_promiscuous_get(port));
	return ret;
}

int
ops_allmulti(uint16_t port, const struct ops_words *words)
{
	int ret = ops_number(words, 2, 1) != 0 ? rte_eth_allmulticast_enable(port) :
		rte_eth_allmulticast_disable(port);

	printf(", \"on\": %d", rte_eth_allmulticast_get(port));
	return ret;
}

/* mc P [MAC...], or mc P many N: 01:00:5e:00:00:00 and what follows */
int
ops_mc(uint16_t port, const struct ops_words *words)
{
	static struct rte_ether_addr list[MC_MAX];
	uint32_t count = 0;

	if (words->count > 3 && strcmp(words->word[2], "many") == 0) {
		count = RTE_MIN((uint32_t)ops_number(words, 3, 0), MC_MAX);
		for (uint32_t i = 0; i < count; i++)
			list[i] = (struct rte_ether_addr){ { 1, 0, 0x5e, 0, 0, (uint8_t)i } };
	} else {
		for (int i = 2; i < words->count; i++)
			if (rte_ether_unformat_addr(words->word[i], &list[count++]) < 0)
				return -EINVAL;
	}
	return rte_eth_dev_set_mc_addr_list(port, count == 0 ? NULL : list, count);
}

int
ops_mac(uint16_t port, const struct ops_words *words)
{
	char text[RTE_ETHER_ADDR_FMT_SIZE];
	struct rte_ether_addr mac;
	int ret = 0;

	if (words->count > 2) {
		if (rte_ether_unformat_addr(words->word[2], &mac) < 0)
			return -EINVAL;
		ret = rte_eth_dev_default_mac_addr_set(port, &mac);
	}
	rte_eth_macaddr_get(port, &mac);
	rte_ether_format_addr(text, sizeof(text), &mac);
	printf(", \"mac\": \"%s\"", text);
	return ret;
}

int
ops_mtu(uint16_t port, const struct ops_words *words)
{
	uint16_t mtu = 0;
	int ret = 0;

	if (words->count > 2)
		ret = rte_eth_dev_set_mtu(port, (uint16_t)ops_number(words, 2, 0));
	rte_eth_dev_get_mtu(port, &mtu);
	printf(", \"mtu\": %u", mtu);
	return ret;
}

int
ops_strip(uint16_t port, const struct ops_words *words)
{
	int ret = rte_eth_dev_set_vlan_offload(port, ops_number(words, 2, 1) != 0 ?
		RTE_ETH_VLAN_STRIP_OFFLOAD : 0);

	printf(", \"mask\": %d", rte_eth_dev_get_vlan_offload(port));
	return ret;
}

/* reta P Q,Q,... [size=N]: repeated over the table */
int
ops_reta(uint16_t port, const struct ops_words *words)
{
	struct rte_eth_rss_reta_entry64 reta[RETA_MAX / RTE_ETH_RETA_GROUP_SIZE];
	uint16_t pattern[RETA_MAX], count = 0, size;
	struct rte_eth_dev_info info;
	char *end = words->count > 2 ? words->word[2] : NULL;
	int ret = rte_eth_dev_info_get(port, &info);

	if (ret < 0 || end == NULL)
		return -EINVAL;
	for (end--; (*end == ',' || count == 0) && count < RETA_MAX; count++)
		pattern[count] = (uint16_t)strtoul(end + 1, &end, 10);
	size = (uint16_t)ops_value_number(words, 3, "size", info.reta_size);
	memset(reta, 0, sizeof(reta));
	for (uint16_t i = 0; i < size && i < RETA_MAX; i++) {
		reta[i / RTE_ETH_RETA_GROUP_SIZE].mask |= UINT64_C(1) << i % RTE_ETH_RETA_GROUP_SIZE;
		reta[i / RTE_ETH_RETA_GROUP_SIZE].reta[i % RTE_ETH_RETA_GROUP_SIZE] =
			pattern[i % count];
	}
	return rte_eth_dev_rss_reta_update(port, reta, size);
}

/* rss P HF [key=HEX] */
int
ops_rss(uint16_t port, const struct ops_words *words)
{
	uint8_t key[KEY_BYTES];
	struct rte_eth_rss_conf conf = { .rss_hf = ops_number(words, 2, 0) };

	if (ops_hex(ops_value(words, 3, "key"), key, KEY_BYTES)) {
		conf.rss_key = key;
		conf.rss_key_len = KEY_BYTES;
	}
	return rte_eth_dev_rss_hash_update(port, &conf);
}
