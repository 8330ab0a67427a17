/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Counters; see netvsc_stats.h. One table for each owner says what there is;
 * the port's figures are sums over its queues. Names are never changed.
 */

#include "netvsc_stats.h"

#include <errno.h>
#include <string.h>

#include <rte_malloc.h>

#include "netvsc_ethdev.h"

struct counter {
	const char *name;
	size_t offset;
};

#define RX(name) { #name, offsetof(struct netvsc_rx_counters, name) }
static const struct counter rx_counters[] = {
	RX(packets), RX(bytes), RX(malformed), RX(oversize), RX(runts),
	RX(rsc_broken), RX(csum_bad), RX(mbuf_waits), RX(lent), RX(lend_refused),
};

#define TX(name) { #name, offsetof(struct netvsc_tx_counters, name) }
static const struct counter tx_counters[] = {
	TX(packets), TX(bytes), TX(messages), TX(page_lists), TX(rejected), TX(bad_offloads),
	TX(unsendable), TX(host_errors), TX(host_error_bytes), TX(abandoned), TX(abandoned_bytes),
	TX(no_section), TX(no_slot), TX(ring_full),
};

#define CHANNEL(name) { #name, offsetof(struct netvsc_channel, name) }
static const struct counter channel_counters[] = {
	CHANNEL(ring_errors), CHANNEL(bad_transfers), CHANNEL(bad_completions),
	CHANNEL(unknown_packets), CHANNEL(control_messages), CHANNEL(acks), CHANNEL(refused),
	CHANNEL(discarded),
};
_Static_assert(RTE_DIM(channel_counters) == NETVSC_CHANNEL_COUNTERS, "room for their bases");

#define DEVICE(name, member) { name, offsetof(struct netvsc_device, member) }
static const struct counter device_counters[] = {
	DEVICE("control_late_replies", xact.late),
	DEVICE("control_timeouts", xact.timeouts),
	DEVICE("host_indications", xact.notified.status_count),
	DEVICE("host_malformed", xact.notified.malformed),
	DEVICE("host_unknown", xact.notified.unknown),
};
_Static_assert(RTE_DIM(device_counters) == NETVSC_DEVICE_COUNTERS, "room for their bases");

static uint64_t
load(const void *owner, size_t offset)
{
	uint64_t value;

	/* Its owner may be counting. */
	__atomic_load((const uint64_t *)(const void *)((const uint8_t *)owner + offset), &value,
		__ATOMIC_RELAXED);
	return value;
}

static unsigned int
channels_shown(const struct rte_eth_dev *eth)
{
	return RTE_MAX(eth->data->nb_rx_queues, eth->data->nb_tx_queues);
}

/* ---- sums ---- */

/* What a counter came to since the last reset. */
static inline uint64_t
since(const void *now, const void *base, size_t offset)
{
	uint64_t value = load(now, offset), before = load(base, offset);

	return value >= before ? value - before : 0;
}

/* A queue's counters, or those of the last one that had its number. */
struct pair {
	const void *now, *base;
};

static struct pair
rx_pair(const struct rte_eth_dev *eth, unsigned int queue)
{
	const struct netvsc_kept *kept = netvsc_device_of(eth)->kept;
	const struct netvsc_rxq *rxq = queue < eth->data->nb_rx_queues ?
		eth->data->rx_queues[queue] : NULL;

	return rxq != NULL ? (struct pair){ &rxq->counters, &rxq->base } :
		(struct pair){ &kept->rx[queue].counters, &kept->rx[queue].base };
}

static struct pair
tx_pair(const struct rte_eth_dev *eth, unsigned int queue)
{
	const struct netvsc_kept *kept = netvsc_device_of(eth)->kept;
	const struct netvsc_txq *txq = queue < eth->data->nb_tx_queues ?
		eth->data->tx_queues[queue] : NULL;

	return txq != NULL ? (struct pair){ &txq->counters, &txq->base } :
		(struct pair){ &kept->tx[queue].counters, &kept->tx[queue].base };
}

#define RX_SINCE(pair, name) \
	since((pair).now, (pair).base, offsetof(struct netvsc_rx_counters, name))
#define TX_SINCE(pair, name) \
	since((pair).now, (pair).base, offsetof(struct netvsc_tx_counters, name))

enum { CHANNEL_REFUSED = NETVSC_CHANNEL_COUNTERS - 2, CHANNEL_DISCARDED };

static inline uint64_t
channel_since(const struct netvsc_channel *channel, unsigned int counter)
{
	uint64_t value = load(channel, channel_counters[counter].offset);

	return value - channel->base[counter];
}

struct queue_sums {
	uint64_t packets, bytes, errors;
};

/* What the host refused was not sent after all; of what it never completed
 * nobody knows. */
static struct queue_sums
tx_sums(struct pair tx)
{
	uint64_t packets = TX_SINCE(tx, packets), bytes = TX_SINCE(tx, bytes);
	uint64_t refused = TX_SINCE(tx, host_errors) + TX_SINCE(tx, abandoned);
	uint64_t refused_bytes = TX_SINCE(tx, host_error_bytes) + TX_SINCE(tx, abandoned_bytes);

	return (struct queue_sums) {
		.packets = packets >= refused ? packets - refused : 0,
		.bytes = bytes >= refused_bytes ? bytes - refused_bytes : 0,
		.errors = refused + TX_SINCE(tx, rejected) + TX_SINCE(tx, bad_offloads) +
			TX_SINCE(tx, unsendable),
	};
}

static struct queue_sums
rx_sums(struct pair rx)
{
	return (struct queue_sums) {
		.packets = RX_SINCE(rx, packets),
		.bytes = RX_SINCE(rx, bytes),
		.errors = RX_SINCE(rx, malformed) + RX_SINCE(rx, oversize) +
			RX_SINCE(rx, runts) + RX_SINCE(rx, rsc_broken),
	};
}

static void
rx_add(const struct rte_eth_dev *eth, struct rte_eth_stats *stats NETVSC_COMPAT_QSTATS)
{
	for (unsigned int i = 0; i < NETVSC_QUEUES_MAX; i++) {
		struct pair rx = rx_pair(eth, i);
		struct queue_sums sums = rx_sums(rx);

		stats->ipackets += sums.packets;
		stats->ibytes += sums.bytes;
		stats->ierrors += sums.errors;
		stats->rx_nombuf += RX_SINCE(rx, mbuf_waits);
		if (!NETVSC_COMPAT_QSTATS_HAVE(stats, i))
			continue;
		NETVSC_COMPAT_QSTATS_OF(stats)->q_ipackets[i] = sums.packets;
		NETVSC_COMPAT_QSTATS_OF(stats)->q_ibytes[i] = sums.bytes;
		NETVSC_COMPAT_QSTATS_OF(stats)->q_errors[i] = sums.errors;
	}
}

static void
tx_add(const struct rte_eth_dev *eth, struct rte_eth_stats *stats NETVSC_COMPAT_QSTATS)
{
	for (unsigned int i = 0; i < NETVSC_QUEUES_MAX; i++) {
		struct queue_sums sums = tx_sums(tx_pair(eth, i));

		stats->opackets += sums.packets;
		stats->obytes += sums.bytes;
		stats->oerrors += sums.errors;
		if (!NETVSC_COMPAT_QSTATS_HAVE(stats, i))
			continue;
		NETVSC_COMPAT_QSTATS_OF(stats)->q_opackets[i] = sums.packets;
		NETVSC_COMPAT_QSTATS_OF(stats)->q_obytes[i] = sums.bytes;
	}
}

int
netvsc_stats_get(struct rte_eth_dev *eth, struct rte_eth_stats *stats NETVSC_COMPAT_QSTATS)
{
	const struct netvsc_device *dev = netvsc_device_of(eth);

	for (unsigned int i = 0; i < NETVSC_QUEUES_MAX; i++) {
		const struct netvsc_channel *channel = dev->channel[i];

		if (channel == NULL)
			continue;
		stats->ierrors += channel_since(channel, CHANNEL_REFUSED);
		stats->imissed += channel_since(channel, CHANNEL_DISCARDED);
	}
	rx_add(eth, stats NETVSC_COMPAT_QSTATS_PASS);
	tx_add(eth, stats NETVSC_COMPAT_QSTATS_PASS);
	return 0;
}

/* ---- queues that come and go ---- */

int
netvsc_stats_create(struct netvsc_device *dev)
{
	dev->kept = rte_zmalloc_socket("netvsc_kept", sizeof(*dev->kept), RTE_CACHE_LINE_SIZE,
		dev->socket);
	return dev->kept == NULL ? -ENOMEM : 0;
}

void
netvsc_stats_destroy(struct netvsc_device *dev)
{
	rte_free(dev->kept);
	dev->kept = NULL;
}

void
netvsc_stats_keep_rx(struct netvsc_device *dev, const struct netvsc_rxq *rxq)
{
	dev->kept->rx[rxq->queue_id].counters = rxq->counters;
	dev->kept->rx[rxq->queue_id].base = rxq->base;
}

void
netvsc_stats_resume_rx(const struct netvsc_device *dev, struct netvsc_rxq *rxq)
{
	rxq->counters = dev->kept->rx[rxq->queue_id].counters;
	rxq->base = dev->kept->rx[rxq->queue_id].base;
}

void
netvsc_stats_keep_tx(struct netvsc_device *dev, const struct netvsc_txq *txq)
{
	dev->kept->tx[txq->queue_id].counters = txq->counters;
	dev->kept->tx[txq->queue_id].base = txq->base;
}

void
netvsc_stats_resume_tx(const struct netvsc_device *dev, struct netvsc_txq *txq)
{
	txq->counters = dev->kept->tx[txq->queue_id].counters;
	txq->base = dev->kept->tx[txq->queue_id].base;
}

/* ---- reset ---- */

/* Bursts may be counting: each word is read whole, and none is written. */
static void
base_take(void *base, const void *now, const struct counter *counters, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		uint64_t value = load(now, counters[i].offset);

		memcpy((uint8_t *)base + counters[i].offset, &value, sizeof(value));
	}
}

static void
queues_reset(struct rte_eth_dev *eth)
{
	struct netvsc_kept *kept = netvsc_device_of(eth)->kept;

	for (unsigned int i = 0; i < NETVSC_QUEUES_MAX; i++) {
		kept->rx[i].base = kept->rx[i].counters;
		kept->tx[i].base = kept->tx[i].counters;
	}
	for (uint16_t i = 0; i < eth->data->nb_rx_queues; i++) {
		struct netvsc_rxq *rxq = eth->data->rx_queues[i];

		if (rxq != NULL)
			base_take(&rxq->base, &rxq->counters, rx_counters, RTE_DIM(rx_counters));
	}
	for (uint16_t i = 0; i < eth->data->nb_tx_queues; i++) {
		struct netvsc_txq *txq = eth->data->tx_queues[i];

		if (txq != NULL)
			base_take(&txq->base, &txq->counters, tx_counters, RTE_DIM(tx_counters));
	}
}

int
netvsc_stats_reset(struct rte_eth_dev *eth)
{
	struct netvsc_device *dev = netvsc_device_of(eth);

	queues_reset(eth);
	for (unsigned int i = 0; i < NETVSC_QUEUES_MAX; i++)
		for (unsigned int c = 0; dev->channel[i] != NULL && c < RTE_DIM(channel_counters); c++)
			dev->channel[i]->base[c] = load(dev->channel[i], channel_counters[c].offset);
	for (unsigned int c = 0; c < RTE_DIM(device_counters); c++)
		dev->base[c] = load(dev, device_counters[c].offset);
	return 0;
}

/* ---- extended ---- */

static unsigned int
xstats_count(const struct rte_eth_dev *eth)
{
	return (unsigned int)(eth->data->nb_rx_queues * RTE_DIM(rx_counters) +
		eth->data->nb_tx_queues * RTE_DIM(tx_counters) +
		channels_shown(eth) * RTE_DIM(channel_counters) + RTE_DIM(device_counters));
}

static unsigned int
names_add(struct rte_eth_xstat_name *names, const char *prefix, unsigned int owner,
	const struct counter *counters, unsigned int count)
{
	for (unsigned int c = 0; c < count; c++)
		snprintf(names[c].name, sizeof(names[c].name), "%s%u_%s", prefix, owner,
			counters[c].name);
	return count;
}

int
netvsc_xstats_get_names(struct rte_eth_dev *eth, struct rte_eth_xstat_name *names, unsigned int n)
{
	unsigned int count = xstats_count(eth), at = 0;

	if (names == NULL || n < count)
		return (int)count;
	for (uint16_t i = 0; i < eth->data->nb_rx_queues; i++)
		at += names_add(names + at, "rx_q", i, rx_counters, RTE_DIM(rx_counters));
	for (uint16_t i = 0; i < eth->data->nb_tx_queues; i++)
		at += names_add(names + at, "tx_q", i, tx_counters, RTE_DIM(tx_counters));
	for (unsigned int i = 0; i < channels_shown(eth); i++)
		at += names_add(names + at, "channel_", i, channel_counters,
			RTE_DIM(channel_counters));
	for (unsigned int c = 0; c < RTE_DIM(device_counters); c++)
		rte_strscpy(names[at++].name, device_counters[c].name, sizeof(names[0].name));
	return (int)count;
}

static unsigned int
values_add(struct rte_eth_xstat *xstats, unsigned int at, struct pair pair,
	const struct counter *counters, unsigned int count)
{
	for (unsigned int c = 0; c < count; c++) {
		xstats[at + c].id = at + c;
		xstats[at + c].value = since(pair.now, pair.base, counters[c].offset);
	}
	return at + count;
}

static unsigned int
channel_values(struct rte_eth_xstat *xstats, unsigned int at, const struct netvsc_channel *channel)
{
	for (unsigned int c = 0; c < RTE_DIM(channel_counters); c++, at++) {
		xstats[at].id = at;
		xstats[at].value = channel == NULL ? 0 :
			load(channel, channel_counters[c].offset) - channel->base[c];
	}
	return at;
}

int
netvsc_xstats_get(struct rte_eth_dev *eth, struct rte_eth_xstat *xstats, unsigned int n)
{
	const struct netvsc_device *dev = netvsc_device_of(eth);
	unsigned int count = xstats_count(eth), at = 0;

	if (xstats == NULL || n < count)
		return (int)count;
	for (uint16_t i = 0; i < eth->data->nb_rx_queues; i++)
		at = values_add(xstats, at, rx_pair(eth, i), rx_counters, RTE_DIM(rx_counters));
	for (uint16_t i = 0; i < eth->data->nb_tx_queues; i++)
		at = values_add(xstats, at, tx_pair(eth, i), tx_counters, RTE_DIM(tx_counters));
	for (unsigned int i = 0; i < channels_shown(eth); i++)
		at = channel_values(xstats, at, dev->channel[i]);
	for (unsigned int c = 0; c < RTE_DIM(device_counters); c++, at++) {
		xstats[at].id = at;
		xstats[at].value = load(dev, device_counters[c].offset) - dev->base[c];
	}
	return (int)count;
}
