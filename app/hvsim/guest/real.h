/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HVSIM_GUEST_REAL_H
#define HVSIM_GUEST_REAL_H

/*
 * libc's functions behind the ones that this library replaces. real_resolve()
 * fills the table; until then the first group works through raw system calls,
 * because finding the others may itself allocate memory or open files.
 */

#include <dirent.h>
#include <fcntl.h>
#include <fts.h>
#include <ftw.h>
#include <glob.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/types.h>
#include <sys/uio.h>

struct map_request {
	void *addr;
	size_t bytes;
	int prot, flags, fd;
	off_t offset;
};

struct remap_request {
	void *old_addr, *new_addr;
	size_t old_bytes, new_bytes;
	int flags;
};

typedef int (*real_dirent_filter)(const struct dirent *);
typedef int (*real_dirent_compare)(const struct dirent **, const struct dirent **);
typedef int (*real_fts_compare)(const FTSENT **, const FTSENT **);

/* X(result, name, arguments): have a raw form. */
#define REAL_EARLY(X) \
	X(int, openat, (int, const char *, int, ...)) \
	X(int, close, (int)) \
	X(ssize_t, read, (int, void *, size_t)) \
	X(ssize_t, write, (int, const void *, size_t)) \
	X(void *, mmap, (void *, size_t, int, int, int, off_t)) \
	X(int, munmap, (void *, size_t)) \
	X(void *, mremap, (void *, size_t, size_t, int, ...)) \
	X(int, fstatat, (int, const char *, struct stat *, int)) \
	X(int, fstat, (int, struct stat *)) \
	X(int, faccessat, (int, const char *, int, int)) \
	X(ssize_t, readlinkat, (int, const char *, char *, size_t))

#define REAL_LATE(X) \
	X(ssize_t, readv, (int, const struct iovec *, int)) \
	X(ssize_t, writev, (int, const struct iovec *, int)) \
	X(ssize_t, pread, (int, void *, size_t, off_t)) \
	X(ssize_t, pwrite, (int, const void *, size_t, off_t)) \
	X(int, close_range, (unsigned int, unsigned int, int)) \
	X(int, dup, (int)) \
	X(int, dup2, (int, int)) \
	X(int, dup3, (int, int, int)) \
	X(int, fcntl, (int, int, ...)) \
	X(int, flock, (int, int)) \
	X(pid_t, fork, (void)) \
	X(pid_t, _Fork, (void)) \
	X(int, euidaccess, (const char *, int)) \
	X(int, statx, (int, const char *, int, unsigned int, struct statx *)) \
	X(int, statfs, (const char *, struct statfs *)) \
	X(char *, realpath, (const char *, char *)) \
	X(char *, getcwd, (char *, size_t)) \
	X(char *, get_current_dir_name, (void)) \
	X(int, chdir, (const char *)) \
	X(int, fchdir, (int)) \
	X(ssize_t, getxattr, (const char *, const char *, void *, size_t)) \
	X(ssize_t, lgetxattr, (const char *, const char *, void *, size_t)) \
	X(ssize_t, listxattr, (const char *, char *, size_t)) \
	X(ssize_t, llistxattr, (const char *, char *, size_t)) \
	X(FILE *, fopen, (const char *, const char *)) \
	X(FILE *, freopen, (const char *, const char *, FILE *)) \
	X(FILE *, fdopen, (int, const char *)) \
	X(int, fclose, (FILE *)) \
	X(int, fileno, (FILE *)) \
	X(DIR *, opendir, (const char *)) \
	X(DIR *, fdopendir, (int)) \
	X(int, closedir, (DIR *)) \
	X(int, scandirat, (int, const char *, struct dirent ***, real_dirent_filter, \
		real_dirent_compare)) \
	X(int, nftw, (const char *, __nftw_func_t, int, int)) \
	X(int, ftw, (const char *, __ftw_func_t, int)) \
	X(int, glob, (const char *, int, int (*)(const char *, int), glob_t *)) \
	X(FTS *, fts_open, (char *const *, int, real_fts_compare)) \
	X(FTSENT *, fts_read, (FTS *)) \
	X(FTSENT *, fts_children, (FTS *, int)) \
	X(int, fts_close, (FTS *)) \
	X(int, inotify_add_watch, (int, const char *, uint32_t)) \
	X(ssize_t, sendfile, (int, int, off_t *, size_t)) \
	X(ssize_t, copy_file_range, (int, off_t *, int, off_t *, size_t, unsigned int)) \
	X(ssize_t, splice, (int, off_t *, int, off_t *, size_t, unsigned int))

struct real_functions {
#define X(result, name, arguments) result (*name) arguments;
	REAL_EARLY(X)
	REAL_LATE(X)
#undef X
};

extern struct real_functions real;

/* Functions that this libc lacks stay NULL or raw. */
void real_resolve(void);

#endif /* HVSIM_GUEST_REAL_H */
