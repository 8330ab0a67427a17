/* SPDX-License-Identifier: BSD-3-Clause */

/* The guest program's cases about /dev/uioN as a descriptor. */

#include "guest_client.h"

#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/select.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>

static bool
readable_now(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1 && (p.revents & POLLIN);
}

bool
becomes_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 5000) == 1 && (p.revents & POLLIN);
}

/* ---- uio: descriptor ---- */

void
uio_device_is_a_character_device(void)
{
	int fd = uio_open(O_CLOEXEC | O_NONBLOCK);
	struct stat st, st2;
	struct statx stx;

	CHECK(fcntl(fd, F_GETFD) == FD_CLOEXEC);
	CHECK((fcntl(fd, F_GETFL) & (O_NONBLOCK | O_ACCMODE)) == (O_NONBLOCK | O_RDWR));
	CHECK(stat(uio_path(), &st) == 0 && S_ISCHR(st.st_mode));
	CHECK(fstat(fd, &st2) == 0 && S_ISCHR(st2.st_mode) && st.st_rdev == st2.st_rdev);
	CHECK(major(st.st_rdev) > 0 &&
		minor(st.st_rdev) == (unsigned int)atoi(uio_path() + strlen("/dev/uio")));
	CHECK(fstatat(fd, "", &st2, AT_EMPTY_PATH) == 0 && S_ISCHR(st2.st_mode));
	CHECK(statx(fd, "", AT_EMPTY_PATH, STATX_ALL, &stx) == 0 && S_ISCHR(stx.stx_mode));
	CHECK(access(uio_path(), R_OK | W_OK) == 0);
	CHECK(close(fd) == 0);
	fd = open(uio_path(), O_RDWR);
	CHECK(fd >= 0 && fcntl(fd, F_GETFD) == 0 && !(fcntl(fd, F_GETFL) & O_NONBLOCK));
	CHECK(ask(HOST_STATE, 0).a >= 1);
	CHECK(close(fd) == 0 && open_files_become(0));
	CHECK(ask(HOST_STATE, 0).b >= 1);
}

void
uio_read_returns_the_event_count(void)
{
	int fd = uio_open(0);
	int32_t count = 0;
	char half[2][2];
	struct iovec halves[2] = { { half[0], 2 }, { half[1], 2 } };
	struct iovec iov[2] = { { &count, 4 }, { half[0], 2 } };

	ask(HOST_INTERRUPT, 0);
	CHECK(becomes_readable(fd));
	CHECK(read(fd, &count, 4) == 4 && count == 1);
	CHECK(!readable_now(fd));
	ask(HOST_INTERRUPT, 0);
	CHECK(pread(fd, &count, 4, 0) == 4 && count == 2);
	ask(HOST_INTERRUPT, 0);
	/* Each piece is a read of its own. */
	CHECK(readv(fd, halves, 2) < 0 && errno == EINVAL);
	CHECK(readv(fd, iov, 2) == 4 && count == 3);
	close(fd);
}

void
uio_read_takes_exactly_four_bytes(void)
{
	int fd = uio_open(O_NONBLOCK);
	char buf[16];

	ask(HOST_INTERRUPT, 0);
	CHECK(read(fd, buf, 1) < 0 && errno == EINVAL);
	CHECK(read(fd, buf, 8) < 0 && errno == EINVAL);
	CHECK(read(fd, buf, 0) < 0 && errno == EINVAL);
	CHECK(write(fd, buf, 1) < 0 && errno == EINVAL);
	CHECK(write(fd, buf, 8) < 0 && errno == EINVAL);
	CHECK(read(fd, buf, 4) == 4);
	CHECK(read(fd, buf, 4) < 0 && errno == EAGAIN);
	close(fd);
	fd = open(uio_path(), O_RDONLY);
	CHECK(fd >= 0 && write(fd, buf, 4) < 0 && errno == EBADF);
	close(fd);
}

void
uio_read_blocks_until_an_event(void)
{
	int fd = uio_open(0), status;
	int32_t count;
	pid_t pid = fork();

	if (pid == 0) {
		/* Blocks, unless the parent was faster; either way there is one. */
		_exit(read(fd, &count, 4) == 4 && count == 1 ? 0 : 1);
	}
	ask(HOST_INTERRUPT, 0);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	/* One open file: what the child has read is read. */
	CHECK(!readable_now(fd));
	close(fd);
}

void
uio_events_coalesce_and_poll_agrees(void)
{
	int fd = uio_open(O_NONBLOCK), ep = epoll_create1(0);
	int other = uio_open(O_NONBLOCK);
	struct epoll_event ev = { .events = EPOLLIN };
	int32_t count;
	fd_set set;

	CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) == 0);
	CHECK(epoll_wait(ep, &ev, 1, 0) == 0);
	for (int i = 0; i < 3000; i++)
		ask(HOST_INTERRUPT, 0);
	CHECK(epoll_wait(ep, &ev, 1, 5000) == 1);
	FD_ZERO(&set);
	FD_SET(fd, &set);
	CHECK(select(fd + 1, &set, NULL, NULL, NULL) == 1);
	/* What lies in the socket itself: one kick, however many events. */
	CHECK(recv(fd, &count, 4, MSG_DONTWAIT) == 1);
	CHECK(recv(fd, &count, 4, MSG_DONTWAIT) < 0 && errno == EAGAIN);
	CHECK(read(fd, &count, 4) == 4 && count == 3000);
	CHECK(read(fd, &count, 4) < 0 && errno == EAGAIN);
	CHECK(epoll_wait(ep, &ev, 1, 0) == 0);
	/* Every open file has its own count of what was read. */
	CHECK(readable_now(other) && read(other, &count, 4) == 4 && count == 3000);
	close(other);
	close(fd);
	close(ep);
}

void
uio_write_sets_the_mask_before_it_returns(void)
{
	int fd = uio_open(0);
	int32_t on = 1, off = 0;
	struct iovec halves[2] = { { &on, 2 }, { (char *)&on + 2, 2 } };
	struct iovec iov[2] = { { &off, 4 }, { &on, 4 } };

	CHECK(write(fd, &on, 4) == 4 && ask(HOST_MASK, 0).a == 0);
	CHECK(write(fd, &off, 4) == 4 && ask(HOST_MASK, 0).a == 1);
	CHECK(writev(fd, halves, 2) < 0 && errno == EINVAL && ask(HOST_MASK, 0).a == 1);
	CHECK(writev(fd, iov, 2) == 8 && ask(HOST_MASK, 0).a == 0);
	for (int i = 0; i < 5000; i++)
		CHECK(write(fd, &off, 4) == 4);
	close(fd);
}

static void
subchannels_open(unsigned int last)
{
	for (unsigned int i = 1; i <= last; i++)
		ask(HOST_SUBCHANNEL, i);
	for (unsigned int i = 1; i <= last; i++)
		while (ask(HOST_CHANNEL, i).a == 0)
			;
}

void
uio_write_masks_all_channels(void)
{
	int fd = uio_open(0);
	int32_t on = 1, off = 0;

	CHECK(write(fd, &off, 4) == 4);
	subchannels_open(12);
	CHECK(write(fd, &off, 4) == 4);
	for (int i = 0; i <= 12; i++)
		CHECK(ask(HOST_MASK, (uint64_t)i).a == 1);
	CHECK(write(fd, &on, 4) == 4);
	for (int i = 0; i <= 12; i++)
		CHECK(ask(HOST_MASK, (uint64_t)i).a == 0);
	close(fd);
}

void
old_kernels_mask_the_primary_only(void)
{
	int fd = uio_open(0);
	int32_t off = 0, on = 1;
	int64_t before;

	subchannels_open(1);
	before = ask(HOST_MASK, 1).a;
	CHECK(write(fd, &off, 4) == 4 && ask(HOST_MASK, 0).a == 1);
	CHECK(ask(HOST_MASK, 1).a == before);
	CHECK(write(fd, &on, 4) == 4 && ask(HOST_MASK, 0).a == 0);
	CHECK(ask(HOST_MASK, 1).a == before);
	close(fd);
}

/* ---- stdio on uio, inotify, walks over descriptors ---- */

void
fclose_and_fdopen_follow_the_descriptor(void)
{
	FILE *f = fopen(uio_path(), "r+");
	char buf[64];
	int fd;

	CHECK(f && fileno(f) >= 0 && ask(HOST_STATE, 0).a == 1);
	CHECK(fclose(f) == 0 && open_files_become(0));
	f = fdopen(uio_open(0), "r");
	CHECK(f && fclose(f) == 0 && open_files_become(0));
	/* A number that a stream has given back is an ordinary one again. */
	f = fdopen(open(attr("class_id"), O_RDONLY), "r");
	CHECK(f);
	fd = fileno(f);
	CHECK(fgets(buf, sizeof(buf), f) && strcmp(buf, CLASS_TEXT) == 0 && fclose(f) == 0);
	CHECK(socket(AF_UNIX, SOCK_STREAM, 0) == fd);
	CHECK(read(fd, buf, 4) < 0 && errno == EINVAL);
}

void
inotify_succeeds_and_stays_silent(void)
{
	int in = inotify_init1(IN_NONBLOCK);
	int fd, one, two;
	char buf[4096];

	one = inotify_add_watch(in, device_dir, IN_ALL_EVENTS | IN_ONLYDIR);
	two = inotify_add_watch(in, "/sys/bus/vmbus/devices", IN_CREATE);
	CHECK(one >= 0 && two >= 0 && one != two);
	CHECK(inotify_add_watch(in, device_dir, IN_CREATE) == one);
	CHECK(inotify_add_watch(in, attr("nonsense"), IN_CREATE) < 0 && errno == ENOENT);
	CHECK(inotify_add_watch(in, attr("class_id"), IN_CREATE | IN_ONLYDIR) < 0 &&
		errno == ENOTDIR);
	fd = uio_open(0);
	subchannels_open(1);
	CHECK(read(in, buf, sizeof(buf)) < 0 && errno == EAGAIN);
	CHECK(inotify_rm_watch(in, one) == 0);
	close(fd);
}

void
rescind_gives_eio_and_stays_readable(void)
{
	int fd = uio_open(0), again = uio_open(O_NONBLOCK);
	const char *path = uio_path();
	int32_t value = 1;
	struct stat st;

	ask(HOST_RESCIND, 0);
	for (int i = 0; i < 3; i++) {
		CHECK(becomes_readable(fd));
		CHECK(read(fd, &value, 4) < 0 && errno == EIO);
		CHECK(read(again, &value, 4) < 0 && errno == EIO);
		CHECK(read(again, &value, 3) < 0 && errno == EINVAL);
		CHECK(write(fd, &value, 4) < 0 && errno == EINVAL);
	}
	CHECK(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED);
	CHECK(open(path, O_RDWR) < 0 && (errno == ENOENT || errno == ENODEV));
	CHECK(stat(path, &st) < 0);
	CHECK(close(fd) == 0 && close(again) == 0);
}

void
vanished_host_gives_errors_and_no_signal(void)
{
	int fd = uio_open(0);
	const char *path = uio_path();
	void *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 4096);
	int memory = memfd_create("m", 0);
	int32_t value = 1;
	void *told;

	CHECK(map != MAP_FAILED && ftruncate(memory, 4096) == 0);
	told = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
	CHECK(told != MAP_FAILED);
	ask(HOST_VANISH, 0);
	CHECK(becomes_readable(fd));
	CHECK(read(fd, &value, 4) < 0 && errno == EIO);
	CHECK(write(fd, &value, 4) < 0 && errno == EINVAL);
	CHECK(open(path, O_RDWR) < 0 && (errno == ENOENT || errno == ENODEV));
	CHECK(open(attr("class_id"), O_RDONLY) < 0);
	CHECK(munmap(told, 4096) == 0);
	CHECK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0) != MAP_FAILED);
	CHECK(munmap(map, 4096) == 0 && close(fd) == 0);
}

/* ---- locks ---- */

/* Another process locks the device and says so; returns its id. */
static pid_t
locked_elsewhere(void)
{
	int ready[2];
	pid_t pid;
	char c;

	CHECK(pipe(ready) == 0);
	pid = fork();
	if (pid == 0) {
		int fd = uio_open(0);

		CHECK(flock(fd, LOCK_EX | LOCK_NB) == 0 && write(ready[1], "x", 1) == 1);
		pause();
		_exit(1);
	}
	CHECK(pid > 0 && read(ready[0], &c, 1) == 1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

void
a_lock_keeps_others_out_until_its_holder_is_gone(void)
{
	int fd = uio_open(0), other = uio_open(0);
	void *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 4096);
	pid_t pid;

	CHECK(map != MAP_FAILED && flock(fd, LOCK_EX | LOCK_NB) == 0);
	CHECK(flock(fd, LOCK_EX | LOCK_NB) == 0);       /* it has it already */
	CHECK(flock(other, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK);
	/* A mapping keeps the file open, and with it the lock. */
	CHECK(close(fd) == 0);
	CHECK(flock(other, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK);
	CHECK(munmap(map, 4096) == 0 && flock(other, LOCK_EX | LOCK_NB) == 0);
	CHECK(flock(other, LOCK_UN) == 0);
	pid = locked_elsewhere();
	CHECK(flock(other, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK);
	CHECK(kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid);
	CHECK(flock(other, LOCK_EX | LOCK_NB) == 0);
	close(other);
}

/* ---- exec ---- */

/* What the program does when it has executed itself anew. */
int
after_exec(int fd)
{
	int32_t count = 0, off = 0;
	struct stat st;
	char *map;

	CHECK(fstat(fd, &st) == 0 && S_ISCHR(st.st_mode));
	CHECK(read(fd, &count, 4) == 4 && count == 2);
	CHECK(write(fd, &off, 4) == 4 && ask(HOST_MASK, 0).a == 1);
	map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 4096);
	CHECK(map != MAP_FAILED && close(fd) == 0 && ask(HOST_STATE, 0).a == 1);
	CHECK(munmap(map, 4096) == 0 && open_files_become(0));
	return 0;
}

void
descriptors_survive_exec(void)
{
	int fd = uio_open(O_NONBLOCK);
	char number[16];
	int32_t count;

	ask(HOST_INTERRUPT, 0);
	CHECK(read(fd, &count, 4) == 4 && count == 1);
	ask(HOST_INTERRUPT, 0);
	snprintf(number, sizeof(number), "%d", fd);
	execl("/proc/self/exe", "guest_client", "after_exec", number, NULL);
	CHECK(false);
}
