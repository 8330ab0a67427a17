/* SPDX-License-Identifier: BSD-3-Clause */

/* What a fault is armed by: NAME or NAME:KEY=VALUE,...; see fault.h. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../core/units.h"
#include "fault_private.h"

/* How often a host looks that does so rarely, without every=. */
#define EVERY_NS 10000000u

/* The options that are numbers. */
static int
option_number(struct armed *a, const struct option_cursor *cursor, char *error,
	unsigned int bytes)
{
	static const char *const names[] = { "nth", "count", "value", "probability", "seed", "queue" };
	uint64_t *const to[] = { &a->nth, &a->count, &a->value, &a->percent, &a->rng.state,
		&a->queue };
	bool queues = a->fault->message == FAULT_RING || a->fault->action == ACTION_RARELY ||
		a->fault->action == ACTION_FLOOD;
	unsigned int known = queues ? 6 : 5;

	for (unsigned int i = 0; i < known; i++) {
		if (strcmp(cursor->key, names[i]) != 0)
			continue;
		if (units_parse_uint(cursor->value, to[i]) == 0 && a->percent <= 100)
			return 0;
		snprintf(error, bytes, "%s: %s=%s is no number%s", a->fault->name, cursor->key,
			cursor->value, to[i] == &a->percent ? " from 0 to 100" : "");
		return -EINVAL;
	}
	snprintf(error, bytes, "%s does not know \"%s\"; see 'hvsim faults'", a->fault->name,
		cursor->key);
	return -EINVAL;
}

/* 1 if the option is a time that this fault has. */
static int
option_time(struct armed *a, const struct option_cursor *cursor, char *error, unsigned int bytes)
{
	const enum fault_action action = a->fault->action;
	bool after = strcmp(cursor->key, "after") == 0;
	uint64_t ns;

	if (!after && !(strcmp(cursor->key, "for") == 0 && action == ACTION_HOLD) &&
	    !(strcmp(cursor->key, "every") == 0 && action == ACTION_RARELY))
		return 0;
	if (units_parse_time_ns(cursor->value, &ns) < 0) {
		snprintf(error, bytes, "%s: %s=%s is no time such as 100ms", a->fault->name,
			cursor->key, cursor->value);
		return -EINVAL;
	}
	*(after ? &a->from_ns : &a->time_ns) = after ? fault_clock_ns() + ns : ns;
	return 1;
}

/* One of those that the fault can be about. */
static int
option_message(struct armed *a, const char *name, char *error, unsigned int bytes)
{
	const char *one, *about;
	int n;

	if (fault_message_find(name, &a->message) < 0) {
		snprintf(error, bytes, "there is no message \"%s\"; see 'hvsim faults'", name);
		return -EINVAL;
	}
	if ((a->fault->open & 1ull << a->message) != 0)
		return 0;
	n = snprintf(error, bytes, "%s is about no \"%s\"; it is about", a->fault->name, name);
	for (unsigned int i = 0; (one = fault_message_name(i, &about)) != NULL; i++)
		if ((a->fault->open & 1ull << i) != 0 && n > 0 && (unsigned int)n < bytes)
			n += snprintf(error + n, bytes - (unsigned int)n, " %s", one);
	return -EINVAL;
}

/* 1 if the option is one that only lies have. */
static int
option_lie(struct armed *a, const struct option_cursor *cursor)
{
	bool less = cursor->value[0] == '-';

	if (strcmp(cursor->key, "message") == 0) {
		snprintf(a->lie_message, sizeof(a->lie_message), "%.39s", cursor->value);
		return 1;
	}
	if (strcmp(cursor->key, "field") == 0) {
		snprintf(a->lie_field, sizeof(a->lie_field), "%.39s", cursor->value);
		return 1;
	}
	if (strcmp(cursor->key, "add") != 0 ||
	    units_parse_uint(cursor->value + less, &a->lied.value) < 0)
		return 0;
	a->lied.difference = true;
	if (less)
		a->lied.value = -a->lied.value;
	return 1;
}

static int
option_take(struct armed *a, const struct option_cursor *cursor, char *error, unsigned int bytes)
{
	int ret;

	if (a->fault->action == ACTION_LIE && option_lie(a, cursor) == 1)
		return 0;
	if (strcmp(cursor->key, "message") == 0 && a->fault->message == FAULT_MESSAGE_COUNT)
		return option_message(a, cursor->value, error, bytes);
	ret = option_time(a, cursor, error, bytes);
	if (ret != 0)
		return ret < 0 ? ret : 0;
	return option_number(a, cursor, error, bytes);
}

static int
lie_complete(struct armed *a, char *error, unsigned int bytes)
{
	bool message_known;

	a->lie = lie_find(a->lie_message, a->lie_field, &message_known);
	if (!a->lied.difference)
		a->lied.value = a->value;
	if (a->lie != NULL)
		return 0;
	snprintf(error, bytes, message_known ? "lie: message %s has no field \"%s\"; see 'hvsim faults'" :
		"lie: there is no message \"%s\"%s; see 'hvsim faults'", a->lie_message,
		message_known ? a->lie_field : "");
	return -EINVAL;
}

static int
options_take(struct armed *a, const char *options, char *error, unsigned int bytes)
{
	const char *about;
	struct option_cursor cursor;

	option_start(&cursor, options);
	while (option_next(&cursor) == 1) {
		int ret = option_take(a, &cursor, error, bytes);

		if (ret < 0)
			return ret;
	}
	if (cursor.error < 0) {
		snprintf(error, bytes, "\"%s\" is no list of KEY=VALUE", options);
		return cursor.error;
	}
	if (a->message == FAULT_MESSAGE_COUNT) {
		snprintf(error, bytes, "%s: say which message, as in %s:message=%s",
			a->fault->name, a->fault->name, fault_message_name(
			(a->fault->open & BIT(RNDIS_SET)) != 0 ? FAULT_RNDIS_SET :
			(unsigned int)__builtin_ctzll(a->fault->open), &about));
		return -EINVAL;
	}
	return a->fault->action == ACTION_LIE ? lie_complete(a, error, bytes) : 0;
}

int
armed_parse(struct armed *a, const char *text, char *error, unsigned int bytes)
{
	size_t length = strcspn(text, ":");

	*a = (struct armed){ .fault = fault_find(text, length), .nth = 1,
		.queue = UINT64_MAX, .percent = 100, .rng = { 1 } };
	if (a->fault == NULL) {
		snprintf(error, bytes, "there is no fault \"%.*s\"; see 'hvsim faults'",
			(int)length, text);
		return -EINVAL;
	}
	a->message = a->fault->message;
	a->count = a->fault->count;
	a->value = a->fault->value;
	a->time_ns = a->fault->action == ACTION_RARELY ? EVERY_NS : UINT64_MAX;
	return options_take(a, text[length] == ':' ? text + length + 1 : "", error, bytes);
}
