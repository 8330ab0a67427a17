/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Devices and channels as the guest's kernel handles them: an offer becomes a
 * device, the first open of its uio opens the primary channel, subchannels are
 * opened by the kernel when they are offered, the last release closes all, and
 * a rescind takes everything away under whoever has it open.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../../drivers/bus/vmbus/uio_layout.h"
#include "../core/log.h"
#include "../core/units.h"
#include "internal.h"

/* How long the guest's kernel takes: to open a subchannel that was offered, to
 * create `ring` afterwards (late kernels), to process a rescind. */
#define SUBCHANNEL_OPEN_NS 200000u
#define RING_LATE_NS 5000000u
#define RESCIND_NS 5000000u

struct kern_device *
device_of(struct hv_device *handle)
{
	return (struct kern_device *)(void *)handle;
}

/* ---- rings ---- */

void
channel_rings(const struct hv_channel *channel, struct hv_rings *rings)
{
	uint32_t half = (uint32_t)(channel->ring.bytes / 2);

	*rings = (struct hv_rings) {
		.to_host_page = channel->ring.base,
		.to_host_data = channel->ring.base + HV_PAGE_BYTES,
		.to_host_bytes = half - HV_PAGE_BYTES,
		.to_guest_page = channel->ring.base + half,
		.to_guest_data = channel->ring.base + half + HV_PAGE_BYTES,
		.to_guest_bytes = half - HV_PAGE_BYTES,
	};
}

static struct vmbus_ring_page *
to_guest_page(const struct hv_channel *channel)
{
	return (struct vmbus_ring_page *)(void *)(channel->ring.base + channel->ring.bytes / 2);
}

/* As the kernel does before it opens a channel: both control pages zeroed
 * except for the feature bit, and the mask where that kernel sets it. */
static void
rings_init(struct hv_channel *channel)
{
	struct vmbus_ring_page *pages[] = {
		(struct vmbus_ring_page *)(void *)channel->ring.base, to_guest_page(channel),
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(pages); i++) {
		memset(pages[i], 0, sizeof(*pages[i]));
		pages[i]->feature_bits = VMBUS_RING_FEATURE_PENDING_SEND;
	}
	if (channel->device->vm->profile->masks_at_open)
		pages[1]->interrupt_mask = 1;
}

/* ---- one channel ---- */

static int
channel_open(struct hv_channel *channel)
{
	struct hv_rings rings;
	int ret;

	rings_init(channel);
	channel_rings(channel, &rings);
	channel->state = KERN_CHANNEL_OPEN;
	monitor_channel_opened(channel);
	ret = vsp_channel_opened(channel->vsp, channel, &rings);
	if (ret < 0) {
		channel->state = KERN_CHANNEL_OFFERED;
		monitor_channel_closed(channel);
		log_warning("%s: channel %u could not be opened: %s",
			channel->device->guid, channel->relid, strerror(-ret));
	}
	return ret;
}

/* Out of use, whoever began it. The primary's ring memory stays. */
static void
channel_disuse(struct hv_channel *channel)
{
	if (channel->state == KERN_CHANNEL_OPEN)
		monitor_channel_closed(channel);
	channel->state = KERN_CHANNEL_CLOSED;
	if (channel->index > 0)
		grave_bury(channel->device->vm, &channel->ring);
}

static void on_rescinded(void *arg);

/* Its rings go now, its folder when the kernel gets to it. */
static void
channel_end(struct hv_channel *channel)
{
	channel_disuse(channel);
	engine_timer_arm(&channel->ring_timer, engine_now_ns() + RESCIND_NS, on_rescinded,
		channel);
}

static void
channel_close(struct hv_channel *channel)
{
	if (channel->state != KERN_CHANNEL_OPEN)
		return;
	/* The primary's `ring` appears whether it is open or not. */
	if (channel->index > 0)
		engine_timer_cancel(&channel->ring_timer);
	vsp_channel_closed(channel->vsp);
	/* The host may have rescinded it on the way. */
	if (channel->rescinded)
		channel_end(channel);
	else if (channel->state == KERN_CHANNEL_OPEN)
		channel_disuse(channel);
}

static struct hv_channel *
channel_create(struct kern_device *device, uint16_t index, struct vsp_channel *vsp)
{
	struct hv_channel *channel = calloc(1, sizeof(*channel)), **link = &device->channels;

	if (channel == NULL)
		return NULL;
	*channel = (struct hv_channel) {
		.device = device, .vsp = vsp, .index = index, .ring = { .fd = -1 },
		.monitor_id = VMBUS_MONITOR_NONE,
	};
	while (*link != NULL)
		link = &(*link)->next;
	*link = channel;
	if (index == 0)
		device->primary = channel;
	return channel;
}

/* Takes halves. */
static void
channel_destroy(struct hv_channel *channel)
{
	struct kern_device *device = channel->device;
	struct hv_channel **link = &device->channels;

	engine_timer_cancel(&channel->ring_timer);
	if (channel->state == KERN_CHANNEL_OPEN)
		monitor_channel_closed(channel);
	tree_channel_remove(channel);
	monitor_channel_remove(channel);
	/* With a file of sysfs goes what is mapped of it, under whoever touches it (seen
	 * on 6.1 and 6.12.117: SIGBUS). The primary's are mapped from /dev/uio. */
	if (channel->index > 0)
		shm_end(&channel->ring);
	grave_bury(device->vm, &channel->ring);
	while (*link != channel)
		link = &(*link)->next;
	*link = channel->next;
	if (device->primary == channel)
		device->primary = NULL;
	free(channel);
}

static void
on_ring_appears(void *arg)
{
	tree_ring_add(arg);
}

/* `ring` shows up at once, or as the kernel's late work. */
static void
ring_announce(struct hv_channel *channel)
{
	if (channel->device->vm->profile->ring_late)
		engine_timer_arm(&channel->ring_timer, engine_now_ns() + RING_LATE_NS,
			on_ring_appears, channel);
	else
		tree_ring_add(channel);
}

/* ---- subchannels ---- */

static void
on_subchannel_open(void *arg)
{
	struct hv_channel *channel = arg;
	struct kern_device *device = channel->device;
	int ret;

	/* A kernel whose device is not open waits for nothing: it stays closed. */
	if (device->primary->state != KERN_CHANNEL_OPEN || !device->vm->profile->subchannels)
		return;
	ret = shm_create(&channel->ring, "subchannel ring",
		device->vm->profile->subchannel_ring_bytes);
	if (ret < 0) {
		log_error("%s: no memory for subchannel %u", device->guid, channel->index);
		return;
	}
	if (channel_open(channel) < 0)
		return;
	ring_announce(channel);
	uio_channels_changed(device);
}

int
channel_offer(struct hv_device *handle, uint16_t index, struct vsp_channel *vsp)
{
	struct kern_device *device = device_of(handle);
	struct hv_channel *channel = NULL;
	int ret;

	if (index == 0 || index >= HV_CHANNELS_MAX)
		return -EINVAL;
	channel = channel_create(device, index, vsp);
	if (channel == NULL)
		return -ENOMEM;
	channel->cpu = index;
	ret = monitor_channel_add(channel);
	if (ret == 0)
		ret = tree_channel_add(channel);
	if (ret < 0) {
		channel_destroy(channel);
		return ret;
	}
	engine_timer_arm(&channel->ring_timer, engine_now_ns() + SUBCHANNEL_OPEN_NS,
		on_subchannel_open, channel);
	return 0;
}

static void
on_rescinded(void *arg)
{
	struct hv_channel *channel = arg;
	struct kern_device *device = channel->device;

	channel_destroy(channel);
	uio_channels_changed(device);
}

/* The host is done with it. The kernel keeps one that is open until its device is
 * closed: neither CLOSE nor RELID_RELEASED follows such a rescind (tried on 6.1). */
void
channel_rescind(struct hv_channel *channel)
{
	if (channel->rescinded || channel->index == 0)
		return;
	channel->rescinded = true;
	if (channel->state == KERN_CHANNEL_OPEN) {
		engine_timer_cancel(&channel->ring_timer);
		monitor_channel_closed(channel);
		channel->state = KERN_CHANNEL_CLOSED;
	} else {
		channel_end(channel);
	}
	channel->vsp = NULL;
	uio_channels_changed(channel->device);
}

/* ---- uio ---- */

static uint32_t
uio_free_number(const struct kern_vm *vm)
{
	const struct kern_device *lists[] = { vm->devices, vm->gone };
	bool used[KERN_UIO_COUNT] = { false };

	for (unsigned int i = 0; i < ARRAY_SIZE(lists); i++) {
		for (const struct kern_device *d = lists[i]; d != NULL; d = d->next) {
			if (d->uio != UINT32_MAX)
				used[d->uio - vm->uio_first] = true;
		}
	}
	for (uint32_t n = 0; n < vm->uio_count; n++) {
		if (!used[n])
			return vm->uio_first + n;
	}
	return UINT32_MAX;
}

static int
buffers_create(struct kern_device *device)
{
	struct kern_vm *vm = device->vm;
	int ret = shm_create(&device->primary->ring, UIO_MAP_NAME_RINGS,
		vm->profile->ring_bytes);

	if (ret == 0)
		ret = shm_create(&device->recv, "recv", UIO_RECV_BUFFER_BYTES);
	if (ret == 0)
		ret = shm_create(&device->send, "send", UIO_SEND_BUFFER_BYTES);
	device->recv_gpadl = vm->next_gpadl++;
	device->send_gpadl = vm->next_gpadl++;
	return ret;
}

int
device_uio_bind(struct kern_device *device)
{
	const struct kern_profile *profile = device->vm->profile;
	int ret;

	if (device->primary->monitor_id == VMBUS_MONITOR_NONE && !profile->monitorless) {
		log_notice("%s: vmbus channel requires hypercall: kernel %s does not bind it",
			device->guid, profile->name);
		return -EOPNOTSUPP;
	}
	device->uio = uio_free_number(device->vm);
	if (device->uio == UINT32_MAX)
		return -ENOSPC;
	ret = buffers_create(device);
	if (ret == 0)
		ret = tree_uio_add(device);
	if (ret < 0) {
		device_uio_unbind(device);
		return ret;
	}
	device->uio_events = 0;
	if (profile->ring_attr_primary)
		ring_announce(device->primary);
	return 0;
}

/* Nobody has it open, or it is gone. Takes halves. */
void
device_uio_unbind(struct kern_device *device)
{
	if (device->uio == UINT32_MAX)
		return;
	engine_timer_cancel(&device->primary->ring_timer);
	tree_ring_remove(device->primary);
	tree_uio_remove(device);
	grave_bury(device->vm, &device->primary->ring);
	/* Whoever maps these keeps them, as with the kernel's counted pages. */
	shm_destroy(&device->recv);
	shm_destroy(&device->send);
	if (device->open_files == 0)
		device->uio = UINT32_MAX;
}

struct kern_device *
kern_device_by_uio(struct kern_vm *vm, uint32_t uio)
{
	struct kern_device *device = vm->devices;

	while (device != NULL && (device->uio != uio || uio == UINT32_MAX))
		device = device->next;
	return device;
}

int
kern_device_open(struct kern_device *device)
{
	int ret;

	if (device->gone || device->uio == UINT32_MAX)
		return -ENODEV;
	if (device->vm->crashed)
		return -EIO;
	if (device->open_files == 0) {
		ret = channel_open(device->primary);
		if (ret < 0)
			return ret;
	}
	device->open_files++;
	return 0;
}

void
device_channels_close(struct kern_device *device)
{
	struct hv_channel *channel = device->channels;

	/* The host may rescind what we close, but folders stay until later: the
	 * list does not change under us. */
	for (; channel != NULL; channel = channel->next) {
		if (channel->index == 0)
			continue;
		/* The host never heard of one that was not opened, and its offer
		 * ends with the primary. */
		if (channel->state == KERN_CHANNEL_OFFERED)
			channel_rescind(channel);
		else if (channel->rescinded)
			channel_end(channel);
		else
			channel_close(channel);
	}
	channel_close(device->primary);
	uio_channels_changed(device);
}

/* A crashed machine starts again when everybody has gone. */
static void
vm_restart(struct kern_vm *vm)
{
	unsigned int open_files = 0;

	for (const struct kern_device *d = vm->devices; d != NULL; d = d->next)
		open_files += d->open_files;
	if (open_files == 0)
		vm->crashed = false;
}

void
kern_device_release(struct kern_device *device)
{
	struct kern_vm *vm = device->vm;

	if (--device->open_files > 0)
		return;
	if (device->gone) {
		device_unlink(&vm->gone, device);
		device_destroy(device);
		return;
	}
	device_channels_close(device);
	if (vm->crashed)
		vm_restart(vm);
}

/* ---- events ---- */

void
device_interrupt(struct hv_channel *channel)
{
	struct kern_device *device = channel->device;
	const struct kern_profile *profile = device->vm->profile;

	if (channel->state != KERN_CHANNEL_OPEN || device->vm->crashed)
		return;
	channel->interrupts++;
	channel->events++;
	if (channel->index > 0 && profile->subchannel_irq_oops) {
		vm_oops(channel, "hv_uio_channel_cb", "interrupt of subchannel %u not masked");
		return;
	}
	/* The same kernels that set it at open set it in the event callback. */
	if (profile->masks_at_open)
		__atomic_store_n(&to_guest_page(channel)->interrupt_mask, 1, __ATOMIC_SEQ_CST);
	device->uio_events++;
	uio_event(device);
}

/* ---- devices ---- */

void
device_unlink(struct kern_device **list, struct kern_device *device)
{
	while (*list != NULL && *list != device)
		list = &(*list)->next;
	if (*list != NULL)
		*list = device->next;
}

void
device_destroy(struct kern_device *device)
{
	while (device->channels != NULL)
		channel_destroy(device->channels);
	shm_destroy(&device->recv);
	shm_destroy(&device->send);
	free(device);
}

static int
device_add(struct kern_device *device)
{
	int ret = monitor_channel_add(device->primary);

	if (ret == 0)
		ret = tree_device_add(device);
	if (ret == 0)
		ret = tree_channel_add(device->primary);
	if (ret == 0)
		ret = driver_probe(device);
	return ret;
}

struct hv_device *
device_offer(struct hv_guest *guest, const struct hv_offer *offer, struct vsp_nic *nic,
	struct vsp_channel *primary)
{
	struct kern_vm *vm = (struct kern_vm *)(void *)guest;
	struct kern_device *device = calloc(1, sizeof(*device));
	int ret;

	if (device == NULL)
		return NULL;
	*device = (struct kern_device) {
		.vm = vm, .nic = nic, .uio = UINT32_MAX, .isolated = offer->isolated,
		.monitor = offer->monitor, .latency_100ns = offer->latency_100ns,
		.recv = { .fd = -1 }, .send = { .fd = -1 },
	};
	units_format_guid(offer->instance, device->guid);
	ret = channel_create(device, 0, primary) == NULL ? -ENOMEM : device_add(device);
	if (ret < 0) {
		tree_uio_remove(device);
		tree_device_remove(device);
		device_destroy(device);
		errno = -ret;
		return NULL;
	}
	device->next = vm->devices;
	vm->devices = device;
	log_info("%s: offered as channel %u%s", device->guid, device->primary->relid,
		device->primary->monitor_id == VMBUS_MONITOR_NONE ? ", no monitor" : "");
	return (struct hv_device *)(void *)device;
}

/* The primary's struct stays for those who still have the device open. */
void
device_rescind(struct hv_device *handle)
{
	struct kern_device *device = device_of(handle);
	struct kern_vm *vm = device->vm;

	while (device->primary->next != NULL)
		channel_destroy(device->primary->next);
	device->gone = true;
	channel_disuse(device->primary);
	uio_gone(device);
	device_uio_unbind(device);
	tree_device_remove(device);
	monitor_channel_remove(device->primary);
	device_unlink(&vm->devices, device);
	if (device->open_files == 0) {
		device_destroy(device);
		return;
	}
	device->next = vm->gone;
	vm->gone = device;
}

struct hv_channel *
kern_ring_by_path(struct kern_vm *vm, const char *path)
{
	struct hv_channel *channel = tree_channel_by_path(vm, path, "ring");

	return channel != NULL && channel->ring_visible ? channel : NULL;
}
