/* SPDX-License-Identifier: BSD-3-Clause */
/* The VF's association and the data path between it and the synthetic NIC. */

#include <errno.h>

#include "control_fixture.h"

static int
teardown(void **state)
{
	(void)state;
	host_stop();
	return 0;
}

/* A guest up to RNDIS INIT, which wants VFs or not. */
static void
guest_start(const char *profile, bool vf, uint32_t version, uint32_t caps)
{
	struct config_nic config;

	host_stop();
	host_config(&config);
	config.vf = vf;
	host_start_with(&config, profile);
	assert_int_equal(guest_init(version), NVSP_STATUS_SUCCESS);
	if (version > NVSP_VERSION_1)
		guest_ndis_config(1514, caps);
	guest_ndis_version(6, 30);
	guest_recv_buffer(RECV_GPADL);
	guest_send_buffer(SEND_GPADL);
	host_forget();
	guest_rndis_init();
}

static const struct sent *
switch_to(uint32_t path)
{
	struct nvsp_switch_data_path message = { NVSP_SWITCH_DATA_PATH, path };

	return guest_send(0, &message, sizeof(message));
}

static void
expect_association(const struct sent *sent, uint32_t allocated)
{
	assert_non_null(sent);
	assert_int_equal(sent_u32(sent, 0), NVSP_VF_ASSOCIATION);
	assert_int_equal(sent_u32(sent, 1), allocated);
	assert_int_equal(sent_u32(sent, 2), host.nic->vf_serial);
	assert_true(host.nic->vf_serial != 0);
	assert_int_equal(sent->transaction_id, 0x8000000000000000ull);
	assert_true(sent->want_completion);
}

static void
a_vf_is_announced_right_after_init(void **state)
{
	(void)state;
	guest_start("openvmm", true, NVSP_VERSION_61, NVSP_CONFIG_CAP_SRIOV);
	assert_int_equal(host.sent_count, 3);
	assert_int_equal(host.sent[1].kind, SENT_TRANSFER);
	assert_int_equal(host.sent[2].kind, SENT_MESSAGE);
	expect_association(&host.sent[2], 1);
	assert_int_equal(host.sent[2].bytes, 40);
}

static void
guests_that_know_no_vf_hear_of_none(void **state)
{
	static const struct {
		const char *profile;
		uint32_t version, caps;
		bool vf;
	} rows[] = {
		{ "ws2022", NVSP_VERSION_61, NVSP_CONFIG_CAP_SRIOV, false },
		{ "ws2022", NVSP_VERSION_61, NVSP_CONFIG_CAP_8021Q, true },
		{ "ws2022", NVSP_VERSION_2, NVSP_CONFIG_CAP_SRIOV, true },
		{ "ws2008r2", NVSP_VERSION_2, NVSP_CONFIG_CAP_SRIOV, true },
		{ "ws2008", NVSP_VERSION_1, 0, true },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		guest_start(rows[i].profile, rows[i].vf, rows[i].version, rows[i].caps);
		assert_int_equal(sent_kinds(SENT_MESSAGE), 0);
	}
}

static void
a_guest_switches_to_the_vf_and_back(void **state)
{
	const struct sent *completion;

	(void)state;
	guest_start("ws2022", true, NVSP_VERSION_61, NVSP_CONFIG_CAP_SRIOV);
	completion = switch_to(NVSP_DATA_PATH_VF);
	assert_non_null(completion);
	assert_int_equal(completion->bytes, 0);
	assert_int_equal(host.nic->data_path, NVSP_DATA_PATH_VF);
	completion = switch_to(NVSP_DATA_PATH_SYNTHETIC);
	assert_int_equal(completion->bytes, 0);
	assert_int_equal(host.nic->data_path, NVSP_DATA_PATH_SYNTHETIC);
	assert_no_violation();
}

static void
a_switch_in_the_wrong_state_is_completed_but_not_done(void **state)
{
	(void)state;
	guest_start("ws2022", false, NVSP_VERSION_61, NVSP_CONFIG_CAP_SRIOV);
	assert_int_equal(switch_to(NVSP_DATA_PATH_VF)->bytes, 0);
	assert_int_equal(host.nic->data_path, NVSP_DATA_PATH_SYNTHETIC);
	guest_start("ws2022", true, NVSP_VERSION_61, NVSP_CONFIG_CAP_SRIOV);
	assert_int_equal(switch_to(2)->bytes, 0);
	assert_int_equal(host.nic->data_path, NVSP_DATA_PATH_SYNTHETIC);
	assert_no_violation();
}

static void
frames_to_the_guest_go_to_the_vf_while_it_has_the_data_path(void **state)
{
	struct frame frames[3] = { { 0 } };
	struct sw_port *port;

	(void)state;
	guest_start("ws2022", true, NVSP_VERSION_61, NVSP_CONFIG_CAP_SRIOV);
	port = vsp_nic_port(host.nic);
	port->ops->output(port, frames, 3);
	assert_int_equal(host.rx_frames, 3);
	assert_int_equal(port->ops->room(port), 7);
	switch_to(NVSP_DATA_PATH_VF);
	port->ops->output(port, frames, 2);
	assert_int_equal(host.rx_frames, 3);
	assert_int_equal(host.nic->vf_rx_frames, 2);
	assert_true(port->ops->room(port) > 1000);
	switch_to(NVSP_DATA_PATH_SYNTHETIC);
	port->ops->output(port, frames, 1);
	assert_int_equal(host.rx_frames, 4);
}

static void
a_vf_that_comes_later_is_announced_then(void **state)
{
	(void)state;
	guest_start("azure", false, NVSP_VERSION_61, NVSP_CONFIG_CAP_SRIOV);
	host_forget();
	assert_int_equal(vsp_nic_vf_offer(host.nic), 0);
	expect_association(sent_nth(SENT_MESSAGE, 0), 1);
	assert_int_equal(vsp_nic_vf_offer(host.nic), -EALREADY);
	assert_int_equal(host.sent_count, 1);
}

static void
a_vf_that_goes_gives_the_data_path_back_first(void **state)
{
	uint32_t serial;

	(void)state;
	guest_start("azure", true, NVSP_VERSION_61, NVSP_CONFIG_CAP_SRIOV);
	serial = host.nic->vf_serial;
	switch_to(NVSP_DATA_PATH_VF);
	host_forget();
	assert_int_equal(vsp_nic_vf_revoke(host.nic), 0);
	assert_int_equal(host.sent_count, 2);
	assert_int_equal(sent_u32(&host.sent[0], 0), NVSP_SWITCH_DATA_PATH);
	assert_int_equal(sent_u32(&host.sent[0], 1), NVSP_DATA_PATH_SYNTHETIC);
	assert_int_equal(host.sent[0].bytes, 8);
	assert_int_equal(host.sent[0].transaction_id, 0x8000000000000001ull);
	assert_true(host.sent[0].want_completion);
	expect_association(&host.sent[1], 0);
	assert_int_equal(host.nic->vf_serial, serial);
	assert_int_equal(host.nic->data_path, NVSP_DATA_PATH_SYNTHETIC);
	/* The guest's answer to that changes nothing. */
	assert_int_equal(switch_to(NVSP_DATA_PATH_SYNTHETIC)->bytes, 0);
	assert_int_equal(vsp_nic_vf_revoke(host.nic), -ENOENT);
	host_forget();
	assert_int_equal(vsp_nic_vf_offer(host.nic), 0);
	expect_association(sent_nth(SENT_MESSAGE, 0), 1);
}

static void
a_vf_that_was_not_in_use_goes_without_a_switch(void **state)
{
	(void)state;
	guest_start("azure", true, NVSP_VERSION_61, NVSP_CONFIG_CAP_SRIOV);
	host_forget();
	assert_int_equal(vsp_nic_vf_revoke(host.nic), 0);
	assert_int_equal(host.sent_count, 1);
	expect_association(&host.sent[0], 0);
}

static void
the_guest_may_complete_the_two_messages(void **state)
{
	struct host_packet packet = { .type = VMBUS_PACKET_COMPLETION };

	(void)state;
	guest_start("azure", true, NVSP_VERSION_61, NVSP_CONFIG_CAP_SRIOV);
	packet.transaction_id = NVSP_TID_VF_ASSOCIATION;
	nvsp_handle(&host.nic->channel[0], &packet);
	packet.transaction_id = NVSP_TID_SWITCH_DATA_PATH;
	nvsp_handle(&host.nic->channel[0], &packet);
	assert_int_equal(host.rx_completed, 0);
	assert_no_violation();
	/* Elsewhere those ids mean nothing. */
	host_open_subchannel(1);
	nvsp_handle(&host.nic->channel[1], &packet);
	assert_int_equal(host.rx_completed, 1);
}

static void
a_vf_survives_a_close_and_is_announced_again(void **state)
{
	uint32_t serial;

	(void)state;
	guest_start("ws2022", true, NVSP_VERSION_61, NVSP_CONFIG_CAP_SRIOV);
	serial = host.nic->vf_serial;
	switch_to(NVSP_DATA_PATH_VF);
	host_reopen();
	assert_int_equal(host.nic->data_path, NVSP_DATA_PATH_SYNTHETIC);
	host_forget();
	guest_operational();
	assert_true(host.nic->vf_announced);
	assert_int_equal(host.nic->vf_serial, serial);
	assert_int_equal(switch_to(NVSP_DATA_PATH_VF)->bytes, 0);
	assert_int_equal(host.nic->data_path, NVSP_DATA_PATH_VF);
}

static void
openvmm_keeps_the_data_path_over_a_close(void **state)
{
	(void)state;
	guest_start("openvmm", true, NVSP_VERSION_61, NVSP_CONFIG_CAP_SRIOV);
	switch_to(NVSP_DATA_PATH_VF);
	host_reopen();
	guest_operational();
	assert_int_equal(host.nic->data_path, NVSP_DATA_PATH_VF);
	switch_to(NVSP_DATA_PATH_SYNTHETIC);
	assert_int_equal(host.nic->data_path, NVSP_DATA_PATH_SYNTHETIC);
}

static void
hosts_without_sr_iov_have_no_vf(void **state)
{
	(void)state;
	guest_start("ws2008r2", true, NVSP_VERSION_2, NVSP_CONFIG_CAP_SRIOV);
	assert_false(host.nic->vf_present);
	assert_int_equal(vsp_nic_vf_offer(host.nic), -ENOTSUP);
	assert_int_equal(vsp_nic_vf_revoke(host.nic), -ENOTSUP);
}

static void
a_vf_offered_to_nobody_is_kept(void **state)
{
	(void)state;
	host_start("ws2022");
	assert_int_equal(vsp_nic_vf_offer(host.nic), -ENOTCONN);
	guest_operational();
	assert_true(host.nic->vf_announced);
}

#define CASE(name) cmocka_unit_test_teardown(name, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_vf_is_announced_right_after_init),
		CASE(guests_that_know_no_vf_hear_of_none),
		CASE(a_guest_switches_to_the_vf_and_back),
		CASE(a_switch_in_the_wrong_state_is_completed_but_not_done),
		CASE(frames_to_the_guest_go_to_the_vf_while_it_has_the_data_path),
		CASE(a_vf_that_comes_later_is_announced_then),
		CASE(a_vf_that_goes_gives_the_data_path_back_first),
		CASE(a_vf_that_was_not_in_use_goes_without_a_switch),
		CASE(the_guest_may_complete_the_two_messages),
		CASE(a_vf_survives_a_close_and_is_announced_again),
		CASE(openvmm_keeps_the_data_path_over_a_close),
		CASE(hosts_without_sr_iov_have_no_vf),
		CASE(a_vf_offered_to_nobody_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
