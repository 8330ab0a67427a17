/* SPDX-License-Identifier: BSD-3-Clause */
/* The functions that programs call instead of libc's: streams. */

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "guest.h"

EXPORT FILE *
fopen(const char *path, const char *mode)
{
	int dirfd = AT_FDCWD;
	struct guest_path p;
	const char *place = path_lookup(&dirfd, path, &p);

	if (p.kind == PATH_TREE || p.kind == PATH_UIO)
		return stream_open(&p, mode);
	return real.fopen(place, mode);
}

EXPORT FILE *
fopen64(const char *path, const char *mode)
{
	return fopen(path, mode);
}

EXPORT FILE *
fdopen(int fd, const char *mode)
{
	FILE *stream = guest_on() && fds_special(fd) ? stream_attach(fd, mode) : NULL;

	return stream ? stream : real.fdopen(fd, mode);
}

/* libc closes a stream's descriptor by itself. */
static void
stream_forget(FILE *stream)
{
	int fd = guest_on() && stream_fileno(stream) < 0 ? real.fileno(stream) : -1;

	if (fd >= 0)
		fds_set(fd, NULL);
}

EXPORT int
fclose(FILE *stream)
{
	int ret;

	if (!guest_on())
		return real.fclose(stream);
	stream_forget(stream);
	ret = real.fclose(stream);
	stream_closed(stream);
	return ret;
}

/* Only for reading: a stream cannot become one of callbacks. */
EXPORT FILE *
freopen(const char *path, const char *mode, FILE *stream)
{
	int dirfd = AT_FDCWD, fd;
	struct guest_path p;
	const char *place = path_lookup(&dirfd, path, &p);

	if (p.kind == PATH_UIO || (p.kind == PATH_TREE && mode[0] != 'r')) {
		real.fclose(stream);
		errno = EACCES;
		return NULL;
	}
	if (p.kind == PATH_TREE) {
		fd = sysfs_open(&p, O_RDONLY | O_CLOEXEC, 0);
		if (fd >= 0)
			close(fd);
	}
	stream_forget(stream);
	return real.freopen(place, mode, stream);
}

EXPORT FILE *
freopen64(const char *path, const char *mode, FILE *stream)
{
	return freopen(path, mode, stream);
}

EXPORT int
fileno(FILE *stream)
{
	int fd = guest_on() ? stream_fileno(stream) : -1;

	return fd >= 0 ? fd : real.fileno(stream);
}

EXPORT int
fileno_unlocked(FILE *stream)
{
	return fileno(stream);
}
