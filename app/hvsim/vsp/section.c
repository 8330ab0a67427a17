/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The sections of the receive buffer: the first sixteen carry control
 * messages, the others are divided over the queues that receive. A section is
 * in one free list, in the transfer being built, or lent to the guest; a
 * transfer's sections are chained from the one that gave it its transaction
 * id, and come back together, once, on the channel they left on.
 */

#include <errno.h>
#include <stdlib.h>

#include "data.h"
#include "late.h"

static void
built_reset(struct vsp_channel *channel)
{
	channel->range_count = 0;
	channel->built_frames = 0;
	channel->built_multicast = 0;
	channel->built_broadcast = 0;
	channel->built_bytes = 0;
}

/* A transfer that was begun is not sent any more. */
static void
built_drop(struct vsp_channel *channel)
{
	if (channel->built_frames != 0)
		rx_dropped(channel, &channel->counters.rx_drop_not_open, channel->built_frames);
	built_reset(channel);
}

void
rx_sections_destroy(struct vsp_nic *nic)
{
	for (unsigned int i = 0; i < HV_CHANNELS_MAX; i++) {
		struct vsp_channel *channel = &nic->channel[i];

		free(channel->free_sections);
		channel->free_sections = NULL;
		channel->free_head = 0;
		channel->free_count = 0;
		channel->free_size = 0;
		built_drop(channel);
	}
	free(nic->sections);
	nic->sections = NULL;
	nic->control_free_count = 0;
}

void
rx_reset(struct vsp_nic *nic)
{
	rx_sections_destroy(nic);
}

int
rx_sections_create(struct vsp_nic *nic)
{
	unsigned int control = HV_MIN(nic->section_count, VSP_CONTROL_SECTIONS);

	rx_sections_destroy(nic);
	if (nic->section_count > VSP_RECV_SECTIONS_MAX)
		return -EINVAL;
	nic->sections = calloc(HV_MAX(nic->section_count, 1u), sizeof(*nic->sections));
	if (nic->sections == NULL)
		return -ENOMEM;
	for (unsigned int i = 0; i < nic->section_count; i++)
		nic->sections[i].next = RECV_NONE;
	/* A stack: the guest sees 15 first. */
	for (unsigned int i = 0; i < control; i++)
		nic->control_free[i] = (uint16_t)i;
	nic->control_free_count = control;
	rx_sections_divide(nic);
	return 0;
}

/* ---- who owns what ---- */

/* The queues that receive: those of the guest's table. */
static unsigned int
active_queues(const struct vsp_nic *nic, uint8_t *queues)
{
	unsigned int last = HV_MIN(nic->subchannels_requested, HV_CHANNELS_MAX - 1);
	bool seen[HV_CHANNELS_MAX] = { false };
	unsigned int n = 0;

	if (!nic->rss.enabled) {
		queues[0] = 0;
		return 1;
	}
	for (unsigned int i = 0; i < nic->rss.entries && i < sizeof(nic->rss.table); i++) {
		if (nic->rss.table[i] <= last)
			seen[nic->rss.table[i]] = true;
	}
	for (unsigned int i = 0; i <= last; i++) {
		if (seen[i])
			queues[n++] = (uint8_t)i;
	}
	if (n != 0)
		return n;
	for (unsigned int i = 0; i <= last; i++)
		queues[n++] = (uint8_t)i;
	return n;
}

/* Free sections, in ascending order or shuffled; the caller frees the array. */
static uint16_t *
collect_free(struct vsp_nic *nic, unsigned int *count)
{
	uint16_t *ids = calloc(HV_MAX(nic->section_count, 1u), sizeof(*ids));
	unsigned int n = 0;

	if (ids == NULL)
		return NULL;
	for (unsigned int i = VSP_CONTROL_SECTIONS; i < nic->section_count; i++) {
		if (nic->sections[i].owner == RECV_FREE && i != RECV_NONE)
			ids[n++] = (uint16_t)i;
	}
	/* A guest must not rely on an order; benchmarks want the cheap one. */
	for (unsigned int i = n; vsp_settings.check == CHECK_FULL && i > 1; i--) {
		unsigned int j = rng_below(&nic->rng, i);
		uint16_t id = ids[j];

		ids[j] = ids[i - 1];
		ids[i - 1] = id;
	}
	*count = n;
	return ids;
}

/* Makes room in the free list for all the sections that may come back to it. */
static int
list_resize(struct vsp_channel *channel, unsigned int most)
{
	uint32_t size = 1;

	while (size < most)
		size *= 2;
	free(channel->free_sections);
	channel->free_sections = calloc(size, sizeof(*channel->free_sections));
	channel->free_head = 0;
	channel->free_count = 0;
	channel->free_size = channel->free_sections != NULL ? size : 0;
	return channel->free_sections != NULL ? 0 : -ENOMEM;
}

void
rx_sections_divide(struct vsp_nic *nic)
{
	uint8_t queues[HV_CHANNELS_MAX];
	unsigned int homed[HV_CHANNELS_MAX] = { 0 };
	unsigned int active, share, data, n = 0;
	uint16_t *ids;

	if (nic->sections == NULL || nic->section_count <= VSP_CONTROL_SECTIONS)
		return;
	rx_flush_all(nic);
	active = active_queues(nic, queues);
	data = nic->section_count - VSP_CONTROL_SECTIONS;
	share = data / active;
	for (unsigned int i = 0; i < data; i++) {
		/* The last one gets the remainder. */
		unsigned int owner = share != 0 ? HV_MIN(i / share, active - 1) : 0;

		nic->sections[VSP_CONTROL_SECTIONS + i].home = queues[owner];
		homed[queues[owner]]++;
	}
	ids = collect_free(nic, &n);
	for (unsigned int i = 0; i < HV_CHANNELS_MAX; i++) {
		if (list_resize(&nic->channel[i], homed[i]) < 0)
			n = 0;          /* no memory: nothing is received */
	}
	for (unsigned int i = 0; ids != NULL && i < n; i++)
		section_push(nic, ids[i]);
	free(ids);
}

/* ---- transfers ---- */

void
section_lend(struct vsp_channel *channel)
{
	struct recv_section *sections = channel->nic->sections;
	const uint16_t *ids = channel->range_sections;
	unsigned int n = channel->range_count;

	for (unsigned int i = 0; i < n; i++) {
		struct recv_section *section = &sections[ids[i]];

		section->next = i + 1 < n ? ids[i + 1] : RECV_NONE;
		section->owner = RECV_GUEST;
		section->queue = (uint8_t)channel->index;
	}
	sections[ids[0]].first = 1;
	built_reset(channel);
}

void
rx_recycle(struct vsp_channel *channel)
{
	for (unsigned int i = 0; i < channel->range_count; i++)
		section_push(channel->nic, channel->range_sections[i]);
	built_reset(channel);
}

void
section_reclaim(struct vsp_channel *channel)
{
	struct vsp_nic *nic = channel->nic;

	for (unsigned int i = 0; nic->sections != NULL && i < channel->range_count; i++)
		section_push(nic, channel->range_sections[i]);
	built_drop(channel);
	for (unsigned int i = VSP_CONTROL_SECTIONS; nic->sections != NULL &&
	     i < nic->section_count; i++) {
		struct recv_section *section = &nic->sections[i];

		if (section->owner == RECV_FREE || section->queue != channel->index)
			continue;
		section->owner = RECV_FREE;
		section->first = 0;
		section_push(nic, (uint16_t)i);
	}
}

static void
control_section_back(struct vsp_nic *nic, uint16_t id)
{
	nic->sections[id].owner = RECV_FREE;
	if (nic->control_free_count < VSP_CONTROL_SECTIONS)
		nic->control_free[nic->control_free_count++] = id;
	rndis_section_freed(nic);
}

/* All sections of a transfer return to their homes' lists. */
static void
transfer_back(struct vsp_nic *nic, uint16_t id)
{
	struct recv_section *sections = nic->sections;
	unsigned int home = sections[id].home;
	struct vsp_channel *channel = &nic->channel[home];

	for (unsigned int n = nic->section_count; id != RECV_NONE && n > 0; n--) {
		struct recv_section *section = &sections[id];

		if (unlikely(section->home != home)) {
			home = section->home;
			channel = &nic->channel[home];
		}
		section->owner = RECV_FREE;
		list_push(channel, id);
		id = section->next;
	}
}

static void
give_back(struct vsp_nic *nic, uint16_t id)
{
	if (id < VSP_CONTROL_SECTIONS)
		control_section_back(nic, id);
	else
		transfer_back(nic, id);
}

/* What was kept, at last. */
static void
given_back(struct vsp_channel *channel, uint64_t id, const void *payload, uint32_t bytes)
{
	struct vsp_nic *nic = channel->nic;

	(void)payload;
	(void)bytes;
	if (nic->sections == NULL || id >= nic->section_count ||
	    nic->sections[id].owner != RECV_KEPT)
		return;         /* the buffer is another one by now */
	give_back(nic, (uint16_t)id);
}

/* Whether a host keeps what is given back: it does so until the channel is closed, or
 * until its time has come. */
static bool
kept_back(struct vsp_channel *channel, enum fault_verdict verdict, uint64_t id)
{
	const struct late late = { .channel = channel, .call = given_back, .transaction_id = id };

	return late_or_never(&late, verdict);
}

void
rx_completed(struct vsp_channel *channel, const struct host_packet *packet)
{
	struct vsp_nic *nic = channel->nic;
	struct nvsp_rndis_complete complete;
	uint64_t id = packet->transaction_id;
	enum fault_verdict verdict = fault_at(FAULT_RETURN, &id, sizeof(id));

	if (nic->sections == NULL || id >= nic->section_count ||
	    nic->sections[id].owner != RECV_GUEST || nic->sections[id].queue != channel->index ||
	    (id >= VSP_CONTROL_SECTIONS && !nic->sections[id].first)) {
		if (!wrong_flood_back(id))
			vsp_violation(channel, VSP_RULE_COMPLETION_ID, "transaction id 0x%llx",
				(unsigned long long)id);
		return;
	}
	memset(&complete, 0, sizeof(complete));
	memcpy(&complete, packet->payload, HV_MIN(packet->payload_bytes, sizeof(complete)));
	if (packet->payload_bytes < sizeof(complete) || complete.type != NVSP_RNDIS_COMPLETE) {
		vsp_violation(channel, VSP_RULE_COMPLETION_TYPE, "type %u, %u bytes",
			complete.type, packet->payload_bytes);
		return;
	}
	channel->counters.rx_completions++;
	nic->sections[id].first = 0;
	if (unlikely(verdict != FAULT_PASS) && kept_back(channel, verdict, id))
		nic->sections[id].owner = RECV_KEPT;
	else
		give_back(nic, (uint16_t)id);
}
