/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VMBUS_DRIVER_H
#define VMBUS_DRIVER_H

/*
 * What a device driver may use of the VMBus bus: the only header of this
 * folder that net/netvsc includes.
 *
 * What a burst touches - struct vmbus_channel with its rings, and the maps -
 * lies in memory that all processes of the application share, at the same
 * addresses; struct vmbus_device belongs to one process.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include <rte_spinlock.h>

#include "vmbus_compat.h"
#include "vmbus_packet.h"
#include "vmbus_sysfs.h"
#include "vmbus_uio.h"

#define VMBUS_CHANNELS_MAX (VMBUS_SUBCHANNELS_MAX + 1)

/* ---- channels ---- */

/* Two rings and how to signal the host. Grouped by who touches it. */
struct vmbus_channel {
	/* identity: written once */
	uint32_t relid;
	uint16_t index;             /* 0 = main */
	uint16_t slot;              /* of vmbus_maps.ring, for subchannels */
	bool monitor;               /* signalled by the monitor page alone */
	uint32_t signal_bits;
	uint32_t *signal_word;      /* in the monitor page or the interrupt page */
	uint16_t *latency;          /* of the monitor bit, 100 ns; NULL without one */
	struct vmbus_shared *shared;

	/* Whoever holds the lock reads and writes both rings. One lock for both
	 * directions: a burst that drains also writes acknowledgements, and pays
	 * for one lock pair only. */
	rte_spinlock_t lock __rte_cache_aligned;
	struct vmbus_rx_ring rx;
	struct vmbus_tx_ring tx __rte_cache_aligned;
} __rte_cache_aligned;

/* Tells the host to look at this channel. Call it when a publication said so,
 * at most once per burst, holding no lock. */
void vmbus_channel_signal(struct vmbus_channel *channel);

/* ---- devices ---- */

/* The part of a device that processes share. */
struct vmbus_shared {
	struct vmbus_maps maps;
	uint32_t recv_gpadl, send_gpadl;
	uint32_t gone;              /* the host took the device away: touch no ring */
	uint16_t fd_slot;           /* of each process's table of descriptors */
	struct vmbus_channel *channel[VMBUS_CHANNELS_MAX];      /* by index; NULL = not open */
};

struct vmbus_driver;

struct vmbus_device {
	struct rte_device device;
	TAILQ_ENTRY(vmbus_device) next;
	struct vmbus_sysfs_device sysfs;
	char name[VMBUS_GUID_TEXT_BYTES];
	const struct vmbus_driver *driver;      /* NULL while not probed */
	int fd;                     /* /dev/uioN, -1 while closed */
	bool page_lists_ok;
	bool isolated;
	bool seen;                  /* by the scan under way */
	bool watched;
	struct vmbus_shared *shared;
	void (*removed)(struct vmbus_device *device);   /* of the last vmbus_device_watch() */
	void *driver_data;
};

/* Maps the device's maps and attaches the main channel: first of all uses of
 * the device it opens the channel on the host. Returns 0 or -errno; every
 * failure is logged with the step and what the kernel answered. */
int vmbus_device_open(struct vmbus_device *device);
/* Unmaps everything and closes: the kernel closes the channel on the host once
 * no process has it open. */
void vmbus_device_close(struct vmbus_device *device);

/* Leaves what a map (enum of uio_layout.h) holds where it is when the device is
 * closed; see vmbus_uio_keep(). Whoever asked for it frees it, on any thread. */
void vmbus_device_keep(struct vmbus_device *device, unsigned int map);
void vmbus_device_kept_free(void *addr, uint64_t bytes);

/* Does the kernel still have the device, bound to uio_hv_generic? For one that
 * is closed, whose end nobody watches. */
bool vmbus_device_present(const struct vmbus_device *device);

/* Waits (bounded) until the kernel has opened `count` subchannels that the host
 * was asked for, and attaches them. Returns how many there are now, which may
 * be fewer, or -errno. */
int vmbus_device_open_subchannels(struct vmbus_device *device, unsigned int count);
void vmbus_device_close_subchannel(struct vmbus_device *device, unsigned int index);

/* Marks the device as gone and calls `removed` once, from a thread of the bus,
 * when the host has taken it away. removed() must return at once, and call
 * neither an application nor the bus: unwatch waits for it. */
int vmbus_device_watch(struct vmbus_device *device,
	void (*removed)(struct vmbus_device *device));
void vmbus_device_unwatch(struct vmbus_device *device);

/* Looks at once whether the host has taken a watched device away: the kernel says
 * so before it takes back the rings, but a thread that polls these may be ahead of
 * the bus's. If so, the device is marked as gone and removed() will be called as
 * ever. For whoever finds a ring that makes no sense; never blocks. */
bool vmbus_device_look(struct vmbus_device *device);

/* May page lists be sent, that is, are the IOVAs of mbufs what the host takes
 * for page numbers? Computed once at probe; where it is false, transmit copies. */
static inline bool
vmbus_device_page_lists_ok(const struct vmbus_device *device)
{
	return device->page_lists_ok;
}

/* Is this a confidential guest? Then the host must be shown nothing but what
 * is shared with it: rings and buffers. Found out once at probe. */
static inline bool
vmbus_device_isolated(const struct vmbus_device *device)
{
	return device->isolated;
}

/* Ends what rte_spinlock_lock() or _trylock() of a channel's lock began: with a
 * plain store where rte_spinlock_unlock() of x86 takes a locked exchange. */
static inline void
vmbus_channel_unlock(struct vmbus_channel *channel)
{
	/* Partner: the exchange that takes the lock. */
	__atomic_store_n(&channel->lock.locked, 0, __ATOMIC_RELEASE);
}

/* The host took the device away: its rings must not be touched again. */
static inline bool
vmbus_gone(const struct vmbus_shared *shared)
{
	return __atomic_load_n(&shared->gone, __ATOMIC_ACQUIRE) != 0;
}

static inline bool
vmbus_device_gone(const struct vmbus_device *device)
{
	return vmbus_gone(device->shared);
}

/* How often the hypervisor looks at the channel's monitor bit. */
void vmbus_channel_set_latency(struct vmbus_channel *channel, uint32_t latency_us);

/* ---- drivers ---- */

struct vmbus_driver {
	struct rte_driver driver;
	TAILQ_ENTRY(vmbus_driver) next;
	uint8_t class_id[VMBUS_GUID_BYTES];
	/* Says in one line what went wrong, if anything did: the bus adds none. */
	int (*probe)(struct vmbus_driver *driver, struct vmbus_device *device);
	int (*remove)(struct vmbus_device *device);
};

void vmbus_driver_register(struct vmbus_driver *driver);
void vmbus_driver_unregister(struct vmbus_driver *driver);

#endif /* VMBUS_DRIVER_H */
