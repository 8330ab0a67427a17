/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Checksums of frames. A partial checksum has the sum of the pseudo-header in
 * its field; summing from the L4 header to the end of the L4 packet, field
 * included, completes it.
 */

#include "frame.h"

#include <stdbool.h>
#include <string.h>

#include "segment.h"
#include "sum.h"

#define ETHERTYPE_IPV4 0x0800u
#define ETHERTYPE_IPV6 0x86ddu
#define ETHERTYPE_VLAN 0x8100u
#define ETHERTYPE_QINQ 0x88a8u
#define PROTOCOL_TCP 6u
#define PROTOCOL_UDP 17u
#define IPV6_EXTENSIONS_MAX 8u

static uint16_t
be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

/* Where the L3 header is, and its ethertype; 0 if the frame is too short. */
static uint32_t
l3_find(const struct frame *frame, uint16_t *ethertype)
{
	uint32_t at = 12;

	for (unsigned int tags = 0; tags < 3 && at + 2 <= frame->bytes; tags++) {
		*ethertype = be16(frame->data + at);
		if (*ethertype != ETHERTYPE_VLAN && *ethertype != ETHERTYPE_QINQ)
			return at + 2;
		at += 4;
	}
	return 0;
}

static bool
ipv6_is_extension(uint8_t next)
{
	return next == 0 || next == 43 || next == 60;   /* hop-by-hop, routing, options */
}

/* The L4 protocol of the IPv6 packet at l3 whose L4 header is where the frame
 * says; 0 if it is not there. */
static uint8_t
ipv6_protocol(const struct frame *frame, uint32_t l3)
{
	uint8_t next = frame->data[l3 + 6];
	uint32_t at = l3 + 40;

	for (unsigned int i = 0; i < IPV6_EXTENSIONS_MAX && ipv6_is_extension(next); i++) {
		if (at + 2 > frame->bytes)
			return 0;
		next = frame->data[at];
		at += 8u * (frame->data[at + 1] + 1u);
	}
	return at == frame->l4_offset ? next : 0;
}

/* Finds the protocol and the end of the L4 packet, which padding may follow. */
static uint8_t
l4_find(const struct frame *frame, uint32_t *end)
{
	uint16_t ethertype = 0;
	uint32_t l3 = l3_find(frame, &ethertype);
	const uint8_t *ip = frame->data + l3;

	if (l3 == 0)
		return 0;
	if (ethertype == ETHERTYPE_IPV4 && l3 + 20 <= frame->bytes) {
		*end = l3 + be16(ip + 2);
		return l3 + (ip[0] & 0xfu) * 4u == frame->l4_offset ? ip[9] : 0;
	}
	if (ethertype == ETHERTYPE_IPV6 && l3 + 40 <= frame->bytes) {
		*end = l3 + 40 + be16(ip + 4);
		return ipv6_protocol(frame, l3);
	}
	return 0;
}

unsigned int
frame_csum_offset(const struct frame *frame, uint32_t *end)
{
	uint8_t protocol = l4_find(frame, end);
	unsigned int offset = protocol == PROTOCOL_TCP ? 16 : protocol == PROTOCOL_UDP ? 6 : 0;

	if (offset == 0 || *end > frame->bytes || frame->l4_offset + offset + 2u > *end)
		return 0;
	return offset;
}

void
frame_complete(struct frame *frame)
{
	uint32_t end = 0;
	unsigned int offset = frame_csum_offset(frame, &end);
	uint8_t *l4 = frame_bytes(frame) + frame->l4_offset;
	uint16_t sum;

	if ((frame->flags & FRAME_CSUM_PARTIAL) == 0)
		return;
	frame->flags &= (uint16_t)~FRAME_CSUM_PARTIAL;
	if (offset == 0)        /* no such packet: it stays as wrong as it is */
		return;
	sum = (uint16_t)~sum_fold(sum_bytes(l4, end - frame->l4_offset));
	if (sum == 0 && offset == 6)
		sum = 0xffff;   /* 0 would say that UDP has none */
	memcpy(l4 + offset, &sum, sizeof(sum));
	frame->flags |= FRAME_CSUM_GOOD;
}
