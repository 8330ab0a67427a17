/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Verifies generated frames. A frame is a generator's if its UDP or TCP
 * payload starts with the magic; from there on everything must be right.
 */

#include "gen_check.h"

#include <endian.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "../core/util.h"
#include "gen_frame.h"
#include "histogram.h"
#include "sum.h"

/* How far back duplicates and reordering are told apart. */
#define WINDOW 256u
/* Frames of more generators than this count as foreign. */
#define STREAMS_MAX 16u

struct flow_state {
	uint32_t next;                  /* the sequence number expected */
	uint64_t seen[WINDOW / 64];     /* by sequence number modulo WINDOW */
};

struct stream {
	uint16_t generator;
	uint32_t flow_count;
	struct flow_state *flows;
};

struct gen_check {
	unsigned int stream_count;
	struct stream streams[STREAMS_MAX];
	struct gen_check_counters counters;
	struct histogram latency;
};

struct gen_check *
gen_check_create(void)
{
	return calloc(1, sizeof(struct gen_check));
}

void
gen_check_destroy(struct gen_check *check)
{
	if (check == NULL)
		return;
	for (unsigned int i = 0; i < check->stream_count; i++)
		free(check->streams[i].flows);
	free(check);
}

/* ---- reading the frame ---- */

/* A UDP or TCP packet in a frame. */
struct packet {
	const uint8_t *ip, *l4, *payload;
	uint32_t l4_bytes, payload_bytes;
	uint8_t version, protocol;
	bool cut;               /* the IP packet is longer than the frame */
};

static uint16_t
be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static bool
packet_ip(struct packet *p, const uint8_t *ip, uint32_t bytes)
{
	uint32_t header = 40, total;

	if (bytes < 20)
		return false;
	p->ip = ip;
	p->version = ip[0] >> 4;
	if (p->version == 4) {
		header = (ip[0] & 0xfu) * 4u;
		total = be16(ip + 2);
		p->protocol = ip[9];
	} else if (p->version == 6 && bytes >= 40) {
		total = be16(ip + 4) + 40u;
		p->protocol = ip[6];
	} else {
		return false;
	}
	p->cut = total > bytes;
	total = HV_MIN(total, bytes);
	if (header < 20 || header > total)
		return false;
	p->l4 = ip + header;
	p->l4_bytes = total - header;
	return true;
}

static bool
packet_l4(struct packet *p)
{
	uint32_t header;

	if (p->l4_bytes < 8)
		return false;
	if (p->protocol == 17)
		header = 8;
	else if (p->protocol == 6 && p->l4_bytes >= 20)
		header = (p->l4[12] >> 4) * 4u;
	else
		return false;
	if (!range_ok(header, sizeof(struct gen_tag), p->l4_bytes))
		return false;
	p->payload = p->l4 + header;
	p->payload_bytes = p->l4_bytes - header;
	return true;
}

static bool
packet_parse(const struct frame *frame, struct packet *p)
{
	uint32_t at = 12;

	while (at + 2 <= frame->bytes && at <= 16 && frame->data[at] == 0x81 &&
	    frame->data[at + 1] == 0)
		at += 4;
	if (at + 2 > frame->bytes)
		return false;
	if (be16(frame->data + at) != 0x0800 && be16(frame->data + at) != 0x86dd)
		return false;
	at += 2;
	return packet_ip(p, frame->data + at, frame->bytes - at) && packet_l4(p);
}

/* ---- verifying it ---- */

static bool
checksums_ok(const struct frame *frame, const struct packet *p)
{
	uint64_t sum = htobe16(p->protocol) + htobe16((uint16_t)p->l4_bytes);

	if (p->version == 4) {
		if (sum_fold(sum_bytes(p->ip, (uint32_t)(p->l4 - p->ip))) != 0xffff)
			return false;
		sum += sum_bytes(p->ip + 12, 8);
	} else {
		sum += sum_bytes(p->ip + 8, 32);
	}
	if (frame->flags & FRAME_CSUM_PARTIAL)
		return true;
	return sum_fold(sum + sum_bytes(p->l4, p->l4_bytes)) == 0xffff;
}

/* ---- sequence numbers ---- */

static struct stream *
stream_find(struct gen_check *check, uint16_t generator)
{
	struct stream *stream;

	for (unsigned int i = 0; i < check->stream_count; i++) {
		if (check->streams[i].generator == generator)
			return &check->streams[i];
	}
	if (check->stream_count == STREAMS_MAX)
		return NULL;
	stream = &check->streams[check->stream_count++];
	stream->generator = generator;
	return stream;
}

static struct flow_state *
flow_find(struct gen_check *check, const struct gen_tag *tag)
{
	struct stream *stream = stream_find(check, tag->generator);
	struct flow_state *flows;
	uint32_t count;

	if (stream == NULL)
		return NULL;
	if (tag->flow < stream->flow_count)
		return &stream->flows[tag->flow];
	for (count = HV_MAX(stream->flow_count, 16u); count <= tag->flow;)
		count *= 2;
	flows = realloc(stream->flows, count * sizeof(*flows));
	if (flows == NULL)
		return NULL;
	memset(flows + stream->flow_count, 0, (count - stream->flow_count) * sizeof(*flows));
	stream->flows = flows;
	stream->flow_count = count;
	return &flows[tag->flow];
}

static bool
seen_test(const struct flow_state *flow, uint32_t sequence)
{
	return (flow->seen[sequence % WINDOW / 64] >> (sequence % 64) & 1) != 0;
}

static void
seen_set(struct flow_state *flow, uint32_t sequence)
{
	flow->seen[sequence % WINDOW / 64] |= 1ull << (sequence % 64);
}

static void
seen_clear(struct flow_state *flow, uint32_t sequence)
{
	flow->seen[sequence % WINDOW / 64] &= ~(1ull << (sequence % 64));
}

static void
flow_advance(struct gen_check_counters *counters, struct flow_state *flow, uint32_t sequence)
{
	uint32_t gap = sequence - flow->next;

	counters->lost += gap;
	for (uint32_t i = 0; i < HV_MIN(gap, WINDOW); i++)
		seen_clear(flow, sequence - 1 - i);
	seen_set(flow, sequence);
	flow->next = sequence + 1;
}

static void
flow_late(struct gen_check_counters *counters, struct flow_state *flow, uint32_t sequence)
{
	if (flow->next - sequence > WINDOW) {
		if (sequence != 0) {
			counters->late++;
			return;
		}
		counters->restarted++;
		flow->next = 0;
		flow_advance(counters, flow, 0);
	} else if (seen_test(flow, sequence)) {
		counters->duplicate++;
	} else {
		seen_set(flow, sequence);
		counters->reordered++;
		counters->lost -= counters->lost > 0 ? 1 : 0;
	}
}

static void
follow(struct gen_check *check, struct flow_state *flow, const struct gen_tag *tag)
{
	if ((int32_t)(tag->sequence - flow->next) >= 0)
		flow_advance(&check->counters, flow, tag->sequence);
	else
		flow_late(&check->counters, flow, tag->sequence);
}

/* ---- a frame ---- */

static void
check_frame(struct gen_check *check, const struct frame *frame, uint64_t now_ns)
{
	struct packet packet = { 0 };
	struct flow_state *flow;
	struct gen_tag tag;

	if (!packet_parse(frame, &packet)) {
		check->counters.foreign++;
		return;
	}
	memcpy(&tag, packet.payload, sizeof(tag));
	if (tag.magic != GEN_MAGIC) {
		check->counters.foreign++;
		return;
	}
	if (tag.check != gen_tag_check(&tag, packet.payload_bytes)) {
		check->counters.corrupt++;      /* which one it was, nobody knows */
		return;
	}
	flow = flow_find(check, &tag);
	if (flow == NULL) {
		check->counters.foreign++;
		return;
	}
	follow(check, flow, &tag);
	if (packet.cut || !checksums_ok(frame, &packet) ||
	    memcmp(packet.payload + sizeof(tag), gen_pattern(&tag),
		    packet.payload_bytes - sizeof(tag)) != 0) {
		check->counters.corrupt++;
		return;
	}
	check->counters.received++;
	histogram_add(&check->latency, (uint32_t)now_ns - tag.time_ns);
}

void
gen_check_frames(struct gen_check *check, const struct frame *frames, unsigned int n,
	uint64_t now_ns)
{
	for (unsigned int i = 0; i < n; i++)
		check_frame(check, &frames[i], now_ns);
}

const struct gen_check_counters *
gen_check_counters(const struct gen_check *check)
{
	return &check->counters;
}

void
gen_check_stats(const struct gen_check *check, struct stat_sink *sink)
{
	const struct gen_check_counters *c = &check->counters;
	const struct histogram *latency = &check->latency;

	stat_emit(sink, "gen_received", c->received);
	stat_emit(sink, "gen_lost", c->lost);
	stat_emit(sink, "gen_reordered", c->reordered);
	stat_emit(sink, "gen_duplicate", c->duplicate);
	stat_emit(sink, "gen_late", c->late);
	stat_emit(sink, "gen_restarted", c->restarted);
	stat_emit(sink, "gen_corrupt", c->corrupt);
	stat_emit(sink, "gen_foreign", c->foreign);
	stat_emit(sink, "latency_min_ns", latency->least);
	stat_emit(sink, "latency_p50_ns", histogram_quantile(latency, 0.5));
	stat_emit(sink, "latency_p99_ns", histogram_quantile(latency, 0.99));
	stat_emit(sink, "latency_p999_ns", histogram_quantile(latency, 0.999));
	stat_emit(sink, "latency_max_ns", latency->most);
}
