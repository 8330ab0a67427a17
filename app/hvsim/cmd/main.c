/* SPDX-License-Identifier: BSD-3-Clause */

/* hvsim COMMAND ...: finds the command and runs it. */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/util.h"
#include "cmd.h"

static const struct command *const commands[] = {
	&command_run, &command_boot, &command_serve, &command_exec, &command_ctl, &command_top,
	&command_trace, &command_ports, &command_profiles, &command_faults,
};

static void
error_line(const char *command, const char *format, va_list args)
{
	fprintf(stderr, "hvsim: %s%s", command, *command != '\0' ? ": " : "");
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
}

int
usage_error(const char *command, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	error_line(command, format, args);
	va_end(args);
	return EXIT_USAGE;
}

int
command_failed(const char *command, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	error_line(command, format, args);
	va_end(args);
	return EXIT_FAILURE;
}

static void
print_help(void)
{
	printf("Usage: hvsim COMMAND [OPTIONS]\n\n"
		"A Hyper-V host in user space: programs that drive VMBus devices through\n"
		"uio_hv_generic run on it unmodified, on any Linux machine.\n\n"
		"Commands:\n");
	for (unsigned int i = 0; i < ARRAY_SIZE(commands); i++)
		printf("  %-10s %s\n", commands[i]->name, commands[i]->summary);
	printf("\n"
		"  hvsim COMMAND --help   explains a command, with examples\n"
		"  hvsim --version        prints the version\n\n"
		"A first run, one NIC with 4 queues whose frames come back:\n"
		"  hvsim run --nic queues=4,port=echo -- dpdk-testpmd -l 0-1 --no-huge "
		"-m 256 --no-pci --iova-mode=va -- -i --total-num-mbufs=8192\n");
}

static const struct command *
command_find(const char *name)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	}
	return NULL;
}

static int
command_run_named(const char *name, int argc, char **argv)
{
	const struct command *command = command_find(name);
	char list[256];
	size_t n = 0;

	if (command != NULL)
		return command->run(argc, argv);
	for (unsigned int i = 0; i < ARRAY_SIZE(commands); i++)
		n += (size_t)snprintf(list + n, sizeof(list) - n, "%s%s", i == 0 ? "" : ", ",
			commands[i]->name);
	return usage_error("", "there is no command \"%s\"; there are %s", name, list);
}

int
main(int argc, char **argv)
{
	if (argc < 2)
		return usage_error("", "a command is missing; see 'hvsim --help'");
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		print_help();
		return EXIT_SUCCESS;
	}
	if (strcmp(argv[1], "help") == 0 && argc == 2) {
		print_help();
		return EXIT_SUCCESS;
	}
	if (strcmp(argv[1], "help") == 0) {
		char help[] = "--help";
		char *args[] = { argv[2], help, NULL };

		return command_run_named(argv[2], 2, args);
	}
	if (strcmp(argv[1], "--version") == 0) {
		printf("hvsim %s\n", HVSIM_VERSION);
		return EXIT_SUCCESS;
	}
	return command_run_named(argv[1], argc - 1, argv + 1);
}
