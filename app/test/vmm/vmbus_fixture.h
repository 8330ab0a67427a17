/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TEST_VMM_VMBUS_FIXTURE_H
#define TEST_VMM_VMBUS_FIXTURE_H

/* A guest's kernel that posts messages, and a machine and a VSP that count. */

#include <stdbool.h>
#include <stdint.h>

#include "vmm/vmbus.h"
#include "vmm/vmm.h"

#define RAM_PAGES 64u
#define MONITOR_PAGE 60u
#define SENT_MAX 256u

struct vsp_nic {
	int dummy;
};

struct vsp_channel {
	struct hv_channel *handle;
	struct hv_rings rings;
	unsigned int opened, closed, signalled;
	int open_result;
};

struct sent {
	uint8_t bytes[VMBUS_MESSAGE_MAX];
	uint32_t length, vp;
};

extern uint64_t now_ns;           /* the engine's clock */
extern bool monitor_unread;       /* the host would not look at the monitor page */
extern struct vmbus vmbus;
extern struct vsp_nic nic;
extern struct vsp_channel primary, sub;
extern struct hv_device *device;
extern uint8_t ram[RAM_PAGES][HV_PAGE_BYTES];
extern struct sent sent[SENT_MAX];
extern uint32_t sent_count, violations, mapped, listening, flagged_vp, flagged_relid, flags;

/* Offers a NIC to a guest that is not connected; and checks that all is given back. */
int start(void **state);
int stop(void **state);
#define CASE(name) cmocka_unit_test_setup_teardown(name, start, stop)

/* What a guest posts. */
void post(const void *message, uint32_t bytes);
void post_simple(uint32_t type);
void post_relid(uint32_t type, uint32_t relid);
void contact(uint32_t version, bool with_monitor);
/* Header and bodies: `pages` pages from first_page on. */
void post_gpadl(uint32_t relid, uint32_t id, uint32_t pages, uint64_t first_page);
/* Returns the status of the answer. */
uint32_t post_open(uint32_t relid, uint32_t gpadl, uint32_t split, uint32_t vp);
/* Contact at 5.3, and the offers. */
void connect_guest(bool with_monitor);
void open_primary(void);

/* The n-th last message to the guest, which must be of that type. */
const void *reply(uint32_t back, uint32_t type);
uint32_t created_status(void);

#endif /* TEST_VMM_VMBUS_FIXTURE_H */
