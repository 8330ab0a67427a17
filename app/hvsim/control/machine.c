/* SPDX-License-Identifier: BSD-3-Clause */

/* See machine.h. A NIC with a port of its own is on a wire of its own; all
 * others share the learning switch they name, which is made on first use. */

#include "machine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/log.h"
#include "../kernel/kernel.h"
#include "../switch/switch.h"
#include "../vsp/vsp.h"

static struct {
	struct config *config;
	struct machine_nic *nics;
	const char *folder;
} machine;

/* ---- guests that are preloaded processes ---- */

static struct hv_guest *
process_guest_create(const struct config_guest *config, const char *folder, char *error,
	unsigned int bytes)
{
	struct kern_vm *vm = kern_vm_create(config, folder, error, bytes);

	return vm == NULL ? NULL : kern_vm_guest(vm);
}

static struct hv_guest *
process_guest_find(const char *name)
{
	struct kern_vm *vm = kern_vm_find(name);

	return vm == NULL ? NULL : kern_vm_guest(vm);
}

static void
process_guests_destroy(void)
{
	struct kern_vm *vm;

	while ((vm = kern_vm_next(NULL)) != NULL)
		kern_vm_destroy(vm);
}

static const struct machine_backend process_backend = {
	.transport = &kern_transport,
	.create = process_guest_create,
	.find = process_guest_find,
	.destroy_all = process_guests_destroy,
};

static const struct machine_backend *backend = &process_backend;

void
machine_set_backend(const struct machine_backend *given)
{
	backend = given;
}

/* ---- profiles ---- */

static const char *
host_profile_name(unsigned int i)
{
	const struct vsp_profile *profile = vsp_profile_next(NULL);

	for (; profile != NULL && i > 0; i--)
		profile = vsp_profile_next(profile);
	return profile == NULL ? NULL : vsp_profile_name(profile);
}

static const char *
kernel_profile_name(unsigned int i)
{
	const struct kern_profile *profile = kern_profile_next(NULL);

	for (; profile != NULL && i > 0; i--)
		profile = kern_profile_next(profile);
	return profile == NULL ? NULL : profile->name;
}

void
machine_know_profiles(void)
{
	struct config_profiles known = {
		.host = host_profile_name,
		.kernel = kernel_profile_name,
		.kernel_default = kern_profile_default()->name,
	};

	config_set_profiles(&known);
}

/* ---- switches and ports ---- */

static int
fail(char *error, unsigned int bytes, const char *what, const char *name, int ret)
{
	snprintf(error, bytes, "%s \"%s\": %s", what, name, strerror(-ret));
	return ret;
}

static struct sw *
switch_get(const char *name)
{
	struct sw *sw = sw_find(name);

	return sw != NULL ? sw : sw_create(name);
}

static void
vlan_apply(struct sw_port *port, const char *text)
{
	struct config_vlan vlan;

	if (port == NULL || *text == '\0' || config_parse_vlan(text, &vlan) < 0)
		return;
	port->vlan.trunk = vlan.trunk;
	port->vlan.access = vlan.access;
	memcpy(port->vlan.allowed, vlan.allowed, sizeof(port->vlan.allowed));
}

static struct sw_port *
port_create(const struct config_port *config, char *error, unsigned int bytes)
{
	struct sw *sw = switch_get(config->sw);
	struct sw_port *port;

	if (sw == NULL) {
		fail(error, bytes, "switch", config->sw, -errno);
		return NULL;
	}
	port = sw_port_create(sw, config->spec, machine.config->seed, error, bytes);
	vlan_apply(port, config->vlan);
	return port;
}

struct sw_port *
machine_port_add(const char *spec, char *error, unsigned int bytes)
{
	struct config_port **last = &machine.config->ports;
	struct sw_port *port;

	while (*last != NULL)
		last = &(*last)->next;
	if (config_add_port(machine.config, spec, error, bytes) < 0)
		return NULL;
	if (config_finish(machine.config, error, bytes) < 0)
		port = NULL;
	else
		port = port_create(*last, error, bytes);
	if (port == NULL) {
		free(*last);
		*last = NULL;
	}
	return port;
}

/* ---- NICs ---- */

static void
nic_destroy(struct machine_nic *nic)
{
	if (nic->nic != NULL)
		vsp_nic_destroy(nic->nic);
	if (nic->wire != NULL)
		sw_destroy(nic->wire);
	free(nic);
}

/* The segment the NIC is on, with its private port. */
static struct sw *
nic_segment(struct machine_nic *nic, char *error, unsigned int bytes)
{
	const struct config_nic *config = nic->config;
	char name[sizeof(config->name) + 8];
	struct sw *sw;

	if (config->port[0] == '\0') {
		sw = switch_get(config->sw);
		if (sw == NULL)
			fail(error, bytes, "switch", config->sw, -errno);
		return sw;
	}
	snprintf(name, sizeof(name), "%s.wire", config->name);
	nic->wire = sw_create_wire(name);
	if (nic->wire == NULL) {
		fail(error, bytes, "wire", name, -errno);
		return NULL;
	}
	if (sw_port_create(nic->wire, config->port, machine.config->seed, error, bytes) == NULL)
		return NULL;
	return nic->wire;
}

static struct machine_nic *
nic_create(struct config_nic *config, char *error, unsigned int bytes)
{
	struct machine_nic *nic = calloc(1, sizeof(*nic));
	struct machine_nic **link = &machine.nics;
	struct sw *sw;

	if (nic == NULL) {
		fail(error, bytes, "NIC", config->name, -ENOMEM);
		return NULL;
	}
	nic->config = config;
	nic->guest = backend->find(config->guest);
	sw = nic_segment(nic, error, bytes);
	if (sw != NULL)
		nic->nic = vsp_nic_create(config, machine.config->host_profile, sw, error, bytes);
	if (nic->nic == NULL) {
		nic_destroy(nic);
		return NULL;
	}
	vlan_apply(vsp_nic_port(nic->nic), config->vlan);
	while (*link != NULL)
		link = &(*link)->next;
	*link = nic;
	return nic;
}

static bool
guest_isolated(const char *name)
{
	const struct config_guest *guest = machine.config->guests;

	while (guest != NULL && strcmp(guest->name, name) != 0)
		guest = guest->next;
	return guest != NULL && guest->isolated;
}

int
machine_nic_offer(struct machine_nic *nic)
{
	int ret;

	if (nic->offered)
		return -EALREADY;
	if (nic->guest == NULL)
		return -ENODEV;
	ret = vsp_nic_offer(nic->nic, backend->transport, nic->guest,
		guest_isolated(nic->config->guest));
	nic->offered = ret == 0;
	return ret;
}

int
machine_nic_rescind(struct machine_nic *nic)
{
	if (!nic->offered)
		return -EALREADY;
	vsp_nic_rescind(nic->nic);
	nic->offered = false;
	return 0;
}

void
machine_nic_delete(struct machine_nic *nic)
{
	char name[sizeof(nic->config->name)];

	for (struct machine_nic **link = &machine.nics; *link != NULL; link = &(*link)->next) {
		if (*link == nic) {
			*link = nic->next;
			break;
		}
	}
	memcpy(name, nic->config->name, sizeof(name));
	nic_destroy(nic);
	config_remove_nic(machine.config, name);
}

struct machine_nic *
machine_nic_next(struct machine_nic *nic)
{
	return nic == NULL ? machine.nics : nic->next;
}

struct machine_nic *
machine_nic_find(const char *name)
{
	struct machine_nic *nic = machine.nics;

	while (nic != NULL && strcmp(nic->config->name, name) != 0)
		nic = nic->next;
	return nic;
}

/* Takes the configuration's last NIC out again. */
static void
config_drop_last(struct config_nic **last)
{
	free(*last);
	*last = NULL;
}

/* A NIC can only join a guest that exists. */
static int
nic_guest_known(struct config_nic *nic, char *error, unsigned int bytes)
{
	if (nic->guest[0] == '\0' || backend->find(nic->guest) != NULL)
		return 0;
	snprintf(error, bytes, "there is no guest \"%s\"", nic->guest);
	return -EINVAL;
}

int
machine_nic_add(const char *spec, struct machine_nic **added, char *error, unsigned int bytes)
{
	struct config_nic **last = &machine.config->nics;
	struct machine_nic *nic;
	int ret;

	while (*last != NULL)
		last = &(*last)->next;
	ret = config_add_nic(machine.config, spec, error, bytes);
	if (ret < 0)
		return ret;
	ret = nic_guest_known(*last, error, bytes);
	if (ret == 0)
		ret = config_finish(machine.config, error, bytes);
	nic = ret == 0 ? nic_create(*last, error, bytes) : NULL;
	if (nic == NULL) {
		config_drop_last(last);
		return -EINVAL;
	}
	ret = machine_nic_offer(nic);
	if (ret < 0) {
		fail(error, bytes, "offering NIC", nic->config->name, ret);
		machine_nic_delete(nic);
		return ret;
	}
	*added = nic;
	return 0;
}

/* ---- the whole ---- */

static int
guests_create(char *error, unsigned int bytes)
{
	for (const struct config_guest *g = machine.config->guests; g != NULL; g = g->next) {
		if (backend->create(g, machine.folder, error, bytes) == NULL)
			return -EIO;
	}
	return 0;
}

static int
ports_create(char *error, unsigned int bytes)
{
	for (const struct config_port *p = machine.config->ports; p != NULL; p = p->next) {
		if (port_create(p, error, bytes) == NULL)
			return -EINVAL;
	}
	return 0;
}

static int
nics_create(char *error, unsigned int bytes)
{
	for (struct config_nic *n = machine.config->nics; n != NULL; n = n->next) {
		struct machine_nic *nic = nic_create(n, error, bytes);
		int ret;

		if (nic == NULL)
			return -EINVAL;
		ret = machine_nic_offer(nic);
		if (ret < 0)
			return fail(error, bytes, "offering NIC", n->name, ret);
	}
	return 0;
}

int
machine_start(struct config *config, const char *folder, char *error, unsigned int bytes)
{
	struct vsp_settings settings = {
		.check = config->check, .strict = config->strict, .seed = config->seed,
	};
	int ret;

	machine.config = config;
	machine.folder = folder;
	vsp_init(&settings);
	ret = guests_create(error, bytes);
	if (ret == 0)
		ret = ports_create(error, bytes);
	if (ret == 0)
		ret = nics_create(error, bytes);
	if (ret < 0)
		machine_stop();
	return ret;
}

void
machine_stop(void)
{
	while (machine.nics != NULL) {
		struct machine_nic *nic = machine.nics;

		machine.nics = nic->next;
		nic_destroy(nic);
	}
	backend->destroy_all();
	sw_destroy_all();
	machine.config = NULL;
}
