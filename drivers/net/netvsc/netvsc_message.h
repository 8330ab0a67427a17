/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NETVSC_MESSAGE_H
#define NETVSC_MESSAGE_H

/*
 * A message to the host while frames are put into its section. It is opened
 * only if there is a slot, a section and room in the ring, all of which it then
 * keeps: closing it cannot fail. All of this with the channel's lock held; the
 * ring is published once, at the end of the burst.
 *
 * Inline, and made of whole words: for a burst of one frame, or frames that go
 * as page lists, it is a price paid for each frame.
 */

#include "netvsc_channel.h"
#include "netvsc_tx.h"

struct netvsc_tx_message {
	uint8_t *start;             /* its section; NULL = no message is open */
	uint32_t bytes;             /* in the section, or of the header slot */
	uint32_t frame_bytes;       /* of all its frames, as they are counted */
	uint32_t section;
	uint16_t slot;
	uint16_t frames;
	bool full;
};

/* Packet header, what NVSP says, footer. */
#define TX_MESSAGE_WORDS 5u
#define TX_MESSAGE_BYTES (TX_MESSAGE_WORDS * 8u)
#define TX_NVSP_WORD ((uint64_t)NVSP_CHANNEL_DATA << 32 | NVSP_RNDIS)

/* Room for a packet of so many bytes, and for the acknowledgements beside it. */
static inline bool
tx_room(struct netvsc_txq *txq, uint32_t bytes)
{
	int64_t room;

	bytes += txq->ack_reserve;
	room = vmbus_tx_ring_room(&txq->channel->vmbus->tx, bytes);
	if (unlikely(room < 0))
		netvsc_channel_kill_tx(txq->channel);   /* the host's index is none */
	return room >= (int64_t)bytes;
}

static inline uint8_t *
tx_section(const struct netvsc_txq *txq, uint32_t section)
{
	return txq->sendbuf->base + (uint64_t)section * txq->sendbuf->section_bytes;
}

/* Makes a slot expect the completion with this generation. */
static inline void
tx_slot_arm(struct netvsc_tx_slot *slot, struct netvsc_tx_slot value, uint16_t generation)
{
	slot->mbuf = value.mbuf;
	slot->section = value.section;
	slot->bytes = value.bytes;
	slot->frames = value.frames;
	slot->failed = false;
	/* Partner: netvsc_tx_slot_complete(). */
	__atomic_store_n(&slot->state, (uint32_t)generation << 1 | 1, __ATOMIC_RELEASE);
}

/* Arms the slot of a message and counts it. `m` is the mbuf that the host reads
 * from, if any. Returns the transaction id. */
static inline uint64_t
tx_message_arm(struct netvsc_txq *txq, const struct netvsc_tx_message *msg, struct rte_mbuf *m)
{
	const uint16_t generation = ++txq->generation;

	tx_slot_arm(&txq->channel->tx_slots.slot[msg->slot], (struct netvsc_tx_slot) {
		.mbuf = m, .section = msg->section, .bytes = msg->frame_bytes,
		.frames = msg->frames }, generation);
	txq->counters.packets += msg->frames;
	txq->counters.bytes += msg->frame_bytes;
	txq->counters.messages++;
	return NETVSC_TID(txq->channel->epoch, generation, msg->slot);
}

/* False if anything that a message needs has run out. */
static inline bool
tx_message_open(struct netvsc_txq *txq, struct netvsc_tx_message *msg)
{
	uint32_t section;

	if (unlikely(txq->free_count == 0 || !tx_room(txq, TX_MESSAGE_BYTES)))
		return false;
	section = netvsc_sendbuf_acquire(txq->sendbuf, &txq->sections);
	if (unlikely(section == NETVSC_SECTION_EMPTY))
		return false;
	*msg = (struct netvsc_tx_message) {
		.start = tx_section(txq, section), .section = section,
		.slot = txq->free_slots[--txq->free_count],
	};
	return true;
}

static inline void
tx_message_close(struct netvsc_txq *txq, struct netvsc_tx_message *msg)
{
	struct vmbus_tx_ring *ring = &txq->channel->vmbus->tx;
	const struct vmbus_packet_words packet = { {
		vmbus_packet_word(VMBUS_PACKET_INBAND, 2, TX_MESSAGE_WORDS - 1),
		tx_message_arm(txq, msg, NULL),
		TX_NVSP_WORD, (uint64_t)msg->bytes << 32 | msg->section,
	} };

	vmbus_packet_put_words(ring, packet, TX_MESSAGE_WORDS);
	msg->start = NULL;
}

/* Closes the message; one that got no frame gives back what it took. */
static inline void
tx_message_end(struct netvsc_txq *txq, struct netvsc_tx_message *msg)
{
	if (msg->start == NULL)
		return;
	if (likely(msg->frames != 0)) {
		tx_message_close(txq, msg);
		return;
	}
	netvsc_sendbuf_release(txq->sendbuf, &txq->sections, msg->section);
	txq->free_slots[txq->free_count++] = msg->slot;
	msg->start = NULL;
}

#endif /* NETVSC_MESSAGE_H */
