/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A NIC's life: made from its configuration and put on a switch, offered to a
 * guest, taken away, offered again, destroyed. What happens to it in between is
 * in nic_events.c, what it tells of itself in nic_stats.c.
 */

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../control/trace.h"
#include "../core/log.h"
#include "nic.h"

static struct vsp_nic *nics;

/* ---- small facts ---- */

unsigned int
nic_queues_granted(const struct vsp_nic *nic)
{
	unsigned int most = HV_MIN((unsigned int)nic->profile->queues_max, HV_CHANNELS_MAX);

	if (nic->nvsp < NVSP_VERSION_5)
		return 1;
	return HV_MAX(1u, HV_MIN(nic->config.queues, most));
}

uint32_t
nic_relid(const struct vsp_nic *nic)
{
	const struct hv_channel *handle = nic->channel[0].handle;

	return handle != NULL ? nic->transport->relid(handle) : 0;
}

const char *
vsp_nic_name(const struct vsp_nic *nic)
{
	return nic->config.name;
}

struct sw_port *
vsp_nic_port(struct vsp_nic *nic)
{
	return &nic->port;
}

struct vsp_nic *
vsp_nic_next(struct vsp_nic *nic)
{
	return nic == NULL ? nics : nic->next;
}

struct vsp_nic *
vsp_nic_find(const char *name)
{
	struct vsp_nic *nic;

	for (nic = nics; nic != NULL; nic = nic->next)
		if (strcmp(nic->config.name, name) == 0)
			return nic;
	return NULL;
}

/* ---- on the switch ---- */

/* While the data path is the VF's, the VF takes what is for the guest. */
static void
port_output(struct sw_port *port, const struct frame *frames, unsigned int n)
{
	struct vsp_nic *nic = container_of(port, struct vsp_nic, port);

	if (nic->data_path == NVSP_DATA_PATH_VF)
		nic->vf_rx_frames += n;
	else
		rx_output(port, frames, n);
}

static unsigned int
port_room(struct sw_port *port)
{
	struct vsp_nic *nic = container_of(port, struct vsp_nic, port);

	return nic->data_path == NVSP_DATA_PATH_VF ? UINT_MAX : rx_room(port);
}

/* Sources wait for this: before it, frames would be lost on the way. */
static bool
port_ready(struct sw_port *port)
{
	const struct vsp_nic *nic = container_of(port, struct vsp_nic, port);

	return nic->state == NIC_OPERATIONAL && nic->filter != 0 && nic->link_up;
}

static void
port_stats(struct sw_port *port, struct stat_sink *sink)
{
	vsp_nic_stats(container_of(port, struct vsp_nic, port), sink);
}

/* Takes half-made ones. */
static void
nic_free(struct vsp_nic *nic)
{
	struct vsp_nic **link = &nics;

	while (*link != NULL && *link != nic)
		link = &(*link)->next;
	if (*link == nic)
		*link = nic->next;
	rndis_reset(nic);
	rx_sections_destroy(nic);
	rss_free(&nic->rss);
	free(nic);
}

/* The switch goes and takes its ports along. */
static void
port_destroy(struct sw_port *port)
{
	struct vsp_nic *nic = container_of(port, struct vsp_nic, port);

	vsp_nic_rescind(nic);
	nic_free(nic);
}

static const struct sw_port_ops nic_port_ops = {
	.kind = "nic",
	.output = port_output,
	.room = port_room,
	.ready = port_ready,
	.destroy = port_destroy,
	.stats = port_stats,
};

static void
port_init(struct vsp_nic *nic, const struct config_vlan *vlan)
{
	struct sw_port *port = &nic->port;

	port->ops = &nic_port_ops;
	snprintf(port->name, sizeof(port->name), "%s", nic->config.name);
	port->link_up = true;
	port->accepts_partial = nic->config.partial_csum;
	port->accepts_vlan_flag = (nic->profile->ppi & VSP_PPI_VLAN) != 0;
	port->vlan.trunk = vlan->trunk;
	port->vlan.access = vlan->access;
	memcpy(port->vlan.allowed, vlan->allowed, sizeof(port->vlan.allowed));
}

/* ---- creating ---- */

/* Every NIC has a stream of its own: adding one does not change the others. */
static void
rng_init(struct vsp_nic *nic)
{
	uint64_t hash = 0xcbf29ce484222325ull;

	for (const char *c = nic->config.name; *c != '\0'; c++)
		hash = (hash ^ (uint8_t)*c) * 0x100000001b3ull;
	nic->rng.state = vsp_settings.seed ^ hash;
}

/* For whoever did not finish the configuration: an address of Hyper-V's. */
static void
identity_init(struct vsp_nic *nic)
{
	struct config_nic *config = &nic->config;
	uint64_t random = rng_next(&nic->rng);

	if (!config->has_mac) {
		const uint8_t mac[6] = { 0x00, 0x15, 0x5d, (uint8_t)random,
			(uint8_t)(random >> 8), (uint8_t)(random >> 16) };

		memcpy(config->mac, mac, sizeof(mac));
	}
	if (!config->has_guid) {
		for (unsigned int i = 0; i < sizeof(config->guid); i++)
			config->guid[i] = (uint8_t)rng_next(&nic->rng);
		config->guid[6] = (uint8_t)(0x40 | (config->guid[6] & 0x0f));
		config->guid[8] = (uint8_t)(0x80 | (config->guid[8] & 0x3f));
	}
	memcpy(nic->permanent_mac, config->mac, sizeof(nic->permanent_mac));
	/* Never 0: guests match it with a PCI slot. */
	nic->vf_serial = 1 + rng_below(&nic->rng, 0xffff);
}

static void
channels_init(struct vsp_nic *nic)
{
	for (unsigned int i = 0; i < HV_CHANNELS_MAX; i++) {
		nic->channel[i].nic = nic;
		nic->channel[i].index = (uint16_t)i;
		nic->channel[i].pending_tail = &nic->channel[i].pending_head;
	}
}

static struct vsp_nic *
nic_make(const struct config_nic *config, const struct vsp_profile *profile)
{
	struct vsp_nic *nic = calloc(1, sizeof(*nic));

	if (nic == NULL)
		return NULL;
	nic->config = *config;
	nic->config.next = NULL;
	nic->profile = profile;
	nic->control_tail = &nic->control_head;
	nic->outgoing_tail = &nic->outgoing_head;
	if (!config->has_mac_filter)
		nic->config.mac_filter = config->port[0] == '\0' && profile->mac_filter;
	nic->link_up = true;
	nic->link_bps = config->link_bps;
	nic->vf_present = config->vf && profile->vf;
	rng_init(nic);
	identity_init(nic);
	channels_init(nic);
	nvsp_reset(nic);
	nic->poller = (struct engine_poller){
		.poll = channel_poll_nic,
		.prepare_sleep = channel_prepare_sleep,
		.wake = channel_wake,
		.next_ns = channel_next_ns,
		.arg = nic,
	};
	return nic;
}

/* What the configuration names must exist, and the name be free. */
static const struct vsp_profile *
config_check(const struct config_nic *config, const char *host_profile,
	struct config_vlan *vlan, char *error, unsigned int error_bytes)
{
	const char *name = config->host_profile[0] != '\0' ? config->host_profile : host_profile;
	const struct vsp_profile *profile = vsp_profile_find(name);

	if (profile == NULL)
		snprintf(error, error_bytes, "there is no host profile '%s'", name);
	else if (config_parse_vlan(config->vlan, vlan) < 0)
		snprintf(error, error_bytes, "%s: '%s' is no VLAN", config->name, config->vlan);
	else if (vsp_nic_find(config->name) != NULL)
		snprintf(error, error_bytes, "there is a NIC '%s' already", config->name);
	else
		return profile;
	return NULL;
}

struct vsp_nic *
vsp_nic_create(const struct config_nic *config, const char *host_profile, struct sw *sw,
	char *error, unsigned int error_bytes)
{
	const struct vsp_profile *profile;
	struct config_vlan vlan;
	struct vsp_nic *nic;
	int ret;

	profile = config_check(config, host_profile, &vlan, error, error_bytes);
	if (profile == NULL)
		return NULL;
	nic = nic_make(config, profile);
	if (nic == NULL) {
		snprintf(error, error_bytes, "no memory for NIC '%s'", config->name);
		return NULL;
	}
	port_init(nic, &vlan);
	ret = sw_attach(sw, &nic->port);
	if (ret < 0) {
		snprintf(error, error_bytes, "NIC '%s' cannot be attached to '%s': %s",
			config->name, sw_name(sw), strerror(-ret));
		nic_free(nic);
		return NULL;
	}
	nic->next = nics;
	nics = nic;
	return nic;
}

void
vsp_nic_destroy(struct vsp_nic *nic)
{
	vsp_nic_rescind(nic);
	if (nic->port.sw != NULL)
		sw_detach(&nic->port);
	nic_free(nic);
}

/* ---- offering ---- */

int
vsp_nic_offer(struct vsp_nic *nic, const struct hv_transport *transport, struct hv_guest *guest,
	bool isolated)
{
	struct hv_offer offer = {
		.monitor = nic->config.monitor < 0 ? nic->profile->monitor :
			nic->config.monitor != 0,
		.latency_100ns = nic->profile->latency_100ns,
		.isolated = isolated,
	};

	if (nic->device != NULL)
		return -EBUSY;
	memcpy(offer.instance, nic->config.guid, sizeof(offer.instance));
	nic->transport = transport;
	nic->guest = guest;
	nic->isolated = isolated;
	nvsp_reset(nic);
	errno = 0;
	nic->device = transport->offer(guest, &offer, nic, &nic->channel[0]);
	if (nic->device == NULL) {
		nic->guest = NULL;
		return errno != 0 ? -errno : -EIO;
	}
	engine_poller_add(&nic->poller);
	trace_event(nic->config.name, 0, "offered to %s", transport->guest_name(guest));
	return 0;
}

/* First nothing of the guest's is used any more, then it is told. The guest
 * still has its subchannels' names, which go with the device. */
static void
channels_close(struct vsp_nic *nic)
{
	for (unsigned int i = HV_CHANNELS_MAX; i-- > 0; ) {
		if (nic->channel[i].state != CHANNEL_CLOSED)
			vsp_channel_closed(&nic->channel[i]);
		nic->channel[i].handle = NULL;
		nic->channel[i].offered = false;
	}
}

void
vsp_nic_rescind(struct vsp_nic *nic)
{
	struct hv_device *device = nic->device;

	engine_timer_cancel(&nic->link_timer);
	engine_timer_cancel(&nic->vf_timer);
	if (device == NULL)
		return;
	engine_poller_remove(&nic->poller);
	channels_close(nic);
	nvsp_reset(nic);
	nic->device = NULL;
	nic->transport->rescind(device);
	trace_event(nic->config.name, 0, "rescinded");
	nic->guest = NULL;
}
