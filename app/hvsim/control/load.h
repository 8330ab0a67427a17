/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HVSIM_LOAD_H
#define HVSIM_LOAD_H

/* How busy the host was, second by second: over 90 % it is the bottleneck and
 * a benchmark measures the host, not the driver. */

#include <stdbool.h>
#include <stdint.h>

#define LOAD_WINDOW_NS 1000000000u
#define LOAD_BOTTLENECK_PERCENT 90u

struct load_report {
	unsigned int busy_percent;      /* of the last whole window, or so far */
	uint64_t windows;
	uint64_t windows_bottleneck;
};

void load_start(void);
void load_stop(void);
void load_report(struct load_report *report);

#endif /* HVSIM_LOAD_H */
