/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_ethdev [EAL options] -- [options]: probe, configure, then `rounds`
 * times start, traffic, stop, then close. Prints one JSON object a line of
 * what happened; the exit status is 0 only if all of it is as it should be.
 */

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_version.h>

#include "client.h"

static const char usage[] =
	"usage: test_ethdev [EAL options] -- [--mode echo|rss|receive|speed|duplex|script] [--port N]\n"
	"  [--queues N] [--bytes MIN[-MAX]] [--segments MIN[-MAX]] [--rounds N]\n"
	"  [--window N] [--repeat N] [--seconds S] [--frames N] [--mbufs N] [--forever]\n"
	"  [--flows FILE] [--rss KEYHEX:0,1,2,...]... [--script FILE] [--unprepared]\n"
	"  [--tx-offloads BITS] [--rx-offloads BITS] [--mtu N] [--data-room N]\n";

static void
parse_range(const char *text, unsigned int *min, unsigned int *max)
{
	char *end;

	*min = *max = (unsigned int)strtoul(text, &end, 10);
	if (*end == '-')
		*max = (unsigned int)strtoul(end + 1, NULL, 10);
}

static int
parse_mode(const char *text, enum mode *mode)
{
	static const char *const names[] = { "echo", "rss", "receive", "speed", "duplex",
		"script" };

	for (unsigned int i = 0; i < RTE_DIM(names); i++)
		if (strcmp(text, names[i]) == 0) {
			*mode = (enum mode)i;
			return 0;
		}
	return -EINVAL;
}

static int
parse_rss(struct options *o, const char *text)
{
	struct rss_phase *phase = &o->rss[o->rss_phases];
	const char *at = text + 2 * RSS_KEY_BYTES;
	char *end;

	if (o->rss_phases == RSS_PHASES_MAX || strlen(text) < 2 * RSS_KEY_BYTES + 2 || *at != ':')
		return -EINVAL;
	for (unsigned int i = 0; i < RSS_KEY_BYTES; i++) {
		unsigned int byte;

		if (sscanf(text + 2 * i, "%2x", &byte) != 1)
			return -EINVAL;
		phase->key[i] = (uint8_t)byte;
	}
	for (end = (char *)(uintptr_t)at; *end != '\0' && phase->pattern_len < 128;)
		phase->pattern[phase->pattern_len++] = (uint16_t)strtoul(end + 1, &end, 10);
	o->rss_phases++;
	return 0;
}

static int
parse_one(struct options *o, int option)
{
	switch (option) {
	case 'M': return parse_mode(optarg, &o->mode);
	case 'p': o->port = (uint16_t)atoi(optarg); break;
	case 'q': o->queues = (unsigned int)atoi(optarg); break;
	case 'b': parse_range(optarg, &o->bytes_min, &o->bytes_max); break;
	case 's': parse_range(optarg, &o->segments_min, &o->segments_max); break;
	case 'r': o->rounds = (unsigned int)atoi(optarg); break;
	case 'w': o->window = (unsigned int)atoi(optarg); break;
	case 'R': o->repeat = (unsigned int)atoi(optarg); break;
	case 't': o->seconds = atof(optarg); break;
	case 'n': o->frames = strtoull(optarg, NULL, 10); break;
	case 'm': o->mbufs = (unsigned int)atoi(optarg); break;
	case 'F': o->forever = true; break;
	case 'f': o->flows_file = optarg; break;
	case 'k': return parse_rss(o, optarg);
	case 'S': o->script_file = optarg; break;
	case 'u': o->unprepared = true; break;
	case 'T': o->tx_offloads = strtoull(optarg, NULL, 0); break;
	case 'X': o->rx_offloads = strtoull(optarg, NULL, 0); break;
	case 'U': o->mtu = (uint16_t)atoi(optarg); break;
	case 'd': o->data_room = (uint16_t)atoi(optarg); break;
	default: return -EINVAL;
	}
	return 0;
}

static int
parse(struct options *o, int argc, char **argv)
{
	static const struct option options[] = {
		{ "mode", required_argument, NULL, 'M' }, { "port", required_argument, NULL, 'p' },
		{ "queues", required_argument, NULL, 'q' }, { "bytes", required_argument, NULL, 'b' },
		{ "segments", required_argument, NULL, 's' }, { "rounds", required_argument, NULL, 'r' },
		{ "window", required_argument, NULL, 'w' }, { "repeat", required_argument, NULL, 'R' },
		{ "seconds", required_argument, NULL, 't' }, { "frames", required_argument, NULL, 'n' },
		{ "mbufs", required_argument, NULL, 'm' }, { "forever", no_argument, NULL, 'F' },
		{ "flows", required_argument, NULL, 'f' }, { "rss", required_argument, NULL, 'k' },
		{ "script", required_argument, NULL, 'S' }, { "unprepared", no_argument, NULL, 'u' },
		{ "tx-offloads", required_argument, NULL, 'T' },
		{ "rx-offloads", required_argument, NULL, 'X' },
		{ "mtu", required_argument, NULL, 'U' }, { "data-room", required_argument, NULL, 'd' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
		if (parse_one(o, c) < 0)
			return -EINVAL;
	if (o->queues == 0 || o->queues > QUEUES_MAX || o->bytes_min < FRAME_MIN ||
			o->bytes_max > FRAME_MAX || o->bytes_max < o->bytes_min ||
			o->segments_min == 0 || o->segments_max > SEGMENTS_MAX ||
			o->segments_max < o->segments_min || o->window == 0)
		return -EINVAL;
	if (o->mode == MODE_RSS && (o->flows_file == NULL || o->rss_phases == 0))
		return -EINVAL;
	return 0;
}

/* Prints what a step came to; false if it failed. */
static bool
step(const char *name, int err)
{
	if (err < 0)
		printf("{\"step\": \"%s\", \"error\": \"%s\"}\n", name, strerror(-err));
	else
		printf("{\"step\": \"%s\"}\n", name);
	fflush(stdout);
	return err >= 0;
}

static int
traffic(struct client *c)
{
	int ret;

	printf("{\"step\": \"traffic\", \"result\": ");
	switch (c->options.mode) {
	case MODE_RSS: ret = rss_traffic(c); break;
	case MODE_RECEIVE: ret = receive_traffic(c); break;
	case MODE_SPEED: ret = speed_traffic(c); break;
	case MODE_DUPLEX: ret = duplex_traffic(c); break;
	case MODE_SCRIPT: ret = script_traffic(c); break;
	default: ret = echo_traffic(c); break;
	}
	printf("}\n");
	fflush(stdout);
	return ret;
}

/* mbufs that neither the driver nor we hold any more. */
static int
check_mbufs(const struct client *c)
{
	unsigned int missing = rte_mempool_in_use_count(c->pool);

	printf("{\"step\": \"mbufs\", \"missing\": %u}\n", missing);
	return missing == 0 ? 0 : 1;
}

static int
live(struct client *c)
{
	int bad = 0;

	if (!step("configure", port_configure(c)))
		return 1;
	for (unsigned int i = 0; i < c->options.rounds || c->options.forever; i++) {
		if (!step("start", port_start(c)))
			return 1;
		do {
			bad |= traffic(c);
		} while (c->options.forever);
		if (!step("stop", port_stop(c)))
			return 1;
	}
	if (!step("close", port_close(c)))
		return 1;
	return bad | check_mbufs(c);
}

int
main(int argc, char **argv)
{
	static struct client client = { .options = { .queues = 1, .bytes_min = 60,
		.bytes_max = 1514, .segments_min = 1, .segments_max = 1, .rounds = 2,
		.window = 64, .repeat = 1, .seconds = 20, .frames = UINT64_MAX, .mbufs = 8191 } };
	int used = rte_eal_init(argc, argv), ret = 1;

	if (used < 0) {
		step("eal", -rte_errno);
		return 1;
	}
	if (parse(&client.options, argc - used, argv + used) < 0) {
		fputs(usage, stderr);
		return 2;
	}
	if (step("probe", port_probe(&client))) {
		printf("{\"step\": \"port\", \"driver\": \"%s\", \"iova\": \"%s\", \"version\": "
			"\"%s\", \"rx_queues\": %u, \"reta\": %u, \"max_mtu\": %u, "
			"\"tx_offloads\": %" PRIu64 ", \"rx_offloads\": %" PRIu64 "}\n",
			client.info.driver_name,
			rte_eal_iova_mode() == RTE_IOVA_PA ? "pa" : "va", rte_version(),
			client.info.max_rx_queues, client.info.reta_size, client.info.max_mtu,
			client.info.tx_offload_capa, client.info.rx_offload_capa);
		ret = live(&client);
	}
	rte_eal_cleanup();
	return ret;
}
