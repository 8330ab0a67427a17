/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HVSIM_CONTROL_PRIVATE_H
#define HVSIM_CONTROL_PRIVATE_H

/* Between control.c, which speaks to clients, and commands.c, which does
 * what they ask. */

#include <jansson.h>

struct control_client;

struct control_call {
	json_t *request;
	json_t *result;                 /* new reference; NULL = {} */
	struct control_client *client;
	char error[512];
};

/* Returns 0 with the result, or -errno with a sentence in error. */
int control_command(struct control_call *call);

/* Sends {"v":1,"event":"trace","line":...} from now on. */
void control_subscribe_trace(struct control_client *client);

/* Where the socket is; NULL if there is none. */
const char *control_path(void);

/* For tests: serves an already connected, non-blocking stream socket. */
int control_serve_fd(int fd);

#endif /* HVSIM_CONTROL_PRIVATE_H */
