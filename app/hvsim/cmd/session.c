/* SPDX-License-Identifier: BSD-3-Clause */

/* See session.h. */

#include <errno.h>
#include <fcntl.h>
#include <numa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "session.h"

#include "../control/control.h"
#include "../control/load.h"
#include "../control/machine.h"
#include "../control/report.h"
#include "../control/trace_file.h"
#include "../core/engine.h"
#include "../core/file.h"
#include "../core/log.h"
#include "../switch/switch.h"
#include "../vsp/vsp.h"
#include "stats.h"

#define CAPTURE_SNAP_BYTES 262144u

/* ---- signals ---- */

static void
signal_ready(void *arg, uint32_t events)
{
	struct session *session = arg;
	struct signalfd_siginfo info;

	(void)events;
	if (read(session->signal_fd, &info, sizeof(info)) == sizeof(info) &&
	    session->on_signal != NULL)
		session->on_signal(session->on_signal_arg, &info);
}

/* Blocks them now, so that none is lost while setting up. */
static void
signals_block(struct session *session)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGQUIT);
	sigprocmask(SIG_BLOCK, &set, &session->mask);
	session->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	signal(SIGPIPE, SIG_IGN);
}

void
session_child(const struct session *session)
{
	sched_setaffinity(0, sizeof(session->cpus), &session->cpus);
	if (session->options->config.numa_node >= 0)
		numa_set_localalloc();
	signal(SIGPIPE, SIG_DFL);
	sigprocmask(SIG_SETMASK, &session->mask, NULL);
}

/* ---- steps ---- */

static int
start_numa(struct session *session)
{
	int node = session->options->config.numa_node;

	if (node < 0)
		return 0;
	if (numa_available() < 0)
		return command_failed(session->command, "--numa: this kernel has no NUMA");
	if (node > numa_max_node())
		return usage_error(session->command, "--numa %d: the last node is %d", node,
			numa_max_node());
	if (session->options->config.cpus[0] == '\0')
		numa_run_on_node(node);
	numa_set_preferred(node);
	return 0;
}

static int
start_engine(struct session *session)
{
	const struct config *config = &session->options->config;
	int ret = engine_init(config->poll, config->cpus);

	if (ret == -EINVAL && config->cpus[0] != '\0')
		return usage_error(session->command, "--cpus %s: no such CPUs", config->cpus);
	if (ret < 0)
		return command_failed(session->command, "engine: %s", strerror(-ret));
	ret = engine_fd_add(session->signal_fd, EPOLLIN, signal_ready, session);
	if (ret < 0)
		return command_failed(session->command, "signals: %s", strerror(-ret));
	return 0;
}

static int
start_folder(struct session *session)
{
	const char *given = session->options->config.control_path;
	const char *path = session->options->config.folder_path;
	int ret = folder_create(&session->folder, *path != '\0' ? path : NULL,
		*given != '\0' ? given : NULL);

	if (ret < 0 && *path != '\0')
		return usage_error(session->command, "--folder %s: %s", path, strerror(-ret));
	if (ret < 0)
		return command_failed(session->command, "cannot make a private folder: %s",
			strerror(-ret));
	if (asprintf(&session->control, "%s/control", session->folder.path) < 0) {
		session->control = NULL;
		return command_failed(session->command, "out of memory");
	}
	return 0;
}

static int
start_trace(struct session *session)
{
	const char *path = session->options->config.trace_path;
	int ret = *path != '\0' ? trace_file_start(path) : 0;

	if (ret < 0)
		return usage_error(session->command, "%s: %s", path, strerror(-ret));
	return 0;
}

/* The kernel shows page frame numbers as 0 to those who may not know them. */
static bool
frames_readable(void)
{
	uint64_t entry = 0, page = (uint64_t)sysconf(_SC_PAGESIZE);
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	if (pread(fd, &entry, sizeof(entry),
			(off_t)((uintptr_t)&entry / page * sizeof(entry))) != sizeof(entry))
		entry = 0;
	close(fd);
	return (entry & ((1ull << 55) - 1)) != 0;
}

static bool
wants_physical(const struct config *config)
{
	const struct config_guest *guest = config->guests;

	while (guest != NULL && guest->iova != IOVA_PA)
		guest = guest->next;
	return guest != NULL;
}

static int
start_machine(struct session *session)
{
	char error[1024];
	int ret;

	if (wants_physical(&session->options->config) && !frames_readable())
		return command_failed(session->command, "--iova pa: only root may see physical "
			"addresses (CAP_SYS_ADMIN, /proc/PID/pagemap)");
	ret = machine_start(&session->options->config, session->folder.path, error,
		sizeof(error));
	if (ret == -EINVAL)
		return usage_error(session->command, "%s", error);
	if (ret < 0)
		return command_failed(session->command, "%s", error);
	load_start();
	return 0;
}

/* With a path of the user's, the folder has a link to it, to be found by. */
static int
start_control(struct session *session)
{
	const char *given = session->options->config.control_path;
	const char *path = *given != '\0' ? given : session->control;
	int ret = control_start(path);

	if (ret < 0) {
		/* not ours: must not be removed */
		free(session->folder.extra);
		session->folder.extra = NULL;
		if (ret == -EADDRINUSE)
			return command_failed(session->command, "%s: %s", path,
				strerror(-ret));
		return usage_error(session->command, "%s: %s", path, strerror(-ret));
	}
	if (*given != '\0' && symlink(given, session->control) < 0)
		log_warning("%s: %s", session->control, strerror(errno));
	return 0;
}

static int
start_captures(struct session *session)
{
	const struct machine_capture *capture = session->options->captures;

	for (; capture != NULL; capture = capture->next) {
		struct sw_port *port = sw_port_find(capture->port);
		int ret;

		if (port == NULL)
			return usage_error(session->command, "--capture: there is no port \"%s\"",
				capture->port);
		ret = sw_capture_start(port, capture->file, CAPTURE_SNAP_BYTES);
		if (ret < 0)
			return usage_error(session->command, "--capture: %s: %s",
				capture->file, strerror(-ret));
	}
	return 0;
}

/* Opened before the work is done, not after: the path may be wrong. */
static int
start_stats(struct session *session)
{
	const char *path = session->options->stats_json;

	if (path == NULL)
		return 0;
	session->stats_json = file_open(path, "w");
	if (session->stats_json == NULL)
		return usage_error(session->command, "%s: %s", path, strerror(errno));
	return 0;
}

int
session_start(struct session *session, const char *command, struct machine_options *options)
{
	static int (*const steps[])(struct session *session) = {
		start_folder, start_numa, start_engine, start_trace, start_machine,
		start_control, start_captures, start_stats,
	};
	int status = 0;

	memset(session, 0, sizeof(*session));
	session->options = options;
	session->command = command;
	session->folder.janitor_fd = -1;
	sched_getaffinity(0, sizeof(session->cpus), &session->cpus);
	signals_block(session);
	for (unsigned int i = 0; i < sizeof(steps) / sizeof(steps[0]) && status == 0; i++)
		status = steps[i](session);
	return status;
}

int
session_verdict(const struct session *session, int status)
{
	uint64_t violations = vsp_violations();

	if (violations == 0)
		return status;
	log_notice("%llu violation%s of the host's rules", (unsigned long long)violations,
		violations == 1 ? "" : "s");
	return session->options->config.strict && status == 0 ? EXIT_VIOLATION : status;
}

void
session_stats(struct session *session)
{
	FILE *file = session->stats_json;
	json_t *counters;

	if (!session->options->stats && file == NULL)
		return;
	counters = report_counters();
	if (session->options->stats)
		stats_print(stderr, counters);
	if (file != NULL && (json_dumpf(counters, file, JSON_INDENT(2)) < 0 ||
			fflush(file) != 0))
		log_error("%s: cannot write the counters: %s", session->options->stats_json,
			strerror(errno));
	json_decref(counters);
}

void
session_stop(struct session *session)
{
	load_stop();
	control_stop();
	machine_stop();
	trace_file_stop();
	if (session->signal_fd >= 0) {
		engine_fd_remove(session->signal_fd);
		close(session->signal_fd);
	}
	engine_fini();
	folder_remove(&session->folder);
	if (session->stats_json != NULL)
		fclose(session->stats_json);
	free(session->control);
	session->control = NULL;
}
