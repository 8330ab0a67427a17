/* SPDX-License-Identifier: BSD-3-Clause */

/* See ctl_print.h. */

#include "ctl_print.h"

#include <stdio.h>
#include <string.h>

#include "../core/util.h"
#include "stats.h"

static const char *
text(json_t *object, const char *member)
{
	const char *value = json_string_value(json_object_get(object, member));

	return value != NULL ? value : "";
}

static void
print_nic(json_t *nic)
{
	printf("nic %s: guest %s, %s, %s, host %s, %s\n", text(nic, "name"), text(nic, "guest"),
		text(nic, "mac"), text(nic, "guid"), text(nic, "host_profile"),
		json_is_true(json_object_get(nic, "offered")) ? "offered" : "taken away");
	if (*text(nic, "negotiated") != '\0')
		printf("    %s\n", text(nic, "negotiated"));
}

static void
print_switch(json_t *sw)
{
	json_t *ports = json_object_get(sw, "ports");

	printf("switch %s:\n", text(sw, "name"));
	for (size_t i = 0; i < json_array_size(ports); i++) {
		json_t *port = json_array_get(ports, i);

		printf("    %s (%s), link %s%s\n", text(port, "name"), text(port, "kind"),
			json_is_true(json_object_get(port, "link_up")) ? "up" : "down",
			json_is_true(json_object_get(port, "capture")) ? ", captured" : "");
	}
}

static void
print_list(json_t *result)
{
	json_t *guests = json_object_get(result, "guests");
	json_t *nics = json_object_get(result, "nics");
	json_t *switches = json_object_get(result, "switches");

	for (size_t i = 0; i < json_array_size(guests); i++) {
		json_t *guest = json_array_get(guests, i);

		printf("guest %s: kernel %s, %s\n", text(guest, "name"),
			text(guest, "kernel_profile"), text(guest, "dir"));
	}
	for (size_t i = 0; i < json_array_size(nics); i++)
		print_nic(json_array_get(nics, i));
	for (size_t i = 0; i < json_array_size(switches); i++)
		print_switch(json_array_get(switches, i));
}

static void
print_counters(json_t *result)
{
	stats_print(stdout, result);
}

static void
print_profile_list(const char *title, json_t *profiles)
{
	printf("%s\n", title);
	for (size_t i = 0; i < json_array_size(profiles); i++) {
		json_t *profile = json_array_get(profiles, i);

		printf("  %-10s %s\n", text(profile, "name"), text(profile, "about"));
	}
}

static void
print_profiles(json_t *result)
{
	print_profile_list("Host profiles (--host):", json_object_get(result, "host"));
	print_profile_list("Kernel profiles (--kernel):", json_object_get(result, "kernel"));
}

static void
print_lies(json_t *lies, json_int_t values)
{
	const char *message;
	json_t *fields, *field;
	json_int_t n = 0;
	size_t i;

	printf("Lies (lie:message=,field=, and value= or add=):\n");
	json_object_foreach(lies, message, fields) {
		printf("  %-26s", message);
		json_array_foreach(fields, i, field)
			printf(" %s", json_string_value(field));
		printf("\n");
		n += (json_int_t)json_array_size(fields);
	}
	printf("%" JSON_INTEGER_FORMAT " fields of %zu messages: %" JSON_INTEGER_FORMAT
		" single lies of %" JSON_INTEGER_FORMAT " values each\n", n, json_object_size(lies),
		n * values, values);
}

static void
print_faults(json_t *result)
{
	json_t *faults = json_object_get(result, "faults");
	json_t *messages = json_object_get(result, "messages");

	printf("Faults (--fault NAME[:KEY=VALUE,...]; keys: message, nth, count,\n"
		"value, probability, seed, after, for, every, queue; of lies also field, add):\n");
	for (size_t i = 0; i < json_array_size(faults); i++) {
		json_t *fault = json_array_get(faults, i);
		json_int_t fired = json_integer_value(json_object_get(fault, "fired"));

		printf("  %-18s %s%s", text(fault, "name"), text(fault, "about"),
			*text(fault, "message") == '\0' ? "; needs message=" : "");
		if (json_is_true(json_object_get(fault, "armed")) || fired > 0)
			printf(" [%s, fired %" JSON_INTEGER_FORMAT " times]", json_is_true(
				json_object_get(fault, "armed")) ? "armed" : "not armed", fired);
		printf("\n");
	}
	printf("Messages (message=):\n");
	for (size_t i = 0; i < json_array_size(messages); i++)
		printf("  %-18s %s\n", text(json_array_get(messages, i), "name"),
			text(json_array_get(messages, i), "about"));
	print_lies(json_object_get(result, "lies"),
		json_integer_value(json_object_get(result, "values")));
}

/* Whatever else: what was made, and whether the guest knows of it. */
static void
print_done(json_t *result)
{
	json_t *told = json_object_get(result, "told");

	if (*text(result, "name") != '\0')
		printf("%s\n", text(result, "name"));
	if (*text(result, "dir") != '\0')
		printf("%s\n", text(result, "dir"));
	if (json_is_false(told))
		printf("done; the guest is not ready and will be told when it is\n");
}

void
ctl_print(const char *request, json_t *result)
{
	static const struct {
		const char *request;
		void (*print)(json_t *result);
	} printers[] = {
		{ "list", print_list }, { "counters", print_counters },
		{ "profiles", print_profiles },
		{ "faults", print_faults },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(printers); i++) {
		if (strcmp(printers[i].request, request) == 0) {
			printers[i].print(result);
			return;
		}
	}
	print_done(result);
}
