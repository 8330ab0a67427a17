/* SPDX-License-Identifier: BSD-3-Clause */

/* The port's life with hosts that spoil a ring, or stop reading: what the
 * application is told, how long it takes, and that nothing is lost uncounted. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fake_port.h"
#include "fake_world.h"
#include "netvsc_ndis.h"
#include "netvsc_queue.h"
#include "netvsc_poll.h"
#include "netvsc_watch.h"

static const uint8_t bytes[1500];

static uint64_t
clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void
receives_and_sends(struct fake_data *d)
{
	const struct fake_frame frame = { .data = bytes, .bytes = 60 };
	uint32_t frames = d->frames;
	struct rte_mbuf *m = fake_mbuf(d, 60, 1, 0), *pkts[4];

	fake_data_send(d, &frame, 1);
	assert_int_equal(fake_rx(d, pkts, 4), 1);
	rte_pktmbuf_free(pkts[0]);
	assert_int_equal(fake_tx(d, &m, 1), 1);
	assert_int_equal(d->frames, frames + 1);
	fake_settle(d);
}

/* ---- a ring beyond repair ---- */

static void
spoil_rx(struct fake_data *d)
{
	struct rte_mbuf *pkts[4];

	d->host->dev.channel[0]->vmbus->rx.page->write_index = 4;
	assert_int_equal(fake_rx(d, pkts, 4), 0);
	assert_int_equal(fake_rx(d, pkts, 4), 0);
}

/* A transmit-only application sees it, too: the ring must be full for the
 * driver to look at the host's index. */
static void
spoil_tx(struct fake_data *d)
{
	struct vmbus_tx_ring *ring = &d->host->dev.channel[0]->vmbus->tx;
	struct rte_mbuf *m = fake_mbuf(d, 60, 1, 0);

	ring->page->read_index = 3;
	ring->read_seen = (ring->write + 8) % ring->data_bytes;
	assert_int_equal(fake_tx(d, &m, 1), 0);         /* the caller's, still */
	assert_int_equal(fake_tx(d, &m, 1), 0);
	rte_pktmbuf_free(m);
}

static void
stop_start(struct fake_data *d)
{
	assert_int_equal(d->eth->dev_ops->dev_stop(d->eth), 0);
	assert_int_equal(d->eth->dev_ops->dev_start(d->eth), 0);
}

static void
reset_start(struct fake_data *d)
{
	assert_int_equal(d->eth->dev_ops->dev_stop(d->eth), 0);
	d->eth->data->mtu = 1400;
	assert_int_equal(d->eth->dev_ops->dev_reset(d->eth), 0);
	assert_int_equal(d->eth->data->mtu, 1500);
	assert_int_equal(d->eth->dev_ops->dev_start(d->eth), 0);
}

/* Conformance: 19. Op: dev_reset. */
static void
a_dead_ring_is_one_reset_event_until_the_port_is_reset_and_works_again(void **state)
{
	static void (*const spoil[])(struct fake_data *d) = { spoil_rx, spoil_tx };
	static void (*const repair[])(struct fake_data *d) = { stop_start, reset_start };

	(void)state;
	for (unsigned int i = 0; i < 4; i++) {
		struct fake_data *d = fake_port_start(&(struct fake_setup){ 0 });

		receives_and_sends(d);
		for (unsigned int round = 1; round <= 2; round++) {
			spoil[i / 2](d);
			/* Not from inside the burst: an alarm tells it. */
			assert_int_equal(d->host->resets, round - 1);
			while (fake_alarm_run())
				;
			assert_int_equal(d->host->resets, round);
			assert_int_equal(d->host->dev.channel[0]->ring_errors, round);
			spoil[i / 2](d);
			assert_false(fake_alarm_run());
			repair[i % 2](d);
			receives_and_sends(d);
			while (fake_alarm_run())
				;
			assert_int_equal(d->host->resets, round);
		}
		fake_data_stop(d);
	}
}

static void
an_event_of_a_ring_that_was_opened_again_meanwhile_is_not_told(void **state)
{
	struct fake_data *d = fake_port_start(&(struct fake_setup){ 0 });

	(void)state;
	spoil_rx(d);
	stop_start(d);
	while (fake_alarm_run())
		;
	assert_int_equal(d->host->resets, 0);
	fake_data_stop(d);
}

/* A long frame that the host reads from its mbuf, and a ring that dies. */
static struct fake_data *
port_with_a_stranded_frame(void)
{
	struct fake_data *d = fake_port_start(&(struct fake_setup){ .data_room = 1600 });
	struct rte_mbuf *m = fake_mbuf(d, 1400, 1, 0);

	d->hold = true;
	assert_int_equal(fake_tx(d, &m, 1), 1);
	spoil_rx(d);
	d->hold = false;
	return d;
}

/* Op: tx_queue_stop. */
static void
a_queue_of_a_dead_ring_does_not_stop_while_the_host_may_read_its_frames(void **state)
{
	struct fake_data *d = port_with_a_stranded_frame();

	(void)state;
	/* Stopped, it could be set up anew, which frees them. */
	assert_int_equal(d->eth->dev_ops->tx_queue_stop(d->eth, 0), -EIO);
	assert_int_equal(d->eth->data->tx_queue_state[0], RTE_ETH_QUEUE_STATE_STARTED);
	assert_int_equal(fake_pool_out(&d->pool), 1);
	stop_start(d);
	d->held_count = 0;                              /* of the link before */
	assert_int_equal(d->eth->dev_ops->tx_queue_stop(d->eth, 0), 0);
	assert_int_equal(d->eth->dev_ops->tx_queue_start(d->eth, 0), 0);
	receives_and_sends(d);
	fake_data_stop(d);
}

/* Op: dev_stop. */
static void
stopping_a_port_with_a_dead_ring_takes_frames_back_by_closing_the_link(void **state)
{
	struct fake_data *d = port_with_a_stranded_frame();

	(void)state;
	assert_int_equal(d->eth->dev_ops->dev_stop(d->eth), 0);
	assert_null(d->host->dev.vmbus);
	assert_int_equal(fake_pool_out(&d->pool), 0);
	assert_int_equal(d->eth->dev_ops->dev_start(d->eth), 0);
	d->held_count = 0;
	receives_and_sends(d);
	fake_data_stop(d);
}

/* What a host has of sections is shared by the channels, and each has one. */
static void
each_channel_has_its_share_of_the_sections_and_its_bit(void **state)
{
	static const struct {
		uint32_t channels, sections, share;
	} rows[] = { { 2, 6, 3 }, { 2, 7, 3 }, { 2, 2, 1 }, { 2, 1, 1 }, { 1, 6, 0 } };
	struct fake_data *d = fake_port_start(&(struct fake_setup){ 0 });
	struct netvsc_device *dev = &d->host->dev;
	const uint32_t sections = dev->host.section_count;

	(void)state;
	dev->channel[1] = dev->channel[0];
	for (unsigned int i = 0; i < RTE_DIM(rows); i++) {
		dev->channel_count = (uint16_t)rows[i].channels;
		dev->host.section_count = rows[i].sections;
		dev->attended = UINT64_MAX;
		assert_int_equal(netvsc_ethdev_settle(d->eth), 0);
		assert_int_equal(dev->channel[0]->backlog.share, rows[i].share);
		assert_int_equal(dev->open_mask, (1u << rows[i].channels) - 1);
		assert_int_equal(dev->attended, dev->open_mask);
	}
	dev->channel[1] = NULL;
	dev->host.section_count = sections;
	fake_data_stop(d);
}

/* ---- a host that reads nothing ---- */

/* Conformance: 55. Op: dev_stop. */
static void
stop_is_bounded_and_counts_what_a_host_that_reads_nothing_keeps(void **state)
{
	struct fake_data *d = fake_port_start(&(struct fake_setup){ .data_room = 1600 });
	struct rte_mbuf *pkts[8];
	struct rte_eth_stats stats;
	uint64_t before;

	(void)state;
	receives_and_sends(d);
	d->host->dev.xact.wait_ms = NETVSC_REPLY_WAIT_MS;
	d->host->set.deaf = true;
	for (unsigned int i = 0; i < 8; i++)
		pkts[i] = fake_mbuf(d, i < 4 ? 60 : 1400, 1, 0);
	assert_int_equal(fake_tx(d, pkts, 8), 8);
	assert_int_equal(fake_pool_out(&d->pool), 4);   /* the host may read them */
	before = clock_ms();
	assert_int_equal(d->eth->dev_ops->dev_stop(d->eth), 0);
	assert_true(clock_ms() - before < 20000);       /* 60 s and more without a bound */
	assert_int_equal(fake_pool_out(&d->pool), 0);
	stats = fake_stats(d);
	assert_int_equal(stats.opackets, 1);
	assert_int_equal(stats.obytes, 60);
	assert_int_equal(stats.oerrors, 8);
	d->host->set.deaf = false;
	d->host->dev.xact.wait_ms = 60;
	assert_int_equal(d->eth->dev_ops->dev_start(d->eth), 0);
	d->held_count = 0;                              /* of the link before */
	receives_and_sends(d);
	assert_int_equal(fake_stats(d).oerrors, 8);
	fake_data_stop(d);
}

/* ---- a queue that nobody polls ---- */

static uint32_t
held(struct fake_data *d)
{
	const struct netvsc_backlog *backlog = &d->host->dev.channel[0]->backlog;

	return backlog->range_head - backlog->range_tail;
}

/* All frames of a host with 128 sections, in its ring. */
static void
host_sends_all(struct fake_data *d)
{
	struct fake_frame frames[8] = { 0 };

	for (unsigned int i = 0; i < 8; i++) {
		frames[i].data = bytes;
		frames[i].bytes = 60;
	}
	for (unsigned int i = 0; i < 128 / 8; i++)
		fake_data_send(d, frames, 8);
}

static void
polls_all(struct fake_data *d, unsigned int expected)
{
	struct rte_mbuf *pkts[64];
	unsigned int received = 0;

	for (unsigned int i = 0; i < 20; i++) {
		uint16_t n = fake_rx(d, pkts, 64);

		rte_pktmbuf_free_bulk(pkts, n);
		received += n;
	}
	assert_int_equal(received, expected);
}

static void
drains(struct fake_data *d)
{
	assert_false(netvsc_queues_drain(d->eth));
}

static void
takes_the_rest(struct fake_data *d)
{
	netvsc_poll_rest(&d->host->dev);
}

/* More transfers than acknowledgements that can be owed at a time. */
static void
every_frame_that_is_still_in_the_ring_at_the_end_is_counted(void **state)
{
	static void (*const end[])(struct fake_data *d) = { drains, takes_the_rest };
	const struct fake_frame frame = { .data = bytes, .bytes = 60 };

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		struct fake_data *d = fake_port_start(&(struct fake_setup){ 0 });

		assert_int_equal(netvsc_rx_queue_stop(d->eth, 0), 0);
		for (unsigned int sent = 0; sent < 120; sent++)
			fake_data_send(d, &frame, 1);
		end[i](d);
		assert_int_equal(fake_stats(d).imissed, 120);
		assert_int_equal(netvsc_rx_queue_start(d->eth, 0), 0);
		receives_and_sends(d);
		fake_data_stop(d);
	}
}

static void
a_queue_that_nobody_polls_holds_its_share_of_the_sections_and_no_more(void **state)
{
	struct fake_data *d = fake_port_start(&(struct fake_setup){ 0 });
	struct netvsc_device *dev = &d->host->dev;
	struct netvsc_backlog *backlog = &dev->channel[0]->backlog;

	(void)state;
	/* One of four. */
	backlog->share = 32;
	assert_int_equal(netvsc_watch_start(dev), 0);
	host_sends_all(d);
	assert_true(fake_alarm_run_last());
	assert_int_equal(held(d), 32);
	assert_int_equal(d->host->acks_owed, 32 / 8);
	assert_int_equal(fake_stats(d).imissed, 128 - 32);
	/* Once it is polled it may have all there are, for as long as it is late. */
	polls_all(d, 32);
	for (unsigned int i = 0; i < 5; i++) {
		host_sends_all(d);
		assert_true(fake_alarm_run_last());
		assert_int_equal(held(d), 128);
		polls_all(d, 128);
	}
	/* Not polled for a second: it has what it has, and gets no more. The first look
	 * sees what was taken before. */
	host_sends_all(d);
	for (unsigned int i = 0; i < 1 + 10; i++) {
		assert_int_not_equal(backlog->idle_tail, backlog->range_tail);
		assert_true(fake_alarm_run_last());
	}
	assert_int_equal(backlog->idle_tail, backlog->range_tail);
	assert_int_equal(fake_stats(d).imissed, 128 - 32);
	host_sends_all(d);
	assert_true(fake_alarm_run_last());
	assert_int_equal(held(d), 128);
	assert_int_equal(fake_stats(d).imissed, 128 - 32 + 128);
	polls_all(d, 128);
	/* Polled, but nothing taken yet: what one burst finds may be more. */
	backlog->idle_tail = backlog->range_tail;
	host_sends_all(d);
	polls_all(d, 128);
	netvsc_watch_stop(dev);
	fake_data_stop(d);
}

/* ---- configure and close ---- */

/* Op: dev_configure. */
static void
configure_opens_the_channels_that_the_queues_need_and_says_how_many_there_are(void **state)
{
	struct fake_data *d = fake_port_start(&(struct fake_setup){ 0 });
	struct netvsc_device *dev = &d->host->dev;
	struct rte_eth_dev_data *data = d->eth->data;
	void *rx_queues[16] = { data->rx_queues[0] }, *tx_queues[16] = { data->tx_queues[0] };
	void **rx_before = data->rx_queues, **tx_before = data->tx_queues;
	unsigned int opens = d->host->opens;

	(void)state;
	data->mtu = dev->mtu;
	data->rx_queues = rx_queues;
	data->tx_queues = tx_queues;
	data->nb_rx_queues = 0;
	data->nb_tx_queues = 0;
	assert_int_equal(d->eth->dev_ops->dev_configure(d->eth), 0);
	assert_int_equal(dev->channel_count, 1);
	assert_int_equal(dev->open_mask, 1);
	assert_int_equal(dev->channel[0]->backlog.share, 0);    /* all that there are */
	data->nb_rx_queues = 4;
	data->nb_tx_queues = 2;
	assert_int_equal(d->eth->dev_ops->dev_configure(d->eth), 0);
	assert_int_equal(d->host->opens, opens);                /* beside the one that is open */
	assert_int_equal(dev->channel_count, 4);
	assert_int_equal(dev->open_mask, 0xf);
	for (unsigned int i = 0; i < 4; i++)
		assert_int_equal(dev->channel[i]->backlog.share, 128 / 4);
	data->nb_rx_queues = 2;
	assert_int_equal(d->eth->dev_ops->dev_configure(d->eth), 0);
	assert_int_equal(dev->channel_count, 4);                /* none is taken back */
	/* More than there are: says so, and remembers it for the next question. */
	assert_int_equal(dev->queue_limit, 0);
	data->nb_rx_queues = 1;
	data->nb_tx_queues = 12;
	assert_int_equal(d->eth->dev_ops->dev_configure(d->eth), -ENOSPC);
	assert_int_equal(d->host->opens, opens + 1);
	assert_int_equal(dev->queue_limit, 8);
	data->nb_tx_queues = 1;
	data->mtu = 1400;
	assert_int_equal(d->eth->dev_ops->dev_configure(d->eth), 0);
	assert_int_equal(d->host->opens, opens + 2);
	assert_int_equal(dev->mtu, 1400);
	dev->channel_count = 1;
	data->rx_queues = rx_before;
	data->tx_queues = tx_before;
	fake_data_stop(d);
}

/* Op: dev_close. */
static void
close_gives_everything_back_with_messages_under_way(void **state)
{
	struct fake_data *d = fake_port_start(&(struct fake_setup){ 0 });
	const struct fake_frame frame = { .data = bytes, .bytes = 60 };
	struct netvsc_device *dev = &d->host->dev;
	struct rte_mbuf *m;

	(void)state;
	d->host->vmbus.driver_data = d->eth;
	assert_int_equal(netvsc_watch_start(dev), 0);
	assert_int_equal(vmbus_device_watch(&d->host->vmbus, netvsc_ethdev_removed), 0);
	d->hold = true;
	m = fake_mbuf(d, 1400, 1, 0);
	assert_int_equal(fake_tx(d, &m, 1), 1);
	fake_data_send(d, &frame, 1);
	assert_int_equal(d->eth->dev_ops->dev_close(d->eth), 0);
	assert_false(d->host->watched);
	assert_null(d->host->vmbus.driver_data);
	assert_false(fake_alarm_run());
	assert_null(d->eth->data->rx_queues[0]);
	assert_null(d->eth->data->tx_queues[0]);
	assert_null(dev->vmbus);
	for (unsigned int i = 0; i < NETVSC_QUEUES_MAX; i++)
		assert_null(dev->channel[i]);
	assert_int_equal(d->host->errors, 0);
	netvsc_ethdev_destroy(d->eth);          /* what probe half made, it takes, too */
	fake_host_stop();
	fake_pool_destroy(&d->pool);            /* every mbuf is back */
	for (uint32_t i = 0; i < d->frames; i++)
		free((void *)(uintptr_t)d->frame[i].data);
	free(d);
}

/* ---- questions ---- */

/* Op: get_reg. */
static void
registers_hold_each_counter_of_a_channel_in_two_words_of_their_own(void **state)
{
	struct fake_data *d = fake_port_start(&(struct fake_setup){ 0 });
	struct netvsc_channel *channel = d->host->dev.channel[0];
	uint64_t *const counter[] = {
		&channel->ring_errors, &channel->bad_transfers, &channel->bad_completions,
		&channel->unknown_packets, &channel->control_messages, &channel->acks,
		&channel->discarded, &channel->refused,
	};
	uint32_t word[64];
	struct rte_dev_reg_info regs = { .data = word, .length = RTE_DIM(word) };

	(void)state;
	for (uint32_t i = 0; i < RTE_DIM(counter); i++)
		*counter[i] = UINT64_C(0x100000001) * (i + 1);
	assert_int_equal(d->eth->dev_ops->get_reg(d->eth, &regs), 0);
	assert_int_equal(word[3], 12 + 2 * RTE_DIM(counter));
	for (uint32_t i = 0; i < RTE_DIM(counter); i++) {
		assert_int_equal(word[16 + 12 + 2 * i], i + 1);
		assert_int_equal(word[16 + 12 + 2 * i + 1], i + 1);
		*counter[i] = 0;
	}
	fake_data_stop(d);
}

/* Op: eth_dev_priv_dump. */
static void
a_dump_tells_what_the_host_missed_and_a_host_that_is_silent_does_not_matter(void **state)
{
	struct fake_data *d = fake_port_start(&(struct fake_setup){ 0 });
	char *text = NULL;
	size_t text_bytes;
	FILE *file;

	(void)state;
	for (unsigned int silent = 0; silent < 2; silent++) {
		d->host->set.silent = silent ? OID_GEN_RCV_NO_BUFFER : FAKE_NONE;
		file = open_memstream(&text, &text_bytes);
		assert_non_null(file);
		assert_int_equal(d->eth->dev_ops->eth_dev_priv_dump(d->eth, file), 0);
		fclose(file);
		assert_non_null(strstr(text, "channel 0"));
		assert_int_equal(strstr(text, "4711 frames met no free section") == NULL, silent);
		free(text);
	}
	d->host->set.silent = FAKE_NONE;
	fake_data_stop(d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_dead_ring_is_one_reset_event_until_the_port_is_reset_and_works_again),
		cmocka_unit_test(an_event_of_a_ring_that_was_opened_again_meanwhile_is_not_told),
		cmocka_unit_test(a_queue_of_a_dead_ring_does_not_stop_while_the_host_may_read_its_frames),
		cmocka_unit_test(stopping_a_port_with_a_dead_ring_takes_frames_back_by_closing_the_link),
		cmocka_unit_test(registers_hold_each_counter_of_a_channel_in_two_words_of_their_own),
		cmocka_unit_test(every_frame_that_is_still_in_the_ring_at_the_end_is_counted),
		cmocka_unit_test(a_queue_that_nobody_polls_holds_its_share_of_the_sections_and_no_more),
		cmocka_unit_test(a_dump_tells_what_the_host_missed_and_a_host_that_is_silent_does_not_matter),
		cmocka_unit_test(configure_opens_the_channels_that_the_queues_need_and_says_how_many_there_are),
		cmocka_unit_test(close_gives_everything_back_with_messages_under_way),
		cmocka_unit_test(each_channel_has_its_share_of_the_sections_and_its_bit),
		cmocka_unit_test(stop_is_bounded_and_counts_what_a_host_that_reads_nothing_keeps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
