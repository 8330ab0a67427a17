/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HVSIM_FAULT_LIE_H
#define HVSIM_FAULT_LIE_H

/*
 * Where in what a host sends each field lies: the table that devtools/gen-lies.py
 * makes from the wire headers. Knows no VSP and no transport, and keeps no state.
 */

#include <stdbool.h>
#include <stdint.h>

/* What is about to be shown to the guest. */
enum lie_piece {
	LIE_PIECE_HEADER,       /* of a channel packet */
	LIE_PIECE_EXTENSION,    /* of a transfer: set id and ranges */
	LIE_PIECE_NVSP,         /* an NVSP message, in any kind of packet */
	LIE_PIECE_FOOTER,
	LIE_PIECE_RNDIS,        /* a message in the receive buffer, frames too */
	LIE_PIECE_RING_TO_GUEST, /* the control pages, after the host wrote an index */
	LIE_PIECE_RING_TO_HOST,
};

/* Where in such a piece the structure is. */
enum lie_place {
	LIE_HEADER,
	LIE_TRANSFER,
	LIE_RANGE,              /* the first of a transfer */
	LIE_NVSP,               /* selector: type of the message */
	LIE_FOOTER,
	LIE_RNDIS,              /* selector: type of the message */
	LIE_PPI,                /* the first of a frame */
	LIE_PPI_DATA,           /* selector: type of the information */
	LIE_OBJECT,             /* answer to a query; selector: NDIS type of the object */
	LIE_RING_TO_GUEST,
	LIE_RING_TO_HOST,
};

struct lie {
	const char *message, *field;
	enum lie_place place;
	uint32_t selector;
	uint16_t offset, bytes;
};

extern const struct lie lies[];
extern const unsigned int lie_count;

/* NULL if there is no such field; *message_known says whether it is the field. */
const struct lie *lie_find(const char *message, const char *field, bool *message_known);

/* Where the field is in this piece of n bytes, or NULL if it is not. */
uint8_t *lie_at(const struct lie *lie, enum lie_piece piece, void *bytes, uint32_t n);

/* What is worth writing into any field: the i-th of them, false after the last. A
 * difference is added to the truth. */
struct lie_value {
	bool difference;
	uint64_t value;
};
bool lie_value(unsigned int i, struct lie_value *value);
void lie_write(const struct lie *lie, uint8_t *at, const struct lie_value *value);

#endif /* HVSIM_FAULT_LIE_H */
