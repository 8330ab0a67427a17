/* SPDX-License-Identifier: BSD-3-Clause */

/* See file.h. */

#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

FILE *
file_open(const char *path, const char *mode)
{
	int flags = O_NONBLOCK | O_CLOEXEC | O_NOCTTY, fd;
	FILE *file = NULL;
	struct stat st;

	if (*mode == 'r')
		flags |= O_RDONLY;
	else
		flags |= O_WRONLY | O_CREAT | (*mode == 'a' ? O_APPEND : O_TRUNC);
	fd = open(path, flags, 0666);
	if (fd < 0)
		return NULL;
	if (*mode == 'r' && (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)))
		errno = EINVAL;
	else
		file = fdopen(fd, mode);
	if (file == NULL)
		close(fd);
	return file;
}
