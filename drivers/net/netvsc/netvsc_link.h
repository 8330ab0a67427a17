/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NETVSC_LINK_H
#define NETVSC_LINK_H

/*
 * The life of the link to the host: open, attach, more channels, reopen,
 * detach, close. These functions take the control lock themselves, are bounded
 * and return 0 or -errno, with the device, the step and the host's answer in
 * the log. The caller keeps all bursts out (queues' gates) and takes back what
 * they had under way before a close or reopen; in the primary process only.
 */

#include "netvsc.h"

/*
 * Opens the device, negotiates (dev->mtu is asked for) and asks what the host
 * can do; nothing is received yet. Then opens channels up to `queues`, as far
 * as the host grants them: dev->channel_count says how many there are. Where it
 * fails, nothing is left open.
 */
int netvsc_link_open(struct netvsc_device *dev, struct vmbus_device *vmbus, unsigned int queues);

/* Tells the host, if it still listens, and unmaps everything. */
void netvsc_link_close(struct netvsc_device *dev, struct vmbus_device *vmbus);

/* Opens channels up to `queues` on an open link that has had the main one only.
 * A host takes that request once per open: afterwards reopen. */
int netvsc_link_open_channels(struct netvsc_device *dev, struct vmbus_device *vmbus,
	unsigned int queues);

/*
 * Closes the link and opens it again with this MTU and up to so many channels,
 * then sends all settings again; dev->vmbus and the buffers move. -EINVAL if the
 * host allows a smaller MTU only. Where it fails, the link is opened again as it
 * was; if that fails too, it is closed, netvsc_xact_alive() says -ENODEV, and
 * removal is noticed a second late. Another reopen may try again.
 */
int netvsc_link_reopen(struct netvsc_device *dev, struct vmbus_device *vmbus, uint16_t mtu,
	unsigned int queues);

/* Sends all settings again to a host that knows none of them. Tries all;
 * returns the first failure. */
int netvsc_link_restore(struct netvsc_device *dev);

#endif /* NETVSC_LINK_H */
