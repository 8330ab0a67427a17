/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VMBUS_RING_H
#define VMBUS_RING_H

/*
 * The guest's ends of a channel's two rings, as two types, so that the wrong
 * direction does not compile. Pure: no I/O, no allocation, no DPDK.
 *
 * Each end keeps its own index privately and publishes it once per burst:
 * bytes written with vmbus_tx_ring_put() are invisible to the host until
 * vmbus_tx_ring_publish(), bytes taken with vmbus_rx_ring_take() are not given
 * back until vmbus_rx_ring_publish(). What the host stores in the words that
 * belong to the guest is never read back. The data area is not mapped twice:
 * what wraps is copied in two pieces.
 *
 * A ring's data size is a multiple of 8 and any such size, no power of two;
 * indices are offsets from the start of the data area. Calls for one ring end
 * are serialised by the caller.
 */

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "vmbus_shm.h"
#include "vmbus_wire.h"

struct vmbus_tx_ring {
	struct vmbus_ring_page *page;
	uint8_t *data;
	uint32_t data_bytes;
	uint32_t write;         /* next byte to write */
	uint32_t published;     /* what the host may see */
	uint32_t read_seen;     /* the host's index when last looked at */
};

struct vmbus_rx_ring {
	struct vmbus_ring_page *page;
	uint8_t *data;
	uint32_t data_bytes;
	uint32_t read;          /* next byte to take */
	uint32_t published;     /* what the host knows to be free again */
	uint32_t write_seen;    /* the host's index when last looked at */
};

/* Attach to one half of a mapping: `bytes` in all, the control page first.
 * The indices are taken over from the page, where the kernel has set them.
 * Returns 0, or -EINVAL if the sizes or indices make no ring. */
int vmbus_tx_ring_attach(struct vmbus_tx_ring *ring, void *mem, uint32_t bytes,
	uint32_t page_bytes);
int vmbus_rx_ring_attach(struct vmbus_rx_ring *ring, void *mem, uint32_t bytes,
	uint32_t page_bytes);

/* ---- common arithmetic ---- */

static inline uint32_t
vmbus_ring_used(uint32_t read, uint32_t write, uint32_t data_bytes)
{
	return write >= read ? write - read : write + data_bytes - read;
}

/* What can be written without the indices meeting again. */
static inline uint32_t
vmbus_ring_free(uint32_t read, uint32_t write, uint32_t data_bytes)
{
	return data_bytes - vmbus_ring_used(read, write, data_bytes) - VMBUS_RING_RESERVED_BYTES;
}

/* An index the peer may have; anything else is a broken ring. */
static inline bool
vmbus_ring_index_ok(uint32_t index, uint32_t data_bytes)
{
	return index < data_bytes && (index & 7) == 0;
}

static inline uint32_t
vmbus_ring_advance(uint32_t index, uint32_t bytes, uint32_t data_bytes)
{
	index += bytes;
	return index >= data_bytes ? index - data_bytes : index;
}

/* ---- transmit ring ---- */

/* Room as far as known; looks at the host's index only if that is less than
 * `wanted`. Returns the bytes free, or -EPROTO if the host's index is none. */
static inline int64_t
vmbus_tx_ring_room(struct vmbus_tx_ring *ring, uint32_t wanted)
{
	uint32_t room = vmbus_ring_free(ring->read_seen, ring->write, ring->data_bytes);
	uint32_t read;

	if (room >= wanted)
		return room;
	/* Partner: the host's release store of its read index, after it has
	 * copied the packet: the bytes below it may be overwritten. */
	read = vmbus_shm_load_acquire(&ring->page->read_index);
	if (!vmbus_ring_index_ok(read, ring->data_bytes))
		return -EPROTO;
	ring->read_seen = read;
	return vmbus_ring_free(read, ring->write, ring->data_bytes);
}

/* Appends bytes; the caller has made sure of the room. bytes need not be a
 * multiple of 8, but what lies between two publications must be. */
static inline void
vmbus_tx_ring_put(struct vmbus_tx_ring *ring, const void *src, uint32_t bytes)
{
	uint32_t to_end = ring->data_bytes - ring->write;

	if (__builtin_expect(bytes <= to_end, 1)) {
		memcpy(ring->data + ring->write, src, bytes);
	} else {
		memcpy(ring->data + ring->write, src, to_end);
		memcpy(ring->data, (const uint8_t *)src + to_end, bytes - to_end);
	}
	ring->write = vmbus_ring_advance(ring->write, bytes, ring->data_bytes);
}

/* Shows the host all that was put. Returns whether the host must be signalled:
 * it asked for it and had read everything before. */
static inline bool
vmbus_tx_ring_publish(struct vmbus_tx_ring *ring)
{
	uint32_t before = ring->published;

	if (ring->write == before)
		return false;
	/* Partner: the host's acquire load of the write index. */
	vmbus_shm_store_release(&ring->page->write_index, ring->write);
	ring->published = ring->write;
	/* Partner: the host stores its mask, fences, looks at our index again and
	 * sleeps. One side must see the other, or the wake-up is lost. */
	vmbus_shm_fence();
	if (vmbus_shm_load_relaxed(&ring->page->interrupt_mask) != 0)
		return false;
	return vmbus_shm_load_relaxed(&ring->page->read_index) == before;
}

/* ---- receive ring ---- */

/* True if there is something that was not seen yet: one load. */
static inline bool
vmbus_rx_ring_pending(const struct vmbus_rx_ring *ring)
{
	return vmbus_shm_load_relaxed(&ring->page->write_index) != ring->read;
}

/* Bytes that can be taken. Looks at the host's index only when what it knew is
 * used up. Returns -EPROTO if that index is none. */
static inline int64_t
vmbus_rx_ring_available(struct vmbus_rx_ring *ring)
{
	uint32_t write;

	if (ring->read != ring->write_seen)
		return vmbus_ring_used(ring->read, ring->write_seen, ring->data_bytes);
	/* Partner: the host's release store of its write index, after the
	 * packet's bytes. */
	write = vmbus_shm_load_acquire(&ring->page->write_index);
	if (!vmbus_ring_index_ok(write, ring->data_bytes))
		return -EPROTO;
	ring->write_seen = write;
	return vmbus_ring_used(ring->read, write, ring->data_bytes);
}

/* Copies bytes at `offset` from the next byte to take; both within what is
 * available. The host may change them meanwhile: check the copy, not the ring. */
static inline void
vmbus_rx_ring_copy(const struct vmbus_rx_ring *ring, uint32_t offset, void *dst, uint32_t bytes)
{
	uint32_t from = vmbus_ring_advance(ring->read, offset, ring->data_bytes);
	uint32_t to_end = ring->data_bytes - from;

	if (__builtin_expect(bytes <= to_end, 1)) {
		memcpy(dst, ring->data + from, bytes);
	} else {
		memcpy(dst, ring->data + from, to_end);
		memcpy((uint8_t *)dst + to_end, ring->data, bytes - to_end);
	}
}

/* The bytes from the next one to take that lie in one piece; the host may change
 * them at any moment. Call it after vmbus_rx_ring_available(), which it cannot
 * exceed. */
static inline const uint8_t *
vmbus_rx_ring_straight(const struct vmbus_rx_ring *ring, uint32_t *bytes)
{
	*bytes = (ring->write_seen >= ring->read ? ring->write_seen : ring->data_bytes) - ring->read;
	return ring->data + ring->read;
}

static inline void
vmbus_rx_ring_take(struct vmbus_rx_ring *ring, uint32_t bytes)
{
	ring->read = vmbus_ring_advance(ring->read, bytes, ring->data_bytes);
}

/* The same up to `at`, a place in what vmbus_rx_ring_straight() returned, or its end. */
static inline void
vmbus_rx_ring_take_to(struct vmbus_rx_ring *ring, const uint8_t *at)
{
	uint32_t index = (uint32_t)(at - ring->data);

	ring->read = index == ring->data_bytes ? 0 : index;
}

/* Gives what was taken back to the host. Returns whether the host must be
 * signalled: it waits for room, and now there is enough. */
bool vmbus_rx_ring_publish(struct vmbus_rx_ring *ring);

/* Whether the host may interrupt us when the ring turns non-empty. */
static inline void
vmbus_rx_ring_mask(struct vmbus_rx_ring *ring, bool masked)
{
	vmbus_shm_store_relaxed(&ring->page->interrupt_mask, masked);
}

#endif /* VMBUS_RING_H */
