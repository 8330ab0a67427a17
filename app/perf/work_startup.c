/* SPDX-License-Identifier: BSD-3-Clause */

/* What the steps of a port's life take, in turns, for so many queues. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include <rte_bus.h>
#include <rte_cycles.h>
#include <rte_dev.h>
#include <rte_malloc.h>

#include "work.h"

enum step { STEP_CONFIGURE, STEP_START, STEP_MTU, STEP_STOP, STEPS };

static const char *const names[STEPS] = { "configure", "start", "mtu", "stop" };

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

/* Removes the device and probes it again, as its bus does at start; ms[0] is the
 * probe, ms[1] the removal; negative where bus or driver cannot. */
static void
device_again(double ms[2])
{
	const double hz = (double)rte_get_tsc_hz();
	char name[RTE_DEV_NAME_MAX_LEN + 64];
	struct rte_eth_dev_info info;
	uint64_t start, removed;

	ms[0] = ms[1] = -1;
	if (rte_eth_dev_info_get(0, &info) != 0 || info.device == NULL)
		return;
	snprintf(name, sizeof(name), "%s:%s", rte_bus_name(rte_dev_bus(info.device)),
		rte_dev_name(info.device));
	start = rte_rdtsc();
	if (rte_eth_dev_close(0) != 0 || rte_dev_remove(info.device) != 0)
		return;
	removed = rte_rdtsc();
	ms[1] = (double)(removed - start) * 1e3 / hz;
	if (rte_dev_probe(name) == 0)
		ms[0] = (double)(rte_rdtsc() - removed) * 1e3 / hz;
}

static void
print(const struct work *work, const uint64_t *steps, unsigned int rounds, uint64_t heap)
{
	double ms[2];

	printf("{\"rounds\": %u, \"queues\": %u, \"heap_bytes\": %" PRIu64, rounds,
		work->options.queues, heap);
	for (unsigned int step = 0; step < STEPS; step++)
		printf(", \"%s_ms\": %.3f", names[step],
			(double)steps[step] * 1e3 / (double)rte_get_tsc_hz() / rounds);
	device_again(ms);
	printf(ms[0] >= 0 ? ", \"probe_ms\": %.3f" : ", \"probe_ms\": null", ms[0]);
	printf(ms[1] >= 0 ? ", \"remove_ms\": %.3f}\n" : ", \"remove_ms\": null}\n", ms[1]);
}

int
work_startup(struct work *work)
{
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
	print(work, steps, rounds, heap);
	return 0;
}
