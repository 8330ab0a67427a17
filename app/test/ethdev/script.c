/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sends the frames of a file, each with the offloads that its record asks for,
 * and says of every received frame all that its mbuf says. Whoever made the file
 * judges. Always bounded by time, and no mbuf is left behind.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_mbuf_ptype.h>

#include "client.h"

/* A record of the file; its bytes follow. */
struct record {
	uint64_t flags;         /* RTE_MBUF_F_TX_* */
	uint32_t bytes;
	uint16_t l2, l3, l4, segsz, tci, segments;
};

#define RECORD_BYTES_MAX 131072u

struct script {
	FILE *file;
	struct rte_mbuf *waiting;       /* made and prepared, not taken yet */
	uint16_t queue;                 /* that sends next */
	uint64_t sent, received;
	bool any, ended, bad;
};

static struct rte_mbuf *
record_mbuf(struct client *c, const struct record *record, const uint8_t *bytes)
{
	struct rte_mbuf *head = NULL, *m;
	uint32_t at = 0;

	for (unsigned int i = 0; i < record->segments; i++) {
		uint32_t part = i + 1 == record->segments ? record->bytes - at :
			record->bytes / record->segments;
		char *to;

		m = rte_pktmbuf_alloc(c->pool);
		to = m == NULL ? NULL : rte_pktmbuf_append(m, (uint16_t)part);
		if (to == NULL || (head != NULL && rte_pktmbuf_chain(head, m) != 0)) {
			rte_pktmbuf_free(m);
			rte_pktmbuf_free(head);
			return NULL;
		}
		memcpy(to, bytes + at, part);
		at += part;
		head = head == NULL ? m : head;
	}
	if (head == NULL)
		return NULL;
	head->ol_flags = record->flags;
	head->l2_len = record->l2;
	head->l3_len = record->l3 & 0x1ff;
	head->l4_len = (uint8_t)record->l4;
	head->tso_segsz = record->segsz;
	head->vlan_tci = record->tci;
	return head;
}

/* The next frame of the file; false at its end. */
static bool
script_next(struct client *c, struct script *s)
{
	static uint8_t bytes[RECORD_BYTES_MAX];
	struct record record;

	if (s->ended || fread(&record, sizeof(record), 1, s->file) != 1)
		return false;
	if (record.bytes > sizeof(bytes) || record.segments == 0 ||
	    fread(bytes, record.bytes, 1, s->file) != 1)
		return false;
	s->waiting = record_mbuf(c, &record, bytes);
	s->bad |= s->waiting == NULL;
	return s->waiting != NULL;
}

static void
script_prepare(struct client *c, struct script *s)
{
	if (c->options.unprepared ||
	    rte_eth_tx_prepare(c->options.port, s->queue, &s->waiting, 1) == 1)
		return;
	printf("%s{\"refused\": \"%s\"}", s->any ? ", " : "", strerror(rte_errno));
	s->any = true;
	rte_pktmbuf_free(s->waiting);
	s->waiting = NULL;
}

static void
script_send(struct client *c, struct script *s)
{
	for (unsigned int i = 0; i < BURST && !s->ended; i++) {
		if (s->waiting == NULL && !script_next(c, s)) {
			s->ended = true;
			return;
		}
		if (s->waiting != NULL)
			script_prepare(c, s);
		if (s->waiting == NULL)
			continue;
		if (rte_eth_tx_burst(c->options.port, s->queue, &s->waiting, 1) == 0)
			return;
		s->waiting = NULL;
		s->sent++;
		s->queue = (uint16_t)((s->queue + 1) % c->options.queues);
	}
}

static void
print_mbuf(const struct rte_mbuf *m, uint16_t queue)
{
	static uint8_t copy[RECORD_BYTES_MAX];
	const uint8_t *data = m->pkt_len <= sizeof(copy) ?
		rte_pktmbuf_read(m, 0, m->pkt_len, copy) : NULL;
	char flags[512] = "", ptype[256] = "";

	rte_get_rx_ol_flag_list(m->ol_flags, flags, sizeof(flags));
	rte_get_ptype_name(m->packet_type, ptype, sizeof(ptype));
	printf("{\"queue\": %u, \"bytes\": %u, \"segments\": %u, \"flags\": \"%s\", \"tci\": %u"
		", \"ptype\": \"%s\", \"hash\": %u, \"segsz\": %u, \"port\": %u, \"data\": \"",
		queue, m->pkt_len, m->nb_segs, flags, m->vlan_tci, ptype, m->hash.rss, m->tso_segsz,
		m->port);
	for (uint32_t i = 0; data != NULL && i < m->pkt_len; i++)
		printf("%02x", data[i]);
	printf("\"}");
}

static void
script_receive(struct client *c, struct script *s)
{
	struct rte_mbuf *mbufs[BURST];

	for (uint16_t q = 0; q < c->options.queues; q++) {
		uint16_t n = port_receive(c, q, mbufs);

		for (uint16_t i = 0; i < n; i++) {
			printf("%s", s->any ? ", " : "");
			s->any = true;
			print_mbuf(mbufs[i], q);
			rte_pktmbuf_free(mbufs[i]);
		}
		s->received += n;
	}
}

static void
print_counters(const struct client *c)
{
	struct rte_eth_xstat xstats[1024];
	struct rte_eth_xstat_name names[1024];
	struct rte_eth_stats stats = { 0 };
	int n = rte_eth_xstats_get_names(c->options.port, names, 1024);

	rte_eth_stats_get(c->options.port, &stats);
	printf("\"stats\": {\"ipackets\": %" PRIu64 ", \"opackets\": %" PRIu64 ", \"ibytes\": %" PRIu64
		", \"obytes\": %" PRIu64 ", \"imissed\": %" PRIu64 ", \"ierrors\": %" PRIu64
		", \"oerrors\": %" PRIu64 ", \"nombuf\": %" PRIu64 "}, \"xstats\": {",
		stats.ipackets, stats.opackets, stats.ibytes, stats.obytes, stats.imissed,
		stats.ierrors, stats.oerrors, stats.rx_nombuf);
	if (n > 1024 || rte_eth_xstats_get(c->options.port, xstats, 1024) != n)
		n = 0;
	for (int i = 0, shown = 0; i < n; i++)
		if (xstats[i].value != 0)
			printf("%s\"%s\": %" PRIu64, shown++ > 0 ? ", " : "",
				names[xstats[i].id].name, xstats[i].value);
	printf("}");
}

int
script_traffic(struct client *c)
{
	uint64_t end = rte_get_tsc_cycles() +
		(uint64_t)(c->options.seconds * (double)rte_get_tsc_hz());
	struct script s = { .ended = c->options.script_file == NULL };

	if (!s.ended) {
		s.file = fopen(c->options.script_file, "rb");
		if (s.file == NULL) {
			fprintf(stderr, "%s: %s\n", c->options.script_file, strerror(errno));
			return 1;
		}
	}
	printf("{\"frames\": [");
	while (rte_get_tsc_cycles() < end && (!s.ended || s.received < c->options.frames)) {
		script_send(c, &s);
		script_receive(c, &s);
	}
	/* What is under way is completed before the counters are read. */
	for (uint16_t q = 0; q < c->options.queues; q++)
		while (rte_eth_tx_descriptor_status(c->options.port, q, 0) ==
				RTE_ETH_TX_DESC_FULL && rte_get_tsc_cycles() < end)
			rte_eth_tx_done_cleanup(c->options.port, q, 0);
	printf("], \"sent\": %" PRIu64 ", ", s.sent);
	print_counters(c);
	printf("}");
	rte_pktmbuf_free(s.waiting);
	if (s.file != NULL)
		fclose(s.file);
	return s.bad || !s.ended || s.received < c->options.frames ? 1 : 0;
}
