/* SPDX-License-Identifier: BSD-3-Clause */

/* See trap.h. */

#include "trap.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#define FLAG_TRAP 0x100         /* of the processor's flags: one instruction */
#define ERROR_WRITE 0x2         /* of a page fault */

static struct {
	struct area {
		uint8_t *base;
		size_t bytes;
		bool stepping;      /* open for the one instruction */
	} area[TRAP_AREAS_MAX];
	trap_call before, after;
	uint8_t *at;
	bool write;
	unsigned int paused;        /* how often */
	bool started;
	struct sigaction segv, trap; /* those before */
} trap;

/* One that was unmapped, as at the end of an attach that fails, is forgotten. */
static void
area_set(struct area *area, int protection)
{
	if (area->base == NULL || mprotect(area->base, area->bytes, protection) == 0)
		return;
	if (errno != ENOMEM)
		abort();
	area->base = NULL;
}

static void
areas_set(int protection)
{
	for (unsigned int i = 0; i < TRAP_AREAS_MAX; i++)
		area_set(&trap.area[i], protection);
}

static struct area *
area_of(const uint8_t *at)
{
	for (unsigned int i = 0; i < TRAP_AREAS_MAX; i++)
		if (trap.area[i].base != NULL && at >= trap.area[i].base &&
		    (size_t)(at - trap.area[i].base) < trap.area[i].bytes)
			return &trap.area[i];
	return NULL;
}

static void
on_fault(int signal, siginfo_t *info, void *context)
{
	greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;
	struct area *area = area_of(info->si_addr);

	(void)signal;
	if (area == NULL || area->stepping) {
		/* Somebody else's fault: as if we had not been here. */
		sigaction(SIGSEGV, &trap.segv, NULL);
		return;
	}
	trap.at = info->si_addr;
	trap.write = (regs[REG_ERR] & ERROR_WRITE) != 0;
	area_set(area, PROT_READ | PROT_WRITE);
	area->stepping = true;
	if (trap.before != NULL)
		trap.before(trap.at, trap.write);
	regs[REG_EFL] |= FLAG_TRAP;
}

static void
on_step(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)info;
	((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] &= ~(greg_t)FLAG_TRAP;
	if (trap.after != NULL)
		trap.after(trap.at, trap.write);
	if (!trap.started)
		return;
	for (unsigned int i = 0; i < TRAP_AREAS_MAX; i++) {
		if (!trap.area[i].stepping)
			continue;
		trap.area[i].stepping = false;
		area_set(&trap.area[i], PROT_NONE);
	}
}

void
trap_watch(unsigned int area, void *base, uint32_t bytes)
{
	trap.area[area] = (struct area){ .base = base, .bytes = bytes };
}

void
trap_start(trap_call before, trap_call after)
{
	struct sigaction fault = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
	struct sigaction step = { .sa_sigaction = on_step, .sa_flags = SA_SIGINFO };

	trap.before = before;
	trap.after = after;
	trap.paused = 0;
	trap.started = true;
	sigaction(SIGSEGV, &fault, &trap.segv);
	sigaction(SIGTRAP, &step, &trap.trap);
	areas_set(PROT_NONE);
}

void
trap_enough(void)
{
	trap.started = false;
	areas_set(PROT_READ | PROT_WRITE);
}

void
trap_stop(void)
{
	areas_set(PROT_READ | PROT_WRITE);
	sigaction(SIGSEGV, &trap.segv, NULL);
	sigaction(SIGTRAP, &trap.trap, NULL);
	memset(&trap, 0, sizeof(trap));
}

void
trap_pause(void)
{
	if (trap.started && trap.paused++ == 0)
		areas_set(PROT_READ | PROT_WRITE);
}

void
trap_resume(void)
{
	if (trap.started && --trap.paused == 0)
		areas_set(PROT_NONE);
}
