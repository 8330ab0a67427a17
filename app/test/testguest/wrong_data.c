/* SPDX-License-Identifier: BSD-3-Clause */
/* Wrong in data messages: headers, ranges, PPIs, pages, offloads. */

#include <string.h>

#include "wrong.h"

#define FRAME_AT 44u            /* of wrong_packet(): header without PPIs */
#define L4_OFFSET 34u

/* A case changes the packet as it likes and returns the bytes to send. */
typedef uint32_t (*spoil_fn)(struct wrong_packet *packet, uint32_t bytes);

static int
spoilt(spoil_fn spoil, const char *rule, bool fails)
{
	struct wrong_packet packet;
	struct tg_channel *ch;
	struct wrong w;
	uint32_t bytes;
	uint64_t tid;

	TG_TRY(wrong_start(&w, true));
	ch = w.a.channel[1];
	bytes = spoil(&packet, wrong_packet(&w, &packet));
	TG_CHECK(wrong_send(ch, &packet, bytes, &tid) == 0, "ring full");
	TG_TRY(fails ? wrong_fails(&w, ch, tid, rule) : wrong_reported(&w, ch, tid, rule));
	wrong_end(&w);
	return 0;
}

#define SPOILT(name, rule, fails) \
	static int name(void) { return spoilt(spoil_##name, rule, fails); }

static uint32_t
spoil_header_short(struct wrong_packet *packet, uint32_t bytes)
{
	(void)packet;
	return bytes > 20 ? 20 : bytes;
}
SPOILT(header_short, "RNDIS_HEADER", true)

static uint32_t
spoil_oob_count(struct wrong_packet *packet, uint32_t bytes)
{
	packet->p.oob_count = 1;
	return bytes;
}
SPOILT(oob_count, "RNDIS_OOB", true)

static uint32_t
spoil_vc_handle(struct wrong_packet *packet, uint32_t bytes)
{
	packet->p.vc_handle = 1;
	return bytes;
}
SPOILT(vc_handle, "RNDIS_OOB", true)

static uint32_t
spoil_no_data(struct wrong_packet *packet, uint32_t bytes)
{
	packet->p.data_bytes = 0;
	return bytes;
}
SPOILT(no_data, "RNDIS_DATA_RANGE", true)

static uint32_t
spoil_data_outside(struct wrong_packet *packet, uint32_t bytes)
{
	packet->p.data_offset = 0xfffffff0u;
	return bytes;
}
SPOILT(data_outside, "RNDIS_DATA_RANGE", true)

static uint32_t
spoil_data_too_long(struct wrong_packet *packet, uint32_t bytes)
{
	packet->p.data_bytes += 1;
	return bytes;
}
SPOILT(data_too_long, "RNDIS_DATA_RANGE", true)

static uint32_t
spoil_query_behind(struct wrong_packet *packet, uint32_t bytes)
{
	struct rndis_oid_request query = { { RNDIS_QUERY, sizeof(query) }, 1,
		OID_GEN_LINK_SPEED, 0, 0, 0 };

	memcpy((uint8_t *)packet + bytes, &query, sizeof(query));
	return bytes + (uint32_t)sizeof(query);
}
SPOILT(query_behind, "RNDIS_NOT_PACKET", true)

/* ---- per-packet information ---- */

/* Makes room for one PPI of 16 bytes behind the header. */
static struct rndis_ppi *
insert_ppi(struct wrong_packet *packet, uint32_t bytes, uint32_t type, uint32_t value)
{
	struct rndis_ppi ppi = { 16, type, sizeof(ppi) };
	uint8_t *at = (uint8_t *)packet + FRAME_AT;

	memmove(at + 16, at, bytes - FRAME_AT);
	memcpy(at, &ppi, sizeof(ppi));
	memcpy(at + sizeof(ppi), &value, sizeof(value));
	packet->p.header.msg_bytes += 16;
	packet->p.data_offset += 16;
	packet->p.ppi_offset = FRAME_AT - 8;
	packet->p.ppi_bytes = 16;
	return (struct rndis_ppi *)(void *)at;
}

static uint32_t
spoil_ppi_size_0(struct wrong_packet *packet, uint32_t bytes)
{
	insert_ppi(packet, bytes, RNDIS_PPI_VLAN, 0)->bytes = 0;
	return bytes + 16;
}
SPOILT(ppi_size_0, "PPI_RANGE", true)

static uint32_t
spoil_ppi_too_long(struct wrong_packet *packet, uint32_t bytes)
{
	insert_ppi(packet, bytes, RNDIS_PPI_VLAN, 0)->bytes = 64;
	return bytes + 16;
}
SPOILT(ppi_too_long, "PPI_RANGE", true)

static uint32_t
spoil_ppi_outside(struct wrong_packet *packet, uint32_t bytes)
{
	insert_ppi(packet, bytes, RNDIS_PPI_VLAN, 0);
	packet->p.ppi_offset = 0xfffffff0u;
	return bytes + 16;
}
SPOILT(ppi_outside, "PPI_RANGE", true)

static uint32_t
spoil_ppi_data_outside(struct wrong_packet *packet, uint32_t bytes)
{
	insert_ppi(packet, bytes, RNDIS_PPI_CHECKSUM, 0)->data_offset = 0x1000;
	return bytes + 16;
}
SPOILT(ppi_data_outside, "PPI_RANGE", true)

/* ---- offloads ---- */

static uint32_t
spoil_csum_offset_low(struct wrong_packet *packet, uint32_t bytes)
{
	insert_ppi(packet, bytes, RNDIS_PPI_CHECKSUM, RNDIS_TX_CSUM_IPV4 | RNDIS_TX_CSUM_UDP |
		10u << RNDIS_TX_CSUM_L4_OFFSET_SHIFT);
	return bytes + 16;
}
SPOILT(csum_offset_low, "CSUM_OFFSET", true)

static uint32_t
spoil_csum_offset_high(struct wrong_packet *packet, uint32_t bytes)
{
	insert_ppi(packet, bytes, RNDIS_PPI_CHECKSUM, RNDIS_TX_CSUM_IPV4 | RNDIS_TX_CSUM_TCP |
		1000u << RNDIS_TX_CSUM_L4_OFFSET_SHIFT);
	return bytes + 16;
}
SPOILT(csum_offset_high, "CSUM_OFFSET", true)

static uint32_t
spoil_csum_other_protocol(struct wrong_packet *packet, uint32_t bytes)
{
	insert_ppi(packet, bytes, RNDIS_PPI_CHECKSUM, RNDIS_TX_CSUM_IPV4 | RNDIS_TX_CSUM_TCP |
		L4_OFFSET << RNDIS_TX_CSUM_L4_OFFSET_SHIFT);
	return bytes + 16;
}
SPOILT(csum_other_protocol, "CSUM_REQUEST", false)

static uint32_t
spoil_csum_other_version(struct wrong_packet *packet, uint32_t bytes)
{
	insert_ppi(packet, bytes, RNDIS_PPI_CHECKSUM, RNDIS_TX_CSUM_IPV6);
	return bytes + 16;
}
SPOILT(csum_other_version, "CSUM_REQUEST", false)

static uint32_t
spoil_csum_offset_other_version(struct wrong_packet *packet, uint32_t bytes)
{
	insert_ppi(packet, bytes, RNDIS_PPI_CHECKSUM, RNDIS_TX_CSUM_IPV6 | RNDIS_TX_CSUM_UDP |
		L4_OFFSET << RNDIS_TX_CSUM_L4_OFFSET_SHIFT);
	return bytes + 16;
}
SPOILT(csum_offset_other_version, "CSUM_OFFSET", true)

static uint32_t
spoil_lso_headers_outside(struct wrong_packet *packet, uint32_t bytes)
{
	insert_ppi(packet, bytes, RNDIS_PPI_LSO, RNDIS_LSO_V2 | 1460u |
		1000u << RNDIS_LSO_L4_OFFSET_SHIFT);
	return bytes + 16;
}
SPOILT(lso_headers_outside, "LSO_HEADER", true)

static uint32_t
spoil_vlan_inband(struct wrong_packet *packet, uint32_t bytes)
{
	uint8_t *type;

	insert_ppi(packet, bytes, RNDIS_PPI_CHECKSUM, RNDIS_TX_CSUM_IPV4 | RNDIS_TX_CSUM_UDP |
		38u << RNDIS_TX_CSUM_L4_OFFSET_SHIFT);
	type = (uint8_t *)packet + FRAME_AT + 16 + 12;
	memmove(type + 4, type, bytes - FRAME_AT - 12);
	memcpy(type, "\x81\x00\x00\x64", 4);
	packet->p.data_bytes += 4;
	packet->p.header.msg_bytes += 4;
	return bytes + 20;
}
SPOILT(vlan_inband, "VLAN_INBAND", false)

/* A TCP frame with an LSO request of mss 0. */
static int
lso_mss_0(void)
{
	struct tg_flow flow = { .number = 3 };
	uint8_t data[200];
	struct tg_tx_frame frame = { .data = data, .bytes = sizeof(data), .has_lso = true,
		.lso = RNDIS_LSO_V2 | L4_OFFSET << RNDIS_LSO_L4_OFFSET_SHIFT };
	struct wrong w;
	uint64_t tid;

	TG_TRY(wrong_start(&w, true));
	memcpy(flow.src_mac, w.a.mac, 6);
	tg_frame_build(data, sizeof(data), &flow, 1);
	tg_frame_prepare_offload(data, sizeof(data), true);
	TG_CHECK(tg_tx(w.a.channel[0], TG_TX_SECTION, &frame, 1, &tid) == 0, "ring full");
	TG_TRY(wrong_reported(&w, w.a.channel[0], tid, "LSO_REQUEST"));
	wrong_end(&w);
	return 0;
}

/* ---- lengths ---- */

static int
frame_of(uint32_t bytes)
{
	struct tg_flow flow = { .udp = true, .number = 3 };
	uint8_t data[2000];
	struct tg_tx_frame frame = { .data = data, .bytes = bytes };
	struct wrong w;
	uint64_t tid;

	TG_TRY(wrong_start(&w, true));
	memcpy(flow.src_mac, w.a.mac, 6);
	tg_frame_build(data, bytes, &flow, 1);
	TG_CHECK(tg_tx(w.a.channel[0], TG_TX_SECTION, &frame, 1, &tid) == 0, "ring full");
	TG_TRY(wrong_reported(&w, w.a.channel[0], tid, "FRAME_LENGTH"));
	wrong_end(&w);
	return 0;
}

static int frame_short(void) { return frame_of(13); }
static int frame_long(void) { return frame_of(1600); }

/* ---- several packets ---- */

/* n copies of the packet, `step` bytes apart. */
static int
several(unsigned int n, uint32_t step, const char *rule)
{
	static uint8_t message[6144];
	struct wrong_packet packet;
	uint32_t bytes, at = 0;
	struct wrong w;
	uint64_t tid;

	TG_TRY(wrong_start(&w, true));
	bytes = wrong_packet(&w, &packet);
	memset(message, 0, sizeof(message));
	for (unsigned int i = 0; i < n; i++) {
		packet.p.header.msg_bytes = i + 1 < n ? step : bytes;
		memcpy(message + at, &packet, bytes);
		at += packet.p.header.msg_bytes;
	}
	TG_CHECK(wrong_send(w.a.channel[0], message, at, &tid) == 0, "ring full");
	TG_TRY(wrong_reported(&w, w.a.channel[0], tid, rule));
	wrong_end(&w);
	return 0;
}

static int too_many_packets(void) { return several(20, 144, "RNDIS_PACKETS_PER_MESSAGE"); }
static int unaligned(void) { return several(2, 145, "RNDIS_ALIGNMENT"); }

/* ---- page lists ---- */

/* The header is in the first range only up to `first` bytes. */
static int
split_header(void)
{
	struct tg_piece ranges[2];
	struct tg_raw raw = { .ranges = ranges, .range_count = 2 };
	struct wrong_packet packet;
	struct wrong w;
	uint64_t tid;
	uint32_t bytes;

	TG_TRY(wrong_start(&w, true));
	bytes = wrong_packet(&w, &packet);
	memcpy(w.a.control.base, &packet, bytes);
	ranges[0] = (struct tg_piece){ w.a.control.base, 20 };
	ranges[1] = (struct tg_piece){ w.a.control.base + 20, bytes - 20 };
	TG_CHECK(tg_tx_raw(w.a.channel[0], &raw, &tid) == 0, "ring full");
	TG_TRY(wrong_fails(&w, w.a.channel[0], tid, "RNDIS_HEADER"));
	wrong_end(&w);
	return 0;
}

static int
page_unknown(void)
{
	struct tg_piece ranges[2];
	struct tg_raw raw = { .ranges = ranges, .range_count = 2 };
	struct wrong_packet packet;
	struct wrong w;
	uint64_t tid;

	TG_TRY(wrong_start(&w, true));
	wrong_packet(&w, &packet);
	memcpy(w.a.control.base, &packet, FRAME_AT);
	ranges[0] = (struct tg_piece){ w.a.control.base, FRAME_AT };
	ranges[1] = (struct tg_piece){ (const void *)0x123456000, 100 };
	TG_CHECK(tg_tx_raw(w.a.channel[0], &raw, &tid) == 0, "ring full");
	TG_TRY(wrong_fails(&w, w.a.channel[0], tid, "PAGE_UNKNOWN"));
	wrong_end(&w);
	return 0;
}

/* 300 ranges that do not follow each other in memory. */
static int
many_segments(void)
{
	enum { COUNT = 300, STEP = 5, GAP = 16 };
	struct tg_piece ranges[COUNT + 1];
	struct tg_raw raw = { .ranges = ranges, .range_count = COUNT + 1 };
	uint8_t data[COUNT * STEP], headers[128], *memory;
	struct tg_tx_frame frame = { .data = data, .bytes = sizeof(data) };
	struct tg_flow flow = { .udp = true, .number = 9 };
	struct wrong w;
	uint64_t tid;

	TG_TRY(wrong_start(&w, true));
	memory = w.a.control.base;
	memcpy(flow.src_mac, w.a.mac, 6);
	tg_frame_build(data, sizeof(data), &flow, 1);
	ranges[0] = (struct tg_piece){ memory, tg_rndis_build(&frame, headers, 0) };
	memcpy(memory, headers, ranges[0].bytes);
	for (unsigned int i = 0; i < COUNT; i++) {
		ranges[i + 1] = (struct tg_piece){ memory + 256 + i * GAP, STEP };
		memcpy(memory + 256 + i * GAP, data + i * STEP, STEP);
	}
	TG_CHECK(tg_tx_raw(w.a.channel[0], &raw, &tid) == 0, "ring full");
	TG_TRY(wrong_reported(&w, w.a.channel[0], tid, "SEGMENTS"));
	wrong_end(&w);
	return 0;
}

const struct tg_case wrong_data_cases[] = {
	{ "a message shorter than a packet header fails", header_short, "RNDIS_HEADER" },
	{ "a packet header split over two ranges fails", split_header, "RNDIS_HEADER" },
	{ "out-of-band data fails", oob_count, "RNDIS_OOB" },
	{ "a VC handle fails", vc_handle, "RNDIS_OOB" },
	{ "a packet without a frame fails", no_data, "RNDIS_DATA_RANGE" },
	{ "a frame that begins outside its message fails", data_outside, "RNDIS_DATA_RANGE" },
	{ "a frame that ends outside its message fails", data_too_long, "RNDIS_DATA_RANGE" },
	{ "a query behind a packet fails", query_behind, "RNDIS_NOT_PACKET" },
	{ "per-packet information of size 0 fails", ppi_size_0, "PPI_RANGE" },
	{ "per-packet information longer than its list fails", ppi_too_long, "PPI_RANGE" },
	{ "per-packet information outside the message fails", ppi_outside, "PPI_RANGE" },
	{ "per-packet data outside its element fails", ppi_data_outside, "PPI_RANGE" },
	{ "a page number that leads nowhere fails", page_unknown, "PAGE_UNKNOWN" },
	{ "a checksum request inside the IP header fails", csum_offset_low, "CSUM_OFFSET" },
	{ "a checksum request behind the frame fails", csum_offset_high, "CSUM_OFFSET" },
	{ "a checksum request inside an IPv6 header fails", csum_offset_other_version,
		"CSUM_OFFSET" },
	{ "a segmentation request with its headers behind the frame fails", lso_headers_outside,
		"LSO_HEADER" },
	{ "a TCP checksum request for a UDP frame is reported", csum_other_protocol,
		"CSUM_REQUEST" },
	{ "an IPv6 checksum request for an IPv4 frame is reported", csum_other_version,
		"CSUM_REQUEST" },
	{ "a segmentation request with mss 0 is reported", lso_mss_0, "LSO_REQUEST" },
	{ "a checksum request for a frame with its own VLAN tag is reported", vlan_inband,
		"VLAN_INBAND" },
	{ "a frame of 13 bytes is reported", frame_short, "FRAME_LENGTH" },
	{ "a frame longer than the MTU is reported", frame_long, "FRAME_LENGTH" },
	{ "more packets in a message than announced are reported", too_many_packets,
		"RNDIS_PACKETS_PER_MESSAGE" },
	{ "a packet off the announced alignment is reported", unaligned, "RNDIS_ALIGNMENT" },
	{ "a frame of 300 memory segments is reported", many_segments, "SEGMENTS" },
};
const unsigned int wrong_data_case_count = sizeof(wrong_data_cases) / sizeof(wrong_data_cases[0]);
