/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HVSIM_VMM_SYNIC_H
#define HVSIM_VMM_SYNIC_H

/*
 * The part of the synthetic interrupt controllers that KVM leaves to us: the
 * message and event flag pages, which are plain guest RAM. Where they are is
 * told by virtual CPUs' threads, all else runs on the engine's: a lock each.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "memory.h"
#include "vmbus.h"

#define SYNIC_SINT 2u                   /* VMBus uses this one */
#define SYNIC_SLOT_BYTES 256u
/* As many answers as may wait for a guest that does not take them. */
#define SYNIC_MESSAGES_MAX 4096u

struct synic_message {
	struct synic_message *next;
	uint32_t vp, bytes;
	uint8_t payload[VMBUS_MESSAGE_MAX];
};

struct synic_vp {
	pthread_mutex_t lock;
	uint64_t control, flag_msr, message_msr;
	uint8_t *messages, *flags;      /* NULL while disabled */
	int irq_fd, ack_fd;     /* raises SINT 2; says that the guest was there */
};

struct vmm_synic {
	const struct vmm_memory *memory;
	uint32_t vps;
	struct synic_vp vp[VMBUS_VPS_MAX];
	struct synic_message *first, **last;
	uint32_t waiting;
	uint64_t messages, busy, flags, flags_lost;
};

int vmm_synic_create(struct vmm_synic *synic, const struct vmm_memory *memory, uint32_t vps);
void vmm_synic_destroy(struct vmm_synic *synic);
/* The machine was reset: pages and messages are forgotten. */
void vmm_synic_reset(struct vmm_synic *synic);

/* A virtual CPU wrote one of the three registers. */
void vmm_synic_update(struct vmm_synic *synic, uint32_t vp, uint64_t control, uint64_t flag_msr,
	uint64_t message_msr);
/* Queues a message; it is delivered in order, as the guest makes room. */
void vmm_synic_post(struct vmm_synic *synic, uint32_t vp, const void *message, uint32_t bytes);
void vmm_synic_flag(struct vmm_synic *synic, uint32_t vp, uint32_t flag);
/* Goes on with what waits. */
void vmm_synic_deliver(struct vmm_synic *synic);

#endif /* HVSIM_VMM_SYNIC_H */
