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
#include "fault_private.h"

#define ARMED_MAX 16u
/* For so many rounds of nothing a flipped byte stays as it is: some 50 ns. */
#define FLIP_PAUSE 32u
#define RNDIS_STATUS_OFFSET 12u         /* of every RNDIS completion */
#define RNDIS_STATUS_FAILURE 0xC0000001u
#define RANGE_OFFSET sizeof(struct vmbus_transfer_pages)
#define PPI_OFFSET sizeof(struct rndis_packet)

static const struct fault faults[] = {
	{ "unread", "the host does not look at what the guest sends", FAULT_RING, ACTION_DROP,
		0, 0, 0, 0 },
	{ "silent", "the host does not answer", FAULT_MESSAGE_COUNT, ACTION_DROP, 0, 0, 0, 0,
		ANSWERS | DEEDS },
	{ "held", "an answer comes late: when for= is over, or else when the fault is disarmed",
		FAULT_MESSAGE_COUNT, ACTION_HOLD, 0, 0, 0, 1, ANSWERS | DEEDS },
	{ "rarely", "the host looks at a ring, or at the monitor page, once in every= (10ms)",
		FAULT_MESSAGE_COUNT, ACTION_RARELY, 0, 0, 0, 0, BIT(RING) | BIT(MONITOR) },
	{ "flood", "value= of them, and nobody asked, each time that the host looks at a ring",
		FAULT_MESSAGE_COUNT, ACTION_FLOOD, 0, 0, 32, 0,
		BIT(COMPLETION) | BIT(TRANSFER) | BIT(VF_ASSOCIATION) | BIT(INTERRUPT) },
	{ "twice", "the answer to an NVSP or RNDIS request, or a completion, is sent twice",
		FAULT_MESSAGE_COUNT, ACTION_TWICE, 0, 0, 0, 1, ANSWERS },
	{ "late", "completions come behind the next that is not late, the last one first",
		FAULT_COMPLETION, ACTION_LATE, 0, 0, 0, 1 },
	{ "status", "the answer to an RNDIS request has this status (failure)",
		FAULT_MESSAGE_COUNT, ACTION_WRITE, RNDIS_STATUS_OFFSET, 4, RNDIS_STATUS_FAILURE, 1,
		RNDIS_ANSWERS },
	{ "vf-note", "an unsolicited VF association comes right before an NVSP answer",
		FAULT_MESSAGE_COUNT, ACTION_NOTE, 0, 0, 0, 1, NVSP_ANSWERS },
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

unsigned int fault_armed;
static struct armed armed[ARMED_MAX];
static uint64_t fired[ARRAY_SIZE(faults)];
static uint32_t serials;                /* of faults that were armed so far */
static struct fault_hold hold;          /* of the last that was kept back */
/* The last transfer that was renamed: the guest completes it by the name it
 * was told. */
static struct {
	bool waits;
	uint64_t told, real;
} renamed;

/* ---- deciding ---- */

uint64_t
fault_clock_ns(void)
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
hold_back(const struct armed *a)
{
	hold.serial = a->serial;
	hold.until_ns = a->time_ns == UINT64_MAX ? UINT64_MAX : fault_clock_ns() + a->time_ns;
	return FAULT_HOLD;
}

static enum fault_verdict
look_rarely(struct armed *a)
{
	const uint64_t now_ns = fault_clock_ns();

	if (now_ns < a->next_ns)
		return FAULT_DROP;
	a->next_ns = now_ns + a->time_ns;
	return FAULT_PASS;
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
	if (fault->action == ACTION_HOLD)
		return hold_back(a);
	if (fault->action == ACTION_RARELY)
		return look_rarely(a);
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

	if (a->queue == UINT64_MAX || n != sizeof(index))
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
	if (a->from_ns != 0 && fault_clock_ns() < a->from_ns)
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
	enum fault_verdict verdict = FAULT_PASS, one;

	if (message == FAULT_RETURN)
		real_name(bytes, n);
	for (unsigned int i = 0; i < ARMED_MAX; i++) {
		if (armed[i].fault == NULL || armed[i].fault->action == ACTION_FLOOD ||
		    !due(&armed[i], message, bytes, n))
			continue;
		one = act(&armed[i], bytes, n);
		/* That it looks now and then is not what is wrong. */
		fired[armed[i].fault - faults] += one != FAULT_PASS ||
			armed[i].fault->action != ACTION_RARELY;
		verdict = worse(verdict, one);
	}
	return verdict;
}

uint64_t
fault_flood_decide(enum fault_message message, uint16_t queue)
{
	uint64_t many = 0;

	for (unsigned int i = 0; i < ARMED_MAX; i++) {
		if (armed[i].fault == NULL || armed[i].fault->action != ACTION_FLOOD ||
		    !due(&armed[i], message, &queue, sizeof(queue)))
			continue;
		fired[armed[i].fault - faults]++;
		many += armed[i].value;
	}
	return many;
}

struct fault_hold
fault_hold(void)
{
	return hold;
}

bool
fault_holds(const struct fault_hold *of)
{
	if (of->until_ns != UINT64_MAX && fault_clock_ns() >= of->until_ns)
		return false;
	for (unsigned int i = 0; i < ARMED_MAX; i++)
		if (armed[i].fault != NULL && armed[i].serial == of->serial)
			return true;
	return false;
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
	case NVSP_NDIS_VERSION: return fault_decide(FAULT_NDIS_VERSION, bytes, n);
	case NVSP_NDIS_CONFIG: return fault_decide(FAULT_NDIS_CONFIG, bytes, n);
	case NVSP_SUBCHANNEL: return fault_decide(FAULT_SUBCHANNEL, bytes, n);
	case NVSP_OID_QUERY_EX_COMPLETE: return fault_decide(FAULT_OID_QUERY, bytes, n);
	case NVSP_SWITCH_DATA_PATH: return fault_decide(FAULT_SWITCH_DATA_PATH, bytes, n);
	case NVSP_REVOKE_RECV_BUFFER: return fault_decide(FAULT_REVOKE_RECV, bytes, n);
	case NVSP_REVOKE_SEND_BUFFER: return fault_decide(FAULT_REVOKE_SEND, bytes, n);
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
	case RNDIS_KEEPALIVE | RNDIS_COMPLETION: return fault_decide(FAULT_RNDIS_KEEPALIVE, bytes, n);
	case RNDIS_HALT: return fault_decide(FAULT_RNDIS_HALT, bytes, n);
	default: return FAULT_PASS;
	}
}

/* ---- arming ---- */

const struct fault *
fault_find(const char *name, size_t length)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(faults); i++)
		if (strlen(faults[i].name) == length && memcmp(faults[i].name, name, length) == 0)
			return &faults[i];
	return NULL;
}

int
fault_message_find(const char *name, enum fault_message *message)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(messages); i++)
		if (strcmp(messages[i].name, name) == 0) {
			*message = (enum fault_message)i;
			return 0;
		}
	return -EINVAL;
}

int
fault_arm(const char *text, char *error, unsigned int bytes)
{
	struct armed a;
	unsigned int i = 0;

	if (armed_parse(&a, text, error, bytes) < 0)
		return -EINVAL;
	while (i < ARMED_MAX && armed[i].fault != NULL)
		i++;
	if (i == ARMED_MAX) {
		snprintf(error, bytes, "at most %u faults can be armed", ARMED_MAX);
		return -ENOSPC;
	}
	armed[i] = a;
	armed[i].serial = ++serials;
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
