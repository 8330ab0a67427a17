/* SPDX-License-Identifier: BSD-3-Clause */

/* Violations: counted, named in the log, with the consequence of their rule. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../hvsim/core/log.h"
#include "fake.h"

static char path[] = "/tmp/test_check.XXXXXX";
static char text[65536];

static int
setup(void **state)
{
	static const struct fake_options options = { .channels = 2 };
	int fd;

	(void)state;
	strcpy(strstr(path, "check.") + 6, "XXXXXX");
	fd = mkstemp(path);
	if (fd < 0)
		return -1;
	close(fd);
	return log_set_file(path) < 0 ? -1 : fake_start(&options);
}

static int
teardown(void **state)
{
	(void)state;
	log_set_file(NULL);
	unlink(path);
	fake_stop();
	return 0;
}

/* Lines of the log that hold the words. */
static unsigned int
logged(const char *words)
{
	FILE *file = fopen(path, "r");
	unsigned int n = 0;

	assert_non_null(file);
	while (fgets(text, sizeof(text), file) != NULL)
		n += strstr(text, words) != NULL;
	fclose(file);
	return n;
}

static void
each_rule_has_a_name_a_text_and_its_consequence(void **state)
{
	(void)state;
	for (unsigned int rule = 0; rule < VSP_RULE_COUNT; rule++) {
		assert_true(strlen(vsp_rule_name(rule)) > 3);
		assert_true(strlen(vsp_rule_text(rule)) > 10);
	}
	assert_string_equal(vsp_rule_name(VSP_RULE_GPA_RANGE), "GPA_RANGE");
	assert_int_equal(vsp_rule_consequence(VSP_RULE_GPA_RANGE), VSP_DEAD);
	assert_int_equal(vsp_rule_consequence(VSP_RULE_RNDIS_OOB), VSP_FAIL);
	assert_int_equal(vsp_rule_consequence(VSP_RULE_FOREIGN_BIT), VSP_REPORT);
}

static void
a_violation_is_one_line_that_names_nic_channel_and_rule(void **state)
{
	(void)state;
	vsp_violation(&fake.nic.channel[1], VSP_RULE_RNDIS_OOB, "count %u", 42);
	assert_int_equal(logged("nic0: channel 1: violation RNDIS_OOB"), 1);
	assert_int_equal(logged("count 42"), 1);
	assert_int_equal(vsp_violations(), 1);
	assert_int_equal(fake.nic.violations, 1);
	assert_int_equal(fake.nic.channel[1].counters.violations, 1);
}

static void
a_rule_broken_often_is_counted_but_not_logged_for_ever(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 1000; i++)
		vsp_violation(&fake.nic.channel[0], VSP_RULE_FRAME_LENGTH, "again");
	assert_int_equal(logged("FRAME_LENGTH"), 10);
	assert_int_equal(fake_rule(VSP_RULE_FRAME_LENGTH), 1000);
	/* Another rule still speaks. */
	vsp_violation(&fake.nic.channel[0], VSP_RULE_SEGMENTS, "once");
	assert_int_equal(logged("SEGMENTS"), 1);
}

static void
only_fatal_rules_silence_their_channel(void **state)
{
	(void)state;
	vsp_violation(&fake.nic.channel[0], VSP_RULE_RNDIS_OOB, "fails");
	vsp_violation(&fake.nic.channel[0], VSP_RULE_SEGMENTS, "reported");
	assert_true(channel_is_open(&fake.nic.channel[0]));
	vsp_violation(&fake.nic.channel[0], VSP_RULE_NVSP_TYPE, "fatal");
	assert_int_equal(fake.nic.channel[0].state, CHANNEL_DEAD);
	assert_true(channel_is_open(&fake.nic.channel[1]));
}

static void
a_foreign_bit_is_reported_with_or_without_a_nic(void **state)
{
	(void)state;
	vsp_foreign_bit(NULL, &fake.nic, "monitor bit 5");
	vsp_foreign_bit(NULL, NULL, "interrupt bit 9");
	assert_int_equal(vsp_violations(), 2);
	assert_int_equal(logged("monitor bit 5"), 1);
	assert_int_equal(logged("interrupt bit 9"), 1);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(each_rule_has_a_name_a_text_and_its_consequence),
		CASE(a_violation_is_one_line_that_names_nic_channel_and_rule),
		CASE(a_rule_broken_often_is_counted_but_not_logged_for_ever),
		CASE(only_fatal_rules_silence_their_channel),
		CASE(a_foreign_bit_is_reported_with_or_without_a_nic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
