/* SPDX-License-Identifier: BSD-3-Clause */

/* Settings of the whole host: one row each, for the command line and for the
 * topology file. */

#include <errno.h>
#include <string.h>

#include "config_private.h"
#include "units.h"
#include "util.h"

#define SETTER(option) \
	static int set_##option(struct config *config, const char *value)

SETTER(host)
{
	return config_copy_name(config->host_profile, sizeof(config->host_profile), value);
}

SETTER(kernel)
{
	return config_copy_name(config->kernel_profile, sizeof(config->kernel_profile), value);
}

SETTER(iova) { return config_parse_iova(value, &config->iova); }
SETTER(isolated) { return units_parse_bool(value, &config->isolated); }
SETTER(seed) { return units_parse_uint(value, &config->seed); }
SETTER(strict) { return units_parse_bool(value, &config->strict); }

SETTER(check)
{
	if (strcmp(value, "full") != 0 && strcmp(value, "fast") != 0)
		return -EINVAL;
	config->check = value[1] == 'u' ? CHECK_FULL : CHECK_FAST;
	return 0;
}

SETTER(poll)
{
	if (strcmp(value, "busy") != 0 && strcmp(value, "adaptive") != 0)
		return -EINVAL;
	config->poll = value[0] == 'b' ? ENGINE_POLL_BUSY : ENGINE_POLL_ADAPTIVE;
	return 0;
}

SETTER(cpus)
{
	if (*value == '\0' || value[strspn(value, "0123456789,-")] != '\0')
		return -EINVAL;
	return config_copy_text(config->cpus, sizeof(config->cpus), value);
}

SETTER(numa)
{
	uint32_t node;

	if (strcmp(value, "any") == 0) {
		config->numa_node = -1;
		return 0;
	}
	if (config_parse_bounded(value, 0, 1023, &node) < 0)
		return -EINVAL;
	config->numa_node = (int)node;
	return 0;
}

SETTER(control)
{
	if (*value == '\0')
		return -EINVAL;
	return config_copy_text(config->control_path, sizeof(config->control_path), value);
}

SETTER(folder)
{
	if (*value != '/')
		return -EINVAL;
	return config_copy_text(config->folder_path, sizeof(config->folder_path), value);
}

SETTER(trace)
{
	if (*value == '\0')
		return -EINVAL;
	return config_copy_text(config->trace_path, sizeof(config->trace_path), value);
}

int
config_parse_iova(const char *value, enum config_iova *iova)
{
	static const char *const names[] = { "auto", "va", "pa" };

	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(value, names[i]) == 0) {
			*iova = (enum config_iova)i;
			return 0;
		}
	}
	return -EINVAL;
}

static const struct setting {
	const char *name;
	const char *expects;
	int (*set)(struct config *config, const char *value);
} settings[] = {
	{ "host", "a host profile (see 'hvsim profiles')", set_host },
	{ "kernel", "a kernel profile (see 'hvsim profiles')", set_kernel },
	{ "iova", "auto, va or pa", set_iova },
	{ "isolated", CONFIG_BOOL_EXPECTED, set_isolated },
	{ "seed", "a number such as 42", set_seed },
	{ "check", "full or fast", set_check },
	{ "strict", CONFIG_BOOL_EXPECTED, set_strict },
	{ "poll", "busy or adaptive", set_poll },
	{ "cpus", "a list of CPUs such as 3 or 0-1,4", set_cpus },
	{ "numa", "a node number, or any", set_numa },
	{ "control", "the path of a socket", set_control },
	{ "folder", "the absolute path of a folder", set_folder },
	{ "trace", "the path of a file", set_trace },
};

static const char *
setting_name(unsigned int i)
{
	return i < ARRAY_SIZE(settings) ? settings[i].name : NULL;
}

int
config_set(struct config *config, const char *name, const char *value, char *error,
	unsigned int bytes)
{
	struct config_errbuf errbuf = { error, bytes };

	for (unsigned int i = 0; i < ARRAY_SIZE(settings); i++) {
		if (strcmp(settings[i].name, name) != 0)
			continue;
		if (settings[i].set(config, value) < 0)
			return config_error(&errbuf, "%s=%s: expected %s", name, value,
				settings[i].expects);
		return 0;
	}
	return config_unknown(&errbuf, "hvsim", name, setting_name);
}
