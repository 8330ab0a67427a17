/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HVSIM_KERNEL_H
#define HVSIM_KERNEL_H

/*
 * The part of the guest's Linux kernel: hv_vmbus, uio_hv_generic and sysfs,
 * for guests that are preloaded processes. One kern_vm per guest.
 *
 *   vm.c       guests; the transport that the VSP uses; monitor polling
 *   device.c   offers, opens, closes, rescinds; rings as this kernel makes them
 *   monitor.c  the VM-wide pages: pending bits, latencies, foreign changes
 *   idle.c     how a store into the monitor page wakes a sleeping hvsim
 *   tree.c     the sysfs tree on disk
 *   attr.c     reading and writing attributes
 *   driver.c   which of the kernel's drivers a device is bound to
 *   profile.c  what kernels differ in
 *   server.c   the sockets of guest_proto.h
 *   uio.c      open files of /dev/uioN: counts, kicks, EIO
 *   memory.c   guest memory: maps, page numbers, pagemap, process_vm_readv
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "../core/config.h"
#include "../core/engine.h"
#include "../core/stats.h"
#include "../guest/guest_proto.h"
#include "../transport.h"

/* Kernel profiles: 4.16, 4.18, 5.15, 6.1, 6.1.158, 6.12.41, 6.18 (newest, default). */
struct kern_profile {
	const char *name;
	const char *about;
	bool ring_late;                 /* `ring` appears after the uio device */
	bool ring_attr_real_size;       /* else its size is said to be 4 MiB */
	bool ring_attr_primary;         /* the primary channel has a `ring` too */
	bool subchannels;               /* opened, each with a `ring` */
	uint32_t ring_bytes;            /* both directions, primary */
	uint32_t subchannel_ring_bytes;
	bool masks_at_open;             /* the kernel stores interrupt_mask = 1 */
	bool irqcontrol_all;            /* write() acts on all channels */
	bool irqcontrol_signals;        /* ... and signals monitor-less channels */
	bool monitorless;               /* binds devices without a monitor */
	uint32_t control_page_bytes;    /* of the int and monitor maps: as announced */
	bool subchannel_irq_oops;       /* an unmasked subchannel interrupt is fatal */
	bool driver_override;
	bool attrs_need_open;           /* channels/N attributes: EINVAL until it is open */
	bool cpu_writable;              /* channels/N/cpu */
};
const struct kern_profile *kern_profile_find(const char *name);
const struct kern_profile *kern_profile_next(const struct kern_profile *profile);
const struct kern_profile *kern_profile_default(void);

/* A piece of memory that the guest can be given: a memfd. */
struct shm {
	int fd;
	uint8_t *base;
	uint64_t bytes;
};
int shm_create(struct shm *shm, const char *name, uint64_t bytes);
void shm_destroy(struct shm *shm);
/* Takes the pages away from whoever still maps them. */
void shm_revoke(struct shm *shm);
/* Revokes and destroys; also one that is no more. */
void shm_end(struct shm *shm);
/* From the SIGBUS handler: the guest cut memory short that is mapped here; puts
 * private zeros in its place. False if addr is in none of it. */
bool shm_fault(const void *addr);

struct kern_vm;
struct kern_device;
struct uio_file;        /* one open() of /dev/uioN (uio.c) */
struct kern_process;    /* one guest process (server.c) */

enum kern_channel_state {
	KERN_CHANNEL_OFFERED,
	KERN_CHANNEL_OPEN,
	KERN_CHANNEL_CLOSED,    /* closed by us or the host; lingers until rescinded */
};

struct hv_channel {             /* the transport's handle */
	struct kern_device *device;
	struct hv_channel *next;
	struct vsp_channel *vsp;
	uint32_t relid;
	uint16_t index;         /* 0 primary */
	uint8_t monitor_id;     /* VMBUS_MONITOR_NONE */
	enum kern_channel_state state;
	struct shm ring;        /* both directions; primary: map 0 */
	bool ring_visible;      /* the attribute exists */
	struct engine_timer ring_timer;
	uint64_t interrupts, events;
	uint32_t cpu;
	uint64_t dir_inode;     /* of channels/<relid> in the tree */
	bool rescinded;         /* only its folder is left, for a moment */
};

enum kern_driver {
	KERN_DRIVER_NONE,
	KERN_DRIVER_UIO,        /* uio_hv_generic */
	KERN_DRIVER_NETVSC,     /* hv_netvsc */
	KERN_DRIVER_COUNT,
};

struct hv_device;               /* is a struct kern_device */

struct kern_device {
	struct kern_vm *vm;
	struct kern_device *next;
	struct vsp_nic *nic;
	char guid[37];
	uint32_t uio;           /* N of /dev/uioN; UINT32_MAX while not bound */
	struct hv_channel *primary;     /* also first of channels */
	struct hv_channel *channels;
	struct shm recv, send;
	uint32_t recv_gpadl, send_gpadl;
	unsigned int open_files;        /* struct uio_file alive: kern_device_open() counts */
	struct uio_file *files;
	bool gone;              /* rescinded */
	bool isolated;
	bool monitor;           /* the host gives its channels monitor ids */
	uint16_t latency_100ns;
	enum kern_driver driver;
	char driver_override[64];       /* "" = none */
	uint64_t dir_inode, uio_inode;  /* of its folders in the tree */
	uint32_t uio_events;            /* as the `event` attribute counts them */
};

struct kern_vm {                /* is a struct hv_guest */
	struct kern_vm *next;
	char name[32];
	char *dir;              /* HVSIM_DIR of this guest */
	const struct kern_profile *profile;
	enum config_iova iova;
	struct shm int_page, monitor_page;
	struct kern_device *devices;
	struct kern_process *processes;
	int listen_fd;
	uint32_t next_relid, next_gpadl;
	uint32_t uio_first, uio_count, uio_major;
	uint8_t monitor_used[16];       /* bitmap of monitor ids */
	struct engine_poller poller;    /* the monitor page */
	struct guest_memory *memory;
	struct tree *tree;
	struct idle *idle;
	struct kern_monitor *monitor;
	struct kern_device *gone;       /* rescinded, files still open */
	struct kern_graves *graves;     /* memory waiting to be revoked; NULL: none yet */
	bool new_id[KERN_DRIVER_COUNT]; /* the driver was told of NICs */
	bool crashed;                   /* its kernel oopsed; until all files are closed */
	struct engine_timer crash_timer;
};

/* ---- vm.c ---- */
extern const struct hv_transport kern_transport;
/* Creates a guest with its folder below `parent_dir`. NULL and a sentence on error. */
struct kern_vm *kern_vm_create(const struct config_guest *config, const char *parent_dir,
	char *error, unsigned int error_bytes);
void kern_vm_destroy(struct kern_vm *vm);
struct kern_vm *kern_vm_find(const char *name);
struct kern_vm *kern_vm_next(struct kern_vm *vm);
struct hv_guest *kern_vm_guest(struct kern_vm *vm);
const char *kern_vm_dir(const struct kern_vm *vm);
void kern_vm_stats(struct kern_vm *vm, struct stat_sink *sink);

/* ---- device.c ---- */
struct kern_device *kern_device_by_uio(struct kern_vm *vm, uint32_t uio);
/* First open: rings are reset and the channel is opened on the host; further
 * ones only count. Returns 0 or -errno. */
int kern_device_open(struct kern_device *device);
/* Last release closes primary and subchannels on the host. Never touch the
 * device afterwards: a rescinded one is freed here. */
void kern_device_release(struct kern_device *device);
/* The kernel's irqcontrol beyond what the library did itself: bits of the
 * interrupt page are looked at, monitor-less channels are signalled. */
void kern_device_kicked(struct kern_device *device, bool enable);
/* Finds the channel whose `ring` attribute this is, or NULL. Mapping it is
 * -ENODEV unless its state is KERN_CHANNEL_OPEN. */
struct hv_channel *kern_ring_by_path(struct kern_vm *vm, const char *path);

/* ---- idle.c ---- */
/* GUEST_UFFD: a process mapped the monitor page. Takes fd over; -1: none. */
void idle_watch(struct kern_vm *vm, pid_t pid, const struct guest_uffd *where, int fd);
void idle_process_gone(struct kern_vm *vm, pid_t pid);

/* ---- tree.c, attr.c; paths are those of the guest: /sys/... ---- */
int tree_create(struct kern_vm *vm);
void tree_destroy(struct kern_vm *vm);
int tree_device_add(struct kern_device *device);
void tree_device_remove(struct kern_device *device);
int tree_uio_add(struct kern_device *device);           /* bound to uio_hv_generic */
void tree_uio_remove(struct kern_device *device);
int tree_channel_add(struct hv_channel *channel);
void tree_channel_remove(struct hv_channel *channel);
int tree_ring_add(struct hv_channel *channel);
int tree_attr_refresh(struct kern_vm *vm, const char *path);
int tree_attr_store(struct kern_vm *vm, const char *path, const char *data, uint32_t bytes);

/* ---- server.c ---- */
int server_start(struct kern_vm *vm);
void server_stop(struct kern_vm *vm);
/* Handles what guest processes have said already: before a page is given up. */
void server_drain(struct kern_vm *vm);

/* ---- uio.c ---- */
void uio_event(struct kern_device *device);     /* raise the count of every open file, kick */
void uio_gone(struct kern_device *device);      /* EIO from now on */
void uio_channels_changed(struct kern_device *device);

/* ---- memory.c ---- */
struct guest_memory *guest_memory_create(struct kern_vm *vm);
void guest_memory_destroy(struct guest_memory *memory);
/* Takes fd over, also when it fails. */
int guest_memory_map(struct guest_memory *memory, pid_t pid, const struct guest_mem *mem, int fd);
void guest_memory_unmap(struct guest_memory *memory, pid_t pid, const struct guest_mem *mem);
void guest_memory_process_gone(struct guest_memory *memory, pid_t pid);
/* See hv_transport.page. */
const uint8_t *guest_memory_page(struct guest_memory *memory, uint64_t page_number,
	uint32_t offset, uint32_t bytes, bool *in_place);
/* Once per round of the engine: copies die, and what a process took back is
 * unmapped after one more round. */
void guest_memory_round(struct guest_memory *memory);
void guest_memory_set_pa(struct guest_memory *memory, bool pa);

#endif /* HVSIM_KERNEL_H */
