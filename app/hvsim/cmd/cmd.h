/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HVSIM_CMD_H
#define HVSIM_CMD_H

/* The commands of the hvsim program: one file each. A command returns the
 * process's exit status. */

#define EXIT_USAGE 2            /* the command line is wrong */
#define EXIT_VIOLATION 3        /* --strict, and the guest broke a rule */
#define EXIT_CANNOT_RUN 126
#define EXIT_NOT_FOUND 127

struct command {
	const char *name;
	const char *summary;            /* one line */
	const char *help;               /* usage, options, examples */
	int (*run)(int argc, char **argv);      /* argv[0] is the command's name */
};

extern const struct command command_boot;
extern const struct command command_ctl;
extern const struct command command_exec;
extern const struct command command_faults;
extern const struct command command_ports;
extern const struct command command_profiles;
extern const struct command command_run;
extern const struct command command_serve;
extern const struct command command_top;
extern const struct command command_trace;

/* "hvsim: run: <sentence>" on standard error; returns EXIT_USAGE. */
int usage_error(const char *command, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* The same, for what went wrong later; returns 1. */
int command_failed(const char *command, const char *format, ...)
	__attribute__((format(printf, 2, 3)));


#endif /* HVSIM_CMD_H */
