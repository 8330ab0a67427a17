/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NETVSC_PTYPE_H
#define NETVSC_PTYPE_H

/*
 * What a frame is. rte_net_get_ptype() knows all there is and takes 77
 * instructions for it; most frames are TCP or UDP in plain IPv4 or IPv6, which
 * a few comparisons tell. The answers are the same.
 */

#include <stdbool.h>
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

static inline uint32_t
netvsc_ptype_long(const uint8_t *at)
{
	uint32_t word;

	memcpy(&word, at, sizeof(word));
	return word;
}

static inline bool
netvsc_ptype_tunnel(const uint8_t *udp)
{
	uint16_t port = netvsc_ptype_word(udp + offsetof(struct rte_udp_hdr, dst_port));

	return (uint32_t)port - NETVSC_PTYPE_TUNNEL_FIRST <=
		NETVSC_PTYPE_TUNNEL_LAST - NETVSC_PTYPE_TUNNEL_FIRST;
}

/* Flags (but for "don't fragment"), offset and protocol of an IPv4 header. */
#define PTYPE_IPV4_MASK RTE_BE32(0xbfff00ffu)
#define PTYPE_IPV4(l4) (RTE_PTYPE_L2_ETHER | RTE_PTYPE_L3_IPV4 | RTE_PTYPE_L4_ ## l4)
#define PTYPE_IPV6(l4) (RTE_PTYPE_L2_ETHER | RTE_PTYPE_L3_IPV6 | RTE_PTYPE_L4_ ## l4)

static inline uint32_t
netvsc_ptype_ipv6(const uint8_t *ip, uint32_t bytes)
{
	uint8_t protocol = ip[offsetof(struct rte_ipv6_hdr, proto)];

	bytes -= RTE_ETHER_HDR_LEN + (uint32_t)sizeof(struct rte_ipv6_hdr);
	if (protocol == IPPROTO_TCP)
		return bytes >= sizeof(struct rte_tcp_hdr) ? PTYPE_IPV6(TCP) : 0;
	if (protocol != IPPROTO_UDP || bytes < sizeof(struct rte_udp_hdr) ||
	    netvsc_ptype_tunnel(ip + sizeof(struct rte_ipv6_hdr)))
		return 0;
	return PTYPE_IPV6(UDP);
}

/* Of the first segment of a frame, which must hold `bytes`; 0: ask the library. */
static inline uint32_t
netvsc_ptype_quick(const uint8_t *frame, uint32_t bytes)
{
	const uint8_t *ip = frame + RTE_ETHER_HDR_LEN;
	uint32_t l4;

	/* Enough for IPv6, and for IPv4 with TCP behind it. */
	if (bytes < RTE_ETHER_HDR_LEN + sizeof(struct rte_ipv6_hdr))
		return 0;
	/* IPv4 without options: EtherType, version and length in one word. */
	if (likely((netvsc_ptype_long(frame + 2 * RTE_ETHER_ADDR_LEN) & RTE_BE32(0xffffff00u)) ==
			RTE_BE32(RTE_ETHER_TYPE_IPV4 << 16 | RTE_IPV4_VHL_DEF << 8))) {
		l4 = netvsc_ptype_long(ip + offsetof(struct rte_ipv4_hdr, fragment_offset)) &
			PTYPE_IPV4_MASK;
		if (l4 == RTE_BE32(IPPROTO_TCP))
			return PTYPE_IPV4(TCP);
		return l4 == RTE_BE32(IPPROTO_UDP) &&
			!netvsc_ptype_tunnel(ip + sizeof(struct rte_ipv4_hdr)) ? PTYPE_IPV4(UDP) : 0;
	}
	return netvsc_ptype_word(frame + 2 * RTE_ETHER_ADDR_LEN) == RTE_ETHER_TYPE_IPV6 ?
		netvsc_ptype_ipv6(ip, bytes) : 0;
}
_Static_assert(sizeof(struct rte_ipv4_hdr) + sizeof(struct rte_tcp_hdr) ==
	sizeof(struct rte_ipv6_hdr), "the shortest frame looked at");

/* What this driver says of a packet: no tunnels, netvsc_supported_ptypes_get(). */
#define NETVSC_PTYPES (RTE_PTYPE_L2_MASK | RTE_PTYPE_L3_MASK | RTE_PTYPE_L4_MASK)

/* The packet type of an mbuf as rte_net_get_ptype() says; its first segment are the
 * `bytes` at `frame`. */
static inline uint32_t
netvsc_ptype_of(const struct rte_mbuf *m, const uint8_t *frame, uint32_t bytes)
{
	uint32_t type = netvsc_ptype_quick(frame, bytes);

	return likely(type != 0) ? type : rte_net_get_ptype(m, NULL, NETVSC_PTYPES);
}

static inline uint32_t
netvsc_ptype(const struct rte_mbuf *m)
{
	return netvsc_ptype_of(m, rte_pktmbuf_mtod(m, const uint8_t *), m->data_len);
}

#endif /* NETVSC_PTYPE_H */
