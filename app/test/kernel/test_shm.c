/* SPDX-License-Identifier: BSD-3-Clause */

/* Memory for the guest: lazy, shared by descriptor, revocable. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fakes.h"

static unsigned long
resident_pages(void)
{
	unsigned long all, resident = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%lu %lu", &all, &resident), 2);
	fclose(f);
	return resident;
}

static void
rings_for_64_channels_cost_no_memory_until_they_are_touched(void **state)
{
	struct shm rings[64];
	unsigned long before = resident_pages();

	(void)state;
	for (unsigned int i = 0; i < 64; i++)
		assert_int_equal(shm_create(&rings[i], "ring", 4u << 20), 0);
	assert_in_range(resident_pages() - before, 0, 256);
	for (unsigned int i = 0; i < 64; i++)
		shm_destroy(&rings[i]);
}

static void
revoked_memory_is_gone_for_whoever_maps_it(void **state)
{
	struct shm shm;
	uint8_t *guest;

	(void)state;
	assert_int_equal(shm_create(&shm, "ring", 8192), 0);
	guest = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, shm.fd, 0);
	assert_true(guest != MAP_FAILED);
	shm.base[4096] = 7;
	assert_int_equal(guest[4096], 7);
	shm_unmap(&shm);
	assert_true(readable(guest + 4096));
	shm_revoke(&shm);
	assert_false(readable(guest) || readable(guest + 4096));
	munmap(guest, 8192);
	shm_destroy(&shm);
	shm_destroy(&shm);
}

static void
destroying_what_never_was_closes_no_descriptor(void **state)
{
	struct shm zeroed = { 0 };
	unsigned int descriptors = open_descriptors();

	(void)state;
	shm_destroy(&zeroed);
	assert_int_equal(open_descriptors(), descriptors);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rings_for_64_channels_cost_no_memory_until_they_are_touched),
		cmocka_unit_test(revoked_memory_is_gone_for_whoever_maps_it),
		cmocka_unit_test(destroying_what_never_was_closes_no_descriptor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
