/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HVSIM_TRACE_H
#define HVSIM_TRACE_H

/*
 * The control conversation, decoded: every NVSP and RNDIS control message in
 * both directions, offers, opens, closes, violations. Costs one load while
 * nobody listens.
 */

#include <stdbool.h>
#include <stdint.h>

enum trace_direction {
	TRACE_TO_HOST,
	TRACE_TO_GUEST,
};

enum trace_kind {
	TRACE_NVSP,     /* bytes start with the NVSP type */
	TRACE_RNDIS,    /* a control message; bytes start with the RNDIS header */
	TRACE_EVENT,    /* text */
};

extern bool trace_on;   /* somebody listens */

void trace_emit(const char *nic, uint32_t relid, enum trace_direction direction,
	enum trace_kind kind, const void *bytes, uint32_t n);

/* nic: name, relid: channel; n may exceed what is decoded. Data packets and
 * their completions are not to be passed here. */
static inline void
trace_message(const char *nic, uint32_t relid, enum trace_direction direction,
	enum trace_kind kind, const void *bytes, uint32_t n)
{
	if (__builtin_expect(trace_on, 0))
		trace_emit(nic, relid, direction, kind, bytes, n);
}

/* "nic0: opened, 4194304 bytes of rings": events without a message. */
void trace_event(const char *nic, uint32_t relid, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Listeners: each gets every line, with a time stamp, decoded. */
struct trace_listener {
	void (*line)(struct trace_listener *listener, const char *json_line);
	struct trace_listener *next;
};
void trace_listen(struct trace_listener *listener);
void trace_unlisten(struct trace_listener *listener);

/* Decodes one message to text (describe.c): returns the text's length, always
 * terminated; never reads past n bytes, whatever they hold. */
int describe_nvsp(const void *bytes, uint32_t n, char *text, uint32_t text_bytes);
int describe_rndis(const void *bytes, uint32_t n, char *text, uint32_t text_bytes);
const char *describe_oid(uint32_t oid);         /* "OID_..." or "0x..." (static) */
const char *describe_status(uint32_t status);

#endif /* HVSIM_TRACE_H */
