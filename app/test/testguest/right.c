/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The correct guest: every case is one thing that a host owes a guest which
 * keeps to the protocol.
 */

#include <stdlib.h>
#include <string.h>

#include "right.h"

bool
right_host_is(const char *name)
{
	const char *host = getenv("TG_HOST");

	return host != NULL && strcmp(host, name) == 0;
}

static struct tg_case *all;
static unsigned int count;

static void
add(const struct tg_case *cases, unsigned int n)
{
	memcpy(all + count, cases, n * sizeof(*cases));
	count += n;
}

int
main(int argc, char **argv)
{
	int ret;

	all = calloc(right_control_case_count + right_data_case_count +
		right_offload_case_count + right_event_case_count, sizeof(*all));
	if (all == NULL)
		return 1;
	add(right_control_cases, right_control_case_count);
	add(right_data_cases, right_data_case_count);
	add(right_offload_cases, right_offload_case_count);
	add(right_event_cases, right_event_case_count);
	ret = tg_case_main(argc, argv, all, count);
	free(all);
	return ret;
}
