/* SPDX-License-Identifier: BSD-3-Clause */

/* What the tests of zero-copy receive share; see fake_lend.h. */

#include "fake_lend.h"

#include <string.h>

#define LEND_FIRST_ID 5000u     /* of the transfers of fake_data.c */

uint8_t lend_pattern[LEND_PATTERN_BYTES];

struct netvsc_rxq *
lend_rxq(const struct fake_data *d)
{
	return d->eth->data->rx_queues[0];
}

struct fake_data *
lend_start(const struct fake_setup *setup)
{
	for (unsigned int i = 0; i < LEND_PATTERN_BYTES; i++)
		lend_pattern[i] = (uint8_t)(i * 13 + i / 251);
	return fake_data_start(setup != NULL ? setup :
		&(struct fake_setup){ .lend = true, .rx_copybreak = LEND_COPYBREAK });
}

struct fake_frame
lend_frame(uint32_t i, uint32_t bytes)
{
	return (struct fake_frame){ .data = lend_pattern + i, .bytes = bytes };
}

/* One transfer of `count` frames, the first of which starts at lend_pattern + i. */
void
lend_send(struct fake_data *d, uint32_t i, uint32_t bytes, unsigned int count)
{
	struct fake_frame frames[64];

	for (unsigned int k = 0; k < count; k++)
		frames[k] = lend_frame(i + k, bytes);
	fake_data_send(d, frames, count);
}

bool
lend_lent(const struct rte_mbuf *m)
{
	const uint8_t *at = m->buf_addr;

	if (!RTE_MBUF_HAS_EXTBUF(m))
		return false;
	assert_true(at >= fake_world.recv && at + m->buf_len <= fake_world.recv + FAKE_RECV_BYTES);
	return true;
}

void
lend_check(const struct rte_mbuf *m, uint32_t i, uint32_t bytes)
{
	static uint8_t copy[65536];

	assert_int_equal(m->pkt_len, bytes);
	assert_memory_equal(rte_pktmbuf_read(m, 0, bytes, copy), lend_pattern + i, bytes);
}

/* A burst that takes nothing, so that what is owed is written. */
void
lend_poll(struct fake_data *d)
{
	struct rte_mbuf *m;

	assert_int_equal(fake_rx(d, &m, 1), 0);
}

/* How often the transfer was acknowledged. */
unsigned int
lend_acked(const struct fake_data *d, uint32_t transfer)
{
	unsigned int count = 0;

	assert_true(d->host->acks_count <= FAKE_ACKS_MAX);
	for (unsigned int i = 0; i < d->host->acks_count; i++)
		count += d->host->acks[i] == LEND_FIRST_ID + transfer;
	return count;
}

void
lend_receive(struct fake_data *d, struct rte_mbuf **pkts, uint16_t count)
{
	assert_int_equal(fake_rx(d, pkts, count), count);
}
