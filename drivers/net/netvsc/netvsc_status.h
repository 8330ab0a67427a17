/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NETVSC_STATUS_H
#define NETVSC_STATUS_H

/* What may be asked about a queue. There are no descriptors: for receive, the
 * frames that wait take their place, oldest first; for transmit, the messages
 * under way. Any thread may ask for counts and states: they are only read, while
 * the queue's own thread is inside a burst or not. */

#include "netvsc.h"

NETVSC_COMPAT_QUEUE_COUNT netvsc_rx_queue_count(void *queue);
int netvsc_rx_descriptor_status(void *queue, uint16_t offset);
int netvsc_tx_queue_count(void *queue);
int netvsc_tx_descriptor_status(void *queue, uint16_t offset);
/* For the queue's own thread: frees what the host has completed, at most `count` mbufs (0: all); returns
 * how many mbufs that were. Copied frames were freed when they were sent. */
int netvsc_tx_done_cleanup(void *queue, uint32_t count);

/* netvsc_prepare.c: makes frames with offloads ready for the burst; returns how
 * many are, with rte_errno set for the first that is not. */
uint16_t netvsc_tx_prepare(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts);

#endif /* NETVSC_STATUS_H */
