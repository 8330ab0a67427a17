/* SPDX-License-Identifier: BSD-3-Clause */

/* The host that the floor is measured against; see floor_host.h. */

#include "floor_host.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "nvsp_wire.h"
#include "rndis_wire.h"

#define RING_DATA_BYTES (256u << 10)
#define RING_BYTES (HV_PAGE_BYTES + RING_DATA_BYTES)
#define SECTION_BYTES 2048u
#define FRAME_AT 80u            /* where hosts put frames in a section */

/* ---- memory ---- */

static void
ring_at(struct floor_ring *ring, uint8_t *at)
{
	ring->page = (struct vmbus_ring_page *)at;
	ring->data = at + HV_PAGE_BYTES;
	ring->data_bytes = RING_DATA_BYTES;
	ring->index = 0;
}

int
floor_host_create(struct floor_host *host, struct floor *guest, uint32_t sections)
{
	uint64_t recv_bytes = (uint64_t)sections * SECTION_BYTES;
	uint8_t *at;

	memset(host, 0, sizeof(*host));
	memset(guest, 0, sizeof(*guest));
	host->memory_bytes = 2 * RING_BYTES + recv_bytes + FLOOR_SLOTS * FLOOR_SECTION_BYTES;
	host->memory = mmap(NULL, host->memory_bytes, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (host->memory == MAP_FAILED) {
		host->memory = NULL;
		return -ENOMEM;
	}
	at = host->memory;
	host->guest = guest;
	ring_at(&guest->tx, at);
	ring_at(&host->rx, at);
	ring_at(&guest->rx, at + RING_BYTES);
	ring_at(&host->tx, at + RING_BYTES);
	host->recv_buffer = at + 2 * RING_BYTES;
	host->recv_section_bytes = SECTION_BYTES;
	host->recv_sections = sections;
	guest->recv_buffer = host->recv_buffer;
	guest->recv_bytes = (uint32_t)recv_bytes;
	guest->send_buffer = host->recv_buffer + recv_bytes;
	for (uint16_t i = 0; i < FLOOR_SLOTS; i++)
		guest->free_slots[guest->free_count++] = (uint16_t)(FLOOR_SLOTS - 1 - i);
	return 0;
}

void
floor_host_destroy(struct floor_host *host)
{
	if (host->memory != NULL)
		munmap(host->memory, host->memory_bytes);
	host->memory = NULL;
}

/* ---- rings: byte by byte where they wrap, nobody counts this side ---- */

static void
host_write(struct floor_ring *ring, const void *from, uint32_t bytes)
{
	for (uint32_t i = 0; i < bytes; i++) {
		ring->data[ring->index] = ((const uint8_t *)from)[i];
		ring->index = (ring->index + 1) % ring->data_bytes;
	}
}

static void
host_read(const struct floor_ring *ring, uint32_t offset, void *to, uint32_t bytes)
{
	for (uint32_t i = 0; i < bytes; i++)
		((uint8_t *)to)[i] = ring->data[(ring->index + offset + i) % ring->data_bytes];
}

static void
host_publish(struct floor_ring *ring)
{
	__atomic_store_n(&ring->page->write_index, ring->index, __ATOMIC_RELEASE);
}

static uint32_t
host_room(const struct floor_ring *ring)
{
	uint32_t read = __atomic_load_n(&ring->page->read_index, __ATOMIC_ACQUIRE);

	return (read + ring->data_bytes - ring->index - 1) % ring->data_bytes;
}

/* ---- frames ---- */

void
floor_host_frame_fill(uint8_t *frame, uint64_t sequence, uint32_t frame_bytes)
{
	for (uint32_t i = 0; i < frame_bytes; i++)
		frame[i] = (uint8_t)(sequence * 37 + i * 11);
}

bool
floor_host_frame_ok(const struct rte_mbuf *m, uint64_t sequence, uint32_t frame_bytes)
{
	const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);
	const uint64_t good = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;

	if (m->pkt_len != frame_bytes || m->data_len != frame_bytes || m->nb_segs != 1 ||
	    m->next != NULL || m->ol_flags != good || rte_mbuf_refcnt_read(m) != 1)
		return false;
	for (uint32_t i = 0; i < frame_bytes; i++)
		if (frame[i] != (uint8_t)(sequence * 37 + i * 11))
			return false;
	return true;
}

/* One frame into the next section. */
static struct vmbus_transfer_range
section_fill(struct floor_host *host, uint32_t frame_bytes)
{
	uint32_t offset = host->next_section * host->recv_section_bytes;
	uint8_t *to = host->recv_buffer + offset;
	const struct rndis_ppi ppi = { 16, RNDIS_PPI_CHECKSUM, sizeof(ppi) };
	const uint32_t good = RNDIS_RX_CSUM_IP_OK | RNDIS_RX_CSUM_TCP_OK;
	const struct rndis_packet packet = {
		.header = { RNDIS_PACKET, FRAME_AT + frame_bytes },
		.data_offset = FRAME_AT - sizeof(struct rndis_header), .data_bytes = frame_bytes,
		.ppi_offset = sizeof(packet) - sizeof(struct rndis_header), .ppi_bytes = 16,
	};

	memcpy(to, &packet, sizeof(packet));
	memcpy(to + sizeof(packet), &ppi, sizeof(ppi));
	memcpy(to + sizeof(packet) + sizeof(ppi), &good, sizeof(good));
	floor_host_frame_fill(to + FRAME_AT, host->sequence++, frame_bytes);
	host->next_section = (host->next_section + 1) % host->recv_sections;
	return (struct vmbus_transfer_range) { FRAME_AT + frame_bytes, offset };
}

static void
transfer_write(struct floor_host *host, uint32_t frames, uint32_t frame_bytes)
{
	const struct nvsp_rndis body = { NVSP_RNDIS, NVSP_CHANNEL_DATA, NVSP_SECTION_NONE, 0 };
	const uint32_t data_at = (uint32_t)(sizeof(struct vmbus_packet_header) +
		sizeof(struct vmbus_transfer_pages) + frames * sizeof(struct vmbus_transfer_range));
	const struct vmbus_packet_header header = {
		.type = VMBUS_PACKET_TRANSFER_PAGES, .data_offset_8b = (uint16_t)(data_at / 8),
		.length_8b = (uint16_t)((data_at + sizeof(body)) / 8),
		.flags = VMBUS_PACKET_FLAG_COMPLETION_REQUESTED, .transaction_id = host->next_id++,
	};
	const struct vmbus_transfer_pages pages = { FLOOR_RECV_SET, 0, frames };
	const struct vmbus_packet_footer footer = { 0, host->tx.index };

	host_write(&host->tx, &header, sizeof(header));
	host_write(&host->tx, &pages, sizeof(pages));
	for (uint32_t i = 0; i < frames; i++) {
		struct vmbus_transfer_range range = section_fill(host, frame_bytes);

		host_write(&host->tx, &range, sizeof(range));
	}
	host_write(&host->tx, &body, sizeof(body));
	host_write(&host->tx, &footer, sizeof(footer));
	host->owed++;
}

bool
floor_host_produce(struct floor_host *host, uint32_t transfers, uint32_t frames,
	uint32_t frame_bytes)
{
	uint32_t bytes = transfers * (48u + frames * 8u);

	if (host_room(&host->tx) < bytes || transfers * frames > host->recv_sections ||
	    frame_bytes + FRAME_AT > host->recv_section_bytes)
		return false;
	for (uint32_t i = 0; i < transfers; i++)
		transfer_write(host, frames, frame_bytes);
	host_publish(&host->tx);
	return true;
}

/* ---- what the guest wrote ---- */

/* The frames of one message, in order, as floor_host_frame_fill() made them. */
static void
message_check(struct floor_host *host, const struct nvsp_rndis *body)
{
	const uint8_t *at = host->guest->send_buffer + body->section_idx * FLOOR_SECTION_BYTES;
	uint32_t left = body->section_bytes;
	struct rndis_packet packet;

	while (left >= sizeof(packet)) {
		memcpy(&packet, at, sizeof(packet));
		if (packet.header.type != RNDIS_PACKET || packet.header.msg_bytes > left ||
		    (packet.header.msg_bytes & 7) != 0 ||
		    packet.data_offset + 8 + packet.data_bytes > packet.header.msg_bytes)
			break;
		for (uint32_t i = 0; i < packet.data_bytes; i++)
			if (at[8 + packet.data_offset + i] !=
			    (uint8_t)(host->frames_sent * 37 + i * 11)) {
				host->violations++;
				break;
			}
		host->frames_sent++;
		at += packet.header.msg_bytes;
		left -= packet.header.msg_bytes;
	}
	host->violations += left != 0;
}

static void
message_complete(struct floor_host *host, uint64_t id)
{
	const struct vmbus_packet_header header = {
		.type = VMBUS_PACKET_COMPLETION, .data_offset_8b = 2, .length_8b = 3,
		.transaction_id = id,
	};
	const struct nvsp_rndis_complete body = { NVSP_RNDIS_COMPLETE, NVSP_STATUS_SUCCESS };
	const struct vmbus_packet_footer footer = { 0, host->tx.index };

	host_write(&host->tx, &header, sizeof(header));
	host_write(&host->tx, &body, sizeof(body));
	host_write(&host->tx, &footer, sizeof(footer));
}

static void
packet_consume(struct floor_host *host, const struct vmbus_packet_header *header)
{
	struct nvsp_rndis body;

	if (header->type == VMBUS_PACKET_COMPLETION) {
		if (host->owed-- == 0)
			host->violations++;
		return;
	}
	host_read(&host->rx, header->data_offset_8b * 8u, &body, sizeof(body));
	if (header->type != VMBUS_PACKET_INBAND || body.type != NVSP_RNDIS ||
	    body.section_idx >= FLOOR_SLOTS || body.section_bytes > FLOOR_SECTION_BYTES) {
		host->violations++;
		return;
	}
	message_check(host, &body);
	message_complete(host, header->transaction_id);
}

void
floor_host_consume(struct floor_host *host)
{
	uint32_t write = __atomic_load_n(&host->rx.page->write_index, __ATOMIC_ACQUIRE);

	while (host->rx.index != write) {
		struct vmbus_packet_header header;

		host_read(&host->rx, 0, &header, sizeof(header));
		packet_consume(host, &header);
		host->rx.index = (host->rx.index + header.length_8b * 8u + 8u) % host->rx.data_bytes;
	}
	__atomic_store_n(&host->rx.page->read_index, host->rx.index, __ATOMIC_RELEASE);
	host_publish(&host->tx);
}
