/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * NVSP messages as text: "SEND_BUFFER gpadl 0xe1e11 id 0". The bytes come
 * from the guest or from a trace file and may hold anything: a field is
 * copied out only if the message is long enough, else the text says so.
 */

#include "describe.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../../../drivers/net/netvsc/nvsp_wire.h"
#include "../core/util.h"

void
describe_start(struct describe_text *out, char *text, uint32_t text_bytes)
{
	*out = (struct describe_text) { .text = text, .size = text_bytes };
	if (text_bytes > 0)
		text[0] = '\0';
}

void
describe_add(struct describe_text *out, const char *format, ...)
{
	uint32_t room = out->size - out->used;
	va_list args;
	int n;

	if (room <= 1)
		return;
	va_start(args, format);
	n = vsnprintf(out->text + out->used, room, format, args);
	va_end(args);
	if (n > 0)
		out->used += HV_MIN((uint32_t)n, room - 1);
}

bool
describe_take(const struct describe_bytes *in, uint32_t offset, void *to, uint32_t size)
{
	if (!range_ok(offset, size, in->n)) {
		memset(to, 0, size);
		return false;
	}
	memcpy(to, in->bytes + offset, size);
	return true;
}

void
describe_flags(struct describe_text *out, uint32_t value, const struct describe_flag *flags,
	unsigned int count)
{
	const char *separator = "";

	if (value == 0)
		describe_add(out, "none");
	for (unsigned int i = 0; i < count; i++) {
		if ((value & flags[i].bits) == 0)
			continue;
		describe_add(out, "%s%s", separator, flags[i].name);
		value &= ~flags[i].bits;
		separator = "|";
	}
	if (value != 0)
		describe_add(out, "%s0x%x", separator, value);
}

/* ---- fields ---- */

static void
add_version(struct describe_text *out, uint32_t version)
{
	static const struct {
		uint32_t version;
		const char *name;
	} names[] = {
		{ NVSP_VERSION_1, "1" }, { NVSP_VERSION_2, "2" }, { NVSP_VERSION_4, "4" },
		{ NVSP_VERSION_5, "5" }, { NVSP_VERSION_6, "6" }, { NVSP_VERSION_61, "6.1" },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++) {
		if (names[i].version == version) {
			describe_add(out, " version %s", names[i].name);
			return;
		}
	}
	describe_add(out, " version 0x%x", version);
}

static void
add_status(struct describe_text *out, uint32_t status)
{
	static const char *const names[] = {
		[NVSP_STATUS_NONE] = "none", [NVSP_STATUS_SUCCESS] = "success",
		[NVSP_STATUS_FAILURE] = "failure", [NVSP_STATUS_INVALID_RNDIS] = "invalid-rndis",
		[NVSP_STATUS_BUSY] = "busy",
	};

	if (status < ARRAY_SIZE(names) && names[status] != NULL)
		describe_add(out, " status %s", names[status]);
	else
		describe_add(out, " status %u", status);
}

static void
add_path(struct describe_text *out, uint32_t path)
{
	if (path <= NVSP_DATA_PATH_VF)
		describe_add(out, " to %s", path == NVSP_DATA_PATH_VF ? "VF" : "synthetic");
	else
		describe_add(out, " to %u", path);
}

/* ---- messages ---- */

#define TAKE(type, name) \
	struct type name; \
	if (!describe_take(in, 0, &name, sizeof(name))) \
		return false

static bool
print_init(struct describe_text *out, const struct describe_bytes *in)
{
	TAKE(nvsp_init, m);
	add_version(out, m.version_min);
	return true;
}

static bool
print_init_complete(struct describe_text *out, const struct describe_bytes *in)
{
	TAKE(nvsp_init_complete, m);
	add_status(out, m.status);
	describe_add(out, " max-mdl-chain %u", m.max_mdl_chain);
	return true;
}

static bool
print_ndis_version(struct describe_text *out, const struct describe_bytes *in)
{
	TAKE(nvsp_ndis_version, m);
	describe_add(out, " %u.%u", m.major, m.minor);
	return true;
}

static bool
print_buffer(struct describe_text *out, const struct describe_bytes *in)
{
	TAKE(nvsp_buffer, m);
	describe_add(out, " gpadl 0x%x id 0x%x", m.gpadl, m.id);
	return true;
}

static bool
print_recv_buffer_complete(struct describe_text *out, const struct describe_bytes *in)
{
	struct nvsp_recv_section section;

	TAKE(nvsp_recv_buffer_complete, m);
	add_status(out, m.status);
	describe_add(out, " sections %u", m.section_count);
	for (uint32_t i = 0; i < HV_MIN(m.section_count, 8u); i++) {
		if (!describe_take(in, 12 + i * (uint32_t)sizeof(section), &section,
				sizeof(section)))
			return false;
		describe_add(out, " [at %u: %u x %u bytes, end %u]", section.offset,
			section.suballoc_count, section.suballoc_bytes, section.end_offset);
	}
	return true;
}

static bool
print_revoke(struct describe_text *out, const struct describe_bytes *in)
{
	TAKE(nvsp_revoke, m);
	describe_add(out, " id 0x%x", m.id);
	return true;
}

static bool
print_send_buffer_complete(struct describe_text *out, const struct describe_bytes *in)
{
	TAKE(nvsp_send_buffer_complete, m);
	add_status(out, m.status);
	describe_add(out, " section %u bytes", m.section_bytes);
	return true;
}

static bool
print_rndis(struct describe_text *out, const struct describe_bytes *in)
{
	TAKE(nvsp_rndis, m);
	describe_add(out, " %s", m.channel_type == NVSP_CHANNEL_DATA ? "data" :
		m.channel_type == NVSP_CHANNEL_CONTROL ? "control" : "type?");
	if (m.section_idx == NVSP_SECTION_NONE)
		describe_add(out, " no section");
	else
		describe_add(out, " section %u: %u bytes", m.section_idx, m.section_bytes);
	return true;
}

static bool
print_rndis_complete(struct describe_text *out, const struct describe_bytes *in)
{
	TAKE(nvsp_rndis_complete, m);
	add_status(out, m.status);
	return true;
}

static bool
print_ndis_config(struct describe_text *out, const struct describe_bytes *in)
{
	static const struct describe_flag flags[] = {
		{ NVSP_CONFIG_CAP_VMQ, "vmq" }, { NVSP_CONFIG_CAP_CHIMNEY, "chimney" },
		{ NVSP_CONFIG_CAP_SRIOV, "sriov" }, { NVSP_CONFIG_CAP_8021Q, "8021q" },
		{ NVSP_CONFIG_CAP_CORRELATION_ID, "correlation-id" },
		{ NVSP_CONFIG_CAP_TEAMING, "teaming" },
		{ NVSP_CONFIG_CAP_VIRTUAL_SUBNET, "virtual-subnet" }, { NVSP_CONFIG_CAP_RSC, "rsc" },
	};

	TAKE(nvsp_ndis_config, m);
	describe_add(out, " mtu %u capabilities ", m.mtu_bytes);
	describe_flags(out, m.capabilities_low, flags, ARRAY_SIZE(flags));
	if (m.capabilities_high != 0)
		describe_add(out, " high 0x%x", m.capabilities_high);
	return true;
}

static bool
print_vf_association(struct describe_text *out, const struct describe_bytes *in)
{
	TAKE(nvsp_vf_association, m);
	describe_add(out, " %s serial %u", m.allocated != 0 ? "VF present" : "VF gone", m.serial);
	return true;
}

static bool
print_data_path(struct describe_text *out, const struct describe_bytes *in)
{
	TAKE(nvsp_switch_data_path, m);
	add_path(out, m.path);
	return true;
}

static bool
print_oid_query_ex(struct describe_text *out, const struct describe_bytes *in)
{
	TAKE(nvsp_oid_query_ex, m);
	describe_add(out, " %s object 0x%x revision %u", describe_oid(m.oid), m.ndis_type,
		m.ndis_revision);
	return true;
}

static bool
print_oid_query_ex_complete(struct describe_text *out, const struct describe_bytes *in)
{
	TAKE(nvsp_oid_query_ex_complete, m);
	describe_add(out, " %s, %u bytes", describe_status(m.status), m.bytes);
	return true;
}

/* Request and reply have one type: the reply has a status where the request
 * has an operation, and both mean success or allocate by 1. */
static bool
print_subchannel(struct describe_text *out, const struct describe_bytes *in)
{
	TAKE(nvsp_subchannel, m);
	describe_add(out, " operation/status %u count %u", m.operation, m.count);
	return true;
}

static bool
print_indirection_table(struct describe_text *out, const struct describe_bytes *in)
{
	uint32_t entry;

	TAKE(nvsp_indirection_table, m);
	describe_add(out, " %u entries at %u:", m.count, m.offset);
	for (uint32_t i = 0; i < HV_MIN(m.count, 64u); i++) {
		if (m.offset > in->n || !describe_take(in, m.offset + 4 * i, &entry, 4))
			return false;
		describe_add(out, " %u", entry);
	}
	return true;
}

static bool
print_nothing(struct describe_text *out, const struct describe_bytes *in)
{
	(void)out;
	(void)in;
	return true;
}

static const struct {
	uint32_t type;
	const char *name;
	bool (*print)(struct describe_text *out, const struct describe_bytes *in);
} messages[] = {
	{ NVSP_INIT, "INIT", print_init },
	{ NVSP_INIT_COMPLETE, "INIT_COMPLETE", print_init_complete },
	{ NVSP_NDIS_VERSION, "NDIS_VERSION", print_ndis_version },
	{ NVSP_RECV_BUFFER, "RECV_BUFFER", print_buffer },
	{ NVSP_RECV_BUFFER_COMPLETE, "RECV_BUFFER_COMPLETE", print_recv_buffer_complete },
	{ NVSP_REVOKE_RECV_BUFFER, "REVOKE_RECV_BUFFER", print_revoke },
	{ NVSP_SEND_BUFFER, "SEND_BUFFER", print_buffer },
	{ NVSP_SEND_BUFFER_COMPLETE, "SEND_BUFFER_COMPLETE", print_send_buffer_complete },
	{ NVSP_REVOKE_SEND_BUFFER, "REVOKE_SEND_BUFFER", print_revoke },
	{ NVSP_RNDIS, "RNDIS", print_rndis },
	{ NVSP_RNDIS_COMPLETE, "RNDIS_COMPLETE", print_rndis_complete },
	{ NVSP_NDIS_CONFIG, "NDIS_CONFIG", print_ndis_config },
	{ NVSP_VF_ASSOCIATION, "VF_ASSOCIATION", print_vf_association },
	{ NVSP_SWITCH_DATA_PATH, "SWITCH_DATA_PATH", print_data_path },
	{ NVSP_UPLINK_CONNECT_STATE, "UPLINK_CONNECT_STATE", print_nothing },
	{ NVSP_OID_QUERY_EX, "OID_QUERY_EX", print_oid_query_ex },
	{ NVSP_OID_QUERY_EX_COMPLETE, "OID_QUERY_EX_COMPLETE", print_oid_query_ex_complete },
	{ NVSP_SUBCHANNEL, "SUBCHANNEL", print_subchannel },
	{ NVSP_INDIRECTION_TABLE, "INDIRECTION_TABLE", print_indirection_table },
	{ NVSP_PD_API, "PD_API", print_nothing },
	{ NVSP_PD_POST_BATCH, "PD_POST_BATCH", print_nothing },
};

int
describe_nvsp(const void *bytes, uint32_t n, char *text, uint32_t text_bytes)
{
	struct describe_bytes in = { bytes, n };
	struct describe_text out;
	uint32_t type;

	describe_start(&out, text, text_bytes);
	if (!describe_take(&in, 0, &type, sizeof(type))) {
		describe_add(&out, n == 0 ? "empty" : "too short: %u bytes", n);
		return (int)out.used;
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(messages); i++) {
		if (messages[i].type != type)
			continue;
		describe_add(&out, "%s", messages[i].name);
		if (!messages[i].print(&out, &in))
			describe_add(&out, " (too short: %u bytes)", n);
		return (int)out.used;
	}
	describe_add(&out, "unknown type %u, %u bytes", type, n);
	return (int)out.used;
}
