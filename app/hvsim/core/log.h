/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HVSIM_LOG_H
#define HVSIM_LOG_H

/*
 * Log lines go to standard error: "hvsim: <level>: <text>". Order within a
 * line: device, operation, id, values. Nothing is logged per packet.
 */

#include <stdarg.h>
#include <stdint.h>

enum log_level {
	LOG_ERROR,
	LOG_WARNING,
	LOG_NOTICE,     /* the default */
	LOG_INFO,
	LOG_DEBUG,
};

void log_set_level(enum log_level level);
enum log_level log_get_level(void);
/* Also append each line to a file; NULL ends that. Returns 0 or -errno. */
int log_set_file(const char *path);

void log_write(enum log_level level, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#define log_error(...)   log_write(LOG_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_WARNING, __VA_ARGS__)
#define log_notice(...)  log_write(LOG_NOTICE, __VA_ARGS__)
#define log_info(...)    log_write(LOG_INFO, __VA_ARGS__)
#define log_debug(...)   log_write(LOG_DEBUG, __VA_ARGS__)

#endif /* HVSIM_LOG_H */
