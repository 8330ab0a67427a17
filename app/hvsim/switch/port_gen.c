/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The generator: sends numbered frames of given sizes at a rate, and verifies
 * those that come back. It keeps its schedule whatever the receiver does:
 * frames for which the other end of its wire has no room are host drops, and
 * their sequence numbers are gone.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/engine.h"
#include "../core/units.h"
#include "../core/util.h"
#include "gen_check.h"
#include "gen_frame.h"
#include "pace.h"
#include "port.h"
#include "segment.h"

#define SIZES_MAX 64u
/* How often a source looks whether the other end takes frames by now. */
#define WAIT_NS 1000000u

enum gen_state {
	GEN_WAITING,            /* for the other end to be ready */
	GEN_SENDING,
	GEN_FINISHED,
};

struct gen {
	struct sw_port port;
	struct engine_poller poller;
	struct gen_shape shape;
	struct gen_builder builder;
	uint32_t size_count;            /* sizes are taken in turn */
	uint32_t sizes[SIZES_MAX];
	uint32_t size_low, size_high;   /* or at random from here, if high != 0 */
	double rate_pps;                /* 0 = as much as the other end takes */
	uint32_t flow_count;
	uint64_t count;                 /* 0 = for ever */
	uint64_t duration_ns;           /* 0 = for ever */
	struct rng rng;

	enum gen_state state;
	struct pace pace;
	uint64_t start_ns;
	uint32_t next_flow, next_size;
	struct gen_flow *flows;
	uint8_t *buffers;
	uint32_t buffer_bytes;          /* of one frame */
	struct gen_check *check;
	uint64_t sent, host_drops;
};

/* ---- options ---- */

/* The simple IMIX is 64, 594 and 1518 with the FCS; these are without. */
static const uint32_t imix[] = { 60, 60, 60, 60, 60, 60, 60, 590, 590, 590, 590, 1514 };

static int
parse_size(const char *text, uint32_t *size)
{
	uint64_t bytes;

	if (units_parse_bytes(text, &bytes) < 0 || bytes < GEN_FRAME_MIN ||
	    bytes > FRAME_BYTES_MAX)
		return -EINVAL;
	*size = (uint32_t)bytes;
	return 0;
}

/* "64-1500"; changes the text. */
static int
parse_size_range(struct gen *gen, char *text)
{
	char *dash = strchr(text, '-');

	*dash = '\0';
	if (parse_size(text, &gen->size_low) < 0 ||
	    parse_size(dash + 1, &gen->size_high) < 0)
		return -EINVAL;
	return gen->size_low <= gen->size_high ? 0 : -EINVAL;
}

static int
parse_size_list(struct gen *gen, char *text)
{
	char *item;

	gen->size_count = 0;
	while ((item = strsep(&text, ",")) != NULL) {
		if (gen->size_count == SIZES_MAX ||
		    parse_size(item, &gen->sizes[gen->size_count]) < 0)
			return -EINVAL;
		gen->size_count++;
	}
	return 0;
}

static int
set_size(void *config, const char *value)
{
	struct gen *gen = config;
	char text[512];

	gen->size_high = 0;
	if (strcasecmp(value, "imix") == 0) {
		memcpy(gen->sizes, imix, sizeof(imix));
		gen->size_count = ARRAY_SIZE(imix);
		return 0;
	}
	if (port_parse_text(value, text, sizeof(text)) < 0)
		return -EINVAL;
	return strchr(text, '-') != NULL ? parse_size_range(gen, text) :
		parse_size_list(gen, text);
}

static int
set_rate(void *config, const char *value)
{
	struct gen *gen = config;
	double rate;

	if (units_parse_pps(value, &rate) < 0 || rate > 1e9)
		return -EINVAL;
	gen->rate_pps = rate;
	return 0;
}

static int
set_flows(void *config, const char *value)
{
	uint32_t flows;

	if (port_parse_u32(value, &flows) < 0 || flows == 0 || flows > GEN_FLOWS_MAX)
		return -EINVAL;
	((struct gen *)config)->flow_count = flows;
	return 0;
}

static int
set_count(void *config, const char *value)
{
	uint64_t count;

	if (units_parse_uint(value, &count) < 0 || count == 0)
		return -EINVAL;
	((struct gen *)config)->count = count;
	return 0;
}

static int
set_duration(void *config, const char *value)
{
	uint64_t duration_ns;

	if (units_parse_time_ns(value, &duration_ns) < 0 || duration_ns == 0)
		return -EINVAL;
	((struct gen *)config)->duration_ns = duration_ns;
	return 0;
}

static int
set_vlan(void *config, const char *value)
{
	struct gen_shape *shape = &((struct gen *)config)->shape;
	uint32_t vlan;

	if (port_parse_u32(value, &vlan) < 0 || vlan > 4095)
		return -EINVAL;
	shape->vlan = true;
	shape->vlan_tci = (uint16_t)vlan;
	return 0;
}

static int
set_src(void *config, const char *value)
{
	return units_parse_mac(value, ((struct gen *)config)->shape.src);
}

static int
set_dst(void *config, const char *value)
{
	return units_parse_mac(value, ((struct gen *)config)->shape.dst);
}

static int
set_seed(void *config, const char *value)
{
	return units_parse_uint(value, &((struct gen *)config)->rng.state);
}

static int
set_ipv6(void *config, const char *value)
{
	return units_parse_bool(value, &((struct gen *)config)->shape.ipv6);
}

static int
set_tcp(void *config, const char *value)
{
	return units_parse_bool(value, &((struct gen *)config)->shape.tcp);
}

static int
set_csum(void *config, const char *value)
{
	struct gen_shape *shape = &((struct gen *)config)->shape;

	shape->partial = strcmp(value, "partial") == 0;
	return shape->partial || strcmp(value, "full") == 0 ? 0 : -EINVAL;
}

static int
set_id(void *config, const char *value)
{
	uint32_t id;

	if (port_parse_u32(value, &id) < 0 || id > UINT16_MAX)
		return -EINVAL;
	((struct gen *)config)->shape.generator = (uint16_t)id;
	return 0;
}

static const struct port_option gen_options[] = {
	{ "size", set_size, "60 to 9238 bytes as 64, 64-1500, [64,512,1514] or imix" },
	{ "rate", set_rate, "a rate such as 1Mpps or 500kpps, or max" },
	{ "flows", set_flows, "a number from 1 to 65536" },
	{ "count", set_count, "a number of frames, at least 1" },
	{ "duration", set_duration, "a time such as 10s" },
	{ "vlan", set_vlan, "a VLAN id from 0 to 4095" },
	{ "src", set_src, "a MAC address such as 02:00:00:00:00:01" },
	{ "dst", set_dst, "a MAC address such as 02:00:00:00:00:02" },
	{ "seed", set_seed, "a number" },
	{ "ipv6", set_ipv6, "yes or no" },
	{ "tcp", set_tcp, "yes or no" },
	{ "csum", set_csum, "full or partial" },
	{ "id", set_id, "a number from 0 to 65535" },
	{ NULL },
};

/* ---- sending ---- */

static uint32_t
next_size(struct gen *gen)
{
	if (gen->size_high != 0)
		return gen->size_low + rng_below(&gen->rng, gen->size_high - gen->size_low + 1);
	if (++gen->next_size >= gen->size_count)
		gen->next_size = 0;
	return gen->sizes[gen->next_size];
}

static uint32_t
next_flow(struct gen *gen)
{
	uint32_t flow = gen->next_flow;

	gen->next_flow = flow + 1 < gen->flow_count ? flow + 1 : 0;
	return flow;
}

static void
gen_send(struct gen *gen, unsigned int n)
{
	struct frame frames[FRAME_BATCH_MAX];
	uint32_t time_ns = (uint32_t)engine_clock_ns();

	for (unsigned int i = 0; i < n; i++) {
		uint32_t flow = next_flow(gen);

		frames[i].data = gen->buffers + (size_t)i * gen->buffer_bytes;
		frames[i].bytes = next_size(gen);
		gen_build(&gen->builder, &gen->flows[flow], (uint16_t)flow, time_ns, &frames[i]);
	}
	gen->sent += n;
	sw_input(&gen->port, frames, n);
}

/* Frames whose time has come and for which there is no room. */
static void
gen_drop(struct gen *gen, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		gen_skip(&gen->flows[next_flow(gen)]);
	gen->host_drops += n;
	sw_refuse(&gen->port, n);
}

/* The end of the schedule, or UINT64_MAX. */
static uint64_t
gen_end_ns(const struct gen *gen)
{
	return gen->duration_ns != 0 ? gen->start_ns + gen->duration_ns : UINT64_MAX;
}

static unsigned int
gen_due(struct gen *gen, unsigned int room, uint64_t now_ns)
{
	uint64_t due = room;

	if (gen->rate_pps > 0)
		due = pace_due(&gen->pace, HV_MIN(now_ns, gen_end_ns(gen) - 1));
	if (gen->count != 0)
		due = HV_MIN(due, gen->count - gen->sent - gen->host_drops);
	return (unsigned int)HV_MIN(due, (uint64_t)FRAME_BATCH_MAX);
}

/* True if nothing is left to send; slots before the end are still sent after it. */
static bool
gen_over(const struct gen *gen, unsigned int due, uint64_t now_ns)
{
	if (gen->count != 0 && gen->sent + gen->host_drops >= gen->count)
		return true;
	return now_ns >= gen_end_ns(gen) && (due == 0 || gen->rate_pps == 0);
}

/* At full rate nothing is sent to nobody: that would cost a core. */
static unsigned int
gen_room(struct gen *gen)
{
	return gen->rate_pps == 0 && !sw_ready(&gen->port) ? 0 : sw_room(&gen->port);
}

static bool
gen_started(struct gen *gen, unsigned int room, uint64_t now_ns)
{
	if (gen->state == GEN_WAITING && room > 0 && sw_ready(&gen->port)) {
		gen->state = GEN_SENDING;
		gen->start_ns = now_ns;
		if (gen->rate_pps > 0)
			pace_start(&gen->pace, gen->rate_pps, now_ns);
	}
	return gen->state == GEN_SENDING;
}

static uint64_t
gen_next_ns(void *arg)
{
	const struct gen *gen = arg;

	if (gen->state == GEN_FINISHED)
		return UINT64_MAX;
	if (gen->state == GEN_WAITING)
		return engine_now_ns() + WAIT_NS * 5;
	if (gen->rate_pps > 0)
		return HV_MIN(pace_next_ns(&gen->pace), gen_end_ns(gen));
	return engine_now_ns() + WAIT_NS;       /* there was no room */
}

static unsigned int
gen_poll(void *arg)
{
	struct gen *gen = arg;
	uint64_t now_ns = engine_now_ns();
	unsigned int room, due, send;

	if (gen->state == GEN_FINISHED)
		return 0;
	if (gen->state == GEN_SENDING && gen->rate_pps > 0 && now_ns < gen_next_ns(gen))
		return 0;
	room = gen_room(gen);
	if (!gen_started(gen, room, now_ns))
		return 0;
	due = gen_due(gen, room, now_ns);
	if (gen_over(gen, due, now_ns)) {
		gen->state = GEN_FINISHED;
		return 0;
	}
	send = HV_MIN(due, room);
	if (gen->rate_pps > 0)
		pace_take(&gen->pace, due);
	if (send > 0)
		gen_send(gen, send);
	if (due > send)
		gen_drop(gen, due - send);
	return due;
}

/* ---- the port ---- */

static void
gen_output(struct sw_port *port, const struct frame *frames, unsigned int n)
{
	gen_check_frames(((struct gen *)port)->check, frames, n, engine_clock_ns());
}

static void
gen_destroy(struct sw_port *port)
{
	struct gen *gen = (struct gen *)port;

	engine_poller_remove(&gen->poller);
	gen_check_destroy(gen->check);
	free(gen->flows);
	free(gen->buffers);
	free(gen);
}

static void
gen_stats(struct sw_port *port, struct stat_sink *stats)
{
	const struct gen *gen = (const struct gen *)port;

	stat_emit(stats, "gen_sent", gen->sent);
	stat_emit(stats, "gen_host_drops", gen->host_drops);
	stat_emit(stats, "gen_missed", gen->pace.missed);
	stat_emit(stats, "gen_finished", gen->state == GEN_FINISHED);
	gen_check_stats(gen->check, stats);
}

static const struct sw_port_ops gen_ops = {
	.kind = "gen",
	.output = gen_output,
	.destroy = gen_destroy,
	.stats = gen_stats,
};

static void
gen_defaults(struct gen *gen, uint64_t seed)
{
	static uint16_t generators;
	static const uint8_t src[6] = { 0x02, 0x68, 0x76, 0x67, 0, 1 };
	static const uint8_t dst[6] = { 0x02, 0x68, 0x76, 0x67, 0, 2 };

	gen->sizes[0] = 64;
	gen->size_count = 1;
	gen->rate_pps = 1e6;
	gen->flow_count = 1;
	gen->rng.state = seed;
	memcpy(gen->shape.src, src, 6);
	memcpy(gen->shape.dst, dst, 6);
	gen->shape.generator = ++generators;
}

static uint32_t
size_least(const struct gen *gen)
{
	uint32_t least = gen->size_low;

	if (gen->size_high == 0) {
		least = gen->sizes[0];
		for (uint32_t i = 1; i < gen->size_count; i++)
			least = HV_MIN(least, gen->sizes[i]);
	}
	return least;
}

static uint32_t
size_most(const struct gen *gen)
{
	uint32_t most = gen->size_high;

	for (uint32_t i = 0; gen->size_high == 0 && i < gen->size_count; i++)
		most = HV_MAX(most, gen->sizes[i]);
	return most;
}

/* Checks the options against each other and allocates what they need. */
static int
gen_prepare(struct gen *gen, const struct port_request *request)
{
	uint32_t least = gen_frame_min(&gen->shape);

	if (size_least(gen) < least) {
		port_error(request, "size=%u: these frames have at least %u bytes",
			size_least(gen), least);
		return -EINVAL;
	}
	gen_builder_init(&gen->builder, &gen->shape);
	gen->next_size = gen->size_count - 1;
	gen->buffer_bytes = (HV_MAX(size_most(gen), GEN_BUFFER_BYTES) + 63u) & ~63u;
	gen->buffers = malloc((size_t)gen->buffer_bytes * FRAME_BATCH_MAX);
	gen->flows = calloc(gen->flow_count, sizeof(*gen->flows));
	gen->check = gen_check_create();
	if (gen->buffers == NULL || gen->flows == NULL || gen->check == NULL) {
		port_error(request, "out of memory");
		return -ENOMEM;
	}
	return 0;
}

static struct sw_port *
gen_create(struct port_request *request)
{
	struct gen *gen = calloc(1, sizeof(*gen));

	if (gen == NULL)
		return port_error(request, "out of memory");
	port_init(&gen->port, &gen_ops, request->name);
	gen->port.accepts_partial = true;
	gen->port.accepts_vlan_flag = true;
	gen_defaults(gen, request->seed);
	if (port_options(request, gen_options, gen) < 0 || gen_prepare(gen, request) < 0) {
		gen_destroy(&gen->port);
		return NULL;
	}
	gen->poller.poll = gen_poll;
	gen->poller.next_ns = gen_next_ns;
	gen->poller.arg = gen;
	engine_poller_add(&gen->poller);
	return &gen->port;
}

const struct port_kind port_kind_gen = {
	.kind = "gen",
	.help =
	"gen[:size=SIZES,rate=RATE,flows=N,...]\n"
	"  Sends numbered frames with checksums and verifies those that come back.\n"
	"  Sizes are without the FCS. It starts when the other end of its wire is\n"
	"  ready and keeps its schedule from then on; frames for which there is no\n"
	"  room are counted as gen_host_drops, and are missing at the receiver.\n"
	"    size=SIZES     64, 64-1500 (at random), [64,512,1514] (in turn), or imix\n"
	"                   (60, 590 and 1514 bytes, 7:4:1); 60 to 9238, default 64\n"
	"    rate=RATE      1Mpps, 500kpps, max = as much as there is room; default 1Mpps\n"
	"    flows=N        1 to 65536, by source address and port; default 1\n"
	"    count=N        stop after so many frames (default: never)\n"
	"    duration=TIME  stop after this time, such as 10s (default: never)\n"
	"    vlan=ID        tagged with this VLAN\n"
	"    src=, dst=MAC  addresses; default 02:68:76:67:00:01, ...:02\n"
	"    ipv6, tcp      IPv6 instead of IPv4, TCP instead of UDP\n"
	"    csum=partial   L4 checksums left to the receiver, as between two NICs\n"
	"    seed=N         for random sizes (default: from --seed)\n"
	"    id=N           of the generator, in every frame (default: counted up)\n"
	"  Example: --nic port=gen:size=64,rate=1Mpps\n",
	.create = gen_create,
};
