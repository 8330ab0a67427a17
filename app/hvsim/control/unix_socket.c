/* SPDX-License-Identifier: BSD-3-Clause */

/* See unix_socket.h. A socket that nobody listens on any more is replaced. */

#include "unix_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define LISTEN_BACKLOG 16

/* Fills the address; *folder is a descriptor to close afterwards, or -1. */
static int
address_set(struct sockaddr_un *address, const char *path, int *folder)
{
	const char *slash = strrchr(path, '/');
	char *parent;
	int n;

	*folder = -1;
	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	if (*path == '\0')
		return -EINVAL;
	if (strlen(path) < sizeof(address->sun_path)) {
		memcpy(address->sun_path, path, strlen(path));
		return 0;
	}
	if (slash == NULL)
		return -ENAMETOOLONG;
	parent = strndup(path, (size_t)(slash - path) + 1);
	if (parent == NULL)
		return -ENOMEM;
	*folder = open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
	free(parent);
	if (*folder < 0)
		return -errno;
	n = snprintf(address->sun_path, sizeof(address->sun_path), "/proc/self/fd/%d/%s",
		*folder, slash + 1);
	if (n < (int)sizeof(address->sun_path))
		return 0;
	close(*folder);
	*folder = -1;
	return -ENAMETOOLONG;
}

static int
connect_address(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int ret;

	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0)
		return fd;
	ret = -errno;
	close(fd);
	return ret;
}

int
unix_connect(const char *path)
{
	struct sockaddr_un address;
	int folder;
	int ret = address_set(&address, path, &folder);

	if (ret == 0)
		ret = connect_address(&address);
	if (folder >= 0)
		close(folder);
	return ret;
}

static int
listen_address(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mode_t mask;
	int ret;

	if (fd < 0)
		return -errno;
	mask = umask(0077);
	ret = bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 ? -errno : 0;
	umask(mask);
	if (ret == 0 && listen(fd, LISTEN_BACKLOG) < 0)
		ret = -errno;
	if (ret == 0)
		return fd;
	close(fd);
	return ret;
}

/* True if there is a socket at the path, and nobody behind it. */
static int
stale(const struct sockaddr_un *address)
{
	struct stat st;
	int fd;

	if (lstat(address->sun_path, &st) < 0 || !S_ISSOCK(st.st_mode))
		return 0;
	fd = connect_address(address);
	if (fd >= 0)
		close(fd);
	return fd == -ECONNREFUSED;
}

int
unix_listen(const char *path)
{
	struct sockaddr_un address;
	int folder;
	int ret = address_set(&address, path, &folder);

	if (ret == 0) {
		ret = listen_address(&address);
		if (ret == -EADDRINUSE && stale(&address)) {
			unlink(address.sun_path);
			ret = listen_address(&address);
		}
	}
	if (folder >= 0)
		close(folder);
	return ret;
}
