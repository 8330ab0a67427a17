/* SPDX-License-Identifier: BSD-3-Clause */

/* The life of the link to the host: channels, detach, reopen. */

#include "fake_host.h"

#include <errno.h>
#include <string.h>

#include "netvsc_event.h"
#include "netvsc_link.h"
#include "netvsc_ndis.h"
#include "netvsc_nvsp.h"
#include "netvsc_offload.h"
#include "netvsc_rss.h"

#define QUERY_INFO 24u

static int
open_link(struct fake_host *host, unsigned int queues)
{
	return netvsc_link_open(&host->dev, &host->vmbus, queues);
}

static void
close_link(struct fake_host *host)
{
	netvsc_link_close(&host->dev, &host->vmbus);
	assert_int_equal(host->errors, 0);
	fake_host_stop();
}

/* ---- channels ---- */

/* The signal that asks for subchannels would be an oops on some kernels. */
static void
without_a_monitor_there_is_one_queue_unless_more_are_asked_for(void **state)
{
	(void)state;
	for (unsigned int asked = 0; asked < 2; asked++) {
		struct fake_host *host = fake_host_start(true);

		host->set.no_monitor = true;
		host->dev.args.hypercall_queues = asked == 1;
		assert_int_equal(open_link(host, 4), 0);
		assert_int_equal(host->dev.channel_count, asked == 1 ? 4 : 1);
		assert_int_equal(host->dev.host.queues > 1, asked == 1);
		close_link(host);
	}
}

static void
channels_that_were_not_granted_are_not_used(void **state)
{
	struct fake_host *host = fake_host_start(true);

	(void)state;
	host->set.subchannels_granted = 2;
	host->set.subchannels_lingering = 2;
	assert_int_equal(open_link(host, 8), 0);
	assert_int_equal(host->dev.channel_count, 3);
	close_link(host);
}

static void
fewer_subchannels_than_asked_for_are_fewer_queues(void **state)
{
	struct fake_host *host = fake_host_start(true);

	(void)state;
	host->set.subchannels_granted = 2;
	assert_int_equal(open_link(host, 8), 0);
	assert_int_equal(host->dev.channel_count, 3);
	for (unsigned int i = 0; i < 3; i++)
		assert_non_null(host->dev.channel[i]->backlog.ranges);
	close_link(host);
}

/* ---- detach ---- */

/* Conformance: 46. */
static void
detach_mirrors_attach(void **state)
{
	static const uint32_t order[] = {
		OID_GEN_CURRENT_PACKET_FILTER, RNDIS_HALT, NVSP_REVOKE_RECV_BUFFER,
		NVSP_REVOKE_SEND_BUFFER, 0,
	};
	struct fake_host *host = fake_host_start(true);

	(void)state;
	assert_int_equal(open_link(host, 1), 0);
	assert_int_equal(netvsc_ndis_set_receiving(&host->dev, true), 0);
	host->log_count = 0;
	netvsc_link_close(&host->dev, &host->vmbus);
	assert_true(fake_host_heard(order));
	assert_int_equal(host->filter, 0);
	fake_host_stop();
}

/* Conformance: 46. */
static void
detach_undoes_only_what_attach_got_done(void **state)
{
	struct fake_host *host = fake_host_start(true);

	(void)state;
	host->set.spoil = (struct fake_spoil){ NVSP_SEND_BUFFER, 0, 0, -1 };
	assert_int_equal(open_link(host, 1), -EPROTO);
	for (unsigned int i = 0; i < host->log_count; i++) {
		assert_int_not_equal(host->log[i], RNDIS_HALT);
		assert_int_not_equal(host->log[i], NVSP_REVOKE_SEND_BUFFER);
	}
	assert_int_equal(host->log[host->log_count - 1], NVSP_REVOKE_RECV_BUFFER);
	fake_host_stop();
}

/* Conformance: 25. */
static void
closing_a_port_whose_host_is_silent_or_gone_takes_bounded_time(void **state)
{
	struct fake_host *host = fake_host_start(true);
	uint64_t before;

	(void)state;
	assert_int_equal(open_link(host, 1), 0);
	host->set.silent = FAKE_RNDIS_TAKEN;
	before = netvsc_xact_clock_ms();
	netvsc_link_close(&host->dev, &host->vmbus);
	assert_true(netvsc_xact_clock_ms() - before < 2000);
	fake_host_stop();

	host = fake_host_start(true);
	assert_int_equal(open_link(host, 1), 0);
	host->dev.xact.wait_ms = NETVSC_REPLY_WAIT_MS;
	host->shared.gone = 1;
	before = netvsc_xact_clock_ms();
	netvsc_link_close(&host->dev, &host->vmbus);
	assert_true(netvsc_xact_clock_ms() - before < 2000);
	assert_int_equal(host->dev.xact.wait_ms, NETVSC_REPLY_WAIT_MS);
	fake_host_stop();
}

/* ---- reopen ---- */

static void
set_everything(struct fake_host *host)
{
	static const struct rte_ether_addr group = { { 0x01, 0, 0x5e, 1, 2, 3 } };
	static const struct rte_ether_addr mac = { { 0x02, 0, 0, 1, 2, 3 } };
	struct netvsc_device *dev = &host->dev;
	struct netvsc_rss rss;

	netvsc_rss_default(dev, dev->channel_count, RTE_ETH_RSS_NONFRAG_IPV4_TCP, &rss);
	assert_int_equal(netvsc_rss_set(dev, &rss), 0);
	assert_int_equal(netvsc_offload_set(dev, RTE_ETH_TX_OFFLOAD_TCP_CKSUM,
		RTE_ETH_RX_OFFLOAD_TCP_CKSUM), 0);
	assert_int_equal(netvsc_ndis_set_multicast(dev, &group, 1), 0);
	assert_int_equal(netvsc_ndis_set_mac(dev, &mac), 0);
	assert_int_equal(netvsc_ndis_set_receiving(dev, true), 0);
}

static void
reopen_restores_every_setting(void **state)
{
	struct fake_host *host = fake_host_start(true);

	(void)state;
	assert_int_equal(open_link(host, 2), 0);
	vmbus_device_watch(&host->vmbus, vmbus_device_close);
	set_everything(host);
	host->rss_enables = 0;
	memset(&host->offload_parameters, 0, sizeof(host->offload_parameters));
	host->config_bytes = 0;
	host->multicast_bytes = 0;
	memset(host->multicast, 0, sizeof(host->multicast));
	host->dev.channel[0]->backlog.transfer_head = 5;
	assert_int_equal(netvsc_link_reopen(&host->dev, &host->vmbus, 9000, 4), 0);
	assert_int_equal(host->dev.channel[0]->backlog.transfer_head, 0);
	assert_int_equal(host->opens, 2);
	assert_int_equal(host->mtu_frame, 9014);
	assert_int_equal(host->dev.mtu, 9000);
	assert_int_equal(host->dev.channel_count, 4);
	assert_int_equal(host->rss_enables, 1);
	assert_int_equal(host->offload_parameters.tcp_ipv4_csum, NDIS_OFFLOAD_CSUM_TX_RX);
	assert_int_equal(host->multicast_bytes, 6);
	assert_memory_equal(host->multicast, "\x01\0\x5e\1\2\3", 6);
	assert_true(host->config_bytes > 0);
	assert_int_equal(host->filter, NDIS_FILTER_DIRECTED | NDIS_FILTER_BROADCAST |
		NDIS_FILTER_MULTICAST);
	assert_true(host->watched);
	close_link(host);
}

/* Conformance: 51. */
static void
an_mtu_that_the_host_clamps_is_refused_and_the_old_one_restored(void **state)
{
	struct fake_host *host = fake_host_start(true);

	(void)state;
	assert_int_equal(open_link(host, 2), 0);
	set_everything(host);
	assert_int_equal(netvsc_link_reopen(&host->dev, &host->vmbus, 9500, 2), -EINVAL);
	assert_int_equal(host->dev.mtu, 1500);
	assert_int_equal(host->dev.host.mtu, 1500);
	assert_int_equal(host->dev.channel_count, 2);
	assert_int_not_equal(host->filter, 0);
	assert_int_equal(netvsc_xact_alive(&host->dev), 0);
	close_link(host);
}

/* Conformance: 45. */
static void
a_host_may_be_older_after_a_reopen(void **state)
{
	struct fake_host *host = fake_host_start(true);

	(void)state;
	assert_int_equal(open_link(host, 4), 0);
	set_everything(host);
	host->set.nvsp_max = NVSP_VERSION_4;
	host->set.offload_revision = 2;
	assert_int_equal(netvsc_link_reopen(&host->dev, &host->vmbus, 1500, 4), 0);
	assert_int_equal(host->dev.host.nvsp, NVSP_VERSION_4);
	assert_int_equal(host->dev.channel_count, 1);
	assert_int_equal(host->dev.rss.hf, 0);
	assert_int_equal(host->offload_bytes, NDIS_OFFLOAD_PARAMETERS_BYTES_REV2);
	close_link(host);
}

static void
a_reopen_that_fails_both_ways_leaves_a_closed_port_that_can_be_reopened(void **state)
{
	struct fake_host *host = fake_host_start(true);

	(void)state;
	assert_int_equal(open_link(host, 1), 0);
	host->set.spoil = (struct fake_spoil){ NVSP_RECV_BUFFER, 4, 2, 0 };
	assert_int_equal(netvsc_link_reopen(&host->dev, &host->vmbus, 9000, 1), -EIO);
	assert_null(host->vmbus.shared);
	assert_int_equal(netvsc_xact_alive(&host->dev), -ENODEV);
	assert_int_equal(netvsc_ndis_set_promiscuous(&host->dev, true), 0);
	host->set.spoil.answer = FAKE_NONE;
	assert_int_equal(netvsc_link_reopen(&host->dev, &host->vmbus, 1500, 1), 0);
	close_link(host);
}

/* Conformance: 25. */
static void
nothing_of_the_life_before_is_taken_for_an_answer_after_a_reopen(void **state)
{
	const struct nvsp_rndis_complete failure = { NVSP_RNDIS_COMPLETE, NVSP_STATUS_FAILURE };
	struct fake_host *host = fake_host_start(true);
	uint64_t old;

	(void)state;
	assert_int_equal(open_link(host, 1), 0);
	old = host->dev.xact.transaction_id;
	assert_int_equal(netvsc_link_reopen(&host->dev, &host->vmbus, 1500, 1), 0);
	assert_int_not_equal(NETVSC_TID_EPOCH(old), NETVSC_TID_EPOCH(host->dev.xact.transaction_id));
	host->dev.xact.late = 0;
	fake_host_complete(old, &failure, sizeof(failure));
	assert_int_equal(netvsc_ndis_set_filter(&host->dev), 0);
	assert_int_equal(host->dev.xact.late, 1);
	close_link(host);
}

static void
requests_that_the_host_never_completed_are_forgotten_by_a_reopen(void **state)
{
	struct fake_host *host = fake_host_start(true);
	uint64_t counter;

	(void)state;
	assert_int_equal(open_link(host, 1), 0);
	host->set.silent = FAKE_RNDIS_TAKEN;
	for (unsigned int i = 0; i < NETVSC_REQUESTS; i++)
		assert_int_equal(netvsc_ndis_query_counter(&host->dev, OID_GEN_RCV_NO_BUFFER,
			&counter), 0);
	host->set.silent = FAKE_NONE;
	assert_int_equal(netvsc_link_reopen(&host->dev, &host->vmbus, 1500, 1), 0);
	assert_int_equal(netvsc_ndis_query_counter(&host->dev, OID_GEN_RCV_NO_BUFFER, &counter), 0);
	close_link(host);
}

static void
the_application_hears_of_a_link_that_changed_while_it_was_reopened(void **state)
{
	struct fake_host *host = fake_host_start(true);
	struct rte_eth_link link;

	(void)state;
	assert_int_equal(open_link(host, 1), 0);
	link = netvsc_event_link(&host->dev);
	rte_eth_linkstatus_set(&rte_eth_devices[0], &link);
	assert_int_equal(netvsc_link_reopen(&host->dev, &host->vmbus, 1500, 1), 0);
	assert_true(fake_alarm_run());
	assert_int_equal(host->callbacks, 0);
	host->set.spoil = (struct fake_spoil){ OID_GEN_MEDIA_CONNECT_STATUS, QUERY_INFO, 1, 0 };
	assert_int_equal(netvsc_link_reopen(&host->dev, &host->vmbus, 1500, 1), 0);
	assert_true(fake_alarm_run());
	assert_int_equal(host->callbacks, 1);
	assert_int_equal(host->callback_status[0], RTE_ETH_LINK_DOWN);
	close_link(host);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_monitor_there_is_one_queue_unless_more_are_asked_for),
		cmocka_unit_test(channels_that_were_not_granted_are_not_used),
		cmocka_unit_test(fewer_subchannels_than_asked_for_are_fewer_queues),
		cmocka_unit_test(detach_mirrors_attach),
		cmocka_unit_test(detach_undoes_only_what_attach_got_done),
		cmocka_unit_test(closing_a_port_whose_host_is_silent_or_gone_takes_bounded_time),
		cmocka_unit_test(reopen_restores_every_setting),
		cmocka_unit_test(an_mtu_that_the_host_clamps_is_refused_and_the_old_one_restored),
		cmocka_unit_test(a_host_may_be_older_after_a_reopen),
		cmocka_unit_test(a_reopen_that_fails_both_ways_leaves_a_closed_port_that_can_be_reopened),
		cmocka_unit_test(nothing_of_the_life_before_is_taken_for_an_answer_after_a_reopen),
		cmocka_unit_test(requests_that_the_host_never_completed_are_forgotten_by_a_reopen),
		cmocka_unit_test(the_application_hears_of_a_link_that_changed_while_it_was_reopened),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
