/* SPDX-License-Identifier: BSD-3-Clause */

/* core/config*.c: what is understood, and the exact sentence where it is not. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/config.h"
#include "core/util.h"

static char error[1024];

static const char *
host_name(unsigned int i)
{
	static const char *const names[] = { "ws2012", "ws2022" };

	return i < ARRAY_SIZE(names) ? names[i] : NULL;
}

static const char *
kernel_name(unsigned int i)
{
	static const char *const names[] = { "4.18", "6.18" };

	return i < ARRAY_SIZE(names) ? names[i] : NULL;
}

static int
setup(void **state)
{
	static const struct config_profiles known = { host_name, kernel_name, "6.18" };
	struct config *config = malloc(sizeof(*config));

	config_set_profiles(&known);
	config_init(config);
	*state = config;
	error[0] = '\0';
	return 0;
}

static int
teardown(void **state)
{
	config_fini(*state);
	free(*state);
	return 0;
}

static void
expect_nic_error(struct config *config, const char *spec, const char *sentence)
{
	assert_int_equal(config_add_nic(config, spec, error, sizeof(error)), -EINVAL);
	assert_string_equal(error, sentence);
	assert_null(config->nics);
}

static void
every_option_of_a_nic_is_understood(void **state)
{
	static const uint8_t mac[6] = { 0x00, 0x15, 0x5d, 1, 2, 3 };
	struct config *config = *state;
	struct config_nic *nic;

	assert_int_equal(config_add_nic(config, "queues=4,mac=00:15:5d:01:02:03,host=ws2012,"
		"guest=g1,link=25G,name=left,mtu=9k,monitor=off,frames-per-transfer=32,"
		"recv-sections=100,two-sections,partial-csum,rsc,mac-filter=on,spoofing=off,vf,"
		"guid=f8615163-df3e-46c5-913f-f2d2f965ed0e,port=gen:size=64,rate=1Mpps",
		error, sizeof(error)), 0);
	nic = config->nics;
	assert_int_equal(nic->queues, 4);
	assert_memory_equal(nic->mac, mac, 6);
	assert_string_equal(nic->host_profile, "ws2012");
	assert_string_equal(nic->guest, "g1");
	assert_int_equal(nic->link_bps, 25000000000);
	assert_string_equal(nic->name, "left");
	assert_int_equal(nic->mtu_max, 9216 + 14);
	assert_int_equal(nic->monitor, 0);
	assert_int_equal(nic->frames_per_transfer, 32);
	assert_int_equal(nic->recv_sections, 100);
	assert_true(nic->partial_csum && nic->rsc && nic->vf && nic->two_sections && nic->mac_filter);
	assert_false(nic->mac_spoofing);
	assert_true(nic->has_guid);
	assert_string_equal(nic->port, "gen:size=64,rate=1Mpps");
	assert_int_equal(config_finish(config, error, sizeof(error)), 0);
}

static void
a_private_port_takes_the_rest_unless_it_ends_before(void **state)
{
	static const struct {
		const char *spec;
		const char *port;
		unsigned int queues;
	} cases[] = {
		{ "queues=4,port=echo", "echo", 4 },
		{ "port=echo,queues=4", "echo", 4 },
		{ "port=gen:size=64,rate=1Mpps", "gen:size=64,rate=1Mpps", 8 },
		{ "port=[gen:size=64,rate=1Mpps],queues=2", "gen:size=64,rate=1Mpps", 2 },
		{ "queues=2,port=gen:sizes=[64,1514],flows=3", "gen:sizes=[64,1514],flows=3", 2 },
	};
	struct config *config = *state;

	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(config_add_nic(config, cases[i].spec, error, sizeof(error)), 0);
		assert_string_equal(config->nics->port, cases[i].port);
		assert_int_equal(config->nics->queues, cases[i].queues);
		config_fini(config);
	}
}

static void
a_wrong_option_of_a_nic_is_named_with_the_right_ones(void **state)
{
	static const struct {
		const char *spec;
		const char *sentence;
	} cases[] = {
		{ "quues=4", "a NIC has no option \"quues\"; it has name, guest, queues, mac, "
			"guid, host, link, mtu, sw, vlan, monitor, frames-per-transfer, "
			"recv-sections, two-sections, partial-csum, rsc, mac-filter, spoofing, vf, port" },
		{ "queues=65", "queues=65: expected a number from 1 to 64" },
		{ "queues=0", "queues=0: expected a number from 1 to 64" },
		{ "queues", "queues=: expected a number from 1 to 64" },
		{ "queues=4,queues=5", "a NIC has one \"queues\", not two" },
		{ "mac=01:15:5d:01:02:03", "mac=01:15:5d:01:02:03: expected a unicast address "
			"such as 00:15:5d:01:02:03" },
		{ "guid=1234", "guid=1234: expected a GUID such as "
			"7a08391f-f5a0-4ac0-9802-d13fd964f8df" },
		{ "link=fast", "link=fast: expected a speed from 100 bit/s to 429G such as 25G" },
		{ "link=430G", "link=430G: expected a speed from 100 bit/s to 429G such as 25G" },
		{ "mtu=10k", "mtu=10k: expected a size from 68 to 9k" },
		{ "vlan=4095", "vlan=4095: expected a VLAN from 1 to 4094, or trunk, or "
			"[trunk:1-10,20]" },
		{ "monitor=maybe", "monitor=maybe: expected on or off" },
		{ "name=a/b", "name=a/b: expected a name of letters, digits, '.', '_' and '-'" },
		{ "frames-per-transfer=376", "frames-per-transfer=376: expected a number from 1 "
			"to 375" },
		{ "port=", "port=: expected a port such as echo or gen:size=64 (see 'hvsim "
			"ports')" },
		{ "queues=4,,vf", "\"queues=4,,vf\" is no list of options; write it like "
			"queues=4,port=echo" },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++)
		expect_nic_error(*state, cases[i].spec, cases[i].sentence);
}

static void
a_vlan_text_is_an_access_or_a_trunk(void **state)
{
	static const char *const bad[] = { "0", "4095", "trunk:", "trunk:0", "trunk:5-3",
		"trunk:1-", "trunk:1,,2", "trunk:1-4095", "trunks", "x", "1 ", "trunk:-1" };
	struct config_vlan vlan;

	(void)state;
	assert_int_equal(config_parse_vlan("100", &vlan), 0);
	assert_false(vlan.trunk);
	assert_int_equal(vlan.access, 100);
	assert_int_equal(config_parse_vlan("trunk:1-3,64,4094", &vlan), 0);
	assert_true(vlan.trunk);
	assert_int_equal(vlan.allowed[0], 0xe);
	assert_int_equal(vlan.allowed[1], 1);
	assert_int_equal(vlan.allowed[63], 1ull << 62);
	assert_int_equal(config_parse_vlan("trunk", &vlan), 0);
	assert_int_equal(vlan.allowed[0], ~1ull);
	assert_int_equal(config_parse_vlan("", &vlan), 0);
	assert_false(vlan.trunk);
	assert_int_equal(vlan.access, 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		if (config_parse_vlan(bad[i], &vlan) != -EINVAL)
			fail_msg("\"%s\" was taken", bad[i]);
	}
}

static void
a_port_keeps_its_options_but_not_its_place(void **state)
{
	static const struct {
		const char *text, *spec, *sw, *vlan;
	} cases[] = {
		{ "echo", "echo", "", "" },
		{ "tap:name=tap0", "tap:name=tap0", "", "" },
		{ "tap:sw=s1,name=tap0,vlan=[trunk:1,2]", "tap:name=tap0", "s1", "trunk:1,2" },
		{ "tap:name=tap0,vlan=7", "tap:name=tap0", "", "7" },
		{ "sink:sw=s2", "sink", "s2", "" },
		{ "gen:sizes=[64,128],sw=s2,flows=2", "gen:sizes=[64,128],flows=2", "s2", "" },
	};
	struct config *config = *state;

	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(config_add_port(config, cases[i].text, error, sizeof(error)), 0);
		assert_string_equal(config->ports->spec, cases[i].spec);
		assert_string_equal(config->ports->sw, cases[i].sw);
		assert_string_equal(config->ports->vlan, cases[i].vlan);
		config_fini(config);
	}
	assert_int_equal(config_add_port(config, ":x", error, sizeof(error)), -EINVAL);
	assert_string_equal(error, "\":x\" is no port; write it like tap:name=tap0 (see 'hvsim "
		"ports')");
	assert_int_equal(config_add_port(config, "tap:a,,b", error, sizeof(error)), -EINVAL);
	assert_int_equal(config_add_port(config, "tap:vlan=0", error, sizeof(error)), -EINVAL);
	assert_string_equal(error, "vlan=0: expected a VLAN from 1 to 4094, or trunk, or "
		"[trunk:1-10,20]");
	assert_null(config->ports);
}

static void
settings_are_checked_by_name_and_value(void **state)
{
	static const struct {
		const char *name, *value, *sentence;
	} cases[] = {
		{ "check", "quick", "check=quick: expected full or fast" },
		{ "iova", "phys", "iova=phys: expected auto, va or pa" },
		{ "poll", "always", "poll=always: expected busy or adaptive" },
		{ "seed", "-1", "seed=-1: expected a number such as 42" },
		{ "cpus", "a", "cpus=a: expected a list of CPUs such as 3 or 0-1,4" },
		{ "numa", "x", "numa=x: expected a node number, or any" },
		{ "colour", "red", "hvsim has no option \"colour\"; it has host, kernel, iova, "
			"isolated, seed, check, strict, poll, cpus, numa, control, folder, trace" },
		{ "folder", "here", "folder=here: expected the absolute path of a folder" },
	};
	struct config *config = *state;

	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(config_set(config, cases[i].name, cases[i].value, error,
			sizeof(error)), -EINVAL);
		assert_string_equal(error, cases[i].sentence);
	}
	assert_int_equal(config_set(config, "check", "fast", error, sizeof(error)), 0);
	assert_int_equal(config_set(config, "poll", "busy", error, sizeof(error)), 0);
	assert_int_equal(config_set(config, "iova", "pa", error, sizeof(error)), 0);
	assert_int_equal(config_set(config, "seed", "0x2a", error, sizeof(error)), 0);
	assert_int_equal(config_set(config, "numa", "1", error, sizeof(error)), 0);
	assert_int_equal(config_set(config, "strict", "", error, sizeof(error)), 0);
	assert_int_equal(config->check, CHECK_FAST);
	assert_int_equal(config->poll, ENGINE_POLL_BUSY);
	assert_int_equal(config->iova, IOVA_PA);
	assert_int_equal(config->seed, 42);
	assert_int_equal(config->numa_node, 1);
	assert_true(config->strict);
}

static void
finishing_fills_in_names_addresses_and_guests(void **state)
{
	static const uint8_t prefix[3] = { 0x00, 0x15, 0x5d };
	struct config *config = *state;
	struct config_nic *a, *b;

	config_add_nic(config, "port=echo", error, sizeof(error));
	config_add_nic(config, "vlan=5", error, sizeof(error));
	assert_int_equal(config_finish(config, error, sizeof(error)), 0);
	a = config->nics;
	b = a->next;
	assert_string_equal(a->name, "nic0");
	assert_string_equal(b->name, "nic1");
	assert_string_equal(a->sw, "");
	assert_string_equal(b->sw, "sw0");
	assert_false(a->mac_filter);
	assert_true(b->mac_filter);
	assert_memory_equal(a->mac, prefix, 3);
	assert_memory_not_equal(a->mac, b->mac, 6);
	assert_memory_not_equal(a->guid, b->guid, 16);
	assert_string_equal(a->host_profile, "ws2022");
	assert_string_equal(config->guests->name, "guest0");
	assert_string_equal(config->guests->kernel_profile, "6.18");
	assert_null(config->guests->next);
}

static void
the_same_seed_gives_the_same_addresses_and_another_gives_others(void **state)
{
	struct config *config = *state;
	uint8_t mac[2][6], guid[2][16];

	for (unsigned int i = 0; i < 2; i++) {
		config_add_nic(config, "port=echo", error, sizeof(error));
		assert_int_equal(config_finish(config, error, sizeof(error)), 0);
		memcpy(mac[i], config->nics->mac, 6);
		memcpy(guid[i], config->nics->guid, 16);
		config_fini(config);
	}
	assert_memory_equal(mac[0], mac[1], 6);
	assert_memory_equal(guid[0], guid[1], 16);
	config_set(config, "seed", "2", error, sizeof(error));
	config_add_nic(config, "port=echo", error, sizeof(error));
	assert_int_equal(config_finish(config, error, sizeof(error)), 0);
	assert_memory_not_equal(mac[0], config->nics->mac, 6);
	assert_memory_not_equal(guid[0], config->nics->guid, 16);
}

static void
finishing_again_after_an_addition_keeps_what_there_was(void **state)
{
	struct config *config = *state;
	uint8_t mac[6];

	config_add_nic(config, "port=echo", error, sizeof(error));
	assert_int_equal(config_finish(config, error, sizeof(error)), 0);
	memcpy(mac, config->nics->mac, 6);
	config_add_nic(config, "port=sink", error, sizeof(error));
	assert_int_equal(config_finish(config, error, sizeof(error)), 0);
	assert_memory_equal(config->nics->mac, mac, 6);
	assert_string_equal(config->nics->next->name, "nic1");
	config_remove_nic(config, "nic0");
	assert_string_equal(config->nics->name, "nic1");
	assert_null(config->nics->next);
}

static void
finishing_refuses_what_contradicts_itself(void **state)
{
	static const struct {
		const char *first, *second, *sentence;
	} cases[] = {
		{ "name=a", "name=a", "two NICs are called \"a\"" },
		{ "mac=00:15:5d:00:00:01", "mac=00:15:5d:00:00:01",
			"nic0 and nic1 have the same MAC address" },
		{ "guid=f8615163-df3e-46c5-913f-f2d2f965ed0e",
			"guid=f8615163-df3e-46c5-913f-f2d2f965ed0e",
			"nic0 and nic1 have the same GUID" },
		{ "sw=sw1,port=echo", "vf", "nic0 has a port of its own and is on no switch: "
			"leave out port or sw and vlan" },
		{ "host=ws2022", "host=ws95", "there is no host profile \"ws95\"; there are "
			"ws2012, ws2022" },
	};
	struct config *config = *state;

	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		config_add_nic(config, cases[i].first, error, sizeof(error));
		config_add_nic(config, cases[i].second, error, sizeof(error));
		assert_int_equal(config_finish(config, error, sizeof(error)), -EINVAL);
		assert_string_equal(error, cases[i].sentence);
		config_fini(config);
	}
	config_set(config, "kernel", "2.4", error, sizeof(error));
	assert_int_equal(config_finish(config, error, sizeof(error)), -EINVAL);
	assert_string_equal(error, "there is no kernel profile \"2.4\"; there are 4.18, 6.18");
}

/* ---- files ---- */

/* Loads the text as "t.json" from a folder of its own. */
static int
load(struct config *config, const char *text)
{
	char folder[] = "/tmp/hvsim-test-XXXXXX";
	FILE *file;
	int ret;

	assert_non_null(mkdtemp(folder));
	assert_int_equal(chdir(folder), 0);
	file = fopen("t.json", "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	ret = config_load_file(config, "t.json", error, sizeof(error));
	unlink("t.json");
	assert_int_equal(chdir("/"), 0);
	rmdir(folder);
	return ret;
}

static void
a_topology_file_describes_settings_guests_nics_and_ports(void **state)
{
	struct config *config = *state;
	struct config_nic *nic;

	assert_int_equal(load(config, "{\"settings\": {\"host\": \"ws2012\", \"seed\": 7, "
		"\"strict\": true, \"kernel\": \"4.18\"},"
		"\"guests\": [{\"name\": \"a\", \"iova\": \"pa\"}, {\"name\": \"b\", "
		"\"kernel\": \"6.18\", \"isolated\": true}],"
		"\"nics\": [{\"name\": \"x\", \"guest\": \"b\", \"queues\": 2, \"vf\": true, "
		"\"spoofing\": false, \"port\": \"gen:size=64,rate=1Mpps\"}, \"queues=3\"],"
		"\"ports\": [\"tap:name=tap0,vlan=9\", {\"port\": \"pcap:file=x\", "
		"\"sw\": \"s9\"}]}"), 0);
	assert_int_equal(config_finish(config, error, sizeof(error)), 0);
	assert_string_equal(config->host_profile, "ws2012");
	assert_int_equal(config->seed, 7);
	assert_true(config->strict);
	assert_int_equal(config->guests->iova, IOVA_PA);
	assert_string_equal(config->guests->kernel_profile, "4.18");
	assert_string_equal(config->guests->next->kernel_profile, "6.18");
	assert_false(config->guests->isolated);
	assert_true(config->guests->next->isolated);
	assert_int_equal(config_set(config, "isolated", "on", error, sizeof(error)), 0);
	assert_int_equal(config_finish(config, error, sizeof(error)), 0);
	assert_true(config->guests->isolated);
	nic = config->nics;
	assert_string_equal(nic->guest, "b");
	assert_int_equal(nic->queues, 2);
	assert_true(nic->vf);
	assert_false(nic->mac_spoofing);
	assert_string_equal(nic->port, "gen:size=64,rate=1Mpps");
	assert_string_equal(nic->next->guest, "a");
	assert_int_equal(nic->next->queues, 3);
	assert_string_equal(config->ports->spec, "tap:name=tap0");
	assert_string_equal(config->ports->vlan, "9");
	assert_string_equal(config->ports->sw, "sw0");
	assert_string_equal(config->ports->next->sw, "s9");
}

static char armed[128];

static int
remember_fault(const char *fault, char *to, unsigned int bytes)
{
	if (strcmp(fault, "bad") == 0) {
		snprintf(to, bytes, "no good");
		return -EINVAL;
	}
	strncat(armed, fault, sizeof(armed) - strlen(armed) - 1);
	return 0;
}

static void
faults_of_a_topology_are_armed_in_their_order(void **state)
{
	struct config *config = *state;

	armed[0] = '\0';
	config->fault_arm = remember_fault;
	assert_int_equal(load(config, "{\"faults\": [\"one\", \"two:nth=3\"]}"), 0);
	assert_string_equal(armed, "onetwo:nth=3");
	assert_int_not_equal(load(config, "{\"faults\": [\"one\", \"bad\"]}"), 0);
	assert_string_equal(error, "t.json: faults[1]: no good");
	assert_int_not_equal(load(config, "{\"faults\": [7]}"), 0);
	assert_string_equal(error, "t.json: faults[0]: a fault must be a string such as "
		"\"silent:message=rndis-init\"");
}

static void
a_wrong_topology_file_says_where(void **state)
{
	static const struct {
		const char *text;
		const char *sentence;
	} cases[] = {
		{ "[]", "t.json: a topology must be an object" },
		{ "{\"nic\": []}", "t.json: a topology has no \"nic\"; it has settings, guests, "
			"nics, ports, faults" },
		{ "{\"faults\": [\"silent:message=init\"]}", "t.json: faults[0]: there are no "
			"faults here" },
		{ "{\"nics\": {}}", "t.json: \"nics\" must be a list" },
		{ "{\"nics\": [{}, {\"queues\": 99}]}", "t.json: nics[1]: queues=99: expected a "
			"number from 1 to 64" },
		{ "{\"nics\": [{\"queues\": [1]}]}", "t.json: nics[0]: \"queues\" must be a "
			"string, an integer or true or false" },
		{ "{\"nics\": [7]}", "t.json: nics[0]: a NIC must be an object or a string" },
		{ "{\"guests\": [{\"nmae\": \"x\"}]}", "t.json: guests[0]: a guest has no option "
			"\"nmae\"; it has name, kernel, iova, isolated" },
		{ "{\"guests\": [{}]}", "t.json: guests[0]: a guest needs a name" },
		{ "{\"ports\": [{\"sw\": \"s\"}]}", "t.json: ports[0]: \"port\" is missing, such "
			"as \"tap:name=tap0\"" },
		{ "{\"settings\": {\"chek\": 1}}", "t.json: hvsim has no option \"chek\"; it "
			"has host, kernel, iova, isolated, seed, check, strict, poll, cpus, numa, "
			"control, folder, trace" },
		{ "{\"settings\": 1}", "t.json: \"settings\" must be an object" },
	};
	struct config *config = *state;

	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(load(config, cases[i].text), -EINVAL);
		assert_string_equal(error, cases[i].sentence);
		config_fini(config);
	}
}

static void
a_file_that_is_no_json_names_line_and_column(void **state)
{
	assert_int_equal(load(*state, "{\n \"nics\": [,]\n}"), -EINVAL);
	assert_ptr_equal(strstr(error, "t.json: line 2, column "), error);
	assert_int_equal(load(*state, "{\"nics\": [], \"nics\": []}"), -EINVAL);
	assert_non_null(strstr(error, "duplicate"));
	assert_int_equal(config_load_file(*state, "/nonexistent/t.json", error, sizeof(error)),
		-EINVAL);
	assert_non_null(strstr(error, "/nonexistent/t.json"));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(every_option_of_a_nic_is_understood),
		CASE(a_private_port_takes_the_rest_unless_it_ends_before),
		CASE(a_wrong_option_of_a_nic_is_named_with_the_right_ones),
		CASE(a_vlan_text_is_an_access_or_a_trunk),
		CASE(a_port_keeps_its_options_but_not_its_place),
		CASE(settings_are_checked_by_name_and_value),
		CASE(finishing_fills_in_names_addresses_and_guests),
		CASE(the_same_seed_gives_the_same_addresses_and_another_gives_others),
		CASE(finishing_again_after_an_addition_keeps_what_there_was),
		CASE(finishing_refuses_what_contradicts_itself),
		CASE(a_topology_file_describes_settings_guests_nics_and_ports),
		CASE(faults_of_a_topology_are_armed_in_their_order),
		CASE(a_wrong_topology_file_says_where),
		CASE(a_file_that_is_no_json_names_line_and_column),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
