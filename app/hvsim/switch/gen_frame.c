/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Builds generated frames from a template. The sums of everything constant,
 * and of every window of the pattern, are known beforehand: a frame costs two
 * copies and a few additions, whatever its length.
 */

#include "gen_frame.h"

#include <endian.h>
#include <string.h>

#include "../core/util.h"
#include "segment.h"
#include "sum.h"

#define IP_OFFSET 14u
#define WINDOW_STARTS 2048u     /* at even offsets */
#define PATTERN_BYTES (WINDOW_STARTS * 2u + FRAME_BYTES_MAX + 2u)
/* Shorter windows are summed directly. */
#define PREFIX_WORTH_BYTES 64u

static uint8_t pattern[PATTERN_BYTES];
static uint32_t pattern_prefix[PATTERN_BYTES / 2 + 1];  /* sum of the first n words */
static bool pattern_ready;

static void
pattern_init(void)
{
	struct rng rng = { .state = 0x68767369 };
	uint16_t word;

	if (pattern_ready)
		return;
	for (unsigned int i = 0; i < PATTERN_BYTES; i++)
		pattern[i] = (uint8_t)rng_next(&rng);
	for (unsigned int i = 0; i < PATTERN_BYTES / 2; i++) {
		memcpy(&word, pattern + i * 2, sizeof(word));
		pattern_prefix[i + 1] = pattern_prefix[i] + word;
	}
	pattern_ready = true;
}

static uint64_t
mix(uint64_t value)
{
	value *= 0x9e3779b97f4a7c15ull;
	value ^= value >> 32;
	value *= 0xd6e8feb86659fd93ull;
	return value ^ value >> 32;
}

uint16_t
gen_tag_check(const struct gen_tag *tag, uint32_t payload_bytes)
{
	uint64_t ids = (uint64_t)tag->generator << 48 | (uint64_t)tag->flow << 32 | payload_bytes;

	return (uint16_t)mix(mix(ids) ^ ((uint64_t)tag->sequence << 32 | tag->time_ns));
}

const uint8_t *
gen_pattern(const struct gen_tag *tag)
{
	uint64_t start = mix((uint64_t)tag->flow << 32 | tag->sequence) % WINDOW_STARTS;

	pattern_init();
	return pattern + start * 2;
}

static uint64_t
pattern_sum(const uint8_t *window, uint32_t bytes)
{
	size_t first = (size_t)(window - pattern) / 2;
	uint64_t sum;

	if (bytes < PREFIX_WORTH_BYTES)
		return sum_bytes(window, bytes);
	sum = pattern_prefix[first + bytes / 2] - pattern_prefix[first];
	return (bytes & 1) != 0 ? sum + sum_bytes(window + bytes - 1, 1) : sum;
}

/* ---- the template ---- */

static unsigned int
l3_bytes(const struct gen_shape *shape)
{
	return shape->ipv6 ? 40 : 20;
}

static unsigned int
l4_bytes(const struct gen_shape *shape)
{
	return shape->tcp ? 20 : 8;
}

uint32_t
gen_frame_min(const struct gen_shape *shape)
{
	uint32_t bytes = IP_OFFSET + l3_bytes(shape) + l4_bytes(shape) +
		(uint32_t)sizeof(struct gen_tag);

	return bytes > GEN_FRAME_MIN ? bytes : GEN_FRAME_MIN;
}

static void
template_ipv4(struct gen_builder *builder, uint8_t protocol)
{
	static const uint8_t start[20] = {
		0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 0, 0, 0,
		10, 1, 0, 0,            /* source: the low half is the flow */
		10, 2, 0, 1,
	};
	uint8_t *ip = builder->header + IP_OFFSET;

	memcpy(ip, start, sizeof(start));
	ip[9] = protocol;
	builder->ip_sum = sum_bytes(ip, sizeof(start));
	builder->pseudo_sum = sum_bytes(ip + 12, 8) + htobe16(protocol);
}

static void
template_ipv6(struct gen_builder *builder, uint8_t protocol)
{
	static const uint8_t start[40] = {
		0x60, 0, 0, 0, 0, 0, 0, 64,
		0xfd, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,      /* the last two: flow */
		0xfd, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
	};
	uint8_t *ip = builder->header + IP_OFFSET;

	memcpy(ip, start, sizeof(start));
	ip[6] = protocol;
	builder->pseudo_sum = sum_bytes(ip + 8, 32) + htobe16(protocol);
}

static void
put16(uint8_t *p, uint16_t value)
{
	uint16_t big = htobe16(value);

	memcpy(p, &big, sizeof(big));
}

static void
template_l4(struct gen_builder *builder)
{
	uint8_t *l4 = builder->header + builder->l4_offset;

	put16(l4 + 2, 9);                       /* the discard port */
	if (builder->shape.tcp) {
		l4[12] = 5 << 4;
		l4[13] = 0x10;                  /* ACK */
		put16(l4 + 14, 0xffff);         /* window */
	}
	builder->l4_sum = sum_bytes(l4, l4_bytes(&builder->shape));
}

void
gen_builder_init(struct gen_builder *builder, const struct gen_shape *shape)
{
	uint8_t protocol = shape->tcp ? 6 : 17;

	pattern_init();
	memset(builder, 0, sizeof(*builder));
	builder->shape = *shape;
	builder->l4_offset = IP_OFFSET + l3_bytes(shape);
	builder->payload_offset = builder->l4_offset + l4_bytes(shape);
	memcpy(builder->header, shape->dst, 6);
	memcpy(builder->header + 6, shape->src, 6);
	put16(builder->header + 12, shape->ipv6 ? 0x86dd : 0x0800);
	if (shape->ipv6)
		template_ipv6(builder, protocol);
	else
		template_ipv4(builder, protocol);
	template_l4(builder);
}

/* ---- one frame ---- */

/* Writes length and source; returns the sum of the pseudo-header. */
static uint64_t
build_ip(const struct gen_builder *builder, uint8_t *ip, uint16_t l4_length, uint16_t flow_id)
{
	uint16_t source = htobe16(flow_id), length = htobe16(l4_length + 20u), sum;

	if (builder->shape.ipv6) {
		put16(ip + 4, l4_length);
		put16(ip + 22, flow_id);
	} else {
		sum = (uint16_t)~sum_fold(builder->ip_sum + source + length);
		memcpy(ip + 2, &length, sizeof(length));
		memcpy(ip + 10, &sum, sizeof(sum));
		memcpy(ip + 14, &source, sizeof(source));
	}
	return builder->pseudo_sum + source + htobe16(l4_length);
}

static void
build_csum(const struct gen_builder *builder, uint8_t *l4, uint64_t pseudo, uint64_t rest)
{
	unsigned int offset = builder->shape.tcp ? 16 : 6;
	uint16_t sum;

	if (builder->shape.partial) {
		sum = sum_fold(pseudo);
	} else {
		sum = (uint16_t)~sum_fold(pseudo + rest);
		if (sum == 0 && !builder->shape.tcp)
			sum = 0xffff;
	}
	memcpy(l4 + offset, &sum, sizeof(sum));
}

/* Writes what of the L4 header changes; returns its sum. */
static uint64_t
build_l4(const struct gen_builder *builder, uint8_t *l4, struct gen_flow *flow,
	uint16_t flow_id, uint16_t l4_length)
{
	uint16_t port = htobe16(1024 + flow_id % 64000u);
	uint32_t sequence;

	memcpy(l4, &port, sizeof(port));
	if (!builder->shape.tcp) {
		put16(l4 + 4, l4_length);
		return builder->l4_sum + port + htobe16(l4_length);
	}
	sequence = htobe32(flow->tcp_sequence);
	memcpy(l4 + 4, &sequence, sizeof(sequence));
	flow->tcp_sequence += l4_length - 20u;
	return builder->l4_sum + port + sequence;
}

void
gen_build(const struct gen_builder *builder, struct gen_flow *flow, uint16_t flow_id,
	uint32_t time_ns, struct frame *frame)
{
	uint8_t *data = frame_bytes(frame);
	uint8_t *payload = data + builder->payload_offset;
	uint32_t payload_bytes = frame->bytes - builder->payload_offset;
	uint32_t pattern_bytes = payload_bytes - (uint32_t)sizeof(struct gen_tag);
	uint16_t l4_length = (uint16_t)(frame->bytes - builder->l4_offset);
	struct gen_tag tag = {
		.magic = GEN_MAGIC, .generator = builder->shape.generator,
		.flow = flow_id, .sequence = flow->sequence++, .time_ns = time_ns,
	};
	const uint8_t *window = gen_pattern(&tag);
	uint64_t pseudo, rest;

	tag.check = gen_tag_check(&tag, payload_bytes);
	memcpy(data, builder->header, sizeof(builder->header));
	pseudo = build_ip(builder, data + IP_OFFSET, l4_length, flow_id);
	rest = build_l4(builder, data + builder->l4_offset, flow, flow_id, l4_length);
	memcpy(payload, &tag, sizeof(tag));
	memcpy(payload + sizeof(tag), window, pattern_bytes);
	rest += sum_bytes((const uint8_t *)&tag, sizeof(tag));
	rest += pattern_sum(window, pattern_bytes);
	build_csum(builder, data + builder->l4_offset, pseudo, rest);
	frame->flags = FRAME_WRITABLE |
		(builder->shape.partial ? FRAME_CSUM_PARTIAL : FRAME_CSUM_GOOD) |
		(builder->shape.vlan ? FRAME_VLAN : 0);
	frame->vlan_tci = builder->shape.vlan_tci;
	frame->l4_offset = (uint16_t)builder->l4_offset;
}
