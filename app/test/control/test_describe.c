/* SPDX-License-Identifier: BSD-3-Clause */

/* control/describe*.c and trace.c: what messages look like as text, and that no
 * bytes make the printers leave them (run it under ASan). */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "../../../drivers/net/netvsc/ndis_wire.h"
#include "../../../drivers/net/netvsc/nvsp_wire.h"
#include "../../../drivers/net/netvsc/rndis_wire.h"
#include "control/describe.h"
#include "control/trace.h"
#include "core/util.h"

static char text[1024];

#define EXPECT_NVSP(message, expected) do { \
	describe_nvsp(&(message), sizeof(message), text, sizeof(text)); \
	assert_string_equal(text, expected); \
} while (0)

static void
nvsp_messages_are_named_with_their_fields(void **state)
{
	struct nvsp_init init = { NVSP_INIT, NVSP_VERSION_61, 0 };
	struct nvsp_init_complete complete = { NVSP_INIT_COMPLETE, 0xffffffff, 34, 1 };
	struct nvsp_buffer buffer = { NVSP_SEND_BUFFER, 0xe1e11, 3, 0 };
	struct nvsp_recv_buffer_complete recv = { NVSP_RECV_BUFFER_COMPLETE, 1, 1,
		{ { 0, 1728, 10, 17280 } } };
	struct nvsp_rndis rndis = { NVSP_RNDIS, NVSP_CHANNEL_CONTROL, NVSP_SECTION_NONE, 0 };
	struct nvsp_ndis_config config = { NVSP_NDIS_CONFIG, 1514, 0,
		NVSP_CONFIG_CAP_SRIOV | NVSP_CONFIG_CAP_8021Q | 0x1000, 0 };
	struct nvsp_switch_data_path path = { NVSP_SWITCH_DATA_PATH, NVSP_DATA_PATH_VF };
	struct nvsp_vf_association vf = { NVSP_VF_ASSOCIATION, 1, 7 };

	(void)state;
	EXPECT_NVSP(init, "INIT version 6.1");
	EXPECT_NVSP(complete, "INIT_COMPLETE status success max-mdl-chain 34");
	EXPECT_NVSP(buffer, "SEND_BUFFER gpadl 0xe1e11 id 0x3");
	EXPECT_NVSP(recv, "RECV_BUFFER_COMPLETE status success sections 1 [at 0: 10 x 1728 "
		"bytes, end 17280]");
	EXPECT_NVSP(rndis, "RNDIS control no section");
	EXPECT_NVSP(config, "NDIS_CONFIG mtu 1514 capabilities sriov|8021q|0x1000");
	EXPECT_NVSP(path, "SWITCH_DATA_PATH to VF");
	EXPECT_NVSP(vf, "VF_ASSOCIATION VF present serial 7");
}

static void
what_is_too_short_or_unknown_is_said_to_be(void **state)
{
	struct nvsp_init init = { NVSP_INIT, NVSP_VERSION_61, 0 };
	uint32_t unknown[3] = { 4711, 0, 0 };

	(void)state;
	describe_nvsp(&init, 8, text, sizeof(text));
	assert_string_equal(text, "INIT (too short: 8 bytes)");
	describe_nvsp(&init, 3, text, sizeof(text));
	assert_string_equal(text, "too short: 3 bytes");
	describe_nvsp(NULL, 0, text, sizeof(text));
	assert_string_equal(text, "empty");
	EXPECT_NVSP(unknown, "unknown type 4711, 12 bytes");
	describe_rndis(unknown, 12, text, sizeof(text));
	assert_string_equal(text, "unknown type 0x1267, 12 bytes");
}

struct set_filter {
	struct rndis_oid_request request;
	uint32_t filter;
};

static const struct set_filter set_filter = {
	{ { RNDIS_SET, sizeof(struct set_filter) }, 3, OID_GEN_CURRENT_PACKET_FILTER, 4, 20, 0 },
	NDIS_FILTER_DIRECTED | NDIS_FILTER_PROMISCUOUS,
};

static void
rndis_messages_are_named_with_oid_and_information(void **state)
{
	struct set_filter wrong = set_filter;

	(void)state;
	describe_rndis(&set_filter, sizeof(set_filter), text, sizeof(text));
	assert_string_equal(text, "SET #3 OID_GEN_CURRENT_PACKET_FILTER directed|promiscuous");
	wrong.request.info_offset = 0xfffffff0;
	describe_rndis(&wrong, sizeof(wrong), text, sizeof(text));
	assert_string_equal(text, "SET #3 OID_GEN_CURRENT_PACKET_FILTER, 4 bytes at 4294967280: "
		"out of bounds");
	wrong = set_filter;
	wrong.request.header.msg_bytes = 99;
	describe_rndis(&wrong, sizeof(wrong), text, sizeof(text));
	assert_string_equal(text, "SET #3 OID_GEN_CURRENT_PACKET_FILTER directed|promiscuous "
		"(says 99 bytes, has 32)");
}

static void
oids_and_statuses_have_names_or_numbers(void **state)
{
	(void)state;
	assert_string_equal(describe_oid(OID_TCP_OFFLOAD_PARAMETERS),
		"OID_TCP_OFFLOAD_PARAMETERS");
	assert_string_equal(describe_oid(0x1234), "0x00001234");
	assert_string_equal(describe_status(NDIS_STATUS_NOT_SUPPORTED), "NOT_SUPPORTED");
	assert_string_equal(describe_status(0x1234), "0x00001234");
}

/* Describes bytes that end where their allocation does, into a text that
 * ends where its allocation does. */
static void
describe_exactly(const uint8_t *bytes, uint32_t n, uint32_t text_bytes, uint32_t oid)
{
	uint8_t *in = malloc(n);
	char *out = malloc(text_bytes);
	int length;

	assert_true(in != NULL || n == 0);
	assert_non_null(out);
	if (n > 0)
		memcpy(in, bytes, n);
	length = describe_nvsp(in, n, out, text_bytes);
	assert_int_equal(length, strlen(out));
	length = describe_rndis_reply(oid, in, n, out, text_bytes);
	assert_int_equal(length, strlen(out));
	free(in);
	free(out);
}

static const uint32_t known_oids[] = {
	OID_GEN_SUPPORTED_LIST, OID_GEN_LINK_SPEED, OID_GEN_VENDOR_DESCRIPTION,
	OID_GEN_CURRENT_PACKET_FILTER, OID_GEN_RECEIVE_SCALE_CAPABILITIES,
	OID_GEN_RECEIVE_SCALE_PARAMETERS, OID_GEN_MAX_LINK_SPEED, OID_GEN_LINK_STATE,
	OID_GEN_RNDIS_CONFIG_PARAMETER, OID_802_3_CURRENT_ADDRESS, OID_802_3_MULTICAST_LIST,
	OID_TCP_OFFLOAD_CURRENT_CONFIG, OID_TCP_OFFLOAD_PARAMETERS, NDIS_STATUS_OFFLOAD_CONFIG, 0,
};

static void
every_length_of_random_bytes_is_described_within_bounds(void **state)
{
	static const uint32_t types[] = { 1, 2, 100, 101, 102, 103, 104, 105, 106, 107, 108, 125,
		128, 129, 130, 131, 132, 133, 134, 135, 136, 3, 4, 5, 6, 7, 8, 9, 0x80000002,
		0x80000004, 0x80000005, 0x80000006, 0x80000008 };
	struct rng rng = { 42 };
	uint8_t bytes[256];

	(void)state;
	for (unsigned int round = 0; round < 40000; round++) {
		uint32_t type = types[rng_below(&rng, ARRAY_SIZE(types))];
		uint32_t oid = known_oids[rng_below(&rng, ARRAY_SIZE(known_oids))];
		uint32_t n = rng_below(&rng, sizeof(bytes) + 1);

		/* small numbers now and then, so that offsets are nearly right */
		for (unsigned int i = 0; i < sizeof(bytes); i++)
			bytes[i] = (uint8_t)(round % 3 == 0 || i % 4 == 0 ? rng_next(&rng) : 0);
		memcpy(bytes, &type, sizeof(type));
		if (round % 2 == 0)
			memcpy(bytes + 12, &oid, sizeof(oid));
		describe_exactly(bytes, n, 1 + rng_below(&rng, 300), oid);
	}
}

static void
every_prefix_of_a_right_message_is_described_within_bounds(void **state)
{
	struct {
		struct rndis_oid_request request;
		struct ndis_rss_parameters rss;
		uint32_t table[16];
		uint8_t key[40];
	} set = {
		{ { RNDIS_SET, sizeof(set) }, 9, OID_GEN_RECEIVE_SCALE_PARAMETERS,
			sizeof(set) - sizeof(struct rndis_oid_request), 20, 0 },
		{ .header = { NDIS_OBJECT_RSS_PARAMETERS, 2, 40 }, .hash_info = 0x301,
			.table_bytes = 64, .table_offset = 44, .key_bytes = 40,
			.key_offset = 44 + 64 },
		{ 1, 2, 3, 0 }, { 0x6d, 0x5a },
	};

	(void)state;
	describe_rndis(&set, sizeof(set), text, sizeof(text));
	assert_string_equal(text, "SET #9 OID_GEN_RECEIVE_SCALE_PARAMETERS revision 2 flags none "
		"hash toeplitz|ipv4|tcp4 table of 16: 1 2 3 0 0 0 0 0 0 0 0 0 0 0 0 0 key of 40 "
		"6d5a000000000000...");
	for (uint32_t n = 0; n <= sizeof(set); n++)
		describe_exactly((const uint8_t *)&set, n, 400, 0);
}

/* ---- trace.c ---- */

static char lines[8][4096];
static unsigned int line_count;

static void
keep_line(struct trace_listener *listener, const char *json_line)
{
	(void)listener;
	if (line_count < ARRAY_SIZE(lines))
		snprintf(lines[line_count++], sizeof(lines[0]), "%s", json_line);
}

static const char *
line_field(unsigned int i, const char *field)
{
	static char value[4096];
	json_t *line = json_loads(lines[i], 0, NULL);
	const char *string = json_string_value(json_object_get(line, field));

	snprintf(value, sizeof(value), "%s", string != NULL ? string : "(none)");
	json_decref(line);
	return value;
}

static void
nobody_listening_costs_no_line(void **state)
{
	(void)state;
	assert_false(trace_on);
	line_count = 0;
	trace_event("nic0", 1, "opened");
	assert_int_equal(line_count, 0);
}

static void
a_listener_gets_messages_and_events_as_json(void **state)
{
	struct trace_listener listener = { .line = keep_line };

	(void)state;
	line_count = 0;
	trace_listen(&listener);
	assert_true(trace_on);
	trace_message("nic0", 14, TRACE_TO_HOST, TRACE_RNDIS, &set_filter, sizeof(set_filter));
	trace_event("nic0", 14, "closed \"%s\"\xff", "now");
	trace_unlisten(&listener);
	assert_false(trace_on);
	assert_int_equal(line_count, 2);
	assert_string_equal(line_field(0, "nic"), "nic0");
	assert_string_equal(line_field(0, "to"), "host");
	assert_string_equal(line_field(0, "kind"), "rndis");
	assert_string_equal(line_field(0, "text"),
		"SET #3 OID_GEN_CURRENT_PACKET_FILTER directed|promiscuous");
	assert_memory_equal(line_field(0, "hex"), "0500000020000000", 16);
	assert_string_equal(line_field(1, "kind"), "event");
	assert_string_equal(line_field(1, "text"), "(not UTF-8)");
}

static void
a_reply_is_decoded_by_the_request_it_answers(void **state)
{
	struct trace_listener listener = { .line = keep_line };
	struct rndis_oid_request query = { { RNDIS_QUERY, sizeof(query) }, 77,
		OID_GEN_LINK_SPEED, 0, 0, 0 };
	struct {
		struct rndis_query_complete complete;
		uint32_t speed;
	} reply = { { { RNDIS_QUERY | RNDIS_COMPLETION, sizeof(reply) }, 77, 0, 4, 16 }, 100 };

	(void)state;
	line_count = 0;
	trace_listen(&listener);
	trace_message("a", 1, TRACE_TO_HOST, TRACE_RNDIS, &query, sizeof(query));
	trace_message("b", 2, TRACE_TO_GUEST, TRACE_RNDIS, &reply, sizeof(reply));
	trace_message("a", 1, TRACE_TO_GUEST, TRACE_RNDIS, &reply, sizeof(reply));
	trace_unlisten(&listener);
	assert_string_equal(line_field(1, "text"), "QUERY_COMPLETE #77 success, 4 bytes: 64000000");
	assert_string_equal(line_field(2, "text"),
		"QUERY_COMPLETE #77 success OID_GEN_LINK_SPEED 10000 bit/s");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nvsp_messages_are_named_with_their_fields),
		cmocka_unit_test(what_is_too_short_or_unknown_is_said_to_be),
		cmocka_unit_test(rndis_messages_are_named_with_oid_and_information),
		cmocka_unit_test(oids_and_statuses_have_names_or_numbers),
		cmocka_unit_test(every_length_of_random_bytes_is_described_within_bounds),
		cmocka_unit_test(every_prefix_of_a_right_message_is_described_within_bounds),
		cmocka_unit_test(nobody_listening_costs_no_line),
		cmocka_unit_test(a_listener_gets_messages_and_events_as_json),
		cmocka_unit_test(a_reply_is_decoded_by_the_request_it_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
