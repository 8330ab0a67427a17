/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the calls on a uio device do, a fact per line: the same program runs on a
 * real kernel and on hvsim's imitation of one, and the lines are compared
 * (app/test/scenarios/guest/facts.sh). It judges nothing. Usage:
 *
 *   test_guest_calls COMMAND
 *
 * on the first NIC that is bound to uio and that no one uses; COMMAND makes the
 * host take this NIC away. Ends with 0 when all was said.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tg.h"

#define WAIT_MS 60000           /* an emulated kernel on a busy machine */

static struct tg_device dev;
static char path[64];
static int other;               /* a second open file, non-blocking */

__attribute__((format(printf, 2, 3)))
static void
fact(long result, const char *format, ...)
{
	const char *error = result < 0 ? strerrorname_np(errno) : NULL;
	va_list args;

	printf("fact: call: ");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	if (error != NULL)
		printf(" = %s\n", error);
	else
		printf(" = %ld\n", result);
	fflush(stdout);
}

/* ---- single calls ---- */

static long
read_bytes(int fd, size_t bytes)
{
	uint8_t buffer[16];

	return read(fd, buffer, bytes);
}

static long
write_bytes(int fd, size_t bytes)
{
	static const uint8_t zeros[16];

	return write(fd, zeros, bytes);
}

static long
write_value(int fd, int32_t value)
{
	return write(fd, &value, sizeof(value));
}

/* 4 bytes in two pieces. */
static long
read_pieces(int fd)
{
	uint16_t half[2];
	struct iovec iov[2] = { { &half[0], 2 }, { &half[1], 2 } };

	return readv(fd, iov, 2);
}

static long
write_pieces(int fd)
{
	uint16_t half[2] = { 0, 0 };
	struct iovec iov[2] = { { &half[0], 2 }, { &half[1], 2 } };

	return writev(fd, iov, 2);
}

/* 0, or -1 with errno. */
static long
map_bytes(int fd, unsigned int index, uint64_t bytes, int protection)
{
	void *map = mmap(NULL, bytes, protection, MAP_SHARED, fd, (off_t)index * dev.page_bytes);

	return map == MAP_FAILED ? -1 : munmap(map, bytes);
}

static long
poll_events(int fd, short events, int wait_ms)
{
	struct pollfd poll_fd = { .fd = fd, .events = events };
	int ready = poll(&poll_fd, 1, wait_ms);

	return ready <= 0 ? ready : poll_fd.revents;
}

static long
epoll_events(int fd)
{
	struct epoll_event event = { .events = EPOLLIN };
	int set = epoll_create1(EPOLL_CLOEXEC);
	int ready = epoll_ctl(set, EPOLL_CTL_ADD, fd, &event);

	event.events = 0;
	if (ready == 0)
		ready = epoll_wait(set, &event, 1, 0);
	close(set);
	return ready <= 0 ? ready : (long)event.events;
}

/* ---- what is quiet ---- */

static void
lengths(const char *when)
{
	static const size_t bytes[] = { 0, 1, 3, 5, 8 };

	for (unsigned int i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++) {
		fact(read_bytes(other, bytes[i]), "%s: read of %zu bytes", when, bytes[i]);
		fact(write_bytes(other, bytes[i]), "%s: write of %zu bytes", when, bytes[i]);
	}
	fact(read_pieces(other), "%s: readv of 2 + 2 bytes", when);
	fact(write_pieces(other), "%s: writev of 2 + 2 bytes", when);
}

static void
maps(const char *when)
{
	for (unsigned int i = 0; i < UIO_MAP_COUNT; i++) {
		fact(map_bytes(other, i, dev.map_bytes[i], PROT_READ | PROT_WRITE),
			"%s: mmap of map %u", when, i);
		fact(map_bytes(other, i, dev.map_bytes[i] + dev.page_bytes, PROT_READ),
			"%s: mmap of a page more than map %u", when, i);
	}
	fact(map_bytes(other, UIO_MAP_COUNT, dev.page_bytes, PROT_READ),
		"%s: mmap of map %u", when, UIO_MAP_COUNT);
}

static void
access_modes(void)
{
	int reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	int writer = open(path, O_WRONLY | O_CLOEXEC);

	fact(write_value(reader, 0), "write to a read-only file");
	fact(read_bytes(writer, 4), "read of a write-only file");
	fact(map_bytes(reader, 0, dev.page_bytes, PROT_READ | PROT_WRITE),
		"writable mmap of a read-only file");
	fact(map_bytes(reader, 0, dev.page_bytes, PROT_READ), "mmap of a read-only file");
	fact(map_bytes(writer, 0, dev.page_bytes, PROT_READ), "mmap of a write-only file");
	close(reader);
	close(writer);
}

/* ---- interrupts ---- */

static void
masks(const char *when)
{
	for (unsigned int i = 0; i < dev.channels; i++)
		fact(__atomic_load_n(&dev.channel[i]->rx.page->interrupt_mask, __ATOMIC_SEQ_CST),
			"interrupt mask of channel %u of %u after %s", i, dev.channels, when);
}

static void
masks_set(void)
{
	for (unsigned int i = 0; i < dev.channels; i++)
		__atomic_store_n(&dev.channel[i]->rx.page->interrupt_mask, 1, __ATOMIC_SEQ_CST);
}

static void
irqcontrol(void)
{
	masks_set();
	fact(write_value(dev.fd, 1), "write of 1");
	masks("a write of 1");
	fact(write_value(dev.fd, 0), "write of 0");
	masks("a write of 0");
	masks_set();
}

/* The answer to the first message is one interrupt. */
static void
event(void)
{
	uint32_t count[2] = { 0, 0 };

	masks_set();
	fact(write_value(dev.fd, 1), "write of 1");
	fact(tg_nvsp_init(&dev, NVSP_VERSION_61), "the host's answer");
	fact(poll_events(dev.fd, POLLIN, WAIT_MS), "poll for POLLIN after an interrupt");
	fact(poll_events(other, POLLIN | POLLOUT, 0), "the second file's, for POLLOUT too");
	fact(epoll_events(other), "epoll of it");
	masks("an interrupt");
	fact(read(dev.fd, &count[0], sizeof(count[0])), "read of the event count");
	fact(poll_events(dev.fd, POLLIN, 0), "poll once it was read");
	fact(poll_events(other, POLLIN, 0), "poll of the second file then");
	fact(read(other, &count[1], sizeof(count[1])), "read by the second file");
	fact(read_bytes(other, 4), "once more");
	fact(count[0] == count[1] && count[0] > 0, "the counts are the same");
}

/* Rings of a second channel, whose masks the kernel may or may not write. */
static int
subchannel(void)
{
	uint32_t granted;
	int err = tg_nvsp_ndis_config(&dev, 1514, NVSP_CONFIG_CAP_8021Q);

	if (err == 0)
		err = tg_nvsp_ndis_version(&dev, 6, 30);
	if (err == 0)
		err = tg_nvsp_recv_buffer(&dev);
	if (err == 0)
		err = tg_nvsp_send_buffer(&dev);
	if (err == 0)
		err = tg_nvsp_subchannels(&dev, 1, &granted);
	for (unsigned int i = 0; i < 15 && err == 0; i++) {
		err = tg_map_subchannels(&dev, 1);
		if (err != -ETIMEDOUT)
			break;
	}
	return err;
}

/* ---- the end ---- */

static void *
blocked(void *arg)
{
	int fd = *(int *)arg;

	fact(read_bytes(fd, 4), "a read that waits");
	return NULL;
}

/* Until the device is gone from sysfs. */
static bool
gone(void)
{
	char name[64];
	struct stat st;

	snprintf(name, sizeof(name), "/sys/class/uio/uio%u", dev.uio);
	for (unsigned int i = 0; i < WAIT_MS / 10; i++) {
		if (stat(name, &st) < 0)
			return true;
		usleep(10000);
	}
	return false;
}

static void
after_rescind(void)
{
	fact(poll_events(dev.fd, POLLIN, 0), "gone: poll for POLLIN");
	fact(poll_events(other, POLLOUT, 0), "gone: poll for POLLOUT");
	fact(epoll_events(other), "gone: epoll");
	for (unsigned int i = 0; i < 3; i++) {
		fact(read_bytes(dev.fd, 4), "gone: read of 4 bytes");
		fact(read_bytes(other, 4), "gone: read by the second file");
		fact(write_value(dev.fd, 0), "gone: write of 0");
		fact(write_value(dev.fd, 1), "gone: write of 1");
	}
	lengths("gone");
	fact(map_bytes(dev.fd, 0, dev.page_bytes, PROT_READ), "gone: mmap");
	fact(open(path, O_RDWR | O_CLOEXEC), "gone: open");
	fact(access(path, F_OK), "gone: access");
	fact(access(dev.path, F_OK), "gone: access of the device's folder");
}

static int
rescinded(const char *command)
{
	pthread_t thread;

	masks_set();
	while (read_bytes(other, 4) == 4)
		;
	while (poll_events(dev.fd, POLLIN, 0) == POLLIN && read_bytes(dev.fd, 4) == 4)
		;
	if (pthread_create(&thread, NULL, blocked, &dev.fd) != 0)
		return 1;
	usleep(300000);         /* the thread waits by now, most likely */
	if (system(command) != 0) {
		printf("%s failed\n", command);
		exit(1);
	}
	pthread_join(thread, NULL);
	fact(gone(), "gone: from sysfs");
	after_rescind();
	return 0;
}

int
main(int argc, char **argv)
{
	int err;

	if (argc != 2)
		return 2;
	alarm(240);             /* whatever a kernel may do */
	err = tg_open(&dev, 0);
	if (err < 0) {
		printf("cannot open: %s\n", strerror(-err));
		return 1;
	}
	snprintf(path, sizeof(path), "/dev/uio%u", dev.uio);
	other = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	fact(other >= 0, "open of a second file");
	fact(read_bytes(other, 4), "read of 4 bytes without an event");
	fact(poll_events(other, POLLIN | POLLOUT, 0), "poll without an event");
	lengths("open");
	maps("open");
	access_modes();
	irqcontrol();
	event();
	err = subchannel();
	if (err < 0) {
		printf("no subchannel: %s\n", strerror(-err));
		return 1;
	}
	irqcontrol();
	return rescinded(argv[1]);
}
