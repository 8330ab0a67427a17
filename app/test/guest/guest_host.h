/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TEST_GUEST_HOST_H
#define TEST_GUEST_HOST_H

/*
 * What a test guest asks of the host that its test plays: over descriptor 3, a
 * request and a reply each. The host is the real kernel part with a VSP that
 * does nothing but count.
 */

#include <stdint.h>

#define HOST_FD 3
#define HOST_GUID "f5cbd6a7-1e2f-4f0a-9c3d-00155d000001"

enum host_op {
	HOST_STATE = 1,         /* -> open files, opens, closes of the primary */
	HOST_INTERRUPT,         /* arg: channel */
	HOST_RESCIND,
	HOST_SUBCHANNEL,        /* arg: index; offers it */
	HOST_MASK,              /* arg: channel -> interrupt mask that the host sees */
	HOST_PAGE,              /* arg: address -> found, in place, first byte */
	HOST_VANISH,            /* the guest's kernel and all sockets are gone */
	HOST_RESTART,           /* the same, and a new one in the same place */
	HOST_CHANNEL,           /* arg: channel -> opens, relid */
	HOST_TEXT,              /* arg: channel; writes arg into the ring's data, both ways */
	HOST_SIGNALS,           /* arg: channel -> how often it was signalled */
	HOST_PA,                /* arg: page numbers are physical ones */
};

struct host_request {
	uint64_t op, arg;
};

struct host_reply {
	int64_t a, b, c;
};

/* ---- for the test that plays the host: guest_host.c ---- */

/* A guest with a kernel profile ("" the default) and one NIC, in a new folder;
 * `deeper` ("" or "/name") is made below it. */
void host_start(const char *profile, const char *deeper);
/* Fails the test if anything is left of it on disk. */
void host_stop(void);
/* Serves a forked child until it exits: once per host_start(). Returns its exit
 * status, 128 + signal, or 124 if it took too long. */
int host_serve(void (*child)(void *arg), void *arg);
const char *host_dir(void);
uint32_t host_uio(void);

#endif /* TEST_GUEST_HOST_H */
