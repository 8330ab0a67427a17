/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HVSIM_FILE_H
#define HVSIM_FILE_H

#include <stdio.h>

/* fopen() for "r", "w" and "a" that never waits: of what a user names, a FIFO
 * would, with all signals blocked. Read is only a regular file (else EINVAL),
 * a FIFO is written only if somebody reads it. NULL and errno on error. */
FILE *file_open(const char *path, const char *mode);

#endif /* HVSIM_FILE_H */
