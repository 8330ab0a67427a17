/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What guest kernels differ in, as a user of uio_hv_generic sees it. "Notes"
 * are the project's kernel notes by change (upstream commit, releases); where
 * a back-port date is known the row stands for the stable release so named.
 * Control pages are the system's page before c951ab8fd358 (stable 2025-06)
 * and 4 KiB since: the same number on a machine with 4 KiB pages.
 */

#include <string.h>

#include "internal.h"

#define MIB (1u << 20)
/* 2 x 512 pages, the control pages included: measured on 6.1.192 and on Debian's
 * 6.12.43, 6.12.57 and 6.12.117 (devtools/guest.sh, facts.sh). */
#define RINGS_512_PAGES (4u * MIB)
/* VMBUS_RING_SIZE(2 MiB) twice: 2 MiB of data each, plus the control pages
 * (0315fef2aff9 "Align ring size to system page"); read, not measured. */
#define RINGS_ALIGNED (4u * MIB + 2u * HV_PAGE_BYTES)
/* Subchannels get SZ_2M twice, control pages included, on all of them. */
#define RINGS_SUBCHANNEL (4u * MIB)

static const struct kern_profile profiles[] = {
	{
		/* The first whose uio_hv_generic is of use ("single queue; no `ring`
		 * files"): subchannels that the host grants are never opened. What their
		 * folders hold is not noted; here it is that of 4.18, which cannot be read
		 * while they are closed. No driver_override, which came with 4.18. */
		.name = "4.16",
		.about = "before 4.17: one queue, no ring files, no driver_override",
		.ring_bytes = RINGS_512_PAGES,
		.subchannel_ring_bytes = RINGS_SUBCHANNEL,
		.masks_at_open = true,
		.control_page_bytes = HV_PAGE_BYTES,
		.attrs_need_open = true,
	},
	{
		/* First with driver_override; subchannels and `ring` since 4.17, the
		 * primary's since 9ab877a6ccf8. channels/N attributes are EINVAL until
		 * open (noted for 5.x); channels/N/cpu became writable in 5.8. */
		.name = "4.18",
		.about = "first with driver_override; ring file early, masks set by the kernel",
		.ring_attr_primary = true,
		.subchannels = true,
		.ring_bytes = RINGS_512_PAGES,
		.subchannel_ring_bytes = RINGS_SUBCHANNEL,
		.masks_at_open = true,
		.control_page_bytes = HV_PAGE_BYTES,
		.driver_override = true,
		.attrs_need_open = true,
	},
	{
		/* Before 5.15.195, which took interrupt masks from the kernel. */
		.name = "5.15",
		.about = "5.15 before 5.15.195: ring file early, masks set by the kernel",
		.ring_attr_primary = true,
		.subchannels = true,
		.ring_bytes = RINGS_512_PAGES,
		.subchannel_ring_bytes = RINGS_SUBCHANNEL,
		.masks_at_open = true,
		.control_page_bytes = HV_PAGE_BYTES,
		.driver_override = true,
		.attrs_need_open = true,
		.cpu_writable = true,
	},
	{
		/* Before 6.1.156. Refuses devices without a monitor (tried on 6.1:
		 * "vmbus channel requires hypercall"). */
		.name = "6.1",
		.about = "6.1 before 6.1.156: ring file early, masks set by the kernel",
		.ring_attr_primary = true,
		.subchannels = true,
		.ring_bytes = RINGS_512_PAGES,
		.subchannel_ring_bytes = RINGS_SUBCHANNEL,
		.masks_at_open = true,
		.control_page_bytes = HV_PAGE_BYTES,
		.driver_override = true,
		.cpu_writable = true,
	},
	{
		/* Has b15b7d2a1b09 "Let userspace take care of interrupt mask"
		 * (6.1.156) but not yet d062463edf17 "Set event for all channels": a
		 * subchannel's interrupt is a NULL dereference (Debian bug 1120602).
		 * Has f31fe8165d36 (`ring` made by the vmbus core, late), not
		 * 65995e97a1ca (its real size). */
		.name = "6.1.158",
		.about = "6.1.156-6.1.158: masks left to user space, subchannel interrupts oops",
		.ring_late = true,
		.ring_attr_primary = true,
		.subchannels = true,
		.ring_bytes = RINGS_512_PAGES,
		.subchannel_ring_bytes = RINGS_SUBCHANNEL,
		.control_page_bytes = HV_PAGE_BYTES,
		.subchannel_irq_oops = true,
		.driver_override = true,
		.cpu_writable = true,
	},
	{
		/* Measured on Debian's 6.1.192: as 6.1.158, but a write of 1 unmasks
		 * subchannels, too (d062463edf17, which also ended the oops). */
		.name = "6.1.192",
		.about = "6.1.192: masks left to user space, irqcontrol acts on all channels",
		.ring_late = true,
		.ring_attr_primary = true,
		.subchannels = true,
		.ring_bytes = RINGS_512_PAGES,
		.subchannel_ring_bytes = RINGS_SUBCHANNEL,
		.irqcontrol_all = true,
		.control_page_bytes = HV_PAGE_BYTES,
		.driver_override = true,
		.cpu_writable = true,
	},
	{
		/* 547fa4ffd799 (low-speed devices: bound without a monitor, the event
		 * is set on enable, for the primary), 0315fef2aff9, f31fe8165d36,
		 * 65995e97a1ca (in 6.12.41); before b15b7d2a1b09 (6.12.53). */
		.name = "6.12.41",
		.about = "6.12.41: ring file late with its real size, devices without monitor",
		.ring_late = true,
		.ring_attr_real_size = true,
		.ring_attr_primary = true,
		.subchannels = true,
		.ring_bytes = RINGS_512_PAGES,
		.subchannel_ring_bytes = RINGS_SUBCHANNEL,
		.masks_at_open = true,
		.irqcontrol_signals = true,
		.monitorless = true,
		.control_page_bytes = HV_PAGE_BYTES,
		.driver_override = true,
		.cpu_writable = true,
	},
	{
		/* Measured on Debian's 6.12.117, but for irqcontrol_signals: as 6.12.41
		 * with b15b7d2a1b09, and a write of 1 unmasks subchannels, too
		 * (d062463edf17). */
		.name = "6.12.117",
		.about = "6.12.117: masks left to user space, irqcontrol acts on all channels",
		.ring_late = true,
		.ring_attr_real_size = true,
		.ring_attr_primary = true,
		.subchannels = true,
		.ring_bytes = RINGS_512_PAGES,
		.subchannel_ring_bytes = RINGS_SUBCHANNEL,
		.irqcontrol_all = true,
		.irqcontrol_signals = true,
		.monitorless = true,
		.control_page_bytes = HV_PAGE_BYTES,
		.driver_override = true,
		.cpu_writable = true,
	},
	{
		/* All of the above, b15b7d2a1b09 (6.17.3) and d062463edf17 (6.17). */
		.name = "6.18",
		.about = "6.18: masks left to user space, irqcontrol acts on all channels",
		.ring_late = true,
		.ring_attr_real_size = true,
		.ring_attr_primary = true,
		.subchannels = true,
		.ring_bytes = RINGS_ALIGNED,
		.subchannel_ring_bytes = RINGS_SUBCHANNEL,
		.irqcontrol_all = true,
		.irqcontrol_signals = true,
		.monitorless = true,
		.control_page_bytes = HV_PAGE_BYTES,
		.driver_override = true,
		.cpu_writable = true,
	},
};

const struct kern_profile *
kern_profile_find(const char *name)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(profiles); i++) {
		if (strcmp(profiles[i].name, name) == 0)
			return &profiles[i];
	}
	return NULL;
}

const struct kern_profile *
kern_profile_next(const struct kern_profile *profile)
{
	if (profile == NULL)
		return &profiles[0];
	return profile + 1 < profiles + ARRAY_SIZE(profiles) ? profile + 1 : NULL;
}

const struct kern_profile *
kern_profile_default(void)
{
	return &profiles[ARRAY_SIZE(profiles) - 1];
}
