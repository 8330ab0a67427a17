/* SPDX-License-Identifier: BSD-3-Clause */

/* See lie.h. */

#include "lie.h"

#include <stddef.h>
#include <string.h>

#include "../../../drivers/bus/vmbus/vmbus_wire.h"
#include "../../../drivers/net/netvsc/ndis_wire.h"
#include "../../../drivers/net/netvsc/nvsp_wire.h"
#include "../../../drivers/net/netvsc/rndis_wire.h"
#include "../core/util.h"

#define RNDIS_INFO_FROM sizeof(struct rndis_header)     /* offsets count from here */

#define LIE(message, field, place, selector, type, member, bytes) \
	{ message, field, LIE_##place, selector, offsetof(struct type, member), bytes },
const struct lie lies[] = {
#include "lies.inc"
};
#undef LIE
const unsigned int lie_count = ARRAY_SIZE(lies);

static const enum lie_piece piece_of[] = {
	[LIE_HEADER] = LIE_PIECE_HEADER,
	[LIE_TRANSFER] = LIE_PIECE_EXTENSION,
	[LIE_RANGE] = LIE_PIECE_EXTENSION,
	[LIE_NVSP] = LIE_PIECE_NVSP,
	[LIE_FOOTER] = LIE_PIECE_FOOTER,
	[LIE_RNDIS] = LIE_PIECE_RNDIS,
	[LIE_PPI] = LIE_PIECE_RNDIS,
	[LIE_PPI_DATA] = LIE_PIECE_RNDIS,
	[LIE_OBJECT] = LIE_PIECE_RNDIS,
	[LIE_RING_TO_GUEST] = LIE_PIECE_RING_TO_GUEST,
	[LIE_RING_TO_HOST] = LIE_PIECE_RING_TO_HOST,
};

const struct lie *
lie_find(const char *message, const char *field, bool *message_known)
{
	*message_known = false;
	for (unsigned int i = 0; i < lie_count; i++) {
		if (strcmp(lies[i].message, message) != 0)
			continue;
		*message_known = true;
		if (strcmp(lies[i].field, field) == 0)
			return &lies[i];
	}
	return NULL;
}

/* ---- where it is ---- */

/* Offset of the structure in the piece, or UINT32_MAX. */
static uint32_t
typed(const struct lie *lie, const uint8_t *bytes, uint32_t n)
{
	uint32_t type;

	if (n < sizeof(type))
		return UINT32_MAX;
	memcpy(&type, bytes, sizeof(type));
	return type == lie->selector ? 0 : UINT32_MAX;
}

static uint32_t
ppi_offset(const struct lie *lie, const uint8_t *bytes, uint32_t n)
{
	struct rndis_packet packet;
	struct rndis_ppi ppi;
	uint32_t at, end;

	if (n < sizeof(packet))
		return UINT32_MAX;
	memcpy(&packet, bytes, sizeof(packet));
	at = (uint32_t)RNDIS_INFO_FROM + packet.ppi_offset;
	if (packet.header.type != RNDIS_PACKET || packet.ppi_bytes == 0 ||
	    !range_ok(at, packet.ppi_bytes, n))
		return UINT32_MAX;
	if (lie->place == LIE_PPI)
		return at;
	for (end = at + packet.ppi_bytes; end - at >= sizeof(ppi); at += ppi.bytes) {
		memcpy(&ppi, bytes + at, sizeof(ppi));
		if (ppi.bytes < sizeof(ppi) || ppi.bytes > end - at)
			break;
		if (ppi.type == lie->selector)
			return at + ppi.data_offset;
	}
	return UINT32_MAX;
}

static uint32_t
object_offset(const struct lie *lie, const uint8_t *bytes, uint32_t n)
{
	struct rndis_query_complete answer;
	uint32_t at;

	if (n < sizeof(answer))
		return UINT32_MAX;
	memcpy(&answer, bytes, sizeof(answer));
	at = (uint32_t)RNDIS_INFO_FROM + answer.info_offset;
	if (answer.header.type != (RNDIS_QUERY | RNDIS_COMPLETION) ||
	    answer.info_bytes < sizeof(struct ndis_object_header) ||
	    !range_ok(at, answer.info_bytes, n) || bytes[at] != lie->selector)
		return UINT32_MAX;
	return at;
}

static uint32_t
structure_offset(const struct lie *lie, const uint8_t *bytes, uint32_t n)
{
	switch (lie->place) {
	case LIE_RANGE: return sizeof(struct vmbus_transfer_pages);
	case LIE_NVSP:
	case LIE_RNDIS: return typed(lie, bytes, n);
	case LIE_PPI:
	case LIE_PPI_DATA: return ppi_offset(lie, bytes, n);
	case LIE_OBJECT: return object_offset(lie, bytes, n);
	default: return 0;
	}
}

uint8_t *
lie_at(const struct lie *lie, enum lie_piece piece, void *bytes, uint32_t n)
{
	uint32_t at;

	if (piece_of[lie->place] != piece)
		return NULL;
	at = structure_offset(lie, bytes, n);
	if (at == UINT32_MAX || !range_ok((uint64_t)at + lie->offset, lie->bytes, n))
		return NULL;
	return (uint8_t *)bytes + at + lie->offset;
}

/* ---- what is written ---- */

bool
lie_value(unsigned int i, struct lie_value *value)
{
	static const struct lie_value values[] = {
		{ false, 0 }, { false, 1 }, { false, 7 }, { false, UINT64_MAX },
		{ false, 0x8080808080808080 }, { false, 0x7fffffff7fff7f7f },
		{ true, 1 }, { true, UINT64_MAX }, { true, 8 },
	};

	if (i >= ARRAY_SIZE(values))
		return false;
	*value = values[i];
	return true;
}

void
lie_write(const struct lie *lie, uint8_t *at, const struct lie_value *value)
{
	uint64_t truth = 0;

	memcpy(&truth, at, lie->bytes);         /* both ends are little-endian */
	truth = value->difference ? truth + value->value : value->value;
	memcpy(at, &truth, lie->bytes);
}
