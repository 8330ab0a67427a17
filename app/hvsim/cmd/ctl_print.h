/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HVSIM_CTL_PRINT_H
#define HVSIM_CTL_PRINT_H

/* Answers of the control socket for people. */

#include <jansson.h>

void ctl_print(const char *request, json_t *result);

#endif /* HVSIM_CTL_PRINT_H */
