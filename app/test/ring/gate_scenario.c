/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Bursts and control at the gate of a queue, for the model: netvsc_gate.[ch] as
 * they are, with the compiler's atomics, membarrier and nanosleep replaced.
 */

#include <errno.h>
#include <linux/membarrier.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "scenarios.h"

static long gate_membarrier(long command, struct model_site *site);

#define __atomic_load_n(word, order) \
	model_load((word), MODEL_SITE((order) == __ATOMIC_RELAXED ? \
		MODEL_LOAD_RELAXED : MODEL_LOAD_ACQUIRE))
#define __atomic_store_n(word, value, order) \
	model_store((word), (value), MODEL_SITE((order) == __ATOMIC_SEQ_CST ? \
		MODEL_STORE_SEQ_CST : (order) == __ATOMIC_RELEASE ? \
		MODEL_STORE_RELEASE : MODEL_STORE_RELAXED))
#define __atomic_signal_fence(order) model_fence(MODEL_SITE(MODEL_COMPILER_FENCE))
#define syscall(number, command, flags, cpu) \
	gate_membarrier((command), MODEL_SITE(MODEL_PROCESS_FENCE))
#define nanosleep(pause, left) ((void)(pause), model_idle())
/* Nobody's patience ends. */
#define clock_gettime(id, now) ((void)memset((now), 0, sizeof(*(now))))

/* netvsc_gate.c sees of the driver only its own header, of EAL only this. */
#define NETVSC_H
#define _RTE_ATOMIC_H_
#define _RTE_ATOMIC_X86_H_
#define _RTE_ATOMIC_ARM64_H_
enum { RTE_PROC_PRIMARY, RTE_PROC_SECONDARY };
#define rte_eal_process_type() RTE_PROC_PRIMARY
#include "netvsc_gate.h"
#include "netvsc_gate.c"

static long
gate_membarrier(long command, struct model_site *site)
{
	if (command == MEMBARRIER_CMD_PRIVATE_EXPEDITED)
		model_fence(site);
	return 0;
}

#define GATE ((struct netvsc_gate *)(void *)model_memory)
/* What control changes and bursts use, a cache line apart. */
#define FIRST (model_memory + 64)
#define SECOND (model_memory + 128)
#define BURSTS 2u

static void
gate_setup(void)
{
}

static void
bursts(void)
{
	for (uint32_t done = 0; done < BURSTS;) {
		uint64_t first, second;

		if (!netvsc_gate_enter(GATE)) {
			model_idle();
			continue;
		}
		model_loads_late(true);
		model_copy(&first, FIRST, sizeof(first));
		model_copy(&second, SECOND, sizeof(second));
		model_loads_late(false);
		netvsc_gate_leave(GATE);
		model_pause();
		model_settle();
		MODEL_CHECK(first == second, "a burst saw half of a change: %llu, %llu",
			(unsigned long long)first, (unsigned long long)second);
		done++;
	}
}

static void
control(void)
{
	const uint64_t changed = 1;

	MODEL_CHECK(netvsc_gate_close(GATE, false) == 0, "the gate does not close");
	model_copy(FIRST, &changed, sizeof(changed));
	model_copy(SECOND, &changed, sizeof(changed));
	netvsc_gate_open(GATE);
}

const struct model_scenario gate_scenario = {
	.name = "control changes what bursts use behind the closed gate",
	.setup = gate_setup, .agent = { bursts, control }, .tracked_every = 1,
};
