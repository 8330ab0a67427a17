/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * hvsim top: two readings of all counters make a table of rates. On a
 * terminal the table is redrawn in place, else it is printed a number of
 * times.
 */

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../core/units.h"
#include "client.h"
#include "options.h"

#define HOME_AND_CLEAR "\033[H\033[J"
#define BOLD "\033[1m"
#define PLAIN "\033[0m"

struct top_options {
	const char *control;
	uint64_t interval_ns;
	uint64_t iterations;    /* 0: for ever */
};

/* Two readings of one thing. */
struct pair {
	json_t *before;
	json_t *now;
	double seconds;
};

/* ---- arithmetic ---- */

static double
value_of(json_t *object, const char *name)
{
	return (double)json_integer_value(json_object_get(object, name));
}

static double
rate(const struct pair *pair, const char *name)
{
	double change = value_of(pair->now, name) - value_of(pair->before, name);

	return change < 0 ? 0 : change / pair->seconds;
}

/* The sum of the rates of all counters whose names start so. */
static double
rate_of_all(const struct pair *pair, const char *prefix)
{
	const char *name;
	json_t *value;
	double sum = 0;

	json_object_foreach(pair->now, name, value) {
		if (strncmp(name, prefix, strlen(prefix)) == 0)
			sum += rate(pair, name);
	}
	return sum;
}

/* The entry of that name; NULL if there was none. */
static json_t *
named(json_t *list, const char *name)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		json_t *entry = json_array_get(list, i);
		const char *entry_name = json_string_value(json_object_get(entry, "name"));

		if (entry_name != NULL && strcmp(entry_name, name) == 0)
			return entry;
	}
	return NULL;
}

static const char *
name_of(json_t *entry)
{
	const char *name = json_string_value(json_object_get(entry, "name"));

	return name != NULL ? name : "?";
}

/* ---- cells ---- */

static void
cell(double value)
{
	char text[32];

	units_format_rate(value, text, sizeof(text));
	printf(" %9s", text);
}

/* How full a ring is; a dash where it is not said. */
static void
cell_fill(json_t *queue, const char *used, const char *bytes)
{
	double size = value_of(queue, bytes);

	if (size > 0)
		printf(" %6.0f %%", value_of(queue, used) * 100 / size);
	else
		printf(" %8s", "-");
}

static void
print_queue_cells(const struct pair *queue)
{
	cell(rate(queue, "tx_frames"));
	cell(rate(queue, "tx_bytes") * 8);
	cell(rate(queue, "rx_frames"));
	cell(rate(queue, "rx_bytes") * 8);
	cell(rate_of_all(queue, "rx_drop_"));
	cell(rate(queue, "interrupts"));
	cell(rate(queue, "signals"));
	cell_fill(queue->now, "to_host_ring_used", "to_host_ring_bytes");
	cell_fill(queue->now, "to_guest_ring_used", "to_guest_ring_bytes");
	cell(value_of(queue->now, "violations"));
	putchar('\n');
}

/* ---- tables ---- */

static void
print_host(const struct pair *host, bool colour)
{
	double busy = value_of(host->now, "busy_cycles") - value_of(host->before, "busy_cycles");
	double all = value_of(host->now, "total_cycles") - value_of(host->before, "total_cycles");
	double percent = all > 0 ? busy * 100 / all : 0;

	printf("host %.1f %% busy, %.0f sleeps/s, %.0f violations%s%s%s\n", percent,
		rate(host, "sleeps"), value_of(host->now, "violations"),
		percent > 90 && colour ? BOLD : "",
		percent > 90 ? "  THE HOST IS THE BOTTLENECK" : "",
		percent > 90 && colour ? PLAIN : "");
	printf("     busy over 90 %% in %.0f of %.0f windows of 1 s\n",
		value_of(host->now, "windows_bottleneck"), value_of(host->now, "windows"));
}

static void
print_nic(json_t *before, json_t *now, double seconds)
{
	json_t *queues = json_object_get(now, "queues");
	json_t *queues_before = json_object_get(before, "queues");

	printf("%-16s %zu queue%s open\n", name_of(now), json_array_size(queues),
		json_array_size(queues) == 1 ? "" : "s");
	for (size_t i = 0; i < json_array_size(queues); i++) {
		struct pair queue = { json_array_get(queues_before, i),
			json_array_get(queues, i), seconds };

		if (queue.before == NULL)
			queue.before = queue.now;
		printf("  queue %-8zu", i);
		print_queue_cells(&queue);
	}
}

static void
print_port(json_t *before, json_t *now, double seconds)
{
	const char *kind = json_string_value(json_object_get(now, "kind"));
	struct pair port = { json_object_get(before, "counters"),
		json_object_get(now, "counters"), seconds };

	if (port.before == NULL)
		port.before = port.now;
	printf("%-9.9s %-6.6s", name_of(now), kind != NULL ? kind : "");
	cell(rate(&port, "rx_frames"));
	cell(rate(&port, "rx_bytes") * 8);
	cell(rate(&port, "tx_frames"));
	cell(rate(&port, "tx_bytes") * 8);
	cell(rate(&port, "rx_drops"));
	cell(rate(&port, "tx_drops"));
	putchar('\n');
}

static void
print_tables(json_t *before, json_t *now, bool colour)
{
	json_t *host = json_object_get(now, "host"), *host_before = json_object_get(before, "host");
	json_t *nics = json_object_get(now, "nics"), *ports = json_object_get(now, "ports");
	double seconds = (value_of(host, "time_ns") - value_of(host_before, "time_ns")) / 1e9;
	struct pair pair = { host_before, host, seconds > 0 ? seconds : 1 };

	if (colour)
		fputs(HOME_AND_CLEAR, stdout);
	print_host(&pair, colour);
	printf("\n%-16s %9s %9s %9s %9s %9s %9s %9s %8s %8s %9s\n", "NIC", "tx pps", "tx bit/s",
		"rx pps", "rx bit/s", "drops/s", "irq/s", "signal/s", "to-host", "to-guest",
		"violat.");
	for (size_t i = 0; i < json_array_size(nics); i++) {
		json_t *nic = json_array_get(nics, i);

		print_nic(named(json_object_get(before, "nics"), name_of(nic)), nic, pair.seconds);
	}
	printf("\n%-16s %9s %9s %9s %9s %9s %9s\n", "port", "in pps", "in bit/s", "out pps",
		"out bit/s", "in drop/s", "out drop/s");
	for (size_t i = 0; i < json_array_size(ports); i++) {
		json_t *port = json_array_get(ports, i);

		print_port(named(json_object_get(before, "ports"), name_of(port)), port,
			pair.seconds);
	}
	fflush(stdout);
}

/* ---- the loop ---- */

static int
top_loop(struct client *client, const struct top_options *options, bool terminal)
{
	char error[1024];
	json_t *before = client_request(client, "counters", NULL, error, sizeof(error));

	for (uint64_t i = 0; before != NULL; i++) {
		json_t *now;

		if (options->iterations != 0 && i == options->iterations)
			break;
		/* nothing to wait for but the time */
		poll(NULL, 0, (int)(options->interval_ns / 1000000));
		now = client_request(client, "counters", NULL, error, sizeof(error));
		if (now != NULL)
			print_tables(before, now, terminal);
		json_decref(before);
		before = now;
	}
	if (before == NULL)
		return command_failed("top", "%s", error);
	json_decref(before);
	return EXIT_SUCCESS;
}

static int
top_apply(void *context, const char *name, const char *value, char *error,
	unsigned int bytes)
{
	struct top_options *options = context;

	if (strcmp(name, "control") == 0) {
		options->control = value;
	} else if (strcmp(name, "interval") == 0) {
		if (units_parse_time_ns(value, &options->interval_ns) < 0 ||
		    options->interval_ns < 10000000 || options->interval_ns > 3600000000000) {
			snprintf(error, bytes, "interval=%s: expected a time from 10ms to 1h such "
				"as 1s", value);
			return -EINVAL;
		}
	} else if (units_parse_uint(value, &options->iterations) < 0 ||
		   options->iterations == 0) {
		snprintf(error, bytes, "iterations=%s: expected a number such as 5", value);
		return -EINVAL;
	}
	return 0;
}

static int
top_run(int argc, char **argv)
{
	static const struct option_row rows[] = { { "control", true }, { "interval", true },
		{ "iterations", true } };
	bool terminal = isatty(STDOUT_FILENO);
	struct top_options options = { NULL, 1000000000, terminal ? 0 : 1 };
	struct option_parser parser = {
		.command = &command_top, .rows = rows, .count = 3,
		.apply = top_apply, .context = &options,
	};
	int operand = options_parse(&parser, argc, argv);
	struct client client;
	char error[1024];
	int status;

	if (operand < 0)
		return OPTIONS_STATUS(operand);
	if (operand < argc)
		return usage_error("top", "\"%s\" is too much; see 'hvsim top --help'",
			argv[operand]);
	if (client_open(&client, options.control, error, sizeof(error)) < 0)
		return command_failed("top", "%s", error);
	status = top_loop(&client, &options, terminal);
	client_close(&client);
	return status;
}

const struct command command_top = {
	.name = "top",
	.summary = "show live rates of NICs, queues and ports",
	.run = top_run,
	.help =
	"Usage: hvsim top [--control PATH] [--interval TIME] [--iterations N]\n"
	"\n"
	"Shows rates of NICs, their queues and all ports, how full the rings are, drops and\n"
	"violations, and whether the host itself was busy over 90 %: then it is the\n"
	"bottleneck, and what is measured is hvsim. tx and rx are seen from the guest; in\n"
	"and out of a port are seen from the switch.\n"
	"\n"
	"  --interval TIME   between two readings (1s)\n"
	"  --iterations N    end after N tables (never on a terminal, else 1)\n"
	"  --control PATH    the hvsim's control socket ($HVSIM_CONTROL, or the only one that\n"
	"                    runs)\n"
	"\n"
	"  hvsim top\n"
	"  hvsim top --interval 100ms --iterations 10 > rates.txt\n",
};
