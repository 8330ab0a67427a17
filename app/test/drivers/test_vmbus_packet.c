/* SPDX-License-Identifier: BSD-3-Clause */

/* Channel packets: malformed ones from the host, one field wrong per row, and
 * what the guest puts into its own ring. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "vmbus_packet.h"

#define DATA_BYTES 4096u

static _Alignas(4096) uint8_t memory[4096 + DATA_BYTES];
static struct vmbus_ring_page *const page = (struct vmbus_ring_page *)memory;

static int
setup(void **state)
{
	(void)state;
	memset(memory, 0, sizeof(memory));
	return 0;
}

/* The host writes a header at `start` and publishes `shown` bytes. */
static void
host_writes(uint32_t start, const struct vmbus_packet_header *header, uint32_t shown)
{
	const uint8_t *bytes = (const uint8_t *)header;

	for (uint32_t i = 0; i < sizeof(*header); i++)
		memory[4096 + (start + i) % DATA_BYTES] = bytes[i];
	page->write_index = (start + shown) % DATA_BYTES;
}

static void
peek_checks_every_field_of_the_header_that_it_uses(void **state)
{
	static const struct {
		const char *what;
		uint16_t data_offset_8b, length_8b;
		uint32_t shown;
		int expected;
	} rows[] = {
		{ "a good packet", 2, 3, 32, 1 },
		{ "no payload", 2, 2, 24, 1 },
		{ "less than a header published", 2, 3, 16, -EPROTO },
		{ "no room for the footer", 2, 3, 24, -EPROTO },
		{ "length 0", 2, 0, 32, -EPROTO },
		{ "length below the header", 2, 1, 32, -EPROTO },
		{ "data offset inside the header", 1, 3, 32, -EPROTO },
		{ "data offset 0", 0, 3, 32, -EPROTO },
		{ "data offset past the end", 4, 3, 32, -EPROTO },
		{ "length beyond what is published", 2, 5, 32, -EPROTO },
		{ "length 0xffff", 2, 0xffff, 32, -EPROTO },
		{ "data offset 0xffff", 0xffff, 3, 32, -EPROTO },
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		/* At every place, the wrapping ones included. */
		for (uint32_t start = 0; start < DATA_BYTES; start += 8) {
			struct vmbus_packet_header header = {
				.type = VMBUS_PACKET_INBAND,
				.data_offset_8b = rows[i].data_offset_8b,
				.length_8b = rows[i].length_8b,
				.transaction_id = 0x1122334455667788,
			};
			struct vmbus_packet packet = { 0 };
			struct vmbus_rx_ring rx;

			page->read_index = page->write_index = start;
			assert_int_equal(vmbus_rx_ring_attach(&rx, memory, sizeof(memory), 4096), 0);
			host_writes(start, &header, rows[i].shown);
			if (vmbus_packet_peek(&rx, &packet) != rows[i].expected)
				fail_msg("%s at %u", rows[i].what, start);
			if (rows[i].expected != 1)
				continue;
			assert_int_equal(packet.payload_bytes,
				(rows[i].length_8b - rows[i].data_offset_8b) * 8);
			assert_int_equal(packet.transaction_id, 0x1122334455667788);
			vmbus_packet_take(&rx, &packet);
			assert_int_equal(vmbus_packet_peek(&rx, &packet), 0);
		}
	}
}

/* Both forms must leave the same bytes: what lies between is compared, too. */
static int
put_both(struct vmbus_tx_ring *tx, const struct vmbus_packet_desc *desc, uint32_t reserve)
{
	static uint8_t before[sizeof(memory)], after[sizeof(memory)];
	struct vmbus_tx_ring ring = *tx;
	int ret, inlined;

	memcpy(before, memory, sizeof(memory));
	ret = vmbus_packet_put(&ring, desc, reserve);
	memcpy(after, memory, sizeof(memory));
	memcpy(memory, before, sizeof(memory));
	inlined = vmbus_packet_put_inline(tx, desc, reserve);
	assert_int_equal(inlined, ret);
	assert_memory_equal(memory, after, sizeof(memory));
	assert_memory_equal(tx, &ring, sizeof(ring));
	return ret;
}

static void
what_is_put_can_be_taken_and_its_padding_is_zero(void **state)
{
	struct vmbus_tx_ring tx;
	struct vmbus_rx_ring rx;
	static const uint8_t extension[24] = "bytes of an extension";
	uint8_t payload[40], out[48];

	(void)state;
	memset(payload, 0xee, sizeof(payload));
	for (uint32_t start = 0; start < DATA_BYTES; start += 8) {
		for (uint32_t bytes = 1; bytes <= sizeof(payload); bytes += 13) {
			struct vmbus_packet_desc desc = {
				.type = VMBUS_PACKET_COMPLETION, .transaction_id = start,
				.extension = extension, .extension_bytes = bytes / 13 * 8,
				.payload = payload, .payload_bytes = bytes,
			};
			struct vmbus_packet packet = { 0 };

			memset(memory + 4096, 0xaa, DATA_BYTES);
			page->read_index = page->write_index = start;
			assert_int_equal(vmbus_tx_ring_attach(&tx, memory, sizeof(memory), 4096), 0);
			assert_int_equal(vmbus_rx_ring_attach(&rx, memory, sizeof(memory), 4096), 0);
			assert_int_equal(put_both(&tx, &desc, 0), 0);
			assert_int_equal(vmbus_packet_peek(&rx, &packet), 0);
			vmbus_tx_ring_publish(&tx);
			assert_int_equal(vmbus_packet_peek(&rx, &packet), 1);
			assert_int_equal(packet.type, VMBUS_PACKET_COMPLETION);
			assert_int_equal(packet.transaction_id, start);
			assert_int_equal(packet.payload_bytes, (bytes + 7) / 8 * 8);
			vmbus_packet_copy(&rx, packet.payload_off, out, packet.payload_bytes);
			assert_memory_equal(out, payload, bytes);
			for (uint32_t i = bytes; i < packet.payload_bytes; i++)
				assert_int_equal(out[i], 0);
		}
	}
}

/* Conformance: 13. */
static void
put_leaves_the_ring_untouched_when_there_is_no_room(void **state)
{
	struct vmbus_tx_ring tx;
	uint8_t payload[512] = { 0 };
	struct vmbus_packet_desc desc = {
		.type = VMBUS_PACKET_INBAND, .payload = payload, .payload_bytes = sizeof(payload),
	};
	unsigned int packets = 0;
	uint32_t before;

	(void)state;
	assert_int_equal(vmbus_tx_ring_attach(&tx, memory, sizeof(memory), 4096), 0);
	while (put_both(&tx, &desc, 512) == 0)
		packets++;
	assert_int_equal(packets, (DATA_BYTES - 8 - 512) / (512 + 24));
	before = tx.write;
	assert_int_equal(put_both(&tx, &desc, 512), -EAGAIN);
	assert_int_equal(tx.write, before);
	assert_int_equal(page->write_index, 0);
	desc.payload_bytes = 8;
	assert_int_equal(put_both(&tx, &desc, 0), 0);   /* the reserve is for those */
	page->read_index = 3;
	desc.payload_bytes = 512;
	assert_int_equal(put_both(&tx, &desc, 512), -EPROTO);
}

/* The look at the usual transfer: what it accepts, peek accepts with the same
 * numbers, and the ranges lie before the payload. */
static void
a_usual_transfer_is_what_peek_says_it_is(void **state)
{
	static const uint32_t counts[] = { 0, 1, 2, 3, 13, 0x10000, 0x20000000, 0xfffffffd, 0xffffffff };
	static const uint16_t edges[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 0x7fff, 0xffff };
	struct vmbus_transfer_shape shape = VMBUS_TRANSFER_SHAPE_NONE;
	unsigned int accepted = 0;

	(void)state;
	for (uint32_t i = 0; i < 9 * 11 * 11 * 2 * 2 * 10; i++) {
		struct {
			struct vmbus_packet_header header;
			struct vmbus_transfer_pages pages;
			uint8_t rest[40];
		} p = {
			.header = { (uint16_t)(VMBUS_PACKET_TRANSFER_PAGES - i / 9 / 121 % 2),
				edges[i / 9 % 11], edges[i / 99 % 11], 0, i },
			.pages = { (uint16_t)(0xcafe + i / 9 / 242 % 2), 0xbeef, counts[i % 9] },
		};
		uint32_t shown = (i / 9 / 484 % 10) * 8;
		struct vmbus_packet packet;
		struct vmbus_rx_ring rx;
		uint32_t left;
		const uint8_t *at;

		page->read_index = page->write_index = 0;
		assert_int_equal(vmbus_rx_ring_attach(&rx, memory, sizeof(memory), 4096), 0);
		memcpy(memory + 4096, &p, sizeof(p));
		page->write_index = shown;
		if (vmbus_rx_ring_available(&rx) <= 0)
			continue;
		at = vmbus_rx_ring_straight(&rx, &left);
		assert_int_equal(left, shown);
		if (!vmbus_packet_transfer(at, at + left, 0xcafe, &shape))
			continue;
		accepted++;
		assert_int_equal(vmbus_packet_peek(&rx, &packet), 1);
		assert_int_equal(packet.type, VMBUS_PACKET_TRANSFER_PAGES);
		assert_int_equal(shape.total_bytes, packet.total_bytes);
		assert_int_equal(shape.payload_off, packet.payload_off);
		assert_true(packet.payload_bytes >= 16);
		assert_int_equal(shape.range_count, p.pages.range_count);
		assert_true(p.pages.set_id == 0xcafe && shape.range_count != 0);
		assert_true(VMBUS_RANGES_OFF + (uint64_t)shape.range_count * 8 <= shape.payload_off);
	}
	assert_true(accepted > 10);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(peek_checks_every_field_of_the_header_that_it_uses, setup),
		cmocka_unit_test_setup(what_is_put_can_be_taken_and_its_padding_is_zero, setup),
		cmocka_unit_test_setup(a_usual_transfer_is_what_peek_says_it_is, setup),
		cmocka_unit_test_setup(put_leaves_the_ring_untouched_when_there_is_no_room, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
