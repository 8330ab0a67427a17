/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HVSIM_FRAME_H
#define HVSIM_FRAME_H

/* An Ethernet frame on its way through the switch: borrowed, not owned. */

#include <stdint.h>

#define FRAME_HEADER_BYTES 14u
/* The largest frame a port may send: an MTU of 9216, the header, two tags. */
#define FRAME_BYTES_MAX 9238u

enum frame_flag {
	/* A VLAN tag travels beside the frame (vlan_tci), not inside it. */
	FRAME_VLAN = 0x1,
	/* The L4 checksum field holds only the pseudo-header sum, the rest is for
	 * the receiver (or frame_complete()): l4_offset says where it starts. */
	FRAME_CSUM_PARTIAL = 0x2,
	/* The L4 checksum was computed or verified on the way: need not be again. */
	FRAME_CSUM_GOOD = 0x4,
	/* data may be written: it is the sender's own copy. */
	FRAME_WRITABLE = 0x8,
};

struct frame {
	const uint8_t *data;    /* one piece; valid until the call it is passed to returns */
	uint32_t bytes;         /* without FCS */
	uint16_t flags;         /* enum frame_flag */
	uint16_t vlan_tci;      /* host order: priority, DEI, id */
	uint16_t l4_offset;     /* of the L4 header, with FRAME_CSUM_PARTIAL */
	uint16_t reserved;
};

/* The most frames passed in one call. */
#define FRAME_BATCH_MAX 256u

#endif /* HVSIM_FRAME_H */
