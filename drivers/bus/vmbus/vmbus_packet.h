/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VMBUS_PACKET_H
#define VMBUS_PACKET_H

/*
 * Channel packets: built into a transmit ring, taken out of a receive ring.
 * This is the only reader of the host's packet headers: they are copied once,
 * checked once, and what travels on is the checked view. Pure, as the ring.
 */

#include "vmbus_ring.h"

/* A packet at the head of a receive ring. Everything in here was checked:
 * offsets and sizes lie within the packet, the packet within what the host
 * has published. The bytes themselves are still the host's to change. */
struct vmbus_packet {
	uint16_t type;              /* whatever the host said */
	uint16_t flags;
	uint32_t payload_off;       /* from the start of the packet */
	uint32_t payload_bytes;
	uint32_t total_bytes;       /* with the footer: what the packet takes up */
	uint64_t transaction_id;
};

/* The footer behind every packet. */
#define VMBUS_PACKET_FOOTER_BYTES 8u

/* Looks at the packet at the head of the ring. Returns 1 and the packet; 0 if
 * there is none; -EPROTO if the ring or the header is broken: then the ring is
 * beyond repair, since nobody knows where the next packet starts. */
int vmbus_packet_peek(struct vmbus_rx_ring *ring, struct vmbus_packet *packet);

/* Copies `bytes` at `offset` of the packet; both lie within it. */
static inline void
vmbus_packet_copy(const struct vmbus_rx_ring *ring, uint32_t offset, void *dst, uint32_t bytes)
{
	vmbus_rx_ring_copy(ring, offset, dst, bytes);
}

/* Done with it: the next peek sees the packet behind it. */
static inline void
vmbus_packet_take(struct vmbus_rx_ring *ring, const struct vmbus_packet *packet)
{
	vmbus_rx_ring_take(ring, packet->total_bytes);
}

/* What a packet with so many bytes of extension and payload takes up. */
static inline uint32_t
vmbus_packet_total_bytes(uint32_t extension_bytes, uint32_t payload_bytes)
{
	return (uint32_t)sizeof(struct vmbus_packet_header) + extension_bytes +
		((payload_bytes + 7) & ~7u) + VMBUS_PACKET_FOOTER_BYTES;
}

/*
 * Puts one packet; the host sees it at the next publication. extension_bytes
 * is a multiple of 8; the padding behind the payload is zeroed. Returns 0, or
 * -EAGAIN with the ring unchanged if `reserve` bytes would not stay free
 * behind it, or -EPROTO if the host broke the ring.
 */
struct vmbus_packet_desc {
	enum vmbus_packet_type type;
	bool want_completion;
	uint64_t transaction_id;
	const void *extension;
	uint32_t extension_bytes;
	const void *payload;
	uint32_t payload_bytes;
};
int vmbus_packet_put(struct vmbus_tx_ring *ring, const struct vmbus_packet_desc *desc,
	uint32_t reserve);

#endif /* VMBUS_PACKET_H */
