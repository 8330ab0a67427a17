/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The order of the accesses by which the guest shares a ring with the host, and
 * bursts a gate with control: explored over the driver's own code, and each
 * single order taken away to see the exploration fail. doc/design/memory-order.rst.
 *
 * `test_ring_order deep` explores for longer.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "scenarios.h"

#define SCENARIOS 16u
#define UNBOUNDED UINT32_MAX

/* What an exploration of one scenario in one model may cost. */
struct effort {
	uint32_t bound;         /* of preemptions and of deviations, enumerated */
	uint64_t enumerated;    /* runs at most, for each bound */
	uint64_t drawn;
};

static const struct effort quick = { 2, 8000, 3000 };
static const struct effort deep = { 3, 500000, 100000 };
static const struct effort mutant_effort = { 2, 8000, 8000 };
static const struct effort *effort = &quick;
static uint64_t reached[SCENARIOS];     /* the sites that a scenario goes through */

/* ---- exploring ---- */

struct explored {
	struct model_result last;
	uint64_t runs;
	uint32_t complete;      /* all runs with so many of both kinds were made */
};

/* Enumerates small runs with ever more preemptions and deviations. */
static bool
explore_all(const struct model_scenario *scenario, enum model_kind kind,
	const struct effort *cost, struct explored *explored)
{
	struct model_limits limits = { .kind = kind, .runs = cost->enumerated };

	scenarios_set_scale(1);
	for (uint32_t bound = 0; bound <= cost->bound; bound++) {
		limits.preemptions = limits.deviations = bound;
		model_explore(scenario, &limits, &explored->last);
		explored->runs += explored->last.runs;
		if (explored->last.failed)
			return false;
		if (!explored->last.complete)
			break;
		explored->complete = bound;
	}
	return true;
}

/* Then draws, small and larger ones. False if a run failed: the last. */
static bool
explore(const struct model_scenario *scenario, enum model_kind kind, const struct effort *cost,
	struct explored *explored)
{
	struct model_limits limits = {
		.kind = kind, .preemptions = UNBOUNDED, .deviations = UNBOUNDED,
		.runs = cost->drawn / 2,
	};

	memset(explored, 0, sizeof(*explored));
	if (!explore_all(scenario, kind, cost, explored))
		return false;
	for (uint32_t scale = 1; scale <= 3 && !explored->last.failed; scale += 2) {
		scenarios_set_scale(scale);
		limits.seed = 1000001u * scale;
		model_explore(scenario, &limits, &explored->last);
		explored->runs += explored->last.runs;
	}
	return !explored->last.failed;
}

static uint32_t
scenario_list(const struct model_scenario **list)
{
	uint32_t count = 0;

	while (ring_scenarios[count] != NULL) {
		list[count] = ring_scenarios[count];
		count++;
	}
	list[count++] = &gate_scenario;
	return count;
}

static void
expect_holds(const struct model_scenario *scenario, uint32_t index)
{
	struct explored result;
	bool ok = true;

	model_sites_reached();

	for (int kind = 0; kind < MODEL_KINDS; kind++) {
		bool held = explore(scenario, (enum model_kind)kind, effort, &result);

		print_message("%-5s %-60s %8llu runs, all up to bound %u %s\n",
			model_kind_name((enum model_kind)kind), scenario->name,
			(unsigned long long)result.runs, result.complete, result.last.why);
		ok &= held;
	}
	reached[index] = model_sites_reached();
	assert_true(ok);
}

/* Conformance: 14, 15, 17. */
static void
rings_lose_no_wakeup_and_show_no_unpublished_byte(void **state)
{
	(void)state;
	for (uint32_t i = 0; ring_scenarios[i] != NULL; i++)
		expect_holds(ring_scenarios[i], i);
}

static void
gate_lets_no_burst_see_half_of_a_change(void **state)
{
	const struct model_scenario *list[SCENARIOS];

	(void)state;
	expect_holds(&gate_scenario, scenario_list(list) - 1);
}

/* ---- sites ---- */

static const char *const driver_files[] = {
	"vmbus_ring.h", "vmbus_ring.c", "vmbus_packet.h", "vmbus_packet.c", "vmbus_channel.c",
	"netvsc_gate.h", "netvsc_gate.c",
};

static bool
site_is_the_drivers(const struct model_site *site)
{
	for (size_t i = 0; i < sizeof(driver_files) / sizeof(driver_files[0]); i++)
		if (strcmp(site->file, driver_files[i]) == 0)
			return true;
	return false;
}

static bool
site_has_order(const struct model_site *site)
{
	return site->op != MODEL_LOAD_RELAXED && site->op != MODEL_STORE_RELAXED;
}

/* Orders and fences that a line of source asks for. */
static bool
line_has_order(const char *line)
{
	static const char *const marks[] = {
		"vmbus_shm_load_acquire(", "vmbus_shm_store_release(", "vmbus_shm_fence(",
		"vmbus_shm_set_bits(", "__ATOMIC_ACQUIRE", "__ATOMIC_RELEASE", "__ATOMIC_SEQ_CST",
		"MEMBARRIER_CMD_PRIVATE_EXPEDITED,",
	};

	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
		if (strstr(line, marks[i]) != NULL)
			return true;
	return false;
}

static bool
site_reached(const char *file, int line)
{
	for (uint32_t i = 0; i < model_site_count(); i++)
		if (model_site(i)->line == line && strcmp(model_site(i)->file, file) == 0)
			return true;
	return false;
}

static void
expect_sites_reached(const char *file, uint32_t *found)
{
	char path[1024], text[512];
	FILE *stream = NULL;
	int line = 0;

	for (int net = 0; stream == NULL && net < 2; net++) {
		snprintf(path, sizeof(path), DRIVERS_DIR "/%s/%s", net ? "net/netvsc" : "bus/vmbus",
			file);
		stream = fopen(path, "r");
	}
	assert_non_null(stream);
	while (fgets(text, sizeof(text), stream) != NULL) {
		line++;
		if (!line_has_order(text))
			continue;
		if (!site_reached(file, line))
			fail_msg("%s:%d is never reached: %s", file, line, text);
		(*found)++;
	}
	fclose(stream);
}

static void
every_order_in_the_source_is_explored(void **state)
{
	uint32_t found = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(driver_files) / sizeof(driver_files[0]); i++)
		expect_sites_reached(driver_files[i], &found);
	assert_true(found >= 12);
}

/* ---- mutants ---- */

/* Orders that can be taken away without harm: what else in the driver does the
 * same. The test fails if one of them turns out to be needed after all. */
static const struct harmless {
	const char *file;
	enum model_op op;
	const char *why;
} harmless[] = {
	{ "vmbus_channel.c", MODEL_RMW_SEQ_CST,
	  "who signals has passed a full fence since it published" },
};

static const char *
harmless_because(const struct model_site *site, enum model_mutation mutation)
{
	for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++)
		if (mutation == MODEL_WEAKER && strcmp(harmless[i].file, site->file) == 0 &&
		    harmless[i].op == site->op)
			return harmless[i].why;
	return NULL;
}

struct verdict {
	bool caught[MODEL_KINDS];
	const struct model_scenario *by[MODEL_KINDS];
	char why[MODEL_KINDS][256];
};

static bool
mutant_judge(uint32_t index, enum model_mutation mutation, struct verdict *verdict)
{
	const struct model_scenario *list[SCENARIOS];
	uint32_t count = scenario_list(list);
	struct explored result;
	bool caught = false;

	memset(verdict, 0, sizeof(*verdict));
	model_mutate(index, mutation);
	for (int kind = 0; kind < MODEL_KINDS; kind++) {
		for (uint32_t i = 0; i < count && !verdict->caught[kind]; i++) {
			if ((reached[i] >> index & 1) == 0 ||
			    explore(list[i], (enum model_kind)kind, &mutant_effort, &result))
				continue;
			verdict->caught[kind] = caught = true;
			verdict->by[kind] = list[i];
			memcpy(verdict->why[kind], result.last.why, sizeof(result.last.why));
		}
	}
	model_mutate(0, MODEL_INTACT);
	return caught;
}

static bool
mutant_report(const struct model_site *site, enum model_mutation mutation,
	const struct verdict *verdict, bool caught)
{
	const char *reason = harmless_because(site, mutation);

	print_message("%s:%d %s %s:%s\n", site->file, site->line, model_op_name(site->op),
		mutation == MODEL_TORN ? "made of two" : "taken away",
		caught ? "" : reason != NULL ? " harmless, as expected" : " NOT CAUGHT");
	for (int kind = 0; kind < MODEL_KINDS; kind++)
		if (verdict->caught[kind])
			print_message("    %-5s %s: %s\n", model_kind_name((enum model_kind)kind),
				verdict->by[kind]->name, verdict->why[kind]);
	if (caught && reason != NULL)
		print_message("    NEEDED, though listed as harmless: %s\n", reason);
	return caught == (reason == NULL);
}

static void
every_order_taken_away_is_noticed(void **state)
{
	uint32_t mutants = 0, wrong = 0;
	struct verdict verdict;

	(void)state;
	for (uint32_t i = 0; i < model_site_count(); i++) {
		const struct model_site *site = model_site(i);

		if (!site_is_the_drivers(site) || !site_has_order(site))
			continue;
		for (int m = MODEL_WEAKER; m <= MODEL_TORN; m++) {
			if (m == MODEL_TORN && site->op != MODEL_RMW_SEQ_CST)
				continue;
			const bool caught = mutant_judge(i, (enum model_mutation)m, &verdict);

			mutants++;
			wrong += !mutant_report(site, (enum model_mutation)m, &verdict, caught);
		}
	}
	print_message("%u mutants, %u not as expected\n", mutants, wrong);
	assert_true(mutants >= 14);
	assert_int_equal(wrong, 0);
}

int
main(int argc, char **argv)
{
	/* In this order: the first two reach the sites that the others go through. */
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rings_lose_no_wakeup_and_show_no_unpublished_byte),
		cmocka_unit_test(gate_lets_no_burst_see_half_of_a_change),
		cmocka_unit_test(every_order_in_the_source_is_explored),
		cmocka_unit_test(every_order_taken_away_is_noticed),
	};

	if (argc > 1 && strcmp(argv[1], "deep") == 0)
		effort = &deep;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
