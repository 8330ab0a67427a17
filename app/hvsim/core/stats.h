/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HVSIM_STATS_H
#define HVSIM_STATS_H

/*
 * How an object shows its counters: it emits each as a name and a value, and
 * does not care whether they become JSON, a table or a test's assertion.
 */

#include <stdint.h>

struct stat_sink {
	void (*emit)(struct stat_sink *sink, const char *name, uint64_t value);
};

static inline void
stat_emit(struct stat_sink *sink, const char *name, uint64_t value)
{
	sink->emit(sink, name, value);
}

#endif /* HVSIM_STATS_H */
