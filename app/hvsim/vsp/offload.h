/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HVSIM_VSP_OFFLOAD_H
#define HVSIM_VSP_OFFLOAD_H

/*
 * What the host does to frames: finds their headers, computes and verifies
 * checksums, cuts segments (offload.c).
 */

#include "data.h"

enum ip_proto {
	IP_TCP = 6,
	IP_UDP = 17,
};

#define ETHER_IPV4 0x0800u
#define ETHER_IPV6 0x86ddu
#define ETHER_VLAN 0x8100u

/* The most of a frame that its headers may take up. */
#define FRAME_HEAD_BYTES 256u

/* Where the headers of a frame are; all offsets from the frame's start, all
 * checked against its length. */
struct frame_view {
	uint16_t l3_offset;     /* 0: neither IPv4 nor IPv6 */
	uint16_t l4_offset;     /* 0: no L4 header here (fragment, unknown, too short) */
	uint32_t l3_end;        /* where the IP packet ends: <= the frame's length */
	uint8_t ip_version;
	uint8_t proto;          /* of the L4 header */
	bool tagged;            /* a VLAN tag inside the frame */
	bool fragment;
};

/* Parses the copy of a frame's first head_bytes (all of it, or
 * FRAME_HEAD_BYTES); false if it is not IP. */
bool frame_parse(const uint8_t *head, uint32_t head_bytes, uint32_t bytes,
	struct frame_view *view);
/* The same for a frame in guest memory; head (FRAME_HEAD_BYTES) gets the copy. */
bool frame_parse_shared(const uint8_t *frame, uint32_t bytes, uint8_t *head,
	struct frame_view *view);

/* Sum of 16-bit words, folded to 16 bits; not inverted. */
uint16_t csum_add(const void *data, uint32_t bytes, uint32_t sum);
/* Pseudo-header sum of the packet, for an L4 part of l4_bytes. */
uint16_t csum_pseudo(const uint8_t *head, const struct frame_view *view, uint32_t l4_bytes);
/* Verifies a received frame: RNDIS_RX_CSUM_* bits. */
uint32_t csum_verify(const uint8_t *frame, uint32_t bytes);
/* As csum_verify() would say of a correct frame, without looking at the sums. */
uint32_t csum_good(const uint8_t *frame, uint32_t bytes);
/* Completes a partial UDP or TCP checksum in `frame`, which is the copy that
 * goes to the guest. */
void csum_complete(uint8_t *frame, uint32_t bytes, uint32_t l4_offset);

enum offload_want {
	OFFLOAD_VLAN = 0x1,
	OFFLOAD_CSUM = 0x2,
	OFFLOAD_LSO = 0x4,
};

/* What a packet message asks for besides being sent, and what was found out
 * about the frame when it was checked. */
struct offload_request {
	uint32_t offset;        /* of the frame, from the start of the RNDIS message */
	uint32_t bytes;
	uint32_t csum;          /* RNDIS_TX_CSUM_* */
	uint32_t lso;           /* RNDIS_LSO_* */
	uint16_t vlan_tci;
	uint8_t want;           /* enum offload_want */
	uint16_t l4_offset;     /* checked; 0: no L4 checksum to compute */
	uint16_t header_bytes;  /* LSO: all headers, checked */
	uint8_t proto;          /* to checksum as */
	uint8_t ip_version;     /* 0: the frame does not fit the request, leave it alone */
	bool ip_csum;
};

/* Checks the request against the frame's head (a private copy of up to
 * FRAME_HEAD_BYTES) and fills in the rest. 0, or -EINVAL with the rule that
 * makes the whole message fail. REPORT rules are reported and 0 returned. */
int offload_check(struct vsp_channel *channel, const uint8_t *head, uint32_t head_bytes,
	struct offload_request *request, enum vsp_rule *rule);
/* Computes the checksums in `frame`, a private copy of request->bytes bytes.
 * partial: leave the L4 checksum to the receiver; true if it was left. */
bool offload_csum(uint8_t *frame, const struct offload_request *request, bool partial);

/* A frame to be cut. */
struct lso_cut {
	uint8_t header[FRAME_HEAD_BYTES];
	uint32_t header_bytes;
	uint32_t l4_offset;
	uint8_t ip_version;
	uint32_t mss;
	const uint8_t *payload;
	uint32_t payload_bytes;
	uint32_t segments;
};
/* frame: in one piece, may be the guest's. False if there is nothing to cut. */
bool lso_start(struct lso_cut *cut, const uint8_t *frame, const struct offload_request *request);
/* Writes segment i; `to` holds header_bytes + mss. Returns its length. */
uint32_t lso_segment(const struct lso_cut *cut, uint32_t i, uint8_t *to);

#endif /* HVSIM_VSP_OFFLOAD_H */
