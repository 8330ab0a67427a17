/* SPDX-License-Identifier: BSD-3-Clause */

/* Whole conversations with hosts, of which every byte is written down: what the
 * protocol's description says, not what the driver's headers say. What is answered
 * is looked for where it ends up. */

#include "transcript_lines.h"

#include <errno.h>
#include <string.h>

#include "netvsc_link.h"
#include "netvsc_ndis.h"
#include "netvsc_offload.h"
#include "netvsc_rss.h"

/* ---- the newest version ---- */

static void
what_the_newest_host_says_ends_up_where_it_belongs(void **state)
{
	static const uint8_t mac[] = { 0x00, 0x15, 0x5d, 0x0a, 0x0b, 0x0c };
	struct fake_host *host = transcript_open_61();
	const struct netvsc_host *told = &host->dev.host;

	(void)state;
	assert_int_equal(host->dev.channel_count, 3);
	assert_int_equal(told->nvsp, 0x60001);
	assert_int_equal(told->ndis_major, 6);
	assert_int_equal(told->ndis_minor, 30);
	assert_int_equal(told->frame_max, 1514);
	assert_int_equal(told->suballoc_bytes, 1806);
	assert_int_equal(told->section_count, 100);
	assert_int_equal(told->send_section_bytes, 5632);
	assert_int_equal(told->send_section_count, 46);
	assert_int_equal(told->send_control_count, 0);
	assert_int_equal(told->packets_per_message, 7);
	assert_int_equal(told->max_transfer_bytes, 0x12345);
	assert_int_equal(told->alignment, 16);
	assert_int_equal(told->mtu, 1498);
	assert_memory_equal(&told->mac, mac, sizeof(mac));
	assert_int_equal(told->offload_revision, 3);
	transcript_told_offload(&told->offload);
	assert_int_equal(told->tx_offloads, RTE_ETH_TX_OFFLOAD_MULTI_SEGS |
		RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM |
		RTE_ETH_TX_OFFLOAD_UDP_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_TSO |
		RTE_ETH_TX_OFFLOAD_VLAN_INSERT);
	assert_int_equal(told->rx_offloads, RTE_ETH_RX_OFFLOAD_VLAN_STRIP |
		RTE_ETH_RX_OFFLOAD_SCATTER | RTE_ETH_RX_OFFLOAD_IPV4_CKSUM |
		RTE_ETH_RX_OFFLOAD_TCP_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM |
		RTE_ETH_RX_OFFLOAD_TCP_LRO);
	assert_int_equal(told->queues, 6);
	assert_int_equal(told->reta_size, 96);
	assert_int_equal(told->rss_caps, 0x301);
	assert_false(told->link_up);
	assert_int_equal(told->link_bps, 1001300);
	transcript_close_61(host);
}

static void
each_filter_is_set_in_the_hosts_bits(void **state)
{
	struct fake_host *host = transcript_open_61();
	struct netvsc_device *dev = &host->dev;
	const struct rte_ether_addr list[2] = {
		{ { 0x01, 0x00, 0x5e, 0x01, 0x02, 0x03 } }, { { 0x33, 0x33, 0x04, 0x05, 0x06, 0x07 } },
	};

	(void)state;
	TRANSCRIPT(SET_FILTER("09000000"));     /* directed, broadcast */
	assert_int_equal(netvsc_ndis_set_receiving(dev, true), 0);
	TRANSCRIPT(SET_FILTER("2d000000"));     /* and all multicast, promiscuous */
	assert_int_equal(netvsc_ndis_set_promiscuous(dev, true), 0);
	TRANSCRIPT(SET_FILTER("09000000"));
	assert_int_equal(netvsc_ndis_set_promiscuous(dev, false), 0);
	TRANSCRIPT(SET_FILTER("0d000000"));
	assert_int_equal(netvsc_ndis_set_allmulticast(dev, true), 0);
	TRANSCRIPT(SET_FILTER("09000000"));
	assert_int_equal(netvsc_ndis_set_allmulticast(dev, false), 0);
	transcript_check();
	TRANSCRIPT(
		QUERY_U32("04010101", "02000000"),      /* lists of two at most */
		{ RNDIS, "05000000 28000000 id 03010101 0c000000 14000000 00000000"
			"01005e010203 333304050607", SET_DONE },
		SET_FILTER("0b000000"));                /* and multicast */
	assert_int_equal(netvsc_ndis_set_multicast(dev, list, 2), 0);
	TRANSCRIPT(QUERY_U32("04010101", "01000000"), SET_FILTER("0d000000"));
	assert_int_equal(netvsc_ndis_set_multicast(dev, list, 2), 0);
	TRANSCRIPT(SET_FILTER("00000000"));
	netvsc_ndis_mute(dev);
	transcript_check();
	transcript_close_61(host);
}

static void
the_mac_is_set_by_a_parameter_of_that_name(void **state)
{
	const struct rte_ether_addr mac = { { 0x02, 0x15, 0x5d, 0xab, 0xcd, 0xef } };
	struct fake_host *host = transcript_open_61();

	(void)state;
	/* Offset and length of the name, type 2, offset and length of the value; both in
	 * UTF-16. */
	TRANSCRIPT(
		{ RNDIS, "05000000 64000000 id 1b020100 48000000 14000000 00000000"
			"14000000 1c000000 02000000 30000000 18000000"
			"4e00 6500 7400 7700 6f00 7200 6b00"            /* Network */
			"4100 6400 6400 7200 6500 7300 7300"            /* Address */
			"3000 3200 3100 3500 3500 4400"                 /* 02155D */
			"4100 4200 4300 4400 4500 4600", SET_DONE });   /* ABCDEF */
	assert_int_equal(netvsc_ndis_set_mac(&host->dev, &mac), 0);
	transcript_check();
	transcript_close_61(host);
}

/* Behind the request's 28 bytes: header, flags, base CPU, hash, bytes and offset of the
 * table, bytes and offset of the key, no processor masks; table of 96; key. */
#define RSS_HEAD(flags, hash) "05000000 ec010000 id 04020100 d0010000 14000000 00000000" \
	"89 02 2800" flags "0000" hash "8001 0000 28000000 2800 0000 a8010000 (12)"
#define RSS_TABLE12 WORDS4("00", "01", "02", "00") WORDS4("01", "02", "00", "01") \
	WORDS4("02", "00", "01", "02")
#define RSS_TABLE48 RSS_TABLE12 RSS_TABLE12 RSS_TABLE12 RSS_TABLE12
#define RSS_TABLE96 RSS_TABLE48 RSS_TABLE48
#define RSS_KEY "6d5a56da255b0ec2 4167253d43a38fb0 d0ca2bcbae7b30b4 77cb2da38030f20c" \
	"6a42b73bbeac01fa"

static void
rss_is_set_with_its_table_and_its_key_behind(void **state)
{
	struct fake_host *host = transcript_open_61();
	struct netvsc_rss rss;

	(void)state;
	netvsc_rss_default(&host->dev, 3, RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_NONFRAG_IPV6_TCP, &rss);
	TRANSCRIPT(
		{ RNDIS, RSS_HEAD("1000", "01110000") RSS_TABLE96 RSS_KEY, SET_DONE },  /* off */
		{ RNDIS, RSS_HEAD("0000", "01110000") RSS_TABLE96 RSS_KEY, SET_DONE });
	assert_int_equal(netvsc_rss_set(&host->dev, &rss), 0);
	transcript_check();
	rss.hf = 0;
	TRANSCRIPT({ RNDIS, RSS_HEAD("1000", "01000000") RSS_TABLE96 RSS_KEY, SET_DONE });
	assert_int_equal(netvsc_rss_set(&host->dev, &rss), 0);
	transcript_check();
	transcript_close_61(host);
}

static void
offloads_are_set_byte_by_byte(void **state)
{
	struct fake_host *host = transcript_open_61();

	(void)state;
	/* IPv4, TCP and UDP of IPv4, TCP and UDP of IPv6: 1 off, 2 transmit, 3 receive,
	 * 4 both; LSO v1, IPsec; LSO v2 of IPv4 and IPv6: 1 off, 2 on; 3 bytes; flags;
	 * IPsec v2; RSC of IPv4 and IPv6; 4 bytes. */
	TRANSCRIPT(
		{ RNDIS, "05000000 38000000 id 0c0201fc 1c000000 14000000 00000000 80 03 1c00"
			"02 04 03 04 03 00 00 02 02 (3) (4) (2) 02 02 (4)", SET_DONE });
	assert_int_equal(netvsc_offload_set(&host->dev,
		RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_TSO,
		RTE_ETH_RX_OFFLOAD_TCP_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM |
		RTE_ETH_RX_OFFLOAD_TCP_LRO), 0);
	TRANSCRIPT(
		{ RNDIS, "05000000 38000000 id 0c0201fc 1c000000 14000000 00000000 80 03 1c00"
			"03 01 02 01 02 00 00 01 01 (3) (4) (2) 01 01 (4)", SET_DONE });
	assert_int_equal(netvsc_offload_set(&host->dev, RTE_ETH_TX_OFFLOAD_UDP_CKSUM,
		RTE_ETH_RX_OFFLOAD_IPV4_CKSUM), 0);
	transcript_check();
	transcript_close_61(host);
}

static void
counters_have_four_bytes_or_eight(void **state)
{
	struct fake_host *host = transcript_open_61();
	uint64_t value;

	(void)state;
	TRANSCRIPT(QUERY_U32("05010200", "04030281"));
	assert_int_equal(netvsc_ndis_query_counter(&host->dev, 0x20105, &value), 0);
	assert_int_equal(value, 0x81020304);
	TRANSCRIPT({ RNDIS, QUERY("05010200"),
		"04000080 20000000 id 00000000 08000000 10000000 0102030405060708" });
	assert_int_equal(netvsc_ndis_query_counter(&host->dev, 0x20105, &value), 0);
	assert_int_equal(value, 0x0807060504030201);
	TRANSCRIPT({ RNDIS, QUERY("05010200"), QUERY_REFUSED });
	assert_int_equal(netvsc_ndis_query_counter(&host->dev, 0x20105, &value), -ENOTSUP);
	transcript_check();
	transcript_close_61(host);
}

/* The link is closed and opened, and all that was set is set again, the filter last. */
static void
another_mtu_is_another_conversation(void **state)
{
	const struct rte_ether_addr group = { { 0x01, 0x00, 0x5e, 0x01, 0x02, 0x03 } };
	struct fake_host *host = transcript_open_61();
	struct netvsc_device *dev = &host->dev;

	(void)state;
	TRANSCRIPT(SET_FILTER("09000000"), QUERY_U32("04010101", "00000000"), SET_FILTER("0d000000"));
	assert_int_equal(netvsc_ndis_set_receiving(dev, true), 0);
	assert_int_equal(netvsc_ndis_set_multicast(dev, &group, 1), 0);
	transcript_check();
	TRANSCRIPT(SET_FILTER("00000000"), HALT, REVOKE_RECV, REVOKE_SEND,
		{ ASK, "01000000 01000600 01000600", INIT_TAKEN },
		{ SAY, "7d000000 36230000 00000000 8c000000 00000000", NULL },  /* 9014 bytes */
		{ SAY, "64000000 06000000 1e000000", NULL },
		{ ASK, RECV_BUFFER, RECV_TAKEN },
		{ ASK, SEND_BUFFER, SEND_TAKEN },
		{ RNDIS, RNDIS_INIT_SENT, RNDIS_INIT_DONE },
		SET_FILTER("00000000"),
		QUERY_U32("06010100", "28230000"),      /* 9000 */
		QUERY_MAC, QUERY_OFFLOAD, QUERY_RSS, QUERY_LINK_DOWN,
		{ ASK, "85000000 01000000 01000000", "85000000 01000000 01000000 (28)" },
		{ RNDIS, "05000000 38000000 id 0c0201fc 1c000000 14000000 00000000 80 03 1c00"
			"01 01 01 01 01 00 00 01 01 (3) (4) (2) 01 01 (4)", SET_DONE },
		QUERY_U32("04010101", "00000000"),
		SET_FILTER("0d000000"));
	assert_int_equal(netvsc_link_reopen(dev, &host->vmbus, 9000, 2), 0);
	transcript_check();
	assert_int_equal(dev->host.mtu, 9000);
	assert_int_equal(dev->channel_count, 2);
	TRANSCRIPT(SET_FILTER("00000000"));
	transcript_close_61(host);
}

/* ---- what is undone where attach fails ---- */

/* The answers that end it, in the order of its steps, and what has to be taken back. */
static const struct failure {
	unsigned int step;          /* how many lines of good[] come before */
	struct transcript_line line;
	bool rndis, recv, send;
	int ret;
} failures[] = {
	{ 0, { ASK, "01000000 01000600 01000600", "03000000 (36)" }, false, false, false, -EPROTO },
	{ 3, { ASK, RECV_BUFFER, "66000000 02000000 00000000 (28)" }, false, false, false, -EIO },
	{ 3, { ASK, RECV_BUFFER, "66000000 01000000 00000000 (28)" }, false, true, false, -EPROTO },
	{ 4, { ASK, SEND_BUFFER, "66000000 01000000 00160000 (28)" }, false, true, false, -EPROTO },
	{ 4, { ASK, SEND_BUFFER, "69000000 01000000 01160000 (28)" }, false, true, true, -EPROTO },
	{ 5, { DENIED, RNDIS_INIT_SENT, "6c000000 02000000" }, false, true, true, -EIO },
	{ 5, { RNDIS, RNDIS_INIT_SENT, "02000080 34000000 id 010000c0 (36)" }, true, true, true, -EIO },
	{ 6, { DENIED, "05000000 20000000 id 0e010100 04000000 14000000 (8)", "6c000000 06000000" },
		true, true, true, 0 },
	{ 7, { RNDIS, QUERY("06010100"), "04000080 1c000000 id 00000000 04000000 10000000 43000000" },
		true, true, true, -EPROTO },
	{ 8, { RNDIS, QUERY("01010101"), "04000080 1d000000 id 00000000 05000000 10000000 00155d0a0b" },
		true, true, true, -ENODATA },
	{ 9, { RNDIS, ASK_OFFLOAD_REV3, "04000080 1c000000 id 00000000 04000000 10000000 a8 03 9c00" },
		true, true, true, -EPROTO },
	{ 12, { RNDIS, QUERY("07010100"), "05000080 1c000000 id 00000000 04000000 10000000 [4]" },
		true, true, true, -EPROTO },
	{ 13, { ASK, "85000000 01000000 03000000", "85000000 01000000 04000000 (28)" },
		true, true, true, -EPROTO },
};

static const struct transcript_line good[] = {
	{ ASK, "01000000 01000600 01000600", INIT_TAKEN },
	{ SAY, "7d000000 ea050000 00000000 8c000000 00000000", NULL },
	{ SAY, "64000000 06000000 1e000000", NULL },
	{ ASK, RECV_BUFFER, RECV_TAKEN },
	{ ASK, SEND_BUFFER, SEND_TAKEN },
	{ RNDIS, RNDIS_INIT_SENT, RNDIS_INIT_DONE },
	SET_FILTER("00000000"),
	QUERY_MTU_1498, QUERY_MAC, QUERY_OFFLOAD, QUERY_RSS, QUERY_LINK_DOWN,
	{ ASK, "85000000 01000000 03000000", "85000000 01000000 03000000 (28)" },
};

static const struct transcript_line undo[] = { HALT, REVOKE_RECV, REVOKE_SEND };

/* No more, and no less; a refused filter is no failure. */
static void
what_attach_did_until_it_failed_is_undone(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(failures); i++) {
		const struct failure *f = &failures[i];
		struct fake_host *host = fake_host_start(true);

		transcript_begin((struct transcript_way){ .sections = false });
		transcript_add(good, f->step);
		transcript_add(&f->line, 1);
		if (f->ret == 0)
			transcript_add(good + f->step + 1, RTE_DIM(good) - f->step - 1);
		else
			for (unsigned int k = 0; k < RTE_DIM(undo); k++)
				transcript_add(undo + k, ((const bool[]){ f->rndis, f->recv, f->send })[k]);
		assert_int_equal(netvsc_link_open(&host->dev, &host->vmbus, 4), f->ret);
		transcript_check();
		if (f->ret == 0) {
			transcript_add(undo, RTE_DIM(undo));
			netvsc_link_close(&host->dev, &host->vmbus);
			transcript_check();
		}
		assert_int_equal(host->errors, 0);
		fake_host_stop();
	}
}

/* ---- older versions ---- */

static const char *const tries[] = {
	"01000000 01000600 01000600", "01000000 00000600 00000600", "01000000 00000500 00000500",
	"01000000 00000400 00000400", "01000000 02000300 02000300", "01000000 02000000 02000000",
};

/* Accepted at the n-th try. */
static void
expect_version(unsigned int n)
{
	static struct transcript_line lines[RTE_DIM(tries)];

	for (unsigned int i = 0; i <= n; i++)
		lines[i] = (struct transcript_line){ ASK, tries[i], i < n ? INIT_REFUSED : INIT_TAKEN };
	transcript_add(lines, n + 1);
}

/* Behind the versions: what is asked of hosts that know no subchannels. */
static void
expect_old_rest(void)
{
	TRANSCRIPT(
		{ SAY, "64000000 06000000 01000000", NULL },    /* NDIS 6.1 */
		/* Two sections: 64 pieces of 1806 bytes, 8 of 2048. */
		{ ASK, RECV_BUFFER, "66000000 01000000 02000000"
			"00000000 0e070000 40000000 80c30100  00d00100 00080000 08000000 00100200" },
		{ ASK, SEND_BUFFER, "69000000 02000000 00000000 (28)" },        /* refused */
		{ RNDIS, RNDIS_INIT_SENT, RNDIS_INIT_DONE_OLD },
		SET_FILTER("00000000"),
		{ RNDIS, QUERY("06010100"), QUERY_REFUSED },
		{ RNDIS, QUERY("01010101"), QUERY_REFUSED },
		QUERY_CURRENT_MAC,
		{ RNDIS, ASK_OFFLOAD_REV2, QUERY_REFUSED },
		{ RNDIS, ASK_OFFLOAD_REV1,
			"04000080 88000000 id 00000000 70000000 10000000 a7 01 7000" OFFLOAD_REV1 },
		QUERY_LINK_DOWN);
}

static void
old_hosts_hear_what_they_know(void **state)
{
	static const struct transcript_line config[] = {
		{ SAY, "7d000000 ea050000 00000000 0c000000 00000000", NULL },  /* version 4 */
		{ SAY, "7d000000 ea050000 00000000 08000000 00000000", NULL },  /* version 2 */
	};
	static const uint32_t versions[] = { 0x40000, 0x30002, 0x2 };

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(versions); i++) {
		struct fake_host *host = fake_host_start(true);

		transcript_begin((struct transcript_way){ .sections = false });
		expect_version(3 + i);
		if (i < RTE_DIM(config))
			transcript_add(&config[i], 1);
		expect_old_rest();
		assert_int_equal(netvsc_link_open(&host->dev, &host->vmbus, 4), 0);
		transcript_check();
		assert_int_equal(host->dev.host.nvsp, versions[i]);
		assert_int_equal(host->dev.host.suballoc_bytes, 2048);
		assert_int_equal(host->dev.host.section_count, 72);
		assert_int_equal(host->dev.host.mtu, 1500);
		assert_int_equal(host->dev.host.offload_revision, 1);
		assert_int_equal(host->dev.channel_count, 1);
		TRANSCRIPT({ RNDIS, "05000000 30000000 id 0c0201fc 14000000 14000000 00000000"
			"80 01 1400 01 01 01 01 01 00 00 01 01 (3) (4)", SET_DONE });
		assert_int_equal(netvsc_offload_set(&host->dev, 0, 0), 0);
		TRANSCRIPT(HALT, REVOKE_RECV);
		netvsc_link_close(&host->dev, &host->vmbus);
		transcript_check();
		assert_int_equal(host->errors, 0);
		fake_host_stop();
	}
}

/* The newer ones differ in what the configuration asks for. */
static void
versions_5_and_6_do_not_know_rsc(void **state)
{
	static const uint32_t versions[] = { 0x60000, 0x50000 };

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(versions); i++) {
		struct fake_host *host = fake_host_start(true);

		transcript_begin((struct transcript_way){ .sections = false });
		expect_version(1 + i);
		TRANSCRIPT(
			{ SAY, "7d000000 ea050000 00000000 0c000000 00000000", NULL },
			{ SAY, "64000000 06000000 1e000000", NULL },
			{ ASK, RECV_BUFFER, RECV_TAKEN },
			{ ASK, SEND_BUFFER, SEND_TAKEN },
			{ RNDIS, RNDIS_INIT_SENT, RNDIS_INIT_DONE },
			SET_FILTER("00000000"),
			QUERY_MTU_1498, QUERY_MAC, QUERY_OFFLOAD, QUERY_RSS, QUERY_LINK_DOWN,
			{ ASK, "85000000 01000000 03000000", "85000000 02000000 00000000 (28)" });
		assert_int_equal(netvsc_link_open(&host->dev, &host->vmbus, 4), 0);
		transcript_check();
		assert_int_equal(host->dev.host.nvsp, versions[i]);
		assert_int_equal(host->dev.host.rx_offloads & RTE_ETH_RX_OFFLOAD_TCP_LRO, 0);
		assert_int_equal(host->dev.channel_count, 1);
		TRANSCRIPT({ RNDIS, "05000000 38000000 id 0c0201fc 1c000000 14000000 00000000"
			"80 03 1c00 01 01 01 01 01 00 00 01 01 (3) (4) (2) 00 00 (4)", SET_DONE });
		assert_int_equal(netvsc_offload_set(&host->dev, 0, 0), 0);
		transcript_close_61(host);
	}
}

/* Without page lists the requests lie in the last sections of the send buffer: 4 of 46. */
static void
requests_in_sections_say_the_same(void **state)
{
	struct fake_host *host = fake_host_start(false);

	(void)state;
	host->set.send_section_bytes = 5632;
	transcript_begin((struct transcript_way){ true, 42, 5632 });
	transcript_attach_61();
	assert_int_equal(netvsc_link_open(&host->dev, &host->vmbus, 4), 0);
	transcript_check();
	assert_int_equal(host->dev.host.send_section_count, 42);
	assert_int_equal(host->dev.host.send_control_count, 4);
	transcript_close_61(host);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_newest_host_says_ends_up_where_it_belongs),
		cmocka_unit_test(each_filter_is_set_in_the_hosts_bits),
		cmocka_unit_test(the_mac_is_set_by_a_parameter_of_that_name),
		cmocka_unit_test(rss_is_set_with_its_table_and_its_key_behind),
		cmocka_unit_test(offloads_are_set_byte_by_byte),
		cmocka_unit_test(counters_have_four_bytes_or_eight),
		cmocka_unit_test(another_mtu_is_another_conversation),
		cmocka_unit_test(what_attach_did_until_it_failed_is_undone),
		cmocka_unit_test(old_hosts_hear_what_they_know),
		cmocka_unit_test(versions_5_and_6_do_not_know_rsc),
		cmocka_unit_test(requests_in_sections_say_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
