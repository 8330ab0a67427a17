/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NETVSC_COMPAT_H
#define NETVSC_COMPAT_H

/*
 * Every difference between DPDK versions that the NIC must bridge, 22.11 to
 * 26.07, and nothing else.
 */

#include <rte_version.h>

#include <ethdev_driver.h>
#include <rte_ethdev.h>

/* 25.07 drops the index and makes the name a symbol. */
#if RTE_VERSION >= RTE_VERSION_NUM(25, 7, 0, 0)
#define NETVSC_COMPAT_EXPORT_NAME(name) RTE_PMD_EXPORT_NAME(name)
#else
#define NETVSC_COMPAT_EXPORT_NAME(name) RTE_PMD_EXPORT_NAME(name, __COUNTER__)
#endif

/* 24.03 passes the number of packet types instead of ending their list. */
#if RTE_VERSION >= RTE_VERSION_NUM(24, 3, 0, 0)
#define NETVSC_COMPAT_PTYPES_COUNT , size_t *count
#define NETVSC_COMPAT_PTYPES_SET_COUNT(n) (*count = (n))
#else
#define NETVSC_COMPAT_PTYPES_COUNT
#define NETVSC_COMPAT_PTYPES_SET_COUNT(n) RTE_SET_USED(n)
#endif

/* 25.11 counts received frames in an int and gives queue counters apart. */
#if RTE_VERSION >= RTE_VERSION_NUM(25, 11, 0, 0)
#define NETVSC_COMPAT_QUEUE_COUNT int
#define NETVSC_COMPAT_QSTATS , struct eth_queue_stats *qstats
#define NETVSC_COMPAT_QSTATS_PASS , qstats
#define NETVSC_COMPAT_QSTATS_NONE , NULL
#define NETVSC_COMPAT_QSTATS_OF(stats) (qstats)
#else
#define NETVSC_COMPAT_QUEUE_COUNT uint32_t
#define NETVSC_COMPAT_QSTATS
#define NETVSC_COMPAT_QSTATS_PASS
#define NETVSC_COMPAT_QSTATS_NONE
#define NETVSC_COMPAT_QSTATS_OF(stats) (stats)
#endif
/* Is there room for queue i? The constant that says how many is public no more. */
#define NETVSC_COMPAT_QSTATS_HAVE(stats, i) (NETVSC_COMPAT_QSTATS_OF(stats) != NULL && \
	(i) < RTE_DIM(NETVSC_COMPAT_QSTATS_OF(stats)->q_ipackets))

/* 23.11 names hash algorithms; ethdev refuses what is not among these. */
#if RTE_VERSION >= RTE_VERSION_NUM(23, 11, 0, 0)
#define NETVSC_COMPAT_RSS_INFO_SET(info) \
	((info)->rss_algo_capa = RTE_ETH_HASH_ALGO_CAPA_MASK(DEFAULT) | \
		RTE_ETH_HASH_ALGO_CAPA_MASK(TOEPLITZ))
#define NETVSC_COMPAT_RSS_ALGORITHM_SET(conf) \
	((conf)->algorithm = RTE_ETH_HASH_FUNCTION_TOEPLITZ)
#else
#define NETVSC_COMPAT_RSS_INFO_SET(info) RTE_SET_USED(info)
#define NETVSC_COMPAT_RSS_ALGORITHM_SET(conf) RTE_SET_USED(conf)
#endif

/* 24.03 counts the descriptors of a transmit queue that are in use. */
#if RTE_VERSION >= RTE_VERSION_NUM(24, 3, 0, 0)
#define NETVSC_COMPAT_TX_QUEUE_COUNT_SET(eth, function) ((eth)->tx_queue_count = (function))
#else
#define NETVSC_COMPAT_TX_QUEUE_COUNT_SET(eth, function) RTE_SET_USED(function)
#endif

/* 24.11 asks what ethdev shall set again after a start. Nothing: address, filter
 * and lists outlive a stop, and the driver restores them after a reopen. */
#if RTE_VERSION >= RTE_VERSION_NUM(24, 11, 0, 0)
static inline uint64_t
netvsc_compat_restore_flags(struct rte_eth_dev *eth, enum rte_eth_dev_operation operation)
{
	RTE_SET_USED(eth);
	RTE_SET_USED(operation);
	return 0;
}
#define NETVSC_COMPAT_OPS .get_restore_flags = netvsc_compat_restore_flags,
#else
#define NETVSC_COMPAT_OPS
#endif

#endif /* NETVSC_COMPAT_H */
