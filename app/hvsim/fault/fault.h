/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HVSIM_FAULT_H
#define HVSIM_FAULT_H

/*
 * Faults of the host: named, deterministic, armed by the command line or over
 * the control socket. The VSP asks fault_at() wherever a message leaves it or
 * is about to be read, and does what the verdict says; it knows no fault.
 * Nothing is armed in an honest host, and then asking is one branch.
 *
 * A fault is armed by "NAME" or "NAME:KEY=VALUE,...": message=KIND says which
 * messages it means where that is open, nth=N which of those is the first
 * (1), count=N how many (0: all that follow), value=N what is written, and
 * queue=N which queue's ring (all). probability=N is the part in percent that it
 * hits of those that it could, chosen by seed=N (1), and after=TIME keeps it
 * quiet for so long; for=TIME is how long it holds an answer back, if that is not
 * until it is disarmed, and every=TIME how often it looks that looks rarely: one
 * clock for all queues that the fault is about. The fault "lie" is about any field
 * that a host sends: message=, field=, and value= or add= (to the truth).
 */

#include <stdbool.h>
#include <stdint.h>

#include "lie.h"

/* What may be sent or read when the VSP asks. */
#define FAULT_MESSAGES(M) \
	M(RING, "ring", "the host looks at what the guest sent") \
	M(MONITOR, "monitor", "the host looks at the monitor page") \
	M(INIT, "init", "answer to NVSP INIT") \
	M(RECV_BUFFER, "recv-buffer", "answer to NVSP RECV_BUFFER") \
	M(SEND_BUFFER, "send-buffer", "answer to NVSP SEND_BUFFER") \
	M(NDIS_VERSION, "ndis-version", "completion of NVSP NDIS_VERSION") \
	M(NDIS_CONFIG, "ndis-config", "completion of NVSP NDIS_CONFIG") \
	M(SUBCHANNEL, "subchannel", "answer to NVSP SUBCHANNEL") \
	M(OID_QUERY, "oid-query", "answer to NVSP OID_QUERY_EX") \
	M(SWITCH_DATA_PATH, "switch-data-path", "completion of NVSP SWITCH_DATA_PATH") \
	M(REVOKE_RECV, "revoke-recv-buffer", "that the host obeys NVSP REVOKE_RECV_BUFFER") \
	M(REVOKE_SEND, "revoke-send-buffer", "that the host obeys NVSP REVOKE_SEND_BUFFER") \
	M(RNDIS_INIT, "rndis-init", "answer to RNDIS INIT") \
	M(RNDIS_QUERY, "rndis-query", "answer to RNDIS QUERY") \
	M(RNDIS_SET, "rndis-set", "answer to RNDIS SET") \
	M(RNDIS_KEEPALIVE, "rndis-keepalive", "answer to RNDIS KEEPALIVE") \
	M(RNDIS_HALT, "rndis-halt", "completion of RNDIS HALT") \
	M(FRAME, "frame", "RNDIS packet in the receive buffer") \
	M(RANGES, "ranges", "ranges of a transfer of frames") \
	M(TRANSFER, "transfer", "descriptor of a transfer of frames") \
	M(PACKET, "packet", "descriptor of any packet in the guest's receive ring") \
	M(SHOWN, "shown", "packets just published, and the first header they point to") \
	M(COMPLETION, "completion", "transaction id of a completion") \
	M(RETURN, "return", "transaction id by which the guest completes a transfer") \
	M(VF_ASSOCIATION, "vf-association", "VF association that nobody asked for") \
	M(INTERRUPT, "interrupt", "interrupt of the guest")

enum fault_message {
#define M(id, name, about) FAULT_##id,
	FAULT_MESSAGES(M)
#undef M
	FAULT_MESSAGE_COUNT,
};

enum fault_verdict {
	FAULT_PASS,
	FAULT_DROP,     /* do not send it; do not look */
	FAULT_TWICE,    /* send it twice */
	FAULT_LATE,     /* send it behind the next one of its kind that is not late */
	FAULT_NOTE,     /* send an unsolicited VF association before it */
	FAULT_HOLD,     /* keep it back for as long as fault_holds(fault_hold()) */
};

/* For how long what was kept back stays so. */
struct fault_hold {
	uint32_t serial;        /* of the fault that was armed; 0: until it is overtaken */
	uint64_t until_ns;      /* on the monotonic clock; UINT64_MAX: until it is disarmed */
};

/* How many faults are armed or not over yet. */
extern unsigned int fault_armed;

enum fault_verdict fault_decide(enum fault_message message, void *bytes, uint32_t n);

/* The one question. `bytes` is the message as it will be seen by the guest,
 * n its length; it may be changed in place. Of FAULT_RING it is the queue's
 * index, 16 bits. */
static inline enum fault_verdict
fault_at(enum fault_message message, void *bytes, uint32_t n)
{
	if (__builtin_expect(fault_armed == 0, 1))
		return FAULT_PASS;
	return fault_decide(message, bytes, n);
}

uint64_t fault_flood_decide(enum fault_message message, uint16_t queue);

/* How many of these a flooding host sends now on that queue; 0 in an honest one. */
static inline uint64_t
fault_flood(enum fault_message message, uint16_t queue)
{
	return __builtin_expect(fault_armed != 0, 0) ? fault_flood_decide(message, queue) : 0;
}

/* Of the verdict that was just FAULT_HOLD; and whether its time has not come: neither is
 * the time over nor the fault disarmed. */
struct fault_hold fault_hold(void);
bool fault_holds(const struct fault_hold *hold);

bool fault_lie_decide(enum lie_piece piece, void *bytes, uint32_t n);

/* Asked with everything that is about to be shown to the guest: n bytes of that
 * piece, changed in place. True if the host lied. */
static inline bool
fault_lie(enum lie_piece piece, void *bytes, uint32_t n)
{
	return __builtin_expect(fault_armed != 0, 0) && fault_lie_decide(piece, bytes, n);
}

/* fault_at() for an NVSP or an RNDIS control message, which say themselves
 * what they are; where the answer has no content of its own, for the request. */
enum fault_verdict fault_at_nvsp(void *bytes, uint32_t n);
enum fault_verdict fault_at_rndis(void *bytes, uint32_t n);

/* Arms a fault; 0, or -EINVAL or -ENOSPC with one sentence in error. */
int fault_arm(const char *text, char *error, unsigned int bytes);
/* Disarms all faults of that name, or all there are; -ENOENT if none was armed. */
int fault_disarm(const char *name);

struct fault_info {
	const char *name;
	const char *about;
	const char *message;            /* what it is about; NULL: has to be said */
	bool armed;
	uint64_t fired;                 /* since hvsim was started */
};
/* The i-th fault there is; false after the last. */
bool fault_info(unsigned int i, struct fault_info *info);
/* The i-th message kind that message= can name; NULL after the last. */
const char *fault_message_name(unsigned int i, const char **about);

/* The i-th field that lie: can be about, NULL after the last; and how many values
 * are worth trying for each. */
const char *fault_lie_name(unsigned int i, const char **field);
unsigned int fault_lie_values(void);

#endif /* HVSIM_FAULT_H */
