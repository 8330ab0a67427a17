/* SPDX-License-Identifier: BSD-3-Clause */

/* hvsim's data half against a guest that is the input: any packet in any ring
 * state, sections and pages with any contents, completions of anything. Covers
 * the ring, channel packets, page lists, RNDIS, per-packet information, and the
 * execution of offloads. */

#include "fuzz.h"

#include "../vsp/fake.h"
#include "core/log.h"

#define OPS_MAX 48u

/* The guest has written over its receive ring's words: what it reads there after
 * that need not make sense. Until then all that the host sends must. */
static bool lied;

static const struct fake_options options[] = {
	{ .check = CHECK_FULL, .sections = 32, .frames_max = 16 },
	{ .check = CHECK_FAST, .sections = 32, .frames_max = 16 },
	{ .check = CHECK_FULL, .channels = 3, .sections = 32, .frames_max = 16, .frame_max = 9014 },
	{ .check = CHECK_FULL, .sections = 32, .frames_max = 16, .nvsp = NVSP_VERSION_5 },
};

/* A packet whose header is the input's, over the ring's whole length. */
static void
raw_packet(struct fuzz_input *in, unsigned int channel)
{
	uint8_t rest[1024];
	struct vmbus_packet_header header = {
		.type = fuzz_u8(in), .data_offset_8b = fuzz_u16(in), .length_8b = fuzz_u16(in),
		.flags = fuzz_u8(in), .transaction_id = fuzz_u32(in),
	};
	uint32_t bytes = fuzz_u16(in) % sizeof(rest);

	fuzz_bytes(in, rest, bytes);
	guest_put_raw(channel, &header, rest, bytes);
}

/* A right header around an extension and a payload of the input. */
static void
framed_packet(struct fuzz_input *in, unsigned int channel)
{
	static const uint16_t types[] = { VMBUS_PACKET_INBAND, VMBUS_PACKET_GPA_DIRECT,
		VMBUS_PACKET_COMPLETION, VMBUS_PACKET_TRANSFER_PAGES };
	uint8_t extension[512], payload[64];
	uint16_t type = types[fuzz_u8(in) % 4];
	uint64_t id = fuzz_u16(in);
	uint32_t extension_bytes = fuzz_u8(in) % 64 * 8u, payload_bytes = fuzz_u8(in) % 64;

	fuzz_bytes(in, extension, extension_bytes);
	fuzz_bytes(in, payload, payload_bytes);
	guest_put(channel, type, id, extension, extension_bytes, payload, payload_bytes);
}

/* A message in a section, and pages behind it if the input wants so. */
static void
message(struct fuzz_input *in, unsigned int channel)
{
	uint32_t section = fuzz_u8(in) % 64, bytes = fuzz_u16(in) % 8192;
	uint32_t given = fuzz_u16(in) % 2048, pages = fuzz_u8(in) % 4;
	struct nvsp_rndis rndis = { NVSP_RNDIS, NVSP_CHANNEL_DATA, section, bytes };
	struct {
		struct vmbus_gpa_direct direct;
		struct vmbus_gpa_range range;
		uint64_t page[4];
	} list = { .direct = { .range_count = 1 } };

	fuzz_bytes(in, fake.send + section * 6144, given);
	if (pages == 0) {
		guest_send(channel, fuzz_u8(in), section, bytes);
		return;
	}
	list.range.byte_offset = fuzz_u16(in) % HV_PAGE_BYTES;
	list.range.byte_count = pages * HV_PAGE_BYTES - list.range.byte_offset;
	for (uint32_t i = 0; i < pages; i++)
		list.page[i] = 1 + fuzz_u8(in) % (FAKE_PAGES + 1);
	guest_put(channel, VMBUS_PACKET_GPA_DIRECT, fuzz_u8(in), &list,
		(uint32_t)(16 + 8 * pages), &rndis, sizeof(rndis));
}

static void
memory(struct fuzz_input *in)
{
	uint32_t at = fuzz_u32(in) % (FAKE_PAGES * HV_PAGE_BYTES - 256);

	fuzz_bytes(in, fake.memory + at, fuzz_u8(in));
}

static void
ring_word(struct fuzz_input *in, unsigned int channel)
{
	bool mine = (fuzz_u8(in) & 1) != 0;
	struct vmbus_ring_page *page = mine ? fake.channel[channel].tx_page :
		fake.channel[channel].rx_page;
	uint32_t which = fuzz_u8(in) % 5, value = fuzz_u16(in);
	uint32_t *const word[] = { &page->write_index, &page->read_index, &page->interrupt_mask,
		&page->pending_send_bytes, &page->feature_bits };

	*word[which] = value;
	lied |= !mine && which < 2;
}

/* The guest reads what it was sent and gives it back, or not. */
static void
take(struct fuzz_input *in, unsigned int channel)
{
	static struct fake_packet packet;
	struct fake_guest_channel *guest = &fake.channel[channel];
	bool back = (fuzz_u8(in) & 1) != 0;

	if (lied) {
		guest->rx_read = guest->rx_page->write_index % fake.ring_bytes;
		guest->rx_page->read_index = guest->rx_read;
		return;
	}
	for (unsigned int i = 0; i < 64 && guest_take(channel, &packet); i++)
		if (back && packet.header.type == VMBUS_PACKET_TRANSFER_PAGES)
			guest_complete(channel, packet.header.transaction_id);
}

static void
step(struct fuzz_input *in)
{
	uint8_t op = fuzz_u8(in);
	unsigned int channel = 0;

	if (fake.nic.channel[2].nic != NULL)
		channel = op / 8 % 3;
	switch (op % 8) {
	case 0:
		raw_packet(in, channel);
		break;
	case 1:
		framed_packet(in, channel);
		break;
	case 2:
	case 3:
		message(in, channel);
		break;
	case 4:
		memory(in);
		break;
	case 5:
		ring_word(in, channel);
		break;
	case 6:
		take(in, channel);
		break;
	default:
		guest_complete(channel, fuzz_u8(in));
		break;
	}
	fake_poll();
	fake.frame_count = 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	uint8_t how = fuzz_u8(&in);

	lied = false;
	log_set_level(LOG_ERROR);
	fuzz_check(fake_start(&options[how % 4]) == 0);
	fake.echo = (how & 4) != 0;
	fake.pages_copied = (how & 8) != 0;
	for (unsigned int i = 0; i < OPS_MAX && in.left != 0; i++)
		step(&in);
	fake_stop();
	return 0;
}
