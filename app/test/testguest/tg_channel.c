/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One channel: packets out with the signalling rules, packets in with a
 * dispatcher, transactions by slot and generation, completions owed to the
 * host in a list of their own, because they need room in the transmit ring.
 */

#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tg.h"

#define PACKET_ROOM 16384u      /* 562 ranges need less than 5 KiB */
#define POLL_PACKETS 1024u      /* in one tg_poll(): it always ends */
#define SLOT_BITS 16u

unsigned int tg_faults;

void
tg_fault(const struct tg_device *dev, const char *format, ...)
{
	va_list args;

	if (++tg_faults > 20)
		return;
	fprintf(stderr, "host fault: %s: ", dev->name);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

uint64_t
tg_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

/* ---- to the host ---- */

static void
signal_by_interrupt_page(struct tg_channel *ch)
{
	struct tg_device *dev = ch->dev;
	uint8_t *to_host = (uint8_t *)dev->map[UIO_MAP_INT_PAGE] + VMBUS_INT_PAGE_HALF_BYTES;
	int32_t on = 1;

	__atomic_fetch_or(&to_host[ch->relid / 8], (uint8_t)(1u << ch->relid % 8),
		__ATOMIC_SEQ_CST);
	if (write(dev->fd, &on, sizeof(on)) != (ssize_t)sizeof(on) && errno != EIO)
		tg_fault(dev, "write to uio%u: %s", dev->uio, strerror(errno));
	/* The kernel has opened the masks of all receive rings: shut them again. */
	for (unsigned int i = 0; i < TG_CHANNELS_MAX; i++)
		if (dev->channel[i] != NULL)
			__atomic_store_n(&dev->channel[i]->rx.page->interrupt_mask, 1,
				__ATOMIC_SEQ_CST);
}

void
tg_signal(struct tg_channel *ch)
{
	struct vmbus_monitor_page *monitor = ch->dev->map[UIO_MAP_MONITOR_PAGE];

	ch->counters.signals++;
	if (ch->monitor_id == VMBUS_MONITOR_NONE) {
		signal_by_interrupt_page(ch);
		return;
	}
	__atomic_fetch_or(&monitor->trigger[ch->monitor_id / VMBUS_MONITOR_BITS].pending,
		1u << ch->monitor_id % VMBUS_MONITOR_BITS, __ATOMIC_SEQ_CST);
}

int
tg_send(struct tg_channel *ch, uint16_t type, uint16_t flags, uint64_t tid,
	const struct tg_piece body[3])
{
	struct vmbus_packet_header header = { .type = type, .flags = flags,
		.transaction_id = tid };
	uint32_t data_at = (uint32_t)sizeof(header) + body[0].bytes;
	uint32_t end = data_at + body[1].bytes + body[2].bytes;
	struct tg_piece pieces[4] = { { &header, sizeof(header) }, body[0], body[1], body[2] };
	bool signal;
	int err;

	header.data_offset_8b = (uint16_t)(data_at / 8u);
	header.length_8b = (uint16_t)((end + 7u) / 8u);
	err = tg_tx_ring_put(&ch->tx, pieces, 4, &signal);
	if (err < 0) {
		ch->counters.tx_full++;
		return err;
	}
	if (signal)
		tg_signal(ch);
	return 0;
}

/* ---- transactions ---- */

static uint64_t
slot_tid(const struct tg_channel *ch, const struct tg_slot *slot)
{
	return (uint64_t)(slot - ch->slots) | (uint64_t)slot->generation << SLOT_BITS |
		(uint64_t)ch->index << 48;
}

struct tg_slot *
tg_slot_open(struct tg_channel *ch, uint64_t *tid)
{
	struct tg_slot *slot;
	uint16_t generation;

	if (ch->free_slot_count == 0)
		return NULL;
	slot = &ch->slots[ch->free_slots[--ch->free_slot_count]];
	generation = (uint16_t)(slot->generation + 1);
	*slot = (struct tg_slot){ .busy = true, .generation = generation,
		.section = NVSP_SECTION_NONE };
	*tid = slot_tid(ch, slot);
	return slot;
}

void
tg_slot_close(struct tg_channel *ch, struct tg_slot *slot)
{
	struct tg_device *dev = ch->dev;

	if (slot->section != NVSP_SECTION_NONE)
		dev->free_sections[dev->free_section_count++] = slot->section;
	slot->section = NVSP_SECTION_NONE;
	slot->busy = false;
	ch->free_slots[ch->free_slot_count++] = (unsigned int)(slot - ch->slots);
}

uint8_t *
tg_slot_memory(struct tg_channel *ch, const struct tg_slot *slot)
{
	if (ch->memory.base == NULL && tg_memory_create(&ch->memory, ch->dev->memory_kind,
			(uint64_t)TG_SLOTS * TG_SLOT_BYTES) < 0)
		return NULL;
	return ch->memory.base + (size_t)(slot - ch->slots) * TG_SLOT_BYTES;
}

static void
slot_completed(struct tg_channel *ch, uint64_t tid, const uint8_t *payload, uint32_t bytes)
{
	uint32_t number = (uint32_t)(tid & ((1u << SLOT_BITS) - 1));
	struct tg_slot *slot = &ch->slots[number];
	struct nvsp_rndis_complete done = { 0 };

	if (number >= TG_SLOTS || !slot->busy || slot->done || slot_tid(ch, slot) != tid) {
		tg_fault(ch->dev, "channel %u: completion of unknown transaction 0x%llx",
			ch->index, (unsigned long long)tid);
		return;
	}
	slot->done = true;
	slot->reply_bytes = bytes;
	if (slot->reply != NULL) {
		memcpy(slot->reply, payload, bytes < slot->reply_room ? bytes : slot->reply_room);
		return;
	}
	if (bytes < sizeof(done))
		tg_fault(ch->dev, "channel %u: RNDIS completion of %u bytes", ch->index, bytes);
	else
		memcpy(&done, payload, sizeof(done));
	if (done.type != NVSP_RNDIS_COMPLETE)
		tg_fault(ch->dev, "channel %u: RNDIS completion of type %u", ch->index, done.type);
	slot->status = done.status;
	ch->counters.tx_done++;
	if (done.status != NVSP_STATUS_SUCCESS)
		ch->counters.tx_failed++;
	if (slot->detached)
		tg_slot_close(ch, slot);
}

/* ---- completions owed to the host ---- */

void
tg_ack(struct tg_channel *ch, uint64_t tid)
{
	if (ch->ack_count == TG_SECTIONS_MAX) {
		tg_fault(ch->dev, "channel %u: more transfers than sections", ch->index);
		return;
	}
	ch->acks[ch->ack_count++] = tid;
}

void
tg_flush_acks(struct tg_channel *ch)
{
	struct nvsp_rndis_complete ack = { NVSP_RNDIS_COMPLETE, NVSP_STATUS_SUCCESS };
	struct tg_piece body[3] = { { NULL, 0 }, { &ack, sizeof(ack) }, { NULL, 0 } };
	unsigned int sent = 0;

	while (sent < ch->ack_count) {
		tg_rx_unhold(ch, ch->acks[sent]);
		if (tg_send(ch, VMBUS_PACKET_COMPLETION, 0, ch->acks[sent], body) < 0)
			break;
		sent++;
	}
	ch->ack_count -= sent;
	memmove(ch->acks, ch->acks + sent, ch->ack_count * sizeof(ch->acks[0]));
}

unsigned int
tg_release(struct tg_channel *ch, unsigned int n)
{
	if (n > ch->held_count)
		n = ch->held_count;
	for (unsigned int i = 0; i < n; i++)
		tg_ack(ch, ch->held[i]);
	ch->held_count -= n;
	memmove(ch->held, ch->held + n, ch->held_count * sizeof(ch->held[0]));
	tg_flush_acks(ch);
	return n;
}

/* ---- from the host ---- */

static void
indirection_table(struct tg_device *dev, const uint8_t *payload, uint32_t bytes)
{
	struct nvsp_indirection_table head;
	uint32_t off;

	memcpy(&head, payload, sizeof(head));
	off = head.offset;
	/* Some hosts up to version 6.0 announce a wrong offset in a longer message. */
	if (dev->nvsp <= NVSP_VERSION_6 && bytes >= 40 + sizeof(dev->table))
		off = 40;
	if (head.count != NVSP_INDIRECTION_ENTRIES || off > bytes ||
			sizeof(dev->table) > bytes - off) {
		tg_fault(dev, "indirection table: count %u, offset %u in %u bytes", head.count,
			head.offset, bytes);
		return;
	}
	memcpy(dev->table, payload + off, sizeof(dev->table));
	dev->tables++;
}

static void
inband(struct tg_channel *ch, const struct vmbus_packet_header *header, const uint8_t *payload,
	uint32_t bytes)
{
	struct tg_device *dev = ch->dev;
	struct nvsp_vf_association vf;
	struct nvsp_switch_data_path path;
	uint32_t type;

	if (bytes < 12 && bytes < sizeof(path)) {
		tg_fault(dev, "channel %u: in-band message of %u bytes", ch->index, bytes);
		return;
	}
	memcpy(&type, payload, sizeof(type));
	if (type == NVSP_VF_ASSOCIATION && bytes >= sizeof(vf)) {
		memcpy(&vf, payload, sizeof(vf));
		dev->vf_allocated = vf.allocated;
		dev->vf_serial = vf.serial;
		dev->vf_messages++;
		if (header->transaction_id != NVSP_TID_VF_ASSOCIATION)
			tg_fault(dev, "VF association under another id");
	} else if (type == NVSP_SWITCH_DATA_PATH) {
		memcpy(&path, payload, sizeof(path));
		dev->data_path = path.path;
		dev->switch_messages++;
	} else if (type == NVSP_INDIRECTION_TABLE && bytes >= sizeof(struct nvsp_indirection_table)) {
		indirection_table(dev, payload, bytes);
	} else {
		tg_fault(dev, "channel %u: in-band message of type %u", ch->index, type);
	}
	if (ch->index != 0)
		tg_fault(dev, "in-band message %u on subchannel %u", type, ch->index);
}

static void
dispatch(struct tg_channel *ch, const uint8_t *packet, uint32_t bytes)
{
	struct vmbus_packet_header header;
	uint32_t at;

	memcpy(&header, packet, sizeof(header));
	at = header.data_offset_8b * 8u;
	if ((header.flags & ~VMBUS_PACKET_FLAG_COMPLETION_REQUESTED) != 0)
		tg_fault(ch->dev, "channel %u: flags 0x%x", ch->index, header.flags);
	switch (header.type) {
	case VMBUS_PACKET_COMPLETION:
		slot_completed(ch, header.transaction_id, packet + at, bytes - at);
		break;
	case VMBUS_PACKET_TRANSFER_PAGES:
		tg_rx_transfer(ch, packet, bytes);
		break;
	case VMBUS_PACKET_INBAND:
		inband(ch, &header, packet + at, bytes - at);
		break;
	default:
		tg_fault(ch->dev, "channel %u: packet type %u", ch->index, header.type);
	}
}

unsigned int
tg_poll(struct tg_channel *ch)
{
	static uint8_t packet[PACKET_ROOM] __attribute__((aligned(8)));
	unsigned int n = 0;
	int bytes = 0;

	while (n < POLL_PACKETS && (bytes = tg_rx_ring_get(&ch->rx, packet, PACKET_ROOM)) > 0) {
		dispatch(ch, packet, (uint32_t)bytes);
		n++;
	}
	if (bytes < 0)
		tg_fault(ch->dev, "channel %u: broken ring (%s)", ch->index, strerror(-bytes));
	if (tg_rx_ring_publish(&ch->rx)) {
		ch->counters.signals_pending_send++;
		tg_signal(ch);
	}
	if (ch->ack_count > 0)
		tg_flush_acks(ch);
	ch->packets += n;
	return n;
}

unsigned int
tg_poll_all(struct tg_device *dev)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < TG_CHANNELS_MAX; i++)
		if (dev->channel[i] != NULL)
			n += tg_poll(dev->channel[i]);
	return n;
}

int
tg_wait(struct tg_device *dev, const volatile uint64_t *what, uint64_t value, unsigned int ms)
{
	uint64_t end = tg_now_ns() + ms * 1000000ull;

	while (*what < value) {
		if (tg_poll_all(dev) > 0)
			continue;
		if (tg_now_ns() > end)
			return -ETIMEDOUT;
		sched_yield();
	}
	return 0;
}

/* Waits for a slot to finish; on success the caller closes it. */
static int
await_slot(struct tg_channel *ch, const struct tg_slot *slot, unsigned int ms)
{
	uint64_t end = tg_now_ns() + ms * 1000000ull;

	while (!slot->done) {
		if (tg_poll_all(ch->dev) > 0)
			continue;
		if (tg_now_ns() > end)
			return -ETIMEDOUT;
		sched_yield();
	}
	return 0;
}

int
tg_transact(struct tg_channel *ch, const void *message, uint32_t bytes, void *reply,
	uint32_t reply_room)
{
	static const uint8_t zeros[NVSP_MSG_BYTES_V61];
	uint32_t pad = tg_nvsp_pad(ch->dev);
	struct tg_piece body[3] = { { NULL, 0 }, { message, bytes },
		{ zeros, bytes < pad ? pad - bytes : 0 } };
	uint8_t nothing[8];
	struct tg_slot *slot;
	uint64_t tid;
	int err;

	slot = tg_slot_open(ch, &tid);
	if (slot == NULL)
		return -EAGAIN;
	slot->reply = reply != NULL ? reply : nothing;
	slot->reply_room = reply != NULL ? reply_room : sizeof(nothing);
	err = tg_send(ch, VMBUS_PACKET_INBAND, VMBUS_PACKET_FLAG_COMPLETION_REQUESTED, tid, body);
	if (err == 0)
		err = await_slot(ch, slot, TG_WAIT_MS);
	if (err == -ETIMEDOUT) {
		/* It may still come: the slot stays busy, but must not write here. */
		slot->reply_room = 0;
		return err;
	}
	tg_slot_close(ch, slot);
	return err < 0 ? err : (int)slot->reply_bytes;
}

int
tg_tx_await(struct tg_channel *ch, uint64_t tid, unsigned int ms)
{
	struct tg_slot *slot = &ch->slots[tid & ((1u << SLOT_BITS) - 1)];
	int err = await_slot(ch, slot, ms);

	if (err < 0)
		return err;
	tg_slot_close(ch, slot);
	return (int)slot->status;
}
