/* SPDX-License-Identifier: BSD-3-Clause */

/* The floor, measured; see floor_run.h. */

#include "floor_run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_lcore.h>
#include <rte_mempool.h>

#include "floor_host.h"

/* Few enough to stay in the cache, as the mbufs of a forwarding loop do. */
#define POOL_MBUFS 512u
#define POOL_CACHE 64u
#define TIMER_ROUNDS 4096u

struct run {
	const struct floor_options *options;
	struct floor guest;
	struct floor_host host;
	uint64_t *samples;              /* cycles of each burst, the timer's own taken off */
	uint64_t timer_cycles;
	uint64_t received, wrong, made;
};

static int
compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static uint64_t
percentile(uint64_t *samples, uint32_t count, uint32_t percent)
{
	qsort(samples, count, sizeof(*samples), compare);
	return samples[(uint64_t)(count - 1) * percent / 100];
}

/* What two readings of the clock in a row are apart. */
static uint64_t
timer_calibrate(void)
{
	uint64_t samples[TIMER_ROUNDS];

	for (uint32_t i = 0; i < TIMER_ROUNDS; i++) {
		uint64_t start = rte_rdtsc_precise();

		samples[i] = rte_rdtsc_precise() - start;
	}
	return percentile(samples, TIMER_ROUNDS, 50);
}

/* ---- receive ---- */

static uint64_t
rx_round(struct run *run)
{
	const struct floor_options *o = run->options;
	uint32_t transfers = o->burst / o->frames_per_transfer;
	struct rte_mbuf *pkts[FLOOR_BURST_MAX];
	uint64_t start, cycles;
	uint16_t n;

	if (!floor_host_produce(&run->host, transfers, o->frames_per_transfer, o->frame_bytes)) {
		run->wrong++;
		return 0;
	}
	start = rte_rdtsc_precise();
	n = floor_rx_burst(&run->guest, pkts, (uint16_t)o->burst);
	cycles = rte_rdtsc_precise() - start;
	for (uint16_t i = 0; i < n; i++)
		run->wrong += !floor_host_frame_ok(pkts[i], run->received++, o->frame_bytes);
	run->wrong += transfers * o->frames_per_transfer - n;
	rte_pktmbuf_free_bulk(pkts, n);
	floor_host_consume(&run->host);
	return cycles;
}

/* ---- transmit ---- */

static uint64_t
tx_round(struct run *run)
{
	const struct floor_options *o = run->options;
	struct rte_mbuf *pkts[FLOOR_BURST_MAX];
	uint64_t start, cycles;
	uint16_t n;

	if (rte_pktmbuf_alloc_bulk(run->guest.pool, pkts, o->burst) != 0) {
		run->wrong++;
		return 0;
	}
	for (uint32_t i = 0; i < o->burst; i++) {
		pkts[i]->data_len = (uint16_t)o->frame_bytes;
		pkts[i]->pkt_len = o->frame_bytes;
		floor_host_frame_fill(rte_pktmbuf_mtod(pkts[i], uint8_t *), run->made++,
			o->frame_bytes);
	}
	start = rte_rdtsc_precise();
	n = floor_tx_burst(&run->guest, pkts, (uint16_t)o->burst);
	cycles = rte_rdtsc_precise() - start;
	run->wrong += o->burst - n;
	rte_pktmbuf_free_bulk(pkts + n, o->burst - n);
	floor_host_consume(&run->host);
	return cycles;
}

/* ---- both ---- */

static double
per_frame(const struct run *run, uint64_t cycles)
{
	uint64_t net = cycles > run->timer_cycles ? cycles - run->timer_cycles : 0;

	return (double)net / run->options->burst;
}

static void
measure(struct run *run, uint64_t (*round)(struct run *), double result[3])
{
	static const uint32_t at[3] = { 50, 10, 90 };

	for (uint32_t i = 0; i < run->options->rounds; i++)
		run->samples[i] = round(run);
	for (unsigned int i = 0; i < 3; i++)
		result[i] = per_frame(run, percentile(run->samples, run->options->rounds, at[i]));
}

static int
run_create(struct run *run)
{
	uint64_t rearm = 0;
	const uint16_t words[4] = { RTE_PKTMBUF_HEADROOM, 1, 1, 0 };
	int err = floor_host_create(&run->host, &run->guest, run->options->sections);

	if (err < 0)
		return err;
	_Static_assert(offsetof(struct rte_mbuf, port) ==
		offsetof(struct rte_mbuf, data_off) + 6, "data_off, refcnt, nb_segs, port");
	memcpy(&rearm, words, sizeof(rearm));
	run->guest.rearm = rearm;
	run->guest.pool = rte_pktmbuf_pool_create("floor", POOL_MBUFS, POOL_CACHE, 0,
		RTE_MBUF_DEFAULT_BUF_SIZE, (int)rte_socket_id());
	run->samples = calloc(run->options->rounds, sizeof(*run->samples));
	run->timer_cycles = timer_calibrate();
	return run->guest.pool == NULL || run->samples == NULL ? -ENOMEM : 0;
}

static void
run_destroy(struct run *run)
{
	rte_mempool_free(run->guest.pool);
	free(run->samples);
	floor_host_destroy(&run->host);
}

static int
run_check(const struct run *run)
{
	const struct floor_options *o = run->options;
	uint64_t all = (uint64_t)o->rounds * (o->burst - o->burst % o->frames_per_transfer);

	return run->wrong != 0 || run->received != all || run->host.owed != 0 ||
		run->host.violations != 0 || run->host.frames_sent != run->made ||
		rte_mempool_avail_count(run->guest.pool) != POOL_MBUFS ? -EIO : 0;
}

int
floor_run(const struct floor_options *options, struct floor_result *result)
{
	struct run run = { .options = options };
	double rx[3], tx[3];
	int err;

	memset(result, 0, sizeof(*result));
	if (options->burst == 0 || options->burst > FLOOR_BURST_MAX || options->rounds == 0 ||
	    options->frames_per_transfer == 0 || options->frames_per_transfer > options->burst ||
	    options->frame_bytes < 60 || options->frame_bytes > 1514 ||
	    options->sections < options->burst)
		return -EINVAL;
	err = run_create(&run);
	if (err == 0) {
		measure(&run, rx_round, rx);
		measure(&run, tx_round, tx);
		floor_host_consume(&run.host);
		*result = (struct floor_result) {
			.rx_cycles = rx[0], .rx_p10 = rx[1], .rx_p90 = rx[2],
			.tx_cycles = tx[0], .tx_p10 = tx[1], .tx_p90 = tx[2],
			.frames = run.received + run.host.frames_sent, .wrong = run.wrong,
		};
		err = run_check(&run);
	}
	run_destroy(&run);
	return err;
}
