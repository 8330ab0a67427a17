/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A device becomes a port, and a port goes. The driver table comes last.
 */

#include <errno.h>
#include <string.h>

#include <rte_malloc.h>
#include <rte_string_fns.h>

#include "netvsc_args.h"
#include "netvsc_ethdev.h"
#include "netvsc_link.h"
#include "netvsc_queue.h"
#include "netvsc_stats.h"
#include "netvsc_watch.h"

RTE_LOG_REGISTER(netvsc_logtype_init, pmd.net.netvsc.init, NOTICE);
RTE_LOG_REGISTER(netvsc_logtype_control, pmd.net.netvsc.control, NOTICE);
RTE_LOG_REGISTER(netvsc_logtype_rx, pmd.net.netvsc.rx, NOTICE);
RTE_LOG_REGISTER(netvsc_logtype_tx, pmd.net.netvsc.tx, NOTICE);

static int
failed(const struct vmbus_device *vmbus, const char *step, int ret, const char *try)
{
	NETVSC_LOG(ERR, init, "%s: probe: %s: %s; %s", vmbus->name, step, strerror(-ret), try);
	return ret;
}

/* ---- the port's first minute ---- */

static void
confidential_set(struct netvsc_device *dev, const struct vmbus_device *vmbus)
{
	bool isolated = vmbus_device_isolated(vmbus);

	dev->confidential = netvsc_args_confide(&dev->args, isolated);
	if (dev->confidential) {
		NETVSC_LOG(NOTICE, init, "%s: confidential: the host is shown the rings and its"
			" buffers only; all frames are copied", vmbus->name);
	} else if (isolated) {
		NETVSC_LOG(WARNING, init, "%s: this guest is isolated, but confidential=0 lets the"
			" host read frames where they are", vmbus->name);
	}
}

static void
identity_set(struct rte_eth_dev *eth, const struct netvsc_args *args)
{
	struct netvsc_device *dev = netvsc_device_of(eth);
	struct vmbus_device *vmbus = netvsc_vmbus_of(eth);

	dev->args = *args;
	confidential_set(dev, vmbus);
	if (!dev->args.numa_aware)
		vmbus->device.numa_node = SOCKET_ID_ANY;
	dev->socket = vmbus->device.numa_node;
	dev->port_id = eth->data->port_id;
	dev->mtu = RTE_ETHER_MTU;
	vmbus->removed = netvsc_ethdev_removed;
	vmbus->driver_data = eth;       /* what a removal is told to, from here on */
	rte_strscpy(dev->name, vmbus->name, sizeof(dev->name));
}

static int
step_memory(struct rte_eth_dev *eth)
{
	struct netvsc_device *dev = netvsc_device_of(eth);
	int ret = netvsc_stats_create(dev);

	return ret < 0 ? ret : netvsc_xact_create(dev);
}

static int
step_link(struct rte_eth_dev *eth)
{
	return netvsc_link_open(netvsc_device_of(eth), netvsc_vmbus_of(eth), 1);
}

static int
step_addresses(struct rte_eth_dev *eth)
{
	struct netvsc_device *dev = netvsc_device_of(eth);

	eth->data->mac_addrs = rte_zmalloc("netvsc_mac", sizeof(struct rte_ether_addr), 0);
	if (eth->data->mac_addrs == NULL)
		return -ENOMEM;
	dev->mac = dev->host.mac;
	eth->data->mac_addrs[0] = dev->mac;
	return 0;
}

static int
step_removal(struct rte_eth_dev *eth)
{
	struct vmbus_device *vmbus = netvsc_vmbus_of(eth);

	/* Opening the link could not; this says why. */
	return vmbus->watched ? 0 : vmbus_device_watch(vmbus, netvsc_ethdev_removed);
}

static int
step_watch(struct rte_eth_dev *eth)
{
	return netvsc_watch_start(netvsc_device_of(eth));
}

#define MEMORY "give EAL more memory (-m)"

static const struct init_step {
	const char *name;
	int (*run)(struct rte_eth_dev *eth);
	const char *advice;         /* what to try; NULL: the step has said all itself */
} init_steps[] = {
	{ "memory for control requests", step_memory, MEMORY },
	{ "link to the host", step_link, NULL },
	{ "memory for the send buffer", netvsc_ethdev_settle, MEMORY },
	{ "memory for addresses", step_addresses, MEMORY },
	{ "watching for removal", step_removal, "raise the limit of open files (ulimit -n)" },
	{ "timer", step_watch, MEMORY },
};

/* rte_eth_dev_create() undoes the rest if it fails. */
static int
port_init(struct rte_eth_dev *eth, void *param)
{
	struct vmbus_device *vmbus = netvsc_vmbus_of(eth);

	netvsc_ethdev_init(eth);
	identity_set(eth, param);
	for (unsigned int i = 0; i < RTE_DIM(init_steps); i++) {
		int ret = init_steps[i].run(eth);

		if (ret == 0)
			continue;
		if (init_steps[i].advice != NULL)
			failed(vmbus, init_steps[i].name, ret, init_steps[i].advice);
		netvsc_ethdev_destroy(eth);
		return ret;
	}
	netvsc_ethdev_link_update(eth, 0);
	return 0;
}

static int
netvsc_probe(struct vmbus_driver *driver, struct vmbus_device *vmbus)
{
	const struct rte_devargs *devargs = vmbus->device.devargs;
	struct netvsc_args args;
	int ret;

	RTE_SET_USED(driver);
	if (rte_eal_process_type() != RTE_PROC_PRIMARY)
		return failed(vmbus, "secondary process", -ENOTSUP,
			"only the primary process may use the port in this version");
	/* Before there is a port, about which ethdev would add a line of its own. */
	ret = netvsc_args_parse(vmbus->name, devargs != NULL ? devargs->args : NULL, &args);
	if (ret < 0)
		return ret;
	return rte_eth_dev_create(&vmbus->device, vmbus->name, sizeof(struct netvsc_device),
		NULL, NULL, port_init, &args);
}

static int
netvsc_remove(struct vmbus_device *vmbus)
{
	struct rte_eth_dev *eth = rte_eth_dev_allocated(vmbus->name);

	if (eth == NULL)                /* closed before: the port is gone already */
		return 0;
	if (eth->data->dev_started) {
		int ret = rte_eth_dev_stop(eth->data->port_id);

		/* A thread is in a burst, with memory that closing frees. */
		if (ret < 0)
			return ret;
	}
	netvsc_ethdev_close(eth);
	return rte_eth_dev_release_port(eth);
}

/* f8615163-df3e-46c5-913f-f2d2f965ed0e: VMBUS_NIC_CLASS_GUID */
static struct vmbus_driver netvsc_driver = {
	.driver.name = "net_netvsc",
	.class_id = { 0xf8, 0x61, 0x51, 0x63, 0xdf, 0x3e, 0x46, 0xc5,
		0x91, 0x3f, 0xf2, 0xd2, 0xf9, 0x65, 0xed, 0x0e },
	.probe = netvsc_probe,
	.remove = netvsc_remove,
};

RTE_INIT(netvsc_register)
{
	vmbus_driver_register(&netvsc_driver);
}

NETVSC_COMPAT_EXPORT_NAME(net_netvsc);
RTE_PMD_REGISTER_KMOD_DEP(net_netvsc, "* uio_hv_generic");
RTE_PMD_REGISTER_PARAM_STRING(net_netvsc, "latency=<us> rx_copybreak=<bytes> tx_copybreak=<bytes>"
	" rx_extmbuf_enable=<0|1> numa_aware=<0|1> tx_page_lists=<0|1>"
	" confidential=<0|1|auto>"
	" tx_agg_packets=<frames> tx_agg_bytes=<bytes> tx_section_cache=<sections>"
	" hypercall_queues=<0|1>");
