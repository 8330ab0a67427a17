/* SPDX-License-Identifier: BSD-3-Clause */

#include "fake_port.h"

#include "netvsc_ndis.h"

struct fake_data *
fake_port_start(const struct fake_setup *setup)
{
	struct fake_data *d = fake_data_start(setup);

	netvsc_ethdev_init(d->eth);
	d->host->vmbus.driver_data = d->eth;    /* as probe does */
	assert_int_equal(netvsc_ndis_set_receiving(&d->host->dev, true), 0);
	return d;
}
