/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HVSIM_VSP_DATA_H
#define HVSIM_VSP_DATA_H

/*
 * What only the data half of the VSP knows of itself: ring.c, channel.c, tx.c,
 * rx.c, rsc.c, rss.c, offload.c.
 */

#include <string.h>

#include "nic.h"

/* ---- memory that the guest may change under our hands ---- */

/* After a copy out of guest memory: the compiler must not read it again. */
static inline void
host_copy_barrier(void)
{
	__asm__ volatile("" : : : "memory");
}

static inline uint64_t
gpa_range_pages(const struct vmbus_gpa_range *range)
{
	return ((uint64_t)range->byte_offset + range->byte_count + HV_PAGE_BYTES - 1) >>
		HV_PAGE_SHIFT;
}

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

static inline uint16_t
load_be16(const void *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return __builtin_bswap16(v);
}

static inline uint32_t
load_be32(const void *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return __builtin_bswap32(v);
}

static inline void
store_be16(void *p, uint16_t v)
{
	v = __builtin_bswap16(v);
	memcpy(p, &v, sizeof(v));
}

static inline void
store_be32(void *p, uint32_t v)
{
	v = __builtin_bswap32(v);
	memcpy(p, &v, sizeof(v));
}

/* Exactly n bytes, quick for the sizes of small frames. */
static inline void
copy_frame(uint8_t *to, const uint8_t *from, uint32_t n)
{
	if (n > 128 || n < 32) {
		memcpy(to, from, n);
	} else if (n <= 64) {
		uint8_t head[32], tail[32];

		memcpy(head, from, 32);
		memcpy(tail, from + n - 32, 32);
		memcpy(to, head, 32);
		memcpy(to + n - 32, tail, 32);
	} else {
		uint8_t head[64], tail[64];

		memcpy(head, from, 64);
		memcpy(tail, from + n - 64, 64);
		memcpy(to, head, 64);
		memcpy(to + n - 64, tail, 64);
	}
}

/* ---- offload.c ---- */

enum ip_proto {
	IP_TCP = 6,
	IP_UDP = 17,
};

#define ETHER_IPV4 0x0800u
#define ETHER_IPV6 0x86ddu
#define ETHER_VLAN 0x8100u

/* The most of a frame that its headers may take up. */
#define FRAME_HEAD_BYTES 256u

/* Where the headers of a frame are; all offsets from the frame's start, all
 * checked against its length. */
struct frame_view {
	uint16_t l3_offset;     /* 0: neither IPv4 nor IPv6 */
	uint16_t l4_offset;     /* 0: no L4 header here (fragment, unknown, too short) */
	uint32_t l3_end;        /* where the IP packet ends: <= the frame's length */
	uint8_t ip_version;
	uint8_t proto;          /* of the L4 header */
	bool tagged;            /* a VLAN tag inside the frame */
	bool fragment;
};

/* Parses the copy of a frame's first head_bytes (all of it, or
 * FRAME_HEAD_BYTES); false if it is not IP. */
bool frame_parse(const uint8_t *head, uint32_t head_bytes, uint32_t bytes,
	struct frame_view *view);
/* The same for a frame in guest memory; head (FRAME_HEAD_BYTES) gets the copy. */
bool frame_parse_shared(const uint8_t *frame, uint32_t bytes, uint8_t *head,
	struct frame_view *view);

/* Sum of 16-bit words, folded to 16 bits; not inverted. */
uint16_t csum_add(const void *data, uint32_t bytes, uint32_t sum);
/* Pseudo-header sum of the packet, for an L4 part of l4_bytes. */
uint16_t csum_pseudo(const uint8_t *head, const struct frame_view *view, uint32_t l4_bytes);
/* Verifies a received frame: RNDIS_RX_CSUM_* bits. */
uint32_t csum_verify(const uint8_t *frame, uint32_t bytes);
/* As csum_verify() would say of a correct frame, without looking at the sums. */
uint32_t csum_good(const uint8_t *frame, uint32_t bytes);
/* Completes a partial UDP or TCP checksum in `frame`, which is the copy that
 * goes to the guest. */
void csum_complete(uint8_t *frame, uint32_t bytes, uint32_t l4_offset);

enum offload_want {
	OFFLOAD_VLAN = 0x1,
	OFFLOAD_CSUM = 0x2,
	OFFLOAD_LSO = 0x4,
};

/* What a packet message asks for besides being sent, and what was found out
 * about the frame when it was checked. */
struct offload_request {
	uint32_t offset;        /* of the frame, from the start of the RNDIS message */
	uint32_t bytes;
	uint32_t csum;          /* RNDIS_TX_CSUM_* */
	uint32_t lso;           /* RNDIS_LSO_* */
	uint16_t vlan_tci;
	uint8_t want;           /* enum offload_want */
	uint16_t l4_offset;     /* checked; 0: no L4 checksum to compute */
	uint16_t header_bytes;  /* LSO: all headers, checked */
	uint8_t proto;          /* to checksum as */
	uint8_t ip_version;     /* 0: the frame does not fit the request, leave it alone */
	bool ip_csum;
};

/* Checks the request against the frame's head (a private copy of up to
 * FRAME_HEAD_BYTES) and fills in the rest. 0, or -EINVAL with the rule that
 * makes the whole message fail. REPORT rules are reported and 0 returned. */
int offload_check(struct vsp_channel *channel, const uint8_t *head, uint32_t head_bytes,
	struct offload_request *request, enum vsp_rule *rule);
/* Computes the checksums in `frame`, a private copy of request->bytes bytes.
 * partial: leave the L4 checksum to the receiver; true if it was left. */
bool offload_csum(uint8_t *frame, const struct offload_request *request, bool partial);

/* A frame to be cut. */
struct lso_cut {
	uint8_t header[FRAME_HEAD_BYTES];
	uint32_t header_bytes;
	uint32_t l4_offset;
	uint8_t ip_version;
	uint32_t mss;
	const uint8_t *payload;
	uint32_t payload_bytes;
	uint32_t segments;
};
/* frame: in one piece, may be the guest's. False if there is nothing to cut. */
bool lso_start(struct lso_cut *cut, const uint8_t *frame, const struct offload_request *request);
/* Writes segment i; `to` holds header_bytes + mss. Returns its length. */
uint32_t lso_segment(const struct lso_cut *cut, uint32_t i, uint8_t *to);

/* ---- section.c ---- */

/* Takes the section that has been free for longest; free_count > 0. */
static inline uint16_t
section_pop(struct vsp_channel *channel)
{
	uint16_t id = channel->free_sections[channel->free_head];

	channel->free_head = (channel->free_head + 1) & (channel->free_size - 1);
	channel->free_count--;
	return id;
}

/* Gives a section back to its home's list, which has room for all of its own. */
static inline void
section_push(struct vsp_nic *nic, uint16_t id)
{
	struct vsp_channel *channel = &nic->channel[nic->sections[id].home];

	if (unlikely(channel->free_count >= channel->free_size))
		return;
	channel->free_sections[(channel->free_head + channel->free_count) &
		(channel->free_size - 1)] = id;
	channel->free_count++;
}

/* Brings the first lines of a section that is used soon into the cache. */
static inline void
section_prefetch(const struct vsp_channel *channel)
{
	const struct vsp_nic *nic = channel->nic;
	uint16_t id = channel->free_sections[(channel->free_head + 4) & (channel->free_size - 1)];
	uint8_t *at = nic->recv_base + (uint64_t)id * nic->suballoc_bytes;

	__builtin_prefetch(at, 1);
	__builtin_prefetch(at + nic->profile->frame_offset, 1);
}

/* The transfer being built now belongs to the guest. */
void section_lend(struct vsp_channel *channel);
/* What the guest holds of this channel is free again: the channel closes. */
void section_reclaim(struct vsp_channel *channel);
/* The transfer being built is given up: its sections are free again. */
void rx_recycle(struct vsp_channel *channel);

/* ---- rx.c for rsc.c ---- */

struct rx_piece {
	const uint8_t *data;
	uint32_t bytes;
	uint8_t ppi;            /* enum rx_ppi */
	uint8_t id_flags;       /* RNDIS_PACKET_ID_* */
	uint16_t packet_id;
	uint16_t vlan_tci;
	uint32_t csum;
	uint32_t hash, hash_type;
};

enum rx_ppi {
	RX_PPI_CSUM = 0x1,
	RX_PPI_VLAN = 0x2,
	RX_PPI_HASH = 0x4,
	RX_PPI_ID = 0x8,
	RX_PPI_VARIANTS = 16,
};

/* Puts a piece into a section of the transfer being built; NULL if it had to
 * be dropped (counted), else where its bytes are now. */
uint8_t *rx_place(struct vsp_channel *channel, const struct rx_piece *piece);
/* Everything but the bytes of a frame: PPIs, and the channel it goes to (NULL:
 * dropped and counted). */
struct vsp_channel *rx_describe(struct vsp_nic *nic, const struct frame *frame,
	struct rx_piece *piece);
bool rx_accepts(const struct vsp_nic *nic, const struct frame *frame);
void rx_dropped(struct vsp_channel *channel, uint64_t *counter, unsigned int n);
/* The most ranges in a transfer now. */
unsigned int rx_transfer_limit(const struct vsp_nic *nic);
/* False if no transfer can be started now (ring). */
bool rx_transfer_start(struct vsp_channel *channel);

/* ---- rsc.c ---- */
bool rsc_active(const struct vsp_nic *nic);
/* Takes frames from the front: a run of at least two, which it delivers.
 * Returns how many it took; 0: the first is to be delivered as it is. */
unsigned int rsc_take(struct vsp_nic *nic, const struct frame *frames, unsigned int n);

/* ---- channel.c ---- */
/* Sends without publishing: the end of the slice does. */
void channel_complete_later(struct vsp_channel *channel, uint64_t transaction_id,
	const void *payload, uint32_t bytes);
/* Makes what was read and written visible; interrupts the guest if it must. */
void channel_commit(struct vsp_channel *channel);

#endif /* HVSIM_VSP_DATA_H */
