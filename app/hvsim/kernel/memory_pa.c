/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From physical pages to guest memory: the pages of every told map are looked
 * up in /proc/<pid>/pagemap, which shows page numbers to root only. Only
 * memory that is shared can be found this way: PA needs hugepages anyway.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../../../drivers/bus/vmbus/vmbus_wire.h"
#include "../core/util.h"
#include "memory_map.h"

#define PAGEMAP_PRESENT (1ull << 63)
#define PAGEMAP_PFN_MASK ((1ull << 55) - 1)
#define PAGEMAP_BATCH 512u

static int
range_add(struct pa_index *index, uint64_t pfn, uint64_t pages, const uint8_t *base)
{
	struct pa_range *last = index->count ? &index->ranges[index->count - 1] : NULL;

	if (last && last->pfn + last->pages == pfn &&
			last->base + last->pages * HV_PAGE_BYTES == base) {
		last->pages += pages;
		return 0;
	}
	if (index->count == index->room) {
		uint32_t room = index->room ? index->room * 2 : 256;
		struct pa_range *ranges = realloc(index->ranges, room * sizeof(*ranges));

		if (!ranges)
			return -ENOMEM;
		index->ranges = ranges;
		index->room = room;
	}
	index->ranges[index->count++] = (struct pa_range){ pfn, pages, base };
	return 0;
}

static int
entry_add(struct pa_index *index, uint64_t entry, uint64_t pages, const uint8_t *base)
{
	if (!(entry & PAGEMAP_PRESENT))
		return 0;
	if ((entry & PAGEMAP_PFN_MASK) == 0)
		return -EPERM;
	return range_add(index, entry & PAGEMAP_PFN_MASK, pages, base);
}

/* Small pages: their entries are read in batches. */
static int
scan_small(struct pa_index *index, int fd, const struct mem_map *map)
{
	uint64_t entries[PAGEMAP_BATCH];
	uint64_t va = map->start;

	while (va < map->end) {
		uint64_t want = HV_MIN((map->end - va) / HV_PAGE_BYTES, PAGEMAP_BATCH);
		ssize_t bytes = pread(fd, entries, want * sizeof(*entries),
			(off_t)(va / HV_PAGE_BYTES * sizeof(*entries)));
		uint64_t got = bytes > 0 ? (uint64_t)bytes / sizeof(*entries) : 0;

		if (got == 0)
			return 0;
		for (uint64_t i = 0; i < got; i++, va += HV_PAGE_BYTES) {
			int ret = entry_add(index, entries[i], 1, map->base + (va - map->start));

			if (ret < 0)
				return ret;
		}
	}
	return 0;
}

/* Hugepages: the first entry of each says it all. */
static int
scan_huge(struct pa_index *index, int fd, const struct mem_map *map)
{
	uint64_t step = map->region->page_bytes;

	for (uint64_t va = map->start; va < map->end; va += step) {
		uint64_t entry;
		int ret;

		if (pread(fd, &entry, sizeof(entry),
				(off_t)(va / HV_PAGE_BYTES * sizeof(entry))) != sizeof(entry))
			return 0;
		ret = entry_add(index, entry, step / HV_PAGE_BYTES, map->base + (va - map->start));
		if (ret < 0)
			return ret;
	}
	return 0;
}

int
pa_index_scan(struct pa_index *index, struct mem_process *p)
{
	char path[64];
	int ret = 0;

	if (p->pagemap_fd < 0) {
		snprintf(path, sizeof(path), "/proc/%d/pagemap", (int)p->pid);
		p->pagemap_fd = open(path, O_RDONLY | O_CLOEXEC);
		if (p->pagemap_fd < 0)
			return errno == ENOENT ? 0 : -errno;
	}
	for (uint32_t i = 0; i < p->count && ret == 0; i++) {
		const struct mem_map *map = &p->maps[i];

		uint64_t step = map->region->page_bytes;

		if (step > HV_PAGE_BYTES && map->start % step == 0 && map->end % step == 0)
			ret = scan_huge(index, p->pagemap_fd, map);
		else
			ret = scan_small(index, p->pagemap_fd, map);
	}
	return ret;
}

bool
pa_index_allowed(void)
{
	volatile uint64_t touched = 1;
	uint64_t entry = 0;
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	if (pread(fd, &entry, sizeof(entry), (off_t)((uintptr_t)&touched / HV_PAGE_BYTES *
			sizeof(entry))) != sizeof(entry))
		entry = 0;
	close(fd);
	return (entry & PAGEMAP_PFN_MASK) != 0;
}

static int
range_compare(const void *a, const void *b)
{
	const struct pa_range *x = a, *y = b;

	return (x->pfn > y->pfn) - (x->pfn < y->pfn);
}

/* Two processes may have the same page: one of the two ranges is enough. */
void
pa_index_sort(struct pa_index *index)
{
	uint32_t kept = 0;
	uint64_t end = 0;

	if (index->count == 0)
		return;
	qsort(index->ranges, index->count, sizeof(*index->ranges), range_compare);
	for (uint32_t i = 0; i < index->count; i++) {
		struct pa_range r = index->ranges[i];
		uint64_t skip = end > r.pfn ? end - r.pfn : 0;

		if (skip >= r.pages)
			continue;
		r.pfn += skip;
		r.pages -= skip;
		r.base += skip * HV_PAGE_BYTES;
		index->ranges[kept++] = r;
		end = r.pfn + r.pages;
	}
	index->count = kept;
}

const uint8_t *
pa_index_find(const struct pa_index *index, uint64_t pfn)
{
	uint32_t low = 0, high = index->count;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		const struct pa_range *r = &index->ranges[mid];

		if (pfn < r->pfn)
			high = mid;
		else if (pfn - r->pfn >= r->pages)
			low = mid + 1;
		else
			return r->base + (pfn - r->pfn) * HV_PAGE_BYTES;
	}
	return NULL;
}

void
pa_index_free(struct pa_index *index)
{
	free(index->ranges);
	*index = (struct pa_index){ 0 };
}
