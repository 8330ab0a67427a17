/* SPDX-License-Identifier: BSD-3-Clause */
/* Wrong on the ring: indices, masks, descriptors, page lists, signals. */

#include <string.h>
#include <sched.h>
#include <unistd.h>

#include "wrong.h"

static int
bad_index(uint32_t value, uint16_t channel)
{
	struct wrong w;
	struct tg_channel *ch;

	TG_TRY(wrong_start(&w, true));
	ch = w.a.channel[channel];
	if (value == 0)
		value = ch->tx.data_bytes;
	__atomic_store_n(&ch->tx.page->write_index, value, __ATOMIC_SEQ_CST);
	tg_signal(ch);
	TG_TRY(wrong_dead(&w, ch, "RING_INDEX"));
	wrong_end(&w);
	return 0;
}

static int index_unaligned(void) { return bad_index(4, 0); }
static int index_outside(void) { return bad_index(0, 0); }
static int index_outside_sub(void) { return bad_index(0xfffffff8u, 1); }

/* The host looks at its mask when it wakes: it must sleep first. */
static int
mask_written(void)
{
	struct wrong w;
	struct tg_channel *ch;
	uint64_t end = tg_now_ns() + 2000000000ull;

	TG_TRY(wrong_start(&w, true));
	ch = w.a.channel[0];
	while (__atomic_load_n(&ch->tx.page->interrupt_mask, __ATOMIC_ACQUIRE) != 0 &&
			tg_now_ns() < end)
		sched_yield();
	TG_CHECK(ch->tx.page->interrupt_mask == 0, "the host never sleeps");
	__atomic_store_n(&ch->tx.page->interrupt_mask, 1, __ATOMIC_SEQ_CST);
	tg_signal(ch);
	TG_TRY(wrong_dead(&w, ch, "RING_MASK"));
	wrong_end(&w);
	return 0;
}

/* Sends a packet whose header says what the case wants. */
static int
bad_descriptor(uint16_t channel, struct vmbus_packet_header header, const char *rule)
{
	struct nvsp_rndis message = { NVSP_RNDIS, NVSP_CHANNEL_DATA, NVSP_SECTION_NONE, 0 };
	struct tg_piece pieces[2] = { { &header, sizeof(header) }, { &message, sizeof(message) } };
	struct wrong w;
	struct tg_channel *ch;
	bool signal;

	TG_TRY(wrong_start(&w, true));
	ch = w.a.channel[channel];
	TG_CHECK(tg_tx_ring_put(&ch->tx, pieces, 2, &signal) == 0, "ring full");
	tg_signal(ch);
	TG_TRY(wrong_dead(&w, ch, rule));
	wrong_end(&w);
	return 0;
}

static int
type_unknown(void)
{
	return bad_descriptor(0, (struct vmbus_packet_header){ 5, 2, 4, 1, 1 }, "PACKET_TYPE");
}

static int
flags_unknown(void)
{
	return bad_descriptor(1, (struct vmbus_packet_header){ VMBUS_PACKET_INBAND, 2, 4, 2, 1 },
		"PACKET_FLAGS");
}

static int
length_short(void)
{
	return bad_descriptor(0, (struct vmbus_packet_header){ VMBUS_PACKET_INBAND, 2, 1, 1, 1 },
		"PACKET_LENGTH");
}

static int
length_long(void)
{
	return bad_descriptor(0, (struct vmbus_packet_header){ VMBUS_PACKET_INBAND, 2, 400, 1, 1 },
		"PACKET_LENGTH");
}

static int
data_offset_outside(void)
{
	return bad_descriptor(1, (struct vmbus_packet_header){ VMBUS_PACKET_INBAND, 9, 4, 1, 1 },
		"PACKET_LENGTH");
}

static int
data_offset_in_header(void)
{
	return bad_descriptor(0, (struct vmbus_packet_header){ VMBUS_PACKET_INBAND, 1, 4, 1, 1 },
		"PACKET_LENGTH");
}

static int
transfer_pages(void)
{
	struct vmbus_packet_header header = { VMBUS_PACKET_TRANSFER_PAGES, 4, 4, 1, 1 };

	return bad_descriptor(0, header, "PACKET_TRANSFER_PAGES");
}

/* ---- page lists ---- */

static int
bad_page_list(const void *extension, uint32_t bytes)
{
	struct nvsp_rndis message = { NVSP_RNDIS, NVSP_CHANNEL_DATA, NVSP_SECTION_NONE, 0 };
	struct tg_piece body[3] = { { extension, bytes }, { &message, sizeof(message) },
		{ NULL, 0 } };
	struct wrong w;
	struct tg_channel *ch;

	TG_TRY(wrong_start(&w, true));
	ch = w.a.channel[0];
	TG_CHECK(tg_send(ch, VMBUS_PACKET_GPA_DIRECT, VMBUS_PACKET_FLAG_COMPLETION_REQUESTED, 1,
		body) == 0, "ring full");
	tg_signal(ch);
	TG_TRY(wrong_dead(&w, ch, "GPA_RANGE"));
	wrong_end(&w);
	return 0;
}

struct page_list {
	struct vmbus_gpa_direct head;
	struct vmbus_gpa_range range;
	uint64_t page;
};

static int
no_ranges(void)
{
	struct page_list list = { .head = { 0, 0 }, .range = { 64, 0 }, .page = 1 };

	return bad_page_list(&list, sizeof(list));
}

static int
empty_range(void)
{
	struct page_list list = { .head = { 0, 1 }, .range = { 0, 0 }, .page = 1 };

	return bad_page_list(&list, sizeof(list));
}

static int
offset_beyond_page(void)
{
	struct page_list list = { .head = { 0, 1 }, .range = { 64, 4096 }, .page = 1 };

	return bad_page_list(&list, sizeof(list));
}

static int
pages_missing(void)
{
	struct page_list list = { .head = { 0, 1 }, .range = { 9000, 0 }, .page = 1 };

	return bad_page_list(&list, sizeof(list));
}

static int
ranges_missing(void)
{
	struct page_list list = { .head = { 0, 1000 }, .range = { 64, 0 }, .page = 1 };

	return bad_page_list(&list, sizeof(list));
}

/* ---- signals ---- */

/* A host that has work keeps its mask at 1: nobody may signal it then. The
 * ring is kept busy, and each signal is sent while the mask says so. */
static int
spurious_signal(void)
{
	struct wrong w;
	struct tg_channel *ch;

	TG_TRY(wrong_start(&w, true));
	ch = w.a.channel[0];
	for (unsigned int i = 0; i < 50; i++) {
		TG_TRY(wrong_alive(ch));
		tg_signal(ch);
		TG_TRY(wrong_alive(ch));
	}
	TG_TRY(wrong_reported(&w, ch, 0, "SIGNAL_SPURIOUS"));
	wrong_end(&w);
	return 0;
}

static int
foreign_monitor_bit(void)
{
	struct vmbus_monitor_page *page;
	struct wrong w;

	TG_TRY(wrong_start(&w, true));
	if (w.a.channel[0]->monitor_id == VMBUS_MONITOR_NONE)
		return TG_SKIP;
	page = w.a.map[UIO_MAP_MONITOR_PAGE];
	__atomic_fetch_or(&page->trigger[3].pending, 1u << 31, __ATOMIC_SEQ_CST);
	TG_TRY(wrong_reported(&w, w.a.channel[0], 0, "FOREIGN_BIT"));
	wrong_end(&w);
	return 0;
}

/* The interrupt page is looked at when the guest's kernel makes the call. */
static int
foreign_interrupt_bit(void)
{
	struct wrong w;
	uint8_t *to_host;
	int32_t on = 1;

	TG_TRY(wrong_start(&w, true));
	to_host = (uint8_t *)w.a.map[UIO_MAP_INT_PAGE] + VMBUS_INT_PAGE_HALF_BYTES;
	__atomic_fetch_or(&to_host[2047], 0x80, __ATOMIC_SEQ_CST);
	TG_CHECK(write(w.a.fd, &on, sizeof(on)) == (ssize_t)sizeof(on), "uio write");
	for (unsigned int i = 0; i < w.a.channels; i++)
		w.a.channel[i]->rx.page->interrupt_mask = 1;
	TG_TRY(wrong_reported(&w, w.a.channel[0], 0, "FOREIGN_BIT"));
	wrong_end(&w);
	return 0;
}

const struct tg_case wrong_ring_cases[] = {
	{ "a write index that is no multiple of 8 silences the channel", index_unaligned,
		"RING_INDEX" },
	{ "a write index outside the ring silences the channel", index_outside, "RING_INDEX" },
	{ "a write index outside a subchannel's ring silences only the subchannel",
		index_outside_sub, "RING_INDEX" },
	{ "writing the mask of the own transmit ring silences the channel", mask_written,
		"RING_MASK" },
	{ "an unknown packet type silences the channel", type_unknown, "PACKET_TYPE" },
	{ "an unknown descriptor flag silences a subchannel", flags_unknown, "PACKET_FLAGS" },
	{ "a packet shorter than its descriptor silences the channel", length_short,
		"PACKET_LENGTH" },
	{ "a packet longer than what was published silences the channel", length_long,
		"PACKET_LENGTH" },
	{ "a payload that starts behind its packet silences a subchannel", data_offset_outside,
		"PACKET_LENGTH" },
	{ "a payload that starts inside the descriptor silences the channel",
		data_offset_in_header, "PACKET_LENGTH" },
	{ "transfer pages sent by the guest silence the channel", transfer_pages,
		"PACKET_TRANSFER_PAGES" },
	{ "a page list without ranges silences the channel", no_ranges, "GPA_RANGE" },
	{ "a page range of no bytes silences the channel", empty_range, "GPA_RANGE" },
	{ "a page range that starts beyond its first page silences the channel",
		offset_beyond_page, "GPA_RANGE" },
	{ "a page range without all its page numbers silences the channel", pages_missing,
		"GPA_RANGE" },
	{ "a page list with fewer ranges than it says silences the channel", ranges_missing,
		"GPA_RANGE" },
	{ "signals that the host did not ask for are reported", spurious_signal,
		"SIGNAL_SPURIOUS" },
	{ "a foreign bit in the monitor page is reported", foreign_monitor_bit, "FOREIGN_BIT" },
	{ "a foreign bit in the interrupt page is reported", foreign_interrupt_bit,
		"FOREIGN_BIT" },
};
const unsigned int wrong_ring_case_count = sizeof(wrong_ring_cases) / sizeof(wrong_ring_cases[0]);
