/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef MODEL_INTERNAL_H
#define MODEL_INTERNAL_H

/* Between the memory (model_memory.c) and the scheduler (model.c). */

#include "model.h"

/* ---- the scheduler's, for the memory ---- */

struct model_run {
	enum model_kind kind;
	unsigned int self;              /* the agent that runs; MODEL_AGENTS: none */
	uint32_t tracked_every;
};
extern struct model_run model_run;

/* A point at which another agent may go on. */
void model_point(void);
/* As model_choose(), at the price of one deviation. */
uint32_t model_deviate(uint32_t count);
/* The mutation of this site; registers it when reached for the first time. */
enum model_mutation model_mutation_of(struct model_site *site);

/* ---- the memory's, for the scheduler ---- */

void model_memory_reset(void);
/* Everything that this agent has stored becomes visible, what it loads late is
 * loaded now, and it sees all that the others have stored. */
void model_memory_catch_up(unsigned int agent);
/* Stores that an agent has not made itself and that are visible. */
uint64_t model_memory_version(unsigned int agent);
/* Entries of an agent's store buffer; lets the oldest out. */
uint32_t model_memory_buffered(unsigned int agent);
void model_memory_drain_one(unsigned int agent);
/* The newest value of a word. */
uint32_t model_memory_now(const uint32_t *word);

#endif /* MODEL_INTERNAL_H */
