/* SPDX-License-Identifier: BSD-3-Clause */

/* What the host says without being asked; see netvsc_notify.h. */

#include "netvsc_notify.h"

#include <string.h>

#include "netvsc_event.h"
#include "rndis_packet.h"

void
netvsc_notify_malformed(struct netvsc_device *dev)
{
	__atomic_fetch_add(&dev->xact.notified.malformed, 1, __ATOMIC_RELAXED);
}

/* Newer hosts may say more than we know; one line tells of the first. */
void
netvsc_notify_unknown(struct netvsc_device *dev, const char *what, uint32_t id)
{
	if (__atomic_fetch_add(&dev->xact.notified.unknown, 1, __ATOMIC_RELAXED) == 0)
		NETVSC_LOG(NOTICE, control, "%s: %s 0x%x ignored, as will be others",
			dev->name, what, id);
}

/* ---- in-band ---- */

static void
vf_association(struct netvsc_device *dev, const void *payload)
{
	struct netvsc_notified *notified = &dev->xact.notified;
	struct nvsp_vf_association message;

	memcpy(&message, payload, sizeof(message));
	__atomic_store_n(&notified->vf_serial, message.serial, __ATOMIC_RELAXED);
	__atomic_store_n(&notified->vf_allocated, message.allocated != 0, __ATOMIC_RELEASE);
	netvsc_event_raise(dev, NETVSC_EVENT_VF);
}

static void
switch_data_path(struct netvsc_device *dev, const void *payload)
{
	struct nvsp_switch_data_path message;

	memcpy(&message, payload, sizeof(message));
	if (message.path > NVSP_DATA_PATH_VF) {
		netvsc_notify_malformed(dev);
		return;
	}
	__atomic_store_n(&dev->xact.notified.data_path, message.path, __ATOMIC_RELEASE);
	netvsc_event_raise(dev, NETVSC_EVENT_DATA_PATH);
}

/* Where the table is: older hosts give an offset that is wrong, the table being
 * behind the longest message of their version. 0 if it lies nowhere. */
static uint32_t
indirection_offset(const struct netvsc_device *dev,
	const struct nvsp_indirection_table *message, uint32_t bytes)
{
	const uint32_t table_bytes = message->count * (uint32_t)sizeof(uint32_t);

	if (dev->host.nvsp <= NVSP_VERSION_6 &&
	    rndis_range_ok(NVSP_MSG_BYTES_V61, table_bytes, bytes))
		return NVSP_MSG_BYTES_V61;
	if (message->offset >= sizeof(*message) &&
	    rndis_range_ok(message->offset, table_bytes, bytes))
		return message->offset;
	return 0;
}

/* The host's wish which channel to transmit a flow on. */
static void
indirection_table(struct netvsc_device *dev, const void *payload, uint32_t bytes)
{
	struct netvsc_notified *notified = &dev->xact.notified;
	struct nvsp_indirection_table message;
	uint32_t offset;

	memcpy(&message, payload, sizeof(message));
	if (message.count == 0 || message.count > NVSP_INDIRECTION_ENTRIES) {
		netvsc_notify_malformed(dev);
		return;
	}
	offset = indirection_offset(dev, &message, bytes);
	if (offset == 0) {
		netvsc_notify_malformed(dev);
		return;
	}
	for (uint32_t i = 0; i < message.count; i++) {
		uint32_t channel;

		memcpy(&channel, (const uint8_t *)payload + offset + i * sizeof(channel),
			sizeof(channel));
		__atomic_store_n(&notified->indirection[i],
			channel < NETVSC_QUEUES_MAX ? channel : 0, __ATOMIC_RELAXED);
	}
	__atomic_store_n(&notified->indirection_count, message.count, __ATOMIC_RELEASE);
}

void
netvsc_notify_inband(struct netvsc_device *dev, const void *payload, uint32_t bytes)
{
	uint32_t type;

	if (bytes < sizeof(type)) {
		netvsc_notify_malformed(dev);
		return;
	}
	memcpy(&type, payload, sizeof(type));
	if (type == NVSP_VF_ASSOCIATION && bytes >= sizeof(struct nvsp_vf_association))
		vf_association(dev, payload);
	else if (type == NVSP_SWITCH_DATA_PATH && bytes >= sizeof(struct nvsp_switch_data_path))
		switch_data_path(dev, payload);
	else if (type == NVSP_INDIRECTION_TABLE && bytes >= sizeof(struct nvsp_indirection_table))
		indirection_table(dev, payload, bytes);
	else if (type == NVSP_VF_ASSOCIATION || type == NVSP_SWITCH_DATA_PATH ||
		 type == NVSP_INDIRECTION_TABLE)
		netvsc_notify_malformed(dev);
	else
		netvsc_notify_unknown(dev, "in-band NVSP message", type);
}

/* ---- status indications ---- */

static void
link_told(struct netvsc_device *dev, bool up)
{
	bool before;

	/* The lock: a query's answer must not come in between. */
	rte_spinlock_lock(&dev->xact.lock);
	before = __atomic_exchange_n(&dev->host.link_up, up, __ATOMIC_RELAXED);
	dev->host.link_told = true;
	rte_spinlock_unlock(&dev->xact.lock);
	if (before == up)
		return;
	/* A second change before the first was told: down and up again looks like
	 * nothing, but is what a host does when the network behind is another. */
	netvsc_event_raise(dev, NETVSC_EVENT_LINK |
		(__atomic_load_n(&dev->xact.notified.pending, __ATOMIC_RELAXED) &
		 NETVSC_EVENT_LINK ? NETVSC_EVENT_NETWORK_CHANGE : 0));
}

static void
link_speed(struct netvsc_device *dev, const uint8_t *buffer, uint32_t bytes)
{
	uint32_t speed_100bps;

	if (bytes < sizeof(speed_100bps)) {
		netvsc_notify_malformed(dev);
		return;
	}
	memcpy(&speed_100bps, buffer, sizeof(speed_100bps));
	__atomic_store_n(&dev->host.link_bps, (uint64_t)speed_100bps * 100, __ATOMIC_RELAXED);
	netvsc_event_raise(dev, NETVSC_EVENT_LINK);
}

static void
offload_config(struct netvsc_device *dev, const uint8_t *buffer, uint32_t bytes)
{
	struct netvsc_xact *xact = &dev->xact;
	struct ndis_offload offload = { 0 };

	if (bytes < NDIS_OFFLOAD_BYTES_REV1) {
		netvsc_notify_malformed(dev);
		return;
	}
	memcpy(&offload, buffer, RTE_MIN(bytes, (uint32_t)sizeof(offload)));
	if (offload.header.type != NDIS_OBJECT_OFFLOAD) {
		netvsc_notify_malformed(dev);
		return;
	}
	rte_spinlock_lock(&xact->lock);
	xact->notified.offload = offload;
	rte_spinlock_unlock(&xact->lock);
	netvsc_event_raise(dev, NETVSC_EVENT_OFFLOAD);
}

static void
status_apply(struct netvsc_device *dev, uint32_t status, const uint8_t *buffer, uint32_t bytes)
{
	switch (status) {
	case NDIS_STATUS_MEDIA_CONNECT:
		link_told(dev, true);
		break;
	case NDIS_STATUS_MEDIA_DISCONNECT:
		link_told(dev, false);
		break;
	case NDIS_STATUS_LINK_SPEED_CHANGE:
		link_speed(dev, buffer, bytes);
		break;
	case NDIS_STATUS_NETWORK_CHANGE:
		netvsc_event_raise(dev, NETVSC_EVENT_NETWORK_CHANGE);
		break;
	case NDIS_STATUS_OFFLOAD_CONFIG:
		offload_config(dev, buffer, bytes);
		break;
	default:
		netvsc_notify_unknown(dev, "status indication", status);
	}
}

void
netvsc_notify_status(struct netvsc_device *dev, const void *message, uint32_t bytes)
{
	const uint32_t base = sizeof(struct rndis_header);
	const uint32_t body_min = sizeof(struct rndis_indicate_status) - base;
	struct rndis_indicate_status status;

	if (bytes < sizeof(status)) {
		netvsc_notify_malformed(dev);
		return;
	}
	memcpy(&status, message, sizeof(status));
	if (status.header.msg_bytes < sizeof(status) || status.header.msg_bytes > bytes ||
	    (status.buffer_bytes != 0 && (status.buffer_offset < body_min ||
	     !rndis_range_ok(status.buffer_offset, status.buffer_bytes,
		     status.header.msg_bytes - base)))) {
		netvsc_notify_malformed(dev);
		return;
	}
	__atomic_fetch_add(&dev->xact.notified.status_count, 1, __ATOMIC_RELAXED);
	status_apply(dev, status.status, status.buffer_bytes == 0 ? NULL :
		(const uint8_t *)message + base + status.buffer_offset, status.buffer_bytes);
}
