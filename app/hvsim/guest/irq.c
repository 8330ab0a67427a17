/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Interrupt masks: what write() to a uio device changes. They lie in the rings,
 * so the library stores them itself, as the kernel does before write() returns.
 */

#include <errno.h>
#include <sys/mman.h>

#include "../../../drivers/bus/vmbus/vmbus_wire.h"
#include "guest.h"

void *
irq_page_map(int fd, uint64_t offset, uint64_t bytes)
{
	void *page = real.mmap(NULL, HV_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		(off_t)(offset + bytes / 2));

	return page == MAP_FAILED ? NULL : page;
}

void
irq_pages_forget(struct uio_state *uio)
{
	for (unsigned int i = 0; i < uio->control_count; i++)
		real.munmap(uio->control[i], HV_PAGE_BYTES);
	uio->control_count = 0;
	uio->control_valid = false;
}

/* Adds what one reply brought. Returns how many channels there are. */
static uint32_t
control_add(struct uio_state *uio, struct conn_reply *reply)
{
	const struct guest_channels *channels = &reply->body.channels;
	uint32_t count = channels->count < reply->fd_count ? channels->count : reply->fd_count;

	for (uint32_t i = 0; i < count && uio->control_count < CONTROL_PAGES_MAX; i++) {
		void *page = irq_page_map(reply->fds[i], channels->ring_offset[i],
			channels->ring_bytes[i]);

		if (page)
			uio->control[uio->control_count++] = page;
	}
	return channels->total;
}

/* Maps the control pages of all open channels, if they are not the known ones.
 * The lock is held. */
static void
control_update(struct uio_state *uio)
{
	uint32_t epoch = __atomic_load_n(&uio->page->channel_epoch, __ATOMIC_SEQ_CST);
	struct guest_channels_request want = { .cookie = uio->cookie };
	struct conn_message message = {
		.op = GUEST_CHANNELS, .payload = &want, .payload_bytes = sizeof(want), .fd = -1,
	};
	uint32_t total = 1;

	if (uio->control_valid && uio->control_epoch == epoch)
		return;
	irq_pages_forget(uio);
	while (want.first < total && want.first < CONTROL_PAGES_MAX) {
		struct conn_reply reply;
		int ret = conn_request(&message, &reply);

		if (ret == 0)
			total = control_add(uio, &reply);
		conn_reply_close(&reply);
		if (ret < 0)
			return;
		want.first += GUEST_CHANNELS_PER_REPLY;
	}
	uio->control_epoch = epoch;
	uio->control_valid = true;
}

static void
mask_store(void *page, uint32_t mask)
{
	struct vmbus_ring_page *ring = page;

	__atomic_store_n(&ring->interrupt_mask, mask, __ATOMIC_SEQ_CST);
}

void
irq_control(struct uio_state *uio, bool enable)
{
	uint32_t mask = !enable;

	if (uio->primary_page)
		mask_store(uio->primary_page, mask);
	if (!uio->page->irqcontrol_all)
		return;
	guest_lock();
	control_update(uio);
	for (unsigned int i = 0; i < uio->control_count; i++)
		mask_store(uio->control[i], mask);
	guest_unlock();
}
