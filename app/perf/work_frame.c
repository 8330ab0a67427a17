/* SPDX-License-Identifier: BSD-3-Clause */

/* The frames that netvsc-perf sends. */

#include <string.h>

#include <rte_byteorder.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_udp.h>

#include "work.h"

/* Simple IMIX, as testers mean it: lengths without the FCS. */
static const uint16_t imix[12] = { 60, 60, 60, 60, 60, 60, 60, 590, 590, 590, 590, 1514 };

uint32_t
work_frame_bytes(const struct work_options *options, uint64_t number)
{
	return options->frame_bytes != 0 ? options->frame_bytes : imix[number * 5 % RTE_DIM(imix)];
}

void
work_frame_fill(uint8_t *frame, uint32_t bytes, uint32_t flow, const struct rte_ether_addr *from)
{
	struct rte_ether_hdr eth = { .ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4) };
	const uint16_t ip_bytes = (uint16_t)(bytes - sizeof(eth));
	struct rte_ipv4_hdr ip = {
		.version_ihl = RTE_IPV4_VHL_DEF, .total_length = rte_cpu_to_be_16(ip_bytes),
		.time_to_live = 64, .next_proto_id = IPPROTO_UDP,
		.src_addr = rte_cpu_to_be_32(RTE_IPV4(198, 18, 0, 1) + flow % 250),
		.dst_addr = rte_cpu_to_be_32(RTE_IPV4(198, 19, 0, 1)),
	};
	struct rte_udp_hdr udp = {
		.src_port = rte_cpu_to_be_16((uint16_t)(1024 + flow)), .dst_port = rte_cpu_to_be_16(9),
		.dgram_len = rte_cpu_to_be_16((uint16_t)(ip_bytes - sizeof(ip))),
	};

	rte_ether_addr_copy(from, &eth.src_addr);
	memcpy(eth.dst_addr.addr_bytes, "\x02\x68\x76\x67\x00\x02", RTE_ETHER_ADDR_LEN);
	ip.hdr_checksum = rte_ipv4_cksum(&ip);
	memset(frame, 0x5a, bytes);
	memcpy(frame, &eth, sizeof(eth));
	memcpy(frame + sizeof(eth), &ip, sizeof(ip));
	/* Without a checksum of its own, which IPv4 allows. */
	memcpy(frame + sizeof(eth) + sizeof(ip), &udp, sizeof(udp));
}

void
work_frame_ask_csum(uint8_t *frame)
{
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(frame + sizeof(struct rte_ether_hdr));
	struct rte_udp_hdr *udp = (struct rte_udp_hdr *)(ip + 1);

	ip->hdr_checksum = 0;
	udp->dgram_cksum = rte_ipv4_phdr_cksum(ip, 0);
}
