/* SPDX-License-Identifier: BSD-3-Clause */
/* The start of the conversation: versions, MTU, receive and send buffer. */

#include "control_fixture.h"

static int
teardown(void **state)
{
	(void)state;
	host_stop();
	return 0;
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
	assert_int_equal(answer->bytes, 40);
	assert_int_equal(sent_u32(answer, 1), 0xffffffff);
}

static void
host_messages_are_padded_by_version_and_host(void **state)
{
	static const struct {
		const char *profile;
		uint32_t version, bytes;
	} rows[] = {
		{ "ws2008", NVSP_VERSION_1, 32 }, { "ws2008r2", NVSP_VERSION_2, 32 },
		{ "ws2012", NVSP_VERSION_4, 32 }, { "ws2012r2", NVSP_VERSION_4, 40 },
		{ "ws2012r2", NVSP_VERSION_5, 40 }, { "ws2016", NVSP_VERSION_6, 40 },
		{ "ws2019", NVSP_VERSION_6, 32 }, { "ws2019", NVSP_VERSION_61, 40 },
		{ "openvmm", NVSP_VERSION_1, 32 }, { "openvmm", NVSP_VERSION_6, 32 },
		{ "openvmm", NVSP_VERSION_61, 40 },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		reach(rows[i].profile, AT_START);
		guest_init(rows[i].version);
		if (rows[i].version > NVSP_VERSION_1)
			guest_ndis_config(1514, 0);
		assert_int_equal(guest_recv_buffer(RECV_GPADL)->bytes, rows[i].bytes);
	}
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
		const char *profile;
		uint32_t asked, got;
	} rows[] = {
		{ "openvmm", 0, 1514 }, { "openvmm", 1294, 1514 }, { "openvmm", 1514, 1514 },
		{ "openvmm", 1515, 1515 }, { "openvmm", 4096, 4096 }, { "openvmm", 9014, 9014 },
		{ "openvmm", 9216, 9216 }, { "openvmm", 9217, 1514 },
		{ "openvmm", 0xffffffff, 1514 }, { "ws2022", 9230, 9230 }, { "ws2022", 9231, 1514 },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		reach(rows[i].profile, AT_NEGOTIATED);
		guest_ndis_config(rows[i].asked, 0);
		assert_int_equal(host.nic->frame_max, rows[i].got);
		assert_in_range(sent_u32(guest_recv_buffer(RECV_GPADL), 4), 256 + rows[i].got + 36,
			256 + rows[i].got + 36 + 255);
	}
}

static void
the_configuration_may_allow_less(void **state)
{
	struct config_nic config;

	(void)state;
	host_config(&config);
	config.mtu_max = 4014;
	host_start_with(&config, "ws2022");
	guest_init(NVSP_VERSION_61);
	guest_ndis_config(4015, 0);
	assert_int_equal(host.nic->frame_max, 1514);
	host_reopen();
	guest_init(NVSP_VERSION_61);
	guest_ndis_config(4014, 0);
	assert_int_equal(host.nic->frame_max, 4014);
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
		CASE(versions_above_the_profiles_are_refused_until_one_fits),
		CASE(versions_that_never_existed_are_refused),
		CASE(init_complete_carries_the_old_version_field),
		CASE(host_messages_are_padded_by_version_and_host),
		CASE(ndis_messages_have_empty_completions_and_only_if_asked),
		CASE(the_mtu_counts_within_limits_and_is_1514_otherwise),
		CASE(the_configuration_may_allow_less),
		CASE(an_unknown_or_ragged_receive_buffer_silences_the_channel),
		CASE(an_unknown_or_ragged_send_buffer_silences_the_channel),
		CASE(the_receive_buffer_is_cut_as_the_profile_says),
		CASE(every_frame_and_its_headers_fit_a_suballocation),
		CASE(an_old_host_can_describe_two_sections),
		CASE(too_few_sections_are_accepted_and_then_nothing_is_answered),
		CASE(the_send_buffer_is_granted_or_refused_by_profile),
		CASE(rndis_works_without_a_send_buffer),
		CASE(sections_are_divided_when_ready_and_when_a_subchannel_opens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
