/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HVSIM_PACE_H
#define HVSIM_PACE_H

/*
 * A schedule of equal intervals, kept by the clock: what is due is sent, late
 * or not, so that the rate holds over time. A source that was held up catches
 * up by PACE_CATCH_UP_NS at most; slots older than that are missed.
 */

#include <stdint.h>

#define PACE_CATCH_UP_NS 20000000ull

struct pace {
	double period_ns;
	uint64_t start_ns;
	uint64_t slots;         /* used up or missed since the start */
	uint64_t missed;
};

static inline void
pace_start(struct pace *pace, double per_second, uint64_t now_ns)
{
	pace->period_ns = 1e9 / per_second;
	pace->start_ns = now_ns;
	pace->slots = 0;
	pace->missed = 0;
}

/* How many slots are due; the caller uses up what it sends by pace_take(). */
static inline uint64_t
pace_due(struct pace *pace, uint64_t now_ns)
{
	uint64_t due = (uint64_t)((double)(now_ns - pace->start_ns) / pace->period_ns) + 1;
	uint64_t most = (uint64_t)((double)PACE_CATCH_UP_NS / pace->period_ns) + 1;

	if (due <= pace->slots)
		return 0;
	due -= pace->slots;
	if (due > most) {
		pace->missed += due - most;
		pace->slots += due - most;
		due = most;
	}
	return due;
}

static inline void
pace_take(struct pace *pace, uint64_t slots)
{
	pace->slots += slots;
}

/* When the next slot is due. Rounded up: asked then, pace_due() says 1. */
static inline uint64_t
pace_next_ns(const struct pace *pace)
{
	return pace->start_ns + (uint64_t)((double)pace->slots * pace->period_ns) + 1;
}

#endif /* HVSIM_PACE_H */
