/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What can be asked over the control socket: one row per command with the
 * members its request may have. A member too many, too few or of the wrong
 * type is an error in one sentence.
 */

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/units.h"
#include "../core/util.h"
#include "../fault/fault.h"
#include "../kernel/kernel.h"
#include "../switch/switch.h"
#include "../vsp/vsp.h"
#include "control_private.h"
#include "machine.h"
#include "report.h"

#define CAPTURE_SNAP_BYTES 262144u

__attribute__((format(printf, 3, 4)))
static int
refuse(struct control_call *call, int ret, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(call->error, sizeof(call->error), format, args);
	va_end(args);
	return ret;
}

/* ---- members of a request ---- */

static const char *
need_string(struct control_call *call, const char *member)
{
	const char *text = json_string_value(json_object_get(call->request, member));

	if (text == NULL)
		refuse(call, -EINVAL, "\"%s\" is missing or not a string", member);
	return text;
}

static struct machine_nic *
need_nic(struct control_call *call)
{
	const char *name = need_string(call, "nic");
	struct machine_nic *nic = name != NULL ? machine_nic_find(name) : NULL;
	char known[256] = "";
	size_t n = 0;

	if (nic != NULL || name == NULL)
		return nic;
	for (nic = machine_nic_next(NULL); nic != NULL && n < sizeof(known);
	     nic = machine_nic_next(nic))
		n += (size_t)snprintf(known + n, sizeof(known) - n, " %s", nic->config->name);
	refuse(call, -ENOENT, "there is no NIC \"%s\"; there are:%s", name,
		n > 0 ? known : " none");
	return NULL;
}

static struct sw_port *
need_port(struct control_call *call)
{
	const char *name = need_string(call, "port");
	struct sw_port *port = name != NULL ? sw_port_find(name) : NULL;

	if (port == NULL && name != NULL)
		refuse(call, -ENOENT, "there is no port \"%s\"; see 'hvsim ctl list'", name);
	return port;
}

/* A NIC whose guest is not yet far enough learns of it when it is. */
static int
nic_done(struct control_call *call, const struct machine_nic *nic, const char *what, int ret)
{
	if (ret < 0 && ret != -ENOTCONN)
		return refuse(call, ret, "%s: %s: %s", nic->config->name, what, strerror(-ret));
	call->result = json_pack("{s:b}", "told", ret == 0);
	return 0;
}

/* ---- commands ---- */

static int
cmd_list(struct control_call *call)
{
	call->result = report_list();
	return 0;
}

static int
cmd_counters(struct control_call *call)
{
	call->result = report_counters();
	return 0;
}

static int
cmd_profiles(struct control_call *call)
{
	call->result = report_profiles();
	return 0;
}

static int
cmd_guest(struct control_call *call)
{
	const char *name = json_string_value(json_object_get(call->request, "guest"));
	struct kern_vm *vm = name != NULL ? kern_vm_find(name) : kern_vm_next(NULL);

	if (vm == NULL)
		return refuse(call, -ENOENT, "there is no guest \"%s\"",
			name != NULL ? name : "");
	if (name == NULL && kern_vm_next(vm) != NULL)
		return refuse(call, -EINVAL, "there are several guests: say which");
	call->result = json_pack("{s:s, s:s, s:s}", "name", vm->name, "dir", kern_vm_dir(vm),
		"control", control_path() != NULL ? control_path() : "");
	return 0;
}

static int
cmd_link(struct control_call *call)
{
	struct machine_nic *nic = need_nic(call);
	json_t *up = json_object_get(call->request, "up");

	if (nic == NULL)
		return -EINVAL;
	if (!json_is_boolean(up))
		return refuse(call, -EINVAL, "\"up\" is missing or not true or false");
	return nic_done(call, nic, "link", vsp_nic_set_link(nic->nic, json_is_true(up)));
}

static int
cmd_speed(struct control_call *call)
{
	struct machine_nic *nic = need_nic(call);
	const char *speed = nic != NULL ? need_string(call, "speed") : NULL;
	uint64_t bps;

	if (speed == NULL)
		return -EINVAL;
	if (units_parse_bps(speed, &bps) < 0 || bps == 0)
		return refuse(call, -EINVAL, "%s is no speed; write it like 10G", speed);
	return nic_done(call, nic, "speed", vsp_nic_set_speed(nic->nic, bps));
}

static int
cmd_network_change(struct control_call *call)
{
	struct machine_nic *nic = need_nic(call);

	if (nic == NULL)
		return -EINVAL;
	return nic_done(call, nic, "network-change", vsp_nic_network_change(nic->nic));
}

static int
cmd_offload(struct control_call *call)
{
	struct machine_nic *nic = need_nic(call);

	if (nic == NULL)
		return -EINVAL;
	return nic_done(call, nic, "offload", vsp_nic_offload_indication(nic->nic));
}

static int
cmd_vf(struct control_call *call)
{
	struct machine_nic *nic = need_nic(call);
	const char *action = nic != NULL ? need_string(call, "action") : NULL;

	if (action == NULL)
		return -EINVAL;
	if (strcmp(action, "offer") == 0)
		return nic_done(call, nic, "vf offer", vsp_nic_vf_offer(nic->nic));
	if (strcmp(action, "revoke") == 0)
		return nic_done(call, nic, "vf revoke", vsp_nic_vf_revoke(nic->nic));
	return refuse(call, -EINVAL, "a VF can be offered or revoked, not \"%s\"", action);
}

static int
cmd_subchannel_remove(struct control_call *call)
{
	struct machine_nic *nic = need_nic(call);
	const char *index = nic != NULL ? need_string(call, "index") : NULL;
	char *end;
	unsigned long number;

	if (index == NULL)
		return -EINVAL;
	number = strtoul(index, &end, 10);
	if (*end != '\0' || number >= HV_CHANNELS_MAX ||
	    vsp_nic_rescind_subchannel(nic->nic, (unsigned int)number) < 0)
		return refuse(call, -ENOENT, "%s has no open subchannel %s", nic->config->name,
			index);
	return 0;
}

static int
cmd_nic_add(struct control_call *call)
{
	const char *spec = need_string(call, "spec");
	struct machine_nic *nic;
	int ret;

	if (spec == NULL)
		return -EINVAL;
	ret = machine_nic_add(spec, &nic, call->error, sizeof(call->error));
	if (ret == 0)
		call->result = json_pack("{s:s}", "name", nic->config->name);
	return ret;
}

static int
cmd_nic_remove(struct control_call *call)
{
	struct machine_nic *nic = need_nic(call);

	if (nic == NULL)
		return -EINVAL;
	if (machine_nic_rescind(nic) < 0)
		return refuse(call, -EALREADY, "%s is not offered", nic->config->name);
	return 0;
}

static int
cmd_nic_offer(struct control_call *call)
{
	struct machine_nic *nic = need_nic(call);
	int ret;

	if (nic == NULL)
		return -EINVAL;
	ret = machine_nic_offer(nic);
	if (ret == -EALREADY)
		return refuse(call, ret, "%s is offered already", nic->config->name);
	if (ret < 0)
		return refuse(call, ret, "%s: offer: %s", nic->config->name, strerror(-ret));
	return 0;
}

static int
cmd_nic_delete(struct control_call *call)
{
	struct machine_nic *nic = need_nic(call);

	if (nic == NULL)
		return -EINVAL;
	machine_nic_delete(nic);
	return 0;
}

static int
cmd_port_add(struct control_call *call)
{
	const char *spec = need_string(call, "spec");
	struct sw_port *port;

	if (spec == NULL)
		return -EINVAL;
	port = machine_port_add(spec, call->error, sizeof(call->error));
	if (port == NULL)
		return -EINVAL;
	call->result = json_pack("{s:s}", "name", port->name);
	return 0;
}

static int
cmd_port_remove(struct control_call *call)
{
	struct sw_port *port = need_port(call);

	if (port == NULL)
		return -ENOENT;
	if (strcmp(port->ops->kind, "nic") == 0)
		return refuse(call, -EINVAL, "%s is a NIC: use nic-delete", port->name);
	sw_port_remove(port);
	return 0;
}

static int
cmd_capture_start(struct control_call *call)
{
	struct sw_port *port = need_port(call);
	const char *file = port != NULL ? need_string(call, "file") : NULL;
	int ret;

	if (file == NULL)
		return -EINVAL;
	ret = sw_capture_start(port, file, CAPTURE_SNAP_BYTES);
	if (ret == -EBUSY)
		return refuse(call, ret, "%s is captured already", port->name);
	if (ret < 0)
		return refuse(call, ret, "%s: %s", file, strerror(-ret));
	return 0;
}

static int
cmd_capture_stop(struct control_call *call)
{
	struct sw_port *port = need_port(call);

	if (port == NULL)
		return -ENOENT;
	if (port->capture == NULL)
		return refuse(call, -EALREADY, "%s is not captured", port->name);
	sw_capture_stop(port);
	return 0;
}

static int
cmd_faults(struct control_call *call)
{
	call->result = report_faults();
	return 0;
}

static int
cmd_fault_arm(struct control_call *call)
{
	const char *fault = need_string(call, "fault");

	return fault != NULL ? fault_arm(fault, call->error, sizeof(call->error)) : -EINVAL;
}

static int
cmd_fault_disarm(struct control_call *call)
{
	const char *fault = need_string(call, "fault");

	if (fault == NULL)
		return -EINVAL;
	if (fault_disarm(fault) < 0)
		return refuse(call, -ENOENT, "no fault \"%s\" is armed", fault);
	return 0;
}

static int
cmd_trace(struct control_call *call)
{
	control_subscribe_trace(call->client);
	return 0;
}

static const struct command {
	const char *name;
	const char *members;    /* a space before and after each */
	int (*run)(struct control_call *call);
} commands[] = {
	{ "list", " ", cmd_list },
	{ "counters", " ", cmd_counters },
	{ "profiles", " ", cmd_profiles },
	{ "guest", " guest ", cmd_guest },
	{ "link", " nic up ", cmd_link },
	{ "speed", " nic speed ", cmd_speed },
	{ "network-change", " nic ", cmd_network_change },
	{ "offload", " nic ", cmd_offload },
	{ "vf", " nic action ", cmd_vf },
	{ "nic-add", " spec ", cmd_nic_add },
	{ "nic-remove", " nic ", cmd_nic_remove },
	{ "nic-offer", " nic ", cmd_nic_offer },
	{ "nic-delete", " nic ", cmd_nic_delete },
	{ "subchannel-remove", " nic index ", cmd_subchannel_remove },
	{ "port-add", " spec ", cmd_port_add },
	{ "port-remove", " port ", cmd_port_remove },
	{ "capture-start", " port file ", cmd_capture_start },
	{ "capture-stop", " port ", cmd_capture_stop },
	{ "faults", " ", cmd_faults },
	{ "fault-arm", " fault ", cmd_fault_arm },
	{ "fault-disarm", " fault ", cmd_fault_disarm },
	{ "trace", " ", cmd_trace },
};

/* ---- dispatch ---- */

static const struct command *
command_find(const char *name)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	}
	return NULL;
}

static int
members_check(struct control_call *call, const struct command *command)
{
	const char *key;
	json_t *value;

	json_object_foreach(call->request, key, value) {
		char padded[64];

		if (strcmp(key, "v") == 0 || strcmp(key, "id") == 0 || strcmp(key, "cmd") == 0)
			continue;
		snprintf(padded, sizeof(padded), " %s ", key);
		if (strstr(command->members, padded) == NULL)
			return refuse(call, -EINVAL, "\"%s\" does not know \"%s\"",
				command->name, key);
	}
	return 0;
}

static int
unknown_command(struct control_call *call, const char *name)
{
	char known[320];
	size_t n = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(commands) && n < sizeof(known); i++)
		n += (size_t)snprintf(known + n, sizeof(known) - n, " %s", commands[i].name);
	return refuse(call, -EINVAL, "there is no command \"%s\"; there are:%s", name, known);
}

int
control_command(struct control_call *call)
{
	const char *name = need_string(call, "cmd");
	const struct command *command;
	int ret;

	if (name == NULL)
		return -EINVAL;
	command = command_find(name);
	if (command == NULL)
		return unknown_command(call, name);
	ret = members_check(call, command);
	return ret < 0 ? ret : command->run(call);
}
