/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef MODEL_H
#define MODEL_H

/*
 * A deterministic scheduler with a memory of its own, for the words that
 * threads of the driver and the host share. Each side of a scenario is an
 * agent, a coroutine; each access to shared memory is a point at which another
 * agent may go on, and at which the memory may do what hardware or the language
 * allows it to do. Every such decision is made by model_choose(): an
 * exploration enumerates the decisions (depth first, the deviations from the
 * plain order bounded) or draws them from a seed, and any run can be repeated.
 *
 * doc/design/memory-order.rst says what each kind of memory may do.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum model_kind {
	MODEL_TSO,      /* store buffers, first in first out: x86 */
	MODEL_WEAK,     /* stale loads, late loads and stores: hardware such as ARM */
	MODEL_C11,      /* the language: as WEAK, and plain data must not race */
	MODEL_KINDS,
};

enum model_op {
	MODEL_LOAD_RELAXED,
	MODEL_LOAD_ACQUIRE,
	MODEL_STORE_RELAXED,
	MODEL_STORE_RELEASE,
	MODEL_STORE_SEQ_CST,
	MODEL_RMW_SEQ_CST,
	MODEL_FENCE,
	MODEL_COMPILER_FENCE,
	MODEL_PROCESS_FENCE,    /* membarrier */
	MODEL_OPS,
};

/* A place in the source that accesses shared memory. Static, one per use; the
 * same line in two objects is the same site. */
struct model_site {
	const char *file;
	int line;
	enum model_op op;
	int id;                 /* 0 until it is reached for the first time */
};

#define MODEL_AGENTS 3u
#define MODEL_SITES 64u

/* Shared memory: what lies in here goes through the model, the rest is plain. */
#define MODEL_MEMORY_BYTES 20480u
extern uint8_t model_memory[MODEL_MEMORY_BYTES];

/* ---- accesses, by the agents ---- */

/* Words of 4 bytes. */
uint32_t model_load(const uint32_t *word, struct model_site *site);
void model_store(uint32_t *word, uint32_t value, struct model_site *site);
/* Sets bits, clears others; returns what was there. */
uint32_t model_update(uint32_t *word, uint32_t set, uint32_t clear, struct model_site *site);
void model_fence(struct model_site *site);

/* Plain copies and fills, where either side may lie in model_memory. */
void *model_copy(void *dst, const void *src, size_t bytes);
void *model_fill(void *dst, int value, size_t bytes);

/* Copies out of model_memory may be done later than the program says, until
 * something orders them: for bytes that the agent does not look at meanwhile.
 * model_settle() completes them: before it looks. */
void model_loads_late(bool late);
void model_settle(void);
/* Time passes: another agent may go on. */
void model_pause(void);

/* ---- waiting ---- */

/* Nothing to do: returns once there is something new in memory. */
void model_idle(void);
/* Sleeps until the word is not 0, or an event was raised for this agent; takes
 * the event away. Whoever sleeps looks at nothing else. */
void model_sleep(const uint32_t *word);
/* A message of the hypervisor to an agent. */
void model_raise(unsigned int agent);
unsigned int model_self(void);

/* ---- exploring ---- */

struct model_scenario {
	const char *name;
	void (*setup)(void);            /* model_memory is zero before */
	void (*agent[MODEL_AGENTS])(void);
	void (*finish)(void);           /* after all agents have returned; may be NULL */
	uint32_t tracked_every;         /* of data: each n-th 8 bytes go through the model */
};

struct model_limits {
	enum model_kind kind;
	uint32_t preemptions;           /* switches that nothing forces, per run */
	uint32_t deviations;            /* stale, early or late accesses, per run */
	uint64_t runs;                  /* at most */
	uint64_t seed;                  /* 0: enumerate; else draw */
};

struct model_result {
	uint64_t runs;
	bool complete;                  /* all runs within the bounds were made */
	bool failed;
	char why[256];                  /* of the first failure */
};

void model_explore(const struct model_scenario *scenario, const struct model_limits *limits,
	struct model_result *result);

/* Ends the run as failed. */
void model_fail(const char *format, ...)
	__attribute__((format(printf, 1, 2), noreturn));
#define MODEL_CHECK(condition, ...) \
	do { \
		if (!(condition)) \
			model_fail(__VA_ARGS__); \
	} while (0)

/* A number below `count`, 0 being the plain order of things; for scenarios. */
uint32_t model_choose(uint32_t count);

/* ---- sites and mutants ---- */

/* How a site can be broken. */
enum model_mutation {
	MODEL_INTACT,
	MODEL_WEAKER,   /* acquire, release and seq_cst become relaxed; a fence nothing */
	MODEL_TORN,     /* a read-modify-write becomes a load and a store */
};

/* The sites reached so far, in the order in which they were reached. */
uint32_t model_site_count(void);
/* Those reached since the last call, as bits. */
uint64_t model_sites_reached(void);
const struct model_site *model_site(uint32_t index);
/* Breaks one site from now on; MODEL_INTACT mends it. */
void model_mutate(uint32_t index, enum model_mutation mutation);
const char *model_op_name(enum model_op op);
const char *model_kind_name(enum model_kind kind);

#define MODEL_SITE(op_) \
	({ static struct model_site site_ = { __FILE__, __LINE__, op_, 0 }; &site_; })

#endif /* MODEL_H */
