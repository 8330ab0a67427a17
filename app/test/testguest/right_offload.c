/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Offloads of a correct guest: the host carries out what it is asked for, so
 * that what comes back is a complete and correct frame.
 */

#include <arpa/inet.h>
#include <string.h>

#include "right.h"

static uint32_t
csum_request(const struct tg_flow *flow)
{
	return (flow->ipv6 ? RNDIS_TX_CSUM_IPV6 : RNDIS_TX_CSUM_IPV4 | RNDIS_TX_CSUM_IP_HEADER) |
		(flow->udp ? RNDIS_TX_CSUM_UDP : RNDIS_TX_CSUM_TCP) |
		tg_frame_l4_offset(flow) << RNDIS_TX_CSUM_L4_OFFSET_SHIFT;
}

/* Asks the host for everything it can do. */
static int
offloads_on(struct tg_device *dev, bool rsc)
{
	struct ndis_offload_parameters p = {
		.header = { NDIS_OBJECT_DEFAULT, 3, NDIS_OFFLOAD_PARAMETERS_BYTES_REV3 },
		.ipv4_csum = NDIS_OFFLOAD_CSUM_TX_RX, .tcp_ipv4_csum = NDIS_OFFLOAD_CSUM_TX_RX,
		.udp_ipv4_csum = NDIS_OFFLOAD_CSUM_TX_RX, .tcp_ipv6_csum = NDIS_OFFLOAD_CSUM_TX_RX,
		.udp_ipv6_csum = NDIS_OFFLOAD_CSUM_TX_RX, .lso_v2_ipv4 = NDIS_OFFLOAD_ON,
		.lso_v2_ipv6 = NDIS_OFFLOAD_ON,
	};
	uint32_t status;
	int err;

	p.rsc_ipv4 = p.rsc_ipv6 = rsc ? NDIS_OFFLOAD_ON : NDIS_OFFLOAD_OFF;
	err = tg_rndis_set(dev, OID_TCP_OFFLOAD_PARAMETERS, &p, sizeof(p), &status);
	TG_CHECK(err == 0, "offload parameters: status 0x%x", status);
	return 0;
}

static int
checksums(bool ipv6, bool udp)
{
	struct tg_options options = { 0 };
	static const enum tg_tx_way ways[] = { TG_TX_SECTION, TG_TX_SECTION_PAGES, TG_TX_PAGES };
	struct ndis_offload can;
	struct echo e;

	TG_TRY(echo_start(&e, 0, &options));
	can = echo_offloads(&e);
	if (((ipv6 ? can.tx_ipv6.flags : can.tx_ipv4.flags) & (udp ? NDIS_CSUM4_UDP :
			NDIS_CSUM4_TCP)) == 0)
		return TG_SKIP;
	TG_TRY(offloads_on(&e.dev, false));
	for (uint32_t bytes = 80; bytes <= 1514; bytes += 17) {
		struct tg_flow flow = echo_flow(&e, ipv6, udp, bytes);
		uint8_t right[1514], sent[1514];
		struct tg_tx_frame frame = { .data = sent, .bytes = bytes, .has_csum = true,
			.csum = csum_request(&flow) };

		tg_frame_build(right, bytes, &flow, bytes);
		memcpy(sent, right, bytes);
		tg_frame_prepare_offload(sent, bytes, false);
		TG_TRY(echo_frame(&e, e.dev.channel[0], ways[bytes % 3], &frame, right, bytes));
		TG_CHECK(!e.last.has_csum || (e.last.csum & (RNDIS_RX_CSUM_TCP_BAD |
			RNDIS_RX_CSUM_UDP_BAD | RNDIS_RX_CSUM_IP_BAD)) == 0, "called bad: 0x%x",
			e.last.csum);
	}
	/* Hosts of NVSP 1 tell nothing of the frames they deliver. */
	TG_CHECK(e.dev.nvsp < NVSP_VERSION_2 || (e.last.csum & (udp ? RNDIS_RX_CSUM_UDP_OK :
		RNDIS_RX_CSUM_TCP_OK)) != 0, "not called good: 0x%x", e.last.csum);
	echo_end(&e);
	return 0;
}

static int checksum_tcp4(void) { return checksums(false, false); }
static int checksum_udp4(void) { return checksums(false, true); }
static int checksum_tcp6(void) { return checksums(true, false); }
static int checksum_udp6(void) { return checksums(true, true); }

/* A frame whose checksum is wrong arrives, and is called wrong. */
static int
bad_checksum(void)
{
	struct tg_options options = { 0 };
	uint8_t data[300];
	struct tg_tx_frame frame = { .data = data, .bytes = sizeof(data) };
	struct tg_flow flow;
	struct echo e;

	TG_TRY(echo_start(&e, 0, &options));
	TG_TRY(offloads_on(&e.dev, false));
	flow = echo_flow(&e, false, false, 1);
	tg_frame_build(data, sizeof(data), &flow, 1);
	data[299] ^= 1;
	TG_TRY(echo_frame(&e, e.dev.channel[0], TG_TX_SECTION, &frame, data, sizeof(data)));
	if (e.dev.nvsp < NVSP_VERSION_2)
		return TG_SKIP;
	TG_CHECK(e.last.has_csum, "no checksum information");
	TG_CHECK((e.last.csum & RNDIS_RX_CSUM_TCP_BAD) != 0 &&
		(e.last.csum & RNDIS_RX_CSUM_TCP_OK) == 0, "0x%x", e.last.csum);
	TG_CHECK((e.last.csum & RNDIS_RX_CSUM_IP_OK) != 0, "0x%x", e.last.csum);
	echo_end(&e);
	return 0;
}

/* ---- VLAN ---- */

static int
vlan(void)
{
	struct tg_options options = { 0 };
	struct echo e;

	TG_TRY(echo_start(&e, 0, &options));
	if (e.dev.nvsp < NVSP_VERSION_2)
		return TG_SKIP;
	for (uint32_t i = 0; i < 64; i++) {
		struct tg_flow flow = echo_flow(&e, false, true, i);
		uint8_t data[500];
		struct tg_tx_frame frame = { .data = data, .bytes = 100 + i,
			.has_vlan = true, .vlan = (1 + i * 64 % 4094) << RNDIS_VLAN_ID_SHIFT |
				(i & 1) * RNDIS_VLAN_DEI | i % 8 };

		tg_frame_build(data, 100 + i, &flow, i);
		TG_TRY(echo_frame(&e, e.dev.channel[0], i % 3, &frame, data, 100 + i));
		TG_CHECK(e.last.has_vlan && e.last.vlan == frame.vlan, "0x%x came back as %s 0x%x",
			frame.vlan, e.last.has_vlan ? "tag" : "no tag", e.last.vlan);
	}
	echo_end(&e);
	return 0;
}

static int
vlan_and_checksum(void)
{
	struct tg_options options = { 0 };
	uint8_t right[600], sent[600];
	struct tg_tx_frame frame = { .data = sent, .bytes = sizeof(sent), .has_csum = true,
		.has_vlan = true, .vlan = 77u << RNDIS_VLAN_ID_SHIFT | 5 };
	struct tg_flow flow;
	struct echo e;

	TG_TRY(echo_start(&e, 0, &options));
	if (e.dev.nvsp < NVSP_VERSION_2)
		return TG_SKIP;
	TG_TRY(offloads_on(&e.dev, false));
	flow = echo_flow(&e, true, false, 3);
	frame.csum = csum_request(&flow);
	tg_frame_build(right, sizeof(right), &flow, 9);
	memcpy(sent, right, sizeof(sent));
	tg_frame_prepare_offload(sent, sizeof(sent), false);
	TG_TRY(echo_frame(&e, e.dev.channel[0], TG_TX_SECTION, &frame, right, sizeof(right)));
	TG_CHECK(e.last.has_vlan && e.last.vlan == frame.vlan, "0x%x", e.last.vlan);
	echo_end(&e);
	return 0;
}

/* ---- segmentation and coalescing ---- */

struct stream {
	uint32_t headers, number, seq, mss;
	uint64_t bytes, segments, bad, runs;
	bool vlan;
};

/* Each segment is a correct frame that continues where the last one ended. */
static void
segment(struct tg_channel *ch, const struct tg_rx_frame *f, void *arg)
{
	struct stream *s = arg;
	uint32_t seq, payload = f->bytes - s->headers;

	(void)ch;
	memcpy(&seq, f->data + s->headers - 16, 4);
	seq = ntohl(seq);
	s->segments++;
	if (f->pieces > 1)
		s->runs++;
	if (f->bytes < s->headers || (f->pieces == 1 && payload > s->mss) ||
			seq - s->seq != s->bytes ||
			!tg_frame_payload_ok(f->data + s->headers, payload, s->number, s->seq,
				seq - s->seq) ||
			(f->pieces == 1 && !tg_frame_checksums_ok(f->data, f->bytes)) ||
			f->has_vlan != s->vlan)
		s->bad++;
	s->bytes += payload;
}

static int
large_send(struct echo *e, const struct tg_flow *flow, struct stream *s, uint32_t payload,
	bool with_vlan)
{
	static uint8_t data[TG_FRAME_MAX];
	uint32_t l4 = tg_frame_l4_offset(flow), bytes;
	struct tg_tx_frame frame = { .data = data, .has_lso = true, .has_vlan = with_vlan,
		.vlan = 5u << RNDIS_VLAN_ID_SHIFT };
	int status;

	*s = (struct stream){ .headers = tg_frame_headers(flow), .number = flow->number,
		.seq = 1000, .mss = s->mss, .vlan = with_vlan };
	bytes = frame.bytes = s->headers + payload;
	frame.lso = RNDIS_LSO_V2 | s->mss | l4 << RNDIS_LSO_L4_OFFSET_SHIFT |
		(flow->ipv6 ? RNDIS_LSO_IPV6 : 0);
	tg_frame_build(data, bytes, flow, s->seq);
	tg_frame_prepare_offload(data, bytes, true);
	status = tg_tx_wait(e->dev.channel[0], TG_TX_PAGES, &frame, 1);
	TG_CHECK(status == NVSP_STATUS_SUCCESS, "%u bytes: status %d", bytes, status);
	TG_CHECK(tg_wait(&e->dev, &s->bytes, payload, TG_WAIT_MS) == 0, "%llu of %u bytes came "
		"back in %llu frames", (unsigned long long)s->bytes, payload,
		(unsigned long long)s->segments);
	TG_CHECK(s->bad == 0, "%llu of %llu segments are wrong", (unsigned long long)s->bad,
		(unsigned long long)s->segments);
	return 0;
}

static int
segmentation(bool ipv6, bool with_vlan)
{
	static const uint32_t sizes[] = { 1461, 2920, 2921, 10000, 40000, 62000 };
	struct tg_options options = { 0 };
	struct stream s = { .mss = ipv6 ? 1440 : 1460 };
	struct ndis_offload can;
	struct tg_flow flow;
	struct echo e;

	TG_TRY(echo_start(&e, 0, &options));
	can = echo_offloads(&e);
	if ((ipv6 ? can.lso_ipv6.max_bytes : can.lso_ipv4.max_bytes) < 62000)
		return TG_SKIP;
	TG_TRY(offloads_on(&e.dev, false));
	flow = echo_flow(&e, ipv6, false, 11);
	e.dev.on_frame = segment;
	e.dev.on_frame_arg = &s;
	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		TG_TRY(large_send(&e, &flow, &s, sizes[i], with_vlan));
		TG_CHECK(s.segments == (sizes[i] + s.mss - 1) / s.mss, "%llu segments",
			(unsigned long long)s.segments);
	}
	echo_end(&e);
	return 0;
}

static int lso_ipv4(void) { return segmentation(false, false); }
static int lso_ipv6(void) { return segmentation(true, false); }
static int lso_vlan(void) { return segmentation(false, true); }

static int
coalescing(void)
{
	struct tg_options options = { .caps = NVSP_CONFIG_CAP_RSC };
	struct stream s = { .mss = 1460 };
	struct tg_flow flow;
	uint64_t runs = 0;
	struct echo e;

	TG_TRY(echo_start(&e, 0, &options));
	if (echo_offloads(&e).rsc_ipv4 == 0)
		return TG_SKIP;
	TG_TRY(offloads_on(&e.dev, true));
	flow = echo_flow(&e, false, false, 12);
	e.dev.on_frame = segment;
	e.dev.on_frame_arg = &s;
	for (unsigned int i = 0; i < 50; i++) {
		TG_TRY(large_send(&e, &flow, &s, 60000, false));
		runs += s.runs;
	}
	TG_CHECK(runs > 0, "nothing was coalesced");
	echo_end(&e);
	return 0;
}

const struct tg_case right_offload_cases[] = {
	{ "TCP over IPv4 leaves with its checksums filled in", checksum_tcp4, NULL },
	{ "UDP over IPv4 leaves with its checksums filled in", checksum_udp4, NULL },
	{ "TCP over IPv6 leaves with its checksum filled in", checksum_tcp6, NULL },
	{ "UDP over IPv6 leaves with its checksum filled in", checksum_udp6, NULL },
	{ "a frame with a wrong checksum arrives and is called wrong", bad_checksum, NULL },
	{ "VLAN tags travel beside the frame, all bits of them", vlan, NULL },
	{ "a VLAN tag and a checksum go together", vlan_and_checksum, NULL },
	{ "large IPv4 sends are cut into correct segments", lso_ipv4, NULL },
	{ "large IPv6 sends are cut into correct segments", lso_ipv6, NULL },
	{ "large sends keep their VLAN tag", lso_vlan, NULL },
	{ "received TCP is coalesced into whole runs", coalescing, NULL },
};
const unsigned int right_offload_case_count =
	sizeof(right_offload_cases) / sizeof(right_offload_cases[0]);
