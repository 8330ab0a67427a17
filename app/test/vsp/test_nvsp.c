/* SPDX-License-Identifier: BSD-3-Clause */
/* NVSP as a guest sees it: what may come when, and what becomes of the rest. */

#include "control_fixture.h"

static int
teardown(void **state)
{
	(void)state;
	host_stop();
	return 0;
}

struct broken {
	enum stage stage;
	unsigned int channel;
	uint32_t type;
	uint32_t bytes;
	enum vsp_rule rule;
};

static void
break_rules(const struct broken *rows, unsigned int n)
{
	uint32_t message[16] = { 0 };

	for (unsigned int i = 0; i < n; i++) {
		reach("ws2022", rows[i].stage);
		if (rows[i].channel > 0)
			host_open_subchannel(rows[i].channel);
		message[0] = rows[i].type;
		print_message("stage %d, channel %u, type %u, %u bytes\n", rows[i].stage,
			rows[i].channel, rows[i].type, rows[i].bytes);
		assert_null(guest_send(rows[i].channel, message, rows[i].bytes));
		assert_int_equal(host.violations, 1);
		assert_rule(rows[i].rule);
		assert_true(channel_dead(rows[i].channel));
		/* Silence: what comes now is not even looked at. */
		assert_null(guest_send(rows[i].channel, message, rows[i].bytes));
		assert_int_equal(host.violations, 1);
		assert_int_equal(host.sent_count, 0);
		if (rows[i].channel > 0)
			assert_false(channel_dead(0));
	}
}

static void
a_message_of_unknown_type_silences_the_channel(void **state)
{
	static const struct broken rows[] = {
		{ AT_START, 0, 99, 40, VSP_RULE_NVSP_TYPE },
		{ AT_NEGOTIATED, 0, 0, 40, VSP_RULE_NVSP_TYPE },
		{ AT_READY, 0, NVSP_INIT_COMPLETE, 40, VSP_RULE_NVSP_TYPE },
		{ AT_READY, 0, NVSP_RECV_BUFFER_COMPLETE, 40, VSP_RULE_NVSP_TYPE },
		{ AT_READY, 0, NVSP_RNDIS_COMPLETE, 40, VSP_RULE_NVSP_TYPE },
		{ AT_READY, 0, NVSP_VF_ASSOCIATION, 40, VSP_RULE_NVSP_TYPE },
		{ AT_READY, 0, NVSP_UPLINK_CONNECT_STATE, 40, VSP_RULE_NVSP_TYPE },
		{ AT_OPERATIONAL, 0, NVSP_INDIRECTION_TABLE, 40, VSP_RULE_NVSP_TYPE },
		{ AT_OPERATIONAL, 0, 0xffffffff, 40, VSP_RULE_NVSP_TYPE },
		{ AT_OPERATIONAL, 1, 99, 40, VSP_RULE_NVSP_TYPE },
	};

	(void)state;
	break_rules(rows, ARRAY_SIZE(rows));
}

static void
packet_direct_silences_the_channel(void **state)
{
	static const struct broken rows[] = {
		{ AT_OPERATIONAL, 0, NVSP_PD_API, 64, VSP_RULE_NVSP_TYPE },
		{ AT_OPERATIONAL, 0, NVSP_PD_POST_BATCH, 64, VSP_RULE_NVSP_TYPE },
	};

	(void)state;
	break_rules(rows, ARRAY_SIZE(rows));
}

static void
a_short_message_silences_the_channel(void **state)
{
	static const struct broken rows[] = {
		{ AT_START, 0, NVSP_INIT, 0, VSP_RULE_NVSP_LENGTH },
		{ AT_START, 0, NVSP_INIT, 3, VSP_RULE_NVSP_LENGTH },
		{ AT_START, 0, NVSP_INIT, 11, VSP_RULE_NVSP_LENGTH },
		{ AT_NEGOTIATED, 0, NVSP_NDIS_VERSION, 8, VSP_RULE_NVSP_LENGTH },
		{ AT_NEGOTIATED, 0, NVSP_NDIS_CONFIG, 16, VSP_RULE_NVSP_LENGTH },
		{ AT_CONFIGURED, 0, NVSP_RECV_BUFFER, 8, VSP_RULE_NVSP_LENGTH },
		{ AT_CONFIGURED, 0, NVSP_SEND_BUFFER, 8, VSP_RULE_NVSP_LENGTH },
		{ AT_READY, 0, NVSP_REVOKE_RECV_BUFFER, 4, VSP_RULE_NVSP_LENGTH },
		{ AT_READY, 0, NVSP_REVOKE_SEND_BUFFER, 4, VSP_RULE_NVSP_LENGTH },
		{ AT_READY, 0, NVSP_SWITCH_DATA_PATH, 4, VSP_RULE_NVSP_LENGTH },
		{ AT_READY, 0, NVSP_OID_QUERY_EX, 8, VSP_RULE_NVSP_LENGTH },
		{ AT_READY, 0, NVSP_SUBCHANNEL, 8, VSP_RULE_NVSP_LENGTH },
		{ AT_READY, 0, NVSP_RNDIS, 12, VSP_RULE_NVSP_LENGTH },
		{ AT_OPERATIONAL, 1, NVSP_RNDIS, 12, VSP_RULE_NVSP_LENGTH },
	};

	(void)state;
	break_rules(rows, ARRAY_SIZE(rows));
}

static void
a_message_out_of_order_silences_the_channel(void **state)
{
	static const struct broken rows[] = {
		{ AT_START, 0, NVSP_NDIS_VERSION, 40, VSP_RULE_NVSP_ORDER },
		{ AT_START, 0, NVSP_NDIS_CONFIG, 40, VSP_RULE_NVSP_ORDER },
		{ AT_START, 0, NVSP_RECV_BUFFER, 40, VSP_RULE_NVSP_ORDER },
		{ AT_START, 0, NVSP_SEND_BUFFER, 40, VSP_RULE_NVSP_ORDER },
		{ AT_START, 0, NVSP_REVOKE_RECV_BUFFER, 40, VSP_RULE_NVSP_ORDER },
		{ AT_START, 0, NVSP_SUBCHANNEL, 40, VSP_RULE_NVSP_ORDER },
		{ AT_START, 0, NVSP_RNDIS, 40, VSP_RULE_NVSP_ORDER },
		{ AT_NEGOTIATED, 0, NVSP_INIT, 40, VSP_RULE_NVSP_ORDER },
		{ AT_NEGOTIATED, 0, NVSP_RECV_BUFFER, 40, VSP_RULE_NVSP_ORDER },
		{ AT_NEGOTIATED, 0, NVSP_SUBCHANNEL, 40, VSP_RULE_NVSP_ORDER },
		{ AT_NEGOTIATED, 0, NVSP_SWITCH_DATA_PATH, 40, VSP_RULE_NVSP_ORDER },
		{ AT_NEGOTIATED, 0, NVSP_OID_QUERY_EX, 40, VSP_RULE_NVSP_ORDER },
		{ AT_CONFIGURED, 0, NVSP_NDIS_CONFIG, 40, VSP_RULE_NVSP_ORDER },
		{ AT_RECEIVING, 0, NVSP_NDIS_VERSION, 40, VSP_RULE_NVSP_ORDER },
		{ AT_RECEIVING, 0, NVSP_RECV_BUFFER, 40, VSP_RULE_NVSP_ORDER },
		{ AT_RECEIVING, 0, NVSP_REVOKE_SEND_BUFFER, 40, VSP_RULE_NVSP_ORDER },
		{ AT_READY, 0, NVSP_INIT, 40, VSP_RULE_NVSP_ORDER },
		{ AT_READY, 0, NVSP_NDIS_CONFIG, 40, VSP_RULE_NVSP_ORDER },
		{ AT_READY, 0, NVSP_NDIS_VERSION, 40, VSP_RULE_NVSP_ORDER },
		{ AT_READY, 0, NVSP_RECV_BUFFER, 40, VSP_RULE_NVSP_ORDER },
		{ AT_OPERATIONAL, 0, NVSP_SEND_BUFFER, 40, VSP_RULE_NVSP_ORDER },
		{ AT_OPERATIONAL, 0, NVSP_NDIS_CONFIG, 40, VSP_RULE_NVSP_ORDER },
	};

	(void)state;
	break_rules(rows, ARRAY_SIZE(rows));
}

static void
a_control_message_on_a_subchannel_silences_that_channel_alone(void **state)
{
	static const struct broken rows[] = {
		{ AT_OPERATIONAL, 1, NVSP_SUBCHANNEL, 40, VSP_RULE_NVSP_ON_SUBCHANNEL },
		{ AT_OPERATIONAL, 1, NVSP_SWITCH_DATA_PATH, 40, VSP_RULE_NVSP_ON_SUBCHANNEL },
		{ AT_OPERATIONAL, 2, NVSP_REVOKE_RECV_BUFFER, 40, VSP_RULE_NVSP_ON_SUBCHANNEL },
		{ AT_OPERATIONAL, 2, NVSP_REVOKE_SEND_BUFFER, 40, VSP_RULE_NVSP_ON_SUBCHANNEL },
		{ AT_OPERATIONAL, 3, NVSP_INIT, 40, VSP_RULE_NVSP_ON_SUBCHANNEL },
	};

	(void)state;
	break_rules(rows, ARRAY_SIZE(rows));
}

static void
rndis_before_its_time_silences_the_channel(void **state)
{
	static const struct broken rows[] = {
		{ AT_NEGOTIATED, 0, NVSP_RNDIS, 40, VSP_RULE_RNDIS_ORDER },
		{ AT_CONFIGURED, 0, NVSP_RNDIS, 40, VSP_RULE_RNDIS_ORDER },
		{ AT_RECEIVING, 0, NVSP_RNDIS, 40, VSP_RULE_RNDIS_ORDER }, /* a frame before INIT */
		{ AT_READY, 0, NVSP_RNDIS, 40, VSP_RULE_RNDIS_ORDER },
		{ AT_READY, 1, NVSP_RNDIS, 40, VSP_RULE_RNDIS_ORDER },
	};

	(void)state;
	break_rules(rows, ARRAY_SIZE(rows));
}

static void
packets_of_other_types_silence_the_channel(void **state)
{
	uint32_t message[10] = { NVSP_RNDIS };

	(void)state;
	reach("ws2022", AT_OPERATIONAL);
	guest_send_packet(0, VMBUS_PACKET_TRANSFER_PAGES, 1, message, sizeof(message));
	assert_rule(VSP_RULE_PACKET_TRANSFER_PAGES);
	assert_true(channel_dead(0));
	reach("ws2022", AT_OPERATIONAL);
	guest_send_packet(0, 8, 1, message, sizeof(message));
	assert_rule(VSP_RULE_PACKET_TYPE);
	assert_true(channel_dead(0));
}

static void
a_message_newer_than_the_version_is_reported_and_answered(void **state)
{
	static const struct {
		const char *profile;
		enum stage stage;
		uint32_t type, bytes, word;     /* of the answer, and its second word */
	} rows[] = {
		{ "ws2008", AT_NEGOTIATED, NVSP_NDIS_CONFIG, 0, 0 },
		{ "ws2008r2", AT_READY, NVSP_SWITCH_DATA_PATH, 0, 0 },
		{ "ws2012", AT_READY, NVSP_SUBCHANNEL, 32, NVSP_STATUS_FAILURE },
		{ "ws2012", AT_READY, NVSP_OID_QUERY_EX, 32, NDIS_STATUS_NOT_SUPPORTED },
	};
	uint32_t message[10] = { 0, 1, 1 };

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct sent *answer;

		reach(rows[i].profile, rows[i].stage);
		message[0] = rows[i].type;
		answer = guest_send(0, message, sizeof(message));
		assert_int_equal(host.violations, 1);
		assert_rule(VSP_RULE_NVSP_VERSION);
		assert_false(channel_dead(0));
		assert_non_null(answer);
		assert_int_equal(answer->bytes, rows[i].bytes);
		assert_int_equal(sent_u32(answer, 1), rows[i].word);
		assert_int_equal(host.nic->data_path, NVSP_DATA_PATH_SYNTHETIC);
		assert_null(sent_nth(SENT_OFFER, 0));
	}
}

static void
revoking_a_buffer_ends_the_channel_without_a_violation(void **state)
{
	static const uint32_t types[] = { NVSP_REVOKE_RECV_BUFFER, NVSP_REVOKE_SEND_BUFFER };

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(types); i++) {
		struct nvsp_revoke revoke = { types[i], 0xcafe, 0 };

		reach("ws2022", AT_OPERATIONAL);
		assert_null(guest_send(0, &revoke, sizeof(revoke)));
		assert_true(channel_dead(0));
		assert_no_violation();
		host_reopen();
		assert_false(channel_dead(0));
		assert_int_equal(guest_init(NVSP_VERSION_61), NVSP_STATUS_SUCCESS);
	}
}

static void
oid_query_ex_is_answered_as_not_supported(void **state)
{
	struct nvsp_oid_query_ex query = { NVSP_OID_QUERY_EX, 0x80, 1, 4, 0x10101 };
	const struct sent *answer;

	(void)state;
	reach("openvmm", AT_OPERATIONAL);
	answer = guest_send(0, &query, sizeof(query));
	assert_int_equal(answer->bytes, 40);
	assert_int_equal(sent_u32(answer, 0), NVSP_OID_QUERY_EX_COMPLETE);
	assert_int_equal(sent_u32(answer, 1), 0xC00000BB);
	assert_int_equal(sent_u32(answer, 2), 0);
}

static void
rndis_data_goes_to_transmit_and_completions_to_receive(void **state)
{
	uint32_t ack[2] = { NVSP_RNDIS_COMPLETE, NVSP_STATUS_SUCCESS };
	uint32_t packet[11] = { RNDIS_PACKET, 44 };

	(void)state;
	reach("ws2022", AT_OPERATIONAL);
	guest_rndis_on(0, NVSP_CHANNEL_DATA, packet, sizeof(packet));
	assert_int_equal(host.tx_handled, 1);
	/* A frame that calls itself control is a frame. */
	guest_rndis_on(0, NVSP_CHANNEL_CONTROL, packet, sizeof(packet));
	assert_int_equal(host.tx_handled, 2);
	guest_send_packet(0, VMBUS_PACKET_COMPLETION, 0, ack, sizeof(ack));
	assert_int_equal(host.rx_completed, 1);
	assert_no_violation();
}

static void
a_completion_before_the_receive_buffer_silences_the_channel(void **state)
{
	uint32_t ack[2] = { NVSP_RNDIS_COMPLETE, NVSP_STATUS_SUCCESS };

	(void)state;
	reach("ws2022", AT_START);
	guest_send_packet(0, VMBUS_PACKET_COMPLETION, 0, ack, sizeof(ack));
	assert_rule(VSP_RULE_COMPLETION_ID);
	assert_true(channel_dead(0));
	assert_int_equal(host.rx_completed, 0);
}

static void
a_new_open_of_the_primary_starts_all_over(void **state)
{
	uint32_t filter = NDIS_FILTER_DIRECTED;

	(void)state;
	reach("ws2022", AT_START);
	guest_operational();
	ask_subchannels(1, 2);
	host_open_subchannel(1);
	host_open_subchannel(2);
	guest_set(OID_GEN_CURRENT_PACKET_FILTER, &filter, sizeof(filter));
	assert_int_equal(host.nic->filter, filter);
	host_reopen();
	assert_int_equal(host.nic->state, NIC_OFFERED);
	assert_int_equal(host.nic->filter, 0);
	assert_null(host.nic->recv_base);
	assert_null(host.nic->sections);
	assert_int_equal(host.rescinded_subchannels, 2);
	assert_int_equal(host.nic->channels_open, 1);
	guest_operational();
	ask_subchannels(1, 1);
	assert_int_equal(sent_kinds(SENT_OFFER), 1);
	assert_no_violation();
}

#define CASE(name) cmocka_unit_test_teardown(name, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_message_of_unknown_type_silences_the_channel),
		CASE(packet_direct_silences_the_channel),
		CASE(a_short_message_silences_the_channel),
		CASE(a_message_out_of_order_silences_the_channel),
		CASE(a_control_message_on_a_subchannel_silences_that_channel_alone),
		CASE(rndis_before_its_time_silences_the_channel),
		CASE(packets_of_other_types_silence_the_channel),
		CASE(a_message_newer_than_the_version_is_reported_and_answered),
		CASE(revoking_a_buffer_ends_the_channel_without_a_violation),
		CASE(oid_query_ex_is_answered_as_not_supported),
		CASE(rndis_data_goes_to_transmit_and_completions_to_receive),
		CASE(a_completion_before_the_receive_buffer_silences_the_channel),
		CASE(a_new_open_of_the_primary_starts_all_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
