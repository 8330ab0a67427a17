/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The operations that the driver must have: members of struct eth_dev_ops, and
 * functions that struct rte_eth_dev has itself. devtools/gen-ops.py reads it,
 * too: each needs a test that names it.
 */
#define NETVSC_TEST_OPS(OP) \
	OP(dev_configure) OP(dev_start) OP(dev_stop) OP(dev_close) OP(dev_reset) OP(is_removed) \
	OP(dev_infos_get) OP(dev_supported_ptypes_get) OP(dev_ptypes_set) \
	OP(promiscuous_enable) OP(promiscuous_disable) \
	OP(allmulticast_enable) OP(allmulticast_disable) \
	OP(set_mc_addr_list) OP(mac_addr_set) OP(mtu_set) OP(link_update) OP(vlan_offload_set) \
	OP(reta_update) OP(reta_query) OP(rss_hash_update) OP(rss_hash_conf_get) \
	OP(rx_queue_setup) OP(rx_queue_release) OP(rx_queue_start) OP(rx_queue_stop) \
	OP(tx_queue_setup) OP(tx_queue_release) OP(tx_queue_start) OP(tx_queue_stop) \
	OP(rxq_info_get) OP(txq_info_get) OP(rx_burst_mode_get) OP(tx_burst_mode_get) \
	OP(tx_done_cleanup) OP(stats_get) OP(stats_reset) \
	OP(xstats_get) OP(xstats_get_names) OP(xstats_reset) \
	OP(fw_version_get) OP(get_reg) OP(eth_dev_priv_dump)

#define NETVSC_TEST_FAST(FAST) \
	FAST(rx_pkt_burst) FAST(tx_pkt_burst) FAST(tx_pkt_prepare) FAST(rx_queue_count) \
	FAST(rx_descriptor_status) FAST(tx_descriptor_status)
