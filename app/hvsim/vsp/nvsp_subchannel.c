/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Subchannels: how many the guest gets, their offers, the send-indirection
 * table that follows once all are open, and their end with the primary.
 */

#include <errno.h>
#include <string.h>

#include "../control/trace.h"
#include "../core/log.h"
#include "nic.h"
#include "nvsp.h"

#define NVSP_TABLE_TRUE_OFFSET 40u

static void
rescind_one(struct vsp_nic *nic, struct vsp_channel *channel)
{
	if (channel->state != CHANNEL_CLOSED)
		vsp_channel_closed(channel);
	if (channel->handle != NULL)
		nic->transport->rescind_subchannel(channel->handle);
	channel->handle = NULL;
	channel->offered = false;
}

int
vsp_nic_rescind_subchannel(struct vsp_nic *nic, unsigned int index)
{
	if (index == 0 || index >= HV_CHANNELS_MAX || nic->channel[index].handle == NULL)
		return -ENOENT;
	rescind_one(nic, &nic->channel[index]);
	trace_event(nic->config.name, 0, "subchannel %u rescinded", index);
	return 0;
}

void
nvsp_rescind_subchannels(struct vsp_nic *nic)
{
	for (unsigned int i = 1; i < HV_CHANNELS_MAX; i++)
		rescind_one(nic, &nic->channel[i]);
	nic->subchannels_requested = 0;
	nic->table_sent = false;
}

static void
send_table(struct vsp_nic *nic)
{
	uint8_t message[NVSP_MESSAGE_BYTES_MAX] = { 0 };
	struct nvsp_indirection_table head = {
		.type = NVSP_INDIRECTION_TABLE,
		.count = NVSP_INDIRECTION_ENTRIES,
		.offset = nic->profile->indirection_offset,
	};
	uint32_t at = nic->profile->quirks & VSP_QUIRK_TABLE_AT_40 ? NVSP_TABLE_TRUE_OFFSET :
		head.offset;
	uint32_t bytes = at + NVSP_INDIRECTION_ENTRIES * (uint32_t)sizeof(uint32_t);

	memcpy(message, &head, sizeof(head));
	for (uint32_t i = 0; i < NVSP_INDIRECTION_ENTRIES; i++) {
		uint32_t entry = i % (nic->subchannels_requested + 1);

		memcpy(message + at + i * sizeof(entry), &entry, sizeof(entry));
	}
	nvsp_send(nic, 0, false, message, bytes);
	nic->table_sent = true;
}

static void
send_table_if_open(struct vsp_nic *nic)
{
	if (nic->table_sent || nic->subchannels_requested == 0 ||
		!channel_is_open(&nic->channel[0]))
		return;
	for (unsigned int i = 1; i <= nic->subchannels_requested; i++)
		if (nic->channel[i].state == CHANNEL_CLOSED)
			return;
	send_table(nic);
}

void
nvsp_subchannel_opened(struct vsp_channel *channel)
{
	struct vsp_nic *nic = channel->nic;

	rx_sections_divide(nic);
	send_table_if_open(nic);
}

/* How many subchannels the guest gets for what it asks; -EINVAL: none. */
static int
subchannels_granted(const struct vsp_nic *nic, const struct nvsp_subchannel *request)
{
	uint32_t queues = nic_queues_granted(nic);
	uint32_t announced = HV_MAX(queues, (uint32_t)nic->profile->queues_announced);
	uint32_t count = request->count;

	if (request->operation != NVSP_SUBCHANNEL_ALLOCATE || count >= announced)
		return -EINVAL;
	if (count >= queues) {
		if (!(nic->profile->quirks & VSP_QUIRK_GRANTS_FEWER))
			return -EINVAL;
		count = queues - 1;
	}
	/* Each queue, the primary included, needs a section for itself. */
	if (nic->section_count < VSP_CONTROL_SECTIONS + count + 1)
		return -EINVAL;
	return (int)count;
}

static void
offer_subchannels(struct vsp_nic *nic)
{
	for (unsigned int i = 1; i <= nic->subchannels_requested; i++) {
		struct vsp_channel *channel = &nic->channel[i];
		int ret;

		if (channel->offered)
			continue;
		channel->offered = true;
		ret = nic->transport->offer_subchannel(nic->device, (uint16_t)i, channel);
		if (ret < 0) {
			channel->offered = false;
			log_warning("%s: offering subchannel %u: %s", nic->config.name, i,
				strerror(-ret));
		}
	}
}

/* The answer goes first, then the offers; an already offered one stays. */
void
nvsp_handle_subchannel(struct vsp_channel *channel, const struct host_packet *packet)
{
	struct vsp_nic *nic = channel->nic;
	struct nvsp_subchannel_complete complete = { .type = NVSP_SUBCHANNEL };
	struct nvsp_subchannel request;
	int count;

	memcpy(&request, packet->payload, sizeof(request));
	count = subchannels_granted(nic, &request);
	if (count < 0) {
		/* Before version 5 the message itself is what was wrong. */
		if (nic->nvsp >= NVSP_VERSION_5)
			vsp_violation(channel, VSP_RULE_SUBCHANNEL_COUNT,
				"operation %u, %u of at most %u", request.operation, request.count,
				nic_queues_granted(nic) - 1);
		complete.status = NVSP_STATUS_FAILURE;
		nvsp_complete(channel, packet, &complete, sizeof(complete));
		return;
	}
	complete.status = NVSP_STATUS_SUCCESS;
	complete.count = (uint32_t)count;
	nvsp_complete(channel, packet, &complete, sizeof(complete));
	nic->subchannels_requested = (unsigned int)count;
	nic->table_sent = false;
	offer_subchannels(nic);
	send_table_if_open(nic);
}

