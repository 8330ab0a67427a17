/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VMBUS_SYSFS_H
#define VMBUS_SYSFS_H

/*
 * What sysfs says about VMBus devices. Reads files and nothing else; knows no
 * DPDK. Kernels differ in which files there are: a missing file is a fact
 * (no monitor, not bound), not an error, unless nothing works without it.
 * Files and formats: doc/guides/nics/netvsc, "What is read from the kernel".
 */

#include <stdbool.h>
#include <stdint.h>

#include "uio_layout.h"

#define VMBUS_SYSFS_DEVICES "/sys/bus/vmbus/devices"

#define VMBUS_GUID_BYTES 16u
#define VMBUS_GUID_TEXT_BYTES 37u
#define VMBUS_NO_ID (-1)

/* Parses a GUID with or without braces, in either case; bytes in the order in
 * which they are printed. Returns 0 or -EINVAL. */
int vmbus_guid_parse(const char *text, uint8_t guid[VMBUS_GUID_BYTES]);
void vmbus_guid_format(const uint8_t guid[VMBUS_GUID_BYTES], char text[VMBUS_GUID_TEXT_BYTES]);

struct vmbus_sysfs_device {
	char name[64];              /* the directory's name */
	uint8_t class_id[VMBUS_GUID_BYTES];
	uint8_t instance[VMBUS_GUID_BYTES];
	uint32_t relid;
	int monitor_id;             /* VMBUS_NO_ID: no monitor was allocated */
	int numa_node;              /* -1: any */
	int uio;                    /* N of /dev/uioN; VMBUS_NO_ID: not bound to it */
	/* Two attributes that no kernel has and hvsim does. */
	bool iova_va;               /* page lists may hold virtual addresses */
	bool iova_other;            /* what they may hold is not known here */
	bool isolated;              /* a confidential guest; CPUID is the processor's own */
};

/* Reads one device below `devices` (VMBUS_SYSFS_DEVICES). Returns 0; -ENODEV if
 * it is not (or no longer) there; -EPROTO if one of the files that every kernel
 * has says nothing sensible; `*file` then names it. */
int vmbus_sysfs_read_device(const char *devices, const char *name,
	struct vmbus_sysfs_device *device, const char **file);

struct vmbus_sysfs_map {
	char name[32];
	uint64_t bytes;
	uint32_t gpadl;             /* of the two buffers */
};

/* Reads and checks the five maps by name. Returns 0, -ENOENT if one is missing,
 * -EPROTO if a name or size is not what it must be; `*map` tells which. */
int vmbus_sysfs_read_maps(const char *devices, const char *name, int uio,
	struct vmbus_sysfs_map maps[UIO_MAP_COUNT], unsigned int *map);

struct vmbus_sysfs_channel {
	uint32_t relid;
	uint32_t index;             /* 0 = primary */
	int monitor_id;
	bool has_ring;              /* the `ring` file is there and may be opened */
};

/* Reads all channels of a device, in order of index; entries that vanish or
 * cannot be read yet are left out. Returns how many, at most `max`, or -errno. */
int vmbus_sysfs_read_channels(const char *devices, const char *name,
	struct vmbus_sysfs_channel *channels, unsigned int max);

#endif /* VMBUS_SYSFS_H */
