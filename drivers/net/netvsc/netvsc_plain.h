/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NETVSC_PLAIN_H
#define NETVSC_PLAIN_H

/*
 * The plain frame, which nearly all are: its message is laid out as usual, it
 * fits one mbuf, its checksums are not wrong, and nothing but a copy is to be
 * done. Inline: it is the path of every frame received. Whatever is not plain is
 * left to netvsc_rx.c, as it is.
 */

#include <rte_net.h>

#include "netvsc_copy.h"
#include "netvsc_ptype.h"
#include "netvsc_rx.h"
#include "rndis_packet.h"

#define PLAIN_HAS(type) (1u << RNDIS_PPI_ ## type)
#define PLAIN_CSUM_OK (RNDIS_RX_CSUM_TCP_OK | RNDIS_RX_CSUM_UDP_OK | RNDIS_RX_CSUM_IP_OK)
#define PLAIN_CSUM_SHIFT 3u
/* Anything of these is not plain. */
#define PLAIN_CSUM_ODD (RNDIS_RX_CSUM_TCP_BAD | RNDIS_RX_CSUM_UDP_BAD | \
	RNDIS_RX_CSUM_IP_BAD | RNDIS_RX_CSUM_TCP_VALUE_INVALID)

#define PLAIN_GOOD(csum) \
	(((csum) & RNDIS_RX_CSUM_IP_OK) != 0 ? RTE_MBUF_F_RX_IP_CKSUM_GOOD : 0) | \
	(((csum) & ~RNDIS_RX_CSUM_IP_OK) != 0 ? RTE_MBUF_F_RX_L4_CKSUM_GOOD : 0)
/* By the bits of PLAIN_CSUM_OK: flags of mbufs, all below 1 << 16. */
static const uint16_t plain_csum_flags[8] = {
	PLAIN_GOOD(0x00u), PLAIN_GOOD(0x08u), PLAIN_GOOD(0x10u), PLAIN_GOOD(0x18u),
	PLAIN_GOOD(0x20u), PLAIN_GOOD(0x28u), PLAIN_GOOD(0x30u), PLAIN_GOOD(0x38u),
};
_Static_assert((RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD) <= UINT16_MAX,
	"flags of good checksums");
_Static_assert(PLAIN_CSUM_OK >> PLAIN_CSUM_SHIFT == 7, "bits of good checksums");

/* Host: priority 0-2, DEI 3, id 4-15. Wire: priority 13-15, DEI 12, id 0-11. */
static inline uint16_t
vlan_tci(uint32_t vlan)
{
	return (uint16_t)((vlan & RNDIS_VLAN_ID_MASK) >> RNDIS_VLAN_ID_SHIFT |
		(vlan & RNDIS_VLAN_DEI) << 9 | (vlan & RNDIS_VLAN_PRIORITY_MASK) << 13);
}

/* What the host says about the frame, as flags and values of the mbuf; false if it
 * says something odd. */
static inline bool
plain_info(const struct netvsc_rxq *rxq, const uint8_t *message, uint32_t has, struct rte_mbuf *m,
	uint64_t *flags)
{
	if (likely((has & PLAIN_HAS(CHECKSUM)) != 0)) {
		uint32_t csum = rndis_quick_value(&rxq->layout, message, RNDIS_PPI_CHECKSUM);

		if (unlikely((csum & PLAIN_CSUM_ODD) != 0))
			return false;
		*flags = plain_csum_flags[(csum & PLAIN_CSUM_OK) >> PLAIN_CSUM_SHIFT];
	}
	if ((has & PLAIN_HAS(HASH_VALUE)) != 0 && rxq->want_hash) {
		m->hash.rss = rndis_quick_value(&rxq->layout, message, RNDIS_PPI_HASH_VALUE);
		*flags |= RTE_MBUF_F_RX_RSS_HASH;
	}
	if ((has & PLAIN_HAS(VLAN)) == 0)
		return true;
	m->vlan_tci = vlan_tci(rndis_quick_value(&rxq->layout, message, RNDIS_PPI_VLAN));
	*flags |= RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;
	return rxq->vlan_strip;
}

static inline void
plain_fill(const struct netvsc_rxq *rxq, struct rte_mbuf *m, uint64_t flags, uint32_t bytes)
{
	/* data_off, refcnt, nb_segs and port are 8 bytes in a row. */
	memcpy((uint8_t *)m + offsetof(struct rte_mbuf, data_off), &rxq->rearm, sizeof(rxq->rearm));
	m->ol_flags = flags;
	m->pkt_len = bytes;
	m->data_len = (uint16_t)bytes;
}

/* Copies the frame of one range into a fresh mbuf, of which the pool says that
 * `next` is NULL. Returns how many bytes are delivered; or 0 if it is not plain: then
 * the mbuf is as good as before. */
static inline uint32_t
plain_deliver(struct netvsc_rxq *rxq, const uint8_t *message, uint32_t range_bytes,
	struct rte_mbuf *m)
{
	uint8_t *to = (uint8_t *)m->buf_addr + RTE_PKTMBUF_HEADROOM;
	struct rndis_rx_quick quick;
	uint64_t flags = 0;

	/* One comparison for the shortest, the longest, and an unfinished RSC run. */
	if (unlikely(!rndis_packet_quick(message, range_bytes, &rxq->layout, &quick) ||
	    quick.frame_bytes - RTE_ETHER_HDR_LEN >= rxq->plain_lengths ||
	    (quick.has != 0 && !plain_info(rxq, message, quick.has, m, &flags))))
		return 0;
	rxq->frame_off = quick.frame_off;
	plain_fill(rxq, m, flags, quick.frame_bytes);
	netvsc_copy(to, message + quick.frame_off, quick.frame_bytes);
	/* Hosts without such information leave the tag where it is. */
	if (unlikely(rxq->vlan_strip) && (m->ol_flags & RTE_MBUF_F_RX_VLAN) == 0 &&
	    quick.frame_bytes >= RTE_ETHER_HDR_LEN + RTE_VLAN_HLEN && rte_vlan_strip(m) == 0) {
		m->packet_type = rxq->want_ptype ? netvsc_ptype(m) : 0;
		return m->pkt_len;
	}
	m->packet_type = rxq->want_ptype ? netvsc_ptype_of(m, to, quick.frame_bytes) : 0;
	return quick.frame_bytes;
}

#endif /* NETVSC_PLAIN_H */
