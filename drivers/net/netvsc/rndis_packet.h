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

#define RNDIS_QUICK_TYPES 16u
#define RNDIS_QUICK_PPI_BYTES ((uint32_t)(sizeof(struct rndis_ppi) + sizeof(uint32_t)))

/* A message whose information is made of single words of types below 16. */
struct rndis_rx_quick {
	uint32_t frame_off;         /* from the start of the range */
	uint32_t frame_bytes;
	uint32_t has;               /* bit 1 << RNDIS_PPI_*: which of these are valid */
	uint32_t info[RNDIS_QUICK_TYPES];       /* by RNDIS_PPI_* */
};

/* The information right behind the message's fixed part, all its elements alike. */
static inline bool
rndis_quick_info(const uint8_t *at, uint64_t area_bytes, struct rndis_rx_quick *quick)
{
	const uint8_t *end = at + area_bytes;

	if (area_bytes > RNDIS_PPI_COUNT_MAX * RNDIS_QUICK_PPI_BYTES ||
	    area_bytes % RNDIS_QUICK_PPI_BYTES != 0)
		return false;
	for (; at != end; at += RNDIS_QUICK_PPI_BYTES) {
		uint64_t head = rndis_load64(at), tail = rndis_load64(at + sizeof(head));
		uint32_t type = (uint32_t)(head >> 32);

		if ((uint32_t)head != RNDIS_QUICK_PPI_BYTES || type >= RNDIS_QUICK_TYPES ||
		    (uint32_t)tail != sizeof(struct rndis_ppi))
			return false;
		quick->info[type] = (uint32_t)(tail >> 32);
		quick->has |= 1u << type;
	}
	return true;
}

/*
 * Decodes the message at `range` if it is laid out as hosts lay out nearly all of
 * theirs. Whatever is accepted here is accepted by rndis_packet_decode() with the
 * same result; false says nothing about the message but that it must be asked.
 */
static inline bool
rndis_packet_quick(const uint8_t *range, uint32_t range_bytes, struct rndis_rx_quick *quick)
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
	return (uint32_t)ppi == fixed - base && fixed + (ppi >> 32) <= msg_bytes &&
		rndis_quick_info(range + fixed, ppi >> 32, quick);
}

#endif /* RNDIS_PACKET_H */
