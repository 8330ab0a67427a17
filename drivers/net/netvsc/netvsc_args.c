/* SPDX-License-Identifier: BSD-3-Clause */

/* Devargs; see netvsc_args.h. The table is all there is to say about them. */

#include "netvsc_args.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_kvargs.h>

#define ARG(member) offsetof(struct netvsc_args, member), \
	sizeof(((struct netvsc_args *)0)->member)

/* devtools/gen-tables.py makes the guide's table of it: a row is one argument,
 * its last string what it does. */
static const struct arg {
	const char *key;
	size_t offset, bytes;       /* bytes: 1 for a switch, 4 for a number */
	uint32_t preset, max;
	const char *unit;
	const char *about;
} args_known[] = {
	/* How long the hypervisor may take to look at the monitor page, us. */
	{ "latency", ARG(latency_us), 50, 6553 },
	/* Bytes, for rx_extmbuf_enable=1: received frames up to this are copied.
	 * All are copied for now, so it has no effect. */
	{ "rx_copybreak", ARG(rx_copybreak), NETVSC_RX_COPYBREAK, UINT32_MAX },
	/* Sent frames up to this many bytes are copied; larger ones go as page
	 * lists, where those are possible. */
	{ "tx_copybreak", ARG(tx_copybreak), 512, UINT32_MAX },
	/* 1: received frames longer than rx_copybreak stay in the receive buffer.
	 * No effect yet, and one line says so. */
	{ "rx_extmbuf_enable", ARG(rx_extmbuf), 0, 1 },
	/* Allocate on the NUMA node that the kernel names for the device. */
	{ "numa_aware", ARG(numa_aware), 0, 1 },
	/* 0: the host reads nothing but rings and shared buffers, everything sent
	 * is copied; 1: it may read frames from where they are. */
	{ "tx_page_lists", ARG(tx_page_lists), 1, 1 },
	/* Frames per message to the host at most; 0: as many as the host says it
	 * takes (32 at most). 1 switches aggregation off. */
	{ "tx_agg_packets", ARG(tx_agg_packets), 0, 32 },
	/* Bytes of a message beyond which no frame is added to it; 0: as many as a
	 * section holds. Does not limit single frames. */
	{ "tx_agg_bytes", ARG(tx_agg_bytes), 0, UINT32_MAX },
	/* Sections of the send buffer that a transmit queue may keep to itself,
	 * unused. More: less contention between queues. All queues together never
	 * keep more than half, however large it is. */
	{ "tx_section_cache", ARG(tx_section_cache), 64, 64 },
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
	value = text == NULL || *text < '0' || *text > '9' ? ULONG_MAX : strtoul(text, &end, 0);
	if (value == ULONG_MAX || errno != 0 || *end != '\0' || value > arg->max) {
		NETVSC_LOG(ERR, init, "%s: probe: devargs: %s=%s: must be a number from 0 to %u (%s)",
			parse->device, key, text == NULL ? "" : text, arg->max, arg->unit);
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
