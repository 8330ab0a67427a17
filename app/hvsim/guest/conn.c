/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The connection of this process to hvsim, made on first use. Every wait has
 * a bound: where hvsim is gone or stopped, the program gets an error, as from
 * a device that vanished, and never hangs.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "guest.h"

#define WAIT_S 5
#define SEND_TRIES 1000

static struct {
	int fd;                         /* hidden; -1: none */
	pid_t pid;                      /* of the process that made it */
	bool known;                     /* hello was answered once */
	struct guest_hello_reply hello;
} conn = { .fd = -1 };

/* ---- one message ---- */

union control {
	char bytes[CMSG_SPACE(GUEST_PROTO_FDS_MAX * sizeof(int))];
	struct cmsghdr align;
};

static void
iovec_set(struct iovec *iov, const void *data, size_t bytes)
{
	memcpy(&iov->iov_base, &data, sizeof(data));
	iov->iov_len = bytes;
}

static int
message_send(int fd, const struct conn_message *message)
{
	struct guest_msg msg = {
		.op = message->op,
		.payload_bytes = message->payload_bytes + message->data_bytes,
		.fds = message->fd >= 0,
	};
	struct iovec iov[3];
	union control control;
	struct msghdr mh = { .msg_iov = iov, .msg_iovlen = 3 };

	iovec_set(&iov[0], &msg, sizeof(msg));
	iovec_set(&iov[1], message->payload, message->payload_bytes);
	iovec_set(&iov[2], message->data, message->data_bytes);
	if (message->fd >= 0) {
		memset(&control, 0, sizeof(control));
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.align), &message->fd, sizeof(int));
		mh.msg_control = &control;
		mh.msg_controllen = CMSG_SPACE(sizeof(int));
	}
	for (int tries = 0; sendmsg(fd, &mh, MSG_NOSIGNAL) < 0; tries++) {
		/* ETOOMANYREFS: an ordinary user's descriptors are still on their way. */
		if ((errno != EINTR && errno != ETOOMANYREFS) || tries == SEND_TRIES)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		usleep(errno == EINTR ? 0 : 1000);
	}
	return 0;
}

static void
reply_fds(struct conn_reply *reply, struct msghdr *mh)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(mh); c; c = CMSG_NXTHDR(mh, c)) {
		size_t count;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		if (count > GUEST_PROTO_FDS_MAX - reply->fd_count)
			count = GUEST_PROTO_FDS_MAX - reply->fd_count;
		memcpy(&reply->fds[reply->fd_count], CMSG_DATA(c), count * sizeof(int));
		reply->fd_count += (uint32_t)count;
	}
}

static int
reply_receive(int fd, uint32_t op, struct conn_reply *reply)
{
	struct guest_msg msg;
	struct iovec iov[2] = {
		{ .iov_base = &msg, .iov_len = sizeof(msg) },
		{ .iov_base = &reply->body, .iov_len = sizeof(reply->body) },
	};
	union control control;
	struct msghdr mh = {
		.msg_iov = iov,
		.msg_iovlen = 2,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t bytes;

	memset(reply, 0, sizeof(*reply));
	do
		bytes = recvmsg(fd, &mh, MSG_CMSG_CLOEXEC);
	while (bytes < 0 && errno == EINTR);
	if (bytes < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	if (bytes < (ssize_t)sizeof(msg))
		return -EPIPE;
	reply_fds(reply, &mh);
	reply->bytes = (uint32_t)bytes - (uint32_t)sizeof(msg);
	reply->status = msg.status;
	return msg.op == op ? 0 : -EPROTO;
}

/* Returns 0 if there was a reply, whatever its status. */
static int
exchange(int fd, const struct conn_message *message, struct conn_reply *reply)
{
	int ret = message_send(fd, message);

	reply->fd_count = 0;
	if (ret == 0)
		ret = reply_receive(fd, message->op, reply);
	if (ret < 0)
		conn_reply_close(reply);
	return ret;
}

int
conn_exchange(int fd, const struct conn_message *message, struct conn_reply *reply)
{
	int ret = exchange(fd, message, reply);

	return ret < 0 ? ret : reply->status;
}

void
conn_reply_close(struct conn_reply *reply)
{
	for (uint32_t i = 0; i < reply->fd_count; i++)
		if (reply->fds[i] >= 0)
			real.close(reply->fds[i]);
	reply->fd_count = 0;
}

/* ---- connections ---- */

int
conn_socket(void)
{
	struct timeval wait = { .tv_sec = WAIT_S };
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	/* First, so that it has the lowest free number, as open() promises. */
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	int dir, ret = 0;

	if (fd < 0)
		return -errno;
	dir = guest_dir_open();
	/* The folder's own path may be longer than an address holds. */
	snprintf(addr.sun_path, sizeof(addr.sun_path), "/proc/self/fd/%d/sock", dir);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	if (dir < 0)
		ret = dir;
	else if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		ret = -errno;
	if (dir >= 0)
		real.close(dir);
	if (ret < 0)
		real.close(fd);
	return ret < 0 ? ret : fd;
}

/* Lets hvsim read memory that is not shared, where Yama asks for consent. */
static void
tracer_set(int fd)
{
	struct ucred peer;
	socklen_t bytes = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) < 0)
		return;
	prctl(PR_SET_PTRACER, (unsigned long)peer.pid, 0, 0, 0);
}

/* `heir_of` is the process whose memory hvsim is to know this one by. */
static int
conn_open(pid_t heir_of)
{
	struct guest_hello hello = {
		.version = GUEST_PROTO_VERSION,
		.uio = (uint32_t)heir_of,
		.iova_pa = 2,
		.page_bytes = (uint32_t)sysconf(_SC_PAGESIZE),
	};
	struct conn_message message = {
		.op = GUEST_HELLO_PROCESS, .payload = &hello, .payload_bytes = sizeof(hello), .fd = -1,
	};
	struct conn_reply reply;
	int fd = conn_socket();
	int ret;

	if (fd < 0)
		return fd;
	ret = conn_exchange(fd, &message, &reply);
	if (ret < 0) {
		real.close(fd);
		return ret;
	}
	conn_reply_close(&reply);
	conn.hello = reply.body.hello;
	conn.known = true;
	conn.pid = getpid();
	tracer_set(fd);
	return fds_hide(&conn.fd, fd);
}

/* After an error nobody knows what the next reply would belong to. */
static void
conn_broken(void)
{
	fds_hidden_close(&conn.fd);
}

/* hvsim has closed it, or is gone. */
static bool
conn_ended(int fd)
{
	char byte;
	ssize_t bytes = recv(fd, &byte, sizeof(byte), MSG_PEEK | MSG_DONTWAIT);

	return bytes == 0 || (bytes < 0 && errno != EAGAIN && errno != EINTR);
}

/* Without a reply, on the connection that there is. */
static int
tell(const struct conn_message *message)
{
	int ret = message_send(conn.fd, message);

	if (ret < 0)
		conn_broken();
	return ret;
}

static int
conn_ensure(void)
{
	bool again = conn.known;
	int ret;

	if (conn.fd >= 0)
		return 0;
	/* A host that has not been away keeps what it was told. */
	ret = conn_open(conn.pid == getpid() ? conn.pid : 0);
	if (ret == 0 && again)
		ret = maps_tell_again(tell);
	return ret;
}

int
conn_request(const struct conn_message *message, struct conn_reply *reply)
{
	bool old = conn.fd >= 0;
	int ret = conn_ensure();

	reply->fd_count = 0;
	if (ret < 0)
		return ret;
	ret = exchange(conn.fd, message, reply);
	if (ret < 0)
		conn_broken();
	/* hvsim may have been started anew since the last request. */
	if (ret < 0 && old && ret != -ETIMEDOUT && conn_ensure() == 0) {
		ret = exchange(conn.fd, message, reply);
		if (ret < 0)
			conn_broken();
	}
	return ret < 0 ? ret : reply->status;
}

int
conn_tell(const struct conn_message *message)
{
	bool old = conn.fd >= 0;
	int ret = conn_ensure();

	if (ret == 0)
		ret = tell(message);
	if (ret < 0 && old && ret != -ETIMEDOUT && conn_ensure() == 0)
		ret = tell(message);
	return ret;
}

int
conn_path_request(uint32_t op, const char *path, struct conn_reply *reply)
{
	struct conn_message message = {
		.op = op, .payload = path, .payload_bytes = (uint32_t)strlen(path) + 1, .fd = -1,
	};
	int ret;

	guest_lock();
	ret = conn_request(&message, reply);
	guest_unlock();
	return ret;
}

int
conn_hello(struct guest_hello_reply *hello)
{
	int ret = 0;

	guest_lock();
	if (!conn.known)
		ret = conn_ensure();
	*hello = conn.hello;
	guest_unlock();
	return ret;
}

int
conn_current(void)
{
	int ret;

	guest_lock();
	if (conn.fd >= 0 && conn_ended(conn.fd))
		conn_broken();
	ret = conn_ensure();
	guest_unlock();
	return ret;
}

void
conn_forked(bool connect_now)
{
	static int parents_fd;

	if (conn.fd < 0)
		return;
	/* Until this child has connected, its copy of the parent's connection
	 * keeps the memory of the parent known, should that exit. */
	fds_hidden_rename(&conn.fd, &parents_fd);
	/* Where the parent's host is gone, a new one knows nothing of the parent. */
	if (connect_now && conn_open(conn.pid) == 0 && conn_ended(parents_fd))
		maps_tell_again(tell);
	fds_hidden_close(&parents_fd);
}
