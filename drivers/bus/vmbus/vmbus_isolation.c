/* SPDX-License-Identifier: BSD-3-Clause */

/* See vmbus_isolation.h. */

#include "vmbus_isolation.h"

#include <string.h>

#define LEAF_HYPERVISOR 0x40000000u
#define LEAF_FEATURES 0x40000003u
#define LEAF_ISOLATION 0x4000000Cu
#define LEAF_LAST 0x4000FFFFu
#define FEATURES_EBX_ISOLATION (1u << 22)
#define ISOLATION_EBX_KIND 0xFu

/* The most that EAX of LEAF_HYPERVISOR says there is; 0 if it is no Hyper-V. */
static uint32_t
last_leaf(struct vmbus_cpuid (*cpuid)(uint32_t leaf))
{
	struct vmbus_cpuid leaf = cpuid(LEAF_HYPERVISOR);
	char vendor[12];

	memcpy(vendor, &leaf.ebx, 4);
	memcpy(vendor + 4, &leaf.ecx, 4);
	memcpy(vendor + 8, &leaf.edx, 4);
	if (memcmp(vendor, "Microsoft Hv", sizeof(vendor)) != 0 || leaf.eax > LEAF_LAST)
		return 0;
	return leaf.eax;
}

bool
vmbus_isolation_told(struct vmbus_cpuid (*cpuid)(uint32_t leaf))
{
	uint32_t last = last_leaf(cpuid);

	if (last < LEAF_FEATURES || (cpuid(LEAF_FEATURES).ebx & FEATURES_EBX_ISOLATION) == 0)
		return false;
	return last < LEAF_ISOLATION || (cpuid(LEAF_ISOLATION).ebx & ISOLATION_EBX_KIND) != 0;
}

#ifdef __x86_64__
#include <cpuid.h>

#define CPUID_1_ECX_HYPERVISOR (1u << 31)

static struct vmbus_cpuid
processor_cpuid(uint32_t leaf)
{
	struct vmbus_cpuid out;

	__cpuid_count(leaf, 0, out.eax, out.ebx, out.ecx, out.edx);
	return out;
}

bool
vmbus_isolation_here(void)
{
	/* Without a hypervisor these leaves hold what the last real one does. */
	if ((processor_cpuid(1).ecx & CPUID_1_ECX_HYPERVISOR) == 0)
		return false;
	return vmbus_isolation_told(processor_cpuid);
}
#else
bool
vmbus_isolation_here(void)
{
	return false;
}
#endif
