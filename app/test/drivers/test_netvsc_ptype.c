/* SPDX-License-Identifier: BSD-3-Clause */

/* netvsc_ptype.h against the library whose answers it gives. No EAL: an mbuf on
 * the stack. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "netvsc_ptype.h"

#define FRAME_MAX 128u

static uint32_t seed = 1;

static uint32_t
next_random(void)
{
	seed = seed * 1664525u + 1013904223u;
	return seed >> 8;
}

static struct rte_mbuf
mbuf_of(uint8_t *frame, uint16_t bytes)
{
	struct rte_mbuf m = { .buf_addr = frame, .buf_len = FRAME_MAX, .data_len = bytes,
		.pkt_len = bytes, .nb_segs = 1 };

	return m;
}

/* A frame that is nearly right: each field that decides is wrong now and then. */
static void
frame_make(uint8_t *frame)
{
	static const uint16_t types[] = { RTE_ETHER_TYPE_IPV4, RTE_ETHER_TYPE_IPV6,
		RTE_ETHER_TYPE_VLAN, RTE_ETHER_TYPE_QINQ, RTE_ETHER_TYPE_ARP, 0x8847 };
	static const uint8_t protocols[] = { 6, 17, 1, 58, 132, 4, 41, 47, 0, 44, 43 };
	static const uint16_t ports[] = { 9, 53, 2151, 2152, 4789, 6081, 6635, 6636, 65535 };
	uint16_t type = types[next_random() % (next_random() % 4 == 0 ? RTE_DIM(types) : 2)];
	uint16_t port = rte_cpu_to_be_16(ports[next_random() % RTE_DIM(ports)]);
	uint8_t protocol = protocols[next_random() % (next_random() % 2 ? RTE_DIM(protocols) : 2)];
	bool v4 = type == RTE_ETHER_TYPE_IPV4;

	for (unsigned int i = 0; i < FRAME_MAX; i++)
		frame[i] = (uint8_t)next_random();
	type = rte_cpu_to_be_16(type);
	memcpy(frame + 12, &type, sizeof(type));
	frame[14] = v4 ? (next_random() % 8 != 0 ? 0x45 : (uint8_t)next_random()) : 0x60;
	if (v4 && next_random() % 4 != 0) {
		frame[20] = next_random() % 2 ? 0x40 : 0;
		frame[21] = 0;
	}
	frame[v4 ? 23 : 20] = protocol;
	memcpy(frame + 14 + (v4 ? 20 : 40) + 2, &port, sizeof(port));
}

static void
types_are_those_of_the_library(void **state)
{
	uint8_t frame[FRAME_MAX];
	unsigned int quick = 0;

	(void)state;
	for (unsigned int i = 0; i < 300000; i++) {
		uint16_t bytes = (uint16_t)(14 + next_random() % (FRAME_MAX - 14));
		struct rte_mbuf m;

		frame_make(frame);
		m = mbuf_of(frame, bytes);
		quick += netvsc_ptype_quick(frame, bytes) != 0;
		assert_int_equal(netvsc_ptype(&m), rte_net_get_ptype(&m, NULL, NETVSC_PTYPES));
	}
	assert_true(quick > 10000);     /* both ways were taken */
}

static void
plain_tcp_and_udp_need_no_library(void **state)
{
	uint8_t frame[FRAME_MAX] = { [12] = 0x08, [14] = 0x45, [23] = 17 };

	(void)state;
	assert_int_equal(netvsc_ptype_quick(frame, 60),
		RTE_PTYPE_L2_ETHER | RTE_PTYPE_L3_IPV4 | RTE_PTYPE_L4_UDP);
	frame[23] = 6;
	assert_int_equal(netvsc_ptype_quick(frame, 60),
		RTE_PTYPE_L2_ETHER | RTE_PTYPE_L3_IPV4 | RTE_PTYPE_L4_TCP);
	frame[12] = 0x86;
	frame[13] = 0xdd;
	frame[20] = 6;
	assert_int_equal(netvsc_ptype_quick(frame, 74),
		RTE_PTYPE_L2_ETHER | RTE_PTYPE_L3_IPV6 | RTE_PTYPE_L4_TCP);
	assert_int_equal(netvsc_ptype_quick(frame, 73), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(types_are_those_of_the_library),
		cmocka_unit_test(plain_tcp_and_udp_need_no_library),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
