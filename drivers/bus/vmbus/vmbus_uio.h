/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VMBUS_UIO_H
#define VMBUS_UIO_H

/*
 * Opening /dev/uioN and mapping what it exports. The only file that opens and
 * maps; knows no DPDK. All maps of a device lie inside one window of address
 * space, reserved first, so that another process can put them at the same
 * addresses; every map is populated at once, because a page that is touched
 * for the first time after the host took the device away is a SIGBUS. Some are
 * one then although they were touched: vmbus_guard.h.
 */

#include <stdbool.h>
#include <stdint.h>

#include "uio_layout.h"
#include "vmbus_sysfs.h"

#define VMBUS_SUBCHANNELS_MAX 63u

struct vmbus_mapping {
	void *addr;                 /* NULL while not mapped */
	uint64_t bytes;
};

/* Plain data: may live in memory that processes share. */
struct vmbus_maps {
	void *window;
	uint64_t window_bytes;
	uint32_t page_bytes;        /* the system's */
	struct vmbus_mapping map[UIO_MAP_COUNT];
	uint64_t ring_slot_bytes;   /* of the window, for each subchannel */
	struct vmbus_mapping ring[VMBUS_SUBCHANNELS_MAX];
	struct vmbus_mapping kept;  /* of vmbus_uio_keep() */
};

/* Opens /dev/uio<number>; the first open of all opens the channel on the host.
 * Returns the descriptor or -errno. */
int vmbus_uio_open(int number);

/* Makes this process the only one that drives the device, for as long as its
 * descriptor or a mapping lives: a second one would make the host forget the
 * first one's link. Returns 0, or -EBUSY if there is another. Device nodes of
 * two containers are different files: there the kernel cannot tell. */
int vmbus_uio_lock(int fd);

/* Maps all five maps. Returns 0, or -errno with nothing left mapped. */
int vmbus_uio_map(int fd, const struct vmbus_sysfs_map sysfs[UIO_MAP_COUNT],
	struct vmbus_maps *maps);
/* Maps a subchannel's ring file into slot `slot`. Returns 0 or -errno. */
int vmbus_uio_map_ring(const char *devices, const char *name, uint32_t relid,
	struct vmbus_maps *maps, unsigned int slot);
void vmbus_uio_unmap_ring(struct vmbus_maps *maps, unsigned int slot);
/* Unmaps everything, subchannels first; accepts what vmbus_uio_map() half made. */
void vmbus_uio_unmap(struct vmbus_maps *maps);
/*
 * Leaves what a map holds where it is, for those who still point there: a private
 * copy takes its place, which vmbus_uio_unmap() spares. Threads that read meanwhile
 * notice nothing; what they write meanwhile may be lost. One map at a time. Whoever
 * asked for it gives addr and bytes of the mapping to vmbus_uio_kept_free(), after
 * vmbus_uio_unmap(), on any thread. Returns 0; or -errno: then the map itself stays,
 * and the device open, until that.
 */
int vmbus_uio_keep(struct vmbus_maps *maps, unsigned int which);
void vmbus_uio_kept_free(void *addr, uint64_t bytes);

/* Asks the kernel to unmask (true) or mask the device's interrupts and, where
 * a channel has no monitor, to look at the interrupt page. Returns 0, -EIO
 * once the device is gone, or another -errno. */
int vmbus_uio_irqcontrol(int fd, bool enable);
/* The number of interrupts so far, without blocking if fd does not block.
 * Returns 0, -EAGAIN, -EIO once the device is gone, or another -errno. */
int vmbus_uio_events(int fd, uint32_t *count);

#endif /* VMBUS_UIO_H */
