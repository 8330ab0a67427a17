/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Every single lie of hvsim's table (fault/lie.h: each field of each message that
 * a host sends, each value worth trying), told to the driver while it attaches
 * and while it works. Whatever is said, calls return in bounded time, every mbuf
 * is in its pool again, and once the host is honest a reset gives a port that
 * works. The clock is the test's: waiting in vain takes no time.
 */

#include "fake_data.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../hvsim/fault/lie.h"
#include "netvsc_burst.h"
#include "netvsc_event.h"
#include "netvsc_link.h"
#include "netvsc_ndis.h"
#include "netvsc_poll.h"
#include "netvsc_queue.h"
#include "netvsc_stats.h"

#define CALL_SECONDS_MAX 200
#define FRAME_BYTES 300u
#define FRAMES 5u

_Static_assert((int)FAKE_SHOW_HEADER == (int)LIE_PIECE_HEADER &&
	(int)FAKE_SHOW_PAYLOAD == (int)LIE_PIECE_NVSP &&
	(int)FAKE_SHOW_RNDIS == (int)LIE_PIECE_RNDIS &&
	(int)FAKE_SHOW_RING_TO_HOST == (int)LIE_PIECE_RING_TO_HOST, "what is shown");

/* The lie that is told, from the nth occasion on; NULL: the truth. */
static const struct lie *lie;
static struct lie_value lied;
static unsigned int lie_from, lie_until, occasions;
static unsigned int told;

static void
show(enum fake_show what, void *bytes, uint32_t n)
{
	uint8_t *at = lie == NULL ? NULL : lie_at(lie, (enum lie_piece)what, bytes, n);

	if (at == NULL || ++occasions < lie_from || occasions > lie_until)
		return;
	lie_write(lie, at, &lied);
	told++;
}

/* Words of a ring page that are the guest's own: the scripted host trusts them.
 * The scenarios have a host that does not. */
static bool
word_of_the_guest(const struct lie *l)
{
	return (l->place == LIE_RING_TO_GUEST && strcmp(l->field, "read_index") == 0) ||
		(l->place == LIE_RING_TO_HOST && strcmp(l->field, "write_index") == 0);
}

static void
tell(const struct lie *l, const struct lie_value *value, unsigned int from, unsigned int until)
{
	lie = l;
	lied = *value;
	lie_from = from;
	lie_until = until;
	occasions = 0;
	fake_host->show = show;
}

static time_t
seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

#define BOUNDED(call) __extension__ ({ \
	time_t begun = seconds(); \
	__typeof__(call) ret_of_call = (call); \
	if (seconds() - begun > CALL_SECONDS_MAX) \
		fail_msg("%s.%s: %s took %ld s", lie == NULL ? "-" : lie->message, \
			lie == NULL ? "-" : lie->field, #call, (long)(seconds() - begun)); \
	ret_of_call; \
})

/* ---- while it attaches ---- */

static void
requests(struct netvsc_device *dev)
{
	const struct rte_ether_addr group = { { 1, 0, 0x5e, 0, 0, 1 } };
	uint64_t counter;
	int ret[7];

	ret[0] = BOUNDED(netvsc_ndis_query_mac(dev));
	ret[1] = BOUNDED(netvsc_ndis_query_mtu(dev));
	ret[2] = BOUNDED(netvsc_ndis_query_link(dev));
	ret[3] = BOUNDED(netvsc_ndis_query_counter(dev, OID_GEN_RCV_NO_BUFFER, &counter));
	ret[4] = BOUNDED(netvsc_ndis_set_filter(dev));
	ret[5] = BOUNDED(netvsc_ndis_set_multicast(dev, &group, 1));
	ret[6] = BOUNDED(netvsc_link_restore(dev));
	for (unsigned int i = 0; i < RTE_DIM(ret); i++)
		if (ret[i] > 0 || ret[i] < -200)
			fail_msg("request %u: %d is no errno", i, ret[i]);
}

static void
attach_with(const struct lie *l, const struct lie_value *value, unsigned int from,
	unsigned int until)
{
	struct fake_host *host = fake_host_start((from & 1) != 0);
	int ret;

	host->set.notify = true;
	host->set.answer_first = until == from;
	tell(l, value, from, until);
	ret = BOUNDED(netvsc_link_open(&host->dev, &host->vmbus, 4));
	if (ret > 0 || ret < -200)
		fail_msg("%s.%s: %d is no errno", l->message, l->field, ret);
	if (ret == 0)
		requests(&host->dev);
	if (host->vmbus.shared != NULL)
		netvsc_link_close(&host->dev, &host->vmbus);
	lie = NULL;
	host->set.notify = false;
	ret = BOUNDED(netvsc_link_open(&host->dev, &host->vmbus, 4));
	if (ret != 0)
		fail_msg("after %s.%s: %d", l->message, l->field, ret);
	requests(&host->dev);
	netvsc_link_close(&host->dev, &host->vmbus);
	netvsc_event_cancel(&host->dev);
	fake_host_stop();
}

/* ---- while it works ---- */

static uint32_t
receive_all(struct fake_data *d)
{
	struct rte_mbuf *pkts[32];
	uint32_t frames = 0;

	for (unsigned int i = 0; i < 8; i++) {
		uint16_t n = fake_rx(d, pkts, RTE_DIM(pkts));

		for (uint16_t k = 0; k < n; k++)
			rte_mbuf_sanity_check(pkts[k], 1);
		rte_pktmbuf_free_bulk(pkts, n);
		frames += n;
		fake_settle(d);
	}
	return frames;
}

/* Returns how many frames came in; *sent how many the driver took. */
static uint32_t
traffic(struct fake_data *d, uint32_t *sent)
{
	static const uint8_t bytes[FRAME_BYTES] = { 2 };
	const struct fake_frame frame = {
		.data = bytes, .bytes = sizeof(bytes), .ppi_count = 3,
		.ppi = { { RNDIS_PPI_CHECKSUM, RNDIS_RX_CSUM_IP_OK }, { RNDIS_PPI_VLAN, 0x50 },
			{ RNDIS_PPI_PACKET_ID, 0x00010601 } },
	};
	struct fake_frame frames[FRAMES] = { frame, frame, frame, frame, frame };
	struct rte_mbuf *pkts[FRAMES];
	uint32_t got = 0, taken = 0;

	for (unsigned int round = 0; round < 3; round++) {
		uint16_t n;

		for (unsigned int i = 0; i < FRAMES; i++)
			pkts[i] = fake_mbuf(d, i == 0 ? 1400 : 100, 1, (uint8_t)i);
		n = fake_tx(d, pkts, FRAMES);
		rte_pktmbuf_free_bulk(pkts + n, FRAMES - n);
		taken += n;
		fake_data_send(d, frames, FRAMES);
		got += receive_all(d);
	}
	for (; d->frames > 0; d->frames--)
		free((void *)(uintptr_t)d->frame[d->frames - 1].data);
	*sent = taken;
	return got;
}

static const struct fake_setup setup = {
	.rx_offloads = RTE_ETH_RX_OFFLOAD_CHECKSUM | RTE_ETH_RX_OFFLOAD_VLAN_STRIP,
	.mbufs = 256,
};

static void
work_with(const struct lie *l, const struct lie_value *value, unsigned int from,
	unsigned int until)
{
	struct fake_data *d = fake_data_start(&setup);
	struct netvsc_device *dev = &d->host->dev;
	uint32_t sent;

	tell(l, value, from, until);
	traffic(d, &sent);
	d->host->set.notify = true;
	BOUNDED(netvsc_ndis_query_link(dev));
	d->host->set.notify = false;
	BOUNDED(netvsc_ndis_set_promiscuous(dev, true));
	traffic(d, &sent);
	lie = NULL;
	if (BOUNDED(fake_data_reset(d, &setup)) != 0)
		fail_msg("after %s.%s: no reset", l->message, l->field);
	if (fake_pool_out(&d->pool) != 0)
		fail_msg("after %s.%s: %u mbufs are missing", l->message, l->field,
			fake_pool_out(&d->pool));
	d->host->errors = 0;
	if (traffic(d, &sent) != 3 * FRAMES || sent != 3 * FRAMES)
		fail_msg("after %s.%s: the port does not work", l->message, l->field);
	netvsc_event_cancel(dev);
	fake_data_stop(d);
}

/* ---- all of them ---- */

static void
walk(void (*one)(const struct lie *l, const struct lie_value *value, unsigned int from,
		unsigned int until), unsigned int fields_least)
{
	static const struct {
		unsigned int from, until;
	} occasion[] = { { 1, 1 }, { 2, 2 }, { 4, 4 }, { 1, UINT32_MAX } };
	unsigned int lied_about = 0, lies_told = 0;
	struct lie_value value;

	for (unsigned int i = 0; i < lie_count; i++) {
		unsigned int before = told;

		for (unsigned int v = 0; !word_of_the_guest(&lies[i]) && lie_value(v, &value); v++)
			for (unsigned int o = 0; o < RTE_DIM(occasion); o++) {
				unsigned int so_far = told;

				one(&lies[i], &value, occasion[o].from, occasion[o].until);
				lies_told += told != so_far;
			}
		lied_about += told != before;
	}
	print_message("%u fields of %u lied about, in %u runs\n", lied_about, lie_count, lies_told);
	assert_true(lied_about >= fields_least);
}

/* Conformance: 19, 20, 36. */
static void
no_single_lie_at_attach_keeps_the_device_from_an_honest_host_later(void **state)
{
	(void)state;
	walk(attach_with, 100);
}

/* Conformance: 19, 21, 22. */
static void
no_single_lie_at_work_loses_an_mbuf_or_a_port(void **state)
{
	(void)state;
	walk(work_with, 50);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_single_lie_at_attach_keeps_the_device_from_an_honest_host_later),
		cmocka_unit_test(no_single_lie_at_work_loses_an_mbuf_or_a_port),
	};

	rte_log_set_global_level(RTE_LOG_EMERG);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
