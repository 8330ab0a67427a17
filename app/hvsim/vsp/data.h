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

/* ---- section.c ---- */

/* Takes the section that has been free for longest - under CHECK_FAST the one
 * that came back last, which is still in the caches; free_count > 0. */
static inline uint16_t
section_pop(struct vsp_channel *channel)
{
	uint16_t id = channel->free_sections[channel->free_head];

	channel->free_head = (channel->free_head + 1) & (channel->free_size - 1);
	channel->free_count--;
	return id;
}

/* A list has room for all sections whose home it is. */
static inline void
list_push(struct vsp_channel *channel, uint16_t id)
{
	uint32_t mask = channel->free_size - 1, at = channel->free_head + channel->free_count;

	if (unlikely(channel->free_count >= channel->free_size))
		return;
	if (vsp_settings.check == CHECK_FAST) {
		channel->free_head = (channel->free_head - 1) & mask;
		at = channel->free_head;
	}
	channel->free_sections[at & mask] = id;
	channel->free_count++;
}

/* Gives a section back to its home. */
static inline void
section_push(struct vsp_nic *nic, uint16_t id)
{
	list_push(&nic->channel[nic->sections[id].home], id);
}

/* The transfer being built now belongs to the guest. */
void section_lend(struct vsp_channel *channel);
/* What the guest holds of this channel is free again: the channel closes. */
void section_reclaim(struct vsp_channel *channel);
/* The transfer being built is given up: its sections are free again. */
void rx_recycle(struct vsp_channel *channel);

/* ---- place.c ---- */

/* Once, before the first channel receives. */
void templates_make(void);

/* What does not change while a batch is delivered. */
struct plain {
	struct vsp_channel *channel;
	uint8_t *base;
	uint32_t suballoc_bytes, frame_at, most;
	uint32_t range_bytes;           /* 0: as long as the frame needs */
	uint8_t header[64] __attribute__((aligned(64)));
};

void plain_start(struct plain *plain, const struct vsp_nic *nic, struct vsp_channel *channel);
/* Delivers frames until one needs more than this, a section or another
 * transfer; as many as n of them go into the transfer being built. */
unsigned int plain_fill(const struct plain *plain, const struct frame *frames, unsigned int n);


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
/* ---- rx.c for rsc.c ---- */
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
/* The same of a host that keeps nothing back. */
void channel_complete_unasked(struct vsp_channel *channel, uint64_t transaction_id,
	const void *payload, uint32_t bytes);
/* Makes what was read and written visible; interrupts the guest if it must. */
void channel_commit(struct vsp_channel *channel);

/* ---- wrong.c: a host that goes wrong, while faults are armed ---- */
/* `from` is the write index of before. */
void wrong_shown(struct vsp_channel *channel, uint32_t from);
/* Returns how much it sent. */
unsigned int wrong_flood(struct vsp_channel *channel);
/* Whether the guest acknowledges what was part of a flood. */
bool wrong_flood_back(uint64_t transaction_id);

#endif /* HVSIM_VSP_DATA_H */
