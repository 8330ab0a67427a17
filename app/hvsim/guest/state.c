/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Start, the lock, and fork. The first replaced function that a program calls
 * starts the library, be it before its constructor. Nothing is opened or
 * connected until the program touches something of hvsim's.
 */

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest.h"

enum { STATE_NEW, STATE_STARTING, STATE_OFF, STATE_ON };

char guest_root[PATH_MAX];
size_t guest_root_len;

static int state;                       /* atomic */
static __thread unsigned int inside;    /* this thread holds the lock, or starts */
static __thread sigset_t outer_signals;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Returns STATE_ON if HVSIM_DIR names a usable folder. */
static int
find_root(void)
{
	const char *dir = getenv("HVSIM_DIR");

	if (!dir || dir[0] == '\0' || !real.realpath || !real.realpath(dir, guest_root))
		return STATE_OFF;
	guest_root_len = strlen(guest_root);
	if (guest_root_len + sizeof("/root") > sizeof(guest_root))
		return STATE_OFF;
	memcpy(guest_root + guest_root_len, "/root", sizeof("/root"));
	guest_root_len += sizeof("/root") - 1;
	return STATE_ON;
}

static int
guest_start(void)
{
	int now = STATE_NEW;

	/* A sanitized program's runtime opens files before libc has its
	 * environment: that is too early to decide. */
	if (inside || environ == NULL)
		return STATE_OFF;
	if (!__atomic_compare_exchange_n(&state, &now, STATE_STARTING, false, __ATOMIC_ACQ_REL,
			__ATOMIC_ACQUIRE)) {
		while ((now = __atomic_load_n(&state, __ATOMIC_ACQUIRE)) == STATE_STARTING)
			sched_yield();
		return now;
	}
	inside = 1;
	real_resolve();
	now = find_root();
	if (now == STATE_ON)
		path_cwd_init();
	inside = 0;
	__atomic_store_n(&state, now, __ATOMIC_RELEASE);
	return now;
}

bool
guest_on(void)
{
	int now = __atomic_load_n(&state, __ATOMIC_ACQUIRE);

	if (now < STATE_OFF)
		now = guest_start();
	return now == STATE_ON && !inside;
}

void
guest_lock(void)
{
	sigset_t all, before;

	if (inside > 0) {
		inside++;
		return;
	}
	sigfillset(&all);
	/* Faults of this thread are not to be put off. */
	sigdelset(&all, SIGSEGV);
	sigdelset(&all, SIGBUS);
	sigdelset(&all, SIGILL);
	sigdelset(&all, SIGFPE);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	pthread_mutex_lock(&lock);
	outer_signals = before;
	inside = 1;
}

void
guest_unlock(void)
{
	sigset_t before = outer_signals;
	int saved = errno;

	if (--inside > 0)
		return;
	pthread_mutex_unlock(&lock);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	errno = saved;
}

int
guest_dir_open(void)
{
	char dir[PATH_MAX];
	size_t length = guest_root_len - (sizeof("/root") - 1);
	int fd;

	memcpy(dir, guest_root, length);
	dir[length] = '\0';
	fd = real.openat(AT_FDCWD, dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

void
guest_before_fork(void)
{
	guest_lock();
}

void
guest_after_fork_parent(void)
{
	guest_unlock();
}

void
guest_after_fork_child(void)
{
	bool told = maps_any_told();

	conn_forked(told);
	if (told)
		maps_forked();
	guest_unlock();
}

__attribute__((constructor)) static void
guest_constructor(void)
{
	if (!guest_on())
		return;
	pthread_atfork(guest_before_fork, guest_after_fork_parent, guest_after_fork_child);
	sysfs_adopt();
}
