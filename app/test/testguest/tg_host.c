/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reads hvsim's counters over its control socket: one JSON object a line each
 * way. A counter is found by its name wherever it stands in the answer.
 */

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tg_case.h"

#define ANSWER_WAIT_MS 5000

/* Connects through the folder's descriptor: the path may be too long. */
static int
control_connect(void)
{
	const char *path = getenv("HVSIM_CONTROL");
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char dir[4096];
	int dir_fd, fd, err = 0;
	char *slash;

	if (path == NULL || strlen(path) >= sizeof(dir))
		return -ENOENT;
	strcpy(dir, path);
	slash = strrchr(dir, '/');
	if (slash == NULL)
		return -EINVAL;
	*slash = '\0';
	dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0)
		return -errno;
	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%.64s", dir_fd,
		slash + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		err = -errno;
	close(dir_fd);
	if (err < 0 && fd >= 0)
		close(fd);
	return err < 0 ? err : fd;
}

/* Reads up to the first newline; NULL if none comes in time. */
static char *
read_line(int fd)
{
	size_t used = 0, room = 65536;
	char *text = malloc(room);

	while (text != NULL) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t n;

		if (used + 1 >= room)
			text = realloc(text, room *= 2);
		if (text == NULL || poll(&p, 1, ANSWER_WAIT_MS) <= 0)
			break;
		n = read(fd, text + used, room - used - 1);
		if (n <= 0)
			break;
		used += (size_t)n;
		text[used] = '\0';
		if (strchr(text, '\n') != NULL)
			return text;
	}
	free(text);
	return NULL;
}

/* Sends one command; returns the whole answer or NULL. */
static json_t *
command(const char *json)
{
	json_t *request = json_loads(json, 0, NULL), *answer = NULL;
	char *text = NULL, *line = NULL;
	int fd = control_connect();

	if (request != NULL) {
		json_object_set_new(request, "v", json_integer(1));
		json_object_set_new(request, "id", json_integer(1));
		text = json_dumps(request, JSON_COMPACT);
		json_decref(request);
	}
	if (fd >= 0 && text != NULL && dprintf(fd, "%s\n", text) > 0)
		line = read_line(fd);
	if (line != NULL)
		answer = json_loads(line, JSON_DISABLE_EOF_CHECK, NULL);
	if (fd >= 0)
		close(fd);
	free(text);
	free(line);
	return answer;
}

/* The name itself, or behind a prefix that ends with '_' or '.'. */
static bool
name_matches(const char *key, const char *name)
{
	size_t key_bytes = strlen(key), bytes = strlen(name);

	if (key_bytes < bytes || strcasecmp(key + key_bytes - bytes, name) != 0)
		return false;
	if (key_bytes == bytes)
		return true;
	return strncasecmp(key, "rule", 4) == 0 || strncasecmp(key, "violation", 9) == 0;
}

static uint64_t
sum_of(json_t *node, const char *name)
{
	uint64_t sum = 0;
	const char *key;
	json_t *value;
	size_t i;

	if (json_is_array(node))
		json_array_foreach(node, i, value)
			sum += sum_of(value, name);
	else if (json_is_object(node))
		json_object_foreach(node, key, value)
			sum += json_is_integer(value) && name_matches(key, name) ?
				(uint64_t)json_integer_value(value) : sum_of(value, name);
	return sum;
}

int
tg_host_counter(const char *name, uint64_t *value)
{
	json_t *answer = command("{\"cmd\":\"counters\"}");

	*value = 0;
	if (answer == NULL || !json_is_true(json_object_get(answer, "ok"))) {
		json_decref(answer);
		return -EIO;
	}
	*value = sum_of(json_object_get(answer, "result"), name);
	json_decref(answer);
	return 0;
}

int
tg_host_command(const char *json)
{
	json_t *answer = command(json);
	int err = json_is_true(json_object_get(answer, "ok")) ? 0 : -EIO;

	json_decref(answer);
	return err;
}
