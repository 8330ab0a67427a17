/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The echo: sends every frame back where it came from, at once or after a
 * delay, with the addresses as they are or swapped. Without options nothing
 * is copied: the frames go back from inside output().
 */

#include <stdlib.h>
#include <string.h>

#include "../core/engine.h"
#include "../core/units.h"
#include "../core/util.h"
#include "port.h"
#include "segment.h"

/* What a delayed echo holds at most: the rest is dropped. */
#define DELAYED_FRAMES_MAX 65536u
#define DELAYED_BYTES_MAX (64u << 20)

struct delayed {
	struct delayed *next;
	uint64_t due_ns;
	struct frame frame;
	uint8_t data[];
};

struct echo {
	struct sw_port port;
	bool swap;
	uint64_t delay_ns;
	struct engine_poller poller;
	struct delayed *head, **tail;
	uint32_t held_frames;
	uint64_t held_bytes;
};

static int
set_swap(void *config, const char *value)
{
	struct echo *echo = config;

	if (strcasecmp(value, "mac") == 0) {
		echo->swap = true;
		return 0;
	}
	return units_parse_bool(value, &echo->swap);
}

static int
set_delay(void *config, const char *value)
{
	return units_parse_time_ns(value, &((struct echo *)config)->delay_ns);
}

static const struct port_option echo_options[] = {
	{ "swap", set_swap, "mac or no" },
	{ "delay", set_delay, "a time such as 100us or 2ms" },
	{ NULL },
};

static void
swap_addresses(uint8_t *data)
{
	uint8_t to[6];

	memcpy(to, data, 6);
	memcpy(data, data + 6, 6);
	memcpy(data + 6, to, 6);
}

static void
echo_swapped(struct echo *echo, const struct frame *frames, unsigned int n)
{
	struct frame swapped[FRAME_BATCH_MAX];
	size_t mark = arena_mark();
	unsigned int count = 0;

	for (unsigned int i = 0; i < n; i++) {
		swapped[count] = frames[i];
		if (!frame_own(&swapped[count]))
			continue;
		swap_addresses(frame_bytes(&swapped[count++]));
	}
	echo->port.counters.tx_drops += n - count;
	sw_input(&echo->port, swapped, count);
	arena_release(mark);
}

static void
hold(struct echo *echo, const struct frame *frame, uint64_t due_ns)
{
	struct delayed *delayed;

	if (echo->held_frames >= DELAYED_FRAMES_MAX || echo->held_bytes >= DELAYED_BYTES_MAX ||
	    (delayed = malloc(sizeof(*delayed) + frame->bytes)) == NULL) {
		echo->port.counters.tx_drops++;
		return;
	}
	memcpy(delayed->data, frame->data, frame->bytes);
	delayed->next = NULL;
	delayed->due_ns = due_ns;
	delayed->frame = *frame;
	delayed->frame.data = delayed->data;
	delayed->frame.flags |= FRAME_WRITABLE;
	*echo->tail = delayed;
	echo->tail = &delayed->next;
	echo->held_frames++;
	echo->held_bytes += frame->bytes;
}

static void
echo_output(struct sw_port *port, const struct frame *frames, unsigned int n)
{
	struct echo *echo = (struct echo *)port;

	if (echo->delay_ns != 0) {
		for (unsigned int i = 0; i < n; i++)
			hold(echo, &frames[i], engine_now_ns() + echo->delay_ns);
	} else if (echo->swap) {
		echo_swapped(echo, frames, n);
	} else {
		sw_input(port, frames, n);
	}
}

/* Takes the oldest frames that are due out of the queue, at most a batch. */
static unsigned int
take_due(struct echo *echo, struct delayed **due)
{
	uint64_t now_ns = engine_now_ns();
	unsigned int n = 0;

	while (n < FRAME_BATCH_MAX && echo->head != NULL && echo->head->due_ns <= now_ns) {
		due[n] = echo->head;
		echo->head = echo->head->next;
		echo->held_frames--;
		echo->held_bytes -= due[n++]->frame.bytes;
	}
	if (echo->head == NULL)
		echo->tail = &echo->head;
	return n;
}

static unsigned int
echo_poll(void *arg)
{
	struct echo *echo = arg;
	struct delayed *due[FRAME_BATCH_MAX];
	struct frame frames[FRAME_BATCH_MAX];
	unsigned int n = take_due(echo, due);

	for (unsigned int i = 0; i < n; i++)
		frames[i] = due[i]->frame;
	if (echo->swap)
		echo_swapped(echo, frames, n);
	else
		sw_input(&echo->port, frames, n);
	for (unsigned int i = 0; i < n; i++)
		free(due[i]);
	return n;
}

static uint64_t
echo_next_ns(void *arg)
{
	const struct echo *echo = arg;

	return echo->head != NULL ? echo->head->due_ns : UINT64_MAX;
}

static void
echo_destroy(struct sw_port *port)
{
	struct echo *echo = (struct echo *)port;
	struct delayed *delayed, *next;

	engine_poller_remove(&echo->poller);
	for (delayed = echo->head; delayed != NULL; delayed = next) {
		next = delayed->next;
		free(delayed);
	}
	free(echo);
}

static const struct sw_port_ops echo_ops = {
	.kind = "echo",
	.output = echo_output,
	.destroy = echo_destroy,
};

static struct sw_port *
echo_create(struct port_request *request)
{
	struct echo *echo = calloc(1, sizeof(*echo));

	if (echo == NULL)
		return port_error(request, "out of memory");
	port_init(&echo->port, &echo_ops, request->name);
	echo->port.accepts_partial = true;
	echo->port.accepts_vlan_flag = true;
	echo->tail = &echo->head;
	if (port_options(request, echo_options, echo) < 0) {
		free(echo);
		return NULL;
	}
	if (echo->delay_ns != 0) {
		echo->poller.poll = echo_poll;
		echo->poller.next_ns = echo_next_ns;
		echo->poller.arg = echo;
		engine_poller_add(&echo->poller);
	}
	return &echo->port;
}

const struct port_kind port_kind_echo = {
	.kind = "echo",
	.help =
	"echo[:swap=mac,delay=TIME]\n"
	"  Sends every frame back.\n"
	"    swap=mac     with source and destination MAC addresses exchanged\n"
	"    delay=TIME   after this time, such as 100us (default: at once)\n"
	"  Example: --nic queues=4,port=echo\n",
	.create = echo_create,
};
