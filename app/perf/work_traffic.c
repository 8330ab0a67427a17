/* SPDX-License-Identifier: BSD-3-Clause */

/* The kinds of work of netvsc-perf that move frames. */

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_cycles.h>
#include <rte_ip.h>

#include "work.h"

#define FLOWS 1024u
#define VLAN 100u

/* ---- readings ---- */

void
work_cost_slice(struct work_cost *cost)
{
	if (cost->slice_frames != 0) {
		float per_frame = (float)cost->slice_cycles / (float)cost->slice_frames;

		/* More slices than there is room for: the later ones replace the first. */
		cost->per_frame[cost->slices++ % WORK_SLICES_MAX] = per_frame;
	}
	cost->cycles += cost->slice_cycles;
	cost->bursts += cost->slice_bursts;
	cost->slice_frames = cost->slice_cycles = cost->slice_bursts = 0;
}

static inline uint16_t
receive(struct work *work, uint16_t port, uint16_t queue, struct rte_mbuf **pkts)
{
	uint64_t start = rte_rdtsc_precise();
	uint16_t n = rte_eth_rx_burst(port, queue, pkts, (uint16_t)work->options.burst);

	work_cost_add(work, &work->rx, rte_rdtsc_precise() - start, n);
	return n;
}

static inline uint16_t
transmit(struct work *work, uint16_t port, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	uint64_t start = rte_rdtsc_precise();
	uint16_t sent = rte_eth_tx_burst(port, queue, pkts, n);

	work_cost_add(work, &work->tx, rte_rdtsc_precise() - start, sent);
	return sent;
}

/* Between two turns: is it over? The first frames do not count. */
static inline bool
go_on(struct work *work, uint64_t frames, bool idle)
{
	if (idle && work->options.yield)
		sched_yield();
	return frames < work->options.frames + work->options.warmup && !work->stopped &&
		rte_rdtsc() < work->end_tsc;
}

static void
warmed_up(struct work *work, uint64_t frames)
{
	if (work->options.warmup == 0 || frames < work->options.warmup)
		return;
	work->options.warmup = 0;
	work->rx = (struct work_cost) { 0 };
	work->tx = (struct work_cost) { 0 };
	work->start_tsc = rte_rdtsc();
}

/* ---- receive ---- */

static uint64_t
bytes_of(struct rte_mbuf *const *pkts, uint16_t n)
{
	uint64_t bytes = 0;

	for (uint16_t i = 0; i < n; i++)
		bytes += pkts[i]->pkt_len;
	return bytes;
}

/* Zero-copy receive moves work from the burst to the end of its mbufs. */
static inline uint16_t
receive_and_free(struct work *work, uint16_t queue, struct rte_mbuf **pkts)
{
	uint64_t start = rte_rdtsc_precise();
	uint16_t n = rte_eth_rx_burst(0, queue, pkts, (uint16_t)work->options.burst);

	work->rx.bytes += bytes_of(pkts, n);
	rte_pktmbuf_free_bulk(pkts, n);
	work_cost_add(work, &work->rx, rte_rdtsc_precise() - start, n);
	return n;
}

static int
run_rx(struct work *work)
{
	struct rte_mbuf *pkts[WORK_BURST_MAX];
	uint16_t queue = 0, empty = 0, n;

	while (go_on(work, work->rx.frames, empty >= work->options.queues)) {
		if (work->options.freeing) {
			n = receive_and_free(work, queue, pkts);
		} else {
			n = receive(work, 0, queue, pkts);
			work->rx.bytes += bytes_of(pkts, n);
			rte_pktmbuf_free_bulk(pkts, n);
		}
		empty = n == 0 ? (uint16_t)(empty + 1) : 0;
		queue = (uint16_t)((queue + 1) % work->options.queues);
		warmed_up(work, work->rx.frames);
	}
	return work->rx.frames != 0 ? 0 : -ENODATA;
}

/* ---- transmit ---- */

static int
frame_visit(struct work *work, uint64_t number, struct rte_mbuf *m)
{
	struct rte_ether_addr from;
	uint32_t bytes = work_frame_bytes(&work->options, number);

	rte_eth_macaddr_get(0, &from);
	if (bytes > rte_pktmbuf_tailroom(m))
		return -EMSGSIZE;
	work_frame_fill(rte_pktmbuf_mtod(m, uint8_t *), bytes, (uint32_t)number % FLOWS, &from);
	if ((work->tx_flags & RTE_MBUF_F_TX_UDP_CKSUM) != 0)
		work_frame_ask_csum(rte_pktmbuf_mtod(m, uint8_t *));
	return 0;
}

/* All mbufs get their frame once: what is sent keeps it when it comes back.
 * Those that the port already holds for receiving are left out. */
static int
frames_prepare(struct work *work)
{
	uint32_t count = 0;
	struct rte_mbuf **all = calloc(work->options.mbufs, sizeof(*all));
	int err = all == NULL ? -ENOMEM : 0;

	while (err == 0 && count < work->options.mbufs &&
	       (all[count] = rte_pktmbuf_alloc(work->pool)) != NULL) {
		err = frame_visit(work, count, all[count]);
		count++;
	}
	if (all != NULL)
		rte_pktmbuf_free_bulk(all, count);
	free(all);
	return err;
}

static inline void
frames_take(struct work *work, struct rte_mbuf **pkts, uint32_t n, uint64_t number)
{
	for (uint32_t i = 0; i < n; i++) {
		uint32_t bytes = work_frame_bytes(&work->options, number + i);

		pkts[i]->data_len = (uint16_t)bytes;
		pkts[i]->pkt_len = bytes;
		pkts[i]->ol_flags = work->tx_flags;
		pkts[i]->tx_offload = 0;
		pkts[i]->l2_len = sizeof(struct rte_ether_hdr);
		pkts[i]->l3_len = sizeof(struct rte_ipv4_hdr);
		pkts[i]->vlan_tci = VLAN;
		work->tx.bytes += bytes;
	}
}

/* Whose turn it is: the host's if all queues are full, or enough is under way. */
static inline bool
turn_over(const struct work *work, uint64_t *begun, bool full)
{
	bool over = full || (work->options.turn != 0 &&
		work->tx.frames - *begun >= work->options.turn);

	if (over)
		*begun = work->tx.frames;
	return over;
}

static int
run_tx(struct work *work)
{
	uint64_t begun = 0;
	struct rte_mbuf *pkts[WORK_BURST_MAX];
	const uint32_t burst = work->options.burst;
	uint16_t queue = 0, full = 0;
	int err = frames_prepare(work);

	while (err == 0 && go_on(work, work->tx.frames,
			turn_over(work, &begun, full >= work->options.queues))) {
		uint16_t sent = 0;

		full++;
		queue = (uint16_t)((queue + 1) % work->options.queues);
		if (rte_pktmbuf_alloc_bulk(work->pool, pkts, burst) == 0) {
			frames_take(work, pkts, burst, work->tx.frames);
			sent = transmit(work, 0, queue, pkts, (uint16_t)burst);
			for (uint32_t i = sent; i < burst; i++)
				work->tx.bytes -= pkts[i]->pkt_len;
			rte_pktmbuf_free_bulk(pkts + sent, burst - sent);
		} else {
			/* All are under way: the port must look for completions. */
			transmit(work, 0, queue, pkts, 0);
			rte_eth_tx_done_cleanup(0, queue, 0);
		}
		if (sent == burst)
			full = 0;
		warmed_up(work, work->tx.frames);
	}
	return err != 0 ? err : work->tx.frames != 0 ? 0 : -ENODATA;
}

/* ---- there and back ---- */

static inline void
macs_swap(struct rte_mbuf **pkts, uint16_t n)
{
	for (uint16_t i = 0; i < n; i++) {
		struct rte_ether_hdr *eth = rte_pktmbuf_mtod(pkts[i], struct rte_ether_hdr *);
		struct rte_ether_addr addr = eth->dst_addr;

		eth->dst_addr = eth->src_addr;
		eth->src_addr = addr;
	}
}

/* Sends all of it, or gives up what the port does not take in a thousand tries. */
static uint16_t
transmit_all(struct work *work, uint16_t port, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	uint16_t sent = transmit(work, port, queue, pkts, n);

	for (unsigned int i = 0; sent < n && i < 1000; i++) {
		if (work->options.yield)
			sched_yield();
		sent = (uint16_t)(sent + transmit(work, port, queue, pkts + sent,
			(uint16_t)(n - sent)));
	}
	if (sent < n) {
		work->lost += (uint64_t)(n - sent);
		rte_pktmbuf_free_bulk(pkts + sent, (unsigned int)(n - sent));
	}
	return sent;
}

static uint16_t
turn(struct work *work, uint16_t from, uint16_t to, uint16_t queue)
{
	struct rte_mbuf *pkts[WORK_BURST_MAX];
	uint16_t n = receive(work, from, queue, pkts);

	if (n == 0)
		return 0;
	for (uint16_t i = 0; i < n; i++) {
		work->rx.bytes += pkts[i]->pkt_len;
		pkts[i]->ol_flags = 0;
	}
	if (work->options.macswap)
		macs_swap(pkts, n);
	transmit_all(work, to, queue, pkts, n);
	return n;
}

/* From the first port to the last and back again; they may be the same one. */
static int
run_turns(struct work *work)
{
	const uint16_t last = (uint16_t)(work->ports - 1);
	uint16_t queue = 0, empty = 0;

	while (go_on(work, work->rx.frames, empty >= work->options.queues)) {
		uint16_t n = turn(work, 0, last, queue);

		if (last != 0)
			n = (uint16_t)(n + turn(work, last, 0, queue));
		empty = n == 0 ? (uint16_t)(empty + 1) : 0;
		queue = (uint16_t)((queue + 1) % work->options.queues);
		warmed_up(work, work->rx.frames);
	}
	return work->rx.frames != 0 ? 0 : -ENODATA;
}

static int
window_fill(struct work *work)
{
	uint64_t end = rte_rdtsc() + rte_get_tsc_hz();
	int err = frames_prepare(work);

	for (uint32_t i = 0; err == 0 && i < work->options.window; i++) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(work->pool);

		if (m == NULL)
			return -ENOMEM;
		frames_take(work, &m, 1, i);
		while (rte_eth_tx_burst(0, (uint16_t)(i % work->options.queues), &m, 1) == 0)
			if (rte_rdtsc() > end) {
				rte_pktmbuf_free(m);
				return -ETIMEDOUT;
			}
	}
	return err;
}

static int
run_loop(struct work *work)
{
	int err = window_fill(work);

	return err != 0 ? err : run_turns(work);
}

/* ---- nothing comes ---- */

#define IDLE_POLLS 1000u

static int
run_idle(struct work *work)
{
	const uint16_t queues = (uint16_t)work->options.queues;
	struct rte_mbuf *pkts[WORK_BURST_MAX];
	uint16_t queue = 0;

	while (go_on(work, work->rx.frames, false)) {
		uint64_t start = rte_rdtsc_precise(), frames = 0;

		/* No division, no call: they would cost as much as the poll. */
		for (unsigned int i = 0; i < IDLE_POLLS; i++) {
			uint16_t n = rte_eth_rx_burst(0, queue, pkts, (uint16_t)work->options.burst);

			queue = queue + 1u < queues ? (uint16_t)(queue + 1) : 0;
			if (unlikely(n != 0)) {
				frames += n;
				rte_pktmbuf_free_bulk(pkts, n);
			}
		}
		/* A "frame" is a poll here. */
		if (frames == 0)
			work_cost_add(work, &work->rx, rte_rdtsc_precise() - start, IDLE_POLLS);
	}
	return work->rx.frames != 0 ? 0 : -ENODATA;
}

/* ---- all ---- */

int
work_run(struct work *work)
{
	static int (*const run[])(struct work *) = {
		[WORK_RX] = run_rx, [WORK_TX] = run_tx, [WORK_LOOP] = run_loop,
		[WORK_ECHO] = run_turns, [WORK_FORWARD] = run_turns, [WORK_IDLE] = run_idle,
	};
	int err;

	work->start_tsc = rte_rdtsc();
	work->end_tsc = work->start_tsc + (uint64_t)(work->options.seconds * (double)rte_get_tsc_hz());
	err = run[work->options.kind](work);
	work->done_tsc = rte_rdtsc();
	work_cost_slice(&work->rx);
	work_cost_slice(&work->tx);
	return err;
}
