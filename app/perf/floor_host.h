/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PERF_FLOOR_HOST_H
#define PERF_FLOOR_HOST_H

/*
 * The other side of the floor, in the same process and thread: it fills what
 * the floor empties, and looks at all that comes back. Never measured.
 */

#include "floor.h"

struct floor_host {
	struct floor *guest;
	struct floor_ring tx, rx;       /* host ends: tx is what the guest receives */
	void *memory;                   /* rings and buffers, one mapping */
	uint64_t memory_bytes;
	uint8_t *recv_buffer;
	uint32_t recv_section_bytes, recv_sections, next_section;
	uint64_t next_id;               /* of transfers */
	uint64_t owed;                  /* acknowledgements that must come */
	uint64_t sequence;              /* of the frames made */
	uint64_t frames_sent;           /* by the guest */
	uint64_t violations;            /* of the guest; 0 or the floor is wrong */
};

/* Makes both sides. `sections` receive sections are used in turn: few stay warm.
 * The guest's mempool is the caller's to set. 0, or -ENOMEM. */
int floor_host_create(struct floor_host *host, struct floor *guest, uint32_t sections);
void floor_host_destroy(struct floor_host *host);

/* Makes transfers of so many frames each, with checksums told as good. Returns
 * false if they do not fit. */
bool floor_host_produce(struct floor_host *host, uint32_t transfers, uint32_t frames,
	uint32_t frame_bytes);
/* Whether this is the frame that was made as number `sequence`. */
bool floor_host_frame_ok(const struct rte_mbuf *m, uint64_t sequence, uint32_t frame_bytes);
/* Fills in the frame with that number, of that length. */
void floor_host_frame_fill(uint8_t *frame, uint64_t sequence, uint32_t frame_bytes);

/* Takes what the guest has written: counts acknowledgements, checks messages
 * and completes them. */
void floor_host_consume(struct floor_host *host);

#endif /* PERF_FLOOR_HOST_H */
