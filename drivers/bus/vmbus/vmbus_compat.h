/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VMBUS_COMPAT_H
#define VMBUS_COMPAT_H

/*
 * Every difference between DPDK versions that the bus must bridge, 22.11 to
 * 26.07, and nothing else. The bus implements the operations in one shape;
 * here they get the shape of the version at hand.
 */

#include <rte_version.h>

#include <bus_driver.h>
#include <dev_driver.h>
#include <rte_bus.h>
#include <rte_dev.h>
#include <rte_devargs.h>
#include <rte_eal.h>

/* 26.07 passes the bus to its operations, renames plug and unplug, and lets
 * EAL match, probe and mark devices. */
#define VMBUS_COMPAT_BUS_ARG (RTE_VERSION >= RTE_VERSION_NUM(26, 7, 0, 0))

#endif /* VMBUS_COMPAT_H */
