/* SPDX-License-Identifier: BSD-3-Clause */

/* fault/fault.c: which message is hit, and what becomes of it. That the VSP
 * asks is shown by the scenarios. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../../drivers/net/netvsc/nvsp_wire.h"
#include "../../../drivers/net/netvsc/rndis_wire.h"
#include "core/util.h"
#include "fault/fault.h"

static char error[256];

static void
arm(const char *text)
{
	error[0] = '\0';
	if (fault_arm(text, error, sizeof(error)) != 0)
		fail_msg("%s: %s", text, error);
}

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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_honest_host_passes_everything_on_unchanged),
		cmocka_unit_test_teardown(nth_and_count_say_which_messages_are_hit, disarm_all),
		cmocka_unit_test_teardown(silence_lasts_until_it_is_disarmed, disarm_all),
		cmocka_unit_test_teardown(a_note_comes_before_its_answer_unless_that_is_dropped,
			disarm_all),
		cmocka_unit_test_teardown(one_queue_can_be_unread_alone, disarm_all),
		cmocka_unit_test_teardown(each_lie_writes_its_field_and_nothing_else, disarm_all),
		cmocka_unit_test_teardown(a_transfer_that_was_renamed_comes_back_by_its_real_name_once,
			disarm_all),
		cmocka_unit_test_teardown(answers_are_known_by_their_type, disarm_all),
		cmocka_unit_test(a_wrong_request_is_refused_with_a_sentence),
		cmocka_unit_test_teardown(more_faults_than_there_is_room_for_are_refused, disarm_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
