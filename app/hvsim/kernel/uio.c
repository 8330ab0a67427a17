/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Open files of /dev/uioN. Each is one connection, which lives as long as any
 * descriptor or mapping of the file in any guest process: its end is the
 * kernel's release(). Events are counted in a page shared with the guest, and
 * at most one kick is on its way, so a guest that does not read costs nothing.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../../drivers/bus/vmbus/uio_layout.h"
#include "../core/log.h"
#include "../core/util.h"
#include "server.h"

#define KICKS_PER_CALL 16u
#define UIO_PAGE_BYTES 4096u

struct uio_file {
	struct uio_file *next;          /* of the device */
	struct uio_file *next_open;     /* of all guests */
	struct kern_vm *vm;
	struct kern_device *device;
	int fd;
	uint32_t number;                /* of /dev/uioN when it was opened */
	uint64_t cookie;                /* what the guest calls it after an exec */
	struct shm page;
	struct guest_uio_page *shared;
};

static struct uio_file *open_list;
static uint32_t last_epoch;

static_assert(GUEST_UIO_MAPS == UIO_MAP_COUNT, "maps of a NIC");
static_assert(GUEST_UIO_MAPS + 1 <= GUEST_PROTO_FDS_MAX, "descriptors of a hello");

static void
file_unlink(struct uio_file *file)
{
	struct uio_file **link;

	for (link = &file->device->files; *link; link = &(*link)->next)
		if (*link == file) {
			*link = file->next;
			break;
		}
	for (link = &open_list; *link; link = &(*link)->next_open)
		if (*link == file) {
			*link = file->next_open;
			break;
		}
}

static void
file_close(struct uio_file *file)
{
	engine_fd_remove(file->fd);
	close(file->fd);
	file_unlink(file);
	kern_device_release(file->device);
	shm_destroy(&file->page);
	free(file);
}

static void
file_ready(void *arg, uint32_t events)
{
	struct uio_file *file = arg;
	struct kern_device *device = file->device;

	(void)events;
	for (unsigned int i = 0; i < KICKS_PER_CALL; i++) {
		uint8_t enable = 0;
		ssize_t bytes = recv(file->fd, &enable, sizeof(enable), MSG_DONTWAIT);

		if (bytes < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (bytes <= 0) {
			file_close(file);
			return;
		}
		if (!device->gone)
			kern_device_kicked(device, enable != 0);
	}
}

/* The memory behind each map, in order of enum uio_map. */
static void
file_maps(const struct kern_device *device, const struct shm *maps[GUEST_UIO_MAPS])
{
	maps[UIO_MAP_RINGS] = &device->primary->ring;
	maps[UIO_MAP_INT_PAGE] = &device->vm->int_page;
	maps[UIO_MAP_MONITOR_PAGE] = &device->vm->monitor_page;
	maps[UIO_MAP_RECV_BUFFER] = &device->recv;
	maps[UIO_MAP_SEND_BUFFER] = &device->send;
}

/* What a process needs to use the file. */
struct greeting {
	struct guest_uio_reply body;
	int fds[GUEST_UIO_MAPS + 1];
	struct server_reply reply;
};

static void
greeting_make(struct greeting *g, const struct uio_file *file, uint32_t op)
{
	const struct shm *maps[GUEST_UIO_MAPS];

	file_maps(file->device, maps);
	memset(g, 0, sizeof(*g));
	g->body.maps = GUEST_UIO_MAPS;
	g->body.channel = file->device->primary->relid;
	g->body.uio = file->number;
	g->fds[0] = file->page.fd;
	for (unsigned int i = 0; i < GUEST_UIO_MAPS; i++) {
		g->body.map_bytes[i] = maps[i]->bytes;
		g->fds[i + 1] = maps[i]->fd;
	}
	g->reply = (struct server_reply) {
		.op = op, .payload = &g->body, .payload_bytes = sizeof(g->body),
		.fds = g->fds, .fd_count = GUEST_UIO_MAPS + 1,
	};
}

static int
file_greet(struct uio_file *file)
{
	struct greeting g;

	greeting_make(&g, file, GUEST_HELLO_UIO);
	return server_send(file->fd, &g.reply);
}

/* The kernel has opened the device for this file, which is made here. */
static int
file_create(struct kern_device *device, int fd, const struct guest_hello *hello)
{
	struct uio_file *file = calloc(1, sizeof(*file));
	int ret;

	if (!file)
		return -ENOMEM;
	file->vm = device->vm;
	file->device = device;
	file->fd = fd;
	file->number = hello->uio;
	file->cookie = hello->cookie;
	ret = shm_create(&file->page, "hvsim-uio", UIO_PAGE_BYTES);
	if (ret < 0) {
		free(file);
		return ret;
	}
	file->shared = (struct guest_uio_page *)(void *)file->page.base;
	file->shared->channel_epoch = last_epoch;
	file->shared->irqcontrol_all = device->vm->profile->irqcontrol_all;
	ret = file_greet(file);
	if (ret == 0)
		ret = engine_fd_add(fd, EPOLLIN, file_ready, file);
	if (ret < 0) {
		shm_destroy(&file->page);
		free(file);
		return ret;
	}
	file->next = device->files;
	device->files = file;
	file->next_open = open_list;
	open_list = file;
	return 0;
}

int
uio_open(struct kern_vm *vm, int fd, const struct guest_hello *hello)
{
	struct kern_device *device = kern_device_by_uio(vm, hello->uio);
	int ret;

	if (!device || device->gone)
		return -ENODEV;
	ret = kern_device_open(device);
	if (ret < 0)
		return ret;
	ret = file_create(device, fd, hello);
	if (ret < 0)
		kern_device_release(device);
	return ret;
}

static const struct uio_file *
file_find(const struct kern_vm *vm, uint64_t cookie)
{
	const struct uio_file *file = open_list;

	while (file && (file->vm != vm || file->cookie != cookie || file->device->gone))
		file = file->next_open;
	return file;
}

struct kern_device *
uio_file_device(const struct kern_vm *vm, uint64_t cookie)
{
	const struct uio_file *file = file_find(vm, cookie);

	return file ? file->device : NULL;
}

int
uio_adopt(struct kern_process *p, uint64_t cookie)
{
	const struct uio_file *file = file_find(p->vm, cookie);
	struct greeting g;

	if (!file)
		return -ENOENT;
	greeting_make(&g, file, GUEST_UIO_ADOPT);
	server_answer(p, &g.reply);
	return 0;
}

void
uio_close_all(struct kern_vm *vm)
{
	struct uio_file *file = open_list;

	while (file) {
		struct uio_file *next = file->next_open;

		if (file->vm == vm) {
			__atomic_store_n(&file->shared->gone, 1, __ATOMIC_SEQ_CST);
			file_close(file);
		}
		file = next;
	}
}

/* ---- events ---- */

static void
file_kick(struct uio_file *file)
{
	struct guest_uio_page *page = file->shared;
	uint8_t byte = 1;

	/* Pairs with the reader, which clears kick_pending before it loads the
	 * count: either it sees this count or this side sends a byte. */
	__atomic_fetch_add(&page->event_count, 1, __ATOMIC_SEQ_CST);
	if (__atomic_exchange_n(&page->kick_pending, 1, __ATOMIC_SEQ_CST) != 0)
		return;
	if (send(file->fd, &byte, sizeof(byte), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		__atomic_store_n(&page->kick_pending, 0, __ATOMIC_SEQ_CST);
}

void
uio_event(struct kern_device *device)
{
	for (struct uio_file *file = device->files; file; file = file->next)
		file_kick(file);
}

void
uio_gone(struct kern_device *device)
{
	for (struct uio_file *file = device->files; file; file = file->next) {
		__atomic_store_n(&file->shared->gone, 1, __ATOMIC_SEQ_CST);
		file_kick(file);
		/* Readable for good: poll() in the guest never sleeps again. */
		shutdown(file->fd, SHUT_WR);
	}
}

uint32_t
uio_channel_epoch(const struct kern_device *device)
{
	return device->files ? device->files->shared->channel_epoch : last_epoch;
}

void
uio_channels_changed(struct kern_device *device)
{
	last_epoch++;
	for (struct uio_file *file = device->files; file; file = file->next)
		__atomic_store_n(&file->shared->channel_epoch, last_epoch, __ATOMIC_SEQ_CST);
}
