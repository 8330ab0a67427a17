/* SPDX-License-Identifier: BSD-3-Clause */

/* Zero-copy receive: frames that are freed on other threads, and frames that
 * outlive their queue, their link and their port. */

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "fake_lend.h"
#include "netvsc_channel.h"
#include "netvsc_drain.h"
#include "netvsc_lease.h"
#include "netvsc_link.h"
#include "netvsc_queue.h"
#include "netvsc_stats.h"

/* ---- other threads ---- */

#define THREADS 3u
#define SLOTS 16u
#define FRAMES 20000u

/* The pool is one thread's: others only let go of what was lent, which is where
 * leases end. Slot: an mbuf with a frame; then without; then NULL. */
static struct {
	struct rte_mbuf *lent[THREADS][SLOTS], *bare[THREADS][SLOTS];
	bool end;
} handed;

static void *
freeing_thread(void *arg)
{
	unsigned int thread = (unsigned int)(uintptr_t)arg;
	bool end;

	do {
		end = __atomic_load_n(&handed.end, __ATOMIC_ACQUIRE);
		for (unsigned int i = 0; i < SLOTS; i++) {
			struct rte_mbuf *m = __atomic_exchange_n(&handed.lent[thread][i], NULL,
				__ATOMIC_ACQ_REL);

			if (m == NULL)
				continue;
			rte_pktmbuf_detach(m);
			__atomic_store_n(&handed.bare[thread][i], m, __ATOMIC_RELEASE);
		}
		sched_yield();
	} while (!end);
	return NULL;
}

/* Waits until the slot is empty, receives into it what was sent. */
static void
hand(struct fake_data *d, unsigned int thread, unsigned int slot, struct rte_mbuf *m)
{
	struct rte_mbuf **bare = &handed.bare[thread][slot], *before;

	while ((before = __atomic_exchange_n(bare, NULL, __ATOMIC_ACQ_REL)) == NULL) {
		lend_poll(d);
		sched_yield();
	}
	rte_pktmbuf_free(before);
	__atomic_store_n(&handed.lent[thread][slot], m, __ATOMIC_RELEASE);
}

/* Conformance: 30. */
static void
frames_are_freed_on_any_thread(void **state)
{
	struct fake_data *d = lend_start(NULL);
	const unsigned int before = d->host->acks_count;
	pthread_t threads[THREADS];

	(void)state;
	memset(&handed, 0, sizeof(handed));
	for (unsigned int t = 0; t < THREADS; t++) {
		for (unsigned int i = 0; i < SLOTS; i++)
			handed.bare[t][i] = rte_pktmbuf_alloc(d->pool.mp);
		assert_int_equal(pthread_create(&threads[t], NULL, freeing_thread,
			(void *)(uintptr_t)t), 0);
	}
	/* Three frames a transfer, each freed on another thread. */
	for (unsigned int i = 0; i < FRAMES / THREADS; i++) {
		struct rte_mbuf *pkts[THREADS];

		lend_send(d, i % 1000, 1000, THREADS);
		lend_receive(d, pkts, i % 2 != 0 ? THREADS : 1);
		if (i % 2 == 0)
			lend_receive(d, pkts + 1, THREADS - 1);
		for (unsigned int t = 0; t < THREADS; t++) {
			lend_check(pkts[t], i % 1000 + t, 1000);
			hand(d, t, i % SLOTS, pkts[t]);
		}
	}
	__atomic_store_n(&handed.end, true, __ATOMIC_RELEASE);
	for (unsigned int t = 0; t < THREADS; t++) {
		assert_int_equal(pthread_join(threads[t], NULL), 0);
		for (unsigned int i = 0; i < SLOTS; i++)
			rte_pktmbuf_free(handed.bare[t][i]);
	}
	lend_poll(d);
	assert_int_equal(d->host->acks_count - before, FRAMES / THREADS);
	assert_int_equal(d->host->acks_owed, 0);
	assert_int_equal(d->host->errors, 0);
	fake_data_stop(d);
}

/* ---- longer than queue, link and port ---- */

/* Conformance: 30. */
static void
frames_outlive_a_stop_of_their_queue_and_are_acknowledged_after_it(void **state)
{
	struct fake_data *d = lend_start(NULL);
	struct rte_mbuf *pkts[4];

	(void)state;
	lend_send(d, 0, 1000, 2);
	lend_send(d, 2, 1000, 3);
	lend_receive(d, pkts, 3);            /* the second transfer is begun */
	assert_int_equal(netvsc_rx_queue_stop(d->eth, 0), 0);
	assert_int_equal(d->host->acks_owed, 2);
	for (unsigned int i = 0; i < 3; i++)
		lend_check(pkts[i], i, 1000);
	rte_pktmbuf_free(pkts[2]);
	netvsc_drain_rx(d->host->dev.channel[0]);
	assert_int_equal(lend_acked(d, 1), 1);
	netvsc_rx_queue_release(d->eth, 0);
	assert_int_equal(netvsc_rx_queue_setup(d->eth, 0, 128, 0, &(struct rte_eth_rxconf){ 0 },
		d->pool.mp), 0);
	assert_int_equal(netvsc_rx_queue_start(d->eth, 0), 0);
	lend_send(d, 9, 1000, 1);
	lend_receive(d, pkts + 2, 1);
	assert_true(lend_lent(pkts[2]));
	lend_check(pkts[2], 9, 1000);
	rte_pktmbuf_free_bulk(pkts, 3);
	lend_poll(d);
	for (unsigned int t = 0; t < 3; t++)
		assert_int_equal(lend_acked(d, t), 1);
	fake_data_stop(d);
}

static void *
detaching_thread(void *arg)
{
	struct rte_mbuf **pkts = arg;

	for (unsigned int i = 0; i < 4; i++)
		rte_pktmbuf_detach(pkts[i]);
	return NULL;
}

/* Whatever closes the link: the frames stay, and nobody is told of them. */
static void
frames_outlive_their_link_and_leave_nothing_behind(void **state)
{
	static const struct fake_setup setup = { .lend = true, .rx_copybreak = LEND_COPYBREAK };

	(void)state;
	for (unsigned int round = 0; round < 4; round++) {
		struct fake_data *d = lend_start(&setup);
		struct rte_mbuf *pkts[8];
		pthread_t thread;

		for (unsigned int t = 0; t < 4; t++)
			lend_send(d, 2 * t, 1000, 2);
		lend_receive(d, pkts, 8);
		rte_pktmbuf_free_bulk(pkts, 2); /* come back before it is closed */
		if (round % 2 == 1)
			rte_pktmbuf_free(pkts[7]);
		assert_int_equal(fake_data_reset(d, &setup), 0);
		assert_int_equal(fake_world.kept_maps, 1);
		/* The new link lends and gives back while the old frames are out. */
		lend_send(d, 100, 1000, 1);
		lend_receive(d, pkts, 1);
		assert_true(lend_lent(pkts[0]));
		assert_false(netvsc_lease_stale(pkts[0]));
		rte_pktmbuf_free(pkts[0]);
		lend_poll(d);
		assert_int_equal(d->host->acks_owed, 0);
		for (unsigned int i = 2; i < 7; i++) {
			lend_check(pkts[i], i, 1000);
			assert_true(netvsc_lease_stale(pkts[i]));
		}
		if (round % 2 == 0)
			rte_pktmbuf_free(pkts[7]);
		if (round < 2) {        /* on a thread that knows nothing of the driver */
			assert_int_equal(pthread_create(&thread, NULL, detaching_thread, pkts + 3), 0);
			assert_int_equal(pthread_join(thread, NULL), 0);
		}
		assert_int_equal(fake_world.kept_maps, 1);
		rte_pktmbuf_free_bulk(pkts + 2, 5);
		assert_int_equal(fake_world.kept_maps, 0);
		lend_poll(d);
		assert_int_equal(d->host->errors, 0);
		fake_data_stop(d);
	}
}

/* With the port closed and the driver's memory freed. */
static void
frames_outlive_their_port_also_one_that_the_host_removed(void **state)
{
	(void)state;
	for (unsigned int removed = 0; removed < 2; removed++) {
		struct fake_data *d = lend_start(NULL);
		struct netvsc_device *dev = &d->host->dev;
		struct rte_mbuf *pkts[5];

		lend_send(d, 0, 1000, 3);
		lend_send(d, 3, 1000, 3);
		lend_receive(d, pkts, 5);    /* the second transfer stays unfinished */
		if (removed != 0)
			d->host->shared.gone = 1;
		rte_pktmbuf_free(pkts[0]);
		assert_int_equal(netvsc_queues_stop(d->eth), 0);
		netvsc_queues_drain(d->eth);
		netvsc_link_close(dev, &d->host->vmbus);
		netvsc_queues_reclaim(d->eth);
		netvsc_rx_queue_release(d->eth, 0);
		netvsc_tx_queue_release(d->eth, 0);
		netvsc_sendbuf_destroy(&dev->sendbuf);
		netvsc_stats_destroy(dev);
		netvsc_channel_destroy(dev, 0);
		assert_int_equal(fake_world.kept_maps, 1);
		for (unsigned int i = 1; i < 5; i++) {
			lend_check(pkts[i], i, 1000);
			memset(rte_pktmbuf_mtod(pkts[i], void *), 0, 1000);
			rte_pktmbuf_free(pkts[i]);
		}
		assert_int_equal(d->host->errors, 0);
		fake_host_stop();       /* looks whether the copy is gone */
		fake_pool_destroy(&d->pool);
		free(d);
	}
}

/* The other port's pages are the kernel's again, or a new link's. */
static void
a_frame_of_a_closed_link_is_sent_as_a_copy(void **state)
{
	static const struct fake_setup setup = { .lend = true, .rx_copybreak = LEND_COPYBREAK };
	struct fake_data *d = lend_start(&setup);
	struct rte_mbuf *pkts[2];

	(void)state;
	lend_send(d, 0, 1000, 2);
	lend_receive(d, pkts, 2);
	assert_int_equal(fake_tx(d, pkts, 1), 1);
	assert_true(d->frame[0].by_page);
	assert_memory_equal(d->frame[0].data, lend_pattern, 1000);
	fake_settle(d);
	assert_int_equal(fake_data_reset(d, &setup), 0);
	assert_int_equal(fake_tx(d, pkts + 1, 1), 1);
	assert_false(d->frame[1].by_page);
	assert_memory_equal(d->frame[1].data, lend_pattern + 1, 1000);
	fake_settle(d);
	fake_data_stop(d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_are_freed_on_any_thread),
		cmocka_unit_test(frames_outlive_a_stop_of_their_queue_and_are_acknowledged_after_it),
		cmocka_unit_test(frames_outlive_their_link_and_leave_nothing_behind),
		cmocka_unit_test(frames_outlive_their_port_also_one_that_the_host_removed),
		cmocka_unit_test(a_frame_of_a_closed_link_is_sent_as_a_copy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
