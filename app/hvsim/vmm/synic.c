/* SPDX-License-Identifier: BSD-3-Clause */

/* See synic.h. Layouts: Hyper-V TLFS, "Inter-Partition Communication". */

#include "synic.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "../core/log.h"

#define MSR_ENABLE 1u
#define MESSAGE_NONE 0u
#define MESSAGE_VMBUS 1u
#define MESSAGE_PENDING 1u      /* flag: end-of-message is awaited */

struct message_slot {
	uint32_t type;
	uint8_t bytes, flags;
	uint16_t reserved;
	uint64_t sender;
	uint8_t payload[240];
};
static_assert(sizeof(struct message_slot) == SYNIC_SLOT_BYTES, "message slot");

/* ---- the pages ---- */

/* A page that becomes enabled at a new place is zeroed: a slot left over would
 * look busy for ever. */
static uint8_t *
page_enable(const struct vmm_synic *synic, uint64_t old, uint64_t value, uint8_t *was)
{
	uint8_t *page;

	if ((value & MSR_ENABLE) == 0)
		return NULL;
	if (value == old && was != NULL)
		return was;
	page = vmm_memory_at(synic->memory, value & ~(uint64_t)(HV_PAGE_BYTES - 1),
		HV_PAGE_BYTES);
	if (page != NULL)
		memset(page, 0, HV_PAGE_BYTES);
	return page;
}

void
vmm_synic_update(struct vmm_synic *synic, uint32_t vp, uint64_t control, uint64_t flag_msr,
	uint64_t message_msr)
{
	struct synic_vp *v = &synic->vp[vp];

	pthread_mutex_lock(&v->lock);
	v->flags = page_enable(synic, v->flag_msr, flag_msr, v->flags);
	v->messages = page_enable(synic, v->message_msr, message_msr, v->messages);
	v->control = control;
	v->flag_msr = flag_msr;
	v->message_msr = message_msr;
	pthread_mutex_unlock(&v->lock);
}

static void
interrupt(const struct synic_vp *v)
{
	uint64_t one = 1;

	if (write(v->irq_fd, &one, sizeof(one)) < 0)
		log_debug("SINT %u: %s", SYNIC_SINT, strerror(errno));
}

/* ---- messages ---- */

/* False: the slot is in use, and the guest will tell when it has emptied it. */
static bool
slot_write(struct message_slot *slot, const struct synic_message *message)
{
	if (__atomic_load_n(&slot->type, __ATOMIC_ACQUIRE) != MESSAGE_NONE) {
		__atomic_fetch_or(&slot->flags, MESSAGE_PENDING, __ATOMIC_SEQ_CST);
		/* Partner: the guest empties the slot, then looks at the flag: it
		 * sees the flag, or we see the slot empty. */
		if (__atomic_load_n(&slot->type, __ATOMIC_SEQ_CST) != MESSAGE_NONE)
			return false;
	}
	memcpy(slot->payload, message->payload, message->bytes);
	slot->bytes = (uint8_t)message->bytes;
	slot->flags = 0;
	slot->sender = 0;
	__atomic_store_n(&slot->type, MESSAGE_VMBUS, __ATOMIC_RELEASE);
	return true;
}

static bool
deliver(struct vmm_synic *synic, const struct synic_message *message)
{
	struct synic_vp *v = &synic->vp[message->vp];
	bool done = false;

	pthread_mutex_lock(&v->lock);
	if (v->messages != NULL && (v->control & MSR_ENABLE) != 0) {
		done = slot_write((void *)(v->messages + SYNIC_SINT * SYNIC_SLOT_BYTES), message);
		if (!done)
			synic->busy++;
	}
	pthread_mutex_unlock(&v->lock);
	if (done)
		interrupt(v);
	return done;
}

void
vmm_synic_deliver(struct vmm_synic *synic)
{
	while (synic->first != NULL && deliver(synic, synic->first)) {
		struct synic_message *message = synic->first;

		synic->first = message->next;
		if (synic->first == NULL)
			synic->last = &synic->first;
		synic->waiting--;
		synic->messages++;
		free(message);
	}
}

void
vmm_synic_post(struct vmm_synic *synic, uint32_t vp, const void *message, uint32_t bytes)
{
	struct synic_message *m = malloc(sizeof(*m));

	if (m == NULL || synic->waiting >= SYNIC_MESSAGES_MAX || vp >= synic->vps) {
		log_error("a VMBus message to the guest is lost: %u wait", synic->waiting);
		free(m);
		return;
	}
	*m = (struct synic_message) { .vp = vp, .bytes = bytes };
	memcpy(m->payload, message, bytes);
	*synic->last = m;
	synic->last = &m->next;
	synic->waiting++;
	vmm_synic_deliver(synic);
}

/* ---- event flags ---- */

void
vmm_synic_flag(struct vmm_synic *synic, uint32_t vp, uint32_t flag)
{
	struct synic_vp *v = &synic->vp[vp];
	uint64_t bit = 1ull << flag % 64, *word, old = bit;

	pthread_mutex_lock(&v->lock);
	if (v->flags != NULL && (v->control & MSR_ENABLE) != 0) {
		word = (uint64_t *)(void *)(v->flags + SYNIC_SINT * SYNIC_SLOT_BYTES) + flag / 64;
		old = __atomic_fetch_or(word, bit, __ATOMIC_SEQ_CST);
		synic->flags++;
	} else {
		synic->flags_lost++;
	}
	pthread_mutex_unlock(&v->lock);
	if ((old & bit) == 0)
		interrupt(v);
}

/* ---- life ---- */

static void
messages_free(struct vmm_synic *synic)
{
	while (synic->first != NULL) {
		struct synic_message *message = synic->first;

		synic->first = message->next;
		free(message);
	}
	synic->last = &synic->first;
	synic->waiting = 0;
}

int
vmm_synic_create(struct vmm_synic *synic, const struct vmm_memory *memory, uint32_t vps)
{
	memset(synic, 0, sizeof(*synic));
	synic->memory = memory;
	synic->last = &synic->first;
	for (; synic->vps < vps; synic->vps++) {
		struct synic_vp *v = &synic->vp[synic->vps];

		pthread_mutex_init(&v->lock, NULL);
		v->irq_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		v->ack_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (v->irq_fd < 0 || v->ack_fd < 0) {
			synic->vps++;
			return -errno;
		}
	}
	return 0;
}

/* Takes halves. */
void
vmm_synic_destroy(struct vmm_synic *synic)
{
	if (synic->memory == NULL)
		return;
	messages_free(synic);
	for (uint32_t i = 0; i < synic->vps; i++) {
		if (synic->vp[i].irq_fd >= 0)
			close(synic->vp[i].irq_fd);
		if (synic->vp[i].ack_fd >= 0)
			close(synic->vp[i].ack_fd);
		pthread_mutex_destroy(&synic->vp[i].lock);
	}
	memset(synic, 0, sizeof(*synic));
}

void
vmm_synic_reset(struct vmm_synic *synic)
{
	messages_free(synic);
	for (uint32_t i = 0; i < synic->vps; i++)
		vmm_synic_update(synic, i, 0, 0, 0);
}
