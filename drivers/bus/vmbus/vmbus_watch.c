/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Noticing that the host has taken a device away. From that moment its rings
 * are other people's memory, so this has a thread of its own, which does
 * nothing else: on EAL's interrupt thread it would wait for whatever callback
 * an application runs there.
 */

#include "vmbus_driver.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "vmbus_log.h"

#define WATCHED_MAX 256u

/* `life` guards starting and ending the thread, which takes `lock` alone. */
static struct {
	pthread_mutex_t life, lock;
	pthread_t thread;
	int epoll_fd, end_fd;
	struct vmbus_device *device[WATCHED_MAX];       /* under lock */
	unsigned int count;
} watch = {
	.life = PTHREAD_MUTEX_INITIALIZER, .lock = PTHREAD_MUTEX_INITIALIZER,
	.epoll_fd = -1, .end_fd = -1,
};

/* Where all cores poll, the thread would wait for its turn. Not allowed: then it
 * has to. */
static void
thread_hurry(pthread_t thread, bool hurry)
{
	const int policy = hurry ? SCHED_FIFO : SCHED_OTHER;
	const struct sched_param param = {
		.sched_priority = sched_get_priority_min(policy),
	};

	pthread_setschedparam(thread, policy, &param);
}

/* Either interrupts that a masked ring cannot raise, or the end. True: the end. */
static bool
device_event(struct vmbus_device *device)
{
	uint32_t count;

	if (vmbus_uio_events(device->fd, &count) != -EIO)
		return false;
	__atomic_store_n(&device->shared->gone, 1, __ATOMIC_SEQ_CST);
	/* The descriptor stays readable for ever: once is enough. */
	epoll_ctl(watch.epoll_fd, EPOLL_CTL_DEL, device->fd, NULL);
	/* What follows may spin for a lock whose holder we would keep from a core. */
	thread_hurry(pthread_self(), false);
	VMBUS_LOG(NOTICE, "%s: the host took the device away", device->name);
	device->removed(device);
	thread_hurry(pthread_self(), true);
	return true;
}

static int
slot_find(const struct vmbus_device *device)
{
	for (unsigned int i = 0; i < WATCHED_MAX; i++)
		if (watch.device[i] == device)
			return (int)i;
	return -ENOSPC;
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
		int n = epoll_wait(watch.epoll_fd, &event, 1, -1);
		bool end = false;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0 || event.data.ptr == NULL)
			return NULL;
		pthread_mutex_lock(&watch.lock);
		/* It may have been unwatched, and freed, since. */
		if (slot_find(event.data.ptr) >= 0)
			end = device_event(event.data.ptr);
		pthread_mutex_unlock(&watch.lock);
		if (!end)
			nanosleep(&pause, NULL);
	}
}

static void
thread_end(void)
{
	uint64_t one = 1;

	if (watch.thread != 0 && write(watch.end_fd, &one, sizeof(one)) == sizeof(one))
		pthread_join(watch.thread, NULL);
	watch.thread = 0;
	if (watch.end_fd >= 0)
		close(watch.end_fd);
	if (watch.epoll_fd >= 0)
		close(watch.epoll_fd);
	watch.end_fd = watch.epoll_fd = -1;
}

static int
thread_create(void)
{
	sigset_t all, before;
	cpu_set_t cpus;
	int ret;

	/* The application's signals are not for this thread. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	ret = pthread_create(&watch.thread, NULL, watch_loop, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (ret != 0) {
		watch.thread = 0;
		return -ret;
	}
	/* Whoever starts it may be bound to one busy core. */
	memset(&cpus, 0xff, sizeof(cpus));
	pthread_setaffinity_np(watch.thread, sizeof(cpus), &cpus);
	pthread_setname_np(watch.thread, "vmbus-watch");
	thread_hurry(watch.thread, true);
	return 0;
}

static int
thread_start(void)
{
	struct epoll_event end = { .events = EPOLLIN };
	int ret = 0;

	watch.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	watch.end_fd = eventfd(0, EFD_CLOEXEC);
	if (watch.epoll_fd < 0 || watch.end_fd < 0 ||
	    epoll_ctl(watch.epoll_fd, EPOLL_CTL_ADD, watch.end_fd, &end) < 0)
		ret = -errno;
	if (ret == 0)
		ret = thread_create();
	if (ret < 0)
		thread_end();
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

	pthread_mutex_lock(&watch.life);
	device->removed = removed;
	if (watch.count == 0)
		ret = thread_start();
	if (ret == 0) {
		ret = watch_add(device);
		if (ret == 0)
			watch.count++;
		else if (watch.count == 0)
			thread_end();
	}
	device->watched = ret == 0;
	pthread_mutex_unlock(&watch.life);
	return ret;
}

void
vmbus_device_unwatch(struct vmbus_device *device)
{
	int slot;

	pthread_mutex_lock(&watch.life);
	if (device->watched) {
		/* Waits for a handler that runs, which waits for nothing. */
		pthread_mutex_lock(&watch.lock);
		epoll_ctl(watch.epoll_fd, EPOLL_CTL_DEL, device->fd, NULL);
		slot = slot_find(device);
		if (slot >= 0)
			watch.device[slot] = NULL;
		pthread_mutex_unlock(&watch.lock);
		if (--watch.count == 0)
			thread_end();
	}
	device->watched = false;
	device->removed = NULL;
	pthread_mutex_unlock(&watch.life);
}
