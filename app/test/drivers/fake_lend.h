/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FAKE_LEND_H
#define FAKE_LEND_H

/* What the tests of zero-copy receive share. */

#include "fake_data.h"
#include "netvsc_rx.h"

#define LEND_COPYBREAK 256u
/* Half of 128 sections, of which each frame takes one. */
#define LEND_SHARE 64u
#define LEND_PATTERN_BYTES 65536u

extern uint8_t lend_pattern[LEND_PATTERN_BYTES];

/* fake_data_start(); NULL: a port that lends what is longer than LEND_COPYBREAK. */
struct fake_data *lend_start(const struct fake_setup *setup);
struct netvsc_rxq *lend_rxq(const struct fake_data *d);

/* A frame that starts at lend_pattern + i. */
struct fake_frame lend_frame(uint32_t i, uint32_t bytes);
/* One transfer of `count` frames, the first of which is that one. */
void lend_send(struct fake_data *d, uint32_t i, uint32_t bytes, unsigned int count);
/* A burst that brings so many. */
void lend_receive(struct fake_data *d, struct rte_mbuf **pkts, uint16_t count);
/* A burst that brings none, so that what is owed is written. */
void lend_poll(struct fake_data *d);

/* Does it point into the receive buffer? */
bool lend_lent(const struct rte_mbuf *m);
/* It is that frame. */
void lend_check(const struct rte_mbuf *m, uint32_t i, uint32_t bytes);
/* How often transfer number `transfer` was acknowledged. */
unsigned int lend_acked(const struct fake_data *d, uint32_t transfer);

#endif /* FAKE_LEND_H */
