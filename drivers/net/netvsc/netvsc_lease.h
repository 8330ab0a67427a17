/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NETVSC_LEASE_H
#define NETVSC_LEASE_H

/*
 * Zero-copy receive (devargs rx_extmbuf_enable and rx_copybreak): mbufs that
 * point to their frame in the receive buffer. Such a frame is lent.
 *
 * A lease is a transfer of which mbufs are out. They share its shared info, which
 * counts them. Whoever frees the last, on any thread, gives the lease back by
 * pushing it to its lender's stack; the next to hold the channel's lock writes the
 * acknowledgement: one for each transfer, when nothing points into it any more.
 * There is one lender for each open channel. It lends its part of half of the
 * sections; beyond that frames are copied, so that the host never runs dry,
 * however long an application keeps its mbufs.
 *
 * When the link is closed with mbufs still out, a private copy takes the place of
 * the receive buffer at its address. The lender and the copy go with the last mbuf.
 *
 * All of it is in memory that processes share. The exception is the callback in the
 * shared info, a function of the process that received: DPDK's API knows nothing
 * else, so another process must not free such mbufs.
 */

#include "netvsc_rx.h"
#include "rndis_packet.h"

/* The receive buffer of one opening of the link. */
struct netvsc_region {
	uint32_t refs;              /* the open link and each lender; atomic */
	bool kept;                  /* addr is a copy, to be freed at the end */
	uint8_t *addr;
	uint64_t bytes;
	uint32_t page_bytes;
	uint32_t pages;             /* of iova; 0: addresses are IOVAs */
	rte_iova_t iova[];          /* of each page */
};

struct netvsc_lease {
	struct rte_mbuf_ext_shared_info shinfo;
	struct netvsc_lender *lender;
	uint64_t transaction_id;
	uint32_t sections;          /* of the receive buffer, at most */
	uint32_t next;              /* in whatever list it is */
} __rte_cache_aligned;

/* Leases are named by their place in the array. Grouped by who writes. */
struct netvsc_lender {
	struct netvsc_region *region;
	uint32_t count;
	uint32_t frame_sections;    /* that a frame takes up, at most */
	uint32_t limit;             /* sections that may be lent */
	/* any thread's */
	uint32_t returned __rte_cache_aligned;  /* stack; atomic */
	int32_t left;               /* leases out when the link was closed; atomic */
	/* of whoever holds the channel's lock */
	uint32_t pending __rte_cache_aligned;   /* returned, not acknowledged */
	uint32_t settled;           /* stack of acknowledged ones; atomic */
	/* the receive queue's */
	uint32_t free __rte_cache_aligned;
	uint32_t lent;              /* sections */
	struct netvsc_lease *open;  /* of the transfer under delivery, or NULL */
	uint32_t ended;             /* to be returned when their ranges have left the backlog */
	uint32_t open_end;          /* its ranges end here */
	uint16_t credits;           /* references to it that are ours */
	bool shared;                /* the application has mbufs of it already */
	/* The transfer last looked at, where its ranges start, and where those of the
	 * first undelivered one do; all free-running. */
	uint32_t transfer, start, tail_start;
	struct netvsc_lease lease[];
};

#define NETVSC_LEASE_NONE UINT32_MAX

/* ---- control: no burst inside the queues' gates ---- */

/* After the link was opened, or has more channels: each gets a lender and its share,
 * if anything is to be lent. Without memory for it frames are copied. */
void netvsc_lease_open(struct netvsc_device *dev);
/* Before the receive buffer is unmapped. */
void netvsc_lease_close(struct netvsc_device *dev, struct vmbus_device *vmbus);
/* What is in the backlog is about to be dropped. */
void netvsc_lease_skip(struct netvsc_channel *channel);

/* ---- the receive queue ---- */

/* Makes the mbuf, a fresh one, point to the frame of a range. False if that must
 * not be: then the mbuf is as before, and the frame is to be copied. */
bool netvsc_lease_lend(struct netvsc_rxq *rxq, const struct vmbus_transfer_range *range,
	const struct rndis_rx_view *view, struct rte_mbuf *m);
/* Before and after `used` more ranges are delivered. */
void netvsc_lease_advance(struct netvsc_channel *channel, uint32_t used);
void netvsc_lease_settle(struct netvsc_channel *channel);

/* ---- acknowledgements ---- */

/* Is there anything to acknowledge? Without the lock, within a gate or under the
 * control lock. */
static inline bool
netvsc_lease_owed(const struct netvsc_channel *channel)
{
	const struct netvsc_lender *lender = channel->lender;

	return lender != NULL && (__atomic_load_n(&lender->pending, __ATOMIC_RELAXED) !=
		NETVSC_LEASE_NONE || __atomic_load_n(&lender->returned, __ATOMIC_RELAXED) !=
		NETVSC_LEASE_NONE);
}

/* With the channel's lock: how many leases came back and are to be acknowledged;
 * they are on the list `pending`. */
uint32_t netvsc_lease_collect(struct netvsc_lender *lender);
/* The first `count` of them were: they can be lent again. */
void netvsc_lease_acked(struct netvsc_lender *lender, uint32_t count);

/* ---- transmit ---- */

/* Was this mbuf with an external buffer lent by a link that was closed since? Then
 * it is not where its IOVA says. */
bool netvsc_lease_stale(const struct rte_mbuf *m);

#endif /* NETVSC_LEASE_H */
