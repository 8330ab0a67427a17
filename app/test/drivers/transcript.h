/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TRANSCRIPT_H
#define TRANSCRIPT_H

/*
 * Conversations written down byte by byte. Every packet of the guest is compared
 * with the next line, header and padding included; the host says what the line
 * says. Nothing in here is taken from the wire headers.
 *
 * Bytes are hex digits in the order in which they lie in memory; spaces mean
 * nothing; (N) is N zero bytes, [N] N bytes that nobody looks at (0xdd where the
 * host sends them). A request of RNDIS has an id, which the guest draws: "id" in
 * place of its four bytes.
 */

#include <stdbool.h>
#include <stdint.h>

enum transcript_kind {
	SAY,                /* an NVSP message without an answer */
	ASK,                /* an NVSP message, and the payload of its completion */
	RNDIS,              /* an RNDIS message, and the RNDIS message that answers it */
	LEAVE,              /* an RNDIS message that is only completed */
	DENIED,             /* an RNDIS message, and the payload of its completion: no answer */
};

struct transcript_line {
	enum transcript_kind kind;
	const char *sent;
	const char *answer; /* NULL: none */
};

/* How RNDIS messages of the guest travel. */
struct transcript_way {
	bool sections;              /* else as page lists */
	uint32_t first_section, section_bytes;
};

/* What is expected next, after what is expected already. */
void transcript_add(const struct transcript_line *lines, unsigned int count);
#define TRANSCRIPT(...) do { \
	static const struct transcript_line lines_[] = { __VA_ARGS__ }; \
	transcript_add(lines_, sizeof(lines_) / sizeof(lines_[0])); \
} while (0)

/* From fake_host_start() on. */
void transcript_begin(struct transcript_way way);
/* All of it has been said, and nothing else. */
void transcript_check(void);

/* The bytes of a text; returns how many. */
uint32_t transcript_bytes(const char *text, uint8_t *bytes, uint32_t max);

#endif /* TRANSCRIPT_H */
