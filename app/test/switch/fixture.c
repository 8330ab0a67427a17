/* SPDX-License-Identifier: BSD-3-Clause */

/* The fixture of the switch's tests; see fixture.h. */

#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/engine.h"

static void
probe_output(struct sw_port *port, const struct frame *frames, unsigned int n)
{
	struct probe *probe = (struct probe *)port;

	probe->calls++;
	for (unsigned int i = 0; i < n && probe->count < PROBE_FRAMES_MAX; i++) {
		uint8_t *copy = malloc(frames[i].bytes);

		memcpy(copy, frames[i].data, frames[i].bytes);
		probe->original[probe->count] = frames[i].data;
		probe->got[probe->count] = frames[i];
		probe->got[probe->count++].data = copy;
	}
}

static unsigned int
probe_room(struct sw_port *port)
{
	struct probe *probe = (struct probe *)port;

	return probe->room_fn != NULL ? probe->room_fn(probe) : probe->room;
}

static bool
probe_ready(struct sw_port *port)
{
	const struct probe *probe = (const struct probe *)port;

	return probe->ready_fn != NULL ? probe->ready_fn(port) : !probe->unready;
}

static void
probe_destroy(struct sw_port *port)
{
	probe_clear((struct probe *)port);
	free(port);
}

static const struct sw_port_ops probe_ops = {
	.kind = "probe",
	.output = probe_output,
	.room = probe_room,
	.ready = probe_ready,
	.destroy = probe_destroy,
};

struct probe *
probe_create(struct sw *sw, const char *name)
{
	struct probe *probe = calloc(1, sizeof(*probe));

	probe->port.ops = &probe_ops;
	probe->port.link_up = true;
	probe->room = 1000;
	snprintf(probe->port.name, sizeof(probe->port.name), "%s", name);
	assert_int_equal(sw_attach(sw, &probe->port), 0);
	return probe;
}

void
probe_clear(struct probe *probe)
{
	for (unsigned int i = 0; i < probe->count; i++)
		free((void *)(uintptr_t)probe->got[i].data);
	probe->count = 0;
	probe->calls = 0;
}

struct frame
plain_frame(uint8_t *data, uint32_t bytes, uint8_t to, uint8_t from)
{
	const uint8_t head[14] = { 2, 0, 0, 0, 0, to, 2, 0, 0, 0, 0, from, 0x88, 0xb5 };

	memcpy(data, head, sizeof(head));
	for (uint32_t i = sizeof(head); i < bytes; i++)
		data[i] = (uint8_t)i;
	return (struct frame) { .data = data, .bytes = bytes };
}

struct frame
tagged_frame(uint8_t *data, uint32_t bytes, uint8_t to, uint8_t from, uint16_t tci)
{
	struct frame frame = plain_frame(data, bytes, to, from);

	memmove(data + 16, data + 12, bytes - 16);
	data[12] = 0x81;
	data[13] = 0x00;
	data[14] = (uint8_t)(tci >> 8);
	data[15] = (uint8_t)tci;
	return frame;
}

uint16_t
reference_checksum(const uint8_t *data, uint32_t bytes, uint32_t start)
{
	uint32_t sum = start;

	for (uint32_t i = 0; i < bytes; i++) {
		sum += (i & 1) != 0 ? data[i] : (uint32_t)data[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return (uint16_t)~sum;
}

bool
l4_checksum_right(const uint8_t *data, uint32_t bytes)
{
	const uint8_t *ip = data + 14;
	bool ipv6 = data[12] == 0x86;
	uint32_t l4_bytes = ipv6 ? (uint32_t)(ip[4] << 8 | ip[5]) :
		(uint32_t)(ip[2] << 8 | ip[3]) - 20u;
	const uint8_t *l4 = ip + (ipv6 ? 40 : 20);
	uint16_t addresses = (uint16_t)~(ipv6 ? reference_checksum(ip + 8, 32, 0) :
		reference_checksum(ip + 12, 8, 0));

	if ((uint32_t)(l4 - data) + l4_bytes > bytes)
		return false;
	return reference_checksum(l4, l4_bytes,
		addresses + (ipv6 ? ip[6] : ip[9]) + l4_bytes) == 0;
}

struct stat_finder {
	struct stat_sink sink;
	const char *name;
	uint64_t value;
	unsigned int found;
};

static void
find_stat(struct stat_sink *sink, const char *name, uint64_t value)
{
	struct stat_finder *finder = (struct stat_finder *)sink;

	if (strcmp(name, finder->name) != 0)
		return;
	finder->value = value;
	finder->found++;
}

uint64_t
stat_of(struct sw_port *port, const char *name)
{
	struct stat_finder finder = { .sink.emit = find_stat, .name = name };

	sw_port_stats(port, &finder.sink);
	if (finder.found != 1)
		fail_msg("%s: %s emitted %u times", port->name, name, finder.found);
	return finder.value;
}

struct wait {
	bool (*condition)(void *arg);
	void *arg;
	uint64_t deadline_ns;
	struct engine_timer timer;
	bool met;
};

static void
wait_look(void *arg)
{
	struct wait *wait = arg;

	wait->met = wait->condition(wait->arg);
	if (wait->met || engine_clock_ns() >= wait->deadline_ns)
		engine_stop(0);
	else
		engine_timer_arm(&wait->timer, engine_now_ns() + 200000, wait_look, wait);
}

bool
run_until(bool (*condition)(void *arg), void *arg, unsigned int seconds)
{
	struct wait wait = {
		.condition = condition, .arg = arg,
		.deadline_ns = engine_clock_ns() + seconds * 1000000000ull,
	};

	if (engine_stopping())
		fail_msg("an engine runs once: put the second wait into the condition");
	engine_timer_arm(&wait.timer, engine_clock_ns(), wait_look, &wait);
	engine_run();
	engine_timer_cancel(&wait.timer);
	return wait.met;
}

int
engine_setup(void **state)
{
	(void)state;
	return engine_init(ENGINE_POLL_ADAPTIVE, NULL);
}

int
engine_teardown(void **state)
{
	(void)state;
	sw_destroy_all();
	engine_fini();
	return 0;
}
