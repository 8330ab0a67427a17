/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VMBUS_GUARD_H
#define VMBUS_GUARD_H

/*
 * What keeps the process alive when the kernel takes back memory that it mapped.
 * With the folder of a subchannel that the host rescinds goes the mapping of its
 * `ring`, as with every file of sysfs, under a thread that may be in the middle of
 * a burst: its next access is a SIGBUS. Here such a page becomes one of the
 * process's own, full of zeros, which a burst bears as it bears all that a host
 * writes; that the device is gone is told by others. A thread that blocks SIGBUS is
 * ended by the kernel all the same. Knows no DPDK.
 */

#include <stdbool.h>
#include <stdint.h>

/* Windows of address space that can be guarded at a time. */
#define VMBUS_GUARD_MAX 256u

/* Guards a window of mapped files, whole pages. With the first one SIGBUS gets a
 * handler, which passes on what lies elsewhere to the handler that was there, or
 * to the default. Returns 0, -ENOSPC, or another -errno; without a guard the
 * window is as good as before. Not for the window of another process. */
int vmbus_guard_add(void *window, uint64_t bytes);

/* Before the address space is given back; does nothing for a window that is not
 * guarded. With the last one SIGBUS is again whose it was, unless somebody else
 * took it since. */
void vmbus_guard_remove(void *window);

/* For a handler of SIGBUS, also another's (struct rte_bus, sigbus_handler): true
 * if the address is in a window; its page is now one of zeros, and the access is
 * to be tried again. Safe in a signal handler, and leaves errno. */
bool vmbus_guard_fault(const void *address);

/* Pages of this process that became zeros, since it started. */
uint64_t vmbus_guard_mended(void);

#endif /* VMBUS_GUARD_H */
