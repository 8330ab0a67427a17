/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HVSIM_SERVER_H
#define HVSIM_SERVER_H

/* What server.c, uio.c and memory.c say to each other about connections. */

#include <stdint.h>
#include <sys/types.h>

#include "kernel.h"

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

/* Makes an open file of the connection and answers its hello. Takes fd over on
 * success; returns -errno, having said nothing, if the open fails. */
int uio_open(struct kern_vm *vm, int fd, const struct guest_hello *hello);
/* Closes every open file of the guest. */
void uio_close_all(struct kern_vm *vm);
/* The epoch that a reply about the device's channels belongs to. */
uint32_t uio_channel_epoch(const struct kern_device *device);

/* What a GUEST_MEM_UNMAP of this process named is no longer mapped here. */
void server_memory_released(struct kern_vm *vm, pid_t pid);

/* The new process has the memory of another one (fork). */
void guest_memory_inherit(struct guest_memory *memory, pid_t pid, pid_t parent);
/* Page numbers are looked up in this process first: it has the device open. */
void guest_memory_prefer(struct guest_memory *memory, pid_t pid);

#endif /* HVSIM_SERVER_H */
