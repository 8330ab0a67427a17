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
#define NETVSC_COMPAT_QSTATS_OF(stats) (qstats)
#else
#define NETVSC_COMPAT_QUEUE_COUNT uint32_t
#define NETVSC_COMPAT_QSTATS
#define NETVSC_COMPAT_QSTATS_PASS
#define NETVSC_COMPAT_QSTATS_OF(stats) (stats)
#endif

#endif /* NETVSC_COMPAT_H */
