/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef MODEL_STATE_H
#define MODEL_STATE_H

/* What the memory of the model consists of; model_memory.c alone uses it. */

#include "model.h"

#define LOCATIONS 96u
#define MESSAGES 200u
#define BUFFER 64u
#define LATE 64u
#define GRANULE 8u              /* of plain data */

struct view {
	uint8_t oldest[LOCATIONS];
	uint16_t clock[MODEL_AGENTS];   /* happens-before: how far of each agent */
};

struct message {
	uint64_t value;
	struct view view;
};

struct location {
	const uint8_t *at;
	uint32_t bytes;
	uint32_t count;
	struct message message[MESSAGES];       /* TSO: only the first */
	uint16_t written[MODEL_AGENTS], read[MODEL_AGENTS];     /* plain data: when last */
};

struct buffered {
	uint8_t location;
	uint64_t value;
};

struct late_load {
	uint8_t location;
	uint8_t from, bytes;
	uint8_t *dst;
};

struct mind {
	struct view now, acquired, released;
	struct buffered buffer[BUFFER];
	uint32_t buffer_count;
	struct late_load late[LATE];
	uint32_t late_count;
	bool loads_late;
	bool floats;            /* a store that the access behind it may overtake */
	bool overtaken;
	struct buffered floating;
	uint64_t stores;
};

#endif /* MODEL_STATE_H */
