/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a NIC tells of itself: counters of all queues together and of one, how
 * often each rule was broken ("violation_<RULE>", only those that were), and
 * what was negotiated, as one line.
 */

#include <stdio.h>

#include "nic.h"

/* ---- counters ---- */

static void
queue_emit(const struct queue_counters *counters, struct stat_sink *sink)
{
#define C(name) stat_emit(sink, #name, counters->name);
	QUEUE_COUNTERS(C)
#undef C
}

static void
counters_add(struct queue_counters *sum, const struct queue_counters *counters)
{
	uint64_t most = HV_MAX(sum->tx_packets_max, counters->tx_packets_max);

#define C(name) sum->name += counters->name;
	QUEUE_COUNTERS(C)
#undef C
	sum->tx_packets_max = most;
}

static void
rules_emit(const struct vsp_nic *nic, struct stat_sink *sink)
{
	char name[64];

	for (unsigned int i = 0; i < VSP_RULE_COUNT; i++) {
		if (nic->rule_counts[i] == 0)
			continue;
		snprintf(name, sizeof(name), "violation_%s", vsp_rule_name((enum vsp_rule)i));
		stat_emit(sink, name, nic->rule_counts[i]);
	}
}

/* Sections with frames that the guest has not given back, or a faulty host not taken. */
static unsigned int
sections_out(const struct vsp_nic *nic)
{
	unsigned int n = 0;

	for (unsigned int i = VSP_CONTROL_SECTIONS; nic->sections != NULL && i < nic->section_count; i++)
		n += nic->sections[i].owner != RECV_FREE;
	return n;
}

void
vsp_nic_stats(struct vsp_nic *nic, struct stat_sink *sink)
{
	struct queue_counters sum = { 0 };

	for (unsigned int i = 0; i < HV_CHANNELS_MAX; i++)
		counters_add(&sum, &nic->channel[i].counters);
	/* The NIC's own number also has what no channel broke. */
	sum.violations = nic->violations;
	queue_emit(&sum, sink);
	stat_emit(sink, "queues_open", nic->channels_open);
	stat_emit(sink, "link_up", nic->link_up);
	stat_emit(sink, "link_bps", nic->link_bps);
	stat_emit(sink, "vf_present", nic->vf_present);
	stat_emit(sink, "vf_data_path", nic->data_path == NVSP_DATA_PATH_VF);
	stat_emit(sink, "vf_rx_frames", nic->vf_rx_frames);
	stat_emit(sink, "control_sections_out", nic->sections == NULL ? 0 :
		HV_MIN(nic->section_count, VSP_CONTROL_SECTIONS) - nic->control_free_count);
	stat_emit(sink, "sections_out", sections_out(nic));
	rules_emit(nic, sink);
}

/* How full the rings are at this moment: nothing to reckon with, as the guest
 * may write its index in between. */
static void
rings_emit(const struct vsp_channel *channel, struct stat_sink *sink)
{
	const struct host_rx_ring *in = &channel->from_guest;
	const struct host_tx_ring *out = &channel->to_guest;
	uint32_t write;

	if (!channel_is_open(channel))
		return;
	write = __atomic_load_n(&in->page->write_index, __ATOMIC_RELAXED);
	if (write >= in->data_bytes)
		write = in->read;
	stat_emit(sink, "to_host_ring_bytes", in->data_bytes);
	stat_emit(sink, "to_host_ring_used", write >= in->read ? write - in->read :
		write + in->data_bytes - in->read);
	stat_emit(sink, "to_guest_ring_bytes", out->data_bytes);
	stat_emit(sink, "to_guest_ring_used", out->data_bytes - VMBUS_RING_RESERVED_BYTES -
		HV_MIN(host_tx_ring_free_bytes(out), out->data_bytes - VMBUS_RING_RESERVED_BYTES));
}

unsigned int
vsp_nic_queues(const struct vsp_nic *nic)
{
	return nic->channels_open;
}

void
vsp_nic_queue_stats(struct vsp_nic *nic, unsigned int queue, struct stat_sink *sink)
{
	if (queue >= HV_CHANNELS_MAX)
		return;
	queue_emit(&nic->channel[queue].counters, sink);
	rings_emit(&nic->channel[queue], sink);
}

/* ---- the negotiated row ---- */

static const char *
nvsp_text(uint32_t version)
{
	switch (version) {
	case NVSP_VERSION_1:
		return "1";
	case NVSP_VERSION_2:
		return "2";
	case NVSP_VERSION_4:
		return "4";
	case NVSP_VERSION_5:
		return "5";
	case NVSP_VERSION_6:
		return "6";
	case NVSP_VERSION_61:
		return "6.1";
	default:
		return "-";
	}
}

static const char *
state_text(const struct vsp_nic *nic)
{
	static const char *const names[] = { "offered", "negotiated", "ready", "operational" };

	return nic->device == NULL ? "not offered" : names[nic->state];
}

static const char *
ppi_text(const struct vsp_profile *profile)
{
	if (profile->ppi & VSP_PPI_PACKET_ID)
		return "csum+vlan+hash+id";
	if (profile->ppi & VSP_PPI_HASH)
		return "csum+vlan+hash";
	return profile->ppi & VSP_PPI_CSUM ? "csum+vlan" : "none";
}

void
vsp_nic_describe(const struct vsp_nic *nic, char *text, unsigned int bytes)
{
	const struct vsp_profile *profile = nic->profile;

	snprintf(text, bytes,
		"%s: %s, %s, vmbus %u.%u, nvsp %s (most %s), ndis %u.%u, frames %u, "
		"receive %ux%u, send %ux%u, messages of %u aligned to %u, queues %u of %u, "
		"rss %s, offload rev %u, to guest %s, vf %s, rsc %s",
		nic->config.name, profile->name, state_text(nic), profile->vmbus_version >> 16,
		profile->vmbus_version & 0xffff, nvsp_text(nic->nvsp), nvsp_text(profile->nvsp_max),
		nic->ndis_major, nic->ndis_minor, nic->frame_max, nic->section_count,
		nic->suballoc_bytes, nic->send_sections,
		profile->send_buffer ? profile->send_section_bytes : 0,
		profile->packets_per_message, 1u << profile->alignment_shift, nic->channels_open,
		nic_queues_granted(nic),
		profile->rss_revision == 0 ? "none" : nic->rss.enabled ? "on" : "off",
		profile->offload_revision, ppi_text(profile),
		!profile->vf ? "none" : nic->vf_present ? "present" : "absent",
		oid_offload_rsc(nic) ? "on" : "off");
}
