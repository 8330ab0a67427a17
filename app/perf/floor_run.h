/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PERF_FLOOR_RUN_H
#define PERF_FLOOR_RUN_H

/* Measures the floor: cycles a frame, by turns with its host on one core. */

#include <stdint.h>

struct floor_options {
	uint32_t frame_bytes;           /* 60 to 1,514 */
	uint32_t frames_per_transfer;   /* 1 to burst */
	uint32_t burst;                 /* 1 to FLOOR_BURST_MAX */
	uint32_t sections;              /* of the receive buffer, used in turn */
	uint32_t rounds;                /* bursts of each kind */
};

struct floor_result {
	double rx_cycles, tx_cycles;    /* a frame; median of the bursts */
	double rx_p10, rx_p90, tx_p10, tx_p90;
	uint64_t frames, wrong;         /* frames that came through, that did not */
};

/* EAL must be up. 0 or -errno: -EINVAL if the options make no sense, -EIO if a
 * frame was lost or damaged on the way (result->wrong says how many). */
int floor_run(const struct floor_options *options, struct floor_result *result);

#endif /* PERF_FLOOR_RUN_H */
