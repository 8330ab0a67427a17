/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HVSIM_VSP_H
#define HVSIM_VSP_H

/*
 * The host side of the synthetic NIC as the rest of hvsim sees it: create and
 * remove NICs, do to them what an administrator or a live host does, read
 * their counters. What a guest's kernel may call is in transport.h.
 */

#include <stdbool.h>
#include <stdint.h>

#include "../core/config.h"
#include "../core/stats.h"
#include "../switch/switch.h"
#include "../transport.h"

/* Settings of the whole host; once, before the first NIC. */
struct vsp_settings {
	enum config_check check;
	bool strict;            /* the first violation is remembered as the exit status */
	uint64_t seed;
};
void vsp_init(const struct vsp_settings *settings);
/* Violations so far, of all NICs that ever lived. */
uint64_t vsp_violations(void);

/* Creates a NIC from its finished configuration and attaches it to the switch
 * as a port; it is not offered yet. NULL and one sentence in error on failure. */
struct vsp_nic *vsp_nic_create(const struct config_nic *config, const char *host_profile,
	struct sw *sw, char *error, unsigned int error_bytes);
/* Offers the NIC to a guest. Returns 0 or -errno. */
int vsp_nic_offer(struct vsp_nic *nic, const struct hv_transport *transport,
	struct hv_guest *guest, bool isolated);
/* The host takes the NIC away; it can be offered again (same GUID). */
void vsp_nic_rescind(struct vsp_nic *nic);
/* Rescinds if needed, detaches from the switch, frees. */
void vsp_nic_destroy(struct vsp_nic *nic);

struct vsp_nic *vsp_nic_find(const char *name);
struct vsp_nic *vsp_nic_next(struct vsp_nic *nic);      /* NULL starts */
const char *vsp_nic_name(const struct vsp_nic *nic);
struct sw_port *vsp_nic_port(struct vsp_nic *nic);

/* What happens to a NIC while it lives. Each returns 0 or -errno: -ENOTCONN
 * where the guest has not got far enough to be told (the state is kept and
 * told when it has), -ENOTSUP where the profile has no such thing. */
int vsp_nic_set_link(struct vsp_nic *nic, bool up);
int vsp_nic_set_speed(struct vsp_nic *nic, uint64_t bps);
int vsp_nic_network_change(struct vsp_nic *nic);
int vsp_nic_vf_offer(struct vsp_nic *nic);
int vsp_nic_vf_revoke(struct vsp_nic *nic);
/* Sends the current offload configuration again, changed or not. */
int vsp_nic_offload_indication(struct vsp_nic *nic);
/* Takes one subchannel away while the NIC stays. -ENOENT: it is not open. */
int vsp_nic_rescind_subchannel(struct vsp_nic *nic, unsigned int index);

/* Counters: of the NIC, and of one queue (channel) of it. */
void vsp_nic_stats(struct vsp_nic *nic, struct stat_sink *sink);
unsigned int vsp_nic_queues(const struct vsp_nic *nic);         /* open channels */
void vsp_nic_queue_stats(struct vsp_nic *nic, unsigned int queue, struct stat_sink *sink);
/* The negotiated row as one line of text: versions, sections, limits ... */
void vsp_nic_describe(const struct vsp_nic *nic, char *text, unsigned int bytes);

/* ---- host profiles (vsp/profile.c) ---- */

struct vsp_profile;
const struct vsp_profile *vsp_profile_find(const char *name);
const struct vsp_profile *vsp_profile_next(const struct vsp_profile *profile);
const char *vsp_profile_name(const struct vsp_profile *profile);
/* One line: what this host is. */
const char *vsp_profile_about(const struct vsp_profile *profile);

#endif /* HVSIM_VSP_H */
