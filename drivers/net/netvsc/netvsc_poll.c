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

#include "netvsc_channel.h"
#include "netvsc_complete.h"
#include "netvsc_lease.h"
#include "netvsc_reap.h"
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

struct ack {
	struct vmbus_packet_header header;
	struct nvsp_rndis_complete body;
	struct vmbus_packet_footer footer;
};
_Static_assert(sizeof(struct ack) == 32, "acknowledgement");

/* How many acknowledgements there is room for, up to `wanted`. */
static uint32_t
acks_room(struct netvsc_channel *channel, uint32_t wanted)
{
	int64_t room = vmbus_tx_ring_room(&channel->vmbus->tx,
		wanted * (uint32_t)sizeof(struct ack));

	if (room < 0) {
		netvsc_channel_kill_tx(channel);
		return 0;
	}
	return (uint32_t)RTE_MIN((uint64_t)room / sizeof(struct ack), (uint64_t)wanted);
}

static void
ack_put(struct vmbus_tx_ring *ring, uint64_t transaction_id)
{
	const struct ack ack = {
		.header = { VMBUS_PACKET_COMPLETION, offsetof(struct ack, body) / 8,
			offsetof(struct ack, footer) / 8, 0, transaction_id },
		.body = { NVSP_RNDIS_COMPLETE, NVSP_STATUS_SUCCESS },
		.footer = { .start_offset = ring->write },
	};

	vmbus_tx_ring_put(ring, &ack, sizeof(ack));
}

/* As many acknowledgements as ack_put() writes, of transfers and to places that lie
 * one behind the other. By words: a struct on the stack would be stored by words and
 * loaded wider, for which the processor waits. */
static inline void
acks_put_straight(struct vmbus_tx_ring *ring, const struct netvsc_transfer *transfer,
	uint32_t count)
{
	const struct ack ack = {
		.header = { VMBUS_PACKET_COMPLETION, offsetof(struct ack, body) / 8,
			offsetof(struct ack, footer) / 8, 0, 0 },
		.body = { NVSP_RNDIS_COMPLETE, NVSP_STATUS_SUCCESS },
	};
	const struct netvsc_transfer *end = transfer + count;
	uint8_t *to = ring->data + ring->write;
	uint64_t footer = (uint64_t)ring->write << 32;

	for (; transfer != end; transfer++, to += sizeof(ack)) {
		memcpy(to, &ack.header, sizeof(uint64_t));
		memcpy(to + offsetof(struct ack, header.transaction_id),
			&transfer->transaction_id, sizeof(transfer->transaction_id));
		memcpy(to + offsetof(struct ack, body), &ack.body, sizeof(ack.body));
		memcpy(to + offsetof(struct ack, footer), &footer, sizeof(footer));
		footer += (uint64_t)sizeof(ack) << 32;
	}
	ring->write = vmbus_ring_advance(ring->write, count * (uint32_t)sizeof(ack),
		ring->data_bytes);
}

/* Those of `count` transfers from `next` on, for which there is room. */
static inline void
acks_put(struct netvsc_channel *channel, uint32_t next, uint32_t count)
{
	const struct netvsc_backlog *backlog = &channel->backlog;
	struct vmbus_tx_ring *ring = &channel->vmbus->tx;

	while (count != 0) {
		const struct netvsc_transfer *transfer = &backlog->transfers[next & backlog->mask];
		uint32_t n = RTE_MIN((ring->data_bytes - ring->write) / (uint32_t)sizeof(struct ack),
			backlog->mask + 1 - (next & backlog->mask));

		n = RTE_MIN(n, count);
		if (likely(n != 0)) {
			acks_put_straight(ring, transfer, n);
		} else {
			ack_put(ring, transfer->transaction_id);
			n = 1;
		}
		next += n;
		count -= n;
	}
}

/* Those owed for what was not delivered, oldest first. */
static void
acks_write_owed(struct netvsc_channel *channel)
{
	uint32_t count = acks_room(channel, channel->owed_count);

	for (uint32_t i = 0; i < count; i++)
		ack_put(&channel->vmbus->tx, channel->owed[i]);
	channel->acks += count;
	channel->owed_count -= count;
	memmove(channel->owed, channel->owed + count,
		channel->owed_count * sizeof(*channel->owed));
}

/* Those of leases that came back. */
static void
acks_write_leases(struct netvsc_channel *channel)
{
	const struct netvsc_lender *lender = channel->lender;
	uint32_t count = acks_room(channel, netvsc_lease_collect(channel->lender));
	uint32_t at = lender->pending;

	for (uint32_t i = 0; i < count; i++, at = lender->lease[at].next)
		ack_put(&channel->vmbus->tx, lender->lease[at].transaction_id);
	channel->acks += count;
	netvsc_lease_acked(channel->lender, count);
}

/* Those of transfers up to `delivered`, but for the lent ones. */
static void
acks_write_unlent(struct netvsc_channel *channel, uint32_t delivered)
{
	struct netvsc_backlog *backlog = &channel->backlog;
	struct netvsc_transfer *transfers = backlog->transfers;
	uint32_t acked = backlog->acked, run, count;

	for (; acked != delivered; acked++) {
		run = 0;
		while (acked + run != delivered && transfers[(acked + run) & backlog->mask].lent == 0)
			run++;
		count = run != 0 ? acks_room(channel, run) : 0;
		acks_put(channel, acked, count);
		channel->acks += count;
		acked += count;
		if (count != run || acked == delivered)
			break;
		transfers[acked & backlog->mask].lent = 0;
	}
	__atomic_store_n(&backlog->acked, acked, __ATOMIC_RELAXED);
}

/* True if there is nothing left to be done. */
static __attribute__((noinline)) bool
acks_write_odd(struct netvsc_channel *channel, uint32_t delivered)
{
	if (channel->owed_count != 0)
		acks_write_owed(channel);
	if (channel->lends == 0)
		return false;
	acks_write_leases(channel);
	acks_write_unlent(channel, delivered);
	return true;
}

/* Writes what is owed, as far as there is room. */
static inline void
acks_write(struct netvsc_channel *channel)
{
	struct netvsc_backlog *backlog = &channel->backlog;
	/* Partner: the receive queue's release store, after it copied the frames. */
	uint32_t delivered = __atomic_load_n(&backlog->transfer_tail, __ATOMIC_ACQUIRE);
	uint32_t acked = backlog->acked, count;

	if (unlikely(channel->owed_or_lends != 0) && acks_write_odd(channel, delivered))
		return;
	if (acked == delivered)
		return;
	count = acks_room(channel, delivered - acked);
	channel->acks += count;
	acks_put(channel, acked, count);
	__atomic_store_n(&backlog->acked, acked + count, __ATOMIC_RELAXED);
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

/* Checks ranges in the backlog. One that leads outside the buffer becomes an empty
 * one, which the receive queue counts. */
static inline void
ranges_check(struct vmbus_transfer_range *ranges, uint32_t count, uint64_t recv_bytes)
{
	for (uint32_t i = 0; i < count; i++)
		/* Both are 32 bits wide: the sum cannot wrap. */
		if (unlikely((uint64_t)ranges[i].byte_offset + ranges[i].byte_count > recv_bytes))
			ranges[i] = (struct vmbus_transfer_range){ 0 };
}

/* Frames: into the backlog, every range checked here, once. */
static bool
transfer_data(struct netvsc_channel *channel, const struct vmbus_packet *packet,
	const struct transfer *transfer)
{
	struct netvsc_backlog *backlog = &channel->backlog;
	uint32_t slots = backlog->mask + 1;
	/* Partner: the receive queue's release stores: those slots are free. */
	uint32_t tail = __atomic_load_n(&backlog->range_tail, __ATOMIC_ACQUIRE);
	uint32_t head = backlog->range_head, end = head + transfer->ranges;
	struct netvsc_transfer *entry;

	if (transfer->ranges > slots - (head - tail) ||
	    backlog->transfer_head - backlog->acked >= slots)
		return false;           /* more outstanding than there are sections */
	ranges_copy(channel, transfer);
	for (; head != end; head++)
		ranges_check(&backlog->ranges[head & backlog->mask], 1, channel->dev->recv_bytes);
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

/* Many ranges from the ring to `to`, copied, then the copies checked: nearly always
 * all are good, which the compiler makes vectors of. */
static void
ranges_take_many(struct vmbus_transfer_range *to, const uint8_t *ranges, uint32_t count,
	uint64_t recv_bytes)
{
	const uint32_t limit = (uint32_t)RTE_MIN(recv_bytes, (uint64_t)UINT32_MAX);
	uint32_t bad = 0;

	memcpy(to, ranges, count * sizeof(*to));
	for (uint32_t i = 0; i < count; i++)
		bad |= (to[i].byte_offset > limit) | (to[i].byte_count > limit - to[i].byte_offset);
	if (unlikely(bad != 0))
		ranges_check(to, count, limit);
}

static inline void
ranges_take(struct vmbus_transfer_range *to, const uint8_t *ranges, uint32_t count,
	uint64_t recv_bytes)
{
	uint64_t range;

	if (count != 1) {
		ranges_take_many(to, ranges, count, recv_bytes);
		return;
	}
	range = vmbus_packet_load64(ranges);    /* length and offset */
	if (unlikely((uint32_t)range + (range >> 32) > recv_bytes))
		range = 0;
	memcpy(to, &range, sizeof(range));
}

/*
 * The usual transfers at the head of the ring: of frames, in one piece, with room
 * for them in one piece of the backlog's arrays. Takes up to `budget`; returns how
 * many. What is different stays there, for poll_transfer().
 */
static unsigned int
poll_transfers(struct netvsc_channel *channel, unsigned int budget)
{
	struct netvsc_backlog *backlog = &channel->backlog;
	const uint64_t data = NVSP_RNDIS | (uint64_t)NVSP_CHANNEL_DATA << 32;
	const uint64_t recv_bytes = channel->dev->recv_bytes;
	const uint32_t slots = backlog->mask + 1, next = backlog->transfer_head;
	/* Partner: the receive queue's release stores: those slots are free. */
	uint32_t tail = __atomic_load_n(&backlog->range_tail, __ATOMIC_ACQUIRE);
	uint32_t head = backlog->range_head, slot = head & backlog->mask, left;
	const uint32_t room = RTE_MIN(slots - slot, slots - (head - tail)), full = head + room;
	struct netvsc_transfer *first = &backlog->transfers[next & backlog->mask], *entry = first;
	const struct netvsc_transfer *end = first + RTE_MIN(RTE_MIN(budget,
		slots - (next & backlog->mask)), slots - (next - backlog->acked));
	struct vmbus_transfer_range *to = &backlog->ranges[slot];
	const uint8_t *at = vmbus_rx_ring_straight(&channel->vmbus->rx, &left), *stop = at + left;
	struct vmbus_transfer_shape shape = VMBUS_TRANSFER_SHAPE_NONE;

	for (; entry != end; entry++) {
		if (!vmbus_packet_transfer(at, stop, NETVSC_RECV_BUFFER_ID, &shape) ||
		    vmbus_packet_load64(at + shape.payload_off) != data ||
		    shape.range_count > full - head)
			break;
		ranges_take(to, at + VMBUS_RANGES_OFF, shape.range_count, recv_bytes);
		to += shape.range_count;
		head += shape.range_count;
		entry->transaction_id = vmbus_packet_load64(at +
			offsetof(struct vmbus_packet_header, transaction_id));
		entry->range_end = head;
		at += shape.total_bytes;
	}
	vmbus_rx_ring_take_to(&channel->vmbus->rx, at);
	__atomic_store_n(&backlog->range_head, head, __ATOMIC_RELAXED);
	/* Partner: the receive queue's acquire load of transfer_head. */
	__atomic_store_n(&backlog->transfer_head, next + (uint32_t)(entry - first),
		__ATOMIC_RELEASE);
	return (unsigned int)(entry - first);
}

/* Has no thread polled the queue since it was started, or for long? */
static inline bool
queue_idle(const struct netvsc_backlog *backlog)
{
	return backlog->share != 0 && __atomic_load_n(&backlog->range_tail, __ATOMIC_RELAXED) ==
		__atomic_load_n(&backlog->idle_tail, __ATOMIC_RELAXED);
}

/* Sections that an unpolled queue keeps are missing to all others: it gets its
 * share, what comes beyond that is given back at once. */
static inline bool
share_used_up(const struct netvsc_backlog *backlog)
{
	return queue_idle(backlog) && backlog->range_head -
		__atomic_load_n(&backlog->range_tail, __ATOMIC_RELAXED) >= backlog->share;
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
		else if (!channel_attended(channel) || share_used_up(&channel->backlog))
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

/* Takes packets from the ring; returns how many. */
static unsigned int
poll_ring(struct netvsc_channel *channel, unsigned int budget)
{
	struct vmbus_rx_ring *ring = &channel->vmbus->rx;
	bool usual = channel_attended(channel) && channel->owed_count == 0 &&
		!queue_idle(&channel->backlog);
	struct vmbus_packet packet;
	unsigned int taken = netvsc_complete_run(channel, budget);
	int ret = 1;

	while (taken < budget) {
		if (usual && vmbus_rx_ring_available(ring) > 0)
			taken += poll_transfers(channel, budget - taken);
		if (taken == budget || (ret = vmbus_packet_peek(ring, &packet)) <= 0 ||
		    !poll_packet(channel, &packet))
			break;
		vmbus_packet_take(ring, &packet);
		taken++;
	}
	if (unlikely(ret < 0))
		netvsc_channel_kill_rx(channel);
	return taken;
}

unsigned int
netvsc_poll(struct netvsc_channel *channel, unsigned int budget, bool *signal)
{
	unsigned int taken;

	if (channel->dead || __atomic_load_n(&channel->dev->vmbus->gone, __ATOMIC_RELAXED) != 0)
		return 0;
	taken = poll_ring(channel, budget);
	if (taken > 0)
		*signal |= vmbus_rx_ring_publish(&channel->vmbus->rx);
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
	if ((!vmbus_rx_ring_pending(&vmbus->rx) && !netvsc_lease_owed(channel)) ||
	    !rte_spinlock_trylock(&vmbus->lock))
		return;
	netvsc_poll(channel, UNATTENDED_BUDGET, &signal);
	netvsc_poll_unlock(channel);
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
	/* Nobody will deliver them: they are given back at once. */
	const uint64_t attended = __atomic_exchange_n(&dev->attended, 0, __ATOMIC_SEQ_CST);

	for (unsigned int i = 0; i < dev->channel_count; i++) {
		struct netvsc_channel *channel = dev->channel[i];
		unsigned int rounds = REST_ROUNDS_MAX, taken;
		bool signal = false;

		rte_spinlock_lock(&channel->vmbus->lock);
		do {
			taken = netvsc_poll(channel, NETVSC_POLL_CONTROL_BUDGET, &signal);
		} while (taken != 0 && --rounds > 0);
		rte_spinlock_unlock(&channel->vmbus->lock);
		if (signal)
			vmbus_channel_signal(channel->vmbus);
	}
	__atomic_store_n(&dev->attended, attended, __ATOMIC_RELEASE);
}
