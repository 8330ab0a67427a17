/* SPDX-License-Identifier: BSD-3-Clause */

/* What a host says by itself, and what it may answer, byte by byte: as in
 * test_netvsc_transcript.c. */

#include "transcript_lines.h"

#include <errno.h>
#include <string.h>

#include "netvsc_event.h"
#include "netvsc_ndis.h"
#include "netvsc_poll.h"

static void
host_says(struct fake_host *host, const char *text)
{
	uint8_t bytes[256];

	fake_host_inband(bytes, transcript_bytes(text, bytes, sizeof(bytes)));
	netvsc_poll_control(&host->dev);
}

static void
host_indicates(struct fake_host *host, const char *text)
{
	uint8_t bytes[256];

	fake_host_rndis(bytes, transcript_bytes(text, bytes, sizeof(bytes)));
	netvsc_poll_control(&host->dev);
}

static void
expect_indirection(const struct netvsc_notified *told, uint32_t first)
{
	assert_int_equal(told->indirection_count, 16);
	for (uint32_t i = 0; i < 16; i++)
		assert_int_equal(told->indirection[i], (first + i) % 3);
}

static void
what_a_host_says_unasked_ends_up_where_it_belongs(void **state)
{
	struct fake_host *host = transcript_open_61();
	const struct netvsc_notified *told = &host->dev.xact.notified;

	(void)state;
	host_says(host, "80000000 05000000 4d010203 (20)");     /* VF there, serial */
	assert_int_equal(told->vf_allocated, 1);
	assert_int_equal(told->vf_serial, 0x0302014d);
	host_says(host, "80000000 00000000 4e000000");
	assert_int_equal(told->vf_allocated, 0);
	assert_int_equal(told->vf_serial, 0x4e);
	host_says(host, "81000000 01000000");                   /* the data path is the VF */
	assert_int_equal(told->data_path, 1);
	host_says(host, "81000000 00000000");
	assert_int_equal(told->data_path, 0);
	/* 16 entries at 12; then at 40, the host having said where. */
	host_says(host, "86000000 10000000 0c000000" WORDS4("01", "02", "00", "01")
		WORDS4("02", "00", "01", "02") WORDS4("00", "01", "02", "00") WORDS4("01", "02", "00", "01"));
	expect_indirection(told, 1);
	host_says(host, "86000000 10000000 28000000 [28]" WORDS4("02", "00", "01", "02")
		WORDS4("00", "01", "02", "00") WORDS4("01", "02", "00", "01") WORDS4("02", "00", "01", "02"));
	expect_indirection(told, 2);
	assert_int_equal(told->malformed, 0);
	assert_int_equal(told->unknown, 0);
	host_says(host, "86000000 11000000 0c000000 (68)");     /* 17 entries */
	host_says(host, "86000000 00000000 0c000000 (68)");     /* none */
	host_says(host, "86000000 10000000 0b000000 (68)");     /* inside the header */
	host_says(host, "86000000 10000000 14000000 (64)");     /* behind the end */
	host_says(host, "81000000 02000000");
	host_says(host, "81000000 [1]");        /* a packet of 16 bytes: what follows is 0 */
	assert_int_equal(told->malformed, 5 + 1);
	expect_indirection(told, 2);
	host_says(host, "87000000 00000000");
	assert_int_equal(told->unknown, 1);
	transcript_close_61(host);
}

/* What is told on EAL's thread is told by a bit of its own. */
static void
each_event_is_its_own(void **state)
{
	struct fake_host *host = transcript_open_61();
	struct netvsc_notified *told = &host->dev.xact.notified;

	(void)state;
	host_says(host, "80000000 01000000 4d000000");
	assert_int_equal(told->pending, 0x8);
	host_says(host, "81000000 01000000");
	assert_int_equal(told->pending, 0x8 | 0x10);
	netvsc_event_removed(&host->dev);
	assert_int_equal(told->pending, 0x8 | 0x10 | 0x20);
	netvsc_event_broken(&host->dev);
	assert_int_equal(told->pending, 0x8 | 0x10 | 0x20 | 0x40);
	assert_int_equal(told->armed, 1);
	transcript_close_61(host);
	assert_int_equal(told->pending, 0);
	assert_int_equal(told->armed, 0);
}

/* Hosts up to version 6 say 12 and mean 40. */
static void
older_hosts_say_where_their_table_is_not(void **state)
{
	struct fake_host *host = transcript_open_61();

	(void)state;
	host->dev.host.nvsp = 0x60000;
	host_says(host, "86000000 10000000 0c000000 [28]" WORDS4("02", "00", "01", "02")
		WORDS4("00", "01", "02", "00") WORDS4("01", "02", "00", "01") WORDS4("02", "00", "01", "02"));
	expect_indirection(&host->dev.xact.notified, 2);
	/* Too short for that: then it is where they say. */
	host_says(host, "86000000 10000000 0c000000" WORDS4("01", "02", "00", "01")
		WORDS4("02", "00", "01", "02") WORDS4("00", "01", "02", "00") WORDS4("01", "02", "00", "01"));
	expect_indirection(&host->dev.xact.notified, 1);
	host->dev.host.nvsp = 0x60001;
	transcript_close_61(host);
}

/* Type 7, length, status, length and offset of what follows (from the status). */
static void
indications_are_taken_apart(void **state)
{
	struct fake_host *host = transcript_open_61();
	const struct netvsc_notified *told = &host->dev.xact.notified;

	(void)state;
	host_indicates(host, "07000000 14000000 0b000140 00000000 00000000");   /* connected */
	assert_true(host->dev.host.link_up);
	assert_int_equal(told->pending, 0x1);
	host_indicates(host, "07000000 14000000 0c000140 00000000 00000000");
	assert_false(host->dev.host.link_up);
	host_indicates(host, "07000000 1c000000 13000140 04000000 10000000 [4] 2e270000");
	assert_int_equal(host->dev.host.link_bps, 1003000);
	host_indicates(host, "07000000 b0000000 06000240 9c000000 0c000000 a7 03 9c00" OFFLOAD_REV3);
	transcript_told_offload(&told->offload);
	host_indicates(host, "07000000 14000000 18000140 00000000 00000000");   /* network */
	assert_int_equal(told->pending, 0x1 | 0x2 | 0x4);
	assert_int_equal(told->status_count, 5);
	assert_int_equal(told->malformed, 0);
	assert_int_equal(told->unknown, 0);
	host_indicates(host, "07000000 14000000 99000140 00000000 00000000");
	assert_int_equal(told->unknown, 1);
	/* Too short a speed; one that lies in the header, one that lies behind. */
	host_indicates(host, "07000000 17000000 13000140 03000000 0c000000 000000");
	host_indicates(host, "07000000 18000000 13000140 04000000 0b000000 00000000");
	host_indicates(host, "07000000 18000000 13000140 04000000 0d000000 00000000");
	host_indicates(host, "07000000 13000000 0b000140 00000000 00000000");
	host_indicates(host, "07000000 15000000 0b000140 00000000 00000000");
	assert_int_equal(told->malformed, 5);
	assert_int_equal(host->dev.host.link_bps, 1003000);
	assert_false(host->dev.host.link_up);
	transcript_close_61(host);
}

/* What the host makes of a request, and what the caller hears of it. */
static void
each_status_is_an_error_of_its_own(void **state)
{
	static const struct {
		const char *answer;
		int ret;
	} rows[] = {
		{ "05000080 10000000 id 01000000", -EIO },
		{ "05000080 10000000 id 010000c0", -EIO },              /* failure */
		{ "05000080 10000000 id 9a0000c0", -ENOMEM },           /* resources */
		{ "05000080 10000000 id bb0000c0", -ENOTSUP },          /* not supported */
		{ "05000080 10000000 id 040001c0", -EPROTONOSUPPORT },  /* version */
		{ "05000080 10000000 id 140001c0", -EINVAL },           /* length */
		{ "05000080 10000000 id 150001c0", -EINVAL },           /* data */
		{ "05000080 10000000 id 170001c0", -ENOTSUP },          /* OID */
		{ "05000080 10000000 id 180001c0", -EIO },
		{ "05000080 14000000 id 00000000 [4]", 0 },             /* and more */
		{ "05000080 15000000 id 00000000 [4]", -EPROTO },       /* but not that much */
		{ "05000080 0f000000 id 00000000", -EPROTO },
		{ "04000080 10000000 id 00000000", -EPROTO },
	};
	struct fake_host *host = transcript_open_61();

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(rows); i++) {
		struct transcript_line line = SET_FILTER("09000000");

		line.answer = rows[i].answer;
		transcript_add(&line, 1);
		if (netvsc_ndis_set_receiving(&host->dev, true) != rows[i].ret)
			fail_msg("%s", rows[i].answer);
		transcript_check();
		if (rows[i].ret == 0) {
			TRANSCRIPT(SET_FILTER("00000000"));
			assert_int_equal(netvsc_ndis_set_receiving(&host->dev, false), 0);
			transcript_check();
		}
	}
	TRANSCRIPT(SET_FILTER("00000000"));
	transcript_close_61(host);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_host_says_unasked_ends_up_where_it_belongs),
		cmocka_unit_test(each_event_is_its_own),
		cmocka_unit_test(older_hosts_say_where_their_table_is_not),
		cmocka_unit_test(indications_are_taken_apart),
		cmocka_unit_test(each_status_is_an_error_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
