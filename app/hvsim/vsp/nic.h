/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HVSIM_VSP_NIC_H
#define HVSIM_VSP_NIC_H

/*
 * The inside of the VSP: one NIC, its channels, and which file does what.
 * Include arrows: nic.c knows all; channel.c demultiplexes to control (nvsp.c,
 * rndis.c, oid.c, vf.c) and data (tx.c, rx.c); those use ring.c, rss.c,
 * offload.c, check.c. Host memory that the guest can write (rings, receive
 * and send buffer, pages) is read once into locals, checked, then used.
 */

#include <stdbool.h>
#include <stdint.h>

#include "../../../drivers/bus/vmbus/vmbus_wire.h"
#include "../../../drivers/net/netvsc/ndis_wire.h"
#include "../../../drivers/net/netvsc/nvsp_wire.h"
#include "../../../drivers/net/netvsc/rndis_wire.h"
#include "../core/engine.h"
#include "../core/util.h"
#include "../fault/fault.h"
#include "../switch/switch.h"
#include "../transport.h"
#include "profile.h"
#include "rules.h"
#include "vsp.h"

#define VSP_CONTROL_SECTIONS 16u        /* receive sections kept for control messages */
#define VSP_TRANSFER_FRAMES_MAX 375u    /* ranges in one transfer */
#define VSP_TRANSFER_RSC_MAX 562u       /* with RSC */
#define VSP_TX_QUOTA 1024u              /* outstanding RNDIS messages per channel */
#define VSP_RECV_SECTIONS_MAX 65536u
/* The longest RNDIS message to the guest but frames; shorter than any sub-allocation. */
#define RNDIS_ANSWER_BYTES_MAX 1024u

/* ---- ring.c: the host's ends of the two rings ---- */

/* Private copies of the host's own indices: what the guest writes into ours
 * is noticed, never used. */
struct host_rx_ring {           /* guest to host; the host reads */
	struct vmbus_ring_page *page;
	uint8_t *data;
	uint32_t data_bytes;
	uint32_t read;          /* ours */
	uint32_t published;     /* the read index that the guest may see */
	uint32_t write_seen;    /* the guest's index when last looked at, checked */
	bool masked;            /* what we last stored in interrupt_mask */
	bool lied;              /* words of the page are not what we think: a fault */
};

struct host_tx_ring {           /* host to guest; the host writes */
	struct vmbus_ring_page *page;
	uint8_t *data;
	uint32_t data_bytes;
	uint32_t write;         /* ours, published at commit */
	uint32_t committed;     /* what the guest may see */
	uint32_t read_seen;     /* the guest's index when last looked at, checked */
	uint32_t pending;       /* the pending_send_bytes we announced */
	bool announced;         /* it was, since the guest last signalled */
	bool blocked;           /* full: not looked at again until signalled */
	bool lied;              /* words of the page are not what we think: a fault */
	uint32_t limit_bytes;   /* start no transfer with more in the ring; 0 = no limit */
};

/* One packet taken from the ring: the descriptor and all of the packet up to
 * VSP_PACKET_COPY_MAX are the host's own copy; nothing here is shared. */
#define VSP_PACKET_COPY_MAX 16384u
struct host_packet {
	uint16_t type;
	uint16_t flags;
	uint64_t transaction_id;
	const uint8_t *extension;       /* between descriptor and payload */
	uint32_t extension_bytes;
	const uint8_t *payload;
	uint32_t payload_bytes;
};

void host_rx_ring_init(struct host_rx_ring *ring, void *page, void *data, uint32_t data_bytes);
/* 1 and a packet, 0 if empty, -EPROTO with *rule if the guest broke the ring. */
int host_rx_ring_next(struct host_rx_ring *ring, struct host_packet *packet, uint8_t *copy,
	enum vsp_rule *rule);
/* Publishes what was read; true if the guest waits for room and must be
 * interrupted (pending-send rule). */
bool host_rx_ring_publish(struct host_rx_ring *ring);
void host_rx_ring_mask(struct host_rx_ring *ring, bool masked);
bool host_rx_ring_empty(const struct host_rx_ring *ring);

void host_tx_ring_init(struct host_tx_ring *ring, void *page, void *data, uint32_t data_bytes);
/* Writes one packet (extension and payload concatenated from two pieces; sizes
 * are filled in). -EAGAIN if there is no room: then pending_send_bytes has
 * been announced and the ring stays blocked until host_tx_ring_unblock().
 * -EPROTO if the guest's index is impossible. */
int host_tx_ring_put(struct host_tx_ring *ring, const struct vmbus_packet_header *header,
	const void *extension, uint32_t extension_bytes, const void *payload,
	uint32_t payload_bytes);
/* Publishes; true if the guest must be interrupted (was empty, not masked). */
bool host_tx_ring_publish(struct host_tx_ring *ring);
uint32_t host_tx_ring_free_bytes(const struct host_tx_ring *ring);
/* 0 if that much is free; else announces that it is waited for, as put does. */
int host_tx_ring_want(struct host_tx_ring *ring, uint32_t bytes);
/* The guest signalled: look at its read index again. */
void host_tx_ring_unblock(struct host_tx_ring *ring);
/* True if the guest wrote a word that is the host's. */
bool host_rx_ring_tampered(const struct host_rx_ring *ring);
bool host_rx_ring_mask_tampered(const struct host_rx_ring *ring);
bool host_tx_ring_tampered(const struct host_tx_ring *ring);

/* ---- the NIC ---- */

enum nic_state {
	NIC_OFFERED,            /* no version yet: only INIT */
	NIC_NEGOTIATED,         /* S1: buffers, config, version */
	NIC_READY,              /* S2: all four seen, or RNDIS came first */
	NIC_OPERATIONAL,        /* RNDIS INIT done */
};

enum nic_seen {                 /* init messages, each at most once per open */
	NIC_SEEN_NDIS_CONFIG = 0x1,
	NIC_SEEN_NDIS_VERSION = 0x2,
	NIC_SEEN_RECV_BUFFER = 0x4,
	NIC_SEEN_SEND_BUFFER = 0x8,
};

/* Where a receive section is. */
enum recv_owner {
	RECV_FREE,
	RECV_GUEST,             /* in a transfer that the guest has not completed */
	RECV_KEPT,              /* completed, but a faulty host does not take it back */
};

struct recv_section {
	uint16_t next;          /* next of the same transfer, or RECV_NONE */
	uint8_t owner;          /* enum recv_owner */
	uint8_t queue;          /* who sent it: completion must come there */
	uint8_t home;           /* whose free list it goes back to */
	uint8_t first;          /* its number is the transaction id of a transfer */
	uint8_t reserved[2];
};
#define RECV_NONE 0xffffu

#define QUEUE_COUNTERS(C) \
	C(tx_frames) C(tx_bytes) C(tx_messages) C(tx_packets_max) C(tx_failed) \
	C(tx_lso) C(tx_segments) C(tx_csum) C(tx_vlan) C(tx_page_lists) C(tx_sections) \
	C(rx_frames) C(rx_bytes) C(rx_transfers) C(rx_completions) C(rx_rsc_runs) \
	C(rx_rsc_frames) C(rx_multicast) C(rx_broadcast) \
	C(rx_drop_no_section) C(rx_drop_ring_full) C(rx_drop_filter) C(rx_drop_not_open) \
	C(rx_drop_length) C(rx_drop_link) \
	C(interrupts) C(signals) C(wakeups) C(sleeps) C(ring_full) C(opens) C(dead) \
	C(bytes_in_place) C(bytes_copied) C(violations) C(tx_lost)

struct queue_counters {
#define C(name) uint64_t name;
	QUEUE_COUNTERS(C)
#undef C
};

/* A completion (or message) waiting for room in the host-to-guest ring. */
struct pending_packet {
	struct pending_packet *next;
	struct vmbus_packet_header header;
	uint32_t bytes;                 /* of what follows */
	uint32_t extension_bytes;       /* how much of it is the extension */
	uint8_t payload[];
};

enum channel_state {
	CHANNEL_CLOSED,
	CHANNEL_AWAKE,          /* the host looks at the ring by itself */
	CHANNEL_ASLEEP,         /* mask is 0; looks only when signalled */
	CHANNEL_DEAD,           /* silence until closed */
};

struct vsp_channel {
	struct vsp_nic *nic;
	struct hv_channel *handle;      /* NULL while not offered */
	uint16_t index;                 /* 0 primary */
	enum channel_state state;
	bool signalled;                 /* since it fell asleep */
	bool offered;                   /* subchannels: the guest was told of it */
	/* The backend restarted (RSS change): data messages up to this ring index
	 * were in flight. They are completed with success and lost (tx_lost). */
	bool losing;
	uint32_t lose_until;
	unsigned int idle_rounds;
	struct host_rx_ring from_guest;
	struct host_tx_ring to_guest;
	struct pending_packet *pending_head, **pending_tail;
	unsigned int outstanding;       /* packets that wait for room, completions above all */
	struct engine_timer unstick_timer;      /* looks once more after the open */
	unsigned int unasked_signals;   /* in a row */
	/* rx.c: the transfer being built, flushed at the end of the round */
	uint16_t *free_sections;        /* section ids: a FIFO, a stack under CHECK_FAST */
	uint32_t free_head, free_count, free_size;
	struct vmbus_transfer_range *ranges;
	uint16_t *range_sections;
	unsigned int range_count;
	uint32_t built_frames;          /* in that transfer */
	uint32_t built_multicast, built_broadcast;      /* of those */
	uint64_t built_bytes;
	struct queue_counters counters;
};

struct vsp_rss {
	bool enabled;
	uint32_t hash_types;            /* NDIS_HASH_* */
	uint8_t key[NDIS_RSS_KEY_BYTES];
	uint16_t entries;
	uint8_t table[256];             /* entry -> queue index */
	uint32_t *toeplitz;             /* tables made from the key (rss.c) */
};

struct vsp_nic {
	struct sw_port port;            /* its place on the switch */
	struct vsp_nic *next;
	struct config_nic config;
	const struct vsp_profile *profile;
	const struct hv_transport *transport;
	struct hv_guest *guest;
	struct hv_device *device;       /* NULL while not offered */
	bool isolated;                  /* pages of its guest are its own */
	struct engine_poller poller;
	struct rng rng;

	/* control, reset at each open of the primary */
	enum nic_state state;
	uint32_t nvsp;                  /* negotiated version */
	uint32_t seen;                  /* enum nic_seen */
	uint32_t frame_max;             /* from NDIS_CONFIG, Ethernet header included */
	uint64_t guest_caps;            /* NVSP_CONFIG_CAP_* */
	uint32_t ndis_major, ndis_minor;
	uint8_t *recv_base;
	uint64_t recv_bytes;
	uint16_t recv_id;
	uint8_t *send_base;
	uint64_t send_bytes;
	uint32_t send_sections;
	uint32_t suballoc_bytes;
	uint32_t section_count;
	struct recv_section *sections;
	uint16_t control_free[VSP_CONTROL_SECTIONS];    /* a stack */
	unsigned int control_free_count;
	struct pending_packet *control_head, **control_tail;    /* await a control section */
	unsigned int control_queued_bytes;
	/* messages to the guest that await a control section; they go first */
	struct pending_packet *outgoing_head, **outgoing_tail;
	unsigned int outgoing_count;
	unsigned int subchannels_requested;
	bool table_sent;

	/* settings made by the guest */
	uint32_t filter;                /* NDIS_FILTER_* */
	uint8_t mac[6], permanent_mac[6];
	uint8_t multicast[64][6];
	unsigned int multicast_count;
	struct vsp_rss rss;
	uint8_t tx_csum;                /* bit per ip4, tcp4, udp4, tcp6, udp6: offload on */
	uint8_t rx_csum;
	bool lso4, lso6, rsc4, rsc6;

	/* state of the world */
	bool link_up;
	bool link_told;                 /* what the guest believes */
	bool link_toggle;               /* the opposite is still to be told, first */
	uint64_t link_bps;
	bool vf_present, vf_announced;
	uint32_t vf_serial;
	uint32_t data_path;             /* enum nvsp_data_path */
	struct engine_timer link_timer, vf_timer;

	unsigned int channels_open;
	unsigned int channel_end;       /* above the last open channel */
	unsigned int channel_next;      /* where the next poll starts */
	uint16_t rsc_packet_id;
	struct vsp_channel channel[HV_CHANNELS_MAX];
	uint64_t rule_counts[VSP_RULE_COUNT];
	uint64_t violations;
	uint64_t rx_drop_total;
	uint64_t vf_rx_frames;          /* to the guest while its data path was the VF */
};

/* Bits of tx_csum and rx_csum. */
enum nic_csum {
	NIC_CSUM_IP4 = 0x1,
	NIC_CSUM_TCP4 = 0x2,
	NIC_CSUM_UDP4 = 0x4,
	NIC_CSUM_TCP6 = 0x8,
	NIC_CSUM_UDP6 = 0x10,
	NIC_CSUM_ALL = 0x1f,
};

/* ---- nic.c ---- */
/* Most queues the guest can get: by configuration, profile and NVSP version. */
unsigned int nic_queues_granted(const struct vsp_nic *nic);
/* The primary's id, for traces and logs; 0 while it is closed. */
uint32_t nic_relid(const struct vsp_nic *nic);
/* The backend restarts: what the guest has sent so far and nobody has looked
 * at is lost, though completed; the receive sections are divided anew. */
void nic_restart_backend(struct vsp_nic *nic);
/* RNDIS INIT was answered: the guest now believes that the link is up. */
void nic_link_initialised(struct vsp_nic *nic);

/* ---- check.c ---- */
extern struct vsp_settings vsp_settings;
/* Counts, logs one line naming the rule, traces. For a DEAD rule the channel
 * falls silent. Never call it per frame without need: it logs each violation
 * of a rule up to 10 times, then counts only. */
void vsp_violation(struct vsp_channel *channel, enum vsp_rule rule, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* ---- channel.c ---- */
/* Sends an in-band message; queues it, in order, if there is no room. */
void channel_send(struct vsp_channel *channel, uint64_t transaction_id, bool want_completion,
	const void *payload, uint32_t bytes);
/* Sends a completion; bytes may be 0. */
void channel_complete(struct vsp_channel *channel, uint64_t transaction_id,
	const void *payload, uint32_t bytes);
/* Sends one range of the receive buffer (a control message) as transfer pages
 * that ask for a completion; queued in order like the others. */
void channel_send_transfer(struct vsp_channel *channel, uint64_t transaction_id,
	const struct vmbus_transfer_range *range, const void *payload, uint32_t bytes);
void channel_interrupt(struct vsp_channel *channel);
/* What the guest calls the channel: for logs and traces. */
static inline uint32_t
channel_relid(const struct vsp_channel *channel)
{
	return channel->handle != NULL ? channel->nic->transport->relid(channel->handle) : 0;
}
bool channel_is_open(const struct vsp_channel *channel);        /* awake or asleep */
/* The NIC's engine poller (nic.c sets it up); arg is the struct vsp_nic. */
unsigned int channel_poll_nic(void *arg);
bool channel_prepare_sleep(void *arg);
void channel_wake(void *arg);
uint64_t channel_next_ns(void *arg);

/* ---- nvsp.c: everything but RNDIS data ---- */
void nvsp_reset(struct vsp_nic *nic);           /* at open of the primary */
void nvsp_handle(struct vsp_channel *channel, const struct host_packet *packet);
void nvsp_subchannel_opened(struct vsp_channel *channel);
/* Takes back all subchannels: when the primary closes. */
void nvsp_rescind_subchannels(struct vsp_nic *nic);
/* Sends, or completes with, an NVSP message: padded and traced. */
void nvsp_send(struct vsp_nic *nic, uint64_t transaction_id, bool want_completion,
	const void *message, uint32_t bytes);
void nvsp_complete(struct vsp_channel *channel, const struct host_packet *request,
	const void *message, uint32_t bytes);
/* The completion of an RNDIS message of that type; 0: whatever it was. */
void nvsp_complete_rndis(struct vsp_channel *channel, const struct host_packet *request,
	uint32_t type, uint32_t status);
uint32_t nvsp_padded_bytes(const struct vsp_nic *nic);  /* of a host message */

/* ---- rndis.c: control messages ---- */
/* Handles one control message, its NVSP completion included. */
void rndis_control(struct vsp_channel *channel, const struct host_packet *packet,
	const uint8_t *message, uint32_t bytes);
/* Sends a control message to the guest through a control section. */
void rndis_send(struct vsp_nic *nic, const void *message, uint32_t bytes);
void rndis_section_freed(struct vsp_nic *nic);  /* a control section came back */
void rndis_indicate(struct vsp_nic *nic, uint32_t status, const void *buffer, uint32_t bytes);
void rndis_reset(struct vsp_nic *nic);          /* forgets what is queued */
/* Sends the current offload configuration. */
void rndis_indicate_offload(struct vsp_nic *nic);

/* ---- oid.c ---- */
/* Writes the answer (at most size bytes) and its length; returns NDIS_STATUS_*. */
uint32_t oid_query(struct vsp_nic *nic, uint32_t oid, void *answer, uint32_t size,
	uint32_t *bytes);
uint32_t oid_set(struct vsp_nic *nic, uint32_t oid, const uint8_t *data, uint32_t bytes);
void oid_reset(struct vsp_nic *nic);            /* settings back to their start */

/* Reports malformed information of a request (rule OID_DATA); returns status. */
uint32_t oid_malformed(struct vsp_nic *nic, uint32_t status, const char *what);

/* ---- oid_offload.c, oid_rss.c: parts of oid.c ---- */
/* NDIS_OFFLOAD: what the host can do, or what is switched on. Returns its size. */
uint32_t oid_offload_build(const struct vsp_nic *nic, bool current, struct ndis_offload *offload);
uint32_t oid_offload_set(struct vsp_nic *nic, const uint8_t *data, uint32_t bytes);
void oid_offload_reset(struct vsp_nic *nic);
/* The checksum offloads that the host offers: enum nic_csum. */
uint8_t oid_offload_tx_csum(const struct vsp_nic *nic);
bool oid_offload_rsc(const struct vsp_nic *nic);
uint32_t oid_rss_capabilities(const struct vsp_nic *nic,
	struct ndis_rss_capabilities *capabilities);
uint32_t oid_rss_set(struct vsp_nic *nic, const uint8_t *data, uint32_t bytes);
void oid_rss_reset(struct vsp_nic *nic);

/* ---- vf.c ---- */
void vf_reset(struct vsp_nic *nic);
void vf_rndis_initialised(struct vsp_nic *nic); /* after INIT_CMPLT */
void vf_switch_requested(struct vsp_channel *channel, const struct host_packet *packet,
	uint32_t path);
int vf_offer(struct vsp_nic *nic);
int vf_revoke(struct vsp_nic *nic);

/* ---- rx.c: frames to the guest ---- */
/* Divides the sections among queues; after negotiation and RSS changes. */
int rx_sections_create(struct vsp_nic *nic);
void rx_sections_destroy(struct vsp_nic *nic);
void rx_sections_divide(struct vsp_nic *nic);
void rx_output(struct sw_port *port, const struct frame *frames, unsigned int n);
unsigned int rx_room(struct sw_port *port);
void rx_flush(struct vsp_channel *channel);     /* sends the transfer being built */
void rx_flush_all(struct vsp_nic *nic);
void rx_completed(struct vsp_channel *channel, const struct host_packet *packet);
void rx_reset(struct vsp_nic *nic);
/* What a channel needs to receive; from open to close. */
int rx_channel_open(struct vsp_channel *channel);
void rx_channel_close(struct vsp_channel *channel);

/* ---- tx.c: frames from the guest ---- */
/* A data message: parse, verify, execute offloads, switch, complete. */
void tx_handle(struct vsp_channel *channel, const struct host_packet *packet);
/* Collects the bytes of an RNDIS message (section and page ranges) for
 * control messages: copies at most size bytes; returns the length or -errno. */
int tx_gather(struct vsp_channel *channel, const struct host_packet *packet, void *copy,
	uint32_t size);
/* Hands what tx_handle() has parsed to the switch and writes the completions;
 * at the end of a channel's slice. */
void tx_flush(struct vsp_channel *channel);

/* ---- rss.c ---- */
int rss_set_key(struct vsp_rss *rss, const uint8_t key[NDIS_RSS_KEY_BYTES]);
void rss_free(struct vsp_rss *rss);
/* Hash of a frame and the NDIS_HASH_* type used; false: not hashable. */
bool rss_hash(const struct vsp_rss *rss, const uint8_t *frame, uint32_t bytes,
	uint32_t *hash, uint32_t *type);

#endif /* HVSIM_VSP_NIC_H */
