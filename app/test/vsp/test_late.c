/* SPDX-License-Identifier: BSD-3-Clause */

/* A host that leaves requests without an answer, answers twice, or late; and one that
 * does not obey when it should let go of a buffer. */

#include <stdio.h>

#include "../../hvsim/vsp/late.h"
#include "control_fixture.h"
#include "../fault/arm.h"

static int
teardown(void **state)
{
	(void)state;
	fault_disarm("all");
	late_forget(host.nic != NULL ? &host.nic->channel[0] : NULL);
	host_stop();
	return 0;
}

/* What a round of the host does. */
static void
look(void)
{
	if (host.nic != NULL)
		late_due(&host.nic->channel[0]);
}

static void
say_halt(void)
{
	struct rndis_halt halt = { { RNDIS_HALT, sizeof(halt) }, 1 };

	guest_rndis(&halt, sizeof(halt));
}

static void
say_switch(void)
{
	struct nvsp_switch_data_path message = { NVSP_SWITCH_DATA_PATH, NVSP_DATA_PATH_SYNTHETIC };

	guest_send(0, &message, sizeof(message));
}

static void
say_oid_query(void)
{
	struct nvsp_oid_query_ex message = { .type = NVSP_OID_QUERY_EX };

	guest_send(0, &message, sizeof(message));
}

static void
say_subchannel(void)
{
	ask_subchannels(NVSP_SUBCHANNEL_ALLOCATE, 1);
}

static void
say_keepalive(void)
{
	struct rndis_keepalive alive = { { RNDIS_KEEPALIVE, sizeof(alive) }, 77 };

	guest_rndis(&alive, sizeof(alive));
}

static void
say_query(void)
{
	uint32_t query[7] = { RNDIS_QUERY, sizeof(query), 77, OID_GEN_CURRENT_PACKET_FILTER };

	guest_rndis(query, sizeof(query));
}

static void
say_ndis_config(void)
{
	guest_ndis_config(1514, 0);
}

static void
say_ndis_version(void)
{
	guest_ndis_version(6, 30);
}

static void
say_init(void)
{
	struct nvsp_init init = { NVSP_INIT, NVSP_VERSION_61, NVSP_VERSION_61 };

	guest_send(0, &init, sizeof(init));
}

static void
say_recv_buffer(void)
{
	guest_recv_buffer(RECV_GPADL);
}

static void
say_send_buffer(void)
{
	guest_send_buffer(SEND_GPADL);
}

/* Each request that has an answer, and the kind of it. */
static const struct request {
	const char *message;
	enum stage stage;
	void (*say)(void);
	enum sent_kind answer;
} requests[] = {
	{ "init", AT_START, say_init, SENT_COMPLETION },
	{ "ndis-config", AT_NEGOTIATED, say_ndis_config, SENT_COMPLETION },
	{ "ndis-version", AT_CONFIGURED, say_ndis_version, SENT_COMPLETION },
	{ "recv-buffer", AT_CONFIGURED, say_recv_buffer, SENT_COMPLETION },
	{ "send-buffer", AT_RECEIVING, say_send_buffer, SENT_COMPLETION },
	{ "rndis-init", AT_READY, guest_rndis_init, SENT_TRANSFER },
	{ "subchannel", AT_OPERATIONAL, say_subchannel, SENT_COMPLETION },
	{ "oid-query", AT_OPERATIONAL, say_oid_query, SENT_COMPLETION },
	{ "switch-data-path", AT_OPERATIONAL, say_switch, SENT_COMPLETION },
	{ "rndis-query", AT_OPERATIONAL, say_query, SENT_TRANSFER },
	{ "rndis-keepalive", AT_OPERATIONAL, say_keepalive, SENT_TRANSFER },
	{ "rndis-halt", AT_OPERATIONAL, say_halt, SENT_COMPLETION },
};

/* The answer to one request under a fault; how many of that kind came. */
static unsigned int
answers(const struct request *request, const char *fault, struct sent *first)
{
	char text[96];

	fault_disarm("all");
	look();
	reach("ws2022", request->stage);
	host_forget();
	if (fault != NULL) {
		snprintf(text, sizeof(text), "%s:message=%s", fault, request->message);
		arm(text);
	}
	request->say();
	if (first != NULL && sent_nth(request->answer, 0) != NULL)
		*first = *sent_nth(request->answer, 0);
	return sent_kinds(request->answer);
}

static void
any_one_request_can_be_left_without_its_answer_or_get_it_twice(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(requests); i++) {
		unsigned int honest = answers(&requests[i], NULL, NULL);

		if (honest == 0 || answers(&requests[i], "silent", NULL) != honest - 1 ||
		    answers(&requests[i], "twice", NULL) != honest + 1)
			fail_msg("%s: %u answers of an honest host", requests[i].message, honest);
		assert_no_violation();
	}
}

static void
any_answer_that_is_held_comes_as_it_was_when_the_fault_is_disarmed(void **state)
{
	struct sent honest, late;

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(requests); i++) {
		const struct request *request = &requests[i];
		unsigned int n = answers(request, NULL, &honest);

		memset(&late, 0, sizeof(late));
		if (answers(request, "held", NULL) != n - 1)
			fail_msg("%s is not held", request->message);
		look();
		assert_int_equal(sent_kinds(request->answer), n - 1);
		assert_int_equal(late_held, 1);
		assert_true(late_next_ns() == UINT64_MAX);
		fault_disarm("held");
		look();
		assert_int_equal(late_held, 0);
		assert_int_equal(sent_kinds(request->answer), n);
		late = *sent_nth(request->answer, n - 1);
		assert_int_equal(late.bytes, honest.bytes);
		assert_memory_equal(late.payload, honest.payload, late.bytes);
		assert_int_equal(late.rndis_bytes, honest.rndis_bytes);
		if (late.rndis_bytes > 8)
			assert_memory_equal(late.rndis, honest.rndis, 8);
	}
}

static void
an_answer_that_is_held_for_a_time_comes_by_itself(void **state)
{
	(void)state;
	reach("ws2022", AT_OPERATIONAL);
	host_forget();
	arm("held:message=rndis-keepalive,for=1000s");
	arm("held:message=switch-data-path,for=0s");
	say_keepalive();
	say_switch();
	assert_int_equal(late_held, 2);
	assert_true(late_next_ns() != UINT64_MAX);
	look();
	assert_int_equal(late_held, 1);
	assert_int_equal(sent_kinds(SENT_TRANSFER), 0);
	assert_int_equal(sent_kinds(SENT_COMPLETION), 2);
	late_forget(&host.nic->channel[0]);
	assert_int_equal(late_held, 0);
	assert_true(late_next_ns() == UINT64_MAX);
}

static void
what_is_late_comes_in_its_order_and_the_next_is_answered_meanwhile(void **state)
{
	(void)state;
	reach("ws2022", AT_OPERATIONAL);
	host_forget();
	arm("held:message=rndis-query");
	arm("held:message=rndis-keepalive");
	say_keepalive();
	say_query();
	assert_int_equal(sent_kinds(SENT_TRANSFER), 0);
	say_keepalive();
	assert_int_equal(sent_kinds(SENT_TRANSFER), 1);
	fault_disarm("all");
	look();
	assert_int_equal(rndis_u32(sent_nth(SENT_TRANSFER, 1), 0), RNDIS_KEEPALIVE | RNDIS_COMPLETION);
	assert_int_equal(rndis_u32(sent_nth(SENT_TRANSFER, 2), 0), RNDIS_QUERY | RNDIS_COMPLETION);
	assert_no_violation();
}

static void
revoke(uint32_t type)
{
	struct nvsp_revoke message = { .type = type };

	guest_send(0, &message, sizeof(message));
}

static void
a_host_that_keeps_a_buffer_goes_on_as_if_nothing_had_been_said(void **state)
{
	static const struct {
		const char *fault;
		uint32_t type;
	} rows[] = {
		{ "silent:message=revoke-recv-buffer", NVSP_REVOKE_RECV_BUFFER },
		{ "held:message=revoke-recv-buffer", NVSP_REVOKE_RECV_BUFFER },
		{ "silent:message=revoke-send-buffer", NVSP_REVOKE_SEND_BUFFER },
		{ "held:message=revoke-send-buffer", NVSP_REVOKE_SEND_BUFFER },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		reach("ws2022", AT_OPERATIONAL);
		arm(rows[i].fault);
		revoke(rows[i].type);
		look();
		assert_false(channel_dead(0));
		host_forget();
		say_keepalive();
		assert_int_equal(sent_kinds(SENT_TRANSFER), 1);
		fault_disarm("all");
		look();
		assert_int_equal(channel_dead(0), rows[i].fault[0] == 'h');
		if (!channel_dead(0))
			revoke(rows[i].type);
		assert_true(channel_dead(0));
		assert_no_violation();
	}
}

static void
nothing_is_late_that_does_not_fit(void **state)
{
	(void)state;
	reach("ws2022", AT_OPERATIONAL);
	host_forget();
	arm("held:message=switch-data-path,count=0");
	for (unsigned int i = 0; i < 70; i++)
		say_switch();
	assert_int_equal(late_held, 64);
	assert_int_equal(sent_kinds(SENT_COMPLETION), 6);
	fault_disarm("all");
	look();
	assert_int_equal(sent_kinds(SENT_COMPLETION), 70);
}

#define CASE(name) cmocka_unit_test_teardown(name, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(any_one_request_can_be_left_without_its_answer_or_get_it_twice),
		CASE(any_answer_that_is_held_comes_as_it_was_when_the_fault_is_disarmed),
		CASE(an_answer_that_is_held_for_a_time_comes_by_itself),
		CASE(what_is_late_comes_in_its_order_and_the_next_is_answered_meanwhile),
		CASE(a_host_that_keeps_a_buffer_goes_on_as_if_nothing_had_been_said),
		CASE(nothing_is_late_that_does_not_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
