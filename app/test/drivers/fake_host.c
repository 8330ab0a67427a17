/* SPDX-License-Identifier: BSD-3-Clause */

/* A scripted host; see fake_host.h. */

#include "fake_host.h"

#include <stdlib.h>
#include <string.h>

#include <rte_alarm.h>
#include <rte_malloc.h>

#include "netvsc_channel.h"

#define RING_DATA_BYTES 16384u
#define RING_BYTES (HV_PAGE_BYTES + RING_DATA_BYTES)
#define RECV_BYTES (64u * 4096u)
#define SEND_BYTES (64u * 4096u)
#define SUBALLOC_BYTES 2048u
#define HELD_MAX 16u
#define SUBCHANNELS_MAX 7u
#define MTU_FRAME_DEFAULT 1514u

int netvsc_logtype_init, netvsc_logtype_control, netvsc_logtype_rx, netvsc_logtype_tx;

struct held {
	uint16_t type;
	uint64_t transaction_id;
	uint32_t bytes;
	uint8_t payload[512];
};

/* The host's own: the guest sees none of it. */
static struct {
	struct fake_host host;
	uint8_t *rings;
	uint8_t *recv, *send;
	struct vmbus_channel channel, sub[SUBCHANNELS_MAX];
	uint32_t tx_read, rx_write;     /* the host's own indices */
	uint32_t recv_slot;
	uint64_t next_transfer;
	struct held held[HELD_MAX];
	unsigned int held_count;
	bool acting;
	struct rte_eth_dev_data data;
} world;

struct fake_host *fake_host = &world.host;

/* ---- the host's ring ends ---- */

static struct vmbus_ring_page *
ring_page(bool to_guest)
{
	return (void *)(world.rings + (to_guest ? RING_BYTES : 0));
}

static void
ring_bytes(bool to_guest, uint32_t at, void *buffer, uint32_t bytes)
{
	uint8_t *data = world.rings + (to_guest ? RING_BYTES : 0) + HV_PAGE_BYTES;
	uint8_t *to = buffer;

	for (uint32_t i = 0; i < bytes; i++) {
		if (to_guest)
			data[(at + i) % RING_DATA_BYTES] = to[i];
		else
			to[i] = data[(at + i) % RING_DATA_BYTES];
	}
}

static void
ring_write(const void *packet, uint32_t bytes)
{
	const uint64_t footer = (uint64_t)world.rx_write << 32;
	struct vmbus_ring_page *page = ring_page(true);
	uint8_t copy[1024];
	uint32_t used = (world.rx_write + RING_DATA_BYTES - page->read_index) % RING_DATA_BYTES;

	assert_true(bytes + 8 + used < RING_DATA_BYTES - 8);
	memcpy(copy, packet, bytes);
	ring_bytes(true, world.rx_write, copy, bytes);
	memcpy(copy, &footer, sizeof(footer));
	ring_bytes(true, (world.rx_write + bytes) % RING_DATA_BYTES, copy, 8);
	world.rx_write = (world.rx_write + bytes + 8) % RING_DATA_BYTES;
	__atomic_store_n(&page->write_index, world.rx_write, __ATOMIC_RELEASE);
}

static void
packet_write(uint16_t type, uint64_t transaction_id, const void *ext, uint32_t ext_bytes,
	const void *payload, uint32_t bytes)
{
	uint8_t packet[1024] = { 0 };
	uint32_t padded = (bytes + 7) & ~7u;
	struct vmbus_packet_header header = {
		.type = type,
		.data_offset_8b = (uint16_t)((sizeof(header) + ext_bytes) / 8),
		.length_8b = (uint16_t)((sizeof(header) + ext_bytes + padded) / 8),
		.transaction_id = transaction_id,
	};

	memcpy(packet, &header, sizeof(header));
	if (ext_bytes != 0)
		memcpy(packet + sizeof(header), ext, ext_bytes);
	if (bytes != 0)
		memcpy(packet + sizeof(header) + ext_bytes, payload, bytes);
	ring_write(packet, (uint32_t)sizeof(header) + ext_bytes + padded);
}

/* ---- what the host says by itself ---- */

void
fake_host_inband(const void *message, uint32_t bytes)
{
	packet_write(VMBUS_PACKET_INBAND, 0, NULL, 0, message, bytes);
}

void
fake_host_complete(uint64_t transaction_id, const void *payload, uint32_t bytes)
{
	packet_write(VMBUS_PACKET_COMPLETION, transaction_id, NULL, 0, payload, bytes);
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
		.range = { bytes, (world.recv_slot++ % 16) * SUBALLOC_BYTES },
	};

	/* What was there before must not be taken for the answer. */
	memset(world.recv + ext.range.byte_offset, 0xee, SUBALLOC_BYTES);
	memcpy(world.recv + ext.range.byte_offset, message, bytes);
	fake_host->acks_owed++;
	packet_write(VMBUS_PACKET_TRANSFER_PAGES, world.next_transfer++, &ext, sizeof(ext),
		&nvsp, sizeof(nvsp));
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
answer_send(const struct held *held)
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
	struct held held = { .type = type, .transaction_id = transaction_id, .bytes = bytes };

	assert_true(bytes <= sizeof(held.payload));
	memcpy(held.payload, payload, bytes);
	if (spoil->answer == id && id != FAKE_NONE) {
		if (spoil->bytes != 0)
			held.bytes = spoil->bytes < 0 ? 0 : (uint32_t)spoil->bytes;
		else
			memcpy(held.payload + spoil->offset, &spoil->value, sizeof(spoil->value));
	}
	if (fake_host->set.notify)
		say_all();
	if (fake_host->set.foreign)
		say_foreign();
	if (fake_host->set.silent == id && id != FAKE_NONE) {
		assert_true(world.held_count < HELD_MAX);
		world.held[world.held_count++] = held;
		return;
	}
	answer_send(&held);
	if (fake_host->set.twice == id && id != FAKE_NONE)
		answer_send(&held);
}

void
fake_host_release(void)
{
	for (unsigned int i = 0; i < world.held_count; i++)
		answer_send(&world.held[i]);
	world.held_count = 0;
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

static void
nvsp_recv_buffer(uint64_t tid)
{
	const uint32_t count = RECV_BYTES / SUBALLOC_BYTES;
	struct {
		struct nvsp_recv_buffer_complete complete;
		uint8_t padding[12];
	} reply = {
		.complete = { NVSP_RECV_BUFFER_COMPLETE, NVSP_STATUS_SUCCESS, 1,
			{ { 0, SUBALLOC_BYTES, count, SUBALLOC_BYTES * count } } },
	};

	if (fake_host->nvsp >= NVSP_VERSION_2 && fake_host->mtu_frame == 0)
		wrong("receive buffer before the configuration");
	if (fake_host->nvsp < NVSP_VERSION_2)
		fake_host->mtu_frame = MTU_FRAME_DEFAULT;
	answer(NVSP_RECV_BUFFER, VMBUS_PACKET_COMPLETION, tid, &reply, sizeof(reply));
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
		.max_packets_per_msg = 8, .max_transfer_bytes = 0xEFFFFFFF, .alignment_shift = 3,
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
		.lso_ipv4 = { 2, 0xF53C, 2 }, .lso_ipv6 = { 2, 0xF53C, 2, 5 },
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
	if ((rss->flags & NDIS_RSS_DISABLE) != 0)
		fake_host->rss_disables++;
	else
		fake_host->rss_enables++;
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
	if (request->info_offset != 20)
		wrong("information that is not behind the request");
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
	struct rndis_set_complete alive = { .header.type = RNDIS_KEEPALIVE | RNDIS_COMPLETION };

	memcpy(&request, message, RTE_MIN(bytes, (uint32_t)sizeof(request)));
	if (request.header.msg_bytes != bytes)
		wrong("an RNDIS message whose length is not its own");
	if (!fake_host->set.answer_first)
		answer(FAKE_RNDIS_TAKEN, VMBUS_PACKET_COMPLETION, tid, &taken, sizeof(taken));
	if (request.header.type == RNDIS_INIT) {
		rndis_init(&request);
	} else if (request.header.type == RNDIS_QUERY) {
		rndis_query(&request);
	} else if (request.header.type == RNDIS_SET) {
		rndis_set(&request, message);
	} else if (request.header.type == RNDIS_KEEPALIVE) {
		alive.request_id = request.request_id;
		rndis_answer(FAKE_RNDIS_KEEPALIVE, &alive, sizeof(alive));
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
	if (nvsp.channel_type != NVSP_CHANNEL_CONTROL)
		wrong("data on the control path");
	if (header->flags != VMBUS_PACKET_FLAG_COMPLETION_REQUESTED)
		wrong("an RNDIS message without a wish for completion");
	if (header->type == VMBUS_PACKET_INBAND) {
		fake_host->by_section++;
		rndis_request(header->transaction_id, world.send +
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
	switch (type) {
	case NVSP_INIT:
		nvsp_init(header->transaction_id, payload);
		break;
	case NVSP_NDIS_CONFIG:
		memcpy(&config, payload, sizeof(config));
		fake_host->mtu_frame = config.mtu_bytes > fake_host->set.frame_max ||
			config.mtu_bytes < MTU_FRAME_DEFAULT ? MTU_FRAME_DEFAULT : config.mtu_bytes;
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

static void
packet_handle(const struct vmbus_packet_header *header, const uint8_t *packet)
{
	if (header->type == VMBUS_PACKET_COMPLETION) {
		if (fake_host->acks_owed-- == 0)
			wrong("an acknowledgement of nothing");
	} else {
		packet_nvsp(header, packet);
	}
}

/* Reads what there is, whatever it is. */
static void
host_act(void)
{
	struct vmbus_ring_page *page = ring_page(false);

	while (!fake_host->set.deaf && world.tx_read != __atomic_load_n(&page->write_index, __ATOMIC_ACQUIRE)) {
		struct vmbus_packet_header header;
		uint8_t packet[512];
		uint32_t bytes;

		ring_bytes(false, world.tx_read, &header, sizeof(header));
		bytes = header.length_8b * 8u;
		assert_true(bytes >= sizeof(header) && bytes <= sizeof(packet));
		ring_bytes(false, world.tx_read, packet, bytes);
		world.tx_read = (world.tx_read + bytes + 8) % RING_DATA_BYTES;
		__atomic_store_n(&page->read_index, world.tx_read, __ATOMIC_RELEASE);
		packet_handle(&header, packet);
	}
}

/* ---- stand-ins: the bus ---- */

void
vmbus_channel_signal(struct vmbus_channel *channel)
{
	assert_false(rte_spinlock_is_locked(&channel->lock));
	fake_host->signals++;
	if (world.acting)
		return;
	world.acting = true;
	host_act();
	world.acting = false;
}

int
vmbus_device_open(struct vmbus_device *device)
{
	uint32_t gone = world.host.shared.gone;

	if (device->shared != NULL)
		return -EBUSY;
	memset(&world.host.shared, 0, sizeof(world.host.shared));
	memset(world.rings, 0, 2 * RING_BYTES);
	world.tx_read = 0;
	world.rx_write = 0;
	world.held_count = 0;
	world.host.acks_owed = 0;
	world.host.mtu_frame = 0;
	world.host.filter = 0;
	world.host.opens++;
	memset(&world.channel, 0, sizeof(world.channel));
	rte_spinlock_init(&world.channel.lock);
	assert_int_equal(vmbus_tx_ring_attach(&world.channel.tx, world.rings, RING_BYTES,
		HV_PAGE_BYTES), 0);
	assert_int_equal(vmbus_rx_ring_attach(&world.channel.rx, world.rings + RING_BYTES,
		RING_BYTES, HV_PAGE_BYTES), 0);
	world.channel.shared = &world.host.shared;
	device->shared = &world.host.shared;
	device->shared->gone = gone;
	device->shared->channel[0] = &world.channel;
	device->shared->recv_gpadl = 0xe1e10;
	device->shared->send_gpadl = 0xe1e11;
	device->shared->maps.map[UIO_MAP_RECV_BUFFER] =
		(struct vmbus_mapping){ world.recv, RECV_BYTES };
	device->shared->maps.map[UIO_MAP_SEND_BUFFER] =
		(struct vmbus_mapping){ world.send, SEND_BYTES };
	return 0;
}

void
vmbus_device_close(struct vmbus_device *device)
{
	/* The last messages are read, if only then. */
	if (device->shared != NULL)
		host_act();
	device->shared = NULL;
}

int
vmbus_device_open_subchannels(struct vmbus_device *device, unsigned int count)
{
	for (unsigned int i = 1; i <= count && i <= SUBCHANNELS_MAX; i++)
		device->shared->channel[i] = &world.sub[i - 1];
	return (int)RTE_MIN(count, SUBCHANNELS_MAX);
}

int
vmbus_device_watch(struct vmbus_device *device, void (*removed)(struct vmbus_device *device))
{
	device->removed = removed;
	fake_host->watched = true;
	return 0;
}

void
vmbus_device_unwatch(struct vmbus_device *device)
{
	device->removed = NULL;
	fake_host->watched = false;
}

/* ---- stand-ins: EAL ---- */

void *
rte_zmalloc_socket(const char *type, size_t size, unsigned int align, int socket)
{
	void *p;

	RTE_SET_USED(type);
	RTE_SET_USED(socket);
	align = RTE_MAX(align, (unsigned int)sizeof(void *));
	p = aligned_alloc(align, (size + align - 1) / align * align);
	if (p != NULL)
		memset(p, 0, size);
	return p;
}

void
rte_free(void *p)
{
	free(p);
}

rte_iova_t
rte_mem_virt2iova(const void *addr)
{
	return (uintptr_t)addr;
}

int
rte_eal_alarm_set(uint64_t us, rte_eal_alarm_callback cb, void *arg)
{
	RTE_SET_USED(us);
	assert_null(fake_host->alarm);
	fake_host->alarm = cb;
	fake_host->alarm_arg = arg;
	return 0;
}

int
rte_eal_alarm_cancel(rte_eal_alarm_callback cb, void *arg)
{
	RTE_SET_USED(cb);
	RTE_SET_USED(arg);
	fake_host->alarm = NULL;
	return 1;
}

bool
fake_alarm_run(void)
{
	void (*alarm)(void *arg) = fake_host->alarm;

	if (alarm == NULL)
		return false;
	fake_host->alarm = NULL;
	alarm(fake_host->alarm_arg);
	return true;
}

int
rte_eth_dev_callback_process(struct rte_eth_dev *dev, enum rte_eth_event_type event, void *arg)
{
	RTE_SET_USED(arg);
	/* A callback may ask for anything: no lock may be held. */
	assert_false(rte_spinlock_is_locked(&world.channel.lock));
	assert_false(rte_spinlock_is_locked(&fake_host->dev.xact.lock));
	assert_int_equal(event, RTE_ETH_EVENT_INTR_LSC);
	if (fake_host->callbacks < RTE_DIM(fake_host->callback_status))
		fake_host->callback_status[fake_host->callbacks] =
			dev->data->dev_link.link_status;
	fake_host->callbacks++;
	return 0;
}

/* ---- start and stop ---- */

struct fake_host *
fake_host_start(bool page_lists)
{
	struct netvsc_device *dev = &fake_host->dev;

	memset(&world, 0, sizeof(world));
	world.rings = aligned_alloc(HV_PAGE_BYTES, 2 * RING_BYTES);
	world.recv = aligned_alloc(HV_PAGE_BYTES, RECV_BYTES);
	world.send = aligned_alloc(HV_PAGE_BYTES, SEND_BYTES);
	assert_true(world.rings != NULL && world.recv != NULL && world.send != NULL);
	memset(world.recv, 0, RECV_BYTES);
	memset(world.send, 0, SEND_BYTES);
	world.next_transfer = 15;
	fake_host->set = (struct fake_settings){
		.nvsp_max = NVSP_VERSION_61, .send_section_bytes = 6144, .frame_max = 9216,
		.offload_revision = 3, .multicast_max = 32, .rss_flags = 0x301, .rss_queues = 8,
		.rss_entries = 128, .subchannels_granted = SUBCHANNELS_MAX,
	};
	fake_host->vmbus.page_lists_ok = page_lists;
	world.data.dev_conf.intr_conf.lsc = 1;
	rte_eth_devices[0].data = &world.data;
	snprintf(dev->name, sizeof(dev->name), "fake");
	dev->mtu = RTE_ETHER_MTU;
	assert_int_equal(netvsc_xact_create(dev), 0);
	dev->xact.wait_ms = 60;
	return fake_host;
}

void
fake_host_stop(void)
{
	struct netvsc_device *dev = &fake_host->dev;

	for (unsigned int i = 0; i < NETVSC_QUEUES_MAX; i++)
		netvsc_channel_destroy(dev, i);
	netvsc_xact_destroy(dev);
	free(world.rings);
	free(world.recv);
	free(world.send);
}
