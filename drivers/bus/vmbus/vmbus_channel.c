/* SPDX-License-Identifier: BSD-3-Clause */

/* Signalling the host: a bit of the monitor page, which the hypervisor looks
 * at by itself, or a bit of the interrupt page and a hypercall by the kernel. */

#include "vmbus_channel.h"

#include <rte_malloc.h>

#include "vmbus_log.h"

/* Descriptors are the process's own, channels are shared: a channel names its
 * slot of this table. */
static int channel_fds[VMBUS_CHANNEL_FD_SLOTS];
static uint8_t channel_fd_used[VMBUS_CHANNEL_FD_SLOTS];

int
vmbus_channel_fd_claim(int fd)
{
	for (unsigned int slot = 0; slot < VMBUS_CHANNEL_FD_SLOTS; slot++) {
		if (!channel_fd_used[slot]) {
			channel_fd_used[slot] = 1;
			channel_fds[slot] = fd;
			return (int)slot;
		}
	}
	return -ENOSPC;
}

void
vmbus_channel_fd_release(unsigned int slot)
{
	channel_fd_used[slot] = 0;
	channel_fds[slot] = -1;
}

void
vmbus_channel_mask_all(const struct vmbus_shared *shared)
{
	for (unsigned int i = 0; i < VMBUS_CHANNELS_MAX; i++)
		if (shared->channel[i] != NULL)
			vmbus_rx_ring_mask(&shared->channel[i]->rx, true);
}

void
vmbus_channel_signal(struct vmbus_channel *channel)
{
	struct vmbus_shared *shared = channel->shared;

	if (__atomic_load_n(&shared->gone, __ATOMIC_RELAXED) != 0)
		return;
	vmbus_shm_set_bits(channel->signal_word, channel->signal_bits);
	if (channel->monitor)
		return;
	vmbus_uio_irqcontrol(channel_fds[shared->fd_slot], true);
	/* Enabling is how one asks for the hypercall; it unmasks every channel,
	 * and an interrupt nobody waits for is a trip to the kernel - and an oops
	 * on kernels around 6.1.158 and 6.12.57. */
	vmbus_channel_mask_all(shared);
}

bool
vmbus_channel_heard(struct vmbus_channel *channel)
{
	bool heard = true;

	if (channel->monitor || channel->index == 0)
		return true;
	/* The kernel tells by its other half, the mask, on which channels it acts:
	 * where it acts on this one it has no fear of its interrupt either. */
	if (vmbus_uio_irqcontrol(channel_fds[channel->shared->fd_slot], true) == 0)
		heard = vmbus_shm_load_relaxed(&channel->rx.page->interrupt_mask) == 0;
	vmbus_channel_mask_all(channel->shared);
	return heard;
}

void
vmbus_channel_set_latency(struct vmbus_channel *channel, uint32_t latency_us)
{
	if (channel->latency != NULL)
		__atomic_store_n(channel->latency,
			(uint16_t)RTE_MIN(latency_us * 10u, (uint32_t)UINT16_MAX), __ATOMIC_RELAXED);
}

/* Where the guest's bit for this channel is: the monitor page if the host has
 * allocated an id, else the half of the interrupt page that the host reads. */
static void
channel_set_signal(struct vmbus_channel *channel, int monitor_id)
{
	const struct vmbus_maps *maps = &channel->shared->maps;
	struct vmbus_monitor_page *monitor = maps->map[UIO_MAP_MONITOR_PAGE].addr;
	struct vmbus_int_page *interrupt = maps->map[UIO_MAP_INT_PAGE].addr;
	unsigned int group, bit;

	channel->monitor = monitor_id != VMBUS_NO_ID;
	if (!channel->monitor) {
		channel->signal_word = (uint32_t *)(void *)interrupt->to_host + channel->relid / 32;
		channel->signal_bits = 1u << channel->relid % 32;
		return;
	}
	group = (unsigned int)monitor_id / VMBUS_MONITOR_BITS;
	bit = (unsigned int)monitor_id % VMBUS_MONITOR_BITS;
	channel->signal_word = &monitor->trigger[group].pending;
	channel->signal_bits = 1u << bit;
	channel->latency = &monitor->latency_100ns[group][bit];
}

struct vmbus_channel *
vmbus_channel_create(struct vmbus_shared *shared, const struct vmbus_sysfs_channel *sysfs,
	const struct vmbus_mapping *rings, int socket)
{
	struct vmbus_channel *channel;
	uint32_t half = (uint32_t)(rings->bytes / 2);
	int ret;

	if (sysfs->relid >= VMBUS_INT_PAGE_HALF_BYTES * 8) {
		errno = EPROTO;
		return NULL;
	}
	channel = rte_zmalloc_socket("vmbus_channel", sizeof(*channel), RTE_CACHE_LINE_SIZE, socket);
	if (channel == NULL) {
		errno = ENOMEM;
		return NULL;
	}
	channel->relid = sysfs->relid;
	channel->index = (uint16_t)sysfs->index;
	channel->shared = shared;
	rte_spinlock_init(&channel->lock);
	channel_set_signal(channel, sysfs->monitor_id);
	/* The receive ring first: its mask is ours to set before the host can
	 * interrupt; newer kernels leave it to us. */
	ret = vmbus_rx_ring_attach(&channel->rx, (uint8_t *)rings->addr + half, half,
		shared->maps.page_bytes);
	if (ret == 0) {
		vmbus_rx_ring_mask(&channel->rx, true);
		ret = vmbus_tx_ring_attach(&channel->tx, rings->addr, half,
			shared->maps.page_bytes);
	}
	if (ret < 0) {
		rte_free(channel);
		errno = -ret;
		return NULL;
	}
	return channel;
}

void
vmbus_channel_destroy(struct vmbus_channel *channel)
{
	rte_free(channel);
}
