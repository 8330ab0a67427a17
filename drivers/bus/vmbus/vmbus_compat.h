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
#include <rte_common.h>
#include <rte_dev.h>
#include <rte_devargs.h>
#include <rte_eal.h>

/*
 * 26.07 passes the bus to its operations, renames plug and unplug, marks devices
 * as probed itself, and finds devices and drivers in lists of its own: hotplug
 * asks these for a driver that matches. Before, all that was the bus's own.
 *
 * Operations are declared with VMBUS_COMPAT_*_ARGS and put into the table with
 * VMBUS_COMPAT_OP, which does not mind where a version says const.
 */
#define VMBUS_COMPAT_OP(member, function) \
	.member = (__typeof__(((struct rte_bus *)0)->member))(function)

#if RTE_VERSION >= RTE_VERSION_NUM(26, 7, 0, 0)

#define VMBUS_COMPAT_BUS_ARG const struct rte_bus *bus_given __rte_unused
#define VMBUS_COMPAT_BUS_FIRST VMBUS_COMPAT_BUS_ARG,
#define VMBUS_COMPAT_DRIVER_FIRST struct rte_driver *driver_given __rte_unused,
#define VMBUS_COMPAT_OPS(plug_function, unplug_function, match_function, compare_function) \
	VMBUS_COMPAT_OP(probe_device, plug_function), \
	VMBUS_COMPAT_OP(unplug_device, unplug_function), \
	VMBUS_COMPAT_OP(match, match_function), \
	VMBUS_COMPAT_OP(dev_compare, compare_function)

/* After rte_bus_register(), which may have done it. */
static inline void
vmbus_compat_bus_init(struct rte_bus *bus)
{
	if (bus->device_list.tqh_last == NULL)
		TAILQ_INIT(&bus->device_list);
	if (bus->driver_list.tqh_last == NULL)
		TAILQ_INIT(&bus->driver_list);
}

static inline void
vmbus_compat_driver_add(struct rte_bus *bus, struct rte_driver *driver)
{
	rte_bus_add_driver(bus, driver);
}

static inline bool
vmbus_compat_device_listed(const struct rte_bus *bus, const struct rte_device *device)
{
	const struct rte_device *other;

	TAILQ_FOREACH(other, &bus->device_list, next)
		if (other == device)
			return true;
	return false;
}

/* Also one that is there already: EAL may take a device out on its own. */
static inline void
vmbus_compat_device_add(struct rte_bus *bus, struct rte_device *device)
{
	if (!vmbus_compat_device_listed(bus, device))
		TAILQ_INSERT_TAIL(&bus->device_list, device, next);
}

static inline void
vmbus_compat_device_remove(struct rte_bus *bus, struct rte_device *device)
{
	if (vmbus_compat_device_listed(bus, device))
		TAILQ_REMOVE(&bus->device_list, device, next);
}

#else

#define VMBUS_COMPAT_BUS_ARG void
#define VMBUS_COMPAT_BUS_FIRST
#define VMBUS_COMPAT_DRIVER_FIRST
#define VMBUS_COMPAT_OPS(plug_function, unplug_function, match_function, compare_function) \
	VMBUS_COMPAT_OP(plug, plug_function), \
	VMBUS_COMPAT_OP(unplug, unplug_function)

static inline void
vmbus_compat_bus_init(struct rte_bus *bus)
{
	RTE_SET_USED(bus);
}

static inline void
vmbus_compat_driver_add(struct rte_bus *bus, struct rte_driver *driver)
{
	RTE_SET_USED(bus);
	RTE_SET_USED(driver);
}

static inline void
vmbus_compat_device_add(struct rte_bus *bus, struct rte_device *device)
{
	RTE_SET_USED(bus);
	RTE_SET_USED(device);
}

static inline void
vmbus_compat_device_remove(struct rte_bus *bus, struct rte_device *device)
{
	RTE_SET_USED(bus);
	RTE_SET_USED(device);
}

#endif

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

/* 25.07 lists exported symbols in the sources, in its own tree only. */
#ifndef RTE_EXPORT_INTERNAL_SYMBOL
#define RTE_EXPORT_INTERNAL_SYMBOL(name)
#endif

#endif /* VMBUS_COMPAT_H */
