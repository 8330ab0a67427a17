/* SPDX-License-Identifier: BSD-3-Clause */
/* Offload capabilities by profile and NDIS version, and changing what is on. */

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

/* As a guest that can take coalesced segments. */
static void
operational_rsc(const char *profile, uint32_t caps)
{
	host_stop();
	host_start(profile);
	guest_init(host.nic->profile->nvsp_max);
	guest_ndis_config(1514, caps);
	guest_ndis_version(6, 30);
	guest_recv_buffer(RECV_GPADL);
	guest_send_buffer(SEND_GPADL);
	guest_rndis_init();
	host_forget();
}

static struct ndis_offload
query(uint32_t oid)
{
	struct ndis_offload offload = { { 0 } };
	const uint8_t *data;
	uint32_t bytes;

	host_forget();
	assert_int_equal(guest_query(oid, &data, &bytes), NDIS_STATUS_SUCCESS);
	assert_true(bytes <= sizeof(offload));
	memcpy(&offload, data, bytes);
	assert_int_equal(offload.header.bytes, bytes);
	return offload;
}

static struct ndis_offload_parameters
parameters(void)
{
	struct ndis_offload_parameters p = { .header = { 0x80, 3, 28 } };

	return p;
}

static uint32_t
apply(const struct ndis_offload_parameters *p)
{
	uint32_t status;

	host_forget();
	status = guest_set(OID_TCP_OFFLOAD_PARAMETERS, p, sizeof(*p));
	/* The indication's section. */
	if (status == NDIS_STATUS_SUCCESS)
		guest_ack((uint16_t)sent_nth(SENT_TRANSFER, 1)->transaction_id);
	return status;
}

static void
each_profile_answers_in_its_revision(void **state)
{
	static const struct {
		const char *profile;
		uint32_t revision, bytes, tx4, tx6, lso;
	} rows[] = {
		{ "ws2008", 1, 112, 0x115, 0x15, 0 },
		{ "ws2008r2", 2, 144, 0x115, 0x15, 0xF53C },
		{ "ws2012", 2, 144, 0x155, 0x55, 0xF53C },
		{ "ws2012r2", 3, 156, 0x155, 0x55, 0xF53C },
		{ "ws2016", 3, 156, 0x155, 0x55, 0xF53C },
		{ "ws2022", 3, 156, 0x155, 0x55, 0xF53C },
		{ "azure", 3, 156, 0x155, 0x55, 0xF53C },
		{ "openvmm", 3, 156, 0x155, 0x55, 0xF53C },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		struct ndis_offload offload;

		operational(rows[i].profile);
		offload = query(OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES);
		assert_int_equal(offload.header.type, 0xA7);
		assert_int_equal(offload.header.revision, rows[i].revision);
		assert_int_equal(offload.header.bytes, rows[i].bytes);
		assert_int_equal(offload.tx_ipv4.flags, rows[i].tx4);
		assert_int_equal(offload.tx_ipv4.encapsulation, 2);
		assert_int_equal(offload.tx_ipv6.flags, rows[i].tx6);
		assert_int_equal(offload.rx_ipv4.flags, rows[i].tx4);
		assert_int_equal(offload.rx_ipv6.flags, rows[i].tx6);
		assert_int_equal(offload.lso_ipv4.max_bytes, rows[i].lso);
		assert_int_equal(offload.lso_ipv4.min_segments, rows[i].lso != 0 ? 2 : 0);
		assert_int_equal(offload.lso_ipv6.max_bytes, rows[i].lso);
		assert_int_equal(offload.lso_ipv6.flags, rows[i].lso != 0 ? 5 : 0);
		assert_int_equal(offload.rsc_ipv4, 0);
		assert_no_violation();
	}
}

static void
an_older_guest_gets_the_structure_it_knows_except_from_openvmm(void **state)
{
	static const struct {
		uint32_t major, minor, revision;
	} rows[] = { { 5, 1, 1 }, { 6, 0, 1 }, { 6, 1, 2 }, { 6, 20, 2 }, { 6, 30, 3 }, { 6, 80, 3 } };

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		operational("ws2022");
		host.nic->ndis_major = rows[i].major;
		host.nic->ndis_minor = rows[i].minor;
		assert_int_equal(query(OID_TCP_OFFLOAD_CURRENT_CONFIG).header.revision,
			rows[i].revision);
		operational("openvmm");
		host.nic->ndis_major = rows[i].major;
		host.nic->ndis_minor = rows[i].minor;
		assert_int_equal(query(OID_TCP_OFFLOAD_CURRENT_CONFIG).header.revision, 3);
	}
}

static void
coalescing_needs_host_version_configuration_and_guest(void **state)
{
	struct ndis_offload_parameters p = parameters();
	struct ndis_offload offload;

	(void)state;
	p.rsc_ipv4 = NDIS_OFFLOAD_ON;
	p.rsc_ipv6 = NDIS_OFFLOAD_ON;
	operational_rsc("ws2019", NVSP_CONFIG_CAP_RSC);
	assert_int_equal(query(OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES).rsc_ipv4, 1);
	offload = query(OID_TCP_OFFLOAD_CURRENT_CONFIG);
	assert_int_equal(offload.rsc_ipv4, 0);
	assert_int_equal(apply(&p), 0);
	offload = query(OID_TCP_OFFLOAD_CURRENT_CONFIG);
	assert_int_equal(offload.rsc_ipv4, 1);
	assert_int_equal(offload.rsc_ipv6, 1);
	assert_true(host.nic->rsc4 && host.nic->rsc6);
	p.rsc_ipv4 = NDIS_OFFLOAD_OFF;
	p.rsc_ipv6 = NDIS_OFFLOAD_UNCHANGED;
	apply(&p);
	assert_false(host.nic->rsc4);
	assert_true(host.nic->rsc6);
	host_reopen();
	assert_false(host.nic->rsc6);
	p.rsc_ipv4 = NDIS_OFFLOAD_ON;
	operational_rsc("ws2019", 0);
	apply(&p);
	assert_false(host.nic->rsc4);
	operational_rsc("ws2016", NVSP_CONFIG_CAP_RSC);
	apply(&p);
	assert_false(host.nic->rsc4);
	operational_rsc("azure", NVSP_CONFIG_CAP_RSC);
	apply(&p);
	assert_false(host.nic->rsc4);
	operational_rsc("openvmm", NVSP_CONFIG_CAP_RSC);
	apply(&p);
	assert_false(host.nic->rsc4);
	operational_rsc("ws2022", NVSP_CONFIG_CAP_RSC);
	host.nic->config.rsc = false;
	apply(&p);
	assert_false(host.nic->rsc4);
}

static void
each_value_switches_sending_and_receiving(void **state)
{
	static const struct {
		uint8_t value;
		bool tx, rx;
	} rows[] = {
		{ NDIS_OFFLOAD_CSUM_OFF, false, false }, { NDIS_OFFLOAD_CSUM_TX, true, false },
		{ NDIS_OFFLOAD_CSUM_RX, false, true }, { NDIS_OFFLOAD_CSUM_TX_RX, true, true },
	};

	(void)state;
	operational("ws2022");
	assert_int_equal(host.nic->tx_csum, NIC_CSUM_ALL);
	assert_int_equal(host.nic->rx_csum, NIC_CSUM_ALL);
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		struct ndis_offload_parameters p = parameters();
		uint8_t v = rows[i].value;

		p.ipv4_csum = p.tcp_ipv4_csum = p.udp_ipv4_csum = p.tcp_ipv6_csum = v;
		p.udp_ipv6_csum = v;
		assert_int_equal(apply(&p), 0);
		assert_int_equal(host.nic->tx_csum, rows[i].tx ? NIC_CSUM_ALL : 0);
		assert_int_equal(host.nic->rx_csum, rows[i].rx ? NIC_CSUM_ALL : 0);
		p = parameters();
		assert_int_equal(apply(&p), 0);         /* 0 changes nothing */
		assert_int_equal(host.nic->tx_csum, rows[i].tx ? NIC_CSUM_ALL : 0);
	}
}

static void
each_field_switches_its_own_offload(void **state)
{
	(void)state;
	operational("ws2022");
	for (unsigned int field = 0; field < 5; field++) {
		struct ndis_offload_parameters p = parameters();

		(&p.ipv4_csum)[field] = NDIS_OFFLOAD_CSUM_OFF;
		apply(&p);
		assert_int_equal(host.nic->tx_csum, NIC_CSUM_ALL & ~(1u << field));
		(&p.ipv4_csum)[field] = NDIS_OFFLOAD_CSUM_TX_RX;
		apply(&p);
	}
	assert_int_equal(host.nic->tx_csum, NIC_CSUM_ALL);
}

static void
segmentation_is_switched_by_family(void **state)
{
	struct ndis_offload_parameters p = parameters();

	(void)state;
	operational("ws2022");
	p.lso_v2_ipv4 = NDIS_OFFLOAD_OFF;
	apply(&p);
	assert_false(host.nic->lso4);
	assert_true(host.nic->lso6);
	assert_int_equal(query(OID_TCP_OFFLOAD_CURRENT_CONFIG).lso_ipv4.max_bytes, 0);
	assert_int_equal(query(OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES).lso_ipv4.max_bytes, 0xF53C);
	p.lso_v2_ipv4 = NDIS_OFFLOAD_ON;
	apply(&p);
	assert_true(host.nic->lso4);
}

static void
what_the_host_cannot_do_stays_off(void **state)
{
	struct ndis_offload_parameters p = parameters();

	(void)state;
	p.udp_ipv4_csum = NDIS_OFFLOAD_CSUM_TX_RX;
	p.lso_v2_ipv4 = NDIS_OFFLOAD_ON;
	operational("ws2008");
	assert_int_equal(apply(&p), 0);
	assert_int_equal(host.nic->tx_csum, NIC_CSUM_IP4 | NIC_CSUM_TCP4 | NIC_CSUM_TCP6);
	assert_false(host.nic->lso4);
}

static void
malformed_parameters_are_refused_and_change_nothing(void **state)
{
	static const struct {
		unsigned int at;
		uint8_t value;
		uint32_t bytes, status;
		bool reported;
	} rows[] = {
		{ 0, 0xA7, 28, 0xC0010015, true },      /* object type */
		{ 1, 0, 28, 0xC0010015, true },         /* revision */
		{ 2, 19, 28, 0xC0010015, true },        /* size */
		{ 2, 29, 28, 0xC0000001, true },        /* less than it says */
		{ 3, 0xff, 28, 0xC0000001, true },
		{ 0, 0x80, 3, 0xC0000001, true },
		{ 0, 0x80, 27, 0xC0000001, true },
		{ 4, 5, 28, 0xC0010015, true },         /* IPv4 checksum */
		{ 8, 0xff, 28, 0xC0010015, true },      /* UDP/IPv6 checksum */
		{ 11, 3, 28, 0xC0010015, true },        /* LSO */
		{ 22, 3, 28, 0xC0010015, true },        /* RSC */
		{ 9, 2, 28, 0xC00000BB, false },        /* LSO version 1 */
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		struct ndis_offload_parameters p = parameters();

		operational("openvmm");
		p.tcp_ipv4_csum = NDIS_OFFLOAD_CSUM_OFF;
		((uint8_t *)&p)[rows[i].at] = rows[i].value;
		assert_int_equal(guest_set(OID_TCP_OFFLOAD_PARAMETERS, &p, rows[i].bytes),
			rows[i].status);
		assert_int_equal(host.violations, rows[i].reported);
		if (rows[i].reported)
			assert_rule(VSP_RULE_OID_DATA);
		assert_int_equal(host.nic->tx_csum, NIC_CSUM_ALL);
		assert_int_equal(sent_kinds(SENT_TRANSFER), 1);
		assert_false(channel_dead(0));
	}
}

static void
older_revisions_leave_newer_fields_alone(void **state)
{
	struct ndis_offload_parameters p = parameters();

	(void)state;
	operational_rsc("ws2022", NVSP_CONFIG_CAP_RSC);
	p.rsc_ipv4 = NDIS_OFFLOAD_ON;
	p.header.revision = 2;
	p.header.bytes = 22;
	assert_int_equal(apply(&p), 0);
	assert_false(host.nic->rsc4);
	p.header.revision = 1;
	p.header.bytes = 20;
	p.rsc_ipv4 = 99;                /* past its end */
	assert_int_equal(apply(&p), 0);
	p.header.revision = 4;          /* newer than anything known */
	p.header.bytes = 28;
	p.rsc_ipv4 = NDIS_OFFLOAD_ON;
	assert_int_equal(apply(&p), 0);
	assert_true(host.nic->rsc4);
}

#define CASE(name) cmocka_unit_test_teardown(name, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(each_profile_answers_in_its_revision),
		CASE(an_older_guest_gets_the_structure_it_knows_except_from_openvmm),
		CASE(coalescing_needs_host_version_configuration_and_guest),
		CASE(each_value_switches_sending_and_receiving),
		CASE(each_field_switches_its_own_offload),
		CASE(segmentation_is_switched_by_family),
		CASE(what_the_host_cannot_do_stays_off),
		CASE(malformed_parameters_are_refused_and_change_nothing),
		CASE(older_revisions_leave_newer_fields_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
