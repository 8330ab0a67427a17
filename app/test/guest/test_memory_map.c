/* SPDX-License-Identifier: BSD-3-Clause */

/* The maps of a guest process and the index of physical pages, by themselves. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/util.h"
#include "kernel/memory_map.h"

#define PAGE 4096ull

static struct mem_process *
process_new(void)
{
	struct mem_process *p = calloc(1, sizeof(*p));

	p->pid = getpid();
	p->pagemap_fd = -1;
	return p;
}

/* Maps `pages` pages of a new file at a guest address; page n starts with n. */
static void
add(struct mem_process *p, uint64_t start, uint64_t pages)
{
	struct guest_mem mem = { .address = start, .bytes = pages * PAGE };
	int fd = memfd_create("m", 0);
	struct mem_map map;

	assert_int_equal(ftruncate(fd, (off_t)mem.bytes), 0);
	for (uint8_t i = 0; i < pages; i++)
		assert_int_equal(pwrite(fd, &i, 1, (off_t)(i * PAGE)), 1);
	assert_int_equal(mem_map_make(&map, &mem, fd), 0);
	assert_int_equal(mem_process_add(p, &map), 0);
	close(fd);
}

static int
byte_at(const struct mem_process *p, uint64_t va)
{
	const struct mem_map *map = mem_process_find(p, va);

	return map ? map->base[va - map->start] : -1;
}

static void
release(struct mem_release *list)
{
	while (list) {
		struct mem_release *next = list->next;

		mem_release_do(list);
		free(list);
		list = next;
	}
}

static void
process_end(struct mem_process *p)
{
	struct mem_release *list = NULL;

	mem_process_cut(p, 0, UINT64_MAX, &list);
	assert_int_equal(p->count, 0);
	release(list);
	mem_process_free(p);
}

static void
an_address_is_found_in_its_map_and_nowhere_else(void **state)
{
	struct mem_process *p = process_new();

	(void)state;
	for (uint64_t i = 0; i < 100; i++)
		add(p, (100 - i) * 8 * PAGE, 3);
	for (uint64_t i = 1; i <= 100; i++) {
		assert_int_equal(byte_at(p, i * 8 * PAGE - 1), -1);
		for (uint64_t page = 0; page < 3; page++)
			assert_int_equal(byte_at(p, (i * 8 + page) * PAGE), page);
		assert_int_equal(byte_at(p, (i * 8 + 3) * PAGE), -1);
	}
	process_end(p);
}

static void
cutting_keeps_what_sticks_out(void **state)
{
	static const struct {
		uint64_t start, end;
		int pages[8];
	} cuts[] = {
		{ 0, 8, { -1, -1, -1, -1, -1, -1, -1, -1 } },
		{ 0, 2, { -1, -1, 2, 3, 4, 5, 6, 7 } },
		{ 6, 8, { 0, 1, 2, 3, 4, 5, -1, -1 } },
		{ 3, 5, { 0, 1, 2, -1, -1, 5, 6, 7 } },
		{ 8, 9, { 0, 1, 2, 3, 4, 5, 6, 7 } },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(cuts); i++) {
		struct mem_process *p = process_new();
		struct mem_release *list = NULL;

		add(p, 16 * PAGE, 8);
		mem_process_cut(p, (16 + cuts[i].start) * PAGE, (16 + cuts[i].end) * PAGE, &list);
		release(list);
		for (uint64_t page = 0; page < 8; page++)
			assert_int_equal(byte_at(p, (16 + page) * PAGE), cuts[i].pages[page]);
		process_end(p);
	}
}

static void
a_cut_over_many_maps_takes_them_all(void **state)
{
	struct mem_process *p = process_new();
	struct mem_release *list = NULL;

	(void)state;
	for (uint64_t i = 0; i < 10; i++)
		add(p, i * 4 * PAGE, 4);
	mem_process_cut(p, 2 * PAGE, 38 * PAGE, &list);
	release(list);
	assert_int_equal(p->count, 2);
	assert_int_equal(byte_at(p, PAGE), 1);
	assert_int_equal(byte_at(p, 2 * PAGE), -1);
	assert_int_equal(byte_at(p, 39 * PAGE), 3);
	process_end(p);
}

static void
what_was_found_stays_readable_until_it_is_released(void **state)
{
	struct mem_process *p = process_new();
	struct mem_release *list = NULL;
	const struct mem_map *map;
	const volatile uint8_t *held;

	(void)state;
	add(p, 0, 8);
	map = mem_process_find(p, 5 * PAGE);
	held = map->base + 5 * PAGE;
	mem_process_cut(p, 4 * PAGE, 6 * PAGE, &list);
	assert_int_equal(*held, 5);
	release(list);
	process_end(p);
}

static void
a_fork_keeps_its_maps_when_the_parent_goes(void **state)
{
	struct mem_process *parent = process_new(), *child = process_new();
	struct mem_release *list = NULL;

	(void)state;
	add(parent, 0, 8);
	mem_process_inherit(child, parent);
	mem_process_cut(parent, 2 * PAGE, 4 * PAGE, &list);
	release(list);
	assert_int_equal(byte_at(child, 3 * PAGE), 3);
	process_end(parent);
	assert_int_equal(byte_at(child, 3 * PAGE), 3);
	assert_int_equal(byte_at(child, 7 * PAGE), 7);
	process_end(child);
}

static void
a_page_that_two_processes_have_is_found_once(void **state)
{
	static uint8_t memory[64 * 4096];
	struct pa_range ranges[] = {
		{ 100, 10, memory + 20 * PAGE }, { 10, 5, memory }, { 12, 8, memory + 2 * PAGE },
		{ 100, 4, memory + 20 * PAGE }, { 300, 1, memory + 40 * PAGE },
	};
	struct pa_index index = { .ranges = ranges, .count = 5, .room = 5 };

	(void)state;
	pa_index_sort(&index);
	assert_int_equal(index.count, 4);
	for (uint64_t pfn = 10; pfn < 20; pfn++)
		assert_ptr_equal(pa_index_find(&index, pfn), memory + (pfn - 10) * PAGE);
	assert_null(pa_index_find(&index, 9));
	assert_null(pa_index_find(&index, 20));
	assert_ptr_equal(pa_index_find(&index, 109), memory + 29 * PAGE);
	assert_null(pa_index_find(&index, 110));
	assert_ptr_equal(pa_index_find(&index, 300), memory + 40 * PAGE);
	assert_null(pa_index_find(&index, UINT64_MAX));
}

static void
ranges_that_wrap_or_are_unaligned_are_refused(void **state)
{
	static const struct guest_mem wrong[] = {
		{ .address = 1, .bytes = PAGE }, { .bytes = 0 }, { .bytes = 100 },
		{ .address = UINT64_MAX - PAGE + 1, .bytes = PAGE },
		{ .bytes = UINT64_MAX - PAGE + 1 }, { .bytes = PAGE, .offset = 1 },
		{ .bytes = PAGE, .offset = INT64_MAX - 4095 },
	};
	struct guest_mem right = { .address = PAGE, .bytes = PAGE, .offset = PAGE };

	(void)state;
	assert_true(mem_range_ok(&right));
	for (unsigned int i = 0; i < ARRAY_SIZE(wrong); i++)
		assert_false(mem_range_ok(&wrong[i]));
}

int
main(void)
{
#define CASE(name) cmocka_unit_test(name)
	const struct CMUnitTest tests[] = {
		CASE(an_address_is_found_in_its_map_and_nowhere_else),
		CASE(cutting_keeps_what_sticks_out),
		CASE(a_cut_over_many_maps_takes_them_all),
		CASE(what_was_found_stays_readable_until_it_is_released),
		CASE(a_fork_keeps_its_maps_when_the_parent_goes),
		CASE(a_page_that_two_processes_have_is_found_once),
		CASE(ranges_that_wrap_or_are_unaligned_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
