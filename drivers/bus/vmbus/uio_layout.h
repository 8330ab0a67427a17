/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UIO_LAYOUT_H
#define UIO_LAYOUT_H

/*
 * The maps of a device that the kernel's uio_hv_generic exports through
 * /dev/uioN: map I is at mmap offset I * system page size and is described by
 * /sys/class/uio/uioN/maps/mapI/{name,addr,size,offset}.
 */

#define VMBUS_NIC_CLASS_GUID "f8615163-df3e-46c5-913f-f2d2f965ed0e"

enum uio_map {
	UIO_MAP_RINGS = 0,          /* guest-to-host half, then host-to-guest half */
	UIO_MAP_INT_PAGE = 1,
	UIO_MAP_MONITOR_PAGE = 2,   /* the guest-to-host page */
	UIO_MAP_RECV_BUFFER = 3,
	UIO_MAP_SEND_BUFFER = 4,
	UIO_MAP_COUNT = 5,
};

#define UIO_MAP_NAME_RINGS        "txrx_rings"
#define UIO_MAP_NAME_INT_PAGE     "int_page"
#define UIO_MAP_NAME_MONITOR_PAGE "monitor_page"
#define UIO_MAP_PREFIX_RECV       "recv:"      /* + GPADL handle, decimal */
#define UIO_MAP_PREFIX_SEND       "send:"

#define UIO_RECV_BUFFER_BYTES (31u << 20)
#define UIO_SEND_BUFFER_BYTES (16u << 20)

#endif /* UIO_LAYOUT_H */
