/* SPDX-License-Identifier: BSD-3-Clause */

/* hvsim ports, hvsim profiles, hvsim faults: lists that need no running hvsim. */

#include <stdio.h>
#include <stdlib.h>

#include "../control/report.h"
#include "../switch/switch.h"
#include "ctl_print.h"
#include "options.h"

/* True if the command is to go on; else *status is its end. */
static bool
no_operands(const struct command *command, int argc, char **argv, int *status)
{
	struct option_parser parser = { .command = command };
	int operand = options_parse(&parser, argc, argv);

	if (operand < 0)
		*status = OPTIONS_STATUS(operand);
	else if (operand < argc)
		*status = usage_error(command->name, "\"%s\" is too much; see 'hvsim %s --help'",
			argv[operand], command->name);
	return operand == argc;
}

static int
ports_run(int argc, char **argv)
{
	int status = EXIT_SUCCESS;

	if (!no_operands(&command_ports, argc, argv, &status))
		return status;
	fputs(sw_port_help(), stdout);
	return EXIT_SUCCESS;
}

static int
profiles_run(int argc, char **argv)
{
	json_t *profiles;
	int status = EXIT_SUCCESS;

	if (!no_operands(&command_profiles, argc, argv, &status))
		return status;
	profiles = report_profiles();
	ctl_print("profiles", profiles);
	json_decref(profiles);
	return EXIT_SUCCESS;
}

static int
faults_run(int argc, char **argv)
{
	json_t *faults;
	int status = EXIT_SUCCESS;

	if (!no_operands(&command_faults, argc, argv, &status))
		return status;
	faults = report_faults();
	ctl_print("faults", faults);
	json_decref(faults);
	return EXIT_SUCCESS;
}

const struct command command_ports = {
	.name = "ports",
	.summary = "list the kinds of ports and their options",
	.run = ports_run,
	.help =
	"Usage: hvsim ports\n"
	"\n"
	"Lists what can stand after --port and after --nic port=, with options and examples.\n",
};

const struct command command_profiles = {
	.name = "profiles",
	.summary = "list the host and kernel profiles",
	.run = profiles_run,
	.help =
	"Usage: hvsim profiles\n"
	"\n"
	"Lists the Windows versions that hvsim can be (--host, --nic host=) and the guest\n"
	"kernels that it can play (--kernel).\n",
};

const struct command command_faults = {
	.name = "faults",
	.summary = "list what can be wrong with the host",
	.run = faults_run,
	.help =
	"Usage: hvsim faults\n"
	"\n"
	"Lists what can stand after --fault: hvsim then is a host that lies or falls silent,\n"
	"at the same message in every run. Nothing of it happens unless asked for.\n"
	"\n"
	"  hvsim run --fault silent:message=rndis-init -- ./my-test\n"
	"  hvsim ctl fault arm transfer-id:value=5000,nth=3\n",
};
