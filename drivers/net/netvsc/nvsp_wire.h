/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NVSP_WIRE_H
#define NVSP_WIRE_H

/*
 * NVSP, the protocol of the synthetic NIC's channel. Every message starts with
 * a 32-bit type. "g>h" and "h>g" say who sends it. No logic lives here.
 */

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

enum nvsp_version {
	NVSP_VERSION_1 = 0x00002,
	NVSP_VERSION_2 = 0x30002,
	NVSP_VERSION_4 = 0x40000,
	NVSP_VERSION_5 = 0x50000,
	NVSP_VERSION_6 = 0x60000,
	NVSP_VERSION_61 = 0x60001,
};

enum nvsp_type {
	NVSP_INIT = 1,
	NVSP_INIT_COMPLETE = 2,
	NVSP_NDIS_VERSION = 100,
	NVSP_RECV_BUFFER = 101,
	NVSP_RECV_BUFFER_COMPLETE = 102,
	NVSP_REVOKE_RECV_BUFFER = 103,
	NVSP_SEND_BUFFER = 104,
	NVSP_SEND_BUFFER_COMPLETE = 105,
	NVSP_REVOKE_SEND_BUFFER = 106,
	NVSP_RNDIS = 107,
	NVSP_RNDIS_COMPLETE = 108,
	NVSP_NDIS_CONFIG = 125,             /* version 2 and later */
	NVSP_VF_ASSOCIATION = 128,          /* version 4 and later, h>g */
	NVSP_SWITCH_DATA_PATH = 129,        /* version 4 and later, both ways */
	NVSP_UPLINK_CONNECT_STATE = 130,    /* deprecated */
	NVSP_OID_QUERY_EX = 131,            /* version 5 and later */
	NVSP_OID_QUERY_EX_COMPLETE = 132,
	NVSP_SUBCHANNEL = 133,              /* version 5 and later; the reply has this type too */
	NVSP_INDIRECTION_TABLE = 134,       /* version 5 and later, h>g */
	NVSP_PD_API = 135,                  /* version 6.1; packet direct */
	NVSP_PD_POST_BATCH = 136,
};

enum nvsp_status {
	NVSP_STATUS_NONE = 0,
	NVSP_STATUS_SUCCESS = 1,
	NVSP_STATUS_FAILURE = 2,
	NVSP_STATUS_INVALID_RNDIS = 5,
	NVSP_STATUS_BUSY = 6,
};

/* What the host pads its messages to. */
#define NVSP_MSG_BYTES_V1   32u             /* 0x1c rounded up to 8 */
#define NVSP_MSG_BYTES_V61  40u             /* 0x28 */

#define NVSP_SECTION_NONE 0xffffffffu

/* The ids under which the host sends its two VF messages. */
#define NVSP_TID_VF_ASSOCIATION     0x8000000000000000ull
#define NVSP_TID_SWITCH_DATA_PATH   0x8000000000000001ull

struct nvsp_init {                          /* g>h */
	uint32_t type;
	uint32_t version_min;
	uint32_t version_max;               /* ignored by hosts */
};
static_assert(sizeof(struct nvsp_init) == 12, "init");

struct nvsp_init_complete {                 /* h>g */
	uint32_t type;
	uint32_t deprecated_version;        /* 2 for version 1, else 0xffffffff */
	uint32_t max_mdl_chain;
	uint32_t status;
};
static_assert(sizeof(struct nvsp_init_complete) == 16, "init complete");

struct nvsp_ndis_version {                  /* g>h */
	uint32_t type;
	uint32_t major;
	uint32_t minor;
};
static_assert(sizeof(struct nvsp_ndis_version) == 12, "ndis version");

#define NVSP_CONFIG_CAP_VMQ             0x01u
#define NVSP_CONFIG_CAP_CHIMNEY         0x02u
#define NVSP_CONFIG_CAP_SRIOV           0x04u
#define NVSP_CONFIG_CAP_8021Q           0x08u
#define NVSP_CONFIG_CAP_CORRELATION_ID  0x10u
#define NVSP_CONFIG_CAP_TEAMING         0x20u
#define NVSP_CONFIG_CAP_VIRTUAL_SUBNET  0x40u
#define NVSP_CONFIG_CAP_RSC             0x80u

struct nvsp_ndis_config {                   /* g>h */
	uint32_t type;
	uint32_t mtu_bytes;                 /* Ethernet header included */
	uint32_t reserved;
	uint32_t capabilities_low;          /* 64 bits, not 8-aligned */
	uint32_t capabilities_high;
};
static_assert(sizeof(struct nvsp_ndis_config) == 20, "ndis config");

struct nvsp_buffer {                        /* g>h: NVSP_RECV_BUFFER, NVSP_SEND_BUFFER */
	uint32_t type;
	uint32_t gpadl;
	uint16_t id;
	uint16_t reserved;
};
static_assert(sizeof(struct nvsp_buffer) == 12, "buffer");

struct nvsp_recv_section {
	uint32_t offset;
	uint32_t suballoc_bytes;
	uint32_t suballoc_count;
	uint32_t end_offset;
};
static_assert(sizeof(struct nvsp_recv_section) == 16, "receive section");

struct nvsp_recv_buffer_complete {          /* h>g; more sections may follow */
	uint32_t type;
	uint32_t status;
	uint32_t section_count;
	struct nvsp_recv_section section[1];
};
static_assert(sizeof(struct nvsp_recv_buffer_complete) == 28, "receive buffer complete");

struct nvsp_send_buffer_complete {          /* h>g */
	uint32_t type;
	uint32_t status;
	uint32_t section_bytes;
};
static_assert(sizeof(struct nvsp_send_buffer_complete) == 12, "send buffer complete");

struct nvsp_revoke {                        /* g>h: NVSP_REVOKE_* */
	uint32_t type;
	uint16_t id;
	uint16_t reserved;
};
static_assert(sizeof(struct nvsp_revoke) == 8, "revoke");

enum nvsp_channel_type {
	NVSP_CHANNEL_DATA = 0,
	NVSP_CHANNEL_CONTROL = 1,
};

struct nvsp_rndis {                         /* both ways */
	uint32_t type;
	uint32_t channel_type;              /* enum nvsp_channel_type */
	uint32_t section_idx;               /* of the send buffer, or NVSP_SECTION_NONE */
	uint32_t section_bytes;
};
static_assert(sizeof(struct nvsp_rndis) == 16, "rndis");

struct nvsp_rndis_complete {                /* both ways */
	uint32_t type;
	uint32_t status;                    /* enum nvsp_status */
};
static_assert(sizeof(struct nvsp_rndis_complete) == 8, "rndis complete");

struct nvsp_vf_association {                /* h>g */
	uint32_t type;
	uint32_t allocated;
	uint32_t serial;
};
static_assert(sizeof(struct nvsp_vf_association) == 12, "vf association");

enum nvsp_data_path {
	NVSP_DATA_PATH_SYNTHETIC = 0,
	NVSP_DATA_PATH_VF = 1,
};

struct nvsp_switch_data_path {              /* both ways */
	uint32_t type;
	uint32_t path;                      /* enum nvsp_data_path */
};
static_assert(sizeof(struct nvsp_switch_data_path) == 8, "switch data path");

struct nvsp_oid_query_ex {                  /* g>h */
	uint32_t type;
	uint8_t ndis_type;
	uint8_t ndis_revision;
	uint16_t ndis_bytes;
	uint32_t oid;
};
static_assert(sizeof(struct nvsp_oid_query_ex) == 12, "oid query ex");

struct nvsp_oid_query_ex_complete {         /* h>g */
	uint32_t type;
	uint32_t status;                    /* enum ndis_status */
	uint32_t bytes;
};
static_assert(sizeof(struct nvsp_oid_query_ex_complete) == 12, "oid query ex complete");

#define NVSP_SUBCHANNEL_ALLOCATE 1u

struct nvsp_subchannel {                    /* g>h */
	uint32_t type;
	uint32_t operation;
	uint32_t count;
};
static_assert(sizeof(struct nvsp_subchannel) == 12, "subchannel request");

struct nvsp_subchannel_complete {           /* h>g */
	uint32_t type;                      /* NVSP_SUBCHANNEL */
	uint32_t status;
	uint32_t count;                     /* granted */
};
static_assert(sizeof(struct nvsp_subchannel_complete) == 12, "subchannel complete");

#define NVSP_INDIRECTION_ENTRIES 16u

struct nvsp_indirection_table {             /* h>g; the table is where offset says */
	uint32_t type;
	uint32_t count;
	uint32_t offset;                    /* from the start of this message */
};
static_assert(sizeof(struct nvsp_indirection_table) == 12, "indirection table");

#endif /* NVSP_WIRE_H */
