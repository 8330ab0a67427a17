/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NETVSC_ETHDEV_H
#define NETVSC_ETHDEV_H

/* The port, for those who make it, and what its parts share. Control only. */

#include <rte_dev_info.h>

#include "netvsc.h"

/* No host is known to allow more; what this one allows it says only when asked
 * for, see netvsc_mtu_max(). */
#define NETVSC_MTU_MAX 9216u

static inline struct netvsc_device *
netvsc_device_of(const struct rte_eth_dev *eth)
{
	return eth->data->dev_private;
}

/* The device belongs to the process, the port's data to all of them. */
/* Channels that the configuration needs. */
static inline unsigned int
netvsc_queues_wanted(const struct rte_eth_dev *eth)
{
	return RTE_MAX(eth->data->nb_rx_queues, eth->data->nb_tx_queues);
}

static inline struct vmbus_device *
netvsc_vmbus_of(const struct rte_eth_dev *eth)
{
	return (struct vmbus_device *)((uintptr_t)eth->device -
		offsetof(struct vmbus_device, device));
}

/* ---- netvsc_ethdev.c ---- */

/* Sets the functions of a new port. */
void netvsc_ethdev_init(struct rte_eth_dev *eth);
/* After the link was opened: queues and channels take on the host's limits. */
int netvsc_ethdev_settle(struct rte_eth_dev *eth);
/* Ends the link and frees everything; also what probe half made. */
void netvsc_ethdev_destroy(struct rte_eth_dev *eth);
int netvsc_ethdev_close(struct rte_eth_dev *eth);
/* The host took the device away: tells the application. */
void netvsc_ethdev_removed(struct vmbus_device *vmbus);
/* Keeps the bursts out, closes the link, opens it again, lets them in. */
int netvsc_ethdev_reopen(struct rte_eth_dev *eth, uint16_t mtu, unsigned int queues);

/* ---- netvsc_settings.c ---- */

int netvsc_ethdev_link_update(struct rte_eth_dev *eth, int wait);
int netvsc_promiscuous_enable(struct rte_eth_dev *eth);
int netvsc_promiscuous_disable(struct rte_eth_dev *eth);
int netvsc_allmulticast_enable(struct rte_eth_dev *eth);
int netvsc_allmulticast_disable(struct rte_eth_dev *eth);
int netvsc_mac_addr_set(struct rte_eth_dev *eth, struct rte_ether_addr *mac);
int netvsc_set_mc_addr_list(struct rte_eth_dev *eth, struct rte_ether_addr *list, uint32_t count);
int netvsc_mtu_set(struct rte_eth_dev *eth, uint16_t mtu);
int netvsc_vlan_offload_set(struct rte_eth_dev *eth, int mask);
int netvsc_reta_update(struct rte_eth_dev *eth, struct rte_eth_rss_reta_entry64 *reta,
	uint16_t size);
int netvsc_reta_query(struct rte_eth_dev *eth, struct rte_eth_rss_reta_entry64 *reta,
	uint16_t size);
int netvsc_rss_hash_update(struct rte_eth_dev *eth, struct rte_eth_rss_conf *conf);
int netvsc_rss_hash_conf_get(struct rte_eth_dev *eth, struct rte_eth_rss_conf *conf);
/* What dev_configure asks for. */
int netvsc_rss_configure(struct rte_eth_dev *eth);

/* ---- netvsc_info.c ---- */

int netvsc_infos_get(struct rte_eth_dev *eth, struct rte_eth_dev_info *info);
const uint32_t *netvsc_supported_ptypes_get(struct rte_eth_dev *eth NETVSC_COMPAT_PTYPES_COUNT);
int netvsc_ptypes_set(struct rte_eth_dev *eth, uint32_t mask);
void netvsc_rxq_info_get(struct rte_eth_dev *eth, uint16_t queue_id, struct rte_eth_rxq_info *info);
void netvsc_txq_info_get(struct rte_eth_dev *eth, uint16_t queue_id, struct rte_eth_txq_info *info);
int netvsc_rx_burst_mode_get(struct rte_eth_dev *eth, uint16_t queue_id,
	struct rte_eth_burst_mode *mode);
int netvsc_tx_burst_mode_get(struct rte_eth_dev *eth, uint16_t queue_id,
	struct rte_eth_burst_mode *mode);
/* The largest MTU that the host is not known to refuse. */
uint16_t netvsc_mtu_max(const struct netvsc_device *dev);
int netvsc_fw_version_get(struct rte_eth_dev *eth, char *version, size_t bytes);
int netvsc_get_reg(struct rte_eth_dev *eth, struct rte_dev_reg_info *regs);
int netvsc_dump(struct rte_eth_dev *eth, FILE *file);
int netvsc_is_removed(struct rte_eth_dev *eth);

#endif /* NETVSC_ETHDEV_H */
