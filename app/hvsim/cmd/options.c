/* SPDX-License-Identifier: BSD-3-Clause */

/* See options.h. The topology file is read first, so that an option given
 * beside it wins wherever it stands. */

#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../control/machine.h"
#include "../core/log.h"
#include "../core/util.h"
#include "../fault/fault.h"

#define ROWS_MAX 32u

/* What getopt_long() did not take, in its own spelling. */
static int
option_error(const struct option_parser *parser, int code, const char *word)
{
	if (code == ':')
		return usage_error(parser->command->name, "%s needs a value; see 'hvsim %s --help'",
			word, parser->command->name);
	return usage_error(parser->command->name, "there is no option %s; see 'hvsim %s --help'",
		word, parser->command->name);
}

static void
long_options(const struct option_parser *parser, struct option *options)
{
	memset(options, 0, (ROWS_MAX + 2) * sizeof(*options));
	options[0] = (struct option) { "help", no_argument, NULL, 'h' };
	for (unsigned int i = 0; i < HV_MIN(parser->count, ROWS_MAX); i++)
		options[i + 1] = (struct option) { parser->rows[i].name,
			parser->rows[i].value ? required_argument : no_argument, NULL, 256 };
}

int
options_parse(const struct option_parser *parser, int argc, char **argv)
{
	struct option options[ROWS_MAX + 2];
	const char *flags = parser->operands_end ? "+:h" : ":h";
	char error[1024];
	int code, which = 0;

	long_options(parser, options);
	opterr = 0;
	optind = 0;
	while ((code = getopt_long(argc, argv, flags, options, &which)) != -1) {
		int ret;

		if (code == 'h') {
			fputs(parser->command->help, stdout);
			return -1 - EXIT_SUCCESS;
		}
		if (code == '?' || code == ':') {
			const char letter[] = { '-', (char)optopt, '\0' };

			return -1 - option_error(parser, code, optopt > 0 && optopt < 256 ?
				letter : argv[optind - 1]);
		}
		ret = parser->apply(parser->context, options[which].name,
			optarg != NULL ? optarg : "", error, sizeof(error));
		if (ret < 0)
			return -1 - usage_error(parser->command->name, "%s", error);
	}
	return optind;
}

/* ---- run and serve ---- */

static const struct option_row machine_rows[] = {
	{ "nic", true }, { "port", true }, { "config", true }, { "host", true },
	{ "kernel", true }, { "iova", true }, { "isolated", false }, { "seed", true },
	{ "check", true }, { "strict", false }, { "poll", true }, { "cpus", true }, { "numa", true },
	{ "control", true }, { "folder", true }, { "trace", true }, { "capture", true },
	{ "stats", false }, { "stats-json", true }, { "fault", true }, { "log-level", true },
	{ "log-file", true },
};

static int
log_level_set(const char *value, char *error, unsigned int bytes)
{
	static const char *const names[] = { "error", "warning", "notice", "info", "debug" };

	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(names[i], value) == 0) {
			log_set_level((enum log_level)i);
			return 0;
		}
	}
	snprintf(error, bytes, "log-level=%s: expected error, warning, notice, info or debug",
		value);
	return -EINVAL;
}

static int
capture_add(struct machine_options *options, const char *value, char *error,
	unsigned int bytes)
{
	const char *equals = strchr(value, '=');
	size_t length = strlen(value) + 1;
	struct machine_capture *capture;

	if (equals == NULL || equals == value || equals[1] == '\0') {
		snprintf(error, bytes, "capture=%s: expected a port and a file such as "
			"nic0=nic0.pcapng", value);
		return -EINVAL;
	}
	capture = malloc(sizeof(*capture) + length);
	if (capture == NULL)
		return -ENOMEM;
	memcpy(capture->text, value, length);
	capture->text[equals - value] = '\0';
	capture->port = capture->text;
	capture->file = capture->text + (equals - value) + 1;
	capture->next = options->captures;
	options->captures = capture;
	return 0;
}

static int
keep_text(char **to, const char *value)
{
	free(*to);
	*to = strdup(value);
	return *to == NULL ? -ENOMEM : 0;
}

/* The path as it is from any folder. */
static int
path_set(struct config *config, const char *name, const char *value, char *error,
	unsigned int bytes)
{
	char here[PATH_MAX], path[PATH_MAX];

	if (*value == '/' || *value == '\0' || getcwd(here, sizeof(here)) == NULL)
		return config_set(config, name, value, error, bytes);
	if (snprintf(path, sizeof(path), "%s/%s", here, value) >= (int)sizeof(path)) {
		snprintf(error, bytes, "%s=%s: the path is too long", name, value);
		return -EINVAL;
	}
	return config_set(config, name, path, error, bytes);
}

static bool
own_row(const struct machine_options *options, const char *name)
{
	for (unsigned int i = 0; i < options->own_count; i++) {
		if (strcmp(options->own_rows[i].name, name) == 0)
			return true;
	}
	return false;
}

static int
machine_apply(void *context, const char *name, const char *value, char *error,
	unsigned int bytes)
{
	struct machine_options *options = context;

	if (own_row(options, name))
		return options->own_apply(options->own_context, name, value, error, bytes);
	if (strcmp(name, "config") == 0)
		return 0;               /* was read before */
	if (strcmp(name, "nic") == 0)
		return config_add_nic(&options->config, value, error, bytes);
	if (strcmp(name, "port") == 0)
		return config_add_port(&options->config, value, error, bytes);
	if (strcmp(name, "capture") == 0)
		return capture_add(options, value, error, bytes);
	if (strcmp(name, "log-level") == 0)
		return log_level_set(value, error, bytes);
	if (strcmp(name, "log-file") == 0)
		return keep_text(&options->log_file, value);
	if (strcmp(name, "stats-json") == 0)
		return keep_text(&options->stats_json, value);
	if (strcmp(name, "fault") == 0)
		return fault_arm(value, error, bytes);
	if (strcmp(name, "control") == 0 || strcmp(name, "folder") == 0)
		return path_set(&options->config, name, value, error, bytes);
	if (strcmp(name, "stats") == 0) {
		options->stats = true;
		return 0;
	}
	return config_set(&options->config, name, value, error, bytes);
}

/* The first pass: files only. */
static int
files_apply(void *context, const char *name, const char *value, char *error,
	unsigned int bytes)
{
	struct machine_options *options = context;

	options->described |= strcmp(name, "config") == 0 || strcmp(name, "nic") == 0 ||
		strcmp(name, "port") == 0;
	if (strcmp(name, "config") != 0)
		return 0;
	return config_load_file(&options->config, value, error, bytes);
}

static unsigned int
rows_join(const struct machine_options *options, struct option_row rows[ROWS_MAX])
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < options->own_count; i++)
		rows[count++] = options->own_rows[i];
	for (unsigned int i = 0; i < ARRAY_SIZE(machine_rows); i++) {
		if (!own_row(options, machine_rows[i].name))
			rows[count++] = machine_rows[i];
	}
	return count;
}

int
machine_options_parse(struct machine_options *options, const struct command *command,
	int argc, char **argv)
{
	struct option_row rows[ROWS_MAX];
	struct option_parser parser = {
		.command = command, .rows = rows, .count = rows_join(options, rows),
		.operands_end = true, .apply = files_apply, .context = options,
	};
	char error[1024];
	int operand, ret;

	config_init(&options->config);
	options->config.fault_arm = fault_arm;
	operand = options_parse(&parser, argc, argv);
	if (operand < 0)
		return operand;
	parser.apply = machine_apply;
	operand = options_parse(&parser, argc, argv);
	if (operand < 0)
		return operand;
	ret = options->log_file != NULL ? log_set_file(options->log_file) : 0;
	if (ret < 0)
		return -1 - usage_error(command->name, "%s: %s", options->log_file,
			strerror(-ret));
	machine_know_profiles();
	if ((command == &command_run || command == &command_boot) && !options->described)
		config_add_nic(&options->config, "port=echo", error, sizeof(error));
	if (config_finish(&options->config, error, sizeof(error)) < 0)
		return -1 - usage_error(command->name, "%s", error);
	return operand;
}

void
machine_options_free(struct machine_options *options)
{
	while (options->captures != NULL) {
		struct machine_capture *capture = options->captures;

		options->captures = capture->next;
		free(capture);
	}
	free(options->log_file);
	free(options->stats_json);
	config_fini(&options->config);
	log_set_file(NULL);
}
