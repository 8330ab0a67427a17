/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HVSIM_VMM_VMBUS_MESSAGE_H
#define HVSIM_VMM_VMBUS_MESSAGE_H

/*
 * The VMBus control messages as they lie in a message slot or behind
 * HvPostMessage: 8 bytes of header, at most 240 bytes in all, little-endian.
 * Only a kernel speaks these, so they are no part of the headers shared with
 * the driver. Source: host-protocol notes, section 1.4.
 */

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#define VMBUS_MESSAGE_MAX 240u

enum vmbus_message_type {
	VMBUS_OFFER = 1,
	VMBUS_RESCIND = 2,
	VMBUS_REQUEST_OFFERS = 3,
	VMBUS_ALL_OFFERS_DELIVERED = 4,
	VMBUS_OPEN = 5,
	VMBUS_OPEN_RESULT = 6,
	VMBUS_CLOSE = 7,
	VMBUS_GPADL_HEADER = 8,
	VMBUS_GPADL_BODY = 9,
	VMBUS_GPADL_CREATED = 10,
	VMBUS_GPADL_TEARDOWN = 11,
	VMBUS_GPADL_TORNDOWN = 12,
	VMBUS_RELID_RELEASED = 13,
	VMBUS_INITIATE_CONTACT = 14,
	VMBUS_VERSION_RESPONSE = 15,
	VMBUS_UNLOAD = 16,
	VMBUS_UNLOAD_RESPONSE = 17,
	VMBUS_TL_CONNECT = 21,
	VMBUS_MODIFY_CHANNEL = 22,
	VMBUS_MODIFY_CHANNEL_RESPONSE = 24,
};

#define VMBUS_VERSION(major, minor) ((uint32_t)(major) << 16 | (minor))
#define VMBUS_V2_4 VMBUS_VERSION(2, 4)
#define VMBUS_V4_1 VMBUS_VERSION(4, 1)
#define VMBUS_V5_0 VMBUS_VERSION(5, 0)
#define VMBUS_V5_3 VMBUS_VERSION(5, 3)
#define VMBUS_V6_0 VMBUS_VERSION(6, 0)

/* Message ports: a guest uses the second one from version 5.0 on. */
#define VMBUS_CONNECTION_OLD 1u
#define VMBUS_CONNECTION_NEW 4u

#define VMBUS_STATUS_FAILED 0x8000ffffu
#define VMBUS_VP_NONE UINT32_MAX        /* as target VP: no interrupts */
#define VMBUS_FEATURE_CLIENT_ID 0x8u    /* of version 6.0 */

struct vmbus_message_header {
	uint32_t type;
	uint32_t reserved;
};

struct vmbus_offer {
	struct vmbus_message_header header;
	uint8_t class_id[16], instance[16];
	uint8_t reserved[16];
	uint16_t flags;
	uint16_t mmio_mib;
	uint8_t user[120];
	uint16_t subchannel;
	uint16_t mmio_mib_optional;
	uint32_t relid;
	uint8_t monitor_id;
	uint8_t monitor_allocated;
	uint16_t dedicated_interrupt;
	uint32_t connection_id;
};
static_assert(sizeof(struct vmbus_offer) == 196, "offer");
static_assert(offsetof(struct vmbus_offer, relid) == 184, "relid of an offer");

/* RESCIND, CLOSE, RELID_RELEASED */
struct vmbus_relid_message {
	struct vmbus_message_header header;
	uint32_t relid;
};

struct vmbus_open {
	struct vmbus_message_header header;
	uint32_t relid, open_id, ring_gpadl, target_vp, to_guest_page;
	uint8_t user[120];
};
static_assert(sizeof(struct vmbus_open) == 148, "open");

struct vmbus_open_result {
	struct vmbus_message_header header;
	uint32_t relid, open_id, status;
};

/* Page numbers follow. */
struct vmbus_gpadl_header {
	struct vmbus_message_header header;
	uint32_t relid, gpadl;
	uint16_t range_bytes;   /* wraps for large ones: byte_count is what holds */
	uint16_t range_count;
	uint32_t byte_count, byte_offset;
};
static_assert(sizeof(struct vmbus_gpadl_header) == 28, "gpadl header");

/* Page numbers follow. */
struct vmbus_gpadl_body {
	struct vmbus_message_header header;
	uint32_t number;        /* guests leave it 0 */
	uint32_t gpadl;
};

struct vmbus_gpadl_created {
	struct vmbus_message_header header;
	uint32_t relid, gpadl, status;
};

struct vmbus_gpadl_teardown {
	struct vmbus_message_header header;
	uint32_t relid, gpadl;
};

struct vmbus_gpadl_torndown {
	struct vmbus_message_header header;
	uint32_t gpadl;
};

struct vmbus_initiate_contact {
	struct vmbus_message_header header;
	uint32_t version, target_vp;
	/* below 5.0 the interrupt page; later SINT, VTL and, at 6.0, features */
	uint8_t sint, vtl;
	uint16_t reserved;
	uint32_t features;
	uint64_t monitor_to_guest, monitor_to_host;
};
static_assert(sizeof(struct vmbus_initiate_contact) == 40, "initiate contact");

struct vmbus_version_response {
	struct vmbus_message_header header;
	uint8_t supported, state;
	uint16_t reserved;
	uint32_t connection_id; /* below 5.0: the version */
	uint32_t features;      /* 6.0 only: not sent below */
};

struct vmbus_modify_channel {
	struct vmbus_message_header header;
	uint32_t relid, target_vp;
};

struct vmbus_modify_channel_response {
	struct vmbus_message_header header;
	uint32_t relid, status;
};

#endif /* HVSIM_VMM_VMBUS_MESSAGE_H */
