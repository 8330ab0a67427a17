/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A correct guest under load: sends numbered messages on all its queues, by
 * all ways, as fast as they are taken, checks what comes back, and prints one
 * JSON object. Options: --messages N, --seconds S (whichever comes first),
 * --queues N, --nic I, --bytes MIN[-MAX], --per N packets a message,
 * --anonymous, --receive (send nothing; N messages are frames that came), --forever
 * (until killed), --pauses N
 * (N times: nothing for a while, then one frame whose return is timed), --lso
 * (large sends that all show the host the same memory: cheap for the guest,
 * dear for the host; nothing is expected back).
 */

#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tg.h"
#include "tg_frame.h"

#define PER_MAX 8u
#define BATCH 16u               /* messages between two polls */

struct load {
	uint64_t messages, seconds;
	unsigned int queues, nic, per;
	uint32_t bytes_min, bytes_max;
	unsigned int pauses;
	bool anonymous, receive, lso;
	struct tg_piece large[2];       /* headers and payload of --lso */

	struct tg_device dev;
	uint64_t sent, frames, bad;
	uint64_t before;                /* completions of the set-up */
	uint8_t *templates;             /* one frame per length */
};

static void
check(struct tg_channel *ch, const struct tg_rx_frame *f, void *arg)
{
	struct load *l = arg;

	(void)ch;
	l->frames++;
	if (!l->receive && (f->bytes < 60 || !tg_frame_payload_ok(f->data + 42, f->bytes - 42,
			f->bytes, 0, 0)))
		l->bad++;
}

static const uint8_t *
template_of(struct load *l, uint32_t bytes)
{
	return l->templates + (size_t)(bytes - l->bytes_min) * (l->bytes_max + 2);
}

static int
make_templates(struct load *l)
{
	struct tg_flow flow = { .udp = true };

	l->templates = calloc(l->bytes_max - l->bytes_min + 1, l->bytes_max + 2);
	if (l->templates == NULL)
		return -ENOMEM;
	memcpy(flow.src_mac, l->dev.mac, 6);
	memcpy(flow.dst_mac, "\x02\x00\x00\x00\x00\x01", 6);
	for (uint32_t bytes = l->bytes_min; bytes <= l->bytes_max; bytes++) {
		flow.number = bytes;
		tg_frame_build(l->templates + (size_t)(bytes - l->bytes_min) * (l->bytes_max + 2),
			bytes, &flow, 0);
	}
	return 0;
}

#define LARGE_BYTES 60000u
#define LARGE_MSS 1460u

static int
make_large(struct load *l)
{
	struct tg_flow flow = { .number = 1 };
	struct tg_tx_frame frame = { .bytes = LARGE_BYTES, .has_lso = true, .lso = RNDIS_LSO_V2 |
		LARGE_MSS | tg_frame_l4_offset(&flow) << RNDIS_LSO_L4_OFFSET_SHIFT };
	static struct tg_memory memory;
	uint8_t *data;

	if (tg_memory_create(&memory, TG_MEMORY_SHARED, 17 * HV_PAGE_BYTES) < 0)
		return -ENOMEM;
	data = memory.base + HV_PAGE_BYTES;
	memcpy(flow.src_mac, l->dev.mac, 6);
	memcpy(flow.dst_mac, "\x02\x00\x00\x00\x00\x01", 6);
	tg_frame_build(data, LARGE_BYTES, &flow, 0);
	tg_frame_prepare_offload(data, LARGE_BYTES, true);
	l->large[0] = (struct tg_piece){ memory.base, tg_rndis_build(&frame, memory.base, 0) };
	l->large[1] = (struct tg_piece){ data, LARGE_BYTES };
	return 0;
}

static bool
send_large(struct load *l)
{
	struct tg_raw raw = { .ranges = l->large, .range_count = 2, .detached = true };
	uint64_t tid;

	return tg_tx_raw(l->dev.channel[0], &raw, &tid) == 0;
}

static bool
send_one(struct load *l, uint64_t number)
{
	struct tg_channel *ch = l->dev.channel[number % l->queues];
	enum tg_tx_way way = (enum tg_tx_way)(number / l->queues % 3);
	unsigned int per = way == TG_TX_SECTION ? l->per : 1;
	struct tg_tx_frame frames[PER_MAX];

	if (l->lso)
		return send_large(l);
	for (unsigned int i = 0; i < per; i++) {
		uint32_t bytes = l->bytes_min + (uint32_t)((number * 7 + i * 13) %
			(l->bytes_max - l->bytes_min + 1));

		frames[i] = (struct tg_tx_frame){ .data = template_of(l, bytes), .bytes = bytes };
	}
	return tg_tx(ch, way, frames, per, NULL) == 0;
}

static uint64_t
done(const struct load *l)
{
	uint64_t n = -l->before;

	for (unsigned int i = 0; i < l->queues; i++)
		n += l->dev.channel[i]->counters.tx_done;
	return n;
}

static void
run(struct load *l)
{
	uint64_t end = tg_now_ns() + l->seconds * 1000000000ull;

	while ((l->receive ? l->frames : l->sent) < l->messages && tg_now_ns() < end) {
		unsigned int handled, i = 0;

		while (!l->receive && i < BATCH && l->sent < l->messages && send_one(l, l->sent)) {
			l->sent++;
			i++;
		}
		handled = tg_poll_all(&l->dev);
		if (handled == 0 && i == 0)
			sched_yield();
	}
	end = tg_now_ns() + 3000000000ull;
	while (done(l) < l->sent && tg_now_ns() < end)
		tg_poll_all(&l->dev);
}

/* Silence long enough for any host to sleep, then one frame there and back. */
static void
run_pauses(struct load *l)
{
	const struct timespec pause = { .tv_nsec = 60000000 };

	printf("{\"first_us\": [");
	for (unsigned int i = 0; i < l->pauses; i++) {
		uint64_t frames = l->frames, start;

		nanosleep(&pause, NULL);
		start = tg_now_ns();
		l->sent += send_one(l, 0);
		tg_wait(&l->dev, &l->frames, frames + 1, TG_WAIT_MS);
		printf("%s%llu", i > 0 ? ", " : "",
			(unsigned long long)(tg_now_ns() - start) / 1000);
	}
	printf("]}\n");
}

static void
report(const struct load *l, double seconds)
{
	uint64_t failed = 0, signals = 0, runs = 0;

	printf("{\"sent\": %llu, \"done\": %llu, \"frames\": %llu, \"bad\": %llu, \"faults\": %u, "
		"\"seconds\": %.3f, \"queues\": [", (unsigned long long)l->sent,
		(unsigned long long)done(l), (unsigned long long)l->frames,
		(unsigned long long)l->bad, tg_faults, seconds);
	for (unsigned int i = 0; i < l->queues; i++) {
		const struct tg_counters *c = &l->dev.channel[i]->counters;

		printf("%s{\"done\": %llu, \"frames\": %llu}", i > 0 ? ", " : "",
			(unsigned long long)c->tx_done, (unsigned long long)c->rx_frames);
		failed += c->tx_failed;
		signals += c->signals;
		runs += c->rx_runs;
	}
	printf("], \"failed\": %llu, \"signals\": %llu, \"rsc_runs\": %llu}\n",
		(unsigned long long)failed, (unsigned long long)signals,
		(unsigned long long)runs);
}

static int
parse(struct load *l, int argc, char **argv)
{
	static const struct option options[] = {
		{ "messages", required_argument, NULL, 'm' }, { "seconds", required_argument, NULL, 's' },
		{ "queues", required_argument, NULL, 'q' }, { "nic", required_argument, NULL, 'n' },
		{ "bytes", required_argument, NULL, 'b' }, { "per", required_argument, NULL, 'p' },
		{ "anonymous", no_argument, NULL, 'a' }, { "receive", no_argument, NULL, 'r' },
		{ "forever", no_argument, NULL, 'f' }, { "pauses", required_argument, NULL, 'P' },
		{ "lso", no_argument, NULL, 'L' }, { NULL, 0, NULL, 0 },
	};
	char *end;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'm': l->messages = strtoull(optarg, NULL, 10); break;
		case 's': l->seconds = strtoull(optarg, NULL, 10); break;
		case 'q': l->queues = (unsigned int)atoi(optarg); break;
		case 'n': l->nic = (unsigned int)atoi(optarg); break;
		case 'p': l->per = (unsigned int)atoi(optarg); break;
		case 'a': l->anonymous = true; break;
		case 'r': l->receive = true; break;
		case 'L': l->lso = true; break;
		case 'P': l->pauses = (unsigned int)atoi(optarg); break;
		case 'f': l->messages = UINT64_MAX; l->seconds = 3600; break;
		case 'b':
			l->bytes_min = l->bytes_max = (uint32_t)strtoul(optarg, &end, 10);
			if (*end == '-')
				l->bytes_max = (uint32_t)strtoul(end + 1, NULL, 10);
			break;
		default: return -EINVAL;
		}
	}
	return l->per == 0 || l->per > PER_MAX || l->queues == 0 || l->bytes_min < 60 ||
		l->bytes_max < l->bytes_min || l->bytes_max > 1514 ? -EINVAL : 0;
}

int
main(int argc, char **argv)
{
	static struct load l = { .messages = UINT64_MAX, .seconds = 2, .queues = 1, .per = 1,
		.bytes_min = 60, .bytes_max = 1514 };
	struct tg_options options = { 0 };
	uint64_t start;
	bool ok;
	int err;

	if (parse(&l, argc, argv) < 0) {
		fprintf(stderr, "%s: bad option, see the top of load.c\n", argv[0]);
		return 2;
	}
	options.queues = l.queues;
	options.memory = l.anonymous ? TG_MEMORY_ANONYMOUS : TG_MEMORY_SHARED;
	options.no_filter = true;       /* nothing comes before it can be counted */
	err = tg_up(&l.dev, l.nic, &options);
	if (err == 0)
		err = l.lso ? make_large(&l) : make_templates(&l);
	l.dev.on_frame = check;
	l.dev.on_frame_arg = &l;
	if (err == 0)
		err = tg_filter(&l.dev, NDIS_FILTER_PROMISCUOUS);
	if (err < 0) {
		fprintf(stderr, "%s: NIC %u: %s\n", argv[0], l.nic, strerror(-err));
		return 1;
	}
	l.before = done(&l);
	puts("ready");
	fflush(stdout);
	start = tg_now_ns();
	if (l.pauses > 0) {
		run_pauses(&l);
	} else {
		run(&l);
		report(&l, (double)(tg_now_ns() - start) / 1e9);
	}
	ok = l.bad == 0 && tg_faults == 0 && done(&l) == l.sent;
	tg_close(&l.dev);
	free(l.templates);
	return ok ? 0 : 1;
}
