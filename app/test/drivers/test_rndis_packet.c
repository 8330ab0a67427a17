/* SPDX-License-Identifier: BSD-3-Clause */

/* Received RNDIS data messages: what a host may send, and everything it may
 * get wrong, one field per row. Each message lies at the very end of its heap
 * block, so that ASan sees a read past it. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "rndis_packet.h"

/* A message of 44 + 48 bytes of information + 64 of frame. */
#define PPI_BYTES 48u
#define FRAME_BYTES 64u
#define MSG_BYTES (sizeof(struct rndis_packet) + PPI_BYTES + FRAME_BYTES)

struct message {
	struct rndis_packet packet;
	struct {
		struct rndis_ppi header;
		uint32_t value;
	} ppi[3];
	uint8_t frame[FRAME_BYTES];
};

static struct message
message_good(void)
{
	struct message m = {
		.packet = {
			.header = { RNDIS_PACKET, MSG_BYTES },
			.data_offset = sizeof(struct rndis_packet) - 8 + PPI_BYTES,
			.data_bytes = FRAME_BYTES,
			.ppi_offset = sizeof(struct rndis_packet) - 8,
			.ppi_bytes = PPI_BYTES,
		},
		.ppi = {
			{ { 16, RNDIS_PPI_CHECKSUM, 12 }, RNDIS_RX_CSUM_TCP_OK },
			{ { 16, RNDIS_PPI_VLAN, 12 }, 0x1230 },
			{ { 16, RNDIS_PPI_HASH_VALUE, 12 }, 0xdeadbeef },
		},
	};

	return m;
}

/* What the quick decoder says is what the other says; it may say nothing. */
static bool
quick_agrees(const uint8_t *range, uint32_t bytes, const struct rndis_rx_view *view, int ret)
{
	struct rndis_rx_layout layout = { 0 };
	struct rndis_rx_quick quick;

	if (!rndis_packet_quick(range, bytes, &layout, &quick))
		return false;
	assert_int_equal(ret, 0);
	assert_int_equal(quick.frame_off, view->frame_off);
	assert_int_equal(quick.frame_bytes, view->frame_bytes);
	assert_int_equal(quick.has >> RNDIS_PPI_CHECKSUM & 1, (view->has & RNDIS_RX_CSUM) != 0);
	assert_int_equal(quick.has >> RNDIS_PPI_VLAN & 1, (view->has & RNDIS_RX_VLAN) != 0);
	assert_int_equal(quick.has >> RNDIS_PPI_HASH_VALUE & 1,
		(view->has & RNDIS_RX_HASH_VALUE) != 0);
	assert_int_equal(view->has & RNDIS_RX_PACKET_ID, 0);
	if ((view->has & RNDIS_RX_CSUM) != 0)
		assert_int_equal(rndis_quick_value(&layout, range, RNDIS_PPI_CHECKSUM),
			view->csum);
	if ((view->has & RNDIS_RX_VLAN) != 0)
		assert_int_equal(rndis_quick_value(&layout, range, RNDIS_PPI_VLAN),
			view->vlan);
	if ((view->has & RNDIS_RX_HASH_VALUE) != 0)
		assert_int_equal(rndis_quick_value(&layout, range, RNDIS_PPI_HASH_VALUE),
			view->hash_value);
	return true;
}

static int
decode(const struct message *m, uint32_t bytes, struct rndis_rx_view *view)
{
	uint8_t *range = malloc(bytes == 0 ? 1 : bytes);
	int ret;

	memcpy(range, m, bytes);
	ret = rndis_packet_decode(range, bytes, view);
	quick_agrees(range, bytes, view, ret);
	free(range);
	return ret;
}

static void
a_good_message_gives_its_frame_and_its_information(void **state)
{
	struct message m = message_good();
	struct rndis_rx_view view;

	(void)state;
	assert_int_equal(decode(&m, sizeof(m), &view), 0);
	assert_true(quick_agrees((const uint8_t *)&m, sizeof(m), &view, 0));
	assert_int_equal(view.frame_off, offsetof(struct message, frame));
	assert_int_equal(view.frame_bytes, FRAME_BYTES);
	assert_int_equal(view.has, RNDIS_RX_CSUM | RNDIS_RX_VLAN | RNDIS_RX_HASH_VALUE);
	assert_int_equal(view.csum, RNDIS_RX_CSUM_TCP_OK);
	assert_int_equal(view.vlan, 0x1230);
	assert_int_equal(view.hash_value, 0xdeadbeef);
}

static void
unknown_information_is_skipped_and_a_packet_id_is_read(void **state)
{
	struct message m = message_good();
	struct rndis_rx_view view;

	(void)state;
	m.ppi[0].header.type = 4711;
	m.ppi[1].header.type = RNDIS_PPI_PACKET_ID;
	m.ppi[1].value = 1 | RNDIS_PACKET_ID_FIRST << 8 | 0x0203 << 16;
	assert_int_equal(decode(&m, sizeof(m), &view), 0);
	assert_int_equal(view.has, RNDIS_RX_PACKET_ID | RNDIS_RX_HASH_VALUE);
	assert_int_equal(view.packet_id.flags, RNDIS_PACKET_ID_FIRST);
	assert_int_equal(view.packet_id.packet_id, 0x0203);
}

/* offset of a 32-bit field, the wrong value, the verdict */
#define PACKET(f) offsetof(struct rndis_packet, f)
#define PPI(i, f) (offsetof(struct message, ppi[i].header) + offsetof(struct rndis_ppi, f))
static const struct {
	const char *what;
	uint32_t offset, value;
	int expected;
} wrong[] = {
	{ "another type", 0, RNDIS_INDICATE_STATUS, -ENOMSG },
	{ "message length 0", 4, 0, -EPROTO },
	{ "message length below the header", 4, 43, -EPROTO },
	{ "message longer than its range", 4, MSG_BYTES + 1, -EPROTO },
	{ "message length 0xffffffff", 4, 0xffffffff, -EPROTO },
	{ "data offset inside the header", PACKET(data_offset), 35, -EPROTO },
	{ "data offset 0", PACKET(data_offset), 0, -EPROTO },
	{ "data offset past the end", PACKET(data_offset), MSG_BYTES - 7, -EPROTO },
	{ "data offset wraps", PACKET(data_offset), 0xfffffff8, -EPROTO },
	{ "data length past the end", PACKET(data_bytes), FRAME_BYTES + 1, -EPROTO },
	{ "data length wraps", PACKET(data_bytes), 0xffffffff, -EPROTO },
	{ "information inside the header", PACKET(ppi_offset), 35, -EPROTO },
	{ "information past the end", PACKET(ppi_offset), MSG_BYTES, -EPROTO },
	{ "information offset wraps", PACKET(ppi_offset), 0xffffffd0, -EPROTO },
	{ "information length past the end", PACKET(ppi_bytes), MSG_BYTES - 43, -EPROTO },
	{ "information length wraps", PACKET(ppi_bytes), 0xffffffd4, -EPROTO },
	{ "information of 11 bytes", PACKET(ppi_bytes), 11, -EPROTO },
	{ "element of size 0", PPI(0, bytes), 0, -EPROTO },
	{ "element of size 1", PPI(0, bytes), 1, -EPROTO },
	{ "element of size 11", PPI(0, bytes), 11, -EPROTO },
	{ "element of unaligned size", PPI(0, bytes), 17, -EPROTO },
	{ "element past the area", PPI(0, bytes), 64, -EPROTO },
	{ "element of size 0xfffffffc", PPI(0, bytes), 0xfffffffc, -EPROTO },
	{ "element without room for its value", PPI(0, bytes), 12, -EPROTO },
	{ "value offset inside the header", PPI(1, data_offset), 8, -EPROTO },
	{ "value offset at the end", PPI(1, data_offset), 16, -EPROTO },
	{ "value offset past the end", PPI(1, data_offset), 20, -EPROTO },
	{ "value offset leaves two bytes", PPI(1, data_offset), 14, -EPROTO },
	{ "last element too long", PPI(2, bytes), 20, -EPROTO },
	{ "an empty frame is a frame", PACKET(data_bytes), 0, 0 },
	{ "no information", PACKET(ppi_bytes), 0, 0 },
};

static void
each_wrong_field_is_refused_and_nothing_outside_is_read(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct message m = message_good();
		struct rndis_rx_view view;

		memcpy((uint8_t *)&m + wrong[i].offset, &wrong[i].value, 4);
		if (decode(&m, sizeof(m), &view) != wrong[i].expected)
			fail_msg("%s", wrong[i].what);
	}
}

static void
a_message_cut_anywhere_is_refused(void **state)
{
	struct message m = message_good();
	struct rndis_rx_view view;

	(void)state;
	for (uint32_t bytes = 0; bytes < sizeof(m); bytes++)
		assert_int_equal(decode(&m, bytes, &view), -EPROTO);
}

static void
more_elements_than_any_host_sends_are_refused(void **state)
{
	enum { COUNT = RNDIS_PPI_COUNT_MAX + 1 };
	struct {
		struct rndis_packet packet;
		struct rndis_ppi ppi[COUNT];
	} m = {
		.packet = {
			.header = { RNDIS_PACKET, sizeof(m) },
			.data_offset = sizeof(struct rndis_packet) - 8,
			.ppi_offset = sizeof(struct rndis_packet) - 8,
			.ppi_bytes = sizeof(m.ppi),
		},
	};
	struct rndis_rx_view view;

	(void)state;
	for (unsigned int i = 0; i < COUNT; i++)
		m.ppi[i] = (struct rndis_ppi){ sizeof(struct rndis_ppi), 4711, 12 };
	assert_int_equal(rndis_packet_decode((const uint8_t *)&m, sizeof(m), &view), -EPROTO);
	m.packet.ppi_bytes -= sizeof(struct rndis_ppi);
	assert_int_equal(rndis_packet_decode((const uint8_t *)&m, sizeof(m), &view), 0);
}

/* Any of the words that decide, set to anything near a limit: some are accepted. */
static void
the_quick_decoder_says_what_the_careful_one_says_or_nothing(void **state)
{
	static const uint32_t values[] = { 0, 1, 6, 8, 9, 11, 12, 15, 16, 17, 35, 36, 37, 48, 64,
		MSG_BYTES - 8, MSG_BYTES, MSG_BYTES + 1, 0x80000001, 0xfffffff8, 0xffffffff };
	const uint32_t words = (uint32_t)offsetof(struct message, frame) / 4;
	unsigned int accepted = 0;
	struct message cut = message_good();
	struct rndis_rx_layout layout = { 0 };
	struct rndis_rx_quick quick;

	(void)state;
	/* Elements behind the message's end, though within the range. */
	cut.packet.header.msg_bytes = sizeof(cut.packet) + PPI_BYTES - 16;
	cut.packet.data_offset = sizeof(cut.packet) - 8;
	cut.packet.data_bytes = 0;
	assert_false(rndis_packet_quick((const uint8_t *)&cut, sizeof(cut), &layout, &quick));
	for (uint32_t i = 0; i < words * words * 21 * 21; i++) {
		struct message m = message_good();
		uint32_t at[2] = { i % words, i / words % words };
		struct rndis_rx_view view;
		int ret;

		memcpy((uint8_t *)&m + at[0] * 4, &values[i / words / words % 21], 4);
		memcpy((uint8_t *)&m + at[1] * 4, &values[i / words / words / 21], 4);
		ret = rndis_packet_decode((const uint8_t *)&m, sizeof(m), &view);
		accepted += quick_agrees((const uint8_t *)&m, sizeof(m), &view, ret);
	}
	assert_in_range(accepted, 10000, words * words * 21 * 21 - 10000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_message_gives_its_frame_and_its_information),
		cmocka_unit_test(unknown_information_is_skipped_and_a_packet_id_is_read),
		cmocka_unit_test(each_wrong_field_is_refused_and_nothing_outside_is_read),
		cmocka_unit_test(a_message_cut_anywhere_is_refused),
		cmocka_unit_test(more_elements_than_any_host_sends_are_refused),
		cmocka_unit_test(the_quick_decoder_says_what_the_careful_one_says_or_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
