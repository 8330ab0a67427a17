/* SPDX-License-Identifier: BSD-3-Clause */

/* Offers, opens, closes, subchannels and rescinds, without a clock of ours. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fakes.h"

#define MS 1000000u

static struct kern_fixture f;

static struct vmbus_ring_page *
page_at(uint8_t *base)
{
	return (struct vmbus_ring_page *)(void *)base;
}

static void
first_open_initialises_both_rings_before_the_host_hears_of_it(void **state)
{
	struct vsp_channel *primary = &f.channel[0];

	(void)state;
	fixture_start(&f, "6.18");
	fixture_offer(&f, true);
	memset(f.device->primary->ring.base, 0x5a, HV_PAGE_BYTES);
	assert_int_equal(kern_device_open(f.device), 0);
	assert_int_equal(primary->opened, 1);
	assert_int_equal(primary->seen_features, VMBUS_RING_FEATURE_PENDING_SEND);
	assert_int_equal(primary->seen_mask, 0);
	assert_int_equal(page_at(primary->rings.to_host_page)->write_index, 0);
	assert_int_equal(page_at(primary->rings.to_host_page)->reserved2[1006], 0);
	assert_int_equal(primary->rings.to_host_bytes, 2u << 20);
	assert_int_equal(primary->rings.to_guest_bytes, 2u << 20);
	assert_ptr_equal(primary->rings.to_guest_page, primary->rings.to_host_data + (2u << 20));
	kern_device_release(f.device);
	fixture_stop(&f);
}

static void
old_kernels_mask_interrupts_at_open_and_in_the_callback_new_ones_never(void **state)
{
	static const struct {
		const char *profile;
		uint32_t mask;
	} rows[] = {
		{ "4.18", 1 }, { "5.15", 1 }, { "6.1", 1 }, { "6.1.158", 0 }, { "6.12.41", 1 },
		{ "6.1.192", 0 }, { "6.12.117", 0 }, { "6.18", 0 },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		struct vmbus_ring_page *page;

		fixture_start(&f, rows[i].profile);
		fixture_offer(&f, true);
		assert_int_equal(kern_device_open(f.device), 0);
		assert_int_equal(f.channel[0].seen_mask, rows[i].mask);
		page = page_at(f.channel[0].rings.to_guest_page);
		page->interrupt_mask = 0;
		kern_transport.interrupt(f.device->primary);
		assert_int_equal(page->interrupt_mask, rows[i].mask);
		assert_int_equal(fake.events, 1);
		fixture_stop(&f);
	}
}

static void
only_the_first_open_and_the_last_release_reach_the_host(void **state)
{
	(void)state;
	fixture_start(&f, "");
	fixture_offer(&f, true);
	for (unsigned int i = 0; i < 6; i++)
		assert_int_equal(kern_device_open(f.device), 0);
	assert_int_equal(f.channel[0].opened, 1);
	for (unsigned int i = 0; i < 5; i++)
		kern_device_release(f.device);
	assert_int_equal(f.channel[0].closed, 0);
	kern_device_release(f.device);
	assert_int_equal(f.channel[0].closed, 1);
	fixture_stop(&f);
}

static void
an_open_that_the_host_refuses_counts_for_nothing(void **state)
{
	(void)state;
	fixture_start(&f, "");
	fixture_offer(&f, true);
	f.channel[0].open_result = -EAGAIN;
	assert_int_equal(kern_device_open(f.device), -EAGAIN);
	f.channel[0].open_result = 0;
	assert_int_equal(kern_device_open(f.device), 0);
	assert_int_equal(f.channel[0].opened, 2);
	fixture_stop(&f);
	assert_int_equal(f.channel[0].closed, 1);
}

static void
reopening_gives_the_same_memory_with_fresh_indices(void **state)
{
	uint8_t *data;

	(void)state;
	fixture_start(&f, "");
	fixture_offer(&f, true);
	assert_int_equal(kern_device_open(f.device), 0);
	data = f.channel[0].rings.to_host_data;
	data[100] = 0x77;
	page_at(f.channel[0].rings.to_host_page)->write_index = 104;
	kern_device_release(f.device);
	assert_int_equal(kern_device_open(f.device), 0);
	assert_ptr_equal(f.channel[0].rings.to_host_data, data);
	assert_int_equal(data[100], 0x77);
	assert_int_equal(page_at(f.channel[0].rings.to_host_page)->write_index, 0);
	fixture_stop(&f);
}

static void
subchannels_are_opened_by_the_kernel_and_closed_before_the_primary(void **state)
{
	(void)state;
	fixture_start(&f, "");
	fixture_offer(&f, true);
	assert_int_equal(kern_device_open(f.device), 0);
	for (uint16_t i = 1; i < 4; i++) {
		fixture_subchannel(&f, i);
		assert_int_equal(f.channel[i].opened, 1);
		assert_int_equal(f.channel[i].rings.to_host_bytes, (2u << 20) - HV_PAGE_BYTES);
	}
	assert_int_equal(fake.changed, 3);
	kern_device_release(f.device);
	assert_int_equal(f.channel[0].closed_as, 4);
	fixture_stop(&f);
}

static void
a_subchannel_offered_while_the_device_is_closed_stays_closed(void **state)
{
	(void)state;
	fixture_start(&f, "");
	fixture_offer(&f, true);
	fixture_subchannel(&f, 1);
	assert_int_equal(f.channel[1].opened, 0);
	fixture_stop(&f);
}

static void
a_subchannel_that_was_never_opened_goes_with_the_primary(void **state)
{
	(void)state;
	fixture_start(&f, "");
	fixture_offer(&f, true);
	assert_int_equal(kern_device_open(f.device), 0);
	assert_int_equal(kern_transport.offer_subchannel((struct hv_device *)(void *)f.device, 1,
		&f.channel[1]), 0);
	kern_device_release(f.device);
	clock_advance(100 * MS);
	assert_int_equal(f.channel[1].opened, 0);
	assert_int_equal(f.channel[1].closed, 0);
	assert_null(f.device->primary->next);
	fixture_stop(&f);
}

static void
an_early_close_takes_no_ring_file_and_no_rescind_away(void **state)
{
	(void)state;
	fixture_start(&f, "");
	fixture_offer(&f, true);
	assert_int_equal(kern_device_open(f.device), 0);
	fixture_subchannel(&f, 1);
	kern_transport.rescind_subchannel(f.channel[1].handle);
	kern_device_release(f.device);
	clock_advance(100 * MS);
	assert_true(f.device->primary->ring_visible);
	assert_null(f.device->primary->next);
	fixture_stop(&f);
}

static void
subchannel_folders_linger_until_the_host_rescinds_them(void **state)
{
	char path[256];

	(void)state;
	fixture_start(&f, "");
	fixture_offer(&f, true);
	assert_int_equal(kern_device_open(f.device), 0);
	fixture_subchannel(&f, 1);
	snprintf(path, sizeof(path), "/sys/bus/vmbus/devices/%s/channels/%u", f.device->guid,
		f.channel[1].handle->relid);
	kern_device_release(f.device);
	clock_advance(1000 * MS);
	assert_int_equal(access(on_disk(f.vm, path), F_OK), 0);
	kern_transport.rescind_subchannel(f.channel[1].handle);
	assert_int_equal(access(on_disk(f.vm, path), F_OK), 0);
	clock_advance(100 * MS);
	assert_int_equal(access(on_disk(f.vm, path), F_OK), -1);
	fixture_stop(&f);
}

static void
a_subchannel_rescinded_alone_keeps_ring_and_folder_until_the_device_is_closed(void **state)
{
	struct hv_channel *channel;
	char path[256];

	(void)state;
	fixture_start(&f, "");
	fixture_offer(&f, true);
	assert_int_equal(kern_device_open(f.device), 0);
	fixture_subchannel(&f, 1);
	channel = f.channel[1].handle;
	snprintf(path, sizeof(path), "/sys/bus/vmbus/devices/%s/channels/%u", f.device->guid,
		channel->relid);
	kern_transport.rescind_subchannel(channel);
	clock_advance(1000 * MS);
	assert_int_equal(access(on_disk(f.vm, path), F_OK), 0);
	assert_true(channel->ring.fd >= 0);
	kern_device_release(f.device);
	clock_advance(100 * MS);
	assert_int_equal(access(on_disk(f.vm, path), F_OK), -1);
	assert_null(f.device->primary->next);
	fixture_stop(&f);
}

static void
a_host_may_rescind_subchannels_while_they_are_closed(void **state)
{
	(void)state;
	fixture_start(&f, "");
	fixture_offer(&f, true);
	for (unsigned int round = 0; round < 3; round++) {
		assert_int_equal(kern_device_open(f.device), 0);
		for (uint16_t i = 1; i < 8; i++) {
			f.channel[i].rescind_on_close = true;
			fixture_subchannel(&f, i);
		}
		kern_device_release(f.device);
		clock_advance(100 * MS);
		assert_ptr_equal(f.device->channels, f.device->primary);
		assert_null(f.device->primary->next);
	}
	assert_int_equal(f.channel[7].closed, 3);
	fixture_stop(&f);
}

static void
the_ring_file_is_early_or_late_as_the_kernel_has_it(void **state)
{
	static const struct {
		const char *profile;
		bool late;
	} rows[] = {
		{ "4.18", false }, { "5.15", false }, { "6.1", false }, { "6.1.158", true },
		{ "6.12.41", true }, { "6.18", true },
	};
	char path[256];

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		fixture_start(&f, rows[i].profile);
		fixture_offer(&f, true);
		snprintf(path, sizeof(path), "/sys/bus/vmbus/devices/%s/channels/%u/ring",
			f.device->guid, f.device->primary->relid);
		assert_int_equal(access(on_disk(f.vm, path), F_OK) == 0, !rows[i].late);
		assert_int_equal(kern_ring_by_path(f.vm, path) != NULL, !rows[i].late);
		clock_advance(20 * MS);
		assert_int_equal(access(on_disk(f.vm, path), F_OK), 0);
		assert_ptr_equal(kern_ring_by_path(f.vm, path), f.device->primary);

		assert_int_equal(kern_device_open(f.device), 0);
		fixture_subchannel(&f, 1);
		snprintf(path, sizeof(path), "/sys/bus/vmbus/devices/%s/channels/%u/ring",
			f.device->guid, f.channel[1].handle->relid);
		assert_int_equal(access(on_disk(f.vm, path), F_OK) == 0, !rows[i].late);
		clock_advance(20 * MS);
		assert_ptr_equal(kern_ring_by_path(f.vm, path), f.channel[1].handle);
		fixture_stop(&f);
	}
}

static void
before_4_17_no_subchannel_is_opened_and_nothing_has_a_ring_file(void **state)
{
	static const char *const missing[] = { "channels/1/ring", "channels/2/ring",
		"driver_override" };
	char path[256];
	int ret;

	(void)state;
	fixture_start(&f, "4.16");
	fixture_offer(&f, true);
	assert_int_equal(kern_device_open(f.device), 0);
	fixture_subchannel(&f, 1);
	clock_advance(1000 * MS);
	assert_int_equal(f.channel[0].opened, 1);
	assert_int_equal(f.channel[1].opened, 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(missing); i++) {
		snprintf(path, sizeof(path), "/sys/bus/vmbus/devices/%s/%s", f.device->guid, missing[i]);
		assert_int_equal(access(on_disk(f.vm, path), F_OK), -1);
		assert_null(kern_ring_by_path(f.vm, path));
	}
	snprintf(path, sizeof(path), "/sys/bus/vmbus/devices/%s/channels/2/subchannel_id",
		f.device->guid);
	guest_read(f.vm, path, &ret);
	assert_int_equal(ret, -EINVAL);
	fixture_stop(&f);
}

static void
a_rescinded_device_lives_until_its_last_file_is_released(void **state)
{
	struct kern_device *old;
	uint32_t relid, uio;

	(void)state;
	fixture_start(&f, "");
	fixture_offer(&f, true);
	old = f.device;
	assert_int_equal(kern_device_open(old), 0);
	assert_int_equal(kern_device_open(old), 0);
	relid = old->primary->relid;
	uio = old->uio;
	fixture_rescind(&f);
	assert_null(kern_device_by_uio(f.vm, uio));
	assert_int_equal(kern_device_open(old), -ENODEV);
	fixture_offer(&f, true);
	assert_int_not_equal(f.device->primary->relid, relid);
	assert_int_not_equal(f.device->uio, uio);
	kern_device_release(old);
	assert_ptr_equal(f.vm->gone, old);
	kern_device_release(old);
	assert_null(f.vm->gone);
	assert_int_equal(kern_device_open(f.device), 0);
	fixture_stop(&f);
}

/* The folders of one device, so that nothing can pile up in any of them. */
static unsigned int
tree_entries(void)
{
	static const char *const dirs[] = {
		"/sys/bus/vmbus/devices", "/sys/bus/vmbus/drivers/uio_hv_generic", "/sys/class/uio",
		GUEST_SYSFS_DEVICES,
	};
	unsigned int n = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(dirs); i++)
		n += entries_below(on_disk(f.vm, dirs[i]));
	return n;
}

static void
a_thousand_rescinds_and_reoffers_leak_nothing(void **state)
{
	unsigned int descriptors, entries;

	(void)state;
	fixture_start(&f, "");
	descriptors = open_descriptors();
	entries = tree_entries();
	for (unsigned int i = 0; i < 1000; i++) {
		struct kern_device *device;

		fixture_offer(&f, i % 3 != 0);
		device = f.device;
		assert_int_equal(kern_device_open(device), 0);
		for (uint16_t sub = 1; sub < 4; sub++)
			fixture_subchannel(&f, sub);
		if (i % 2 == 0)
			kern_device_release(device);
		fixture_rescind(&f);
		if (i % 2 == 1)
			kern_device_release(device);
		clock_advance(60 * MS);
	}
	assert_int_equal(open_descriptors(), descriptors);
	assert_int_equal(tree_entries(), entries);
	for (unsigned int i = 0; i < sizeof(f.vm->monitor_used); i++)
		assert_int_equal(f.vm->monitor_used[i], 0);
	fixture_stop(&f);
}

static void
a_vm_that_is_destroyed_with_everything_open_leaves_nothing(void **state)
{
	unsigned int descriptors = open_descriptors();

	(void)state;
	fixture_start(&f, "");
	fixture_offer(&f, true);
	assert_int_equal(kern_device_open(f.device), 0);
	fixture_subchannel(&f, 1);
	fixture_stop(&f);
	assert_int_equal(f.channel[0].closed, 1);
	assert_int_equal(f.channel[1].closed, 1);
	assert_int_equal(open_descriptors(), descriptors);
}

static void
gpadls_lead_to_the_buffers_and_nothing_else_does(void **state)
{
	struct hv_device *handle;
	uint8_t *base;
	uint64_t bytes;

	(void)state;
	fixture_start(&f, "");
	fixture_offer(&f, true);
	handle = (struct hv_device *)(void *)f.device;
	assert_int_equal(kern_transport.gpadl(handle, f.device->recv_gpadl, &base, &bytes), 0);
	assert_int_equal(bytes, 31u << 20);
	assert_ptr_equal(base, f.device->recv.base);
	assert_int_equal(kern_transport.gpadl(handle, f.device->send_gpadl, &base, &bytes), 0);
	assert_int_equal(bytes, 16u << 20);
	assert_int_equal(kern_transport.gpadl(handle, f.device->send_gpadl + 1, &base, &bytes),
		-ENOENT);
	assert_int_equal(kern_transport.gpadl(handle, 0, &base, &bytes), -ENOENT);
	fixture_stop(&f);
}

static void
monitor_ids_run_out_silently_and_come_back(void **state)
{
	(void)state;
	fixture_start(&f, "");
	fixture_offer(&f, true);
	assert_int_equal(f.device->primary->monitor_id, 0);
	memset(f.vm->monitor_used, 0xff, sizeof(f.vm->monitor_used));
	f.vm->monitor_used[15] = 0x7f;
	assert_int_equal(kern_device_open(f.device), 0);
	fixture_subchannel(&f, 1);
	fixture_subchannel(&f, 2);
	assert_int_equal(f.channel[1].handle->monitor_id, 127);
	assert_int_equal(f.channel[2].handle->monitor_id, VMBUS_MONITOR_NONE);
	assert_int_equal(f.channel[2].opened, 1);
	kern_transport.rescind_subchannel(f.channel[1].handle);
	kern_device_release(f.device);
	clock_advance(100 * MS);
	assert_int_equal(kern_device_open(f.device), 0);
	fixture_subchannel(&f, 3);
	assert_int_equal(f.channel[3].handle->monitor_id, 127);
	fixture_stop(&f);
}

static void
devices_without_monitor_are_bound_by_new_kernels_only(void **state)
{
	static const struct {
		const char *profile;
		bool bound;
	} rows[] = {
		{ "4.18", false }, { "5.15", false }, { "6.1", false }, { "6.1.158", false },
		{ "6.12.41", true }, { "6.18", true },
	};
	char path[256];

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		fixture_start(&f, rows[i].profile);
		fixture_offer(&f, false);
		snprintf(path, sizeof(path), "/sys/bus/vmbus/devices/%s/uio", f.device->guid);
		assert_int_equal(access(on_disk(f.vm, path), F_OK) == 0, rows[i].bound);
		assert_int_equal(f.device->uio != UINT32_MAX, rows[i].bound);
		snprintf(path, sizeof(path), "/sys/bus/vmbus/devices/%s/channels/%u/monitor_id",
			f.device->guid, f.device->primary->relid);
		assert_int_equal(access(on_disk(f.vm, path), F_OK), -1);
		fixture_stop(&f);
	}
}

static void
a_subchannel_interrupt_kills_the_guest_kernel_of_6_1_158_until_all_is_closed(void **state)
{
	(void)state;
	fixture_start(&f, "6.1.158");
	fixture_offer(&f, true);
	assert_int_equal(kern_device_open(f.device), 0);
	fixture_subchannel(&f, 1);
	kern_transport.interrupt(f.device->primary);
	assert_int_equal(fake.events, 1);
	kern_transport.interrupt(f.channel[1].handle);
	clock_advance(1);
	assert_int_equal(fake.events, 1);
	assert_int_equal(fake.gone, 1);
	assert_int_equal(fake.foreign, 1);
	assert_int_equal(f.channel[0].closed, 1);
	assert_int_equal(f.channel[1].closed, 1);
	assert_int_equal(kern_device_open(f.device), -EIO);
	kern_device_release(f.device);
	assert_int_equal(kern_device_open(f.device), 0);
	fixture_stop(&f);
}

static void
a_second_offer_of_a_guid_is_refused_and_harms_nothing(void **state)
{
	struct hv_offer offer = { .monitor = true };
	char path[256];

	(void)state;
	fixture_start(&f, "");
	fixture_offer(&f, true);
	memcpy(offer.instance, "\xf5\xcb\xd6\xa7\x1e\x2f\x4f\x0a\x9c\x3d\x00\x15\x5d\x00\x00\x01", 16);
	assert_null(kern_transport.offer(kern_vm_guest(f.vm), &offer, &f.nic, &f.channel[1]));
	assert_int_equal(errno, EEXIST);
	snprintf(path, sizeof(path), "/sys/bus/vmbus/devices/%s/uio/uio%u/maps/map4/name",
		f.device->guid, f.device->uio);
	assert_int_equal(access(on_disk(f.vm, path), F_OK), 0);
	fixture_stop(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_open_initialises_both_rings_before_the_host_hears_of_it),
		cmocka_unit_test(old_kernels_mask_interrupts_at_open_and_in_the_callback_new_ones_never),
		cmocka_unit_test(only_the_first_open_and_the_last_release_reach_the_host),
		cmocka_unit_test(an_open_that_the_host_refuses_counts_for_nothing),
		cmocka_unit_test(reopening_gives_the_same_memory_with_fresh_indices),
		cmocka_unit_test(subchannels_are_opened_by_the_kernel_and_closed_before_the_primary),
		cmocka_unit_test(a_subchannel_offered_while_the_device_is_closed_stays_closed),
		cmocka_unit_test(a_subchannel_that_was_never_opened_goes_with_the_primary),
		cmocka_unit_test(an_early_close_takes_no_ring_file_and_no_rescind_away),
		cmocka_unit_test(subchannel_folders_linger_until_the_host_rescinds_them),
		cmocka_unit_test(
			a_subchannel_rescinded_alone_keeps_ring_and_folder_until_the_device_is_closed),
		cmocka_unit_test(a_host_may_rescind_subchannels_while_they_are_closed),
		cmocka_unit_test(the_ring_file_is_early_or_late_as_the_kernel_has_it),
		cmocka_unit_test(before_4_17_no_subchannel_is_opened_and_nothing_has_a_ring_file),
		cmocka_unit_test(a_rescinded_device_lives_until_its_last_file_is_released),
		cmocka_unit_test(a_thousand_rescinds_and_reoffers_leak_nothing),
		cmocka_unit_test(a_vm_that_is_destroyed_with_everything_open_leaves_nothing),
		cmocka_unit_test(gpadls_lead_to_the_buffers_and_nothing_else_does),
		cmocka_unit_test(monitor_ids_run_out_silently_and_come_back),
		cmocka_unit_test(devices_without_monitor_are_bound_by_new_kernels_only),
		cmocka_unit_test(
			a_subchannel_interrupt_kills_the_guest_kernel_of_6_1_158_until_all_is_closed),
		cmocka_unit_test(a_second_offer_of_a_guid_is_refused_and_harms_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
