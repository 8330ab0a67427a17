/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NETVSC_OFFLOAD_H
#define NETVSC_OFFLOAD_H

/* Checksum, segmentation and coalescing offloads. These take the control lock
 * themselves, are bounded, and return 0 or -errno. */

#include "netvsc.h"

/* Asks what the host can do: host.offload, .tx_offloads, .rx_offloads. A host
 * that has nothing to tell offers nothing. */
int netvsc_offload_query(struct netvsc_device *dev);

/* RTE_ETH_TX_OFFLOAD_* and RTE_ETH_RX_OFFLOAD_*: those in the sets are switched
 * on, all others off, and remembered. -ENOTSUP: the host does not offer one. */
int netvsc_offload_set(struct netvsc_device *dev, uint64_t tx, uint64_t rx);

#endif /* NETVSC_OFFLOAD_H */
