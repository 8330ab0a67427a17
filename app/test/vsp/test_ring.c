/* SPDX-License-Identifier: BSD-3-Clause */

/* The host's ring ends against a guest that is right, and one that is not. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../../hvsim/vsp/data.h"

#define RING_BYTES (3u * 4096u)         /* no power of two */

static struct vmbus_ring_page *page;
static uint8_t *data;
static uint8_t copy[VSP_PACKET_COPY_MAX];
static enum vsp_rule rule;

static int
setup(void **state)
{
	(void)state;
	page = calloc(1, sizeof(*page));
	data = calloc(1, RING_BYTES);
	return page == NULL || data == NULL;
}

static int
teardown(void **state)
{
	(void)state;
	free(page);
	free(data);
	return 0;
}

static void
put_bytes(uint32_t *at, const void *from, uint32_t bytes)
{
	for (uint32_t i = 0; i < bytes; i++) {
		data[*at] = ((const uint8_t *)from)[i];
		*at = (*at + 1) % RING_BYTES;
	}
}

/* ---- guest to host ---- */

static const struct {
	const char *what;
	uint16_t type, data_offset_8b, length_8b, flags;
	uint32_t available;
	enum vsp_rule rule;
} malformed[] = {
	{ "type 0", 0, 2, 3, 1, 64, VSP_RULE_PACKET_TYPE },
	{ "type 8", 8, 2, 3, 1, 64, VSP_RULE_PACKET_TYPE },
	{ "type 0x106", 0x106, 2, 3, 1, 64, VSP_RULE_PACKET_TYPE },
	{ "transfer pages", 7, 2, 3, 1, 64, VSP_RULE_PACKET_TRANSFER_PAGES },
	{ "flag 2", 6, 2, 3, 2, 64, VSP_RULE_PACKET_FLAGS },
	{ "flag 0x8001", 6, 2, 3, 0x8001, 64, VSP_RULE_PACKET_FLAGS },
	{ "payload in the descriptor", 6, 1, 3, 1, 64, VSP_RULE_PACKET_LENGTH },
	{ "payload offset 0", 6, 0, 3, 1, 64, VSP_RULE_PACKET_LENGTH },
	{ "payload past the end", 6, 4, 3, 1, 64, VSP_RULE_PACKET_LENGTH },
	{ "length 0", 6, 2, 0, 1, 64, VSP_RULE_PACKET_LENGTH },
	{ "shorter than its descriptor", 6, 2, 1, 1, 64, VSP_RULE_PACKET_LENGTH },
	{ "longer than what was written", 6, 2, 8, 1, 64, VSP_RULE_PACKET_LENGTH },
	{ "no room for the footer", 6, 2, 8, 1, 64, VSP_RULE_PACKET_LENGTH },
	{ "half a descriptor", 6, 2, 3, 1, 16, VSP_RULE_PACKET_LENGTH },
	{ "longest", 6, 2, 0xffff, 1, 64, VSP_RULE_PACKET_LENGTH },
	{ "page list without head", 9, 2, 3, 1, 64, VSP_RULE_GPA_RANGE },
};

static void
a_malformed_descriptor_is_named_by_its_rule(void **state)
{
	struct host_packet packet;

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(malformed); i++) {
		struct vmbus_packet_header header = {
			.type = malformed[i].type, .data_offset_8b = malformed[i].data_offset_8b,
			.length_8b = malformed[i].length_8b, .flags = malformed[i].flags,
		};
		struct host_rx_ring ring;

		memset(page, 0, sizeof(*page));
		host_rx_ring_init(&ring, page, data, RING_BYTES);
		memcpy(data, &header, sizeof(header));
		page->write_index = malformed[i].available;
		assert_int_equal(host_rx_ring_next(&ring, &packet, copy, &rule), -EPROTO);
		if (rule != malformed[i].rule)
			fail_msg("%s: rule %u", malformed[i].what, rule);
	}
}

static void
a_packet_longer_than_the_host_copies_is_refused(void **state)
{
	const uint32_t ring_bytes = 8u * 4096;
	struct vmbus_packet_header header = { .type = 6, .data_offset_8b = 2, .flags = 1 };
	uint8_t *big = calloc(1, ring_bytes);
	struct host_rx_ring ring;
	struct host_packet packet;

	(void)state;
	for (int longer = 0; longer <= 1; longer++) {
		memset(page, 0, sizeof(*page));
		host_rx_ring_init(&ring, page, big, ring_bytes);
		header.length_8b = (uint16_t)(VSP_PACKET_COPY_MAX / 8 + (unsigned int)longer);
		memcpy(big, &header, sizeof(header));
		page->write_index = ring_bytes - 64;
		assert_int_equal(host_rx_ring_next(&ring, &packet, copy, &rule),
			longer ? -EPROTO : 1);
	}
	assert_int_equal(rule, VSP_RULE_PACKET_LENGTH);
	free(big);
}

static void
an_impossible_write_index_is_a_ring_index_violation(void **state)
{
	static const uint32_t indices[] = { RING_BYTES, RING_BYTES + 8, 4, 63, 0xfffffff8u };
	struct host_rx_ring ring;
	struct host_packet packet;

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(indices); i++) {
		host_rx_ring_init(&ring, page, data, RING_BYTES);
		page->write_index = indices[i];
		assert_int_equal(host_rx_ring_next(&ring, &packet, copy, &rule), -EPROTO);
		assert_int_equal(rule, VSP_RULE_RING_INDEX);
	}
}

/* ---- page lists ---- */

static const struct {
	const char *what;
	uint32_t words[12];             /* the extension */
	uint32_t count;                 /* of them */
	bool ok;
} lists[] = {
	{ "one page", { 7, 1, 100, 0, 5, 0 }, 6, true },
	{ "a range over two pages", { 0, 1, 100, 4000, 5, 0, 6, 0 }, 8, true },
	{ "two ranges", { 0, 2, 8, 0, 5, 0, 16, 8, 6, 0 }, 10, true },
	{ "no range", { 0, 0 }, 2, false },
	{ "an empty range", { 0, 1, 0, 0, 5, 0 }, 6, false },
	{ "offset beyond the page", { 0, 1, 100, 4096, 5, 0 }, 6, false },
	{ "a page number too few", { 0, 1, 100, 4000, 5, 0 }, 6, false },
	{ "a range too few", { 0, 2, 100, 0, 5, 0 }, 6, false },
	{ "a length that wraps", { 0, 1, 0xffffffff, 4095, 5, 0 }, 6, false },
	{ "a count that wraps", { 0, 0xffffffff, 8, 0, 5, 0 }, 6, false },
};

static void
a_page_list_is_accepted_only_if_complete(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(lists); i++) {
		struct vmbus_packet_header header = {
			.type = VMBUS_PACKET_GPA_DIRECT, .flags = 1,
			.data_offset_8b = (uint16_t)(2 + lists[i].count / 2),
			.length_8b = (uint16_t)(4 + lists[i].count / 2),
		};
		struct host_rx_ring ring;
		struct host_packet packet;

		memset(page, 0, sizeof(*page));
		host_rx_ring_init(&ring, page, data, RING_BYTES);
		memcpy(data, &header, sizeof(header));
		memcpy(data + sizeof(header), lists[i].words, lists[i].count * 4);
		page->write_index = header.length_8b * 8u + 8;
		if (host_rx_ring_next(&ring, &packet, copy, &rule) != (lists[i].ok ? 1 : -EPROTO))
			fail_msg("%s", lists[i].what);
		if (!lists[i].ok)
			assert_int_equal(rule, VSP_RULE_GPA_RANGE);
	}
}

/* ---- wrapping ---- */

static void
a_packet_is_read_whole_wherever_the_ring_ends(void **state)
{
	uint8_t payload[40];

	(void)state;
	for (uint32_t i = 0; i < sizeof(payload); i++)
		payload[i] = (uint8_t)(i + 1);
	for (uint32_t start = RING_BYTES - 80; start < RING_BYTES; start += 8) {
		struct vmbus_packet_header header = { 6, 2, 7, 1, 0x1122334455667788 };
		struct host_rx_ring ring;
		struct host_packet packet;
		uint32_t at = start;

		memset(page, 0, sizeof(*page));
		page->read_index = start;
		page->write_index = start;
		host_rx_ring_init(&ring, page, data, RING_BYTES);
		assert_int_equal(host_rx_ring_next(&ring, &packet, copy, &rule), 0);
		put_bytes(&at, &header, sizeof(header));
		put_bytes(&at, payload, sizeof(payload));
		page->write_index = (at + 8) % RING_BYTES;
		assert_int_equal(host_rx_ring_next(&ring, &packet, copy, &rule), 1);
		assert_int_equal(packet.transaction_id, header.transaction_id);
		assert_int_equal(packet.payload_bytes, sizeof(payload));
		assert_memory_equal(packet.payload, payload, sizeof(payload));
		assert_int_equal(host_rx_ring_next(&ring, &packet, copy, &rule), 0);
		host_rx_ring_publish(&ring);
		assert_int_equal(page->read_index, page->write_index);
	}
}

/* ---- when the host signals: the guest waits for room ---- */

static const struct {
	uint32_t read, consumed, write, pending;
	bool signal;
} room[] = {
	/* The ring is full but for 8 bytes at read 0, write -16. */
	{ 0, 64, RING_BYTES - 16, 0, false },           /* nobody waits */
	{ 0, 64, RING_BYTES - 16, 64, true },           /* 8 -> 72 */
	{ 0, 64, RING_BYTES - 16, 72, true },           /* exactly */
	{ 0, 64, RING_BYTES - 16, 80, false },          /* not enough yet */
	{ 0, 64, RING_BYTES - 16, 8, false },           /* was free before */
	{ 0, 64, RING_BYTES - 16, 79, true },           /* needed less one: 72 after all */
	{ 0, 64, RING_BYTES - 16, 7, false },           /* rounds down to nothing */
	{ RING_BYTES - 32, 64, RING_BYTES - 48, 64, true },     /* around the end */
};

static void
the_guest_is_signalled_when_the_room_it_waits_for_appears(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(room); i++) {
		struct vmbus_packet_header header = { 6, 2, 7, 0, 0 };
		struct host_rx_ring ring;
		struct host_packet packet;
		uint32_t at = room[i].read;

		memset(page, 0, sizeof(*page));
		page->read_index = room[i].read;
		host_rx_ring_init(&ring, page, data, RING_BYTES);
		put_bytes(&at, &header, sizeof(header));
		page->write_index = room[i].write;
		page->pending_send_bytes = room[i].pending;
		assert_int_equal(host_rx_ring_next(&ring, &packet, copy, &rule), 1);
		if (host_rx_ring_publish(&ring) != room[i].signal)
			fail_msg("row %u", i);
		assert_false(host_rx_ring_publish(&ring));
	}
}

static void
the_host_masks_its_interrupt_while_it_looks_by_itself(void **state)
{
	struct host_rx_ring ring;

	(void)state;
	host_rx_ring_init(&ring, page, data, RING_BYTES);
	assert_int_equal(page->interrupt_mask, 1);
	host_rx_ring_mask(&ring, false);
	assert_int_equal(page->interrupt_mask, 0);
	assert_false(host_rx_ring_mask_tampered(&ring));
	page->interrupt_mask = 1;
	assert_true(host_rx_ring_mask_tampered(&ring));
}

static void
what_the_guest_writes_into_host_words_is_noticed_and_not_used(void **state)
{
	struct vmbus_packet_header header = { 6, 2, 3, 1, 0 };
	struct host_rx_ring ring;
	struct host_tx_ring tx;
	struct host_packet packet;

	(void)state;
	host_rx_ring_init(&ring, page, data, RING_BYTES);
	memcpy(data, &header, sizeof(header));
	page->write_index = 32;
	page->read_index = 0xdeadbeef;
	assert_true(host_rx_ring_tampered(&ring));
	assert_int_equal(host_rx_ring_next(&ring, &packet, copy, &rule), 1);
	host_rx_ring_publish(&ring);
	assert_int_equal(page->read_index, 32);

	memset(page, 0, sizeof(*page));
	host_tx_ring_init(&tx, page, data, RING_BYTES);
	assert_false(host_tx_ring_tampered(&tx));
	page->write_index = 8;
	assert_true(host_tx_ring_tampered(&tx));
	page->write_index = 0;
	page->pending_send_bytes = 8;
	assert_true(host_tx_ring_tampered(&tx));
}

/* ---- host to guest ---- */

static int
put(struct host_tx_ring *ring, uint32_t payload_bytes)
{
	static const uint8_t payload[RING_BYTES];
	struct vmbus_packet_header header = { .type = VMBUS_PACKET_INBAND };

	return host_tx_ring_put(ring, &header, NULL, 0, payload, payload_bytes);
}

static void
a_packet_is_written_whole_wherever_the_ring_ends(void **state)
{
	(void)state;
	for (uint32_t start = RING_BYTES - 80; start < RING_BYTES; start += 8) {
		struct vmbus_packet_header header = { .type = 7, .transaction_id = 99 };
		uint64_t extension[2] = { 1, 2 }, want[8];
		uint8_t payload[9] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };
		struct host_tx_ring ring;

		memset(page, 0, sizeof(*page));
		memset(data, 0xff, RING_BYTES);
		page->read_index = start;
		page->write_index = start;
		host_tx_ring_init(&ring, page, data, RING_BYTES);
		assert_int_equal(host_tx_ring_put(&ring, &header, extension, 16, payload, 9), 0);
		assert_int_equal(page->write_index, start);     /* not yet */
		host_tx_ring_publish(&ring);
		assert_int_equal(page->write_index, (start + 56) % RING_BYTES);
		for (uint32_t i = 0; i < 56; i++)
			((uint8_t *)want)[i] = data[(start + i) % RING_BYTES];
		/* Offset 32, length 48 in units of 8; type 7, no flags. */
		assert_int_equal(want[0], 7ull | 4ull << 16 | 6ull << 32);
		assert_int_equal(want[1], 99);
		assert_int_equal(want[2], 1);
		assert_int_equal(want[4], 0x0807060504030201);
		assert_int_equal(want[5], 9);                   /* padded with zeros */
		assert_int_equal(want[6], (uint64_t)start << 32);       /* footer */
	}
}

static void
a_full_ring_announces_what_it_waits_for_and_stays_blocked(void **state)
{
	struct host_tx_ring ring;
	unsigned int packets = 0;

	(void)state;
	host_tx_ring_init(&ring, page, data, RING_BYTES);
	assert_int_equal(page->feature_bits, 1);
	while (put(&ring, 40) == 0)
		packets++;
	/* 64 bytes each, 8 always unused. */
	assert_int_equal(packets, (RING_BYTES - 8) / 64);
	assert_int_equal(page->pending_send_bytes, ((RING_BYTES - 8) / 4 + 7) / 8 * 8);
	host_tx_ring_publish(&ring);
	/* The guest drains all but does not signal: a real host does not notice. */
	page->read_index = page->write_index;
	assert_int_equal(put(&ring, 40), -EAGAIN);
	host_tx_ring_unblock(&ring);
	assert_int_equal(put(&ring, 40), 0);
	assert_int_equal(page->pending_send_bytes, 0);
}

static void
a_long_packet_waits_for_its_own_length(void **state)
{
	struct host_tx_ring ring;

	(void)state;
	host_tx_ring_init(&ring, page, data, RING_BYTES);
	assert_int_equal(put(&ring, 4096), 0);
	assert_int_equal(put(&ring, 9000), -EAGAIN);
	assert_int_equal(page->pending_send_bytes, 9000 + 16 + 8);
	host_tx_ring_unblock(&ring);
	assert_int_equal(put(&ring, RING_BYTES), -EMSGSIZE);
}

static const struct {
	uint32_t mask, behind;          /* how far the guest is behind before */
	bool interrupt;
} news[] = {
	{ 0, 0, true }, { 1, 0, false }, { 0, 64, false }, { 1, 64, false },
};

static void
the_guest_is_interrupted_only_if_unmasked_and_everything_was_read(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(news); i++) {
		struct host_tx_ring ring;

		memset(page, 0, sizeof(*page));
		host_tx_ring_init(&ring, page, data, RING_BYTES);
		put(&ring, 40);
		host_tx_ring_publish(&ring);
		page->read_index = page->write_index - news[i].behind;
		page->interrupt_mask = news[i].mask;
		put(&ring, 40);
		put(&ring, 40);
		assert_int_equal(host_tx_ring_publish(&ring), news[i].interrupt);
		assert_false(host_tx_ring_publish(&ring));
	}
}

static void
an_impossible_read_index_is_an_error_not_a_write(void **state)
{
	struct host_tx_ring ring;

	(void)state;
	host_tx_ring_init(&ring, page, data, RING_BYTES);
	while (put(&ring, 40) == 0)
		;
	host_tx_ring_unblock(&ring);
	page->read_index = RING_BYTES;
	assert_int_equal(put(&ring, 40), -EPROTO);
	page->read_index = 12;
	assert_int_equal(put(&ring, 40), -EPROTO);
	assert_int_equal(host_tx_ring_free_bytes(&ring), 0);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_malformed_descriptor_is_named_by_its_rule),
		CASE(a_packet_longer_than_the_host_copies_is_refused),
		CASE(an_impossible_write_index_is_a_ring_index_violation),
		CASE(a_page_list_is_accepted_only_if_complete),
		CASE(a_packet_is_read_whole_wherever_the_ring_ends),
		CASE(the_guest_is_signalled_when_the_room_it_waits_for_appears),
		CASE(the_host_masks_its_interrupt_while_it_looks_by_itself),
		CASE(what_the_guest_writes_into_host_words_is_noticed_and_not_used),
		CASE(a_packet_is_written_whole_wherever_the_ring_ends),
		CASE(a_full_ring_announces_what_it_waits_for_and_stays_blocked),
		CASE(a_long_packet_waits_for_its_own_length),
		CASE(the_guest_is_interrupted_only_if_unmasked_and_everything_was_read),
		CASE(an_impossible_read_index_is_an_error_not_a_write),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
