/* SPDX-License-Identifier: BSD-3-Clause */

/* hvsim trace: the control conversation, live from a running hvsim or from a
 * file that --trace or trace --json wrote. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client.h"
#include "options.h"

#define LINE_BYTES_MAX 65536u

struct trace_options {
	const char *control;
	const char *file;
	bool json;
};

/* ---- one line ---- */

static void
print_time(json_int_t time_ns)
{
	time_t seconds = (time_t)(time_ns / 1000000000);
	struct tm tm;
	char text[16];

	if (localtime_r(&seconds, &tm) == NULL ||
	    strftime(text, sizeof(text), "%H:%M:%S", &tm) == 0)
		snprintf(text, sizeof(text), "?");
	printf("%s.%06d", text, (int)(time_ns % 1000000000 / 1000));
}

static const char *
text_of(json_t *line, const char *member)
{
	const char *text = json_string_value(json_object_get(line, member));

	return text != NULL ? text : "";
}

static void
print_line(json_t *line, bool json)
{
	const char *to = text_of(line, "to");

	if (json) {
		json_dumpf(line, stdout, JSON_COMPACT);
		putchar('\n');
	} else {
		print_time(json_integer_value(json_object_get(line, "time_ns")));
		printf(" %s/%d %s %s%s%s\n", text_of(line, "nic"),
			(int)json_integer_value(json_object_get(line, "channel")),
			strcmp(to, "host") == 0 ? "-->" : strcmp(to, "guest") == 0 ? "<--" : "***",
			strcmp(text_of(line, "kind"), "rndis") == 0 ? "RNDIS " : "",
			strcmp(text_of(line, "kind"), "nvsp") == 0 ? "NVSP " : "",
			text_of(line, "text"));
	}
	fflush(stdout);
}

/* ---- sources ---- */

static int
trace_live(const struct trace_options *options)
{
	char error[1024];
	struct client client;
	json_int_t lost = 0;
	json_t *event;

	if (client_open(&client, options->control, error, sizeof(error)) < 0)
		return command_failed("trace", "%s", error);
	event = client_request(&client, "trace", NULL, error, sizeof(error));
	if (event == NULL) {
		client_close(&client);
		return command_failed("trace", "%s", error);
	}
	json_decref(event);
	while ((event = client_event(&client)) != NULL && !ferror(stdout)) {
		json_int_t now = json_integer_value(json_object_get(event, "lost"));

		if (now != lost)
			fprintf(stderr, "hvsim: trace: %d lines lost\n", (int)(now - lost));
		lost = now;
		print_line(json_object_get(event, "line"), options->json);
		json_decref(event);
	}
	json_decref(event);
	client_close(&client);
	return EXIT_SUCCESS;
}

static int
trace_stream(FILE *file, const struct trace_options *options)
{
	unsigned int number = 0;
	char *text = malloc(LINE_BYTES_MAX);

	while (text != NULL && fgets(text, LINE_BYTES_MAX, file) != NULL) {
		json_error_t error;
		json_t *line = json_loads(text, 0, &error);

		number++;
		if (line == NULL) {
			free(text);
			return command_failed("trace", "%s: line %u: %s", options->file, number,
				error.text);
		}
		print_line(line, options->json);
		json_decref(line);
	}
	free(text);
	return EXIT_SUCCESS;
}

static int
trace_file(const struct trace_options *options)
{
	FILE *file = strcmp(options->file, "-") == 0 ? stdin : fopen(options->file, "re");
	int status;

	if (file == NULL)
		return command_failed("trace", "%s: %s", options->file, strerror(errno));
	status = trace_stream(file, options);
	if (file != stdin)
		fclose(file);
	return status;
}

static int
trace_apply(void *context, const char *name, const char *value, char *error,
	unsigned int bytes)
{
	struct trace_options *options = context;

	(void)error;
	(void)bytes;
	if (strcmp(name, "control") == 0)
		options->control = value;
	else if (strcmp(name, "file") == 0)
		options->file = value;
	else
		options->json = true;
	return 0;
}

static int
trace_run(int argc, char **argv)
{
	static const struct option_row rows[] = { { "control", true }, { "file", true },
		{ "json", false } };
	struct trace_options options = { NULL, NULL, false };
	struct option_parser parser = {
		.command = &command_trace, .rows = rows, .count = 3,
		.apply = trace_apply, .context = &options,
	};
	int operand = options_parse(&parser, argc, argv);

	if (operand < 0)
		return OPTIONS_STATUS(operand);
	if (operand < argc)
		return usage_error("trace", "\"%s\" is too much; see 'hvsim trace --help'",
			argv[operand]);
	return options.file != NULL ? trace_file(&options) : trace_live(&options);
}

const struct command command_trace = {
	.name = "trace",
	.summary = "show the NVSP and RNDIS conversation, decoded",
	.run = trace_run,
	.help =
	"Usage: hvsim trace [--control PATH] [--json]\n"
	"       hvsim trace --file FILE [--json]\n"
	"\n"
	"Shows every control message between guest and host, and what happens to channels:\n"
	"live from a running hvsim, or from a file that 'hvsim run --trace FILE' wrote.\n"
	"Data packets are not shown; capture them (see 'hvsim ctl --help').\n"
	"\n"
	"  12:00:01.000123 nic0/14 --> NVSP INIT version 6.1\n"
	"                  NIC and channel, --> to the host, <-- to the guest, *** an event\n"
	"\n"
	"  --file FILE      from a file (-: standard input)\n"
	"  --json           JSON lines, with the bytes of each message\n"
	"  --control PATH   the hvsim's control socket ($HVSIM_CONTROL, or the only one that\n"
	"                   runs)\n"
	"\n"
	"  hvsim trace\n"
	"  hvsim run --trace t.json -- ./app; hvsim trace --file t.json\n",
};
