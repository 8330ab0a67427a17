/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RNDIS control: INIT, HALT, QUERY, SET, KEEPALIVE and indications. Answers
 * travel as transfers of one range through the control sections, the first of
 * the receive buffer. When all of those are out, requests and messages to the
 * guest queue, the latter going first, until the guest gives a section back.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../control/trace.h"
#include "../core/log.h"
#include "late.h"
#include "nic.h"

#define RNDIS_MAJOR 1u
#define RNDIS_MINOR 0u
#define RNDIS_DEVICE_CONNECTIONLESS 1u
#define RNDIS_MAX_TRANSFER 0xEFFFFFFFu
/* Requests queued at most; what comes on top fails. */
#define RNDIS_QUEUE_BYTES_MAX (100u * 1024u)
/* Messages to the guest queued at most: only indications can pile up. */
#define RNDIS_OUTGOING_MAX 64u
/* What the offset of a status buffer or of information counts from. */
#define RNDIS_HEADER_BYTES 8u

/* ---- queues ---- */

static struct pending_packet *
packet_append(struct pending_packet ***tail, const void *message, uint32_t bytes)
{
	struct pending_packet *packet = malloc(sizeof(*packet) + bytes);

	if (packet == NULL)
		return NULL;
	memset(packet, 0, sizeof(*packet));
	packet->bytes = bytes;
	memcpy(packet->payload, message, bytes);
	**tail = packet;
	*tail = &packet->next;
	return packet;
}

static struct pending_packet *
packet_take(struct pending_packet **head, struct pending_packet ***tail)
{
	struct pending_packet *packet = *head;

	if (packet == NULL)
		return NULL;
	*head = packet->next;
	if (*head == NULL)
		*tail = head;
	return packet;
}

static void
queue_clear(struct pending_packet **head, struct pending_packet ***tail)
{
	struct pending_packet *packet;

	while ((packet = packet_take(head, tail)) != NULL)
		free(packet);
	*tail = head;
}

void
rndis_reset(struct vsp_nic *nic)
{
	queue_clear(&nic->control_head, &nic->control_tail);
	queue_clear(&nic->outgoing_head, &nic->outgoing_tail);
	nic->control_queued_bytes = 0;
	nic->outgoing_count = 0;
	nic->control_free_count = 0;
}

/* ---- to the guest ---- */

/* Announces what a control section holds. */
static void
section_send(struct vsp_nic *nic, uint16_t section, const void *message, uint32_t bytes)
{
	const struct nvsp_rndis rndis = {
		.type = NVSP_RNDIS,
		.channel_type = NVSP_CHANNEL_CONTROL,
		.section_idx = NVSP_SECTION_NONE,
	};
	const struct vmbus_transfer_range range = {
		.byte_count = bytes,
		.byte_offset = section * nic->suballoc_bytes,
	};
	uint8_t payload[NVSP_MSG_BYTES_V61] = { 0 };

	if (nic->sections != NULL) {
		nic->sections[section].owner = RECV_GUEST;
		nic->sections[section].queue = 0;
		nic->sections[section].next = RECV_NONE;
	}
	memcpy(payload, &rndis, sizeof(rndis));
	trace_message(nic->config.name, nic_relid(nic), TRACE_TO_GUEST, TRACE_RNDIS, message, bytes);
	channel_send_transfer(&nic->channel[0], section, &range, payload, nvsp_padded_bytes(nic));
}

/* What was kept back: nobody is asked again what becomes of it. */
static void
send_held(struct vsp_channel *channel, uint64_t transaction_id, const void *message,
	uint32_t bytes)
{
	struct vsp_nic *nic = channel->nic;
	uint16_t section;

	(void)transaction_id;
	if (nic->control_free_count == 0 || nic->recv_base == NULL)
		return;         /* the guest keeps all sections: then it is lost */
	section = nic->control_free[--nic->control_free_count];
	memcpy(nic->recv_base + section * nic->suballoc_bytes, message, bytes);
	section_send(nic, section, message, bytes);
}

static bool
kept_back(struct vsp_nic *nic, enum fault_verdict verdict, const void *message, uint32_t bytes)
{
	const struct late late = { .channel = &nic->channel[0], .call = send_held,
		.payload = message, .bytes = bytes };

	return late_or_never(&late, verdict);
}

/* Writes the message into a control section and announces it. */
static void
send_now(struct vsp_nic *nic, const void *message, uint32_t bytes)
{
	uint16_t section = nic->control_free[--nic->control_free_count], again;
	uint8_t *to = nic->recv_base + section * nic->suballoc_bytes;
	enum fault_verdict verdict;

	memcpy(to, message, bytes);
	fault_lie(LIE_PIECE_RNDIS, to, bytes);
	verdict = fault_at_rndis(to, bytes);
	if (kept_back(nic, verdict, to, bytes)) {
		nic->control_free_count++;
		return;
	}
	section_send(nic, section, message, bytes);
	if (verdict != FAULT_TWICE || nic->control_free_count == 0)
		return;
	again = nic->control_free[--nic->control_free_count];
	memcpy(nic->recv_base + again * nic->suballoc_bytes, message, bytes);
	section_send(nic, again, message, bytes);
}

static bool
can_send(const struct vsp_nic *nic)
{
	return nic->control_free_count > 0 && nic->recv_base != NULL &&
		channel_is_open(&nic->channel[0]);
}

void
rndis_send(struct vsp_nic *nic, const void *message, uint32_t bytes)
{
	if (bytes > HV_MIN(nic->suballoc_bytes, RNDIS_ANSWER_BYTES_MAX)) {
		log_error("%s: an RNDIS message of %u bytes fits no section", nic->config.name,
			bytes);
		return;
	}
	if (can_send(nic)) {
		send_now(nic, message, bytes);
		return;
	}
	if (nic->outgoing_count >= RNDIS_OUTGOING_MAX ||
		packet_append(&nic->outgoing_tail, message, bytes) == NULL) {
		log_warning("%s: the guest takes no RNDIS messages, one is lost", nic->config.name);
		return;
	}
	nic->outgoing_count++;
}

void
rndis_indicate(struct vsp_nic *nic, uint32_t status, const void *buffer, uint32_t bytes)
{
	uint8_t message[RNDIS_ANSWER_BYTES_MAX];
	struct rndis_indicate_status head = {
		.header = { RNDIS_INDICATE_STATUS, (uint32_t)sizeof(head) + bytes },
		.status = status,
		.buffer_bytes = bytes,
		.buffer_offset = bytes > 0 ? (uint32_t)sizeof(head) - RNDIS_HEADER_BYTES : 0,
	};

	memcpy(message, &head, sizeof(head));
	if (bytes > 0)
		memcpy(message + sizeof(head), buffer, bytes);
	rndis_send(nic, message, (uint32_t)sizeof(head) + bytes);
}

void
rndis_indicate_offload(struct vsp_nic *nic)
{
	struct ndis_offload offload;
	uint32_t bytes = oid_offload_build(nic, true, &offload);

	rndis_indicate(nic, NDIS_STATUS_OFFLOAD_CONFIG, &offload, bytes);
}

/* ---- requests ---- */

static bool
long_enough(struct vsp_nic *nic, uint32_t bytes, uint32_t needed, const char *name)
{
	if (bytes >= needed)
		return true;
	vsp_violation(&nic->channel[0], VSP_RULE_RNDIS_TRUNCATED, "%s of %u bytes", name, bytes);
	return false;
}

static void
handle_init(struct vsp_nic *nic, const uint8_t *message, uint32_t bytes)
{
	struct rndis_init_complete complete = {
		.header = { RNDIS_INIT | RNDIS_COMPLETION, sizeof(complete) },
		.status = NDIS_STATUS_SUCCESS,
		.major = RNDIS_MAJOR,
		.minor = RNDIS_MINOR,
		.device_flags = RNDIS_DEVICE_CONNECTIONLESS,
		.max_packets_per_msg = nic->profile->packets_per_message,
		.max_transfer_bytes = RNDIS_MAX_TRANSFER,
		.alignment_shift = nic->profile->alignment_shift,
	};
	struct rndis_init init;

	if (!long_enough(nic, bytes, sizeof(init), "INIT"))
		return;
	memcpy(&init, message, sizeof(init));
	if (nic->state == NIC_OPERATIONAL) {
		vsp_violation(&nic->channel[0], VSP_RULE_RNDIS_INIT_TWICE, "request %#x",
			init.request_id);
		return;
	}
	complete.request_id = init.request_id;
	nic->state = NIC_OPERATIONAL;
	rndis_send(nic, &complete, sizeof(complete));
	vf_rndis_initialised(nic);
	nic_link_initialised(nic);
}

/* The request's information, checked; NULL with its length 0 if it is outside
 * the message. */
static const uint8_t *
request_info(struct vsp_nic *nic, const struct rndis_oid_request *request,
	const uint8_t *message, uint32_t bytes, uint32_t *info_bytes)
{
	uint32_t from_header = bytes - RNDIS_HEADER_BYTES;
	bool inside = range_ok(request->info_offset, request->info_bytes, from_header);

	if (!inside && request->info_bytes > 0)
		vsp_violation(&nic->channel[0], VSP_RULE_OID_DATA,
			"oid %#x, %u bytes at %u of %u", request->oid, request->info_bytes,
			request->info_offset, from_header);
	if (nic->profile->quirks & VSP_QUIRK_SET_DATA_AT_20) {
		*info_bytes = bytes - (uint32_t)sizeof(*request);
		return message + sizeof(*request);
	}
	*info_bytes = inside ? request->info_bytes : 0;
	return inside ? message + RNDIS_HEADER_BYTES + request->info_offset : NULL;
}

/* What the guest sends along with a query is ignored. */
static void
handle_query(struct vsp_nic *nic, const uint8_t *message, uint32_t bytes)
{
	uint8_t answer[RNDIS_ANSWER_BYTES_MAX];
	struct rndis_query_complete complete = { .header.type = RNDIS_QUERY | RNDIS_COMPLETION };
	struct rndis_oid_request request;

	if (!long_enough(nic, bytes, sizeof(request), "QUERY"))
		return;
	memcpy(&request, message, sizeof(request));
	complete.request_id = request.request_id;
	complete.info_offset = sizeof(complete) - RNDIS_HEADER_BYTES;
	complete.status = oid_query(nic, request.oid, answer + sizeof(complete),
		sizeof(answer) - sizeof(complete), &complete.info_bytes);
	if (complete.status != NDIS_STATUS_SUCCESS)
		complete.info_bytes = 0;
	complete.header.msg_bytes = (uint32_t)sizeof(complete) + complete.info_bytes;
	memcpy(answer, &complete, sizeof(complete));
	rndis_send(nic, answer, complete.header.msg_bytes);
}

static void
handle_set(struct vsp_nic *nic, const uint8_t *message, uint32_t bytes)
{
	struct rndis_set_complete complete = {
		.header = { RNDIS_SET | RNDIS_COMPLETION, sizeof(complete) },
	};
	struct rndis_oid_request request;
	const uint8_t *info;
	uint32_t info_bytes;

	if (!long_enough(nic, bytes, sizeof(request), "SET"))
		return;
	memcpy(&request, message, sizeof(request));
	complete.request_id = request.request_id;
	info = request_info(nic, &request, message, bytes, &info_bytes);
	complete.status = info != NULL ? oid_set(nic, request.oid, info, info_bytes) :
		NDIS_STATUS_INVALID_DATA;
	rndis_send(nic, &complete, sizeof(complete));
	if (request.oid == OID_TCP_OFFLOAD_PARAMETERS && complete.status == NDIS_STATUS_SUCCESS)
		rndis_indicate_offload(nic);
}

static void
handle_keepalive(struct vsp_nic *nic, const uint8_t *message, uint32_t bytes)
{
	struct rndis_set_complete complete = {
		.header = { RNDIS_KEEPALIVE | RNDIS_COMPLETION, sizeof(complete) },
		.status = NDIS_STATUS_SUCCESS,
	};
	struct rndis_keepalive keepalive;

	if (!long_enough(nic, bytes, sizeof(keepalive), "KEEPALIVE"))
		return;
	memcpy(&keepalive, message, sizeof(keepalive));
	complete.request_id = keepalive.request_id;
	rndis_send(nic, &complete, sizeof(complete));
}

static void
handle_request(struct vsp_nic *nic, const uint8_t *message, uint32_t bytes)
{
	struct vsp_channel *channel = &nic->channel[0];
	uint32_t type;

	memcpy(&type, message, sizeof(type));
	switch (type) {
	case RNDIS_INIT:
		handle_init(nic, message, bytes);
		return;
	case RNDIS_RESET:
	case RNDIS_INDICATE_STATUS:
	case RNDIS_SET_EX:
		vsp_violation(channel, VSP_RULE_RNDIS_RESET, "type %u", type);
		return;
	case RNDIS_QUERY:
	case RNDIS_SET:
	case RNDIS_KEEPALIVE:
	case RNDIS_PACKET:
		break;
	default:
		vsp_violation(channel, VSP_RULE_RNDIS_TYPE, "type %#x", type);
		return;
	}
	if (nic->state != NIC_OPERATIONAL)
		vsp_violation(channel, VSP_RULE_RNDIS_ORDER, "type %u before INIT", type);
	else if (type == RNDIS_QUERY)
		handle_query(nic, message, bytes);
	else if (type == RNDIS_SET)
		handle_set(nic, message, bytes);
	else if (type == RNDIS_KEEPALIVE)
		handle_keepalive(nic, message, bytes);
}

/* Windows stops receiving for a guest that says goodbye, which may say INIT
 * again (chosen: what else it forgets is not documented). */
static void
handle_halt(struct vsp_nic *nic)
{
	if (nic->profile->quirks & VSP_QUIRK_HALT_IGNORED || nic->state != NIC_OPERATIONAL)
		return;
	nic->filter = 0;
	nic->state = NIC_READY;
}

/* ---- entry ---- */

/* Bounded: each turn takes one control section. */
static void
pump(struct vsp_nic *nic)
{
	struct pending_packet *packet;

	while (can_send(nic)) {
		packet = packet_take(&nic->outgoing_head, &nic->outgoing_tail);
		if (packet != NULL) {
			nic->outgoing_count--;
			send_now(nic, packet->payload, packet->bytes);
		} else {
			packet = packet_take(&nic->control_head, &nic->control_tail);
			if (packet == NULL)
				return;
			nic->control_queued_bytes -= packet->bytes;
			handle_request(nic, packet->payload, packet->bytes);
		}
		free(packet);
	}
}

void
rndis_section_freed(struct vsp_nic *nic)
{
	pump(nic);
}

/* False if the message is refused: then its completion says so. */
static bool
control_acceptable(struct vsp_channel *channel, const uint8_t *message, uint32_t bytes)
{
	struct vsp_nic *nic = channel->nic;

	if (bytes < RNDIS_HEADER_BYTES) {
		vsp_violation(channel, VSP_RULE_RNDIS_HEADER, "control message of %u bytes", bytes);
		return false;
	}
	trace_message(nic->config.name, nic_relid(nic), TRACE_TO_HOST, TRACE_RNDIS, message, bytes);
	if (channel->index != 0) {
		vsp_violation(channel, VSP_RULE_RNDIS_CONTROL_ON_SUBCHANNEL, "%u bytes", bytes);
		return false;
	}
	if (bytes > RNDIS_QUEUE_BYTES_MAX - nic->control_queued_bytes) {
		vsp_violation(channel, VSP_RULE_RNDIS_QUEUE, "%u bytes wait", nic->control_queued_bytes);
		return false;
	}
	return true;
}

void
rndis_control(struct vsp_channel *channel, const struct host_packet *packet,
	const uint8_t *message, uint32_t bytes)
{
	struct vsp_nic *nic = channel->nic;
	uint32_t type;

	if (!control_acceptable(channel, message, bytes)) {
		nvsp_complete_rndis(channel, packet, 0, NVSP_STATUS_FAILURE);
		return;
	}
	/* The completion goes first, whatever becomes of the message. */
	memcpy(&type, message, sizeof(type));
	nvsp_complete_rndis(channel, packet, type, NVSP_STATUS_SUCCESS);
	if (type == RNDIS_HALT) {
		handle_halt(nic);
		return;
	}
	if (packet_append(&nic->control_tail, message, bytes) == NULL) {
		log_error("%s: no memory for an RNDIS message", nic->config.name);
		return;
	}
	nic->control_queued_bytes += bytes;
	pump(nic);
}
