/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * inotify on the tree. sysfs says nothing through inotify when the kernel
 * changes it, so a watch is put on an empty private file of its own: it can be
 * added and removed, and stays silent.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guest.h"

#define WATCHES_MAX 256

static struct {
	dev_t dev;
	ino_t ino;
	int fd;         /* hidden */
} watches[WATCHES_MAX];
static unsigned int watch_count;

/* The silent file that stands for a file of the tree: the same for the same,
 * as watch descriptors are. The lock is held. Returns -errno on failure. */
static int
silent_file(const struct stat *st)
{
	int fd, ret;

	for (unsigned int i = 0; i < watch_count; i++)
		if (watches[i].dev == st->st_dev && watches[i].ino == st->st_ino)
			return watches[i].fd;
	if (watch_count == WATCHES_MAX)
		return -ENOSPC;
	fd = memfd_create("hvsim-watch", MFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = fds_hide(&watches[watch_count].fd, fd);
	if (ret < 0)
		return ret;
	watches[watch_count].dev = st->st_dev;
	watches[watch_count].ino = st->st_ino;
	return watches[watch_count++].fd;
}

int
watch_add(int inotify_fd, const struct guest_path *p, uint32_t mask)
{
	char link[32];
	struct stat st;
	int flags = mask & IN_DONT_FOLLOW ? AT_SYMLINK_NOFOLLOW : 0;
	int fd;

	if (p->kind == PATH_UIO) {
		st = (struct stat){ .st_ino = p->uio };
	} else {
		if (real.fstatat(AT_FDCWD, p->real, &st, flags) < 0)
			return -1;
		if ((mask & IN_ONLYDIR) && !S_ISDIR(st.st_mode)) {
			errno = ENOTDIR;
			return -1;
		}
	}
	guest_lock();
	fd = silent_file(&st);
	guest_unlock();
	if (fd < 0) {
		errno = -fd;
		return -1;
	}
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	return real.inotify_add_watch(inotify_fd, link, mask & ~(IN_ONLYDIR | IN_DONT_FOLLOW));
}
