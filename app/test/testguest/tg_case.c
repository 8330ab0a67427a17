/* SPDX-License-Identifier: BSD-3-Clause */
/* The runner of case tables. */

#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tg.h"
#include "tg_case.h"

#define LIMIT_S 60u

struct run {
	const char *only;
	bool fork;
	unsigned int limit_s;
	unsigned int passed, failed, skipped;
};

void
tg_case_failed(const char *file, int line, const char *condition, const char *format, ...)
{
	const char *slash = strrchr(file, '/');
	va_list args;

	printf("#   %s:%d: (%s) is false: ", slash != NULL ? slash + 1 : file, line, condition);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

static int
run_here(const struct tg_case *c)
{
	int ret;

	tg_faults = 0;
	ret = c->run();
	if (ret == 0 && tg_faults > 0) {
		printf("#   the host broke its own promises %u times\n", tg_faults);
		ret = 1;
	}
	fflush(stdout);
	return ret;
}

static int
run_forked(const struct tg_case *c, unsigned int limit_s)
{
	int status = 0;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		return 1;
	if (pid == 0) {
		alarm(limit_s);
		_exit(run_here(c));
	}
	if (waitpid(pid, &status, 0) != pid)
		return 1;
	if (WIFSIGNALED(status)) {
		printf("#   ended by signal %d%s\n", WTERMSIG(status),
			WTERMSIG(status) == SIGALRM ? ": time limit" : "");
		return 1;
	}
	return WEXITSTATUS(status);
}

static void
run_case(struct run *run, const struct tg_case *c)
{
	int ret = run->fork ? run_forked(c, run->limit_s) : run_here(c);

	if (ret == 0) {
		run->passed++;
		printf("ok - %s\n", c->name);
	} else if (ret == TG_SKIP) {
		run->skipped++;
		printf("skipped - %s\n", c->name);
	} else {
		run->failed++;
		printf("not ok - %s\n", c->name);
	}
	fflush(stdout);
}

static void
list(const struct tg_case *cases, unsigned int n, bool rules)
{
	for (unsigned int i = 0; i < n; i++)
		if (!rules)
			puts(cases[i].name);
		else if (cases[i].rule != NULL)
			puts(cases[i].rule);
}

int
tg_case_main(int argc, char **argv, const struct tg_case *cases, unsigned int n)
{
	static const struct option options[] = {
		{ "list", no_argument, NULL, 'l' }, { "rules", no_argument, NULL, 'r' },
		{ "no-fork", no_argument, NULL, 'n' }, { "limit", required_argument, NULL, 't' },
		{ NULL, 0, NULL, 0 },
	};
	struct run run = { .fork = true, .limit_s = LIMIT_S };
	int c;

	while ((c = getopt_long(argc, argv, "k:", options, NULL)) != -1) {
		switch (c) {
		case 'k': run.only = optarg; break;
		case 'n': run.fork = false; break;
		case 't': run.limit_s = (unsigned int)atoi(optarg); break;
		case 'l':
		case 'r':
			list(cases, n, c == 'r');
			return 0;
		default:
			fprintf(stderr, "usage: %s [-k TEXT] [--list] [--rules] [--no-fork] "
				"[--limit SECONDS]\n", argv[0]);
			return 2;
		}
	}
	for (unsigned int i = 0; i < n; i++)
		if (run.only == NULL || strstr(cases[i].name, run.only) != NULL)
			run_case(&run, &cases[i]);
	printf("%u passed, %u failed, %u skipped\n", run.passed, run.failed, run.skipped);
	return run.failed == 0 && run.passed > 0 ? 0 : 1;
}
