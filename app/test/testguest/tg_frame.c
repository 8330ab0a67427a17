/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Test frames. Checksums and the Toeplitz hash are the plain textbook forms,
 * bit by bit where that is clearest: this file is the reference, not the
 * fast path.
 */

#include <arpa/inet.h>
#include <string.h>

#include "tg_frame.h"

#define ETH_BYTES 14u
#define TYPE_IPV4 0x0800u
#define TYPE_IPV6 0x86ddu
#define PROTO_TCP 6u
#define PROTO_UDP 17u

static void
put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void
put32(uint8_t *at, uint32_t value)
{
	put16(at, value >> 16);
	put16(at + 2, value);
}

static uint32_t
get16(const uint8_t *at)
{
	return (uint32_t)at[0] << 8 | at[1];
}

static uint32_t
sum(const uint8_t *at, uint32_t bytes, uint32_t start)
{
	for (uint32_t i = 0; i + 1 < bytes; i += 2)
		start += get16(at + i);
	if (bytes % 2 != 0)
		start += (uint32_t)at[bytes - 1] << 8;
	while (start >> 16 != 0)
		start = (start & 0xffff) + (start >> 16);
	return start;
}

/* Where things are in a frame. */
struct layout {
	bool ipv6, udp;
	uint32_t l4, l4_bytes;  /* offset; bytes to the end of the packet */
};

static bool
find_layout(const uint8_t *frame, uint32_t bytes, struct layout *l)
{
	const uint8_t *ip = frame + ETH_BYTES;
	uint32_t type, proto, total;

	if (bytes < ETH_BYTES + 20)
		return false;
	type = get16(frame + 12);
	if (type != TYPE_IPV4 && type != TYPE_IPV6)
		return false;
	l->ipv6 = type == TYPE_IPV6;
	l->l4 = ETH_BYTES + (l->ipv6 ? 40 : (uint32_t)(ip[0] & 15) * 4);
	proto = l->ipv6 ? ip[6] : ip[9];
	total = l->ipv6 ? 40 + get16(ip + 4) : get16(ip + 2);
	l->udp = proto == PROTO_UDP;
	if ((proto != PROTO_TCP && proto != PROTO_UDP) || ETH_BYTES + total > bytes ||
			ETH_BYTES + total < l->l4 + 8)
		return false;
	l->l4_bytes = ETH_BYTES + total - l->l4;
	return true;
}

static uint32_t
pseudo_sum(const uint8_t *frame, const struct layout *l, uint32_t l4_bytes)
{
	const uint8_t *addresses = frame + ETH_BYTES + (l->ipv6 ? 8 : 12);

	return sum(addresses, l->ipv6 ? 32 : 8, l4_bytes + (l->udp ? PROTO_UDP : PROTO_TCP));
}

static uint8_t *
l4_checksum_at(uint8_t *frame, const struct layout *l)
{
	return frame + l->l4 + (l->udp ? 6 : 16);
}

uint32_t
tg_frame_l4_offset(const struct tg_flow *flow)
{
	return ETH_BYTES + (flow->ipv6 ? 40 : 20);
}

uint32_t
tg_frame_headers(const struct tg_flow *flow)
{
	return tg_frame_l4_offset(flow) + (flow->udp ? 8 : 20);
}

void
tg_flow_addresses(const struct tg_flow *flow, uint8_t src[16], uint8_t dst[16],
	uint16_t *src_port, uint16_t *dst_port)
{
	uint32_t n = flow->number;

	memset(src, 0, 16);
	memset(dst, 0, 16);
	if (flow->ipv6) {
		memcpy(src, "\x20\x01\x0d\xb8", 4);
		memcpy(dst, "\x20\x01\x0d\xb8", 4);
		put32(src + 12, n * 2654435761u);
		put32(dst + 12, n + 1);
	} else {
		put32(src, 0x0a000000u | ((n * 2654435761u) >> 8));
		put32(dst, 0xc0a80000u | (n & 0xffff));
	}
	*src_port = (uint16_t)(1024 + n % 60000);
	*dst_port = (uint16_t)(5000 + n / 60000);
}

static void
build_ip(uint8_t *ip, uint32_t bytes, const struct tg_flow *flow, const uint8_t src[16],
	const uint8_t dst[16])
{
	uint8_t proto = flow->udp ? PROTO_UDP : PROTO_TCP;

	if (flow->ipv6) {
		put32(ip, 0x60000000u);
		put16(ip + 4, bytes - 40);
		ip[6] = proto;
		ip[7] = 64;
		memcpy(ip + 8, src, 16);
		memcpy(ip + 24, dst, 16);
		return;
	}
	ip[0] = 0x45;
	put16(ip + 2, bytes);
	put16(ip + 6, 0x4000);
	ip[8] = 64;
	ip[9] = proto;
	memcpy(ip + 12, src, 4);
	memcpy(ip + 16, dst, 4);
	put16(ip + 10, ~sum(ip, 20, 0));
}

static uint8_t
payload_byte(uint32_t number, uint32_t seq, uint32_t at)
{
	uint32_t x = number * 0x9e3779b1u ^ seq * 0x85ebca6bu ^ (at / 4) * 0xc2b2ae35u;

	x ^= x >> 15;
	x *= 0x2c1b3c6du;
	return (uint8_t)(x >> (8 * (at % 4)));
}

void
tg_frame_build(uint8_t *out, uint32_t bytes, const struct tg_flow *flow, uint32_t seq)
{
	uint32_t l4 = tg_frame_l4_offset(flow), headers = tg_frame_headers(flow);
	uint8_t src[16], dst[16], *field;
	uint16_t src_port, dst_port;
	struct layout l;

	memset(out, 0, headers < bytes ? headers : bytes);
	if (bytes < headers)
		return;
	tg_flow_addresses(flow, src, dst, &src_port, &dst_port);
	memcpy(out, flow->dst_mac, 6);
	memcpy(out + 6, flow->src_mac, 6);
	put16(out + 12, flow->ipv6 ? TYPE_IPV6 : TYPE_IPV4);
	build_ip(out + ETH_BYTES, bytes - ETH_BYTES, flow, src, dst);
	put16(out + l4, src_port);
	put16(out + l4 + 2, dst_port);
	if (flow->udp) {
		put16(out + l4 + 4, bytes - l4);
	} else {
		put32(out + l4 + 4, seq);
		put16(out + l4 + 12, 0x5010);
		put16(out + l4 + 14, 0xffff);
	}
	for (uint32_t i = headers; i < bytes; i++)
		out[i] = payload_byte(flow->number, seq, i - headers);
	find_layout(out, bytes, &l);
	field = l4_checksum_at(out, &l);
	put16(field, ~sum(out + l4, bytes - l4, pseudo_sum(out, &l, bytes - l4)));
	if (flow->udp && get16(field) == 0)
		put16(field, 0xffff);
}

bool
tg_frame_payload_ok(const uint8_t *payload, uint32_t bytes, uint32_t number, uint32_t seq,
	uint32_t at)
{
	for (uint32_t i = 0; i < bytes; i++)
		if (payload[i] != payload_byte(number, seq, at + i))
			return false;
	return true;
}

bool
tg_frame_checksums_ok(const uint8_t *frame, uint32_t bytes)
{
	struct layout l;

	if (!find_layout(frame, bytes, &l))
		return false;
	if (!l.ipv6 && sum(frame + ETH_BYTES, l.l4 - ETH_BYTES, 0) != 0xffff)
		return false;
	return sum(frame + l.l4, l.l4_bytes, pseudo_sum(frame, &l, l.l4_bytes)) == 0xffff;
}

void
tg_frame_prepare_offload(uint8_t *frame, uint32_t bytes, bool lso)
{
	struct layout l;

	if (!find_layout(frame, bytes, &l))
		return;
	if (!l.ipv6) {
		put16(frame + ETH_BYTES + 10, 0);
		if (lso)
			put16(frame + ETH_BYTES + 2, 0);
	} else if (lso) {
		put16(frame + ETH_BYTES + 4, 0);
	}
	put16(l4_checksum_at(frame, &l), pseudo_sum(frame, &l, lso ? 0 : l.l4_bytes));
}

uint32_t
tg_toeplitz(const uint8_t key[40], const uint8_t *input, uint32_t bytes)
{
	uint32_t hash = 0, window = (uint32_t)key[0] << 24 | (uint32_t)key[1] << 16 |
		(uint32_t)key[2] << 8 | key[3];

	for (uint32_t bit = 0; bit < bytes * 8; bit++) {
		uint32_t next = bit + 32;

		if ((input[bit / 8] >> (7 - bit % 8) & 1) != 0)
			hash ^= window;
		window = window << 1 | (key[next / 8] >> (7 - next % 8) & 1);
	}
	return hash;
}

uint32_t
tg_flow_hash(const struct tg_flow *flow, const uint8_t key[40])
{
	uint32_t each = flow->ipv6 ? 16 : 4;
	uint8_t input[36], src[16], dst[16];
	uint16_t src_port, dst_port;

	tg_flow_addresses(flow, src, dst, &src_port, &dst_port);
	memcpy(input, src, each);
	memcpy(input + each, dst, each);
	put16(input + 2 * each, src_port);
	put16(input + 2 * each + 2, dst_port);
	return tg_toeplitz(key, input, 2 * each + (flow->udp ? 0 : 4));
}
