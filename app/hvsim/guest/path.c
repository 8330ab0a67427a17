/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which paths are hvsim's. Paths are made absolute and normalised up to the
 * folder that hvsim serves; from there on the tree on disk resolves them as
 * the kernel would, ".." behind symlinks included.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "guest.h"

static const char *const served[] = {
	GUEST_SYSFS_VMBUS, GUEST_SYSFS_UIO, GUEST_SYSFS_DEVICES,
};
#define SERVED_COUNT (sizeof(served) / sizeof(served[0]))

/* The working directory as the program sees it where that matters, or "". */
static char cwd[GUEST_PATH_MAX];
static uint32_t cwd_length;             /* atomic; 0: an ordinary one */

/* ---- cheap tests ---- */

static bool
absolute_interesting(const char *path)
{
	if (path[1] == 's')
		return strncmp(path, "/sys", 4) == 0;
	if (path[1] == 'd')
		return strncmp(path, "/dev", 4) == 0;
	if (path[1] == '/' || path[1] == '.' || path[1] == '\0')
		return true;
	return false;
}

static bool
path_interesting(int dirfd, const char *path)
{
	if (path[0] == '/')
		return absolute_interesting(path) || strstr(path, "/..") != NULL;
	if (dirfd != AT_FDCWD && fds_special(dirfd))
		return true;
	if (dirfd == AT_FDCWD && __atomic_load_n(&cwd_length, __ATOMIC_ACQUIRE) > 0)
		return true;
	return path[0] == '.' && path[1] == '.' &&
		(strstr(path, "sys/") || strstr(path, "dev/uio"));
}

/* ---- normalising ---- */

/* True if path equals the folder or lies below it. */
static bool
path_below(const char *path, const char *folder)
{
	size_t length = strlen(folder);

	return strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

static const char *
served_by(const char *path)
{
	for (size_t i = 0; i < SERVED_COUNT; i++)
		if (path_below(path, served[i]))
			return served[i];
	return NULL;
}

static bool
path_above(const char *path)
{
	size_t length = strlen(path);

	if (length <= 1 || strcmp(path, "/dev") == 0)
		return true;
	for (size_t i = 0; i < SERVED_COUNT; i++)
		if (strncmp(served[i], path, length) == 0 && served[i][length] == '/')
			return true;
	return false;
}

/* Where the walk over a path stands. */
struct walk {
	char *out;
	size_t length;
	const char *folder;     /* the served folder that was reached first */
	const char *rest;       /* of the input, then */
};

static int
walk_push(struct walk *walk, const char *name, size_t bytes)
{
	if (bytes == 0 || (bytes == 1 && name[0] == '.'))
		return 0;
	if (bytes == 2 && name[0] == '.' && name[1] == '.') {
		while (walk->length > 0 && walk->out[--walk->length] != '/')
			;
		walk->out[walk->length] = '\0';
		return 0;
	}
	if (walk->length + bytes + 2 > PATH_MAX)
		return -ENAMETOOLONG;
	walk->out[walk->length++] = '/';
	memcpy(walk->out + walk->length, name, bytes);
	walk->length += bytes;
	walk->out[walk->length] = '\0';
	return 0;
}

/* Appends path to out component by component. */
static int
walk_path(struct walk *walk, const char *path)
{
	while (*path) {
		size_t bytes = strcspn(path, "/");
		int ret = walk_push(walk, path, bytes);

		if (ret < 0)
			return ret;
		path += bytes;
		if (bytes > 0 && !walk->folder) {
			walk->folder = served_by(walk->out);
			walk->rest = path;
		}
		while (*path == '/')
			path++;
	}
	return 0;
}

/* The path of the folder that a relative path starts from. Returns 0, or
 * -ENOENT if it is an ordinary one. */
static int
path_base(int dirfd, const char *path, char *base)
{
	struct guest_file *file;
	int ret = -ENOENT;

	if (dirfd == AT_FDCWD) {
		guest_lock();
		strcpy(base, cwd);
		guest_unlock();
		if (base[0] == '\0' && path[0] == '.' && real.getcwd(base, GUEST_PATH_MAX))
			return 0;
		return base[0] != '\0' ? 0 : -ENOENT;
	}
	file = fds_get(dirfd);
	if (file && file->kind == FILE_DIR) {
		strcpy(base, file->path);
		ret = 0;
	}
	if (file)
		fds_put(file);
	return ret;
}

/* ---- kinds ---- */

static bool
uio_number(const char *path, uint32_t *number)
{
	static const char prefix[] = "/dev/uio";
	const char *p = path + sizeof(prefix) - 1;
	uint32_t value = 0;

	if (strncmp(path, prefix, sizeof(prefix) - 1) != 0 || *p == '\0')
		return false;
	for (; *p; p++) {
		if (*p < '0' || *p > '9' || value > 99999)
			return false;
		value = value * 10 + (uint32_t)(*p - '0');
	}
	*number = value;
	return true;
}

bool
path_uio_exists(uint32_t number)
{
	char link[PATH_MAX], target[2];
	ssize_t bytes;

	if (snprintf(link, sizeof(link), "%s" GUEST_SYSFS_UIO "/uio%u", guest_root, number) >=
			(int)sizeof(link))
		return false;
	/* Links to the machine's own devices lead out of the tree. */
	bytes = real.readlinkat(AT_FDCWD, link, target, sizeof(target));
	if (bytes < 0)
		return errno == EINVAL;
	return bytes > 0 && target[0] != '/';
}

/* A path that does not fit becomes one that nothing can be at. */
static void
real_join(struct guest_path *p, const char *virt, const char *rest)
{
	if (snprintf(p->real, sizeof(p->real), "%s%s%s", guest_root, virt, rest) >=
			(int)sizeof(p->real))
		strcpy(p->real, "/dev/null/path-too-long");
}

/* Looks whether the path lies in the tree, and where there. */
static void
tree_place(struct guest_path *p, const struct walk *walk, bool slash)
{
	struct stat st;

	/* ".." within the tree is the tree's own business, if that leads anywhere. */
	if (walk->folder && strstr(walk->rest, "..")) {
		real_join(p, walk->folder, walk->rest);
		if (real.fstatat(AT_FDCWD, p->real, &st, AT_SYMLINK_NOFOLLOW) == 0) {
			p->kind = PATH_TREE;
			return;
		}
	}
	if (!served_by(p->virt))
		return;
	p->kind = PATH_TREE;
	real_join(p, p->virt, slash ? "/" : "");
}

/* Fills in the kind; returns the absolute path to use. */
static const char *
path_classify(struct guest_path *p, const struct walk *walk, const char *path)
{
	size_t length = strlen(path);
	bool slash = path[length - 1] == '/' ||
		(length > 1 && path[length - 1] == '.' && path[length - 2] == '/');

	if (walk->length == 0)
		strcpy(p->virt, "/");
	tree_place(p, walk, slash);
	if (p->kind == PATH_TREE)
		return p->real;
	if (!slash && uio_number(p->virt, &p->uio) && path_uio_exists(p->uio)) {
		p->kind = PATH_UIO;
		return p->virt;
	}
	if (!path_above(p->virt))
		return p->virt;
	p->kind = PATH_ABOVE;
	/* A machine without ACPI lacks the folders above the devices. */
	if (real.faccessat(AT_FDCWD, p->virt, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return p->virt;
	p->kind = PATH_TREE;
	real_join(p, p->virt, "");
	return p->real;
}

/* Where the folder really is: in the tree, or where it says. */
static bool
base_in_tree(const char *base)
{
	return served_by(base) ||
		real.faccessat(AT_FDCWD, base, F_OK, AT_SYMLINK_NOFOLLOW) < 0;
}

const char *
path_lookup(int *dirfd, const char *path, struct guest_path *p)
{
	struct walk walk = { .out = p->virt };
	char base[GUEST_PATH_MAX];
	const char *place;

	p->kind = PATH_PLAIN;
	if (!path || path[0] == '\0' || !guest_on() || !path_interesting(*dirfd, path))
		return path;
	p->virt[0] = '\0';
	if (path[0] != '/') {
		if (path_base(*dirfd, path, base) < 0)
			return path;
		if (walk_path(&walk, base) < 0)
			return path;
	}
	if (walk_path(&walk, path) < 0)
		return path;
	/* A base has no links in it, and with them no meaning of "..". */
	if (path[0] != '/')
		walk.folder = NULL;
	place = path_classify(p, &walk, path);
	if (p->kind == PATH_TREE)
		return place;
	/* Relative, out of the tree: only its absolute form means what was meant. */
	return path[0] != '/' && base_in_tree(base) ? place : path;
}

bool
path_map_back(char *path)
{
	if (!path_below(path, guest_root))
		return false;
	memmove(path, path + guest_root_len, strlen(path + guest_root_len) + 1);
	if (path[0] == '\0')
		strcpy(path, "/");
	return true;
}

/* ---- the working directory ---- */

static void
cwd_set(const char *path)
{
	size_t length = strlen(path);

	if (length >= sizeof(cwd))
		length = 0;
	memcpy(cwd, path, length);
	cwd[length] = '\0';
	__atomic_store_n(&cwd_length, length, __ATOMIC_RELEASE);
}

void
path_cwd_init(void)
{
	char now[PATH_MAX];

	if (real.getcwd && real.getcwd(now, sizeof(now)) && (path_map_back(now) || path_above(now)))
		cwd_set(now);
	else
		cwd_set("");
}

void
path_cwd_changed(const struct guest_path *p)
{
	guest_lock();
	if (p->kind == PATH_PLAIN)
		cwd_set("");
	else
		path_cwd_init();
	guest_unlock();
}
