/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NETVSC_ARGS_H
#define NETVSC_ARGS_H

/* Devargs: "key=value,...", as in -a vmbus:UUID,latency=100. */

#include "netvsc.h"

/* struct netvsc_args: confidential as the guest is. */
#define NETVSC_CONFIDENTIAL_AUTO 2u

#define NETVSC_RX_COPYBREAK 256u       /* preset of rx_copybreak */

/* Sets the defaults, then what the text (NULL: nothing) says. Returns 0, or
 * -EINVAL after one line that names the wrong key or value and the valid ones. */
int netvsc_args_parse(const char *device, const char *text, struct netvsc_args *args);

#endif /* NETVSC_ARGS_H */
