/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HOST_RING_H
#define HOST_RING_H

/*
 * The host's ends of a channel's rings, for the model: written from the
 * protocol's description alone, with nothing of the driver and nothing of
 * hvsim. It keeps every rule of a real host about what is stored before what,
 * and takes none of the liberties that the guest's side has to bear.
 */

#include <stdbool.h>
#include <stdint.h>

/* One packet of the tests: a descriptor, one word of payload, the trailer. */
#define HOST_PACKET_BYTES 32u

/* One direction; the control words lie at `control`, one page of them. */
struct host_ring {
	uint32_t *control;
	uint8_t *data;
	uint32_t bytes;         /* of data */
	uint32_t next;          /* our own index */
	bool asked;             /* a pending-send size is set */
};

/* ---- guest to host ---- */

/* Takes the next packet and gives its room back; false if there is none. */
bool host_ring_take(struct host_ring *ring, uint64_t *id, uint64_t *payload);
/* Goes to sleep unless something has come meanwhile: false. The caller sleeps
 * if true, and calls host_ring_woken() afterwards. */
bool host_ring_may_sleep(struct host_ring *ring);
void host_ring_woken(struct host_ring *ring);

/* ---- host to guest ---- */

/* Puts a packet; false if there is no room. */
bool host_ring_put(struct host_ring *ring, uint64_t id, uint64_t payload);
/* Asks for a signal at so much room; false if there is room after all. */
bool host_ring_ask(struct host_ring *ring, uint32_t wanted);

#endif /* HOST_RING_H */
