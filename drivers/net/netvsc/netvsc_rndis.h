/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NETVSC_RNDIS_H
#define NETVSC_RNDIS_H

/*
 * RNDIS requests. All under the control lock; all bounded; all return 0 or
 * -errno and log what failed: -ETIMEDOUT, -ENODEV, -EIO as netvsc_nvsp.h;
 * -EPROTO an answer that makes no sense; -ENOTSUP, -EINVAL, ... the host's
 * status, see netvsc_rndis_errno().
 */

#include "netvsc.h"

/* Fills host.packets_per_message, .alignment and .max_transfer_bytes. */
int netvsc_rndis_init(struct netvsc_device *dev);
/* Hosts do not answer it; waits until the host has read it. */
int netvsc_rndis_halt(struct netvsc_device *dev);

struct netvsc_rndis_query {
	uint32_t oid;
	bool optional;              /* a refusal is no error */
	const void *input;          /* may be NULL */
	uint32_t input_bytes;
	void *output;
	uint32_t output_min;        /* less from the host is -ENODATA */
	uint32_t output_bytes;      /* more from the host is cut off */
};

/* Returns how many bytes the host gave; the rest of the output is zero, also
 * where it fails. */
int netvsc_rndis_query(struct netvsc_device *dev, const struct netvsc_rndis_query *query);
int netvsc_rndis_set(struct netvsc_device *dev, uint32_t oid, const void *data, uint32_t bytes);

/* The -errno for an NDIS status, 0 for success. */
int netvsc_rndis_errno(uint32_t ndis_status);
/* Did the host understand and say no, in one way or another? Where it offers
 * less than others, one can go on without. */
bool netvsc_rndis_refused(int ret);

#endif /* NETVSC_RNDIS_H */
