/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_FRAME_H
#define TG_FRAME_H

/*
 * Frames for tests: built with correct checksums and a payload that says who
 * it is, and verified the same way. Knows Ethernet, IPv4, IPv6, TCP and UDP.
 */

#include <stdbool.h>
#include <stdint.h>

struct tg_flow {
	bool ipv6, udp;
	uint32_t number;                /* addresses and ports follow from it */
	uint8_t src_mac[6], dst_mac[6];
};

/* Bytes of Ethernet, IP and L4 headers of such a flow. */
uint32_t tg_frame_headers(const struct tg_flow *flow);
uint32_t tg_frame_l4_offset(const struct tg_flow *flow);
/* Builds a frame of `bytes` (headers included) whose payload follows from
 * flow number and seq; every checksum is right. */
void tg_frame_build(uint8_t *out, uint32_t bytes, const struct tg_flow *flow, uint32_t seq);
/* The payload is what tg_frame_build() puts at payload offset `at` for seq. */
bool tg_frame_payload_ok(const uint8_t *payload, uint32_t bytes, uint32_t number, uint32_t seq,
	uint32_t at);
/* IP header and L4 checksums are right. */
bool tg_frame_checksums_ok(const uint8_t *frame, uint32_t bytes);
/* Puts in the L4 field what a driver asks an offload for: the pseudo-header's
 * sum, without the length for LSO. */
void tg_frame_prepare_offload(uint8_t *frame, uint32_t bytes, bool lso);
/* Fills addresses and ports by number, as a real flow table would vary them. */
void tg_flow_addresses(const struct tg_flow *flow, uint8_t src[16], uint8_t dst[16],
	uint16_t *src_port, uint16_t *dst_port);
/* Toeplitz hash of the flow's addresses and ports (not its number). */
uint32_t tg_flow_hash(const struct tg_flow *flow, const uint8_t key[40]);
uint32_t tg_toeplitz(const uint8_t key[40], const uint8_t *input, uint32_t bytes);

#endif /* TG_FRAME_H */
