/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Transmit: RNDIS packets in a send section, in a section with the payload by
 * page list, or by page list alone; several packets in one message. tg_tx_raw()
 * sends whatever it is given, right or wrong.
 */

#include <errno.h>
#include <string.h>

#include "tg.h"

#define HEADERS_MAX 128u        /* RNDIS packet header and three PPIs */
#define RANGE_BYTES_MAX 8192u   /* of all page lists of one packet */

static uint32_t
put_ppi(uint8_t *out, uint32_t type, uint32_t value)
{
	struct rndis_ppi ppi = { sizeof(ppi) + sizeof(value), type, sizeof(ppi) };

	memcpy(out, &ppi, sizeof(ppi));
	memcpy(out + sizeof(ppi), &value, sizeof(value));
	return sizeof(ppi) + sizeof(value);
}

uint32_t
tg_rndis_build(const struct tg_tx_frame *frame, uint8_t *out, uint32_t pad_bytes)
{
	struct rndis_packet packet = { .header = { RNDIS_PACKET, 0 } };
	uint32_t at = sizeof(packet);

	if (frame->has_csum)
		at += put_ppi(out + at, RNDIS_PPI_CHECKSUM, frame->csum);
	if (frame->has_lso)
		at += put_ppi(out + at, RNDIS_PPI_LSO, frame->lso);
	if (frame->has_vlan)
		at += put_ppi(out + at, RNDIS_PPI_VLAN, frame->vlan);
	packet.ppi_bytes = at - sizeof(packet);
	packet.ppi_offset = packet.ppi_bytes > 0 ? sizeof(packet) - 8 : 0;
	packet.data_offset = at - 8;
	packet.data_bytes = frame->bytes;
	packet.header.msg_bytes = at + frame->bytes + pad_bytes;
	memcpy(out, &packet, sizeof(packet));
	return at;
}

/* ---- page lists ---- */

struct page_lists {
	struct vmbus_gpa_direct head;
	uint32_t bytes;
	uint8_t ranges[RANGE_BYTES_MAX];
};

static int
add_range(struct page_lists *lists, const void *base, uint32_t bytes)
{
	uint64_t address = (uint64_t)(uintptr_t)base, page = tg_page_number(base);
	struct vmbus_gpa_range range = { bytes, (uint32_t)(address % HV_PAGE_BYTES) };
	uint32_t pages = (range.byte_offset + bytes + HV_PAGE_BYTES - 1) / HV_PAGE_BYTES;
	uint32_t need = (uint32_t)sizeof(range) + pages * 8;

	if (need > RANGE_BYTES_MAX - lists->bytes)
		return -E2BIG;
	memcpy(lists->ranges + lists->bytes, &range, sizeof(range));
	for (uint32_t i = 0; i < pages; i++, page++)
		memcpy(lists->ranges + lists->bytes + sizeof(range) + i * 8, &page, 8);
	lists->bytes += need;
	lists->head.range_count++;
	return 0;
}

/* ---- sections ---- */

static uint8_t *
section_take(struct tg_device *dev, struct tg_slot *slot)
{
	if (dev->free_section_count == 0)
		return NULL;
	slot->section = dev->free_sections[--dev->free_section_count];
	return (uint8_t *)dev->map[UIO_MAP_SEND_BUFFER] + (size_t)slot->section * dev->section_bytes;
}

/* Sends the NVSP message that announces what is in the section and the lists. */
static int
send_rndis(struct tg_channel *ch, uint64_t tid, const struct tg_raw *raw,
	const struct nvsp_rndis *message, struct page_lists *lists)
{
	static const uint8_t zeros[NVSP_MSG_BYTES_V61];
	uint16_t flags = raw->no_completion ? 0 : VMBUS_PACKET_FLAG_COMPLETION_REQUESTED;
	uint32_t pad = tg_nvsp_pad(ch->dev) - (uint32_t)sizeof(*message);
	struct tg_piece body[3] = { { NULL, 0 }, { message, sizeof(*message) }, { zeros, pad } };
	uint8_t extension[sizeof(lists->head) + RANGE_BYTES_MAX];

	if (lists->head.range_count == 0)
		return tg_send(ch, VMBUS_PACKET_INBAND, flags, tid, body);
	memcpy(extension, &lists->head, sizeof(lists->head));
	memcpy(extension + sizeof(lists->head), lists->ranges, lists->bytes);
	body[0].base = extension;
	body[0].bytes = (uint32_t)sizeof(lists->head) + lists->bytes;
	return tg_send(ch, VMBUS_PACKET_GPA_DIRECT, flags, tid, body);
}

static int
send_raw(struct tg_channel *ch, struct tg_slot *slot, uint64_t tid, const struct tg_raw *raw)
{
	struct nvsp_rndis message = { NVSP_RNDIS, raw->channel_type, slot->section, 0 };
	struct page_lists lists = { .bytes = 0 };
	int err = 0;

	if (slot->section != NVSP_SECTION_NONE)
		message.section_bytes = raw->section_bytes;
	for (unsigned int i = 0; err == 0 && i < raw->range_count; i++)
		err = add_range(&lists, raw->ranges[i].base, raw->ranges[i].bytes);
	if (err == 0)
		err = send_rndis(ch, tid, raw, &message, &lists);
	if (err == 0)
		ch->counters.tx_messages++;
	return err;
}

int
tg_tx_raw(struct tg_channel *ch, const struct tg_raw *raw, uint64_t *tid)
{
	struct tg_slot *slot = tg_slot_open(ch, tid);
	uint8_t *section;
	int err = 0;

	if (slot == NULL)
		return -EAGAIN;
	slot->detached = raw->detached;
	if (raw->section_bytes > 0) {
		section = section_take(ch->dev, slot);
		if (section == NULL)
			err = -EAGAIN;
		else
			memcpy(section, raw->section, raw->section_bytes);
	}
	if (err == 0)
		err = send_raw(ch, slot, *tid, raw);
	if (err < 0)
		tg_slot_close(ch, slot);
	return err;
}

/* ---- frames ---- */

/* Packets follow each other at the host's alignment; returns all bytes, or 0
 * if room is too small. */
static uint32_t
lay_out(const struct tg_device *dev, const struct tg_tx_frame *frames, unsigned int n,
	uint8_t *out, uint32_t room)
{
	uint32_t align = 1u << dev->rndis.alignment_shift, at = 0;

	for (unsigned int i = 0; i < n; i++) {
		const struct tg_tx_frame *f = &frames[i];
		uint32_t ppis = (uint32_t)(f->has_csum + f->has_lso + f->has_vlan);
		uint32_t bytes = (uint32_t)sizeof(struct rndis_packet) + ppis * 16 + f->bytes;
		uint32_t pad = i + 1 < n ? (align - bytes % align) % align : 0;

		if (bytes + pad > room - at)
			return 0;
		at += tg_rndis_build(f, out + at, pad);
		memcpy(out + at, f->data, f->bytes);
		memset(out + at + f->bytes, 0, pad);
		at += f->bytes + pad;
	}
	return at;
}

/* The frame goes to the second page of the slot's memory and on, at an offset
 * that makes it start and end within pages. */
static int
send_frame_by_pages(struct tg_channel *ch, struct tg_slot *slot, uint64_t tid,
	const struct tg_tx_frame *frame, bool headers_in_section)
{
	uint8_t *memory = tg_slot_memory(ch, slot), *headers = memory;
	uint8_t *data = memory + HV_PAGE_BYTES + frame->bytes % 64;
	struct tg_piece ranges[2] = { { memory, 0 }, { data, frame->bytes } };
	struct tg_raw raw = { .ranges = ranges, .range_count = 2 };
	uint32_t header_bytes;

	if (memory == NULL)
		return -ENOMEM;
	if (headers_in_section)
		headers = section_take(ch->dev, slot);
	if (headers == NULL)
		return -EAGAIN;
	header_bytes = tg_rndis_build(frame, headers, 0);
	memcpy(data, frame->data, frame->bytes);
	ranges[0].bytes = header_bytes;
	if (headers_in_section) {
		raw.section_bytes = header_bytes;
		raw.ranges = &ranges[1];
		raw.range_count = 1;
	}
	return send_raw(ch, slot, tid, &raw);
}

static int
send_frames(struct tg_channel *ch, struct tg_slot *slot, uint64_t tid, enum tg_tx_way way,
	const struct tg_tx_frame *frames, unsigned int n)
{
	struct tg_raw raw = { .section_bytes = 0 };
	struct tg_piece range;
	uint8_t *memory;

	if (way == TG_TX_SECTION) {
		memory = section_take(ch->dev, slot);
		if (memory == NULL)
			return -EAGAIN;
		raw.section_bytes = lay_out(ch->dev, frames, n, memory, ch->dev->section_bytes);
		return raw.section_bytes == 0 ? -E2BIG : send_raw(ch, slot, tid, &raw);
	}
	if (n == 1)
		return send_frame_by_pages(ch, slot, tid, frames, way == TG_TX_SECTION_PAGES);
	/* Several packets by page list: one range holds them all. */
	memory = tg_slot_memory(ch, slot);
	if (memory == NULL || way != TG_TX_PAGES)
		return -EINVAL;
	range.base = memory;
	range.bytes = lay_out(ch->dev, frames, n, memory, TG_SLOT_BYTES);
	raw.ranges = &range;
	raw.range_count = 1;
	return range.bytes == 0 ? -E2BIG : send_raw(ch, slot, tid, &raw);
}

int
tg_tx(struct tg_channel *ch, enum tg_tx_way way, const struct tg_tx_frame *frames,
	unsigned int n, uint64_t *tid)
{
	uint64_t own;
	struct tg_slot *slot = tg_slot_open(ch, tid != NULL ? tid : &own);
	int err;

	if (slot == NULL)
		return -EAGAIN;
	slot->detached = tid == NULL;
	err = send_frames(ch, slot, tid != NULL ? *tid : own, way, frames, n);
	if (err < 0)
		tg_slot_close(ch, slot);
	else
		ch->counters.tx_frames += n;
	return err;
}

int
tg_tx_wait(struct tg_channel *ch, enum tg_tx_way way, const struct tg_tx_frame *frames,
	unsigned int n)
{
	uint64_t tid;
	int err = tg_tx(ch, way, frames, n, &tid);

	return err < 0 ? err : tg_tx_await(ch, tid, TG_WAIT_MS);
}
