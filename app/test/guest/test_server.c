/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The socket of a guest, spoken to by hand: what a wrong or unlucky guest
 * process can do to hvsim, which is nothing.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/util.h"
#include "guest/guest_proto.h"
#include "guest_host.h"

/* In the child: no cmocka there. */
#define CHECK(condition) do { \
	if (!(condition)) { \
		fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
		_exit(1); \
	} \
} while (0)

#define CLOSED (-1000)
/* By which every uio device is opened here. */
#define COOKIE 4711u

/* ---- the guest's end ---- */

static int
connected(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct timeval wait = { .tv_sec = 10 };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%.90s/sock", host_dir());
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	CHECK(connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0);
	return fd;
}

struct message {
	uint32_t op;
	const void *payload;
	uint32_t bytes;
	uint32_t bytes_said;    /* in the header */
	int fd;                 /* -1: none */
};

static void
message_send(int fd, const struct message *m)
{
	struct guest_msg msg = { .op = m->op, .payload_bytes = m->bytes_said };
	uint8_t buf[sizeof(msg) + GUEST_PROTO_PAYLOAD_MAX + 64] = { 0 };
	struct iovec iov = { buf, sizeof(msg) + m->bytes };
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };

	memcpy(buf, &msg, sizeof(msg));
	if (m->bytes > 0)
		memcpy(buf + sizeof(msg), m->payload, m->bytes);
	if (m->fd >= 0) {
		mh.msg_control = control.bytes;
		mh.msg_controllen = sizeof(control.bytes);
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.align), &m->fd, sizeof(int));
	}
	CHECK(sendmsg(fd, &mh, MSG_NOSIGNAL) > 0);
}

/* The reply's status, or CLOSED. */
static int
reply_status(int fd)
{
	uint8_t buf[1024];
	struct guest_msg msg;
	ssize_t bytes = recv(fd, buf, sizeof(buf), 0);

	if (bytes == 0 || (bytes < 0 && errno == ECONNRESET))
		return CLOSED;
	CHECK(bytes >= (ssize_t)sizeof(msg));
	memcpy(&msg, buf, sizeof(msg));
	return msg.status;
}

static int
exchange(int fd, uint32_t op, const void *payload, uint32_t bytes)
{
	struct message m = { op, payload, bytes, bytes, -1 };

	message_send(fd, &m);
	return reply_status(fd);
}

static int
hello(int fd, uint32_t op, uint32_t uio, uint32_t version)
{
	struct guest_hello body = { .version = version, .uio = uio, .iova_pa = 2,
		.cookie = COOKIE };

	return exchange(fd, op, &body, sizeof(body));
}

static int
greeted(void)
{
	int fd = connected();

	CHECK(hello(fd, GUEST_HELLO_PROCESS, 0, GUEST_PROTO_VERSION) == 0);
	return fd;
}

static struct host_reply
ask(uint64_t op, uint64_t arg)
{
	struct host_request req = { op, arg };
	struct host_reply reply;

	CHECK(send(HOST_FD, &req, sizeof(req), 0) == sizeof(req));
	CHECK(recv(HOST_FD, &reply, sizeof(reply), 0) == sizeof(reply));
	return reply;
}

/* ---- cases, run in the child ---- */

static void
in_another_version_is_refused(void)
{
	CHECK(hello(connected(), GUEST_HELLO_PROCESS, 0, GUEST_PROTO_VERSION + 1) ==
		-EPROTONOSUPPORT);
	CHECK(hello(connected(), GUEST_HELLO_UIO, host_uio(), GUEST_PROTO_VERSION + 1) ==
		-EPROTONOSUPPORT);
}

static void
without_hello_is_cut_off(void)
{
	static const char path[] = "/sys/bus/vmbus/devices";

	for (uint32_t op = GUEST_ATTR_REFRESH; op <= GUEST_UFFD; op++)
		CHECK(exchange(connected(), op, path, sizeof(path)) == CLOSED);
}

static void
with_malformed_messages_is_cut_off(void)
{
	static uint8_t junk[GUEST_PROTO_PAYLOAD_MAX + 32];
	static const struct message wrong[] = {
		{ 0, NULL, 0, 0, -1 },
		{ 999, NULL, 0, 0, -1 },
		{ GUEST_HELLO_PROCESS, junk, 16, 16, -1 },      /* twice */
		{ GUEST_ATTR_REFRESH, NULL, 0, 0, -1 },
		{ GUEST_ATTR_REFRESH, junk, 64, 64, -1 },       /* no end */
		{ GUEST_ATTR_REFRESH, "/sys", 5, 6, -1 },
		{ GUEST_ATTR_REFRESH, "/sys", 5, 4, -1 },
		{ GUEST_ATTR_STORE, junk, 64, 64, -1 },
		{ GUEST_ATTR_STORE, junk, 2000, 2000, -1 },     /* path without an end */
		{ GUEST_RING_OPEN, NULL, 0, 0, -1 },
		{ GUEST_MEM_MAP, junk, 8, 8, -1 },
		{ GUEST_MEM_UNMAP, junk, 8, 8, -1 },
		{ GUEST_CHANNELS, junk, 4, 4, -1 },
		{ GUEST_UFFD, junk, 4, 4, -1 },
		{ GUEST_ATTR_REFRESH, junk, sizeof(junk), sizeof(junk), -1 },
	};

	memset(junk, 'x', sizeof(junk));
	for (unsigned int i = 0; i < ARRAY_SIZE(wrong); i++) {
		int fd = greeted();

		message_send(fd, &wrong[i]);
		CHECK(reply_status(fd) == CLOSED);
		close(fd);
	}
}

static void
asking_for_what_is_not_there_gets_an_error(void)
{
	struct guest_channels_request want = { .cookie = COOKIE + 1 };
	static const char path[] = "/sys/bus/vmbus/devices/none/channels/1/ring";
	int fd = greeted();

	CHECK(hello(connected(), GUEST_HELLO_UIO, 9999, GUEST_PROTO_VERSION) == -ENODEV);
	CHECK(exchange(fd, GUEST_CHANNELS, &want, sizeof(want)) == -ENODEV);
	CHECK(exchange(fd, GUEST_RING_OPEN, path, sizeof(path)) == -ENOENT);
	CHECK(hello(connected(), GUEST_HELLO_UIO, host_uio(), GUEST_PROTO_VERSION) == 0);
	CHECK(exchange(fd, GUEST_CHANNELS, &want, sizeof(want)) == -ENODEV);
	want.cookie = COOKIE;
	want.first = UINT32_MAX;
	CHECK(exchange(fd, GUEST_CHANNELS, &want, sizeof(want)) == 0);
}

static void
that_takes_no_replies_blocks_nobody(void)
{
	static const char path[] = "/sys/bus/vmbus/nothing";
	struct message m = { GUEST_ATTR_REFRESH, path, sizeof(path), sizeof(path), -1 };
	int deaf = greeted(), other = greeted();
	struct guest_msg msg = { .op = m.op, .payload_bytes = m.bytes };
	uint8_t buf[sizeof(msg) + sizeof(path)];

	memcpy(buf, &msg, sizeof(msg));
	memcpy(buf + sizeof(msg), path, sizeof(path));
	/* Two connections of one process: the second hello ended the first. */
	CHECK(reply_status(deaf) == CLOSED);
	deaf = connected();
	CHECK(hello(deaf, GUEST_HELLO_PROCESS, (uint32_t)getpid(), GUEST_PROTO_VERSION) == 0);
	(void)other;
	for (int i = 0; i < 100000; i++) {
		CHECK(i < 99999);
		if (send(deaf, buf, sizeof(buf), MSG_NOSIGNAL) < 0)
			break;          /* cut off */
		if (i % 100 == 0)
			CHECK(hello(connected(), GUEST_HELLO_UIO, 9999, GUEST_PROTO_VERSION) ==
				-ENODEV);
	}
	CHECK(ask(HOST_STATE, 0).a == 0);
}

static void
memory_tell(int sock, uint64_t address, uint64_t bytes, int fd)
{
	struct guest_mem mem = { .address = address, .bytes = bytes };
	struct message m = { GUEST_MEM_MAP, &mem, sizeof(mem), sizeof(mem), fd };

	message_send(sock, &m);
}

static void
that_tells_of_strange_memory_is_not_believed(void)
{
	int fd = greeted(), file = open("/proc/self/exe", O_RDONLY), memory;

	memory = memfd_create("m", 0);
	CHECK(ftruncate(memory, 8192) == 0);
	memory_tell(fd, 0x10000, 4096, open("/dev/zero", O_RDWR));
	memory_tell(fd, 0x10000, 4096, file);
	memory_tell(fd, 0x10000, 4096, fd);
	memory_tell(fd, 0x10001, 4096, memory);
	memory_tell(fd, 0x10000, 0, memory);
	memory_tell(fd, UINT64_MAX - 4095, 4096, memory);
	memory_tell(fd, 0x10000, UINT64_MAX - 4095, memory);
	memory_tell(fd, 0x10000, 4096, -1);
	CHECK(ask(HOST_PAGE, 0x10000).a == 0);
	/* More than the file has: known as far as it reaches. */
	memory_tell(fd, 0x10000, 1 << 30, memory);
	CHECK(ask(HOST_PAGE, 0x11000).b == 1 && ask(HOST_PAGE, 0x12000).a == 0);
}

/* exec: the new program's hello arrives before the old connection's end. */
static void
that_execs_is_not_confused_with_its_past(void)
{
	int old = greeted(), young, memory = memfd_create("m", 0);

	CHECK(ftruncate(memory, 4096) == 0);
	memory_tell(old, 0x10000, 4096, memory);
	CHECK(ask(HOST_PAGE, 0x10000).b == 1);
	young = greeted();
	CHECK(ask(HOST_PAGE, 0x10000).a == 0);
	memory_tell(young, 0x20000, 4096, memory);
	CHECK(ask(HOST_PAGE, 0x20000).b == 1);
	close(old);
	for (int i = 0; i < 100; i++)
		CHECK(ask(HOST_PAGE, 0x20000).b == 1);
	/* A process that lost its connection keeps what it told. */
	old = young;
	young = connected();
	CHECK(hello(young, GUEST_HELLO_PROCESS, (uint32_t)getpid(), GUEST_PROTO_VERSION) == 0);
	CHECK(ask(HOST_PAGE, 0x20000).b == 1);
	close(young);
	for (int i = 0; i < 10000 && ask(HOST_PAGE, 0x20000).a; i++)
		;
	CHECK(ask(HOST_PAGE, 0x20000).a == 0);
}

static void
that_floods_kicks_and_dies_leaves_nothing_open(void)
{
	int fd = connected();
	uint8_t junk[64] = { 1 };

	CHECK(hello(fd, GUEST_HELLO_UIO, host_uio(), GUEST_PROTO_VERSION) == 0);
	CHECK(ask(HOST_STATE, 0).a == 1);
	for (unsigned int i = 0; i < 100000; i++)
		if (send(fd, junk, 1 + i % sizeof(junk), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
			CHECK(errno == EAGAIN);
	for (unsigned int i = 0; i < 10000; i++)
		ask(HOST_INTERRUPT, 0);
	close(fd);
	for (int i = 0; i < 100000 && ask(HOST_STATE, 0).a; i++)
		;
	CHECK(ask(HOST_STATE, 0).a == 0);
}

/* ---- the tests ---- */

static void
run_child(void *arg)
{
	void (*run)(void);

	memcpy(&run, arg, sizeof(run));
	run();
}

static void
run_case(void **state)
{
	host_start("", "");
	assert_int_equal(host_serve(run_child, state), 0);
	host_stop();
}

#define CASE(run) { "a_guest_" #run, run_case, NULL, NULL, (void *)run }

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(in_another_version_is_refused),
		CASE(without_hello_is_cut_off),
		CASE(with_malformed_messages_is_cut_off),
		CASE(asking_for_what_is_not_there_gets_an_error),
		CASE(that_takes_no_replies_blocks_nobody),
		CASE(that_tells_of_strange_memory_is_not_believed),
		CASE(that_execs_is_not_confused_with_its_past),
		CASE(that_floods_kicks_and_dies_leaves_nothing_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
