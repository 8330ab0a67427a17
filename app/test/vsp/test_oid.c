/* SPDX-License-Identifier: BSD-3-Clause */
/* What each profile answers to each object identifier, and what can be set. */

#include <stdio.h>

#include "control_fixture.h"

static int
teardown(void **state)
{
	(void)state;
	host_stop();
	return 0;
}

static void
operational(const char *profile)
{
	host_stop();
	host_start(profile);
	guest_operational();
}

/* Any profile but openvmm, or openvmm alone, or both. */
#define WINDOWS 1
#define OPENVMM 2
#define ALL 3

static const struct {
	uint32_t oid;
	int profiles;
	const char *hex;        /* NULL: not supported */
} answers[] = {
	{ OID_GEN_HARDWARE_STATUS, ALL, "00000000" },
	{ OID_GEN_MEDIA_SUPPORTED, ALL, "00000000" },
	{ OID_GEN_MEDIA_IN_USE, ALL, "00000000" },
	{ OID_GEN_MAXIMUM_LOOKAHEAD, ALL, "dc050000" },
	{ OID_GEN_CURRENT_LOOKAHEAD, ALL, "dc050000" },
	{ OID_GEN_MAXIMUM_FRAME_SIZE, ALL, "dc050000" },
	{ OID_GEN_MAXIMUM_TOTAL_SIZE, ALL, "ea050000" },
	{ OID_GEN_TRANSMIT_BLOCK_SIZE, ALL, "ea050000" },
	{ OID_GEN_RECEIVE_BLOCK_SIZE, ALL, "ea050000" },
	{ OID_GEN_LINK_SPEED, ALL, "0084d717" },                /* 40 Gbit/s in 100 bit/s */
	{ OID_GEN_TRANSMIT_BUFFER_SPACE, ALL, "00000400" },
	{ OID_GEN_RECEIVE_BUFFER_SPACE, ALL, "00000400" },
	{ OID_GEN_VENDOR_ID, ALL, "5d150000" },
	{ OID_GEN_VENDOR_DRIVER_VERSION, ALL, "0001" },
	{ OID_GEN_DRIVER_VERSION, ALL, "0001" },
	{ OID_GEN_MAC_OPTIONS, ALL, "4d020000" },
	{ OID_GEN_MEDIA_CONNECT_STATUS, ALL, "00000000" },
	{ OID_GEN_MAXIMUM_SEND_PACKETS, ALL, "ffffffff" },
	{ OID_GEN_MAX_LINK_SPEED, ALL, "00902f500900000000902f5009000000" },
	{ OID_GEN_LINK_STATE, OPENVMM, "80012800" "01000000" "00000000" "00000000"
		"00902f5009000000" "00902f5009000000" "00000000" "00000000" },
	{ OID_GEN_LINK_STATE, WINDOWS, "80012800" "01000000" "02000000" "00000000"
		"00902f5009000000" "00902f5009000000" "00000000" "00000000" },
	{ OID_802_3_PERMANENT_ADDRESS, ALL, "00155d010203" },
	{ OID_802_3_CURRENT_ADDRESS, ALL, "00155d010203" },
	{ OID_802_3_MULTICAST_LIST, OPENVMM, NULL },
	{ OID_802_3_MULTICAST_LIST, WINDOWS, "" },
	{ OID_802_3_MAXIMUM_LIST_SIZE, OPENVMM, "00000000" },
	{ OID_802_3_RCV_ERROR_ALIGNMENT, ALL, "00000000" },
	{ OID_802_3_XMIT_ONE_COLLISION, ALL, "00000000" },
	{ OID_802_3_XMIT_MORE_COLLISIONS, ALL, "00000000" },
	{ OID_OFFLOAD_ENCAPSULATION, ALL, "a8011c00" "01000000" "02000000" "0e000000"
		"01000000" "02000000" "0e000000" },
	{ OID_GEN_CURRENT_PACKET_FILTER, ALL, "00000000" },
	{ OID_GEN_XMIT_OK, OPENVMM, NULL }, { OID_GEN_XMIT_OK, WINDOWS, "0000000000000000" },
	{ OID_GEN_RCV_OK, OPENVMM, NULL }, { OID_GEN_RCV_OK, WINDOWS, "0000000000000000" },
	{ OID_GEN_XMIT_ERROR, OPENVMM, NULL }, { OID_GEN_XMIT_ERROR, WINDOWS, "0000000000000000" },
	{ OID_GEN_RCV_ERROR, OPENVMM, NULL }, { OID_GEN_RCV_ERROR, WINDOWS, "0000000000000000" },
	{ OID_GEN_RCV_NO_BUFFER, OPENVMM, NULL },
	{ OID_GEN_RCV_NO_BUFFER, WINDOWS, "0000000000000000" },
	{ OID_GEN_RCV_CRC_ERROR, OPENVMM, NULL }, { OID_GEN_RCV_CRC_ERROR, WINDOWS, "00000000" },
	{ OID_GEN_BYTES_RCV, OPENVMM, NULL }, { OID_GEN_BYTES_RCV, WINDOWS, "0000000000000000" },
	{ OID_GEN_BYTES_XMIT, OPENVMM, NULL }, { OID_GEN_BYTES_XMIT, WINDOWS, "0000000000000000" },
	{ OID_GEN_STATISTICS, OPENVMM, NULL },
	{ OID_GEN_DIRECTED_BYTES_XMIT, ALL, NULL },
	{ OID_GEN_BROADCAST_FRAMES_RCV, ALL, NULL },
	{ OID_GEN_PROTOCOL_OPTIONS, ALL, NULL },
	{ OID_GEN_LINK_PARAMETERS, ALL, NULL },
	{ OID_GEN_NETWORK_LAYER_ADDRESSES, ALL, NULL },
	{ OID_GEN_RECEIVE_SCALE_PARAMETERS, ALL, NULL },
	{ OID_GEN_RNDIS_CONFIG_PARAMETER, ALL, NULL },
	{ OID_TCP_OFFLOAD_PARAMETERS, ALL, NULL },
	{ 0, ALL, NULL },
	{ 0xffffffff, ALL, NULL },
};

static uint32_t
unhex(const char *hex, uint8_t *bytes)
{
	uint32_t n = 0;
	unsigned int value;

	for (; hex[0] != '\0'; hex += 2) {
		assert_int_equal(sscanf(hex, "%2x", &value), 1);
		bytes[n++] = (uint8_t)value;
	}
	return n;
}

static void
every_profile_answers_every_oid_as_documented(void **state)
{
	const struct vsp_profile *profile = NULL;

	(void)state;
	while ((profile = vsp_profile_next(profile)) != NULL) {
		int which = strcmp(profile->name, "openvmm") == 0 ? OPENVMM : WINDOWS;

		operational(profile->name);
		for (unsigned int i = 0; i < ARRAY_SIZE(answers); i++) {
			uint8_t expected[64];
			const uint8_t *data;
			uint32_t bytes, status;

			if (!(answers[i].profiles & which))
				continue;
			host_forget();
			print_message("%s %#x\n", profile->name, answers[i].oid);
			status = guest_query(answers[i].oid, &data, &bytes);
			if (answers[i].hex == NULL) {
				assert_int_equal(status, NDIS_STATUS_NOT_SUPPORTED);
				assert_int_equal(bytes, 0);
				continue;
			}
			assert_int_equal(status, NDIS_STATUS_SUCCESS);
			assert_int_equal(bytes, unhex(answers[i].hex, expected));
			assert_memory_equal(data, expected, bytes);
		}
		assert_no_violation();
	}
}

static uint32_t
query_u32(uint32_t oid)
{
	const uint8_t *data;
	uint32_t bytes, value;

	host_forget();
	assert_int_equal(guest_query(oid, &data, &bytes), NDIS_STATUS_SUCCESS);
	assert_int_equal(bytes, sizeof(value));
	memcpy(&value, data, sizeof(value));
	return value;
}

static void
texts_are_answered_as_hosts_write_them(void **state)
{
	const uint8_t *data;
	uint32_t bytes;

	(void)state;
	operational("openvmm");
	assert_int_equal(guest_query(OID_GEN_VENDOR_DESCRIPTION, &data, &bytes), 0);
	assert_int_equal(bytes, 22);
	assert_string_equal((const char *)data, "Microsoft Corporation");
	host_forget();
	assert_int_equal(guest_query(OID_GEN_FRIENDLY_NAME, &data, &bytes), 0);
	assert_int_equal(bytes, 512);
	assert_memory_equal(data, "n\0i\0c\0" "0\0\0", 10);
}

static void
sizes_follow_the_mtu(void **state)
{
	(void)state;
	host_start("ws2022");
	guest_init(NVSP_VERSION_61);
	guest_ndis_config(9014, 0);
	guest_ndis_version(6, 30);
	guest_recv_buffer(RECV_GPADL);
	guest_rndis_init();
	assert_int_equal(query_u32(OID_GEN_MAXIMUM_FRAME_SIZE), 9000);
	assert_int_equal(query_u32(OID_GEN_MAXIMUM_TOTAL_SIZE), 9014);
}

static void
link_oids_tell_the_truth_except_on_openvmm(void **state)
{
	const uint8_t *data;
	uint32_t bytes;

	(void)state;
	operational("ws2022");
	vsp_nic_set_link(host.nic, false);
	assert_int_equal(query_u32(OID_GEN_MEDIA_CONNECT_STATUS), 1);
	host_forget();
	guest_query(OID_GEN_LINK_STATE, &data, &bytes);
	assert_int_equal(data[4], 2);
	vsp_nic_set_speed(host.nic, 25000000000ull);
	assert_int_equal(query_u32(OID_GEN_LINK_SPEED), 250000000);
	vsp_nic_set_speed(host.nic, 800000000000ull);
	assert_int_equal(query_u32(OID_GEN_LINK_SPEED), 0xffffffff);
	operational("openvmm");
	vsp_nic_set_link(host.nic, false);
	assert_int_equal(query_u32(OID_GEN_MEDIA_CONNECT_STATUS), 0);
	host_forget();
	guest_query(OID_GEN_LINK_STATE, &data, &bytes);
	assert_int_equal(data[4], 1);
}

/* ---- the list ---- */

static unsigned int
list_find(uint32_t oid, unsigned int *count)
{
	const uint8_t *data;
	uint32_t bytes, value;
	unsigned int found = 0;

	host_forget();
	assert_int_equal(guest_query(OID_GEN_SUPPORTED_LIST, &data, &bytes), 0);
	*count = bytes / 4;
	for (unsigned int i = 0; i < *count; i++) {
		memcpy(&value, data + 4 * i, sizeof(value));
		found += value == oid;
	}
	return found;
}

static void
the_list_grows_with_the_ndis_version_and_needs_5_or_6(void **state)
{
	static const uint32_t versions[][2] = { { 5, 1 }, { 6, 1 }, { 6, 30 } };
	unsigned int count, last = 0;
	const uint8_t *data;
	uint32_t bytes;

	(void)state;
	operational("ws2022");
	for (unsigned int i = 0; i < ARRAY_SIZE(versions); i++) {
		host.nic->ndis_major = versions[i][0];
		host.nic->ndis_minor = versions[i][1];
		assert_int_equal(list_find(OID_GEN_CURRENT_PACKET_FILTER, &count), 1);
		assert_true(count > last);
		last = count;
		assert_int_equal(list_find(OID_GEN_RECEIVE_SCALE_PARAMETERS, &count), i == 2);
	}
	host.nic->ndis_major = 7;
	assert_int_equal(guest_query(OID_GEN_SUPPORTED_LIST, &data, &bytes), 0xC0010004);
	host.nic->ndis_major = 4;
	assert_int_equal(guest_query(OID_GEN_SUPPORTED_LIST, &data, &bytes), 0xC0010004);
}

static void
openvmm_lists_what_it_does_not_answer(void **state)
{
	static const uint32_t overstated[] = { OID_GEN_BYTES_RCV, OID_GEN_BYTES_XMIT,
		OID_GEN_LINK_PARAMETERS, OID_802_3_MULTICAST_LIST, OID_GEN_PROTOCOL_OPTIONS,
		OID_GEN_NETWORK_LAYER_ADDRESSES };
	const uint8_t *data;
	uint32_t bytes;
	unsigned int count;

	(void)state;
	operational("openvmm");
	for (unsigned int i = 0; i < ARRAY_SIZE(overstated); i++) {
		assert_int_equal(list_find(overstated[i], &count), 1);
		assert_int_equal(guest_query(overstated[i], &data, &bytes),
			NDIS_STATUS_NOT_SUPPORTED);
	}
	assert_int_equal(list_find(OID_GEN_XMIT_OK, &count), 0);
	operational("ws2022");
	assert_int_equal(list_find(OID_GEN_PROTOCOL_OPTIONS, &count), 0);
}

/* ---- statistics ---- */

static void
statistics_are_sums_over_all_queues(void **state)
{
	const uint8_t *data;
	uint32_t bytes;
	uint64_t value;

	(void)state;
	operational("ws2022");
	host.nic->channel[0].counters.rx_frames = 5;
	host.nic->channel[63].counters.rx_frames = 7;
	host.nic->channel[1].counters.rx_drop_no_section = 2;
	host.nic->channel[2].counters.rx_drop_ring_full = 3;
	host.nic->channel[3].counters.tx_bytes = 11;
	guest_query(OID_GEN_RCV_OK, &data, &bytes);
	memcpy(&value, data, 8);
	assert_int_equal(value, 12);
	host_forget();
	guest_query(OID_GEN_RCV_NO_BUFFER, &data, &bytes);
	memcpy(&value, data, 8);
	assert_int_equal(value, 5);
	host_forget();
	assert_int_equal(guest_query(OID_GEN_STATISTICS, &data, &bytes), 0);
	assert_int_equal(bytes, 152);
	assert_memory_equal(data, "\x80\x01\x98\x00", 4);
	memcpy(&value, data + 8, 8);    /* discards */
	assert_int_equal(value, 5);
	memcpy(&value, data + 56, 8);   /* bytes sent */
	assert_int_equal(value, 11);
}

/* ---- set ---- */

static void
the_packet_filter_is_set_and_read_back_where_readable(void **state)
{
	uint32_t filter = NDIS_FILTER_DIRECTED | NDIS_FILTER_BROADCAST;

	(void)state;
	operational("ws2022");
	assert_int_equal(guest_set(OID_GEN_CURRENT_PACKET_FILTER, &filter, 4), 0);
	assert_int_equal(host.nic->filter, filter);
	assert_int_equal(query_u32(OID_GEN_CURRENT_PACKET_FILTER), filter);
	operational("openvmm");
	assert_int_equal(guest_set(OID_GEN_CURRENT_PACKET_FILTER, &filter, 4), 0);
	assert_int_equal(host.nic->filter, filter);
	assert_int_equal(query_u32(OID_GEN_CURRENT_PACKET_FILTER), 0);
	host_forget();
	assert_int_equal(guest_set(OID_GEN_CURRENT_PACKET_FILTER, &filter, 3), NDIS_STATUS_FAILURE);
	assert_rule(VSP_RULE_OID_DATA);
	assert_false(channel_dead(0));
	assert_int_equal(host.nic->filter, filter);
}

static void
a_multicast_list_is_kept_up_to_the_profiles_limit(void **state)
{
	uint8_t list[65 * 6];
	const uint8_t *data;
	uint32_t bytes;

	(void)state;
	for (unsigned int i = 0; i < sizeof(list); i++)
		list[i] = (uint8_t)(i | 1);
	operational("ws2012");
	assert_int_equal(query_u32(OID_802_3_MAXIMUM_LIST_SIZE), 48);
	assert_int_equal(guest_set(OID_802_3_MULTICAST_LIST, list, 48 * 6), 0);
	assert_int_equal(guest_set(OID_802_3_MULTICAST_LIST, list, 49 * 6), 0xC000009A);
	assert_int_equal(host.nic->multicast_count, 48);
	assert_no_violation();
	assert_int_equal(guest_set(OID_802_3_MULTICAST_LIST, list, 7), 0xC0010014);
	assert_rule(VSP_RULE_OID_DATA);
	assert_int_equal(guest_set(OID_802_3_MULTICAST_LIST, list, 12), 0);
	host_forget();
	guest_query(OID_802_3_MULTICAST_LIST, &data, &bytes);
	assert_int_equal(bytes, 12);
	assert_memory_equal(data, list, 12);
	assert_int_equal(guest_set(OID_802_3_MULTICAST_LIST, NULL, 0), 0);
	assert_int_equal(host.nic->multicast_count, 0);
	operational("ws2022");
	assert_int_equal(guest_set(OID_802_3_MULTICAST_LIST, list, 64 * 6), 0);
	assert_int_equal(guest_set(OID_802_3_MULTICAST_LIST, list, 65 * 6), 0xC000009A);
	operational("openvmm");
	assert_int_equal(guest_set(OID_802_3_MULTICAST_LIST, list, 6), NDIS_STATUS_NOT_SUPPORTED);
}

static void
network_layer_addresses_are_accepted_and_do_nothing(void **state)
{
	(void)state;
	operational("openvmm");
	assert_int_equal(guest_set(OID_GEN_NETWORK_LAYER_ADDRESSES, NULL, 0), 0);
	assert_int_equal(guest_set(OID_GEN_NETWORK_LAYER_ADDRESSES, "abcd", 4), 0);
	assert_int_equal(guest_set(OID_GEN_LINK_PARAMETERS, "abcd", 4), NDIS_STATUS_NOT_SUPPORTED);
}

static void
encapsulation_is_checked_and_accepted(void **state)
{
	uint8_t data[28] = { 0xA8, 1, 28, 0 };

	(void)state;
	operational("ws2022");
	assert_int_equal(guest_set(OID_OFFLOAD_ENCAPSULATION, data, 28), 0);
	assert_no_violation();
	assert_int_equal(guest_set(OID_OFFLOAD_ENCAPSULATION, data, 27), 0xC0010015);
	data[0] = 0x80;
	assert_int_equal(guest_set(OID_OFFLOAD_ENCAPSULATION, data, 28), 0xC0010015);
	assert_int_equal(guest_set(OID_OFFLOAD_ENCAPSULATION, data, 3), NDIS_STATUS_FAILURE);
	assert_rule(VSP_RULE_OID_DATA);
}

/* ---- MAC address ---- */

struct config_message {
	struct ndis_config_parameter head;
	uint16_t name[14];
	uint16_t value[12];
};

static void
config_message(struct config_message *message, const char *name, const char *value)
{
	memset(message, 0, sizeof(*message));
	message->head = (struct ndis_config_parameter){ 20, (uint32_t)(2 * strlen(name)), 2, 48,
		(uint32_t)(2 * strlen(value)) };
	for (unsigned int i = 0; name[i] != '\0'; i++)
		message->name[i] = (uint8_t)name[i];
	for (unsigned int i = 0; value[i] != '\0'; i++)
		message->value[i] = (uint8_t)value[i];
}

static uint32_t
set_mac(const char *name, const char *value)
{
	struct config_message message;

	config_message(&message, name, value);
	return guest_set(OID_GEN_RNDIS_CONFIG_PARAMETER, &message, sizeof(message));
}

static void
the_mac_address_changes_until_the_next_open(void **state)
{
	static const uint8_t mac[6] = { 0x02, 0xab, 0xcd, 0xef, 0x01, 0x9a };
	const uint8_t *data;
	uint32_t bytes;

	(void)state;
	operational("ws2022");
	assert_int_equal(set_mac("NetworkAddress", "02ABcdef019A"), 0);
	host_forget();
	guest_query(OID_802_3_CURRENT_ADDRESS, &data, &bytes);
	assert_memory_equal(data, mac, 6);
	host_forget();
	guest_query(OID_802_3_PERMANENT_ADDRESS, &data, &bytes);
	assert_memory_equal(data, "\x00\x15\x5d\x01\x02\x03", 6);
	host_reopen();
	assert_memory_equal(host.nic->mac, host.nic->permanent_mac, 6);
}

static void
bad_mac_addresses_are_refused(void **state)
{
	static const char *const values[] = { "", "02abcdef019", "02abcdef01gg", "010000000001",
		"000000000000", "ffffffffffff" };
	struct config_message message;

	(void)state;
	operational("ws2022");
	for (unsigned int i = 0; i < ARRAY_SIZE(values); i++) {
		host_forget();
		assert_int_equal(set_mac("NetworkAddress", values[i]), NDIS_STATUS_INVALID_DATA);
		assert_rule(VSP_RULE_OID_DATA);
	}
	config_message(&message, "NetworkAddress", "020000000001");
	message.value[3] |= 0x100;      /* not the digit it looks like */
	assert_int_equal(guest_set(OID_GEN_RNDIS_CONFIG_PARAMETER, &message, sizeof(message)),
		NDIS_STATUS_INVALID_DATA);
	config_message(&message, "NetworkAddress", "020000000001");
	message.head.value_type = 1;
	assert_int_equal(guest_set(OID_GEN_RNDIS_CONFIG_PARAMETER, &message, sizeof(message)),
		NDIS_STATUS_INVALID_DATA);
	assert_memory_equal(host.nic->mac, host.nic->permanent_mac, 6);
}

static void
a_config_parameter_out_of_bounds_is_refused(void **state)
{
	static const uint32_t wild[] = { 73, 100, 0xffffffff, 0xfffffff0 };
	struct config_message message;

	(void)state;
	operational("ws2022");
	for (unsigned int i = 0; i < ARRAY_SIZE(wild); i++) {
		for (unsigned int field = 0; field < 4; field++) {
			config_message(&message, "NetworkAddress", "020000000001");
			if (field == 0)
				message.head.name_offset = wild[i];
			else if (field == 1)
				message.head.name_bytes = wild[i];
			else if (field == 2)
				message.head.value_offset = wild[i];
			else
				message.head.value_bytes = wild[i];
			host_forget();
			assert_int_equal(guest_set(OID_GEN_RNDIS_CONFIG_PARAMETER, &message,
				sizeof(message)), NDIS_STATUS_INVALID_DATA);
			assert_rule(VSP_RULE_OID_DATA);
		}
	}
	assert_int_equal(guest_set(OID_GEN_RNDIS_CONFIG_PARAMETER, &message, 19),
		NDIS_STATUS_FAILURE);
}

static void
other_config_parameters_are_accepted_and_do_nothing(void **state)
{
	(void)state;
	operational("ws2022");
	assert_int_equal(set_mac("NetworkAddresx", "020000000001"), 0);
	assert_memory_equal(host.nic->mac, host.nic->permanent_mac, 6);
	assert_no_violation();
}

static void
a_host_without_spoofing_keeps_the_mac_address(void **state)
{
	struct config_nic config;

	(void)state;
	host_config(&config);
	config.mac_spoofing = false;
	host_start_with(&config, "ws2022");
	guest_operational();
	assert_int_equal(set_mac("NetworkAddress", "020000000001"), NDIS_STATUS_FAILURE);
	assert_memory_equal(host.nic->mac, host.nic->permanent_mac, 6);
	assert_no_violation();
}

#define CASE(name) cmocka_unit_test_teardown(name, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(every_profile_answers_every_oid_as_documented),
		CASE(texts_are_answered_as_hosts_write_them),
		CASE(sizes_follow_the_mtu),
		CASE(link_oids_tell_the_truth_except_on_openvmm),
		CASE(the_list_grows_with_the_ndis_version_and_needs_5_or_6),
		CASE(openvmm_lists_what_it_does_not_answer),
		CASE(statistics_are_sums_over_all_queues),
		CASE(the_packet_filter_is_set_and_read_back_where_readable),
		CASE(a_multicast_list_is_kept_up_to_the_profiles_limit),
		CASE(network_layer_addresses_are_accepted_and_do_nothing),
		CASE(encapsulation_is_checked_and_accepted),
		CASE(the_mac_address_changes_until_the_next_open),
		CASE(bad_mac_addresses_are_refused),
		CASE(a_config_parameter_out_of_bounds_is_refused),
		CASE(other_config_parameters_are_accepted_and_do_nothing),
		CASE(a_host_without_spoofing_keeps_the_mac_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
