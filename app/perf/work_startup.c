/* SPDX-License-Identifier: BSD-3-Clause */

/* What the steps of a port's life take, in turns, for so many queues. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include <rte_cycles.h>
#include <rte_malloc.h>

#include "work.h"

enum step { STEP_CONFIGURE, STEP_START, STEP_MTU, STEP_STOP, STEPS };

static int
step_run(struct work *work, enum step step, unsigned int round)
{
	switch (step) {
	case STEP_CONFIGURE:
		return work_ports_configure(work, work->options.queues);
	case STEP_START:
		return rte_eth_dev_start(0);
	case STEP_MTU:
		return rte_eth_dev_set_mtu(0, (uint16_t)(1400 + round % 2 * 50));
	default:
		return rte_eth_dev_stop(0);
	}
}

static uint64_t
heap_bytes(void)
{
	struct rte_malloc_socket_stats stats;
	uint64_t bytes = 0;

	for (int socket = 0; socket < RTE_MAX_NUMA_NODES; socket++)
		if (rte_malloc_get_socket_stats(socket, &stats) == 0)
			bytes += stats.heap_allocsz_bytes;
	return bytes;
}

int
work_startup(struct work *work)
{
	static const char *const names[STEPS] = { "configure", "start", "mtu", "stop" };
	uint64_t before, steps[STEPS] = { 0 };
	unsigned int rounds = (unsigned int)RTE_MIN(work->options.frames, (uint64_t)1000);
	uint64_t heap = 0;
	int err = work_pool_create(work);

	/* The device's own: the pool is not counted. */
	before = heap_bytes();
	for (unsigned int round = 0; err == 0 && round < rounds; round++)
		for (unsigned int step = 0; err == 0 && step < STEPS; step++) {
			uint64_t start = rte_rdtsc();

			err = step_run(work, step, round);
			/* Some ports change their MTU only while they are stopped. */
			if (step == STEP_MTU && (err == -EBUSY || err == -ENOTSUP))
				err = 0;
			steps[step] += rte_rdtsc() - start;
			if (step == STEP_START)
				heap = heap_bytes() - before;
		}
	if (err != 0)
		return err;
	printf("{\"rounds\": %u, \"queues\": %u, \"heap_bytes\": %" PRIu64, rounds,
		work->options.queues, heap);
	for (unsigned int step = 0; step < STEPS; step++)
		printf(", \"%s_ms\": %.3f", names[step],
			(double)steps[step] * 1e3 / (double)rte_get_tsc_hz() / rounds);
	printf("}\n");
	return 0;
}
