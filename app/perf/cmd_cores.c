/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * netvsc-perf cores: how long a cache line takes from one core to another and
 * back. Virtual cores move, and every figure of a ring between two of them
 * moves along; so this is measured before and after.
 */

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rte_cycles.h>

#include "perf.h"

#define TRIPS 20000u
#define BATCH 16u               /* trips for one sample */
#define LOOKS 65536u             /* between two looks at the clock */
#define WAIT_SECONDS 20u

struct pair {
	uint32_t ball __attribute__((aligned(128)));
	uint32_t stop __attribute__((aligned(128)));
	int cpu[2];
	time_t end;             /* not answered by then: it never will be */
	uint64_t samples[TRIPS / BATCH];
};

static const char usage[] =
	"Usage: netvsc-perf cores CPU CPU [--help]\n"
	"\n"
	"Prints how many TSC cycles a cache line takes from one core to the other and\n"
	"back, as one JSON object: p10, p50 and p90 of batches of 16 trips.\n";

static int
pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set);
}

/* Odd numbers are thrown here, even ones there. */
static void *
partner(void *arg)
{
	struct pair *pair = arg;
	uint32_t seen = 0;

	if (pin(pair->cpu[1]) != 0)
		return NULL;
	while (__atomic_load_n(&pair->stop, __ATOMIC_RELAXED) == 0) {
		uint32_t ball = __atomic_load_n(&pair->ball, __ATOMIC_ACQUIRE);

		if (ball != seen && (ball & 1) != 0) {
			seen = ball + 1;
			__atomic_store_n(&pair->ball, seen, __ATOMIC_RELEASE);
		}
	}
	return NULL;
}

static bool
trip(struct pair *pair, uint32_t ball)
{
	__atomic_store_n(&pair->ball, ball, __ATOMIC_RELEASE);
	do {
		for (uint32_t looks = 0; looks < LOOKS; looks++)
			if (__atomic_load_n(&pair->ball, __ATOMIC_ACQUIRE) != ball)
				return true;
	} while (time(NULL) < pair->end);
	return false;
}

static int
compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Samples taken; fewer than there is room for if the other core does not run. */
static unsigned int
measure(struct pair *pair)
{
	unsigned int n;

	for (n = 0; n < TRIPS / BATCH; n++) {
		uint64_t start = rte_rdtsc_precise();

		for (uint32_t i = 0; i < BATCH; i++)
			if (!trip(pair, (n * BATCH + i) * 2 + 1))
				return n;
		pair->samples[n] = (rte_rdtsc_precise() - start) / BATCH;
	}
	return n;
}

static int
parse_cpu(const char *text)
{
	char *end;
	long cpu = strtol(text, &end, 10);

	return end != text && *end == '\0' && cpu >= 0 && cpu < CPU_SETSIZE ? (int)cpu : -1;
}

int
perf_cores(int argc, char **argv)
{
	static struct pair pair;
	pthread_t thread;
	unsigned int n;

	if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
		fputs(usage, stdout);
		return 0;
	}
	for (int i = 0; i < 2; i++)
		pair.cpu[i] = argc == 3 ? parse_cpu(argv[i + 1]) : -1;
	if (pair.cpu[0] < 0 || pair.cpu[1] < 0 || pair.cpu[0] == pair.cpu[1]) {
		fprintf(stderr, "netvsc-perf cores: two different CPU numbers are wanted\n");
		return PERF_USAGE;
	}
	if (pin(pair.cpu[0]) != 0 || pthread_create(&thread, NULL, partner, &pair) != 0) {
		fprintf(stderr, "netvsc-perf cores: CPU %d: %s\n", pair.cpu[0], strerror(errno));
		return 1;
	}
	pair.end = time(NULL) + WAIT_SECONDS;
	n = measure(&pair);
	__atomic_store_n(&pair.stop, 1, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	if (n == 0) {
		fprintf(stderr, "netvsc-perf cores: CPU %d does not answer\n", pair.cpu[1]);
		return 1;
	}
	qsort(pair.samples, n, sizeof(pair.samples[0]), compare);
	printf("{\"cpus\": [%d, %d], \"round_trip_cycles\": {\"p10\": %llu, \"p50\": %llu, \"p90\": %llu}}\n",
		pair.cpu[0], pair.cpu[1], (unsigned long long)pair.samples[n / 10],
		(unsigned long long)pair.samples[n / 2], (unsigned long long)pair.samples[n * 9 / 10]);
	return 0;
}
