/* SPDX-License-Identifier: BSD-3-Clause */

/* Frames with offloads, made ready: what the host would refuse - and with it
 * all frames of the same message - is refused here, frame by frame. */

#include <errno.h>
#include <netinet/in.h>

#include <rte_errno.h>
#include <rte_net.h>

#include "netvsc_frame.h"
#include "netvsc_status.h"
#include "netvsc_tx.h"

#define PREPARE_FLAGS (RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IPV6 | RTE_MBUF_F_TX_IP_CKSUM | \
	RTE_MBUF_F_TX_L4_MASK | RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_VLAN)
#define PREPARE_CSUM (RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_L4_MASK | RTE_MBUF_F_TX_TCP_SEG)

/* The field that tells the host where the transport header is. */
#define L4_OFFSET_MAX 0x3ffu
#define TCP_HEADER_MIN 20u
#define UDP_HEADER_BYTES 8u
/* The least that systems let a connection use; less is an error or an attack. */
#define TSO_SEGSZ_MIN 48u

/* What each flag needs to have been switched on. */
static uint64_t
offloads_needed(uint64_t flags)
{
	uint64_t needed = 0;

	if ((flags & RTE_MBUF_F_TX_VLAN) != 0)
		needed |= RTE_ETH_TX_OFFLOAD_VLAN_INSERT;
	if ((flags & RTE_MBUF_F_TX_TCP_SEG) != 0)
		return needed | RTE_ETH_TX_OFFLOAD_TCP_TSO;
	if ((flags & RTE_MBUF_F_TX_IP_CKSUM) != 0)
		needed |= RTE_ETH_TX_OFFLOAD_IPV4_CKSUM;
	if ((flags & RTE_MBUF_F_TX_L4_MASK) == RTE_MBUF_F_TX_TCP_CKSUM)
		needed |= RTE_ETH_TX_OFFLOAD_TCP_CKSUM;
	else if ((flags & RTE_MBUF_F_TX_L4_MASK) == RTE_MBUF_F_TX_UDP_CKSUM)
		needed |= RTE_ETH_TX_OFFLOAD_UDP_CKSUM;
	return needed;
}

/* The headers that the flags speak of: where they say, and in one piece. Hosts
 * take the IP header to be right behind an Ethernet header of 14 bytes: a tag
 * that does not travel beside the frame excludes offloads. */
static int
headers_check(const struct netvsc_tx_frame *frame)
{
	const struct rte_mbuf *m = frame->m;
	bool ipv4 = (m->ol_flags & RTE_MBUF_F_TX_IPV4) != 0;
	bool ipv6 = (m->ol_flags & RTE_MBUF_F_TX_IPV6) != 0;
	uint32_t tag_bytes = frame->skip != 0 ? RTE_VLAN_HLEN : 0;
	uint32_t l4 = (uint32_t)m->l2_len + m->l3_len, bytes = l4;

	if (ipv4 == ipv6 || (ipv6 && (m->ol_flags & RTE_MBUF_F_TX_IP_CKSUM) != 0))
		return -EINVAL;
	if (m->l2_len != RTE_ETHER_HDR_LEN + tag_bytes || l4 - tag_bytes > L4_OFFSET_MAX ||
	    m->l3_len < (ipv4 ? sizeof(struct rte_ipv4_hdr) : sizeof(struct rte_ipv6_hdr)))
		return -EINVAL;
	if ((m->ol_flags & RTE_MBUF_F_TX_TCP_SEG) != 0) {
		if (m->l4_len < TCP_HEADER_MIN)
			return -EINVAL;
		bytes += m->l4_len;
	} else if ((m->ol_flags & RTE_MBUF_F_TX_L4_MASK) == RTE_MBUF_F_TX_TCP_CKSUM) {
		bytes += TCP_HEADER_MIN;
	} else if ((m->ol_flags & RTE_MBUF_F_TX_L4_MASK) == RTE_MBUF_F_TX_UDP_CKSUM) {
		bytes += UDP_HEADER_BYTES;
	}
	return bytes <= m->data_len ? 0 : -EINVAL;
}

static bool
ipv4_is(const uint8_t *ip, const struct rte_mbuf *m, uint8_t proto)
{
	/* Fragments have a transport header in the first of them only. */
	return ip[0] >> 4 == 4 && (ip[0] & 0xfu) * 4 == m->l3_len &&
		(proto == 0 || (ip[9] == proto && (ip[6] & 0x3f) == 0 && ip[7] == 0));
}

static bool
ipv6_is(const uint8_t *ip, const struct rte_mbuf *m, uint8_t proto)
{
	return ip[0] >> 4 == 6 && (proto == 0 || m->l3_len > sizeof(struct rte_ipv6_hdr) ||
		ip[6] == proto);
}

/* What lies at l2_len is what the flags say. */
static int
ip_check(const struct rte_mbuf *m)
{
	const uint8_t *ip = rte_pktmbuf_mtod_offset(m, const uint8_t *, m->l2_len);
	uint16_t type = (uint16_t)(ip[-2] << 8 | ip[-1]);
	uint64_t l4 = m->ol_flags & RTE_MBUF_F_TX_L4_MASK;
	uint8_t proto = 0;

	if ((m->ol_flags & RTE_MBUF_F_TX_TCP_SEG) != 0 || l4 == RTE_MBUF_F_TX_TCP_CKSUM)
		proto = IPPROTO_TCP;
	else if (l4 == RTE_MBUF_F_TX_UDP_CKSUM)
		proto = IPPROTO_UDP;
	if ((m->ol_flags & RTE_MBUF_F_TX_IPV6) != 0)
		return type == RTE_ETHER_TYPE_IPV6 && ipv6_is(ip, m, proto) ? 0 : -EINVAL;
	return type == RTE_ETHER_TYPE_IPV4 && ipv4_is(ip, m, proto) ? 0 : -EINVAL;
}

static inline uint32_t
tso_header_bytes(const struct rte_mbuf *m)
{
	return (uint32_t)m->l2_len + m->l3_len + m->l4_len;
}

static int
tso_check(const struct netvsc_txq *txq, const struct netvsc_tx_frame *frame)
{
	const struct ndis_offload *offload = &txq->channel->dev->host.offload;
	const struct rte_mbuf *m = frame->m;
	uint32_t max = (m->ol_flags & RTE_MBUF_F_TX_IPV6) != 0 ? offload->lso_ipv6.max_bytes :
		offload->lso_ipv4.max_bytes;
	uint32_t header_bytes = tso_header_bytes(m);
	uint32_t tag_bytes = frame->skip != 0 ? RTE_VLAN_HLEN : 0;
	const uint8_t *tcp = rte_pktmbuf_mtod_offset(m, const uint8_t *, m->l2_len + m->l3_len);

	if ((tcp[12] >> 4) * 4u != m->l4_len)
		return -EINVAL;
	if (m->tso_segsz < TSO_SEGSZ_MIN ||
	    header_bytes - tag_bytes + m->tso_segsz > txq->frame_max)
		return -EINVAL;
	return m->pkt_len >= header_bytes && m->pkt_len - header_bytes <= max ? 0 : -EINVAL;
}

int
netvsc_tx_offloads_check(const struct netvsc_txq *txq, const struct netvsc_tx_frame *frame)
{
	uint64_t flags = frame->m->ol_flags & RTE_MBUF_F_TX_OFFLOAD_MASK;
	uint64_t on = txq->offloads;
	int ret = 0;

	/* Segmentation comes with the checksums of what it makes. */
	if ((on & RTE_ETH_TX_OFFLOAD_TCP_TSO) != 0)
		on |= RTE_ETH_TX_OFFLOAD_TCP_CKSUM;
	if ((flags & ~PREPARE_FLAGS) != 0 ||
	    (flags & RTE_MBUF_F_TX_L4_MASK) == RTE_MBUF_F_TX_SCTP_CKSUM ||
	    (offloads_needed(flags) & ~on) != 0)
		return -ENOTSUP;
	if ((flags & PREPARE_CSUM) != 0)
		ret = headers_check(frame);
	if (ret == 0 && (flags & PREPARE_CSUM) != 0)
		ret = ip_check(frame->m);
	if (ret == 0 && (flags & RTE_MBUF_F_TX_TCP_SEG) != 0)
		ret = tso_check(txq, frame);
	return ret;
}

/* Hosts say into how many segments there must be something to cut; what makes
 * fewer is sent as it is, with its checksums. */
static int
tso_single(const struct netvsc_txq *txq, struct rte_mbuf *m)
{
	const struct ndis_offload *offload = &txq->channel->dev->host.offload;
	bool ipv6 = (m->ol_flags & RTE_MBUF_F_TX_IPV6) != 0;
	uint32_t least = ipv6 ? offload->lso_ipv6.min_segments : offload->lso_ipv4.min_segments;
	uint32_t payload = m->pkt_len - tso_header_bytes(m);

	if (payload > m->tso_segsz)
		return (payload - 1) / m->tso_segsz + 1 >= least ? 0 : -EINVAL;
	m->ol_flags &= ~(RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_IP_CKSUM);
	m->ol_flags |= RTE_MBUF_F_TX_TCP_CKSUM;
	if (!ipv6) {
		struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(m, struct rte_ipv4_hdr *,
			m->l2_len);

		ip->hdr_checksum = 0;
		ip->hdr_checksum = rte_ipv4_cksum(ip);
	}
	return 0;
}

static int
prepare_one(const struct netvsc_txq *txq, struct rte_mbuf *m)
{
	struct netvsc_tx_frame frame;
	int ret;

	frame_look(&frame, m);
	ret = netvsc_tx_offloads_check(txq, &frame);
	if (ret == 0 && (m->ol_flags & RTE_MBUF_F_TX_TCP_SEG) != 0)
		ret = tso_single(txq, m);
	if (ret == 0 && !netvsc_tx_sendable(txq, m))
		ret = -EINVAL;
	if (ret == 0 && (m->ol_flags & PREPARE_CSUM) != 0)
		ret = rte_net_intel_cksum_flags_prepare(m, m->ol_flags);
	return ret;
}

uint16_t
netvsc_tx_prepare(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts)
{
	const struct netvsc_txq *txq = queue;

	for (uint16_t i = 0; i < nb_pkts; i++) {
		int ret = prepare_one(txq, pkts[i]);

		if (ret < 0) {
			rte_errno = -ret;
			return i;
		}
	}
	return nb_pkts;
}
