/* SPDX-License-Identifier: BSD-3-Clause */

/* netvsc-perf floor: options in, one table or JSON line out. */

#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>
#include <rte_eal.h>

#include "floor_run.h"
#include "perf.h"

static const char usage[] =
	"Usage: netvsc-perf floor [options]\n"
	"\n"
	"What a frame costs in a loop that does only what no driver of this NIC can\n"
	"leave out: receive from and transmit to a host in the same thread, by turns.\n"
	"Other figures are given as multiples of these.\n"
	"\n"
	"  --bytes N       frame length, 60 to 1514 (default 64)\n"
	"  --burst N       frames a burst, 1 to 64 (default 32)\n"
	"  --transfer N    frames a transfer of the host's, 1 to burst (default 32)\n"
	"  --sections N    receive sections used in turn; more are colder (default 64)\n"
	"  --rounds N      bursts of each kind (default 20000)\n"
	"  --json          one JSON object instead of the table\n"
	"  --help\n";

enum { OPT_BYTES = 1, OPT_BURST, OPT_TRANSFER, OPT_SECTIONS, OPT_ROUNDS, OPT_JSON, OPT_HELP };

static const struct option long_options[] = {
	{ "bytes", required_argument, NULL, OPT_BYTES },
	{ "burst", required_argument, NULL, OPT_BURST },
	{ "transfer", required_argument, NULL, OPT_TRANSFER },
	{ "sections", required_argument, NULL, OPT_SECTIONS },
	{ "rounds", required_argument, NULL, OPT_ROUNDS },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "help", no_argument, NULL, OPT_HELP },
	{ 0 },
};

static bool
number(const char *text, uint32_t *value)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || n == 0 || n > 10000000) {
		fprintf(stderr, "netvsc-perf floor: '%s' is no number from 1 to 10000000\n", text);
		return false;
	}
	*value = (uint32_t)n;
	return true;
}

/* -1: go on; else the exit status. */
static int
parse(int argc, char **argv, struct floor_options *o, bool *json)
{
	uint32_t *const values[] = {
		[OPT_BYTES] = &o->frame_bytes, [OPT_BURST] = &o->burst,
		[OPT_TRANSFER] = &o->frames_per_transfer, [OPT_SECTIONS] = &o->sections,
		[OPT_ROUNDS] = &o->rounds,
	};
	int opt;

	while ((opt = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		if (opt == OPT_HELP) {
			fputs(usage, stdout);
			return 0;
		}
		if (opt == OPT_JSON)
			*json = true;
		else if (opt == '?' || !number(optarg, values[opt]))
			return PERF_USAGE;
	}
	if (optind == argc)
		return -1;
	fprintf(stderr, "netvsc-perf floor: what is '%s'? (see --help)\n", argv[optind]);
	return PERF_USAGE;
}

/* No devices, no shared files: memory for one small pool, on the core where we are. */
static int
eal_up(void)
{
	static char args[][24] = { "netvsc-perf", "--no-huge", "-m", "64", "--no-pci",
		"--no-shconf", "--no-telemetry", "--log-level=error", "-l", "0" };
	char *argv[RTE_DIM(args) + 1] = { NULL };
	int cpu = sched_getcpu();

	for (unsigned int i = 0; i < RTE_DIM(args); i++)
		argv[i] = args[i];
	if (cpu >= 0)
		snprintf(args[RTE_DIM(args) - 1], sizeof(args[0]), "%d", cpu);
	return rte_eal_init(RTE_DIM(args), argv) < 0 ? -1 : 0;
}

static void
print(const struct floor_options *o, const struct floor_result *r, bool json)
{
	if (json) {
		printf("{\"bytes\": %u, \"burst\": %u, \"frames_per_transfer\": %u, \"sections\": %u,"
			" \"rounds\": %u, \"rx_cycles\": %.2f, \"rx_p10\": %.2f, \"rx_p90\": %.2f,"
			" \"tx_cycles\": %.2f, \"tx_p10\": %.2f, \"tx_p90\": %.2f}\n",
			o->frame_bytes, o->burst, o->frames_per_transfer, o->sections, o->rounds,
			r->rx_cycles, r->rx_p10, r->rx_p90, r->tx_cycles, r->tx_p10, r->tx_p90);
		return;
	}
	printf("%u B, burst %u, %u a transfer, %u sections: TSC cycles a frame\n",
		o->frame_bytes, o->burst, o->frames_per_transfer, o->sections);
	printf("           median    p10     p90\n");
	printf("  receive  %6.1f  %6.1f  %6.1f\n", r->rx_cycles, r->rx_p10, r->rx_p90);
	printf("  transmit %6.1f  %6.1f  %6.1f\n", r->tx_cycles, r->tx_p10, r->tx_p90);
}

int
perf_floor(int argc, char **argv)
{
	struct floor_options options = {
		.frame_bytes = 64, .frames_per_transfer = 32, .burst = 32, .sections = 64,
		.rounds = 20000,
	};
	struct floor_result result;
	bool json = false;
	int status = parse(argc, argv, &options, &json);

	if (status >= 0)
		return status;
	if (eal_up() < 0)
		return 1;
	status = floor_run(&options, &result);
	if (status == 0)
		print(&options, &result, json);
	else if (status == -EINVAL)
		fprintf(stderr, "netvsc-perf floor: the options do not fit each other (see --help)\n");
	else
		fprintf(stderr, "netvsc-perf floor: %s; %llu frames wrong\n", strerror(-status),
			(unsigned long long)result.wrong);
	rte_eal_cleanup();
	return status == 0 ? 0 : status == -EINVAL ? PERF_USAGE : 1;
}
