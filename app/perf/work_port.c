/* SPDX-License-Identifier: BSD-3-Clause */

/* Ports of netvsc-perf: opened the same way whatever drives them. */

#include <errno.h>

#include <rte_errno.h>
#include <rte_lcore.h>

#include "work.h"

#define RX_DESC 1024u
#define TX_DESC 1024u
#define POOL_CACHE 256u

static uint64_t
rx_offloads(const struct work_options *o)
{
	return (o->hash ? RTE_ETH_RX_OFFLOAD_RSS_HASH : 0) |
		(o->csum ? RTE_ETH_RX_OFFLOAD_CHECKSUM : 0) |
		(o->vlan ? RTE_ETH_RX_OFFLOAD_VLAN_STRIP : 0) |
		(o->rsc ? RTE_ETH_RX_OFFLOAD_TCP_LRO : 0) |
		(o->mtu > RTE_ETHER_MTU || o->rsc ? RTE_ETH_RX_OFFLOAD_SCATTER : 0);
}

static uint64_t
tx_offloads(const struct work_options *o)
{
	return (o->csum ? RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM : 0) |
		(o->vlan ? RTE_ETH_TX_OFFLOAD_VLAN_INSERT : 0) |
		(o->mtu > RTE_ETHER_MTU ? RTE_ETH_TX_OFFLOAD_MULTI_SEGS : 0);
}

/* What each frame asks for: of what was wanted, what the port can do. */
static uint64_t
tx_flags(uint64_t offloads)
{
	const uint64_t csum = RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM;

	return ((offloads & csum) == csum ? RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM |
			RTE_MBUF_F_TX_UDP_CKSUM : 0) |
		((offloads & RTE_ETH_TX_OFFLOAD_VLAN_INSERT) != 0 ? RTE_MBUF_F_TX_VLAN : 0);
}

static int
queues_setup(struct work *work, uint16_t port, uint16_t queues)
{
	uint16_t rx = RX_DESC, tx = TX_DESC;
	int socket = rte_eth_dev_socket_id(port);
	int err = rte_eth_dev_adjust_nb_rx_tx_desc(port, &rx, &tx);

	for (uint16_t q = 0; err == 0 && q < queues; q++) {
		err = rte_eth_tx_queue_setup(port, q, tx, (unsigned int)socket, NULL);
		if (err == 0)
			err = rte_eth_rx_queue_setup(port, q, rx, (unsigned int)socket, NULL,
				work->pool);
	}
	return err;
}

static int
port_configure(struct work *work, uint16_t port, uint16_t queues)
{
	const struct work_options *o = &work->options;
	struct rte_eth_dev_info info;
	struct rte_eth_conf conf = { 0 };
	int err = rte_eth_dev_info_get(port, &info);

	if (err != 0)
		return err;
	work->info = info;
	work->tx_flags = tx_flags(tx_offloads(o) & info.tx_offload_capa);
	conf.rxmode.offloads = rx_offloads(o) & info.rx_offload_capa;
	conf.txmode.offloads = tx_offloads(o) & info.tx_offload_capa;
	conf.rxmode.mtu = o->mtu;
	if ((queues > 1 || o->hash) && info.flow_type_rss_offloads != 0) {
		conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		conf.rx_adv_conf.rss_conf.rss_hf = info.flow_type_rss_offloads &
			(RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP);
	}
	err = rte_eth_dev_configure(port, queues, queues, &conf);
	return err != 0 ? err : queues_setup(work, port, queues);
}

int
work_pool_create(struct work *work)
{
	uint32_t room = RTE_MBUF_DEFAULT_BUF_SIZE;

	if (work->options.mtu > RTE_ETHER_MTU)
		room = RTE_PKTMBUF_HEADROOM + WORK_FRAME_MAX + RTE_ETHER_HDR_LEN;
	work->pool = rte_pktmbuf_pool_create("work", work->options.mbufs, POOL_CACHE, 0,
		(uint16_t)room, (int)rte_socket_id());
	return work->pool == NULL ? -rte_errno : 0;
}

int
work_ports_configure(struct work *work, uint32_t queues)
{
	int err = 0;

	for (uint16_t port = 0; err == 0 && port < work->ports; port++)
		err = port_configure(work, port, (uint16_t)queues);
	return err;
}

int
work_ports_open(struct work *work)
{
	int err = work_pool_create(work);

	if (err == 0)
		err = work_ports_configure(work, work->options.queues);
	for (uint16_t port = 0; err == 0 && port < work->ports; port++)
		err = rte_eth_dev_start(port);
	return err;
}

void
work_ports_close(struct work *work)
{
	for (uint16_t port = 0; port < work->ports; port++) {
		rte_eth_dev_stop(port);
		rte_eth_dev_close(port);
	}
}
