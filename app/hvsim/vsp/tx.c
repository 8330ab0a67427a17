/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Frames from the guest. A message is a section of the send buffer, followed
 * by page ranges, and holds one or several RNDIS packets; if one of them is bad
 * all of them are dropped. Frames that lie in one piece are passed on where
 * they are; others, and those with offloads, go through the arena.
 *
 * tx_handle(): message_collect() (message.c) finds the memory, message_parse()
 * checks the packets and adds frames to the batch. tx_flush() hands the batch to the
 * switch and completes the messages; it comes at the end of a channel's slice,
 * so what is static here belongs to one channel at a time.
 */

#include <errno.h>

#include "message.h"
#include "offload.h"

/* A message may hold more than the host announced, but not without limit. */
#define PACKETS_MAX 1024u
#define COMPLETIONS_MAX 256u
#define ARENA_BYTES (1024u * 1024u)
/* The longest frame that may be cut into segments. */
#define LSO_BYTES_MAX 131072u
#define MSS_MIN 32u
#define PREFETCH_BYTES 1536u
#define CONTROL_BYTES_MAX (100u * 1024u)

struct completion {
	uint64_t transaction_id;
	uint32_t status;
};

static struct message message;
static struct frame batch[FRAME_BATCH_MAX + PACKETS_MAX];
static unsigned int batch_count;
static struct completion completions[COMPLETIONS_MAX];
static unsigned int completion_count;
/* Packets of the message that need more than being passed on. */
static struct offload_request requests[PACKETS_MAX];
static unsigned int request_count;
static uint8_t arena[ARENA_BYTES] __attribute__((aligned(64)));
static uint32_t arena_used;
static uint8_t lso_frame[LSO_BYTES_MAX];

/* ---- packets ---- */

static void
count_bytes(struct queue_counters *counters, struct place place, uint32_t n)
{
	while (n > 0) {
		const struct piece *piece = &message.piece[place.piece++];
		uint32_t bytes = HV_MIN(n, piece->bytes - place.offset);

		if (piece->in_place)
			counters->bytes_in_place += bytes;
		else
			counters->bytes_copied += bytes;
		place.offset = 0;
		n -= bytes;
	}
}

int
tx_gather(struct vsp_channel *channel, const struct host_packet *packet, void *copy,
	uint32_t size)
{
	int ret = message_collect(&message, channel, packet);

	if (ret < 0)
		return ret;
	if (message.bytes > INT32_MAX)
		return -EMSGSIZE;
	if (message.bytes != 0)
		message_copy(&message, place_of(&message, 0), copy, HV_MIN(message.bytes, size));
	return (int)message.bytes;
}

/* A packet being parsed: the header is a copy. */
struct packet {
	struct rndis_packet header;
	uint32_t at;            /* where it starts in the message */
	uint32_t left;          /* of the message, after the RNDIS header */
	struct place place;
	struct offload_request request;
};

static int
bad(enum vsp_rule rule, const struct packet *packet, const char *what, uint32_t value)
{
	vsp_violation(message.channel, rule, "at offset %u of the message: %s %u",
		packet->at, what, value);
	return -EINVAL;
}

static void
ppi_take(struct offload_request *request, uint32_t type, uint32_t value)
{
	switch (type) {
	case RNDIS_PPI_CHECKSUM:
		request->csum = value;
		request->want |= value != 0 ? OFFLOAD_CSUM : 0;
		break;
	case RNDIS_PPI_LSO:
		request->lso = value;
		request->want |= OFFLOAD_LSO;
		break;
	default:
		request->vlan_tci = (uint16_t)((value & RNDIS_VLAN_PRIORITY_MASK) << 13 |
			(value & RNDIS_VLAN_DEI) << 9 |
			(value & RNDIS_VLAN_ID_MASK) >> RNDIS_VLAN_ID_SHIFT);
		request->want |= OFFLOAD_VLAN;
		break;
	}
}

/* Walks the per-packet information; must lie in the range of the header. */
static int
ppi_parse(struct packet *packet)
{
	uint32_t at = packet->header.ppi_offset, left = packet->header.ppi_bytes;
	struct rndis_ppi ppi;
	uint32_t value;

	packet->request.csum = 0;
	packet->request.lso = 0;
	packet->request.vlan_tci = 0;
	if (!range_ok(at, left, packet->left) ||
	    !in_one_range(&message, packet->place, sizeof(struct rndis_header) + at + left))
		return bad(VSP_RULE_PPI_RANGE, packet, "bytes of information", left);
	at += packet->at + (uint32_t)sizeof(struct rndis_header);
	while (left > 0) {
		if (left < sizeof(ppi))
			return bad(VSP_RULE_PPI_RANGE, packet, "bytes left over", left);
		message_copy(&message, place_of(&message, at), &ppi, sizeof(ppi));
		if (ppi.bytes < sizeof(ppi) || ppi.bytes > left)
			return bad(VSP_RULE_PPI_RANGE, packet, "size", ppi.bytes);
		if (ppi.type == RNDIS_PPI_CHECKSUM || ppi.type == RNDIS_PPI_LSO ||
		    ppi.type == RNDIS_PPI_VLAN) {
			if (!range_ok(ppi.data_offset, sizeof(value), ppi.bytes))
				return bad(VSP_RULE_PPI_RANGE, packet, "data offset",
					ppi.data_offset);
			message_copy(&message, place_of(&message, at + ppi.data_offset), &value, sizeof(value));
			ppi_take(&packet->request, ppi.type, value);
		}
		at += ppi.bytes;
		left -= ppi.bytes;
	}
	return 0;
}

/* Checks what is asked for and keeps it until the whole message is known. */
static int
request_add(struct packet *packet, struct frame *frame)
{
	struct offload_request *request = &packet->request;
	uint8_t head[FRAME_HEAD_BYTES];
	uint32_t head_bytes = HV_MIN(request->bytes, FRAME_HEAD_BYTES);
	enum vsp_rule rule = VSP_RULE_COUNT;

	if ((request->want & ~OFFLOAD_VLAN) != 0 ||
	    (request->want != 0 && vsp_settings.check == CHECK_FULL)) {
		message_copy(&message, place_of(&message, request->offset), head, head_bytes);
		if (offload_check(message.channel, head, head_bytes, request, &rule) < 0)
			return bad(rule, packet, "frame of", request->bytes);
	}
	requests[request_count++] = *request;
	frame->reserved = (uint16_t)request_count;
	return 0;
}

/* A frame that is no longer than the MTU, or that is to be cut. */
static bool
length_ok(const struct packet *packet)
{
	const struct vsp_nic *nic = message.channel->nic;
	uint32_t bytes = packet->header.data_bytes, most = nic->frame_max;
	uint8_t type[2];

	if ((packet->request.want & OFFLOAD_LSO) != 0)
		most = LSO_BYTES_MAX;
	if (bytes >= FRAME_HEADER_BYTES && bytes <= most)
		return true;
	if (bytes >= FRAME_HEADER_BYTES + 4 && bytes <= most + 4) {
		message_copy(&message, place_of(&message, packet->request.offset + 12), type, sizeof(type));
		if (load_be16(type) == ETHER_VLAN)
			return true;
	}
	vsp_violation(message.channel, VSP_RULE_FRAME_LENGTH, "%u bytes, at most %u", bytes, most);
	return false;
}

/* Adds the packet's frame to the batch. */
static int
frame_add(struct packet *packet)
{
	struct frame *frame = &batch[batch_count];
	struct place place;
	const struct piece *piece;
	uint32_t offset = packet->at + (uint32_t)sizeof(struct rndis_header) +
		packet->header.data_offset;
	uint32_t bytes = packet->header.data_bytes;

	packet->request.offset = offset;
	packet->request.bytes = bytes;
	if (unlikely(bytes - FRAME_HEADER_BYTES > message.channel->nic->frame_max -
	    FRAME_HEADER_BYTES) && !length_ok(packet))
		return 0;
	place = place_of(&message, offset);
	piece = &message.piece[place.piece];
	*frame = (struct frame) { .data = piece->data + place.offset, .bytes = bytes };
	if (likely(packet->request.want == 0 && bytes <= piece->bytes - place.offset)) {
		if (likely(piece->in_place))
			message.channel->counters.bytes_in_place += bytes;
		else
			message.channel->counters.bytes_copied += bytes;
	} else {
		int ret = request_add(packet, frame);

		if (ret < 0)
			return ret;
		count_bytes(&message.channel->counters, place, bytes);
	}
	batch_count++;
	return 0;
}

/* Rules that cost too much for benchmarks. */
static void
packet_check_full(const struct packet *packet)
{
	const struct vsp_profile *profile = message.channel->nic->profile;
	uint32_t offset = packet->at + (uint32_t)sizeof(struct rndis_header) +
		packet->header.data_offset;
	unsigned int segments = 0;
	uint32_t left = packet->header.data_bytes;

	if ((packet->at & ((1u << profile->alignment_shift) - 1)) != 0)
		vsp_violation(message.channel, VSP_RULE_RNDIS_ALIGNMENT, "offset %u, shift %u",
			packet->at, profile->alignment_shift);
	for (struct place place = place_of(&message, offset); left > 0; place.piece++, segments++) {
		left -= HV_MIN(left, message.piece[place.piece].bytes - place.offset);
		place.offset = 0;
	}
	if (segments > 255)
		vsp_violation(message.channel, VSP_RULE_SEGMENTS, "%u", segments);
}

/* Parses the packet at packet->at. Returns 1 for a control message. */
static int
packet_parse(struct packet *packet)
{
	struct rndis_packet *header = &packet->header;
	uint32_t left = message.bytes - packet->at;
	bool split = false;

	if (unlikely(left < sizeof(struct rndis_header)))
		return bad(VSP_RULE_RNDIS_HEADER, packet, "bytes left", left);
	packet->place = place_of(&message, packet->at);
	packet->left = left - (uint32_t)sizeof(struct rndis_header);
	if (likely(message.piece[packet->place.piece].bytes - packet->place.offset >=
	    sizeof(*header))) {
		memcpy(header, message.piece[packet->place.piece].data + packet->place.offset,
			sizeof(*header));
		host_copy_barrier();
	} else {
		message_copy(&message, packet->place, header, HV_MIN(left, (uint32_t)sizeof(*header)));
		split = !in_one_range(&message, packet->place, sizeof(*header));
	}
	if (unlikely(header->header.type != RNDIS_PACKET))
		return packet->at == 0 ? 1 : bad(VSP_RULE_RNDIS_NOT_PACKET, packet, "type",
			header->header.type);
	if (unlikely(left < sizeof(*header) || header->header.msg_bytes < sizeof(*header) ||
	    header->header.msg_bytes > left || split))
		return bad(VSP_RULE_RNDIS_HEADER, packet, "message bytes",
			header->header.msg_bytes);
	if (unlikely((header->oob_offset | header->oob_bytes | header->oob_count |
	    header->vc_handle) != 0))
		return bad(VSP_RULE_RNDIS_OOB, packet, "elements", header->oob_count);
	if (unlikely(header->data_bytes == 0 ||
	    !range_ok(header->data_offset, header->data_bytes, packet->left)))
		return bad(VSP_RULE_RNDIS_DATA_RANGE, packet, "data bytes", header->data_bytes);
	packet->request.want = 0;
	if (header->ppi_bytes != 0) {
		int ret = ppi_parse(packet);

		if (ret < 0)
			return ret;
	}
	if (vsp_settings.check == CHECK_FULL)
		packet_check_full(packet);
	return frame_add(packet);
}

/* Whether information at `ppi` is of types that the host ignores. */
static inline bool
ppi_ignored(const uint8_t *at, uint32_t left)
{
	struct rndis_ppi ppi;

	while (left >= sizeof(ppi)) {
		memcpy(&ppi, at, sizeof(ppi));
		host_copy_barrier();
		if (ppi.bytes < sizeof(ppi) || ppi.bytes > left || ppi.type == RNDIS_PPI_CHECKSUM ||
		    ppi.type == RNDIS_PPI_LSO || ppi.type == RNDIS_PPI_VLAN)
			return false;
		at += ppi.bytes;
		left -= ppi.bytes;
	}
	return left == 0;
}

/* Takes packets from the front of a message in one piece as long as nothing
 * about them is special or wrong: what packet_parse() does, for most packets.
 * Returns how many; *at is where it stopped. */
static unsigned int
plain_parse(struct vsp_channel *channel, uint32_t *at)
{
	const uint8_t *data = message.piece[0].data;
	const uint32_t bytes = message.piece[0].bytes;
	const uint32_t most = channel->nic->frame_max - FRAME_HEADER_BYTES;
	struct frame *frame = batch + batch_count;
	uint32_t offset = 0;
	uint64_t total = 0;
	unsigned int n = 0;

	/* Lines that come from the guest's core: all at once, not one by one. */
	for (uint32_t line = 0; line < HV_MIN(bytes, PREFETCH_BYTES); line += 64)
		__builtin_prefetch(data + line);
	while (bytes - offset >= sizeof(struct rndis_packet) && n < PACKETS_MAX) {
		uint32_t left = bytes - offset - (uint32_t)sizeof(struct rndis_header);
		const uint8_t *body = data + offset + sizeof(struct rndis_header);
		struct rndis_packet packet;

		memcpy(&packet, data + offset, sizeof(packet));
		host_copy_barrier();
		if (unlikely(packet.header.type != RNDIS_PACKET ||
		    packet.header.msg_bytes < sizeof(packet) ||
		    packet.header.msg_bytes > bytes - offset ||
		    (packet.oob_offset | packet.oob_bytes | packet.oob_count |
		     packet.vc_handle) != 0 ||
		    !range_ok(packet.data_offset, packet.data_bytes, left) ||
		    packet.data_bytes - FRAME_HEADER_BYTES > most))
			break;
		if (packet.ppi_bytes != 0 &&
		    (!range_ok(packet.ppi_offset, packet.ppi_bytes, left) ||
		     !ppi_ignored(body + packet.ppi_offset, packet.ppi_bytes)))
			break;
		*frame++ = (struct frame) {
			.data = body + packet.data_offset, .bytes = packet.data_bytes,
		};
		total += packet.data_bytes;
		offset += packet.header.msg_bytes;
		n++;
	}
	batch_count += n;
	if (message.piece[0].in_place)
		channel->counters.bytes_in_place += total;
	else
		channel->counters.bytes_copied += total;
	*at = offset;
	return n;
}

/* Parses all packets. 0, 1 for a control message, or -EINVAL. */
static int
message_parse(struct vsp_channel *channel)
{
	struct packet packet;
	unsigned int n = 0;
	uint32_t at = 0;

	if (message.count == 1 && vsp_settings.check == CHECK_FAST)
		n = plain_parse(channel, &at);
	while (at < message.bytes || n == 0) {
		int ret;

		packet.at = at;
		if (n == PACKETS_MAX)
			return bad(VSP_RULE_RNDIS_PACKETS_PER_MESSAGE, &packet, "more than",
				PACKETS_MAX);
		ret = packet_parse(&packet);
		if (ret != 0)
			return ret;
		at += packet.header.header.msg_bytes;
		n++;
	}
	if (n > channel->counters.tx_packets_max)
		channel->counters.tx_packets_max = n;
	if (unlikely(n > channel->nic->profile->packets_per_message) &&
	    vsp_settings.check == CHECK_FULL)
		vsp_violation(channel, VSP_RULE_RNDIS_PACKETS_PER_MESSAGE, "%u of %u", n,
			channel->nic->profile->packets_per_message);
	return 0;
}

/* ---- to the switch ---- */

/* Hands over what is in the batch; the arena is free again. */
static void
batch_push(struct vsp_channel *channel)
{
	uint64_t bytes = 0;

	for (unsigned int i = 0; i < batch_count; i++)
		bytes += batch[i].bytes;
	for (unsigned int i = 0; i < batch_count; i += FRAME_BATCH_MAX)
		sw_input(&channel->nic->port, batch + i,
			HV_MIN(batch_count - i, FRAME_BATCH_MAX));
	channel->counters.tx_frames += batch_count;
	channel->counters.tx_bytes += bytes;
	batch_count = 0;
	arena_used = 0;
}

static void
completion_write(struct vsp_channel *channel, const struct completion *completion)
{
	union {
		struct nvsp_rndis_complete complete;
		uint8_t bytes[NVSP_MSG_BYTES_V61];
	} reply = { .complete = { NVSP_RNDIS_COMPLETE, completion->status } };

	channel_complete_later(channel, completion->transaction_id, &reply,
		HV_MIN(nvsp_padded_bytes(channel->nic), (uint32_t)sizeof(reply)));
}

void
tx_flush(struct vsp_channel *channel)
{
	unsigned int n = completion_count;

	if (batch_count != 0)
		batch_push(channel);
	completion_count = 0;
	for (unsigned int i = 0; i < n; i++)
		completion_write(channel, &completions[i]);
}

/* Memory until the next batch_push(), which comes now if there is not enough. */
static uint8_t *
arena_take(struct vsp_channel *channel, uint32_t bytes)
{
	uint8_t *at;

	bytes = (bytes + 15) & ~15u;
	if (arena_used + bytes > sizeof(arena) || batch_count >= FRAME_BATCH_MAX)
		batch_push(channel);
	at = arena + arena_used;
	arena_used += bytes;
	return at;
}

static struct frame *
frame_emit(const struct offload_request *request, const uint8_t *data, uint32_t bytes)
{
	struct frame *frame = &batch[batch_count++];

	*frame = (struct frame) { .data = data, .bytes = bytes, .flags = FRAME_WRITABLE };
	if ((request->want & OFFLOAD_VLAN) != 0) {
		frame->flags |= FRAME_VLAN;
		frame->vlan_tci = request->vlan_tci;
	}
	return frame;
}

static void
segments_emit(struct vsp_channel *channel, const struct offload_request *request)
{
	struct place place = place_of(&message, request->offset);
	const struct piece *piece = &message.piece[place.piece];
	const uint8_t *data = piece->data + place.offset;
	static struct lso_cut cut;

	if (piece->bytes - place.offset < request->bytes) {
		message_copy(&message, place, lso_frame, request->bytes);
		data = lso_frame;
	}
	if (!lso_start(&cut, data, request))
		return;
	channel->counters.tx_lso++;
	for (uint32_t i = 0; i < cut.segments; i++) {
		uint8_t *to = arena_take(channel, cut.header_bytes + cut.mss);

		frame_emit(request, to, lso_segment(&cut, i, to))->flags |= FRAME_CSUM_GOOD;
		channel->counters.tx_segments++;
	}
}

/* Whether the request is one to cut; what cannot be cut but is a frame is sent
 * as it is, anything else is no frame. */
static bool
to_be_cut(const struct vsp_channel *channel, const struct offload_request *request)
{
	uint32_t mss = request->lso & RNDIS_LSO_MSS_MASK;

	return (request->want & OFFLOAD_LSO) != 0 && request->ip_version != 0 &&
		mss >= MSS_MIN && request->header_bytes + mss <= channel->nic->frame_max;
}

static void
request_execute(struct vsp_channel *channel, const struct offload_request *request)
{
	bool partial = channel->nic->config.partial_csum;
	struct frame *frame;
	uint8_t *to;

	if ((request->want & OFFLOAD_VLAN) != 0)
		channel->counters.tx_vlan++;
	if (to_be_cut(channel, request)) {
		segments_emit(channel, request);
		return;
	}
	if (request->bytes > channel->nic->frame_max + 4) {
		vsp_violation(channel, VSP_RULE_FRAME_LENGTH, "%u bytes cannot be segmented",
			request->bytes);
		return;
	}
	to = arena_take(channel, request->bytes);
	message_copy(&message, place_of(&message, request->offset), to, request->bytes);
	frame = frame_emit(request, to, request->bytes);
	if ((request->want & (OFFLOAD_CSUM | OFFLOAD_LSO)) == 0 || request->ip_version == 0)
		return;
	channel->counters.tx_csum++;
	if (offload_csum(to, request, partial)) {
		frame->flags |= FRAME_CSUM_PARTIAL;
		frame->l4_offset = request->l4_offset;
	}
}

/* The message's frames from batch[first] on: those with requests are replaced
 * by what is made of them, in order. */
static void
requests_execute(struct vsp_channel *channel, unsigned int first)
{
	static struct frame held[PACKETS_MAX];
	unsigned int n = batch_count - first;

	memcpy(held, batch + first, n * sizeof(held[0]));
	batch_count = first;
	for (unsigned int i = 0; i < n; i++) {
		if (batch_count >= FRAME_BATCH_MAX)
			batch_push(channel);
		if (held[i].reserved == 0)
			batch[batch_count++] = held[i];
		else
			request_execute(channel, &requests[held[i].reserved - 1]);
	}
}

/* ---- messages ---- */

/* Sent as data, but not a packet: what counts is the message. */
static void
control_message(struct vsp_channel *channel, const struct host_packet *packet)
{
	static uint8_t copy[CONTROL_BYTES_MAX];
	uint32_t bytes = HV_MIN(message.bytes, (uint32_t)sizeof(copy));

	message_copy(&message, place_of(&message, 0), copy, bytes);
	tx_flush(channel);
	rndis_control(channel, packet, copy, bytes);
}

void
tx_handle(struct vsp_channel *channel, const struct host_packet *packet)
{
	unsigned int first = batch_count;
	int ret = message_collect(&message, channel, packet);

	if (ret == -EPROTO)
		return;
	request_count = 0;
	if (ret == 0)
		ret = message_parse(channel);
	if (ret == 1) {
		control_message(channel, packet);
		return;
	}
	channel->counters.tx_messages++;
	if (ret < 0) {
		batch_count = first;
		channel->counters.tx_failed++;
	} else if (unlikely(channel->losing)) {
		channel->counters.tx_lost += batch_count - first;
		batch_count = first;
	} else if (request_count != 0) {
		requests_execute(channel, first);
	}
	if (unlikely((packet->flags & VMBUS_PACKET_FLAG_COMPLETION_REQUESTED) == 0))
		vsp_violation(channel, VSP_RULE_COMPLETION_NOT_REQUESTED, "RNDIS data message");
	else
		completions[completion_count++] = (struct completion) {
			.transaction_id = packet->transaction_id,
			.status = ret < 0 ? NVSP_STATUS_FAILURE : NVSP_STATUS_SUCCESS,
		};
	if (batch_count >= FRAME_BATCH_MAX / 2 || completion_count == COMPLETIONS_MAX)
		tx_flush(channel);
}
