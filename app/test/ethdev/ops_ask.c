/* SPDX-License-Identifier: BSD-3-Clause */
/* What can be asked of a port. */

#include "ops.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ethdev_driver.h>
#include <rte_bus.h>
#include <rte_dev.h>

#include "ops_list.h"

#define XSTATS_MAX 4096
#define EVENTS_MAX 64u
#define REGS_MAX 65536

/* ---- events ---- */

/* Written on EAL's interrupt thread, read by the commands. */
static struct {
	uint32_t count[RTE_ETH_EVENT_MAX];
	uint32_t links;
	struct rte_eth_link link[EVENTS_MAX];   /* as the callback saw it by get_nowait */
	int call_ret;                           /* of what the callback called */
} events[OPS_PORTS_MAX];

static int
event(uint16_t port, enum rte_eth_event_type type, void *arg, void *ret)
{
	uint32_t at = events[port].links;

	RTE_SET_USED(arg);
	RTE_SET_USED(ret);
	if (type == RTE_ETH_EVENT_INTR_LSC && at < EVENTS_MAX) {
		/* An application may do what it likes here: questions and settings. */
		int err = rte_eth_link_get_nowait(port, &events[port].link[at]);

		if (err == 0)
			err = rte_eth_allmulticast_enable(port);
		if (err == 0)
			err = rte_eth_allmulticast_disable(port);
		if (err < 0)
			events[port].call_ret = err;
		__atomic_store_n(&events[port].links, at + 1, __ATOMIC_RELEASE);
	}
	__atomic_fetch_add(&events[port].count[type], 1, __ATOMIC_SEQ_CST);
	return 0;
}

/* lsc P: from now on events are counted */
int
ops_lsc(uint16_t port, const struct ops_words *words)
{
	static const enum rte_eth_event_type types[] = {
		RTE_ETH_EVENT_INTR_LSC, RTE_ETH_EVENT_INTR_RMV, RTE_ETH_EVENT_INTR_RESET,
	};
	int ret = 0;

	RTE_SET_USED(words);
	memset(&events[port], 0, sizeof(events[port]));
	for (unsigned int i = 0; i < RTE_DIM(types) && ret == 0; i++)
		ret = rte_eth_dev_callback_register(port, types[i], event, NULL);
	return ret;
}

int
ops_events(uint16_t port, const struct ops_words *words)
{
	uint32_t links = __atomic_load_n(&events[port].links, __ATOMIC_ACQUIRE);

	RTE_SET_USED(words);
	printf(", \"lsc\": %u, \"rmv\": %u, \"reset\": %u, \"call_ret\": %d, \"links\": [",
		events[port].count[RTE_ETH_EVENT_INTR_LSC],
		events[port].count[RTE_ETH_EVENT_INTR_RMV],
		events[port].count[RTE_ETH_EVENT_INTR_RESET], events[port].call_ret);
	for (uint32_t i = 0; i < links; i++)
		printf("%s[%u, %u]", i == 0 ? "" : ", ", events[port].link[i].link_status,
			events[port].link[i].link_speed);
	printf("]");
	return 0;
}

/* ---- the port ---- */

int
ops_info(uint16_t port, const struct ops_words *words)
{
	char name[RTE_ETH_NAME_MAX_LEN] = "";
	struct rte_eth_dev_info info;
	uint16_t by_name = UINT16_MAX;
	int ret = rte_eth_dev_info_get(port, &info);

	RTE_SET_USED(words);
	if (ret < 0)
		return ret;
	if (rte_eth_dev_get_name_by_port(port, name) == 0)
		rte_eth_dev_get_port_by_name(name, &by_name);
	printf(", \"name\": \"%s\", \"by_name\": %u, \"bus\": \"%s\"", name, by_name,
		rte_bus_name(rte_dev_bus(info.device)));
	printf(", \"driver\": \"%s\", \"min_mtu\": %u, \"max_mtu\": %u, \"max_rx_pktlen\": %u",
		info.driver_name, info.min_mtu, info.max_mtu, info.max_rx_pktlen);
	printf(", \"rx_queues\": %u, \"tx_queues\": %u, \"reta\": %u, \"key\": %u, \"hf\": %" PRIu64,
		info.max_rx_queues, info.max_tx_queues, info.reta_size, info.hash_key_size,
		info.flow_type_rss_offloads);
	printf(", \"rx_offloads\": %" PRIu64 ", \"tx_offloads\": %" PRIu64 ", \"speed_capa\": %u",
		info.rx_offload_capa, info.tx_offload_capa, info.speed_capa);
	printf(", \"rx_desc\": [%u, %u], \"tx_desc\": [%u, %u], \"lro\": %u, \"dev_capa\": %" PRIu64,
		info.rx_desc_lim.nb_min, info.rx_desc_lim.nb_max, info.tx_desc_lim.nb_min,
		info.tx_desc_lim.nb_max, info.max_lro_pkt_size, info.dev_capa);
	printf(", \"macs\": %u", info.max_mac_addrs);
	return ret;
}

/* link P wait|nowait */
int
ops_link(uint16_t port, const struct ops_words *words)
{
	bool wait = words->count > 2 && strcmp(words->word[2], "wait") == 0;
	struct rte_eth_link link;
	int ret = wait ? rte_eth_link_get(port, &link) : rte_eth_link_get_nowait(port, &link);

	printf(", \"up\": %u, \"mbps\": %u, \"autoneg\": %u, \"full\": %u", link.link_status,
		link.link_speed, link.link_autoneg, link.link_duplex);
	return ret;
}

int
ops_stats(uint16_t port, const struct ops_words *words)
{
	struct rte_eth_stats s;
	int ret = rte_eth_stats_get(port, &s);

	RTE_SET_USED(words);
	printf(", \"ipackets\": %" PRIu64 ", \"opackets\": %" PRIu64 ", \"ibytes\": %" PRIu64
		", \"obytes\": %" PRIu64 ", \"imissed\": %" PRIu64 ", \"ierrors\": %" PRIu64
		", \"oerrors\": %" PRIu64 ", \"nombuf\": %" PRIu64, s.ipackets, s.opackets, s.ibytes,
		s.obytes, s.imissed, s.ierrors, s.oerrors, s.rx_nombuf);
	printf(", \"q_ipackets\": [");
	for (unsigned int i = 0; i < RTE_ETHDEV_QUEUE_STAT_CNTRS; i++)
		printf("%s%" PRIu64, i == 0 ? "" : ", ", s.q_ipackets[i]);
	printf("], \"q_opackets\": [");
	for (unsigned int i = 0; i < RTE_ETHDEV_QUEUE_STAT_CNTRS; i++)
		printf("%s%" PRIu64, i == 0 ? "" : ", ", s.q_opackets[i]);
	printf("]");
	return ret;
}

int
ops_xstats(uint16_t port, const struct ops_words *words)
{
	static struct rte_eth_xstat_name names[XSTATS_MAX];
	static struct rte_eth_xstat values[XSTATS_MAX];
	int count = rte_eth_xstats_get_names(port, names, XSTATS_MAX);
	int got = rte_eth_xstats_get(port, values, XSTATS_MAX);

	RTE_SET_USED(words);
	printf(", \"count\": %d, \"asked\": %d, \"values\": [", count,
		rte_eth_xstats_get_names(port, NULL, 0));
	for (int i = 0; i < got && i < count; i++) {
		uint64_t id = values[i].id, by_id = 0;

		rte_eth_xstats_get_by_id(port, &id, &by_id, 1);
		printf("%s[%" PRIu64 ", \"%s\", %" PRIu64 ", %d]", i == 0 ? "" : ", ", id,
			names[values[i].id].name, values[i].value, by_id >= values[i].value);
	}
	printf("]");
	return got == count ? got : -EIO;
}

/* clear P stats|xstats */
int
ops_clear(uint16_t port, const struct ops_words *words)
{
	return words->count > 2 && strcmp(words->word[2], "xstats") == 0 ?
		rte_eth_xstats_reset(port) : rte_eth_stats_reset(port);
}

int
ops_fw(uint16_t port, const struct ops_words *words)
{
	char text[64] = "", small[4];

	RTE_SET_USED(words);
	printf(", \"too_small\": %d", rte_eth_dev_fw_version_get(port, small, sizeof(small)));
	int ret = rte_eth_dev_fw_version_get(port, text, sizeof(text));

	printf(", \"bytes\": %zu, \"version\": \"%s\"", strlen(text) + 1, text);
	return ret;
}

int
ops_regs(uint16_t port, const struct ops_words *words)
{
	struct rte_dev_reg_info regs = { 0 };
	int ret = rte_eth_dev_get_reg_info(port, &regs);
	uint32_t *word;

	RTE_SET_USED(words);
	printf(", \"length\": %u, \"width\": %u, \"words\": [", regs.length, regs.width);
	word = ret < 0 || regs.length > REGS_MAX ? NULL : calloc(regs.length, sizeof(*word));
	if (word != NULL) {
		regs.data = word;
		ret = rte_eth_dev_get_reg_info(port, &regs);
		for (uint32_t i = 0; i < regs.length; i++)
			printf("%s%u", i == 0 ? "" : ", ", word[i]);
		free(word);
	}
	printf("], \"version\": %u", regs.version);
	return ret;
}

int
ops_dump(uint16_t port, const struct ops_words *words)
{
	char *text = NULL;
	size_t bytes = 0;
	FILE *file = open_memstream(&text, &bytes);
	int ret = rte_eth_dev_priv_dump(port, file);

	RTE_SET_USED(words);
	fclose(file);
	for (size_t i = 0; i < bytes; i++)
		if (text[i] == '\n' || text[i] == '"')
			text[i] = '|';
	printf(", \"text\": \"%s\"", text);
	free(text);
	return ret;
}

int
ops_removed(uint16_t port, const struct ops_words *words)
{
	RTE_SET_USED(words);
	return rte_eth_dev_is_removed(port);
}

/* ---- queues ---- */

/* qinfo P Q */
int
ops_qinfo(uint16_t port, const struct ops_words *words)
{
	uint16_t queue = (uint16_t)ops_number(words, 2, 0);
	struct rte_eth_burst_mode rx_mode, tx_mode;
	struct rte_eth_rxq_info rx;
	struct rte_eth_txq_info tx;
	int ret = rte_eth_rx_queue_info_get(port, queue, &rx);

	if (ret == 0)
		ret = rte_eth_tx_queue_info_get(port, queue, &tx);
	if (ret == 0)
		ret = rte_eth_rx_burst_mode_get(port, queue, &rx_mode);
	if (ret == 0)
		ret = rte_eth_tx_burst_mode_get(port, queue, &tx_mode);
	if (ret < 0)
		return ret;
	printf(", \"rx\": {\"nb_desc\": %u, \"free_thresh\": %u, \"deferred\": %u, \"state\": %u, "
		"\"scattered\": %u, \"mode\": \"%s\", \"pool\": %d, \"buf\": %u}", rx.nb_desc,
		rx.conf.rx_free_thresh, rx.conf.rx_deferred_start, rx.queue_state, rx.scattered_rx,
		rx_mode.info, rx.mp == ops_pool, rx.rx_buf_size);
	printf(", \"tx\": {\"nb_desc\": %u, \"free_thresh\": %u, \"deferred\": %u, \"state\": %u, "
		"\"mode\": \"%s\"}", tx.nb_desc, tx.conf.tx_free_thresh, tx.conf.tx_deferred_start,
		tx.queue_state, tx_mode.info);
	return ret;
}

/* ptypes P [MASK]: sets, if given, and tells */
int
ops_ptypes(uint16_t port, const struct ops_words *words)
{
	uint32_t types[64];
	int ret = 0, count;

	if (words->count > 2)
		ret = rte_eth_dev_set_ptypes(port, (uint32_t)ops_number(words, 2, 0), types, 64);
	count = rte_eth_dev_get_supported_ptypes(port, UINT32_MAX, types, 64);
	printf(", \"types\": [");
	for (int i = 0; i < count; i++)
		printf("%s%u", i == 0 ? "" : ", ", types[i]);
	printf("]");
	return ret;
}

/* status P Q OFFSET */
int
ops_status(uint16_t port, const struct ops_words *words)
{
	uint16_t queue = (uint16_t)ops_number(words, 2, 0);
	uint16_t offset = (uint16_t)ops_number(words, 3, 0);

	printf(", \"count\": %d, \"rx\": %d, \"tx\": %d", rte_eth_rx_queue_count(port, queue),
		rte_eth_rx_descriptor_status(port, queue, offset),
		rte_eth_tx_descriptor_status(port, queue, offset));
	return 0;
}

/* done P Q [COUNT] */
int
ops_done(uint16_t port, const struct ops_words *words)
{
	return rte_eth_tx_done_cleanup(port, (uint16_t)ops_number(words, 2, 0),
		(uint32_t)ops_number(words, 3, 0));
}

/* ---- RSS ---- */

int
ops_reta_get(uint16_t port, const struct ops_words *words)
{
	struct rte_eth_rss_reta_entry64 reta[RTE_ETH_RSS_RETA_SIZE_512 / RTE_ETH_RETA_GROUP_SIZE];
	struct rte_eth_dev_info info;
	int ret = rte_eth_dev_info_get(port, &info);

	RTE_SET_USED(words);
	memset(reta, 0xff, sizeof(reta));
	if (ret == 0)
		ret = rte_eth_dev_rss_reta_query(port, reta, info.reta_size);
	printf(", \"table\": [");
	for (uint16_t i = 0; ret == 0 && i < info.reta_size; i++)
		printf("%s%u", i == 0 ? "" : ", ", reta[i / RTE_ETH_RETA_GROUP_SIZE]
			.reta[i % RTE_ETH_RETA_GROUP_SIZE]);
	printf("]");
	return ret;
}

int
ops_rss_get(uint16_t port, const struct ops_words *words)
{
	uint8_t key[40] = { 0 };
	struct rte_eth_rss_conf conf = { .rss_key = key, .rss_key_len = sizeof(key) };
	int ret = rte_eth_dev_rss_hash_conf_get(port, &conf);

	RTE_SET_USED(words);
	printf(", \"hf\": %" PRIu64 ", \"key\": \"", conf.rss_hf);
	for (unsigned int i = 0; i < sizeof(key); i++)
		printf("%02x", key[i]);
	printf("\"");
	return ret;
}

/* ---- the driver's own table ---- */

/* Which of the operations that it must have are there. */
int
ops_present(uint16_t port, const struct ops_words *words)
{
	const struct rte_eth_dev *eth = &rte_eth_devices[port];
	const char *comma = "";

	RTE_SET_USED(words);
	printf(", \"ops\": {");
#define OP(name) printf("%s\"" #name "\": %d", comma, eth->dev_ops->name != NULL); comma = ", ";
#define FAST(name) printf("%s\"" #name "\": %d", comma, eth->name != NULL); comma = ", ";
	NETVSC_TEST_OPS(OP)
	NETVSC_TEST_FAST(FAST)
#undef OP
#undef FAST
	printf("}");
	return 0;
}
