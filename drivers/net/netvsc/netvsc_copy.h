/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NETVSC_COPY_H
#define NETVSC_COPY_H

/*
 * Copies of a frame's length: most are short, and for those a call, or a loop,
 * costs more than the bytes.
 */

#include <stdint.h>
#include <string.h>

#include <rte_branch_prediction.h>

/* The first and the last `part` bytes; they may overlap. A constant `part` is a few
 * moves. */
#define NETVSC_COPY_ENDS(to, from, bytes, part) do { \
	memcpy((to), (from), (part)); \
	memcpy((to) + (bytes) - (part), (from) + (bytes) - (part), (part)); \
} while (0)

/* Copies at least 8 bytes, of areas that do not overlap. Long ones are the C
 * library's: it takes the widest moves that the processor has, where this code is
 * compiled for the least of them. */
static inline void
netvsc_copy(uint8_t *to, const uint8_t *from, uint32_t bytes)
{
	if (likely(bytes - 32 <= 64 - 32))
		NETVSC_COPY_ENDS(to, from, bytes, 32);
	else if (bytes > 128)
		memcpy(to, from, bytes);
	else if (bytes > 64)
		NETVSC_COPY_ENDS(to, from, bytes, 64);
	else if (bytes >= 16)
		NETVSC_COPY_ENDS(to, from, bytes, 16);
	else
		NETVSC_COPY_ENDS(to, from, bytes, 8);
}

#endif /* NETVSC_COPY_H */
