/* SPDX-License-Identifier: BSD-3-Clause */

/* The layout that is remembered from message to message: whatever was received
 * before, the verdict on a message and all its values are those of a decoder that
 * remembers nothing. Each message lies at the very end of its heap block, so that
 * ASan sees a read past it. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "rndis_packet.h"

#define FIXED sizeof(struct rndis_packet)
#define MESSAGE_MAX 512u
#define ELEMENT_WORDS 4u

struct message {
	uint32_t bytes;             /* of the range */
	uint8_t data[MESSAGE_MAX];
};

/* `type` has an element each, of one word. */
static struct message
message_of(const uint32_t *type, uint32_t count, uint32_t frame_bytes, uint32_t seed)
{
	const uint32_t info = count * ELEMENT_WORDS * 4;
	const struct rndis_packet packet = {
		.header = { RNDIS_PACKET, (uint32_t)FIXED + info + frame_bytes },
		.data_offset = (uint32_t)FIXED - 8 + info,
		.data_bytes = frame_bytes,
		.ppi_offset = count == 0 ? 0 : FIXED - 8,
		.ppi_bytes = info,
	};
	struct message m = { .bytes = packet.header.msg_bytes };

	memset(m.data, 0x5a, sizeof(m.data));
	memcpy(m.data, &packet, sizeof(packet));
	for (uint32_t i = 0; i < count; i++) {
		const uint32_t element[ELEMENT_WORDS] = { 16, type[i], 12, seed * 0x9e3779b9u + i };

		memcpy(m.data + FIXED + i * sizeof(element), element, sizeof(element));
	}
	return m;
}

static const uint32_t rss[] = { RNDIS_PPI_CHECKSUM, RNDIS_PPI_HASH_VALUE, RNDIS_PPI_HASH_INFO };
static const uint32_t tagged[] = { RNDIS_PPI_VLAN, RNDIS_PPI_CHECKSUM, RNDIS_PPI_HASH_INFO,
	RNDIS_PPI_HASH_VALUE };
static const uint32_t twice[] = { RNDIS_PPI_HASH_VALUE, RNDIS_PPI_CHECKSUM, RNDIS_PPI_HASH_VALUE };
static const uint32_t six[] = { 11, RNDIS_PPI_CHECKSUM, 4, RNDIS_PPI_HASH_VALUE, 15, RNDIS_PPI_VLAN };
static const uint32_t many[RNDIS_PPI_COUNT_MAX + 1] = { RNDIS_PPI_HASH_INFO };    /* and checksums */
static const uint32_t run[] = { RNDIS_PPI_PACKET_ID, RNDIS_PPI_CHECKSUM };
static const struct {
	const uint32_t *type;
	uint32_t count;
	bool quick;
} kinds[] = {
	{ NULL, 0, true }, { rss, 1, true }, { rss, 3, true }, { tagged, 2, true },
	{ tagged, 4, true }, { twice, 3, true }, { six, 6, true }, { run, 2, false },
	{ many, RNDIS_PPI_COUNT_MAX, true }, { many, RNDIS_PPI_COUNT_MAX + 1, false },
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static struct message
message_of_kind(uint32_t kind, uint32_t frame_bytes, uint32_t seed)
{
	return message_of(kinds[kind].type, kinds[kind].count, frame_bytes, seed);
}

/* The values by both decoders. */
static void
check_values(const uint8_t *range, const struct rndis_rx_layout *layout,
	const struct rndis_rx_quick *quick, const struct rndis_rx_view *view)
{
	const struct {
		uint32_t type, has, value;
	} known[] = {
		{ RNDIS_PPI_CHECKSUM, RNDIS_RX_CSUM, view->csum },
		{ RNDIS_PPI_VLAN, RNDIS_RX_VLAN, view->vlan },
		{ RNDIS_PPI_HASH_VALUE, RNDIS_RX_HASH_VALUE, view->hash_value },
		{ RNDIS_PPI_HASH_INFO, RNDIS_RX_HASH_INFO, view->hash_info },
	};

	assert_int_equal(view->has & RNDIS_RX_PACKET_ID, 0);
	for (unsigned int i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		assert_int_equal(quick->has >> known[i].type & 1, (view->has & known[i].has) != 0);
		if ((view->has & known[i].has) != 0)
			assert_int_equal(rndis_quick_value(layout, range, known[i].type),
				known[i].value);
	}
}

/* How often nothing but a comparison was made. */
static unsigned int hits;

static bool
compared(const struct rndis_rx_layout *layout, const uint8_t *range, uint32_t bytes)
{
	struct rndis_packet packet;
	uint64_t where;

	if (bytes < FIXED + sizeof(layout->element))
		return false;
	memcpy(&packet, range, sizeof(packet));
	where = (uint64_t)packet.ppi_bytes << 32 | packet.ppi_offset;
	return packet.ppi_bytes != 0 && packet.header.msg_bytes >= FIXED + sizeof(layout->element) &&
		rndis_layout_same(layout, where, range + FIXED);
}

/* One message to a decoder that remembers `layout`, to one that remembers nothing, and
 * to the careful one: returns what they agree on. */
static bool
verdict(const struct message *m, struct rndis_rx_layout *layout)
{
	const struct rndis_rx_layout before = *layout;
	struct rndis_rx_layout none = { 0 };
	struct rndis_rx_quick quick = { 0 }, fresh = { 0 };
	struct rndis_rx_view view;
	uint8_t *range = malloc(m->bytes == 0 ? 1 : m->bytes);
	bool known, accepted;

	memcpy(range, m->data, m->bytes);
	known = compared(layout, range, m->bytes);
	accepted = rndis_packet_quick(range, m->bytes, layout, &quick);
	assert_int_equal(accepted, rndis_packet_quick(range, m->bytes, &none, &fresh));
	if (accepted) {
		assert_int_equal(rndis_packet_decode(range, m->bytes, &view), 0);
		assert_int_equal(quick.frame_off, view.frame_off);
		assert_int_equal(quick.frame_bytes, view.frame_bytes);
		assert_int_equal(quick.has, fresh.has);
		check_values(range, layout, &quick, &view);
		hits += known;
	}
	/* Only a good message of another layout is remembered instead. */
	if (!accepted || known)
		assert_memory_equal(layout, &before, sizeof(before));
	free(range);
	return accepted;
}

static void
the_next_message_of_a_layout_is_only_compared(void **state)
{
	(void)state;
	for (uint32_t kind = 0; kind < KINDS; kind++) {
		struct rndis_rx_layout layout = { 0 };
		const uint32_t count = kinds[kind].count;

		hits = 0;
		for (uint32_t i = 0; i < 5; i++) {
			struct message m = message_of_kind(kind, 64 + i, i);

			assert_int_equal(verdict(&m, &layout), kinds[kind].quick);
		}
		/* Six are too many to be remembered, though not to be quick. */
		assert_int_equal(hits, kinds[kind].quick && count >= 1 && count <= 4 ? 4 : 0);
	}
}

/* With a layout from a good frame of each kind, and one of each other kind. */
static void
every_byte_of_a_message_flipped_gets_the_verdict_of_a_fresh_decoder(void **state)
{
	static const uint8_t flips[] = { 0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xff };
	unsigned int accepted = 0, refused = 0;

	(void)state;
	hits = 0;
	for (uint32_t i = 0; i < KINDS * KINDS * MESSAGE_MAX * sizeof(flips); i++) {
		uint32_t kind = i % KINDS, at = i / (KINDS * KINDS) % MESSAGE_MAX;
		struct message good = message_of_kind(i / KINDS % KINDS, 64, i), other;
		struct message m = message_of_kind(kind, 64, i + 1);
		struct rndis_rx_layout layout = { 0 };

		if (at >= m.bytes)
			continue;
		verdict(&good, &layout);
		m.data[at] ^= flips[i / (KINDS * KINDS * MESSAGE_MAX)];
		if (verdict(&m, &layout))
			accepted++;
		else
			refused++;
		other = message_of_kind(i / KINDS % KINDS, 90, i + 2);
		assert_int_equal(verdict(&other, &layout), kinds[i / KINDS % KINDS].quick);
	}
	assert_true(hits > 10000 && accepted > 10000 && refused > 10000);
}

/* Messages shorter than what is compared, cut ranges, and lengths past the end. */
static void
every_length_of_range_message_and_frame_gets_the_verdict_of_a_fresh_decoder(void **state)
{
	unsigned int accepted = 0;

	(void)state;
	hits = 0;
	for (uint32_t kind = 0; kind < KINDS; kind++) {
		struct message good = message_of_kind(kind, 64, 1);
		struct rndis_rx_layout layout = { 0 };

		assert_int_equal(verdict(&good, &layout), kinds[kind].quick);
		for (uint32_t frame = 0; frame <= 70; frame++) {
			struct message m = message_of_kind(kind, frame, frame);
			const uint32_t whole = m.bytes;

			for (m.bytes = 0; m.bytes <= whole + 4; m.bytes++)
				accepted += verdict(&m, &layout);
			for (uint32_t field = 4; field <= 12; field += 4)
				for (uint32_t bytes = 0; bytes <= whole + 1; bytes++) {
					struct message wrong = m;

					memcpy(wrong.data + field, &bytes, sizeof(bytes));
					accepted += verdict(&wrong, &layout);
				}
		}
	}
	assert_true(hits > 1000 && accepted > 1000);
}

/* ---- sequences ---- */

static uint32_t
draw(uint32_t below)
{
	static uint64_t seed = 22;

	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((seed >> 33) % below);
}

/* Any word of what decides gets a value near a limit, in one of four messages. */
static void
spoil(struct message *m)
{
	static const uint32_t values[] = { 0, 1, 6, 8, 9, 11, 12, 15, 16, 17, 32, 36, 37, 48, 64, 96,
		108, 0x80000001, 0xffffffff };
	uint32_t words = m->bytes < 108 ? m->bytes / 4 : 27;

	if (draw(4) != 0 || words == 0)
		return;
	for (uint32_t n = 0; n <= draw(3); n++)
		memcpy(m->data + 4 * draw(words), &values[draw(sizeof(values) / 4)], 4);
	if (draw(8) == 0)
		m->bytes = draw(m->bytes + 1);
}

static void
any_sequence_of_right_and_wrong_messages_gets_the_verdicts_of_fresh_decoders(void **state)
{
	struct rndis_rx_layout layout = { 0 };
	unsigned int accepted = 0;
	uint32_t kind = 0;

	(void)state;
	hits = 0;
	for (uint32_t i = 0; i < 300000; i++) {
		struct message m;

		if (draw(3) == 0)       /* else the one before, mostly */
			kind = draw(KINDS);
		m = message_of_kind(kind, draw(120), i);
		spoil(&m);
		accepted += verdict(&m, &layout);
	}
	assert_in_range(accepted, 100000, 280000);
	assert_in_range(hits, 50000, 200000);
}

/* ---- the end of a process ---- */

static sigjmp_buf ended;

static void
on_fault(int number)
{
	(void)number;
	siglongjmp(ended, 1);
}

/* Learns in a process that ends at its first store behind the fixed part. */
static void
learn_and_end(const struct message *m, struct rndis_rx_layout *layout, size_t page)
{
	struct sigaction action = { .sa_handler = on_fault }, before;

	sigemptyset(&action.sa_mask);
	assert_int_equal(mprotect(layout->element, page, PROT_READ), 0);
	assert_int_equal(sigaction(SIGSEGV, &action, &before), 0);
	if (sigsetjmp(ended, 1) == 0) {
		rndis_layout_learn(layout, rndis_load64(m->data + offsetof(struct rndis_packet,
			ppi_offset)), m->data + FIXED);
		fail_msg("nothing was stored");
	}
	assert_int_equal(sigaction(SIGSEGV, &before, NULL), 0);
	assert_int_equal(mprotect(layout->element, page, PROT_READ | PROT_WRITE), 0);
}

static void
a_process_that_ends_while_it_learns_leaves_nothing_to_be_compared(void **state)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uint8_t *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		-1, 0);
	struct rndis_rx_layout *layout;
	struct message first = message_of_kind(2, 64, 1), second = message_of_kind(4, 64, 2);

	(void)state;
	assert_ptr_not_equal(pages, MAP_FAILED);
	layout = (void *)(pages + page - offsetof(struct rndis_rx_layout, element));
	assert_true(verdict(&first, layout));
	learn_and_end(&second, layout, page);
	assert_int_equal(layout->where, 0);
	hits = 0;
	assert_true(verdict(&first, layout));
	assert_int_equal(hits, 0);
	assert_true(verdict(&second, layout));
	assert_true(verdict(&second, layout));
	assert_int_equal(hits, 1);
	munmap(pages, 2 * page);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_next_message_of_a_layout_is_only_compared),
		cmocka_unit_test(every_byte_of_a_message_flipped_gets_the_verdict_of_a_fresh_decoder),
		cmocka_unit_test(every_length_of_range_message_and_frame_gets_the_verdict_of_a_fresh_decoder),
		cmocka_unit_test(any_sequence_of_right_and_wrong_messages_gets_the_verdicts_of_fresh_decoders),
		cmocka_unit_test(a_process_that_ends_while_it_learns_leaves_nothing_to_be_compared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
