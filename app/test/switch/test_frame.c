/* SPDX-License-Identifier: BSD-3-Clause */

/* Completion of partial checksums, judged by an independent checksum. */

#include "fixture.h"

#include <string.h>

#include "switch/segment.h"
#include "switch/vnet.h"

enum shape {
	IPV4 = 0x1,
	IPV6 = 0x2,
	TCP = 0x4,
	UDP = 0x8,
};

static uint8_t data[2048];

/* A frame with a partial checksum and l4_bytes of L4 packet. */
static struct frame
partial_frame(unsigned int shape, uint32_t l4_bytes)
{
	uint32_t l4 = 14 + ((shape & IPV6) ? 40 : 20), field;
	uint8_t protocol = (shape & TCP) ? 6 : 17, *ip = data + 14;
	uint16_t pseudo;

	memset(data, 0, sizeof(data));
	for (uint32_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7);
	data[12] = (shape & IPV6) ? 0x86 : 0x08;
	data[13] = (shape & IPV6) ? 0xdd : 0x00;
	if (shape & IPV6) {
		ip[0] = 0x60;
		ip[4] = (uint8_t)(l4_bytes >> 8);
		ip[5] = (uint8_t)l4_bytes;
		ip[6] = protocol;
		pseudo = (uint16_t)~reference_checksum(ip + 8, 32, protocol + l4_bytes);
	} else {
		ip[0] = 0x45;
		ip[2] = (uint8_t)((l4_bytes + 20) >> 8);
		ip[3] = (uint8_t)(l4_bytes + 20);
		ip[9] = protocol;
		pseudo = (uint16_t)~reference_checksum(ip + 12, 8, protocol + l4_bytes);
	}
	field = l4 + ((shape & TCP) ? 16 : 6);
	data[field] = (uint8_t)(pseudo >> 8);
	data[field + 1] = (uint8_t)pseudo;
	return (struct frame) {
		.data = data, .bytes = l4 + l4_bytes, .l4_offset = (uint16_t)l4,
		.flags = FRAME_CSUM_PARTIAL | FRAME_WRITABLE,
	};
}

static void
every_length_of_tcp_and_udp_over_both_ips_is_completed(void **state)
{
	static const unsigned int shapes[] = { IPV4 | UDP, IPV4 | TCP, IPV6 | UDP, IPV6 | TCP };

	(void)state;
	for (unsigned int s = 0; s < 4; s++) {
		for (uint32_t bytes = 20; bytes < 1480; bytes++) {
			struct frame frame = partial_frame(shapes[s], bytes);

			assert_false(l4_checksum_right(data, frame.bytes));
			frame_complete(&frame);
			assert_true(l4_checksum_right(data, frame.bytes));
			assert_int_equal(frame.flags, FRAME_CSUM_GOOD | FRAME_WRITABLE);
		}
	}
}

static void
padding_behind_the_packet_is_not_summed(void **state)
{
	struct frame frame = partial_frame(IPV4 | UDP, 9);

	(void)state;
	frame.bytes = 60;
	frame_complete(&frame);
	assert_true(l4_checksum_right(data, 60));
}

static void
tags_and_extension_headers_are_stepped_over(void **state)
{
	struct frame frame = partial_frame(IPV4 | TCP, 100);
	uint8_t tagged[2048], *ip;

	(void)state;
	memcpy(tagged, data, 12);
	memcpy(tagged + 12, "\x88\xa8\x00\x05\x81\x00\x00\x06", 8);
	memcpy(tagged + 20, data + 12, frame.bytes - 12);
	frame.data = tagged;
	frame.bytes += 8;
	frame.l4_offset += 8;
	frame_complete(&frame);
	memcpy(data + 12, tagged + 20, frame.bytes - 20);
	assert_true(l4_checksum_right(data, frame.bytes - 8));

	/* A hop-by-hop header of 8 bytes; the pseudo-header does not cover it. */
	frame = partial_frame(IPV6 | UDP, 100);
	ip = data + 14;
	memmove(ip + 48, ip + 40, 100);
	memcpy(ip + 40, "\x11\x00\x01\x04\x00\x00\x00\x00", 8);
	ip[5] += 8;
	ip[6] = 0;
	frame.bytes += 8;
	frame.l4_offset += 8;
	frame_complete(&frame);
	assert_true(frame.flags & FRAME_CSUM_GOOD);
	memmove(ip + 40, ip + 48, 100);
	ip[5] -= 8;
	ip[6] = 17;
	assert_true(l4_checksum_right(data, frame.bytes - 8));
}

static void
a_udp_checksum_that_comes_out_as_0_becomes_ffff(void **state)
{
	struct frame frame = partial_frame(IPV4 | UDP, 20);
	uint16_t sum;

	(void)state;
	/* Choose the last word so that everything sums up to ffff. */
	data[frame.bytes - 2] = data[frame.bytes - 1] = 0;
	sum = reference_checksum(data + 34, 20, 0);
	data[frame.bytes - 2] = (uint8_t)(sum >> 8);
	data[frame.bytes - 1] = (uint8_t)sum;
	frame_complete(&frame);
	assert_int_equal(data[40] << 8 | data[41], 0xffff);
	assert_true(l4_checksum_right(data, frame.bytes));
}

static void
a_request_that_fits_no_packet_changes_nothing(void **state)
{
	struct row {
		const char *what;
		uint32_t at;            /* this byte becomes */
		uint8_t value;
		uint16_t l4_offset;     /* unless 0 */
	} rows[] = {
		{ "offset in the IP header", 0, 2, 30 },
		{ "offset behind the frame", 0, 2, 65535 },
		{ "no IP", 12, 0x12, 0 },
		{ "neither TCP nor UDP", 23, 1, 0 },
		{ "IP packet longer than the frame", 16, 0xff, 0 },
		{ "IP packet that ends in the L4 header", 17, 24, 0 },
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct frame frame = partial_frame(IPV4 | UDP, 40);
		uint8_t before[sizeof(data)];

		data[rows[i].at] = rows[i].value;
		if (rows[i].l4_offset != 0)
			frame.l4_offset = rows[i].l4_offset;
		memcpy(before, data, sizeof(data));
		frame_complete(&frame);
		if (memcmp(before, data, sizeof(data)) != 0)
			fail_msg("%s: the frame was changed", rows[i].what);
		assert_int_equal(frame.flags, FRAME_WRITABLE);
	}
}

static void
the_sum_does_not_depend_on_alignment(void **state)
{
	uint8_t shifted[2048];

	(void)state;
	for (unsigned int shift = 0; shift < 8; shift++) {
		struct frame moved = partial_frame(IPV6 | TCP, 1000);

		memcpy(shifted + shift, data, moved.bytes);
		moved.data = shifted + shift;
		frame_complete(&moved);
		assert_true(l4_checksum_right(shifted + shift, moved.bytes));
	}
}

static void
the_kernel_is_told_where_the_checksum_belongs(void **state)
{
	struct frame frame = partial_frame(IPV4 | UDP, 40), back = { .flags = 0 };
	struct virtio_net_hdr header;

	(void)state;
	vnet_write(&frame, &header);
	assert_int_equal(header.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
	assert_int_equal(header.csum_start, 34);
	assert_int_equal(header.csum_offset, 6);
	vnet_read(&header, &back);
	assert_int_equal(back.flags, FRAME_CSUM_PARTIAL);
	assert_int_equal(back.l4_offset, 34);
	frame = partial_frame(IPV6 | TCP, 40);
	vnet_write(&frame, &header);
	assert_int_equal(header.csum_start, 54);
	assert_int_equal(header.csum_offset, 16);
	frame_complete(&frame);
	vnet_write(&frame, &header);
	assert_int_equal(header.flags, VIRTIO_NET_HDR_F_DATA_VALID);
	frame.flags = FRAME_WRITABLE;
	vnet_write(&frame, &header);
	assert_int_equal(header.flags, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_length_of_tcp_and_udp_over_both_ips_is_completed),
		cmocka_unit_test(padding_behind_the_packet_is_not_summed),
		cmocka_unit_test(tags_and_extension_headers_are_stepped_over),
		cmocka_unit_test(a_udp_checksum_that_comes_out_as_0_becomes_ffff),
		cmocka_unit_test(a_request_that_fits_no_packet_changes_nothing),
		cmocka_unit_test(the_kernel_is_told_where_the_checksum_belongs),
		cmocka_unit_test(the_sum_does_not_depend_on_alignment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
