/* SPDX-License-Identifier: BSD-3-Clause */

/* The port's pool of send-buffer sections; see netvsc_sendbuf.h. */

#include "netvsc_sendbuf.h"

#include <errno.h>
#include <string.h>

#include <rte_common.h>
#include <rte_malloc.h>

int
netvsc_sendbuf_create(struct netvsc_sendbuf *buf, uint8_t *base, uint64_t bytes,
	uint32_t section_bytes)
{
	uint64_t count = section_bytes == 0 ? 0 : bytes / section_bytes;

	memset(buf, 0, sizeof(*buf));
	rte_spinlock_init(&buf->lock);
	if (count == 0)
		return 0;
	count = RTE_MIN(count, (uint64_t)UINT16_MAX);
	buf->free = rte_malloc("netvsc_sendbuf", count * sizeof(*buf->free), RTE_CACHE_LINE_SIZE);
	if (buf->free == NULL)
		return -ENOMEM;
	buf->base = base;
	buf->section_bytes = section_bytes;
	buf->count = (uint32_t)count;
	/* A stack: the lowest, which are the first to be warm, on top. */
	for (uint32_t i = 0; i < buf->count; i++)
		buf->free[i] = buf->count - 1 - i;
	buf->free_count = buf->count;
	return 0;
}

void
netvsc_sendbuf_destroy(struct netvsc_sendbuf *buf)
{
	rte_free(buf->free);
	memset(buf, 0, sizeof(*buf));
}

void
netvsc_sendbuf_cache_fit(const struct netvsc_sendbuf *buf, struct netvsc_sendbuf_cache *cache,
	uint32_t wanted, uint32_t queues)
{
	uint32_t share = netvsc_sendbuf_share(buf, queues);

	cache->max = RTE_MAX(1u, RTE_MIN(RTE_MIN(wanted, share), NETVSC_SENDBUF_CACHE_MAX));
}

void
netvsc_sendbuf_refill(struct netvsc_sendbuf *buf, struct netvsc_sendbuf_cache *cache)
{
	uint32_t n;

	rte_spinlock_lock(&buf->lock);
	n = RTE_MIN(buf->free_count, (cache->max + 1) / 2);
	buf->free_count -= n;
	/* A host without a send buffer leaves no list of free sections. */
	if (n != 0)
		memcpy(cache->section + cache->count, buf->free + buf->free_count,
			n * sizeof(*buf->free));
	rte_spinlock_unlock(&buf->lock);
	cache->count += n;
}

void
netvsc_sendbuf_spill(struct netvsc_sendbuf *buf, struct netvsc_sendbuf_cache *cache,
	uint32_t keep)
{
	uint32_t n = cache->count - keep;

	if (cache->count <= keep)
		return;
	rte_spinlock_lock(&buf->lock);
	memcpy(buf->free + buf->free_count, cache->section + keep, n * sizeof(*buf->free));
	buf->free_count += n;
	rte_spinlock_unlock(&buf->lock);
	cache->count = keep;
}
