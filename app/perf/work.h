/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PERF_WORK_H
#define PERF_WORK_H

/*
 * The measured program: a plain ethdev application that does one kind of work
 * on whatever ports EAL has found, and says in JSON what it cost. It knows no
 * driver. Every kind of work is bounded by time and by frames.
 */

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_ethdev.h>
#include <rte_mbuf.h>

#define WORK_QUEUES_MAX 64u
#define WORK_BURST_MAX 64u
#define WORK_FRAME_MIN 60u
#define WORK_FRAME_MAX 9014u
#define WORK_SLICES_MAX 512u

enum work_kind {
	WORK_RX,        /* receive and drop what comes */
	WORK_TX,        /* send as much as the port takes */
	WORK_LOOP,      /* a window of frames, sent again whenever they come back */
	WORK_ECHO,      /* send back what comes: the other end of WORK_LOOP */
	WORK_FORWARD,   /* between port 0 and port 1 */
	WORK_IDLE,      /* poll where nothing comes */
	WORK_RTT,       /* one frame at a time, there and back */
	WORK_STARTUP,   /* configure, start, MTU change, stop, again and again */
};

struct work_options {
	enum work_kind kind;
	uint32_t frame_bytes;           /* 0: IMIX */
	uint32_t burst, queues, window, mbufs;
	uint64_t frames, warmup;        /* stop after so many; the first do not count */
	double seconds;
	bool stay;                      /* until SIGTERM, when all is told */
	bool yield;                     /* give the core away on an empty poll */
	bool freeing;                   /* giving received mbufs back counts, too */
	bool macswap;
	bool hash, csum, vlan, rsc;     /* offloads switched on */
	uint64_t slice;                 /* bursts between two readings */
	uint64_t turn;                  /* frames sent before the core is given away; 0 = all */
	uint32_t mtu;                   /* 0: as the port has it */
	uint32_t pause_us;              /* before each round trip: the host falls asleep */
};

/* Cycles inside one kind of burst, summed up by slices: one of them that was
 * disturbed does not move the median. */
struct work_cost {
	uint64_t frames, bytes, cycles, bursts;
	uint64_t empty_bursts, empty_cycles;
	uint64_t disturbed;             /* bursts that took longer than any can: left out */
	uint64_t slice_frames, slice_cycles, slice_bursts;
	uint32_t slices;
	float per_frame[WORK_SLICES_MAX];
};

struct work {
	struct work_options options;
	uint16_t ports;
	struct rte_mempool *pool;
	struct rte_eth_dev_info info;
	uint64_t timer_cycles;          /* what reading the clock twice takes */
	uint64_t start_tsc, end_tsc, done_tsc;
	volatile sig_atomic_t stopped;  /* by a signal */
	struct work_cost rx, tx;
	uint64_t lost;
	uint64_t tx_flags;              /* offloads asked for in each frame */
};

/* ---- work_port.c: all return 0 or -errno ---- */

int work_ports_open(struct work *work);         /* configured and started */
int work_ports_configure(struct work *work, uint32_t queues);
int work_pool_create(struct work *work);
void work_ports_close(struct work *work);

/* ---- work_traffic.c ---- */

int work_run(struct work *work);
/* Round trips of single frames: prints percentiles. */
int work_rtt(struct work *work);

/* ---- work_startup.c: prints what each step took ---- */

int work_startup(struct work *work);

/* ---- work_frame.c ---- */

/* An Ethernet/IPv4/UDP frame with right checksums, one of `flows`. */
void work_frame_fill(uint8_t *frame, uint32_t bytes, uint32_t flow,
	const struct rte_ether_addr *from);
/* The pseudo header's sum, for a port that fills in the UDP checksum. */
void work_frame_ask_csum(uint8_t *frame);
/* The length of the frame with this number. */
uint32_t work_frame_bytes(const struct work_options *options, uint64_t number);

/* ---- cost ---- */

/* A burst that took longer than this was interrupted. */
#define WORK_DISTURBED_CYCLES 400000u

void work_cost_slice(struct work_cost *cost);

static inline void
work_cost_add(struct work *work, struct work_cost *cost, uint64_t cycles, uint32_t frames)
{
	cycles -= RTE_MIN(cycles, work->timer_cycles);
	if (frames == 0) {
		cost->empty_bursts++;
		cost->empty_cycles += cycles < WORK_DISTURBED_CYCLES ? cycles : 0;
		return;
	}
	cost->frames += frames;
	if (cycles > WORK_DISTURBED_CYCLES) {
		cost->disturbed++;
		return;
	}
	cost->slice_frames += frames;
	cost->slice_cycles += cycles;
	if (++cost->slice_bursts == work->options.slice)
		work_cost_slice(cost);
}

#endif /* PERF_WORK_H */
