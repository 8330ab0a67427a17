/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A wire: two ports, no addresses, no VLANs. What comes in at one end goes
 * out at the other without being looked at.
 */

#include "segment.h"

void
wire_forward(struct sw_port *from, const struct frame *frames, unsigned int n,
	const struct frame_scan *scan)
{
	struct sw_port *peer = from->sw->end[from->id ^ 1];

	if (peer == NULL)
		from->counters.rx_drops += n;
	else
		sw_deliver(peer, frames, n, scan);
}
