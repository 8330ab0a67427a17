/* SPDX-License-Identifier: BSD-3-Clause */

/* Devargs; see netvsc_args.h. The table is all there is to say about them. */

#include "netvsc_args.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>
#include <rte_kvargs.h>

#include "netvsc_log.h"

#define ARG(member) offsetof(struct netvsc_args, member), \
	sizeof(((struct netvsc_args *)0)->member)

/* devtools/gen-tables.py makes the guide's table of it: a row is one argument,
 * its last string what it does. */
static const struct arg {
	const char *key;
	size_t offset, bytes;       /* bytes: 1 for a switch, 4 for a number */
	uint32_t preset, max;       /* a preset beyond max is written as "auto" */
	const char *unit;
	const char *about;
} args_known[] = {
	{ "latency", ARG(latency_us), 50, 6553, "us",
		"how long the hypervisor may take to look at the monitor page; small values cost the"
		" host, large ones delay" },
	{ "rx_copybreak", ARG(rx_copybreak), 256, UINT32_MAX, "bytes",
		"received frames up to this are copied, also with rx_extmbuf_enable" },
	{ "tx_copybreak", ARG(tx_copybreak), 512, UINT32_MAX, "bytes",
		"sent frames up to this are copied into the send buffer; larger ones go as page lists,"
		" where those are possible" },
	{ "rx_extmbuf_enable", ARG(rx_extmbuf), 0, 1, "switch",
		"1: longer received frames stay in the receive buffer, and mbufs point there; at most half of"
		" its sections are lent, beyond that frames are copied; 0: all are copied" },
	{ "numa_aware", ARG(numa_aware), 0, 1, "switch",
		"memory on the NUMA node that the kernel names for the device" },
	{ "tx_page_lists", ARG(tx_page_lists), 1, 1, "switch",
		"the host reads large frames from where they are; 0: all are copied, and the host"
		" reads nothing but its own buffers" },
	{ "confidential", ARG(confidential), NETVSC_CONFIDENTIAL_AUTO, 1, "switch",
		"1: the host is shown the rings and its two buffers and nothing else: all is copied, both"
		" ways, whatever other arguments say; 0: not so, in a confidential guest neither (one"
		" warning); auto: if this is a confidential guest" },
	{ "tx_agg_packets", ARG(tx_agg_packets), 0, 32, "frames",
		"frames in one message to the host at most; 0: as many as it says it takes; 1 switches"
		" aggregation off" },
	{ "tx_agg_bytes", ARG(tx_agg_bytes), 0, UINT32_MAX, "bytes",
		"a message that has reached these gets no further frame; 0: as many as a section holds;"
		" does not limit single frames" },
	{ "tx_section_cache", ARG(tx_section_cache), 64, 64, "sections",
		"unused sections of the send buffer that a transmit queue may keep to itself; more:"
		" less contention; all queues together never keep more than half" },
	{ "hypercall_queues", ARG(hypercall_queues), 0, 1, "switch",
		"1: several queues also where the host gave the main channel no monitor; kernels since"
		" November 2025 may oops while these are opened; 0: one queue there" },
};

static void
arg_store(struct netvsc_args *args, const struct arg *arg, uint32_t value)
{
	uint8_t *to = (uint8_t *)args + arg->offset;
	bool on = value != 0;

	if (arg->bytes == sizeof(bool))
		memcpy(to, &on, sizeof(on));
	else
		memcpy(to, &value, sizeof(value));
}

struct parse {
	const char *device;
	struct netvsc_args *args;
};

static int
unknown_key(const char *device, const char *key)
{
	char known[256] = "";
	size_t used = 0;

	for (unsigned int i = 0; i < RTE_DIM(args_known); i++)
		used += (size_t)snprintf(known + used, sizeof(known) - used, "%s%s",
			i == 0 ? "" : ", ", args_known[i].key);
	NETVSC_LOG(ERR, init, "%s: probe: devargs: unknown key \"%s\"; there are: %s", device, key,
		known);
	return -EINVAL;
}

static int
parse_one(const char *key, const char *text, void *opaque)
{
	const struct parse *parse = opaque;
	const struct arg *arg = NULL;
	unsigned long value;
	char *end;

	for (unsigned int i = 0; i < RTE_DIM(args_known); i++)
		if (strcmp(args_known[i].key, key) == 0)
			arg = &args_known[i];
	if (arg == NULL)
		return unknown_key(parse->device, key);
	errno = 0;
	if (arg->preset > arg->max && text != NULL && strcmp(text, "auto") == 0)
		return 0;               /* as preset */
	value = text == NULL || *text < '0' || *text > '9' ? ULONG_MAX : strtoul(text, &end, 0);
	if (value == ULONG_MAX || errno != 0 || *end != '\0' || value > arg->max) {
		NETVSC_LOG(ERR, init, "%s: probe: devargs: %s=%s: must be a number from 0 to %u%s (%s)",
			parse->device, key, text == NULL ? "" : text, arg->max,
			arg->preset > arg->max ? " or auto" : "", arg->unit);
		return -EINVAL;
	}
	arg_store(parse->args, arg, (uint32_t)value);
	return 0;
}

int
netvsc_args_parse(const char *device, const char *text, struct netvsc_args *args)
{
	struct parse parse = { .device = device, .args = args };
	struct rte_kvargs *kvargs;
	int ret;

	for (unsigned int i = 0; i < RTE_DIM(args_known); i++)
		arg_store(args, &args_known[i], args_known[i].preset);
	if (text == NULL || *text == '\0')
		return 0;
	kvargs = rte_kvargs_parse(text, NULL);
	if (kvargs == NULL) {
		NETVSC_LOG(ERR, init, "%s: probe: devargs: \"%s\" is no list of key=value", device,
			text);
		return -EINVAL;
	}
	ret = rte_kvargs_process(kvargs, NULL, parse_one, &parse);
	rte_kvargs_free(kvargs);
	return ret < 0 ? -EINVAL : 0;
}

bool
netvsc_args_confide(struct netvsc_args *args, bool isolated)
{
	bool confidential = args->confidential == NETVSC_CONFIDENTIAL_AUTO ? isolated :
		args->confidential != 0;

	if (confidential) {
		args->tx_page_lists = false;
		args->rx_extmbuf = false;
	}
	return confidential;
}
