/* SPDX-License-Identifier: BSD-3-Clause */

/* The life of the link to the host; see netvsc_link.h. */

#include "netvsc_link.h"

#include <errno.h>
#include <string.h>

#include "netvsc_borrow.h"
#include "netvsc_channel.h"
#include "netvsc_event.h"
#include "netvsc_lease.h"
#include "netvsc_ndis.h"
#include "netvsc_nvsp.h"
#include "netvsc_offload.h"
#include "netvsc_poll.h"
#include "netvsc_rndis.h"
#include "netvsc_rss.h"

/* ---- attach ---- */

static int
step_config(struct netvsc_device *dev)
{
	return netvsc_nvsp_ndis_config(dev, dev->mtu + RTE_ETHER_HDR_LEN);
}

static int
step_backlog(struct netvsc_device *dev)
{
	return netvsc_channel_fit(dev, 0);
}

/* Hosts differ in what they let through at first; one that refuses to let
 * nothing through is no worse than that. */
static int
step_filter(struct netvsc_device *dev)
{
	const uint32_t filter = 0;
	int ret = netvsc_rndis_set(dev, OID_GEN_CURRENT_PACKET_FILTER, &filter, sizeof(filter));

	dev->filter = filter;
	return netvsc_rndis_refused(ret) ? netvsc_xact_alive(dev) : ret;
}

/* In the order that hosts check: the configuration fixes the size of the
 * receive buffer's sections, and all of NVSP comes before RNDIS. Each message
 * is sent at most once per open: a second one ends the conversation. */
#define AGAIN "bind the device to uio_hv_generic again; if that does not help, restart the guest"
#define MEMORY "give EAL more memory (-m)"
#define REPORT "report this host: its answer is none that the protocol knows"
static const struct attach_step {
	const char *name;
	int (*run)(struct netvsc_device *dev);
	const char *advice;         /* what to try where it fails */
} attach_steps[] = {
	{ "NVSP version", netvsc_nvsp_init, "see that no other process uses the device, then " AGAIN },
	{ "NDIS configuration", step_config, AGAIN },
	{ "NDIS version", netvsc_nvsp_ndis_version, AGAIN },
	{ "receive buffer", netvsc_nvsp_recv_buffer, AGAIN },
	{ "memory for its sections", step_backlog, MEMORY },
	{ "send buffer", netvsc_nvsp_send_buffer, AGAIN },
	{ "RNDIS init", netvsc_rndis_init, AGAIN },
	{ "packet filter", step_filter, AGAIN },
	{ "MTU", netvsc_ndis_query_mtu, REPORT },
	{ "MAC address", netvsc_ndis_query_mac, "set the adapter's MAC address on the host" },
	{ "offload capabilities", netvsc_offload_query, REPORT },
	{ "RSS capabilities", netvsc_rss_query, REPORT },
	{ "link state", netvsc_ndis_query_link, REPORT },
};

/* The one line that says it all: device, step, the host's answer, what to try. */
static int
step_failed(struct netvsc_device *dev, const char *step, int ret, const char *advice)
{
	NETVSC_LOG(ERR, init, "%s: attach: %s: %s; %s", dev->name, step,
		dev->xact.fault[0] != '\0' ? dev->xact.fault : strerror(-ret), advice);
	return ret;
}

static int
step_run(struct netvsc_device *dev, const struct attach_step *step)
{
	int ret;

	dev->xact.fault[0] = '\0';
	NETVSC_LOG(DEBUG, init, "%s: attach: %s", dev->name, step->name);
	ret = step->run(dev);
	return ret < 0 ? step_failed(dev, step->name, ret, step->advice) : 0;
}

/* Under the control lock. What it got done where it fails is undone when the link is
 * closed. */
static int
link_attach(struct netvsc_device *dev)
{
	int ret = 0;

	memset(&dev->host, 0, sizeof(dev->host));
	dev->host.queues = 1;
	dev->host.link_up = true;       /* until the host says otherwise */
	for (unsigned int i = 0; i < RTE_DIM(attach_steps) && ret == 0; i++)
		ret = step_run(dev, &attach_steps[i]);
	return ret;
}

/* ---- detach ---- */

static int
detach_rndis(struct netvsc_device *dev)
{
	int ret = dev->filter == 0 ? 0 : step_filter(dev);

	return ret < 0 ? ret : netvsc_rndis_halt(dev);
}

/* The host sent these before it obeyed; they are acknowledged while it still
 * has the buffer. */
static int
detach_rest(struct netvsc_device *dev)
{
	netvsc_poll_rest(dev);
	return netvsc_xact_alive(dev);
}

/* What attach did, read upwards. */
static const struct detach_step {
	uint32_t attached;          /* enum netvsc_attached */
	int (*run)(struct netvsc_device *dev);
} detach_steps[] = {
	{ NETVSC_ATTACHED_RNDIS, detach_rndis },
	{ NETVSC_ATTACHED_RECV, detach_rest },
	{ NETVSC_ATTACHED_RECV, netvsc_nvsp_revoke_recv_buffer },
	{ NETVSC_ATTACHED_SEND, netvsc_nvsp_revoke_send_buffer },
};

/* In reverse, as far as the host still listens. */
static void
link_detach(struct netvsc_device *dev)
{
	const uint32_t wait_ms = netvsc_xact_hurry(dev);
	int ret = 0;

	for (unsigned int i = 0; i < RTE_DIM(detach_steps); i++)
		if ((dev->host.attached & detach_steps[i].attached) != 0 &&
		    ret != -ETIMEDOUT && netvsc_xact_alive(dev) == 0)
			ret = detach_steps[i].run(dev);
	dev->host.attached = 0;
	dev->filter = 0;
	netvsc_xact_relax(dev, wait_ms);
}

/* ---- open and close ---- */

static void
addresses_set(struct netvsc_device *dev, const struct vmbus_device *vmbus)
{
	const struct vmbus_maps *maps = &vmbus->shared->maps;

	dev->vmbus = vmbus->shared;
	dev->recv_buffer = maps->map[UIO_MAP_RECV_BUFFER].addr;
	dev->recv_bytes = maps->map[UIO_MAP_RECV_BUFFER].bytes;
	dev->send_buffer = maps->map[UIO_MAP_SEND_BUFFER].addr;
	dev->send_bytes = maps->map[UIO_MAP_SEND_BUFFER].bytes;
	dev->page_lists_ok = dev->args.tx_page_lists && vmbus_device_page_lists_ok(vmbus);
}

/* Without a monitor the main channel is signalled by irqcontrol, which on kernels that act
 * on all channels signals first and then follows the ring of each subchannel in their list
 * (d062463edf17). A subchannel that the host offers in between has none: the signal that
 * asks for subchannels can be an oops by itself (seen on 6.12.117). */
static void
queues_tame(struct netvsc_device *dev)
{
	if (dev->vmbus->channel[0]->monitor || dev->args.hypercall_queues || dev->host.queues == 1)
		return;
	NETVSC_LOG(NOTICE, init, "%s: one queue of %u: the host gave no monitor, and many kernels"
		" crash where queues are opened without; hypercall_queues=1 opens them all the same",
		dev->name, dev->host.queues);
	dev->host.queues = 1;
}

static int
link_open(struct netvsc_device *dev, struct vmbus_device *vmbus, unsigned int queues)
{
	int ret = vmbus_device_open(vmbus);

	dev->xact.fault[0] = '\0';
	if (ret < 0)
		return step_failed(dev, "opening the device", ret, "see that uio_hv_generic drives it,"
			" that no other process has it and that this user may open /dev/uioN");
	netvsc_event_opened(dev);
	/* From the first message on: what is revoked must not be touched. */
	if (vmbus->removed != NULL && vmbus_device_watch(vmbus, vmbus->removed) < 0)
		NETVSC_LOG(WARNING, init, "%s: its removal by the host will be noticed late: raise the"
			" limit of open files (ulimit -n)", dev->name);
	addresses_set(dev, vmbus);
	dev->epoch++;
	netvsc_xact_reset(dev);
	ret = netvsc_channel_open(dev, 0);
	if (ret < 0)
		return step_failed(dev, "opening the main channel", ret, MEMORY);
	dev->channel_count = 1;
	ret = link_attach(dev);
	if (ret < 0)
		return ret;
	queues_tame(dev);
	return netvsc_link_open_channels(dev, vmbus, queues);
}

int
netvsc_link_open(struct netvsc_device *dev, struct vmbus_device *vmbus, unsigned int queues)
{
	int ret;

	netvsc_xact_lock(dev);
	ret = link_open(dev, vmbus, queues);
	if (ret < 0)
		netvsc_link_close(dev, vmbus);
	else
		netvsc_event_repaired(dev);
	netvsc_xact_unlock(dev);
	return ret;
}

void
netvsc_link_close(struct netvsc_device *dev, struct vmbus_device *vmbus)
{
	netvsc_xact_lock(dev);
	netvsc_borrow_leave(dev);
	link_detach(dev);
	netvsc_lease_close(dev, vmbus);
	dev->channel_count = 0;
	for (unsigned int i = 0; i < NETVSC_QUEUES_MAX; i++)
		netvsc_channel_close(dev, i);
	dev->vmbus = NULL;
	dev->recv_buffer = NULL;
	dev->send_buffer = NULL;
	vmbus_device_unwatch(vmbus);
	vmbus_device_close(vmbus);
	netvsc_xact_unlock(dev);
}

/* ---- more channels ---- */

/* How many channels the kernel has opened of those the host granted; queue i
 * drives channel i, so what lies behind a gap is of no use. */
static int
channels_attach(struct netvsc_device *dev, struct vmbus_device *vmbus, unsigned int granted)
{
	int ret = vmbus_device_open_subchannels(vmbus, granted);

	if (ret < 0)
		return ret;
	while (dev->channel_count <= granted && dev->vmbus->channel[dev->channel_count] != NULL) {
		ret = netvsc_channel_open(dev, dev->channel_count);
		if (ret == 0)
			ret = netvsc_channel_fit(dev, dev->channel_count);
		if (ret < 0)
			return ret;
		dev->channel_count++;
	}
	return 0;
}

int
netvsc_link_open_channels(struct netvsc_device *dev, struct vmbus_device *vmbus,
	unsigned int queues)
{
	unsigned int wanted = RTE_MIN(queues, dev->host.queues);
	int ret = 0;

	netvsc_xact_lock(dev);
	netvsc_borrow_leave(dev);
	dev->xact.fault[0] = '\0';
	if (dev->channel_count == 1 && wanted > 1) {
		ret = netvsc_nvsp_subchannels(dev, wanted - 1);
		if (ret > 0)
			ret = channels_attach(dev, vmbus, (unsigned int)ret);
		else if (ret == -EIO || ret == -ENOTSUP)        /* refused: one will do */
			ret = netvsc_xact_alive(dev);
	}
	if (ret < 0)
		step_failed(dev, "more channels", ret, "ask for one queue");
	if (ret == 0 && dev->channel_count < queues)
		NETVSC_LOG(NOTICE, init, "%s: %u of %u queues: the host offers %u", dev->name,
			dev->channel_count, queues, dev->host.queues);
	netvsc_borrow_enter(dev);
	netvsc_xact_unlock(dev);
	return ret;
}

/* ---- reopen ---- */

/* What the application relies on for correct frames must be there again; what
 * only speeds it up may be missing on an older host. */
static int
restore_offloads(struct netvsc_device *dev)
{
	uint64_t rx_offered = dev->host.rx_offloads | RTE_ETH_RX_OFFLOAD_RSS_HASH;
	uint64_t tx_lost = dev->tx_offloads & ~dev->host.tx_offloads;
	uint64_t rx_lost = dev->rx_offloads & ~rx_offered;

	if (rx_lost != 0)
		NETVSC_LOG(NOTICE, control, "%s: the host no longer offers receive offloads 0x%" PRIx64,
			dev->name, rx_lost);
	if (tx_lost != 0) {
		NETVSC_LOG(ERR, control, "%s: the host no longer offers transmit offloads 0x%" PRIx64,
			dev->name, tx_lost);
		return -ENOTSUP;
	}
	return netvsc_offload_set(dev, dev->tx_offloads, dev->rx_offloads & rx_offered);
}

static int
restore_rss(struct netvsc_device *dev)
{
	struct netvsc_rss rss;

	netvsc_rss_fit(dev);
	if (dev->rss.hf == 0)
		return 0;               /* off, as after every open */
	rss = dev->rss;
	return netvsc_rss_set(dev, &rss);
}

static int
restore_mac(struct netvsc_device *dev)
{
	const struct rte_ether_addr mac = dev->mac;
	int ret = dev->mac_changed ? netvsc_ndis_set_mac(dev, &mac) : 0;

	/* Going back to the link before would not bring it back either. */
	if (ret == -EPERM || netvsc_rndis_refused(ret)) {
		NETVSC_LOG(ERR, control, "%s: the host no longer lets the MAC address be "
			RTE_ETHER_ADDR_PRT_FMT, dev->name, RTE_ETHER_ADDR_BYTES(&mac));
		ret = netvsc_xact_alive(dev);
	}
	return ret;
}

static int
restore_multicast(struct netvsc_device *dev)
{
	return dev->multicast_count == 0 ? 0 :
		netvsc_ndis_set_multicast(dev, dev->multicast, dev->multicast_count);
}

int
netvsc_link_restore(struct netvsc_device *dev)
{
	/* The filter last: until then nothing is received. */
	static int (*const steps[])(struct netvsc_device *dev) = {
		restore_offloads, restore_rss, restore_mac, restore_multicast,
		netvsc_ndis_set_filter,
	};
	bool receiving;
	int first = 0;

	netvsc_xact_lock(dev);
	receiving = dev->receiving;
	dev->receiving = false;
	for (unsigned int i = 0; i < RTE_DIM(steps); i++) {
		int ret;

		if (i == RTE_DIM(steps) - 1)
			dev->receiving = receiving;
		ret = steps[i](dev);
		if (ret < 0 && first == 0)
			first = ret;
	}
	netvsc_xact_unlock(dev);
	return first;
}

/* What the link was like, and the least MTU that is as good. */
struct link_before {
	uint16_t mtu, mtu_min;
	unsigned int queues;
};

/* A host may let more through than asked, never less than `mtu_min`. */
static int
reopen_as(struct netvsc_device *dev, struct vmbus_device *vmbus, uint16_t mtu,
	uint16_t mtu_min, unsigned int queues)
{
	int ret;

	dev->mtu = mtu;
	ret = netvsc_link_open(dev, vmbus, queues);
	if (ret < 0)
		return ret;
	if (dev->host.mtu < mtu_min) {
		NETVSC_LOG(ERR, control, "%s: MTU %u: the host made %u of it", dev->name, mtu,
			dev->host.mtu);
		dev->mtu_refused = mtu;
		ret = -EINVAL;
	}
	if (ret == 0)
		ret = netvsc_link_restore(dev);
	if (ret < 0)
		netvsc_link_close(dev, vmbus);
	return ret;
}

/* As it was. A host that kept us waiting is not waited for as long again, whatever
 * it says meanwhile: it may answer some requests and others not. */
static int
go_back(struct netvsc_device *dev, struct vmbus_device *vmbus,
	const struct link_before *before, bool hurry)
{
	uint32_t wait_ms = 0;
	int ret;

	if (hurry)
		wait_ms = netvsc_xact_hurry(dev);
	ret = reopen_as(dev, vmbus, before->mtu, before->mtu_min, before->queues);
	if (hurry)
		netvsc_xact_relax(dev, wait_ms);
	return ret;
}

int
netvsc_link_reopen(struct netvsc_device *dev, struct vmbus_device *vmbus, uint16_t mtu,
	unsigned int queues)
{
	struct link_before before;
	int ret, back = 0;

	netvsc_xact_lock(dev);
	before = (struct link_before){ .mtu = dev->mtu, .queues = RTE_MAX(dev->channel_count, 1),
		.mtu_min = RTE_MIN(dev->mtu, dev->host.mtu) };
	netvsc_link_close(dev, vmbus);
	/* To a new channel it owes a new answer. */
	netvsc_xact_listen(dev);
	ret = reopen_as(dev, vmbus, mtu, mtu, queues);
	if (ret < 0)
		back = go_back(dev, vmbus, &before, ret == -ETIMEDOUT);
	if (back < 0)
		NETVSC_LOG(ERR, control, "%s: reopen failed and so did going back: %s; the port is"
			" out of use until it is reset", dev->name, strerror(-back));
	/* It may have gone up or down meanwhile; if not, this tells nobody. */
	netvsc_event_raise(dev, NETVSC_EVENT_LINK);
	netvsc_xact_unlock(dev);
	return ret;
}
