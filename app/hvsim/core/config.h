/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HVSIM_CONFIG_H
#define HVSIM_CONFIG_H

/*
 * What the command line and the topology file describe: guests with their
 * NICs, switches with their ports, and how the engine runs. Parsed completely
 * and checked before anything is created.
 */

#include <stdbool.h>
#include <stdint.h>

#include "engine.h"

enum config_check {
	CHECK_FULL,     /* verify everything that a real host verifies, and more */
	CHECK_FAST,     /* memory safety only: for benchmarks */
};

enum config_iova {
	IOVA_AUTO,      /* ask the guest's EAL, else VA */
	IOVA_VA,
	IOVA_PA,
};

struct config_nic {
	struct config_nic *next;
	char name[32];                  /* default nic0, nic1, ... */
	char guest[32];                 /* default "guest0" */
	uint8_t mac[6];                 /* default 00:15:5d:... from seed and number */
	uint8_t guid[16];               /* likewise */
	bool has_mac, has_guid;
	unsigned int queues;            /* most the host grants, 1..64; default 8 */
	char host_profile[16];          /* "" = the global one */
	char monitor;                   /* -1 as the profile, 0 none, 1 allocate */
	uint64_t link_bps;              /* default 40 Gbit/s */
	char port[4096];                /* private port spec; "" = on the switch */
	char sw[32];                    /* switch name, default "sw0" */
	char vlan[256];                 /* "", "100", "trunk:1-10,20" */
	uint32_t mtu_max;               /* largest frame the host allows, default 9216 + 14 */
	uint32_t frames_per_transfer;   /* most frames in one transfer, default 375 */
	uint32_t recv_sections;         /* sections in the receive buffer; 0 = what fits */
	bool partial_csum;              /* frames from other NICs may be partial */
	bool rsc;                       /* coalesce received TCP, if the profile can */
	bool mac_filter;                /* honour unicast MACs; default: on switches only */
	bool has_mac_filter;
	bool mac_spoofing;              /* MAC change allowed; default true */
	bool vf;                        /* a VF is present at start */
	bool two_sections;              /* ws2008: a large and a small receive section */
};

struct config_port {
	struct config_port *next;
	char spec[4096];                /* "tap:name=tap0" */
	char sw[32];
	char vlan[256];
};

struct config_guest {
	struct config_guest *next;
	char name[32];
	char kernel_profile[16];        /* "" = the global one */
	enum config_iova iova;
	bool isolated;
};

struct config {
	enum engine_poll_mode poll;
	char cpus[64];
	enum config_check check;
	bool strict;
	uint64_t seed;
	char host_profile[16];          /* default "ws2022" */
	char kernel_profile[16];        /* default the newest */
	enum config_iova iova;
	bool isolated;                  /* all guests are confidential ones */
	int numa_node;                  /* -1 = any */
	char control_path[4096];        /* "" = chosen */
	char folder_path[4096];         /* "" = a new one */
	char trace_path[4096];          /* "" = no trace file */
	struct config_guest *guests;
	struct config_nic *nics;
	struct config_port *ports;
	/* What a topology's faults are armed by, which core/ does not know; NULL: they are
	 * refused. */
	int (*fault_arm)(const char *fault, char *error, unsigned int bytes);
};

void config_init(struct config *config);
void config_fini(struct config *config);
/* Each returns 0, or -EINVAL with one clear sentence in error. */
/* A setting of the whole host by its option name: "host", "kernel", "iova",
 * "isolated", "seed", "check", "strict", "poll", "cpus", "numa", "control", "folder",
 * "trace". */
int config_set(struct config *config, const char *name, const char *value, char *error,
	unsigned int bytes);
int config_add_nic(struct config *config, const char *spec, char *error, unsigned int bytes);
int config_add_port(struct config *config, const char *spec, char *error, unsigned int bytes);
/* A JSON topology; see doc/guides/hvsim. */
int config_load_file(struct config *config, const char *path, char *error, unsigned int bytes);
/* Fills in defaults and checks names, profiles and references. May be called
 * again after something was added. */
int config_finish(struct config *config, char *error, unsigned int bytes);
/* The profiles there are, which core/ does not know: until told, any will do. */
struct config_profiles {
	const char *(*host)(unsigned int i);    /* the i-th name, NULL after the last */
	const char *(*kernel)(unsigned int i);
	const char *kernel_default;
};
void config_set_profiles(const struct config_profiles *known);
void config_remove_nic(struct config *config, const char *name);

/* What a VLAN text says: "" none, "100" access, "trunk:1-10,20" or "trunk" (all). */
struct config_vlan {
	bool trunk;
	uint16_t access;                /* 0 = no VLANs */
	uint64_t allowed[64];           /* trunk: bit per VLAN id */
};
int config_parse_vlan(const char *text, struct config_vlan *vlan);

#endif /* HVSIM_CONFIG_H */
