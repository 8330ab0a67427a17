/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NETVSC_COMPAT_H
#define NETVSC_COMPAT_H

/*
 * Every difference between DPDK versions that the NIC must bridge, 22.11 to
 * 26.07, and nothing else.
 */

#include <rte_version.h>

#include <ethdev_driver.h>
#include <rte_ethdev.h>

#endif /* NETVSC_COMPAT_H */
