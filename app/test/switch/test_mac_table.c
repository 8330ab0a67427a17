/* SPDX-License-Identifier: BSD-3-Clause */

/* The table of learnt addresses, with the time given by the test. */

#include "fixture.h"

#include "switch/mac_table.h"

static struct mac_table *table;
static struct sw_port port_a, port_b;

static int
setup(void **state)
{
	(void)state;
	table = mac_table_create();
	return table == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	(void)state;
	mac_table_destroy(table);
	return 0;
}

static uint64_t
key_of(uint32_t number, uint16_t vlan)
{
	const uint8_t mac[6] = { 2, 0, (uint8_t)(number >> 24), (uint8_t)(number >> 16),
		(uint8_t)(number >> 8), (uint8_t)number };

	return mac_key(mac, vlan);
}

static void
an_address_is_found_where_it_was_seen_last(void **state)
{
	(void)state;
	assert_null(mac_table_find(table, key_of(1, 0), 5));
	mac_table_learn(table, key_of(1, 0), &port_a, 5);
	assert_ptr_equal(mac_table_find(table, key_of(1, 0), 6), &port_a);
	mac_table_learn(table, key_of(1, 0), &port_b, 7);
	assert_ptr_equal(mac_table_find(table, key_of(1, 0), 8), &port_b);
	assert_int_equal(mac_table_count(table, 8), 1);
}

static void
the_same_address_in_another_vlan_is_another_entry(void **state)
{
	(void)state;
	mac_table_learn(table, key_of(1, 10), &port_a, 0);
	mac_table_learn(table, key_of(1, 20), &port_b, 0);
	assert_ptr_equal(mac_table_find(table, key_of(1, 10), 1), &port_a);
	assert_ptr_equal(mac_table_find(table, key_of(1, 20), 1), &port_b);
	assert_null(mac_table_find(table, key_of(1, 0), 1));
}

static void
an_address_not_seen_for_300_seconds_is_forgotten(void **state)
{
	const uint64_t second = 1000000000u;

	(void)state;
	mac_table_learn(table, key_of(1, 0), &port_a, 10 * second);
	assert_ptr_equal(mac_table_find(table, key_of(1, 0), 310 * second - 1), &port_a);
	assert_null(mac_table_find(table, key_of(1, 0), 310 * second));
	mac_table_learn(table, key_of(1, 0), &port_a, 311 * second);
	assert_ptr_equal(mac_table_find(table, key_of(1, 0), 500 * second), &port_a);
}

static void
a_port_that_leaves_takes_its_addresses_along(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 100; i++)
		mac_table_learn(table, key_of(i, 0), i % 2 ? &port_a : &port_b, 1);
	mac_table_forget(table, &port_a);
	for (uint32_t i = 0; i < 100; i++)
		assert_ptr_equal(mac_table_find(table, key_of(i, 0), 2), i % 2 ? NULL : &port_b);
}

static void
a_flood_of_addresses_is_bounded_and_evicts_the_oldest(void **state)
{
	unsigned int recent = 0;

	(void)state;
	for (uint32_t i = 0; i < 200000; i++)
		mac_table_learn(table, key_of(i, 0), &port_a, i);
	assert_in_range(mac_table_count(table, 200000), MAC_TABLE_ENTRIES - 100,
		MAC_TABLE_ENTRIES);
	for (uint32_t i = 200000 - 2000; i < 200000; i++)
		recent += mac_table_find(table, key_of(i, 0), 200000) != NULL ? 1 : 0;
	assert_in_range(recent, 1990, 2000);
	assert_null(mac_table_find(table, key_of(0, 0), 200000));
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(an_address_is_found_where_it_was_seen_last),
		CASE(the_same_address_in_another_vlan_is_another_entry),
		CASE(an_address_not_seen_for_300_seconds_is_forgotten),
		CASE(a_port_that_leaves_takes_its_addresses_along),
		CASE(a_flood_of_addresses_is_bounded_and_evicts_the_oldest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
