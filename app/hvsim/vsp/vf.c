/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The virtual function: its association, and the data path that moves between
 * it and the synthetic NIC. The VF itself is not simulated: while the data
 * path is the VF's, frames to the guest are taken by it, that is, counted
 * (vf_rx_frames) and dropped, though a real host would still deliver a few
 * (broadcast and the like) the synthetic way. Frames that the guest sends the
 * synthetic way are accepted always.
 */

#include <errno.h>

#include "nic.h"

/* True if this guest is told of VFs at all. */
static bool
guest_knows_vf(const struct vsp_nic *nic)
{
	return nic->profile->vf && nic->nvsp >= NVSP_VERSION_4 &&
		nic->guest_caps & NVSP_CONFIG_CAP_SRIOV && nic->state == NIC_OPERATIONAL &&
		channel_is_open(&nic->channel[0]);
}

/* The guest may complete it or not; nobody waits. */
static void
associate(struct vsp_nic *nic, bool present)
{
	struct nvsp_vf_association association = {
		.type = NVSP_VF_ASSOCIATION,
		.allocated = present,
		.serial = nic->vf_serial,
	};

	nvsp_send(nic, NVSP_TID_VF_ASSOCIATION, true, &association, sizeof(association));
	nic->vf_announced = present;
}

/* The VF outlives the channel: guests count on it. */
void
vf_reset(struct vsp_nic *nic)
{
	nic->vf_announced = false;
	if (!nic->vf_present || !(nic->profile->quirks & VSP_QUIRK_DATA_PATH_STAYS))
		nic->data_path = NVSP_DATA_PATH_SYNTHETIC;
}

void
vf_rndis_initialised(struct vsp_nic *nic)
{
	if (nic->vf_present && guest_knows_vf(nic))
		associate(nic, true);
}

/* The completion does not say whether the path was switched: without a VF, or
 * for a path that does not exist, nothing is. */
void
vf_switch_requested(struct vsp_channel *channel, const struct host_packet *packet, uint32_t path)
{
	struct vsp_nic *nic = channel->nic;

	if (nic->vf_announced && path <= NVSP_DATA_PATH_VF)
		nic->data_path = path;
	nvsp_complete(channel, packet, NULL, 0);
}

int
vf_offer(struct vsp_nic *nic)
{
	if (!nic->profile->vf)
		return -ENOTSUP;
	if (nic->vf_present)
		return -EALREADY;
	nic->vf_present = true;
	if (!guest_knows_vf(nic))
		return -ENOTCONN;
	associate(nic, true);
	return 0;
}

/* First the data path comes back, then the VF goes, with the serial it had. */
int
vf_revoke(struct vsp_nic *nic)
{
	struct nvsp_switch_data_path back = {
		.type = NVSP_SWITCH_DATA_PATH,
		.path = NVSP_DATA_PATH_SYNTHETIC,
	};
	bool was_vf = nic->data_path == NVSP_DATA_PATH_VF;

	if (!nic->profile->vf)
		return -ENOTSUP;
	if (!nic->vf_present)
		return -ENOENT;
	nic->vf_present = false;
	nic->data_path = NVSP_DATA_PATH_SYNTHETIC;
	if (!nic->vf_announced || !guest_knows_vf(nic)) {
		nic->vf_announced = false;
		return -ENOTCONN;
	}
	if (was_vf)
		nvsp_send(nic, NVSP_TID_SWITCH_DATA_PATH, true, &back, sizeof(back));
	associate(nic, false);
	return 0;
}
