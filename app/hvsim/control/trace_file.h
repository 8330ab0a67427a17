/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HVSIM_TRACE_FILE_H
#define HVSIM_TRACE_FILE_H

/* The trace as a file of JSON lines. */

/* Replaces the file. Returns 0 or -errno. */
int trace_file_start(const char *path);
void trace_file_stop(void);

#endif /* HVSIM_TRACE_FILE_H */
