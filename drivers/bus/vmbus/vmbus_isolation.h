/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VMBUS_ISOLATION_H
#define VMBUS_ISOLATION_H

/*
 * Is this a confidential guest, whose memory the host cannot or must not read?
 * The kernel shows no file for it; the hypervisor's CPUID leaves say it to every
 * process (Hypervisor Top Level Functional Specification, "Feature discovery").
 * Knows no DPDK.
 */

#include <stdbool.h>
#include <stdint.h>

struct vmbus_cpuid {
	uint32_t eax, ebx, ecx, edx;
};

/* Judges by the leaves that `cpuid` gives: leaf 0x40000000 must be a Hyper-V's,
 * 0x40000003 EBX bit 22 says that isolation is told of, 0x4000000C EBX[3:0] the
 * kind, 0 for none. A Hyper-V that has the bit but not the leaf isolates. */
bool vmbus_isolation_told(struct vmbus_cpuid (*cpuid)(uint32_t leaf));

/* The same of the processor this runs on; false where it has no such leaves. */
bool vmbus_isolation_here(void);

#endif /* VMBUS_ISOLATION_H */
