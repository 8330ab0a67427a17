/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NETVSC_STATS_H
#define NETVSC_STATS_H

/* Counters. Nobody but their owner ever writes one: a reset remembers where
 * they stood. */

#include "netvsc.h"

int netvsc_stats_get(struct rte_eth_dev *eth, struct rte_eth_stats *stats NETVSC_COMPAT_QSTATS);
int netvsc_stats_reset(struct rte_eth_dev *eth);
int netvsc_xstats_get(struct rte_eth_dev *eth, struct rte_eth_xstat *xstats, unsigned int n);
int netvsc_xstats_get_names(struct rte_eth_dev *eth, struct rte_eth_xstat_name *names,
	unsigned int n);

#endif /* NETVSC_STATS_H */
