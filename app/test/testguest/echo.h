/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef ECHO_H
#define ECHO_H

/*
 * Sends frames to a port that sends them back, and compares. One frame at a
 * time: what comes next must be that frame, byte for byte.
 */

#include "tg.h"
#include "tg_case.h"
#include "tg_frame.h"

struct echo {
	struct tg_device dev;
	const uint8_t *expect;
	uint32_t expect_bytes;
	uint64_t got;                   /* frames that were as expected */
	uint64_t wrong;
	struct tg_rx_frame last;        /* its data is gone by then */
	uint16_t last_channel;
	/* a copy of what came last */
	uint8_t copy[TG_FRAME_MAX];
};

/* Brings NIC `index` up and listens. TG_SKIP where this host is too old for
 * what the options ask; a test that runs the newest hosts allows no skip. */
int echo_start(struct echo *e, unsigned int index, const struct tg_options *options);
void echo_end(struct echo *e);
struct tg_flow echo_flow(const struct echo *e, bool ipv6, bool udp, uint32_t number);
/* The way itself, or page lists where this host's send buffer cannot take it. */
enum tg_tx_way echo_way(const struct echo *e, enum tg_tx_way way, uint32_t bytes);
/* What the host offers to do; zeros if it does not say. */
struct ndis_offload echo_offloads(struct echo *e);
/* Sends the frame on ch and waits for `back`, which is what must come. */
int echo_frame(struct echo *e, struct tg_channel *ch, enum tg_tx_way way,
	const struct tg_tx_frame *frame, const uint8_t *back, uint32_t back_bytes);
/* A plain UDP frame of that many bytes there and back. */
int echo_bytes(struct echo *e, struct tg_channel *ch, enum tg_tx_way way, uint32_t bytes);

#endif /* ECHO_H */
