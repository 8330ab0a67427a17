/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The face that EAL sees: scan, match, probe, plug and unplug. The bus table
 * comes last.
 *
 * Stock DPDK carries a bus of the same name. Whichever was loaded first, the
 * other one is taken over at our scan: its policy and the devargs that point to
 * it become ours, and it is unregistered before anything is probed.
 */

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_errno.h>
#include <rte_kvargs.h>
#include <rte_memory.h>

#include "vmbus_driver.h"
#include "vmbus_guard.h"
#include "vmbus_isolation.h"
#include "vmbus_log.h"

#define VMBUS_BUS_NAME "vmbus"
/* No name of a device: what one copy of this plugin says to another. */
#define VMBUS_BUS_TWIN "librte_netvsc: are you there?"

RTE_LOG_REGISTER(vmbus_logtype, bus.vmbus, NOTICE);

TAILQ_HEAD(vmbus_device_list, vmbus_device);
TAILQ_HEAD(vmbus_driver_list, vmbus_driver);

static struct vmbus_device_list devices = TAILQ_HEAD_INITIALIZER(devices);
static struct vmbus_driver_list drivers = TAILQ_HEAD_INITIALIZER(drivers);
static struct rte_bus vmbus_bus;

/* ---- names ---- */

/* EAL asks whether a name is one of ours; addr may be NULL. So does another copy
 * of this plugin, to find out whether the bus it meets is its twin. */
static int
bus_parse(const char *name, void *addr)
{
	uint8_t guid[VMBUS_GUID_BYTES];
	int ret;

	if (addr == NULL && strcmp(name, VMBUS_BUS_TWIN) == 0)
		return 0;
	ret = vmbus_guid_parse(name, guid);
	if (ret == 0 && addr != NULL)
		memcpy(addr, guid, sizeof(guid));
	return ret;
}

/* How devargs and devices are brought together, by EAL since 26.07. */
static __rte_unused int
bus_compare(const char *name1, const char *name2)
{
	uint8_t guid1[VMBUS_GUID_BYTES], guid2[VMBUS_GUID_BYTES];

	if (vmbus_guid_parse(name1, guid1) != 0 || vmbus_guid_parse(name2, guid2) != 0)
		return strcmp(name1, name2);
	return memcmp(guid1, guid2, sizeof(guid1));
}

static inline struct vmbus_device *
to_vmbus(const struct rte_device *dev)
{
	return (struct vmbus_device *)((uintptr_t)dev - offsetof(struct vmbus_device, device));
}

static struct vmbus_device *
device_by_instance(const uint8_t instance[VMBUS_GUID_BYTES])
{
	struct vmbus_device *device;

	TAILQ_FOREACH(device, &devices, next)
		if (memcmp(device->sysfs.instance, instance, VMBUS_GUID_BYTES) == 0)
			return device;
	return NULL;
}

/* ---- taking over ---- */

static int
other_vmbus(const struct rte_bus *bus, const void *data)
{
	return bus == data || strcmp(bus->name, VMBUS_BUS_NAME) != 0;
}

static void
devargs_repoint(const struct rte_bus *from)
{
	struct rte_devargs *args;

	RTE_EAL_DEVARGS_FOREACH(VMBUS_BUS_NAME, args)
		if (args->bus == from)
			args->bus = &vmbus_bus;
}

static void
take_over(void)
{
	struct rte_bus *other;

	while ((other = rte_bus_find(NULL, other_vmbus, &vmbus_bus)) != NULL) {
		/* With the other one loaded first, -a and -b went to it. */
		if (other->conf.scan_mode != RTE_BUS_SCAN_UNDEFINED)
			vmbus_bus.conf.scan_mode = other->conf.scan_mode;
		devargs_repoint(other);
		rte_bus_unregister(other);
		VMBUS_LOG(NOTICE, "taking over from DPDK's built-in vmbus bus and its drivers");
	}
}

/* ---- scan ---- */

static bool
page_lists_ok(const struct vmbus_sysfs_device *sysfs)
{
	if (sysfs->iova_other)
		return false;
	return rte_eal_iova_mode() == RTE_IOVA_PA || sysfs->iova_va;
}

/* However a GUID was written, devargs get the spelling of our names: hotplug
 * looks for a device by the devargs' name, letter for letter. */
static void
devargs_respell(void)
{
	struct rte_devargs *args;
	uint8_t guid[VMBUS_GUID_BYTES];

	RTE_EAL_DEVARGS_FOREACH(VMBUS_BUS_NAME, args)
		if (args->bus == &vmbus_bus && vmbus_guid_parse(args->name, guid) == 0)
			vmbus_guid_format(guid, args->name);
}

/* The newest: EAL replaces older ones only where they were spelt alike. */
static struct rte_devargs *
devargs_find(const struct vmbus_device *device)
{
	struct rte_devargs *args, *found = NULL;

	RTE_EAL_DEVARGS_FOREACH(VMBUS_BUS_NAME, args)
		if (strcmp(args->name, device->name) == 0)
			found = args;
	return found;
}

static void
device_free(struct vmbus_device *device)
{
	TAILQ_REMOVE(&devices, device, next);
	vmbus_compat_device_remove(&vmbus_bus, &device->device);
	free(device);
}

static bool
class_known(const uint8_t class_id[VMBUS_GUID_BYTES])
{
	const struct vmbus_driver *driver;

	TAILQ_FOREACH(driver, &drivers, next)
		if (memcmp(driver->class_id, class_id, VMBUS_GUID_BYTES) == 0)
			return true;
	return false;
}

/* In the order of their names, which the kernel's directory has not: ports keep
 * their numbers from run to run. */
static void
device_insert(struct vmbus_device *device)
{
	struct vmbus_device *other;

	TAILQ_FOREACH(other, &devices, next)
		if (memcmp(other->sysfs.instance, device->sysfs.instance, VMBUS_GUID_BYTES) > 0)
			break;
	if (other != NULL)
		TAILQ_INSERT_BEFORE(other, device, next);
	else
		TAILQ_INSERT_TAIL(&devices, device, next);
}

/* Adds or refreshes one device; whatever is wrong with it concerns no other. */
static void
scan_one(const char *name)
{
	struct vmbus_sysfs_device sysfs;
	struct vmbus_device *device;
	const char *file;
	int ret = vmbus_sysfs_read_device(VMBUS_SYSFS_DEVICES, name, &sysfs, &file);

	if (ret < 0) {
		VMBUS_LOG(DEBUG, "%s: left out: %s: %s", name, file, strerror(-ret));
		return;
	}
	if (!class_known(sysfs.class_id))
		return;
	device = device_by_instance(sysfs.instance);
	if (device == NULL) {
		device = calloc(1, sizeof(*device));
		if (device == NULL)
			return;
		device->fd = -1;
		device->sysfs = sysfs;
		device_insert(device);
	}
	device->seen = true;
	if (device->driver == NULL)     /* one in use keeps what it was opened with */
		device->sysfs = sysfs;
	vmbus_guid_format(sysfs.instance, device->name);
	device->device.name = device->name;
	device->device.bus = &vmbus_bus;
	vmbus_compat_device_add(&vmbus_bus, &device->device);
	device->device.numa_node = sysfs.numa_node;
	device->device.devargs = devargs_find(device);
}

static int
bus_scan(void)
{
	struct vmbus_device *device, *next;
	struct dirent *entry;
	DIR *dir;

	take_over();
	devargs_respell();
	TAILQ_FOREACH(device, &devices, next)
		device->seen = false;
	dir = opendir(VMBUS_SYSFS_DEVICES);
	if (dir != NULL) {
		while ((entry = readdir(dir)) != NULL)
			if (entry->d_name[0] != '.')
				scan_one(entry->d_name);
		closedir(dir);
	} else if (errno != ENOENT) {
		VMBUS_LOG(ERR, "%s: %s", VMBUS_SYSFS_DEVICES, strerror(errno));
	}
	for (device = TAILQ_FIRST(&devices); device != NULL; device = next) {
		next = TAILQ_NEXT(device, next);
		if (!device->seen && device->driver == NULL)
			device_free(device);
	}
	return 0;
}

/* ---- probe ---- */

static bool
device_ignored(const struct vmbus_device *device)
{
	const struct rte_devargs *args = device->device.devargs;

	if (vmbus_bus.conf.scan_mode == RTE_BUS_SCAN_ALLOWLIST)
		return args == NULL || args->policy != RTE_DEV_ALLOWED;
	return args != NULL && args->policy == RTE_DEV_BLOCKED;
}

static bool
bus_match(const struct rte_driver *drv, const struct rte_device *dev)
{
	const struct vmbus_driver *driver = (const struct vmbus_driver *)
		((uintptr_t)drv - offsetof(struct vmbus_driver, driver));

	return memcmp(driver->class_id, to_vmbus(dev)->sysfs.class_id, VMBUS_GUID_BYTES) == 0;
}

static struct vmbus_driver *
driver_match(const struct vmbus_device *device)
{
	struct vmbus_driver *driver;

	TAILQ_FOREACH(driver, &drivers, next)
		if (bus_match(&driver->driver, &device->device))
			return driver;
	return NULL;
}

/* Returns 0, 1 if there is nothing to probe, or -errno. */
static int
device_probe(struct vmbus_device *device)
{
	struct vmbus_driver *driver = driver_match(device);
	int ret;

	if (device->driver != NULL)
		return -EEXIST;
	if (driver == NULL)
		return 1;
	if (device->sysfs.uio == VMBUS_NO_ID) {
		VMBUS_LOG(INFO, "%s: not bound to uio_hv_generic, left alone", device->name);
		return 1;
	}
	device->page_lists_ok = page_lists_ok(&device->sysfs);
	device->isolated = device->sysfs.isolated || vmbus_isolation_here();
	VMBUS_LOG(INFO, "%s: probing with %s, uio%d, relid %u", device->name,
		driver->driver.name, device->sysfs.uio, device->sysfs.relid);
	device->driver = driver;
	ret = driver->probe(driver, device);
	if (ret != 0) {
		device->driver = NULL;
		return ret;
	}
	device->device.driver = &driver->driver;
	return 0;
}

static int
bus_probe(VMBUS_COMPAT_BUS_ARG)
{
	struct vmbus_device *device;

	TAILQ_FOREACH(device, &devices, next) {
		int ret;

		if (device_ignored(device) || device->driver != NULL)
			continue;
		ret = device_probe(device);
		if (ret < 0)
			VMBUS_LOG(INFO, "%s: probe failed: %s", device->name, strerror(-ret));
	}
	return 0;
}

static int
device_remove(struct vmbus_device *device)
{
	int ret;

	if (device->driver == NULL)
		return 0;
	ret = device->driver->remove(device);
	if (ret < 0)
		return ret;
	device->driver = NULL;
	device->device.driver = NULL;
	return 0;
}

/* ---- run time ---- */

static struct vmbus_device *
device_after(const struct rte_device *start)
{
	return start == NULL ? TAILQ_FIRST(&devices) : TAILQ_NEXT(to_vmbus(start), next);
}

static struct rte_device *
bus_find_device(VMBUS_COMPAT_BUS_FIRST const struct rte_device *start, rte_dev_cmp_t cmp,
	const void *data)
{
	struct vmbus_device *device;

	for (device = device_after(start); device != NULL; device = TAILQ_NEXT(device, next))
		if (cmp(&device->device, data) == 0)
			return &device->device;
	return NULL;
}

/* NULL matches every device. */
static bool
name_matches(const struct vmbus_device *device, const char *name)
{
	uint8_t guid[VMBUS_GUID_BYTES];

	return name == NULL || (vmbus_guid_parse(name, guid) == 0 &&
		memcmp(guid, device->sysfs.instance, sizeof(guid)) == 0);
}

/* "name=UUID" is the one filter there is. */
static void *
bus_dev_iterate(VMBUS_COMPAT_BUS_FIRST const void *start, const char *str,
	const struct rte_dev_iterator *it)
{
	static const char *const keys[] = { "name", NULL };
	struct rte_kvargs *kvargs = NULL;
	const char *name = NULL;
	struct vmbus_device *device;

	(void)it;
	if (str != NULL) {
		kvargs = rte_kvargs_parse(str, keys);
		if (kvargs == NULL) {
			rte_errno = EINVAL;
			return NULL;
		}
		name = rte_kvargs_get(kvargs, "name");
	}
	for (device = device_after(start); device != NULL; device = TAILQ_NEXT(device, next))
		if (name_matches(device, name))
			break;
	rte_kvargs_free(kvargs);
	return device != NULL ? &device->device : NULL;
}

static int
bus_plug(VMBUS_COMPAT_DRIVER_FIRST struct rte_device *dev)
{
	return device_probe(to_vmbus(dev));
}

static int
bus_unplug(struct rte_device *dev)
{
	struct vmbus_device *device = to_vmbus(dev);
	int ret = device_remove(device);

	/* Kept until the next scan, which refreshes or frees it: EAL may still look
	 * at the device it asked to unplug. */
	if (ret == 0)
		device->device.devargs = NULL;
	return ret;
}

static int
bus_cleanup(VMBUS_COMPAT_BUS_ARG)
{
	struct vmbus_device *device, *next;
	int error = 0;

	for (device = TAILQ_FIRST(&devices); device != NULL; device = next) {
		int ret = device_remove(device);

		next = TAILQ_NEXT(device, next);
		if (ret < 0)
			error = ret;
		else
			device_free(device);
	}
	return error;
}

/* Page lists hold guest-physical page numbers; but to ask for them where there
 * are none makes EAL refuse to start, and without them transmit can copy. */
static enum rte_iova_mode
bus_get_iommu_class(void)
{
	const struct vmbus_device *device;

	TAILQ_FOREACH(device, &devices, next)
		if (device->sysfs.uio != VMBUS_NO_ID && !device->sysfs.iova_va &&
		    !device_ignored(device))
			return rte_eal_using_phys_addrs() ? RTE_IOVA_PA : RTE_IOVA_DC;
	return RTE_IOVA_DC;
}

void
vmbus_driver_register(struct vmbus_driver *driver)
{
	TAILQ_INSERT_TAIL(&drivers, driver, next);
	if (vmbus_bus.name != NULL)     /* else this program does without us */
		vmbus_compat_driver_add(&vmbus_bus, &driver->driver);
}

void
vmbus_driver_unregister(struct vmbus_driver *driver)
{
	TAILQ_REMOVE(&drivers, driver, next);
}

/* For applications that let EAL handle SIGBUS (rte_dev_hotplug_handle_enable()):
 * 0 if it was ours and is mended, 1 if it was not ours. */
static int
bus_sigbus(const void *address)
{
	return vmbus_guard_fault(address) ? 0 : 1;
}

static struct rte_bus vmbus_bus = {
	.scan = bus_scan,
	VMBUS_COMPAT_OP(probe, bus_probe),
	VMBUS_COMPAT_OP(find_device, bus_find_device),
	VMBUS_COMPAT_OPS(bus_plug, bus_unplug, bus_match, bus_compare),
	.parse = bus_parse,
	.get_iommu_class = bus_get_iommu_class,
	VMBUS_COMPAT_OP(dev_iterate, bus_dev_iterate),
	VMBUS_COMPAT_OP(cleanup, bus_cleanup),
	.sigbus_handler = bus_sigbus,
};

/* ---- loading ---- */

static int
not_twin(const struct rte_bus *bus, const void *data)
{
	(void)data;
	return strcmp(bus->name, VMBUS_BUS_NAME) != 0 || bus->parse == NULL ||
		bus->parse(VMBUS_BUS_TWIN, NULL) != 0;
}

/* The file that holds a function. */
static const char *
file_of(const void *function)
{
	Dl_info info;

	return dladdr(function, &info) != 0 && info.dli_fname != NULL ? info.dli_fname : "?";
}

/* One installed among DPDK's own plugins, and one given with -d: the first that
 * EAL loads serves, the other one does nothing. */
static bool
twin_found(void)
{
	const struct rte_bus *twin = rte_bus_find(NULL, not_twin, NULL);

	if (twin == NULL)
		return false;
	fprintf(stderr, "librte_netvsc: %s is loaded already: %s is not used\n",
		file_of((const void *)(uintptr_t)twin->parse),
		file_of((const void *)(uintptr_t)bus_parse));
	return true;
}

/* Structures of the bus and of ethdev differ between ABIs: into a program of
 * another one nothing is registered. */
RTE_INIT_PRIO(vmbus_register, BUS)
{
	const char *program = vmbus_compat_program_version();

	if (!vmbus_compat_same_abi(program)) {
		fprintf(stderr, "librte_netvsc: built for " VMBUS_COMPAT_ABI ", but this program is"
			" %s: not used; build it against the program's DPDK\n", program);
		return;
	}
	if (twin_found())
		return;
	vmbus_bus.name = VMBUS_BUS_NAME;
	rte_bus_register(&vmbus_bus);
	vmbus_compat_bus_init(&vmbus_bus);
}
