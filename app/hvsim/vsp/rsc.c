/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Receive segment coalescing over the channel: TCP segments of one flow that
 * follow each other in a batch become one run of pieces in one transfer. The
 * first piece carries the headers (IP length corrected) and all information,
 * the others only payload; each says its place in the run.
 */

#include "offload.h"

#define RUN_MAX VSP_TRANSFER_RSC_MAX
#define IP_BYTES_MAX 65535u
#define TCP_ACK 0x10u
#define TCP_PSH 0x08u
#define RX_OK (RNDIS_RX_CSUM_TCP_OK | RNDIS_RX_CSUM_IP_OK)

/* A segment that could be part of a run. */
struct segment {
	const struct frame *frame;
	uint8_t head[FRAME_HEAD_BYTES];
	uint16_t l4_offset;
	uint16_t header_bytes;
	uint8_t ip_version;
	uint8_t flags;
	uint32_t seq;
	uint32_t payload_bytes;
};

bool
rsc_active(const struct vsp_nic *nic)
{
	return nic->config.rsc && nic->profile->rsc && nic->nvsp >= NVSP_VERSION_61 &&
		(nic->guest_caps & NVSP_CONFIG_CAP_RSC) != 0 && (nic->rsc4 || nic->rsc6);
}

static bool
csum_trusted(const struct frame *frame)
{
	uint32_t csum;

	if ((frame->flags & (FRAME_CSUM_PARTIAL | FRAME_CSUM_GOOD)) != 0)
		return true;
	csum = csum_verify(frame->data, frame->bytes);
	return (csum & RNDIS_RX_CSUM_TCP_OK) != 0 && (csum & RNDIS_RX_CSUM_IP_BAD) == 0;
}

static bool
segment_parse(const struct vsp_nic *nic, const struct frame *frame, struct segment *segment)
{
	struct frame_view view;
	uint32_t header;

	if (!frame_parse_shared(frame->data, frame->bytes, segment->head, &view) ||
	    view.tagged || view.l4_offset == 0 || view.proto != IP_TCP)
		return false;
	if (!(view.ip_version == 4 ? nic->rsc4 : nic->rsc6))
		return false;
	/* IP options and extension headers are not coalesced. */
	if (view.l4_offset != FRAME_HEADER_BYTES + (view.ip_version == 4 ? 20u : 40u))
		return false;
	header = view.l4_offset + (segment->head[view.l4_offset + 12] >> 4) * 4u;
	if (header < view.l4_offset + 20u || header >= view.l3_end || header > FRAME_HEAD_BYTES)
		return false;
	segment->frame = frame;
	segment->l4_offset = view.l4_offset;
	segment->header_bytes = (uint16_t)header;
	segment->ip_version = view.ip_version;
	segment->flags = segment->head[view.l4_offset + 13];
	segment->seq = load_be32(segment->head + view.l4_offset + 4);
	segment->payload_bytes = view.l3_end - header;
	return (segment->flags & ~TCP_PSH) == TCP_ACK && csum_trusted(frame);
}

/* Whether `next` continues what `last` ended, a segment of the same flow. */
static bool
continues(const struct segment *first, const struct segment *last, const struct segment *next)
{
	const uint8_t *a = first->head, *b = next->head;
	uint32_t l4 = first->l4_offset;

	if (next->ip_version != first->ip_version || next->header_bytes != first->header_bytes ||
	    (next->frame->flags & FRAME_VLAN) != (first->frame->flags & FRAME_VLAN) ||
	    ((first->frame->flags & FRAME_VLAN) != 0 &&
	     next->frame->vlan_tci != first->frame->vlan_tci))
		return false;
	/* A pushed segment ends its run. */
	if ((last->flags & TCP_PSH) != 0 || next->seq != last->seq + last->payload_bytes)
		return false;
	if (memcmp(a, b, FRAME_HEADER_BYTES) != 0)
		return false;
	if (first->ip_version == 4 && (memcmp(a + 26, b + 26, 8) != 0 || a[15] != b[15]))
		return false;
	if (first->ip_version == 6 && (memcmp(a + 22, b + 22, 32) != 0 ||
	    memcmp(a + 14, b + 14, 4) != 0))
		return false;
	/* Ports; acknowledgement; options. */
	return memcmp(a + l4, b + l4, 4) == 0 && memcmp(a + l4 + 8, b + l4 + 8, 4) == 0 &&
		memcmp(a + l4 + 20, b + l4 + 20, first->header_bytes - l4 - 20u) == 0;
}

/* The headers of the whole run. */
static void
correct_headers(uint8_t *at, const struct segment *first, const struct segment *last,
	uint32_t payload_bytes)
{
	uint8_t *ip = at + FRAME_HEADER_BYTES;
	uint32_t l3_bytes = first->header_bytes - FRAME_HEADER_BYTES + payload_bytes;

	if (first->ip_version == 6) {
		store_be16(ip + 4, (uint16_t)(l3_bytes - 40));
	} else {
		store_be16(ip + 2, (uint16_t)l3_bytes);
		store_be16(ip + 10, 0);
		store_be16(ip + 10, (uint16_t)~csum_add(ip, 20, 0));
	}
	at[first->l4_offset + 13] |= last->flags & TCP_PSH;
}

static bool
place_later(struct vsp_channel *channel, const struct segment *segment, uint16_t packet_id,
	bool last)
{
	struct rx_piece piece = {
		.data = segment->frame->data + segment->header_bytes,
		.bytes = segment->payload_bytes,
		.ppi = RX_PPI_ID,
		.id_flags = RNDIS_PACKET_ID_SUBALLOC | (last ? RNDIS_PACKET_ID_LAST : 0),
		.packet_id = packet_id,
	};

	return rx_place(channel, &piece) != NULL;
}

/* Delivers a run; room for all of it was made sure of. */
static void
deliver(struct vsp_channel *channel, struct rx_piece *piece, const struct segment *run,
	unsigned int n)
{
	struct vsp_nic *nic = channel->nic;
	uint32_t payload = 0;
	uint8_t *at;

	for (unsigned int i = 0; i < n; i++)
		payload += run[i].payload_bytes;
	piece->bytes = run[0].header_bytes + run[0].payload_bytes;
	piece->ppi |= RX_PPI_CSUM | RX_PPI_ID;
	piece->csum = (run[0].ip_version == 4 ? RNDIS_RX_CSUM_IP_OK : 0) |
		RNDIS_RX_CSUM_TCP_OK | RNDIS_RX_CSUM_TCP_VALUE_INVALID;
	piece->id_flags = RNDIS_PACKET_ID_SUBALLOC | RNDIS_PACKET_ID_FIRST;
	piece->packet_id = nic->rsc_packet_id++;
	at = rx_place(channel, piece);
	if (at == NULL)
		return;
	correct_headers(at, &run[0], &run[n - 1], payload);
	for (unsigned int i = 1; i < n; i++)
		place_later(channel, &run[i], piece->packet_id, i + 1 == n);
	channel->counters.rx_rsc_runs++;
	channel->counters.rx_rsc_frames += n;
	channel->built_frames += n;
	channel->built_bytes += run[0].header_bytes + payload;
}

/* A run is in one transfer: ends the one being built if it would not fit, and
 * says how many pieces there can be. */
static unsigned int
room_for(struct vsp_channel *channel, unsigned int n)
{
	if (channel->range_count + n > RUN_MAX)
		rx_flush(channel);
	if (channel->range_count == 0 && !rx_transfer_start(channel))
		return 0;
	return HV_MIN(HV_MIN(n, RUN_MAX), channel->free_count);
}

unsigned int
rsc_take(struct vsp_nic *nic, const struct frame *frames, unsigned int n)
{
	static struct segment run[FRAME_BATCH_MAX];
	struct vsp_channel *channel;
	struct rx_piece piece;
	uint32_t bytes;
	unsigned int count = 1;

	if (n < 2 || !segment_parse(nic, &frames[0], &run[0]))
		return 0;
	bytes = run[0].header_bytes + run[0].payload_bytes - FRAME_HEADER_BYTES;
	while (count < n && count < FRAME_BATCH_MAX &&
	       segment_parse(nic, &frames[count], &run[count]) &&
	       continues(&run[0], &run[count - 1], &run[count]) &&
	       bytes + run[count].payload_bytes <= IP_BYTES_MAX) {
		bytes += run[count].payload_bytes;
		count++;
	}
	if (count < 2)
		return 0;
	channel = rx_describe(nic, &frames[0], &piece);
	if (channel == NULL)
		return 1;
	count = room_for(channel, count);
	if (count < 2)
		return 0;       /* one by one, to be dropped with their reason */
	deliver(channel, &piece, run, count);
	return count;
}
