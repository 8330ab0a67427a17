/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HVSIM_REPORT_H
#define HVSIM_REPORT_H

/* The state of everything as JSON: for the control socket and for the
 * statistics at the end of a run. Each returns a new reference. */

#include <jansson.h>

json_t *report_list(void);
json_t *report_counters(void);
json_t *report_profiles(void);
/* The faults there are, which of them are armed, and what they can be about. */
json_t *report_faults(void);

#endif /* HVSIM_REPORT_H */
