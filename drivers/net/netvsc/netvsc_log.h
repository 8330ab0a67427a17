/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NETVSC_LOG_H
#define NETVSC_LOG_H

/* Log lines: --log-level=pmd.net.netvsc.init:debug (or .control, .rx, .tx).
 * Order within a line: device, operation, id, values. Never per packet. */

#include <rte_log.h>

extern int netvsc_logtype_init;
extern int netvsc_logtype_control;
extern int netvsc_logtype_rx;
extern int netvsc_logtype_tx;

/* type: init, control, rx, tx */
#define NETVSC_LOG(level, type, format, ...) \
	rte_log(RTE_LOG_ ## level, netvsc_logtype_ ## type, "NETVSC: " format "\n", ## __VA_ARGS__)

#endif /* NETVSC_LOG_H */
