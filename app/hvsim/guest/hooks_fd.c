/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The functions that programs call instead of libc's: descriptors. An ordinary
 * descriptor costs one table lookup without a lock.
 */

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/file.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "guest.h"

/* glibc's checked forms have no declarations of their own to include. */
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int dirfd, const char *path, int flags);
int __openat64_2(int dirfd, const char *path, int flags);
ssize_t __read_chk(int fd, void *buf, size_t bytes, size_t room);
ssize_t __pread_chk(int fd, void *buf, size_t bytes, off_t offset, size_t room);
ssize_t __pread64_chk(int fd, void *buf, size_t bytes, off_t offset, size_t room);
void __chk_fail(void) __attribute__((noreturn));

/* ---- open ---- */

/* An ordinary file; folders on the way to ours are remembered, because paths
 * relative to them may lead into the tree. */
static int
open_plain(int dirfd, const char *path, int flags, mode_t mode, const struct guest_path *p)
{
	int fd = real.openat(dirfd, path, flags, mode);
	struct guest_file *file = NULL;
	struct stat st;

	if (fd < 0)
		return fd;
	if (p->kind == PATH_ABOVE && real.fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
		file = fds_file_new(FILE_DIR, flags, p->virt);
	fds_set(fd, file);
	if (file)
		fds_put(file);
	return fd;
}

static int
open_any(int dirfd, const char *path, int flags, mode_t mode)
{
	struct guest_path p;
	const char *place = path_lookup(&dirfd, path, &p);

	if (p.kind == PATH_TREE)
		return sysfs_open(&p, flags, mode);
	if (p.kind == PATH_UIO && !(flags & O_PATH))
		return uio_open(p.uio, flags);
	return open_plain(dirfd, place, flags, mode, &p);
}

static bool
has_mode(int flags)
{
	return (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE;
}

#define MODE_OF(last) __extension__ ({ \
	mode_t mode_ = 0; \
	if (has_mode(flags)) { \
		va_list ap_; \
		va_start(ap_, last); \
		mode_ = va_arg(ap_, mode_t); \
		va_end(ap_); \
	} \
	mode_; \
})

EXPORT int
open(const char *path, int flags, ...)
{
	return open_any(AT_FDCWD, path, flags, MODE_OF(flags));
}

EXPORT int
open64(const char *path, int flags, ...)
{
	return open_any(AT_FDCWD, path, flags | O_LARGEFILE, MODE_OF(flags));
}

EXPORT int
openat(int dirfd, const char *path, int flags, ...)
{
	return open_any(dirfd, path, flags, MODE_OF(flags));
}

EXPORT int
openat64(int dirfd, const char *path, int flags, ...)
{
	return open_any(dirfd, path, flags | O_LARGEFILE, MODE_OF(flags));
}

EXPORT int
__open_2(const char *path, int flags)
{
	return open_any(AT_FDCWD, path, flags, 0);
}

EXPORT int
__open64_2(const char *path, int flags)
{
	return open_any(AT_FDCWD, path, flags | O_LARGEFILE, 0);
}

EXPORT int
__openat_2(int dirfd, const char *path, int flags)
{
	return open_any(dirfd, path, flags, 0);
}

EXPORT int
__openat64_2(int dirfd, const char *path, int flags)
{
	return open_any(dirfd, path, flags | O_LARGEFILE, 0);
}

EXPORT int
creat(const char *path, mode_t mode)
{
	return open_any(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, mode);
}

EXPORT int
creat64(const char *path, mode_t mode)
{
	return open_any(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC | O_LARGEFILE, mode);
}

/* ---- close ---- */

static bool
is_hidden(int fd)
{
	struct guest_file *file = fds_special(fd) ? fds_get(fd) : NULL;
	bool hidden = file && file->kind == FILE_HIDDEN;

	if (file)
		fds_put(file);
	return hidden;
}

EXPORT int
close(int fd)
{
	if (!guest_on() || !fds_special(fd))
		return real.close(fd);
	if (is_hidden(fd)) {
		errno = EBADF;
		return -1;
	}
	fds_set(fd, NULL);
	return real.close(fd);
}

/* The table is walked, not the range: it may end at UINT_MAX. */
static void
forget_range(unsigned int first, unsigned int last)
{
	for (int fd = fds_next(first, last); fd >= 0; fd = fds_next((unsigned int)fd + 1, last))
		if (!is_hidden(fd))
			fds_set(fd, NULL);
}

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif

EXPORT int
close_range(unsigned int first, unsigned int last, int flags)
{
	int limit = last > INT_MAX ? INT_MAX : (int)last;
	int ret = 0, hidden;

	if (guest_on() && first <= last && !(flags & (int)CLOSE_RANGE_CLOEXEC))
		forget_range(first, last);
	if (!real.close_range) {
		errno = ENOSYS;
		return -1;
	}
	while (guest_on() && first <= (unsigned int)limit &&
			(hidden = fds_next_hidden((int)first, limit)) >= 0) {
		if ((unsigned int)hidden > first)
			ret = real.close_range(first, (unsigned int)hidden - 1, flags);
		if (ret < 0)
			return ret;
		first = (unsigned int)hidden + 1;
		if (first > last)
			return 0;
	}
	return real.close_range(first, last, flags);
}

EXPORT void
closefrom(int first)
{
	close_range(first < 0 ? 0 : (unsigned int)first, ~0u, 0);
}

/* ---- dup ---- */

/* What the copy is: the same as the original. */
static int
copied(int from, int to)
{
	struct guest_file *file = to >= 0 ? fds_get(from) : NULL;

	if (to < 0)
		return to;
	fds_set(to, file);
	if (file)
		fds_put(file);
	return to;
}

static bool
refuse_hidden(int fd)
{
	if (!guest_on() || !is_hidden(fd))
		return false;
	errno = EBADF;
	return true;
}

/* The number `to` is about to become a copy of `from`. */
static void
make_way(int to)
{
	if (!guest_on() || !fds_special(to))
		return;
	if (is_hidden(to))
		fds_hidden_move(to);
	else
		fds_set(to, NULL);
}

/* A shell puts an attribute at descriptor 1 and prints to stdout. */
static void
stdout_check(int to)
{
	struct guest_file *file;

	if (to != STDOUT_FILENO || !guest_on())
		return;
	file = fds_get(to);
	stream_stdout_replaced(file && file->kind == FILE_ATTR);
	if (file)
		fds_put(file);
}

EXPORT int
dup(int fd)
{
	return refuse_hidden(fd) ? -1 : copied(fd, real.dup(fd));
}

EXPORT int
dup2(int fd, int to)
{
	int ret;

	if (refuse_hidden(fd))
		return -1;
	if (fd == to)
		return real.dup2(fd, to);
	make_way(to);
	ret = copied(fd, real.dup2(fd, to));
	stdout_check(ret);
	return ret;
}

EXPORT int
dup3(int fd, int to, int flags)
{
	int ret;

	if (refuse_hidden(fd))
		return -1;
	if (fd == to)
		return real.dup3(fd, to, flags);
	make_way(to);
	ret = copied(fd, real.dup3(fd, to, flags));
	stdout_check(ret);
	return ret;
}

/* F_GETFL of an attribute says how the program opened it. */
static int
shown_flags(int fd, int flags)
{
	struct guest_file *file = flags >= 0 ? fds_get(fd) : NULL;

	if (!file)
		return flags;
	if (file->kind == FILE_ATTR || file->kind == FILE_UIO)
		flags = (flags & ~(O_ACCMODE | O_APPEND | O_SYNC | O_PATH)) |
			(file->flags & (O_ACCMODE | O_APPEND | O_SYNC));
	fds_put(file);
	return flags;
}

static int
fcntl_any(int fd, int command, void *argument)
{
	int ret;

	if (!guest_on() || !fds_special(fd))
		return real.fcntl(fd, command, argument);
	if (refuse_hidden(fd))
		return -1;
	ret = real.fcntl(fd, command, argument);
	if (command == F_DUPFD || command == F_DUPFD_CLOEXEC)
		return copied(fd, ret);
	return command == F_GETFL ? shown_flags(fd, ret) : ret;
}

EXPORT int
fcntl(int fd, int command, ...)
{
	va_list ap;
	void *argument;

	va_start(ap, command);
	argument = va_arg(ap, void *);
	va_end(ap);
	return fcntl_any(fd, command, argument);
}

EXPORT int
fcntl64(int fd, int command, ...)
{
	va_list ap;
	void *argument;

	va_start(ap, command);
	argument = va_arg(ap, void *);
	va_end(ap);
	return fcntl_any(fd, command, argument);
}

/* ---- locks ---- */

EXPORT int
flock(int fd, int operation)
{
	struct guest_file *file = guest_on() && fds_special(fd) ? fds_get(fd) : NULL;
	int ret;

	if (guest_on() && fds_special(fd) && refuse_hidden(fd)) {
		if (file)
			fds_put(file);
		return -1;
	}
	ret = file && file->kind == FILE_UIO ? uio_flock(file, operation) :
		real.flock(fd, operation);
	if (file)
		fds_put(file);
	return ret;
}

/* ---- read ---- */

/* What is read is ours to answer. Returns true with *done set. */
static bool
read_special(int fd, const struct iovec *iov, int count, off_t offset, ssize_t *done)
{
	struct guest_file *file = guest_on() && fds_special(fd) ? fds_get(fd) : NULL;
	bool ours = false;
	int ret;

	if (!file)
		return false;
	if (file->kind == FILE_HIDDEN) {
		errno = EBADF;
		*done = -1;
		ours = true;
	} else if (file->kind == FILE_UIO) {
		*done = uio_read(file, fd, iov, count);
		ours = true;
	} else if (file->kind == FILE_ATTR) {
		ret = sysfs_before_read(file, offset < 0 ? lseek(fd, 0, SEEK_CUR) : offset);
		ours = ret < 0;
		if (ours) {
			errno = -ret;
			*done = -1;
		}
	}
	fds_put(file);
	return ours;
}

EXPORT ssize_t
read(int fd, void *buf, size_t bytes)
{
	struct iovec iov = { .iov_base = buf, .iov_len = bytes };
	ssize_t done;

	return read_special(fd, &iov, 1, -1, &done) ? done : real.read(fd, buf, bytes);
}

EXPORT ssize_t
__read_chk(int fd, void *buf, size_t bytes, size_t room)
{
	if (bytes > room)
		__chk_fail();
	return read(fd, buf, bytes);
}

EXPORT ssize_t
pread(int fd, void *buf, size_t bytes, off_t offset)
{
	struct iovec iov = { .iov_base = buf, .iov_len = bytes };
	ssize_t done;

	return read_special(fd, &iov, 1, offset, &done) ? done :
		real.pread(fd, buf, bytes, offset);
}

EXPORT ssize_t
pread64(int fd, void *buf, size_t bytes, off64_t offset)
{
	return pread(fd, buf, bytes, offset);
}

EXPORT ssize_t
__pread_chk(int fd, void *buf, size_t bytes, off_t offset, size_t room)
{
	if (bytes > room)
		__chk_fail();
	return pread(fd, buf, bytes, offset);
}

EXPORT ssize_t
__pread64_chk(int fd, void *buf, size_t bytes, off_t offset, size_t room)
{
	return __pread_chk(fd, buf, bytes, offset, room);
}

EXPORT ssize_t
readv(int fd, const struct iovec *iov, int count)
{
	ssize_t done;

	return read_special(fd, iov, count, -1, &done) ? done : real.readv(fd, iov, count);
}

/* ---- write ---- */

static bool
write_special(int fd, const struct iovec *iov, int count, ssize_t *done)
{
	struct guest_file *file = guest_on() && fds_special(fd) ? fds_get(fd) : NULL;
	bool ours = true;

	if (!file)
		return false;
	if (file->kind == FILE_HIDDEN) {
		errno = EBADF;
		*done = -1;
	} else if (file->kind == FILE_UIO) {
		*done = uio_write(file, fd, iov, count);
	} else if (file->kind == FILE_ATTR) {
		/* sysfs takes each piece for a write of its own. */
		*done = count > 0 ? sysfs_write(file, iov[0].iov_base, iov[0].iov_len) : 0;
	} else {
		ours = false;
	}
	fds_put(file);
	return ours;
}

EXPORT ssize_t
write(int fd, const void *buf, size_t bytes)
{
	struct iovec iov = { .iov_len = bytes };
	ssize_t done;

	memcpy(&iov.iov_base, &buf, sizeof(buf));
	return write_special(fd, &iov, 1, &done) ? done : real.write(fd, buf, bytes);
}

EXPORT ssize_t
pwrite(int fd, const void *buf, size_t bytes, off_t offset)
{
	struct iovec iov = { .iov_len = bytes };
	ssize_t done;

	memcpy(&iov.iov_base, &buf, sizeof(buf));
	return write_special(fd, &iov, 1, &done) ? done : real.pwrite(fd, buf, bytes, offset);
}

EXPORT ssize_t
pwrite64(int fd, const void *buf, size_t bytes, off64_t offset)
{
	return pwrite(fd, buf, bytes, offset);
}

EXPORT ssize_t
writev(int fd, const struct iovec *iov, int count)
{
	ssize_t done;

	return write_special(fd, iov, count, &done) ? done : real.writev(fd, iov, count);
}

/* ---- copies within the kernel go past this library: let callers fall back ---- */

EXPORT ssize_t
copy_file_range(int from, off64_t *from_offset, int to, off64_t *to_offset, size_t bytes,
	unsigned int flags)
{
	if (guest_on() && (fds_special(from) || fds_special(to))) {
		errno = EXDEV;
		return -1;
	}
	return real.copy_file_range(from, from_offset, to, to_offset, bytes, flags);
}

EXPORT ssize_t
sendfile(int to, int from, off_t *offset, size_t bytes)
{
	if (guest_on() && fds_special(to)) {
		errno = EINVAL;
		return -1;
	}
	return real.sendfile(to, from, offset, bytes);
}

EXPORT ssize_t
sendfile64(int to, int from, off64_t *offset, size_t bytes)
{
	return sendfile(to, from, offset, bytes);
}

EXPORT ssize_t
splice(int from, off64_t *from_offset, int to, off64_t *to_offset, size_t bytes,
	unsigned int flags)
{
	if (guest_on() && fds_special(to)) {
		errno = EINVAL;
		return -1;
	}
	return real.splice(from, from_offset, to, to_offset, bytes, flags);
}
