/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A host that does not answer: what each operation of a port returns then, and how
 * long it waits. The clock is the test's, and only waiting moves it, so what is
 * measured are the driver's waits and nothing else.
 */

#include "fake_data.h"

#include <stdlib.h>
#include <string.h>

#include "netvsc_borrow.h"
#include "netvsc_ethdev.h"
#include "netvsc_event.h"
#include "netvsc_link.h"
#include "netvsc_ndis.h"
#include "netvsc_queue.h"

#define FULL_MS NETVSC_REPLY_WAIT_MS
#define SHORT_MS NETVSC_LEAVE_WAIT_MS
/* A wait ends at the first look after its time. */
#define LOOK_MS 5u
/* More requests than there is memory for. */
#define ROUNDS (NETVSC_REQUESTS + 2)
/* Stop: one request, a second for messages under way, and leave of the host. */
#define STOP_MS (2 * SHORT_MS + 2000u)
/* Reset: leave, one answer on the new channel, leave, and the way back, as briefly:
 * also if messages are taken and not answered. */
#define RESET_MS (SHORT_MS + FULL_MS + 3 * SHORT_MS)

/* ---- kinds of silence ---- */

static bool
says_nothing(struct fake_held *answer)
{
	(void)answer;
	return false;
}

static bool
never_answers(struct fake_held *answer)
{
	return answer->type == VMBUS_PACKET_COMPLETION;
}

static bool
never_completes(struct fake_held *answer)
{
	return answer->type != VMBUS_PACKET_COMPLETION;
}

static bool
answers_questions(struct fake_held *answer)
{
	uint32_t type;

	memcpy(&type, answer->payload, sizeof(type));
	return answer->type == VMBUS_PACKET_COMPLETION || type != (RNDIS_SET | RNDIS_COMPLETION);
}

static const struct silence {
	const char *name;
	bool (*meddle)(struct fake_held *answer);
	bool deaf;
	/* Requests succeed all the same as long as there is memory for them. */
	bool answers;
} silences[] = {
	{ "says nothing", says_nothing, false, false },
	{ "takes requests and answers none", never_answers, false, false },
	{ "answers questions and obeys no order", answers_questions, false, false },
	{ "answers and never gives memory back", never_completes, false, true },
	{ "reads nothing", NULL, true, false },
};

static void
silent(struct fake_data *d, const struct silence *silence)
{
	d->host->meddle = silence == NULL ? NULL : silence->meddle;
	d->host->set.deaf = silence != NULL && silence->deaf;
}

/* ---- a port's requests ---- */

static int
promiscuous(struct rte_eth_dev *eth)
{
	return eth->dev_ops->promiscuous_enable(eth);
}

static int
all_multicast(struct rte_eth_dev *eth)
{
	return eth->dev_ops->allmulticast_enable(eth);
}

/* Another one each time. */
static int
mac_address(struct rte_eth_dev *eth)
{
	static struct rte_ether_addr mac = { { 2, 1, 2, 3, 4, 5 } };

	mac.addr_bytes[5]++;
	return eth->dev_ops->mac_addr_set(eth, &mac);
}

static const struct request {
	const char *name;
	int (*run)(struct rte_eth_dev *eth);
} requests[] = {
	{ "promiscuous_enable", promiscuous },
	{ "allmulticast_enable", all_multicast },
	{ "mac_addr_set", mac_address },
};

/* ---- the port ---- */

static struct fake_data *
port_start(void)
{
	struct fake_data *d = fake_data_start(&(struct fake_setup){ .data_room = 2048 });

	netvsc_ethdev_init(d->eth);
	d->eth->device = &d->host->vmbus.device;
	d->host->dev.xact.wait_ms = FULL_MS;
	assert_int_equal(netvsc_ndis_set_receiving(&d->host->dev, true), 0);
	return d;
}

static void
port_stop(struct fake_data *d)
{
	netvsc_event_cancel(&d->host->dev);
	d->host->errors = 0;
	fake_data_stop(d);
}

static void
receives_and_sends(struct fake_data *d)
{
	static const uint8_t bytes[60] = { 2 };
	const struct fake_frame frame = { .data = bytes, .bytes = sizeof(bytes) };
	struct rte_mbuf *m = fake_mbuf(d, 60, 1, 0), *pkts[4];

	d->held_count = 0;              /* of the link before */
	fake_data_send(d, &frame, 1);
	assert_int_equal(fake_rx(d, pkts, 4), 1);
	rte_pktmbuf_free(pkts[0]);
	assert_int_equal(fake_tx(d, &m, 1), 1);
	fake_settle(d);
}

/* An operation that returns `wanted` after a wait of least to most ms. */
#define EXPECT(d, silence, what, call, wanted, least_ms, most_ms) do { \
	const int64_t begun = (int64_t)netvsc_xact_clock_ms(); \
	const int ret_of_call = (call); \
	const int64_t waited = (int64_t)netvsc_xact_clock_ms() - begun; \
	if (ret_of_call != (wanted)) \
		fail_msg("a host that %s: %s: %d", (silence)->name, what, ret_of_call); \
	if (waited < (int64_t)(least_ms) || waited > (int64_t)(most_ms)) \
		fail_msg("a host that %s: %s waited %u ms", (silence)->name, what, \
			(unsigned int)waited); \
} while (0)

/* One request; *unheard: one before it was waited for in vain. */
static void
ask(struct fake_data *d, const struct silence *silence, const struct request *r, bool *unheard)
{
	const int64_t begun = (int64_t)netvsc_xact_clock_ms();
	const int ret = r->run(d->eth);
	const int64_t waited = (int64_t)netvsc_xact_clock_ms() - begun;
	const int64_t least = *unheard ? 0 : FULL_MS;

	if (ret == 0 && silence->answers && waited <= LOOK_MS)
		return;
	if (ret != -ETIMEDOUT || waited < least ||
	    waited > (*unheard ? 0 : FULL_MS) + (int64_t)(SHORT_MS + LOOK_MS))
		fail_msg("a host that %s: %s: %d after %u ms", silence->name, r->name, ret,
			(unsigned int)waited);
	*unheard = true;
}

/* Conformance: 25. */
static void
only_the_first_request_to_a_silent_host_waits_as_long_as_a_slow_one_may_take(void **state)
{
	(void)state;
	for (unsigned int s = 0; s < RTE_DIM(silences); s++) {
		const struct silence *silence = &silences[s];
		struct fake_data *d = port_start();
		bool unheard = false;

		silent(d, silence);
		for (unsigned int i = 0; i < ROUNDS * RTE_DIM(requests); i++)
			ask(d, silence, &requests[i % RTE_DIM(requests)], &unheard);
		assert_true(unheard);
		EXPECT(d, silence, "stop", d->eth->dev_ops->dev_stop(d->eth), 0, 0, STOP_MS);
		EXPECT(d, silence, "reset", d->eth->dev_ops->dev_reset(d->eth), -ETIMEDOUT, FULL_MS,
			RESET_MS);
		silent(d, NULL);
		EXPECT(d, silence, "reset when it is back", d->eth->dev_ops->dev_reset(d->eth), 0, 0,
			LOOK_MS);
		EXPECT(d, silence, "start", d->eth->dev_ops->dev_start(d->eth), 0, 0, LOOK_MS);
		receives_and_sends(d);
		port_stop(d);
	}
}

/* Conformance: 25. */
/* Conformance: 25, 50. */
static void
a_filter_that_a_host_set_without_an_answer_is_not_taken_for_the_one_before(void **state)
{
	const struct silence *unanswered = &silences[1];
	struct fake_data *d = port_start();
	const uint32_t plain = d->host->filter;

	(void)state;
	assert_int_not_equal(plain, 0);
	silent(d, unanswered);
	EXPECT(d, unanswered, "stop", d->eth->dev_ops->dev_stop(d->eth), 0, SHORT_MS, STOP_MS);
	assert_int_equal(d->host->filter, 0);
	silent(d, NULL);
	assert_int_equal(d->eth->dev_ops->dev_start(d->eth), 0);
	assert_int_equal(d->host->filter, plain);

	silent(d, unanswered);
	EXPECT(d, unanswered, "all", promiscuous(d->eth), -ETIMEDOUT, FULL_MS, FULL_MS + LOOK_MS);
	assert_int_not_equal(d->host->filter, plain);
	silent(d, NULL);
	assert_int_equal(d->eth->dev_ops->promiscuous_disable(d->eth), 0);
	assert_int_equal(d->host->filter, plain);
	port_stop(d);
}

static struct fake_data *polled;

/* A burst may take a completion before anybody waits for the answer. */
static bool
completes_while_a_burst_polls(struct fake_held *answer)
{
	struct rte_mbuf *pkts[4];

	if (answer->type != VMBUS_PACKET_COMPLETION)
		return false;
	fake_host_complete(answer->transaction_id, answer->payload, answer->bytes);
	assert_int_equal(fake_rx(polled, pkts, 4), 0);
	return false;
}

/* Conformance: 25. */
static void
completions_do_not_make_a_host_heard_that_answers_no_rndis(void **state)
{
	const struct silence eager = { .name = "completes at once and answers none",
		.meddle = completes_while_a_burst_polls };
	struct fake_data *d = port_start();

	(void)state;
	polled = d;
	silent(d, &eager);
	EXPECT(d, &eager, "first", promiscuous(d->eth), -ETIMEDOUT, FULL_MS, FULL_MS + LOOK_MS);
	for (unsigned int i = 0; i < ROUNDS; i++)
		EXPECT(d, &eager, "next", mac_address(d->eth), -ETIMEDOUT, 0, SHORT_MS + LOOK_MS);
	silent(d, NULL);
	EXPECT(d, &eager, "answered", mac_address(d->eth), 0, 0, LOOK_MS);
	silent(d, &eager);
	EXPECT(d, &eager, "again", promiscuous(d->eth), -ETIMEDOUT, FULL_MS, FULL_MS + LOOK_MS);
	silent(d, NULL);
	port_stop(d);
}

/* ---- threads that do not leave ---- */

#define STUCK_QUEUES 64u
/* One wait for all of them, and one for the host before. */
#define STUCK_MS (SHORT_MS + 2000u)

/* Op: dev_stop. */
static void
a_stop_waits_for_bursts_of_all_queues_as_long_as_for_one(void **state)
{
	const struct silence none = { .name = "is well" };
	struct fake_data *d = port_start();
	struct rte_eth_dev_data *data = d->eth->data;
	void *rx[STUCK_QUEUES], *tx[STUCK_QUEUES], **rx_before = data->rx_queues,
		**tx_before = data->tx_queues;
	struct netvsc_rxq *rxq = rx_before[0];
	struct netvsc_txq *txq = tx_before[0];

	(void)state;
	for (unsigned int i = 0; i < STUCK_QUEUES; i++) {
		rx[i] = rxq;
		tx[i] = txq;
	}
	for (unsigned int who = 0; who < 3; who++) {
		uint32_t *stuck = who == 0 ? &rxq->gate.busy : who == 1 ? &rxq->lookers :
			&txq->gate.busy;

		*stuck = 1;
		data->rx_queues = rx;
		data->tx_queues = tx;
		data->nb_rx_queues = data->nb_tx_queues = STUCK_QUEUES;
		EXPECT(d, &none, "stop", d->eth->dev_ops->dev_stop(d->eth), -ETIMEDOUT, 1,
			STUCK_MS + LOOK_MS);
		*stuck = 0;
		data->rx_queues = rx_before;
		data->tx_queues = tx_before;
		data->nb_rx_queues = data->nb_tx_queues = 1;
		receives_and_sends(d);          /* nothing was stopped */
		EXPECT(d, &none, "stop", d->eth->dev_ops->dev_stop(d->eth), 0, 0, LOOK_MS);
		assert_int_equal(d->eth->dev_ops->dev_start(d->eth), 0);
	}
	port_stop(d);
}

/* ---- frames that one port lent and another sends ---- */

/* Like another port: the same channel under another name. */
static void
other_port(struct netvsc_device *other, const struct netvsc_device *dev)
{
	*other = (struct netvsc_device){
		.vmbus = dev->vmbus, .page_lists_ok = true, .channel_count = 1,
		.channel = { dev->channel[0] },
	};
	netvsc_borrow_enter(other);
}

static void
a_receive_buffer_is_not_given_up_while_another_ports_host_reads_there(void **state)
{
	static struct netvsc_device sender, lender;
	struct fake_data *d = port_start();
	struct rte_mbuf *m = fake_mbuf(d, 1400, 1, 0);
	const struct silence none = { .name = "is well" };
	void *at = m->buf_addr;

	(void)state;
	other_port(&sender, &d->host->dev);
	netvsc_borrow_leave(&d->host->dev);
	d->hold = true;
	assert_int_equal(fake_tx(d, &m, 1), 1);
	assert_true(d->frame[0].by_page);
	EXPECT(d, &none, "in vain", netvsc_borrow_wait(&lender, at, m->buf_len), true, 1000,
		1000 + LOOK_MS);
	/* Its own frames, those elsewhere, and a host that has to read none. */
	EXPECT(d, &none, "own", netvsc_borrow_wait(&sender, at, m->buf_len), false, 0, 0);
	EXPECT(d, &none, "behind", netvsc_borrow_wait(&lender, (char *)at + 1, m->buf_len), false,
		0, 0);
	EXPECT(d, &none, "before", netvsc_borrow_wait(&lender, (char *)at - 64, 64), false, 0, 0);
	sender.page_lists_ok = false;
	EXPECT(d, &none, "copies", netvsc_borrow_wait(&lender, at, m->buf_len), false, 0, 0);
	sender.page_lists_ok = true;
	netvsc_borrow_leave(&sender);
	EXPECT(d, &none, "closed", netvsc_borrow_wait(&lender, at, m->buf_len), false, 0, 0);
	netvsc_borrow_enter(&sender);
	/* Completed, but nobody polls the port that sent it. */
	fake_data_complete(d);
	EXPECT(d, &none, "read", netvsc_borrow_wait(&lender, at, m->buf_len), false, 0, 0);
	netvsc_borrow_leave(&sender);
	d->hold = false;
	fake_settle(d);
	port_stop(d);
}

static void
closing_a_link_that_lent_waits_for_frames_that_another_port_sends(void **state)
{
	static const uint8_t bytes[1000];
	const struct fake_frame frame = { .data = bytes, .bytes = sizeof(bytes) };
	const struct silence none = { .name = "is well" };
	static struct netvsc_device sender;

	(void)state;
	for (unsigned int read = 0; read < 2; read++) {
		struct fake_data *d = fake_data_start(&(struct fake_setup){ .lend = true,
			.rx_copybreak = 256 });
		struct rte_mbuf *m;

		fake_data_send(d, &frame, 1);
		assert_int_equal(fake_rx(d, &m, 1), 1);
		assert_true(RTE_MBUF_HAS_EXTBUF(m));
		d->hold = true;
		assert_int_equal(fake_tx(d, &m, 1), 1);
		assert_true(d->frame[0].by_page);
		other_port(&sender, &d->host->dev);
		if (read != 0)
			fake_data_complete(d);
		assert_int_equal(netvsc_queues_stop(d->eth), 0);
		EXPECT(d, &none, "close", (netvsc_link_close(&d->host->dev, &d->host->vmbus), 0), 0,
			read != 0 ? 0 : 1000, read != 0 ? 0 : 1000 + LOOK_MS);
		assert_int_equal(fake_world.keeps, 1);
		netvsc_borrow_leave(&sender);
		netvsc_queues_reclaim(d->eth);
		assert_int_equal(fake_world.kept_maps, 0);
		d->hold = false;
		d->held_count = 0;
		assert_int_equal(netvsc_link_open(&d->host->dev, &d->host->vmbus, 1), 0);
		assert_int_equal(netvsc_ethdev_settle(d->eth), 0);
		fake_data_stop(d);
	}
}

/* Conformance: 25. */
static void
a_host_that_is_heard_again_has_as_long_as_before(void **state)
{
	const struct silence *nothing = &silences[0];
	struct fake_data *d = port_start();
	const uint32_t speed = 400000000;
	struct rte_mbuf *pkts[4];

	(void)state;
	silent(d, nothing);
	EXPECT(d, nothing, "first", promiscuous(d->eth), -ETIMEDOUT, FULL_MS, FULL_MS + LOOK_MS);
	EXPECT(d, nothing, "second", all_multicast(d->eth), -ETIMEDOUT, 0, SHORT_MS + LOOK_MS);
	/* By itself it says something: whoever drains the channel hears it. */
	fake_host_indicate(NDIS_STATUS_LINK_SPEED_CHANGE, &speed, sizeof(speed));
	assert_int_equal(fake_rx(d, pkts, 4), 0);
	EXPECT(d, nothing, "third", promiscuous(d->eth), -ETIMEDOUT, FULL_MS, FULL_MS + LOOK_MS);
	silent(d, NULL);
	EXPECT(d, nothing, "answered", promiscuous(d->eth), 0, 0, LOOK_MS);
	silent(d, nothing);
	EXPECT(d, nothing, "fourth", mac_address(d->eth), -ETIMEDOUT, FULL_MS, FULL_MS + LOOK_MS);
	silent(d, NULL);
	port_stop(d);
}

static void
a_stop_that_was_not_answered_does_not_shorten_what_a_slow_host_has(void **state)
{
	const struct silence *nothing = &silences[0];
	struct fake_data *d = port_start();

	(void)state;
	silent(d, nothing);
	EXPECT(d, nothing, "stop", d->eth->dev_ops->dev_stop(d->eth), 0, SHORT_MS, STOP_MS);
	EXPECT(d, nothing, "request", promiscuous(d->eth), -ETIMEDOUT, FULL_MS, FULL_MS + LOOK_MS);
	silent(d, NULL);
	assert_int_equal(d->eth->dev_ops->dev_start(d->eth), 0);
	receives_and_sends(d);
	port_stop(d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			only_the_first_request_to_a_silent_host_waits_as_long_as_a_slow_one_may_take),
		cmocka_unit_test(completions_do_not_make_a_host_heard_that_answers_no_rndis),
		cmocka_unit_test(a_stop_waits_for_bursts_of_all_queues_as_long_as_for_one),
		cmocka_unit_test(a_receive_buffer_is_not_given_up_while_another_ports_host_reads_there),
		cmocka_unit_test(closing_a_link_that_lent_waits_for_frames_that_another_port_sends),
		cmocka_unit_test(a_host_that_is_heard_again_has_as_long_as_before),
		cmocka_unit_test(a_stop_that_was_not_answered_does_not_shorten_what_a_slow_host_has),
		cmocka_unit_test(
			a_filter_that_a_host_set_without_an_answer_is_not_taken_for_the_one_before),
	};

	rte_log_set_global_level(RTE_LOG_EMERG);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
