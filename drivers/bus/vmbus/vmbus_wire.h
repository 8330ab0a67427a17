/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VMBUS_WIRE_H
#define VMBUS_WIRE_H

/*
 * VMBus structures that guest and host share in memory: ring pages, channel
 * packets, the interrupt page and the monitor page. No logic lives here: the
 * driver and hvsim include this file and nothing else of each other.
 * All integers are little-endian. Source: Hyper-V TLFS and the notes in
 * doc/design/protocol.rst.
 */

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

/* Hyper-V's page size; page numbers and control pages use it on every guest. */
#define HV_PAGE_BYTES 4096u
#define HV_PAGE_SHIFT 12u

/* ---- one direction of a ring ---- */

/* The control page; the data area starts at the next system page. */
struct vmbus_ring_page {
	uint32_t write_index;       /* offset from data start; the writer's */
	uint32_t read_index;        /* offset from data start; the reader's */
	uint32_t interrupt_mask;    /* the reader's: 1 = do not signal me */
	uint32_t pending_send_bytes; /* the writer's: signal me when that much is free */
	uint32_t reserved[12];
	uint32_t feature_bits;      /* VMBUS_RING_FEATURE_* of the writer */
	uint32_t reserved2[1007];
};
static_assert(sizeof(struct vmbus_ring_page) == 4096, "ring control page");
static_assert(offsetof(struct vmbus_ring_page, interrupt_mask) == 8, "mask");
static_assert(offsetof(struct vmbus_ring_page, pending_send_bytes) == 12, "pending send");
static_assert(offsetof(struct vmbus_ring_page, feature_bits) == 64, "feature bits");

#define VMBUS_RING_FEATURE_PENDING_SEND 0x1u

/* Free space never reaches zero: an empty ring has equal indices. */
#define VMBUS_RING_RESERVED_BYTES 8u

/* ---- channel packets ---- */

enum vmbus_packet_type {
	VMBUS_PACKET_INBAND = 6,
	VMBUS_PACKET_TRANSFER_PAGES = 7,
	VMBUS_PACKET_GPA_DIRECT = 9,
	VMBUS_PACKET_COMPLETION = 11,
};

#define VMBUS_PACKET_FLAG_COMPLETION_REQUESTED 0x1u

struct vmbus_packet_header {
	uint16_t type;              /* enum vmbus_packet_type */
	uint16_t data_offset_8b;    /* start of payload, from packet start */
	uint16_t length_8b;         /* header, extension and payload; no footer */
	uint16_t flags;
	uint64_t transaction_id;
};
static_assert(sizeof(struct vmbus_packet_header) == 16, "packet header");

/* Follows the payload, which is padded to 8 bytes. */
struct vmbus_packet_footer {
	uint32_t reserved;
	uint32_t start_offset;      /* where the packet began, from data start */
};
static_assert(sizeof(struct vmbus_packet_footer) == 8, "packet footer");

/* Extension of VMBUS_PACKET_TRANSFER_PAGES; range_count ranges follow. */
struct vmbus_transfer_pages {
	uint16_t set_id;            /* the receive buffer's id */
	uint16_t reserved;          /* may hold garbage */
	uint32_t range_count;
};
static_assert(sizeof(struct vmbus_transfer_pages) == 8, "transfer pages extension");

struct vmbus_transfer_range {
	uint32_t byte_count;
	uint32_t byte_offset;       /* from the start of the receive buffer */
};
static_assert(sizeof(struct vmbus_transfer_range) == 8, "transfer range");

/* Extension of VMBUS_PACKET_GPA_DIRECT; range_count packed ranges follow. */
struct vmbus_gpa_direct {
	uint32_t reserved;          /* may hold garbage */
	uint32_t range_count;
};
static_assert(sizeof(struct vmbus_gpa_direct) == 8, "gpa direct extension");

/* Followed by one 64-bit page number for each page that it touches. */
struct vmbus_gpa_range {
	uint32_t byte_count;
	uint32_t byte_offset;       /* into the first page, below HV_PAGE_BYTES */
};
static_assert(sizeof(struct vmbus_gpa_range) == 8, "gpa range");

/* ---- VM-wide pages, shared by every device of a guest ---- */

#define VMBUS_INT_PAGE_HALF_BYTES 2048u

struct vmbus_int_page {
	uint8_t to_guest[VMBUS_INT_PAGE_HALF_BYTES];
	uint8_t to_host[VMBUS_INT_PAGE_HALF_BYTES];  /* bit number = channel relid */
};
static_assert(sizeof(struct vmbus_int_page) == 4096, "interrupt page");

#define VMBUS_MONITOR_GROUPS 4u
#define VMBUS_MONITOR_BITS 32u
#define VMBUS_MONITOR_NONE 255u         /* no monitor id was allocated */

struct vmbus_monitor_trigger {
	uint32_t pending;           /* the guest sets bits, the host clears them */
	uint32_t armed;
};

struct vmbus_monitor_parameter {
	uint32_t connection_id;
	uint16_t event_flag;
	uint16_t reserved;
};

struct vmbus_monitor_page {
	uint32_t trigger_state;     /* bits 0-3: group enabled */
	uint32_t reserved;
	struct vmbus_monitor_trigger trigger[VMBUS_MONITOR_GROUPS];
	uint8_t reserved2[24];
	uint32_t next_check_100ns[VMBUS_MONITOR_GROUPS][VMBUS_MONITOR_BITS];
	uint16_t latency_100ns[VMBUS_MONITOR_GROUPS][VMBUS_MONITOR_BITS];
	uint8_t reserved3[256];
	struct vmbus_monitor_parameter parameter[VMBUS_MONITOR_GROUPS][VMBUS_MONITOR_BITS];
	uint8_t reserved4[1984];
};
static_assert(sizeof(struct vmbus_monitor_page) == 4096, "monitor page");
static_assert(offsetof(struct vmbus_monitor_page, trigger) == 8, "triggers");
static_assert(offsetof(struct vmbus_monitor_page, next_check_100ns) == 0x40, "next check");
static_assert(offsetof(struct vmbus_monitor_page, latency_100ns) == 0x240, "latency");
static_assert(offsetof(struct vmbus_monitor_page, parameter) == 0x440, "parameters");

#endif /* VMBUS_WIRE_H */
