/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The host's ends of a channel's two rings. Indices that are the host's live
 * in private memory; what the guest writes over them in the shared page is
 * noticed (the *_tampered functions) and never used. Everything taken from
 * the guest's ring is copied once, before it is checked. Data areas are not
 * mapped twice and their sizes are no powers of two: copies wrap by splitting.
 */

#include <errno.h>
#include <string.h>

#include "data.h"

#define HEADER_BYTES ((uint32_t)sizeof(struct vmbus_packet_header))
#define LIED_BYTES_MAX 4096u            /* of what the host can lie in */
#define FOOTER_BYTES ((uint32_t)sizeof(struct vmbus_packet_footer))

static inline bool
index_ok(uint32_t index, uint32_t data_bytes)
{
	return index < data_bytes && index % 8 == 0;
}

/* Bytes from index `from` up to index `to`. */
static inline uint32_t
distance(uint32_t from, uint32_t to, uint32_t data_bytes)
{
	return to >= from ? to - from : data_bytes - from + to;
}

static inline uint32_t
advance(uint32_t index, uint32_t bytes, uint32_t data_bytes)
{
	index += bytes;
	return index >= data_bytes ? index - data_bytes : index;
}

/* ---- guest to host ---- */

void
host_rx_ring_init(struct host_rx_ring *ring, void *page, void *data, uint32_t data_bytes)
{
	*ring = (struct host_rx_ring) { .page = page, .data = data, .data_bytes = data_bytes };
	/* The guest's kernel has set the indices; a wrong one shows at the first look. */
	ring->read = __atomic_load_n(&ring->page->read_index, __ATOMIC_RELAXED);
	if (!index_ok(ring->read, data_bytes))
		ring->read = 0;
	ring->published = ring->read;
	ring->write_seen = ring->read;
	__atomic_store_n(&ring->page->read_index, ring->read, __ATOMIC_RELAXED);
	host_rx_ring_mask(ring, true);
}

/* Looks at the guest's write index. */
static int
rx_look(struct host_rx_ring *ring)
{
	/* Partner: the guest's release store of write_index after it filled in the
	 * packets: what lies below the index is complete. */
	uint32_t write = __atomic_load_n(&ring->page->write_index, __ATOMIC_ACQUIRE);

	if (!index_ok(write, ring->data_bytes))
		return -EPROTO;
	ring->write_seen = write;
	return 0;
}

static inline void
ring_read(const struct host_rx_ring *ring, uint32_t at, void *to, uint32_t bytes)
{
	uint32_t first = ring->data_bytes - at;

	if (bytes <= first) {
		memcpy(to, ring->data + at, bytes);
	} else {
		memcpy(to, ring->data + at, first);
		memcpy((uint8_t *)to + first, ring->data, bytes - first);
	}
	host_copy_barrier();
}

static enum vsp_rule
header_rule(const struct vmbus_packet_header *header, uint32_t available)
{
	uint32_t bytes = header->length_8b * 8u, data = header->data_offset_8b * 8u;

	if (header->type != VMBUS_PACKET_INBAND && header->type != VMBUS_PACKET_GPA_DIRECT &&
	    header->type != VMBUS_PACKET_COMPLETION)
		return header->type == VMBUS_PACKET_TRANSFER_PAGES ?
			VSP_RULE_PACKET_TRANSFER_PAGES : VSP_RULE_PACKET_TYPE;
	if ((header->flags & ~VMBUS_PACKET_FLAG_COMPLETION_REQUESTED) != 0)
		return VSP_RULE_PACKET_FLAGS;
	if (data < HEADER_BYTES || data > bytes || bytes + FOOTER_BYTES > available ||
	    bytes > VSP_PACKET_COPY_MAX)
		return VSP_RULE_PACKET_LENGTH;
	return VSP_RULE_COUNT;
}

/* Whether a page list is well formed: the caller's own copy. */
static bool
gpa_direct_ok(const uint8_t *extension, uint32_t bytes)
{
	struct vmbus_gpa_direct direct;
	struct vmbus_gpa_range range;
	uint32_t at = sizeof(direct);

	if (bytes < sizeof(direct))
		return false;
	memcpy(&direct, extension, sizeof(direct));
	if (direct.range_count == 0)
		return false;
	for (uint32_t i = 0; i < direct.range_count; i++) {
		uint64_t pages;

		if (!range_ok(at, sizeof(range), bytes))
			return false;
		memcpy(&range, extension + at, sizeof(range));
		at += sizeof(range);
		if (range.byte_count == 0 || range.byte_offset >= HV_PAGE_BYTES)
			return false;
		pages = gpa_range_pages(&range);
		if (pages > (bytes - at) / sizeof(uint64_t))
			return false;
		at += (uint32_t)pages * (uint32_t)sizeof(uint64_t);
	}
	return true;
}

int
host_rx_ring_next(struct host_rx_ring *ring, struct host_packet *packet, uint8_t *copy,
	enum vsp_rule *rule)
{
	uint32_t available = distance(ring->read, ring->write_seen, ring->data_bytes);
	struct vmbus_packet_header header;
	uint32_t bytes, data;

	if (available == 0) {
		*rule = VSP_RULE_RING_INDEX;
		if (rx_look(ring) < 0)
			return -EPROTO;
		available = distance(ring->read, ring->write_seen, ring->data_bytes);
		if (available == 0)
			return 0;
	}
	*rule = VSP_RULE_PACKET_LENGTH;
	if (available < HEADER_BYTES + FOOTER_BYTES)
		return -EPROTO;
	ring_read(ring, ring->read, &header, HEADER_BYTES);
	*rule = header_rule(&header, available);
	if (*rule != VSP_RULE_COUNT)
		return -EPROTO;

	bytes = header.length_8b * 8u - HEADER_BYTES;
	data = header.data_offset_8b * 8u - HEADER_BYTES;
	ring_read(ring, advance(ring->read, HEADER_BYTES, ring->data_bytes), copy, bytes);
	*rule = VSP_RULE_GPA_RANGE;
	if (header.type == VMBUS_PACKET_GPA_DIRECT && !gpa_direct_ok(copy, data))
		return -EPROTO;
	*packet = (struct host_packet) {
		.type = header.type,
		.flags = header.flags,
		.transaction_id = header.transaction_id,
		.extension = copy,
		.extension_bytes = data,
		.payload = copy + data,
		.payload_bytes = bytes - data,
	};
	ring->read = advance(ring->read, HEADER_BYTES + bytes + FOOTER_BYTES, ring->data_bytes);
	return 1;
}

bool
host_rx_ring_publish(struct host_rx_ring *ring)
{
	uint32_t old = ring->published, pending, write, old_free, new_free;

	if (ring->read == old)
		return false;
	/* Partner: the guest's acquire load of read_index before it writes over the
	 * bytes: our copies are complete. */
	__atomic_store_n(&ring->page->read_index, ring->read, __ATOMIC_RELEASE);
	ring->published = ring->read;
	ring->lied |= fault_lie(LIE_PIECE_RING_TO_HOST, ring->page, sizeof(*ring->page));
	/* Partner: a guest that waits for room stores pending_send_bytes, fences,
	 * and looks at read_index again. One of us must see the other. */
	full_fence();
	pending = __atomic_load_n(&ring->page->pending_send_bytes, __ATOMIC_RELAXED);
	pending &= ~7u;         /* some guests write what they need less one */
	if (pending == 0)
		return false;
	write = __atomic_load_n(&ring->page->write_index, __ATOMIC_RELAXED);
	if (!index_ok(write, ring->data_bytes))
		write = ring->write_seen;
	old_free = ring->data_bytes - distance(old, write, ring->data_bytes) -
		VMBUS_RING_RESERVED_BYTES;
	new_free = ring->data_bytes - distance(ring->read, write, ring->data_bytes) -
		VMBUS_RING_RESERVED_BYTES;
	return old_free < pending && pending <= new_free;
}

void
host_rx_ring_mask(struct host_rx_ring *ring, bool masked)
{
	ring->masked = masked;
	__atomic_store_n(&ring->page->interrupt_mask, masked ? 1 : 0, __ATOMIC_RELAXED);
	/* Partner: the guest's fence between its store of write_index and its load of
	 * this mask. Either it sees the mask open and signals, or our look at the
	 * ring after this fence sees its packet. */
	full_fence();
}

bool
host_rx_ring_empty(const struct host_rx_ring *ring)
{
	return __atomic_load_n(&ring->page->write_index, __ATOMIC_ACQUIRE) == ring->read;
}

bool
host_rx_ring_tampered(const struct host_rx_ring *ring)
{
	return !ring->lied &&
		__atomic_load_n(&ring->page->read_index, __ATOMIC_RELAXED) != ring->published;
}

bool
host_rx_ring_mask_tampered(const struct host_rx_ring *ring)
{
	return !ring->lied && __atomic_load_n(&ring->page->interrupt_mask, __ATOMIC_RELAXED) !=
		(ring->masked ? 1u : 0u);
}

/* ---- host to guest ---- */

void
host_tx_ring_init(struct host_tx_ring *ring, void *page, void *data, uint32_t data_bytes)
{
	*ring = (struct host_tx_ring) { .page = page, .data = data, .data_bytes = data_bytes };
	ring->write = __atomic_load_n(&ring->page->write_index, __ATOMIC_RELAXED);
	if (!index_ok(ring->write, data_bytes))
		ring->write = 0;
	ring->committed = ring->write;
	ring->read_seen = ring->write;
	__atomic_store_n(&ring->page->write_index, ring->write, __ATOMIC_RELAXED);
	__atomic_store_n(&ring->page->pending_send_bytes, 0, __ATOMIC_RELAXED);
	/* The writer says that it honours the pending-send rule. */
	__atomic_fetch_or(&ring->page->feature_bits, VMBUS_RING_FEATURE_PENDING_SEND,
		__ATOMIC_RELAXED);
}

static inline uint32_t
tx_free_from(const struct host_tx_ring *ring, uint32_t read)
{
	return ring->data_bytes - distance(read, ring->write, ring->data_bytes) -
		VMBUS_RING_RESERVED_BYTES;
}

/* Looks at the guest's read index. */
static int
tx_look(struct host_tx_ring *ring)
{
	/* Partner: the guest's release store of read_index: it has finished with the
	 * bytes that we write over next. */
	uint32_t read = __atomic_load_n(&ring->page->read_index, __ATOMIC_ACQUIRE);

	if (!index_ok(read, ring->data_bytes))
		return -EPROTO;
	ring->read_seen = read;
	return 0;
}

int
host_tx_ring_want(struct host_tx_ring *ring, uint32_t bytes)
{
	if (ring->blocked)
		return -EAGAIN;
	if (tx_free_from(ring, ring->read_seen) >= bytes)
		return 0;
	if (tx_look(ring) < 0)
		return -EPROTO;
	if (tx_free_from(ring, ring->read_seen) >= bytes)
		return 0;

	ring->pending = HV_MAX(bytes, (ring->data_bytes - VMBUS_RING_RESERVED_BYTES) / 4);
	ring->pending = (ring->pending + 7) & ~7u;
	ring->announced = true;
	__atomic_store_n(&ring->page->pending_send_bytes, ring->pending, __ATOMIC_RELAXED);
	/* Partner: the guest's fence between its store of read_index and its load of
	 * pending_send_bytes: it sees our wish, or we see its index. */
	full_fence();
	if (tx_look(ring) < 0)
		return -EPROTO;
	if (tx_free_from(ring, ring->read_seen) >= bytes)
		return 0;
	ring->blocked = true;
	return -EAGAIN;
}

static uint32_t
ring_write(struct host_tx_ring *ring, uint32_t at, const void *from, uint32_t bytes)
{
	uint32_t first = ring->data_bytes - at;

	if (bytes <= first) {
		memcpy(ring->data + at, from, bytes);
	} else {
		memcpy(ring->data + at, from, first);
		memcpy(ring->data, (const uint8_t *)from + first, bytes - first);
	}
	return advance(at, bytes, ring->data_bytes);
}

/* What goes out instead, if the host is to lie there; what is longer is told
 * truly. */
static const void *
lie_copy(enum lie_piece piece, const void *from, uint32_t bytes, uint8_t *to)
{
	if (bytes == 0 || bytes > LIED_BYTES_MAX)
		return from;
	memcpy(to, from, bytes);
	return fault_lie(piece, to, bytes) ? to : from;
}

int
host_tx_ring_put(struct host_tx_ring *ring, const struct vmbus_packet_header *header,
	const void *extension, uint32_t extension_bytes, const void *payload,
	uint32_t payload_bytes)
{
	static const uint8_t zeros[8];
	static uint8_t lied[2][LIED_BYTES_MAX];         /* one thread */
	uint32_t padding = -payload_bytes & 7;
	uint32_t bytes = HEADER_BYTES + extension_bytes + payload_bytes + padding;
	struct vmbus_packet_footer footer = { .start_offset = ring->write };
	struct vmbus_packet_header copy = *header;
	uint32_t at = ring->write;
	int ret;

	if (bytes + FOOTER_BYTES >= ring->data_bytes - VMBUS_RING_RESERVED_BYTES)
		return -EMSGSIZE;
	ret = host_tx_ring_want(ring, bytes + FOOTER_BYTES);
	if (ret < 0)
		return ret;
	copy.data_offset_8b = (uint16_t)((HEADER_BYTES + extension_bytes) / 8);
	copy.length_8b = (uint16_t)(bytes / 8);
	if (unlikely(fault_armed != 0)) {
		fault_at(FAULT_PACKET, &copy, sizeof(copy));
		fault_lie(LIE_PIECE_HEADER, &copy, sizeof(copy));
		extension = lie_copy(LIE_PIECE_EXTENSION, extension, extension_bytes, lied[0]);
		payload = lie_copy(LIE_PIECE_NVSP, payload, payload_bytes, lied[1]);
		fault_lie(LIE_PIECE_FOOTER, &footer, sizeof(footer));
	}
	at = ring_write(ring, at, &copy, HEADER_BYTES);
	if (extension_bytes != 0)
		at = ring_write(ring, at, extension, extension_bytes);
	if (payload_bytes != 0)
		at = ring_write(ring, at, payload, payload_bytes);
	if (padding != 0)
		at = ring_write(ring, at, zeros, padding);
	ring->write = ring_write(ring, at, &footer, FOOTER_BYTES);
	if (ring->pending != 0) {
		ring->pending = 0;
		__atomic_store_n(&ring->page->pending_send_bytes, 0, __ATOMIC_RELAXED);
	}
	return 0;
}

bool
host_tx_ring_publish(struct host_tx_ring *ring)
{
	uint32_t old = ring->committed;

	if (ring->write == old)
		return false;
	/* Partner: the guest's acquire load of write_index: the packets are complete. */
	__atomic_store_n(&ring->page->write_index, ring->write, __ATOMIC_RELEASE);
	ring->committed = ring->write;
	ring->lied |= fault_lie(LIE_PIECE_RING_TO_GUEST, ring->page, sizeof(*ring->page));
	/* Partner: the guest's fence between opening its mask and looking at
	 * write_index again: it sees the packet, or we see the mask open. */
	full_fence();
	if (__atomic_load_n(&ring->page->interrupt_mask, __ATOMIC_RELAXED) != 0)
		return false;
	return __atomic_load_n(&ring->page->read_index, __ATOMIC_ACQUIRE) == old;
}

uint32_t
host_tx_ring_free_bytes(const struct host_tx_ring *ring)
{
	uint32_t read = __atomic_load_n(&ring->page->read_index, __ATOMIC_ACQUIRE);

	return index_ok(read, ring->data_bytes) ? tx_free_from(ring, read) : 0;
}

void
host_tx_ring_unblock(struct host_tx_ring *ring)
{
	ring->blocked = false;
	ring->announced = false;
}

bool
host_tx_ring_tampered(const struct host_tx_ring *ring)
{
	return !ring->lied && (
		__atomic_load_n(&ring->page->write_index, __ATOMIC_RELAXED) != ring->committed ||
		__atomic_load_n(&ring->page->pending_send_bytes, __ATOMIC_RELAXED) != ring->pending);
}
