/* SPDX-License-Identifier: BSD-3-Clause */

/* See trace_file.h. Every line is written at once, so that a killed hvsim
 * leaves what it saw. */

#include "trace_file.h"

#include <errno.h>
#include <stdio.h>

#include "../core/file.h"
#include "trace.h"

static FILE *file;

static void
file_line(struct trace_listener *listener, const char *json_line)
{
	(void)listener;
	fputs(json_line, file);
	fputc('\n', file);
}

static struct trace_listener listener = { .line = file_line };

int
trace_file_start(const char *path)
{
	file = file_open(path, "w");
	if (file == NULL)
		return -errno;
	setvbuf(file, NULL, _IOLBF, 0);
	trace_listen(&listener);
	return 0;
}

void
trace_file_stop(void)
{
	if (file == NULL)
		return;
	trace_unlisten(&listener);
	fclose(file);
	file = NULL;
}
