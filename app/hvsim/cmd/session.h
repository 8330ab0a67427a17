/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HVSIM_SESSION_H
#define HVSIM_SESSION_H

/* One running hvsim, for run and serve: private folder, engine, machine,
 * control socket, trace, captures; and their end in reverse. */

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>

#include "folder.h"
#include "options.h"

struct session {
	struct machine_options *options;
	const char *command;
	struct folder folder;
	char *control;          /* path of the socket */
	int signal_fd;
	FILE *stats_json;       /* NULL: not asked for */
	void (*on_signal)(void *arg, const struct signalfd_siginfo *info);
	void *on_signal_arg;
	/* what a guest process gets back */
	sigset_t mask;
	cpu_set_t cpus;
};

/* Returns 0, or the exit status after one line on standard error; then
 * session_stop() must still be called. */
int session_start(struct session *session, const char *command,
	struct machine_options *options);
/* What to end with, given the status so far: --strict may change it. */
int session_verdict(const struct session *session, int status);
/* Prints or writes the counters that were asked for. */
void session_stats(struct session *session);
void session_stop(struct session *session);
/* In a forked child, before exec. */
void session_child(const struct session *session);

#endif /* HVSIM_SESSION_H */
