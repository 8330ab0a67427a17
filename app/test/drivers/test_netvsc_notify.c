/* SPDX-License-Identifier: BSD-3-Clause */

/* What the host says by itself, and how the application hears of it. */

#include "fake_host.h"

#include <string.h>

#include "netvsc_event.h"
#include "netvsc_link.h"
#include "netvsc_ndis.h"
#include "netvsc_poll.h"

static struct fake_host *
open_host(void)
{
	struct fake_host *host = fake_host_start(true);
	struct rte_eth_link link;

	assert_int_equal(netvsc_link_open(&host->dev, &host->vmbus, 1), 0);
	link = netvsc_event_link(&host->dev);
	rte_eth_linkstatus_set(&rte_eth_devices[0], &link);
	return host;
}

static void
close_host(struct fake_host *host)
{
	netvsc_link_close(&host->dev, &host->vmbus);
	assert_int_equal(host->errors, 0);
	netvsc_event_cancel(&host->dev);
	fake_host_stop();
}

/* Conformance: 52. */
static void
link_down_and_up_reach_the_application_outside_the_poll(void **state)
{
	struct fake_host *host = open_host();
	struct rte_eth_link link = netvsc_event_link(&host->dev);

	(void)state;
	assert_int_equal(link.link_status, RTE_ETH_LINK_UP);
	assert_int_equal(link.link_speed, 10000);
	assert_int_equal(link.link_autoneg, RTE_ETH_LINK_FIXED);
	fake_host_indicate(NDIS_STATUS_MEDIA_DISCONNECT, NULL, 0);
	netvsc_poll_control(&host->dev);
	assert_int_equal(host->dev.xact.notified.status_count, 1);
	assert_int_equal(host->callbacks, 0);
	assert_true(fake_alarm_run());
	assert_int_equal(host->callbacks, 1);
	assert_int_equal(host->callback_status[0], RTE_ETH_LINK_DOWN);
	fake_host_indicate(NDIS_STATUS_MEDIA_CONNECT, NULL, 0);
	netvsc_poll_control(&host->dev);
	assert_true(fake_alarm_run());
	assert_int_equal(host->callbacks, 2);
	assert_int_equal(host->callback_status[1], RTE_ETH_LINK_UP);
	close_host(host);
}

static void
the_same_state_told_again_is_no_event(void **state)
{
	struct fake_host *host = open_host();

	(void)state;
	fake_host_indicate(NDIS_STATUS_MEDIA_CONNECT, NULL, 0);
	netvsc_poll_control(&host->dev);
	assert_false(fake_alarm_run());
	close_host(host);
}

static void
what_the_host_told_is_truer_than_its_answer_to_a_query(void **state)
{
	struct fake_host *host = open_host();

	(void)state;
	fake_host_indicate(NDIS_STATUS_MEDIA_DISCONNECT, NULL, 0);
	netvsc_poll_control(&host->dev);
	assert_int_equal(netvsc_ndis_query_link(&host->dev), 0);        /* "connected" */
	assert_false(host->dev.host.link_up);
	close_host(host);
}

static void
down_and_up_before_anybody_looked_is_still_two_events(void **state)
{
	struct fake_host *host = open_host();

	(void)state;
	fake_host_indicate(NDIS_STATUS_MEDIA_DISCONNECT, NULL, 0);
	fake_host_indicate(NDIS_STATUS_MEDIA_CONNECT, NULL, 0);
	netvsc_poll_control(&host->dev);
	assert_true(fake_alarm_run());
	assert_false(fake_alarm_run());
	assert_int_equal(host->callbacks, 2);
	assert_int_equal(host->callback_status[0], RTE_ETH_LINK_DOWN);
	assert_int_equal(host->callback_status[1], RTE_ETH_LINK_UP);
	close_host(host);
}

static void
another_network_is_link_down_then_up(void **state)
{
	struct fake_host *host = open_host();

	(void)state;
	fake_host_indicate(NDIS_STATUS_NETWORK_CHANGE, NULL, 0);
	netvsc_poll_control(&host->dev);
	assert_true(fake_alarm_run());
	assert_int_equal(host->callbacks, 2);
	assert_int_equal(host->callback_status[0], RTE_ETH_LINK_DOWN);
	assert_int_equal(host->callback_status[1], RTE_ETH_LINK_UP);
	close_host(host);
}

/* Conformance: 52. */
static void
a_speed_change_alone_is_an_event_and_seen(void **state)
{
	const uint32_t speed_100bps = 400000000;        /* 40 Gbit/s */
	struct fake_host *host = open_host();

	(void)state;
	fake_host_indicate(NDIS_STATUS_LINK_SPEED_CHANGE, &speed_100bps, sizeof(speed_100bps));
	netvsc_poll_control(&host->dev);
	assert_true(fake_alarm_run());
	assert_int_equal(host->callbacks, 1);
	assert_int_equal(netvsc_event_link(&host->dev).link_speed, 40000);
	assert_int_equal(rte_eth_devices[0].data->dev_link.link_speed, 40000);
	close_host(host);
}

static void
no_callback_without_the_interest_of_the_application(void **state)
{
	struct fake_host *host = open_host();

	(void)state;
	rte_eth_devices[0].data->dev_conf.intr_conf.lsc = 0;
	fake_host_indicate(NDIS_STATUS_MEDIA_DISCONNECT, NULL, 0);
	netvsc_poll_control(&host->dev);
	assert_true(fake_alarm_run());
	assert_int_equal(host->callbacks, 0);
	assert_int_equal(rte_eth_devices[0].data->dev_link.link_status, RTE_ETH_LINK_DOWN);
	close_host(host);
}

static void
the_offload_configuration_is_remembered(void **state)
{
	struct fake_host *host = open_host();
	const struct ndis_offload offload = {
		.header = { NDIS_OBJECT_OFFLOAD, 3, NDIS_OFFLOAD_BYTES_REV3 },
		.tx_ipv4 = { 2, 0x155 },
	};

	(void)state;
	fake_host_indicate(NDIS_STATUS_OFFLOAD_CONFIG, &offload, sizeof(offload));
	netvsc_poll_control(&host->dev);
	assert_int_equal(host->dev.xact.notified.offload.tx_ipv4.flags, 0x155);
	assert_true(fake_alarm_run());
	close_host(host);
}

/* ---- malformed ---- */

static const struct {
	const char *what;
	uint32_t words[6];
	uint32_t bytes;
} bad_indications[] = {
	{ "a header only", { 7, 8 }, 8 },
	{ "19 bytes", { 7, 19, 0x4001000C, 0, 0 }, 19 },
	{ "longer than it is", { 7, 21, 0x4001000C, 0, 0 }, 20 },
	{ "shorter than it may be", { 7, 19, 0x4001000C, 0, 0 }, 20 },
	{ "a buffer behind its end", { 7, 24, 0x40010013, 8, 12, 1 }, 24 },
	{ "a buffer inside the header", { 7, 24, 0x40010013, 4, 11, 1 }, 24 },
	{ "an offset that wraps", { 7, 24, 0x40010013, 8, 0xfffffffc, 1 }, 24 },
	{ "a speed of three bytes", { 7, 24, 0x40010013, 3, 12, 1 }, 24 },
	{ "a speed of none", { 7, 20, 0x40010013, 0, 0 }, 20 },
	{ "offloads of four bytes", { 7, 24, 0x40020006, 4, 12, 0x009c03a7 }, 24 },
};

static void
malformed_indications_are_counted_and_change_nothing(void **state)
{
	struct fake_host *host = open_host();

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(bad_indications); i++) {
		fake_host_rndis(bad_indications[i].words, bad_indications[i].bytes);
		netvsc_poll_control(&host->dev);
		if (host->dev.xact.notified.malformed != i + 1)
			fail_msg("%s", bad_indications[i].what);
		assert_false(fake_alarm_run());
	}
	assert_true(host->dev.host.link_up);
	assert_true(host->dev.host.link_bps == 10000000000ull);
	assert_int_equal(host->acks_owed, 0);
	close_host(host);
}

static const struct {
	const char *what;
	uint32_t words[20];
	uint32_t bytes;
} bad_inband[] = {
	{ "nothing", { 0 }, 0 },
	{ "association, cut off", { NVSP_VF_ASSOCIATION, 1 }, 8 },
	{ "data path, cut off", { NVSP_SWITCH_DATA_PATH }, 4 },
	{ "data path, neither", { NVSP_SWITCH_DATA_PATH, 2 }, 8 },
	{ "table, cut off", { NVSP_INDIRECTION_TABLE, 1 }, 8 },
	{ "table of no entries", { NVSP_INDIRECTION_TABLE, 0, 12, 0 }, 16 },
	{ "table of 17", { NVSP_INDIRECTION_TABLE, 17, 12, 0 }, 80 },
	{ "table of 2^32-1", { NVSP_INDIRECTION_TABLE, ~0u, 12, 0 }, 16 },
	{ "table behind the message", { NVSP_INDIRECTION_TABLE, 2, 16, 0 }, 16 },
	{ "table at an offset that wraps", { NVSP_INDIRECTION_TABLE, 2, 0xfffffffc, 0 }, 16 },
	{ "table inside the header", { NVSP_INDIRECTION_TABLE, 1, 8, 0 }, 16 },
};

static void
malformed_inband_messages_are_counted_and_change_nothing(void **state)
{
	struct fake_host *host = open_host();
	const struct netvsc_notified *notified = &host->dev.xact.notified;

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(bad_inband); i++) {
		/* Handed over as the poll does: packets are padded, this is not. */
		netvsc_xact_inband(&host->dev, bad_inband[i].words, bad_inband[i].bytes, 0);
		if (notified->malformed != i + 1)
			fail_msg("%s", bad_inband[i].what);
	}
	assert_int_equal(notified->vf_allocated, 0);
	assert_int_equal(notified->indirection_count, 0);
	close_host(host);
}

static void
an_old_hosts_table_is_found_where_it_is(void **state)
{
	struct fake_host *host = open_host();
	const struct netvsc_notified *notified = &host->dev.xact.notified;
	uint32_t message[26] = { NVSP_INDIRECTION_TABLE, NVSP_INDIRECTION_ENTRIES, 12 };

	(void)state;
	for (uint32_t i = 3; i < 10; i++)
		message[i] = 9;
	for (uint32_t i = 0; i < NVSP_INDIRECTION_ENTRIES; i++)
		message[10 + i] = i % 3;
	/* Version 5 says 12, and the table is at 40: if it fits there. */
	host->dev.host.nvsp = NVSP_VERSION_5;
	netvsc_xact_inband(&host->dev, message, sizeof(message), 0);
	assert_int_equal(notified->indirection[4], 1);
	/* A message too short for that has it where it says. */
	netvsc_xact_inband(&host->dev, message, 80, 0);
	assert_int_equal(notified->indirection[0], 9);
	/* So has a newer host. */
	host->dev.host.nvsp = NVSP_VERSION_61;
	message[3] = 8;
	netvsc_xact_inband(&host->dev, message, sizeof(message), 0);
	assert_int_equal(notified->indirection[0], 8);
	/* A channel that cannot be is the main one. */
	message[3] = NETVSC_QUEUES_MAX;
	netvsc_xact_inband(&host->dev, message, sizeof(message), 0);
	assert_int_equal(notified->indirection[0], 0);
	close_host(host);
}

/* No message of the protocol is so long. */
static void
a_message_is_read_as_far_as_its_256th_byte(void **state)
{
	static const uint32_t offsets[] = { 252, 253 };
	struct fake_host *host = open_host();
	const struct netvsc_notified *notified = &host->dev.xact.notified;
	uint32_t message[68] = { NVSP_INDIRECTION_TABLE, 1 };

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(offsets); i++) {
		message[2] = offsets[i];
		fake_host_inband(message, sizeof(message));
		netvsc_poll_control(&host->dev);
		assert_int_equal(notified->indirection_count, 1);
		assert_int_equal(notified->malformed, i);
	}
	close_host(host);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(link_down_and_up_reach_the_application_outside_the_poll),
		cmocka_unit_test(the_same_state_told_again_is_no_event),
		cmocka_unit_test(what_the_host_told_is_truer_than_its_answer_to_a_query),
		cmocka_unit_test(down_and_up_before_anybody_looked_is_still_two_events),
		cmocka_unit_test(another_network_is_link_down_then_up),
		cmocka_unit_test(a_speed_change_alone_is_an_event_and_seen),
		cmocka_unit_test(no_callback_without_the_interest_of_the_application),
		cmocka_unit_test(the_offload_configuration_is_remembered),
		cmocka_unit_test(malformed_indications_are_counted_and_change_nothing),
		cmocka_unit_test(malformed_inband_messages_are_counted_and_change_nothing),
		cmocka_unit_test(an_old_hosts_table_is_found_where_it_is),
		cmocka_unit_test(a_message_is_read_as_far_as_its_256th_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
