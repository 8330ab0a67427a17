/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HVSIM_VMM_CPUID_H
#define HVSIM_VMM_CPUID_H

/* What the guest's CPUs say of themselves: KVM's entries without any other
 * hypervisor's, and Hyper-V's leaves. */

#include <linux/kvm.h>

#define CPUID_ENTRIES_MAX 256u

struct vmm_cpuid {
	struct kvm_cpuid2 head;
	struct kvm_cpuid_entry2 entry[CPUID_ENTRIES_MAX];
};

/* Makes what a CPU with this APIC id shows from what KVM supports. Returns 0,
 * or -E2BIG. */
int vmm_cpuid_make(struct vmm_cpuid *cpuid, const struct vmm_cpuid *supported,
	unsigned int apic_id, unsigned int cpus);

#endif /* HVSIM_VMM_CPUID_H */
