/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NETVSC_EVENT_H
#define NETVSC_EVENT_H

/*
 * What the host announces by itself, told to the application. Whoever drains
 * the channel raises an event; an alarm, which runs without any of our locks,
 * tells it to ethdev: a callback may call back into the driver.
 */

#include "netvsc.h"

#define NETVSC_EVENT_LINK           0x1u    /* up, down, or another speed */
#define NETVSC_EVENT_NETWORK_CHANGE 0x2u    /* another network behind a link that stayed up */
#define NETVSC_EVENT_OFFLOAD        0x4u    /* the current offload configuration */
#define NETVSC_EVENT_VF             0x8u    /* association changed */
#define NETVSC_EVENT_DATA_PATH      0x10u   /* the host switched it */
#define NETVSC_EVENT_REMOVED        0x20u   /* the device is gone */
#define NETVSC_EVENT_BROKEN         0x40u   /* a channel is dead: only a reset helps */

/* Never blocks; may be called with locks held. */
void netvsc_event_raise(struct netvsc_device *dev, uint32_t events);
/* The port is of no use until its link is opened again. The application is told
 * of it once, if the device is still there when it is told; netvsc_event_repaired()
 * when that has happened. Never block. */
void netvsc_event_broken(struct netvsc_device *dev);
void netvsc_event_repaired(struct netvsc_device *dev);
/* The host took the device away. The application is told of it once, if the device
 * was not opened again meanwhile (netvsc_event_opened()): one that was is another.
 * Never block. */
void netvsc_event_removed(struct netvsc_device *dev);
void netvsc_event_opened(struct netvsc_device *dev);
/* Is that why a ring makes no sense? Then netvsc_event_removed() follows. May be
 * called with a channel's lock held. */
bool netvsc_event_gone(struct netvsc_device *dev);
/* Waits for a handler that runs and forgets what is pending: before dev is
 * freed. Not from a handler, nor with the control lock held. */
void netvsc_event_cancel(struct netvsc_device *dev);

/* The link as the host last told it. Lock-free. */
struct rte_eth_link netvsc_event_link(const struct netvsc_device *dev);

#endif /* NETVSC_EVENT_H */
