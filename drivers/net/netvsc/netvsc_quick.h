/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NETVSC_QUICK_H
#define NETVSC_QUICK_H

/*
 * The frames that most bursts consist of: one segment, no request to the host,
 * no tag in the frame. Runs of them go to the host by the two functions at the
 * end of this file; whatever else a frame may be is netvsc_tx.c's.
 *
 * Inline, with all that stays the same over a run in registers: a store to the
 * send buffer may alias anything, so what is not in a local is loaded again for
 * each frame.
 */

#include <string.h>

#include "netvsc_frame.h"
#include "netvsc_message.h"

/* Shorter frames have no room for a tag to look for. */
#define QUICK_MIN (FRAME_TAGGED_BYTES + 2u)
/* Flags that ask the host for something; the others only describe the frame. */
#define TX_REQUESTS (RTE_MBUF_F_TX_OFFLOAD_MASK & ~(RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IPV6))
#define QUICK_NOT (TX_REQUESTS | RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL)

/* ---- which frames ---- */

/* One reference, one segment: two fields that lie side by side. */
static inline bool
quick_single(const struct rte_mbuf *m)
{
	const uint16_t one[2] = { 1, 1 };
	uint32_t expected, fields;

	_Static_assert(offsetof(struct rte_mbuf, nb_segs) ==
		offsetof(struct rte_mbuf, refcnt) + sizeof(uint16_t), "neighbours");
	memcpy(&expected, one, sizeof(expected));
	memcpy(&fields, &m->refcnt, sizeof(fields));
	return fields == expected;
}

static inline bool
quick_tagged(const uint8_t *frame)
{
	const uint8_t tag[2] = { RTE_ETHER_TYPE_VLAN >> 8, RTE_ETHER_TYPE_VLAN & 0xff };

	return memcmp(frame + FRAME_MACS_BYTES, tag, sizeof(tag)) == 0;
}

/* ---- writing ---- */

typedef uint64_t quad __attribute__((vector_size(16), aligned(1), may_alias));

/* A header in registers; the last two overlap: its length is no multiple of 16. */
struct quick_header {
	quad q[4];
};
#define QUICK_HEADER_BYTES 60u
#define QUICK_LAST_QUAD (QUICK_HEADER_BYTES - sizeof(quad))
_Static_assert(QUICK_HEADER_BYTES == offsetof(struct netvsc_tx_header, ppi[1]), "one element");

static inline struct quick_header
quick_header_load(const struct netvsc_txq *txq)
{
	const uint8_t *from = (const uint8_t *)&txq->header;
	struct quick_header header;

	memcpy(&header.q[0], from, sizeof(quad));
	memcpy(&header.q[1], from + sizeof(quad), sizeof(quad));
	memcpy(&header.q[2], from + 2 * sizeof(quad), sizeof(quad));
	memcpy(&header.q[3], from + QUICK_LAST_QUAD, sizeof(quad));
	return header;
}

static inline void
quick_header_put(uint8_t *to, const struct quick_header *header, uint32_t msg_bytes,
	uint32_t data_bytes)
{
	memcpy(to, &header->q[0], sizeof(quad));
	memcpy(to + sizeof(quad), &header->q[1], sizeof(quad));
	memcpy(to + 2 * sizeof(quad), &header->q[2], sizeof(quad));
	memcpy(to + QUICK_LAST_QUAD, &header->q[3], sizeof(quad));
	memcpy(to + offsetof(struct rndis_header, msg_bytes), &msg_bytes, sizeof(msg_bytes));
	memcpy(to + offsetof(struct rndis_packet, data_bytes), &data_bytes, sizeof(data_bytes));
}

static inline void
quick_copy64(uint8_t *to, const uint8_t *from)
{
	quad a, b, c, d;

	memcpy(&a, from, sizeof(a));
	memcpy(&b, from + sizeof(a), sizeof(b));
	memcpy(&c, from + 2 * sizeof(a), sizeof(c));
	memcpy(&d, from + 3 * sizeof(a), sizeof(d));
	memcpy(to, &a, sizeof(a));
	memcpy(to + sizeof(a), &b, sizeof(b));
	memcpy(to + 2 * sizeof(a), &c, sizeof(c));
	memcpy(to + 3 * sizeof(a), &d, sizeof(d));
}

/* At least 16 bytes; the last piece overlaps the one before. */
static inline void
quick_copy(uint8_t *to, const uint8_t *from, uint32_t bytes)
{
	quad first, last;

	if (likely(bytes >= 64)) {
		const uint8_t *const tail = from + bytes - 64;

		for (; unlikely(from < tail); to += 64, from += 64)
			quick_copy64(to, from);
		quick_copy64(to - (from - tail), tail);
		return;
	}
	if (bytes > 32) {
		memcpy(&first, from + 16, sizeof(first));
		memcpy(&last, from + bytes - 32, sizeof(last));
		memcpy(to + 16, &first, sizeof(first));
		memcpy(to + bytes - 32, &last, sizeof(last));
	}
	memcpy(&first, from, sizeof(first));
	memcpy(&last, from + bytes - 16, sizeof(last));
	memcpy(to, &first, sizeof(first));
	memcpy(to + bytes - 16, &last, sizeof(last));
}

/* ---- runs ---- */

/* What bounds a run of frames that are copied. */
struct quick_limits {
	struct rte_mempool *pool;   /* all come from here, so that all go back at once */
	uint32_t count;
};

/* Puts frames into the message as long as they are of the common kind and there
 * is room; returns how many. For a queue whose quick_max is not 0; it is such
 * that the first frame fits. */
static inline uint32_t
quick_fill(const struct netvsc_txq *txq, struct netvsc_tx_message *msg, struct rte_mbuf **pkts,
	const struct quick_limits *limits)
{
	const struct quick_header header = quick_header_load(txq);
	const uint32_t bytes_span = txq->quick_max - QUICK_MIN, align_mask = txq->align_mask;
	const uint32_t most = RTE_MIN(limits->count, (uint32_t)(txq->frames_max - msg->frames));
	const uint8_t *const end = msg->start + txq->fill_bytes;
	struct rte_mempool *const pool = limits->pool;
	uint8_t *to = msg->start + msg->bytes;
	uint32_t n, sum = 0;

	for (n = 0; n != most; n++) {
		const struct rte_mbuf *m = pkts[n];
		const uint8_t *data = rte_pktmbuf_mtod(m, const uint8_t *);
		const uint32_t bytes = m->data_len;
		const size_t padded = (QUICK_HEADER_BYTES + bytes + align_mask) & ~align_mask;
		const uint64_t zero = 0;

		if (unlikely(bytes - QUICK_MIN > bytes_span || m->pool != pool ||
		    !quick_single(m) || (m->ol_flags & QUICK_NOT) != 0 || quick_tagged(data)))
			break;
		if (unlikely(to + bytes > end))
			break;
		/* The padding, at most 7 bytes: the frame is written over the rest. */
		memcpy(to + padded - sizeof(zero), &zero, sizeof(zero));
		quick_header_put(to, &header, (uint32_t)padded, bytes);
		quick_copy(to + QUICK_HEADER_BYTES, data, bytes);
		to += padded;
		sum += bytes;
	}
	msg->bytes = (uint32_t)(to - msg->start);
	msg->frame_bytes += sum;
	msg->frames = (uint16_t)(msg->frames + n);
	msg->full = n == most ? msg->frames == txq->frames_max : to + pkts[n]->data_len > end;
	return n;
}

/* Header, extension, one range of at most two pages, what NVSP says, footer. */
#define QUICK_LIST_BYTES 72u

/* How many page lists can be sent without looking again: slots, sections, room,
 * and the ring does not wrap in between. */
static inline uint32_t
quick_lists_most(struct netvsc_txq *txq, uint32_t count)
{
	struct vmbus_tx_ring *ring = &txq->channel->vmbus->tx;
	int64_t room;

	count = RTE_MIN(RTE_MIN(count, txq->free_count), txq->sections.count);
	room = vmbus_tx_ring_room(ring, count * QUICK_LIST_BYTES + txq->ack_reserve) -
		txq->ack_reserve;
	room = RTE_MIN(room, ring->data_bytes - ring->write - 1);
	if (unlikely(room < count * QUICK_LIST_BYTES))
		return room < 0 ? 0 : (uint32_t)room / QUICK_LIST_BYTES;
	return count;
}

/* Writes one: the host reads the header from the section, the frame from the
 * mbuf. Returns where the next packet begins. */
static inline uint32_t
quick_list_put(const struct vmbus_tx_ring *ring, uint32_t write, const struct rte_mbuf *m,
	uint64_t id, uint32_t section)
{
	const uint64_t iova = rte_mbuf_data_iova(m), page = iova >> HV_PAGE_SHIFT;
	const uint64_t direct = UINT64_C(1) << 32;
	const uint64_t range = (iova & (HV_PAGE_BYTES - 1)) << 32 | m->data_len;
	const uint64_t header = (uint64_t)QUICK_HEADER_BYTES << 32 | section;

	if ((iova + m->data_len - 1) >> HV_PAGE_SHIFT == page)
		return vmbus_packet_put_at(ring, write, (struct vmbus_packet_words) { {
			vmbus_packet_word(VMBUS_PACKET_GPA_DIRECT, 5, 7), id, direct, range, page,
			TX_NVSP_WORD, header } }, 8);
	return vmbus_packet_put_at(ring, write, (struct vmbus_packet_words) { {
		vmbus_packet_word(VMBUS_PACKET_GPA_DIRECT, 6, 8), id, direct, range, page,
		page + 1, TX_NVSP_WORD, header } }, 9);
}

static inline bool
quick_list_ok(const struct rte_mbuf *m, uint32_t copy_max, uint32_t bytes_span)
{
	/* No address is 0 or RTE_BAD_IOVA. */
	return m->data_len - copy_max - 1 <= bytes_span && m->nb_segs == 1 &&
		(m->ol_flags & QUICK_NOT) == 0 && rte_mbuf_iova_get(m) - 1 < RTE_BAD_IOVA - 1 &&
		!quick_tagged(rte_pktmbuf_mtod(m, const uint8_t *));
}

/* What was sent of a run. */
static inline void
quick_lists_count(struct netvsc_txq *txq, uint32_t count, uint64_t bytes)
{
	txq->free_count -= count;
	txq->sections.count -= count;
	txq->generation = (uint16_t)(txq->generation + count);
	txq->counters.packets += count;
	txq->counters.bytes += bytes;
	txq->counters.messages += count;
	txq->counters.page_lists += count;
}

/* Sends frames longer than copy_max as page lists as long as they are of the
 * common kind and nothing runs out; returns how many. */
static inline uint32_t
quick_lists(struct netvsc_txq *txq, struct rte_mbuf **pkts, uint32_t count)
{
	const struct quick_header header = quick_header_load(txq);
	const uint32_t copy_max = txq->copy_max, bytes_span = txq->quick_list_max - copy_max - 1;
	const uint32_t most = quick_lists_most(txq, count), section_bytes = txq->sendbuf->section_bytes;
	const uint16_t *free_slot = txq->free_slots + txq->free_count;
	const uint32_t *section = txq->sections.section + txq->sections.count;
	struct netvsc_tx_slot *const slots = txq->channel->tx_slots.slot;
	struct vmbus_tx_ring ring = txq->channel->vmbus->tx;
	const uint64_t epoch = NETVSC_TID(txq->channel->epoch, 0, 0);
	uint8_t *const base = txq->sendbuf->base;
	uint16_t generation = txq->generation;
	uint64_t sum = 0;
	uint32_t n;

	for (n = 0; n != most && quick_list_ok(pkts[n], copy_max, bytes_span); n++) {
		const uint32_t bytes = pkts[n]->data_len;
		const uint16_t slot = *--free_slot;

		section--;
		generation++;
		quick_header_put(base + (uint64_t)*section * section_bytes, &header,
			QUICK_HEADER_BYTES + bytes, bytes);
		tx_slot_arm(&slots[slot], (struct netvsc_tx_slot) { .mbuf = pkts[n],
			.section = *section, .bytes = bytes, .frames = 1 }, generation);
		ring.write = quick_list_put(&ring, ring.write, pkts[n],
			epoch | NETVSC_TID(0, generation, slot), *section);
		sum += bytes;
	}
	txq->channel->vmbus->tx.write = ring.write;
	quick_lists_count(txq, n, sum);
	return n;
}

#endif /* NETVSC_QUICK_H */
