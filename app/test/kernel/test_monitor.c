/* SPDX-License-Identifier: BSD-3-Clause */

/* The VM-wide pages: own bits signal, foreign changes are reported and undone. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fakes.h"

#define MS 1000000u
#define US 1000u

static struct kern_fixture f;
static struct vmbus_monitor_page *monitor;
static struct vmbus_int_page *interrupt;

static void
start(const char *profile, bool with_monitor)
{
	fixture_start(&f, profile);
	fixture_offer(&f, with_monitor);
	monitor = (struct vmbus_monitor_page *)(void *)f.vm->monitor_page.base;
	interrupt = (struct vmbus_int_page *)(void *)f.vm->int_page.base;
	assert_int_equal(kern_device_open(f.device), 0);
	round_poll(f.vm);
}

static void
set_pending(uint32_t id)
{
	monitor->trigger[id / 32].pending |= 1u << id % 32;
}

static void
set_interrupt(uint32_t relid)
{
	interrupt->to_host[relid / 8] |= (uint8_t)(1u << relid % 8);
}

static void
a_pending_bit_signals_its_channel_once_and_is_cleared(void **state)
{
	(void)state;
	start("", true);
	fixture_subchannel(&f, 1);
	set_pending(f.channel[1].handle->monitor_id);
	clock_advance(MS);
	assert_int_equal(round_poll(f.vm), 1);
	assert_int_equal(f.channel[1].signalled, 1);
	assert_int_equal(f.channel[0].signalled, 0);
	assert_int_equal(monitor->trigger[0].pending, 0);
	clock_advance(MS);
	assert_int_equal(round_poll(f.vm), 0);
	assert_int_equal(f.channel[1].signalled, 1);
	assert_int_equal(fake.foreign, 0);
	fixture_stop(&f);
}

static void
a_page_that_the_host_would_not_look_at_now_keeps_its_bits(void **state)
{
	(void)state;
	start("", true);
	fake.unread = true;
	set_pending(0);
	clock_advance(MS);
	assert_int_equal(round_poll(f.vm), 0);
	assert_int_equal(f.channel[0].signalled, 0);
	fake.unread = false;
	assert_int_equal(round_poll(f.vm), 1);
	assert_int_equal(f.channel[0].signalled, 1);
	fixture_stop(&f);
}

static void
the_page_is_looked_at_as_often_as_the_guest_asks(void **state)
{
	static const uint16_t latency_us[] = { 20, 100, 500 };

	(void)state;
	start("", true);
	for (unsigned int i = 0; i < ARRAY_SIZE(latency_us); i++) {
		monitor->latency_100ns[0][0] = (uint16_t)(latency_us[i] * 10);
		set_pending(0);
		clock_advance(MS);
		assert_int_equal(round_poll(f.vm), 1);
		set_pending(0);
		clock_advance(latency_us[i] * US - 1);
		assert_int_equal(round_poll(f.vm), 0);
		clock_advance(1);
		assert_int_equal(round_poll(f.vm), 1);
	}
	fixture_stop(&f);
}

static void
without_traffic_looks_become_rare_but_never_rarer_than_a_millisecond(void **state)
{
	uint64_t looks, next;

	(void)state;
	start("", true);
	clock_advance(1000 * MS);
	round_poll(f.vm);
	next = f.vm->poller.next_ns(f.vm->poller.arg);
	assert_in_range(next - engine_now_ns(), 500 * US, 1000 * US);
	looks = f.vm->monitor->looks;
	for (unsigned int i = 0; i < 100000; i++) {
		clock_advance(10 * US);
		round_poll(f.vm);
	}
	assert_in_range(f.vm->monitor->looks - looks, 1000, 1200);
	kern_device_release(f.device);
	assert_true(f.vm->poller.next_ns(f.vm->poller.arg) == UINT64_MAX);
	fixture_stop(&f);
}

static void
the_slot_of_a_channel_holds_its_connection_and_the_offered_latency(void **state)
{
	(void)state;
	start("", true);
	assert_int_equal(monitor->latency_100ns[0][0], 1000);
	assert_int_equal(monitor->parameter[0][0].connection_id,
		0x10000 + f.device->primary->relid);
	assert_int_equal(monitor->trigger_state & 1, 1);
	fixture_rescind(&f);
	assert_int_equal(monitor->latency_100ns[0][0], 0);
	assert_int_equal(monitor->parameter[0][0].connection_id, 0);
	kern_device_release(f.device);
	fixture_stop(&f);
}

static void
pending_bits_without_a_channel_are_foreign(void **state)
{
	(void)state;
	start("", true);
	set_pending(1);
	set_pending(127);
	clock_advance(MS);
	assert_int_equal(round_poll(f.vm), 0);
	assert_int_equal(fake.foreign, 2);
	assert_non_null(strstr(fake.last_foreign, "127"));
	assert_ptr_equal(fake.last_nic, &f.nic);
	assert_int_equal(monitor->trigger[0].pending, 0);
	assert_int_equal(monitor->trigger[3].pending, 0);
	fixture_stop(&f);
}

static void
a_guest_may_signal_before_it_hears_that_its_channel_is_gone(void **state)
{
	uint32_t relid;

	(void)state;
	start("", true);
	relid = f.device->primary->relid;
	fixture_rescind(&f);
	fixture_offer(&f, false);       /* somebody else's */
	assert_int_equal(kern_device_open(f.device), 0);
	set_pending(0);
	set_interrupt(relid);
	clock_advance(100 * MS);
	round_poll(f.vm);
	assert_int_equal(fake.foreign, 0);
	assert_int_equal(monitor->trigger[0].pending, 0);
	clock_advance(1000 * MS);
	set_pending(0);
	set_interrupt(relid);
	round_poll(f.vm);
	assert_int_equal(fake.foreign, 2);
	fixture_stop(&f);
}

static void
what_a_guest_left_behind_is_not_held_against_the_next(void **state)
{
	uint32_t relid;

	(void)state;
	start("", true);
	relid = f.device->primary->relid;
	fixture_rescind(&f);
	set_pending(0);
	set_interrupt(relid);
	kern_device_release(f.device);
	clock_advance(10000 * MS);
	fixture_offer(&f, false);
	assert_int_equal(kern_device_open(f.device), 0);
	round_poll(f.vm);
	assert_int_equal(fake.foreign, 0);
	fixture_stop(&f);
}

static void
interrupt_page_bits_without_a_channel_are_foreign(void **state)
{
	(void)state;
	start("", true);
	set_interrupt(0);
	set_interrupt(1999);
	clock_advance(MS);
	round_poll(f.vm);
	assert_int_equal(fake.foreign, 2);
	assert_int_equal(interrupt->to_host[1999 / 8], 0);
	set_interrupt(f.device->primary->relid);        /* Linux sets it with the monitor bit */
	clock_advance(MS);
	round_poll(f.vm);
	assert_int_equal(fake.foreign, 2);
	fixture_stop(&f);
}

static void
any_other_change_of_the_pages_is_foreign_and_put_back(void **state)
{
	static const size_t offsets[] = {
		offsetof(struct vmbus_monitor_page, trigger_state),
		offsetof(struct vmbus_monitor_page, reserved),
		offsetof(struct vmbus_monitor_page, trigger[2].armed),
		offsetof(struct vmbus_monitor_page, reserved2),
		offsetof(struct vmbus_monitor_page, next_check_100ns[1][3]),
		offsetof(struct vmbus_monitor_page, latency_100ns[0][1]),
		offsetof(struct vmbus_monitor_page, reserved3),
		offsetof(struct vmbus_monitor_page, parameter[0][0].connection_id),
		offsetof(struct vmbus_monitor_page, reserved4) + 1983,
	};
	char where[32];

	(void)state;
	start("", true);
	for (unsigned int i = 0; i < ARRAY_SIZE(offsets); i++) {
		uint8_t *byte = &f.vm->monitor_page.base[offsets[i]], was = *byte;

		*byte ^= 0x55;
		clock_advance(20 * MS);
		round_poll(f.vm);
		assert_int_equal(fake.foreign, i + 1);
		snprintf(where, sizeof(where), "0x%zx", offsets[i]);
		assert_non_null(strstr(fake.last_foreign, where));
		assert_int_equal(*byte, was);
	}
	interrupt->to_guest[77] = 1;
	clock_advance(20 * MS);
	round_poll(f.vm);
	assert_int_equal(fake.foreign, ARRAY_SIZE(offsets) + 1);
	assert_int_equal(interrupt->to_guest[77], 0);
	fixture_stop(&f);
}

static void
a_guest_that_keeps_to_its_own_slots_is_never_reported(void **state)
{
	(void)state;
	start("", true);
	for (uint16_t i = 1; i < 40; i++)
		fixture_subchannel(&f, i);
	for (unsigned int round = 0; round < 1000; round++) {
		unsigned int n = round % 40;
		uint32_t id = f.channel[n].handle->monitor_id;

		monitor->latency_100ns[id / 32][id % 32] = (uint16_t)(round + 100);
		set_pending(id);
		set_interrupt(f.channel[n].handle->relid);
		clock_advance(MS);
		assert_int_equal(round_poll(f.vm), 1);
	}
	kern_device_release(f.device);
	for (uint16_t i = 1; i < 40; i++)
		kern_transport.rescind_subchannel(f.channel[i].handle);
	clock_advance(20 * MS);
	assert_int_equal(kern_device_open(f.device), 0);
	clock_advance(20 * MS);
	round_poll(f.vm);
	assert_int_equal(fake.foreign, 0);
	fixture_stop(&f);
}

/* Makes the host's read ring look as if something new lay in it. */
static void
fill(struct vsp_channel *channel, uint32_t mask)
{
	struct vmbus_ring_page *page = (struct vmbus_ring_page *)(void *)
		channel->rings.to_host_page;

	page->write_index += 64;
	page->interrupt_mask = mask;
}

static void
a_kick_signals_channels_without_monitor_as_the_kernel_does(void **state)
{
	static const struct {
		const char *profile;
		unsigned int primary, sub;
	} rows[] = { { "6.12.41", 1, 0 }, { "6.12.117", 1, 1 }, { "6.18", 1, 1 } };

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		start(rows[i].profile, false);
		fixture_subchannel(&f, 1);
		set_interrupt(f.device->primary->relid);
		set_interrupt(f.channel[1].handle->relid);
		clock_advance(MS);
		round_poll(f.vm);
		assert_int_equal(f.channel[0].signalled, 0);    /* a bit alone is no signal */
		kern_device_kicked(f.device, true);
		assert_int_equal(f.channel[0].signalled, rows[i].primary);
		assert_int_equal(f.channel[1].signalled, rows[i].sub);
		kern_device_kicked(f.device, true);
		assert_int_equal(f.channel[0].signalled, rows[i].primary);
		fixture_stop(&f);
	}
}

static void
a_kick_without_bits_reaches_a_host_that_waits_and_only_it(void **state)
{
	(void)state;
	start("6.18", false);
	fixture_subchannel(&f, 1);
	fill(&f.channel[0], 1);
	fill(&f.channel[1], 0);
	kern_device_kicked(f.device, false);
	assert_int_equal(f.channel[1].signalled, 0);
	kern_device_kicked(f.device, true);
	assert_int_equal(f.channel[0].signalled, 0);
	assert_int_equal(f.channel[1].signalled, 1);
	fixture_stop(&f);
}

static void
a_kick_never_signals_channels_with_a_monitor(void **state)
{
	(void)state;
	start("6.18", true);
	fill(&f.channel[0], 0);
	set_interrupt(f.device->primary->relid);
	kern_device_kicked(f.device, true);
	assert_int_equal(f.channel[0].signalled, 0);
	fixture_stop(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pending_bit_signals_its_channel_once_and_is_cleared),
		cmocka_unit_test(a_page_that_the_host_would_not_look_at_now_keeps_its_bits),
		cmocka_unit_test(the_page_is_looked_at_as_often_as_the_guest_asks),
		cmocka_unit_test(without_traffic_looks_become_rare_but_never_rarer_than_a_millisecond),
		cmocka_unit_test(the_slot_of_a_channel_holds_its_connection_and_the_offered_latency),
		cmocka_unit_test(pending_bits_without_a_channel_are_foreign),
		cmocka_unit_test(a_guest_may_signal_before_it_hears_that_its_channel_is_gone),
		cmocka_unit_test(what_a_guest_left_behind_is_not_held_against_the_next),
		cmocka_unit_test(interrupt_page_bits_without_a_channel_are_foreign),
		cmocka_unit_test(any_other_change_of_the_pages_is_foreign_and_put_back),
		cmocka_unit_test(a_guest_that_keeps_to_its_own_slots_is_never_reported),
		cmocka_unit_test(a_kick_signals_channels_without_monitor_as_the_kernel_does),
		cmocka_unit_test(a_kick_without_bits_reaches_a_host_that_waits_and_only_it),
		cmocka_unit_test(a_kick_never_signals_channels_with_a_monitor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
