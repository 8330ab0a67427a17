/* SPDX-License-Identifier: BSD-3-Clause */

/* Receive-side scaling: what is asked, checked, sent and remembered. */

#include "fake_host.h"

#include <errno.h>
#include <string.h>

#include "netvsc_link.h"
#include "netvsc_rss.h"

static struct fake_host *
open_host(uint32_t flags, unsigned int queues)
{
	struct fake_host *host = fake_host_start(true);

	host->set.rss_flags = flags;
	assert_int_equal(netvsc_link_open(&host->dev, &host->vmbus, queues), 0);
	return host;
}

static void
close_host(struct fake_host *host)
{
	netvsc_link_close(&host->dev, &host->vmbus);
	assert_int_equal(host->errors, 0);
	fake_host_stop();
}

/* Conformance: 48. */
static void
rss_is_switched_off_before_it_is_set(void **state)
{
	struct fake_host *host = open_host(0x301, 4);
	struct netvsc_rss rss;

	(void)state;
	netvsc_rss_default(&host->dev, 4, RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_IPV6, &rss);
	rss.reta[128] = 9999;           /* behind the table: nobody looks */
	assert_int_equal(netvsc_rss_set(&host->dev, &rss), 0);
	assert_int_equal(host->rss_disables, 1);
	assert_int_equal(host->rss_enables, 1);
	assert_int_equal(host->rss.hash_info,
		NDIS_HASH_TOEPLITZ | NDIS_HASH_TCP_IPV4 | NDIS_HASH_IPV6);
	assert_int_equal(host->rss.table_bytes, 128 * 4);
	for (unsigned int i = 0; i < 128; i++)
		assert_int_equal(host->rss_table[i], i % 4);
	assert_memory_equal(host->rss_key, rss.key, sizeof(rss.key));
	assert_memory_equal(&host->dev.rss, &rss, sizeof(rss));
	close_host(host);
}

/* Of the test vectors that Microsoft publishes with the hash. */
static void
the_default_key_is_that_of_the_published_test_vectors(void **state)
{
	static const uint8_t key[NDIS_RSS_KEY_BYTES] = {
		0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67,
		0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb,
		0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30,
		0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
	};
	struct fake_host *host = open_host(0x301, 4);
	struct netvsc_rss rss;

	(void)state;
	memset(&rss, 0xff, sizeof(rss));
	netvsc_rss_default(&host->dev, 3, RTE_ETH_RSS_IPV4, &rss);
	assert_memory_equal(rss.key, key, sizeof(key));
	assert_int_equal(rss.reta_size, 128);
	for (unsigned int i = 128; i < NETVSC_RETA_MAX; i++)
		assert_int_equal(rss.reta[i], 0);
	memset(&rss, 0xff, sizeof(rss));
	netvsc_rss_default(&host->dev, 0, RTE_ETH_RSS_IPV4, &rss);
	for (unsigned int i = 0; i < 128; i++)
		assert_int_equal(rss.reta[i], 0);
	close_host(host);
}

/* Each of DPDK's hash types by itself, as the host is told it. */
static void
each_hash_type_is_the_hosts_bit_of_that_name(void **state)
{
	static const struct {
		uint64_t hf;
		uint32_t hash;
	} rows[] = {
		{ RTE_ETH_RSS_IPV4, 0x100 }, { RTE_ETH_RSS_FRAG_IPV4, 0x100 },
		{ RTE_ETH_RSS_NONFRAG_IPV4_OTHER, 0x100 },
		{ RTE_ETH_RSS_NONFRAG_IPV4_TCP, 0x200 }, { RTE_ETH_RSS_NONFRAG_IPV4_UDP, 0x4000 },
		{ RTE_ETH_RSS_IPV6, 0x400 }, { RTE_ETH_RSS_IPV6_EX, 0x800 },
		{ RTE_ETH_RSS_NONFRAG_IPV6_TCP, 0x1000 }, { RTE_ETH_RSS_IPV6_TCP_EX, 0x2000 },
		{ RTE_ETH_RSS_NONFRAG_IPV6_UDP, 0x8000 }, { RTE_ETH_RSS_IPV6_UDP_EX, 0x10000 },
	};
	struct fake_host *host = open_host(0x3f01, 4);
	struct netvsc_rss rss;

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(rows); i++) {
		netvsc_rss_default(&host->dev, 4, rows[i].hf, &rss);
		assert_int_equal(netvsc_rss_set(&host->dev, &rss), 0);
		assert_int_equal(host->rss.hash_info, 1 | rows[i].hash);
		assert_int_equal(host->rss.header.type, 0x89);
		assert_int_equal(host->rss.header.revision, 2);
		assert_int_equal(host->rss.header.bytes, 40);
		assert_int_equal(host->rss.flags, 0);
		assert_int_equal(host->rss.table_offset, 40);
		assert_int_equal(host->rss.key_offset, 40 + 128 * 4);
	}
	close_host(host);
}

/* What the host can do, and what that comes to here: -1 is no answer that makes
 * sense, and no link. */
static void
tables_and_queues_are_what_the_host_has_within_what_the_driver_has(void **state)
{
	static const struct {
		uint32_t flags, queues, entries;
		uint32_t reta, host_queues;
		struct fake_spoil spoil;
	} rows[] = {
		{ 0x301, 64, 128, 128, 64, { 0 } },
		{ 0x301, 1, 16, 16, 1, { 0 } },
		{ 0x301, 64, 16, 16, 16, { 0 } },
		{ 0x301, 65, 512, 512, NETVSC_QUEUES_MAX, { 0 } },
		{ 0x301, 64, 513, 512, 64, { 0 } },
		{ 0x301, 64, 0, 128, 64, { 0 } },
		{ 0x301, 64, 1, 1, 1, { 0 } },
		{ 0x301, 0, 128, 0, 1, { 0 } },
		{ 0x300, 64, 128, 0, 1, { 0 } },
		/* The host does not know the question: no RSS, and all else works. */
		{ 0x301, 64, 128, 0, 1, { OID_GEN_RECEIVE_SCALE_CAPABILITIES, 12, 0xC00000BB, 0 } },
		/* Revision 1, or none of the later part: as if it said nothing. */
		{ 0x301, 64, 16, 128, 64, { OID_GEN_RECEIVE_SCALE_CAPABILITIES, 24, 0x00120188, 0 } },
		{ 0x301, 64, 16, 128, 64, { OID_GEN_RECEIVE_SCALE_CAPABILITIES, 24, 0x00110288, 0 } },
		{ 0x301, 64, 16, 128, 64, { OID_GEN_RECEIVE_SCALE_CAPABILITIES, 24, 0x00100288, 0 } },
		{ 0x301, 64, 16, 16, 16, { OID_GEN_RECEIVE_SCALE_CAPABILITIES, 24, 0x00120388, 0 } },
		{ 0x301, 64, 16, 0, 0, { OID_GEN_RECEIVE_SCALE_CAPABILITIES, 24, 0x000F0288, 0 } },
		{ 0x301, 64, 16, 0, 0, { OID_GEN_RECEIVE_SCALE_CAPABILITIES, 24, 0x00130288, 0 } },
		{ 0x301, 64, 16, 0, 0, { OID_GEN_RECEIVE_SCALE_CAPABILITIES, 24, 0x00120088, 0 } },
		{ 0x301, 64, 16, 0, 0, { OID_GEN_RECEIVE_SCALE_CAPABILITIES, 24, 0x00120289, 0 } },
	};

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(rows); i++) {
		struct fake_host *host = fake_host_start(true);

		host->set.rss_flags = rows[i].flags;
		host->set.rss_queues = rows[i].queues;
		host->set.rss_entries = rows[i].entries;
		host->set.spoil = rows[i].spoil;
		host->dev.host.queues = 77;
		host->dev.host.reta_size = 78;
		host->dev.host.rss_caps = 79;
		host->dev.host.rss_hf = 80;
		if (rows[i].host_queues == 0) {
			assert_int_equal(netvsc_link_open(&host->dev, &host->vmbus, 4), -EPROTO);
			fake_host_stop();
			continue;
		}
		assert_int_equal(netvsc_link_open(&host->dev, &host->vmbus, 4), 0);
		assert_int_equal(host->dev.host.reta_size, rows[i].reta);
		assert_int_equal(host->dev.host.queues, rows[i].host_queues);
		assert_int_equal(host->dev.host.rss_caps, rows[i].reta != 0 ? rows[i].flags : 0);
		assert_int_equal(host->dev.host.rss_hf != 0, rows[i].reta != 0);
		close_host(host);
	}
}

static void
no_hash_types_switch_rss_off(void **state)
{
	struct fake_host *host = open_host(0x301, 4);
	struct netvsc_rss rss;

	(void)state;
	netvsc_rss_default(&host->dev, 4, 0, &rss);
	assert_int_equal(netvsc_rss_set(&host->dev, &rss), 0);
	assert_int_equal(host->rss_disables, 1);
	assert_int_equal(host->rss_enables, 0);
	close_host(host);
}

/* Conformance: 48. */
static void
hash_types_are_offered_as_the_host_computes_them(void **state)
{
	static const struct {
		uint32_t flags;
		uint64_t hf, not_hf;
	} rows[] = {
		{ 0x101, RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_NONFRAG_IPV4_TCP,
			RTE_ETH_RSS_IPV6 | RTE_ETH_RSS_NONFRAG_IPV4_UDP },
		{ 0x201, RTE_ETH_RSS_IPV6 | RTE_ETH_RSS_NONFRAG_IPV6_TCP,
			RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_IPV6_EX },
		{ 0x401, RTE_ETH_RSS_IPV6_EX | RTE_ETH_RSS_IPV6_TCP_EX, RTE_ETH_RSS_IPV6_UDP_EX },
		{ 0x801, RTE_ETH_RSS_NONFRAG_IPV4_UDP, RTE_ETH_RSS_NONFRAG_IPV6_UDP },
		{ 0x1001, RTE_ETH_RSS_NONFRAG_IPV6_UDP, RTE_ETH_RSS_NONFRAG_IPV4_UDP },
		{ 0x2001, RTE_ETH_RSS_IPV6_UDP_EX, RTE_ETH_RSS_IPV6_EX },
	};

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(rows); i++) {
		struct fake_host *host = open_host(rows[i].flags, 2);
		struct netvsc_rss rss;

		assert_true((host->dev.host.rss_hf & rows[i].hf) == rows[i].hf);
		assert_true((host->dev.host.rss_hf & rows[i].not_hf) == 0);
		netvsc_rss_default(&host->dev, 2, rows[i].hf, &rss);
		assert_int_equal(netvsc_rss_set(&host->dev, &rss), 0);
		netvsc_rss_default(&host->dev, 2, rows[i].not_hf, &rss);
		assert_int_equal(netvsc_rss_set(&host->dev, &rss), -ENOTSUP);
		close_host(host);
	}
}

/* Conformance: 48. */
static void
a_bad_table_is_refused_before_anything_is_sent(void **state)
{
	struct fake_host *host = open_host(0x301, 4);
	struct netvsc_rss good, bad;

	(void)state;
	netvsc_rss_default(&host->dev, 4, RTE_ETH_RSS_IPV4, &good);
	assert_int_equal(netvsc_rss_set(&host->dev, &good), 0);
	bad = good;
	bad.reta[127] = 4;              /* only 0 to 3 are open */
	assert_int_equal(netvsc_rss_set(&host->dev, &bad), -EINVAL);
	bad = good;
	bad.reta[0] = 4;
	assert_int_equal(netvsc_rss_set(&host->dev, &bad), -EINVAL);
	bad = good;
	bad.reta_size = 64;
	assert_int_equal(netvsc_rss_set(&host->dev, &bad), -EINVAL);
	assert_int_equal(host->rss_disables, 1);
	assert_memory_equal(&host->dev.rss, &good, sizeof(good));
	close_host(host);
}

/* Conformance: 48. */
static void
a_refused_change_restores_what_was_set_before(void **state)
{
	struct fake_host *host = open_host(0x301, 4);
	struct netvsc_rss good, other;

	(void)state;
	netvsc_rss_default(&host->dev, 4, RTE_ETH_RSS_IPV4, &good);
	assert_int_equal(netvsc_rss_set(&host->dev, &good), 0);
	other = good;
	other.reta[0] = 3;
	host->set.refuse_oid = OID_GEN_RECEIVE_SCALE_PARAMETERS;
	host->set.refuse_status = NDIS_STATUS_INVALID_DATA;
	host->set.refuse_count = 1;
	assert_int_equal(netvsc_rss_set(&host->dev, &other), -EINVAL);
	assert_int_equal(host->rss_enables, 2);
	assert_int_equal(host->rss_table[0], 0);
	assert_memory_equal(&host->dev.rss, &good, sizeof(good));
	close_host(host);
}

static void
a_host_without_rss_takes_none(void **state)
{
	struct fake_host *host = fake_host_start(true);
	struct netvsc_rss rss;

	(void)state;
	host->set.nvsp_max = NVSP_VERSION_5;            /* the first that has it */
	assert_int_equal(netvsc_link_open(&host->dev, &host->vmbus, 4), 0);
	assert_int_equal(host->dev.host.reta_size, 128);
	close_host(host);
	host = fake_host_start(true);
	host->set.nvsp_max = NVSP_VERSION_4;
	assert_int_equal(netvsc_link_open(&host->dev, &host->vmbus, 4), 0);
	assert_int_equal(host->dev.host.reta_size, 0);
	netvsc_rss_default(&host->dev, 1, RTE_ETH_RSS_IPV4, &rss);
	assert_int_equal(netvsc_rss_set(&host->dev, &rss), -ENOTSUP);
	netvsc_rss_default(&host->dev, 1, 0, &rss);
	assert_int_equal(netvsc_rss_set(&host->dev, &rss), 0);
	assert_int_equal(host->rss_disables, 0);
	close_host(host);
}

static void
the_longest_table_fits_in_a_request(void **state)
{
	struct fake_host *host = fake_host_start(true);
	struct netvsc_rss rss;

	(void)state;
	host->set.rss_entries = NETVSC_RETA_MAX;
	assert_int_equal(netvsc_link_open(&host->dev, &host->vmbus, 4), 0);
	netvsc_rss_default(&host->dev, 4, RTE_ETH_RSS_IPV4, &rss);
	assert_int_equal(netvsc_rss_set(&host->dev, &rss), 0);
	assert_int_equal(host->rss.table_bytes, NETVSC_RETA_MAX * 4);
	close_host(host);
}

static void
a_remembered_table_is_fitted_to_another_size_and_fewer_channels(void **state)
{
	struct fake_host *host = open_host(0x301, 4);
	struct netvsc_device *dev = &host->dev;

	(void)state;
	netvsc_rss_default(dev, 4, RTE_ETH_RSS_IPV4, &dev->rss);
	dev->host.reta_size = 256;
	dev->channel_count = 3;
	dev->rss.reta[256] = 9999;
	netvsc_rss_fit(dev);
	assert_int_equal(dev->rss.reta[256], 9999);
	assert_int_equal(dev->rss.reta_size, 256);
	for (unsigned int i = 0; i < 256; i++) {
		assert_true(dev->rss.reta[i] < 3);
		assert_int_equal(dev->rss.reta[i], i % 4 % 3);
	}
	dev->host.reta_size = 16;
	netvsc_rss_fit(dev);
	assert_int_equal(dev->rss.reta_size, 16);
	/* Of one entry, and of none: there are the queues in order. */
	dev->rss.reta_size = 1;
	dev->rss.reta[0] = 5;
	netvsc_rss_fit(dev);
	for (unsigned int i = 0; i < 16; i++)
		assert_int_equal(dev->rss.reta[i], 2);
	dev->rss.reta_size = 0;
	netvsc_rss_fit(dev);
	for (unsigned int i = 0; i < 16; i++)
		assert_int_equal(dev->rss.reta[i], i % 3);
	/* One channel, and none for now. */
	for (uint16_t channels = 2; channels-- > 0;) {
		dev->channel_count = channels;
		dev->rss.reta[1] = 1;
		netvsc_rss_fit(dev);
		assert_int_equal(dev->rss.reta[1], 0);
	}
	dev->channel_count = 4;
	close_host(host);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rss_is_switched_off_before_it_is_set),
		cmocka_unit_test(the_default_key_is_that_of_the_published_test_vectors),
		cmocka_unit_test(each_hash_type_is_the_hosts_bit_of_that_name),
		cmocka_unit_test(tables_and_queues_are_what_the_host_has_within_what_the_driver_has),
		cmocka_unit_test(no_hash_types_switch_rss_off),
		cmocka_unit_test(hash_types_are_offered_as_the_host_computes_them),
		cmocka_unit_test(a_bad_table_is_refused_before_anything_is_sent),
		cmocka_unit_test(a_refused_change_restores_what_was_set_before),
		cmocka_unit_test(a_host_without_rss_takes_none),
		cmocka_unit_test(the_longest_table_fits_in_a_request),
		cmocka_unit_test(a_remembered_table_is_fitted_to_another_size_and_fewer_channels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
