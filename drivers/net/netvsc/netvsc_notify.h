/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NETVSC_NOTIFY_H
#define NETVSC_NOTIFY_H

/*
 * What the host says without being asked: in-band NVSP messages and RNDIS
 * status indications. They come at any time, also while a request waits for
 * its reply. Called by netvsc_xact.c from whoever drains the channel: never
 * blocks. `bytes` of the message are the caller's copy.
 */

#include "netvsc.h"

void netvsc_notify_inband(struct netvsc_device *dev, const void *payload, uint32_t bytes);
/* An RNDIS_INDICATE_STATUS message. */
void netvsc_notify_status(struct netvsc_device *dev, const void *message, uint32_t bytes);

void netvsc_notify_malformed(struct netvsc_device *dev);
void netvsc_notify_unknown(struct netvsc_device *dev, const char *what, uint32_t id);

#endif /* NETVSC_NOTIFY_H */
