/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reads hvsim's counters over its control socket: one JSON object a line each
 * way.
 */

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <stdarg.h>
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

/* The "result" of one command, or NULL. */
static json_t *
result_of(const char *json)
{
	json_t *answer = command(json), *result = NULL;

	if (json_is_true(json_object_get(answer, "ok")))
		result = json_incref(json_object_get(answer, "result"));
	json_decref(answer);
	return result;
}

/* What the list's objects have under this name, together. */
static uint64_t
sum_of(json_t *list, const char *name)
{
	uint64_t sum = 0;
	json_t *entry;
	size_t i;

	json_array_foreach(list, i, entry)
		sum += (uint64_t)json_integer_value(json_object_get(
			json_object_get(entry, "counters"), name));
	return sum;
}

int
tg_host_violations(const char *const *rules, uint64_t *values, unsigned int n)
{
	json_t *result = result_of("{\"cmd\":\"counters\"}");

	if (result == NULL)
		return -EIO;
	for (unsigned int i = 0; i < n; i++) {
		char key[64];

		snprintf(key, sizeof(key), "violation_%s", rules[i]);
		values[i] = sum_of(json_object_get(result, "nics"), key);
		/* A page of the whole guest belongs to no NIC. */
		if (strcmp(rules[i], "FOREIGN_BIT") == 0)
			values[i] += sum_of(json_object_get(result, "guests"),
				"foreign_changes");
	}
	json_decref(result);
	return 0;
}

int
tg_host_nic_name(const uint8_t mac[6], char name[32])
{
	json_t *result = result_of("{\"cmd\":\"list\"}"), *nic;
	int err = -ENOENT;
	char text[18];
	size_t i;

	snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
		mac[3], mac[4], mac[5]);
	json_array_foreach(json_object_get(result, "nics"), i, nic) {
		const char *its = json_string_value(json_object_get(nic, "mac"));

		if (its == NULL || strcasecmp(its, text) != 0)
			continue;
		snprintf(name, 32, "%s", json_string_value(json_object_get(nic, "name")));
		err = 0;
	}
	json_decref(result);
	return err;
}

int
tg_host_command(const char *format, ...)
{
	json_t *result;
	char json[512];
	va_list args;

	va_start(args, format);
	vsnprintf(json, sizeof(json), format, args);
	va_end(args);
	result = result_of(json);
	if (result == NULL)
		return -EIO;
	json_decref(result);
	return 0;
}
