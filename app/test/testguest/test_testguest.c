/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The test guest's own parts, without a host: rings against each other in
 * memory, frames, checksums, the hash, and RNDIS packets.
 */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tg.h"
#include "tg_frame.h"

#define HALF_BYTES (4u * 4096u)

/* One direction: what the guest's writer writes, its reader reads. */
struct pair {
	uint8_t *memory;
	struct tg_tx_ring tx;
	struct tg_rx_ring rx;
};

static void
pair_start(struct pair *p)
{
	p->memory = aligned_alloc(4096, HALF_BYTES);
	assert_non_null(p->memory);
	memset(p->memory, 0, HALF_BYTES);
	tg_tx_ring_init(&p->tx, p->memory, HALF_BYTES, 4096);
	tg_rx_ring_init(&p->rx, p->memory, HALF_BYTES, 4096);
}

static int
put(struct pair *p, const void *payload, uint32_t bytes, bool *signal)
{
	struct vmbus_packet_header header = { VMBUS_PACKET_INBAND, 2,
		(uint16_t)(2 + (bytes + 7) / 8), 0, 0x1122334455667788ull };
	struct tg_piece pieces[2] = { { &header, sizeof(header) }, { payload, bytes } };

	return tg_tx_ring_put(&p->tx, pieces, 2, signal);
}

static void
packets_of_every_length_survive_every_wrap(void **state)
{
	uint8_t payload[512], got[1024];
	struct pair p;
	bool signal;

	(void)state;
	pair_start(&p);
	for (uint32_t round = 0; round < 5000; round++) {
		uint32_t bytes = round * 7 % 500 + 1;

		memset(payload, (int)round, bytes);
		assert_int_equal(put(&p, payload, bytes, &signal), 0);
		assert_int_equal(tg_rx_ring_get(&p.rx, got, sizeof(got)), 16 + (int)((bytes + 7) & ~7u));
		assert_memory_equal(got + 16, payload, bytes);
		tg_rx_ring_publish(&p.rx);
		assert_int_equal(tg_rx_ring_get(&p.rx, got, sizeof(got)), 0);
	}
	free(p.memory);
}

static void
a_ring_is_never_filled_to_the_last_byte(void **state)
{
	uint8_t payload[104] = { 0 }, got[256];
	struct pair p;
	bool signal;
	int n = 0;

	(void)state;
	pair_start(&p);
	while (put(&p, payload, sizeof(payload), &signal) == 0)
		n++;
	/* 12288 bytes of ring, 128 of packet: the 96th would fill it. */
	assert_int_equal(n, 95);
	assert_true(p.tx.page->write_index != p.tx.page->read_index);
	while (tg_rx_ring_get(&p.rx, got, sizeof(got)) > 0)
		n--;
	assert_int_equal(n, 0);
	free(p.memory);
}

static void
the_host_is_signalled_on_empty_to_non_empty_only(void **state)
{
	uint64_t payload = 1;
	struct pair p;
	bool signal;

	(void)state;
	pair_start(&p);
	assert_int_equal(put(&p, &payload, 8, &signal), 0);
	assert_true(signal);
	assert_int_equal(put(&p, &payload, 8, &signal), 0);
	assert_false(signal);
	free(p.memory);
}

static void
a_masked_host_is_not_signalled(void **state)
{
	uint64_t payload = 1;
	struct pair p;
	bool signal;

	(void)state;
	pair_start(&p);
	p.tx.page->interrupt_mask = 1;
	assert_int_equal(put(&p, &payload, 8, &signal), 0);
	assert_false(signal);
	free(p.memory);
}

static void
a_waiting_host_is_signalled_when_its_room_is_there(void **state)
{
	uint8_t payload[104] = { 0 }, got[256];
	struct pair p;
	bool signal;
	int at = -1;

	(void)state;
	pair_start(&p);
	while (put(&p, payload, sizeof(payload), &signal) == 0)
		continue;
	p.rx.page->pending_send_bytes = 1024;
	for (int i = 0; i < 20; i++) {
		assert_true(tg_rx_ring_get(&p.rx, got, sizeof(got)) > 0);
		if (tg_rx_ring_publish(&p.rx)) {
			assert_int_equal(at, -1);
			at = i;
		}
	}
	/* 128 bytes are free when full; more than 1024 after the 8th packet. */
	assert_int_equal(at, 7);
	free(p.memory);
}

static void
a_ring_broken_by_the_host_is_noticed(void **state)
{
	uint8_t payload[64] = { 0 }, got[256];
	struct vmbus_packet_header *header;
	struct pair p;
	bool signal;

	(void)state;
	pair_start(&p);
	assert_int_equal(put(&p, payload, sizeof(payload), &signal), 0);
	header = (void *)(p.memory + 4096);
	header->length_8b = 100;
	assert_int_equal(tg_rx_ring_get(&p.rx, got, sizeof(got)), -EPROTO);
	header->length_8b = 1;
	assert_int_equal(tg_rx_ring_get(&p.rx, got, sizeof(got)), -EPROTO);
	header->length_8b = 10;
	header->data_offset_8b = 11;
	assert_int_equal(tg_rx_ring_get(&p.rx, got, sizeof(got)), -EPROTO);
	p.rx.page->write_index = HALF_BYTES;
	assert_int_equal(tg_rx_ring_get(&p.rx, got, sizeof(got)), -EPROTO);
	free(p.memory);
}

/* ---- frames ---- */

static void
built_frames_have_right_checksums(void **state)
{
	uint8_t frame[1600];

	(void)state;
	for (unsigned int k = 0; k < 4; k++) {
		struct tg_flow flow = { .ipv6 = k / 2 != 0, .udp = k % 2 != 0, .number = k };

		for (uint32_t bytes = tg_frame_headers(&flow); bytes < 1514; bytes += 3) {
			tg_frame_build(frame, bytes, &flow, bytes);
			assert_true(tg_frame_checksums_ok(frame, bytes));
			frame[bytes - 1] ^= 1;
			assert_false(tg_frame_checksums_ok(frame, bytes));
		}
	}
}

static void
the_ipv4_checksum_is_that_of_a_known_header(void **state)
{
	/* A header whose checksum 0xb861 is found in many textbooks. */
	uint8_t frame[14 + 115] = { 0 };
	static const uint8_t ip[20] = { 0x45, 0, 0, 0x73, 0, 0, 0x40, 0, 0x40, 0x11, 0xb8, 0x61,
		0xc0, 0xa8, 0, 1, 0xc0, 0xa8, 0, 0xc7 };

	(void)state;
	frame[12] = 8;
	memcpy(frame + 14, ip, sizeof(ip));
	/* UDP: length 95, checksum of an all-zero payload. */
	frame[14 + 20 + 5] = 95;
	assert_false(tg_frame_checksums_ok(frame, sizeof(frame)));
	frame[14 + 20 + 6] = 0x7d;
	frame[14 + 20 + 7] = 0x17;
	assert_true(tg_frame_checksums_ok(frame, sizeof(frame)));
}

static void
toeplitz_gives_the_published_hashes(void **state)
{
	/* From the verification suite: 66.9.149.187:2794 to 161.142.100.80:1766. */
	static const uint8_t input[12] = { 66, 9, 149, 187, 161, 142, 100, 80, 0x0a, 0xea,
		0x06, 0xe6 };

	(void)state;
	assert_int_equal(tg_toeplitz(tg_rss_key, input, 8), 0x323e8fc2);
	assert_int_equal(tg_toeplitz(tg_rss_key, input, 12), 0x51ccc178);
}

static void
an_offload_request_leaves_the_pseudo_header_sum(void **state)
{
	struct tg_flow flow = { .number = 3 };
	uint8_t right[100], asked[100];

	(void)state;
	tg_frame_build(right, sizeof(right), &flow, 1);
	memcpy(asked, right, sizeof(asked));
	tg_frame_prepare_offload(asked, sizeof(asked), false);
	assert_int_equal(asked[24], 0);
	assert_int_equal(asked[25], 0);
	assert_memory_not_equal(asked + 50, right + 50, 2);
	assert_memory_equal(asked + 52, right + 52, 48);
}

static void
an_rndis_packet_says_where_everything_is(void **state)
{
	struct tg_tx_frame frame = { .bytes = 100, .has_csum = true, .csum = 0x1111,
		.has_vlan = true, .vlan = 0x2222 };
	struct rndis_packet packet;
	uint8_t out[128];
	uint32_t value;

	(void)state;
	assert_int_equal(tg_rndis_build(&frame, out, 4), 44 + 32);
	memcpy(&packet, out, sizeof(packet));
	assert_int_equal(packet.header.type, RNDIS_PACKET);
	assert_int_equal(packet.header.msg_bytes, 44 + 32 + 100 + 4);
	assert_int_equal(packet.data_offset, 36 + 32);
	assert_int_equal(packet.ppi_offset, 36);
	assert_int_equal(packet.ppi_bytes, 32);
	memcpy(&value, out + 44 + 16 + 12, 4);
	assert_int_equal(value, 0x2222);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_of_every_length_survive_every_wrap),
		cmocka_unit_test(a_ring_is_never_filled_to_the_last_byte),
		cmocka_unit_test(the_host_is_signalled_on_empty_to_non_empty_only),
		cmocka_unit_test(a_masked_host_is_not_signalled),
		cmocka_unit_test(a_waiting_host_is_signalled_when_its_room_is_there),
		cmocka_unit_test(a_ring_broken_by_the_host_is_noticed),
		cmocka_unit_test(built_frames_have_right_checksums),
		cmocka_unit_test(the_ipv4_checksum_is_that_of_a_known_header),
		cmocka_unit_test(toeplitz_gives_the_published_hashes),
		cmocka_unit_test(an_offload_request_leaves_the_pseudo_header_sum),
		cmocka_unit_test(an_rndis_packet_says_where_everything_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
