/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames that know who they are: IPv4, UDP, then the number and the length,
 * then bytes that follow from both. The source port varies with the number,
 * so that RSS spreads them.
 */

#include <stdio.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_ip.h>
#include <rte_udp.h>

#include "client.h"

#define MAGIC 0x6876736dU
#define HEADERS (RTE_ETHER_HDR_LEN + sizeof(struct rte_ipv4_hdr) + sizeof(struct rte_udp_hdr))
#define PAGE 4096u

struct tag {
	uint32_t magic, seq, bytes;
};

static uint8_t
pattern(uint32_t seq, uint32_t at)
{
	uint32_t x = (seq + 1) * 0x9e3779b1u + (at / 4) * 0x85ebca6bu;

	return (uint8_t)((x ^ x >> 13) >> (8 * (at % 4)));
}

static void
fill(const struct client *c, uint8_t *out, uint32_t seq, uint32_t bytes)
{
	struct rte_ether_hdr *eth = (void *)out;
	struct rte_ipv4_hdr *ip = (void *)(eth + 1);
	struct rte_udp_hdr *udp = (void *)(ip + 1);
	struct tag tag = { MAGIC, seq, bytes };

	memset(out, 0, HEADERS);
	eth->src_addr = c->mac;
	memcpy(eth->dst_addr.addr_bytes, "\x02\x00\x00\x00\x00\x01", 6);
	eth->ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4);
	ip->version_ihl = 0x45;
	ip->total_length = rte_cpu_to_be_16((uint16_t)(bytes - RTE_ETHER_HDR_LEN));
	ip->time_to_live = 64;
	ip->next_proto_id = IPPROTO_UDP;
	ip->src_addr = rte_cpu_to_be_32(0x0a000001u + seq % 250);
	ip->dst_addr = rte_cpu_to_be_32(0x0a000101u + seq / 250 % 250);
	ip->hdr_checksum = rte_ipv4_cksum(ip);
	udp->src_port = rte_cpu_to_be_16((uint16_t)(1024 + seq % 50000));
	udp->dst_port = rte_cpu_to_be_16(4000);
	udp->dgram_len = rte_cpu_to_be_16((uint16_t)(bytes - RTE_ETHER_HDR_LEN - sizeof(*ip)));
	memcpy(out + HEADERS, &tag, sizeof(tag));
	for (uint32_t i = HEADERS + sizeof(tag); i < bytes; i++)
		out[i] = pattern(seq, i);
}

/* Moves the data so that a small piece lies within one page: a driver's page
 * list has room for few ranges. */
static void
place(struct rte_mbuf *m, uint32_t bytes)
{
	uintptr_t at = (uintptr_t)rte_pktmbuf_mtod(m, void *);
	uint32_t left = PAGE - (uint32_t)(at % PAGE);

	if (bytes > left && left + bytes <= (uint32_t)(m->buf_len - m->data_off))
		m->data_off = (uint16_t)(m->data_off + left);
}

static struct rte_mbuf *
piece(struct client *c, const uint8_t *from, uint32_t bytes)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(c->pool);

	if (m == NULL)
		return NULL;
	place(m, bytes);
	memcpy(rte_pktmbuf_mtod(m, void *), from, bytes);
	m->data_len = (uint16_t)bytes;
	m->pkt_len = bytes;
	return m;
}

struct rte_mbuf *
frame_make(struct client *c, uint32_t seq, uint32_t bytes, unsigned int segments)
{
	static uint8_t frame[FRAME_MAX];
	struct rte_mbuf *head = NULL, *m;
	uint32_t at = 0;

	fill(c, frame, seq, bytes);
	for (unsigned int i = 0; i < segments; i++) {
		/* Uneven pieces, none empty, and the Ethernet header in one: the
		 * built-in driver looks for a VLAN tag there whatever its length. */
		uint32_t left = bytes - at, rest = segments - i - 1;
		uint32_t part = rest == 0 ? left : left / (rest + 1) + (seq + i) % 2;

		if (i == 0 && part < RTE_ETHER_HDR_LEN)
			part = RTE_ETHER_HDR_LEN;
		if (part == 0 || part > left - rest)
			part = left - rest;
		m = piece(c, frame + at, part);
		if (m == NULL || (head != NULL && rte_pktmbuf_chain(head, m) != 0)) {
			rte_pktmbuf_free(m);
			rte_pktmbuf_free(head);
			return NULL;
		}
		if (head == NULL)
			head = m;
		at += part;
	}
	return head;
}

int64_t
frame_seq(const struct rte_mbuf *m)
{
	struct tag room, tag;
	const void *at;

	if (m->pkt_len < HEADERS + sizeof(tag))
		return -1;
	at = rte_pktmbuf_read(m, HEADERS, sizeof(tag), &room);
	if (at == NULL)
		return -1;
	memcpy(&tag, at, sizeof(tag));
	return tag.magic == MAGIC ? (int64_t)tag.seq : -1;
}

bool
frame_ok(const struct client *c, const struct rte_mbuf *m, uint32_t seq)
{
	static uint8_t want[FRAME_MAX], got[FRAME_MAX];
	const uint8_t *data;

	if (m->pkt_len > FRAME_MAX)
		return false;
	fill(c, want, seq, m->pkt_len);
	data = rte_pktmbuf_read(m, 0, m->pkt_len, got);
	if (data == NULL)
		return false;
	for (uint32_t i = 0; i < m->pkt_len; i++)
		if (data[i] != want[i]) {
			fprintf(stderr, "frame %u of %u bytes: byte %u is 0x%02x, not 0x%02x\n", seq,
				m->pkt_len, i, data[i], want[i]);
			return false;
		}
	return true;
}
