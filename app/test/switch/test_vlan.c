/* SPDX-License-Identifier: BSD-3-Clause */

/* How a port's VLANs are written. */

#include "fixture.h"

#include <errno.h>
#include <string.h>

static void
good_texts_are_understood(void **state)
{
	struct sw_vlan vlan;

	(void)state;
	assert_int_equal(sw_vlan_parse("", &vlan), 0);
	assert_false(vlan.trunk);
	assert_int_equal(vlan.access, 0);
	assert_int_equal(sw_vlan_parse("100", &vlan), 0);
	assert_false(vlan.trunk);
	assert_int_equal(vlan.access, 100);
	assert_int_equal(sw_vlan_parse("4094", &vlan), 0);
	assert_int_equal(vlan.access, 4094);
	assert_int_equal(sw_vlan_parse("trunk:1-10,20", &vlan), 0);
	assert_true(vlan.trunk);
	assert_int_equal(vlan.allowed[0], 0x1007fe);
	assert_int_equal(vlan.allowed[1], 0);
	assert_int_equal(sw_vlan_parse("trunk:[0,64,4094]", &vlan), 0);
	assert_int_equal(vlan.allowed[0], 1);
	assert_int_equal(vlan.allowed[1], 1);
	assert_int_equal(vlan.allowed[63], 1ull << 62);
	assert_int_equal(sw_vlan_parse("trunk:0-4094", &vlan), 0);
	assert_int_equal(vlan.allowed[63], ~0ull >> 1);
}

static void
bad_texts_are_refused_and_change_nothing(void **state)
{
	static const char *const bad[] = {
		"4095", "-1", "x", "1,2", "1-2", "trunk", "trunk:", "trunk:5-", "trunk:-5",
		"trunk:9-3", "trunk:1,,2", "trunk:1-4095", "trunk:a", "trunk:1-2-3", "trunk:[1",
		"access:5", " 5", "5 ",
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct sw_vlan vlan, before;

		memset(&vlan, 0x5a, sizeof(vlan));
		before = vlan;
		if (sw_vlan_parse(bad[i], &vlan) != -EINVAL)
			fail_msg("'%s' was taken", bad[i]);
		assert_memory_equal(&vlan, &before, sizeof(vlan));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_texts_are_understood),
		cmocka_unit_test(bad_texts_are_refused_and_change_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
