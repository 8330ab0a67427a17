/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_CASE_H
#define TG_CASE_H

/*
 * A table of cases, each a sentence and a function. Every case runs in a
 * process of its own with a time limit, so that a crash or a hang is one
 * failed case; a fault of the host fails the case in which it shows.
 */

#include <stdbool.h>
#include <stdint.h>

struct tg_case {
	const char *name;       /* the sentence it proves */
	int (*run)(void);       /* 0, or TG_SKIP, or anything else: failed */
	const char *rule;       /* the host's rule that it breaks, or NULL */
};

#define TG_SKIP 77

/* Prints why and makes the enclosing function return 1. */
#define TG_CHECK(condition, ...) \
	do { \
		if (!(condition)) { \
			tg_case_failed(__FILE__, __LINE__, #condition, __VA_ARGS__); \
			return 1; \
		} \
	} while (0)
void tg_case_failed(const char *file, int line, const char *condition, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* Passes a helper's failure on. */
#define TG_TRY(call) \
	do { \
		int tg_try_ = (call); \
		if (tg_try_ != 0) \
			return tg_try_; \
	} while (0)

/* Options: -k TEXT (only cases whose sentence has it), --list, --rules,
 * --no-fork, --limit SECONDS. Ends with "N passed, N failed, N skipped". */
int tg_case_main(int argc, char **argv, const struct tg_case *cases, unsigned int n);

/* ---- what hvsim counts (tg_host.c) ---- */

/* How often each of n rules was broken, over all NICs; -errno. Needs
 * HVSIM_CONTROL in the environment. */
int tg_host_violations(const char *const *rules, uint64_t *values, unsigned int n);
/* hvsim's name of the NIC with this permanent MAC address; -errno. */
int tg_host_nic_name(const uint8_t mac[6], char name[32]);
/* Runs one command of the control socket: a JSON object without "v" and "id".
 * Returns 0 if hvsim said ok. */
int tg_host_command(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif /* TG_CASE_H */
