/* SPDX-License-Identifier: BSD-3-Clause */

/* Negotiation: with good hosts of all versions, and with every answer of a host
 * that has one field wrong. */

#include "fake_host.h"
#include "fake_world.h"

#include <errno.h>
#include <string.h>

#include "netvsc_link.h"

#define QUERY_STATUS 12u
#define QUERY_BYTES 16u
#define QUERY_OFFSET 20u
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

/* Conformance: 45. */
static void
attach_sends_each_message_once_in_the_order_hosts_demand(void **state)
{
	static const uint32_t order[] = {
		NVSP_INIT, NVSP_NDIS_CONFIG, NVSP_NDIS_VERSION, NVSP_RECV_BUFFER, NVSP_SEND_BUFFER,
		NVSP_RNDIS, OID_GEN_CURRENT_PACKET_FILTER, 0,
	};
	struct fake_host *host = fake_host_start(true);
	unsigned int once[256] = { 0 };

	(void)state;
	assert_int_equal(open_link(host, 1), 0);
	assert_true(fake_host_heard(order));
	for (unsigned int i = 0; i < host->log_count; i++)
		if (host->log[i] < 256)
			once[host->log[i]]++;
	assert_int_equal(once[NVSP_INIT], 1);
	assert_int_equal(once[NVSP_NDIS_CONFIG], 1);
	assert_int_equal(once[NVSP_RECV_BUFFER], 1);
	assert_int_equal(once[NVSP_SEND_BUFFER], 1);
	close_link(host);
}

static void
attach_learns_what_the_host_can_do(void **state)
{
	static const uint8_t mac[] = { 0x00, 0x15, 0x5d, 0x01, 0x02, 0x03 };
	struct fake_host *host = fake_host_start(true);
	const struct netvsc_host *told = &host->dev.host;

	(void)state;
	assert_int_equal(open_link(host, 1), 0);
	assert_int_equal(told->nvsp, NVSP_VERSION_61);
	assert_int_equal(told->section_count, 128);
	assert_int_equal(told->suballoc_bytes, 2048);
	assert_int_equal(told->send_section_bytes, 6144);
	assert_int_equal(told->send_section_count, 42);
	assert_int_equal(told->packets_per_message, 8);
	assert_int_equal(told->alignment, 8);
	assert_int_equal(told->mtu, 1500);
	assert_int_equal(told->queues, 8);
	assert_int_equal(told->reta_size, 128);
	assert_true(told->link_up);
	assert_true(told->link_bps == 10000000000ull);
	assert_memory_equal(&told->mac, mac, sizeof(mac));
	assert_int_equal(host->acks_owed, 0);
	close_link(host);
}

static void
a_host_that_cannot_tell_the_permanent_mac_is_asked_for_the_current_one(void **state)
{
	static const uint8_t current[] = { 0x00, 0x15, 0x5d, 0x01, 0x02, 0x04 };
	struct fake_host *host = fake_host_start(true);

	(void)state;
	host->set.tells_current_mac = true;
	host->set.spoil = (struct fake_spoil){ OID_802_3_PERMANENT_ADDRESS, QUERY_STATUS,
		NDIS_STATUS_NOT_SUPPORTED, 0 };
	assert_int_equal(open_link(host, 1), 0);
	assert_memory_equal(&host->dev.host.mac, current, sizeof(current));
	close_link(host);
}

/* Conformance: 45. */
static void
attach_falls_back_to_each_older_version(void **state)
{
	static const uint32_t versions[] = { NVSP_VERSION_61, NVSP_VERSION_6, NVSP_VERSION_5,
		NVSP_VERSION_4, NVSP_VERSION_2, NVSP_VERSION_1 };

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(versions); i++) {
		struct fake_host *host = fake_host_start(true);
		bool configured = false;

		host->set.nvsp_max = versions[i];
		host->set.offload_revision = versions[i] >= NVSP_VERSION_5 ? 3 :
			versions[i] >= NVSP_VERSION_2 ? 2 : 1;
		assert_int_equal(open_link(host, 4), 0);
		assert_int_equal(host->dev.host.nvsp, versions[i]);
		for (unsigned int k = 0; k < host->log_count; k++)
			configured |= host->log[k] == NVSP_NDIS_CONFIG;
		assert_int_equal(configured, versions[i] >= NVSP_VERSION_2);
		assert_int_equal(host->dev.channel_count, versions[i] >= NVSP_VERSION_5 ? 4 : 1);
		assert_int_equal(host->dev.host.ndis_major, 6);
		assert_int_equal(host->dev.host.ndis_minor, versions[i] >= NVSP_VERSION_5 ? 30 : 1);
		close_link(host);
	}
}

static void
requests_travel_by_page_where_page_lists_are_possible_else_in_sections(void **state)
{
	struct fake_host *host = fake_host_start(true);

	(void)state;
	assert_int_equal(open_link(host, 1), 0);
	assert_true(host->by_page > 0);
	assert_int_equal(host->by_section, 0);
	assert_int_equal(host->dev.host.send_control_count, 0);
	close_link(host);
	host = fake_host_start(false);
	assert_int_equal(open_link(host, 1), 0);
	assert_int_equal(host->by_page, 0);
	assert_true(host->by_section > 0);
	assert_int_equal(host->dev.host.send_control_count, NETVSC_REQUESTS);
	assert_int_equal(host->dev.host.send_section_count, 42 - NETVSC_REQUESTS);
	close_link(host);
}

static void
a_refused_send_buffer_is_done_without_if_page_lists_are_possible(void **state)
{
	struct fake_host *host = fake_host_start(true);

	(void)state;
	host->set.no_send_buffer = true;
	assert_int_equal(open_link(host, 1), 0);
	assert_int_equal(host->dev.host.send_section_count, 0);
	close_link(host);
	host = fake_host_start(false);
	host->set.no_send_buffer = true;
	assert_int_equal(open_link(host, 1), -ENOTSUP);
	fake_host_stop();
}

/* ---- malformed answers ---- */

struct row {
	const char *what;
	struct fake_spoil spoil;
	int expected;
};

static const struct row rows[] = {
	{ "version: another type", { NVSP_INIT, 0, 3, 0 }, -EPROTO },
	{ "version: too short", { NVSP_INIT, 0, 0, 8 }, -EPROTO },
	{ "version: empty", { NVSP_INIT, 0, 0, -1 }, -EPROTO },
	{ "version: all refused", { NVSP_INIT, 12, 0, 0 }, -EPROTONOSUPPORT },
	{ "receive buffer: another type", { NVSP_RECV_BUFFER, 0, 105, 0 }, -EPROTO },
	{ "receive buffer: too short", { NVSP_RECV_BUFFER, 0, 0, 8 }, -EPROTO },
	{ "receive buffer: no section in it", { NVSP_RECV_BUFFER, 0, 0, 16 }, -EPROTO },
	{ "receive buffer: empty", { NVSP_RECV_BUFFER, 0, 0, -1 }, -EPROTO },
	{ "receive buffer: refused", { NVSP_RECV_BUFFER, 4, 2, 0 }, -EIO },
	{ "receive buffer: no section", { NVSP_RECV_BUFFER, 8, 0, 0 }, -EPROTO },
	{ "receive buffer: two sections", { NVSP_RECV_BUFFER, 8, 2, 0 }, -EPROTO },
	{ "receive buffer: 2^32-1 sections", { NVSP_RECV_BUFFER, 8, ~0u, 0 }, -EPROTO },
	{ "receive buffer: offset 8", { NVSP_RECV_BUFFER, 12, 8, 0 }, -EPROTO },
	{ "receive buffer: offset at the end", { NVSP_RECV_BUFFER, 12, 262144, 0 }, -EPROTO },
	{ "receive buffer: offset 2^32-1", { NVSP_RECV_BUFFER, 12, ~0u, 0 }, -EPROTO },
	{ "receive buffer: size 0", { NVSP_RECV_BUFFER, 16, 0, 0 }, -EPROTO },
	{ "receive buffer: size below a header", { NVSP_RECV_BUFFER, 16, 57, 0 }, -EPROTO },
	{ "receive buffer: size too large", { NVSP_RECV_BUFFER, 16, 2049, 0 }, -EPROTO },
	{ "receive buffer: size 2^32-1", { NVSP_RECV_BUFFER, 16, ~0u, 0 }, -EPROTO },
	{ "receive buffer: size whose product wraps", { NVSP_RECV_BUFFER, 16, 0x2000000, 0 },
		-EPROTO },
	{ "receive buffer: count 0", { NVSP_RECV_BUFFER, 20, 0, 0 }, -EPROTO },
	{ "receive buffer: count too large", { NVSP_RECV_BUFFER, 20, 129, 0 }, -EPROTO },
	{ "receive buffer: count 2^32-1", { NVSP_RECV_BUFFER, 20, ~0u, 0 }, -EPROTO },
	{ "receive buffer: end 0", { NVSP_RECV_BUFFER, 24, 0, 0 }, -EPROTO },
	{ "receive buffer: end behind the buffer", { NVSP_RECV_BUFFER, 24, 262145, 0 }, -EPROTO },
	{ "send buffer: another type", { NVSP_SEND_BUFFER, 0, 102, 0 }, -EPROTO },
	{ "send buffer: empty", { NVSP_SEND_BUFFER, 0, 0, -1 }, -EPROTO },
	{ "send buffer: size 0", { NVSP_SEND_BUFFER, 8, 0, 0 }, -EPROTO },
	{ "send buffer: size 7", { NVSP_SEND_BUFFER, 8, 7, 0 }, -EPROTO },
	{ "send buffer: size below the smallest frame's", { NVSP_SEND_BUFFER, 8, 124, 0 }, -EPROTO },
	{ "send buffer: size no multiple of 4", { NVSP_SEND_BUFFER, 8, 6142, 0 }, -EPROTO },
	{ "send buffer: larger than the buffer", { NVSP_SEND_BUFFER, 8, 262148, 0 }, -EPROTO },
	{ "send buffer: size 2^32-4", { NVSP_SEND_BUFFER, 8, 0xfffffffc, 0 }, -EPROTO },
	{ "RNDIS: not taken", { FAKE_RNDIS_TAKEN, 4, 2, 0 }, -EIO },
	{ "RNDIS: busy", { FAKE_RNDIS_TAKEN, 4, 6, 0 }, -EIO },
	{ "RNDIS: taken with status 0", { FAKE_RNDIS_TAKEN, 4, 0, 0 }, -EIO },
	{ "RNDIS init: another completion", { FAKE_RNDIS_INIT, 0, 0x80000005, 0 }, -EPROTO },
	{ "RNDIS init: no completion", { FAKE_RNDIS_INIT, 0, 1, 0 }, -ETIMEDOUT },
	{ "RNDIS init: length 43", { FAKE_RNDIS_INIT, 4, 43, 0 }, -EPROTO },
	{ "RNDIS init: length beyond what came", { FAKE_RNDIS_INIT, 4, 53, 0 }, -EPROTO },
	{ "RNDIS init: length 2^32-1", { FAKE_RNDIS_INIT, 4, ~0u, 0 }, -EPROTO },
	{ "RNDIS init: for another request", { FAKE_RNDIS_INIT, 8, 999, 0 }, -ETIMEDOUT },
	{ "RNDIS init: failure", { FAKE_RNDIS_INIT, 12, 0xC0000001, 0 }, -EIO },
	{ "RNDIS init: not Ethernet", { FAKE_RNDIS_INIT, 28, 4, 0 }, -EPROTO },
	{ "RNDIS init: no packets per message", { FAKE_RNDIS_INIT, 32, 0, 0 }, -EPROTO },
	{ "RNDIS init: transfers of 100", { FAKE_RNDIS_INIT, 36, 100, 0 }, -EPROTO },
	{ "RNDIS init: transfers below the smallest frame's", { FAKE_RNDIS_INIT, 36, 125, 0 },
		-EPROTO },
	{ "RNDIS init: alignment 1 << 13", { FAKE_RNDIS_INIT, 40, 13, 0 }, -EPROTO },
	{ "RNDIS init: alignment 1 << 32", { FAKE_RNDIS_INIT, 40, 32, 0 }, -EPROTO },
	{ "RNDIS init: alignment 2^32-1", { FAKE_RNDIS_INIT, 40, ~0u, 0 }, -EPROTO },
	{ "RNDIS init: a header only", { FAKE_RNDIS_INIT, 0, 0, 8 }, -ETIMEDOUT },
	{ "RNDIS init: three bytes", { FAKE_RNDIS_INIT, 0, 0, 3 }, -ETIMEDOUT },
	{ "RNDIS init: cut off", { FAKE_RNDIS_INIT, 0, 0, 43 }, -EPROTO },
	{ "RNDIS set: another completion", { FAKE_RNDIS_SET, 0, 0x80000004, 0 }, -EPROTO },
	{ "RNDIS set: length 12", { FAKE_RNDIS_SET, 4, 12, 0 }, -EPROTO },
	{ "MTU: 0", { OID_GEN_MAXIMUM_FRAME_SIZE, QUERY_INFO, 0, 0 }, -EPROTO },
	{ "MTU: 67", { OID_GEN_MAXIMUM_FRAME_SIZE, QUERY_INFO, 67, 0 }, -EPROTO },
	{ "MTU: 65536", { OID_GEN_MAXIMUM_FRAME_SIZE, QUERY_INFO, 65536, 0 }, -EPROTO },
	{ "MTU: no information", { OID_GEN_MAXIMUM_FRAME_SIZE, QUERY_BYTES, 0, 0 }, -ENODATA },
	{ "MTU: three bytes", { OID_GEN_MAXIMUM_FRAME_SIZE, QUERY_BYTES, 3, 0 }, -ENODATA },
	{ "MTU: more than came", { OID_GEN_MAXIMUM_FRAME_SIZE, QUERY_BYTES, 5, 0 }, -EPROTO },
	{ "MTU: length 2^32-1", { OID_GEN_MAXIMUM_FRAME_SIZE, QUERY_BYTES, ~0u, 0 }, -EPROTO },
	{ "MTU: inside the header", { OID_GEN_MAXIMUM_FRAME_SIZE, QUERY_OFFSET, 15, 0 }, -EPROTO },
	{ "MTU: behind the message", { OID_GEN_MAXIMUM_FRAME_SIZE, QUERY_OFFSET, 17, 0 }, -EPROTO },
	{ "MTU: an offset that wraps", { OID_GEN_MAXIMUM_FRAME_SIZE, QUERY_OFFSET, 0xfffffffc, 0 },
		-EPROTO },
	{ "MTU: stale bytes behind a short answer", { OID_GEN_MAXIMUM_FRAME_SIZE, 0, 0, 26 },
		-EPROTO },
	{ "speed: read from the header", { OID_GEN_LINK_SPEED, QUERY_OFFSET, 12, 0 }, -EPROTO },
	{ "MAC: five bytes", { OID_802_3_PERMANENT_ADDRESS, QUERY_BYTES, 5, 0 }, -ENODATA },
	{ "MAC: a group's", { OID_802_3_PERMANENT_ADDRESS, QUERY_INFO, 0x5d1501, 0 }, -EPROTO },
	{ "MAC: nobody can tell it", { OID_802_3_PERMANENT_ADDRESS, QUERY_STATUS, 0xC00000BB, 0 },
		-ENOTSUP },
	{ "offloads: another object", { OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES, QUERY_INFO,
		0x009c03a8, 0 }, -EPROTO },
	{ "offloads: revision 0", { OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES, QUERY_INFO,
		0x009c00a7, 0 }, -EPROTO },
	{ "offloads: longer than it is", { OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES, QUERY_INFO,
		0x009d03a7, 0 }, -EPROTO },
	{ "offloads: shorter than revision 1", { OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES, QUERY_INFO,
		0x006f03a7, 0 }, -EPROTO },
	{ "offloads: three bytes", { OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES, QUERY_BYTES, 3, 0 },
		-ENODATA },
	{ "RSS: another object", { OID_GEN_RECEIVE_SCALE_CAPABILITIES, QUERY_INFO, 0x00120289, 0 },
		-EPROTO },
	{ "RSS: revision 0", { OID_GEN_RECEIVE_SCALE_CAPABILITIES, QUERY_INFO, 0x00120088, 0 },
		-EPROTO },
	{ "RSS: longer than it is", { OID_GEN_RECEIVE_SCALE_CAPABILITIES, QUERY_INFO, 0x00130288, 0 },
		-EPROTO },
	{ "RSS: shorter than revision 1", { OID_GEN_RECEIVE_SCALE_CAPABILITIES, QUERY_INFO,
		0x000f0288, 0 }, -EPROTO },
	{ "RSS: 15 bytes", { OID_GEN_RECEIVE_SCALE_CAPABILITIES, QUERY_BYTES, 15, 0 }, -ENODATA },
	{ "subchannels: another type", { NVSP_SUBCHANNEL, 0, 134, 0 }, -EPROTO },
	{ "subchannels: more than asked for", { NVSP_SUBCHANNEL, 8, 4, 0 }, -EPROTO },
	{ "subchannels: 2^32-1", { NVSP_SUBCHANNEL, 8, ~0u, 0 }, -EPROTO },
	{ "subchannels: cut off", { NVSP_SUBCHANNEL, 0, 0, 8 }, -EPROTO },
};

/* The steps in which an answer of the table can be wrong, as the driver calls them. */
static const char *
step_of(const char *what)
{
	static const struct { const char *begins, *step; } steps[] = {
		{ "version", "NVSP version" }, { "receive buffer", "receive buffer" },
		{ "send buffer", "send buffer" }, { "RNDIS set", "packet filter" },
		{ "RNDIS", "RNDIS init" }, { "MTU", "MTU" }, { "speed", "link state" },
		{ "MAC", "MAC address" }, { "offloads", "offload capabilities" },
		{ "RSS", "RSS capabilities" }, { "subchannels", "more channels" },
	};

	for (unsigned int i = 0; i < RTE_DIM(steps); i++)
		if (strncmp(what, steps[i].begins, strlen(steps[i].begins)) == 0)
			return steps[i].step;
	fail_msg("%s: no step", what);
	return NULL;
}

/* Device, step, what the host answered, what to try: in one line and once. */
static void
says_it_in_one_line(const char *what, const char *text)
{
	const char *line = strstr(text, "fake: attach: "), *end;
	char begin[64];

	snprintf(begin, sizeof(begin), "fake: attach: %s: ", step_of(what));
	if (line == NULL || strncmp(line, begin, strlen(begin)) != 0 ||
	    strstr(line + 1, "fake: attach: ") != NULL)
		fail_msg("%s: not one line that begins \"%s\":\n%s", what, begin, text);
	end = strchr(line, '\n');
	line = strstr(line, "; ");
	if (end == NULL || line == NULL || line + 10 > end)
		fail_msg("%s: nothing to try:\n%s", what, text);
	/* With what whoever asked says of the answer, if there was one that says more than
	 * an errno does. */
	if (strstr(what, "nobody can tell") == NULL && (fake_host->dev.xact.fault[0] == '\0' ||
	    strstr(text, fake_host->dev.xact.fault) == NULL))
		fail_msg("%s: \"%s\" is not in what was said:\n%s", what,
			fake_host->dev.xact.fault, text);
}

/* Conformance: 23. */
static void
one_wrong_field_in_any_answer_is_an_error_and_leaves_nothing_open(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(rows); i++) {
		for (int page_lists = 0; page_lists < 2; page_lists++) {
			struct fake_host *host = fake_host_start(page_lists);
			char *text = NULL;
			size_t bytes;
			FILE *log = open_memstream(&text, &bytes);
			int ret;

			host->set.spoil = rows[i].spoil;
			host->dev.xact.wait_ms = 5;
			rte_openlog_stream(log);
			ret = open_link(host, 4);
			rte_openlog_stream(NULL);
			fclose(log);
			says_it_in_one_line(rows[i].what, text);
			free(text);
			if (ret != rows[i].expected)
				fail_msg("%s: %d, not %d", rows[i].what, ret, rows[i].expected);
			assert_null(host->vmbus.shared);
			assert_int_equal(netvsc_xact_alive(&host->dev), -ENODEV);
			assert_int_equal(host->errors, 0);
			fake_host_stop();
		}
	}
}

/* What is said of it, word by word; the silent ones do not answer at all. */
static const struct said {
	struct fake_spoil spoil;
	uint32_t silent;
	const char *text;
} said[] = {
	{ { NVSP_INIT, 0, 3, 0 }, 0,
		"NVSP version: the answer has 40 bytes, type 3; expected 16, type 2" },
	{ { NVSP_INIT, 0, 0, 8 }, 0,
		"NVSP version: the answer has 8 bytes, type 2; expected 16, type 2" },
	{ { NVSP_INIT, 0, 0, -1 }, 0,
		"NVSP version: the answer has 0 bytes, type 0; expected 16, type 2" },
	{ { NVSP_INIT, 12, 0, 0 }, 0,
		"NVSP version: the host refused 6.1 and everything down to 1" },
	{ { 0 }, NVSP_INIT, "NVSP version: no answer from the host" },
	{ { NVSP_RECV_BUFFER, 0, 105, 0 }, 0,
		"NVSP receive buffer: the answer has 40 bytes, type 105; expected 12, type 102" },
	{ { NVSP_RECV_BUFFER, 4, 5, 0 }, 0, "NVSP receive buffer: refused: status 5" },
	{ { NVSP_RECV_BUFFER, 8, 9, 0 }, 0,
		"NVSP receive buffer: 9 sections in an answer of 40 bytes make no sense" },
	{ { NVSP_RECV_BUFFER, 8, 2, 0 }, 0,
		"NVSP receive buffer: 2 sections in an answer of 40 bytes make no sense" },
	{ { NVSP_RECV_BUFFER, 16, 57, 0 }, 0, "NVSP receive buffer: 128 sub-allocations of 57 bytes"
		" at 0..262144 of 262144 make no sense" },
	{ { NVSP_RECV_BUFFER, 12, 8, 0 }, 0, "NVSP receive buffer: 128 sub-allocations of 2048 bytes"
		" at 8..262144 of 262144 make no sense" },
	{ { NVSP_SEND_BUFFER, 0, 102, 0 }, 0,
		"NVSP send buffer: the answer has 40 bytes, type 102; expected 8, type 105" },
	{ { NVSP_SEND_BUFFER, 8, 7, 0 }, 0,
		"NVSP send buffer: sections of 7 bytes in a buffer of 262144 make no sense" },
	{ { FAKE_RNDIS_TAKEN, 4, 6, 0 }, 0,
		"RNDIS init 0x00000000: the host did not take it: status 6" },
	{ { FAKE_RNDIS_TAKEN, 4, 0, 0 }, 0,
		"RNDIS init 0x00000000: the host did not take it: status 2" },
	{ { 0 }, FAKE_RNDIS_INIT, "RNDIS init 0x00000000: no answer from the host" },
	{ { FAKE_RNDIS_INIT, 0, 0, 43 }, 0, "RNDIS init 0x00000000: Protocol error" },
	{ { FAKE_RNDIS_INIT, 12, 0xC0000001, 0 }, 0,
		"RNDIS init 0x00000000: the host answered status 0xc0000001" },
	{ { FAKE_RNDIS_INIT, 28, 4, 0 }, 0, "RNDIS init: the host's limits make no sense: medium 4,"
		" 8 packets per message, 4026531839 bytes, alignment 1 << 3" },
	{ { FAKE_RNDIS_SET, 4, 12, 0 }, 0, "RNDIS set 0x0001010e: Protocol error" },
	{ { OID_GEN_MAXIMUM_FRAME_SIZE, QUERY_INFO, 67, 0 }, 0, "the host's MTU 67 makes no sense" },
	{ { OID_GEN_MAXIMUM_FRAME_SIZE, QUERY_OFFSET, 15, 0 }, 0,
		"RNDIS query 0x00010106: Protocol error" },
	{ { OID_GEN_MAXIMUM_FRAME_SIZE, QUERY_BYTES, 3, 0 }, 0,
		"RNDIS query 0x00010106: No data available" },
	{ { OID_802_3_PERMANENT_ADDRESS, QUERY_INFO, 0x5d1501, 0 }, 0,
		"the host's MAC address 01:15:5D:00:02:03 is none of a station" },
	{ { OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES, QUERY_INFO, 0x009c03a8, 0 }, 0,
		"offload capabilities: object 0xa8 revision 3 of 156 bytes in 156 make no sense" },
	{ { OID_GEN_RECEIVE_SCALE_CAPABILITIES, QUERY_INFO, 0x00130288, 0 }, 0,
		"RSS capabilities: object 0x88 revision 2 of 19 bytes in 18 make no sense" },
	{ { NVSP_SUBCHANNEL, 8, 5, 0 }, 0, "NVSP subchannels: asked for 3, the host says 5" },
};

static void
what_the_host_said_is_told_word_by_word(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(said); i++) {
		struct fake_host *host = fake_host_start(true);

		host->set.spoil = said[i].spoil;
		host->set.silent = said[i].silent;
		host->dev.xact.wait_ms = 5;
		assert_true(open_link(host, 4) < 0);
		assert_string_equal(host->dev.xact.fault, said[i].text);
		fake_host_stop();
	}
}

/* What was said of something else before, and did not matter, is no reason. */
static void
what_failed_before_is_not_told_of_what_fails_now(void **state)
{
	unsigned int fails = 0;
	int ret = -ENOMEM;

	(void)state;
	for (unsigned int i = 0; ret != 0; i++) {
		struct fake_host *host = fake_host_start(true);
		char text[4096] = "";
		FILE *log = fmemopen(text, sizeof(text), "w");

		assert_non_null(log);
		host->set.refuse_oid = OID_GEN_CURRENT_PACKET_FILTER;
		host->set.refuse_status = NDIS_STATUS_FAILURE;
		host->set.absent = i == 0;
		snprintf(host->dev.xact.fault, sizeof(host->dev.xact.fault), "RNDIS of old");
		fake_memory.left = i == 0 ? UINT64_MAX : i - 1;
		rte_openlog_stream(log);
		ret = open_link(host, 4);
		rte_openlog_stream(NULL);
		fclose(log);
		fake_memory.left = UINT64_MAX;
		assert_int_equal(ret, i == 0 ? -ENODEV : ret != 0 ? -ENOMEM : 0);
		assert_null(strstr(text, "RNDIS of old"));
		if (ret != 0) {
			assert_non_null(strstr(text, "fake: attach: "));
			assert_null(strstr(strstr(text, "fake: attach: "), "RNDIS"));
			fake_host_stop();
		} else {
			close_link(host);
		}
		fails += ret != 0;
	}
	assert_true(fails > 4);
}

/* Answers that are odd but no reason to give up. */
static const struct row odd_rows[] = {
	{ "RNDIS: taken with another type", { FAKE_RNDIS_TAKEN, 0, 107, 0 }, 0 },
	{ "RNDIS: taken without a word", { FAKE_RNDIS_TAKEN, 0, 0, -1 }, 0 },
	{ "filter: refused", { FAKE_RNDIS_SET, 12, 0xC0010015, 0 }, 0 },
	{ "MTU: no resources", { OID_GEN_MAXIMUM_FRAME_SIZE, QUERY_STATUS, 0xC000009A, 0 }, 0 },
	{ "link: failure", { OID_GEN_MEDIA_CONNECT_STATUS, QUERY_STATUS, 0xC0000001, 0 }, 0 },
	{ "speed: failure", { OID_GEN_LINK_SPEED, QUERY_STATUS, 0xC0000001, 0 }, 0 },
	{ "RSS: invalid data", { OID_GEN_RECEIVE_SCALE_CAPABILITIES, QUERY_STATUS, 0xC0010015, 0 },
		0 },
	{ "MTU: cannot be asked for", { OID_GEN_MAXIMUM_FRAME_SIZE, QUERY_STATUS, 0xC00000BB, 0 }, 0 },
	{ "offloads: cannot be asked for", { OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES, QUERY_STATUS,
		0xC00000BB, 0 }, 0 },
	{ "offloads: the version is not liked", { OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES,
		QUERY_STATUS, 0xC0010004, 0 }, 0 },
	{ "RSS: cannot be asked for", { OID_GEN_RECEIVE_SCALE_CAPABILITIES, QUERY_STATUS,
		0xC00000BB, 0 }, 0 },
	{ "RSS: no hash function", { OID_GEN_RECEIVE_SCALE_CAPABILITIES, QUERY_INFO + 4, 0x300, 0 },
		0 },
	{ "RSS: no queues", { OID_GEN_RECEIVE_SCALE_CAPABILITIES, QUERY_INFO + 12, 0, 0 }, 0 },
	{ "subchannels: refused", { NVSP_SUBCHANNEL, 4, 2, 0 }, 0 },
	{ "subchannels: none granted", { NVSP_SUBCHANNEL, 8, 0, 0 }, 0 },
};

static void
an_odd_answer_costs_the_feature_not_the_port(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(odd_rows); i++) {
		struct fake_host *host = fake_host_start(true);
		int ret;

		host->set.spoil = odd_rows[i].spoil;
		ret = open_link(host, 4);
		if (ret != 0)
			fail_msg("%s: %d", odd_rows[i].what, ret);
		if ((host->dev.xact.notified.malformed != 0) !=
		    (odd_rows[i].spoil.answer == FAKE_RNDIS_TAKEN))
			fail_msg("%s: counted %u times", odd_rows[i].what,
				(unsigned int)host->dev.xact.notified.malformed);
		assert_true(host->dev.channel_count >= 1);
		close_link(host);
	}
}

/* The last values that make sense, beside those of the table above that do not. */
static const struct row last_rows[] = {
	{ "receive buffer: sections of a header", { NVSP_RECV_BUFFER, 16, 58, 0 }, 0 },
	{ "receive buffer: one section", { NVSP_RECV_BUFFER, 20, 1, 0 }, 0 },
	{ "send buffer: the smallest sections", { NVSP_SEND_BUFFER, 8, 128, 0 }, 0 },
	{ "send buffer: two sections", { NVSP_SEND_BUFFER, 8, 131072, 0 }, 0 },
	{ "RNDIS init: length 44", { FAKE_RNDIS_INIT, 4, 44, 0 }, 0 },
	{ "RNDIS init: one packet per message", { FAKE_RNDIS_INIT, 32, 1, 0 }, 0 },
	{ "RNDIS init: transfers of the smallest frame", { FAKE_RNDIS_INIT, 36, 126, 0 }, 0 },
	{ "RNDIS init: alignment 1 << 12", { FAKE_RNDIS_INIT, 40, 12, 0 }, 0 },
	{ "MTU: 68", { OID_GEN_MAXIMUM_FRAME_SIZE, QUERY_INFO, 68, 0 }, 0 },
	{ "MTU: 65535", { OID_GEN_MAXIMUM_FRAME_SIZE, QUERY_INFO, 65535, 0 }, 0 },
};

static void
an_answer_at_the_edge_of_sense_is_taken(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(last_rows); i++) {
		/* Requests do not go where the host only says that sections are. */
		int first = last_rows[i].spoil.answer == NVSP_SEND_BUFFER;

		for (int page_lists = first; page_lists < 2; page_lists++) {
			struct fake_host *host = fake_host_start(page_lists);
			int ret;

			host->set.spoil = last_rows[i].spoil;
			ret = open_link(host, 1);
			if (ret != 0)
				fail_msg("%s: %d", last_rows[i].what, ret);
			close_link(host);
		}
	}
}

static void
more_queues_than_there_can_be_are_cut_to_the_table_and_to_64(void **state)
{
	struct fake_host *host = fake_host_start(true);

	(void)state;
	host->set.rss_queues = 100000;
	host->set.rss_entries = 65535;
	assert_int_equal(open_link(host, 1), 0);
	assert_int_equal(host->dev.host.queues, 64);
	assert_int_equal(host->dev.host.reta_size, NETVSC_RETA_MAX);
	close_link(host);
	host = fake_host_start(true);
	host->set.rss_queues = 64;
	host->set.rss_entries = 16;
	assert_int_equal(open_link(host, 1), 0);
	assert_int_equal(host->dev.host.queues, 16);
	close_link(host);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(attach_sends_each_message_once_in_the_order_hosts_demand),
		cmocka_unit_test(attach_learns_what_the_host_can_do),
		cmocka_unit_test(a_host_that_cannot_tell_the_permanent_mac_is_asked_for_the_current_one),
		cmocka_unit_test(attach_falls_back_to_each_older_version),
		cmocka_unit_test(requests_travel_by_page_where_page_lists_are_possible_else_in_sections),
		cmocka_unit_test(a_refused_send_buffer_is_done_without_if_page_lists_are_possible),
		cmocka_unit_test(one_wrong_field_in_any_answer_is_an_error_and_leaves_nothing_open),
		cmocka_unit_test(what_the_host_said_is_told_word_by_word),
		cmocka_unit_test(what_failed_before_is_not_told_of_what_fails_now),
		cmocka_unit_test(an_odd_answer_costs_the_feature_not_the_port),
		cmocka_unit_test(an_answer_at_the_edge_of_sense_is_taken),
		cmocka_unit_test(more_queues_than_there_can_be_are_cut_to_the_table_and_to_64),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
