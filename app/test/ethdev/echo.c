/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Traffic: every length in every number of segments there and back with its
 * content checked; or one size as fast as it goes; or receive only. Always
 * bounded by time, and no mbuf is left behind.
 */

#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>

#include "client.h"

struct traffic {
	uint64_t total;                 /* frames to send */
	uint64_t sent, received, bad, foreign, duplicate;
	uint64_t no_mbuf;
	uint64_t lent;                  /* that came in no mbuf's own memory */
	uint64_t per_queue[QUEUES_MAX];
	uint8_t *seen;
	uint64_t end_tsc;
	struct rte_mbuf *waiting;       /* made, not taken by the port yet */
};

static uint32_t
lengths(const struct client *c)
{
	return c->options.bytes_max - c->options.bytes_min + 1;
}

/* Frame number n: which length, how many segments. */
static struct rte_mbuf *
make(struct client *c, uint64_t n)
{
	uint32_t bytes = c->options.bytes_min + (uint32_t)(n % lengths(c));
	unsigned int kinds = c->options.segments_max - c->options.segments_min + 1;
	unsigned int segments = c->options.segments_min + (unsigned int)(n / lengths(c) % kinds);

	return frame_make(c, (uint32_t)n, bytes, segments);
}

static void
send_some(struct client *c, struct traffic *t)
{
	for (unsigned int i = 0; i < BURST && t->sent < t->total; i++) {
		if (t->sent - t->received - t->bad >= c->options.window && t->waiting == NULL)
			return;
		if (t->waiting == NULL)
			t->waiting = make(c, t->sent);
		if (t->waiting == NULL) {
			t->no_mbuf++;
			return;
		}
		if (rte_eth_tx_burst(c->options.port, (uint16_t)(t->sent % c->options.queues),
				&t->waiting, 1) == 0)
			return;
		t->waiting = NULL;
		t->sent++;
	}
}

static void
take(struct client *c, struct traffic *t, struct rte_mbuf *m)
{
	int64_t seq = frame_seq(m);

	t->lent += RTE_MBUF_HAS_EXTBUF(m) != 0;
	if (seq < 0 || (uint64_t)seq >= t->total)
		t->foreign++;
	else if (t->seen[seq])
		t->duplicate++;
	else if (!frame_ok(c, m, (uint32_t)seq))
		t->bad++;
	else
		t->received++;
	if (seq >= 0 && (uint64_t)seq < t->total)
		t->seen[seq] = 1;
	rte_pktmbuf_free(m);
}

static void
receive_some(struct client *c, struct traffic *t)
{
	struct rte_mbuf *mbufs[BURST];

	for (uint16_t q = 0; q < c->options.queues; q++) {
		uint16_t n = port_receive(c, q, mbufs);

		t->per_queue[q] += n;
		for (uint16_t i = 0; i < n; i++)
			take(c, t, mbufs[i]);
	}
}

static void
print_traffic(const struct client *c, const struct traffic *t)
{
	struct rte_eth_stats stats = { 0 };

	rte_eth_stats_get(c->options.port, &stats);
	printf("{\"sent\": %" PRIu64 ", \"received\": %" PRIu64 ", \"bad\": %" PRIu64
		", \"foreign\": %" PRIu64 ", \"duplicate\": %" PRIu64 ", \"total\": %" PRIu64,
		t->sent, t->received, t->bad, t->foreign, t->duplicate, t->total);
	printf(", \"lent\": %" PRIu64, t->lent);
	printf(", \"ipackets\": %" PRIu64 ", \"opackets\": %" PRIu64 ", \"ierrors\": %" PRIu64
		", \"oerrors\": %" PRIu64 ", \"imissed\": %" PRIu64 ", \"queues\": [",
		stats.ipackets, stats.opackets, stats.ierrors, stats.oerrors, stats.imissed);
	for (unsigned int q = 0; q < c->options.queues; q++)
		printf("%s%" PRIu64, q > 0 ? ", " : "", t->per_queue[q]);
	printf("]}");
}

/* Frames that are still on their way: takes them until the time is up. */
static void
drain(struct client *c, struct traffic *t)
{
	while (t->received + t->bad < t->sent && rte_get_tsc_cycles() < t->end_tsc)
		receive_some(c, t);
	rte_pktmbuf_free(t->waiting);
	t->waiting = NULL;
	for (uint16_t q = 0; q < c->options.queues; q++)
		rte_eth_tx_done_cleanup(c->options.port, q, 0);
}

static void
traffic_start(struct client *c, struct traffic *t)
{
	memset(t, 0, sizeof(*t));
	t->end_tsc = rte_get_tsc_cycles() +
		(uint64_t)(c->options.seconds * (double)rte_get_tsc_hz());
}

int
echo_traffic(struct client *c)
{
	unsigned int kinds = c->options.segments_max - c->options.segments_min + 1;
	struct traffic t;

	traffic_start(c, &t);
	t.total = (uint64_t)lengths(c) * kinds * c->options.repeat;
	t.seen = calloc(t.total, 1);
	if (t.seen == NULL)
		return 1;
	while (t.sent < t.total && rte_get_tsc_cycles() < t.end_tsc) {
		send_some(c, &t);
		receive_some(c, &t);
	}
	drain(c, &t);
	free(t.seen);
	print_traffic(c, &t);
	return t.received == t.total && t.bad + t.foreign + t.duplicate == 0 ? 0 : 1;
}

/* ---- duplex ---- */

struct duplex {
	struct client *c;
	struct traffic t;
	bool sent_all;
};

static void *
duplex_receive(void *arg)
{
	struct duplex *d = arg;
	cpu_set_t all;

	/* EAL pinned the main thread, and with it what it starts. */
	memset(&all, 0xff, sizeof(all));
	pthread_setaffinity_np(pthread_self(), sizeof(all), &all);
	while (rte_get_tsc_cycles() < d->t.end_tsc &&
	       (!__atomic_load_n(&d->sent_all, __ATOMIC_ACQUIRE) ||
		d->t.received + d->t.bad < d->t.sent)) {
		uint64_t before = d->t.received;

		receive_some(d->c, &d->t);
		if (d->t.received == before)
			sched_yield();
	}
	return NULL;
}

/* As echo_traffic(), but what comes is received by a thread of its own: on each
 * channel one thread acknowledges while another sends. */
int
duplex_traffic(struct client *c)
{
	static struct duplex d;
	pthread_t thread;

	d = (struct duplex) { .c = c };
	traffic_start(c, &d.t);
	d.t.total = (uint64_t)lengths(c) * c->options.repeat;
	d.t.seen = calloc(d.t.total, 1);
	if (d.t.seen == NULL || pthread_create(&thread, NULL, duplex_receive, &d) != 0)
		return 1;
	while (d.t.sent < d.t.total && rte_get_tsc_cycles() < d.t.end_tsc) {
		uint64_t before = d.t.sent;

		if (d.t.sent - __atomic_load_n(&d.t.received, __ATOMIC_RELAXED) < c->options.window)
			send_some(c, &d.t);
		if (d.t.sent == before)
			sched_yield();
	}
	__atomic_store_n(&d.sent_all, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	drain(c, &d.t);
	free(d.t.seen);
	print_traffic(c, &d.t);
	return d.t.received == d.t.total && d.t.bad + d.t.foreign + d.t.duplicate == 0 ? 0 : 1;
}

/* ---- speed ---- */

static unsigned int
send_burst(struct client *c, struct rte_mbuf **mbufs, unsigned int n)
{
	uint16_t taken;

	for (unsigned int i = 0; i < n; i++)
		mbufs[i]->ol_flags = 0;
	taken = rte_eth_tx_burst(c->options.port, 0, mbufs, (uint16_t)n);
	for (unsigned int i = taken; i < n; i++)
		rte_pktmbuf_free(mbufs[i]);
	return taken;
}

/* Cycles inside the driver. A burst that took far longer than any can was
 * preempted and does not count; the timer's own cost is taken off. */
#define PREEMPTED_CYCLES 200000u

struct cost {
	uint64_t frames, cycles, bursts, preempted;
};

static uint64_t
timer_cycles(void)
{
	uint64_t least = UINT64_MAX;

	for (unsigned int i = 0; i < 1000; i++) {
		uint64_t start = rte_rdtsc_precise();

		least = RTE_MIN(least, rte_rdtsc_precise() - start);
	}
	return least;
}

static void
cost_add(struct cost *cost, uint64_t cycles, unsigned int frames)
{
	if (cycles > PREEMPTED_CYCLES) {
		cost->preempted++;
		return;
	}
	cost->frames += frames;
	cost->cycles += cycles;
	cost->bursts++;
}

static void
cost_print(const char *name, const struct cost *cost, uint64_t timer)
{
	double cycles = (double)cost->cycles - (double)(timer * cost->bursts);

	printf(", \"%s\": {\"cycles_per_frame\": %.1f, \"frames\": %" PRIu64 ", \"bursts\": %" PRIu64
		", \"preempted\": %" PRIu64 "}", name,
		cost->frames > 0 ? cycles / (double)cost->frames : 0.0, cost->frames, cost->bursts,
		cost->preempted);
}

/* Takes back what is still on its way, and gives it up. */
static void
drain_window(struct client *c, uint64_t frames)
{
	uint64_t end = rte_get_tsc_cycles() + rte_get_tsc_hz();
	struct rte_mbuf *mbufs[BURST];

	while (frames > 0 && rte_get_tsc_cycles() < end) {
		uint16_t n = port_receive(c, 0, mbufs);

		rte_pktmbuf_free_bulk(mbufs, n);
		frames -= RTE_MIN(frames, (uint64_t)n);
	}
	rte_eth_tx_done_cleanup(c->options.port, 0, 0);
}

/* What comes is sent again: a closed loop of `window` frames on queue 0. On an
 * empty poll the host may have the core: the two can share one. */
int
speed_traffic(struct client *c)
{
	uint64_t start, frames = 0, polls = 0, lost = 0, timer = timer_cycles();
	struct cost rx = { 0 }, tx = { 0 };
	struct rte_mbuf *mbufs[BURST];
	struct traffic t;

	traffic_start(c, &t);
	for (unsigned int i = 0; i < c->options.window; i++) {
		mbufs[0] = frame_make(c, i, c->options.bytes_min, 1);
		if (mbufs[0] == NULL || send_burst(c, mbufs, 1) == 0)
			return 1;
	}
	start = rte_get_tsc_cycles();
	while (frames < c->options.frames && rte_get_tsc_cycles() < t.end_tsc) {
		uint64_t before = rte_rdtsc_precise(), between;
		uint16_t n = port_receive(c, 0, mbufs);

		between = rte_rdtsc_precise();
		polls++;
		if (n == 0) {
			sched_yield();
			continue;
		}
		frames += n;
		cost_add(&rx, between - before, n);
		before = rte_rdtsc_precise();
		lost += n - send_burst(c, mbufs, n);
		cost_add(&tx, rte_rdtsc_precise() - before, n);
	}
	printf("{\"frames\": %" PRIu64 ", \"seconds\": %.6f, \"polls\": %" PRIu64
		", \"lost\": %" PRIu64, frames,
		(double)(rte_get_tsc_cycles() - start) / (double)rte_get_tsc_hz(), polls, lost);
	cost_print("rx", &rx, timer);
	cost_print("tx", &tx, timer);
	printf(", \"cycles\": %" PRIu64 "}", rx.cycles + tx.cycles - timer * (rx.bursts + tx.bursts));
	drain_window(c, c->options.window - lost);
	return frames > 0 ? 0 : 1;
}

int
receive_traffic(struct client *c)
{
	struct rte_mbuf *mbufs[BURST];
	uint64_t frames = 0, bytes = 0, first = 0, start = rte_get_tsc_cycles();
	struct traffic t;

	traffic_start(c, &t);
	while (frames < c->options.frames && rte_get_tsc_cycles() < t.end_tsc) {
		for (uint16_t q = 0; q < c->options.queues; q++) {
			uint16_t n = port_receive(c, q, mbufs);

			if (frames == 0 && n > 0)
				first = rte_get_tsc_cycles();
			frames += n;
			t.per_queue[q] += n;
			for (uint16_t i = 0; i < n; i++) {
				bytes += mbufs[i]->pkt_len;
				rte_pktmbuf_free(mbufs[i]);
			}
		}
	}
	printf("{\"frames\": %" PRIu64 ", \"bytes\": %" PRIu64 ", \"first_us\": %.1f, "
		"\"seconds\": %.6f, \"queues\": [", frames, bytes,
		(double)(first - start) * 1e6 / (double)rte_get_tsc_hz(),
		(double)(rte_get_tsc_cycles() - start) / (double)rte_get_tsc_hz());
	for (unsigned int q = 0; q < c->options.queues; q++)
		printf("%s%" PRIu64, q > 0 ? ", " : "", t.per_queue[q]);
	printf("]}");
	return frames > 0 ? 0 : 1;
}
