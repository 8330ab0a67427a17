/* SPDX-License-Identifier: BSD-3-Clause */
/* What a correct guest sees of NVSP and the RNDIS control conversation. */

#include <errno.h>
#include <string.h>

#include "right.h"

static int
version(uint32_t nvsp)
{
	struct tg_options options = { .nvsp = nvsp };
	struct echo e;

	TG_TRY(echo_start(&e, 0, &options));
	TG_TRY(echo_bytes(&e, e.dev.channel[0], TG_TX_SECTION, 100));
	echo_end(&e);
	return 0;
}

static int version_1(void) { return version(NVSP_VERSION_1); }
static int version_2(void) { return version(NVSP_VERSION_2); }
static int version_4(void) { return version(NVSP_VERSION_4); }
static int version_5(void) { return version(NVSP_VERSION_5); }
static int version_6(void) { return version(NVSP_VERSION_6); }
static int version_61(void) { return version(NVSP_VERSION_61); }

static int
version_refused(void)
{
	struct tg_device dev;
	int err;

	TG_CHECK(tg_open(&dev, 0) == 0, "open");
	err = tg_nvsp_init(&dev, 0x70000);
	TG_CHECK(err == -EPROTONOSUPPORT, "%d", err);
	err = tg_nvsp_init(&dev, NVSP_VERSION_1);
	TG_CHECK(err == 0, "%d", err);
	tg_close(&dev);
	return 0;
}

static int
query_u32(struct tg_device *dev, uint32_t oid, uint32_t *value)
{
	uint32_t status;
	int n;

	*value = 0;
	n = tg_rndis_query(dev, oid, value, sizeof(*value), &status);
	TG_CHECK(n == 4, "OID 0x%x: %d bytes, status 0x%x", oid, n, status);
	return 0;
}

static int
oids(void)
{
	struct tg_options options = { .mtu = 4000 };
	struct ndis_link_state link;
	uint64_t speed[2];
	uint8_t mac[6];
	uint32_t v, status;
	struct echo e;

	TG_TRY(echo_start(&e, 0, &options));
	TG_TRY(query_u32(&e.dev, OID_GEN_MAXIMUM_FRAME_SIZE, &v));
	TG_CHECK(v == 4000, "%u", v);
	TG_TRY(query_u32(&e.dev, OID_GEN_MAXIMUM_TOTAL_SIZE, &v));
	TG_CHECK(v == 4014, "%u", v);
	TG_TRY(query_u32(&e.dev, OID_GEN_MEDIA_CONNECT_STATUS, &v));
	TG_CHECK(v == 0, "%u", v);
	TG_TRY(query_u32(&e.dev, OID_GEN_LINK_SPEED, &v));
	TG_CHECK(v > 0, "no speed");
	TG_CHECK(tg_rndis_query(&e.dev, OID_GEN_MAX_LINK_SPEED, speed, sizeof(speed),
		&status) == 16, "0x%x", status);
	TG_CHECK(speed[0] / 100 == v || v == UINT32_MAX, "%llu and %u",
		(unsigned long long)speed[0], v);
	TG_CHECK(tg_rndis_query(&e.dev, OID_GEN_LINK_STATE, &link, sizeof(link), &status) == 40,
		"0x%x", status);
	TG_CHECK(link.connect_state == 1 && link.tx_bps == speed[0], "state %u",
		link.connect_state);
	TG_CHECK(tg_rndis_query(&e.dev, OID_802_3_CURRENT_ADDRESS, mac, 6, &status) == 6,
		"0x%x", status);
	TG_CHECK(memcmp(mac, e.dev.mac, 6) == 0, "current is not the permanent address");
	TG_CHECK(tg_rndis_query(&e.dev, 0x0badbad0, &v, sizeof(v), &status) < 0 &&
		status == NDIS_STATUS_NOT_SUPPORTED, "0x%x", status);
	TG_CHECK(tg_rndis_keepalive(&e.dev) == 0, "keepalive");
	echo_end(&e);
	return 0;
}

/* Every OID of the supported list that has a statistics number is answered. */
static int
supported_list(void)
{
	static uint32_t list[512];
	struct tg_options options = { 0 };
	uint32_t status;
	struct echo e;
	int n;

	TG_TRY(echo_start(&e, 0, &options));
	n = tg_rndis_query(&e.dev, OID_GEN_SUPPORTED_LIST, list, sizeof(list), &status);
	TG_CHECK(n >= 4 * 10 && n % 4 == 0, "%d bytes, status 0x%x", n, status);
	for (int i = 0; i < n / 4; i++) {
		uint8_t answer[4096];

		/* An answer of any kind, in the right form: it may be a refusal. */
		int ret = tg_rndis_query(&e.dev, list[i], answer, sizeof(answer), &status);

		TG_CHECK(ret >= 0 || ret == -ENOTSUP, "OID 0x%x: %d", list[i], ret);
	}
	TG_TRY(echo_bytes(&e, e.dev.channel[0], TG_TX_SECTION, 100));
	echo_end(&e);
	return 0;
}

static int
set_mac(struct tg_device *dev, const uint8_t mac[6], uint32_t *status)
{
	struct {
		struct ndis_config_parameter p;
		uint16_t name[14], value[12];
	} info = { .p = { 20, 28, NDIS_CONFIG_STRING, 48, 24 } };
	static const char name[] = "NetworkAddress", digits[] = "0123456789ABCDEF";

	for (unsigned int i = 0; i < 14; i++)
		info.name[i] = (uint16_t)name[i];
	for (unsigned int i = 0; i < 12; i++)
		info.value[i] = (uint16_t)digits[mac[i / 2] >> (i % 2 == 0 ? 4 : 0) & 15];
	return tg_rndis_set(dev, OID_GEN_RNDIS_CONFIG_PARAMETER, &info, sizeof(info), status);
}

static int
mac_change(void)
{
	static const uint8_t wanted[6] = { 0x02, 0x12, 0x34, 0xab, 0xcd, 0xef };
	struct tg_options options = { 0 };
	uint32_t status;
	uint8_t mac[6];
	struct echo e;

	TG_TRY(echo_start(&e, 0, &options));
	TG_CHECK(set_mac(&e.dev, wanted, &status) == 0, "status 0x%x", status);
	TG_CHECK(tg_rndis_query(&e.dev, OID_802_3_CURRENT_ADDRESS, mac, 6, &status) == 6,
		"0x%x", status);
	TG_CHECK(memcmp(mac, wanted, 6) == 0, "not changed");
	TG_CHECK(tg_rndis_query(&e.dev, OID_802_3_PERMANENT_ADDRESS, mac, 6, &status) == 6,
		"0x%x", status);
	TG_CHECK(memcmp(mac, e.dev.mac, 6) == 0, "the permanent one changed");
	TG_CHECK(set_mac(&e.dev, e.dev.mac, &status) == 0, "and back: 0x%x", status);
	echo_end(&e);
	return 0;
}

/* Without a filter nothing is received; with one, everything again. */
static int
filter(void)
{
	struct tg_options options = { .no_filter = true };
	struct echo e;

	TG_TRY(echo_start(&e, 0, &options));
	for (unsigned int i = 0; i < 10; i++) {
		uint8_t data[60];
		struct tg_tx_frame frame = { .data = data, .bytes = sizeof(data) };
		struct tg_flow flow = echo_flow(&e, false, true, i);

		tg_frame_build(data, sizeof(data), &flow, i);
		TG_CHECK(tg_tx_wait(e.dev.channel[0], echo_way(&e, TG_TX_SECTION, 60), &frame,
			1) == NVSP_STATUS_SUCCESS, "transmit");
	}
	TG_CHECK(tg_filter(&e.dev, NDIS_FILTER_PROMISCUOUS) == 0, "set");
	TG_CHECK(e.got + e.wrong == 0, "%llu frames passed no filter",
		(unsigned long long)(e.got + e.wrong));
	TG_TRY(echo_bytes(&e, e.dev.channel[0], TG_TX_SECTION, 100));
	TG_CHECK(tg_filter(&e.dev, 0) == 0, "unset");
	echo_end(&e);
	return 0;
}

static int
multicast_list(void)
{
	static const uint8_t list[2][6] = { { 1, 0, 0x5e, 0, 0, 1 }, { 1, 0, 0x5e, 0, 0, 2 } };
	struct tg_options options = { 0 };
	uint32_t status;
	struct echo e;

	if (right_host_is("openvmm"))
		return TG_SKIP; /* it has none */
	TG_TRY(echo_start(&e, 0, &options));
	TG_CHECK(tg_rndis_set(&e.dev, OID_802_3_MULTICAST_LIST, list, sizeof(list),
		&status) == 0, "0x%x", status);
	TG_CHECK(tg_rndis_set(&e.dev, OID_802_3_MULTICAST_LIST, list, 0, &status) == 0,
		"0x%x", status);
	echo_end(&e);
	return 0;
}

static int
statistics(void)
{
	struct tg_options options = { 0 };
	uint32_t before, after, status;
	uint64_t value = 0;
	struct echo e;

	if (right_host_is("openvmm"))
		return TG_SKIP; /* it has none */
	TG_TRY(echo_start(&e, 0, &options));
	TG_CHECK(tg_rndis_query(&e.dev, OID_GEN_XMIT_OK, &value, sizeof(value), &status) >= 4,
		"0x%x", status);
	before = (uint32_t)value;
	for (unsigned int i = 0; i < 5; i++)
		TG_TRY(echo_bytes(&e, e.dev.channel[0], TG_TX_SECTION, 100));
	TG_CHECK(tg_rndis_query(&e.dev, OID_GEN_XMIT_OK, &value, sizeof(value), &status) >= 4,
		"0x%x", status);
	after = (uint32_t)value;
	TG_CHECK(after - before == 5, "%u sent", after - before);
	echo_end(&e);
	return 0;
}

static int
halt(void)
{
	struct rndis_halt message = { { RNDIS_HALT, sizeof(message) }, 77 };
	struct tg_options options = { 0 };
	uint32_t status;
	struct echo e;

	TG_TRY(echo_start(&e, 0, &options));
	TG_CHECK(tg_rndis_send(e.dev.channel[0], &message, sizeof(message), &status) == 0, "sent");
	TG_CHECK(status == NVSP_STATUS_SUCCESS, "%u", status);
	echo_end(&e);
	return 0;
}

static int
reopen(void)
{
	struct tg_options options = { .queues = 2 };
	struct echo e;

	for (unsigned int i = 0; i < 20; i++) {
		TG_TRY(echo_start(&e, 0, &options));
		TG_TRY(echo_bytes(&e, e.dev.channel[1], TG_TX_SECTION, 100 + i));
		echo_end(&e);
	}
	return 0;
}

/* The table comes when all subchannels are open, and names each of them. */
static int
indirection_table(void)
{
	struct tg_options options = { .queues = 4 };
	uint64_t end = tg_now_ns() + 2000000000ull;
	struct echo e;

	TG_TRY(echo_start(&e, 0, &options));
	while (e.dev.tables == 0 && tg_now_ns() < end)
		tg_poll_all(&e.dev);
	TG_CHECK(e.dev.tables == 1, "%u tables", e.dev.tables);
	for (unsigned int i = 0; i < NVSP_INDIRECTION_ENTRIES; i++)
		TG_CHECK(e.dev.table[i] == i % 4, "entry %u is %u", i, e.dev.table[i]);
	echo_end(&e);
	return 0;
}

static int
second_open(void)
{
	struct tg_options options = { 0 };
	struct tg_device again;
	struct echo e;

	TG_TRY(echo_start(&e, 0, &options));
	TG_CHECK(tg_open(&again, 0) == 0, "second open");
	tg_close(&again);
	TG_TRY(echo_bytes(&e, e.dev.channel[0], TG_TX_SECTION, 100));
	echo_end(&e);
	return 0;
}

const struct tg_case right_control_cases[] = {
	{ "NVSP 1 negotiates and carries a frame", version_1, NULL },
	{ "NVSP 2 negotiates and carries a frame", version_2, NULL },
	{ "NVSP 4 negotiates and carries a frame", version_4, NULL },
	{ "NVSP 5 negotiates and carries a frame", version_5, NULL },
	{ "NVSP 6 negotiates and carries a frame", version_6, NULL },
	{ "NVSP 6.1 negotiates and carries a frame", version_61, NULL },
	{ "an unknown version is refused and the next one taken", version_refused, NULL },
	{ "OIDs say what was negotiated", oids, NULL },
	{ "every OID of the supported list is answered", supported_list, NULL },
	{ "the MAC address can be changed and the permanent one stays", mac_change, NULL },
	{ "no filter, no frames; with a filter they come", filter, NULL },
	{ "a multicast list is accepted", multicast_list, NULL },
	{ "statistics count what was sent", statistics, NULL },
	{ "HALT is completed", halt, NULL },
	{ "a device can be closed and opened twenty times", reopen, NULL },
	{ "the indirection table comes once and spreads over all channels", indirection_table,
		NULL },
	{ "a second open of the device leaves the first alone", second_open, NULL },
};
const unsigned int right_control_case_count =
	sizeof(right_control_cases) / sizeof(right_control_cases[0]);
