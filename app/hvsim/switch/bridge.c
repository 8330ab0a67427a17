/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The learning switch: learns source addresses per VLAN, sends to the port
 * where the destination was seen and to all ports where it was not. A batch
 * that goes to one port goes there in one call and uncopied; another is
 * divided among the ports, so that each still gets one call.
 */

#include <string.h>

#include "segment.h"

/* A batch on its way: what vlan.c and the table say about each frame. */
struct bridge_batch {
	struct sw_port *from;
	unsigned int n;
	bool flooding;                          /* a frame goes to all ports */
	struct sw_port *to[FRAME_BATCH_MAX];    /* NULL: to all */
	uint16_t vlan[FRAME_BATCH_MAX];
};

static void
learn_sources(struct mac_table *table, const struct bridge_batch *batch,
	const struct frame *frames, uint64_t now_ns)
{
	uint64_t last = 0;

	for (unsigned int i = 0; i < batch->n; i++) {
		uint64_t key = mac_key(frames[i].data + 6, batch->vlan[i]);

		if (key == last || (frames[i].data[6] & 1) != 0)
			continue;
		last = key;
		mac_table_learn(table, key, batch->from, now_ns);
	}
}

static void
find_receivers(struct mac_table *table, struct bridge_batch *batch,
	const struct frame *frames, uint64_t now_ns)
{
	struct sw_port *to = NULL;
	uint64_t last = 0;

	batch->flooding = false;
	for (unsigned int i = 0; i < batch->n; i++) {
		uint64_t key = mac_key(frames[i].data, batch->vlan[i]);

		if (key != last)
			to = (frames[i].data[0] & 1) != 0 ? NULL :
				mac_table_find(table, key, now_ns);
		last = key;
		batch->to[i] = to;
		batch->flooding |= to == NULL;
	}
}

/* Gives a port its frames of the batch. */
static void
deliver_share(struct sw_port *to, const struct bridge_batch *batch, const struct frame *frames)
{
	struct frame share[FRAME_BATCH_MAX];
	struct frame_scan scan;
	unsigned int count = 0;

	for (unsigned int i = 0; i < batch->n; i++) {
		if (batch->to[i] != NULL && batch->to[i] != to)
			continue;
		share[count] = frames[i];
		if (batch->to[i] == NULL)       /* others read it after this port */
			share[count].flags &= (uint16_t)~FRAME_WRITABLE;
		count += vlan_egress(to, &share[count], batch->vlan[i]) ? 1 : 0;
	}
	if (count == 0)
		return;
	frame_scan(share, count, &scan);
	sw_deliver(to, share, count, &scan);
}

static bool
all_to_one(const struct bridge_batch *batch)
{
	if (batch->flooding)
		return false;
	for (unsigned int i = 1; i < batch->n; i++) {
		if (batch->to[i] != batch->to[0])
			return false;
	}
	return true;
}

static void
bridge_deliver(struct bridge_batch *batch, const struct frame *frames)
{
	struct sw_port *to = batch->to[0], *next;
	struct frame_scan scan;

	if (all_to_one(batch)) {
		if (to == batch->from)
			return;
		if (vlan_configured(to) || vlan_configured(batch->from)) {
			deliver_share(to, batch, frames);
			return;
		}
		frame_scan(frames, batch->n, &scan);
		sw_deliver(to, frames, batch->n, &scan);
		return;
	}
	for (to = batch->from->sw->ports; to != NULL; to = next) {
		next = to->next;
		if (to != batch->from)
			deliver_share(to, batch, frames);
	}
}

/* Takes in frames at a port with VLANs: some are refused, some lose their
 * in-band tag. Returns how many are left. */
static unsigned int
take_in(struct bridge_batch *batch, const struct frame *frames, unsigned int n,
	struct frame *taken)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < n; i++) {
		int vlan;

		taken[count] = frames[i];
		vlan = vlan_ingress(batch->from, &taken[count]);
		if (vlan < 0)
			continue;
		batch->vlan[count++] = (uint16_t)vlan;
	}
	return count;
}

static void
bridge_run(struct bridge_batch *batch, const struct frame *frames, uint64_t now_ns)
{
	struct mac_table *table = batch->from->sw->table;

	learn_sources(table, batch, frames, now_ns);
	find_receivers(table, batch, frames, now_ns);
	bridge_deliver(batch, frames);
}

static void
bridge_run_tagged(struct bridge_batch *batch, const struct frame *frames, uint64_t now_ns)
{
	struct frame taken[FRAME_BATCH_MAX];
	size_t mark = arena_mark();
	unsigned int count = take_in(batch, frames, batch->n, taken);

	batch->from->counters.rx_drops += batch->n - count;
	batch->n = count;
	if (count > 0)
		bridge_run(batch, taken, now_ns);
	arena_release(mark);
}

void
bridge_forward(struct sw_port *from, const struct frame *frames, unsigned int n,
	uint64_t now_ns)
{
	struct bridge_batch batch;

	batch.from = from;
	batch.n = n;
	if (vlan_configured(from)) {
		bridge_run_tagged(&batch, frames, now_ns);
		return;
	}
	memset(batch.vlan, 0, n * sizeof(batch.vlan[0]));
	bridge_run(&batch, frames, now_ns);
}
