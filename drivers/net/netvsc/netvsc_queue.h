/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NETVSC_QUEUE_H
#define NETVSC_QUEUE_H

/* The life of queues: set up, start, stop, release. Control only. */

#include "netvsc_rx.h"
#include "netvsc_tx.h"

/*
 * VMBus rings are no descriptor rings. What the words mean here:
 *   nb_desc of a transmit queue: messages that may be under way to the host;
 *     one carries one frame or several small ones. Each takes one slot.
 *   tx_free_thresh: fewer free slots than this, and a transmit burst takes back
 *     what the host completed; 0 means nb_desc / 4. Less than nb_desc. With many
 *     queues it does so earlier: before it has more than its share of the sections.
 *   nb_desc of a receive queue: has no effect on what is received, which lies
 *     in the port's receive buffer, shared by all its queues. It bounds what
 *     rx_descriptor_status() may be asked for.
 *   rx_free_thresh: no effect either, every burst acknowledges what it
 *     delivered. Less than nb_desc.
 */
#define NETVSC_RX_DESC_MIN 64u
#define NETVSC_RX_DESC_MAX 16384u
#define NETVSC_TX_DESC_MIN 64u
#define NETVSC_TX_DESC_MAX 4096u
#define NETVSC_DESC_DEFAULT 512u

int netvsc_rx_queue_setup(struct rte_eth_dev *eth, uint16_t queue_id, uint16_t nb_desc,
	unsigned int socket, const struct rte_eth_rxconf *conf, struct rte_mempool *pool);
void netvsc_rx_queue_release(struct rte_eth_dev *eth, uint16_t queue_id);
int netvsc_tx_queue_setup(struct rte_eth_dev *eth, uint16_t queue_id, uint16_t nb_desc,
	unsigned int socket, const struct rte_eth_txconf *conf);
void netvsc_tx_queue_release(struct rte_eth_dev *eth, uint16_t queue_id);

int netvsc_rx_queue_start(struct rte_eth_dev *eth, uint16_t queue_id);
int netvsc_rx_queue_stop(struct rte_eth_dev *eth, uint16_t queue_id);
int netvsc_tx_queue_start(struct rte_eth_dev *eth, uint16_t queue_id);
int netvsc_tx_queue_stop(struct rte_eth_dev *eth, uint16_t queue_id);

/* Keeps all bursts out (bounded for all together; -ETIMEDOUT: one is stuck) and lets
 * those of started queues in again. */
int netvsc_queues_close_gates(struct rte_eth_dev *eth);
void netvsc_queues_open_gates(struct rte_eth_dev *eth);

/* All queues that are not deferred; all queues. stop() is bounded: -ETIMEDOUT,
 * and nothing stopped, if a burst is stuck. */
int netvsc_queues_start(struct rte_eth_dev *eth);
int netvsc_queues_stop(struct rte_eth_dev *eth);

/* With the gates closed and the host told to stop: gives every received frame
 * back unseen and waits, bounded, for what is under way. True if the host still
 * holds messages after that. */
bool netvsc_queues_drain(struct rte_eth_dev *eth);
/* With the gates closed and the channels closed on the host: whatever was under
 * way is ours again. */
void netvsc_queues_reclaim(struct rte_eth_dev *eth);
/* After the link was opened (again): queues take on the host's limits. */
int netvsc_queues_fit(struct rte_eth_dev *eth);

#endif /* NETVSC_QUEUE_H */
