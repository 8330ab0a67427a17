/* SPDX-License-Identifier: BSD-3-Clause */

/* See stats.h. */

#include "stats.h"

static void
print_object(FILE *file, const char *owner, json_t *object)
{
	const char *name;
	json_t *value;

	json_object_foreach(object, name, value) {
		if (json_integer_value(value) != 0)
			fprintf(file, "%-16s %-28s %" JSON_INTEGER_FORMAT "\n", owner, name,
				json_integer_value(value));
	}
}

static void
print_queues(FILE *file, const char *nic, json_t *queues)
{
	for (size_t i = 0; i < json_array_size(queues); i++) {
		char owner[96];

		snprintf(owner, sizeof(owner), "%s.q%zu", nic, i);
		print_object(file, owner, json_array_get(queues, i));
	}
}

static void
print_list(FILE *file, const char *prefix, json_t *list)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		json_t *entry = json_array_get(list, i);
		json_t *queues = json_object_get(entry, "queues");
		char name[64];

		snprintf(name, sizeof(name), "%s%s", prefix,
			json_string_value(json_object_get(entry, "name")));
		print_object(file, name, json_object_get(entry, "counters"));
		if (queues != NULL)
			print_queues(file, name, queues);
	}
}

void
stats_print(FILE *file, json_t *counters)
{
	print_object(file, "host", json_object_get(counters, "host"));
	print_list(file, "", json_object_get(counters, "guests"));
	print_list(file, "", json_object_get(counters, "nics"));
	print_list(file, "port ", json_object_get(counters, "ports"));
}
