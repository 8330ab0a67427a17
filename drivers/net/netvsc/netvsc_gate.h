/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NETVSC_GATE_H
#define NETVSC_GATE_H

/*
 * Keeps bursts out of what control is about to change. A burst stores busy,
 * then loads closed; control stores closed, makes every core pass a barrier
 * (membarrier), then waits for busy to be 0: the burst pays two plain stores and
 * a load, no fence.
 */

#include <stdbool.h>
#include <stdint.h>

struct netvsc_gate {
	uint32_t busy;              /* the burst's */
	uint32_t closed;            /* control's */
};

/* True if the burst may go on; then it must call netvsc_gate_leave(). */
static inline bool
netvsc_gate_enter(struct netvsc_gate *gate)
{
	__atomic_store_n(&gate->busy, 1, __ATOMIC_RELAXED);
	/* Partner: netvsc_gate_close(), whose membarrier stands in for the fence
	 * that is missing here. */
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	if (__builtin_expect(__atomic_load_n(&gate->closed, __ATOMIC_ACQUIRE) == 0, 1))
		return true;
	__atomic_store_n(&gate->busy, 0, __ATOMIC_RELEASE);
	return false;
}

static inline void
netvsc_gate_leave(struct netvsc_gate *gate)
{
	__atomic_store_n(&gate->busy, 0, __ATOMIC_RELEASE);
}

/* netvsc_gate.c: closes the gate and waits until no burst is inside (bounded:
 * 0, or -ETIMEDOUT: a burst is stuck); opens it again. */
/* everywhere: other processes run bursts on this queue, too. */
int netvsc_gate_close(struct netvsc_gate *gate, bool everywhere);
void netvsc_gate_open(struct netvsc_gate *gate);

/*
 * The steps of closing, for several gates at the price and in the time of one:
 * shut all, one barrier, then wait for each until the same deadline. What is
 * waited for is a count: a gate's `busy`, or another of threads that look at
 * `closed`; until it is 0 (bounded: 0 or -ETIMEDOUT).
 */
void netvsc_gate_shut(struct netvsc_gate *gate);
/* Makes every thread of this process, or of all processes, pass a full barrier. */
void netvsc_gate_barrier(bool everywhere);
uint64_t netvsc_gate_deadline_ns(void);
int netvsc_gate_wait(const uint32_t *count, uint64_t deadline_ns);

#endif /* NETVSC_GATE_H */
