/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DEV_DRIVER_H
#define DEV_DRIVER_H

/* Facts, see ../README.md: what buses know of devices and drivers. */

#include <rte_common.h>
#include <rte_dev.h>
#include <rte_os.h>
#include <rte_version.h>

struct rte_driver {
	RTE_TAILQ_ENTRY(rte_driver) next;
	const char *name;
	const char *alias;
#if RTE_VERSION >= RTE_VERSION_NUM(26, 7, 0, 0)
	const struct rte_bus *bus;
#endif
};

struct rte_device {
	RTE_TAILQ_ENTRY(rte_device) next;
	const char *name;
	const char *bus_info;
	const struct rte_driver *driver;
	const struct rte_bus *bus;
	int numa_node;
	struct rte_devargs *devargs;
};

/* 25.07 moves these here from rte_dev.h, and the name becomes a symbol. */
#if RTE_VERSION >= RTE_VERSION_NUM(25, 7, 0, 0)
#undef RTE_PMD_EXPORT_NAME
#undef RTE_PMD_REGISTER_KMOD_DEP
#undef RTE_PMD_REGISTER_PARAM_STRING
#define FACTS_EXPORT(name, what) what ## name
#define RTE_PMD_EXPORT_NAME(name) \
	extern const char FACTS_EXPORT(name, this_pmd_name)[]; \
	const char FACTS_EXPORT(name, this_pmd_name)[] __rte_used = RTE_STR(name)
#define RTE_PMD_REGISTER_KMOD_DEP(name, text) \
	static const char FACTS_EXPORT(name, kmod_dep_of_)[] __rte_used = text
#define RTE_PMD_REGISTER_PARAM_STRING(name, text) \
	static const char FACTS_EXPORT(name, params_of_)[] __rte_used = text
#endif

#endif /* DEV_DRIVER_H */
