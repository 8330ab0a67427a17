/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HVSIM_CLIENT_H
#define HVSIM_CLIENT_H

/* The other end of the control socket. Errors are one sentence. */

#include <jansson.h>

struct client {
	int fd;
	json_int_t next_id;
	char *buffer;
	size_t used, size;
};

/* path NULL: $HVSIM_CONTROL, else the one hvsim that runs. */
int client_open(struct client *client, const char *path, char *error, unsigned int bytes);
void client_close(struct client *client);

/* Sends {"cmd": command, ...members}; takes the reference of members (NULL:
 * none). Returns the result, a new reference, or NULL. */
json_t *client_request(struct client *client, const char *command, json_t *members,
	char *error, unsigned int bytes);
/* Waits for the next event for ever; NULL at the end. */
json_t *client_event(struct client *client);

#endif /* HVSIM_CLIENT_H */
