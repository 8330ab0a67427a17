/* SPDX-License-Identifier: BSD-3-Clause */
/* What a port says of itself. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lines.h"

static void
op_info(struct ops *ops, const struct words *words)
{
	struct rte_eth_dev_info info = { 0 };
	int ret = rte_eth_dev_info_get(ops->port, &info);

	(void)words;
	answer("\"ret\": %d, \"min_mtu\": %u, \"max_mtu\": %u, \"nb_seg_max\": %u, \"rx_desc_max\": %u"
		", \"tx_desc_max\": %u, \"speed_capa\": %u, \"reta\": %u, \"hf\": %" PRIu64
		", \"rxo\": %" PRIu64 ", \"txo\": %" PRIu64 ", \"max_rx_queues\": %u", ret,
		info.min_mtu, info.max_mtu, info.tx_desc_lim.nb_seg_max, info.rx_desc_lim.nb_max,
		info.tx_desc_lim.nb_max, info.speed_capa, info.reta_size,
		info.flow_type_rss_offloads, info.rx_offload_capa, info.tx_offload_capa,
		info.max_rx_queues);
}

static void
op_ptypes(struct ops *ops, const struct words *words)
{
	uint32_t types[64];

	(void)words;
	answer("\"ret\": %d", rte_eth_dev_get_supported_ptypes(ops->port, UINT32_MAX, types,
		(int)RTE_DIM(types)));
}

static void
op_modes(struct ops *ops, const struct words *words)
{
	(void)words;
	answer("\"promisc\": %d, \"allmulti\": %d", rte_eth_promiscuous_get(ops->port),
		rte_eth_allmulticast_get(ops->port));
}

static void
op_link(struct ops *ops, const struct words *words)
{
	struct rte_eth_link link = { 0 };
	int ret = rte_eth_link_get_nowait(ops->port, &link);

	(void)words;
	answer("\"ret\": %d, \"up\": %d, \"mbps\": %u, \"autoneg\": %d, \"events\": %u", ret,
		link.link_status, link.link_speed, link.link_autoneg, ops->link_events);
}

/* How many times it was told so far that a device is gone; if this port's is. */
static void
op_removals(struct ops *ops, const struct words *words)
{
	(void)words;
	answer("\"count\": %u, \"removed\": %d", ops->removals,
		rte_eth_dev_is_removed(ops->port));
}

static void
op_stats(struct ops *ops, const struct words *words)
{
	struct rte_eth_stats s = { 0 };
	int ret = rte_eth_stats_get(ops->port, &s);

	(void)words;
	answer("\"ret\": %d, \"ipackets\": %" PRIu64 ", \"opackets\": %" PRIu64 ", \"ibytes\": %"
		PRIu64 ", \"ierrors\": %" PRIu64 ", \"oerrors\": %" PRIu64 ", \"imissed\": %" PRIu64
		", \"rx_nombuf\": %" PRIu64, ret, s.ipackets, s.opackets, s.ibytes, s.ierrors,
		s.oerrors, s.imissed, s.rx_nombuf);
}

/* Names and values; names that have none, or values without a name, show. */
static void
op_xstats(struct ops *ops, const struct words *words)
{
	static struct rte_eth_xstat_name names[1024];
	static struct rte_eth_xstat values[1024];
	int n = rte_eth_xstats_get_names(ops->port, names, RTE_DIM(names));
	int v = rte_eth_xstats_get(ops->port, values, RTE_DIM(values));
	unsigned int spaces = 0;

	(void)words;
	for (int i = 0; i < n; i++)
		spaces += strchr(names[i].name, ' ') != NULL;
	printf("{\"names\": %d, \"values\": %d, \"with_space\": %u, \"of\": {", n, v, spaces);
	for (int i = 0, some = 0; i < v; i++)
		if (values[i].value != 0 && values[i].id < (uint64_t)RTE_MAX(n, 0))
			printf("%s\"%s\": %" PRIu64, some++ > 0 ? ", " : "",
				names[values[i].id].name, values[i].value);
	puts("}}");
	fflush(stdout);
}

static void
op_xstats_reset(struct ops *ops, const struct words *words)
{
	(void)words;
	answer("\"ret\": %d", rte_eth_xstats_reset(ops->port));
}

static void
op_desc(struct ops *ops, const struct words *words)
{
	uint16_t q = (uint16_t)word_number(words, "q", 0);
	uint16_t at = (uint16_t)word_number(words, "at", 0);

	answer("\"rx\": %d, \"tx\": %d", rte_eth_rx_descriptor_status(ops->port, q, at),
		rte_eth_tx_descriptor_status(ops->port, q, at));
}

static void
op_rss_get(struct ops *ops, const struct words *words)
{
	uint8_t key[64] = { 0 };
	struct rte_eth_rss_conf conf = { .rss_key = key, .rss_key_len = 40 };
	int ret = rte_eth_dev_rss_hash_conf_get(ops->port, &conf);

	(void)words;
	printf("{\"ret\": %d, \"hf\": %" PRIu64 ", \"key\": \"", ret, conf.rss_hf);
	for (unsigned int i = 0; i < 40; i++)
		printf("%02x", key[i]);
	puts("\"}");
	fflush(stdout);
}

static void
op_reta_get(struct ops *ops, const struct words *words)
{
	struct rte_eth_rss_reta_entry64 reta[RTE_ETH_RSS_RETA_SIZE_512 / RTE_ETH_RETA_GROUP_SIZE];
	uint16_t size = (uint16_t)word_number(words, "size", 128);
	int ret;

	memset(reta, 0xff, sizeof(reta));
	for (unsigned int i = 0; i < RTE_DIM(reta); i++)
		reta[i].mask = UINT64_MAX;
	ret = rte_eth_dev_rss_reta_query(ops->port, reta, size);
	printf("{\"ret\": %d, \"queues\": [", ret);
	for (uint16_t i = 0; ret == 0 && i < size; i++)
		printf("%s%u", i > 0 ? ", " : "",
			reta[i / RTE_ETH_RETA_GROUP_SIZE].reta[i % RTE_ETH_RETA_GROUP_SIZE]);
	puts("]}");
	fflush(stdout);
}

/* Operations that a modern driver has; queue 0 exists. */
static void
op_calls(struct ops *ops, const struct words *words)
{
	struct rte_ether_addr mac = { { 2, 0, 0, 0, 0, 9 } };
	struct rte_eth_burst_mode mode;
	char version[64] = "";

	(void)words;
	answer("\"fw_version\": %d, \"mac_set\": %d, \"rxq_stop\": %d, \"rxq_start\": %d"
		", \"txq_stop\": %d, \"txq_start\": %d, \"vlan_offload\": %d, \"rx_burst_mode\": %d"
		", \"tx_burst_mode\": %d, \"reset_is_known\": %d",
		rte_eth_dev_fw_version_get(ops->port, version, sizeof(version)),
		rte_eth_dev_default_mac_addr_set(ops->port, &mac),
		rte_eth_dev_rx_queue_stop(ops->port, 0), rte_eth_dev_rx_queue_start(ops->port, 0),
		rte_eth_dev_tx_queue_stop(ops->port, 0), rte_eth_dev_tx_queue_start(ops->port, 0),
		rte_eth_dev_set_vlan_offload(ops->port, RTE_ETH_VLAN_STRIP_OFFLOAD),
		rte_eth_rx_burst_mode_get(ops->port, 0, &mode),
		rte_eth_tx_burst_mode_get(ops->port, 0, &mode),
		rte_eth_dev_is_removed(ops->port));
}

const struct op query_ops[] = {
	{ "info", op_info }, { "ptypes", op_ptypes }, { "modes", op_modes }, { "link", op_link },
	{ "removals", op_removals },
	{ "stats", op_stats }, { "xstats", op_xstats }, { "xstats_reset", op_xstats_reset },
	{ "desc", op_desc }, { "rss_get", op_rss_get }, { "reta_get", op_reta_get },
	{ "calls", op_calls }, { NULL, NULL },
};
