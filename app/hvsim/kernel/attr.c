/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Attributes of the sysfs tree: the numeric ones as tables of name, format and
 * value, and what happens when the guest reads or writes one. A path is
 * identified by the inode of the folder it leads to, so symlinks, "..", and
 * the several ways to one attribute need no care.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../../drivers/bus/vmbus/uio_layout.h"
#include "../core/log.h"
#include "internal.h"

/* ---- values ---- */

enum direction {
	OUT,
	IN,
};

struct ring_view {
	uint32_t read, write, mask, to_read, to_write;
};

/* The guest writes to these pages: any value may come, none matters. */
static struct ring_view
ring_view(const struct hv_channel *channel, enum direction direction)
{
	const struct vmbus_ring_page *page;
	struct hv_rings rings;
	struct ring_view view = { 0 };
	uint32_t size;

	if (channel->ring.base == NULL)
		return view;
	channel_rings(channel, &rings);
	page = (const struct vmbus_ring_page *)(const void *)
		(direction == OUT ? rings.to_host_page : rings.to_guest_page);
	size = direction == OUT ? rings.to_host_bytes : rings.to_guest_bytes;
	view.read = __atomic_load_n(&page->read_index, __ATOMIC_RELAXED);
	view.write = __atomic_load_n(&page->write_index, __ATOMIC_RELAXED);
	view.mask = __atomic_load_n(&page->interrupt_mask, __ATOMIC_RELAXED);
	view.to_read = view.write >= view.read ? view.write - view.read :
		size - (view.read - view.write);
	view.to_write = size - view.to_read;
	return view;
}

#define RING_VALUES(name, direction) \
	static uint64_t name##_mask(const struct hv_channel *c) \
	{ return ring_view(c, direction).mask; } \
	static uint64_t name##_read_index(const struct hv_channel *c) \
	{ return ring_view(c, direction).read; } \
	static uint64_t name##_write_index(const struct hv_channel *c) \
	{ return ring_view(c, direction).write; } \
	static uint64_t name##_to_read(const struct hv_channel *c) \
	{ return ring_view(c, direction).to_read; } \
	static uint64_t name##_to_write(const struct hv_channel *c) \
	{ return ring_view(c, direction).to_write; }
RING_VALUES(out, OUT)
RING_VALUES(in, IN)

static uint64_t
value_zero(const struct hv_channel *channel)
{
	(void)channel;
	return 0;
}

static uint64_t
value_relid(const struct hv_channel *channel)
{
	return channel->relid;
}

/* The kernel's numbers: 3 opened, 2 not (yet, or any more). */
static uint64_t
value_state(const struct hv_channel *channel)
{
	return channel->state == KERN_CHANNEL_OPEN ? 3 : 2;
}

static uint64_t
value_monitor_id(const struct hv_channel *channel)
{
	return channel->monitor_id;
}

static const struct vmbus_monitor_page *
monitor_page(const struct hv_channel *channel)
{
	return (const struct vmbus_monitor_page *)(const void *)
		channel->device->vm->monitor_page.base;
}

/* The whole word of the channel's group, as the kernel prints it. */
static uint64_t
value_pending(const struct hv_channel *channel)
{
	return monitor_page(channel)->trigger[channel->monitor_id / VMBUS_MONITOR_BITS].pending;
}

static uint64_t
value_latency(const struct hv_channel *channel)
{
	return monitor_page(channel)->latency_100ns[channel->monitor_id / VMBUS_MONITOR_BITS]
		[channel->monitor_id % VMBUS_MONITOR_BITS];
}

static uint64_t
value_connection(const struct hv_channel *channel)
{
	return monitor_page(channel)->parameter[channel->monitor_id / VMBUS_MONITOR_BITS]
		[channel->monitor_id % VMBUS_MONITOR_BITS].connection_id;
}

static uint64_t
value_index(const struct hv_channel *channel)
{
	return channel->index;
}

static uint64_t
value_cpu(const struct hv_channel *channel)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	return channel->cpu % (cpus > 0 ? (uint64_t)cpus : 1);
}

static uint64_t
value_interrupts(const struct hv_channel *channel)
{
	return channel->interrupts;
}

static uint64_t
value_events(const struct hv_channel *channel)
{
	return channel->events;
}

#define NUMBER "%" PRIu64 "\n"

/* Of a device's folder; the channel is its primary. */
const struct attr device_attrs[] = {
	{ "id", 0444, 0, NUMBER, value_relid },
	{ "state", 0444, 0, NUMBER, value_state },
	{ "monitor_id", 0444, ATTR_MONITOR, NUMBER, value_monitor_id },
	{ "server_monitor_pending", 0444, ATTR_MONITOR, NUMBER, value_zero },
	{ "client_monitor_pending", 0444, ATTR_MONITOR, NUMBER, value_pending },
	{ "server_monitor_latency", 0444, ATTR_MONITOR, NUMBER, value_zero },
	{ "client_monitor_latency", 0444, ATTR_MONITOR, NUMBER, value_latency },
	{ "server_monitor_conn_id", 0444, ATTR_MONITOR, NUMBER, value_zero },
	{ "client_monitor_conn_id", 0444, ATTR_MONITOR, NUMBER, value_connection },
	{ "out_intr_mask", 0444, ATTR_RINGS, NUMBER, out_mask },
	{ "out_read_index", 0444, ATTR_RINGS, NUMBER, out_read_index },
	{ "out_write_index", 0444, ATTR_RINGS, NUMBER, out_write_index },
	{ "out_read_bytes_avail", 0444, ATTR_RINGS, NUMBER, out_to_read },
	{ "out_write_bytes_avail", 0444, ATTR_RINGS, NUMBER, out_to_write },
	{ "in_intr_mask", 0444, ATTR_RINGS, NUMBER, in_mask },
	{ "in_read_index", 0444, ATTR_RINGS, NUMBER, in_read_index },
	{ "in_write_index", 0444, ATTR_RINGS, NUMBER, in_write_index },
	{ "in_read_bytes_avail", 0444, ATTR_RINGS, NUMBER, in_to_read },
	{ "in_write_bytes_avail", 0444, ATTR_RINGS, NUMBER, in_to_write },
};
const unsigned int device_attr_count = ARRAY_SIZE(device_attrs);

/* Of channels/<relid>. */
const struct attr channel_attrs[] = {
	{ "out_mask", 0444, ATTR_RINGS, NUMBER, out_mask },
	{ "in_mask", 0444, ATTR_RINGS, NUMBER, in_mask },
	{ "read_avail", 0444, ATTR_RINGS, NUMBER, in_to_read },
	{ "write_avail", 0444, ATTR_RINGS, NUMBER, out_to_write },
	{ "cpu", 0644, 0, NUMBER, value_cpu },
	{ "pending", 0444, ATTR_MONITOR, NUMBER, value_pending },
	{ "latency", 0444, ATTR_MONITOR, NUMBER, value_latency },
	{ "interrupts", 0444, 0, NUMBER, value_interrupts },
	{ "events", 0444, 0, NUMBER, value_events },
	{ "intr_in_full", 0444, 0, NUMBER, value_zero },
	{ "intr_out_empty", 0444, 0, NUMBER, value_zero },
	{ "out_full_first", 0444, 0, NUMBER, value_zero },
	{ "out_full_total", 0444, 0, NUMBER, value_zero },
	{ "monitor_id", 0444, ATTR_MONITOR, NUMBER, value_monitor_id },
	{ "subchannel_id", 0444, 0, NUMBER, value_index },
};
const unsigned int channel_attr_count = ARRAY_SIZE(channel_attrs);

bool
attr_visible(const struct attr *attr, const struct hv_channel *channel)
{
	return !(attr->need & ATTR_MONITOR) || channel->monitor_id != VMBUS_MONITOR_NONE;
}

mode_t
attr_mode(const struct attr *attr, const struct kern_profile *profile)
{
	return profile->cpu_writable ? attr->mode : attr->mode & 0444;
}

static bool
is_channel_attr(const struct attr *attr)
{
	return attr >= channel_attrs && attr < channel_attrs + ARRAY_SIZE(channel_attrs);
}

/* The device's attributes need an open channel; a channel's own look for rings,
 * which the primary of a uio device keeps when it is closed. */
static bool
rings_readable(const struct attr *attr, const struct hv_channel *channel)
{
	if (channel->state == KERN_CHANNEL_OPEN)
		return true;
	return is_channel_attr(attr) && channel->index == 0 &&
		channel->state == KERN_CHANNEL_CLOSED && channel->ring.base != NULL;
}

int
attr_show(const struct attr *attr, const struct hv_channel *channel, char *text, size_t bytes)
{
	bool open = channel->state == KERN_CHANNEL_OPEN;

	if ((attr->need & ATTR_RINGS) && !rings_readable(attr, channel))
		return -EINVAL;
	if (!open && is_channel_attr(attr) && channel->device->vm->profile->attrs_need_open)
		return -EINVAL;
	if ((attr->need & ATTR_MONITOR) && channel->monitor_id == VMBUS_MONITOR_NONE)
		return -ENOENT;
	/* The formats are the tables' above. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(text, bytes, attr->format, attr->value(channel));
#pragma GCC diagnostic pop
	return 0;
}

void
attr_show_vp_mapping(const struct kern_device *device, char *text, size_t bytes)
{
	size_t used = 0;

	text[0] = '\0';
	for (const struct hv_channel *c = device->channels; c != NULL; c = c->next) {
		if (c->relid != 0 && used < bytes)
			used += (size_t)snprintf(text + used, bytes - used, "%u:%" PRIu64 "\n",
				c->relid, value_cpu(c));
	}
}

void
attr_show_uevent(const struct kern_device *device, char *text, size_t bytes)
{
	const char *driver = driver_name(device->driver);

	snprintf(text, bytes, "%s%s%sMODALIAS=" KERN_MODALIAS "\n", driver != NULL ? "DRIVER=" : "",
		driver != NULL ? driver : "", driver != NULL ? "\n" : "");
}

/* ---- where a path leads ---- */

struct target {
	int dir_fd;
	const char *name;               /* of the attribute */
	struct kern_device *device;     /* of whose folder, or of whose uio folder ... */
	bool uio;
	struct hv_channel *channel;     /* ... or of whose channel folder */
	enum kern_driver driver;
	bool bus;
};

static bool
device_target(struct kern_device *device, uint64_t inode, struct target *target)
{
	target->device = device;
	if (device->dir_inode == inode)
		return true;
	target->uio = device->uio_inode == inode;
	if (target->uio)
		return true;
	for (struct hv_channel *c = device->channels; c != NULL; c = c->next) {
		if (c->dir_inode == inode) {
			target->channel = c;
			return true;
		}
	}
	target->device = NULL;
	return false;
}

static void
target_identify(struct kern_vm *vm, uint64_t inode, struct target *target)
{
	for (struct kern_device *d = vm->devices; d != NULL; d = d->next) {
		if (device_target(d, inode, target))
			return;
	}
	target->bus = vm->tree->bus_inode == inode;
	for (enum kern_driver d = KERN_DRIVER_UIO; d < KERN_DRIVER_COUNT; d++) {
		if (vm->tree->driver_inode[d] == inode)
			target->driver = d;
	}
}

/* Opens the folder that the path's last component is in. On 0 the caller
 * closes target->dir_fd. */
static int
target_find(struct kern_vm *vm, const char *path, struct target *target)
{
	char dir[GUEST_PATH_MAX];
	const char *name;
	struct stat st;

	*target = (struct target) { .dir_fd = -1 };
	if (strncmp(path, "/sys/", 5) != 0 || strnlen(path, GUEST_PATH_MAX) >= GUEST_PATH_MAX)
		return -EINVAL;
	path++;
	name = strrchr(path, '/') + 1;
	snprintf(dir, sizeof(dir), "%.*s", (int)(name - path), path);
	target->name = name;
	target->dir_fd = tree_dir_open(vm->tree->root_fd, dir);
	if (target->dir_fd < 0)
		return target->dir_fd;
	if (fstat(target->dir_fd, &st) == 0 && st.st_dev == vm->tree->dev)
		target_identify(vm, st.st_ino, target);
	return 0;
}

struct hv_channel *
tree_channel_by_path(struct kern_vm *vm, const char *path, const char *name)
{
	struct target target;

	if (target_find(vm, path, &target) < 0)
		return NULL;
	close(target.dir_fd);
	return strcmp(target.name, name) == 0 ? target.channel : NULL;
}

/* ---- reading ---- */

static int
number_refresh(const struct target *target)
{
	const struct attr *attrs = target->channel != NULL ? channel_attrs : device_attrs;
	unsigned int n = target->channel != NULL ? channel_attr_count : device_attr_count;
	char text[64];

	for (unsigned int i = 0; i < n; i++) {
		int ret;

		if (strcmp(attrs[i].name, target->name) != 0)
			continue;
		ret = attr_show(&attrs[i], target->channel != NULL ? target->channel :
			target->device->primary, text, sizeof(text));
		return ret < 0 ? ret : tree_put(target->dir_fd, target->name, text);
	}
	return 0;       /* constant, or nothing of ours */
}

static int
text_refresh(const struct target *target)
{
	char text[HV_CHANNELS_MAX * 32];

	if (target->uio) {
		if (strcmp(target->name, "event") != 0)
			return 0;
		snprintf(text, sizeof(text), "%u\n", target->device->uio_events);
	} else if (strcmp(target->name, "channel_vp_mapping") == 0) {
		attr_show_vp_mapping(target->device, text, sizeof(text));
	} else if (strcmp(target->name, "uevent") == 0) {
		attr_show_uevent(target->device, text, sizeof(text));
	} else {
		return number_refresh(target);
	}
	return tree_put(target->dir_fd, target->name, text);
}

int
tree_attr_refresh(struct kern_vm *vm, const char *path)
{
	struct target target;
	int ret = target_find(vm, path, &target);

	if (ret < 0)
		return ret;
	if (target.channel != NULL)
		ret = number_refresh(&target);
	else if (target.device != NULL)
		ret = text_refresh(&target);
	close(target.dir_fd);
	return ret;
}

/* ---- writing ---- */

static int
store_override(const struct target *target, const char *text)
{
	struct kern_device *device = target->device;
	char line[sizeof(device->driver_override) + 1];
	size_t length = strlen(text);

	if (!device->vm->profile->driver_override)
		return -EACCES;
	if (length >= sizeof(device->driver_override))
		return -EINVAL;
	memcpy(device->driver_override, text, length + 1);
	snprintf(line, sizeof(line), "%s\n", device->driver_override);
	return tree_put(target->dir_fd, target->name, text[0] != '\0' ? line : "(null)\n");
}

static int
store_cpu(const struct target *target, const char *text)
{
	struct hv_channel *channel = target->channel;
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	char *end;
	unsigned long cpu = strtoul(text, &end, 10);

	if (!channel->device->vm->profile->cpu_writable)
		return -EACCES;
	if (end == text || *end != '\0' || text[0] == '-' || cpu >= (unsigned long)cpus)
		return -EINVAL;
	if (channel->state != KERN_CHANNEL_OPEN)
		return -EIO;    /* there is nothing yet that could be moved */
	channel->cpu = (uint32_t)cpu;
	return number_refresh(target);
}

static int
target_store(struct kern_vm *vm, const struct target *target, const char *text)
{
	if (target->driver != KERN_DRIVER_NONE)
		return driver_store(vm, target->driver, target->name, text);
	if (target->bus && strcmp(target->name, "drivers_probe") == 0)
		return driver_probe_named(vm, text);
	if (target->channel != NULL && strcmp(target->name, "cpu") == 0)
		return store_cpu(target, text);
	if (target->device == NULL || target->channel != NULL || target->uio)
		return -EACCES;
	if (strcmp(target->name, "driver_override") == 0)
		return store_override(target, text);
	return -EACCES;
}

int
tree_attr_store(struct kern_vm *vm, const char *path, const char *data, uint32_t bytes)
{
	struct target target;
	char text[256];
	int ret;

	/* As the kernel takes it: one line, the newline is not part of it. */
	if (bytes >= sizeof(text))
		return -EINVAL;
	memcpy(text, data, bytes);
	text[bytes] = '\0';
	text[strcspn(text, "\n")] = '\0';
	ret = target_find(vm, path, &target);
	if (ret < 0)
		return ret;
	ret = target_store(vm, &target, text);
	close(target.dir_fd);
	return ret;
}
