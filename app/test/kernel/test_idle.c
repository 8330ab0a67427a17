/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A real engine, a real guest process, a real userfaultfd: hvsim sleeps, the
 * guest stores into the monitor page, hvsim wakes. Skipped where the machine
 * has no userfaultfd.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/engine.h"
#include "fakes.h"
#include "guest/uffd.h"

#define MS 1000000u

unsigned int fake_timers_armed; /* the engine is real here */

void
clock_advance(uint64_t ns)
{
	(void)ns;
}

static struct kern_fixture f;

/* What the guest process does: maps the page, tells how to wake the host, and
 * stores a pending bit whenever it gets a byte; the byte back is the store. */
static void
guest_main(int sock, int page_fd, bool with_uffd)
{
	uint32_t *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, page_fd, 0);
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	struct guest_uffd where = { (uintptr_t)page, 4096 };
	struct iovec iov = { &where, sizeof(where) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	int fd = with_uffd ? guest_uffd_register(page, 4096) : -1;
	char c;

	if (fd >= 0) {
		msg.msg_control = control.bytes;
		msg.msg_controllen = sizeof(control.bytes);
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.align), &fd, sizeof(fd));
	}
	if (sendmsg(sock, &msg, 0) < 0)
		_exit(1);
	if (fd >= 0)
		close(fd);
	while (read(sock, &c, 1) == 1) {
		__atomic_fetch_or(&page[2], 1, __ATOMIC_SEQ_CST);
		if (write(sock, &c, 1) != 1)
			_exit(2);
	}
	_exit(0);
}

static pid_t
guest_start(int *sock, bool with_uffd, struct guest_uffd *where, int *uffd)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	struct iovec iov = { where, sizeof(*where) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	int pair[2];
	pid_t pid;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	pid = fork();
	if (pid == 0) {
		close(pair[0]);
		guest_main(pair[1], f.vm->monitor_page.fd, with_uffd);
	}
	close(pair[1]);
	*sock = pair[0];
	assert_int_equal(recvmsg(pair[0], &msg, 0), sizeof(*where));
	*uffd = -1;
	if (msg.msg_controllen > 0)
		memcpy(uffd, CMSG_DATA(&control.align), sizeof(*uffd));
	return pid;
}

static void
guest_stop(pid_t pid, int sock)
{
	int status;

	close(sock);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* ---- the script that runs on the engine ---- */

static struct {
	int sock;
	unsigned int left;              /* stores still to ask for */
	uint64_t pause_ns;
	uint64_t asked_ns, worst_ns, sum_ns;
	unsigned int seen, slow;
	struct engine_timer timer;
	struct engine_poller watcher;
	uint64_t cpu_from_ns, looks_from;
} script;

static uint64_t
cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void
on_give_up(void *arg)
{
	(void)arg;
	engine_stop(1);
}

static void
on_ask(void *arg)
{
	(void)arg;
	script.asked_ns = engine_clock_ns();
	if (write(script.sock, "x", 1) != 1)
		engine_stop(2);
	engine_timer_arm(&script.timer, engine_clock_ns() + 1000 * MS, on_give_up, NULL);
}

/* Not work: it only watches whether the signal has arrived. */
static unsigned int
watch(void *arg)
{
	uint64_t took;
	char c;

	(void)arg;
	if (f.channel[0].signalled == script.seen)
		return 0;
	script.seen = f.channel[0].signalled;
	took = engine_clock_ns() - script.asked_ns;
	script.worst_ns = HV_MAX(script.worst_ns, took);
	script.sum_ns += took;
	script.slow += took > 2 * MS;
	if (read(script.sock, &c, 1) != 1 || --script.left == 0)
		engine_stop(0);
	else
		engine_timer_arm(&script.timer, engine_clock_ns() + script.pause_ns, on_ask, NULL);
	return 0;
}

static void
script_prepare(int sock, unsigned int stores, uint64_t pause_ns)
{
	memset(&script, 0, sizeof(script));
	script.sock = sock;
	script.left = stores;
	script.pause_ns = pause_ns;
	script.watcher.poll = watch;
	engine_poller_add(&script.watcher);
	engine_timer_arm(&script.timer, engine_clock_ns() + pause_ns, on_ask, NULL);
}

static void
start(void)
{
	assert_int_equal(engine_init(ENGINE_POLL_ADAPTIVE, NULL), 0);
	fixture_start(&f, "");
	fixture_offer(&f, true);
	assert_int_equal(kern_device_open(f.device), 0);
}

static void
stop(void)
{
	engine_poller_remove(&script.watcher);
	engine_timer_cancel(&script.timer);
	fixture_stop(&f);
	engine_fini();
}

static bool
machine_has_uffd(void)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int fd = guest_uffd_register(page, 4096);

	if (fd >= 0)
		close(fd);
	munmap(page, 4096);
	return fd >= 0;
}

static void
a_store_wakes_a_host_that_sleeps(void **state)
{
	struct guest_uffd where;
	int sock, uffd;
	pid_t pid;

	(void)state;
	if (!machine_has_uffd())
		skip();
	start();
	pid = guest_start(&sock, true, &where, &uffd);
	assert_true(uffd >= 0);
	idle_watch(f.vm, pid, &where, uffd);
	script_prepare(sock, 50, 8 * MS);
	assert_int_equal(engine_run(), 0);
	assert_int_equal(f.channel[0].signalled, 50);
	assert_true(f.vm->idle->faults >= 25);
	assert_true(f.vm->idle->sleeps >= 25);
	/* On a busy machine the guest itself may come late, but not mostly. */
	assert_in_range(script.slow, 0, 12);
	guest_stop(pid, sock);
	stop();
}

static void
without_userfaultfd_a_store_is_still_seen_in_time(void **state)
{
	struct guest_uffd where;
	int sock, uffd;
	pid_t pid;

	(void)state;
	start();
	pid = guest_start(&sock, false, &where, &uffd);
	assert_int_equal(uffd, -1);
	idle_watch(f.vm, pid, &where, uffd);
	script_prepare(sock, 50, 8 * MS);
	assert_int_equal(engine_run(), 0);
	assert_int_equal(f.channel[0].signalled, 50);
	assert_int_equal(f.vm->idle->sleeps, 0);
	assert_in_range(script.slow, 0, 12);
	guest_stop(pid, sock);
	stop();
}

static void
on_idle_begun(void *arg)
{
	(void)arg;
	script.cpu_from_ns = cpu_ns();
	script.looks_from = f.vm->monitor->looks;
	engine_timer_arm(&script.timer, engine_clock_ns() + 1000 * MS, on_give_up, NULL);
}

static void
a_sleeping_host_costs_less_than_a_hundredth_of_a_core(void **state)
{
	struct guest_uffd where;
	int sock, uffd;
	pid_t pid;

	(void)state;
	if (!machine_has_uffd())
		skip();
	start();
	pid = guest_start(&sock, true, &where, &uffd);
	idle_watch(f.vm, pid, &where, uffd);
	memset(&script, 0, sizeof(script));
	engine_timer_arm(&script.timer, engine_clock_ns() + 50 * MS, on_idle_begun, NULL);
	assert_int_equal(engine_run(), 1);
	print_message("idle: %.2f %% of a core\n", (double)(cpu_ns() - script.cpu_from_ns) / 1e7);
	assert_in_range(f.vm->monitor->looks - script.looks_from, 1, 50);
	assert_in_range(cpu_ns() - script.cpu_from_ns, 0, 10 * MS);
	guest_stop(pid, sock);
	stop();
}

static void
a_process_that_was_killed_keeps_nobody_from_sleeping(void **state)
{
	struct guest_uffd where;
	unsigned int descriptors;
	int sock, uffd;
	pid_t pid;

	(void)state;
	if (!machine_has_uffd())
		skip();
	start();
	descriptors = open_descriptors();
	pid = guest_start(&sock, true, &where, &uffd);
	idle_watch(f.vm, pid, &where, uffd);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	close(sock);
	f.vm->monitor->last_traffic_ns = 0;
	assert_true(idle_prepare_sleep(f.vm));          /* finds it gone */
	assert_null(f.vm->idle->regions);
	assert_int_equal(open_descriptors(), descriptors);

	pid = guest_start(&sock, false, &where, &uffd);
	idle_watch(f.vm, pid, &where, -1);
	guest_stop(pid, sock);
	idle_process_gone(f.vm, pid);
	assert_null(f.vm->idle->regions);
	stop();
}

static void
what_is_gone_is_let_go_of_when_the_next_comes_though_nobody_sleeps(void **state)
{
	struct guest_uffd where;
	unsigned int descriptors;
	int sock, uffd;
	pid_t pid;

	(void)state;
	if (!machine_has_uffd())
		skip();
	start();
	pid = guest_start(&sock, true, &where, &uffd);
	idle_watch(f.vm, pid, &where, uffd);
	descriptors = open_descriptors();
	for (unsigned int i = 0; i < 3; i++) {
		guest_stop(pid, sock);
		pid = guest_start(&sock, true, &where, &uffd);
		idle_watch(f.vm, pid, &where, uffd);
		assert_int_equal(open_descriptors(), descriptors);
	}
	guest_stop(pid, sock);
	stop();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_store_wakes_a_host_that_sleeps),
		cmocka_unit_test(without_userfaultfd_a_store_is_still_seen_in_time),
		cmocka_unit_test(a_sleeping_host_costs_less_than_a_hundredth_of_a_core),
		cmocka_unit_test(a_process_that_was_killed_keeps_nobody_from_sleeping),
		cmocka_unit_test(
			what_is_gone_is_let_go_of_when_the_next_comes_though_nobody_sleeps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
