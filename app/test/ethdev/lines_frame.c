/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Traffic. Who owns an mbuf after tx_burst is judged by a reference of our own
 * on each segment: what the port did not take must still have two.
 */

#include <stdio.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_ip.h>
#include <rte_tcp.h>

#include "lines.h"

#define BURST_MAX 512u
#define HEADERS (RTE_ETHER_HDR_LEN + sizeof(struct rte_ipv4_hdr) + sizeof(struct rte_tcp_hdr))

struct shape {
	uint32_t bytes;
	unsigned int segments;
	bool tso;
	bool cross;     /* pieces after the first lie across a page boundary */
};

static struct shape
shape_of(const struct words *words)
{
	return (struct shape){
		.bytes = RTE_MIN((uint32_t)word_number(words, "bytes", 64), OPS_FRAME_MAX),
		.segments = (unsigned int)word_number(words, "segs", 1),
		.tso = word_number(words, "tso", 0) != 0,
		.cross = word_number(words, "cross", 0) != 0,
	};
}

/* TCP in IPv4 from us to 02:00:00:00:00:01, all other bytes 0x5a. */
static void
frame_fill(const struct ops *ops, uint8_t *to, uint32_t bytes)
{
	struct rte_ether_hdr *eth = (void *)to;
	struct rte_ipv4_hdr *ip = (void *)(eth + 1);
	struct rte_tcp_hdr *tcp = (void *)(ip + 1);

	memset(to, 0x5a, bytes);
	memset(to, 0, RTE_MIN(bytes, (uint32_t)HEADERS));
	rte_eth_macaddr_get(ops->port, &eth->src_addr);
	eth->dst_addr = (struct rte_ether_addr){ { 2, 0, 0, 0, 0, 1 } };
	eth->ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4);
	ip->version_ihl = 0x45;
	ip->total_length = rte_cpu_to_be_16((uint16_t)(bytes - RTE_ETHER_HDR_LEN));
	ip->time_to_live = 64;
	ip->next_proto_id = IPPROTO_TCP;
	ip->src_addr = rte_cpu_to_be_32(0x0a000001u);
	ip->dst_addr = rte_cpu_to_be_32(0x0a000002u);
	ip->hdr_checksum = rte_ipv4_cksum(ip);
	tcp->src_port = rte_cpu_to_be_16(1024);
	tcp->dst_port = rte_cpu_to_be_16(4000);
	tcp->data_off = 5 << 4;
	tcp->tcp_flags = RTE_TCP_ACK_FLAG;
}

static struct rte_mbuf *
piece(struct rte_mempool *pool, const uint8_t *from, uint32_t bytes)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	char *to = m != NULL ? rte_pktmbuf_append(m, (uint16_t)bytes) : NULL;

	if (to == NULL) {
		rte_pktmbuf_free(m);
		return NULL;
	}
	memcpy(to, from, bytes);
	return m;
}

#define PAGE 4096u
#define SHARERS 32768u          /* of one buffer: its reference count has 16 bits */

/* The offset of a page boundary that has room on both sides; 0: there is none. */
static uint16_t
boundary_of(const struct rte_mbuf *m)
{
	uint32_t at = PAGE - (uint32_t)((uintptr_t)m->buf_addr % PAGE);

	return at >= 512 && at + 512 <= m->buf_len ? (uint16_t)at : 0;
}

/* A buffer of the receive pool with a boundary in it; those without one that
 * were met are given back. */
static struct rte_mbuf *
boundary_find(const struct ops *ops)
{
	struct rte_mbuf *without[16], *m;
	unsigned int n = 0;

	while ((m = rte_pktmbuf_alloc(ops->pool)) != NULL && boundary_of(m) == 0) {
		without[n++] = m;
		if (n == RTE_DIM(without)) {
			m = NULL;
			break;
		}
	}
	rte_pktmbuf_free_bulk(without, n);
	return m;
}

/* A piece across a boundary, in a buffer that many share: a long page list
 * for little memory. Its bytes are whatever is there. */
static struct rte_mbuf *
piece_across(const struct ops *ops, uint32_t bytes)
{
	static struct rte_mbuf *shared;
	static unsigned int sharers;
	struct rte_mbuf *m;

	if (shared == NULL || sharers++ == SHARERS) {
		rte_pktmbuf_free(shared);
		shared = boundary_find(ops);
		sharers = 0;
	}
	m = shared != NULL ? rte_pktmbuf_alloc(ops->tx_pool) : NULL;
	if (m == NULL)
		return NULL;
	rte_pktmbuf_attach(m, shared);
	m->data_off = (uint16_t)(boundary_of(shared) - bytes / 2);
	m->data_len = (uint16_t)bytes;
	m->pkt_len = bytes;
	return m;
}

static struct rte_mbuf *
frame_make(const struct ops *ops, const struct shape *shape)
{
	static uint8_t frame[OPS_FRAME_MAX];
	struct rte_mbuf *head = NULL;
	uint32_t at = 0;

	frame_fill(ops, frame, RTE_MAX(shape->bytes, (uint32_t)HEADERS));
	for (unsigned int i = 0; i < shape->segments; i++) {
		uint32_t part = i + 1 == shape->segments ? shape->bytes - at :
			i == 0 ? (uint32_t)HEADERS : (shape->bytes - at) / (shape->segments - i);
		struct rte_mbuf *m = shape->cross && i > 0 ? piece_across(ops, part) :
			piece(ops->tx_pool, frame + at, part);

		if (m == NULL || (head != NULL && rte_pktmbuf_chain(head, m) != 0)) {
			rte_pktmbuf_free(m);
			rte_pktmbuf_free(head);
			return NULL;
		}
		if (head == NULL)
			head = m;
		at += part;
	}
	if (shape->tso) {
		head->ol_flags = RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_IPV4 |
			RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_TCP_CKSUM;
		head->l2_len = RTE_ETHER_HDR_LEN;
		head->l3_len = sizeof(struct rte_ipv4_hdr);
		head->l4_len = sizeof(struct rte_tcp_hdr);
		head->tso_segsz = 1000;
	}
	return head;
}

/* ---- transmit ---- */

/* Ends our part in a frame; true if it was not taken, but freed. */
static bool
give_back(struct rte_mbuf *m, bool taken)
{
	bool freed = !taken && rte_mbuf_refcnt_read(m) < 2;

	if (!taken && !freed)
		rte_pktmbuf_refcnt_update(m, -1);
	rte_pktmbuf_free(m);
	return freed;
}

/* One burst of n: how many were taken, how many of the others were freed all
 * the same. */
static void
op_tx(struct ops *ops, const struct words *words)
{
	struct rte_mbuf *m[BURST_MAX];
	uint16_t n = (uint16_t)RTE_MIN(word_number(words, "n", 1), (int64_t)BURST_MAX);
	uint16_t q = (uint16_t)word_number(words, "q", 0), made = 0, ready, taken, both = 0;
	struct shape shape = shape_of(words);

	while (made < n && (m[made] = frame_make(ops, &shape)) != NULL)
		rte_pktmbuf_refcnt_update(m[made++], 1);
	ready = word_number(words, "prepare", 0) != 0 ?
		rte_eth_tx_prepare(ops->port, q, m, made) : made;
	taken = rte_eth_tx_burst(ops->port, q, m, ready);
	for (uint16_t i = 0; i < made; i++) {
		both += give_back(m[i], i < taken);
	}
	answer("\"made\": %u, \"prepared\": %u, \"taken\": %u, \"both\": %u", made, ready, taken, both);
}

/* Bursts of one until n are taken, or `tries` in a row are refused. */
static void
op_fill(struct ops *ops, const struct words *words)
{
	int64_t n = word_number(words, "n", 1), tries = word_number(words, "tries", 100);
	uint16_t q = (uint16_t)word_number(words, "q", 0);
	int64_t taken = 0, refused = 0, in_row = 0, both = 0;
	struct shape shape = shape_of(words);
	struct rte_mbuf *m;

	while (taken < n && in_row < tries) {
		bool ok;

		m = frame_make(ops, &shape);
		if (m == NULL)
			break;
		rte_pktmbuf_refcnt_update(m, 1);
		ok = rte_eth_tx_burst(ops->port, q, &m, 1) == 1;
		both += give_back(m, ok);
		taken += ok;
		refused += !ok;
		in_row = ok ? 0 : in_row + 1;
	}
	answer("\"taken\": %ld, \"refused\": %ld, \"both\": %ld, \"no_mbuf\": %d", (long)taken,
		(long)refused, (long)both, taken < n && in_row < tries);
}

/* ---- receive ---- */

struct seen {
	unsigned int got, segments;
	uint64_t bytes;
	uint64_t flags;
};

static void
take(struct ops *ops, struct seen *seen, struct rte_mbuf *m, bool hold)
{
	seen->got++;
	seen->bytes += m->pkt_len;
	seen->segments = RTE_MAX(seen->segments, (unsigned int)m->nb_segs);
	seen->flags |= m->ol_flags;
	if (hold && ops->held_count < OPS_HELD_MAX)
		ops->held[ops->held_count++] = m;
	else
		rte_pktmbuf_free(m);
}

/* Bursts of `burst` until n frames came or `ms` are over; ms=0 is one burst. */
static void
op_rx(struct ops *ops, const struct words *words)
{
	uint64_t end = rte_get_tsc_cycles() + (uint64_t)word_number(words, "ms", 0) *
		(rte_get_tsc_hz() / 1000);
	unsigned int n = (unsigned int)word_number(words, "n", 32);
	uint16_t burst = (uint16_t)RTE_MIN(word_number(words, "burst", 32), (int64_t)BURST_MAX);
	uint16_t first = (uint16_t)word_number(words, "q", 0);
	uint16_t last = (uint16_t)word_number(words, "last", first);
	bool hold = word_number(words, "hold", 0) != 0;
	struct seen seen = { 0 };
	struct rte_mbuf *m[BURST_MAX];

	do {
		for (uint16_t q = first; q <= last && seen.got < n; q++) {
			uint16_t got = rte_eth_rx_burst(ops->port, q, m, RTE_MIN(burst,
				(uint16_t)RTE_MIN(n - seen.got, BURST_MAX)));

			for (uint16_t i = 0; i < got; i++)
				take(ops, &seen, m[i], hold);
		}
	} while (seen.got < n && rte_get_tsc_cycles() < end);
	answer("\"got\": %u, \"bytes\": %lu, \"segments\": %u, \"flags\": %lu", seen.got,
		(unsigned long)seen.bytes, seen.segments, (unsigned long)seen.flags);
}

/* Completions are taken for `ms`. */
static void
op_reap(struct ops *ops, const struct words *words)
{
	uint64_t end = rte_get_tsc_cycles() + (uint64_t)word_number(words, "ms", 100) *
		(rte_get_tsc_hz() / 1000);
	uint16_t q = (uint16_t)word_number(words, "q", 0);

	while (rte_get_tsc_cycles() < end)
		rte_eth_tx_done_cleanup(ops->port, q, 0);
	answer("\"ret\": 0");
}

/* Reads all bytes of what is held, then gives it back. */
static void
op_release(struct ops *ops, const struct words *words)
{
	uint64_t sum = 0;

	(void)words;
	for (unsigned int i = 0; i < ops->held_count; i++) {
		for (const struct rte_mbuf *m = ops->held[i]; m != NULL; m = m->next)
			for (uint16_t b = 0; b < m->data_len; b++)
				sum += *rte_pktmbuf_mtod_offset(m, const uint8_t *, b);
		rte_pktmbuf_free(ops->held[i]);
	}
	answer("\"released\": %u, \"sum\": %lu", ops->held_count, (unsigned long)sum);
	ops->held_count = 0;
}

/* mbufs that neither the pool nor we have. */
static void
op_missing(struct ops *ops, const struct words *words)
{
	(void)words;
	answer("\"mbufs\": %u, \"tx_mbufs\": %u", rte_mempool_in_use_count(ops->pool) -
		ops->held_count, rte_mempool_in_use_count(ops->tx_pool));
}

const struct op frame_ops[] = {
	{ "tx", op_tx }, { "fill", op_fill }, { "rx", op_rx }, { "reap", op_reap },
	{ "release", op_release }, { "missing", op_missing }, { NULL, NULL },
};
