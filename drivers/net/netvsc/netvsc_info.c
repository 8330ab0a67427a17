/* SPDX-License-Identifier: BSD-3-Clause */

/* What an application can ask about the port and its queues. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "netvsc_ethdev.h"
#include "netvsc_ndis.h"
#include "netvsc_queue.h"

/* Rings are tall: these bursts amortise what is paid per burst. */
#define BURST_DEFAULT 32u

/* ---- the port ---- */

static unsigned int
queues_max(const struct netvsc_device *dev)
{
	return dev->queue_limit != 0 ? RTE_MIN(dev->queue_limit, dev->host.queues) :
		dev->host.queues;
}

static uint32_t
speed_capa(const struct netvsc_device *dev)
{
	uint64_t mbps = __atomic_load_n(&dev->host.link_bps, __ATOMIC_RELAXED) / 1000000;

	return RTE_ETH_LINK_SPEED_AUTONEG |
		rte_eth_speed_bitflag((uint32_t)mbps, RTE_ETH_LINK_FULL_DUPLEX);
}

static void
queue_limits(const struct netvsc_device *dev, struct rte_eth_dev_info *info)
{
	unsigned int queues = RTE_MAX(1u, queues_max(dev));

	info->max_rx_queues = (uint16_t)queues;
	info->max_tx_queues = (uint16_t)queues;
	info->rx_desc_lim = (struct rte_eth_desc_lim) {
		.nb_max = NETVSC_RX_DESC_MAX, .nb_min = NETVSC_RX_DESC_MIN, .nb_align = 1,
	};
	info->tx_desc_lim = (struct rte_eth_desc_lim) {
		.nb_max = NETVSC_TX_DESC_MAX, .nb_min = NETVSC_TX_DESC_MIN, .nb_align = 1,
		.nb_seg_max = NETVSC_TX_RANGES_MAX - 1,
		.nb_mtu_seg_max = NETVSC_TX_RANGES_MAX - 1,
	};
	info->default_rxportconf = (struct rte_eth_dev_portconf) {
		.burst_size = BURST_DEFAULT, .ring_size = NETVSC_DESC_DEFAULT, .nb_queues = 1,
	};
	info->default_txportconf = info->default_rxportconf;
	/* 0, a quarter of nb_desc: any number would be too large for some nb_desc. */
	info->default_txconf.tx_free_thresh = 0;
}

/* The longest frame that there is a way for: without page lists it must fit a
 * section of the send buffer. One host is known to take messages that go on in
 * the sections behind (OpenVMM); one that does not would end the channel. */
static uint16_t
sendable_mtu(const struct netvsc_device *dev)
{
	uint32_t section = RTE_MIN(dev->host.send_section_bytes, dev->host.max_transfer_bytes);
	uint32_t overhead = NETVSC_TX_HEADER_MAX + RTE_ETHER_HDR_LEN + dev->host.alignment - 1;

	if (dev->page_lists_ok || section < overhead + RTE_ETHER_MTU)
		return NETVSC_MTU_MAX;
	return (uint16_t)RTE_MIN(section - overhead, NETVSC_MTU_MAX);
}

/* A host cannot be asked what it allows: it is told an MTU once per open, and
 * says what it made of it. NVSP 1 has no message to tell it one. */
uint16_t
netvsc_mtu_max(const struct netvsc_device *dev)
{
	uint16_t allowed = NETVSC_MTU_MAX;

	if (dev->host.nvsp != 0 && dev->host.nvsp < NVSP_VERSION_2)
		allowed = dev->host.mtu;
	else if (dev->mtu_refused != 0)
		allowed = (uint16_t)(dev->mtu_refused - 1);
	return RTE_MIN(allowed, sendable_mtu(dev));
}

int
netvsc_infos_get(struct rte_eth_dev *eth, struct rte_eth_dev_info *info)
{
	const struct netvsc_device *dev = netvsc_device_of(eth);

	info->min_mtu = RTE_ETHER_MIN_MTU;
	info->max_mtu = netvsc_mtu_max(dev);
	info->max_rx_pktlen = (uint32_t)info->max_mtu + RTE_ETHER_HDR_LEN + RTE_VLAN_HLEN;
	info->min_rx_bufsize = RTE_ETHER_MIN_LEN;
	if ((dev->host.rx_offloads & RTE_ETH_RX_OFFLOAD_TCP_LRO) != 0)
		info->max_lro_pkt_size = UINT16_MAX;
	info->max_mac_addrs = 1;
	info->speed_capa = speed_capa(dev);
	info->tx_offload_capa = dev->host.tx_offloads;
	info->rx_offload_capa = dev->host.rx_offloads;
	if (dev->host.reta_size != 0)
		info->rx_offload_capa |= RTE_ETH_RX_OFFLOAD_RSS_HASH;
	info->rx_queue_offload_capa = RTE_ETH_RX_OFFLOAD_VLAN_STRIP | RTE_ETH_RX_OFFLOAD_SCATTER;
	info->reta_size = dev->host.reta_size;
	info->hash_key_size = dev->host.reta_size != 0 ? NDIS_RSS_KEY_BYTES : 0;
	info->flow_type_rss_offloads = dev->host.rss_hf;
	NETVSC_COMPAT_RSS_INFO_SET(info);
	info->dev_capa = RTE_ETH_DEV_CAPA_RUNTIME_RX_QUEUE_SETUP |
		RTE_ETH_DEV_CAPA_RUNTIME_TX_QUEUE_SETUP;
	queue_limits(dev, info);
	return 0;
}

const uint32_t *
netvsc_supported_ptypes_get(struct rte_eth_dev *eth NETVSC_COMPAT_PTYPES_COUNT)
{
	static const uint32_t ptypes[] = {
		RTE_PTYPE_L2_ETHER,
		RTE_PTYPE_L2_ETHER_ARP,
		RTE_PTYPE_L2_ETHER_VLAN,
		RTE_PTYPE_L2_ETHER_QINQ,
		RTE_PTYPE_L2_ETHER_MPLS,
		RTE_PTYPE_L3_IPV4,
		RTE_PTYPE_L3_IPV4_EXT,
		RTE_PTYPE_L3_IPV6,
		RTE_PTYPE_L3_IPV6_EXT,
		RTE_PTYPE_L4_TCP,
		RTE_PTYPE_L4_UDP,
		RTE_PTYPE_L4_SCTP,
		RTE_PTYPE_L4_FRAG,
		RTE_PTYPE_UNKNOWN,
	};

	RTE_SET_USED(eth);
	NETVSC_COMPAT_PTYPES_SET_COUNT(RTE_DIM(ptypes) - 1);
	return ptypes;
}

int
netvsc_ptypes_set(struct rte_eth_dev *eth, uint32_t mask)
{
	struct netvsc_device *dev = netvsc_device_of(eth);

	dev->no_ptypes = mask == 0;
	for (uint16_t i = 0; i < eth->data->nb_rx_queues; i++) {
		struct netvsc_rxq *rxq = eth->data->rx_queues[i];

		if (rxq != NULL)
			__atomic_store_n(&rxq->want_ptype, mask != 0, __ATOMIC_RELAXED);
	}
	return 0;
}

int
netvsc_fw_version_get(struct rte_eth_dev *eth, char *version, size_t bytes)
{
	const struct netvsc_host *host = &netvsc_device_of(eth)->host;
	uint32_t major = host->nvsp >> 16, minor = host->nvsp & UINT16_MAX;
	int n;

	if (host->nvsp < NVSP_VERSION_4) {      /* 2 was numbered so, 1 is the number */
		major = host->nvsp == NVSP_VERSION_2 ? 2 : 1;
		minor = 0;
	}
	n = snprintf(version, bytes, "NVSP %u.%u NDIS %u.%u", major, minor, host->ndis_major,
		host->ndis_minor);
	return n < 0 ? -EINVAL : (size_t)n < bytes ? 0 : n + 1;
}

int
netvsc_is_removed(struct rte_eth_dev *eth)
{
	const struct netvsc_device *dev = netvsc_device_of(eth);

	return dev->vmbus != NULL ? vmbus_gone(dev->vmbus) :
		__atomic_load_n(&dev->xact.notified.removed_told, __ATOMIC_SEQ_CST) != 0;
}

/* ---- queues ---- */

void
netvsc_rxq_info_get(struct rte_eth_dev *eth, uint16_t queue_id, struct rte_eth_rxq_info *info)
{
	const struct netvsc_rxq *rxq = eth->data->rx_queues[queue_id];

	info->mp = rxq->pool;
	info->nb_desc = rxq->nb_desc;
	info->scattered_rx = rxq->scatter;
	info->rx_buf_size = (uint16_t)RTE_MIN(rxq->data_room, (uint32_t)UINT16_MAX);
	info->conf.rx_free_thresh = rxq->free_thresh;
	info->conf.rx_deferred_start = rxq->deferred_start;
	info->conf.offloads = rxq->offloads;
}

void
netvsc_txq_info_get(struct rte_eth_dev *eth, uint16_t queue_id, struct rte_eth_txq_info *info)
{
	const struct netvsc_txq *txq = eth->data->tx_queues[queue_id];

	info->nb_desc = txq->nb_desc;
	info->conf.tx_free_thresh = txq->free_thresh;
	info->conf.tx_deferred_start = txq->deferred_start;
	info->conf.offloads = txq->offloads;
}

int
netvsc_rx_burst_mode_get(struct rte_eth_dev *eth, uint16_t queue_id,
	struct rte_eth_burst_mode *mode)
{
	const struct netvsc_rxq *rxq = eth->data->rx_queues[queue_id];

	snprintf(mode->info, sizeof(mode->info), "Scalar, copied%s%s", rxq->scatter ?
		", scattered" : "", rxq->lro ? ", coalesced" : "");
	return 0;
}

int
netvsc_tx_burst_mode_get(struct rte_eth_dev *eth, uint16_t queue_id,
	struct rte_eth_burst_mode *mode)
{
	const struct netvsc_txq *txq = eth->data->tx_queues[queue_id];

	if (txq->page_lists)
		snprintf(mode->info, sizeof(mode->info),
			"Scalar, copied to %u bytes, then page lists", txq->copy_max);
	else
		snprintf(mode->info, sizeof(mode->info), "Scalar, copied");
	return 0;
}

/* ---- dump ---- */

static void
dump_host(const struct netvsc_device *dev, FILE *file)
{
	const struct netvsc_host *host = &dev->host;

	fprintf(file, "  host: NVSP 0x%x, NDIS %u.%u, MTU %u, queues %u, RETA %u\n", host->nvsp,
		host->ndis_major, host->ndis_minor, host->mtu, host->queues, host->reta_size);
	fprintf(file, "  receive buffer: %u sections of %u bytes\n", host->section_count,
		host->suballoc_bytes);
	fprintf(file, "  send buffer: %u sections of %u bytes, %u for control; %u packets per"
		" message, alignment %u\n", host->send_section_count, host->send_section_bytes,
		host->send_control_count, host->packets_per_message, host->alignment);
	fprintf(file, "  page lists: %s; confidential: %s; filter 0x%x; epoch %u\n",
		dev->page_lists_ok ? "yes" : "no", dev->confidential ? "yes" : "no", dev->filter,
		dev->epoch);
}

/* The one counter of the host that no counter of ours can replace: frames for
 * which it found no section free. */
static void
dump_missed(struct netvsc_device *dev, FILE *file)
{
	uint32_t wait_ms = netvsc_xact_hurry(dev);
	uint64_t missed;

	if (netvsc_xact_alive(dev) == 0 &&
	    netvsc_ndis_query_counter(dev, OID_GEN_RCV_NO_BUFFER, &missed) == 0)
		fprintf(file, "  host: %" PRIu64 " frames met no free section\n", missed);
	netvsc_xact_relax(dev, wait_ms);
}

static void
dump_channel(const struct netvsc_channel *channel, FILE *file)
{
	const struct netvsc_backlog *backlog = &channel->backlog;
	const struct vmbus_channel *vmbus = channel->vmbus;

	fprintf(file, "  channel %u: relid %u, %s%s\n", channel->index, vmbus->relid,
		vmbus->monitor ? "monitor" : "hypercall", channel->dead ? ", dead" : "");
	fprintf(file, "    backlog: %u frames, %u transfers, %u acknowledgements owed\n",
		backlog->range_head - backlog->range_tail,
		backlog->transfer_head - backlog->transfer_tail,
		backlog->transfer_tail - backlog->acked + channel->owed_count);
	/* Our own indices: rings of a device that is gone must not be touched. */
	fprintf(file, "    rings: rx %u of %u, tx %u of %u bytes\n", vmbus->rx.read,
		vmbus->rx.data_bytes, vmbus->tx.write, vmbus->tx.data_bytes);
}

int
netvsc_dump(struct rte_eth_dev *eth, FILE *file)
{
	struct netvsc_device *dev = netvsc_device_of(eth);

	netvsc_xact_lock(dev);
	fprintf(file, "%s: port %u, MTU %u, %u channels\n", dev->name, dev->port_id, dev->mtu,
		dev->channel_count);
	dump_host(dev, file);
	dump_missed(dev, file);
	for (unsigned int i = 0; i < dev->channel_count; i++)
		if (dev->channel[i] != NULL && dev->channel[i]->vmbus != NULL)
			dump_channel(dev->channel[i], file);
	netvsc_xact_unlock(dev);
	return 0;
}
