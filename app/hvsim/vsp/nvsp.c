/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * NVSP, the outer protocol of the channel: which message is allowed when, what
 * the host answers, and what it does to a guest that breaks the rules. One
 * table row per message, one function per row. RNDIS inside NVSP goes to tx.c
 * (frames) and rndis.c (control).
 */

#include <string.h>

#include "../control/trace.h"
#include "late.h"
#include "nic.h"
#include "nvsp.h"

/* The longest control message, and the most that may be queued of them. */
#define RNDIS_CONTROL_BYTES_MAX (100u * 1024u)

/* States in which a message may come. */
enum when {
	S0 = 0x1,
	S1 = 0x2,
	S2 = 0x4,
};

struct message_rule {
	uint32_t type;
	uint32_t bytes_min;
	uint32_t version_min;
	uint8_t when;
	void (*handle)(struct vsp_channel *channel, const struct host_packet *packet);
};

/* ---- sending ---- */

uint32_t
nvsp_padded_bytes(const struct vsp_nic *nic)
{
	if (nic->nvsp >= NVSP_VERSION_61 || (nic->profile->quirks & VSP_QUIRK_LONG_MESSAGES) != 0)
		return NVSP_MSG_BYTES_V61;
	return NVSP_MSG_BYTES_V1;
}

/* Copies a message into a zeroed buffer; returns its length on the wire. Two
 * messages travel unpadded: the data path switch and the indirection table. */
static uint32_t
pad(const struct vsp_nic *nic, uint8_t padded[NVSP_MESSAGE_BYTES_MAX], const void *message,
	uint32_t bytes)
{
	uint32_t type;

	memset(padded, 0, NVSP_MESSAGE_BYTES_MAX);
	memcpy(padded, message, bytes);
	memcpy(&type, message, sizeof(type));
	if (type == NVSP_SWITCH_DATA_PATH || bytes > nvsp_padded_bytes(nic))
		return (bytes + 7) & ~7u;
	return nvsp_padded_bytes(nic);
}

void
nvsp_send(struct vsp_nic *nic, uint64_t transaction_id, bool want_completion,
	const void *message, uint32_t bytes)
{
	uint8_t padded[NVSP_MESSAGE_BYTES_MAX];
	uint32_t padded_bytes = pad(nic, padded, message, bytes);

	trace_message(nic->config.name, nic_relid(nic), TRACE_TO_GUEST, TRACE_NVSP, message, bytes);
	channel_send(&nic->channel[0], transaction_id, want_completion, padded, padded_bytes);
}

/* What a host says when a VF comes or goes: here, that there is none. */
static void
vf_note(struct vsp_nic *nic)
{
	struct nvsp_vf_association note = { .type = NVSP_VF_ASSOCIATION };

	nvsp_send(nic, NVSP_TID_VF_ASSOCIATION, false, &note, sizeof(note));
}

/* The answer, as an honest host gives it or as a faulty one does. */
static void
answer(const struct late *late, enum fault_verdict verdict)
{
	if (late_or_never(late, verdict))
		return;
	if (verdict == FAULT_NOTE)
		vf_note(late->channel->nic);
	if (verdict == FAULT_TWICE)
		late->call(late->channel, late->transaction_id, late->payload, late->bytes);
	late->call(late->channel, late->transaction_id, late->payload, late->bytes);
}

void
nvsp_complete(struct vsp_channel *channel, const struct host_packet *request,
	const void *message, uint32_t bytes)
{
	uint8_t padded[NVSP_MESSAGE_BYTES_MAX];
	struct late late = { .channel = channel, .call = channel_complete,
		.transaction_id = request->transaction_id, .payload = padded };
	uint32_t asked;
	enum fault_verdict verdict;

	if (!(request->flags & VMBUS_PACKET_FLAG_COMPLETION_REQUESTED))
		return;
	if (bytes > 0) {
		late.bytes = pad(channel->nic, padded, message, bytes);
		trace_message(channel->nic->config.name, channel_relid(channel), TRACE_TO_GUEST,
			TRACE_NVSP, message, bytes);
		verdict = fault_at_nvsp(padded, late.bytes);
	} else {
		memcpy(&asked, request->payload, sizeof(asked));
		verdict = fault_at_nvsp(&asked, sizeof(asked));
	}
	answer(&late, verdict);
}

void
nvsp_complete_rndis(struct vsp_channel *channel, const struct host_packet *request,
	uint32_t type, uint32_t status)
{
	struct nvsp_rndis_complete complete = { .type = NVSP_RNDIS_COMPLETE, .status = status };
	uint8_t padded[NVSP_MESSAGE_BYTES_MAX];
	struct late late = { .channel = channel, .call = channel_complete,
		.transaction_id = request->transaction_id, .payload = padded };
	enum fault_verdict verdict = FAULT_PASS;

	if (!(request->flags & VMBUS_PACKET_FLAG_COMPLETION_REQUESTED))
		return;
	/* Other requests have an answer of their own behind the completion. */
	if (type == RNDIS_HALT)
		verdict = fault_at_rndis(&type, sizeof(type));
	late.bytes = pad(channel->nic, padded, &complete, sizeof(complete));
	answer(&late, verdict);
}

/* ---- reset ---- */

void
nvsp_reset(struct vsp_nic *nic)
{
	nvsp_rescind_subchannels(nic);
	nic->state = NIC_OFFERED;
	nic->nvsp = 0;
	nic->seen = 0;
	nic->frame_max = NVSP_FRAME_DEFAULT;
	nic->guest_caps = 0;
	nic->ndis_major = nic->ndis_minor = 0;
	rndis_reset(nic);
	rx_reset(nic);
	rx_sections_destroy(nic);
	nic->recv_base = NULL;
	nic->recv_bytes = 0;
	nic->recv_id = 0;
	nic->send_base = NULL;
	nic->send_bytes = 0;
	nic->send_sections = 0;
	nic->suballoc_bytes = 0;
	nic->section_count = 0;
	oid_reset(nic);
	vf_reset(nic);
}

/* ---- messages ---- */

static void
revoke_now(struct vsp_channel *channel, uint64_t transaction_id, const void *payload,
	uint32_t bytes)
{
	(void)transaction_id;
	(void)payload;
	(void)bytes;
	channel->state = CHANNEL_DEAD;
	if (trace_on)
		trace_event(channel->nic->config.name, channel_relid(channel),
			"buffer revoked, channel ends");
}

/* A guest that takes its buffer back ends the conversation: no answer and
 * silence from here on, but no rule was broken. */
static void
handle_revoke(struct vsp_channel *channel, const struct host_packet *packet)
{
	const struct late late = { .channel = channel, .call = revoke_now };
	uint32_t type;

	memcpy(&type, packet->payload, sizeof(type));
	if (!late_or_never(&late, fault_at_nvsp(&type, sizeof(type))))
		revoke_now(channel, 0, NULL, 0);
}

static void
handle_switch_data_path(struct vsp_channel *channel, const struct host_packet *packet)
{
	struct nvsp_switch_data_path request;

	memcpy(&request, packet->payload, sizeof(request));
	vf_switch_requested(channel, packet, request.path);
}

static void
handle_oid_query_ex(struct vsp_channel *channel, const struct host_packet *packet)
{
	struct nvsp_oid_query_ex_complete complete = {
		.type = NVSP_OID_QUERY_EX_COMPLETE,
		.status = NDIS_STATUS_NOT_SUPPORTED,
	};

	nvsp_complete(channel, packet, &complete, sizeof(complete));
}

/* Packet direct (135, 136) has no row: it is unknown to every host here. */
static const struct message_rule rules[] = {
	{ NVSP_INIT, sizeof(struct nvsp_init), 0, S0, nvsp_handle_init },
	{ NVSP_NDIS_VERSION, sizeof(struct nvsp_ndis_version), 0, S1, nvsp_handle_ndis_version },
	{ NVSP_RECV_BUFFER, sizeof(struct nvsp_buffer), 0, S1, nvsp_handle_recv_buffer },
	{ NVSP_REVOKE_RECV_BUFFER, sizeof(struct nvsp_revoke), 0, S2, handle_revoke },
	{ NVSP_SEND_BUFFER, sizeof(struct nvsp_buffer), 0, S1, nvsp_handle_send_buffer },
	{ NVSP_REVOKE_SEND_BUFFER, sizeof(struct nvsp_revoke), 0, S2, handle_revoke },
	{ NVSP_NDIS_CONFIG, sizeof(struct nvsp_ndis_config), NVSP_VERSION_2, S1,
		nvsp_handle_ndis_config },
	{ NVSP_SWITCH_DATA_PATH, sizeof(struct nvsp_switch_data_path), NVSP_VERSION_4, S2,
		handle_switch_data_path },
	{ NVSP_OID_QUERY_EX, sizeof(struct nvsp_oid_query_ex), NVSP_VERSION_5, S2,
		handle_oid_query_ex },
	{ NVSP_SUBCHANNEL, sizeof(struct nvsp_subchannel), NVSP_VERSION_5, S2, nvsp_handle_subchannel },
};

static const struct message_rule *
rule_find(uint32_t type)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(rules); i++)
		if (rules[i].type == type)
			return &rules[i];
	return NULL;
}

static uint8_t
state_bit(const struct vsp_nic *nic)
{
	if (nic->state == NIC_OFFERED)
		return S0;
	return nic->state == NIC_NEGOTIATED ? S1 : S2;
}

static void
handle_message(struct vsp_channel *channel, const struct host_packet *packet, uint32_t type)
{
	struct vsp_nic *nic = channel->nic;
	const struct message_rule *rule = rule_find(type);

	if (rule == NULL) {
		vsp_violation(channel, VSP_RULE_NVSP_TYPE, "type %u", type);
	} else if (channel->index != 0) {
		vsp_violation(channel, VSP_RULE_NVSP_ON_SUBCHANNEL, "type %u", type);
	} else if (packet->payload_bytes < rule->bytes_min) {
		vsp_violation(channel, VSP_RULE_NVSP_LENGTH, "type %u, %u bytes", type,
			packet->payload_bytes);
	} else if (!(state_bit(nic) & rule->when)) {
		vsp_violation(channel, VSP_RULE_NVSP_ORDER, "type %u in state %d", type, nic->state);
	} else {
		/* Reported, but handled as ever: a guest could not see a difference. */
		if (nic->nvsp < rule->version_min)
			vsp_violation(channel, VSP_RULE_NVSP_VERSION, "type %u with version %#x",
				type, nic->nvsp);
		rule->handle(channel, packet);
	}
}

/* ---- RNDIS ---- */

static void
handle_rndis_control(struct vsp_channel *channel, const struct host_packet *packet)
{
	/* One thread, and the message is used up before the next is gathered. */
	static uint8_t copy[RNDIS_CONTROL_BYTES_MAX];
	uint32_t type = 0;
	int bytes;

	if (!(packet->flags & VMBUS_PACKET_FLAG_COMPLETION_REQUESTED))
		vsp_violation(channel, VSP_RULE_COMPLETION_NOT_REQUESTED, "RNDIS control message");
	bytes = tx_gather(channel, packet, copy, sizeof(copy));
	if (channel->state == CHANNEL_DEAD)
		return;
	if (bytes < 0) {
		nvsp_complete_rndis(channel, packet, 0, NVSP_STATUS_FAILURE);
		return;
	}
	if ((uint32_t)bytes > sizeof(copy)) {
		vsp_violation(channel, VSP_RULE_RNDIS_QUEUE, "%d bytes in one message", bytes);
		nvsp_complete_rndis(channel, packet, 0, NVSP_STATUS_FAILURE);
		return;
	}
	if (bytes >= (int)sizeof(type))
		memcpy(&type, copy, sizeof(type));
	/* What counts is the message, not the channel type it was sent with. */
	if (type == RNDIS_PACKET && channel->nic->state == NIC_OPERATIONAL)
		tx_handle(channel, packet);
	else
		rndis_control(channel, packet, copy, (uint32_t)bytes);
}

/* True if RNDIS may be used now: the first RNDIS message ends the negotiation
 * also where the guest has no send buffer. */
static bool
rndis_allowed(struct vsp_channel *channel)
{
	struct vsp_nic *nic = channel->nic;

	if (nic->state == NIC_OFFERED) {
		vsp_violation(channel, VSP_RULE_NVSP_ORDER, "RNDIS before INIT");
		return false;
	}
	if ((nic->seen & nvsp_seen_needed(nic)) != nvsp_seen_needed(nic)) {
		vsp_violation(channel, VSP_RULE_RNDIS_ORDER, "RNDIS after only %#x", nic->seen);
		return false;
	}
	if (nic->state == NIC_NEGOTIATED)
		nvsp_become_ready(nic);
	return true;
}

static void
handle_rndis(struct vsp_channel *channel, const struct host_packet *packet)
{
	struct nvsp_rndis rndis;

	if (packet->payload_bytes < sizeof(rndis)) {
		vsp_violation(channel, VSP_RULE_NVSP_LENGTH, "RNDIS, %u bytes",
			packet->payload_bytes);
		return;
	}
	if (!rndis_allowed(channel))
		return;
	memcpy(&rndis, packet->payload, sizeof(rndis));
	if (rndis.channel_type != NVSP_CHANNEL_DATA)
		handle_rndis_control(channel, packet);
	else if (channel->nic->state == NIC_OPERATIONAL)
		tx_handle(channel, packet);
	else
		vsp_violation(channel, VSP_RULE_RNDIS_ORDER, "frame before RNDIS INIT");
}

/* ---- entry ---- */

/* The guest may complete the two VF messages or not: nobody waits for it. */
static void
handle_completion(struct vsp_channel *channel, const struct host_packet *packet)
{
	uint64_t id = packet->transaction_id;

	if (channel->index == 0 && channel->nic->state != NIC_OFFERED &&
		(id == NVSP_TID_VF_ASSOCIATION || id == NVSP_TID_SWITCH_DATA_PATH))
		return;
	if (channel->nic->recv_base == NULL)
		vsp_violation(channel, VSP_RULE_COMPLETION_ID, "id %#llx before a receive buffer",
			(unsigned long long)id);
	else
		rx_completed(channel, packet);
}

void
nvsp_handle(struct vsp_channel *channel, const struct host_packet *packet)
{
	uint32_t type;

	if (channel->state == CHANNEL_DEAD)
		return;
	if (packet->type == VMBUS_PACKET_COMPLETION) {
		handle_completion(channel, packet);
		return;
	}
	if (packet->type == VMBUS_PACKET_TRANSFER_PAGES) {
		vsp_violation(channel, VSP_RULE_PACKET_TRANSFER_PAGES, "%u bytes",
			packet->payload_bytes);
		return;
	}
	if (packet->type != VMBUS_PACKET_INBAND && packet->type != VMBUS_PACKET_GPA_DIRECT) {
		vsp_violation(channel, VSP_RULE_PACKET_TYPE, "type %u", packet->type);
		return;
	}
	if (packet->payload_bytes < sizeof(type)) {
		vsp_violation(channel, VSP_RULE_NVSP_LENGTH, "%u bytes", packet->payload_bytes);
		return;
	}
	memcpy(&type, packet->payload, sizeof(type));
	if (type == NVSP_RNDIS) {
		handle_rndis(channel, packet);
		return;
	}
	trace_message(channel->nic->config.name, channel_relid(channel), TRACE_TO_HOST,
		TRACE_NVSP, packet->payload, packet->payload_bytes);
	handle_message(channel, packet, type);
}
