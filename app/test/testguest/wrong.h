/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef WRONG_H
#define WRONG_H

/*
 * What the cases of the wrong guest share. Each breaks one rule on NIC `a`
 * and then expects exactly that rule to be counted and the consequence that a
 * real host shows; NIC `b` and a's other channels must not notice.
 */

#include "tg.h"
#include "tg_case.h"
#include "tg_frame.h"

#define WRONG_RULES_MAX 64u

struct wrong {
	struct tg_device a, b;
	struct tg_options options;      /* how a was brought up */
	uint64_t before[WRONG_RULES_MAX];       /* counters, in order of the table */
};

/* b is up with one queue; a is up with two, or only open if !a_up. */
int wrong_start(struct wrong *w, bool a_up);
int wrong_start_with(struct wrong *w, const struct tg_options *options);
void wrong_end(struct wrong *w);

/* A correct frame goes out on ch and is completed with success. */
int wrong_alive(struct tg_channel *ch);
/* Exactly this rule was counted since the start, nothing else. */
int wrong_counted(struct wrong *w, const char *rule);
/* ch says nothing any more while all others live, until a is closed and
 * opened again. */
int wrong_dead(struct wrong *w, struct tg_channel *ch, const char *rule);
/* Transaction tid is completed with a failure, and ch lives. */
int wrong_fails(struct wrong *w, struct tg_channel *ch, uint64_t tid, const char *rule);
/* Transaction tid (0: none) succeeds, ch lives, the rule is counted. */
int wrong_reported(struct wrong *w, struct tg_channel *ch, uint64_t tid, const char *rule);

/* An RNDIS packet with a correct UDP frame of 100 bytes, for breaking. */
struct wrong_packet {
	struct rndis_packet p;
	uint8_t rest[2048];
};
/* Returns its bytes; the frame begins at p.data_offset + 8. */
uint32_t wrong_packet(struct wrong *w, struct wrong_packet *packet);
/* Sends bytes in a send section as one data message. */
int wrong_send(struct tg_channel *ch, const void *message, uint32_t bytes, uint64_t *tid);

extern const struct tg_case wrong_ring_cases[], wrong_nvsp_cases[], wrong_rndis_cases[],
	wrong_data_cases[];
extern const unsigned int wrong_ring_case_count, wrong_nvsp_case_count, wrong_rndis_case_count,
	wrong_data_case_count;

#endif /* WRONG_H */
