/* SPDX-License-Identifier: BSD-3-Clause */

/* hvsim serve: a machine without a command of its own; guests join it by
 * hvsim exec, from other terminals, one after the other or several at once. */

#include <stdio.h>

#include "../core/engine.h"
#include "../kernel/kernel.h"
#include "session.h"

static void
serve_signal(void *arg, const struct signalfd_siginfo *info)
{
	(void)arg;
	(void)info;
	engine_stop(0);
}

static void
print_how(const struct session *session)
{
	const char *control = session->options->config.control_path;

	if (*control == '\0')
		control = session->control;
	printf("control: %s\n", control);
	for (const struct config_guest *g = session->options->config.guests; g != NULL;
	     g = g->next)
		printf("guest %s: hvsim exec --control %s --guest %s -- COMMAND\n", g->name,
			control, g->name);
	fflush(stdout);
}

static int
serve(int argc, char **argv)
{
	struct machine_options options = { 0 };
	struct session session;
	int operand = machine_options_parse(&options, &command_serve, argc, argv);
	int status;

	if (operand < 0) {
		status = OPTIONS_STATUS(operand);
	} else if (operand != argc) {
		status = usage_error("serve", "\"%s\": serve runs no command; use 'hvsim exec'",
			argv[operand]);
	} else {
		status = session_start(&session, "serve", &options);
		if (status == 0) {
			session.on_signal = serve_signal;
			print_how(&session);
			status = session_verdict(&session, engine_run());
			session_stats(&session);
		}
		session_stop(&session);
	}
	machine_options_free(&options);
	return status;
}

const struct command command_serve = {
	.name = "serve",
	.summary = "keep a machine running for 'hvsim exec' and 'hvsim ctl'",
	.run = serve,
	.help =
	"Usage: hvsim serve [OPTIONS]\n"
	"\n"
	"Sets up a machine and runs until SIGINT, SIGTERM or SIGHUP. Prints the path of its\n"
	"control socket and, for each guest, how to run commands in it. Exits with 3 if,\n"
	"with --strict, a guest broke a rule of the host's.\n"
	"\n"
	"  hvsim serve --nic queues=4 --port tap:name=tap0\n"
	"  hvsim serve --nic name=a,guest=left --nic name=b,guest=right\n"
	"  hvsim serve --config topology.json --control /tmp/hv.sock\n"
	"  hvsim exec --guest left -- dpdk-testpmd ...      (in another terminal)\n"
	"\n"
	MACHINE_OPTIONS_HELP,
};
