/* SPDX-License-Identifier: BSD-3-Clause */

/* Offloads: the host's capabilities in DPDK's words, and the parameters that
 * switch them on and off. */

#include "fake_host.h"

#include <errno.h>
#include <string.h>

#include "fake_world.h"
#include "netvsc_link.h"
#include "netvsc_offload.h"

#define TX_CSUM (RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM | \
	RTE_ETH_TX_OFFLOAD_UDP_CKSUM)
#define RX_CSUM (RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM | \
	RTE_ETH_RX_OFFLOAD_UDP_CKSUM)

static struct fake_host *
open_host(void)
{
	struct fake_host *host = fake_host_start(true);

	assert_int_equal(netvsc_link_open(&host->dev, &host->vmbus, 1), 0);
	return host;
}

static void
close_host(struct fake_host *host)
{
	netvsc_link_close(&host->dev, &host->vmbus);
	assert_int_equal(host->errors, 0);
	fake_host_stop();
}

static void
a_host_that_can_do_all_offers_all(void **state)
{
	struct fake_host *host = open_host();

	(void)state;
	assert_true(host->dev.host.tx_offloads == (TX_CSUM | RTE_ETH_TX_OFFLOAD_TCP_TSO |
		RTE_ETH_TX_OFFLOAD_VLAN_INSERT | RTE_ETH_TX_OFFLOAD_MULTI_SEGS));
	assert_true(host->dev.host.rx_offloads == (RX_CSUM | RTE_ETH_RX_OFFLOAD_TCP_LRO |
		RTE_ETH_RX_OFFLOAD_VLAN_STRIP | RTE_ETH_RX_OFFLOAD_SCATTER));
	close_host(host);
}

/* Offsets in the answer: 24 bytes of RNDIS, then struct ndis_offload. */
#define AT(member) (24u + (uint32_t)offsetof(struct ndis_offload, member))

static const struct {
	const char *what;
	uint32_t offset, value;
	uint64_t tx_lost, rx_lost;
} rows[] = {
	{ "no IP checksum", AT(tx_ipv4.flags), 0x055, RTE_ETH_TX_OFFLOAD_IPV4_CKSUM, 0 },
	{ "no TCP for IPv4", AT(tx_ipv4.flags), 0x145, RTE_ETH_TX_OFFLOAD_TCP_CKSUM, 0 },
	{ "no TCP options for IPv4", AT(tx_ipv4.flags), 0x151, RTE_ETH_TX_OFFLOAD_TCP_CKSUM, 0 },
	{ "no UDP for IPv4", AT(tx_ipv4.flags), 0x115, RTE_ETH_TX_OFFLOAD_UDP_CKSUM, 0 },
	{ "no IP options", AT(tx_ipv4.flags), 0x154, 0, 0 },
	{ "no TCP for IPv6", AT(tx_ipv6.flags), 0x45, RTE_ETH_TX_OFFLOAD_TCP_CKSUM, 0 },
	{ "no UDP for IPv6", AT(tx_ipv6.flags), 0x15, RTE_ETH_TX_OFFLOAD_UDP_CKSUM, 0 },
	{ "not for Ethernet", AT(tx_ipv4.encapsulation), 1, TX_CSUM, 0 },
	{ "no received IP checksum", AT(rx_ipv4.flags), 0x055, 0, RTE_ETH_RX_OFFLOAD_IPV4_CKSUM },
	{ "no received TCP for IPv6", AT(rx_ipv6.flags), 0x45, 0, RTE_ETH_RX_OFFLOAD_TCP_CKSUM },
	{ "no received UDP for IPv4", AT(rx_ipv4.flags), 0x115, 0, RTE_ETH_RX_OFFLOAD_UDP_CKSUM },
	{ "no LSO for IPv4", AT(lso_ipv4.max_bytes), 0, RTE_ETH_TX_OFFLOAD_TCP_TSO, 0 },
	{ "no LSO for IPv6", AT(lso_ipv6.max_bytes), 0, RTE_ETH_TX_OFFLOAD_TCP_TSO, 0 },
	{ "no LSO with TCP options", AT(lso_ipv6.flags), 1, RTE_ETH_TX_OFFLOAD_TCP_TSO, 0 },
	{ "LSO not for Ethernet", AT(lso_ipv4.encapsulation), 0, RTE_ETH_TX_OFFLOAD_TCP_TSO, 0 },
	{ "no RSC", AT(rsc_ipv4), 0, 0, RTE_ETH_RX_OFFLOAD_TCP_LRO },
	{ "RSC for IPv4 only", AT(rsc_ipv4), 1, 0, RTE_ETH_RX_OFFLOAD_TCP_LRO },
};

static void
what_the_host_lacks_is_not_offered_and_refused(void **state)
{
	const uint64_t tx_all = TX_CSUM | RTE_ETH_TX_OFFLOAD_TCP_TSO;
	const uint64_t rx_all = RX_CSUM | RTE_ETH_RX_OFFLOAD_TCP_LRO;

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(rows); i++) {
		struct fake_host *host = fake_host_start(true);
		uint64_t tx, rx;

		host->set.spoil = (struct fake_spoil){ OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES,
			rows[i].offset, rows[i].value, 0 };
		assert_int_equal(netvsc_link_open(&host->dev, &host->vmbus, 1), 0);
		tx = host->dev.host.tx_offloads & tx_all;
		rx = host->dev.host.rx_offloads & rx_all;
		if (tx != (tx_all & ~rows[i].tx_lost) || rx != (rx_all & ~rows[i].rx_lost))
			fail_msg("%s: tx 0x%" PRIx64 " rx 0x%" PRIx64, rows[i].what, tx, rx);
		if (rows[i].tx_lost != 0)
			assert_int_equal(netvsc_offload_set(&host->dev, rows[i].tx_lost, 0), -ENOTSUP);
		if (rows[i].rx_lost != 0)
			assert_int_equal(netvsc_offload_set(&host->dev, 0, rows[i].rx_lost), -ENOTSUP);
		close_host(host);
	}
}

/* ---- flag by flag ---- */

/* Flags of transmit IPv4, receive IPv4, transmit IPv6, receive IPv6, as told; in the
 * answer behind 24 bytes of RNDIS and 4 of the object, each behind its encapsulation. */
enum { TX4, RX4, TX6, RX6 };
static uint32_t told_flags[4];

static bool
tell_flags(struct fake_held *answer)
{
	if (answer->bytes == 24 + 156)
		for (unsigned int i = 0; i < 4; i++)
			memcpy(answer->payload + 32 + 8 * i, &told_flags[i], 4);
	return true;
}

static struct fake_host *
open_with_flags(void)
{
	struct fake_host *host = fake_host_start(true);

	host->meddle = tell_flags;
	assert_int_equal(netvsc_link_open(&host->dev, &host->vmbus, 1), 0);
	return host;
}

/* Which flags an offload needs, and no others: 1 IP options, 4 TCP options, 0x10 TCP,
 * 0x40 UDP, 0x100 IP. */
static const struct {
	uint64_t tx, rx;
	uint32_t flags[4];
} needs[] = {
	{ RTE_ETH_TX_OFFLOAD_IPV4_CKSUM, 0, { [TX4] = 0x100 } },
	{ RTE_ETH_TX_OFFLOAD_TCP_CKSUM, 0, { [TX4] = 0x14, [TX6] = 0x14 } },
	{ RTE_ETH_TX_OFFLOAD_UDP_CKSUM, 0, { [TX4] = 0x40, [TX6] = 0x40 } },
	{ 0, RTE_ETH_RX_OFFLOAD_IPV4_CKSUM, { [RX4] = 0x100 } },
	{ 0, RTE_ETH_RX_OFFLOAD_TCP_CKSUM, { [RX4] = 0x10, [RX6] = 0x10 } },
	{ 0, RTE_ETH_RX_OFFLOAD_UDP_CKSUM, { [RX4] = 0x40, [RX6] = 0x40 } },
};

static void
an_offload_is_offered_where_all_its_flags_are_told_and_for_no_others(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(needs); i++) {
		struct fake_host *host;

		memcpy(told_flags, needs[i].flags, sizeof(told_flags));
		host = open_with_flags();
		assert_int_equal(host->dev.host.tx_offloads & TX_CSUM, needs[i].tx);
		assert_int_equal(host->dev.host.rx_offloads & RX_CSUM, needs[i].rx);
		close_host(host);
	}
}

static void
without_one_flag_only_what_needs_it_is_missing(void **state)
{
	(void)state;
	for (unsigned int word = 0; word < 4; word++) {
		for (unsigned int bit = 0; bit < 12; bit++) {
			uint64_t tx = TX_CSUM, rx = RX_CSUM;
			struct fake_host *host;

			memset(told_flags, 0xff, sizeof(told_flags));
			told_flags[word] &= ~(1u << bit);
			for (unsigned int i = 0; i < RTE_DIM(needs); i++) {
				if ((needs[i].flags[word] & 1u << bit) != 0) {
					tx &= ~needs[i].tx;
					rx &= ~needs[i].rx;
				}
			}
			host = open_with_flags();
			assert_int_equal(host->dev.host.tx_offloads & TX_CSUM, tx);
			assert_int_equal(host->dev.host.rx_offloads & RX_CSUM, rx);
			close_host(host);
		}
	}
}

/* In the parameters behind the object's 4 bytes: IPv4, TCP and UDP of IPv4, TCP and UDP
 * of IPv6. A checksum that the host knows in one direction alone is switched in that
 * one, and is off, not unchanged, where nobody asks for it; others stay as they are. */
static void
each_checksum_is_switched_by_its_own_byte(void **state)
{
	static const struct {
		unsigned int tx_word;   /* that of receive is the one behind */
		uint32_t flag;
	} parameters[] = {
		{ TX4, 0x100 }, { TX4, 0x10 }, { TX4, 0x40 }, { TX6, 0x10 }, { TX6, 0x40 },
	};
	const uint8_t *told = (const uint8_t *)&fake_host->offload_parameters;

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(parameters); i++) {
		for (unsigned int rx = 0; rx < 2; rx++) {
			uint8_t expected[5] = { 0 };
			struct fake_host *host;

			memset(told_flags, 0, sizeof(told_flags));
			told_flags[parameters[i].tx_word + rx] = parameters[i].flag;
			host = open_with_flags();
			/* The application asks for what is offered for both versions of IP. */
			host->dev.host.tx_offloads = TX_CSUM;
			host->dev.host.rx_offloads = RX_CSUM;
			assert_int_equal(netvsc_offload_set(&host->dev, TX_CSUM, RX_CSUM), 0);
			expected[i] = rx ? 3 : 2;
			assert_memory_equal(told + 4, expected, sizeof(expected));
			assert_int_equal(netvsc_offload_set(&host->dev, rx ? TX_CSUM : 0,
				rx ? 0 : RX_CSUM), 0);
			expected[i] = 1;
			assert_memory_equal(told + 4, expected, sizeof(expected));
			close_host(host);
		}
	}
}

static void
older_revisions_say_less_and_are_spoken_to_in_their_own_words(void **state)
{
	static const struct {
		uint32_t nvsp, revision, bytes;
	} hosts[] = {
		{ NVSP_VERSION_61, 3, 28 }, { NVSP_VERSION_61, 2, 22 }, { NVSP_VERSION_4, 2, 22 },
		{ NVSP_VERSION_2, 1, 20 }, { NVSP_VERSION_1, 1, 20 },
	};

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(hosts); i++) {
		struct fake_host *host = fake_host_start(true);

		host->set.nvsp_max = hosts[i].nvsp;
		host->set.offload_revision = hosts[i].revision;
		assert_int_equal(netvsc_link_open(&host->dev, &host->vmbus, 1), 0);
		assert_int_equal(host->dev.host.offload_revision, hosts[i].revision);
		assert_int_equal((host->dev.host.rx_offloads & RTE_ETH_RX_OFFLOAD_TCP_LRO) != 0,
			hosts[i].revision == 3);
		assert_int_equal(netvsc_offload_set(&host->dev, TX_CSUM, RX_CSUM), 0);
		assert_int_equal(host->offload_bytes, hosts[i].bytes);
		assert_int_equal(host->offload_parameters.header.revision, hosts[i].revision);
		close_host(host);
	}
}

/* Conformance: 49. */
static void
both_directions_are_4_and_what_is_removed_is_1(void **state)
{
	struct fake_host *host = open_host();
	const struct ndis_offload_parameters *told = &host->offload_parameters;

	(void)state;
	assert_int_equal(netvsc_offload_set(&host->dev, TX_CSUM | RTE_ETH_TX_OFFLOAD_TCP_TSO,
		RX_CSUM | RTE_ETH_RX_OFFLOAD_TCP_LRO), 0);
	assert_int_equal(told->ipv4_csum, 4);
	assert_int_equal(told->tcp_ipv4_csum, 4);
	assert_int_equal(told->udp_ipv4_csum, 4);
	assert_int_equal(told->tcp_ipv6_csum, 4);
	assert_int_equal(told->udp_ipv6_csum, 4);
	assert_int_equal(told->lso_v2_ipv4, 2);
	assert_int_equal(told->lso_v2_ipv6, 2);
	assert_int_equal(told->rsc_ipv4, 2);
	assert_int_equal(told->rsc_ipv6, 2);
	assert_int_equal(netvsc_offload_set(&host->dev, RTE_ETH_TX_OFFLOAD_UDP_CKSUM,
		RTE_ETH_RX_OFFLOAD_TCP_CKSUM), 0);
	assert_int_equal(told->ipv4_csum, 1);
	assert_int_equal(told->tcp_ipv4_csum, 3);
	assert_int_equal(told->udp_ipv4_csum, 2);
	assert_int_equal(told->tcp_ipv6_csum, 3);
	assert_int_equal(told->udp_ipv6_csum, 2);
	assert_int_equal(told->lso_v2_ipv4, 1);
	assert_int_equal(told->lso_v2_ipv6, 1);
	assert_int_equal(told->rsc_ipv4, 1);
	close_host(host);
}

static void
segmentation_switches_on_the_checksums_it_computes(void **state)
{
	struct fake_host *host = open_host();

	(void)state;
	assert_int_equal(netvsc_offload_set(&host->dev, RTE_ETH_TX_OFFLOAD_TCP_TSO, 0), 0);
	assert_int_equal(host->offload_parameters.tcp_ipv4_csum, 2);
	assert_int_equal(host->offload_parameters.tcp_ipv6_csum, 2);
	close_host(host);
}

static void
a_refused_change_is_not_remembered(void **state)
{
	struct fake_host *host = open_host();

	(void)state;
	assert_int_equal(netvsc_offload_set(&host->dev, TX_CSUM, RX_CSUM), 0);
	host->set.refuse_oid = OID_TCP_OFFLOAD_PARAMETERS;
	host->set.refuse_status = NDIS_STATUS_FAILURE;
	assert_int_equal(netvsc_offload_set(&host->dev, 0, 0), -EIO);
	assert_true(host->dev.tx_offloads == TX_CSUM);
	assert_true(host->dev.rx_offloads == RX_CSUM);
	close_host(host);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_host_that_can_do_all_offers_all),
		cmocka_unit_test(what_the_host_lacks_is_not_offered_and_refused),
		cmocka_unit_test(an_offload_is_offered_where_all_its_flags_are_told_and_for_no_others),
		cmocka_unit_test(without_one_flag_only_what_needs_it_is_missing),
		cmocka_unit_test(each_checksum_is_switched_by_its_own_byte),
		cmocka_unit_test(older_revisions_say_less_and_are_spoken_to_in_their_own_words),
		cmocka_unit_test(both_directions_are_4_and_what_is_removed_is_1),
		cmocka_unit_test(segmentation_switches_on_the_checksums_it_computes),
		cmocka_unit_test(a_refused_change_is_not_remembered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
