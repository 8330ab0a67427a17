/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VMBUS_CHANNEL_H
#define VMBUS_CHANNEL_H

/* Channels, for the bus itself; drivers see them through vmbus_driver.h. */

#include "vmbus_driver.h"

#define VMBUS_CHANNEL_FD_SLOTS 256u

/* A slot of this process's table for the descriptor of a device. Returns the
 * slot or -ENOSPC. */
int vmbus_channel_fd_claim(int fd);
void vmbus_channel_fd_release(unsigned int slot);

/* Attaches to mapped rings. NULL with errno on failure; EPROTO: no rings. */
struct vmbus_channel *vmbus_channel_create(struct vmbus_shared *shared,
	const struct vmbus_sysfs_channel *sysfs, const struct vmbus_mapping *rings, int socket);
void vmbus_channel_destroy(struct vmbus_channel *channel);

/* Masks the receive rings of all open channels: after every write to the
 * device's descriptor, which may have unmasked them. */
void vmbus_channel_mask_all(const struct vmbus_shared *shared);

/* Does vmbus_channel_signal() reach the host? A channel without a monitor needs
 * the kernel's irqcontrol for it, which acts on the main channel alone before
 * Linux commit d062463edf17 (6.17, and stable kernels since November 2025). The
 * channel is one that shared->channel[] has. */
bool vmbus_channel_heard(struct vmbus_channel *channel);

#endif /* VMBUS_CHANNEL_H */
