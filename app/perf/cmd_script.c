/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The commands that run others: they start hvsim and `netvsc-perf work` over
 * and over and sum up what those say. They are written in Python and lie beside
 * this program, or where it was installed.
 */

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "perf.h"

#define PYTHON "/usr/bin/python3"

int
perf_script(int argc, char **argv)
{
	static const char *const places[] = { "scripts", "../libexec/netvsc-perf" };
	char self[PATH_MAX], folder[PATH_MAX], script[PATH_MAX + 64];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char **args = calloc((size_t)argc + 3, sizeof(*args));

	if (n <= 0 || args == NULL)
		return 1;
	self[n] = '\0';
	snprintf(folder, sizeof(folder), "%s", self);
	setenv("NETVSC_PERF", self, 1);
	args[0] = strdup(PYTHON);
	args[1] = script;
	memcpy(args + 2, argv, (size_t)argc * sizeof(*args));
	dirname(folder);
	for (unsigned int i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(script, sizeof(script), "%s/%s/perf.py", folder, places[i]);
		if (access(script, R_OK) == 0)
			execv(PYTHON, args);
	}
	fprintf(stderr, "netvsc-perf: %s needs " PYTHON " and the scripts beside the program: %s\n",
		argv[0], strerror(errno));
	free(args[0]);
	free(args);
	return 1;
}
