/* SPDX-License-Identifier: BSD-3-Clause */
/* The life of a port: probe, configure, start, stop, close. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "client.h"

#define RX_DESC 512u
#define TX_DESC 512u

int
port_probe(struct client *c)
{
	int err;

	if (rte_eth_dev_count_avail() == 0 || !rte_eth_dev_is_valid_port(c->options.port))
		return -ENODEV;
	err = rte_eth_dev_info_get(c->options.port, &c->info);
	if (err == 0)
		err = rte_eth_macaddr_get(c->options.port, &c->mac);
	if (err < 0)
		return err;
	c->pool = rte_pktmbuf_pool_create("client", c->options.mbufs, 256, 0,
		c->options.data_room != 0 ? (uint16_t)(c->options.data_room + RTE_PKTMBUF_HEADROOM) :
		RTE_MBUF_DEFAULT_BUF_SIZE, rte_socket_id());
	return c->pool == NULL ? -rte_errno : 0;
}

static int
setup_queues(struct client *c)
{
	uint16_t rx = RX_DESC, tx = TX_DESC;
	int err = rte_eth_dev_adjust_nb_rx_tx_desc(c->options.port, &rx, &tx);

	for (uint16_t q = 0; err == 0 && q < c->options.queues; q++) {
		err = rte_eth_tx_queue_setup(c->options.port, q, tx, rte_socket_id(), NULL);
		if (err == 0)
			err = rte_eth_rx_queue_setup(c->options.port, q, rx, rte_socket_id(), NULL,
				c->pool);
	}
	return err;
}

int
port_configure(struct client *c)
{
	static const uint64_t types = RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_NONFRAG_IPV4_TCP |
		RTE_ETH_RSS_IPV6 | RTE_ETH_RSS_NONFRAG_IPV6_TCP;
	struct rte_eth_conf conf = { .txmode.offloads =
		RTE_ETH_TX_OFFLOAD_MULTI_SEGS & c->info.tx_offload_capa };
	uint16_t n = (uint16_t)c->options.queues;
	int err;

	if (n > 1 && c->info.flow_type_rss_offloads != 0) {
		conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		conf.rx_adv_conf.rss_conf.rss_hf = types & c->info.flow_type_rss_offloads;
		if (c->options.rss_phases > 0) {
			conf.rx_adv_conf.rss_conf.rss_key = c->options.rss[0].key;
			conf.rx_adv_conf.rss_conf.rss_key_len = RSS_KEY_BYTES;
			conf.rxmode.offloads = RTE_ETH_RX_OFFLOAD_RSS_HASH & c->info.rx_offload_capa;
		}
	}
	conf.txmode.offloads |= c->options.tx_offloads;
	conf.rxmode.offloads |= c->options.rx_offloads;
	conf.rxmode.mtu = c->options.mtu;
	err = rte_eth_dev_configure(c->options.port, n, n, &conf);
	return err < 0 ? err : setup_queues(c);
}

int
port_start(struct client *c)
{
	int err = rte_eth_dev_start(c->options.port);

	if (err < 0)
		return err;
	err = rte_eth_promiscuous_enable(c->options.port);
	return err == -ENOTSUP ? 0 : err;
}

int
port_stop(struct client *c)
{
	return rte_eth_dev_stop(c->options.port);
}

int
port_close(struct client *c)
{
	return rte_eth_dev_close(c->options.port);
}

uint16_t
port_receive(struct client *c, uint16_t queue, struct rte_mbuf **mbufs)
{
	return rte_eth_rx_burst(c->options.port, queue, mbufs, BURST);
}

static int
set_table(struct client *c, const struct rss_phase *phase)
{
	struct rte_eth_rss_reta_entry64 reta[RTE_ETH_RSS_RETA_SIZE_512 / RTE_ETH_RETA_GROUP_SIZE];
	uint16_t size = c->info.reta_size;

	memset(reta, 0, sizeof(reta));
	if (size == 0 || size > RTE_ETH_RSS_RETA_SIZE_512)
		return -ENOTSUP;
	for (uint16_t i = 0; i < size; i++) {
		struct rte_eth_rss_reta_entry64 *group = &reta[i / RTE_ETH_RETA_GROUP_SIZE];

		group->mask |= 1ull << i % RTE_ETH_RETA_GROUP_SIZE;
		group->reta[i % RTE_ETH_RETA_GROUP_SIZE] = phase->pattern[i % phase->pattern_len];
	}
	return rte_eth_dev_rss_reta_update(c->options.port, reta, size);
}

int
port_rss_set(struct client *c, const struct rss_phase *phase)
{
	uint8_t key[RSS_KEY_BYTES];
	struct rte_eth_rss_conf conf = { .rss_key = key, .rss_key_len = RSS_KEY_BYTES };
	int err = rte_eth_dev_rss_hash_conf_get(c->options.port, &conf);

	if (err < 0)
		return err;
	memcpy(key, phase->key, sizeof(key));
	conf.rss_key_len = RSS_KEY_BYTES;
	err = rte_eth_dev_rss_hash_update(c->options.port, &conf);
	return err < 0 ? err : set_table(c, phase);
}
