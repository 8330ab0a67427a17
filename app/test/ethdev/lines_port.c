/* SPDX-License-Identifier: BSD-3-Clause */
/* The life of a port and its settings: each answers with what the call returned. */

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_bus.h>
#include <rte_dev.h>
#include <rte_malloc.h>

#include "lines.h"

static void
returned(int ret)
{
	answer("\"ret\": %d", ret);
}

/* Without a cache, so that what is missing is what somebody has. The first is
 * for both directions. */
static void
op_pool(struct ops *ops, const struct words *words)
{
	char name[32];
	bool tx = word_number(words, "tx", 0) != 0;
	struct rte_mempool *pool;
	static unsigned int made;

	snprintf(name, sizeof(name), "pool%u", made++);
	pool = rte_pktmbuf_pool_create(name, (unsigned int)word_number(words, "count", 8191),
		0, 0, (uint16_t)word_number(words, "room", RTE_MBUF_DEFAULT_BUF_SIZE),
		(int)rte_socket_id());
	if (!tx)
		ops->pool = pool;
	if (tx || ops->tx_pool == NULL)
		ops->tx_pool = pool;
	returned(pool != NULL ? 0 : -rte_errno);
}

static int
on_link(uint16_t port, enum rte_eth_event_type type, void *arg, void *ret)
{
	struct ops *ops = arg;

	(void)port;
	(void)type;
	(void)ret;
	ops->link_events++;
	return 0;
}

static void
op_configure(struct ops *ops, const struct words *words)
{
	struct rte_eth_conf conf = {
		.rxmode.offloads = (uint64_t)word_number(words, "rxo", 0),
		.rxmode.mtu = (uint32_t)word_number(words, "mtu", 0),
		.txmode.offloads = (uint64_t)word_number(words, "txo", 0),
		.intr_conf.lsc = (uint32_t)word_number(words, "lsc", 0) & 1,
	};
	uint16_t rx = (uint16_t)word_number(words, "rx", 1);

	if (conf.intr_conf.lsc)
		rte_eth_dev_callback_register(ops->port, RTE_ETH_EVENT_INTR_LSC, on_link, ops);
	if (rx > 1 || word_text(words, "hf") != NULL) {
		conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		conf.rx_adv_conf.rss_conf.rss_hf = (uint64_t)word_number(words, "hf",
			RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_NONFRAG_IPV4_TCP);
	}
	returned(rte_eth_dev_configure(ops->port, rx, (uint16_t)word_number(words, "tx", rx), &conf));
}

static void
op_rxq(struct ops *ops, const struct words *words)
{
	returned(rte_eth_rx_queue_setup(ops->port, (uint16_t)word_number(words, "q", 0),
		(uint16_t)word_number(words, "desc", 512), rte_socket_id(), NULL, ops->pool));
}

static void
op_txq(struct ops *ops, const struct words *words)
{
	returned(rte_eth_tx_queue_setup(ops->port, (uint16_t)word_number(words, "q", 0),
		(uint16_t)word_number(words, "desc", 512), rte_socket_id(), NULL));
}

static void
op_start(struct ops *ops, const struct words *words)
{
	(void)words;
	returned(rte_eth_dev_start(ops->port));
}

static void
op_stop(struct ops *ops, const struct words *words)
{
	(void)words;
	returned(rte_eth_dev_stop(ops->port));
}

static void
op_close(struct ops *ops, const struct words *words)
{
	(void)words;
	returned(rte_eth_dev_close(ops->port));
}

static void
op_reset(struct ops *ops, const struct words *words)
{
	(void)words;
	returned(rte_eth_dev_reset(ops->port));
}

static void
op_remove(struct ops *ops, const struct words *words)
{
	struct rte_eth_dev_info info;
	int ret = rte_eth_dev_info_get(ops->port, &info);

	(void)words;
	returned(ret < 0 ? ret : rte_dev_remove(info.device));
}

/* Probes the device `dev`; its port, the only one there is, is the one from here on. */
static void
op_attach(struct ops *ops, const struct words *words)
{
	const char *dev = word_text(words, "dev");
	int ret = dev != NULL ? rte_dev_probe(dev) : -EINVAL;
	uint64_t port = rte_eth_find_next(0);

	if (ret == 0 && port == RTE_MAX_ETHPORTS)
		ret = -ENODEV;
	if (ret == 0)
		ops->port = (uint16_t)port;
	returned(ret);
}

/* Ends EAL and the process: whatever a driver does at the end is done. */
static void
op_end(struct ops *ops, const struct words *words)
{
	(void)ops;
	(void)words;
	returned(rte_eal_cleanup());
	exit(0);
}

static void
op_promisc(struct ops *ops, const struct words *words)
{
	returned(word_number(words, "on", 1) != 0 ? rte_eth_promiscuous_enable(ops->port) :
		rte_eth_promiscuous_disable(ops->port));
}

static void
op_allmulti(struct ops *ops, const struct words *words)
{
	returned(word_number(words, "on", 1) != 0 ? rte_eth_allmulticast_enable(ops->port) :
		rte_eth_allmulticast_disable(ops->port));
}

/* 01:00:5e:00:00:01 and the following. */
static void
op_groups(struct ops *ops, const struct words *words)
{
	struct rte_ether_addr list[64];
	uint32_t n = RTE_MIN((uint32_t)word_number(words, "n", 1), (uint32_t)RTE_DIM(list));

	for (uint32_t i = 0; i < n; i++)
		list[i] = (struct rte_ether_addr){ { 1, 0, 0x5e, 0, 0, (uint8_t)(i + 1) } };
	returned(rte_eth_dev_set_mc_addr_list(ops->port, list, n));
}

static void
op_mtu(struct ops *ops, const struct words *words)
{
	int ret = rte_eth_dev_set_mtu(ops->port, (uint16_t)word_number(words, "mtu", 1500));
	uint16_t mtu = 0;

	rte_eth_dev_get_mtu(ops->port, &mtu);
	answer("\"ret\": %d, \"mtu\": %u", ret, mtu);
}

/* ---- RSS ---- */

static void
op_rss_set(struct ops *ops, const struct words *words)
{
	uint8_t key[40];
	int64_t first = word_number(words, "key", -1);
	struct rte_eth_rss_conf conf = {
		.rss_key = first >= 0 ? key : NULL,
		.rss_key_len = first >= 0 ? sizeof(key) : 0,
		.rss_hf = (uint64_t)word_number(words, "hf", 0),
	};

	for (unsigned int i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)(first + i);
	returned(rte_eth_dev_rss_hash_update(ops->port, &conf));
}

/* Every entry of the table to `queue`, but entry `at` to `other`. */
static void
op_reta_set(struct ops *ops, const struct words *words)
{
	struct rte_eth_rss_reta_entry64 reta[RTE_ETH_RSS_RETA_SIZE_512 / RTE_ETH_RETA_GROUP_SIZE];
	uint16_t size = (uint16_t)word_number(words, "size", 128);
	uint16_t queue = (uint16_t)word_number(words, "queue", 0);
	int64_t at = word_number(words, "at", -1);

	memset(reta, 0, sizeof(reta));
	for (uint16_t i = 0; i < RTE_MIN(size, (uint16_t)RTE_ETH_RSS_RETA_SIZE_512); i++) {
		struct rte_eth_rss_reta_entry64 *group = &reta[i / RTE_ETH_RETA_GROUP_SIZE];

		group->mask |= 1ull << i % RTE_ETH_RETA_GROUP_SIZE;
		group->reta[i % RTE_ETH_RETA_GROUP_SIZE] = i == at ?
			(uint16_t)word_number(words, "other", 0) : queue;
	}
	returned(rte_eth_dev_rss_reta_update(ops->port, reta, size));
}

/* ---- the bus ---- */

static void
op_rescan(struct ops *ops, const struct words *words)
{
	int64_t n = word_number(words, "n", 1);
	size_t before = mallinfo2().uordblks;
	int ret = 0;

	(void)ops;
	for (int64_t i = 0; i < n && ret == 0; i++)
		ret = rte_bus_scan();
	answer("\"ret\": %d, \"grown\": %zd", ret, (ssize_t)(mallinfo2().uordblks - before));
}

/* ---- two threads ---- */

#define RACE_ROUNDS 20

static void *
race_run(void *arg)
{
	struct ops *ops = arg;
	struct rte_eth_dev_info info;
	intptr_t refused = 0;

	for (unsigned int i = 0; i < RACE_ROUNDS; i++)
		refused += rte_eth_dev_info_get(ops->port, &info) != 0;
	return (void *)refused;
}

/* Both ask for the port's properties; how many times one was refused. */
static void
op_race(struct ops *ops, const struct words *words)
{
	void *mine, *other = NULL;
	pthread_t thread;

	(void)words;
	if (pthread_create(&thread, NULL, race_run, ops) != 0) {
		returned(-EAGAIN);
		return;
	}
	mine = race_run(ops);
	pthread_join(thread, &other);
	answer("\"ret\": 0, \"refused\": %ld", (long)(intptr_t)mine + (long)(intptr_t)other);
}

/* Walks EAL's heap and takes and gives back memory of many sizes. */
static void
op_heap(struct ops *ops, const struct words *words)
{
	struct rte_malloc_socket_stats stats = { 0 };
	FILE *nowhere = fopen("/dev/null", "w");
	void *some[64];

	(void)ops;
	(void)words;
	if (nowhere != NULL) {
		rte_malloc_dump_heaps(nowhere);
		fclose(nowhere);
	}
	rte_malloc_get_socket_stats((int)rte_socket_id(), &stats);
	for (unsigned int i = 0; i < RTE_DIM(some); i++)
		some[i] = rte_malloc(NULL, 64u << i % 12, 0);
	for (unsigned int i = 0; i < RTE_DIM(some); i++)
		rte_free(some[i]);
	answer("\"ret\": 0, \"allocations\": %u", stats.alloc_count);
}

const struct op port_ops[] = {
	{ "pool", op_pool }, { "configure", op_configure }, { "rxq", op_rxq }, { "txq", op_txq },
	{ "start", op_start }, { "stop", op_stop }, { "close", op_close }, { "reset", op_reset },
	{ "remove", op_remove }, { "attach", op_attach },
	{ "end", op_end }, { "promisc", op_promisc }, { "allmulti", op_allmulti },
	{ "groups", op_groups }, { "mtu", op_mtu }, { "rss_set", op_rss_set },
	{ "reta_set", op_reta_set }, { "rescan", op_rescan }, { "heap", op_heap },
	{ "race", op_race }, { NULL, NULL },
};
