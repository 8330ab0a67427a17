/* SPDX-License-Identifier: BSD-3-Clause */

/* netvsc-perf work: the measured process. EAL's arguments, "--", our own. */

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_eal.h>

#include "perf.h"
#include "work.h"

static const char usage[] =
	"Usage: netvsc-perf work [EAL options] -- KIND [options]\n"
	"\n"
	"Does one kind of work on the ports that EAL has found and prints one JSON\n"
	"object: cycles a frame inside the bursts, and what else there is to tell.\n"
	"Under hvsim: hvsim run --check fast --nic port=gen:rate=max -- netvsc-perf work ...\n"
	"\n"
	"KIND is one of\n"
	"  rx         receive and drop what comes\n"
	"  tx         send as much as the port takes\n"
	"  loop       keep a window of frames under way to a port that sends them back\n"
	"  echo       send back what comes\n"
	"  forward    between the first and the last port\n"
	"  idle       poll where nothing comes: cycles a poll\n"
	"  rtt        one frame at a time, there and back: microseconds\n"
	"  startup    configure, start, MTU change, stop: milliseconds (of --frames rounds)\n"
	"\n"
	"  --bytes N|imix   frame length without FCS, 60 to 9014 (default 64)\n"
	"  --burst N        frames asked for or sent at once, 1 to 64 (default 32)\n"
	"  --queues N       1 to 64 of each kind, all polled by this core (default 1)\n"
	"  --window N       frames under way in a loop (default 256)\n"
	"  --frames N       stop after so many (default 1000000)\n"
	"  --warmup N       the first so many do not count (default 0)\n"
	"  --seconds S      stop after this long in any case (default 10)\n"
	"  --mbufs N        in the pool; few stay warm (default 8192)\n"
	"  --mtu N          of the ports (default: as they are)\n"
	"  --offload LIST   of hash, csum, vlan, rsc (default none)\n"
	"  --slice N        bursts between two readings (default 1024)\n"
	"  --pause US       before each round trip, so that the host falls asleep (default 0)\n"
	"  --yield          give the core away on an empty poll: the host shares it\n"
	"  --turn N         tx: and after so many frames (default: when nothing can be sent)\n"
	"  --freeing        rx: giving the mbufs back counts, too\n"
	"  --stay           when all is told, keep the ports open until SIGTERM\n"
	"  --macswap        exchange MAC addresses of what is sent back\n"
	"  --help\n";

enum {
	OPT_BYTES = 1, OPT_BURST, OPT_QUEUES, OPT_WINDOW, OPT_FRAMES, OPT_WARMUP, OPT_SECONDS,
	OPT_MBUFS, OPT_MTU, OPT_OFFLOAD, OPT_SLICE, OPT_PAUSE, OPT_TURN, OPT_YIELD, OPT_FREEING,
	OPT_STAY, OPT_MACSWAP, OPT_HELP,
};

static const struct option long_options[] = {
	{ "bytes", required_argument, NULL, OPT_BYTES },
	{ "burst", required_argument, NULL, OPT_BURST },
	{ "queues", required_argument, NULL, OPT_QUEUES },
	{ "window", required_argument, NULL, OPT_WINDOW },
	{ "frames", required_argument, NULL, OPT_FRAMES },
	{ "warmup", required_argument, NULL, OPT_WARMUP },
	{ "seconds", required_argument, NULL, OPT_SECONDS },
	{ "mbufs", required_argument, NULL, OPT_MBUFS },
	{ "mtu", required_argument, NULL, OPT_MTU },
	{ "offload", required_argument, NULL, OPT_OFFLOAD },
	{ "slice", required_argument, NULL, OPT_SLICE },
	{ "pause", required_argument, NULL, OPT_PAUSE },
	{ "turn", required_argument, NULL, OPT_TURN },
	{ "yield", no_argument, NULL, OPT_YIELD },
	{ "freeing", no_argument, NULL, OPT_FREEING },
	{ "stay", no_argument, NULL, OPT_STAY },
	{ "macswap", no_argument, NULL, OPT_MACSWAP },
	{ "help", no_argument, NULL, OPT_HELP },
	{ 0 },
};

static const char *const kinds[] = {
	[WORK_RX] = "rx", [WORK_TX] = "tx", [WORK_LOOP] = "loop", [WORK_ECHO] = "echo",
	[WORK_FORWARD] = "forward", [WORK_IDLE] = "idle", [WORK_RTT] = "rtt",
	[WORK_STARTUP] = "startup",
};

/* ---- options ---- */

static int
complain(const char *what, const char *text)
{
	fprintf(stderr, "netvsc-perf work: %s '%s' (see --help)\n", what, text);
	return PERF_USAGE;
}

static bool
number(const char *text, uint64_t low, uint64_t high, uint64_t *value)
{
	char *end;

	errno = 0;
	*value = strtoull(text, &end, 10);
	return errno == 0 && end != text && *end == '\0' && *value >= low && *value <= high;
}

static bool
parse_offloads(struct work_options *o, char *list)
{
	bool *const flags[] = { &o->hash, &o->csum, &o->vlan, &o->rsc };
	static const char *const names[] = { "hash", "csum", "vlan", "rsc" };
	char *save = NULL;

	for (char *word = strtok_r(list, ",", &save); word != NULL;
	     word = strtok_r(NULL, ",", &save)) {
		unsigned int i;

		for (i = 0; i < RTE_DIM(names) && strcmp(word, names[i]) != 0; i++)
			continue;
		if (i == RTE_DIM(names))
			return false;
		*flags[i] = true;
	}
	return true;
}

static bool
parse_number(struct work_options *o, int opt, const char *text)
{
	const struct {
		uint64_t low, high;
		uint32_t *word;
		uint64_t *wide;
	} rules[] = {
		[OPT_BYTES] = { WORK_FRAME_MIN, WORK_FRAME_MAX, &o->frame_bytes, NULL },
		[OPT_BURST] = { 1, WORK_BURST_MAX, &o->burst, NULL },
		[OPT_QUEUES] = { 1, WORK_QUEUES_MAX, &o->queues, NULL },
		[OPT_WINDOW] = { 1, 65536, &o->window, NULL },
		[OPT_FRAMES] = { 1, UINT64_MAX / 2, NULL, &o->frames },
		[OPT_WARMUP] = { 0, UINT64_MAX / 2, NULL, &o->warmup },
		[OPT_MBUFS] = { 64, 1u << 20, &o->mbufs, NULL },
		[OPT_MTU] = { 68, 9000, &o->mtu, NULL },
		[OPT_SLICE] = { 1, 1u << 20, NULL, &o->slice },
		[OPT_TURN] = { 1, 1u << 20, NULL, &o->turn },
		[OPT_PAUSE] = { 0, 1000000, &o->pause_us, NULL },
	};
	uint64_t value;

	if (!number(text, rules[opt].low, rules[opt].high, &value))
		return false;
	if (rules[opt].word != NULL)
		*rules[opt].word = (uint32_t)value;
	else
		*rules[opt].wide = value;
	return true;
}

static bool
parse_option(struct work_options *o, int opt, char *text)
{
	char *end;

	switch (opt) {
	case OPT_YIELD:
		o->yield = true;
		return true;
	case OPT_FREEING:
		o->freeing = true;
		return true;
	case OPT_STAY:
		o->stay = true;
		return true;
	case OPT_MACSWAP:
		o->macswap = true;
		return true;
	case OPT_OFFLOAD:
		return parse_offloads(o, text);
	case OPT_SECONDS:
		o->seconds = strtod(text, &end);
		return *end == '\0' && o->seconds > 0 && o->seconds < 86400;
	case OPT_BYTES:
		if (strcmp(text, "imix") == 0) {
			o->frame_bytes = 0;
			return true;
		}
		/* fall through */
	default:
		return parse_number(o, opt, text);
	}
}

/* -1: go on; else the exit status. */
static int
parse(int argc, char **argv, struct work_options *o)
{
	int opt;

	optind = 0;
	while ((opt = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		if (opt == OPT_HELP) {
			fputs(usage, stdout);
			return 0;
		}
		if (opt == '?')
			return PERF_USAGE;
		if (!parse_option(o, opt, optarg))
			return complain("no option takes", optarg);
	}
	if (optind + 1 != argc)
		return complain("one kind of work is wanted, not", optind < argc ? argv[optind] : "");
	for (unsigned int kind = 0; kind < RTE_DIM(kinds); kind++)
		if (strcmp(argv[optind], kinds[kind]) == 0) {
			o->kind = kind;
			return -1;
		}
	return complain("no kind of work is", argv[optind]);
}

/* ---- the answer ---- */

static void
print_cost(const char *name, const struct work_cost *cost)
{
	const uint32_t slices = RTE_MIN(cost->slices, WORK_SLICES_MAX);

	printf(", \"%s\": {\"frames\": %" PRIu64 ", \"bytes\": %" PRIu64 ", \"cycles\": %" PRIu64
		", \"bursts\": %" PRIu64 ", \"empty_bursts\": %" PRIu64 ", \"empty_cycles\": %" PRIu64
		", \"disturbed\": %" PRIu64 ", \"per_frame\": [", name, cost->frames, cost->bytes,
		cost->cycles, cost->bursts, cost->empty_bursts, cost->empty_cycles, cost->disturbed);
	for (uint32_t i = 0; i < slices; i++)
		printf("%s%.2f", i > 0 ? ", " : "", (double)cost->per_frame[i]);
	printf("]}");
}

static void
print(const struct work *work)
{
	struct rte_eth_stats stats = { 0 };

	rte_eth_stats_get(0, &stats);
	printf("{\"kind\": \"%s\", \"driver\": \"%s\", \"seconds\": %.6f, \"tsc_hz\": %" PRIu64
		", \"timer_cycles\": %" PRIu64 ", \"lost\": %" PRIu64, kinds[work->options.kind],
		work->info.driver_name, (double)(work->done_tsc - work->start_tsc) /
		(double)rte_get_tsc_hz(), rte_get_tsc_hz(), work->timer_cycles, work->lost);
	print_cost("rx", &work->rx);
	print_cost("tx", &work->tx);
	printf(", \"stats\": {\"ipackets\": %" PRIu64 ", \"opackets\": %" PRIu64 ", \"imissed\": %"
		PRIu64 ", \"ierrors\": %" PRIu64 ", \"oerrors\": %" PRIu64 ", \"rx_nombuf\": %" PRIu64
		"}}\n", stats.ipackets, stats.opackets, stats.imissed, stats.ierrors, stats.oerrors,
		stats.rx_nombuf);
}

static uint64_t
timer_calibrate(void)
{
	uint64_t least = UINT64_MAX;

	for (unsigned int i = 0; i < 10000; i++) {
		uint64_t start = rte_rdtsc_precise();

		least = RTE_MIN(least, rte_rdtsc_precise() - start);
	}
	return least;
}

/* ---- the work ---- */

/* Whoever still polls the other end may not bear that this one goes. */
static void
stay(const struct work *work)
{
	fflush(stdout);
	while (!work->stopped)
		rte_delay_us_sleep(1000);
}

static int
traffic(struct work *work)
{
	int err = work_ports_open(work);

	if (err == 0 && work->options.kind == WORK_RTT)
		err = work_rtt(work);
	else if (err == 0 && (err = work_run(work)) == 0)
		print(work);
	if (err == 0 && work->options.stay)
		stay(work);
	work_ports_close(work);
	return err;
}

static int
work_main(struct work *work)
{
	int err;

	work->ports = rte_eth_dev_count_avail();
	if (work->ports == 0) {
		fprintf(stderr, "netvsc-perf work: EAL found no port\n");
		return 1;
	}
	if (work->options.kind != WORK_FORWARD)
		work->ports = 1;
	work->timer_cycles = timer_calibrate();
	err = work->options.kind == WORK_STARTUP ? work_startup(work) : traffic(work);
	if (err == 0)
		return 0;
	fprintf(stderr, "netvsc-perf work: %s: %s\n", kinds[work->options.kind],
		err == -ENODATA ? "no frame came through" : strerror(-err));
	return 1;
}

static struct work work = { .options = {
	.frame_bytes = 64, .burst = 32, .queues = 1, .window = 256, .mbufs = 8192,
	.frames = 1000000, .seconds = 10, .slice = 1024,
} };

/* The time is over: what was measured so far is told. */
static void
on_signal(int number)
{
	(void)number;
	work.stopped = 1;
}

int
perf_work(int argc, char **argv)
{
	int eal, status;

	if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
		fputs(usage, stdout);
		return 0;
	}
	eal = rte_eal_init(argc, argv);
	if (eal < 0)
		return complain("EAL does not start with these options of", argv[0]);
	status = parse(argc - eal, argv + eal, &work.options);
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	/* virtio_user tells its other side that it closes, also if that one is gone. */
	signal(SIGPIPE, SIG_IGN);
	if (status < 0)
		status = work_main(&work);
	rte_eal_cleanup();
	return status;
}
