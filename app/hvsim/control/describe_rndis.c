/* SPDX-License-Identifier: BSD-3-Clause */

/* RNDIS control messages as text: "QUERY #3 OID_GEN_LINK_SPEED". */

#include <stddef.h>
#include <string.h>

#include "../../../drivers/net/netvsc/rndis_wire.h"
#include "../core/util.h"
#include "describe.h"

#define TAKE(type, name) \
	struct type name; \
	if (!describe_take(in, 0, &name, sizeof(name))) \
		return false

/* Information at an offset that counts from after the header. */
static bool
add_info(struct describe_text *out, const struct describe_bytes *in, uint32_t oid,
	uint32_t offset, uint32_t bytes)
{
	struct describe_bytes info;

	if (bytes == 0)
		return true;
	if (in->n < sizeof(struct rndis_header) ||
	    !range_ok(offset, bytes, in->n - sizeof(struct rndis_header))) {
		describe_add(out, ", %u bytes at %u: out of bounds", bytes, offset);
		return true;
	}
	info.bytes = in->bytes + sizeof(struct rndis_header) + offset;
	info.n = bytes;
	describe_information(out, oid, &info);
	return true;
}

static bool
print_init(struct describe_text *out, const struct describe_bytes *in, uint32_t oid)
{
	TAKE(rndis_init, m);
	(void)oid;
	describe_add(out, " #%u version %u.%u max-transfer %u", m.request_id, m.major, m.minor,
		m.max_transfer_bytes);
	return true;
}

static bool
print_init_complete(struct describe_text *out, const struct describe_bytes *in, uint32_t oid)
{
	TAKE(rndis_init_complete, m);
	(void)oid;
	describe_add(out, " #%u %s version %u.%u packets-per-message %u max-transfer %u "
		"alignment %u", m.request_id, describe_status(m.status), m.major, m.minor,
		m.max_packets_per_msg, m.max_transfer_bytes,
		m.alignment_shift < 32 ? 1u << m.alignment_shift : 0);
	return true;
}

static bool
print_request_id(struct describe_text *out, const struct describe_bytes *in, uint32_t oid)
{
	TAKE(rndis_halt, m);
	(void)oid;
	describe_add(out, " #%u", m.request_id);
	return true;
}

/* What a query brings along is an empty structure to be filled in. */
static bool
print_query(struct describe_text *out, const struct describe_bytes *in, uint32_t oid)
{
	TAKE(rndis_oid_request, m);
	(void)oid;
	describe_add(out, " #%u %s", m.request_id, describe_oid(m.oid));
	if (m.info_bytes != 0)
		describe_add(out, ", %u bytes of input", m.info_bytes);
	return true;
}

static bool
print_set(struct describe_text *out, const struct describe_bytes *in, uint32_t oid)
{
	TAKE(rndis_oid_request, m);
	(void)oid;
	describe_add(out, " #%u %s", m.request_id, describe_oid(m.oid));
	return add_info(out, in, m.oid, m.info_offset, m.info_bytes);
}

static bool
print_query_complete(struct describe_text *out, const struct describe_bytes *in, uint32_t oid)
{
	TAKE(rndis_query_complete, m);
	describe_add(out, " #%u %s", m.request_id, describe_status(m.status));
	if (oid != 0)
		describe_add(out, " %s", describe_oid(oid));
	return add_info(out, in, oid, m.info_offset, m.info_bytes);
}

static bool
print_set_complete(struct describe_text *out, const struct describe_bytes *in, uint32_t oid)
{
	TAKE(rndis_set_complete, m);
	describe_add(out, " #%u %s", m.request_id, describe_status(m.status));
	if (oid != 0)
		describe_add(out, " %s", describe_oid(oid));
	return true;
}

static bool
print_reset_complete(struct describe_text *out, const struct describe_bytes *in, uint32_t oid)
{
	TAKE(rndis_reset_complete, m);
	(void)oid;
	describe_add(out, " %s addressing-reset %u", describe_status(m.status),
		m.addressing_reset);
	return true;
}

static bool
print_indicate_status(struct describe_text *out, const struct describe_bytes *in, uint32_t oid)
{
	TAKE(rndis_indicate_status, m);
	(void)oid;
	describe_add(out, " %s", describe_status(m.status));
	return add_info(out, in, m.status, m.buffer_offset, m.buffer_bytes);
}

static bool
print_packet(struct describe_text *out, const struct describe_bytes *in, uint32_t oid)
{
	TAKE(rndis_packet, m);
	(void)oid;
	describe_add(out, " data %u at %u, per-packet information %u at %u", m.data_bytes,
		m.data_offset, m.ppi_bytes, m.ppi_offset);
	return true;
}

static bool
print_header_only(struct describe_text *out, const struct describe_bytes *in, uint32_t oid)
{
	(void)out;
	(void)in;
	(void)oid;
	return true;
}

static const struct {
	uint32_t type;
	const char *name;
	bool (*print)(struct describe_text *out, const struct describe_bytes *in, uint32_t oid);
} messages[] = {
	{ RNDIS_PACKET, "PACKET", print_packet },
	{ RNDIS_INIT, "INIT", print_init },
	{ RNDIS_INIT | RNDIS_COMPLETION, "INIT_COMPLETE", print_init_complete },
	{ RNDIS_HALT, "HALT", print_request_id },
	{ RNDIS_QUERY, "QUERY", print_query },
	{ RNDIS_QUERY | RNDIS_COMPLETION, "QUERY_COMPLETE", print_query_complete },
	{ RNDIS_SET, "SET", print_set },
	{ RNDIS_SET | RNDIS_COMPLETION, "SET_COMPLETE", print_set_complete },
	{ RNDIS_RESET, "RESET", print_header_only },
	{ RNDIS_RESET | RNDIS_COMPLETION, "RESET_COMPLETE", print_reset_complete },
	{ RNDIS_INDICATE_STATUS, "INDICATE_STATUS", print_indicate_status },
	{ RNDIS_KEEPALIVE, "KEEPALIVE", print_request_id },
	{ RNDIS_KEEPALIVE | RNDIS_COMPLETION, "KEEPALIVE_COMPLETE", print_set_complete },
	{ RNDIS_SET_EX, "SET_EX", print_header_only },
};

int
describe_rndis_reply(uint32_t oid, const void *bytes, uint32_t n, char *text,
	uint32_t text_bytes)
{
	struct describe_bytes in = { bytes, n };
	struct describe_text out;
	struct rndis_header header;

	describe_start(&out, text, text_bytes);
	if (!describe_take(&in, 0, &header, sizeof(header))) {
		describe_add(&out, "too short: %u bytes", n);
		return (int)out.used;
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(messages); i++) {
		if (messages[i].type != header.type)
			continue;
		describe_add(&out, "%s", messages[i].name);
		if (!messages[i].print(&out, &in, oid))
			describe_add(&out, " (too short: %u bytes)", n);
		if (header.msg_bytes != n)
			describe_add(&out, " (says %u bytes, has %u)", header.msg_bytes, n);
		return (int)out.used;
	}
	describe_add(&out, "unknown type 0x%x, %u bytes", header.type, n);
	return (int)out.used;
}

int
describe_rndis(const void *bytes, uint32_t n, char *text, uint32_t text_bytes)
{
	return describe_rndis_reply(0, bytes, n, text, text_bytes);
}
