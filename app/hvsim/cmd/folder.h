/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HVSIM_FOLDER_H
#define HVSIM_FOLDER_H

/*
 * The private folder of one hvsim: sysfs trees and sockets. It is removed when
 * hvsim ends, however it ends: a janitor process watches over it that neither
 * a terminal nor a caller's pipe knows of.
 */

#include <sys/types.h>

struct folder {
	char *path;             /* NULL: none */
	char *extra;            /* a file elsewhere that goes with it, or NULL */
	int janitor_fd;         /* closed = hvsim has ended */
	pid_t janitor;
};

/* path: what the folder is to be, or NULL: a new one in a folder for such things. One
 * that exists is waited for, for 5 s, until its hvsim has removed it. extra: absolute
 * path of a socket outside the folder, or NULL. Call it early: it forks. Returns 0 or
 * -errno. */
int folder_create(struct folder *folder, const char *path, const char *extra);
void folder_remove(struct folder *folder);

/* The folders that private folders are made in, best first; NULL after the
 * last. Valid until the next call. */
const char *folder_candidate(unsigned int i);

#endif /* HVSIM_FOLDER_H */
