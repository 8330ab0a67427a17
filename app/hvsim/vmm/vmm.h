/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HVSIM_VMM_VMM_H
#define HVSIM_VMM_VMM_H

/*
 * A guest that is a Linux kernel on KVM: hvsim is its hypervisor's user part
 * and its Hyper-V host. One per process.
 *
 *   vmm.c      life: created, started, reset, powered off; its ends on the engine
 *   kvm.c      the virtual machine: memory slots, interrupt routes, event descriptors
 *   vcpu.c     threads that run virtual CPUs, and their exits
 *   ports.c    legacy devices: UARTs, clock, power and reset
 *   synic.c    message and event flag pages
 *   boot.c acpi.c cpuid.c memory.c uart.c      parts of the machine
 *   vmbus*.c   the VMBus control plane and the transport that the VSP uses
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../core/config.h"
#include "../core/stats.h"
#include "../transport.h"

struct vmm_config {
	const char *kernel;
	const char *initrd;             /* NULL: none */
	const char *cmdline;
	unsigned int cpus;              /* 1 to 64 */
	uint64_t memory_bytes;
	uint32_t vmbus_version;         /* the newest that is spoken, major << 16 | minor */
	bool no_reboot;                 /* a reset ends the run */
	const char *com2;               /* command at the other end of COM2; NULL: none */
};

/* What the guest is to be; the strings must live as long as it does. */
void vmm_configure(const struct vmm_config *config);
/* Says in one sentence what /dev/kvm can do, and runs a little guest of a few
 * instructions. Returns 0 if `hvsim boot` works here. */
int vmm_probe(char *text, size_t bytes);

/* Creates the guest; it does not run yet. NULL and a sentence on error. */
struct hv_guest *vmm_create(const struct config_guest *config, const char *folder, char *error,
	unsigned int error_bytes);
struct hv_guest *vmm_find(const char *name);
/* Ends it and frees it; does nothing where there is none. */
void vmm_destroy(void);
const char *vmm_name(void);             /* NULL: there is none */
void vmm_stats(struct stat_sink *sink);

/* Starts the virtual CPUs. When the guest powers off, or resets with no_reboot,
 * the engine stops with 0; if it cannot go on, with 1. */
int vmm_start(void);
/* Asks the guest's CPUs where they are, for a log line: the run is cut short. */
void vmm_report(void);
/* Did the guest's kernel report a crash? */
bool vmm_crashed(void);

extern const struct hv_transport vmm_transport;

#endif /* HVSIM_VMM_VMM_H */
