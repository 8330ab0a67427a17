/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HVSIM_SUM_H
#define HVSIM_SUM_H

/* The Internet checksum's sum. It is taken of the words as they are in memory
 * and stored as it is: the sum does not depend on the order of bytes. */

#include <stdint.h>
#include <string.h>

static inline uint64_t
sum_bytes(const uint8_t *data, uint32_t bytes)
{
	uint64_t sum = 0;
	uint32_t word;
	uint8_t tail[4] = { 0 };
	uint32_t i;

	for (i = 0; i + 4 <= bytes; i += 4) {
		memcpy(&word, data + i, sizeof(word));
		sum += word;
	}
	memcpy(tail, data + i, bytes - i);
	memcpy(&word, tail, sizeof(word));
	return sum + word;
}

static inline uint16_t
sum_fold(uint64_t sum)
{
	sum = (sum >> 32) + (sum & 0xffffffffu);
	sum = (sum >> 32) + (sum & 0xffffffffu);
	sum = (sum >> 16) + (sum & 0xffffu);
	sum = (sum >> 16) + (sum & 0xffffu);
	return (uint16_t)((sum >> 16) + (sum & 0xffffu));
}

#endif /* HVSIM_SUM_H */
