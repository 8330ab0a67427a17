/* SPDX-License-Identifier: BSD-3-Clause */

/* Copies of a frame's length: all bytes of it, and no others. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "netvsc_copy.h"

#define LONGEST 300u
#define AROUND 64u

static void
each_length_is_copied_whole_and_nothing_around_it_is_touched(void **state)
{
	uint8_t from[AROUND + LONGEST + AROUND], to[sizeof(from)];

	(void)state;
	for (uint32_t i = 0; i < sizeof(from); i++)
		from[i] = (uint8_t)(i % 127);
	for (uint32_t bytes = 8; bytes <= LONGEST; bytes++) {
		memset(to, 0xff, sizeof(to));
		netvsc_copy(to + AROUND, from + AROUND, bytes);
		for (uint32_t i = 0; i < sizeof(to); i++)
			if (to[i] != (i - AROUND < bytes ? from[i] : 0xff))
				fail_msg("%u bytes: byte %d", bytes, (int)(i - AROUND));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_length_is_copied_whole_and_nothing_around_it_is_touched),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
