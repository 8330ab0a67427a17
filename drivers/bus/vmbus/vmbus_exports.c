/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What net/netvsc links from the bus where the two are libraries of their own,
 * in a DPDK tree: from 25.07 on that tree makes its symbol map from these lines,
 * before from version.map. In the plugin they mean nothing.
 */

#include "vmbus_compat.h"

RTE_EXPORT_INTERNAL_SYMBOL(vmbus_channel_set_latency)
RTE_EXPORT_INTERNAL_SYMBOL(vmbus_channel_signal)
RTE_EXPORT_INTERNAL_SYMBOL(vmbus_device_close)
RTE_EXPORT_INTERNAL_SYMBOL(vmbus_device_keep)
RTE_EXPORT_INTERNAL_SYMBOL(vmbus_device_kept_free)
RTE_EXPORT_INTERNAL_SYMBOL(vmbus_device_open)
RTE_EXPORT_INTERNAL_SYMBOL(vmbus_device_open_subchannels)
RTE_EXPORT_INTERNAL_SYMBOL(vmbus_device_unwatch)
RTE_EXPORT_INTERNAL_SYMBOL(vmbus_device_watch)
RTE_EXPORT_INTERNAL_SYMBOL(vmbus_driver_register)
RTE_EXPORT_INTERNAL_SYMBOL(vmbus_packet_peek)
RTE_EXPORT_INTERNAL_SYMBOL(vmbus_packet_put)
RTE_EXPORT_INTERNAL_SYMBOL(vmbus_rx_ring_publish)
