/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NDIS_WIRE_H
#define NDIS_WIRE_H

/*
 * NDIS object identifiers, status codes and the structures that RNDIS query
 * and set requests carry. No logic lives here.
 */

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

enum ndis_oid {
	OID_GEN_SUPPORTED_LIST = 0x00010101,
	OID_GEN_HARDWARE_STATUS = 0x00010102,
	OID_GEN_MEDIA_SUPPORTED = 0x00010103,
	OID_GEN_MEDIA_IN_USE = 0x00010104,
	OID_GEN_MAXIMUM_LOOKAHEAD = 0x00010105,
	OID_GEN_MAXIMUM_FRAME_SIZE = 0x00010106,    /* without the Ethernet header */
	OID_GEN_LINK_SPEED = 0x00010107,            /* 100 bit/s */
	OID_GEN_TRANSMIT_BUFFER_SPACE = 0x00010108,
	OID_GEN_RECEIVE_BUFFER_SPACE = 0x00010109,
	OID_GEN_TRANSMIT_BLOCK_SIZE = 0x0001010A,
	OID_GEN_RECEIVE_BLOCK_SIZE = 0x0001010B,
	OID_GEN_VENDOR_ID = 0x0001010C,
	OID_GEN_VENDOR_DESCRIPTION = 0x0001010D,
	OID_GEN_CURRENT_PACKET_FILTER = 0x0001010E,
	OID_GEN_CURRENT_LOOKAHEAD = 0x0001010F,
	OID_GEN_DRIVER_VERSION = 0x00010110,
	OID_GEN_MAXIMUM_TOTAL_SIZE = 0x00010111,    /* with the Ethernet header */
	OID_GEN_PROTOCOL_OPTIONS = 0x00010112,
	OID_GEN_MAC_OPTIONS = 0x00010113,
	OID_GEN_MEDIA_CONNECT_STATUS = 0x00010114,  /* 0 connected, 1 disconnected */
	OID_GEN_MAXIMUM_SEND_PACKETS = 0x00010115,
	OID_GEN_VENDOR_DRIVER_VERSION = 0x00010116,
	OID_GEN_NETWORK_LAYER_ADDRESSES = 0x00010118,
	OID_GEN_RECEIVE_SCALE_CAPABILITIES = 0x00010203,
	OID_GEN_RECEIVE_SCALE_PARAMETERS = 0x00010204,
	OID_GEN_MAX_LINK_SPEED = 0x00010206,        /* two u64, bit/s: tx, rx */
	OID_GEN_LINK_STATE = 0x00010207,
	OID_GEN_LINK_PARAMETERS = 0x00010208,
	OID_GEN_RNDIS_CONFIG_PARAMETER = 0x0001021B,
	OID_GEN_FRIENDLY_NAME = 0x00020216,

	OID_GEN_XMIT_OK = 0x00020101,
	OID_GEN_RCV_OK = 0x00020102,
	OID_GEN_XMIT_ERROR = 0x00020103,
	OID_GEN_RCV_ERROR = 0x00020104,
	OID_GEN_RCV_NO_BUFFER = 0x00020105,
	OID_GEN_STATISTICS = 0x00020106,
	OID_GEN_DIRECTED_BYTES_XMIT = 0x00020201,
	OID_GEN_DIRECTED_FRAMES_XMIT = 0x00020202,
	OID_GEN_MULTICAST_BYTES_XMIT = 0x00020203,
	OID_GEN_MULTICAST_FRAMES_XMIT = 0x00020204,
	OID_GEN_BROADCAST_BYTES_XMIT = 0x00020205,
	OID_GEN_BROADCAST_FRAMES_XMIT = 0x00020206,
	OID_GEN_DIRECTED_BYTES_RCV = 0x00020207,
	OID_GEN_DIRECTED_FRAMES_RCV = 0x00020208,
	OID_GEN_MULTICAST_BYTES_RCV = 0x00020209,
	OID_GEN_MULTICAST_FRAMES_RCV = 0x0002020A,
	OID_GEN_BROADCAST_BYTES_RCV = 0x0002020B,
	OID_GEN_BROADCAST_FRAMES_RCV = 0x0002020C,
	OID_GEN_RCV_CRC_ERROR = 0x0002020D,
	OID_GEN_BYTES_RCV = 0x00020219,
	OID_GEN_BYTES_XMIT = 0x0002021A,

	OID_802_3_PERMANENT_ADDRESS = 0x01010101,
	OID_802_3_CURRENT_ADDRESS = 0x01010102,
	OID_802_3_MULTICAST_LIST = 0x01010103,
	OID_802_3_MAXIMUM_LIST_SIZE = 0x01010104,
	OID_OFFLOAD_ENCAPSULATION = 0x0101010A,
	OID_802_3_RCV_ERROR_ALIGNMENT = 0x01020101,
	OID_802_3_XMIT_ONE_COLLISION = 0x01020102,
	OID_802_3_XMIT_MORE_COLLISIONS = 0x01020103,
};

/* Beyond what an ISO C enumerator may hold. */
#define OID_TCP_OFFLOAD_CURRENT_CONFIG          0xFC01020Bu
#define OID_TCP_OFFLOAD_PARAMETERS              0xFC01020Cu
#define OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES   0xFC01020Du

#define NDIS_STATUS_SUCCESS             0x00000000u
#define NDIS_STATUS_FAILURE             0xC0000001u
#define NDIS_STATUS_RESOURCES           0xC000009Au
#define NDIS_STATUS_NOT_SUPPORTED       0xC00000BBu
#define NDIS_STATUS_BAD_VERSION         0xC0010004u
#define NDIS_STATUS_INVALID_LENGTH      0xC0010014u
#define NDIS_STATUS_INVALID_DATA        0xC0010015u
#define NDIS_STATUS_INVALID_OID         0xC0010017u

/* Status indications. */
#define NDIS_STATUS_MEDIA_CONNECT       0x4001000Bu
#define NDIS_STATUS_MEDIA_DISCONNECT    0x4001000Cu
#define NDIS_STATUS_LINK_SPEED_CHANGE   0x40010013u
#define NDIS_STATUS_NETWORK_CHANGE      0x40010018u
#define NDIS_STATUS_OFFLOAD_CONFIG      0x40020006u /* buffer: struct ndis_offload */

#define NDIS_FILTER_DIRECTED            0x01u
#define NDIS_FILTER_MULTICAST           0x02u
#define NDIS_FILTER_ALL_MULTICAST       0x04u
#define NDIS_FILTER_BROADCAST           0x08u
#define NDIS_FILTER_SOURCE_ROUTING      0x10u
#define NDIS_FILTER_PROMISCUOUS         0x20u

struct ndis_object_header {
	uint8_t type;
	uint8_t revision;
	uint16_t bytes;
};
static_assert(sizeof(struct ndis_object_header) == 4, "object header");

#define NDIS_OBJECT_DEFAULT             0x80u
#define NDIS_OBJECT_RSS_CAPABILITIES    0x88u
#define NDIS_OBJECT_RSS_PARAMETERS      0x89u
#define NDIS_OBJECT_OFFLOAD             0xA7u
#define NDIS_OBJECT_OFFLOAD_ENCAPSULATION 0xA8u

/* ---- offload capabilities and current configuration ---- */

#define NDIS_ENCAPSULATION_8023         0x2u

/* Checksum capability flags, IPv4: two bits each, 1 = supported. */
#define NDIS_CSUM4_IP_OPTIONS           0x001u
#define NDIS_CSUM4_TCP_OPTIONS          0x004u
#define NDIS_CSUM4_TCP                  0x010u
#define NDIS_CSUM4_UDP                  0x040u
#define NDIS_CSUM4_IP                   0x100u
/* The same for IPv6. */
#define NDIS_CSUM6_IP_EXTENSIONS        0x001u
#define NDIS_CSUM6_TCP_OPTIONS          0x004u
#define NDIS_CSUM6_TCP                  0x010u
#define NDIS_CSUM6_UDP                  0x040u

struct ndis_csum_capability {
	uint32_t encapsulation;
	uint32_t flags;                     /* NDIS_CSUM4_* or NDIS_CSUM6_* */
};
static_assert(sizeof(struct ndis_csum_capability) == 8, "checksum capability");

struct ndis_lsov2_ipv4 {
	uint32_t encapsulation;
	uint32_t max_bytes;
	uint32_t min_segments;
};

struct ndis_lsov2_ipv6 {
	uint32_t encapsulation;
	uint32_t max_bytes;
	uint32_t min_segments;
	uint32_t flags;                     /* NDIS_LSOV2_* */
};

#define NDIS_LSOV2_IPV6_EXTENSIONS      0x1u
#define NDIS_LSOV2_IPV6_TCP_OPTIONS     0x4u

struct ndis_offload {
	struct ndis_object_header header;
	struct ndis_csum_capability tx_ipv4;
	struct ndis_csum_capability rx_ipv4;
	struct ndis_csum_capability tx_ipv6;
	struct ndis_csum_capability rx_ipv6;
	uint8_t lso_v1[16];
	uint8_t ipsec_v1[28];
	struct ndis_lsov2_ipv4 lso_ipv4;
	struct ndis_lsov2_ipv6 lso_ipv6;
	uint32_t flags;
	uint8_t ipsec_v2[32];               /* revision 2 and later */
	uint8_t rsc_ipv4;                   /* revision 3 and later, from here */
	uint8_t rsc_ipv6;
	uint8_t reserved[2];
	uint8_t gre[8];
};
#define NDIS_OFFLOAD_BYTES_REV1 112u
#define NDIS_OFFLOAD_BYTES_REV2 144u
#define NDIS_OFFLOAD_BYTES_REV3 156u
static_assert(sizeof(struct ndis_offload) == NDIS_OFFLOAD_BYTES_REV3, "offload");
static_assert(offsetof(struct ndis_offload, lso_ipv4) == 80, "lso v2");
static_assert(offsetof(struct ndis_offload, ipsec_v2) == NDIS_OFFLOAD_BYTES_REV1, "revision 1");
static_assert(offsetof(struct ndis_offload, rsc_ipv4) == NDIS_OFFLOAD_BYTES_REV2, "revision 2");

/* ---- offload parameters ---- */

enum ndis_offload_csum {
	NDIS_OFFLOAD_CSUM_UNCHANGED = 0,
	NDIS_OFFLOAD_CSUM_OFF = 1,
	NDIS_OFFLOAD_CSUM_TX = 2,
	NDIS_OFFLOAD_CSUM_RX = 3,
	NDIS_OFFLOAD_CSUM_TX_RX = 4,
};

enum ndis_offload_switch {                  /* LSO and RSC */
	NDIS_OFFLOAD_UNCHANGED = 0,
	NDIS_OFFLOAD_OFF = 1,
	NDIS_OFFLOAD_ON = 2,
};

struct ndis_offload_parameters {
	struct ndis_object_header header;
	uint8_t ipv4_csum;                  /* enum ndis_offload_csum */
	uint8_t tcp_ipv4_csum;
	uint8_t udp_ipv4_csum;
	uint8_t tcp_ipv6_csum;
	uint8_t udp_ipv6_csum;
	uint8_t lso_v1;
	uint8_t ipsec_v1;
	uint8_t lso_v2_ipv4;                /* enum ndis_offload_switch */
	uint8_t lso_v2_ipv6;
	uint8_t tcp_connection_ipv4;
	uint8_t tcp_connection_ipv6;
	uint8_t reserved;
	uint32_t flags;
	uint8_t ipsec_v2;                   /* revision 2 and later */
	uint8_t ipsec_v2_ipv4;
	uint8_t rsc_ipv4;                   /* revision 3 and later */
	uint8_t rsc_ipv6;
	uint8_t encapsulated;
	uint8_t encapsulation_types;
	uint8_t reserved2[2];
};
#define NDIS_OFFLOAD_PARAMETERS_BYTES_REV1 20u
#define NDIS_OFFLOAD_PARAMETERS_BYTES_REV2 22u
#define NDIS_OFFLOAD_PARAMETERS_BYTES_REV3 28u
static_assert(sizeof(struct ndis_offload_parameters) == NDIS_OFFLOAD_PARAMETERS_BYTES_REV3,
	"offload parameters");
static_assert(offsetof(struct ndis_offload_parameters, flags) == 16, "flags");
static_assert(offsetof(struct ndis_offload_parameters, rsc_ipv4) == 22, "rsc");

/* ---- receive-side scaling ---- */

#define NDIS_HASH_TOEPLITZ              0x00000001u
#define NDIS_HASH_FUNCTION_MASK         0x000000ffu
#define NDIS_HASH_IPV4                  0x00000100u
#define NDIS_HASH_TCP_IPV4              0x00000200u
#define NDIS_HASH_IPV6                  0x00000400u
#define NDIS_HASH_IPV6_EX               0x00000800u
#define NDIS_HASH_TCP_IPV6              0x00001000u
#define NDIS_HASH_TCP_IPV6_EX           0x00002000u
#define NDIS_HASH_UDP_IPV4              0x00004000u
#define NDIS_HASH_UDP_IPV6              0x00008000u
#define NDIS_HASH_UDP_IPV6_EX           0x00010000u

/* Capability flags; the low byte holds the hash functions. */
#define NDIS_RSS_CAP_IPV4               0x00000100u
#define NDIS_RSS_CAP_IPV6               0x00000200u
#define NDIS_RSS_CAP_IPV6_EX            0x00000400u
#define NDIS_RSS_CAP_UDP_IPV4           0x00000800u
#define NDIS_RSS_CAP_UDP_IPV6           0x00001000u
#define NDIS_RSS_CAP_UDP_IPV6_EX        0x00002000u

#define NDIS_RSS_KEY_BYTES              40u

struct ndis_rss_capabilities {
	struct ndis_object_header header;
	uint32_t flags;
	uint32_t interrupt_messages;
	uint32_t queues;
	uint16_t table_entries;             /* revision 2 and later */
	uint16_t reserved;                  /* not part of the object */
};
#define NDIS_RSS_CAPABILITIES_BYTES_REV1 16u
#define NDIS_RSS_CAPABILITIES_BYTES_REV2 18u
static_assert(offsetof(struct ndis_rss_capabilities, reserved) ==
	NDIS_RSS_CAPABILITIES_BYTES_REV2, "rss capabilities");

#define NDIS_RSS_BASE_CPU_UNCHANGED     0x0001u
#define NDIS_RSS_HASH_UNCHANGED         0x0002u
#define NDIS_RSS_TABLE_UNCHANGED        0x0004u
#define NDIS_RSS_KEY_UNCHANGED          0x0008u
#define NDIS_RSS_DISABLE                0x0010u

struct ndis_rss_parameters {
	struct ndis_object_header header;
	uint16_t flags;
	uint16_t base_cpu;
	uint32_t hash_info;                 /* NDIS_HASH_* */
	uint16_t table_bytes;
	uint16_t reserved;
	uint32_t table_offset;              /* from the start of this structure */
	uint16_t key_bytes;
	uint16_t reserved2;
	uint32_t key_offset;
	uint32_t processor_masks_offset;    /* revision 2 and later, from here */
	uint32_t processor_masks;
	uint32_t processor_mask_bytes;
	uint32_t default_processor;         /* revision 3 and later */
};
#define NDIS_RSS_PARAMETERS_BYTES_REV1 28u
#define NDIS_RSS_PARAMETERS_BYTES_REV2 40u
#define NDIS_RSS_PARAMETERS_BYTES_REV3 44u
static_assert(sizeof(struct ndis_rss_parameters) == NDIS_RSS_PARAMETERS_BYTES_REV3,
	"rss parameters");
static_assert(offsetof(struct ndis_rss_parameters, key_offset) == 24, "key offset");

/* ---- the rest ---- */

struct ndis_link_state {
	struct ndis_object_header header;
	uint32_t connect_state;             /* 1 connected, 2 disconnected */
	uint32_t duplex_state;
	uint32_t reserved;
	uint64_t tx_bps;
	uint64_t rx_bps;
	uint32_t pause_functions;
	uint32_t auto_negotiation;
};
static_assert(sizeof(struct ndis_link_state) == 40, "link state");

struct ndis_config_parameter {              /* OID_GEN_RNDIS_CONFIG_PARAMETER */
	uint32_t name_offset;               /* from the start of this structure */
	uint32_t name_bytes;                /* UTF-16LE */
	uint32_t value_type;
	uint32_t value_offset;
	uint32_t value_bytes;
};
#define NDIS_CONFIG_STRING 2u
static_assert(sizeof(struct ndis_config_parameter) == 20, "config parameter");

#endif /* NDIS_WIRE_H */
