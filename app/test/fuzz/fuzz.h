/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TEST_FUZZ_H
#define TEST_FUZZ_H

/*
 * What the fuzz targets share: reading structure out of the fuzzer's bytes. A
 * target is one LLVMFuzzerTestOneInput(); linked with libFuzzer it searches,
 * linked with replay.c it is a plain program that runs the files it is given.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz_input {
	const uint8_t *data;
	size_t left;
};

/* Copies n bytes; zeros stand for what the input no longer has. Returns how
 * many came from the input. */
static inline size_t
fuzz_bytes(struct fuzz_input *in, void *to, size_t n)
{
	size_t have = n < in->left ? n : in->left;

	if (n == 0)
		return 0;
	memset(to, 0, n);
	if (have == 0)
		return 0;
	memcpy(to, in->data, have);
	in->data += have;
	in->left -= have;
	return have;
}

static inline uint8_t
fuzz_u8(struct fuzz_input *in)
{
	uint8_t value;

	fuzz_bytes(in, &value, sizeof(value));
	return value;
}

static inline uint16_t
fuzz_u16(struct fuzz_input *in)
{
	uint16_t value;

	fuzz_bytes(in, &value, sizeof(value));
	return value;
}

static inline uint32_t
fuzz_u32(struct fuzz_input *in)
{
	uint32_t value;

	fuzz_bytes(in, &value, sizeof(value));
	return value;
}

static inline uint64_t
fuzz_u64(struct fuzz_input *in)
{
	uint64_t value;

	fuzz_bytes(in, &value, sizeof(value));
	return value;
}

/* Up to n bytes in memory of exactly that length, so that a sanitizer sees the
 * first byte read beyond; the caller frees it. */
static inline uint8_t *
fuzz_exact(struct fuzz_input *in, uint32_t *n)
{
	uint32_t have = *n < in->left ? *n : (uint32_t)in->left;
	uint8_t *copy = malloc(have);

	if (copy == NULL && have != 0)
		abort();
	*n = (uint32_t)fuzz_bytes(in, copy, have);
	return copy;
}

/* What must hold whatever the input. */
#define fuzz_check(condition) do { \
	if (!(condition)) { \
		fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
		abort(); \
	} \
} while (0)

#endif /* TEST_FUZZ_H */
