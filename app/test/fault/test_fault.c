/* SPDX-License-Identifier: BSD-3-Clause */

/* fault/fault.c: which message is hit, and what becomes of it. That the VSP
 * asks is shown by the scenarios. */

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "../../../drivers/net/netvsc/ndis_wire.h"
#include "../../../drivers/net/netvsc/nvsp_wire.h"
#include "../../../drivers/net/netvsc/rndis_wire.h"
#include "core/util.h"
#include "arm.h"

static char error[256];

static int
disarm_all(void **state)
{
	(void)state;
	return fault_disarm("all");
}

static uint64_t
fired(const char *name)
{
	struct fault_info info;

	for (unsigned int i = 0; fault_info(i, &info); i++)
		if (strcmp(info.name, name) == 0)
			return info.fired;
	fail_msg("no fault %s", name);
	return 0;
}

static void
an_honest_host_passes_everything_on_unchanged(void **state)
{
	uint64_t bytes[16] = { 1, 2, 3 }, same[16];

	(void)state;
	memcpy(same, bytes, sizeof(same));
	for (unsigned int m = 0; m < FAULT_MESSAGE_COUNT; m++)
		assert_int_equal(fault_at((enum fault_message)m, bytes, sizeof(bytes)), FAULT_PASS);
	assert_memory_equal(bytes, same, sizeof(same));
	assert_int_equal(fault_armed, 0);
}

static void
nth_and_count_say_which_messages_are_hit(void **state)
{
	static const char *const wanted = "..xx....";
	uint64_t before = fired("silent");

	(void)state;
	arm("silent:message=rndis-set,nth=3,count=2");
	for (unsigned int i = 0; wanted[i] != '\0'; i++) {
		assert_int_equal(fault_at(FAULT_RNDIS_SET, NULL, 0),
			wanted[i] == 'x' ? FAULT_DROP : FAULT_PASS);
		assert_int_equal(fault_at(FAULT_RNDIS_QUERY, NULL, 0), FAULT_PASS);
	}
	assert_int_equal(fired("silent") - before, 2);
}

static void
silence_lasts_until_it_is_disarmed(void **state)
{
	(void)state;
	arm("unread");
	for (unsigned int i = 0; i < 1000; i++)
		assert_int_equal(fault_at(FAULT_RING, NULL, 0), FAULT_DROP);
	assert_int_equal(fault_disarm("unread"), 0);
	assert_int_equal(fault_at(FAULT_RING, NULL, 0), FAULT_PASS);
	assert_int_equal(fault_disarm("unread"), -ENOENT);
	assert_int_equal(fault_armed, 0);
}

static void
a_note_comes_before_its_answer_unless_that_is_dropped(void **state)
{
	uint32_t nvsp[10] = { NVSP_RECV_BUFFER_COMPLETE };

	(void)state;
	arm("vf-note:message=recv-buffer");
	assert_int_equal(fault_at_nvsp(nvsp, sizeof(nvsp)), FAULT_NOTE);
	assert_int_equal(fault_at_nvsp(nvsp, sizeof(nvsp)), FAULT_PASS);
	fault_disarm("all");
	arm("silent:message=recv-buffer");
	arm("vf-note:message=recv-buffer");
	assert_int_equal(fault_at_nvsp(nvsp, sizeof(nvsp)), FAULT_DROP);
}

static void
answers_and_completions_can_be_doubled_and_completions_late(void **state)
{
	uint32_t nvsp[10] = { NVSP_SEND_BUFFER_COMPLETE };
	uint32_t rndis[10] = { RNDIS_SET | RNDIS_COMPLETION };
	uint64_t id = 7;

	(void)state;
	arm("twice:message=send-buffer");
	arm("twice:message=rndis-set,nth=2");
	arm("late:count=2");
	assert_int_equal(fault_at_nvsp(nvsp, sizeof(nvsp)), FAULT_TWICE);
	assert_int_equal(fault_at_nvsp(nvsp, sizeof(nvsp)), FAULT_PASS);
	assert_int_equal(fault_at_rndis(rndis, sizeof(rndis)), FAULT_PASS);
	assert_int_equal(fault_at_rndis(rndis, sizeof(rndis)), FAULT_TWICE);
	assert_int_equal(fault_at(FAULT_COMPLETION, &id, sizeof(id)), FAULT_LATE);
	assert_int_equal(fault_at(FAULT_COMPLETION, &id, sizeof(id)), FAULT_LATE);
	assert_int_equal(fault_at(FAULT_COMPLETION, &id, sizeof(id)), FAULT_PASS);
}

/* ---- late, rarely, in floods ---- */

static void
what_is_held_is_so_until_its_fault_is_disarmed_or_its_time_over(void **state)
{
	struct fault_hold first, second;

	(void)state;
	arm("held:message=return");
	arm("held:message=init,for=1000s");
	arm("held:message=rndis-set,for=0s,count=0");
	assert_int_equal(fault_at(FAULT_RETURN, NULL, 0), FAULT_HOLD);
	first = fault_hold();
	assert_int_equal(fault_at(FAULT_RETURN, NULL, 0), FAULT_PASS);  /* one without count= */
	assert_int_equal(fault_at(FAULT_INIT, NULL, 0), FAULT_HOLD);
	second = fault_hold();
	assert_true(first.until_ns == UINT64_MAX && second.until_ns != UINT64_MAX);
	assert_int_equal(fault_at(FAULT_RNDIS_SET, NULL, 0), FAULT_HOLD);
	assert_false(fault_holds(&(struct fault_hold){ fault_hold().serial, fault_hold().until_ns }));
	assert_true(fault_holds(&first) && fault_holds(&second));
	fault_disarm("held");
	assert_false(fault_holds(&first) || fault_holds(&second));
	arm("held:message=return");     /* another is not this one */
	assert_false(fault_holds(&first));
}

static void
a_host_that_looks_rarely_looks_once_in_every_period(void **state)
{
	uint16_t one = 1, two = 2;

	(void)state;
	arm("rarely:message=monitor,every=1000s");
	arm("rarely:message=ring,every=0s,queue=1");
	arm("rarely:message=ring,every=1000s,queue=2");
	assert_int_equal(fault_at(FAULT_MONITOR, NULL, 0), FAULT_PASS);
	for (unsigned int i = 0; i < 100; i++) {
		assert_int_equal(fault_at(FAULT_MONITOR, NULL, 0), FAULT_DROP);
		assert_int_equal(fault_at(FAULT_RING, &one, sizeof(one)), FAULT_PASS);
		assert_int_equal(fault_at(FAULT_RING, &two, sizeof(two)),
			i == 0 ? FAULT_PASS : FAULT_DROP);
	}
	fault_disarm("all");
	assert_int_equal(fault_at(FAULT_MONITOR, NULL, 0), FAULT_PASS);
}

static void
a_flood_is_of_its_kind_and_queue_and_does_nothing_to_what_is_sent_anyhow(void **state)
{
	uint64_t id = 7;

	(void)state;
	assert_int_equal(fault_flood(FAULT_COMPLETION, 0), 0);
	arm("flood:message=completion,value=9");
	arm("flood:message=completion,queue=3,nth=2");
	assert_int_equal(fault_at(FAULT_COMPLETION, &id, sizeof(id)), FAULT_PASS);
	assert_int_equal(id, 7);
	assert_int_equal(fault_flood(FAULT_COMPLETION, 0), 9);
	assert_int_equal(fault_flood(FAULT_TRANSFER, 0), 0);
	assert_int_equal(fault_flood(FAULT_COMPLETION, 3), 9);
	assert_int_equal(fault_flood(FAULT_COMPLETION, 3), 9 + 32);
}

static void
one_queue_can_be_unread_alone(void **state)
{
	uint16_t one = 1, two = 2;

	(void)state;
	arm("unread:queue=2");
	assert_int_equal(fault_at(FAULT_RING, &one, sizeof(one)), FAULT_PASS);
	assert_int_equal(fault_at(FAULT_RING, &two, sizeof(two)), FAULT_DROP);
}

/* One row per lie: where in the message the value lands. */
static void
each_lie_writes_its_field_and_nothing_else(void **state)
{
	static const struct {
		const char *name;
		enum fault_message message;
		uint32_t offset, bytes;
	} rows[] = {
		{ "frame-ppi-offset", FAULT_FRAME, 28, 4 }, { "ppi-bytes", FAULT_FRAME, 44, 4 },
		{ "ppi-type", FAULT_FRAME, 48, 4 }, { "ppi-data-offset", FAULT_FRAME, 52, 4 },
		{ "range-bytes", FAULT_RANGES, 8, 4 }, { "range-offset", FAULT_RANGES, 12, 4 },
		{ "transfer-id", FAULT_TRANSFER, 8, 8 }, { "completion-id", FAULT_COMPLETION, 0, 8 },
		{ "packet-bytes", FAULT_PACKET, 4, 2 },
		{ "status:message=rndis-set", FAULT_RNDIS_SET, 12, 4 },
	};
	uint64_t value = 0x1122334455667788;

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		uint8_t bytes[64], want[64];
		char text[96];

		memset(bytes, 0xee, sizeof(bytes));
		memset(want, 0xee, sizeof(want));
		memcpy(want + rows[i].offset, &value, rows[i].bytes);
		snprintf(text, sizeof(text), "%s%svalue=0x1122334455667788", rows[i].name,
			strchr(rows[i].name, ':') != NULL ? "," : ":");
		arm(text);
		assert_int_equal(fault_at(rows[i].message, bytes, rows[i].offset), FAULT_PASS);
		assert_int_equal(bytes[rows[i].offset], 0xee);          /* too short a message */
		fault_disarm("all");
		arm(text);
		assert_int_equal(fault_at(rows[i].message, bytes, sizeof(bytes)), FAULT_PASS);
		if (memcmp(bytes, want, sizeof(bytes)) != 0)
			fail_msg("%s changed something else", rows[i].name);
		fault_disarm("all");
	}
}

static void
a_transfer_that_was_renamed_comes_back_by_its_real_name_once(void **state)
{
	uint64_t header[2] = { 0, 77 }, id = 5000;

	(void)state;
	arm("transfer-id:value=5000");
	fault_at(FAULT_TRANSFER, header, sizeof(header));
	assert_int_equal(header[1], 5000);
	fault_disarm("all");            /* what was told stays told */
	fault_at(FAULT_RETURN, &id, sizeof(id));
	assert_int_equal(id, 77);
	id = 5000;
	fault_at(FAULT_RETURN, &id, sizeof(id));
	assert_int_equal(id, 5000);
	assert_int_equal(fault_armed, 0);
}

static void
answers_are_known_by_their_type(void **state)
{
	uint32_t nvsp[10] = { NVSP_RECV_BUFFER_COMPLETE }, rndis[4] = { RNDIS_INIT | RNDIS_COMPLETION };
	uint32_t other[10] = { NVSP_VF_ASSOCIATION };

	(void)state;
	arm("silent:message=recv-buffer");
	arm("status:message=rndis-init,value=7");
	assert_int_equal(fault_at_nvsp(nvsp, sizeof(nvsp)), FAULT_DROP);
	assert_int_equal(fault_at_nvsp(nvsp, 3), FAULT_PASS);
	assert_int_equal(fault_at_nvsp(other, sizeof(other)), FAULT_PASS);
	assert_int_equal(fault_at_rndis(rndis, sizeof(rndis)), FAULT_PASS);
	assert_int_equal(rndis[3], 7);
}

static void
a_wrong_request_is_refused_with_a_sentence(void **state)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
		{ "nonsense", "there is no fault \"nonsense\"; see 'hvsim faults'" },
		{ "silent", "silent: say which message, as in silent:message=rndis-set" },
		{ "silent:message=tea", "there is no message \"tea\"; see 'hvsim faults'" },
		{ "unread:message=init", "unread does not know \"message\"; see 'hvsim faults'" },
		{ "ppi-bytes:queue=1", "ppi-bytes does not know \"queue\"; see 'hvsim faults'" },
		{ "unread:nth=x", "unread: nth=x is no number" },
		{ "flood:message=monitor", "flood is about no \"monitor\"; it is about transfer completion"
			" vf-association interrupt" },
		{ "rarely", "rarely: say which message, as in rarely:message=ring" },
		{ "rarely:message=ring,every=9", "rarely: every=9 is no time such as 100ms" },
		{ "held:message=init,for=x", "held: for=x is no time such as 100ms" },
		{ "held:message=init,every=1s", "held does not know \"every\"; see 'hvsim faults'" },
		{ "ppi-bytes:value=1,,", "\"value=1,,\" is no list of KEY=VALUE" },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(fault_arm(rows[i].text, error, sizeof(error)), -EINVAL);
		assert_string_equal(error, rows[i].says);
	}
	assert_int_equal(fault_armed, 0);
}

static void
more_faults_than_there_is_room_for_are_refused(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 16; i++)
		arm("unread:nth=100");
	assert_int_equal(fault_arm("unread", error, sizeof(error)), -ENOSPC);
	assert_int_equal(fault_armed, 16);
}

static uint8_t *
shown(enum lie_piece piece, void *bytes, uint32_t n, bool expected)
{
	assert_int_equal(fault_lie(piece, bytes, n), expected);
	return bytes;
}

static void
a_lie_is_about_one_field_of_one_message(void **state)
{
	struct nvsp_recv_buffer_complete answer = {
		.type = NVSP_RECV_BUFFER_COMPLETE, .status = 1, .section_count = 1,
		.section = { { 0, 2048, 100, 204800 } },
	};
	struct nvsp_recv_buffer_complete other = { .type = NVSP_SEND_BUFFER_COMPLETE };

	(void)state;
	arm("lie:message=NVSP_RECV_BUFFER_COMPLETE,field=section.suballoc_bytes,value=7");
	shown(LIE_PIECE_NVSP, &other, sizeof(other), false);
	shown(LIE_PIECE_RNDIS, &answer, sizeof(answer), false);
	shown(LIE_PIECE_NVSP, &answer, 16, false);      /* too short to have it */
	shown(LIE_PIECE_NVSP, &answer, sizeof(answer), true);
	assert_int_equal(answer.section[0].suballoc_bytes, 7);
	assert_int_equal(answer.section[0].suballoc_count, 100);
	assert_int_equal(answer.section[0].offset, 0);
	shown(LIE_PIECE_NVSP, &answer, sizeof(answer), false);  /* once */
}

static void
a_lie_may_be_near_the_truth(void **state)
{
	struct nvsp_send_buffer_complete answer = { NVSP_SEND_BUFFER_COMPLETE, 1, 6144 };

	(void)state;
	arm("lie:message=NVSP_SEND_BUFFER_COMPLETE,field=section_bytes,add=-1,count=0");
	shown(LIE_PIECE_NVSP, &answer, sizeof(answer), true);
	shown(LIE_PIECE_NVSP, &answer, sizeof(answer), true);
	assert_int_equal(answer.section_bytes, 6142);
}

static void
what_lies_inside_a_message_is_found_where_it_says(void **state)
{
	struct {
		struct rndis_query_complete head;
		uint8_t gap[4];
		struct ndis_rss_capabilities rss;
	} answer = {
		.head = { { RNDIS_QUERY | RNDIS_COMPLETION, sizeof(answer) }, 1, 0,
			NDIS_RSS_CAPABILITIES_BYTES_REV2, 20 },
		.rss = { { NDIS_OBJECT_RSS_CAPABILITIES, 2, 18 }, 0, 0, 8, 128, 0 },
	};
	struct {
		struct rndis_packet head;
		uint32_t ppi[4];
		struct rndis_ppi second;
		struct rndis_packet_id id;
	} frame = {
		.head = { .header = { RNDIS_PACKET, sizeof(frame) }, .ppi_offset = 36,
			.ppi_bytes = 32 },
		.ppi = { 16, RNDIS_PPI_VLAN, 12, 5 },
		.second = { 16, RNDIS_PPI_PACKET_ID, 12 }, .id = { 1, 2, 3 },
	};

	(void)state;
	arm("lie:message=NDIS_RSS_CAPABILITIES,field=queues,value=0xffffffff");
	shown(LIE_PIECE_RNDIS, &answer, sizeof(answer), true);
	assert_int_equal(answer.rss.queues, UINT32_MAX);
	arm("lie:message=RNDIS_PPI,field=bytes,value=0");
	arm("lie:message=RNDIS_PACKET_ID,field=packet_id,value=9");
	shown(LIE_PIECE_RNDIS, &frame, 60, false);      /* the list leads out of it */
	frame.ppi[0] = 16;
	shown(LIE_PIECE_RNDIS, &frame, sizeof(frame), true);
	assert_int_equal(frame.ppi[0], 0);
	frame.ppi[0] = 16;
	shown(LIE_PIECE_RNDIS, &frame, sizeof(frame), true);
	assert_int_equal(frame.id.packet_id, 9);
}

/* The same seed, the same ones. */
static void
chance_is_repeatable_and_time_can_be_waited_for(void **state)
{
	struct nvsp_rndis_complete answer = { NVSP_RNDIS_COMPLETE, 1 };
	char lied[3][65] = { "" };
	unsigned int n = 0;

	(void)state;
	for (unsigned int run = 0; run < 3; run++) {
		arm(run == 2 ? "lie:message=NVSP_RNDIS_COMPLETE,field=status,count=0,probability=50,seed=6" :
			"lie:message=NVSP_RNDIS_COMPLETE,field=status,count=0,probability=50,seed=5");
		for (unsigned int i = 0; i < 64; i++)
			lied[run][i] = fault_lie(LIE_PIECE_NVSP, &answer, sizeof(answer)) ? 'x' : '.';
		assert_int_equal(fault_disarm("all"), 0);
	}
	assert_string_equal(lied[0], lied[1]);
	assert_string_not_equal(lied[0], lied[2]);
	for (unsigned int i = 0; i < 64; i++)
		n += lied[0][i] == 'x';
	assert_in_range(n, 16, 48);
	arm("lie:message=NVSP_RNDIS_COMPLETE,field=status,after=1000s");
	shown(LIE_PIECE_NVSP, &answer, sizeof(answer), false);
	arm("lie:message=NVSP_RNDIS_COMPLETE,field=status,after=0s");
	shown(LIE_PIECE_NVSP, &answer, sizeof(answer), true);
}

static void
a_lie_that_cannot_be_told_is_refused(void **state)
{
	static const struct {
		const char *text, *sentence;
	} rows[] = {
		{ "lie", "lie: there is no message \"\"; see 'hvsim faults'" },
		{ "lie:message=NVSP,field=type", "lie: there is no message \"NVSP\"; see 'hvsim faults'" },
		{ "lie:message=PACKET,field=typ",
			"lie: message PACKET has no field \"typ\"; see 'hvsim faults'" },
		{ "lie:message=PACKET,field=type,add=x", "lie does not know \"add\"; see 'hvsim faults'" },
		{ "lie:message=PACKET,field=type,probability=101",
			"lie: probability=101 is no number from 0 to 100" },
		{ "lie:message=PACKET,field=type,after=5", "lie: after=5 is no time such as 100ms" },
		{ "unread:field=type", "unread does not know \"field\"; see 'hvsim faults'" },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(fault_arm(rows[i].text, error, sizeof(error)), -EINVAL);
		assert_string_equal(error, rows[i].sentence);
	}
	assert_int_equal(fault_armed, 0);
}

/* Values of all widths, each on each field, stay inside the field. */
static void
every_lie_writes_its_field_and_nothing_else(void **state)
{
	struct lie_value value;

	(void)state;
	for (unsigned int i = 0; i < lie_count; i++)
		for (unsigned int v = 0; lie_value(v, &value); v++) {
			uint8_t bytes[24];

			memset(bytes, 0x5a, sizeof(bytes));
			lie_write(&lies[i], bytes + 8, &value);
			for (unsigned int b = 0; b < sizeof(bytes); b++)
				if (b < 8 || b >= 8u + lies[i].bytes)
					assert_int_equal(bytes[b], 0x5a);
		}
	assert_true(lie_count > 150);
}

/* ---- bytes that change while they are read ---- */

struct reader {
	const uint8_t *bytes;
	uint32_t n;
	bool saw;               /* atomic: another byte than the truth */
	bool enough;            /* atomic */
};

static void *
reader_run(void *arg)
{
	struct reader *reader = arg;

	while (!__atomic_load_n(&reader->enough, __ATOMIC_RELAXED))
		for (uint32_t i = 0; i < reader->n; i++)
			if (__atomic_load_n(&reader->bytes[i], __ATOMIC_RELAXED) != 0x5a)
				__atomic_store_n(&reader->saw, true, __ATOMIC_RELAXED);
	return NULL;
}

static void
bytes_change_while_another_thread_reads_them_and_are_put_back(void **state)
{
	uint8_t bytes[24];
	struct reader reader = { bytes, sizeof(bytes), false, false };
	const time_t end = time(NULL) + 60;
	pthread_t thread;

	(void)state;
	memset(bytes, 0x5a, sizeof(bytes));
	arm("flip:value=1000,seed=3");
	assert_int_equal(pthread_create(&thread, NULL, reader_run, &reader), 0);
	while (!__atomic_load_n(&reader.saw, __ATOMIC_RELAXED) && time(NULL) < end)
		assert_int_equal(fault_at(FAULT_SHOWN, bytes, sizeof(bytes)), FAULT_PASS);
	__atomic_store_n(&reader.enough, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	assert_true(reader.saw);
	for (uint32_t i = 0; i < sizeof(bytes); i++)
		assert_int_equal(bytes[i], 0x5a);
	assert_int_equal(fault_at(FAULT_SHOWN, bytes, 0), FAULT_PASS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_honest_host_passes_everything_on_unchanged),
		cmocka_unit_test_teardown(nth_and_count_say_which_messages_are_hit, disarm_all),
		cmocka_unit_test_teardown(silence_lasts_until_it_is_disarmed, disarm_all),
		cmocka_unit_test_teardown(a_note_comes_before_its_answer_unless_that_is_dropped,
			disarm_all),
		cmocka_unit_test_teardown(
			answers_and_completions_can_be_doubled_and_completions_late, disarm_all),
		cmocka_unit_test_teardown(
			what_is_held_is_so_until_its_fault_is_disarmed_or_its_time_over, disarm_all),
		cmocka_unit_test_teardown(a_host_that_looks_rarely_looks_once_in_every_period,
			disarm_all),
		cmocka_unit_test_teardown(
			a_flood_is_of_its_kind_and_queue_and_does_nothing_to_what_is_sent_anyhow,
			disarm_all),
		cmocka_unit_test_teardown(one_queue_can_be_unread_alone, disarm_all),
		cmocka_unit_test_teardown(each_lie_writes_its_field_and_nothing_else, disarm_all),
		cmocka_unit_test_teardown(a_transfer_that_was_renamed_comes_back_by_its_real_name_once,
			disarm_all),
		cmocka_unit_test_teardown(answers_are_known_by_their_type, disarm_all),
		cmocka_unit_test(a_wrong_request_is_refused_with_a_sentence),
		cmocka_unit_test_teardown(more_faults_than_there_is_room_for_are_refused, disarm_all),
		cmocka_unit_test_teardown(a_lie_is_about_one_field_of_one_message,
			disarm_all),
		cmocka_unit_test_teardown(a_lie_may_be_near_the_truth,
			disarm_all),
		cmocka_unit_test_teardown(what_lies_inside_a_message_is_found_where_it_says,
			disarm_all),
		cmocka_unit_test_teardown(chance_is_repeatable_and_time_can_be_waited_for,
			disarm_all),
		cmocka_unit_test_teardown(a_lie_that_cannot_be_told_is_refused,
			disarm_all),
		cmocka_unit_test_teardown(
			bytes_change_while_another_thread_reads_them_and_are_put_back, disarm_all),
		cmocka_unit_test_teardown(every_lie_writes_its_field_and_nothing_else,
			disarm_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
