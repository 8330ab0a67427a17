/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Noticing that the host has taken a device away. From that moment its rings
 * are other people's memory, so this has a thread of its own, which does
 * nothing else: on EAL's interrupt thread it would wait for whatever callback
 * an application runs there. Telling of it is a second thread's: a log that
 * blocks, or a lock that is held, must not keep the first from the next device.
 */

#include "vmbus_driver.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "vmbus_guard.h"
#include "vmbus_log.h"

#define WATCHED_MAX 256u

/* `life` guards starting and ending the threads; `lock` what they share; `telling`
 * is held while somebody is told, and taken before `lock`. */
static struct {
	pthread_mutex_t life, lock, telling;
	pthread_t thread, teller;
	int epoll_fd, end_fd, tell_fd;
	bool ending;                                    /* for the teller, under lock */
	struct vmbus_device *device[WATCHED_MAX];       /* under lock */
	bool untold[WATCHED_MAX];                       /* it is gone; under lock */
	unsigned int count;
} watch = {
	.life = PTHREAD_MUTEX_INITIALIZER, .telling = PTHREAD_MUTEX_INITIALIZER,
	.epoll_fd = -1, .end_fd = -1, .tell_fd = -1,
};

static pthread_once_t lock_once = PTHREAD_ONCE_INIT;

/* Whoever holds it hurries as long as the thread that hurries waits for it. */
static void
lock_create(void)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT);
	pthread_mutex_init(&watch.lock, &attr);
	pthread_mutexattr_destroy(&attr);
}

/* Where all cores poll, the thread would wait for its turn. Not allowed: then it
 * has to. */
static void
thread_hurry(pthread_t thread)
{
	const struct sched_param param = {
		.sched_priority = sched_get_priority_min(SCHED_FIFO),
	};

	pthread_setschedparam(thread, SCHED_FIFO, &param);
}

static void
wake(int fd)
{
	const uint64_t one = 1;

	while (write(fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

static int
slot_find(const struct vmbus_device *device)
{
	for (unsigned int i = 0; i < WATCHED_MAX; i++)
		if (watch.device[i] == device)
			return (int)i;
	return -ENOSPC;
}

/* ---- noticing ---- */

/* Either interrupts that a masked ring cannot raise, or the end. True: the end. */
static bool
device_event(struct vmbus_device *device, int slot)
{
	uint32_t count;

	if (vmbus_device_gone(device))
		return true;            /* somebody else was first */
	if (vmbus_uio_events(device->fd, &count) != -EIO)
		return false;
	__atomic_store_n(&device->shared->gone, 1, __ATOMIC_RELEASE);
	/* The descriptor stays readable for ever: once is enough. */
	epoll_ctl(watch.epoll_fd, EPOLL_CTL_DEL, device->fd, NULL);
	watch.untold[slot] = true;
	wake(watch.tell_fd);
	return true;
}

bool
vmbus_device_look(struct vmbus_device *device)
{
	bool end;
	int slot;

	pthread_once(&lock_once, lock_create);
	pthread_mutex_lock(&watch.lock);
	slot = slot_find(device);
	end = slot >= 0 && device_event(device, slot);
	pthread_mutex_unlock(&watch.lock);
	return end;
}

static void *
watch_loop(void *arg)
{
	/* Between events that are no end: a host that floods us with interrupts,
	 * masked as they are, must not get a core of ours. */
	const struct timespec pause = { .tv_nsec = 1000000 };
	struct epoll_event event;

	(void)arg;
	for (;;) {
		int slot, n = epoll_wait(watch.epoll_fd, &event, 1, -1);
		bool end = false;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0 || event.data.ptr == NULL)
			return NULL;
		pthread_mutex_lock(&watch.lock);
		/* It may have been unwatched, and freed, since. */
		slot = slot_find(event.data.ptr);
		if (slot >= 0)
			end = device_event(event.data.ptr, slot);
		pthread_mutex_unlock(&watch.lock);
		if (!end)
			nanosleep(&pause, NULL);
	}
}

/* ---- telling ---- */

/* The next device to tell of; NULL: none. */
static struct vmbus_device *
untold_take(bool *ending)
{
	struct vmbus_device *device = NULL;

	pthread_mutex_lock(&watch.lock);
	*ending = watch.ending;
	for (unsigned int i = 0; i < WATCHED_MAX && device == NULL; i++) {
		if (watch.untold[i])
			device = watch.device[i];
		watch.untold[i] = watch.untold[i] && device == NULL;
	}
	pthread_mutex_unlock(&watch.lock);
	return device;
}

static void
tell(struct vmbus_device *device)
{
	VMBUS_LOG(NOTICE, "%s: the host took the device away", device->name);
	VMBUS_LOG(DEBUG, "pages of rings that went under a burst, so far: %" PRIu64,
		vmbus_guard_mended());
	device->removed(device);
}

static void *
tell_loop(void *arg)
{
	struct vmbus_device *device;
	bool ending = false;
	uint64_t count;

	(void)arg;
	while (!ending) {
		if (read(watch.tell_fd, &count, sizeof(count)) < 0 && errno != EINTR)
			return NULL;
		/* Unwatching waits for this, so the device stays. */
		pthread_mutex_lock(&watch.telling);
		while ((device = untold_take(&ending)) != NULL)
			tell(device);
		pthread_mutex_unlock(&watch.telling);
	}
	return NULL;
}

/* ---- the threads ---- */

static void
close_all(void)
{
	int *const fds[] = { &watch.end_fd, &watch.tell_fd, &watch.epoll_fd };

	for (unsigned int i = 0; i < 3; i++) {
		if (*fds[i] >= 0)
			close(*fds[i]);
		*fds[i] = -1;
	}
}

static void
threads_end(void)
{
	if (watch.thread != 0) {
		wake(watch.end_fd);
		pthread_join(watch.thread, NULL);
	}
	if (watch.teller != 0) {
		pthread_mutex_lock(&watch.lock);
		watch.ending = true;
		pthread_mutex_unlock(&watch.lock);
		wake(watch.tell_fd);
		pthread_join(watch.teller, NULL);
	}
	watch.thread = watch.teller = 0;
	watch.ending = false;
	close_all();
}

static int
thread_create(pthread_t *thread, void *(*loop)(void *arg), const char *name)
{
	sigset_t all, before;
	cpu_set_t cpus;
	int ret;

	/* The application's signals are not for this thread. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	ret = pthread_create(thread, NULL, loop, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (ret != 0) {
		*thread = 0;
		return -ret;
	}
	/* Whoever starts it may be bound to one busy core. */
	memset(&cpus, 0xff, sizeof(cpus));
	pthread_setaffinity_np(*thread, sizeof(cpus), &cpus);
	pthread_setname_np(*thread, name);
	return 0;
}

static int
threads_start(void)
{
	struct epoll_event end = { .events = EPOLLIN };
	int ret = 0;

	watch.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	watch.end_fd = eventfd(0, EFD_CLOEXEC);
	watch.tell_fd = eventfd(0, EFD_CLOEXEC);
	if (watch.epoll_fd < 0 || watch.end_fd < 0 || watch.tell_fd < 0 ||
	    epoll_ctl(watch.epoll_fd, EPOLL_CTL_ADD, watch.end_fd, &end) < 0)
		ret = -errno;
	if (ret == 0)
		ret = thread_create(&watch.teller, tell_loop, "vmbus-tell");
	if (ret == 0)
		ret = thread_create(&watch.thread, watch_loop, "vmbus-watch");
	if (ret == 0)
		thread_hurry(watch.thread);
	else
		threads_end();
	return ret;
}

static int
watch_add(struct vmbus_device *device)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = device };
	int slot, ret = 0;

	pthread_mutex_lock(&watch.lock);
	slot = slot_find(NULL);
	if (slot >= 0 && epoll_ctl(watch.epoll_fd, EPOLL_CTL_ADD, device->fd, &event) < 0)
		ret = -errno;
	if (slot >= 0 && ret == 0)
		watch.device[slot] = device;
	pthread_mutex_unlock(&watch.lock);
	return slot < 0 ? slot : ret;
}

int
vmbus_device_watch(struct vmbus_device *device, void (*removed)(struct vmbus_device *device))
{
	int ret = 0;

	pthread_once(&lock_once, lock_create);
	pthread_mutex_lock(&watch.life);
	device->removed = removed;
	if (watch.count == 0)
		ret = threads_start();
	if (ret == 0) {
		ret = watch_add(device);
		if (ret == 0)
			watch.count++;
		else if (watch.count == 0)
			threads_end();
	}
	device->watched = ret == 0;
	pthread_mutex_unlock(&watch.life);
	return ret;
}

void
vmbus_device_unwatch(struct vmbus_device *device)
{
	bool untold = false;
	int slot;

	pthread_mutex_lock(&watch.life);
	if (device->watched) {
		pthread_mutex_lock(&watch.lock);
		epoll_ctl(watch.epoll_fd, EPOLL_CTL_DEL, device->fd, NULL);
		slot = slot_find(device);
		if (slot >= 0) {
			untold = watch.untold[slot];
			watch.device[slot] = NULL;
			watch.untold[slot] = false;
		}
		pthread_mutex_unlock(&watch.lock);
		/* Waits for a handler that runs, which waits for nothing. */
		pthread_mutex_lock(&watch.telling);
		if (untold)
			tell(device);
		pthread_mutex_unlock(&watch.telling);
		if (--watch.count == 0)
			threads_end();
	}
	device->watched = false;
	pthread_mutex_unlock(&watch.life);
}
