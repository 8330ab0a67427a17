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

static void
remove_all(const char *path, const char *extra)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd >= 0)
		tree_empty(fd, 0);
	rmdir(path);
	if (extra != NULL)
		unlink(extra);
}

/* ---- the janitor ---- */

static void __attribute__((noreturn))
janitor_main(const struct folder *folder, int fd)
{
	char byte;
	ssize_t n;
	int null;

	/* Out of the terminal's reach and of the caller's way. */
	setsid();
	prctl(PR_SET_NAME, "hvsim-janitor");
	if (fd != 3) {
		dup2(fd, 3);
		fd = 3;
	}
	null = open("/dev/null", O_RDWR);
	for (int i = 0; i < 3 && null >= 0; i++)
		dup2(null, i);
	close_range(4, ~0u, 0);
	if (chdir("/") < 0)
		_exit(1);
	do {
		n = read(fd, &byte, 1);
	} while (n > 0 || (n < 0 && errno == EINTR));
	/* A byte is never sent: the end means that hvsim has ended, or is
	 * ending and has removed everything itself. */
	if (access(folder->path, F_OK) == 0)
		remove_all(folder->path, folder->extra);
	_exit(0);
}

static int
janitor_start(struct folder *folder)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	folder->janitor = fork();
	if (folder->janitor < 0) {
		int ret = -errno;

		close(fds[0]);
		close(fds[1]);
		return ret;
	}
	if (folder->janitor == 0) {
		sigset_t all;

		sigfillset(&all);
		sigprocmask(SIG_SETMASK, &all, NULL);
		close(fds[1]);
		janitor_main(folder, fds[0]);
	}
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

int
folder_create(struct folder *folder, const char *extra)
{
	const char *parent;
	int ret;

	*folder = (struct folder) { .janitor_fd = -1 };
	for (unsigned int i = 0; (parent = folder_candidate(i)) != NULL; i++) {
		folder->path = folder_make_in(parent);
		if (folder->path != NULL)
			break;
	}
	if (folder->path == NULL)
		return errno != 0 ? -errno : -ENOENT;
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
