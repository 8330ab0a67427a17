/* SPDX-License-Identifier: BSD-3-Clause */

/* See fault.h. A fault is a row of a table; the table of lies is offsets and
 * widths in messages, so that a lie about another field is another row. */

#include "fault.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "../../../drivers/bus/vmbus/vmbus_wire.h"
#include "../../../drivers/net/netvsc/nvsp_wire.h"
#include "../../../drivers/net/netvsc/rndis_wire.h"
#include "../core/units.h"
#include "../core/util.h"

#define ARMED_MAX 16u
/* For so many rounds of nothing a flipped byte stays as it is: some 50 ns. */
#define FLIP_PAUSE 32u
/* What a lie is about is not a kind of message but a field; see lie.h. */
#define FAULT_LIE ((enum fault_message)(FAULT_MESSAGE_COUNT + 1))
#define RNDIS_STATUS_OFFSET 12u         /* of every RNDIS completion */
#define RNDIS_STATUS_FAILURE 0xC0000001u
#define RANGE_OFFSET sizeof(struct vmbus_transfer_pages)
#define PPI_OFFSET sizeof(struct rndis_packet)

enum fault_action {
	ACTION_DROP,
	ACTION_TWICE,
	ACTION_LATE,
	ACTION_WRITE,           /* a field is another one */
	ACTION_NOTE,            /* an unsolicited message comes first */
	ACTION_RENAME,          /* a transaction id is another one, and the host remembers */
	ACTION_FLIP,            /* bytes become others and are put back, often */
	ACTION_LIE,
};

static const struct fault {
	const char *name;
	const char *about;
	enum fault_message message;     /* FAULT_MESSAGE_COUNT: message= says which */
	enum fault_action action;
	uint16_t offset, bytes;         /* ACTION_WRITE */
	uint64_t value;                 /* what is written without value= */
	uint64_t count;                 /* how often without count= */
} faults[] = {
	{ "unread", "the host does not look at what the guest sends", FAULT_RING, ACTION_DROP,
		0, 0, 0, 0 },
	{ "silent", "the host does not answer", FAULT_MESSAGE_COUNT, ACTION_DROP, 0, 0, 0, 0 },
	{ "twice", "the answer to an NVSP or RNDIS request, or a completion, is sent twice",
		FAULT_MESSAGE_COUNT, ACTION_TWICE, 0, 0, 0, 1 },
	{ "late", "completions come behind the next that is not late, the last one first",
		FAULT_COMPLETION, ACTION_LATE, 0, 0, 0, 1 },
	{ "status", "the answer to an RNDIS request has this status (failure)",
		FAULT_MESSAGE_COUNT, ACTION_WRITE, RNDIS_STATUS_OFFSET, 4, RNDIS_STATUS_FAILURE, 1 },
	{ "vf-note", "an unsolicited VF association comes right before an NVSP answer",
		FAULT_MESSAGE_COUNT, ACTION_NOTE, 0, 0, 0, 1 },
	{ "frame-ppi-offset", "a frame's information is elsewhere", FAULT_FRAME, ACTION_WRITE,
		offsetof(struct rndis_packet, ppi_offset), 4, 0, 1 },
	{ "ppi-bytes", "size of a frame's first piece of information", FAULT_FRAME, ACTION_WRITE,
		PPI_OFFSET + offsetof(struct rndis_ppi, bytes), 4, 0, 1 },
	{ "ppi-type", "... its type", FAULT_FRAME, ACTION_WRITE,
		PPI_OFFSET + offsetof(struct rndis_ppi, type), 4, 0, 1 },
	{ "ppi-data-offset", "... where its data starts", FAULT_FRAME, ACTION_WRITE,
		PPI_OFFSET + offsetof(struct rndis_ppi, data_offset), 4, 0, 1 },
	{ "range-bytes", "length of a transfer's first range", FAULT_RANGES, ACTION_WRITE,
		RANGE_OFFSET + offsetof(struct vmbus_transfer_range, byte_count), 4, 0, 1 },
	{ "range-offset", "... where it starts", FAULT_RANGES, ACTION_WRITE,
		RANGE_OFFSET + offsetof(struct vmbus_transfer_range, byte_offset), 4, 0, 1 },
	{ "transfer-id", "a transfer has this transaction id", FAULT_TRANSFER, ACTION_RENAME,
		offsetof(struct vmbus_packet_header, transaction_id), 8, 0, 1 },
	{ "packet-bytes", "length of a packet, in units of 8 bytes", FAULT_PACKET, ACTION_WRITE,
		offsetof(struct vmbus_packet_header, length_8b), 2, 0, 1 },
	{ "completion-id", "a completion has this transaction id", FAULT_COMPLETION, ACTION_WRITE,
		0, 8, 0, 1 },
	{ "flip", "bytes change, value= times, while the guest reads them, and are put back",
		FAULT_SHOWN, ACTION_FLIP, 0, 0, 200, 0 },
	{ "lie", "any field of any message is another one; needs message= and field=", FAULT_LIE,
		ACTION_LIE, 0, 0, 0, 1 },
};

#define M(id, name, about) { name, about },
static const struct {
	const char *name, *about;
} messages[] = { FAULT_MESSAGES(M) };
#undef M

struct armed {
	const struct fault *fault;      /* NULL: free */
	enum fault_message message;
	uint64_t nth, count;            /* 0 counts for ever */
	uint64_t value;
	uint64_t queue;                 /* FAULT_RING: UINT64_MAX is all of them */
	uint64_t seen;
	uint64_t percent;               /* of those that it could be, */
	struct rng rng;                 /* chosen by this */
	uint64_t from_ns;               /* not before, on the monotonic clock */
	/* ACTION_LIE */
	const struct lie *lie;
	char lie_message[40], lie_field[40];
	struct lie_value lied;
};

unsigned int fault_armed;
static struct armed armed[ARMED_MAX];
static uint64_t fired[ARRAY_SIZE(faults)];
/* The last transfer that was renamed: the guest completes it by the name it
 * was told. */
static struct {
	bool waits;
	uint64_t told, real;
} renamed;

/* ---- deciding ---- */

static uint64_t
clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* The guest runs on another processor: it sees the one or the other, or both. */
static void
flip(struct armed *a, uint8_t *bytes, uint32_t n)
{
	for (uint64_t i = 0; i < a->value && n != 0; i++) {
		uint8_t *at = bytes + rng_below(&a->rng, n);
		const uint8_t truth = *at;
		const uint8_t other = (uint8_t)(truth ^ (1 + rng_below(&a->rng, UINT8_MAX)));

		__atomic_store_n(at, other, __ATOMIC_RELAXED);
		for (volatile unsigned int pause = 0; pause < FLIP_PAUSE; pause++)
			;
		__atomic_store_n(at, truth, __ATOMIC_RELAXED);
	}
}

static enum fault_verdict
act(struct armed *a, void *bytes, uint32_t n)
{
	const struct fault *fault = a->fault;
	uint8_t *at = (uint8_t *)bytes + fault->offset;

	if (fault->action == ACTION_DROP)
		return FAULT_DROP;
	if (fault->action == ACTION_NOTE)
		return FAULT_NOTE;
	if (fault->action == ACTION_TWICE)
		return FAULT_TWICE;
	if (fault->action == ACTION_LATE)
		return FAULT_LATE;
	if (fault->action == ACTION_FLIP) {
		flip(a, bytes, n);
		return FAULT_PASS;
	}
	if (!range_ok(fault->offset, fault->bytes, n))
		return FAULT_PASS;
	if (fault->action == ACTION_RENAME) {
		/* Counts as armed until it came back. */
		fault_armed += !renamed.waits;
		memcpy(&renamed.real, at, sizeof(renamed.real));
		renamed.told = a->value;
		renamed.waits = true;
	}
	memcpy(at, &a->value, fault->bytes);    /* both ends are little-endian */
	return FAULT_PASS;
}

static bool
other_queue(const struct armed *a, const void *bytes, uint32_t n)
{
	uint16_t index;

	if (a->message != FAULT_RING || a->queue == UINT64_MAX || n != sizeof(index))
		return false;
	memcpy(&index, bytes, sizeof(index));
	return index != a->queue;
}

/* Whether it is this one's turn. */
static bool
due(struct armed *a, enum fault_message message, const void *bytes, uint32_t n)
{
	if (a->fault == NULL || a->message != message || other_queue(a, bytes, n))
		return false;
	if (a->from_ns != 0 && clock_ns() < a->from_ns)
		return false;
	if (a->percent < 100 && rng_below(&a->rng, 100) >= a->percent)
		return false;
	a->seen++;
	return a->seen >= a->nth && (a->count == 0 || a->seen - a->nth < a->count);
}

static enum fault_verdict
worse(enum fault_verdict a, enum fault_verdict b)
{
	return a == FAULT_DROP || b == FAULT_PASS ? a : b;
}

static void
real_name(void *bytes, uint32_t n)
{
	if (n < sizeof(renamed.told) || !renamed.waits ||
	    memcmp(bytes, &renamed.told, sizeof(renamed.told)) != 0)
		return;
	memcpy(bytes, &renamed.real, sizeof(renamed.real));
	renamed.waits = false;
	fault_armed--;
}

enum fault_verdict
fault_decide(enum fault_message message, void *bytes, uint32_t n)
{
	enum fault_verdict verdict = FAULT_PASS;

	if (message == FAULT_RETURN)
		real_name(bytes, n);
	for (unsigned int i = 0; i < ARMED_MAX; i++) {
		if (!due(&armed[i], message, bytes, n))
			continue;
		fired[armed[i].fault - faults]++;
		verdict = worse(verdict, act(&armed[i], bytes, n));
	}
	return verdict;
}

bool
fault_lie_decide(enum lie_piece piece, void *bytes, uint32_t n)
{
	bool lied = false;

	for (unsigned int i = 0; i < ARMED_MAX; i++) {
		struct armed *a = &armed[i];
		uint8_t *at = a->fault == NULL || a->lie == NULL ? NULL :
			lie_at(a->lie, piece, bytes, n);

		if (at == NULL || !due(a, FAULT_LIE, bytes, n))
			continue;
		fired[a->fault - faults]++;
		lie_write(a->lie, at, &a->lied);
		lied = true;
	}
	return lied;
}

enum fault_verdict
fault_at_nvsp(void *bytes, uint32_t n)
{
	uint32_t type;

	if (__builtin_expect(fault_armed == 0, 1) || n < sizeof(type))
		return FAULT_PASS;
	memcpy(&type, bytes, sizeof(type));
	switch (type) {
	case NVSP_INIT_COMPLETE: return fault_decide(FAULT_INIT, bytes, n);
	case NVSP_RECV_BUFFER_COMPLETE: return fault_decide(FAULT_RECV_BUFFER, bytes, n);
	case NVSP_SEND_BUFFER_COMPLETE: return fault_decide(FAULT_SEND_BUFFER, bytes, n);
	case NVSP_SUBCHANNEL: return fault_decide(FAULT_SUBCHANNEL, bytes, n);
	default: return FAULT_PASS;
	}
}

enum fault_verdict
fault_at_rndis(void *bytes, uint32_t n)
{
	uint32_t type;

	if (__builtin_expect(fault_armed == 0, 1) || n < sizeof(type))
		return FAULT_PASS;
	memcpy(&type, bytes, sizeof(type));
	switch (type) {
	case RNDIS_INIT | RNDIS_COMPLETION: return fault_decide(FAULT_RNDIS_INIT, bytes, n);
	case RNDIS_QUERY | RNDIS_COMPLETION: return fault_decide(FAULT_RNDIS_QUERY, bytes, n);
	case RNDIS_SET | RNDIS_COMPLETION: return fault_decide(FAULT_RNDIS_SET, bytes, n);
	default: return FAULT_PASS;
	}
}

/* ---- arming ---- */

static const struct fault *
fault_find(const char *name, size_t length)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(faults); i++)
		if (strlen(faults[i].name) == length && memcmp(faults[i].name, name, length) == 0)
			return &faults[i];
	return NULL;
}

static int
message_find(const char *name, enum fault_message *message)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(messages); i++)
		if (strcmp(messages[i].name, name) == 0) {
			*message = (enum fault_message)i;
			return 0;
		}
	return -EINVAL;
}

/* The options that are numbers. */
static int
option_number(struct armed *a, const struct option_cursor *cursor, char *error,
	unsigned int bytes)
{
	static const char *const names[] = { "nth", "count", "value", "probability", "seed", "queue" };
	uint64_t *const to[] = { &a->nth, &a->count, &a->value, &a->percent, &a->rng.state,
		&a->queue };
	unsigned int known = a->fault->message == FAULT_RING ? 6 : 5;

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

static int
option_time(struct armed *a, const struct option_cursor *cursor, char *error, unsigned int bytes)
{
	uint64_t ns;

	if (units_parse_time_ns(cursor->value, &ns) == 0) {
		a->from_ns = clock_ns() + ns;
		return 0;
	}
	snprintf(error, bytes, "%s: after=%s is no time such as 100ms", a->fault->name,
		cursor->value);
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
	if (a->fault->action == ACTION_LIE && option_lie(a, cursor) == 1)
		return 0;
	if (strcmp(cursor->key, "message") == 0 && a->fault->message == FAULT_MESSAGE_COUNT) {
		if (message_find(cursor->value, &a->message) == 0)
			return 0;
		snprintf(error, bytes, "there is no message \"%s\"; see 'hvsim faults'",
			cursor->value);
		return -EINVAL;
	}
	if (strcmp(cursor->key, "after") == 0)
		return option_time(a, cursor, error, bytes);
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
		snprintf(error, bytes, "%s: say which message, as in %s:message=rndis-set",
			a->fault->name, a->fault->name);
		return -EINVAL;
	}
	return a->fault->action == ACTION_LIE ? lie_complete(a, error, bytes) : 0;
}

int
fault_arm(const char *text, char *error, unsigned int bytes)
{
	size_t length = strcspn(text, ":");
	struct armed a = { .fault = fault_find(text, length), .nth = 1,
		.queue = UINT64_MAX, .percent = 100, .rng = { 1 } };
	unsigned int i = 0;

	if (a.fault == NULL) {
		snprintf(error, bytes, "there is no fault \"%.*s\"; see 'hvsim faults'",
			(int)length, text);
		return -EINVAL;
	}
	a.message = a.fault->message;
	a.count = a.fault->count;
	a.value = a.fault->value;
	if (options_take(&a, text[length] == ':' ? text + length + 1 : "", error, bytes) < 0)
		return -EINVAL;
	while (i < ARMED_MAX && armed[i].fault != NULL)
		i++;
	if (i == ARMED_MAX) {
		snprintf(error, bytes, "at most %u faults can be armed", ARMED_MAX);
		return -ENOSPC;
	}
	armed[i] = a;
	fault_armed++;
	return 0;
}

int
fault_disarm(const char *name)
{
	bool all = strcmp(name, "all") == 0;
	unsigned int n = 0;

	for (unsigned int i = 0; i < ARMED_MAX; i++) {
		if (armed[i].fault == NULL || (!all && strcmp(armed[i].fault->name, name) != 0))
			continue;
		armed[i].fault = NULL;
		n++;
	}
	fault_armed -= n;
	return n != 0 || all ? 0 : -ENOENT;
}

/* ---- telling ---- */

bool
fault_info(unsigned int i, struct fault_info *info)
{
	if (i >= ARRAY_SIZE(faults))
		return false;
	*info = (struct fault_info){ .name = faults[i].name, .about = faults[i].about,
		.fired = fired[i] };
	if (faults[i].message < FAULT_MESSAGE_COUNT)
		info->message = messages[faults[i].message].name;
	for (unsigned int a = 0; a < ARMED_MAX; a++)
		info->armed |= armed[a].fault == &faults[i];
	return true;
}

const char *
fault_message_name(unsigned int i, const char **about)
{
	if (i >= ARRAY_SIZE(messages))
		return NULL;
	*about = messages[i].about;
	return messages[i].name;
}

const char *
fault_lie_name(unsigned int i, const char **field)
{
	if (i >= lie_count)
		return NULL;
	*field = lies[i].field;
	return lies[i].message;
}

unsigned int
fault_lie_values(void)
{
	struct lie_value value;
	unsigned int n = 0;

	while (lie_value(n, &value))
		n++;
	return n;
}
