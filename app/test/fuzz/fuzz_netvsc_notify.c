/* SPDX-License-Identifier: BSD-3-Clause */

/* What the host says without being asked, and replies that may or may not be
 * awaited, each in memory of exactly its length: in-band NVSP messages,
 * completions, RNDIS control messages. */

#include "fuzz.h"

#include <rte_log.h>

#include "../drivers/fake_world.h"
#include "netvsc_event.h"
#include "netvsc_link.h"
#include "netvsc_notify.h"

#define OPS_MAX 32u

/* One device for all inputs: what it remembers is what a host can build up. */
static struct fake_host *
host_open(void)
{
	static struct fake_host *host;

	if (host != NULL)
		return host;
	rte_log_set_global_level(RTE_LOG_EMERG);
	host = fake_host_start(true);
	fuzz_check(netvsc_link_open(&host->dev, &host->vmbus, 1) == 0);
	return host;
}

static void
reply_begin(struct netvsc_device *dev, uint32_t which)
{
	netvsc_xact_cancel(dev);
	if (which % 3 == 0)
		netvsc_xact_begin(dev, NETVSC_REPLY_NVSP, -1);
	else if (which % 3 == 1)
		netvsc_xact_begin(dev, NETVSC_REPLY_RNDIS, (int)(which / 3 % NETVSC_REQUESTS));
}

static void
reply_check(const struct netvsc_device *dev)
{
	const struct netvsc_notified *notified = &dev->xact.notified;

	fuzz_check(dev->xact.reply_bytes <= NETVSC_REPLY_BYTES);
	fuzz_check(notified->indirection_count <= NVSP_INDIRECTION_ENTRIES);
	for (uint32_t i = 0; i < notified->indirection_count; i++)
		fuzz_check(notified->indirection[i] < NETVSC_QUEUES_MAX);
	fuzz_check(!rte_spinlock_is_locked((rte_spinlock_t *)(uintptr_t)&dev->xact.lock));
}

static void
step(struct fake_host *host, struct fuzz_input *in)
{
	struct netvsc_device *dev = &host->dev;
	uint8_t op = fuzz_u8(in);
	uint32_t bytes;
	uint8_t *message;
	uint64_t id;

	if (op % 8 == 0) {
		reply_begin(dev, fuzz_u8(in));
		return;
	}
	if (op % 8 == 1) {
		fake_alarm_run();
		return;
	}
	id = op >= 128 ? dev->xact.transaction_id : fuzz_u32(in);
	bytes = op % 8 == 2 ? fuzz_u16(in) : fuzz_u8(in);
	message = fuzz_exact(in, &bytes);
	/* The id that an answer needs. */
	if (op >= 128 && op % 8 > 4 && bytes >= 12)
		memcpy(message + 8, &dev->xact.request_id, 4);
	if (op % 8 == 3)
		netvsc_xact_inband(dev, message, bytes, id);
	else if (op % 8 == 4)
		netvsc_xact_completion(dev, id, message, bytes);
	else
		netvsc_xact_rndis(dev, message, bytes);
	free(message);
	reply_check(dev);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fake_host *host = host_open();
	struct fuzz_input in = { data, size };

	host->nvsp = NVSP_VERSION_61;
	for (unsigned int i = 0; i < OPS_MAX && in.left != 0; i++)
		step(host, &in);
	netvsc_xact_cancel(&host->dev);
	return 0;
}
