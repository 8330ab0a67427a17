/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Files of the tree. Attributes are real files that hvsim brings up to date
 * before they are read; what is written goes to hvsim, which answers with the
 * error that the kernel's store function would have given.
 *
 * A descriptor for writing is opened read-only on purpose: a write that passes
 * this library by fails instead of changing the tree. Flags without a meaning
 * for such files mark it, so that it is known again after exec.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guest.h"

#define MARK_WRITE_ONLY (O_APPEND | O_SYNC)
#define MARK_READ_WRITE O_SYNC
#define ADOPT_FDS 64
#define STORE_BYTES_MAX 4096u   /* as sysfs: one page */

/* ---- where a descriptor leads ---- */

/* The canonical path of an open file, as the program sees it. Returns 0,
 * -EXDEV if it is outside of the tree, or another -errno. */
static int
fd_path(int fd, char path[PATH_MAX])
{
	char link[32];
	ssize_t bytes;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	bytes = real.readlinkat(AT_FDCWD, link, path, PATH_MAX - 1);
	if (bytes < 0)
		return -errno;
	path[bytes] = '\0';
	return path_map_back(path) ? 0 : -EXDEV;
}

/* channels/<relid>/ring */
static bool
is_ring(const char *path)
{
	size_t length = strlen(path);

	return length > 5 && strcmp(path + length - 5, "/ring") == 0 &&
		strstr(path, "/channels/") != NULL;
}

/* ---- open ---- */

static int
track(int fd, enum file_kind kind, int flags, const char *path)
{
	struct guest_file *file;

	if (fd < 0)
		return fd;
	file = fds_file_new(kind, flags, path);
	fds_set(fd, file);
	if (file)
		fds_put(file);
	return fd;
}

static int
dir_open(const char *path, const char *virt, int flags)
{
	int fd = real.openat(AT_FDCWD, path, flags & ~(O_CREAT | O_TRUNC));
	char canonical[PATH_MAX];

	if (fd < 0)
		return fd;
	return track(fd, FILE_DIR, flags, fd_path(fd, canonical) == 0 ? canonical : virt);
}

/* The rules of sysfs: who may open what, root included. */
static int
access_check(const struct stat *st, int flags)
{
	int mode = flags & O_ACCMODE;

	if ((flags & O_CREAT) && (flags & O_EXCL))
		return -EEXIST;
	if (mode != O_WRONLY && !(st->st_mode & 0444))
		return -EACCES;
	if (mode != O_RDONLY && !(st->st_mode & 0222))
		return -EACCES;
	return 0;
}

/* Opens the file behind `probe` anew; one that only root may read is left an
 * O_PATH descriptor, which says the same after exec. Returns the descriptor. */
static int
attr_reopen(int probe, int flags)
{
	int passed = flags & (O_CLOEXEC | O_NONBLOCK | O_NOATIME);
	int mode = flags & O_ACCMODE;
	char link[32];
	int fd;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", probe);
	if (mode != O_RDONLY)
		passed |= mode == O_WRONLY ? MARK_WRITE_ONLY : MARK_READ_WRITE;
	fd = real.openat(AT_FDCWD, link, O_RDONLY | passed);
	if (fd < 0 && errno == EACCES && mode == O_WRONLY &&
			real.faccessat(AT_FDCWD, link, W_OK, 0) == 0)
		fd = real.openat(AT_FDCWD, link, O_PATH | (flags & O_CLOEXEC));
	return fd < 0 ? -errno : fd;
}

static void
refresh(struct guest_file *file)
{
	struct conn_reply reply;
	int ret = conn_path_request(GUEST_ATTR_REFRESH, file->path, &reply);

	conn_reply_close(&reply);
	file->read_error = 0;
	if (ret == -ECONNREFUSED || ret == -ENOENT || ret == -EPIPE || ret == -ETIMEDOUT)
		file->read_error = EIO;
	else if (ret < 0)
		file->read_error = -ret;
}

/* Takes the O_PATH descriptor `probe` over, and its number: the lowest free. */
static int
attr_open(int probe, const char *path, const struct stat *st, int flags)
{
	struct guest_file *file = NULL;
	int ret = access_check(st, flags);
	int fd = ret < 0 ? ret : attr_reopen(probe, flags);

	if (fd >= 0) {
		ret = real.dup3(fd, probe, flags & O_CLOEXEC) < 0 ? -errno : probe;
		real.close(fd);
		file = fds_file_new(is_ring(path) ? FILE_RING : FILE_ATTR, flags, path);
	} else {
		ret = fd;
	}
	if (ret < 0 || !file) {
		real.close(probe);
		return ret < 0 ? ret : -ENOMEM;
	}
	if (file->kind == FILE_ATTR && (flags & O_ACCMODE) != O_WRONLY) {
		refresh(file);
		file->fresh = true;
	}
	fds_set(probe, file);
	fds_put(file);
	return probe;
}

int
sysfs_open(const struct guest_path *p, int flags, mode_t mode)
{
	int probe_flags = O_PATH | O_CLOEXEC | (flags & O_NOFOLLOW);
	char path[PATH_MAX];
	struct stat st;
	int probe, ret;

	(void)mode;
	probe = real.openat(AT_FDCWD, p->real, probe_flags);
	if (probe < 0) {
		/* Nobody creates files in sysfs. */
		if (errno == ENOENT && (flags & O_CREAT))
			errno = EACCES;
		return -1;
	}
	ret = fd_path(probe, path);
	if (ret == 0 && real.fstat(probe, &st) < 0)
		ret = -errno;
	if (ret == 0 && S_ISREG(st.st_mode) && !(flags & (O_PATH | O_DIRECTORY))) {
		ret = attr_open(probe, path, &st, flags);
		if (ret >= 0)
			return ret;
		errno = -ret;
		return -1;
	}
	real.close(probe);
	if (ret == 0 && S_ISDIR(st.st_mode))
		return dir_open(p->real, p->virt, flags);
	/* A link out of the tree, to a device of this machine, and the like. */
	return real.openat(AT_FDCWD, p->real, flags & ~(O_CREAT | O_TRUNC));
}

/* ---- read and write ---- */

int
sysfs_before_read(struct guest_file *file, off_t offset)
{
	if ((file->flags & O_ACCMODE) == O_WRONLY)
		return -EBADF;
	if (offset == 0 && !file->fresh)
		refresh(file);
	file->fresh = false;
	return -file->read_error;
}

ssize_t
sysfs_write(struct guest_file *file, const void *data, size_t bytes)
{
	struct guest_store store = { 0 };
	struct conn_message message = {
		.op = GUEST_ATTR_STORE, .payload = &store, .payload_bytes = sizeof(store),
		.data = data, .fd = -1,
	};
	struct conn_reply reply;
	int ret;

	if ((file->flags & O_ACCMODE) == O_RDONLY) {
		errno = EBADF;
		return -1;
	}
	if (bytes > STORE_BYTES_MAX)
		bytes = STORE_BYTES_MAX;
	memcpy(store.path, file->path, strlen(file->path) + 1);
	store.bytes = (uint32_t)bytes;
	message.data_bytes = (uint32_t)bytes;
	guest_lock();
	ret = conn_request(&message, &reply);
	conn_reply_close(&reply);
	guest_unlock();
	if (ret == -ECONNREFUSED || ret == -EPIPE || ret == -ETIMEDOUT)
		ret = -EIO;
	if (ret < 0) {
		errno = -ret;
		return -1;
	}
	return (ssize_t)bytes;
}

/* ---- rings ---- */

/* The file is no longer in the tree: another may be where it was. */
static bool
removed(int fd)
{
	struct stat st;

	return real.fstat(fd, &st) == 0 && st.st_nlink == 0;
}

/* The channel's ring of this moment: mapping it does not keep it open. */
void *
sysfs_ring_mmap(struct guest_file *file, const struct map_request *req)
{
	struct conn_reply reply;
	bool writes = (req->prot & PROT_WRITE) && (req->flags & MAP_TYPE) != MAP_PRIVATE;
	void *addr = MAP_FAILED;
	struct stat st;
	int ret;

	if (removed(req->fd)) {
		errno = ENODEV;
		return MAP_FAILED;
	}
	ret = conn_path_request(GUEST_RING_OPEN, file->path, &reply);
	if (ret == 0 && reply.fd_count != 1)
		ret = -EPROTO;
	if (ret == 0 && real.fstat(reply.fds[0], &st) < 0)
		ret = -errno;
	if (ret == 0 && writes && (file->flags & O_ACCMODE) != O_RDWR)
		ret = -EACCES;
	if (ret == 0 && (req->offset < 0 || req->offset > st.st_size ||
			req->bytes > (uint64_t)(st.st_size - req->offset)))
		ret = -EINVAL;
	if (ret == 0) {
		guest_lock();
		addr = maps_replace(req, reply.fds[0], req->offset);
		ret = addr == MAP_FAILED ? -errno : 0;
		guest_unlock();
	}
	conn_reply_close(&reply);
	if (ret < 0)
		errno = ret == -ENOENT || ret == -EPIPE || ret == -ECONNREFUSED ? ENODEV : -ret;
	return addr;
}

/* ---- after exec ---- */

static void
adopt(int fd, const struct stat *st, const char *path)
{
	int marks, flags;

	if (S_ISDIR(st->st_mode)) {
		track(fd, FILE_DIR, O_RDONLY, path);
		return;
	}
	if (!S_ISREG(st->st_mode))
		return;
	marks = real.fcntl(fd, F_GETFL) & (O_APPEND | O_SYNC | O_PATH);
	flags = marks == MARK_READ_WRITE ? O_RDWR : O_RDONLY;
	if (marks == MARK_WRITE_ONLY || marks == O_PATH)
		flags = O_WRONLY;
	track(fd, is_ring(path) ? FILE_RING : FILE_ATTR, flags, path);
	if (fd == STDOUT_FILENO && flags != O_RDONLY)
		stream_stdout_replaced(true);
}

void
sysfs_adopt(void)
{
	char path[PATH_MAX];
	struct stat root, st;

	if (real.fstatat(AT_FDCWD, guest_root, &root, 0) < 0)
		return;
	for (int fd = 0; fd < ADOPT_FDS; fd++) {
		if (real.fstat(fd, &st) < 0)
			continue;
		if (S_ISSOCK(st.st_mode))
			uio_adopt(fd);
		else if (st.st_dev == root.st_dev && fd_path(fd, path) == 0)
			adopt(fd, &st, path);
	}
}
