/* SPDX-License-Identifier: BSD-3-Clause */

/* See folder.h. Trees are removed through descriptors, so that no path is too
 * long. */

#include "folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../core/util.h"

#define TREE_DEPTH_MAX 32
/* 5 s in all. */
#define OLD_FOLDER_LOOKS 500u
#define OLD_FOLDER_LOOK_US 10000u

const char *
folder_candidate(unsigned int i)
{
	static char run_user[64];
	const char *candidates[5];
	unsigned int n = 0;

	snprintf(run_user, sizeof(run_user), "/run/user/%u", getuid());
	candidates[n++] = getenv("XDG_RUNTIME_DIR");
	candidates[n++] = run_user;
	candidates[n++] = "/dev/shm";
	candidates[n++] = getenv("TMPDIR");
	candidates[n++] = "/tmp";
	for (unsigned int k = 0; k < n; k++) {
		bool seen = candidates[k] == NULL || candidates[k][0] != '/';

		for (unsigned int j = 0; j < k && !seen; j++)
			seen = candidates[j] != NULL && strcmp(candidates[j], candidates[k]) == 0;
		if (!seen && i-- == 0)
			return candidates[k];
	}
	return NULL;
}

/* ---- removing ---- */

static void tree_empty(int folder_fd, int depth);

static void
entry_remove(int folder_fd, const char *name, int depth)
{
	int fd;

	if (unlinkat(folder_fd, name, 0) == 0 || (errno != EISDIR && errno != EPERM))
		return;
	fd = openat(folder_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0)
		tree_empty(fd, depth + 1);
	unlinkat(folder_fd, name, AT_REMOVEDIR);
}

/* Takes the descriptor. */
static void
tree_empty(int folder_fd, int depth)
{
	DIR *dir = depth < TREE_DEPTH_MAX ? fdopendir(folder_fd) : NULL;
	struct dirent *entry;

	if (dir == NULL) {
		close(folder_fd);
		return;
	}
	while ((entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			entry_remove(dirfd(dir), entry->d_name, depth);
	}
	closedir(dir);
}

/* Takes the folder's descriptor. The folder itself goes last: another hvsim that
 * is to have the same one waits for that. */
static void
remove_by(int folder_fd, const char *path, const char *extra)
{
	if (extra != NULL)
		unlink(extra);
	if (folder_fd >= 0)
		tree_empty(folder_fd, 0);
	rmdir(path);
}

static void
remove_all(const char *path, const char *extra)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	remove_by(fd, path, extra);
}

/* ---- the janitor ---- */

/* Closes all others from 3 on. */
static void
keep_two(int a, int b)
{
	unsigned int low = (unsigned int)HV_MIN(a, b), high = (unsigned int)HV_MAX(a, b);

	if (low > 3)
		close_range(3, low - 1, 0);
	if (high > low + 1)
		close_range(low + 1, high - 1, 0);
	close_range(high + 1, ~0u, 0);
}

/* folder_fd: the folder may go, and another hvsim make one of the same name. */
static void __attribute__((noreturn))
janitor_main(const struct folder *folder, int fd, int folder_fd)
{
	struct stat st;
	char byte;
	ssize_t n;
	int null;

	/* Out of the terminal's reach and of the caller's way. */
	setsid();
	prctl(PR_SET_NAME, "hvsim-janitor");
	fd = fcntl(fd, F_DUPFD, 3);
	folder_fd = fcntl(folder_fd, F_DUPFD, 3);
	null = open("/dev/null", O_RDWR);
	for (int i = 0; i < 3 && null >= 0; i++)
		dup2(null, i);
	keep_two(fd, folder_fd);
	if (chdir("/") < 0)
		_exit(1);
	do {
		n = read(fd, &byte, 1);
	} while (n > 0 || (n < 0 && errno == EINTR));
	/* A byte is never sent: the end means that hvsim has ended, or is
	 * ending and has removed everything itself. */
	if (fstat(folder_fd, &st) == 0 && st.st_nlink > 0)
		remove_by(folder_fd, folder->path, folder->extra);
	_exit(0);
}

static int
janitor_start(struct folder *folder)
{
	int folder_fd = open(folder->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int fds[2], ret = folder_fd < 0 ? -errno : 0;

	if (ret == 0 && pipe2(fds, O_CLOEXEC) < 0) {
		ret = -errno;
		close(folder_fd);
	}
	if (ret < 0)
		return ret;
	folder->janitor = fork();
	if (folder->janitor < 0) {
		ret = -errno;
		close(folder_fd);
		close(fds[0]);
		close(fds[1]);
		return ret;
	}
	if (folder->janitor == 0) {
		sigset_t all;

		sigfillset(&all);
		sigprocmask(SIG_SETMASK, &all, NULL);
		close(fds[1]);
		janitor_main(folder, fds[0], folder_fd);
	}
	close(folder_fd);
	close(fds[0]);
	folder->janitor_fd = fds[1];
	return 0;
}

/* ---- the folder ---- */

static char *
folder_make_in(const char *parent)
{
	char *path;

	if (asprintf(&path, "%s/hvsim-XXXXXX", parent) < 0)
		return NULL;
	if (mkdtemp(path) != NULL)
		return path;
	free(path);
	return NULL;
}

/* The name that the user gave. An hvsim before this one may have ended a moment
 * ago, and its folder be on its way out. */
static char *
folder_make_at(const char *path)
{
	for (unsigned int i = 0; mkdir(path, 0700) < 0; i++) {
		if (errno != EEXIST || i == OLD_FOLDER_LOOKS)
			return NULL;
		usleep(OLD_FOLDER_LOOK_US);
	}
	return strdup(path);
}

static char *
folder_make(void)
{
	const char *parent;
	char *path = NULL;

	errno = ENOENT;
	for (unsigned int i = 0; path == NULL && (parent = folder_candidate(i)) != NULL; i++)
		path = folder_make_in(parent);
	return path;
}

int
folder_create(struct folder *folder, const char *path, const char *extra)
{
	int ret;

	*folder = (struct folder) { .janitor_fd = -1 };
	folder->path = path != NULL ? folder_make_at(path) : folder_make();
	if (folder->path == NULL)
		return -errno;
	if (extra != NULL)
		folder->extra = strdup(extra);
	ret = extra != NULL && folder->extra == NULL ? -ENOMEM : janitor_start(folder);
	if (ret < 0)
		folder_remove(folder);
	return ret;
}

void
folder_remove(struct folder *folder)
{
	if (folder->path != NULL)
		remove_all(folder->path, folder->extra);
	if (folder->janitor_fd >= 0) {
		close(folder->janitor_fd);
		while (waitpid(folder->janitor, NULL, 0) < 0 && errno == EINTR)
			;
	}
	free(folder->path);
	free(folder->extra);
	*folder = (struct folder) { .janitor_fd = -1 };
}
