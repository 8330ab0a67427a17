/* SPDX-License-Identifier: BSD-3-Clause */

/* The driver over time, data path and control path together: bursts both ways,
 * draining and reaping, control requests, against a host whose messages, ring
 * contents, indices and receive buffer are the input's. Whatever it does, no
 * mbuf is lost or owned twice, and all comes to its end. */

#include "fuzz.h"

#include <rte_log.h>

#include "../drivers/fake_data.h"
#include "netvsc_burst.h"
#include "netvsc_event.h"
#include "netvsc_link.h"
#include "netvsc_ndis.h"
#include "netvsc_poll.h"
#include "netvsc_queue.h"
#include "netvsc_stats.h"

#define OPS_MAX 96u
#define RING_SPARE 4096u
#define MBUFS 64u
#define SEGMENT_BYTES 400u

static struct fuzz_input input;
/* So far the ring itself told the truth: then every transfer, be it good or bad,
 * is acknowledged exactly once, and what the guest says is in order. */
static bool ring_honest;

static struct vmbus_ring_page *
ring_page(bool to_guest)
{
	return (void *)(fake_world.rings + (to_guest ? FAKE_RING_BYTES : 0));
}

/* The scripted host's own ring code ends the test where a ring is full. */
static bool
ring_has_room(void)
{
	uint32_t used = (fake_world.rx_write + FAKE_RING_DATA_BYTES -
		ring_page(true)->read_index % FAKE_RING_DATA_BYTES) % FAKE_RING_DATA_BYTES;

	return used + RING_SPARE < FAKE_RING_DATA_BYTES;
}

/* ---- what the host does ---- */

/* Any bytes anywhere in the receive buffer. */
static void
host_fills(void)
{
	uint32_t at = fuzz_u8(&input) * (FAKE_SUBALLOC_BYTES / 2);
	uint32_t bytes = fuzz_u8(&input);

	at += fuzz_u8(&input) * 4u;
	fuzz_bytes(&input, fake_world.recv + at, RTE_MIN(bytes, FAKE_RECV_BYTES - at));
}

/* A transfer with ranges and an NVSP message of the input. */
static void
host_transfers(struct fake_data *d)
{
	struct {
		struct vmbus_transfer_pages pages;
		struct vmbus_transfer_range range[16];
	} ext = { .pages = { .set_id = NETVSC_RECV_BUFFER_ID } };
	uint32_t ranges = fuzz_u8(&input) % 16, flags = fuzz_u8(&input);
	struct nvsp_rndis nvsp = { .type = NVSP_RNDIS, .channel_type = flags & 1,
		.section_idx = NVSP_SECTION_NONE };
	struct fake_packet packet = {
		.type = VMBUS_PACKET_TRANSFER_PAGES, .transaction_id = fuzz_u8(&input),
		.ext = &ext, .ext_bytes = (uint32_t)(8 + 8 * ranges),
		.payload = &nvsp, .bytes = sizeof(nvsp),
	};

	ext.pages.range_count = (flags & 2) != 0 ? fuzz_u32(&input) : ranges;
	ext.pages.set_id ^= (flags & 12) == 12 ? 1 : 0;
	for (uint32_t i = 0; i < ranges; i++) {
		ext.range[i].byte_count = fuzz_u16(&input);
		ext.range[i].byte_offset = (flags & 16) != 0 ? fuzz_u32(&input) :
			fuzz_u8(&input) * (FAKE_SUBALLOC_BYTES / 2);
	}
	if (!ring_has_room())
		return;
	d->host->acks_owed++;
	fake_world_write(&packet);
}

/* Frames that are right, with information of the input. */
static void
host_sends(struct fake_data *d)
{
	static const uint8_t bytes[1600] = { 2 };
	struct fake_frame frame = { .data = bytes };
	uint32_t count = 1 + fuzz_u8(&input) % 4;
	struct fake_frame frames[4];

	frame.bytes = fuzz_u16(&input) % sizeof(bytes);
	frame.ppi_count = fuzz_u8(&input) % FAKE_PPI_MAX;
	for (uint32_t i = 0; i < frame.ppi_count; i++) {
		frame.ppi[i].type = fuzz_u8(&input) % 16;
		if (frame.ppi[i].type == 15)
			frame.ppi[i].type = RNDIS_PPI_PACKET_ID;
		frame.ppi[i].value = fuzz_u32(&input);
	}
	for (uint32_t i = 0; i < 4; i++)
		frames[i] = frame;
	if (ring_has_room())
		fake_data_send(d, frames, count);
}

/* Ring bytes beyond what the host has published, and then a new index. */
static void
host_scribbles(void)
{
	uint8_t *data = fake_world.rings + FAKE_RING_BYTES + HV_PAGE_BYTES;
	uint32_t bytes = fuzz_u8(&input) * 8u;

	ring_honest = false;
	for (uint32_t i = 0; i < bytes; i++)
		data[(fake_world.rx_write + i) % FAKE_RING_DATA_BYTES] = fuzz_u8(&input);
	fake_world.rx_write = (fake_world.rx_write + bytes) % FAKE_RING_DATA_BYTES;
	ring_page(true)->write_index = fake_world.rx_write;
}

static void
host_pokes(void)
{
	struct vmbus_ring_page *page = ring_page((fuzz_u8(&input) & 1) != 0);
	uint32_t which = fuzz_u8(&input) % 4, value = fuzz_u16(&input);
	uint32_t *const word[] = { &page->write_index, &page->interrupt_mask,
		&page->pending_send_bytes, &page->feature_bits };

	ring_honest = false;
	/* The scripted host follows this index of the guest's. */
	if (page != ring_page(false) || which != 0)
		*word[which] = value;
}

static void
host_completes(struct fake_data *d)
{
	uint8_t message[64], how = fuzz_u8(&input);
	uint32_t bytes = fuzz_u8(&input) % sizeof(message);
	uint64_t id = fuzz_u64(&input);

	if (!ring_has_room())
		return;
	if (how % 4 == 0) {
		d->status = fuzz_u8(&input);
		fake_data_complete(d);
		return;
	}
	/* Of one that is under way: late, twice, or with anything in it. */
	if (how % 4 != 1 && d->held_count != 0)
		id = d->held[how / 4 % d->held_count];
	else
		ring_honest = false;    /* guessed one that the host has not read yet */
	fuzz_bytes(&input, message, bytes);
	if (how % 4 == 2)
		memcpy(message, &(const uint32_t){ NVSP_RNDIS_COMPLETE }, 4);
	fake_host_complete(id, message, bytes);
}

static void
host_says(void)
{
	uint8_t message[256], how = fuzz_u8(&input);
	uint32_t bytes = fuzz_u8(&input);

	if (!ring_has_room())
		return;
	fuzz_bytes(&input, message, bytes);
	if ((how & 1) != 0)
		fake_host_inband(message, bytes);
	else
		fake_host_rndis(message, bytes);
}

static void
host_acts(struct fake_data *d, uint8_t op)
{
	switch (op % 8) {
	case 0:
		host_fills();
		break;
	case 1:
		host_transfers(d);
		break;
	case 2:
		host_sends(d);
		break;
	case 3:
		host_scribbles();
		break;
	case 4:
		host_pokes();
		break;
	case 5:
		host_completes(d);
		break;
	case 6:
		host_says();
		break;
	default:
		d->host->set.deaf = (op & 8) != 0;
		d->hold = (op & 16) != 0;
		break;
	}
}

/* ---- what the guest does ---- */

static void
guest_receives(struct fake_data *d)
{
	struct rte_mbuf *pkts[32];
	uint16_t n = fake_rx(d, pkts, 1 + fuzz_u8(&input) % 32);

	fuzz_check(n <= 32);
	for (uint16_t i = 0; i < n; i++) {
		uint32_t bytes = 0;

		rte_mbuf_sanity_check(pkts[i], 1);
		for (const struct rte_mbuf *m = pkts[i]; m != NULL; m = m->next)
			bytes += m->data_len;
		fuzz_check(bytes == pkts[i]->pkt_len);
	}
	rte_pktmbuf_free_bulk(pkts, n);
}

static void
guest_sends(struct fake_data *d)
{
	struct rte_mbuf *pkts[8];
	uint32_t want = 1 + fuzz_u8(&input) % 8, bytes = 14 + fuzz_u16(&input) % 1500, n = 0;
	unsigned int segments = bytes / SEGMENT_BYTES + 1 + fuzz_u8(&input) % 3;
	uint16_t sent;

	for (; n < want && d->pool.free_count > segments; n++)
		pkts[n] = fake_mbuf(d, bytes, segments, (uint8_t)n);
	sent = fake_tx(d, pkts, (uint16_t)n);
	fuzz_check(sent <= n);
	rte_pktmbuf_free_bulk(pkts + sent, n - sent);
}

static void
guest_controls(struct fake_data *d)
{
	struct netvsc_device *dev = &d->host->dev;
	bool on = (fuzz_u8(&input) & 1) != 0;

	switch (fuzz_u8(&input) % 4) {
	case 0:
		netvsc_ndis_set_promiscuous(dev, on);
		break;
	case 1:
		netvsc_ndis_query_link(dev);
		break;
	case 2:
		fake_alarm_run();
		break;
	default:
		netvsc_poll_control(dev);
		break;
	}
}

static void
guest_acts(struct fake_data *d, uint8_t op)
{
	switch (op % 4) {
	case 0:
		guest_receives(d);
		break;
	case 1:
		guest_sends(d);
		break;
	case 2:
		fake_settle(d);
		break;
	default:
		guest_controls(d);
		break;
	}
}

/* ---- the end of it ---- */

static void
frames_forget(struct fake_data *d)
{
	for (uint32_t i = 0; i < d->frames; i++)
		free((void *)(uintptr_t)d->frame[i].data);
	d->frames = 0;
}

/* Both sides get to the end of what is under way. */
static void
settle(struct fake_data *d)
{
	struct rte_mbuf *pkts[32];

	d->hold = false;
	d->host->set.deaf = false;
	for (unsigned int i = 0; i < 64; i++) {
		vmbus_channel_signal(d->host->dev.channel[0]->vmbus);
		if (ring_has_room())
			fake_data_complete(d);
		rte_pktmbuf_free_bulk(pkts, fake_rx(d, pkts, 32));
		fake_settle(d);
	}
	if (ring_honest)
		fuzz_check(d->host->acks_owed == 0 && d->host->errors == 0);
}

/* Whatever the host has made of it, the port stops and nothing is missing. */
static void
end(struct fake_data *d)
{
	struct netvsc_device *dev = &d->host->dev;

	settle(d);
	netvsc_queues_stop(d->eth);
	netvsc_queues_drain(d->eth);
	netvsc_rx_queue_release(d->eth, 0);
	netvsc_tx_queue_release(d->eth, 0);
	netvsc_link_close(dev, &d->host->vmbus);
	netvsc_sendbuf_destroy(&dev->sendbuf);
	netvsc_stats_destroy(dev);
	netvsc_event_cancel(dev);
	fake_host_stop();
	fuzz_check(fake_pool_out(&d->pool) == 0);
	fake_pool_destroy(&d->pool);
	frames_forget(d);
	free(d);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fake_setup setup = {
		.rx_offloads = RTE_ETH_RX_OFFLOAD_CHECKSUM | RTE_ETH_RX_OFFLOAD_VLAN_STRIP,
		.mbufs = MBUFS,
	};
	struct fake_data *d;
	uint8_t how;

	rte_log_set_global_level(RTE_LOG_EMERG);
	input = (struct fuzz_input){ data, size };
	ring_honest = true;
	how = fuzz_u8(&input);
	setup.no_page_lists = (how & 1) != 0;
	/* Small buffers are refused where frames may not be scattered. */
	if ((how & 2) != 0) {
		setup.data_room = 512;
		setup.rx_offloads |= RTE_ETH_RX_OFFLOAD_SCATTER;
	}
	d = fake_data_start(&setup);
	for (unsigned int i = 0; i < OPS_MAX && input.left != 0; i++) {
		uint8_t op = fuzz_u8(&input);

		if ((op & 1) != 0)
			host_acts(d, op / 2);
		else
			guest_acts(d, op / 2);
		if (d->frames > FAKE_FRAMES_MAX / 2)
			frames_forget(d);
	}
	end(d);
	return 0;
}
