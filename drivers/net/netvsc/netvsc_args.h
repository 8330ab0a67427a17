/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NETVSC_ARGS_H
#define NETVSC_ARGS_H

/* Devargs: "key=value,...", as in -a vmbus:UUID,latency=100. */

#include <stdbool.h>
#include <stdint.h>

/* struct netvsc_args: confidential as the guest is. */
#define NETVSC_CONFIDENTIAL_AUTO 2u

/* What the devargs say; netvsc_args.c has units, defaults and bounds. */
struct netvsc_args {
	uint32_t latency_us;
	uint32_t rx_copybreak, tx_copybreak;
	uint32_t tx_agg_packets, tx_agg_bytes;
	uint32_t tx_section_cache;
	bool rx_extmbuf;
	bool numa_aware;
	bool tx_page_lists;
	bool hypercall_queues;
	uint32_t confidential;      /* 0, 1 or NETVSC_CONFIDENTIAL_AUTO */
};

/* Sets the defaults, then what the text (NULL: nothing) says. Returns 0, or
 * -EINVAL after one line that names the wrong key or value and the valid ones. */
int netvsc_args_parse(const char *device, const char *text, struct netvsc_args *args);

/* Is the host to be shown nothing but what is shared with it? By default in a guest
 * that is isolated; the operator's word is final either way. If so, whatever would
 * show it more is switched off, however it was asked for. */
bool netvsc_args_confide(struct netvsc_args *args, bool isolated);

#endif /* NETVSC_ARGS_H */
