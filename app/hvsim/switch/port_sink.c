/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The sink: takes every frame and verifies those that a generator sent. It
 * counts loss, duplicates, reordering, corruption and the time they took.
 */

#include <stdlib.h>

#include "../core/engine.h"
#include "gen_check.h"
#include "port.h"

struct sink {
	struct sw_port port;
	bool verify;
	struct gen_check *check;
};

static int
set_verify(void *config, const char *value)
{
	return units_parse_bool(value, &((struct sink *)config)->verify);
}

static const struct port_option sink_options[] = {
	{ "verify", set_verify, "yes or no" },
	{ NULL },
};

static void
sink_output(struct sw_port *port, const struct frame *frames, unsigned int n)
{
	struct sink *sink = (struct sink *)port;

	if (sink->verify)
		gen_check_frames(sink->check, frames, n, engine_clock_ns());
}

static void
sink_destroy(struct sw_port *port)
{
	struct sink *sink = (struct sink *)port;

	gen_check_destroy(sink->check);
	free(sink);
}

static void
sink_stats(struct sw_port *port, struct stat_sink *stats)
{
	gen_check_stats(((struct sink *)port)->check, stats);
}

static const struct sw_port_ops sink_ops = {
	.kind = "sink",
	.output = sink_output,
	.destroy = sink_destroy,
	.stats = sink_stats,
};

static struct sw_port *
sink_create(struct port_request *request)
{
	struct sink *sink = calloc(1, sizeof(*sink));

	if (sink == NULL)
		return port_error(request, "out of memory");
	port_init(&sink->port, &sink_ops, request->name);
	sink->port.accepts_partial = true;
	sink->port.accepts_vlan_flag = true;
	sink->verify = true;
	sink->check = gen_check_create();
	if (sink->check == NULL)
		port_error(request, "out of memory");
	else if (port_options(request, sink_options, sink) == 0)
		return &sink->port;
	sink_destroy(&sink->port);
	return NULL;
}

const struct port_kind port_kind_sink = {
	.kind = "sink",
	.help =
	"sink[:verify=no]\n"
	"  Takes every frame. Frames of a generator are verified: lost, reordered,\n"
	"  duplicate and corrupt ones are counted, and the time they took.\n"
	"    verify=yes|no   no: only count (default yes)\n"
	"  Example: --port sink\n",
	.create = sink_create,
};
