/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Task offloads: what the host can do (capabilities), what is switched on
 * (current configuration), and the guest's request to change that. Everything
 * but receive coalescing is on from the start; coalescing needs both sides.
 */

#include <string.h>

#include "nic.h"

#define LSO_MAX_BYTES 0xF53Cu
#define LSO_MIN_SEGMENTS 2u
#define NDIS_6_1 1u
#define NDIS_6_30 30u

/* ---- what there is ---- */

uint8_t
oid_offload_tx_csum(const struct vsp_nic *nic)
{
	if (!nic->profile->csum_offload)
		return 0;
	return nic->profile->udp_csum ? NIC_CSUM_ALL :
		NIC_CSUM_IP4 | NIC_CSUM_TCP4 | NIC_CSUM_TCP6;
}

bool
oid_offload_rsc(const struct vsp_nic *nic)
{
	return nic->profile->rsc && nic->config.rsc && nic->nvsp >= NVSP_VERSION_61 &&
		nic->guest_caps & NVSP_CONFIG_CAP_RSC;
}

/* Received checksums are always verified. */
static uint8_t
rx_csum_supported(const struct vsp_nic *nic)
{
	return oid_offload_tx_csum(nic);
}

void
oid_offload_reset(struct vsp_nic *nic)
{
	nic->tx_csum = oid_offload_tx_csum(nic);
	nic->rx_csum = rx_csum_supported(nic);
	nic->lso4 = nic->lso6 = nic->profile->lso;
	nic->rsc4 = nic->rsc6 = false;
}

/* ---- telling it ---- */

/* Hosts answer in the structure of the guest's NDIS version, if it is older. */
static uint8_t
offload_revision(const struct vsp_nic *nic)
{
	uint8_t revision = nic->profile->offload_revision;

	if (nic->profile->quirks & VSP_QUIRK_OFFLOAD_REVISION)
		return revision;
	if (nic->ndis_major < 6 || (nic->ndis_major == 6 && nic->ndis_minor < NDIS_6_1))
		return 1;
	if (nic->ndis_major == 6 && nic->ndis_minor < NDIS_6_30)
		return HV_MIN(revision, (uint8_t)2);
	return revision;
}

static struct ndis_csum_capability
csum4(uint8_t bits)
{
	struct ndis_csum_capability capability = { 0 };

	if (bits & NIC_CSUM_IP4)
		capability.flags |= NDIS_CSUM4_IP | NDIS_CSUM4_IP_OPTIONS;
	if (bits & NIC_CSUM_TCP4)
		capability.flags |= NDIS_CSUM4_TCP | NDIS_CSUM4_TCP_OPTIONS;
	if (bits & NIC_CSUM_UDP4)
		capability.flags |= NDIS_CSUM4_UDP;
	capability.encapsulation = capability.flags != 0 ? NDIS_ENCAPSULATION_8023 : 0;
	return capability;
}

static struct ndis_csum_capability
csum6(uint8_t bits)
{
	struct ndis_csum_capability capability = { 0 };

	if (bits & NIC_CSUM_TCP6)
		capability.flags |= NDIS_CSUM6_TCP | NDIS_CSUM6_TCP_OPTIONS |
			NDIS_CSUM6_IP_EXTENSIONS;
	if (bits & NIC_CSUM_UDP6)
		capability.flags |= NDIS_CSUM6_UDP | NDIS_CSUM6_IP_EXTENSIONS;
	capability.encapsulation = capability.flags != 0 ? NDIS_ENCAPSULATION_8023 : 0;
	return capability;
}

static void
lso_build(bool lso4, bool lso6, struct ndis_offload *offload)
{
	if (lso4)
		offload->lso_ipv4 = (struct ndis_lsov2_ipv4){
			.encapsulation = NDIS_ENCAPSULATION_8023,
			.max_bytes = LSO_MAX_BYTES,
			.min_segments = LSO_MIN_SEGMENTS,
		};
	if (lso6)
		offload->lso_ipv6 = (struct ndis_lsov2_ipv6){
			.encapsulation = NDIS_ENCAPSULATION_8023,
			.max_bytes = LSO_MAX_BYTES,
			.min_segments = LSO_MIN_SEGMENTS,
			.flags = NDIS_LSOV2_IPV6_EXTENSIONS | NDIS_LSOV2_IPV6_TCP_OPTIONS,
		};
}

uint32_t
oid_offload_build(const struct vsp_nic *nic, bool current, struct ndis_offload *offload)
{
	static const uint16_t bytes[] = { 0, NDIS_OFFLOAD_BYTES_REV1, NDIS_OFFLOAD_BYTES_REV2,
		NDIS_OFFLOAD_BYTES_REV3 };
	uint8_t revision = offload_revision(nic);
	uint8_t tx = current ? nic->tx_csum : oid_offload_tx_csum(nic);
	uint8_t rx = current ? nic->rx_csum : rx_csum_supported(nic);

	memset(offload, 0, sizeof(*offload));
	offload->header = (struct ndis_object_header){ NDIS_OBJECT_OFFLOAD, revision,
		bytes[revision] };
	offload->tx_ipv4 = csum4(tx);
	offload->rx_ipv4 = csum4(rx);
	offload->tx_ipv6 = csum6(tx);
	offload->rx_ipv6 = csum6(rx);
	lso_build(current ? nic->lso4 : nic->profile->lso, current ? nic->lso6 : nic->profile->lso,
		offload);
	if (revision >= 3) {
		offload->rsc_ipv4 = current ? nic->rsc4 : oid_offload_rsc(nic);
		offload->rsc_ipv6 = current ? nic->rsc6 : oid_offload_rsc(nic);
	}
	return bytes[revision];
}

/* ---- changing it ---- */

static bool
csum_value_ok(const struct ndis_offload_parameters *p)
{
	return p->ipv4_csum <= NDIS_OFFLOAD_CSUM_TX_RX && p->tcp_ipv4_csum <= NDIS_OFFLOAD_CSUM_TX_RX &&
		p->udp_ipv4_csum <= NDIS_OFFLOAD_CSUM_TX_RX &&
		p->tcp_ipv6_csum <= NDIS_OFFLOAD_CSUM_TX_RX &&
		p->udp_ipv6_csum <= NDIS_OFFLOAD_CSUM_TX_RX;
}

static bool
switch_value_ok(const struct ndis_offload_parameters *p)
{
	return p->lso_v2_ipv4 <= NDIS_OFFLOAD_ON && p->lso_v2_ipv6 <= NDIS_OFFLOAD_ON &&
		p->rsc_ipv4 <= NDIS_OFFLOAD_ON && p->rsc_ipv6 <= NDIS_OFFLOAD_ON;
}

static void
csum_apply(struct vsp_nic *nic, uint8_t bit, uint8_t value)
{
	if (value == NDIS_OFFLOAD_CSUM_UNCHANGED)
		return;
	nic->tx_csum &= (uint8_t)~bit;
	nic->rx_csum &= (uint8_t)~bit;
	if (value == NDIS_OFFLOAD_CSUM_TX || value == NDIS_OFFLOAD_CSUM_TX_RX)
		nic->tx_csum |= bit & oid_offload_tx_csum(nic);
	if (value == NDIS_OFFLOAD_CSUM_RX || value == NDIS_OFFLOAD_CSUM_TX_RX)
		nic->rx_csum |= bit & rx_csum_supported(nic);
}

static void
switch_apply(bool *state, uint8_t value, bool supported)
{
	if (value != NDIS_OFFLOAD_UNCHANGED)
		*state = value == NDIS_OFFLOAD_ON && supported;
}

static void
parameters_apply(struct vsp_nic *nic, const struct ndis_offload_parameters *p)
{
	csum_apply(nic, NIC_CSUM_IP4, p->ipv4_csum);
	csum_apply(nic, NIC_CSUM_TCP4, p->tcp_ipv4_csum);
	csum_apply(nic, NIC_CSUM_UDP4, p->udp_ipv4_csum);
	csum_apply(nic, NIC_CSUM_TCP6, p->tcp_ipv6_csum);
	csum_apply(nic, NIC_CSUM_UDP6, p->udp_ipv6_csum);
	switch_apply(&nic->lso4, p->lso_v2_ipv4, nic->profile->lso);
	switch_apply(&nic->lso6, p->lso_v2_ipv6, nic->profile->lso);
	switch_apply(&nic->rsc4, p->rsc_ipv4, oid_offload_rsc(nic));
	switch_apply(&nic->rsc6, p->rsc_ipv6, oid_offload_rsc(nic));
}

uint32_t
oid_offload_set(struct vsp_nic *nic, const uint8_t *data, uint32_t bytes)
{
	struct ndis_offload_parameters parameters = { 0 };
	struct ndis_object_header header;
	uint32_t used;

	if (bytes < sizeof(header))
		return oid_malformed(nic, NDIS_STATUS_FAILURE, "short offload parameters");
	memcpy(&header, data, sizeof(header));
	if (header.type != NDIS_OBJECT_DEFAULT || header.revision < 1 ||
		header.bytes < NDIS_OFFLOAD_PARAMETERS_BYTES_REV1)
		return oid_malformed(nic, NDIS_STATUS_INVALID_DATA, "offload parameters header");
	if (bytes < header.bytes)
		return oid_malformed(nic, NDIS_STATUS_FAILURE, "short offload parameters");
	/* What the guest's revision does not have stays 0: unchanged. */
	used = header.revision >= 3 ? NDIS_OFFLOAD_PARAMETERS_BYTES_REV3 :
		header.revision == 2 ? NDIS_OFFLOAD_PARAMETERS_BYTES_REV2 :
		NDIS_OFFLOAD_PARAMETERS_BYTES_REV1;
	memcpy(&parameters, data, HV_MIN(used, (uint32_t)header.bytes));
	if (!csum_value_ok(&parameters) || !switch_value_ok(&parameters))
		return oid_malformed(nic, NDIS_STATUS_INVALID_DATA, "offload parameter value");
	if (parameters.lso_v1 == NDIS_OFFLOAD_ON)
		return NDIS_STATUS_NOT_SUPPORTED;
	parameters_apply(nic, &parameters);
	return NDIS_STATUS_SUCCESS;
}
