/* SPDX-License-Identifier: BSD-3-Clause */

/* Counts and states of queues; see netvsc_status.h. */

#include "netvsc_status.h"

#include <errno.h>

#include "netvsc_channel.h"
#include "netvsc_poll.h"
#include "netvsc_reap.h"
#include "netvsc_rx.h"
#include "netvsc_tx.h"

/* Enough to see whether a queue fills up. */
#define STATUS_BUDGET 256u

/* ---- any thread: reads, and nothing else ---- */

static bool
channel_readable(const struct netvsc_channel *channel)
{
	return channel->vmbus != NULL && !netvsc_channel_dead(channel) &&
		!vmbus_gone(channel->dev->vmbus);
}

/* Frames of a packet in the ring, if it is a transfer of data. */
static uint32_t
packet_frames(const struct vmbus_rx_ring *ring, const struct vmbus_packet *packet)
{
	struct vmbus_transfer_pages pages;
	struct nvsp_rndis nvsp;

	if (packet->type != VMBUS_PACKET_TRANSFER_PAGES || packet->payload_off < VMBUS_RANGES_OFF ||
	    packet->payload_bytes < sizeof(nvsp))
		return 0;
	vmbus_packet_copy(ring, sizeof(struct vmbus_packet_header), &pages, sizeof(pages));
	vmbus_packet_copy(ring, packet->payload_off, &nvsp, sizeof(nvsp));
	return nvsp.channel_type != NVSP_CHANNEL_DATA ? 0 : RTE_MIN(pages.range_count,
		(packet->payload_off - VMBUS_RANGES_OFF) / (uint32_t)sizeof(struct vmbus_transfer_range));
}

/*
 * Frames in the ring, as its published indices say; the queue's thread may be
 * taking them meanwhile. Our own index is read back from the host's memory here:
 * what a host makes of that is a wrong count.
 */
static uint32_t
ring_frames(const struct vmbus_rx_ring *ring)
{
	struct vmbus_rx_ring look = {
		.page = ring->page, .data = ring->data, .data_bytes = ring->data_bytes,
		.read = vmbus_shm_load_acquire(&ring->page->read_index),
	};
	struct vmbus_packet packet;
	uint32_t frames = 0;

	if (!vmbus_ring_index_ok(look.read, look.data_bytes))
		return 0;
	look.write_seen = look.read;
	for (unsigned int i = 0; i < STATUS_BUDGET && vmbus_packet_peek(&look, &packet) > 0; i++) {
		frames += packet_frames(&look, &packet);
		vmbus_packet_take(&look, &packet);
	}
	return frames;
}

NETVSC_COMPAT_QUEUE_COUNT
netvsc_rx_queue_count(void *queue)
{
	struct netvsc_rxq *rxq = queue;
	const struct netvsc_backlog *backlog = &rxq->channel->backlog;
	uint32_t waiting = 0, tail;

	/* Partner: whoever waits for lookers to be 0, after closed was stored. */
	__atomic_fetch_add(&rxq->lookers, 1, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&rxq->gate.closed, __ATOMIC_SEQ_CST) == 0 &&
	    channel_readable(rxq->channel)) {
		/* The tail first: it never passes the head. */
		tail = __atomic_load_n(&backlog->range_tail, __ATOMIC_ACQUIRE);
		waiting = __atomic_load_n(&backlog->range_head, __ATOMIC_RELAXED) - tail +
			ring_frames(&rxq->channel->vmbus->rx);
	}
	__atomic_fetch_sub(&rxq->lookers, 1, __ATOMIC_RELEASE);
	return (NETVSC_COMPAT_QUEUE_COUNT)waiting;
}

int
netvsc_rx_descriptor_status(void *queue, uint16_t offset)
{
	const struct netvsc_rxq *rxq = queue;

	if (offset >= rxq->nb_desc)
		return -EINVAL;
	return offset < netvsc_rx_queue_count(queue) ? RTE_ETH_RX_DESC_DONE :
		RTE_ETH_RX_DESC_AVAIL;
}

/* Messages that the host was not seen to complete. */
int
netvsc_tx_queue_count(void *queue)
{
	const struct netvsc_txq *txq = queue;
	const struct netvsc_tx_slots *slots = &txq->channel->tx_slots;
	int used = 0;

	for (uint32_t i = 0; i < slots->count; i++)
		used += (__atomic_load_n(&slots->slot[i].state, __ATOMIC_RELAXED) & 1) != 0;
	return used;
}

int
netvsc_tx_descriptor_status(void *queue, uint16_t offset)
{
	const struct netvsc_txq *txq = queue;

	if (offset >= txq->nb_desc)
		return -EINVAL;
	return offset < netvsc_tx_queue_count(queue) ? RTE_ETH_TX_DESC_FULL : RTE_ETH_TX_DESC_DONE;
}

/* ---- the queue's own thread ---- */

/* Moves what the ring holds to where it can be taken back. */
static void
channel_look(struct netvsc_channel *channel)
{
	struct vmbus_channel *vmbus = channel->vmbus;
	bool signal = false;

	if (vmbus_gone(channel->dev->vmbus) || !vmbus_rx_ring_pending(&vmbus->rx) ||
	    !rte_spinlock_trylock(&vmbus->lock))
		return;
	netvsc_poll(channel, STATUS_BUDGET, &signal);
	rte_spinlock_unlock(&vmbus->lock);
	if (signal)
		vmbus_channel_signal(vmbus);
}

int
netvsc_tx_done_cleanup(void *queue, uint32_t count)
{
	struct netvsc_txq *txq = queue;
	unsigned int freed;

	if (!netvsc_gate_enter(&txq->gate))
		return 0;
	channel_look(txq->channel);
	freed = netvsc_reap_all(txq, count != 0 ? count : UINT32_MAX);
	netvsc_gate_leave(&txq->gate);
	return (int)freed;
}
