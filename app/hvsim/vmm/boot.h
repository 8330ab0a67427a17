/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HVSIM_VMM_BOOT_H
#define HVSIM_VMM_BOOT_H

/* Puts a Linux kernel into guest RAM as a boot loader would, for its 64-bit
 * entry (Documentation/arch/x86/boot.rst). */

#include <linux/kvm.h>
#include <stddef.h>
#include <stdint.h>

#include "memory.h"

struct vmm_boot {
	const char *kernel;     /* a bzImage */
	const char *initrd;     /* NULL: none */
	const char *cmdline;
	unsigned int cpus;
};

/* Loads all into zeroed RAM; *entry is where the first CPU begins. Returns 0,
 * or -errno with one sentence. */
int vmm_boot_load(const struct vmm_memory *memory, const struct vmm_boot *boot, uint64_t *entry,
	char *error, size_t error_bytes);
/* The first CPU's state at that entry: long mode, an identity map. */
void vmm_boot_cpu(struct kvm_sregs *sregs, struct kvm_regs *regs, uint64_t entry);

#endif /* HVSIM_VMM_BOOT_H */
