/* SPDX-License-Identifier: BSD-3-Clause */

/* Packet filter, addresses and counters. */

#include "fake_host.h"

#include <errno.h>
#include <string.h>

#include "netvsc_link.h"
#include "netvsc_ndis.h"

static const struct rte_ether_addr groups[NETVSC_MULTICAST_MAX + 1] = {
	{ { 0x01, 0, 0x5e, 0, 0, 1 } },
	{ { 0x01, 0, 0x5e, 0, 0, 2 } },
};

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

/* Conformance: 50. */
static void
the_filter_follows_from_all_settings_at_once(void **state)
{
	struct netvsc_device dev = { 0 };

	(void)state;
	for (unsigned int bits = 0; bits < 32; bits++) {
		uint32_t expected = 0;

		dev.receiving = bits & 1;
		dev.promiscuous = bits & 2;
		dev.allmulticast = bits & 4;
		dev.multicast_count = bits & 8 ? 3 : 0;
		dev.multicast_listed = bits & 16;
		if (dev.receiving)
			expected = NDIS_FILTER_DIRECTED | NDIS_FILTER_BROADCAST;
		if (dev.receiving && dev.promiscuous)
			expected |= NDIS_FILTER_PROMISCUOUS;
		if (dev.receiving && (dev.promiscuous || dev.allmulticast ||
				(dev.multicast_count && !dev.multicast_listed)))
			expected |= NDIS_FILTER_ALL_MULTICAST;
		else if (dev.receiving && dev.multicast_count)
			expected |= NDIS_FILTER_MULTICAST;
		assert_int_equal(netvsc_ndis_filter(&dev), expected);
	}
}

/* Conformance: 50. */
static void
promiscuous_survives_stop_and_start(void **state)
{
	const uint32_t all = NDIS_FILTER_DIRECTED | NDIS_FILTER_BROADCAST |
		NDIS_FILTER_ALL_MULTICAST | NDIS_FILTER_PROMISCUOUS;
	struct fake_host *host = open_host();

	(void)state;
	assert_int_equal(netvsc_ndis_set_promiscuous(&host->dev, true), 0);
	assert_int_equal(host->filter, 0);      /* not started */
	assert_int_equal(netvsc_ndis_set_receiving(&host->dev, true), 0);
	assert_int_equal(host->filter, all);
	assert_int_equal(netvsc_ndis_set_allmulticast(&host->dev, false), 0);
	assert_int_equal(host->filter, all);
	assert_int_equal(netvsc_ndis_set_receiving(&host->dev, false), 0);
	assert_int_equal(host->filter, 0);
	assert_int_equal(netvsc_ndis_set_receiving(&host->dev, true), 0);
	assert_int_equal(host->filter, all);
	close_host(host);
}

/* Conformance: 53. */
static void
a_refused_filter_is_an_error_and_the_setting_stays_as_it_was(void **state)
{
	struct fake_host *host = open_host();

	(void)state;
	assert_int_equal(netvsc_ndis_set_receiving(&host->dev, true), 0);
	host->set.refuse_oid = OID_GEN_CURRENT_PACKET_FILTER;
	host->set.refuse_status = NDIS_STATUS_FAILURE;
	assert_int_equal(netvsc_ndis_set_promiscuous(&host->dev, true), -EIO);
	assert_false(host->dev.promiscuous);
	assert_int_equal(netvsc_ndis_set_allmulticast(&host->dev, true), -EIO);
	assert_false(host->dev.allmulticast);
	assert_int_equal(netvsc_ndis_set_multicast(&host->dev, groups, 2), -EIO);
	assert_int_equal(host->dev.multicast_count, 0);
	close_host(host);
}

static void
a_multicast_list_goes_to_hosts_that_take_it(void **state)
{
	const uint32_t base = NDIS_FILTER_DIRECTED | NDIS_FILTER_BROADCAST;
	struct fake_host *host = open_host();

	(void)state;
	assert_int_equal(netvsc_ndis_set_receiving(&host->dev, true), 0);
	assert_int_equal(netvsc_ndis_set_multicast(&host->dev, groups, 2), 0);
	assert_int_equal(host->multicast_bytes, 12);
	assert_int_equal(host->filter, base | NDIS_FILTER_MULTICAST);
	assert_int_equal(netvsc_ndis_set_multicast(&host->dev, NULL, 0), 0);
	assert_int_equal(host->filter, base);
	close_host(host);
}

static void
all_multicast_takes_the_place_of_a_list_the_host_does_not_take(void **state)
{
	static const struct {
		uint32_t max, refuse, count;
	} cases[] = {
		{ 0, 0, 2 }, { 1, 0, 2 }, { 32, OID_802_3_MULTICAST_LIST, 2 }, { 32, 0, 33 },
		{ 1000, 0, NETVSC_MULTICAST_MAX + 1 },
	};

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(cases); i++) {
		struct fake_host *host = open_host();

		host->set.multicast_max = cases[i].max;
		host->set.refuse_oid = cases[i].refuse;
		host->set.refuse_status = NDIS_STATUS_NOT_SUPPORTED;
		assert_int_equal(netvsc_ndis_set_receiving(&host->dev, true), 0);
		assert_int_equal(netvsc_ndis_set_multicast(&host->dev, groups, cases[i].count), 0);
		assert_int_equal(host->filter, NDIS_FILTER_DIRECTED | NDIS_FILTER_BROADCAST |
			NDIS_FILTER_ALL_MULTICAST);
		close_host(host);
	}
}

static void
a_mac_change_is_sent_as_utf16_text(void **state)
{
	static const struct rte_ether_addr mac = { { 0x02, 0xab, 0xcd, 0x0e, 0xf0, 0x12 } };
	static const char name[] = "NetworkAddress", value[] = "02ABCD0EF012";
	struct fake_host *host = open_host();
	const uint8_t *config = host->config;
	struct ndis_config_parameter head;

	(void)state;
	assert_int_equal(netvsc_ndis_set_mac(&host->dev, &mac), 0);
	memcpy(&head, config, sizeof(head));
	assert_int_equal(host->config_bytes, 20 + 28 + 24);
	assert_int_equal(head.value_type, 2);
	assert_int_equal(head.name_bytes, 28);
	assert_int_equal(head.value_bytes, 24);
	for (unsigned int i = 0; i < sizeof(name) - 1; i++) {
		assert_int_equal(config[head.name_offset + 2 * i], name[i]);
		assert_int_equal(config[head.name_offset + 2 * i + 1], 0);
	}
	for (unsigned int i = 0; i < sizeof(value) - 1; i++) {
		assert_int_equal(config[head.value_offset + 2 * i], value[i]);
		assert_int_equal(config[head.value_offset + 2 * i + 1], 0);
	}
	assert_true(host->dev.mac_changed);
	close_host(host);
}

static void
a_refused_mac_change_changes_nothing(void **state)
{
	static const struct rte_ether_addr mac = { { 0x02, 0xab, 0xcd, 0x0e, 0xf0, 0x12 } };
	struct fake_host *host = open_host();

	(void)state;
	host->set.refuse_oid = OID_GEN_RNDIS_CONFIG_PARAMETER;
	host->set.refuse_status = NDIS_STATUS_INVALID_DATA;
	assert_int_equal(netvsc_ndis_set_mac(&host->dev, &mac), -EINVAL);
	assert_false(host->dev.mac_changed);
	close_host(host);
}

static void
a_counter_may_have_four_bytes_or_not_exist(void **state)
{
	struct fake_host *host = open_host();
	uint64_t value = 1;

	(void)state;
	assert_int_equal(netvsc_ndis_query_counter(&host->dev, OID_GEN_RCV_NO_BUFFER, &value), 0);
	assert_true(value == 4711);
	assert_int_equal(netvsc_ndis_query_counter(&host->dev, OID_GEN_XMIT_OK, &value), -ENOTSUP);
	assert_true(value == 4711);
	close_host(host);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_filter_follows_from_all_settings_at_once),
		cmocka_unit_test(promiscuous_survives_stop_and_start),
		cmocka_unit_test(a_refused_filter_is_an_error_and_the_setting_stays_as_it_was),
		cmocka_unit_test(a_multicast_list_goes_to_hosts_that_take_it),
		cmocka_unit_test(all_multicast_takes_the_place_of_a_list_the_host_does_not_take),
		cmocka_unit_test(a_mac_change_is_sent_as_utf16_text),
		cmocka_unit_test(a_refused_mac_change_changes_nothing),
		cmocka_unit_test(a_counter_may_have_four_bytes_or_not_exist),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
