/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HVSIM_HISTOGRAM_H
#define HVSIM_HISTOGRAM_H

/* Durations up to 4 s, to 6 %: sixteen buckets for each power of two. */

#include <stdint.h>

#define HISTOGRAM_BUCKETS 480u

struct histogram {
	uint64_t count;
	uint32_t least, most;
	uint64_t bucket[HISTOGRAM_BUCKETS];
};

static inline unsigned int
histogram_bucket(uint32_t value)
{
	unsigned int msb;

	if (value < 16)
		return value;
	msb = 31u - (unsigned int)__builtin_clz(value);
	return (msb - 3) * 16 + (value >> (msb - 4) & 15);
}

/* The middle of the bucket. */
static inline uint32_t
histogram_value(unsigned int bucket)
{
	unsigned int shift;

	if (bucket < 32)
		return bucket;
	shift = bucket / 16 - 1;
	return ((bucket % 16 + 16) << shift) + (1u << shift) / 2;
}

static inline void
histogram_add(struct histogram *h, uint32_t value)
{
	if (h->count++ == 0 || value < h->least)
		h->least = value;
	if (value > h->most)
		h->most = value;
	h->bucket[histogram_bucket(value)]++;
}

/* The value below which `share` (0 ... 1) of all are; 0 if there are none. */
static inline uint32_t
histogram_quantile(const struct histogram *h, double share)
{
	uint64_t want = (uint64_t)((double)h->count * share), seen = 0;

	for (unsigned int i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += h->bucket[i];
		if (seen > want)
			return histogram_value(i) < h->most ? histogram_value(i) : h->most;
	}
	return h->most;
}

#endif /* HVSIM_HISTOGRAM_H */
