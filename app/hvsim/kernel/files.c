/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Files and folders of the sysfs tree, each reached from the descriptor of a
 * folder above it. 0, a descriptor, or -errno.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"

#define DEPTH_MAX 16

int
tree_put(int dir_fd, const char *name, const char *text)
{
	int fd = openat(dir_fd, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	size_t bytes = strlen(text);
	struct stat st;
	int ret = 0;

	/* Read-only attributes are read-only for hvsim too, unless it is root. */
	if (fd < 0 && errno == EACCES && fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
			fchmodat(dir_fd, name, 0600, 0) == 0) {
		fd = openat(dir_fd, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
		fchmodat(dir_fd, name, st.st_mode & 07777, 0);
	}
	if (fd < 0)
		return -errno;
	if (pwrite(fd, text, bytes, 0) != (ssize_t)bytes || ftruncate(fd, (off_t)bytes) < 0)
		ret = errno != 0 ? -errno : -EIO;
	close(fd);
	return ret;
}

int
tree_file_add(int dir_fd, const char *name, mode_t mode, const char *text, off_t bytes)
{
	int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int ret = 0;

	if (fd < 0)
		return -errno;
	if (text != NULL ? write(fd, text, strlen(text)) != (ssize_t)strlen(text) :
			ftruncate(fd, bytes) < 0)
		ret = errno != 0 ? -errno : -EIO;
	if (fchmod(fd, mode) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

int
tree_file_addf(int dir_fd, const char *name, mode_t mode, const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return tree_file_add(dir_fd, name, mode, text, 0);
}

int
tree_dir_open(int dir_fd, const char *path)
{
	int fd = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* The mode is the kernel's, whatever umask hvsim was started with. */
int
tree_mkdir(int dir_fd, const char *name)
{
	if (mkdirat(dir_fd, name, 0755) < 0)
		return -errno;
	return fchmodat(dir_fd, name, 0755, 0) < 0 ? -errno : 0;
}

int
tree_dir_add(int dir_fd, const char *name)
{
	int ret = tree_mkdir(dir_fd, name);

	return ret < 0 && ret != -EEXIST ? ret : tree_dir_open(dir_fd, name);
}

int
tree_dirs_add(int root_fd, const char *path)
{
	char part[256];
	size_t length, all = strlen(path);
	int ret;

	if (all >= sizeof(part))
		return -ENAMETOOLONG;
	memcpy(part, path, all + 1);
	for (length = 1; length <= all; length++) {
		if (path[length] != '/' && path[length] != '\0')
			continue;
		part[length] = '\0';
		ret = tree_mkdir(root_fd, part);
		if (ret < 0 && ret != -EEXIST)
			return ret;
		part[length] = path[length];
	}
	return 0;
}

void
tree_remove_at(int dir_fd, const char *name, int depth)
{
	const struct dirent *entry;
	DIR *dir;
	int fd;

	if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT || depth > DEPTH_MAX)
		return;
	fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (dir == NULL) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			tree_remove_at(fd, entry->d_name, depth + 1);
	}
	closedir(dir);
	unlinkat(dir_fd, name, AT_REMOVEDIR);
}
