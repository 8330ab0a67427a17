/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NETVSC_RX_H
#define NETVSC_RX_H

/* A receive queue: what a burst needs, grouped by who writes it. */

#include "netvsc.h"
#include "rndis_packet.h"

struct netvsc_rx_counters {
	uint64_t packets, bytes;
	uint64_t malformed;         /* messages with a field out of range */
	uint64_t oversize;          /* frames that fit no mbuf, with scatter off */
	uint64_t runts;             /* frames without a whole Ethernet header */
	uint64_t mbuf_waits;        /* bursts cut short by an empty pool: nothing is lost */
	uint64_t rsc_broken;        /* pieces of runs that lack their first, last or another piece */
	uint64_t csum_bad;
	uint64_t lent;              /* frames that mbufs point to in the receive buffer */
	uint64_t lend_refused;      /* longer than rx_copybreak, and copied nevertheless */
};

struct netvsc_rxq {
	struct netvsc_gate gate;
	struct netvsc_channel *channel;
	struct rte_mempool *pool;
	uint64_t rearm;             /* of struct rte_mbuf: data_off, refcnt, nb_segs, port */
	uint32_t data_room;         /* of one mbuf, behind the headroom */
	/* How many lengths of frames are plain, from an Ethernet header's on: those
	 * that fit one mbuf; none while an RSC run is unfinished. */
	uint32_t plain_lengths;
	uint32_t frame_off;         /* of the last frame in its range: the next ones' too */
	uint32_t lend_over;         /* longer frames are lent (netvsc_lease.h); UINT32_MAX: none */
	bool unusual;               /* a burst's end has more to do: it lends, or a run is unfinished */
	bool scatter;
	bool vlan_strip;
	bool want_hash;
	bool want_ptype;
	bool lro;
	uint16_t port_id, queue_id;
	struct rte_mbuf *run_head, *run_last;   /* of an unfinished RSC run */
	uint32_t run_bytes, run_pieces;
	uint32_t run_end;           /* its transfer's ranges end here; free-running */
	uint16_t run_id;
	struct rndis_rx_layout layout;  /* of the last frame's information */
	struct netvsc_rx_counters counters __rte_cache_aligned;
	/* control's */
	struct netvsc_rx_counters base; /* what they were at the last reset */
	uint16_t nb_desc, free_thresh;
	uint32_t lookers;           /* threads inside netvsc_rx_queue_count(); atomic */
	uint64_t offloads;
	bool deferred_start;
};

/* The most pieces that hosts make runs of. */
#define NETVSC_RUN_PIECES_MAX 562u

/* The place to say which lengths are not just copied: frames of those come to
 * deliver_odd() of netvsc_rx.c. */
static inline uint32_t
netvsc_rx_plain_lengths(const struct netvsc_rxq *rxq)
{
	uint32_t longest = RTE_MIN(rxq->data_room, rxq->lend_over);

	return longest < RTE_ETHER_HDR_LEN ? 0 : longest - RTE_ETHER_HDR_LEN + 1;
}

/* Gives up the unfinished run, if there is one; its pieces are counted if `count`. */
void netvsc_rx_run_drop(struct netvsc_rxq *rxq, bool count);
/* Delivers frames of the queue's backlog; returns how many mbufs were put. */
uint16_t netvsc_rx_deliver(struct netvsc_rxq *rxq, struct rte_mbuf **pkts, uint16_t nb_pkts);

#endif /* NETVSC_RX_H */
