/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Fills sections of the receive buffer: an RNDIS header with per-packet
 * information, then the bytes of a frame or of a piece of one. Header and
 * information come from a template for each combination of information, of
 * which only the values are patched.
 */

#include "offload.h"

#define HEADER_BYTES ((uint32_t)sizeof(struct rndis_packet))
#define PPI_BYTES ((uint32_t)(sizeof(struct rndis_ppi) + sizeof(uint32_t)))
#define TEMPLATE_BYTES 128u

/* ---- templates ---- */

struct rx_template {
	uint8_t bytes[TEMPLATE_BYTES];
	uint8_t used;           /* header and information */
	uint8_t csum, vlan, hash, info, id;     /* where the values are; 0: nowhere */
};

static struct rx_template templates[RX_PPI_VARIANTS] __attribute__((aligned(64)));

static uint8_t
template_add(struct rx_template *template, uint32_t type)
{
	struct rndis_ppi ppi = {
		.bytes = PPI_BYTES, .type = type, .data_offset = sizeof(ppi),
	};
	uint8_t at = (uint8_t)(template->used + sizeof(ppi));

	memcpy(template->bytes + template->used, &ppi, sizeof(ppi));
	template->used = (uint8_t)(template->used + PPI_BYTES);
	return at;
}

static void
template_make(struct rx_template *template, unsigned int ppi)
{
	struct rndis_packet packet = { .header.type = RNDIS_PACKET };

	memset(template, 0, sizeof(*template));
	template->used = HEADER_BYTES;
	if ((ppi & RX_PPI_CSUM) != 0)
		template->csum = template_add(template, RNDIS_PPI_CHECKSUM);
	if ((ppi & RX_PPI_VLAN) != 0)
		template->vlan = template_add(template, RNDIS_PPI_VLAN);
	if ((ppi & RX_PPI_HASH) != 0) {
		template->hash = template_add(template, RNDIS_PPI_HASH_VALUE);
		template->info = template_add(template, RNDIS_PPI_HASH_INFO);
	}
	if ((ppi & RX_PPI_ID) != 0)
		template->id = template_add(template, RNDIS_PPI_PACKET_ID);
	packet.ppi_bytes = template->used - HEADER_BYTES;
	if (packet.ppi_bytes != 0)
		packet.ppi_offset = HEADER_BYTES - sizeof(struct rndis_header);
	memcpy(template->bytes, &packet, sizeof(packet));
}

void
templates_make(void)
{
	if (templates[0].used != 0)
		return;
	for (unsigned int ppi = 0; ppi < RX_PPI_VARIANTS; ppi++)
		template_make(&templates[ppi], ppi);
}

static inline void
store32(uint8_t *at, uint32_t value)
{
	memcpy(at, &value, sizeof(value));
}

/* ---- pieces ---- */

/* Fills in a section: RNDIS header, information, bytes. Returns where the
 * bytes are. */
static inline uint8_t *
section_fill(const struct vsp_nic *nic, uint16_t id, const struct rx_piece *piece,
	uint32_t *range_bytes)
{
	const struct rx_template *template = &templates[piece->ppi];
	uint8_t *to = nic->recv_base + (uint64_t)id * nic->suballoc_bytes;
	uint32_t frame_at = HV_MAX(nic->profile->frame_offset, (uint32_t)template->used);
	uint32_t bytes = nic->profile->full_ranges ? nic->suballoc_bytes :
		frame_at + piece->bytes;

	memcpy(to, template->bytes, 64);
	if (template->used > 64)
		memcpy(to + 64, template->bytes + 64, template->used - 64u);
	store32(to + offsetof(struct rndis_packet, header.msg_bytes), bytes);
	store32(to + offsetof(struct rndis_packet, data_offset),
		frame_at - (uint32_t)sizeof(struct rndis_header));
	store32(to + offsetof(struct rndis_packet, data_bytes), piece->bytes);
	if (template->csum != 0)
		store32(to + template->csum, piece->csum);
	if (unlikely((piece->ppi & ~RX_PPI_CSUM) != 0)) {
		const struct rndis_packet_id packet_id = { 1, piece->id_flags, piece->packet_id };

		if (template->vlan != 0)
			store32(to + template->vlan, (uint32_t)piece->vlan_tci >> 13 |
				(piece->vlan_tci >> 9 & RNDIS_VLAN_DEI) |
				(uint32_t)(piece->vlan_tci & 0xfff) << RNDIS_VLAN_ID_SHIFT);
		if (template->hash != 0) {
			store32(to + template->hash, piece->hash);
			store32(to + template->info, NDIS_HASH_TOEPLITZ | piece->hash_type);
		}
		if (template->id != 0)
			memcpy(to + template->id, &packet_id, sizeof(packet_id));
	}
	copy_frame(to + frame_at, piece->data, piece->bytes);
	*range_bytes = bytes;
	return to + frame_at;
}

uint8_t *
rx_place(struct vsp_channel *channel, const struct rx_piece *piece)
{
	struct vsp_nic *nic = channel->nic;
	uint32_t frame_at = HV_MAX(nic->profile->frame_offset,
		(uint32_t)templates[piece->ppi].used);
	uint32_t bytes, count;
	uint8_t *at;
	uint16_t id;

	if (unlikely(!range_ok(frame_at, piece->bytes, nic->suballoc_bytes))) {
		rx_dropped(channel, &channel->counters.rx_drop_length, 1);
		return NULL;
	}
	if (unlikely(channel->free_count == 0)) {
		rx_dropped(channel, &channel->counters.rx_drop_no_section, 1);
		return NULL;
	}
	if (unlikely(channel->range_count == 0) && !rx_transfer_start(channel)) {
		rx_dropped(channel, &channel->counters.rx_drop_ring_full, 1);
		return NULL;
	}
	id = section_pop(channel);
	at = section_fill(nic, id, piece, &bytes);
	count = channel->range_count++;
	channel->ranges[count].byte_count = bytes;
	channel->ranges[count].byte_offset = (uint32_t)id * nic->suballoc_bytes;
	channel->range_sections[count] = id;
	return at;
}

/* ---- batches of plain frames ---- */

void
plain_start(struct plain *plain, const struct vsp_nic *nic, struct vsp_channel *channel)
{
	const struct vsp_profile *profile = nic->profile;
	const struct rx_template *template = &templates[
		(profile->ppi & VSP_PPI_CSUM_ALWAYS) != 0 ? RX_PPI_CSUM : 0];
	uint32_t frame_at = HV_MAX(profile->frame_offset, TEMPLATE_BYTES);

	plain->channel = channel;
	plain->base = nic->recv_base;
	plain->suballoc_bytes = nic->suballoc_bytes;
	plain->frame_at = HV_MAX(profile->frame_offset, (uint32_t)template->used);
	plain->most = HV_MIN(nic->suballoc_bytes - HV_MIN(nic->suballoc_bytes, frame_at),
		nic->frame_max);
	plain->range_bytes = profile->full_ranges ? nic->suballoc_bytes : 0;
	memcpy(plain->header, template->bytes, sizeof(plain->header));
	store32(plain->header + offsetof(struct rndis_packet, data_offset),
		plain->frame_at - (uint32_t)sizeof(struct rndis_header));
}

unsigned int
plain_fill(const struct plain *plain, const struct frame *frames, unsigned int n)
{
	struct vsp_channel *channel = plain->channel;
	struct vmbus_transfer_range *range = channel->ranges + channel->range_count;
	uint16_t *sections = channel->range_sections + channel->range_count;
	uint16_t *list = channel->free_sections;
	uint32_t head = channel->free_head, mask = channel->free_size - 1;
	const uint32_t suballoc_bytes = plain->suballoc_bytes, frame_at = plain->frame_at;
	uint8_t *const base = plain->base;
	uint64_t total = 0;
	unsigned int i;

	for (i = 0; i < n; i++) {
		const struct frame *frame = &frames[i];
		uint32_t bytes = frame->bytes;
		uint16_t id = list[head & mask];
		uint32_t offset = id * suballoc_bytes;
		uint32_t all = plain->range_bytes != 0 ? plain->range_bytes : frame_at + bytes;
		uint8_t *to = base + offset, *ahead;

		if (unlikely((frame->flags & (FRAME_VLAN | FRAME_CSUM_PARTIAL | FRAME_CSUM_GOOD))
		    != 0 || bytes > plain->most || bytes < FRAME_HEADER_BYTES ||
		    (frame->data[0] & 1) != 0))
			break;
		ahead = base + (uint64_t)list[(head + 6) & mask] * suballoc_bytes;
		__builtin_prefetch(ahead, 1);
		__builtin_prefetch(ahead + frame_at, 1);
		head++;
		memcpy(to, plain->header, sizeof(plain->header));
		store32(to + offsetof(struct rndis_packet, header.msg_bytes), all);
		store32(to + offsetof(struct rndis_packet, data_bytes), bytes);
		copy_frame(to + frame_at, frame->data, bytes);
		range[i] = (struct vmbus_transfer_range) { all, offset };
		sections[i] = id;
		total += bytes;
	}
	channel->free_head = head & mask;
	channel->free_count -= i;
	channel->range_count += i;
	channel->built_frames += i;
	channel->built_bytes += total;
	return i;
}
