/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FAKE_PORT_H
#define FAKE_PORT_H

/* The scripted host with a whole port on it: called through its operations. */

#include "fake_data.h"
#include "netvsc_ethdev.h"

/* Started, and the host lets frames through. */
struct fake_data *fake_port_start(const struct fake_setup *setup);

#endif /* FAKE_PORT_H */
