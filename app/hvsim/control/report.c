/* SPDX-License-Identifier: BSD-3-Clause */

/* See report.h. Names of counters are those of their owners. */

#include "report.h"

#include <stdbool.h>
#include <stdio.h>

#include "../core/engine.h"
#include "../core/units.h"
#include "../core/util.h"
#include "../fault/fault.h"
#include "../kernel/kernel.h"
#include "../switch/switch.h"
#include "../vmm/vmm.h"
#include "../vsp/vsp.h"
#include "load.h"
#include "machine.h"

/* ---- counters ---- */

struct json_sink {
	struct stat_sink sink;
	json_t *object;
};

static void
json_sink_emit(struct stat_sink *sink, const char *name, uint64_t value)
{
	struct json_sink *json = container_of(sink, struct json_sink, sink);

	json_object_set_new(json->object, name, json_integer((json_int_t)value));
}

static struct json_sink
json_sink_start(void)
{
	return (struct json_sink) { { json_sink_emit }, json_object() };
}

static json_t *
nic_counters(struct machine_nic *nic)
{
	struct json_sink sink = json_sink_start();
	json_t *queues = json_array();

	vsp_nic_stats(nic->nic, &sink.sink);
	for (unsigned int i = 0; i < vsp_nic_queues(nic->nic); i++) {
		struct json_sink queue = json_sink_start();

		vsp_nic_queue_stats(nic->nic, i, &queue.sink);
		json_array_append_new(queues, queue.object);
	}
	return json_pack("{s:s, s:o, s:o}", "name", nic->config->name, "counters", sink.object,
		"queues", queues);
}

static json_t *
port_counters(struct sw *sw, struct sw_port *port)
{
	struct json_sink sink = json_sink_start();

	sw_port_stats(port, &sink.sink);
	return json_pack("{s:s, s:s, s:s, s:o}", "name", port->name, "kind", port->ops->kind,
		"switch", sw_name(sw), "counters", sink.object);
}

static json_t *
guest_counters(struct kern_vm *vm)
{
	struct json_sink sink = json_sink_start();

	kern_vm_stats(vm, &sink.sink);
	return json_pack("{s:s, s:o}", "name", vm->name, "counters", sink.object);
}

/* The guest that is a kernel on KVM. */
static json_t *
vmm_counters(void)
{
	struct json_sink sink = json_sink_start();

	vmm_stats(&sink.sink);
	return json_pack("{s:s, s:o}", "name", vmm_name(), "counters", sink.object);
}

static json_t *
host_counters(void)
{
	struct engine_load engine;
	struct load_report load;

	engine_load(&engine);
	load_report(&load);
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:i, s:I, s:I, s:b, s:I}",
		"time_ns", (json_int_t)engine_clock_ns(),
		"busy_cycles", (json_int_t)engine.busy_cycles,
		"total_cycles", (json_int_t)engine.total_cycles,
		"rounds", (json_int_t)engine.rounds,
		"sleeps", (json_int_t)engine.sleeps,
		"busy_percent", (int)load.busy_percent,
		"windows", (json_int_t)load.windows,
		"windows_bottleneck", (json_int_t)load.windows_bottleneck,
		"bottleneck", load.busy_percent > LOAD_BOTTLENECK_PERCENT,
		"violations", (json_int_t)vsp_violations());
}

json_t *
report_counters(void)
{
	json_t *nics = json_array(), *ports = json_array(), *guests = json_array();

	for (struct machine_nic *n = machine_nic_next(NULL); n != NULL; n = machine_nic_next(n))
		json_array_append_new(nics, nic_counters(n));
	for (struct sw *sw = sw_next(NULL); sw != NULL; sw = sw_next(sw)) {
		struct sw_port *p = NULL;

		while ((p = sw_port_next(sw, p)) != NULL)
			json_array_append_new(ports, port_counters(sw, p));
	}
	for (struct kern_vm *vm = kern_vm_next(NULL); vm != NULL; vm = kern_vm_next(vm))
		json_array_append_new(guests, guest_counters(vm));
	if (vmm_name() != NULL)
		json_array_append_new(guests, vmm_counters());
	return json_pack("{s:o, s:o, s:o, s:o}", "host", host_counters(), "guests", guests,
		"nics", nics, "ports", ports);
}

/* ---- the list ---- */

static json_t *
nic_entry(struct machine_nic *nic)
{
	const struct config_nic *config = nic->config;
	char guid[37], mac[18], about[512];

	units_format_guid(config->guid, guid);
	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", config->mac[0],
		config->mac[1], config->mac[2], config->mac[3], config->mac[4], config->mac[5]);
	about[0] = '\0';
	vsp_nic_describe(nic->nic, about, sizeof(about));
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:i, s:i, s:s}",
		"name", config->name, "guest", config->guest, "guid", guid, "mac", mac,
		"host_profile", config->host_profile, "offered", nic->offered,
		"queues_max", (int)config->queues, "queues", (int)vsp_nic_queues(nic->nic),
		"negotiated", about);
}

static json_t *
switch_entry(struct sw *sw)
{
	json_t *ports = json_array();
	struct sw_port *p = NULL;

	while ((p = sw_port_next(sw, p)) != NULL)
		json_array_append_new(ports, json_pack("{s:s, s:s, s:b, s:b}", "name", p->name,
			"kind", p->ops->kind, "link_up", p->link_up,
			"capture", p->capture != NULL));
	return json_pack("{s:s, s:o}", "name", sw_name(sw), "ports", ports);
}

json_t *
report_list(void)
{
	json_t *nics = json_array(), *switches = json_array(), *guests = json_array();

	for (struct kern_vm *vm = kern_vm_next(NULL); vm != NULL; vm = kern_vm_next(vm))
		json_array_append_new(guests, json_pack("{s:s, s:s, s:s}", "name", vm->name,
			"kernel_profile", vm->profile->name, "dir", kern_vm_dir(vm)));
	if (vmm_name() != NULL)
		json_array_append_new(guests, json_pack("{s:s, s:s, s:s}", "name", vmm_name(),
			"kernel_profile", "its own", "dir", ""));
	for (struct machine_nic *n = machine_nic_next(NULL); n != NULL; n = machine_nic_next(n))
		json_array_append_new(nics, nic_entry(n));
	for (struct sw *sw = sw_next(NULL); sw != NULL; sw = sw_next(sw))
		json_array_append_new(switches, switch_entry(sw));
	return json_pack("{s:o, s:o, s:o}", "guests", guests, "nics", nics, "switches",
		switches);
}

json_t *
report_profiles(void)
{
	json_t *hosts = json_array(), *kernels = json_array();

	for (const struct vsp_profile *p = vsp_profile_next(NULL); p != NULL;
	     p = vsp_profile_next(p))
		json_array_append_new(hosts, json_pack("{s:s, s:s}", "name",
			vsp_profile_name(p), "about", vsp_profile_about(p)));
	for (const struct kern_profile *p = kern_profile_next(NULL); p != NULL;
	     p = kern_profile_next(p))
		json_array_append_new(kernels, json_pack("{s:s, s:s}", "name", p->name,
			"about", p->about));
	return json_pack("{s:o, s:o}", "host", hosts, "kernel", kernels);
}

/* {"NVSP_INIT_COMPLETE": ["type", ...], ...} */
static json_t *
report_lies(void)
{
	json_t *messages = json_object();
	const char *message, *field = NULL;

	for (unsigned int i = 0; (message = fault_lie_name(i, &field)) != NULL; i++) {
		if (json_object_get(messages, message) == NULL)
			json_object_set_new(messages, message, json_array());
		json_array_append_new(json_object_get(messages, message), json_string(field));
	}
	return messages;
}

json_t *
report_faults(void)
{
	json_t *faults = json_array(), *messages = json_array();
	const char *name, *about = NULL;
	struct fault_info info;

	for (unsigned int i = 0; fault_info(i, &info); i++)
		json_array_append_new(faults, json_pack("{s:s, s:s, s:s*, s:b, s:I}", "name",
			info.name, "about", info.about, "message", info.message, "armed",
			info.armed, "fired", (json_int_t)info.fired));
	for (unsigned int i = 0; (name = fault_message_name(i, &about)) != NULL; i++)
		json_array_append_new(messages, json_pack("{s:s, s:s}", "name", name, "about", about));
	return json_pack("{s:o, s:o, s:o, s:I}", "faults", faults, "messages", messages, "lies",
		report_lies(), "values", (json_int_t)fault_lie_values());
}
