/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HVSIM_SERVER_H
#define HVSIM_SERVER_H

/* What server.c, request.c, uio.c and memory.c say to each other about
 * connections. */

#include <stdint.h>
#include <sys/types.h>

#include "kernel.h"

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

struct server_reply {
	uint32_t op;
	int32_t status;
	const void *payload;
	uint32_t payload_bytes;
	const int *fds;
	uint32_t fd_count;
};

/* Sends one datagram without blocking. Returns 0, or -errno: the peer does not
 * take it, so its connection is to be closed. */
int server_send(int fd, const struct server_reply *reply);

/* Sends a reply; a guest that does not take it loses its connection. */
void server_answer(struct kern_process *p, const struct server_reply *reply);
void server_answer_status(struct kern_process *p, uint32_t op, int status);
/* Ends the connection; p itself lives until nobody walks the list. */
void server_close(struct kern_process *p);

/* ---- request.c ---- */
/* Returns 0, or -EPROTO: the connection is to be closed. */
int request_handle(struct kern_process *p, struct request *req);

/* ---- uio.c ---- */
/* Makes an open file of the connection and answers its hello. Takes fd over on
 * success; returns -errno, having said nothing, if the open fails. */
int uio_open(struct kern_vm *vm, int fd, const struct guest_hello *hello);
/* Closes every open file of the guest. */
void uio_close_all(struct kern_vm *vm);
/* The epoch that a reply about the device's channels belongs to. */
uint32_t uio_channel_epoch(const struct kern_device *device);

/* The device that the file with this cookie has open, or NULL. */
struct kern_device *uio_file_device(const struct kern_vm *vm, uint64_t cookie);

/* Answers a process that has the file's descriptor from before an exec, as the
 * hello was answered. Returns 0, or -ENOENT if no file has the cookie. */
int uio_adopt(struct kern_process *p, uint64_t cookie);

/* ---- server.c again, for memory.c; and memory.c ---- */
/* What a GUEST_MEM_UNMAP of this process named is no longer mapped here. */
void server_memory_released(struct kern_vm *vm, pid_t pid);

/* The new process has the memory of another one (fork). */
void guest_memory_inherit(struct guest_memory *memory, pid_t pid, pid_t parent);
/* Page numbers are looked up in this process first: it has the device open. */
void guest_memory_prefer(struct guest_memory *memory, pid_t pid);

#endif /* HVSIM_SERVER_H */
