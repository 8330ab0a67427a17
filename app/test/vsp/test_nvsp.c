/* SPDX-License-Identifier: BSD-3-Clause */
/* NVSP as a guest sees it: order, lengths, versions, buffers, subchannels. */

#include "control_fixture.h"

static int
teardown(void **state)
{
	(void)state;
	host_stop();
	return 0;
}

/* ---- states of the conversation ---- */

enum stage {
	AT_START,               /* nothing said */
	AT_NEGOTIATED,          /* version agreed */
	AT_CONFIGURED,          /* and NDIS_CONFIG */
	AT_RECEIVING,           /* and NDIS_VERSION and the receive buffer */
	AT_READY,               /* and the send buffer */
	AT_OPERATIONAL,         /* and RNDIS INIT */
};

static void
reach(const char *profile, enum stage stage)
{
	host_stop();
	host_start(profile);
	if (stage >= AT_NEGOTIATED)
		assert_int_equal(guest_init(host.nic->profile->nvsp_max), NVSP_STATUS_SUCCESS);
	if (stage >= AT_CONFIGURED && host.nic->nvsp > NVSP_VERSION_1)
		guest_ndis_config(1514, 0);
	if (stage >= AT_RECEIVING) {
		guest_ndis_version(6, 30);
		guest_recv_buffer(RECV_GPADL);
	}
	if (stage >= AT_READY)
		guest_send_buffer(SEND_GPADL);
	if (stage >= AT_OPERATIONAL)
		guest_rndis_init();
	assert_no_violation();
	host_forget();
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

/* ---- cases ---- */

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
an_unknown_or_ragged_receive_buffer_silences_the_channel(void **state)
{
	(void)state;
	reach("ws2022", AT_CONFIGURED);
	assert_null(guest_recv_buffer(0x999));
	assert_rule(VSP_RULE_RECV_BUFFER);
	assert_true(channel_dead(0));
	reach("ws2022", AT_CONFIGURED);
	assert_null(guest_recv_buffer(ODD_GPADL));
	assert_rule(VSP_RULE_RECV_BUFFER);
	assert_null(host.nic->recv_base);
}

static void
an_unknown_or_ragged_send_buffer_silences_the_channel(void **state)
{
	(void)state;
	reach("ws2022", AT_CONFIGURED);
	assert_null(guest_send_buffer(0x999));
	assert_rule(VSP_RULE_SEND_BUFFER);
	assert_true(channel_dead(0));
	reach("ws2022", AT_CONFIGURED);
	assert_null(guest_send_buffer(ODD_GPADL));
	assert_rule(VSP_RULE_SEND_BUFFER);
	assert_null(host.nic->send_base);
}

static void
a_message_newer_than_the_version_is_reported_and_ignored(void **state)
{
	static const struct {
		const char *profile;
		enum stage stage;
		uint32_t type;
	} rows[] = {
		{ "ws2008", AT_NEGOTIATED, NVSP_NDIS_CONFIG },
		{ "ws2008r2", AT_READY, NVSP_SWITCH_DATA_PATH },
		{ "ws2012", AT_READY, NVSP_SUBCHANNEL },
		{ "ws2012", AT_READY, NVSP_OID_QUERY_EX },
	};
	uint32_t message[10] = { 0 };

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct sent *answer;

		reach(rows[i].profile, rows[i].stage);
		message[0] = rows[i].type;
		answer = guest_send(0, message, sizeof(message));
		assert_rule(VSP_RULE_NVSP_VERSION);
		assert_false(channel_dead(0));
		assert_non_null(answer);
		assert_int_equal(answer->bytes, 0);
		assert_null(sent_nth(SENT_OFFER, 0));
	}
}

static void
versions_above_the_profiles_are_refused_until_one_fits(void **state)
{
	static const struct {
		const char *profile;
		uint32_t version;
		unsigned int refused;
	} rows[] = {
		{ "ws2008", NVSP_VERSION_1, 6 }, { "ws2008r2", NVSP_VERSION_2, 5 },
		{ "ws2012", NVSP_VERSION_4, 4 }, { "ws2012r2", NVSP_VERSION_5, 3 },
		{ "ws2016", NVSP_VERSION_6, 2 }, { "ws2019", NVSP_VERSION_61, 1 },
		{ "ws2022", NVSP_VERSION_61, 1 }, { "azure", NVSP_VERSION_61, 1 },
		{ "openvmm", NVSP_VERSION_61, 1 },
	};
	static const uint32_t offers[] = { 0x70000, NVSP_VERSION_61, NVSP_VERSION_6, NVSP_VERSION_5,
		NVSP_VERSION_4, NVSP_VERSION_2, NVSP_VERSION_1 };

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		unsigned int refused = 0;

		reach(rows[i].profile, AT_START);
		while (guest_init(offers[refused]) == 0)
			assert_true(++refused < ARRAY_SIZE(offers));
		assert_int_equal(refused, rows[i].refused);
		assert_int_equal(host.nic->nvsp, rows[i].version);
		assert_no_violation();
	}
}

static void
versions_that_never_existed_are_refused(void **state)
{
	static const uint32_t versions[] = { 0, 1, 3, 0x30000, 0x40001, 0x60002, 0xffffffff };

	(void)state;
	reach("openvmm", AT_START);
	for (unsigned int i = 0; i < ARRAY_SIZE(versions); i++)
		assert_int_equal(guest_init(versions[i]), 0);
	assert_int_equal(guest_init(NVSP_VERSION_61), NVSP_STATUS_SUCCESS);
	assert_no_violation();
}

static void
init_complete_carries_the_old_version_field(void **state)
{
	struct nvsp_init init = { NVSP_INIT, NVSP_VERSION_1, 0 };
	const struct sent *answer;

	(void)state;
	reach("ws2008", AT_START);
	answer = guest_send(0, &init, sizeof(init));
	assert_int_equal(answer->bytes, 32);
	assert_int_equal(sent_u32(answer, 0), NVSP_INIT_COMPLETE);
	assert_int_equal(sent_u32(answer, 1), 2);
	assert_int_equal(sent_u32(answer, 2), 34);
	assert_int_equal(sent_u32(answer, 3), NVSP_STATUS_SUCCESS);
	reach("ws2022", AT_START);
	init.version_min = NVSP_VERSION_61;
	answer = guest_send(0, &init, sizeof(init));
	assert_int_equal(sent_u32(answer, 1), 0xffffffff);
}

static void
host_messages_are_padded_by_version(void **state)
{
	(void)state;
	reach("ws2016", AT_CONFIGURED);
	assert_int_equal(guest_recv_buffer(RECV_GPADL)->bytes, 32);
	reach("ws2019", AT_CONFIGURED);
	assert_int_equal(guest_recv_buffer(RECV_GPADL)->bytes, 40);
}

static void
ndis_messages_have_empty_completions_and_only_if_asked(void **state)
{
	struct nvsp_ndis_version version = { NVSP_NDIS_VERSION, 6, 30 };
	struct nvsp_ndis_config config = { NVSP_NDIS_CONFIG, 1514, 0, 0, 0 };
	const struct sent *answer;

	(void)state;
	reach("ws2022", AT_NEGOTIATED);
	answer = guest_send(0, &version, sizeof(version));
	assert_non_null(answer);
	assert_int_equal(answer->bytes, 0);
	guest_send_packet(0, VMBUS_PACKET_INBAND, 0, &config, sizeof(config));
	assert_int_equal(host.sent_count, 1);
	assert_int_equal(host.nic->seen, NIC_SEEN_NDIS_VERSION | NIC_SEEN_NDIS_CONFIG);
}

static void
the_mtu_counts_within_limits_and_is_1514_otherwise(void **state)
{
	static const struct {
		uint32_t asked, got;
	} rows[] = {
		{ 0, 1514 }, { 1294, 1514 }, { 1514, 1514 }, { 1515, 1515 }, { 4096, 4096 },
		{ 9014, 9014 }, { 9216, 9216 }, { 9217, 1514 }, { 0xffffffff, 1514 },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct sent *answer;

		reach("openvmm", AT_NEGOTIATED);
		guest_ndis_config(rows[i].asked, 0);
		assert_int_equal(host.nic->frame_max, rows[i].got);
		answer = guest_recv_buffer(RECV_GPADL);
		assert_int_equal(sent_u32(answer, 4), 256 + rows[i].got + 36);
	}
}

static void
the_receive_buffer_is_cut_as_the_profile_says(void **state)
{
	static const struct {
		const char *profile;
		uint32_t suballoc;
	} rows[] = {
		{ "ws2008", 1680 }, { "ws2008r2", 1744 }, { "ws2012", 1728 }, { "ws2012r2", 1856 },
		{ "ws2016", 1792 }, { "ws2019", 1696 }, { "ws2022", 2048 }, { "azure", 1824 },
		{ "openvmm", 1806 },
	};
	uint32_t bytes = RECV_PAGES * HV_PAGE_BYTES;

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct sent *answer;
		uint32_t count = bytes / rows[i].suballoc;

		reach(rows[i].profile, AT_CONFIGURED);
		answer = guest_recv_buffer(RECV_GPADL);
		assert_int_equal(sent_u32(answer, 0), NVSP_RECV_BUFFER_COMPLETE);
		assert_int_equal(sent_u32(answer, 1), NVSP_STATUS_SUCCESS);
		assert_int_equal(sent_u32(answer, 2), 1);
		assert_int_equal(sent_u32(answer, 3), 0);
		assert_int_equal(sent_u32(answer, 4), rows[i].suballoc);
		assert_int_equal(sent_u32(answer, 5), count);
		assert_int_equal(sent_u32(answer, 6), count * rows[i].suballoc);
		assert_int_equal(host.nic->recv_id, 0xcafe);
		assert_int_equal(host.nic->control_free_count, 16);
	}
}

static void
every_frame_and_its_headers_fit_a_suballocation(void **state)
{
	const struct vsp_profile *profile = NULL;
	unsigned int n = 0;

	(void)state;
	while ((profile = vsp_profile_next(profile)) != NULL) {
		reach(profile->name, AT_CONFIGURED);
		guest_recv_buffer(RECV_GPADL);
		/* header, checksum, VLAN, hash value and info, packet id */
		assert_true(profile->frame_offset >= 44 + 5 * 16);
		assert_true(profile->frame_offset % 4 == 0);
		assert_true(host.nic->suballoc_bytes >= profile->frame_offset + 1514);
		n++;
	}
	assert_int_equal(n, 9);
}

static void
an_old_host_can_describe_two_sections(void **state)
{
	struct config_nic config;
	const struct sent *answer;
	uint32_t large;

	(void)state;
	host_config(&config);
	config.two_sections = true;
	host_start_with(&config, "ws2008");
	guest_init(NVSP_VERSION_1);
	answer = guest_recv_buffer(RECV_GPADL);
	assert_int_equal(answer->bytes, 48);
	assert_int_equal(sent_u32(answer, 2), 2);
	large = sent_u32(answer, 6);
	assert_int_equal(large, sent_u32(answer, 4) * sent_u32(answer, 5));
	assert_int_equal(sent_u32(answer, 7), large);
	assert_int_equal(sent_u32(answer, 8), 128);
	assert_true(sent_u32(answer, 9) > 0);
	assert_int_equal(sent_u32(answer, 10), large + 128 * sent_u32(answer, 9));
	assert_true(sent_u32(answer, 10) <= RECV_PAGES * HV_PAGE_BYTES);
	assert_int_equal(host.nic->section_count, sent_u32(answer, 5));
}

static void
too_few_sections_are_accepted_and_then_nothing_is_answered(void **state)
{
	struct config_nic config;
	struct rndis_keepalive alive = { { RNDIS_KEEPALIVE, sizeof(alive) }, 1 };

	(void)state;
	host_config(&config);
	config.recv_sections = 1;
	host_start_with(&config, "openvmm");
	guest_init(NVSP_VERSION_61);
	guest_ndis_config(1514, 0);
	guest_ndis_version(6, 30);
	assert_int_equal(sent_u32(guest_recv_buffer(RECV_GPADL), 1), NVSP_STATUS_SUCCESS);
	guest_rndis_init();
	guest_rndis(&alive, sizeof(alive));
	assert_int_equal(sent_kinds(SENT_TRANSFER), 1);
	assert_no_violation();
}

static void
the_send_buffer_is_granted_or_refused_by_profile(void **state)
{
	static const struct {
		const char *profile;
		uint32_t status, section;
	} rows[] = {
		{ "ws2008", NVSP_STATUS_FAILURE, 0 }, { "ws2008r2", NVSP_STATUS_SUCCESS, 4096 },
		{ "ws2012", NVSP_STATUS_SUCCESS, 6144 }, { "ws2022", NVSP_STATUS_SUCCESS, 6144 },
		{ "openvmm", NVSP_STATUS_SUCCESS, 6144 },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct sent *answer;

		reach(rows[i].profile, AT_RECEIVING);
		answer = guest_send_buffer(SEND_GPADL);
		assert_int_equal(sent_u32(answer, 0), NVSP_SEND_BUFFER_COMPLETE);
		assert_int_equal(sent_u32(answer, 1), rows[i].status);
		assert_int_equal(sent_u32(answer, 2), rows[i].section);
		assert_int_equal(host.nic->send_sections,
			rows[i].section == 0 ? 0 : 64 * HV_PAGE_BYTES / rows[i].section);
		assert_int_equal(host.nic->state, NIC_READY);
		assert_no_violation();
	}
}

static void
rndis_works_without_a_send_buffer(void **state)
{
	(void)state;
	reach("ws2022", AT_RECEIVING);
	assert_int_equal(host.nic->state, NIC_NEGOTIATED);
	guest_rndis_init();
	assert_int_equal(host.nic->state, NIC_OPERATIONAL);
	assert_no_violation();
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

static const struct sent *
ask_subchannels(uint32_t operation, uint32_t count)
{
	struct nvsp_subchannel request = { NVSP_SUBCHANNEL, operation, count };

	return guest_send(0, &request, sizeof(request));
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

static void
sections_are_divided_when_ready_and_when_a_subchannel_opens(void **state)
{
	unsigned int before;

	(void)state;
	reach("ws2022", AT_RECEIVING);
	before = host.divided;
	guest_send_buffer(SEND_GPADL);
	assert_int_equal(host.divided, before + 1);
	guest_rndis_init();
	ask_subchannels(1, 1);
	host_open_subchannel(1);
	assert_int_equal(host.divided, before + 2);
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
		CASE(an_unknown_or_ragged_receive_buffer_silences_the_channel),
		CASE(an_unknown_or_ragged_send_buffer_silences_the_channel),
		CASE(a_message_newer_than_the_version_is_reported_and_ignored),
		CASE(versions_above_the_profiles_are_refused_until_one_fits),
		CASE(versions_that_never_existed_are_refused),
		CASE(init_complete_carries_the_old_version_field),
		CASE(host_messages_are_padded_by_version),
		CASE(ndis_messages_have_empty_completions_and_only_if_asked),
		CASE(the_mtu_counts_within_limits_and_is_1514_otherwise),
		CASE(the_receive_buffer_is_cut_as_the_profile_says),
		CASE(every_frame_and_its_headers_fit_a_suballocation),
		CASE(an_old_host_can_describe_two_sections),
		CASE(too_few_sections_are_accepted_and_then_nothing_is_answered),
		CASE(the_send_buffer_is_granted_or_refused_by_profile),
		CASE(rndis_works_without_a_send_buffer),
		CASE(revoking_a_buffer_ends_the_channel_without_a_violation),
		CASE(subchannels_are_answered_first_and_offered_then),
		CASE(the_table_is_sent_once_when_the_last_subchannel_is_open),
		CASE(the_table_lies_where_the_profile_says_or_at_40_on_older_hosts),
		CASE(asking_again_offers_only_what_is_new_and_sends_a_new_table),
		CASE(a_subchannel_request_that_cannot_be_granted_fails),
		CASE(subchannels_without_a_section_each_are_refused),
		CASE(azure_grants_fewer_than_it_announces),
		CASE(oid_query_ex_is_answered_as_not_supported),
		CASE(rndis_data_goes_to_transmit_and_completions_to_receive),
		CASE(a_completion_before_the_receive_buffer_silences_the_channel),
		CASE(a_new_open_of_the_primary_starts_all_over),
		CASE(sections_are_divided_when_ready_and_when_a_subchannel_opens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
