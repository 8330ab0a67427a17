/* SPDX-License-Identifier: BSD-3-Clause */

/* The learning switch: learning, flooding, ageing, VLANs, batches. */

#include "fixture.h"

#include <string.h>

#include "core/engine.h"
#include "switch/segment.h"

#define PORTS 4u

static uint8_t data[300][128];
static struct sw *sw;
static struct probe *p[PORTS];

static int
setup(void **state)
{
	static const char *const names[PORTS] = { "p0", "p1", "p2", "p3" };

	if (engine_setup(state) < 0)
		return -1;
	sw = sw_create("sw");
	for (unsigned int i = 0; i < PORTS; i++)
		p[i] = probe_create(sw, names[i]);
	return 0;
}

static void
clear(void)
{
	for (unsigned int i = 0; i < PORTS; i++)
		probe_clear(p[i]);
}

/* Sends one plain frame and says which ports got it, as bits. */
static unsigned int
reach(unsigned int from, struct frame frame)
{
	unsigned int bits = 0;

	clear();
	sw_input(&p[from]->port, &frame, 1);
	for (unsigned int i = 0; i < PORTS; i++)
		bits |= p[i]->count << i;
	return bits;
}

static unsigned int
reach_plain(unsigned int from, uint8_t to_mac, uint8_t from_mac)
{
	return reach(from, plain_frame(data[0], 64, to_mac, from_mac));
}

static void
vlan_of(unsigned int port, const char *text)
{
	assert_int_equal(sw_vlan_parse(text, &p[port]->port.vlan), 0);
}

/* ---- learning ---- */

static void
an_unknown_address_is_flooded_and_a_known_one_is_not(void **state)
{
	(void)state;
	assert_int_equal(reach_plain(0, 99, 10), 0xe);
	assert_int_equal(reach_plain(1, 10, 11), 0x1);
	assert_int_equal(reach_plain(0, 11, 10), 0x2);
	assert_int_equal(reach_plain(2, 12, 11), 0xb);  /* 11 moved to port 2 */
	assert_int_equal(reach_plain(0, 11, 10), 0x4);
}

static void
groups_are_flooded_and_never_learnt(void **state)
{
	struct frame frame = plain_frame(data[0], 64, 1, 2);

	(void)state;
	memset(data[0], 0xff, 6);
	assert_int_equal(reach(0, frame), 0xe);
	frame = plain_frame(data[0], 64, 1, 2);
	data[0][6] = 0x33;      /* a source that cannot be one */
	assert_int_equal(reach(1, frame), 0xd);
	assert_int_equal(mac_table_count(sw->table, engine_now_ns()), 1);
	frame = plain_frame(data[0], 64, 2, 3);
	data[0][0] = 0x33;
	assert_int_equal(reach(0, frame), 0xe);
}

static void
a_frame_for_its_own_port_goes_nowhere(void **state)
{
	(void)state;
	reach_plain(0, 99, 10);
	reach_plain(0, 99, 11);
	assert_int_equal(reach_plain(0, 11, 10), 0);
	assert_int_equal(p[0]->port.counters.rx_drops, 0);
}

static void
addresses_age(void **state)
{
	struct frame frame = plain_frame(data[0], 64, 99, 10);
	struct frame answer = plain_frame(data[1], 64, 10, 11);
	uint64_t now_ns = engine_now_ns();

	(void)state;
	bridge_forward(&p[0]->port, &frame, 1, now_ns);
	clear();
	bridge_forward(&p[1]->port, &answer, 1, now_ns + MAC_AGE_NS - 1);
	assert_int_equal(p[0]->count + p[2]->count, 1);
	clear();
	bridge_forward(&p[1]->port, &answer, 1, now_ns + MAC_AGE_NS);
	assert_int_equal(p[0]->count + p[2]->count, 2);
}

static void
a_port_that_left_is_forgotten(void **state)
{
	(void)state;
	reach_plain(2, 99, 10);
	assert_int_equal(reach_plain(0, 10, 11), 0x4);
	sw_port_remove(&p[2]->port);
	p[2] = probe_create(sw, "new");
	assert_int_equal(reach_plain(0, 10, 11), 0xe);
}

static void
a_link_that_is_down_is_counted_and_passes_nothing(void **state)
{
	(void)state;
	p[1]->port.link_up = false;
	assert_int_equal(reach_plain(0, 99, 10), 0xc);
	assert_int_equal(p[1]->port.counters.tx_drops, 1);
	assert_int_equal(reach_plain(1, 99, 11), 0);
	assert_int_equal(p[1]->port.counters.rx_drops, 1);
}

/* ---- batches ---- */

static void
a_batch_to_one_port_is_one_call_without_a_copy(void **state)
{
	struct frame frames[256];

	(void)state;
	reach_plain(1, 99, 11);
	clear();
	for (unsigned int i = 0; i < 256; i++)
		frames[i] = plain_frame(data[i], 64, 11, 10);
	sw_input(&p[0]->port, frames, 256);
	assert_int_equal(p[1]->calls, 1);
	assert_int_equal(p[1]->count, 256);
	assert_ptr_equal(p[1]->original[255], data[255]);
	assert_int_equal(p[2]->calls + p[3]->calls, 0);
}

static void
a_mixed_batch_is_one_call_per_port_and_keeps_the_order(void **state)
{
	static const uint8_t to[6] = { 11, 12, 99, 11, 10, 12 };
	struct frame frames[6];

	(void)state;
	reach_plain(0, 99, 10);
	reach_plain(1, 99, 11);
	reach_plain(2, 99, 12);
	clear();
	for (unsigned int i = 0; i < 6; i++)
		frames[i] = plain_frame(data[i], 60 + i, to[i], 10);
	sw_input(&p[0]->port, frames, 6);
	assert_int_equal(p[0]->count, 0);
	assert_int_equal(p[1]->calls, 1);
	assert_int_equal(p[2]->calls, 1);
	assert_int_equal(p[3]->calls, 1);
	assert_int_equal(p[1]->count, 3);
	assert_int_equal(p[1]->got[0].bytes, 60);
	assert_int_equal(p[1]->got[1].bytes, 62);
	assert_int_equal(p[1]->got[2].bytes, 63);
	assert_int_equal(p[2]->count, 3);
	assert_int_equal(p[2]->got[0].bytes, 61);
	assert_int_equal(p[2]->got[1].bytes, 62);
	assert_int_equal(p[2]->got[2].bytes, 65);
	assert_int_equal(p[3]->count, 1);
	assert_int_equal(p[3]->got[0].bytes, 62);
}

/* An IPv4/UDP frame of 62 bytes from 10 to 99 with a partial checksum. */
static struct frame
partial_frame(uint8_t *bytes)
{
	struct frame frame = plain_frame(bytes, 62, 99, 10);
	uint16_t sum;

	memcpy(bytes + 12, "\x08\x00\x45\x00\x00\x30", 6);
	bytes[23] = 17;
	sum = (uint16_t)~reference_checksum(bytes + 26, 8, 17 + 28);
	bytes[40] = (uint8_t)(sum >> 8);
	bytes[41] = (uint8_t)sum;
	frame.flags = FRAME_CSUM_PARTIAL | FRAME_WRITABLE;
	frame.l4_offset = 34;
	return frame;
}

static void
a_flooded_partial_frame_reaches_each_port_in_its_own_form(void **state)
{
	struct frame frame = partial_frame(data[0]);
	uint8_t before[64];

	(void)state;
	memcpy(before, data[0], 62);
	p[2]->port.accepts_partial = true;
	sw_input(&p[0]->port, &frame, 1);
	assert_true(l4_checksum_right(p[1]->got[0].data, 62));
	assert_memory_equal(p[2]->got[0].data, before, 62);
	assert_int_equal(p[2]->got[0].flags, FRAME_CSUM_PARTIAL);
	assert_true(l4_checksum_right(p[3]->got[0].data, 62));
}

/* ---- VLANs ---- */

static void
without_vlans_tags_pass_untouched(void **state)
{
	struct frame frame = tagged_frame(data[0], 64, 99, 10, 100);
	uint8_t before[64];

	(void)state;
	memcpy(before, data[0], 64);
	assert_int_equal(reach(0, frame), 0xe);
	assert_memory_equal(p[1]->got[0].data, before, 64);
	p[1]->port.accepts_vlan_flag = true;
	frame = plain_frame(data[0], 60, 99, 10);
	frame.flags = FRAME_VLAN;
	frame.vlan_tci = 100;
	assert_int_equal(reach(0, frame), 0xe);
	assert_int_equal(p[1]->got[0].flags, FRAME_VLAN);
	assert_int_equal(p[2]->got[0].bytes, 64);
	assert_memory_equal(p[2]->got[0].data, before, 64);
}

/* Who of: access 100, access 200, trunk 100-200, no VLANs gets what. */
static void
vlans_are_kept_apart(void **state)
{
	(void)state;
	vlan_of(0, "100");
	vlan_of(1, "200");
	vlan_of(2, "trunk:100,200");
	assert_int_equal(reach_plain(0, 99, 10), 0x4);
	assert_int_equal(reach_plain(1, 99, 11), 0x4);
	assert_int_equal(reach_plain(3, 99, 13), 0x0);
	assert_int_equal(reach(2, tagged_frame(data[0], 64, 99, 12, 100)), 0x1);
	assert_int_equal(reach(2, tagged_frame(data[0], 64, 99, 12, 200)), 0x2);
	assert_int_equal(p[2]->port.counters.rx_drops, 0);
	assert_int_equal(reach(2, tagged_frame(data[0], 64, 99, 12, 300)), 0x0);
	assert_int_equal(reach_plain(2, 99, 12), 0x0);
	assert_int_equal(p[2]->port.counters.rx_drops, 2);
	assert_int_equal(reach(0, tagged_frame(data[0], 64, 99, 10, 100)), 0x0);
	assert_int_equal(p[0]->port.counters.rx_drops, 1);
}

static void
untagged_frames_on_a_trunk_are_vlan_0_if_that_is_allowed(void **state)
{
	struct frame frame;

	(void)state;
	vlan_of(0, "trunk:0-10");
	vlan_of(1, "trunk:1-10");
	assert_int_equal(reach_plain(0, 99, 10), 0xc);
	assert_int_equal(reach_plain(2, 99, 12), 0x9);
	assert_int_equal(p[0]->got[0].bytes, 64);
	/* A tag that came in where nobody looked must not become a VLAN. */
	frame = tagged_frame(data[0], 64, 99, 12, 5);
	assert_int_equal(reach(2, frame), 0x8);
	frame = plain_frame(data[0], 64, 99, 12);
	frame.flags = FRAME_VLAN;
	frame.vlan_tci = 5;
	assert_int_equal(reach(2, frame), 0x8);
}

static void
an_access_port_gets_frames_without_and_a_trunk_with_their_tag(void **state)
{
	struct frame frame = tagged_frame(data[0], 64, 99, 12, 0x6064);
	uint8_t plain[64], tagged[64];

	(void)state;
	plain_frame(plain, 60, 99, 12);
	tagged_frame(tagged, 64, 99, 12, 0x6064);
	memcpy(tagged + 16, plain + 12, 48);
	memcpy(data[0] + 16, plain + 12, 48);
	vlan_of(0, "100");
	vlan_of(1, "trunk:100");
	vlan_of(2, "trunk:100");
	vlan_of(3, "trunk:100");
	p[3]->port.accepts_vlan_flag = true;
	assert_int_equal(reach(2, frame), 0xb);
	assert_int_equal(p[0]->got[0].bytes, 60);
	assert_int_equal(p[0]->got[0].flags & FRAME_VLAN, 0);
	assert_memory_equal(p[0]->got[0].data, plain, 60);
	assert_int_equal(p[1]->got[0].bytes, 64);
	assert_memory_equal(p[1]->got[0].data, tagged, 64);
	assert_int_equal(p[3]->got[0].bytes, 60);
	assert_int_equal(p[3]->got[0].flags & FRAME_VLAN, FRAME_VLAN);
	assert_int_equal(p[3]->got[0].vlan_tci, 0x6064);
	assert_memory_equal(p[3]->got[0].data, plain, 60);
	/* From the access port: the trunks get VLAN 100 without a priority. */
	assert_int_equal(reach(0, plain_frame(data[0], 60, 98, 10)), 0xe);
	assert_int_equal(p[1]->got[0].bytes, 64);
	assert_int_equal(p[1]->got[0].data[14] << 8 | p[1]->got[0].data[15], 100);
	assert_int_equal(p[3]->got[0].vlan_tci, 100);
}

static void
a_partial_checksum_is_found_when_its_tag_was_taken_out(void **state)
{
	struct frame frame = partial_frame(data[0]);

	(void)state;
	memmove(data[0] + 16, data[0] + 12, 50);
	memcpy(data[0] + 12, "\x81\x00\x00\x64", 4);
	frame.bytes = 66;
	frame.l4_offset = 38;
	vlan_of(0, "trunk:100");
	vlan_of(1, "100");
	assert_int_equal(reach(0, frame), 0x2);
	assert_int_equal(p[1]->got[0].bytes, 62);
	assert_true(l4_checksum_right(p[1]->got[0].data, 62));
}

static void
a_priority_tag_on_an_access_port_keeps_its_priority(void **state)
{
	(void)state;
	vlan_of(0, "100");
	vlan_of(1, "trunk:100");
	assert_int_equal(reach(0, tagged_frame(data[0], 64, 99, 10, 0xe000)), 0x2);
	assert_int_equal(p[1]->got[0].data[14] << 8 | p[1]->got[0].data[15], 0xe064);
}

static void
addresses_are_learnt_per_vlan(void **state)
{
	(void)state;
	vlan_of(0, "100");
	vlan_of(1, "200");
	vlan_of(2, "trunk:100,200");
	vlan_of(3, "trunk:100,200");
	reach_plain(0, 99, 10);
	reach_plain(1, 99, 10);         /* the same address elsewhere */
	assert_int_equal(reach(2, tagged_frame(data[0], 64, 10, 12, 100)), 0x1);
	assert_int_equal(reach(2, tagged_frame(data[0], 64, 10, 12, 200)), 0x2);
	assert_int_equal(reach_plain(0, 12, 10), 0x4);
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, engine_teardown)
	const struct CMUnitTest tests[] = {
		CASE(an_unknown_address_is_flooded_and_a_known_one_is_not),
		CASE(groups_are_flooded_and_never_learnt),
		CASE(a_frame_for_its_own_port_goes_nowhere),
		CASE(addresses_age),
		CASE(a_port_that_left_is_forgotten),
		CASE(a_link_that_is_down_is_counted_and_passes_nothing),
		CASE(a_batch_to_one_port_is_one_call_without_a_copy),
		CASE(a_mixed_batch_is_one_call_per_port_and_keeps_the_order),
		CASE(a_flooded_partial_frame_reaches_each_port_in_its_own_form),
		CASE(without_vlans_tags_pass_untouched),
		CASE(vlans_are_kept_apart),
		CASE(untagged_frames_on_a_trunk_are_vlan_0_if_that_is_allowed),
		CASE(an_access_port_gets_frames_without_and_a_trunk_with_their_tag),
		CASE(a_partial_checksum_is_found_when_its_tag_was_taken_out),
		CASE(a_priority_tag_on_an_access_port_keeps_its_priority),
		CASE(addresses_are_learnt_per_vlan),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
