/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HVSIM_DESCRIBE_H
#define HVSIM_DESCRIBE_H

/* What the describing files share: a text that cannot overflow and a view of
 * bytes that cannot be left. Contracts of the printers are in trace.h. */

#include <stdbool.h>
#include <stdint.h>

#include "trace.h"

struct describe_text {
	char *text;
	uint32_t size;
	uint32_t used;          /* < size: always terminated */
};

struct describe_bytes {
	const uint8_t *bytes;
	uint32_t n;
};

void describe_start(struct describe_text *out, char *text, uint32_t text_bytes);
/* Appends; what does not fit is cut off. */
void describe_add(struct describe_text *out, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Copies size bytes at offset; false if the view has fewer: *to is zeroed. */
bool describe_take(const struct describe_bytes *in, uint32_t offset, void *to, uint32_t size);

struct describe_flag {
	uint32_t bits;
	const char *name;
};
/* "a|b|0x40", or "none". */
void describe_flags(struct describe_text *out, uint32_t value, const struct describe_flag *flags,
	unsigned int count);

/* The information of a query or set; oid 0: unknown. */
void describe_information(struct describe_text *out, uint32_t oid,
	const struct describe_bytes *info);
/* As describe_rndis(), for a completion whose request asked for this OID. */
int describe_rndis_reply(uint32_t oid, const void *bytes, uint32_t n, char *text,
	uint32_t text_bytes);

#endif /* HVSIM_DESCRIBE_H */
