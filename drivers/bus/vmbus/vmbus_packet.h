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
static inline int
vmbus_packet_peek(struct vmbus_rx_ring *ring, struct vmbus_packet *packet)
{
	struct vmbus_packet_header header;
	int64_t available = vmbus_rx_ring_available(ring);
	uint32_t bytes, payload_off;

	if (available <= 0)
		return (int)available;
	if (available < (int64_t)(sizeof(header) + VMBUS_PACKET_FOOTER_BYTES))
		return -EPROTO;
	vmbus_rx_ring_copy(ring, 0, &header, sizeof(header));
	bytes = header.length_8b * 8u;
	payload_off = header.data_offset_8b * 8u;
	if (payload_off < sizeof(header) || payload_off > bytes)
		return -EPROTO;
	if (bytes + VMBUS_PACKET_FOOTER_BYTES > (uint64_t)available)
		return -EPROTO;
	packet->type = header.type;
	packet->flags = header.flags;
	packet->payload_off = payload_off;
	packet->payload_bytes = bytes - payload_off;
	packet->total_bytes = bytes + VMBUS_PACKET_FOOTER_BYTES;
	packet->transaction_id = header.transaction_id;
	return 1;
}

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

/* ---- the usual transfer ---- */

/* One load, whatever the compiler thinks of the memory behind it: what was checked
 * is what is used. */
static inline uint64_t
vmbus_packet_load64(const uint8_t *at)
{
	return *(const volatile uint64_t *)(const void *)at;
}

/* The shape of a transfer, checked: what is said here lies within the packet. */
struct vmbus_transfer_shape {
	uint64_t head, pages;       /* the words that were checked */
	uint64_t payload_off;       /* of at least 16 bytes */
	uint64_t total_bytes;       /* as in struct vmbus_packet */
	uint32_t range_count;       /* at least one; they begin at VMBUS_RANGES_OFF */
};
#define VMBUS_RANGES_OFF ((uint32_t)(sizeof(struct vmbus_packet_header) + \
	sizeof(struct vmbus_transfer_pages)))
/* That of no packet. */
#define VMBUS_TRANSFER_SHAPE_NONE { .total_bytes = UINT64_MAX }

static inline bool
vmbus_transfer_shape_make(struct vmbus_transfer_shape *shape, uint64_t head, uint64_t pages,
	uint16_t set_id)
{
	uint64_t payload_8b = head >> 16 & 0xffff, length_8b = head >> 32 & 0xffff;
	uint64_t count = pages >> 32;

	if ((uint16_t)head != VMBUS_PACKET_TRANSFER_PAGES || (uint16_t)pages != set_id ||
	    payload_8b + 2 > length_8b || count + VMBUS_RANGES_OFF / 8 > payload_8b || count == 0)
		return false;
	shape->head = head;
	shape->pages = pages;
	shape->range_count = (uint32_t)count;
	shape->payload_off = payload_8b * 8;
	shape->total_bytes = length_8b * 8 + VMBUS_PACKET_FOOTER_BYTES;
	return true;
}

/*
 * Looks at the packet at `at`; what lies before `end` is there in one piece. True
 * if it is a transfer of the set `set_id`; *shape holds what was found for the
 * packet before, which was nearly always of the same shape, and then what was found
 * here. False says nothing about the packet: vmbus_packet_peek() must be asked.
 */
static inline bool
vmbus_packet_transfer(const uint8_t *at, const uint8_t *end, uint16_t set_id,
	struct vmbus_transfer_shape *shape)
{
	const uint64_t left = (uint64_t)(end - at);
	uint64_t head, pages;

	if (left < VMBUS_RANGES_OFF)
		return false;
	head = vmbus_packet_load64(at);
	pages = vmbus_packet_load64(at + sizeof(struct vmbus_packet_header));
	if ((head != shape->head || pages != shape->pages) &&
	    !vmbus_transfer_shape_make(shape, head, pages, set_id))
		return false;
	return shape->total_bytes <= left;
}

/* What a packet with so many bytes of extension and payload takes up. */
static inline uint32_t
vmbus_packet_total_bytes(uint32_t extension_bytes, uint32_t payload_bytes)
{
	return (uint32_t)sizeof(struct vmbus_packet_header) + extension_bytes +
		((payload_bytes + 7) & ~7u) + VMBUS_PACKET_FOOTER_BYTES;
}

struct vmbus_packet_desc {
	enum vmbus_packet_type type;
	bool want_completion;
	uint64_t transaction_id;
	const void *extension;
	uint32_t extension_bytes;
	const void *payload;
	uint32_t payload_bytes;
};

/*
 * Puts one packet; the host sees it at the next publication. extension_bytes
 * is a multiple of 8; the padding behind the payload is zeroed. Returns 0, or
 * -EAGAIN with the ring unchanged if `reserve` bytes would not stay free
 * behind it, or -EPROTO if the host broke the ring.
 */
int vmbus_packet_put(struct vmbus_tx_ring *ring, const struct vmbus_packet_desc *desc,
	uint32_t reserve);

/* The same, for the path of every packet: where the sizes are constants the
 * copies are a few moves. */
static inline __attribute__((always_inline)) int
vmbus_packet_put_inline(struct vmbus_tx_ring *ring, const struct vmbus_packet_desc *desc,
	uint32_t reserve)
{
	const uint32_t total = vmbus_packet_total_bytes(desc->extension_bytes, desc->payload_bytes);
	const uint32_t payload_off = (uint32_t)sizeof(struct vmbus_packet_header) +
		desc->extension_bytes;
	const struct vmbus_packet_header header = {
		.type = (uint16_t)desc->type,
		.data_offset_8b = (uint16_t)(payload_off / 8),
		.length_8b = (uint16_t)((total - VMBUS_PACKET_FOOTER_BYTES) / 8),
		.flags = desc->want_completion ? VMBUS_PACKET_FLAG_COMPLETION_REQUESTED : 0,
		.transaction_id = desc->transaction_id,
	};
	const struct vmbus_packet_footer footer = { .start_offset = ring->write };
	uint8_t *to = ring->data + ring->write;
	int64_t room = vmbus_tx_ring_room(ring, total + reserve);

	if (__builtin_expect(room < (int64_t)total + reserve, 0))
		return room < 0 ? (int)room : -EAGAIN;
	if (__builtin_expect(total > ring->data_bytes - ring->write, 0))
		return vmbus_packet_put(ring, desc, reserve);   /* it wraps */
	memcpy(to, &header, sizeof(header));
	if (desc->extension_bytes != 0)
		memcpy(to + sizeof(header), desc->extension, desc->extension_bytes);
	memcpy(to + payload_off, desc->payload, desc->payload_bytes);
	if ((desc->payload_bytes & 7) != 0)
		memset(to + payload_off + desc->payload_bytes, 0, -desc->payload_bytes & 7);
	memcpy(to + total - sizeof(footer), &footer, sizeof(footer));
	ring->write = vmbus_ring_advance(ring->write, total, ring->data_bytes);
	return 0;
}

/* A packet as words, the last of which, the footer, is left to the ring: for
 * those whose shape is known when compiling. */
#define VMBUS_PACKET_WORDS_MAX 9u
struct vmbus_packet_words {
	uint64_t word[VMBUS_PACKET_WORDS_MAX];
};

/* The first word of a packet that is to be completed; offset and length in
 * words. (Words of the ring are little-endian, as all processors here are.) */
static inline uint64_t
vmbus_packet_word(enum vmbus_packet_type type, uint16_t data_offset_8b, uint16_t length_8b)
{
	return (uint64_t)type | (uint64_t)data_offset_8b << 16 | (uint64_t)length_8b << 32 |
		(uint64_t)VMBUS_PACKET_FLAG_COMPLETION_REQUESTED << 48;
}

/* Puts a packet of so many words, footer included, at `write`, where the ring
 * does not wrap; `words` is a constant. Returns where the next one begins. By
 * value, and one by one: so the words never are in memory but in the ring. Stored as
 * vectors they would be put together elsewhere, and the processor would wait. */
static inline __attribute__((always_inline)) uint32_t
vmbus_packet_put_at(const struct vmbus_tx_ring *ring, uint32_t write,
	struct vmbus_packet_words packet, uint32_t words)
{
	typedef uint64_t any64 __attribute__((aligned(1), may_alias));
	volatile any64 *to = (volatile any64 *)(ring->data + write);

	for (uint32_t i = 0; i < words - 1; i++)
		to[i] = packet.word[i];
	to[words - 1] = (uint64_t)write << 32;      /* the footer */
	return write + words * 8u;
}

/* vmbus_packet.c: the same as vmbus_packet_put_words() where the ring ends. */
void vmbus_packet_put_wrapped(struct vmbus_tx_ring *ring, struct vmbus_packet_words packet,
	uint32_t words);

/* Puts it at the end of what was put. The caller has made sure of the room. */
static inline __attribute__((always_inline)) void
vmbus_packet_put_words(struct vmbus_tx_ring *ring, struct vmbus_packet_words packet, uint32_t words)
{
	if (__builtin_expect(words * 8u >= ring->data_bytes - ring->write, 0))
		vmbus_packet_put_wrapped(ring, packet, words);
	else
		ring->write = vmbus_packet_put_at(ring, ring->write, packet, words);
}

#endif /* VMBUS_PACKET_H */
