/* SPDX-License-Identifier: BSD-3-Clause */

/* An engine with a clock of its own: time passes when a test says so. */

#include "fakes.h"

static uint64_t now_ns = 1000000000u;
static struct engine_timer *timers;
unsigned int fake_timers_armed;

uint64_t
engine_now_ns(void)
{
	return now_ns;
}

void
engine_timer_cancel(struct engine_timer *timer)
{
	struct engine_timer **link = &timers;

	if (!timer->armed)
		return;
	while (*link != timer)
		link = &(*link)->next;
	*link = timer->next;
	timer->armed = false;
	fake_timers_armed--;
}

void
engine_timer_arm(struct engine_timer *timer, uint64_t at_ns, void (*cb)(void *arg), void *arg)
{
	struct engine_timer **link = &timers;

	engine_timer_cancel(timer);
	while (*link != NULL && (*link)->at_ns <= at_ns)
		link = &(*link)->next;
	*timer = (struct engine_timer) {
		.cb = cb, .arg = arg, .at_ns = at_ns, .next = *link, .armed = true,
	};
	*link = timer;
	fake_timers_armed++;
}

void
clock_advance(uint64_t ns)
{
	uint64_t end = now_ns + ns;

	while (timers != NULL && timers->at_ns <= end) {
		struct engine_timer *timer = timers;

		now_ns = timer->at_ns > now_ns ? timer->at_ns : now_ns;
		engine_timer_cancel(timer);
		timer->cb(timer->arg);
	}
	now_ns = end;
}

unsigned int
round_poll(struct kern_vm *vm)
{
	return vm->poller.poll(vm->poller.arg);
}

void
engine_poller_add(struct engine_poller *poller)
{
	poller->registered = true;
}

void
engine_poller_remove(struct engine_poller *poller)
{
	poller->registered = false;
}

void
engine_kick(void)
{
}

int
engine_fd_add(int fd, uint32_t events, engine_fd_cb cb, void *arg)
{
	(void)fd;
	(void)events;
	(void)cb;
	(void)arg;
	return 0;
}

void
engine_fd_remove(int fd)
{
	(void)fd;
}
