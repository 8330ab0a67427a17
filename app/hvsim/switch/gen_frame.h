/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HVSIM_GEN_FRAME_H
#define HVSIM_GEN_FRAME_H

/*
 * What a generated frame looks like: Ethernet, IPv4 or IPv6, UDP or TCP, then
 * a tag of 16 bytes, then a window of a fixed pattern. Where the window starts
 * depends on the frame's number, so that a receiver recognises every byte and
 * notices pieces of two frames mixed up.
 */

#include <stdbool.h>
#include <stdint.h>

#include "frame.h"

#define GEN_MAGIC 0x6876u
#define GEN_FLOWS_MAX 65536u
/* No frame is built into less than this. */
#define GEN_BUFFER_BYTES 128u
#define GEN_FRAME_MIN 60u

/* In the order of bytes of the machine: both ends are hvsim. */
struct gen_tag {
	uint16_t magic;
	uint16_t generator;
	uint16_t flow;
	uint16_t check;         /* of the rest of the tag and the L4 payload's length */
	uint32_t sequence;      /* within the flow */
	uint32_t time_ns;       /* monotonic, low bits */
};
_Static_assert(sizeof(struct gen_tag) == 16, "must fit a frame of 60 bytes");

struct gen_shape {
	uint8_t src[6], dst[6];
	bool ipv6, tcp;
	bool partial;           /* FRAME_CSUM_PARTIAL, as from another NIC */
	bool vlan;
	uint16_t vlan_tci;
	uint16_t generator;
};

struct gen_builder {
	struct gen_shape shape;
	uint8_t header[80];
	unsigned int l4_offset, payload_offset;
	uint64_t ip_sum, pseudo_sum, l4_sum;    /* of what does not change */
};

struct gen_flow {
	uint32_t sequence;
	uint32_t tcp_sequence;
};

/* The shortest frame of this shape: headers and tag, at least GEN_FRAME_MIN. */
uint32_t gen_frame_min(const struct gen_shape *shape);
void gen_builder_init(struct gen_builder *builder, const struct gen_shape *shape);
/* Builds the flow's next frame in data, which has at least GEN_BUFFER_BYTES. */
void gen_build(const struct gen_builder *builder, struct gen_flow *flow, uint16_t flow_id,
	uint32_t time_ns, struct frame *frame);
/* Uses up the flow's next sequence number without a frame. */
static inline void
gen_skip(struct gen_flow *flow)
{
	flow->sequence++;
}

uint16_t gen_tag_check(const struct gen_tag *tag, uint32_t payload_bytes);
/* What follows the tag. */
const uint8_t *gen_pattern(const struct gen_tag *tag);

#endif /* HVSIM_GEN_FRAME_H */
