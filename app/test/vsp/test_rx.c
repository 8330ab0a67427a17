/* SPDX-License-Identifier: BSD-3-Clause */

/* Frames to the guest: what is in a section, and which queue it goes to. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "fake.h"

static uint8_t data[FAKE_FRAME_BYTES];

/* A received frame as a guest parses it. */
struct seen {
	const uint8_t *frame;
	uint32_t bytes, range_bytes, msg_bytes, offset;         /* of the frame */
	bool has_csum, has_vlan, has_hash, has_info, has_id;
	uint32_t csum, vlan, hash, info, id;
};

static int
start(const struct fake_options *options)
{
	for (unsigned int i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 3 + (i >> 8));
	store_be16(data + 12, 0x88b5);
	return fake_start(options);
}

static int
setup(void **state)
{
	static const struct fake_options options = { .check = CHECK_FULL };

	(void)state;
	return start(&options);
}

static int
setup_fast(void **state)
{
	static const struct fake_options options = { .check = CHECK_FAST };

	(void)state;
	return start(&options);
}

static int
setup_four(void **state)
{
	static const struct fake_options options = {
		.check = CHECK_FULL, .channels = 4, .sections = 128,
	};

	(void)state;
	return start(&options);
}

static int
teardown(void **state)
{
	(void)state;
	fake_stop();
	return 0;
}

static void
output(const uint8_t *frame_data, uint32_t bytes, uint16_t flags)
{
	struct frame frame = { .data = frame_data, .bytes = bytes, .flags = flags };

	rx_output(&fake.nic.port, &frame, 1);
}

static void
ppi_take(struct seen *seen, uint32_t type, uint32_t value)
{
	switch (type) {
	case RNDIS_PPI_CHECKSUM:
		seen->has_csum = true;
		seen->csum = value;
		break;
	case RNDIS_PPI_VLAN:
		seen->has_vlan = true;
		seen->vlan = value;
		break;
	case RNDIS_PPI_HASH_VALUE:
		seen->has_hash = true;
		seen->hash = value;
		break;
	case RNDIS_PPI_HASH_INFO:
		seen->has_info = true;
		seen->info = value;
		break;
	case RNDIS_PPI_PACKET_ID:
		seen->has_id = true;
		seen->id = value;
		break;
	default:
		fail_msg("ppi type %u", type);
	}
}

static void
parse(const struct fake_packet *packet, unsigned int i, struct seen *seen)
{
	uint32_t range[2], ppi[4];
	struct rndis_packet header;
	const uint8_t *at;

	memset(seen, 0, sizeof(*seen));
	memcpy(range, packet->extension + 8 + i * 8, 8);
	assert_true(range_ok(range[1], range[0], fake.recv_bytes));
	at = fake.recv + range[1];
	memcpy(&header, at, sizeof(header));
	assert_int_equal(header.header.type, RNDIS_PACKET);
	assert_true(header.header.msg_bytes <= range[0]);
	assert_true(range_ok(header.data_offset + 8u, header.data_bytes,
		header.header.msg_bytes));
	assert_int_equal(header.oob_offset | header.oob_bytes | header.oob_count |
		header.vc_handle | header.reserved, 0);
	for (uint32_t p = 0; p < header.ppi_bytes; p += ppi[0]) {
		memcpy(ppi, at + 8 + header.ppi_offset + p, sizeof(ppi));
		assert_int_equal(ppi[0], 16);
		assert_int_equal(ppi[2], 12);
		ppi_take(seen, ppi[1], ppi[3]);
	}
	assert_true(header.ppi_offset + header.ppi_bytes <= header.data_offset);
	seen->frame = at + 8 + header.data_offset;
	seen->bytes = header.data_bytes;
	seen->range_bytes = range[0];
	seen->msg_bytes = header.header.msg_bytes;
	seen->offset = header.data_offset + 8;
}

static uint32_t
take_transfer(unsigned int channel, struct fake_packet *packet)
{
	uint32_t count;

	if (!guest_take(channel, packet))
		return 0;
	assert_int_equal(packet->header.type, VMBUS_PACKET_TRANSFER_PAGES);
	assert_int_equal(packet->header.flags, 1);
	memcpy(&count, packet->extension + 4, 4);
	assert_int_equal(packet->extension_bytes, 8 + count * 8);
	return count;
}

/* The one frame of the next transfer. */
static void
take_one(unsigned int channel, struct seen *seen)
{
	static struct fake_packet packet;

	fake_poll();
	assert_int_equal(take_transfer(channel, &packet), 1);
	parse(&packet, 0, seen);
	guest_complete(channel, packet.header.transaction_id);
	fake_poll();
}

/* ---- layout ---- */

static void
a_frame_arrives_behind_its_header_with_the_profiles_offset(void **state)
{
	static const uint32_t sizes[] = { 14, 15, 31, 32, 33, 60, 64, 65, 100, 128, 129, 1514 };
	struct seen seen;

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		fake.profile.frame_offset = 256 - i * 16;
		output(data, sizes[i], 0);
		take_one(0, &seen);
		assert_int_equal(seen.bytes, sizes[i]);
		assert_memory_equal(seen.frame, data, sizes[i]);
		assert_int_equal(seen.offset, 256 - i * 16);
		assert_int_equal(seen.range_bytes, seen.offset + sizes[i]);
		assert_false(seen.has_csum);
	}
}

static void
openvmm_ranges_are_as_long_as_the_sub_allocation(void **state)
{
	struct seen seen;

	(void)state;
	fake.profile.full_ranges = true;
	fake.profile.ppi = VSP_PPI_CSUM | VSP_PPI_CSUM_ALWAYS | VSP_PPI_VLAN;
	output(data, 60, 0);
	take_one(0, &seen);
	assert_int_equal(seen.range_bytes, 256 + 1514 + 36);
	assert_int_equal(seen.msg_bytes, 256 + 1514 + 36);
	assert_int_equal(seen.offset, 256);
	assert_true(seen.has_csum);
	assert_int_equal(seen.csum, 0);
}

static void
the_transfer_says_buffer_data_channel_and_no_section(void **state)
{
	struct nvsp_rndis rndis;
	struct fake_packet packet;
	uint16_t set;

	(void)state;
	fake.nic.recv_id = 0xcafe;
	output(data, 60, 0);
	fake_poll();
	assert_int_equal(take_transfer(0, &packet), 1);
	memcpy(&set, packet.extension, 2);
	assert_int_equal(set, 0xcafe);
	assert_int_equal(packet.payload_bytes, 40);
	memcpy(&rndis, packet.payload, sizeof(rndis));
	assert_int_equal(rndis.type, NVSP_RNDIS);
	assert_int_equal(rndis.channel_type, NVSP_CHANNEL_DATA);
	assert_int_equal(rndis.section_idx, NVSP_SECTION_NONE);
}

static void
frames_of_a_round_share_a_transfer_up_to_the_limit(void **state)
{
	struct frame frames[40];
	struct fake_packet packet;
	struct seen seen;

	(void)state;
	fake.nic.config.frames_per_transfer = 16;
	for (unsigned int i = 0; i < 40; i++)
		frames[i] = (struct frame) { .data = data + i, .bytes = 60 + i };
	rx_output(&fake.nic.port, frames, 25);
	rx_output(&fake.nic.port, frames + 25, 15);
	fake_poll();
	for (unsigned int i = 0; i < 40; ) {
		uint32_t n = take_transfer(0, &packet);

		assert_int_equal(n, i < 32 ? 16 : 8);
		for (uint32_t j = 0; j < n; j++, i++) {
			parse(&packet, j, &seen);
			assert_int_equal(seen.bytes, 60 + i);
			assert_memory_equal(seen.frame, data + i, 60 + i);
		}
	}
	assert_int_equal(take_transfer(0, &packet), 0);
	assert_int_equal(fake.nic.channel[0].counters.rx_frames, 40);
	assert_int_equal(fake.nic.channel[0].counters.rx_transfers, 3);
}

static void
a_transfer_that_is_just_full_is_published_at_once_though_its_channel_sleeps(void **state)
{
	struct fake_packet packet;
	struct frame frames[32];

	(void)state;
	fake.nic.config.frames_per_transfer = 16;
	for (unsigned int i = 0; i < 32; i++)
		frames[i] = (struct frame) { .data = data, .bytes = 60 };
	channel_prepare_sleep(&fake.nic);
	assert_int_equal(fake.nic.channel[0].state, CHANNEL_ASLEEP);
	rx_output(&fake.nic.port, frames, 32);
	fake_poll();
	assert_int_equal(take_transfer(0, &packet), 16);
	assert_int_equal(take_transfer(0, &packet), 16);
}

/* ---- information ---- */

static const struct {
	const char *what;
	uint8_t proto;
	uint16_t flags;
	uint32_t flip;                  /* byte made wrong; 0 none */
	uint32_t csum;
} sums[] = {
	{ "TCP", IP_TCP, 0, 0, RNDIS_RX_CSUM_IP_OK | RNDIS_RX_CSUM_TCP_OK },
	{ "UDP", IP_UDP, 0, 0, RNDIS_RX_CSUM_IP_OK | RNDIS_RX_CSUM_UDP_OK },
	{ "TCP wrong", IP_TCP, 0, 60, RNDIS_RX_CSUM_IP_OK | RNDIS_RX_CSUM_TCP_BAD },
	{ "UDP wrong", IP_UDP, 0, 60, RNDIS_RX_CSUM_IP_OK | RNDIS_RX_CSUM_UDP_BAD },
	{ "IP wrong", IP_TCP, 0, 22, RNDIS_RX_CSUM_IP_BAD | RNDIS_RX_CSUM_TCP_OK },
	{ "known good", IP_TCP, FRAME_CSUM_GOOD, 60,
		RNDIS_RX_CSUM_IP_OK | RNDIS_RX_CSUM_TCP_OK },
	{ "partial TCP", IP_TCP, FRAME_CSUM_PARTIAL, 50,
		RNDIS_RX_CSUM_IP_OK | RNDIS_RX_CSUM_TCP_OK | RNDIS_RX_CSUM_TCP_VALUE_INVALID },
};

static void
checksum_information_tells_the_truth(void **state)
{
	struct seen seen;

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(sums); i++) {
		uint32_t bytes = make_ipv4(data, sums[i].proto, 50);

		if (sums[i].flip != 0)
			data[sums[i].flip] ^= 1;
		output(data, bytes, sums[i].flags);
		take_one(0, &seen);
		if (!seen.has_csum || seen.csum != sums[i].csum)
			fail_msg("%s: 0x%x", sums[i].what, seen.csum);
	}
}

static void
checksum_information_that_the_guest_switched_off_is_left_out(void **state)
{
	struct seen seen;
	uint32_t bytes = make_ipv4(data, IP_TCP, 50);

	(void)state;
	fake.nic.rx_csum = NIC_CSUM_UDP4 | NIC_CSUM_TCP6 | NIC_CSUM_IP4;
	output(data, bytes, 0);
	take_one(0, &seen);
	assert_int_equal(seen.csum, RNDIS_RX_CSUM_IP_OK);
	fake.nic.rx_csum = 0;
	output(data, bytes, 0);
	take_one(0, &seen);
	assert_false(seen.has_csum);
}

static void
a_partial_checksum_that_cannot_be_told_is_completed(void **state)
{
	static const uint8_t protos[] = { IP_UDP, IP_TCP };
	struct seen seen;

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		uint32_t bytes = make_ipv4(data, protos[i], 50);
		uint32_t l4_bytes = bytes - 34;
		struct frame frame = { .data = data, .bytes = bytes,
			.flags = FRAME_CSUM_PARTIAL, .l4_offset = 34 };
		uint8_t want[256];

		memcpy(want, data, bytes);
		store_be16(data + 34 + (protos[i] == IP_TCP ? 16 : 6),
			oracle_csum(data + 26, 8, protos[i] + l4_bytes));
		if (protos[i] == IP_TCP)
			fake.profile.ppi = VSP_PPI_VLAN;
		rx_output(&fake.nic.port, &frame, 1);
		take_one(0, &seen);
		assert_memory_equal(seen.frame, want, bytes);
	}
}

static void
without_verification_the_host_claims_nothing(void **state)
{
	struct seen seen;

	(void)state;
	output(data, make_ipv4(data, IP_TCP, 50), 0);
	take_one(0, &seen);
	assert_false(seen.has_csum);
	output(data, make_ipv4(data, IP_TCP, 50), FRAME_CSUM_GOOD);
	take_one(0, &seen);
	assert_int_equal(seen.csum, RNDIS_RX_CSUM_IP_OK | RNDIS_RX_CSUM_TCP_OK);
}

static void
a_tag_beside_the_frame_is_told_or_put_inside(void **state)
{
	struct frame frame = { .data = data, .bytes = 100, .flags = FRAME_VLAN,
		.vlan_tci = 5 << 13 | 1 << 12 | 0x123 };
	struct seen seen;

	(void)state;
	rx_output(&fake.nic.port, &frame, 1);
	take_one(0, &seen);
	assert_true(seen.has_vlan);
	assert_int_equal(seen.vlan, 0x5 | 0x8 | 0x123 << 4);
	assert_memory_equal(seen.frame, data, 100);
	fake.profile.ppi = 0;
	rx_output(&fake.nic.port, &frame, 1);
	take_one(0, &seen);
	assert_false(seen.has_vlan);
	assert_int_equal(seen.bytes, 104);
	assert_memory_equal(seen.frame, data, 12);
	assert_int_equal(load_be32(seen.frame + 12), 0x8100u << 16 | frame.vlan_tci);
	assert_memory_equal(seen.frame + 16, data + 12, 88);
}

/* ---- queues ---- */

static void
rss_on(unsigned int entries)
{
	struct vsp_rss *rss = &fake.nic.rss;
	uint8_t key[NDIS_RSS_KEY_BYTES];

	for (unsigned int i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)(i * 37 + 11);
	assert_int_equal(rss_set_key(rss, key), 0);
	rss->enabled = true;
	rss->hash_types = NDIS_HASH_IPV4 | NDIS_HASH_TCP_IPV4;
	rss->entries = (uint16_t)entries;
	for (unsigned int i = 0; i < entries; i++)
		rss->table[i] = (uint8_t)(i % 4);
	rx_sections_divide(&fake.nic);
}

static void
a_flow_goes_to_the_queue_of_its_hash_and_the_guest_is_told(void **state)
{
	struct seen seen;

	(void)state;
	rss_on(64);
	for (unsigned int flow = 0; flow < 200; flow++) {
		uint32_t bytes = make_ipv4(data, IP_TCP, 10), hash, type;

		store_be16(data + 34, (uint16_t)(flow * 31 + 7));
		assert_true(rss_hash(&fake.nic.rss, data, bytes, &hash, &type));
		output(data, bytes, 0);
		take_one(hash % 64 % 4, &seen);
		assert_true(seen.has_hash && seen.has_info);
		assert_int_equal(seen.hash, hash);
		assert_int_equal(seen.info, NDIS_HASH_TOEPLITZ | NDIS_HASH_TCP_IPV4);
	}
	assert_true(fake.nic.channel[3].counters.rx_frames > 10);
}

static void
frames_without_a_hash_go_where_hash_0_goes(void **state)
{
	struct seen seen;

	(void)state;
	rss_on(64);
	output(data, 60, 0);
	take_one(0, &seen);
	assert_false(seen.has_hash);
	/* A table that leaves out the first queue. */
	memset(fake.nic.rss.table, 2, 64);
	rx_sections_divide(&fake.nic);
	output(data, 60, 0);
	take_one(2, &seen);
	assert_int_equal(seen.bytes, 60);
}

static void
flows_of_a_queue_that_is_not_open_are_stranded(void **state)
{
	uint32_t bytes = make_ipv4(data, IP_TCP, 10);

	(void)state;
	rss_on(64);
	memset(fake.nic.rss.table, 2, 64);
	vsp_channel_closed(&fake.nic.channel[2]);
	output(data, bytes, 0);
	fake_poll();
	assert_int_equal(fake.nic.channel[2].counters.rx_drop_not_open, 1);
	assert_int_equal(fake.nic.rx_drop_total, 1);
}

static void
hash_information_can_be_absent_with_one_queue(void **state)
{
	struct seen seen;
	uint32_t bytes = make_ipv4(data, IP_TCP, 10);

	(void)state;
	rss_on(16);
	memset(fake.nic.rss.table, 0, 16);
	fake.profile.ppi |= VSP_PPI_NO_HASH_ON_ONE_QUEUE;
	output(data, bytes, 0);
	take_one(0, &seen);
	assert_false(seen.has_hash);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define CASE_FAST(f) cmocka_unit_test_setup_teardown(f, setup_fast, teardown)
#define CASE_FOUR(f) cmocka_unit_test_setup_teardown(f, setup_four, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_frame_arrives_behind_its_header_with_the_profiles_offset),
		CASE_FAST(a_frame_arrives_behind_its_header_with_the_profiles_offset),
		CASE(openvmm_ranges_are_as_long_as_the_sub_allocation),
		CASE_FAST(openvmm_ranges_are_as_long_as_the_sub_allocation),
		CASE(the_transfer_says_buffer_data_channel_and_no_section),
		CASE(a_transfer_that_is_just_full_is_published_at_once_though_its_channel_sleeps),
		CASE_FAST(a_transfer_that_is_just_full_is_published_at_once_though_its_channel_sleeps),
		CASE(frames_of_a_round_share_a_transfer_up_to_the_limit),
		CASE_FAST(frames_of_a_round_share_a_transfer_up_to_the_limit),
		CASE(checksum_information_tells_the_truth),
		CASE(checksum_information_that_the_guest_switched_off_is_left_out),
		CASE(a_partial_checksum_that_cannot_be_told_is_completed),
		CASE_FAST(without_verification_the_host_claims_nothing),
		CASE(a_tag_beside_the_frame_is_told_or_put_inside),
		CASE_FAST(a_tag_beside_the_frame_is_told_or_put_inside),
		CASE_FOUR(a_flow_goes_to_the_queue_of_its_hash_and_the_guest_is_told),
		CASE_FOUR(frames_without_a_hash_go_where_hash_0_goes),
		CASE_FOUR(flows_of_a_queue_that_is_not_open_are_stranded),
		CASE(hash_information_can_be_absent_with_one_queue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
