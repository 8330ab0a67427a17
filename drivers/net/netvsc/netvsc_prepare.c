/* SPDX-License-Identifier: BSD-3-Clause */

/* Frames with offloads, made ready: what the host would refuse - and with it
 * all frames of the same message - is refused here, frame by frame. */

#include <errno.h>

#include <rte_errno.h>
#include <rte_net.h>

#include "netvsc_status.h"
#include "netvsc_tx.h"

#define PREPARE_FLAGS (RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IPV6 | RTE_MBUF_F_TX_IP_CKSUM | \
	RTE_MBUF_F_TX_L4_MASK | RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_VLAN)
#define PREPARE_CSUM (RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_L4_MASK | RTE_MBUF_F_TX_TCP_SEG)

/* The field that tells the host where the transport header is. */
#define L4_OFFSET_MAX 0x3ffu
#define TCP_HEADER_MIN 20u
#define UDP_HEADER_BYTES 8u

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

/* The headers that the flags speak of: where they say, and in one piece. */
static int
headers_check(const struct rte_mbuf *m)
{
	bool ipv4 = (m->ol_flags & RTE_MBUF_F_TX_IPV4) != 0;
	bool ipv6 = (m->ol_flags & RTE_MBUF_F_TX_IPV6) != 0;
	uint32_t l4 = (uint32_t)m->l2_len + m->l3_len, bytes = l4;

	if (ipv4 == ipv6 || (ipv6 && (m->ol_flags & RTE_MBUF_F_TX_IP_CKSUM) != 0))
		return -EINVAL;
	if (m->l2_len < RTE_ETHER_HDR_LEN || l4 > L4_OFFSET_MAX ||
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

static int
tso_check(const struct netvsc_txq *txq, const struct rte_mbuf *m)
{
	const struct ndis_offload *offload = &txq->channel->dev->host.offload;
	uint32_t max = (m->ol_flags & RTE_MBUF_F_TX_IPV6) != 0 ? offload->lso_ipv6.max_bytes :
		offload->lso_ipv4.max_bytes;
	uint32_t header_bytes = (uint32_t)m->l2_len + m->l3_len + m->l4_len;

	if (m->tso_segsz == 0 || header_bytes + m->tso_segsz > txq->frame_max + RTE_VLAN_HLEN)
		return -EINVAL;
	return m->pkt_len - header_bytes <= max ? 0 : -EINVAL;
}

static int
prepare_one(const struct netvsc_txq *txq, struct rte_mbuf *m)
{
	uint64_t flags = m->ol_flags & RTE_MBUF_F_TX_OFFLOAD_MASK;
	int ret = 0;

	if ((flags & ~PREPARE_FLAGS) != 0 ||
	    (flags & RTE_MBUF_F_TX_L4_MASK) == RTE_MBUF_F_TX_SCTP_CKSUM ||
	    (offloads_needed(flags) & ~txq->offloads) != 0)
		return -ENOTSUP;
	if ((flags & PREPARE_CSUM) != 0)
		ret = headers_check(m);
	if (ret == 0 && (flags & RTE_MBUF_F_TX_TCP_SEG) != 0)
		ret = tso_check(txq, m);
	if (ret == 0 && !netvsc_tx_sendable(txq, m))
		ret = -EINVAL;
	if (ret == 0 && (flags & PREPARE_CSUM) != 0)
		ret = rte_net_intel_cksum_flags_prepare(m, flags);
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
