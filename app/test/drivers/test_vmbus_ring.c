/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The guest's ring ends against a hand-driven host: the test plays the host by
 * storing into the control page and the data area itself.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>

#include "vmbus_ring.h"

#define DATA_BYTES 4096u

struct half {
	uint8_t *mem;
	struct vmbus_ring_page *page;
	uint32_t page_bytes, bytes;
};

static struct half
half_create(uint32_t page_bytes, uint32_t data_bytes)
{
	struct half half = { .page_bytes = page_bytes, .bytes = page_bytes + data_bytes };

	half.mem = aligned_alloc(65536, (half.bytes + 65535) / 65536 * 65536);
	assert_non_null(half.mem);
	memset(half.mem, 0, half.bytes);
	half.page = (struct vmbus_ring_page *)half.mem;
	return half;
}

static void
ring_attach_refuses_what_makes_no_ring(void **state)
{
	struct half half = half_create(4096, DATA_BYTES);
	struct vmbus_tx_ring tx;
	struct vmbus_rx_ring rx;

	(void)state;
	assert_int_equal(vmbus_tx_ring_attach(&tx, half.mem, 4096, 4096), -EINVAL);
	assert_int_equal(vmbus_tx_ring_attach(&tx, half.mem, 8192 - 8, 4096), -EINVAL);
	assert_int_equal(vmbus_tx_ring_attach(&tx, half.mem, 8192, 2048), -EINVAL);
	half.page->write_index = DATA_BYTES;
	assert_int_equal(vmbus_tx_ring_attach(&tx, half.mem, half.bytes, 4096), -EINVAL);
	half.page->write_index = 12;
	assert_int_equal(vmbus_rx_ring_attach(&rx, half.mem, half.bytes, 4096), -EINVAL);
	half.page->write_index = 16;
	assert_int_equal(vmbus_rx_ring_attach(&rx, half.mem, half.bytes, 4096), 0);
	assert_int_equal(vmbus_rx_ring_available(&rx), 16);
	free(half.mem);
}

/* Writes `bytes` with the host having read everything; returns the signal. */
static bool
tx_one(struct vmbus_tx_ring *tx, uint32_t bytes)
{
	uint8_t buffer[256];

	for (uint32_t i = 0; i < bytes; i++)
		buffer[i] = (uint8_t)(i * 7 + bytes);
	vmbus_tx_ring_put(tx, buffer, bytes);
	return vmbus_tx_ring_publish(tx);
}

/* Conformance: 6. */
static void
tx_ring_wraps_at_every_offset_for_4_16_and_64_kb_pages(void **state)
{
	static const uint32_t pages[] = { 4096, 16384, 65536 };

	(void)state;
	for (unsigned int p = 0; p < 3; p++) {
		struct half half = half_create(pages[p], DATA_BYTES);

		for (uint32_t start = 0; start < DATA_BYTES; start += 8) {
			struct vmbus_tx_ring tx;

			half.page->write_index = start;
			half.page->read_index = start;
			assert_int_equal(vmbus_tx_ring_attach(&tx, half.mem, half.bytes, pages[p]), 0);
			tx_one(&tx, 72);
			assert_int_equal(half.page->write_index, (start + 72) % DATA_BYTES);
			for (uint32_t i = 0; i < 72; i++)
				assert_int_equal(half.mem[pages[p] + (start + i) % DATA_BYTES],
					(uint8_t)(i * 7 + 72));
		}
		free(half.mem);
	}
}

/* Conformance: 13. */
static void
tx_ring_never_fills_completely_and_sees_the_host_read(void **state)
{
	struct half half = half_create(4096, DATA_BYTES);
	struct vmbus_tx_ring tx;

	(void)state;
	assert_int_equal(vmbus_tx_ring_attach(&tx, half.mem, half.bytes, 4096), 0);
	assert_int_equal(vmbus_tx_ring_room(&tx, 1), DATA_BYTES - 8);
	for (unsigned int i = 0; i < (DATA_BYTES - 8) / 24; i++)
		tx_one(&tx, 24);
	assert_int_equal(vmbus_tx_ring_room(&tx, 24), (DATA_BYTES - 8) % 24);
	half.page->read_index = 48;
	assert_int_equal(vmbus_tx_ring_room(&tx, 24), (DATA_BYTES - 8) % 24 + 48);
	half.page->read_index = DATA_BYTES;
	assert_int_equal(vmbus_tx_ring_room(&tx, 1000), -EPROTO);
	half.page->read_index = 4;
	assert_int_equal(vmbus_tx_ring_room(&tx, 1000), -EPROTO);
	free(half.mem);
}

/* Conformance: 14. */
static void
tx_ring_signals_only_if_unmasked_and_the_host_had_read_everything(void **state)
{
	struct half half = half_create(4096, DATA_BYTES);
	struct vmbus_tx_ring tx;

	(void)state;
	assert_int_equal(vmbus_tx_ring_attach(&tx, half.mem, half.bytes, 4096), 0);
	assert_true(tx_one(&tx, 8));            /* was empty, unmasked */
	assert_false(tx_one(&tx, 8));           /* not empty */
	half.page->read_index = 16;
	half.page->interrupt_mask = 1;
	assert_false(tx_one(&tx, 8));           /* empty, masked */
	half.page->read_index = 24;
	half.page->interrupt_mask = 0;
	assert_false(vmbus_tx_ring_publish(&tx)); /* nothing new */
	vmbus_tx_ring_put(&tx, "12345678", 8);
	vmbus_tx_ring_put(&tx, "12345678", 8);
	assert_int_equal(half.page->write_index, 24);   /* not shown yet */
	assert_true(vmbus_tx_ring_publish(&tx));        /* once for the burst */
	free(half.mem);
}

static void
tx_ring_does_not_trust_its_own_index_in_shared_memory(void **state)
{
	struct half half = half_create(4096, DATA_BYTES);
	struct vmbus_tx_ring tx;

	(void)state;
	assert_int_equal(vmbus_tx_ring_attach(&tx, half.mem, half.bytes, 4096), 0);
	half.page->write_index = 0xfffffff0;    /* the host scribbles on it */
	tx_one(&tx, 8);
	assert_int_equal(half.page->write_index, 8);
	free(half.mem);
}

static void
rx_ring_gives_back_only_what_was_published_and_reads_across_the_wrap(void **state)
{
	struct half half = half_create(4096, DATA_BYTES);
	struct vmbus_rx_ring rx;
	uint8_t bytes[64];

	(void)state;
	half.page->read_index = half.page->write_index = DATA_BYTES - 24;
	assert_int_equal(vmbus_rx_ring_attach(&rx, half.mem, half.bytes, 4096), 0);
	assert_int_equal(vmbus_rx_ring_available(&rx), 0);
	assert_false(vmbus_rx_ring_pending(&rx));
	for (unsigned int i = 0; i < 64; i++)
		half.mem[4096 + (DATA_BYTES - 24 + i) % DATA_BYTES] = (uint8_t)i;
	half.page->write_index = 40;
	assert_true(vmbus_rx_ring_pending(&rx));
	assert_int_equal(vmbus_rx_ring_available(&rx), 64);
	vmbus_rx_ring_copy(&rx, 16, bytes, 48);
	for (unsigned int i = 0; i < 48; i++)
		assert_int_equal(bytes[i], i + 16);
	vmbus_rx_ring_take(&rx, 64);
	assert_int_equal(half.page->read_index, DATA_BYTES - 24);
	vmbus_rx_ring_publish(&rx);
	assert_int_equal(half.page->read_index, 40);
	free(half.mem);
}

/* Conformance: 6. */
static void
rx_ring_reads_across_the_wrap_at_every_offset_for_4_16_and_64_kb_pages(void **state)
{
	static const uint32_t pages[] = { 4096, 16384, 65536 };
	uint8_t bytes[72];

	(void)state;
	for (unsigned int p = 0; p < 3; p++) {
		struct half half = half_create(pages[p], DATA_BYTES);

		for (uint32_t start = 0; start < DATA_BYTES; start += 8) {
			struct vmbus_rx_ring rx;

			half.page->read_index = half.page->write_index = start;
			assert_int_equal(vmbus_rx_ring_attach(&rx, half.mem, half.bytes, pages[p]), 0);
			for (uint32_t i = 0; i < 72; i++)
				half.mem[pages[p] + (start + i) % DATA_BYTES] = (uint8_t)(i * 5 + p);
			half.page->write_index = (start + 72) % DATA_BYTES;
			assert_int_equal(vmbus_rx_ring_available(&rx), 72);
			vmbus_rx_ring_copy(&rx, 0, bytes, 72);
			for (uint32_t i = 0; i < 72; i++)
				assert_int_equal(bytes[i], (uint8_t)(i * 5 + p));
			vmbus_rx_ring_take(&rx, 72);
			vmbus_rx_ring_publish(&rx);
			assert_int_equal(half.page->read_index, (start + 72) % DATA_BYTES);
		}
		free(half.mem);
	}
}

/* The sizes that kernels have, per system page: 512 pages in all, 2 MiB of data
 * and a control page, 2 MiB with its control page.
 * Conformance: 6. */
static void
rings_of_every_kernels_size_attach_and_hold_what_their_data_area_holds(void **state)
{
	static const struct {
		uint32_t page, bytes;
	} rows[] = {
		{ 4096, 2u << 20 }, { 4096, (2u << 20) + 4096 }, { 16384, 2u << 20 },
		{ 16384, (2u << 20) + 16384 }, { 65536, 2u << 20 }, { 65536, (2u << 20) + 65536 },
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint32_t data = rows[i].bytes - rows[i].page;
		struct half half = half_create(rows[i].page, data);
		struct vmbus_tx_ring tx;

		assert_int_equal(vmbus_tx_ring_attach(&tx, half.mem, rows[i].bytes, rows[i].page), 0);
		assert_int_equal(tx.data_bytes, data);
		assert_int_equal(vmbus_tx_ring_room(&tx, data), data - 8);
		free(half.mem);
	}
}

static void
rx_ring_reports_an_index_that_is_none(void **state)
{
	static const uint32_t bad[] = { DATA_BYTES, DATA_BYTES + 8, 4, 0xfffffff8 };
	struct half half = half_create(4096, DATA_BYTES);
	struct vmbus_rx_ring rx;

	(void)state;
	for (unsigned int i = 0; i < 4; i++) {
		half.page->write_index = 0;
		assert_int_equal(vmbus_rx_ring_attach(&rx, half.mem, half.bytes, 4096), 0);
		half.page->write_index = bad[i];
		assert_int_equal(vmbus_rx_ring_available(&rx), -EPROTO);
	}
	free(half.mem);
}

/* Conformance: 15. */
static void
rx_ring_signals_exactly_when_room_crosses_what_the_host_waits_for(void **state)
{
	/* wanted, taken before, taken now -> signal */
	static const struct {
		uint32_t wanted, first, second;
		bool signal;
		uint32_t features;
	} rows[] = {
		{ 1024, 0, 1016, true, 1 },     /* 8 + 1016 = 1024 */
		{ 1024, 0, 1008, false, 1 },
		{ 1024, 1016, 8, false, 1 },    /* was there before */
		{ 1024, 1008, 8, true, 1 },
		{ 0, 0, 2048, false, 1 },       /* waits for nothing */
		{ 1024, 0, 2048, false, 0 },    /* knows no such thing */
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct half half = half_create(4096, DATA_BYTES);
		struct vmbus_rx_ring rx;

		assert_int_equal(vmbus_rx_ring_attach(&rx, half.mem, half.bytes, 4096), 0);
		half.page->feature_bits = rows[i].features;
		half.page->write_index = DATA_BYTES - 16;       /* 8 bytes are free */
		assert_int_equal(vmbus_rx_ring_available(&rx), DATA_BYTES - 16);
		vmbus_rx_ring_take(&rx, rows[i].first);
		vmbus_rx_ring_publish(&rx);
		half.page->pending_send_bytes = rows[i].wanted;
		vmbus_rx_ring_take(&rx, rows[i].second);
		assert_int_equal(vmbus_rx_ring_publish(&rx), rows[i].signal);
		assert_false(vmbus_rx_ring_publish(&rx));
		free(half.mem);
	}
}

/* A host that writes there only confuses itself; and no fence is paid for. */
static void
rx_ring_publishes_nothing_where_nothing_was_taken(void **state)
{
	struct half half = half_create(4096, DATA_BYTES);
	struct vmbus_rx_ring rx;

	(void)state;
	assert_int_equal(vmbus_rx_ring_attach(&rx, half.mem, half.bytes, 4096), 0);
	half.page->write_index = 64;
	assert_int_equal(vmbus_rx_ring_available(&rx), 64);
	half.page->read_index = 4711;
	assert_false(vmbus_rx_ring_publish(&rx));
	assert_int_equal(half.page->read_index, 4711);
	vmbus_rx_ring_take(&rx, 64);
	assert_false(vmbus_rx_ring_publish(&rx));
	assert_int_equal(half.page->read_index, 64);
	free(half.mem);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ring_attach_refuses_what_makes_no_ring),
		cmocka_unit_test(tx_ring_wraps_at_every_offset_for_4_16_and_64_kb_pages),
		cmocka_unit_test(tx_ring_never_fills_completely_and_sees_the_host_read),
		cmocka_unit_test(tx_ring_signals_only_if_unmasked_and_the_host_had_read_everything),
		cmocka_unit_test(tx_ring_does_not_trust_its_own_index_in_shared_memory),
		cmocka_unit_test(rx_ring_gives_back_only_what_was_published_and_reads_across_the_wrap),
		cmocka_unit_test(rx_ring_reads_across_the_wrap_at_every_offset_for_4_16_and_64_kb_pages),
		cmocka_unit_test(rings_of_every_kernels_size_attach_and_hold_what_their_data_area_holds),
		cmocka_unit_test(rx_ring_reports_an_index_that_is_none),
		cmocka_unit_test(rx_ring_signals_exactly_when_room_crosses_what_the_host_waits_for),
		cmocka_unit_test(rx_ring_publishes_nothing_where_nothing_was_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
