/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef RNDIS_PACKET_H
#define RNDIS_PACKET_H

/*
 * RNDIS data messages: the host's decoded into a checked view, the guest's
 * headers encoded. Pure: no I/O, no mbufs, no DPDK. The message lies in memory
 * that the host can change at any moment: each byte that decides something is
 * loaded once, into the view.
 */

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "rndis_wire.h"

/* True if [off, off + len) lies within size; cannot wrap. */
static inline bool
rndis_range_ok(uint32_t off, uint32_t len, uint64_t size)
{
	return off <= size && len <= size - off;
}

enum rndis_rx_has {
	RNDIS_RX_CSUM = 0x1,
	RNDIS_RX_VLAN = 0x2,
	RNDIS_RX_HASH_VALUE = 0x4,
	RNDIS_RX_HASH_INFO = 0x8,
	RNDIS_RX_PACKET_ID = 0x10,
};

/* A received frame, checked: it lies within its range of the receive buffer. */
struct rndis_rx_view {
	uint32_t frame_off;         /* from the start of the range */
	uint32_t frame_bytes;
	uint32_t has;               /* enum rndis_rx_has: which of these are valid */
	uint32_t csum;              /* RNDIS_RX_CSUM_* */
	uint32_t vlan;              /* RNDIS_VLAN_* */
	uint32_t hash_value;
	uint32_t hash_info;
	struct rndis_packet_id packet_id;
};

/* The most elements of per-packet information looked at in one message; hosts
 * send four or five. What is beyond is malformed. */
#define RNDIS_PPI_COUNT_MAX 16u

/*
 * Decodes the RNDIS_PACKET message at `range`, of which `range_bytes` may be
 * read. Returns 0 and the view; -EPROTO if a field points outside the message
 * or an element of information is malformed; -ENOMSG if it is another type of
 * message.
 */
int rndis_packet_decode(const uint8_t *range, uint32_t range_bytes, struct rndis_rx_view *view);

/* ---- the usual message ---- */

/* Two words of a message, exactly one load: what was checked is what is used. The
 * lower half is the first. */
static inline uint64_t
rndis_load64(const uint8_t *at)
{
	typedef uint64_t any64 __attribute__((aligned(1), may_alias));

	return *(const volatile any64 *)at;
}

/* A message whose information is made of single words of types below 16. */
#define RNDIS_QUICK_TYPES 16u
#define RNDIS_QUICK_PPI_BYTES ((uint32_t)(sizeof(struct rndis_ppi) + sizeof(uint32_t)))

struct rndis_rx_quick {
	uint32_t frame_off;         /* from the start of the range */
	uint32_t frame_bytes;
	uint32_t has;               /* bit 1 << RNDIS_PPI_*: rndis_quick_value() may be asked */
};

/* An element of one word: its size and type, the offset of the value and the value. */
typedef uint64_t rndis_element __attribute__((vector_size(16)));
_Static_assert(sizeof(rndis_element) == RNDIS_QUICK_PPI_BYTES, "one element a vector");
_Static_assert((RNDIS_QUICK_TYPES & (RNDIS_QUICK_TYPES - 1)) == 0, "types by their bits");

static inline rndis_element
rndis_load_element(const uint8_t *at)
{
	typedef uint64_t any_element __attribute__((vector_size(16), aligned(1), may_alias));

	return *(const volatile any_element *)at;
}

/* Hosts send four of them at most: checksum, tag, hash value, hash information. */
#define RNDIS_LAYOUT_ELEMENTS 4u

/*
 * How the information of a queue's last message was laid out, which is how nearly all
 * others' is: where all words are the same but for the values, nothing else has to be
 * checked. All zeroes: there was none yet. It may lie in memory that processes share.
 */
struct rndis_rx_layout {
	uint64_t where;             /* ppi_offset and ppi_bytes; 0: like no message's */
	uint32_t has;               /* bit 1 << RNDIS_PPI_* */
	uint8_t value_at[RNDIS_QUICK_TYPES];    /* by RNDIS_PPI_*: behind the fixed part */
	rndis_element element[RNDIS_LAYOUT_ELEMENTS];
	rndis_element mask[RNDIS_LAYOUT_ELEMENTS];      /* which bits of it must be the same */
};

/* Whether the information `where`, at `info`, is laid out like that. As many bytes are
 * read as RNDIS_LAYOUT_ELEMENTS have, be they information or not. */
static inline bool
rndis_layout_same(const struct rndis_rx_layout *layout, uint64_t where, const uint8_t *info)
{
	rndis_element differs = { 0 };

	if (where != layout->where)
		return false;
	for (uint32_t i = 0; i < RNDIS_LAYOUT_ELEMENTS; i++)
		differs |= (rndis_load_element(info + i * RNDIS_QUICK_PPI_BYTES) ^
			layout->element[i]) & layout->mask[i];
	return (differs[0] | differs[1]) == 0;
}

/*
 * Checks the information element by element, and makes its layout this one. False if it
 * is not what struct rndis_rx_quick is made of: then nothing changes. All of `where`
 * lies within the message.
 */
bool rndis_layout_learn(struct rndis_rx_layout *layout, uint64_t where, const uint8_t *info);

/* The value of an element of the message at `range`, which rndis_packet_quick() has
 * just accepted with this layout. Nothing about it was looked at yet; each call loads
 * it from the host's memory: call it once. */
static inline uint32_t
rndis_quick_value(const struct rndis_rx_layout *layout, const uint8_t *range, uint32_t type)
{
	typedef uint32_t any32 __attribute__((aligned(1), may_alias));

	return *(const volatile any32 *)(range + sizeof(struct rndis_packet) + layout->value_at[type]);
}

/*
 * Decodes the message at `range` if it is laid out as hosts lay out nearly all of
 * theirs. Whatever is accepted here is accepted by rndis_packet_decode() with the
 * same result; false says nothing about the message but that it must be asked.
 * `layout` is that of the queue's last such message, or becomes this one's.
 */
static inline bool
rndis_packet_quick(const uint8_t *range, uint32_t range_bytes, struct rndis_rx_layout *layout,
	struct rndis_rx_quick *quick)
{
	const uint32_t base = sizeof(struct rndis_header), fixed = sizeof(struct rndis_packet);
	uint64_t head, data, ppi, frame_off, msg_bytes;

	if (range_bytes < fixed)
		return false;
	head = rndis_load64(range);
	data = rndis_load64(range + offsetof(struct rndis_packet, data_offset));
	ppi = rndis_load64(range + offsetof(struct rndis_packet, ppi_offset));
	msg_bytes = head >> 32;
	frame_off = (uint64_t)(uint32_t)data + base;
	/* Sums of 32-bit values in 64 bits: they cannot wrap. */
	if ((uint32_t)head != RNDIS_PACKET || msg_bytes > range_bytes || frame_off < fixed ||
	    frame_off + (data >> 32) > msg_bytes)
		return false;
	quick->frame_off = (uint32_t)frame_off;
	quick->frame_bytes = (uint32_t)(data >> 32);
	quick->has = 0;
	if (ppi >> 32 == 0)
		return true;
	if ((msg_bytes < fixed + sizeof(layout->element) ||
	     !rndis_layout_same(layout, ppi, range + fixed)) &&
	    ((uint32_t)ppi != fixed - base || fixed + (ppi >> 32) > msg_bytes ||
	     !rndis_layout_learn(layout, ppi, range + fixed)))
		return false;
	quick->has = layout->has;
	return true;
}

#endif /* RNDIS_PACKET_H */
