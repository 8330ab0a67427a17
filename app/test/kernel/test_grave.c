/* SPDX-License-Identifier: BSD-3-Clause */

/* When ring memory goes after a rescind. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fakes.h"
#include "kernel/server.h"

#define MS 1000000ull

static struct kern_fixture f;

static void
the_primarys_rings_go_50_ms_after_a_rescind_and_a_subchannels_at_once(void **state)
{
	uint8_t *primary, *sub, *recv;

	(void)state;
	fixture_start(&f, "");
	fixture_offer(&f, true);
	assert_int_equal(kern_device_open(f.device), 0);
	fixture_subchannel(&f, 1);
	primary = mmap(NULL, 4u << 20, PROT_READ | PROT_WRITE, MAP_SHARED,
		f.device->primary->ring.fd, 0);
	sub = mmap(NULL, 4u << 20, PROT_READ | PROT_WRITE, MAP_SHARED,
		f.channel[1].handle->ring.fd, 0);
	recv = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, f.device->recv.fd, 0);
	assert_true(primary != MAP_FAILED && sub != MAP_FAILED && recv != MAP_FAILED);
	fixture_rescind(&f);
	assert_int_equal(fake.gone, 1);
	assert_int_equal(f.channel[0].closed, 0);
	assert_false(readable(sub));
	clock_advance(49 * MS);
	assert_true(readable(primary));
	clock_advance(2 * MS);
	assert_false(readable(primary));
	assert_true(readable(recv));    /* the kernel counts these pages */
	munmap(primary, 4u << 20);
	munmap(sub, 4u << 20);
	munmap(recv, 4096);
	kern_device_release(f.device);
	fixture_stop(&f);
}

/* A guest of one thread, which is a process of its own that runs for ever. */
static pid_t
guest_that_runs(struct kern_process *guest)
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			__asm__ volatile("");
	}
	assert_true(pid > 0);
	*guest = (struct kern_process) { .vm = f.vm, .fd = -1, .pid = pid, .greeted = true };
	f.vm->processes = guest;
	return pid;
}

/* A ring that its guest may touch, of a device that is rescinded. */
static uint8_t *
rescinded_ring(void)
{
	uint8_t *ring;

	fixture_offer(&f, true);
	assert_int_equal(kern_device_open(f.device), 0);
	ring = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, f.device->primary->ring.fd, 0);
	assert_true(ring != MAP_FAILED);
	fixture_rescind(&f);
	return ring;
}

/* Its only thread is stopped since before the rescind. */
static pid_t
stopped_guest_with_a_ring(struct kern_process *guest, uint8_t **ring)
{
	int status;
	pid_t pid;

	fixture_start(&f, "");
	pid = guest_that_runs(guest);
	kill(pid, SIGSTOP);
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	*ring = rescinded_ring();
	return pid;
}

static void
end_guest_with_a_ring(pid_t pid, uint8_t *ring)
{
	int status;

	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	f.vm->processes = NULL;
	munmap(ring, 4096);
	kern_device_release(f.device);
	fixture_stop(&f);
}

static void
ring_memory_stays_while_a_thread_of_the_guest_waits_for_a_processor(void **state)
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	struct kern_process guest;
	uint8_t *ring;
	pid_t pid;

	(void)state;
	pid = stopped_guest_with_a_ring(&guest, &ring);
	clock_advance(5000 * MS);
	assert_true(readable(ring));
	kill(pid, SIGCONT);     /* it runs, and is excused no longer */
	for (unsigned int i = 0; i < 3000 && readable(ring); i++) {
		nanosleep(&pause, NULL);
		if (i % 100 == 0)
			clock_advance(10 * MS);
	}
	assert_false(readable(ring));
	end_guest_with_a_ring(pid, ring);
}

static void
ring_memory_is_revoked_10_s_after_a_rescind_whoever_is_stopped(void **state)
{
	struct kern_process guest;
	uint8_t *ring;
	pid_t pid;

	(void)state;
	pid = stopped_guest_with_a_ring(&guest, &ring);
	clock_advance(9990 * MS);
	assert_true(readable(ring));
	clock_advance(20 * MS);
	assert_false(readable(ring));
	end_guest_with_a_ring(pid, ring);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_primarys_rings_go_50_ms_after_a_rescind_and_a_subchannels_at_once),
		cmocka_unit_test(ring_memory_stays_while_a_thread_of_the_guest_waits_for_a_processor),
		cmocka_unit_test(ring_memory_is_revoked_10_s_after_a_rescind_whoever_is_stopped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
