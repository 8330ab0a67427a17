/* SPDX-License-Identifier: BSD-3-Clause */
/* The functions that programs call instead of libc's: questions about paths. */

#include <errno.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <unistd.h>

#include "guest.h"

#define stat_as(st) ((struct stat *)(void *)(st))
static_assert(sizeof(struct stat) == sizeof(struct stat64), "one struct stat");

int __xstat(int version, const char *path, struct stat *st);
int __xstat64(int version, const char *path, struct stat64 *st);
int __lxstat(int version, const char *path, struct stat *st);
int __lxstat64(int version, const char *path, struct stat64 *st);
int __fxstat(int version, int fd, struct stat *st);
int __fxstat64(int version, int fd, struct stat64 *st);
int __fxstatat(int version, int dirfd, const char *path, struct stat *st, int flags);
int __fxstatat64(int version, int dirfd, const char *path, struct stat64 *st, int flags);
ssize_t __readlink_chk(const char *path, char *buf, size_t bytes, size_t room);
ssize_t __readlinkat_chk(int dirfd, const char *path, char *buf, size_t bytes, size_t room);
char *__realpath_chk(const char *path, char *buf, size_t room);
void __chk_fail(void) __attribute__((noreturn));

/* ---- stat ---- */

/* The uio device behind a descriptor. Returns false if it is none. */
static bool
fd_uio(int fd, uint32_t *number)
{
	struct guest_file *file = guest_on() && fds_special(fd) ? fds_get(fd) : NULL;
	bool uio = file && file->kind == FILE_UIO;

	if (uio)
		*number = file->uio.number;
	if (file)
		fds_put(file);
	return uio;
}

static int
fstat_any(int fd, struct stat *st)
{
	uint32_t number;

	if (!fd_uio(fd, &number))
		return real.fstat(fd, st);
	uio_stat(number, st);
	return 0;
}

static int
stat_any(int dirfd, const char *path, struct stat *st, int flags)
{
	struct guest_path p;
	const char *place;

	if ((flags & AT_EMPTY_PATH) && path && path[0] == '\0' && dirfd >= 0)
		return fstat_any(dirfd, st);
	place = path_lookup(&dirfd, path, &p);
	if (p.kind != PATH_UIO)
		return real.fstatat(dirfd, place, st, flags);
	uio_stat(p.uio, st);
	return 0;
}

EXPORT int
stat(const char *path, struct stat *st)
{
	return stat_any(AT_FDCWD, path, st, 0);
}

EXPORT int
stat64(const char *path, struct stat64 *st)
{
	return stat_any(AT_FDCWD, path, stat_as(st), 0);
}

EXPORT int
lstat(const char *path, struct stat *st)
{
	return stat_any(AT_FDCWD, path, st, AT_SYMLINK_NOFOLLOW);
}

EXPORT int
lstat64(const char *path, struct stat64 *st)
{
	return stat_any(AT_FDCWD, path, stat_as(st), AT_SYMLINK_NOFOLLOW);
}

EXPORT int
fstat(int fd, struct stat *st)
{
	return fstat_any(fd, st);
}

EXPORT int
fstat64(int fd, struct stat64 *st)
{
	return fstat_any(fd, stat_as(st));
}

EXPORT int
fstatat(int dirfd, const char *path, struct stat *st, int flags)
{
	return stat_any(dirfd, path, st, flags);
}

EXPORT int
fstatat64(int dirfd, const char *path, struct stat64 *st, int flags)
{
	return stat_any(dirfd, path, stat_as(st), flags);
}

/* What programs built against an older glibc call; one layout on 64 bits. */

EXPORT int
__xstat(int version, const char *path, struct stat *st)
{
	(void)version;
	return stat_any(AT_FDCWD, path, st, 0);
}

EXPORT int
__xstat64(int version, const char *path, struct stat64 *st)
{
	(void)version;
	return stat_any(AT_FDCWD, path, stat_as(st), 0);
}

EXPORT int
__lxstat(int version, const char *path, struct stat *st)
{
	(void)version;
	return stat_any(AT_FDCWD, path, st, AT_SYMLINK_NOFOLLOW);
}

EXPORT int
__lxstat64(int version, const char *path, struct stat64 *st)
{
	(void)version;
	return stat_any(AT_FDCWD, path, stat_as(st), AT_SYMLINK_NOFOLLOW);
}

EXPORT int
__fxstat(int version, int fd, struct stat *st)
{
	(void)version;
	return fstat_any(fd, st);
}

EXPORT int
__fxstat64(int version, int fd, struct stat64 *st)
{
	(void)version;
	return fstat_any(fd, stat_as(st));
}

EXPORT int
__fxstatat(int version, int dirfd, const char *path, struct stat *st, int flags)
{
	(void)version;
	return stat_any(dirfd, path, st, flags);
}

EXPORT int
__fxstatat64(int version, int dirfd, const char *path, struct stat64 *st, int flags)
{
	(void)version;
	return stat_any(dirfd, path, stat_as(st), flags);
}

EXPORT int
statx(int dirfd, const char *path, int flags, unsigned int mask, struct statx *stx)
{
	struct guest_path p;
	const char *place;
	uint32_t number;

	if ((flags & AT_EMPTY_PATH) && path[0] == '\0' && fd_uio(dirfd, &number)) {
		uio_statx(number, stx);
		return 0;
	}
	place = path_lookup(&dirfd, path, &p);
	if (p.kind != PATH_UIO)
		return real.statx(dirfd, place, flags, mask, stx);
	uio_statx(p.uio, stx);
	return 0;
}

/* Programs ask this way whether they look at sysfs. */
EXPORT int
statfs(const char *path, struct statfs *fs)
{
	int dirfd = AT_FDCWD, ret;
	struct guest_path p;
	const char *place = path_lookup(&dirfd, path, &p);

	ret = real.statfs(p.kind == PATH_UIO ? "/dev" : place, fs);
	if (ret == 0 && p.kind == PATH_TREE)
		fs->f_type = SYSFS_MAGIC;
	return ret;
}

EXPORT int
statfs64(const char *path, struct statfs64 *fs)
{
	return statfs(path, (struct statfs *)(void *)fs);
}

/* ---- access ---- */

static int
access_any(int dirfd, const char *path, int mode, int flags)
{
	struct guest_path p;
	const char *place = path_lookup(&dirfd, path, &p);

	if (p.kind != PATH_UIO)
		return real.faccessat(dirfd, place, mode, flags);
	if (!(mode & X_OK))
		return 0;
	errno = EACCES;
	return -1;
}

EXPORT int
access(const char *path, int mode)
{
	return access_any(AT_FDCWD, path, mode, 0);
}

EXPORT int
faccessat(int dirfd, const char *path, int mode, int flags)
{
	return access_any(dirfd, path, mode, flags);
}

EXPORT int
euidaccess(const char *path, int mode)
{
	return access_any(AT_FDCWD, path, mode, AT_EACCESS);
}

EXPORT int
eaccess(const char *path, int mode)
{
	return access_any(AT_FDCWD, path, mode, AT_EACCESS);
}

/* ---- links ---- */

static ssize_t
readlink_any(int dirfd, const char *path, char *buf, size_t bytes)
{
	struct guest_path p;
	const char *place = path_lookup(&dirfd, path, &p);
	char whole[PATH_MAX];
	ssize_t length;

	if (p.kind == PATH_UIO) {
		errno = EINVAL;
		return -1;
	}
	length = real.readlinkat(dirfd, place, buf, bytes);
	/* /proc/self/fd/N and the like may lead into the tree. */
	if (length <= 0 || buf[0] != '/' || !guest_on())
		return length;
	length = real.readlinkat(dirfd, place, whole, sizeof(whole) - 1);
	if (length < 0)
		return length;
	whole[length] = '\0';
	path_map_back(whole);
	length = (ssize_t)strlen(whole);
	if ((size_t)length > bytes)
		length = (ssize_t)bytes;
	memcpy(buf, whole, (size_t)length);
	return length;
}

EXPORT ssize_t
readlink(const char *path, char *buf, size_t bytes)
{
	return readlink_any(AT_FDCWD, path, buf, bytes);
}

EXPORT ssize_t
readlinkat(int dirfd, const char *path, char *buf, size_t bytes)
{
	return readlink_any(dirfd, path, buf, bytes);
}

EXPORT ssize_t
__readlink_chk(const char *path, char *buf, size_t bytes, size_t room)
{
	if (bytes > room)
		__chk_fail();
	return readlink_any(AT_FDCWD, path, buf, bytes);
}

EXPORT ssize_t
__readlinkat_chk(int dirfd, const char *path, char *buf, size_t bytes, size_t room)
{
	if (bytes > room)
		__chk_fail();
	return readlink_any(dirfd, path, buf, bytes);
}

/* Below the root of the tree the real path is longer than what the program
 * sees, so buf, which holds PATH_MAX, always has room for the result. */
EXPORT char *
realpath(const char *path, char *buf)
{
	int dirfd = AT_FDCWD;
	struct guest_path p;
	const char *place = path_lookup(&dirfd, path, &p);
	char whole[PATH_MAX];

	if (p.kind == PATH_UIO)
		return buf ? strcpy(buf, p.virt) : strdup(p.virt);
	if (p.kind != PATH_TREE)
		return real.realpath(place, buf);
	if (!real.realpath(place, whole))
		return NULL;
	path_map_back(whole);
	return buf ? strcpy(buf, whole) : strdup(whole);
}

EXPORT char *
__realpath_chk(const char *path, char *buf, size_t room)
{
	if (room < PATH_MAX)
		__chk_fail();
	return realpath(path, buf);
}

EXPORT char *
canonicalize_file_name(const char *path)
{
	return realpath(path, NULL);
}

/* ---- extended attributes: `ls -l` asks for them ---- */

/* Returns the place, or NULL with errno. */
static const char *
xattr_place(const char *path, struct guest_path *p)
{
	int dirfd = AT_FDCWD;
	const char *place = path_lookup(&dirfd, path, p);

	if (p->kind != PATH_UIO)
		return place;
	errno = ENOTSUP;
	return NULL;
}

EXPORT ssize_t
getxattr(const char *path, const char *name, void *value, size_t bytes)
{
	struct guest_path p;
	const char *place = xattr_place(path, &p);

	return place ? real.getxattr(place, name, value, bytes) : -1;
}

EXPORT ssize_t
lgetxattr(const char *path, const char *name, void *value, size_t bytes)
{
	struct guest_path p;
	const char *place = xattr_place(path, &p);

	return place ? real.lgetxattr(place, name, value, bytes) : -1;
}

EXPORT ssize_t
listxattr(const char *path, char *list, size_t bytes)
{
	struct guest_path p;
	const char *place = xattr_place(path, &p);

	return place ? real.listxattr(place, list, bytes) : -1;
}

EXPORT ssize_t
llistxattr(const char *path, char *list, size_t bytes)
{
	struct guest_path p;
	const char *place = xattr_place(path, &p);

	return place ? real.llistxattr(place, list, bytes) : -1;
}

/* ---- inotify ---- */

EXPORT int
inotify_add_watch(int fd, const char *path, uint32_t mask)
{
	int dirfd = AT_FDCWD;
	struct guest_path p;
	const char *place = path_lookup(&dirfd, path, &p);

	if (p.kind == PATH_TREE || p.kind == PATH_UIO)
		return watch_add(fd, &p, mask);
	return real.inotify_add_watch(fd, place, mask);
}
