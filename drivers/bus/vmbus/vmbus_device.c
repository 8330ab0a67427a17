/* SPDX-License-Identifier: BSD-3-Clause */

/* One device: opening, mapping, subchannels. */

#include "vmbus_driver.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <rte_malloc.h>

#include "vmbus_channel.h"
#include "vmbus_log.h"

/* How long a `ring` file may take to appear once the host has granted the
 * subchannel: newer kernels make it after the channel directory, and inotify
 * says nothing about entries that the kernel creates. While there is a directory
 * without one the kernel may be at it: it allocates rings and shows them to the
 * host one channel after the other, which took over 2 s for one of 63 in an
 * emulated guest. All of them together have the last. */
#define RING_WAIT_NS 2000000000u
#define RING_WAIT_LONG_NS 10000000000u
#define RING_WAIT_ALL_NS 120000000000u
#define RING_POLL_FIRST_NS 1000000u
#define RING_POLL_LAST_NS 20000000u

static const char *const map_names[UIO_MAP_COUNT] = {
	UIO_MAP_NAME_RINGS, UIO_MAP_NAME_INT_PAGE, UIO_MAP_NAME_MONITOR_PAGE,
	UIO_MAP_PREFIX_RECV, UIO_MAP_PREFIX_SEND,
};

/* ---- opening ---- */

/* What the scan saw may be of an earlier life: the host can take a device away
 * and offer it anew while nobody has it open. */
static int
device_read(const struct vmbus_device *device, struct vmbus_sysfs_device *sysfs)
{
	const char *file;
	int ret = vmbus_sysfs_read_device(VMBUS_SYSFS_DEVICES, device->sysfs.name, sysfs, &file);

	if (ret == 0 && sysfs->uio == VMBUS_NO_ID)
		ret = -ENODEV;
	if (ret == 0 && memcmp(sysfs->instance, device->sysfs.instance, sizeof(sysfs->instance)) != 0)
		ret = -ENODEV;
	return ret;
}

bool
vmbus_device_present(const struct vmbus_device *device)
{
	struct vmbus_sysfs_device sysfs;

	return device_read(device, &sysfs) == 0;
}

static int
device_refresh(struct vmbus_device *device)
{
	struct vmbus_sysfs_device sysfs;
	int ret = device_read(device, &sysfs);

	if (ret < 0) {
		VMBUS_LOG(ERR, "%s: %s/%s: not there, or not bound to uio_hv_generic, any more: %s;"
			" bind it again", device->name, VMBUS_SYSFS_DEVICES, device->sysfs.name,
			strerror(-ret));
		return ret;
	}
	device->sysfs = sysfs;
	return 0;
}

static int
device_maps(struct vmbus_device *device)
{
	struct vmbus_sysfs_map maps[UIO_MAP_COUNT];
	unsigned int which;
	int ret = vmbus_sysfs_read_maps(VMBUS_SYSFS_DEVICES, device->sysfs.name,
		device->sysfs.uio, maps, &which);

	if (ret < 0) {
		VMBUS_LOG(ERR, "%s: uio%d/maps/map%u: expected \"%s\" and its size: %s; another kernel"
			" than the driver knows? Report it, with what is in that folder",
			device->name, device->sysfs.uio, which, map_names[which], strerror(-ret));
		return ret;
	}
	device->fd = vmbus_uio_open(device->sysfs.uio);
	if (device->fd < 0) {
		ret = device->fd;
		device->fd = -1;
		VMBUS_LOG(ERR, "%s: open /dev/uio%d: %s; it takes root, or read and write permission",
			device->name, device->sysfs.uio, strerror(-ret));
		return ret;
	}
	ret = vmbus_uio_lock(device->fd);
	if (ret < 0) {
		VMBUS_LOG(ERR, "%s: /dev/uio%d: another process drives it already; end that one, or"
			" keep the device from one of them (-b vmbus:%s)", device->name,
			device->sysfs.uio, device->name);
		return ret;
	}
	ret = vmbus_uio_map(device->fd, maps, &device->shared->maps);
	if (ret < 0) {
		VMBUS_LOG(ERR, "%s: map /dev/uio%d: %s; if memory is locked, raise RLIMIT_MEMLOCK",
			device->name, device->sysfs.uio, strerror(-ret));
		return ret;
	}
	device->shared->recv_gpadl = maps[UIO_MAP_RECV_BUFFER].gpadl;
	device->shared->send_gpadl = maps[UIO_MAP_SEND_BUFFER].gpadl;
	return 0;
}

static int
main_channel_failed(const struct vmbus_device *device, int ret)
{
	const char *advice = ret == -ENOMEM ? "give EAL more memory (-m)" :
		ret == -ENOSPC ? "another process for some of the devices" :
		"its rings make no sense: bind it again";

	VMBUS_LOG(ERR, "%s: main channel %u: %s; %s", device->name, device->sysfs.relid,
		strerror(-ret), advice);
	return ret;
}

static int
device_main_channel(struct vmbus_device *device)
{
	struct vmbus_shared *shared = device->shared;
	const struct vmbus_sysfs_channel main_channel = {
		.relid = device->sysfs.relid,
		.monitor_id = device->sysfs.monitor_id,
	};
	int slot = vmbus_channel_fd_claim(device->fd);

	if (slot < 0)
		return main_channel_failed(device, slot);
	shared->fd_slot = (uint16_t)slot;
	shared->channel[0] = vmbus_channel_create(shared, &main_channel,
		&shared->maps.map[UIO_MAP_RINGS], device->device.numa_node);
	if (shared->channel[0] == NULL) {
		int ret = -errno;

		vmbus_channel_fd_release(shared->fd_slot);
		return main_channel_failed(device, ret);
	}
	return 0;
}

static unsigned int
subchannel_folders(const struct vmbus_device *device)
{
	struct vmbus_sysfs_channel channels[2 * VMBUS_CHANNELS_MAX];
	int n = vmbus_sysfs_read_channels(VMBUS_SYSFS_DEVICES, device->sysfs.name, channels,
		RTE_DIM(channels));
	unsigned int count = 0;

	while (n-- > 0)
		count += channels[n].index != 0;
	return count;
}

/* Subchannels of an earlier life go when the kernel gets to it: until no more than those
 * are left that are open now. Not before may anybody write to the device: kernels that act
 * on all channels oops at one that they have no ring of (hv_uio_irqcontrol, seen on
 * 6.12.117). */
static void
device_settle(const struct vmbus_device *device, unsigned int open)
{
	const struct timespec pause = { .tv_nsec = RING_POLL_FIRST_NS };
	unsigned int looks = RING_WAIT_NS / RING_POLL_FIRST_NS;

	while (subchannel_folders(device) > open && looks-- > 0)
		nanosleep(&pause, NULL);
}

int
vmbus_device_open(struct vmbus_device *device)
{
	int ret;

	if (device->shared != NULL)
		return -EBUSY;
	device->shared = rte_zmalloc_socket("vmbus_device", sizeof(*device->shared),
		RTE_CACHE_LINE_SIZE, device->device.numa_node);
	if (device->shared == NULL) {
		VMBUS_LOG(ERR, "%s: its shared state: %s; give EAL more memory (-m)", device->name,
			strerror(ENOMEM));
		return -ENOMEM;
	}
	ret = device_refresh(device);
	if (ret == 0)
		ret = device_maps(device);
	if (ret == 0)
		ret = device_main_channel(device);
	if (ret < 0)
		vmbus_device_close(device);
	else if (!device->shared->channel[0]->monitor)
		device_settle(device, 0);
	return ret;
}

void
vmbus_device_close(struct vmbus_device *device)
{
	struct vmbus_shared *shared = device->shared;

	if (shared == NULL)
		return;
	for (unsigned int i = VMBUS_CHANNELS_MAX - 1; i > 0; i--)
		vmbus_device_close_subchannel(device, i);
	if (shared->channel[0] != NULL) {
		vmbus_channel_fd_release(shared->fd_slot);
		vmbus_channel_destroy(shared->channel[0]);
	}
	vmbus_uio_unmap(&shared->maps);
	if (device->fd >= 0)
		close(device->fd);
	device->fd = -1;
	rte_free(shared);
	device->shared = NULL;
}

void
vmbus_device_keep(struct vmbus_device *device, unsigned int map)
{
	int ret = vmbus_uio_keep(&device->shared->maps, map);

	if (ret < 0)
		VMBUS_LOG(WARNING, "%s: %s: no copy for those who still use it: %s; the device stays"
			" open until they end", device->name, map_names[map], strerror(-ret));
}

void
vmbus_device_kept_free(void *addr, uint64_t bytes)
{
	vmbus_uio_kept_free(addr, bytes);
}

/* ---- subchannels ---- */

static unsigned int
subchannels_open(const struct vmbus_shared *shared)
{
	unsigned int count = 0;

	for (unsigned int i = 1; i < VMBUS_CHANNELS_MAX; i++)
		count += shared->channel[i] != NULL;
	return count;
}

/* True if the entry became a channel. What cannot be mapped is one that lingers
 * from an earlier life, or one that is not ready: the next look will tell. */
static bool
subchannel_attach(struct vmbus_device *device, const struct vmbus_sysfs_channel *sysfs)
{
	struct vmbus_shared *shared = device->shared;
	unsigned int slot = sysfs->index - 1;
	struct vmbus_channel *channel;
	int ret;

	if (sysfs->index == 0 || sysfs->index >= VMBUS_CHANNELS_MAX || !sysfs->has_ring ||
	    shared->channel[sysfs->index] != NULL)
		return false;
	ret = vmbus_uio_map_ring(VMBUS_SYSFS_DEVICES, device->sysfs.name, sysfs->relid,
		&shared->maps, slot);
	if (ret < 0) {
		VMBUS_LOG(DEBUG, "%s: subchannel %u: channels/%u/ring: %s", device->name,
			sysfs->index, sysfs->relid, strerror(-ret));
		return false;
	}
	channel = vmbus_channel_create(shared, sysfs, &shared->maps.ring[slot],
		device->device.numa_node);
	if (channel == NULL) {
		VMBUS_LOG(WARNING, "%s: subchannel %u: its rings make no sense: %s", device->name,
			sysfs->index, strerror(errno));
		vmbus_uio_unmap_ring(&shared->maps, slot);
		return false;
	}
	channel->slot = (uint16_t)slot;
	shared->channel[sysfs->index] = channel;
	return true;
}

/* Looks once; returns how many are open now, or -errno. A kernel that knows no
 * subchannels (4.16) has no channels/ either. `at_it` tells of one without ring. */
static int
subchannels_look(struct vmbus_device *device, bool *at_it)
{
	/* Also those that linger: up to two lives of the device. */
	struct vmbus_sysfs_channel channels[2 * VMBUS_CHANNELS_MAX];
	int n = vmbus_sysfs_read_channels(VMBUS_SYSFS_DEVICES, device->sysfs.name, channels,
		RTE_DIM(channels));

	*at_it = false;
	for (int i = 0; i < n; i++) {
		subchannel_attach(device, &channels[i]);
		*at_it |= channels[i].index != 0 && channels[i].index < VMBUS_CHANNELS_MAX &&
			device->shared->channel[channels[i].index] == NULL &&
			!channels[i].has_ring;
	}
	return n < 0 && n != -ENOENT ? n : (int)subchannels_open(device->shared);
}

/* Names the first file that was waited for, or that there was not even a folder
 * for it. */
static void
missing_tell(const struct vmbus_device *device, unsigned int open, unsigned int count)
{
	struct vmbus_sysfs_channel channels[2 * VMBUS_CHANNELS_MAX] = { 0 };
	int n = vmbus_sysfs_read_channels(VMBUS_SYSFS_DEVICES, device->sysfs.name, channels,
		RTE_DIM(channels));
	char id[16] = "<relid>";

	for (int i = n - 1; i >= 0; i--)
		if (channels[i].index > 0 && channels[i].index < VMBUS_CHANNELS_MAX &&
		    device->shared->channel[channels[i].index] == NULL)
			snprintf(id, sizeof(id), "%u", channels[i].relid);
	VMBUS_LOG(NOTICE, "%s: %u of %u subchannels: %s/%s/channels/%s/ring did not appear, or"
		" cannot be mapped%s", device->name, open, count, VMBUS_SYSFS_DEVICES,
		device->sysfs.name, id, open == 0 ? "; kernels before 4.17 make none" : "");
}

static bool
subchannels_monitored(const struct vmbus_shared *shared)
{
	bool monitored = true;

	for (unsigned int i = 1; i < VMBUS_CHANNELS_MAX; i++)
		monitored &= shared->channel[i] == NULL || shared->channel[i]->monitor;
	return monitored;
}

/* Gives up what is sent on for nobody to hear, which is all subchannels or none. Not before
 * the kernel has opened them all: see device_settle(). */
static bool
subchannels_unheard(struct vmbus_device *device)
{
	struct vmbus_shared *shared = device->shared;
	bool heard = true;

	if (subchannels_monitored(shared))
		return false;
	device_settle(device, subchannels_open(shared));
	for (unsigned int i = 1; i < VMBUS_CHANNELS_MAX && heard; i++)
		heard = shared->channel[i] == NULL || vmbus_channel_heard(shared->channel[i]);
	if (heard)
		return false;
	for (unsigned int i = 1; i < VMBUS_CHANNELS_MAX; i++)
		vmbus_device_close_subchannel(device, i);
	VMBUS_LOG(NOTICE, "%s: one queue: the host gave no monitor, and this kernel signals the main"
		" channel alone (Linux before 6.17 and its stable kernels of November 2025)",
		device->name);
	return true;
}

static uint64_t
clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

int
vmbus_device_open_subchannels(struct vmbus_device *device, unsigned int count)
{
	const uint64_t begun = clock_ns();
	uint64_t since = begun, pause_ns = RING_POLL_FIRST_NS, now;
	bool at_it;
	int open;

	for (;;) {
		struct timespec pause = { .tv_nsec = (long)pause_ns };
		int before = (int)subchannels_open(device->shared);

		open = subchannels_look(device, &at_it);
		if (open < 0 || vmbus_device_gone(device))
			return open;
		if ((unsigned int)open >= count)
			break;
		now = clock_ns();
		if (open > before)      /* whoever gets on has as long again */
			since = now;
		if (now - since >= (at_it ? RING_WAIT_LONG_NS : RING_WAIT_NS) ||
		    now - begun >= RING_WAIT_ALL_NS)
			break;
		nanosleep(&pause, NULL);
		pause_ns = RTE_MIN(pause_ns * 2, RING_POLL_LAST_NS);
	}
	if (open > 0 && subchannels_unheard(device))
		return 0;
	if ((unsigned int)open < count)
		missing_tell(device, (unsigned int)open, count);
	return open;
}

void
vmbus_device_close_subchannel(struct vmbus_device *device, unsigned int index)
{
	struct vmbus_shared *shared = device->shared;
	struct vmbus_channel *channel = shared->channel[index];

	if (channel == NULL)
		return;
	shared->channel[index] = NULL;
	vmbus_uio_unmap_ring(&shared->maps, channel->slot);
	vmbus_channel_destroy(channel);
}
