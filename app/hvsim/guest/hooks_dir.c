/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The functions that programs call instead of libc's: folders and walks over
 * them. libc's walkers open what they find by themselves, so their start is
 * translated and the paths that they report are translated back.
 */

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest.h"

char *__getcwd_chk(char *buf, size_t bytes, size_t room);
void __chk_fail(void) __attribute__((noreturn));

/* ---- opendir ---- */

EXPORT DIR *
opendir(const char *path)
{
	int dirfd = AT_FDCWD, fd;
	struct guest_path p;
	const char *place = path_lookup(&dirfd, path, &p);
	DIR *dir;

	if (p.kind == PATH_UIO) {
		errno = ENOTDIR;
		return NULL;
	}
	if (p.kind == PATH_PLAIN)
		return real.opendir(place);
	/* By a descriptor that is known: openat() may start from it. */
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	dir = real.fdopendir(fd);
	if (!dir)
		close(fd);
	return dir;
}

EXPORT int
closedir(DIR *dir)
{
	if (guest_on())
		fds_set(dirfd(dir), NULL);
	return real.closedir(dir);
}

/* ---- scandir ---- */

static int
scandir_any(int dirfd, const char *path, struct dirent ***list, real_dirent_filter filter,
	real_dirent_compare compare)
{
	struct guest_path p;
	const char *place = path_lookup(&dirfd, path, &p);

	return real.scandirat(dirfd, place, list, filter, compare);
}

EXPORT int
scandir(const char *path, struct dirent ***list, real_dirent_filter filter,
	real_dirent_compare compare)
{
	return scandir_any(AT_FDCWD, path, list, filter, compare);
}

EXPORT int
scandirat(int dirfd, const char *path, struct dirent ***list, real_dirent_filter filter,
	real_dirent_compare compare)
{
	return scandir_any(dirfd, path, list, filter, compare);
}

/* Functions of 64-bit and of plain structures, which are the same. */
#define AS_TYPE(type, value) __extension__ ({ \
	type as_; \
	memcpy(&as_, &(value), sizeof(as_)); \
	as_; \
})

EXPORT int
scandir64(const char *path, struct dirent64 ***list, int (*filter)(const struct dirent64 *),
	int (*compare)(const struct dirent64 **, const struct dirent64 **))
{
	return scandir_any(AT_FDCWD, path, (struct dirent ***)(void *)list,
		AS_TYPE(real_dirent_filter, filter), AS_TYPE(real_dirent_compare, compare));
}

EXPORT int
scandirat64(int dirfd, const char *path, struct dirent64 ***list,
	int (*filter)(const struct dirent64 *),
	int (*compare)(const struct dirent64 **, const struct dirent64 **))
{
	return scandir_any(dirfd, path, (struct dirent ***)(void *)list,
		AS_TYPE(real_dirent_filter, filter), AS_TYPE(real_dirent_compare, compare));
}

/* ---- nftw and ftw: one walk at a time and thread ---- */

static __thread __nftw_func_t nftw_callback;
static __thread __ftw_func_t ftw_callback;

/* Returns how far the start of the name within the path moved. */
static size_t
reported_path(const char *path, char seen[PATH_MAX])
{
	size_t length = strlen(path);

	if (length >= PATH_MAX)
		length = PATH_MAX - 1;
	memcpy(seen, path, length);
	seen[length] = '\0';
	return path_map_back(seen) ? guest_root_len : 0;
}

static int
nftw_report(const char *path, const struct stat *st, int type, struct FTW *where)
{
	char seen[PATH_MAX];
	struct FTW moved = *where;

	moved.base -= (int)reported_path(path, seen);
	return nftw_callback(seen, st, type, &moved);
}

static int
ftw_report(const char *path, const struct stat *st, int type)
{
	char seen[PATH_MAX];

	reported_path(path, seen);
	return ftw_callback(seen, st, type);
}

EXPORT int
nftw(const char *path, __nftw_func_t callback, int descriptors, int flags)
{
	int dirfd = AT_FDCWD, ret;
	struct guest_path p;
	const char *place = path_lookup(&dirfd, path, &p);
	__nftw_func_t outer = nftw_callback;

	if (p.kind != PATH_TREE)
		return real.nftw(place, callback, descriptors, flags);
	nftw_callback = callback;
	ret = real.nftw(place, nftw_report, descriptors, flags);
	nftw_callback = outer;
	return ret;
}

EXPORT int
nftw64(const char *path, __nftw64_func_t callback, int descriptors, int flags)
{
	return nftw(path, AS_TYPE(__nftw_func_t, callback), descriptors, flags);
}

EXPORT int
ftw(const char *path, __ftw_func_t callback, int descriptors)
{
	int dirfd = AT_FDCWD, ret;
	struct guest_path p;
	const char *place = path_lookup(&dirfd, path, &p);
	__ftw_func_t outer = ftw_callback;

	if (p.kind != PATH_TREE)
		return real.ftw(place, callback, descriptors);
	ftw_callback = callback;
	ret = real.ftw(place, ftw_report, descriptors);
	ftw_callback = outer;
	return ret;
}

EXPORT int
ftw64(const char *path, __ftw64_func_t callback, int descriptors)
{
	return ftw(path, AS_TYPE(__ftw_func_t, callback), descriptors);
}

/* ---- glob: with this library's functions instead of libc's own ---- */

static void *
glob_opendir(const char *path)
{
	return opendir(path);
}

static struct dirent *
glob_readdir(void *dir)
{
	return readdir(dir);
}

static void
glob_closedir(void *dir)
{
	closedir(dir);
}

static int
glob_any(const char *pattern, int flags, int (*error)(const char *, int), glob_t *found)
{
	int ret;

	if (!guest_on() || (flags & GLOB_ALTDIRFUNC))
		return real.glob(pattern, flags, error, found);
	found->gl_opendir = glob_opendir;
	found->gl_readdir = glob_readdir;
	found->gl_closedir = glob_closedir;
	found->gl_stat = stat;
	found->gl_lstat = lstat;
	ret = real.glob(pattern, flags | GLOB_ALTDIRFUNC, error, found);
	found->gl_flags &= ~GLOB_ALTDIRFUNC;
	return ret;
}

EXPORT int
glob(const char *pattern, int flags, int (*error)(const char *, int), glob_t *found)
{
	return glob_any(pattern, flags, error, found);
}

static_assert(sizeof(glob_t) == sizeof(glob64_t), "one glob_t");

EXPORT int
glob64(const char *pattern, int flags, int (*error)(const char *, int), glob64_t *found)
{
	return glob_any(pattern, flags, error, (glob_t *)(void *)found);
}

/* ---- fts ---- */

/* fts keeps building paths in the entries that it returns: they are changed
 * for the program only, and put back before fts sees them again. */
static __thread struct {
	FTSENT *entry;
	char *path, *accpath;
	unsigned short length;
} fts_shown;

static void
fts_restore(void)
{
	if (!fts_shown.entry)
		return;
	fts_shown.entry->fts_path = fts_shown.path;
	fts_shown.entry->fts_accpath = fts_shown.accpath;
	fts_shown.entry->fts_pathlen = fts_shown.length;
	fts_shown.entry = NULL;
}

static FTSENT *
fts_show(FTSENT *entry)
{
	if (!entry || !guest_on() || strncmp(entry->fts_path, guest_root, guest_root_len) != 0 ||
			entry->fts_path[guest_root_len] != '/')
		return entry;
	fts_shown.entry = entry;
	fts_shown.path = entry->fts_path;
	fts_shown.accpath = entry->fts_accpath;
	fts_shown.length = entry->fts_pathlen;
	if (entry->fts_accpath == entry->fts_path)
		entry->fts_accpath += guest_root_len;
	entry->fts_path += guest_root_len;
	entry->fts_pathlen = (unsigned short)(entry->fts_pathlen - guest_root_len);
	return entry;
}

#define FTS_STARTS_MAX 64

EXPORT FTS *
fts_open(char *const *paths, int options, real_fts_compare compare)
{
	char *places[FTS_STARTS_MAX + 1] = { NULL };
	FTS *fts = NULL;
	int i;

	if (!guest_on())
		return real.fts_open(paths, options, compare);
	for (i = 0; paths[i] && i < FTS_STARTS_MAX; i++) {
		int dirfd = AT_FDCWD;
		struct guest_path p;
		const char *place = path_lookup(&dirfd, paths[i], &p);

		places[i] = strdup(place ? place : paths[i]);
		if (!places[i])
			break;
	}
	if (paths[i])
		errno = i == FTS_STARTS_MAX ? E2BIG : ENOMEM;
	else
		fts = real.fts_open(places, options, compare);
	for (i = 0; places[i]; i++)
		free(places[i]);
	return fts;
}

EXPORT FTSENT *
fts_read(FTS *fts)
{
	fts_restore();
	return fts_show(real.fts_read(fts));
}

EXPORT FTSENT *
fts_children(FTS *fts, int options)
{
	fts_restore();
	return real.fts_children(fts, options);
}

EXPORT int
fts_close(FTS *fts)
{
	fts_restore();
	return real.fts_close(fts);
}

/* The 64-bit forms have the same structures. */
static_assert(sizeof(FTS) == sizeof(FTS64) && sizeof(FTSENT) == sizeof(FTSENT64), "one fts");

EXPORT FTS64 *
fts64_open(char *const *paths, int options, int (*compare)(const FTSENT64 **, const FTSENT64 **))
{
	return (FTS64 *)(void *)fts_open(paths, options, AS_TYPE(real_fts_compare, compare));
}

EXPORT FTSENT64 *
fts64_read(FTS64 *fts)
{
	return (FTSENT64 *)(void *)fts_read((FTS *)(void *)fts);
}

EXPORT FTSENT64 *
fts64_children(FTS64 *fts, int options)
{
	return (FTSENT64 *)(void *)fts_children((FTS *)(void *)fts, options);
}

EXPORT int
fts64_close(FTS64 *fts)
{
	return fts_close((FTS *)(void *)fts);
}

/* ---- the working directory ---- */

EXPORT int
chdir(const char *path)
{
	int dirfd = AT_FDCWD, ret;
	struct guest_path p;
	const char *place = path_lookup(&dirfd, path, &p);

	ret = real.chdir(place);
	if (ret == 0 && guest_on())
		path_cwd_changed(&p);
	return ret;
}

EXPORT int
fchdir(int fd)
{
	struct guest_path p = { .kind = guest_on() && fds_special(fd) ? PATH_TREE : PATH_PLAIN };
	int ret = real.fchdir(fd);

	if (ret == 0 && guest_on())
		path_cwd_changed(&p);
	return ret;
}

EXPORT char *
getcwd(char *buf, size_t bytes)
{
	char whole[PATH_MAX];

	if (!guest_on())
		return real.getcwd(buf, bytes);
	if (!real.getcwd(whole, sizeof(whole)) || !path_map_back(whole))
		return real.getcwd(buf, bytes);
	if (!buf)
		return strdup(whole);
	if (strlen(whole) >= bytes) {
		errno = ERANGE;
		return NULL;
	}
	return strcpy(buf, whole);
}

EXPORT char *
__getcwd_chk(char *buf, size_t bytes, size_t room)
{
	if (bytes > room)
		__chk_fail();
	return getcwd(buf, bytes);
}

EXPORT char *
get_current_dir_name(void)
{
	char *path = real.get_current_dir_name();

	if (path && guest_on())
		path_map_back(path);
	return path;
}
