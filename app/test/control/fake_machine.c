/* SPDX-License-Identifier: BSD-3-Clause */

/* See fake_machine.h. */

#include "fake_machine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/kernel.h"
#include "switch/switch.h"
#include "vmm/vmm.h"
#include "vsp/vsp.h"

#define FAKE_MAX 8

struct fake_machine fake;

struct vsp_nic {
	struct sw_port port;
	char name[32];
	bool used;
};

struct sw {
	char name[64];
	bool used;
	struct sw_port *ports;
};

static struct vsp_nic nics[FAKE_MAX];
static struct sw switches[FAKE_MAX];
static struct kern_vm vms[FAKE_MAX];

static int
done(const char *format, const char *name, const char *more)
{
	snprintf(fake.last, sizeof(fake.last), format, name, more);
	return fake.result;
}

/* ---- vsp ---- */

void
vsp_init(const struct vsp_settings *settings)
{
	(void)settings;
}

uint64_t
vsp_violations(void)
{
	return 7;
}

static void
nic_output(struct sw_port *port, const struct frame *frames, unsigned int n)
{
	(void)port;
	(void)frames;
	(void)n;
}

static const struct sw_port_ops nic_ops = { .kind = "nic", .output = nic_output };
static const struct sw_port_ops echo_ops = { .kind = "echo", .output = nic_output };

struct vsp_nic *
vsp_nic_create(const struct config_nic *config, const char *host_profile, struct sw *sw,
	char *error, unsigned int error_bytes)
{
	(void)host_profile;
	if (strcmp(config->name, "impossible") == 0) {
		snprintf(error, error_bytes, "impossible is impossible");
		return NULL;
	}
	for (unsigned int i = 0; i < FAKE_MAX; i++) {
		if (nics[i].used)
			continue;
		nics[i] = (struct vsp_nic) { .used = true };
		snprintf(nics[i].name, sizeof(nics[i].name), "%s", config->name);
		memcpy(nics[i].port.name, nics[i].name, sizeof(nics[i].port.name));
		nics[i].port.ops = &nic_ops;
		sw_attach(sw, &nics[i].port);
		fake.nics++;
		return &nics[i];
	}
	return NULL;
}

int
vsp_nic_offer(struct vsp_nic *nic, const struct hv_transport *transport,
	struct hv_guest *guest, bool isolated)
{
	(void)transport;
	(void)guest;
	(void)isolated;
	return done("offer %s%s", nic->name, "");
}

void
vsp_nic_rescind(struct vsp_nic *nic)
{
	done("rescind %s%s", nic->name, "");
}

void
vsp_nic_destroy(struct vsp_nic *nic)
{
	sw_detach(&nic->port);
	done("destroy %s%s", nic->name, "");
	nic->used = false;
	fake.nics--;
}

struct sw_port *
vsp_nic_port(struct vsp_nic *nic)
{
	return &nic->port;
}

int
vsp_nic_set_link(struct vsp_nic *nic, bool up)
{
	return done("link %s %s", nic->name, up ? "up" : "down");
}

int
vsp_nic_set_speed(struct vsp_nic *nic, uint64_t bps)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)bps);
	return done("speed %s %s", nic->name, text);
}

int
vsp_nic_network_change(struct vsp_nic *nic)
{
	return done("network-change %s%s", nic->name, "");
}

int
vsp_nic_rescind_subchannel(struct vsp_nic *nic, unsigned int index)
{
	char text[32];

	snprintf(text, sizeof(text), "%u", index);
	return done("subchannel-remove %s %s", nic->name, text);
}

int
vsp_nic_vf_offer(struct vsp_nic *nic)
{
	return done("vf-offer %s%s", nic->name, "");
}

int
vsp_nic_vf_revoke(struct vsp_nic *nic)
{
	return done("vf-revoke %s%s", nic->name, "");
}

int
vsp_nic_offload_indication(struct vsp_nic *nic)
{
	return done("offload %s%s", nic->name, "");
}

void
vsp_nic_stats(struct vsp_nic *nic, struct stat_sink *sink)
{
	(void)nic;
	stat_emit(sink, "tx_frames", 42);
}

unsigned int
vsp_nic_queues(const struct vsp_nic *nic)
{
	(void)nic;
	return 2;
}

void
vsp_nic_queue_stats(struct vsp_nic *nic, unsigned int queue, struct stat_sink *sink)
{
	(void)nic;
	stat_emit(sink, "rx_frames", 100 + queue);
}

void
vsp_nic_describe(const struct vsp_nic *nic, char *text, unsigned int bytes)
{
	snprintf(text, bytes, "%s: negotiated", nic->name);
}

const struct vsp_profile *
vsp_profile_next(const struct vsp_profile *profile)
{
	static const char only;

	return profile == NULL ? (const void *)&only : NULL;
}

const char *
vsp_profile_name(const struct vsp_profile *profile)
{
	(void)profile;
	return "ws2022";
}

const char *
vsp_profile_about(const struct vsp_profile *profile)
{
	(void)profile;
	return "a fake";
}

/* ---- no guest on KVM ---- */

const char *
vmm_name(void)
{
	return NULL;
}

void
vmm_stats(struct stat_sink *sink)
{
	(void)sink;
}

/* ---- kernel ---- */

const struct hv_transport kern_transport = { .name = "fake" };

static const struct kern_profile kernel_profile = { .name = "6.18", .about = "a fake" };

const struct kern_profile *
kern_profile_next(const struct kern_profile *profile)
{
	return profile == NULL ? &kernel_profile : NULL;
}

const struct kern_profile *
kern_profile_default(void)
{
	return &kernel_profile;
}

struct kern_vm *
kern_vm_create(const struct config_guest *config, const char *parent_dir, char *error,
	unsigned int error_bytes)
{
	struct kern_vm *vm = &vms[fake.guests++];

	(void)parent_dir;
	(void)error;
	(void)error_bytes;
	memset(vm, 0, sizeof(*vm));
	memcpy(vm->name, config->name, sizeof(vm->name));
	vm->profile = &kernel_profile;
	return vm;
}

void
kern_vm_destroy(struct kern_vm *vm)
{
	(void)vm;
	fake.guests--;
}

struct kern_vm *
kern_vm_find(const char *name)
{
	for (unsigned int i = 0; i < fake.guests; i++) {
		if (strcmp(vms[i].name, name) == 0)
			return &vms[i];
	}
	return NULL;
}

struct kern_vm *
kern_vm_next(struct kern_vm *vm)
{
	struct kern_vm *next = vm == NULL ? vms : vm + 1;

	return next < vms + fake.guests ? next : NULL;
}

struct hv_guest *
kern_vm_guest(struct kern_vm *vm)
{
	return (struct hv_guest *)(void *)vm;
}

const char *
kern_vm_dir(const struct kern_vm *vm)
{
	(void)vm;
	return "/fake/guest";
}

void
kern_vm_stats(struct kern_vm *vm, struct stat_sink *sink)
{
	(void)vm;
	stat_emit(sink, "devices", 1);
}

/* ---- switch ---- */

struct sw *
sw_create(const char *name)
{
	for (unsigned int i = 0; i < FAKE_MAX; i++) {
		if (switches[i].used)
			continue;
		switches[i] = (struct sw) { .used = true };
		snprintf(switches[i].name, sizeof(switches[i].name), "%s", name);
		return &switches[i];
	}
	return NULL;
}

struct sw *
sw_create_wire(const char *name)
{
	return sw_create(name);
}

struct sw *
sw_next(struct sw *sw)
{
	for (sw = sw == NULL ? switches : sw + 1; sw < switches + FAKE_MAX; sw++) {
		if (sw->used)
			return sw;
	}
	return NULL;
}

struct sw *
sw_find(const char *name)
{
	struct sw *sw = NULL;

	while ((sw = sw_next(sw)) != NULL && strcmp(sw->name, name) != 0)
		;
	return sw;
}

const char *
sw_name(const struct sw *sw)
{
	return sw->name;
}

int
sw_attach(struct sw *sw, struct sw_port *port)
{
	port->sw = sw;
	port->link_up = true;
	port->next = sw->ports;
	sw->ports = port;
	return 0;
}

void
sw_detach(struct sw_port *port)
{
	for (struct sw_port **link = &port->sw->ports; *link != NULL; link = &(*link)->next) {
		if (*link == port) {
			*link = port->next;
			break;
		}
	}
	port->sw = NULL;
}

struct sw_port *
sw_port_next(struct sw *sw, struct sw_port *port)
{
	return port == NULL ? sw->ports : port->next;
}

struct sw_port *
sw_port_find(const char *name)
{
	for (struct sw *sw = sw_next(NULL); sw != NULL; sw = sw_next(sw)) {
		for (struct sw_port *p = sw->ports; p != NULL; p = p->next) {
			if (strcmp(p->name, name) == 0)
				return p;
		}
	}
	return NULL;
}

struct sw_port *
sw_port_create(struct sw *sw, const char *spec, uint64_t seed, char *error,
	unsigned int error_bytes)
{
	struct sw_port *port;

	(void)seed;
	if (strcmp(spec, "echo") != 0) {
		snprintf(error, error_bytes, "there is no kind of port '%s'", spec);
		return NULL;
	}
	port = calloc(1, sizeof(*port));
	if (port == NULL)
		return NULL;
	port->ops = &echo_ops;
	snprintf(port->name, sizeof(port->name), "echo%u", fake.ports++);
	sw_attach(sw, port);
	return port;
}

void
sw_port_remove(struct sw_port *port)
{
	sw_detach(port);
	free(port);
}

void
sw_destroy(struct sw *sw)
{
	while (sw->ports != NULL)
		sw_port_remove(sw->ports);
	sw->used = false;
}

void
sw_destroy_all(void)
{
	struct sw *sw;

	while ((sw = sw_next(NULL)) != NULL)
		sw_destroy(sw);
}

void
sw_port_stats(struct sw_port *port, struct stat_sink *sink)
{
	(void)port;
	stat_emit(sink, "rx_frames", 5);
}

int
sw_capture_start(struct sw_port *port, const char *path, uint32_t snap_bytes)
{
	(void)snap_bytes;
	port->capture = (void *)port;
	return done("capture %s %s", port->name, path);
}

void
sw_capture_stop(struct sw_port *port)
{
	port->capture = NULL;
}
