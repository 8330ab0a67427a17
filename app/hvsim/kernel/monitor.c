/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The two pages that all devices of a guest share: the monitor page, where a
 * guest sets pending bits and the hypervisor looks every so often, and the
 * interrupt page. The guest may change its own bits and its own latencies and
 * nothing else; all other changes are put back and reported.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define LATENCY_DEFAULT_100NS 1000u
/* A guest that asks for no latency at all shall not make the host spin. */
#define PERIOD_MIN_NS 10000u
/* While there is traffic look as often as the guest asks, later ever less. */
#define TRAFFIC_NS 2000000u
#define PERIOD_IDLE_NS 900000u
#define COMPARE_NS 10000000u
#define EXCUSED_NS 1000000000u
#define CONNECTION_ID_FIRST 0x10000u

static struct vmbus_monitor_page *
monitor_page(const struct kern_vm *vm)
{
	return (struct vmbus_monitor_page *)(void *)vm->monitor_page.base;
}

static struct vmbus_int_page *
int_page(const struct kern_vm *vm)
{
	return (struct vmbus_int_page *)(void *)vm->int_page.base;
}

int
monitor_create(struct kern_vm *vm)
{
	vm->monitor = calloc(1, sizeof(*vm->monitor));
	return vm->monitor != NULL ? 0 : -ENOMEM;
}

void
monitor_destroy(struct kern_vm *vm)
{
	free(vm->monitor);
	vm->monitor = NULL;
}

/* ---- ids ---- */

/* Relids are not reused before they must be: a stale one leads nowhere. */
static int
relid_alloc(struct kern_vm *vm, struct hv_channel *channel)
{
	for (uint32_t i = 0; i < KERN_RELIDS - 1; i++) {
		uint32_t relid = (vm->next_relid + i - 1) % (KERN_RELIDS - 1) + 1;

		if (vm->monitor->by_relid[relid] == NULL) {
			vm->monitor->by_relid[relid] = channel;
			vm->next_relid = relid + 1;
			channel->relid = relid;
			return 0;
		}
	}
	return -ENOSPC;
}

/* Writes a slot of the page and of what we expect to find there. */
static void
slot_set(struct kern_vm *vm, uint32_t id, uint16_t latency_100ns, uint32_t connection_id)
{
	uint32_t group = id / VMBUS_MONITOR_BITS, bit = id % VMBUS_MONITOR_BITS;
	struct vmbus_monitor_page *pages[] = { monitor_page(vm), &vm->monitor->shadow };

	for (unsigned int i = 0; i < ARRAY_SIZE(pages); i++) {
		pages[i]->latency_100ns[group][bit] = latency_100ns;
		pages[i]->parameter[group][bit].connection_id = connection_id;
		pages[i]->trigger_state |= 1u << group;
	}
}

static void
monitor_id_alloc(struct hv_channel *channel)
{
	struct kern_vm *vm = channel->device->vm;
	uint16_t latency = channel->device->latency_100ns;

	for (uint32_t id = 0; id < KERN_MONITOR_IDS; id++) {
		if (vm->monitor_used[id / 8] & (1u << id % 8))
			continue;
		vm->monitor_used[id / 8] |= (uint8_t)(1u << id % 8);
		vm->monitor->by_id[id] = channel;
		channel->monitor_id = (uint8_t)id;
		slot_set(vm, id, latency != 0 ? latency : LATENCY_DEFAULT_100NS,
			CONNECTION_ID_FIRST + channel->relid);
		return;
	}
	/* As the host: exhausted, the channel silently gets none. */
}

int
monitor_channel_add(struct hv_channel *channel)
{
	int ret = relid_alloc(channel->device->vm, channel);

	channel->monitor_id = VMBUS_MONITOR_NONE;
	if (ret == 0 && channel->device->monitor)
		monitor_id_alloc(channel);
	return ret;
}

void
monitor_channel_remove(struct hv_channel *channel)
{
	struct kern_vm *vm = channel->device->vm;
	uint32_t id = channel->monitor_id;

	if (channel->relid == 0)
		return;
	int_page_take(vm, channel->relid);
	vm->monitor->by_relid[channel->relid] = NULL;
	vm->monitor->relid_excused_ns[channel->relid] = engine_now_ns() + EXCUSED_NS;
	channel->relid = 0;
	if (id == VMBUS_MONITOR_NONE)
		return;
	slot_set(vm, id, 0, 0);
	__atomic_fetch_and(&monitor_page(vm)->trigger[id / VMBUS_MONITOR_BITS].pending,
		~(1u << id % VMBUS_MONITOR_BITS), __ATOMIC_RELAXED);
	vm->monitor->by_id[id] = NULL;
	vm->monitor->id_excused_ns[id] = engine_now_ns() + EXCUSED_NS;
	vm->monitor_used[id / 8] &= (uint8_t)~(1u << id % 8);
	channel->monitor_id = VMBUS_MONITOR_NONE;
}

/* While no channel was open nobody looked, and a guest that ended may have left
 * bits of channels that are gone. */
static void
stale_bits_clear(struct kern_vm *vm)
{
	for (uint32_t id = 0; id < KERN_MONITOR_IDS; id++) {
		if (vm->monitor->by_id[id] == NULL)
			__atomic_fetch_and(&monitor_page(vm)->trigger[id / VMBUS_MONITOR_BITS].pending,
				~(1u << id % VMBUS_MONITOR_BITS), __ATOMIC_RELAXED);
	}
	for (uint32_t relid = 0; relid < KERN_RELIDS; relid++) {
		if (vm->monitor->by_relid[relid] == NULL)
			int_page_take(vm, relid);
	}
}

/* From now on we look: soon, for the guest is about to speak. */
void
monitor_channel_opened(struct hv_channel *channel)
{
	struct kern_vm *vm = channel->device->vm;
	struct kern_monitor *monitor = vm->monitor;

	if (monitor->open_channels++ == 0) {
		stale_bits_clear(vm);
		monitor->next_compare_ns = engine_now_ns() + COMPARE_NS;
	}
	monitor->last_traffic_ns = engine_now_ns();
	monitor->next_look_ns = 0;
	idle_wake(vm);
	engine_kick();
}

void
monitor_channel_closed(struct hv_channel *channel)
{
	struct kern_vm *vm = channel->device->vm;

	if (--vm->monitor->open_channels == 0)
		idle_wake(vm);
}

/* ---- foreign changes ---- */

/* In the name of the NIC where the guest has but one. */
static void
foreign(struct kern_vm *vm, const char *what)
{
	const struct kern_device *device = vm->devices;
	struct vsp_nic *nic = device != NULL && device->next == NULL ? device->nic : NULL;
	char whose[160];

	vm->monitor->foreign++;
	snprintf(whose, sizeof(whose), "%s: %s", vm->name, what);
	vsp_foreign_bit(kern_vm_guest(vm), nic, whose);
}

static void
foreign_bit(struct kern_vm *vm, const char *page, uint32_t bit, uint64_t excused_ns)
{
	char what[80];

	if (engine_now_ns() < excused_ns)
		return;
	snprintf(what, sizeof(what), "%s bit %u belongs to no channel", page, bit);
	foreign(vm, what);
}

/* Own latencies and all pending bits are looked at elsewhere. */
static void
guests_own_ignore(struct kern_vm *vm, struct vmbus_monitor_page *copy)
{
	struct vmbus_monitor_page *shadow = &vm->monitor->shadow;

	for (uint32_t group = 0; group < VMBUS_MONITOR_GROUPS; group++)
		copy->trigger[group].pending = shadow->trigger[group].pending;
	for (uint32_t id = 0; id < KERN_MONITOR_IDS; id++) {
		uint32_t group = id / VMBUS_MONITOR_BITS, bit = id % VMBUS_MONITOR_BITS;

		if (vm->monitor->by_id[id] != NULL)
			copy->latency_100ns[group][bit] = shadow->latency_100ns[group][bit];
	}
}

static uint32_t
first_difference(const uint8_t *a, const uint8_t *b)
{
	uint32_t i = 0;

	while (i < HV_PAGE_BYTES && a[i] == b[i])
		i++;
	return i;
}

static void
monitor_compare(struct kern_vm *vm)
{
	const uint8_t *shadow = (const uint8_t *)&vm->monitor->shadow;
	struct vmbus_monitor_page copy;
	const uint8_t *now = (const uint8_t *)&copy;
	char what[80];

	memcpy(&copy, vm->monitor_page.base, sizeof(copy));
	guests_own_ignore(vm, &copy);
	if (memcmp(&copy, shadow, sizeof(copy)) == 0)
		return;
	snprintf(what, sizeof(what), "the monitor page was changed at offset 0x%x",
		first_difference(now, shadow));
	for (uint32_t i = 0; i < HV_PAGE_BYTES; i++) {
		if (now[i] != shadow[i])
			vm->monitor_page.base[i] = shadow[i];
	}
	foreign(vm, what);
}

/* The host-to-guest half: nobody sets bits there, events travel otherwise. */
static void
to_guest_compare(struct kern_vm *vm)
{
	static const uint8_t zero[VMBUS_INT_PAGE_HALF_BYTES];
	uint8_t *half = int_page(vm)->to_guest;
	char what[80];

	if (memcmp(half, zero, sizeof(zero)) == 0)
		return;
	for (uint32_t i = 0; i < sizeof(zero); i++) {
		if (half[i] != 0) {
			snprintf(what, sizeof(what),
				"the interrupt page was changed at offset 0x%x", i);
			break;
		}
	}
	memset(half, 0, sizeof(zero));
	foreign(vm, what);
}

/* ---- the interrupt page ---- */

static uint64_t *
int_page_words(struct kern_vm *vm)
{
	return (uint64_t *)(void *)int_page(vm)->to_host;
}

bool
int_page_take(struct kern_vm *vm, uint32_t relid)
{
	uint64_t *word = &int_page_words(vm)[relid / 64], bit = 1ull << relid % 64;

	if ((__atomic_load_n(word, __ATOMIC_RELAXED) & bit) == 0)
		return false;
	return (__atomic_fetch_and(word, ~bit, __ATOMIC_ACQ_REL) & bit) != 0;
}

/* One word: bits without a channel are foreign, bits of channels that signal
 * by the monitor mean nothing; the rest waits for the kick that follows. */
static void
int_page_word(struct kern_vm *vm, uint32_t index, uint64_t word)
{
	while (word != 0) {
		uint32_t relid = index * 64 + (uint32_t)__builtin_ctzll(word);
		const struct hv_channel *channel = vm->monitor->by_relid[relid];

		word &= word - 1;
		if (channel != NULL && channel->monitor_id == VMBUS_MONITOR_NONE)
			continue;
		if (int_page_take(vm, relid) && channel == NULL)
			foreign_bit(vm, "interrupt page", relid,
				vm->monitor->relid_excused_ns[relid]);
	}
}

static void
int_page_look(struct kern_vm *vm)
{
	const uint64_t *words = int_page_words(vm);

	for (uint32_t i = 0; i < KERN_RELIDS / 64; i++) {
		uint64_t word = __atomic_load_n(&words[i], __ATOMIC_RELAXED);

		if (word != 0)
			int_page_word(vm, i, word);
	}
}

/* ---- the monitor page ---- */

static unsigned int
group_look(struct kern_vm *vm, uint32_t group)
{
	uint32_t *word = &monitor_page(vm)->trigger[group].pending;
	unsigned int signals = 0;
	uint32_t pending;

	if (__atomic_load_n(word, __ATOMIC_RELAXED) == 0)
		return 0;
	/* Partner: the guest publishes its write index, then sets the bit. */
	pending = __atomic_exchange_n(word, 0, __ATOMIC_ACQ_REL);
	while (pending != 0) {
		uint32_t id = group * VMBUS_MONITOR_BITS + (uint32_t)__builtin_ctz(pending);
		struct hv_channel *channel = vm->monitor->by_id[id];

		pending &= pending - 1;
		if (channel == NULL) {
			foreign_bit(vm, "monitor page pending", id,
				vm->monitor->id_excused_ns[id]);
		} else if (channel->state == KERN_CHANNEL_OPEN) {
			vsp_channel_signalled(channel->vsp);
			signals++;
		}
	}
	return signals;
}

bool
monitor_pending(const struct kern_vm *vm)
{
	struct vmbus_monitor_page *page = monitor_page(vm);
	uint32_t any = 0;

	for (uint32_t group = 0; group < VMBUS_MONITOR_GROUPS; group++)
		any |= __atomic_load_n(&page->trigger[group].pending, __ATOMIC_ACQUIRE);
	return any != 0;
}

static uint64_t
latency_min_ns(const struct kern_vm *vm)
{
	uint64_t min = UINT64_MAX;

	for (uint32_t id = 0; id < KERN_MONITOR_IDS; id++) {
		const struct hv_channel *channel = vm->monitor->by_id[id];
		uint64_t ns;

		if (channel == NULL || channel->state != KERN_CHANNEL_OPEN)
			continue;
		ns = 100ull * __atomic_load_n(&monitor_page(vm)->
			latency_100ns[id / VMBUS_MONITOR_BITS][id % VMBUS_MONITOR_BITS],
			__ATOMIC_RELAXED);
		min = HV_MIN(min, ns);
	}
	return min == UINT64_MAX ? 100ull * LATENCY_DEFAULT_100NS : min;
}

uint64_t
monitor_period_ns(const struct kern_vm *vm)
{
	uint64_t idle_ns = engine_now_ns() - vm->monitor->last_traffic_ns;
	uint64_t period = HV_MAX(latency_min_ns(vm), PERIOD_MIN_NS);

	/* The back-off: an eighth of the time that nothing has happened. */
	if (idle_ns > TRAFFIC_NS)
		period = HV_MAX(period, HV_MIN(idle_ns / 8, PERIOD_IDLE_NS));
	return period;
}

unsigned int
monitor_look(struct kern_vm *vm)
{
	struct kern_monitor *monitor = vm->monitor;
	uint64_t now = engine_now_ns();
	unsigned int signals = 0;

	monitor->looks++;
	for (uint32_t group = 0; group < VMBUS_MONITOR_GROUPS; group++)
		signals += group_look(vm, group);
	int_page_look(vm);
	if (now >= monitor->next_compare_ns) {
		monitor_compare(vm);
		to_guest_compare(vm);
		monitor->next_compare_ns = now + COMPARE_NS;
	}
	monitor->signals += signals;
	if (signals > 0)
		monitor->last_traffic_ns = now;
	monitor->next_look_ns = now + monitor_period_ns(vm);
	return signals;
}
