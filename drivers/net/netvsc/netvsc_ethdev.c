/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The port's life: configure, start, stop, reopen, close; the table of all
 * operations comes last. Settings are in netvsc_settings.c, questions in
 * netvsc_info.c, counters in netvsc_stats.c.
 */

#include "netvsc_ethdev.h"

#include <errno.h>
#include <string.h>

#include "netvsc_burst.h"
#include "netvsc_channel.h"
#include "netvsc_event.h"
#include "netvsc_lease.h"
#include "netvsc_link.h"
#include "netvsc_ndis.h"
#include "netvsc_offload.h"
#include "netvsc_queue.h"
#include "netvsc_stats.h"
#include "netvsc_status.h"
#include "netvsc_watch.h"

/* ---- the link under the port ---- */

int
netvsc_ethdev_settle(struct rte_eth_dev *eth)
{
	struct netvsc_device *dev = netvsc_device_of(eth);

	for (unsigned int i = 0; i < dev->channel_count; i++) {
		vmbus_channel_set_latency(dev->channel[i]->vmbus, dev->args.latency_us);
		dev->channel[i]->backlog.share = dev->channel_count == 1 ? 0 :
			RTE_MAX(dev->host.section_count / dev->channel_count, 1u);
	}
	dev->open_mask = dev->channel_count == 0 ? 0 : UINT64_MAX >> (64 - dev->channel_count);
	__atomic_and_fetch(&dev->attended, dev->open_mask, __ATOMIC_SEQ_CST);
	netvsc_lease_open(dev);
	return netvsc_queues_fit(eth);
}

static bool
link_closed(const struct netvsc_device *dev)
{
	return dev->vmbus == NULL;
}

/* Closed, or with a channel that only opening it again revives. */
static bool
link_broken(const struct netvsc_device *dev)
{
	return link_closed(dev) || netvsc_channels_broken(dev);
}

/* The link is there again, whatever it was asked to be. */
static int
reopened(struct rte_eth_dev *eth)
{
	int ret = netvsc_ethdev_settle(eth);

	if (ret == 0)
		netvsc_queues_open_gates(eth);
	return ret;
}

/* For what only closing takes back: messages of ours that the host keeps, or queues
 * that do not fit the link. The next start opens it again. */
static void
link_give_up(struct rte_eth_dev *eth)
{
	netvsc_link_close(netvsc_device_of(eth), netvsc_vmbus_of(eth));
	netvsc_queues_reclaim(eth);
}

/* Nobody watches a device that is closed: what is gone by now went unseen. */
static void
link_lost(struct rte_eth_dev *eth)
{
	struct netvsc_device *dev = netvsc_device_of(eth);

	if (vmbus_device_present(netvsc_vmbus_of(eth)))
		netvsc_event_broken(dev);
	else
		netvsc_event_removed(dev);
}

int
netvsc_ethdev_reopen(struct rte_eth_dev *eth, uint16_t mtu, unsigned int queues)
{
	struct netvsc_device *dev = netvsc_device_of(eth);
	int ret, settled = 0;

	if (!link_closed(dev) && vmbus_gone(dev->vmbus))
		return -ENODEV;
	netvsc_xact_lock(dev);
	ret = netvsc_queues_close_gates(eth);
	if (ret < 0) {
		netvsc_queues_open_gates(eth);
		netvsc_xact_unlock(dev);
		NETVSC_LOG(ERR, init, "%s: reopen: a thread does not leave its burst", dev->name);
		return ret;
	}
	/* What the host has delivered by now is counted; more it keeps. */
	netvsc_ndis_mute(dev);
	netvsc_queues_drain(eth);
	ret = netvsc_link_reopen(dev, netvsc_vmbus_of(eth), mtu, queues);
	netvsc_queues_reclaim(eth);
	if (!link_closed(dev))
		settled = reopened(eth);
	if (settled < 0)
		link_give_up(eth);
	netvsc_xact_unlock(dev);
	if (link_closed(dev))
		link_lost(eth);
	return ret < 0 ? ret : settled;
}

void
netvsc_ethdev_removed(struct vmbus_device *vmbus)
{
	struct rte_eth_dev *eth = vmbus->driver_data;

	if (eth != NULL)
		netvsc_event_removed(netvsc_device_of(eth));
}

/* ---- configure ---- */

static int
modes_check(const struct netvsc_device *dev, const struct rte_eth_conf *conf)
{
	if ((conf->rxmode.mq_mode & ~RTE_ETH_MQ_RX_RSS_FLAG) != 0 ||
	    conf->txmode.mq_mode != RTE_ETH_MQ_TX_NONE) {
		NETVSC_LOG(ERR, init, "%s: configure: multi-queue modes 0x%x and 0x%x: there is RSS"
			" only", dev->name, conf->rxmode.mq_mode, conf->txmode.mq_mode);
		return -ENOTSUP;
	}
	if (conf->intr_conf.rxq != 0) {
		NETVSC_LOG(ERR, init, "%s: configure: there are no receive interrupts", dev->name);
		return -ENOTSUP;
	}
	return 0;
}

/* A link with this MTU and at least so many channels. */
static int
link_for(struct rte_eth_dev *eth, uint16_t mtu, unsigned int queues)
{
	struct netvsc_device *dev = netvsc_device_of(eth);
	int ret = 0;

	if (link_broken(dev) || mtu != dev->mtu ||
	    (queues > dev->channel_count && dev->channel_count > 1)) {
		ret = netvsc_ethdev_reopen(eth, mtu, RTE_MAX(queues, dev->channel_count));
	} else if (queues > dev->channel_count) {
		/* Whoever watches the new channels finds them settled. */
		netvsc_xact_lock(dev);
		ret = netvsc_link_open_channels(dev, netvsc_vmbus_of(eth), queues);
		if (ret == 0) {
			ret = netvsc_ethdev_settle(eth);
			if (ret < 0)
				link_give_up(eth);
		}
		netvsc_xact_unlock(dev);
	}
	if (ret < 0 || dev->channel_count >= queues)
		return ret;
	dev->queue_limit = dev->channel_count;
	NETVSC_LOG(ERR, init, "%s: configure: %u queues wanted, host and kernel opened %u channels;"
		" configure no more than that", dev->name, queues, dev->channel_count);
	return -ENOSPC;
}

static int
netvsc_dev_configure(struct rte_eth_dev *eth)
{
	struct netvsc_device *dev = netvsc_device_of(eth);
	const struct rte_eth_conf *conf = &eth->data->dev_conf;
	unsigned int queues = netvsc_queues_wanted(eth);
	int ret = modes_check(dev, conf);

	if (ret == 0)
		ret = link_for(eth, eth->data->mtu, RTE_MAX(queues, 1u));
	if (ret < 0)
		return ret;
	ret = netvsc_offload_set(dev, conf->txmode.offloads, conf->rxmode.offloads);
	if (ret < 0) {
		NETVSC_LOG(ERR, init, "%s: configure: offloads tx 0x%" PRIx64 " rx 0x%" PRIx64 ": %s",
			dev->name, conf->txmode.offloads, conf->rxmode.offloads, strerror(-ret));
		return ret;
	}
	return netvsc_rss_configure(eth);
}

/* A stop may have given the link up, or the host spoilt a ring: what needs the
 * channels opens them again. */
static int
link_needed(struct rte_eth_dev *eth)
{
	struct netvsc_device *dev = netvsc_device_of(eth);

	if (!link_broken(dev))
		return 0;
	return netvsc_ethdev_reopen(eth, dev->mtu, netvsc_queues_wanted(eth));
}

static int
rx_queue_setup(struct rte_eth_dev *eth, uint16_t queue_id, uint16_t nb_desc, unsigned int socket,
	const struct rte_eth_rxconf *conf, struct rte_mempool *pool)
{
	int ret = link_needed(eth);

	return ret < 0 ? ret : netvsc_rx_queue_setup(eth, queue_id, nb_desc, socket, conf, pool);
}

static int
tx_queue_setup(struct rte_eth_dev *eth, uint16_t queue_id, uint16_t nb_desc, unsigned int socket,
	const struct rte_eth_txconf *conf)
{
	int ret = link_needed(eth);

	return ret < 0 ? ret : netvsc_tx_queue_setup(eth, queue_id, nb_desc, socket, conf);
}

/* ---- start and stop ---- */

static int
netvsc_dev_start(struct rte_eth_dev *eth)
{
	struct netvsc_device *dev = netvsc_device_of(eth);
	int ret = link_needed(eth);

	if (ret < 0)
		return ret;
	netvsc_queues_drain(eth);       /* what came late belongs to the past */
	ret = netvsc_queues_start(eth);
	if (ret < 0) {
		NETVSC_LOG(ERR, init, "%s: start: host and kernel opened %u channels only",
			dev->name, dev->channel_count);
	} else {
		ret = netvsc_ndis_set_receiving(dev, eth->data->nb_rx_queues != 0);
		if (ret < 0)
			NETVSC_LOG(ERR, init, "%s: start: packet filter: %s", dev->name,
				dev->xact.fault);
	}
	if (ret < 0) {
		netvsc_queues_stop(eth);
		return ret;
	}
	netvsc_ethdev_link_update(eth, 0);
	return 0;
}

/* A host that refuses, does not answer or is gone does not keep the port from
 * stopping. */
static void
receiving_end(struct netvsc_device *dev)
{
	uint32_t wait_ms;

	netvsc_xact_lock(dev);
	wait_ms = netvsc_xact_hurry(dev);
	if (netvsc_xact_alive(dev) == 0)
		netvsc_ndis_set_receiving(dev, false);
	dev->receiving = false;
	netvsc_xact_relax(dev, wait_ms);
	netvsc_xact_unlock(dev);
}

/* Bounded: 2 s for the host to answer, 2 s for all bursts to end, 1 s for messages
 * under way, and if there are any left, 2 s more to take leave. */
static int
netvsc_dev_stop(struct rte_eth_dev *eth)
{
	struct netvsc_device *dev = netvsc_device_of(eth);
	int ret;

	receiving_end(dev);
	ret = netvsc_queues_stop(eth);
	if (ret < 0) {
		NETVSC_LOG(ERR, init, "%s: stop: a thread does not leave its burst", dev->name);
		return ret;
	}
	if (netvsc_queues_drain(eth)) {
		NETVSC_LOG(WARNING, init, "%s: stop: the host keeps frames: closing the link; start"
			" opens it again", dev->name);
		link_give_up(eth);
	}
	return 0;
}

static int
netvsc_dev_reset(struct rte_eth_dev *eth)
{
	int ret;

	/* It may be another host by now. */
	netvsc_device_of(eth)->mtu_refused = 0;
	ret = netvsc_ethdev_reopen(eth, RTE_ETHER_MTU, 1);
	if (ret == 0)
		eth->data->mtu = RTE_ETHER_MTU;
	return ret;
}

/* ---- close ---- */

void
netvsc_ethdev_destroy(struct rte_eth_dev *eth)
{
	struct netvsc_device *dev = netvsc_device_of(eth);
	struct vmbus_device *vmbus = netvsc_vmbus_of(eth);

	if (dev->xact.pages == NULL) {  /* probe did not come as far as that */
		netvsc_stats_destroy(dev);
		return;
	}
	netvsc_watch_stop(dev);
	netvsc_link_close(dev, vmbus);
	vmbus->driver_data = NULL;
	netvsc_event_cancel(dev);
	netvsc_queues_reclaim(eth);
	for (uint16_t i = 0; i < eth->data->nb_rx_queues; i++)
		netvsc_rx_queue_release(eth, i);
	for (uint16_t i = 0; i < eth->data->nb_tx_queues; i++)
		netvsc_tx_queue_release(eth, i);
	netvsc_sendbuf_destroy(&dev->sendbuf);
	netvsc_stats_destroy(dev);
	for (unsigned int i = 0; i < NETVSC_QUEUES_MAX; i++)
		netvsc_channel_destroy(dev, i);
	netvsc_xact_destroy(dev);
}

int
netvsc_ethdev_close(struct rte_eth_dev *eth)
{
	if (rte_eal_process_type() != RTE_PROC_PRIMARY)
		return 0;
	netvsc_ethdev_destroy(eth);
	return 0;
}

/* ---- all operations ---- */

static const struct eth_dev_ops netvsc_ops = {
	.dev_configure = netvsc_dev_configure,
	.dev_start = netvsc_dev_start,
	.dev_stop = netvsc_dev_stop,
	.dev_close = netvsc_ethdev_close,
	.dev_reset = netvsc_dev_reset,
	.is_removed = netvsc_is_removed,

	.link_update = netvsc_ethdev_link_update,
	.promiscuous_enable = netvsc_promiscuous_enable,
	.promiscuous_disable = netvsc_promiscuous_disable,
	.allmulticast_enable = netvsc_allmulticast_enable,
	.allmulticast_disable = netvsc_allmulticast_disable,
	.set_mc_addr_list = netvsc_set_mc_addr_list,
	.mac_addr_set = netvsc_mac_addr_set,
	.mtu_set = netvsc_mtu_set,
	.vlan_offload_set = netvsc_vlan_offload_set,
	.reta_update = netvsc_reta_update,
	.reta_query = netvsc_reta_query,
	.rss_hash_update = netvsc_rss_hash_update,
	.rss_hash_conf_get = netvsc_rss_hash_conf_get,

	.rx_queue_setup = rx_queue_setup,
	.rx_queue_release = netvsc_rx_queue_release,
	.rx_queue_start = netvsc_rx_queue_start,
	.rx_queue_stop = netvsc_rx_queue_stop,
	.tx_queue_setup = tx_queue_setup,
	.tx_queue_release = netvsc_tx_queue_release,
	.tx_queue_start = netvsc_tx_queue_start,
	.tx_queue_stop = netvsc_tx_queue_stop,
	.tx_done_cleanup = netvsc_tx_done_cleanup,

	.dev_infos_get = netvsc_infos_get,
	.dev_supported_ptypes_get = netvsc_supported_ptypes_get,
	.dev_ptypes_set = netvsc_ptypes_set,
	.rxq_info_get = netvsc_rxq_info_get,
	.txq_info_get = netvsc_txq_info_get,
	.rx_burst_mode_get = netvsc_rx_burst_mode_get,
	.tx_burst_mode_get = netvsc_tx_burst_mode_get,
	.fw_version_get = netvsc_fw_version_get,
	.get_reg = netvsc_get_reg,
	.eth_dev_priv_dump = netvsc_dump,

	.stats_get = netvsc_stats_get,
	.stats_reset = netvsc_stats_reset,
	.xstats_get = netvsc_xstats_get,
	.xstats_get_names = netvsc_xstats_get_names,
	.xstats_reset = netvsc_stats_reset,
	NETVSC_COMPAT_OPS
};

void
netvsc_ethdev_init(struct rte_eth_dev *eth)
{
	eth->dev_ops = &netvsc_ops;
	eth->rx_pkt_burst = netvsc_rx_burst;
	eth->tx_pkt_burst = netvsc_tx_burst;
	eth->tx_pkt_prepare = netvsc_tx_prepare;
	eth->rx_queue_count = netvsc_rx_queue_count;
	NETVSC_COMPAT_TX_QUEUE_COUNT_SET(eth, netvsc_tx_queue_count);
	eth->rx_descriptor_status = netvsc_rx_descriptor_status;
	eth->tx_descriptor_status = netvsc_tx_descriptor_status;
	eth->data->dev_flags |= RTE_ETH_DEV_INTR_LSC | RTE_ETH_DEV_INTR_RMV;
}
