/* SPDX-License-Identifier: BSD-3-Clause */

/* Log lines to standard error and, where wanted, to a file. */

#include "file.h"
#include "log.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

static enum log_level threshold = LOG_NOTICE;
static FILE *log_file;

static const char *const level_names[] = {
	[LOG_ERROR] = "error",
	[LOG_WARNING] = "warning",
	[LOG_NOTICE] = "notice",
	[LOG_INFO] = "info",
	[LOG_DEBUG] = "debug",
};

void
log_set_level(enum log_level level)
{
	threshold = level;
}

enum log_level
log_get_level(void)
{
	return threshold;
}

int
log_set_file(const char *path)
{
	FILE *file = NULL;

	if (path != NULL) {
		file = file_open(path, "a");
		if (file == NULL)
			return -errno;
		setvbuf(file, NULL, _IOLBF, 0);
	}
	if (log_file != NULL)
		fclose(log_file);
	log_file = file;
	return 0;
}

void
log_write(enum log_level level, const char *format, ...)
{
	char line[1024];
	va_list args;
	int n, text;

	if (level > threshold)
		return;
	n = snprintf(line, sizeof(line), "hvsim: %s: ", level_names[level]);
	va_start(args, format);
	text = vsnprintf(line + n, sizeof(line) - (size_t)n - 1, format, args);
	va_end(args);
	if (text < 0)
		return;
	n += text;
	if (n > (int)sizeof(line) - 2)
		n = (int)sizeof(line) - 2;
	line[n++] = '\n';
	/* One write, so that lines of several processes do not mix. */
	if (write(STDERR_FILENO, line, (size_t)n) < 0 && log_file == NULL)
		return;
	if (log_file != NULL)
		fwrite(line, 1, (size_t)n, log_file);
}
