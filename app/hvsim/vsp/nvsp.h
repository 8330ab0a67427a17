/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HVSIM_VSP_NVSP_H
#define HVSIM_VSP_NVSP_H

/* What nvsp.c shares with nvsp_setup.c and nvsp_subchannel.c alone. */

#include "nic.h"

/* A guest that says nothing about its MTU gets the classic frame. */
#define NVSP_FRAME_DEFAULT 1514u
#define NVSP_MESSAGE_BYTES_MAX 128u


/* ---- nvsp_setup.c ---- */
/* What must have been seen before RNDIS: enum nic_seen. */
uint32_t nvsp_seen_needed(const struct vsp_nic *nic);
void nvsp_become_ready(struct vsp_nic *nic);
void nvsp_handle_init(struct vsp_channel *channel, const struct host_packet *packet);
void nvsp_handle_ndis_version(struct vsp_channel *channel, const struct host_packet *packet);
void nvsp_handle_ndis_config(struct vsp_channel *channel, const struct host_packet *packet);
void nvsp_handle_recv_buffer(struct vsp_channel *channel, const struct host_packet *packet);
void nvsp_handle_send_buffer(struct vsp_channel *channel, const struct host_packet *packet);

/* ---- nvsp_subchannel.c ---- */
void nvsp_handle_subchannel(struct vsp_channel *channel, const struct host_packet *packet);

#endif /* HVSIM_VSP_NVSP_H */
