/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How a store into the monitor page can wake a sleeping hvsim: the page is
 * write-protected through a userfaultfd, which only a process itself can make
 * for its memory. hvsim does the protecting and reads the faults.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/userfaultfd.h>

#include "uffd.h"

/* The library interposes ioctl() and close(): these are not for it. */
static int
uffd_register(int fd, void *addr, size_t bytes)
{
	struct uffdio_api api = {
		.api = UFFD_API,
		.features = UFFD_FEATURE_WP_HUGETLBFS_SHMEM,
	};
	struct uffdio_register range = {
		.range = { .start = (uintptr_t)addr, .len = bytes },
		.mode = UFFDIO_REGISTER_MODE_WP,
	};

	if (syscall(SYS_ioctl, fd, UFFDIO_API, &api) < 0)
		return -errno;
	if (syscall(SYS_ioctl, fd, UFFDIO_REGISTER, &range) < 0)
		return -errno;
	return 0;
}

int
guest_uffd_register(void *addr, size_t bytes)
{
	int saved = errno;
	int fd, ret;

	/* Faults of user mode only: that is what an ordinary user may ask for. */
	fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY);
	ret = fd < 0 ? -errno : uffd_register(fd, addr, bytes);
	if (fd >= 0 && ret < 0)
		syscall(SYS_close, fd);
	errno = saved;
	return ret < 0 ? ret : fd;
}
