/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The socket of a guest: $HVSIM_DIR/sock. Every guest process has one
 * connection here for requests (guest_proto.h); a connection whose first
 * message opens a /dev/uioN is handed to uio.c. Nothing blocks: a guest that
 * does not take its reply loses its connection, and nobody else notices.
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
/* What kernels without ring_attr_real_size say of every `ring` attribute. */
#define RING_ATTR_OLD_BYTES (4u << 20)

struct kern_process {
	struct kern_process *next;
	struct kern_vm *vm;
	int fd;                 /* -1: closed, waiting to be freed */
	pid_t pid;
	bool greeted;           /* it has said GUEST_HELLO_PROCESS */
	bool busy;              /* a message of it is being handled */
	bool unmap_awaited;     /* GUEST_MEM_UNMAP is not answered yet */
};

struct request {
	struct guest_msg msg;
	uint8_t payload[GUEST_PROTO_PAYLOAD_MAX];
	uint32_t payload_bytes;
	int fds[GUEST_PROTO_FDS_MAX];
	uint32_t fd_count;
};

/* Connections are freed when no walk over the list is under way. */
static unsigned int walks;

static_assert(sizeof(struct guest_store) < GUEST_PROTO_PAYLOAD_MAX, "a store fits");

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

static void
connection_close(struct kern_process *p)
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

static void
answer(struct kern_process *p, const struct server_reply *reply)
{
	if (p->fd >= 0 && server_send(p->fd, reply) < 0) {
		log_info("guest %s: process %d: reply not taken, connection dropped",
			p->vm->name, (int)p->pid);
		connection_close(p);
	}
}

static void
answer_status(struct kern_process *p, uint32_t op, int status)
{
	struct server_reply reply = { .op = op, .status = status };

	answer(p, &reply);
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

/* Takes the request's first descriptor out of it; -1 if it has none. */
static int
request_take_fd(struct request *req)
{
	int fd = req->fd_count > 0 ? req->fds[0] : -1;

	if (fd >= 0)
		req->fds[0] = -1;
	return fd;
}

/* The payload as a path, or NULL if it is not one. */
static const char *
request_path(struct request *req)
{
	if (req->payload_bytes == 0 || req->payload_bytes > GUEST_PATH_MAX)
		return NULL;
	if (!memchr(req->payload, 0, req->payload_bytes))
		return NULL;
	return (const char *)req->payload;
}

/* ---- requests; each returns 0, or -EPROTO: the connection is closed ---- */

typedef int (*request_fn)(struct kern_process *p, struct request *req);

static int
hello_check(const struct request *req, struct guest_hello *hello)
{
	if (req->payload_bytes != sizeof(*hello))
		return -EPROTO;
	memcpy(hello, req->payload, sizeof(*hello));
	return hello->version == GUEST_PROTO_VERSION ? 0 : -EPROTONOSUPPORT;
}

/* An exec leaves the new program with the old one's pid, and its hello may
 * arrive before the old connection's end does. */
static void
hello_replace(struct kern_process *p, const struct guest_hello *hello)
{
	for (struct kern_process *old = p->vm->processes; old; old = old->next) {
		if (old == p || !old->greeted || old->pid != p->pid)
			continue;
		if (hello->uio == (uint32_t)p->pid)
			old->greeted = false;   /* a reconnection: it keeps its memory */
		connection_close(old);
	}
}

static int
on_hello_process(struct kern_process *p, struct request *req)
{
	struct guest_hello_reply body = {
		.uio_first = p->vm->uio_first,
		.uio_count = p->vm->uio_count,
		.uio_major = p->vm->uio_major,
	};
	struct server_reply reply = {
		.op = req->msg.op, .payload = &body, .payload_bytes = sizeof(body),
	};
	struct guest_hello hello;
	int ret = hello_check(req, &hello);

	if (ret == -EPROTO || p->greeted)
		return -EPROTO;
	if (ret < 0) {
		answer_status(p, req->msg.op, ret);
		return 0;
	}
	hello_replace(p, &hello);
	if (hello.uio != 0 && hello.uio != (uint32_t)p->pid)
		guest_memory_inherit(p->vm->memory, p->pid, (pid_t)hello.uio);
	p->greeted = true;
	answer(p, &reply);
	return 0;
}

/* What the guest's EAL says decides where the user has not. */
static void
hello_iova(struct kern_vm *vm, const struct guest_hello *hello)
{
	if (vm->iova == IOVA_AUTO && hello->iova_pa <= 1)
		guest_memory_set_pa(vm->memory, hello->iova_pa == 1);
}

static int
on_hello_uio(struct kern_process *p, struct request *req)
{
	struct guest_hello hello;
	int ret = hello_check(req, &hello);

	if (ret == -EPROTO || p->greeted)
		return -EPROTO;
	if (ret == 0) {
		hello_iova(p->vm, &hello);
		guest_memory_prefer(p->vm->memory, p->pid);
		engine_fd_remove(p->fd);
		ret = uio_open(p->vm, p->fd, &hello);
		if (ret == 0) {
			p->fd = -1;     /* it is uio.c's now */
			return 0;
		}
	}
	answer_status(p, req->msg.op, ret);
	connection_close(p);
	return 0;
}

static int
on_attr_refresh(struct kern_process *p, struct request *req)
{
	const char *path = request_path(req);

	if (!path)
		return -EPROTO;
	answer_status(p, req->msg.op, tree_attr_refresh(p->vm, path));
	return 0;
}

static int
on_attr_store(struct kern_process *p, struct request *req)
{
	struct guest_store store;
	const char *data = (const char *)req->payload + sizeof(store);

	if (req->payload_bytes < sizeof(store))
		return -EPROTO;
	memcpy(&store, req->payload, sizeof(store));
	if (!memchr(store.path, 0, sizeof(store.path)) ||
			store.bytes != req->payload_bytes - sizeof(store))
		return -EPROTO;
	answer_status(p, req->msg.op, tree_attr_store(p->vm, store.path, data, store.bytes));
	return 0;
}

static int
on_ring_open(struct kern_process *p, struct request *req)
{
	const char *path = request_path(req);
	struct hv_channel *channel;
	struct guest_ring_reply body = { .mode = 0600 };
	struct server_reply reply = {
		.op = req->msg.op, .payload = &body, .payload_bytes = sizeof(body), .fd_count = 1,
	};

	if (!path)
		return -EPROTO;
	channel = kern_ring_by_path(p->vm, path);
	if (!channel || channel->state != KERN_CHANNEL_OPEN) {
		answer_status(p, req->msg.op, channel ? -ENODEV : -ENOENT);
		return 0;
	}
	body.bytes = channel->ring.bytes;
	if (!p->vm->profile->ring_attr_real_size)
		body.bytes = RING_ATTR_OLD_BYTES;
	reply.fds = &channel->ring.fd;
	answer(p, &reply);
	return 0;
}

static int
on_mem_map(struct kern_process *p, struct request *req)
{
	struct guest_mem mem;
	int fd = request_take_fd(req);

	if (req->payload_bytes == sizeof(mem)) {
		memcpy(&mem, req->payload, sizeof(mem));
		guest_memory_map(p->vm->memory, p->pid, &mem, fd);
		return 0;
	}
	if (fd >= 0)
		close(fd);
	return -EPROTO;
}

static int
on_mem_unmap(struct kern_process *p, struct request *req)
{
	struct guest_mem mem;

	if (req->payload_bytes != sizeof(mem))
		return -EPROTO;
	memcpy(&mem, req->payload, sizeof(mem));
	/* Answered by server_memory_released(). */
	p->unmap_awaited = true;
	guest_memory_unmap(p->vm->memory, p->pid, &mem);
	return 0;
}

static int
on_channels(struct kern_process *p, struct request *req)
{
	struct guest_channels_request want;
	struct guest_channels body = { 0 };
	int fds[GUEST_CHANNELS_PER_REPLY];
	struct server_reply reply = {
		.op = req->msg.op, .payload = &body, .payload_bytes = sizeof(body), .fds = fds,
	};
	struct kern_device *device;

	if (req->payload_bytes != sizeof(want))
		return -EPROTO;
	memcpy(&want, req->payload, sizeof(want));
	device = kern_device_by_uio(p->vm, want.uio);
	if (!device) {
		answer_status(p, req->msg.op, -ENODEV);
		return 0;
	}
	body.epoch = uio_channel_epoch(device);
	body.first = want.first;
	for (struct hv_channel *c = device->channels; c; c = c->next) {
		if (c->state != KERN_CHANNEL_OPEN)
			continue;
		if (body.total++ < want.first || body.count == GUEST_CHANNELS_PER_REPLY)
			continue;
		fds[body.count] = c->ring.fd;
		body.ring_bytes[body.count++] = c->ring.bytes;
	}
	reply.fd_count = body.count;
	answer(p, &reply);
	return 0;
}

static int
on_uffd(struct kern_process *p, struct request *req)
{
	struct guest_uffd where;

	if (req->payload_bytes != sizeof(where))
		return -EPROTO;
	memcpy(&where, req->payload, sizeof(where));
	idle_watch(p->vm, p->pid, &where, request_take_fd(req));
	return 0;
}

static const request_fn request_table[] = {
	[GUEST_HELLO_PROCESS] = on_hello_process,
	[GUEST_HELLO_UIO] = on_hello_uio,
	[GUEST_ATTR_REFRESH] = on_attr_refresh,
	[GUEST_ATTR_STORE] = on_attr_store,
	[GUEST_RING_OPEN] = on_ring_open,
	[GUEST_MEM_MAP] = on_mem_map,
	[GUEST_MEM_UNMAP] = on_mem_unmap,
	[GUEST_CHANNELS] = on_channels,
	[GUEST_UFFD] = on_uffd,
};

static int
request_handle(struct kern_process *p, struct request *req)
{
	uint32_t op = req->msg.op;

	if (op >= ARRAY_SIZE(request_table) || !request_table[op])
		return -EPROTO;
	if (!p->greeted && op != GUEST_HELLO_PROCESS && op != GUEST_HELLO_UIO)
		return -EPROTO;
	return request_table[op](p, req);
}

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
			connection_close(p);
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
		answer_status(p, GUEST_MEM_UNMAP, 0);
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
		connection_close(p);
	walk_end(vm);
}
