/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The start of the NVSP conversation: version, NDIS version and configuration,
 * receive and send buffer. Each message comes once per open of the primary.
 */

#include <errno.h>
#include <string.h>

#include "../control/trace.h"
#include "../core/log.h"
#include "nic.h"
#include "nvsp.h"

#define NVSP_MAX_MDL_CHAIN 34u
#define NVSP_SMALL_SECTION_BYTES 128u

/* ---- negotiation ---- */

static bool
version_known(const struct vsp_nic *nic, uint32_t version)
{
	static const uint32_t known[] = { NVSP_VERSION_1, NVSP_VERSION_2, NVSP_VERSION_4,
		NVSP_VERSION_5, NVSP_VERSION_6, NVSP_VERSION_61 };

	for (unsigned int i = 0; i < ARRAY_SIZE(known); i++)
		if (known[i] == version)
			return version <= nic->profile->nvsp_max;
	return false;
}

/* The answer has the length of the version that it agrees to. */
void
nvsp_handle_init(struct vsp_channel *channel, const struct host_packet *packet)
{
	struct vsp_nic *nic = channel->nic;
	struct nvsp_init_complete complete = {
		.type = NVSP_INIT_COMPLETE,
		.deprecated_version = UINT32_MAX,
		.max_mdl_chain = NVSP_MAX_MDL_CHAIN,
	};
	struct nvsp_init init;
	bool known;

	memcpy(&init, packet->payload, sizeof(init));
	known = version_known(nic, init.version_min);
	if (known && init.version_min == NVSP_VERSION_1)
		complete.deprecated_version = NVSP_VERSION_1;
	if (known) {
		complete.status = NVSP_STATUS_SUCCESS;
		nic->nvsp = init.version_min;
		nic->state = NIC_NEGOTIATED;
	}
	nvsp_complete(channel, packet, &complete, sizeof(complete));
}

/* Everything is there that the host needs before RNDIS. */
void
nvsp_become_ready(struct vsp_nic *nic)
{
	nic->state = NIC_READY;
	rx_sections_divide(nic);
}

uint32_t
nvsp_seen_needed(const struct vsp_nic *nic)
{
	uint32_t needed = NIC_SEEN_NDIS_VERSION | NIC_SEEN_RECV_BUFFER;

	return nic->nvsp == NVSP_VERSION_1 ? needed : needed | NIC_SEEN_NDIS_CONFIG;
}

/* Each of the init messages comes once; false: it did not. */
static bool
see_once(struct vsp_channel *channel, uint32_t what, const char *name)
{
	if (channel->nic->seen & what) {
		vsp_violation(channel, VSP_RULE_NVSP_ORDER, "second %s", name);
		return false;
	}
	channel->nic->seen |= what;
	return true;
}

static void
ready_if_complete(struct vsp_nic *nic)
{
	uint32_t needed = nvsp_seen_needed(nic) | NIC_SEEN_SEND_BUFFER;

	if ((nic->seen & needed) == needed)
		nvsp_become_ready(nic);
}

void
nvsp_handle_ndis_version(struct vsp_channel *channel, const struct host_packet *packet)
{
	struct nvsp_ndis_version version;

	if (!see_once(channel, NIC_SEEN_NDIS_VERSION, "NDIS_VERSION"))
		return;
	memcpy(&version, packet->payload, sizeof(version));
	channel->nic->ndis_major = version.major;
	channel->nic->ndis_minor = version.minor;
	nvsp_complete(channel, packet, NULL, 0);
	ready_if_complete(channel->nic);
}

void
nvsp_handle_ndis_config(struct vsp_channel *channel, const struct host_packet *packet)
{
	struct vsp_nic *nic = channel->nic;
	struct nvsp_ndis_config config;
	uint32_t most = HV_MIN(nic->config.mtu_max, (uint32_t)nic->profile->frame_max_bytes);

	if (!see_once(channel, NIC_SEEN_NDIS_CONFIG, "NDIS_CONFIG"))
		return;
	memcpy(&config, packet->payload, sizeof(config));
	nic->guest_caps = config.capabilities_low | (uint64_t)config.capabilities_high << 32;
	/* Out of range does not fail: the guest gets the classic frame. */
	if (config.mtu_bytes >= NVSP_FRAME_DEFAULT &&
		config.mtu_bytes <= HV_MIN(most, FRAME_BYTES_MAX))
		nic->frame_max = config.mtu_bytes;
	nvsp_complete(channel, packet, NULL, 0);
	ready_if_complete(nic);
}

/* ---- buffers ---- */

/* True if the GPADL is the guest's and of whole pages. */
static bool
buffer_find(struct vsp_nic *nic, uint32_t gpadl, uint8_t **base, uint64_t *bytes)
{
	if (nic->transport->gpadl(nic->device, gpadl, base, bytes) < 0)
		return false;
	return *base != NULL && *bytes > 0 && *bytes % HV_PAGE_BYTES == 0 && *bytes <= UINT32_MAX;
}

static uint32_t
suballoc_bytes(const struct vsp_nic *nic)
{
	uint32_t round = nic->profile->suballoc_round_bytes;
	uint32_t bytes = nic->profile->suballoc_extra_bytes + nic->frame_max;

	return (bytes + round - 1) / round * round;
}

static bool
two_sections(const struct vsp_nic *nic)
{
	return nic->profile->two_sections && nic->config.two_sections;
}

/* Decides how the receive buffer is cut. Frames use the first section only. */
static void
recv_layout(struct vsp_nic *nic)
{
	uint64_t usable = two_sections(nic) ? nic->recv_bytes / 8 * 7 : nic->recv_bytes;
	uint32_t count;

	nic->suballoc_bytes = suballoc_bytes(nic);
	/* Section ids are 16 bits wide, the last is RECV_NONE. */
	count = (uint32_t)HV_MIN(usable / nic->suballoc_bytes, (uint64_t)RECV_NONE);
	if (nic->config.recv_sections != 0)
		count = HV_MIN(count, nic->config.recv_sections);
	nic->section_count = count;
}

/* Too few sections are accepted, as a real host does it; then nothing works. */
static void
recv_sections_start(struct vsp_nic *nic)
{
	int ret = rx_sections_create(nic);

	if (ret < 0)
		log_warning("%s: %u receive sections of %u bytes cannot be used: %s",
			nic->config.name, nic->section_count, nic->suballoc_bytes, strerror(-ret));
	nic->control_free_count = HV_MIN(nic->section_count, VSP_CONTROL_SECTIONS);
	for (unsigned int i = 0; i < nic->control_free_count; i++)
		nic->control_free[i] = (uint16_t)i;
}

static void
recv_complete(struct vsp_channel *channel, const struct host_packet *packet)
{
	const struct vsp_nic *nic = channel->nic;
	struct {
		struct nvsp_recv_buffer_complete head;
		struct nvsp_recv_section small;
	} complete = { 0 };
	uint32_t large_bytes = nic->section_count * nic->suballoc_bytes;
	uint32_t bytes = sizeof(complete.head);

	complete.head.type = NVSP_RECV_BUFFER_COMPLETE;
	complete.head.status = NVSP_STATUS_SUCCESS;
	complete.head.section_count = 1;
	complete.head.section[0] = (struct nvsp_recv_section){
		.suballoc_bytes = nic->suballoc_bytes,
		.suballoc_count = nic->section_count,
		.end_offset = large_bytes,
	};
	if (two_sections(nic)) {
		uint32_t count = (uint32_t)(nic->recv_bytes - large_bytes) /
			NVSP_SMALL_SECTION_BYTES;

		complete.head.section_count = 2;
		complete.small = (struct nvsp_recv_section){
			.offset = large_bytes,
			.suballoc_bytes = NVSP_SMALL_SECTION_BYTES,
			.suballoc_count = count,
			.end_offset = large_bytes + count * NVSP_SMALL_SECTION_BYTES,
		};
		bytes = sizeof(complete);
	}
	nvsp_complete(channel, packet, &complete, bytes);
}

void
nvsp_handle_recv_buffer(struct vsp_channel *channel, const struct host_packet *packet)
{
	struct vsp_nic *nic = channel->nic;
	struct nvsp_buffer buffer;

	/* The MTU decides the size of a sub-allocation, so it must be known. */
	if (nic->nvsp > NVSP_VERSION_1 && !(nic->seen & NIC_SEEN_NDIS_CONFIG)) {
		vsp_violation(channel, VSP_RULE_NVSP_ORDER, "RECV_BUFFER before NDIS_CONFIG");
		return;
	}
	if (!see_once(channel, NIC_SEEN_RECV_BUFFER, "RECV_BUFFER"))
		return;
	memcpy(&buffer, packet->payload, sizeof(buffer));
	if (!buffer_find(nic, buffer.gpadl, &nic->recv_base, &nic->recv_bytes)) {
		nic->recv_base = NULL;
		nic->recv_bytes = 0;
		vsp_violation(channel, VSP_RULE_RECV_BUFFER, "gpadl %#x", buffer.gpadl);
		return;
	}
	nic->recv_id = buffer.id;
	recv_layout(nic);
	recv_sections_start(nic);
	recv_complete(channel, packet);
	ready_if_complete(nic);
}

void
nvsp_handle_send_buffer(struct vsp_channel *channel, const struct host_packet *packet)
{
	struct vsp_nic *nic = channel->nic;
	struct nvsp_send_buffer_complete complete = {
		.type = NVSP_SEND_BUFFER_COMPLETE,
		.status = NVSP_STATUS_FAILURE,
	};
	struct nvsp_buffer buffer;

	if (!see_once(channel, NIC_SEEN_SEND_BUFFER, "SEND_BUFFER"))
		return;
	memcpy(&buffer, packet->payload, sizeof(buffer));
	if (nic->profile->send_buffer) {
		if (!buffer_find(nic, buffer.gpadl, &nic->send_base, &nic->send_bytes)) {
			nic->send_base = NULL;
			nic->send_bytes = 0;
			vsp_violation(channel, VSP_RULE_SEND_BUFFER, "gpadl %#x", buffer.gpadl);
			return;
		}
		complete.status = NVSP_STATUS_SUCCESS;
		complete.section_bytes = nic->profile->send_section_bytes;
		nic->send_sections = (uint32_t)(nic->send_bytes / complete.section_bytes);
	}
	nvsp_complete(channel, packet, &complete, sizeof(complete));
	ready_if_complete(nic);
}
