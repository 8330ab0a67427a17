/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The driver model as far as a bind tool sees it: two drivers, NIC devices,
 * new_id, driver_override, bind and unbind. hvsim's guests start as after a
 * bind tool has run: uio_hv_generic was told of NICs and takes new devices.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "../../../drivers/bus/vmbus/uio_layout.h"
#include "../core/log.h"
#include "../core/units.h"
#include "internal.h"

static const char *const names[KERN_DRIVER_COUNT] = {
	[KERN_DRIVER_UIO] = "uio_hv_generic",
	[KERN_DRIVER_NETVSC] = "hv_netvsc",
};

const char *
driver_name(enum kern_driver driver)
{
	return names[driver];
}

static bool
driver_matches(const struct kern_device *device, enum kern_driver driver)
{
	if (device->driver_override[0] != '\0')
		return strcmp(device->driver_override, names[driver]) == 0;
	/* hv_netvsc has NICs in its own table. */
	return driver == KERN_DRIVER_NETVSC || device->vm->new_id[driver];
}

static int
driver_bind(struct kern_device *device, enum kern_driver driver)
{
	int ret = driver == KERN_DRIVER_UIO ? device_uio_bind(device) : 0;

	if (ret < 0)
		return ret;
	device->driver = driver;
	ret = tree_driver_link(device, true);
	log_info("%s: bound to %s", device->guid, names[driver]);
	return ret;
}

/* Refused while a program has the device open: a kernel would go through with
 * it and leave the program with memory that is gone. */
static int
driver_unbind(struct kern_device *device)
{
	if (device->driver == KERN_DRIVER_UIO) {
		if (device->open_files > 0)
			return -EBUSY;
		device_uio_unbind(device);
	}
	tree_driver_link(device, false);
	log_info("%s: unbound from %s", device->guid, names[device->driver]);
	device->driver = KERN_DRIVER_NONE;
	return 0;
}

int
driver_probe(struct kern_device *device)
{
	for (enum kern_driver d = KERN_DRIVER_UIO; d < KERN_DRIVER_COUNT; d++) {
		if (device->driver == KERN_DRIVER_NONE && driver_matches(device, d)) {
			int ret = driver_bind(device, d);

			/* A driver that does not want it leaves the device as it is. */
			if (ret < 0 && ret != -EOPNOTSUPP)
				return ret;
		}
	}
	return 0;
}

static struct kern_device *
device_named(struct kern_vm *vm, const char *guid)
{
	struct kern_device *device = vm->devices;

	while (device != NULL && strcmp(device->guid, guid) != 0)
		device = device->next;
	return device;
}

int
driver_probe_named(struct kern_vm *vm, const char *guid)
{
	struct kern_device *device = device_named(vm, guid);

	return device == NULL ? -ENODEV : driver_probe(device);
}

/* ---- the driver's attributes ---- */

static int
store_bind(struct kern_vm *vm, enum kern_driver driver, const char *guid)
{
	struct kern_device *device = device_named(vm, guid);

	if (device == NULL || !driver_matches(device, driver))
		return -ENODEV;
	return device->driver != KERN_DRIVER_NONE ? -EBUSY : driver_bind(device, driver);
}

static int
store_unbind(struct kern_vm *vm, enum kern_driver driver, const char *guid)
{
	struct kern_device *device = device_named(vm, guid);

	return device == NULL || device->driver != driver ? -ENODEV : driver_unbind(device);
}

static int
class_parse(const char *text, bool *nic)
{
	uint8_t guid[16], class_id[16];

	if (units_parse_guid(text, guid) < 0 ||
			units_parse_guid(VMBUS_NIC_CLASS_GUID, class_id) < 0)
		return -EINVAL;
	*nic = memcmp(guid, class_id, sizeof(guid)) == 0;
	return 0;
}

/* Classes other than the NIC's are accepted and mean nothing here. */
static int
store_new_id(struct kern_vm *vm, enum kern_driver driver, const char *text)
{
	bool nic;

	if (class_parse(text, &nic) < 0)
		return -EINVAL;
	if (!nic)
		return 0;
	if (vm->new_id[driver])
		return -EEXIST;
	vm->new_id[driver] = true;
	for (struct kern_device *device = vm->devices; device != NULL; device = device->next) {
		if (device->driver == KERN_DRIVER_NONE && driver_matches(device, driver))
			driver_bind(device, driver);
	}
	return 0;
}

static int
store_remove_id(struct kern_vm *vm, enum kern_driver driver, const char *text)
{
	bool nic;

	if (class_parse(text, &nic) < 0)
		return -EINVAL;
	if (!nic || !vm->new_id[driver])
		return -ENODEV;
	vm->new_id[driver] = false;
	return 0;
}

int
driver_store(struct kern_vm *vm, enum kern_driver driver, const char *attr, const char *text)
{
	static const struct {
		const char *name;
		int (*store)(struct kern_vm *vm, enum kern_driver driver, const char *text);
	} attrs[] = {
		{ "bind", store_bind },
		{ "unbind", store_unbind },
		{ "new_id", store_new_id },
		{ "remove_id", store_remove_id },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(attrs); i++) {
		if (strcmp(attrs[i].name, attr) == 0)
			return attrs[i].store(vm, driver, text);
	}
	return -EACCES;
}
