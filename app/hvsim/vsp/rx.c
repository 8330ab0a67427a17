/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Frames to the guest: filtered, steered to a queue, copied into a section of
 * the receive buffer behind an RNDIS header, and gathered into a transfer that
 * leaves when it is full or the round ends. Who owns the sections: section.c;
 * what is written into them: place.c.
 *
 * rx_output() -> rx_batch() -> rx_place(); rx_flush() ends the file.
 */

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "offload.h"

/* The host starts no transfer with less than this free in the ring. */
#define RING_SPARE_BYTES 2048u

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

static bool
is_broadcast(const uint8_t *mac)
{
	static const uint8_t broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

	return memcmp(mac, broadcast, 6) == 0;
}

bool
rx_accepts(const struct vsp_nic *nic, const struct frame *frame)
{
	const uint8_t *mac = frame->data;

	if ((nic->filter & NDIS_FILTER_PROMISCUOUS) != 0)
		return true;
	if ((mac[0] & 1) == 0)
		return (nic->filter & NDIS_FILTER_DIRECTED) != 0 && memcmp(mac, nic->mac, 6) == 0;
	if (is_broadcast(mac))
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
	if (unlikely((frame->data[0] & 1) != 0)) {
		if (is_broadcast(frame->data))
			channel->built_broadcast++;
		else
			channel->built_multicast++;
	}
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

/* One queue, nothing to compute: the same as rx_one() for each. Returns how
 * many it delivered before the first frame that needs more. */
static unsigned int
rx_batch_plain(struct vsp_nic *nic, const struct frame *frames, unsigned int n)
{
	struct vsp_channel *channel = &nic->channel[0];
	const unsigned int limit = rx_transfer_limit(nic);
	unsigned int done = 0;
	struct plain plain;

	plain_start(&plain, nic, channel);
	while (done < n && channel->free_count > 0) {
		unsigned int now = HV_MIN(n - done, HV_MIN(channel->free_count,
			limit - channel->range_count)), filled;

		if (channel->range_count == 0 && !rx_transfer_start(channel))
			break;
		filled = plain_fill(&plain, frames + done, now);
		done += filled;
		if (channel->range_count >= limit)
			rx_flush(channel);
		if (filled < now)
			break;
	}
	return done;
}

static bool
is_plain(const struct vsp_nic *nic)
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
	if (is_plain(nic))
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

/* What a host that lies would have written instead. */
static void
transfer_faults(struct vsp_channel *channel, struct vmbus_packet_header *header,
	struct vmbus_transfer_pages *pages)
{
	struct vsp_nic *nic = channel->nic;
	unsigned int n = channel->range_count;

	for (unsigned int i = 0; i < n; i++) {
		uint8_t *frame = nic->recv_base + channel->ranges[i].byte_offset;

		fault_at(FAULT_FRAME, frame, channel->ranges[i].byte_count);
		fault_lie(LIE_PIECE_RNDIS, frame, channel->ranges[i].byte_count);
	}
	fault_at(FAULT_RANGES, pages, (uint32_t)(sizeof(*pages) + n * sizeof(channel->ranges[0])));
	fault_at(FAULT_TRANSFER, header, sizeof(*header));
}

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
	if (unlikely(fault_armed != 0))
		transfer_faults(channel, &header, pages);
	if (channel_is_open(channel) && channel->pending_head == NULL)
		ret = host_tx_ring_put(&channel->to_guest, &header, pages,
			(uint32_t)(sizeof(*pages) + n * sizeof(channel->ranges[0])), &message,
			HV_MIN(nvsp_padded_bytes(nic), (uint32_t)sizeof(message)));
	if (ret == 0) {
		channel->counters.rx_transfers++;
		channel->counters.rx_frames += channel->built_frames;
		channel->counters.rx_bytes += channel->built_bytes;
		channel->counters.rx_multicast += channel->built_multicast;
		channel->counters.rx_broadcast += channel->built_broadcast;
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

		/* Full ones are in the ring already, and perhaps not published. */
		if (channel->range_count == 0 &&
		    channel->to_guest.write == channel->to_guest.committed)
			continue;
		rx_flush(channel);
		channel_commit(channel);
	}
}
