/* SPDX-License-Identifier: BSD-3-Clause */

/* The scheduler: agents as coroutines, decisions, and how they are explored;
 * see model.h. */

/* longjmp() goes from stack to stack here, which the checked one forbids. */
#undef _FORTIFY_SOURCE

#include "model_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <ucontext.h>

#define STACK_BYTES 65536u
#define DECISIONS_MAX 8192u
/* A run that takes more has no end: agents that chase each other. */
#define POINTS_MAX 6000u

enum agent_state {
	AGENT_NONE,             /* the scenario has fewer */
	AGENT_READY,
	AGENT_IDLE,
	AGENT_ASLEEP,
	AGENT_DONE,
};

struct agent {
	enum agent_state state;
	bool started;
	bool event;
	uint64_t looked;        /* model_memory_version() when it looked last */
	const uint32_t *word;   /* what it sleeps for */
	jmp_buf where;
	ucontext_t context;
};

struct decision {
	uint8_t chosen, count;
};

/* Of one exploration. */
static struct {
	const struct model_scenario *scenario;
	struct model_limits limits;
	struct decision decision[DECISIONS_MAX];
	uint32_t fixed;         /* decisions that this run repeats */
	uint64_t random;
} explore;

/* Of one run. */
static struct {
	struct agent agent[MODEL_AGENTS];
	uint32_t decisions, preemptions, deviations, points;
	bool failed;
	char why[256];
	jmp_buf end;
} run;

struct model_run model_run;
static uint8_t stacks[MODEL_AGENTS][STACK_BYTES] __attribute__((aligned(64)));

/* ---- decisions ---- */

static uint64_t
random_next(void)
{
	uint64_t x = explore.random;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	explore.random = x;
	return x * 0x2545f4914f6cdd1dULL >> 16;
}

static uint32_t
decide(uint32_t count)
{
	struct decision *decision;

	if (count < 2)
		return 0;
	if (explore.limits.seed != 0)
		return (uint32_t)(random_next() % count);
	if (run.decisions == DECISIONS_MAX)
		model_fail("too many decisions in one run");
	decision = &explore.decision[run.decisions++];
	if (run.decisions > explore.fixed)
		decision->chosen = 0;
	decision->count = (uint8_t)count;
	return decision->chosen;
}

uint32_t
model_choose(uint32_t count)
{
	return decide(count);
}

/* Drawn runs deviate seldom, so that most of a run is the plain order. */
static bool
seldom(uint32_t one_in)
{
	return explore.limits.seed == 0 || random_next() % one_in == 0;
}

uint32_t
model_deviate(uint32_t count)
{
	uint32_t chosen;

	if (count < 2 || run.deviations == explore.limits.deviations || !seldom(4))
		return 0;
	chosen = decide(count);
	if (chosen != 0)
		run.deviations++;
	return chosen;
}

/* ---- agents ---- */

static void
agent_entry(void)
{
	explore.scenario->agent[model_run.self]();
	model_settle();
	run.agent[model_run.self].state = AGENT_DONE;
	model_memory_catch_up(model_run.self);
	_longjmp(run.end, 1);
}

static bool
agent_runnable(unsigned int index)
{
	const struct agent *agent = &run.agent[index];

	switch (agent->state) {
	case AGENT_READY:
		return true;
	case AGENT_IDLE:
		return model_memory_version(index) != agent->looked;
	case AGENT_ASLEEP:
		return agent->event || model_memory_now(agent->word) != 0;
	default:
		return false;
	}
}

/* Who polled sees sooner or later what the others did; who was woken sees only
 * what the signal brought along. */
static void
agent_wake(struct agent *agent, unsigned int index)
{
	if (agent->state == AGENT_IDLE) {
		agent->looked = model_memory_version(index);
		model_memory_catch_up(index);
	}
	agent->state = AGENT_READY;
}

static void __attribute__((noreturn))
agent_enter(unsigned int index)
{
	struct agent *agent = &run.agent[index];

	model_run.self = index;
	agent_wake(agent, index);
	if (agent->started)
		_longjmp(agent->where, 1);
	agent->started = true;
	getcontext(&agent->context);
	agent->context.uc_stack.ss_sp = stacks[index];
	agent->context.uc_stack.ss_size = STACK_BYTES;
	agent->context.uc_link = NULL;
	makecontext(&agent->context, agent_entry, 0);
	setcontext(&agent->context);
	__builtin_trap();
}

static void
agent_switch(unsigned int index)
{
	if (index == model_run.self)
		return;
	if (_setjmp(run.agent[model_run.self].where) == 0)
		agent_enter(index);
}

static uint32_t
others_runnable(unsigned int *list)
{
	uint32_t count = 0;

	for (unsigned int i = 0; i < MODEL_AGENTS; i++)
		if (i != model_run.self && agent_runnable(i))
			list[count++] = i;
	return count;
}

/* What may happen between two accesses: nothing, another agent goes on, or a
 * store buffer lets something out. */
void
model_point(void)
{
	unsigned int list[MODEL_AGENTS];
	uint32_t others, chosen;

	if (model_run.self == MODEL_AGENTS)
		return;
	if (++run.points > POINTS_MAX)
		model_fail("no end: the agents chase each other");
	for (unsigned int i = 0; i < MODEL_AGENTS; i++)
		if (model_memory_buffered(i) != 0 && model_deviate(2) != 0)
			model_memory_drain_one(i);
	if (run.preemptions == explore.limits.preemptions || !seldom(4))
		return;
	others = others_runnable(list);
	chosen = decide(others + 1);
	if (chosen == 0)
		return;
	run.preemptions++;
	agent_switch(list[chosen - 1]);
}

void
model_pause(void)
{
	model_point();
}

/* Goes on if it can, else gives way; the run ends if nobody can go on. */
static void
agent_wait(void)
{
	unsigned int list[MODEL_AGENTS];
	uint32_t others;

	if (agent_runnable(model_run.self)) {
		agent_wake(&run.agent[model_run.self], model_run.self);
		return;
	}
	others = others_runnable(list);
	if (others == 0)
		_longjmp(run.end, 1);
	agent_switch(list[decide(others)]);
}

void
model_idle(void)
{
	if (++run.points > POINTS_MAX)
		model_fail("no end: the agents chase each other");
	model_memory_catch_up(model_run.self);
	run.agent[model_run.self].state = AGENT_IDLE;
	agent_wait();
}

void
model_sleep(const uint32_t *word)
{
	struct agent *agent = &run.agent[model_run.self];

	model_memory_catch_up(model_run.self);
	agent->word = word;
	agent->state = AGENT_ASLEEP;
	agent_wait();
	agent->event = false;
}

void
model_raise(unsigned int agent)
{
	run.agent[agent].event = true;
}

unsigned int
model_self(void)
{
	return model_run.self;
}

/* ---- one run ---- */

void
model_fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(run.why, sizeof(run.why), format, args);
	va_end(args);
	run.failed = true;
	_longjmp(run.end, 1);
}

/* Nobody can go on: fine if all have returned. */
static void
run_check_end(void)
{
	static const char *const text[] = {
		[AGENT_NONE] = "none", [AGENT_READY] = "ready", [AGENT_IDLE] = "waits",
		[AGENT_ASLEEP] = "sleeps", [AGENT_DONE] = "done",
	};
	bool stuck = false;

	for (unsigned int i = 0; i < MODEL_AGENTS; i++)
		stuck |= run.agent[i].state == AGENT_IDLE || run.agent[i].state == AGENT_ASLEEP;
	if (stuck)
		model_fail("stuck: agent 0 %s, 1 %s, 2 %s", text[run.agent[0].state],
			text[run.agent[1].state], text[run.agent[2].state]);
}

static void
run_setup(void)
{
	const struct model_scenario *scenario = explore.scenario;

	run.decisions = run.preemptions = run.deviations = run.points = 0;
	model_run.self = MODEL_AGENTS;
	model_run.kind = explore.limits.kind;
	model_run.tracked_every = scenario->tracked_every;
	for (unsigned int i = 0; i < MODEL_AGENTS; i++) {
		run.agent[i].state = scenario->agent[i] != NULL ? AGENT_READY : AGENT_NONE;
		run.agent[i].started = run.agent[i].event = false;
		run.agent[i].looked = 0;
	}
	memset(model_memory, 0, sizeof(model_memory));
	model_memory_reset();
	scenario->setup();
}

static void
run_once(void)
{
	volatile bool begun = false, ending = false;
	unsigned int list[MODEL_AGENTS];
	uint32_t count;

	run.failed = false;
	_setjmp(run.end);
	model_run.self = MODEL_AGENTS;
	if (run.failed || ending)
		return;
	if (!begun) {
		begun = true;
		run_setup();
	}
	count = others_runnable(list);
	if (count != 0)
		agent_enter(list[decide(count)]);
	ending = true;
	run_check_end();
	if (explore.scenario->finish != NULL)
		explore.scenario->finish();
}

/* ---- explorations ---- */

/* The next run in depth-first order; false if there is none. */
static bool
next_run(void)
{
	uint32_t depth = run.decisions;

	while (depth > 0 && explore.decision[depth - 1].chosen + 1u >=
	       explore.decision[depth - 1].count)
		depth--;
	if (depth == 0)
		return false;
	explore.decision[depth - 1].chosen++;
	explore.fixed = depth;
	return true;
}

void
model_explore(const struct model_scenario *scenario, const struct model_limits *limits,
	struct model_result *result)
{
	explore.scenario = scenario;
	explore.limits = *limits;
	explore.fixed = 0;
	memset(result, 0, sizeof(*result));
	while (result->runs < limits->runs) {
		/* One seed per run, so that a single run can be repeated. */
		explore.random = (limits->seed + result->runs) * 0x9e3779b97f4a7c15ULL | 1;
		run_once();
		result->runs++;
		if (run.failed) {
			result->failed = true;
			snprintf(result->why, sizeof(result->why), "%s", run.why);
			return;
		}
		if (limits->seed == 0 && !next_run()) {
			result->complete = true;
			return;
		}
	}
}

/* ---- sites ---- */

static struct {
	struct model_site site[MODEL_SITES];
	uint32_t count;
	uint32_t mutant;
	enum model_mutation mutation;
	uint64_t reached;
} sites;

static const char *
base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

static void
site_register(struct model_site *site)
{
	uint32_t i = 0;

	while (i < sites.count && (sites.site[i].line != site->line ||
	       strcmp(sites.site[i].file, base_name(site->file)) != 0))
		i++;
	if (i == sites.count) {
		if (i == MODEL_SITES)
			model_fail("more than %u sites", MODEL_SITES);
		sites.site[i] = *site;
		sites.site[i].file = base_name(site->file);
		sites.count++;
	}
	site->id = (int)i + 1;
}

enum model_mutation
model_mutation_of(struct model_site *site)
{
	if (site->id == 0)
		site_register(site);
	sites.reached |= 1ULL << (site->id - 1);
	return site->id == (int)sites.mutant + 1 ? sites.mutation : MODEL_INTACT;
}

uint32_t
model_site_count(void)
{
	return sites.count;
}

uint64_t
model_sites_reached(void)
{
	uint64_t reached = sites.reached;

	sites.reached = 0;
	return reached;
}

const struct model_site *
model_site(uint32_t index)
{
	return &sites.site[index];
}

void
model_mutate(uint32_t index, enum model_mutation mutation)
{
	sites.mutant = index;
	sites.mutation = mutation;
}

const char *
model_op_name(enum model_op op)
{
	static const char *const name[MODEL_OPS] = {
		"load relaxed", "load acquire", "store relaxed", "store release",
		"store seq_cst", "update seq_cst", "full fence", "compiler fence", "membarrier",
	};

	return name[op];
}

const char *
model_kind_name(enum model_kind kind)
{
	static const char *const name[MODEL_KINDS] = { "tso", "weak", "c11" };

	return name[kind];
}
