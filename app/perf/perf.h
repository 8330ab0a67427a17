/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PERF_H
#define PERF_H

/* The commands of netvsc-perf: each gets its own arguments, from its name on,
 * and returns the program's exit status: 0, 1 if the work failed, 2 if the
 * arguments make no sense. */

#define PERF_USAGE 2

int perf_floor(int argc, char **argv);
int perf_work(int argc, char **argv);
int perf_cores(int argc, char **argv);
/* Hands over to the script of that name; returns only if there is none. */
int perf_script(int argc, char **argv);

#endif /* PERF_H */
