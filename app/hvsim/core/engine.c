/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The event loop (engine.h is its contract). While there is work a round runs
 * every poller once and looks at descriptors every now and then; after
 * IDLE_SPIN_NS without work it goes to sleep in epoll.
 */

#include "engine.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "util.h"

/* How long to look for work before sleeping: longer than a guest on the other
 * core takes to answer, far shorter than what a user would notice. */
#define IDLE_SPIN_NS 50000u
/* How often a busy round looks at descriptors. */
#define FD_CHECK_NS 50000u
#define EVENTS_PER_WAIT 32

struct fd_entry {
	engine_fd_cb cb;
	void *arg;
	uint32_t generation;    /* events of an earlier registration are stale */
	bool used;
};

static struct {
	int epoll_fd;
	enum engine_poll_mode mode;
	bool stopping;
	bool kicked;
	int status;
	uint64_t now_ns;
	uint64_t fd_checked_ns;
	uint64_t last_work_ns;
	struct fd_entry *fds;
	unsigned int fd_count;
	struct engine_timer *timers;            /* by time */
	struct engine_poller *pollers;
	struct engine_poller *cursor;           /* next poller of the walk under way */
	struct engine_load load;
	uint64_t load_start_cycles;
} engine = { .epoll_fd = -1 };

/* ---- clocks ---- */

static inline uint64_t
cycles_now(void)
{
#if defined(__x86_64__)
	return __builtin_ia32_rdtsc();
#else
	return engine_clock_ns();
#endif
}

uint64_t
engine_clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

uint64_t
engine_now_ns(void)
{
	return engine.now_ns;
}

/* ---- set-up ---- */

/* Adds one "N" or "N-M" to the set. */
static int
cpus_add(const char *text, char **end, cpu_set_t *set)
{
	unsigned long first = strtoul(text, end, 10), last = first;

	if (*end == text)
		return -EINVAL;
	if (**end == '-') {
		const char *second = *end + 1;

		last = strtoul(second, end, 10);
		if (*end == second)
			return -EINVAL;
	}
	if (first > last || last >= CPU_SETSIZE)
		return -EINVAL;
	for (unsigned long cpu = first; cpu <= last; cpu++)
		CPU_SET(cpu, set);
	return 0;
}

static int
cpus_pin(const char *cpus)
{
	cpu_set_t set;
	char *end;

	CPU_ZERO(&set);
	for (;;) {
		int ret = cpus_add(cpus, &end, &set);

		if (ret < 0)
			return ret;
		if (*end == '\0')
			break;
		if (*end != ',')
			return -EINVAL;
		cpus = end + 1;
	}
	return sched_setaffinity(0, sizeof(set), &set) < 0 ? -errno : 0;
}

int
engine_init(enum engine_poll_mode mode, const char *cpus)
{
	if (cpus != NULL && *cpus != '\0') {
		int ret = cpus_pin(cpus);

		if (ret < 0)
			return ret;
	}
	engine.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (engine.epoll_fd < 0)
		return -errno;
	engine.mode = mode;
	engine.stopping = false;
	engine.kicked = false;
	engine.status = 0;
	engine.now_ns = engine_clock_ns();
	engine.last_work_ns = engine.now_ns;
	engine.load_start_cycles = cycles_now();
	memset(&engine.load, 0, sizeof(engine.load));
	return 0;
}

void
engine_fini(void)
{
	if (engine.epoll_fd >= 0)
		close(engine.epoll_fd);
	free(engine.fds);
	memset(&engine, 0, sizeof(engine));
	engine.epoll_fd = -1;
}

void
engine_stop(int status)
{
	if (!engine.stopping)
		engine.status = status;
	engine.stopping = true;
}

bool
engine_stopping(void)
{
	return engine.stopping;
}

/* ---- descriptors ---- */

static int
fds_grow(unsigned int count)
{
	struct fd_entry *fds;

	if (count <= engine.fd_count)
		return 0;
	count = HV_MAX(count, engine.fd_count * 2 + 64);
	fds = realloc(engine.fds, count * sizeof(*fds));
	if (fds == NULL)
		return -ENOMEM;
	memset(fds + engine.fd_count, 0, (count - engine.fd_count) * sizeof(*fds));
	engine.fds = fds;
	engine.fd_count = count;
	return 0;
}

static struct epoll_event
fd_event(int fd, uint32_t events)
{
	struct epoll_event event = {
		.events = events,
		.data.u64 = (uint64_t)engine.fds[fd].generation << 32 | (uint32_t)fd,
	};

	return event;
}

int
engine_fd_add(int fd, uint32_t events, engine_fd_cb cb, void *arg)
{
	struct epoll_event event;
	int ret;

	if (fd < 0)
		return -EBADF;
	ret = fds_grow((unsigned int)fd + 1);
	if (ret < 0)
		return ret;
	if (engine.fds[fd].used)
		return -EEXIST;
	engine.fds[fd].generation++;
	event = fd_event(fd, events);
	if (epoll_ctl(engine.epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
		return -errno;
	engine.fds[fd].cb = cb;
	engine.fds[fd].arg = arg;
	engine.fds[fd].used = true;
	return 0;
}

int
engine_fd_modify(int fd, uint32_t events)
{
	struct epoll_event event;

	if (fd < 0 || (unsigned int)fd >= engine.fd_count || !engine.fds[fd].used)
		return -ENOENT;
	event = fd_event(fd, events);
	return epoll_ctl(engine.epoll_fd, EPOLL_CTL_MOD, fd, &event) < 0 ? -errno : 0;
}

void
engine_fd_remove(int fd)
{
	if (fd < 0 || (unsigned int)fd >= engine.fd_count || !engine.fds[fd].used)
		return;
	epoll_ctl(engine.epoll_fd, EPOLL_CTL_DEL, fd, NULL);
	engine.fds[fd].used = false;
}

/* Waits at most timeout_ns for descriptors and runs their callbacks. */
static unsigned int
fds_wait(uint64_t timeout_ns)
{
	struct epoll_event events[EVENTS_PER_WAIT];
	struct timespec timeout = {
		.tv_sec = (time_t)(timeout_ns / 1000000000u),
		.tv_nsec = (long)(timeout_ns % 1000000000u),
	};
	int n = epoll_pwait2(engine.epoll_fd, events, EVENTS_PER_WAIT, &timeout, NULL);

	if (n < 0 && errno == ENOSYS)   /* before Linux 5.11: whole milliseconds */
		n = epoll_wait(engine.epoll_fd, events, EVENTS_PER_WAIT,
			(int)HV_MIN(timeout_ns / 1000000u, 1000u));
	engine.now_ns = engine_clock_ns();
	engine.fd_checked_ns = engine.now_ns;
	for (int i = 0; i < n; i++) {
		uint32_t fd = (uint32_t)events[i].data.u64;
		const struct fd_entry *entry = &engine.fds[fd];

		if (entry->used && entry->generation == events[i].data.u64 >> 32)
			entry->cb(entry->arg, events[i].events);
	}
	return n > 0 ? (unsigned int)n : 0;
}

/* ---- timers ---- */

void
engine_timer_cancel(struct engine_timer *timer)
{
	struct engine_timer **link;

	if (!timer->armed)
		return;
	for (link = &engine.timers; *link != NULL; link = &(*link)->next) {
		if (*link == timer) {
			*link = timer->next;
			break;
		}
	}
	timer->armed = false;
}

void
engine_timer_arm(struct engine_timer *timer, uint64_t at_ns, void (*cb)(void *arg), void *arg)
{
	struct engine_timer **link = &engine.timers;

	engine_timer_cancel(timer);
	while (*link != NULL && (*link)->at_ns <= at_ns)
		link = &(*link)->next;
	*timer = (struct engine_timer) {
		.cb = cb, .arg = arg, .at_ns = at_ns, .next = *link, .armed = true,
	};
	*link = timer;
}

/* Runs what is due at the start of the call: a timer that re-arms itself for
 * now waits for the next round. */
static unsigned int
timers_run(void)
{
	uint64_t now = engine.now_ns;
	unsigned int done = 0;

	while (engine.timers != NULL && engine.timers->at_ns <= now && done < 1024) {
		struct engine_timer *timer = engine.timers;

		engine.timers = timer->next;
		timer->armed = false;
		timer->cb(timer->arg);
		done++;
	}
	return done;
}

/* ---- pollers ---- */

void
engine_poller_add(struct engine_poller *poller)
{
	if (poller->registered)
		return;
	poller->prev = NULL;
	poller->next = engine.pollers;
	if (engine.pollers != NULL)
		engine.pollers->prev = poller;
	engine.pollers = poller;
	poller->registered = true;
	engine_kick();
}

void
engine_poller_remove(struct engine_poller *poller)
{
	if (!poller->registered)
		return;
	if (engine.cursor == poller)
		engine.cursor = poller->next;
	if (poller->prev != NULL)
		poller->prev->next = poller->next;
	else
		engine.pollers = poller->next;
	if (poller->next != NULL)
		poller->next->prev = poller->prev;
	poller->registered = false;
}

void
engine_kick(void)
{
	engine.kicked = true;
}

static unsigned int
pollers_run(void)
{
	unsigned int work = 0;

	for (engine.cursor = engine.pollers; engine.cursor != NULL;) {
		struct engine_poller *poller = engine.cursor;

		engine.cursor = poller->next;
		work += poller->poll(poller->arg);
	}
	return work;
}

/* Wakes the pollers from the first up to, but without, `end`. */
static void
pollers_wake(const struct engine_poller *end)
{
	for (engine.cursor = engine.pollers; engine.cursor != end && engine.cursor != NULL;) {
		struct engine_poller *poller = engine.cursor;

		engine.cursor = poller->next;
		if (poller->wake != NULL)
			poller->wake(poller->arg);
	}
}

/* True if all of them may sleep; else those asked already are awake again. */
static bool
pollers_prepare_sleep(void)
{
	struct engine_poller *poller;

	for (poller = engine.pollers; poller != NULL; poller = poller->next) {
		if (poller->prepare_sleep != NULL && !poller->prepare_sleep(poller->arg)) {
			pollers_wake(poller);
			return false;
		}
	}
	return true;
}

static uint64_t
next_event_ns(void)
{
	uint64_t next = engine.timers != NULL ? engine.timers->at_ns : UINT64_MAX;

	for (const struct engine_poller *p = engine.pollers; p != NULL; p = p->next) {
		uint64_t at = p->next_ns != NULL ? p->next_ns(p->arg) : UINT64_MAX;

		next = HV_MIN(next, at);
	}
	return next;
}

/* ---- the loop ---- */

static void
sleep_until_work(void)
{
	uint64_t next;

	if (!pollers_prepare_sleep())
		return;
	next = next_event_ns();
	engine.now_ns = engine_clock_ns();
	engine.load.sleeps++;
	/* A bound on the sleep, so that no lost event can be for ever. */
	if (next > engine.now_ns)
		fds_wait(HV_MIN(next - engine.now_ns, 1000000000u));
	pollers_wake(NULL);
}

static void
round_run(void)
{
	uint64_t start = cycles_now();
	unsigned int work;

	engine.kicked = false;
	engine.now_ns = engine_clock_ns();
	engine.load.rounds++;
	work = timers_run() + pollers_run();
	if (engine.now_ns - engine.fd_checked_ns >= FD_CHECK_NS)
		work += fds_wait(0);
	if (work > 0 || engine.kicked) {
		engine.load.busy_cycles += cycles_now() - start;
		engine.last_work_ns = engine.now_ns;
		return;
	}
	if (engine.mode == ENGINE_POLL_BUSY || engine.stopping)
		return;
	if (engine.now_ns - engine.last_work_ns < IDLE_SPIN_NS)
		sched_yield();          /* the guest may need this very core */
	else
		sleep_until_work();
}

int
engine_run(void)
{
	while (!engine.stopping)
		round_run();
	engine.stopping = false;
	return engine.status;
}

void
engine_load(struct engine_load *load)
{
	*load = engine.load;
	load->total_cycles = cycles_now() - engine.load_start_cycles;
}
