/* SPDX-License-Identifier: BSD-3-Clause */

/* Frames with offloads: made ready, or refused one by one with the reason; what
 * the host would refuse never reaches it, prepared or not. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_errno.h>
#include <rte_ip.h>
#include <rte_tcp.h>

#include "fake_data.h"
#include "netvsc_queue.h"
#include "netvsc_status.h"

#define TX_ALL (RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM | \
	RTE_ETH_TX_OFFLOAD_UDP_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_TSO | \
	RTE_ETH_TX_OFFLOAD_VLAN_INSERT | RTE_ETH_TX_OFFLOAD_MULTI_SEGS)

#define V4 RTE_MBUF_F_TX_IPV4
#define V6 RTE_MBUF_F_TX_IPV6
#define IP RTE_MBUF_F_TX_IP_CKSUM
#define TCP RTE_MBUF_F_TX_TCP_CKSUM
#define UDP RTE_MBUF_F_TX_UDP_CKSUM
#define SEG RTE_MBUF_F_TX_TCP_SEG

/* What a frame is, and what its mbuf says. */
struct spec {
	bool ipv6, udp, tagged;
	uint8_t ip_words;           /* of an IPv4 header; 0: 5 */
	uint8_t tcp_words;          /* 0: 5 */
	uint32_t payload;
	uint64_t flags;
	uint16_t l2, l3, l4;        /* 0: as they are */
	uint16_t segsz;
	uint32_t first_bytes;       /* of the first segment; 0: all in one */
};

static uint32_t
put_headers(uint8_t *to, const struct spec *spec)
{
	uint32_t ip_words = spec->ip_words != 0 ? spec->ip_words : 5;
	uint32_t tcp_words = spec->tcp_words != 0 ? spec->tcp_words : 5;
	uint32_t l4_bytes = (spec->udp ? 8 : tcp_words * 4) + spec->payload, at = 12;

	memset(to, 0, 200);
	memset(to, 2, 12);
	if (spec->tagged) {
		memcpy(to + at, "\x81\x00\xe0\x07", 4);
		at += 4;
	}
	memcpy(to + at, spec->ipv6 ? "\x86\xdd" : "\x08\x00", 2);
	at += 2;
	if (spec->ipv6) {
		to[at] = 0x60;
		to[at + 4] = (uint8_t)(l4_bytes >> 8);
		to[at + 5] = (uint8_t)l4_bytes;
		to[at + 6] = spec->udp ? 17 : 6;
		memset(to + at + 8, 0x20, 32);
		at += 40;
	} else {
		to[at] = (uint8_t)(0x40 | ip_words);
		to[at + 2] = (uint8_t)((l4_bytes + ip_words * 4) >> 8);
		to[at + 3] = (uint8_t)(l4_bytes + ip_words * 4);
		to[at + 8] = 64;
		to[at + 9] = spec->udp ? 17 : 6;
		memset(to + at + 12, 10, 8);
		at += ip_words * 4;
	}
	if (spec->udp) {
		to[at + 5] = (uint8_t)(spec->payload + 8);
		return at + 8;
	}
	to[at + 12] = (uint8_t)(tcp_words << 4);
	to[at + 13] = 0x10;
	return at + tcp_words * 4;
}

static struct rte_mbuf *
frame_of(struct fake_data *d, const struct spec *spec)
{
	static uint8_t bytes[70000];
	uint32_t header = put_headers(bytes, spec), total = header + spec->payload, at = 0;
	uint32_t first = spec->first_bytes != 0 ? spec->first_bytes : RTE_MIN(total, 8000u);
	struct rte_mbuf *head = NULL, **link = &head;

	for (uint32_t i = header; i < total; i++)
		bytes[i] = (uint8_t)(i * 3);
	while (at < total) {
		uint32_t part = RTE_MIN(at == 0 ? first : 8000u, total - at);

		*link = fake_mbuf_of(d, bytes + at, part);
		if (head != *link)
			head->nb_segs++;
		link = &(*link)->next;
		at += part;
	}
	head->pkt_len = total;
	head->ol_flags = spec->flags;
	head->l2_len = spec->l2 != 0 ? spec->l2 : spec->tagged ? 18 : 14;
	head->l3_len = spec->l3 != 0 ? spec->l3 : spec->ipv6 ? 40 :
		spec->ip_words != 0 ? spec->ip_words * 4u : 20;
	head->l4_len = spec->l4 != 0 ? spec->l4 : spec->udp ? 8 : spec->tcp_words != 0 ? spec->tcp_words * 4u : 20;
	head->tso_segsz = spec->segsz;
	head->vlan_tci = 5;
	return head;
}

static uint16_t
prepare(struct fake_data *d, struct rte_mbuf **pkts, uint16_t n)
{
	rte_errno = 0;
	return netvsc_tx_prepare(d->eth->data->tx_queues[0], pkts, n);
}

/* What both prepare and transmit must refuse. */
static const struct {
	const char *what;
	struct spec spec;
	int error;
} refused[] = {
	{ "both IP versions", { .flags = V4 | V6 | TCP }, EINVAL },
	{ "no IP version", { .flags = TCP }, EINVAL },
	{ "IPv6 with an IP header checksum", { .ipv6 = true, .flags = V6 | IP | TCP }, EINVAL },
	{ "l2 too short", { .flags = V4 | TCP, .l2 = 13 }, EINVAL },
	{ "l2 too long", { .flags = V4 | TCP, .l2 = 18, .payload = 100 }, EINVAL },
	{ "l2 without the tag", { .tagged = true, .flags = V4 | TCP, .l2 = 14 }, EINVAL },
	{ "l3 too short", { .flags = V4 | TCP, .l3 = 16 }, EINVAL },
	{ "a header of IP too short", { .ip_words = 4, .flags = V4 | TCP, .payload = 50 }, EINVAL },
	{ "a header of TCP too short", { .tcp_words = 4, .flags = V4 | SEG, .payload = 4000,
		.segsz = 1400 }, EINVAL },
	{ "TCP said, UDP sent in IPv6", { .ipv6 = true, .udp = true, .flags = V6 | TCP,
		.payload = 50 }, EINVAL },
	{ "l3 of IPv4 in IPv6", { .ipv6 = true, .flags = V6 | TCP, .l3 = 20 }, EINVAL },
	{ "l3 without the options", { .ip_words = 7, .flags = V4 | TCP, .l3 = 20 }, EINVAL },
	{ "l3 with options that are none", { .flags = V4 | TCP, .l3 = 24, .payload = 50 }, EINVAL },
	{ "IPv4 said, IPv6 sent", { .ipv6 = true, .flags = V4 | TCP, .l3 = 20, .payload = 50 },
		EINVAL },
	{ "IPv6 said, IPv4 sent", { .flags = V6 | TCP, .l3 = 40, .payload = 50 }, EINVAL },
	{ "TCP said, UDP sent", { .udp = true, .flags = V4 | TCP, .payload = 50 }, EINVAL },
	{ "UDP said, TCP sent", { .flags = V4 | UDP, .payload = 50 }, EINVAL },
	{ "headers beyond the first segment", { .flags = V4 | TCP, .first_bytes = 40 }, EINVAL },
	{ "headers beyond the frame", { .udp = true, .flags = V4 | UDP, .first_bytes = 36 }, EINVAL },
	{ "segment size 0", { .flags = V4 | SEG, .payload = 4000, .segsz = 0 }, EINVAL },
	{ "segment size 1", { .flags = V4 | SEG, .payload = 4000, .segsz = 1 }, EINVAL },
	{ "segments beyond the MTU", { .flags = V4 | SEG, .payload = 4000, .segsz = 1461 }, EINVAL },
	{ "IPv6 segments beyond the MTU", { .ipv6 = true, .flags = V6 | SEG, .payload = 4000,
		.segsz = 1441 }, EINVAL },
	{ "more than the host cuts", { .flags = V4 | SEG, .payload = 0xF53D, .segsz = 1460 }, EINVAL },
	{ "l4 too short", { .flags = V4 | SEG, .payload = 4000, .segsz = 1460, .l4 = 16 }, EINVAL },
	{ "l4 that the header does not say", { .flags = V4 | SEG, .payload = 4000, .segsz = 1400,
		.l4 = 24 }, EINVAL },
	{ "UDP to be segmented as TCP", { .udp = true, .flags = V4 | SEG, .payload = 4000,
		.segsz = 1400, .l4 = 20 }, EINVAL },
	{ "SCTP checksum", { .flags = V4 | RTE_MBUF_F_TX_SCTP_CKSUM }, ENOTSUP },
	{ "UDP segmentation", { .udp = true, .flags = V4 | RTE_MBUF_F_TX_UDP_SEG }, ENOTSUP },
	{ "a second tag", { .flags = RTE_MBUF_F_TX_QINQ }, ENOTSUP },
	{ "a tunnel", { .flags = V4 | RTE_MBUF_F_TX_TUNNEL_VXLAN | TCP }, ENOTSUP },
	{ "an outer checksum", { .flags = RTE_MBUF_F_TX_OUTER_IP_CKSUM | RTE_MBUF_F_TX_OUTER_IPV4 },
		ENOTSUP },
};

static struct fake_data *
start(uint64_t tx_offloads)
{
	return fake_data_start(&(struct fake_setup){ .tx_offloads = tx_offloads, .data_room = 8000,
		.mbufs = 128 });
}

/* Conformance: 42. Op: tx_pkt_prepare. */
static void
prepare_refuses_what_the_host_would_and_names_the_first_bad_packet(void **state)
{
	struct fake_data *d = start(TX_ALL);

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(refused); i++) {
		const struct spec good = { .flags = V4 | IP | TCP, .payload = 100 };
		struct rte_mbuf *pkts[4] = { frame_of(d, &good), frame_of(d, &good),
			frame_of(d, &refused[i].spec), frame_of(d, &good) };
		uint16_t n = prepare(d, pkts, 4);

		if (n != 2 || rte_errno != refused[i].error)
			fail_msg("%s: %u, %s", refused[i].what, n, strerror(rte_errno));
		rte_pktmbuf_free_bulk(pkts, 4);
	}
	fake_data_stop(d);
}

/* One malformed frame would cost all others in its message.
 * Conformance: 42, 44. */
static void
what_the_host_would_refuse_never_reaches_it_though_nobody_prepared_it(void **state)
{
	struct fake_data *d = start(TX_ALL);

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(refused); i++) {
		const struct spec good = { .flags = V4 | IP | TCP, .payload = 100 };
		struct rte_mbuf *pkts[4] = { frame_of(d, &good), frame_of(d, &good),
			frame_of(d, &refused[i].spec), frame_of(d, &good) };
		uint32_t frames = d->frames;

		assert_int_equal(fake_tx(d, pkts, 4), 4);
		if (d->frames != frames + 3 || fake_stats(d).oerrors != i + 1)
			fail_msg("%s: %u frames, %" PRIu64 " errors", refused[i].what,
				d->frames - frames, fake_stats(d).oerrors);
		fake_settle(d);
	}
	fake_data_stop(d);
}

/* Conformance: 42. */
static void
offloads_that_were_not_switched_on_are_refused(void **state)
{
	static const struct {
		struct spec spec;
		uint64_t needs;
	} rows[] = {
		{ { .flags = V4 | IP }, RTE_ETH_TX_OFFLOAD_IPV4_CKSUM },
		{ { .flags = V4 | TCP }, RTE_ETH_TX_OFFLOAD_TCP_CKSUM },
		{ { .ipv6 = true, .flags = V6 | TCP }, RTE_ETH_TX_OFFLOAD_TCP_CKSUM },
		{ { .udp = true, .flags = V4 | UDP }, RTE_ETH_TX_OFFLOAD_UDP_CKSUM },
		{ { .flags = V4 | SEG, .payload = 4000, .segsz = 1000 }, RTE_ETH_TX_OFFLOAD_TCP_TSO },
		{ { .flags = RTE_MBUF_F_TX_VLAN }, RTE_ETH_TX_OFFLOAD_VLAN_INSERT },
	};

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(rows); i++)
		for (unsigned int on = 0; on < 2; on++) {
			struct fake_data *d = start(on ? rows[i].needs :
				TX_ALL & ~(rows[i].needs | RTE_ETH_TX_OFFLOAD_TCP_TSO));
			struct rte_mbuf *m = frame_of(d, &rows[i].spec);
			uint16_t n = prepare(d, &m, 1);

			if (n != on)
				fail_msg("row %u: %u, %s", i, n, strerror(rte_errno));
			assert_int_equal(rte_errno, on ? 0 : ENOTSUP);
			assert_int_equal(fake_tx(d, &m, 1), 1);
			assert_int_equal(d->frames, on);
			assert_int_equal(fake_stats(d).oerrors, !on);
			fake_data_stop(d);
		}
}

/* The sum that is to be in the field: of addresses, protocol and, but for
 * segmentation, the length. Its own arithmetic. */
static uint16_t
pseudo(const uint8_t *ip, bool ipv6, uint8_t proto, uint32_t bytes)
{
	uint32_t sum = proto + bytes, from = ipv6 ? 8 : 12, end = ipv6 ? 40 : 20;

	for (uint32_t i = from; i < end; i += 2)
		sum += (uint32_t)ip[i] << 8 | ip[i + 1];
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* Conformance: 42. */
static void
prepare_puts_the_sum_of_the_pseudo_header_where_the_host_adds_to_it(void **state)
{
	static const struct spec rows[] = {
		{ .flags = V4 | TCP, .payload = 100 },
		{ .flags = V4 | IP | TCP, .payload = 1, .ip_words = 9, .tcp_words = 8 },
		{ .udp = true, .flags = V4 | UDP, .payload = 33 },
		{ .ipv6 = true, .flags = V6 | TCP, .payload = 100 },
		{ .ipv6 = true, .udp = true, .flags = V6 | UDP, .payload = 100 },
		{ .tagged = true, .flags = V4 | TCP, .payload = 100 },
		{ .flags = V4 | IP | SEG, .payload = 5000, .segsz = 1460 },
		{ .ipv6 = true, .flags = V6 | SEG, .payload = 5000, .segsz = 1440 },
		{ .tagged = true, .ipv6 = true, .flags = V6 | SEG, .payload = 5000, .segsz = 1440 },
	};
	struct fake_data *d = start(TX_ALL);

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(rows); i++) {
		struct rte_mbuf *m = frame_of(d, &rows[i]);
		const uint8_t *ip, *l4;
		uint32_t bytes;
		uint16_t want, field;

		assert_int_equal(prepare(d, &m, 1), 1);
		ip = rte_pktmbuf_mtod_offset(m, const uint8_t *, m->l2_len);
		l4 = ip + m->l3_len;
		bytes = (rows[i].flags & SEG) != 0 ? 0 : m->pkt_len - m->l2_len - m->l3_len;
		want = pseudo(ip, rows[i].ipv6, rows[i].udp ? 17 : 6, bytes);
		field = (uint16_t)(l4[rows[i].udp ? 6 : 16] << 8 | l4[rows[i].udp ? 7 : 17]);
		if (field != want)
			fail_msg("row %u: 0x%x, not 0x%x", i, field, want);
		if ((rows[i].flags & IP) != 0)
			assert_int_equal(ip[10] | ip[11], 0);
		rte_pktmbuf_free(m);
	}
	fake_data_stop(d);
}

/* Conformance: 42. */
static void
the_host_is_told_what_to_do_in_the_right_bits(void **state)
{
	static const struct {
		struct spec spec;
		uint32_t type, value;
	} rows[] = {
		{ { .flags = V4 | IP, .payload = 50 }, RNDIS_PPI_CHECKSUM, 0x11 },
		{ { .flags = V4 | TCP, .payload = 50 }, RNDIS_PPI_CHECKSUM, 0x05 | 34 << 16 },
		{ { .flags = V4 | IP | TCP, .payload = 50, .ip_words = 6 }, RNDIS_PPI_CHECKSUM,
			0x15 | 38 << 16 },
		{ { .udp = true, .flags = V4 | UDP, .payload = 50 }, RNDIS_PPI_CHECKSUM,
			0x09 | 34 << 16 },
		{ { .ipv6 = true, .flags = V6 | TCP, .payload = 50 }, RNDIS_PPI_CHECKSUM,
			0x06 | 54 << 16 },
		{ { .ipv6 = true, .udp = true, .flags = V6 | UDP, .payload = 50 }, RNDIS_PPI_CHECKSUM,
			0x0a | 54 << 16 },
		/* The tag travels beside the frame: offsets are without it. */
		{ { .tagged = true, .flags = V4 | TCP, .payload = 50 }, RNDIS_PPI_CHECKSUM,
			0x05 | 34 << 16 },
		{ { .flags = V4 | SEG, .payload = 5000, .segsz = 1460 }, RNDIS_PPI_LSO,
			1460 | 34 << 20 | 1u << 30 },
		{ { .ipv6 = true, .flags = V6 | SEG, .payload = 5000, .segsz = 1440 }, RNDIS_PPI_LSO,
			1440 | 54 << 20 | 3u << 30 },
		{ { .tagged = true, .flags = V4 | SEG, .payload = 5000, .segsz = 1460 },
			RNDIS_PPI_LSO, 1460 | 34 << 20 | 1u << 30 },
	};
	struct fake_data *d = start(TX_ALL);

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(rows); i++) {
		struct rte_mbuf *m = frame_of(d, &rows[i].spec);
		const struct fake_frame *frame = &d->frame[d->frames];

		assert_int_equal(prepare(d, &m, 1), 1);
		assert_int_equal(fake_tx(d, &m, 1), 1);
		if (fake_frame_ppi(frame, rows[i].type) != rows[i].value)
			fail_msg("row %u: 0x%x, not 0x%x", i, fake_frame_ppi(frame, rows[i].type),
				rows[i].value);
		assert_int_equal(fake_frame_ppi(frame, RNDIS_PPI_VLAN), rows[i].spec.tagged ?
			(0x7 | 7 << 4) : FAKE_NO_PPI);
		assert_int_equal(frame->ppi_count, rows[i].spec.tagged ? 3 : 2);
	}
	fake_data_stop(d);
}

/* Hosts cut what gives at least so many segments. Conformance: 42. */
static void
what_makes_one_segment_only_is_not_cut_but_checksummed(void **state)
{
	struct fake_data *d = start(TX_ALL);

	(void)state;
	for (unsigned int ipv6 = 0; ipv6 < 2; ipv6++)
		for (uint32_t payload = 0; payload <= 1000; payload += 500) {
			const struct spec spec = { .ipv6 = ipv6, .flags = (ipv6 ? V6 : V4 | IP) | SEG,
				.payload = payload, .segsz = 1000 };
			struct rte_mbuf *m = frame_of(d, &spec);
			const struct fake_frame *frame = &d->frame[d->frames];

			assert_int_equal(prepare(d, &m, 1), 1);
			assert_int_equal(fake_tx(d, &m, 1), 1);
			assert_int_equal(fake_frame_ppi(frame, RNDIS_PPI_LSO), FAKE_NO_PPI);
			assert_int_equal(fake_frame_ppi(frame, RNDIS_PPI_CHECKSUM),
				ipv6 ? 0x06 | 54 << 16 : 0x05 | 34 << 16);
			if (!ipv6)
				assert_int_equal(rte_raw_cksum(frame->data + 14, 20), 0xffff);
		}
	fake_data_stop(d);
}

static void
host_small_transfers(struct fake_host *host)
{
	host->set.max_transfer_bytes = 16384;
}

static void
host_wants_three(struct fake_host *host)
{
	host->set.lso_min_segments = 3;
	host->set.lso_max = 20000;
}

/* Conformance: 42. */
static void
segmentation_keeps_to_the_limits_that_the_host_told(void **state)
{
	static const struct {
		void (*host)(struct fake_host *host);
		uint32_t payload;
		uint16_t segsz;
		bool ok;
	} rows[] = {
		{ NULL, 0xF53C, 1460, true },
		{ NULL, 0xF53D, 1460, false },
		{ host_small_transfers, 16000, 1000, true },
		{ host_small_transfers, 16400, 1000, false },
		{ host_wants_three, 20000, 1000, true },
		{ host_wants_three, 20001, 1000, false },
		{ host_wants_three, 2001, 1000, true },
		{ host_wants_three, 2000, 1000, false },
		{ host_wants_three, 1000, 1000, true },
	};

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(rows); i++) {
		struct fake_data *d = fake_data_start(&(struct fake_setup){ .host = rows[i].host,
			.tx_offloads = TX_ALL, .data_room = 8000, .mbufs = 128 });
		const struct spec spec = { .flags = V4 | SEG, .payload = rows[i].payload,
			.segsz = rows[i].segsz };
		struct rte_mbuf *m = frame_of(d, &spec);

		if (prepare(d, &m, 1) != rows[i].ok || rte_errno != (rows[i].ok ? 0 : EINVAL))
			fail_msg("row %u", i);
		rte_pktmbuf_free(m);
		fake_data_stop(d);
	}
}

static void
host_without(struct fake_host *host)
{
	host->set.lso_max = 0;
}

/* Conformance: 42. */
static void
segmentation_that_the_host_does_not_offer_is_not_advertised(void **state)
{
	struct fake_data *d = fake_data_start(&(struct fake_setup){ .host = host_without,
		.data_room = 8000, .mbufs = 128 });
	const struct spec spec = { .flags = V4 | SEG, .payload = 4000, .segsz = 1000 };
	struct rte_mbuf *m = frame_of(d, &spec);

	(void)state;
	assert_true((d->host->dev.host.tx_offloads & RTE_ETH_TX_OFFLOAD_TCP_TSO) == 0);
	assert_true((d->host->dev.host.tx_offloads & RTE_ETH_TX_OFFLOAD_TCP_CKSUM) != 0);
	assert_int_equal(prepare(d, &m, 1), 0);
	assert_int_equal(rte_errno, ENOTSUP);
	assert_int_equal(fake_tx(d, &m, 1), 1);
	assert_int_equal(d->frames, 0);
	fake_data_stop(d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prepare_refuses_what_the_host_would_and_names_the_first_bad_packet),
		cmocka_unit_test(what_the_host_would_refuse_never_reaches_it_though_nobody_prepared_it),
		cmocka_unit_test(offloads_that_were_not_switched_on_are_refused),
		cmocka_unit_test(prepare_puts_the_sum_of_the_pseudo_header_where_the_host_adds_to_it),
		cmocka_unit_test(the_host_is_told_what_to_do_in_the_right_bits),
		cmocka_unit_test(what_makes_one_segment_only_is_not_cut_but_checksummed),
		cmocka_unit_test(segmentation_keeps_to_the_limits_that_the_host_told),
		cmocka_unit_test(segmentation_that_the_host_does_not_offer_is_not_advertised),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
