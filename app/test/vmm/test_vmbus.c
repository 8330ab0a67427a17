/* SPDX-License-Identifier: BSD-3-Clause */

/* The VMBus connection and page lists, fed by the bytes that a kernel posts. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "vmbus_fixture.h"

/* ---- connection ---- */

static void
only_versions_up_to_the_newest_are_agreed(void **state)
{
	static const struct {
		uint32_t version;
		bool ok;
	} cases[] = {
		{ VMBUS_V6_0, false }, { VMBUS_VERSION(5, 4), false }, { VMBUS_V5_3, true },
		{ VMBUS_V5_0, true }, { VMBUS_V4_1, true }, { VMBUS_VERSION(4, 0), true },
		{ VMBUS_V2_4, true }, { VMBUS_VERSION(1, 1), false }, { 0, false },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct vmbus_version_response *response;

		contact(cases[i].version, false);
		response = reply(0, VMBUS_VERSION_RESPONSE);
		assert_int_equal(response->supported, cases[i].ok);
		assert_int_equal(sent[sent_count - 1].length, 16);
		assert_int_equal(sent[sent_count - 1].vp, 1);
		if (cases[i].ok)
			assert_int_equal(response->connection_id, cases[i].version >= VMBUS_V5_0 ?
				VMBUS_CONNECTION_NEW : cases[i].version);
	}
	assert_int_equal(violations, 0);
}

static void
version_6_0_answers_with_the_features_both_have(void **state)
{
	const struct vmbus_version_response *response;

	(void)state;
	vmbus.version_max = VMBUS_V6_0;
	contact(VMBUS_V6_0, false);
	response = reply(0, VMBUS_VERSION_RESPONSE);
	assert_int_equal(sent[sent_count - 1].length, 20);
	assert_int_equal(response->features, VMBUS_FEATURE_CLIENT_ID);
}

static void
an_offer_has_the_class_and_instance_as_the_wire_wants_them(void **state)
{
	static const uint8_t class_id[] = { 0x63, 0x51, 0x61, 0xf8, 0x3e, 0xdf, 0xc5, 0x46 };
	const struct vmbus_offer *offer;

	(void)state;
	connect_guest(false);
	reply(0, VMBUS_ALL_OFFERS_DELIVERED);
	offer = reply(1, VMBUS_OFFER);
	assert_memory_equal(offer->class_id, class_id, sizeof(class_id));
	assert_int_equal(offer->instance[3], 1);
	assert_int_equal(offer->relid, 1);
	assert_int_equal(offer->connection_id, 0x2001);
	assert_int_equal(offer->dedicated_interrupt, 1);
	/* The guest gave no pages: it is to signal by hypercall. */
	assert_int_equal(offer->monitor_allocated, 0);
	assert_int_equal(offer->monitor_id, VMBUS_MONITOR_NONE);
}

static void
malformed_messages_are_violations_and_nothing_else(void **state)
{
	static const struct {
		uint32_t type, bytes;
	} cases[] = {
		{ VMBUS_OFFER, 196 }, { VMBUS_OPEN, 147 }, { VMBUS_CLOSE, 8 }, { VMBUS_CLOSE, 11 },
		{ VMBUS_GPADL_HEADER, 27 }, { VMBUS_GPADL_BODY, 12 }, { VMBUS_RELID_RELEASED, 9 },
		{ VMBUS_INITIATE_CONTACT, 39 }, { VMBUS_MODIFY_CHANNEL, 12 }, { 0, 8 },
		{ 12345, 240 }, { UINT32_MAX, 8 }, { VMBUS_UNLOAD, 7 }, { VMBUS_UNLOAD, 0 },
		{ VMBUS_TL_CONNECT, 240 }, { VMBUS_UNLOAD, 241 },
	};
	uint8_t message[300] = { 0 };
	uint32_t before;

	(void)state;
	connect_guest(false);
	before = sent_count;
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		memcpy(message, &cases[i].type, sizeof(uint32_t));
		post(message, cases[i].bytes);
		assert_int_equal(violations, i + 1);
	}
	assert_int_equal(sent_count, before);
	assert_true(vmbus.connected);
}

static void
nothing_but_a_contact_is_taken_without_a_connection(void **state)
{
	(void)state;
	post_simple(VMBUS_REQUEST_OFFERS);
	post_gpadl(1, 1, 1, 0);
	post_relid(VMBUS_CLOSE, 1);
	assert_int_equal(violations, 3);
	assert_int_equal(sent_count, 0);
}

static void
a_contact_with_one_monitor_page_or_one_that_is_no_ram_fails(void **state)
{
	struct vmbus_initiate_contact message = {
		.header = { .type = VMBUS_INITIATE_CONTACT }, .version = VMBUS_V5_3,
		.monitor_to_host = MONITOR_PAGE * HV_PAGE_BYTES,
	};
	const struct vmbus_version_response *response;

	(void)state;
	post(&message, sizeof(message));
	response = reply(0, VMBUS_VERSION_RESPONSE);
	assert_int_equal(response->state, 2);
	message.monitor_to_guest = HV_PAGE_BYTES;
	message.monitor_to_host = RAM_PAGES * HV_PAGE_BYTES;
	post(&message, sizeof(message));
	message.monitor_to_host = MONITOR_PAGE * HV_PAGE_BYTES + 8;
	post(&message, sizeof(message));
	assert_int_equal(violations, 3);
	assert_false(vmbus.connected);
	message.target_vp = 2;
	post(&message, sizeof(message));
	assert_int_equal(violations, 4);
	assert_int_equal(sent_count, 3);        /* there is nobody to answer */
}

/* ---- page lists ---- */

static void
a_gpadl_becomes_memory_when_its_last_page_has_come(void **state)
{
	uint8_t *base;
	uint64_t bytes;

	(void)state;
	connect_guest(false);
	post_gpadl(1, 7, 7936, 100);
	assert_int_equal(created_status(), 0);
	assert_int_equal(vmm_transport.gpadl(device, 7, &base, &bytes), 0);
	assert_int_equal(bytes, 7936 * HV_PAGE_BYTES);
	assert_int_equal(vmm_transport.gpadl(device, 8, &base, &bytes), -ENOENT);
	assert_int_equal(violations, 0);
}

static void
malformed_gpadls_fail_and_leave_nothing(void **state)
{
	static const struct vmbus_gpadl_header cases[] = {
		{ .relid = 2, .gpadl = 5, .range_count = 1, .byte_count = 4096 },
		{ .relid = 0, .gpadl = 5, .range_count = 1, .byte_count = 4096 },
		{ .relid = 99999, .gpadl = 5, .range_count = 1, .byte_count = 4096 },
		{ .relid = 1, .gpadl = 0, .range_count = 1, .byte_count = 4096 },
		{ .relid = 1, .gpadl = 5, .range_count = 0, .byte_count = 4096 },
		{ .relid = 1, .gpadl = 5, .range_count = 2, .byte_count = 4096 },
		{ .relid = 1, .gpadl = 5, .range_count = 1, .byte_count = 0 },
		{ .relid = 1, .gpadl = 5, .range_count = 1, .byte_count = 4095 },
		{ .relid = 1, .gpadl = 5, .range_count = 1, .byte_count = 4096, .byte_offset = 8 },
		{ .relid = 1, .gpadl = 5, .range_count = 1, .byte_count = 0xfffff000 },
	};

	(void)state;
	connect_guest(false);
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		struct vmbus_gpadl_header message = cases[i];

		message.header.type = VMBUS_GPADL_HEADER;
		post(&message, sizeof(message));
		assert_int_equal(created_status(), VMBUS_STATUS_FAILED);
		assert_int_equal(violations, i + 1);
	}
	assert_int_equal(vmbus.gpadl_count, 0);
	assert_int_equal(vmbus.gpadl_pages, 0);
}

static void
a_gpadl_of_pages_that_are_no_ram_fails(void **state)
{
	(void)state;
	connect_guest(false);
	post_gpadl(1, 7, 3, 0xffffe);
	assert_int_equal(created_status(), VMBUS_STATUS_FAILED);
	assert_int_equal(vmbus.gpadl_count, 0);
	/* Its number may be used again. */
	post_gpadl(1, 7, 3, 100);
	assert_int_equal(created_status(), 0);
}

static void
page_numbers_beyond_the_end_of_a_gpadl_are_not_taken(void **state)
{
	struct {
		struct vmbus_gpadl_header header;
		uint8_t numbers[4 * 8];
	} message = { .header = {
		.header = { .type = VMBUS_GPADL_HEADER }, .relid = 1, .gpadl = 9,
		.range_count = 1, .byte_count = HV_PAGE_BYTES,
	} };
	struct vmbus_gpadl_body body = { .header = { .type = VMBUS_GPADL_BODY }, .gpadl = 9 };

	(void)state;
	connect_guest(false);
	post(&message, sizeof(message));
	assert_int_equal(created_status(), 0);
	assert_int_equal(violations, 1);
	post(&body, sizeof(body));
	assert_int_equal(violations, 2);
	assert_int_equal(vmbus.gpadl_pages, 1);
}

static void
gpadls_of_two_processors_may_come_interleaved(void **state)
{
	uint8_t a[VMBUS_MESSAGE_MAX] = { 0 }, b[VMBUS_MESSAGE_MAX] = { 0 };
	struct vmbus_gpadl_header header = {
		.header = { .type = VMBUS_GPADL_HEADER }, .relid = 1, .gpadl = 1, .range_count = 1,
		.byte_count = 27 * HV_PAGE_BYTES,
	};
	struct vmbus_gpadl_body body = { .header = { .type = VMBUS_GPADL_BODY }, .gpadl = 1 };

	(void)state;
	connect_guest(false);
	memcpy(a, &header, sizeof(header));
	header.gpadl = 2;
	memcpy(b, &header, sizeof(header));
	post(a, 28 + 26 * 8);
	post(b, 28 + 26 * 8);
	memcpy(a, &body, sizeof(body));
	body.gpadl = 2;
	memcpy(b, &body, sizeof(body));
	memset(a + 16, 0, 8);
	memset(b + 16, 0, 8);
	post(b, 24);
	assert_int_equal(created_status(), 0);
	post(a, 24);
	assert_int_equal(created_status(), 0);
	assert_int_equal(mapped, 2);
}

static void
a_teardown_is_answered_also_for_a_gpadl_that_is_not_there(void **state)
{
	struct vmbus_gpadl_teardown message = {
		.header = { .type = VMBUS_GPADL_TEARDOWN }, .relid = 1, .gpadl = 77,
	};

	(void)state;
	connect_guest(false);
	post(&message, sizeof(message));
	reply(0, VMBUS_GPADL_TORNDOWN);
	assert_int_equal(violations, 1);
}

/* The VSP may still write to it: a guest's kernel that reuses the pages early
 * harms only itself, the host must not read what is no longer mapped. */
static void
memory_torn_down_under_an_open_channel_is_kept_until_it_is_closed(void **state)
{
	struct vmbus_gpadl_teardown message = {
		.header = { .type = VMBUS_GPADL_TEARDOWN }, .relid = 1, .gpadl = 0xe1e10,
	};
	uint8_t *base;
	uint64_t bytes;

	(void)state;
	open_primary();
	post(&message, sizeof(message));
	reply(0, VMBUS_GPADL_TORNDOWN);
	assert_int_equal(mapped, 1);
	assert_int_equal(vmbus.counters.teardowns_in_use, 1);
	assert_int_equal(vmm_transport.gpadl(device, 0xe1e10, &base, &bytes), -ENOENT);
	post_relid(VMBUS_CLOSE, 1);
	assert_int_equal(primary.closed, 1);
	assert_int_equal(mapped, 0);
	assert_int_equal(violations, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(only_versions_up_to_the_newest_are_agreed),
		CASE(version_6_0_answers_with_the_features_both_have),
		CASE(an_offer_has_the_class_and_instance_as_the_wire_wants_them),
		CASE(malformed_messages_are_violations_and_nothing_else),
		CASE(nothing_but_a_contact_is_taken_without_a_connection),
		CASE(a_contact_with_one_monitor_page_or_one_that_is_no_ram_fails),
		CASE(a_gpadl_becomes_memory_when_its_last_page_has_come),
		CASE(malformed_gpadls_fail_and_leave_nothing),
		CASE(a_gpadl_of_pages_that_are_no_ram_fails),
		CASE(page_numbers_beyond_the_end_of_a_gpadl_are_not_taken),
		CASE(gpadls_of_two_processors_may_come_interleaved),
		CASE(a_teardown_is_answered_also_for_a_gpadl_that_is_not_there),
		CASE(memory_torn_down_under_an_open_channel_is_kept_until_it_is_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
