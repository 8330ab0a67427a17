/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HVSIM_ENGINE_H
#define HVSIM_ENGINE_H

/*
 * The event loop. Everything hvsim does - rings, switch ports, sockets,
 * timers, signals - runs on the one thread that calls engine_run(): no part
 * of hvsim takes a lock, and a callback must never block.
 *
 * A round asks every poller for work in turn, each for a bounded slice, so
 * that one busy NIC cannot starve another. When a while has passed without
 * work the engine asks the pollers to prepare for sleep and waits in epoll.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

enum engine_poll_mode {
	ENGINE_POLL_ADAPTIVE,   /* sleep when there is nothing to do */
	ENGINE_POLL_BUSY,       /* never sleep: for benchmarks on an own core */
};

/* Creates the process's engine. cpus is a list such as "3" or "0-1", or NULL.
 * Returns 0 or -errno. */
int engine_init(enum engine_poll_mode mode, const char *cpus);
void engine_fini(void);

/* Runs until engine_stop(); returns the status given to it. May be called again. */
int engine_run(void);
void engine_stop(int status);
bool engine_stopping(void);

/* Monotonic time, read once per round: cheap, and constant within a callback. */
uint64_t engine_now_ns(void);
/* Monotonic time, read now. */
uint64_t engine_clock_ns(void);

/* ---- descriptors ---- */

typedef void (*engine_fd_cb)(void *arg, uint32_t events);   /* EPOLLIN, ... */

/* One registration per descriptor; returns 0 or -errno. Removing a descriptor
 * from inside any callback is allowed and takes effect at once. */
int engine_fd_add(int fd, uint32_t events, engine_fd_cb cb, void *arg);
int engine_fd_modify(int fd, uint32_t events);
void engine_fd_remove(int fd);

/* ---- timers ---- */

/* Zero-initialise; embed in the owner. */
struct engine_timer {
	void (*cb)(void *arg);
	void *arg;
	uint64_t at_ns;
	struct engine_timer *next;
	bool armed;
};

/* (Re)arms a one-shot timer at an absolute engine time. */
void engine_timer_arm(struct engine_timer *timer, uint64_t at_ns, void (*cb)(void *arg), void *arg);
void engine_timer_cancel(struct engine_timer *timer);

/* ---- pollers ---- */

/* Zero-initialise; embed in the owner. */
struct engine_poller {
	/* Does a bounded slice of work; returns how many units were done, 0 if idle. */
	unsigned int (*poll)(void *arg);
	/* About to sleep: announce it (interrupt masks ...) and return true if it
	 * may sleep, false if work has appeared. NULL: may always sleep. */
	bool (*prepare_sleep)(void *arg);
	/* Woken after prepare_sleep() returned true. May be NULL. */
	void (*wake)(void *arg);
	/* When the poller next has work by the clock; UINT64_MAX never. May be NULL. */
	uint64_t (*next_ns)(void *arg);
	void *arg;
	struct engine_poller *next, *prev;
	bool registered;
};

void engine_poller_add(struct engine_poller *poller);
void engine_poller_remove(struct engine_poller *poller);

/* Keeps the engine out of its sleep for this round: called when a callback
 * has made work for a poller. */
void engine_kick(void);

/* ---- load ---- */

struct engine_load {
	uint64_t busy_cycles;   /* TSC cycles in rounds that did work */
	uint64_t total_cycles;
	uint64_t rounds;
	uint64_t sleeps;
};
void engine_load(struct engine_load *load);

#endif /* HVSIM_ENGINE_H */
