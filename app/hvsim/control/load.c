/* SPDX-License-Identifier: BSD-3-Clause */

/* Samples the engine's load once per window. */

#include "load.h"

#include <string.h>

#include "../core/engine.h"

static struct {
	struct engine_timer timer;
	struct engine_load last;
	struct load_report report;
} load;

static unsigned int
busy_percent(const struct engine_load *from, const struct engine_load *to)
{
	uint64_t total = to->total_cycles - from->total_cycles;
	uint64_t busy = to->busy_cycles - from->busy_cycles;

	return total == 0 ? 0 : (unsigned int)((double)busy * 100 / (double)total);
}

static void
window_end(void *arg)
{
	struct engine_load now;

	(void)arg;
	engine_load(&now);
	load.report.busy_percent = busy_percent(&load.last, &now);
	load.report.windows++;
	load.report.windows_bottleneck += load.report.busy_percent > LOAD_BOTTLENECK_PERCENT;
	load.last = now;
	engine_timer_arm(&load.timer, engine_now_ns() + LOAD_WINDOW_NS, window_end, NULL);
}

void
load_start(void)
{
	memset(&load, 0, sizeof(load));
	engine_load(&load.last);
	engine_timer_arm(&load.timer, engine_clock_ns() + LOAD_WINDOW_NS, window_end, NULL);
}

void
load_stop(void)
{
	engine_timer_cancel(&load.timer);
}

void
load_report(struct load_report *report)
{
	struct engine_load now;

	*report = load.report;
	if (report->windows > 0)
		return;
	engine_load(&now);
	report->busy_percent = busy_percent(&load.last, &now);
}
