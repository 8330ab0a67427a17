/* SPDX-License-Identifier: BSD-3-Clause */

/* The life of queues; see netvsc_queue.h. */

#include "netvsc_queue.h"

#include <errno.h>
#include <string.h>

#include <rte_malloc.h>
#include <rte_memory.h>

#include "netvsc_channel.h"
#include "netvsc_drain.h"
#include "netvsc_reap.h"
#include "netvsc_stats.h"

static inline struct netvsc_device *
device_of(struct rte_eth_dev *eth)
{
	return eth->data->dev_private;
}

/* ---- receive queues ---- */

/* The 8 bytes of an mbuf that a fresh one needs. */
static uint64_t
rearm_word(uint16_t port_id)
{
	struct rte_mbuf m = { .data_off = RTE_PKTMBUF_HEADROOM, .nb_segs = 1, .port = port_id };
	uint64_t word;

	rte_mbuf_refcnt_set(&m, 1);
	memcpy(&word, (const uint8_t *)&m + offsetof(struct rte_mbuf, data_off), sizeof(word));
	return word;
}

/* Can the pool's mbufs hold what the host may send? */
static int
rx_pool_check(const struct rte_eth_dev *eth, uint16_t queue_id, uint64_t offloads,
	struct rte_mempool *pool)
{
	const struct netvsc_device *dev = eth->data->dev_private;
	uint32_t frame = dev->mtu + RTE_ETHER_HDR_LEN;
	uint32_t room = rte_pktmbuf_data_room_size(pool);

	if (room <= RTE_PKTMBUF_HEADROOM) {
		NETVSC_LOG(ERR, init, "%s: queue %u: mbufs of %u bytes have no room behind the"
			" headroom", dev->name, queue_id, room);
		return -EINVAL;
	}
	room -= RTE_PKTMBUF_HEADROOM;
	if (frame > room && (offloads & RTE_ETH_RX_OFFLOAD_SCATTER) == 0) {
		NETVSC_LOG(ERR, init, "%s: queue %u: frames of %u bytes do not fit mbufs of %u:"
			" larger ones, or RTE_ETH_RX_OFFLOAD_SCATTER", dev->name, queue_id, frame, room);
		return -EINVAL;
	}
	if ((offloads & RTE_ETH_RX_OFFLOAD_TCP_LRO) != 0 && pool->size < NETVSC_RUN_PIECES_MAX) {
		NETVSC_LOG(ERR, init, "%s: queue %u: %u mbufs never hold a coalesced segment of %u"
			" pieces", dev->name, queue_id, pool->size, NETVSC_RUN_PIECES_MAX);
		return -EINVAL;
	}
	if ((uint64_t)pool->size * room < frame) {
		NETVSC_LOG(ERR, init, "%s: queue %u: %u mbufs of %u bytes never hold a frame of %u",
			dev->name, queue_id, pool->size, room, frame);
		return -EINVAL;
	}
	return 0;
}

/* 0 leaves it to the driver. */
static int
thresh_check(const struct netvsc_device *dev, const char *name, uint16_t thresh, uint16_t nb_desc)
{
	if (thresh < nb_desc)
		return 0;
	NETVSC_LOG(ERR, init, "%s: %s %u: must be less than nb_desc, %u", dev->name, name, thresh,
		nb_desc);
	return -EINVAL;
}

/* Frames longer than this are lent. The mbufs of some pools have their buffers for
 * ever. */
static uint32_t
lend_over(const struct netvsc_device *dev, struct rte_mempool *pool)
{
	if (!dev->args.rx_extmbuf ||
	    (rte_pktmbuf_priv_flags(pool) & RTE_PKTMBUF_POOL_F_PINNED_EXT_BUF) != 0)
		return UINT32_MAX;
	return RTE_MAX(dev->args.rx_copybreak, RTE_ETHER_HDR_LEN - 1u);
}

int
netvsc_rx_queue_setup(struct rte_eth_dev *eth, uint16_t queue_id, uint16_t nb_desc,
	unsigned int socket, const struct rte_eth_rxconf *conf, struct rte_mempool *pool)
{
	struct netvsc_device *dev = device_of(eth);
	uint64_t offloads = conf->offloads | eth->data->dev_conf.rxmode.offloads;
	struct netvsc_rxq *rxq;

	if (queue_id >= dev->channel_count || dev->channel[queue_id] == NULL)
		return -EINVAL;
	if (rx_pool_check(eth, queue_id, offloads, pool) < 0 ||
	    thresh_check(dev, "rx_free_thresh", conf->rx_free_thresh, nb_desc) < 0)
		return -EINVAL;
	rxq = rte_zmalloc_socket("netvsc_rxq", sizeof(*rxq), RTE_CACHE_LINE_SIZE, (int)socket);
	if (rxq == NULL)
		return -ENOMEM;
	rxq->gate.closed = 1;
	rxq->channel = dev->channel[queue_id];
	rxq->pool = pool;
	rxq->rearm = rearm_word(eth->data->port_id);
	rxq->data_room = (uint32_t)(rte_pktmbuf_data_room_size(pool) - RTE_PKTMBUF_HEADROOM);
	rxq->lend_over = lend_over(dev, pool);
	rxq->unusual = rxq->lend_over != UINT32_MAX;
	rxq->plain_lengths = netvsc_rx_plain_lengths(rxq);
	rxq->scatter = (offloads & RTE_ETH_RX_OFFLOAD_SCATTER) != 0;
	rxq->vlan_strip = (offloads & RTE_ETH_RX_OFFLOAD_VLAN_STRIP) != 0;
	rxq->want_hash = (offloads & RTE_ETH_RX_OFFLOAD_RSS_HASH) != 0;
	rxq->lro = (offloads & RTE_ETH_RX_OFFLOAD_TCP_LRO) != 0;
	rxq->want_ptype = !dev->no_ptypes;
	rxq->port_id = eth->data->port_id;
	rxq->queue_id = queue_id;
	rxq->nb_desc = nb_desc;
	rxq->free_thresh = conf->rx_free_thresh;
	rxq->offloads = offloads;
	rxq->deferred_start = conf->rx_deferred_start != 0;
	netvsc_stats_resume_rx(dev, rxq);
	eth->data->rx_queues[queue_id] = rxq;
	return 0;
}

void
netvsc_rx_queue_release(struct rte_eth_dev *eth, uint16_t queue_id)
{
	struct netvsc_rxq *rxq = eth->data->rx_queues[queue_id];

	if (rxq == NULL)
		return;
	eth->data->rx_queues[queue_id] = NULL;
	netvsc_rx_run_drop(rxq, false);
	netvsc_stats_keep_rx(device_of(eth), rxq);
	rte_free(rxq);
}

/* ---- transmit queues ---- */

/* Whoever drains the channel - its receive queue, or control - looks at the
 * slots under its lock. */
static struct netvsc_tx_slots
slots_swap(struct netvsc_channel *channel, struct netvsc_tx_slots slots)
{
	struct netvsc_tx_slots before;

	if (channel->vmbus != NULL)
		rte_spinlock_lock(&channel->vmbus->lock);
	before = channel->tx_slots;
	channel->tx_slots = slots;
	if (channel->vmbus != NULL)
		rte_spinlock_unlock(&channel->vmbus->lock);
	return before;
}

static void
slots_destroy(struct netvsc_channel *channel)
{
	struct netvsc_tx_slots slots = slots_swap(channel, (struct netvsc_tx_slots) { 0 });

	for (uint32_t i = 0; i < slots.count; i++)
		rte_pktmbuf_free(slots.slot[i].mbuf);
	rte_free(slots.slot);
	rte_free(slots.done);
}

static int
slots_create(struct netvsc_txq *txq, uint32_t count, int socket)
{
	uint32_t ring = rte_align32pow2(count);
	struct netvsc_tx_slots slots = { .count = count, .mask = ring - 1, .txq = txq };

	slots.slot = rte_zmalloc_socket("netvsc_slots", count * sizeof(*slots.slot),
		RTE_CACHE_LINE_SIZE, socket);
	slots.done = rte_zmalloc_socket("netvsc_done", ring * sizeof(*slots.done),
		RTE_CACHE_LINE_SIZE, socket);
	if (slots.slot == NULL || slots.done == NULL) {
		rte_free(slots.slot);
		rte_free(slots.done);
		return -ENOMEM;
	}
	slots_swap(txq->channel, slots);
	return 0;
}

/* Everything free, nothing under way. */
static void
txq_reset(struct netvsc_txq *txq)
{
	struct netvsc_tx_slots *slots = &txq->channel->tx_slots;

	txq->free_count = 0;
	for (uint32_t id = slots->count; id > 0; id--)
		txq->free_slots[txq->free_count++] = (uint16_t)(id - 1);
	txq->done_tail = slots->done_head;
	txq->sections.count = 0;
}

/* Messages that were completed keep their sections until they are taken back: a
 * queue does so before it has more than its share. */
static uint16_t
low_water(const struct netvsc_txq *txq)
{
	const struct netvsc_device *dev = txq->channel->dev;
	uint32_t share = RTE_MAX(1u, netvsc_sendbuf_share(&dev->sendbuf, dev->channel_count));

	if (dev->sendbuf.count == 0 || share >= txq->nb_desc)
		return txq->free_thresh;
	return (uint16_t)RTE_MAX(txq->free_thresh, txq->nb_desc - share);
}

/* Takes on what the host said it accepts. */
static void
txq_fit(struct netvsc_txq *txq)
{
	const struct netvsc_device *dev = txq->channel->dev;
	const struct netvsc_host *host = &dev->host;
	const struct netvsc_args *args = &dev->args;
	uint32_t data_bytes = txq->channel->vmbus->tx.data_bytes;
	uint32_t frames = RTE_MIN(host->packets_per_message, 32u);

	txq->page_lists = dev->page_lists_ok;
	txq->message_max = host->max_transfer_bytes;
	txq->section_bytes = RTE_MIN(dev->sendbuf.section_bytes, host->max_transfer_bytes);
	txq->gather_bytes = args->tx_agg_bytes == 0 ? txq->section_bytes :
		RTE_MIN(txq->section_bytes, args->tx_agg_bytes);
	txq->align_mask = host->alignment - 1;
	txq->frames_max = (uint16_t)(args->tx_agg_packets == 0 ? frames :
		RTE_MIN(frames, args->tx_agg_packets));
	netvsc_sendbuf_cache_fit(&dev->sendbuf, &txq->sections, args->tx_section_cache,
		dev->channel_count);
	txq->low_water = low_water(txq);
	txq->ack_reserve = data_bytes / 8 & ~7u;
	txq->copy_max = txq->page_lists ? dev->args.tx_copybreak : UINT32_MAX;
	txq->frame_max = host->mtu + RTE_ETHER_HDR_LEN;
	netvsc_tx_quick_fit(txq);
}

/* Memory may be contiguous in virtual addresses only: page by page. */
static int
txq_headers_create(struct netvsc_txq *txq, int socket)
{
	uint32_t pages = (txq->nb_desc + NETVSC_TX_HEADERS_PER_PAGE - 1) / NETVSC_TX_HEADERS_PER_PAGE;

	txq->headers = rte_zmalloc_socket("netvsc_headers", pages * HV_PAGE_BYTES, HV_PAGE_BYTES,
		socket);
	txq->headers_iova = rte_zmalloc_socket("netvsc_headers", pages * sizeof(rte_iova_t),
		RTE_CACHE_LINE_SIZE, socket);
	if (txq->headers == NULL || txq->headers_iova == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < pages; i++)
		txq->headers_iova[i] = rte_mem_virt2iova(txq->headers + i * HV_PAGE_BYTES);
	return 0;
}

int
netvsc_tx_queue_setup(struct rte_eth_dev *eth, uint16_t queue_id, uint16_t nb_desc,
	unsigned int socket, const struct rte_eth_txconf *conf)
{
	struct netvsc_device *dev = device_of(eth);
	struct netvsc_channel *channel;
	struct netvsc_txq *txq;

	if (queue_id >= dev->channel_count || dev->channel[queue_id] == NULL ||
	    thresh_check(dev, "tx_free_thresh", conf->tx_free_thresh, nb_desc) < 0)
		return -EINVAL;
	channel = dev->channel[queue_id];
	txq = rte_zmalloc_socket("netvsc_txq", sizeof(*txq), RTE_CACHE_LINE_SIZE, (int)socket);
	if (txq == NULL)
		return -ENOMEM;
	txq->gate.closed = 1;
	txq->queue_id = queue_id;
	netvsc_stats_resume_tx(dev, txq);
	txq->channel = channel;
	txq->sendbuf = &dev->sendbuf;
	txq->port_id = eth->data->port_id;
	txq->nb_desc = nb_desc;
	txq->free_thresh = conf->tx_free_thresh != 0 ? conf->tx_free_thresh : nb_desc / 4;
	txq->offloads = conf->offloads | eth->data->dev_conf.txmode.offloads;
	txq->deferred_start = conf->tx_deferred_start != 0;
	txq->free_slots = rte_malloc_socket("netvsc_free", nb_desc * sizeof(*txq->free_slots),
		RTE_CACHE_LINE_SIZE, (int)socket);
	eth->data->tx_queues[queue_id] = txq;
	if (txq->free_slots == NULL || txq_headers_create(txq, (int)socket) < 0 ||
	    slots_create(txq, nb_desc, (int)socket) < 0) {
		netvsc_tx_queue_release(eth, queue_id);
		return -ENOMEM;
	}
	txq_reset(txq);
	txq_fit(txq);
	return 0;
}

void
netvsc_tx_queue_release(struct rte_eth_dev *eth, uint16_t queue_id)
{
	struct netvsc_txq *txq = eth->data->tx_queues[queue_id];

	if (txq == NULL)
		return;
	eth->data->tx_queues[queue_id] = NULL;
	netvsc_stats_keep_tx(device_of(eth), txq);
	netvsc_sendbuf_spill(txq->sendbuf, &txq->sections, 0);
	slots_destroy(txq->channel);
	rte_free(txq->free_slots);
	rte_free(txq->headers);
	rte_free(txq->headers_iova);
	rte_free(txq);
}

/* ---- start and stop ---- */

/* Do other processes run bursts? */
static bool
bursts_elsewhere(const struct rte_eth_dev *eth)
{
	const struct netvsc_device *dev = eth->data->dev_private;

	return rte_eal_process_type() == RTE_PROC_SECONDARY ||
		__atomic_load_n(&dev->secondaries, __ATOMIC_SEQ_CST) != 0;
}

/* Behind a shut gate: until neither a burst nor who asks for counts is inside. */
static int
rxq_wait(const struct netvsc_rxq *rxq, uint64_t deadline_ns)
{
	int ret = netvsc_gate_wait(&rxq->gate.busy, deadline_ns);

	return ret < 0 ? ret : netvsc_gate_wait(&rxq->lookers, deadline_ns);
}

static void
attend(struct netvsc_rxq *rxq, bool attended)
{
	uint64_t bit = UINT64_C(1) << rxq->queue_id;
	uint64_t *word = &rxq->channel->dev->attended;

	if (attended)
		__atomic_fetch_or(word, bit, __ATOMIC_SEQ_CST);
	else
		__atomic_fetch_and(word, ~bit, __ATOMIC_SEQ_CST);
}

int
netvsc_rx_queue_start(struct rte_eth_dev *eth, uint16_t queue_id)
{
	struct netvsc_rxq *rxq = eth->data->rx_queues[queue_id];

	if (rxq == NULL || rxq->channel->vmbus == NULL)
		return -EIO;            /* the host opened fewer channels since */
	rxq->channel->backlog.idle_tail = rxq->channel->backlog.range_tail;
	attend(rxq, true);
	eth->data->rx_queue_state[queue_id] = RTE_ETH_QUEUE_STATE_STARTED;
	netvsc_gate_open(&rxq->gate);
	return 0;
}

int
netvsc_rx_queue_stop(struct rte_eth_dev *eth, uint16_t queue_id)
{
	struct netvsc_rxq *rxq = eth->data->rx_queues[queue_id];
	int ret;

	if (rxq == NULL)
		return -EINVAL;
	netvsc_gate_shut(&rxq->gate);
	netvsc_gate_barrier(bursts_elsewhere(eth));
	ret = rxq_wait(rxq, netvsc_gate_deadline_ns());
	if (ret < 0) {
		netvsc_gate_open(&rxq->gate);
		return ret;
	}
	attend(rxq, false);
	eth->data->rx_queue_state[queue_id] = RTE_ETH_QUEUE_STATE_STOPPED;
	netvsc_rx_run_drop(rxq, true);
	netvsc_drain_rx(rxq->channel);
	return 0;
}

int
netvsc_tx_queue_start(struct rte_eth_dev *eth, uint16_t queue_id)
{
	struct netvsc_txq *txq = eth->data->tx_queues[queue_id];

	if (txq == NULL || txq->channel->vmbus == NULL)
		return -EIO;
	eth->data->tx_queue_state[queue_id] = RTE_ETH_QUEUE_STATE_STARTED;
	netvsc_gate_open(&txq->gate);
	return 0;
}

int
netvsc_tx_queue_stop(struct rte_eth_dev *eth, uint16_t queue_id)
{
	struct netvsc_txq *txq = eth->data->tx_queues[queue_id];
	int ret;

	if (txq == NULL)
		return -EINVAL;
	ret = netvsc_gate_close(&txq->gate, bursts_elsewhere(eth));
	if (ret == 0)
		ret = netvsc_drain_tx(txq);
	if (ret < 0)
		netvsc_gate_open(&txq->gate);
	else
		eth->data->tx_queue_state[queue_id] = RTE_ETH_QUEUE_STATE_STOPPED;
	return ret;
}

int
netvsc_queues_start(struct rte_eth_dev *eth)
{
	int ret = 0;

	for (uint16_t i = 0; i < eth->data->nb_tx_queues && ret == 0; i++) {
		const struct netvsc_txq *txq = eth->data->tx_queues[i];

		if (txq == NULL || !txq->deferred_start)
			ret = netvsc_tx_queue_start(eth, i);
	}
	for (uint16_t i = 0; i < eth->data->nb_rx_queues && ret == 0; i++) {
		const struct netvsc_rxq *rxq = eth->data->rx_queues[i];

		if (rxq == NULL || !rxq->deferred_start)
			ret = netvsc_rx_queue_start(eth, i);
	}
	return ret;
}

int
netvsc_queues_stop(struct rte_eth_dev *eth)
{
	int ret = netvsc_queues_close_gates(eth);

	if (ret < 0) {
		netvsc_queues_open_gates(eth);
		return ret;
	}
	__atomic_store_n(&device_of(eth)->attended, 0, __ATOMIC_RELEASE);
	for (uint16_t i = 0; i < eth->data->nb_rx_queues; i++) {
		if (eth->data->rx_queues[i] != NULL)
			netvsc_rx_run_drop(eth->data->rx_queues[i], true);
		eth->data->rx_queue_state[i] = RTE_ETH_QUEUE_STATE_STOPPED;
	}
	for (uint16_t i = 0; i < eth->data->nb_tx_queues; i++)
		eth->data->tx_queue_state[i] = RTE_ETH_QUEUE_STATE_STOPPED;
	return 0;
}

static void
gates_shut(struct rte_eth_dev *eth)
{
	for (uint16_t i = 0; i < eth->data->nb_rx_queues; i++) {
		struct netvsc_rxq *rxq = eth->data->rx_queues[i];

		if (rxq != NULL)
			netvsc_gate_shut(&rxq->gate);
	}
	for (uint16_t i = 0; i < eth->data->nb_tx_queues; i++) {
		struct netvsc_txq *txq = eth->data->tx_queues[i];

		if (txq != NULL)
			netvsc_gate_shut(&txq->gate);
	}
}

/* All at a time: many queues take as long as one. */
int
netvsc_queues_close_gates(struct rte_eth_dev *eth)
{
	uint64_t deadline_ns;
	int error = 0;

	gates_shut(eth);
	netvsc_gate_barrier(bursts_elsewhere(eth));
	deadline_ns = netvsc_gate_deadline_ns();
	for (uint16_t i = 0; i < eth->data->nb_rx_queues && error == 0; i++)
		if (eth->data->rx_queues[i] != NULL)
			error = rxq_wait(eth->data->rx_queues[i], deadline_ns);
	for (uint16_t i = 0; i < eth->data->nb_tx_queues && error == 0; i++) {
		const struct netvsc_txq *txq = eth->data->tx_queues[i];

		if (txq != NULL)
			error = netvsc_gate_wait(&txq->gate.busy, deadline_ns);
	}
	return error;
}

void
netvsc_queues_open_gates(struct rte_eth_dev *eth)
{
	for (uint16_t i = 0; i < eth->data->nb_rx_queues; i++) {
		struct netvsc_rxq *rxq = eth->data->rx_queues[i];

		if (rxq != NULL && rxq->channel->vmbus != NULL &&
		    eth->data->rx_queue_state[i] == RTE_ETH_QUEUE_STATE_STARTED)
			netvsc_gate_open(&rxq->gate);
	}
	for (uint16_t i = 0; i < eth->data->nb_tx_queues; i++) {
		struct netvsc_txq *txq = eth->data->tx_queues[i];

		if (txq != NULL && txq->channel->vmbus != NULL &&
		    eth->data->tx_queue_state[i] == RTE_ETH_QUEUE_STATE_STARTED)
			netvsc_gate_open(&txq->gate);
	}
}

/* ---- after the link was closed ---- */

/* What the host has not completed by now it never will. */
static void
txq_reclaim(struct netvsc_txq *txq)
{
	const struct netvsc_tx_slots *slots = &txq->channel->tx_slots;

	netvsc_reap_all(txq, UINT32_MAX);
	for (uint32_t id = 0; id < slots->count; id++) {
		struct netvsc_tx_slot *slot = &slots->slot[id];

		if ((slot->state & 1) != 0) {
			txq->counters.abandoned += slot->frames;
			txq->counters.abandoned_bytes += slot->bytes;
		}
		rte_pktmbuf_free(slot->mbuf);
		slot->mbuf = NULL;
		__atomic_store_n(&slot->state, 0, __ATOMIC_RELAXED);
	}
	txq_reset(txq);
}

void
netvsc_queues_reclaim(struct rte_eth_dev *eth)
{
	for (uint16_t i = 0; i < eth->data->nb_tx_queues; i++)
		if (eth->data->tx_queues[i] != NULL)
			txq_reclaim(eth->data->tx_queues[i]);
	for (uint16_t i = 0; i < eth->data->nb_rx_queues; i++)
		if (eth->data->rx_queues[i] != NULL)
			netvsc_rx_run_drop(eth->data->rx_queues[i], true);
}

int
netvsc_queues_fit(struct rte_eth_dev *eth)
{
	struct netvsc_device *dev = device_of(eth);
	int ret;

	netvsc_sendbuf_destroy(&dev->sendbuf);
	ret = netvsc_sendbuf_create(&dev->sendbuf, dev->send_buffer,
		(uint64_t)dev->host.send_section_count * dev->host.send_section_bytes,
		dev->host.send_section_bytes);
	for (uint16_t i = 0; ret == 0 && i < eth->data->nb_tx_queues; i++) {
		struct netvsc_txq *txq = eth->data->tx_queues[i];

		if (txq != NULL && i < dev->channel_count) {
			txq->sections.count = 0;
			txq_fit(txq);
		}
	}
	return ret;
}
