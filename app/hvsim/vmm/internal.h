/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HVSIM_VMM_INTERNAL_H
#define HVSIM_VMM_INTERNAL_H

/* What vmm.c, kvm.c, vcpu.c and ports.c share. */

#include <linux/kvm.h>
#include <pthread.h>

#include "../core/engine.h"
#include "cpuid.h"
#include "memory.h"
#include "synic.h"
#include "uart.h"
#include "vmbus.h"
#include "vmm.h"

/* Messages that the guest posted and nobody has looked at yet. */
#define INBOX_MAX 256u

struct vmm;

struct vmm_vcpu {
	struct vmm *vmm;
	unsigned int id;
	int fd;
	struct kvm_run *run;
	pthread_t thread;
	bool started;
	uint64_t exits, port_exits, hypercalls;
	uint16_t last_port;
};

/* Why the machine cannot simply go on. */
enum vmm_event {
	VMM_RUNS,
	VMM_RESET,
	VMM_POWER_OFF,
	VMM_FAILED,
};

struct vmm {
	struct vmbus vmbus;             /* first: the hv_guest */
	struct vmm_config config;
	struct vmm_memory memory;
	struct vmm_synic synic;
	int kvm_fd, vm_fd;
	int run_bytes;
	struct vmm_cpuid supported;
	struct vmm_vcpu vcpu[VMBUS_VPS_MAX];
	uint64_t entry;
	bool stop;                      /* virtual CPUs are to end; atomic */

	struct vmm_uart com[2];
	uint8_t cmos_index;
	uint16_t pm1_control;
	uint8_t pm1_enable[2];
	int com2_fd;
	int com2_pid;

	/* virtual CPUs -> engine */
	int event_fd;
	enum vmm_event event;           /* atomic */
	bool crashed;                   /* atomic */
	pthread_mutex_t inbox_lock;
	int inbox_fd;
	uint32_t inbox_first, inbox_count;
	struct {
		uint32_t bytes;
		uint8_t payload[VMBUS_MESSAGE_MAX];
	} inbox[INBOX_MAX];

	struct engine_poller poller;
	struct engine_timer retry_timer;
	uint64_t resets;
};

/* ---- kvm.c ---- */
int kvm_open(struct vmm *vmm, char *error, size_t bytes);
/* Makes the virtual machine with its CPUs, memory and interrupt routes. */
int kvm_machine_create(struct vmm *vmm, char *error, size_t bytes);
void kvm_machine_destroy(struct vmm *vmm);      /* takes halves */
void kvm_irq(struct vmm *vmm, uint32_t gsi, bool high);
/* HvSignalEvent on this connection id writes the eventfd. */
int kvm_signal_assign(struct vmm *vmm, uint32_t connection_id, int fd, bool on);

/* ---- vcpu.c ---- */
int vcpu_start_all(struct vmm *vmm);
void vcpu_stop_all(struct vmm *vmm);
void vcpu_log(struct vmm *vmm);

/* ---- ports.c ---- */
void ports_in(struct vmm *vmm, uint16_t port, uint8_t *data, uint32_t bytes);
void ports_out(struct vmm *vmm, uint16_t port, const uint8_t *data, uint32_t bytes);
void ports_reset(struct vmm *vmm);

/* ---- vmm.c; from any thread ---- */
void vmm_event_raise(struct vmm *vmm, enum vmm_event event);
/* False: there is no room, the guest is to try again. */
bool vmm_inbox_put(struct vmm *vmm, const uint8_t *message, uint32_t bytes);

#endif /* HVSIM_VMM_INTERNAL_H */
