/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The one control request that may be under way; see netvsc_xact.h. Whoever
 * drains the channel and whoever waits meet in the state under xact.lock; the
 * reply's bytes are written once, by the drainer, before `done`.
 */

#include "netvsc.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <rte_malloc.h>
#include <rte_memory.h>

#include "netvsc_channel.h"
#include "netvsc_notify.h"
#include "netvsc_poll.h"

/* While waiting: the first looks at the ring follow each other closely. */
#define PAUSE_FIRST_NS 20000u
#define PAUSE_LAST_NS 1000000u

/* The request's page in a control transaction id's slot; this one: none. */
#define SLOT_NO_PAGE 0xffu

/* ---- life ---- */

static int
mutex_create(pthread_mutex_t *mutex)
{
	pthread_mutexattr_t attr;
	int ret = pthread_mutexattr_init(&attr);

	if (ret != 0)
		return -ret;
	ret = pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	if (ret == 0)
		ret = pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	if (ret == 0)
		ret = pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
	if (ret == 0)
		ret = pthread_mutex_init(mutex, &attr);
	pthread_mutexattr_destroy(&attr);
	return -ret;
}

int
netvsc_xact_create(struct netvsc_device *dev)
{
	struct netvsc_xact *xact = &dev->xact;
	int ret;

	memset(xact, 0, sizeof(*xact));
	rte_spinlock_init(&xact->lock);
	xact->wait_ms = NETVSC_REPLY_WAIT_MS;
	xact->pages = rte_zmalloc_socket("netvsc_requests",
		NETVSC_REQUESTS * NETVSC_REQUEST_BYTES, NETVSC_REQUEST_BYTES, dev->socket);
	if (xact->pages == NULL)
		return -ENOMEM;
	for (unsigned int i = 0; i < NETVSC_REQUESTS; i++) {
		rte_iova_t iova = rte_mem_virt2iova(xact->pages + i * NETVSC_REQUEST_BYTES);

		/* Only where page lists are sent does the host see this number. */
		xact->page_number[i] = iova == RTE_BAD_IOVA ? 0 : iova / NETVSC_REQUEST_BYTES;
	}
	ret = mutex_create(&xact->mutex);
	if (ret < 0) {
		rte_free(xact->pages);
		xact->pages = NULL;
	}
	return ret;
}

void
netvsc_xact_destroy(struct netvsc_device *dev)
{
	if (dev->xact.pages == NULL)
		return;
	pthread_mutex_destroy(&dev->xact.mutex);
	rte_free(dev->xact.pages);
	dev->xact.pages = NULL;
}

void
netvsc_xact_reset(struct netvsc_device *dev)
{
	struct netvsc_xact *xact = &dev->xact;

	rte_spinlock_lock(&xact->lock);
	xact->kind = NETVSC_REPLY_NONE;
	memset(xact->in_flight, 0, sizeof(xact->in_flight));
	rte_spinlock_unlock(&xact->lock);
}

static void
owner_died(struct netvsc_device *dev)
{
	/* A process died while it waited for a reply; nobody else ever will. */
	netvsc_xact_cancel(dev);
	pthread_mutex_consistent(&dev->xact.mutex);
	NETVSC_LOG(NOTICE, control, "%s: a process died during a control request", dev->name);
}

void
netvsc_xact_lock(struct netvsc_device *dev)
{
	if (pthread_mutex_lock(&dev->xact.mutex) == EOWNERDEAD)
		owner_died(dev);
}

bool
netvsc_xact_trylock(struct netvsc_device *dev)
{
	int ret = pthread_mutex_trylock(&dev->xact.mutex);

	if (ret == EOWNERDEAD)
		owner_died(dev);
	return ret == 0 || ret == EOWNERDEAD;
}

void
netvsc_xact_unlock(struct netvsc_device *dev)
{
	pthread_mutex_unlock(&dev->xact.mutex);
}

uint32_t
netvsc_xact_hurry(struct netvsc_device *dev)
{
	uint32_t before_ms = dev->xact.wait_ms;

	dev->xact.wait_ms = RTE_MIN(before_ms, NETVSC_LEAVE_WAIT_MS);
	dev->xact.hurried++;
	return before_ms;
}

void
netvsc_xact_relax(struct netvsc_device *dev, uint32_t before_ms)
{
	dev->xact.wait_ms = before_ms;
	dev->xact.hurried--;
}

uint64_t
netvsc_xact_deadline_ms(const struct netvsc_device *dev, enum netvsc_reply_kind kind)
{
	/* An answer to RNDIS takes what everything else takes, too. */
	const uint32_t needed = 1u << kind | 1u << NETVSC_REPLY_NVSP;
	uint32_t wait_ms = dev->xact.wait_ms;

	if ((__atomic_load_n(&dev->xact.silent, __ATOMIC_RELAXED) & needed) != 0)
		wait_ms = RTE_MIN(wait_ms, NETVSC_LEAVE_WAIT_MS);
	return netvsc_xact_clock_ms() + wait_ms;
}

int
netvsc_xact_unheard(struct netvsc_device *dev, enum netvsc_reply_kind kind)
{
	/* A host that is only slow has more time than whoever leaves gave it. */
	if (dev->xact.hurried == 0)
		__atomic_fetch_or(&dev->xact.silent, 1u << kind, __ATOMIC_RELAXED);
	return -ETIMEDOUT;
}

void
netvsc_xact_listen(struct netvsc_device *dev)
{
	__atomic_store_n(&dev->xact.silent, 0, __ATOMIC_RELAXED);
}

/* It speaks, though perhaps no RNDIS. */
static void
xact_heard(struct netvsc_device *dev)
{
	__atomic_fetch_and(&dev->xact.silent, ~(1u << NETVSC_REPLY_NVSP), __ATOMIC_RELAXED);
}

/* ---- waiting ---- */

int
netvsc_xact_alive(const struct netvsc_device *dev)
{
	const struct netvsc_channel *channel = dev->channel[0];

	if (channel == NULL || channel->vmbus == NULL || dev->vmbus == NULL ||
	    vmbus_gone(dev->vmbus))
		return -ENODEV;
	return netvsc_channel_dead(channel) ? -EIO : 0;
}

uint64_t
netvsc_xact_clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void
netvsc_xact_pause(struct netvsc_device *dev, unsigned int round)
{
	uint64_t ns = (uint64_t)PAUSE_FIRST_NS << RTE_MIN(round / 16, 6u);
	struct timespec pause = { .tv_nsec = (long)RTE_MIN(ns, (uint64_t)PAUSE_LAST_NS) };

	netvsc_poll_control(dev);
	if (round > 0)
		nanosleep(&pause, NULL);
}

static bool
xact_done(const struct netvsc_xact *xact)
{
	/* Partner: reply_store()'s release, after the reply's bytes. */
	return __atomic_load_n(&xact->done, __ATOMIC_ACQUIRE) != 0;
}

/* Nothing that comes later may touch the reply. */
static void
xact_disarm(struct netvsc_xact *xact)
{
	rte_spinlock_lock(&xact->lock);
	xact->kind = NETVSC_REPLY_NONE;
	rte_spinlock_unlock(&xact->lock);
}

/* Nobody answered; perhaps not even the message was taken. */
static int
xact_unanswered(struct netvsc_device *dev, enum netvsc_reply_kind kind)
{
	struct netvsc_xact *xact = &dev->xact;
	bool taken = true;

	xact->timeouts++;
	rte_spinlock_lock(&xact->lock);
	for (unsigned int i = 0; i < NETVSC_REQUESTS; i++)
		taken = taken && xact->in_flight[i] != xact->transaction_id;
	rte_spinlock_unlock(&xact->lock);
	if (!taken)
		netvsc_xact_unheard(dev, NETVSC_REPLY_NVSP);
	return netvsc_xact_unheard(dev, kind);
}

int
netvsc_xact_wait(struct netvsc_device *dev)
{
	struct netvsc_xact *xact = &dev->xact;
	const enum netvsc_reply_kind kind = xact->kind;
	uint64_t deadline = netvsc_xact_deadline_ms(dev, kind);
	int ret = 0;

	for (unsigned int round = 0; !xact_done(xact); round++) {
		ret = netvsc_xact_alive(dev);
		if (ret == 0 && netvsc_xact_clock_ms() >= deadline)
			ret = -ETIMEDOUT;
		if (ret < 0)
			break;
		netvsc_xact_pause(dev, round);
	}
	xact_disarm(xact);
	/* It may have come between the last look and now: then it counts. */
	if (!xact_done(xact))
		return ret == -ETIMEDOUT ? xact_unanswered(dev, kind) : ret;
	return xact->refused != NVSP_STATUS_NONE ? -EIO : (int)xact->reply_bytes;
}

void
netvsc_xact_cancel(struct netvsc_device *dev)
{
	xact_disarm(&dev->xact);
}

void
netvsc_fault(struct netvsc_device *dev, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(dev->xact.fault, sizeof(dev->xact.fault), format, args);
	va_end(args);
	NETVSC_LOG(ERR, control, "%s: %s", dev->name, dev->xact.fault);
}

/* ---- beginning ---- */

void
netvsc_xact_begin(struct netvsc_device *dev, enum netvsc_reply_kind kind, int page)
{
	struct netvsc_xact *xact = &dev->xact;
	uint32_t slot = NETVSC_TID_CONTROL | (page < 0 ? SLOT_NO_PAGE : (uint32_t)page);

	rte_spinlock_lock(&xact->lock);
	xact->generation++;
	if (++xact->next_request_id == 0)
		xact->next_request_id = 1;
	xact->request_id = xact->next_request_id;
	xact->transaction_id = (uint64_t)dev->epoch << 48 | (uint64_t)xact->generation << 32 | slot;
	if (page >= 0)
		xact->in_flight[page] = xact->transaction_id;
	xact->kind = kind;
	xact->reply_bytes = 0;
	xact->refused = NVSP_STATUS_NONE;
	__atomic_store_n(&xact->done, 0, __ATOMIC_RELAXED);
	rte_spinlock_unlock(&xact->lock);
}

/* One of the first `count` that the host does not hold, or -EBUSY. */
static int
page_free(struct netvsc_xact *xact, unsigned int count)
{
	int ret = -EBUSY;

	rte_spinlock_lock(&xact->lock);
	for (unsigned int i = 0; i < count && ret < 0; i++)
		if (xact->in_flight[i] == 0)
			ret = (int)i;
	rte_spinlock_unlock(&xact->lock);
	return ret;
}

int
netvsc_xact_page_claim(struct netvsc_device *dev, unsigned int count)
{
	uint64_t deadline = netvsc_xact_deadline_ms(dev, NETVSC_REPLY_NVSP);
	int page;

	for (unsigned int round = 0; (page = page_free(&dev->xact, count)) < 0; round++) {
		int ret = netvsc_xact_alive(dev);

		if (ret < 0)
			return ret;
		if (netvsc_xact_clock_ms() >= deadline)
			return netvsc_xact_unheard(dev, NETVSC_REPLY_NVSP);
		netvsc_xact_pause(dev, round);
	}
	return page;
}

void
netvsc_xact_page_release(struct netvsc_device *dev, int page)
{
	rte_spinlock_lock(&dev->xact.lock);
	dev->xact.in_flight[page] = 0;
	rte_spinlock_unlock(&dev->xact.lock);
}

/* ---- replies ---- */

static void
reply_done(struct netvsc_xact *xact)
{
	/* Partner: xact_done(). */
	__atomic_store_n(&xact->done, 1, __ATOMIC_RELEASE);
}

static void
reply_store(struct netvsc_xact *xact, const void *bytes, uint32_t count)
{
	xact->reply_bytes = RTE_MIN(count, NETVSC_REPLY_BYTES);
	memcpy(xact->reply, bytes, xact->reply_bytes);
	reply_done(xact);
}

/* The host is done with the page that the request lay in. True if there was
 * such a request. */
static bool
page_complete(struct netvsc_xact *xact, uint64_t transaction_id)
{
	for (unsigned int i = 0; i < NETVSC_REQUESTS; i++) {
		if (xact->in_flight[i] == transaction_id) {
			xact->in_flight[i] = 0;
			return true;
		}
	}
	return false;
}

/* An RNDIS request was taken or refused; its answer is another message. What is
 * no status says nothing: then the answer decides. */
static void
rndis_completion(struct netvsc_device *dev, const void *payload, uint32_t bytes)
{
	struct nvsp_rndis_complete complete = { 0 };
	struct netvsc_xact *xact = &dev->xact;

	if (bytes >= sizeof(complete))
		memcpy(&complete, payload, sizeof(complete));
	if (complete.type != NVSP_RNDIS_COMPLETE) {
		netvsc_notify_malformed(dev);
		return;
	}
	if (complete.status != NVSP_STATUS_SUCCESS) {
		xact->refused = complete.status == NVSP_STATUS_NONE ? NVSP_STATUS_FAILURE :
			complete.status;
		reply_done(xact);
	}
}

void
netvsc_xact_completion(struct netvsc_device *dev, uint64_t transaction_id,
	const void *payload, uint32_t bytes)
{
	struct netvsc_xact *xact = &dev->xact;
	bool known, awaited;

	xact_heard(dev);
	rte_spinlock_lock(&xact->lock);
	known = page_complete(xact, transaction_id);
	awaited = xact->kind != NETVSC_REPLY_NONE && xact->transaction_id == transaction_id;
	if (awaited && !xact_done(xact) && xact->kind == NETVSC_REPLY_NVSP)
		reply_store(xact, payload, bytes);
	else if (awaited && !xact_done(xact) && known)
		rndis_completion(dev, payload, bytes);
	else if (!known || !awaited)
		xact->late++;
	rte_spinlock_unlock(&xact->lock);
}

/* The answer to the request under way, or one that nobody waits for. */
static void
rndis_answer(struct netvsc_device *dev, const void *message, uint32_t bytes)
{
	struct netvsc_xact *xact = &dev->xact;
	struct rndis_set_complete head;         /* the start of every answer */

	if (bytes < sizeof(head)) {
		netvsc_notify_malformed(dev);
		return;
	}
	memcpy(&head, message, sizeof(head));
	rte_spinlock_lock(&xact->lock);
	if (xact->kind == NETVSC_REPLY_RNDIS && !xact_done(xact) &&
	    head.request_id == xact->request_id)
		reply_store(xact, message, bytes);
	else
		xact->late++;
	rte_spinlock_unlock(&xact->lock);
}

void
netvsc_xact_rndis(struct netvsc_device *dev, const void *message, uint32_t bytes)
{
	struct rndis_header header;

	netvsc_xact_listen(dev);
	if (bytes < sizeof(header)) {
		netvsc_notify_malformed(dev);
		return;
	}
	memcpy(&header, message, sizeof(header));
	switch (header.type) {
	case RNDIS_INDICATE_STATUS:
		netvsc_notify_status(dev, message, bytes);
		break;
	case RNDIS_INIT | RNDIS_COMPLETION:
	case RNDIS_QUERY | RNDIS_COMPLETION:
	case RNDIS_SET | RNDIS_COMPLETION:
	case RNDIS_KEEPALIVE | RNDIS_COMPLETION:
		rndis_answer(dev, message, bytes);
		break;
	default:
		netvsc_notify_unknown(dev, "RNDIS message", header.type);
	}
}

void
netvsc_xact_inband(struct netvsc_device *dev, const void *payload, uint32_t bytes,
	uint64_t transaction_id)
{
	xact_heard(dev);
	RTE_SET_USED(transaction_id);   /* hosts do not wait for our completion */
	netvsc_notify_inband(dev, payload, bytes);
}
