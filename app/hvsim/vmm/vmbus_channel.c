/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Channels: offered by the VSP, opened and closed by the guest, rescinded by
 * the VSP; and the transport that the VSP sees.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../core/log.h"
#include "vmbus.h"
#include "vmm.h"

static struct vmbus *
vmbus_of(const struct hv_guest *guest)
{
	return (struct vmbus *)(uintptr_t)guest;
}

static struct vmm_device *
device_of(struct hv_device *device)
{
	return (struct vmm_device *)(void *)device;
}

/* ---- relids ---- */

/* Not reused before they must be: a stale one leads nowhere. */
static int
relid_alloc(struct vmbus *vmbus, struct hv_channel *channel)
{
	for (uint32_t i = 0; i < VMBUS_RELIDS - 1; i++) {
		uint32_t relid = (vmbus->next_relid + i - 1) % (VMBUS_RELIDS - 1) + 1;

		if (vmbus->relid_state[relid] != RELID_FREE)
			continue;
		vmbus->relid_state[relid] = RELID_USED;
		vmbus->by_relid[relid] = channel;
		vmbus->next_relid = relid + 1;
		channel->relid = relid;
		return 0;
	}
	return -ENOSPC;
}

/* The channel a message speaks of, or NULL: unknown (a violation), or already
 * rescinded, which the guest may not know yet. */
static struct hv_channel *
channel_find(struct vmbus *vmbus, uint32_t relid, const char *what)
{
	struct hv_channel *channel = relid < VMBUS_RELIDS ? vmbus->by_relid[relid] : NULL;

	if (channel != NULL && channel->offered)
		return channel;
	if (relid >= VMBUS_RELIDS || vmbus->relid_state[relid] != RELID_RESCINDED)
		vmbus_violation(vmbus, NULL, HV_VMBUS_CHANNEL, "%s of relid %u", what, relid);
	return NULL;
}

void
vmbus_on_released(struct vmbus *vmbus, uint32_t relid)
{
	if (relid == 0 || relid >= VMBUS_RELIDS) {
		vmbus_violation(vmbus, NULL, HV_VMBUS_CHANNEL, "release of relid %u", relid);
		return;
	}
	if (vmbus->relid_state[relid] == RELID_RESCINDED) {
		vmbus->relid_state[relid] = RELID_FREE;
		vmbus_gpadls_drop(vmbus, relid, true);
	} else if (vmbus->connected) {
		vmbus_violation(vmbus, NULL, HV_VMBUS_ORDER,
			"release of relid %u, which was not rescinded", relid);
	}
}

/* ---- open and close ---- */

static void channel_rescind(struct hv_channel *channel);

static void
channel_close(struct hv_channel *channel)
{
	struct vmbus *vmbus = channel->device->vmbus;

	if (!channel->open)
		return;
	channel->open = false;
	vmbus->counters.closes++;
	vmbus->machine->unlisten(vmbus->machine_arg, channel);
	vsp_channel_closed(channel->vsp);
	vmbus_gpadls_drop(vmbus, channel->relid, false);
	/* The VSP took back what the guest had opened; other offers end, too. */
	while (channel->index == 0 && channel->next != NULL)
		channel_rescind(channel->next);
}

static bool
open_fits(const struct vmbus *vmbus, const struct vmbus_open *open,
	const struct vmbus_gpadl *gpadl)
{
	if (gpadl == NULL || gpadl->base == NULL || gpadl->torn_down ||
	    gpadl->relid != open->relid)
		return false;
	if (open->target_vp >= vmbus->vps && open->target_vp != VMBUS_VP_NONE)
		return false;
	/* A control page and a page of data each. */
	return open->to_guest_page >= 2 && open->to_guest_page < gpadl->pages &&
		gpadl->pages - open->to_guest_page >= 2;
}

static int
channel_open(struct hv_channel *channel, const struct vmbus_gpadl *gpadl, uint32_t split)
{
	struct vmbus *vmbus = channel->device->vmbus;
	uint8_t *to_guest = gpadl->base + (size_t)split * HV_PAGE_BYTES;
	struct hv_rings rings = {
		.to_host_page = gpadl->base,
		.to_host_data = gpadl->base + HV_PAGE_BYTES,
		.to_host_bytes = (split - 1) * HV_PAGE_BYTES,
		.to_guest_page = to_guest,
		.to_guest_data = to_guest + HV_PAGE_BYTES,
		.to_guest_bytes = (gpadl->pages - split - 1) * HV_PAGE_BYTES,
	};
	int ret = vmbus->machine->listen(vmbus->machine_arg, channel);

	if (ret < 0)
		return ret;
	channel->open = true;
	vmbus->counters.opens++;
	ret = vsp_channel_opened(channel->vsp, channel, &rings);
	if (ret < 0) {
		channel->open = false;
		vmbus->machine->unlisten(vmbus->machine_arg, channel);
	}
	return ret;
}

void
vmbus_on_open(struct vmbus *vmbus, const struct vmbus_open *open)
{
	struct hv_channel *channel = channel_find(vmbus, open->relid, "open");
	const struct vmbus_gpadl *gpadl = vmbus_gpadl_find(vmbus, open->ring_gpadl);
	struct vmbus_open_result result = {
		.header = { .type = VMBUS_OPEN_RESULT }, .relid = open->relid,
		.open_id = open->open_id, .status = VMBUS_STATUS_FAILED,
	};

	if (channel == NULL)
		return;
	if (channel->open) {
		vmbus_violation(vmbus, channel->device->nic, HV_VMBUS_ORDER,
			"relid %u opened twice", open->relid);
	} else if (!open_fits(vmbus, open, gpadl)) {
		vmbus_violation(vmbus, channel->device->nic, HV_VMBUS_GPADL,
			"relid %u opened with GPADL 0x%x split at page %u, processor %u",
			open->relid, open->ring_gpadl, open->to_guest_page, open->target_vp);
	} else {
		channel->target_vp = open->target_vp;
		if (channel_open(channel, gpadl, open->to_guest_page) == 0)
			result.status = 0;
	}
	vmbus_send(vmbus, &result, sizeof(result));
}

void
vmbus_on_close(struct vmbus *vmbus, uint32_t relid)
{
	struct hv_channel *channel = channel_find(vmbus, relid, "close");

	if (channel == NULL)
		return;
	if (!channel->open)
		vmbus_violation(vmbus, channel->device->nic, HV_VMBUS_ORDER,
			"relid %u closed, which is not open", relid);
	channel_close(channel);
}

void
vmbus_on_modify(struct vmbus *vmbus, const struct vmbus_modify_channel *modify)
{
	struct hv_channel *channel = channel_find(vmbus, modify->relid, "modify");
	struct vmbus_modify_channel_response response = {
		.header = { .type = VMBUS_MODIFY_CHANNEL_RESPONSE }, .relid = modify->relid,
		.status = VMBUS_STATUS_FAILED,
	};

	if (channel == NULL)
		return;
	if (!channel->open || modify->target_vp >= vmbus->vps) {
		vmbus_violation(vmbus, channel->device->nic, HV_VMBUS_CHANNEL,
			"relid %u moved to processor %u", modify->relid, modify->target_vp);
	} else {
		channel->target_vp = modify->target_vp;
		response.status = 0;
	}
	if (vmbus->version >= VMBUS_V5_3)
		vmbus_send(vmbus, &response, sizeof(response));
}

void
vmbus_signalled(struct hv_channel *channel)
{
	channel->signals++;
	channel->device->vmbus->counters.hypercall_signals++;
	if (channel->open)
		vsp_channel_signalled(channel->vsp);
}

/* ---- offers and rescinds ---- */

static struct hv_channel *
channel_create(struct vmm_device *device, uint16_t index, struct vsp_channel *vsp)
{
	struct hv_channel *channel = calloc(1, sizeof(*channel)), **link = &device->channels;

	if (channel == NULL)
		return NULL;
	*channel = (struct hv_channel) {
		.device = device, .vsp = vsp, .index = index, .signal_fd = -1,
		.monitor_id = VMBUS_MONITOR_NONE,
	};
	if (relid_alloc(device->vmbus, channel) < 0) {
		free(channel);
		return NULL;
	}
	while (*link != NULL)
		link = &(*link)->next;
	*link = channel;
	return channel;
}

/* A guest that knows it is told, and keeps the relid until it releases it. */
static void
channel_rescind(struct hv_channel *channel)
{
	struct vmm_device *device = channel->device;
	struct vmbus *vmbus = device->vmbus;
	struct hv_channel **link = &device->channels;
	struct vmbus_relid_message rescind = {
		.header = { .type = VMBUS_RESCIND }, .relid = channel->relid,
	};

	if (channel->open)
		vmbus->machine->unlisten(vmbus->machine_arg, channel);
	vmbus_monitor_remove(channel);
	vmbus->by_relid[channel->relid] = NULL;
	vmbus->relid_state[channel->relid] = RELID_FREE;
	/* The guest may still map its rings, we do not look at them again. */
	vmbus_gpadls_drop(vmbus, channel->relid, true);
	if (channel->offered) {
		vmbus->relid_state[channel->relid] = RELID_RESCINDED;
		vmbus->counters.rescinds++;
		vmbus_send(vmbus, &rescind, sizeof(rescind));
	}
	while (*link != channel)
		link = &(*link)->next;
	*link = channel->next;
	free(channel);
}

static void
transport_rescind(struct hv_device *handle)
{
	struct vmm_device *device = device_of(handle);
	struct vmm_device **link = &device->vmbus->devices;

	while (device->channels->next != NULL)
		channel_rescind(device->channels->next);
	channel_rescind(device->channels);
	while (*link != device)
		link = &(*link)->next;
	*link = device->next;
	free(device);
}

static struct hv_device *
transport_offer(struct hv_guest *guest, const struct hv_offer *offer, struct vsp_nic *nic,
	struct vsp_channel *primary)
{
	struct vmbus *vmbus = vmbus_of(guest);
	struct vmm_device *device = calloc(1, sizeof(*device)), **link = &vmbus->devices;

	if (device == NULL)
		return NULL;
	*device = (struct vmm_device) {
		.vmbus = vmbus, .nic = nic, .monitor = offer->monitor,
		.latency_100ns = offer->latency_100ns,
	};
	memcpy(device->instance, offer->instance, sizeof(device->instance));
	if (channel_create(device, 0, primary) == NULL) {
		free(device);
		errno = ENOSPC;
		return NULL;
	}
	while (*link != NULL)
		link = &(*link)->next;
	*link = device;
	if (vmbus->offers_requested)
		vmbus_offer_send(device->channels);
	return (struct hv_device *)(void *)device;
}

static int
transport_offer_subchannel(struct hv_device *handle, uint16_t index, struct vsp_channel *vsp)
{
	struct vmm_device *device = device_of(handle);
	struct hv_channel *channel;

	if (index == 0 || index >= HV_CHANNELS_MAX)
		return -EINVAL;
	channel = channel_create(device, index, vsp);
	if (channel == NULL)
		return -ENOSPC;
	if (device->vmbus->offers_requested)
		vmbus_offer_send(channel);
	/* Its memory is the guest's: the VSP knows the handle from the open on. */
	return 0;
}

static void
transport_rescind_subchannel(struct hv_channel *channel)
{
	if (channel->index != 0)
		channel_rescind(channel);
}

/* ---- events and memory ---- */

static void
transport_interrupt(struct hv_channel *channel)
{
	struct vmbus *vmbus = channel->device->vmbus;

	if (!channel->open || channel->target_vp == VMBUS_VP_NONE)
		return;
	channel->interrupts++;
	vmbus->counters.interrupts++;
	vmbus->machine->flag(vmbus->machine_arg, channel->target_vp, channel->relid);
}

static int
transport_gpadl(struct hv_device *handle, uint32_t id, uint8_t **base, uint64_t *bytes)
{
	const struct vmm_device *device = device_of(handle);
	const struct vmbus_gpadl *gpadl = vmbus_gpadl_find(device->vmbus, id);

	if (gpadl == NULL || gpadl->base == NULL || gpadl->torn_down ||
	    gpadl->relid != device->channels->relid)
		return -ENOENT;
	*base = gpadl->base;
	*bytes = (uint64_t)gpadl->pages * HV_PAGE_BYTES;
	return 0;
}

static const uint8_t *
transport_page(struct hv_device *handle, uint64_t page_number, uint32_t offset, uint32_t bytes,
	bool *in_place)
{
	const struct vmbus *vmbus = device_of(handle)->vmbus;
	const uint8_t *page;

	if (!range_ok(offset, bytes, HV_PAGE_BYTES))
		return NULL;
	page = vmbus->machine->page(vmbus->machine_arg, page_number);
	*in_place = true;
	return page == NULL ? NULL : page + offset;
}

static uint32_t
transport_relid(const struct hv_channel *channel)
{
	return channel->relid;
}

static const char *
transport_guest_name(const struct hv_guest *guest)
{
	return vmbus_of(guest)->name;
}

const struct hv_transport vmm_transport = {
	.name = "kvm",
	.offer = transport_offer,
	.rescind = transport_rescind,
	.offer_subchannel = transport_offer_subchannel,
	.rescind_subchannel = transport_rescind_subchannel,
	.interrupt = transport_interrupt,
	.gpadl = transport_gpadl,
	.page = transport_page,
	.relid = transport_relid,
	.guest_name = transport_guest_name,
};

/* ---- the end of a connection ---- */

/* Nobody is left to be told: subchannels that the VSP takes back with their
 * primary are not offered any more, so no rescind is sent. */
void
vmbus_channels_reset(struct vmbus *vmbus)
{
	for (struct vmm_device *d = vmbus->devices; d != NULL; d = d->next) {
		for (struct hv_channel *c = d->channels; c != NULL; c = c->next) {
			c->offered = false;
			vmbus_monitor_remove(c);
		}
	}
	for (struct vmm_device *d = vmbus->devices; d != NULL; d = d->next)
		channel_close(d->channels);
	for (uint32_t relid = 1; relid < VMBUS_RELIDS; relid++) {
		vmbus_gpadls_drop(vmbus, relid, true);
		if (vmbus->relid_state[relid] == RELID_RESCINDED)
			vmbus->relid_state[relid] = RELID_FREE;
	}
}
