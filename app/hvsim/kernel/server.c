/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The socket of a guest: $HVSIM_DIR/sock. Every guest process has one
 * connection here for requests (request.c); a connection whose first message
 * opens a /dev/uioN is handed to uio.c. Nothing blocks: a guest that does not
 * take its reply loses its connection, and nobody else notices.
 */

#include "server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../core/log.h"
#include "../core/util.h"

#define ACCEPTS_PER_CALL 16u
#define MESSAGES_PER_CALL 32u
#define MESSAGES_PER_DRAIN 4096u
#define CONNECTIONS_MAX 1024u

/* Connections are freed when no walk over the list is under way. */
static unsigned int walks;

/* ---- connections ---- */

static unsigned int
connection_count(const struct kern_vm *vm)
{
	unsigned int count = 0;

	for (const struct kern_process *p = vm->processes; p; p = p->next)
		count += p->fd >= 0;
	return count;
}

static void
connection_reap(struct kern_vm *vm)
{
	struct kern_process **link = &vm->processes;

	while (*link) {
		struct kern_process *p = *link;

		if (p->fd >= 0) {
			link = &p->next;
			continue;
		}
		*link = p->next;
		free(p);
	}
}

static void
walk_end(struct kern_vm *vm)
{
	if (--walks == 0)
		connection_reap(vm);
}

void
server_close(struct kern_process *p)
{
	if (p->fd < 0)
		return;
	engine_fd_remove(p->fd);
	close(p->fd);
	p->fd = -1;
	if (!p->greeted)
		return;
	p->greeted = false;
	guest_memory_process_gone(p->vm->memory, p->pid);
	idle_process_gone(p->vm, p->pid);
}

/* ---- messages ---- */

int
server_send(int fd, const struct server_reply *reply)
{
	struct guest_msg msg = {
		.op = reply->op,
		.status = reply->status,
		.payload_bytes = reply->payload_bytes,
		.fds = reply->fd_count,
	};
	struct iovec iov[2] = {
		{ .iov_base = &msg, .iov_len = sizeof(msg) },
		{ .iov_len = reply->payload_bytes },
	};
	union {
		char bytes[CMSG_SPACE(GUEST_PROTO_FDS_MAX * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct msghdr mh = { .msg_iov = iov, .msg_iovlen = reply->payload_bytes ? 2 : 1 };
	size_t fd_bytes = reply->fd_count * sizeof(int);

	memcpy(&iov[1].iov_base, &reply->payload, sizeof(iov[1].iov_base));
	if (reply->fd_count > 0) {
		memset(&control, 0, sizeof(control));
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(fd_bytes);
		memcpy(CMSG_DATA(&control.align), reply->fds, fd_bytes);
		mh.msg_control = &control;
		mh.msg_controllen = CMSG_SPACE(fd_bytes);
	}
	return sendmsg(fd, &mh, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

void
server_answer(struct kern_process *p, const struct server_reply *reply)
{
	if (p->fd >= 0 && server_send(p->fd, reply) < 0) {
		log_info("guest %s: process %d: reply not taken, connection dropped",
			p->vm->name, (int)p->pid);
		server_close(p);
	}
}

void
server_answer_status(struct kern_process *p, uint32_t op, int status)
{
	struct server_reply reply = { .op = op, .status = status };

	server_answer(p, &reply);
}

static void
request_fds(struct request *req, struct msghdr *mh)
{
	req->fd_count = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(mh); c; c = CMSG_NXTHDR(mh, c)) {
		size_t count;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		count = HV_MIN(count, GUEST_PROTO_FDS_MAX - req->fd_count);
		memcpy(&req->fds[req->fd_count], CMSG_DATA(c), count * sizeof(int));
		req->fd_count += (uint32_t)count;
	}
}

/* Returns 1 with a message, 0 if there is none now, -errno if there never will
 * be a good one again. */
static int
request_read(int fd, struct request *req)
{
	struct iovec iov[2] = {
		{ .iov_base = &req->msg, .iov_len = sizeof(req->msg) },
		{ .iov_base = req->payload, .iov_len = sizeof(req->payload) },
	};
	union {
		char bytes[CMSG_SPACE(GUEST_PROTO_FDS_MAX * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct msghdr mh = {
		.msg_iov = iov,
		.msg_iovlen = 2,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t bytes = recvmsg(fd, &mh, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	req->fd_count = 0;
	if (bytes < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (bytes == 0)
		return -EPIPE;
	request_fds(req, &mh);
	if ((mh.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) || bytes < (ssize_t)sizeof(req->msg))
		return -EPROTO;
	req->payload_bytes = (uint32_t)bytes - (uint32_t)sizeof(req->msg);
	if (req->msg.payload_bytes != req->payload_bytes)
		return -EPROTO;
	return 1;
}

static void
request_done(struct request *req)
{
	for (uint32_t i = 0; i < req->fd_count; i++)
		if (req->fds[i] >= 0)
			close(req->fds[i]);
}

/* ---- serving ---- */

/* Handles up to `budget` messages of one connection. */
static void
connection_serve(struct kern_process *p, unsigned int budget)
{
	struct request req;

	p->busy = true;
	while (budget-- > 0 && p->fd >= 0) {
		int ret = request_read(p->fd, &req);

		if (ret > 0) {
			ret = request_handle(p, &req);
			if (ret == -EPROTO)
				log_info("guest %s: process %d: connection dropped at op %u",
					p->vm->name, (int)p->pid, req.msg.op);
		} else if (ret == 0) {
			break;
		}
		request_done(&req);
		if (ret < 0)
			server_close(p);
	}
	p->busy = false;
}

static void
connection_ready(void *arg, uint32_t events)
{
	struct kern_process *p = arg;
	struct kern_vm *vm = p->vm;

	(void)events;
	walks++;
	connection_serve(p, MESSAGES_PER_CALL);
	walk_end(vm);
}

void
server_drain(struct kern_vm *vm)
{
	walks++;
	for (struct kern_process *p = vm->processes; p; p = p->next)
		if (p->greeted && !p->busy)
			connection_serve(p, MESSAGES_PER_DRAIN);
	walk_end(vm);
}

void
server_memory_released(struct kern_vm *vm, pid_t pid)
{
	walks++;
	for (struct kern_process *p = vm->processes; p; p = p->next) {
		if (p->pid != pid || !p->unmap_awaited)
			continue;
		p->unmap_awaited = false;
		server_answer_status(p, GUEST_MEM_UNMAP, 0);
	}
	walk_end(vm);
}

/* ---- the listener ---- */

static int
peer_allowed(int fd, struct ucred *cred)
{
	socklen_t bytes = sizeof(*cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, cred, &bytes) < 0)
		return -errno;
	return cred->uid == 0 || cred->uid == geteuid() ? 0 : -EPERM;
}

static int
connection_add(struct kern_vm *vm, int fd)
{
	struct kern_process *p;
	struct ucred cred;
	int ret = peer_allowed(fd, &cred);

	if (ret < 0)
		return ret;
	if (connection_count(vm) >= CONNECTIONS_MAX)
		return -EMFILE;
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->vm = vm;
	p->fd = fd;
	p->pid = cred.pid;
	ret = engine_fd_add(fd, EPOLLIN, connection_ready, p);
	if (ret < 0) {
		free(p);
		return ret;
	}
	p->next = vm->processes;
	vm->processes = p;
	return 0;
}

static void
listener_ready(void *arg, uint32_t events)
{
	struct kern_vm *vm = arg;

	(void)events;
	for (unsigned int i = 0; i < ACCEPTS_PER_CALL; i++) {
		int fd = accept4(vm->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		int ret;

		if (fd < 0)
			return;
		ret = connection_add(vm, fd);
		if (ret == 0)
			continue;
		log_warning("guest %s: connection refused: %s", vm->name, strerror(-ret));
		close(fd);
	}
}

/* The guest's folder may be deeper than a socket address is long. */
static int
listener_bind(int fd, const char *dir)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int ret;

	if (dir_fd < 0)
		return -errno;
	unlinkat(dir_fd, "sock", 0);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "/proc/self/fd/%d/sock", dir_fd);
	ret = bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ? -errno : 0;
	if (ret == 0 && listen(fd, 128) < 0)
		ret = -errno;
	close(dir_fd);
	return ret;
}

int
server_start(struct kern_vm *vm)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int ret;

	vm->listen_fd = -1;
	if (fd < 0)
		return -errno;
	ret = listener_bind(fd, vm->dir);
	if (ret == 0)
		ret = engine_fd_add(fd, EPOLLIN, listener_ready, vm);
	if (ret < 0) {
		log_error("guest %s: %s/sock: %s", vm->name, vm->dir, strerror(-ret));
		close(fd);
		return ret;
	}
	vm->listen_fd = fd;
	return 0;
}

void
server_stop(struct kern_vm *vm)
{
	int dir_fd;

	if (vm->listen_fd >= 0) {
		engine_fd_remove(vm->listen_fd);
		close(vm->listen_fd);
		vm->listen_fd = -1;
		dir_fd = open(vm->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (dir_fd >= 0) {
			unlinkat(dir_fd, "sock", 0);
			close(dir_fd);
		}
	}
	uio_close_all(vm);
	walks++;
	for (struct kern_process *p = vm->processes; p; p = p->next)
		server_close(p);
	walk_end(vm);
}
