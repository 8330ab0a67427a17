/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Frames from the backlog to mbufs. The ranges were checked when they were
 * taken from the ring; here the RNDIS message within each is decoded (once,
 * into a view) and its frame copied: the receive buffer is the host's to
 * change, an mbuf is not.
 */

#include "netvsc_rx.h"

#include <errno.h>
#include <string.h>

#include <rte_prefetch.h>

#include "netvsc_lease.h"
#include "netvsc_plain.h"

/* The longest segment IP can hold, with its headers and a tag. */
#define RUN_BYTES_MAX (UINT16_MAX + (uint32_t)sizeof(struct rte_ipv6_hdr) + \
	RTE_ETHER_HDR_LEN + RTE_VLAN_HLEN)

/* ---- what the host says about a frame, as mbuf flags ---- */

static inline uint64_t
csum_flags(uint32_t csum)
{
	uint64_t flags = 0;

	if ((csum & RNDIS_RX_CSUM_IP_BAD) != 0)
		flags |= RTE_MBUF_F_RX_IP_CKSUM_BAD;
	else if ((csum & RNDIS_RX_CSUM_IP_OK) != 0)
		flags |= RTE_MBUF_F_RX_IP_CKSUM_GOOD;
	if ((csum & (RNDIS_RX_CSUM_TCP_BAD | RNDIS_RX_CSUM_UDP_BAD)) != 0)
		flags |= RTE_MBUF_F_RX_L4_CKSUM_BAD;
	else if ((csum & (RNDIS_RX_CSUM_TCP_OK | RNDIS_RX_CSUM_UDP_OK)) != 0)
		/* The data was verified, though the field may not be valid. */
		flags |= (csum & RNDIS_RX_CSUM_TCP_VALUE_INVALID) != 0 ?
			RTE_MBUF_F_RX_L4_CKSUM_NONE : RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	return flags;
}

static void
mbuf_vlan(const struct netvsc_rxq *rxq, struct rte_mbuf *m, const struct rndis_rx_view *view)
{
	if ((view->has & RNDIS_RX_VLAN) != 0) {
		m->vlan_tci = vlan_tci(view->vlan);
		m->ol_flags |= RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;
		if (!rxq->vlan_strip && rte_vlan_insert(&m) == 0)
			m->ol_flags &= ~(RTE_MBUF_F_RX_VLAN_STRIPPED);
	} else if (rxq->vlan_strip && m->data_len >= RTE_ETHER_HDR_LEN + RTE_VLAN_HLEN) {
		/* Hosts without such information leave the tag where it is. */
		rte_vlan_strip(m);
	}
}

static void
mbuf_describe(struct netvsc_rxq *rxq, struct rte_mbuf *m, const struct rndis_rx_view *view)
{
	if ((view->has & RNDIS_RX_CSUM) != 0) {
		m->ol_flags |= csum_flags(view->csum);
		rxq->counters.csum_bad += (view->csum & (RNDIS_RX_CSUM_IP_BAD |
			RNDIS_RX_CSUM_TCP_BAD | RNDIS_RX_CSUM_UDP_BAD)) != 0;
	}
	if ((view->has & RNDIS_RX_HASH_VALUE) != 0 && rxq->want_hash) {
		m->hash.rss = view->hash_value;
		m->ol_flags |= RTE_MBUF_F_RX_RSS_HASH;
	}
	mbuf_vlan(rxq, m, view);
	if (rxq->want_ptype)
		m->packet_type = netvsc_ptype(m);
}

/* ---- copying ---- */

static inline void
mbuf_rearm(const struct netvsc_rxq *rxq, struct rte_mbuf *m)
{
	/* data_off, refcnt, nb_segs and port are 8 bytes in a row. */
	memcpy((uint8_t *)m + offsetof(struct rte_mbuf, data_off), &rxq->rearm, sizeof(rxq->rearm));
	m->ol_flags = 0;
	m->packet_type = 0;
	m->next = NULL;
}

/* Spreads a frame over a chain, the first mbuf of which is there already.
 * Returns 0, or -ENOMEM with the chain as far as it got. */
static int
chain_copy(struct netvsc_rxq *rxq, struct rte_mbuf *head, const uint8_t *frame, uint32_t bytes)
{
	struct rte_mbuf *last = head;
	uint32_t piece = RTE_MIN(bytes, rxq->data_room);

	head->pkt_len = bytes;
	for (;;) {
		memcpy(rte_pktmbuf_mtod(last, void *), frame, piece);
		last->data_len = (uint16_t)piece;
		frame += piece;
		bytes -= piece;
		if (bytes == 0)
			return 0;
		last->next = rte_mbuf_raw_alloc(rxq->pool);
		if (last->next == NULL)
			return -ENOMEM;
		last = last->next;
		mbuf_rearm(rxq, last);
		head->nb_segs++;
		piece = RTE_MIN(bytes, rxq->data_room);
	}
}

/* Fills a fresh mbuf with the frame of one range. A frame shorter than 60 bytes is
 * delivered as it is; so is one that is longer than the MTU, as far as mbufs hold
 * it: the MTU limits what is sent, and some hosts know no other limit. Returns 0; or -errno: the
 * mbuf was not used. -ENOMEM: try again later; any other is counted. */
static int
range_to_mbuf(struct netvsc_rxq *rxq, const struct vmbus_transfer_range *range,
	struct rte_mbuf *m, struct rndis_rx_view *view)
{
	const uint8_t *message = rxq->channel->dev->recv_buffer + range->byte_offset;

	if (unlikely(rndis_packet_decode(message, range->byte_count, view) < 0)) {
		rxq->counters.malformed++;
		return -EPROTO;
	}
	mbuf_rearm(rxq, m);
	if (view->frame_bytes > rxq->lend_over) {
		if (netvsc_lease_lend(rxq, range, view, m))
			return 0;
		rxq->counters.lend_refused++;
	}
	if (likely(view->frame_bytes <= rxq->data_room)) {
		memcpy(rte_pktmbuf_mtod(m, void *), message + view->frame_off,
			view->frame_bytes);
		m->data_len = (uint16_t)view->frame_bytes;
		m->pkt_len = view->frame_bytes;
		return 0;
	}
	if (!rxq->scatter || view->frame_bytes > RUN_BYTES_MAX ||
	    view->frame_bytes > (uint64_t)rxq->pool->size * rxq->data_room) {
		rxq->counters.oversize++;
		return -EMSGSIZE;
	}
	if (chain_copy(rxq, m, message + view->frame_off, view->frame_bytes) == 0)
		return 0;
	rte_pktmbuf_free(m->next);
	m->next = NULL;
	m->nb_segs = 1;
	return -ENOMEM;
}

/* ---- RSC: the pieces of a coalesced segment become one chain ---- */

/* Frames are plain again. */
static struct rte_mbuf *
run_end(struct netvsc_rxq *rxq)
{
	struct rte_mbuf *head = rxq->run_head;

	rxq->run_head = NULL;
	rxq->unusual = rxq->lend_over != UINT32_MAX;
	rxq->plain_lengths = netvsc_rx_plain_lengths(rxq);
	return head;
}

void
netvsc_rx_run_drop(struct netvsc_rxq *rxq, bool count)
{
	if (rxq->run_head == NULL)
		return;
	if (count)
		rxq->counters.rsc_broken += rxq->run_pieces;
	rte_pktmbuf_free(run_end(rxq));
}

/* The range at `index` may be of any transfer that was not finished yet. */
static uint32_t
transfer_end(const struct netvsc_backlog *backlog, uint32_t index)
{
	uint32_t transfer = backlog->transfer_tail;

	while ((int32_t)(index - backlog->transfers[transfer & backlog->mask].range_end) >= 0)
		transfer++;
	return backlog->transfers[transfer & backlog->mask].range_end;
}

static void
run_start(struct netvsc_rxq *rxq, struct rte_mbuf *m, const struct rndis_rx_view *view,
	uint32_t index)
{
	struct rte_net_hdr_lens lens = { 0 };
	uint32_t header_bytes;

	mbuf_describe(rxq, m, view);
	rte_net_get_ptype(m, &lens, NETVSC_PTYPES);
	header_bytes = (uint32_t)lens.l2_len + lens.l3_len + lens.l4_len;
	m->ol_flags |= RTE_MBUF_F_RX_LRO;
	m->tso_segsz = (uint16_t)(m->pkt_len > header_bytes ? m->pkt_len - header_bytes : 0);
	rxq->run_head = m;
	rxq->unusual = true;
	rxq->plain_lengths = 0;
	rxq->run_bytes = m->pkt_len;
	rxq->run_pieces = 1;
	rxq->run_end = transfer_end(&rxq->channel->backlog, index);
	rxq->run_id = view->packet_id.packet_id;
}

/* Whether a piece goes on where the run is; a run lies within one transfer. */
static bool
run_continues(const struct netvsc_rxq *rxq, const struct rte_mbuf *m,
	const struct rndis_rx_view *view, uint32_t index)
{
	return rxq->run_head != NULL && view->packet_id.packet_id == rxq->run_id &&
		(int32_t)(index - rxq->run_end) < 0 && m->pkt_len != 0 &&
		rxq->run_pieces < NETVSC_RUN_PIECES_MAX &&
		rxq->run_head->nb_segs + m->nb_segs <= RTE_MBUF_MAX_NB_SEGS &&
		rxq->run_bytes + m->pkt_len <= RUN_BYTES_MAX;
}

/* Adds a piece, the range at `index`; returns the finished chain, or NULL. Takes
 * the mbuf. */
static struct rte_mbuf *
run_add(struct netvsc_rxq *rxq, struct rte_mbuf *m, const struct rndis_rx_view *view,
	uint32_t index)
{
	uint8_t flags = view->packet_id.flags;
	struct rte_mbuf *head;

	if (rxq->lro && (flags & RNDIS_PACKET_ID_FIRST) != 0 && m->pkt_len >= RTE_ETHER_HDR_LEN) {
		netvsc_rx_run_drop(rxq, true);  /* the one before never ended */
		run_start(rxq, m, view, index);
	} else if (!run_continues(rxq, m, view, index)) {
		netvsc_rx_run_drop(rxq, true);
		rxq->counters.rsc_broken++;
		rte_pktmbuf_free(m);
		return NULL;
	} else {
		rxq->run_last->next = m;
		rxq->run_head->nb_segs = (uint16_t)(rxq->run_head->nb_segs + m->nb_segs);
		rxq->run_bytes += m->pkt_len;
		rxq->run_pieces++;
	}
	rxq->run_last = rte_pktmbuf_lastseg(m);
	if ((flags & RNDIS_PACKET_ID_LAST) == 0)
		return NULL;
	head = run_end(rxq);
	head->pkt_len = rxq->run_bytes;
	return head;
}

/* A run of one piece is a frame like any other. */
static inline bool
is_piece(const struct rndis_rx_view *view)
{
	const uint8_t whole = RNDIS_PACKET_ID_FIRST | RNDIS_PACKET_ID_LAST;

	return (view->has & RNDIS_RX_PACKET_ID) != 0 && (view->packet_id.flags & whole) != whole;
}

/* ---- delivery ---- */

/* A burst under way: fresh mbufs lie where the frames are to be delivered, the
 * delivered ones before them. */
struct delivery {
	struct rte_mbuf **pkts;     /* the first fresh one */
	struct rte_mbuf **fresh_end;
	uint64_t bytes;
};

/* A frame that is plain but for being lent. False if it is not, or cannot be lent:
 * nothing was done then. */
static inline bool
lend_plain(struct netvsc_rxq *rxq, const struct vmbus_transfer_range *range,
	struct delivery *delivery)
{
	const uint8_t *message = rxq->channel->dev->recv_buffer + range->byte_offset;
	struct rte_mbuf *m = *delivery->pkts;
	struct rndis_rx_view view = { 0 };
	struct rndis_rx_quick quick;
	uint64_t flags = 0;

	/* A tag may have to be taken out of the frame itself. */
	if (rxq->run_head != NULL || rxq->vlan_strip ||
	    !rndis_packet_quick(message, range->byte_count, &rxq->layout, &quick) ||
	    quick.frame_bytes <= rxq->lend_over ||
	    (quick.has != 0 && !plain_info(rxq, message, quick.has, m, &flags)))
		return false;
	view.frame_off = quick.frame_off;
	view.frame_bytes = quick.frame_bytes;
	plain_fill(rxq, m, flags, quick.frame_bytes);
	if (!netvsc_lease_lend(rxq, range, &view, m))
		return false;
	m->packet_type = rxq->want_ptype ?
		netvsc_ptype_of(m, message + quick.frame_off, quick.frame_bytes) : 0;
	delivery->pkts++;
	delivery->bytes += quick.frame_bytes;
	return true;
}

/* One range that is not plain: 0 if it is done, be it delivered, kept for later
 * or counted; -ENOMEM if it must be tried again. What wants more of a frame than a
 * copy gets it here. */
static __attribute__((noinline)) int
deliver_odd(struct netvsc_rxq *rxq, const struct vmbus_transfer_range *range,
	struct delivery *delivery)
{
	const struct netvsc_backlog *backlog = &rxq->channel->backlog;
	uint32_t slot = (uint32_t)(range - backlog->ranges);
	struct rte_mbuf *m = *delivery->pkts;
	struct rndis_rx_view view;
	int ret;

	if (rxq->lend_over != UINT32_MAX && lend_plain(rxq, range, delivery))
		return 0;
	ret = range_to_mbuf(rxq, range, m, &view);
	if (ret == -ENOMEM)
		return ret;
	if (ret == 0 && is_piece(&view)) {
		/* The slot is of the range_tail's lap, or of the next. */
		m = run_add(rxq, m, &view, backlog->range_tail +
			((slot - backlog->range_tail) & backlog->mask));
		if (m == NULL) {        /* taken: another fresh one fills its place */
			*delivery->pkts = *--delivery->fresh_end;
			return 0;
		}
	} else {
		/* What comes between the pieces of a run, or is lost there, breaks it. */
		if (rxq->run_head != NULL)
			netvsc_rx_run_drop(rxq, true);
		if (ret < 0)
			return 0;
		if (view.frame_bytes < RTE_ETHER_HDR_LEN) {
			rxq->counters.runts++;
			return 0;
		}
		mbuf_describe(rxq, m, &view);
	}
	*delivery->pkts++ = m;
	delivery->bytes += m->pkt_len;
	return 0;
}

/* Tells the drainer how far the transfers are delivered. */
static inline void
transfers_finish(struct netvsc_backlog *backlog, uint32_t used)
{
	const uint32_t range_tail = backlog->range_tail + used;
	uint32_t tail = backlog->transfer_tail;
	/* Each transfer has a range at least: it cannot be more of them than this. */
	uint32_t most = tail + RTE_MIN(used, backlog->transfer_seen - tail);

	if (backlog->transfers[(most - 1) & backlog->mask].range_end == range_tail)
		tail = most;
	while (tail != most &&
	       (int32_t)(range_tail - backlog->transfers[tail & backlog->mask].range_end) >= 0)
		tail++;
	/* Partner: the drainer's acquire loads: our copies are complete, the host
	 * may have the sections and the drainer the slots. */
	__atomic_store_n(&backlog->range_tail, range_tail, __ATOMIC_RELEASE);
	__atomic_store_n(&backlog->transfer_tail, tail, __ATOMIC_RELEASE);
}

/* The same where there may be a lease, or a run, that ends with its transfer. */
static __attribute__((noinline)) void
transfers_finish_unusual(struct netvsc_rxq *rxq, uint32_t used)
{
	struct netvsc_channel *channel = rxq->channel;

	if (channel->lender != NULL)
		netvsc_lease_advance(channel, used);
	transfers_finish(&channel->backlog, used);
	if (channel->lender != NULL)
		netvsc_lease_settle(channel);
	if (rxq->run_head != NULL && (int32_t)(channel->backlog.range_tail - rxq->run_end) >= 0)
		netvsc_rx_run_drop(rxq, true);  /* its transfer ended, it did not */
}

/* As many fresh mbufs as there are, up to `want`: a few frames are better than
 * none, and a pool may be smaller than the burst. */
static inline uint32_t
mbufs_get(struct netvsc_rxq *rxq, struct rte_mbuf **fresh, uint32_t want)
{
	while (want != 0 && unlikely(rte_mempool_get_bulk(rxq->pool, (void **)fresh, want) < 0))
		want /= 2;
	return want;
}

/* A message's header, and its frame, where the last one was. */
static inline void
prefetch_range(const uint8_t *recv_buffer, const struct vmbus_transfer_range *range,
	uint32_t frame_off)
{
	rte_prefetch0(recv_buffer + range->byte_offset);
	rte_prefetch0(recv_buffer + range->byte_offset + frame_off);
}

/* Delivers `count` ranges, which lie one behind the other; returns how many were
 * done with. */
static inline uint32_t
deliver(struct netvsc_rxq *rxq, const struct vmbus_transfer_range *range, uint32_t count,
	struct delivery *delivery)
{
	const uint8_t *recv_buffer = rxq->channel->dev->recv_buffer;
	const struct vmbus_transfer_range *first = range, *end = range + count;
	struct delivery d = *delivery;  /* in registers */
	uint32_t bytes;

	for (uint32_t i = 0; i < NETVSC_RX_PREFETCH; i++)
		prefetch_range(recv_buffer, range + i, rxq->frame_off);
	for (; range != end; range++) {
		prefetch_range(recv_buffer, range + NETVSC_RX_PREFETCH, rxq->frame_off);
		bytes = plain_deliver(rxq, recv_buffer + range->byte_offset, range->byte_count,
			*d.pkts);
		if (likely(bytes != 0)) {
			d.bytes += bytes;
			d.pkts++;
			continue;
		}
		*delivery = d;
		if (deliver_odd(rxq, range, delivery) < 0)
			break;
		d = *delivery;
	}
	*delivery = d;
	return (uint32_t)(range - first);
}

/* The first frame alone: its chain needs the mbufs that were got for those behind. */
static __attribute__((noinline)) uint32_t
deliver_first(struct netvsc_rxq *rxq, const struct vmbus_transfer_range *range,
	struct delivery *delivery)
{
	struct rte_mbuf **others = delivery->pkts + 1;

	rte_mempool_put_bulk(rxq->pool, (void **)others,
		(unsigned int)(delivery->fresh_end - others));
	delivery->fresh_end = others;
	return deliver_odd(rxq, range, delivery) == 0 ? 1 : 0;
}

uint16_t
netvsc_rx_deliver(struct netvsc_rxq *rxq, struct rte_mbuf **pkts, uint16_t nb_pkts)
{
	struct netvsc_backlog *backlog = &rxq->channel->backlog;
	uint32_t slot = backlog->range_tail & backlog->mask;
	uint32_t waiting = RTE_MIN(backlog->range_seen - backlog->range_tail,
		backlog->mask + 1 - slot);
	uint32_t want = RTE_MIN((uint32_t)nb_pkts, waiting);
	uint32_t got = mbufs_get(rxq, pkts, want), used;
	struct delivery delivery = { .pkts = pkts, .fresh_end = pkts + got };

	used = deliver(rxq, &backlog->ranges[slot], got, &delivery);
	if (unlikely(used == 0 && got > 1))
		used = deliver_first(rxq, &backlog->ranges[slot], &delivery);
	/* Without mbufs the frames wait in the receive buffer. */
	rxq->counters.mbuf_waits += used < want;
	if (unlikely(delivery.pkts != delivery.fresh_end))
		rte_mempool_put_bulk(rxq->pool, (void **)delivery.pkts,
			(unsigned int)(delivery.fresh_end - delivery.pkts));
	if (unlikely(rxq->unusual))
		transfers_finish_unusual(rxq, used);
	else
		transfers_finish(backlog, used);
	rxq->counters.packets += (uint64_t)(delivery.pkts - pkts);
	rxq->counters.bytes += delivery.bytes;
	return (uint16_t)(delivery.pkts - pkts);
}
