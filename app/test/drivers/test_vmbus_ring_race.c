/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The guest's ring ends against a host on another thread, which is written here
 * from the protocol: it sleeps whenever it may, so that a wake-up that is lost
 * is a test that does not end in time. Under TSan, too, which judges what order
 * the payload and the indices are published in; on x86 the processor adds an
 * order of its own that running cannot take away.
 * The host's full barriers are exchanges: TSan knows no fences.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <time.h>

#include "vmbus_packet.h"

#define DATA_BYTES 4096u
#define PACKETS 200000u
#define SLEEP_SECONDS 60
#define WORDS_MAX 24u

static struct {
	uint8_t *mem;
	struct vmbus_ring_page *page;
	sem_t wake;
	uint32_t lost, corrupt;     /* host and guest add, the test looks at the end */
	uint64_t sleeps;
	uint64_t signals;
} world;

static int
setup(void **state)
{
	(void)state;
	memset(&world, 0, sizeof(world));
	world.mem = aligned_alloc(HV_PAGE_BYTES, HV_PAGE_BYTES + DATA_BYTES);
	if (world.mem == NULL)
		return -1;
	memset(world.mem, 0, HV_PAGE_BYTES + DATA_BYTES);
	world.page = (struct vmbus_ring_page *)(void *)world.mem;
	return sem_init(&world.wake, 0, 0);
}

static int
teardown(void **state)
{
	(void)state;
	sem_destroy(&world.wake);
	free(world.mem);
	return 0;
}

/* The host sleeps until it is signalled; false if it was not. */
static bool
host_sleep(void)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += SLEEP_SECONDS;
	world.sleeps++;
	while (sem_timedwait(&world.wake, &until) < 0)
		if (errno == ETIMEDOUT)
			return false;
	return true;
}

/* How many words packet number i has, and what is in them. */
static uint32_t
words_of(uint32_t i)
{
	return 1 + i * 7 % WORDS_MAX;
}

static uint64_t
word_of(uint32_t i, uint32_t at)
{
	return (uint64_t)i << 32 | at * 0x01010101u;
}

static uint64_t *
host_word(uint32_t offset)
{
	return (uint64_t *)(void *)(world.mem + HV_PAGE_BYTES + offset % DATA_BYTES);
}

/* ---- guest to host ---- */

/* Reads one packet of the guest's; its bytes are plain memory. */
static uint32_t
host_read(uint32_t read, uint32_t i)
{
	struct vmbus_packet_header header;

	memcpy(&header, host_word(read), 8);
	memcpy((uint8_t *)&header + 8, host_word(read + 8), 8);
	world.corrupt += header.length_8b != 2 + words_of(i) || header.transaction_id != i;
	for (uint32_t at = 0; at < words_of(i); at++)
		world.corrupt += *host_word(read + 16 + at * 8) != word_of(i, at);
	/* Behind it: where it started. */
	world.corrupt += *host_word(read + 16 + words_of(i) * 8) >> 32 != read;
	return (read + 24 + words_of(i) * 8) % DATA_BYTES;
}

static void *
host_reads(void *arg)
{
	struct vmbus_ring_page *page = world.page;
	uint32_t read = 0;

	(void)arg;
	for (uint32_t i = 0; i < PACKETS;) {
		if (read != __atomic_load_n(&page->write_index, __ATOMIC_ACQUIRE)) {
			read = host_read(read, i++);
			__atomic_store_n(&page->read_index, read, __ATOMIC_RELEASE);
			continue;
		}
		/* Empty: ask for a signal, look again, sleep. */
		__atomic_exchange_n(&page->interrupt_mask, 0, __ATOMIC_SEQ_CST);
		if (read == __atomic_load_n(&page->write_index, __ATOMIC_SEQ_CST) && !host_sleep()) {
			__atomic_store_n(&world.lost, 1, __ATOMIC_SEQ_CST);
			return NULL;
		}
		__atomic_store_n(&page->interrupt_mask, 1, __ATOMIC_SEQ_CST);
	}
	return NULL;
}

static int
packet_write(struct vmbus_tx_ring *tx, uint32_t i)
{
	uint64_t words[WORDS_MAX];
	const struct vmbus_packet_desc desc = {
		.type = VMBUS_PACKET_INBAND, .transaction_id = i,
		.payload = words, .payload_bytes = words_of(i) * 8,
	};

	for (uint32_t at = 0; at < words_of(i); at++)
		words[at] = word_of(i, at);
	return vmbus_packet_put(tx, &desc, 0);
}

/* Conformance: 14, 17. */
static void
no_wake_up_is_lost_while_the_host_toggles_its_mask_and_sleeps(void **state)
{
	struct vmbus_tx_ring tx;
	pthread_t host;

	(void)state;
	assert_int_equal(vmbus_tx_ring_attach(&tx, world.mem, HV_PAGE_BYTES + DATA_BYTES,
		HV_PAGE_BYTES), 0);
	world.page->interrupt_mask = 1;
	assert_int_equal(pthread_create(&host, NULL, host_reads, NULL), 0);
	for (uint32_t i = 0; i < PACKETS && !__atomic_load_n(&world.lost, __ATOMIC_RELAXED);) {
		uint32_t burst = i % 5 + 1;

		while (burst-- > 0 && i < PACKETS && packet_write(&tx, i) == 0)
			i++;
		if (vmbus_tx_ring_publish(&tx)) {
			world.signals++;
			sem_post(&world.wake);
		}
	}
	pthread_join(host, NULL);
	assert_int_equal(world.lost, 0);
	assert_int_equal(world.corrupt, 0);
	print_message("host slept %lu times, %lu signals\n", (unsigned long)world.sleeps,
		(unsigned long)world.signals);
	assert_true(world.signals >= world.sleeps);
}

/* ---- host to guest ---- */

static uint32_t
host_free(uint32_t write)
{
	uint32_t read = __atomic_load_n(&world.page->read_index, __ATOMIC_SEQ_CST);

	return (read + DATA_BYTES - write - 8) % DATA_BYTES;
}

/* Waits for room as the protocol has it: says how much, looks again, sleeps. */
static bool
host_room(uint32_t write, uint32_t bytes)
{
	while (host_free(write) < bytes) {
		__atomic_exchange_n(&world.page->pending_send_bytes, bytes, __ATOMIC_SEQ_CST);
		if (host_free(write) < bytes && !host_sleep())
			return false;
		__atomic_store_n(&world.page->pending_send_bytes, 0, __ATOMIC_SEQ_CST);
	}
	return true;
}

static void *
host_writes(void *arg)
{
	uint32_t write = 0;

	(void)arg;
	for (uint32_t i = 0; i < PACKETS; i++) {
		uint32_t words = words_of(i), bytes = 24 + words * 8;
		struct vmbus_packet_header header = {
			.type = VMBUS_PACKET_INBAND, .data_offset_8b = 2,
			.length_8b = (uint16_t)(2 + words), .transaction_id = i,
		};

		if (!host_room(write, bytes)) {
			__atomic_store_n(&world.lost, 1, __ATOMIC_SEQ_CST);
			return NULL;
		}
		memcpy(host_word(write), &header, 8);
		memcpy(host_word(write + 8), (const uint8_t *)&header + 8, 8);
		for (uint32_t at = 0; at < words; at++)
			*host_word(write + 16 + at * 8) = word_of(i, at);
		*host_word(write + 16 + words * 8) = (uint64_t)write << 32;
		write = (write + bytes) % DATA_BYTES;
		__atomic_store_n(&world.page->write_index, write, __ATOMIC_RELEASE);
	}
	return NULL;
}

static void
packet_check(const struct vmbus_rx_ring *rx, const struct vmbus_packet *packet, uint32_t i)
{
	uint64_t words[WORDS_MAX];

	world.corrupt += packet->transaction_id != i || packet->payload_bytes != words_of(i) * 8;
	if (packet->payload_bytes != words_of(i) * 8)
		return;
	vmbus_packet_copy(rx, packet->payload_off, words, packet->payload_bytes);
	for (uint32_t at = 0; at < words_of(i); at++)
		world.corrupt += words[at] != word_of(i, at);
}

/* Conformance: 15, 17. */
static void
a_host_that_waits_for_room_is_woken_by_drains_in_several_bursts(void **state)
{
	struct vmbus_rx_ring rx;
	struct vmbus_packet packet;
	pthread_t host;
	uint32_t i = 0;

	(void)state;
	world.page->feature_bits = VMBUS_RING_FEATURE_PENDING_SEND;
	assert_int_equal(vmbus_rx_ring_attach(&rx, world.mem, HV_PAGE_BYTES + DATA_BYTES,
		HV_PAGE_BYTES), 0);
	assert_int_equal(pthread_create(&host, NULL, host_writes, NULL), 0);
	while (i < PACKETS && !__atomic_load_n(&world.lost, __ATOMIC_RELAXED)) {
		uint32_t burst = i % 7 + 1;
		int ret = 0;

		while (burst-- > 0 && i < PACKETS && (ret = vmbus_packet_peek(&rx, &packet)) == 1) {
			packet_check(&rx, &packet, i++);
			vmbus_packet_take(&rx, &packet);
		}
		assert_true(ret >= 0);
		if (vmbus_rx_ring_publish(&rx)) {
			world.signals++;
			sem_post(&world.wake);
		}
	}
	pthread_join(host, NULL);
	assert_int_equal(world.lost, 0);
	assert_int_equal(world.corrupt, 0);
	print_message("host slept %lu times, %lu signals\n", (unsigned long)world.sleeps,
		(unsigned long)world.signals);
	assert_true(world.sleeps > 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(no_wake_up_is_lost_while_the_host_toggles_its_mask_and_sleeps),
		CASE(a_host_that_waits_for_room_is_woken_by_drains_in_several_bursts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
