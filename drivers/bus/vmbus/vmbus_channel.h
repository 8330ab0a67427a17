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

#endif /* VMBUS_CHANNEL_H */
