/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The connection: which version, who is offered what, the end. Each message
 * has a shortest length and a state in which it may come; both are checked in
 * one table before anybody looks inside.
 */

#include "vmbus.h"
#include "vmm.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../core/log.h"
#include "../core/units.h"

/* Which versions this host speaks; a guest must ask for exactly one. */
static const uint32_t versions[] = {
	VMBUS_V2_4, VMBUS_VERSION(3, 0), VMBUS_VERSION(4, 0), VMBUS_V4_1, VMBUS_V5_0,
	VMBUS_VERSION(5, 1), VMBUS_VERSION(5, 2), VMBUS_V5_3, VMBUS_V6_0,
};

void
vmbus_violation(struct vmbus *vmbus, struct vsp_nic *nic, enum hv_vmbus_rule rule,
	const char *format, ...)
{
	char what[160];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	vmbus->counters.violations++;
	vsp_vmbus_violation((struct hv_guest *)(void *)vmbus, nic, rule, what);
}

void
vmbus_send(struct vmbus *vmbus, const void *message, uint32_t bytes)
{
	vmbus->counters.messages_out++;
	vmbus->machine->post(vmbus->machine_arg, vmbus->target_vp, message, bytes);
}

/* ---- offers ---- */

/* As GUIDs are printed, but for their first three fields: little-endian. */
static void
guid_to_wire(uint8_t wire[16], const uint8_t printed[16])
{
	static const uint8_t from[16] = {
		3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15,
	};

	for (unsigned int i = 0; i < 16; i++)
		wire[i] = printed[from[i]];
}

void
vmbus_offer_send(struct hv_channel *channel)
{
	static const uint8_t net_class[16] = {
		0xf8, 0x61, 0x51, 0x63, 0xdf, 0x3e, 0x46, 0xc5,
		0x91, 0x3f, 0xf2, 0xd2, 0xf9, 0x65, 0xed, 0x0e,
	};
	struct vmbus *vmbus = channel->device->vmbus;
	struct vmbus_offer offer = {
		.header = { .type = VMBUS_OFFER },
		.subchannel = channel->index,
		.relid = channel->relid,
		.dedicated_interrupt = 1,
		.connection_id = VMBUS_SIGNAL_ID(channel->relid),
	};

	guid_to_wire(offer.class_id, net_class);
	guid_to_wire(offer.instance, channel->device->instance);
	if (channel->device->monitor && channel->monitor_id == VMBUS_MONITOR_NONE)
		vmbus_monitor_add(channel);
	offer.monitor_id = channel->monitor_id;
	offer.monitor_allocated = channel->monitor_id != VMBUS_MONITOR_NONE;
	channel->offered = true;
	vmbus_send(vmbus, &offer, sizeof(offer));
}

static void
on_request_offers(struct vmbus *vmbus)
{
	struct vmbus_message_header end = { .type = VMBUS_ALL_OFFERS_DELIVERED };

	if (vmbus->offers_requested)
		vmbus_violation(vmbus, NULL, HV_VMBUS_ORDER, "offers requested twice");
	vmbus->offers_requested = true;
	for (struct vmm_device *d = vmbus->devices; d != NULL; d = d->next) {
		for (struct hv_channel *c = d->channels; c != NULL; c = c->next) {
			if (!c->offered)
				vmbus_offer_send(c);
		}
	}
	vmbus_send(vmbus, &end, sizeof(end));
}

/* ---- connection ---- */

static bool
version_spoken(const struct vmbus *vmbus, uint32_t version)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(versions); i++) {
		if (versions[i] == version)
			return version <= vmbus->version_max;
	}
	return false;
}

/* Both monitor pages or neither, and RAM. */
static bool
contact_pages(struct vmbus *vmbus, const struct vmbus_initiate_contact *contact)
{
	if ((contact->monitor_to_guest == 0) != (contact->monitor_to_host == 0)) {
		vmbus_violation(vmbus, NULL, HV_VMBUS_MESSAGE, "only one monitor page");
		return false;
	}
	if (contact->monitor_to_host != 0 &&
	    !vmbus_monitor_set(vmbus, contact->monitor_to_host)) {
		vmbus_violation(vmbus, NULL, HV_VMBUS_MESSAGE, "monitor page 0x%llx",
			(unsigned long long)contact->monitor_to_host);
		return false;
	}
	return true;
}

static void
on_contact(struct vmbus *vmbus, const struct vmbus_initiate_contact *contact)
{
	struct vmbus_version_response response = { .header = { .type = VMBUS_VERSION_RESPONSE } };
	uint32_t bytes = offsetof(struct vmbus_version_response, features);

	if (vmbus->connected)
		vmbus_reset(vmbus);     /* an unload is part of it */
	vmbus->counters.contacts++;
	if (contact->target_vp >= vmbus->vps) {
		vmbus_violation(vmbus, NULL, HV_VMBUS_MESSAGE, "contact from processor %u",
			contact->target_vp);
		return;         /* there is nobody to answer */
	}
	vmbus->target_vp = contact->target_vp;
	if (version_spoken(vmbus, contact->version)) {
		response.supported = 1;
		response.state = contact_pages(vmbus, contact) ? 0 : 2;
		response.connection_id = contact->version >= VMBUS_V5_0 ? VMBUS_CONNECTION_NEW :
			contact->version;
		vmbus->connected = response.state == 0;
		vmbus->version = contact->version;
	}
	if (vmbus->connected && contact->version >= VMBUS_V6_0) {
		response.features = vmbus->features = contact->features & VMBUS_FEATURE_CLIENT_ID;
		bytes = sizeof(response);
	}
	log_info("%s: VMBus %u.%u %s", vmbus->name, contact->version >> 16,
		contact->version & 0xffff, vmbus->connected ? "agreed" : "refused");
	vmbus_send(vmbus, &response, bytes);
}

void
vmbus_reset(struct vmbus *vmbus)
{
	vmbus_channels_reset(vmbus);
	vmbus->connected = false;
	vmbus->offers_requested = false;
	vmbus->monitor = NULL;
	vmbus->features = 0;
}

static void
on_unload(struct vmbus *vmbus)
{
	struct vmbus_message_header response = { .type = VMBUS_UNLOAD_RESPONSE };

	vmbus->counters.unloads++;
	vmbus_reset(vmbus);
	vmbus_send(vmbus, &response, sizeof(response));
}

/* ---- what comes in ---- */

static void
dispatch(struct vmbus *vmbus, uint32_t type, const uint8_t *m, uint32_t bytes)
{
	const struct vmbus_relid_message *relid = (const void *)m;

	switch (type) {
	case VMBUS_INITIATE_CONTACT:
		on_contact(vmbus, (const void *)m);
		break;
	case VMBUS_REQUEST_OFFERS:
		on_request_offers(vmbus);
		break;
	case VMBUS_OPEN:
		vmbus_on_open(vmbus, (const void *)m);
		break;
	case VMBUS_CLOSE:
		vmbus_on_close(vmbus, relid->relid);
		break;
	case VMBUS_GPADL_HEADER:
		vmbus_on_gpadl_header(vmbus, m, bytes);
		break;
	case VMBUS_GPADL_BODY:
		vmbus_on_gpadl_body(vmbus, m, bytes);
		break;
	case VMBUS_GPADL_TEARDOWN:
		vmbus_on_gpadl_teardown(vmbus, (const void *)m);
		break;
	case VMBUS_RELID_RELEASED:
		vmbus_on_released(vmbus, relid->relid);
		break;
	case VMBUS_UNLOAD:
		on_unload(vmbus);
		break;
	case VMBUS_MODIFY_CHANNEL:
		vmbus_on_modify(vmbus, (const void *)m);
		break;
	default:
		break;
	}
}

/* What a message needs before it is looked into. */
static const struct {
	uint16_t bytes;         /* 0: not for the host */
	bool unconnected;       /* may come without a connection */
	uint32_t since;         /* version */
} needs[] = {
	[VMBUS_REQUEST_OFFERS] = { sizeof(struct vmbus_message_header), false, 0 },
	[VMBUS_OPEN] = { sizeof(struct vmbus_open), false, 0 },
	[VMBUS_CLOSE] = { sizeof(struct vmbus_relid_message), false, 0 },
	[VMBUS_GPADL_HEADER] = { sizeof(struct vmbus_gpadl_header), false, 0 },
	[VMBUS_GPADL_BODY] = { sizeof(struct vmbus_gpadl_body), false, 0 },
	[VMBUS_GPADL_TEARDOWN] = { sizeof(struct vmbus_gpadl_teardown), false, 0 },
	/* A kernel that unloads releases all relids after that. */
	[VMBUS_RELID_RELEASED] = { sizeof(struct vmbus_relid_message), true, 0 },
	[VMBUS_INITIATE_CONTACT] = { sizeof(struct vmbus_initiate_contact), true, 0 },
	[VMBUS_UNLOAD] = { sizeof(struct vmbus_message_header), true, 0 },
	[VMBUS_MODIFY_CHANNEL] = { sizeof(struct vmbus_modify_channel), false, VMBUS_V4_1 },
};

void
vmbus_receive(struct vmbus *vmbus, const void *message, uint32_t bytes)
{
	uint8_t copy[VMBUS_MESSAGE_MAX] __attribute__((aligned(8))) = { 0 };
	struct vmbus_message_header header;

	vmbus->counters.messages_in++;
	if (bytes < sizeof(header) || bytes > sizeof(copy)) {
		vmbus_violation(vmbus, NULL, HV_VMBUS_MESSAGE, "%u bytes", bytes);
		return;
	}
	memcpy(copy, message, bytes);
	memcpy(&header, copy, sizeof(header));
	if (header.type >= ARRAY_SIZE(needs) || needs[header.type].bytes == 0)
		vmbus_violation(vmbus, NULL, HV_VMBUS_MESSAGE, "type %u", header.type);
	else if (bytes < needs[header.type].bytes)
		vmbus_violation(vmbus, NULL, HV_VMBUS_MESSAGE, "type %u of %u bytes", header.type,
			bytes);
	else if (!vmbus->connected && !needs[header.type].unconnected)
		vmbus_violation(vmbus, NULL, HV_VMBUS_ORDER, "type %u without a connection",
			header.type);
	else if (vmbus->version < needs[header.type].since)
		vmbus_violation(vmbus, NULL, HV_VMBUS_ORDER, "type %u at version %u.%u",
			header.type, vmbus->version >> 16, vmbus->version & 0xffff);
	else
		dispatch(vmbus, header.type, copy, bytes);
}

/* ---- life ---- */

void
vmbus_init(struct vmbus *vmbus, const char *name, uint32_t vps, uint32_t version_max,
	const struct vmbus_machine *machine, void *machine_arg)
{
	memset(vmbus, 0, sizeof(*vmbus));
	vmbus->machine = machine;
	vmbus->machine_arg = machine_arg;
	vmbus->vps = vps;
	vmbus->version_max = version_max;
	vmbus->next_relid = 1;
	snprintf(vmbus->name, sizeof(vmbus->name), "%s", name);
}

void
vmbus_fini(struct vmbus *vmbus)
{
	vmbus_reset(vmbus);
	while (vmbus->devices != NULL)
		vmm_transport.rescind((struct hv_device *)(void *)vmbus->devices);
}

void
vmbus_stats(const struct vmbus *vmbus, struct stat_sink *sink)
{
	stat_emit(sink, "vmbus_version", vmbus->version);
	stat_emit(sink, "messages_in", vmbus->counters.messages_in);
	stat_emit(sink, "messages_out", vmbus->counters.messages_out);
	stat_emit(sink, "message_violations", vmbus->counters.violations);
	stat_emit(sink, "contacts", vmbus->counters.contacts);
	stat_emit(sink, "unloads", vmbus->counters.unloads);
	stat_emit(sink, "gpadls", vmbus->counters.gpadls);
	stat_emit(sink, "gpadl_pages", vmbus->gpadl_pages);
	stat_emit(sink, "teardowns_in_use", vmbus->counters.teardowns_in_use);
	stat_emit(sink, "opens", vmbus->counters.opens);
	stat_emit(sink, "closes", vmbus->counters.closes);
	stat_emit(sink, "rescinds", vmbus->counters.rescinds);
	stat_emit(sink, "monitor_looks", vmbus->counters.monitor_looks);
	stat_emit(sink, "monitor_signals", vmbus->counters.monitor_signals);
	stat_emit(sink, "hypercall_signals", vmbus->counters.hypercall_signals);
	stat_emit(sink, "interrupts", vmbus->counters.interrupts);
}
