/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HVSIM_SWITCH_H
#define HVSIM_SWITCH_H

/*
 * Segments that frames cross. A learning switch has any number of ports, MAC
 * learning with ageing, and VLANs (access and trunk ports). A wire has two
 * ports and passes everything from one to the other unseen: that is what
 * `--nic port=echo` gets, and the fast path.
 *
 * Frames move synchronously: sw_input() returns when every receiving port has
 * taken, copied or dropped each frame. A port that cannot take a frame counts
 * a drop with its reason; nothing waits for it.
 */

#include <stdbool.h>
#include <stdint.h>

#include "../core/stats.h"
#include "frame.h"

struct sw;
struct sw_port;

/* What a kind of port does. All calls happen on the engine's thread. */
struct sw_port_ops {
	const char *kind;       /* "nic", "tap", ... */
	/* Deliver n frames out of the switch (n <= FRAME_BATCH_MAX). */
	void (*output)(struct sw_port *port, const struct frame *frames, unsigned int n);
	/* How many frames output() could take now; NULL: any number. A source on
	 * the other end of a wire may ask before it reads its own input. */
	unsigned int (*room)(struct sw_port *port);
	/* True once somebody is there who receives what output() is given (a guest
	 * that has set its NIC up); NULL: always. What begins only once - a replay,
	 * a generator's count - waits for it at the other end of a wire. */
	bool (*ready)(struct sw_port *port);
	/* Stops and frees everything of the port, which is detached already. */
	void (*destroy)(struct sw_port *port);
	void (*stats)(struct sw_port *port, struct stat_sink *sink);    /* may be NULL */
};

/* rx and tx are seen from the switch: rx = came in at this port. tx_frames
 * counts what was handed to the port; those of them that it could not take are
 * in tx_drops too (the port counts them). */
struct sw_port_counters {
	uint64_t rx_frames, rx_bytes;
	uint64_t tx_frames, tx_bytes;
	uint64_t rx_drops;      /* refused by the switch: malformed, VLAN, link down */
	uint64_t tx_drops;      /* the port could not take it */
};

/* How a port treats VLANs on a learning switch. */
struct sw_vlan {
	bool trunk;             /* carries tags; else an access port */
	uint16_t access;        /* access: the VLAN of untagged frames; 0 = no VLANs */
	uint64_t allowed[64];   /* trunk: bit per VLAN id; bit 0: untagged frames */
};

/* "" (no VLANs), "100" (access), "trunk:1-10,20". Returns 0, or -EINVAL with
 * *vlan untouched. */
int sw_vlan_parse(const char *text, struct sw_vlan *vlan);

/* Embedded in the port of each kind. */
struct sw_port {
	const struct sw_port_ops *ops;
	struct sw *sw;          /* NULL while detached */
	char name[32];
	unsigned int id;        /* within its switch */
	bool link_up;
	bool accepts_partial;   /* output() takes FRAME_CSUM_PARTIAL frames */
	bool accepts_vlan_flag; /* output() takes FRAME_VLAN frames; else tagged in-band */
	struct sw_vlan vlan;
	struct sw_port_counters counters;
	struct sw_capture *capture;     /* pcapng being written, or NULL */
	struct sw_port *next;
};

/* Creates a segment; a name is unique among switches. NULL and errno on error. */
struct sw *sw_create(const char *name);
struct sw *sw_create_wire(const char *name);
struct sw *sw_find(const char *name);
/* Detaches and destroys all ports, then the segment. */
void sw_destroy(struct sw *sw);
void sw_destroy_all(void);
/* Walks all switches (NULL starts) and the ports of one (NULL starts). */
struct sw *sw_next(struct sw *sw);
struct sw_port *sw_port_next(struct sw *sw, struct sw_port *port);
const char *sw_name(const struct sw *sw);
struct sw_port *sw_port_find(const char *name);         /* among all switches */

/* Attaches an initialised port (ops, name set). Returns 0, -EEXIST if the name
 * is taken, -ENOSPC on a wire with two ports. */
int sw_attach(struct sw *sw, struct sw_port *port);
void sw_detach(struct sw_port *port);
/* Detaches and destroys. */
void sw_port_remove(struct sw_port *port);

/* Sends frames into the switch at this port (n <= FRAME_BATCH_MAX). A port
 * may call it from its output(), which is what an echo does. */
void sw_input(struct sw_port *from, const struct frame *frames, unsigned int n);
/* How many frames the other end of a wire could take, 0 if there is none or a
 * link is down; UINT_MAX on a learning switch. */
unsigned int sw_room(struct sw_port *from);
/* True if the other end of a wire is ready, or on a learning switch. */
bool sw_ready(struct sw_port *from);

/* Fills in a partial checksum; the frame must be FRAME_WRITABLE. */
void frame_complete(struct frame *frame);

/* ---- captures: any port to a pcapng file with nanoseconds ---- */

/* Records what enters and leaves the port. Returns 0 or -errno; -EBUSY if a
 * capture runs already. The file is complete after sw_capture_stop(). */
int sw_capture_start(struct sw_port *port, const char *path, uint32_t snap_bytes);
void sw_capture_stop(struct sw_port *port);

/* ---- making ports from text ---- */

/* Makes a port from a specification such as "tap:name=tap0" or
 * "gen:size=64,rate=1Mpps" (see `hvsim run --help`), and attaches it. On
 * error returns NULL and writes one clear sentence to error. */
struct sw_port *sw_port_create(struct sw *sw, const char *spec, uint64_t seed,
	char *error, unsigned int error_bytes);
/* The help text of all kinds: name, options with units and defaults, example. */
const char *sw_port_help(void);

/* The port's counters, then those of its kind. */
void sw_port_stats(struct sw_port *port, struct stat_sink *sink);

#endif /* HVSIM_SWITCH_H */
