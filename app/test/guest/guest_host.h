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

enum host_op {
	HOST_STATE = 1,         /* -> open files, opens, closes of the primary */
	HOST_INTERRUPT,         /* arg: channel */
	HOST_RESCIND,
	HOST_SUBCHANNEL,        /* arg: index; offers it */
	HOST_MASK,              /* arg: channel -> interrupt mask that the host sees */
	HOST_PAGE,              /* arg: address -> found, in place, first byte */
	HOST_VANISH,            /* the guest's kernel and all sockets are gone */
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

#endif /* TEST_GUEST_HOST_H */
