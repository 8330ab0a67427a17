/* SPDX-License-Identifier: BSD-3-Clause */

/* Toeplitz against Microsoft's verification suite, and which fields are hashed. */

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "fake.h"

static const uint8_t key[NDIS_RSS_KEY_BYTES] = {
	0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
	0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
	0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
};

static const struct {
	const char *source, *destination;
	uint16_t source_port, destination_port;
	uint32_t addresses, with_ports;
} vectors[] = {
	{ "66.9.149.187", "161.142.100.80", 2794, 1766, 0x323e8fc2, 0x51ccc178 },
	{ "199.92.111.2", "65.69.140.83", 14230, 4739, 0xd718262a, 0xc626b0ea },
	{ "24.19.198.95", "12.22.207.184", 12898, 38024, 0xd2d0a5de, 0x5c2b394a },
	{ "38.27.205.30", "209.142.163.6", 48228, 2217, 0x82989176, 0xafc7327f },
	{ "153.39.163.191", "202.188.127.2", 44251, 1303, 0x5d1809c5, 0x10e828a2 },
	{ "3ffe:2501:200:1fff::7", "3ffe:2501:200:3::1", 2794, 1766, 0x2cc18cd5, 0x40207d3d },
	{ "3ffe:501:8::260:97ff:fe40:efab", "ff02::1", 14230, 4739, 0x0f0c461c, 0xdde51bbf },
	{ "3ffe:1900:4545:3:200:f8ff:fe21:67cf", "fe80::200:f8ff:fe21:67cf", 44251, 38024,
		0x4b61e985, 0x02d1feef },
};

static struct vsp_rss rss;
static uint8_t frame[512];

static int
setup(void **state)
{
	(void)state;
	rss = (struct vsp_rss) { .enabled = true };
	return rss_set_key(&rss, key);
}

static int
teardown(void **state)
{
	(void)state;
	rss_free(&rss);
	return 0;
}

static uint32_t
vector_frame(unsigned int i, uint8_t proto)
{
	bool v6 = strchr(vectors[i].source, ':') != NULL;
	uint32_t bytes = v6 ? make_ipv6(frame, proto, 10) : make_ipv4(frame, proto, 10);
	uint8_t *l4 = frame + (v6 ? 54 : 34);

	inet_pton(v6 ? AF_INET6 : AF_INET, vectors[i].source, frame + (v6 ? 22 : 26));
	inet_pton(v6 ? AF_INET6 : AF_INET, vectors[i].destination, frame + (v6 ? 38 : 30));
	store_be16(l4, vectors[i].source_port);
	store_be16(l4 + 2, vectors[i].destination_port);
	return bytes;
}

static void
expect(uint32_t bytes, uint32_t want_hash, uint32_t want_type)
{
	uint32_t hash = 0, type = 0;

	assert_true(rss_hash(&rss, frame, bytes, &hash, &type));
	assert_int_equal(type, want_type);
	assert_int_equal(hash, want_hash);
}

static void
the_published_vectors_are_met_with_and_without_ports(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(vectors); i++) {
		bool v6 = strchr(vectors[i].source, ':') != NULL;
		uint32_t bytes = vector_frame(i, IP_TCP);

		rss.hash_types = NDIS_HASH_IPV4 | NDIS_HASH_TCP_IPV4 | NDIS_HASH_IPV6 |
			NDIS_HASH_TCP_IPV6;
		expect(bytes, vectors[i].with_ports, v6 ? NDIS_HASH_TCP_IPV6 : NDIS_HASH_TCP_IPV4);
		rss.hash_types = NDIS_HASH_IPV4 | NDIS_HASH_IPV6;
		expect(bytes, vectors[i].addresses, v6 ? NDIS_HASH_IPV6 : NDIS_HASH_IPV4);
	}
}

static void
udp_ports_are_hashed_only_where_the_guest_asked_for_it(void **state)
{
	uint32_t bytes = vector_frame(0, IP_UDP);

	(void)state;
	rss.hash_types = NDIS_HASH_IPV4 | NDIS_HASH_TCP_IPV4;
	expect(bytes, vectors[0].addresses, NDIS_HASH_IPV4);
	rss.hash_types |= NDIS_HASH_UDP_IPV4;
	expect(bytes, vectors[0].with_ports, NDIS_HASH_UDP_IPV4);
	bytes = vector_frame(5, IP_UDP);
	rss.hash_types = NDIS_HASH_UDP_IPV6;
	expect(bytes, vectors[5].with_ports, NDIS_HASH_UDP_IPV6);
}

static void
a_fragment_is_hashed_by_addresses_alone(void **state)
{
	uint32_t bytes = vector_frame(0, IP_TCP);

	(void)state;
	rss.hash_types = NDIS_HASH_IPV4 | NDIS_HASH_TCP_IPV4;
	store_be16(frame + 20, 0x2000);         /* more fragments */
	expect(bytes, vectors[0].addresses, NDIS_HASH_IPV4);
	store_be16(frame + 20, 0x0010);         /* a later one */
	expect(bytes, vectors[0].addresses, NDIS_HASH_IPV4);
}

static void
what_is_not_ip_or_not_asked_for_has_no_hash(void **state)
{
	uint32_t bytes = vector_frame(0, IP_TCP), hash, type;

	(void)state;
	rss.hash_types = NDIS_HASH_TCP_IPV6;
	assert_false(rss_hash(&rss, frame, bytes, &hash, &type));
	rss.hash_types = NDIS_HASH_IPV4 | NDIS_HASH_TCP_IPV4;
	store_be16(frame + 12, 0x0806);
	assert_false(rss_hash(&rss, frame, bytes, &hash, &type));
	vector_frame(0, IP_TCP);
	frame[14] = 0x4f;                       /* header longer than the frame */
	assert_false(rss_hash(&rss, frame, 50, &hash, &type));
	assert_false(rss_hash(&rss, frame, 13, &hash, &type));
}

/* IPv6 with a destination options header that holds a home address. */
static void
ipv6_ex_hashes_the_home_address_where_there_is_one(void **state)
{
	uint8_t plain[512], tcp[20];
	uint32_t bytes, hash, type, want;

	(void)state;
	rss.hash_types = NDIS_HASH_TCP_IPV6 | NDIS_HASH_TCP_IPV6_EX;
	bytes = vector_frame(5, IP_TCP);
	memcpy(plain, frame, bytes);
	memcpy(tcp, frame + 54, 20);
	frame[20] = 60;
	memset(frame + 54, 0, 24);
	frame[54] = IP_TCP;
	frame[55] = 2;                          /* 24 bytes */
	frame[56] = 1;                          /* PadN of 4: the address is aligned */
	frame[57] = 2;
	frame[60] = 0xc9;
	frame[61] = 16;
	memcpy(frame + 62, frame + 22, 16);     /* home = the vector's source */
	memset(frame + 22, 0xaa, 16);           /* care-of */
	memcpy(frame + 78, tcp, 20);
	store_be16(frame + 18, 24 + 20);
	assert_true(rss_hash(&rss, frame, 98, &hash, &type));
	assert_int_equal(type, NDIS_HASH_TCP_IPV6_EX);
	assert_int_equal(hash, vectors[5].with_ports);
	/* Without EX the addresses of the header count, past the options. */
	rss.hash_types = NDIS_HASH_TCP_IPV6;
	memset(plain + 22, 0xaa, 16);
	assert_true(rss_hash(&rss, frame, 98, &hash, &type));
	assert_int_equal(type, NDIS_HASH_TCP_IPV6);
	memcpy(frame, plain, bytes);
	assert_true(rss_hash(&rss, frame, bytes, &want, &type));
	assert_int_equal(hash, want);
}

/* The definition, bit by bit. */
static uint32_t
oracle(const uint8_t *k, const uint8_t *input, unsigned int bytes)
{
	uint32_t hash = 0;

	for (unsigned int i = 0; i < bytes * 8; i++) {
		uint32_t window = 0;

		if ((input[i / 8] >> (7 - i % 8) & 1) == 0)
			continue;
		for (unsigned int j = i; j < i + 32; j++)
			window = window << 1 | (k[j / 8] >> (7 - j % 8) & 1);
		hash ^= window;
	}
	return hash;
}

static void
any_key_gives_what_the_definition_gives(void **state)
{
	struct rng rng = { 7 };

	(void)state;
	rss.hash_types = NDIS_HASH_TCP_IPV4 | NDIS_HASH_TCP_IPV6;
	for (unsigned int i = 0; i < 2000; i++) {
		bool v6 = i % 2 != 0;
		uint8_t k[NDIS_RSS_KEY_BYTES], input[36];
		uint32_t bytes, hash, type, n = v6 ? 32 : 8;

		for (unsigned int j = 0; j < sizeof(k); j++)
			k[j] = (uint8_t)rng_next(&rng);
		assert_int_equal(rss_set_key(&rss, k), 0);
		bytes = v6 ? make_ipv6(frame, IP_TCP, 5) : make_ipv4(frame, IP_TCP, 5);
		for (unsigned int j = 0; j < n; j++)
			frame[(v6 ? 22 : 26) + j] = (uint8_t)rng_next(&rng);
		memcpy(input, frame + (v6 ? 22 : 26), n);
		memcpy(input + n, frame + (v6 ? 54 : 34), 4);
		assert_true(rss_hash(&rss, frame, bytes, &hash, &type));
		assert_int_equal(hash, oracle(k, input, n + 4));
	}
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_published_vectors_are_met_with_and_without_ports),
		CASE(udp_ports_are_hashed_only_where_the_guest_asked_for_it),
		CASE(a_fragment_is_hashed_by_addresses_alone),
		CASE(what_is_not_ip_or_not_asked_for_has_no_hash),
		CASE(ipv6_ex_hashes_the_home_address_where_there_is_one),
		CASE(any_key_gives_what_the_definition_gives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
