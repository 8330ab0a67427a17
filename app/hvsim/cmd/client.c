/* SPDX-License-Identifier: BSD-3-Clause */

/* See client.h. A running hvsim is found by the sockets in the folders that
 * private folders are made in. */

#include "client.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "../control/control.h"
#include "../control/unix_socket.h"
#include "folder.h"

#define ANSWER_TIMEOUT_S 10
#define LINE_BYTES_MAX (64u << 20)

/* ---- finding ---- */

struct discovery {
	unsigned int found;
	int fd;                 /* of the first */
	char paths[1024];
	size_t used;
};

static void
discover_path(struct discovery *discovery, const char *path)
{
	int fd = unix_connect(path);

	if (fd < 0)
		return;
	if (discovery->found++ == 0)
		discovery->fd = fd;
	else
		close(fd);
	if (discovery->used < sizeof(discovery->paths))
		discovery->used += (size_t)snprintf(discovery->paths + discovery->used,
			sizeof(discovery->paths) - discovery->used, " %s", path);
}

static void
discover_in(struct discovery *discovery, const char *parent)
{
	char *pattern;
	glob_t matches;

	if (asprintf(&pattern, "%s/hvsim-*/control", parent) < 0)
		return;
	if (glob(pattern, 0, NULL, &matches) == 0) {
		for (size_t i = 0; i < matches.gl_pathc; i++)
			discover_path(discovery, matches.gl_pathv[i]);
		globfree(&matches);
	}
	free(pattern);
}

static int
discover(char *error, unsigned int bytes)
{
	struct discovery discovery = { .fd = -1 };
	const char *parent;

	for (unsigned int i = 0; (parent = folder_candidate(i)) != NULL; i++)
		discover_in(&discovery, parent);
	if (discovery.found == 1)
		return discovery.fd;
	if (discovery.found == 0) {
		snprintf(error, bytes, "no hvsim is running here; start one with 'hvsim serve' "
			"or say where by --control PATH");
		return -ENOENT;
	}
	close(discovery.fd);
	snprintf(error, bytes, "%u hvsims are running; choose by --control PATH:%s",
		discovery.found, discovery.paths);
	return -ENOTUNIQ;
}

int
client_open(struct client *client, const char *path, char *error, unsigned int bytes)
{
	memset(client, 0, sizeof(*client));
	if (path == NULL)
		path = getenv("HVSIM_CONTROL");
	if (path == NULL || *path == '\0') {
		client->fd = discover(error, bytes);
		return client->fd < 0 ? client->fd : 0;
	}
	client->fd = unix_connect(path);
	if (client->fd >= 0)
		return 0;
	snprintf(error, bytes, "%s: %s", path, client->fd == -ECONNREFUSED ?
		"no hvsim listens there any more" : strerror(-client->fd));
	return client->fd;
}

void
client_close(struct client *client)
{
	if (client->fd >= 0)
		close(client->fd);
	free(client->buffer);
	client->buffer = NULL;
	client->fd = -1;
}

/* ---- lines ---- */

static void
timeout_set(const struct client *client, time_t seconds)
{
	struct timeval timeout = { .tv_sec = seconds };

	setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	setsockopt(client->fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
}

static int
buffer_fill(struct client *client)
{
	ssize_t n;

	if (client->used == client->size) {
		size_t size = client->size == 0 ? 65536 : client->size * 2;
		char *buffer = size > LINE_BYTES_MAX ? NULL : realloc(client->buffer, size);

		if (buffer == NULL)
			return -ENOMEM;
		client->buffer = buffer;
		client->size = size;
	}
	do {
		n = recv(client->fd, client->buffer + client->used, client->size - client->used,
			0);
	} while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n == 0 ? -ECONNRESET : -errno;
	client->used += (size_t)n;
	return 0;
}

/* The next line as JSON, or NULL with errno. */
static json_t *
line_read(struct client *client)
{
	char *end;
	json_t *line;
	size_t length;
	int ret;

	while (client->used == 0 ||
	       (end = memchr(client->buffer, '\n', client->used)) == NULL) {
		ret = buffer_fill(client);
		if (ret < 0) {
			errno = -ret;
			return NULL;
		}
	}
	length = (size_t)(end - client->buffer) + 1;
	line = json_loadb(client->buffer, length - 1, 0, NULL);
	memmove(client->buffer, client->buffer + length, client->used - length);
	client->used -= length;
	if (line == NULL)
		errno = EPROTO;
	return line;
}

static int
line_write(struct client *client, json_t *message)
{
	char *text = json_dumps(message, JSON_COMPACT);
	size_t length, sent = 0;
	int ret = 0;

	if (text == NULL)
		return -EINVAL;
	length = strlen(text);
	text[length++] = '\n';          /* in place of the terminator */
	while (sent < length && ret == 0) {
		ssize_t n = send(client->fd, text + sent, length - sent, MSG_NOSIGNAL);

		if (n < 0 && errno != EINTR)
			ret = -errno;
		else if (n > 0)
			sent += (size_t)n;
	}
	free(text);
	return ret;
}

/* ---- requests ---- */

static json_t *
answer_take(json_t *answer, char *error, unsigned int bytes)
{
	const char *sentence = json_string_value(json_object_get(answer, "error"));
	json_t *result = NULL;

	if (json_is_true(json_object_get(answer, "ok")))
		result = json_incref(json_object_get(answer, "result"));
	else
		snprintf(error, bytes, "%s", sentence != NULL ? sentence : "refused");
	json_decref(answer);
	return result;
}

json_t *
client_request(struct client *client, const char *command, json_t *members, char *error,
	unsigned int bytes)
{
	json_t *request = members != NULL ? members : json_object();
	json_int_t id = ++client->next_id;
	json_t *answer;
	int ret;

	timeout_set(client, ANSWER_TIMEOUT_S);
	json_object_set_new(request, "v", json_integer(CONTROL_VERSION));
	json_object_set_new(request, "id", json_integer(id));
	json_object_set_new(request, "cmd", json_string(command));
	ret = line_write(client, request);
	json_decref(request);
	if (ret < 0) {
		snprintf(error, bytes, "hvsim does not listen: %s", strerror(-ret));
		return NULL;
	}
	while ((answer = line_read(client)) != NULL) {
		if (json_integer_value(json_object_get(answer, "id")) == id)
			return answer_take(answer, error, bytes);
		json_decref(answer);    /* an event */
	}
	snprintf(error, bytes, "hvsim gave no answer: %s",
		errno == EAGAIN ? "it does not respond" : strerror(errno));
	return NULL;
}

json_t *
client_event(struct client *client)
{
	timeout_set(client, 0);
	return line_read(client);
}
