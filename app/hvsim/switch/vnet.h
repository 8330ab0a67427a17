/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HVSIM_VNET_H
#define HVSIM_VNET_H

/*
 * The header that the kernel puts before each frame of a tap or packet socket
 * (struct virtio_net_hdr): how checksums that are still to be filled in cross
 * between the kernel and the switch without being computed.
 */

#include <linux/virtio_net.h>
#include <string.h>

#include "frame.h"
#include "segment.h"

/* Takes over what the kernel says about a frame that it sent. */
static inline void
vnet_read(const struct virtio_net_hdr *header, struct frame *frame)
{
	if (header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
		frame->flags |= FRAME_CSUM_PARTIAL;
		frame->l4_offset = header->csum_start;
	} else if (header->flags & VIRTIO_NET_HDR_F_DATA_VALID) {
		frame->flags |= FRAME_CSUM_GOOD;
	}
}

/* Tells the kernel what is known about a frame for it. */
static inline void
vnet_write(const struct frame *frame, struct virtio_net_hdr *header)
{
	uint32_t end;
	unsigned int offset = 0;

	memset(header, 0, sizeof(*header));
	if (frame->flags & FRAME_CSUM_PARTIAL)
		offset = frame_csum_offset(frame, &end);
	if (offset != 0) {
		header->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		header->csum_start = frame->l4_offset;
		header->csum_offset = (uint16_t)offset;
	} else if (frame->flags & FRAME_CSUM_GOOD) {
		header->flags = VIRTIO_NET_HDR_F_DATA_VALID;
	}
}

#endif /* HVSIM_VNET_H */
