/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TEST_FUZZ_MEMORY_FILE_H
#define TEST_FUZZ_MEMORY_FILE_H

/* The input as a file that has a name but is on no disk. */

#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"

/* Returns the descriptor, to be closed; the name is valid until then. */
static inline int
memory_file(const uint8_t *data, size_t size, char name[64])
{
	int fd = memfd_create("input", MFD_CLOEXEC);

	fuzz_check(fd >= 0);
	fuzz_check(size == 0 || write(fd, data, size) == (ssize_t)size);
	snprintf(name, 64, "/proc/self/fd/%d", fd);
	return fd;
}

#endif /* TEST_FUZZ_MEMORY_FILE_H */
