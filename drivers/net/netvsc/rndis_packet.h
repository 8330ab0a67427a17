/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef RNDIS_PACKET_H
#define RNDIS_PACKET_H

/*
 * RNDIS data messages: the host's decoded into a checked view, the guest's
 * headers encoded. Pure: no I/O, no mbufs, no DPDK. The message lies in memory
 * that the host can change at any moment: each byte that decides something is
 * loaded once, into the view.
 */

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "rndis_wire.h"

/* True if [off, off + len) lies within size; cannot wrap. */
static inline bool
rndis_range_ok(uint32_t off, uint32_t len, uint64_t size)
{
	return off <= size && len <= size - off;
}

enum rndis_rx_has {
	RNDIS_RX_CSUM = 0x1,
	RNDIS_RX_VLAN = 0x2,
	RNDIS_RX_HASH_VALUE = 0x4,
	RNDIS_RX_HASH_INFO = 0x8,
	RNDIS_RX_PACKET_ID = 0x10,
};

/* A received frame, checked: it lies within its range of the receive buffer. */
struct rndis_rx_view {
	uint32_t frame_off;         /* from the start of the range */
	uint32_t frame_bytes;
	uint32_t has;               /* enum rndis_rx_has: which of these are valid */
	uint32_t csum;              /* RNDIS_RX_CSUM_* */
	uint32_t vlan;              /* RNDIS_VLAN_* */
	uint32_t hash_value;
	uint32_t hash_info;
	struct rndis_packet_id packet_id;
};

/* The most elements of per-packet information looked at in one message; hosts
 * send four or five. What is beyond is malformed. */
#define RNDIS_PPI_COUNT_MAX 16u

/*
 * Decodes the RNDIS_PACKET message at `range`, of which `range_bytes` may be
 * read. Returns 0 and the view; -EPROTO if a field points outside the message
 * or an element of information is malformed; -ENOMSG if it is another type of
 * message.
 */
int rndis_packet_decode(const uint8_t *range, uint32_t range_bytes, struct rndis_rx_view *view);

#endif /* RNDIS_PACKET_H */
