/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HVSIM_CMD_STATS_H
#define HVSIM_CMD_STATS_H

/* Counters for people: from the JSON that the control socket gives. */

#include <stdio.h>

#include <jansson.h>

/* Every counter that is not 0, one a line: "nic0.q1 tx_frames 12". */
void stats_print(FILE *file, json_t *counters);

#endif /* HVSIM_CMD_STATS_H */
