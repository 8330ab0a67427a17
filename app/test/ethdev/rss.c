/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which queue does each flow land on? Sends the frames of a file (u16 length,
 * bytes; made by whoever judges the result), each marked in its last eight
 * bytes with its number and the phase, and notes the queue on which it comes
 * back. Between phases key and indirection table change.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>

#include "client.h"

#define FLOWS_MAX 100000u
#define ROUNDS 10u              /* a host loses frames while RSS changes, or for want of room */

struct mark {
	uint32_t flow, phase;
};

struct flows {
	uint8_t *bytes[FLOWS_MAX];
	uint16_t length[FLOWS_MAX];
	int16_t queue[FLOWS_MAX];
	uint32_t hash[FLOWS_MAX];
	bool has_hash[FLOWS_MAX];
	uint32_t count, done;
	uint64_t moved;                 /* same flow and phase, another queue */
};

static struct flows flows;

static int
flows_load(const char *path)
{
	FILE *file = fopen(path, "rb");
	uint16_t length;

	if (file == NULL)
		return -errno;
	while (flows.count < FLOWS_MAX && fread(&length, sizeof(length), 1, file) == 1) {
		uint8_t *bytes = malloc(length);

		if (bytes == NULL || length < FRAME_MIN || fread(bytes, length, 1, file) != 1) {
			free(bytes);
			fclose(file);
			return -EINVAL;
		}
		flows.bytes[flows.count] = bytes;
		flows.length[flows.count++] = length;
	}
	fclose(file);
	return flows.count > 0 ? 0 : -EINVAL;
}

static struct rte_mbuf *
flow_make(struct client *c, uint32_t flow, uint32_t phase)
{
	struct mark mark = { flow, phase };
	struct rte_mbuf *m = rte_pktmbuf_alloc(c->pool);
	uint8_t *data;

	if (m == NULL)
		return NULL;
	data = (uint8_t *)rte_pktmbuf_append(m, flows.length[flow]);
	memcpy(data, flows.bytes[flow], flows.length[flow]);
	memcpy(data + flows.length[flow] - sizeof(mark), &mark, sizeof(mark));
	return m;
}

static void
note(struct rte_mbuf *m, uint16_t queue, uint32_t phase)
{
	struct mark mark = { UINT32_MAX, 0 };

	if (m->pkt_len >= FRAME_MIN)
		memcpy(&mark, rte_pktmbuf_mtod_offset(m, uint8_t *, m->pkt_len - sizeof(mark)),
			sizeof(mark));
	if (mark.flow < flows.count && mark.phase == phase) {
		int16_t *at = &flows.queue[mark.flow];

		if (*at < 0)
			flows.done++;
		else if (*at != (int16_t)queue)
			flows.moved++;
		*at = (int16_t)queue;
		flows.has_hash[mark.flow] = (m->ol_flags & RTE_MBUF_F_RX_RSS_HASH) != 0;
		flows.hash[mark.flow] = m->hash.rss;
	}
	rte_pktmbuf_free(m);
}

static void
receive(struct client *c, uint32_t phase)
{
	struct rte_mbuf *mbufs[BURST];

	for (uint16_t q = 0; q < c->options.queues; q++) {
		uint16_t n = port_receive(c, q, mbufs);

		for (uint16_t i = 0; i < n; i++)
			note(mbufs[i], q, phase);
	}
}

/* Sends every flow that has not come back; then waits up to a second. */
static void
send_round(struct client *c, uint32_t phase)
{
	uint64_t end = rte_get_tsc_cycles() + 5 * rte_get_tsc_hz();

	for (uint32_t f = 0; f < flows.count && rte_get_tsc_cycles() < end; f++) {
		struct rte_mbuf *m;

		if (flows.queue[f] >= 0)
			continue;
		m = flow_make(c, f, phase);
		while (m != NULL && rte_get_tsc_cycles() < end &&
				rte_eth_tx_burst(c->options.port, (uint16_t)(f % c->options.queues),
				&m, 1) == 0)
			receive(c, phase);
		receive(c, phase);
	}
	end = rte_get_tsc_cycles() + rte_get_tsc_hz();
	while (flows.done < flows.count && rte_get_tsc_cycles() < end)
		receive(c, phase);
}

static void
print_phase(uint32_t phase)
{
	printf("%s{\"flows\": %u, \"came_back\": %u, \"moved\": %" PRIu64 ", \"queue\": [",
		phase > 0 ? ", " : "", flows.count, flows.done, flows.moved);
	for (uint32_t f = 0; f < flows.count; f++)
		printf("%s%d", f > 0 ? "," : "", flows.queue[f]);
	printf("], \"hash\": [");
	for (uint32_t f = 0; f < flows.count; f++)
		if (flows.has_hash[f])
			printf("%s%" PRIu32, f > 0 ? "," : "", flows.hash[f]);
		else
			printf("%snull", f > 0 ? "," : "");
	printf("]}");
}

int
rss_traffic(struct client *c)
{
	int bad = 0, err;

	if (flows.count == 0) {
		err = flows_load(c->options.flows_file);
		if (err < 0) {
			fprintf(stderr, "%s: %s\n", c->options.flows_file, strerror(-err));
			return 1;
		}
	}
	printf("{\"phases\": [");
	for (uint32_t phase = 0; phase < c->options.rss_phases; phase++) {
		err = port_rss_set(c, &c->options.rss[phase]);
		if (err < 0) {
			fprintf(stderr, "rss phase %u: %s\n", phase, strerror(-err));
			bad = 1;
			break;
		}
		flows.done = 0;
		flows.moved = 0;
		memset(flows.queue, 0xff, sizeof(flows.queue));
		for (unsigned int i = 0; i < ROUNDS && flows.done < flows.count; i++)
			send_round(c, phase);
		print_phase(phase);
		bad |= flows.done < flows.count;
	}
	printf("]}");
	return bad;
}
