/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Receive-side scaling as the guest sees it: what the host can do, and the
 * guest's key, hash types and table. A real change restarts the backend.
 */

#include <string.h>

#include "nic.h"

#define RSS_TABLE_MAX 256u
#define RSS_INTERRUPT_MESSAGES 1u

/* Capability flags of hash types that came with NDIS 6.80. */
#define NDIS_RSS_CAP_UDP_IPV4 0x00000800u
#define NDIS_RSS_CAP_UDP_IPV6 0x00001000u

void
oid_rss_reset(struct vsp_nic *nic)
{
	rss_free(&nic->rss);
	memset(&nic->rss, 0, sizeof(nic->rss));
	nic->rss.entries = nic->profile->rss_table_entries;
}

uint32_t
oid_rss_capabilities(const struct vsp_nic *nic, struct ndis_rss_capabilities *capabilities)
{
	static const struct {
		uint32_t types, flag;
	} map[] = {
		{ NDIS_HASH_TCP_IPV4, NDIS_RSS_CAP_IPV4 },
		{ NDIS_HASH_TCP_IPV6, NDIS_RSS_CAP_IPV6 },
		{ NDIS_HASH_TCP_IPV6_EX, NDIS_RSS_CAP_IPV6_EX },
		{ NDIS_HASH_UDP_IPV4, NDIS_RSS_CAP_UDP_IPV4 },
		{ NDIS_HASH_UDP_IPV6, NDIS_RSS_CAP_UDP_IPV6 },
	};
	const struct vsp_profile *profile = nic->profile;
	uint16_t bytes = profile->rss_revision >= 2 ? NDIS_RSS_CAPABILITIES_BYTES_REV2 :
		NDIS_RSS_CAPABILITIES_BYTES_REV1;

	memset(capabilities, 0, sizeof(*capabilities));
	capabilities->header = (struct ndis_object_header){ NDIS_OBJECT_RSS_CAPABILITIES,
		profile->rss_revision, bytes };
	capabilities->flags = NDIS_HASH_TOEPLITZ;
	for (unsigned int i = 0; i < ARRAY_SIZE(map); i++)
		if (profile->rss_hash_types & map[i].types)
			capabilities->flags |= map[i].flag;
	capabilities->interrupt_messages = RSS_INTERRUPT_MESSAGES;
	capabilities->queues = HV_MAX(nic_queues_granted(nic),
		(unsigned int)profile->queues_announced);
	capabilities->table_entries = profile->rss_table_entries;
	return bytes;
}

/* ---- parameters ---- */

/* True if the guest leaves this part as it is, and may. */
static bool
unchanged(const struct vsp_nic *nic, const struct ndis_rss_parameters *parameters, uint16_t flag)
{
	return parameters->flags & flag && !(nic->profile->quirks & VSP_QUIRK_RSS_ALL_ANEW) &&
		nic->rss.toeplitz != NULL;
}

static uint32_t
key_read(struct vsp_nic *nic, const struct ndis_rss_parameters *parameters,
	const uint8_t *data, uint32_t bytes, struct vsp_rss *rss)
{
	if (unchanged(nic, parameters, NDIS_RSS_KEY_UNCHANGED))
		return NDIS_STATUS_SUCCESS;
	if (parameters->key_bytes != NDIS_RSS_KEY_BYTES)
		return oid_malformed(nic, NDIS_STATUS_INVALID_DATA, "RSS key is not of 40 bytes");
	if (!range_ok(parameters->key_offset, NDIS_RSS_KEY_BYTES, bytes))
		return oid_malformed(nic, NDIS_STATUS_FAILURE, "RSS key out of bounds");
	memcpy(rss->key, data + parameters->key_offset, NDIS_RSS_KEY_BYTES);
	return NDIS_STATUS_SUCCESS;
}

/* A shorter table is repeated to the host's size, a longer one is cut. */
static uint32_t
table_read(struct vsp_nic *nic, const struct ndis_rss_parameters *parameters,
	const uint8_t *data, uint32_t bytes, struct vsp_rss *rss)
{
	uint32_t count = parameters->table_bytes / sizeof(uint32_t), entry;
	unsigned int queues = nic_queues_granted(nic);

	if (unchanged(nic, parameters, NDIS_RSS_TABLE_UNCHANGED))
		return NDIS_STATUS_SUCCESS;
	if (count == 0 || parameters->table_bytes % sizeof(uint32_t) != 0)
		return oid_malformed(nic, NDIS_STATUS_INVALID_DATA, "RSS table length");
	if (!range_ok(parameters->table_offset, parameters->table_bytes, bytes))
		return oid_malformed(nic, NDIS_STATUS_FAILURE, "RSS table out of bounds");
	for (uint32_t i = 0; i < HV_MAX(count, (uint32_t)rss->entries); i++) {
		memcpy(&entry, data + parameters->table_offset + i % count * sizeof(entry),
			sizeof(entry));
		if (entry >= queues)
			return oid_malformed(nic, NDIS_STATUS_INVALID_DATA, "RSS table entry");
		if (i < rss->entries && i < RSS_TABLE_MAX)
			rss->table[i] = (uint8_t)entry;
	}
	return NDIS_STATUS_SUCCESS;
}

static uint32_t
rss_disable(struct vsp_nic *nic)
{
	if (!nic->rss.enabled)
		return NDIS_STATUS_SUCCESS;
	nic->rss.enabled = false;
	nic_restart_backend(nic);
	return NDIS_STATUS_SUCCESS;
}

static bool
rss_equal(const struct vsp_rss *a, const struct vsp_rss *b)
{
	return a->enabled == b->enabled && a->hash_types == b->hash_types &&
		memcmp(a->key, b->key, sizeof(a->key)) == 0 &&
		memcmp(a->table, b->table, sizeof(a->table)) == 0;
}

/* Takes over what was checked; the key's tables are made anew. */
static uint32_t
rss_apply(struct vsp_nic *nic, const struct vsp_rss *wanted)
{
	uint32_t *toeplitz;

	if (rss_equal(&nic->rss, wanted))
		return NDIS_STATUS_SUCCESS;
	if (rss_set_key(&nic->rss, wanted->key) < 0)
		return NDIS_STATUS_RESOURCES;
	toeplitz = nic->rss.toeplitz;
	nic->rss = *wanted;
	nic->rss.toeplitz = toeplitz;
	nic_restart_backend(nic);
	return NDIS_STATUS_SUCCESS;
}

/* The object header is not looked at, as on real hosts. */
uint32_t
oid_rss_set(struct vsp_nic *nic, const uint8_t *data, uint32_t bytes)
{
	struct ndis_rss_parameters parameters = { 0 };
	struct vsp_rss wanted = nic->rss;
	uint32_t status;

	if (bytes < NDIS_RSS_PARAMETERS_BYTES_REV1)
		return oid_malformed(nic, NDIS_STATUS_FAILURE, "short RSS parameters");
	memcpy(&parameters, data, NDIS_RSS_PARAMETERS_BYTES_REV1);
	if (!unchanged(nic, &parameters, NDIS_RSS_HASH_UNCHANGED))
		wanted.hash_types = parameters.hash_info;
	if (parameters.flags & NDIS_RSS_DISABLE ||
		(wanted.hash_types & NDIS_HASH_FUNCTION_MASK) == 0)
		return rss_disable(nic);
	wanted.hash_types &= nic->profile->rss_hash_types | NDIS_HASH_FUNCTION_MASK;
	wanted.enabled = true;
	status = key_read(nic, &parameters, data, bytes, &wanted);
	if (status == NDIS_STATUS_SUCCESS)
		status = table_read(nic, &parameters, data, bytes, &wanted);
	return status == NDIS_STATUS_SUCCESS ? rss_apply(nic, &wanted) : status;
}
