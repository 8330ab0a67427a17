/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VMBUS_SHM_H
#define VMBUS_SHM_H

/*
 * The only way to the words of a ring that the host reads or writes at the
 * same time. Every load and store of a shared word, and every fence between
 * them, goes through these accessors, so that a test build can put a
 * scheduler with store buffers in their place (VMBUS_SHM_TEST) and explore
 * interleavings of the real ring code.
 *
 * On x86 acquire, release and relaxed accesses are plain moves; only the full
 * fence costs (a locked add, 6 cycles where rte_mb() takes 43).
 */

#include <stdint.h>

#ifdef VMBUS_SHM_TEST
#include "vmbus_shm_test.h"     /* the test's folder provides it */
#else

static inline uint32_t
vmbus_shm_load_relaxed(const uint32_t *word)
{
	return __atomic_load_n(word, __ATOMIC_RELAXED);
}

static inline uint32_t
vmbus_shm_load_acquire(const uint32_t *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static inline void
vmbus_shm_store_relaxed(uint32_t *word, uint32_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELAXED);
}

static inline void
vmbus_shm_store_release(uint32_t *word, uint32_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
}

/* Orders everything before it with everything after it. */
static inline void
vmbus_shm_fence(void)
{
#if defined(__x86_64__)
	/* A locked operation on the stack orders stores with later loads as
	 * mfence does, for a fraction of its price. */
	__asm__ volatile("lock addl $0, -128(%%rsp)" ::: "memory", "cc");
#else
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}

/* Sets bits of a word that other devices of the VM share. */
static inline void
vmbus_shm_set_bits(uint32_t *word, uint32_t bits)
{
	__atomic_fetch_or(word, bits, __ATOMIC_SEQ_CST);
}

#endif /* VMBUS_SHM_TEST */

#endif /* VMBUS_SHM_H */
