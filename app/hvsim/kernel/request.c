/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What guest processes ask of their kernel (guest_proto.h), message by
 * message. Everything in a message is checked before it is used; a malformed
 * one ends the connection.
 */

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "../core/util.h"
#include "server.h"

/* What kernels without ring_attr_real_size say of every `ring` attribute. */
#define RING_ATTR_OLD_BYTES (4u << 20)

static_assert(sizeof(struct guest_store) < GUEST_PROTO_PAYLOAD_MAX, "a store fits");

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
		server_close(old);
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
		server_answer_status(p, req->msg.op, ret);
		return 0;
	}
	hello_replace(p, &hello);
	if (hello.uio != 0 && hello.uio != (uint32_t)p->pid)
		guest_memory_inherit(p->vm->memory, p->pid, (pid_t)hello.uio);
	p->greeted = true;
	server_answer(p, &reply);
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
	server_answer_status(p, req->msg.op, ret);
	server_close(p);
	return 0;
}

static int
on_attr_refresh(struct kern_process *p, struct request *req)
{
	const char *path = request_path(req);

	if (!path)
		return -EPROTO;
	server_answer_status(p, req->msg.op, tree_attr_refresh(p->vm, path));
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
	server_answer_status(p, req->msg.op, tree_attr_store(p->vm, store.path, data, store.bytes));
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
		server_answer_status(p, req->msg.op, channel ? -ENODEV : -ENOENT);
		return 0;
	}
	body.bytes = channel->ring.bytes;
	if (!p->vm->profile->ring_attr_real_size)
		body.bytes = RING_ATTR_OLD_BYTES;
	reply.fds = &channel->ring.fd;
	server_answer(p, &reply);
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
	device = uio_file_device(p->vm, want.cookie);
	if (!device) {
		server_answer_status(p, req->msg.op, -ENODEV);
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
	server_answer(p, &reply);
	return 0;
}

static int
on_uio_adopt(struct kern_process *p, struct request *req)
{
	uint64_t cookie;
	int ret;

	if (req->payload_bytes != sizeof(cookie))
		return -EPROTO;
	memcpy(&cookie, req->payload, sizeof(cookie));
	ret = uio_adopt(p, cookie);
	if (ret < 0)
		server_answer_status(p, req->msg.op, ret);
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
	[GUEST_UIO_ADOPT] = on_uio_adopt,
	[GUEST_UFFD] = on_uffd,
};

int
request_handle(struct kern_process *p, struct request *req)
{
	uint32_t op = req->msg.op;

	if (op >= ARRAY_SIZE(request_table) || !request_table[op])
		return -EPROTO;
	if (!p->greeted && op != GUEST_HELLO_PROCESS && op != GUEST_HELLO_UIO)
		return -EPROTO;
	return request_table[op](p, req);
}
