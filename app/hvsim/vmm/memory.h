/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HVSIM_VMM_MEMORY_H
#define HVSIM_VMM_MEMORY_H

/* The RAM of a guest on KVM: one memfd, below 3 GiB and, for what is more,
 * from 4 GiB on. */

#include <stdint.h>

#define VMM_LOW_MAX (3ull << 30)
#define VMM_HIGH_BASE (4ull << 30)

struct vmm_memory {
	int fd;                 /* -1 before it is created */
	uint8_t *base;
	uint64_t bytes;
	uint64_t low_bytes;     /* of them below 3 GiB */
};

/* bytes is a multiple of 2 MiB. Returns 0 or -errno. */
int vmm_memory_create(struct vmm_memory *memory, uint64_t bytes);
void vmm_memory_destroy(struct vmm_memory *memory);
/* All zeros again. */
void vmm_memory_clear(struct vmm_memory *memory);
/* [gpa, gpa + bytes) where it lies, or NULL if it is not all RAM in one piece. */
uint8_t *vmm_memory_at(const struct vmm_memory *memory, uint64_t gpa, uint64_t bytes);
/* Maps pages, wherever they are, one after the other. Returns 0, -EFAULT for
 * a page that is no RAM, or another -errno. */
int vmm_memory_map(const struct vmm_memory *memory, const uint64_t *pages, uint32_t count,
	uint8_t **base);
void vmm_memory_unmap(uint8_t *base, uint32_t count);

#endif /* HVSIM_VMM_MEMORY_H */
