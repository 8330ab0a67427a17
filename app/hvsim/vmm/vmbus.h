/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HVSIM_VMM_VMBUS_H
#define HVSIM_VMM_VMBUS_H

/*
 * The host's end of VMBus for a guest on KVM: what the guest's kernel posts
 * comes in as bytes, what the host answers goes out as bytes, and in between
 * is the transport that the VSP sees (transport.h). Nothing here knows KVM:
 * what it needs of the machine is struct vmbus_machine.
 *
 *   vmbus.c         connection: versions, offers, unload; messages checked
 *   vmbus_channel.c open, close, rescind, target VP; the transport
 *   vmbus_gpadl.c   page lists and the memory they become
 *   vmbus_monitor.c the monitor page
 *
 * All runs on the engine's thread. What the guest posts is checked once and
 * dropped, with a violation, where it is wrong.
 */

#include <stdbool.h>
#include <stdint.h>

#include "../../../drivers/bus/vmbus/vmbus_wire.h"
#include "../core/stats.h"
#include "../core/util.h"
#include "../transport.h"
#include "vmbus_message.h"

#define VMBUS_RELIDS 2048u              /* 1 to 2047 */
#define VMBUS_MONITOR_IDS (VMBUS_MONITOR_GROUPS * VMBUS_MONITOR_BITS)
/* Connection id of a channel's signals: SINT 2 and the relid. */
#define VMBUS_SIGNAL_ID(relid) (0x2000u | (relid))
#define VMBUS_VPS_MAX 64u

struct vmbus;

/* What the machine does for the control plane. */
struct vmbus_machine {
	/* Queues a message to SINT 2 of a virtual processor. */
	void (*post)(void *arg, uint32_t vp, const void *message, uint32_t bytes);
	/* Sets the event flag of a relid on a virtual processor, and interrupts it. */
	void (*flag)(void *arg, uint32_t vp, uint32_t relid);
	/* Makes guest pages one piece of this process's memory. Returns 0, or
	 * -EFAULT for a page that is no RAM, or another -errno. */
	int (*map)(void *arg, const uint64_t *pages, uint32_t count, uint8_t **base);
	void (*unmap)(void *arg, uint8_t *base, uint32_t count);
	/* One page of guest RAM where it lies, or NULL. */
	uint8_t *(*page)(void *arg, uint64_t page_number);
	/* From now on HvSignalEvent on this channel's connection id reaches
	 * vmbus_signalled(). Returns 0 or -errno. */
	int (*listen)(void *arg, struct hv_channel *channel);
	void (*unlisten)(void *arg, struct hv_channel *channel);
};

/* Memory that the guest described by page numbers. */
struct vmbus_gpadl {
	struct vmbus_gpadl *next;
	uint32_t id, relid;
	uint32_t pages, pages_have;
	bool failed;            /* answered with a failure when all of it has come */
	bool torn_down;         /* the guest took it back while a channel was open */
	uint8_t *base;          /* NULL until complete */
	uint64_t *numbers;      /* NULL once it is mapped */
};

struct hv_channel {
	struct vmm_device *device;
	struct hv_channel *next;
	struct vsp_channel *vsp;
	uint32_t relid;
	uint16_t index;         /* 0 primary */
	uint8_t monitor_id;     /* VMBUS_MONITOR_NONE */
	bool offered, open;
	uint32_t target_vp;
	int signal_fd;          /* the machine's */
	uint64_t interrupts, signals;
};

struct vmm_device {             /* is a struct hv_device */
	struct vmbus *vmbus;
	struct vmm_device *next;
	struct vsp_nic *nic;
	uint8_t instance[16];
	bool monitor;
	uint16_t latency_100ns;
	struct hv_channel *channels;    /* the primary is first */
};

enum vmbus_relid_state {
	RELID_FREE,
	RELID_USED,
	RELID_RESCINDED,        /* until the guest has released it */
};

struct vmbus {                  /* is a struct hv_guest */
	const struct vmbus_machine *machine;
	void *machine_arg;
	char name[32];
	uint32_t vps;
	uint32_t version_max;
	bool connected, offers_requested;
	uint32_t version, features, target_vp;
	struct vmm_device *devices;
	struct hv_channel *by_relid[VMBUS_RELIDS];
	uint8_t relid_state[VMBUS_RELIDS];
	uint32_t next_relid;
	struct vmbus_gpadl *gpadls;
	uint32_t gpadl_count;
	uint64_t gpadl_pages;
	struct hv_channel *by_monitor[VMBUS_MONITOR_IDS];
	uint64_t monitor_excused_ns[VMBUS_MONITOR_IDS];
	uint32_t monitor_last_relid[VMBUS_MONITOR_IDS];
	struct vmbus_monitor_page *monitor;     /* in guest RAM, NULL without */
	uint64_t monitor_signal_ns, monitor_next_ns;
	struct {
		uint64_t messages_in, messages_out, violations, contacts, unloads, gpadls,
			opens, closes, rescinds, teardowns_in_use, monitor_looks, monitor_signals, hypercall_signals,
			interrupts;
	} counters;
};

/* Zeroes and prepares it. version_max as VMBUS_VERSION(). */
void vmbus_init(struct vmbus *vmbus, const char *name, uint32_t vps, uint32_t version_max,
	const struct vmbus_machine *machine, void *machine_arg);
/* All devices were rescinded before. */
void vmbus_fini(struct vmbus *vmbus);
/* A message that the guest posted. */
void vmbus_receive(struct vmbus *vmbus, const void *message, uint32_t bytes);
/* HvSignalEvent on a channel's connection id. */
void vmbus_signalled(struct hv_channel *channel);
/* The machine starts again, or the guest unloads: channels are closed, page
 * lists dropped, relids free again; what is offered stays offered. */
void vmbus_reset(struct vmbus *vmbus);
void vmbus_stats(const struct vmbus *vmbus, struct stat_sink *sink);

/* Looks at the monitor page; returns how many channels were signalled. */
unsigned int vmbus_monitor_look(struct vmbus *vmbus);
/* Whether a bit waits there, and when to look next. */
bool vmbus_monitor_pending(const struct vmbus *vmbus);
uint64_t vmbus_monitor_next_ns(const struct vmbus *vmbus);


/* ---- between the files of the control plane ---- */

/* Reports a rule that the guest broke; nic may be NULL. */
void vmbus_violation(struct vmbus *vmbus, struct vsp_nic *nic, enum hv_vmbus_rule rule,
	const char *format, ...) __attribute__((format(printf, 4, 5)));
void vmbus_send(struct vmbus *vmbus, const void *message, uint32_t bytes);
void vmbus_offer_send(struct hv_channel *channel);

void vmbus_on_open(struct vmbus *vmbus, const struct vmbus_open *open);
void vmbus_on_close(struct vmbus *vmbus, uint32_t relid);
void vmbus_on_modify(struct vmbus *vmbus, const struct vmbus_modify_channel *modify);
void vmbus_on_released(struct vmbus *vmbus, uint32_t relid);
void vmbus_channels_reset(struct vmbus *vmbus);

void vmbus_on_gpadl_header(struct vmbus *vmbus, const uint8_t *message, uint32_t bytes);
void vmbus_on_gpadl_body(struct vmbus *vmbus, const uint8_t *message, uint32_t bytes);
void vmbus_on_gpadl_teardown(struct vmbus *vmbus, const struct vmbus_gpadl_teardown *message);
struct vmbus_gpadl *vmbus_gpadl_find(struct vmbus *vmbus, uint32_t id);
/* Frees what was torn down while this channel was open; with all, its others too. */
void vmbus_gpadls_drop(struct vmbus *vmbus, uint32_t relid, bool all);

/* Takes the page that the guest gave with its contact; false if it may not be. */
bool vmbus_monitor_set(struct vmbus *vmbus, uint64_t gpa);
void vmbus_monitor_add(struct hv_channel *channel);
void vmbus_monitor_remove(struct hv_channel *channel);

#endif /* HVSIM_VMM_VMBUS_H */
