/* SPDX-License-Identifier: BSD-3-Clause */

/* Checksums and segments against values worked out by hand or the plain way. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "fake.h"

static uint8_t frame[70000];

static int
setup(void **state)
{
	static const struct fake_options options = { .check = CHECK_FULL };

	(void)state;
	return fake_start(&options);
}

static int
teardown(void **state)
{
	(void)state;
	fake_stop();
	return 0;
}

static uint32_t
send_frame(uint32_t bytes, const uint32_t (*ppi)[2], unsigned int n)
{
	uint32_t status;

	fake.frame_count = 0;
	guest_send(0, 1, 0, make_message(fake.send, frame, bytes, ppi, n));
	fake_poll();
	status = guest_status(0, NULL);
	assert_int_not_equal(status, UINT32_MAX);
	return status;
}

/* ---- sums ---- */

static void
a_checksum_known_from_a_textbook_is_met(void **state)
{
	/* RFC 1071's example: words 0001 f203 f4f5 f6f7 sum to ddf2. */
	static const uint8_t data[] = { 0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7 };
	/* An IPv4 header whose checksum b861 is in many textbooks. */
	static const uint8_t header[] = { 0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40,
		0x11, 0x00, 0x00, 0xc0, 0xa8, 0x00, 0x01, 0xc0, 0xa8, 0x00, 0xc7 };

	(void)state;
	assert_int_equal(csum_add(data, 8, 0), 0xddf2);
	assert_int_equal((uint16_t)~csum_add(header, 20, 0), 0xb861);
}

static void
sums_of_every_length_equal_the_plain_way(void **state)
{
	struct rng rng = { 3 };

	(void)state;
	for (unsigned int i = 0; i < sizeof(frame); i++)
		frame[i] = (uint8_t)rng_next(&rng);
	for (uint32_t bytes = 0; bytes < 200; bytes++)
		assert_int_equal(csum_add(frame + bytes % 3, bytes, 77),
			oracle_csum(frame + bytes % 3, bytes, 77));
	memset(frame, 0xff, sizeof(frame));
	assert_int_equal(csum_add(frame, 65535, 0), oracle_csum(frame, 65535, 0));
}

static const struct {
	bool v6;
	uint8_t proto;
	uint32_t good;
} kinds[] = {
	{ false, IP_TCP, RNDIS_RX_CSUM_IP_OK | RNDIS_RX_CSUM_TCP_OK },
	{ false, IP_UDP, RNDIS_RX_CSUM_IP_OK | RNDIS_RX_CSUM_UDP_OK },
	{ true, IP_TCP, RNDIS_RX_CSUM_TCP_OK },
	{ true, IP_UDP, RNDIS_RX_CSUM_UDP_OK },
};

static uint32_t
make_kind(unsigned int i, uint32_t payload)
{
	return kinds[i].v6 ? make_ipv6(frame, kinds[i].proto, payload) :
		make_ipv4(frame, kinds[i].proto, payload);
}

static void
a_flipped_bit_is_found_by_verification(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(kinds); i++) {
		uint32_t bad = kinds[i].proto == IP_TCP ? RNDIS_RX_CSUM_TCP_BAD :
			RNDIS_RX_CSUM_UDP_BAD;
		uint32_t bytes = make_kind(i, 101);

		assert_int_equal(csum_verify(frame, bytes), kinds[i].good);
		assert_int_equal(csum_good(frame, bytes), kinds[i].good);
		frame[bytes - 1] ^= 1;
		assert_true((csum_verify(frame, bytes) & bad) != 0);
		frame[bytes - 1] ^= 1;
		frame[bytes] = 0x55;            /* padding is not summed */
		assert_int_equal(csum_verify(frame, bytes + 5), kinds[i].good);
		if (!kinds[i].v6) {
			frame[22]--;            /* time to live */
			assert_true((csum_verify(frame, bytes) & RNDIS_RX_CSUM_IP_BAD) != 0);
		}
	}
}

static void
udp_without_a_checksum_is_neither_good_nor_bad(void **state)
{
	uint32_t bytes = make_ipv4(frame, IP_UDP, 20);

	(void)state;
	store_be16(frame + 40, 0);
	assert_int_equal(csum_verify(frame, bytes), RNDIS_RX_CSUM_IP_OK);
}

/* ---- checksums that the guest asks for ---- */

static uint32_t
csum_ppi(unsigned int i, uint32_t l4)
{
	return (kinds[i].v6 ? RNDIS_TX_CSUM_IPV6 : RNDIS_TX_CSUM_IPV4 | RNDIS_TX_CSUM_IP_HEADER) |
		(kinds[i].proto == IP_TCP ? RNDIS_TX_CSUM_TCP : RNDIS_TX_CSUM_UDP) | l4 << 16;
}

static void
requested_checksums_are_computed_whatever_the_field_held(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(kinds); i++) {
		for (unsigned int zero_offset = 0; zero_offset <= 1; zero_offset++) {
			uint32_t l4 = kinds[i].v6 ? 54 : 34, bytes = make_kind(i, 99);
			uint32_t ppi[1][2] = { { RNDIS_PPI_CHECKSUM,
				csum_ppi(i, zero_offset ? 0 : l4) } };
			uint8_t want[256];

			memcpy(want, frame, bytes);
			frame[l4 + (kinds[i].proto == IP_TCP ? 16 : 6)] ^= 0x5a;
			if (!kinds[i].v6)
				frame[24] ^= 0x5a;
			assert_int_equal(send_frame(bytes, ppi, 1), NVSP_STATUS_SUCCESS);
			assert_int_equal(fake.frame_count, 1);
			assert_memory_equal(fake.frames[0].data, want, bytes);
			assert_int_equal(fake.frames[0].flags & FRAME_CSUM_PARTIAL, 0);
		}
	}
	assert_int_equal(vsp_violations(), 0);
}

static void
a_udp_checksum_that_sums_to_zero_is_sent_as_ffff(void **state)
{
	uint32_t bytes = make_ipv4(frame, IP_UDP, 2), found = 0;
	uint32_t ppi[1][2] = { { RNDIS_PPI_CHECKSUM, csum_ppi(1, 34) } };

	(void)state;
	/* One of the 65536 payloads sums so. */
	for (uint32_t v = 0; v < 0x10000 && !found; v++) {
		store_be16(frame + 42, (uint16_t)v);
		store_be16(frame + 40, 0);
		found = oracle_csum(frame + 34, 10, oracle_csum(frame + 26, 8, 17 + 10)) == 0xffff;
	}
	assert_true(found);
	send_frame(bytes, ppi, 1);
	assert_int_equal(load_be16(fake.frames[0].data + 40), 0xffff);
}

static void
a_partial_checksum_is_left_to_the_receiver_and_completes_to_the_right_one(void **state)
{
	(void)state;
	fake.nic.config.partial_csum = true;
	for (unsigned int i = 0; i < ARRAY_SIZE(kinds); i++) {
		uint32_t bytes = make_kind(i, 64), l4 = kinds[i].v6 ? 54 : 34;
		uint32_t ppi[1][2] = { { RNDIS_PPI_CHECKSUM, csum_ppi(i, l4) } };
		uint8_t want[256];

		memcpy(want, frame, bytes);
		send_frame(bytes, ppi, 1);
		assert_int_equal(fake.frames[0].flags, FRAME_CSUM_PARTIAL | FRAME_WRITABLE);
		assert_int_equal(fake.frames[0].l4_offset, l4);
		assert_memory_not_equal(fake.frames[0].data, want, bytes);
		csum_complete(fake.frames[0].data, bytes, l4);
		assert_memory_equal(fake.frames[0].data, want, bytes);
	}
}

/* A TCP/IPv4 frame of 134 bytes unless v6: what is asked for, and the rule. */
static const struct {
	const char *what;
	uint32_t type, value;
	enum vsp_rule rule;
	uint32_t status;
} requests[] = {
	{ "L4 offset in the Ethernet header", RNDIS_PPI_CHECKSUM, 0x5 | 5 << 16,
		VSP_RULE_CSUM_OFFSET, NVSP_STATUS_FAILURE },
	{ "L4 offset without room for TCP", RNDIS_PPI_CHECKSUM, 0x5 | 120 << 16,
		VSP_RULE_CSUM_OFFSET, NVSP_STATUS_FAILURE },
	{ "L4 offset past the frame", RNDIS_PPI_CHECKSUM, 0x5 | 1000 << 16,
		VSP_RULE_CSUM_OFFSET, NVSP_STATUS_FAILURE },
	{ "L4 offset four bytes late", RNDIS_PPI_CHECKSUM, 0x5 | 38 << 16,
		VSP_RULE_CSUM_OFFSET, NVSP_STATUS_FAILURE },
	{ "IPv6 asked of IPv4", RNDIS_PPI_CHECKSUM, 0x6, VSP_RULE_CSUM_OFFSET,
		NVSP_STATUS_FAILURE },
	{ "UDP asked of TCP", RNDIS_PPI_CHECKSUM, 0x9 | 34 << 16,
		VSP_RULE_CSUM_REQUEST, NVSP_STATUS_SUCCESS },
	{ "both IP versions", RNDIS_PPI_CHECKSUM, 0x13,
		VSP_RULE_CSUM_REQUEST, NVSP_STATUS_SUCCESS },
	{ "no IP version", RNDIS_PPI_CHECKSUM, 0x4 | 34 << 16,
		VSP_RULE_CSUM_REQUEST, NVSP_STATUS_SUCCESS },
	{ "LSO header past the frame", RNDIS_PPI_LSO, 0x40000000 | 130 << 20 | 50,
		VSP_RULE_LSO_HEADER, NVSP_STATUS_FAILURE },
	{ "LSO header in the Ethernet header", RNDIS_PPI_LSO, 0x40000000 | 10 << 20 | 50,
		VSP_RULE_LSO_HEADER, NVSP_STATUS_FAILURE },
	{ "LSO with mss 0", RNDIS_PPI_LSO, 0x40000000 | 34 << 20,
		VSP_RULE_LSO_REQUEST, NVSP_STATUS_SUCCESS },
};

static void
a_wrong_offload_request_is_named_by_its_rule(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(requests); i++) {
		uint32_t bytes = make_ipv4(frame, IP_TCP, 80), status;
		uint32_t ppi[1][2] = { { requests[i].type, requests[i].value } };

		memset(fake.nic.rule_counts, 0, sizeof(fake.nic.rule_counts));
		status = send_frame(bytes, ppi, 1);
		if (fake_rule(requests[i].rule) != 1 || status != requests[i].status ||
		    fake.frame_count != (status == NVSP_STATUS_SUCCESS ? 1 : 0))
			fail_msg("%s: %u times, status %u, %u frames", requests[i].what,
				(unsigned int)fake_rule(requests[i].rule), status,
				fake.frame_count);
	}
}

static void
an_offload_that_was_not_offered_is_reported(void **state)
{
	uint32_t bytes = make_ipv4(frame, IP_TCP, 80);
	uint32_t csum[1][2] = { { RNDIS_PPI_CHECKSUM, 0x15 | 34 << 16 } };
	uint32_t lso[1][2] = { { RNDIS_PPI_LSO, 0x40000000 | 34 << 20 | 40 } };

	(void)state;
	fake.profile.csum_offload = false;
	fake.profile.lso = false;
	send_frame(bytes, csum, 1);
	send_frame(bytes, lso, 1);
	assert_int_equal(fake_rule(VSP_RULE_CSUM_REQUEST), 1);
	assert_int_equal(fake_rule(VSP_RULE_LSO_REQUEST), 1);
}

static void
an_offload_for_a_frame_with_an_inner_tag_is_reported_and_not_done(void **state)
{
	uint32_t bytes = make_ipv4(frame, IP_TCP, 80);
	uint32_t ppi[1][2] = { { RNDIS_PPI_CHECKSUM, 0x15 | 38 << 16 } };
	uint8_t want[256];

	(void)state;
	memmove(frame + 16, frame + 12, bytes - 12);
	store_be16(frame + 12, ETHER_VLAN);
	store_be16(frame + 14, 5);
	store_be16(frame + 54, 0xbad0);
	memcpy(want, frame, bytes + 4);
	send_frame(bytes + 4, ppi, 1);
	assert_int_equal(fake_rule(VSP_RULE_VLAN_INBAND), 1);
	assert_memory_equal(fake.frames[0].data, want, bytes + 4);
}

/* ---- segments ---- */

/* Checks a segment field by field; returns its payload bytes. */
static uint32_t
check_segment(unsigned int i, bool v6, uint32_t start, uint32_t mss)
{
	const uint8_t *f = fake.frames[i].data;
	uint32_t l4 = v6 ? 54 : 34, payload = fake.frames[i].bytes - l4 - 20;

	assert_true(payload <= mss);
	assert_memory_equal(f, frame, 14);
	if (v6) {
		assert_int_equal(load_be16(f + 18), 20 + payload);
	} else {
		assert_int_equal(load_be16(f + 16), 40 + payload);
		assert_int_equal(load_be16(f + 18), (0x4321 + i) & 0xffff);
	}
	assert_int_equal(load_be32(f + l4 + 4), 0x12345678 + start);
	assert_int_equal(load_be32(f + l4 + 8), 0x9abcdef0);
	assert_memory_equal(f + l4 + 20, frame + l4 + 20 + start, payload);
	assert_int_equal(csum_verify(f, fake.frames[i].bytes), kinds[v6 ? 2 : 0].good);
	return payload;
}

static void
a_large_frame_is_cut_into_right_segments(void **state)
{
	(void)state;
	for (int v6 = 0; v6 <= 1; v6++) {
		static const uint32_t payloads[] = { 1, 99, 100, 101, 1000, 5000 };

		for (unsigned int p = 0; p < ARRAY_SIZE(payloads); p++) {
			uint32_t bytes = make_kind(v6 ? 2 : 0, payloads[p]), start = 0;
			uint32_t l4 = v6 ? 54 : 34, n = (payloads[p] + 99) / 100;
			uint32_t ppi[1][2] = { { RNDIS_PPI_LSO, 0x40000000 | l4 << 20 | 100 |
				(v6 ? 0x80000000 : 0) } };

			frame[l4 + 13] = 0x10 | 0x80 | 0x08 | 0x01;     /* ACK CWR PSH FIN */
			assert_int_equal(send_frame(bytes, ppi, 1), NVSP_STATUS_SUCCESS);
			assert_int_equal(fake.frame_count, n);
			for (unsigned int i = 0; i < n; i++) {
				start += check_segment(i, v6, start, 100);
				assert_int_equal(fake.frames[i].data[l4 + 13], 0x10 |
					(i == 0 ? 0x80 : 0) | (i + 1 == n ? 0x09 : 0));
			}
			assert_int_equal(start, payloads[p]);
		}
	}
	assert_int_equal(vsp_violations(), 0);
}

static void
a_segment_equals_the_one_worked_out_by_hand(void **state)
{
	/* 10.0.0.1:1000 > 10.0.0.2:2000, id 4322, seq 12345698, 32 bytes of 40
	 * gone: the last 8. Sums by a calculator. */
	static const uint8_t want[] = {
		0x02, 0x00, 0x00, 0x00, 0x00, 0x01, 0x02, 0x00, 0x00, 0x00, 0x00, 0x02, 0x08, 0x00,
		0x45, 0x00, 0x00, 0x30, 0x43, 0x22, 0x00, 0x00, 0x40, 0x06, 0x23, 0xa4,
		0x0a, 0x00, 0x00, 0x01, 0x0a, 0x00, 0x00, 0x02,
		0x03, 0xe8, 0x07, 0xd0, 0x12, 0x34, 0x56, 0x98, 0x9a, 0xbc, 0xde, 0xf0,
		0x50, 0x10, 0x10, 0x00, 0xc7, 0xa5, 0x00, 0x00,
		0xe0, 0xe7, 0xee, 0xf5, 0xfc, 0x03, 0x0a, 0x11,
	};
	uint32_t ppi[1][2] = { { RNDIS_PPI_LSO, 0x40000000 | 34 << 20 | 32 } };

	(void)state;
	send_frame(make_ipv4(frame, IP_TCP, 40), ppi, 1);
	assert_int_equal(fake.frame_count, 2);
	assert_int_equal(fake.frames[1].bytes, sizeof(want));
	assert_memory_equal(fake.frames[1].data, want, sizeof(want));
}

static void
segments_of_a_tagged_frame_carry_the_tag(void **state)
{
	uint32_t ppi[2][2] = { { RNDIS_PPI_VLAN, 7 << 4 },
		{ RNDIS_PPI_LSO, 0x40000000 | 34 << 20 | 1000 } };

	(void)state;
	send_frame(make_ipv4(frame, IP_TCP, 4000), ppi, 2);
	assert_int_equal(fake.frame_count, 4);
	for (unsigned int i = 0; i < 4; i++) {
		assert_int_equal(fake.frames[i].flags & FRAME_VLAN, FRAME_VLAN);
		assert_int_equal(fake.frames[i].vlan_tci, 7);
	}
}

static void
a_64k_frame_scattered_over_pages_is_cut(void **state)
{
	const uint32_t bytes = 14 + 40 + 62000, mss = 1460;
	uint64_t words[40] = { 1ull << 32 };
	uint32_t message_bytes, at = 0;
	uint32_t ppi[1][2] = { { RNDIS_PPI_LSO, 0x40000000 | 34 << 20 | mss } };
	static uint8_t message[70000];
	struct nvsp_rndis rndis = { NVSP_RNDIS, NVSP_CHANNEL_DATA, NVSP_SECTION_NONE, 0 };
	uint32_t start = 0, pages;

	(void)state;
	make_ipv4(frame, IP_TCP, 62000);
	message_bytes = make_message(message, frame, bytes, ppi, 1);
	pages = (message_bytes + 4095) / 4096;
	words[1] = message_bytes;
	for (uint32_t i = 0; i < pages; i++, at += 4096) {
		words[2 + i] = pages - i;       /* the wrong way round */
		memcpy(fake.memory + (pages - i - 1) * 4096, message + at,
			HV_MIN(4096u, message_bytes - at));
	}
	guest_put(0, VMBUS_PACKET_GPA_DIRECT, 1, words, (2 + pages) * 8, &rndis, sizeof(rndis));
	fake_poll();
	assert_int_equal(guest_status(0, NULL), NVSP_STATUS_SUCCESS);
	assert_int_equal(fake.frame_count, (62000 + mss - 1) / mss);
	for (unsigned int i = 0; i < fake.frame_count; i++)
		start += check_segment(i, false, start, mss);
	assert_int_equal(start, 62000);
	assert_int_equal(fake.nic.channel[0].counters.tx_segments, fake.frame_count);
}

static void
what_is_too_long_and_cannot_be_cut_is_dropped(void **state)
{
	uint32_t ppi[1][2] = { { RNDIS_PPI_LSO, 0x40000000 | 34 << 20 | 5000 } };

	(void)state;
	assert_int_equal(send_frame(make_ipv4(frame, IP_TCP, 5500), ppi, 1), NVSP_STATUS_SUCCESS);
	assert_int_equal(fake.frame_count, 0);
	assert_int_equal(fake_rule(VSP_RULE_FRAME_LENGTH), 1);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_checksum_known_from_a_textbook_is_met),
		CASE(sums_of_every_length_equal_the_plain_way),
		CASE(a_flipped_bit_is_found_by_verification),
		CASE(udp_without_a_checksum_is_neither_good_nor_bad),
		CASE(requested_checksums_are_computed_whatever_the_field_held),
		CASE(a_udp_checksum_that_sums_to_zero_is_sent_as_ffff),
		CASE(a_partial_checksum_is_left_to_the_receiver_and_completes_to_the_right_one),
		CASE(a_wrong_offload_request_is_named_by_its_rule),
		CASE(an_offload_that_was_not_offered_is_reported),
		CASE(an_offload_for_a_frame_with_an_inner_tag_is_reported_and_not_done),
		CASE(a_large_frame_is_cut_into_right_segments),
		CASE(a_segment_equals_the_one_worked_out_by_hand),
		CASE(segments_of_a_tagged_frame_carry_the_tag),
		CASE(a_64k_frame_scattered_over_pages_is_cut),
		CASE(what_is_too_long_and_cannot_be_cut_is_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
