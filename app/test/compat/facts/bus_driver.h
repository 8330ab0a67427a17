/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BUS_DRIVER_H
#define BUS_DRIVER_H

/* Facts, see ../README.md: the face of a bus towards EAL. */

#include <stdbool.h>

#include <rte_bus.h>
#include <rte_compat.h>
#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_os.h>
#include <rte_version.h>

#include "dev_driver.h"

struct rte_devargs;

enum rte_bus_scan_mode {
	RTE_BUS_SCAN_UNDEFINED,
	RTE_BUS_SCAN_ALLOWLIST,
	RTE_BUS_SCAN_BLOCKLIST,
};

struct rte_bus_conf {
	enum rte_bus_scan_mode scan_mode;
};

struct rte_bus {
	RTE_TAILQ_ENTRY(rte_bus) next;
	const char *name;
	int (*scan)(void);
	int (*parse)(const char *name, void *addr);
	int (*devargs_parse)(struct rte_devargs *args);
	int (*dma_map)(struct rte_device *dev, void *addr, uint64_t iova, size_t len);
	int (*dma_unmap)(struct rte_device *dev, void *addr, uint64_t iova, size_t len);
	struct rte_bus_conf conf;
	enum rte_iova_mode (*get_iommu_class)(void);
	int (*hot_unplug_handler)(struct rte_device *dev);
	int (*sigbus_handler)(const void *failure_addr);
#if RTE_VERSION >= RTE_VERSION_NUM(26, 7, 0, 0)
	bool allow_multi_probe;
	RTE_TAILQ_HEAD(, rte_device) device_list;
	RTE_TAILQ_HEAD(, rte_driver) driver_list;
	int (*probe)(struct rte_bus *bus);
	int (*probe_device)(struct rte_driver *driver, struct rte_device *dev);
	int (*unplug_device)(struct rte_device *dev);
	void (*free_device)(struct rte_device *dev);
	bool (*match)(const struct rte_driver *driver, const struct rte_device *dev);
	int (*dev_compare)(const char *name1, const char *name2);
	struct rte_device *(*find_device)(const struct rte_bus *bus, const struct rte_device *start,
		rte_dev_cmp_t cmp, const void *data);
	void *(*dev_iterate)(const struct rte_bus *bus, const void *start, const char *str,
		const struct rte_dev_iterator *it);
	int (*cleanup)(struct rte_bus *bus);
#else
	int (*probe)(void);
	int (*plug)(struct rte_device *dev);
	int (*unplug)(struct rte_device *dev);
	struct rte_device *(*find_device)(const struct rte_device *start, rte_dev_cmp_t cmp,
		const void *data);
	rte_dev_iterate_t dev_iterate;
	int (*cleanup)(void);
#endif
};

__rte_internal
void rte_bus_register(struct rte_bus *bus);
__rte_internal
void rte_bus_unregister(struct rte_bus *bus);
#if RTE_VERSION >= RTE_VERSION_NUM(26, 7, 0, 0)
__rte_internal
void rte_bus_add_driver(struct rte_bus *bus, struct rte_driver *driver);
#endif

#endif /* BUS_DRIVER_H */
