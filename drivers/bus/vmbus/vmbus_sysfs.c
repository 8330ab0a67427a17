/* SPDX-License-Identifier: BSD-3-Clause */

/* What sysfs says about VMBus devices; see vmbus_sysfs.h. */

#include "vmbus_sysfs.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmbus_wire.h"

#define ATTRIBUTE_BYTES 128u

/* ---- GUIDs ---- */

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int
vmbus_guid_parse(const char *text, uint8_t guid[VMBUS_GUID_BYTES])
{
	uint8_t bytes[VMBUS_GUID_BYTES];
	bool brace = *text == '{';

	text += brace;
	for (unsigned int i = 0; i < VMBUS_GUID_BYTES; i++) {
		int high, low;

		if ((i == 4 || i == 6 || i == 8 || i == 10) && *text++ != '-')
			return -EINVAL;
		high = hex_digit(text[0]);
		low = high < 0 ? -1 : hex_digit(text[1]);
		if (low < 0)
			return -EINVAL;
		bytes[i] = (uint8_t)(high << 4 | low);
		text += 2;
	}
	if (brace && *text++ != '}')
		return -EINVAL;
	if (*text != '\0')
		return -EINVAL;
	memcpy(guid, bytes, sizeof(bytes));
	return 0;
}

void
vmbus_guid_format(const uint8_t guid[VMBUS_GUID_BYTES], char text[VMBUS_GUID_TEXT_BYTES])
{
	for (unsigned int i = 0; i < VMBUS_GUID_BYTES; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*text++ = '-';
		text += sprintf(text, "%02x", guid[i]);
	}
}

/* ---- single attributes ---- */

__attribute__((format(printf, 2, 3))) static int
path_make(char path[PATH_MAX], const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(path, PATH_MAX, format, args);
	va_end(args);
	return n < 0 || n >= PATH_MAX ? -ENAMETOOLONG : 0;
}

/* Reads the first line of a small file, without its end. Returns 0 or -errno. */
static int
attribute_read(const char *path, char text[ATTRIBUTE_BYTES])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, text, ATTRIBUTE_BYTES - 1);
	if (n < 0)
		n = -errno;
	close(fd);
	if (n < 0)
		return (int)n;
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return 0;
}

/* A number in decimal or, with 0x, in hex; nothing else may stand there. */
static int
number_parse(const char *text, int64_t *value)
{
	char *end;

	errno = 0;
	*value = strtoll(text, &end, 0);
	if (errno != 0 || end == text || *end != '\0')
		return -EPROTO;
	return 0;
}

/* Reads a number within [low, high]: 0, -errno, or -EPROTO for anything else. */
static int
number_read(const char *path, int64_t low, int64_t high, int64_t *value)
{
	char text[ATTRIBUTE_BYTES];
	int ret = attribute_read(path, text);

	if (ret == 0)
		ret = number_parse(text, value);
	if (ret == 0 && (*value < low || *value > high))
		ret = -EPROTO;
	return ret;
}

/* An optional number: `missing` where the file is not there or says nonsense. */
static int
number_optional(const char *path, int64_t low, int64_t high, int missing)
{
	int64_t value;

	return number_read(path, low, high, &value) == 0 ? (int)value : missing;
}

static int
guid_read(const char *path, uint8_t guid[VMBUS_GUID_BYTES])
{
	char text[ATTRIBUTE_BYTES];
	int ret = attribute_read(path, text);

	if (ret == 0 && vmbus_guid_parse(text, guid) < 0)
		ret = -EPROTO;
	return ret;
}

/* ---- devices ---- */

/* The N of the only "uioN" entry below the device's uio folder. */
static int
uio_find(const char *devices, const char *name)
{
	char path[PATH_MAX];
	struct dirent *entry;
	int uio = VMBUS_NO_ID;
	DIR *dir;

	if (path_make(path, "%s/%s/uio", devices, name) < 0)
		return VMBUS_NO_ID;
	dir = opendir(path);
	if (dir == NULL)
		return VMBUS_NO_ID;
	while (uio == VMBUS_NO_ID && (entry = readdir(dir)) != NULL) {
		int64_t number;

		if (strncmp(entry->d_name, "uio", 3) == 0 &&
		    isdigit((unsigned char)entry->d_name[3]) &&
		    number_parse(entry->d_name + 3, &number) == 0 && number <= INT_MAX)
			uio = (int)number;
	}
	closedir(dir);
	return uio;
}

/* A file that every kernel has: its absence means that the device is gone. */
static int
required(int ret)
{
	return ret == -ENOENT ? -ENODEV : ret == 0 || ret == -ENODEV ? ret : -EPROTO;
}

/* What only a simulated host says; anything unexpected makes us more careful. */
static void
hvsim_read(const char *devices, const char *name, struct vmbus_sysfs_device *device)
{
	char path[PATH_MAX], text[ATTRIBUTE_BYTES];
	int ret;

	path_make(path, "%s/%s/iova", devices, name);
	ret = attribute_read(path, text);
	device->iova_va = ret == 0 && strcmp(text, "va") == 0;
	device->iova_other = ret != -ENOENT && !device->iova_va &&
		(ret != 0 || strcmp(text, "pa") != 0);
	path_make(path, "%s/%s/isolated", devices, name);
	ret = attribute_read(path, text);
	device->isolated = ret != -ENOENT && (ret != 0 || strcmp(text, "0") != 0);
}

int
vmbus_sysfs_read_device(const char *devices, const char *name,
	struct vmbus_sysfs_device *device, const char **file)
{
	char path[PATH_MAX];
	int64_t relid;
	int ret;

	memset(device, 0, sizeof(*device));
	if (snprintf(device->name, sizeof(device->name), "%s", name) >= (int)sizeof(device->name))
		return -ENAMETOOLONG;
	*file = "class_id";
	ret = path_make(path, "%s/%s/class_id", devices, name);
	if (ret < 0)
		return ret;
	ret = required(guid_read(path, device->class_id));
	if (ret < 0)
		return ret;
	*file = "device_id";
	path_make(path, "%s/%s/device_id", devices, name);
	ret = required(guid_read(path, device->instance));
	if (ret < 0)
		return ret;
	*file = "id";
	path_make(path, "%s/%s/id", devices, name);
	ret = required(number_read(path, 0, UINT16_MAX, &relid));
	if (ret < 0)
		return ret;
	device->relid = (uint32_t)relid;
	path_make(path, "%s/%s/monitor_id", devices, name);
	device->monitor_id = number_optional(path, 0,
		VMBUS_MONITOR_GROUPS * VMBUS_MONITOR_BITS - 1, VMBUS_NO_ID);
	path_make(path, "%s/%s/numa_node", devices, name);
	device->numa_node = number_optional(path, 0, INT_MAX, -1);
	device->uio = uio_find(devices, name);
	hvsim_read(devices, name, device);
	return 0;
}

/* ---- maps ---- */

/* What each map must be called, and how small it may be. */
static const struct {
	const char *name;
	bool gpadl;                     /* a number follows the name */
	uint64_t least_bytes;
} map_rules[UIO_MAP_COUNT] = {
	[UIO_MAP_RINGS] = { UIO_MAP_NAME_RINGS, false, 4 * HV_PAGE_BYTES },
	[UIO_MAP_INT_PAGE] = { UIO_MAP_NAME_INT_PAGE, false, HV_PAGE_BYTES },
	[UIO_MAP_MONITOR_PAGE] = { UIO_MAP_NAME_MONITOR_PAGE, false, HV_PAGE_BYTES },
	[UIO_MAP_RECV_BUFFER] = { UIO_MAP_PREFIX_RECV, true, HV_PAGE_BYTES },
	[UIO_MAP_SEND_BUFFER] = { UIO_MAP_PREFIX_SEND, true, HV_PAGE_BYTES },
};

static int
map_name_check(unsigned int i, struct vmbus_sysfs_map *map)
{
	size_t n = strlen(map_rules[i].name);
	int64_t gpadl;

	map->gpadl = 0;
	if (!map_rules[i].gpadl)
		return strcmp(map->name, map_rules[i].name) == 0 ? 0 : -EPROTO;
	if (strncmp(map->name, map_rules[i].name, n) != 0 ||
	    number_parse(map->name + n, &gpadl) < 0 || gpadl < 0 || gpadl > UINT32_MAX)
		return -EPROTO;
	map->gpadl = (uint32_t)gpadl;
	return 0;
}

int
vmbus_sysfs_read_maps(const char *devices, const char *name, int uio,
	struct vmbus_sysfs_map maps[UIO_MAP_COUNT], unsigned int *map)
{
	for (unsigned int i = 0; i < UIO_MAP_COUNT; i++) {
		char path[PATH_MAX], text[ATTRIBUTE_BYTES];
		int64_t bytes = 0;
		int ret;

		*map = i;
		ret = path_make(path, "%s/%s/uio/uio%d/maps/map%u/name", devices, name, uio, i);
		if (ret == 0)
			ret = attribute_read(path, text);
		if (ret < 0)
			return ret;
		snprintf(maps[i].name, sizeof(maps[i].name), "%.31s", text);
		ret = map_name_check(i, &maps[i]);
		if (ret < 0)
			return ret;
		path_make(path, "%s/%s/uio/uio%d/maps/map%u/size", devices, name, uio, i);
		ret = number_read(path, (int64_t)map_rules[i].least_bytes, UINT32_MAX, &bytes);
		if (ret < 0)
			return ret;
		maps[i].bytes = (uint64_t)bytes;
	}
	return 0;
}

/* ---- channels ---- */

/* False if the entry is no channel, or one that cannot be read (yet). */
static bool
channel_read(const char *devices, const char *name, const char *entry,
	struct vmbus_sysfs_channel *channel)
{
	char path[PATH_MAX];
	int64_t relid, index = 0;

	if (!isdigit((unsigned char)entry[0]) || number_parse(entry, &relid) < 0 ||
	    relid > UINT16_MAX)
		return false;
	if (path_make(path, "%s/%s/channels/%s/subchannel_id", devices, name, entry) < 0 ||
	    number_read(path, 0, UINT16_MAX, &index) < 0)
		return false;
	channel->relid = (uint32_t)relid;
	channel->index = (uint32_t)index;
	path_make(path, "%s/%s/channels/%s/monitor_id", devices, name, entry);
	channel->monitor_id = number_optional(path, 0,
		VMBUS_MONITOR_GROUPS * VMBUS_MONITOR_BITS - 1, VMBUS_NO_ID);
	path_make(path, "%s/%s/channels/%s/ring", devices, name, entry);
	channel->has_ring = access(path, R_OK | W_OK) == 0;
	return true;
}

static int
channel_compare(const void *a, const void *b)
{
	const struct vmbus_sysfs_channel *x = a, *y = b;

	return x->index != y->index ? (x->index > y->index ? 1 : -1) :
		(x->relid > y->relid) - (x->relid < y->relid);
}

int
vmbus_sysfs_read_channels(const char *devices, const char *name,
	struct vmbus_sysfs_channel *channels, unsigned int max)
{
	char path[PATH_MAX];
	struct dirent *entry;
	unsigned int count = 0;
	DIR *dir;
	int ret = path_make(path, "%s/%s/channels", devices, name);

	if (ret < 0)
		return ret;
	dir = opendir(path);
	if (dir == NULL)
		return -errno;
	while (count < max && (entry = readdir(dir)) != NULL)
		count += channel_read(devices, name, entry->d_name, &channels[count]);
	closedir(dir);
	qsort(channels, count, sizeof(*channels), channel_compare);
	return (int)count;
}
