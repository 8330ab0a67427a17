/* SPDX-License-Identifier: BSD-3-Clause */

/* The neighbours of the guest's kernel (fakes.h), and the fixture. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/units.h"
#include "fakes.h"

struct fake_log fake;

/* ---- the VSP ---- */

int
vsp_channel_opened(struct vsp_channel *channel, struct hv_channel *handle,
	const struct hv_rings *rings)
{
	const struct vmbus_ring_page *out = (const void *)rings->to_host_page;
	const struct vmbus_ring_page *in = (const void *)rings->to_guest_page;

	channel->handle = handle;
	channel->rings = *rings;
	channel->seen_features = out->feature_bits;
	channel->seen_mask = in->interrupt_mask;
	channel->opened++;
	return channel->open_result;
}

void
vsp_channel_closed(struct vsp_channel *channel)
{
	channel->closed++;
	channel->closed_as = ++fake.closes;
	if (channel->rescind_on_close)
		kern_transport.rescind_subchannel(channel->handle);
}

void
vsp_channel_signalled(struct vsp_channel *channel)
{
	channel->signalled++;
}

bool
vsp_monitor_unread(void)
{
	return fake.unread;
}

void
vsp_foreign_bit(struct hv_guest *guest, struct vsp_nic *nic, const char *what)
{
	(void)guest;
	fake.foreign++;
	fake.last_nic = nic;
	snprintf(fake.last_foreign, sizeof(fake.last_foreign), "%s", what);
}

/* ---- server.c, uio.c, memory.c ---- */

int
server_start(struct kern_vm *vm)
{
	(void)vm;
	return 0;
}

void
server_stop(struct kern_vm *vm)
{
	for (struct kern_device *d = vm->devices; d != NULL; d = d->next) {
		while (d->open_files > 0)
			kern_device_release(d);
	}
}

void
uio_event(struct kern_device *device)
{
	(void)device;
	fake.events++;
}

void
uio_gone(struct kern_device *device)
{
	(void)device;
	fake.gone++;
}

void
uio_channels_changed(struct kern_device *device)
{
	(void)device;
	fake.changed++;
}

struct guest_memory *
guest_memory_create(struct kern_vm *vm)
{
	(void)vm;
	return malloc(1);
}

void
guest_memory_destroy(struct guest_memory *memory)
{
	free(memory);
}

void
guest_memory_round(struct guest_memory *memory)
{
	(void)memory;
}

void
guest_memory_set_pa(struct guest_memory *memory, bool pa)
{
	(void)memory;
	(void)pa;
}

const uint8_t *
guest_memory_page(struct guest_memory *memory, uint64_t page_number, uint32_t offset,
	uint32_t bytes, bool *in_place)
{
	(void)memory;
	(void)page_number;
	(void)offset;
	(void)bytes;
	(void)in_place;
	return NULL;
}

/* ---- the fixture ---- */

/* What the last test made, and left if it failed. */
static char leftover[sizeof(((struct kern_fixture *)0)->parent)];

static int
leftover_entry(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

static void
leftover_remove(void)
{
	if (leftover[0] != '\0')
		nftw(leftover, leftover_entry, 16, FTW_DEPTH | FTW_PHYS);
	leftover[0] = '\0';
}

void
fixture_start(struct kern_fixture *f, const char *profile)
{
	struct config_guest config = { .name = "guest0" };
	char error[256] = "";

	memset(f, 0, sizeof(*f));
	memset(&fake, 0, sizeof(fake));
	/* A disk may need most of a millisecond for each file. */
	snprintf(f->parent, sizeof(f->parent), "%s/hvsim-test-kernel-XXXXXX",
		access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	leftover_remove();
	atexit(leftover_remove);
	assert_non_null(mkdtemp(f->parent));
	snprintf(leftover, sizeof(leftover), "%s", f->parent);
	snprintf(config.kernel_profile, sizeof(config.kernel_profile), "%s", profile);
	f->vm = kern_vm_create(&config, f->parent, error, sizeof(error));
	if (f->vm == NULL)
		fail_msg("%s", error);
}

void
fixture_stop(struct kern_fixture *f)
{
	kern_vm_destroy(f->vm);
	assert_int_equal(entries_below(f->parent), 0);
	assert_int_equal(rmdir(f->parent), 0);
	assert_int_equal(fake_timers_armed, 0);
}

void
fixture_offer(struct kern_fixture *f, bool monitor)
{
	struct hv_offer offer = { .monitor = monitor, .latency_100ns = 1000 };

	assert_int_equal(units_parse_guid("f5cbd6a7-1e2f-4f0a-9c3d-00155d000001",
		offer.instance), 0);
	f->device = (struct kern_device *)(void *)kern_transport.offer(kern_vm_guest(f->vm),
		&offer, &f->nic, &f->channel[0]);
	assert_non_null(f->device);
}

void
fixture_rescind(struct kern_fixture *f)
{
	kern_transport.rescind((struct hv_device *)(void *)f->device);
}

void
fixture_subchannel(struct kern_fixture *f, uint16_t index)
{
	assert_int_equal(kern_transport.offer_subchannel((struct hv_device *)(void *)f->device,
		index, &f->channel[index]), 0);
	clock_advance(1000000);
}

/* ---- looking around ---- */

unsigned int
entries_below(const char *path)
{
	DIR *dir = opendir(path);
	unsigned int n = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n - 2;   /* . and .. */
}

unsigned int
open_descriptors(void)
{
	return entries_below("/proc/self/fd");
}

const char *
on_disk(const struct kern_vm *vm, const char *path)
{
	static char full[8192];

	snprintf(full, sizeof(full), "%s/root%s", kern_vm_dir(vm), path);
	return full;
}

const char *
guest_read(struct kern_vm *vm, const char *path, int *ret)
{
	static char text[4096];
	ssize_t n;
	int fd;

	text[0] = '\0';
	*ret = tree_attr_refresh(vm, path);
	fd = open(on_disk(vm, path), O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	if (fd >= 0)
		close(fd);
	return text;
}

int
guest_store(struct kern_vm *vm, const char *path, const char *text)
{
	return tree_attr_store(vm, path, text, (uint32_t)strlen(text));
}

bool
readable(const void *address)
{
	int fds[2];
	bool ok;

	assert_int_equal(pipe(fds), 0);
	ok = write(fds[1], address, 1) == 1;    /* EFAULT where a load is SIGBUS */
	close(fds[0]);
	close(fds[1]);
	return ok;
}
