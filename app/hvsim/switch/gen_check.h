/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HVSIM_GEN_CHECK_H
#define HVSIM_GEN_CHECK_H

/*
 * The receiving end of generators: recognises their frames, verifies every
 * byte and both checksums, and follows the sequence numbers of each flow.
 */

#include <stdint.h>

#include "../core/stats.h"
#include "frame.h"

struct gen_check;

struct gen_check_counters {
	uint64_t received;      /* frames of generators, good ones */
	uint64_t lost;          /* sequence numbers passed over and not seen since */
	uint64_t reordered;     /* came after a later one */
	uint64_t duplicate;
	uint64_t late;          /* too old to tell whether reordered or duplicate */
	uint64_t restarted;     /* flows that began again at 0 */
	uint64_t corrupt;       /* a wrong byte, length or checksum */
	uint64_t foreign;       /* not from a generator */
};

/* NULL and errno on error. */
struct gen_check *gen_check_create(void);
void gen_check_destroy(struct gen_check *check);
void gen_check_frames(struct gen_check *check, const struct frame *frames, unsigned int n,
	uint64_t now_ns);
const struct gen_check_counters *gen_check_counters(const struct gen_check *check);
/* Emits gen_received ... gen_foreign and latency_..._ns. */
void gen_check_stats(const struct gen_check *check, struct stat_sink *sink);

#endif /* HVSIM_GEN_CHECK_H */
