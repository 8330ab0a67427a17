/* SPDX-License-Identifier: BSD-3-Clause */

/* The data path of the scripted host; see fake_data.h. */

#include "fake_data.h"

#include <stdlib.h>
#include <string.h>

#include "netvsc_burst.h"
#include "netvsc_lease.h"
#include "netvsc_link.h"
#include "netvsc_offload.h"
#include "netvsc_queue.h"
#include "netvsc_stats.h"
#include "netvsc_status.h"

#define FIRST_DATA_SECTION 16u

static struct fake_data *fake_data;

static void
wrong(struct fake_data *d, const char *what)
{
	print_error("fake host: data: %s\n", what);
	d->host->errors++;
}

/* ---- messages from the guest ---- */

static const uint8_t *
keep(const uint8_t *from, uint32_t bytes)
{
	uint8_t *copy = malloc(bytes);

	assert_non_null(copy);
	memcpy(copy, from, bytes);
	return copy;
}

static void
take_ppi(struct fake_data *d, struct fake_frame *frame, const uint8_t *at, uint32_t left)
{
	while (left >= sizeof(struct rndis_ppi) + 4) {
		struct rndis_ppi ppi;

		memcpy(&ppi, at, sizeof(ppi));
		if (ppi.bytes < sizeof(ppi) + 4 || ppi.bytes > left || frame->ppi_count == FAKE_PPI_MAX)
			break;
		frame->ppi[frame->ppi_count].type = ppi.type;
		memcpy(&frame->ppi[frame->ppi_count++].value, at + ppi.data_offset, 4);
		at += ppi.bytes;
		left -= ppi.bytes;
	}
	if (left != 0)
		wrong(d, "information that is none");
}

/* One packet of a message; returns its length, 0 if it is none. */
static uint32_t
take_packet(struct fake_data *d, const uint8_t *at, uint32_t left, bool by_page)
{
	struct fake_frame *frame = &d->frame[d->frames];
	struct rndis_packet packet;
	uint32_t end;

	assert_true(d->frames < FAKE_FRAMES_MAX);
	memset(frame, 0, sizeof(*frame));
	if (left < sizeof(packet))
		return 0;
	memcpy(&packet, at, sizeof(packet));
	end = 8 + packet.data_offset + packet.data_bytes;
	if (packet.header.type != RNDIS_PACKET || packet.header.msg_bytes > left ||
	    packet.data_bytes == 0 || end > packet.header.msg_bytes || packet.oob_bytes != 0 ||
	    packet.oob_offset != 0 || packet.oob_count != 0 || packet.vc_handle != 0 ||
	    packet.reserved != 0)
		return 0;
	take_ppi(d, frame, at + 8 + packet.ppi_offset, packet.ppi_bytes);
	frame->data = keep(at + 8 + packet.data_offset, packet.data_bytes);
	frame->bytes = packet.data_bytes;
	frame->message = d->messages;
	frame->by_page = by_page;
	for (uint32_t i = end; i < packet.header.msg_bytes; i++)
		frame->padding_dirty |= at[i] != 0;
	d->frames++;
	return packet.header.msg_bytes;
}

static void
take_message(struct fake_data *d, const uint8_t *message, uint32_t bytes, bool by_page)
{
	uint32_t at = 0, frames = 0;

	while (at < bytes) {
		uint32_t packet = take_packet(d, message + at, bytes - at, by_page);

		if (packet == 0) {
			wrong(d, "a packet that is none");
			break;
		}
		d->aligned_wrong += at % (1u << d->host->set.alignment_shift) != 0;
		at += packet;
		frames++;
	}
	d->messages++;
	d->message_frames_max = RTE_MAX(d->message_frames_max, frames);
	d->message_bytes_max = RTE_MAX(d->message_bytes_max, bytes);
}

/* Gathers section and page list; page numbers are virtual addresses here. */
static uint32_t
gather(struct fake_data *d, const struct vmbus_packet_header *header, const uint8_t *packet,
	uint8_t *to)
{
	const uint8_t *at = packet + sizeof(*header);
	struct vmbus_gpa_direct direct = { 0 };
	struct nvsp_rndis nvsp;
	uint32_t bytes = 0;

	memcpy(&nvsp, packet + header->data_offset_8b * 8u, sizeof(nvsp));
	if (nvsp.section_idx != NVSP_SECTION_NONE) {
		if (nvsp.section_bytes > d->host->set.send_section_bytes)
			wrong(d, "a message beyond its section");
		memcpy(to, fake_world.send + (size_t)nvsp.section_idx *
			d->host->set.send_section_bytes, nvsp.section_bytes);
		bytes = nvsp.section_bytes;
	}
	if (header->type != VMBUS_PACKET_GPA_DIRECT)
		return bytes;
	memcpy(&direct, at, sizeof(direct));
	at += sizeof(direct);
	for (uint32_t i = 0; i < direct.range_count; i++) {
		struct vmbus_gpa_range range;
		uint32_t left, offset;

		memcpy(&range, at, sizeof(range));
		at += sizeof(range);
		offset = range.byte_offset;
		for (left = range.byte_count; left > 0; at += 8) {
			uint32_t part = RTE_MIN(left, HV_PAGE_BYTES - offset);
			uint64_t page;

			memcpy(&page, at, sizeof(page));
			memcpy(to + bytes, (const uint8_t *)(uintptr_t)(page * HV_PAGE_BYTES) + offset,
				part);
			bytes += part;
			left -= part;
			offset = 0;
		}
	}
	return bytes;
}

static void
data_arrived(const struct vmbus_packet_header *header, const uint8_t *packet)
{
	static uint8_t message[131072];
	struct fake_data *d = fake_data;
	uint32_t bytes = gather(d, header, packet, message);

	take_message(d, message, bytes, header->type == VMBUS_PACKET_GPA_DIRECT);
	if (header->flags != VMBUS_PACKET_FLAG_COMPLETION_REQUESTED)
		wrong(d, "a message without a wish for completion");
	assert_true(d->held_count < RTE_DIM(d->held));
	d->held[d->held_count++] = header->transaction_id;
	if (!d->hold)
		fake_data_complete(d);
}

void
fake_data_complete(struct fake_data *d)
{
	const struct nvsp_rndis_complete complete = { NVSP_RNDIS_COMPLETE, d->status };

	for (uint32_t i = 0; i < d->held_count; i++)
		fake_host_complete(d->held[i], &complete, sizeof(complete));
	d->held_count = 0;
}

uint32_t
fake_frame_ppi(const struct fake_frame *frame, uint32_t type)
{
	for (uint32_t i = 0; i < frame->ppi_count; i++)
		if (frame->ppi[i].type == type)
			return frame->ppi[i].value;
	return FAKE_NO_PPI;
}

/* ---- frames to the guest ---- */

static struct vmbus_transfer_range
place(struct fake_data *d, const struct fake_frame *frame)
{
	const uint32_t sections = FAKE_RECV_BYTES / FAKE_SUBALLOC_BYTES - FIRST_DATA_SECTION;
	uint32_t offset = (FIRST_DATA_SECTION + d->section_next++ % sections) * FAKE_SUBALLOC_BYTES;
	uint8_t *to = fake_world.recv + offset;
	struct rndis_packet packet = { .header = { RNDIS_PACKET, 0 } };
	uint32_t ppi_bytes = frame->ppi_count * 16, data_at = (uint32_t)sizeof(packet) + ppi_bytes;

	memset(to, 0xee, FAKE_SUBALLOC_BYTES);
	for (uint32_t i = 0; i < frame->ppi_count; i++) {
		const uint32_t ppi[4] = { 16, frame->ppi[i].type, 12, frame->ppi[i].value };

		memcpy(to + sizeof(packet) + i * 16, ppi, sizeof(ppi));
	}
	packet.ppi_offset = ppi_bytes == 0 ? 0 : sizeof(packet) - 8;
	packet.ppi_bytes = ppi_bytes;
	packet.data_offset = data_at - 8;
	packet.data_bytes = frame->malformed ? 0xfffffff0 : frame->bytes;
	packet.header.msg_bytes = data_at + frame->bytes;
	memcpy(to, &packet, sizeof(packet));
	memcpy(to + data_at, frame->data, frame->bytes);
	fake_host_show(FAKE_SHOW_RNDIS, to, data_at + frame->bytes);
	return (struct vmbus_transfer_range) { data_at + frame->bytes,
		frame->outside ? FAKE_RECV_BYTES - 8 : offset };
}

void
fake_data_send(struct fake_data *d, const struct fake_frame *frames, unsigned int count)
{
	const struct nvsp_rndis nvsp = { .type = NVSP_RNDIS, .channel_type = NVSP_CHANNEL_DATA,
		.section_idx = NVSP_SECTION_NONE };
	struct {
		struct vmbus_transfer_pages pages;
		struct vmbus_transfer_range range[64];
	} ext = { .pages = { .set_id = NETVSC_RECV_BUFFER_ID, .range_count = count } };
	struct fake_packet packet = {
		.type = VMBUS_PACKET_TRANSFER_PAGES, .transaction_id = d->transfer_id++,
		.ext = &ext, .ext_bytes = (uint32_t)(sizeof(ext.pages) + count * sizeof(ext.range[0])),
		.payload = &nvsp, .bytes = sizeof(nvsp),
	};

	assert_true(count <= RTE_DIM(ext.range));
	for (unsigned int i = 0; i < count; i++)
		ext.range[i] = place(d, &frames[i]);
	d->host->acks_owed++;
	fake_world_write(&packet);
}

/* ---- the guest's end ---- */

uint16_t
fake_rx(struct fake_data *d, struct rte_mbuf **pkts, uint16_t n)
{
	return netvsc_rx_burst(d->eth->data->rx_queues[0], pkts, n);
}

uint16_t
fake_tx(struct fake_data *d, struct rte_mbuf **pkts, uint16_t n)
{
	return netvsc_tx_burst(d->eth->data->tx_queues[0], pkts, n);
}

void
fake_settle(struct fake_data *d)
{
	netvsc_tx_done_cleanup(d->eth->data->tx_queues[0], 0);
}

struct rte_mbuf *
fake_mbuf(struct fake_data *d, uint32_t bytes, unsigned int segments, uint8_t seed)
{
	struct rte_mbuf *head = NULL, *last = NULL;

	for (uint32_t at = 0, i = 0; i < segments; i++) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(d->pool.mp);
		uint32_t part = i + 1 == segments ? bytes - at : (bytes - at) / (segments - i);

		assert_non_null(m);
		for (uint32_t k = 0; k < part; k++, at++)
			rte_pktmbuf_mtod(m, uint8_t *)[k] = (uint8_t)(at * 7 + seed);
		m->data_len = (uint16_t)part;
		m->pkt_len = part;
		if (head == NULL) {
			head = m;
		} else {
			last->next = m;
			head->nb_segs++;
			head->pkt_len += part;
		}
		last = m;
	}
	return head;
}

struct rte_mbuf *
fake_mbuf_of(struct fake_data *d, const void *data, uint32_t bytes)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(d->pool.mp);

	assert_non_null(m);
	memcpy(rte_pktmbuf_mtod(m, void *), data, bytes);
	m->data_len = (uint16_t)bytes;
	m->pkt_len = bytes;
	return m;
}

struct rte_eth_stats
fake_stats(struct fake_data *d)
{
	struct rte_eth_stats stats = { 0 };

	assert_int_equal(netvsc_stats_get(d->eth, &stats NETVSC_COMPAT_QSTATS_NONE), 0);
	return stats;
}

/* ---- start and stop ---- */

/* Behind the last queue stands none: whoever takes it for one crashes, and whoever
 * writes its state is found out. */
#define NO_QUEUE ((void *)(UINTPTR_MAX / 2))
#define NO_QUEUE_STATE 0x55

static void
queues_create(struct fake_data *d, const struct fake_setup *setup)
{
	static void *rx_queues[2], *tx_queues[2];
	const struct rte_eth_rxconf rxconf = { 0 };
	const struct rte_eth_txconf txconf = { 0 };
	struct rte_eth_dev_data *data = d->eth->data;

	data->dev_private = &d->host->dev;
	rx_queues[1] = tx_queues[1] = NO_QUEUE;
	data->rx_queue_state[1] = data->tx_queue_state[1] = NO_QUEUE_STATE;
	data->rx_queues = rx_queues;
	data->tx_queues = tx_queues;
	data->nb_rx_queues = data->nb_tx_queues = 1;
	data->dev_conf.rxmode.offloads = setup->rx_offloads;
	data->dev_conf.txmode.offloads = setup->tx_offloads;
	d->host->dev.args.rx_extmbuf = setup->lend;
	d->host->dev.args.rx_copybreak = setup->rx_copybreak;
	netvsc_lease_open(&d->host->dev);
	assert_int_equal(netvsc_queues_fit(d->eth), 0);
	assert_int_equal(netvsc_offload_set(&d->host->dev, setup->tx_offloads, setup->rx_offloads), 0);
	assert_int_equal(netvsc_rx_queue_setup(d->eth, 0, 128, 0, &rxconf, d->pool.mp), 0);
	assert_int_equal(netvsc_tx_queue_setup(d->eth, 0, setup->nb_desc != 0 ? setup->nb_desc : 64,
		0, &txconf), 0);
	assert_int_equal(netvsc_queues_start(d->eth), 0);
}

struct fake_data *
fake_data_start(const struct fake_setup *setup)
{
	struct fake_data *d = calloc(1, sizeof(*d));

	assert_non_null(d);
	fake_data = d;
	d->status = NVSP_STATUS_SUCCESS;
	d->transfer_id = 5000;
	d->host = fake_host_start(!setup->no_page_lists);
	d->host->dev.args.tx_copybreak = 512;
	d->host->dev.args.tx_section_cache = 64;
	d->host->dev.attended = 0;
	if (setup->mtu != 0)
		d->host->dev.mtu = setup->mtu;
	if (setup->host != NULL)
		setup->host(d->host);
	d->eth = &rte_eth_devices[0];
	fake_pool_create(&d->pool, setup->mbufs != 0 ? setup->mbufs : 1024,
		setup->data_room != 0 ? setup->data_room : 2048);
	assert_int_equal(netvsc_stats_create(&d->host->dev), 0);
	assert_int_equal(netvsc_link_open(&d->host->dev, &d->host->vmbus, 1), 0);
	d->host->dev.open_mask = 1;
	d->host->data = data_arrived;
	queues_create(d, setup);
	return d;
}

int
fake_data_reset(struct fake_data *d, const struct fake_setup *setup)
{
	struct netvsc_device *dev = &d->host->dev;
	int ret;

	netvsc_queues_stop(d->eth);
	netvsc_queues_drain(d->eth);
	netvsc_rx_queue_release(d->eth, 0);
	netvsc_tx_queue_release(d->eth, 0);
	netvsc_sendbuf_destroy(&dev->sendbuf);
	netvsc_link_close(dev, &d->host->vmbus);
	d->held_count = 0;
	ret = netvsc_link_open(dev, &d->host->vmbus, 1);
	if (ret < 0)
		return ret;
	dev->open_mask = 1;
	queues_create(d, setup);
	return 0;
}

void
fake_data_stop(struct fake_data *d)
{
	struct rte_mbuf *pkts[64];
	uint16_t n;

	d->hold = false;
	d->host->set.deaf = false;
	d->pool.gets_left = UINT64_MAX;
	d->pool.keep = 0;
	/* What is still under way, either way. */
	vmbus_channel_signal(d->host->dev.channel[0]->vmbus);
	fake_data_complete(d);
	for (unsigned int i = 0; i < 100; i++) {
		n = fake_rx(d, pkts, 64);
		rte_pktmbuf_free_bulk(pkts, n);
		fake_settle(d);
	}
	assert_int_equal(netvsc_queues_stop(d->eth), 0);
	assert_false(netvsc_queues_drain(d->eth));
	assert_int_equal(d->eth->data->rx_queue_state[1], NO_QUEUE_STATE);
	assert_int_equal(d->eth->data->tx_queue_state[1], NO_QUEUE_STATE);
	assert_ptr_equal(d->eth->data->rx_queues[1], NO_QUEUE);
	assert_ptr_equal(d->eth->data->tx_queues[1], NO_QUEUE);
	/* Every descriptor and every section is back. */
	assert_int_equal(((struct netvsc_txq *)d->eth->data->tx_queues[0])->free_count,
		d->host->dev.channel[0]->tx_slots.count);
	netvsc_rx_queue_release(d->eth, 0);
	netvsc_tx_queue_release(d->eth, 0);
	assert_int_equal(d->host->dev.sendbuf.free_count, d->host->dev.sendbuf.count);
	assert_int_equal(d->host->acks_owed, 0);
	assert_int_equal(d->host->errors, 0);
	netvsc_sendbuf_destroy(&d->host->dev.sendbuf);
	netvsc_link_close(&d->host->dev, &d->host->vmbus);
	netvsc_stats_destroy(&d->host->dev);
	fake_host_stop();
	fake_pool_destroy(&d->pool);
	for (uint32_t i = 0; i < d->frames; i++)
		free((void *)(uintptr_t)d->frame[i].data);
	free(d);
}
