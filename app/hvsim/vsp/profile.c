/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Host profiles: one row says all in which Windows versions differ. NVSP and
 * VMBus versions, NDIS revisions and the presence of features are documented;
 * sub-allocation sizes, the place of the frame in one, and most limits are
 * not. Those values are chosen, marked so, and different in every row, so that
 * no driver can come to depend on one. Only the row openvmm is known exactly.
 */

#include <string.h>

#include "../../../drivers/net/netvsc/ndis_wire.h"
#include "../../../drivers/net/netvsc/nvsp_wire.h"
#include "../core/util.h"
#include "profile.h"
#include "vsp.h"

#define VMBUS_VERSION(major, minor) ((uint32_t)(major) << 16 | (minor))

/* An MTU of 9216 and the Ethernet header. */
#define FRAME_MAX_BYTES 9230u

#define HASH_TCP (NDIS_HASH_IPV4 | NDIS_HASH_TCP_IPV4 | NDIS_HASH_IPV6 | NDIS_HASH_TCP_IPV6)
#define HASH_UDP (NDIS_HASH_UDP_IPV4 | NDIS_HASH_UDP_IPV6)
#define PPI_OLD (VSP_PPI_CSUM | VSP_PPI_VLAN)
#define PPI_HASH (PPI_OLD | VSP_PPI_HASH)
#define PPI_RSC (PPI_HASH | VSP_PPI_PACKET_ID)

const struct vsp_profile vsp_profiles[] = {
	{
		.name = "ws2008",
		.about = "Windows Server 2008: NVSP 1, NDIS 6.0, one queue, refuses the send buffer; "
			"chosen: sub-allocation, frame offset, no receive information",
		.nvsp_max = NVSP_VERSION_1,
		.vmbus_version = VMBUS_VERSION(0, 13),
		.offload_revision = 1,
		.queues_max = 1,
		.monitor = true,
		.two_sections = true,
		.send_section_bytes = 6144,
		.suballoc_extra_bytes = 164,    /* chosen */
		.suballoc_round_bytes = 8,      /* chosen */
		.frame_offset = 128,            /* chosen */
		.packets_per_message = 1,
		.ppi = 0,                       /* chosen: none */
		.csum_offload = true,
		.multicast_list = true,
		.statistics = true,
		.mac_filter = true,
		.filter_readable = true,
		.frame_max_bytes = FRAME_MAX_BYTES,
		.latency_100ns = 1000,          /* chosen */
		.multicast_max = 32,            /* chosen */
	},
	{
		.name = "ws2008r2",
		.about = "Windows Server 2008 R2: NVSP 2, NDIS 6.1, one queue; "
			"chosen: sub-allocation, frame offset, send section",
		.nvsp_max = NVSP_VERSION_2,
		.vmbus_version = VMBUS_VERSION(1, 1),
		.offload_revision = 2,
		.queues_max = 1,
		.monitor = true,
		.send_buffer = true,
		.send_section_bytes = 4096,     /* chosen */
		.suballoc_extra_bytes = 228,    /* chosen */
		.suballoc_round_bytes = 16,     /* chosen */
		.frame_offset = 192,            /* chosen */
		.packets_per_message = 1,
		.ppi = PPI_OLD,
		.csum_offload = true,
		.lso = true,
		.multicast_list = true,
		.statistics = true,
		.mac_filter = true,
		.filter_readable = true,
		.frame_max_bytes = FRAME_MAX_BYTES,
		.latency_100ns = 1000,          /* chosen */
		.multicast_max = 32,            /* chosen */
	},
	{
		.name = "ws2012",
		.about = "Windows Server 2012: NVSP 4, NDIS 6.1, one queue, VF; "
			"chosen: sub-allocation, frame offset, packets per message, alignment",
		.nvsp_max = NVSP_VERSION_4,
		.vmbus_version = VMBUS_VERSION(2, 4),
		.offload_revision = 2,
		.queues_max = 1,
		.vf = true,
		.monitor = true,
		.send_buffer = true,
		.send_section_bytes = 6144,
		.suballoc_extra_bytes = 196,    /* chosen */
		.suballoc_round_bytes = 32,     /* chosen */
		.frame_offset = 160,            /* chosen */
		.packets_per_message = 4,       /* chosen */
		.alignment_shift = 2,           /* chosen */
		.ppi = PPI_OLD,
		.csum_offload = true,
		.lso = true,
		.udp_csum = true,
		.multicast_list = true,
		.statistics = true,
		.mac_filter = true,
		.filter_readable = true,
		.frame_max_bytes = FRAME_MAX_BYTES,
		.latency_100ns = 800,           /* chosen */
		.multicast_max = 48,            /* chosen */
	},
	{
		.name = "ws2012r2",
		.about = "Windows Server 2012 R2: NVSP 5, NDIS 6.30, RSS with up to 16 queues, VF; "
			"chosen: sub-allocation, frame offset, queues, wrong table offset",
		.nvsp_max = NVSP_VERSION_5,
		.vmbus_version = VMBUS_VERSION(3, 0),
		.offload_revision = 3,
		.rss_revision = 2,
		.queues_max = 16,               /* chosen */
		.rss_table_entries = 128,
		.rss_hash_types = HASH_TCP,
		.vf = true,
		.monitor = true,
		.send_buffer = true,
		.send_section_bytes = 6144,
		.suballoc_extra_bytes = 288,    /* chosen */
		.suballoc_round_bytes = 64,     /* chosen */
		.frame_offset = 224,            /* chosen */
		.packets_per_message = 8,
		.alignment_shift = 3,
		.ppi = PPI_HASH,
		.csum_offload = true,
		.lso = true,
		.udp_csum = true,
		.multicast_list = true,
		.statistics = true,
		.mac_filter = true,
		.filter_readable = true,
		.indirection_offset = 12,       /* chosen; wrong, as the table is at 40 */
		.frame_max_bytes = FRAME_MAX_BYTES,
		.latency_100ns = 700,           /* chosen */
		.multicast_max = 48,            /* chosen */
		/* DPDK insists on 40 bytes in the answer to a subchannel request, and ran there. */
		.quirks = VSP_QUIRK_TABLE_AT_40 | VSP_QUIRK_LONG_MESSAGES,
	},
	{
		.name = "ws2016",
		.about = "Windows Server 2016: NVSP 6, NDIS 6.30, RSS, VF; "
			"chosen: sub-allocation, frame offset, wrong table offset",
		.nvsp_max = NVSP_VERSION_6,
		.vmbus_version = VMBUS_VERSION(4, 0),
		.offload_revision = 3,
		.rss_revision = 2,
		.queues_max = 64,
		.rss_table_entries = 128,
		.rss_hash_types = HASH_TCP,
		.vf = true,
		.monitor = true,
		.send_buffer = true,
		.send_section_bytes = 6144,
		.suballoc_extra_bytes = 276,    /* chosen */
		.suballoc_round_bytes = 128,    /* chosen */
		.frame_offset = 240,            /* chosen */
		.packets_per_message = 8,
		.alignment_shift = 3,
		.ppi = PPI_HASH,
		.csum_offload = true,
		.lso = true,
		.udp_csum = true,
		.multicast_list = true,
		.statistics = true,
		.mac_filter = true,
		.filter_readable = true,
		.indirection_offset = 36,       /* chosen; wrong, as the table is at 40 */
		.frame_max_bytes = FRAME_MAX_BYTES,
		.latency_100ns = 600,           /* chosen */
		.multicast_max = 64,            /* chosen */
		.quirks = VSP_QUIRK_TABLE_AT_40 | VSP_QUIRK_LONG_MESSAGES,
	},
	{
		.name = "ws2019",
		.about = "Windows Server 2019: NVSP 6.1, NDIS 6.30, RSS, VF, RSC; "
			"chosen: sub-allocation, frame offset, table offset",
		.nvsp_max = NVSP_VERSION_61,
		.vmbus_version = VMBUS_VERSION(5, 2),
		.offload_revision = 3,
		.rss_revision = 2,
		.queues_max = 64,
		.rss_table_entries = 128,
		.rss_hash_types = HASH_TCP,
		.vf = true,
		.rsc = true,
		.monitor = true,
		.send_buffer = true,
		.send_section_bytes = 6144,
		.suballoc_extra_bytes = 180,    /* chosen */
		.suballoc_round_bytes = 4,      /* chosen */
		.frame_offset = 144,            /* chosen */
		.packets_per_message = 8,
		.alignment_shift = 3,
		.ppi = PPI_RSC,
		.csum_offload = true,
		.lso = true,
		.udp_csum = true,
		.multicast_list = true,
		.statistics = true,
		.mac_filter = true,
		.filter_readable = true,
		.indirection_offset = 40,       /* chosen */
		.frame_max_bytes = FRAME_MAX_BYTES,
		.latency_100ns = 500,           /* chosen */
		.multicast_max = 64,            /* chosen */
	},
	{
		.name = "ws2022",
		.about = "Windows Server 2022: NVSP 6.1, NDIS 6.30, RSS with UDP hashes, VF, RSC; "
			"chosen: sub-allocation, frame offset, table offset",
		.nvsp_max = NVSP_VERSION_61,
		.vmbus_version = VMBUS_VERSION(5, 3),
		.offload_revision = 3,
		.rss_revision = 2,
		.queues_max = 64,
		.rss_table_entries = 128,
		.rss_hash_types = HASH_TCP | HASH_UDP,
		.vf = true,
		.rsc = true,
		.monitor = true,
		.send_buffer = true,
		.send_section_bytes = 6144,
		.suballoc_extra_bytes = 292,    /* chosen */
		.suballoc_round_bytes = 256,    /* chosen */
		.frame_offset = 256,            /* chosen */
		.packets_per_message = 8,
		.alignment_shift = 3,
		.ppi = PPI_RSC,
		.csum_offload = true,
		.lso = true,
		.udp_csum = true,
		.multicast_list = true,
		.statistics = true,
		.mac_filter = true,
		.filter_readable = true,
		.indirection_offset = 44,       /* chosen */
		.frame_max_bytes = FRAME_MAX_BYTES,
		.latency_100ns = 500,           /* chosen */
		.multicast_max = 64,            /* chosen */
	},
	{
		.name = "azure",
		.about = "an Azure host: NVSP 6.1, NDIS 6.30, a VF that comes and goes, RSS capability "
			"above what is granted; chosen: sub-allocation, frame offset, table offset, "
			"no hash on one queue",
		.nvsp_max = NVSP_VERSION_61,
		.vmbus_version = VMBUS_VERSION(5, 3),
		.offload_revision = 3,
		.rss_revision = 2,
		.queues_max = 64,
		.queues_announced = 64,
		.rss_table_entries = 128,
		.rss_hash_types = HASH_TCP | HASH_UDP,
		.vf = true,
		.monitor = true,
		.send_buffer = true,
		.send_section_bytes = 6144,
		.suballoc_extra_bytes = 308,    /* chosen */
		.suballoc_round_bytes = 8,      /* chosen */
		.frame_offset = 272,            /* chosen */
		.packets_per_message = 8,
		.alignment_shift = 3,
		.ppi = PPI_HASH | VSP_PPI_NO_HASH_ON_ONE_QUEUE,
		.csum_offload = true,
		.lso = true,
		.udp_csum = true,
		.multicast_list = true,
		.statistics = true,
		.mac_filter = true,
		.filter_readable = true,
		.indirection_offset = 40,       /* chosen */
		.frame_max_bytes = FRAME_MAX_BYTES,
		.latency_100ns = 400,           /* chosen */
		.multicast_max = 64,            /* chosen */
		.quirks = VSP_QUIRK_GRANTS_FEWER,
	},
	{
		/* Nothing here is chosen: an open implementation, observed. */
		.name = "openvmm",
		.about = "OpenVMM: NVSP 6.1, NDIS 6.30, RSS without a hash in received packets, VF; "
			"link OIDs always say connected",
		.nvsp_max = NVSP_VERSION_61,
		.vmbus_version = VMBUS_VERSION(6, 0),
		.offload_revision = 3,
		.rss_revision = 2,
		.queues_max = 64,
		.rss_table_entries = 128,
		.rss_hash_types = HASH_TCP,
		.vf = true,
		.monitor = true,
		.send_buffer = true,
		.full_ranges = true,
		.send_section_bytes = 6144,
		.suballoc_extra_bytes = 256 + 36,
		.suballoc_round_bytes = 1,
		.frame_offset = 256,
		.packets_per_message = 8,
		.alignment_shift = 3,
		.ppi = PPI_OLD | VSP_PPI_CSUM_ALWAYS,
		.csum_offload = true,
		.lso = true,
		.udp_csum = true,
		.indirection_offset = 12,
		.frame_max_bytes = 9216,
		.latency_100ns = 1000,
		.quirks = VSP_QUIRK_LINK_OIDS_UP | VSP_QUIRK_SET_DATA_AT_20 | VSP_QUIRK_RSS_ALL_ANEW |
			VSP_QUIRK_HALT_IGNORED | VSP_QUIRK_OFFLOAD_REVISION |
			VSP_QUIRK_FEW_INDICATIONS | VSP_QUIRK_DATA_PATH_STAYS |
			VSP_QUIRK_LONG_OID_LIST,
	},
};

const unsigned int vsp_profile_count = ARRAY_SIZE(vsp_profiles);

const struct vsp_profile *
vsp_profile_find(const char *name)
{
	for (unsigned int i = 0; i < vsp_profile_count; i++)
		if (strcmp(vsp_profiles[i].name, name) == 0)
			return &vsp_profiles[i];
	return NULL;
}

const struct vsp_profile *
vsp_profile_next(const struct vsp_profile *profile)
{
	if (profile == NULL)
		return &vsp_profiles[0];
	profile++;
	return profile < vsp_profiles + vsp_profile_count ? profile : NULL;
}

const char *
vsp_profile_name(const struct vsp_profile *profile)
{
	return profile->name;
}

const char *
vsp_profile_about(const struct vsp_profile *profile)
{
	return profile->about;
}
