/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef ETHDEV_DRIVER_H
#define ETHDEV_DRIVER_H

/* Facts, see ../README.md: the face of a NIC towards ethdev. */

#include <rte_ethdev.h>
#include <rte_spinlock.h>
#include <rte_version.h>

#include "dev_driver.h"

struct rte_eth_dev;
struct rte_dev_reg_info;

/* Public headers older than what they pass for: what the newer ones add or
 * change. New members are other members of the same structures here. */
#if defined(PRETEND_YEAR) && !defined(RTE_ETH_HASH_ALGO_CAPA_MASK)
#if RTE_VERSION >= RTE_VERSION_NUM(23, 11, 0, 0)
#define RTE_ETH_HASH_ALGO_CAPA_MASK(x) (UINT32_C(1) << RTE_ETH_HASH_FUNCTION_ ## x)
#define rss_algo_capa reserved_64s[0]   /* uint32_t, of struct rte_eth_dev_info */
#define algorithm rss_key_len           /* an enum, of struct rte_eth_rss_conf */
#endif
#if RTE_VERSION >= RTE_VERSION_NUM(24, 3, 0, 0)
typedef int (*eth_tx_queue_count_t)(void *queue);
#endif
#if RTE_VERSION >= RTE_VERSION_NUM(25, 11, 0, 0)
typedef int (*fact_rx_queue_count_t)(void *queue);
#define eth_rx_queue_count_t fact_rx_queue_count_t
#endif
#endif

#if RTE_VERSION >= RTE_VERSION_NUM(25, 11, 0, 0)
struct eth_queue_stats {
	uint64_t q_ipackets[16];
	uint64_t q_opackets[16];
	uint64_t q_ibytes[16];
	uint64_t q_obytes[16];
	uint64_t q_errors[16];
};
#endif

#if RTE_VERSION >= RTE_VERSION_NUM(24, 11, 0, 0)
enum rte_eth_dev_operation {
	RTE_ETH_START,
};
#endif

struct eth_dev_ops {
	int (*dev_configure)(struct rte_eth_dev *dev);
	int (*dev_start)(struct rte_eth_dev *dev);
	int (*dev_stop)(struct rte_eth_dev *dev);
	int (*dev_set_link_up)(struct rte_eth_dev *dev);
	int (*dev_set_link_down)(struct rte_eth_dev *dev);
	int (*dev_close)(struct rte_eth_dev *dev);
	int (*dev_reset)(struct rte_eth_dev *dev);
	int (*link_update)(struct rte_eth_dev *dev, int wait);
	int (*is_removed)(struct rte_eth_dev *dev);

	int (*promiscuous_enable)(struct rte_eth_dev *dev);
	int (*promiscuous_disable)(struct rte_eth_dev *dev);
	int (*allmulticast_enable)(struct rte_eth_dev *dev);
	int (*allmulticast_disable)(struct rte_eth_dev *dev);
	int (*mac_addr_set)(struct rte_eth_dev *dev, struct rte_ether_addr *mac);
	int (*set_mc_addr_list)(struct rte_eth_dev *dev, struct rte_ether_addr *list,
		uint32_t count);
	int (*mtu_set)(struct rte_eth_dev *dev, uint16_t mtu);
	int (*vlan_offload_set)(struct rte_eth_dev *dev, int mask);

#if RTE_VERSION >= RTE_VERSION_NUM(25, 11, 0, 0)
	int (*stats_get)(struct rte_eth_dev *dev, struct rte_eth_stats *stats,
		struct eth_queue_stats *qstats);
#else
	int (*stats_get)(struct rte_eth_dev *dev, struct rte_eth_stats *stats);
#endif
	int (*stats_reset)(struct rte_eth_dev *dev);
	int (*xstats_get)(struct rte_eth_dev *dev, struct rte_eth_xstat *stats, unsigned int n);
	int (*xstats_reset)(struct rte_eth_dev *dev);
	int (*xstats_get_names)(struct rte_eth_dev *dev, struct rte_eth_xstat_name *names,
		unsigned int n);
	int (*xstats_get_by_id)(struct rte_eth_dev *dev, const uint64_t *ids, uint64_t *values,
		unsigned int n);
	int (*xstats_get_names_by_id)(struct rte_eth_dev *dev, const uint64_t *ids,
		struct rte_eth_xstat_name *names, unsigned int n);

	int (*dev_infos_get)(struct rte_eth_dev *dev, struct rte_eth_dev_info *info);
#if RTE_VERSION >= RTE_VERSION_NUM(24, 3, 0, 0)
	const uint32_t *(*dev_supported_ptypes_get)(struct rte_eth_dev *dev,
		size_t *no_of_elements);
#else
	const uint32_t *(*dev_supported_ptypes_get)(struct rte_eth_dev *dev);
#endif
	int (*dev_ptypes_set)(struct rte_eth_dev *dev, uint32_t ptype_mask);
	void (*rxq_info_get)(struct rte_eth_dev *dev, uint16_t queue, struct rte_eth_rxq_info *info);
	void (*txq_info_get)(struct rte_eth_dev *dev, uint16_t queue, struct rte_eth_txq_info *info);
	int (*rx_burst_mode_get)(struct rte_eth_dev *dev, uint16_t queue,
		struct rte_eth_burst_mode *mode);
	int (*tx_burst_mode_get)(struct rte_eth_dev *dev, uint16_t queue,
		struct rte_eth_burst_mode *mode);
	int (*fw_version_get)(struct rte_eth_dev *dev, char *version, size_t bytes);
	int (*get_reg)(struct rte_eth_dev *dev, struct rte_dev_reg_info *info);
	int (*eth_dev_priv_dump)(struct rte_eth_dev *dev, FILE *file);

	int (*rx_queue_setup)(struct rte_eth_dev *dev, uint16_t queue, uint16_t count,
		unsigned int socket, const struct rte_eth_rxconf *conf, struct rte_mempool *pool);
	void (*rx_queue_release)(struct rte_eth_dev *dev, uint16_t queue);
	int (*rx_queue_start)(struct rte_eth_dev *dev, uint16_t queue);
	int (*rx_queue_stop)(struct rte_eth_dev *dev, uint16_t queue);
	int (*rx_queue_intr_enable)(struct rte_eth_dev *dev, uint16_t queue);
	int (*rx_queue_intr_disable)(struct rte_eth_dev *dev, uint16_t queue);
	int (*tx_queue_setup)(struct rte_eth_dev *dev, uint16_t queue, uint16_t count,
		unsigned int socket, const struct rte_eth_txconf *conf);
	void (*tx_queue_release)(struct rte_eth_dev *dev, uint16_t queue);
	int (*tx_queue_start)(struct rte_eth_dev *dev, uint16_t queue);
	int (*tx_queue_stop)(struct rte_eth_dev *dev, uint16_t queue);
	int (*tx_done_cleanup)(void *queue, uint32_t free_count);
	int (*get_monitor_addr)(void *queue, struct rte_power_monitor_cond *condition);

	int (*reta_update)(struct rte_eth_dev *dev, struct rte_eth_rss_reta_entry64 *reta,
		uint16_t size);
	int (*reta_query)(struct rte_eth_dev *dev, struct rte_eth_rss_reta_entry64 *reta,
		uint16_t size);
	int (*rss_hash_update)(struct rte_eth_dev *dev, struct rte_eth_rss_conf *conf);
	int (*rss_hash_conf_get)(struct rte_eth_dev *dev, struct rte_eth_rss_conf *conf);
#if RTE_VERSION >= RTE_VERSION_NUM(24, 11, 0, 0)
	uint64_t (*get_restore_flags)(struct rte_eth_dev *dev, enum rte_eth_dev_operation op);
#endif
};

struct rte_eth_dev_data {
	char name[RTE_ETH_NAME_MAX_LEN];
	void **rx_queues;
	void **tx_queues;
	uint16_t nb_rx_queues;
	uint16_t nb_tx_queues;
	void *dev_private;
	struct rte_eth_link dev_link;
	struct rte_eth_conf dev_conf;
	uint16_t mtu;
	uint32_t min_rx_buf_size;
	struct rte_ether_addr *mac_addrs;
	uint16_t port_id;
	uint8_t promiscuous : 1, scattered_rx : 1, all_multicast : 1, dev_started : 1, lro : 1,
		dev_configured : 1;
	uint8_t rx_queue_state[RTE_MAX_QUEUES_PER_PORT];
	uint8_t tx_queue_state[RTE_MAX_QUEUES_PER_PORT];
	uint32_t dev_flags;
	int numa_node;
};

struct rte_eth_dev {
	eth_rx_burst_t rx_pkt_burst;
	eth_tx_burst_t tx_pkt_burst;
	eth_tx_prep_t tx_pkt_prepare;
	eth_rx_queue_count_t rx_queue_count;
#if RTE_VERSION >= RTE_VERSION_NUM(24, 3, 0, 0)
	eth_tx_queue_count_t tx_queue_count;
#endif
	eth_rx_descriptor_status_t rx_descriptor_status;
	eth_tx_descriptor_status_t tx_descriptor_status;
	struct rte_eth_dev_data *data;
	void *process_private;
	const struct eth_dev_ops *dev_ops;
	struct rte_device *device;
	struct rte_intr_handle *intr_handle;
};

extern struct rte_eth_dev rte_eth_devices[];

#define RTE_ETH_QUEUE_STATE_STOPPED 0
#define RTE_ETH_QUEUE_STATE_STARTED 1

/* 22.11 to 26.07 alike. */
typedef int (*ethdev_init_t)(struct rte_eth_dev *dev, void *params);

__rte_internal
int rte_eth_dev_create(struct rte_device *device, const char *name, size_t priv_data_size,
	ethdev_init_t bus_specific_init, void *bus_init_params, ethdev_init_t init, void *params);
__rte_internal
struct rte_eth_dev *rte_eth_dev_allocated(const char *name);
__rte_internal
int rte_eth_dev_release_port(struct rte_eth_dev *dev);
__rte_internal
int rte_eth_dev_callback_process(struct rte_eth_dev *dev, enum rte_eth_event_type event,
	void *ret_param);

/* Inline, in all versions: no library has them. */
static inline int
rte_eth_linkstatus_set(struct rte_eth_dev *dev, const struct rte_eth_link *link)
{
	dev->data->dev_link = *link;
	return 0;
}

static inline void
rte_eth_linkstatus_get(const struct rte_eth_dev *dev, struct rte_eth_link *link)
{
	*link = dev->data->dev_link;
}

#endif /* ETHDEV_DRIVER_H */
