/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HVSIM_TRANSPORT_H
#define HVSIM_TRANSPORT_H

/*
 * THE narrow interface between the Hyper-V host side (vsp/) and whatever plays
 * the guest's kernel: kernel/ for a preloaded process, vmm/ for a guest on
 * KVM. It answers three questions and no others: where rings and buffers
 * live, how page numbers become memory, how events travel.
 *
 * A guest has devices, a device has a primary channel and subchannels. The
 * VSP offers them; the transport lets the guest find and open them, and calls
 * the VSP back when it does. All calls happen on the engine's thread.
 */

#include <stdbool.h>
#include <stdint.h>

struct hv_guest;        /* the transport's */
struct hv_device;       /* the transport's: one offered device */
struct hv_channel;      /* the transport's: one offered channel */
struct vsp_nic;         /* the VSP's side of a device */
struct vsp_channel;     /* the VSP's side of a channel */

#define HV_CHANNELS_MAX 64u     /* per device, the primary included */

/* What the host offers. */
struct hv_offer {
	uint8_t instance[16];   /* GUID as it is printed, byte by byte */
	bool monitor;           /* allocate a monitor id (else: signal by hypercall) */
	uint16_t latency_100ns; /* the monitor's initial latency */
	bool isolated;          /* a confidential guest */
};

/* An open channel's two rings, as memory of this process. The control page is
 * a struct vmbus_ring_page; data areas are multiples of HV_PAGE_BYTES and not
 * mapped twice. All of it is writable by the guest at any moment. */
struct hv_rings {
	uint8_t *to_host_page;
	uint8_t *to_host_data;
	uint32_t to_host_bytes;
	uint8_t *to_guest_page;
	uint8_t *to_guest_data;
	uint32_t to_guest_bytes;
};

/* What the transport does for the VSP. */
struct hv_transport {
	const char *name;       /* "preload", "kvm" */

	/* Offers a device with its primary channel. Returns NULL and sets errno
	 * on failure. nic and primary come back in the VSP's callbacks. */
	struct hv_device *(*offer)(struct hv_guest *guest, const struct hv_offer *offer,
		struct vsp_nic *nic, struct vsp_channel *primary);
	/* Takes the device away (the host's RESCIND). The VSP has stopped using
	 * its rings and buffers before; the handle is dead afterwards. Subchannels
	 * are rescinded first. No vsp_channel_closed() follows. */
	void (*rescind)(struct hv_device *device);

	/* Offers subchannel `index` (1...). The guest's kernel opens it by itself
	 * or never. Returns 0 or -errno. */
	int (*offer_subchannel)(struct hv_device *device, uint16_t index,
		struct vsp_channel *channel);
	void (*rescind_subchannel)(struct hv_channel *channel);

	/* Interrupts the guest for this channel. Coalesced: many calls before the
	 * guest looks are one event. */
	void (*interrupt)(struct hv_channel *channel);

	/* Finds the memory behind a GPADL of this device (receive or send
	 * buffer). Valid until the primary channel is closed or rescinded. Returns
	 * 0, or -ENOENT if the guest never made such a GPADL. */
	int (*gpadl)(struct hv_device *device, uint32_t gpadl, uint8_t **base, uint64_t *bytes);

	/* Resolves [offset, offset + bytes) of guest page `page_number`, bytes +
	 * offset <= HV_PAGE_BYTES. Returns the memory in place and sets *in_place,
	 * or a copy made for this call (valid until the engine's round ends), or
	 * NULL if the page number leads nowhere. */
	const uint8_t *(*page)(struct hv_device *device, uint64_t page_number, uint32_t offset,
		uint32_t bytes, bool *in_place);
	/* Ids for logs and traces. */
	uint32_t (*relid)(const struct hv_channel *channel);
	const char *(*guest_name)(const struct hv_guest *guest);
};

/* ---- what the VSP does for the transport (vsp/channel.c) ---- */

/* The guest opened the channel: the rings are initialised as its kernel does
 * (indices, masks, feature bits). Returns 0, or -errno: the open fails. */
int vsp_channel_opened(struct vsp_channel *channel, struct hv_channel *handle,
	const struct hv_rings *rings);
/* The guest closed the channel, or vanished: the rings go away on return. */
void vsp_channel_closed(struct vsp_channel *channel);
/* The guest signalled the channel: by its monitor bit or by a hypercall. */
void vsp_channel_signalled(struct vsp_channel *channel);
/* True in a host that is told to look at the monitor page rarely, and would not now. */
bool vsp_monitor_unread(void);
/* The guest touched a bit of a VM-wide page that is not one of its own, or
 * broke another rule that only the transport can see: reported in the name of
 * the NIC (NULL: of the guest). */
void vsp_foreign_bit(struct hv_guest *guest, struct vsp_nic *nic, const char *what);
/* The guest posted a VMBus control message that a host does not take: only
 * where hvsim is the host of a whole kernel. nic may be NULL. */
enum hv_vmbus_rule {
	HV_VMBUS_MESSAGE,       /* unknown, too short, or of impossible content */
	HV_VMBUS_ORDER,         /* not now */
	HV_VMBUS_CHANNEL,       /* no such channel, or not that way */
	HV_VMBUS_GPADL,         /* a page list that is none */
};
void vsp_vmbus_violation(struct hv_guest *guest, struct vsp_nic *nic, enum hv_vmbus_rule rule,
	const char *what);

#endif /* HVSIM_TRANSPORT_H */
