/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A host that changes its mind: shared memory in which one byte is another one
 * from the k-th read on, or at the k-th read only, for every k and many bytes.
 * The reads are those of the object code (trap.h): a value that is checked and
 * then loaded again is found, be it written so or made so by the compiler.
 */

#include "fake_data.h"

#include <string.h>

#include "netvsc_channel.h"
#include "netvsc_event.h"
#include "netvsc_link.h"
#include "netvsc_ndis.h"
#include "netvsc_poll.h"
#include "netvsc_queue.h"
#include "trap.h"

enum { AREA_TO_HOST, AREA_TO_GUEST, AREA_RECV, AREA_SEND };

#define IDS 64u                 /* more transfers than a run has */
#define FIRST_ID 15u            /* of the host's control messages, */
#define DATA_FIRST_ID 5000u     /* and of its frames */
#define BURST 32u

/* ---- the stand-ins of the host: it sees its memory as it is ---- */

void __real_vmbus_channel_signal(struct vmbus_channel *channel);
int __real_vmbus_device_open(struct vmbus_device *device);
void __real_vmbus_device_close(struct vmbus_device *device);
void __wrap_vmbus_channel_signal(struct vmbus_channel *channel);
int __wrap_vmbus_device_open(struct vmbus_device *device);
void __wrap_vmbus_device_close(struct vmbus_device *device);

void
__wrap_vmbus_channel_signal(struct vmbus_channel *channel)
{
	trap_pause();
	__real_vmbus_channel_signal(channel);
	trap_resume();
}

int
__wrap_vmbus_device_open(struct vmbus_device *device)
{
	int ret;

	trap_pause();
	ret = __real_vmbus_device_open(device);
	trap_resume();
	return ret;
}

void
__wrap_vmbus_device_close(struct vmbus_device *device)
{
	trap_pause();
	__real_vmbus_device_close(device);
	trap_resume();
}

/* ---- the change ---- */

static struct {
	/* what is to happen */
	uint32_t k, off;        /* at which read, so far behind its start; k = 0: nothing */
	uint8_t mask;
	bool back;              /* right after it */
	/* what happened */
	uint32_t reads, own;    /* `own`: of what only the guest writes */
	uint8_t *at;            /* the byte, once it was changed */
	bool length;            /* it is of the length of a packet */
	uint32_t burst_from;    /* where in the ring the packets begin */
} change;

static const uint8_t *
ring_data(unsigned int to_guest)
{
	return fake_world.rings + to_guest * FAKE_RING_BYTES + HV_PAGE_BYTES;
}

static bool
within(const uint8_t *at, const uint8_t *base, uint32_t bytes)
{
	return at >= base && (size_t)(at - base) < bytes;
}

/* Whether a read is of what the guest alone writes: what it has sent, and how far. */
static bool
own_words(const uint8_t *at)
{
	const struct vmbus_ring_page *to_host = (const void *)fake_world.rings;
	const struct vmbus_ring_page *to_guest = (const void *)(fake_world.rings + FAKE_RING_BYTES);

	return within(at, ring_data(0), FAKE_RING_DATA_BYTES) ||
		within(at, fake_world.send, FAKE_SEND_BYTES) ||
		within(at, (const uint8_t *)&to_host->write_index, sizeof(uint32_t)) ||
		within(at, (const uint8_t *)&to_guest->read_index, sizeof(uint32_t));
}

/* Where packets begin nobody knows any more once one of the lengths is another. */
static bool
is_length(const uint8_t *at)
{
	const uint32_t where = (uint32_t)(at - ring_data(1));
	uint32_t packet = change.burst_from;

	if (!within(at, ring_data(1), FAKE_RING_DATA_BYTES))
		return false;
	while (packet != fake_world.rx_write) {
		const uint32_t field = (packet + 4) % FAKE_RING_DATA_BYTES;
		uint16_t length_8b;

		if (where == field || where == field + 1)
			return true;
		memcpy(&length_8b, ring_data(1) + field, sizeof(length_8b));
		packet = (packet + length_8b * 8u + 8) % FAKE_RING_DATA_BYTES;
	}
	return false;
}

static bool
of_one_area(const uint8_t *a, const uint8_t *b)
{
	return within(a, fake_world.rings, 2 * FAKE_RING_BYTES) ==
		within(b, fake_world.rings, 2 * FAKE_RING_BYTES) &&
		within(a, fake_world.recv, FAKE_RECV_BYTES) ==
		within(b, fake_world.recv, FAKE_RECV_BYTES);
}

static void
before(uint8_t *at, bool write)
{
	if (write)
		return;
	change.reads++;
	change.own += own_words(at);
	/* The scripted host trusts the guest's words. */
	if (change.reads != change.k || !of_one_area(at, at + change.off) ||
	    own_words(at + change.off))
		return;
	change.at = at + change.off;
	change.length = is_length(change.at);
	*change.at ^= change.mask;
}

static void
after(uint8_t *at, bool write)
{
	(void)at;
	if (write || change.reads != change.k)
		return;
	if (change.at != NULL && change.back)
		*change.at ^= change.mask;
	trap_enough();
}

static void
watch(void)
{
	change.reads = change.own = 0;
	change.at = NULL;
	change.length = false;
	trap_watch(AREA_TO_HOST, fake_world.rings, FAKE_RING_BYTES);
	trap_watch(AREA_TO_GUEST, fake_world.rings + FAKE_RING_BYTES, FAKE_RING_BYTES);
	trap_watch(AREA_RECV, fake_world.recv, FAKE_RECV_BYTES);
	trap_watch(AREA_SEND, fake_world.send, FAKE_SEND_BYTES);
	trap_start(before, after);
}

#define FAIL(...) do { \
	print_error("read %u, byte %u, mask 0x%02x%s: ", change.k, change.off, change.mask, \
		change.back ? ", and back" : ""); \
	fail_msg(__VA_ARGS__); \
} while (0)

/* ---- the instrument ---- */

/* Checked, and then loaded again. */
static uint32_t
looks_twice(const uint8_t *memory)
{
	const volatile uint32_t *word = (const void *)memory;

	return *word < 100 ? *word : 0;
}

static uint32_t
looks_once(const uint8_t *memory)
{
	const uint32_t word = *(const volatile uint32_t *)(const void *)memory;

	return word < 100 ? word : 0;
}

static uint32_t
worst(uint32_t (*reader)(const uint8_t *memory))
{
	uint32_t most = 0;

	for (change.k = 1; change.k <= 3; change.k++) {
		uint32_t value;

		memset(fake_world.recv, 0, 8);
		watch();
		value = reader(fake_world.recv);
		trap_stop();
		most = RTE_MAX(most, value);
	}
	return most;
}

static void
a_reader_that_looks_twice_is_found_and_one_that_looks_once_is_not(void **state)
{
	(void)state;
	fake_host_start(false);
	memset(&change, 0, sizeof(change));
	change.off = 1;
	change.mask = 0xff;
	for (unsigned int back = 0; back < 2; back++) {
		change.back = back != 0;
		assert_int_equal(worst(looks_twice), 0xff00);
		assert_int_equal(worst(looks_once), 0);
	}
	fake_host_stop();
}

/* ---- a burst of everything ---- */

static uint32_t acks[2][IDS], acks_foreign;

static void
acked(uint64_t id)
{
	if (id >= DATA_FIRST_ID && id < DATA_FIRST_ID + IDS)
		acks[1][id - DATA_FIRST_ID]++;
	else if (id < IDS)
		acks[0][id]++;
	else
		acks_foreign++;
}

static const uint8_t bytes_of_frames[600] = { 2 };

static const struct fake_frame plain = {
	.data = bytes_of_frames, .bytes = 60, .ppi_count = 1,
	.ppi = { { RNDIS_PPI_CHECKSUM, RNDIS_RX_CSUM_IP_OK | RNDIS_RX_CSUM_TCP_OK } },
};
/* The second one of these is laid out as the one before. */
static const struct fake_frame hashed = {
	.data = bytes_of_frames, .bytes = 60, .ppi_count = 2,
	.ppi = { { RNDIS_PPI_CHECKSUM, RNDIS_RX_CSUM_IP_OK }, { RNDIS_PPI_HASH_VALUE, 0x12345 } },
};
static const struct fake_frame described = {
	.data = bytes_of_frames, .bytes = 62, .ppi_count = 3,
	.ppi = { { RNDIS_PPI_VLAN, 0x50 }, { RNDIS_PPI_HASH_VALUE, 0x12345 },
		{ RNDIS_PPI_CHECKSUM, RNDIS_RX_CSUM_TCP_BAD } },
};
/* Of a type that is beyond the usual, so that another decoder reads it. */
static const struct fake_frame first_piece = {
	.data = bytes_of_frames, .bytes = 70, .ppi_count = 2,
	.ppi = { { RNDIS_PPI_PACKET_ID, RNDIS_PACKET_ID_FIRST << 8 | 1 }, { 77, 4711 } },
};
static const struct fake_frame last_piece = {
	.data = bytes_of_frames, .bytes = 60, .ppi_count = 1,
	.ppi = { { RNDIS_PPI_PACKET_ID, RNDIS_PACKET_ID_LAST << 8 | 1 } },
};
static const struct fake_frame chained = { .data = bytes_of_frames, .bytes = 540 };

/* What a burst finds; each is a walk of its own. */
static void
says_frames(struct fake_data *d)
{
	const struct fake_frame many[] = { plain, described, hashed, hashed };

	fake_data_send(d, &plain, 1);
	fake_data_send(d, many, RTE_DIM(many));
	fake_data_send(d, &plain, 1);
}

static void
says_pieces(struct fake_data *d)
{
	const struct fake_frame run[] = { first_piece, last_piece };

	fake_data_send(d, run, RTE_DIM(run));
	fake_data_send(d, &chained, 1);
}

/* With frames behind it: they find their way whatever comes before. */
static void
says_control(struct fake_data *d)
{
	const struct nvsp_vf_association vf = { NVSP_VF_ASSOCIATION, 1, 77 };
	const uint32_t speed = 400000000;

	fake_host_indicate(NDIS_STATUS_LINK_SPEED_CHANGE, &speed, sizeof(speed));
	fake_host_inband(&vf, sizeof(vf));
	fake_data_send(d, &plain, 1);
}

/* Of what was sent before the burst. */
static void
says_completions(struct fake_data *d)
{
	fake_data_complete(d);
	fake_data_send(d, &plain, 1);
}

static uint32_t
receive(struct fake_data *d)
{
	struct rte_mbuf *pkts[BURST];
	uint16_t n = fake_rx(d, pkts, BURST);

	for (uint16_t i = 0; i < n; i++) {
		rte_mbuf_sanity_check(pkts[i], 1);
		if (pkts[i]->pkt_len < RTE_ETHER_HDR_LEN)
			FAIL("a frame of %u bytes", pkts[i]->pkt_len);
	}
	rte_pktmbuf_free_bulk(pkts, n);
	return n;
}

static uint32_t
transmit(struct fake_data *d)
{
	struct rte_mbuf *pkts[4];
	uint16_t n;

	for (unsigned int i = 0; i < RTE_DIM(pkts); i++)
		pkts[i] = fake_mbuf(d, i == 3 ? 1400 : 60, i == 3 ? 3 : 1, (uint8_t)i);
	n = fake_tx(d, pkts, RTE_DIM(pkts));
	rte_pktmbuf_free_bulk(pkts + n, (unsigned int)(RTE_DIM(pkts) - n));
	return n;
}

static const struct burst {
	const char *name;
	void (*says)(struct fake_data *d);
	uint32_t frames;
	struct fake_setup setup;
	bool wraps;             /* the ring does, in the middle of it */
	bool transmits;
	uint32_t reads_least;
} bursts[] = {
	{ "frames", says_frames, 6, { .data_room = 2048, .mbufs = 40 }, false, false, 30 },
	{ "frames where the ring ends", says_frames, 6, { .data_room = 2048, .mbufs = 40 }, true,
		false, 30 },
	{ "pieces and chains", says_pieces, 2, { .data_room = 512, .mbufs = NETVSC_RUN_PIECES_MAX,
		.rx_offloads = RTE_ETH_RX_OFFLOAD_SCATTER | RTE_ETH_RX_OFFLOAD_TCP_LRO }, false,
		false, 30 },
	{ "control", says_control, 1, { .data_room = 2048, .mbufs = 40 }, false, false, 20 },
	{ "completions", says_completions, 1, { .data_room = 2048, .mbufs = 40 }, false, true, 20 },
	{ "completions where the ring ends", says_completions, 1,
		{ .data_room = 2048, .mbufs = 40 }, true, true, 20 },
};

/* What was counted of packets that were not taken for transfers. */
static uint64_t
counted(const struct netvsc_channel *channel)
{
	return channel->unknown_packets + channel->bad_completions + channel->control_messages;
}

/* Every transfer is acknowledged once, or counted. Where the byte was of a ring,
 * the host may have given a transfer another name, or made it something else. */
static void
acks_check(const struct fake_data *d, uint64_t counted_before)
{
	const struct netvsc_channel *channel = d->host->dev.channel[0];
	const uint32_t sent[2] = { (uint32_t)fake_world.next_transfer,
		(uint32_t)(d->transfer_id - DATA_FIRST_ID) };
	uint32_t sum = acks_foreign, owed = 0;
	int others;

	for (unsigned int kind = 0; kind < 2; kind++)
		for (uint32_t i = kind == 0 ? FIRST_ID : 0; i < IDS; i++) {
			sum += acks[kind][i];
			owed += i < sent[kind];
			if (acks[kind][i] != (i < sent[kind]) &&
			    within(change.at, fake_world.recv, FAKE_RECV_BYTES))
				FAIL("transfer %u of kind %u: %u acknowledgements", i, kind,
					acks[kind][i]);
		}
	if (netvsc_channel_dead(channel) || change.length)
		return;
	/* The burst's own control transfer would be counted as such, too. */
	others = (int)(counted(channel) - counted_before) + (acks[0][sent[0] - 1] == 0);
	if (sum > owed || (int)(owed - sum) > RTE_MAX(others, 0))
		FAIL("%u transfers, %u acknowledgements, %d others counted", owed, sum, others);
}

/* So far from its end the ring is when a burst shall wrap. */
#define RING_LEFT 40u

static struct fake_data *
data_start(const struct burst *burst)
{
	struct fake_data *d = fake_data_start(&burst->setup);

	d->hold = true;
	while (burst->wraps && fake_world.rx_write < FAKE_RING_DATA_BYTES - RING_LEFT - 56) {
		fake_data_send(d, &plain, 1);
		receive(d);
	}
	if (burst->transmits)
		transmit(d);
	receive(d);
	vmbus_channel_signal(d->host->dev.channel[0]->vmbus);
	assert_int_equal(d->host->acks_owed, 0);
	d->transfer_id = DATA_FIRST_ID;
	memset(acks, 0, sizeof(acks));
	acks_foreign = 0;
	for (uint32_t i = 0; i < fake_world.next_transfer; i++)
		acks[0][i] = 1;         /* those of before */
	d->host->acked = acked;
	change.burst_from = fake_world.rx_write;
	return d;
}

static void
data_stop(struct fake_data *d, const struct burst *burst)
{
	d->host->acked = NULL;
	d->hold = false;
	netvsc_event_cancel(&d->host->dev);
	if (fake_data_reset(d, &burst->setup) != 0)
		FAIL("no reset");
	if (fake_pool_out(&d->pool) != 0)
		FAIL("%u mbufs are missing", fake_pool_out(&d->pool));
	d->host->errors = 0;
	fake_data_send(d, &plain, 1);
	if (receive(d) != 1)
		FAIL("the port does not work after a reset");
	fake_data_stop(d);
}

/* The burst with the change that was ordered; returns how many reads it took. */
static uint32_t
data_run(const struct burst *burst)
{
	struct fake_data *d = data_start(burst);
	const struct netvsc_channel *channel = d->host->dev.channel[0];
	uint64_t counted_before = counted(channel);
	uint32_t frames = 0;

	burst->says(d);
	/* An indication and an association. */
	counted_before += burst->says == says_control ? 2 : 0;
	watch();
	for (unsigned int i = 0; i < 2; i++) {
		frames += receive(d);
		if (burst->transmits)
			transmit(d);
	}
	fake_settle(d);
	trap_stop();
	if (change.own != 0)
		FAIL("%u reads of what the guest itself has written", change.own);
	for (unsigned int i = 0; i < 8; i++) {
		frames += receive(d);
		fake_settle(d);
	}
	vmbus_channel_signal(channel->vmbus);
	acks_check(d, counted_before);
	if (change.k == 0 && (frames != burst->frames || d->host->errors != 0))
		FAIL("an honest host: %u frames received", frames);
	data_stop(d, burst);
	return change.reads;
}

static void
change_order(uint32_t k, uint32_t off)
{
	static const uint8_t masks[] = { 0xff, 0x01, 0x80, 0x10 };

	memset(&change, 0, sizeof(change));
	change.k = k;
	change.off = off;
	change.mask = masks[(k + off + off / 4) % RTE_DIM(masks)];
	change.back = (k + off / 2) % 2 != 0;
}

/* Every read, the bytes that begin there. */
static void
walk(const struct burst *burst)
{
	uint32_t reads, runs = 0, changed = 0;

	memset(&change, 0, sizeof(change));
	reads = data_run(burst);
	for (uint32_t k = 1; k <= reads; k++)
		for (uint32_t off = 0; off < 16; off += burst->wraps ? 3 : 1, runs++) {
			change_order(k, off);
			data_run(burst);
			changed += change.at != NULL;
		}
	print_message("%s: %u reads, %u bytes changed in %u runs\n", burst->name, reads, changed, runs);
	assert_true(reads >= burst->reads_least && changed > runs / 2);
}

/* Conformance: 19, 21, 22. */
static void
a_byte_that_changes_at_any_read_of_a_burst_loses_nothing(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(bursts); i++)
		walk(&bursts[i]);
}

/* ---- attach ---- */

static uint32_t
attach_run(void)
{
	struct fake_host *host = fake_host_start(true);
	int ret;

	change.burst_from = 0;
	watch();
	ret = netvsc_link_open(&host->dev, &host->vmbus, 4);
	trap_stop();
	if (ret > 0 || ret < -200 || (change.k == 0 && ret != 0))
		FAIL("attach: %d", ret);
	if (change.own != 0)
		FAIL("%u reads of what the guest itself has written", change.own);
	if (ret == 0)
		netvsc_link_close(&host->dev, &host->vmbus);
	ret = netvsc_link_open(&host->dev, &host->vmbus, 4);
	if (ret != 0)
		FAIL("attach after it: %d", ret);
	netvsc_link_close(&host->dev, &host->vmbus);
	netvsc_event_cancel(&host->dev);
	fake_host_stop();
	return change.reads;
}

/* Conformance: 19, 20. */
static void
a_byte_that_changes_at_any_read_of_attach_costs_an_attach_at_most(void **state)
{
	static const uint32_t offs[] = { 0, 3, 4, 9 };
	uint32_t reads, changed = 0;

	(void)state;
	memset(&change, 0, sizeof(change));
	reads = attach_run();
	for (uint32_t k = 1; k <= reads; k++)
		for (unsigned int i = 0; i < 2; i++) {
			change_order(k, offs[(k + 2 * i) % RTE_DIM(offs)]);
			attach_run();
			changed += change.at != NULL;
		}
	print_message("attach: %u reads, %u bytes changed\n", reads, changed);
	assert_true(reads > 100 && changed > reads);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reader_that_looks_twice_is_found_and_one_that_looks_once_is_not),
		cmocka_unit_test(a_byte_that_changes_at_any_read_of_a_burst_loses_nothing),
		cmocka_unit_test(a_byte_that_changes_at_any_read_of_attach_costs_an_attach_at_most),
	};

	rte_log_set_global_level(RTE_LOG_EMERG);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
