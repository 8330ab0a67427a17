/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NETVSC_BURST_H
#define NETVSC_BURST_H

/* The two functions that applications spend their time in. */

#include <stdint.h>

struct rte_mbuf;

/* Receives at most nb_pkts frames; looks at no more than 4 * nb_pkts + 64 ring
 * packets. The mbufs are the caller's. */
uint16_t netvsc_rx_burst(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts);
/* Sends frames; those beyond the returned count stay the caller's. */
uint16_t netvsc_tx_burst(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts);

#endif /* NETVSC_BURST_H */
