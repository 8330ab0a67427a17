/* SPDX-License-Identifier: BSD-3-Clause */

/* Receive-side scaling; see netvsc_rss.h. */

#include "netvsc_rss.h"

#include <errno.h>
#include <string.h>

#include "netvsc_rndis.h"

/* What a host has that does not say, or says 0. */
#define TABLE_ENTRIES_DEFAULT 128u

#define HF_IPV4 (RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_FRAG_IPV4 | RTE_ETH_RSS_NONFRAG_IPV4_OTHER)
#define HF_IPV6 (RTE_ETH_RSS_IPV6 | RTE_ETH_RSS_FRAG_IPV6 | RTE_ETH_RSS_NONFRAG_IPV6_OTHER)

/* DPDK's hash types, the host's, and the capability that offers them. */
static const struct hash_rule {
	uint64_t hf;
	uint32_t hash, capability;
} hash_rules[] = {
	{ HF_IPV4, NDIS_HASH_IPV4, NDIS_RSS_CAP_IPV4 },
	{ RTE_ETH_RSS_NONFRAG_IPV4_TCP, NDIS_HASH_TCP_IPV4, NDIS_RSS_CAP_IPV4 },
	{ RTE_ETH_RSS_NONFRAG_IPV4_UDP, NDIS_HASH_UDP_IPV4, NDIS_RSS_CAP_UDP_IPV4 },
	{ HF_IPV6, NDIS_HASH_IPV6, NDIS_RSS_CAP_IPV6 },
	{ RTE_ETH_RSS_NONFRAG_IPV6_TCP, NDIS_HASH_TCP_IPV6, NDIS_RSS_CAP_IPV6 },
	{ RTE_ETH_RSS_NONFRAG_IPV6_UDP, NDIS_HASH_UDP_IPV6, NDIS_RSS_CAP_UDP_IPV6 },
	{ RTE_ETH_RSS_IPV6_EX, NDIS_HASH_IPV6_EX, NDIS_RSS_CAP_IPV6_EX },
	{ RTE_ETH_RSS_IPV6_TCP_EX, NDIS_HASH_TCP_IPV6_EX, NDIS_RSS_CAP_IPV6_EX },
	{ RTE_ETH_RSS_IPV6_UDP_EX, NDIS_HASH_UDP_IPV6_EX, NDIS_RSS_CAP_UDP_IPV6_EX },
};

/* The key of the test vectors that came with the hash's specification. */
static const uint8_t default_key[NDIS_RSS_KEY_BYTES] = {
	0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2,
	0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0,
	0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4,
	0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c,
	0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
};

/* ---- capabilities ---- */

static void
no_rss(struct netvsc_host *host)
{
	host->queues = 1;
	host->reta_size = 0;
	host->rss_caps = 0;
	host->rss_hf = 0;
}

static int
capabilities_apply(struct netvsc_device *dev, const struct ndis_rss_capabilities *answer,
	uint32_t bytes)
{
	struct netvsc_host *host = &dev->host;
	uint32_t entries = 0;

	if (answer->header.type != NDIS_OBJECT_RSS_CAPABILITIES || answer->header.revision == 0 ||
	    answer->header.bytes < NDIS_RSS_CAPABILITIES_BYTES_REV1 ||
	    answer->header.bytes > bytes) {
		netvsc_fault(dev, "RSS capabilities: object 0x%x revision %u of %u bytes in"
			" %u make no sense", answer->header.type,
			answer->header.revision, answer->header.bytes, bytes);
		return -EPROTO;
	}
	if (answer->header.revision >= 2 &&
	    answer->header.bytes >= NDIS_RSS_CAPABILITIES_BYTES_REV2)
		entries = answer->table_entries;
	if (entries == 0)
		entries = TABLE_ENTRIES_DEFAULT;
	if ((answer->flags & NDIS_HASH_TOEPLITZ) == 0 || answer->queues == 0)
		return 0;               /* RSS, but none that we could use */
	host->reta_size = (uint16_t)RTE_MIN(entries, NETVSC_RETA_MAX);
	host->queues = RTE_MIN(RTE_MIN(answer->queues, (uint32_t)host->reta_size),
		(uint32_t)NETVSC_QUEUES_MAX);
	host->rss_caps = answer->flags;
	for (unsigned int i = 0; i < RTE_DIM(hash_rules); i++)
		if ((answer->flags & hash_rules[i].capability) != 0)
			host->rss_hf |= hash_rules[i].hf;
	return 0;
}

int
netvsc_rss_query(struct netvsc_device *dev)
{
	const struct ndis_object_header input = {
		NDIS_OBJECT_RSS_CAPABILITIES, 2, NDIS_RSS_CAPABILITIES_BYTES_REV2,
	};
	struct ndis_rss_capabilities answer;
	const struct netvsc_rndis_query query = {
		.oid = OID_GEN_RECEIVE_SCALE_CAPABILITIES,
		.optional = true,
		.input = &input, .input_bytes = sizeof(input),
		.output = &answer, .output_bytes = NDIS_RSS_CAPABILITIES_BYTES_REV2,
		.output_min = NDIS_RSS_CAPABILITIES_BYTES_REV1,
	};
	int ret = 0;

	netvsc_xact_lock(dev);
	no_rss(&dev->host);
	if (dev->host.nvsp >= NVSP_VERSION_5) { /* older ones do not know the question */
		ret = netvsc_rndis_query(dev, &query);
		if (ret >= 0)
			ret = capabilities_apply(dev, &answer, (uint32_t)ret);
		else if (netvsc_rndis_refused(ret))
			ret = 0;
	}
	netvsc_xact_unlock(dev);
	return ret;
}

/* ---- parameters ---- */

/* Revision 2, the table and the key behind it. */
struct parameters {
	uint8_t bytes[NDIS_RSS_PARAMETERS_BYTES_REV2 + NETVSC_RETA_MAX * sizeof(uint32_t) +
		NDIS_RSS_KEY_BYTES];
};

static uint32_t
hash_types(uint64_t hf)
{
	uint32_t types = NDIS_HASH_TOEPLITZ;

	for (unsigned int i = 0; i < RTE_DIM(hash_rules); i++)
		if ((hf & hash_rules[i].hf) != 0)
			types |= hash_rules[i].hash;
	return types;
}

/* Complete also where it only switches off: some hosts check all of it. */
static int
parameters_send(struct netvsc_device *dev, const struct netvsc_rss *rss, uint16_t flags)
{
	const uint32_t table_bytes = rss->reta_size * (uint32_t)sizeof(uint32_t);
	struct ndis_rss_parameters head = {
		.header = { NDIS_OBJECT_RSS_PARAMETERS, 2, NDIS_RSS_PARAMETERS_BYTES_REV2 },
		.flags = flags,
		.hash_info = hash_types(rss->hf),
		.table_bytes = (uint16_t)table_bytes,
		.table_offset = NDIS_RSS_PARAMETERS_BYTES_REV2,
		.key_bytes = NDIS_RSS_KEY_BYTES,
		.key_offset = NDIS_RSS_PARAMETERS_BYTES_REV2 + table_bytes,
	};
	struct parameters message;

	memcpy(message.bytes, &head, NDIS_RSS_PARAMETERS_BYTES_REV2);
	for (uint32_t i = 0; i < rss->reta_size; i++) {
		uint32_t entry = rss->reta[i];

		memcpy(message.bytes + head.table_offset + i * sizeof(entry), &entry, sizeof(entry));
	}
	memcpy(message.bytes + head.key_offset, rss->key, sizeof(rss->key));
	return netvsc_rndis_set(dev, OID_GEN_RECEIVE_SCALE_PARAMETERS, message.bytes,
		head.key_offset + NDIS_RSS_KEY_BYTES);
}

static int
rss_apply(struct netvsc_device *dev, const struct netvsc_rss *rss)
{
	int ret = parameters_send(dev, rss, NDIS_RSS_DISABLE);

	return ret < 0 || rss->hf == 0 ? ret : parameters_send(dev, rss, 0);
}

static int
rss_check(const struct netvsc_device *dev, const struct netvsc_rss *rss)
{
	if ((rss->hf & ~dev->host.rss_hf) != 0)
		return -ENOTSUP;
	if (rss->reta_size != dev->host.reta_size)
		return -EINVAL;
	for (uint32_t i = 0; i < rss->reta_size; i++)
		if (rss->reta[i] >= dev->channel_count)
			return -EINVAL;
	return 0;
}

static int
rss_change(struct netvsc_device *dev, const struct netvsc_rss *rss)
{
	int ret = rss_apply(dev, rss);

	if (ret == 0) {
		dev->rss = *rss;
		return 0;
	}
	if (dev->rss.reta_size == dev->host.reta_size && dev->rss.hf != 0 &&
	    rss_apply(dev, &dev->rss) < 0)
		netvsc_fault(dev, "RSS: the settings before could not be restored:"
			" it is off until it is set again");
	return ret;
}

int
netvsc_rss_set(struct netvsc_device *dev, const struct netvsc_rss *rss)
{
	int ret;

	netvsc_xact_lock(dev);
	ret = rss_check(dev, rss);
	if (ret == 0 && dev->host.reta_size == 0)
		dev->rss = *rss;        /* off, on a host that has none */
	else if (ret == 0)
		ret = rss_change(dev, rss);
	netvsc_xact_unlock(dev);
	return ret;
}

void
netvsc_rss_default(const struct netvsc_device *dev, unsigned int queues, uint64_t hf,
	struct netvsc_rss *rss)
{
	memset(rss, 0, sizeof(*rss));
	memcpy(rss->key, default_key, sizeof(rss->key));
	rss->hf = hf;
	rss->reta_size = dev->host.reta_size;
	for (uint32_t i = 0; i < rss->reta_size; i++)
		rss->reta[i] = (uint16_t)(queues == 0 ? 0 : i % queues);
}

void
netvsc_rss_fit(struct netvsc_device *dev)
{
	struct netvsc_rss *rss = &dev->rss;
	uint16_t before = rss->reta_size;

	rss->reta_size = dev->host.reta_size;
	rss->hf &= dev->host.rss_hf;
	for (uint32_t i = before; i < rss->reta_size; i++)
		rss->reta[i] = before == 0 ? (uint16_t)i : rss->reta[i % before];
	for (uint32_t i = 0; i < rss->reta_size; i++)
		rss->reta[i] = (uint16_t)(rss->reta[i] % RTE_MAX(dev->channel_count, 1));
}
