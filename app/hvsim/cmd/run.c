/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * hvsim run: one guest, which is the command. The command stays in the
 * terminal's foreground group and keeps its standard streams; hvsim waits for
 * its end and exits with its status.
 */

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../core/engine.h"
#include "../core/log.h"
#include "../kernel/kernel.h"
#include "launch.h"
#include "session.h"

/* How long a command may take to end after SIGTERM. */
#define KILL_AFTER_NS 5000000000u

struct guest {
	struct session session;
	pid_t pid;
	int pidfd;
	struct engine_timer kill_timer;
	char library[PATH_MAX];
	char **argv;
};

static void
guest_signal(const struct guest *guest, int signal_number)
{
	if (guest->pidfd >= 0)
		syscall(SYS_pidfd_send_signal, guest->pidfd, signal_number, NULL, 0);
}

/* ---- the command's end ---- */

static void
guest_ended(void *arg, uint32_t events)
{
	struct guest *guest = arg;
	siginfo_t info = { 0 };

	(void)events;
	if (waitid(P_PID, (id_t)guest->pid, &info, WEXITED | WNOHANG) < 0 || info.si_pid == 0)
		return;
	if (info.si_code == CLD_EXITED) {
		engine_stop(info.si_status);
	} else {
		log_info("the command was killed by signal %d (%s)", info.si_status,
			strsignal(info.si_status));
		engine_stop(128 + info.si_status);
	}
}

static void
guest_kill(void *arg)
{
	log_warning("the command did not end in time: killing it");
	guest_signal(arg, SIGKILL);
}

/* The terminal sends its signals to the command as well: those are not
 * repeated. SIGTERM and SIGHUP mean that all is to end, in bounded time. */
static void
guest_signal_received(void *arg, const struct signalfd_siginfo *info)
{
	struct guest *guest = arg;

	if (info->ssi_signo == SIGINT || info->ssi_signo == SIGQUIT) {
		if (info->ssi_code != SI_KERNEL)
			guest_signal(guest, (int)info->ssi_signo);
		return;
	}
	guest_signal(guest, (int)info->ssi_signo);
	guest_signal(guest, SIGCONT);
	if (!guest->kill_timer.armed)
		engine_timer_arm(&guest->kill_timer, engine_clock_ns() + KILL_AFTER_NS,
			guest_kill, guest);
}

/* ---- the command's start ---- */

static int
guest_start(struct guest *guest)
{
	const struct session *session = &guest->session;
	const struct kern_vm *vm = kern_vm_find(session->options->config.guests->name);
	int ret;

	guest->pid = fork();
	if (guest->pid < 0)
		return command_failed("run", "fork: %s", strerror(errno));
	if (guest->pid == 0) {
		session_child(session);
		_exit(launch_exec("run", kern_vm_dir(vm), session->control, guest->library,
			guest->argv));
	}
	guest->pidfd = (int)syscall(SYS_pidfd_open, guest->pid, 0);
	ret = guest->pidfd < 0 ? -errno : engine_fd_add(guest->pidfd, EPOLLIN, guest_ended, guest);
	if (ret == 0)
		return 0;
	kill(guest->pid, SIGKILL);
	waitpid(guest->pid, NULL, 0);
	return command_failed("run", "cannot watch the command: %s", strerror(-ret));
}

static int
guest_run(struct guest *guest)
{
	int status = guest_start(guest);

	if (status != 0)
		return status;
	status = engine_run();
	engine_timer_cancel(&guest->kill_timer);
	engine_fd_remove(guest->pidfd);
	close(guest->pidfd);
	status = session_verdict(&guest->session, status);
	session_stats(&guest->session);
	return status;
}

static int
run_machine(struct machine_options *options, char **argv)
{
	static struct guest guest;
	char error[1024];
	int status;

	guest.argv = argv;
	guest.pidfd = -1;
	if (options->config.guests->next != NULL)
		return usage_error("run", "one command is one guest, not %s and %s; use 'hvsim "
			"serve' for several", options->config.guests->name,
			options->config.guests->next->name);
	if (launch_find_library(guest.library, sizeof(guest.library), error, sizeof(error)) < 0)
		return command_failed("run", "%s", error);
	guest.session.on_signal = NULL;
	status = session_start(&guest.session, "run", options);
	guest.session.on_signal = guest_signal_received;
	guest.session.on_signal_arg = &guest;
	if (status == 0)
		status = guest_run(&guest);
	session_stop(&guest.session);
	return status;
}

static int
run(int argc, char **argv)
{
	struct machine_options options = { 0 };
	int operand = machine_options_parse(&options, &command_run, argc, argv);
	int status;

	if (operand < 0)
		status = OPTIONS_STATUS(operand);
	else if (operand == argc)
		status = usage_error("run", "a command is missing: hvsim run [OPTIONS] -- "
			"COMMAND");
	else
		status = run_machine(&options, argv + operand);
	machine_options_free(&options);
	return status;
}

const struct command command_run = {
	.name = "run",
	.summary = "run one command as the guest, then take everything down",
	.run = run,
	.help =
	"Usage: hvsim run [OPTIONS] -- COMMAND [ARGUMENTS]\n"
	"\n"
	"Sets up a machine, runs COMMAND as its guest and exits with COMMAND's status, or\n"
	"128 + N if signal N killed it. 126 and 127: COMMAND could not be run, or was not\n"
	"found. 2: the options are wrong. 3: with --strict, COMMAND succeeded but broke a\n"
	"rule of the host's. Without --nic, --port and --config there is one NIC, port=echo.\n"
	"\n"
	"Ctrl-C goes to COMMAND; SIGTERM and SIGHUP are passed on, and after 5 s COMMAND\n"
	"is killed.\n"
	"\n"
	"  hvsim run --nic queues=4,port=echo --strict -- ./my-test -l 0-3\n"
	"  hvsim run --nic port=gen:size=64,rate=1Mpps --check fast -- dpdk-testpmd ...\n"
	"  hvsim run --nic name=left --nic name=right --trace t.json -- ./forwarder\n"
	"  hvsim run --port tap:name=tap0 --nic queues=2 --capture nic0=n.pcapng -- ./app\n"
	"\n"
	MACHINE_OPTIONS_HELP,
};
