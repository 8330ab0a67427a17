/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Frames to the host. Small frames are copied into a section of the send
 * buffer, several to a message; large ones get their header into a section and
 * their payload as a page list. All of a burst is laid out and written to the
 * ring under the channel's lock, each message only where slot, section and room
 * are there, and published once. What finds no room stays the caller's.
 *
 * Runs of the common kind of frame go by netvsc_quick.h, all others one by one
 * by this file. Nothing of the driver's own is ever read back from the send
 * buffer: it is memory that the host can write.
 */

#include "netvsc_tx.h"

#include <errno.h>
#include <string.h>


#include "netvsc_channel.h"
#include "netvsc_frame.h"
#include "netvsc_lease.h"
#include "netvsc_message.h"
#include "netvsc_poll.h"
#include "netvsc_quick_list.h"
#include "netvsc_reap.h"

/* ---- any frame, copied ---- */

static inline void
frame_copy(uint8_t *to, const struct netvsc_tx_frame *frame)
{
	const struct rte_mbuf *m;
	uint32_t at;

	if (unlikely(frame->skip != 0)) {
		memcpy(to, frame->macs, FRAME_MACS_BYTES);
		to += FRAME_MACS_BYTES;
	}
	for (m = frame_rest(frame, &at); m != NULL; m = m->next, at = 0) {
		memcpy(to, rte_pktmbuf_mtod_offset(m, const void *, at), m->data_len - at);
		to += m->data_len - at;
	}
}

/* Appends a frame to an open message; false if it does not fit any more. Each
 * message is padded to the host's alignment, the padding zeroed and counted. */
static bool
message_append(struct netvsc_txq *txq, struct netvsc_tx_message *msg,
	const struct netvsc_tx_frame *frame)
{
	uint8_t *to = msg->start + msg->bytes;
	uint32_t header_bytes, bytes, padded;
	struct netvsc_tx_header header;

	if (msg->frames != 0 && (msg->frames >= txq->frames_max ||
	    msg->bytes + NETVSC_TX_HEADER_MAX + frame->bytes + txq->align_mask > txq->gather_bytes))
		return false;
	header_bytes = header_build(txq, frame, &header);
	bytes = header_bytes + frame->bytes;
	padded = (bytes + txq->align_mask) & ~txq->align_mask;
	header.packet.header.msg_bytes = padded;
	memcpy(to, &header, header_bytes);
	frame_copy(to + header_bytes, frame);
	if (padded != bytes)
		memset(to + bytes, 0, padded - bytes);
	msg->bytes += padded;
	msg->frame_bytes += frame->m->pkt_len;
	msg->frames++;
	return true;
}

/* ---- any frame, as a page list ---- */

struct page_list {
	uint32_t words;
	uint32_t ranges;
	struct vmbus_gpa_direct head;
	uint64_t word[NETVSC_TX_RANGES_MAX + 1 + NETVSC_TX_PAGES_MAX];
};

/* Adds one range of memory that is contiguous in IOVA; false if there is no
 * room in the list. */
static bool
page_list_add(struct page_list *list, rte_iova_t iova, uint32_t bytes)
{
	const struct vmbus_gpa_range range = {
		.byte_count = bytes, .byte_offset = (uint32_t)iova & (HV_PAGE_BYTES - 1),
	};
	uint32_t pages = (range.byte_offset + bytes + HV_PAGE_BYTES - 1) >> HV_PAGE_SHIFT;

	if (list->words + 1 + pages > RTE_DIM(list->word))
		return false;
	memcpy(&list->word[list->words++], &range, sizeof(range));
	for (uint32_t i = 0; i < pages; i++)
		list->word[list->words++] = (iova >> HV_PAGE_SHIFT) + i;
	list->ranges++;
	return true;
}

/* Whether a frame can be sent as a page list at all. */
static bool
page_list_fits(const struct rte_mbuf *m)
{
	uint32_t ranges = 1, pages = 1;

	for (; m != NULL; m = m->next) {
		rte_iova_t iova = rte_mbuf_data_iova(m);

		if (m->data_len == 0)
			continue;
		if (rte_mbuf_iova_get(m) == 0 || rte_mbuf_iova_get(m) == RTE_BAD_IOVA)
			return false;
		/* An external buffer may be contiguous in virtual memory only; one that
		 * a port lent that was closed since is elsewhere by now. */
		if (RTE_MBUF_HAS_EXTBUF(m) &&
		    ((iova ^ (iova + m->data_len - 1)) >> HV_PAGE_SHIFT != 0 ||
		     netvsc_lease_stale(m)))
			return false;
		ranges++;
		pages += (uint32_t)(((iova & (HV_PAGE_BYTES - 1)) + m->data_len +
			HV_PAGE_BYTES - 1) >> HV_PAGE_SHIFT);
	}
	return ranges <= NETVSC_TX_RANGES_MAX && pages <= NETVSC_TX_PAGES_MAX;
}

/* All of the frame, and the header first if it lies in the slot's own memory. */
static void
page_list_build(const struct netvsc_txq *txq, const struct netvsc_tx_message *msg,
	const struct netvsc_tx_frame *frame, struct page_list *list)
{
	const struct rte_mbuf *m;
	uint32_t at;

	list->words = 0;
	list->ranges = 0;
	if (msg->section == NVSP_SECTION_NONE)
		page_list_add(list, txq->headers_iova[msg->slot / NETVSC_TX_HEADERS_PER_PAGE] +
			msg->slot % NETVSC_TX_HEADERS_PER_PAGE * NETVSC_TX_HEADER_SLOT, msg->bytes);
	for (m = frame_rest(frame, &at); m != NULL; m = m->next, at = 0)
		if (m->data_len != at)
			page_list_add(list, rte_mbuf_data_iova(m) + at, m->data_len - at);
	list->head.reserved = 0;
	list->head.range_count = list->ranges;
}

/* Puts the header of a page-list frame where the host expects it: in the first
 * range, which is a section or, without one, the slot's own memory. */
static void
page_list_header(const struct netvsc_txq *txq, struct netvsc_tx_message *msg,
	const struct netvsc_tx_frame *frame)
{
	struct netvsc_tx_header header;
	uint32_t bytes = header_build(txq, frame, &header);
	uint8_t *to = msg->section != NVSP_SECTION_NONE ? tx_section(txq, msg->section) :
		txq->headers + (uint32_t)msg->slot * NETVSC_TX_HEADER_SLOT;

	memcpy(to, &header, bytes);
	if (unlikely(frame->skip != 0)) {
		memcpy(to + bytes, frame->macs, FRAME_MACS_BYTES);
		bytes += FRAME_MACS_BYTES;
	}
	msg->bytes = bytes;
	msg->frame_bytes = frame->m->pkt_len;
	msg->frames = 1;
}

/* Writes it if there is room. */
static bool
page_list_send(struct netvsc_txq *txq, struct netvsc_tx_message *msg,
	const struct netvsc_tx_frame *frame)
{
	const struct nvsp_rndis nvsp = {
		.type = NVSP_RNDIS, .channel_type = NVSP_CHANNEL_DATA, .section_idx = msg->section,
		.section_bytes = msg->section == NVSP_SECTION_NONE ? 0 : msg->bytes,
	};
	struct vmbus_packet_desc desc = {
		.type = VMBUS_PACKET_GPA_DIRECT, .want_completion = true,
		.payload = &nvsp, .payload_bytes = sizeof(nvsp),
	};
	struct page_list list;

	page_list_build(txq, msg, frame, &list);
	desc.extension = &list.head;
	desc.extension_bytes = (uint32_t)(sizeof(list.head) + list.words * sizeof(uint64_t));
	if (!tx_room(txq, vmbus_packet_total_bytes(desc.extension_bytes, sizeof(nvsp))))
		return false;
	desc.transaction_id = tx_message_arm(txq, msg, (struct rte_mbuf *)(uintptr_t)frame->m);
	vmbus_packet_put(&txq->channel->vmbus->tx, &desc, txq->ack_reserve);
	txq->counters.page_lists++;
	return true;
}

/* ---- what becomes of a frame ---- */

/* The last three are drops, each with its counter. */
enum tx_how { TX_COPY, TX_PAGE_LIST, TX_LENGTH, TX_OFFLOADS, TX_UNSENDABLE };

/* Frames shorter than 60 bytes go as they are: hosts take anything with a whole
 * Ethernet header, and what pads frames on the wire is behind them. */
static inline enum tx_how
frame_how(const struct netvsc_txq *txq, const struct netvsc_tx_frame *frame)
{
	bool fits = frame->bytes + NETVSC_TX_HEADER_MAX + txq->align_mask <= txq->section_bytes;

	if (unlikely(frame->bytes < RTE_ETHER_HDR_LEN || (frame->bytes > txq->frame_max &&
	    (frame->m->ol_flags & RTE_MBUF_F_TX_TCP_SEG) == 0)))
		return TX_LENGTH;
	if (unlikely((frame->m->ol_flags & TX_REQUESTS) != 0) &&
	    netvsc_tx_offloads_check(txq, frame) < 0)
		return TX_OFFLOADS;
	if (likely(frame->bytes <= txq->copy_max && fits))
		return TX_COPY;
	if (txq->page_lists && page_list_fits(frame->m) &&
	    frame->bytes <= txq->message_max - NETVSC_TX_HEADER_MAX)
		return TX_PAGE_LIST;
	return fits ? TX_COPY : TX_UNSENDABLE;
}

bool
netvsc_tx_sendable(const struct netvsc_txq *txq, const struct rte_mbuf *m)
{
	struct netvsc_tx_frame frame;

	frame_look(&frame, m);
	return frame_how(txq, &frame) <= TX_PAGE_LIST;
}

/* A burst under way, with the channel's lock held. */
struct tx_burst {
	struct netvsc_tx_message open;
	/* The last run of frames that were copied: still to be freed. */
	struct rte_mempool *pool;
	struct rte_mbuf **run;
	uint32_t run_count;
};

/* Without a section the host reads even the header from where it is. */
static bool
burst_page_list(struct netvsc_txq *txq, struct tx_burst *burst, const struct netvsc_tx_frame *frame)
{
	struct netvsc_tx_message msg = { .section = NVSP_SECTION_NONE };
	uint32_t section;

	tx_message_end(txq, &burst->open);
	if (unlikely(txq->free_count == 0)) {
		txq->counters.no_slot++;
		return false;
	}
	section = netvsc_sendbuf_acquire(txq->sendbuf, &txq->sections);
	if (section != NETVSC_SECTION_EMPTY)
		msg.section = section;
	else
		txq->counters.no_section += txq->sendbuf->count != 0;
	msg.slot = txq->free_slots[txq->free_count - 1];
	page_list_header(txq, &msg, frame);
	if (likely(page_list_send(txq, &msg, frame))) {
		txq->free_count--;
		return true;
	}
	txq->counters.ring_full++;
	if (msg.section != NVSP_SECTION_NONE)
		netvsc_sendbuf_release(txq->sendbuf, &txq->sections, msg.section);
	return false;
}

/* No message could be opened: what it lacks is counted. Only for want of a
 * section there is another way. */
static bool
burst_otherwise(struct netvsc_txq *txq, struct tx_burst *burst, const struct netvsc_tx_frame *frame)
{
	if (txq->free_count == 0)
		txq->counters.no_slot++;
	else if (!tx_room(txq, TX_MESSAGE_BYTES))
		txq->counters.ring_full++;
	else if (txq->page_lists && page_list_fits(frame->m))
		return burst_page_list(txq, burst, frame);
	else
		txq->counters.no_section++;
	return false;
}

/* Into the open message, or into a new one. */
static bool
burst_copy(struct netvsc_txq *txq, struct tx_burst *burst, const struct netvsc_tx_frame *frame)
{
	struct netvsc_tx_message *msg = &burst->open;

	if (msg->start == NULL || !message_append(txq, msg, frame)) {
		tx_message_end(txq, msg);
		if (unlikely(!tx_message_open(txq, msg)))
			return burst_otherwise(txq, burst, frame);
		message_append(txq, msg, frame);
	}
	rte_pktmbuf_free((struct rte_mbuf *)(uintptr_t)frame->m);
	return true;
}

static void
burst_drop(struct netvsc_txq *txq, struct rte_mbuf *m, enum tx_how how)
{
	if (how == TX_LENGTH)
		txq->counters.rejected++;
	else if (how == TX_OFFLOADS)
		txq->counters.bad_offloads++;
	else
		txq->counters.unsendable++;
	rte_pktmbuf_free(m);
}

/* Any one frame: 1 if it is gone, 0 if a resource has run out. */
static __rte_noinline uint32_t
burst_any(struct netvsc_txq *txq, struct tx_burst *burst, struct rte_mbuf *m)
{
	struct netvsc_tx_frame frame;
	enum tx_how how;

	frame_look(&frame, m);
	how = frame_how(txq, &frame);
	if (likely(how == TX_COPY))
		return burst_copy(txq, burst, &frame);
	if (how == TX_PAGE_LIST)
		return burst_page_list(txq, burst, &frame);
	burst_drop(txq, m, how);
	return 1;
}

/* ---- a burst ---- */

void
netvsc_tx_quick_fit(struct netvsc_txq *txq)
{
	struct rte_mbuf none = { .ol_flags = 0 };
	const struct netvsc_tx_frame frame = { .m = &none };
	const int64_t fill = (int64_t)txq->gather_bytes - NETVSC_TX_HEADER_MAX - txq->align_mask;

	header_build(txq, &frame, &txq->header);
	txq->fill_bytes = (uint32_t)RTE_MAX(fill, 0);
	/* Less than QUICK_MIN: no frame is. */
	txq->quick_max = txq->align_mask > 7 ? 0 :
		RTE_MIN(RTE_MIN(txq->copy_max, txq->frame_max), txq->fill_bytes);
	txq->quick_list_max = !txq->page_lists ? 0 : RTE_MIN(RTE_MIN(HV_PAGE_BYTES, txq->frame_max),
		txq->message_max - NETVSC_TX_HEADER_MAX);
	NETVSC_LOG(DEBUG, tx, "%s: queue %u: messages of up to %u frames, copied up to %u bytes, page"
		" lists %s", txq->channel->dev->name, txq->queue_id, txq->frames_max,
		txq->section_bytes, txq->page_lists ? "for others" : "never");
}

/* Inline where a burst is one run, which most are; not where it is the next. */
static __rte_always_inline void
burst_free(const struct tx_burst *burst)
{
	rte_mempool_put_bulk(burst->pool, (void **)burst->run, burst->run_count);
}

static __rte_noinline void
burst_free_before(const struct tx_burst *burst)
{
	burst_free(burst);
}

/* A run of frames of the common kind that are copied; returns how many. */
static inline uint32_t
burst_fill(struct netvsc_txq *txq, struct tx_burst *burst, struct rte_mbuf **pkts, uint32_t left)
{
	struct netvsc_tx_message *msg = &burst->open;
	struct quick_limits limits = { .pool = pkts[0]->pool };
	uint32_t gone = 0;

	if (pkts[0]->data_len > txq->quick_max || pkts[0]->data_len < QUICK_MIN)
		return 0;
	do {
		if (msg->start == NULL && unlikely(!tx_message_open(txq, msg)))
			break;
		limits.count = left - gone;
		gone += quick_fill(txq, msg, pkts + gone, &limits);
		if (likely(!msg->full))
			break;
		tx_message_close(txq, msg);
	} while (gone < left);
	if (gone != 0) {
		if (unlikely(burst->run_count != 0))
			burst_free_before(burst);
		burst->pool = limits.pool;
		burst->run = pkts;
		burst->run_count = gone;
	}
	return gone;
}

/* The same for those that go as page lists. */
static __rte_noinline uint32_t
burst_lists(struct netvsc_txq *txq, struct tx_burst *burst, struct rte_mbuf **pkts, uint32_t left)
{
	if (pkts[0]->data_len <= txq->copy_max || pkts[0]->data_len < QUICK_MIN ||
	    pkts[0]->data_len > txq->quick_list_max)
		return 0;
	tx_message_end(txq, &burst->open);
	return quick_lists(txq, pkts, left);
}

/* Completions share the ring with received frames: whoever runs low drains it,
 * or an application that only sends would stop for good. One publication of the
 * transmit ring serves both. Returns whether the host must be signalled. */
static inline bool
burst_publish(struct netvsc_txq *txq, struct netvsc_spent *spent, bool starved)
{
	struct netvsc_channel *channel = txq->channel;
	bool signal = false;

	if (likely(txq->free_count >= txq->low_water && !starved))
		return vmbus_tx_ring_publish(&channel->vmbus->tx);
	if (!starved && channel->owed_count == 0 && !vmbus_rx_ring_pending(&channel->vmbus->rx))
		return vmbus_tx_ring_publish(&channel->vmbus->tx);
	netvsc_poll(channel, NETVSC_TX_DRAIN, &signal);
	netvsc_reap(txq, spent, UINT32_MAX);
	return signal;
}

/* Any burst, with the lock held, which it gives back. The host can see the messages
 * before any mbuf is freed. */
static inline uint16_t
submit_locked(struct netvsc_txq *txq, struct rte_mbuf **pkts, uint16_t nb_pkts)
{
	struct vmbus_channel *vmbus = txq->channel->vmbus;
	struct tx_burst burst;
	struct netvsc_spent spent;
	uint32_t gone = 0, n;
	bool signal;

	burst.open.start = NULL;
	burst.run_count = 0;
	spent.count = 0;
	netvsc_reap(txq, &spent, UINT32_MAX);
	do {
		n = burst_fill(txq, &burst, pkts + gone, nb_pkts - gone);
		if (n == 0)
			n = burst_lists(txq, &burst, pkts + gone, nb_pkts - gone);
		if (n == 0)
			n = burst_any(txq, &burst, pkts[gone]);
		gone += n;
	} while (unlikely(n != 0 && gone < nb_pkts));
	tx_message_end(txq, &burst.open);
	signal = burst_publish(txq, &spent, n == 0);
	vmbus_channel_unlock(vmbus);
	if (likely(burst.run_count != 0))
		burst_free(&burst);
	if (spent.count != 0)
		netvsc_spent_free(&spent);
	if (unlikely(signal))
		vmbus_channel_signal(vmbus);
	return (uint16_t)gone;
}

/* ---- a burst of one ---- */

static __rte_noinline uint16_t
submit_one_otherwise(struct netvsc_txq *txq, struct rte_mbuf **pkts)
{
	return submit_locked(txq, pkts, 1);
}

static inline bool
one_usual(const struct netvsc_txq *txq, const struct rte_mbuf *m)
{
	return m->data_len <= txq->quick_max && m->data_len >= QUICK_MIN &&
		quick_usual(m, rte_pktmbuf_mtod(m, const uint8_t *), m->pool);
}

/* Is there anything but a message to write and to publish? Then it is a burst like
 * any other. */
static inline bool
one_alone(const struct netvsc_txq *txq)
{
	return txq->free_count > txq->low_water && txq->sections.count != 0 &&
		__atomic_load_n(&txq->channel->tx_slots.done_head, __ATOMIC_RELAXED) == txq->done_tail;
}

/* A frame of the common kind, with nothing else to be done: applications that send
 * one at a time do little else. All of it is known here, so that nothing is kept in
 * memory on the way. */
static inline uint16_t
submit_one(struct netvsc_txq *txq, struct rte_mbuf **pkts)
{
	struct vmbus_channel *vmbus = txq->channel->vmbus;
	struct rte_mbuf *m = pkts[0];
	const uint8_t *data = rte_pktmbuf_mtod(m, const uint8_t *);
	struct netvsc_tx_message msg;
	struct quick_header header;
	bool signal;

	rte_spinlock_lock(&vmbus->lock);
	if (unlikely(!one_alone(txq) || !tx_message_open(txq, &msg)))
		return submit_one_otherwise(txq, pkts);
	header = quick_header_load(txq);
	msg.bytes = (uint32_t)quick_padded(m->data_len, txq->align_mask);
	msg.frame_bytes = m->data_len;
	msg.frames = 1;
	quick_put(msg.start, &header, msg.bytes, data, msg.frame_bytes);
	tx_message_close(txq, &msg);
	signal = vmbus_tx_ring_publish(&vmbus->tx);
	vmbus_channel_unlock(vmbus);
	rte_mempool_put(m->pool, m);
	if (unlikely(signal))
		vmbus_channel_signal(vmbus);
	return 1;
}

uint16_t
netvsc_tx_submit(struct netvsc_txq *txq, struct rte_mbuf **pkts, uint16_t nb_pkts)
{
	if (nb_pkts == 1 && one_usual(txq, pkts[0]))
		return submit_one(txq, pkts);
	if (unlikely(nb_pkts == 0)) {
		netvsc_reap_all(txq, UINT32_MAX);
		return 0;
	}
	rte_spinlock_lock(&txq->channel->vmbus->lock);
	return submit_locked(txq, pkts, nb_pkts);
}
