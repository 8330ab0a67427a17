/* SPDX-License-Identifier: BSD-3-Clause */

/* Channel packets; see vmbus_packet.h. */

#include "vmbus_packet.h"

int
vmbus_packet_put(struct vmbus_tx_ring *ring, const struct vmbus_packet_desc *desc,
	uint32_t reserve)
{
	static const uint8_t zeros[8];
	uint32_t total = vmbus_packet_total_bytes(desc->extension_bytes, desc->payload_bytes);
	uint32_t payload_off = (uint32_t)sizeof(struct vmbus_packet_header) + desc->extension_bytes;
	uint32_t padding = -desc->payload_bytes & 7;
	int64_t room = vmbus_tx_ring_room(ring, total + reserve);
	struct vmbus_packet_footer footer = { .start_offset = ring->write };
	struct vmbus_packet_header header = {
		.type = (uint16_t)desc->type,
		.data_offset_8b = (uint16_t)(payload_off / 8),
		.length_8b = (uint16_t)((total - VMBUS_PACKET_FOOTER_BYTES) / 8),
		.flags = desc->want_completion ? VMBUS_PACKET_FLAG_COMPLETION_REQUESTED : 0,
		.transaction_id = desc->transaction_id,
	};

	if (room < 0)
		return (int)room;
	if (room < (int64_t)total + reserve)
		return -EAGAIN;
	vmbus_tx_ring_put(ring, &header, sizeof(header));
	if (desc->extension_bytes != 0)
		vmbus_tx_ring_put(ring, desc->extension, desc->extension_bytes);
	vmbus_tx_ring_put(ring, desc->payload, desc->payload_bytes);
	if (padding != 0)
		vmbus_tx_ring_put(ring, zeros, padding);
	vmbus_tx_ring_put(ring, &footer, sizeof(footer));
	return 0;
}

void
vmbus_packet_put_wrapped(struct vmbus_tx_ring *ring, struct vmbus_packet_words packet,
	uint32_t words)
{
	packet.word[words - 1] = (uint64_t)ring->write << 32;
	vmbus_tx_ring_put(ring, packet.word, words * 8u);
}
