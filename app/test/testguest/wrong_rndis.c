/* SPDX-License-Identifier: BSD-3-Clause */
/* Wrong in the RNDIS control conversation. */

#include <errno.h>
#include <string.h>

#include "wrong.h"

/* Sends a control message, its NVSP completion being `status`, and expects
 * the channel to fall silent. */
static int
dead_control(const void *message, uint32_t bytes, const char *rule)
{
	struct wrong w;
	uint32_t status = 99;
	int err;

	TG_TRY(wrong_start(&w, true));
	err = tg_rndis_send(w.a.channel[0], message, bytes, &status);
	TG_CHECK(err == 0 && status == NVSP_STATUS_SUCCESS,
		"%s: its own completion comes first: %d, status %u", rule, err, status);
	TG_TRY(wrong_dead(&w, w.a.channel[0], rule));
	wrong_end(&w);
	return 0;
}

static int
type_unknown(void)
{
	struct rndis_keepalive message = { { 0x42, sizeof(message) }, 1 };

	return dead_control(&message, sizeof(message), "RNDIS_TYPE");
}

static int
query_truncated(void)
{
	struct rndis_keepalive message = { { RNDIS_QUERY, sizeof(message) }, 1 };

	return dead_control(&message, sizeof(message), "RNDIS_TRUNCATED");
}

static int
init_truncated(void)
{
	struct rndis_header message = { RNDIS_KEEPALIVE, sizeof(message) };

	return dead_control(&message, sizeof(message), "RNDIS_TRUNCATED");
}

static int
init_twice(void)
{
	struct rndis_init message = { .header = { RNDIS_INIT, sizeof(message) }, .request_id = 1,
		.major = 1, .max_transfer_bytes = 0x4000 };

	return dead_control(&message, sizeof(message), "RNDIS_INIT_TWICE");
}

static int
reset(void)
{
	struct rndis_keepalive message = { { RNDIS_RESET, sizeof(message) }, 0 };

	return dead_control(&message, sizeof(message), "RNDIS_RESET");
}

static int
set_ex(void)
{
	uint32_t message[16] = { RNDIS_SET_EX, sizeof(message), 1 };

	return dead_control(message, sizeof(message), "RNDIS_RESET");
}

static int
indicate(void)
{
	struct rndis_indicate_status message = { { RNDIS_INDICATE_STATUS, sizeof(message) },
		NDIS_STATUS_MEDIA_CONNECT, 0, 0 };

	return dead_control(&message, sizeof(message), "RNDIS_RESET");
}

/* ---- order ---- */

static int
rndis_before_buffer(void)
{
	struct rndis_init message = { .header = { RNDIS_INIT, sizeof(message) }, .request_id = 1,
		.major = 1, .max_transfer_bytes = 0x4000 };
	struct tg_piece range = { &message, sizeof(message) };
	struct tg_raw raw = { .ranges = &range, .range_count = 1,
		.channel_type = NVSP_CHANNEL_CONTROL };
	struct wrong w;
	uint64_t tid;

	TG_TRY(wrong_start(&w, false));
	TG_CHECK(tg_nvsp_init(&w.a, NVSP_VERSION_5) == 0, "INIT");
	TG_CHECK(tg_nvsp_ndis_config(&w.a, 1514, 0) == 0, "config");
	memcpy(w.a.control.base, &message, sizeof(message));
	range.base = w.a.control.base;
	TG_CHECK(tg_tx_raw(w.a.channel[0], &raw, &tid) == 0, "ring full");
	TG_TRY(wrong_dead(&w, w.a.channel[0], "RNDIS_ORDER"));
	wrong_end(&w);
	return 0;
}

/* ---- what only fails ---- */

static int
control_on_subchannel(void)
{
	struct rndis_keepalive message = { { RNDIS_KEEPALIVE, sizeof(message) }, 1 };
	struct wrong w;
	uint32_t status = 99;

	TG_TRY(wrong_start(&w, true));
	TG_CHECK(tg_rndis_send(w.a.channel[1], &message, sizeof(message), &status) == 0, "sent");
	TG_CHECK(status == NVSP_STATUS_FAILURE, "status %u", status);
	TG_TRY(wrong_reported(&w, w.a.channel[1], 0, "RNDIS_CONTROL_ON_SUBCHANNEL"));
	wrong_end(&w);
	return 0;
}

/* The guest keeps all control messages of the host, so that its own requests
 * pile up until the host refuses one. */
static int
queue_overflow(void)
{
	static struct { struct rndis_oid_request request; uint8_t info[4000]; } message;
	struct wrong w;
	uint32_t status = NVSP_STATUS_SUCCESS;
	unsigned int sent = 0;

	TG_TRY(wrong_start(&w, true));
	w.a.channel[0]->hold_control = true;
	message.request = (struct rndis_oid_request){ { RNDIS_QUERY, sizeof(message) }, 1,
		OID_GEN_FRIENDLY_NAME, sizeof(message.info), 20, 0 };
	while (status == NVSP_STATUS_SUCCESS && sent++ < 2000)
		TG_CHECK(tg_rndis_send(w.a.channel[0], &message, sizeof(message), &status) == 0,
			"request %u got no completion", sent);
	TG_CHECK(status == NVSP_STATUS_FAILURE, "status %u after %u requests", status, sent);
	TG_TRY(wrong_counted(&w, "RNDIS_QUEUE"));
	w.a.channel[0]->hold_control = false;
	tg_release(w.a.channel[0], TG_SECTIONS_MAX);
	TG_TRY(wrong_alive(w.a.channel[0]));
	TG_TRY(wrong_reported(&w, w.a.channel[0], 0, "RNDIS_QUEUE"));
	wrong_end(&w);
	return 0;
}

/* ---- OID data ---- */

static int
bad_oid(uint32_t oid, const void *info, uint32_t bytes)
{
	struct wrong w;
	uint32_t status = 0;
	int err;

	TG_TRY(wrong_start(&w, true));
	err = tg_rndis_set(&w.a, oid, info, bytes, &status);
	TG_CHECK(err == -ENOTSUP && status != NDIS_STATUS_SUCCESS, "%d, status 0x%x", err, status);
	TG_TRY(wrong_reported(&w, w.a.channel[0], 0, "OID_DATA"));
	wrong_end(&w);
	return 0;
}

struct rss_request {
	struct ndis_rss_parameters p;
	uint32_t table[4];
	uint8_t key[NDIS_RSS_KEY_BYTES];
};

static struct rss_request
rss_request(void)
{
	struct rss_request r = { .p = {
		.header = { NDIS_OBJECT_RSS_PARAMETERS, 3, NDIS_RSS_PARAMETERS_BYTES_REV3 },
		.hash_info = NDIS_HASH_TOEPLITZ | NDIS_HASH_IPV4, .table_bytes = 16,
		.table_offset = NDIS_RSS_PARAMETERS_BYTES_REV3, .key_bytes = NDIS_RSS_KEY_BYTES,
		.key_offset = NDIS_RSS_PARAMETERS_BYTES_REV3 + 16 }, .table = { 0, 1, 0, 1 } };

	memcpy(r.key, tg_rss_key, NDIS_RSS_KEY_BYTES);
	return r;
}

static int
rss_short_key(void)
{
	struct rss_request r = rss_request();

	r.p.key_bytes = 39;
	return bad_oid(OID_GEN_RECEIVE_SCALE_PARAMETERS, &r, sizeof(r));
}

static int
rss_empty_table(void)
{
	struct rss_request r = rss_request();

	r.p.table_bytes = 0;
	return bad_oid(OID_GEN_RECEIVE_SCALE_PARAMETERS, &r, sizeof(r));
}

static int
rss_queue_unknown(void)
{
	struct rss_request r = rss_request();

	r.table[2] = 64;
	return bad_oid(OID_GEN_RECEIVE_SCALE_PARAMETERS, &r, sizeof(r));
}

static int
rss_table_outside(void)
{
	struct rss_request r = rss_request();

	r.p.table_offset = 0xfffffff0u;
	return bad_oid(OID_GEN_RECEIVE_SCALE_PARAMETERS, &r, sizeof(r));
}

static int
filter_short(void)
{
	uint16_t filter = NDIS_FILTER_DIRECTED;

	return bad_oid(OID_GEN_CURRENT_PACKET_FILTER, &filter, sizeof(filter));
}

static int
offload_short(void)
{
	struct ndis_offload_parameters p = { .header = { NDIS_OBJECT_DEFAULT, 3,
		NDIS_OFFLOAD_PARAMETERS_BYTES_REV3 } };

	return bad_oid(OID_TCP_OFFLOAD_PARAMETERS, &p, 12);
}

static int
offload_other_object(void)
{
	struct ndis_offload_parameters p = { .header = { NDIS_OBJECT_OFFLOAD, 3,
		NDIS_OFFLOAD_PARAMETERS_BYTES_REV3 } };

	return bad_oid(OID_TCP_OFFLOAD_PARAMETERS, &p, sizeof(p));
}

const struct tg_case wrong_rndis_cases[] = {
	{ "an unknown RNDIS message is completed, then the channel is silent", type_unknown,
		"RNDIS_TYPE" },
	{ "a truncated QUERY is completed, then the channel is silent", query_truncated,
		"RNDIS_TRUNCATED" },
	{ "a truncated KEEPALIVE is completed, then the channel is silent", init_truncated,
		"RNDIS_TRUNCATED" },
	{ "a second RNDIS INIT is completed, then the channel is silent", init_twice,
		"RNDIS_INIT_TWICE" },
	{ "RNDIS RESET is completed, then the channel is silent", reset, "RNDIS_RESET" },
	{ "RNDIS SET_EX is completed, then the channel is silent", set_ex, "RNDIS_RESET" },
	{ "RNDIS INDICATE_STATUS is completed, then the channel is silent", indicate,
		"RNDIS_RESET" },
	{ "RNDIS before the receive buffer silences the channel", rndis_before_buffer,
		"RNDIS_ORDER" },
	{ "a control message on a subchannel fails", control_on_subchannel,
		"RNDIS_CONTROL_ON_SUBCHANNEL" },
	{ "control messages beyond the host's queue fail, and it recovers", queue_overflow,
		"RNDIS_QUEUE" },
	{ "an RSS key of 39 bytes is refused", rss_short_key, "OID_DATA" },
	{ "an empty RSS table is refused", rss_empty_table, "OID_DATA" },
	{ "an RSS table that names a queue beyond the host's is refused", rss_queue_unknown,
		"OID_DATA" },
	{ "an RSS table outside the request is refused", rss_table_outside, "OID_DATA" },
	{ "a packet filter of two bytes is refused", filter_short, "OID_DATA" },
	{ "truncated offload parameters are refused", offload_short, "OID_DATA" },
	{ "offload parameters of another object type are refused", offload_other_object,
		"OID_DATA" },
};
const unsigned int wrong_rndis_case_count =
	sizeof(wrong_rndis_cases) / sizeof(wrong_rndis_cases[0]);
