/* SPDX-License-Identifier: BSD-3-Clause */

/* Reading devices, maps and channels from trees as different kernels show
 * them, made in a folder of the test's own. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <ftw.h>
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
		"vmbus_0_14",
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
	};
	struct vmbus_sysfs_device device;
	const char *file;

	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char path[256];

		teardown(state);
		assert_int_equal(setup(state), 0);
		snprintf(path, sizeof(path), NAME "%s", rows[i].file);
		put(path, rows[i].text);
		assert_int_equal(vmbus_sysfs_read_device(root, NAME, &device, &file), 0);
		assert_int_equal(device.iova_va, rows[i].va);
		assert_int_equal(device.iova_other, rows[i].other);
		assert_int_equal(device.isolated, rows[i].isolated);
	}
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
	};
	struct vmbus_sysfs_map maps[UIO_MAP_COUNT];
	unsigned int map;

	assert_int_equal(vmbus_sysfs_read_maps(root, NAME, 7, maps, &map), 0);
	assert_int_equal(maps[UIO_MAP_RINGS].bytes, 0x402000);
	assert_int_equal(maps[UIO_MAP_RECV_BUFFER].gpadl, 4294967295u);
	assert_int_equal(maps[UIO_MAP_SEND_BUFFER].gpadl, 2);
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char path[256];

		teardown(state);
		assert_int_equal(setup(state), 0);
		snprintf(path, sizeof(path), NAME "/uio/uio7/maps/%s", rows[i].path);
		put(path, rows[i].text);
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

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(a_guid_is_read_with_and_without_braces_and_in_either_case),
		CASE(a_device_is_read_with_all_its_facts),
		CASE(what_only_a_simulated_host_says_is_read_with_care),
		CASE(missing_optional_files_are_facts_not_errors),
		CASE(a_required_file_that_says_nonsense_is_named),
		CASE(maps_are_checked_by_name_and_size),
		CASE(channels_come_in_order_and_unreadable_ones_are_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
