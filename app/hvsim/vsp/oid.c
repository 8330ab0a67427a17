/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the guest can ask the NIC and tell it: one row per object identifier.
 * Offloads and receive-side scaling have files of their own.
 */

#include <stddef.h>
#include <string.h>

#include "nic.h"

#define VENDOR_ID 0x0000155du
#define VENDOR_TEXT "Microsoft Corporation"
#define DRIVER_VERSION 0x0100u
#define BUFFER_SPACE_BYTES 262144u
/* Copies lookahead data, no pending transfers, no loopback, 802.1p, 802.1Q. */
#define MAC_OPTIONS 0x24Du
#define FRIENDLY_NAME_BYTES 512u
#define MULTICAST_MAX 64u
#define ENCAPSULATION_ON 1u
#define CONFIG_MAC_NAME "NetworkAddress"
#define CONFIG_MAC_CHARS 12u

#define NDIS_LINK_CONNECTED 1u
#define NDIS_LINK_DISCONNECTED 2u
#define NDIS_DUPLEX_FULL 2u

/* NDIS_STATISTICS_INFO: bytes received and sent, discards, errors both ways. */
#define STATISTICS_VALID (0x8u | 0x10u | 0x20u | 0x200u | 0x400u)

enum row_flag {
	LISTED_5 = 0x1,         /* in the list of supported OIDs for NDIS 5 and later */
	LISTED_6 = 0x2,         /* ... for NDIS 6 */
	LISTED_630 = 0x4,       /* ... for NDIS 6.30 */
	STATISTIC = 0x8,        /* where the profile answers statistics */
	MULTICAST = 0x10,       /* where the profile takes a multicast list */
	RSS = 0x20,             /* where the profile has RSS */
	OVERSTATED = 0x40,      /* long lists have it though it is not answered */
};

struct answer {
	uint8_t *data;
	uint32_t size;
	uint32_t bytes;
};

struct oid_row {
	uint32_t oid;
	uint32_t flags;         /* enum row_flag */
	uint32_t (*query)(struct vsp_nic *nic, const struct oid_row *row, struct answer *answer);
	uint32_t value;         /* a constant, or the offset of a counter */
	uint32_t (*set)(struct vsp_nic *nic, const uint8_t *data, uint32_t bytes);
};

static const struct oid_row *row_next(const struct oid_row *row);

/* ---- answers ---- */

static void
put(struct answer *answer, const void *data, uint32_t bytes)
{
	if (bytes > answer->size - answer->bytes)
		return;
	memcpy(answer->data + answer->bytes, data, bytes);
	answer->bytes += bytes;
}

static void
put_u32(struct answer *answer, uint32_t value)
{
	put(answer, &value, sizeof(value));
}

static void
put_u64(struct answer *answer, uint64_t value)
{
	put(answer, &value, sizeof(value));
}

uint32_t
oid_malformed(struct vsp_nic *nic, uint32_t status, const char *what)
{
	vsp_violation(&nic->channel[0], VSP_RULE_OID_DATA, "%s", what);
	return status;
}

static bool
link_said_up(const struct vsp_nic *nic)
{
	return nic->link_up || nic->profile->quirks & VSP_QUIRK_LINK_OIDS_UP;
}

/* ---- general queries ---- */

static uint32_t
query_constant(struct vsp_nic *nic, const struct oid_row *row, struct answer *answer)
{
	(void)nic;
	put_u32(answer, row->value);
	return NDIS_STATUS_SUCCESS;
}

static uint32_t
query_driver_version(struct vsp_nic *nic, const struct oid_row *row, struct answer *answer)
{
	uint16_t version = DRIVER_VERSION;

	(void)nic;
	(void)row;
	put(answer, &version, sizeof(version));
	return NDIS_STATUS_SUCCESS;
}

static uint32_t
query_vendor(struct vsp_nic *nic, const struct oid_row *row, struct answer *answer)
{
	(void)nic;
	(void)row;
	put(answer, VENDOR_TEXT, sizeof(VENDOR_TEXT));
	return NDIS_STATUS_SUCCESS;
}

/* value: what is taken off the frame limit. */
static uint32_t
query_frame_max(struct vsp_nic *nic, const struct oid_row *row, struct answer *answer)
{
	put_u32(answer, nic->frame_max - row->value);
	return NDIS_STATUS_SUCCESS;
}

static uint32_t
query_filter(struct vsp_nic *nic, const struct oid_row *row, struct answer *answer)
{
	(void)row;
	put_u32(answer, nic->profile->filter_readable ? nic->filter : 0);
	return NDIS_STATUS_SUCCESS;
}

static uint32_t
query_friendly_name(struct vsp_nic *nic, const struct oid_row *row, struct answer *answer)
{
	uint8_t name[FRIENDLY_NAME_BYTES] = { 0 };

	(void)row;
	for (unsigned int i = 0; nic->config.name[i] != '\0'; i++)
		name[2 * i] = (uint8_t)nic->config.name[i];
	put(answer, name, sizeof(name));
	return NDIS_STATUS_SUCCESS;
}

static uint32_t
query_permanent_mac(struct vsp_nic *nic, const struct oid_row *row, struct answer *answer)
{
	(void)row;
	put(answer, nic->permanent_mac, sizeof(nic->permanent_mac));
	return NDIS_STATUS_SUCCESS;
}

static uint32_t
query_mac(struct vsp_nic *nic, const struct oid_row *row, struct answer *answer)
{
	(void)row;
	put(answer, nic->mac, sizeof(nic->mac));
	return NDIS_STATUS_SUCCESS;
}

static uint32_t
query_multicast_list(struct vsp_nic *nic, const struct oid_row *row, struct answer *answer)
{
	(void)row;
	for (unsigned int i = 0; i < nic->multicast_count; i++)
		put(answer, nic->multicast[i], sizeof(nic->multicast[i]));
	return NDIS_STATUS_SUCCESS;
}

static uint32_t
query_multicast_max(struct vsp_nic *nic, const struct oid_row *row, struct answer *answer)
{
	(void)row;
	put_u32(answer, nic->profile->multicast_list ? nic->profile->multicast_max : 0);
	return NDIS_STATUS_SUCCESS;
}

/* ---- link ---- */

static uint32_t
query_connect_status(struct vsp_nic *nic, const struct oid_row *row, struct answer *answer)
{
	(void)row;
	put_u32(answer, link_said_up(nic) ? 0 : 1);
	return NDIS_STATUS_SUCCESS;
}

static uint32_t
query_link_speed(struct vsp_nic *nic, const struct oid_row *row, struct answer *answer)
{
	(void)row;
	put_u32(answer, (uint32_t)HV_MIN(nic->link_bps / 100, (uint64_t)UINT32_MAX));
	return NDIS_STATUS_SUCCESS;
}

static uint32_t
query_max_link_speed(struct vsp_nic *nic, const struct oid_row *row, struct answer *answer)
{
	(void)row;
	put_u64(answer, nic->link_bps);
	put_u64(answer, nic->link_bps);
	return NDIS_STATUS_SUCCESS;
}

static uint32_t
query_link_state(struct vsp_nic *nic, const struct oid_row *row, struct answer *answer)
{
	struct ndis_link_state state = {
		.header = { NDIS_OBJECT_DEFAULT, 1, sizeof(state) },
		.connect_state = link_said_up(nic) ? NDIS_LINK_CONNECTED : NDIS_LINK_DISCONNECTED,
		.duplex_state = nic->profile->quirks & VSP_QUIRK_LINK_OIDS_UP ? 0 :
			NDIS_DUPLEX_FULL,
		.tx_bps = nic->link_bps,
		.rx_bps = nic->link_bps,
	};

	(void)row;
	put(answer, &state, sizeof(state));
	return NDIS_STATUS_SUCCESS;
}

/* ---- statistics ---- */

static uint64_t
counter_sum(const struct vsp_nic *nic, uint32_t offset)
{
	uint64_t sum = 0, value;

	for (unsigned int i = 0; i < HV_CHANNELS_MAX; i++) {
		memcpy(&value, (const uint8_t *)&nic->channel[i].counters + offset, sizeof(value));
		sum += value;
	}
	return sum;
}

#define COUNTER(name) ((uint32_t)offsetof(struct queue_counters, name))

static uint32_t
query_counter(struct vsp_nic *nic, const struct oid_row *row, struct answer *answer)
{
	put_u64(answer, counter_sum(nic, row->value));
	return NDIS_STATUS_SUCCESS;
}

static uint32_t
query_no_buffer(struct vsp_nic *nic, const struct oid_row *row, struct answer *answer)
{
	(void)row;
	put_u64(answer, counter_sum(nic, COUNTER(rx_drop_no_section)) +
		counter_sum(nic, COUNTER(rx_drop_ring_full)));
	return NDIS_STATUS_SUCCESS;
}

/* NDIS_STATISTICS_INFO: which of its 18 numbers are meant, then all of them.
 * The host does not tell unicast, multicast and broadcast apart. */
static uint32_t
query_statistics(struct vsp_nic *nic, const struct oid_row *row, struct answer *answer)
{
	struct {
		struct ndis_object_header header;
		uint32_t supported;
		uint64_t in_discards, in_errors, in_bytes, in_frames[3];
		uint64_t out_bytes, out_frames[3], out_errors, out_discards;
		uint64_t rest[6];
	} info = {
		.header = { NDIS_OBJECT_DEFAULT, 1, sizeof(info) },
		.supported = STATISTICS_VALID,
		.in_discards = counter_sum(nic, COUNTER(rx_drop_no_section)) +
			counter_sum(nic, COUNTER(rx_drop_ring_full)),
		.in_errors = counter_sum(nic, COUNTER(rx_drop_length)),
		.in_bytes = counter_sum(nic, COUNTER(rx_bytes)),
		.out_bytes = counter_sum(nic, COUNTER(tx_bytes)),
		.out_errors = counter_sum(nic, COUNTER(tx_failed)),
	};

	(void)row;
	put(answer, &info, sizeof(info));
	return NDIS_STATUS_SUCCESS;
}

/* ---- structures of other files ---- */

static uint32_t
query_offload(struct vsp_nic *nic, const struct oid_row *row, struct answer *answer)
{
	struct ndis_offload offload;
	uint32_t bytes = oid_offload_build(nic, row->value != 0, &offload);

	put(answer, &offload, bytes);
	return NDIS_STATUS_SUCCESS;
}

static uint32_t
query_encapsulation(struct vsp_nic *nic, const struct oid_row *row, struct answer *answer)
{
	struct ndis_object_header header = { NDIS_OBJECT_OFFLOAD_ENCAPSULATION, 1, 28 };

	(void)nic;
	(void)row;
	put(answer, &header, sizeof(header));
	for (unsigned int i = 0; i < 2; i++) {  /* IPv4, IPv6 */
		put_u32(answer, ENCAPSULATION_ON);
		put_u32(answer, NDIS_ENCAPSULATION_8023);
		put_u32(answer, FRAME_HEADER_BYTES);
	}
	return NDIS_STATUS_SUCCESS;
}

static uint32_t
query_rss(struct vsp_nic *nic, const struct oid_row *row, struct answer *answer)
{
	struct ndis_rss_capabilities capabilities;
	uint32_t bytes = oid_rss_capabilities(nic, &capabilities);

	(void)row;
	put(answer, &capabilities, bytes);
	return NDIS_STATUS_SUCCESS;
}

static bool
row_answered(const struct vsp_nic *nic, const struct oid_row *row)
{
	const struct vsp_profile *profile = nic->profile;

	return (row->query != NULL || row->set != NULL) &&
		(!(row->flags & STATISTIC) || profile->statistics) &&
		(!(row->flags & MULTICAST) || profile->multicast_list) &&
		(!(row->flags & RSS) || profile->rss_revision > 0);
}

/* True if the row belongs into the list of supported OIDs. */
static bool
row_listed(const struct vsp_nic *nic, const struct oid_row *row)
{
	uint32_t wanted = LISTED_5;

	if (nic->ndis_major >= 6)
		wanted |= LISTED_6;
	if (nic->ndis_major >= 6 && nic->ndis_minor >= 30)
		wanted |= LISTED_630;
	return row->flags & wanted && (row_answered(nic, row) ||
		(nic->profile->quirks & VSP_QUIRK_LONG_OID_LIST && row->flags & OVERSTATED));
}

static uint32_t
query_list(struct vsp_nic *nic, const struct oid_row *row, struct answer *answer)
{
	if (nic->ndis_major != 5 && nic->ndis_major != 6)
		return NDIS_STATUS_BAD_VERSION;
	for (row = row_next(NULL); row != NULL; row = row_next(row))
		if (row_listed(nic, row))
			put_u32(answer, row->oid);
	return NDIS_STATUS_SUCCESS;
}

/* ---- set ---- */

static uint32_t
set_filter(struct vsp_nic *nic, const uint8_t *data, uint32_t bytes)
{
	if (bytes < sizeof(nic->filter))
		return oid_malformed(nic, NDIS_STATUS_FAILURE, "short packet filter");
	memcpy(&nic->filter, data, sizeof(nic->filter));
	return NDIS_STATUS_SUCCESS;
}

static uint32_t
set_nothing(struct vsp_nic *nic, const uint8_t *data, uint32_t bytes)
{
	(void)nic;
	(void)data;
	(void)bytes;
	return NDIS_STATUS_SUCCESS;
}

static uint32_t
set_multicast_list(struct vsp_nic *nic, const uint8_t *data, uint32_t bytes)
{
	uint32_t count = bytes / 6;

	if (bytes % 6 != 0)
		return oid_malformed(nic, NDIS_STATUS_INVALID_LENGTH, "multicast list of odd length");
	if (count > HV_MIN((uint32_t)nic->profile->multicast_max, MULTICAST_MAX))
		return NDIS_STATUS_RESOURCES;
	memcpy(nic->multicast, data, bytes);
	nic->multicast_count = count;
	return NDIS_STATUS_SUCCESS;
}

static uint32_t
set_encapsulation(struct vsp_nic *nic, const uint8_t *data, uint32_t bytes)
{
	struct ndis_object_header header;

	if (bytes < sizeof(header))
		return oid_malformed(nic, NDIS_STATUS_FAILURE, "short encapsulation");
	memcpy(&header, data, sizeof(header));
	if (header.type != NDIS_OBJECT_OFFLOAD_ENCAPSULATION || header.revision < 1 ||
		header.bytes > bytes)
		return oid_malformed(nic, NDIS_STATUS_INVALID_DATA, "encapsulation header");
	return NDIS_STATUS_SUCCESS;
}

/* True if the UTF-16LE text is this one. */
static bool
utf16_is(const uint8_t *utf16, uint32_t bytes, const char *text)
{
	if (bytes != 2 * strlen(text))
		return false;
	for (uint32_t i = 0; i < bytes / 2; i++)
		if (utf16[2 * i] != (uint8_t)text[i] || utf16[2 * i + 1] != 0)
			return false;
	return true;
}

static int
hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Twelve hex digits in UTF-16LE, of a unicast address. */
static bool
mac_from_utf16(const uint8_t *utf16, uint32_t bytes, uint8_t mac[6])
{
	if (bytes != 2 * CONFIG_MAC_CHARS)
		return false;
	memset(mac, 0, 6);
	for (uint32_t i = 0; i < CONFIG_MAC_CHARS; i++) {
		int digit = hex_digit(utf16[2 * i]);

		if (digit < 0 || utf16[2 * i + 1] != 0)
			return false;
		mac[i / 2] = (uint8_t)(mac[i / 2] << 4 | digit);
	}
	return !(mac[0] & 1) && memcmp(mac, "\0\0\0\0\0\0", 6) != 0;
}

/* The one parameter that means anything is the MAC address. */
static uint32_t
set_config_parameter(struct vsp_nic *nic, const uint8_t *data, uint32_t bytes)
{
	struct ndis_config_parameter parameter;
	uint8_t mac[6];

	if (bytes < sizeof(parameter))
		return oid_malformed(nic, NDIS_STATUS_FAILURE, "short config parameter");
	memcpy(&parameter, data, sizeof(parameter));
	if (!range_ok(parameter.name_offset, parameter.name_bytes, bytes) ||
		!range_ok(parameter.value_offset, parameter.value_bytes, bytes))
		return oid_malformed(nic, NDIS_STATUS_INVALID_DATA, "config parameter out of bounds");
	if (!utf16_is(data + parameter.name_offset, parameter.name_bytes, CONFIG_MAC_NAME))
		return NDIS_STATUS_SUCCESS;
	if (!nic->config.mac_spoofing)
		return NDIS_STATUS_FAILURE;
	if (parameter.value_type != NDIS_CONFIG_STRING ||
		!mac_from_utf16(data + parameter.value_offset, parameter.value_bytes, mac))
		return oid_malformed(nic, NDIS_STATUS_INVALID_DATA, "NetworkAddress");
	memcpy(nic->mac, mac, sizeof(nic->mac));
	return NDIS_STATUS_SUCCESS;
}

/* ---- the table ---- */

static const struct oid_row oid_rows[] = {
	{ OID_GEN_SUPPORTED_LIST, LISTED_5, query_list },
	{ OID_GEN_HARDWARE_STATUS, LISTED_5, query_constant, 0 },
	{ OID_GEN_MEDIA_SUPPORTED, LISTED_5, query_constant, 0 },
	{ OID_GEN_MEDIA_IN_USE, LISTED_5, query_constant, 0 },
	{ OID_GEN_MAXIMUM_LOOKAHEAD, LISTED_5, query_frame_max, FRAME_HEADER_BYTES },
	{ OID_GEN_MAXIMUM_FRAME_SIZE, LISTED_5, query_frame_max, FRAME_HEADER_BYTES },
	{ OID_GEN_LINK_SPEED, LISTED_5, query_link_speed },
	{ OID_GEN_TRANSMIT_BUFFER_SPACE, LISTED_5, query_constant, BUFFER_SPACE_BYTES },
	{ OID_GEN_RECEIVE_BUFFER_SPACE, LISTED_5, query_constant, BUFFER_SPACE_BYTES },
	{ OID_GEN_TRANSMIT_BLOCK_SIZE, LISTED_5, query_frame_max, 0 },
	{ OID_GEN_RECEIVE_BLOCK_SIZE, LISTED_5, query_frame_max, 0 },
	{ OID_GEN_VENDOR_ID, LISTED_5, query_constant, VENDOR_ID },
	{ OID_GEN_VENDOR_DESCRIPTION, LISTED_5, query_vendor },
	{ OID_GEN_CURRENT_PACKET_FILTER, LISTED_5, query_filter, 0, set_filter },
	{ OID_GEN_CURRENT_LOOKAHEAD, LISTED_5, query_frame_max, FRAME_HEADER_BYTES },
	{ OID_GEN_DRIVER_VERSION, LISTED_5, query_driver_version },
	{ OID_GEN_MAXIMUM_TOTAL_SIZE, LISTED_5, query_frame_max, 0 },
	{ OID_GEN_PROTOCOL_OPTIONS, LISTED_5 | OVERSTATED },
	{ OID_GEN_MAC_OPTIONS, LISTED_5, query_constant, MAC_OPTIONS },
	{ OID_GEN_MEDIA_CONNECT_STATUS, LISTED_5, query_connect_status },
	{ OID_GEN_MAXIMUM_SEND_PACKETS, LISTED_5, query_constant, UINT32_MAX },
	{ OID_GEN_VENDOR_DRIVER_VERSION, LISTED_5, query_driver_version },
	{ OID_GEN_NETWORK_LAYER_ADDRESSES, LISTED_5, NULL, 0, set_nothing },
	{ OID_GEN_RECEIVE_SCALE_CAPABILITIES, LISTED_630 | RSS, query_rss },
	{ OID_GEN_RECEIVE_SCALE_PARAMETERS, LISTED_630 | RSS, NULL, 0, oid_rss_set },
	{ OID_GEN_MAX_LINK_SPEED, LISTED_6, query_max_link_speed },
	{ OID_GEN_LINK_STATE, LISTED_6, query_link_state },
	{ OID_GEN_LINK_PARAMETERS, LISTED_6 | OVERSTATED },
	{ OID_GEN_RNDIS_CONFIG_PARAMETER, LISTED_5, NULL, 0, set_config_parameter },
	{ OID_GEN_FRIENDLY_NAME, LISTED_6, query_friendly_name },
	{ OID_GEN_XMIT_OK, LISTED_5 | STATISTIC, query_counter, COUNTER(tx_frames) },
	{ OID_GEN_RCV_OK, LISTED_5 | STATISTIC, query_counter, COUNTER(rx_frames) },
	{ OID_GEN_XMIT_ERROR, LISTED_5 | STATISTIC, query_counter, COUNTER(tx_failed) },
	{ OID_GEN_RCV_ERROR, LISTED_5 | STATISTIC, query_counter, COUNTER(rx_drop_length) },
	{ OID_GEN_RCV_NO_BUFFER, LISTED_5 | STATISTIC, query_no_buffer },
	{ OID_GEN_STATISTICS, LISTED_6 | STATISTIC, query_statistics },
	{ OID_GEN_RCV_CRC_ERROR, STATISTIC, query_constant, 0 },
	{ OID_GEN_BYTES_RCV, LISTED_6 | STATISTIC | OVERSTATED, query_counter, COUNTER(rx_bytes) },
	{ OID_GEN_BYTES_XMIT, LISTED_6 | STATISTIC | OVERSTATED, query_counter, COUNTER(tx_bytes) },
	{ OID_802_3_PERMANENT_ADDRESS, LISTED_5, query_permanent_mac },
	{ OID_802_3_CURRENT_ADDRESS, LISTED_5, query_mac },
	{ OID_802_3_MULTICAST_LIST, LISTED_5 | MULTICAST | OVERSTATED, query_multicast_list, 0,
		set_multicast_list },
	{ OID_802_3_MAXIMUM_LIST_SIZE, LISTED_5, query_multicast_max },
	{ OID_OFFLOAD_ENCAPSULATION, LISTED_6, query_encapsulation, 0, set_encapsulation },
	{ OID_802_3_RCV_ERROR_ALIGNMENT, LISTED_5, query_constant, 0 },
	{ OID_802_3_XMIT_ONE_COLLISION, LISTED_5, query_constant, 0 },
	{ OID_802_3_XMIT_MORE_COLLISIONS, LISTED_5, query_constant, 0 },
	{ OID_TCP_OFFLOAD_CURRENT_CONFIG, LISTED_6, query_offload, 1 },
	{ OID_TCP_OFFLOAD_PARAMETERS, LISTED_6, NULL, 0, oid_offload_set },
	{ OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES, LISTED_6, query_offload, 0 },
};

static const struct oid_row *
row_next(const struct oid_row *row)
{
	if (row == NULL)
		return &oid_rows[0];
	row++;
	return row < oid_rows + ARRAY_SIZE(oid_rows) ? row : NULL;
}

static const struct oid_row *
row_find(const struct vsp_nic *nic, uint32_t oid)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(oid_rows); i++)
		if (oid_rows[i].oid == oid && row_answered(nic, &oid_rows[i]))
			return &oid_rows[i];
	return NULL;
}

/* ---- entry ---- */

void
oid_reset(struct vsp_nic *nic)
{
	nic->filter = 0;
	memcpy(nic->mac, nic->permanent_mac, sizeof(nic->mac));
	nic->multicast_count = 0;
	oid_offload_reset(nic);
	oid_rss_reset(nic);
}

uint32_t
oid_query(struct vsp_nic *nic, uint32_t oid, void *data, uint32_t size, uint32_t *bytes)
{
	const struct oid_row *row = row_find(nic, oid);
	struct answer answer = { .data = data, .size = size };
	uint32_t status;

	*bytes = 0;
	if (row == NULL || row->query == NULL)
		return NDIS_STATUS_NOT_SUPPORTED;
	status = row->query(nic, row, &answer);
	if (status == NDIS_STATUS_SUCCESS)
		*bytes = answer.bytes;
	return status;
}

uint32_t
oid_set(struct vsp_nic *nic, uint32_t oid, const uint8_t *data, uint32_t bytes)
{
	const struct oid_row *row = row_find(nic, oid);

	if (row == NULL || row->set == NULL)
		return NDIS_STATUS_NOT_SUPPORTED;
	return row->set(nic, data, bytes);
}
