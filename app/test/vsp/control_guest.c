/* SPDX-License-Identifier: BSD-3-Clause */
/* The guest of the control tests, and what it was sent. */

#include <stdlib.h>

#include "control_fixture.h"

/* ---- the guest ---- */

const struct sent *
guest_send_packet(unsigned int channel, uint16_t type, uint16_t flags, const void *message,
	uint32_t bytes)
{
	/* Exactly as long as the message, so that a sanitizer sees reads beyond. */
	uint8_t *copy = malloc(bytes + 1);
	struct host_packet packet = { .type = type, .flags = flags,
		.transaction_id = ++host.next_id, .payload = copy, .payload_bytes = bytes };
	unsigned int first = host.sent_count;

	assert_non_null(copy);
	memcpy(copy, message, bytes);
	nvsp_handle(&host.nic->channel[channel], &packet);
	free(copy);
	for (unsigned int i = first; i < host.sent_count; i++)
		if (host.sent[i].kind == SENT_COMPLETION &&
			host.sent[i].transaction_id == packet.transaction_id)
			return &host.sent[i];
	return NULL;
}

const struct sent *
guest_send(unsigned int channel, const void *message, uint32_t bytes)
{
	return guest_send_packet(channel, VMBUS_PACKET_INBAND,
		VMBUS_PACKET_FLAG_COMPLETION_REQUESTED, message, bytes);
}

const struct sent *
guest_rndis_on(unsigned int channel, uint32_t channel_type, const void *message, uint32_t bytes)
{
	struct nvsp_rndis rndis = { .type = NVSP_RNDIS, .channel_type = channel_type,
		.section_idx = NVSP_SECTION_NONE };

	host.gather = message;
	host.gather_bytes = bytes;
	return guest_send(channel, &rndis, sizeof(rndis));
}

const struct sent *
guest_rndis(const void *message, uint32_t bytes)
{
	return guest_rndis_on(0, NVSP_CHANNEL_CONTROL, message, bytes);
}

void
guest_ack(uint16_t section)
{
	assert_int_equal(host.nic->sections[section].owner, RECV_GUEST);
	host.nic->sections[section].owner = RECV_FREE;
	host.nic->control_free[host.nic->control_free_count++] = section;
	rndis_section_freed(host.nic);
}

uint32_t
guest_init(uint32_t version)
{
	struct nvsp_init init = { NVSP_INIT, version, version };
	const struct sent *answer = guest_send(0, &init, sizeof(init));

	return answer == NULL ? UINT32_MAX : sent_u32(answer, 3);
}

void
guest_ndis_config(uint32_t mtu_bytes, uint32_t caps)
{
	struct nvsp_ndis_config config = { NVSP_NDIS_CONFIG, mtu_bytes, 0, caps, 0 };

	guest_send(0, &config, sizeof(config));
}

void
guest_ndis_version(uint32_t major, uint32_t minor)
{
	struct nvsp_ndis_version version = { NVSP_NDIS_VERSION, major, minor };

	guest_send(0, &version, sizeof(version));
}

const struct sent *
guest_recv_buffer(uint32_t gpadl)
{
	struct nvsp_buffer buffer = { NVSP_RECV_BUFFER, gpadl, 0xcafe, 0 };

	return guest_send(0, &buffer, sizeof(buffer));
}

const struct sent *
guest_send_buffer(uint32_t gpadl)
{
	struct nvsp_buffer buffer = { NVSP_SEND_BUFFER, gpadl, 0xface, 0 };

	return guest_send(0, &buffer, sizeof(buffer));
}

void
guest_rndis_init(void)
{
	struct rndis_init init = { { RNDIS_INIT, sizeof(init) }, 1, 1, 0, 0x4000 };

	guest_rndis(&init, sizeof(init));
}

void
guest_operational(void)
{
	static const uint32_t versions[] = { NVSP_VERSION_61, NVSP_VERSION_6, NVSP_VERSION_5,
		NVSP_VERSION_4, NVSP_VERSION_2, NVSP_VERSION_1 };
	unsigned int i = 0;

	while (guest_init(versions[i]) != NVSP_STATUS_SUCCESS)
		assert_true(++i < ARRAY_SIZE(versions));
	if (versions[i] >= NVSP_VERSION_2)
		guest_ndis_config(1514, versions[i] >= NVSP_VERSION_5 ?
			NVSP_CONFIG_CAP_8021Q | NVSP_CONFIG_CAP_SRIOV : NVSP_CONFIG_CAP_8021Q);
	guest_ndis_version(6, versions[i] > NVSP_VERSION_4 ? 30 : 1);
	guest_recv_buffer(RECV_GPADL);
	guest_send_buffer(SEND_GPADL);
	guest_rndis_init();
	assert_int_equal(host.nic->state, NIC_OPERATIONAL);
	guest_ack(15);
	host_forget();
}

uint32_t
guest_query(uint32_t oid, const uint8_t **data, uint32_t *bytes)
{
	struct rndis_oid_request request = { { RNDIS_QUERY, sizeof(request) }, 7, oid, 0, 20, 0 };
	const struct sent *answer;

	guest_rndis(&request, sizeof(request));
	answer = &host.sent[host.sent_count - 1];
	assert_int_equal(answer->kind, SENT_TRANSFER);
	assert_int_equal(rndis_u32(answer, 0), RNDIS_QUERY | RNDIS_COMPLETION);
	assert_int_equal(rndis_u32(answer, 1), answer->rndis_bytes);
	assert_int_equal(rndis_u32(answer, 2), 7);
	assert_int_equal(rndis_u32(answer, 5), 16);
	*data = answer->rndis + 24;
	*bytes = rndis_u32(answer, 4);
	assert_int_equal(answer->rndis_bytes, 24 + *bytes);
	guest_ack((uint16_t)answer->transaction_id);
	return rndis_u32(answer, 3);
}

uint32_t
guest_set(uint32_t oid, const void *data, uint32_t bytes)
{
	struct rndis_oid_request request = { { RNDIS_SET, (uint32_t)sizeof(request) + bytes }, 9,
		oid, bytes, 20, 0 };
	uint8_t *message = malloc(sizeof(request) + bytes);
	const struct sent *answer = NULL;
	unsigned int first = host.sent_count;

	assert_non_null(message);
	memcpy(message, &request, sizeof(request));
	if (bytes > 0)
		memcpy(message + sizeof(request), data, bytes);
	guest_rndis(message, (uint32_t)sizeof(request) + bytes);
	free(message);
	for (unsigned int i = first; i < host.sent_count && answer == NULL; i++)
		if (host.sent[i].kind == SENT_TRANSFER)
			answer = &host.sent[i];
	assert_non_null(answer);
	assert_int_equal(rndis_u32(answer, 0), RNDIS_SET | RNDIS_COMPLETION);
	assert_int_equal(rndis_u32(answer, 2), 9);
	guest_ack((uint16_t)answer->transaction_id);
	return rndis_u32(answer, 3);
}

void
reach(const char *profile, enum stage stage)
{
	host_stop();
	host_start(profile);
	if (stage >= AT_NEGOTIATED)
		assert_int_equal(guest_init(host.nic->profile->nvsp_max), NVSP_STATUS_SUCCESS);
	if (stage >= AT_CONFIGURED && host.nic->nvsp > NVSP_VERSION_1)
		guest_ndis_config(1514, 0);
	if (stage >= AT_RECEIVING) {
		guest_ndis_version(6, 30);
		guest_recv_buffer(RECV_GPADL);
	}
	if (stage >= AT_READY)
		guest_send_buffer(SEND_GPADL);
	if (stage >= AT_OPERATIONAL)
		guest_rndis_init();
	assert_no_violation();
	host_forget();
}

const struct sent *
ask_subchannels(uint32_t operation, uint32_t count)
{
	struct nvsp_subchannel request = { NVSP_SUBCHANNEL, operation, count };

	return guest_send(0, &request, sizeof(request));
}

/* ---- what was sent ---- */

const struct sent *
sent_nth(enum sent_kind kind, unsigned int n)
{
	for (unsigned int i = 0; i < host.sent_count; i++)
		if (host.sent[i].kind == kind && n-- == 0)
			return &host.sent[i];
	return NULL;
}

unsigned int
sent_kinds(enum sent_kind kind)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < host.sent_count; i++)
		n += host.sent[i].kind == kind;
	return n;
}

uint32_t
sent_u32(const struct sent *sent, unsigned int word)
{
	uint32_t value;

	memcpy(&value, sent->payload + word * sizeof(value), sizeof(value));
	return value;
}

uint32_t
rndis_u32(const struct sent *sent, unsigned int word)
{
	uint32_t value;

	memcpy(&value, sent->rndis + word * sizeof(value), sizeof(value));
	return value;
}
