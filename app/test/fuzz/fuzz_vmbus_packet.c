/* SPDX-License-Identifier: BSD-3-Clause */

/* The driver's two ring ends and its reader of packet headers, over time: the
 * data of the rings and every word of their control pages are the input's. */

#include "fuzz.h"

#include "vmbus_packet.h"

#define DATA_PAGES_MAX 3u
#define OPS_MAX 64u

static uint8_t mem[2][(1 + DATA_PAGES_MAX) * HV_PAGE_BYTES] __attribute__((aligned(4096)));

struct ends {
	struct vmbus_tx_ring tx;
	struct vmbus_rx_ring rx;
};

/* Everything there is, until the ring is empty or broken. */
static void
drain(struct ends *ends)
{
	static uint8_t copy[65536 * 8];
	struct vmbus_packet packet;
	uint32_t taken = 0;
	int ret;

	while ((ret = vmbus_packet_peek(&ends->rx, &packet)) == 1) {
		fuzz_check(packet.total_bytes <= ends->rx.data_bytes);
		fuzz_check(packet.payload_off + packet.payload_bytes + VMBUS_PACKET_FOOTER_BYTES ==
			packet.total_bytes);
		vmbus_packet_copy(&ends->rx, 0, copy, packet.payload_off);
		vmbus_packet_copy(&ends->rx, packet.payload_off, copy, packet.payload_bytes);
		vmbus_packet_take(&ends->rx, &packet);
		fuzz_check(vmbus_ring_index_ok(ends->rx.read, ends->rx.data_bytes));
		taken += packet.total_bytes;
		/* One look at the host's index gives at most the whole ring. */
		fuzz_check(taken <= 2 * ends->rx.data_bytes);
	}
	fuzz_check(ret == 0 || ret == -EPROTO);
}

static void
put(struct ends *ends, struct fuzz_input *in)
{
	static const uint8_t bytes[4096];
	struct vmbus_packet_desc desc = {
		.type = VMBUS_PACKET_INBAND, .extension = bytes, .payload = bytes,
		.extension_bytes = fuzz_u8(in) * 8u, .payload_bytes = fuzz_u16(in) % 2048,
		.transaction_id = fuzz_u8(in),
	};
	uint32_t total = vmbus_packet_total_bytes(desc.extension_bytes, desc.payload_bytes);
	uint32_t before = ends->tx.write;
	int ret = vmbus_packet_put(&ends->tx, &desc, fuzz_u8(in) * 8u);

	fuzz_check(ret == 0 || ret == -EAGAIN || ret == -EPROTO);
	fuzz_check(ends->tx.write == (ret == 0 ?
		vmbus_ring_advance(before, total, ends->tx.data_bytes) : before));
}

/* The host writes a word, of its own or of the guest's. */
static void
host_writes(struct ends *ends, struct fuzz_input *in)
{
	struct vmbus_ring_page *page = (fuzz_u8(in) & 1) != 0 ? ends->rx.page : ends->tx.page;
	uint32_t which = fuzz_u8(in) % 5, value = fuzz_u32(in);
	uint32_t *const word[] = { &page->write_index, &page->read_index, &page->interrupt_mask,
		&page->pending_send_bytes, &page->feature_bits };

	*word[which] = value;
}

static void
step(struct ends *ends, struct fuzz_input *in)
{
	uint32_t at, bytes;

	switch (fuzz_u8(in) % 6) {
	case 0:
		drain(ends);
		break;
	case 1:
		vmbus_rx_ring_publish(&ends->rx);
		break;
	case 2:
		put(ends, in);
		break;
	case 3:
		vmbus_tx_ring_publish(&ends->tx);
		break;
	case 4:
		host_writes(ends, in);
		break;
	default:
		at = fuzz_u16(in) % ends->rx.data_bytes;
		bytes = fuzz_u8(in);
		if (bytes > ends->rx.data_bytes - at)
			bytes = ends->rx.data_bytes - at;
		fuzz_bytes(in, ends->rx.data + at, bytes);
		break;
	}
	fuzz_check(ends->tx.write < ends->tx.data_bytes && ends->rx.read < ends->rx.data_bytes);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	uint32_t bytes = (2 + fuzz_u8(&in) % DATA_PAGES_MAX) * HV_PAGE_BYTES;
	struct vmbus_ring_page *page[2] = { (void *)mem[0], (void *)mem[1] };
	struct ends ends = { 0 };

	memset(mem, 0, sizeof(mem));
	for (unsigned int i = 0; i < 2; i++) {
		page[i]->write_index = fuzz_u16(&in);
		page[i]->read_index = fuzz_u16(&in);
	}
	if (vmbus_tx_ring_attach(&ends.tx, mem[0], bytes, HV_PAGE_BYTES) < 0 ||
	    vmbus_rx_ring_attach(&ends.rx, mem[1], bytes, HV_PAGE_BYTES) < 0)
		return 0;
	for (unsigned int i = 0; i < OPS_MAX && in.left != 0; i++)
		step(&ends, &in);
	return 0;
}
