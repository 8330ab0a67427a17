/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HVSIM_LAUNCH_H
#define HVSIM_LAUNCH_H

/* Turning this process into a guest: the environment that the preloaded
 * library needs, then exec. */

/* Path of libhvsim-guest.so: $HVSIM_GUEST_LIB, beside the program in the build
 * tree, or where it was installed. Returns 0, or -ENOENT with a sentence. */
int launch_find_library(char *path, unsigned int path_bytes, char *error, unsigned int bytes);

/* Sets HVSIM_DIR, HVSIM_CONTROL and LD_PRELOAD, keeping what is preloaded
 * already, and execs. Returns the exit status (126 or 127) only on failure,
 * having written one line to standard error. */
int launch_exec(const char *command, const char *guest_dir, const char *control,
	const char *library, char **argv);

#endif /* HVSIM_LAUNCH_H */
