/* SPDX-License-Identifier: BSD-3-Clause */

/* A clock that only sleeping moves, in place of the real one (ld --wrap): what
 * the driver waits for in vain costs the fuzzer no time. */

#include <time.h>

int __wrap_clock_gettime(clockid_t id, struct timespec *now);
int __wrap_nanosleep(const struct timespec *time, struct timespec *left);

static struct timespec virtual_now = { .tv_sec = 1000 };

int
__wrap_clock_gettime(clockid_t id, struct timespec *now)
{
	(void)id;
	*now = virtual_now;
	return 0;
}

int
__wrap_nanosleep(const struct timespec *time, struct timespec *left)
{
	(void)left;
	virtual_now.tv_sec += time->tv_sec;
	virtual_now.tv_nsec += time->tv_nsec;
	if (virtual_now.tv_nsec >= 1000000000) {
		virtual_now.tv_nsec -= 1000000000;
		virtual_now.tv_sec++;
	}
	return 0;
}
