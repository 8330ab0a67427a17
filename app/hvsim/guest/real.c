/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of libc's own functions; see real.h. */

#include "real.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- raw forms, for the time before the table is filled ---- */

static int
raw_openat(int dirfd, const char *path, int flags, ...)
{
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = va_arg(ap, mode_t);
	va_end(ap);
	return (int)syscall(SYS_openat, dirfd, path, flags, mode);
}

static int
raw_close(int fd)
{
	return (int)syscall(SYS_close, fd);
}

static ssize_t
raw_read(int fd, void *buf, size_t bytes)
{
	return syscall(SYS_read, fd, buf, bytes);
}

static ssize_t
raw_write(int fd, const void *buf, size_t bytes)
{
	return syscall(SYS_write, fd, buf, bytes);
}

static void *
raw_mmap(void *addr, size_t bytes, int prot, int flags, int fd, off_t offset)
{
	long ret = syscall(SYS_mmap, addr, bytes, prot, flags, fd, offset);
	void *mapped;

	memcpy(&mapped, &ret, sizeof(mapped));
	return mapped;
}

static int
raw_munmap(void *addr, size_t bytes)
{
	return (int)syscall(SYS_munmap, addr, bytes);
}

static void *
raw_mremap(void *old_addr, size_t old_bytes, size_t new_bytes, int flags, ...)
{
	va_list ap;
	void *mapped, *new_addr;
	long ret;

	va_start(ap, flags);
	new_addr = va_arg(ap, void *);
	va_end(ap);
	ret = syscall(SYS_mremap, old_addr, old_bytes, new_bytes, flags, new_addr);
	memcpy(&mapped, &ret, sizeof(mapped));
	return mapped;
}

static int
raw_fstatat(int dirfd, const char *path, struct stat *st, int flags)
{
	return (int)syscall(SYS_newfstatat, dirfd, path, st, flags);
}

static int
raw_fstat(int fd, struct stat *st)
{
	return (int)syscall(SYS_fstat, fd, st);
}

static int
raw_faccessat(int dirfd, const char *path, int mode, int flags)
{
	(void)flags;
	return (int)syscall(SYS_faccessat, dirfd, path, mode);
}

static ssize_t
raw_readlinkat(int dirfd, const char *path, char *buf, size_t bytes)
{
	return syscall(SYS_readlinkat, dirfd, path, buf, bytes);
}

struct real_functions real = {
#define X(result, name, arguments) .name = raw_##name,
	REAL_EARLY(X)
#undef X
};

/* ---- the real ones ---- */

static const struct {
	const char *name;
	size_t offset;
} names[] = {
#define X(result, name, arguments) { #name, offsetof(struct real_functions, name) },
	REAL_EARLY(X)
	REAL_LATE(X)
#undef X
};

void
real_resolve(void)
{
	struct real_functions found = real;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		void *symbol = dlsym(RTLD_NEXT, names[i].name);

		if (symbol)
			memcpy((char *)&found + names[i].offset, &symbol, sizeof(symbol));
	}
	real = found;
}
