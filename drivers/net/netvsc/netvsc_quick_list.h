/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NETVSC_QUICK_LIST_H
#define NETVSC_QUICK_LIST_H

/* Runs of large frames of the common kind, see netvsc_quick.h: one message each,
 * the header in a section, the frame read by the host from where it is. */

#include "netvsc_quick.h"

/* Header, extension, one range of at most two pages, what NVSP says, footer. */
#define QUICK_LIST_BYTES 72u

/* How many page lists can be sent without looking again: slots, sections, room,
 * and the ring does not wrap in between. */
static inline uint32_t
quick_lists_most(struct netvsc_txq *txq, uint32_t count)
{
	struct vmbus_tx_ring *ring = &txq->channel->vmbus->tx;
	int64_t room;

	count = RTE_MIN(RTE_MIN(count, txq->free_count), txq->sections.count);
	room = vmbus_tx_ring_room(ring, count * QUICK_LIST_BYTES + txq->ack_reserve) -
		txq->ack_reserve;
	room = RTE_MIN(room, ring->data_bytes - ring->write - 1);
	if (unlikely(room < count * QUICK_LIST_BYTES))
		return room < 0 ? 0 : (uint32_t)room / QUICK_LIST_BYTES;
	return count;
}

/* Writes one: the host reads the header from the section, the frame from the
 * mbuf. Returns where the next packet begins. */
static inline uint32_t
quick_list_put(const struct vmbus_tx_ring *ring, uint32_t write, const struct rte_mbuf *m,
	uint64_t id, uint32_t section)
{
	const uint64_t iova = rte_mbuf_data_iova(m), page = iova >> HV_PAGE_SHIFT;
	const uint64_t direct = UINT64_C(1) << 32;
	const uint64_t range = (iova & (HV_PAGE_BYTES - 1)) << 32 | m->data_len;
	const uint64_t header = (uint64_t)QUICK_HEADER_BYTES << 32 | section;

	if ((iova + m->data_len - 1) >> HV_PAGE_SHIFT == page)
		return vmbus_packet_put_at(ring, write, (struct vmbus_packet_words) { {
			vmbus_packet_word(VMBUS_PACKET_GPA_DIRECT, 5, 7), id, direct, range, page,
			TX_NVSP_WORD, header } }, 8);
	return vmbus_packet_put_at(ring, write, (struct vmbus_packet_words) { {
		vmbus_packet_word(VMBUS_PACKET_GPA_DIRECT, 6, 8), id, direct, range, page,
		page + 1, TX_NVSP_WORD, header } }, 9);
}

static inline bool
quick_list_ok(const struct rte_mbuf *m, uint32_t copy_max, uint32_t bytes_span)
{
	/* No address is 0 or RTE_BAD_IOVA. */
	return m->data_len - copy_max - 1 <= bytes_span && m->nb_segs == 1 &&
		(m->ol_flags & QUICK_NOT) == 0 && rte_mbuf_iova_get(m) - 1 < RTE_BAD_IOVA - 1 &&
		!quick_tagged(rte_pktmbuf_mtod(m, const uint8_t *));
}

/* What was sent of a run. */
static inline void
quick_lists_count(struct netvsc_txq *txq, uint32_t count, uint64_t bytes)
{
	txq->free_count -= count;
	txq->sections.count -= count;
	txq->generation = (uint16_t)(txq->generation + count);
	txq->counters.packets += count;
	txq->counters.bytes += bytes;
	txq->counters.messages += count;
	txq->counters.page_lists += count;
}

/* Sends frames longer than copy_max as page lists as long as they are of the
 * common kind and nothing runs out; returns how many. */
static inline uint32_t
quick_lists(struct netvsc_txq *txq, struct rte_mbuf **pkts, uint32_t count)
{
	const struct quick_header header = quick_header_load(txq);
	const uint32_t copy_max = RTE_MAX(txq->copy_max, QUICK_MIN - 1);
	const uint32_t bytes_span = txq->quick_list_max - copy_max - 1;
	const uint32_t most = quick_lists_most(txq, count), section_bytes = txq->sendbuf->section_bytes;
	const uint16_t *free_slot = txq->free_slots + txq->free_count;
	const uint32_t *section = txq->sections.section + txq->sections.count;
	struct netvsc_tx_slot *const slots = txq->channel->tx_slots.slot;
	struct vmbus_tx_ring ring = txq->channel->vmbus->tx;
	const uint64_t epoch = NETVSC_TID(txq->channel->epoch, 0, 0);
	uint8_t *const base = txq->sendbuf->base;
	uint16_t generation = txq->generation;
	uint64_t sum = 0;
	uint32_t n;

	for (n = 0; n != most && quick_list_ok(pkts[n], copy_max, bytes_span); n++) {
		const uint32_t bytes = pkts[n]->data_len;
		const uint16_t slot = *--free_slot;

		section--;
		generation++;
		quick_header_put(base + (uint64_t)*section * section_bytes, &header,
			QUICK_HEADER_BYTES + bytes, bytes);
		tx_slot_arm(&slots[slot], (struct netvsc_tx_slot) { .mbuf = pkts[n],
			.section = *section, .bytes = bytes, .frames = 1 }, generation);
		ring.write = quick_list_put(&ring, ring.write, pkts[n],
			epoch | NETVSC_TID(0, generation, slot), *section);
		sum += bytes;
	}
	txq->channel->vmbus->tx.write = ring.write;
	quick_lists_count(txq, n, sum);
	return n;
}

#endif /* NETVSC_QUICK_LIST_H */
