/* SPDX-License-Identifier: BSD-3-Clause */

/* A link that is opened again: what goes meanwhile, what is told of it and when,
 * and what is set anew. */

#include <string.h>

#include "fake_port.h"
#include "fake_world.h"
#include "netvsc_event.h"

/* ---- a device that goes while it is closed ---- */

/* The first answer after an open; others stay as they are. */
static bool
answers_an_open(const struct fake_held *answer)
{
	uint32_t type;

	memcpy(&type, answer->payload, sizeof(type));
	return answer->type == VMBUS_PACKET_COMPLETION && type == NVSP_INIT_COMPLETE;
}

static bool
lose_the_device(struct fake_held *answer)
{
	if (!answers_an_open(answer))
		return true;
	fake_host->set.absent = true;
	return false;
}

/* Conformance: 25. Op: is_removed. */
static void
a_device_that_goes_while_it_is_reopened_is_one_removal_and_no_reset(void **state)
{
	(void)state;
	/* Before it is opened again, and in the middle of the talk after that. */
	for (unsigned int late = 0; late < 2; late++) {
		struct fake_data *d = fake_port_start(&(struct fake_setup){ 0 });

		d->host->set.absent = late == 0;
		d->host->meddle = late == 0 ? NULL : lose_the_device;
		assert_true(d->eth->dev_ops->mtu_set(d->eth, 1400) < 0);
		while (fake_alarm_run())
			;
		assert_int_equal(d->host->removals, 1);
		assert_int_equal(d->host->resets, 0);
		assert_int_equal(d->eth->dev_ops->is_removed(d->eth), 1);
		/* The same device, offered anew. */
		d->host->set.absent = false;
		d->host->meddle = NULL;
		assert_int_equal(d->eth->dev_ops->dev_reset(d->eth), 0);
		assert_int_equal(d->eth->dev_ops->is_removed(d->eth), 0);
		fake_data_stop(d);
	}
}

static bool watched_when_it_spoke;

static bool
see_whether_it_is_watched(struct fake_held *answer)
{
	if (answers_an_open(answer))
		watched_when_it_spoke = fake_host->watched;
	return true;
}

/* The bus tells of it as soon as the device is open, not after the talk. */
static void
a_link_is_watched_from_its_first_message_on(void **state)
{
	struct fake_data *d = fake_port_start(&(struct fake_setup){ 0 });

	(void)state;
	d->host->vmbus.removed = netvsc_ethdev_removed;
	d->host->meddle = see_whether_it_is_watched;
	assert_int_equal(d->eth->dev_ops->dev_reset(d->eth), 0);
	assert_true(watched_when_it_spoke);
	assert_true(d->host->watched);
	fake_data_stop(d);
}

/* ---- events ---- */

/* From what is noticed to the alarm that tells it. */
static void
every_event_is_told_within_a_millisecond_of_its_cause(void **state)
{
	static const uint32_t events[] = {
		NETVSC_EVENT_LINK, NETVSC_EVENT_NETWORK_CHANGE, NETVSC_EVENT_REMOVED,
		NETVSC_EVENT_BROKEN,
	};
	struct fake_data *d = fake_port_start(&(struct fake_setup){ 0 });

	(void)state;
	while (fake_alarm_run())
		;
	for (unsigned int i = 0; i < RTE_DIM(events); i++) {
		netvsc_event_raise(&d->host->dev, events[i]);
		assert_non_null(d->host->alarm[0].call);
		assert_true(d->host->alarm[0].us <= 1000);
		assert_true(fake_alarm_run());
	}
	assert_int_equal(d->host->removals, 1);
	fake_data_stop(d);
}

/* ---- a devarg ---- */

static void
the_latency_that_was_asked_for_is_set_at_every_open(void **state)
{
	struct fake_data *d = fake_port_start(&(struct fake_setup){ 0 });

	(void)state;
	d->host->dev.args.latency_us = 77;
	assert_int_equal(netvsc_ethdev_settle(d->eth), 0);
	assert_int_equal(d->host->latency_us, 77);
	d->host->latency_us = 0;
	assert_int_equal(d->eth->dev_ops->dev_reset(d->eth), 0);
	assert_int_equal(d->host->latency_us, 77);
	fake_data_stop(d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_device_that_goes_while_it_is_reopened_is_one_removal_and_no_reset),
		cmocka_unit_test(every_event_is_told_within_a_millisecond_of_its_cause),
		cmocka_unit_test(the_latency_that_was_asked_for_is_set_at_every_open),
		cmocka_unit_test(a_link_is_watched_from_its_first_message_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
