/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What an administrator or a live host does to a NIC: link, speed, network
 * change, VF, offload indication, and the restart of its backend. The state is
 * kept whatever the guest is doing, and told when it can be.
 */

#include <errno.h>

#include "nic.h"

/* How long a host waits before it tells the real state after a toggle, or
 * tries again when the guest holds all control sections. */
#define LINK_DELAY_NS 5000000000ull

static bool
guest_listens(const struct vsp_nic *nic)
{
	return nic->state == NIC_OPERATIONAL && channel_is_open(&nic->channel[0]);
}

/* ---- link ---- */

static void on_link_timer(void *arg);

static void
link_later(struct vsp_nic *nic)
{
	engine_timer_arm(&nic->link_timer, engine_now_ns() + LINK_DELAY_NS, on_link_timer, nic);
}

/* False if the indication has to wait; then it is tried again. */
static bool
link_tell(struct vsp_nic *nic, bool up)
{
	if (nic->control_free_count == 0) {
		link_later(nic);
		return false;
	}
	rndis_indicate(nic, up ? NDIS_STATUS_MEDIA_CONNECT : NDIS_STATUS_MEDIA_DISCONNECT, NULL, 0);
	nic->link_told = up;
	return true;
}

/* The first half of a toggle: the opposite of what is. */
static void
link_toggle(struct vsp_nic *nic)
{
	nic->link_toggle = true;
	if (!link_tell(nic, !nic->link_up))
		return;
	nic->link_toggle = false;
	link_later(nic);
}

static void
on_link_timer(void *arg)
{
	struct vsp_nic *nic = arg;

	if (!guest_listens(nic))
		return;
	if (nic->link_toggle)
		link_toggle(nic);
	else if (nic->link_told != nic->link_up)
		link_tell(nic, nic->link_up);
}

void
nic_link_initialised(struct vsp_nic *nic)
{
	engine_timer_cancel(&nic->link_timer);
	nic->link_told = true;
	nic->link_toggle = false;
	if (!nic->link_up)
		link_tell(nic, false);
}

/* A state that is repeated is told as a change and back again. */
int
vsp_nic_set_link(struct vsp_nic *nic, bool up)
{
	bool repeated = nic->link_up == up;

	nic->link_up = up;
	nic->port.link_up = up;
	if (!guest_listens(nic))
		return -ENOTCONN;
	engine_timer_cancel(&nic->link_timer);
	nic->link_toggle = false;
	if (repeated)
		link_toggle(nic);
	else if (nic->link_told != up)
		link_tell(nic, up);
	return 0;
}

int
vsp_nic_set_speed(struct vsp_nic *nic, uint64_t bps)
{
	uint32_t in_100bps = (uint32_t)HV_MIN(bps / 100, (uint64_t)UINT32_MAX);

	if (bps == 0)
		return -EINVAL;
	nic->link_bps = bps;
	if (nic->profile->quirks & VSP_QUIRK_FEW_INDICATIONS)
		return -ENOTSUP;
	if (!guest_listens(nic))
		return -ENOTCONN;
	rndis_indicate(nic, NDIS_STATUS_LINK_SPEED_CHANGE, &in_100bps, sizeof(in_100bps));
	return 0;
}

/* ---- the others ---- */

int
vsp_nic_network_change(struct vsp_nic *nic)
{
	if (nic->profile->quirks & VSP_QUIRK_FEW_INDICATIONS)
		return -ENOTSUP;
	if (!guest_listens(nic))
		return -ENOTCONN;
	rndis_indicate(nic, NDIS_STATUS_NETWORK_CHANGE, NULL, 0);
	return 0;
}

int
vsp_nic_offload_indication(struct vsp_nic *nic)
{
	if (!guest_listens(nic))
		return -ENOTCONN;
	rndis_indicate_offload(nic);
	return 0;
}

int
vsp_nic_vf_offer(struct vsp_nic *nic)
{
	return vf_offer(nic);
}

int
vsp_nic_vf_revoke(struct vsp_nic *nic)
{
	return vf_revoke(nic);
}

/* ---- restart ---- */

/* What is in the ring when the backend restarts was in flight: on a real host
 * it would have been read already. Control messages are never lost. */
static void
mark_in_flight(struct vsp_channel *channel)
{
	const struct host_rx_ring *ring = &channel->from_guest;
	uint32_t write = __atomic_load_n(&ring->page->write_index, __ATOMIC_ACQUIRE);

	if (write >= ring->data_bytes || write % 8 != 0)
		return;         /* the ring's reader will say so */
	channel->lose_until = write;
	channel->losing = write != ring->read;
}

void
nic_restart_backend(struct vsp_nic *nic)
{
	for (unsigned int i = 0; i < HV_CHANNELS_MAX; i++)
		if (channel_is_open(&nic->channel[i]))
			mark_in_flight(&nic->channel[i]);
	rx_sections_divide(nic);
}
