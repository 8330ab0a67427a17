/* SPDX-License-Identifier: BSD-3-Clause */

/* Nothing but the unavoidable; see floor.h. */

#include "floor.h"

#include <string.h>

#include <rte_branch_prediction.h>
#include <rte_common.h>
#include <rte_mempool.h>
#include <rte_prefetch.h>

#include "nvsp_wire.h"
#include "rndis_wire.h"

struct transfer_packet {
	struct vmbus_packet_header header;
	struct vmbus_transfer_pages pages;
	struct vmbus_transfer_range range[FLOOR_BURST_MAX];
};

struct completion_packet {
	struct vmbus_packet_header header;
	struct nvsp_rndis_complete body;
	struct vmbus_packet_footer footer;
};
_Static_assert(sizeof(struct completion_packet) == 32, "completion");

struct send_packet {
	struct vmbus_packet_header header;
	struct nvsp_rndis body;
	struct vmbus_packet_footer footer;
};
_Static_assert(sizeof(struct send_packet) == 40, "send");

/* ---- rings ---- */

static inline uint32_t
ring_advance(const struct floor_ring *ring, uint32_t index, uint32_t bytes)
{
	index += bytes;
	return index >= ring->data_bytes ? index - ring->data_bytes : index;
}

static inline void
ring_read(const struct floor_ring *ring, uint32_t index, void *to, uint32_t bytes)
{
	uint32_t to_end = ring->data_bytes - index;

	if (likely(bytes <= to_end)) {
		memcpy(to, ring->data + index, bytes);
	} else {
		memcpy(to, ring->data + index, to_end);
		memcpy((uint8_t *)to + to_end, ring->data, bytes - to_end);
	}
}

static inline void
ring_write(struct floor_ring *ring, const void *from, uint32_t bytes)
{
	uint32_t to_end = ring->data_bytes - ring->index;

	if (likely(bytes <= to_end)) {
		memcpy(ring->data + ring->index, from, bytes);
	} else {
		memcpy(ring->data + ring->index, from, to_end);
		memcpy(ring->data, (const uint8_t *)from + to_end, bytes - to_end);
	}
	ring->index = ring_advance(ring, ring->index, bytes);
}

static inline uint32_t
ring_room(const struct floor_ring *ring)
{
	uint32_t read = __atomic_load_n(&ring->page->read_index, __ATOMIC_ACQUIRE);
	uint32_t used = ring->index >= read ? ring->index - read :
		ring->index + ring->data_bytes - read;

	return ring->data_bytes - used - VMBUS_RING_RESERVED_BYTES;
}

static inline void
fence(void)
{
#if defined(__x86_64__)
	__asm__ volatile("lock addl $0, -128(%%rsp)" ::: "memory", "cc");
#else
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}

/* ---- receive ---- */

static inline uint32_t
load32(const uint8_t *from)
{
	uint32_t value;

	memcpy(&value, from, sizeof(value));
	return value;
}

/* Two words at once; the lower one is the first. */
static inline uint64_t
load64(const uint8_t *from)
{
	uint64_t value;

	memcpy(&value, from, sizeof(value));
	return value;
}

/* Inline, so that no libc is counted. From 64 bytes on the last block overlaps
 * the one before; shorter frames go word by word. */
static inline void
copy_bytes(uint8_t *to, const uint8_t *from, uint32_t bytes)
{
	if (unlikely(bytes < 64)) {
		for (; bytes >= 4; bytes -= 4, to += 4, from += 4)
			memcpy(to, from, 4);
		for (; bytes != 0; bytes--)
			*to++ = *from++;
		return;
	}
	memcpy(to, from, 64);
	for (; bytes > 64; bytes -= RTE_MIN(bytes - 64, 64u)) {
		to += RTE_MIN(bytes - 64, 64u);
		from += RTE_MIN(bytes - 64, 64u);
		memcpy(to, from, 64);
	}
}

#define PPI_BYTES 16u           /* header and one word */
#define CSUM_OK (RNDIS_RX_CSUM_TCP_OK | RNDIS_RX_CSUM_UDP_OK | RNDIS_RX_CSUM_IP_OK)

#define GOOD(csum) \
	(((csum) & RNDIS_RX_CSUM_IP_OK) != 0 ? RTE_MBUF_F_RX_IP_CKSUM_GOOD : 0ull) | \
	(((csum) & ~RNDIS_RX_CSUM_IP_OK) != 0 ? RTE_MBUF_F_RX_L4_CKSUM_GOOD : 0ull)
/* By the three bits of CSUM_OK. */
static const uint64_t good_flags[8] = {
	GOOD(0x00u), GOOD(0x08u), GOOD(0x10u), GOOD(0x18u),
	GOOD(0x20u), GOOD(0x28u), GOOD(0x30u), GOOD(0x38u),
};

#define PPI_OFFSET (sizeof(struct rndis_packet) - sizeof(struct rndis_header))
#define WORDS(low, high) ((uint64_t)(low) | (uint64_t)(high) << 32)

/* Any number of elements in any order. */
static __attribute__((noinline)) uint64_t
rx_flags_any(const uint8_t *at, uint32_t bytes, struct rte_mbuf *m)
{
	uint64_t flags = 0;

	for (; bytes >= PPI_BYTES; at += PPI_BYTES, bytes -= PPI_BYTES) {
		uint64_t head = load64(at);     /* length, type */

		if (head == WORDS(PPI_BYTES, RNDIS_PPI_CHECKSUM)) {
			flags |= good_flags[(load32(at + 12) & CSUM_OK) >> 3];
		} else if (head == WORDS(PPI_BYTES, RNDIS_PPI_HASH_VALUE)) {
			m->hash.rss = load32(at + 12);
			flags |= RTE_MBUF_F_RX_RSS_HASH;
		}
	}
	return flags;
}

/* Most frames carry just a checksum element right behind the header. */
static inline bool
rx_flags(const uint8_t *message, uint32_t left, struct rte_mbuf *m)
{
	uint64_t where = load64(message + offsetof(struct rndis_packet, ppi_offset));

	if (likely(where == WORDS(PPI_OFFSET, PPI_BYTES) &&
	    load64(message + sizeof(struct rndis_packet)) ==
			WORDS(PPI_BYTES, RNDIS_PPI_CHECKSUM))) {
		m->ol_flags = good_flags[(load32(message + sizeof(struct rndis_packet) +
			sizeof(struct rndis_ppi)) & CSUM_OK) >> 3];
		return true;
	}
	if ((uint32_t)where + (where >> 32) > left)
		return false;
	m->ol_flags = rx_flags_any(message + sizeof(struct rndis_header) + (uint32_t)where,
		(uint32_t)(where >> 32), m);
	return true;
}

/* One frame; false if a length of its header is none. Each word is loaded once.
 * Hosts put frames behind room for some information: no range is shorter than
 * header and one element. */
static inline bool
rx_frame(const struct floor *f, const struct vmbus_transfer_range *range, struct rte_mbuf *m)
{
	const uint8_t *message = f->recv_buffer + range->byte_offset;
	uint32_t left = range->byte_count - (uint32_t)sizeof(struct rndis_header);
	uint32_t frame_bytes;
	uint64_t data;

	if (unlikely((uint64_t)range->byte_offset + range->byte_count > f->recv_bytes ||
	    range->byte_count < sizeof(struct rndis_packet) + PPI_BYTES))
		return false;
	data = load64(message + offsetof(struct rndis_packet, data_offset));
	frame_bytes = (uint32_t)(data >> 32);
	if (unlikely(load32(message) != RNDIS_PACKET || frame_bytes > RTE_MBUF_DEFAULT_DATAROOM ||
	    (uint32_t)data + (data >> 32) > left || !rx_flags(message, left, m)))
		return false;
	memcpy((uint8_t *)m + offsetof(struct rte_mbuf, data_off), &f->rearm, sizeof(f->rearm));
	m->next = NULL;
	m->packet_type = 0;
	m->pkt_len = frame_bytes;
	m->data_len = (uint16_t)frame_bytes;
	copy_bytes((uint8_t *)m->buf_addr + RTE_PKTMBUF_HEADROOM,
		message + sizeof(struct rndis_header) + (uint32_t)data, frame_bytes);
	return true;
}

static inline void
rx_frames(struct floor *f, const struct vmbus_transfer_range *range, struct rte_mbuf **pkts,
	uint32_t ranges)
{
	struct rte_mbuf **const end = pkts + ranges;

	for (; pkts != end; pkts++, range++)
		if (unlikely(!rx_frame(f, range, *pkts))) {
			f->counters.malformed++;
			(*pkts)->pkt_len = 0;
		}
}

/* A transfer, copied; its ranges, or 0 if it is none. */
static inline uint32_t
rx_transfer(const struct floor *f, uint32_t index, uint32_t available,
	struct transfer_packet *packet)
{
	const uint32_t fixed = (uint32_t)offsetof(struct transfer_packet, range);
	struct nvsp_rndis nvsp;
	uint32_t ranges;

	if (available < fixed)
		return 0;
	ring_read(&f->rx, index, packet, fixed);
	ranges = packet->pages.range_count;
	if (packet->header.type != VMBUS_PACKET_TRANSFER_PAGES ||
	    packet->pages.set_id != FLOOR_RECV_SET || ranges == 0 || ranges > FLOOR_BURST_MAX ||
	    packet->header.length_8b * 8u > available ||
	    packet->header.data_offset_8b * 8u < fixed + ranges * sizeof(packet->range[0]) ||
	    packet->header.length_8b * 8u < packet->header.data_offset_8b * 8u + sizeof(nvsp))
		return 0;
	ring_read(&f->rx, ring_advance(&f->rx, index, fixed), packet->range,
		ranges * (uint32_t)sizeof(packet->range[0]));
	ring_read(&f->rx, ring_advance(&f->rx, index, packet->header.data_offset_8b * 8u),
		&nvsp, sizeof(nvsp));
	return nvsp.type == NVSP_RNDIS && nvsp.channel_type == NVSP_CHANNEL_DATA ? ranges : 0;
}

/* All acknowledgements of a burst, then the two indices and the fence. */
static inline void
rx_finish(struct floor *f, const uint64_t *ids, uint32_t count)
{
	struct completion_packet ack = {
		.header = { VMBUS_PACKET_COMPLETION, 2, 3, 0, 0 },
		.body = { NVSP_RNDIS_COMPLETE, NVSP_STATUS_SUCCESS },
	};

	for (uint32_t i = 0; i < count; i++) {
		ack.header.transaction_id = ids[i];
		ack.footer.start_offset = f->tx.index;
		ring_write(&f->tx, &ack, sizeof(ack));
	}
	__atomic_store_n(&f->tx.page->write_index, f->tx.index, __ATOMIC_RELEASE);
	__atomic_store_n(&f->rx.page->read_index, f->rx.index, __ATOMIC_RELEASE);
	fence();
}

__attribute__((noinline)) uint16_t
floor_rx_burst(struct floor *f, struct rte_mbuf **pkts, uint16_t nb_pkts)
{
	uint32_t write = __atomic_load_n(&f->rx.page->write_index, __ATOMIC_ACQUIRE);
	uint64_t ids[FLOOR_TRANSFERS_MAX];
	struct transfer_packet packet;
	uint32_t count = 0;
	uint16_t n = 0;

	while (f->rx.index != write && count < FLOOR_TRANSFERS_MAX) {
		uint32_t available = write > f->rx.index ? write - f->rx.index :
			write + f->rx.data_bytes - f->rx.index;
		uint32_t ranges = rx_transfer(f, f->rx.index, available, &packet);

		if (ranges > (uint32_t)(nb_pkts - n) ||
		    rte_mempool_get_bulk(f->pool, (void **)(pkts + n), ranges) != 0)
			break;
		rx_frames(f, packet.range, pkts + n, ranges);
		n = (uint16_t)(n + ranges);
		ids[count++] = packet.header.transaction_id;
		f->rx.index = ring_advance(&f->rx, f->rx.index, packet.header.length_8b * 8u +
			(uint32_t)sizeof(struct vmbus_packet_footer));
	}
	if (count == 0)
		return 0;
	rx_finish(f, ids, count);
	f->counters.transfers += count;
	f->counters.frames += n;
	return n;
}

/* ---- transmit ---- */

/* Takes back what the host has completed. */
static inline void
tx_reap(struct floor *f)
{
	uint32_t write = __atomic_load_n(&f->rx.page->write_index, __ATOMIC_ACQUIRE);
	struct completion_packet done;

	if (f->rx.index == write)
		return;
	while (f->rx.index != write) {
		ring_read(&f->rx, f->rx.index, &done, sizeof(done));
		if (unlikely(done.header.type != VMBUS_PACKET_COMPLETION ||
		    done.header.length_8b * 8u + sizeof(done.footer) != sizeof(done)))
			break;
		f->rx.index = ring_advance(&f->rx, f->rx.index, sizeof(done));
		if (unlikely(done.header.transaction_id >= FLOOR_SLOTS ||
		    !f->slot_busy[done.header.transaction_id])) {
			f->counters.malformed++;
			continue;
		}
		f->slot_busy[done.header.transaction_id] = false;
		f->free_slots[f->free_count++] = (uint16_t)done.header.transaction_id;
		f->counters.completions++;
	}
	__atomic_store_n(&f->rx.page->read_index, f->rx.index, __ATOMIC_RELEASE);
}

struct tx_header {
	struct rndis_packet packet;
	struct rndis_ppi ppi;
	uint32_t value;
};
_Static_assert(sizeof(struct tx_header) == 60, "transmit header");

/* All but the two lengths. */
static const struct tx_header tx_template = {
	.packet = {
		.header.type = RNDIS_PACKET,
		.data_offset = sizeof(struct tx_header) - sizeof(struct rndis_header),
		.ppi_offset = sizeof(struct rndis_packet) - sizeof(struct rndis_header),
		.ppi_bytes = sizeof(struct tx_header) - sizeof(struct rndis_packet),
	},
	.ppi = { PPI_BYTES, RNDIS_PPI_HASH_VALUE, sizeof(struct rndis_ppi) },
};

/* The template in registers, for a whole burst. The last two overlap: its length
 * is no multiple of 16. */
typedef uint64_t quad __attribute__((vector_size(16), aligned(1), may_alias));
#define LAST_QUAD (sizeof(struct tx_header) - sizeof(quad))
struct tx_quads {
	quad q[4];
};

static inline struct tx_quads
tx_quads_load(void)
{
	struct tx_quads quads;

	for (unsigned int i = 0; i < 4; i++) {
		memcpy(&quads.q[i], (const uint8_t *)&tx_template +
			(i < 3 ? i * sizeof(quad) : LAST_QUAD), sizeof(quad));
		/* Else the compiler loads them again for each frame. */
		__asm__("" : "+x"(quads.q[i]));
	}
	return quads;
}

/* One frame behind `to`; returns what it took: a multiple of 8, as hosts want. */
static inline size_t
tx_frame(uint8_t *to, const struct tx_quads *quads, const struct rte_mbuf *m, size_t frame_bytes)
{
	size_t padded = RTE_ALIGN_CEIL(sizeof(struct tx_header) + frame_bytes, 8u);
	const uint32_t msg_bytes = (uint32_t)padded, data_bytes = (uint32_t)frame_bytes;
	uint64_t zero = 0;

	memcpy(to + padded - sizeof(zero), &zero, sizeof(zero));
	memcpy(to, &quads->q[0], sizeof(quad));
	memcpy(to + sizeof(quad), &quads->q[1], sizeof(quad));
	memcpy(to + 2 * sizeof(quad), &quads->q[2], sizeof(quad));
	memcpy(to + LAST_QUAD, &quads->q[3], sizeof(quad));
	memcpy(to + offsetof(struct rndis_header, msg_bytes), &msg_bytes, sizeof(msg_bytes));
	memcpy(to + offsetof(struct rndis_packet, data_bytes), &data_bytes, sizeof(data_bytes));
	copy_bytes(to + sizeof(tx_template), (const uint8_t *)m->buf_addr + m->data_off,
		data_bytes);
	return padded;
}

/* Frames into a section, as many as fit; returns how many, and their bytes. */
static inline uint32_t
tx_fill(uint8_t *section, const struct tx_quads *quads, struct rte_mbuf **pkts,
	uint32_t nb_pkts, uint32_t *bytes)
{
	const uint8_t *full = section + FLOOR_SECTION_BYTES - sizeof(struct tx_header) - 7;
	struct rte_mbuf **next = pkts, **end = pkts + FLOOR_FRAMES_PER_MESSAGE;
	uint8_t *to = section;

	if (nb_pkts < FLOOR_FRAMES_PER_MESSAGE)
		end = pkts + nb_pkts;
	for (; next != end; next++) {
		size_t frame_bytes = (*next)->data_len;

		if (to + frame_bytes > full)
			break;
		to += tx_frame(to, quads, *next, frame_bytes);
	}
	*bytes = (uint32_t)(to - section);
	return (uint32_t)(next - pkts);
}

/* Up to a section full of frames as one message; returns how many. */
static inline uint32_t
tx_message(struct floor *f, const struct tx_quads *quads, struct rte_mbuf **pkts,
	uint32_t nb_pkts)
{
	uint32_t slot = f->free_slots[f->free_count - 1];
	struct send_packet packet = {
		.header = { VMBUS_PACKET_INBAND, 2, 4, VMBUS_PACKET_FLAG_COMPLETION_REQUESTED, slot },
		.body = { NVSP_RNDIS, NVSP_CHANNEL_DATA, slot, 0 },
		.footer = { 0, f->tx.index },
	};
	uint32_t n = tx_fill(f->send_buffer + slot * FLOOR_SECTION_BYTES, quads, pkts, nb_pkts,
		&packet.body.section_bytes);

	if (n == 0)
		return 0;
	ring_write(&f->tx, &packet, sizeof(packet));
	f->free_count--;
	f->slot_busy[slot] = true;
	return n;
}

__attribute__((noinline)) uint16_t
floor_tx_burst(struct floor *f, struct rte_mbuf **pkts, uint16_t nb_pkts)
{
	const struct tx_quads quads = tx_quads_load();
	uint32_t messages = 0, room = ring_room(&f->tx), sent = 0, n;

	tx_reap(f);
	for (; sent < nb_pkts && f->free_count != 0; messages++) {
		if (room < (messages + 1) * sizeof(struct send_packet))
			break;
		n = tx_message(f, &quads, pkts + sent, nb_pkts - sent);
		if (n == 0)
			break;
		sent += n;
	}
	if (sent == 0)
		return 0;
	__atomic_store_n(&f->tx.page->write_index, f->tx.index, __ATOMIC_RELEASE);
	fence();
	rte_mempool_put_bulk(f->pool, (void **)pkts, sent);
	f->counters.messages += messages;
	f->counters.frames += sent;
	return (uint16_t)sent;
}
