/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NETVSC_TX_H
#define NETVSC_TX_H

/* A transmit queue: what a burst needs, grouped by who writes it. */

#include "netvsc.h"
#include "netvsc_sendbuf.h"

/* RNDIS header, hash value, VLAN, and checksum or segmentation. */
#define NETVSC_TX_HEADER_MAX (sizeof(struct rndis_packet) + 3 * 16u)
#define NETVSC_TX_HEADER_SLOT 128u      /* never crosses a page */
#define NETVSC_TX_HEADERS_PER_PAGE (HV_PAGE_BYTES / NETVSC_TX_HEADER_SLOT)
/* Page ranges of one message: hosts announce chains of 34. */
#define NETVSC_TX_RANGES_MAX 33u
#define NETVSC_TX_PAGES_MAX 96u
#define NETVSC_TX_DRAIN 256u            /* completions looked for when running low */

struct netvsc_tx_counters {
	uint64_t packets, bytes;
	uint64_t messages;
	uint64_t page_lists;
	/* Frames dropped for what they are; the burst goes on. Each in one of: */
	uint64_t rejected;          /* no Ethernet header, or longer than the MTU allows */
	uint64_t bad_offloads;      /* offloads not switched on, or the host would refuse them */
	uint64_t unsendable;        /* no section holds them, and no page list either */
	uint64_t host_errors;       /* frames the host refused */
	uint64_t host_error_bytes;
	uint64_t abandoned;         /* frames the host still had when the link was closed */
	uint64_t abandoned_bytes;
	uint64_t no_section, no_slot, ring_full;        /* bursts cut short by these */
};

/* RNDIS header and up to three elements of information. */
struct netvsc_tx_header {
	struct rndis_packet packet;
	struct {
		struct rndis_ppi header;
		uint32_t value;
	} ppi[3];
};
_Static_assert(sizeof(struct netvsc_tx_header) == NETVSC_TX_HEADER_MAX, "transmit header");

struct netvsc_txq {
	struct netvsc_gate gate;
	struct netvsc_channel *channel;
	struct netvsc_sendbuf *sendbuf;
	struct netvsc_sendbuf_cache sections;
	uint16_t *free_slots;       /* a stack of ids */
	uint32_t free_count;
	uint32_t done_tail;
	uint16_t generation;
	uint16_t low_water;         /* fewer free slots: drain while the lock is held */
	uint32_t copy_max;          /* frames up to this are copied */
	/* Behind the Ethernet header there is as much as the MTU says, a VLAN tag
	 * not counted; what is longer must be cut by the host. */
	uint32_t frame_max;
	uint32_t section_bytes;     /* one frame's message at most */
	uint32_t gather_bytes;      /* no frame is added to a message beyond this */
	uint32_t message_max;       /* what the host takes in one, page list included */
	uint32_t align_mask;
	uint16_t frames_max;        /* per message */
	/* Of the common kind, see netvsc_quick.h; 0: nothing is. */
	uint32_t quick_max;         /* frames up to this are copied */
	uint32_t quick_list_max;    /* frames up to this go as page lists */
	uint32_t fill_bytes;        /* a frame must end here if its header took no space */
	bool page_lists;
	uint8_t *headers;           /* NETVSC_TX_HEADER_SLOT for each slot; for page lists without a section */
	rte_iova_t *headers_iova;   /* of each page of them */
	uint32_t ack_reserve;       /* of the ring, for acknowledgements */
	uint16_t port_id, queue_id;
	/* Of a frame without requests: all but two lengths. */
	struct netvsc_tx_header header __rte_aligned(16);
	struct netvsc_tx_counters counters __rte_cache_aligned;
	/* control's */
	struct netvsc_tx_counters base; /* what they were at the last reset */
	uint16_t nb_desc, free_thresh;
	uint64_t offloads;
	bool deferred_start;
};

/* Whatever of a queue follows from its number and its limits. */
void netvsc_tx_quick_fit(struct netvsc_txq *txq);
/* Whether there is a way to the host for this frame. */
bool netvsc_tx_sendable(const struct netvsc_txq *txq, const struct rte_mbuf *m);
/* netvsc_prepare.c: whether the host will do what the frame asks for. 0;
 * -ENOTSUP: it was not switched on; -EINVAL: the lengths in the mbuf and the
 * frame do not go together. One bad frame costs all of its message. */
struct netvsc_tx_frame;
int netvsc_tx_offloads_check(const struct netvsc_txq *txq, const struct netvsc_tx_frame *frame);

/* Sends as many of the frames as there is room for; see netvsc_burst.c. */
uint16_t netvsc_tx_submit(struct netvsc_txq *txq, struct rte_mbuf **pkts, uint16_t nb_pkts);

#endif /* NETVSC_TX_H */
