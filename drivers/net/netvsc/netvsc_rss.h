/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NETVSC_RSS_H
#define NETVSC_RSS_H

/* Receive-side scaling. These take the control lock themselves, are bounded,
 * and return 0 or -errno. */

#include "netvsc.h"

/* Asks what the host can do: host.queues, .reta_size, .rss_caps, .rss_hf.
 * Without RSS there is one queue and a table of no entries. */
int netvsc_rss_query(struct netvsc_device *dev);

/*
 * Checked first, then RSS is switched off and on again with the new settings:
 * hosts refuse a change otherwise. -EINVAL: an entry leads to a channel that is
 * not open, or the table's size is not the host's; -ENOTSUP: a hash that the
 * host does not compute. If the host refuses, what was set before is set again.
 */
int netvsc_rss_set(struct netvsc_device *dev, const struct netvsc_rss *rss);

/* The default key; entry i leads to channel i modulo `queues`. */
void netvsc_rss_default(const struct netvsc_device *dev, unsigned int queues, uint64_t hf,
	struct netvsc_rss *rss);

/* After the host's table or the number of channels changed: repeats or cuts the
 * remembered table, and leads what is lost to the channels that are left. */
void netvsc_rss_fit(struct netvsc_device *dev);

#endif /* NETVSC_RSS_H */
