/* SPDX-License-Identifier: BSD-3-Clause */

/* Devargs that are more than a number. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../../drivers/net/netvsc/netvsc_args.h"

int netvsc_logtype_init, netvsc_logtype_control, netvsc_logtype_rx, netvsc_logtype_tx;

static void
confidential_is_automatic_unless_it_is_said(void **state)
{
	static const struct {
		const char *text;
		int ret;
		uint32_t confidential;
	} rows[] = {
		{ NULL, 0, NETVSC_CONFIDENTIAL_AUTO },
		{ "latency=1", 0, NETVSC_CONFIDENTIAL_AUTO },
		{ "confidential=auto", 0, NETVSC_CONFIDENTIAL_AUTO },
		{ "confidential=1", 0, 1 },
		{ "confidential=0", 0, 0 },
		{ "confidential=2", -EINVAL, 0 },
		{ "confidential=on", -EINVAL, 0 },
		{ "confidential=", -EINVAL, 0 },
		{ "tx_page_lists=auto", -EINVAL, 0 },
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct netvsc_args args;

		assert_int_equal(netvsc_args_parse("test", rows[i].text, &args), rows[i].ret);
		if (rows[i].ret == 0)
			assert_int_equal(args.confidential, rows[i].confidential);
	}
}

static void
what_shows_the_host_more_is_off_in_a_confidential_guest_unless_the_operator_says_0(void **state)
{
	static const struct {
		const char *text;
		bool isolated, confidential;
	} rows[] = {
		{ "rx_extmbuf_enable=1,tx_page_lists=1", false, false },
		{ "rx_extmbuf_enable=1,tx_page_lists=1", true, true },
		{ "rx_extmbuf_enable=1,confidential=auto", false, false },
		{ "rx_extmbuf_enable=1,confidential=auto", true, true },
		{ "rx_extmbuf_enable=1,confidential=1", false, true },
		{ "rx_extmbuf_enable=1,confidential=1", true, true },
		{ "rx_extmbuf_enable=1,confidential=0", false, false },
		{ "rx_extmbuf_enable=1,confidential=0", true, false },
	};
	struct netvsc_args args;

	(void)state;
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(netvsc_args_parse("test", rows[i].text, &args), 0);
		assert_int_equal(netvsc_args_confide(&args, rows[i].isolated),
			rows[i].confidential);
		assert_int_equal(args.rx_extmbuf, !rows[i].confidential);
		assert_int_equal(args.tx_page_lists, !rows[i].confidential);
	}
	/* What was not asked for stays off. */
	assert_int_equal(netvsc_args_parse("test", "tx_page_lists=0,confidential=0", &args), 0);
	assert_false(netvsc_args_confide(&args, true));
	assert_false(args.rx_extmbuf || args.tx_page_lists);
}

/* Each argument by itself: the default, its bounds, and that it is stored where
 * it belongs and nowhere else. */
#define MEMBER(name) offsetof(struct netvsc_args, name), sizeof(((struct netvsc_args *)0)->name)

static const struct {
	const char *key;
	size_t offset, bytes;
	uint32_t preset, max;
} arguments[] = {
	{ "latency", MEMBER(latency_us), 50, 6553 },
	{ "rx_copybreak", MEMBER(rx_copybreak), 256, UINT32_MAX },
	{ "tx_copybreak", MEMBER(tx_copybreak), 512, UINT32_MAX },
	{ "rx_extmbuf_enable", MEMBER(rx_extmbuf), 0, 1 },
	{ "numa_aware", MEMBER(numa_aware), 0, 1 },
	{ "tx_page_lists", MEMBER(tx_page_lists), 1, 1 },
	{ "tx_agg_packets", MEMBER(tx_agg_packets), 0, 32 },
	{ "tx_agg_bytes", MEMBER(tx_agg_bytes), 0, UINT32_MAX },
	{ "tx_section_cache", MEMBER(tx_section_cache), 64, 64 },
};
#define ARGUMENTS (sizeof(arguments) / sizeof(arguments[0]))

static uint32_t
stored(const struct netvsc_args *args, unsigned int i)
{
	uint32_t value = 0;

	memcpy(&value, (const uint8_t *)args + arguments[i].offset, arguments[i].bytes);
	return value;
}

static int
parse_value(unsigned int i, uint64_t value, struct netvsc_args *args)
{
	char text[64];

	snprintf(text, sizeof(text), "%s=%" PRIu64, arguments[i].key, value);
	memset(args, 0xa5, sizeof(*args));
	return netvsc_args_parse("test", text, args);
}

static void
each_number_is_taken_up_to_its_bound_and_changes_nothing_else(void **state)
{
	struct netvsc_args args;

	(void)state;
	for (unsigned int i = 0; i < ARGUMENTS; i++) {
		assert_int_equal(parse_value(i, (uint64_t)arguments[i].max + 1, &args), -EINVAL);
		for (unsigned int high = 0; high < 2; high++) {
			uint32_t value = high ? arguments[i].max : 0;

			assert_int_equal(parse_value(i, value, &args), 0);
			for (unsigned int k = 0; k < ARGUMENTS; k++)
				assert_int_equal(stored(&args, k), k == i ? value : arguments[k].preset);
		}
	}
}

static void
without_arguments_there_are_the_defaults(void **state)
{
	static const char *const texts[] = { NULL, "" };

	(void)state;
	for (unsigned int t = 0; t < 2; t++) {
		struct netvsc_args args;

		memset(&args, 0xa5, sizeof(args));
		assert_int_equal(netvsc_args_parse("test", texts[t], &args), 0);
		for (unsigned int i = 0; i < ARGUMENTS; i++)
			assert_int_equal(stored(&args, i), arguments[i].preset);
	}
}

static void
what_is_no_argument_or_no_number_is_refused(void **state)
{
	static const char *const bad[] = {
		"latenc=1", "latencyy=1", "latency", "latency=", "latency=x", "latency=1x",
		"latency=-1", "latency= 1", "latency=+1", "latency=:", "latency=/",
		"latency=18446744073709551615", "latency=99999999999999999999999",
		"latency=1,bogus=2", "=1", "latency=1,latency=6554",
	};
	static const char *const good[] = { "latency=0x10", "latency=9", "latency=0",
		"latency=1,tx_copybreak=2" };
	struct netvsc_args args;

	(void)state;
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (netvsc_args_parse("test", bad[i], &args) != -EINVAL)
			fail_msg("\"%s\" was taken", bad[i]);
	for (unsigned int i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (netvsc_args_parse("test", good[i], &args) != 0)
			fail_msg("\"%s\" was refused", good[i]);
	assert_int_equal(args.latency_us, 1);
	assert_int_equal(args.tx_copybreak, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(confidential_is_automatic_unless_it_is_said),
		cmocka_unit_test(what_shows_the_host_more_is_off_in_a_confidential_guest_unless_the_operator_says_0),
		cmocka_unit_test(each_number_is_taken_up_to_its_bound_and_changes_nothing_else),
		cmocka_unit_test(without_arguments_there_are_the_defaults),
		cmocka_unit_test(what_is_no_argument_or_no_number_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
