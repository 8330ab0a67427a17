/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What a guest may ask the host to do with a frame, done for real: checksums
 * and segmentation; and the verification of received frames. Headers are
 * parsed from private copies; offsets found there are checked against the
 * frame's length, so that a guest that rewrites the frame meanwhile gets a
 * wrong frame and nothing else.
 */

#include <errno.h>

#include "offload.h"

#define IPV4_BYTES 20u
#define IPV6_BYTES 40u
#define TCP_BYTES 20u
#define UDP_BYTES 8u

#define TCP_FIN 0x01u
#define TCP_PSH 0x08u
#define TCP_CWR 0x80u

/* ---- where the headers are ---- */

static bool
l4_ok(uint8_t proto, uint32_t at, uint32_t head_bytes, uint32_t end)
{
	uint32_t bytes = proto == IP_TCP ? TCP_BYTES : UDP_BYTES;

	if (proto != IP_TCP && proto != IP_UDP)
		return false;
	return range_ok(at, bytes, end) && range_ok(at, bytes, head_bytes);
}

static bool
parse_ipv4(const uint8_t *head, uint32_t head_bytes, uint32_t bytes, struct frame_view *view)
{
	uint32_t at = view->l3_offset, header, total;

	if (!range_ok(at, IPV4_BYTES, head_bytes) || head[at] >> 4 != 4)
		return false;
	header = (head[at] & 0xfu) * 4;
	total = load_be16(head + at + 2);
	if (header < IPV4_BYTES || !range_ok(at, header, head_bytes))
		return false;
	view->ip_version = 4;
	view->proto = head[at + 9];
	view->fragment = (load_be16(head + at + 6) & 0x3fff) != 0;
	/* Total length 0: a frame that is to be segmented. */
	view->l3_end = total == 0 || total < header || !range_ok(at, total, bytes) ?
		bytes : at + total;
	if (!view->fragment && l4_ok(view->proto, at + header, head_bytes, view->l3_end))
		view->l4_offset = (uint16_t)(at + header);
	return true;
}

static bool
parse_ipv6(const uint8_t *head, uint32_t head_bytes, uint32_t bytes, struct frame_view *view)
{
	uint32_t at = view->l3_offset, payload;
	uint8_t next;

	if (!range_ok(at, IPV6_BYTES, head_bytes) || head[at] >> 4 != 6)
		return false;
	view->ip_version = 6;
	payload = load_be16(head + at + 4);
	next = head[at + 6];
	at += IPV6_BYTES;
	view->l3_end = payload == 0 || !range_ok(at, payload, bytes) ? bytes : at + payload;
	/* Hop-by-hop, routing, destination options; each at least 8 bytes long. */
	while ((next == 0 || next == 43 || next == 60) && range_ok(at, 8, head_bytes)) {
		next = head[at];
		at += (head[at + 1] + 1u) * 8;
	}
	view->proto = next;
	view->fragment = next == 44;
	if (l4_ok(next, at, head_bytes, view->l3_end))
		view->l4_offset = (uint16_t)at;
	return true;
}

bool
frame_parse(const uint8_t *head, uint32_t head_bytes, uint32_t bytes, struct frame_view *view)
{
	uint32_t at = 12;
	uint16_t type;

	*view = (struct frame_view) { .l3_end = bytes };
	if (head_bytes < FRAME_HEADER_BYTES)
		return false;
	type = load_be16(head + at);
	if (type == ETHER_VLAN && head_bytes >= FRAME_HEADER_BYTES + 4) {
		view->tagged = true;
		at += 4;
		type = load_be16(head + at);
	}
	view->l3_offset = (uint16_t)(at + 2);
	if (type == ETHER_IPV4 && parse_ipv4(head, head_bytes, bytes, view))
		return true;
	if (type == ETHER_IPV6 && parse_ipv6(head, head_bytes, bytes, view))
		return true;
	view->l3_offset = 0;
	return false;
}

bool
frame_parse_shared(const uint8_t *frame, uint32_t bytes, uint8_t *head,
	struct frame_view *view)
{
	uint32_t n = HV_MIN(bytes, FRAME_HEAD_BYTES);

	copy_frame(head, frame, n);
	host_copy_barrier();
	return frame_parse(head, n, bytes, view);
}

/* ---- sums ---- */

static uint16_t
fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

uint16_t
csum_add(const void *data, uint32_t bytes, uint32_t sum)
{
	const uint8_t *p = data;
	uint64_t total = 0;
	uint32_t word;
	uint16_t half;

	for (; bytes >= 4; bytes -= 4, p += 4) {
		memcpy(&word, p, 4);
		total += word;
	}
	if (bytes >= 2) {
		memcpy(&half, p, 2);
		total += half;
		p += 2;
	}
	if (bytes % 2 != 0)
		total += *p;            /* little-endian: the low byte of a last word */
	/* Summed as the machine reads words; the sum swaps like its words. */
	return fold((uint64_t)__builtin_bswap16(fold(total)) + sum);
}

uint16_t
csum_pseudo(const uint8_t *head, const struct frame_view *view, uint32_t l4_bytes)
{
	uint32_t sum = view->proto + (l4_bytes >> 16) + (l4_bytes & 0xffff);

	if (view->ip_version == 4)
		return csum_add(head + view->l3_offset + 12, 8, sum);
	return csum_add(head + view->l3_offset + 8, 32, sum);
}

static uint32_t
csum_offset(uint8_t proto)
{
	return proto == IP_TCP ? 16 : 6;
}

uint32_t
csum_verify(const uint8_t *frame, uint32_t bytes)
{
	uint8_t head[FRAME_HEAD_BYTES];
	struct frame_view view;
	uint32_t result = 0, l4_bytes, header;
	bool tcp, good;

	if (!frame_parse_shared(frame, bytes, head, &view))
		return 0;
	if (view.ip_version == 4) {
		header = (head[view.l3_offset] & 0xfu) * 4;
		good = csum_add(head + view.l3_offset, header, 0) == 0xffff;
		result = good ? RNDIS_RX_CSUM_IP_OK : RNDIS_RX_CSUM_IP_BAD;
	}
	if (view.l4_offset == 0)
		return result;
	tcp = view.proto == IP_TCP;
	if (!tcp && view.ip_version == 4 &&
	    load_be16(head + view.l4_offset + csum_offset(view.proto)) == 0)
		return result;          /* UDP without a checksum */
	l4_bytes = view.l3_end - view.l4_offset;
	good = csum_add(frame + view.l4_offset, l4_bytes,
		csum_pseudo(head, &view, l4_bytes)) == 0xffff;
	if (tcp)
		return result | (good ? RNDIS_RX_CSUM_TCP_OK : RNDIS_RX_CSUM_TCP_BAD);
	return result | (good ? RNDIS_RX_CSUM_UDP_OK : RNDIS_RX_CSUM_UDP_BAD);
}

uint32_t
csum_good(const uint8_t *frame, uint32_t bytes)
{
	uint8_t head[FRAME_HEAD_BYTES];
	struct frame_view view;
	uint32_t result;

	if (!frame_parse_shared(frame, bytes, head, &view))
		return 0;
	result = view.ip_version == 4 ? RNDIS_RX_CSUM_IP_OK : 0;
	if (view.l4_offset != 0)
		result |= view.proto == IP_TCP ? RNDIS_RX_CSUM_TCP_OK : RNDIS_RX_CSUM_UDP_OK;
	return result;
}

/* Computes the checksum of an L4 part whose field holds what is to be added. */
static void
l4_finish(uint8_t *frame, uint32_t at, uint32_t end, uint8_t proto)
{
	uint16_t sum = (uint16_t)~csum_add(frame + at, end - at, 0);

	if (sum == 0 && proto == IP_UDP)
		sum = 0xffff;           /* 0 means: no checksum */
	store_be16(frame + at + csum_offset(proto), sum);
}

void
csum_complete(uint8_t *frame, uint32_t bytes, uint32_t l4_offset)
{
	uint8_t head[FRAME_HEAD_BYTES];
	struct frame_view view;

	if (!frame_parse_shared(frame, bytes, head, &view) || view.l4_offset == 0 ||
	    view.l4_offset != l4_offset)
		return;
	l4_finish(frame, l4_offset, view.l3_end, view.proto);
}

static void
ip_finish(uint8_t *l3, uint32_t header_bytes)
{
	store_be16(l3 + 10, 0);
	store_be16(l3 + 10, (uint16_t)~csum_add(l3, header_bytes, 0));
}

/* ---- what a guest asks for, checked ---- */

static uint32_t
default_l4(uint8_t ip_version)
{
	return FRAME_HEADER_BYTES + (ip_version == 6 ? IPV6_BYTES : IPV4_BYTES);
}

static bool
full(void)
{
	return vsp_settings.check == CHECK_FULL;
}

static void
request_report(struct vsp_channel *channel, enum vsp_rule rule, const char *what)
{
	if (full())
		vsp_violation(channel, rule, "%s", what);
}

static int
lso_check(struct vsp_channel *channel, const uint8_t *head, uint32_t head_bytes,
	const struct frame_view *view, struct offload_request *request)
{
	bool ipv6 = (request->lso & RNDIS_LSO_IPV6) != 0;
	uint32_t l4 = (request->lso & RNDIS_LSO_L4_OFFSET_MASK) >> RNDIS_LSO_L4_OFFSET_SHIFT;
	uint32_t least = default_l4(ipv6 ? 6 : 4), header;

	if (l4 == 0)
		l4 = least;
	if (l4 < least || !range_ok(l4, TCP_BYTES, HV_MIN(head_bytes, request->bytes)))
		return -EINVAL;
	header = (head[l4 + 12] >> 4) * 4u;
	if (header < TCP_BYTES || !range_ok(l4, header, HV_MIN(head_bytes, request->bytes)))
		return -EINVAL;
	request->l4_offset = (uint16_t)l4;
	request->header_bytes = (uint16_t)(l4 + header);
	request->proto = IP_TCP;
	if (!channel->nic->profile->lso)
		request_report(channel, VSP_RULE_LSO_REQUEST, "not offered");
	if ((request->lso & RNDIS_LSO_MSS_MASK) == 0)
		request_report(channel, VSP_RULE_LSO_REQUEST, "mss 0");
	if (view->ip_version != (ipv6 ? 6 : 4) || view->proto != IP_TCP || view->fragment) {
		request_report(channel, VSP_RULE_LSO_REQUEST, "not a TCP segment of that kind");
		return 0;
	}
	request->ip_version = view->ip_version;
	request->ip_csum = !ipv6;
	return 0;
}

/* Whether the frame is what the checksum request says it is. */
static const char *
csum_misfit(const struct vsp_nic *nic, const struct frame_view *view,
	const struct offload_request *request)
{
	bool ipv6 = (request->csum & RNDIS_TX_CSUM_IPV6) != 0;
	bool ipv4 = (request->csum & RNDIS_TX_CSUM_IPV4) != 0;

	if (ipv4 == ipv6)
		return "neither IPv4 nor IPv6, or both";
	if (view->ip_version != (ipv6 ? 6 : 4))
		return "not a packet of that IP version";
	if (ipv6 && (request->csum & RNDIS_TX_CSUM_IP_HEADER) != 0)
		return "IP header checksum of IPv6";
	if (request->proto != 0 && view->fragment)
		return "a fragment";
	if (request->proto != 0 && view->proto != request->proto)
		return "not a packet of that protocol";
	if (!nic->profile->csum_offload)
		return "checksum offload was not offered";
	if (request->proto == IP_UDP && !nic->profile->udp_csum)
		return "UDP checksum offload was not offered";
	return NULL;
}

static int
csum_check(struct vsp_channel *channel, const uint8_t *head, uint32_t head_bytes,
	const struct frame_view *view, struct offload_request *request)
{
	bool ipv6 = (request->csum & RNDIS_TX_CSUM_IPV6) != 0;
	uint32_t l4 = (request->csum & RNDIS_TX_CSUM_L4_OFFSET_MASK) >>
		RNDIS_TX_CSUM_L4_OFFSET_SHIFT;
	uint32_t least = default_l4(ipv6 ? 6 : 4);
	const char *misfit;

	if ((request->csum & RNDIS_TX_CSUM_TCP) != 0)
		request->proto = IP_TCP;
	else if ((request->csum & RNDIS_TX_CSUM_UDP) != 0)
		request->proto = IP_UDP;
	if (l4 == 0)
		l4 = least;
	if (request->proto != 0 && (l4 < least || !range_ok(l4, request->proto == IP_TCP ?
	    TCP_BYTES : UDP_BYTES, HV_MIN(request->bytes, head_bytes))))
		return -EINVAL;
	/* A header with options, and an offset that ignores them. */
	if (full() && request->proto != 0 && view->l4_offset != 0 && view->l4_offset != l4)
		return -EINVAL;
	misfit = csum_misfit(channel->nic, view, request);
	if (misfit != NULL)
		request_report(channel, VSP_RULE_CSUM_REQUEST, misfit);
	if (view->ip_version != (ipv6 ? 6 : 4))
		return 0;
	request->ip_version = view->ip_version;
	request->ip_csum = !ipv6 && (request->csum & RNDIS_TX_CSUM_IP_HEADER) != 0;
	if (request->proto != 0 && !view->fragment)
		request->l4_offset = (uint16_t)l4;
	(void)head;
	return 0;
}

int
offload_check(struct vsp_channel *channel, const uint8_t *head, uint32_t head_bytes,
	struct offload_request *request, enum vsp_rule *rule)
{
	struct frame_view view;

	request->l4_offset = 0;
	request->header_bytes = 0;
	request->proto = 0;
	request->ip_version = 0;
	request->ip_csum = false;
	frame_parse(head, head_bytes, request->bytes, &view);
	if (head_bytes >= FRAME_HEADER_BYTES && load_be16(head + 12) == ETHER_VLAN) {
		/* A second tag beside the frame asks for nothing behind the first. */
		if ((request->want & ~OFFLOAD_VLAN) != 0)
			request_report(channel, VSP_RULE_VLAN_INBAND,
				"the tag was expected beside the frame");
		request->want &= OFFLOAD_VLAN;
		return 0;
	}
	if ((request->want & OFFLOAD_LSO) != 0) {
		*rule = VSP_RULE_LSO_HEADER;
		return lso_check(channel, head, head_bytes, &view, request);
	}
	if ((request->want & OFFLOAD_CSUM) != 0 && request->csum != 0) {
		*rule = VSP_RULE_CSUM_OFFSET;
		return csum_check(channel, head, head_bytes, &view, request);
	}
	return 0;
}

/* ---- done for real ---- */

bool
offload_csum(uint8_t *frame, const struct offload_request *request, bool partial)
{
	const uint32_t l3 = FRAME_HEADER_BYTES;
	uint32_t head_bytes = HV_MIN(request->bytes, FRAME_HEAD_BYTES), header;
	struct frame_view view;

	/* Parsed again: the guest may have changed what was checked. */
	if (request->ip_version == 0 ||
	    !frame_parse(frame, head_bytes, request->bytes, &view) ||
	    view.ip_version != request->ip_version || view.l3_offset != l3)
		return false;
	if (request->ip_csum) {
		header = (frame[l3] & 0xfu) * 4;
		ip_finish(frame + l3, header);
	}
	if (request->l4_offset == 0 || view.fragment ||
	    !range_ok(request->l4_offset, request->proto == IP_TCP ? TCP_BYTES : UDP_BYTES,
		view.l3_end))
		return false;
	/* As asked for: also if the packet is of another protocol. */
	view.proto = request->proto;
	store_be16(frame + request->l4_offset + csum_offset(view.proto),
		csum_pseudo(frame, &view, view.l3_end - request->l4_offset));
	if (partial)
		return true;
	l4_finish(frame, request->l4_offset, view.l3_end, view.proto);
	return false;
}

bool
lso_start(struct lso_cut *cut, const uint8_t *frame, const struct offload_request *request)
{
	uint32_t mss = request->lso & RNDIS_LSO_MSS_MASK;

	if (request->ip_version == 0 || request->header_bytes == 0 || mss == 0 ||
	    request->bytes < request->header_bytes)
		return false;
	memcpy(cut->header, frame, request->header_bytes);
	host_copy_barrier();
	cut->header_bytes = request->header_bytes;
	cut->l4_offset = request->l4_offset;
	cut->ip_version = request->ip_version;
	cut->mss = mss;
	cut->payload = frame + request->header_bytes;
	cut->payload_bytes = request->bytes - request->header_bytes;
	cut->segments = cut->payload_bytes == 0 ? 1 : (cut->payload_bytes + mss - 1) / mss;
	return true;
}

/* The IP header of segment i; `to` holds the headers. */
static void
segment_ip(const struct lso_cut *cut, uint32_t i, uint8_t *to, uint32_t bytes)
{
	uint8_t *ip = to + FRAME_HEADER_BYTES;
	uint32_t header = cut->l4_offset - FRAME_HEADER_BYTES;

	if (cut->ip_version == 6) {
		store_be16(ip + 4, (uint16_t)(bytes - FRAME_HEADER_BYTES - IPV6_BYTES));
		return;
	}
	store_be16(ip + 2, (uint16_t)(bytes - FRAME_HEADER_BYTES));
	store_be16(ip + 4, (uint16_t)(load_be16(cut->header + FRAME_HEADER_BYTES + 4) + i));
	ip_finish(ip, header);
}

uint32_t
lso_segment(const struct lso_cut *cut, uint32_t i, uint8_t *to)
{
	uint32_t start = i * cut->mss;
	uint32_t payload = HV_MIN(cut->mss, cut->payload_bytes - start);
	uint32_t bytes = cut->header_bytes + payload;
	struct frame_view view = {
		.l3_offset = FRAME_HEADER_BYTES, .ip_version = cut->ip_version, .proto = IP_TCP,
	};
	uint8_t *tcp = to + cut->l4_offset;

	memcpy(to, cut->header, cut->header_bytes);
	memcpy(to + cut->header_bytes, cut->payload + start, payload);
	segment_ip(cut, i, to, bytes);
	store_be32(tcp + 4, load_be32(cut->header + cut->l4_offset + 4) + start);
	if (i != 0)
		tcp[13] &= (uint8_t)~TCP_CWR;
	if (i + 1 < cut->segments)
		tcp[13] &= (uint8_t)~(TCP_FIN | TCP_PSH);
	store_be16(tcp + 16, csum_pseudo(to, &view, bytes - cut->l4_offset));
	l4_finish(to, cut->l4_offset, bytes, IP_TCP);
	return bytes;
}
