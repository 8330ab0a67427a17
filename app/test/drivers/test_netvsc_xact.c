/* SPDX-License-Identifier: BSD-3-Clause */

/* Requests and their answers: none, late, twice, foreign, in another order, and
 * what the host says in between. */

#include "fake_host.h"

#include <errno.h>
#include <string.h>

#include "netvsc_link.h"
#include "netvsc_ndis.h"
#include "netvsc_nvsp.h"
#include "netvsc_poll.h"
#include "netvsc_rndis.h"

static struct fake_host *
open_host(bool page_lists)
{
	struct fake_host *host = fake_host_start(page_lists);

	assert_int_equal(netvsc_link_open(&host->dev, &host->vmbus, 1), 0);
	return host;
}

static void
close_host(struct fake_host *host)
{
	netvsc_link_close(&host->dev, &host->vmbus);
	assert_int_equal(host->errors, 0);
	fake_host_stop();
}

static const uint32_t attach_answers[] = {
	NVSP_INIT, NVSP_RECV_BUFFER, NVSP_SEND_BUFFER, FAKE_RNDIS_TAKEN, FAKE_RNDIS_INIT,
	FAKE_RNDIS_SET, OID_GEN_MAXIMUM_FRAME_SIZE, OID_802_3_PERMANENT_ADDRESS,
	OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES, OID_GEN_RECEIVE_SCALE_CAPABILITIES,
	OID_GEN_MEDIA_CONNECT_STATUS, OID_GEN_LINK_SPEED, NVSP_SUBCHANNEL,
};

/* Conformance: 25. */
static void
a_missing_answer_is_a_timeout_for_every_request(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(attach_answers); i++) {
		struct fake_host *host;
		uint64_t before = netvsc_xact_clock_ms();

		if (attach_answers[i] == FAKE_RNDIS_TAKEN)
			continue;               /* the answer itself says that it was taken */
		host = fake_host_start(i & 1);
		host->set.silent = attach_answers[i];
		host->dev.xact.wait_ms = 5;
		assert_int_equal(netvsc_link_open(&host->dev, &host->vmbus, 4), -ETIMEDOUT);
		assert_true(netvsc_xact_clock_ms() - before < 2000);
		assert_true(host->dev.xact.timeouts > 0);
		assert_null(host->vmbus.shared);
		fake_host_stop();
	}
}

/* Conformance: 23. */
static void
every_answer_sent_twice_changes_nothing(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(attach_answers); i++) {
		struct fake_host *host = fake_host_start(i & 1);

		host->set.twice = attach_answers[i];
		assert_int_equal(netvsc_link_open(&host->dev, &host->vmbus, 4), 0);
		netvsc_poll_control(&host->dev);
		assert_true(host->dev.xact.late > 0);
		assert_int_equal(host->dev.channel_count, 4);
		close_host(host);
	}
}

/* Conformance: 23. */
static void
answers_to_nobody_are_counted_and_dropped(void **state)
{
	struct fake_host *host = fake_host_start(true);

	(void)state;
	host->set.foreign = true;
	assert_int_equal(netvsc_link_open(&host->dev, &host->vmbus, 4), 0);
	assert_true(host->dev.xact.late >= 30);
	assert_true(host->dev.xact.notified.unknown >= 10);
	assert_int_equal(host->acks_owed, 0);
	close_host(host);
}

/* Conformance: 24. */
static void
notifications_before_every_answer_are_handled_and_the_request_succeeds(void **state)
{
	struct fake_host *host = fake_host_start(true);
	const struct netvsc_notified *notified = &host->dev.xact.notified;

	(void)state;
	host->set.notify = true;
	assert_int_equal(netvsc_link_open(&host->dev, &host->vmbus, 4), 0);
	assert_int_equal(host->dev.channel_count, 4);
	assert_int_equal(notified->vf_allocated, 1);
	assert_int_equal(notified->vf_serial, 77);
	assert_int_equal(notified->indirection_count, NVSP_INDIRECTION_ENTRIES);
	assert_int_equal(notified->indirection[5], 1);
	assert_int_equal(notified->malformed, 0);
	/* A query says connected; what the host told is truer. */
	assert_false(host->dev.host.link_up);
	assert_int_equal(host->acks_owed, 0);
	close_host(host);
}

static void
an_rndis_answer_may_come_before_its_completion(void **state)
{
	struct fake_host *host = fake_host_start(true);

	(void)state;
	host->set.answer_first = true;
	assert_int_equal(netvsc_link_open(&host->dev, &host->vmbus, 1), 0);
	netvsc_poll_control(&host->dev);
	for (unsigned int i = 0; i < NETVSC_REQUESTS; i++)
		assert_true(host->dev.xact.in_flight[i] == 0);
	close_host(host);
}

/* Conformance: 25. */
static void
a_late_answer_is_ignored_and_the_next_request_gets_its_own(void **state)
{
	struct fake_host *host = open_host(true);
	uint64_t counter = 0;
	uint64_t late;

	(void)state;
	host->set.silent = OID_GEN_RCV_NO_BUFFER;
	assert_int_equal(netvsc_ndis_query_counter(&host->dev, OID_GEN_RCV_NO_BUFFER, &counter),
		-ETIMEDOUT);
	assert_true(counter == 0);
	host->set.silent = FAKE_NONE;
	late = host->dev.xact.late;
	fake_host_release();
	assert_int_equal(netvsc_ndis_query_counter(&host->dev, OID_GEN_RCV_NO_BUFFER, &counter), 0);
	assert_true(counter == 4711);
	assert_true(host->dev.xact.late == late + 1);
	close_host(host);
}

/* Conformance: 46. */
static void
a_page_that_the_host_may_still_read_is_not_used_again(void **state)
{
	struct fake_host *host = open_host(true);
	const uint8_t *pages = host->dev.xact.pages;
	uint8_t before[NETVSC_REQUESTS * NETVSC_REQUEST_BYTES];
	uint64_t counter;

	(void)state;
	/* Refused by the host's silence about having taken it, each holds its page. */
	host->set.silent = FAKE_RNDIS_TAKEN;
	for (unsigned int i = 0; i < NETVSC_REQUESTS; i++)
		assert_int_equal(netvsc_ndis_query_counter(&host->dev, OID_GEN_RCV_NO_BUFFER,
			&counter), 0);
	memcpy(before, pages, sizeof(before));
	host->dev.xact.wait_ms = 10;
	assert_int_equal(netvsc_ndis_query_counter(&host->dev, OID_GEN_RCV_NO_BUFFER, &counter),
		-ETIMEDOUT);
	assert_memory_equal(before, pages, sizeof(before));
	host->set.silent = FAKE_NONE;
	fake_host_release();
	assert_int_equal(netvsc_ndis_query_counter(&host->dev, OID_GEN_RCV_NO_BUFFER, &counter), 0);
	close_host(host);
}

static void
a_request_ends_at_once_when_the_device_is_gone_or_the_channel_dead(void **state)
{
	struct fake_host *host = open_host(true);
	uint64_t before = netvsc_xact_clock_ms();

	(void)state;
	host->dev.xact.wait_ms = NETVSC_REPLY_WAIT_MS;
	host->dev.channel[0]->dead = true;
	assert_int_equal(netvsc_ndis_set_filter(&host->dev), -EIO);
	host->dev.channel[0]->dead = false;
	host->shared.gone = 1;
	assert_int_equal(netvsc_ndis_set_filter(&host->dev), -ENODEV);
	assert_true(netvsc_xact_clock_ms() - before < 2000);
	close_host(host);
}

static void
a_channel_that_breaks_while_waiting_ends_the_wait(void **state)
{
	struct fake_host *host = open_host(true);
	struct vmbus_ring_page *page = host->dev.channel[0]->vmbus->rx.page;
	uint64_t before = netvsc_xact_clock_ms();

	(void)state;
	host->dev.xact.wait_ms = NETVSC_REPLY_WAIT_MS;
	host->set.silent = FAKE_RNDIS_SET;
	netvsc_xact_lock(&host->dev);
	netvsc_xact_begin(&host->dev, NETVSC_REPLY_NVSP, -1);
	page->write_index = 12345;              /* no multiple of 8 */
	assert_int_equal(netvsc_xact_wait(&host->dev), -EIO);
	netvsc_xact_unlock(&host->dev);
	assert_true(netvsc_xact_clock_ms() - before < 2000);
	close_host(host);
}

static void
a_full_ring_is_waited_for_and_no_longer_than_the_bound(void **state)
{
	static const uint8_t filler[64];
	struct fake_host *host = open_host(true);
	struct vmbus_channel *channel = host->dev.channel[0]->vmbus;
	const struct vmbus_packet_desc desc = {
		.type = VMBUS_PACKET_INBAND, .payload = filler, .payload_bytes = sizeof(filler),
	};
	uint64_t before = netvsc_xact_clock_ms();

	(void)state;
	host->set.deaf = true;
	host->dev.xact.wait_ms = 20;
	while (vmbus_packet_put(&channel->tx, &desc, 0) == 0)
		;
	assert_int_equal(netvsc_ndis_set_filter(&host->dev), -ETIMEDOUT);
	assert_true(netvsc_xact_clock_ms() - before < 2000);
	for (unsigned int i = 0; i < NETVSC_REQUESTS; i++)
		assert_true(host->dev.xact.in_flight[i] == 0);
	netvsc_link_close(&host->dev, &host->vmbus);
	assert_true(netvsc_xact_clock_ms() - before < 2000);
	fake_host_stop();
}

static void *
lock_and_end(void *arg)
{
	netvsc_xact_lock(arg);
	return NULL;
}

static void *
lock_is_busy(void *arg)
{
	struct netvsc_device *dev = arg;

	return pthread_mutex_trylock(&dev->xact.mutex) == EBUSY ? arg : NULL;
}

static void
the_lock_of_a_process_that_died_is_taken_over(void **state)
{
	struct fake_host *host = open_host(true);
	pthread_t thread;
	void *busy;

	(void)state;
	/* A thread that ends with the lock is, to the lock, what a process is. */
	assert_int_equal(pthread_create(&thread, NULL, lock_and_end, &host->dev), 0);
	pthread_join(thread, NULL);
	assert_int_equal(netvsc_ndis_set_filter(&host->dev), 0);
	/* And it still keeps others out. */
	netvsc_xact_lock(&host->dev);
	assert_int_equal(pthread_create(&thread, NULL, lock_is_busy, &host->dev), 0);
	pthread_join(thread, &busy);
	assert_non_null(busy);
	netvsc_xact_unlock(&host->dev);
	close_host(host);
}

struct stress {
	struct fake_host *host;
	int failures;
};

static void *
stress_run(void *arg)
{
	struct stress *stress = arg;

	for (unsigned int i = 0; i < 500; i++) {
		uint64_t counter = 0;

		if (netvsc_ndis_query_counter(&stress->host->dev, OID_GEN_RCV_NO_BUFFER,
				&counter) != 0 || counter != 4711)
			stress->failures++;
	}
	return NULL;
}

/* Conformance: 54. */
static void
requests_of_two_threads_wait_for_each_other(void **state)
{
	struct fake_host *host = open_host(true);
	struct stress stress[2] = { { host, 0 }, { host, 0 } };
	pthread_t thread;

	(void)state;
	host->dev.xact.wait_ms = 5000;
	assert_int_equal(pthread_create(&thread, NULL, stress_run, &stress[0]), 0);
	stress_run(&stress[1]);
	pthread_join(thread, NULL);
	assert_int_equal(stress[0].failures, 0);
	assert_int_equal(stress[1].failures, 0);
	close_host(host);
}

static void
a_failed_query_leaves_zeroes_not_what_was_there(void **state)
{
	struct fake_host *host = open_host(true);
	uint8_t output[16];
	const struct netvsc_rndis_query query = {
		.oid = OID_GEN_LINK_SPEED, .output = output, .output_min = 8,
		.output_bytes = sizeof(output),
	};
	static const uint8_t zeroes[16];

	(void)state;
	memset(output, 0xaa, sizeof(output));
	netvsc_xact_lock(&host->dev);
	assert_int_equal(netvsc_rndis_query(&host->dev, &query), -ENODATA);
	netvsc_xact_unlock(&host->dev);
	assert_memory_equal(output, zeroes, sizeof(output));
	close_host(host);
}

static void
an_answer_longer_than_asked_for_is_cut_off(void **state)
{
	struct fake_host *host = open_host(true);
	struct {
		uint8_t mac[4], behind[4];
	} output = { .behind = { 1, 2, 3, 4 } };
	const struct netvsc_rndis_query query = {
		.oid = OID_802_3_PERMANENT_ADDRESS, .output = output.mac,
		.output_bytes = sizeof(output.mac),
	};

	(void)state;
	netvsc_xact_lock(&host->dev);
	assert_int_equal(netvsc_rndis_query(&host->dev, &query), 4);
	netvsc_xact_unlock(&host->dev);
	assert_int_equal(output.mac[2], 0x5d);
	assert_int_equal(output.behind[0], 1);
	assert_int_equal(output.behind[1], 2);
	close_host(host);
}

static void
a_request_longer_than_its_page_or_section_is_refused(void **state)
{
	static uint8_t data[NETVSC_REQUEST_BYTES];
	struct fake_host *host = open_host(true);

	(void)state;
	netvsc_xact_lock(&host->dev);
	assert_int_equal(netvsc_rndis_set(&host->dev, OID_GEN_CURRENT_PACKET_FILTER, data,
		sizeof(data)), -EMSGSIZE);
	netvsc_xact_unlock(&host->dev);
	close_host(host);
	host = fake_host_start(false);
	host->set.send_section_bytes = 256;
	assert_int_equal(netvsc_link_open(&host->dev, &host->vmbus, 1), 0);
	netvsc_xact_lock(&host->dev);
	assert_int_equal(netvsc_rndis_set(&host->dev, OID_GEN_CURRENT_PACKET_FILTER, data, 256),
		-EMSGSIZE);
	netvsc_xact_unlock(&host->dev);
	close_host(host);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_missing_answer_is_a_timeout_for_every_request),
		cmocka_unit_test(every_answer_sent_twice_changes_nothing),
		cmocka_unit_test(answers_to_nobody_are_counted_and_dropped),
		cmocka_unit_test(notifications_before_every_answer_are_handled_and_the_request_succeeds),
		cmocka_unit_test(an_rndis_answer_may_come_before_its_completion),
		cmocka_unit_test(a_late_answer_is_ignored_and_the_next_request_gets_its_own),
		cmocka_unit_test(a_page_that_the_host_may_still_read_is_not_used_again),
		cmocka_unit_test(a_request_ends_at_once_when_the_device_is_gone_or_the_channel_dead),
		cmocka_unit_test(a_channel_that_breaks_while_waiting_ends_the_wait),
		cmocka_unit_test(a_full_ring_is_waited_for_and_no_longer_than_the_bound),
		cmocka_unit_test(the_lock_of_a_process_that_died_is_taken_over),
		cmocka_unit_test(requests_of_two_threads_wait_for_each_other),
		cmocka_unit_test(a_failed_query_leaves_zeroes_not_what_was_there),
		cmocka_unit_test(an_answer_longer_than_asked_for_is_cut_off),
		cmocka_unit_test(a_request_longer_than_its_page_or_section_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
