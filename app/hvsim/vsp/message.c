/* SPDX-License-Identifier: BSD-3-Clause */

/* Where the bytes of an RNDIS message are: message.h. */

#include "message.h"

#include <errno.h>

static void
piece_add(struct message *message, const struct piece *piece)
{
	struct piece *last = message->count > 0 ? &message->piece[message->count - 1] : NULL;

	message->bytes += piece->bytes;
	if (last != NULL && last->range == piece->range && last->in_place == piece->in_place &&
	    last->data + last->bytes == piece->data)
		last->bytes += piece->bytes;
	else
		message->piece[message->count++] = *piece;
}

static int
section_collect(struct message *message, const struct nvsp_rndis *rndis)
{
	struct vsp_channel *channel = message->channel;
	const struct vsp_nic *nic = channel->nic;
	struct piece piece = { .bytes = rndis->section_bytes, .in_place = true };
	uint64_t offset = (uint64_t)rndis->section_idx * nic->profile->send_section_bytes;

	if (rndis->section_idx == NVSP_SECTION_NONE)
		return 0;
	if (nic->send_base == NULL || rndis->section_idx >= nic->send_sections ||
	    !range_ok(offset, rndis->section_bytes, nic->send_bytes)) {
		vsp_violation(channel, VSP_RULE_SECTION_INDEX, "section %u, %u bytes",
			rndis->section_idx, rndis->section_bytes);
		return -EPROTO;
	}
	piece.data = nic->send_base + offset;
	if (piece.bytes != 0)
		piece_add(message, &piece);
	channel->counters.tx_sections++;
	return 0;
}

/* One range; its page numbers follow it. The list was checked by ring.c. */
static int
range_collect(struct message *message, const struct vmbus_gpa_range *range,
	const uint8_t *numbers, uint16_t index)
{
	const struct vsp_nic *nic = message->channel->nic;
	uint32_t left = range->byte_count, offset = range->byte_offset;

	for (uint32_t i = 0; left > 0; i++) {
		struct piece piece = {
			.bytes = HV_MIN(left, HV_PAGE_BYTES - offset), .range = index,
		};
		uint64_t number;

		memcpy(&number, numbers + i * sizeof(number), sizeof(number));
		piece.data = nic->transport->page(nic->device, number, offset, piece.bytes,
			&piece.in_place);
		if (piece.data == NULL) {
			vsp_violation(message->channel, VSP_RULE_PAGE_UNKNOWN, "page 0x%llx",
				(unsigned long long)number);
			return -EFAULT;
		}
		piece_add(message, &piece);
		left -= piece.bytes;
		offset = 0;
	}
	return 0;
}

static int
ranges_collect(struct message *message, const struct host_packet *packet)
{
	struct vmbus_gpa_direct direct;
	uint32_t at = sizeof(direct);

	memcpy(&direct, packet->extension, sizeof(direct));
	if (message->channel->nic->isolated) {
		vsp_violation(message->channel, VSP_RULE_PAGE_PRIVATE, "%u ranges",
			direct.range_count);
		return -EFAULT;
	}
	for (uint32_t i = 0; i < direct.range_count; i++) {
		struct vmbus_gpa_range range;
		int ret;

		memcpy(&range, packet->extension + at, sizeof(range));
		at += sizeof(range);
		ret = range_collect(message, &range, packet->extension + at, (uint16_t)(i + 1));
		if (ret < 0)
			return ret;
		at += (uint32_t)(gpa_range_pages(&range) * sizeof(uint64_t));
	}
	message->channel->counters.tx_page_lists++;
	return 0;
}

int
message_collect(struct message *message, struct vsp_channel *channel,
	const struct host_packet *packet)
{
	struct nvsp_rndis rndis;
	int ret;

	message->channel = channel;
	message->bytes = 0;
	message->count = 0;
	if (packet->payload_bytes < sizeof(rndis)) {
		vsp_violation(channel, VSP_RULE_NVSP_LENGTH, "RNDIS, %u bytes",
			packet->payload_bytes);
		return -EPROTO;
	}
	memcpy(&rndis, packet->payload, sizeof(rndis));
	ret = section_collect(message, &rndis);
	if (ret == 0 && packet->type == VMBUS_PACKET_GPA_DIRECT)
		ret = ranges_collect(message, packet);
	return ret;
}
