/* SPDX-License-Identifier: BSD-3-Clause */

/* Frames lent by one port and sent by another; see netvsc_borrow.h. */

#include "netvsc_borrow.h"

#include <pthread.h>
#include <time.h>

#include "netvsc_channel.h"
#include "netvsc_poll.h"

#define BORROW_WAIT_MS 1000u

/* A port in the list keeps its channels as they are. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct netvsc_device *open_ports[RTE_MAX_ETHPORTS];      /* under lock */

static void
port_replace(struct netvsc_device *from, struct netvsc_device *to)
{
	unsigned int i = 0;

	pthread_mutex_lock(&lock);
	while (i < RTE_DIM(open_ports) && open_ports[i] != from)
		i++;
	if (i < RTE_DIM(open_ports))
		open_ports[i] = to;
	pthread_mutex_unlock(&lock);
}

void
netvsc_borrow_enter(struct netvsc_device *dev)
{
	port_replace(NULL, dev);
}

void
netvsc_borrow_leave(struct netvsc_device *dev)
{
	port_replace(dev, NULL);
}

struct bytes {
	uintptr_t start;
	uint64_t count;
};

/* Whatever the flags of an mbuf say: a clone has the buffer, too. */
static bool
slot_reads(const struct netvsc_tx_slot *slot, const struct bytes *bytes)
{
	if ((__atomic_load_n(&slot->state, __ATOMIC_RELAXED) & 1) == 0)
		return false;
	for (const struct rte_mbuf *m = slot->mbuf; m != NULL; m = m->next)
		if ((uintptr_t)m->buf_addr - bytes->start < bytes->count)
			return true;
	return false;
}

/* A burst arms slots, and looks whether a frame is stale, with the channel's lock
 * held: what it sends after this look is copied. */
static bool
channel_reads(struct netvsc_channel *channel, const struct bytes *bytes)
{
	const struct netvsc_tx_slots *slots = &channel->tx_slots;
	bool reads = false, signal = false;

	rte_spinlock_lock(&channel->vmbus->lock);
	netvsc_poll(channel, NETVSC_POLL_CONTROL_BUDGET, &signal);
	for (uint32_t i = 0; i < slots->count && !reads; i++)
		reads = slot_reads(&slots->slot[i], bytes);
	rte_spinlock_unlock(&channel->vmbus->lock);
	if (signal)
		vmbus_channel_signal(channel->vmbus);
	return reads;
}

static bool
port_reads(const struct netvsc_device *dev, const struct bytes *bytes)
{
	bool reads = false;

	if (!dev->page_lists_ok || vmbus_gone(dev->vmbus))
		return false;
	for (unsigned int i = 0; i < dev->channel_count && !reads; i++)
		reads = channel_reads(dev->channel[i], bytes);
	return reads;
}

static bool
others_read(const struct netvsc_device *dev, const struct bytes *bytes)
{
	bool reads = false;

	pthread_mutex_lock(&lock);
	for (unsigned int i = 0; i < RTE_DIM(open_ports) && !reads; i++)
		reads = open_ports[i] != NULL && open_ports[i] != dev &&
			port_reads(open_ports[i], bytes);
	pthread_mutex_unlock(&lock);
	return reads;
}

bool
netvsc_borrow_wait(const struct netvsc_device *dev, const void *addr, uint64_t bytes)
{
	const struct bytes all = { .start = (uintptr_t)addr, .count = bytes };
	const struct timespec pause = { .tv_nsec = 1000000 };
	const uint64_t deadline = netvsc_xact_clock_ms() + BORROW_WAIT_MS;

	while (others_read(dev, &all)) {
		if (netvsc_xact_clock_ms() >= deadline)
			return true;
		nanosleep(&pause, NULL);
	}
	return false;
}
