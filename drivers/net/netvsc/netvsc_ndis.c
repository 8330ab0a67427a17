/* SPDX-License-Identifier: BSD-3-Clause */

/* Packet filter, addresses, MTU, link and counters; see netvsc_ndis.h. */

#include "netvsc_ndis.h"

#include <errno.h>
#include <string.h>

#include "netvsc_rndis.h"

/* ---- questions ---- */

static int
query_fixed(struct netvsc_device *dev, uint32_t oid, void *output, uint32_t bytes)
{
	const struct netvsc_rndis_query query = {
		.oid = oid, .optional = true,
		.output = output, .output_min = bytes, .output_bytes = bytes,
	};
	int ret = netvsc_rndis_query(dev, &query);

	return ret < 0 ? ret : 0;
}

int
netvsc_ndis_query_mac(struct netvsc_device *dev)
{
	struct rte_ether_addr mac;
	int ret;

	netvsc_xact_lock(dev);
	ret = query_fixed(dev, OID_802_3_PERMANENT_ADDRESS, &mac, sizeof(mac));
	if (netvsc_rndis_refused(ret))
		ret = query_fixed(dev, OID_802_3_CURRENT_ADDRESS, &mac, sizeof(mac));
	if (ret == 0 && !rte_is_valid_assigned_ether_addr(&mac)) {
		netvsc_fault(dev, "the host's MAC address " RTE_ETHER_ADDR_PRT_FMT
			" is none of a station", RTE_ETHER_ADDR_BYTES(&mac));
		ret = -EPROTO;
	}
	if (ret == 0)
		dev->host.mac = mac;
	netvsc_xact_unlock(dev);
	return ret;
}

int
netvsc_ndis_query_mtu(struct netvsc_device *dev)
{
	uint32_t mtu;
	int ret;

	netvsc_xact_lock(dev);
	ret = query_fixed(dev, OID_GEN_MAXIMUM_FRAME_SIZE, &mtu, sizeof(mtu));
	if (netvsc_rndis_refused(ret)) {        /* then it has no reason to change it */
		mtu = dev->mtu;
		ret = 0;
	}
	if (ret == 0 && (mtu < RTE_ETHER_MIN_MTU || mtu > UINT16_MAX)) {
		netvsc_fault(dev, "the host's MTU %u makes no sense", mtu);
		ret = -EPROTO;
	}
	if (ret == 0)
		dev->host.mtu = (uint16_t)mtu;
	netvsc_xact_unlock(dev);
	return ret;
}

int
netvsc_ndis_query_link(struct netvsc_device *dev)
{
	struct netvsc_host *host = &dev->host;
	uint32_t disconnected, speed_100bps;
	int ret;

	netvsc_xact_lock(dev);
	ret = query_fixed(dev, OID_GEN_MEDIA_CONNECT_STATUS, &disconnected, sizeof(disconnected));
	/* Some hosts always answer "connected": what they tell is truer. */
	rte_spinlock_lock(&dev->xact.lock);
	if (ret == 0 && !host->link_told)
		__atomic_store_n(&host->link_up, disconnected == 0, __ATOMIC_RELAXED);
	rte_spinlock_unlock(&dev->xact.lock);
	if (ret == 0 || netvsc_rndis_refused(ret))
		ret = query_fixed(dev, OID_GEN_LINK_SPEED, &speed_100bps, sizeof(speed_100bps));
	if (ret == 0)
		__atomic_store_n(&host->link_bps, (uint64_t)speed_100bps * 100, __ATOMIC_RELAXED);
	netvsc_xact_unlock(dev);
	return netvsc_rndis_refused(ret) ? 0 : ret;
}

int
netvsc_ndis_query_counter(struct netvsc_device *dev, uint32_t oid, uint64_t *value)
{
	uint64_t counter;               /* four bytes or eight: zeroed beyond */
	const struct netvsc_rndis_query query = {
		.oid = oid, .optional = true,
		.output = &counter, .output_min = sizeof(uint32_t), .output_bytes = sizeof(counter),
	};
	int ret;

	netvsc_xact_lock(dev);
	ret = netvsc_rndis_query(dev, &query);
	netvsc_xact_unlock(dev);
	if (ret < 0)
		return ret;
	*value = ret == (int)sizeof(counter) ? counter : counter & UINT32_MAX;
	return 0;
}

/* ---- filter ---- */

uint32_t
netvsc_ndis_filter(const struct netvsc_device *dev)
{
	uint32_t filter = NDIS_FILTER_DIRECTED | NDIS_FILTER_BROADCAST;

	if (!dev->receiving)
		return 0;
	/* The others stay set: a host that does not let a guest be promiscuous
	 * still lets through what they say. */
	if (dev->promiscuous)
		return filter | NDIS_FILTER_ALL_MULTICAST | NDIS_FILTER_PROMISCUOUS;
	if (dev->allmulticast || (dev->multicast_count > 0 && !dev->multicast_listed))
		filter |= NDIS_FILTER_ALL_MULTICAST;
	else if (dev->multicast_count > 0)
		filter |= NDIS_FILTER_MULTICAST;
	return filter;
}

/* A host that did not answer in time may obey all the same, and later. */
static int
filter_send(struct netvsc_device *dev, uint32_t filter)
{
	int ret = netvsc_rndis_set(dev, OID_GEN_CURRENT_PACKET_FILTER, &filter, sizeof(filter));

	if (ret == 0)
		dev->filter = filter;
	else if (!netvsc_rndis_refused(ret))
		dev->filter = NETVSC_FILTER_UNKNOWN;
	return ret;
}

int
netvsc_ndis_set_filter(struct netvsc_device *dev)
{
	int ret;

	netvsc_xact_lock(dev);
	ret = filter_send(dev, netvsc_ndis_filter(dev));
	netvsc_xact_unlock(dev);
	return ret;
}

void
netvsc_ndis_mute(struct netvsc_device *dev)
{
	uint32_t wait_ms;

	netvsc_xact_lock(dev);
	wait_ms = netvsc_xact_hurry(dev);
	if (dev->filter != 0 && netvsc_xact_alive(dev) == 0)
		filter_send(dev, 0);
	netvsc_xact_relax(dev, wait_ms);
	netvsc_xact_unlock(dev);
}

/* Changes one of the settings that make the filter; takes it back if the host
 * refuses what it comes to. */
static int
filter_setting(struct netvsc_device *dev, bool *setting, bool on)
{
	bool before;
	int ret = 0;

	netvsc_xact_lock(dev);
	before = *setting;
	*setting = on;
	if (netvsc_ndis_filter(dev) != dev->filter)
		ret = netvsc_ndis_set_filter(dev);
	if (ret < 0)
		*setting = before;
	netvsc_xact_unlock(dev);
	return ret;
}

int
netvsc_ndis_set_receiving(struct netvsc_device *dev, bool receiving)
{
	return filter_setting(dev, &dev->receiving, receiving);
}

int
netvsc_ndis_set_promiscuous(struct netvsc_device *dev, bool on)
{
	return filter_setting(dev, &dev->promiscuous, on);
}

int
netvsc_ndis_set_allmulticast(struct netvsc_device *dev, bool on)
{
	return filter_setting(dev, &dev->allmulticast, on);
}

/* ---- addresses ---- */

/* True if the host filters by the list from now on. */
static bool
multicast_list(struct netvsc_device *dev, const struct rte_ether_addr *list, uint32_t count)
{
	uint32_t max;

	if (count > NETVSC_MULTICAST_MAX ||
	    query_fixed(dev, OID_802_3_MAXIMUM_LIST_SIZE, &max, sizeof(max)) < 0 || count > max)
		return false;
	return netvsc_rndis_set(dev, OID_802_3_MULTICAST_LIST, list,
		count * (uint32_t)sizeof(*list)) == 0;
}

int
netvsc_ndis_set_multicast(struct netvsc_device *dev, const struct rte_ether_addr *list,
	uint32_t count)
{
	uint32_t count_before;
	bool listed_before;
	int ret;

	netvsc_xact_lock(dev);
	count_before = dev->multicast_count;
	listed_before = dev->multicast_listed;
	/* An empty list needs no host that knows lists: the filter says it all. */
	dev->multicast_listed = count > 0 && multicast_list(dev, list, count);
	dev->multicast_count = count;
	ret = netvsc_xact_alive(dev);
	if (ret == 0 && netvsc_ndis_filter(dev) != dev->filter)
		ret = netvsc_ndis_set_filter(dev);
	if (ret < 0) {
		dev->multicast_count = count_before;
		dev->multicast_listed = listed_before;
	} else if (count > 0 && count <= NETVSC_MULTICAST_MAX) {
		memmove(dev->multicast, list, count * sizeof(*list));
	}
	netvsc_xact_unlock(dev);
	return ret;
}

/* ASCII to UTF-16LE; returns the bytes written. */
static uint32_t
utf16(uint8_t *to, const char *from)
{
	uint32_t bytes = 0;

	for (; *from != '\0'; from++) {
		to[bytes++] = (uint8_t)*from;
		to[bytes++] = 0;
	}
	return bytes;
}

#define MAC_PARAMETER "NetworkAddress"
#define MAC_DIGITS (2 * RTE_ETHER_ADDR_LEN)

int
netvsc_ndis_set_mac(struct netvsc_device *dev, const struct rte_ether_addr *mac)
{
	struct {
		struct ndis_config_parameter parameter;
		uint8_t text[2 * (sizeof(MAC_PARAMETER) - 1 + MAC_DIGITS)];
	} message = { .parameter.value_type = NDIS_CONFIG_STRING };
	struct ndis_config_parameter *parameter = &message.parameter;
	char digits[MAC_DIGITS + 1];
	int ret;

	snprintf(digits, sizeof(digits), "%02X%02X%02X%02X%02X%02X", RTE_ETHER_ADDR_BYTES(mac));
	parameter->name_offset = sizeof(*parameter);
	parameter->name_bytes = utf16(message.text, MAC_PARAMETER);
	parameter->value_offset = parameter->name_offset + parameter->name_bytes;
	parameter->value_bytes = utf16(message.text + parameter->name_bytes, digits);
	netvsc_xact_lock(dev);
	ret = netvsc_rndis_set(dev, OID_GEN_RNDIS_CONFIG_PARAMETER, &message,
		parameter->value_offset + parameter->value_bytes);
	if (ret == 0) {
		dev->mac = *mac;
		dev->mac_changed = true;
	} else if (ret == -EIO && netvsc_xact_alive(dev) == 0) {
		/* Hosts where spoofing is off say no more than "failure". */
		ret = -EPERM;
	}
	netvsc_xact_unlock(dev);
	return ret;
}
