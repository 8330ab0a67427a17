/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The monitor page: a guest sets a channel's bit and makes no hypercall; the
 * host looks every so often, every 100 us while there is traffic and ever less
 * when there is none. A guest's kernel leaves the latencies as they are.
 */

#include <string.h>

#include "../core/engine.h"
#include "vmbus.h"

#define LATENCY_DEFAULT_100NS 1000u
#define PERIOD_NS 100000u
#define TRAFFIC_NS 2000000u
#define PERIOD_IDLE_NS 900000u
/* How long a guest that unbinds a driver may still find its last signal. */
#define EXCUSED_NS 1000000000u

bool
vmbus_monitor_set(struct vmbus *vmbus, uint64_t gpa)
{
	uint8_t *page;

	if (gpa % HV_PAGE_BYTES != 0)
		return false;
	page = vmbus->machine->page(vmbus->machine_arg, gpa / HV_PAGE_BYTES);
	if (page == NULL)
		return false;
	memset(page, 0, HV_PAGE_BYTES);
	vmbus->monitor = (struct vmbus_monitor_page *)(void *)page;
	return true;
}

/* Silently none where all are in use, as on a real host. */
void
vmbus_monitor_add(struct hv_channel *channel)
{
	struct vmbus *vmbus = channel->device->vmbus;
	uint16_t latency = channel->device->latency_100ns;
	uint32_t id = 0, group, bit;

	while (id < VMBUS_MONITOR_IDS && vmbus->by_monitor[id] != NULL)
		id++;
	if (vmbus->monitor == NULL || id == VMBUS_MONITOR_IDS)
		return;
	group = id / VMBUS_MONITOR_BITS;
	bit = id % VMBUS_MONITOR_BITS;
	vmbus->by_monitor[id] = channel;
	channel->monitor_id = (uint8_t)id;
	vmbus->monitor->latency_100ns[group][bit] = latency != 0 ? latency :
		LATENCY_DEFAULT_100NS;
	vmbus->monitor->parameter[group][bit].connection_id = VMBUS_SIGNAL_ID(channel->relid);
	vmbus->monitor->trigger_state |= 1u << group;
}

void
vmbus_monitor_remove(struct hv_channel *channel)
{
	struct vmbus *vmbus = channel->device->vmbus;
	uint32_t id = channel->monitor_id;

	if (id == VMBUS_MONITOR_NONE)
		return;
	channel->monitor_id = VMBUS_MONITOR_NONE;
	vmbus->by_monitor[id] = NULL;
	vmbus->monitor_excused_ns[id] = engine_now_ns() + EXCUSED_NS;
	vmbus->monitor_last_relid[id] = channel->relid;
	if (vmbus->monitor != NULL)
		vmbus->monitor->parameter[id / VMBUS_MONITOR_BITS][id % VMBUS_MONITOR_BITS].
			connection_id = 0;
}

static void
bit_without_channel(struct vmbus *vmbus, uint32_t id)
{
	/* Until the guest has released the channel it may not know. */
	if (vmbus->relid_state[vmbus->monitor_last_relid[id]] == RELID_RESCINDED)
		return;
	if (engine_now_ns() >= vmbus->monitor_excused_ns[id])
		vmbus_violation(vmbus, NULL, HV_VMBUS_CHANNEL,
			"monitor page: bit %u belongs to no channel", id);
}

static unsigned int
group_look(struct vmbus *vmbus, uint32_t group)
{
	uint32_t *word = &vmbus->monitor->trigger[group].pending, pending;
	unsigned int signals = 0;

	if (__atomic_load_n(word, __ATOMIC_RELAXED) == 0)
		return 0;
	/* Partner: the guest publishes its write index, then sets the bit. */
	pending = __atomic_exchange_n(word, 0, __ATOMIC_ACQ_REL);
	while (pending != 0) {
		uint32_t id = group * VMBUS_MONITOR_BITS + (uint32_t)__builtin_ctz(pending);
		struct hv_channel *channel = vmbus->by_monitor[id];

		pending &= pending - 1;
		if (channel == NULL) {
			bit_without_channel(vmbus, id);
		} else if (channel->open) {
			channel->signals++;
			vsp_channel_signalled(channel->vsp);
			signals++;
		}
	}
	return signals;
}

unsigned int
vmbus_monitor_look(struct vmbus *vmbus)
{
	uint64_t now = engine_now_ns(), idle, period = PERIOD_NS;
	unsigned int signals = 0;

	if (vmbus->monitor == NULL || now < vmbus->monitor_next_ns || vsp_monitor_unread())
		return 0;
	vmbus->counters.monitor_looks++;
	for (uint32_t group = 0; vmbus->monitor != NULL && group < VMBUS_MONITOR_GROUPS; group++)
		signals += group_look(vmbus, group);
	vmbus->counters.monitor_signals += signals;
	if (signals > 0)
		vmbus->monitor_signal_ns = now;
	/* The back-off: an eighth of the time that nothing has happened. */
	idle = now - vmbus->monitor_signal_ns;
	if (idle > TRAFFIC_NS)
		period = HV_MAX(period, HV_MIN(idle / 8, PERIOD_IDLE_NS));
	vmbus->monitor_next_ns = now + period;
	return signals;
}

bool
vmbus_monitor_pending(const struct vmbus *vmbus)
{
	uint32_t any = 0;

	for (uint32_t group = 0; vmbus->monitor != NULL && group < VMBUS_MONITOR_GROUPS; group++)
		any |= __atomic_load_n(&vmbus->monitor->trigger[group].pending, __ATOMIC_ACQUIRE);
	return any != 0;
}

uint64_t
vmbus_monitor_next_ns(const struct vmbus *vmbus)
{
	bool any = false;

	for (uint32_t id = 0; id < VMBUS_MONITOR_IDS && !any; id++)
		any = vmbus->by_monitor[id] != NULL && vmbus->by_monitor[id]->open;
	return vmbus->monitor != NULL && any ? vmbus->monitor_next_ns : UINT64_MAX;
}
