/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stdio on descriptors of ours. libc's streams read and write by themselves,
 * past the functions that this library replaces, so such streams are made of
 * callbacks instead. That includes a shell's standard output: `echo x >attr`
 * puts the attribute at descriptor 1 and writes to stdout.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "guest.h"

#define STREAMS_MAX 64

static struct {
	FILE *stream;
	int fd;
} streams[STREAMS_MAX];
static int stream_count;                /* slots in use, atomic; only grows */
static FILE *plain_stdout;              /* while stdout is one of ours */

/* ---- callbacks; the cookie is the descriptor + 1 ---- */

static int
cookie_fd(void *cookie)
{
	return (int)(intptr_t)cookie - 1;
}

static ssize_t
cookie_read(void *cookie, char *buf, size_t bytes)
{
	return read(cookie_fd(cookie), buf, bytes);
}

/* stdio takes 0 for an error. */
static ssize_t
cookie_write(void *cookie, const char *buf, size_t bytes)
{
	ssize_t done = write(cookie_fd(cookie), buf, bytes);

	return done < 0 ? 0 : done;
}

static int
cookie_seek(void *cookie, off64_t *offset, int whence)
{
	off_t now = lseek(cookie_fd(cookie), *offset, whence);

	if (now < 0)
		return -1;
	*offset = now;
	return 0;
}

static int
cookie_close(void *cookie)
{
	return close(cookie_fd(cookie));
}

static FILE *
cookie_stream(int fd, const char *mode)
{
	cookie_io_functions_t functions = {
		.read = cookie_read, .write = cookie_write, .seek = cookie_seek,
		.close = cookie_close,
	};
	FILE *stream = fopencookie((void *)(intptr_t)(fd + 1), mode, functions);
	int i;

	if (!stream)
		return NULL;
	guest_lock();
	for (i = 0; i < STREAMS_MAX && streams[i].stream; i++)
		;
	if (i < STREAMS_MAX) {
		streams[i].stream = stream;
		streams[i].fd = fd;
		if (i >= stream_count)
			__atomic_store_n(&stream_count, i + 1, __ATOMIC_RELEASE);
	}
	guest_unlock();
	return stream;
}

/* ---- the table ---- */

int
stream_fileno(FILE *stream)
{
	int count = __atomic_load_n(&stream_count, __ATOMIC_ACQUIRE);
	int fd = -1;

	if (count == 0)
		return -1;
	guest_lock();
	for (int i = 0; i < count; i++)
		if (streams[i].stream == stream)
			fd = streams[i].fd;
	guest_unlock();
	return fd;
}

void
stream_closed(FILE *stream)
{
	int count = __atomic_load_n(&stream_count, __ATOMIC_ACQUIRE);

	if (count == 0)
		return;
	guest_lock();
	for (int i = 0; i < count; i++)
		if (streams[i].stream == stream)
			streams[i].stream = NULL;
	guest_unlock();
}

/* ---- opening ---- */

static int
mode_flags(const char *mode)
{
	int flags = mode[0] == 'r' ? O_RDONLY : O_WRONLY;

	if (mode[0] != 'r' && mode[0] != 'w' && mode[0] != 'a')
		return -1;
	for (const char *m = mode + 1; *m && *m != ','; m++) {
		if (*m == '+')
			flags = (flags & ~O_ACCMODE) | O_RDWR;
		if (*m == 'e')
			flags |= O_CLOEXEC;
		if (*m == 'x')
			flags |= O_EXCL | O_CREAT;
	}
	return flags;
}

FILE *
stream_attach(int fd, const char *mode)
{
	struct guest_file *file = fds_get(fd);
	bool ours;

	if (!file)
		return NULL;
	ours = file->kind == FILE_UIO || (file->kind == FILE_ATTR &&
		((file->flags & O_ACCMODE) != O_RDONLY || file->read_error != 0));
	fds_put(file);
	return ours ? cookie_stream(fd, mode) : NULL;
}

FILE *
stream_open(const struct guest_path *p, const char *mode)
{
	int flags = mode_flags(mode);
	FILE *stream;
	int fd;

	if (flags < 0) {
		errno = EINVAL;
		return NULL;
	}
	fd = p->kind == PATH_UIO ? uio_open(p->uio, flags) : sysfs_open(p, flags, 0);
	if (fd < 0)
		return NULL;
	stream = stream_attach(fd, mode);
	if (!stream)
		stream = real.fdopen(fd, mode);
	if (!stream) {
		int saved = errno;

		close(fd);
		errno = saved;
	}
	return stream;
}

void
stream_stdout_replaced(bool special)
{
	static FILE *special_stdout;

	if (!special) {
		if (plain_stdout) {
			fflush(stdout);
			stdout = plain_stdout;
			plain_stdout = NULL;
		}
		return;
	}
	if (plain_stdout)
		return;
	if (!special_stdout)
		special_stdout = cookie_stream(STDOUT_FILENO, "w");
	if (!special_stdout)
		return;
	fflush(stdout);
	plain_stdout = stdout;
	stdout = special_stdout;
}
