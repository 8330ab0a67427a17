/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HVSIM_KERNEL_INTERNAL_H
#define HVSIM_KERNEL_INTERNAL_H

/* What the files of the guest's kernel (vm.c, grave.c, device.c, driver.c,
 * monitor.c, idle.c, tree.c, attr.c) share among themselves. */

#include <sys/types.h>

#include "../../../drivers/bus/vmbus/vmbus_wire.h"
#include "../core/util.h"
#include "kernel.h"

#define KERN_RELIDS (VMBUS_INT_PAGE_HALF_BYTES * 8u)
#define KERN_MONITOR_IDS (VMBUS_MONITOR_GROUPS * VMBUS_MONITOR_BITS)
#define KERN_UIO_COUNT 256u
/* The class GUID as it lies in memory: the first three fields little-endian. */
#define KERN_MODALIAS "vmbus:635161f83edfc546913ff2d2f965ed0e"
#define KERN_DEVICES_BELOW_SYS "devices/LNXSYSTM:00/LNXSYBUS:00/ACPI0004:00/VMBUS:00"
#define KERN_TREE_DEVICES "sys/" KERN_DEVICES_BELOW_SYS

/* ---- shm.c ---- */
/* Ends hvsim's own mapping; the memory lives on for the guest. */
void shm_unmap(struct shm *shm);

/* ---- grave.c ---- */
/* Revokes a ring some time after every thread of the guest could know, at the
 * latest after 10 s; takes shm over. */
void grave_bury(struct kern_vm *vm, struct shm *shm);
/* Revokes all that is left. */
void graves_destroy(struct kern_vm *vm);

/* ---- vm.c ---- */
/* The guest's kernel dies of an oops in a function of this name, as soon as no callback is
 * under way. why: the format of a sentence about the channel, whose index it takes. */
void vm_oops(struct hv_channel *channel, const char *where, const char *why)
	__attribute__((format(printf, 3, 0)));

/* ---- device.c ---- */
int device_uio_bind(struct kern_device *device);
void device_uio_unbind(struct kern_device *device);
void device_channels_close(struct kern_device *device);
void device_destroy(struct kern_device *device);        /* unlinked already; takes halves */
void device_unlink(struct kern_device **list, struct kern_device *device);
struct hv_device *device_offer(struct hv_guest *guest, const struct hv_offer *offer,
	struct vsp_nic *nic, struct vsp_channel *primary);
void device_rescind(struct hv_device *handle);
struct kern_device *device_of(struct hv_device *handle);
void channel_rings(const struct hv_channel *channel, struct hv_rings *rings);
int channel_offer(struct hv_device *handle, uint16_t index, struct vsp_channel *vsp);
void channel_rescind(struct hv_channel *channel);
void device_interrupt(struct hv_channel *channel);

/* ---- driver.c ---- */
const char *driver_name(enum kern_driver driver);       /* NULL for none */
/* Looks for a driver that takes the device, as the kernel does at device_add. */
int driver_probe(struct kern_device *device);
int driver_store(struct kern_vm *vm, enum kern_driver driver, const char *attr,
	const char *text);
int driver_probe_named(struct kern_vm *vm, const char *guid);

/* ---- monitor.c ---- */
struct kern_monitor {
	struct hv_channel *by_id[KERN_MONITOR_IDS];
	struct hv_channel *by_relid[KERN_RELIDS];
	struct vmbus_monitor_page shadow;       /* what nobody but us may change */
	/* Until when a channel's bits are excused that the host took away: a guest
	 * that signals does not know of it yet. */
	uint64_t id_excused_ns[KERN_MONITOR_IDS], relid_excused_ns[KERN_RELIDS];
	unsigned int open_channels;
	uint64_t last_traffic_ns, next_look_ns, next_compare_ns;
	uint64_t looks, signals, foreign;
};
int monitor_create(struct kern_vm *vm);
void monitor_destroy(struct kern_vm *vm);
/* Gives the channel a relid, and a monitor id where it shall have one. */
int monitor_channel_add(struct hv_channel *channel);
void monitor_channel_remove(struct hv_channel *channel);
void monitor_channel_opened(struct hv_channel *channel);
void monitor_channel_closed(struct hv_channel *channel);
/* Looks at the pages; returns how many channels were signalled. */
unsigned int monitor_look(struct kern_vm *vm);
bool monitor_pending(const struct kern_vm *vm);
uint64_t monitor_period_ns(const struct kern_vm *vm);
/* Takes this channel's bit in the interrupt page away; was it set? */
bool int_page_take(struct kern_vm *vm, uint32_t relid);

/* ---- idle.c ---- */
struct idle {
	struct idle_region *regions;
	bool asleep;            /* the page is write-protected */
	uint64_t faults, sleeps;
};
int idle_create(struct kern_vm *vm);
void idle_destroy(struct kern_vm *vm);
void idle_wake(struct kern_vm *vm);             /* stores are free again */
bool idle_prepare_sleep(void *arg);
uint64_t idle_next_ns(void *arg);
unsigned int idle_poll(void *arg);

/* ---- tree.c ---- */
struct tree {
	int root_fd;
	dev_t dev;
	uint64_t bus_inode;
	uint64_t driver_inode[KERN_DRIVER_COUNT];
};
/* The channel below whose folder `name` is what the path leads to, or NULL. */
struct hv_channel *tree_channel_by_path(struct kern_vm *vm, const char *path, const char *name);
void tree_ring_remove(struct hv_channel *channel);
int tree_driver_link(struct kern_device *device, bool on);

/* ---- files.c ---- */
/* Makes the content of an existing attribute file. */
int tree_put(int dir_fd, const char *name, const char *text);
/* Makes a file. text may be NULL: `bytes` zero bytes. */
int tree_file_add(int dir_fd, const char *name, mode_t mode, const char *text, off_t bytes);
int tree_file_addf(int dir_fd, const char *name, mode_t mode, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
int tree_dir_open(int dir_fd, const char *path);
int tree_mkdir(int dir_fd, const char *name);
/* Makes one folder, or finds it made, and opens it. */
int tree_dir_add(int dir_fd, const char *name);
/* Makes all folders of a path. */
int tree_dirs_add(int root_fd, const char *path);
/* Removes a file, or a folder with all that is in it. */
void tree_remove_at(int dir_fd, const char *name, int depth);

/* ---- attr.c: the numeric attributes of a channel and of its device ---- */
struct attr {
	const char *name;
	mode_t mode;
	uint8_t need;           /* ATTR_* */
	const char *format;     /* of one uint64_t */
	uint64_t (*value)(const struct hv_channel *channel);
};
#define ATTR_MONITOR 0x1u       /* hidden without a monitor id */
#define ATTR_RINGS   0x2u       /* -EINVAL while it has no rings */
extern const struct attr device_attrs[], channel_attrs[];
extern const unsigned int device_attr_count, channel_attr_count;
bool attr_visible(const struct attr *attr, const struct hv_channel *channel);
mode_t attr_mode(const struct attr *attr, const struct kern_profile *profile);
/* Writes the text; returns 0, or -EINVAL where reading it fails now. */
int attr_show(const struct attr *attr, const struct hv_channel *channel, char *text,
	size_t bytes);
void attr_show_vp_mapping(const struct kern_device *device, char *text, size_t bytes);
void attr_show_uevent(const struct kern_device *device, char *text, size_t bytes);

#endif /* HVSIM_KERNEL_INTERNAL_H */
