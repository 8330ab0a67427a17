/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NETVSC_FRAME_H
#define NETVSC_FRAME_H

/*
 * A frame as it goes to the host, and the RNDIS header before it. Inline: it is
 * the path of every frame sent. The mbuf is only read.
 */

#include <string.h>

#include "netvsc_tx.h"

#define FRAME_MACS_BYTES (2u * RTE_ETHER_ADDR_LEN)
#define FRAME_TAGGED_BYTES (FRAME_MACS_BYTES + RTE_VLAN_HLEN)

/*
 * A frame as it goes to the host. Hosts drop frames that carry an 802.1Q tag
 * where a driver could have put it beside the frame; so such a tag is left out
 * when the frame is copied or listed. The mbuf is not touched: it may be shared.
 */
struct netvsc_tx_frame {
	const struct rte_mbuf *m;
	uint32_t bytes;             /* without the tag */
	uint32_t skip;              /* FRAME_TAGGED_BYTES if there is one, else 0 */
	uint16_t tci;               /* of the tag, or of the mbuf's own */
	bool vlan;
	uint8_t macs[FRAME_MACS_BYTES];
};

static inline void
frame_untag(struct netvsc_tx_frame *frame, const uint8_t *head)
{
	frame->skip = FRAME_TAGGED_BYTES;
	frame->bytes -= RTE_VLAN_HLEN;
	frame->tci = (uint16_t)(head[FRAME_MACS_BYTES + 2] << 8 | head[FRAME_MACS_BYTES + 3]);
	frame->vlan = true;
	memcpy(frame->macs, head, FRAME_MACS_BYTES);
}

static inline void
frame_look(struct netvsc_tx_frame *frame, const struct rte_mbuf *m)
{
	uint8_t copy[FRAME_TAGGED_BYTES];
	const uint8_t *head;

	frame->m = m;
	frame->bytes = m->pkt_len;
	frame->skip = 0;
	frame->vlan = (m->ol_flags & RTE_MBUF_F_TX_VLAN) != 0;
	frame->tci = m->vlan_tci;
	if (unlikely(frame->vlan) || m->pkt_len < FRAME_TAGGED_BYTES + 2)
		return;
	head = rte_pktmbuf_read(m, 0, FRAME_TAGGED_BYTES, copy);
	if (unlikely(head != NULL && head[FRAME_MACS_BYTES] == RTE_ETHER_TYPE_VLAN >> 8 &&
	    head[FRAME_MACS_BYTES + 1] == (RTE_ETHER_TYPE_VLAN & 0xff)))
		frame_untag(frame, head);
}

/* The mbuf and the place in it where the frame goes on behind what is skipped. */
static inline const struct rte_mbuf *
frame_rest(const struct netvsc_tx_frame *frame, uint32_t *at)
{
	const struct rte_mbuf *m = frame->m;

	*at = frame->skip;
	while (unlikely(m != NULL && *at >= m->data_len)) {
		*at -= m->data_len;
		m = m->next;
	}
	return m;
}

/* ---- headers ---- */

static inline void
header_ppi(struct netvsc_tx_header *header, unsigned int *count, uint32_t type, uint32_t value)
{
	header->ppi[*count].header.bytes = sizeof(header->ppi[0]);
	header->ppi[*count].header.type = type;
	header->ppi[*count].header.data_offset = sizeof(struct rndis_ppi);
	header->ppi[*count].value = value;
	++*count;
}

static inline uint32_t
vlan_info(uint16_t tci)
{
	return ((uint32_t)tci & 0xfff) << RNDIS_VLAN_ID_SHIFT |
		((tci & 0x1000) != 0 ? RNDIS_VLAN_DEI : 0) | (uint32_t)tci >> 13;
}

static inline uint32_t
csum_info(const struct rte_mbuf *m, uint32_t l4_offset)
{
	uint64_t l4 = m->ol_flags & RTE_MBUF_F_TX_L4_MASK;
	uint32_t info = (m->ol_flags & RTE_MBUF_F_TX_IPV6) != 0 ?
		RNDIS_TX_CSUM_IPV6 : RNDIS_TX_CSUM_IPV4;

	if ((m->ol_flags & RTE_MBUF_F_TX_IP_CKSUM) != 0)
		info |= RNDIS_TX_CSUM_IP_HEADER;
	if (l4 == RTE_MBUF_F_TX_TCP_CKSUM)
		info |= RNDIS_TX_CSUM_TCP;
	else if (l4 == RTE_MBUF_F_TX_UDP_CKSUM)
		info |= RNDIS_TX_CSUM_UDP;
	else
		return info;
	return info | l4_offset << RNDIS_TX_CSUM_L4_OFFSET_SHIFT;
}

static inline uint32_t
lso_info(const struct rte_mbuf *m, uint32_t l4_offset)
{
	return m->tso_segsz | l4_offset << RNDIS_LSO_L4_OFFSET_SHIFT |
		RNDIS_LSO_V2 | ((m->ol_flags & RTE_MBUF_F_TX_IPV6) != 0 ? RNDIS_LSO_IPV6 : 0);
}

#define TX_CSUM_FLAGS (RTE_MBUF_F_TX_L4_MASK | RTE_MBUF_F_TX_IP_CKSUM)
#define TX_INFO_FLAGS (RTE_MBUF_F_TX_TCP_SEG | TX_CSUM_FLAGS)

static inline void
header_offloads(const struct netvsc_tx_frame *frame, struct netvsc_tx_header *header,
	unsigned int *count)
{
	const struct rte_mbuf *m = frame->m;
	uint32_t l4_offset = (uint32_t)(m->l2_len + m->l3_len) -
		(frame->skip != 0 ? RTE_VLAN_HLEN : 0);

	if ((m->ol_flags & RTE_MBUF_F_TX_TCP_SEG) != 0)
		header_ppi(header, count, RNDIS_PPI_LSO, lso_info(m, l4_offset));
	else
		header_ppi(header, count, RNDIS_PPI_CHECKSUM, csum_info(m, l4_offset));
}

/* Lays out the header of a frame; returns the header's length. */
static inline uint32_t
header_build(const struct netvsc_txq *txq, const struct netvsc_tx_frame *frame,
	struct netvsc_tx_header *header)
{
	unsigned int count = 0;
	uint32_t header_bytes;

	/* The hash value decides the channel on which the completion comes. */
	header_ppi(header, &count, RNDIS_PPI_HASH_VALUE, txq->queue_id);
	if (unlikely(frame->vlan))
		header_ppi(header, &count, RNDIS_PPI_VLAN, vlan_info(frame->tci));
	if (unlikely((frame->m->ol_flags & TX_INFO_FLAGS) != 0))
		header_offloads(frame, header, &count);
	header_bytes = (uint32_t)(sizeof(header->packet) + count * sizeof(header->ppi[0]));
	header->packet = (struct rndis_packet) {
		.header = { RNDIS_PACKET, header_bytes + frame->bytes },
		.data_offset = header_bytes - (uint32_t)sizeof(struct rndis_header),
		.data_bytes = frame->bytes,
		.ppi_offset = sizeof(header->packet) - sizeof(struct rndis_header),
		.ppi_bytes = (uint32_t)(count * sizeof(header->ppi[0])),
	};
	return header_bytes;
}

#endif /* NETVSC_FRAME_H */
