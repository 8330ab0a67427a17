/* SPDX-License-Identifier: BSD-3-Clause */

/* Offloads: what the host can do, in DPDK's words, and switching it on and
 * off; see netvsc_offload.h. */

#include "netvsc_offload.h"

#include <errno.h>
#include <string.h>

#include "netvsc_rndis.h"

/* What the driver does itself, whatever the host. */
#define TX_ALWAYS RTE_ETH_TX_OFFLOAD_MULTI_SEGS
#define RX_ALWAYS (RTE_ETH_RX_OFFLOAD_VLAN_STRIP | RTE_ETH_RX_OFFLOAD_SCATTER)

/* ---- capabilities ---- */

/* A DPDK flag that says nothing of the IP version is offered if the host does
 * it for both. TCP has options in practice, IPv6 extension headers do not. */
static const struct csum_rule {
	uint64_t offload;
	uint32_t ipv4, ipv6;        /* NDIS_CSUM4_*, NDIS_CSUM6_*: all needed */
} tx_rules[] = {
	{ RTE_ETH_TX_OFFLOAD_IPV4_CKSUM, NDIS_CSUM4_IP, 0 },
	{ RTE_ETH_TX_OFFLOAD_TCP_CKSUM, NDIS_CSUM4_TCP | NDIS_CSUM4_TCP_OPTIONS,
		NDIS_CSUM6_TCP | NDIS_CSUM6_TCP_OPTIONS },
	{ RTE_ETH_TX_OFFLOAD_UDP_CKSUM, NDIS_CSUM4_UDP, NDIS_CSUM6_UDP },
}, rx_rules[] = {
	{ RTE_ETH_RX_OFFLOAD_IPV4_CKSUM, NDIS_CSUM4_IP, 0 },
	{ RTE_ETH_RX_OFFLOAD_TCP_CKSUM, NDIS_CSUM4_TCP, NDIS_CSUM6_TCP },
	{ RTE_ETH_RX_OFFLOAD_UDP_CKSUM, NDIS_CSUM4_UDP, NDIS_CSUM6_UDP },
};

static uint32_t
csum_flags(const struct ndis_csum_capability *capability)
{
	return (capability->encapsulation & NDIS_ENCAPSULATION_8023) != 0 ? capability->flags : 0;
}

static uint64_t
csum_offloads(const struct csum_rule *rules, unsigned int count,
	const struct ndis_csum_capability *ipv4, const struct ndis_csum_capability *ipv6)
{
	uint32_t flags4 = csum_flags(ipv4), flags6 = csum_flags(ipv6);
	uint64_t offloads = 0;

	for (unsigned int i = 0; i < count; i++)
		if ((flags4 & rules[i].ipv4) == rules[i].ipv4 &&
		    (flags6 & rules[i].ipv6) == rules[i].ipv6)
			offloads |= rules[i].offload;
	return offloads;
}

static bool
lso_offered(const struct ndis_offload *offload)
{
	const uint32_t ipv6_needed = NDIS_LSOV2_IPV6_TCP_OPTIONS;

	return (offload->lso_ipv4.encapsulation & NDIS_ENCAPSULATION_8023) != 0 &&
		(offload->lso_ipv6.encapsulation & NDIS_ENCAPSULATION_8023) != 0 &&
		offload->lso_ipv4.max_bytes != 0 && offload->lso_ipv6.max_bytes != 0 &&
		(offload->lso_ipv6.flags & ipv6_needed) == ipv6_needed;
}

static bool
rsc_offered(const struct netvsc_host *host)
{
	return host->nvsp >= NVSP_VERSION_61 && host->offload.rsc_ipv4 != 0 &&
		host->offload.rsc_ipv6 != 0;
}

static void
offloads_translate(struct netvsc_host *host)
{
	const struct ndis_offload *offload = &host->offload;

	host->tx_offloads = TX_ALWAYS | csum_offloads(tx_rules, RTE_DIM(tx_rules),
		&offload->tx_ipv4, &offload->tx_ipv6);
	host->rx_offloads = RX_ALWAYS | csum_offloads(rx_rules, RTE_DIM(rx_rules),
		&offload->rx_ipv4, &offload->rx_ipv6);
	if (host->nvsp >= NVSP_VERSION_2)       /* said so in the NDIS configuration */
		host->tx_offloads |= RTE_ETH_TX_OFFLOAD_VLAN_INSERT;
	if (lso_offered(offload))
		host->tx_offloads |= RTE_ETH_TX_OFFLOAD_TCP_TSO;
	if (rsc_offered(host))
		host->rx_offloads |= RTE_ETH_RX_OFFLOAD_TCP_LRO;
}

/* What each revision of the structure holds. */
static const struct revision {
	uint8_t revision;
	uint16_t capability_bytes, parameter_bytes;
} revisions[] = {
	{ 3, NDIS_OFFLOAD_BYTES_REV3, NDIS_OFFLOAD_PARAMETERS_BYTES_REV3 },
	{ 2, NDIS_OFFLOAD_BYTES_REV2, NDIS_OFFLOAD_PARAMETERS_BYTES_REV2 },
	{ 1, NDIS_OFFLOAD_BYTES_REV1, NDIS_OFFLOAD_PARAMETERS_BYTES_REV1 },
};

/* The newest one that we and the answer's header know, or NULL. */
static const struct revision *
revision_of(const struct ndis_object_header *header, uint32_t bytes)
{
	if (header->type != NDIS_OBJECT_OFFLOAD || header->bytes > bytes)
		return NULL;
	for (unsigned int i = 0; i < RTE_DIM(revisions); i++)
		if (header->revision >= revisions[i].revision &&
		    header->bytes >= revisions[i].capability_bytes)
			return &revisions[i];
	return NULL;
}

/* Asks in the words of one revision; the host may answer in those of another. */
static int
offloads_ask(struct netvsc_device *dev, const struct revision *asked)
{
	struct ndis_offload offload, input = {
		.header = { NDIS_OBJECT_OFFLOAD, asked->revision, asked->capability_bytes },
	};
	const struct netvsc_rndis_query query = {
		.oid = OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES,
		.optional = true,
		.input = &input, .input_bytes = asked->capability_bytes,
		.output = &offload, .output_bytes = sizeof(offload),
		.output_min = sizeof(offload.header),
	};
	int ret = netvsc_rndis_query(dev, &query);
	const struct revision *answered;

	if (ret < 0)
		return ret;
	answered = revision_of(&offload.header, (uint32_t)ret);
	if (answered == NULL) {
		netvsc_fault(dev, "offload capabilities: object 0x%x revision %u of %u bytes"
			" in %d make no sense", offload.header.type,
			offload.header.revision, offload.header.bytes, ret);
		return -EPROTO;
	}
	memset(&dev->host.offload, 0, sizeof(dev->host.offload));
	memcpy(&dev->host.offload, &offload, answered->capability_bytes);
	dev->host.offload_revision = answered->revision;
	return 0;
}

int
netvsc_offload_query(struct netvsc_device *dev)
{
	unsigned int first = dev->host.ndis_minor >= 30 ? 0 : 1;
	int ret = -ENOTSUP;

	netvsc_xact_lock(dev);
	memset(&dev->host.offload, 0, sizeof(dev->host.offload));
	dev->host.offload_revision = 0;
	/* A host older than its NVSP version lets on refuses the newer words. */
	for (unsigned int i = first; i < RTE_DIM(revisions) && netvsc_rndis_refused(ret); i++)
		ret = offloads_ask(dev, &revisions[i]);
	offloads_translate(&dev->host);
	netvsc_xact_unlock(dev);
	if (netvsc_rndis_refused(ret)) {
		NETVSC_LOG(NOTICE, control, "%s: the host tells of no offloads: going on without",
			dev->name);
		return 0;
	}
	return ret;
}

/* ---- parameters ---- */

/* One checksum, in both directions. */
static uint8_t
csum_parameter(bool tx, bool rx)
{
	if (tx && rx)
		return NDIS_OFFLOAD_CSUM_TX_RX;
	return tx ? NDIS_OFFLOAD_CSUM_TX : rx ? NDIS_OFFLOAD_CSUM_RX : NDIS_OFFLOAD_CSUM_OFF;
}

/* What the host cannot do is off for good: saying so could be refused. */
static uint8_t
switch_parameter(bool offered, bool on)
{
	if (!offered)
		return NDIS_OFFLOAD_UNCHANGED;
	return on ? NDIS_OFFLOAD_ON : NDIS_OFFLOAD_OFF;
}

/* Checksum parameters: which flags of the capabilities and which DPDK offload
 * each of the bytes stands for. */
static const struct parameter_rule {
	uint16_t offset;            /* in struct ndis_offload_parameters */
	bool ipv6;
	uint32_t flag;              /* NDIS_CSUM4_* or NDIS_CSUM6_* */
	uint64_t tx, rx;
} parameter_rules[] = {
	{ offsetof(struct ndis_offload_parameters, ipv4_csum), false, NDIS_CSUM4_IP,
		RTE_ETH_TX_OFFLOAD_IPV4_CKSUM, RTE_ETH_RX_OFFLOAD_IPV4_CKSUM },
	{ offsetof(struct ndis_offload_parameters, tcp_ipv4_csum), false, NDIS_CSUM4_TCP,
		RTE_ETH_TX_OFFLOAD_TCP_CKSUM, RTE_ETH_RX_OFFLOAD_TCP_CKSUM },
	{ offsetof(struct ndis_offload_parameters, udp_ipv4_csum), false, NDIS_CSUM4_UDP,
		RTE_ETH_TX_OFFLOAD_UDP_CKSUM, RTE_ETH_RX_OFFLOAD_UDP_CKSUM },
	{ offsetof(struct ndis_offload_parameters, tcp_ipv6_csum), true, NDIS_CSUM6_TCP,
		RTE_ETH_TX_OFFLOAD_TCP_CKSUM, RTE_ETH_RX_OFFLOAD_TCP_CKSUM },
	{ offsetof(struct ndis_offload_parameters, udp_ipv6_csum), true, NDIS_CSUM6_UDP,
		RTE_ETH_TX_OFFLOAD_UDP_CKSUM, RTE_ETH_RX_OFFLOAD_UDP_CKSUM },
};

static void
parameters_csum(const struct ndis_offload *offload, uint64_t tx, uint64_t rx,
	struct ndis_offload_parameters *parameters)
{
	for (unsigned int i = 0; i < RTE_DIM(parameter_rules); i++) {
		const struct parameter_rule *rule = &parameter_rules[i];
		uint32_t tx_flags = csum_flags(rule->ipv6 ? &offload->tx_ipv6 : &offload->tx_ipv4);
		uint32_t rx_flags = csum_flags(rule->ipv6 ? &offload->rx_ipv6 : &offload->rx_ipv4);
		uint8_t *parameter = (uint8_t *)parameters + rule->offset;

		if (((tx_flags | rx_flags) & rule->flag) == 0)
			*parameter = NDIS_OFFLOAD_CSUM_UNCHANGED;
		else
			*parameter = csum_parameter(
				(tx & rule->tx) != 0 && (tx_flags & rule->flag) != 0,
				(rx & rule->rx) != 0 && (rx_flags & rule->flag) != 0);
	}
	/* Segmentation computes the checksums, so it needs them switched on. */
	if ((tx & RTE_ETH_TX_OFFLOAD_TCP_TSO) != 0) {
		bool rx_tcp = (rx & RTE_ETH_RX_OFFLOAD_TCP_CKSUM) != 0;

		parameters->tcp_ipv4_csum = csum_parameter(true, rx_tcp);
		parameters->tcp_ipv6_csum = csum_parameter(true, rx_tcp);
	}
}

static int
offloads_send(struct netvsc_device *dev, uint64_t tx, uint64_t rx)
{
	const struct netvsc_host *host = &dev->host;
	struct ndis_offload_parameters parameters = {
		.header = { NDIS_OBJECT_DEFAULT, host->offload_revision, 0 },
	};

	for (unsigned int i = 0; i < RTE_DIM(revisions); i++)
		if (revisions[i].revision == host->offload_revision)
			parameters.header.bytes = revisions[i].parameter_bytes;
	parameters_csum(&host->offload, tx, rx, &parameters);
	parameters.lso_v2_ipv4 = switch_parameter(host->offload.lso_ipv4.max_bytes != 0,
		(tx & RTE_ETH_TX_OFFLOAD_TCP_TSO) != 0);
	parameters.lso_v2_ipv6 = switch_parameter(host->offload.lso_ipv6.max_bytes != 0,
		(tx & RTE_ETH_TX_OFFLOAD_TCP_TSO) != 0);
	parameters.rsc_ipv4 = switch_parameter(rsc_offered(host),
		(rx & RTE_ETH_RX_OFFLOAD_TCP_LRO) != 0);
	parameters.rsc_ipv6 = parameters.rsc_ipv4;
	return netvsc_rndis_set(dev, OID_TCP_OFFLOAD_PARAMETERS, &parameters,
		parameters.header.bytes);
}

int
netvsc_offload_set(struct netvsc_device *dev, uint64_t tx, uint64_t rx)
{
	uint64_t rx_offered;
	int ret = 0;

	netvsc_xact_lock(dev);
	/* RSS hash comes with RSS; the rest is the host's to offer. */
	rx_offered = dev->host.rx_offloads | RTE_ETH_RX_OFFLOAD_RSS_HASH;
	if ((tx & ~dev->host.tx_offloads) != 0 || (rx & ~rx_offered) != 0)
		ret = -ENOTSUP;
	else if (dev->host.offload_revision != 0)
		ret = offloads_send(dev, tx, rx);
	if (ret == 0) {
		dev->tx_offloads = tx;
		dev->rx_offloads = rx;
	}
	netvsc_xact_unlock(dev);
	return ret;
}
