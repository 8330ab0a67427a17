/* SPDX-License-Identifier: BSD-3-Clause */
/* A NIC's life, its identity, its counters and its description. */

#include <errno.h>
#include <stdio.h>

#include "control_fixture.h"

static int
teardown(void **state)
{
	(void)state;
	host_stop();
	return 0;
}

static struct sw *const some_switch = (struct sw *)(void *)&host;

static struct vsp_nic *
create(const char *name, const char *profile, struct sw *sw, char error[256])
{
	struct config_nic config;

	host_config(&config);
	snprintf(config.name, sizeof(config.name), "%s", name);
	config.has_mac = false;
	error[0] = '\0';
	return vsp_nic_create(&config, profile, sw, error, 256);
}

static void
nics_are_found_by_name_and_in_turn(void **state)
{
	char error[256];
	struct vsp_nic *a = create("a", "ws2022", some_switch, error);
	struct vsp_nic *b = create("b", "ws2019", some_switch, error);

	(void)state;
	assert_ptr_equal(vsp_nic_find("a"), a);
	assert_ptr_equal(vsp_nic_find("b"), b);
	assert_null(vsp_nic_find("c"));
	assert_ptr_equal(vsp_nic_next(NULL), b);
	assert_ptr_equal(vsp_nic_next(b), a);
	assert_null(vsp_nic_next(a));
	assert_string_equal(vsp_nic_name(a), "a");
	assert_string_equal(vsp_nic_port(a)->name, "a");
	assert_string_equal(vsp_nic_port(a)->ops->kind, "nic");
	vsp_nic_destroy(a);
	assert_null(vsp_nic_find("a"));
	vsp_nic_destroy(b);
	assert_null(vsp_nic_next(NULL));
}

static void
a_wrong_configuration_is_refused_with_a_sentence(void **state)
{
	char error[256];
	struct config_nic config;
	struct vsp_nic *nic;

	(void)state;
	assert_null(create("a", "ws2099", some_switch, error));
	assert_string_equal(error, "there is no host profile 'ws2099'");
	assert_null(create("a", "ws2022", NULL, error));
	assert_non_null(strstr(error, "cannot be attached"));
	nic = create("a", "ws2022", some_switch, error);
	assert_non_null(nic);
	assert_null(create("a", "ws2022", some_switch, error));
	assert_string_equal(error, "there is a NIC 'a' already");
	vsp_nic_destroy(nic);
	host_config(&config);
	strcpy(config.vlan, "rubbish");
	assert_null(vsp_nic_create(&config, "ws2022", some_switch, error, sizeof(error)));
	assert_string_equal(error, "nic0: 'rubbish' is no VLAN");
	assert_null(vsp_nic_next(NULL));
}

static void
its_own_profile_goes_before_the_global_one(void **state)
{
	struct config_nic config;

	(void)state;
	host_config(&config);
	strcpy(config.host_profile, "ws2016");
	host_start_with(&config, "ws2022");
	assert_string_equal(host.nic->profile->name, "ws2016");
}

static void
identities_come_from_seed_and_name(void **state)
{
	uint8_t mac[6], guid[16];
	char error[256];
	struct vsp_nic *nic;

	(void)state;
	vsp_settings.seed = 5;
	nic = create("a", "ws2022", some_switch, error);
	memcpy(mac, nic->permanent_mac, sizeof(mac));
	memcpy(guid, nic->config.guid, sizeof(guid));
	assert_memory_equal(mac, "\x00\x15\x5d", 3);
	vsp_nic_destroy(nic);
	nic = create("a", "ws2022", some_switch, error);
	assert_memory_equal(mac, nic->permanent_mac, sizeof(mac));
	assert_memory_equal(guid, nic->config.guid, sizeof(guid));
	vsp_nic_destroy(nic);
	nic = create("b", "ws2022", some_switch, error);
	assert_memory_not_equal(mac, nic->permanent_mac, sizeof(mac));
	vsp_nic_destroy(nic);
	vsp_settings.seed = 6;
	nic = create("a", "ws2022", some_switch, error);
	assert_memory_not_equal(guid, nic->config.guid, sizeof(guid));
	vsp_nic_destroy(nic);
	vsp_settings.seed = 0;
}

static void
the_offer_carries_identity_and_monitor(void **state)
{
	static const struct {
		const char *profile;
		char configured;
		bool monitor;
		uint16_t latency;
	} rows[] = {
		{ "ws2022", -1, true, 500 }, { "ws2022", 0, false, 500 }, { "ws2022", 1, true, 500 },
		{ "openvmm", -1, true, 1000 },
	};
	struct config_nic config;

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		host_stop();
		host_config(&config);
		config.has_guid = true;
		memset(config.guid, 0x42, sizeof(config.guid));
		config.monitor = rows[i].configured;
		host_start_with(&config, rows[i].profile);
		assert_memory_equal(host.offer.instance, config.guid, 16);
		assert_int_equal(host.offer.monitor, rows[i].monitor);
		assert_int_equal(host.offer.latency_100ns, rows[i].latency);
		assert_false(host.offer.isolated);
	}
}

static void
a_rescinded_nic_is_closed_first_and_can_be_offered_again(void **state)
{
	const struct hv_transport *transport;
	struct hv_guest *guest;
	uint8_t guid[16];

	(void)state;
	host_start("ws2022");
	guest_operational();
	host_open_subchannel(1);
	transport = host.nic->transport;
	guest = host.nic->guest;
	memcpy(guid, host.nic->config.guid, sizeof(guid));
	assert_true(host.poller_added);
	assert_int_equal(vsp_nic_offer(host.nic, transport, guest, false), -EBUSY);
	vsp_nic_rescind(host.nic);
	assert_int_equal(host.rescinded, 1);
	assert_false(host.poller_added);
	assert_int_equal(host.nic->channels_open, 0);
	assert_int_equal(host.nic->state, NIC_OFFERED);
	assert_null(host.nic->recv_base);
	assert_null(host.nic->sections);
	vsp_nic_rescind(host.nic);      /* gone already */
	assert_int_equal(host.rescinded, 1);
	assert_int_equal(vsp_nic_set_link(host.nic, false), -ENOTCONN);
	vsp_nic_set_link(host.nic, true);
	assert_int_equal(vsp_nic_offer(host.nic, transport, guest, true), 0);
	assert_true(host.offer.isolated);
	assert_memory_equal(host.offer.instance, guid, 16);
	assert_true(host.poller_added);
}

static void
the_port_follows_profile_and_configuration(void **state)
{
	struct config_nic config;

	(void)state;
	host_config(&config);
	config.partial_csum = true;
	strcpy(config.vlan, "100");
	host_start_with(&config, "ws2022");
	assert_true(host.nic->port.accepts_partial);
	assert_true(host.nic->port.accepts_vlan_flag);
	assert_int_equal(host.nic->port.vlan.access, 100);
	assert_true(host.nic->config.mac_filter);       /* on a switch */
	host_stop();
	host_config(&config);
	strcpy(config.port, "echo");
	host_start_with(&config, "ws2008");
	assert_false(host.nic->port.accepts_partial);
	assert_false(host.nic->port.accepts_vlan_flag);
	assert_false(host.nic->config.mac_filter);      /* on a wire */
	host_stop();
	config.has_mac_filter = true;
	config.mac_filter = true;
	host_start_with(&config, "ws2008");
	assert_true(host.nic->config.mac_filter);
}

static void
what_begins_only_once_waits_for_a_guest_with_a_packet_filter(void **state)
{
	const struct sw_port_ops *ops;
	uint32_t filter = NDIS_FILTER_DIRECTED;

	(void)state;
	reach("ws2022", AT_READY);
	ops = host.nic->port.ops;
	assert_non_null(ops->ready);
	assert_false(ops->ready(&host.nic->port));
	guest_rndis_init();
	assert_false(ops->ready(&host.nic->port));
	guest_set(OID_GEN_CURRENT_PACKET_FILTER, &filter, sizeof(filter));
	assert_true(ops->ready(&host.nic->port));
	host_reopen();
	assert_false(ops->ready(&host.nic->port));
}

/* ---- counters ---- */

struct test_sink {
	struct stat_sink sink;
	const char *name;
	uint64_t value;
	unsigned int found, count;
};

static void
test_emit(struct stat_sink *sink, const char *name, uint64_t value)
{
	struct test_sink *test = container_of(sink, struct test_sink, sink);

	test->count++;
	if (strcmp(name, test->name) != 0)
		return;
	test->found++;
	test->value = value;
}

static uint64_t
nic_stat(const char *name)
{
	struct test_sink test = { .sink.emit = test_emit, .name = name };

	vsp_nic_stats(host.nic, &test.sink);
	assert_int_equal(test.found, 1);
	return test.value;
}

static void
counters_are_sums_of_the_queues(void **state)
{
	struct test_sink test = { .sink.emit = test_emit, .name = "rx_frames" };

	(void)state;
	host_start("ws2022");
	host.nic->channel[0].counters.rx_frames = 3;
	host.nic->channel[5].counters.rx_frames = 4;
	host.nic->channel[0].counters.tx_packets_max = 8;
	host.nic->channel[5].counters.tx_packets_max = 6;
	assert_int_equal(nic_stat("rx_frames"), 7);
	assert_int_equal(nic_stat("tx_packets_max"), 8);
	assert_int_equal(nic_stat("queues_open"), 1);
	assert_int_equal(nic_stat("link_up"), 1);
	assert_int_equal(vsp_nic_queues(host.nic), 1);
	vsp_nic_queue_stats(host.nic, 5, &test.sink);
	assert_int_equal(test.value, 4);
	test.count = 0;
	vsp_nic_queue_stats(host.nic, 64, &test.sink);
	assert_int_equal(test.count, 0);
}

static void
broken_rules_are_counted_by_name(void **state)
{
	struct test_sink test = { .sink.emit = test_emit, .name = "violation_NVSP_ORDER" };
	uint32_t message[10] = { NVSP_NDIS_VERSION };

	(void)state;
	host_start("ws2022");
	vsp_nic_stats(host.nic, &test.sink);
	assert_int_equal(test.found, 0);
	guest_send(0, message, sizeof(message));
	assert_int_equal(nic_stat("violation_NVSP_ORDER"), 1);
	assert_int_equal(nic_stat("violations"), 1);
}

/* ---- what was negotiated ---- */

static void
each_profile_negotiates_its_row_with_the_built_in_driver(void **state)
{
	static const struct {
		const char *profile, *parts[8];
	} rows[] = {
		{ "ws2008", { "vmbus 0.13", "nvsp 1 ", "ndis 6.1,", "receive 1248x1680",
			"send 0x0", "messages of 1 aligned to 1,", "rss none", "to guest none" } },
		{ "ws2008r2", { "vmbus 1.1", "nvsp 2 ", "ndis 6.1,", "receive 1202x1744",
			"send 64x4096", "queues 1 of 1", "offload rev 2", "vf none" } },
		{ "ws2012", { "vmbus 2.4", "nvsp 4 ", "ndis 6.1,", "receive 1213x1728",
			"send 42x6144", "messages of 4 aligned to 4", "queues 1 of 1", "vf absent" } },
		{ "ws2012r2", { "vmbus 3.0", "nvsp 5 ", "ndis 6.30", "receive 1129x1856",
			"messages of 8 aligned to 8", "queues 1 of 8", "rss off", "csum+vlan+hash," } },
		{ "ws2016", { "vmbus 4.0", "nvsp 6 ", "ndis 6.30", "receive 1170x1792",
			"messages of 8 aligned to 8", "offload rev 3", "csum+vlan+hash,", "rsc off" } },
		{ "ws2019", { "vmbus 5.2", "nvsp 6.1 ", "ndis 6.30", "receive 1236x1696",
			"queues 1 of 8", "csum+vlan+hash+id", "vf absent", "frames 1514" } },
		{ "ws2022", { "vmbus 5.3", "nvsp 6.1 ", "ndis 6.30", "receive 1024x2048",
			"queues 1 of 8", "csum+vlan+hash+id", "vf absent", "frames 1514" } },
		{ "azure", { "vmbus 5.3", "nvsp 6.1 ", "ndis 6.30", "receive 1149x1824",
			"queues 1 of 8", "csum+vlan+hash,", "vf absent", "rsc off" } },
		{ "openvmm", { "vmbus 6.0", "nvsp 6.1 ", "ndis 6.30", "receive 1161x1806",
			"queues 1 of 8", "csum+vlan,", "vf absent", "rsc off" } },
	};

	(void)state;
	assert_int_equal(ARRAY_SIZE(rows), vsp_profile_count);
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		char text[512];

		host_stop();
		host_start(rows[i].profile);
		guest_operational();
		vsp_nic_describe(host.nic, text, sizeof(text));
		print_message("%s\n", text);
		assert_non_null(strstr(text, "operational"));
		for (unsigned int part = 0; part < ARRAY_SIZE(rows[i].parts); part++) {
			if (strstr(text, rows[i].parts[part]) == NULL)
				fail_msg("no '%s'", rows[i].parts[part]);
		}
		assert_no_violation();
	}
}

static void
a_description_never_overruns(void **state)
{
	char text[32];

	(void)state;
	host_start("ws2022");
	for (unsigned int bytes = 1; bytes < sizeof(text); bytes++) {
		memset(text, 'x', sizeof(text));
		vsp_nic_describe(host.nic, text, bytes);
		assert_int_equal(strlen(text), bytes - 1);
		assert_int_equal(text[bytes], 'x');
	}
}

#define CASE(name) cmocka_unit_test_teardown(name, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(nics_are_found_by_name_and_in_turn),
		CASE(a_wrong_configuration_is_refused_with_a_sentence),
		CASE(its_own_profile_goes_before_the_global_one),
		CASE(identities_come_from_seed_and_name),
		CASE(the_offer_carries_identity_and_monitor),
		CASE(a_rescinded_nic_is_closed_first_and_can_be_offered_again),
		CASE(the_port_follows_profile_and_configuration),
		CASE(what_begins_only_once_waits_for_a_guest_with_a_packet_filter),
		CASE(counters_are_sums_of_the_queues),
		CASE(broken_rules_are_counted_by_name),
		CASE(each_profile_negotiates_its_row_with_the_built_in_driver),
		CASE(a_description_never_overruns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
