/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Draining a channel. Completions and transfers share one ring, and either of
 * the two bursts, or control, may be the one that drains it; so nothing is
 * handled here that belongs to a queue: transfers go to the receive queue's
 * backlog, completed slots to the transmit queue's list, both filled under the
 * channel's lock and emptied without it.
 */

#include "netvsc_poll.h"

#include <errno.h>
#include <string.h>

#include "netvsc_complete.h"
#include "rndis_packet.h"

/* Acknowledgements of control and of bad transfers that may wait for room; when
 * they do, the ring is not drained further. */
#define OWED_MAX NETVSC_OWED_MAX

#define UNATTENDED_BUDGET 64u

/* A host that never ends is not listened to for ever. */
#define REST_ROUNDS_MAX 256u

/* Control messages are short; the longest answer is a list of OIDs. */
#define INBAND_BYTES_MAX 256u

/* ---- acknowledgements ---- */

static int
ack_put(struct netvsc_channel *channel, uint64_t transaction_id)
{
	static const struct nvsp_rndis_complete ack = {
		.type = NVSP_RNDIS_COMPLETE, .status = NVSP_STATUS_SUCCESS,
	};
	const struct vmbus_packet_desc desc = {
		.type = VMBUS_PACKET_COMPLETION, .transaction_id = transaction_id,
		.payload = &ack, .payload_bytes = sizeof(ack),
	};
	int ret = vmbus_packet_put_inline(&channel->vmbus->tx, &desc, 0);

	if (ret == 0)
		channel->acks++;
	else if (ret == -EPROTO)
		netvsc_channel_kill_tx(channel);
	return ret;
}

/* Writes what is owed, oldest first, as far as there is room. */
static void
acks_write(struct netvsc_channel *channel)
{
	struct netvsc_backlog *backlog = &channel->backlog;
	/* Partner: the receive queue's release store, after it copied the frames. */
	uint32_t delivered = __atomic_load_n(&backlog->transfer_tail, __ATOMIC_ACQUIRE);
	uint32_t written = 0;

	while (written < channel->owed_count && ack_put(channel, channel->owed[written]) == 0)
		written++;
	channel->owed_count -= written;
	if (written > 0 && channel->owed_count > 0)
		memmove(channel->owed, channel->owed + written,
			channel->owed_count * sizeof(*channel->owed));
	while (backlog->acked != delivered &&
	       ack_put(channel, backlog->transfers[backlog->acked & backlog->mask].transaction_id) == 0)
		backlog->acked++;
}

/* ---- transfers ---- */

/* The fixed parts of a transfer, copied and checked. */
struct transfer {
	uint32_t ranges;
	uint32_t range_off;         /* from the start of the packet */
	struct nvsp_rndis nvsp;
};

static bool
transfer_read(const struct netvsc_channel *channel, const struct vmbus_packet *packet,
	struct transfer *transfer)
{
	const uint32_t header_bytes = sizeof(struct vmbus_packet_header);
	const struct vmbus_rx_ring *ring = &channel->vmbus->rx;
	struct vmbus_transfer_pages pages;

	transfer->range_off = header_bytes + sizeof(pages);
	if (packet->payload_off < transfer->range_off ||
	    packet->payload_bytes < sizeof(transfer->nvsp))
		return false;
	vmbus_packet_copy(ring, header_bytes, &pages, sizeof(pages));
	vmbus_packet_copy(ring, packet->payload_off, &transfer->nvsp, sizeof(transfer->nvsp));
	transfer->ranges = pages.range_count;
	return transfer->nvsp.type == NVSP_RNDIS && pages.set_id == NETVSC_RECV_BUFFER_ID &&
		pages.range_count > 0 && pages.range_count <=
		(packet->payload_off - transfer->range_off) / sizeof(struct vmbus_transfer_range);
}

/* A control message: copied out of the receive buffer and handed over. */
static void
transfer_control(struct netvsc_channel *channel, const struct transfer *transfer)
{
	struct netvsc_device *dev = channel->dev;
	struct vmbus_transfer_range range;
	uint8_t message[NETVSC_REPLY_BYTES];

	channel->control_messages++;
	for (uint32_t i = 0; i < transfer->ranges; i++) {
		vmbus_packet_copy(&channel->vmbus->rx,
			transfer->range_off + i * (uint32_t)sizeof(range), &range, sizeof(range));
		if (!rndis_range_ok(range.byte_offset, range.byte_count, dev->recv_bytes)) {
			channel->bad_transfers++;
			continue;
		}
		range.byte_count = RTE_MIN(range.byte_count, (uint32_t)sizeof(message));
		memcpy(message, dev->recv_buffer + range.byte_offset, range.byte_count);
		netvsc_xact_rndis(dev, message, range.byte_count);
	}
}

/* Copies the ranges of a transfer to where they belong in the backlog: in one
 * piece, or in two where its array wraps. */
static inline void
ranges_copy(const struct netvsc_channel *channel, const struct transfer *transfer)
{
	const struct netvsc_backlog *backlog = &channel->backlog;
	const uint32_t range_bytes = sizeof(struct vmbus_transfer_range);
	uint32_t slot = backlog->range_head & backlog->mask;
	uint32_t first = RTE_MIN(transfer->ranges, backlog->mask + 1 - slot);

	vmbus_packet_copy(&channel->vmbus->rx, transfer->range_off, &backlog->ranges[slot],
		first * range_bytes);
	if (unlikely(first != transfer->ranges))
		vmbus_packet_copy(&channel->vmbus->rx, transfer->range_off + first * range_bytes,
			backlog->ranges, (transfer->ranges - first) * range_bytes);
}

/* Frames: into the backlog, every range checked here, once. One that leads
 * outside the buffer becomes an empty one, which the receive queue counts. */
static bool
transfer_data(struct netvsc_channel *channel, const struct vmbus_packet *packet,
	const struct transfer *transfer)
{
	struct netvsc_backlog *backlog = &channel->backlog;
	const uint64_t recv_bytes = channel->dev->recv_bytes;
	uint32_t slots = backlog->mask + 1;
	/* Partner: the receive queue's release stores: those slots are free. */
	uint32_t tail = __atomic_load_n(&backlog->range_tail, __ATOMIC_ACQUIRE);
	uint32_t head = backlog->range_head, end = head + transfer->ranges;
	struct netvsc_transfer *entry;

	if (transfer->ranges > slots - (head - tail) ||
	    backlog->transfer_head - backlog->acked >= slots)
		return false;           /* more outstanding than there are sections */
	ranges_copy(channel, transfer);
	for (; head != end; head++) {
		struct vmbus_transfer_range *range = &backlog->ranges[head & backlog->mask];

		/* Both are 32 bits wide: the sum cannot wrap. */
		if (unlikely((uint64_t)range->byte_offset + range->byte_count > recv_bytes))
			range->byte_count = 0;
	}
	entry = &backlog->transfers[backlog->transfer_head & backlog->mask];
	entry->transaction_id = packet->transaction_id;
	entry->range_end = head;
	/* Partner: the receive queue's acquire load of transfer_head. */
	__atomic_store_n(&backlog->range_head, head, __ATOMIC_RELAXED);
	__atomic_store_n(&backlog->transfer_head, backlog->transfer_head + 1, __ATOMIC_RELEASE);
	return true;
}

static inline bool
channel_attended(const struct netvsc_channel *channel)
{
	return channel->backlog.ranges != NULL && (__atomic_load_n(&channel->dev->attended,
		__ATOMIC_RELAXED) >> channel->index & 1) != 0;
}

static void
transfer_refuse(struct netvsc_channel *channel, uint32_t frames)
{
	channel->bad_transfers++;
	channel->refused += frames;
}

/* False if it must stay in the ring, because nothing more can be owed. */
static bool
poll_transfer(struct netvsc_channel *channel, const struct vmbus_packet *packet)
{
	struct transfer transfer;

	if (channel->owed_count == OWED_MAX)
		return false;
	if (transfer_read(channel, packet, &transfer)) {
		if (transfer.nvsp.channel_type == NVSP_CHANNEL_CONTROL)
			transfer_control(channel, &transfer);
		else if (!channel_attended(channel))
			channel->discarded += transfer.ranges;
		else if (transfer_data(channel, packet, &transfer))
			return true;    /* acknowledged when its frames are delivered */
		else
			transfer_refuse(channel, transfer.ranges);
	} else {
		transfer_refuse(channel, 1);
	}
	channel->owed[channel->owed_count++] = packet->transaction_id;
	return true;
}

/* ---- completions and the rest ---- */

static void
poll_completion(struct netvsc_channel *channel, const struct vmbus_packet *packet)
{
	struct netvsc_tx_slots *slots = &channel->tx_slots;
	struct nvsp_rndis_complete complete = { 0 };

	if ((NETVSC_TID_SLOT(packet->transaction_id) & NETVSC_TID_CONTROL) != 0) {
		uint8_t payload[INBAND_BYTES_MAX];
		uint32_t bytes = RTE_MIN(packet->payload_bytes, (uint32_t)sizeof(payload));

		vmbus_packet_copy(&channel->vmbus->rx, packet->payload_off, payload, bytes);
		netvsc_xact_completion(channel->dev, packet->transaction_id, payload, bytes);
		return;
	}
	if (packet->payload_bytes >= sizeof(complete))
		vmbus_packet_copy(&channel->vmbus->rx, packet->payload_off, &complete,
			sizeof(complete));
	if (!netvsc_complete_slot(channel, packet->transaction_id,
		    complete.type == NVSP_RNDIS_COMPLETE && complete.status == NVSP_STATUS_SUCCESS,
		    slots->done_head)) {
		channel->bad_completions++;
		return;
	}
	/* Partner: the transmit queue's acquire load. */
	__atomic_store_n(&slots->done_head, slots->done_head + 1, __ATOMIC_RELEASE);
}

static void
poll_inband(struct netvsc_channel *channel, const struct vmbus_packet *packet)
{
	uint8_t payload[INBAND_BYTES_MAX];
	uint32_t bytes = RTE_MIN(packet->payload_bytes, (uint32_t)sizeof(payload));

	channel->control_messages++;
	vmbus_packet_copy(&channel->vmbus->rx, packet->payload_off, payload, bytes);
	netvsc_xact_inband(channel->dev, payload, bytes, packet->transaction_id);
}

/* False if the packet must stay where it is for now. */
static bool
poll_packet(struct netvsc_channel *channel, const struct vmbus_packet *packet)
{
	switch (packet->type) {
	case VMBUS_PACKET_TRANSFER_PAGES:
		return poll_transfer(channel, packet);
	case VMBUS_PACKET_COMPLETION:
		poll_completion(channel, packet);
		return true;
	case VMBUS_PACKET_INBAND:
		poll_inband(channel, packet);
		return true;
	default:
		channel->unknown_packets++;
		return true;
	}
}

unsigned int
netvsc_poll(struct netvsc_channel *channel, unsigned int budget, bool *signal)
{
	struct vmbus_rx_ring *ring = &channel->vmbus->rx;
	struct vmbus_packet packet;
	unsigned int taken = 0;
	int ret = 0;

	if (channel->dead || __atomic_load_n(&channel->dev->vmbus->gone, __ATOMIC_RELAXED) != 0)
		return 0;
	taken = netvsc_complete_run(channel, budget);
	while (taken < budget && (ret = vmbus_packet_peek(ring, &packet)) > 0) {
		if (!poll_packet(channel, &packet))
			break;
		vmbus_packet_take(ring, &packet);
		taken++;
	}
	if (ret < 0)
		netvsc_channel_kill_rx(channel);
	if (taken > 0)
		*signal |= vmbus_rx_ring_publish(ring);
	acks_write(channel);
	*signal |= vmbus_tx_ring_publish(&channel->vmbus->tx);
	return taken;
}

void
netvsc_poll_unattended(struct netvsc_device *dev)
{
	uint32_t next = __atomic_load_n(&dev->unattended_next, __ATOMIC_RELAXED);
	struct netvsc_channel *channel = dev->channel[next % NETVSC_QUEUES_MAX];
	struct vmbus_channel *vmbus;
	bool signal = false;

	/* Queues may choose the same one: the lock settles that, at no price here. */
	__atomic_store_n(&dev->unattended_next, next + 1, __ATOMIC_RELAXED);
	if (channel == NULL || channel->vmbus == NULL || channel_attended(channel))
		return;
	vmbus = channel->vmbus;
	if (!vmbus_rx_ring_pending(&vmbus->rx) || !rte_spinlock_trylock(&vmbus->lock))
		return;
	netvsc_poll(channel, UNATTENDED_BUDGET, &signal);
	rte_spinlock_unlock(&vmbus->lock);
	if (signal)
		vmbus_channel_signal(vmbus);
}

void
netvsc_poll_control(struct netvsc_device *dev)
{
	struct netvsc_channel *channel = dev->channel[0];
	bool signal = false;

	rte_spinlock_lock(&channel->vmbus->lock);
	netvsc_poll(channel, NETVSC_POLL_CONTROL_BUDGET, &signal);
	rte_spinlock_unlock(&channel->vmbus->lock);
	if (signal)
		vmbus_channel_signal(channel->vmbus);
}

void
netvsc_poll_rest(struct netvsc_device *dev)
{
	for (unsigned int i = 0; i < dev->channel_count; i++) {
		struct netvsc_channel *channel = dev->channel[i];
		unsigned int rounds = REST_ROUNDS_MAX, taken;
		bool signal = false;

		rte_spinlock_lock(&channel->vmbus->lock);
		do {
			taken = netvsc_poll(channel, NETVSC_POLL_CONTROL_BUDGET, &signal);
		} while (taken == NETVSC_POLL_CONTROL_BUDGET && --rounds > 0);
		rte_spinlock_unlock(&channel->vmbus->lock);
		if (signal)
			vmbus_channel_signal(channel->vmbus);
	}
}
