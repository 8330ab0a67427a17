/* SPDX-License-Identifier: BSD-3-Clause */

/* The event loop: order of timers, descriptors, pollers, and when it sleeps. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "core/engine.h"

static char order[64];
static int pipe_fds[2];
static struct engine_timer timer_a, timer_b, guard;

static void
note(char c)
{
	size_t n = strlen(order);

	if (n + 1 < sizeof(order)) {
		order[n] = c;
		order[n + 1] = '\0';
	}
}

static void
on_guard(void *arg)
{
	(void)arg;
	note('!');
	engine_stop(99);
}

static int
setup(void **state)
{
	(void)state;
	order[0] = '\0';
	memset(&timer_a, 0, sizeof(timer_a));
	memset(&timer_b, 0, sizeof(timer_b));
	memset(&guard, 0, sizeof(guard));
	if (pipe(pipe_fds) < 0 || engine_init(ENGINE_POLL_ADAPTIVE, NULL) < 0)
		return -1;
	engine_timer_arm(&guard, engine_clock_ns() + 5000000000u, on_guard, NULL);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	engine_fini();
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	return 0;
}

static void
on_timer(void *arg)
{
	const char *name = arg;

	note(*name);
	if (*name == 'z')
		engine_stop(7);
}

static void
timers_run_in_order_of_time_and_the_status_is_returned(void **state)
{
	struct engine_timer last = { 0 };
	uint64_t now = engine_clock_ns();

	(void)state;
	engine_timer_arm(&last, now + 3000000, on_timer, (void *)(uintptr_t)"z");
	engine_timer_arm(&timer_b, now + 2000000, on_timer, (void *)(uintptr_t)"b");
	engine_timer_arm(&timer_a, now + 1000000, on_timer, (void *)(uintptr_t)"a");
	assert_int_equal(engine_run(), 7);
	assert_string_equal(order, "abz");
	assert_false(last.armed);
}

static void
a_cancelled_timer_does_not_run_and_rearming_moves_it(void **state)
{
	struct engine_timer last = { 0 };
	uint64_t now = engine_clock_ns();

	(void)state;
	engine_timer_arm(&timer_a, now + 1000, on_timer, (void *)(uintptr_t)"a");
	engine_timer_arm(&timer_b, now + 2000, on_timer, (void *)(uintptr_t)"b");
	engine_timer_cancel(&timer_a);
	engine_timer_arm(&last, now + 1000, on_timer, (void *)(uintptr_t)"x");
	engine_timer_arm(&last, now + 3000000, on_timer, (void *)(uintptr_t)"z");
	assert_int_equal(engine_run(), 7);
	assert_string_equal(order, "bz");
}

static void
on_readable(void *arg, uint32_t events)
{
	char c;

	(void)arg;
	if ((events & EPOLLIN) != 0 && read(pipe_fds[0], &c, 1) == 1)
		note(c);
	engine_fd_remove(pipe_fds[0]);
	engine_stop(0);
}

static void
write_to_pipe(void *arg)
{
	(void)arg;
	note('w');
	assert_int_equal(write(pipe_fds[1], "p", 1), 1);
}

static void
a_descriptor_wakes_the_sleeping_engine(void **state)
{
	struct engine_load load;

	(void)state;
	assert_int_equal(engine_fd_add(pipe_fds[0], EPOLLIN, on_readable, NULL), 0);
	assert_int_equal(engine_fd_add(pipe_fds[0], EPOLLIN, on_readable, NULL), -EEXIST);
	engine_timer_arm(&timer_a, engine_clock_ns() + 5000000, write_to_pipe, NULL);
	assert_int_equal(engine_run(), 0);
	assert_string_equal(order, "wp");
	engine_load(&load);
	assert_true(load.sleeps >= 1);
	assert_true(load.busy_cycles <= load.total_cycles);
}

struct fake_poller {
	struct engine_poller poller;
	struct engine_poller *victim;   /* removed by the first poll */
	unsigned int polls, prepares, wakes;
	unsigned int refusals;          /* how often prepare_sleep says no */
};

static unsigned int
fake_poll(void *arg)
{
	struct fake_poller *fake = arg;

	if (++fake->polls == 1 && fake->victim != NULL)
		engine_poller_remove(fake->victim);
	return 0;
}

static bool
fake_prepare(void *arg)
{
	struct fake_poller *fake = arg;

	fake->prepares++;
	if (fake->refusals == 0)
		return true;
	fake->refusals--;
	return false;
}

static void
fake_wake(void *arg)
{
	struct fake_poller *fake = arg;

	fake->wakes++;
}

static void
fake_add(struct fake_poller *fake)
{
	fake->poller = (struct engine_poller) {
		.poll = fake_poll, .prepare_sleep = fake_prepare, .wake = fake_wake, .arg = fake,
	};
	engine_poller_add(&fake->poller);
}

static void
a_poller_may_remove_another_while_the_walk_is_under_way(void **state)
{
	struct fake_poller last = { 0 }, first = { .victim = &last.poller };

	(void)state;
	fake_add(&last);        /* the newest is polled first */
	fake_add(&first);
	engine_timer_arm(&timer_a, engine_clock_ns() + 1000000, on_timer, (void *)(uintptr_t)"z");
	assert_int_equal(engine_run(), 7);
	assert_int_equal(last.polls, 0);
	assert_true(first.polls > 1);
}

static void
the_engine_sleeps_only_when_every_poller_agrees_and_wakes_those_that_did(void **state)
{
	struct fake_poller refuser = { .refusals = 3 }, willing = { 0 };

	(void)state;
	fake_add(&refuser);
	fake_add(&willing);
	engine_timer_arm(&timer_a, engine_clock_ns() + 20000000, on_timer, (void *)(uintptr_t)"z");
	assert_int_equal(engine_run(), 7);
	assert_int_equal(refuser.refusals, 0);
	assert_true(refuser.prepares >= 4);
	assert_int_equal(willing.wakes, willing.prepares);
	assert_int_equal(refuser.wakes, refuser.prepares - 3);
}

static void
a_malformed_cpu_list_is_refused(void **state)
{
	(void)state;
	engine_fini();
	assert_int_equal(engine_init(ENGINE_POLL_ADAPTIVE, "zero"), -EINVAL);
	assert_int_equal(engine_init(ENGINE_POLL_ADAPTIVE, "1-"), -EINVAL);
	assert_int_equal(engine_init(ENGINE_POLL_ADAPTIVE, "3-1"), -EINVAL);
	assert_int_equal(engine_init(ENGINE_POLL_ADAPTIVE, "0,"), -EINVAL);
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(timers_run_in_order_of_time_and_the_status_is_returned),
		CASE(a_cancelled_timer_does_not_run_and_rearming_moves_it),
		CASE(a_descriptor_wakes_the_sleeping_engine),
		CASE(a_poller_may_remove_another_while_the_walk_is_under_way),
		CASE(the_engine_sleeps_only_when_every_poller_agrees_and_wakes_those_that_did),
		CASE(a_malformed_cpu_list_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
