/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NETVSC_PTYPE_H
#define NETVSC_PTYPE_H

/*
 * What a frame is. rte_net_get_ptype() knows all there is and takes 77
 * instructions for it; most frames are TCP or UDP in plain IPv4 or IPv6, which
 * a few comparisons tell. The answers are the same.
 */

#include <string.h>

#include <rte_byteorder.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_mbuf_ptype.h>
#include <rte_net.h>
#include <rte_tcp.h>
#include <rte_udp.h>

/* UDP to ports from the lowest to the highest of tunnels (GTP, VXLAN, Geneve)
 * is looked at by the library, which may know what is inside. */
#define NETVSC_PTYPE_TUNNEL_FIRST 2152u
#define NETVSC_PTYPE_TUNNEL_LAST 6635u

static inline uint16_t
netvsc_ptype_word(const uint8_t *at)
{
	uint16_t word;

	memcpy(&word, at, sizeof(word));
	return rte_be_to_cpu_16(word);
}

/* Of what lies behind the IP header; 0: ask the library. */
static inline uint32_t
netvsc_ptype_l4(const uint8_t *l4, uint32_t bytes, uint8_t protocol)
{
	uint16_t port;

	if (protocol == IPPROTO_TCP)
		return bytes >= sizeof(struct rte_tcp_hdr) ? RTE_PTYPE_L4_TCP : 0;
	if (protocol != IPPROTO_UDP || bytes < sizeof(struct rte_udp_hdr))
		return 0;
	port = netvsc_ptype_word(l4 + offsetof(struct rte_udp_hdr, dst_port));
	return (uint32_t)port - NETVSC_PTYPE_TUNNEL_FIRST <=
		NETVSC_PTYPE_TUNNEL_LAST - NETVSC_PTYPE_TUNNEL_FIRST ? 0 : RTE_PTYPE_L4_UDP;
}

/* Of the first segment of a frame, which must hold `bytes`; 0: ask the library. */
static inline uint32_t
netvsc_ptype_quick(const uint8_t *frame, uint32_t bytes)
{
	const uint8_t *ip = frame + RTE_ETHER_HDR_LEN;
	uint32_t l4;

	if (bytes < RTE_ETHER_HDR_LEN + sizeof(struct rte_ipv6_hdr))
		return 0;
	switch (netvsc_ptype_word(frame + 2 * RTE_ETHER_ADDR_LEN)) {
	case RTE_ETHER_TYPE_IPV4:
		/* No options, no fragment. */
		if (ip[0] != RTE_IPV4_VHL_DEF || (netvsc_ptype_word(ip +
		    offsetof(struct rte_ipv4_hdr, fragment_offset)) & ~RTE_IPV4_HDR_DF_FLAG) != 0)
			return 0;
		l4 = netvsc_ptype_l4(ip + sizeof(struct rte_ipv4_hdr), bytes - RTE_ETHER_HDR_LEN -
			(uint32_t)sizeof(struct rte_ipv4_hdr),
			ip[offsetof(struct rte_ipv4_hdr, next_proto_id)]);
		return l4 != 0 ? l4 | RTE_PTYPE_L2_ETHER | RTE_PTYPE_L3_IPV4 : 0;
	case RTE_ETHER_TYPE_IPV6:
		l4 = netvsc_ptype_l4(ip + sizeof(struct rte_ipv6_hdr), bytes - RTE_ETHER_HDR_LEN -
			(uint32_t)sizeof(struct rte_ipv6_hdr),
			ip[offsetof(struct rte_ipv6_hdr, proto)]);
		return l4 != 0 ? l4 | RTE_PTYPE_L2_ETHER | RTE_PTYPE_L3_IPV6 : 0;
	default:
		return 0;
	}
}

/* The packet type of an mbuf, of these layers, as rte_net_get_ptype() says. */
static inline uint32_t
netvsc_ptype(const struct rte_mbuf *m, uint32_t layers)
{
	uint32_t type = netvsc_ptype_quick(rte_pktmbuf_mtod(m, const uint8_t *), m->data_len);

	return type != 0 ? type : rte_net_get_ptype(m, NULL, layers);
}

#endif /* NETVSC_PTYPE_H */
