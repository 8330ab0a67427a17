/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HVSIM_VSP_PROFILE_H
#define HVSIM_VSP_PROFILE_H

/* Host profiles: one row says all in which Windows versions differ. */

#include <stdbool.h>
#include <stdint.h>

enum vsp_ppi_set {
	VSP_PPI_CSUM = 0x1,
	VSP_PPI_VLAN = 0x2,
	VSP_PPI_HASH = 0x4,             /* value and info */
	VSP_PPI_PACKET_ID = 0x8,        /* RSC */
	VSP_PPI_CSUM_ALWAYS = 0x10,     /* also where it says nothing */
	VSP_PPI_NO_HASH_ON_ONE_QUEUE = 0x20,
};

struct vsp_profile {
	const char *name;
	const char *about;              /* what it stands for, and what is "chosen" */
	uint32_t nvsp_max;              /* enum nvsp_version */
	uint32_t vmbus_version;         /* major << 16 | minor */
	uint8_t offload_revision;       /* of NDIS_OFFLOAD in answers */
	uint8_t rss_revision;           /* of RSS capabilities; 0 = no RSS */
	uint8_t queues_max;             /* what is granted at most */
	uint8_t queues_announced;       /* in the RSS capabilities; 0 = as granted */
	uint16_t rss_table_entries;
	uint32_t rss_hash_types;        /* NDIS_HASH_* the host computes */
	bool vf;
	bool rsc;
	bool monitor;                   /* channels have a monitor id */
	bool send_buffer;               /* false: refuses it */
	bool two_sections;              /* can describe two receive sections (behind a switch) */
	uint32_t send_section_bytes;
	uint32_t suballoc_extra_bytes;  /* sub-allocation = extra + frame limit, rounded to */
	uint32_t suballoc_round_bytes;
	uint32_t frame_offset;          /* of the frame in a sub-allocation */
	uint8_t packets_per_message;
	uint8_t alignment_shift;
	uint32_t ppi;                   /* enum vsp_ppi_set */
	bool csum_offload;              /* transmit checksum offloads offered */
	bool lso;
	bool udp_csum;
	bool multicast_list;            /* OID_802_3_MULTICAST_LIST accepted */
	bool statistics;                /* statistics OIDs answered */
	bool mac_filter;                /* unicast and multicast filtering is done */
	bool filter_readable;           /* packet filter query tells the truth */
	uint16_t indirection_offset;    /* in SEND_INDIRECTION_TABLE */
	uint32_t ring_limit_bytes;      /* host-to-guest ring use is limited; 0 = no */
};

extern const struct vsp_profile vsp_profiles[];
extern const unsigned int vsp_profile_count;

#endif /* HVSIM_VSP_PROFILE_H */
