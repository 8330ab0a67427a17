/* SPDX-License-Identifier: BSD-3-Clause */

/* What the scripted host says and answers; see fake_host.h. */

#include "fake_world.h"

#include <string.h>

/* ---- what the host says by itself ---- */

void
fake_host_inband(const void *message, uint32_t bytes)
{
	const struct fake_packet packet = {
		.type = VMBUS_PACKET_INBAND, .payload = message, .bytes = bytes,
	};

	fake_world_write(&packet);
}

void
fake_host_complete(uint64_t transaction_id, const void *payload, uint32_t bytes)
{
	const struct fake_packet packet = {
		.type = VMBUS_PACKET_COMPLETION, .transaction_id = transaction_id,
		.payload = payload, .bytes = bytes,
	};

	fake_world_write(&packet);
}

void
fake_host_rndis(const void *message, uint32_t bytes)
{
	const struct nvsp_rndis nvsp = {
		.type = NVSP_RNDIS, .channel_type = NVSP_CHANNEL_CONTROL,
		.section_idx = NVSP_SECTION_NONE,
	};
	struct {
		struct vmbus_transfer_pages pages;
		struct vmbus_transfer_range range;
	} ext = {
		.pages = { .set_id = NETVSC_RECV_BUFFER_ID, .range_count = 1 },
		.range = { bytes, (fake_world.recv_slot++ % 16) * FAKE_SUBALLOC_BYTES },
	};
	const struct fake_packet packet = {
		.type = VMBUS_PACKET_TRANSFER_PAGES, .transaction_id = fake_world.next_transfer++,
		.ext = &ext, .ext_bytes = sizeof(ext), .payload = &nvsp, .bytes = sizeof(nvsp),
	};

	/* What was there before must not be taken for the answer. */
	memset(fake_world.recv + ext.range.byte_offset, 0xee, FAKE_SUBALLOC_BYTES);
	memcpy(fake_world.recv + ext.range.byte_offset, message, bytes);
	fake_host_show(FAKE_SHOW_RNDIS, fake_world.recv + ext.range.byte_offset, bytes);
	fake_host->acks_owed++;
	fake_world_write(&packet);
}

void
fake_host_indicate(uint32_t status, const void *buffer, uint32_t bytes)
{
	struct {
		struct rndis_indicate_status head;
		uint8_t buffer[256];
	} message = {
		.head = {
			.header = { RNDIS_INDICATE_STATUS, (uint32_t)sizeof(message.head) + bytes },
			.status = status,
			.buffer_bytes = bytes,
			.buffer_offset = bytes == 0 ? 0 : 12,
		},
	};

	if (bytes != 0)
		memcpy(message.buffer, buffer, bytes);
	fake_host_rndis(&message, message.head.header.msg_bytes);
}

/* Everything that may come at any time. */
static void
say_all(void)
{
	const struct nvsp_vf_association vf = { NVSP_VF_ASSOCIATION, 1, 77 };
	const struct nvsp_switch_data_path path = { NVSP_SWITCH_DATA_PATH, NVSP_DATA_PATH_SYNTHETIC };
	const uint32_t unknown[10] = { 4711 };
	struct {
		struct nvsp_indirection_table head;
		uint32_t table[NVSP_INDIRECTION_ENTRIES];
	} table = {
		.head = { NVSP_INDIRECTION_TABLE, NVSP_INDIRECTION_ENTRIES, sizeof(table.head) },
	};
	const uint32_t speed = 400000000;

	for (uint32_t i = 0; i < NVSP_INDIRECTION_ENTRIES; i++)
		table.table[i] = i % 4;
	fake_host_inband(&vf, sizeof(vf));
	fake_host_inband(&path, sizeof(path));
	fake_host_inband(&table, sizeof(table));
	fake_host_inband(unknown, sizeof(unknown));
	fake_host_indicate(NDIS_STATUS_MEDIA_DISCONNECT, NULL, 0);
	fake_host_indicate(NDIS_STATUS_LINK_SPEED_CHANGE, &speed, sizeof(speed));
	fake_host_indicate(0x40010099, NULL, 0);
}

static void
say_foreign(void)
{
	const struct nvsp_rndis_complete complete = { NVSP_RNDIS_COMPLETE, NVSP_STATUS_FAILURE };
	const struct rndis_set_complete answer = {
		.header = { RNDIS_SET | RNDIS_COMPLETION, sizeof(answer) },
		.request_id = 0x7fffffff,
	};
	const uint32_t reset[4] = { RNDIS_RESET | RNDIS_COMPLETION, sizeof(reset) };

	fake_host_complete(NETVSC_TID_CONTROL | 0x1234, &complete, sizeof(complete));
	fake_host_complete(~0ull, NULL, 0);
	fake_host_rndis(&answer, sizeof(answer));
	fake_host_rndis(reset, sizeof(reset));
}

/* ---- answering ---- */

static void
answer_send(const struct fake_held *held)
{
	if (held->type == VMBUS_PACKET_COMPLETION)
		fake_host_complete(held->transaction_id, held->payload, held->bytes);
	else
		fake_host_rndis(held->payload, held->bytes);
}

static void
answer(uint32_t id, uint16_t type, uint64_t transaction_id, const void *payload, uint32_t bytes)
{
	const struct fake_spoil *spoil = &fake_host->set.spoil;
	struct fake_held held = { .type = type, .transaction_id = transaction_id, .bytes = bytes };

	assert_true(bytes <= sizeof(held.payload));
	memcpy(held.payload, payload, bytes);
	if (spoil->answer == id && id != FAKE_NONE) {
		if (spoil->bytes != 0)
			held.bytes = spoil->bytes < 0 ? 0 : (uint32_t)spoil->bytes;
		else
			memcpy(held.payload + spoil->offset, &spoil->value, sizeof(spoil->value));
	}
	if (fake_host->meddle != NULL && !fake_host->meddle(&held))
		return;
	if (fake_host->set.notify)
		say_all();
	if (fake_host->set.foreign)
		say_foreign();
	if (fake_host->set.silent == id && id != FAKE_NONE) {
		assert_true(fake_world.held_count < FAKE_HELD_MAX);
		fake_world.held[fake_world.held_count++] = held;
		return;
	}
	answer_send(&held);
	if (fake_host->set.twice == id && id != FAKE_NONE)
		answer_send(&held);
}

void
fake_host_release(void)
{
	for (unsigned int i = 0; i < fake_world.held_count; i++)
		answer_send(&fake_world.held[i]);
	fake_world.held_count = 0;
}

static void
heard(uint32_t what)
{
	if (fake_host->log_count < FAKE_LOG_MAX)
		fake_host->log[fake_host->log_count++] = what;
}

bool
fake_host_heard(const uint32_t *sequence)
{
	for (unsigned int i = 0; i < fake_host->log_count && *sequence != 0; i++)
		if (fake_host->log[i] == *sequence)
			sequence++;
	return *sequence == 0;
}

static void
wrong(const char *what)
{
	print_error("fake host: %s\n", what);
	fake_host->errors++;
}

/* ---- NVSP ---- */

static void
nvsp_init(uint64_t tid, const void *payload)
{
	struct {
		struct nvsp_init_complete complete;
		uint8_t padding[24];
	} reply = { .complete = { NVSP_INIT_COMPLETE, 0xffffffff, 34, NVSP_STATUS_NONE } };
	struct nvsp_init init;

	memcpy(&init, payload, sizeof(init));
	if (init.version_min <= fake_host->set.nvsp_max) {
		reply.complete.status = NVSP_STATUS_SUCCESS;
		fake_host->nvsp = init.version_min;
	}
	answer(NVSP_INIT, VMBUS_PACKET_COMPLETION, tid, &reply, sizeof(reply));
}

/* In as many parts as the test wants, each with pieces of half the size. */
static void
nvsp_recv_buffer(uint64_t tid)
{
	const uint32_t parts = RTE_MAX(fake_host->set.recv_sections, 1u);
	const uint32_t part_bytes = FAKE_RECV_BYTES / parts;
	struct {
		uint32_t type, status, count;
		struct nvsp_recv_section section[16];
	} reply = { NVSP_RECV_BUFFER_COMPLETE, NVSP_STATUS_SUCCESS, parts };
	uint32_t piece_bytes = FAKE_SUBALLOC_BYTES;

	for (uint32_t i = 0; i < parts && i < RTE_DIM(reply.section); i++, piece_bytes /= 2)
		reply.section[i] = (struct nvsp_recv_section){ i * part_bytes, piece_bytes,
			part_bytes / piece_bytes, (i + 1) * part_bytes };
	if (fake_host->nvsp >= NVSP_VERSION_2 && fake_host->mtu_frame == 0)
		wrong("receive buffer before the configuration");
	if (fake_host->nvsp < NVSP_VERSION_2)
		fake_host->mtu_frame = FAKE_MTU_FRAME_DEFAULT;
	answer(NVSP_RECV_BUFFER, VMBUS_PACKET_COMPLETION, tid, &reply,
		parts == 1 ? 40 : (uint32_t)(12 + parts * sizeof(reply.section[0])));
}

static void
nvsp_send_buffer(uint64_t tid)
{
	struct {
		struct nvsp_send_buffer_complete complete;
		uint8_t padding[28];
	} reply = {
		.complete = { NVSP_SEND_BUFFER_COMPLETE, NVSP_STATUS_SUCCESS,
			fake_host->set.send_section_bytes },
	};

	if (fake_host->set.no_send_buffer) {
		reply.complete.status = NVSP_STATUS_FAILURE;
		reply.complete.section_bytes = 0;
	}
	answer(NVSP_SEND_BUFFER, VMBUS_PACKET_COMPLETION, tid, &reply, sizeof(reply));
}

static void
nvsp_subchannel(uint64_t tid, const void *payload)
{
	struct {
		struct nvsp_subchannel_complete complete;
		uint8_t padding[28];
	} reply = { .complete = { NVSP_SUBCHANNEL, NVSP_STATUS_SUCCESS, 0 } };
	struct nvsp_subchannel request;

	memcpy(&request, payload, sizeof(request));
	reply.complete.count = RTE_MIN(request.count, fake_host->set.subchannels_granted);
	answer(NVSP_SUBCHANNEL, VMBUS_PACKET_COMPLETION, tid, &reply, sizeof(reply));
}

/* ---- RNDIS ---- */

static void
rndis_answer(uint32_t id, void *message, uint32_t bytes)
{
	struct rndis_header header;

	memcpy(&header, message, sizeof(header));
	header.msg_bytes = bytes;
	memcpy(message, &header, sizeof(header));
	answer(id, VMBUS_PACKET_TRANSFER_PAGES, 0, message, bytes);
}

static void
rndis_init(const struct rndis_oid_request *request)
{
	struct rndis_init_complete reply = {
		.header.type = RNDIS_INIT | RNDIS_COMPLETION,
		.request_id = request->request_id,
		.major = 1, .device_flags = 1,
		.max_packets_per_msg = fake_host->set.packets_per_message,
		.max_transfer_bytes = fake_host->set.max_transfer_bytes,
		.alignment_shift = fake_host->set.alignment_shift,
	};

	rndis_answer(FAKE_RNDIS_INIT, &reply, sizeof(reply));
}

static uint32_t
query_offload(uint8_t *info)
{
	const uint32_t bytes[] = { 0, NDIS_OFFLOAD_BYTES_REV1, NDIS_OFFLOAD_BYTES_REV2,
		NDIS_OFFLOAD_BYTES_REV3 };
	uint32_t revision = fake_host->set.offload_revision;
	struct ndis_offload offload = {
		.header = { NDIS_OBJECT_OFFLOAD, (uint8_t)revision, (uint16_t)bytes[revision] },
		.tx_ipv4 = { 2, 0x155 }, .rx_ipv4 = { 2, 0x155 },
		.tx_ipv6 = { 2, 0x55 }, .rx_ipv6 = { 2, 0x55 },
		.lso_ipv4 = { 2, fake_host->set.lso_max, fake_host->set.lso_min_segments },
		.lso_ipv6 = { 2, fake_host->set.lso_max, fake_host->set.lso_min_segments, 5 },
		.rsc_ipv4 = 1, .rsc_ipv6 = 1,
	};

	memcpy(info, &offload, bytes[revision]);
	return bytes[revision];
}

static uint32_t
query_rss(uint8_t *info)
{
	const struct ndis_rss_capabilities rss = {
		.header = { NDIS_OBJECT_RSS_CAPABILITIES, 2, NDIS_RSS_CAPABILITIES_BYTES_REV2 },
		.flags = fake_host->set.rss_flags,
		.interrupt_messages = 1,
		.queues = fake_host->set.rss_queues,
		.table_entries = (uint16_t)fake_host->set.rss_entries,
	};

	memcpy(info, &rss, NDIS_RSS_CAPABILITIES_BYTES_REV2);
	return NDIS_RSS_CAPABILITIES_BYTES_REV2;
}

static uint32_t
query_u32(uint8_t *info, uint32_t value)
{
	memcpy(info, &value, sizeof(value));
	return sizeof(value);
}

/* The bytes of the answer, or 0: not supported. */
static uint32_t
query_info(uint32_t oid, uint8_t *info)
{
	static const uint8_t mac[] = { 0x00, 0x15, 0x5d, 0x01, 0x02, 0x03 };

	switch (oid) {
	case OID_802_3_PERMANENT_ADDRESS:
		memcpy(info, mac, sizeof(mac));
		return sizeof(mac);
	case OID_802_3_CURRENT_ADDRESS:
		memcpy(info, mac, sizeof(mac));
		info[5]++;
		return fake_host->set.tells_current_mac ? sizeof(mac) : 0;
	case OID_GEN_MAXIMUM_FRAME_SIZE:
		return query_u32(info, fake_host->mtu_frame - 14);
	case OID_GEN_MEDIA_CONNECT_STATUS:
		return query_u32(info, 0);
	case OID_GEN_LINK_SPEED:
		return query_u32(info, 100000000);
	case OID_802_3_MAXIMUM_LIST_SIZE:
		return query_u32(info, fake_host->set.multicast_max);
	case OID_GEN_RCV_NO_BUFFER:
		return query_u32(info, 4711);
	case OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES:
		return query_offload(info);
	case OID_GEN_RECEIVE_SCALE_CAPABILITIES:
		return query_rss(info);
	default:
		return 0;
	}
}

static void
rndis_query(const struct rndis_oid_request *request)
{
	struct {
		struct rndis_query_complete head;
		uint8_t info[256];
	} reply = {
		.head = {
			.header.type = RNDIS_QUERY | RNDIS_COMPLETION,
			.request_id = request->request_id,
			.info_offset = 16,
		},
	};

	if (request->info_offset != (request->info_bytes == 0 ? 0 : 20))
		wrong("a query's information is nowhere, or elsewhere than right behind it");
	reply.head.info_bytes = query_info(request->oid, reply.info);
	if (reply.head.info_bytes == 0)
		reply.head.status = NDIS_STATUS_NOT_SUPPORTED;
	rndis_answer(request->oid, &reply, (uint32_t)sizeof(reply.head) + reply.head.info_bytes);
}

static void
set_rss(const uint8_t *info, uint32_t bytes)
{
	struct ndis_rss_parameters *rss = &fake_host->rss;

	memset(rss, 0, sizeof(*rss));
	memcpy(rss, info, NDIS_RSS_PARAMETERS_BYTES_REV2);
	if (rss->key_bytes != NDIS_RSS_KEY_BYTES || rss->table_bytes % 4 != 0 ||
	    rss->table_bytes == 0 || rss->table_offset + rss->table_bytes > bytes ||
	    rss->key_offset + rss->key_bytes > bytes) {
		wrong("RSS parameters lie outside the message");
		return;
	}
	memcpy(fake_host->rss_table, info + rss->table_offset, rss->table_bytes);
	memcpy(fake_host->rss_key, info + rss->key_offset, NDIS_RSS_KEY_BYTES);
	if (rss->flags == NDIS_RSS_DISABLE)
		fake_host->rss_disables++;
	else if (rss->flags == 0)
		fake_host->rss_enables++;
	else
		wrong("RSS flags that the driver has no reason to set");
}

static void
set_apply(uint32_t oid, const uint8_t *info, uint32_t bytes)
{
	switch (oid) {
	case OID_GEN_CURRENT_PACKET_FILTER:
		memcpy(&fake_host->filter, info, sizeof(fake_host->filter));
		fake_host->filter_sets++;
		break;
	case OID_TCP_OFFLOAD_PARAMETERS:
		memset(&fake_host->offload_parameters, 0, sizeof(fake_host->offload_parameters));
		memcpy(&fake_host->offload_parameters, info,
			RTE_MIN(bytes, (uint32_t)sizeof(fake_host->offload_parameters)));
		fake_host->offload_bytes = bytes;
		break;
	case OID_GEN_RECEIVE_SCALE_PARAMETERS:
		set_rss(info, bytes);
		break;
	case OID_GEN_RNDIS_CONFIG_PARAMETER:
		fake_host->config_bytes = RTE_MIN(bytes, (uint32_t)sizeof(fake_host->config));
		memcpy(fake_host->config, info, fake_host->config_bytes);
		break;
	case OID_802_3_MULTICAST_LIST:
		fake_host->multicast_bytes = bytes;
		memcpy(fake_host->multicast, info, RTE_MIN(bytes, sizeof(fake_host->multicast)));
		break;
	default:
		wrong("SET of an unknown OID");
	}
}

/* Takes the information from where it must be: right behind the request. */
static void
rndis_set(const struct rndis_oid_request *request, const uint8_t *message)
{
	struct fake_settings *set = &fake_host->set;
	struct rndis_set_complete reply = {
		.header.type = RNDIS_SET | RNDIS_COMPLETION,
		.request_id = request->request_id,
	};

	heard(request->oid);
	if (request->info_offset != 20 || request->header.msg_bytes < sizeof(*request) ||
	    request->info_bytes > request->header.msg_bytes - sizeof(*request)) {
		wrong("information that is not behind the request");
		return;
	}
	if (set->refuse_oid == request->oid) {
		reply.status = set->refuse_status;
		if (set->refuse_count != 0 && --set->refuse_count == 0)
			set->refuse_oid = 0;
	} else {
		set_apply(request->oid, message + sizeof(*request), request->info_bytes);
	}
	rndis_answer(FAKE_RNDIS_SET, &reply, sizeof(reply));
}

static void
rndis_request(uint64_t tid, const uint8_t *message, uint32_t bytes)
{
	const struct nvsp_rndis_complete taken = { NVSP_RNDIS_COMPLETE, NVSP_STATUS_SUCCESS };
	struct rndis_oid_request request = { 0 };

	memcpy(&request, message, RTE_MIN(bytes, (uint32_t)sizeof(request)));
	if (request.header.msg_bytes != bytes) {
		wrong("an RNDIS message whose length is not its own");
		return;
	}
	if (!fake_host->set.answer_first)
		answer(FAKE_RNDIS_TAKEN, VMBUS_PACKET_COMPLETION, tid, &taken, sizeof(taken));
	if (request.header.type == RNDIS_INIT) {
		rndis_init(&request);
	} else if (request.header.type == RNDIS_QUERY) {
		rndis_query(&request);
	} else if (request.header.type == RNDIS_SET) {
		rndis_set(&request, message);
	} else if (request.header.type == RNDIS_HALT) {
		heard(RNDIS_HALT);
	} else {
		wrong("an unknown RNDIS message");
	}
	if (fake_host->set.answer_first)
		answer(FAKE_RNDIS_TAKEN, VMBUS_PACKET_COMPLETION, tid, &taken, sizeof(taken));
}

/* ---- the guest's packets ---- */

static void
packet_rndis(const struct vmbus_packet_header *header, const uint8_t *packet)
{
	struct nvsp_rndis nvsp;
	struct vmbus_gpa_direct list;
	struct vmbus_gpa_range range;
	uint64_t page;

	memcpy(&nvsp, packet + header->data_offset_8b * 8u, sizeof(nvsp));
	if (nvsp.channel_type != NVSP_CHANNEL_CONTROL && fake_host->data != NULL) {
		fake_host->data(header, packet);
		return;
	}
	if (nvsp.channel_type != NVSP_CHANNEL_CONTROL || !fake_world_asked())
		wrong("data on the control path, or a request outside of its lock");
	if (header->flags != VMBUS_PACKET_FLAG_COMPLETION_REQUESTED)
		wrong("an RNDIS message without a wish for completion");
	if (header->type == VMBUS_PACKET_INBAND) {
		fake_host->by_section++;
		if ((uint64_t)nvsp.section_idx * fake_host->set.send_section_bytes +
		    nvsp.section_bytes > FAKE_SEND_BYTES) {
			wrong("a section outside the send buffer");
			return;
		}
		rndis_request(header->transaction_id, fake_world.send +
			nvsp.section_idx * fake_host->set.send_section_bytes, nvsp.section_bytes);
		return;
	}
	memcpy(&list, packet + sizeof(*header), sizeof(list));
	memcpy(&range, packet + sizeof(*header) + sizeof(list), sizeof(range));
	memcpy(&page, packet + sizeof(*header) + sizeof(list) + sizeof(range), sizeof(page));
	if (list.range_count != 1 || range.byte_offset != 0 || range.byte_count > HV_PAGE_BYTES ||
	    header->data_offset_8b != 5 || nvsp.section_idx != NVSP_SECTION_NONE) {
		wrong("a page list that is none");
		return;
	}
	fake_host->by_page++;
	rndis_request(header->transaction_id, (const uint8_t *)(uintptr_t)(page * HV_PAGE_BYTES),
		range.byte_count);
}

static void
packet_nvsp(const struct vmbus_packet_header *header, const uint8_t *packet)
{
	const uint8_t *payload = packet + header->data_offset_8b * 8u;
	struct nvsp_ndis_config config;
	uint32_t type;

	memcpy(&type, payload, sizeof(type));
	heard(type);
	if (type != NVSP_RNDIS && !fake_world_asked())
		wrong("a request outside of the control lock");
	switch (type) {
	case NVSP_INIT:
		nvsp_init(header->transaction_id, payload);
		break;
	case NVSP_NDIS_CONFIG:
		memcpy(&config, payload, sizeof(config));
		fake_host->mtu_frame = config.mtu_bytes > fake_host->set.frame_max ||
			config.mtu_bytes < FAKE_MTU_FRAME_DEFAULT ? FAKE_MTU_FRAME_DEFAULT : config.mtu_bytes;
		break;
	case NVSP_NDIS_VERSION:
		break;
	case NVSP_RECV_BUFFER:
		nvsp_recv_buffer(header->transaction_id);
		break;
	case NVSP_SEND_BUFFER:
		nvsp_send_buffer(header->transaction_id);
		break;
	case NVSP_SUBCHANNEL:
		nvsp_subchannel(header->transaction_id, payload);
		break;
	case NVSP_SWITCH_DATA_PATH:
		answer(type, VMBUS_PACKET_COMPLETION, header->transaction_id, "", 0);
		break;
	case NVSP_REVOKE_RECV_BUFFER:
	case NVSP_REVOKE_SEND_BUFFER:
		break;
	case NVSP_RNDIS:
		packet_rndis(header, packet);
		break;
	default:
		wrong("an unknown NVSP message");
	}
}

void
fake_host_packet(const struct vmbus_packet_header *header, const uint8_t *packet)
{
	if (header->type == VMBUS_PACKET_COMPLETION) {
		if (fake_host->acks_owed-- == 0 || header->flags != 0)
			wrong("an acknowledgement of nothing, or one that wants an answer");
		if (fake_host->acked != NULL)
			fake_host->acked(header->transaction_id);
		fake_host->acks[fake_host->acks_count++ % FAKE_ACKS_MAX] = header->transaction_id;
	} else {
		packet_nvsp(header, packet);
	}
}
