/* SPDX-License-Identifier: BSD-3-Clause */

/* Devargs that are more than a number. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>

#include <cmocka.h>

#include "../../../drivers/net/netvsc/netvsc_args.h"

int netvsc_logtype_init, netvsc_logtype_control, netvsc_logtype_rx, netvsc_logtype_tx;

static void
confidential_is_automatic_unless_it_is_said(void **state)
{
	static const struct {
		const char *text;
		int ret;
		uint32_t confidential;
	} rows[] = {
		{ NULL, 0, NETVSC_CONFIDENTIAL_AUTO },
		{ "latency=1", 0, NETVSC_CONFIDENTIAL_AUTO },
		{ "confidential=auto", 0, NETVSC_CONFIDENTIAL_AUTO },
		{ "confidential=1", 0, 1 },
		{ "confidential=0", 0, 0 },
		{ "confidential=2", -EINVAL, 0 },
		{ "confidential=on", -EINVAL, 0 },
		{ "confidential=", -EINVAL, 0 },
		{ "tx_page_lists=auto", -EINVAL, 0 },
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct netvsc_args args;

		assert_int_equal(netvsc_args_parse("test", rows[i].text, &args), rows[i].ret);
		if (rows[i].ret == 0)
			assert_int_equal(args.confidential, rows[i].confidential);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(confidential_is_automatic_unless_it_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
