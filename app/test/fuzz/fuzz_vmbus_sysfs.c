/* SPDX-License-Identifier: BSD-3-Clause */

/* What the driver reads from sysfs: the input is the contents of the files, one
 * after the other, a byte of length before each; length 255: there is none. */

#include "fuzz.h"

#include <errno.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmbus_sysfs.h"
#include "vmbus_wire.h"

#define NAME "7a08391f-f5a0-4ac0-9802-d13fd964f8df"
#define NO_FILE 255u

static const char *const files[] = {
	"class_id", "device_id", "id", "monitor_id", "numa_node", "iova",
	"uio/uio7/maps/map0/name", "uio/uio7/maps/map0/size",
	"uio/uio7/maps/map1/name", "uio/uio7/maps/map1/size",
	"uio/uio7/maps/map2/name", "uio/uio7/maps/map2/size",
	"uio/uio7/maps/map3/name", "uio/uio7/maps/map3/size",
	"uio/uio7/maps/map4/name", "uio/uio7/maps/map4/size",
	"channels/14/subchannel_id", "channels/14/monitor_id", "channels/14/ring",
	"channels/15/subchannel_id", "channels/15/monitor_id", "channels/15/ring",
	"channels/0x10/subchannel_id", "channels/99999/subchannel_id",
};

static char root[64];

static int
remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st, (void)flag, (void)ftw;
	return remove(path);
}

static void
root_remove(void)
{
	nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void
path_of(char full[256], const char *file)
{
	snprintf(full, 256, "%s/" NAME "/%s", root, file);
}

/* The folders, once; the files in them change. */
static void
root_create(void)
{
	if (root[0] != '\0')
		return;
	snprintf(root, sizeof(root), "/dev/shm/fuzz_vmbus_sysfs.XXXXXX");
	fuzz_check(mkdtemp(root) != NULL);
	atexit(root_remove);
	for (unsigned int i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		char full[256];

		path_of(full, files[i]);
		for (char *slash = strchr(full + strlen(root) + 1, '/'); slash != NULL;
				slash = strchr(slash + 1, '/')) {
			*slash = '\0';
			mkdir(full, 0700);
			*slash = '/';
		}
	}
}

static void
file_put(const char *name, struct fuzz_input *in)
{
	uint32_t bytes = fuzz_u8(in);
	char full[256], text[256];
	FILE *file;

	path_of(full, name);
	unlink(full);
	if (bytes == NO_FILE)
		return;
	bytes = (uint32_t)fuzz_bytes(in, text, bytes < in->left ? bytes : in->left);
	file = fopen(full, "w");
	fuzz_check(file != NULL);
	fwrite(text, 1, bytes, file);
	fclose(file);
}

static void
device_check(void)
{
	struct vmbus_sysfs_device device;
	const char *file = NULL;
	int ret = vmbus_sysfs_read_device(root, NAME, &device, &file);

	fuzz_check(ret == 0 || ret == -ENODEV || ret == -EPROTO);
	fuzz_check(ret == 0 || file != NULL);
	if (ret < 0)
		return;
	fuzz_check(device.relid <= UINT16_MAX && device.numa_node >= -1 && device.uio == 7);
	fuzz_check(device.monitor_id >= VMBUS_NO_ID &&
		device.monitor_id < (int)(VMBUS_MONITOR_GROUPS * VMBUS_MONITOR_BITS));
}

static void
maps_check(void)
{
	struct vmbus_sysfs_map maps[UIO_MAP_COUNT];
	unsigned int map = UIO_MAP_COUNT;
	int ret = vmbus_sysfs_read_maps(root, NAME, 7, maps, &map);

	fuzz_check(ret == 0 || ret == -ENOENT || ret == -EPROTO);
	fuzz_check(map < UIO_MAP_COUNT);
	for (unsigned int i = 0; ret == 0 && i < UIO_MAP_COUNT; i++)
		fuzz_check(maps[i].bytes >= HV_PAGE_BYTES && maps[i].bytes <= UINT32_MAX &&
			memchr(maps[i].name, '\0', sizeof(maps[i].name)) != NULL);
}

static void
channels_check(unsigned int max)
{
	struct vmbus_sysfs_channel channels[8];
	int n = vmbus_sysfs_read_channels(root, NAME, channels, max);

	fuzz_check(n >= 0 && n <= (int)max);
	for (int i = 0; i < n; i++) {
		fuzz_check(channels[i].relid <= UINT16_MAX && channels[i].index <= UINT16_MAX);
		fuzz_check(i == 0 || channels[i].index >= channels[i - 1].index);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	uint8_t guid[VMBUS_GUID_BYTES];
	char text[256];

	root_create();
	for (unsigned int i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		file_put(files[i], &in);
	device_check();
	maps_check();
	channels_check(8);
	channels_check(1);
	fuzz_bytes(&in, text, sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	if (vmbus_guid_parse(text, guid) == 0)
		vmbus_guid_format(guid, text);
	return 0;
}
