/* SPDX-License-Identifier: BSD-3-Clause */

/* Runs of completions; see netvsc_complete.h. */

#include "netvsc_complete.h"

#include <string.h>

/* All that is looked at of a completion: packet header and status. */
struct completion {
	uint64_t head, transaction_id, status;
};

/* Type and data offset, and flags that say nothing; the length is checked apart. */
#define HEAD_MASK UINT64_C(0xffffffff)
#define HEAD_EXPECTED (UINT64_C(2) << 16 | VMBUS_PACKET_COMPLETION)
#define HEAD_BYTES(head) (((uint32_t)((head) >> 32) & 0xffff) * 8u)
#define STATUS_SUCCESS ((uint64_t)NVSP_STATUS_SUCCESS << 32 | NVSP_RNDIS_COMPLETE)

/* Copies the one at `at` and checks its shape: returns the bytes it takes up, or
 * 0 if it is another packet, or ends beyond `left`. */
static inline uint32_t
completion_copy(const uint8_t *at, uint32_t left, struct completion *completion)
{
	uint32_t bytes;

	if (left < sizeof(*completion) + VMBUS_PACKET_FOOTER_BYTES)
		return 0;
	memcpy(completion, at, sizeof(*completion));
	bytes = HEAD_BYTES(completion->head);
	if ((completion->head & HEAD_MASK) != HEAD_EXPECTED || bytes < sizeof(*completion) ||
	    bytes > left - VMBUS_PACKET_FOOTER_BYTES)
		return 0;
	return bytes + VMBUS_PACKET_FOOTER_BYTES;
}

unsigned int
netvsc_complete_run(struct netvsc_channel *channel, unsigned int budget)
{
	struct vmbus_rx_ring *ring = &channel->vmbus->rx;
	int64_t available = vmbus_rx_ring_available(ring);
	/* Up to where the ring wraps. */
	uint32_t left = (uint32_t)RTE_MIN(RTE_MAX(available, 0), ring->data_bytes - ring->read);
	const uint8_t *at = ring->data + ring->read;
	uint32_t head = channel->tx_slots.done_head, taken = 0, bytes;
	struct completion completion;

	for (; taken < budget; taken++, at += bytes, left -= bytes) {
		bytes = completion_copy(at, left, &completion);
		if (bytes == 0 || !netvsc_complete_slot(channel, completion.transaction_id,
				completion.status == STATUS_SUCCESS, head + taken))
			break;
	}
	if (taken == 0)
		return 0;
	vmbus_rx_ring_take(ring, (uint32_t)(at - (ring->data + ring->read)));
	/* Partner: the transmit queue's acquire load. */
	__atomic_store_n(&channel->tx_slots.done_head, head + taken, __ATOMIC_RELEASE);
	return taken;
}
