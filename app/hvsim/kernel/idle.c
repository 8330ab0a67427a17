/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How hvsim sleeps although guests signal by a store. After some time without
 * traffic the monitor page is write-protected in every process that maps it
 * (each hands over a userfaultfd, guest/uffd.c); the store then faults, the
 * descriptor becomes readable, hvsim wakes, lifts the protection and the store
 * goes on. Where a process cannot make one, the page is looked at slowly.
 */

#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/userfaultfd.h>

#include "../core/log.h"
#include "internal.h"

/* Protecting costs the guest a fault: only when traffic has paused. */
#define PROTECT_AFTER_NS 2000000u
/* Asleep we still look now and then: for foreign changes, and for mappings
 * that nobody told us of (a child between fork and its first message). */
#define ASLEEP_LOOK_NS 40000000u
#define REGIONS_MAX 4096u

struct idle_region {
	struct idle_region *next;
	struct kern_vm *vm;
	pid_t pid;
	int fd;                 /* -1: this process cannot wake us */
	struct guest_uffd where;
};

int
idle_create(struct kern_vm *vm)
{
	vm->idle = calloc(1, sizeof(*vm->idle));
	return vm->idle != NULL ? 0 : -ENOMEM;
}

/* Closing the descriptor also lifts the protection and lets waiters go on. */
static void
region_free(struct idle_region *region)
{
	if (region->fd >= 0) {
		engine_fd_remove(region->fd);
		close(region->fd);
	}
	free(region);
}

void
idle_destroy(struct kern_vm *vm)
{
	while (vm->idle != NULL && vm->idle->regions != NULL) {
		struct idle_region *region = vm->idle->regions;

		vm->idle->regions = region->next;
		region_free(region);
	}
	free(vm->idle);
	vm->idle = NULL;
}

/* ---- protection ---- */

static int
region_protect(const struct idle_region *region, bool on)
{
	struct uffdio_writeprotect wp = {
		.range = { .start = region->where.address, .len = region->where.bytes },
		.mode = on ? UFFDIO_WRITEPROTECT_MODE_WP : 0,
	};

	if (region->fd < 0)
		return 0;
	return ioctl(region->fd, UFFDIO_WRITEPROTECT, &wp) < 0 ? -errno : 0;
}

/* Regions that are gone (munmap, exec, exit) drop out here. */
static void
protect_all(struct kern_vm *vm, bool on)
{
	struct idle_region **link = &vm->idle->regions;

	while (*link != NULL) {
		struct idle_region *region = *link;
		int ret = region_protect(region, on);

		/* An address space that is changing is asked again next time. */
		if (ret == 0 || ret == -EAGAIN || ret == -EINTR) {
			link = &region->next;
			continue;
		}
		*link = region->next;
		region_free(region);
	}
	vm->idle->asleep = on;
}

void
idle_wake(struct kern_vm *vm)
{
	if (vm->idle->asleep)
		protect_all(vm, false);
}

static void
on_fault(void *arg, uint32_t events)
{
	struct idle_region *region = arg;
	struct kern_vm *vm = region->vm;
	struct uffd_msg msg[4];
	ssize_t n = read(region->fd, msg, sizeof(msg));

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0)
		region->where.bytes = 0;        /* broken: protect_all() drops it */
	vm->idle->faults++;
	vm->monitor->last_traffic_ns = engine_now_ns();
	vm->monitor->next_look_ns = 0;
	engine_kick();
	/* Even if we thought it lifted: the fault may be older than that. */
	protect_all(vm, false);
}

/* ---- who maps the page ---- */

/* What lay where the process maps the page now is gone, though the kernel lets
 * its descriptor protect the new mapping, too. */
static void
region_forget(struct kern_vm *vm, pid_t pid, const struct guest_uffd *where)
{
	struct idle_region **link = &vm->idle->regions;

	while (*link != NULL) {
		struct idle_region *region = *link;

		if (region->pid != pid || region->where.address >= where->address + where->bytes ||
				where->address >= region->where.address + region->where.bytes) {
			link = &region->next;
			continue;
		}
		*link = region->next;
		region_free(region);
	}
}

void
idle_watch(struct kern_vm *vm, pid_t pid, const struct guest_uffd *where, int fd)
{
	struct idle_region *region = calloc(1, sizeof(*region));
	unsigned int count = 0;

	region_forget(vm, pid, where);
	/* The new one joins the next sleep. Those that are gone drop out now: under
	 * traffic there is no sleep for hours. */
	protect_all(vm, false);
	for (const struct idle_region *r = vm->idle->regions; r != NULL; r = r->next)
		count++;
	if (region == NULL || count >= REGIONS_MAX ||
			(fd >= 0 && engine_fd_add(fd, EPOLLIN, on_fault, region) < 0)) {
		log_warning("%s: process %d cannot wake the host", vm->name, (int)pid);
		free(region);
		if (fd >= 0)
			close(fd);
		return;
	}
	*region = (struct idle_region) {
		.next = vm->idle->regions, .vm = vm, .pid = pid, .fd = fd, .where = *where,
	};
	vm->idle->regions = region;
	if (fd < 0)
		log_info("%s: process %d has no userfaultfd: the host polls", vm->name, (int)pid);
}

void
idle_process_gone(struct kern_vm *vm, pid_t pid)
{
	struct idle_region **link = &vm->idle->regions;

	while (*link != NULL) {
		struct idle_region *region = *link;

		if (region->pid == pid) {
			*link = region->next;
			region_free(region);
		} else {
			link = &region->next;
		}
	}
}

/* All processes we know of can wake us, and there is at least one. */
static bool
covered(const struct idle *idle)
{
	for (const struct idle_region *r = idle->regions; r != NULL; r = r->next) {
		if (r->fd < 0)
			return false;
	}
	return idle->regions != NULL;
}

/* ---- the engine's poller ---- */

bool
idle_prepare_sleep(void *arg)
{
	struct kern_vm *vm = arg;
	struct kern_monitor *monitor = vm->monitor;

	if (monitor->open_channels == 0 || vm->idle->asleep || !covered(vm->idle) ||
			engine_now_ns() - monitor->last_traffic_ns < PROTECT_AFTER_NS)
		return true;
	protect_all(vm, true);
	/* Stores before the protection are visible now, later ones fault. */
	if (!monitor_pending(vm)) {
		vm->idle->sleeps++;
		monitor->next_look_ns = engine_now_ns() + ASLEEP_LOOK_NS;
		return true;
	}
	protect_all(vm, false);
	monitor->next_look_ns = 0;
	return false;
}

uint64_t
idle_next_ns(void *arg)
{
	const struct kern_vm *vm = arg;

	return vm->monitor->open_channels > 0 ? vm->monitor->next_look_ns : UINT64_MAX;
}

unsigned int
idle_poll(void *arg)
{
	struct kern_vm *vm = arg;
	unsigned int signals;

	guest_memory_round(vm->memory);
	if (vm->monitor->open_channels == 0 || engine_now_ns() < vm->monitor->next_look_ns)
		return 0;
	if (vsp_monitor_unread())
		return 0;
	signals = monitor_look(vm);
	if (!vm->idle->asleep)
		return signals;
	if (signals > 0)
		idle_wake(vm);
	else
		vm->monitor->next_look_ns = engine_now_ns() + ASLEEP_LOOK_NS;
	return signals;
}
