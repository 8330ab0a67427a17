/* SPDX-License-Identifier: BSD-3-Clause */

/* The reader of written conversations; see transcript.h. */

#include "transcript.h"

#include <stdlib.h>
#include <string.h>

#include "fake_world.h"

#define LINES_MAX 64u
#define TEXT_BYTES_MAX 1024u
/* Every NVSP message of the guest: older hosts know no longer ones. */
#define NVSP_BYTES 40u
#define PAGE_BYTES 4096u

static struct {
	const struct transcript_line *line[LINES_MAX];
	unsigned int count, next;
	struct transcript_way way;
	uint8_t id[4];              /* of the last RNDIS message */
	uint64_t tid;               /* of the last packet that is to be completed */
} play;

/* ---- texts ---- */

/* A byte of a text: 0 to 255, or one of these. */
enum { ANY = 256, ID = 257 };

struct text {
	uint16_t byte[TEXT_BYTES_MAX];
	uint32_t bytes;
};

static void
text_put(struct text *text, uint16_t byte, uint32_t count)
{
	assert_true(count <= TEXT_BYTES_MAX - text->bytes);
	for (uint32_t i = 0; i < count; i++)
		text->byte[text->bytes++] = byte;
}

static uint16_t
hex_byte(const char *at)
{
	char digits[3] = { at[0], at[1], '\0' }, *end;
	unsigned long byte = strtoul(digits, &end, 16);

	if (end != digits + 2)
		fail_msg("\"%.8s\" is no byte of a transcript", at);
	return (uint16_t)byte;
}

static void
text_read(const char *from, struct text *text)
{
	char *end;

	text->bytes = 0;
	while (*from != '\0') {
		if (*from == ' ') {
			from++;
		} else if (*from == '(' || *from == '[') {
			text_put(text, *from == '(' ? 0 : ANY, (uint32_t)strtoul(from + 1, &end, 10));
			from = end + 1;
		} else if (strncmp(from, "id", 2) == 0) {
			text_put(text, ID, 4);
			from += 2;
		} else {
			text_put(text, hex_byte(from), 1);
			from += 2;
		}
	}
}

static void
text_compare(const char *what, const char *expected, const uint8_t *bytes, uint32_t count)
{
	struct text text;

	text_read(expected, &text);
	if (text.bytes != count)
		fail_msg("%s %.40s...: %u bytes, not %u", what, expected, count, text.bytes);
	for (uint32_t i = 0; i < count; i++)
		if (text.byte[i] < ANY && text.byte[i] != bytes[i])
			fail_msg("%s %.40s...: byte %u is 0x%02x, not 0x%02x", what, expected, i,
				bytes[i], text.byte[i]);
}

uint32_t
transcript_bytes(const char *from, uint8_t *bytes, uint32_t max)
{
	struct text text;
	unsigned int id = 0;

	text_read(from, &text);
	assert_true(text.bytes <= max);
	for (uint32_t i = 0; i < text.bytes; i++)
		bytes[i] = text.byte[i] == ID ? play.id[id++ % 4] :
			text.byte[i] == ANY ? 0xdd : (uint8_t)text.byte[i];
	return text.bytes;
}

/* ---- what the guest says ---- */

static uint64_t
little_endian(const uint8_t *at, unsigned int bytes)
{
	uint64_t value = 0;

	for (unsigned int i = bytes; i > 0; i--)
		value = value << 8 | at[i - 1];
	return value;
}

/* No two requests have one id. */
static void
rndis_message(const struct transcript_line *line, const uint8_t *message, uint32_t bytes)
{
	text_compare("RNDIS", line->sent, message, bytes);
	assert_memory_not_equal(message + 8, play.id, sizeof(play.id));
	memcpy(play.id, message + 8, sizeof(play.id));
}

static void
rndis_by_page(const struct transcript_line *line, const uint8_t *packet, uint32_t bytes)
{
	const uint64_t length = little_endian(packet + 24, 4), page = little_endian(packet + 32, 8);

	text_compare("packet with", "0900 0500 0a00 0100 [8]"   /* page list, payload at 40, 80 bytes */
		"(4) 01000000"                  /* one range */
		"[4] 00000000 [8]"              /* its length, its start in the page, its page */
		"6b000000 01000000 ffffffff (28)", packet, bytes);
	rndis_message(line, (const uint8_t *)(uintptr_t)(page * PAGE_BYTES), (uint32_t)length);
}

static void
rndis_by_section(const struct transcript_line *line, const uint8_t *packet, uint32_t bytes)
{
	const uint64_t section = little_endian(packet + 24, 4);
	const uint64_t length = little_endian(packet + 28, 4);

	text_compare("packet with", "0600 0200 0700 0100 [8]"   /* in-band, payload at 16, 56 bytes */
		"6b000000 01000000 [4] [4] (24)", packet, bytes);
	assert_true(section >= play.way.first_section);
	assert_true(section * play.way.section_bytes + length <= FAKE_SEND_BYTES);
	assert_true(length <= play.way.section_bytes);
	rndis_message(line, fake_world.send + section * play.way.section_bytes, (uint32_t)length);
}

static void
nvsp_message(const struct transcript_line *line, const uint8_t *packet, uint32_t bytes)
{
	uint8_t message[NVSP_BYTES] = { 0 };

	text_compare("packet with", line->kind == ASK ? "0600 0200 0700 0100 [8] [40]" :
		"0600 0200 0700 0000 (8) [40]", packet, bytes);
	transcript_bytes(line->sent, message, sizeof(message));
	if (memcmp(packet + 16, message, sizeof(message)) != 0)
		for (unsigned int i = 0; i < NVSP_BYTES; i++)
			if (packet[16 + i] != message[i])
				fail_msg("NVSP %s: byte %u is 0x%02x", line->sent, i, packet[16 + i]);
}

static void
heard(const uint8_t *packet, uint32_t bytes)
{
	const struct transcript_line *line;

	if (little_endian(packet, 2) == 11) {   /* the acknowledgement of an answer */
		text_compare("acknowledgement", "0b00 0200 0300 0000 [8] 6c000000 01000000",
			packet, bytes);
		return;
	}
	if (play.next == play.count)
		fail_msg("a packet of type %u behind the end", (unsigned int)little_endian(packet, 2));
	line = play.line[play.next++];
	if (line->kind != SAY)
		assert_true(play.tid != little_endian(packet + 8, 8));
	play.tid = little_endian(packet + 8, 8);
	if (line->kind == SAY || line->kind == ASK)
		nvsp_message(line, packet, bytes);
	else if (play.way.sections)
		rndis_by_section(line, packet, bytes);
	else
		rndis_by_page(line, packet, bytes);
}

/* ---- what the host says ---- */

static bool
answer(struct fake_held *held)
{
	const struct transcript_line *line = play.line[play.next - 1];
	const bool completion = held->type == 11;

	if (completion && (line->kind == RNDIS || line->kind == LEAVE)) {
		held->bytes = transcript_bytes("6c000000 01000000", held->payload, sizeof(held->payload));
		return true;
	}
	if (!completion && line->kind == DENIED)
		return false;
	assert_non_null(line->answer);
	held->bytes = transcript_bytes(line->answer, held->payload, sizeof(held->payload));
	return true;
}

/* ---- the play ---- */

void
transcript_add(const struct transcript_line *lines, unsigned int count)
{
	assert_true(count <= LINES_MAX - play.count);
	for (unsigned int i = 0; i < count; i++)
		play.line[play.count++] = &lines[i];
}

void
transcript_begin(struct transcript_way way)
{
	memset(&play, 0, sizeof(play));
	play.way = way;
	fake_host->heard = heard;
	fake_host->meddle = answer;
}

void
transcript_check(void)
{
	if (play.next != play.count)
		fail_msg("only %u of %u lines were said; next is %s", play.next, play.count,
			play.line[play.next]->sent);
	play.next = play.count = 0;
}
