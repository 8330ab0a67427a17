/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Receive: transfers of the host, checked against everything that a host
 * promises - ranges inside one sub-allocation, none delivered twice before it
 * is given back, messages and per-packet information inside their range, RSC
 * runs whole and in order - then frames for the test's callback.
 */

#include <stdlib.h>
#include <string.h>

#include "tg.h"

#define RANGES_MAX 375u
#define RANGES_MAX_RSC 562u

/* Number of the sub-allocation that holds all of the range, or
 * TG_SECTION_NONE. */
static uint32_t
find_section(const struct tg_device *dev, uint32_t off, uint32_t bytes)
{
	uint32_t base = 0;

	for (unsigned int i = 0; i < dev->recv_sections; i++) {
		const struct nvsp_recv_section *s = &dev->recv[i];
		uint32_t within = off - s->offset;

		if (off >= s->offset && off < s->end_offset) {
			if (within % s->suballoc_bytes + bytes > s->suballoc_bytes)
				return TG_SECTION_NONE;
			return base + within / s->suballoc_bytes;
		}
		base += s->suballoc_count;
	}
	return TG_SECTION_NONE;
}

/* ---- per-packet information ---- */

static void
take_ppi(struct tg_channel *ch, struct tg_rx_frame *view, uint32_t type, uint32_t value,
	struct rndis_packet_id *id)
{
	switch (type) {
	case RNDIS_PPI_CHECKSUM:
		view->has_csum = true;
		view->csum = value;
		break;
	case RNDIS_PPI_VLAN:
		view->has_vlan = true;
		view->vlan = value;
		break;
	case RNDIS_PPI_HASH_VALUE:
		view->has_hash = true;
		view->hash = value;
		break;
	case RNDIS_PPI_HASH_INFO:
		view->has_hash_info = true;
		view->hash_info = value;
		break;
	case RNDIS_PPI_PACKET_ID:
		memcpy(id, &value, sizeof(*id));
		break;
	default:
		tg_fault(ch->dev, "channel %u: PPI of type 0x%x", ch->index, type);
	}
}

static bool
parse_ppis(struct tg_channel *ch, const uint8_t *at, uint32_t left, struct tg_rx_frame *view,
	struct rndis_packet_id *id)
{
	while (left > 0) {
		struct rndis_ppi ppi;
		uint32_t value;

		if (left < sizeof(ppi))
			return false;
		memcpy(&ppi, at, sizeof(ppi));
		if (ppi.bytes < sizeof(ppi) + 4 || ppi.bytes > left ||
				ppi.data_offset < sizeof(ppi) || ppi.data_offset > ppi.bytes - 4)
			return false;
		memcpy(&value, at + ppi.data_offset, 4);
		take_ppi(ch, view, ppi.type, value, id);
		at += ppi.bytes;
		left -= ppi.bytes;
	}
	return true;
}

/* ---- RSC ---- */

static void
run_fault(struct tg_channel *ch, const char *what)
{
	tg_fault(ch->dev, "channel %u: RSC run: %s", ch->index, what);
	ch->run_open = false;
}

/* Adds a piece; true when the run is whole and *view shows all of it. */
static bool
run_add(struct tg_channel *ch, struct tg_rx_frame *view, const struct rndis_packet_id *id)
{
	struct tg_rx_frame *run = &ch->run_view;

	if (ch->run == NULL)
		ch->run = malloc(2 * TG_FRAME_MAX);
	if (id->version != 1)
		run_fault(ch, "version");
	if ((id->flags & RNDIS_PACKET_ID_FIRST) != 0) {
		if (ch->run_open)
			run_fault(ch, "a second first piece");
		*run = *view;
		run->bytes = 0;
		run->pieces = 0;
		ch->run_open = true;
	} else if (!ch->run_open) {
		run_fault(ch, "a piece without a first one");
		return false;
	} else if (view->has_csum || view->has_vlan || view->has_hash) {
		run_fault(ch, "checksum, VLAN or hash on a later piece");
		return false;
	}
	if (run->bytes + view->bytes > TG_FRAME_MAX) {
		run_fault(ch, "longer than an IP packet");
		return false;
	}
	memcpy(ch->run + run->bytes, view->data, view->bytes);
	run->bytes += view->bytes;
	run->pieces++;
	if ((id->flags & RNDIS_PACKET_ID_LAST) == 0)
		return false;
	ch->run_open = false;
	run->data = ch->run;
	*view = *run;
	ch->counters.rx_runs++;
	return true;
}

/* ---- one range ---- */

static void
deliver(struct tg_channel *ch, const struct tg_rx_frame *view)
{
	if (view->bytes < 14 || (view->pieces == 1 && view->bytes > ch->dev->frame_max + 4u))
		tg_fault(ch->dev, "channel %u: frame of %u bytes, limit %u", ch->index,
			view->bytes, ch->dev->frame_max);
	ch->counters.rx_frames++;
	ch->counters.rx_bytes += view->bytes;
	if (ch->dev->on_frame != NULL)
		ch->dev->on_frame(ch, view, ch->dev->on_frame_arg);
}

/* True if [off, off + n), counted from the byte after the header, lies in the
 * message. */
static bool
in_message(uint32_t off, uint32_t n, uint32_t msg_bytes)
{
	return off <= msg_bytes - 8 && n <= msg_bytes - 8 - off;
}

static void
data_range(struct tg_channel *ch, const uint8_t *at, uint32_t bytes)
{
	struct tg_rx_frame view = { .pieces = 1 };
	struct rndis_packet_id id = { 0 };
	struct rndis_packet p;

	if (bytes < sizeof(p)) {
		tg_fault(ch->dev, "channel %u: data range of %u bytes", ch->index, bytes);
		return;
	}
	memcpy(&p, at, sizeof(p));
	if (p.header.type != RNDIS_PACKET || p.header.msg_bytes > bytes ||
			p.header.msg_bytes < sizeof(p) ||
			!in_message(p.data_offset, p.data_bytes, p.header.msg_bytes) ||
			!in_message(p.ppi_offset, p.ppi_bytes, p.header.msg_bytes)) {
		tg_fault(ch->dev, "channel %u: malformed packet message: type %u, %u of %u bytes, "
			"data %u+%u, ppi %u+%u", ch->index, p.header.type, p.header.msg_bytes,
			bytes, p.data_offset, p.data_bytes, p.ppi_offset, p.ppi_bytes);
		return;
	}
	view.data = at + 8 + p.data_offset;
	view.bytes = p.data_bytes;
	if (!parse_ppis(ch, at + 8 + p.ppi_offset, p.ppi_bytes, &view, &id)) {
		tg_fault(ch->dev, "channel %u: malformed per-packet information", ch->index);
		return;
	}
	if ((id.flags & RNDIS_PACKET_ID_SUBALLOC) != 0 && !run_add(ch, &view, &id))
		return;
	deliver(ch, &view);
}

/* ---- sections on their way ---- */

/* Notes the sections of one transfer as the guest's. */
static void
hold_sections(struct tg_channel *ch, uint64_t tid, const struct vmbus_transfer_range *ranges,
	uint32_t n)
{
	struct tg_device *dev = ch->dev;
	uint32_t last = TG_SECTION_NONE, first = TG_SECTION_NONE;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t s = find_section(dev, ranges[i].byte_offset, ranges[i].byte_count);

		if (s == TG_SECTION_NONE) {
			tg_fault(dev, "channel %u: range %u+%u is in no sub-allocation", ch->index,
				ranges[i].byte_offset, ranges[i].byte_count);
			continue;
		}
		if (dev->recv_held[s]) {
			tg_fault(dev, "channel %u: section %u sent again before it was given back",
				ch->index, s);
			continue;
		}
		dev->recv_held[s] = 1;
		dev->recv_next[s] = TG_SECTION_NONE;
		if (last == TG_SECTION_NONE)
			first = s;
		else
			dev->recv_next[last] = s;
		last = s;
	}
	if (ch->open_count < TG_SECTIONS_MAX)
		ch->open[ch->open_count++] = (struct tg_transfer){ tid, first };
}

void
tg_rx_unhold(struct tg_channel *ch, uint64_t tid)
{
	unsigned int i = 0;

	while (i < ch->open_count && ch->open[i].tid != tid)
		i++;
	if (i == ch->open_count)
		return;
	for (uint32_t s = ch->open[i].first; s != TG_SECTION_NONE; s = ch->dev->recv_next[s])
		ch->dev->recv_held[s] = 0;
	ch->open_count--;
	memmove(&ch->open[i], &ch->open[i + 1], (ch->open_count - i) * sizeof(ch->open[0]));
}

/* ---- one transfer ---- */

/* Copies ranges and NVSP message out of the packet; false if malformed. */
static bool
parse_transfer(struct tg_channel *ch, const uint8_t *packet, uint32_t bytes,
	struct vmbus_transfer_range *ranges, uint32_t *n, struct nvsp_rndis *message)
{
	struct vmbus_packet_header header;
	struct vmbus_transfer_pages ext;
	uint32_t at;

	memcpy(&header, packet, sizeof(header));
	at = header.data_offset_8b * 8u;
	if (at < sizeof(header) + sizeof(ext) || bytes - at < sizeof(*message))
		return false;
	memcpy(&ext, packet + sizeof(header), sizeof(ext));
	*n = ext.range_count;
	if (ext.range_count == 0 || ext.range_count > RANGES_MAX_RSC ||
			ext.range_count * 8 > at - sizeof(header) - sizeof(ext))
		return false;
	if (ext.range_count > RANGES_MAX && ch->dev->nvsp < NVSP_VERSION_61)
		tg_fault(ch->dev, "%u ranges in one transfer", ext.range_count);
	if (ext.set_id != ch->dev->recv_id)
		tg_fault(ch->dev, "transfer from receive buffer 0x%x", ext.set_id);
	memcpy(ranges, packet + sizeof(header) + sizeof(ext), ext.range_count * 8);
	memcpy(message, packet + at, sizeof(*message));
	if ((header.flags & VMBUS_PACKET_FLAG_COMPLETION_REQUESTED) == 0)
		tg_fault(ch->dev, "channel %u: transfer without completion request", ch->index);
	return message->type == NVSP_RNDIS;
}

static void
handle_ranges(struct tg_channel *ch, const struct vmbus_transfer_range *ranges, uint32_t n,
	bool control)
{
	const uint8_t *buffer = ch->dev->map[UIO_MAP_RECV_BUFFER];
	uint64_t size = ch->dev->map_bytes[UIO_MAP_RECV_BUFFER];

	for (uint32_t i = 0; i < n; i++) {
		uint32_t off = ranges[i].byte_offset, bytes = ranges[i].byte_count;

		if (off > size || bytes > size - off)
			continue;       /* a fault already */
		if (control)
			tg_rndis_received(ch->dev, buffer + off, bytes);
		else
			data_range(ch, buffer + off, bytes);
	}
	if (ch->run_open)
		run_fault(ch, "the transfer ended before its last piece");
}

void
tg_rx_transfer(struct tg_channel *ch, const uint8_t *packet, uint32_t bytes)
{
	struct vmbus_transfer_range ranges[RANGES_MAX_RSC];
	struct vmbus_packet_header header;
	struct nvsp_rndis message = { 0 };
	bool control;
	uint32_t n = 0;

	memcpy(&header, packet, sizeof(header));
	if (!parse_transfer(ch, packet, bytes, ranges, &n, &message)) {
		tg_fault(ch->dev, "channel %u: malformed transfer of %u bytes", ch->index, bytes);
		tg_ack(ch, header.transaction_id);
		return;
	}
	control = message.channel_type == NVSP_CHANNEL_CONTROL;
	if (control && (n != 1 || ch->index != 0))
		tg_fault(ch->dev, "channel %u: control transfer of %u ranges", ch->index, n);
	hold_sections(ch, header.transaction_id, ranges, n);
	handle_ranges(ch, ranges, n, control);
	if (!control) {
		ch->counters.rx_transfers++;
		if (n > ch->counters.rx_ranges_max)
			ch->counters.rx_ranges_max = n;
	}
	if ((control ? ch->hold_control : ch->hold) && ch->held_count < TG_SECTIONS_MAX)
		ch->held[ch->held_count++] = header.transaction_id;
	else
		tg_ack(ch, header.transaction_id);
}
