/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Ports from text: "kind:key=value,...". Everything that can be wrong with it
 * is said in one sentence that names what would be right.
 */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/units.h"
#include "../core/util.h"
#include "port.h"

static const struct port_kind *const kinds[] = {
	&port_kind_echo, &port_kind_sink, &port_kind_gen, &port_kind_pcap, &port_kind_tap,
	&port_kind_afpacket,
};

struct sw_port *
port_error(const struct port_request *request, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	snprintf(request->error, request->error_bytes, "%s: %s", request->kind, text);
	return NULL;
}

/* ---- values ---- */

int
port_parse_u32(const char *value, uint32_t *result)
{
	uint64_t number;

	if (units_parse_uint(value, &number) < 0 || number > UINT32_MAX)
		return -EINVAL;
	*result = (uint32_t)number;
	return 0;
}

int
port_parse_text(const char *value, char *result, unsigned int bytes)
{
	size_t length = strlen(value);

	if (length == 0 || length >= bytes)
		return -EINVAL;
	memcpy(result, value, length + 1);
	return 0;
}

/* ---- options ---- */

static void
unknown_option(const struct port_request *request, const struct port_option *table,
	const char *key)
{
	char valid[256] = "name";

	for (; table->key != NULL; table++) {
		size_t used = strlen(valid);

		snprintf(valid + used, sizeof(valid) - used, ", %s", table->key);
	}
	port_error(request, "there is no option '%.40s'; the options are %s", key, valid);
}

int
port_options(const struct port_request *request, const struct port_option *table, void *config)
{
	struct option_cursor cursor;
	const struct port_option *option;

	option_start(&cursor, request->options);
	while (option_next(&cursor) == 1) {
		if (strcmp(cursor.key, "name") == 0)
			continue;
		for (option = table; option->key != NULL; option++) {
			if (strcmp(cursor.key, option->key) == 0)
				break;
		}
		if (option->key == NULL) {
			unknown_option(request, table, cursor.key);
			return -EINVAL;
		}
		if (option->set(config, cursor.value) < 0) {
			port_error(request, "%s=%.100s: expected %s", option->key, cursor.value,
				option->expects);
			return -EINVAL;
		}
	}
	return 0;
}

static bool
name_valid(const char *name)
{
	size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		"0123456789_-.");

	return length > 0 && length < sizeof(((struct sw_port *)0)->name) &&
		name[length] == '\0';
}

/* Takes the name out of the options, or makes one up: "gen0", "gen1", ... */
static int
request_name(struct port_request *request)
{
	struct option_cursor cursor;

	option_start(&cursor, request->options);
	while (option_next(&cursor) == 1) {
		if (strcmp(cursor.key, "name") != 0)
			continue;
		if (!name_valid(cursor.value)) {
			port_error(request, "name=%.40s: expected 1 to 31 letters, digits, or any of "
				"'_', '-', '.'", cursor.value);
			return -EINVAL;
		}
		snprintf(request->name, sizeof(request->name), "%.31s", cursor.value);
		request->named = true;
	}
	if (cursor.error != 0) {
		port_error(request, "cannot read the options '%.100s'; they look like "
			"key=value,key=value", request->options);
		return -EINVAL;
	}
	for (unsigned int i = 0; !request->named; i++) {
		snprintf(request->name, sizeof(request->name), "%.20s%u", request->kind, i);
		if (sw_port_find(request->name) == NULL)
			break;
	}
	return 0;
}

/* ---- kinds ---- */

static const struct port_kind *
kind_find(const char *spec, size_t length)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (strlen(kinds[i]->kind) == length &&
		    strncmp(kinds[i]->kind, spec, length) == 0)
			return kinds[i];
	}
	return NULL;
}

static void
unknown_kind(const char *spec, size_t length, char *error, unsigned int error_bytes)
{
	char valid[128] = "";

	for (unsigned int i = 0; i < ARRAY_SIZE(kinds); i++) {
		size_t used = strlen(valid);

		snprintf(valid + used, sizeof(valid) - used, "%s%s", i == 0 ? "" : ", ",
			kinds[i]->kind);
	}
	snprintf(error, error_bytes, "there is no kind of port '%.*s'; the kinds are %s",
		(int)HV_MIN(length, 40u), spec, valid);
}

static struct sw_port *
attach(struct sw *sw, struct sw_port *port, const struct port_request *request)
{
	int ret = sw_attach(sw, port);

	if (ret == 0)
		return port;
	if (ret == -EEXIST)
		port_error(request, "there is a port named '%s' already", port->name);
	else
		port_error(request, "'%s' is a wire and has two ports already", sw_name(sw));
	port->ops->destroy(port);
	return NULL;
}

struct sw_port *
sw_port_create(struct sw *sw, const char *spec, uint64_t seed, char *error,
	unsigned int error_bytes)
{
	size_t length = strcspn(spec, ":");
	const struct port_kind *kind = kind_find(spec, length);
	struct port_request request = {
		.options = spec[length] == ':' ? spec + length + 1 : "",
		.seed = seed, .error = error, .error_bytes = error_bytes,
	};
	struct sw_port *port;

	if (kind == NULL) {
		unknown_kind(spec, length, error, error_bytes);
		return NULL;
	}
	request.kind = kind->kind;
	if (request_name(&request) < 0)
		return NULL;
	if (request.named && sw_port_find(request.name) != NULL)
		return port_error(&request, "there is a port named '%s' already", request.name);
	port = kind->create(&request);
	return port != NULL ? attach(sw, port, &request) : NULL;
}

const char *
sw_port_help(void)
{
	static char text[8192];
	size_t used = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(kinds) && used < sizeof(text); i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s",
			i == 0 ? "" : "\n", kinds[i]->help);
	return text;
}

void
port_init(struct sw_port *port, const struct sw_port_ops *ops, const char *name)
{
	port->ops = ops;
	snprintf(port->name, sizeof(port->name), "%s", name);
	port->link_up = true;
}
