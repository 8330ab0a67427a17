/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NETVSC_QUICK_H
#define NETVSC_QUICK_H

/*
 * The frames that most bursts consist of: one segment, no request to the host,
 * no tag in the frame. Runs of small ones are put into messages here, runs of
 * large ones sent by netvsc_quick_list.h; whatever else a frame may be is
 * netvsc_tx.c's.
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
	uint32_t fields;

	_Static_assert(offsetof(struct rte_mbuf, nb_segs) ==
		offsetof(struct rte_mbuf, refcnt) + sizeof(uint16_t), "neighbours");
	memcpy(&fields, &m->refcnt, sizeof(fields));
	return fields == 0x10001;
}

static inline bool
quick_tagged(const uint8_t *frame)
{
	rte_be16_t type;

	memcpy(&type, frame + FRAME_MACS_BYTES, sizeof(type));
	return type == RTE_BE16(RTE_ETHER_TYPE_VLAN);
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

/* ---- frames ---- */

/* What the host is told nothing about, and what nobody else holds: of lengths that
 * were looked at, and from this pool. */
static inline bool
quick_usual(const struct rte_mbuf *m, const uint8_t *data, const struct rte_mempool *pool)
{
	return m->pool == pool && quick_single(m) && (m->ol_flags & QUICK_NOT) == 0 &&
		!quick_tagged(data);
}

static inline size_t
quick_padded(uint32_t bytes, uint32_t align_mask)
{
	return (QUICK_HEADER_BYTES + bytes + align_mask) & ~align_mask;
}

/* Header, frame, and padding, at most 7 bytes: the frame is written over the rest. */
static inline void
quick_put(uint8_t *to, const struct quick_header *header, size_t padded, const uint8_t *data,
	uint32_t bytes)
{
	const uint64_t zero = 0;

	memcpy(to + padded - sizeof(zero), &zero, sizeof(zero));
	quick_header_put(to, header, (uint32_t)padded, bytes);
	quick_copy(to + QUICK_HEADER_BYTES, data, bytes);
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
		const size_t padded = quick_padded(bytes, align_mask);

		if (unlikely(bytes - QUICK_MIN > bytes_span || !quick_usual(m, data, pool)))
			break;
		if (unlikely(to + bytes > end))
			break;
		quick_put(to, &header, padded, data, bytes);
		to += padded;
		sum += bytes;
	}
	msg->bytes = (uint32_t)(to - msg->start);
	msg->frame_bytes += sum;
	msg->frames = (uint16_t)(msg->frames + n);
	/* A frame that is too long for any message is not this message's affair. */
	msg->full = n == most ? msg->frames == txq->frames_max :
		msg->frames != 0 && to + pkts[n]->data_len > end;
	return n;
}

#endif /* NETVSC_QUICK_H */
