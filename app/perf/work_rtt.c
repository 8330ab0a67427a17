/* SPDX-License-Identifier: BSD-3-Clause */

/* Round trips of netvsc-perf: one frame there and back, again and again. */

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_cycles.h>

#include "work.h"

#define TRIPS_MAX 1000000u

static int
compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static struct rte_mbuf *
frame_new(struct work *work)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(work->pool);
	struct rte_ether_addr from;
	uint32_t bytes = work_frame_bytes(&work->options, 0);

	rte_eth_macaddr_get(0, &from);
	if (m != NULL && rte_pktmbuf_append(m, (uint16_t)bytes) != NULL)
		work_frame_fill(rte_pktmbuf_mtod(m, uint8_t *), bytes, 0, &from);
	return m;
}

/* Cycles of one trip; 0 if the frame did not come back in time. */
static uint64_t
trip(struct work *work)
{
	struct rte_mbuf *m = frame_new(work);
	uint64_t start = rte_rdtsc_precise();

	if (m == NULL || rte_eth_tx_burst(0, 0, &m, 1) != 1) {
		rte_pktmbuf_free(m);
		return 0;
	}
	while (!work->stopped && rte_rdtsc() < work->end_tsc) {
		if (rte_eth_rx_burst(0, 0, &m, 1) == 1) {
			uint64_t cycles = rte_rdtsc_precise() - start;

			rte_pktmbuf_free(m);
			return cycles;
		}
		if (work->options.yield)
			sched_yield();
	}
	return 0;
}

static void
rest(uint32_t us)
{
	uint64_t end = rte_rdtsc() + us * (rte_get_tsc_hz() / 1000000u);

	while (us != 0 && rte_rdtsc() < end)
		sched_yield();
}

static double
percentile_us(const uint64_t *trips, uint64_t count, double percent)
{
	return (double)trips[(uint64_t)((double)(count - 1) * percent / 100)] * 1e6 /
		(double)rte_get_tsc_hz();
}

int
work_rtt(struct work *work)
{
	uint64_t wanted = RTE_MIN(work->options.frames, (uint64_t)TRIPS_MAX), count = 0;
	uint64_t *trips = calloc(wanted, sizeof(*trips));

	if (trips == NULL)
		return -ENOMEM;
	work->end_tsc = rte_rdtsc() + (uint64_t)(work->options.seconds * (double)rte_get_tsc_hz());
	while (count < wanted && (trips[count] = trip(work)) != 0) {
		count++;
		/* Never in step with the host's own looks. */
		rest(work->options.pause_us + (uint32_t)(count * 37 % (work->options.pause_us + 1)));
	}
	if (count != 0) {
		qsort(trips, count, sizeof(*trips), compare);
		printf("{\"trips\": %" PRIu64 ", \"rtt_us\": {\"min\": %.2f, \"p50\": %.2f, \"p99\": %.2f,"
			" \"p99.9\": %.2f, \"max\": %.2f}}\n", count, percentile_us(trips, count, 0),
			percentile_us(trips, count, 50), percentile_us(trips, count, 99),
			percentile_us(trips, count, 99.9), percentile_us(trips, count, 100));
	}
	free(trips);
	return count != 0 ? 0 : -ENODATA;
}
