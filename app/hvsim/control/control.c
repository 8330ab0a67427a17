/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The control socket's server. A client has a buffer for the request it is
 * writing and one for what it has not read yet, both bounded: a request too
 * long ends the connection, a client that does not read is not read from, and
 * events beyond its buffer are counted, not kept.
 */

#include "control.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../core/engine.h"
#include "../core/log.h"
#include "../core/util.h"
#include "control_private.h"
#include "trace.h"
#include "unix_socket.h"

#define REQUEST_BYTES_MAX 65536u
/* Beyond this no more requests are read and events are lost. */
#define OUT_BYTES_SOFT (1u << 20)
#define CLIENTS_MAX 64u

struct control_client {
	struct control_client *next;
	int fd;
	bool broken;            /* cannot be answered any more */
	bool end_of_input;
	bool tracing;
	uint64_t lost_events;
	struct trace_listener listener;
	size_t in_used;
	char *out;
	size_t out_used, out_sent, out_size;
	char in[REQUEST_BYTES_MAX];
};

static struct {
	int listen_fd;
	char *path;
	struct control_client *clients;
	unsigned int client_count;
} control = { .listen_fd = -1 };

/* ---- clients ---- */

static void
client_destroy(struct control_client *client)
{
	for (struct control_client **link = &control.clients; *link != NULL;
	     link = &(*link)->next) {
		if (*link == client) {
			*link = client->next;
			control.client_count--;
			break;
		}
	}
	if (client->tracing)
		trace_unlisten(&client->listener);
	engine_fd_remove(client->fd);
	close(client->fd);
	free(client->out);
	free(client);
}

static size_t
client_backlog(const struct control_client *client)
{
	return client->out_used - client->out_sent;
}

/* Takes text to be sent; the caller arms the descriptor. */
static void
client_queue(struct control_client *client, const char *text, size_t bytes)
{
	if (client->broken)
		return;
	if (client->out_sent > 0) {
		memmove(client->out, client->out + client->out_sent, client_backlog(client));
		client->out_used -= client->out_sent;
		client->out_sent = 0;
	}
	if (client->out_used + bytes > client->out_size) {
		size_t size = HV_MAX(client->out_size * 2, client->out_used + bytes);
		char *out = realloc(client->out, size);

		if (out == NULL) {
			client->broken = true;
			return;
		}
		client->out = out;
		client->out_size = size;
	}
	memcpy(client->out + client->out_used, text, bytes);
	client->out_used += bytes;
}

static void
client_arm(struct control_client *client)
{
	uint32_t events = 0;

	if (client_backlog(client) > 0)
		events |= EPOLLOUT;
	if (client_backlog(client) < OUT_BYTES_SOFT && !client->end_of_input)
		events |= EPOLLIN;
	engine_fd_modify(client->fd, events);
}

static void
client_flush(struct control_client *client)
{
	while (client_backlog(client) > 0) {
		ssize_t n = send(client->fd, client->out + client->out_sent,
			client_backlog(client), MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0) {
			client->broken = errno != EAGAIN && errno != EINTR;
			return;
		}
		client->out_sent += (size_t)n;
	}
}

static void
client_send_json(struct control_client *client, json_t *message)
{
	char *text = json_dumps(message, JSON_COMPACT);

	json_decref(message);
	if (text == NULL) {
		client->broken = true;
		return;
	}
	client_queue(client, text, strlen(text));
	client_queue(client, "\n", 1);
	free(text);
}

/* ---- events ---- */

static void
client_trace_line(struct trace_listener *listener, const char *json_line)
{
	struct control_client *client = container_of(listener, struct control_client, listener);
	char head[96];

	if (client_backlog(client) + strlen(json_line) > OUT_BYTES_SOFT) {
		client->lost_events++;
		return;
	}
	snprintf(head, sizeof(head), "{\"v\":%d,\"event\":\"trace\",\"lost\":%llu,\"line\":",
		CONTROL_VERSION, (unsigned long long)client->lost_events);
	client_queue(client, head, strlen(head));
	client_queue(client, json_line, strlen(json_line));
	client_queue(client, "}\n", 2);
	client_arm(client);
}

void
control_subscribe_trace(struct control_client *client)
{
	if (client->tracing)
		return;
	client->listener.line = client_trace_line;
	client->tracing = true;
	trace_listen(&client->listener);
}

/* ---- requests ---- */

static int
request_check(struct control_call *call)
{
	json_t *version = json_object_get(call->request, "v");

	if (!json_is_object(call->request)) {
		snprintf(call->error, sizeof(call->error), "a request must be a JSON object");
		return -EINVAL;
	}
	if (!json_is_integer(version) || json_integer_value(version) != CONTROL_VERSION) {
		snprintf(call->error, sizeof(call->error), "this hvsim speaks version %d (\"v\")",
			CONTROL_VERSION);
		return -EPROTO;
	}
	return 0;
}

static void
request_answer(struct control_call *call, int ret)
{
	json_t *answer = json_pack("{s:i, s:b}", "v", CONTROL_VERSION, "ok", ret == 0);
	json_t *id = json_object_get(call->request, "id");

	if (id != NULL)
		json_object_set(answer, "id", id);
	if (ret == 0) {
		json_object_set_new(answer, "result",
			call->result != NULL ? call->result : json_object());
	} else {
		json_decref(call->result);
		/* A sentence cut within a character is no string. */
		if (call->error[0] == '\0' || json_object_set_new(answer, "error",
				json_string(call->error)) < 0)
			json_object_set_new(answer, "error", json_string(strerror(-ret)));
	}
	client_send_json(call->client, answer);
}

static void
request_run(struct control_client *client, const char *text, size_t bytes)
{
	struct control_call call = { .client = client };
	json_error_t error;
	int ret;

	call.request = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, &error);
	if (call.request == NULL) {
		snprintf(call.error, sizeof(call.error), "not JSON: %s", error.text);
		ret = -EINVAL;
	} else {
		ret = request_check(&call);
		if (ret == 0)
			ret = control_command(&call);
	}
	request_answer(&call, ret);
	json_decref(call.request);
}

/* Runs the whole lines in the buffer, as long as the answers are read. */
static void
requests_run(struct control_client *client)
{
	char *start = client->in, *end;
	size_t left = client->in_used;

	while (client_backlog(client) < OUT_BYTES_SOFT &&
	       (end = memchr(start, '\n', left)) != NULL) {
		if (end > start)
			request_run(client, start, (size_t)(end - start));
		left -= (size_t)(end - start) + 1;
		start = end + 1;
	}
	memmove(client->in, start, left);
	client->in_used = left;
	if (left == sizeof(client->in) && memchr(client->in, '\n', left) == NULL) {
		log_warning("control: a request longer than %u bytes", REQUEST_BYTES_MAX);
		client->broken = true;
	}
}

static void
client_read(struct control_client *client)
{
	size_t room = sizeof(client->in) - client->in_used;
	ssize_t n;

	if (room == 0)
		return;
	n = recv(client->fd, client->in + client->in_used, room, MSG_DONTWAIT);
	if (n > 0)
		client->in_used += (size_t)n;
	else if (n == 0)
		client->end_of_input = true;
	else
		client->broken = errno != EAGAIN && errno != EINTR;
}

static void
client_ready(void *arg, uint32_t events)
{
	struct control_client *client = arg;

	if ((events & EPOLLIN) != 0)
		client_read(client);
	if ((events & EPOLLOUT) != 0)
		client_flush(client);
	if (!client->broken) {
		requests_run(client);
		client_flush(client);
	}
	/* A client that shut down its side still gets its answers, and ends a
	 * subscription by that. */
	if (client->broken || (events & (EPOLLERR | EPOLLHUP)) != 0 ||
	    (client->end_of_input && client_backlog(client) == 0))
		client_destroy(client);
	else
		client_arm(client);
}

int
control_serve_fd(int fd)
{
	struct control_client *client;
	int ret;

	if (control.client_count >= CLIENTS_MAX)
		return -EMFILE;
	client = calloc(1, sizeof(*client));
	if (client == NULL)
		return -ENOMEM;
	client->fd = fd;
	ret = engine_fd_add(fd, EPOLLIN, client_ready, client);
	if (ret < 0) {
		free(client);
		return ret;
	}
	client->next = control.clients;
	control.clients = client;
	control.client_count++;
	return 0;
}

/* ---- the socket ---- */

static void
accept_ready(void *arg, uint32_t events)
{
	int fd = accept4(control.listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)arg;
	(void)events;
	if (fd < 0)
		return;
	if (control_serve_fd(fd) < 0) {
		log_warning("control: too many clients");
		close(fd);
	}
}

int
control_start(const char *path)
{
	int fd = unix_listen(path);
	int ret;

	if (fd < 0)
		return fd;
	ret = engine_fd_add(fd, EPOLLIN, accept_ready, NULL);
	if (ret < 0) {
		close(fd);
		return ret;
	}
	control.listen_fd = fd;
	control.path = strdup(path);
	return 0;
}

const char *
control_path(void)
{
	return control.path;
}

void
control_stop(void)
{
	while (control.clients != NULL) {
		client_flush(control.clients);
		client_destroy(control.clients);
	}
	if (control.listen_fd >= 0) {
		engine_fd_remove(control.listen_fd);
		close(control.listen_fd);
	}
	control.listen_fd = -1;
	free(control.path);
	control.path = NULL;
}
