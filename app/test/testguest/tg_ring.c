/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ring ends of the test guest. The host is trusted with nothing: indices are
 * read once and checked, lengths are checked against what was published.
 */

#include <errno.h>
#include <string.h>

#include "tg_ring.h"

#define FOOTER_BYTES ((uint32_t)sizeof(struct vmbus_packet_footer))

static uint32_t
pad8(uint32_t bytes)
{
	return (bytes + 7u) & ~7u;
}

static uint32_t
used_bytes(uint32_t write, uint32_t read, uint32_t size)
{
	return write >= read ? write - read : size - read + write;
}

static bool
index_ok(uint32_t index, uint32_t size)
{
	return index < size && index % 8u == 0;
}

void
tg_tx_ring_init(struct tg_tx_ring *ring, void *page, uint32_t half_bytes, uint32_t page_bytes)
{
	ring->page = page;
	ring->data = (uint8_t *)page + page_bytes;
	ring->data_bytes = half_bytes - page_bytes;
	ring->write = ring->page->write_index;
}

void
tg_rx_ring_init(struct tg_rx_ring *ring, void *page, uint32_t half_bytes, uint32_t page_bytes)
{
	ring->page = page;
	ring->data = (const uint8_t *)page + page_bytes;
	ring->data_bytes = half_bytes - page_bytes;
	ring->read = ring->page->read_index;
	ring->published = ring->read;
}

uint32_t
tg_tx_ring_free(const struct tg_tx_ring *ring)
{
	/* Partner: the host's release of read_index after it has read a packet. */
	uint32_t read = __atomic_load_n(&ring->page->read_index, __ATOMIC_ACQUIRE);

	if (!index_ok(read, ring->data_bytes))
		return 0;
	return ring->data_bytes - used_bytes(ring->write, read, ring->data_bytes);
}

static uint32_t
copy_in(struct tg_tx_ring *ring, uint32_t at, const void *from, uint32_t bytes)
{
	uint32_t first = ring->data_bytes - at;

	if (first > bytes)
		first = bytes;
	if (first > 0)
		memcpy(ring->data + at, from, first);
	if (bytes > first)
		memcpy(ring->data, (const uint8_t *)from + first, bytes - first);
	at += bytes;
	return at >= ring->data_bytes ? at - ring->data_bytes : at;
}

int
tg_tx_ring_put(struct tg_tx_ring *ring, const struct tg_piece *pieces, unsigned int n,
	bool *signal)
{
	static const uint8_t zeros[8];
	struct vmbus_packet_footer footer = { .start_offset = ring->write };
	uint32_t old = ring->write, at = old, bytes = 0;

	*signal = false;
	for (unsigned int i = 0; i < n; i++)
		bytes += pieces[i].bytes;
	/* The ring is never filled: equal indices mean empty. */
	if (tg_tx_ring_free(ring) <= pad8(bytes) + FOOTER_BYTES)
		return -EAGAIN;

	for (unsigned int i = 0; i < n; i++)
		at = copy_in(ring, at, pieces[i].base, pieces[i].bytes);
	at = copy_in(ring, at, zeros, pad8(bytes) - bytes);
	at = copy_in(ring, at, &footer, FOOTER_BYTES);
	ring->write = at;
	__atomic_store_n(&ring->page->write_index, at, __ATOMIC_RELEASE);

	/* Partner: a host that is about to sleep stores mask = 0, fences, and looks
	 * at write_index again. One side must see the other. */
	__sync_synchronize();         /* TSan builds have no C11 fences */
	*signal = __atomic_load_n(&ring->page->interrupt_mask, __ATOMIC_RELAXED) == 0 &&
		__atomic_load_n(&ring->page->read_index, __ATOMIC_RELAXED) == old;
	return 0;
}

uint32_t
tg_rx_ring_used(const struct tg_rx_ring *ring)
{
	/* Partner: the host's release of write_index after it wrote a packet. */
	uint32_t write = __atomic_load_n(&ring->page->write_index, __ATOMIC_ACQUIRE);

	if (!index_ok(write, ring->data_bytes))
		return UINT32_MAX;
	return used_bytes(write, ring->read, ring->data_bytes);
}

static void
copy_out(const struct tg_rx_ring *ring, uint32_t at, void *to, uint32_t bytes)
{
	uint32_t first;

	if (at >= ring->data_bytes)
		at -= ring->data_bytes;
	first = ring->data_bytes - at;
	if (first > bytes)
		first = bytes;
	memcpy(to, ring->data + at, first);
	if (bytes > first)
		memcpy((uint8_t *)to + first, ring->data, bytes - first);
}

int
tg_rx_ring_get(struct tg_rx_ring *ring, void *packet, uint32_t room)
{
	struct vmbus_packet_header header;
	struct vmbus_packet_footer footer;
	uint32_t used = tg_rx_ring_used(ring), bytes;

	if (used == 0)
		return 0;
	if (used == UINT32_MAX || used < sizeof(header) + FOOTER_BYTES)
		return -EPROTO;
	copy_out(ring, ring->read, &header, sizeof(header));
	bytes = header.length_8b * 8u;
	if (bytes < sizeof(header) || bytes + FOOTER_BYTES > used)
		return -EPROTO;
	if (header.data_offset_8b * 8u < sizeof(header) || header.data_offset_8b > header.length_8b)
		return -EPROTO;
	if (bytes > room)
		return -ENOSPC;
	copy_out(ring, ring->read, packet, bytes);
	copy_out(ring, ring->read + bytes, &footer, FOOTER_BYTES);
	if (footer.reserved != 0 || footer.start_offset != ring->read)
		return -EPROTO;
	/* The header that was checked is the one the caller gets. */
	memcpy(packet, &header, sizeof(header));
	ring->read = (ring->read + bytes + FOOTER_BYTES) % ring->data_bytes;
	return (int)bytes;
}

bool
tg_rx_ring_publish(struct tg_rx_ring *ring)
{
	uint32_t pending, write, old_free, new_free;

	if (ring->read == ring->published)
		return false;
	__atomic_store_n(&ring->page->read_index, ring->read, __ATOMIC_RELEASE);
	/* Partner: a host without room stores pending_send_bytes, fences, and looks
	 * at read_index again before it sleeps. */
	__sync_synchronize();         /* TSan builds have no C11 fences */
	pending = __atomic_load_n(&ring->page->pending_send_bytes, __ATOMIC_RELAXED);
	write = __atomic_load_n(&ring->page->write_index, __ATOMIC_RELAXED);
	old_free = ring->data_bytes - used_bytes(write, ring->published, ring->data_bytes);
	new_free = ring->data_bytes - used_bytes(write, ring->read, ring->data_bytes);
	ring->published = ring->read;
	return pending != 0 && old_free <= pending && new_free > pending;
}
