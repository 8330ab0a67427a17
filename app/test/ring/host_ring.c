/* SPDX-License-Identifier: BSD-3-Clause */

/* The host's ends of the rings; see host_ring.h. */

#include "host_ring.h"

#include <string.h>

#include "model.h"

/* Words of the control page. */
enum { IN = 0, OUT = 1, MASK = 2, PENDING = 3 };

#define ACQUIRE(word) model_load((word), MODEL_SITE(MODEL_LOAD_ACQUIRE))
#define RELAXED(word) model_load((word), MODEL_SITE(MODEL_LOAD_RELAXED))
#define RELEASE(word, value) model_store((word), (value), MODEL_SITE(MODEL_STORE_RELEASE))
#define STORE(word, value) model_store((word), (value), MODEL_SITE(MODEL_STORE_RELAXED))
#define FENCE() model_fence(MODEL_SITE(MODEL_FENCE))

/* Moves bytes between the ring at `at` and plain memory, byte-wise at the end. */
static void
ring_move(const struct host_ring *ring, uint32_t at, void *plain, uint32_t bytes, bool write)
{
	uint8_t *p = plain;

	while (bytes != 0) {
		uint32_t piece = ring->bytes - at < bytes ? ring->bytes - at : bytes;

		if (write)
			model_copy(ring->data + at, p, piece);
		else
			model_copy(p, ring->data + at, piece);
		p += piece;
		bytes -= piece;
		at = (at + piece) % ring->bytes;
	}
}

/* ---- guest to host ---- */

bool
host_ring_take(struct host_ring *ring, uint64_t *id, uint64_t *payload)
{
	uint32_t in = ACQUIRE(&ring->control[IN]), start = ring->next;
	uint16_t head[4];
	uint64_t packet[4];

	if (in == start)
		return false;
	MODEL_CHECK(in < ring->bytes && in % 8 == 0, "host: write index %u", in);
	MODEL_CHECK((in + ring->bytes - start) % ring->bytes >= HOST_PACKET_BYTES,
		"host: %u bytes are no packet", (in + ring->bytes - start) % ring->bytes);
	ring_move(ring, start, packet, sizeof(packet), false);
	memcpy(head, packet, sizeof(head));
	MODEL_CHECK(head[0] == 6 && head[1] == 2 && head[2] == 3 && head[3] <= 1,
		"host: descriptor %u %u %u %u at %u", head[0], head[1], head[2], head[3], start);
	MODEL_CHECK(packet[3] == (uint64_t)start << 32, "host: trailer %#llx at %u",
		(unsigned long long)packet[3], start);
	*id = packet[1];
	*payload = packet[2];
	ring->next = (start + HOST_PACKET_BYTES) % ring->bytes;
	RELEASE(&ring->control[OUT], ring->next);
	return true;
}

bool
host_ring_may_sleep(struct host_ring *ring)
{
	STORE(&ring->control[MASK], 0);
	FENCE();
	if (RELAXED(&ring->control[IN]) == ring->next)
		return true;
	STORE(&ring->control[MASK], 1);
	return false;
}

void
host_ring_woken(struct host_ring *ring)
{
	MODEL_CHECK(RELAXED(&ring->control[MASK]) == 0,
		"host: its interrupt mask was changed");
	STORE(&ring->control[MASK], 1);
}

/* ---- host to guest ---- */

static uint32_t
ring_free(const struct host_ring *ring, uint32_t out)
{
	MODEL_CHECK(out < ring->bytes && out % 8 == 0, "host: read index %u", out);
	return out > ring->next ? out - ring->next - 8 : ring->bytes - (ring->next - out) - 8;
}

bool
host_ring_put(struct host_ring *ring, uint64_t id, uint64_t payload)
{
	const uint16_t head[4] = { 6, 2, 3, 0 };
	uint64_t packet[4] = { 0, id, payload, (uint64_t)ring->next << 32 };

	if (ring_free(ring, ACQUIRE(&ring->control[OUT])) < HOST_PACKET_BYTES)
		return false;
	memcpy(packet, head, sizeof(head));
	ring_move(ring, ring->next, packet, sizeof(packet), true);
	ring->next = (ring->next + HOST_PACKET_BYTES) % ring->bytes;
	RELEASE(&ring->control[IN], ring->next);
	if (ring->asked) {
		STORE(&ring->control[PENDING], 0);
		ring->asked = false;
	}
	return true;
}

bool
host_ring_ask(struct host_ring *ring, uint32_t wanted)
{
	uint32_t quarter = (ring->bytes - 8) / 4;

	if (wanted < quarter)
		wanted = quarter;
	wanted = (wanted + 7) / 8 * 8;
	STORE(&ring->control[PENDING], wanted);
	ring->asked = true;
	FENCE();
	return ring_free(ring, RELAXED(&ring->control[OUT])) < wanted;
}
