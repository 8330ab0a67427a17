/* SPDX-License-Identifier: BSD-3-Clause */

/* Runs of coalesced segments: what joins one, and how it lies in a transfer. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "fake.h"

#define MSS 100u
#define SEGMENTS 600u

static uint8_t data[SEGMENTS][256];
static struct frame frames[SEGMENTS];
static struct fake_packet packet;

struct piece_seen {
	const uint8_t *data;
	uint32_t bytes, id, csum, vlan;
	bool has_id, has_csum, has_vlan, has_hash;
};

static void
fix_tcp(uint8_t *frame, bool v6, uint32_t payload)
{
	uint32_t l4 = v6 ? 54 : 34, pseudo;

	pseudo = v6 ? oracle_csum(frame + 22, 32, 6 + 20 + payload) :
		oracle_csum(frame + 26, 8, 6 + 20 + payload);
	store_be16(frame + l4 + 16, 0);
	store_be16(frame + l4 + 16, (uint16_t)~oracle_csum(frame + l4, 20 + payload, pseudo));
}

/* n segments in sequence; the payload of the whole stream is i -> i * 11. */
static void
make_stream(unsigned int n, bool v6)
{
	for (unsigned int i = 0; i < n; i++) {
		uint8_t *f = data[i];
		uint32_t l4 = v6 ? 54 : 34;

		frames[i] = (struct frame) { .data = f, .bytes = v6 ? make_ipv6(f, IP_TCP, MSS) :
			make_ipv4(f, IP_TCP, MSS) };
		store_be32(f + l4 + 4, 1000 + i * MSS);
		for (unsigned int j = 0; j < MSS; j++)
			f[l4 + 20 + j] = (uint8_t)((i * MSS + j) * 11);
		fix_tcp(f, v6, MSS);
	}
}

static int
setup(void **state)
{
	static const struct fake_options options = {
		.check = CHECK_FULL, .sections = 1000, .ring_bytes = 64 * 4096,
	};

	(void)state;
	if (fake_start(&options) < 0)
		return -1;
	fake.nic.config.rsc = true;
	fake.nic.guest_caps = NVSP_CONFIG_CAP_RSC;
	fake.nic.rsc4 = true;
	fake.nic.rsc6 = true;
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	fake_stop();
	return 0;
}

static uint32_t
take(void)
{
	uint32_t count;

	fake_poll();
	if (!guest_take(0, &packet))
		return 0;
	memcpy(&count, packet.extension + 4, 4);
	return count;
}

static void
see(unsigned int i, struct piece_seen *seen)
{
	uint32_t range[2], ppi[4];
	struct rndis_packet header;
	const uint8_t *at;

	memset(seen, 0, sizeof(*seen));
	memcpy(range, packet.extension + 8 + i * 8, 8);
	at = fake.recv + range[1];
	memcpy(&header, at, sizeof(header));
	for (uint32_t p = 0; p < header.ppi_bytes; p += 16) {
		memcpy(ppi, at + 8 + header.ppi_offset + p, sizeof(ppi));
		if (ppi[1] == RNDIS_PPI_PACKET_ID) {
			seen->has_id = true;
			seen->id = ppi[3];
		} else if (ppi[1] == RNDIS_PPI_CHECKSUM) {
			seen->has_csum = true;
			seen->csum = ppi[3];
		} else if (ppi[1] == RNDIS_PPI_VLAN) {
			seen->has_vlan = true;
			seen->vlan = ppi[3];
		} else {
			seen->has_hash = true;
		}
	}
	seen->data = at + 8 + header.data_offset;
	seen->bytes = header.data_bytes;
}

static void
check_run(unsigned int first, unsigned int n, bool v6)
{
	uint32_t l4 = v6 ? 54 : 34, offset = 0;
	struct piece_seen seen;

	for (unsigned int i = 0; i < n; i++) {
		/* Version 1; sub-allocation, first, last. */
		uint32_t flags = 1u | (i == 0 ? 2u : 0) | (i + 1 == n ? 4u : 0);
		const uint8_t *payload;

		see(first + i, &seen);
		assert_true(seen.has_id);
		assert_int_equal(seen.id & 0xffff, 1 | flags << 8);
		assert_int_equal(seen.has_csum, i == 0);
		assert_int_equal(seen.bytes, (i == 0 ? l4 + 20 : 0) + MSS);
		payload = seen.data + (i == 0 ? l4 + 20 : 0);
		for (uint32_t j = 0; j < MSS; j++, offset++)
			assert_int_equal(payload[j], (uint8_t)(offset * 11));
	}
	see(first, &seen);
	assert_int_equal(seen.csum, RNDIS_RX_CSUM_TCP_OK | RNDIS_RX_CSUM_TCP_VALUE_INVALID |
		(v6 ? 0 : RNDIS_RX_CSUM_IP_OK));
	if (v6) {
		assert_int_equal(load_be16(seen.data + 18), 20 + n * MSS);
	} else {
		assert_int_equal(load_be16(seen.data + 16), 40 + n * MSS);
		assert_int_equal(oracle_csum(seen.data + 14, 20, 0), 0xffff);
	}
}

static void
segments_in_sequence_become_one_run(void **state)
{
	(void)state;
	for (int v6 = 0; v6 <= 1; v6++) {
		make_stream(20, v6);
		rx_output(&fake.nic.port, frames, 20);
		assert_int_equal(take(), 20);
		check_run(0, 20, v6);
		guest_complete(0, packet.header.transaction_id);
	}
	fake_poll();
	assert_int_equal(fake.nic.channel[0].counters.rx_rsc_runs, 2);
	assert_int_equal(fake.nic.channel[0].counters.rx_rsc_frames, 40);
	assert_int_equal(fake.nic.channel[0].counters.rx_frames, 40);
	assert_int_equal(fake.nic.channel[0].free_count, 1000 - 16);
	assert_int_equal(vsp_violations(), 0);
}

static void
runs_have_different_packet_ids(void **state)
{
	struct piece_seen a, b;

	(void)state;
	make_stream(4, false);
	rx_output(&fake.nic.port, frames, 2);
	rx_output(&fake.nic.port, frames + 2, 2);
	assert_int_equal(take(), 4);
	see(0, &a);
	see(2, &b);
	assert_int_not_equal(a.id >> 16, b.id >> 16);
	see(1, &b);
	assert_int_equal(a.id >> 16, b.id >> 16);
}

/* What makes segment 2 of 4 not join: a byte of it is changed. */
static const struct {
	const char *what;
	uint32_t at;
	uint8_t xor;
	bool own_csum;          /* keep the checksum wrong */
} breaks[] = {
	{ "another destination MAC", 5, 1, false },
	{ "another source address", 29, 1, false },
	{ "another port", 35, 1, false },
	{ "a gap in the sequence", 41, 1, false },
	{ "another acknowledgement", 45, 1, false },
	{ "SYN", 47, 2, false },
	{ "FIN", 47, 1, false },
	{ "URG", 47, 0x20, false },
	{ "another type of service", 15, 4, false },
	{ "a wrong checksum", 60, 1, true },
};

static void
a_segment_that_differs_is_delivered_by_itself(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(breaks); i++) {
		struct piece_seen seen;

		make_stream(4, false);
		data[2][breaks[i].at] ^= breaks[i].xor;
		if (!breaks[i].own_csum)
			fix_tcp(data[2], false, MSS);
		store_be16(data[2] + 24, 0);
		store_be16(data[2] + 24, (uint16_t)~oracle_csum(data[2] + 14, 20, 0));
		rx_output(&fake.nic.port, frames, 4);
		assert_int_equal(take(), 4);
		check_run(0, 2, false);
		see(2, &seen);
		if (seen.has_id || seen.bytes != 54 + MSS)
			fail_msg("%s", breaks[i].what);
		guest_complete(0, packet.header.transaction_id);
	}
}

static void
a_pushed_segment_ends_its_run_and_the_run_says_push(void **state)
{
	struct piece_seen seen;

	(void)state;
	make_stream(4, false);
	data[1][47] |= 0x08;
	fix_tcp(data[1], false, MSS);
	rx_output(&fake.nic.port, frames, 4);
	assert_int_equal(take(), 4);
	check_run(0, 2, false);
	see(0, &seen);
	assert_int_equal(seen.data[47], 0x18);
	see(2, &seen);
	assert_true(seen.has_id);
	assert_int_equal(seen.data[47], 0x10);
}

static void
the_tag_and_nothing_else_is_with_the_first_piece(void **state)
{
	struct piece_seen seen;

	(void)state;
	make_stream(3, false);
	for (unsigned int i = 0; i < 3; i++) {
		frames[i].flags = FRAME_VLAN;
		frames[i].vlan_tci = i < 2 ? 5 : 6;
	}
	rx_output(&fake.nic.port, frames, 3);
	assert_int_equal(take(), 3);
	see(0, &seen);
	assert_int_equal(seen.vlan, 5 << 4);
	see(1, &seen);
	assert_true(seen.has_id && !seen.has_vlan && !seen.has_csum);
	see(2, &seen);
	assert_false(seen.has_id);              /* another VLAN */
	assert_int_equal(seen.vlan, 6 << 4);
}

static void
a_run_is_never_split_over_transfers(void **state)
{
	unsigned int total = 0;
	uint32_t n;

	(void)state;
	make_stream(600, false);
	/* Batches of 200: the third does not fit beside the first two. */
	for (unsigned int i = 0; i < 3; i++)
		rx_output(&fake.nic.port, frames + i * 200, 200);
	while ((n = take()) != 0) {
		struct piece_seen seen;

		assert_true(n <= VSP_TRANSFER_RSC_MAX);
		see(0, &seen);
		assert_int_equal(seen.id >> 8 & 7, 3);  /* starts with a first ... */
		see(n - 1, &seen);
		assert_int_equal(seen.id >> 8 & 7, 5);  /* ... ends with a last */
		total += n;
	}
	assert_int_equal(total, 600);
}

static void
runs_need_both_sides_and_the_protocol(void **state)
{
	struct piece_seen seen;

	(void)state;
	make_stream(4, false);
	for (unsigned int i = 0; i < 5; i++) {
		fake.nic.config.rsc = i != 0;
		fake.nic.guest_caps = i != 1 ? NVSP_CONFIG_CAP_RSC : 0;
		fake.nic.nvsp = i != 2 ? NVSP_VERSION_61 : NVSP_VERSION_6;
		fake.nic.rsc4 = i != 3;
		fake.profile.rsc = i != 4;
		rx_output(&fake.nic.port, frames, 4);
		assert_int_equal(take(), 4);
		see(0, &seen);
		assert_false(seen.has_id);
		guest_complete(0, packet.header.transaction_id);
	}
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(segments_in_sequence_become_one_run),
		CASE(runs_have_different_packet_ids),
		CASE(a_segment_that_differs_is_delivered_by_itself),
		CASE(a_pushed_segment_ends_its_run_and_the_run_says_push),
		CASE(the_tag_and_nothing_else_is_with_the_first_piece),
		CASE(a_run_is_never_split_over_transfers),
		CASE(runs_need_both_sides_and_the_protocol),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
