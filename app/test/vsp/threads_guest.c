/* SPDX-License-Identifier: BSD-3-Clause */

/* See threads_guest.h. */

#include "threads_guest.h"

#include <linux/futex.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SHORTEST 60u
#define LONGEST 900u
#define ROOM_BYTES 256u                 /* more than any packet of this guest */
#define SECTION_BYTES 6144u
#define WAIT_SECONDS 10

/* ---- events ---- */

static long
futex(uint32_t *word, int op, uint32_t value, const struct timespec *timeout)
{
	return syscall(SYS_futex, word, op, value, timeout, NULL, 0);
}

void
event_set(struct event *event)
{
	/* As a system call would: what was stored before is visible to who wakes.
	 * ThreadSanitizer learns no order from either line. */
	full_fence();
	__atomic_store_n(&event->word, 1, __ATOMIC_RELAXED);
	futex(&event->word, FUTEX_WAKE_PRIVATE, 1, NULL);
}

bool
event_take(struct event *event)
{
	bool set = __atomic_exchange_n(&event->word, 0, __ATOMIC_RELAXED) != 0;

	full_fence();
	return set;
}

bool
event_wait(struct event *event)
{
	const struct timespec second = { .tv_sec = 1 };

	for (unsigned int i = 0; i < WAIT_SECONDS * 1000u; i++) {
		if (event_take(event))
			return true;
		if (futex(&event->word, FUTEX_WAIT_PRIVATE, 0, &second) < 0)
			i += 999;       /* mostly: the second is over */
	}
	return event_take(event);
}

/* ---- frames ---- */

static void
fault(struct guest *guest, const char *what)
{
	if (guest->fault == NULL)
		guest->fault = what;
}

static uint32_t
frame_build(uint8_t *frame, uint32_t number, uint32_t bytes)
{
	static const uint8_t header[14] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5 };

	memcpy(frame, header, sizeof(header));
	memcpy(frame + 14, &number, 4);
	memcpy(frame + 18, &bytes, 4);
	for (uint32_t i = 22; i < bytes; i++)
		frame[i] = (uint8_t)(number * 31 + i);
	return bytes;
}

static void
frame_check(struct guest *guest, const uint8_t *frame, uint32_t bytes)
{
	uint8_t expected[LONGEST];
	uint32_t number, length;

	memcpy(&number, frame + 14, 4);
	memcpy(&length, frame + 18, 4);
	if (length != bytes || bytes > LONGEST || bytes < SHORTEST) {
		fault(guest, "a frame has another length");
		return;
	}
	frame_build(expected, number, bytes);
	if (memcmp(frame, expected, bytes) != 0)
		fault(guest, "a frame has other bytes");
	if (number < guest->next_expected || number >= guest->next_frame)
		fault(guest, "a frame comes twice or out of order");
	guest->gaps += number - guest->next_expected;
	guest->next_expected = number + 1;
	guest->frames++;
}

/* ---- packets ---- */

void
guest_init(struct guest *guest)
{
	const struct fake_guest_channel *channel = &fake.channel[0];

	*guest = (struct guest) {
		.tx = { .page = channel->tx_page, .data = channel->rings.to_host_data,
			.data_bytes = fake.ring_bytes },
		.rx = { .page = channel->rx_page, .data = channel->rings.to_guest_data,
			.data_bytes = fake.ring_bytes },
		.rng = { 5 },
	};
}

static bool
put(struct guest *guest, const struct tg_piece *pieces, unsigned int n)
{
	bool signal;

	if (tg_tx_ring_put(&guest->tx, pieces, n, &signal) < 0)
		return false;
	if (signal)
		event_set(&guest->signal);
	return true;
}

static uint32_t
message_build(struct guest *guest, uint8_t *at, uint32_t room)
{
	unsigned int n = 1 + rng_below(&guest->rng, GUEST_FRAMES_PER_MESSAGE);
	uint8_t frame[LONGEST];
	uint32_t used = 0;

	for (unsigned int i = 0; i < n && room - used >= LONGEST + 64; i++) {
		uint32_t bytes = SHORTEST + rng_below(&guest->rng,
			LONGEST - SHORTEST + 1);

		used += make_message(at + used, frame,
			frame_build(frame, guest->next_frame++, bytes), NULL, 0);
	}
	return used;
}

bool
guest_send_message(struct guest *guest)
{
	struct vmbus_packet_header header = { VMBUS_PACKET_INBAND, 2, 4, 1, 0 };
	struct nvsp_rndis rndis = { NVSP_RNDIS, NVSP_CHANNEL_DATA, NVSP_SECTION_NONE, 0 };
	struct {
		struct vmbus_gpa_direct direct;
		struct vmbus_gpa_range range;
		uint64_t page;
	} list = { .direct.range_count = 1 };
	struct tg_piece pieces[3] = { { &header, sizeof(header) }, { &list, 0 },
		{ &rndis, sizeof(rndis) } };
	unsigned int slot = 0, index;

	while (slot < GUEST_SLOTS && guest->busy[slot])
		slot++;
	if (slot == GUEST_SLOTS || tg_tx_ring_free(&guest->tx) <= ROOM_BYTES)
		return false;
	header.transaction_id = slot;
	index = slot / 2;
	if (slot % 2 == 0) {
		rndis.section_idx = index;
		rndis.section_bytes = message_build(guest, fake.send + index * SECTION_BYTES,
			SECTION_BYTES);
	} else {
		list.page = index + 1;
		list.range.byte_count = message_build(guest,
			fake.memory + (size_t)index * HV_PAGE_BYTES, HV_PAGE_BYTES);
		pieces[1].bytes = sizeof(list);
		header.type = VMBUS_PACKET_GPA_DIRECT;
		header.data_offset_8b += sizeof(list) / 8;
		header.length_8b += sizeof(list) / 8;
	}
	if (!put(guest, pieces, 3))
		fault(guest, "there was room, and there is none");
	guest->busy[slot] = true;
	guest->in_flight++;
	guest->messages++;
	return true;
}

static void
message_done(struct guest *guest, uint64_t id, const uint8_t *payload, uint32_t bytes)
{
	struct nvsp_rndis_complete complete;

	if (id >= GUEST_SLOTS || !guest->busy[id] || bytes < sizeof(complete)) {
		fault(guest, "a completion of nothing");
		return;
	}
	memcpy(&complete, payload, sizeof(complete));
	if (complete.type != NVSP_RNDIS_COMPLETE || complete.status != NVSP_STATUS_SUCCESS)
		fault(guest, "a completion without success");
	guest->busy[id] = false;
	guest->in_flight--;
}

static void
transfer_take(struct guest *guest, const uint8_t *extension, uint64_t id)
{
	struct vmbus_transfer_pages pages;
	struct vmbus_transfer_range range;

	memcpy(&pages, extension, sizeof(pages));
	for (uint32_t i = 0; i < pages.range_count; i++) {
		struct rndis_packet packet;

		memcpy(&range, extension + sizeof(pages) + i * sizeof(range), sizeof(range));
		if (!range_ok(range.byte_offset, range.byte_count, fake.recv_bytes)) {
			fault(guest, "a range outside of the buffer");
			return;
		}
		memcpy(&packet, fake.recv + range.byte_offset, sizeof(packet));
		if (packet.header.type != RNDIS_PACKET ||
		    !range_ok(8 + (uint64_t)packet.data_offset, packet.data_bytes, range.byte_count)) {
			fault(guest, "no packet in a section");
			return;
		}
		frame_check(guest, fake.recv + range.byte_offset + 8 + packet.data_offset,
			packet.data_bytes);
	}
	if (guest->owed < ARRAY_SIZE(guest->completions))
		guest->completions[guest->owed++] = id;
	else
		fault(guest, "more transfers than sections");
}

static bool
complete_owed(struct guest *guest)
{
	const struct vmbus_packet_header header = { VMBUS_PACKET_COMPLETION, 2, 3, 0, 0 };
	const struct nvsp_rndis_complete complete = { NVSP_RNDIS_COMPLETE, NVSP_STATUS_SUCCESS };
	unsigned int n = 0;

	while (n < guest->owed && tg_tx_ring_free(&guest->tx) > ROOM_BYTES) {
		struct vmbus_packet_header own = header;
		const struct tg_piece pieces[2] = { { &own, sizeof(own) },
			{ &complete, sizeof(complete) } };

		own.transaction_id = guest->completions[n];
		if (!put(guest, pieces, 2))
			break;
		n++;
	}
	guest->owed -= n;
	memmove(guest->completions, guest->completions + n,
		guest->owed * sizeof(guest->completions[0]));
	return n > 0;
}

bool
guest_receive(struct guest *guest)
{
	static uint8_t packet[16384] __attribute__((aligned(8)));
	struct vmbus_packet_header header;
	bool any = false;
	int bytes;

	while ((bytes = tg_rx_ring_get(&guest->rx, packet, sizeof(packet))) > 0) {
		memcpy(&header, packet, sizeof(header));
		if (header.type == VMBUS_PACKET_TRANSFER_PAGES)
			transfer_take(guest, packet + sizeof(header), header.transaction_id);
		else
			message_done(guest, header.transaction_id,
				packet + header.data_offset_8b * 8u,
				(uint32_t)bytes - header.data_offset_8b * 8u);
		any = true;
	}
	if (bytes < 0)
		fault(guest, "a broken ring");
	if (tg_rx_ring_publish(&guest->rx))
		event_set(&guest->signal);
	return complete_owed(guest) || any;
}

/* ---- waiting ---- */

static void
mask_store(struct guest *guest, uint32_t mask)
{
	__atomic_store_n(&guest->rx.page->interrupt_mask, mask, __ATOMIC_RELAXED);
}

static void
wish_store(struct guest *guest, uint32_t bytes)
{
	__atomic_store_n(&guest->tx.page->pending_send_bytes, bytes, __ATOMIC_RELAXED);
}

bool
guest_wait(struct guest *guest, bool for_room)
{
	bool ok = true;

	mask_store(guest, 0);
	if (for_room)
		wish_store(guest, ROOM_BYTES);
	/* Partner: the host's fence after it stores an index and before it looks at
	 * the mask, or at our wish. */
	full_fence();
	if (tg_rx_ring_used(&guest->rx) == 0 &&
	    !(for_room && tg_tx_ring_free(&guest->tx) > ROOM_BYTES)) {
		ok = event_wait(&guest->interrupt);
		guest->packet_waits++;
	}
	wish_store(guest, 0);
	mask_store(guest, 1);
	return ok;
}

bool
guest_wait_room(struct guest *guest, void (*before)(void))
{
	bool ok = true;

	wish_store(guest, ROOM_BYTES);
	full_fence();
	if (tg_tx_ring_free(&guest->tx) <= ROOM_BYTES) {
		before();
		guest->room_waits++;
	}
	while (ok && tg_tx_ring_free(&guest->tx) <= ROOM_BYTES)
		ok = event_wait(&guest->interrupt);
	wish_store(guest, 0);
	return ok;
}
