/* SPDX-License-Identifier: BSD-3-Clause */

/* What queries and sets carry: NDIS structures in brief. Nothing here reads
 * past the information, whatever its own lengths and offsets say. */

#include <ctype.h>
#include <stddef.h>
#include <string.h>

#include "../../../drivers/net/netvsc/ndis_wire.h"
#include "../core/util.h"
#include "describe.h"

static const struct describe_flag filter_flags[] = {
	{ NDIS_FILTER_DIRECTED, "directed" }, { NDIS_FILTER_MULTICAST, "multicast" },
	{ NDIS_FILTER_ALL_MULTICAST, "all-multicast" }, { NDIS_FILTER_BROADCAST, "broadcast" },
	{ NDIS_FILTER_SOURCE_ROUTING, "source-routing" },
	{ NDIS_FILTER_PROMISCUOUS, "promiscuous" },
};

static const struct describe_flag hash_flags[] = {
	{ NDIS_HASH_TOEPLITZ, "toeplitz" }, { NDIS_HASH_IPV4, "ipv4" },
	{ NDIS_HASH_TCP_IPV4, "tcp4" }, { NDIS_HASH_IPV6, "ipv6" },
	{ NDIS_HASH_IPV6_EX, "ipv6-ex" }, { NDIS_HASH_TCP_IPV6, "tcp6" },
	{ NDIS_HASH_TCP_IPV6_EX, "tcp6-ex" }, { NDIS_HASH_UDP_IPV4, "udp4" },
	{ NDIS_HASH_UDP_IPV6, "udp6" }, { NDIS_HASH_UDP_IPV6_EX, "udp6-ex" },
};

static void
add_hex(struct describe_text *out, const struct describe_bytes *in, uint32_t most)
{
	for (uint32_t i = 0; i < HV_MIN(in->n, most); i++)
		describe_add(out, "%s%02x", i == 0 ? " " : "", in->bytes[i]);
	if (in->n > most)
		describe_add(out, "...");
}

static bool
print_number(struct describe_text *out, const struct describe_bytes *in)
{
	uint32_t value;

	if (!describe_take(in, 0, &value, sizeof(value)))
		return false;
	describe_add(out, " %u", value);
	return true;
}

static bool
print_filter(struct describe_text *out, const struct describe_bytes *in)
{
	uint32_t value;

	if (!describe_take(in, 0, &value, sizeof(value)))
		return false;
	describe_add(out, " ");
	describe_flags(out, value, filter_flags, ARRAY_SIZE(filter_flags));
	return true;
}

static bool
print_connect_status(struct describe_text *out, const struct describe_bytes *in)
{
	uint32_t value;

	if (!describe_take(in, 0, &value, sizeof(value)))
		return false;
	describe_add(out, " %s", value == 0 ? "connected" : "disconnected");
	return true;
}

static bool
print_speed(struct describe_text *out, const struct describe_bytes *in)
{
	uint32_t value;

	if (!describe_take(in, 0, &value, sizeof(value)))
		return false;
	describe_add(out, " %llu bit/s", (unsigned long long)value * 100);
	return true;
}

static bool
print_mac(struct describe_text *out, const struct describe_bytes *in)
{
	uint8_t mac[6];

	for (uint32_t i = 0; i < 8 && describe_take(in, i * 6, mac, sizeof(mac)); i++)
		describe_add(out, " %02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
			mac[3], mac[4], mac[5]);
	return in->n % 6 == 0;
}

static bool
print_string(struct describe_text *out, const struct describe_bytes *in)
{
	describe_add(out, " \"");
	for (uint32_t i = 0; i < HV_MIN(in->n, 64u) && in->bytes[i] != 0; i++)
		describe_add(out, "%c", isprint(in->bytes[i]) && in->bytes[i] != '"' ?
			in->bytes[i] : '.');
	describe_add(out, "\"");
	return true;
}

static bool
print_oid_list(struct describe_text *out, const struct describe_bytes *in)
{
	describe_add(out, " %u OIDs", in->n / 4);
	return true;
}

static bool
print_max_link_speed(struct describe_text *out, const struct describe_bytes *in)
{
	uint64_t bps[2];

	if (!describe_take(in, 0, bps, sizeof(bps)))
		return false;
	describe_add(out, " tx %llu rx %llu bit/s", (unsigned long long)bps[0],
		(unsigned long long)bps[1]);
	return true;
}

static bool
print_link_state(struct describe_text *out, const struct describe_bytes *in)
{
	struct ndis_link_state state;

	if (!describe_take(in, 0, &state, sizeof(state)))
		return false;
	describe_add(out, " %s tx %llu rx %llu bit/s",
		state.connect_state == 1 ? "up" : state.connect_state == 2 ? "down" : "unknown",
		(unsigned long long)state.tx_bps, (unsigned long long)state.rx_bps);
	return true;
}

static void
add_csum_capability(struct describe_text *out, const char *name,
	const struct ndis_csum_capability *capability, bool ipv4)
{
	static const struct describe_flag flags[] = {
		{ NDIS_CSUM4_TCP, "tcp" }, { NDIS_CSUM4_UDP, "udp" }, { NDIS_CSUM4_IP, "ip" },
		{ NDIS_CSUM4_IP_OPTIONS, "ip-options" }, { NDIS_CSUM4_TCP_OPTIONS, "tcp-options" },
	};
	/* The IPv6 flags are the same but for the header checksum. */
	uint32_t known = ipv4 ? UINT32_MAX : ~(uint32_t)NDIS_CSUM4_IP;

	describe_add(out, " %s ", name);
	describe_flags(out, capability->flags & known, flags, ARRAY_SIZE(flags));
}

static bool
print_offload(struct describe_text *out, const struct describe_bytes *in)
{
	struct ndis_offload offload;
	uint32_t n = HV_MIN(in->n, (uint32_t)sizeof(offload));

	memset(&offload, 0, sizeof(offload));
	if (n < NDIS_OFFLOAD_BYTES_REV1)
		return false;
	memcpy(&offload, in->bytes, n);
	describe_add(out, " revision %u", offload.header.revision);
	add_csum_capability(out, "tx4", &offload.tx_ipv4, true);
	add_csum_capability(out, "rx4", &offload.rx_ipv4, true);
	add_csum_capability(out, "tx6", &offload.tx_ipv6, false);
	add_csum_capability(out, "rx6", &offload.rx_ipv6, false);
	describe_add(out, " lso4 %u lso6 %u", offload.lso_ipv4.max_bytes,
		offload.lso_ipv6.max_bytes);
	if (n >= NDIS_OFFLOAD_BYTES_REV3)
		describe_add(out, " rsc %u/%u", offload.rsc_ipv4, offload.rsc_ipv6);
	return true;
}

static bool
print_offload_parameters(struct describe_text *out, const struct describe_bytes *in)
{
	static const char *const csum[] = { "unchanged", "off", "tx", "rx", "tx+rx" };
	static const char *const onoff[] = { "unchanged", "off", "on" };
	struct ndis_offload_parameters p;
	uint32_t n = HV_MIN(in->n, (uint32_t)sizeof(p));

	memset(&p, 0, sizeof(p));
	if (n < NDIS_OFFLOAD_PARAMETERS_BYTES_REV1)
		return false;
	memcpy(&p, in->bytes, n);
#define CSUM(field) ((field) < ARRAY_SIZE(csum) ? csum[field] : "?")
#define ONOFF(field) ((field) < ARRAY_SIZE(onoff) ? onoff[field] : "?")
	describe_add(out, " revision %u ip4 %s tcp4 %s udp4 %s tcp6 %s udp6 %s",
		p.header.revision, CSUM(p.ipv4_csum), CSUM(p.tcp_ipv4_csum),
		CSUM(p.udp_ipv4_csum), CSUM(p.tcp_ipv6_csum), CSUM(p.udp_ipv6_csum));
	describe_add(out, " lso4 %s lso6 %s", ONOFF(p.lso_v2_ipv4), ONOFF(p.lso_v2_ipv6));
	if (n >= NDIS_OFFLOAD_PARAMETERS_BYTES_REV3)
		describe_add(out, " rsc4 %s rsc6 %s", ONOFF(p.rsc_ipv4), ONOFF(p.rsc_ipv6));
#undef CSUM
#undef ONOFF
	return true;
}

static bool
print_rss_capabilities(struct describe_text *out, const struct describe_bytes *in)
{
	struct ndis_rss_capabilities caps;
	uint32_t n = HV_MIN(in->n, (uint32_t)NDIS_RSS_CAPABILITIES_BYTES_REV2);

	memset(&caps, 0, sizeof(caps));
	if (n < NDIS_RSS_CAPABILITIES_BYTES_REV1)
		return false;
	memcpy(&caps, in->bytes, n);
	describe_add(out, " revision %u flags 0x%x queues %u", caps.header.revision, caps.flags,
		caps.queues);
	if (n >= NDIS_RSS_CAPABILITIES_BYTES_REV2)
		describe_add(out, " table %u", caps.table_entries);
	return true;
}

static void
add_rss_table(struct describe_text *out, const struct describe_bytes *in,
	const struct ndis_rss_parameters *rss)
{
	uint32_t entries = rss->table_bytes / 4u, entry;

	describe_add(out, " table of %u:", entries);
	for (uint32_t i = 0; i < HV_MIN(entries, 16u); i++) {
		if (rss->table_offset > in->n ||
		    !describe_take(in, rss->table_offset + 4 * i, &entry, sizeof(entry))) {
			describe_add(out, " out of bounds");
			return;
		}
		describe_add(out, " %u", entry);
	}
	if (entries > 16)
		describe_add(out, " ...");
}

static bool
print_rss_parameters(struct describe_text *out, const struct describe_bytes *in)
{
	static const struct describe_flag flags[] = {
		{ NDIS_RSS_BASE_CPU_UNCHANGED, "base-cpu-unchanged" },
		{ NDIS_RSS_HASH_UNCHANGED, "hash-unchanged" },
		{ NDIS_RSS_TABLE_UNCHANGED, "table-unchanged" },
		{ NDIS_RSS_KEY_UNCHANGED, "key-unchanged" }, { NDIS_RSS_DISABLE, "disable" },
	};
	struct ndis_rss_parameters rss;

	memset(&rss, 0, sizeof(rss));
	if (in->n < NDIS_RSS_PARAMETERS_BYTES_REV1)
		return false;
	memcpy(&rss, in->bytes, HV_MIN(in->n, (uint32_t)sizeof(rss)));
	describe_add(out, " revision %u flags ", rss.header.revision);
	describe_flags(out, rss.flags, flags, ARRAY_SIZE(flags));
	describe_add(out, " hash ");
	describe_flags(out, rss.hash_info, hash_flags, ARRAY_SIZE(hash_flags));
	add_rss_table(out, in, &rss);
	describe_add(out, " key of %u", rss.key_bytes);
	if (range_ok(rss.key_offset, rss.key_bytes, in->n)) {
		struct describe_bytes key = { in->bytes + rss.key_offset, rss.key_bytes };

		add_hex(out, &key, 8);
	} else {
		describe_add(out, " out of bounds");
	}
	return true;
}

/* UTF-16LE as it is: nearly always ASCII. */
static void
add_utf16(struct describe_text *out, const struct describe_bytes *in, uint32_t offset,
	uint32_t bytes)
{
	uint16_t c;

	describe_add(out, " \"");
	for (uint32_t i = 0; i + 1 < HV_MIN(bytes, 64u); i += 2) {
		if (offset > in->n || !describe_take(in, offset + i, &c, sizeof(c)))
			break;
		describe_add(out, "%c", c >= ' ' && c < 0x7f && c != '"' ? (char)c : '.');
	}
	describe_add(out, "\"");
}

static bool
print_config_parameter(struct describe_text *out, const struct describe_bytes *in)
{
	struct ndis_config_parameter p;

	if (!describe_take(in, 0, &p, sizeof(p)))
		return false;
	add_utf16(out, in, p.name_offset, p.name_bytes);
	describe_add(out, " =");
	if (p.value_type == NDIS_CONFIG_STRING)
		add_utf16(out, in, p.value_offset, p.value_bytes);
	else
		describe_add(out, " %u bytes of type %u", p.value_bytes, p.value_type);
	return true;
}

static const struct {
	uint32_t oid;
	bool (*print)(struct describe_text *out, const struct describe_bytes *in);
} printers[] = {
	{ OID_GEN_SUPPORTED_LIST, print_oid_list },
	{ OID_GEN_HARDWARE_STATUS, print_number },
	{ OID_GEN_MAXIMUM_FRAME_SIZE, print_number },
	{ OID_GEN_MAXIMUM_TOTAL_SIZE, print_number },
	{ OID_GEN_MAXIMUM_LOOKAHEAD, print_number },
	{ OID_GEN_CURRENT_LOOKAHEAD, print_number },
	{ OID_GEN_LINK_SPEED, print_speed },
	{ OID_GEN_VENDOR_DESCRIPTION, print_string },
	{ OID_GEN_CURRENT_PACKET_FILTER, print_filter },
	{ OID_GEN_MEDIA_CONNECT_STATUS, print_connect_status },
	{ OID_GEN_MAXIMUM_SEND_PACKETS, print_number },
	{ OID_GEN_RECEIVE_SCALE_CAPABILITIES, print_rss_capabilities },
	{ OID_GEN_RECEIVE_SCALE_PARAMETERS, print_rss_parameters },
	{ OID_GEN_MAX_LINK_SPEED, print_max_link_speed },
	{ OID_GEN_LINK_STATE, print_link_state },
	{ OID_GEN_RNDIS_CONFIG_PARAMETER, print_config_parameter },
	{ OID_802_3_PERMANENT_ADDRESS, print_mac },
	{ OID_802_3_CURRENT_ADDRESS, print_mac },
	{ OID_802_3_MULTICAST_LIST, print_mac },
	{ OID_802_3_MAXIMUM_LIST_SIZE, print_number },
	{ OID_TCP_OFFLOAD_CURRENT_CONFIG, print_offload },
	{ OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES, print_offload },
	{ OID_TCP_OFFLOAD_PARAMETERS, print_offload_parameters },
	{ NDIS_STATUS_OFFLOAD_CONFIG, print_offload },
};

void
describe_information(struct describe_text *out, uint32_t oid, const struct describe_bytes *info)
{
	if (info->n == 0)
		return;
	for (unsigned int i = 0; i < ARRAY_SIZE(printers); i++) {
		if (printers[i].oid != oid)
			continue;
		if (!printers[i].print(out, info))
			describe_add(out, " (malformed: %u bytes)", info->n);
		return;
	}
	describe_add(out, ", %u bytes:", info->n);
	add_hex(out, info, 16);
}
