/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Makes one JSON line of each traced message or event and hands it to who
 * listens. Replies do not repeat their OID: the last requests are remembered
 * so that a reply can be decoded.
 */

#include "trace.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "../../../drivers/net/netvsc/rndis_wire.h"
#include "../core/util.h"
#include "describe.h"

#define TRACE_TEXT_BYTES 1024u
#define TRACE_HEX_BYTES_MAX 512u
#define TRACE_REQUESTS 64u

bool trace_on;

static struct trace_listener *listeners;

static struct request {
	char nic[32];
	uint32_t id;
	uint32_t oid;
} requests[TRACE_REQUESTS];
static unsigned int request_next;

void
trace_listen(struct trace_listener *listener)
{
	listener->next = listeners;
	listeners = listener;
	trace_on = true;
}

void
trace_unlisten(struct trace_listener *listener)
{
	for (struct trace_listener **link = &listeners; *link != NULL; link = &(*link)->next) {
		if (*link == listener) {
			*link = listener->next;
			break;
		}
	}
	trace_on = listeners != NULL;
}

/* ---- replies and their requests ---- */

static void
request_remember(const char *nic, uint32_t id, uint32_t oid)
{
	struct request *request = &requests[request_next++ % TRACE_REQUESTS];

	snprintf(request->nic, sizeof(request->nic), "%s", nic);
	request->id = id;
	request->oid = oid;
}

/* The OID of the newest request with this id, 0 if forgotten. */
static uint32_t
request_oid(const char *nic, uint32_t id)
{
	for (unsigned int back = 1; back <= TRACE_REQUESTS; back++) {
		const struct request *request =
			&requests[(request_next - back) % TRACE_REQUESTS];

		if (request->id == id && request->oid != 0 && strcmp(request->nic, nic) == 0)
			return request->oid;
	}
	return 0;
}

/* The OID that this message is about, 0 if none or unknown. */
static uint32_t
message_oid(const char *nic, const void *bytes, uint32_t n)
{
	struct rndis_oid_request request;
	struct rndis_set_complete reply;    /* starts as a query's completion does */

	if (n < sizeof(reply))
		return 0;
	memcpy(&reply, bytes, sizeof(reply));
	if ((reply.header.type & RNDIS_COMPLETION) != 0)
		return request_oid(nic, reply.request_id);
	if ((reply.header.type != RNDIS_QUERY && reply.header.type != RNDIS_SET) ||
	    n < sizeof(request))
		return 0;
	memcpy(&request, bytes, sizeof(request));
	request_remember(nic, request.request_id, request.oid);
	return request.oid;
}

/* ---- lines ---- */

static void
line_send(json_t *line)
{
	char *text = json_dumps(line, JSON_COMPACT);
	struct trace_listener *next;

	json_decref(line);
	if (text == NULL)
		return;
	for (struct trace_listener *l = listeners; l != NULL; l = next) {
		next = l->next;
		l->line(l, text);
	}
	free(text);
}

static json_t *
line_new(const char *nic, uint32_t relid, const char *kind, const char *text)
{
	struct timespec now;
	json_t *line;

	clock_gettime(CLOCK_REALTIME, &now);
	line = json_pack("{s:I, s:s, s:I, s:s}",
		"time_ns", (json_int_t)now.tv_sec * 1000000000 + now.tv_nsec,
		"nic", nic != NULL ? nic : "", "channel", (json_int_t)relid, "kind", kind);
	/* Whatever a guest made us say, a line is valid JSON. */
	if (line != NULL && json_object_set_new(line, "text", json_string(text)) < 0)
		json_object_set_new(line, "text", json_string("(not UTF-8)"));
	return line;
}

static void
line_add_hex(json_t *line, const uint8_t *bytes, uint32_t n)
{
	char hex[2 * TRACE_HEX_BYTES_MAX + 1];
	uint32_t shown = HV_MIN(n, TRACE_HEX_BYTES_MAX);

	hex[0] = '\0';
	for (uint32_t i = 0; i < shown; i++)
		snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
	json_object_set_new(line, "bytes", json_integer(n));
	json_object_set_new(line, "hex", json_string(hex));
}

void
trace_emit(const char *nic, uint32_t relid, enum trace_direction direction,
	enum trace_kind kind, const void *bytes, uint32_t n)
{
	static const char *const kinds[] = { "nvsp", "rndis", "event" };
	char text[TRACE_TEXT_BYTES];
	json_t *line;

	if (kind == TRACE_EVENT)
		snprintf(text, sizeof(text), "%.*s", (int)HV_MIN(n, TRACE_TEXT_BYTES),
			(const char *)bytes);
	else if (kind == TRACE_NVSP)
		describe_nvsp(bytes, n, text, sizeof(text));
	else
		describe_rndis_reply(message_oid(nic, bytes, n), bytes, n, text, sizeof(text));
	line = line_new(nic, relid, kinds[kind], text);
	if (line == NULL)
		return;
	if (kind != TRACE_EVENT) {
		json_object_set_new(line, "to", json_string(direction == TRACE_TO_HOST ?
			"host" : "guest"));
		line_add_hex(line, bytes, n);
	}
	line_send(line);
}

void
trace_event(const char *nic, uint32_t relid, const char *format, ...)
{
	char text[TRACE_TEXT_BYTES];
	va_list args;
	json_t *line;

	if (!trace_on)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	line = line_new(nic, relid, "event", text);
	if (line != NULL)
		line_send(line);
}
