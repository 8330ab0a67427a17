/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The topology file: JSON with the keys settings, guests, nics and ports. A
 * NIC or port is an object with the option names of the command line, or the
 * option list itself as a string.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "config_private.h"
#include "util.h"

#define VALUE_BYTES 4096u

/* Where in the file something is wrong: "nics[2]". */
struct file_place {
	const char *path;
	const char *list;
	unsigned int index;
	const struct config_errbuf *error;
};

/* Puts the place before the sentence that is in the buffer already. */
static int
place_error(const struct file_place *place)
{
	char sentence[1024];

	snprintf(sentence, sizeof(sentence), "%s", place->error->text);
	if (place->list == NULL)
		return config_error(place->error, "%s: %s", place->path, sentence);
	return config_error(place->error, "%s: %s[%u]: %s", place->path, place->list,
		place->index, sentence);
}

/* A scalar as it would stand on the command line. */
static int
value_text(json_t *value, char *text, size_t bytes)
{
	int n = -1;

	if (json_is_string(value))
		n = snprintf(text, bytes, "%s", json_string_value(value));
	else if (json_is_integer(value))
		n = snprintf(text, bytes, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	else if (json_is_boolean(value))
		n = snprintf(text, bytes, "%s", json_is_true(value) ? "on" : "off");
	return n >= 0 && (size_t)n < bytes ? 0 : -EINVAL;
}

/* Calls set for each member of an object, with its value as text. */
static int
members_apply(json_t *object, void *target,
	int (*set)(void *target, const char *key, const char *value,
		const struct config_errbuf *error), const struct config_errbuf *error)
{
	char *text = malloc(VALUE_BYTES);
	const char *key;
	json_t *value;
	int ret = 0;

	json_object_foreach(object, key, value) {
		if (text == NULL || value_text(value, text, VALUE_BYTES) < 0)
			ret = config_error(error, "\"%s\" must be a string, an integer or "
				"true or false", key);
		else
			ret = set(target, key, text, error);
		if (ret < 0)
			break;
	}
	free(text);
	return ret;
}

/* ---- one of each ---- */

static int
setting_apply(void *target, const char *key, const char *value,
	const struct config_errbuf *error)
{
	return config_set(target, key, value, error->text, error->bytes);
}

static const char *
guest_option_name(unsigned int i)
{
	static const char *const names[] = { "name", "kernel", "iova", "isolated" };

	return i < ARRAY_SIZE(names) ? names[i] : NULL;
}

static int
guest_apply(void *target, const char *key, const char *value, const struct config_errbuf *error)
{
	struct config_guest *guest = target;
	int ret;

	if (strcmp(key, "name") == 0)
		ret = config_copy_name(guest->name, sizeof(guest->name), value);
	else if (strcmp(key, "kernel") == 0)
		ret = config_copy_name(guest->kernel_profile, sizeof(guest->kernel_profile),
			value);
	else if (strcmp(key, "iova") == 0)
		ret = config_parse_iova(value, &guest->iova);
	else if (strcmp(key, "isolated") == 0)
		ret = units_parse_bool(value, &guest->isolated);
	else
		return config_unknown(error, "a guest", key, guest_option_name);
	if (ret < 0)
		return config_error(error, "%s=%s: not a value for that", key, value);
	return 0;
}

static int
guest_add(struct config *config, json_t *item, const struct config_errbuf *error)
{
	struct config_guest *guest, **link = &config->guests;
	int ret;

	if (!json_is_object(item))
		return config_error(error, "a guest must be an object");
	guest = calloc(1, sizeof(*guest));
	if (guest == NULL)
		return config_error(error, "out of memory");
	ret = members_apply(item, guest, guest_apply, error);
	if (ret == 0 && guest->name[0] == '\0')
		ret = config_error(error, "a guest needs a name");
	if (ret < 0) {
		free(guest);
		return ret;
	}
	while (*link != NULL)
		link = &(*link)->next;
	*link = guest;
	return 0;
}

struct nic_target {
	struct config_nic *nic;
	uint32_t seen;
};

static int
nic_apply(void *target, const char *key, const char *value, const struct config_errbuf *error)
{
	struct nic_target *t = target;

	return config_nic_set(t->nic, &t->seen, key, value, error);
}

static int
nic_add(struct config *config, json_t *item, const struct config_errbuf *error)
{
	struct nic_target target = { NULL, 0 };
	int ret;

	if (json_is_string(item))
		return config_add_nic(config, json_string_value(item), error->text,
			error->bytes);
	if (!json_is_object(item))
		return config_error(error, "a NIC must be an object or a string");
	target.nic = malloc(sizeof(*target.nic));
	if (target.nic == NULL)
		return config_error(error, "out of memory");
	config_nic_defaults(target.nic);
	ret = members_apply(item, &target, nic_apply, error);
	if (ret < 0)
		free(target.nic);
	else
		config_nic_append(config, target.nic);
	return ret;
}

static const char *
port_option_name(unsigned int i)
{
	static const char *const names[] = { "port", "sw", "vlan" };

	return i < ARRAY_SIZE(names) ? names[i] : NULL;
}

static int
port_apply(void *target, const char *key, const char *value, const struct config_errbuf *error)
{
	struct config_port *port = target;
	int ret = config_port_set_place(port, key, value, error);

	if (ret != 0)
		return ret < 0 ? ret : 0;
	if (strcmp(key, "port") != 0)
		return config_unknown(error, "a port", key, port_option_name);
	if (config_copy_text(port->spec, sizeof(port->spec), value) < 0)
		return config_error(error, "the port is too long");
	return 0;
}

static int
port_add(struct config *config, json_t *item, const struct config_errbuf *error)
{
	struct config_port *port;
	int ret;

	if (json_is_string(item))
		return config_add_port(config, json_string_value(item), error->text,
			error->bytes);
	if (!json_is_object(item))
		return config_error(error, "a port must be an object or a string");
	port = calloc(1, sizeof(*port));
	if (port == NULL)
		return config_error(error, "out of memory");
	ret = members_apply(item, port, port_apply, error);
	if (ret == 0 && port->spec[0] == '\0')
		ret = config_error(error, "\"port\" is missing, such as \"tap:name=tap0\"");
	if (ret < 0)
		free(port);
	else
		config_port_append(config, port);
	return ret;
}

/* Armed at once: what is wrong with one is told with its place. */
static int
fault_add(struct config *config, json_t *item, const struct config_errbuf *error)
{
	if (!json_is_string(item))
		return config_error(error, "a fault must be a string such as "
			"\"silent:message=rndis-init\"");
	if (config->fault_arm == NULL)
		return config_error(error, "there are no faults here");
	return config->fault_arm(json_string_value(item), error->text, error->bytes);
}

/* ---- the file ---- */

static int
list_apply(struct config *config, json_t *list, struct file_place *place,
	int (*add)(struct config *config, json_t *item, const struct config_errbuf *error))
{
	if (!json_is_array(list))
		return config_error(place->error, "%s: \"%s\" must be a list", place->path,
			place->list);
	for (place->index = 0; place->index < json_array_size(list); place->index++) {
		if (add(config, json_array_get(list, place->index), place->error) < 0)
			return place_error(place);
	}
	return 0;
}

static int
settings_apply(struct config *config, json_t *settings, const struct file_place *place)
{
	if (!json_is_object(settings))
		return config_error(place->error, "%s: \"settings\" must be an object",
			place->path);
	if (members_apply(settings, config, setting_apply, place->error) < 0)
		return place_error(place);
	return 0;
}

static int
section_apply(struct config *config, const char *key, json_t *value,
	struct file_place *place)
{
	static const struct {
		const char *key;
		int (*add)(struct config *config, json_t *item,
			const struct config_errbuf *error);
	} lists[] = {
		{ "guests", guest_add }, { "nics", nic_add }, { "ports", port_add },
		{ "faults", fault_add },
	};

	if (strcmp(key, "settings") == 0)
		return settings_apply(config, value, place);
	for (unsigned int i = 0; i < ARRAY_SIZE(lists); i++) {
		if (strcmp(lists[i].key, key) == 0) {
			place->list = lists[i].key;
			return list_apply(config, value, place, lists[i].add);
		}
	}
	return config_error(place->error, "%s: a topology has no \"%s\"; it has settings, "
		"guests, nics, ports, faults", place->path, key);
}

int
config_load_file(struct config *config, const char *path, char *error, unsigned int bytes)
{
	struct config_errbuf errbuf = { error, bytes };
	json_error_t json_error;
	json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &json_error);
	const char *key;
	json_t *value;
	int ret = 0;

	if (root == NULL && json_error.line < 0)
		return config_error(&errbuf, "%s", json_error.text);
	if (root == NULL)
		return config_error(&errbuf, "%s: line %d, column %d: %s", path, json_error.line,
			json_error.column, json_error.text);
	if (!json_is_object(root))
		ret = config_error(&errbuf, "%s: a topology must be an object", path);
	json_object_foreach(root, key, value) {
		struct file_place place = { path, NULL, 0, &errbuf };

		ret = section_apply(config, key, value, &place);
		if (ret < 0)
			break;
	}
	json_decref(root);
	return ret;
}
