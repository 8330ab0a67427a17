/* SPDX-License-Identifier: BSD-3-Clause */
/* The functions that programs call instead of libc's: memory and processes. */

#include <errno.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guest.h"

EXPORT void *
mmap(void *addr, size_t bytes, int prot, int flags, int fd, off_t offset)
{
	struct map_request req = {
		.addr = addr, .bytes = bytes, .prot = prot, .flags = flags, .fd = fd,
		.offset = offset,
	};

	/* Nearly all calls: private anonymous memory where the kernel likes. */
	if (!guest_on() || (fd < 0 && !(flags & MAP_FIXED)))
		return real.mmap(addr, bytes, prot, flags, fd, offset);
	return maps_mmap(&req);
}

EXPORT void *
mmap64(void *addr, size_t bytes, int prot, int flags, int fd, off64_t offset)
{
	return mmap(addr, bytes, prot, flags, fd, offset);
}

EXPORT int
munmap(void *addr, size_t bytes)
{
	return guest_on() ? maps_munmap(addr, bytes) : real.munmap(addr, bytes);
}

EXPORT void *
mremap(void *old_addr, size_t old_bytes, size_t new_bytes, int flags, ...)
{
	struct remap_request req = {
		.old_addr = old_addr, .old_bytes = old_bytes, .new_bytes = new_bytes,
		.flags = flags,
	};

	if (flags & MREMAP_FIXED) {
		va_list ap;

		va_start(ap, flags);
		req.new_addr = va_arg(ap, void *);
		va_end(ap);
	}
	if (!guest_on())
		return real.mremap(old_addr, old_bytes, new_bytes, flags, req.new_addr);
	return maps_mremap(&req);
}

/* A vfork() child runs on its parent's memory, and with it on this library's
 * tables, while its descriptors are its own. fork() is always a good vfork(). */
EXPORT pid_t
vfork(void)
{
	return fork();
}

EXPORT pid_t
_Fork(void)
{
	pid_t pid;

	if (!guest_on())
		return real._Fork ? real._Fork() : fork();
	if (!real._Fork)
		return fork();
	guest_before_fork();
	pid = real._Fork();
	if (pid == 0)
		guest_after_fork_child();
	else
		guest_after_fork_parent();
	return pid;
}
