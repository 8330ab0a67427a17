/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NETVSC_NDIS_H
#define NETVSC_NDIS_H

/*
 * Packet filter, addresses, MTU, link and counters. These functions take the
 * control lock themselves and are bounded; they return 0 or -errno. A setting
 * that the host refuses leaves what the device remembers unchanged; what is
 * remembered is set again after a reopen.
 */

#include "netvsc.h"

/* ---- questions; the answers are in dev->host ---- */

int netvsc_ndis_query_mac(struct netvsc_device *dev);
/* What the host made of the MTU asked for. */
int netvsc_ndis_query_mtu(struct netvsc_device *dev);
/* Link state, unless the host has told it by itself, and speed. */
int netvsc_ndis_query_link(struct netvsc_device *dev);
/* One of the host's counters; -ENOTSUP where it has none. */
int netvsc_ndis_query_counter(struct netvsc_device *dev, uint32_t oid, uint64_t *value);

/* ---- settings ---- */

/* A host was asked for another one and did not answer: it may have either, and the
 * next setting is sent whatever it is. */
#define NETVSC_FILTER_UNKNOWN UINT32_MAX

/* The packet filter that the device's settings come to. */
uint32_t netvsc_ndis_filter(const struct netvsc_device *dev);
/* Lets nothing through until the filter is set again; what it is made of stays.
 * A host that refuses, or is gone, is none to wait for. */
void netvsc_ndis_mute(struct netvsc_device *dev);
/* Sets it, also if it is the same: after a reopen. */
int netvsc_ndis_set_filter(struct netvsc_device *dev);
int netvsc_ndis_set_receiving(struct netvsc_device *dev, bool receiving);
int netvsc_ndis_set_promiscuous(struct netvsc_device *dev, bool on);
int netvsc_ndis_set_allmulticast(struct netvsc_device *dev, bool on);
/* A host that takes no list, or not so long a one, lets all multicast through. */
int netvsc_ndis_set_multicast(struct netvsc_device *dev, const struct rte_ether_addr *list,
	uint32_t count);

/* Hosts refuse where address spoofing is not allowed. */
int netvsc_ndis_set_mac(struct netvsc_device *dev, const struct rte_ether_addr *mac);

#endif /* NETVSC_NDIS_H */
