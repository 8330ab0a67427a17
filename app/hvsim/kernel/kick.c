/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a write to /dev/uioN makes the guest's kernel do: it signals the host by
 * hypercall, for the channels that it acts on.
 */

#include "internal.h"

/* True if the host would find something it had asked to be told of. A kernel
 * signals all its channels on enable, also where there is nothing to say. */
static bool
signal_is_due(const struct hv_channel *channel)
{
	struct vmbus_ring_page *page = (struct vmbus_ring_page *)(void *)channel->ring.base;

	return __atomic_load_n(&page->interrupt_mask, __ATOMIC_SEQ_CST) == 0 &&
		__atomic_load_n(&page->write_index, __ATOMIC_ACQUIRE) !=
		__atomic_load_n(&page->read_index, __ATOMIC_RELAXED);
}

static bool
kick_signals(struct hv_channel *channel, bool enable)
{
	struct kern_vm *vm = channel->device->vm;
	const struct kern_profile *profile = vm->profile;
	bool bit = int_page_take(vm, channel->relid);

	if (!enable || !profile->irqcontrol_signals || channel->state != KERN_CHANNEL_OPEN ||
			channel->monitor_id != VMBUS_MONITOR_NONE)
		return false;
	if (channel->index > 0 && !profile->irqcontrol_all)
		return false;
	return bit || signal_is_due(channel);
}

/* A subchannel that the kernel has in its list, but has not opened yet, or has closed
 * already: kernels that act on all channels follow its pointer to the ring, which is NULL
 * (seen on 6.12.117: an oops in hv_uio_irqcontrol). */
static struct hv_channel *
channel_without_ring(const struct kern_device *device)
{
	struct hv_channel *c = device->channels;

	while (c != NULL && (c->index == 0 || c->state == KERN_CHANNEL_OPEN))
		c = c->next;
	return device->vm->profile->irqcontrol_all ? c : NULL;
}

void
kern_device_kicked(struct kern_device *device, bool enable)
{
	struct kern_vm *vm = device->vm;
	struct hv_channel *without;
	uint32_t relids[HV_CHANNELS_MAX], count = 0;

	if (device->gone || vm->crashed)
		return;
	without = channel_without_ring(device);
	if (without != NULL) {
		vm_oops(without, "hv_uio_irqcontrol", "written to while subchannel %u is not open");
		return;
	}
	/* What the host does on a signal may change the list: collect first. */
	for (struct hv_channel *c = device->channels; c != NULL; c = c->next) {
		if (count < HV_CHANNELS_MAX && kick_signals(c, enable))
			relids[count++] = c->relid;
	}
	for (uint32_t i = 0; i < count; i++) {
		struct hv_channel *channel = vm->monitor->by_relid[relids[i]];

		if (channel != NULL && channel->state == KERN_CHANNEL_OPEN)
			vsp_channel_signalled(channel->vsp);
	}
	vm->monitor->next_look_ns = 0;
	engine_kick();
}
