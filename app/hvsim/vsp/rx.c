/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Frames to the guest: filtered, steered to a queue, copied into a section of
 * the receive buffer behind an RNDIS header, and gathered into a transfer that
 * leaves when it is full or the round ends. Sections: section.c.
 *
 * rx_output() -> rx_batch() -> rx_place(); rx_flush() ends the file. The header
 * and its per-packet information come from a template for each combination of
 * information, of which only the values are patched.
 */

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "offload.h"

#define HEADER_BYTES ((uint32_t)sizeof(struct rndis_packet))
#define PPI_BYTES ((uint32_t)(sizeof(struct rndis_ppi) + sizeof(uint32_t)))
#define TEMPLATE_BYTES 128u
/* The host starts no transfer with less than this free in the ring. */
#define RING_SPARE_BYTES 2048u

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

static void
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

/* ---- a channel's transfer ---- */

int
rx_channel_open(struct vsp_channel *channel)
{
	const unsigned int n = HV_MAX(VSP_TRANSFER_FRAMES_MAX, VSP_TRANSFER_RSC_MAX);
	uint8_t *extension;

	templates_make();
	extension = calloc(1, sizeof(struct vmbus_transfer_pages) +
		n * sizeof(struct vmbus_transfer_range));
	channel->range_sections = calloc(n, sizeof(*channel->range_sections));
	if (extension == NULL || channel->range_sections == NULL) {
		free(extension);
		free(channel->range_sections);
		channel->range_sections = NULL;
		return -ENOMEM;
	}
	/* The packet's extension: its head lies right before the ranges. */
	channel->ranges = (void *)(extension + sizeof(struct vmbus_transfer_pages));
	channel->range_count = 0;
	return 0;
}

void
rx_channel_close(struct vsp_channel *channel)
{
	rx_recycle(channel);
	section_reclaim(channel);
	if (channel->ranges != NULL)
		free((uint8_t *)channel->ranges - sizeof(struct vmbus_transfer_pages));
	free(channel->range_sections);
	channel->ranges = NULL;
	channel->range_sections = NULL;
}

void
rx_dropped(struct vsp_channel *channel, uint64_t *counter, unsigned int n)
{
	*counter += n;
	channel->nic->rx_drop_total += n;
}

unsigned int
rx_transfer_limit(const struct vsp_nic *nic)
{
	unsigned int limit = nic->config.frames_per_transfer;

	if (rsc_active(nic))
		return VSP_TRANSFER_RSC_MAX;
	return limit == 0 || limit > VSP_TRANSFER_FRAMES_MAX ? VSP_TRANSFER_FRAMES_MAX : limit;
}

bool
rx_transfer_start(struct vsp_channel *channel)
{
	struct host_tx_ring *ring = &channel->to_guest;
	uint32_t spare = ring->limit_bytes != 0 ? ring->data_bytes - ring->limit_bytes :
		HV_MIN(RING_SPARE_BYTES, ring->data_bytes / 2);
	int ret;

	if (channel->pending_head != NULL)
		return false;
	ret = host_tx_ring_want(ring, HV_MIN(spare, ring->data_bytes - 64));
	if (ret == -EPROTO)
		vsp_violation(channel, VSP_RULE_RING_INDEX, "read index of the receive ring");
	/* Somebody must end what was started here. */
	engine_kick();
	return ret == 0;
}

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

/* ---- what a frame is to the guest ---- */

static bool
multicast_listed(const struct vsp_nic *nic, const uint8_t *mac)
{
	for (unsigned int i = 0; i < nic->multicast_count && i < ARRAY_SIZE(nic->multicast); i++) {
		if (memcmp(nic->multicast[i], mac, 6) == 0)
			return true;
	}
	return false;
}

bool
rx_accepts(const struct vsp_nic *nic, const struct frame *frame)
{
	static const uint8_t broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	const uint8_t *mac = frame->data;

	if ((nic->filter & NDIS_FILTER_PROMISCUOUS) != 0)
		return true;
	if ((mac[0] & 1) == 0)
		return (nic->filter & NDIS_FILTER_DIRECTED) != 0 && memcmp(mac, nic->mac, 6) == 0;
	if (memcmp(mac, broadcast, 6) == 0)
		return (nic->filter & NDIS_FILTER_BROADCAST) != 0;
	if ((nic->filter & NDIS_FILTER_ALL_MULTICAST) != 0)
		return true;
	return (nic->filter & NDIS_FILTER_MULTICAST) != 0 && multicast_listed(nic, mac);
}

/* Takes away what the guest switched off (nic->rx_csum). */
static uint32_t
csum_wanted(const struct vsp_nic *nic, const uint8_t *frame, uint32_t csum)
{
	bool ipv6 = load_be16(frame + 12) == ETHER_IPV6;
	uint8_t tcp = ipv6 ? NIC_CSUM_TCP6 : NIC_CSUM_TCP4;
	uint8_t udp = ipv6 ? NIC_CSUM_UDP6 : NIC_CSUM_UDP4;

	if ((nic->rx_csum & NIC_CSUM_IP4) == 0)
		csum &= ~(RNDIS_RX_CSUM_IP_OK | RNDIS_RX_CSUM_IP_BAD);
	if ((nic->rx_csum & tcp) == 0)
		csum &= ~(RNDIS_RX_CSUM_TCP_OK | RNDIS_RX_CSUM_TCP_BAD |
			RNDIS_RX_CSUM_TCP_VALUE_INVALID);
	if ((nic->rx_csum & udp) == 0)
		csum &= ~(RNDIS_RX_CSUM_UDP_OK | RNDIS_RX_CSUM_UDP_BAD);
	return csum;
}

static void
describe_csum(const struct vsp_nic *nic, const struct frame *frame, struct rx_piece *piece)
{
	uint32_t csum = 0;

	if ((frame->flags & (FRAME_CSUM_PARTIAL | FRAME_CSUM_GOOD)) != 0)
		csum = csum_good(frame->data, frame->bytes);
	else if (vsp_settings.check == CHECK_FULL)
		csum = csum_verify(frame->data, frame->bytes);
	if ((frame->flags & FRAME_CSUM_PARTIAL) != 0 && (csum & RNDIS_RX_CSUM_TCP_OK) != 0)
		csum |= RNDIS_RX_CSUM_TCP_VALUE_INVALID;
	if (csum != 0)
		csum = csum_wanted(nic, frame->data, csum);
	piece->csum = csum;
	if (csum != 0 || (nic->profile->ppi & VSP_PPI_CSUM_ALWAYS) != 0)
		piece->ppi |= RX_PPI_CSUM;
}

/* Which queue, by the guest's table. A frame without a hash goes where hash 0
 * would: only queues of the table have sections. */
static unsigned int
rss_queue(const struct vsp_nic *nic, const struct frame *frame, struct rx_piece *piece)
{
	unsigned int queue;

	if (rss_hash(&nic->rss, frame->data, frame->bytes, &piece->hash, &piece->hash_type) &&
	    (nic->profile->ppi & VSP_PPI_HASH) != 0 &&
	    ((nic->profile->ppi & VSP_PPI_NO_HASH_ON_ONE_QUEUE) == 0 || nic->channels_open > 1))
		piece->ppi |= RX_PPI_HASH;
	if (nic->rss.entries == 0)
		return 0;
	queue = nic->rss.table[piece->hash % nic->rss.entries];
	/* A table that names no existing queue means: all of them. */
	return queue <= nic->subchannels_requested ? queue :
		queue % (nic->subchannels_requested + 1);
}

struct vsp_channel *
rx_describe(struct vsp_nic *nic, const struct frame *frame, struct rx_piece *piece)
{
	struct vsp_channel *channel;
	unsigned int queue = 0;

	*piece = (struct rx_piece) { .data = frame->data, .bytes = frame->bytes };
	if (nic->rss.enabled)
		queue = rss_queue(nic, frame, piece);
	channel = &nic->channel[queue < HV_CHANNELS_MAX ? queue : 0];
	if (!channel_is_open(channel)) {
		rx_dropped(channel, &channel->counters.rx_drop_not_open, 1);
		return NULL;
	}
	if ((nic->profile->ppi & VSP_PPI_CSUM) != 0)
		describe_csum(nic, frame, piece);
	if ((frame->flags & FRAME_VLAN) != 0 && (nic->profile->ppi & VSP_PPI_VLAN) != 0) {
		piece->ppi |= RX_PPI_VLAN;
		piece->vlan_tci = frame->vlan_tci;
	}
	return channel;
}

/* Puts the tag into the frame for a guest that cannot be told of it. */
static uint32_t
tag_inside(const struct frame *frame, uint8_t *to)
{
	memcpy(to, frame->data, 12);
	store_be16(to + 12, ETHER_VLAN);
	store_be16(to + 14, frame->vlan_tci);
	memcpy(to + 16, frame->data + 12, frame->bytes - 12);
	return frame->bytes + 4;
}

/* A partial checksum that the guest cannot be told of is completed. */
static void
complete_if_needed(const struct frame *frame, const struct rx_piece *piece, uint8_t *at)
{
	if ((frame->flags & FRAME_CSUM_PARTIAL) == 0 ||
	    ((piece->ppi & RX_PPI_CSUM) != 0 &&
	     (piece->csum & RNDIS_RX_CSUM_TCP_VALUE_INVALID) != 0))
		return;
	csum_complete(at, frame->bytes, frame->l4_offset);
}

static void
rx_one(struct vsp_nic *nic, const struct frame *frame, unsigned int limit)
{
	static uint8_t tagged[FRAME_BYTES_MAX + 16];
	struct rx_piece piece;
	struct vsp_channel *channel = rx_describe(nic, frame, &piece);
	uint8_t *at;

	if (channel == NULL)
		return;
	if ((frame->flags & FRAME_VLAN) != 0 && (piece.ppi & RX_PPI_VLAN) == 0) {
		piece.bytes = tag_inside(frame, tagged);
		piece.data = tagged;
	}
	at = rx_place(channel, &piece);
	if (at == NULL)
		return;
	if (unlikely((frame->flags & FRAME_CSUM_PARTIAL) != 0))
		complete_if_needed(frame, &piece, at + (piece.bytes - frame->bytes));
	channel->built_frames++;
	channel->built_bytes += frame->bytes;
	if (channel->range_count >= limit)
		rx_flush(channel);
}

/* ---- batches ---- */

static bool
length_ok(const struct vsp_nic *nic, const struct frame *frame)
{
	uint32_t most = nic->frame_max;

	if (likely(frame->bytes <= most && frame->bytes >= FRAME_HEADER_BYTES))
		return true;
	/* A tag inside the frame does not count. */
	return frame->bytes >= FRAME_HEADER_BYTES && frame->bytes <= most + 4 &&
		load_be16(frame->data + 12) == ETHER_VLAN;
}

static void
rx_batch(struct vsp_nic *nic, const struct frame *frames, unsigned int n)
{
	const unsigned int limit = rx_transfer_limit(nic);
	const bool filtered = nic->config.mac_filter && nic->profile->mac_filter;
	const bool rsc = rsc_active(nic);
	struct vsp_channel *first = &nic->channel[0];

	for (unsigned int i = 0; i < n; i++) {
		unsigned int taken;

		if (unlikely(!length_ok(nic, &frames[i]))) {
			rx_dropped(first, &first->counters.rx_drop_length, 1);
			continue;
		}
		if (filtered && !rx_accepts(nic, &frames[i])) {
			rx_dropped(first, &first->counters.rx_drop_filter, 1);
			continue;
		}
		taken = rsc ? rsc_take(nic, &frames[i], n - i) : 0;
		if (taken != 0)
			i += taken - 1;
		else
			rx_one(nic, &frames[i], limit);
	}
}

/* One queue, nothing to compute: the same as rx_one() for each, with all that
 * does not change taken out of the loop. Returns how many it delivered before
 * the first frame that needs more. */
static unsigned int
rx_batch_plain(struct vsp_nic *nic, const struct frame *frames, unsigned int n)
{
	struct vsp_channel *channel = &nic->channel[0];
	const unsigned int limit = rx_transfer_limit(nic);
	const uint32_t room = nic->suballoc_bytes -
		HV_MIN(nic->suballoc_bytes, HV_MAX(nic->profile->frame_offset, TEMPLATE_BYTES));
	const uint32_t most = HV_MIN(room, nic->frame_max);
	struct rx_piece piece = {
		.ppi = (nic->profile->ppi & VSP_PPI_CSUM_ALWAYS) != 0 ? RX_PPI_CSUM : 0,
	};
	unsigned int i;

	for (i = 0; i < n; i++) {
		const struct frame *frame = &frames[i];
		uint32_t count = channel->range_count, range_bytes;
		uint16_t id;

		if (unlikely((frame->flags & (FRAME_VLAN | FRAME_CSUM_PARTIAL | FRAME_CSUM_GOOD))
		    != 0 || frame->bytes > most || frame->bytes < FRAME_HEADER_BYTES ||
		    channel->free_count == 0))
			break;
		if (unlikely(count == 0) && !rx_transfer_start(channel))
			break;
		id = section_pop(channel);
		section_prefetch(channel);
		piece.data = frame->data;
		piece.bytes = frame->bytes;
		section_fill(nic, id, &piece, &range_bytes);
		channel->ranges[count].byte_count = range_bytes;
		channel->ranges[count].byte_offset = (uint32_t)id * nic->suballoc_bytes;
		channel->range_sections[count] = id;
		channel->range_count = count + 1;
		channel->built_frames++;
		channel->built_bytes += frame->bytes;
		if (unlikely(count + 1 >= limit))
			rx_flush(channel);
	}
	return i;
}

static bool
plain(const struct vsp_nic *nic)
{
	return !nic->rss.enabled && !(nic->config.mac_filter && nic->profile->mac_filter) &&
		!rsc_active(nic) && channel_is_open(&nic->channel[0]) &&
		(vsp_settings.check == CHECK_FAST || (nic->profile->ppi & VSP_PPI_CSUM) == 0);
}

/* Whether the guest receives at all now; counts what it does not. */
static bool
receiving(struct vsp_nic *nic, unsigned int n)
{
	struct vsp_channel *first = &nic->channel[0];

	if (nic->state != NIC_OPERATIONAL || nic->sections == NULL || nic->recv_base == NULL) {
		rx_dropped(first, &first->counters.rx_drop_not_open, n);
		return false;
	}
	if (!nic->link_up) {
		rx_dropped(first, &first->counters.rx_drop_link, n);
		return false;
	}
	if (nic->filter == 0) {
		rx_dropped(first, &first->counters.rx_drop_filter, n);
		return false;
	}
	return true;
}

void
rx_output(struct sw_port *port, const struct frame *frames, unsigned int n)
{
	struct vsp_nic *nic = container_of(port, struct vsp_nic, port);
	unsigned int done = 0;

	if (!receiving(nic, n))
		return;
	if (plain(nic))
		done = rx_batch_plain(nic, frames, n);
	if (done < n)
		rx_batch(nic, frames + done, n - done);
}

unsigned int
rx_room(struct sw_port *port)
{
	struct vsp_nic *nic = container_of(port, struct vsp_nic, port);
	unsigned int room = 0;

	/* What comes now is consumed and dropped, as by a host without a filter. */
	if (nic->state != NIC_OPERATIONAL || nic->filter == 0 || !nic->link_up)
		return UINT_MAX;
	for (unsigned int i = 0; i < nic->channel_end; i++) {
		const struct vsp_channel *channel = &nic->channel[i];

		if (channel_is_open(channel) && !channel->to_guest.blocked)
			room += channel->free_count;
	}
	return room;
}

/* ---- transfers ---- */

void
rx_flush(struct vsp_channel *channel)
{
	struct vsp_nic *nic = channel->nic;
	struct vmbus_packet_header header = {
		.type = VMBUS_PACKET_TRANSFER_PAGES,
		.flags = VMBUS_PACKET_FLAG_COMPLETION_REQUESTED,
	};
	struct vmbus_transfer_pages *pages;
	union {
		struct nvsp_rndis rndis;
		uint8_t bytes[NVSP_MSG_BYTES_V61];
	} message = { .rndis = { NVSP_RNDIS, NVSP_CHANNEL_DATA, NVSP_SECTION_NONE, 0 } };
	unsigned int n = channel->range_count;
	int ret = -EAGAIN;

	if (n == 0)
		return;
	header.transaction_id = channel->range_sections[0];
	pages = (void *)((uint8_t *)channel->ranges - sizeof(*pages));
	pages->set_id = nic->recv_id;
	pages->range_count = n;
	if (channel_is_open(channel) && channel->pending_head == NULL)
		ret = host_tx_ring_put(&channel->to_guest, &header, pages,
			(uint32_t)(sizeof(*pages) + n * sizeof(channel->ranges[0])), &message,
			HV_MIN(nvsp_padded_bytes(nic), (uint32_t)sizeof(message)));
	if (ret == 0) {
		channel->counters.rx_transfers++;
		channel->counters.rx_frames += channel->built_frames;
		channel->counters.rx_bytes += channel->built_bytes;
		section_lend(channel);
		return;
	}
	/* The whole batch is lost, the sections are not. */
	rx_dropped(channel, &channel->counters.rx_drop_ring_full, channel->built_frames);
	rx_recycle(channel);
	if (ret == -EPROTO)
		vsp_violation(channel, VSP_RULE_RING_INDEX, "read index of the receive ring");
}

void
rx_flush_all(struct vsp_nic *nic)
{
	for (unsigned int i = 0; i < nic->channel_end; i++) {
		struct vsp_channel *channel = &nic->channel[i];

		if (channel->range_count == 0)
			continue;
		rx_flush(channel);
		channel_commit(channel);
	}
}
