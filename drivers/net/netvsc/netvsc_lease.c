/* SPDX-License-Identifier: BSD-3-Clause */

/* Frames lent to the application; see netvsc_lease.h. */

#include "netvsc_lease.h"

#include <errno.h>

#include <rte_eal.h>
#include <rte_malloc.h>
#include <rte_memory.h>

#include "netvsc_borrow.h"

#define NONE NETVSC_LEASE_NONE
#define CLOSED (NETVSC_LEASE_NONE - 1)  /* of the stack of returned leases */

/* RNDIS header and per-packet information of a frame, generously. */
#define MESSAGE_HEADER_BYTES 256u

/* ---- lists ---- */

static uint32_t
list_pop(struct netvsc_lender *lender, uint32_t *head)
{
	uint32_t at = *head;

	if (at != NONE)
		*head = lender->lease[at].next;
	return at;
}

static uint32_t
list_count(const struct netvsc_lender *lender, uint32_t at)
{
	uint32_t count = 0;

	for (; at != NONE; at = lender->lease[at].next)
		count++;
	return count;
}

/* Puts the list from `first` to `last` on a stack that others only ever take as a
 * whole: no entry can come back while we look at it. */
static void
stack_push(struct netvsc_lender *lender, uint32_t *stack, uint32_t first, uint32_t last)
{
	uint32_t head = __atomic_load_n(stack, __ATOMIC_RELAXED);

	do
		lender->lease[last].next = head;
	/* Partner: the exchange that takes the stack. */
	while (!__atomic_compare_exchange_n(stack, &head, first, true, __ATOMIC_RELEASE,
		__ATOMIC_RELAXED));
}

/* ---- the end of a lease ---- */

static void
region_drop(struct netvsc_region *region)
{
	if (__atomic_sub_fetch(&region->refs, 1, __ATOMIC_ACQ_REL) != 0)
		return;
	if (region->kept)
		vmbus_device_kept_free(region->addr, region->bytes);
	rte_free(region);
}

static void
lender_destroy(struct netvsc_lender *lender)
{
	region_drop(lender->region);
	rte_free(lender);
}

/* Nothing points into the transfer any more. On any thread, at any time: the link
 * may be closed, and all of the port be gone but the lender. */
static void
lease_return(struct netvsc_lease *lease)
{
	struct netvsc_lender *lender = lease->lender;
	uint32_t head = __atomic_load_n(&lender->returned, __ATOMIC_RELAXED);
	uint32_t index = (uint32_t)(lease - lender->lease);

	do {
		if (head == CLOSED) {
			if (__atomic_sub_fetch(&lender->left, 1, __ATOMIC_ACQ_REL) == 0)
				lender_destroy(lender);
			return;
		}
		lease->next = head;
		/* Partner: the exchanges that take the stack. From here on the lender
		 * may be freed at any time. */
	} while (!__atomic_compare_exchange_n(&lender->returned, &head, index, true,
		__ATOMIC_RELEASE, __ATOMIC_RELAXED));
}

/* Of rte_mbuf_ext_shared_info: the last mbuf was freed. */
static void
lease_freed(void *addr, void *opaque)
{
	RTE_SET_USED(addr);
	lease_return(opaque);
}

/* Gives up the references that no mbuf took. What comes back by that is not returned
 * yet: the host must not use a section again of which the backlog still has ranges. */
static void
lease_end(struct netvsc_lender *lender)
{
	struct netvsc_lease *lease = lender->open;
	uint16_t left;

	if (lease == NULL)
		return;
	lender->open = NULL;
	if (lender->shared) {
		left = rte_mbuf_ext_refcnt_update(&lease->shinfo, (int16_t)-lender->credits);
	} else {
		/* All its mbufs are in our hands: no need for an atomic operation. */
		left = (uint16_t)(rte_mbuf_ext_refcnt_read(&lease->shinfo) - lender->credits);
		rte_mbuf_ext_refcnt_set(&lease->shinfo, left);
	}
	if (left == 0) {
		lease->next = lender->ended;
		lender->ended = (uint32_t)(lease - lender->lease);
	}
}

static void
leases_return(struct netvsc_lender *lender)
{
	uint32_t at;

	while ((at = list_pop(lender, &lender->ended)) != NONE)
		lease_return(&lender->lease[at]);
}

/* ---- lending ---- */

/* Looks at the transfer of the range `index`, which must have come already. */
static struct netvsc_transfer *
transfer_seek(struct netvsc_channel *channel, uint32_t index)
{
	const struct netvsc_backlog *backlog = &channel->backlog;
	struct netvsc_lender *lender = channel->lender;
	struct netvsc_transfer *transfer;

	if ((int32_t)(lender->transfer - backlog->transfer_tail) < 0) {
		lender->transfer = backlog->transfer_tail;
		lender->start = lender->tail_start;
	}
	transfer = &backlog->transfers[lender->transfer & backlog->mask];
	while ((int32_t)(index - transfer->range_end) >= 0) {
		lender->start = transfer->range_end;
		transfer = &backlog->transfers[++lender->transfer & backlog->mask];
	}
	return transfer;
}

/* May so many more sections be lent? */
static bool
sections_left(struct netvsc_lender *lender, uint32_t sections)
{
	uint32_t at, next;

	if (likely(lender->free != NONE && lender->lent + sections <= lender->limit))
		return true;
	/* Partner: the release of those who acknowledged them. */
	at = __atomic_exchange_n(&lender->settled, NONE, __ATOMIC_ACQUIRE);
	for (; at != NONE; at = next) {
		next = lender->lease[at].next;
		lender->lent -= lender->lease[at].sections;
		lender->lease[at].next = lender->free;
		lender->free = at;
	}
	return lender->free != NONE && lender->lent + sections <= lender->limit;
}

/* Opens a lease on the transfer of the range `index`, if that is possible. */
static bool
lease_begin(struct netvsc_channel *channel, uint32_t index)
{
	struct netvsc_lender *lender = channel->lender;
	struct netvsc_transfer *transfer = transfer_seek(channel, index);
	uint64_t sections = (uint64_t)(transfer->range_end - lender->start) * lender->frame_sections;
	uint32_t frames = transfer->range_end - index;
	struct netvsc_lease *lease;

	lease_end(lender);              /* that of the transfer before */
	if (frames >= INT16_MAX || sections > lender->limit ||
	    !sections_left(lender, (uint32_t)sections))
		return false;
	lease = &lender->lease[list_pop(lender, &lender->free)];
	lease->transaction_id = transfer->transaction_id;
	lease->sections = (uint32_t)sections;
	lender->lent += lease->sections;
	/* One for each mbuf that may come and one of ours; each mbuf takes one, and no
	 * counter need be touched that others may be counting down. */
	lender->credits = (uint16_t)(frames + 1);
	rte_mbuf_ext_refcnt_set(&lease->shinfo, lender->credits);
	lender->open = lease;
	lender->open_end = transfer->range_end;
	lender->shared = false;
	/* Partner: the drainer, who looks after the tail has passed it. */
	transfer->lent = 1;
	return true;
}

/* Where devices find these bytes; RTE_BAD_IOVA if it is not one piece to them. */
static rte_iova_t
region_iova(const struct netvsc_region *region, uint32_t offset, uint32_t bytes)
{
	uint32_t page = offset / region->page_bytes;
	uint32_t last = (offset + bytes - 1) / region->page_bytes;
	rte_iova_t iova;

	if (region->pages == 0)
		return (uintptr_t)region->addr + offset;
	iova = region->iova[page];
	for (; page != last; page++)
		if (region->iova[page + 1] != region->iova[page] + region->page_bytes)
			return RTE_BAD_IOVA;
	return iova == RTE_BAD_IOVA ? iova : iova + offset % region->page_bytes;
}

bool
netvsc_lease_lend(struct netvsc_rxq *rxq, const struct vmbus_transfer_range *range,
	const struct rndis_rx_view *view, struct rte_mbuf *m)
{
	struct netvsc_channel *channel = rxq->channel;
	const struct netvsc_backlog *backlog = &channel->backlog;
	struct netvsc_lender *lender = channel->lender;
	uint32_t index = backlog->range_tail +
		(((uint32_t)(range - backlog->ranges) - backlog->range_tail) & backlog->mask);
	uint32_t bytes = view->frame_off + view->frame_bytes;
	rte_iova_t iova = lender != NULL && bytes <= UINT16_MAX ?
		region_iova(lender->region, range->byte_offset, bytes) : RTE_BAD_IOVA;

	/* A tag can be inserted into direct mbufs only. */
	if (iova == RTE_BAD_IOVA || ((view->has & RNDIS_RX_VLAN) != 0 && !rxq->vlan_strip) ||
	    ((lender->open == NULL || (int32_t)(index - lender->open_end) >= 0) &&
	     !lease_begin(channel, index)))
		return false;
	lender->credits--;
	/* What lies before the frame in its range is the application's headroom: the
	 * message's header was read and checked, and nobody needs it any more. */
	m->buf_addr = lender->region->addr + range->byte_offset;
	rte_mbuf_iova_set(m, iova);
	m->buf_len = (uint16_t)bytes;
	m->data_off = (uint16_t)view->frame_off;
	m->data_len = (uint16_t)view->frame_bytes;
	m->pkt_len = view->frame_bytes;
	m->shinfo = &lender->open->shinfo;
	m->ol_flags |= RTE_MBUF_F_EXTERNAL;
	rxq->counters.lent++;
	return true;
}

void
netvsc_lease_advance(struct netvsc_channel *channel, uint32_t used)
{
	const struct netvsc_backlog *backlog = &channel->backlog;
	struct netvsc_lender *lender = channel->lender;
	uint32_t tail = backlog->range_tail + used;

	if (tail == backlog->range_seen) {
		lender->tail_start = tail;
		return;
	}
	transfer_seek(channel, tail);
	lender->tail_start = lender->start;
}

void
netvsc_lease_settle(struct netvsc_channel *channel)
{
	struct netvsc_lender *lender = channel->lender;

	if (lender->open != NULL && (int32_t)(channel->backlog.range_tail - lender->open_end) >= 0)
		lease_end(lender);
	leases_return(lender);
	lender->shared = true;
}

/* ---- acknowledgements ---- */

uint32_t
netvsc_lease_collect(struct netvsc_lender *lender)
{
	uint32_t at = NONE, next;

	if (__atomic_load_n(&lender->returned, __ATOMIC_RELAXED) != NONE)
		/* Partner: the release of those who returned them. */
		at = __atomic_exchange_n(&lender->returned, NONE, __ATOMIC_ACQUIRE);
	for (; at != NONE; at = next) {
		next = lender->lease[at].next;
		lender->lease[at].next = lender->pending;
		__atomic_store_n(&lender->pending, at, __ATOMIC_RELAXED);
	}
	return list_count(lender, lender->pending);
}

void
netvsc_lease_acked(struct netvsc_lender *lender, uint32_t count)
{
	uint32_t first = lender->pending, last = first, next = first;

	if (count == 0)
		return;
	for (uint32_t i = 0; i < count; i++) {
		last = next;
		next = lender->lease[last].next;
	}
	__atomic_store_n(&lender->pending, next, __ATOMIC_RELAXED);
	stack_push(lender, &lender->settled, first, last);
}

/* ---- open and close ---- */

static struct netvsc_region *
region_create(const struct netvsc_device *dev)
{
	uint32_t page_bytes = dev->vmbus->maps.page_bytes;
	uint32_t pages = rte_eal_iova_mode() == RTE_IOVA_VA ? 0 :
		(uint32_t)((dev->recv_bytes + page_bytes - 1) / page_bytes);
	struct netvsc_region *region = rte_zmalloc_socket("netvsc_region",
		sizeof(*region) + pages * sizeof(region->iova[0]), RTE_CACHE_LINE_SIZE, dev->socket);

	if (region == NULL)
		return NULL;
	region->refs = 1;
	region->addr = dev->recv_buffer;
	region->bytes = dev->recv_bytes;
	region->page_bytes = page_bytes;
	region->pages = pages;
	/* The kernel's memory: each page may be anywhere. */
	for (uint32_t i = 0; i < pages; i++)
		region->iova[i] = rte_mem_virt2iova(region->addr + (size_t)i * page_bytes);
	return region;
}

static struct netvsc_lender *
lender_create(struct netvsc_device *dev, uint32_t count)
{
	struct netvsc_lender *lender = rte_zmalloc_socket("netvsc_lender",
		sizeof(*lender) + count * sizeof(lender->lease[0]), RTE_CACHE_LINE_SIZE, dev->socket);

	if (lender == NULL)
		return NULL;
	lender->region = dev->region;
	__atomic_add_fetch(&dev->region->refs, 1, __ATOMIC_RELAXED);
	lender->count = count;
	lender->frame_sections = (dev->host.frame_max + MESSAGE_HEADER_BYTES +
		dev->host.suballoc_bytes - 1) / dev->host.suballoc_bytes;
	lender->returned = lender->pending = lender->settled = NONE;
	lender->free = lender->ended = NONE;
	for (uint32_t i = count; i > 0; i--) {
		struct netvsc_lease *lease = &lender->lease[i - 1];

		lease->lender = lender;
		lease->shinfo.free_cb = lease_freed;
		lease->shinfo.fcb_opaque = lease;
		lease->next = lender->free;
		lender->free = i - 1;
	}
	return lender;
}

static int
channel_open(struct netvsc_channel *channel, uint32_t share)
{
	struct netvsc_backlog *backlog = &channel->backlog;

	if (channel->lender == NULL) {
		struct netvsc_lender *lender = lender_create(channel->dev, share);

		if (lender == NULL)
			return -ENOMEM;
		/* Marks of a link before. */
		for (uint32_t i = 0; i <= backlog->mask; i++)
			backlog->transfers[i].lent = 0;
		channel->lender = lender;
		__atomic_store_n(&channel->lends, 1, __ATOMIC_RELEASE);
	}
	channel->lender->limit = RTE_MIN(share, channel->lender->count);
	return 0;
}

void
netvsc_lease_open(struct netvsc_device *dev)
{
	int ret = 0;

	if (!dev->args.rx_extmbuf || dev->channel_count == 0)
		return;
	if (dev->region == NULL)
		dev->region = region_create(dev);
	if (dev->region == NULL)
		ret = -ENOMEM;
	for (unsigned int i = 0; i < dev->channel_count && ret == 0; i++)
		ret = channel_open(dev->channel[i], dev->host.section_count / 2 / dev->channel_count);
	if (ret < 0)
		NETVSC_LOG(NOTICE, init, "%s: no memory to lend frames: they are copied", dev->name);
}

/* With as many leases out as are in no list, the lender stays until they are back. */
static void
lender_close(struct netvsc_lender *lender)
{
	uint32_t in, returned;

	lease_end(lender);
	leases_return(lender);
	/* Partner: lease_return(). Whoever sees it counts `left` down instead, and may
	 * do so before it is set: it is 0 again only when all are back. */
	returned = __atomic_exchange_n(&lender->returned, CLOSED, __ATOMIC_ACQ_REL);
	in = list_count(lender, returned) + list_count(lender, lender->pending) +
		list_count(lender, lender->settled) + list_count(lender, lender->free);
	if (__atomic_add_fetch(&lender->left, (int32_t)(lender->count - in), __ATOMIC_ACQ_REL) == 0)
		lender_destroy(lender);
}

void
netvsc_lease_close(struct netvsc_device *dev, struct vmbus_device *vmbus)
{
	struct netvsc_region *region = dev->region;

	if (region == NULL)
		return;
	for (unsigned int i = 0; i < NETVSC_QUEUES_MAX; i++) {
		struct netvsc_channel *channel = dev->channel[i];

		if (channel == NULL || channel->lender == NULL)
			continue;
		lender_close(channel->lender);
		channel->lender = NULL;
		channel->lends = 0;
	}
	dev->region = NULL;
	/* The lenders are closed: whatever is sent from here on is copied. */
	if (__atomic_load_n(&region->refs, __ATOMIC_ACQUIRE) != 1 &&
	    netvsc_borrow_wait(dev, region->addr, region->bytes))
		NETVSC_LOG(WARNING, control, "%s: another port's host has not read all frames that"
			" were lent: what it sends of them may be changed", dev->name);
	if (__atomic_load_n(&region->refs, __ATOMIC_ACQUIRE) != 1) {
		vmbus_device_keep(vmbus, UIO_MAP_RECV_BUFFER);
		region->kept = true;
	}
	region_drop(region);
}

void
netvsc_lease_skip(struct netvsc_channel *channel)
{
	struct netvsc_lender *lender = channel->lender;

	lease_end(lender);
	leases_return(lender);
	lender->transfer = channel->backlog.transfer_head;
	lender->start = lender->tail_start = channel->backlog.range_head;
}

/* ---- transmit ---- */

bool
netvsc_lease_stale(const struct rte_mbuf *m)
{
	const struct netvsc_lease *lease;

	if (m->shinfo->free_cb != lease_freed)
		return false;
	lease = m->shinfo->fcb_opaque;
	return __atomic_load_n(&lease->lender->returned, __ATOMIC_ACQUIRE) == CLOSED;
}
