/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The deliberately wrong guest: for each rule a case that breaks it and looks
 * at what the host does. Silence is proven without waiting: the host has one
 * thread, so when other channels have been served several times over, a
 * message that it wanted to answer would have been answered.
 */

#include <stdlib.h>
#include <string.h>

#include "wrong.h"

#define ROUNDS 5u
#define COUNT_MS 2000u

static struct tg_case *all;
static unsigned int all_count;

/* ---- counters ---- */

/* The rules of the table, each once. */
static const char *rules[WRONG_RULES_MAX];
static unsigned int rule_count;

static void
collect_rules(void)
{
	for (unsigned int i = 0; i < all_count; i++) {
		unsigned int k = 0;

		while (k < rule_count && strcmp(rules[k], all[i].rule) != 0)
			k++;
		if (k == rule_count && rule_count < WRONG_RULES_MAX)
			rules[rule_count++] = all[i].rule;
	}
}

int
wrong_counted(struct wrong *w, const char *rule)
{
	uint64_t now[WRONG_RULES_MAX], end = tg_now_ns() + COUNT_MS * 1000000ull;
	unsigned int at = 0;

	while (at < rule_count && strcmp(rules[at], rule) != 0)
		at++;
	do {
		TG_CHECK(tg_host_violations(rules, now, rule_count) == 0, "control socket");
	} while (now[at] == w->before[at] && tg_now_ns() < end);
	for (unsigned int i = 0; i < rule_count; i++)
		TG_CHECK(i == at || now[i] == w->before[i], "%s was counted%s", rules[i],
			now[at] > w->before[at] ? ", too" : " instead");
	TG_CHECK(now[at] > w->before[at], "%s was not counted", rule);
	return 0;
}

/* ---- life ---- */

int
wrong_start_with(struct wrong *w, const struct tg_options *options)
{
	struct tg_options plain = { 0 };

	memset(w, 0, sizeof(*w));
	w->a.fd = w->b.fd = -1;
	w->options = *options;
	TG_CHECK(tg_count() >= 2, "needs two NICs, has %u", tg_count());
	TG_CHECK(tg_up(&w->b, 1, &plain) == 0, "the second NIC does not come up");
	TG_CHECK(tg_host_violations(rules, w->before, rule_count) == 0, "control socket");
	return 0;
}

int
wrong_start(struct wrong *w, bool a_up)
{
	struct tg_options two = { .queues = 2 };
	int err;

	TG_TRY(wrong_start_with(w, &two));
	err = a_up ? tg_up(&w->a, 0, &two) : tg_open(&w->a, 0);
	TG_CHECK(err == 0, "the first NIC does not come up: %s", strerror(-err));
	return 0;
}

void
wrong_end(struct wrong *w)
{
	tg_close(&w->a);
	tg_close(&w->b);
}

static void
plain_frame(const struct tg_device *dev, uint8_t *frame, uint32_t bytes)
{
	struct tg_flow flow = { .udp = true, .number = 7 };

	memcpy(flow.src_mac, dev->mac, 6);
	memcpy(flow.dst_mac, "\x02\x00\x00\x00\x00\x01", 6);
	tg_frame_build(frame, bytes, &flow, 1);
}

int
wrong_alive(struct tg_channel *ch)
{
	uint8_t data[100];
	struct tg_tx_frame frame = { .data = data, .bytes = sizeof(data) };
	int status;

	plain_frame(ch->dev, data, sizeof(data));
	status = tg_tx_wait(ch, ch->dev->section_count > 0 ? TG_TX_SECTION : TG_TX_PAGES,
		&frame, 1);
	TG_CHECK(status == NVSP_STATUS_SUCCESS, "channel %u of %s: %d", ch->index,
		ch->dev->name, status);
	return 0;
}

static int
others_alive(struct wrong *w, const struct tg_channel *ch)
{
	for (unsigned int i = 0; i < TG_CHANNELS_MAX; i++)
		if (w->a.channel[i] != NULL && w->a.channel[i] != ch && w->a.rndis.max_packets_per_msg > 0)
			TG_TRY(wrong_alive(w->a.channel[i]));
	TG_TRY(wrong_alive(w->b.channel[0]));
	return 0;
}

/* Sends what a living channel would answer in the state it is in. */
static void
poke(struct wrong *w, struct tg_channel *ch)
{
	struct nvsp_init init = { NVSP_INIT, NVSP_VERSION_5, NVSP_VERSION_5 };
	struct nvsp_ndis_config config = { .type = NVSP_NDIS_CONFIG, .mtu_bytes = 1514 };
	struct nvsp_ndis_version version = { NVSP_NDIS_VERSION, 6, 30 };
	struct tg_piece body[3] = { { NULL, 0 }, { &init, sizeof(init) }, { NULL, 0 } };
	uint8_t data[100];
	struct tg_tx_frame frame = { .data = data, .bytes = sizeof(data) };

	if (w->a.nvsp != 0)
		body[1] = w->a.frame_max == 0 ? (struct tg_piece){ &config, sizeof(config) } :
			(struct tg_piece){ &version, sizeof(version) };
	plain_frame(&w->a, data, sizeof(data));
	if (w->a.rndis.max_packets_per_msg == 0)
		tg_send(ch, VMBUS_PACKET_INBAND, VMBUS_PACKET_FLAG_COMPLETION_REQUESTED,
			UINT64_MAX, body);
	else
		tg_tx(ch, w->a.section_count > 0 ? TG_TX_SECTION : TG_TX_PAGES, &frame, 1, NULL);
	tg_signal(ch);
}

int
wrong_dead(struct wrong *w, struct tg_channel *ch, const char *rule)
{
	uint64_t packets;
	int err;

	TG_TRY(wrong_counted(w, rule));
	tg_poll(ch);    /* what was on its way before */
	packets = ch->packets;
	poke(w, ch);
	for (unsigned int i = 0; i < ROUNDS; i++)
		TG_TRY(others_alive(w, ch));
	tg_poll(ch);
	TG_CHECK(ch->packets == packets, "%s: channel %u still talks", rule, ch->index);

	tg_close(&w->a);
	err = tg_up(&w->a, 0, &w->options);
	TG_CHECK(err == 0, "%s: cannot be opened again: %s", rule, strerror(-err));
	for (unsigned int i = 0; i < w->a.channels; i++)
		TG_TRY(wrong_alive(w->a.channel[i]));
	return 0;
}

int
wrong_fails(struct wrong *w, struct tg_channel *ch, uint64_t tid, const char *rule)
{
	int status = tg_tx_await(ch, tid, TG_WAIT_MS);

	TG_CHECK(status == NVSP_STATUS_FAILURE, "%s: status %d", rule, status);
	TG_TRY(wrong_counted(w, rule));
	TG_TRY(wrong_alive(ch));
	return others_alive(w, ch);
}

int
wrong_reported(struct wrong *w, struct tg_channel *ch, uint64_t tid, const char *rule)
{
	if (tid != 0) {
		int status = tg_tx_await(ch, tid, TG_WAIT_MS);

		TG_CHECK(status == NVSP_STATUS_SUCCESS, "%s: status %d", rule, status);
	}
	TG_TRY(wrong_counted(w, rule));
	TG_TRY(wrong_alive(ch));
	return others_alive(w, ch);
}

uint32_t
wrong_packet(struct wrong *w, struct wrong_packet *packet)
{
	uint8_t data[100];
	struct tg_tx_frame frame = { .data = data, .bytes = sizeof(data) };
	uint32_t at;

	memset(packet, 0, sizeof(*packet));
	plain_frame(&w->a, data, sizeof(data));
	at = tg_rndis_build(&frame, (uint8_t *)packet, 0);
	memcpy((uint8_t *)packet + at, data, sizeof(data));
	return at + (uint32_t)sizeof(data);
}

int
wrong_send(struct tg_channel *ch, const void *message, uint32_t bytes, uint64_t *tid)
{
	struct tg_raw raw = { .section = message, .section_bytes = bytes };

	return tg_tx_raw(ch, &raw, tid);
}

static void
add(const struct tg_case *cases, unsigned int n)
{
	memcpy(all + all_count, cases, n * sizeof(*cases));
	all_count += n;
}

int
main(int argc, char **argv)
{
	int ret;

	all = calloc(wrong_ring_case_count + wrong_nvsp_case_count + wrong_rndis_case_count +
		wrong_data_case_count, sizeof(*all));
	if (all == NULL)
		return 1;
	add(wrong_ring_cases, wrong_ring_case_count);
	add(wrong_nvsp_cases, wrong_nvsp_case_count);
	add(wrong_rndis_cases, wrong_rndis_case_count);
	add(wrong_data_cases, wrong_data_case_count);
	collect_rules();
	ret = tg_case_main(argc, argv, all, all_count);
	free(all);
	return ret;
}
