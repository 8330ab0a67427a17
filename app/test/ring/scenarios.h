/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SCENARIOS_H
#define SCENARIOS_H

#include "model.h"

/* How many packets a ring scenario moves: `scale` times its smallest number. */
void scenarios_set_scale(uint32_t scale);

extern const struct model_scenario *const ring_scenarios[];     /* ends with NULL */
extern const struct model_scenario gate_scenario;

#endif /* SCENARIOS_H */
