/* SPDX-License-Identifier: BSD-3-Clause */

/* netvsc-perf: what a packet costs. This file only finds the command. */

#include <stdio.h>
#include <string.h>

#include "perf.h"

static const struct command {
	const char *name, *what;
	int (*run)(int argc, char **argv);
} commands[] = {
	{ "compare", "this driver, the built-in one, and other virtual NICs in one run", perf_script },
	{ "cost", "cycles a frame inside the bursts, by size, burst, queues ...", perf_script },
	{ "throughput", "frames and bits a second, and who was the bottleneck", perf_script },
	{ "overload", "what is delivered and lost as the offered load grows", perf_script },
	{ "latency", "round trips, alone and under load", perf_script },
	{ "startup", "what probe, configure, start, stop and an MTU change take", perf_script },
	{ "instructions", "instructions a frame: the same from run to run", perf_script },
	{ "floor", "cycles a frame of a loop that does only the unavoidable", perf_floor },
	{ "cores", "how far apart two cores are", perf_cores },
	{ "work", "one kind of work on the ports of EAL, under hvsim or not", perf_work },
};

static void
help(FILE *to)
{
	fprintf(to, "Usage: netvsc-perf COMMAND [options]\n\nCommands:\n");
	for (unsigned int i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		fprintf(to, "  %-14s %s\n", commands[i].name, commands[i].what);
	fprintf(to, "\n'netvsc-perf COMMAND --help' tells its options.\n");
}

int
main(int argc, char **argv)
{
	if (argc < 2) {
		help(stderr);
		return PERF_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		help(stdout);
		return 0;
	}
	for (unsigned int i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	fprintf(stderr, "netvsc-perf: no command '%s' (see --help)\n", argv[1]);
	return PERF_USAGE;
}
