/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames of a correct guest: lengths, ways, memory, queues, sections. */

#include <errno.h>
#include <string.h>

#include "right.h"

static int
lengths(enum tg_tx_way way, uint32_t first, uint32_t last, uint32_t step, uint32_t mtu)
{
	struct tg_options options = { .mtu = mtu };
	struct echo e;

	TG_TRY(echo_start(&e, 0, &options));
	for (uint32_t bytes = first; bytes <= last; bytes += step)
		TG_TRY(echo_bytes(&e, e.dev.channel[0], way, bytes));
	echo_end(&e);
	return 0;
}

static int lengths_section(void) { return lengths(TG_TX_SECTION, 60, 1514, 1, 1500); }
static int lengths_mixed(void) { return lengths(TG_TX_SECTION_PAGES, 60, 1514, 1, 1500); }
static int lengths_pages(void) { return lengths(TG_TX_PAGES, 60, 1514, 1, 1500); }
static int jumbo_pages(void) { return lengths(TG_TX_PAGES, 1515, 9014, 7, 9000); }
static int jumbo_mixed(void) { return lengths(TG_TX_SECTION_PAGES, 1515, 9014, 13, 9000); }
static int jumbo_section(void) { return lengths(TG_TX_SECTION, 1515, 6000, 11, 9000); }

static int
anonymous_memory(void)
{
	struct tg_options options = { .memory = TG_MEMORY_ANONYMOUS, .mtu = 9000 };
	struct echo e;

	TG_TRY(echo_start(&e, 0, &options));
	for (uint32_t bytes = 60; bytes <= 9014; bytes += 111)
		TG_TRY(echo_bytes(&e, e.dev.channel[0], TG_TX_PAGES, bytes));
	echo_end(&e);
	return 0;
}

static int
no_send_buffer(void)
{
	struct tg_options options = { .no_send_buffer = true };
	struct echo e;

	TG_TRY(echo_start(&e, 0, &options));
	TG_TRY(echo_bytes(&e, e.dev.channel[0], TG_TX_PAGES, 1000));
	echo_end(&e);
	return 0;
}

/* ---- several at once ---- */

struct collect {
	uint64_t frames, bad;
	uint32_t next;          /* order: the number in the sequence */
	uint32_t bytes;
};

static void
collect(struct tg_channel *ch, const struct tg_rx_frame *frame, void *arg)
{
	struct collect *c = arg;

	(void)ch;
	if (frame->bytes != c->bytes || !tg_frame_payload_ok(frame->data + 42, frame->bytes - 42,
			5, c->next, 0))
		c->bad++;
	c->next++;
	c->frames++;
}

/* Messages of `per` packets, `count` messages, as fast as they go. */
static int
burst(struct echo *e, unsigned int per, unsigned int count, enum tg_tx_way way)
{
	static uint8_t data[32][256];
	struct tg_flow flow = echo_flow(e, false, true, 5);
	struct collect c = { .bytes = 200 };
	struct tg_tx_frame frames[32];
	uint32_t seq = 0;

	way = echo_way(e, way, per * 300);
	e->dev.on_frame = collect;
	e->dev.on_frame_arg = &c;
	for (unsigned int i = 0; i < count; i++) {
		uint64_t end = tg_now_ns() + TG_WAIT_MS * 1000000ull;
		int err;

		for (unsigned int k = 0; k < per; k++) {
			tg_frame_build(data[k], 200, &flow, seq++);
			frames[k] = (struct tg_tx_frame){ .data = data[k], .bytes = 200 };
		}
		do {
			err = tg_tx(e->dev.channel[0], way, frames, per, NULL);
			tg_poll_all(&e->dev);
		} while (err == -EAGAIN && tg_now_ns() < end);
		TG_CHECK(err == 0, "message %u: %s", i, strerror(-err));
	}
	TG_CHECK(tg_wait(&e->dev, &c.frames, (uint64_t)per * count, TG_WAIT_MS) == 0,
		"%llu of %u frames came back", (unsigned long long)c.frames, per * count);
	TG_CHECK(c.bad == 0, "%llu changed or out of order", (unsigned long long)c.bad);
	TG_CHECK(tg_wait(&e->dev, &e->dev.channel[0]->counters.tx_done, count, TG_WAIT_MS) == 0,
		"completions");
	TG_CHECK(e->dev.channel[0]->counters.tx_failed == 0, "a message failed");
	return 0;
}

static int
packets_in_message(void)
{
	struct tg_options options = { 0 };
	struct echo e;

	TG_TRY(echo_start(&e, 0, &options));
	TG_TRY(burst(&e, e.dev.rndis.max_packets_per_msg, 300, TG_TX_SECTION));
	echo_end(&e);
	return 0;
}

static int
packets_in_page_list(void)
{
	struct tg_options options = { 0 };
	struct echo e;

	TG_TRY(echo_start(&e, 0, &options));
	TG_TRY(burst(&e, e.dev.rndis.max_packets_per_msg, 300, TG_TX_PAGES));
	echo_end(&e);
	return 0;
}

static int
order(void)
{
	struct tg_options options = { 0 };
	struct echo e;

	TG_TRY(echo_start(&e, 0, &options));
	TG_TRY(burst(&e, 1, 20000, TG_TX_SECTION));
	TG_CHECK(e.dev.channel[0]->counters.rx_ranges_max > 1, "never more than one frame in a "
		"transfer");
	echo_end(&e);
	return 0;
}

/* ---- queues ---- */

static int
every_channel(void)
{
	struct tg_options options = { .queues = 4 };
	struct echo e;

	TG_TRY(echo_start(&e, 0, &options));
	for (unsigned int i = 0; i < 100; i++)
		TG_TRY(echo_bytes(&e, e.dev.channel[i % 4], i % 3, 60 + i * 10));
	for (unsigned int i = 0; i < 4; i++)
		TG_CHECK(e.dev.channel[i]->counters.tx_done >= 25, "channel %u completed %llu", i,
			(unsigned long long)e.dev.channel[i]->counters.tx_done);
	echo_end(&e);
	return 0;
}

static int
flows(struct echo *e, bool ipv6, bool udp, const uint8_t key[40], const uint32_t *table,
	unsigned int entries)
{
	uint8_t data[120];
	struct tg_tx_frame frame = { .data = data, .bytes = sizeof(data) };

	for (uint32_t i = 0; i < 200; i++) {
		struct tg_flow flow = echo_flow(e, ipv6, udp, i * 37);
		uint32_t hash = tg_flow_hash(&flow, key);

		tg_frame_build(data, sizeof(data), &flow, i);
		TG_TRY(echo_frame(e, e->dev.channel[i % 4], TG_TX_SECTION, &frame, data,
			sizeof(data)));
		TG_CHECK(e->last_channel == table[hash % entries], "flow %u: hash 0x%x, queue %u "
			"instead of %u", i, hash, e->last_channel, table[hash % entries]);
		TG_CHECK(!e->last.has_hash || e->last.hash == hash, "flow %u: 0x%x, not 0x%x", i,
			e->last.hash, hash);
		TG_CHECK(right_host_is("openvmm") || (e->last.has_hash && e->last.has_hash_info),
			"no hash in flow %u", i);
	}
	return 0;
}

static int
rss(void)
{
	const uint32_t types = NDIS_HASH_TOEPLITZ | NDIS_HASH_IPV4 | NDIS_HASH_TCP_IPV4 |
		NDIS_HASH_IPV6 | NDIS_HASH_TCP_IPV6;
	struct tg_options options = { .queues = 4 };
	uint32_t table[128];
	uint8_t key[40];
	struct echo e;

	TG_TRY(echo_start(&e, 0, &options));
	for (unsigned int i = 0; i < 128; i++)
		table[i] = i % 4;
	for (unsigned int k = 0; k < 4; k++)
		TG_TRY(flows(&e, k / 2 != 0, k % 2 != 0, tg_rss_key, table, 128));
	for (unsigned int i = 0; i < 128; i++)
		table[i] = (i / 5) % 3 + 1;
	TG_CHECK(tg_rss(&e.dev, types, tg_rss_key, table, 128) == 0, "new table");
	TG_TRY(flows(&e, false, false, tg_rss_key, table, 128));
	for (unsigned int i = 0; i < 40; i++)
		key[i] = (uint8_t)(i * 73 + 5);
	TG_CHECK(tg_rss(&e.dev, types, key, table, 128) == 0, "new key");
	TG_TRY(flows(&e, true, false, key, table, 128));
	echo_end(&e);
	return 0;
}

/* ---- sections ---- */

/* A guest that gives nothing back gets a bounded number of frames, each in a
 * section of its own, and all of it again when it does. */
static int
sections_used_up(void)
{
	struct tg_options options = { 0 };
	struct collect c = { .bytes = 200 };
	uint64_t sections = 0, sent = 0;
	struct tg_flow flow;
	uint8_t data[200];
	struct tg_tx_frame frame = { .data = data, .bytes = sizeof(data) };
	enum tg_tx_way way;
	struct echo e;

	TG_TRY(echo_start(&e, 0, &options));
	way = echo_way(&e, TG_TX_SECTION, sizeof(data));
	flow = echo_flow(&e, false, true, 5);
	tg_frame_build(data, sizeof(data), &flow, 0);
	e.dev.on_frame = collect;
	e.dev.on_frame_arg = &c;
	for (unsigned int i = 0; i < e.dev.recv_sections; i++)
		sections += e.dev.recv[i].suballoc_count;
	e.dev.channel[0]->hold = true;
	for (uint64_t i = 0; i < sections + 1000; i++) {
		TG_CHECK(tg_tx_wait(e.dev.channel[0], way, &frame, 1) ==
			NVSP_STATUS_SUCCESS, "message %llu", (unsigned long long)i);
		sent++;
	}
	TG_CHECK(c.frames < sections && c.frames >= sections / 2, "%llu frames in %llu sections",
		(unsigned long long)c.frames, (unsigned long long)sections);
	e.dev.channel[0]->hold = false;
	tg_release(e.dev.channel[0], TG_SECTIONS_MAX);
	for (unsigned int i = 0; i < 4; i++)    /* completions may need several rounds */
		TG_CHECK(tg_tx_wait(e.dev.channel[0], way, &frame, 1) ==
			NVSP_STATUS_SUCCESS, "after release");
	c.frames = 0;
	for (unsigned int i = 0; i < 1000; i++)
		TG_CHECK(tg_tx_wait(e.dev.channel[0], way, &frame, 1) ==
			NVSP_STATUS_SUCCESS, "after release");
	TG_CHECK(tg_wait(&e.dev, &c.frames, 1000, TG_WAIT_MS) == 0, "%llu of 1000 came back",
		(unsigned long long)c.frames);
	echo_end(&e);
	return 0;
}

const struct tg_case right_data_cases[] = {
	{ "frames of 60 to 1514 bytes come back through sections", lengths_section, NULL },
	{ "frames of 60 to 1514 bytes come back through section and page list", lengths_mixed,
		NULL },
	{ "frames of 60 to 1514 bytes come back through page lists", lengths_pages, NULL },
	{ "jumbo frames come back through sections", jumbo_section, NULL },
	{ "jumbo frames come back through section and page list", jumbo_mixed, NULL },
	{ "jumbo frames come back through page lists", jumbo_pages, NULL },
	{ "frames in malloc'ed memory come back", anonymous_memory, NULL },
	{ "a guest without a send buffer works", no_send_buffer, NULL },
	{ "as many packets as announced fit one message", packets_in_message, NULL },
	{ "several packets fit one page list", packets_in_page_list, NULL },
	{ "20000 frames come back in order", order, NULL },
	{ "every channel carries frames and gets its own completions", every_channel, NULL },
	{ "flows land on the queue that Toeplitz says, before and after changes", rss, NULL },
	{ "a guest that keeps all sections gets no section twice, and recovers",
		sections_used_up, NULL },
};
const unsigned int right_data_case_count = sizeof(right_data_cases) / sizeof(right_data_cases[0]);
