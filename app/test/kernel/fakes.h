/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TEST_KERNEL_FAKES_H
#define TEST_KERNEL_FAKES_H

/*
 * Everything around the guest's kernel, faked: a VSP that counts its calls,
 * uio files, sockets and guest memory that do nothing, and (fake_engine.c) an
 * engine whose clock only moves when a test says so.
 */

#include <stdbool.h>
#include <stdint.h>

#include "kernel/internal.h"

struct vsp_nic {
	int dummy;
};

struct vsp_channel {
	struct hv_channel *handle;
	struct hv_rings rings;
	unsigned int opened, closed, signalled;
	int open_result;
	unsigned int closed_as;         /* position among all closes */
	uint32_t seen_features, seen_mask;      /* when it was opened */
	bool rescind_on_close;
};

struct fake_log {
	unsigned int closes, events, gone, changed, foreign;
	char last_foreign[160];
	bool unread;            /* the host would not look at the monitor page */
	struct vsp_nic *last_nic;
};
extern struct fake_log fake;

/* One VM below a fresh folder, a NIC with its channels. */
struct kern_fixture {
	char parent[4096];
	struct kern_vm *vm;
	struct vsp_nic nic;
	struct vsp_channel channel[HV_CHANNELS_MAX];
	struct kern_device *device;
};
void fixture_start(struct kern_fixture *f, const char *profile);
/* Destroys the VM; fails the test if anything is left of its folder. */
void fixture_stop(struct kern_fixture *f);
void fixture_offer(struct kern_fixture *f, bool monitor);
void fixture_rescind(struct kern_fixture *f);
/* Offers a subchannel and lets the kernel open it. */
void fixture_subchannel(struct kern_fixture *f, uint16_t index);

unsigned int open_descriptors(void);
unsigned int entries_below(const char *path);
/* Reads a file of the guest's tree after asking for its refresh. */
const char *guest_read(struct kern_vm *vm, const char *path, int *ret);
int guest_store(struct kern_vm *vm, const char *path, const char *text);
/* Full path of a guest path in the tree on disk. */
const char *on_disk(const struct kern_vm *vm, const char *path);
/* Can this process read a byte there? */
bool readable(const void *address);

/* ---- fake_engine.c ---- */
void clock_reset(void);
/* Moves time on and runs what falls due, in order. */
void clock_advance(uint64_t ns);
/* One round of the VM's poller. */
unsigned int round_poll(struct kern_vm *vm);
extern unsigned int fake_timers_armed;

#endif /* TEST_KERNEL_FAKES_H */
