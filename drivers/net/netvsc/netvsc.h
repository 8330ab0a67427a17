/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NETVSC_H
#define NETVSC_H

/*
 * The NIC. Everything here lies in memory that the processes of an application
 * share (dev_private and what it points to); pointers are valid in all of them.
 *
 *   netvsc_burst.c   rx_burst and tx_burst: START READING HERE
 *   netvsc_poll.c    drains a channel: completions, transfers, control messages
 *   netvsc_rx.c      range of the receive buffer -> mbuf; netvsc_plain.h common, netvsc_lease.c, netvsc_borrow.c
 *   netvsc_tx.c      mbuf -> section or page list; netvsc_quick.h common;  netvsc_reap.c  and back
 *   netvsc_xact.c    one control request at a time;  netvsc_nvsp.c the NVSP messages
 *   netvsc_rndis.c   RNDIS requests;  netvsc_ndis.c  offloads, RSS, filter
 *   netvsc_link.c    attach, detach, reopen, restore;  netvsc_event.c what the host announces
 *   netvsc_queue.c   queue set-up;  netvsc_drain.c its end;  netvsc_stats.c  counters
 *   netvsc_ethdev.c  eth_dev_ops, the port's life;  netvsc_settings.c, netvsc_info.c
 *   netvsc_watch.c   drains channels that nobody polls;  netvsc_probe.c probe, remove
 */

#include <stdbool.h>
#include <stdint.h>

#include <rte_ether.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <rte_spinlock.h>

#include "../../bus/vmbus/vmbus_driver.h"
#include "ndis_wire.h"
#include "netvsc_args.h"
#include "netvsc_compat.h"
#include "netvsc_gate.h"
#include "netvsc_log.h"
#include "netvsc_sendbuf.h"
#include "netvsc_xact.h"
#include "nvsp_wire.h"
#include "rndis_wire.h"

#define NETVSC_QUEUES_MAX VMBUS_CHANNELS_MAX
#define NETVSC_RETA_MAX 512u
#define NETVSC_MULTICAST_MAX 64u
#define NETVSC_RECV_BUFFER_ID 0xcafeu
#define NETVSC_SEND_BUFFER_ID 0xfaceu
#define NETVSC_OWED_MAX 64u
#define NETVSC_RX_PREFETCH 4u   /* ranges fetched ahead: a backlog has room for as many more */
#define NETVSC_POLL_CONTROL_BUDGET 256u
#define NETVSC_CHANNEL_COUNTERS 8u
#define NETVSC_DEVICE_COUNTERS 5u

/* ---- one channel's traffic ---- */

/* A received transfer: its frames are the ranges up to range_end. It stays
 * here until the host has been sent its acknowledgement. */
struct netvsc_transfer {
	uint64_t transaction_id;
	uint32_t range_end;         /* free-running */
	uint32_t lent;              /* netvsc_lease.h acknowledges it */
};

/*
 * Transfers taken from the ring and not yet delivered, then not yet
 * acknowledged. Filled by whoever drains the channel (under the channel's
 * lock), emptied by its receive queue. All indices run freely; slot = index &
 * mask. As many ranges fit as there are sections: more is a host error.
 */
struct netvsc_backlog {
	struct vmbus_transfer_range *ranges;
	struct netvsc_transfer *transfers;
	uint32_t mask;              /* of both arrays */
	/* A queue whose tail is still here is not polled and holds `share` ranges at
	 * most (0: all); atomic. idle_ticks: of the watch. */
	uint32_t idle_tail, idle_ticks, share;
	/* the drainer's */
	uint32_t range_head __rte_cache_aligned;
	uint32_t transfer_head;
	uint32_t acked;             /* transfers whose acknowledgement was written */
	/* the receive queue's */
	uint32_t range_tail __rte_cache_aligned;
	uint32_t transfer_tail;     /* delivered: may be acknowledged up to here */
	uint32_t transfer_seen;     /* transfer_head as of the last look, */
	uint32_t range_seen;        /* and the end of its ranges */
};

/* A message to the host that it has not completed yet. */
struct netvsc_tx_slot {
	struct rte_mbuf *mbuf;      /* of a page list; NULL if all was copied */
	uint32_t section;           /* of the send buffer, or NVSP_SECTION_NONE */
	uint32_t state;             /* generation << 1 | in flight */
	uint32_t bytes;
	uint16_t frames;
	bool failed;                /* the host said so */
};

/* The slots of a channel: taken by the transmit queue, completed by whoever
 * drains, given back by the transmit queue. A slot completes once: what does
 * not fit its generation, or was completed before, is a host error. */
struct netvsc_tx_slots {
	struct netvsc_tx_slot *slot;
	uint16_t *done;             /* ids, from the drainer to the queue */
	uint32_t count, mask;       /* slots; of done, which has room for all of them */
	uint32_t done_head;         /* the drainer's */
	bool done_mbufs;            /* there are some among them; under the channel's lock */
	struct netvsc_txq *txq;     /* whose they are */
};

/* Marks a slot as completed; false if it was not in flight, or is another's. */
static inline bool
netvsc_tx_slot_complete(struct netvsc_tx_slot *slot, uint16_t generation)
{
	uint32_t expected = (uint32_t)generation << 1 | 1;

	/* Partner: the transmit queue stores the state before the message is
	 * published; the host's answer comes after it. */
	if (__atomic_load_n(&slot->state, __ATOMIC_ACQUIRE) != expected)
		return false;
	__atomic_store_n(&slot->state, expected & ~1u, __ATOMIC_RELAXED);
	return true;
}

#define NETVSC_TID(epoch, generation, slot) \
	((uint64_t)(epoch) << 48 | (uint64_t)(generation) << 32 | (slot))
#define NETVSC_TID_SLOT(tid) ((uint32_t)(tid))
#define NETVSC_TID_GENERATION(tid) ((uint16_t)((tid) >> 32))
#define NETVSC_TID_EPOCH(tid) ((uint16_t)((tid) >> 48))
/* Slots from here on are control requests: netvsc_xact.c. */
#define NETVSC_TID_CONTROL 0x80000000u

struct netvsc_device;
struct netvsc_kept;             /* netvsc_stats.h */
struct netvsc_lender;           /* netvsc_lease.h */
struct netvsc_region;           /* netvsc_lease.h */

struct netvsc_channel {
	struct netvsc_device *dev;
	struct vmbus_channel *vmbus;
	uint16_t index, epoch;      /* the latter changes at every open */
	bool dead;                  /* its ring is beyond repair */
	uint32_t watched_tail;      /* of the backlog, at the last look of the watch */
	struct netvsc_backlog backlog;
	struct netvsc_tx_slots tx_slots;
	/* Acknowledgements of control and of bad transfers, owed by the drainer. */
	uint64_t *owed;
	union {
		struct {
			uint16_t owed_count;
			uint16_t lends; /* frames: acknowledgements come from leases, too */
		};
		uint32_t owed_or_lends; /* one look at both */
	};
	struct netvsc_lender *lender;   /* NULL: all frames are copied */
	/* counters of the drainer */
	uint64_t ring_errors, bad_transfers, bad_completions, unknown_packets;
	uint64_t control_messages, acks;
	uint64_t refused;           /* frames of bad transfers; 1 where nobody knows how many */
	uint64_t discarded;         /* frames for which there was no started queue */
	uint64_t base[NETVSC_CHANNEL_COUNTERS]; /* what they were at the last reset */
};

/* ---- the device ---- */

struct netvsc_rss {
	uint8_t key[NDIS_RSS_KEY_BYTES];
	uint64_t hf;                /* RTE_ETH_RSS_*; 0 = RSS off */
	uint16_t reta_size;         /* the host's table */
	uint16_t reta[NETVSC_RETA_MAX];
};

/* How far attach has come: what detach must undo. */
enum netvsc_attached {
	NETVSC_ATTACHED_RECV = 0x1,     /* the host knows the receive buffer */
	NETVSC_ATTACHED_SEND = 0x2,
	NETVSC_ATTACHED_RNDIS = 0x4,
};

/* What the host answered: valid from attach to detach. */
struct netvsc_host {
	uint32_t attached;          /* enum netvsc_attached */
	uint32_t nvsp;              /* negotiated version */
	uint32_t ndis_major, ndis_minor;
	uint32_t frame_max;         /* what NDIS_CONFIG said, Ethernet header included */
	uint32_t suballoc_bytes, section_count;         /* receive buffer */
	/* Send buffer: sections of the data path, 0 = there is none; behind them
	 * lie send_control_count sections that carry control requests. */
	uint32_t send_section_bytes, send_section_count, send_control_count;
	uint32_t packets_per_message, max_transfer_bytes;
	uint32_t alignment;         /* of packets in a message, a power of two */
	uint32_t queues;            /* what RSS capabilities allow; 1 without RSS */
	uint16_t reta_size;
	uint32_t rss_caps;          /* flags of struct ndis_rss_capabilities */
	uint64_t rss_hf;            /* what they come to: RTE_ETH_RSS_* */
	struct ndis_offload offload; /* hardware capabilities, zeroed where not told */
	uint8_t offload_revision;   /* of its answer: our requests have it too */
	uint64_t tx_offloads, rx_offloads;      /* RTE_ETH_*: what they come to */
	struct rte_ether_addr mac;
	uint16_t mtu;               /* what the host made of the one asked for */
	/* atomic: told by the host at any time */
	bool link_up;
	bool link_told;             /* by an indication, truer than an answer; under xact.lock */
	uint64_t link_bps;
};

struct netvsc_device {
	/* identity */
	uint16_t port_id;
	int socket;                 /* NUMA node of what is allocated */
	char name[VMBUS_GUID_TEXT_BYTES];
	struct vmbus_shared *vmbus;
	uint8_t *recv_buffer, *send_buffer;
	uint64_t recv_bytes, send_bytes;
	bool page_lists_ok, confidential;
	struct netvsc_args args;

	/* control: under xact.mutex */
	struct netvsc_xact xact;
	struct netvsc_host host;
	struct netvsc_rss rss;
	uint32_t filter;            /* NDIS_FILTER_* last set, or NETVSC_FILTER_UNKNOWN */
	/* what the application asked for: sent again after every reopen */
	bool receiving;             /* started: the filter lets frames through */
	bool promiscuous, allmulticast;
	bool mac_changed;           /* mac was set and is not the host's own */
	bool multicast_listed;      /* the host took the list */
	uint16_t mtu;
	uint16_t mtu_refused;       /* the host made less of this one; 0 = of none yet */
	struct rte_ether_addr mac;
	uint64_t tx_offloads, rx_offloads;      /* RTE_ETH_*: switched on */
	uint32_t multicast_count;   /* may exceed the list: then all are let through */
	struct rte_ether_addr multicast[NETVSC_MULTICAST_MAX];
	uint16_t epoch;
	uint16_t queue_limit;       /* channels that the kernel opened, where fewer than granted */
	bool no_ptypes;             /* the application wants no packet types */
	uint64_t base[NETVSC_DEVICE_COUNTERS];  /* of counters, at the last reset */
	struct netvsc_kept *kept;   /* counters of queues that were released */

	/* data path */
	struct netvsc_sendbuf sendbuf;
	struct netvsc_region *region;   /* what frames are lent from, or NULL */
	uint32_t secondaries;       /* processes beside the primary that run bursts; atomic */
	uint16_t channel_count;     /* open ones */
	/* Bit i of `attended` (atomic) says that a started queue receives from
	 * channel i. From others frames are given back at once, by whoever drains
	 * them: they would keep sections that the queues need. */
	uint64_t open_mask;         /* bit i: channel i is open */
	uint64_t attended;
	uint32_t unattended_next;   /* to be looked at by a burst that has time */
	struct netvsc_channel *channel[NETVSC_QUEUES_MAX];
};

#endif /* NETVSC_H */
