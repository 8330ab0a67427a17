/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HVSIM_SEGMENT_H
#define HVSIM_SEGMENT_H

/*
 * The inside of the switch: what its own files share. switch.c keeps the
 * segments and their ports and takes frames in; wire.c and bridge.c decide who
 * gets them; deliver.c hands them over in the form the receiver takes.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mac_table.h"
#include "switch.h"

/* Echo ports answer from inside output(); two of them facing each other would
 * answer for ever. */
#define SW_DEPTH_MAX 4u

struct sw {
	char name[32];
	bool wire;
	struct sw_port *ports;          /* by id */
	struct sw_port *end[2];         /* of a wire, by id */
	struct mac_table *table;        /* of a learning switch */
	struct sw *next;
};

/* What one pass over a batch says about it. */
struct frame_scan {
	uint64_t bytes;
	uint16_t any_flags;
	bool lengths_ok;        /* all of them are possible */
};
void frame_scan(const struct frame *frames, unsigned int n, struct frame_scan *scan);

/* Each takes frames that came in at `from`, counted and captured already. */
void wire_forward(struct sw_port *from, const struct frame *frames, unsigned int n,
	const struct frame_scan *scan);
void bridge_forward(struct sw_port *from, const struct frame *frames, unsigned int n,
	uint64_t now_ns);

/* Gives the port n > 0 frames, counts them, and first brings them into a form
 * that it accepts. scan describes the same frames. */
void sw_deliver(struct sw_port *to, const struct frame *frames, unsigned int n,
	const struct frame_scan *scan);
/* Counts frames that a source did not send because the other end of its wire
 * had no room for them. */
void sw_refuse(struct sw_port *from, uint64_t n);

/* Memory for copies of frames, given back in the reverse order. NULL when it
 * is exhausted (which its size excludes) or could not be had. */
size_t arena_mark(void);
uint8_t *arena_get(uint32_t bytes);
void arena_release(size_t mark);

/* Replaces the frame by a copy in the arena that has its tag in-band, or by
 * one (or the writable frame itself) that has its outer in-band tag beside it.
 * False if there is no memory. */
bool frame_tag_push(struct frame *frame);
bool frame_tag_pop(struct frame *frame);
/* True if the frame starts with an in-band 802.1Q tag. */
bool frame_tag_inband(const struct frame *frame);
/* Makes it FRAME_WRITABLE, by a copy in the arena if need be. */
bool frame_own(struct frame *frame);
/* The bytes of a FRAME_WRITABLE frame. */
static inline uint8_t *
frame_bytes(const struct frame *frame)
{
	return (uint8_t *)(uintptr_t)frame->data;
}

/* For a FRAME_CSUM_PARTIAL frame: where in the L4 header the checksum is (16
 * for TCP, 6 for UDP), and where the L4 packet ends; 0 if there is no complete
 * TCP or UDP packet at l4_offset. */
unsigned int frame_csum_offset(const struct frame *frame, uint32_t *end);

/* ---- vlan.c ---- */

/* The VLAN that a frame from this port belongs to, or -1: refused. On a trunk
 * an in-band tag is put beside the frame. */
int vlan_ingress(const struct sw_port *from, struct frame *frame);
/* Gives the frame, which is in this VLAN, the form in which it leaves at this
 * port; false if it may not. */
bool vlan_egress(const struct sw_port *to, struct frame *frame, uint16_t vlan);
static inline bool
vlan_configured(const struct sw_port *port)
{
	return port->vlan.trunk || port->vlan.access != 0;
}

/* ---- capture.c ---- */

/* Writes frames to the port's capture; received = they came in at the port. */
void capture_frames(struct sw_capture *capture, const struct frame *frames, unsigned int n,
	bool received);
void capture_stats(const struct sw_capture *capture, struct stat_sink *sink);

#endif /* HVSIM_SEGMENT_H */
