/* SPDX-License-Identifier: BSD-3-Clause */
/* RNDIS control: answers and their order, queues, indications, wrong guests. */

#include <errno.h>

#include "control_fixture.h"

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

static const struct sent *
keepalive(uint32_t request_id)
{
	struct rndis_keepalive alive = { { RNDIS_KEEPALIVE, sizeof(alive) }, request_id };

	return guest_rndis(&alive, sizeof(alive));
}

static void
init_is_answered_with_52_bytes_of_limits(void **state)
{
	static const struct {
		const char *profile;
		uint32_t packets, shift;
	} rows[] = {
		{ "ws2008r2", 1, 0 }, { "ws2012", 4, 2 }, { "ws2012r2", 8, 3 }, { "ws2022", 8, 3 },
		{ "openvmm", 8, 3 },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		const uint32_t expected[13] = { 0x80000002, 52, 1, 0, 1, 0, 1, 0, rows[i].packets,
			0xEFFFFFFF, rows[i].shift, 0, 0 };
		const struct sent *answer;

		reach(rows[i].profile, AT_READY);
		guest_rndis_init();
		answer = sent_nth(SENT_TRANSFER, 0);
		assert_int_equal(answer->rndis_bytes, 52);
		assert_memory_equal(answer->rndis, expected, sizeof(expected));
		assert_int_equal(host.nic->state, NIC_OPERATIONAL);
		assert_no_violation();
	}
}

static void
the_completion_comes_first_and_the_answer_as_a_control_transfer(void **state)
{
	(void)state;
	reach("openvmm", AT_READY);
	guest_rndis_init();
	assert_int_equal(host.sent_count, 2);
	assert_int_equal(host.sent[0].kind, SENT_COMPLETION);
	assert_int_equal(host.sent[0].bytes, 40);
	assert_int_equal(sent_u32(&host.sent[0], 0), NVSP_RNDIS_COMPLETE);
	assert_int_equal(sent_u32(&host.sent[0], 1), NVSP_STATUS_SUCCESS);
	assert_int_equal(host.sent[1].kind, SENT_TRANSFER);
	assert_int_equal(host.sent[1].transaction_id, 15);
	assert_int_equal(host.sent[1].offset, 15 * 1806);
	assert_int_equal(host.sent[1].bytes, 40);
	assert_int_equal(sent_u32(&host.sent[1], 0), NVSP_RNDIS);
	assert_int_equal(sent_u32(&host.sent[1], 1), NVSP_CHANNEL_CONTROL);
	assert_int_equal(sent_u32(&host.sent[1], 2), NVSP_SECTION_NONE);
}

static void
answers_use_the_sections_from_15_down_and_reuse_the_last_one_back(void **state)
{
	(void)state;
	operational("ws2022");
	for (unsigned int i = 0; i < 16; i++) {
		keepalive(i);
		assert_int_equal(sent_nth(SENT_TRANSFER, i)->transaction_id, 15 - i);
	}
	guest_ack(7);
	keepalive(99);
	assert_int_equal(sent_nth(SENT_TRANSFER, 16)->transaction_id, 7);
}

static void
the_seventeenth_request_waits_for_a_section(void **state)
{
	(void)state;
	operational("ws2022");
	for (uint32_t i = 0; i < 19; i++)
		assert_int_equal(sent_u32(keepalive(i), 1), NVSP_STATUS_SUCCESS);
	assert_int_equal(sent_kinds(SENT_TRANSFER), 16);
	assert_int_equal(host.nic->control_queued_bytes, 3 * 12);
	guest_ack(3);
	assert_int_equal(sent_kinds(SENT_TRANSFER), 17);
	assert_int_equal(rndis_u32(sent_nth(SENT_TRANSFER, 16), 2), 16);
	guest_ack(4);
	guest_ack(5);
	assert_int_equal(rndis_u32(sent_nth(SENT_TRANSFER, 18), 2), 18);
	assert_int_equal(host.nic->control_queued_bytes, 0);
	assert_no_violation();
}

static void
an_indication_of_a_waiting_request_goes_before_the_next_request(void **state)
{
	struct {
		struct rndis_oid_request request;
		struct ndis_offload_parameters parameters;
	} set = {
		.request = { { RNDIS_SET, sizeof(set) }, 77, OID_TCP_OFFLOAD_PARAMETERS,
			sizeof(set.parameters), 20, 0 },
		.parameters.header = { NDIS_OBJECT_DEFAULT, 3, sizeof(set.parameters) },
	};

	(void)state;
	operational("ws2022");
	for (uint32_t i = 0; i < 16; i++)
		keepalive(i);
	guest_rndis(&set, sizeof(set));
	keepalive(78);
	host_forget();
	guest_ack(1);
	guest_ack(2);
	guest_ack(3);
	assert_int_equal(sent_kinds(SENT_TRANSFER), 3);
	assert_int_equal(rndis_u32(sent_nth(SENT_TRANSFER, 0), 0), RNDIS_SET | RNDIS_COMPLETION);
	assert_int_equal(rndis_u32(sent_nth(SENT_TRANSFER, 1), 0), RNDIS_INDICATE_STATUS);
	assert_int_equal(rndis_u32(sent_nth(SENT_TRANSFER, 2), 2), 78);
}

static void
more_than_100_kib_of_waiting_requests_fail(void **state)
{
	static uint8_t big[50 * 1024 + 12];
	struct rndis_keepalive alive = { { RNDIS_KEEPALIVE, sizeof(big) }, 5 };

	(void)state;
	operational("openvmm");
	for (uint32_t i = 0; i < 16; i++)
		keepalive(i);
	memcpy(big, &alive, sizeof(alive));
	assert_int_equal(sent_u32(guest_rndis(big, 50 * 1024), 1), NVSP_STATUS_SUCCESS);
	assert_int_equal(sent_u32(guest_rndis(big, 50 * 1024), 1), NVSP_STATUS_SUCCESS);
	assert_no_violation();
	assert_int_equal(sent_u32(keepalive(6), 1), NVSP_STATUS_FAILURE);
	assert_rule(VSP_RULE_RNDIS_QUEUE);
	assert_false(channel_dead(0));
	guest_ack(1);
	assert_int_equal(sent_u32(keepalive(6), 1), NVSP_STATUS_SUCCESS);
}

static void
one_message_above_100_kib_fails(void **state)
{
	static uint8_t big[100 * 1024 + 8];
	struct rndis_header header = { RNDIS_KEEPALIVE, sizeof(big) };

	(void)state;
	operational("ws2022");
	memcpy(big, &header, sizeof(header));
	assert_int_equal(sent_u32(guest_rndis(big, sizeof(big)), 1), NVSP_STATUS_FAILURE);
	assert_rule(VSP_RULE_RNDIS_QUEUE);
	assert_false(channel_dead(0));
}

static void
keepalive_is_answered_with_its_id(void **state)
{
	const struct sent *answer;

	(void)state;
	operational("openvmm");
	keepalive(0x1234);
	answer = sent_nth(SENT_TRANSFER, 0);
	assert_int_equal(answer->rndis_bytes, 16);
	assert_int_equal(rndis_u32(answer, 0), 0x80000008);
	assert_int_equal(rndis_u32(answer, 2), 0x1234);
	assert_int_equal(rndis_u32(answer, 3), 0);
}

static void
an_unknown_oid_is_not_supported_and_carries_offset_16(void **state)
{
	struct rndis_oid_request request = { { RNDIS_QUERY, sizeof(request) }, 3, 0x00DEAD, 0, 0, 0 };
	const struct sent *answer;

	(void)state;
	operational("openvmm");
	guest_rndis(&request, sizeof(request));
	answer = sent_nth(SENT_TRANSFER, 0);
	assert_int_equal(answer->rndis_bytes, 24);
	assert_int_equal(rndis_u32(answer, 3), 0xC00000BB);
	assert_int_equal(rndis_u32(answer, 4), 0);
	assert_int_equal(rndis_u32(answer, 5), 16);
	request.header.type = RNDIS_SET;
	guest_rndis(&request, sizeof(request));
	assert_int_equal(rndis_u32(sent_nth(SENT_TRANSFER, 1), 3), 0xC00000BB);
	assert_no_violation();
}

struct wrong {
	uint32_t type, bytes;
	bool before_init;
	enum vsp_rule rule;
};

static void
wrong_control_messages_are_completed_and_then_silence_the_channel(void **state)
{
	static const struct wrong rows[] = {
		{ RNDIS_RESET, 12, false, VSP_RULE_RNDIS_RESET },
		{ RNDIS_SET_EX, 40, false, VSP_RULE_RNDIS_RESET },
		{ RNDIS_INDICATE_STATUS, 20, false, VSP_RULE_RNDIS_RESET },
		{ RNDIS_RESET, 12, true, VSP_RULE_RNDIS_RESET },
		{ 10, 40, false, VSP_RULE_RNDIS_TYPE },
		{ RNDIS_INIT | RNDIS_COMPLETION, 52, false, VSP_RULE_RNDIS_TYPE },
		{ 0, 8, false, VSP_RULE_RNDIS_TYPE },
		{ RNDIS_INIT, 24, false, VSP_RULE_RNDIS_INIT_TWICE },
		{ RNDIS_INIT, 23, true, VSP_RULE_RNDIS_TRUNCATED },
		{ RNDIS_QUERY, 27, false, VSP_RULE_RNDIS_TRUNCATED },
		{ RNDIS_SET, 27, false, VSP_RULE_RNDIS_TRUNCATED },
		{ RNDIS_KEEPALIVE, 11, false, VSP_RULE_RNDIS_TRUNCATED },
		{ RNDIS_QUERY, 28, true, VSP_RULE_RNDIS_ORDER },
		{ RNDIS_SET, 32, true, VSP_RULE_RNDIS_ORDER },
		{ RNDIS_KEEPALIVE, 12, true, VSP_RULE_RNDIS_ORDER },
		{ RNDIS_PACKET, 44, true, VSP_RULE_RNDIS_ORDER },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		uint32_t message[16] = { rows[i].type, rows[i].bytes };
		const struct sent *completion;

		print_message("type %#x, %u bytes\n", rows[i].type, rows[i].bytes);
		if (rows[i].before_init)
			reach("ws2022", AT_READY);
		else
			operational("ws2022");
		completion = guest_rndis(message, rows[i].bytes);
		assert_non_null(completion);
		assert_int_equal(sent_u32(completion, 1), NVSP_STATUS_SUCCESS);
		assert_int_equal(host.violations, 1);
		assert_rule(rows[i].rule);
		assert_true(channel_dead(0));
		assert_int_equal(sent_kinds(SENT_TRANSFER), 0);
		assert_null(keepalive(1));
		host_reopen();
		guest_operational();
	}
}

static void
a_message_without_a_header_fails(void **state)
{
	uint32_t message[2] = { RNDIS_KEEPALIVE, 8 };

	(void)state;
	operational("ws2022");
	for (uint32_t bytes = 0; bytes < 8; bytes++) {
		host_forget();
		assert_int_equal(sent_u32(guest_rndis(message, bytes), 1), NVSP_STATUS_FAILURE);
		assert_rule(VSP_RULE_RNDIS_HEADER);
		assert_false(channel_dead(0));
	}
}

static void
a_message_that_cannot_be_gathered_fails(void **state)
{
	(void)state;
	operational("ws2022");
	host.gather_error = -EFAULT;
	assert_int_equal(sent_u32(keepalive(1), 1), NVSP_STATUS_FAILURE);
	host.gather_error = 0;
	assert_int_equal(sent_u32(keepalive(1), 1), NVSP_STATUS_SUCCESS);
}

static void
a_control_message_on_a_subchannel_fails(void **state)
{
	struct rndis_keepalive alive = { { RNDIS_KEEPALIVE, sizeof(alive) }, 1 };
	const struct sent *completion;

	(void)state;
	operational("ws2022");
	host_open_subchannel(1);
	completion = guest_rndis_on(1, NVSP_CHANNEL_CONTROL, &alive, sizeof(alive));
	assert_int_equal(sent_u32(completion, 1), NVSP_STATUS_FAILURE);
	assert_int_equal(completion->channel, 1);
	assert_rule(VSP_RULE_RNDIS_CONTROL_ON_SUBCHANNEL);
	assert_false(channel_dead(1));
}

static void
a_message_that_wants_no_completion_is_reported(void **state)
{
	struct rndis_keepalive alive = { { RNDIS_KEEPALIVE, sizeof(alive) }, 1 };
	struct nvsp_rndis rndis = { NVSP_RNDIS, NVSP_CHANNEL_CONTROL, NVSP_SECTION_NONE, 0 };

	(void)state;
	operational("ws2022");
	host.gather = (const uint8_t *)&alive;
	host.gather_bytes = sizeof(alive);
	guest_send_packet(0, VMBUS_PACKET_GPA_DIRECT, 0, &rndis, sizeof(rndis));
	assert_rule(VSP_RULE_COMPLETION_NOT_REQUESTED);
	assert_int_equal(sent_kinds(SENT_COMPLETION), 0);
	assert_int_equal(sent_kinds(SENT_TRANSFER), 1);
}

static void
halt_is_completed_and_ends_reception_where_the_host_heeds_it(void **state)
{
	struct rndis_halt halt = { { RNDIS_HALT, sizeof(halt) }, 1 };

	(void)state;
	operational("ws2022");
	host.nic->filter = NDIS_FILTER_DIRECTED;
	assert_int_equal(sent_u32(guest_rndis(&halt, sizeof(halt)), 1), NVSP_STATUS_SUCCESS);
	assert_int_equal(sent_kinds(SENT_TRANSFER), 0);
	assert_int_equal(host.nic->filter, 0);
	guest_rndis_init();
	assert_int_equal(host.nic->state, NIC_OPERATIONAL);
	assert_no_violation();
	operational("openvmm");
	host.nic->filter = NDIS_FILTER_DIRECTED;
	guest_rndis(&halt, sizeof(halt));
	assert_int_equal(host.nic->filter, NDIS_FILTER_DIRECTED);
	assert_int_equal(host.nic->state, NIC_OPERATIONAL);
}

/* ---- where the data of a SET is ---- */

static uint32_t
set_filter_at(uint32_t offset, uint32_t info_bytes, uint32_t at_20, uint32_t at_24)
{
	uint32_t message[9] = { RNDIS_SET, sizeof(message), 9, OID_GEN_CURRENT_PACKET_FILTER,
		info_bytes, offset, 0, at_20, at_24 };
	const struct sent *answer;

	host_forget();
	guest_rndis(message, sizeof(message));
	answer = sent_nth(SENT_TRANSFER, 0);
	guest_ack((uint16_t)answer->transaction_id);
	return rndis_u32(answer, 3);
}

static void
the_data_of_a_set_is_where_its_offset_says(void **state)
{
	(void)state;
	operational("ws2022");
	assert_int_equal(set_filter_at(24, 4, 1, 2), NDIS_STATUS_SUCCESS);
	assert_int_equal(host.nic->filter, 2);
	assert_no_violation();
}

static void
openvmm_takes_the_data_of_a_set_from_offset_20(void **state)
{
	(void)state;
	operational("openvmm");
	assert_int_equal(set_filter_at(24, 4, 1, 2), NDIS_STATUS_SUCCESS);
	assert_int_equal(host.nic->filter, 1);
	assert_no_violation();
}

static void
data_of_a_set_outside_the_message_is_reported_and_refused(void **state)
{
	static const struct {
		uint32_t offset, bytes;
	} rows[] = {
		{ 28, 4 }, { 20, 9 }, { 25, 4 }, { 0xffffffff, 4 }, { 20, 0xffffffff },
		{ 0xfffffff8, 16 },
	};

	(void)state;
	operational("ws2022");
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(set_filter_at(rows[i].offset, rows[i].bytes, 1, 2),
			NDIS_STATUS_INVALID_DATA);
		assert_rule(VSP_RULE_OID_DATA);
		assert_int_equal(host.nic->filter, 0);
		assert_false(channel_dead(0));
	}
}

/* ---- indications ---- */

static void
expect_indication(unsigned int n, uint32_t status)
{
	const struct sent *sent = sent_nth(SENT_TRANSFER, n);

	assert_non_null(sent);
	assert_int_equal(rndis_u32(sent, 0), RNDIS_INDICATE_STATUS);
	assert_int_equal(rndis_u32(sent, 2), status);
	assert_int_equal(sent_kinds(SENT_TRANSFER), n + 1);
}

static void
a_link_change_is_indicated_without_a_buffer(void **state)
{
	const struct sent *sent;

	(void)state;
	operational("openvmm");
	assert_int_equal(vsp_nic_set_link(host.nic, false), 0);
	expect_indication(0, NDIS_STATUS_MEDIA_DISCONNECT);
	sent = sent_nth(SENT_TRANSFER, 0);
	assert_int_equal(sent->rndis_bytes, 20);
	assert_int_equal(rndis_u32(sent, 3), 0);
	assert_int_equal(rndis_u32(sent, 4), 0);
	assert_false(host.nic->port.link_up);
	assert_int_equal(vsp_nic_set_link(host.nic, true), 0);
	expect_indication(1, NDIS_STATUS_MEDIA_CONNECT);
	assert_true(host.nic->port.link_up);
}

static void
a_repeated_link_state_is_the_opposite_now_and_the_state_5_s_later(void **state)
{
	(void)state;
	operational("openvmm");
	vsp_nic_set_link(host.nic, true);
	expect_indication(0, NDIS_STATUS_MEDIA_DISCONNECT);
	assert_true(host.nic->port.link_up);
	assert_true(host.nic->link_timer.at_ns >= host.now_ns + 5000000000ull);
	host_run_timer(&host.nic->link_timer);
	expect_indication(1, NDIS_STATUS_MEDIA_CONNECT);
	assert_false(host.nic->link_timer.armed);
}

static void
a_link_indication_waits_5_s_when_all_sections_are_out(void **state)
{
	(void)state;
	operational("openvmm");
	for (uint32_t i = 0; i < 16; i++)
		keepalive(i);
	host_forget();
	vsp_nic_set_link(host.nic, false);
	assert_int_equal(sent_kinds(SENT_TRANSFER), 0);
	host_run_timer(&host.nic->link_timer);
	assert_int_equal(sent_kinds(SENT_TRANSFER), 0);
	guest_ack(4);
	host_run_timer(&host.nic->link_timer);
	expect_indication(0, NDIS_STATUS_MEDIA_DISCONNECT);
	/* The same for a toggle: the opposite first, however late. */
	vsp_nic_set_link(host.nic, false);
	assert_int_equal(sent_kinds(SENT_TRANSFER), 1);
	guest_ack(5);
	guest_ack(6);
	host_run_timer(&host.nic->link_timer);
	expect_indication(1, NDIS_STATUS_MEDIA_CONNECT);
	host_run_timer(&host.nic->link_timer);
	expect_indication(2, NDIS_STATUS_MEDIA_DISCONNECT);
}

static void
a_link_that_is_down_is_told_after_init(void **state)
{
	(void)state;
	host_start("ws2022");
	assert_int_equal(vsp_nic_set_link(host.nic, false), -ENOTCONN);
	guest_init(NVSP_VERSION_61);
	guest_ndis_config(1514, 0);
	guest_ndis_version(6, 30);
	guest_recv_buffer(RECV_GPADL);
	guest_rndis_init();
	expect_indication(1, NDIS_STATUS_MEDIA_DISCONNECT);
	assert_int_equal(rndis_u32(sent_nth(SENT_TRANSFER, 0), 0), RNDIS_INIT | RNDIS_COMPLETION);
}

static void
speed_and_network_changes_are_indicated_except_by_openvmm(void **state)
{
	const struct sent *sent;

	(void)state;
	operational("ws2022");
	assert_int_equal(vsp_nic_set_speed(host.nic, 25000000000ull), 0);
	expect_indication(0, NDIS_STATUS_LINK_SPEED_CHANGE);
	sent = sent_nth(SENT_TRANSFER, 0);
	assert_int_equal(sent->rndis_bytes, 24);
	assert_int_equal(rndis_u32(sent, 3), 4);
	assert_int_equal(rndis_u32(sent, 4), 12);
	assert_int_equal(rndis_u32(sent, 5), 250000000);
	assert_int_equal(vsp_nic_network_change(host.nic), 0);
	expect_indication(1, NDIS_STATUS_NETWORK_CHANGE);
	operational("openvmm");
	assert_int_equal(vsp_nic_set_speed(host.nic, 1000000000), -ENOTSUP);
	assert_int_equal(vsp_nic_network_change(host.nic), -ENOTSUP);
	assert_int_equal(sent_kinds(SENT_TRANSFER), 0);
	assert_int_equal(host.nic->link_bps, 1000000000);
}

static void
changed_offloads_are_indicated_after_the_answer(void **state)
{
	struct ndis_offload_parameters parameters = {
		.header = { NDIS_OBJECT_DEFAULT, 3, sizeof(parameters) },
		.tcp_ipv4_csum = NDIS_OFFLOAD_CSUM_OFF,
	};
	struct ndis_offload offload;
	const struct sent *sent;

	(void)state;
	operational("openvmm");
	assert_int_equal(guest_set(OID_TCP_OFFLOAD_PARAMETERS, &parameters, sizeof(parameters)), 0);
	expect_indication(1, NDIS_STATUS_OFFLOAD_CONFIG);
	sent = sent_nth(SENT_TRANSFER, 1);
	assert_int_equal(rndis_u32(sent, 3), NDIS_OFFLOAD_BYTES_REV3);
	memcpy(&offload, sent->rndis + 20, sizeof(offload));
	assert_int_equal(offload.tx_ipv4.flags, 0x155 & ~(0x10 | 0x04));
	assert_int_equal(vsp_nic_offload_indication(host.nic), 0);
	expect_indication(2, NDIS_STATUS_OFFLOAD_CONFIG);
}

static void
events_before_init_are_kept_and_say_so(void **state)
{
	(void)state;
	reach("ws2022", AT_READY);
	assert_int_equal(vsp_nic_set_speed(host.nic, 10000000000ull), -ENOTCONN);
	assert_int_equal(vsp_nic_network_change(host.nic), -ENOTCONN);
	assert_int_equal(vsp_nic_offload_indication(host.nic), -ENOTCONN);
	assert_int_equal(host.sent_count, 0);
	assert_int_equal(host.nic->link_bps, 10000000000ull);
}

static void
indications_nobody_takes_are_bounded(void **state)
{
	(void)state;
	operational("ws2022");
	for (unsigned int i = 0; i < 500; i++)
		vsp_nic_network_change(host.nic);
	assert_int_equal(sent_kinds(SENT_TRANSFER), 16);
	assert_int_equal(host.nic->outgoing_count, 64);
	host_reopen();
	assert_int_equal(host.nic->outgoing_count, 0);
}

#define CASE(name) cmocka_unit_test_teardown(name, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(init_is_answered_with_52_bytes_of_limits),
		CASE(the_completion_comes_first_and_the_answer_as_a_control_transfer),
		CASE(answers_use_the_sections_from_15_down_and_reuse_the_last_one_back),
		CASE(the_seventeenth_request_waits_for_a_section),
		CASE(an_indication_of_a_waiting_request_goes_before_the_next_request),
		CASE(more_than_100_kib_of_waiting_requests_fail),
		CASE(one_message_above_100_kib_fails),
		CASE(keepalive_is_answered_with_its_id),
		CASE(an_unknown_oid_is_not_supported_and_carries_offset_16),
		CASE(wrong_control_messages_are_completed_and_then_silence_the_channel),
		CASE(a_message_without_a_header_fails),
		CASE(a_message_that_cannot_be_gathered_fails),
		CASE(a_control_message_on_a_subchannel_fails),
		CASE(a_message_that_wants_no_completion_is_reported),
		CASE(halt_is_completed_and_ends_reception_where_the_host_heeds_it),
		CASE(the_data_of_a_set_is_where_its_offset_says),
		CASE(openvmm_takes_the_data_of_a_set_from_offset_20),
		CASE(data_of_a_set_outside_the_message_is_reported_and_refused),
		CASE(a_link_change_is_indicated_without_a_buffer),
		CASE(a_repeated_link_state_is_the_opposite_now_and_the_state_5_s_later),
		CASE(a_link_indication_waits_5_s_when_all_sections_are_out),
		CASE(a_link_that_is_down_is_told_after_init),
		CASE(speed_and_network_changes_are_indicated_except_by_openvmm),
		CASE(changed_offloads_are_indicated_after_the_answer),
		CASE(events_before_init_are_kept_and_say_so),
		CASE(indications_nobody_takes_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
