/* SPDX-License-Identifier: BSD-3-Clause */

/* Mapped memory that is taken back under a reader: files that are cut to nothing
 * stand for the rings of a subchannel whose folder in sysfs goes. */

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "vmbus_guard.h"

#define PAGES 3u

static size_t page;

/* A mapping of PAGES pages, all touched, whose file is then taken away. */
static volatile uint8_t *
taken_map(void *at)
{
	int fd = memfd_create("ring", MFD_CLOEXEC);
	volatile uint8_t *map;

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)(PAGES * page)), 0);
	map = mmap(at, PAGES * page, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_POPULATE | (at != NULL ? MAP_FIXED : 0), fd, 0);
	assert_ptr_not_equal(map, MAP_FAILED);
	for (size_t i = 0; i < PAGES * page; i++)
		map[i] = 0xA5;
	assert_int_equal(ftruncate(fd, 0), 0);
	close(fd);
	return map;
}

static void
unmap(volatile uint8_t *map)
{
	assert_int_equal(munmap((void *)(uintptr_t)map, PAGES * page), 0);
}

static struct sigaction
disposition(void)
{
	struct sigaction now;

	assert_int_equal(sigaction(SIGBUS, NULL, &now), 0);
	return now;
}

/* Status of a process that touches a page that is taken away and not guarded,
 * while another is guarded. */
static int
status_of_fault_elsewhere(void)
{
	volatile uint8_t *ours = taken_map(NULL), *other = taken_map(NULL);
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		signal(SIGBUS, SIG_DFL);
		vmbus_guard_add((void *)(uintptr_t)ours, PAGES * page);
		alarm(20);
		(void)other[0];
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	unmap(ours);
	unmap(other);
	return status;
}

/* ---- tests ---- */

static void
pages_that_the_kernel_takes_back_become_zeros_of_our_own(void **state)
{
	volatile uint8_t *map = taken_map(NULL);

	(void)state;
	assert_int_equal(vmbus_guard_add((void *)(uintptr_t)map, PAGES * page), 0);
	assert_int_equal(map[page + 17], 0);
	map[page + 17] = 7;
	assert_int_equal(map[page + 17], 7);
	map[0] = 9;                             /* the first access writes */
	assert_int_equal(map[0], 9);
	assert_int_equal(map[PAGES * page - 1], 0);
	vmbus_guard_remove((void *)(uintptr_t)map);
	unmap(map);
}

static void
a_fault_elsewhere_ends_the_process_as_ever(void **state)
{
	int status = status_of_fault_elsewhere();

	(void)state;
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGBUS);
}

static void
a_signal_that_a_process_sends_ends_it_as_ever(void **state)
{
	volatile uint8_t *map = taken_map(NULL);
	int status = 0;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		signal(SIGBUS, SIG_DFL);
		vmbus_guard_add((void *)(uintptr_t)map, PAGES * page);
		raise(SIGBUS);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGBUS);
	unmap(map);
}

static sigjmp_buf back;
static volatile int asked;

static void
of_the_application(int signum)
{
	assert_int_equal(signum, SIGBUS);
	asked++;
	siglongjmp(back, 1);
}

static void
the_handler_that_was_there_gets_what_lies_elsewhere_and_its_place_back(void **state)
{
	volatile uint8_t *ours = taken_map(NULL), *other = taken_map(NULL);
	struct sigaction app = { .sa_handler = of_the_application }, first;

	(void)state;
	assert_int_equal(sigaction(SIGBUS, &app, &first), 0);
	asked = 0;
	assert_int_equal(vmbus_guard_add((void *)(uintptr_t)ours, PAGES * page), 0);
	assert_int_equal(ours[0], 0);
	assert_int_equal(asked, 0);
	if (sigsetjmp(back, 1) == 0)
		(void)other[0];
	assert_int_equal(asked, 1);
	vmbus_guard_remove((void *)(uintptr_t)ours);
	assert_ptr_equal(disposition().sa_handler, of_the_application);
	sigaction(SIGBUS, &first, NULL);
	unmap(ours);
	unmap(other);
}

static struct sigaction of_before;

/* As EAL's, which asks the buses and then who was there. */
static void
of_eal(int signum, siginfo_t *info, void *context)
{
	asked++;
	if (!vmbus_guard_fault(info->si_addr))
		of_before.sa_sigaction(signum, info, context);
}

static void
a_handler_that_came_later_may_ask_and_is_not_pushed_out(void **state)
{
	volatile uint8_t *first = taken_map(NULL), *second = taken_map(NULL);
	struct sigaction eal = { .sa_sigaction = of_eal, .sa_flags = SA_SIGINFO };

	(void)state;
	asked = 0;
	assert_int_equal(vmbus_guard_add((void *)(uintptr_t)first, PAGES * page), 0);
	assert_int_equal(sigaction(SIGBUS, &eal, &of_before), 0);
	assert_int_equal(first[0], 0);
	assert_int_equal(asked, 1);
	/* The last device goes, and one comes: neither takes EAL's handler away. */
	vmbus_guard_remove((void *)(uintptr_t)first);
	assert_ptr_equal(disposition().sa_sigaction, of_eal);
	assert_int_equal(vmbus_guard_add((void *)(uintptr_t)second, PAGES * page), 0);
	assert_ptr_equal(disposition().sa_sigaction, of_eal);
	assert_int_equal(second[page], 0);
	assert_int_equal(asked, 2);
	assert_int_equal(sigaction(SIGBUS, &of_before, NULL), 0);
	vmbus_guard_remove((void *)(uintptr_t)second);
	unmap(first);
	unmap(second);
}

static void
there_is_room_for_so_many_windows_and_no_more(void **state)
{
	uint8_t *space = mmap(NULL, (VMBUS_GUARD_MAX + 1) * PAGES * page, PROT_NONE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	const size_t bytes = PAGES * page;
	volatile uint8_t *last = taken_map(space + (VMBUS_GUARD_MAX - 1) * bytes);

	(void)state;
	for (size_t i = 0; i < VMBUS_GUARD_MAX; i++)
		assert_int_equal(vmbus_guard_add(space + i * bytes, bytes), 0);
	assert_int_equal(vmbus_guard_add(space + VMBUS_GUARD_MAX * bytes, bytes), -ENOSPC);
	assert_int_equal(last[0], 0);
	assert_false(vmbus_guard_fault(space + VMBUS_GUARD_MAX * bytes));
	assert_false(vmbus_guard_fault(space - 1));
	vmbus_guard_remove(space);
	assert_int_equal(vmbus_guard_add(space + VMBUS_GUARD_MAX * bytes, bytes), 0);
	for (size_t i = 0; i <= VMBUS_GUARD_MAX; i++)
		vmbus_guard_remove(space + i * bytes);
	vmbus_guard_remove(NULL);
	assert_false(vmbus_guard_fault((const void *)(uintptr_t)last));
	munmap(space, (VMBUS_GUARD_MAX + 1) * bytes);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages_that_the_kernel_takes_back_become_zeros_of_our_own),
		cmocka_unit_test(a_fault_elsewhere_ends_the_process_as_ever),
		cmocka_unit_test(a_signal_that_a_process_sends_ends_it_as_ever),
		cmocka_unit_test(
			the_handler_that_was_there_gets_what_lies_elsewhere_and_its_place_back),
		cmocka_unit_test(a_handler_that_came_later_may_ask_and_is_not_pushed_out),
		cmocka_unit_test(there_is_room_for_so_many_windows_and_no_more),
	};

	page = (size_t)sysconf(_SC_PAGESIZE);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
