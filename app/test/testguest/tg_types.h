/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_TYPES_H
#define TG_TYPES_H

/* What a test guest is made of: memory, frames, channels, devices. */

#include <stdbool.h>
#include <stdint.h>

#include "../../../drivers/bus/vmbus/uio_layout.h"
#include "../../../drivers/bus/vmbus/vmbus_wire.h"
#include "../../../drivers/net/netvsc/ndis_wire.h"
#include "../../../drivers/net/netvsc/nvsp_wire.h"
#include "../../../drivers/net/netvsc/rndis_wire.h"
#include "tg_ring.h"

#define TG_CHANNELS_MAX 64u
#define TG_SLOTS 512u                   /* transactions a channel may have open */
#define TG_SLOT_BYTES (20u * HV_PAGE_BYTES)     /* guest memory of each */
#define TG_SECTIONS_MAX 65536u
#define TG_FRAME_MAX 65550u
#define TG_WAIT_MS 5000u

struct tg_device;
struct tg_channel;

/* ---- memory of the guest (tg_memory.c) ---- */

enum tg_memory_kind {
	TG_MEMORY_SHARED,       /* a memfd, MAP_SHARED: the host reads it in place */
	TG_MEMORY_ANONYMOUS,    /* malloc'ed */
};

struct tg_memory {
	enum tg_memory_kind kind;
	uint8_t *base;
	uint64_t bytes;
	void *raw;              /* what malloc returned */
};

/* ---- transmit ---- */

enum tg_tx_way {
	TG_TX_SECTION,          /* all of it in a send section */
	TG_TX_SECTION_PAGES,    /* headers in a section, the frame by page list */
	TG_TX_PAGES,            /* page list only, headers in its first range */
};

struct tg_tx_frame {
	const void *data;
	uint32_t bytes;
	bool has_csum, has_lso, has_vlan;
	uint32_t csum, lso, vlan;       /* PPI data */
};

/* ---- receive ---- */

struct tg_rx_frame {
	const uint8_t *data;
	uint32_t bytes;
	bool has_csum, has_vlan, has_hash, has_hash_info;
	uint32_t csum, vlan, hash, hash_info;
	unsigned int pieces;    /* 1, or of how many pieces RSC made it */
};

typedef void (*tg_rx_cb)(struct tg_channel *channel, const struct tg_rx_frame *frame, void *arg);

/* ---- a channel ---- */

struct tg_slot {
	bool busy, done;
	bool detached;          /* nobody waits: closed by its completion */
	uint16_t generation;
	uint32_t section;       /* NVSP_SECTION_NONE: none */
	uint32_t status;        /* enum nvsp_status of a finished RNDIS message */
	void *reply;            /* where the completion's payload goes, or NULL */
	uint32_t reply_room;
	uint32_t reply_bytes;
};

struct tg_counters {
	uint64_t tx_messages, tx_frames, tx_done, tx_failed, tx_full;
	uint64_t rx_transfers, rx_frames, rx_bytes, rx_runs, rx_ranges_max;
	uint64_t signals, signals_pending_send;
};

/* A transfer whose sections the guest has not given back. */
struct tg_transfer {
	uint64_t tid;
	uint32_t first;         /* sub-allocation; the rest by recv_next */
};
#define TG_SECTION_NONE UINT32_MAX

struct tg_channel {
	struct tg_device *dev;
	uint16_t index;                 /* 0 primary */
	uint32_t relid;
	uint8_t monitor_id;             /* VMBUS_MONITOR_NONE */
	void *ring_map;                 /* subchannels: their own mapping */
	uint64_t ring_bytes;
	struct tg_tx_ring tx;
	struct tg_rx_ring rx;
	struct tg_slot slots[TG_SLOTS];
	unsigned int free_slots[TG_SLOTS], free_slot_count;
	struct tg_memory memory;        /* TG_SLOTS x TG_SLOT_BYTES, made on first use */
	uint64_t acks[TG_SECTIONS_MAX]; /* completions owed */
	unsigned int ack_count;
	bool hold;                      /* keep data transfers: see tg_release() */
	bool hold_control;              /* and control transfers */
	uint64_t held[TG_SECTIONS_MAX]; /* their ids */
	unsigned int held_count;
	struct tg_transfer open[TG_SECTIONS_MAX];       /* oldest first */
	unsigned int open_count;
	uint8_t *run;                   /* RSC: the frame being put together */
	struct tg_rx_frame run_view;
	bool run_open;
	struct tg_counters counters;
	uint64_t packets;               /* everything that ever came */
};

/* ---- a device ---- */

struct tg_device {
	char path[512];                 /* /sys/bus/vmbus/devices/<guid> */
	char name[64];                  /* the GUID */
	unsigned int uio;
	int fd;
	void *map[UIO_MAP_COUNT];
	uint64_t map_bytes[UIO_MAP_COUNT];
	uint32_t recv_gpadl, send_gpadl;
	uint32_t page_bytes;            /* of the system */

	struct tg_channel *channel[TG_CHANNELS_MAX];
	unsigned int channels;          /* open ones */

	uint32_t nvsp;                  /* negotiated version, 0 before */
	uint32_t frame_max;             /* told in NDIS_CONFIG */
	uint16_t recv_id;
	struct nvsp_recv_section recv[8];
	unsigned int recv_sections;
	uint8_t *recv_held;             /* per sub-allocation */
	uint32_t *recv_next;            /* of the same transfer */
	uint32_t section_bytes, section_count;  /* of the send buffer */
	uint32_t *free_sections, free_section_count;
	struct rndis_init_complete rndis;
	enum tg_memory_kind memory_kind;

	struct tg_memory control;       /* one page for RNDIS control requests */
	uint32_t request_id;
	uint8_t answer[8192];           /* the last RNDIS control completion */
	uint32_t answer_bytes;
	uint8_t mac[6];

	tg_rx_cb on_frame;
	void *on_frame_arg;

	/* what the host said without being asked */
	unsigned int indications;
	uint32_t last_indication;
	unsigned int vf_messages, switch_messages, tables;
	uint32_t vf_allocated, vf_serial, data_path;
	uint32_t table[NVSP_INDIRECTION_ENTRIES];
};

#endif /* TG_TYPES_H */
