/* SPDX-License-Identifier: BSD-3-Clause */

/* Bursts against control, with real threads; under TSan, too. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "netvsc_gate.h"

#define BURST_THREADS 3u
#define CLOSINGS 300u

static struct burst_thread {
	struct netvsc_gate gate;
	pthread_t thread;
	uint64_t entered, refused;
	uint64_t seen_changing;
} bursts[BURST_THREADS];

/* What control changes and bursts use: never while it is odd. */
static uint64_t guarded;
static uint32_t ending;

static void *
burst_loop(void *arg)
{
	struct burst_thread *burst = arg;

	while (!__atomic_load_n(&ending, __ATOMIC_RELAXED)) {
		if (!netvsc_gate_enter(&burst->gate)) {
			__atomic_fetch_add(&burst->refused, 1, __ATOMIC_RELAXED);
			sched_yield();
			continue;
		}
		/* Plain: a race here is what TSan and the count are for. */
		burst->seen_changing += guarded & 1;
		__atomic_fetch_add(&burst->entered, 1, __ATOMIC_RELAXED);
		netvsc_gate_leave(&burst->gate);
	}
	return NULL;
}

static void
change_what_bursts_use(void)
{
	guarded++;
	for (unsigned int i = 0; i < 100; i++)
		__atomic_signal_fence(__ATOMIC_SEQ_CST);
	guarded++;
}

static void
closing_once(void)
{
	uint64_t before[BURST_THREADS];

	for (unsigned int i = 0; i < BURST_THREADS; i++) {
		assert_int_equal(netvsc_gate_close(&bursts[i].gate, false), 0);
		before[i] = __atomic_load_n(&bursts[i].entered, __ATOMIC_RELAXED);
	}
	change_what_bursts_use();
	for (unsigned int i = 0; i < BURST_THREADS; i++)
		assert_int_equal(__atomic_load_n(&bursts[i].entered, __ATOMIC_RELAXED), before[i]);
	for (unsigned int i = 0; i < BURST_THREADS; i++)
		netvsc_gate_open(&bursts[i].gate);
}

static void
no_burst_is_inside_while_the_gate_is_closed_and_all_go_on_afterwards(void **state)
{
	(void)state;
	ending = 0;
	for (unsigned int i = 0; i < BURST_THREADS; i++)
		assert_int_equal(pthread_create(&bursts[i].thread, NULL, burst_loop, &bursts[i]), 0);
	for (unsigned int n = 0; n < CLOSINGS; n++)
		closing_once();
	for (unsigned int i = 0; i < BURST_THREADS; i++) {
		uint64_t before = __atomic_load_n(&bursts[i].entered, __ATOMIC_RELAXED);

		while (__atomic_load_n(&bursts[i].entered, __ATOMIC_RELAXED) == before)
			sched_yield();
	}
	__atomic_store_n(&ending, 1, __ATOMIC_RELAXED);
	for (unsigned int i = 0; i < BURST_THREADS; i++) {
		pthread_join(bursts[i].thread, NULL);
		assert_int_equal(bursts[i].seen_changing, 0);
	}
	assert_int_equal(guarded, 2 * CLOSINGS);
}

static void
a_burst_that_never_leaves_is_reported_within_a_bound(void **state)
{
	struct netvsc_gate gate = { 0 };

	(void)state;
	assert_true(netvsc_gate_enter(&gate));
	assert_int_equal(netvsc_gate_close(&gate, false), -ETIMEDOUT);
	assert_false(netvsc_gate_enter(&gate));         /* closed all the same */
	netvsc_gate_open(&gate);
	assert_true(netvsc_gate_enter(&gate));
	netvsc_gate_leave(&gate);
	assert_int_equal(netvsc_gate_close(&gate, false), 0);
}

/* The gate's call comes through here. */
static unsigned int global_barriers;
static bool forbidden;          /* as in some containers */

long
syscall(long number, ...)
{
	va_list ap;
	long (*real)(long number, ...);
	int command;

	va_start(ap, number);
	command = va_arg(ap, int);
	va_end(ap);
	assert_int_equal(number, SYS_membarrier);
	if (forbidden) {
		errno = EPERM;
		return -1;
	}
	global_barriers += command == MEMBARRIER_CMD_GLOBAL;
	*(void **)&real = dlsym(RTLD_NEXT, "syscall");
	return real(number, command, 0, 0);
}

static void
bursts_of_other_processes_are_reached_by_a_barrier_in_all_of_them(void **state)
{
	struct netvsc_gate gate = { 0 };

	(void)state;
	global_barriers = 0;
	assert_int_equal(netvsc_gate_close(&gate, false), 0);
	assert_int_equal(global_barriers, 0);           /* 10 ms and more */
	assert_int_equal(netvsc_gate_close(&gate, true), 0);
	assert_int_equal(global_barriers, 1);
}

static void
where_barriers_are_forbidden_stores_get_ten_milliseconds(void **state)
{
	struct netvsc_gate gate = { 0 };
	struct timespec before, after;

	(void)state;
	forbidden = true;
	clock_gettime(CLOCK_MONOTONIC, &before);
	assert_int_equal(netvsc_gate_close(&gate, false), 0);
	clock_gettime(CLOCK_MONOTONIC, &after);
	forbidden = false;
	assert_true((after.tv_sec - before.tv_sec) * 1000000000 + after.tv_nsec - before.tv_nsec >=
		9000000);
	netvsc_gate_open(&gate);
	assert_true(netvsc_gate_enter(&gate));
}

static void
a_refused_burst_leaves_no_trace_that_control_would_wait_for(void **state)
{
	struct netvsc_gate gate = { 0 };

	(void)state;
	assert_int_equal(netvsc_gate_close(&gate, false), 0);
	assert_false(netvsc_gate_enter(&gate));
	assert_int_equal(gate.busy, 0);
	assert_int_equal(netvsc_gate_close(&gate, false), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_burst_is_inside_while_the_gate_is_closed_and_all_go_on_afterwards),
		cmocka_unit_test(a_burst_that_never_leaves_is_reported_within_a_bound),
		cmocka_unit_test(bursts_of_other_processes_are_reached_by_a_barrier_in_all_of_them),
		cmocka_unit_test(where_barriers_are_forbidden_stores_get_ten_milliseconds),
		cmocka_unit_test(a_refused_burst_leaves_no_trace_that_control_would_wait_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
