/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NETVSC_STATS_H
#define NETVSC_STATS_H

/* Counters. Nobody but their owner ever writes one: a reset remembers where
 * they stood. */

#include "netvsc_rx.h"
#include "netvsc_tx.h"

/* Queues come and go, their counts stay: what a queue that was released had
 * counted, until the next of its number goes on from there. */
struct netvsc_kept {
	struct {
		struct netvsc_rx_counters counters, base;
	} rx[NETVSC_QUEUES_MAX];
	struct {
		struct netvsc_tx_counters counters, base;
	} tx[NETVSC_QUEUES_MAX];
};

/* Returns 0 or -ENOMEM; destroy() also where there is nothing. */
int netvsc_stats_create(struct netvsc_device *dev);
void netvsc_stats_destroy(struct netvsc_device *dev);
void netvsc_stats_keep_rx(struct netvsc_device *dev, const struct netvsc_rxq *rxq);
void netvsc_stats_resume_rx(const struct netvsc_device *dev, struct netvsc_rxq *rxq);
void netvsc_stats_keep_tx(struct netvsc_device *dev, const struct netvsc_txq *txq);
void netvsc_stats_resume_tx(const struct netvsc_device *dev, struct netvsc_txq *txq);

int netvsc_stats_get(struct rte_eth_dev *eth, struct rte_eth_stats *stats NETVSC_COMPAT_QSTATS);
int netvsc_stats_reset(struct rte_eth_dev *eth);
int netvsc_xstats_get(struct rte_eth_dev *eth, struct rte_eth_xstat *xstats, unsigned int n);
int netvsc_xstats_get_names(struct rte_eth_dev *eth, struct rte_eth_xstat_name *names,
	unsigned int n);

#endif /* NETVSC_STATS_H */
