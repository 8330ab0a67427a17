/* SPDX-License-Identifier: BSD-3-Clause */

/* RNDIS data messages; see rndis_packet.h. */

#include "rndis_packet.h"

#include <string.h>

static inline uint32_t
load32(const uint8_t *from)
{
	uint32_t value;

	memcpy(&value, from, sizeof(value));
	return value;
}

/* Puts one element into the view; its data lies within `bytes`. */
static int
ppi_apply(struct rndis_rx_view *view, uint32_t type, const uint8_t *data, uint32_t bytes)
{
	uint32_t *value;
	uint32_t has;

	switch (type) {
	case RNDIS_PPI_CHECKSUM:
		value = &view->csum;
		has = RNDIS_RX_CSUM;
		break;
	case RNDIS_PPI_VLAN:
		value = &view->vlan;
		has = RNDIS_RX_VLAN;
		break;
	case RNDIS_PPI_HASH_VALUE:
		value = &view->hash_value;
		has = RNDIS_RX_HASH_VALUE;
		break;
	case RNDIS_PPI_HASH_INFO:
		value = &view->hash_info;
		has = RNDIS_RX_HASH_INFO;
		break;
	case RNDIS_PPI_PACKET_ID:
		if (bytes < sizeof(view->packet_id))
			return -EPROTO;
		memcpy(&view->packet_id, data, sizeof(view->packet_id));
		view->has |= RNDIS_RX_PACKET_ID;
		return 0;
	default:
		return 0;               /* newer hosts may say more than we know */
	}
	if (bytes < sizeof(*value))
		return -EPROTO;
	*value = load32(data);
	view->has |= has;
	return 0;
}

/* Walks the information area; always advances, at most RNDIS_PPI_COUNT_MAX. */
static int
ppi_walk(const uint8_t *area, uint32_t area_bytes, struct rndis_rx_view *view)
{
	unsigned int count = 0;

	while (area_bytes != 0) {
		struct rndis_ppi ppi;

		if (area_bytes < sizeof(ppi) || count++ == RNDIS_PPI_COUNT_MAX)
			return -EPROTO;
		memcpy(&ppi, area, sizeof(ppi));
		if (ppi.bytes < sizeof(ppi) || ppi.bytes > area_bytes || (ppi.bytes & 3) != 0 ||
		    ppi.data_offset < sizeof(ppi) || ppi.data_offset > ppi.bytes)
			return -EPROTO;
		if (ppi_apply(view, ppi.type, area + ppi.data_offset,
				ppi.bytes - ppi.data_offset) < 0)
			return -EPROTO;
		area += ppi.bytes;
		area_bytes -= ppi.bytes;
	}
	return 0;
}

int
rndis_packet_decode(const uint8_t *range, uint32_t range_bytes, struct rndis_rx_view *view)
{
	const uint32_t base = sizeof(struct rndis_header);
	struct rndis_packet packet;
	uint32_t body_bytes;

	if (range_bytes < sizeof(packet))
		return -EPROTO;
	memcpy(&packet, range, sizeof(packet));
	if (packet.header.type != RNDIS_PACKET)
		return -ENOMSG;
	if (packet.header.msg_bytes < sizeof(packet) || packet.header.msg_bytes > range_bytes)
		return -EPROTO;
	/* Offsets count from behind the message header. */
	body_bytes = packet.header.msg_bytes - base;
	if (packet.data_offset < sizeof(packet) - base ||
	    !rndis_range_ok(packet.data_offset, packet.data_bytes, body_bytes))
		return -EPROTO;
	view->frame_off = base + packet.data_offset;
	view->frame_bytes = packet.data_bytes;
	view->has = 0;
	if (packet.ppi_bytes == 0)
		return 0;
	if (packet.ppi_offset < sizeof(packet) - base ||
	    !rndis_range_ok(packet.ppi_offset, packet.ppi_bytes, body_bytes))
		return -EPROTO;
	return ppi_walk(range + base + packet.ppi_offset, packet.ppi_bytes, view);
}

/* ---- layouts ---- */

/* Only the compiler's order counts: whoever reads a layout is who wrote it, or came
 * after his end. */
static inline void
layout_where(struct rndis_rx_layout *layout, uint64_t where)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	__atomic_store_n(&layout->where, where, __ATOMIC_RELAXED);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

/* What an element of one word says, but for its type and value; and which bits of it
 * say this: a type below RNDIS_QUICK_TYPES has four. */
#define USUAL { RNDIS_QUICK_PPI_BYTES, sizeof(struct rndis_ppi) }
#define USUAL_BITS { ~((uint64_t)(RNDIS_QUICK_TYPES - 1) << 32), UINT32_MAX }
#define ALL_BUT_VALUE { UINT64_MAX, UINT32_MAX }

static void
layout_set(struct rndis_rx_layout *layout, const rndis_element *element, uint32_t count)
{
	const rndis_element words = ALL_BUT_VALUE, none = { 0 };
	uint32_t has = 0;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t type = (uint32_t)(element[i][0] >> 32);

		has |= 1u << type;
		layout->value_at[type] = (uint8_t)(i * RNDIS_QUICK_PPI_BYTES +
			sizeof(struct rndis_ppi));
	}
	layout->has = has;
	for (uint32_t i = 0; i < RNDIS_LAYOUT_ELEMENTS; i++) {
		layout->mask[i] = i < count ? words : none;
		if (i < count)
			layout->element[i] = element[i];
	}
}

bool
rndis_layout_learn(struct rndis_rx_layout *layout, uint64_t where, const uint8_t *info)
{
	const rndis_element usual = USUAL, bits = USUAL_BITS;
	const uint64_t bytes = where >> 32;
	const uint32_t count = (uint32_t)(bytes / RNDIS_QUICK_PPI_BYTES);
	rndis_element element[RNDIS_PPI_COUNT_MAX], wrong = { 0 };

	if (bytes > sizeof(element) || bytes % RNDIS_QUICK_PPI_BYTES != 0)
		return false;
	for (uint32_t i = 0; i < count; i++) {
		element[i] = rndis_load_element(info + i * RNDIS_QUICK_PPI_BYTES);
		wrong |= (element[i] ^ usual) & bits;
	}
	if ((wrong[0] | wrong[1]) != 0)
		return false;
	/* A process that ends here leaves no half of a layout to others. */
	layout_where(layout, 0);
	layout_set(layout, element, count);
	layout_where(layout, count <= RNDIS_LAYOUT_ELEMENTS ? where : 0);
	return true;
}
