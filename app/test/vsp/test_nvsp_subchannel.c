/* SPDX-License-Identifier: BSD-3-Clause */
/* Subchannels: requests, offers and the send-indirection table. */

#include "control_fixture.h"

static int
teardown(void **state)
{
	(void)state;
	host_stop();
	return 0;
}

static void
subchannels_are_answered_first_and_offered_then(void **state)
{
	const struct sent *answer;

	(void)state;
	reach("ws2022", AT_OPERATIONAL);
	answer = ask_subchannels(1, 3);
	assert_int_equal(sent_u32(answer, 0), NVSP_SUBCHANNEL);
	assert_int_equal(sent_u32(answer, 1), NVSP_STATUS_SUCCESS);
	assert_int_equal(sent_u32(answer, 2), 3);
	assert_ptr_equal(answer, &host.sent[0]);
	assert_int_equal(sent_kinds(SENT_OFFER), 3);
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(sent_nth(SENT_OFFER, i)->transaction_id, i + 1);
}

static void
the_table_is_sent_once_when_the_last_subchannel_is_open(void **state)
{
	const struct sent *table;

	(void)state;
	reach("openvmm", AT_OPERATIONAL);
	ask_subchannels(1, 3);
	host_open_subchannel(1);
	host_open_subchannel(3);
	assert_null(sent_nth(SENT_MESSAGE, 0));
	host_open_subchannel(2);
	table = sent_nth(SENT_MESSAGE, 0);
	assert_non_null(table);
	assert_int_equal(table->bytes, 80);
	assert_int_equal(table->transaction_id, 0);
	assert_false(table->want_completion);
	assert_int_equal(sent_u32(table, 0), NVSP_INDIRECTION_TABLE);
	assert_int_equal(sent_u32(table, 1), 16);
	assert_int_equal(sent_u32(table, 2), 12);
	for (unsigned int i = 0; i < 16; i++)
		assert_int_equal(sent_u32(table, 3 + i), i % 4);
	assert_int_equal(sent_kinds(SENT_MESSAGE), 1);
}

static void
the_table_lies_where_the_profile_says_or_at_40_on_older_hosts(void **state)
{
	static const struct {
		const char *profile;
		uint32_t said, at;
	} rows[] = {
		{ "ws2012r2", 12, 40 }, { "ws2016", 36, 40 }, { "ws2019", 40, 40 },
		{ "ws2022", 44, 44 }, { "azure", 40, 40 }, { "openvmm", 12, 12 },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct sent *table;

		reach(rows[i].profile, AT_OPERATIONAL);
		ask_subchannels(1, 1);
		host_open_subchannel(1);
		table = sent_nth(SENT_MESSAGE, 0);
		assert_int_equal(sent_u32(table, 2), rows[i].said);
		assert_int_equal(table->bytes, (rows[i].at + 64 + 7) & ~7u);
		for (unsigned int k = 0; k < 16; k++)
			assert_int_equal(sent_u32(table, rows[i].at / 4 + k), k % 2);
	}
}

static void
asking_again_offers_only_what_is_new_and_sends_a_new_table(void **state)
{
	(void)state;
	reach("ws2022", AT_OPERATIONAL);
	ask_subchannels(1, 1);
	host_open_subchannel(1);
	assert_int_equal(sent_kinds(SENT_MESSAGE), 1);
	host_forget();
	ask_subchannels(1, 2);
	assert_int_equal(sent_kinds(SENT_OFFER), 1);
	assert_int_equal(sent_nth(SENT_OFFER, 0)->transaction_id, 2);
	assert_int_equal(sent_kinds(SENT_MESSAGE), 0);
	host_open_subchannel(2);
	assert_int_equal(sent_kinds(SENT_MESSAGE), 1);
	host_forget();
	ask_subchannels(1, 2);
	assert_int_equal(sent_kinds(SENT_OFFER), 0);
	assert_int_equal(sent_kinds(SENT_MESSAGE), 1);
}

static void
a_subchannel_request_that_cannot_be_granted_fails(void **state)
{
	static const struct {
		uint32_t operation, count;
	} rows[] = { { 0, 1 }, { 2, 1 }, { 1, 8 }, { 1, 64 }, { 1, 0xffffffff } };

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct sent *answer;

		reach("openvmm", AT_OPERATIONAL);
		answer = ask_subchannels(rows[i].operation, rows[i].count);
		assert_int_equal(sent_u32(answer, 0), NVSP_SUBCHANNEL);
		assert_int_equal(sent_u32(answer, 1), NVSP_STATUS_FAILURE);
		assert_int_equal(sent_u32(answer, 2), 0);
		assert_rule(VSP_RULE_SUBCHANNEL_COUNT);
		assert_false(channel_dead(0));
		assert_int_equal(sent_kinds(SENT_OFFER), 0);
	}
}

static void
subchannels_without_a_section_each_are_refused(void **state)
{
	struct config_nic config;

	(void)state;
	host_config(&config);
	config.recv_sections = 19;
	host_start_with(&config, "openvmm");
	guest_operational();
	assert_int_equal(sent_u32(ask_subchannels(1, 3), 1), NVSP_STATUS_FAILURE);
	assert_int_equal(sent_u32(ask_subchannels(1, 2), 1), NVSP_STATUS_SUCCESS);
}

static void
azure_grants_fewer_than_it_announces(void **state)
{
	const struct sent *answer;

	(void)state;
	reach("azure", AT_OPERATIONAL);
	answer = ask_subchannels(1, 15);
	assert_int_equal(sent_u32(answer, 1), NVSP_STATUS_SUCCESS);
	assert_int_equal(sent_u32(answer, 2), 7);
	assert_int_equal(sent_kinds(SENT_OFFER), 7);
	assert_no_violation();
	assert_int_equal(sent_u32(ask_subchannels(1, 64), 1), NVSP_STATUS_FAILURE);
}

#define CASE(name) cmocka_unit_test_teardown(name, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(subchannels_are_answered_first_and_offered_then),
		CASE(the_table_is_sent_once_when_the_last_subchannel_is_open),
		CASE(the_table_lies_where_the_profile_says_or_at_40_on_older_hosts),
		CASE(asking_again_offers_only_what_is_new_and_sends_a_new_table),
		CASE(a_subchannel_request_that_cannot_be_granted_fails),
		CASE(subchannels_without_a_section_each_are_refused),
		CASE(azure_grants_fewer_than_it_announces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
