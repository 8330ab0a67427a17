/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef RNDIS_WIRE_H
#define RNDIS_WIRE_H

/*
 * RNDIS messages that travel inside NVSP_RNDIS. Every message starts with
 * {type, message length}; offsets inside a message count from the byte after
 * that 8-byte header. No logic lives here.
 */

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

enum rndis_type {
	RNDIS_PACKET = 1,
	RNDIS_INIT = 2,
	RNDIS_HALT = 3,
	RNDIS_QUERY = 4,
	RNDIS_SET = 5,
	RNDIS_RESET = 6,
	RNDIS_INDICATE_STATUS = 7,
	RNDIS_KEEPALIVE = 8,
	RNDIS_SET_EX = 9,
};

#define RNDIS_COMPLETION 0x80000000u        /* or'ed to the request's type */

struct rndis_header {
	uint32_t type;
	uint32_t msg_bytes;                 /* this header included */
};
static_assert(sizeof(struct rndis_header) == 8, "rndis header");

struct rndis_init {
	struct rndis_header header;
	uint32_t request_id;
	uint32_t major;
	uint32_t minor;
	uint32_t max_transfer_bytes;
};
static_assert(sizeof(struct rndis_init) == 24, "rndis init");

struct rndis_init_complete {
	struct rndis_header header;
	uint32_t request_id;
	uint32_t status;
	uint32_t major;
	uint32_t minor;
	uint32_t device_flags;
	uint32_t medium;
	uint32_t max_packets_per_msg;
	uint32_t max_transfer_bytes;
	uint32_t alignment_shift;           /* packets start at multiples of 1 << this */
	uint32_t af_list_offset;
	uint32_t af_list_bytes;
};
static_assert(sizeof(struct rndis_init_complete) == 52, "rndis init complete");

struct rndis_halt {
	struct rndis_header header;
	uint32_t request_id;
};
static_assert(sizeof(struct rndis_halt) == 12, "rndis halt");

/* Query and set requests have the same layout; the information follows. */
struct rndis_oid_request {
	struct rndis_header header;
	uint32_t request_id;
	uint32_t oid;
	uint32_t info_bytes;
	uint32_t info_offset;               /* from request_id */
	uint32_t vc_handle;
};
static_assert(sizeof(struct rndis_oid_request) == 28, "rndis query, set");

struct rndis_query_complete {
	struct rndis_header header;
	uint32_t request_id;
	uint32_t status;
	uint32_t info_bytes;
	uint32_t info_offset;               /* from request_id */
};
static_assert(sizeof(struct rndis_query_complete) == 24, "rndis query complete");

struct rndis_set_complete {                 /* also of RNDIS_KEEPALIVE */
	struct rndis_header header;
	uint32_t request_id;
	uint32_t status;
};
static_assert(sizeof(struct rndis_set_complete) == 16, "rndis set complete");

struct rndis_reset_complete {
	struct rndis_header header;
	uint32_t status;
	uint32_t addressing_reset;
};
static_assert(sizeof(struct rndis_reset_complete) == 16, "rndis reset complete");

struct rndis_keepalive {
	struct rndis_header header;
	uint32_t request_id;
};
static_assert(sizeof(struct rndis_keepalive) == 12, "rndis keepalive");

struct rndis_indicate_status {              /* h>g; the buffer follows */
	struct rndis_header header;
	uint32_t status;
	uint32_t buffer_bytes;
	uint32_t buffer_offset;             /* from status; 0 where there is none */
};
static_assert(sizeof(struct rndis_indicate_status) == 20, "rndis indicate status");

/* Body of RNDIS_PACKET; offsets count from data_offset. */
struct rndis_packet {
	struct rndis_header header;
	uint32_t data_offset;
	uint32_t data_bytes;
	uint32_t oob_offset;
	uint32_t oob_bytes;
	uint32_t oob_count;
	uint32_t ppi_offset;
	uint32_t ppi_bytes;
	uint32_t vc_handle;
	uint32_t reserved;
};
static_assert(sizeof(struct rndis_packet) == 44, "rndis packet");
static_assert(offsetof(struct rndis_packet, ppi_offset) == 28, "ppi offset");

/* ---- per-packet information ---- */

enum rndis_ppi_type {
	RNDIS_PPI_CHECKSUM = 0,
	RNDIS_PPI_IPSEC = 1,
	RNDIS_PPI_LSO = 2,
	RNDIS_PPI_CLASSIFY = 3,
	RNDIS_PPI_SG_LIST = 5,
	RNDIS_PPI_VLAN = 6,
	RNDIS_PPI_ORIGINAL_PACKET = 7,
	RNDIS_PPI_HASH_VALUE = 8,
	RNDIS_PPI_HASH_INFO = 9,
	RNDIS_PPI_CACHED_LIST = 10,
	RNDIS_PPI_SHORT_PADDING = 11,
};

#define RNDIS_PPI_INTERNAL      0x80000000u /* bit of the type: not an NDIS type */
#define RNDIS_PPI_PACKET_ID     (RNDIS_PPI_INTERNAL | 1u)

struct rndis_ppi {
	uint32_t bytes;                     /* this header and the data */
	uint32_t type;
	uint32_t data_offset;               /* from the start of this header */
};
static_assert(sizeof(struct rndis_ppi) == 12, "ppi");

#define RNDIS_RX_CSUM_TCP_BAD           0x001u
#define RNDIS_RX_CSUM_UDP_BAD           0x002u
#define RNDIS_RX_CSUM_IP_BAD            0x004u
#define RNDIS_RX_CSUM_TCP_OK            0x008u
#define RNDIS_RX_CSUM_UDP_OK            0x010u
#define RNDIS_RX_CSUM_IP_OK             0x020u
#define RNDIS_RX_CSUM_LOOPBACK          0x040u
#define RNDIS_RX_CSUM_TCP_VALUE_INVALID 0x080u  /* the field in the frame is not valid */
#define RNDIS_RX_CSUM_IP_VALUE_INVALID  0x100u

#define RNDIS_TX_CSUM_IPV4              0x01u
#define RNDIS_TX_CSUM_IPV6              0x02u
#define RNDIS_TX_CSUM_TCP               0x04u
#define RNDIS_TX_CSUM_UDP               0x08u
#define RNDIS_TX_CSUM_IP_HEADER         0x10u
#define RNDIS_TX_CSUM_L4_OFFSET_SHIFT   16u     /* from the start of the frame */
#define RNDIS_TX_CSUM_L4_OFFSET_MASK    0x03ff0000u

#define RNDIS_LSO_MSS_MASK              0x000fffffu
#define RNDIS_LSO_L4_OFFSET_SHIFT       20u
#define RNDIS_LSO_L4_OFFSET_MASK        0x3ff00000u
#define RNDIS_LSO_V2                    0x40000000u
#define RNDIS_LSO_IPV6                  0x80000000u

#define RNDIS_VLAN_PRIORITY_MASK        0x0007u
#define RNDIS_VLAN_DEI                  0x0008u
#define RNDIS_VLAN_ID_SHIFT             4u
#define RNDIS_VLAN_ID_MASK              0xfff0u

#define RNDIS_PACKET_ID_SUBALLOC        0x1u
#define RNDIS_PACKET_ID_FIRST           0x2u
#define RNDIS_PACKET_ID_LAST            0x4u

struct rndis_packet_id {                    /* data of RNDIS_PPI_PACKET_ID */
	uint8_t version;                    /* 1 */
	uint8_t flags;                      /* RNDIS_PACKET_ID_* */
	uint16_t packet_id;
};
static_assert(sizeof(struct rndis_packet_id) == 4, "packet id");

#endif /* RNDIS_WIRE_H */
