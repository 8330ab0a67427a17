/* SPDX-License-Identifier: BSD-3-Clause */

/* See netvsc_watch.h. */

#include "netvsc_watch.h"

#include <rte_alarm.h>

#include "netvsc_ethdev.h"
#include "netvsc_event.h"
#include "netvsc_lease.h"
#include "netvsc_poll.h"

#define WATCH_PERIOD_US 100000u
#define WATCH_BUDGET 1024u
/* So long frames wait and none is taken: then nobody polls the queue. */
#define WATCH_IDLE_TICKS 10u
/* So often sysfs is asked for a device that the bus does not watch. */
#define WATCH_PRESENT_TICKS 10u

static void
idle_watch(struct netvsc_backlog *backlog, uint32_t *seen)
{
	uint32_t tail = __atomic_load_n(&backlog->range_tail, __ATOMIC_RELAXED);

	if (tail != *seen || tail == __atomic_load_n(&backlog->range_head, __ATOMIC_RELAXED))
		backlog->idle_ticks = 0;
	else if (++backlog->idle_ticks >= WATCH_IDLE_TICKS)
		__atomic_store_n(&backlog->idle_tail, tail, __ATOMIC_RELAXED);
	*seen = tail;
}

static void
channel_watch(struct netvsc_channel *channel)
{
	struct vmbus_channel *vmbus = channel->vmbus;
	bool signal = false;

	idle_watch(&channel->backlog, &channel->watched_tail);
	if (vmbus == NULL ||
	    (!vmbus_rx_ring_pending(&vmbus->rx) && !netvsc_lease_owed(channel)) ||
	    !rte_spinlock_trylock(&vmbus->lock))
		return;
	netvsc_poll(channel, WATCH_BUDGET, &signal);
	rte_spinlock_unlock(&vmbus->lock);
	if (signal)
		vmbus_channel_signal(vmbus);
}

/* The bus watches what is open: it says nothing of a device that goes while its link
 * is closed. Under the control lock. */
static void
device_watch(struct netvsc_device *dev)
{
	const struct vmbus_device *vmbus = netvsc_vmbus_of(&rte_eth_devices[dev->port_id]);
	struct netvsc_notified *notified = &dev->xact.notified;

	if (vmbus->watched) {
		notified->unwatched_ticks = 0;
		return;
	}
	if (++notified->unwatched_ticks % WATCH_PRESENT_TICKS != 0 ||
	    __atomic_load_n(&notified->removed_told, __ATOMIC_SEQ_CST) != 0 ||
	    vmbus_device_present(vmbus))
		return;
	NETVSC_LOG(NOTICE, init, "%s: the host took the device away, or it was bound to another"
		" driver, while it was not watched", dev->name);
	if (dev->vmbus != NULL)
		__atomic_store_n(&dev->vmbus->gone, 1, __ATOMIC_RELEASE);
	netvsc_event_removed(dev);
}

static void
watch_alarm(void *arg)
{
	struct netvsc_device *dev = arg;

	/* Under the control lock no channel can be closed; who holds it already
	 * drains the channel himself. */
	if (netvsc_xact_trylock(dev)) {
		device_watch(dev);
		for (unsigned int i = 0; i < dev->channel_count && !vmbus_gone(dev->vmbus); i++)
			channel_watch(dev->channel[i]);
		netvsc_xact_unlock(dev);
	}
	netvsc_watch_start(dev);
}

int
netvsc_watch_start(struct netvsc_device *dev)
{
	return rte_eal_alarm_set(WATCH_PERIOD_US, watch_alarm, dev);
}

void
netvsc_watch_stop(struct netvsc_device *dev)
{
	/* One that runs sets the next: twice is enough to meet none. */
	rte_eal_alarm_cancel(watch_alarm, dev);
	rte_eal_alarm_cancel(watch_alarm, dev);
}
