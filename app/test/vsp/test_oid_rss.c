/* SPDX-License-Identifier: BSD-3-Clause */
/* Receive-side scaling: capabilities, parameters, and what a change costs. */

#include "control_fixture.h"

#define TABLE_ENTRIES 128u

static int
teardown(void **state)
{
	(void)state;
	host_stop();
	return 0;
}

static void
operational(const char *profile)
{
	host_stop();
	host_start(profile);
	guest_operational();
}

/* As the built-in driver lays it out: parameters, table, key. */
struct rss_message {
	uint8_t head[40];
	uint32_t table[TABLE_ENTRIES];
	uint8_t key[40];
};

static struct rss_message message;
static struct ndis_rss_parameters head;

static void
message_init(unsigned int queues)
{
	head = (struct ndis_rss_parameters){
		.header = { NDIS_OBJECT_RSS_PARAMETERS, 2, 40 },
		.hash_info = NDIS_HASH_TOEPLITZ | NDIS_HASH_IPV4 | NDIS_HASH_TCP_IPV4,
		.table_bytes = sizeof(message.table),
		.table_offset = offsetof(struct rss_message, table),
		.key_bytes = 40,
		.key_offset = offsetof(struct rss_message, key),
	};
	for (uint32_t i = 0; i < TABLE_ENTRIES; i++)
		message.table[i] = i % queues;
	for (unsigned int i = 0; i < sizeof(message.key); i++)
		message.key[i] = (uint8_t)(i + 1);
}

static uint32_t
apply(void)
{
	memcpy(message.head, &head, sizeof(message.head));
	host_forget();
	return guest_set(OID_GEN_RECEIVE_SCALE_PARAMETERS, &message, sizeof(message));
}

static void
capabilities_are_the_profiles(void **state)
{
	static const struct {
		const char *profile;
		uint32_t flags, queues;
	} rows[] = {
		{ "ws2012r2", 0x301, 8 }, { "ws2016", 0x301, 8 }, { "ws2019", 0x301, 8 },
		{ "ws2022", 0x1b01, 8 }, { "azure", 0x1b01, 64 }, { "openvmm", 0x301, 8 },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		const uint32_t expected[5] = { 0x00120288, rows[i].flags, 1, rows[i].queues, 128 };
		const uint8_t *data;
		uint32_t bytes;

		operational(rows[i].profile);
		assert_int_equal(guest_query(OID_GEN_RECEIVE_SCALE_CAPABILITIES, &data, &bytes), 0);
		assert_int_equal(bytes, 18);
		assert_memory_equal(data, expected, 18);
	}
}

static void
old_hosts_know_no_receive_side_scaling(void **state)
{
	static const char *const profiles[] = { "ws2008", "ws2008r2", "ws2012" };
	const uint8_t *data;
	uint32_t bytes;

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(profiles); i++) {
		operational(profiles[i]);
		assert_int_equal(guest_query(OID_GEN_RECEIVE_SCALE_CAPABILITIES, &data, &bytes),
			NDIS_STATUS_NOT_SUPPORTED);
		message_init(1);
		assert_int_equal(apply(), NDIS_STATUS_NOT_SUPPORTED);
	}
}

static void
queues_are_bounded_by_profile_and_configuration(void **state)
{
	static const struct {
		const char *profile;
		unsigned int configured, granted;
	} rows[] = {
		{ "ws2012r2", 64, 16 }, { "ws2016", 64, 64 }, { "ws2016", 3, 3 }, { "ws2012", 8, 1 },
		{ "openvmm", 1, 1 },
	};
	struct config_nic config;

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		host_stop();
		host_config(&config);
		config.queues = rows[i].configured;
		host_start_with(&config, rows[i].profile);
		guest_operational();
		assert_int_equal(nic_queues_granted(host.nic), rows[i].granted);
	}
}

static void
parameters_take_effect(void **state)
{
	(void)state;
	operational("ws2022");
	message_init(4);
	assert_int_equal(apply(), NDIS_STATUS_SUCCESS);
	assert_no_violation();
	assert_true(host.nic->rss.enabled);
	assert_int_equal(host.keys_set, 1);
	assert_memory_equal(host.nic->rss.key, message.key, 40);
	assert_int_equal(host.nic->rss.entries, 128);
	for (unsigned int i = 0; i < TABLE_ENTRIES; i++)
		assert_int_equal(host.nic->rss.table[i], i % 4);
	assert_int_equal(host.nic->rss.hash_types & ~0xffu, NDIS_HASH_IPV4 | NDIS_HASH_TCP_IPV4);
}

static void
the_object_header_is_not_looked_at(void **state)
{
	(void)state;
	operational("openvmm");
	message_init(2);
	memset(&head.header, 0xff, sizeof(head.header));
	assert_int_equal(apply(), NDIS_STATUS_SUCCESS);
	assert_true(host.nic->rss.enabled);
}

static void
a_short_table_is_repeated(void **state)
{
	(void)state;
	operational("openvmm");
	message_init(8);
	head.table_bytes = 3 * 4;
	assert_int_equal(apply(), NDIS_STATUS_SUCCESS);
	for (unsigned int i = 0; i < TABLE_ENTRIES; i++)
		assert_int_equal(host.nic->rss.table[i], i % 3);
}

static void
a_table_without_queue_0_is_accepted(void **state)
{
	(void)state;
	operational("openvmm");
	message_init(1);
	message.table[0] = 1;
	head.table_bytes = 4;
	assert_int_equal(apply(), NDIS_STATUS_SUCCESS);
	assert_int_equal(host.nic->rss.table[127], 1);
}

static void
malformed_parameters_are_refused_and_change_nothing(void **state)
{
	static const struct {
		size_t at;              /* of a 16-bit (or the low half of a 32-bit) field */
		uint16_t value;
		uint32_t status;
	} rows[] = {
		{ offsetof(struct ndis_rss_parameters, table_bytes), 0, 0xC0010015 },
		{ offsetof(struct ndis_rss_parameters, table_bytes), 3, 0xC0010015 },
		{ offsetof(struct ndis_rss_parameters, table_bytes), 511, 0xC0010015 },
		{ offsetof(struct ndis_rss_parameters, table_bytes), 0xfffc, 0xC0000001 },
		{ offsetof(struct ndis_rss_parameters, key_bytes), 0, 0xC0010015 },
		{ offsetof(struct ndis_rss_parameters, key_bytes), 39, 0xC0010015 },
		{ offsetof(struct ndis_rss_parameters, key_bytes), 41, 0xC0010015 },
		{ offsetof(struct ndis_rss_parameters, key_offset), 553, 0xC0000001 },
		{ offsetof(struct ndis_rss_parameters, key_offset) + 2, 0xffff, 0xC0000001 },
		{ offsetof(struct ndis_rss_parameters, table_offset), 81, 0xC0000001 },
		{ offsetof(struct ndis_rss_parameters, table_offset) + 2, 0xffff, 0xC0000001 },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		unsigned int before;

		operational("ws2022");
		before = host.divided;
		message_init(4);
		memcpy((uint8_t *)&head + rows[i].at, &rows[i].value, sizeof(rows[i].value));
		assert_int_equal(apply(), rows[i].status);
		assert_rule(VSP_RULE_OID_DATA);
		assert_false(channel_dead(0));
		assert_false(host.nic->rss.enabled);
		assert_int_equal(host.keys_set, 0);
		assert_int_equal(host.divided, before);
	}
}

static void
a_table_entry_beyond_the_last_queue_is_refused(void **state)
{
	static const uint32_t entries[] = { 8, 64, 0xffffffff, 0x100 };

	(void)state;
	operational("openvmm");
	for (unsigned int i = 0; i < ARRAY_SIZE(entries); i++) {
		message_init(4);
		message.table[127] = entries[i];
		assert_int_equal(apply(), NDIS_STATUS_INVALID_DATA);
		assert_rule(VSP_RULE_OID_DATA);
		assert_false(host.nic->rss.enabled);
	}
	message_init(8);
	assert_int_equal(apply(), NDIS_STATUS_SUCCESS);
}

static void
short_parameters_are_refused(void **state)
{
	(void)state;
	operational("ws2022");
	message_init(4);
	memcpy(message.head, &head, sizeof(message.head));
	for (uint32_t bytes = 0; bytes < 28; bytes++)
		assert_int_equal(guest_set(OID_GEN_RECEIVE_SCALE_PARAMETERS, &message, bytes),
			NDIS_STATUS_FAILURE);
	assert_rule(VSP_RULE_OID_DATA);
}

static void
the_disable_flag_or_no_hash_function_switches_off(void **state)
{
	unsigned int before;

	(void)state;
	operational("ws2022");
	message_init(4);
	apply();
	before = host.divided;
	head.flags = NDIS_RSS_DISABLE;
	head.key_bytes = 0;             /* not looked at then */
	assert_int_equal(apply(), NDIS_STATUS_SUCCESS);
	assert_false(host.nic->rss.enabled);
	assert_int_equal(host.divided, before + 1);
	assert_int_equal(apply(), NDIS_STATUS_SUCCESS);
	assert_int_equal(host.divided, before + 1);     /* off already: no restart */
	message_init(4);
	assert_int_equal(apply(), NDIS_STATUS_SUCCESS);
	assert_true(host.nic->rss.enabled);
	head.hash_info = NDIS_HASH_IPV4;
	assert_int_equal(apply(), NDIS_STATUS_SUCCESS);
	assert_false(host.nic->rss.enabled);
}

static void
the_same_parameters_again_change_nothing(void **state)
{
	unsigned int before;

	(void)state;
	operational("ws2022");
	message_init(4);
	apply();
	before = host.divided;
	assert_int_equal(apply(), NDIS_STATUS_SUCCESS);
	assert_int_equal(host.divided, before);
	message.key[0] ^= 1;
	assert_int_equal(apply(), NDIS_STATUS_SUCCESS);
	assert_int_equal(host.divided, before + 1);
	message.table[5] ^= 1;
	apply();
	assert_int_equal(host.divided, before + 2);
	head.hash_info |= NDIS_HASH_UDP_IPV4;
	apply();
	assert_int_equal(host.divided, before + 3);
}

static void
a_change_loses_what_is_in_the_rings(void **state)
{
	struct vsp_nic *nic;

	(void)state;
	operational("ws2022");
	nic = host.nic;
	host_open_subchannel(1);
	nic->channel[0].from_guest.page->write_index = 256;
	nic->channel[0].from_guest.read = 256;
	nic->channel[1].from_guest.read = 64;
	message_init(2);
	apply();
	assert_false(nic->channel[0].losing);
	assert_true(nic->channel[1].losing);
	assert_int_equal(nic->channel[1].lose_until, 256);
	assert_false(nic->channel[2].losing);
}

static void
an_impossible_ring_index_is_left_to_the_rings_reader(void **state)
{
	static const uint32_t wild[] = { HV_PAGE_BYTES, 0xffffffff, 12 };

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(wild); i++) {
		operational("ws2022");
		host.nic->channel[0].from_guest.page->write_index = wild[i];
		message_init(2);
		apply();
		assert_false(host.nic->channel[0].losing);
	}
}

static void
unchanged_parts_stay_where_the_host_heeds_the_flags(void **state)
{
	uint8_t key[40];

	(void)state;
	operational("ws2022");
	message_init(4);
	apply();
	memcpy(key, message.key, sizeof(key));
	memset(message.key, 0xee, sizeof(message.key));
	message.table[0] = 7;
	head.flags = NDIS_RSS_KEY_UNCHANGED | NDIS_RSS_TABLE_UNCHANGED | NDIS_RSS_HASH_UNCHANGED;
	head.hash_info = 0;
	head.key_bytes = 0;
	head.table_bytes = 0;
	assert_int_equal(apply(), NDIS_STATUS_SUCCESS);
	assert_true(host.nic->rss.enabled);
	assert_memory_equal(host.nic->rss.key, key, sizeof(key));
	assert_int_equal(host.nic->rss.table[0], 0);
	operational("openvmm");
	message_init(4);
	apply();
	head.flags = NDIS_RSS_KEY_UNCHANGED;
	head.key_bytes = 0;
	assert_int_equal(apply(), NDIS_STATUS_INVALID_DATA);
}

static void
nothing_can_stay_unchanged_before_it_was_set(void **state)
{
	(void)state;
	operational("ws2022");
	message_init(4);
	head.flags = NDIS_RSS_KEY_UNCHANGED;
	head.key_bytes = 0;
	assert_int_equal(apply(), NDIS_STATUS_INVALID_DATA);
	assert_false(host.nic->rss.enabled);
}

static void
hash_types_the_host_lacks_are_masked(void **state)
{
	(void)state;
	operational("ws2016");
	message_init(4);
	head.hash_info = NDIS_HASH_TOEPLITZ | NDIS_HASH_TCP_IPV4 | NDIS_HASH_UDP_IPV4;
	apply();
	assert_int_equal(host.nic->rss.hash_types & ~0xffu, NDIS_HASH_TCP_IPV4);
	operational("ws2022");
	apply();
	assert_int_equal(host.nic->rss.hash_types & ~0xffu,
		NDIS_HASH_TCP_IPV4 | NDIS_HASH_UDP_IPV4);
}

static void
a_reopen_forgets_it_all(void **state)
{
	(void)state;
	operational("ws2022");
	message_init(4);
	apply();
	host_reopen();
	assert_false(host.nic->rss.enabled);
	assert_null(host.nic->rss.toeplitz);
	assert_int_equal(host.nic->rss.entries, 128);
}

#define CASE(name) cmocka_unit_test_teardown(name, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(capabilities_are_the_profiles),
		CASE(old_hosts_know_no_receive_side_scaling),
		CASE(queues_are_bounded_by_profile_and_configuration),
		CASE(parameters_take_effect),
		CASE(the_object_header_is_not_looked_at),
		CASE(a_short_table_is_repeated),
		CASE(a_table_without_queue_0_is_accepted),
		CASE(malformed_parameters_are_refused_and_change_nothing),
		CASE(a_table_entry_beyond_the_last_queue_is_refused),
		CASE(short_parameters_are_refused),
		CASE(the_disable_flag_or_no_hash_function_switches_off),
		CASE(the_same_parameters_again_change_nothing),
		CASE(a_change_loses_what_is_in_the_rings),
		CASE(an_impossible_ring_index_is_left_to_the_rings_reader),
		CASE(unchanged_parts_stay_where_the_host_heeds_the_flags),
		CASE(nothing_can_stay_unchanged_before_it_was_set),
		CASE(hash_types_the_host_lacks_are_masked),
		CASE(a_reopen_forgets_it_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
