/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames from one port to another, and traffic beside the commands. */

#include "ops.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_errno.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_udp.h>

#define BURST 32u
#define TYPE_PROBE 0x88b5u      /* for local experiments */
#define WAIT_SECONDS 20u

/* ---- frames ---- */

/* What a frame says behind its Ethernet header. */
struct mark {
	uint32_t round;
	uint32_t kind;
};

enum { KIND_PROBE = 1, KIND_MARKER, KIND_FLOOD };

static struct rte_mbuf *
frame(const struct rte_ether_addr *dst, uint16_t port, const struct mark *mark, uint16_t bytes)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(ops_pool);
	struct rte_ether_hdr *eth;

	if (m == NULL)
		return NULL;
	eth = (struct rte_ether_hdr *)rte_pktmbuf_append(m, bytes);
	memset(eth, 0, bytes);
	eth->dst_addr = *dst;
	rte_eth_macaddr_get(port, &eth->src_addr);
	eth->ether_type = rte_cpu_to_be_16(TYPE_PROBE);
	memcpy(eth + 1, mark, sizeof(*mark));
	return m;
}

/* Sends all of them; false if there was no room for long. */
static bool
send_all(uint16_t port, struct rte_mbuf **frames, uint16_t count)
{
	uint64_t end = rte_get_timer_cycles() + WAIT_SECONDS * rte_get_timer_hz();
	uint16_t sent = 0;

	while (sent < count && rte_get_timer_cycles() < end)
		sent = (uint16_t)(sent + rte_eth_tx_burst(port, 0, frames + sent,
			(uint16_t)(count - sent)));
	for (uint16_t i = sent; i < count; i++)
		rte_pktmbuf_free(frames[i]);
	return sent == count;
}

/* ---- reach ---- */

static uint16_t
rx_queues(uint16_t port)
{
	struct rte_eth_dev_info info;

	return rte_eth_dev_info_get(port, &info) == 0 ? info.nb_rx_queues : 0;
}

/* How the driver saw them, since the last time somebody asked. */
static struct {
	uint64_t stripped, hashed, typed;
} seen_flags;

static void
flags_count(const struct rte_mbuf *m)
{
	seen_flags.stripped += (m->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) != 0;
	seen_flags.hashed += (m->ol_flags & RTE_MBUF_F_RX_RSS_HASH) != 0;
	seen_flags.typed += m->packet_type != 0;
}

/* One look at all queues; counts this round's frames by kind. */
static unsigned int
look(uint16_t port, uint32_t round, uint64_t *probes, uint64_t *markers)
{
	struct rte_mbuf *got[BURST];
	unsigned int seen = 0;

	for (uint16_t q = 0, n = rx_queues(port); q < n; q++) {
		uint16_t count = rte_eth_rx_burst(port, q, got, BURST);

		seen += count;
		for (uint16_t i = 0; i < count; i++) {
			struct mark mark;

			memcpy(&mark, rte_pktmbuf_mtod_offset(got[i], void *,
				sizeof(struct rte_ether_hdr)), sizeof(mark));
			flags_count(got[i]);
			*probes += mark.round == round && mark.kind == KIND_PROBE;
			*markers += mark.round == round && mark.kind == KIND_MARKER;
			rte_pktmbuf_free(got[i]);
		}
	}
	return seen;
}

/*
 * reach FROM TO MAC COUNT [bytes=N] [wait=SECONDS]: frames to this address, then one to all.
 * When that one has come, so have those of the others that ever will: "reached".
 */
int
ops_reach(uint16_t from, const struct ops_words *words)
{
	static const struct rte_ether_addr all = { { 255, 255, 255, 255, 255, 255 } };
	static uint32_t round;
	uint16_t to = (uint16_t)ops_number(words, 2, 0);
	uint16_t count = (uint16_t)ops_number(words, 4, 1);
	uint16_t bytes = (uint16_t)ops_value_number(words, 5, "bytes", 60);
	uint64_t probes = 0, markers = 0, end;
	struct mark mark = { ++round, KIND_PROBE };
	struct rte_mbuf *frames[BURST];
	struct rte_ether_addr dst;

	if (count >= BURST || words->count < 4 || rte_ether_unformat_addr(words->word[3], &dst) < 0)
		return -EINVAL;
	for (uint16_t i = 0; i < count; i++)
		frames[i] = frame(&dst, from, &mark, bytes);
	mark.kind = KIND_MARKER;
	frames[count] = frame(&all, from, &mark, 60);
	for (uint16_t i = 0; i <= count; i++)
		if (frames[i] == NULL)
			return -ENOMEM;
	if (!send_all(from, frames, (uint16_t)(count + 1)))
		return -ETIMEDOUT;
	end = rte_get_timer_cycles() + rte_get_timer_hz() *
		ops_value_number(words, 5, "wait", WAIT_SECONDS);
	while (markers == 0 && rte_get_timer_cycles() < end)
		look(to, round, &probes, &markers);
	look(to, round, &probes, &markers);
	printf(", \"reached\": %" PRIu64, probes);
	return markers == 0 ? -ETIMEDOUT : 0;
}

/* drain P [LOOKS]: takes what has come until nothing comes for ten looks, or
 * after so many */
int
ops_drain(uint16_t port, const struct ops_words *words)
{
	uint64_t probes = 0, markers = 0, frames = 0;

	memset(&seen_flags, 0, sizeof(seen_flags));
	for (uint64_t looks = ops_number(words, 2, 200), empty = 0; looks > 0 && empty < 10; looks--) {
		unsigned int seen = look(port, 0, &probes, &markers);

		frames += seen;
		empty = seen == 0 ? empty + 1 : 0;
		rte_delay_us_sleep(1000);
	}
	printf(", \"frames\": %" PRIu64 ", \"stripped\": %" PRIu64 ", \"hashed\": %" PRIu64
		", \"typed\": %" PRIu64, frames, seen_flags.stripped, seen_flags.hashed,
		seen_flags.typed);
	return 0;
}

/* ---- flood: a data path thread beside the commands ---- */

static struct {
	uint32_t stop;
	uint16_t port, queues;
	uint64_t sent, received;
} flood;

static void
flood_send(uint16_t queue)
{
	static const struct rte_ether_addr all = { { 255, 255, 255, 255, 255, 255 } };
	const struct mark mark = { 0, KIND_FLOOD };
	struct rte_mbuf *frames[BURST / 4];
	uint16_t count = 0, sent;

	while (count < BURST / 4) {
		struct rte_mbuf *m = frame(&all, flood.port, &mark, 60);

		if (m == NULL)
			break;
		frames[count++] = m;
	}
	sent = rte_eth_tx_burst(flood.port, queue, frames, count);
	for (uint16_t i = sent; i < count; i++)
		rte_pktmbuf_free(frames[i]);
	__atomic_fetch_add(&flood.sent, sent, __ATOMIC_RELAXED);
}

static int
flood_run(void *arg)
{
	struct rte_mbuf *got[BURST];

	RTE_SET_USED(arg);
	while (!__atomic_load_n(&flood.stop, __ATOMIC_RELAXED))
		for (uint16_t q = 0; q < flood.queues; q++) {
			uint16_t count;

			flood_send(q);
			count = rte_eth_rx_burst(flood.port, q, got, BURST);
			rte_pktmbuf_free_bulk(got, count);
			__atomic_fetch_add(&flood.received, count, __ATOMIC_RELAXED);
		}
	return 0;
}

/* flood P start QUEUES | flood P stop | flood P count */
int
ops_flood(uint16_t port, const struct ops_words *words)
{
	unsigned int lcore = rte_get_next_lcore((unsigned int)-1, 1, 0);
	const char *what = words->count > 2 ? words->word[2] : "count";
	int ret = 0;

	if (strcmp(what, "start") == 0) {
		flood.stop = 0;
		flood.port = port;
		flood.queues = (uint16_t)ops_number(words, 3, 1);
		ret = rte_eal_remote_launch(flood_run, NULL, lcore);
	} else if (strcmp(what, "stop") == 0) {
		__atomic_store_n(&flood.stop, 1, __ATOMIC_RELAXED);
		ret = rte_eal_wait_lcore(lcore);
	}
	printf(", \"sent\": %" PRIu64 ", \"received\": %" PRIu64,
		__atomic_load_n(&flood.sent, __ATOMIC_RELAXED),
		__atomic_load_n(&flood.received, __ATOMIC_RELAXED));
	return ret;
}

/* ---- tx_prepare ---- */

/* prepare P FLAGS l2=N l3=N l4=N mss=N: a TCP segment of 1400 bytes over IPv4 */
int
ops_prepare(uint16_t port, const struct ops_words *words)
{
	static const struct rte_ether_addr dst = { { 2, 0, 0, 0, 0, 1 } };
	const struct mark none = { 0, 0 };
	struct rte_mbuf *m = frame(&dst, port, &none, 1400);
	const struct rte_ipv4_hdr ip = {
		.version_ihl = RTE_IPV4_VHL_DEF, .time_to_live = 64, .next_proto_id = IPPROTO_TCP,
		.total_length = rte_cpu_to_be_16(1400 - sizeof(struct rte_ether_hdr)),
		.src_addr = RTE_IPV4(1, 2, 3, 4), .dst_addr = RTE_IPV4(5, 6, 7, 8),
	};
	uint16_t prepared, csum;

	if (m == NULL)
		return -ENOMEM;
	rte_pktmbuf_mtod(m, struct rte_ether_hdr *)->ether_type =
		rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4);
	memcpy(rte_pktmbuf_mtod_offset(m, void *, sizeof(struct rte_ether_hdr)), &ip, sizeof(ip));
	*rte_pktmbuf_mtod_offset(m, uint8_t *, 34 + 12) = 5 << 4;       /* TCP's data offset */
	m->ol_flags = ops_number(words, 2, 0);
	m->l2_len = ops_value_number(words, 3, "l2", 14) & 0x7f;
	m->l3_len = ops_value_number(words, 3, "l3", 20) & 0x1ff;
	m->l4_len = ops_value_number(words, 3, "l4", 20) & 0xff;
	m->tso_segsz = (uint16_t)ops_value_number(words, 3, "mss", 500);
	rte_errno = 0;
	prepared = rte_eth_tx_prepare(port, 0, &m, 1);
	memcpy(&csum, rte_pktmbuf_mtod_offset(m, void *, 34 + 16), sizeof(csum));
	printf(", \"prepared\": %u, \"errno\": %d, \"csum\": %u, \"pseudo\": %u", prepared,
		rte_errno, csum, rte_ipv4_phdr_cksum(&ip, m->ol_flags));
	rte_pktmbuf_free(m);
	return 0;
}

/* ---- two threads that set and ask at once ---- */

struct racer {
	pthread_t thread;
	uint16_t port;
	unsigned int rounds, kind;
	int first_error;
};

static int
race_step(const struct racer *racer, unsigned int i)
{
	struct rte_eth_link link;

	switch (racer->kind) {
	case 0:
		return i % 2 == 0 ? rte_eth_promiscuous_enable(racer->port) :
			rte_eth_promiscuous_disable(racer->port);
	case 1:
		return i % 2 == 0 ? rte_eth_allmulticast_enable(racer->port) :
			rte_eth_allmulticast_disable(racer->port);
	default:
		return rte_eth_link_get(racer->port, &link);
	}
}

static void *
race_run(void *arg)
{
	struct racer *racer = arg;

	for (unsigned int i = 0; i < racer->rounds; i++) {
		int ret = race_step(racer, i);

		if (ret < 0 && racer->first_error == 0)
			racer->first_error = ret;
	}
	return NULL;
}

/* race P ROUNDS: three threads, each with another kind of request */
int
ops_race(uint16_t port, const struct ops_words *words)
{
	struct racer racers[3];
	int ret = 0;

	for (unsigned int i = 0; i < RTE_DIM(racers); i++) {
		racers[i] = (struct racer){ .port = port, .kind = i,
			.rounds = (unsigned int)ops_number(words, 2, 100) };
		if (pthread_create(&racers[i].thread, NULL, race_run, &racers[i]) != 0)
			return -EAGAIN;
	}
	for (unsigned int i = 0; i < RTE_DIM(racers); i++) {
		pthread_join(racers[i].thread, NULL);
		if (ret == 0)
			ret = racers[i].first_error;
	}
	return ret;
}
