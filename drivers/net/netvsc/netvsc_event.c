/* SPDX-License-Identifier: BSD-3-Clause */

/* Events, from the channel to the application; see netvsc_event.h. */

#include "netvsc_event.h"

#include <rte_alarm.h>

#include "netvsc_ethdev.h"

struct rte_eth_link
netvsc_event_link(const struct netvsc_device *dev)
{
	uint64_t mbps = __atomic_load_n(&dev->host.link_bps, __ATOMIC_RELAXED) / 1000000;
	struct rte_eth_link link = {
		.link_duplex = RTE_ETH_LINK_FULL_DUPLEX,
		.link_autoneg = RTE_ETH_LINK_FIXED,     /* the host alone decides it */
		.link_status = RTE_ETH_LINK_DOWN,
		.link_speed = RTE_ETH_SPEED_NUM_NONE,
	};

	if (!__atomic_load_n(&dev->host.link_up, __ATOMIC_RELAXED))
		return link;
	link.link_status = RTE_ETH_LINK_UP;
	link.link_speed = mbps == 0 ? RTE_ETH_SPEED_NUM_UNKNOWN :
		(uint32_t)RTE_MIN(mbps, (uint64_t)UINT32_MAX - 1);
	return link;
}

static void
link_announce(struct rte_eth_dev *eth, const struct rte_eth_link *link)
{
	rte_eth_linkstatus_set(eth, link);
	if (eth->data->dev_conf.intr_conf.lsc)
		rte_eth_dev_callback_process(eth, RTE_ETH_EVENT_INTR_LSC, NULL);
}

static void
link_changed(struct netvsc_device *dev, bool other_network)
{
	struct rte_eth_link down = {
		.link_duplex = RTE_ETH_LINK_FULL_DUPLEX,
		.link_status = RTE_ETH_LINK_DOWN,
	};
	struct rte_eth_dev *eth = &rte_eth_devices[dev->port_id];
	struct rte_eth_link link = netvsc_event_link(dev), before;

	if (eth->data == NULL)
		return;
	rte_eth_linkstatus_get(eth, &before);
	/* Down and up again: addresses must be announced anew. */
	if (other_network && before.link_status && link.link_status) {
		link_announce(eth, &down);
		link_announce(eth, &link);
	} else if (before.link_status != link.link_status ||
		   before.link_speed != link.link_speed) {
		link_announce(eth, &link);
	}
}

/* Is the device of a broken port gone? Also one that nobody watches; but whoever
 * has the control lock may be opening it. */
static bool
device_lost(struct netvsc_device *dev)
{
	bool present = true;

	if (netvsc_event_gone(dev))
		return true;
	if (netvsc_xact_trylock(dev)) {
		present = vmbus_device_present(netvsc_vmbus_of(&rte_eth_devices[dev->port_id]));
		netvsc_xact_unlock(dev);
	}
	return !present;
}

/* The one event that fits, as things are now: what was noted may be over. */
static enum rte_eth_event_type
event_of(struct netvsc_device *dev, uint32_t pending)
{
	const struct netvsc_notified *notified = &dev->xact.notified;

	if ((pending & NETVSC_EVENT_REMOVED) != 0 &&
	    __atomic_load_n(&notified->removed_told, __ATOMIC_SEQ_CST) != 0)
		return RTE_ETH_EVENT_INTR_RMV;
	if ((pending & NETVSC_EVENT_BROKEN) == 0 ||
	    __atomic_load_n(&notified->broken_told, __ATOMIC_SEQ_CST) == 0)
		return RTE_ETH_EVENT_UNKNOWN;
	if (!device_lost(dev))
		return RTE_ETH_EVENT_INTR_RESET;
	/* Of a watched device the bus tells, too: once is told all the same. */
	netvsc_event_removed(dev);
	return RTE_ETH_EVENT_UNKNOWN;
}

/* On EAL's interrupt thread, without any lock. */
static void
event_alarm(void *arg)
{
	struct netvsc_device *dev = arg;
	struct netvsc_notified *notified = &dev->xact.notified;
	enum rte_eth_event_type event;
	uint32_t pending;

	/* In this order, which the exchange keeps: what is raised meanwhile arms another
	 * alarm. */
	__atomic_store_n(&notified->armed, 0, __ATOMIC_RELAXED);
	pending = __atomic_exchange_n(&notified->pending, 0, __ATOMIC_SEQ_CST);
	if ((pending & (NETVSC_EVENT_LINK | NETVSC_EVENT_NETWORK_CHANGE)) != 0)
		link_changed(dev, (pending & NETVSC_EVENT_NETWORK_CHANGE) != 0);
	if ((pending & NETVSC_EVENT_OFFLOAD) != 0)
		NETVSC_LOG(DEBUG, control, "%s: the host told its offload configuration", dev->name);
	if ((pending & NETVSC_EVENT_VF) != 0)
		NETVSC_LOG(INFO, control, "%s: VF %s, serial %u", dev->name,
			notified->vf_allocated ? "offered" : "withdrawn", notified->vf_serial);
	if ((pending & NETVSC_EVENT_DATA_PATH) != 0)
		NETVSC_LOG(INFO, control, "%s: the host switched the data path to %s", dev->name,
			notified->data_path == NVSP_DATA_PATH_VF ? "the VF" : "synthetic");
	event = event_of(dev, pending);
	/* Last: the application may close the port in its callback, and dev is gone. */
	if (event != RTE_ETH_EVENT_UNKNOWN)
		rte_eth_dev_callback_process(&rte_eth_devices[dev->port_id], event, NULL);
}

void
netvsc_event_raise(struct netvsc_device *dev, uint32_t events)
{
	struct netvsc_notified *notified = &dev->xact.notified;

	__atomic_fetch_or(&notified->pending, events, __ATOMIC_SEQ_CST);
	if (__atomic_exchange_n(&notified->armed, 1, __ATOMIC_SEQ_CST) != 0)
		return;
	/* Out of memory: the next event tries again, and tells of both. */
	if (rte_eal_alarm_set(1, event_alarm, dev) != 0)
		__atomic_store_n(&notified->armed, 0, __ATOMIC_RELEASE);
}

void
netvsc_event_broken(struct netvsc_device *dev)
{
	if (__atomic_exchange_n(&dev->xact.notified.broken_told, 1, __ATOMIC_SEQ_CST) == 0)
		netvsc_event_raise(dev, NETVSC_EVENT_BROKEN);
}

void
netvsc_event_removed(struct netvsc_device *dev)
{
	if (__atomic_exchange_n(&dev->xact.notified.removed_told, 1, __ATOMIC_SEQ_CST) == 0)
		netvsc_event_raise(dev, NETVSC_EVENT_REMOVED);
}

void
netvsc_event_repaired(struct netvsc_device *dev)
{
	__atomic_store_n(&dev->xact.notified.broken_told, 0, __ATOMIC_RELEASE);
}

void
netvsc_event_opened(struct netvsc_device *dev)
{
	__atomic_store_n(&dev->xact.notified.removed_told, 0, __ATOMIC_RELEASE);
}

bool
netvsc_event_gone(struct netvsc_device *dev)
{
	return vmbus_device_look(netvsc_vmbus_of(&rte_eth_devices[dev->port_id]));
}

void
netvsc_event_cancel(struct netvsc_device *dev)
{
	rte_eal_alarm_cancel(event_alarm, dev);
	__atomic_store_n(&dev->xact.notified.armed, 0, __ATOMIC_RELEASE);
	__atomic_store_n(&dev->xact.notified.pending, 0, __ATOMIC_RELEASE);
}
