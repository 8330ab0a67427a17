/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VMBUS_COMPAT_H
#define VMBUS_COMPAT_H

/*
 * Every difference between DPDK versions that the bus must bridge, 22.11 to
 * 26.07, and nothing else. The bus implements the operations in one shape;
 * here they get the shape of the version at hand.
 */

#include <dlfcn.h>
#include <stdbool.h>
#include <string.h>

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

/* "DPDK 22.11": all releases of a year's November, and those of the stable
 * branch behind it, have one ABI; the internal one ends with the release. */
#define VMBUS_COMPAT_STR_(x) #x
#define VMBUS_COMPAT_STR(x) VMBUS_COMPAT_STR_(x)
#define VMBUS_COMPAT_ABI RTE_VER_PREFIX " " VMBUS_COMPAT_STR(RTE_VER_YEAR) "." \
	VMBUS_COMPAT_MONTH
#if RTE_VER_MONTH == 3
#define VMBUS_COMPAT_MONTH "03"
#elif RTE_VER_MONTH == 7
#define VMBUS_COMPAT_MONTH "07"
#else
#define VMBUS_COMPAT_MONTH "11"
#endif

/* The version of the program's DPDK: ours is what this file is linked to, the
 * program's the first that the loader finds. */
static inline const char *
vmbus_compat_program_version(void)
{
	const char *(*version)(void);
	void *symbol = dlsym(RTLD_DEFAULT, "rte_version");

	if (symbol == NULL)             /* a static program: it cannot load plugins */
		return rte_version();
	memcpy(&version, &symbol, sizeof(version));
	return version();
}

static inline bool
vmbus_compat_same_abi(const char *version)
{
	return strncmp(version, VMBUS_COMPAT_ABI ".", sizeof(VMBUS_COMPAT_ABI)) == 0;
}

#endif /* VMBUS_COMPAT_H */
