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

/* Where a host does not do what its structures say. */
enum vsp_quirk {
	VSP_QUIRK_LINK_OIDS_UP = 0x1,   /* link OIDs always say connected */
	VSP_QUIRK_SET_DATA_AT_20 = 0x2, /* SET ignores the offset of its data */
	VSP_QUIRK_RSS_ALL_ANEW = 0x4,   /* "unchanged" flags of RSS are ignored */
	VSP_QUIRK_HALT_IGNORED = 0x8,   /* RNDIS HALT has no effect */
	VSP_QUIRK_GRANTS_FEWER = 0x10,  /* fewer subchannels than asked, with success */
	VSP_QUIRK_OFFLOAD_REVISION = 0x20,  /* the same whatever NDIS version the guest said */
	VSP_QUIRK_TABLE_AT_40 = 0x40,   /* the indirection table is not where its offset says */
	VSP_QUIRK_FEW_INDICATIONS = 0x80,   /* only link and offload changes are told */
	VSP_QUIRK_DATA_PATH_STAYS = 0x100,  /* an open does not switch back to synthetic */
	VSP_QUIRK_LONG_OID_LIST = 0x200,    /* lists OIDs that it does not answer */
	VSP_QUIRK_LONG_MESSAGES = 0x400,    /* 40-byte messages before NVSP 6.1 already */
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
	uint16_t frame_max_bytes;       /* longer MTUs are not taken; Ethernet header included */
	uint16_t latency_100ns;         /* of the monitor */
	uint16_t multicast_max;         /* OID_802_3_MAXIMUM_LIST_SIZE */
	uint32_t quirks;                /* enum vsp_quirk */
	bool full_ranges;               /* ranges and messages as long as the sub-allocation */
};

extern const struct vsp_profile vsp_profiles[];
extern const unsigned int vsp_profile_count;

#endif /* HVSIM_VSP_PROFILE_H */
