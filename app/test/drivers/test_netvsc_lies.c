/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Every single lie of hvsim's table (fault/lie.h: each field of each message that
 * a host sends, each value worth trying), and a sample of all pairs of them, told
 * to the driver while it attaches and while it works. Whatever is said, calls return in bounded time, every mbuf
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

/* A lie that is told from the nth occasion on. */
struct told_lie {
	const struct lie *lie;
	struct lie_value value;
	unsigned int from, until;
	unsigned int occasions;
};

/* Those that are told, one or two of them. */
static struct told_lie telling[2];
static unsigned int telling_count;
static unsigned int told;

static void
show(enum fake_show what, void *bytes, uint32_t n)
{
	for (unsigned int i = 0; i < telling_count; i++) {
		struct told_lie *l = &telling[i];
		uint8_t *at = lie_at(l->lie, (enum lie_piece)what, bytes, n);

		if (at == NULL || ++l->occasions < l->from || l->occasions > l->until)
			continue;
		lie_write(l->lie, at, &l->value);
		told |= 1u << i;
	}
}

/* Words of a ring page that are the guest's own. */
static bool
word_of_the_guest(const struct lie *l)
{
	return (l->place == LIE_RING_TO_GUEST && strcmp(l->field, "read_index") == 0) ||
		(l->place == LIE_RING_TO_HOST && strcmp(l->field, "write_index") == 0);
}

static void
tell(const struct told_lie *what, unsigned int count)
{
	memcpy(telling, what, count * sizeof(*what));
	telling_count = count;
	fake_host->show = show;
	for (unsigned int i = 0; i < count; i++)
		fake_host->set.spoils_words |= word_of_the_guest(what[i].lie);
}

static void
truth(void)
{
	telling_count = 0;
	fake_host->set.spoils_words = false;
}

static time_t
seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/* What has been told, for whoever reads that it was not borne. */
static const char *
tale(const struct told_lie *what, unsigned int count)
{
	static char text[256];
	int at = 0;

	for (unsigned int i = 0; i < count; i++)
		at += snprintf(text + at, sizeof(text) - (size_t)at, "%s%s.%s %s 0x%llx from %u to %u",
			i == 0 ? "" : " and ", what[i].lie->message, what[i].lie->field,
			what[i].value.difference ? "plus" : "is",
			(unsigned long long)what[i].value.value, what[i].from, what[i].until);
	return text;
}

#define BOUNDED(call) __extension__ ({ \
	time_t begun = seconds(); \
	__typeof__(call) ret_of_call = (call); \
	if (seconds() - begun > CALL_SECONDS_MAX) \
		fail_msg("%s: %s took %ld s", tale(telling, telling_count), #call, \
			(long)(seconds() - begun)); \
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
attach_with(const struct told_lie *what, unsigned int count)
{
	struct fake_host *host = fake_host_start((what->from & 1) != 0);
	int ret;

	host->set.notify = true;
	host->set.answer_first = what->until == what->from;
	tell(what, count);
	ret = BOUNDED(netvsc_link_open(&host->dev, &host->vmbus, 4));
	if (ret > 0 || ret < -200)
		fail_msg("%s: %d is no errno", tale(what, count), ret);
	if (ret == 0)
		requests(&host->dev);
	if (host->vmbus.shared != NULL)
		netvsc_link_close(&host->dev, &host->vmbus);
	truth();
	host->set.notify = false;
	ret = BOUNDED(netvsc_link_open(&host->dev, &host->vmbus, 4));
	if (ret != 0)
		fail_msg("after %s: %d", tale(what, count), ret);
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
work_with(const struct told_lie *what, unsigned int count)
{
	struct fake_data *d = fake_data_start(&setup);
	struct netvsc_device *dev = &d->host->dev;
	uint32_t sent;

	tell(what, count);
	traffic(d, &sent);
	d->host->set.notify = true;
	BOUNDED(netvsc_ndis_query_link(dev));
	d->host->set.notify = false;
	BOUNDED(netvsc_ndis_set_promiscuous(dev, true));
	traffic(d, &sent);
	truth();
	if (BOUNDED(fake_data_reset(d, &setup)) != 0)
		fail_msg("after %s: no reset", tale(what, count));
	if (fake_pool_out(&d->pool) != 0)
		fail_msg("after %s: %u mbufs are missing", tale(what, count),
			fake_pool_out(&d->pool));
	d->host->errors = 0;
	if (traffic(d, &sent) != 3 * FRAMES || sent != 3 * FRAMES)
		fail_msg("after %s: the port does not work", tale(what, count));
	netvsc_event_cancel(dev);
	fake_data_stop(d);
}

/* ---- all of them ---- */

static const struct {
	unsigned int from, until;
} occasion[] = { { 1, 1 }, { 2, 2 }, { 4, 4 }, { 1, UINT32_MAX } };

/* Where lies are told, and the fields there are to lie about. */
struct stage {
	const char *name;
	void (*run)(const struct told_lie *what, unsigned int count);
	unsigned int fields_least;
	unsigned int fields;
	const struct lie *field[256];
};
static struct stage attach_stage = { "attach", attach_with, 110 };
static struct stage work_stage = { "work", work_with, 60 };

static void
walk(struct stage *stage)
{
	unsigned int lies_told = 0;
	struct told_lie l;

	assert_true(lie_count <= RTE_DIM(stage->field));
	stage->fields = 0;

	for (unsigned int i = 0; i < lie_count; i++) {
		unsigned int before = lies_told;

		for (unsigned int v = 0; lie_value(v, &l.value); v++)
			for (unsigned int o = 0; o < RTE_DIM(occasion); o++) {
				l = (struct told_lie){ .lie = &lies[i], .value = l.value,
					.from = occasion[o].from, .until = occasion[o].until };
				told = 0;
				stage->run(&l, 1);
				lies_told += told != 0;
			}
		if (lies_told != before)
			stage->field[stage->fields++] = &lies[i];
	}
	print_message("%s: %u fields of %u lied about, in %u runs\n", stage->name, stage->fields,
		lie_count, lies_told);
	assert_true(stage->fields >= stage->fields_least);
}

/* ---- pairs ---- */

#define PAIRS 1500u

static uint64_t
number(const char *variable, uint64_t otherwise)
{
	const char *text = getenv(variable);

	return text == NULL ? otherwise : strtoull(text, NULL, 0);
}

static uint32_t
random_below(uint64_t *state, uint32_t n)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((*state >> 33) % n);
}

static struct told_lie
random_lie(const struct stage *stage, uint64_t *state)
{
	struct told_lie l = { .lie = stage->field[random_below(state, stage->fields)] };
	uint32_t values = 0, when = random_below(state, RTE_DIM(occasion));

	while (lie_value(values, &l.value))
		values++;
	lie_value(random_below(state, values), &l.value);
	l.from = occasion[when].from;
	l.until = occasion[when].until;
	return l;
}

/* A sample of all pairs of those, other ones with LIES_SEED, more with LIES_PAIRS. */
static void
walk_pairs(struct stage *stage)
{
	const uint64_t seed = number("LIES_SEED", 1);
	uint32_t pairs = (uint32_t)number("LIES_PAIRS", PAIRS), both = 0;
	uint64_t state = seed;

	if (stage->fields == 0)
		walk(stage);
	for (uint32_t i = 0; i < pairs; i++) {
		struct told_lie pair[2] = { random_lie(stage, &state), random_lie(stage, &state) };

		told = 0;
		stage->run(pair, 2);
		both += told == 3;
	}
	print_message("%s, seed %llu: %u pairs of lies, both told in %u\n", stage->name,
		(unsigned long long)seed, pairs, both);
	assert_true(both >= pairs / 5);
}

/* Conformance: 19, 20, 36. */
static void
no_single_lie_at_attach_keeps_the_device_from_an_honest_host_later(void **state)
{
	(void)state;
	walk(&attach_stage);
}

/* Conformance: 19, 21, 22. */
static void
no_single_lie_at_work_loses_an_mbuf_or_a_port(void **state)
{
	(void)state;
	walk(&work_stage);
}

/* Conformance: 19, 20, 36. */
static void
no_pair_of_lies_at_attach_keeps_the_device_from_an_honest_host_later(void **state)
{
	(void)state;
	walk_pairs(&attach_stage);
}

/* Conformance: 19, 21, 22. */
static void
no_pair_of_lies_at_work_loses_an_mbuf_or_a_port(void **state)
{
	(void)state;
	walk_pairs(&work_stage);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_single_lie_at_attach_keeps_the_device_from_an_honest_host_later),
		cmocka_unit_test(no_single_lie_at_work_loses_an_mbuf_or_a_port),
		cmocka_unit_test(no_pair_of_lies_at_attach_keeps_the_device_from_an_honest_host_later),
		cmocka_unit_test(no_pair_of_lies_at_work_loses_an_mbuf_or_a_port),
	};

	rte_log_set_global_level(RTE_LOG_EMERG);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
