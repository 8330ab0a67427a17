/* SPDX-License-Identifier: BSD-3-Clause */

/* Reading devices, maps and channels from trees as different kernels show
 * them, made in a folder of the test's own. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmbus_sysfs.h"

#define NAME "7a08391f-f5a0-4ac0-9802-d13fd964f8df"
#define NIC_CLASS "{" VMBUS_NIC_CLASS_GUID "}\n"

static char root[] = "/tmp/test_vmbus_sysfs.XXXXXX";

/* Writes a file and the folders above it, below root. */
static void
put(const char *path, const char *text)
{
	char full[512];
	FILE *file;

	snprintf(full, sizeof(full), "%s/%s", root, path);
	for (char *slash = strchr(full + strlen(root) + 1, '/'); slash != NULL;
			slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(full, 0755);
		*slash = '/';
	}
	file = fopen(full, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void
drop(const char *path)
{
	char full[512];

	snprintf(full, sizeof(full), "%s/%s", root, path);
	assert_int_equal(unlink(full), 0);
}

/* A folder where a file is expected can be opened and not read. */
static void
put_folder(const char *path)
{
	char full[512];

	snprintf(full, sizeof(full), "%s/%s", root, path);
	remove(full);
	assert_int_equal(mkdir(full, 0755), 0);
}

/* The lowest descriptor that is free: the same again if none was left open. */
static int
free_descriptor(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	close(fd);
	return fd;
}

static int
setup(void **state)
{
	(void)state;
	strcpy(strrchr(root, '.'), ".XXXXXX");
	if (mkdtemp(root) == NULL)
		return -1;
	put(NAME "/class_id", NIC_CLASS);
	put(NAME "/device_id", "{" NAME "}\n");
	put(NAME "/id", "14\n");
	put(NAME "/monitor_id", "3\n");
	put(NAME "/numa_node", "0\n");
	put(NAME "/uio/uio7/maps/map0/name", "txrx_rings\n");
	put(NAME "/uio/uio7/maps/map0/size", "0x0000000000402000\n");
	put(NAME "/uio/uio7/maps/map1/name", "int_page\n");
	put(NAME "/uio/uio7/maps/map1/size", "0x1000\n");
	put(NAME "/uio/uio7/maps/map2/name", "monitor_page\n");
	put(NAME "/uio/uio7/maps/map2/size", "0x1000\n");
	put(NAME "/uio/uio7/maps/map3/name", "recv:4294967295\n");
	put(NAME "/uio/uio7/maps/map3/size", "0x1f00000\n");
	put(NAME "/uio/uio7/maps/map4/name", "send:2\n");
	put(NAME "/uio/uio7/maps/map4/size", "0x1000000\n");
	return 0;
}

static int
remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static int
teardown(void **state)
{
	(void)state;
	return nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* Conformance: 2. */
static void
a_guid_is_read_with_and_without_braces_and_in_either_case(void **state)
{
	static const char *const bad[] = {
		"", "{", "{}", NAME "}", "{" NAME, NAME "0", "7a08391ff5a04ac09802d13fd964f8df",
		"7a08391f-f5a0-4ac0-9802-d13fd964f8dg", "7a08391f-f5a0-4ac0-9802-d13fd964f8d",
		"7a08391f-f5a0-4ac0-9802-d13fd964f8gf", "{" NAME "x", "vmbus_0_14",
		"7a08391f_f5a0-4ac0-9802-d13fd964f8df",
	};
	uint8_t a[16], b[16], c[16] = { 0 };
	char text[VMBUS_GUID_TEXT_BYTES];

	(void)state;
	assert_int_equal(vmbus_guid_parse(NAME, a), 0);
	assert_int_equal(vmbus_guid_parse("{7A08391F-F5A0-4AC0-9802-D13FD964F8DF}", b), 0);
	assert_memory_equal(a, b, 16);
	vmbus_guid_format(a, text);
	assert_string_equal(text, NAME);
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(vmbus_guid_parse(bad[i], c), -EINVAL);
}

static void
a_device_is_read_with_all_its_facts(void **state)
{
	struct vmbus_sysfs_device device;
	const char *file;

	(void)state;
	assert_int_equal(vmbus_sysfs_read_device(root, NAME, &device, &file), 0);
	assert_int_equal(device.relid, 14);
	assert_int_equal(device.monitor_id, 3);
	assert_int_equal(device.numa_node, 0);
	assert_int_equal(device.uio, 7);
	assert_false(device.iova_va);
	put(NAME "/iova", "va\n");
	assert_int_equal(vmbus_sysfs_read_device(root, NAME, &device, &file), 0);
	assert_true(device.iova_va);
}

static void
what_only_a_simulated_host_says_is_read_with_care(void **state)
{
	static const struct {
		const char *file, *text;
		bool va, other, isolated;
	} rows[] = {
		{ "/iova", "va\n", true, false, false },
		{ "/iova", "pa\n", false, false, false },
		{ "/iova", "", false, true, false },
		{ "/iova", "vast\n", false, true, false },
		{ "/isolated", "1\n", false, false, true },
		{ "/isolated", "0\n", false, false, false },
		{ "/isolated", "", false, false, true },
		{ "/iova", NULL, false, true, false },
		{ "/isolated", NULL, false, false, true },
	};
	struct vmbus_sysfs_device device;
	const char *file;

	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char path[256];

		teardown(state);
		assert_int_equal(setup(state), 0);
		snprintf(path, sizeof(path), NAME "%s", rows[i].file);
		if (rows[i].text != NULL)
			put(path, rows[i].text);
		else
			put_folder(path);
		assert_int_equal(vmbus_sysfs_read_device(root, NAME, &device, &file), 0);
		assert_int_equal(device.iova_va, rows[i].va);
		assert_int_equal(device.iova_other, rows[i].other);
		assert_int_equal(device.isolated, rows[i].isolated);
	}
}

static void
numbers_are_taken_up_to_their_bounds_and_not_beyond(void **state)
{
	static const struct {
		const char *file, *text;
		int relid, monitor, numa;
	} rows[] = {
		{ "/id", "0\n", 0, 3, 0 },
		{ "/id", "65535\n", 65535, 3, 0 },
		{ "/monitor_id", "0\n", 14, 0, 0 },
		{ "/monitor_id", "127\n", 14, 127, 0 },
		{ "/monitor_id", "128\n", 14, VMBUS_NO_ID, 0 },
		{ "/numa_node", "2147483647\n", 14, 3, INT_MAX },
		{ "/numa_node", "2147483648\n", 14, 3, -1 },
	};
	struct vmbus_sysfs_device device;
	const char *file;

	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char path[256];

		teardown(state);
		assert_int_equal(setup(state), 0);
		snprintf(path, sizeof(path), NAME "%s", rows[i].file);
		put(path, rows[i].text);
		errno = EIO;            /* of something else */
		assert_int_equal(vmbus_sysfs_read_device(root, NAME, &device, &file), 0);
		assert_int_equal(device.relid, rows[i].relid);
		assert_int_equal(device.monitor_id, rows[i].monitor);
		assert_int_equal(device.numa_node, rows[i].numa);
	}
}

static void
a_long_attribute_is_read_to_127_bytes(void **state)
{
	struct vmbus_sysfs_device device;
	char text[129];
	const char *file;

	(void)state;
	memset(text, ' ', 126);
	strcpy(text + 126, "14");
	put(NAME "/id", text);
	assert_int_equal(vmbus_sysfs_read_device(root, NAME, &device, &file), 0);
	assert_int_equal(device.relid, 1);
}

static void
a_device_is_bound_if_there_is_an_entry_with_a_number(void **state)
{
	static const struct {
		const char *entry;
		int uio;
	} rows[] = {
		{ "uio0", 0 }, { "uio2147483647", INT_MAX }, { "uio2147483648", VMBUS_NO_ID },
		{ "uix7", VMBUS_NO_ID }, { "uio", VMBUS_NO_ID }, { "uio-7", VMBUS_NO_ID },
		{ "uio7x", VMBUS_NO_ID }, { "uio+7", VMBUS_NO_ID }, { "uio x", VMBUS_NO_ID },
	};
	struct vmbus_sysfs_device device;
	const char *file;

	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char path[256];

		teardown(state);
		assert_int_equal(setup(state), 0);
		put("other/class_id", NIC_CLASS);
		put("other/device_id", "{" NAME "}\n");
		put("other/id", "15\n");
		snprintf(path, sizeof(path), "other/uio/%s/name", rows[i].entry);
		put(path, "uio_hv_generic\n");
		assert_int_equal(vmbus_sysfs_read_device(root, "other", &device, &file), 0);
		assert_int_equal(device.uio, rows[i].uio);
	}
}

/* A path of exactly so many bytes that `behind` can stand at its end. */
static void
long_devices(char devices[PATH_MAX + 1], unsigned int bytes, const char *behind)
{
	size_t n = bytes - strlen(behind);

	memset(devices, '/', n);
	devices[n] = '\0';
}

static void
a_name_too_long_is_told_from_one_that_is_not_there(void **state)
{
	static char devices[PATH_MAX + 1];
	struct vmbus_sysfs_channel channel;
	struct vmbus_sysfs_device device;
	struct vmbus_sysfs_map maps[UIO_MAP_COUNT];
	char name[sizeof(device.name) + 1];
	unsigned int map;
	const char *file;

	(void)state;
	for (unsigned int over = 0; over < 2; over++) {
		const unsigned int bytes = PATH_MAX - 1 + over;

		long_devices(devices, bytes, "/gone/class_id");
		assert_int_equal(vmbus_sysfs_read_device(devices, "gone", &device, &file),
			over ? -ENAMETOOLONG : -ENODEV);
		long_devices(devices, bytes, "/gone/uio/uio7/maps/map0/name");
		assert_int_equal(vmbus_sysfs_read_maps(devices, "gone", 7, maps, &map),
			over ? -ENAMETOOLONG : -ENOENT);
		long_devices(devices, bytes, "/gone/channels");
		assert_int_equal(vmbus_sysfs_read_channels(devices, "gone", &channel, 1),
			over ? -ENAMETOOLONG : -ENOENT);
		memset(name, 'x', sizeof(name));
		name[sizeof(device.name) - 1 + over] = '\0';
		assert_int_equal(vmbus_sysfs_read_device(root, name, &device, &file),
			over ? -ENAMETOOLONG : -ENODEV);
	}
}

static void
what_cannot_be_read_is_an_errno_and_nothing_stays_open(void **state)
{
	struct vmbus_sysfs_channel channels[4];
	struct vmbus_sysfs_map maps[UIO_MAP_COUNT];
	struct vmbus_sysfs_device device;
	const int fd = free_descriptor();
	int stdin_before;
	unsigned int map;
	const char *file;

	(void)state;
	put(NAME "/channels/14/subchannel_id", "0\n");
	assert_int_equal(vmbus_sysfs_read_device(root, NAME, &device, &file), 0);
	assert_int_equal(vmbus_sysfs_read_maps(root, NAME, 7, maps, &map), 0);
	assert_int_equal(vmbus_sysfs_read_channels(root, NAME, channels, 4), 1);
	assert_int_equal(free_descriptor(), fd);
	stdin_before = dup(STDIN_FILENO);
	close(STDIN_FILENO);            /* 0 is a descriptor like any other */
	assert_int_equal(vmbus_sysfs_read_maps(root, NAME, 7, maps, &map), 0);
	dup2(stdin_before, STDIN_FILENO);
	close(stdin_before);
	put_folder(NAME "/uio/uio7/maps/map4/name");
	assert_int_equal(vmbus_sysfs_read_maps(root, NAME, 7, maps, &map), -EISDIR);
	put_folder(NAME "/id");
	assert_int_equal(vmbus_sysfs_read_device(root, NAME, &device, &file), -EPROTO);
	assert_int_equal(free_descriptor(), fd);
}

/* Conformance: 1. */
static void
missing_optional_files_are_facts_not_errors(void **state)
{
	struct vmbus_sysfs_device device;
	const char *file;

	(void)state;
	drop(NAME "/monitor_id");
	put(NAME "/numa_node", "-1\n");
	put("other/class_id", NIC_CLASS);
	put("other/device_id", "{" NAME "}\n");
	put("other/id", "15\n");
	assert_int_equal(vmbus_sysfs_read_device(root, NAME, &device, &file), 0);
	assert_int_equal(device.monitor_id, VMBUS_NO_ID);
	assert_int_equal(device.numa_node, -1);
	assert_int_equal(vmbus_sysfs_read_device(root, "other", &device, &file), 0);
	assert_int_equal(device.uio, VMBUS_NO_ID);
	assert_int_equal(device.numa_node, -1);
}

/* Conformance: 1. */
static void
a_required_file_that_says_nonsense_is_named(void **state)
{
	static const struct {
		const char *path, *text, *file;
	} rows[] = {
		{ NAME "/class_id", "nonsense\n", "class_id" },
		{ NAME "/device_id", "\n", "device_id" },
		{ NAME "/id", "65536\n", "id" },
		{ NAME "/id", "-1\n", "id" },
		{ NAME "/id", "14 15\n", "id" },
		{ NAME "/id", "", "id" },
	};
	struct vmbus_sysfs_device device;
	const char *file;

	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		teardown(state);
		assert_int_equal(setup(state), 0);
		put(rows[i].path, rows[i].text);
		assert_int_equal(vmbus_sysfs_read_device(root, NAME, &device, &file), -EPROTO);
		assert_string_equal(file, rows[i].file);
	}
	assert_int_equal(vmbus_sysfs_read_device(root, "gone", &device, &file), -ENODEV);
}

/* Conformance: 3. */
static void
maps_are_checked_by_name_and_size(void **state)
{
	static const struct {
		const char *path, *text;
		int expected;
		unsigned int map;
	} rows[] = {
		{ "map0/name", "rings\n", -EPROTO, 0 },
		{ "map0/size", "0x2000\n", -EPROTO, 0 },
		{ "map1/size", "0\n", -EPROTO, 1 },
		{ "map2/name", "int_page\n", -EPROTO, 2 },
		{ "map3/name", "recv\n", -EPROTO, 3 },
		{ "map3/name", "recv:\n", -EPROTO, 3 },
		{ "map3/name", "recv:-1\n", -EPROTO, 3 },
		{ "map4/name", "send:4294967296\n", -EPROTO, 4 },
		{ "map4/size", "0x100000000\n", -EPROTO, 4 },
		{ "map4/size", "big\n", -EPROTO, 4 },
		{ "map0/size", "0x3fff\n", -EPROTO, 0 },
		{ "map0/size", "0x4000\n", 0, 4 },
		{ "map1/size", "0xfff\n", -EPROTO, 1 },
		{ "map2/size", "0xfff\n", -EPROTO, 2 },
		{ "map3/size", "0xfff\n", -EPROTO, 3 },
		{ "map3/size", "0x1000\n", 0, 4 },
		{ "map4/size", "0xfff\n", -EPROTO, 4 },
		{ "map4/size", "0xffffffff\n", 0, 4 },
		{ "map3/name", "recv:0\n", 0, 4 },
		{ "map3/name", "xecv:5\n", -EPROTO, 3 },
		{ "map4/name", "recv:2\n", -EPROTO, 4 },
		{ "map4/name", "", -EPROTO, 4 },
	};
	struct vmbus_sysfs_map maps[UIO_MAP_COUNT];
	unsigned int map;

	memset(maps, 0xff, sizeof(maps));
	assert_int_equal(vmbus_sysfs_read_maps(root, NAME, 7, maps, &map), 0);
	assert_int_equal(maps[UIO_MAP_RINGS].bytes, 0x402000);
	for (unsigned int i = 0; i < UIO_MAP_RECV_BUFFER; i++)
		assert_int_equal(maps[i].gpadl, 0);
	assert_int_equal(maps[UIO_MAP_RECV_BUFFER].gpadl, 4294967295u);
	assert_int_equal(maps[UIO_MAP_SEND_BUFFER].gpadl, 2);
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char path[256];

		teardown(state);
		assert_int_equal(setup(state), 0);
		snprintf(path, sizeof(path), NAME "/uio/uio7/maps/%s", rows[i].path);
		put(path, rows[i].text);
		errno = EIO;            /* of something else */
		assert_int_equal(vmbus_sysfs_read_maps(root, NAME, 7, maps, &map), rows[i].expected);
		assert_int_equal(map, rows[i].map);
	}
	drop(NAME "/uio/uio7/maps/map2/name");
	assert_int_equal(vmbus_sysfs_read_maps(root, NAME, 7, maps, &map), -ENOENT);
	assert_int_equal(map, 2);
}

/* Conformance: 5. */
static void
channels_come_in_order_and_unreadable_ones_are_left_out(void **state)
{
	struct vmbus_sysfs_channel channels[4];

	(void)state;
	assert_int_equal(vmbus_sysfs_read_channels(root, NAME, channels, 4), -ENOENT);
	put(NAME "/channels/21/subchannel_id", "2\n");
	put(NAME "/channels/21/monitor_id", "9\n");
	put(NAME "/channels/14/subchannel_id", "0\n");
	put(NAME "/channels/30/subchannel_id", "1\n");
	put(NAME "/channels/30/ring", "");
	put(NAME "/channels/31/subchannel_id", "");     /* not open yet */
	put(NAME "/channels/junk/subchannel_id", "3\n");
	assert_int_equal(vmbus_sysfs_read_channels(root, NAME, channels, 4), 3);
	assert_int_equal(channels[0].relid, 14);
	assert_int_equal(channels[1].relid, 30);
	assert_true(channels[1].has_ring);
	assert_int_equal(channels[1].monitor_id, VMBUS_NO_ID);
	assert_int_equal(channels[2].relid, 21);
	assert_int_equal(channels[2].monitor_id, 9);
	assert_false(channels[2].has_ring);
	assert_true(vmbus_sysfs_read_channels(root, NAME, channels, 2) == 2);
}

static void
channels_are_numbered_within_16_bits_and_sorted_by_index_then_relid(void **state)
{
	struct vmbus_sysfs_channel channels[16];

	(void)state;
	for (unsigned int i = 0; i < 8; i++) {          /* 0 to 7, each twice, in no order */
		for (unsigned int twice = 0; twice < 2; twice++) {
			char path[256], text[16];

			snprintf(path, sizeof(path), NAME "/channels/%u/subchannel_id",
				100 + (i * 5 % 8) * 2 + twice);
			snprintf(text, sizeof(text), "%u\n", i);
			put(path, text);
		}
	}
	assert_int_equal(vmbus_sysfs_read_channels(root, NAME, channels, 16), 16);
	for (unsigned int i = 0; i < 16; i++) {
		assert_int_equal(channels[i].index, i / 2);
		assert_int_equal(channels[i].relid, 100 + (i / 2 * 5 % 8) * 2 + i % 2);
	}
	teardown(state);
	assert_int_equal(setup(state), 0);
	put(NAME "/channels/65535/subchannel_id", "65535\n");
	put(NAME "/channels/65535/monitor_id", "127\n");
	put(NAME "/channels/65534/subchannel_id", "7\n");
	put(NAME "/channels/65534/monitor_id", "128\n");
	put(NAME "/channels/65533/subchannel_id", "0\n");
	put(NAME "/channels/65533/monitor_id", "0\n");
	put(NAME "/channels/65532/subchannel_id", "65536\n");
	put(NAME "/channels/65536/subchannel_id", "1\n");
	put(NAME "/channels/-5/subchannel_id", "2\n");
	assert_int_equal(vmbus_sysfs_read_channels(root, NAME, channels, 16), 3);
	assert_int_equal(channels[0].relid, 65533);
	assert_int_equal(channels[0].monitor_id, 0);
	assert_int_equal(channels[1].relid, 65534);
	assert_int_equal(channels[1].monitor_id, VMBUS_NO_ID);
	assert_int_equal(channels[2].relid, 65535);
	assert_int_equal(channels[2].index, 65535);
	assert_int_equal(channels[2].monitor_id, 127);
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(a_guid_is_read_with_and_without_braces_and_in_either_case),
		CASE(a_device_is_read_with_all_its_facts),
		CASE(what_only_a_simulated_host_says_is_read_with_care),
		CASE(numbers_are_taken_up_to_their_bounds_and_not_beyond),
		CASE(a_long_attribute_is_read_to_127_bytes),
		CASE(a_device_is_bound_if_there_is_an_entry_with_a_number),
		CASE(a_name_too_long_is_told_from_one_that_is_not_there),
		CASE(what_cannot_be_read_is_an_errno_and_nothing_stays_open),
		CASE(missing_optional_files_are_facts_not_errors),
		CASE(a_required_file_that_says_nonsense_is_named),
		CASE(maps_are_checked_by_name_and_size),
		CASE(channels_come_in_order_and_unreadable_ones_are_left_out),
		CASE(channels_are_numbered_within_16_bits_and_sorted_by_index_then_relid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
