/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The register dump. A synthetic NIC has no registers: these words are the
 * state that tells where traffic stands. 32 bits each, in the CPU's order:
 *
 *   0 version of this layout (1)     1 words of this head (16)
 *   2 channels                       3 words of each (28)
 *   4 NVSP version                   5 NDIS version, major << 16 | minor
 *   6 epoch: opens of the channel    7 packet filter (NDIS_FILTER_*; all bits: unknown)
 *   8 MTU                            9 MTU as the host has it
 *  10 receive sub-allocations       11 bytes of the largest
 *  12 send sections                 13 bytes of each
 *  14 flags: 0 link up, 1 gone, 2 page lists, 3 receiving
 *  15 link speed, Mbps
 * then each channel's:
 *   0 index << 16 | relid            1 flags: 0 dead, 1 monitor page
 *   2 read index of the receive ring 3 bytes of its data
 *   4 write index of the transmit ring   5 bytes of its data
 *   6 frames in the backlog          7 transfers in it
 *   8 acknowledgements owed          9 messages under way
 *  10 epoch                         11 started receive queue (1), none (0)
 *  12 ring_errors, bad_transfers, bad_completions, unknown_packets,
 *     control_messages, acks, discarded, refused: low word, high word of each
 * Indices are the driver's own copies: no ring is touched, so that it may be
 * asked for when the device is gone.
 */

#include <errno.h>
#include <string.h>

#include "netvsc_ethdev.h"

#define REGS_VERSION 1u
#define HEAD_WORDS 16u
#define CHANNEL_WORDS (12u + 2 * NETVSC_CHANNEL_COUNTERS)
_Static_assert(CHANNEL_WORDS == 28, "as the layout above says");

static void
head_fill(const struct netvsc_device *dev, uint32_t *word)
{
	const struct netvsc_host *host = &dev->host;
	bool gone = dev->vmbus == NULL || vmbus_gone(dev->vmbus);
	const uint32_t head[HEAD_WORDS] = {
		REGS_VERSION, HEAD_WORDS, dev->channel_count, CHANNEL_WORDS,
		host->nvsp, host->ndis_major << 16 | host->ndis_minor,
		dev->epoch, dev->filter, dev->mtu, host->mtu,
		host->section_count, host->suballoc_bytes,
		host->send_section_count, host->send_section_bytes,
		(uint32_t)__atomic_load_n(&host->link_up, __ATOMIC_RELAXED) | (uint32_t)gone << 1 |
			(uint32_t)dev->page_lists_ok << 2 | (uint32_t)dev->receiving << 3,
		(uint32_t)(__atomic_load_n(&host->link_bps, __ATOMIC_RELAXED) / 1000000),
	};

	memcpy(word, head, sizeof(head));
}

/* Under the lock: a queue that is set up anew swaps its slots. */
static uint32_t
slots_busy(const struct netvsc_channel *channel)
{
	const struct netvsc_tx_slots *slots = &channel->tx_slots;
	uint32_t busy = 0;

	rte_spinlock_lock(&channel->vmbus->lock);
	for (uint32_t i = 0; i < slots->count; i++)
		busy += __atomic_load_n(&slots->slot[i].state, __ATOMIC_RELAXED) & 1;
	rte_spinlock_unlock(&channel->vmbus->lock);
	return busy;
}

static void
channel_fill(const struct netvsc_channel *channel, uint32_t *word)
{
	const struct netvsc_backlog *backlog = &channel->backlog;
	const struct vmbus_channel *vmbus = channel->vmbus;
	const uint64_t counter[] = {
		channel->ring_errors, channel->bad_transfers, channel->bad_completions,
		channel->unknown_packets, channel->control_messages, channel->acks,
		channel->discarded, channel->refused,
	};
	const uint32_t fixed[] = {
		(uint32_t)channel->index << 16 | (vmbus->relid & UINT16_MAX),
		(uint32_t)channel->dead | (uint32_t)vmbus->monitor << 1,
		vmbus->rx.read, vmbus->rx.data_bytes, vmbus->tx.write, vmbus->tx.data_bytes,
		backlog->range_head - backlog->range_tail,
		backlog->transfer_head - backlog->transfer_tail,
		backlog->transfer_tail - backlog->acked + channel->owed_count,
		slots_busy(channel), channel->epoch,
		(uint32_t)(__atomic_load_n(&channel->dev->attended, __ATOMIC_RELAXED) >>
			channel->index & 1),
	};

	_Static_assert(sizeof(fixed) + sizeof(counter) == CHANNEL_WORDS * sizeof(*word),
		"all words are filled");
	memcpy(word, fixed, sizeof(fixed));
	memcpy(word + RTE_DIM(fixed), counter, sizeof(counter));
}

int
netvsc_get_reg(struct rte_eth_dev *eth, struct rte_dev_reg_info *regs)
{
	struct netvsc_device *dev = netvsc_device_of(eth);
	uint32_t *word = regs->data;
	uint32_t words, room;

	netvsc_xact_lock(dev);
	words = HEAD_WORDS + dev->channel_count * CHANNEL_WORDS;
	/* Channels may have been opened since the length was asked for. */
	room = regs->length != 0 ? RTE_MIN(regs->length, words) : words;
	regs->width = sizeof(*word);
	regs->version = REGS_VERSION;
	if (word == NULL)
		regs->length = words;
	else if (room < HEAD_WORDS)
		words = 0;
	else
		head_fill(dev, word);
	for (uint32_t i = 0; word != NULL && i < dev->channel_count &&
			HEAD_WORDS + (i + 1) * CHANNEL_WORDS <= room; i++)
		channel_fill(dev->channel[i], word + HEAD_WORDS + i * CHANNEL_WORDS);
	netvsc_xact_unlock(dev);
	return words == 0 ? -EINVAL : 0;
}
