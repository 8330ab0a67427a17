/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HVSIM_FAULT_PRIVATE_H
#define HVSIM_FAULT_PRIVATE_H

/* What fault.c, which decides, and arm.c, which reads "NAME:KEY=VALUE,...", share. */

#include "../core/util.h"
#include "fault.h"

/* What a lie is about is not a kind of message but a field; see lie.h. */
#define FAULT_LIE ((enum fault_message)(FAULT_MESSAGE_COUNT + 1))

enum fault_action {
	ACTION_DROP,
	ACTION_TWICE,
	ACTION_LATE,
	ACTION_WRITE,           /* a field is another one */
	ACTION_NOTE,            /* an unsolicited message comes first */
	ACTION_RENAME,          /* a transaction id is another one, and the host remembers */
	ACTION_FLIP,            /* bytes become others and are put back, often */
	ACTION_LIE,
	ACTION_HOLD,            /* comes when for= is over, or when it is disarmed */
	ACTION_RARELY,          /* no more often than every= */
	ACTION_FLOOD,           /* value= more of them, unasked, at each look */
};

#define BIT(message) (1ull << FAULT_##message)
#define NVSP_ANSWERS (BIT(INIT) | BIT(RECV_BUFFER) | BIT(SEND_BUFFER) | BIT(NDIS_VERSION) | \
	BIT(NDIS_CONFIG) | BIT(SUBCHANNEL) | BIT(OID_QUERY) | BIT(SWITCH_DATA_PATH))
#define RNDIS_ANSWERS (BIT(RNDIS_INIT) | BIT(RNDIS_QUERY) | BIT(RNDIS_SET) | BIT(RNDIS_KEEPALIVE))
#define ANSWERS (NVSP_ANSWERS | RNDIS_ANSWERS | BIT(RNDIS_HALT) | BIT(COMPLETION))
/* What a host does, and tells nobody. */
#define DEEDS (BIT(REVOKE_RECV) | BIT(REVOKE_SEND) | BIT(RETURN))

struct fault {
	const char *name;
	const char *about;
	enum fault_message message;     /* FAULT_MESSAGE_COUNT: message= says which */
	enum fault_action action;
	uint16_t offset, bytes;         /* ACTION_WRITE */
	uint64_t value;                 /* what is written without value= */
	uint64_t count;                 /* how often without count= */
	uint64_t open;                  /* a bit for each that message= may name */
};

struct armed {
	const struct fault *fault;      /* NULL: free */
	enum fault_message message;
	uint64_t nth, count;            /* 0 counts for ever */
	uint64_t value;
	uint64_t queue;                 /* of rings and floods: UINT64_MAX is all of them */
	uint64_t seen;
	uint64_t percent;               /* of those that it could be, */
	struct rng rng;                 /* chosen by this */
	uint64_t from_ns;               /* not before, on the monotonic clock */
	uint32_t serial;                /* another for each that was armed */
	uint64_t time_ns;               /* ACTION_HOLD: for=, ACTION_RARELY: every= */
	uint64_t next_ns;               /* ACTION_RARELY: not again before */
	/* ACTION_LIE */
	const struct lie *lie;
	char lie_message[40], lie_field[40];
	struct lie_value lied;
};

/* The fault of that name, or NULL. */
const struct fault *fault_find(const char *name, size_t length);
/* 0 or -EINVAL. */
int fault_message_find(const char *name, enum fault_message *message);
/* On the monotonic clock. */
uint64_t fault_clock_ns(void);

/* What the text asks for; 0, or -EINVAL with one sentence in error. */
int armed_parse(struct armed *a, const char *text, char *error, unsigned int bytes);

#endif /* HVSIM_FAULT_PRIVATE_H */
