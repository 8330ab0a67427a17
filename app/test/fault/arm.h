/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TEST_FAULT_ARM_H
#define TEST_FAULT_ARM_H

/* Behind cmocka.h. */

#include "../../hvsim/fault/fault.h"

/* Arms a fault; the test fails, with what is wrong, if there is none such. */
static inline void
arm(const char *text)
{
	char error[256] = "";

	if (fault_arm(text, error, sizeof(error)) != 0)
		fail_msg("%s: %s", text, error);
}

#endif /* TEST_FAULT_ARM_H */
