/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Guests that are preloaded processes: one struct kern_vm each, with its
 * folder, its VM-wide pages and its sockets; and the transport through which
 * the VSP sees them.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../core/log.h"
#include "internal.h"

#define UIO_MAJOR_DEFAULT 243u
/* Where Linux begins to number GPADLs. */
#define GPADL_FIRST 0xe1e10u

static struct kern_vm *vms;

/* ---- a guest kernel that dies ---- */

/* The host sees the machine go: its channels are closed. */
static void
on_crash(void *arg)
{
	struct kern_vm *vm = arg;

	for (struct kern_device *d = vm->devices; d != NULL; d = d->next) {
		if (d->open_files == 0)
			continue;
		device_channels_close(d);
		uio_gone(d);
	}
}

void
vm_oops(struct hv_channel *channel, const char *where, const char *why)
{
	struct kern_vm *vm = channel->device->vm;
	char what[128];
	int n;

	if (vm->crashed)
		return;
	vm->crashed = true;
	n = snprintf(what, sizeof(what), why, channel->index);
	snprintf(what + n, sizeof(what) - (size_t)n, ": kernel %s oopses", vm->profile->name);
	log_error("%s: %s: NULL pointer dereference in %s", vm->name, what, where);
	vsp_foreign_bit(kern_vm_guest(vm), channel->device->nic, what);
	engine_timer_arm(&vm->crash_timer, engine_now_ns(), on_crash, vm);
}

/* ---- the transport ---- */

static struct kern_vm *
vm_of(const struct hv_guest *guest)
{
	return (struct kern_vm *)(uintptr_t)guest;
}

static int
transport_gpadl(struct hv_device *handle, uint32_t gpadl, uint8_t **base, uint64_t *bytes)
{
	const struct kern_device *device = device_of(handle);
	const struct shm *shm = NULL;

	if (gpadl == device->recv_gpadl)
		shm = &device->recv;
	else if (gpadl == device->send_gpadl)
		shm = &device->send;
	if (shm == NULL || shm->base == NULL)
		return -ENOENT;
	*base = shm->base;
	*bytes = shm->bytes;
	return 0;
}

static const uint8_t *
transport_page(struct hv_device *handle, uint64_t page_number, uint32_t offset,
	uint32_t bytes, bool *in_place)
{
	return guest_memory_page(device_of(handle)->vm->memory, page_number, offset, bytes,
		in_place);
}

static uint32_t
transport_relid(const struct hv_channel *channel)
{
	return channel->relid;
}

static const char *
transport_guest_name(const struct hv_guest *guest)
{
	return vm_of(guest)->name;
}

const struct hv_transport kern_transport = {
	.name = "preload",
	.offer = device_offer,
	.rescind = device_rescind,
	.offer_subchannel = channel_offer,
	.rescind_subchannel = channel_rescind,
	.interrupt = device_interrupt,
	.gpadl = transport_gpadl,
	.page = transport_page,
	.relid = transport_relid,
	.guest_name = transport_guest_name,
};

/* ---- guests ---- */

static uint32_t
uio_major_find(void)
{
	FILE *f = fopen("/proc/devices", "re");
	uint32_t major = UIO_MAJOR_DEFAULT, number;
	char line[128], name[64];

	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, "%u %63s", &number, name) == 2 && strcmp(name, "uio") == 0)
			major = number;
	}
	if (f != NULL)
		fclose(f);
	return major;
}

static int
vm_dir_create(struct kern_vm *vm, const char *parent_dir)
{
	char *dir;

	if (asprintf(&dir, "%s/%s", parent_dir, vm->name) < 0)
		return -ENOMEM;
	if (mkdir(dir, 0700) < 0) {
		int ret = -errno;

		free(dir);      /* not ours to remove */
		return ret;
	}
	vm->dir = dir;
	return 0;
}

static int
vm_memory_create(struct kern_vm *vm)
{
	int ret = shm_create(&vm->int_page, "int_page", HV_PAGE_BYTES);

	if (ret == 0)
		ret = shm_create(&vm->monitor_page, "monitor_page", HV_PAGE_BYTES);
	if (ret == 0)
		ret = monitor_create(vm);
	if (ret == 0)
		ret = idle_create(vm);
	if (ret < 0)
		return ret;
	vm->memory = guest_memory_create(vm);
	if (vm->memory == NULL)
		return -ENOMEM;
	guest_memory_set_pa(vm->memory, vm->iova == IOVA_PA);
	return 0;
}

static struct kern_vm *
vm_alloc(const struct config_guest *config)
{
	struct kern_vm *vm = calloc(1, sizeof(*vm));

	if (vm == NULL)
		return NULL;
	*vm = (struct kern_vm) {
		.iova = config->iova, .int_page = { .fd = -1 }, .monitor_page = { .fd = -1 },
		.listen_fd = -1, .next_relid = 1, .next_gpadl = GPADL_FIRST,
		.uio_count = KERN_UIO_COUNT, .uio_major = uio_major_find(),
	};
	snprintf(vm->name, sizeof(vm->name), "%s", config->name);
	vm->new_id[KERN_DRIVER_UIO] = true;
	vm->profile = config->kernel_profile[0] != '\0' ?
		kern_profile_find(config->kernel_profile) : kern_profile_default();
	return vm;
}

/* Does the steps in order; says at which it stopped. */
static int
vm_set_up(struct kern_vm *vm, const char *parent_dir, const char **step)
{
	int ret;

	*step = "folder";
	ret = vm_dir_create(vm, parent_dir);
	if (ret < 0)
		return ret;
	*step = "memory";
	ret = vm_memory_create(vm);
	if (ret < 0)
		return ret;
	*step = "sysfs tree";
	ret = tree_create(vm);
	if (ret < 0)
		return ret;
	*step = "socket";
	return server_start(vm);
}

struct kern_vm *
kern_vm_create(const struct config_guest *config, const char *parent_dir, char *error,
	unsigned int error_bytes)
{
	struct kern_vm *vm = vm_alloc(config);
	const char *step = "memory";
	int ret = -ENOMEM;

	if (vm != NULL && vm->profile == NULL) {
		snprintf(error, error_bytes, "guest \"%s\": no kernel profile \"%s\"",
			config->name, config->kernel_profile);
		free(vm);
		return NULL;
	}
	if (vm != NULL)
		ret = vm_set_up(vm, parent_dir, &step);
	if (ret < 0) {
		snprintf(error, error_bytes, "guest \"%s\": cannot make its %s below %s: %s",
			config->name, step, parent_dir, strerror(-ret));
		kern_vm_destroy(vm);
		return NULL;
	}
	vm->poller = (struct engine_poller) {
		.poll = idle_poll, .prepare_sleep = idle_prepare_sleep, .next_ns = idle_next_ns,
		.arg = vm,
	};
	engine_poller_add(&vm->poller);
	vm->next = vms;
	vms = vm;
	return vm;
}

/* What the VSP did not take back itself: the machine is switched off. */
static void
vm_devices_destroy(struct kern_vm *vm)
{
	while (vm->devices != NULL) {
		device_channels_close(vm->devices);
		device_rescind((struct hv_device *)(void *)vm->devices);
	}
	while (vm->gone != NULL) {
		struct kern_device *device = vm->gone;

		vm->gone = device->next;
		device_destroy(device);
	}
	graves_destroy(vm);
}

/* Takes halves. Sockets first: the last releases close what is open. */
void
kern_vm_destroy(struct kern_vm *vm)
{
	struct kern_vm **link = &vms;

	if (vm == NULL)
		return;
	while (*link != NULL && *link != vm)
		link = &(*link)->next;
	if (*link != NULL)
		*link = vm->next;
	engine_poller_remove(&vm->poller);
	if (vm->tree != NULL)
		server_stop(vm);
	vm_devices_destroy(vm);
	engine_timer_cancel(&vm->crash_timer);
	tree_destroy(vm);
	if (vm->memory != NULL)
		guest_memory_destroy(vm->memory);
	idle_destroy(vm);
	monitor_destroy(vm);
	shm_destroy(&vm->int_page);
	shm_destroy(&vm->monitor_page);
	if (vm->dir != NULL)
		rmdir(vm->dir);
	free(vm->dir);
	free(vm);
}

struct kern_vm *
kern_vm_find(const char *name)
{
	struct kern_vm *vm = vms;

	while (vm != NULL && strcmp(vm->name, name) != 0)
		vm = vm->next;
	return vm;
}

struct kern_vm *
kern_vm_next(struct kern_vm *vm)
{
	return vm == NULL ? vms : vm->next;
}

struct hv_guest *
kern_vm_guest(struct kern_vm *vm)
{
	return (struct hv_guest *)(void *)vm;
}

const char *
kern_vm_dir(const struct kern_vm *vm)
{
	return vm->dir;
}

void
kern_vm_stats(struct kern_vm *vm, struct stat_sink *sink)
{
	uint64_t devices = 0, open_files = 0;

	for (const struct kern_device *d = vm->devices; d != NULL; d = d->next) {
		devices++;
		open_files += d->open_files;
	}
	stat_emit(sink, "devices", devices);
	stat_emit(sink, "open_files", open_files);
	stat_emit(sink, "monitor_looks", vm->monitor->looks);
	stat_emit(sink, "monitor_signals", vm->monitor->signals);
	stat_emit(sink, "monitor_sleeps", vm->idle->sleeps);
	stat_emit(sink, "monitor_faults", vm->idle->faults);
	stat_emit(sink, "foreign_changes", vm->monitor->foreign);
}
