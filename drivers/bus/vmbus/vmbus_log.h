/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VMBUS_LOG_H
#define VMBUS_LOG_H

/* Log lines of the bus: --log-level=bus.vmbus:debug. Order within a line:
 * device, operation, id, values. */

#include <rte_log.h>

extern int vmbus_logtype;

#define VMBUS_LOG(level, format, ...) \
	rte_log(RTE_LOG_ ## level, vmbus_logtype, "VMBUS: " format "\n", ## __VA_ARGS__)

#endif /* VMBUS_LOG_H */
