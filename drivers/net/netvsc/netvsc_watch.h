/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NETVSC_WATCH_H
#define NETVSC_WATCH_H

/*
 * Looks at the channels now and then, for applications that do not: between
 * configure and start, or while their threads are away, the host still
 * announces link changes, and channels without a queue must not keep frames.
 * Runs on EAL's interrupt thread; steps aside for bursts and for control.
 */

#include "netvsc.h"

int netvsc_watch_start(struct netvsc_device *dev);
/* Waits for a look under way. Not with the control lock held. */
void netvsc_watch_stop(struct netvsc_device *dev);

#endif /* NETVSC_WATCH_H */
