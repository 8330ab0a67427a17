/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HVSIM_UTIL_H
#define HVSIM_UTIL_H

/* Small helpers without a home of their own. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member) \
	((type *)(void *)((char *)(ptr) - offsetof(type, member)))
#define HV_MIN(a, b) ((a) < (b) ? (a) : (b))
#define HV_MAX(a, b) ((a) > (b) ? (a) : (b))

/* True if [off, off + len) lies within size; cannot wrap. */
static inline bool
range_ok(uint64_t off, uint64_t len, uint64_t size)
{
	return off <= size && len <= size - off;
}

/* Orders every earlier access before every later one. Not written as a C11
 * fence: ThreadSanitizer does not know those, and gcc says so. This one it
 * does not see at all, so it takes no order from it. */
static inline void
full_fence(void)
{
	__sync_synchronize();
}

/* A small, seeded generator (splitmix64): every random choice of hvsim comes
 * from one of these, so that --seed repeats a run. */
struct rng {
	uint64_t state;
};

static inline uint64_t
rng_next(struct rng *rng)
{
	uint64_t z = (rng->state += 0x9e3779b97f4a7c15ull);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

/* Uniform in [0, bound); bound > 0. */
static inline uint32_t
rng_below(struct rng *rng, uint32_t bound)
{
	return (uint32_t)(((rng_next(rng) >> 32) * bound) >> 32);
}

#endif /* HVSIM_UTIL_H */
