/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NETVSC_NVSP_H
#define NETVSC_NVSP_H

/*
 * One function per NVSP message. All under the control lock; all bounded; all
 * return 0 (or what is said) or -errno, and log the step and the host's answer
 * where it fails: -ETIMEDOUT no answer, -EPROTO an answer that makes no sense,
 * -EIO refused, -ENODEV the device is gone. What the host answered lies in
 * dev->host.
 */

#include "netvsc.h"

/* Agrees on the highest version that both know: host.nvsp, host.ndis_*. */
int netvsc_nvsp_init(struct netvsc_device *dev);

/* The guest's frame limit, Ethernet header included. Does nothing on version 1,
 * which has no such message. */
int netvsc_nvsp_ndis_config(struct netvsc_device *dev, uint32_t frame_bytes);
int netvsc_nvsp_ndis_version(struct netvsc_device *dev);

int netvsc_nvsp_recv_buffer(struct netvsc_device *dev);
/* A host that refuses it gets none: 0, with host.send_section_bytes 0. */
int netvsc_nvsp_send_buffer(struct netvsc_device *dev);
/* The host sends no answer, and a host may stop listening after the first. */
int netvsc_nvsp_revoke_recv_buffer(struct netvsc_device *dev);
int netvsc_nvsp_revoke_send_buffer(struct netvsc_device *dev);

/* Asks for more channels. Returns how many the host grants, at most `count`. */
int netvsc_nvsp_subchannels(struct netvsc_device *dev, uint32_t count);

/*
 * Sends an RNDIS request: *request_id, a place in the message, is filled with
 * the id to wait for (NULL: the host's completion is all there is to wait for).
 * It travels in a page of memory or, where page lists are not possible, in a
 * section of the send buffer. Waits for the answer: returns its length, the
 * bytes being in dev->xact.reply.
 */
int netvsc_nvsp_rndis(struct netvsc_device *dev, void *message, uint32_t bytes,
	uint32_t *request_id);

#endif /* NETVSC_NVSP_H */
