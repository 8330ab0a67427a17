/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef RIGHT_H
#define RIGHT_H

/*
 * The case tables of the correct guest. NIC 0 is on an echo port. TG_HOST in
 * the environment names the host profile where a host is known to lie.
 */

#include "echo.h"

bool right_host_is(const char *name);

extern const struct tg_case right_control_cases[], right_data_cases[], right_offload_cases[],
	right_event_cases[];
extern const unsigned int right_control_case_count, right_data_case_count,
	right_offload_case_count, right_event_case_count;

#endif /* RIGHT_H */
