/* SPDX-License-Identifier: BSD-3-Clause */

/* What the port answers when it is asked what it is and what it can. */

#include <stdlib.h>
#include <string.h>

#include "fake_port.h"
#include "netvsc_queue.h"

static struct rte_eth_dev_info
info_of(struct fake_data *d)
{
	struct rte_eth_dev_info info = { 0 };

	assert_int_equal(d->eth->dev_ops->dev_infos_get(d->eth, &info), 0);
	return info;
}

/* Op: dev_infos_get. */
static void
the_limits_are_those_of_the_rings_and_the_host(void **state)
{
	struct fake_data *d = fake_port_start(&(struct fake_setup){ 0 });
	struct rte_eth_dev_info info = info_of(d);

	(void)state;
	assert_int_equal(info.max_rx_queues, 8);
	assert_int_equal(info.max_tx_queues, 8);
	assert_int_equal(info.rx_desc_lim.nb_max, 16384);
	assert_int_equal(info.rx_desc_lim.nb_min, 64);
	assert_int_equal(info.rx_desc_lim.nb_align, 1);
	assert_int_equal(info.tx_desc_lim.nb_max, 4096);
	assert_int_equal(info.tx_desc_lim.nb_min, 64);
	assert_int_equal(info.tx_desc_lim.nb_align, 1);
	assert_int_equal(info.tx_desc_lim.nb_seg_max, 32);
	assert_int_equal(info.tx_desc_lim.nb_mtu_seg_max, 32);
	assert_int_equal(info.default_rxportconf.burst_size, 32);
	assert_int_equal(info.default_txportconf.burst_size, 32);
	assert_int_equal(info.default_rxportconf.nb_queues, 1);
	assert_int_equal(info.default_txportconf.nb_queues, 1);
	assert_int_equal(info.default_rxportconf.ring_size, 512);
	assert_int_equal(info.default_txportconf.ring_size, 512);
	assert_int_equal(info.default_txconf.tx_free_thresh, 0);
	assert_int_equal(info.min_mtu, 68);
	assert_int_equal(info.max_mtu, 9216);
	assert_int_equal(info.max_rx_pktlen, 9216 + 14 + 4);
	assert_int_equal(info.min_rx_bufsize, 64);
	assert_int_equal(info.max_mac_addrs, 1);
	assert_int_equal(info.max_lro_pkt_size, 65535);
	assert_int_equal(info.reta_size, 128);
	assert_int_equal(info.hash_key_size, 40);
	assert_true((info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_RSS_HASH) != 0);
	assert_int_equal(info.rx_queue_offload_capa,
		RTE_ETH_RX_OFFLOAD_VLAN_STRIP | RTE_ETH_RX_OFFLOAD_SCATTER);
	assert_int_equal(info.dev_capa, RTE_ETH_DEV_CAPA_RUNTIME_RX_QUEUE_SETUP |
		RTE_ETH_DEV_CAPA_RUNTIME_TX_QUEUE_SETUP);
	assert_int_equal(info.speed_capa, RTE_ETH_LINK_SPEED_10G);
	fake_data_stop(d);
}

static void
without_rss(struct fake_host *host)
{
	host->set.rss_entries = 0;
	host->set.rss_queues = 1;
	host->set.nvsp_max = NVSP_VERSION_4;
}

static void
a_host_without_rss_has_one_queue_no_table_and_no_key(void **state)
{
	struct fake_data *d = fake_port_start(&(struct fake_setup){ .host = without_rss });
	struct rte_eth_dev_info info = info_of(d);

	(void)state;
	assert_int_equal(info.max_rx_queues, 1);
	assert_int_equal(info.reta_size, 0);
	assert_int_equal(info.hash_key_size, 0);
	assert_int_equal(info.flow_type_rss_offloads, 0);
	assert_true((info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_RSS_HASH) == 0);
	fake_data_stop(d);
}

static void
the_queues_advertised_are_the_least_of_host_and_kernel(void **state)
{
	static const struct {
		uint16_t limit, queues, expected;
	} row[] = { { 0, 8, 8 }, { 3, 8, 3 }, { 8, 3, 3 }, { 1, 8, 1 }, { 0, 0, 1 } };
	struct fake_data *d = fake_port_start(&(struct fake_setup){ 0 });
	struct netvsc_device *dev = &d->host->dev;

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(row); i++) {
		dev->queue_limit = row[i].limit;
		dev->host.queues = row[i].queues;
		assert_int_equal(info_of(d).max_rx_queues, row[i].expected);
		assert_int_equal(info_of(d).max_tx_queues, row[i].expected);
	}
	fake_data_stop(d);
}

/* A frame and all that is before it must fit a section, where nothing but the
 * send buffer carries it. */
static void
the_mtu_advertised_is_what_host_and_send_buffer_carry(void **state)
{
	static const struct {
		uint32_t nvsp;
		uint16_t host_mtu, refused;
		bool page_lists;
		uint32_t section, transfer, alignment, expected;
	} row[] = {
		{ NVSP_VERSION_61, 1500, 0, true, 6144, UINT32_MAX, 8, 9216 },
		{ NVSP_VERSION_2, 1500, 0, true, 6144, UINT32_MAX, 8, 9216 },
		{ NVSP_VERSION_1, 1500, 0, true, 6144, UINT32_MAX, 8, 1500 },
		{ NVSP_VERSION_61, 1500, 4001, true, 6144, UINT32_MAX, 8, 4000 },
		{ NVSP_VERSION_61, 1500, 0, false, 6144, UINT32_MAX, 1,
			6144 - NETVSC_TX_HEADER_MAX - 14 },
		{ NVSP_VERSION_61, 1500, 0, false, 6144, UINT32_MAX, 8,
			6144 - NETVSC_TX_HEADER_MAX - 14 - 7 },
		{ NVSP_VERSION_61, 1500, 0, false, 6144, 4096, 1,
			4096 - NETVSC_TX_HEADER_MAX - 14 },
		{ NVSP_VERSION_61, 1500, 3000, false, 6144, UINT32_MAX, 1, 2999 },
		{ NVSP_VERSION_61, 1500, 0, false, 65536, UINT32_MAX, 1, 9216 },
		/* Just enough for the MTU that every host allows, and too little: then
		 * the host is one that takes messages beyond their section. */
		{ NVSP_VERSION_61, 1500, 0, false, NETVSC_TX_HEADER_MAX + 14 + 1500, UINT32_MAX, 1,
			1500 },
		{ NVSP_VERSION_61, 1500, 0, false, NETVSC_TX_HEADER_MAX + 14 + 1499, UINT32_MAX, 1,
			9216 },
	};
	struct fake_data *d = fake_port_start(&(struct fake_setup){ 0 });
	struct netvsc_device *dev = &d->host->dev, before = *dev;

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(row); i++) {
		dev->host.nvsp = row[i].nvsp;
		dev->host.mtu = row[i].host_mtu;
		dev->mtu_refused = row[i].refused;
		dev->page_lists_ok = row[i].page_lists;
		dev->host.send_section_bytes = row[i].section;
		dev->host.max_transfer_bytes = row[i].transfer;
		dev->host.alignment = row[i].alignment;
		assert_int_equal(info_of(d).max_mtu, row[i].expected);
	}
	*dev = before;
	fake_data_stop(d);
}

/* Op: fw_version_get. */
static void
the_version_is_told_in_words_and_its_length_where_there_is_no_room(void **state)
{
	static const struct {
		uint32_t nvsp;
		const char *text;
	} row[] = {
		{ NVSP_VERSION_1, "NVSP 1.0 NDIS 6.30" }, { NVSP_VERSION_2, "NVSP 2.0 NDIS 6.30" },
		{ NVSP_VERSION_4, "NVSP 4.0 NDIS 6.30" }, { NVSP_VERSION_5, "NVSP 5.0 NDIS 6.30" },
		{ NVSP_VERSION_61, "NVSP 6.1 NDIS 6.30" },
	};
	struct fake_data *d = fake_port_start(&(struct fake_setup){ 0 });
	struct netvsc_host *host = &d->host->dev.host;
	uint32_t before = host->nvsp;
	char text[32];

	(void)state;
	host->ndis_major = 6;
	host->ndis_minor = 30;
	for (unsigned int i = 0; i < RTE_DIM(row); i++) {
		int bytes = (int)strlen(row[i].text) + 1;

		host->nvsp = row[i].nvsp;
		assert_int_equal(d->eth->dev_ops->fw_version_get(d->eth, text, sizeof(text)), 0);
		assert_string_equal(text, row[i].text);
		assert_int_equal(d->eth->dev_ops->fw_version_get(d->eth, text, (size_t)bytes), 0);
		assert_int_equal(d->eth->dev_ops->fw_version_get(d->eth, text, (size_t)bytes - 1),
			bytes);
	}
	host->nvsp = before;
	fake_data_stop(d);
}

/* Op: dev_supported_ptypes_get, dev_ptypes_set. */
static void
packet_types_are_listed_once_each_and_can_be_switched_off_and_on(void **state)
{
	struct fake_data *d = fake_port_start(&(struct fake_setup){ 0 });
	const struct netvsc_rxq *rxq = d->eth->data->rx_queues[0];
	uint64_t seen = 0;
	const uint32_t *types;
	size_t count = 0;

	(void)state;
#if RTE_VERSION >= RTE_VERSION_NUM(24, 3, 0, 0)
	types = d->eth->dev_ops->dev_supported_ptypes_get(d->eth, &count);
#else
	types = d->eth->dev_ops->dev_supported_ptypes_get(d->eth);
	while (types[count] != RTE_PTYPE_UNKNOWN)
		count++;
#endif
	assert_int_equal(count, 13);
	for (size_t i = 0; i < count; i++)
		seen += types[i];       /* each is one value of one field */
	assert_true(seen == (uint64_t)RTE_PTYPE_L2_ETHER + RTE_PTYPE_L2_ETHER_ARP +
		RTE_PTYPE_L2_ETHER_VLAN + RTE_PTYPE_L2_ETHER_QINQ + RTE_PTYPE_L2_ETHER_MPLS +
		RTE_PTYPE_L3_IPV4 + RTE_PTYPE_L3_IPV4_EXT + RTE_PTYPE_L3_IPV6 +
		RTE_PTYPE_L3_IPV6_EXT + RTE_PTYPE_L4_TCP + RTE_PTYPE_L4_UDP + RTE_PTYPE_L4_SCTP +
		RTE_PTYPE_L4_FRAG);
	for (unsigned int on = 0; on < 2; on++) {
		assert_int_equal(d->eth->dev_ops->dev_ptypes_set(d->eth, on ? RTE_PTYPE_ALL_MASK : 0),
			0);
		assert_int_equal(rxq->want_ptype, on);
		assert_int_equal(d->host->dev.no_ptypes, !on);
	}
	fake_data_stop(d);
}

/* Op: rxq_info_get, txq_info_get, rx_burst_mode_get, tx_burst_mode_get. */
static void
queues_tell_how_they_were_set_up(void **state)
{
	struct fake_data *d = fake_port_start(&(struct fake_setup){
		.rx_offloads = RTE_ETH_RX_OFFLOAD_SCATTER, .nb_desc = 80 });
	const struct eth_dev_ops *ops = d->eth->dev_ops;
	struct netvsc_rxq *rxq = d->eth->data->rx_queues[0];
	struct netvsc_txq *txq = d->eth->data->tx_queues[0];
	struct rte_eth_burst_mode mode = { 0 };
	struct rte_eth_rxq_info rx = { 0 };
	struct rte_eth_txq_info tx = { 0 };

	(void)state;
	rxq->deferred_start = true;
	rxq->free_thresh = 9;
	ops->rxq_info_get(d->eth, 0, &rx);
	assert_ptr_equal(rx.mp, d->pool.mp);
	assert_int_equal(rx.nb_desc, 128);
	assert_int_equal(rx.scattered_rx, 1);
	assert_int_equal(rx.rx_buf_size, 2048);
	assert_int_equal(rx.conf.rx_free_thresh, 9);
	assert_int_equal(rx.conf.rx_deferred_start, 1);
	assert_int_equal(rx.conf.offloads, RTE_ETH_RX_OFFLOAD_SCATTER);
	rxq->data_room = 65536;
	ops->rxq_info_get(d->eth, 0, &rx);
	assert_int_equal(rx.rx_buf_size, 65535);
	rxq->data_room = 2048;
	ops->txq_info_get(d->eth, 0, &tx);
	assert_int_equal(tx.nb_desc, 80);
	assert_int_equal(tx.conf.tx_free_thresh, 20);
	assert_int_equal(tx.conf.tx_deferred_start, 0);
	assert_int_equal(tx.conf.offloads, 0);
	assert_int_equal(ops->rx_burst_mode_get(d->eth, 0, &mode), 0);
	assert_string_equal(mode.info, "Scalar, copied, scattered");
	rxq->scatter = false;
	rxq->lro = true;
	assert_int_equal(ops->rx_burst_mode_get(d->eth, 0, &mode), 0);
	assert_string_equal(mode.info, "Scalar, copied, coalesced");
	rxq->lro = false;
	txq->page_lists = true;
	assert_int_equal(ops->tx_burst_mode_get(d->eth, 0, &mode), 0);
	assert_string_equal(mode.info, "Scalar, copied to 512 bytes, then page lists");
	txq->page_lists = false;
	assert_int_equal(ops->tx_burst_mode_get(d->eth, 0, &mode), 0);
	assert_string_equal(mode.info, "Scalar, copied");
	fake_data_stop(d);
}

static char *
dump_of(struct fake_data *d)
{
	char *text = NULL;
	size_t bytes;
	FILE *file = open_memstream(&text, &bytes);

	assert_non_null(file);
	assert_int_equal(d->eth->dev_ops->eth_dev_priv_dump(d->eth, file), 0);
	fclose(file);
	return text;
}

/* Op: eth_dev_priv_dump. */
static void
a_dump_shows_the_state_as_it_is(void **state)
{
	static const char expected[] =
		"fake: port 3, MTU 1500, 1 channels\n"
		"  host: NVSP 0x60001, NDIS 6.30, MTU 1500, queues 8, RETA 128\n"
		"  receive buffer: 128 sections of 2048 bytes\n"
		"  send buffer: %u sections of 6144 bytes, %u for control; 8 packets per message,"
		" alignment 8\n"
		"  page lists: yes; confidential: no; filter 0x9; epoch 1\n"
		"  channel 0: relid 21, monitor, dead\n"
		"    backlog: 7 frames, 3 transfers, 6 acknowledgements owed\n"
		"    rings: rx %u of 16384, tx %u of 16384 bytes\n";
	struct fake_data *d = fake_port_start(&(struct fake_setup){ 0 });
	struct netvsc_device *dev = &d->host->dev;
	struct netvsc_channel *channel = dev->channel[0];
	struct netvsc_channel before = *channel;
	char text[1024], *dump;

	(void)state;
	dev->port_id = 3;
	dev->host.ndis_major = 6;
	dev->host.ndis_minor = 30;
	channel->vmbus->relid = 21;
	channel->vmbus->monitor = true;
	channel->backlog.range_head += 7;
	channel->backlog.transfer_head += 3;
	channel->backlog.acked -= 4;
	channel->owed_count = 2;
	channel->dead = true;
	d->host->shared.gone = 1;       /* nothing is asked of the host, and no ring touched */
	dump = dump_of(d);
	snprintf(text, sizeof(text), expected, dev->host.send_section_count,
		dev->host.send_control_count, channel->vmbus->rx.read, channel->vmbus->tx.write);
	assert_string_equal(dump, text);
	free(dump);
	d->host->shared.gone = 0;
	channel->backlog = before.backlog;
	channel->owed_count = before.owed_count;
	channel->dead = false;
	channel->vmbus->monitor = false;
	dump = dump_of(d);
	assert_non_null(strstr(dump, "relid 21, hypercall\n"));
	free(dump);
	fake_data_stop(d);
}

/* Op: is_removed. */
static void
a_port_is_removed_once_its_device_is_gone(void **state)
{
	struct fake_data *d = fake_port_start(&(struct fake_setup){ 0 });
	struct vmbus_shared *vmbus = d->host->dev.vmbus;

	(void)state;
	assert_int_equal(d->eth->dev_ops->is_removed(d->eth), 0);
	d->host->shared.gone = 1;
	assert_int_equal(d->eth->dev_ops->is_removed(d->eth), 1);
	d->host->dev.vmbus = NULL;
	assert_int_equal(d->eth->dev_ops->is_removed(d->eth), 0);
	d->host->dev.vmbus = vmbus;
	d->host->shared.gone = 0;
	fake_data_stop(d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_limits_are_those_of_the_rings_and_the_host),
		cmocka_unit_test(a_host_without_rss_has_one_queue_no_table_and_no_key),
		cmocka_unit_test(the_queues_advertised_are_the_least_of_host_and_kernel),
		cmocka_unit_test(the_mtu_advertised_is_what_host_and_send_buffer_carry),
		cmocka_unit_test(the_version_is_told_in_words_and_its_length_where_there_is_no_room),
		cmocka_unit_test(packet_types_are_listed_once_each_and_can_be_switched_off_and_on),
		cmocka_unit_test(queues_tell_how_they_were_set_up),
		cmocka_unit_test(a_dump_shows_the_state_as_it_is),
		cmocka_unit_test(a_port_is_removed_once_its_device_is_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
