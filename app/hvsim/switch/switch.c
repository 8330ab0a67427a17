/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The segments, their ports, and the way in: every frame that enters a
 * segment passes sw_input(), which counts, captures and refuses, and leaves
 * the decision who gets it to wire.c or bridge.c.
 */

#include "switch.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/engine.h"
#include "../core/util.h"
#include "segment.h"

static struct sw *switches;
static unsigned int depth;      /* of sw_input() calls inside each other */

/* ---- segments ---- */

static struct sw *
segment_create(const char *name, bool wire)
{
	struct sw **link = &switches;
	struct sw *sw;

	if (*name == '\0' || strlen(name) >= sizeof(sw->name)) {
		errno = EINVAL;
		return NULL;
	}
	if (sw_find(name) != NULL) {
		errno = EEXIST;
		return NULL;
	}
	sw = calloc(1, sizeof(*sw));
	if (sw == NULL)
		return NULL;
	snprintf(sw->name, sizeof(sw->name), "%s", name);
	sw->wire = wire;
	if (!wire) {
		sw->table = mac_table_create();
		if (sw->table == NULL) {
			free(sw);
			return NULL;
		}
	}
	while (*link != NULL)
		link = &(*link)->next;
	*link = sw;
	return sw;
}

struct sw *
sw_create(const char *name)
{
	return segment_create(name, false);
}

struct sw *
sw_create_wire(const char *name)
{
	return segment_create(name, true);
}

struct sw *
sw_find(const char *name)
{
	for (struct sw *sw = switches; sw != NULL; sw = sw->next) {
		if (strcmp(sw->name, name) == 0)
			return sw;
	}
	return NULL;
}

void
sw_destroy(struct sw *sw)
{
	struct sw **link = &switches;

	while (sw->ports != NULL)
		sw_port_remove(sw->ports);
	while (*link != sw)
		link = &(*link)->next;
	*link = sw->next;
	mac_table_destroy(sw->table);
	free(sw);
}

void
sw_destroy_all(void)
{
	while (switches != NULL)
		sw_destroy(switches);
}

struct sw *
sw_next(struct sw *sw)
{
	return sw == NULL ? switches : sw->next;
}

const char *
sw_name(const struct sw *sw)
{
	return sw->name;
}

/* ---- ports ---- */

struct sw_port *
sw_port_next(struct sw *sw, struct sw_port *port)
{
	return port == NULL ? sw->ports : port->next;
}

struct sw_port *
sw_port_find(const char *name)
{
	for (struct sw *sw = switches; sw != NULL; sw = sw->next) {
		for (struct sw_port *port = sw->ports; port != NULL; port = port->next) {
			if (strcmp(port->name, name) == 0)
				return port;
		}
	}
	return NULL;
}

int
sw_attach(struct sw *sw, struct sw_port *port)
{
	struct sw_port **link = &sw->ports;
	unsigned int id = 0;

	if (sw_port_find(port->name) != NULL)
		return -EEXIST;
	if (sw->wire && sw->end[0] != NULL && sw->end[1] != NULL)
		return -ENOSPC;
	/* The ports are in the order of their ids: take the first free one. */
	for (; *link != NULL && (*link)->id == id; link = &(*link)->next)
		id++;
	port->id = id;
	port->sw = sw;
	port->next = *link;
	*link = port;
	if (sw->wire)
		sw->end[id] = port;
	return 0;
}

void
sw_detach(struct sw_port *port)
{
	struct sw *sw = port->sw;
	struct sw_port **link;

	if (sw == NULL)
		return;
	sw_capture_stop(port);
	for (link = &sw->ports; *link != port; link = &(*link)->next)
		;
	*link = port->next;
	port->next = NULL;
	port->sw = NULL;
	if (sw->wire)
		sw->end[port->id] = NULL;
	else
		mac_table_forget(sw->table, port);
}

void
sw_port_remove(struct sw_port *port)
{
	sw_detach(port);
	port->ops->destroy(port);
}

void
sw_port_stats(struct sw_port *port, struct stat_sink *sink)
{
	const struct sw_port_counters *c = &port->counters;

	stat_emit(sink, "rx_frames", c->rx_frames);
	stat_emit(sink, "rx_bytes", c->rx_bytes);
	stat_emit(sink, "rx_drops", c->rx_drops);
	stat_emit(sink, "tx_frames", c->tx_frames);
	stat_emit(sink, "tx_bytes", c->tx_bytes);
	stat_emit(sink, "tx_drops", c->tx_drops);
	if (port->capture != NULL)
		capture_stats(port->capture, sink);
	if (port->ops->stats != NULL)
		port->ops->stats(port, sink);
}

/* ---- frames ---- */

void
frame_scan(const struct frame *frames, unsigned int n, struct frame_scan *scan)
{
	uint32_t most = 0, least = UINT32_MAX, flags = 0;
	uint64_t bytes = 0;

	for (unsigned int i = 0; i < n; i++) {
		bytes += frames[i].bytes;
		most = HV_MAX(most, frames[i].bytes);
		least = HV_MIN(least, frames[i].bytes);
		flags |= frames[i].flags;
	}
	scan->bytes = bytes;
	scan->any_flags = (uint16_t)flags;
	scan->lengths_ok = least >= FRAME_HEADER_BYTES && most <= FRAME_BYTES_MAX;
}

static void
forward(struct sw_port *from, const struct frame *frames, unsigned int n,
	const struct frame_scan *scan)
{
	from->counters.rx_frames += n;
	from->counters.rx_bytes += scan->bytes;
	if (__builtin_expect(from->capture != NULL, 0))
		capture_frames(from->capture, frames, n, true);
	if (from->sw->wire)
		wire_forward(from, frames, n, scan);
	else
		bridge_forward(from, frames, n, engine_now_ns());
}

/* Forwards the frames of a batch that are of a possible length. */
static void
forward_well_formed(struct sw_port *from, const struct frame *frames, unsigned int n)
{
	struct frame good[FRAME_BATCH_MAX];
	struct frame_scan scan;
	unsigned int count = 0;

	for (unsigned int i = 0; i < n; i++) {
		if (frames[i].bytes >= FRAME_HEADER_BYTES && frames[i].bytes <= FRAME_BYTES_MAX)
			good[count++] = frames[i];
	}
	from->counters.rx_drops += n - count;
	if (count == 0)
		return;
	frame_scan(good, count, &scan);
	forward(from, good, count, &scan);
}

/* The batch under way: an echo gives back the very same, which was scanned. */
static struct {
	const struct frame *frames;
	unsigned int n;
	struct frame_scan scan;
} under_way;

static void
batch_scan(const struct frame *frames, unsigned int n, struct frame_scan *scan)
{
	if (depth > 1 && frames == under_way.frames && n == under_way.n) {
		*scan = under_way.scan;
		return;
	}
	frame_scan(frames, n, scan);
	under_way.frames = frames;
	under_way.n = n;
	under_way.scan = *scan;
}

void
sw_input(struct sw_port *from, const struct frame *frames, unsigned int n)
{
	struct frame_scan scan;

	if (n == 0)
		return;
	if (from->sw == NULL || !from->link_up || n > FRAME_BATCH_MAX || depth >= SW_DEPTH_MAX) {
		from->counters.rx_drops += n;
		return;
	}
	depth++;
	batch_scan(frames, n, &scan);
	if (__builtin_expect(scan.lengths_ok, 1))
		forward(from, frames, n, &scan);
	else
		forward_well_formed(from, frames, n);
	depth--;
}

/* The other end of the wire, if there is one and both links are up. */
static struct sw_port *
live_peer(const struct sw_port *from)
{
	struct sw_port *peer = from->link_up ? from->sw->end[from->id ^ 1] : NULL;

	return peer != NULL && peer->link_up ? peer : NULL;
}

unsigned int
sw_room(struct sw_port *from)
{
	struct sw_port *peer;

	if (from->sw == NULL || !from->link_up)
		return 0;
	if (!from->sw->wire)
		return UINT_MAX;
	peer = live_peer(from);
	if (peer == NULL)
		return 0;
	return peer->ops->room != NULL ? peer->ops->room(peer) : UINT_MAX;
}

bool
sw_ready(struct sw_port *from)
{
	struct sw_port *peer;

	if (from->sw == NULL)
		return false;
	if (!from->sw->wire)
		return true;
	peer = live_peer(from);
	return peer != NULL && (peer->ops->ready == NULL || peer->ops->ready(peer));
}

void
sw_refuse(struct sw_port *from, uint64_t n)
{
	struct sw *sw = from->sw;

	if (sw != NULL && sw->wire && sw->end[from->id ^ 1] != NULL)
		sw->end[from->id ^ 1]->counters.tx_drops += n;
}
