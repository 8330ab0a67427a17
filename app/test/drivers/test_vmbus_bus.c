/* SPDX-License-Identifier: BSD-3-Clause */

/* The face that EAL sees, on sysfs folders that the tests write: no EAL runs,
 * its lists of buses and devargs are the real ones. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <sys/stat.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_memory.h>

#include "fake_tree.h"
#include "vmbus_driver.h"

/* What the stand-ins of EAL and of the C library say. */
static enum rte_iova_mode iova_mode;
static int phys_addrs;
static bool no_memory;
#define rte_eal_iova_mode() (iova_mode)
#define rte_eal_using_phys_addrs() (phys_addrs)
#define calloc(count, size) (no_memory ? NULL : calloc(count, size))
#include "../../../drivers/bus/vmbus/vmbus_bus.c"
#undef calloc

#define A "11111111-89ab-4def-8123-456789abcdef"
#define B "22222222-89ab-4def-8123-456789abcdef"
#define C "33333333-89ab-4def-8123-456789abcdef"
#define A_UPPER "11111111-89AB-4DEF-8123-456789ABCDEF"
#define STORAGE_CLASS "{ba6163d9-04a1-4d29-b605-72e2ffb1dc7f}\n"

static unsigned int probes, removes;
static int probe_result, remove_result;

static int
fake_probe(struct vmbus_driver *driver, struct vmbus_device *device)
{
	(void)driver;
	(void)device;
	probes++;
	return probe_result;
}

static int
fake_remove(struct vmbus_device *device)
{
	(void)device;
	removes++;
	return remove_result;
}

static struct vmbus_driver nic_driver = {
	.driver.name = "net_test",
	.class_id = { 0xf8, 0x61, 0x51, 0x63, 0xdf, 0x3e, 0x46, 0xc5,
		0x91, 0x3f, 0xf2, 0xd2, 0xf9, 0x65, 0xed, 0x0e },
	.probe = fake_probe,
	.remove = fake_remove,
};

static int
setup(void **state)
{
	probes = removes = 0;
	probe_result = remove_result = 0;
	iova_mode = RTE_IOVA_VA;
	phys_addrs = 0;
	vmbus_bus.conf.scan_mode = RTE_BUS_SCAN_UNDEFINED;
	if (rte_bus_find_by_name(VMBUS_BUS_NAME) == NULL)
		rte_bus_register(&vmbus_bus);
	vmbus_driver_register(&nic_driver);
	return fake_tree_create(state);
}

static int
teardown(void **state)
{
	struct rte_devargs *args;

	remove_result = 0;
	bus_cleanup();
	while ((args = rte_devargs_next(VMBUS_BUS_NAME, NULL)) != NULL)
		rte_devargs_remove(args);
	vmbus_driver_unregister(&nic_driver);
	return fake_tree_destroy(state);
}

static unsigned int
device_count(void)
{
	struct vmbus_device *device;
	unsigned int count = 0;

	TAILQ_FOREACH(device, &devices, next)
		count++;
	return count;
}

static struct vmbus_device *
device_named(const char *name)
{
	struct vmbus_device *device;

	TAILQ_FOREACH(device, &devices, next)
		if (strcmp(device->name, name) == 0)
			return device;
	return NULL;
}

static struct rte_devargs *
devargs_insert(const char *text)
{
	struct rte_devargs *args = calloc(1, sizeof(*args));

	assert_non_null(args);
	assert_int_equal(rte_devargs_parse(args, text), 0);
	assert_int_equal(rte_devargs_insert(&args), 0);
	return args;
}

/* ---- scan ---- */

/* Conformance: 1. */
static void
a_scan_finds_the_nics_among_whatever_else_there_is(void **state)
{
	(void)state;
	fake_tree_put(STORAGE_CLASS, "00000000-storage/class_id");
	fake_tree_folder("0-empty");
	fake_tree_put("not a folder", "0-file");
	fake_tree_folder("1-class-unreadable/class_id");
	fake_tree_put("nonsense\n", "1-class-nonsense/class_id");
	fake_tree_nic("2-id-unreadable", C, 9, 3);
	fake_tree_drop("2-id-unreadable/id");
	fake_tree_folder("2-id-unreadable/id");
	fake_tree_nic("3-device-unreadable", C, 9, 3);
	fake_tree_drop("3-device-unreadable/device_id");
	fake_tree_folder("3-device-unreadable/device_id");
	fake_tree_nic(B, "{" B "}\n", 15, 1);
	fake_tree_nic(A, "{" A "}\n", 14, 0);
	fake_tree_drop(A "/monitor_id");
	fake_tree_folder(A "/numa_node");
	assert_int_equal(bus_scan(), 0);
	assert_int_equal(device_count(), 2);
	/* In the order of names, whatever the folder's. */
	assert_string_equal(TAILQ_FIRST(&devices)->name, A);
	assert_int_equal(device_named(A)->sysfs.monitor_id, VMBUS_NO_ID);
	assert_int_equal(device_named(B)->sysfs.monitor_id, 3);
	assert_int_equal(device_named(A)->fd, -1);      /* none of them is open */
	assert_int_equal(bus_probe(), 0);
	assert_int_equal(probes, 2);
}

static void
a_nic_for_which_there_is_no_memory_is_found_by_a_later_scan(void **state)
{
	(void)state;
	fake_tree_nic(A, A, 14, 0);
	no_memory = true;
	assert_int_equal(bus_scan(), 0);
	no_memory = false;
	assert_int_equal(device_count(), 0);
	assert_int_equal(bus_scan(), 0);
	assert_int_equal(device_count(), 1);
}

/* What is logged meanwhile. */
static const char *
said_by_a_scan(void)
{
	static char text[1024];
	FILE *log = fmemopen(text, sizeof(text), "w");

	text[0] = '\0';
	assert_non_null(log);
	rte_openlog_stream(log);
	assert_int_equal(bus_scan(), 0);
	rte_openlog_stream(NULL);
	fclose(log);
	return text;
}

/* Conformance: 1. */
static void
a_machine_without_vmbus_is_no_error(void **state)
{
	fake_tree_destroy(state);
	assert_string_equal(said_by_a_scan(), "");
	assert_int_equal(device_count(), 0);
	/* One that cannot be read is none either, but is told of. */
	fclose(fopen(fake_tree_root, "w"));
	assert_non_null(strstr(said_by_a_scan(), ": Not a directory\n"));
	assert_int_equal(device_count(), 0);
	assert_int_equal(unlink(fake_tree_root), 0);
	assert_int_equal(mkdir(fake_tree_root, 0755), 0);
}

/* Conformance: 2. */
static void
a_guid_may_be_spelt_and_a_folder_be_called_in_any_way(void **state)
{
	(void)state;
	fake_tree_nic("vmbus_0_14", "{" A_UPPER "}\n", 14, 0);
	fake_tree_nic("vmbus_7", B "\n", 15, 1);
	assert_int_equal(bus_scan(), 0);
	assert_non_null(device_named(A));
	assert_non_null(device_named(B));
	assert_string_equal(device_named(A)->sysfs.name, "vmbus_0_14");
	assert_int_equal(device_named(B)->sysfs.relid, 15);
}

/* Conformance: 5. */
static void
a_rescan_changes_nothing_of_what_is_as_it_was(void **state)
{
	struct vmbus_device *first;

	(void)state;
	fake_tree_nic(A, A, 14, 0);
	bus_scan();
	first = device_named(A);
	bus_probe();
	for (unsigned int i = 0; i < 5; i++)
		bus_scan();
	bus_probe();
	assert_int_equal(device_count(), 1);
	assert_ptr_equal(device_named(A), first);
	assert_int_equal(probes, 1);
}

/* Conformance: 5. */
static void
a_relid_that_changed_after_a_re_offer_is_refreshed_unless_in_use(void **state)
{
	(void)state;
	fake_tree_nic(A, A, 14, 0);
	bus_scan();
	fake_tree_put("40\n", A "/id");
	bus_scan();
	assert_int_equal(device_named(A)->sysfs.relid, 40);
	bus_probe();
	fake_tree_put("41\n", A "/id");
	bus_scan();
	assert_int_equal(device_named(A)->sysfs.relid, 40);
	assert_int_equal(bus_unplug(&device_named(A)->device), 0);
	/* EAL may look at it until the next scan; no driver is asked twice. */
	assert_null(device_named(A)->driver);
	assert_int_equal(bus_unplug(&device_named(A)->device), 0);
	assert_int_equal(removes, 1);
	bus_scan();
	assert_int_equal(device_count(), 1);
	assert_int_equal(device_named(A)->sysfs.relid, 41);
}

/* Conformance: 5. */
static void
a_device_that_vanished_is_forgotten_once_nobody_uses_it(void **state)
{
	(void)state;
	fake_tree_nic(A, A, 14, 0);
	fake_tree_nic(B, B, 15, 1);
	fake_tree_drop(B "/uio");
	bus_scan();
	bus_probe();
	fake_tree_drop(A);
	fake_tree_drop(B);
	bus_scan();
	assert_non_null(device_named(A));       /* its port lives */
	assert_null(device_named(B));
	assert_int_equal(bus_unplug(&device_named(A)->device), 0);
	bus_scan();
	assert_int_equal(device_count(), 0);
}

/* ---- probe ---- */

/* Conformance: 3. */
static void
what_is_not_bound_to_uio_is_skipped_and_found_once_it_is(void **state)
{
	(void)state;
	fake_tree_nic(A, A, 14, 0);
	fake_tree_drop(A "/uio");
	bus_scan();
	assert_int_equal(bus_probe(), 0);
	assert_int_equal(probes, 0);
	assert_int_equal(bus_plug(&device_named(A)->device), 1);
	fake_tree_nic(A, A, 14, 5);
	bus_scan();
	assert_int_equal(bus_plug(&device_named(A)->device), 0);
	assert_int_equal(probes, 1);
}

/* Conformance: 3. */
static void
a_probe_that_failed_leaves_the_device_free_for_another(void **state)
{
	(void)state;
	fake_tree_nic(A, A, 14, 0);
	fake_tree_nic(B, B, 15, 1);
	bus_scan();
	probe_result = -EIO;
	assert_int_equal(bus_probe(), 0);       /* of no concern to EAL's start */
	assert_int_equal(probes, 2);
	assert_int_equal(bus_plug(&device_named(A)->device), -EIO);
	assert_null(device_named(A)->device.driver);
	probe_result = 0;
	assert_int_equal(bus_plug(&device_named(A)->device), 0);
	assert_non_null(device_named(A)->device.driver);
	assert_int_equal(bus_plug(&device_named(A)->device), -EEXIST);
	remove_result = -EBUSY;
	assert_int_equal(bus_unplug(&device_named(A)->device), -EBUSY);
	assert_non_null(device_named(A)->device.driver);
}

/* Conformance: 4. */
static void
lists_decide_by_guid_however_it_is_spelt(void **state)
{
	static const struct {
		enum rte_bus_scan_mode mode;
		const char *args;
		enum rte_dev_policy policy;
		unsigned int probes;
	} rows[] = {
		{ RTE_BUS_SCAN_UNDEFINED, NULL, RTE_DEV_ALLOWED, 2 },
		{ RTE_BUS_SCAN_BLOCKLIST, "vmbus:" A, RTE_DEV_BLOCKED, 1 },
		{ RTE_BUS_SCAN_BLOCKLIST, "vmbus:{" A_UPPER "}", RTE_DEV_BLOCKED, 1 },
		{ RTE_BUS_SCAN_BLOCKLIST, "vmbus:" C, RTE_DEV_BLOCKED, 2 },
		{ RTE_BUS_SCAN_ALLOWLIST, "vmbus:" A ",latency=5", RTE_DEV_ALLOWED, 1 },
		{ RTE_BUS_SCAN_ALLOWLIST, "vmbus:{" A_UPPER "}", RTE_DEV_ALLOWED, 1 },
		{ RTE_BUS_SCAN_ALLOWLIST, "vmbus:" A_UPPER ",latency=5", RTE_DEV_ALLOWED, 1 },
		{ RTE_BUS_SCAN_ALLOWLIST, "vmbus:" C, RTE_DEV_ALLOWED, 0 },
	};

	for (unsigned int i = 0; i < RTE_DIM(rows); i++) {
		teardown(state);
		assert_int_equal(setup(state), 0);
		fake_tree_nic(A, A, 14, 0);
		fake_tree_nic(B, B, 15, 1);
		vmbus_bus.conf.scan_mode = rows[i].mode;
		if (rows[i].args != NULL)
			devargs_insert(rows[i].args)->policy = rows[i].policy;
		bus_scan();
		bus_probe();
		assert_int_equal(probes, rows[i].probes);
	}
}

static int
cmp_name(const struct rte_device *device, const void *name)
{
	return strcmp(device->name, name);
}

/* Conformance: 4. */
static void
hotplug_finds_the_device_of_its_devargs_and_hands_them_over(void **state)
{
	static const char *const spellings[] = {
		"vmbus:" A ",latency=5", "vmbus:{" A "},latency=5", "vmbus:" A_UPPER ",latency=5",
	};

	for (unsigned int i = 0; i < RTE_DIM(spellings); i++) {
		struct rte_devargs *args;
		struct rte_device *device;

		teardown(state);
		assert_int_equal(setup(state), 0);
		fake_tree_nic(A, A, 14, 0);
		devargs_insert("vmbus:" A ",latency=1");        /* of an earlier time */
		bus_scan();
		/* As EAL does: insert, scan, find by the devargs' name, plug. */
		args = devargs_insert(spellings[i]);
		bus_scan();
		device = bus_find_device(NULL, cmp_name, args->name);
		assert_non_null(device);
		assert_string_equal(device->devargs->args, "latency=5");
		assert_int_equal(bus_plug(device), 0);
	}
}

static void
a_driver_that_was_unregistered_is_asked_no_more(void **state)
{
	(void)state;
	fake_tree_nic(A, A, 14, 0);
	bus_scan();
	vmbus_driver_unregister(&nic_driver);
	assert_int_equal(bus_probe(), 0);
	assert_int_equal(probes, 0);
	vmbus_driver_register(&nic_driver);
	assert_int_equal(bus_probe(), 0);
	assert_int_equal(probes, 1);
}

static void
a_device_is_found_by_any_spelling_of_its_name(void **state)
{
	struct rte_dev_iterator it = { 0 };
	struct rte_device *device;

	(void)state;
	fake_tree_nic(A, A, 14, 0);
	fake_tree_nic(B, B, 15, 1);
	bus_scan();
	device = bus_dev_iterate(NULL, "name={" A_UPPER "}", &it);
	assert_string_equal(device->name, A);
	assert_null(bus_dev_iterate(device, "name=" A, &it));
	assert_null(bus_dev_iterate(NULL, "name=" C, &it));
	assert_null(bus_dev_iterate(NULL, "name=eth0", &it));
	device = bus_dev_iterate(bus_dev_iterate(NULL, NULL, &it), NULL, &it);
	assert_string_equal(device->name, B);
	assert_null(bus_dev_iterate(NULL, "color=red", &it));
	assert_int_equal(rte_errno, EINVAL);
	assert_int_equal(bus_parse("eth0", NULL), -EINVAL);
	assert_int_equal(bus_parse("{" A_UPPER "}", NULL), 0);
}

/* By what is written there, or with bus_compare(), EAL tells whether two names are of
 * the same device. */
static void
a_name_is_parsed_to_the_devices_guid_and_compared_by_it(void **state)
{
	uint8_t guid[VMBUS_GUID_BYTES], parsed[VMBUS_GUID_BYTES + 1], untouched[sizeof(parsed)];

	(void)state;
	memset(untouched, 0x5a, sizeof(untouched));
	memcpy(parsed, untouched, sizeof(parsed));
	assert_int_equal(vmbus_guid_parse(A, guid), 0);
	assert_int_equal(bus_parse("eth0", parsed), -EINVAL);
	assert_memory_equal(parsed, untouched, sizeof(parsed));
	assert_int_equal(bus_parse("{" A_UPPER "}", parsed), 0);
	assert_memory_equal(parsed, guid, sizeof(guid));
	assert_int_equal(parsed[sizeof(guid)], 0x5a);
	assert_int_equal(bus_compare("{" A_UPPER "}", A), 0);
	assert_true(bus_compare(A, B) < 0 && bus_compare(B, A) > 0);
	assert_int_equal(bus_compare("eth0", "eth0"), 0);
	assert_true(bus_compare("eth0", A) > 0 && bus_compare(A, "eth0") < 0);
}

/* Conformance: 11. */
static void
cleanup_removes_every_device_even_if_one_will_not_go(void **state)
{
	(void)state;
	fake_tree_nic(A, A, 14, 0);
	fake_tree_nic(B, B, 15, 1);
	bus_scan();
	bus_probe();
	remove_result = -EBUSY;
	assert_int_equal(bus_cleanup(), -EBUSY);
	assert_int_equal(removes, 2);
	remove_result = 0;
	assert_int_equal(bus_cleanup(), 0);
	assert_int_equal(device_count(), 0);
}

/* ---- addresses ---- */

/* Conformance: 9. */
static void
physical_addresses_are_asked_for_only_where_a_bound_nic_needs_them_and_there_are_any(void **state)
{
	static const struct {
		bool bound, va, blocked;
		int phys;
		enum rte_iova_mode expected;
	} rows[] = {
		{ true, false, false, 1, RTE_IOVA_PA },
		{ true, false, false, 0, RTE_IOVA_DC },
		{ true, true, false, 1, RTE_IOVA_DC },
		{ true, true, false, 0, RTE_IOVA_DC },
		{ false, false, false, 1, RTE_IOVA_DC },
		{ true, false, true, 1, RTE_IOVA_DC },
	};

	for (unsigned int i = 0; i < RTE_DIM(rows); i++) {
		teardown(state);
		assert_int_equal(setup(state), 0);
		fake_tree_nic(A, A, 14, 0);
		if (!rows[i].bound)
			fake_tree_drop(A "/uio");
		if (rows[i].va)
			fake_tree_put("va\n", A "/iova");
		if (rows[i].blocked)
			devargs_insert("vmbus:" A)->policy = RTE_DEV_BLOCKED;
		phys_addrs = rows[i].phys;
		bus_scan();
		assert_int_equal(bus_get_iommu_class(), rows[i].expected);
	}
}

/* Conformance: 9. */
static void
page_lists_are_sent_only_with_addresses_that_the_host_can_read(void **state)
{
	static const struct {
		enum rte_iova_mode mode;
		const char *iova;
		bool expected;
	} rows[] = {
		{ RTE_IOVA_PA, NULL, true },
		{ RTE_IOVA_PA, "pa\n", true },
		{ RTE_IOVA_PA, "va\n", true },          /* hvsim asks EAL which it is */
		{ RTE_IOVA_PA, "bus\n", false },
		{ RTE_IOVA_VA, NULL, false },
		{ RTE_IOVA_VA, "pa\n", false },
		{ RTE_IOVA_VA, "va\n", true },
		{ RTE_IOVA_VA, "vast\n", false },
		{ RTE_IOVA_DC, NULL, false },
	};

	for (unsigned int i = 0; i < RTE_DIM(rows); i++) {
		teardown(state);
		assert_int_equal(setup(state), 0);
		fake_tree_nic(A, A, 14, 0);
		if (rows[i].iova != NULL)
			fake_tree_put(rows[i].iova, A "/iova");
		iova_mode = rows[i].mode;
		bus_scan();
		bus_probe();
		assert_int_equal(vmbus_device_page_lists_ok(device_named(A)), rows[i].expected);
	}
}

/* The processor's own word is test_vmbus_isolation.c's. */
static void
a_device_that_says_so_is_of_an_isolated_guest(void **state)
{
	fake_tree_nic(A, A, 14, 0);
	fake_tree_nic(B, B, 15, 1);
	fake_tree_put("1\n", B "/isolated");
	(void)state;
	bus_scan();
	bus_probe();
	assert_int_equal(vmbus_device_isolated(device_named(A)), vmbus_isolation_here());
	assert_true(vmbus_device_isolated(device_named(B)));
}

/* ---- the other bus ---- */

static int
nothing(void)
{
	return 0;
}

static struct rte_device *
finds_nothing(const struct rte_device *start, rte_dev_cmp_t cmp, const void *data)
{
	(void)start;
	(void)cmp;
	(void)data;
	return NULL;
}

static struct rte_bus builtin = {
	.scan = nothing, .probe = nothing, .find_device = finds_nothing, .parse = bus_parse,
};

/* Conformance: 12. */
static void
the_builtin_bus_is_taken_over_in_both_load_orders_with_its_lists(void **state)
{
	for (unsigned int first = 0; first < 2; first++) {
		struct rte_devargs *args;

		teardown(state);
		assert_int_equal(setup(state), 0);
		fake_tree_nic(A, A, 14, 0);
		fake_tree_nic(B, B, 15, 1);
		if (first)
			rte_bus_unregister(&vmbus_bus);
		builtin.name = VMBUS_BUS_NAME;
		rte_bus_register(&builtin);
		if (first)
			rte_bus_register(&vmbus_bus);
		builtin.conf.scan_mode = first ? RTE_BUS_SCAN_ALLOWLIST : RTE_BUS_SCAN_UNDEFINED;
		vmbus_bus.conf.scan_mode = first ? RTE_BUS_SCAN_UNDEFINED : RTE_BUS_SCAN_ALLOWLIST;
		args = devargs_insert("vmbus:" A);
		assert_ptr_equal(args->bus, first ? &builtin : &vmbus_bus);
		bus_scan();
		assert_ptr_equal(args->bus, &vmbus_bus);
		assert_ptr_equal(rte_bus_find(NULL, other_vmbus, &vmbus_bus), NULL);
		assert_int_equal(vmbus_bus.conf.scan_mode, RTE_BUS_SCAN_ALLOWLIST);
		bus_probe();
		assert_int_equal(probes, 1);
		bus_scan();             /* and it comes back at run time */
		rte_bus_register(&builtin);
		bus_scan();
		assert_ptr_equal(rte_bus_find(NULL, other_vmbus, &vmbus_bus), NULL);
	}
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_scan_finds_the_nics_among_whatever_else_there_is),
		CASE(a_nic_for_which_there_is_no_memory_is_found_by_a_later_scan),
		CASE(a_machine_without_vmbus_is_no_error),
		CASE(a_guid_may_be_spelt_and_a_folder_be_called_in_any_way),
		CASE(a_rescan_changes_nothing_of_what_is_as_it_was),
		CASE(a_relid_that_changed_after_a_re_offer_is_refreshed_unless_in_use),
		CASE(a_device_that_vanished_is_forgotten_once_nobody_uses_it),
		CASE(what_is_not_bound_to_uio_is_skipped_and_found_once_it_is),
		CASE(a_probe_that_failed_leaves_the_device_free_for_another),
		CASE(lists_decide_by_guid_however_it_is_spelt),
		CASE(hotplug_finds_the_device_of_its_devargs_and_hands_them_over),
		CASE(a_driver_that_was_unregistered_is_asked_no_more),
		CASE(a_device_is_found_by_any_spelling_of_its_name),
		CASE(a_name_is_parsed_to_the_devices_guid_and_compared_by_it),
		CASE(cleanup_removes_every_device_even_if_one_will_not_go),
		CASE(physical_addresses_are_asked_for_only_where_a_bound_nic_needs_them_and_there_are_any),
		CASE(a_device_that_says_so_is_of_an_isolated_guest),
		CASE(page_lists_are_sent_only_with_addresses_that_the_host_can_read),
		CASE(the_builtin_bus_is_taken_over_in_both_load_orders_with_its_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
