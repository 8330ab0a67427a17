/* SPDX-License-Identifier: BSD-3-Clause */

/* Closing the gate of a queue (netvsc.h): what control waits for before it
 * changes what a burst uses. */

#include <errno.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "netvsc_gate.h"

/* A burst takes microseconds; a thread that was preempted inside one may take
 * a scheduler's while. */
#define GATE_WAIT_NS 2000000000u
#define GATE_POLL_NS 20000u
/* Without membarrier: a store becomes visible within microseconds. */
#define GATE_GRACE_NS 10000000u

static int
membarrier(int command)
{
	return (int)syscall(SYS_membarrier, command, 0, 0);
}

/* A container may forbid the call, a kernel with nohz_full the global form: then
 * store buffers get the time to drain by themselves. */
void
netvsc_gate_barrier(bool everywhere)
{
	const struct timespec grace = { .tv_nsec = GATE_GRACE_NS };

	/* Registering again is cheap and does no harm. */
	membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
	/* The private form reaches the threads of this process alone. */
	if ((everywhere || membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) < 0) &&
	    membarrier(MEMBARRIER_CMD_GLOBAL) < 0)
		nanosleep(&grace, NULL);
}

void
netvsc_gate_shut(struct netvsc_gate *gate)
{
	/* What puts it before the look at busy is the barrier in between. */
	__atomic_store_n(&gate->closed, 1, __ATOMIC_RELAXED);
}

static uint64_t
clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t
netvsc_gate_deadline_ns(void)
{
	return clock_ns() + GATE_WAIT_NS;
}

int
netvsc_gate_wait(const uint32_t *count, uint64_t deadline_ns)
{
	const struct timespec pause = { .tv_nsec = GATE_POLL_NS };

	while (__atomic_load_n(count, __ATOMIC_SEQ_CST) != 0) {
		if (clock_ns() >= deadline_ns)
			return -ETIMEDOUT;
		nanosleep(&pause, NULL);
	}
	return 0;
}

int
netvsc_gate_close(struct netvsc_gate *gate, bool everywhere)
{
	netvsc_gate_shut(gate);
	/* Partner: netvsc_gate_enter(). A burst whose store of busy is not visible
	 * yet when we load it has not loaded closed yet either, and will see 1. */
	netvsc_gate_barrier(everywhere);
	return netvsc_gate_wait(&gate->busy, netvsc_gate_deadline_ns());
}

void
netvsc_gate_open(struct netvsc_gate *gate)
{
	__atomic_store_n(&gate->closed, 0, __ATOMIC_RELEASE);
}
