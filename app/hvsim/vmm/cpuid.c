/* SPDX-License-Identifier: BSD-3-Clause */

/* See cpuid.h. Leaves and bits: Hyper-V TLFS, "Feature and Interface Discovery". */

#include "cpuid.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "../core/util.h"

#define HYPERVISOR_FIRST 0x40000000u
#define HYPERVISOR_LAST 0x4fffffffu
#define HYPERVISOR_PRESENT (1u << 31)           /* 1.ECX */
#define PKU_7_ECX (1u << 3)
#define PKU_XSTATE (1u << 9)

/* Privileges, 3.EAX: run time, reference counter, SynIC, synthetic timers, APIC
 * and hypercall MSRs, VP index; reference TSC page; frequencies. Without the
 * last the guest calibrates by a PIT that is not there. */
#define PRIVILEGES 0x00000a7fu
/* 3.EBX: post messages, signal events. Not: partition id (KVM cannot answer, and
 * the guest dies), CPU management (that would be the root partition), isolation. */
#define PRIVILEGES_HIGH 0x00000030u
/* 3.EDX: frequency MSRs, crash MSRs, timers in direct mode: KVM would else write
 * timer messages into the slot that VMBus messages use. */
#define FEATURES 0x00080500u
/* 4.EAX: relaxed timing, and no automatic end of interrupt. */
#define HINTS 0x00000220u
/* 10.0.20348: Windows Server 2022. */
#define HOST_BUILD 20348u
#define HOST_VERSION 0x000a0000u

/* "Microsoft Hv", and "Hv#1", by which KVM knows that this is for it. */
static const struct kvm_cpuid_entry2 hyperv_leaves[] = {
	{ .function = 0x40000000, .eax = 0x40000005, .ebx = 0x7263694d, .ecx = 0x666f736f,
		.edx = 0x76482074 },
	{ .function = 0x40000001, .eax = 0x31237648 },
	{ .function = 0x40000002, .eax = HOST_BUILD, .ebx = HOST_VERSION },
	{ .function = 0x40000003, .eax = PRIVILEGES, .ebx = PRIVILEGES_HIGH, .edx = FEATURES },
	{ .function = 0x40000004, .eax = HINTS, .ebx = UINT32_MAX },
	{ .function = 0x40000005, .eax = 64, .ebx = 64 },
};

static void
entry_adapt(struct kvm_cpuid_entry2 *entry, unsigned int apic_id, unsigned int cpus)
{
	switch (entry->function) {
	case 0x1:
		entry->ebx = (entry->ebx & 0x0000ffffu) | apic_id << 24 | cpus << 16;
		entry->ecx |= HYPERVISOR_PRESENT;
		break;
	case 0x7:
		/* KVM's leaf 13 does not fit to it where it is itself nested. */
		if (entry->index == 0)
			entry->ecx &= ~PKU_7_ECX;
		break;
	case 0xb:
	case 0x1f:
		entry->edx = apic_id;
		break;
	case 0xd:
		if (entry->index == 0)
			entry->eax &= ~PKU_XSTATE;
		break;
	case 0x8000001e:
		entry->eax = apic_id;
		break;
	default:
		break;
	}
}

int
vmm_cpuid_make(struct vmm_cpuid *cpuid, const struct vmm_cpuid *supported, unsigned int apic_id,
	unsigned int cpus)
{
	uint32_t n = 0;

	memset(cpuid, 0, sizeof(*cpuid));
	for (uint32_t i = 0; i < HV_MIN(supported->head.nent, CPUID_ENTRIES_MAX); i++) {
		const struct kvm_cpuid_entry2 *from = &supported->entry[i];

		if (from->function >= HYPERVISOR_FIRST && from->function <= HYPERVISOR_LAST)
			continue;
		cpuid->entry[n] = *from;
		entry_adapt(&cpuid->entry[n++], apic_id, cpus);
	}
	if (n + ARRAY_SIZE(hyperv_leaves) > CPUID_ENTRIES_MAX)
		return -E2BIG;
	memcpy(&cpuid->entry[n], hyperv_leaves, sizeof(hyperv_leaves));
	cpuid->head.nent = n + (uint32_t)ARRAY_SIZE(hyperv_leaves);
	return 0;
}
