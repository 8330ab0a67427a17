/* SPDX-License-Identifier: BSD-3-Clause */

/* What of a ring is not on the path of every packet; see vmbus_ring.h. */

#include "vmbus_ring.h"

/* Checks what a mapping says about itself; returns the data size or -EINVAL. */
static int64_t
ring_geometry(const struct vmbus_ring_page *page, uint32_t bytes, uint32_t page_bytes)
{
	uint32_t data_bytes;

	if (page_bytes < HV_PAGE_BYTES || bytes <= page_bytes)
		return -EINVAL;
	data_bytes = bytes - page_bytes;
	if (data_bytes % HV_PAGE_BYTES != 0)
		return -EINVAL;
	if (!vmbus_ring_index_ok(vmbus_shm_load_relaxed(&page->write_index), data_bytes) ||
	    !vmbus_ring_index_ok(vmbus_shm_load_relaxed(&page->read_index), data_bytes))
		return -EINVAL;
	return data_bytes;
}

int
vmbus_tx_ring_attach(struct vmbus_tx_ring *ring, void *mem, uint32_t bytes, uint32_t page_bytes)
{
	struct vmbus_ring_page *page = mem;
	int64_t data_bytes = ring_geometry(page, bytes, page_bytes);

	if (data_bytes < 0)
		return (int)data_bytes;
	ring->page = page;
	ring->data = (uint8_t *)mem + page_bytes;
	ring->data_bytes = (uint32_t)data_bytes;
	ring->write = vmbus_shm_load_relaxed(&page->write_index);
	ring->published = ring->write;
	ring->read_seen = vmbus_shm_load_acquire(&page->read_index);
	return 0;
}

int
vmbus_rx_ring_attach(struct vmbus_rx_ring *ring, void *mem, uint32_t bytes, uint32_t page_bytes)
{
	struct vmbus_ring_page *page = mem;
	int64_t data_bytes = ring_geometry(page, bytes, page_bytes);

	if (data_bytes < 0)
		return (int)data_bytes;
	ring->page = page;
	ring->data = (uint8_t *)mem + page_bytes;
	ring->data_bytes = (uint32_t)data_bytes;
	ring->read = vmbus_shm_load_relaxed(&page->read_index);
	ring->published = ring->read;
	ring->write_seen = ring->read;
	return 0;
}

bool
vmbus_rx_ring_publish(struct vmbus_rx_ring *ring)
{
	uint32_t before = ring->published, wanted, write, free_before, free_after;

	if (ring->read == before)
		return false;
	/* Partner: the host's acquire load of our index: it may overwrite what
	 * lies below, so our copies must be complete. */
	vmbus_shm_store_release(&ring->page->read_index, ring->read);
	ring->published = ring->read;
	/* Partner: the host stores what it waits for, fences, looks at our index
	 * again and sleeps. */
	vmbus_shm_fence();
	if ((vmbus_shm_load_relaxed(&ring->page->feature_bits) &
	     VMBUS_RING_FEATURE_PENDING_SEND) == 0)
		return false;
	wanted = vmbus_shm_load_relaxed(&ring->page->pending_send_bytes);
	if (wanted == 0)
		return false;
	write = vmbus_shm_load_relaxed(&ring->page->write_index);
	if (!vmbus_ring_index_ok(write, ring->data_bytes))
		return false;           /* the next look at the ring reports it */
	free_before = vmbus_ring_free(before, write, ring->data_bytes);
	free_after = vmbus_ring_free(ring->read, write, ring->data_bytes);
	return free_before < wanted && free_after >= wanted;
}
