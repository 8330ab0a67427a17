/* SPDX-License-Identifier: BSD-3-Clause */

/* The control path where it fails: what is said, and that it goes on later. */

#include "fake_host.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_log.h>

#include "netvsc_link.h"
#include "netvsc_ndis.h"
#include "netvsc_nvsp.h"
#include "netvsc_offload.h"
#include "netvsc_rndis.h"
#include "netvsc_rss.h"

#define QUERY_STATUS 12u
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

/* ---- what is said ---- */

static struct {
	FILE *file;
	char *text;
	size_t bytes;
} said;

static void
listen_start(void)
{
	said.file = open_memstream(&said.text, &said.bytes);
	assert_non_null(said.file);
	rte_openlog_stream(said.file);
}

/* The lines with this word in them; the last one is copied out. */
static unsigned int
listen_end(const char *word, char *line, size_t bytes)
{
	unsigned int count = 0;
	char *rest = NULL;

	rte_openlog_stream(NULL);
	fclose(said.file);
	for (char *at = strtok_r(said.text, "\n", &rest); at != NULL;
			at = strtok_r(NULL, "\n", &rest))
		if (strstr(at, word) != NULL) {
			snprintf(line, bytes, "%s", at);
			count++;
		}
	free(said.text);
	return count;
}

/* Every step of attach, and how each kind of trouble is told. */
static const struct trouble {
	uint32_t silent;
	struct fake_spoil spoil;
	bool page_lists, no_send_buffer;
	const char *line;           /* after the device's name */
} troubles[] = {
	{ .silent = NVSP_INIT, .line =
		"attach: NVSP version: NVSP version: no answer from the host; see that no other" },
	{ .spoil = { NVSP_INIT, 12, 2, 0 }, .line =
		"attach: NVSP version: NVSP version: the host refused 6.1 and everything down to 1; see" },
	{ .silent = NVSP_RECV_BUFFER, .line =
		"attach: receive buffer: NVSP receive buffer: no answer from the host; bind" },
	{ .spoil = { NVSP_RECV_BUFFER, 4, 2, 0 }, .line =
		"attach: receive buffer: NVSP receive buffer: refused: status 2; bind" },
	{ .spoil = { NVSP_RECV_BUFFER, 8, 9, 0 }, .line =
		"attach: receive buffer: NVSP receive buffer: 9 sections in an answer of 40 bytes" },
	{ .silent = NVSP_SEND_BUFFER, .line =
		"attach: send buffer: NVSP send buffer: no answer from the host; bind" },
	{ .spoil = { NVSP_SEND_BUFFER, 8, 7, 0 }, .line =
		"attach: send buffer: NVSP send buffer: sections of 7 bytes in a buffer of 262144" },
	{ .no_send_buffer = true, .line =
		"attach: RNDIS init: RNDIS init 0x00000000: Operation not supported; bind" },
	{ .silent = FAKE_RNDIS_INIT, .line =
		"attach: RNDIS init: RNDIS init 0x00000000: no answer from the host; bind" },
	{ .spoil = { FAKE_RNDIS_TAKEN, 4, 5, 0 }, .line =
		"attach: RNDIS init: RNDIS init 0x00000000: the host did not take it: status 5; bind" },
	{ .spoil = { FAKE_RNDIS_INIT, 12, 0xC000009A, 0 }, .line =
		"attach: RNDIS init: RNDIS init 0x00000000: the host answered status 0xc000009a; bind" },
	{ .silent = FAKE_RNDIS_SET, .line =
		"attach: packet filter: RNDIS set 0x0001010e: no answer from the host; bind" },
	{ .silent = OID_GEN_MAXIMUM_FRAME_SIZE, .line =
		"attach: MTU: RNDIS query 0x00010106: no answer from the host; report this host" },
	{ .spoil = { OID_GEN_MAXIMUM_FRAME_SIZE, QUERY_INFO, 5, 0 }, .line =
		"attach: MTU: the host's MTU 5 makes no sense; report this host" },
	{ .spoil = { OID_802_3_PERMANENT_ADDRESS, QUERY_INFO, 1, 0 }, .line =
		"attach: MAC address: the host's MAC address 01:00:00:00:02:03 is none of a station;"
		" set the adapter's MAC address on the host" },
	{ .silent = OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES, .line =
		"attach: offload capabilities: RNDIS query 0xfc01020d: no answer from the host; report" },
	{ .silent = OID_GEN_RECEIVE_SCALE_CAPABILITIES, .line =
		"attach: RSS capabilities: RNDIS query 0x00010203: no answer from the host; report" },
	{ .silent = OID_GEN_LINK_SPEED, .line =
		"attach: link state: RNDIS query 0x00010107: no answer from the host; report" },
	{ .silent = NVSP_SUBCHANNEL, .line =
		"attach: more channels: NVSP subchannels: no answer from the host; ask for one queue" },
};

static void
each_step_that_fails_is_one_line_with_the_hosts_answer_and_what_to_try(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(troubles); i++) {
		struct fake_host *host = fake_host_start(!troubles[i].no_send_buffer);
		char line[512] = "";

		host->set.silent = troubles[i].silent;
		host->set.spoil = troubles[i].spoil;
		host->set.no_send_buffer = troubles[i].no_send_buffer;
		host->dev.xact.wait_ms = 5;
		listen_start();
		assert_true(open_link(host, 4) < 0);
		if (listen_end("attach: ", line, sizeof(line)) != 1 ||
		    strstr(line, troubles[i].line) == NULL || strstr(line, "fake: ") == NULL)
			fail_msg("wanted \"fake: %s\", last is \"%s\"", troubles[i].line, line);
		fake_host_stop();
	}
}

static void
a_device_that_cannot_be_opened_is_one_line_that_says_what_to_look_at(void **state)
{
	struct fake_host *host = fake_host_start(true);
	char line[512] = "";

	(void)state;
	host->vmbus.shared = &host->shared;     /* in use */
	listen_start();
	assert_int_equal(open_link(host, 1), -EBUSY);
	assert_int_equal(listen_end("attach: ", line, sizeof(line)), 1);
	assert_non_null(strstr(line, "fake: attach: opening the device: Device or resource busy; see"
		" that uio_hv_generic drives it"));
	fake_host_stop();
}

/* ---- a host that does not answer, then does ---- */

static int
request_promiscuous(struct netvsc_device *dev)
{
	return netvsc_ndis_set_promiscuous(dev, true);
}

static int
request_receiving(struct netvsc_device *dev)
{
	return netvsc_ndis_set_receiving(dev, false);
}

static int
request_mac(struct netvsc_device *dev)
{
	static const struct rte_ether_addr mac = { { 2, 1, 2, 3, 4, 5 } };

	return netvsc_ndis_set_mac(dev, &mac);
}

static int
request_rss(struct netvsc_device *dev)
{
	struct netvsc_rss rss;

	netvsc_rss_default(dev, 1, RTE_ETH_RSS_IPV4, &rss);
	return netvsc_rss_set(dev, &rss);
}

static int
request_offload(struct netvsc_device *dev)
{
	return netvsc_offload_set(dev, RTE_ETH_TX_OFFLOAD_TCP_CKSUM, 0);
}

static int
request_link(struct netvsc_device *dev)
{
	return netvsc_ndis_query_link(dev);
}

static const struct request {
	const char *what;
	int (*run)(struct netvsc_device *dev);
	uint32_t answer;
} requests[] = {
	{ "promiscuous", request_promiscuous, FAKE_RNDIS_SET },
	{ "receiving", request_receiving, FAKE_RNDIS_SET },
	{ "MAC", request_mac, FAKE_RNDIS_SET },
	{ "RSS", request_rss, FAKE_RNDIS_SET },
	{ "offloads", request_offload, FAKE_RNDIS_SET },
	{ "link", request_link, OID_GEN_LINK_SPEED },
};

/* Conformance: 25. */
static void
any_request_without_answer_fails_in_bounded_time_and_succeeds_when_tried_again(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(requests); i++) {
		struct fake_host *host = fake_host_start(i & 1);
		uint64_t before, late;
		int ret;

		assert_int_equal(open_link(host, 1), 0);
		assert_int_equal(netvsc_ndis_set_receiving(&host->dev, true), 0);
		host->set.silent = requests[i].answer;
		host->dev.xact.wait_ms = 5;
		before = netvsc_xact_clock_ms();
		ret = requests[i].run(&host->dev);
		if (ret != -ETIMEDOUT)
			fail_msg("%s: %d", requests[i].what, ret);
		assert_true(netvsc_xact_clock_ms() - before < 5000);
		host->set.silent = FAKE_NONE;
		host->dev.xact.wait_ms = 1000;
		late = host->dev.xact.late;
		fake_host_release();
		ret = requests[i].run(&host->dev);
		if (ret != 0)
			fail_msg("%s again: %d", requests[i].what, ret);
		assert_true(host->dev.xact.late > late);
		close_link(host);
	}
}

/* ---- receive sections ---- */

static void
a_receive_buffer_of_several_sections_is_used_as_a_whole(void **state)
{
	(void)state;
	for (uint32_t parts = 1; parts <= 4; parts *= 2) {
		struct fake_host *host = fake_host_start(true);
		uint32_t pieces = 0;

		host->set.nvsp_max = NVSP_VERSION_1;
		host->set.offload_revision = 1;
		host->set.recv_sections = parts;
		assert_int_equal(open_link(host, 1), 0);
		for (uint32_t i = 0; i < parts; i++)
			pieces += (256u * 1024 / parts) / (2048u >> i);
		assert_int_equal(host->dev.host.section_count, pieces);
		/* Asked once more, it is no more of them. */
		netvsc_xact_lock(&host->dev);
		assert_int_equal(netvsc_nvsp_recv_buffer(&host->dev), 0);
		netvsc_xact_unlock(&host->dev);
		assert_int_equal(host->dev.host.section_count, pieces);
		assert_int_equal(host->dev.host.suballoc_bytes, 2048);
		assert_true(host->dev.channel[0]->backlog.mask + 1 >= pieces);
		close_link(host);
	}
}

static void
sections_outside_the_buffer_or_too_many_are_refused(void **state)
{
	static const struct fake_spoil spoils[] = {
		{ NVSP_RECV_BUFFER, 12 + 16 + 0, 0xFFFFF000, 0 },       /* the second's offset */
		{ NVSP_RECV_BUFFER, 12 + 16 + 4, 0, 0 },                /* bytes */
		{ NVSP_RECV_BUFFER, 12 + 16 + 8, 0x10000000, 0 },       /* count */
		{ NVSP_RECV_BUFFER, 12 + 16 + 12, 0xFFFFFFFF, 0 },      /* end */
		{ NVSP_RECV_BUFFER, 8, 3, 0 },                          /* fewer than it says */
		{ NVSP_RECV_BUFFER, 8, 0, 0 },
	};

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(spoils); i++) {
		struct fake_host *host = fake_host_start(true);

		host->set.recv_sections = 2;
		host->set.spoil = spoils[i];
		assert_int_equal(open_link(host, 1), -EPROTO);
		fake_host_stop();
	}
}

/* ---- what a host refuses ---- */

static void
a_forbidden_mac_is_eperm_and_does_not_keep_a_link_from_being_reopened(void **state)
{
	static const struct rte_ether_addr first = { { 2, 1, 2, 3, 4, 5 } };
	static const struct rte_ether_addr second = { { 2, 1, 2, 3, 4, 6 } };
	struct fake_host *host = fake_host_start(true);

	(void)state;
	assert_int_equal(open_link(host, 1), 0);
	assert_int_equal(netvsc_ndis_set_mac(&host->dev, &first), 0);
	host->set.refuse_oid = OID_GEN_RNDIS_CONFIG_PARAMETER;
	host->set.refuse_status = NDIS_STATUS_FAILURE;
	assert_int_equal(netvsc_ndis_set_mac(&host->dev, &second), -EPERM);
	assert_memory_equal(&host->dev.mac, &first, sizeof(first));
	host->set.refuse_status = NDIS_STATUS_NOT_SUPPORTED;
	assert_int_equal(netvsc_ndis_set_mac(&host->dev, &second), -ENOTSUP);
	assert_int_equal(netvsc_link_reopen(&host->dev, &host->vmbus, 4000, 1), 0);
	assert_int_equal(host->dev.mtu, 4000);
	close_link(host);
}

static void
a_clamped_mtu_is_remembered_as_refused(void **state)
{
	struct fake_host *host = fake_host_start(true);

	(void)state;
	assert_int_equal(open_link(host, 1), 0);
	assert_int_equal(host->dev.mtu_refused, 0);
	assert_int_equal(netvsc_link_reopen(&host->dev, &host->vmbus, 9210, 1), -EINVAL);
	assert_int_equal(host->dev.mtu_refused, 9210);
	assert_int_equal(netvsc_link_reopen(&host->dev, &host->vmbus, 9202, 1), 0);
	close_link(host);
}

/* Statuses as on the wire. */
static void
each_status_of_a_host_is_an_errno_of_its_own_kind(void **state)
{
	static const struct { uint32_t status; int expected; } rows[] = {
		{ 0x00000000, 0 }, { 0xC0000001, -EIO }, { 0xC000009A, -ENOMEM },
		{ 0xC00000BB, -ENOTSUP }, { 0xC0010004, -EPROTONOSUPPORT },
		{ 0xC0010014, -EINVAL }, { 0xC0010015, -EINVAL }, { 0xC0010017, -ENOTSUP },
		{ 1, -EIO }, { 0xC0010016, -EIO }, { UINT32_MAX, -EIO },
	};

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(rows); i++) {
		assert_int_equal(netvsc_rndis_errno(rows[i].status), rows[i].expected);
		assert_int_equal(netvsc_rndis_refused(rows[i].expected), rows[i].expected != 0);
	}
	/* No answer, none that makes sense, and nobody there are another matter. */
	assert_false(netvsc_rndis_refused(-ETIMEDOUT));
	assert_false(netvsc_rndis_refused(-EPROTO));
	assert_false(netvsc_rndis_refused(-ENODEV));
	assert_false(netvsc_rndis_refused(-ENODATA));
	assert_false(netvsc_rndis_refused(16));         /* bytes */
}

/* Frames without a checksum that was left to the host would go out wrong; receive
 * offloads only spare work. */
static void
offloads_that_a_host_lost_are_told_and_those_of_transmit_are_insisted_on(void **state)
{
	static const struct {
		uint64_t tx, rx;
		int ret;
		const char *says;
	} rows[] = {
		{ 0, 0, 0, NULL },
		{ 0, RTE_ETH_RX_OFFLOAD_TCP_CKSUM, 0, "no longer offers receive offloads 0x8" },
		{ RTE_ETH_TX_OFFLOAD_TCP_CKSUM, 0, -ENOTSUP, "no longer offers transmit offloads 0x8" },
	};

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(rows); i++) {
		struct fake_host *host = fake_host_start(true);
		char line[256] = "";
		unsigned int lines;

		assert_int_equal(open_link(host, 1), 0);
		assert_int_equal(netvsc_offload_set(&host->dev, rows[i].tx, rows[i].rx), 0);
		host->set.spoil = (struct fake_spoil){ OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES, QUERY_STATUS,
			NDIS_STATUS_NOT_SUPPORTED, 0 };
		listen_start();
		assert_int_equal(netvsc_link_reopen(&host->dev, &host->vmbus, 1500, 1), rows[i].ret);
		lines = listen_end("no longer offers", line, sizeof(line));
		assert_int_equal(lines != 0, rows[i].says != NULL);
		if (rows[i].says != NULL && strstr(line, rows[i].says) == NULL)
			fail_msg("\"%s\": %s", rows[i].says, line);
		assert_int_equal(netvsc_xact_alive(&host->dev) == 0, rows[i].ret == 0);
		close_link(host);
	}
}

/* Conformance: 50. */
static void
a_muted_link_lets_nothing_through_and_keeps_its_settings(void **state)
{
	struct fake_host *host = fake_host_start(true);

	(void)state;
	assert_int_equal(open_link(host, 1), 0);
	assert_int_equal(netvsc_ndis_set_receiving(&host->dev, true), 0);
	assert_int_equal(netvsc_ndis_set_promiscuous(&host->dev, true), 0);
	netvsc_ndis_mute(&host->dev);
	assert_int_equal(host->filter, 0);
	assert_int_equal(netvsc_link_restore(&host->dev), 0);
	assert_true((host->filter & NDIS_FILTER_PROMISCUOUS) != 0);
	close_link(host);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_step_that_fails_is_one_line_with_the_hosts_answer_and_what_to_try),
		cmocka_unit_test(a_device_that_cannot_be_opened_is_one_line_that_says_what_to_look_at),
		cmocka_unit_test(any_request_without_answer_fails_in_bounded_time_and_succeeds_when_tried_again),
		cmocka_unit_test(a_receive_buffer_of_several_sections_is_used_as_a_whole),
		cmocka_unit_test(sections_outside_the_buffer_or_too_many_are_refused),
		cmocka_unit_test(a_forbidden_mac_is_eperm_and_does_not_keep_a_link_from_being_reopened),
		cmocka_unit_test(a_clamped_mtu_is_remembered_as_refused),
		cmocka_unit_test(each_status_of_a_host_is_an_errno_of_its_own_kind),
		cmocka_unit_test(offloads_that_a_host_lost_are_told_and_those_of_transmit_are_insisted_on),
		cmocka_unit_test(a_muted_link_lets_nothing_through_and_keeps_its_settings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
