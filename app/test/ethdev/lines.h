/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LINES_H
#define LINES_H

/*
 * An ethdev application that does what it is told: one line in, "NAME
 * KEY=VALUE...", one JSON object out. It knows nothing of netvsc or hvsim, so
 * the same lines run on any driver; what an answer should be is the teller's
 * business.
 */

#include <stdbool.h>
#include <stdint.h>

#include <rte_ethdev.h>
#include <rte_mbuf.h>

#define OPS_HELD_MAX 65536u
#define OPS_FRAME_MAX 16000u

struct ops {
	uint16_t port;
	struct rte_mempool *pool;               /* of what is received */
	struct rte_mempool *tx_pool;            /* of what is sent */
	struct rte_mbuf *held[OPS_HELD_MAX];    /* received and kept */
	unsigned int held_count;
	volatile unsigned int link_events;
	volatile unsigned int removals;         /* events of that kind, of all ports */
};

/* The words of a line after its name. */
struct words {
	char **word;
	unsigned int count;
};

/* The value of KEY=VALUE as a number in any base, or what it is without. */
int64_t word_number(const struct words *words, const char *key, int64_t otherwise);
/* The value as text; NULL without. */
const char *word_text(const struct words *words, const char *key);

/* Prints one object; the braces are added. */
void answer(const char *format, ...) __attribute__((format(printf, 1, 2)));

struct op {
	const char *name;
	void (*run)(struct ops *ops, const struct words *words);
};

/* Each ends with a row without a name. */
extern const struct op port_ops[];      /* lines_port.c: life cycle, settings */
extern const struct op query_ops[];     /* lines_query.c: what the port says of itself */
extern const struct op frame_ops[];     /* lines_frame.c: traffic */

#endif /* LINES_H */
