/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HVSIM_VSP_MESSAGE_H
#define HVSIM_VSP_MESSAGE_H

/*
 * An RNDIS message of the guest as the pieces of memory it consists of: a
 * section of the send buffer, then page ranges (message.c). Nothing of it has
 * been copied: read each word once, by message_copy().
 */

#include "data.h"

#define PIECES_MAX (2u + VSP_PACKET_COPY_MAX / sizeof(uint64_t))

/* A part of the message in host-visible memory; one range may be several. */
struct piece {
	const uint8_t *data;
	uint32_t bytes;
	uint16_t range;
	bool in_place;          /* the guest's own memory; else the transport's copy */
};

struct message {
	struct vsp_channel *channel;
	uint32_t bytes;
	unsigned int count;
	struct piece piece[PIECES_MAX];
};

/* Where in a message something is. */
struct place {
	unsigned int piece;
	uint32_t offset;        /* in that piece */
};

/* Finds the memory. 0; -EPROTO: the channel is dead; -EFAULT: the message
 * fails. Both have been reported. */
int message_collect(struct message *message, struct vsp_channel *channel,
	const struct host_packet *packet);

/* The offset must lie within the message-> */
static inline struct place
place_of(const struct message *message, uint32_t offset)
{
	struct place place = { 0, offset };

	while (place.offset >= message->piece[place.piece].bytes)
		place.offset -= message->piece[place.piece++].bytes;
	return place;
}

/* Copies n bytes of the message, which has them. */
static inline void
message_copy(const struct message *message, struct place place, void *to, uint32_t n)
{
	uint8_t *at = to;

	while (n > 0) {
		const struct piece *piece = &message->piece[place.piece++];
		uint32_t bytes = HV_MIN(n, piece->bytes - place.offset);

		memcpy(at, piece->data + place.offset, bytes);
		place.offset = 0;
		at += bytes;
		n -= bytes;
	}
	host_copy_barrier();
}

/* Whether n bytes from there lie in one range (which may be several pages). */
static inline bool
in_one_range(const struct message *message, struct place place, uint32_t n)
{
	uint16_t range = message->piece[place.piece].range;

	while (place.piece < message->count && message->piece[place.piece].range == range) {
		uint32_t bytes = message->piece[place.piece].bytes - place.offset;

		if (n <= bytes)
			return true;
		n -= bytes;
		place.offset = 0;
		place.piece++;
	}
	return false;
}

#endif /* HVSIM_VSP_MESSAGE_H */
