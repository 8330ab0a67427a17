/* SPDX-License-Identifier: BSD-3-Clause */

/* Facts, see ../README.md: makes packaged public headers pass for another
 * version, -DPRETEND_YEAR=26 -DPRETEND_MONTH=7. */

#include <rte_build_config.h>

#ifdef PRETEND_YEAR
#undef RTE_VER_YEAR
#undef RTE_VER_MONTH
#undef RTE_VER_MINOR
#define RTE_VER_YEAR PRETEND_YEAR
#define RTE_VER_MONTH PRETEND_MONTH
#define RTE_VER_MINOR 0
#endif
