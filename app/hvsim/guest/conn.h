/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HVSIM_GUEST_CONN_H
#define HVSIM_GUEST_CONN_H

/* The connection to hvsim (conn.c): messages of guest_proto.h. */

#include <stdbool.h>
#include <stdint.h>

#include "guest_proto.h"

struct conn_reply {
	int status;                     /* 0 or -errno */
	uint32_t bytes;
	union {
		struct guest_hello_reply hello;
		struct guest_uio_reply uio;
		struct guest_ring_reply ring;
		struct guest_channels channels;
	} body;
	int fds[GUEST_PROTO_FDS_MAX];
	uint32_t fd_count;
};

struct conn_message {
	uint32_t op;
	const void *payload;
	uint32_t payload_bytes;
	const void *data;               /* follows the payload */
	uint32_t data_bytes;
	int fd;                         /* -1: none */
};

/* A connected socket of hvsim's, or -errno. */
int conn_socket(void);
/* One message and its reply on a socket, within a bound of time. Returns the
 * reply's status; what the reply brought is the caller's. */
int conn_exchange(int fd, const struct conn_message *message, struct conn_reply *reply);
/* The same on the process's connection, made when needed. The lock is held. */
int conn_request(const struct conn_message *message, struct conn_reply *reply);
/* Without a reply. The lock is held. Where hvsim was started anew, this and
 * conn_request() find the new one, and try once more. */
int conn_tell(const struct conn_message *message);
/* A request that carries a path only; takes the lock. */
int conn_path_request(uint32_t op, const char *path, struct conn_reply *reply);
void conn_reply_close(struct conn_reply *reply);
/* After fork: the connection is the parent's. The lock is held. */
void conn_forked(bool connect_now);
/* Sees to it that the hvsim of this moment knows this process. Takes the lock.
 * Returns 0 or -errno. */
int conn_current(void);
/* What hvsim said at the first hello. Takes the lock. Returns 0 or -errno. */
int conn_hello(struct guest_hello_reply *hello);

#endif /* HVSIM_GUEST_CONN_H */
