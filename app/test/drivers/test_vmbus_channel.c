/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * How the host is signalled, and who masks the receive rings. The test is the
 * kernel: what a write to the device's descriptor does to the masks is done
 * here, as kernels do it.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_malloc.h>

#include "vmbus_channel.h"

#define HALF_BYTES (2u * HV_PAGE_BYTES)
#define CHANNELS 3u

int vmbus_logtype;

static struct {
	struct vmbus_shared shared;
	uint8_t *rings[CHANNELS], *interrupt, *monitor;
	int pipe[2];
	int fd;                     /* the one written to */
	unsigned int writes;
	bool unmasks;               /* as kernels do on an enabling write */
} world;

/* ---- stand-ins ---- */

void *
rte_zmalloc_socket(const char *type, size_t size, unsigned int align, int socket)
{
	void *p = aligned_alloc(align, (size + align - 1) / align * align);

	(void)type;
	(void)socket;
	if (p != NULL)
		memset(p, 0, size);
	return p;
}

void
rte_free(void *p)
{
	free(p);
}

static struct vmbus_ring_page *
receive_page(unsigned int i)
{
	return (struct vmbus_ring_page *)(void *)(world.rings[i] + HALF_BYTES);
}

int
vmbus_uio_irqcontrol(int fd, bool enable)
{
	int32_t value = enable;

	assert_int_equal(fd, world.fd);
	/* The host's bit is there before the kernel is asked to look at it. */
	assert_int_not_equal(world.shared.channel[0] == NULL ? 1 :
		*world.shared.channel[0]->signal_word | *world.shared.channel[1]->signal_word, 0);
	for (unsigned int i = 0; i < CHANNELS && world.unmasks; i++)
		receive_page(i)->interrupt_mask = !enable;
	world.writes++;
	return write(fd, &value, sizeof(value)) == sizeof(value) ? 0 : -errno;
}

static void
channel_make(unsigned int index, uint32_t relid, int monitor_id)
{
	const struct vmbus_sysfs_channel sysfs = {
		.relid = relid, .index = index, .monitor_id = monitor_id,
	};
	const struct vmbus_mapping rings = { world.rings[index], 2 * HALF_BYTES };

	world.shared.channel[index] = vmbus_channel_create(&world.shared, &sysfs, &rings, 0);
	assert_non_null(world.shared.channel[index]);
}

static uint8_t *
pages(unsigned int bytes)
{
	uint8_t *p = aligned_alloc(HV_PAGE_BYTES, bytes);

	assert_non_null(p);
	memset(p, 0, bytes);
	return p;
}

static int
setup(void **state)
{
	int slot;

	(void)state;
	memset(&world, 0, sizeof(world));
	if (pipe(world.pipe) < 0)
		return -1;
	for (unsigned int i = 0; i < CHANNELS; i++)
		world.rings[i] = pages(2 * HALF_BYTES);
	world.interrupt = pages(HV_PAGE_BYTES);
	world.monitor = pages(HV_PAGE_BYTES);
	world.shared.maps.page_bytes = HV_PAGE_BYTES;
	world.shared.maps.map[UIO_MAP_INT_PAGE] =
		(struct vmbus_mapping){ world.interrupt, HV_PAGE_BYTES };
	world.shared.maps.map[UIO_MAP_MONITOR_PAGE] =
		(struct vmbus_mapping){ world.monitor, HV_PAGE_BYTES };
	world.fd = world.pipe[1];
	slot = vmbus_channel_fd_claim(world.fd);
	world.shared.fd_slot = (uint16_t)slot;
	return slot < 0 ? -1 : 0;
}

static int
teardown(void **state)
{
	(void)state;
	vmbus_channel_fd_release(world.shared.fd_slot);
	for (unsigned int i = 0; i < CHANNELS; i++) {
		vmbus_channel_destroy(world.shared.channel[i]);
		free(world.rings[i]);
	}
	free(world.interrupt);
	free(world.monitor);
	close(world.pipe[0]);
	close(world.pipe[1]);
	return 0;
}

/* The only word of a page that is not 0, as an index of 4-byte words; -1: none,
 * -2: several. */
static int
only_word(const uint8_t *page, uint32_t *value)
{
	int found = -1;

	for (unsigned int i = 0; i < HV_PAGE_BYTES / 4; i++) {
		uint32_t word;

		memcpy(&word, page + i * 4, 4);
		if (word == 0)
			continue;
		if (found >= 0)
			return -2;
		found = (int)i;
		*value = word;
	}
	return found;
}

/* Conformance: 16. */
static void
a_monitored_channel_sets_its_bit_of_its_group_and_asks_no_kernel(void **state)
{
	(void)state;
	for (int id = 0; id < 128; id++) {
		uint32_t value = 0;

		memset(world.monitor, 0, HV_PAGE_BYTES);
		channel_make(0, 14, id);
		vmbus_channel_signal(world.shared.channel[0]);
		/* 8 bytes of state, then four groups of {pending, armed}. */
		assert_int_equal(only_word(world.monitor, &value), 2 + id / 32 * 2);
		assert_int_equal(value, 1u << id % 32);
		assert_int_equal(only_word(world.interrupt, &value), -1);
		assert_int_equal(world.writes, 0);
		vmbus_channel_destroy(world.shared.channel[0]);
		world.shared.channel[0] = NULL;
	}
}

/* Conformance: 16. */
static void
a_channel_without_monitor_sets_its_interrupt_page_bit_and_writes_a_one_of_4_bytes(void **state)
{
	static const uint32_t relids[] = { 1, 31, 32, 14, 2047, 16383 };

	(void)state;
	channel_make(1, 77, 5);
	for (unsigned int i = 0; i < sizeof(relids) / sizeof(relids[0]); i++) {
		uint32_t value = 0;
		uint8_t bytes[16];

		memset(world.interrupt, 0, HV_PAGE_BYTES);
		channel_make(0, relids[i], VMBUS_NO_ID);
		vmbus_channel_signal(world.shared.channel[0]);
		/* The host reads the second half. */
		assert_int_equal(only_word(world.interrupt, &value), 512 + relids[i] / 32);
		assert_int_equal(value, 1u << relids[i] % 32);
		assert_int_equal(read(world.pipe[0], bytes, sizeof(bytes)), 4);
		assert_memory_equal(bytes, "\1\0\0\0", 4);
		assert_int_equal(only_word(world.monitor, &value), -1);
		vmbus_channel_destroy(world.shared.channel[0]);
		world.shared.channel[0] = NULL;
	}
	assert_int_equal(world.writes, sizeof(relids) / sizeof(relids[0]));
}

/* Conformance: 16. */
static void
bits_of_the_vms_other_devices_are_left_alone(void **state)
{
	struct vmbus_monitor_page *monitor = (void *)world.monitor;

	(void)state;
	monitor->trigger[1].pending = 0xf0f00000;
	memset(world.interrupt, 0x80, HV_PAGE_BYTES);
	channel_make(0, 14, 32 + 3);
	channel_make(1, 14, VMBUS_NO_ID);
	vmbus_channel_signal(world.shared.channel[0]);
	vmbus_channel_signal(world.shared.channel[1]);
	assert_int_equal(monitor->trigger[1].pending, 0xf0f00008);
	for (unsigned int i = 0; i < HV_PAGE_BYTES; i++)
		assert_int_equal(world.interrupt[i], i == 2048 + 14 / 8 ? 0xc0 : 0x80);
}

/* Conformance: 7. */
static void
every_receive_ring_is_masked_as_soon_as_it_is_mapped(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < CHANNELS; i++) {
		assert_int_equal(receive_page(i)->interrupt_mask, 0);
		channel_make(i, 14 + i, (int)i);
		assert_int_equal(receive_page(i)->interrupt_mask, 1);
		/* The transmit ring's mask is the host's. */
		assert_int_equal(((struct vmbus_ring_page *)(void *)world.rings[i])->interrupt_mask, 0);
	}
}

/* Conformance: 7. */
static void
every_receive_ring_is_masked_again_after_a_write_that_unmasked_it(void **state)
{
	(void)state;
	world.unmasks = true;
	for (unsigned int i = 0; i < CHANNELS; i++)
		channel_make(i, 14 + i, VMBUS_NO_ID);
	for (unsigned int by = 0; by < CHANNELS; by++) {
		vmbus_channel_signal(world.shared.channel[by]);
		for (unsigned int i = 0; i < CHANNELS; i++)
			assert_int_equal(receive_page(i)->interrupt_mask, 1);
	}
	assert_int_equal(world.writes, CHANNELS);
}

/* Conformance: 10. */
static void
nothing_is_signalled_once_the_device_is_gone(void **state)
{
	uint32_t value;

	(void)state;
	channel_make(0, 14, 3);
	channel_make(1, 15, VMBUS_NO_ID);
	world.shared.gone = 1;
	vmbus_channel_signal(world.shared.channel[0]);
	vmbus_channel_signal(world.shared.channel[1]);
	assert_int_equal(only_word(world.monitor, &value), -1);
	assert_int_equal(only_word(world.interrupt, &value), -1);
	assert_int_equal(world.writes, 0);
}

static void
rings_that_make_no_sense_give_no_channel(void **state)
{
	const struct vmbus_sysfs_channel sysfs = { .relid = 14, .monitor_id = 1 };
	const struct vmbus_sysfs_channel far = { .relid = 16384, .monitor_id = 1 };
	struct vmbus_mapping rings = { world.rings[0], 2 * HALF_BYTES };

	(void)state;
	receive_page(0)->write_index = HALF_BYTES;
	assert_null(vmbus_channel_create(&world.shared, &sysfs, &rings, 0));
	assert_int_equal(errno, EINVAL);
	receive_page(0)->write_index = 0;
	assert_null(vmbus_channel_create(&world.shared, &far, &rings, 0));
	assert_int_equal(errno, EPROTO);
	rings.bytes = 2 * HV_PAGE_BYTES;
	assert_null(vmbus_channel_create(&world.shared, &sysfs, &rings, 0));
}

static void
the_monitors_latency_is_set_in_its_own_unit_and_clamped(void **state)
{
	struct vmbus_monitor_page *monitor = (void *)world.monitor;

	(void)state;
	channel_make(0, 14, 32 + 3);
	channel_make(1, 15, VMBUS_NO_ID);
	vmbus_channel_set_latency(world.shared.channel[0], 20);
	assert_int_equal(monitor->latency_100ns[1][3], 200);
	vmbus_channel_set_latency(world.shared.channel[0], 1000000);
	assert_int_equal(monitor->latency_100ns[1][3], UINT16_MAX);
	vmbus_channel_set_latency(world.shared.channel[1], 20);
}

static void
descriptors_have_slots_that_are_used_again(void **state)
{
	int slots[VMBUS_CHANNEL_FD_SLOTS];

	(void)state;
	for (unsigned int i = 1; i < VMBUS_CHANNEL_FD_SLOTS; i++) {
		slots[i] = vmbus_channel_fd_claim(100);
		assert_true(slots[i] >= 0);
	}
	assert_int_equal(vmbus_channel_fd_claim(100), -ENOSPC);
	for (unsigned int i = 1; i < VMBUS_CHANNEL_FD_SLOTS; i++)
		vmbus_channel_fd_release((unsigned int)slots[i]);
	assert_int_equal(vmbus_channel_fd_claim(100), slots[1]);
	vmbus_channel_fd_release((unsigned int)slots[1]);
}

/* Of a process that closed the device, whatever it opened since. */
static void
a_slot_that_was_given_back_names_no_descriptor(void **state)
{
	(void)state;
	channel_make(0, 14, VMBUS_NO_ID);
	channel_make(1, 77, 5);
	vmbus_channel_fd_release(world.shared.fd_slot);
	world.fd = -1;
	vmbus_channel_signal(world.shared.channel[0]);
	assert_int_equal(world.writes, 1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_monitored_channel_sets_its_bit_of_its_group_and_asks_no_kernel),
		CASE(a_channel_without_monitor_sets_its_interrupt_page_bit_and_writes_a_one_of_4_bytes),
		CASE(bits_of_the_vms_other_devices_are_left_alone),
		CASE(every_receive_ring_is_masked_as_soon_as_it_is_mapped),
		CASE(every_receive_ring_is_masked_again_after_a_write_that_unmasked_it),
		CASE(nothing_is_signalled_once_the_device_is_gone),
		CASE(rings_that_make_no_sense_give_no_channel),
		CASE(the_monitors_latency_is_set_in_its_own_unit_and_clamped),
		CASE(descriptors_have_slots_that_are_used_again),
		CASE(a_slot_that_was_given_back_names_no_descriptor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
