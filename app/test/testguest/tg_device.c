/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Finding a NIC in sysfs, opening /dev/uioN, mapping its five maps and the
 * rings of its subchannels. Uses only what a kernel offers to any program.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tg.h"

#define DEVICES_DIR "/sys/bus/vmbus/devices"
#define NICS_MAX 64u
#define LATE_MS 2000u           /* how long something in sysfs may take to appear */

static int
read_attr(char *text, size_t bytes, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, text, bytes - 1);
	close(fd);
	if (n < 0)
		return -errno;
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return 0;
}

static int
read_number(const char *path, uint64_t *value)
{
	char text[64], *end;
	int err = read_attr(text, sizeof(text), path);

	if (err < 0)
		return err;
	*value = strtoull(text, &end, 0);
	return end == text || *end != '\0' ? -EINVAL : 0;
}

/* A monitor id, or VMBUS_MONITOR_NONE where the file is hidden. */
static uint8_t
read_monitor(const char *dir)
{
	char path[700];
	uint64_t id;

	snprintf(path, sizeof(path), "%s/monitor_id", dir);
	if (read_number(path, &id) < 0 || id >= VMBUS_MONITOR_GROUPS * VMBUS_MONITOR_BITS)
		return VMBUS_MONITOR_NONE;
	return (uint8_t)id;
}

/* Number N of the only entry uioN in <device>/uio, or -ENOENT. */
static int
find_uio(const char *device)
{
	char path[700];
	struct dirent *entry;
	int uio = -ENOENT;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/uio", device);
	dir = opendir(path);
	if (dir == NULL)
		return -ENOENT;
	while ((entry = readdir(dir)) != NULL)
		if (strncmp(entry->d_name, "uio", 3) == 0)
			uio = atoi(entry->d_name + 3);
	closedir(dir);
	return uio;
}

static bool
is_bound_nic(const char *name)
{
	char path[600], text[64];

	snprintf(path, sizeof(path), DEVICES_DIR "/%s/class_id", name);
	if (read_attr(text, sizeof(text), path) < 0)
		return false;
	if (strcasecmp(text, "{" VMBUS_NIC_CLASS_GUID "}") != 0)
		return false;
	snprintf(path, sizeof(path), DEVICES_DIR "/%s", name);
	return find_uio(path) >= 0;
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(a, b);
}

static unsigned int
list_nics(char names[NICS_MAX][64])
{
	struct dirent *entry;
	unsigned int n = 0;
	DIR *dir = opendir(DEVICES_DIR);

	if (dir == NULL)
		return 0;
	while (n < NICS_MAX && (entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.' || strlen(entry->d_name) >= 64)
			continue;
		if (is_bound_nic(entry->d_name))
			strcpy(names[n++], entry->d_name);
	}
	closedir(dir);
	qsort(names, n, 64, compare_names);
	return n;
}

unsigned int
tg_count(void)
{
	char names[NICS_MAX][64];

	return list_nics(names);
}

static int
map_one(struct tg_device *dev, unsigned int index)
{
	static const char *const names[UIO_MAP_COUNT] = { UIO_MAP_NAME_RINGS,
		UIO_MAP_NAME_INT_PAGE, UIO_MAP_NAME_MONITOR_PAGE, UIO_MAP_PREFIX_RECV,
		UIO_MAP_PREFIX_SEND };
	char path[800], text[64];
	int err;

	snprintf(path, sizeof(path), "%s/uio/uio%u/maps/map%u/name", dev->path, dev->uio, index);
	err = read_attr(text, sizeof(text), path);
	if (err < 0)
		return err;
	if (strncmp(text, names[index], strlen(names[index])) != 0)
		return -ENXIO;
	if (index == UIO_MAP_RECV_BUFFER)
		dev->recv_gpadl = (uint32_t)strtoul(strchr(text, ':') + 1, NULL, 10);
	if (index == UIO_MAP_SEND_BUFFER)
		dev->send_gpadl = (uint32_t)strtoul(strchr(text, ':') + 1, NULL, 10);

	snprintf(path, sizeof(path), "%s/uio/uio%u/maps/map%u/size", dev->path, dev->uio, index);
	err = read_number(path, &dev->map_bytes[index]);
	if (err < 0)
		return err;
	dev->map[index] = mmap(NULL, dev->map_bytes[index], PROT_READ | PROT_WRITE, MAP_SHARED,
		dev->fd, (off_t)index * dev->page_bytes);
	if (dev->map[index] == MAP_FAILED) {
		dev->map[index] = NULL;
		return -errno;
	}
	return 0;
}

/* Takes over two mapped rings and masks the host's interrupts at once. */
static struct tg_channel *
channel_create(struct tg_device *dev, uint16_t index, void *rings, uint64_t bytes)
{
	struct tg_channel *ch = calloc(1, sizeof(*ch));
	uint32_t half = (uint32_t)(bytes / 2);

	if (ch == NULL)
		return NULL;
	ch->dev = dev;
	ch->index = index;
	ch->ring_bytes = bytes;
	tg_tx_ring_init(&ch->tx, rings, half, dev->page_bytes);
	tg_rx_ring_init(&ch->rx, (uint8_t *)rings + half, half, dev->page_bytes);
	__atomic_store_n(&ch->rx.page->interrupt_mask, 1, __ATOMIC_SEQ_CST);
	for (unsigned int i = 0; i < TG_SLOTS; i++)
		ch->free_slots[ch->free_slot_count++] = TG_SLOTS - 1 - i;
	dev->channel[index] = ch;
	dev->channels++;
	return ch;
}

static void
channel_destroy(struct tg_channel *ch)
{
	if (ch == NULL)
		return;
	if (ch->ring_map != NULL)
		munmap(ch->ring_map, ch->ring_bytes);
	tg_memory_destroy(&ch->memory);
	free(ch->run);
	free(ch);
}

static int
open_maps(struct tg_device *dev)
{
	char path[64];

	snprintf(path, sizeof(path), "/dev/uio%u", dev->uio);
	dev->fd = open(path, O_RDWR | O_CLOEXEC);
	if (dev->fd < 0)
		return -errno;
	for (unsigned int i = 0; i < UIO_MAP_COUNT; i++) {
		int err = map_one(dev, i);

		if (err < 0)
			return err;
	}
	return 0;
}

int
tg_open(struct tg_device *dev, unsigned int index)
{
	char names[NICS_MAX][64], path[600];
	struct tg_channel *primary = NULL;
	uint64_t relid;
	int err;

	memset(dev, 0, sizeof(*dev));
	dev->fd = -1;
	dev->page_bytes = (uint32_t)sysconf(_SC_PAGESIZE);
	if (index >= list_nics(names))
		return -ENODEV;
	strcpy(dev->name, names[index]);
	snprintf(dev->path, sizeof(dev->path), DEVICES_DIR "/%s", dev->name);
	dev->uio = (unsigned int)find_uio(dev->path);
	snprintf(path, sizeof(path), "%s/id", dev->path);
	err = read_number(path, &relid);
	if (err == 0)
		err = open_maps(dev);
	if (err == 0)
		err = tg_memory_create(&dev->control, TG_MEMORY_SHARED, 4 * HV_PAGE_BYTES);
	if (err == 0) {
		primary = channel_create(dev, 0, dev->map[UIO_MAP_RINGS],
			dev->map_bytes[UIO_MAP_RINGS]);
		err = primary == NULL ? -ENOMEM : 0;
	}
	if (err < 0) {
		tg_close(dev);
		return err;
	}
	primary->relid = (uint32_t)relid;
	primary->monitor_id = read_monitor(dev->path);
	return 0;
}

void
tg_close(struct tg_device *dev)
{
	for (unsigned int i = TG_CHANNELS_MAX; i-- > 0;) {
		channel_destroy(dev->channel[i]);
		dev->channel[i] = NULL;
	}
	tg_memory_destroy(&dev->control);
	for (unsigned int i = UIO_MAP_COUNT; i-- > 0;)
		if (dev->map[i] != NULL)
			munmap(dev->map[i], dev->map_bytes[i]);
	if (dev->fd >= 0)
		close(dev->fd);
	free(dev->recv_held);
	free(dev->recv_next);
	free(dev->free_sections);
	memset(dev, 0, sizeof(*dev));
	dev->fd = -1;
}

/* Maps a subchannel's rings; -ENOENT while the file is not there yet. */
static int
map_subchannel(struct tg_device *dev, uint16_t index, const char *dir)
{
	struct tg_channel *ch;
	struct stat st;
	char path[700];
	void *rings;
	int fd;

	snprintf(path, sizeof(path), "%s/ring", dir);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -ENOENT;
	if (fstat(fd, &st) < 0 || st.st_size == 0) {
		close(fd);
		return -ENOENT;
	}
	rings = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (rings == MAP_FAILED)
		return -ENOENT;
	ch = channel_create(dev, index, rings, (uint64_t)st.st_size);
	if (ch == NULL)
		return -ENOMEM;
	ch->ring_map = rings;
	ch->relid = (uint32_t)strtoul(strrchr(dir, '/') + 1, NULL, 10);
	ch->monitor_id = read_monitor(dir);
	return 0;
}

/* One look at channels/: maps what is new. */
static int
scan_subchannels(struct tg_device *dev)
{
	char path[600], attr[700];
	struct dirent *entry;
	int err = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/channels", dev->path);
	dir = opendir(path);
	if (dir == NULL)
		return -errno;
	while (err == 0 && (entry = readdir(dir)) != NULL) {
		uint64_t index;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/channels/%.40s", dev->path, entry->d_name);
		snprintf(attr, sizeof(attr), "%s/subchannel_id", path);
		if (read_number(attr, &index) < 0 || index == 0 || index >= TG_CHANNELS_MAX)
			continue;
		if (dev->channel[index] != NULL)
			continue;
		err = map_subchannel(dev, (uint16_t)index, path);
		if (err == -ENOENT)
			err = 0;        /* appears late: the next look finds it */
	}
	closedir(dir);
	return err;
}

int
tg_map_subchannels(struct tg_device *dev, unsigned int count)
{
	uint64_t end = tg_now_ns() + LATE_MS * 1000000ull;
	struct timespec pause = { .tv_nsec = 1000000 };

	while (dev->channels < 1 + count) {
		int err = scan_subchannels(dev);

		if (err < 0)
			return err;
		if (tg_now_ns() > end)
			return -ETIMEDOUT;
		tg_poll_all(dev);
		nanosleep(&pause, NULL);
	}
	return 0;
}
