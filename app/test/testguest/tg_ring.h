/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_RING_H
#define TG_RING_H

/*
 * The guest's ends of the two rings, and nothing else: no channel, no I/O.
 * Written from the protocol notes on their own, so that a mistake in hvsim's
 * rings cannot cancel itself here.
 */

#include <stdbool.h>
#include <stdint.h>

#include "../../../drivers/bus/vmbus/vmbus_wire.h"

/* Guest to host: the guest writes. */
struct tg_tx_ring {
	struct vmbus_ring_page *page;
	uint8_t *data;
	uint32_t data_bytes;
	uint32_t write;         /* where the next packet goes */
};

/* Host to guest: the guest reads. */
struct tg_rx_ring {
	struct vmbus_ring_page *page;
	const uint8_t *data;
	uint32_t data_bytes;
	uint32_t read;          /* next packet, published or not */
	uint32_t published;     /* what the host has been told */
};

/* Pieces of one packet, from its header to its payload. */
struct tg_piece {
	const void *base;
	uint32_t bytes;
};

/* page is the control page, data starts page_bytes after it. */
void tg_tx_ring_init(struct tg_tx_ring *ring, void *page, uint32_t half_bytes,
	uint32_t page_bytes);
void tg_rx_ring_init(struct tg_rx_ring *ring, void *page, uint32_t half_bytes,
	uint32_t page_bytes);

uint32_t tg_tx_ring_free(const struct tg_tx_ring *ring);
/* Writes one packet, pads it to 8 bytes, adds the footer and publishes it.
 * *signal says whether the host must be signalled. -EAGAIN: no room. */
int tg_tx_ring_put(struct tg_tx_ring *ring, const struct tg_piece *pieces, unsigned int n,
	bool *signal);

/* Bytes published by the host and not read yet. */
uint32_t tg_rx_ring_used(const struct tg_rx_ring *ring);
/* Copies the next packet, its footer left out: returns its bytes, 0 if there
 * is none, -EPROTO if the host broke the ring, -ENOSPC if room is too small. */
int tg_rx_ring_get(struct tg_rx_ring *ring, void *packet, uint32_t room);
/* Publishes what was read; true if the host waits for that room and must be
 * signalled (pending-send rule). */
bool tg_rx_ring_publish(struct tg_rx_ring *ring);

#endif /* TG_RING_H */
