/* SPDX-License-Identifier: BSD-3-Clause */

/* Mapped memory that the kernel takes back; see vmbus_guard.h. */

#include "vmbus_guard.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

struct window {
	uintptr_t start;        /* 0: free; what the handler goes by */
	uint64_t bytes;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct window windows[VMBUS_GUARD_MAX];  /* written under lock */
static unsigned int guarded;                    /* under lock */
static bool installed;                          /* under lock */
static uintptr_t page_bytes;
static uint64_t mended;                         /* atomic */
/* Whose SIGBUS was; written before ours is installed. */
static struct sigaction before;

bool
vmbus_guard_fault(const void *address)
{
	const uintptr_t at = (uintptr_t)address;
	const int saved = errno;
	void *page;

	for (unsigned int i = 0; i < VMBUS_GUARD_MAX; i++) {
		uintptr_t start = __atomic_load_n(&windows[i].start, __ATOMIC_ACQUIRE);

		if (start == 0 || at < start || at - start >= windows[i].bytes)
			continue;
		page = (void *)(at - at % page_bytes);
		page = mmap(page, page_bytes, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		errno = saved;
		__atomic_add_fetch(&mended, page != MAP_FAILED, __ATOMIC_RELAXED);
		return page != MAP_FAILED;
	}
	return false;
}

uint64_t
vmbus_guard_mended(void)
{
	return __atomic_load_n(&mended, __ATOMIC_RELAXED);
}

static void
on_sigbus(int signum, siginfo_t *info, void *context)
{
	/* Not what a process sent, nor memory that is broken. */
	if (info->si_code == BUS_ADRERR && vmbus_guard_fault(info->si_addr))
		return;
	if (before.sa_flags & SA_SIGINFO) {
		before.sa_sigaction(signum, info, context);
	} else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN) {
		before.sa_handler(signum);
	} else if (before.sa_handler == SIG_DFL || info->si_code > 0) {
		/* As if there were no handler: an access is tried again, and ends it. */
		signal(signum, SIG_DFL);
		if (info->si_code <= 0)
			raise(signum);
	}
}

static int
handler_install(void)
{
	struct sigaction ours = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO | SA_ONSTACK };

	if (installed)
		return 0;
	page_bytes = (uintptr_t)sysconf(_SC_PAGESIZE);
	sigemptyset(&ours.sa_mask);
	if (sigaction(SIGBUS, NULL, &before) < 0 || sigaction(SIGBUS, &ours, NULL) < 0)
		return -errno;
	installed = true;
	return 0;
}

/* Who took SIGBUS since may still pass on to us: then it stays as it is, or the
 * two would pass it on to each other for ever. */
static void
handler_remove(void)
{
	struct sigaction now;

	if (sigaction(SIGBUS, NULL, &now) == 0 && (now.sa_flags & SA_SIGINFO) &&
	    now.sa_sigaction == on_sigbus && sigaction(SIGBUS, &before, NULL) == 0)
		installed = false;
}

static struct window *
window_find(uintptr_t start)
{
	for (unsigned int i = 0; i < VMBUS_GUARD_MAX; i++)
		if (windows[i].start == start)
			return &windows[i];
	return NULL;
}

int
vmbus_guard_add(void *window, uint64_t bytes)
{
	struct window *free_one;
	int ret = 0;

	pthread_mutex_lock(&lock);
	free_one = window_find(0);
	if (free_one == NULL)
		ret = -ENOSPC;
	else if (guarded == 0)
		ret = handler_install();
	if (ret == 0) {
		free_one->bytes = bytes;
		__atomic_store_n(&free_one->start, (uintptr_t)window, __ATOMIC_RELEASE);
		guarded++;
	}
	pthread_mutex_unlock(&lock);
	return ret;
}

void
vmbus_guard_remove(void *window)
{
	struct window *found;

	pthread_mutex_lock(&lock);
	found = window != NULL ? window_find((uintptr_t)window) : NULL;
	if (found != NULL) {
		__atomic_store_n(&found->start, 0, __ATOMIC_RELEASE);
		if (--guarded == 0)
			handler_remove();
	}
	pthread_mutex_unlock(&lock);
}
