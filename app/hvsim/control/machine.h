/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HVSIM_MACHINE_H
#define HVSIM_MACHINE_H

/*
 * The machine as configured: switches, ports, guests and NICs, made in this
 * order and taken down in reverse; and the NICs that come and go while it
 * runs. Errors are one sentence.
 */

#include <stdbool.h>

#include "../core/config.h"

struct hv_guest;
struct hv_transport;
struct vsp_nic;
struct stat_sink;

/* What plays the guests' kernels. */
struct machine_backend {
	const struct hv_transport *transport;
	/* Creates a guest; NULL and a sentence on error. */
	struct hv_guest *(*create)(const struct config_guest *config, const char *folder,
		char *error, unsigned int bytes);
	struct hv_guest *(*find)(const char *name);
	void (*destroy_all)(void);
};

struct machine_nic {
	struct machine_nic *next;
	struct config_nic *config;      /* in the machine's configuration */
	struct vsp_nic *nic;
	struct hv_guest *guest;
	struct sw *wire;                /* of a private port, else NULL */
	bool offered;
};

/* Before machine_start(); without it guests are preloaded processes. */
void machine_set_backend(const struct machine_backend *backend);

/* Tells config_finish() which profiles there are. */
void machine_know_profiles(void);

/* Takes a finished configuration, which must outlive the machine. Guests get
 * their folders below `folder`. On error nothing is left. */
int machine_start(struct config *config, const char *folder, char *error, unsigned int bytes);
void machine_stop(void);

struct machine_nic *machine_nic_next(struct machine_nic *nic);  /* NULL starts */
struct machine_nic *machine_nic_find(const char *name);

/* Adds and offers a NIC. */
int machine_nic_add(const char *spec, struct machine_nic **nic, char *error, unsigned int bytes);
/* The host takes the NIC away, or offers it again. */
int machine_nic_rescind(struct machine_nic *nic);
int machine_nic_offer(struct machine_nic *nic);
/* Rescinds and forgets it. */
void machine_nic_delete(struct machine_nic *nic);

struct sw_port *machine_port_add(const char *spec, char *error, unsigned int bytes);

#endif /* HVSIM_MACHINE_H */
