/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Counters; see netvsc_stats.h. One table for each owner says what there is;
 * the port's figures are sums over its queues. Names are never changed.
 */

#include "netvsc_stats.h"

#include <errno.h>
#include <string.h>

#include "netvsc_ethdev.h"
#include "netvsc_rx.h"
#include "netvsc_tx.h"

struct counter {
	const char *name;
	size_t offset;
};

#define RX(name) { #name, offsetof(struct netvsc_rx_counters, name) }
static const struct counter rx_counters[] = {
	RX(packets), RX(bytes), RX(malformed), RX(oversize), RX(runts),
	RX(rsc_broken), RX(csum_bad), RX(mbuf_waits),
};

#define TX(name) { #name, offsetof(struct netvsc_tx_counters, name) }
static const struct counter tx_counters[] = {
	TX(packets), TX(bytes), TX(messages), TX(page_lists), TX(rejected), TX(host_errors),
	TX(no_section), TX(no_slot), TX(ring_full),
};

#define CHANNEL(name) { #name, offsetof(struct netvsc_channel, name) }
static const struct counter channel_counters[] = {
	CHANNEL(ring_errors), CHANNEL(bad_transfers), CHANNEL(bad_completions),
	CHANNEL(unknown_packets), CHANNEL(control_messages), CHANNEL(acks), CHANNEL(discarded),
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

#define RX_SINCE(rxq, name) \
	since(&(rxq)->counters, &(rxq)->base, offsetof(struct netvsc_rx_counters, name))
#define TX_SINCE(txq, name) \
	since(&(txq)->counters, &(txq)->base, offsetof(struct netvsc_tx_counters, name))

struct queue_sums {
	uint64_t packets, bytes, errors;
};

/* What the host refused was not sent after all. */
static struct queue_sums
tx_sums(const struct netvsc_txq *txq)
{
	uint64_t packets = TX_SINCE(txq, packets), refused = TX_SINCE(txq, host_errors);

	return (struct queue_sums) {
		.packets = packets >= refused ? packets - refused : 0,
		.bytes = TX_SINCE(txq, bytes),
		.errors = refused + TX_SINCE(txq, rejected),
	};
}

static struct queue_sums
rx_sums(const struct netvsc_rxq *rxq)
{
	return (struct queue_sums) {
		.packets = RX_SINCE(rxq, packets),
		.bytes = RX_SINCE(rxq, bytes),
		.errors = RX_SINCE(rxq, malformed) + RX_SINCE(rxq, oversize) +
			RX_SINCE(rxq, runts) + RX_SINCE(rxq, rsc_broken),
	};
}

static void
rx_add(const struct rte_eth_dev *eth, struct rte_eth_stats *stats NETVSC_COMPAT_QSTATS)
{
	for (uint16_t i = 0; i < eth->data->nb_rx_queues; i++) {
		const struct netvsc_rxq *rxq = eth->data->rx_queues[i];
		struct queue_sums sums;

		if (rxq == NULL)
			continue;
		sums = rx_sums(rxq);
		stats->ipackets += sums.packets;
		stats->ibytes += sums.bytes;
		stats->ierrors += sums.errors;
		stats->rx_nombuf += RX_SINCE(rxq, mbuf_waits);
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
	for (uint16_t i = 0; i < eth->data->nb_tx_queues; i++) {
		const struct netvsc_txq *txq = eth->data->tx_queues[i];
		struct queue_sums sums;

		if (txq == NULL)
			continue;
		sums = tx_sums(txq);
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

	for (unsigned int i = 0; i < NETVSC_QUEUES_MAX; i++)
		if (dev->channel[i] != NULL)
			stats->imissed += dev->channel[i]->discarded -
				dev->channel[i]->base[NETVSC_CHANNEL_COUNTERS - 1];
	rx_add(eth, stats NETVSC_COMPAT_QSTATS_PASS);
	tx_add(eth, stats NETVSC_COMPAT_QSTATS_PASS);
	return 0;
}

/* ---- reset ---- */

int
netvsc_stats_reset(struct rte_eth_dev *eth)
{
	struct netvsc_device *dev = netvsc_device_of(eth);

	for (uint16_t i = 0; i < eth->data->nb_rx_queues; i++) {
		struct netvsc_rxq *rxq = eth->data->rx_queues[i];

		if (rxq != NULL)
			rxq->base = rxq->counters;
	}
	for (uint16_t i = 0; i < eth->data->nb_tx_queues; i++) {
		struct netvsc_txq *txq = eth->data->tx_queues[i];

		if (txq != NULL)
			txq->base = txq->counters;
	}
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

/* Those of one owner; all 0 where there is none. */
static unsigned int
values_add(struct rte_eth_xstat *xstats, unsigned int at, const void *now, const void *base,
	const struct counter *counters, unsigned int count)
{
	for (unsigned int c = 0; c < count; c++) {
		xstats[at + c].id = at + c;
		xstats[at + c].value = now == NULL ? 0 : since(now, base, counters[c].offset);
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
	for (uint16_t i = 0; i < eth->data->nb_rx_queues; i++) {
		const struct netvsc_rxq *rxq = eth->data->rx_queues[i];

		at = values_add(xstats, at, rxq == NULL ? NULL : &rxq->counters,
			rxq == NULL ? NULL : &rxq->base, rx_counters, RTE_DIM(rx_counters));
	}
	for (uint16_t i = 0; i < eth->data->nb_tx_queues; i++) {
		const struct netvsc_txq *txq = eth->data->tx_queues[i];

		at = values_add(xstats, at, txq == NULL ? NULL : &txq->counters,
			txq == NULL ? NULL : &txq->base, tx_counters, RTE_DIM(tx_counters));
	}
	for (unsigned int i = 0; i < channels_shown(eth); i++)
		at = channel_values(xstats, at, dev->channel[i]);
	for (unsigned int c = 0; c < RTE_DIM(device_counters); c++, at++) {
		xstats[at].id = at;
		xstats[at].value = load(dev, device_counters[c].offset) - dev->base[c];
	}
	return (int)count;
}
