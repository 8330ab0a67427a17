/* SPDX-License-Identifier: BSD-3-Clause */

/* hvsim exec: becomes a command in a guest of a running 'hvsim serve'. */

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "client.h"
#include "launch.h"
#include "options.h"

struct exec_options {
	const char *control;
	const char *guest;
};

static int
exec_apply(void *context, const char *name, const char *value, char *error,
	unsigned int bytes)
{
	struct exec_options *options = context;

	(void)error;
	(void)bytes;
	if (strcmp(name, "control") == 0)
		options->control = value;
	else
		options->guest = value;
	return 0;
}

static int
exec_in(const struct exec_options *options, char **argv)
{
	char error[1024], library[PATH_MAX];
	struct client client;
	json_t *members = json_object(), *guest;
	const char *dir, *control;
	int status;

	if (launch_find_library(library, sizeof(library), error, sizeof(error)) < 0 ||
	    client_open(&client, options->control, error, sizeof(error)) < 0) {
		json_decref(members);
		return command_failed("exec", "%s", error);
	}
	if (options->guest != NULL)
		json_object_set_new(members, "guest", json_string(options->guest));
	guest = client_request(&client, "guest", members, error, sizeof(error));
	client_close(&client);
	if (guest == NULL)
		return command_failed("exec", "%s", error);
	dir = json_string_value(json_object_get(guest, "dir"));
	control = json_string_value(json_object_get(guest, "control"));
	if (dir == NULL || control == NULL)
		status = command_failed("exec", "hvsim does not say where the guest is");
	else
		status = launch_exec("exec", dir, control, library, argv);
	json_decref(guest);
	return status;
}

static int
exec_run(int argc, char **argv)
{
	static const struct option_row rows[] = { { "control", true }, { "guest", true } };
	struct exec_options options = { NULL, NULL };
	struct option_parser parser = {
		.command = &command_exec, .rows = rows, .count = 2, .operands_end = true,
		.apply = exec_apply, .context = &options,
	};
	int operand = options_parse(&parser, argc, argv);

	if (operand < 0)
		return OPTIONS_STATUS(operand);
	if (operand == argc)
		return usage_error("exec", "a command is missing: hvsim exec [OPTIONS] -- "
			"COMMAND");
	return exec_in(&options, argv + operand);
}

const struct command command_exec = {
	.name = "exec",
	.summary = "run a command in a guest of 'hvsim serve'",
	.run = exec_run,
	.help =
	"Usage: hvsim exec [--control PATH] [--guest NAME] -- COMMAND [ARGUMENTS]\n"
	"\n"
	"Runs COMMAND in a guest of a running hvsim, in place of this process. Several\n"
	"commands may run in one guest, as processes on one machine do.\n"
	"\n"
	"  --control PATH   the hvsim's control socket ($HVSIM_CONTROL, or the only one that\n"
	"                   runs)\n"
	"  --guest NAME     which guest (the only one)\n"
	"\n"
	"  hvsim exec -- dpdk-testpmd --no-huge -m 256 --no-pci --iova-mode=va -- \\\n"
	"      -i --total-num-mbufs=8192\n"
	"  hvsim exec --guest left -- sh\n",
};
