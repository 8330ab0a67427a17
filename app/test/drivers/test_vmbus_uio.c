/* SPDX-License-Identifier: BSD-3-Clause */

/* Maps and interrupts of a UIO device, with files and pipes in its place. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmbus_guard.h"
#include "vmbus_uio.h"
#include "vmbus_wire.h"

#define PAGE 4096u
/* Of the largest rings, their control pages included. */
#define SLOT_BYTES ((4u << 20) + (128u << 10))

/* UIO takes the number of a map as the page of the offset: here the maps lie
 * behind each other in a file, and each ends where it may. */
static int
uio_file(void)
{
	int fd = memfd_create("uio", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, 64 * PAGE), 0);
	for (unsigned int i = 0; i < 64; i++)
		assert_int_equal(pwrite(fd, &(uint8_t){ (uint8_t)(i + 1) }, 1, i * PAGE), 1);
	return fd;
}

static struct vmbus_maps
mapped(int fd, const struct vmbus_sysfs_map *sysfs)
{
	struct vmbus_maps maps;

	memset(&maps, 0xff, sizeof(maps));      /* as memory that others used */
	assert_int_equal(vmbus_uio_map(fd, sysfs, &maps), 0);
	return maps;
}

/* Is this page of the address space there, and may nobody touch it? */
static bool
reserved(const void *addr)
{
	char path[32] = "/tmp/test_vmbus_uio-XXXXXX";
	int fd = mkstemp(path);
	bool untouchable;

	assert_true(fd >= 0);
	unlink(path);
	untouchable = write(fd, addr, 1) == -1 && errno == EFAULT;
	close(fd);
	return untouchable;
}

static void
each_map_is_at_its_own_place_and_the_subchannels_behind_all(void **state)
{
	const struct vmbus_sysfs_map sysfs[UIO_MAP_COUNT] = {
		{ .bytes = 3 * PAGE }, { .bytes = PAGE }, { .bytes = PAGE + 1 }, { .bytes = 2 * PAGE },
		{ .bytes = PAGE },
	};
	static const unsigned int pages[UIO_MAP_COUNT] = { 3, 1, 2, 2, 1 };
	int fd = uio_file();
	struct vmbus_maps maps = mapped(fd, sysfs);
	uint8_t *expected = maps.window, byte = 0;

	(void)state;
	assert_int_equal(maps.page_bytes, PAGE);
	assert_int_equal(maps.ring_slot_bytes, SLOT_BYTES);
	assert_int_equal(maps.window_bytes, 9 * PAGE + (uint64_t)SLOT_BYTES * VMBUS_SUBCHANNELS_MAX);
	for (unsigned int i = 0; i < UIO_MAP_COUNT; i++) {
		assert_ptr_equal(maps.map[i].addr, expected);
		assert_int_equal(maps.map[i].bytes, sysfs[i].bytes);
		assert_int_equal(*(uint8_t *)maps.map[i].addr, i + 1);
		expected += pages[i] * PAGE;
	}
	*(uint8_t *)maps.map[0].addr = 99;      /* both ways */
	assert_int_equal(pread(fd, &byte, 1, 0), 1);
	assert_int_equal(byte, 99);
	assert_true(reserved(expected));
	expected = maps.window;
	vmbus_uio_unmap(&maps);
	assert_null(maps.window);
	assert_int_equal(maps.window_bytes, 0);
	for (unsigned int i = 0; i < UIO_MAP_COUNT; i++)
		assert_null(maps.map[i].addr);
	assert_int_equal(mprotect(expected, PAGE, PROT_READ), -1);      /* not even reserved */
	vmbus_uio_unmap(&maps);         /* of nothing */
	close(fd);
}

static void
a_slot_is_as_large_as_the_primarys_rings_if_those_are_larger(void **state)
{
	struct vmbus_sysfs_map sysfs[UIO_MAP_COUNT] = { { .bytes = SLOT_BYTES + 1 } };
	int fd = memfd_create("uio", MFD_CLOEXEC);
	struct vmbus_maps maps;

	(void)state;
	for (unsigned int i = 1; i < UIO_MAP_COUNT; i++)
		sysfs[i].bytes = PAGE;
	assert_int_equal(ftruncate(fd, 2 * SLOT_BYTES), 0);
	maps = mapped(fd, sysfs);
	assert_int_equal(maps.ring_slot_bytes, SLOT_BYTES + PAGE);
	vmbus_uio_unmap(&maps);
	close(fd);
}

static void
what_cannot_be_mapped_leaves_nothing_mapped(void **state)
{
	const struct vmbus_sysfs_map sysfs[UIO_MAP_COUNT] = {
		{ .bytes = PAGE }, { .bytes = PAGE }, { .bytes = PAGE }, { .bytes = PAGE },
		{ .bytes = PAGE },
	};
	const struct vmbus_sysfs_map huge[UIO_MAP_COUNT] = { { .bytes = UINT64_C(1) << 46 } };
	struct vmbus_maps maps;
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)state;
	assert_int_equal(vmbus_uio_map(fd, sysfs, &maps), -ENODEV);
	assert_null(maps.window);
	assert_null(maps.map[0].addr);
	assert_int_equal(vmbus_uio_map(fd, huge, &maps), -ENOMEM);
	assert_null(maps.window);
	close(fd);
}

/* Only rings of subchannels go under a thread; see vmbus_guard.h. */
static void
all_slots_are_guarded_for_as_long_as_they_are_there_and_nothing_else_is(void **state)
{
	const struct vmbus_sysfs_map sysfs[UIO_MAP_COUNT] = {
		{ .bytes = PAGE }, { .bytes = PAGE }, { .bytes = PAGE }, { .bytes = PAGE },
		{ .bytes = PAGE },
	};
	int fd = uio_file();
	struct vmbus_maps maps = mapped(fd, sysfs);
	uint8_t *end = (uint8_t *)maps.window + maps.window_bytes;
	uint8_t *first = end - (uint64_t)SLOT_BYTES * VMBUS_SUBCHANNELS_MAX;

	(void)state;
	assert_false(vmbus_guard_fault(first - 1));
	assert_true(vmbus_guard_fault(first));
	assert_int_equal(*first, 0);
	assert_true(vmbus_guard_fault(end - 1));
	assert_int_equal(end[-1], 0);
	assert_false(vmbus_guard_fault(end));
	vmbus_uio_unmap(&maps);
	assert_false(vmbus_guard_fault(first));
	assert_false(vmbus_guard_fault(end - 1));
	close(fd);
}

/* ---- what is kept ---- */

/* A line of /proc/self/smaps about a mapping; "" if there is none. */
static void
smaps_line(const void *addr, const char *what, char line[256])
{
	FILE *file = fopen("/proc/self/smaps", "re");
	unsigned long start, end;
	bool here = false;

	assert_non_null(file);
	while (fgets(line, 256, file) != NULL) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			here = (uintptr_t)addr >= start && (uintptr_t)addr < end;
		else if (here && strncmp(line, what, strlen(what)) == 0)
			break;
		line[0] = '\0';
	}
	fclose(file);
}

static void
what_the_host_writes_is_left_out_of_a_core_dump(void **state)
{
	const struct vmbus_sysfs_map sysfs[UIO_MAP_COUNT] = {
		{ .bytes = PAGE }, { .bytes = PAGE }, { .bytes = PAGE }, { .bytes = PAGE },
		{ .bytes = PAGE },
	};
	int fd = uio_file();
	struct vmbus_maps maps = mapped(fd, sysfs);
	char line[256];

	(void)state;
	for (unsigned int i = 0; i < UIO_MAP_COUNT; i++) {
		smaps_line(maps.map[i].addr, "VmFlags:", line);
		assert_non_null(strstr(line, " dd"));
	}
	vmbus_uio_unmap(&maps);
	close(fd);
}

/* Whether a page of the address space is anybody's. */
static bool
anybodys(void *addr)
{
	return msync(addr, PAGE, MS_ASYNC) == 0;
}

static void
a_map_that_is_kept_stays_where_it_is_as_a_copy_until_it_is_freed(void **state)
{
	const struct vmbus_sysfs_map sysfs[UIO_MAP_COUNT] = {
		{ .bytes = PAGE }, { .bytes = PAGE }, { .bytes = PAGE }, { .bytes = PAGE + 1 },
		{ .bytes = PAGE },
	};

	(void)state;
	for (unsigned int which = 0; which < UIO_MAP_COUNT; which++) {
		int fd = uio_file();
		struct vmbus_maps maps = mapped(fd, sysfs);
		uint8_t *at = maps.map[which].addr, *window = maps.window;
		uint8_t *end = window + maps.window_bytes;
		const uint64_t bytes = maps.map[which].bytes;
		const uint64_t pages = which == 3 ? 2 * PAGE : PAGE;
		uint8_t byte = 0;

		at[bytes - 1] = 0x5A;
		assert_int_equal(vmbus_uio_keep(&maps, which), 0);
		assert_null(maps.map[which].addr);
		assert_int_equal(maps.map[which].bytes, 0);
		*at = 77;               /* the host does not see it */
		assert_int_equal(pread(fd, &byte, 1, which * PAGE), 1);
		assert_int_equal(byte, which + 1);
		vmbus_uio_unmap(&maps);
		assert_null(maps.window);
		assert_null(maps.kept.addr);
		assert_int_equal(*at, 77);
		assert_int_equal(at[bytes - 1], 0x5A);
		assert_true(anybodys(at));
		assert_true(at == window || !anybodys(at - PAGE));
		assert_true(!anybodys(at + pages));
		assert_true(!anybodys(end - PAGE));
		vmbus_uio_kept_free(at, bytes);
		assert_false(anybodys(at));
		assert_false(anybodys(at + pages - PAGE));
		close(fd);
	}
}

static void
without_memory_for_a_copy_the_map_itself_stays(void **state)
{
	const struct vmbus_sysfs_map sysfs[UIO_MAP_COUNT] = {
		{ .bytes = PAGE }, { .bytes = PAGE }, { .bytes = PAGE }, { .bytes = PAGE },
		{ .bytes = PAGE },
	};
	int fd = uio_file(), ret;
	struct vmbus_maps maps = mapped(fd, sysfs);
	uint8_t *at = maps.map[3].addr;
	struct rlimit before, none;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
	none = (struct rlimit){ .rlim_cur = 0, .rlim_max = before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_AS, &none), 0);
	ret = vmbus_uio_keep(&maps, 3);
	assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
	assert_int_equal(ret, -ENOMEM);
	vmbus_uio_unmap(&maps);
	assert_int_equal(*at, 4);
	vmbus_uio_kept_free(at, PAGE);
	assert_false(anybodys(at));
	close(fd);
}

/* ---- subchannels ---- */

static char folder[] = "/tmp/test_vmbus_uio-XXXXXX";

static void
ring_file(const char *relid, off_t bytes)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/nic/channels/%s", folder, relid);
	mkdir(path, 0700);
	strcat(path, "/ring");
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, bytes), 0);
	assert_int_equal(pwrite(fd, relid, 1, 0), 1);
	close(fd);
}

static int
folder_make(void **state)
{
	char path[128];

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/nic", folder);
	mkdir(path, 0700);
	strcat(path, "/channels");
	mkdir(path, 0700);
	ring_file("1", 4 * PAGE - 1);
	ring_file("2", 4 * PAGE);
	ring_file("3", SLOT_BYTES);
	ring_file("4", SLOT_BYTES + 1);
	return 0;
}

static int
folder_remove(void **state)
{
	char path[128];

	(void)state;
	for (unsigned int i = 1; i <= 4; i++) {
		snprintf(path, sizeof(path), "%s/nic/channels/%u/ring", folder, i);
		unlink(path);
		*strrchr(path, '/') = '\0';
		rmdir(path);
	}
	snprintf(path, sizeof(path), "%s/nic/channels", folder);
	rmdir(path);
	*strrchr(path, '/') = '\0';
	rmdir(path);
	return rmdir(folder);
}

static void
rings_of_subchannels_come_into_their_slots_and_go_again(void **state)
{
	const struct vmbus_sysfs_map sysfs[UIO_MAP_COUNT] = {
		{ .bytes = PAGE }, { .bytes = PAGE }, { .bytes = PAGE }, { .bytes = PAGE },
		{ .bytes = PAGE },
	};
	const unsigned int last = VMBUS_SUBCHANNELS_MAX - 1;
	int fd = uio_file();
	struct vmbus_maps maps = mapped(fd, sysfs);
	uint8_t *end = (uint8_t *)maps.window + maps.window_bytes, *at;

	(void)state;
	assert_int_equal(vmbus_uio_map_ring(folder, "nic", 2, &maps, 0), 0);
	assert_int_equal(vmbus_uio_map_ring(folder, "nic", 3, &maps, last), 0);
	assert_ptr_equal(maps.ring[0].addr, end - (uint64_t)SLOT_BYTES * VMBUS_SUBCHANNELS_MAX);
	assert_ptr_equal(maps.ring[last].addr, end - SLOT_BYTES);
	assert_int_equal(maps.ring[0].bytes, 4 * PAGE);
	assert_int_equal(maps.ring[last].bytes, SLOT_BYTES);
	assert_int_equal(*(char *)maps.ring[0].addr, '2');
	assert_int_equal(*(char *)maps.ring[last].addr, '3');
	assert_int_equal(vmbus_uio_map_ring(folder, "nic", 2, &maps, 0), -EINVAL);
	assert_int_equal(vmbus_uio_map_ring(folder, "nic", 2, &maps, last + 1), -EINVAL);
	at = maps.ring[0].addr;
	vmbus_uio_unmap_ring(&maps, 0);
	assert_null(maps.ring[0].addr);
	assert_int_equal(maps.ring[0].bytes, 0);
	assert_true(reserved(at));      /* the address space stays ours */
	assert_int_equal(vmbus_uio_map_ring(folder, "nic", 2, &maps, 0), 0);
	assert_ptr_equal(maps.ring[0].addr, at);
	vmbus_uio_unmap_ring(&maps, 0);
	close(fd);
	fd = dup(STDIN_FILENO);
	close(STDIN_FILENO);            /* 0 is a descriptor like any other */
	assert_int_equal(vmbus_uio_map_ring(folder, "nic", 2, &maps, 0), 0);
	assert_int_equal(*(char *)maps.ring[0].addr, '2');
	dup2(fd, STDIN_FILENO);
	vmbus_uio_unmap(&maps);
	assert_null(maps.ring[0].addr);
	assert_null(maps.ring[last].addr);
	close(fd);
}

static void
rings_that_are_missing_or_of_impossible_sizes_are_refused(void **state)
{
	const struct vmbus_sysfs_map sysfs[UIO_MAP_COUNT] = {
		{ .bytes = PAGE }, { .bytes = PAGE }, { .bytes = PAGE }, { .bytes = PAGE },
		{ .bytes = PAGE },
	};
	static char far[5000], slashes[PATH_MAX + 1];
	int fd = uio_file(), next = dup(fd);
	struct vmbus_maps maps = mapped(fd, sysfs);

	(void)state;
	memset(far, 'x', sizeof(far) - 1);
	memset(slashes, '/', PATH_MAX - strlen("/nic/channels/1/ring"));
	close(next);
	assert_int_equal(vmbus_uio_map_ring(slashes, "nic", 1, &maps, 0), -ENAMETOOLONG);
	slashes[strlen(slashes) - 1] = '\0';
	assert_int_equal(vmbus_uio_map_ring(slashes, "nic", 1, &maps, 0), -ENOENT);
	assert_int_equal(vmbus_uio_map_ring(folder, "nic", 1, &maps, 0), -EPROTO);
	assert_int_equal(vmbus_uio_map_ring(folder, "nic", 4, &maps, 0), -EPROTO);
	assert_int_equal(vmbus_uio_map_ring(folder, "nic", 5, &maps, 0), -ENOENT);
	assert_int_equal(vmbus_uio_map_ring(folder, far, 1, &maps, 0), -ENAMETOOLONG);
	assert_null(maps.ring[0].addr);
	assert_int_equal(dup(fd), next);        /* none was left open */
	close(next);
	vmbus_uio_unmap(&maps);
	close(fd);
}

/* ---- the descriptor ---- */

static void
a_device_that_is_not_there_is_an_errno(void **state)
{
	(void)state;
	assert_int_equal(vmbus_uio_open(1 << 30), -ENOENT);
}

static void
a_device_is_locked_by_one_only_and_no_lock_is_no_reason(void **state)
{
	char path[] = "/tmp/test_vmbus_uio-XXXXXX";
	int first = mkstemp(path), second = open(path, O_RDWR | O_CLOEXEC);

	(void)state;
	unlink(path);
	assert_true(first >= 0 && second >= 0);
	assert_int_equal(vmbus_uio_lock(first), 0);
	assert_int_equal(vmbus_uio_lock(first), 0);
	assert_int_equal(vmbus_uio_lock(second), -EBUSY);
	close(first);
	assert_int_equal(vmbus_uio_lock(second), 0);
	close(second);
	assert_int_equal(vmbus_uio_lock(second), 0);    /* EBADF: whoever answers that knows none */
}

static void
interrupts_are_masked_and_counted_by_four_bytes(void **state)
{
	uint32_t count = 0, value = 77;
	int ends[2];

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	assert_int_equal(vmbus_uio_events(ends[0], &count), -EAGAIN);
	for (unsigned int on = 0; on < 2; on++) {
		assert_int_equal(vmbus_uio_irqcontrol(ends[1], on), 0);
		assert_int_equal(vmbus_uio_events(ends[0], &count), 0);
		assert_int_equal(count, on);
	}
	assert_int_equal(write(ends[1], &value, 2), 2);
	assert_int_equal(vmbus_uio_events(ends[0], &count), -EIO);
	assert_int_equal(vmbus_uio_irqcontrol(ends[0], true), -EBADF);
	close(ends[1]);
	assert_int_equal(vmbus_uio_events(ends[0], &count), -EIO);      /* the end */
	close(ends[0]);
	assert_int_equal(vmbus_uio_events(ends[0], &count), -EBADF);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_map_is_at_its_own_place_and_the_subchannels_behind_all),
		cmocka_unit_test(a_slot_is_as_large_as_the_primarys_rings_if_those_are_larger),
		cmocka_unit_test(what_cannot_be_mapped_leaves_nothing_mapped),
		cmocka_unit_test(
			all_slots_are_guarded_for_as_long_as_they_are_there_and_nothing_else_is),
		cmocka_unit_test(what_the_host_writes_is_left_out_of_a_core_dump),
		cmocka_unit_test(a_map_that_is_kept_stays_where_it_is_as_a_copy_until_it_is_freed),
		cmocka_unit_test(without_memory_for_a_copy_the_map_itself_stays),
		cmocka_unit_test(rings_of_subchannels_come_into_their_slots_and_go_again),
		cmocka_unit_test(rings_that_are_missing_or_of_impossible_sizes_are_refused),
		cmocka_unit_test(a_device_that_is_not_there_is_an_errno),
		cmocka_unit_test(a_device_is_locked_by_one_only_and_no_lock_is_no_reason),
		cmocka_unit_test(interrupts_are_masked_and_counted_by_four_bytes),
	};

	return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
