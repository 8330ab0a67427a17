/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The sysfs tree of a guest, as real folders, files and relative symlinks
 * below <guest folder>/root. Everything is reached from one descriptor of that
 * root, so that its path may be of any length. `ring` attributes are empty
 * files of the right size: opening them is the library's business.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../../drivers/bus/vmbus/uio_layout.h"
#include "../core/log.h"
#include "internal.h"

#define RING_SIZE_OF_OLD (4u << 20)
#define UP_TO_SYS_FROM_DEVICE "../../../../../.."
#define ADDRESS_FIRST 0x100000000ull

static uint64_t
inode_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 ? st.st_ino : 0;
}

static int device_dir(const struct kern_device *device, const char *below)
	__attribute__((warn_unused_result));

/* Opens the device's folder or one below it. */
static int
device_dir(const struct kern_device *device, const char *below)
{
	char path[256];

	snprintf(path, sizeof(path), KERN_TREE_DEVICES "/%s/%s", device->guid, below);
	return tree_dir_open(device->vm->tree->root_fd, path);
}

/* ---- the whole ---- */

static int
driver_add(struct tree *tree, enum kern_driver driver)
{
	static const char *const write_only[] = { "bind", "unbind", "new_id", "remove_id", "uevent" };
	char path[128];
	int fd, ret;

	snprintf(path, sizeof(path), "sys/module/%s", driver_name(driver));
	ret = tree_dirs_add(tree->root_fd, path);
	if (ret < 0)
		return ret;
	snprintf(path, sizeof(path), "sys/bus/vmbus/drivers/%s", driver_name(driver));
	ret = tree_dirs_add(tree->root_fd, path);
	if (ret < 0)
		return ret;
	fd = tree_dir_open(tree->root_fd, path);
	if (fd < 0)
		return fd;
	tree->driver_inode[driver] = inode_of(fd);
	for (unsigned int i = 0; ret == 0 && i < ARRAY_SIZE(write_only); i++)
		ret = tree_file_add(fd, write_only[i], 0200, "", 0);
	snprintf(path, sizeof(path), "../../../../module/%s", driver_name(driver));
	if (ret == 0 && symlinkat(path, fd, "module") < 0)
		ret = -errno;
	close(fd);
	return ret;
}

/* The machine's own uio devices stay visible; ours get numbers above them. */
static int
real_uio_link(struct kern_vm *vm)
{
	DIR *dir = opendir("/sys/class/uio");
	const struct dirent *entry;
	char from[512], to[PATH_MAX];
	unsigned int number;

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		if (sscanf(entry->d_name, "uio%u", &number) != 1 || number >= UINT16_MAX)
			continue;
		vm->uio_first = HV_MAX(vm->uio_first, number + 1);
		snprintf(from, sizeof(from), "/sys/class/uio/%s", entry->d_name);
		if (realpath(from, to) == NULL)
			continue;
		snprintf(from, sizeof(from), "sys/class/uio/%s", entry->d_name);
		if (symlinkat(to, vm->tree->root_fd, from) < 0) {
			closedir(dir);
			return -errno;
		}
	}
	if (dir != NULL)
		closedir(dir);
	return 0;
}

static int
bus_add(struct tree *tree)
{
	int fd = tree_dir_open(tree->root_fd, "sys/bus/vmbus");
	int ret;

	if (fd < 0)
		return fd;
	tree->bus_inode = inode_of(fd);
	ret = tree_file_add(fd, "drivers_autoprobe", 0644, "1\n", 0);
	if (ret == 0)
		ret = tree_file_add(fd, "drivers_probe", 0200, "", 0);
	if (ret == 0)
		ret = tree_file_add(fd, "uevent", 0200, "", 0);
	close(fd);
	return ret;
}

static int
tree_root_add(struct kern_vm *vm)
{
	struct tree *tree = vm->tree;
	int dir_fd = tree_dir_open(AT_FDCWD, vm->dir);
	struct stat st;

	if (dir_fd < 0)
		return dir_fd;
	tree->root_fd = tree_dir_add(dir_fd, "root");
	close(dir_fd);
	if (tree->root_fd < 0)
		return tree->root_fd;
	if (fstat(tree->root_fd, &st) < 0)
		return -errno;
	tree->dev = st.st_dev;
	return 0;
}

int
tree_create(struct kern_vm *vm)
{
	static const char *const dirs[] = {
		"sys/bus/vmbus/devices", "sys/bus/vmbus/drivers", "sys/class/uio",
		KERN_TREE_DEVICES,
	};
	int ret;

	vm->tree = calloc(1, sizeof(*vm->tree));
	if (vm->tree == NULL)
		return -ENOMEM;
	vm->tree->root_fd = -1;
	ret = tree_root_add(vm);
	for (unsigned int i = 0; ret == 0 && i < ARRAY_SIZE(dirs); i++)
		ret = tree_dirs_add(vm->tree->root_fd, dirs[i]);
	if (ret == 0)
		ret = bus_add(vm->tree);
	for (enum kern_driver d = KERN_DRIVER_UIO; ret == 0 && d < KERN_DRIVER_COUNT; d++)
		ret = driver_add(vm->tree, d);
	if (ret == 0)
		ret = real_uio_link(vm);
	if (ret < 0)
		tree_destroy(vm);
	return ret;
}

void
tree_destroy(struct kern_vm *vm)
{
	int dir_fd;

	if (vm->tree == NULL)
		return;
	dir_fd = tree_dir_open(AT_FDCWD, vm->dir);
	if (dir_fd >= 0) {
		tree_remove_at(dir_fd, "root", 0);
		close(dir_fd);
	}
	if (vm->tree->root_fd >= 0)
		close(vm->tree->root_fd);
	free(vm->tree);
	vm->tree = NULL;
}

/* ---- devices ---- */

static int
device_files_add(const struct kern_device *device, int fd)
{
	int ret;

	ret = tree_file_add(fd, "class_id", 0444, "{" VMBUS_NIC_CLASS_GUID "}\n", 0);
	if (ret == 0)
		ret = tree_file_addf(fd, "device_id", 0444, "{%s}\n", device->guid);
	if (ret == 0)
		ret = tree_file_add(fd, "modalias", 0444, KERN_MODALIAS "\n", 0);
	if (ret == 0)
		ret = tree_file_add(fd, "vendor", 0444, "0x1414\n", 0);
	if (ret == 0)
		ret = tree_file_add(fd, "device", 0444, "0x3\n", 0);
	if (ret == 0)
		ret = tree_file_add(fd, "numa_node", 0444, "0\n", 0);
	if (ret == 0)
		ret = tree_file_add(fd, "channel_vp_mapping", 0444, "", 0);
	if (ret == 0)
		ret = tree_file_add(fd, "uevent", 0644, "", 0);
	if (ret == 0 && device->vm->profile->driver_override)
		ret = tree_file_add(fd, "driver_override", 0644, "(null)\n", 0);
	/* What no kernel has: what page lists may hold, and what a confidential
	 * guest's processor would tell by CPUID. */
	if (ret == 0 && device->isolated)
		ret = tree_file_add(fd, "isolated", 0444, "1\n", 0);
	if (ret == 0 && !device->isolated)
		ret = tree_file_add(fd, "iova", 0444, device->vm->iova == IOVA_PA ? "pa\n" : "va\n", 0);
	return ret;
}

/* Makes the attributes of a table that are visible; rewritten on refresh. */
static int
attrs_add(const struct hv_channel *channel, int fd, const struct attr *attrs, unsigned int n)
{
	char text[64];

	for (unsigned int i = 0; i < n; i++) {
		int ret;

		if (!attr_visible(&attrs[i], channel))
			continue;
		if (attr_show(&attrs[i], channel, text, sizeof(text)) < 0)
			text[0] = '\0';
		ret = tree_file_add(fd, attrs[i].name,
			attr_mode(&attrs[i], channel->device->vm->profile), text, 0);
		if (ret < 0)
			return ret;
	}
	return 0;
}

static int
link_to_device(const struct kern_device *device, const char *up, const char *where)
{
	char target[512];

	snprintf(target, sizeof(target), "%s/%s/%s", up, KERN_DEVICES_BELOW_SYS,
		device->guid);
	return symlinkat(target, device->vm->tree->root_fd, where) < 0 ? -errno : 0;
}

static int
device_fill(struct kern_device *device, int fd)
{
	char where[128];
	int ret;

	device->dir_inode = inode_of(fd);
	ret = device_files_add(device, fd);
	if (ret == 0)
		ret = attrs_add(device->primary, fd, device_attrs, device_attr_count);
	if (ret == 0)
		ret = tree_mkdir(fd, "channels");
	if (ret == 0 && symlinkat(UP_TO_SYS_FROM_DEVICE "/bus/vmbus", fd, "subsystem") < 0)
		ret = -errno;
	snprintf(where, sizeof(where), "sys/bus/vmbus/devices/%s", device->guid);
	/* Last: whoever finds the device finds all of it. */
	return ret < 0 ? ret : link_to_device(device, "../../..", where);
}

int
tree_device_add(struct kern_device *device)
{
	char path[256];
	int fd, ret;

	snprintf(path, sizeof(path), KERN_TREE_DEVICES "/%s", device->guid);
	ret = tree_mkdir(device->vm->tree->root_fd, path);
	if (ret < 0)
		return ret;
	fd = device_dir(device, "");
	if (fd < 0)
		return fd;
	ret = device_fill(device, fd);
	close(fd);
	return ret;
}

void
tree_device_remove(struct kern_device *device)
{
	char path[256];

	if (device->dir_inode == 0)
		return;
	if (device->driver != KERN_DRIVER_NONE)
		tree_driver_link(device, false);
	snprintf(path, sizeof(path), "sys/bus/vmbus/devices/%s", device->guid);
	unlinkat(device->vm->tree->root_fd, path, 0);
	snprintf(path, sizeof(path), KERN_TREE_DEVICES "/%s", device->guid);
	tree_remove_at(device->vm->tree->root_fd, path, 0);
	device->dir_inode = 0;
}

int
tree_driver_link(struct kern_device *device, bool on)
{
	char path[256], target[256];
	int fd = device_dir(device, ""), ret = 0;

	if (fd < 0)
		return fd;
	snprintf(path, sizeof(path), "sys/bus/vmbus/drivers/%s/%s", driver_name(device->driver),
		device->guid);
	snprintf(target, sizeof(target), UP_TO_SYS_FROM_DEVICE "/bus/vmbus/drivers/%s",
		driver_name(device->driver));
	if (!on) {
		unlinkat(fd, "driver", 0);
		unlinkat(device->vm->tree->root_fd, path, 0);
	} else if (symlinkat(target, fd, "driver") < 0) {
		ret = -errno;
	} else {
		ret = link_to_device(device, "../../../..", path);
	}
	close(fd);
	return ret;
}

/* ---- uio ---- */

static int
map_add(int maps_fd, const struct kern_device *device, unsigned int map)
{
	const struct kern_profile *profile = device->vm->profile;
	const uint64_t bytes[UIO_MAP_COUNT] = {
		profile->ring_bytes, profile->control_page_bytes, profile->control_page_bytes,
		UIO_RECV_BUFFER_BYTES, UIO_SEND_BUFFER_BYTES,
	};
	static const char *const names[UIO_MAP_COUNT] = {
		UIO_MAP_NAME_RINGS, UIO_MAP_NAME_INT_PAGE, UIO_MAP_NAME_MONITOR_PAGE,
	};
	char name[16];
	int fd, ret;

	snprintf(name, sizeof(name), "map%u", map);
	fd = tree_dir_add(maps_fd, name);
	if (fd < 0)
		return fd;
	if (map == UIO_MAP_RECV_BUFFER)
		ret = tree_file_addf(fd, "name", 0444, UIO_MAP_PREFIX_RECV "%u\n", device->recv_gpadl);
	else if (map == UIO_MAP_SEND_BUFFER)
		ret = tree_file_addf(fd, "name", 0444, UIO_MAP_PREFIX_SEND "%u\n", device->send_gpadl);
	else
		ret = tree_file_addf(fd, "name", 0444, "%s\n", names[map]);
	if (ret == 0)
		ret = tree_file_addf(fd, "addr", 0444, "0x%016llx\n", ADDRESS_FIRST +
			((unsigned long long)(device->uio * UIO_MAP_COUNT + map) << 26));
	if (ret == 0)
		ret = tree_file_addf(fd, "size", 0444, "0x%016llx\n", (unsigned long long)bytes[map]);
	if (ret == 0)
		ret = tree_file_addf(fd, "offset", 0444, "0x0\n");
	close(fd);
	return ret;
}

static int
uio_maps_add(const struct kern_device *device, int fd)
{
	int maps_fd = tree_dir_add(fd, "maps");
	int ret = maps_fd < 0 ? maps_fd : 0;

	for (unsigned int map = 0; ret == 0 && map < UIO_MAP_COUNT; map++)
		ret = map_add(maps_fd, device, map);
	if (maps_fd >= 0)
		close(maps_fd);
	return ret;
}

static int
uio_fill(struct kern_device *device, int fd)
{
	char target[64];
	int ret;

	device->uio_inode = inode_of(fd);
	ret = tree_file_add(fd, "name", 0444, "uio_hv_generic\n", 0);
	if (ret == 0)
		ret = tree_file_add(fd, "version", 0444, "0.02.1\n", 0);
	if (ret == 0)
		ret = tree_file_add(fd, "event", 0444, "0\n", 0);
	if (ret == 0)
		ret = tree_file_addf(fd, "dev", 0444, "%u:%u\n", device->vm->uio_major, device->uio);
	if (ret == 0)
		ret = tree_file_addf(fd, "uevent", 0644, "MAJOR=%u\nMINOR=%u\nDEVNAME=uio%u\n",
			device->vm->uio_major, device->uio, device->uio);
	if (ret == 0)
		ret = uio_maps_add(device, fd);
	snprintf(target, sizeof(target), "../../../%s", device->guid);
	if (ret == 0 && symlinkat(target, fd, "device") < 0)
		ret = -errno;
	if (ret == 0 && symlinkat("../../" UP_TO_SYS_FROM_DEVICE "/class/uio", fd, "subsystem") < 0)
		ret = -errno;
	return ret;
}

static int
uio_class_link(const struct kern_device *device)
{
	char target[512], where[64];

	snprintf(target, sizeof(target), "../../%s/%s/uio/uio%u",
		KERN_DEVICES_BELOW_SYS, device->guid, device->uio);
	snprintf(where, sizeof(where), "sys/class/uio/uio%u", device->uio);
	return symlinkat(target, device->vm->tree->root_fd, where) < 0 ? -errno : 0;
}

int
tree_uio_add(struct kern_device *device)
{
	int dir_fd = device_dir(device, ""), fd = -1, ret;
	char path[32];

	if (dir_fd < 0)
		return dir_fd;
	snprintf(path, sizeof(path), "uio/uio%u", device->uio);
	ret = tree_dirs_add(dir_fd, path);
	if (ret == 0)
		ret = fd = tree_dir_open(dir_fd, path);
	if (fd >= 0)
		ret = uio_fill(device, fd);
	if (ret == 0)
		ret = uio_class_link(device);
	if (fd >= 0)
		close(fd);
	close(dir_fd);
	return ret;
}

void
tree_uio_remove(struct kern_device *device)
{
	char where[64];
	int fd;

	if (device->dir_inode == 0)
		return;
	if (device->uio != UINT32_MAX) {
		snprintf(where, sizeof(where), "sys/class/uio/uio%u", device->uio);
		unlinkat(device->vm->tree->root_fd, where, 0);
	}
	fd = device_dir(device, "");
	if (fd < 0)
		return;
	tree_remove_at(fd, "uio", 0);
	close(fd);
	device->uio_inode = 0;
}

/* ---- channels ---- */

int
tree_channel_add(struct hv_channel *channel)
{
	int fd = device_dir(channel->device, "channels"), channel_fd, ret;
	char name[16];

	if (fd < 0)
		return fd;
	snprintf(name, sizeof(name), "%u", channel->relid);
	ret = channel_fd = tree_dir_add(fd, name);
	if (channel_fd >= 0) {
		channel->dir_inode = inode_of(channel_fd);
		ret = attrs_add(channel, channel_fd, channel_attrs, channel_attr_count);
		close(channel_fd);
	}
	close(fd);
	return ret;
}

void
tree_channel_remove(struct hv_channel *channel)
{
	char name[16];
	int fd;

	channel->dir_inode = 0;
	channel->ring_visible = false;
	if (channel->relid == 0 || channel->device->dir_inode == 0)
		return;
	fd = device_dir(channel->device, "channels");
	if (fd < 0)
		return;
	snprintf(name, sizeof(name), "%u", channel->relid);
	tree_remove_at(fd, name, 0);
	close(fd);
}

int
tree_ring_add(struct hv_channel *channel)
{
	const struct kern_profile *profile = channel->device->vm->profile;
	char path[64];
	int fd, ret;

	snprintf(path, sizeof(path), "channels/%u", channel->relid);
	fd = device_dir(channel->device, path);
	if (fd < 0)
		return fd;
	ret = tree_file_add(fd, "ring", 0600, NULL, (off_t)(profile->ring_attr_real_size ?
		channel->ring.bytes : RING_SIZE_OF_OLD));
	close(fd);
	channel->ring_visible = ret == 0;
	if (ret < 0)
		log_warning("%s: channel %u: no ring file: %s", channel->device->guid,
			channel->relid, strerror(-ret));
	return ret;
}

void
tree_ring_remove(struct hv_channel *channel)
{
	char path[64];
	int fd;

	channel->ring_visible = false;
	if (channel->device->dir_inode == 0)
		return;
	snprintf(path, sizeof(path), "channels/%u", channel->relid);
	fd = device_dir(channel->device, path);
	if (fd < 0)
		return;
	unlinkat(fd, "ring", 0);
	close(fd);
}
