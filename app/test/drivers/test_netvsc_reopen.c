/* SPDX-License-Identifier: BSD-3-Clause */

/* A link that is opened again: what goes meanwhile, what is told of it and when,
 * and what is set anew. */

#include <string.h>

#include "fake_port.h"
#include "fake_world.h"
#include "netvsc_event.h"
#include "netvsc_rx.h"
#include "netvsc_watch.h"

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

/* ---- a device that goes with its rings ---- */

static void
all_alarms(void)
{
	while (fake_alarm_run())
		;
}

static void
spoil_rx(struct fake_data *d)
{
	struct rte_mbuf *pkts[4];

	d->host->dev.channel[0]->vmbus->rx.page->write_index = 4;
	assert_int_equal(fake_rx(d, pkts, 4), 0);
}

/* The ring must be full for the driver to look at the host's index. */
static void
spoil_tx(struct fake_data *d)
{
	struct vmbus_tx_ring *ring = &d->host->dev.channel[0]->vmbus->tx;
	struct rte_mbuf *m = fake_mbuf(d, 60, 1, 0);

	ring->page->read_index = 3;
	ring->read_seen = (ring->write + 8) % ring->data_bytes;
	assert_int_equal(fake_tx(d, &m, 1), 0);
	rte_pktmbuf_free(m);
}

static void
offered_anew(struct fake_data *d)
{
	d->host->set.absent = false;
	d->host->set.taken = false;
	d->host->shared.gone = 0;
}

/* Conformance: 10, 19. */
static void
a_ring_that_goes_with_its_device_is_one_removal_and_no_reset(void **state)
{
	static void (*const spoil[])(struct fake_data *d) = { spoil_rx, spoil_tx };

	(void)state;
	/* Gone before the ring is looked at, or between that and the event. */
	for (unsigned int i = 0; i < 4; i++) {
		struct fake_data *d = fake_port_start(&(struct fake_setup){ 0 });
		bool before = i % 2 == 0;

		d->host->set.taken = before;
		spoil[i / 2](d);
		assert_int_equal(d->host->dev.channel[0]->ring_errors, before ? 0 : 1);
		d->host->set.taken = true;
		all_alarms();
		assert_int_equal(d->host->resets, 0);
		assert_int_equal(d->host->removals, before ? 0 : 1);
		/* The bus tells of it in its own time. */
		netvsc_ethdev_removed(&d->host->vmbus);
		all_alarms();
		assert_int_equal(d->host->resets, 0);
		assert_int_equal(d->host->removals, 1);
		assert_int_equal(d->eth->dev_ops->is_removed(d->eth), 1);
		assert_int_equal(d->eth->dev_ops->dev_stop(d->eth), 0);
		offered_anew(d);
		fake_data_stop(d);
	}
}

/* The bus watches it in vain, or not at all. */
static void
a_broken_port_whose_device_is_no_longer_there_is_a_removal(void **state)
{
	struct fake_data *d = fake_port_start(&(struct fake_setup){ 0 });

	(void)state;
	spoil_rx(d);
	d->host->set.absent = true;
	all_alarms();
	assert_int_equal(d->host->resets, 0);
	assert_int_equal(d->host->removals, 1);
	offered_anew(d);
	fake_data_stop(d);
}

/* ---- a device that goes while nobody watches ---- */

static void
ticks(unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		assert_true(fake_alarm_run_last());
	fake_alarm_run();
}

/* A stop that closes the link, as the host keeps a frame. */
static void
stop_closed(struct fake_data *d)
{
	struct rte_mbuf *m = fake_mbuf(d, 60, 1, 0);

	d->hold = true;
	assert_int_equal(fake_tx(d, &m, 1), 1);
	d->host->dev.xact.wait_ms = 1;
	assert_int_equal(d->eth->dev_ops->dev_stop(d->eth), 0);
	d->host->dev.xact.wait_ms = 60;
	d->hold = false;
	d->held_count = 0;
	assert_null(d->host->dev.vmbus);
}

/* Conformance: 10. Op: is_removed. */
static void
a_device_that_goes_while_its_link_is_closed_is_told_once_within_a_second(void **state)
{
	struct fake_data *d = fake_port_start(&(struct fake_setup){ 0 });

	(void)state;
	assert_int_equal(netvsc_watch_start(&d->host->dev), 0);
	for (unsigned int round = 1; round <= 2; round++) {
		stop_closed(d);
		ticks(20);
		assert_int_equal(d->host->removals, round - 1);
		d->host->set.absent = true;
		ticks(10);
		assert_int_equal(d->host->removals, round);
		assert_int_equal(d->eth->dev_ops->is_removed(d->eth), 1);
		ticks(30);
		assert_int_equal(d->host->removals, round);
		offered_anew(d);
		ticks(10);
		assert_int_equal(d->eth->dev_ops->dev_start(d->eth), 0);
		assert_int_equal(d->eth->dev_ops->is_removed(d->eth), 0);
	}
	assert_int_equal(d->host->resets, 0);
	netvsc_watch_stop(&d->host->dev);
	fake_data_stop(d);
}

static void
an_open_device_that_could_not_be_watched_is_marked_as_gone_too(void **state)
{
	struct fake_data *d = fake_port_start(&(struct fake_setup){ 0 });

	(void)state;
	assert_int_equal(netvsc_watch_start(&d->host->dev), 0);
	d->host->set.absent = true;
	d->host->vmbus.watched = true;  /* then it is the bus's affair */
	ticks(30);
	assert_false(vmbus_gone(&d->host->shared));
	d->host->vmbus.watched = false;
	ticks(10);
	assert_true(vmbus_gone(&d->host->shared));
	assert_int_equal(d->host->removals, 1);
	netvsc_watch_stop(&d->host->dev);
	offered_anew(d);
	fake_data_stop(d);
}

/* ---- events ---- */

/* Taken away and offered anew before anybody could be told. */
static void
a_removal_is_not_told_of_a_port_that_was_opened_again_since(void **state)
{
	struct fake_data *d = fake_port_start(&(struct fake_setup){ 0 });

	(void)state;
	netvsc_ethdev_removed(&d->host->vmbus);
	assert_int_equal(d->eth->dev_ops->dev_reset(d->eth), 0);
	all_alarms();
	assert_int_equal(d->host->removals, 0);
	netvsc_ethdev_removed(&d->host->vmbus);
	all_alarms();
	assert_int_equal(d->host->removals, 1);
	fake_data_stop(d);
}

static bool
removed_while_it_is_asked(struct fake_held *answer)
{
	struct rndis_header header;

	memcpy(&header, answer->payload, sizeof(header));
	if (answer->type != VMBUS_PACKET_COMPLETION &&
	    header.type == (RNDIS_QUERY | RNDIS_COMPLETION))
		netvsc_ethdev_removed(&fake_host->vmbus);
	return true;
}

/* The open succeeds, and does not forget what was noticed meanwhile. */
static void
a_removal_during_an_open_that_succeeds_is_told_once(void **state)
{
	struct fake_data *d = fake_port_start(&(struct fake_setup){ 0 });

	(void)state;
	d->host->meddle = removed_while_it_is_asked;
	assert_int_equal(d->eth->dev_ops->dev_reset(d->eth), 0);
	d->host->meddle = NULL;
	all_alarms();
	assert_int_equal(d->host->removals, 1);
	netvsc_ethdev_removed(&d->host->vmbus);
	all_alarms();
	assert_int_equal(d->host->removals, 1);
	fake_data_stop(d);
}

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
		if (events[i] == NETVSC_EVENT_REMOVED)
			netvsc_event_removed(&d->host->dev);
		else
			netvsc_event_raise(&d->host->dev, events[i]);
		assert_non_null(d->host->alarm[0].call);
		assert_true(d->host->alarm[0].us <= 1000);
		assert_true(fake_alarm_run());
	}
	assert_int_equal(d->host->removals, 1);
	fake_data_stop(d);
}

/* ---- an unfinished run ---- */

static void
send_pieces(struct fake_data *d, const uint8_t *flags, unsigned int count)
{
	static const uint8_t bytes[1000];
	struct fake_frame frames[4] = { 0 };

	for (unsigned int i = 0; i < count; i++)
		frames[i] = (struct fake_frame){ .data = bytes, .bytes = sizeof(bytes),
			.ppi_count = 1, .ppi = { { RNDIS_PPI_PACKET_ID,
				1u | (uint32_t)(flags[i] | RNDIS_PACKET_ID_SUBALLOC) << 8 | 7u << 16 } } };
	fake_data_send(d, frames, count);
}

/* The pieces may be lent: then they would keep the receive buffer of the link before. */
static void
a_run_that_is_unfinished_when_the_link_is_closed_is_dropped_before_that(void **state)
{
	static const uint8_t run[] = { RNDIS_PACKET_ID_FIRST, 0, RNDIS_PACKET_ID_LAST };
	struct fake_data *d = fake_port_start(&(struct fake_setup){ .lend = true,
		.rx_copybreak = 256, .rx_offloads = RTE_ETH_RX_OFFLOAD_TCP_LRO, .mbufs = 700 });
	struct netvsc_rxq *rxq = d->eth->data->rx_queues[0];
	struct rte_mbuf *pkts[4];

	(void)state;
	send_pieces(d, run, 3);
	assert_int_equal(fake_rx(d, pkts, 1), 0);
	assert_non_null(rxq->run_head);
	assert_int_equal(rxq->counters.lent, 1);
	assert_int_equal(d->eth->dev_ops->mtu_set(d->eth, 1400), 0);
	assert_null(rxq->run_head);
	assert_int_equal(rxq->counters.rsc_broken, 1);
	assert_int_equal(fake_pool_out(&d->pool), 0);
	assert_int_equal(fake_world.keeps, 0);
	/* Its rest is of no use on the new link; a whole one is. */
	send_pieces(d, run + 1, 2);
	assert_int_equal(fake_rx(d, pkts, 4), 0);
	assert_int_equal(rxq->counters.rsc_broken, 3);
	send_pieces(d, run, 3);
	assert_int_equal(fake_rx(d, pkts, 4), 1);
	assert_int_equal(pkts[0]->pkt_len, 3000);
	rte_pktmbuf_free(pkts[0]);
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
		cmocka_unit_test(a_ring_that_goes_with_its_device_is_one_removal_and_no_reset),
		cmocka_unit_test(a_broken_port_whose_device_is_no_longer_there_is_a_removal),
		cmocka_unit_test(a_device_that_goes_while_its_link_is_closed_is_told_once_within_a_second),
		cmocka_unit_test(an_open_device_that_could_not_be_watched_is_marked_as_gone_too),
		cmocka_unit_test(a_removal_is_not_told_of_a_port_that_was_opened_again_since),
		cmocka_unit_test(a_removal_during_an_open_that_succeeds_is_told_once),
		cmocka_unit_test(a_run_that_is_unfinished_when_the_link_is_closed_is_dropped_before_that),
		cmocka_unit_test(a_link_is_watched_from_its_first_message_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
