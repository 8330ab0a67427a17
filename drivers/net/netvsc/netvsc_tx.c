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

#include <string.h>

#include <rte_memcpy.h>
#include <rte_prefetch.h>

#include "netvsc_poll.h"

/* A message being laid out. */
struct tx_message {
	uint32_t bytes;             /* in the section, or of the header slot */
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

		if (unlikely(slot->failed))
			txq->counters.host_errors += slot->frames;
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

/* ---- frames ---- */

#define FRAME_MACS_BYTES (2u * RTE_ETHER_ADDR_LEN)
#define FRAME_TAGGED_BYTES (FRAME_MACS_BYTES + RTE_VLAN_HLEN)

/*
 * A frame as it goes to the host. Hosts drop frames that carry an 802.1Q tag
 * where a driver could have put it beside the frame; so such a tag is left out
 * when the frame is copied or listed. The mbuf is not touched: it may be shared.
 */
struct tx_frame {
	const struct rte_mbuf *m;
	uint32_t bytes;             /* without the tag */
	uint32_t skip;              /* FRAME_TAGGED_BYTES if there is one, else 0 */
	uint16_t tci;               /* of the tag, or of the mbuf's own */
	bool vlan;
	uint8_t macs[FRAME_MACS_BYTES];
};

static void
frame_untag(struct tx_frame *frame, const uint8_t *head)
{
	frame->skip = FRAME_TAGGED_BYTES;
	frame->bytes -= RTE_VLAN_HLEN;
	frame->tci = (uint16_t)(head[FRAME_MACS_BYTES + 2] << 8 | head[FRAME_MACS_BYTES + 3]);
	frame->vlan = true;
	memcpy(frame->macs, head, FRAME_MACS_BYTES);
}

static inline void
frame_look(struct tx_frame *frame, const struct rte_mbuf *m)
{
	uint8_t copy[FRAME_TAGGED_BYTES];
	const uint8_t *head;

	frame->m = m;
	frame->bytes = m->pkt_len;
	frame->skip = 0;
	frame->vlan = (m->ol_flags & RTE_MBUF_F_TX_VLAN) != 0;
	frame->tci = m->vlan_tci;
	if (unlikely(frame->vlan) || m->pkt_len < FRAME_TAGGED_BYTES + 2)
		return;
	head = rte_pktmbuf_read(m, 0, FRAME_TAGGED_BYTES, copy);
	if (unlikely(head != NULL && head[FRAME_MACS_BYTES] == RTE_ETHER_TYPE_VLAN >> 8 &&
	    head[FRAME_MACS_BYTES + 1] == (RTE_ETHER_TYPE_VLAN & 0xff)))
		frame_untag(frame, head);
}

/* The mbuf and the place in it where the frame goes on behind what is skipped. */
static inline const struct rte_mbuf *
frame_rest(const struct tx_frame *frame, uint32_t *at)
{
	const struct rte_mbuf *m = frame->m;

	*at = frame->skip;
	while (unlikely(m != NULL && *at >= m->data_len)) {
		*at -= m->data_len;
		m = m->next;
	}
	return m;
}

/* ---- headers ---- */

struct tx_header {
	struct rndis_packet packet;
	struct {
		struct rndis_ppi header;
		uint32_t value;
	} ppi[3];
};
_Static_assert(sizeof(struct tx_header) == NETVSC_TX_HEADER_MAX, "transmit header");

static inline void
header_ppi(struct tx_header *header, unsigned int *count, uint32_t type, uint32_t value)
{
	header->ppi[*count].header.bytes = sizeof(header->ppi[0]);
	header->ppi[*count].header.type = type;
	header->ppi[*count].header.data_offset = sizeof(struct rndis_ppi);
	header->ppi[*count].value = value;
	++*count;
}

static inline uint32_t
vlan_info(uint16_t tci)
{
	return ((uint32_t)tci & 0xfff) << RNDIS_VLAN_ID_SHIFT |
		((tci & 0x1000) != 0 ? RNDIS_VLAN_DEI : 0) | (uint32_t)tci >> 13;
}

static uint32_t
csum_info(const struct rte_mbuf *m, uint32_t l4_offset)
{
	uint64_t l4 = m->ol_flags & RTE_MBUF_F_TX_L4_MASK;
	uint32_t info = (m->ol_flags & RTE_MBUF_F_TX_IPV6) != 0 ?
		RNDIS_TX_CSUM_IPV6 : RNDIS_TX_CSUM_IPV4;

	if ((m->ol_flags & RTE_MBUF_F_TX_IP_CKSUM) != 0)
		info |= RNDIS_TX_CSUM_IP_HEADER;
	if (l4 == RTE_MBUF_F_TX_TCP_CKSUM)
		info |= RNDIS_TX_CSUM_TCP;
	else if (l4 == RTE_MBUF_F_TX_UDP_CKSUM)
		info |= RNDIS_TX_CSUM_UDP;
	else
		return info;
	return info | l4_offset << RNDIS_TX_CSUM_L4_OFFSET_SHIFT;
}

static uint32_t
lso_info(const struct rte_mbuf *m, uint32_t l4_offset)
{
	return m->tso_segsz | l4_offset << RNDIS_LSO_L4_OFFSET_SHIFT |
		RNDIS_LSO_V2 | ((m->ol_flags & RTE_MBUF_F_TX_IPV6) != 0 ? RNDIS_LSO_IPV6 : 0);
}

#define TX_CSUM_FLAGS (RTE_MBUF_F_TX_L4_MASK | RTE_MBUF_F_TX_IP_CKSUM)
#define TX_INFO_FLAGS (RTE_MBUF_F_TX_TCP_SEG | TX_CSUM_FLAGS)

static void
header_offloads(const struct tx_frame *frame, struct tx_header *header, unsigned int *count)
{
	const struct rte_mbuf *m = frame->m;
	uint32_t l4_offset = (uint32_t)(m->l2_len + m->l3_len) -
		(frame->skip != 0 ? RTE_VLAN_HLEN : 0);

	if ((m->ol_flags & RTE_MBUF_F_TX_TCP_SEG) != 0)
		header_ppi(header, count, RNDIS_PPI_LSO, lso_info(m, l4_offset));
	else
		header_ppi(header, count, RNDIS_PPI_CHECKSUM, csum_info(m, l4_offset));
}

/* Lays out the header of a frame; returns the header's length. */
static inline uint32_t
header_build(const struct netvsc_txq *txq, const struct tx_frame *frame, struct tx_header *header)
{
	unsigned int count = 0;
	uint32_t header_bytes;

	/* The hash value decides the channel on which the completion comes. */
	header_ppi(header, &count, RNDIS_PPI_HASH_VALUE, txq->queue_id);
	if (unlikely(frame->vlan))
		header_ppi(header, &count, RNDIS_PPI_VLAN, vlan_info(frame->tci));
	if (unlikely((frame->m->ol_flags & TX_INFO_FLAGS) != 0))
		header_offloads(frame, header, &count);
	header_bytes = (uint32_t)(sizeof(header->packet) + count * sizeof(header->ppi[0]));
	header->packet = (struct rndis_packet) {
		.header = { RNDIS_PACKET, header_bytes + frame->bytes },
		.data_offset = header_bytes - (uint32_t)sizeof(struct rndis_header),
		.data_bytes = frame->bytes,
		.ppi_offset = sizeof(header->packet) - sizeof(struct rndis_header),
		.ppi_bytes = (uint32_t)(count * sizeof(header->ppi[0])),
	};
	return header_bytes;
}

/* ---- laying out ---- */

static inline void
frame_copy(uint8_t *to, const struct tx_frame *frame)
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

/* Opens a message: a slot, and a section if one is wanted. False if out of
 * either; whichever was taken is given back. */
static bool
message_open(struct netvsc_txq *txq, struct tx_message *msg, uint16_t first, bool section)
{
	if (unlikely(txq->free_count == 0)) {
		txq->counters.no_slot++;
		return false;
	}
	msg->section = NVSP_SECTION_NONE;
	if (section) {
		msg->section = netvsc_sendbuf_acquire(txq->sendbuf, &txq->sections);
		if (unlikely(msg->section == NETVSC_SECTION_EMPTY)) {
			txq->counters.no_section++;
			return false;
		}
	}
	msg->slot = txq->free_slots[--txq->free_count];
	msg->bytes = 0;
	msg->first = first;
	msg->frames = 0;
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
message_append(struct netvsc_txq *txq, struct tx_message *msg, const struct tx_frame *frame)
{
	uint8_t *to = txq->sendbuf->base +
		(uint64_t)msg->section * txq->sendbuf->section_bytes + msg->bytes;
	uint32_t header_bytes, bytes, padded;
	struct tx_header header;

	if (msg->frames >= txq->frames_max ||
	    msg->bytes + NETVSC_TX_HEADER_MAX + frame->bytes + txq->align_mask > txq->section_bytes)
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
	msg->frames++;
	return true;
}

/* Puts the header of a page-list frame where the host expects it: in the first
 * range, which is a section or, without one, the slot's own memory. */
static void
message_page_list(struct netvsc_txq *txq, struct tx_message *msg, const struct tx_frame *frame)
{
	struct tx_header header;
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
	const struct tx_frame frame = { .m = m, .skip = msg->skip };
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
	return vmbus_packet_put(&txq->channel->vmbus->tx, &desc, txq->ack_reserve);
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

enum tx_how { TX_COPY, TX_PAGE_LIST, TX_REJECT };

static inline enum tx_how
frame_how(const struct netvsc_txq *txq, const struct tx_frame *frame)
{
	bool fits = frame->bytes + NETVSC_TX_HEADER_MAX + txq->align_mask <= txq->section_bytes;

	if (unlikely(frame->bytes < RTE_ETHER_HDR_LEN || (frame->bytes > txq->frame_max &&
	    (frame->m->ol_flags & RTE_MBUF_F_TX_TCP_SEG) == 0)))
		return TX_REJECT;
	if (likely(frame->bytes <= txq->copy_max && fits))
		return TX_COPY;
	if (txq->page_lists && page_list_fits(frame->m))
		return TX_PAGE_LIST;
	return fits ? TX_COPY : TX_REJECT;
}

bool
netvsc_tx_sendable(const struct netvsc_txq *txq, const struct rte_mbuf *m)
{
	struct tx_frame frame;

	frame_look(&frame, m);
	return frame_how(txq, &frame) != TX_REJECT;
}

/* A burst as it is laid out: messages, and where each frame went. */
struct tx_burst {
	struct tx_message message[NETVSC_TX_BURST];
	struct rte_mbuf *page_list[NETVSC_TX_BURST];    /* per message; NULL: copied */
	struct rte_mbuf *spent[NETVSC_TX_BURST];        /* copied or rejected: free them */
	uint32_t bytes[NETVSC_TX_BURST];                /* per frame; 0: rejected */
	uint16_t messages, spent_count;
	bool open;                  /* the last message takes more frames */
};

/* Lays out one frame; false if a resource has run out. */
static bool
burst_add(struct netvsc_txq *txq, struct tx_burst *burst, struct rte_mbuf *m, uint16_t index)
{
	struct tx_message *msg = &burst->message[burst->messages];
	struct tx_frame frame;
	enum tx_how how;

	frame_look(&frame, m);
	how = frame_how(txq, &frame);
	burst->bytes[index] = how == TX_REJECT ? 0 : m->pkt_len;
	if (unlikely(how == TX_REJECT) ||
	    (how == TX_COPY && burst->open && message_append(txq, msg - 1, &frame))) {
		burst->spent[burst->spent_count++] = m;
		return true;
	}
	if (!message_open(txq, msg, index, how == TX_COPY || txq->sendbuf->count != 0))
		return false;
	msg->spent = burst->spent_count;
	burst->messages++;
	burst->open = how == TX_COPY;
	burst->page_list[burst->messages - 1] = NULL;
	if (how == TX_COPY) {
		message_append(txq, msg, &frame);
		burst->spent[burst->spent_count++] = m;
	} else {
		message_page_list(txq, msg, &frame);
		burst->page_list[burst->messages - 1] = m;
	}
	return true;
}

/* Writes the messages under the channel's lock; returns how many were taken.
 * `starved`: something had run out before all frames were laid out. */
static uint16_t
burst_put(struct netvsc_txq *txq, const struct tx_burst *burst, bool starved)
{
	struct vmbus_channel *vmbus = txq->channel->vmbus;
	bool signal = false;
	uint16_t sent = 0;

	rte_spinlock_lock(&vmbus->lock);
	while (sent < burst->messages &&
	       message_send(txq, &burst->message[sent], burst->page_list[sent]) == 0)
		sent++;
	/* Completions share the ring with received frames: whoever runs low
	 * drains it, or an application that only sends would stop for good. One
	 * publication of the transmit ring serves both. */
	if (starved || txq->free_count < txq->low_water || sent < burst->messages)
		netvsc_poll(txq->channel, 4u * NETVSC_TX_BURST, &signal);
	else
		signal |= vmbus_tx_ring_publish(&vmbus->tx);
	rte_spinlock_unlock(&vmbus->lock);
	if (signal)
		vmbus_channel_signal(vmbus);
	return sent;
}

/* What was laid out but found no room is the caller's again, from its first
 * frame on. Returns how many frames of the burst are gone. */
static uint16_t
burst_settle(struct netvsc_txq *txq, const struct tx_burst *burst, uint16_t sent, uint16_t added)
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
	rte_pktmbuf_free_bulk((struct rte_mbuf **)(uintptr_t)burst->spent, spent);
	return added;
}

uint16_t
netvsc_tx_submit(struct netvsc_txq *txq, struct rte_mbuf **pkts, uint16_t nb_pkts)
{
	struct tx_burst burst;
	uint16_t added = 0, sent = 0, gone;
	uint64_t bytes = 0;
	unsigned int rejected = 0;

	burst.messages = 0;
	burst.spent_count = 0;
	burst.open = false;
	nb_pkts = RTE_MIN(nb_pkts, (uint16_t)NETVSC_TX_BURST);
	netvsc_tx_reap(txq, UINT32_MAX);
	while (added < nb_pkts && burst_add(txq, &burst, pkts[added], added))
		added++;
	if (likely(burst.messages != 0) || added < nb_pkts)
		sent = burst_put(txq, &burst, added < nb_pkts);
	gone = burst_settle(txq, &burst, sent, added);
	for (uint16_t i = 0; i < gone; i++) {
		bytes += burst.bytes[i];
		rejected += burst.bytes[i] == 0;
	}
	txq->counters.packets += gone - rejected;
	txq->counters.rejected += rejected;
	txq->counters.bytes += bytes;
	return gone;
}
