/* SPDX-License-Identifier: BSD-3-Clause */

/* core/units.c: tables of what people write, right and wrong. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/units.h"
#include "core/util.h"

#define UNTOUCHED 0xdeadbeefdeadbeefull

struct number_case {
	const char *text;
	uint64_t value;
	int result;
};

static void
check_numbers(int (*parse)(const char *, uint64_t *), const struct number_case *cases,
	unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		uint64_t value = UNTOUCHED;
		int result = parse(cases[i].text, &value);
		uint64_t expected = cases[i].result == 0 ? cases[i].value : UNTOUCHED;

		if (result != cases[i].result || value != expected)
			fail_msg("\"%s\": result %d, value %llu", cases[i].text, result,
				(unsigned long long)value);
	}
}

static void
plain_numbers_are_decimal_or_hexadecimal(void **state)
{
	static const struct number_case cases[] = {
		{ "0", 0, 0 }, { "1514", 1514, 0 }, { "0x10", 16, 0 }, { "0XfF", 255, 0 },
		{ "18446744073709551615", UINT64_MAX, 0 },
		{ "0xffffffffffffffff", UINT64_MAX, 0 },
		{ "18446744073709551616", 0, -EINVAL }, { "0x10000000000000000", 0, -EINVAL },
		{ "", 0, -EINVAL }, { "-1", 0, -EINVAL }, { "+1", 0, -EINVAL },
		{ " 1", 0, -EINVAL }, { "1 ", 0, -EINVAL }, { "1k", 0, -EINVAL },
		{ "0x", 0, -EINVAL }, { "0xg", 0, -EINVAL }, { "1.0", 0, -EINVAL },
	};

	(void)state;
	check_numbers(units_parse_uint, cases, ARRAY_SIZE(cases));
}

static void
sizes_count_in_1024s(void **state)
{
	static const struct number_case cases[] = {
		{ "1514", 1514, 0 }, { "9k", 9216, 0 }, { "9K", 9216, 0 }, { "2M", 2097152, 0 },
		{ "1G", 1073741824, 0 }, { "64B", 64, 0 }, { "4KiB", 4096, 0 },
		{ "1.5k", 1536, 0 }, { "0", 0, 0 }, { "0x400", 1024, 0 },
		{ "17179869183G", 17179869183ull << 30, 0 },
		{ "17179869184G", 0, -EINVAL }, { "1.5", 0, -EINVAL }, { "1.", 0, -EINVAL },
		{ ".5k", 0, -EINVAL }, { "9kk", 0, -EINVAL }, { "9 k", 0, -EINVAL },
		{ "k", 0, -EINVAL }, { "-9k", 0, -EINVAL }, { "9m", 0, -EINVAL },
		{ "", 0, -EINVAL }, { "9k ", 0, -EINVAL },
	};

	(void)state;
	check_numbers(units_parse_bytes, cases, ARRAY_SIZE(cases));
}

static void
times_need_their_unit(void **state)
{
	static const struct number_case cases[] = {
		{ "100us", 100000, 0 }, { "2ms", 2000000, 0 }, { "1s", 1000000000, 0 },
		{ "5min", 300000000000, 0 }, { "7ns", 7, 0 }, { "1.5ms", 1500000, 0 },
		{ "0", 0, 0 }, { "2h", 7200000000000, 0 }, { "3\xc2\xb5s", 3000, 0 },
		{ "100", 0, -EINVAL }, { "1m", 0, -EINVAL }, { "", 0, -EINVAL },
		{ "-1s", 0, -EINVAL }, { "1sec", 0, -EINVAL },
		{ "99999999999999999h", 0, -EINVAL },
	};

	(void)state;
	check_numbers(units_parse_time_ns, cases, ARRAY_SIZE(cases));
}

static void
bit_rates_count_in_1000s(void **state)
{
	static const struct number_case cases[] = {
		{ "10G", 10000000000, 0 }, { "40Gbps", 40000000000, 0 },
		{ "100M", 100000000, 0 }, { "2.5Gbit/s", 2500000000, 0 },
		{ "1000", 1000, 0 }, { "64kbps", 64000, 0 }, { "1T", 1000000000000, 0 },
		{ "10Gpps", 0, -EINVAL }, { "G", 0, -EINVAL }, { "10X", 0, -EINVAL },
		{ "10Gbpss", 0, -EINVAL }, { "99999999999T", 0, -EINVAL }, { "1.5", 0, -EINVAL },
	};

	(void)state;
	check_numbers(units_parse_bps, cases, ARRAY_SIZE(cases));
}

static void
packet_rates_have_a_word_for_unlimited(void **state)
{
	static const struct {
		const char *text;
		double value;
	} good[] = {
		{ "1Mpps", 1e6 }, { "500kpps", 5e5 }, { "max", 0 }, { "14.88Mpps", 14.88e6 },
		{ "1000", 1000 }, { "2M", 2e6 }, { "0.5pps", 0.5 },
	};
	static const char *const bad[] = { "", "0", "-1Mpps", "Mpps", "1Mbps", "1e6", "maximum",
		"1 Mpps", "9999Tpps" };
	double value;

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(good); i++) {
		value = -1;
		if (units_parse_pps(good[i].text, &value) != 0 ||
		    value < good[i].value * 0.999999 || value > good[i].value * 1.000001)
			fail_msg("\"%s\": %f", good[i].text, value);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		value = -1;
		if (units_parse_pps(bad[i], &value) != -EINVAL || value != -1)
			fail_msg("\"%s\" was taken: %f", bad[i], value);
	}
}

static void
a_mac_address_has_six_bytes(void **state)
{
	static const char *const bad[] = { "", "00:15:5d:01:02", "00:15:5d:01:02:03:04",
		"00:15:5d:01:02:0g", "0:15:5d:01:02:03", "00155d010203", "00:15:5d:01:02:03 " };
	static const uint8_t expected[6] = { 0x00, 0x15, 0x5d, 0xa1, 0xB2, 0x03 };
	uint8_t mac[6] = { 0 };

	(void)state;
	assert_int_equal(units_parse_mac("00:15:5d:a1:B2:03", mac), 0);
	assert_memory_equal(mac, expected, 6);
	assert_int_equal(units_parse_mac("00-15-5D-A1-b2-03", mac), 0);
	assert_memory_equal(mac, expected, 6);
	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		if (units_parse_mac(bad[i], mac) != -EINVAL)
			fail_msg("\"%s\" was taken", bad[i]);
	}
	assert_memory_equal(mac, expected, 6);
}

static void
a_guid_is_read_as_it_is_printed(void **state)
{
	static const char text[] = "f8615163-df3e-46c5-913f-f2d2f965ed0e";
	static const char *const bad[] = { "", "{f8615163-df3e-46c5-913f-f2d2f965ed0e",
		"f8615163-df3e-46c5-913f-f2d2f965ed0e}", "f8615163df3e46c5913ff2d2f965ed0e",
		"f8615163-df3e-46c5-913f-f2d2f965ed0", "f8615163-df3e-46c5-913f-f2d2f965ed0ex",
		"g8615163-df3e-46c5-913f-f2d2f965ed0e" };
	uint8_t guid[16];
	char printed[37];

	(void)state;
	assert_int_equal(units_parse_guid(text, guid), 0);
	assert_int_equal(guid[0], 0xf8);
	assert_int_equal(guid[15], 0x0e);
	units_format_guid(guid, printed);
	assert_string_equal(printed, text);
	memset(guid, 0, sizeof(guid));
	assert_int_equal(units_parse_guid("{F8615163-DF3E-46C5-913F-F2D2F965ED0E}", guid), 0);
	units_format_guid(guid, printed);
	assert_string_equal(printed, text);
	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		if (units_parse_guid(bad[i], guid) != -EINVAL)
			fail_msg("\"%s\" was taken", bad[i]);
	}
}

static void
rates_are_shown_with_three_digits(void **state)
{
	static const struct {
		double value;
		const char *text;
	} cases[] = {
		{ 0, "0" }, { 7, "7" }, { 999, "999" }, { 12.34, "12.3" }, { 999.6, "1.00 k" },
		{ 1000, "1.00 k" }, { 12345678, "12.3 M" }, { 999499, "999 k" },
		{ 999600, "1.00 M" }, { 1.488e7, "14.9 M" }, { 40e9, "40.0 G" },
		{ 123e9, "123 G" }, { 1e12, "1.00 T" }, { 9.996e3, "10.0 k" },
	};
	char text[32];

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		units_format_rate(cases[i].value, text, sizeof(text));
		assert_string_equal(text, cases[i].text);
	}
}

/* Renders a list as "key=value;key=value;", or "!" at the end on an error. */
static void
render(const char *list, char *text, size_t bytes)
{
	static struct option_cursor cursor;
	size_t n = 0;

	text[0] = '\0';
	option_start(&cursor, list);
	while (option_next(&cursor))
		n += (size_t)snprintf(text + n, bytes - n, "%s=%s;", cursor.key, cursor.value);
	if (cursor.error != 0)
		snprintf(text + n, bytes - n, "!");
}

static void
an_option_list_yields_keys_and_values(void **state)
{
	static const struct {
		const char *list;
		const char *rendered;
	} cases[] = {
		{ "", "" }, { "swap", "swap=;" }, { "name=tap0,rate=1Mpps,swap",
			"name=tap0;rate=1Mpps;swap=;" },
		{ "a=", "a=;" }, { "a=b=c", "a=b=c;" },
		{ "sizes=[64,1514],x=1", "sizes=64,1514;x=1;" },
		{ "port=[gen:size=[1,2]],q=4", "port=gen:size=[1,2];q=4;" },
		{ "port=gen:size=[1,2],q=4", "port=gen:size=[1,2];q=4;" },
		{ "a=[x][y],b", "a=[x][y];b=;" }, { "a=[]", "a=;" },
		{ ",a", "!" }, { "a,", "!" }, { "a,,b", "a=;!" }, { "=x", "!" },
		{ "a=[1,2", "!" }, { "a=1],b", "!" },
		{ "abcdefghijklmnopqrstuvwxyz0123456789=1", "!" },
	};
	char text[256];

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		render(cases[i].list, text, sizeof(text));
		if (strcmp(text, cases[i].rendered) != 0)
			fail_msg("\"%s\" gave \"%s\"", cases[i].list, text);
	}
}

static void
an_option_value_too_long_is_malformed(void **state)
{
	static struct option_cursor cursor;
	static char list[6000];

	(void)state;
	memset(list, 'x', sizeof(list) - 1);
	list[1] = '=';
	option_start(&cursor, list);
	assert_int_equal(option_next(&cursor), 0);
	assert_int_equal(cursor.error, -EINVAL);
	list[2 + 4095] = '\0';
	option_start(&cursor, list);
	assert_int_equal(option_next(&cursor), 1);
	assert_int_equal(strlen(cursor.value), 4095);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_numbers_are_decimal_or_hexadecimal),
		cmocka_unit_test(sizes_count_in_1024s),
		cmocka_unit_test(times_need_their_unit),
		cmocka_unit_test(bit_rates_count_in_1000s),
		cmocka_unit_test(packet_rates_have_a_word_for_unlimited),
		cmocka_unit_test(a_mac_address_has_six_bytes),
		cmocka_unit_test(a_guid_is_read_as_it_is_printed),
		cmocka_unit_test(rates_are_shown_with_three_digits),
		cmocka_unit_test(an_option_list_yields_keys_and_values),
		cmocka_unit_test(an_option_value_too_long_is_malformed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
