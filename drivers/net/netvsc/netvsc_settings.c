/* SPDX-License-Identifier: BSD-3-Clause */

/* What an application can set while the port lives: checked here, put to the
 * host by netvsc_ndis.c and netvsc_rss.c, which also remember it. */

#include <errno.h>
#include <string.h>

#include "netvsc_ethdev.h"
#include "netvsc_event.h"
#include "netvsc_ndis.h"
#include "netvsc_rss.h"
#include "netvsc_rx.h"

/* ---- link ---- */

int
netvsc_ethdev_link_update(struct rte_eth_dev *eth, int wait)
{
	struct netvsc_device *dev = netvsc_device_of(eth);
	struct rte_eth_link link;

	/* The host tells changes by itself; who can wait gets it from the host. */
	if (wait != 0 && netvsc_xact_alive(dev) == 0)
		netvsc_ndis_query_link(dev);
	link = netvsc_event_link(dev);
	if (dev->vmbus == NULL || vmbus_gone(dev->vmbus)) {
		link.link_status = RTE_ETH_LINK_DOWN;
		link.link_speed = RTE_ETH_SPEED_NUM_NONE;
	}
	rte_eth_linkstatus_set(eth, &link);
	return 0;
}

/* ---- filter ---- */

int
netvsc_promiscuous_enable(struct rte_eth_dev *eth)
{
	return netvsc_ndis_set_promiscuous(netvsc_device_of(eth), true);
}

int
netvsc_promiscuous_disable(struct rte_eth_dev *eth)
{
	return netvsc_ndis_set_promiscuous(netvsc_device_of(eth), false);
}

int
netvsc_allmulticast_enable(struct rte_eth_dev *eth)
{
	return netvsc_ndis_set_allmulticast(netvsc_device_of(eth), true);
}

int
netvsc_allmulticast_disable(struct rte_eth_dev *eth)
{
	return netvsc_ndis_set_allmulticast(netvsc_device_of(eth), false);
}

int
netvsc_set_mc_addr_list(struct rte_eth_dev *eth, struct rte_ether_addr *list, uint32_t count)
{
	return netvsc_ndis_set_multicast(netvsc_device_of(eth), list, count);
}

int
netvsc_mac_addr_set(struct rte_eth_dev *eth, struct rte_ether_addr *mac)
{
	struct netvsc_device *dev = netvsc_device_of(eth);

	/* ethdev sets it again at every start; some hosts refuse any change. */
	if (rte_is_same_ether_addr(mac, &dev->mac))
		return 0;
	return netvsc_ndis_set_mac(dev, mac);
}

/* ---- MTU ---- */

/* Every queue that exists must be able to hold the frames. */
static int
mtu_check(const struct rte_eth_dev *eth, uint16_t mtu)
{
	for (uint16_t i = 0; i < eth->data->nb_rx_queues; i++) {
		const struct netvsc_rxq *rxq = eth->data->rx_queues != NULL ?
			eth->data->rx_queues[i] : NULL;

		if (rxq == NULL || rxq->scatter ||
		    (uint32_t)mtu + RTE_ETHER_HDR_LEN <= rxq->data_room)
			continue;
		NETVSC_LOG(ERR, init, "%s: MTU %u: queue %u has mbufs of %u bytes and no"
			" RTE_ETH_RX_OFFLOAD_SCATTER", netvsc_device_of(eth)->name, mtu, i,
			rxq->data_room);
		return -EINVAL;
	}
	return 0;
}

int
netvsc_mtu_set(struct rte_eth_dev *eth, uint16_t mtu)
{
	struct netvsc_device *dev = netvsc_device_of(eth);
	int ret;

	if (mtu == dev->mtu && netvsc_xact_alive(dev) == 0)
		return 0;
	ret = mtu_check(eth, mtu);
	return ret < 0 ? ret : netvsc_ethdev_reopen(eth, mtu,
		RTE_MAX(dev->channel_count, netvsc_queues_wanted(eth)));
}

/* ---- VLAN ---- */

int
netvsc_vlan_offload_set(struct rte_eth_dev *eth, int mask)
{
	bool strip = (eth->data->dev_conf.rxmode.offloads & RTE_ETH_RX_OFFLOAD_VLAN_STRIP) != 0;

	if ((mask & RTE_ETH_VLAN_STRIP_MASK) == 0)
		return 0;
	for (uint16_t i = 0; i < eth->data->nb_rx_queues; i++) {
		struct netvsc_rxq *rxq = eth->data->rx_queues[i];

		if (rxq != NULL)
			__atomic_store_n(&rxq->vlan_strip, strip, __ATOMIC_RELAXED);
	}
	return 0;
}

/* ---- RSS ---- */

static int
reta_size_check(const struct netvsc_device *dev, uint16_t size)
{
	if (dev->host.reta_size == 0)
		return -ENOTSUP;
	if (size == dev->host.reta_size)
		return 0;
	NETVSC_LOG(ERR, control, "%s: RETA: the host's has %u entries, not %u", dev->name,
		dev->host.reta_size, size);
	return -EINVAL;
}

int
netvsc_reta_update(struct rte_eth_dev *eth, struct rte_eth_rss_reta_entry64 *reta, uint16_t size)
{
	struct netvsc_device *dev = netvsc_device_of(eth);
	struct netvsc_rss rss;
	int ret = reta_size_check(dev, size);

	if (ret < 0)
		return ret;
	netvsc_xact_lock(dev);
	rss = dev->rss;
	for (uint16_t i = 0; i < size && ret == 0; i++) {
		const struct rte_eth_rss_reta_entry64 *group = &reta[i / RTE_ETH_RETA_GROUP_SIZE];
		uint16_t entry = group->reta[i % RTE_ETH_RETA_GROUP_SIZE];

		if ((group->mask >> i % RTE_ETH_RETA_GROUP_SIZE & 1) == 0)
			continue;
		if (entry >= eth->data->nb_rx_queues) {
			NETVSC_LOG(ERR, control, "%s: RETA: entry %u leads to queue %u of %u",
				dev->name, i, entry, eth->data->nb_rx_queues);
			ret = -EINVAL;
		}
		rss.reta[i] = entry;
	}
	if (ret == 0)
		ret = netvsc_rss_set(dev, &rss);
	netvsc_xact_unlock(dev);
	return ret;
}

int
netvsc_reta_query(struct rte_eth_dev *eth, struct rte_eth_rss_reta_entry64 *reta, uint16_t size)
{
	struct netvsc_device *dev = netvsc_device_of(eth);
	int ret = reta_size_check(dev, size);

	if (ret < 0)
		return ret;
	for (uint16_t i = 0; i < size; i++) {
		struct rte_eth_rss_reta_entry64 *group = &reta[i / RTE_ETH_RETA_GROUP_SIZE];

		if ((group->mask >> i % RTE_ETH_RETA_GROUP_SIZE & 1) != 0)
			group->reta[i % RTE_ETH_RETA_GROUP_SIZE] = dev->rss.reta[i];
	}
	return 0;
}

/* A key of NULL leaves the key as it is. */
static int
rss_key_take(const struct netvsc_device *dev, const struct rte_eth_rss_conf *conf,
	struct netvsc_rss *rss)
{
	if (conf->rss_key == NULL)
		return 0;
	if (conf->rss_key_len != 0 && conf->rss_key_len != NDIS_RSS_KEY_BYTES) {
		NETVSC_LOG(ERR, control, "%s: RSS: a key of %u bytes; it must have %u", dev->name,
			conf->rss_key_len, NDIS_RSS_KEY_BYTES);
		return -EINVAL;
	}
	memcpy(rss->key, conf->rss_key, NDIS_RSS_KEY_BYTES);
	return 0;
}

int
netvsc_rss_hash_update(struct rte_eth_dev *eth, struct rte_eth_rss_conf *conf)
{
	struct netvsc_device *dev = netvsc_device_of(eth);
	struct netvsc_rss rss;
	int ret;

	if (dev->host.reta_size == 0)
		return -ENOTSUP;
	netvsc_xact_lock(dev);
	rss = dev->rss;
	rss.hf = conf->rss_hf;
	ret = rss_key_take(dev, conf, &rss);
	if (ret == 0)
		ret = netvsc_rss_set(dev, &rss);
	netvsc_xact_unlock(dev);
	return ret;
}

int
netvsc_rss_hash_conf_get(struct rte_eth_dev *eth, struct rte_eth_rss_conf *conf)
{
	const struct netvsc_device *dev = netvsc_device_of(eth);

	conf->rss_hf = dev->rss.hf;
	NETVSC_COMPAT_RSS_ALGORITHM_SET(conf);
	if (conf->rss_key != NULL && conf->rss_key_len >= NDIS_RSS_KEY_BYTES)
		memcpy(conf->rss_key, dev->rss.key, NDIS_RSS_KEY_BYTES);
	conf->rss_key_len = NDIS_RSS_KEY_BYTES;
	return 0;
}

int
netvsc_rss_configure(struct rte_eth_dev *eth)
{
	struct netvsc_device *dev = netvsc_device_of(eth);
	const struct rte_eth_conf *conf = &eth->data->dev_conf;
	bool on = (conf->rxmode.mq_mode & RTE_ETH_MQ_RX_RSS_FLAG) != 0;
	struct netvsc_rss rss;
	int ret;

	netvsc_rss_default(dev, eth->data->nb_rx_queues, on ?
		conf->rx_adv_conf.rss_conf.rss_hf : 0, &rss);
	ret = rss_key_take(dev, &conf->rx_adv_conf.rss_conf, &rss);
	if (ret < 0)
		return ret;
	ret = netvsc_rss_set(dev, &rss);
	if (ret < 0)
		NETVSC_LOG(ERR, init, "%s: configure: RSS with hash types 0x%" PRIx64 " of 0x%" PRIx64
			": %s", dev->name, rss.hf, dev->host.rss_hf, strerror(-ret));
	return ret;
}
