/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Frames to the host. A burst is first laid out, without any lock: small
 * frames are copied into a section of the send buffer, several to a message;
 * large ones get their header into a section and their payload as a page list.
 * Then the messages are written to the ring under the channel's lock, and
 * published once. A frame whose message found no room stays the caller's.
 *
 * Nothing of the driver's own is ever read back from the send buffer: it is
 * memory that the host can write.
 */

#include "netvsc_tx.h"

#include <errno.h>
#include <string.h>

#include <rte_memcpy.h>
#include <rte_prefetch.h>

#include "netvsc_channel.h"
#include "netvsc_frame.h"
#include "netvsc_poll.h"

/* A message being laid out. */
struct tx_message {
	uint32_t bytes;             /* in the section, or of the header slot */
	uint32_t frame_bytes;       /* of all its frames, as they are counted */
	uint32_t section;
	uint16_t slot;
	uint16_t first;             /* index of its first frame in the burst */
	uint16_t spent;             /* mbufs spent by the frames before that */
	uint16_t frames;
	uint16_t skip;              /* of a page list: bytes that the header has replaced */
};

/* ---- reaping ---- */

unsigned int
netvsc_tx_reap(struct netvsc_txq *txq, unsigned int max)
{
	struct netvsc_tx_slots *slots = &txq->channel->tx_slots;
	/* Partner: the drainer's release store. */
	uint32_t head = __atomic_load_n(&slots->done_head, __ATOMIC_ACQUIRE);
	unsigned int freed = 0;

	for (; txq->done_tail != head && freed < max; txq->done_tail++) {
		uint16_t id = slots->done[txq->done_tail & slots->mask];
		struct netvsc_tx_slot *slot = &slots->slot[id];

		if (unlikely(slot->failed)) {
			txq->counters.host_errors += slot->frames;
			txq->counters.host_error_bytes += slot->bytes;
		}
		if (slot->section != NVSP_SECTION_NONE)
			netvsc_sendbuf_release(txq->sendbuf, &txq->sections, slot->section);
		if (slot->mbuf != NULL) {
			rte_pktmbuf_free(slot->mbuf);
			slot->mbuf = NULL;
			freed++;
		}
		txq->free_slots[txq->free_count++] = id;
	}
	return freed;
}

/* ---- laying out ---- */

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
		rte_memcpy(to, rte_pktmbuf_mtod_offset(m, const void *, at), m->data_len - at);
		to += m->data_len - at;
	}
}

/* Opens a message; false if there is no slot for it. */
static bool
message_open(struct netvsc_txq *txq, struct tx_message *msg, uint16_t first)
{
	if (unlikely(txq->free_count == 0)) {
		txq->counters.no_slot++;
		return false;
	}
	msg->slot = txq->free_slots[--txq->free_count];
	msg->section = NVSP_SECTION_NONE;
	msg->bytes = 0;
	msg->frame_bytes = 0;
	msg->first = first;
	msg->frames = 0;
	return true;
}

/* Gives the message a section; false if there is none left. */
static inline bool
message_section(struct netvsc_txq *txq, struct tx_message *msg)
{
	uint32_t section = netvsc_sendbuf_acquire(txq->sendbuf, &txq->sections);

	if (unlikely(section == NETVSC_SECTION_EMPTY))
		return false;
	msg->section = section;
	return true;
}

static void
message_undo(struct netvsc_txq *txq, const struct tx_message *msg)
{
	if (msg->section != NVSP_SECTION_NONE)
		netvsc_sendbuf_release(txq->sendbuf, &txq->sections, msg->section);
	txq->free_slots[txq->free_count++] = msg->slot;
}

/* Appends a frame to an open message; false if it does not fit any more. Each
 * message is padded to the host's alignment, the padding zeroed and counted. */
static inline bool
message_append(struct netvsc_txq *txq, struct tx_message *msg, const struct netvsc_tx_frame *frame)
{
	uint8_t *to = txq->sendbuf->base +
		(uint64_t)msg->section * txq->sendbuf->section_bytes + msg->bytes;
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

/* Puts the header of a page-list frame where the host expects it: in the first
 * range, which is a section or, without one, the slot's own memory. */
static void
message_page_list(struct netvsc_txq *txq, struct tx_message *msg, const struct netvsc_tx_frame *frame)
{
	struct netvsc_tx_header header;
	uint32_t bytes = header_build(txq, frame, &header);
	uint8_t *to = msg->section != NVSP_SECTION_NONE ?
		txq->sendbuf->base + (uint64_t)msg->section * txq->sendbuf->section_bytes :
		txq->headers + (uint32_t)msg->slot * NETVSC_TX_HEADER_SLOT;

	memcpy(to, &header, bytes);
	if (unlikely(frame->skip != 0)) {
		memcpy(to + bytes, frame->macs, FRAME_MACS_BYTES);
		bytes += FRAME_MACS_BYTES;
	}
	msg->bytes = bytes;
	msg->frame_bytes = frame->m->pkt_len;
	msg->skip = (uint16_t)frame->skip;
	msg->frames = 1;
}

/* ---- page lists ---- */

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
		/* An external buffer may be contiguous in virtual memory only. */
		if (RTE_MBUF_HAS_EXTBUF(m) &&
		    (iova ^ (iova + m->data_len - 1)) >> HV_PAGE_SHIFT != 0)
			return false;
		ranges++;
		pages += (uint32_t)(((iova & (HV_PAGE_BYTES - 1)) + m->data_len +
			HV_PAGE_BYTES - 1) >> HV_PAGE_SHIFT);
	}
	return ranges <= NETVSC_TX_RANGES_MAX && pages <= NETVSC_TX_PAGES_MAX;
}

static void
page_list_build(const struct netvsc_txq *txq, const struct tx_message *msg,
	const struct rte_mbuf *m, struct page_list *list)
{
	const struct netvsc_tx_frame frame = { .m = m, .skip = msg->skip };
	uint32_t at;

	list->words = 0;
	list->ranges = 0;
	if (msg->section == NVSP_SECTION_NONE)
		page_list_add(list, txq->headers_iova[msg->slot / NETVSC_TX_HEADERS_PER_PAGE] +
			msg->slot % NETVSC_TX_HEADERS_PER_PAGE * NETVSC_TX_HEADER_SLOT, msg->bytes);
	for (m = frame_rest(&frame, &at); m != NULL; m = m->next, at = 0)
		if (m->data_len != at)
			page_list_add(list, rte_mbuf_data_iova(m) + at, m->data_len - at);
	list->head.reserved = 0;
	list->head.range_count = list->ranges;
}

/* ---- to the ring ---- */

/* Writes one message; 0 or -errno (no room, or a broken ring). */
static int
message_put(struct netvsc_txq *txq, const struct tx_message *msg, const struct rte_mbuf *m,
	uint64_t transaction_id)
{
	const struct nvsp_rndis nvsp = {
		.type = NVSP_RNDIS, .channel_type = NVSP_CHANNEL_DATA, .section_idx = msg->section,
		.section_bytes = msg->section == NVSP_SECTION_NONE ? 0 : msg->bytes,
	};
	struct vmbus_packet_desc desc = {
		.type = VMBUS_PACKET_INBAND, .want_completion = true,
		.transaction_id = transaction_id,
		.payload = &nvsp, .payload_bytes = sizeof(nvsp),
	};
	struct page_list list;

	if (m != NULL) {
		page_list_build(txq, msg, m, &list);
		desc.type = VMBUS_PACKET_GPA_DIRECT;
		desc.extension = &list.head;
		desc.extension_bytes = (uint32_t)(sizeof(list.head) + list.words * sizeof(uint64_t));
	}
	return vmbus_packet_put_inline(&txq->channel->vmbus->tx, &desc, txq->ack_reserve);
}

/* Arms the slot, then writes the message. */
static int
message_send(struct netvsc_txq *txq, const struct tx_message *msg, struct rte_mbuf *m)
{
	struct netvsc_tx_slot *slot = &txq->channel->tx_slots.slot[msg->slot];
	uint16_t generation = ++txq->generation;
	int ret;

	slot->mbuf = m;
	slot->section = msg->section;
	slot->frames = msg->frames;
	slot->bytes = msg->frame_bytes;
	slot->failed = false;
	__atomic_store_n(&slot->state, (uint32_t)generation << 1 | 1, __ATOMIC_RELEASE);
	ret = message_put(txq, msg, m, (uint64_t)txq->channel->epoch << 48 |
		(uint64_t)generation << 32 | msg->slot);
	if (unlikely(ret < 0)) {
		__atomic_store_n(&slot->state, (uint32_t)generation << 1, __ATOMIC_RELAXED);
		slot->mbuf = NULL;
	}
	return ret;
}

/* ---- a burst ---- */

/* What becomes of a frame; the last three are drops, each with its counter. */
enum tx_how { TX_COPY, TX_PAGE_LIST, TX_LENGTH, TX_OFFLOADS, TX_UNSENDABLE };

/* Flags that ask the host for something; the others only describe the frame. */
#define TX_REQUESTS (RTE_MBUF_F_TX_OFFLOAD_MASK & ~(RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IPV6))

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

/* A burst, or a part of a long one, as it is laid out: messages, and where each
 * frame went. */
struct tx_burst {
	struct tx_message message[NETVSC_TX_BURST];
	struct rte_mbuf *page_list[NETVSC_TX_BURST];    /* per message; NULL: copied */
	struct rte_mbuf *spent[NETVSC_TX_BURST];        /* copied or dropped: free them */
	uint32_t bytes[NETVSC_TX_BURST];                /* per frame */
	uint8_t how[NETVSC_TX_BURST];                   /* per frame: enum tx_how */
	uint16_t messages, spent_count;
	bool open;                  /* the last message takes more frames */
	bool starved;               /* something has run out */
	bool locked;                /* the channel, from the first message of all parts on */
};

/* Lays out a frame in a message of its own; false if a resource has run out.
 * Without a section the host reads the frame from where it is. */
static bool
burst_open(struct netvsc_txq *txq, struct tx_burst *burst, const struct netvsc_tx_frame *frame,
	uint16_t index)
{
	struct tx_message *msg = &burst->message[burst->messages];
	bool copy = burst->how[index] == TX_COPY;

	if (!message_open(txq, msg, index))
		return false;
	if ((copy || txq->sendbuf->count != 0) && !message_section(txq, msg)) {
		txq->counters.no_section++;
		if (copy && (!txq->page_lists || !page_list_fits(frame->m))) {
			message_undo(txq, msg);
			return false;
		}
		copy = false;
	}
	msg->spent = burst->spent_count;
	burst->page_list[burst->messages++] = copy ? NULL : (struct rte_mbuf *)(uintptr_t)frame->m;
	burst->open = copy;
	if (copy)
		message_append(txq, msg, frame);
	else
		message_page_list(txq, msg, frame);
	return true;
}

/* Lays out one frame; false if a resource has run out. */
static inline bool
burst_add(struct netvsc_txq *txq, struct tx_burst *burst, struct rte_mbuf *m, uint16_t index)
{
	struct netvsc_tx_frame frame;
	enum tx_how how;

	frame_look(&frame, m);
	how = frame_how(txq, &frame);
	burst->how[index] = (uint8_t)how;
	burst->bytes[index] = m->pkt_len;
	if (likely(how == TX_COPY && burst->open &&
	    message_append(txq, &burst->message[burst->messages - 1], &frame))) {
		burst->spent[burst->spent_count++] = m;
		return true;
	}
	if (likely(how <= TX_PAGE_LIST) && !burst_open(txq, burst, &frame, index))
		return false;
	if (how > TX_PAGE_LIST || burst->open)
		burst->spent[burst->spent_count++] = m;
	return true;
}

/* Writes the messages under the channel's lock, which is kept for the parts
 * that follow; returns how many were taken. */
static uint16_t
burst_put(struct netvsc_txq *txq, struct tx_burst *burst)
{
	uint16_t sent = 0;
	int ret = 0;

	if (!burst->locked)
		rte_spinlock_lock(&txq->channel->vmbus->lock);
	burst->locked = true;
	while (sent < burst->messages && (ret = message_send(txq, &burst->message[sent],
			burst->page_list[sent])) == 0)
		sent++;
	if (unlikely(ret == -EPROTO))
		netvsc_channel_kill_tx(txq->channel);
	return sent;
}

/* Ends what burst_put() began. Completions share the ring with received frames:
 * whoever runs low drains it, or an application that only sends would stop for
 * good. One publication of the transmit ring serves both. */
static void
burst_publish(struct netvsc_txq *txq, struct tx_burst *burst)
{
	struct vmbus_channel *vmbus = txq->channel->vmbus;
	bool signal = false;

	if (!burst->locked)
		return;
	if (burst->starved || txq->free_count < txq->low_water)
		netvsc_poll(txq->channel, 4u * NETVSC_TX_BURST, &signal);
	else
		signal = vmbus_tx_ring_publish(&vmbus->tx);
	rte_spinlock_unlock(&vmbus->lock);
	burst->locked = false;
	if (signal)
		vmbus_channel_signal(vmbus);
}

/* What was laid out but found no room is the caller's again, from its first
 * frame on. Returns how many frames of the burst are gone. */
static uint16_t
burst_settle(struct netvsc_txq *txq, struct tx_burst *burst, uint16_t sent, uint16_t added)
{
	uint16_t spent = burst->spent_count;

	for (uint16_t i = burst->messages; i > sent; i--)
		message_undo(txq, &burst->message[i - 1]);
	if (unlikely(sent < burst->messages)) {
		txq->counters.ring_full++;
		added = burst->message[sent].first;
		spent = burst->message[sent].spent;
	}
	for (uint16_t i = 0; i < sent; i++) {
		txq->counters.messages++;
		txq->counters.page_lists += burst->page_list[i] != NULL;
	}
	rte_pktmbuf_free_bulk(burst->spent, spent);
	return added;
}

/* Every frame that is gone in exactly one counter. */
static void
burst_count(struct netvsc_tx_counters *counters, const struct tx_burst *burst, uint16_t gone)
{
	for (uint16_t i = 0; i < gone; i++) {
		if (likely(burst->how[i] <= TX_PAGE_LIST)) {
			counters->packets++;
			counters->bytes += burst->bytes[i];
		} else if (burst->how[i] == TX_LENGTH) {
			counters->rejected++;
		} else if (burst->how[i] == TX_OFFLOADS) {
			counters->bad_offloads++;
		} else {
			counters->unsendable++;
		}
	}
}

/* One part, the last one perhaps: returns how many frames are gone. The host
 * can see the messages before their mbufs are freed. */
static uint16_t
burst_part(struct netvsc_txq *txq, struct tx_burst *burst, struct rte_mbuf **pkts, uint16_t left)
{
	uint16_t count = (uint16_t)RTE_MIN(left, NETVSC_TX_BURST), added = 0, sent = 0, gone;

	burst->messages = 0;
	burst->spent_count = 0;
	burst->open = false;
	while (added < count && burst_add(txq, burst, pkts[added], added))
		added++;
	burst->starved = added < count;
	if (likely(burst->messages != 0) || burst->starved)
		sent = burst_put(txq, burst);
	burst->starved |= sent < burst->messages;
	if (likely(count == left) || burst->starved)
		burst_publish(txq, burst);
	gone = burst_settle(txq, burst, sent, added);
	burst_count(&txq->counters, burst, gone);
	return gone;
}

uint16_t
netvsc_tx_submit(struct netvsc_txq *txq, struct rte_mbuf **pkts, uint16_t nb_pkts)
{
	struct tx_burst burst;
	uint16_t gone = 0;

	burst.locked = false;
	netvsc_tx_reap(txq, UINT32_MAX);
	do {
		gone = (uint16_t)(gone + burst_part(txq, &burst, pkts + gone,
			(uint16_t)(nb_pkts - gone)));
	} while (unlikely(gone < nb_pkts && !burst.starved));
	return gone;
}
