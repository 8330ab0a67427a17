/* SPDX-License-Identifier: BSD-3-Clause */

/* The sysfs tree of every kernel profile, compared with tables; what reading
 * and writing attributes does. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fakes.h"

#define MS 1000000u
#define GUID "f5cbd6a7-1e2f-4f0a-9c3d-00155d000001"
#define DEVICE "/sys/bus/vmbus/devices/" GUID
#define REAL GUEST_SYSFS_DEVICES "/" GUID
#define CLASS "f8615163-df3e-46c5-913f-f2d2f965ed0e"

static struct kern_fixture f;

enum kind {
	PLAIN,
	MONITOR,        /* only with a monitor id */
	WRITABLE_CPU,   /* 0644, or 0444 where the kernel is old */
};

struct expected {
	const char *name;
	mode_t mode;
	enum kind kind;
	const char *text;       /* NULL: not compared */
};

/* The device is open, its primary is relid 1 with monitor id 0. */
static const struct expected device_files[] = {
	{ "id", 0444, PLAIN, "1\n" },
	{ "state", 0444, PLAIN, "3\n" },
	{ "class_id", 0444, PLAIN, "{" CLASS "}\n" },
	{ "device_id", 0444, PLAIN, "{" GUID "}\n" },
	{ "modalias", 0444, PLAIN, "vmbus:635161f83edfc546913ff2d2f965ed0e\n" },
	{ "numa_node", 0444, PLAIN, "0\n" },
	{ "vendor", 0444, PLAIN, "0x1414\n" },
	{ "device", 0444, PLAIN, "0x3\n" },
	{ "driver_override", 0644, PLAIN, "(null)\n" },
	{ "iova", 0444, PLAIN, "va\n" },
	{ "uevent", 0644, PLAIN,
		"DRIVER=uio_hv_generic\nMODALIAS=vmbus:635161f83edfc546913ff2d2f965ed0e\n" },
	{ "monitor_id", 0444, MONITOR, "0\n" },
	{ "server_monitor_pending", 0444, MONITOR, "0\n" },
	{ "client_monitor_pending", 0444, MONITOR, "0\n" },
	{ "server_monitor_latency", 0444, MONITOR, "0\n" },
	{ "client_monitor_latency", 0444, MONITOR, "1000\n" },
	{ "server_monitor_conn_id", 0444, MONITOR, "0\n" },
	{ "client_monitor_conn_id", 0444, MONITOR, "65537\n" },
	{ "out_intr_mask", 0444, PLAIN, "0\n" },
	{ "out_read_index", 0444, PLAIN, "8\n" },
	{ "out_write_index", 0444, PLAIN, "72\n" },
	{ "out_read_bytes_avail", 0444, PLAIN, "64\n" },
	{ "out_write_bytes_avail", 0444, PLAIN, NULL },
	{ "in_intr_mask", 0444, PLAIN, NULL },
	{ "in_read_index", 0444, PLAIN, "0\n" },
	{ "in_write_index", 0444, PLAIN, "0\n" },
	{ "in_read_bytes_avail", 0444, PLAIN, "0\n" },
	{ "in_write_bytes_avail", 0444, PLAIN, NULL },
	{ "channel_vp_mapping", 0444, PLAIN, NULL },
};

/* The subchannel is relid 2 with monitor id 1. */
static const struct expected channel_files[] = {
	{ "out_mask", 0444, PLAIN, "0\n" },
	{ "in_mask", 0444, PLAIN, NULL },
	{ "read_avail", 0444, PLAIN, "0\n" },
	{ "write_avail", 0444, PLAIN, "2093056\n" },
	{ "cpu", 0644, WRITABLE_CPU, NULL },
	{ "pending", 0444, MONITOR, "0\n" },
	{ "latency", 0444, MONITOR, "1000\n" },
	{ "interrupts", 0444, PLAIN, "0\n" },
	{ "events", 0444, PLAIN, "0\n" },
	{ "intr_in_full", 0444, PLAIN, "0\n" },
	{ "intr_out_empty", 0444, PLAIN, "0\n" },
	{ "out_full_first", 0444, PLAIN, "0\n" },
	{ "out_full_total", 0444, PLAIN, "0\n" },
	{ "monitor_id", 0444, MONITOR, "1\n" },
	{ "subchannel_id", 0444, PLAIN, "1\n" },
	{ "ring", 0600, PLAIN, NULL },
};

static const struct profile_row {
	const char *name;
	const char *rings_size;         /* map 0 */
	off_t primary_ring, sub_ring;   /* what stat says */
	const char *in_mask;
	mode_t cpu_mode;
	bool monitorless;
} rows[] = {
	{ "4.18", "0x0000000000400000\n", 4194304, 4194304, "1\n", 0444, false },
	{ "5.15", "0x0000000000400000\n", 4194304, 4194304, "1\n", 0644, false },
	{ "6.1", "0x0000000000400000\n", 4194304, 4194304, "1\n", 0644, false },
	{ "6.1.158", "0x0000000000400000\n", 4194304, 4194304, "0\n", 0644, false },
	{ "6.1.192", "0x0000000000400000\n", 4194304, 4194304, "0\n", 0644, false },
	{ "6.12.41", "0x0000000000400000\n", 4194304, 4194304, "1\n", 0644, true },
	{ "6.12.117", "0x0000000000400000\n", 4194304, 4194304, "0\n", 0644, true },
	{ "6.18", "0x0000000000402000\n", 4202496, 4194304, "0\n", 0644, true },
};

static const char *
read_ok(const char *path)
{
	int ret;
	const char *text = guest_read(f.vm, path, &ret);

	if (ret != 0)
		fail_msg("%s: refresh gives %d", path, ret);
	return text;
}

static mode_t
mode_of(const char *path, off_t *size)
{
	struct stat st;

	if (lstat(on_disk(f.vm, path), &st) < 0)
		return 0;
	if (size != NULL)
		*size = st.st_size;
	return st.st_mode & 07777;
}

static void
expect_file(const char *dir, const struct expected *file, const struct profile_row *row,
	bool monitor)
{
	mode_t mode = file->kind == WRITABLE_CPU ? row->cpu_mode : file->mode;
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", dir, file->name);
	if (file->kind == MONITOR && !monitor)
		mode = 0;
	if (mode_of(path, NULL) != mode)
		fail_msg("%s: %s: mode %o, not %o", row->name, path, mode_of(path, NULL), mode);
	if (mode != 0 && file->text != NULL)
		assert_string_equal(read_ok(path), file->text);
}

/* Nothing but what the table says, folders and links apart. */
static unsigned int
files_in(const char *path)
{
	DIR *dir = opendir(on_disk(f.vm, path));
	const struct dirent *entry;
	unsigned int n = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL)
		n += entry->d_type == DT_REG;
	closedir(dir);
	return n;
}

static void
start_open(const char *profile, bool monitor)
{
	struct vmbus_ring_page *page;

	fixture_start(&f, profile);
	fixture_offer(&f, monitor);
	assert_int_equal(kern_device_open(f.device), 0);
	fixture_subchannel(&f, 1);
	clock_advance(100 * MS);
	page = (struct vmbus_ring_page *)(void *)f.channel[0].rings.to_host_page;
	page->write_index = 72;
	page->read_index = 8;
}

static void
every_kernel_profile_shows_the_files_of_its_kernel(void **state)
{
	const struct kern_profile *profile = NULL;
	unsigned int seen = 0;

	(void)state;
	while ((profile = kern_profile_next(profile)) != NULL) {
		if (!profile->subchannels)      /* test_device.c */
			continue;
		assert_string_equal(profile->name, rows[seen].name);
		start_open(profile->name, true);
		for (unsigned int i = 0; i < ARRAY_SIZE(device_files); i++)
			expect_file(DEVICE, &device_files[i], &rows[seen], true);
		for (unsigned int i = 0; i < ARRAY_SIZE(channel_files); i++)
			expect_file(DEVICE "/channels/2", &channel_files[i], &rows[seen], true);
		assert_int_equal(files_in(DEVICE), ARRAY_SIZE(device_files));
		assert_int_equal(files_in(DEVICE "/channels/2"), ARRAY_SIZE(channel_files));
		assert_string_equal(read_ok(DEVICE "/in_intr_mask"), rows[seen].in_mask);
		assert_string_equal(read_ok(DEVICE "/channels/2/in_mask"), rows[seen].in_mask);
		fixture_stop(&f);
		seen++;
	}
	assert_int_equal(seen, ARRAY_SIZE(rows));
	assert_string_equal(kern_profile_default()->name, "6.18");
}

static void
without_a_monitor_its_files_are_hidden(void **state)
{
	unsigned int hidden = 0;

	(void)state;
	start_open("6.18", false);
	for (unsigned int i = 0; i < ARRAY_SIZE(device_files); i++) {
		expect_file(DEVICE, &device_files[i], &rows[5], false);
		hidden += device_files[i].kind == MONITOR;
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(channel_files); i++)
		expect_file(DEVICE "/channels/2", &channel_files[i], &rows[5], false);
	assert_int_equal(files_in(DEVICE), ARRAY_SIZE(device_files) - hidden);
	assert_int_equal(files_in(DEVICE "/channels/2"), ARRAY_SIZE(channel_files) - 3);
	fixture_stop(&f);
}

static void
ring_files_have_the_size_that_the_kernel_tells(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		off_t size = 0;

		start_open(rows[i].name, true);
		assert_int_equal(mode_of(DEVICE "/channels/1/ring", &size), 0600);
		assert_int_equal(size, rows[i].primary_ring);
		assert_int_equal(mode_of(DEVICE "/channels/2/ring", &size), 0600);
		assert_int_equal(size, rows[i].sub_ring);
		assert_ptr_equal(kern_ring_by_path(f.vm, REAL "/channels/2/ring"),
			f.channel[1].handle);
		assert_null(kern_ring_by_path(f.vm, REAL "/channels/2/latency"));
		assert_null(kern_ring_by_path(f.vm, REAL "/channels/3/ring"));
		fixture_stop(&f);
	}
}

static void
the_uio_folder_describes_five_maps(void **state)
{
	static const char *const sizes[] = {
		NULL, "0x0000000000001000\n", "0x0000000000001000\n", "0x0000000001f00000\n",
		"0x0000000001000000\n",
	};
	char names[5][32] = { "txrx_rings\n", "int_page\n", "monitor_page\n" };
	char path[256];

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		start_open(rows[i].name, true);
		snprintf(names[3], sizeof(names[3]), "recv:%u\n", f.device->recv_gpadl);
		snprintf(names[4], sizeof(names[4]), "send:%u\n", f.device->send_gpadl);
		for (unsigned int map = 0; map < 5; map++) {
			snprintf(path, sizeof(path), "/sys/class/uio/uio%u/maps/map%u/name",
				f.device->uio, map);
			assert_string_equal(read_ok(path), names[map]);
			strcpy(strrchr(path, '/'), "/size");
			assert_string_equal(read_ok(path), map == 0 ? rows[i].rings_size : sizes[map]);
			strcpy(strrchr(path, '/'), "/offset");
			assert_string_equal(read_ok(path), "0x0\n");
			strcpy(strrchr(path, '/'), "/addr");
			assert_int_equal(strncmp(read_ok(path), "0x", 2), 0);
		}
		fixture_stop(&f);
	}
}

static void
uio_attributes_and_the_event_count_are_those_of_the_driver(void **state)
{
	char path[256], dev[32];

	(void)state;
	start_open("", true);
	snprintf(path, sizeof(path), DEVICE "/uio/uio%u/name", f.device->uio);
	assert_string_equal(read_ok(path), "uio_hv_generic\n");
	strcpy(strrchr(path, '/'), "/version");
	assert_string_equal(read_ok(path), "0.02.1\n");
	strcpy(strrchr(path, '/'), "/dev");
	snprintf(dev, sizeof(dev), "%u:%u\n", f.vm->uio_major, f.device->uio);
	assert_string_equal(read_ok(path), dev);
	strcpy(strrchr(path, '/'), "/event");
	assert_string_equal(read_ok(path), "0\n");
	for (unsigned int i = 0; i < 3; i++)
		kern_transport.interrupt(f.device->primary);
	assert_string_equal(read_ok(path), "3\n");
	assert_string_equal(read_ok(DEVICE "/channels/1/interrupts"), "3\n");
	fixture_stop(&f);
}

static void
expect_link(const char *path, const char *target)
{
	static char a[PATH_MAX], b[PATH_MAX];
	char text[512];
	ssize_t n = readlink(on_disk(f.vm, path), text, sizeof(text));

	if (n <= 0 || text[0] == '/')
		fail_msg("%s is no relative symlink", path);
	if (realpath(on_disk(f.vm, path), a) == NULL)
		fail_msg("%s leads nowhere", path);
	assert_non_null(realpath(on_disk(f.vm, target), b));
	assert_string_equal(a, b);
}

static void
symlinks_are_where_the_kernel_has_them_and_lead_where_its_do(void **state)
{
	char uio[256], of_class[64];

	(void)state;
	start_open("", true);
	snprintf(uio, sizeof(uio), REAL "/uio/uio%u", f.device->uio);
	snprintf(of_class, sizeof(of_class), "/sys/class/uio/uio%u", f.device->uio);
	expect_link(DEVICE, REAL);
	expect_link(REAL "/subsystem", "/sys/bus/vmbus");
	expect_link(REAL "/driver", "/sys/bus/vmbus/drivers/uio_hv_generic");
	expect_link("/sys/bus/vmbus/drivers/uio_hv_generic/" GUID, REAL);
	expect_link("/sys/bus/vmbus/drivers/uio_hv_generic/module", "/sys/module/uio_hv_generic");
	expect_link("/sys/bus/vmbus/drivers/hv_netvsc/module", "/sys/module/hv_netvsc");
	expect_link(of_class, uio);
	strcat(of_class, "/device");
	expect_link(of_class, REAL);
	strcat(uio, "/subsystem");
	expect_link(uio, "/sys/class/uio");
	fixture_stop(&f);
}

static void
ring_attributes_cannot_be_read_while_the_channel_is_closed(void **state)
{
	static const struct {
		const char *profile;
		int subchannel_id;
	} kernels[] = { { "4.18", -EINVAL }, { "5.15", -EINVAL }, { "6.1", 0 }, { "6.18", 0 } };
	int ret;

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(kernels); i++) {
		fixture_start(&f, kernels[i].profile);
		fixture_offer(&f, true);
		assert_string_equal(read_ok(DEVICE "/state"), "2\n");
		guest_read(f.vm, DEVICE "/out_read_index", &ret);
		assert_int_equal(ret, -EINVAL);
		guest_read(f.vm, DEVICE "/channels/1/read_avail", &ret);
		assert_int_equal(ret, -EINVAL);
		guest_read(f.vm, DEVICE "/channels/1/subchannel_id", &ret);
		assert_int_equal(ret, kernels[i].subchannel_id);
		fixture_stop(&f);
	}
}

/* As 6.1.192 shows them: uio keeps the primary's rings when it is closed. */
static void
a_closed_primarys_own_ring_attributes_can_still_be_read(void **state)
{
	int ret;

	(void)state;
	start_open("6.1.158", true);
	kern_device_release(f.device);
	guest_read(f.vm, DEVICE "/channels/1/out_mask", &ret);
	assert_int_equal(ret, 0);
	guest_read(f.vm, DEVICE "/out_intr_mask", &ret);
	assert_int_equal(ret, -EINVAL);
	fixture_stop(&f);
}

static void
vp_mapping_lists_every_channel(void **state)
{
	unsigned int relid, cpu;

	(void)state;
	start_open("", true);
	assert_int_equal(sscanf(read_ok(DEVICE "/channel_vp_mapping"), "1:0\n%u:%u\n", &relid, &cpu),
		2);
	assert_int_equal(relid, 2);
	fixture_stop(&f);
}

static void
a_bind_tool_can_move_the_device_to_netvsc_and_back(void **state)
{
	(void)state;
	fixture_start(&f, "");
	fixture_offer(&f, true);
	assert_int_equal(guest_store(f.vm, "/sys/bus/vmbus/drivers/hv_netvsc/unbind", GUID), -ENODEV);
	assert_int_equal(guest_store(f.vm, "/sys/bus/vmbus/drivers/hv_netvsc/bind", GUID), -EBUSY);
	assert_int_equal(guest_store(f.vm, DEVICE "/driver/unbind", GUID "\n"), 0);
	assert_int_equal(mode_of(DEVICE "/uio", NULL), 0);
	assert_int_equal(mode_of(DEVICE "/driver", NULL), 0);
	assert_int_equal(f.device->uio, UINT32_MAX);
	clock_advance(100 * MS);
	assert_int_equal(guest_store(f.vm, "/sys/bus/vmbus/drivers/hv_netvsc/bind", GUID), 0);
	expect_link(REAL "/driver", "/sys/bus/vmbus/drivers/hv_netvsc");
	assert_int_equal(guest_store(f.vm, DEVICE "/driver/unbind", GUID), 0);
	assert_int_equal(guest_store(f.vm, "/sys/bus/vmbus/drivers/uio_hv_generic/bind", GUID), 0);
	assert_int_not_equal(mode_of(DEVICE "/uio", NULL), 0);
	assert_int_equal(kern_device_open(f.device), 0);
	assert_int_equal(f.channel[0].opened, 1);
	assert_int_equal(guest_store(f.vm, DEVICE "/driver/unbind", GUID), -EBUSY);
	fixture_stop(&f);
}

static void
driver_override_and_new_id_decide_which_driver_takes_a_device(void **state)
{
	static const char uio[] = "/sys/bus/vmbus/drivers/uio_hv_generic";
	char path[128];

	(void)state;
	fixture_start(&f, "");
	fixture_offer(&f, true);
	snprintf(path, sizeof(path), "%s/new_id", uio);
	assert_int_equal(guest_store(f.vm, path, CLASS), -EEXIST);
	assert_int_equal(guest_store(f.vm, path, "no guid"), -EINVAL);
	assert_int_equal(guest_store(f.vm, DEVICE "/driver_override", "hv_netvsc\n"), 0);
	assert_string_equal(read_ok(DEVICE "/driver_override"), "hv_netvsc\n");
	assert_int_equal(guest_store(f.vm, DEVICE "/driver/unbind", GUID), 0);
	snprintf(path, sizeof(path), "%s/bind", uio);
	assert_int_equal(guest_store(f.vm, path, GUID), -ENODEV);
	assert_int_equal(guest_store(f.vm, "/sys/bus/vmbus/drivers_probe", GUID), 0);
	expect_link(REAL "/driver", "/sys/bus/vmbus/drivers/hv_netvsc");
	assert_int_equal(guest_store(f.vm, DEVICE "/driver/unbind", GUID), 0);
	assert_int_equal(guest_store(f.vm, DEVICE "/driver_override", "\n"), 0);
	assert_string_equal(read_ok(DEVICE "/driver_override"), "(null)\n");
	snprintf(path, sizeof(path), "%s/remove_id", uio);
	assert_int_equal(guest_store(f.vm, path, CLASS), 0);
	snprintf(path, sizeof(path), "%s/bind", uio);
	assert_int_equal(guest_store(f.vm, path, GUID), -ENODEV);
	snprintf(path, sizeof(path), "%s/new_id", uio);
	assert_int_equal(guest_store(f.vm, path, "{" CLASS "}\n"), 0);
	expect_link(REAL "/driver", "/sys/bus/vmbus/drivers/uio_hv_generic");
	fixture_stop(&f);
}

static void
other_writes_are_refused(void **state)
{
	char big[4096];

	(void)state;
	start_open("", true);
	assert_int_equal(guest_store(f.vm, DEVICE "/id", "5"), -EACCES);
	assert_int_equal(guest_store(f.vm, DEVICE "/channels/2/latency", "5"), -EACCES);
	assert_int_equal(guest_store(f.vm, "/sys/class/uio/x", "5"), -EACCES);
	assert_int_equal(guest_store(f.vm, "/etc/passwd", "5"), -EINVAL);
	assert_int_equal(guest_store(f.vm, "/sys/../../../../../../etc/x", "5"), -EACCES);
	assert_int_equal(guest_store(f.vm, DEVICE "/nowhere/id", "5"), -ENOENT);
	memset(big, 'x', sizeof(big));
	assert_int_equal(tree_attr_store(f.vm, DEVICE "/driver_override", big, sizeof(big)), -EINVAL);
	assert_int_equal(tree_attr_store(f.vm, DEVICE "/driver_override", big, 100), -EINVAL);
	assert_int_equal(guest_store(f.vm, DEVICE "/channels/2/cpu", "0\n"), 0);
	assert_string_equal(read_ok(DEVICE "/channels/2/cpu"), "0\n");
	assert_int_equal(guest_store(f.vm, DEVICE "/channels/2/cpu", "100000"), -EINVAL);
	assert_int_equal(guest_store(f.vm, DEVICE "/channels/2/cpu", "x"), -EINVAL);
	assert_int_equal(guest_store(f.vm, DEVICE "/channels/2/cpu", ""), -EINVAL);
	fixture_stop(&f);
}

static void
rubbish_in_the_ring_indices_harms_no_reader(void **state)
{
	struct vmbus_ring_page *page;

	(void)state;
	start_open("", true);
	page = (struct vmbus_ring_page *)(void *)f.channel[0].rings.to_guest_page;
	page->read_index = UINT32_MAX;
	page->write_index = 0x80000000u;
	assert_string_equal(read_ok(DEVICE "/in_read_index"), "4294967295\n");
	assert_true(strlen(read_ok(DEVICE "/in_read_bytes_avail")) > 1);
	assert_true(strlen(read_ok(DEVICE "/in_write_bytes_avail")) > 1);
	fixture_stop(&f);
}

static void
a_folder_with_a_path_of_3000_bytes_works(void **state)
{
	struct config_guest config = { .name = "guest0" };
	char parent[PATH_MAX] = "/tmp/hvsim-test-kernel-XXXXXX", error[256] = "", name[201];
	struct hv_offer offer = { .monitor = true, .instance = { 1, 2, 3 } };
	struct kern_vm *vm;
	size_t depth = 0;
	int ret;

	(void)state;
	assert_non_null(mkdtemp(parent));
	memset(name, 'd', 200);
	name[200] = '\0';
	while (strlen(parent) < 3000) {
		strcat(strcat(parent, "/"), name);
		assert_int_equal(mkdir(parent, 0700), 0);
		depth++;
	}
	vm = kern_vm_create(&config, parent, error, sizeof(error));
	assert_non_null(vm);
	assert_non_null(kern_transport.offer(kern_vm_guest(vm), &offer, &f.nic, &f.channel[0]));
	assert_string_equal(guest_read(vm, "/sys/bus/vmbus/devices/"
		"01020300-0000-0000-0000-000000000000/id", &ret), "1\n");
	assert_int_equal(ret, 0);
	kern_vm_destroy(vm);
	assert_int_equal(entries_below(parent), 0);
	for (; depth > 0; depth--) {
		assert_int_equal(rmdir(parent), 0);
		*strrchr(parent, '/') = '\0';
	}
	assert_int_equal(rmdir(parent), 0);
}

static void
two_guests_may_not_share_a_folder_and_errors_say_why(void **state)
{
	struct config_guest config = { .name = "guest0" };
	char error[256] = "";

	(void)state;
	fixture_start(&f, "");
	assert_null(kern_vm_create(&config, f.parent, error, sizeof(error)));
	assert_non_null(strstr(error, "File exists"));
	snprintf(config.kernel_profile, sizeof(config.kernel_profile), "9.9");
	assert_null(kern_vm_create(&config, f.parent, error, sizeof(error)));
	assert_non_null(strstr(error, "9.9"));
	assert_ptr_equal(kern_vm_find("guest0"), f.vm);
	assert_null(kern_vm_next(f.vm));
	assert_int_equal(mode_of("", NULL), 0755);
	fixture_stop(&f);
	assert_null(kern_vm_find("guest0"));
}

static void
an_ordinary_user_can_have_read_only_attributes_refreshed(void **state)
{
	(void)state;
	if (geteuid() == 0 && seteuid(65534) < 0)
		skip();
	start_open("", true);
	assert_string_equal(read_ok(DEVICE "/out_write_index"), "72\n");
	assert_int_equal(mode_of(DEVICE "/out_write_index", NULL), 0444);
	fixture_stop(&f);
	if (getuid() == 0)
		assert_int_equal(seteuid(0), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kernel_profile_shows_the_files_of_its_kernel),
		cmocka_unit_test(without_a_monitor_its_files_are_hidden),
		cmocka_unit_test(ring_files_have_the_size_that_the_kernel_tells),
		cmocka_unit_test(the_uio_folder_describes_five_maps),
		cmocka_unit_test(uio_attributes_and_the_event_count_are_those_of_the_driver),
		cmocka_unit_test(symlinks_are_where_the_kernel_has_them_and_lead_where_its_do),
		cmocka_unit_test(ring_attributes_cannot_be_read_while_the_channel_is_closed),
		cmocka_unit_test(a_closed_primarys_own_ring_attributes_can_still_be_read),
		cmocka_unit_test(vp_mapping_lists_every_channel),
		cmocka_unit_test(a_bind_tool_can_move_the_device_to_netvsc_and_back),
		cmocka_unit_test(driver_override_and_new_id_decide_which_driver_takes_a_device),
		cmocka_unit_test(other_writes_are_refused),
		cmocka_unit_test(rubbish_in_the_ring_indices_harms_no_reader),
		cmocka_unit_test(a_folder_with_a_path_of_3000_bytes_works),
		cmocka_unit_test(two_guests_may_not_share_a_folder_and_errors_say_why),
		cmocka_unit_test(an_ordinary_user_can_have_read_only_attributes_refreshed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
