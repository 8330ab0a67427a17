/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Completes a configuration: names, addresses, profiles and references. What
 * is filled in depends on the seed and on the order alone, so that the same
 * command gives the same machine.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_private.h"
#include "util.h"

/* ---- profiles ---- */

static struct config_profiles profiles;

void
config_set_profiles(const struct config_profiles *known)
{
	profiles = *known;
}

static int
profile_check(const char *kind, const char *word, const char *(*name)(unsigned int i),
	const struct config_errbuf *error)
{
	char list[256];
	size_t n = 0;

	list[0] = '\0';
	for (unsigned int i = 0; name != NULL && name(i) != NULL && n < sizeof(list); i++) {
		if (strcmp(name(i), word) == 0)
			return 0;
		n += (size_t)snprintf(list + n, sizeof(list) - n, "%s%s", i == 0 ? "" : ", ",
			name(i));
	}
	if (name == NULL)
		return 0;
	return config_error(error, "there is no %s profile \"%s\"; there are %s", kind, word,
		list);
}

static int
host_profile_finish(char name[16], const char *fallback, const struct config_errbuf *error)
{
	if (name[0] == '\0')
		config_copy_text(name, 16, fallback);
	return profile_check("host", name, profiles.host, error);
}

static int
kernel_profile_finish(char name[16], const char *fallback, const struct config_errbuf *error)
{
	if (name[0] == '\0')
		config_copy_text(name, 16, fallback);
	return profile_check("kernel", name, profiles.kernel, error);
}

/* ---- guests ---- */

static struct config_guest *
guest_find(const struct config *config, const char *name)
{
	for (struct config_guest *g = config->guests; g != NULL; g = g->next) {
		if (strcmp(g->name, name) == 0)
			return g;
	}
	return NULL;
}

static int
guest_ensure(struct config *config, const char *name, const struct config_errbuf *error)
{
	struct config_guest *guest, **link = &config->guests;

	if (guest_find(config, name) != NULL)
		return 0;
	guest = calloc(1, sizeof(*guest));
	if (guest == NULL)
		return config_error(error, "out of memory");
	snprintf(guest->name, sizeof(guest->name), "%s", name);
	while (*link != NULL)
		link = &(*link)->next;
	*link = guest;
	return 0;
}

static int
guests_finish(struct config *config, const struct config_errbuf *error)
{
	for (struct config_guest *g = config->guests; g != NULL; g = g->next) {
		if (guest_find(config, g->name) != g)
			return config_error(error, "two guests are called \"%s\"", g->name);
		if (kernel_profile_finish(g->kernel_profile, config->kernel_profile, error) < 0)
			return -EINVAL;
		if (g->iova == IOVA_AUTO)
			g->iova = config->iova;
		g->isolated |= config->isolated;
	}
	return 0;
}

/* ---- NICs ---- */

static struct config_nic *
nic_find(const struct config *config, const char *name)
{
	for (struct config_nic *n = config->nics; n != NULL; n = n->next) {
		if (strcmp(n->name, name) == 0)
			return n;
	}
	return NULL;
}

/* The other NIC with this address, or NULL. */
static const struct config_nic *
mac_taken(const struct config *config, const struct config_nic *nic)
{
	for (const struct config_nic *n = config->nics; n != NULL; n = n->next) {
		if (n != nic && n->has_mac && memcmp(n->mac, nic->mac, 6) == 0)
			return n;
	}
	return NULL;
}

static const struct config_nic *
guid_taken(const struct config *config, const struct config_nic *nic)
{
	for (const struct config_nic *n = config->nics; n != NULL; n = n->next) {
		if (n != nic && n->has_guid && memcmp(n->guid, nic->guid, 16) == 0)
			return n;
	}
	return NULL;
}

static void
nic_choose_name(const struct config *config, struct config_nic *nic)
{
	char name[sizeof(nic->name)];

	for (unsigned int i = 0;; i++) {
		snprintf(name, sizeof(name), "nic%u", i);
		if (nic_find(config, name) == NULL)
			break;
	}
	memcpy(nic->name, name, sizeof(name));
}

/* Hyper-V's own prefix, two bytes of the seed, then counted. */
static void
nic_choose_mac(const struct config *config, struct config_nic *nic)
{
	struct rng rng = { config->seed };
	uint32_t tail = (uint32_t)rng_next(&rng) & 0xffff00u;

	do {
		const uint8_t mac[6] = { 0x00, 0x15, 0x5d, (uint8_t)(tail >> 16),
			(uint8_t)(tail >> 8), (uint8_t)tail };

		memcpy(nic->mac, mac, sizeof(mac));
		tail++;
	} while (mac_taken(config, nic) != NULL);
	nic->has_mac = true;
}

static void
nic_choose_guid(const struct config *config, struct config_nic *nic)
{
	struct rng rng = { ~config->seed };

	do {
		for (unsigned int i = 0; i < 16; i++)
			nic->guid[i] = (uint8_t)rng_next(&rng);
		nic->guid[6] = (uint8_t)(0x40 | (nic->guid[6] & 0x0f));     /* random */
		nic->guid[8] = (uint8_t)(0x80 | (nic->guid[8] & 0x3f));
	} while (guid_taken(config, nic) != NULL);
	nic->has_guid = true;
}

static int
nic_check_unique(const struct config *config, const struct config_nic *nic,
	const struct config_errbuf *error)
{
	const struct config_nic *other;

	if (nic_find(config, nic->name) != nic)
		return config_error(error, "two NICs are called \"%s\"", nic->name);
	other = mac_taken(config, nic);
	if (other != NULL)
		return config_error(error, "%s and %s have the same MAC address", nic->name,
			other->name);
	other = guid_taken(config, nic);
	if (other != NULL)
		return config_error(error, "%s and %s have the same GUID", nic->name,
			other->name);
	return 0;
}

static int
nic_finish(struct config *config, struct config_nic *nic, const struct config_errbuf *error)
{
	if (nic->port[0] != '\0' && (nic->sw[0] != '\0' || nic->vlan[0] != '\0'))
		return config_error(error, "%s has a port of its own and is on no switch: "
			"leave out port or sw and vlan", nic->name);
	if (nic->port[0] == '\0' && nic->sw[0] == '\0')
		config_copy_text(nic->sw, sizeof(nic->sw), "sw0");
	if (nic->guest[0] == '\0')
		config_copy_text(nic->guest, sizeof(nic->guest), config->guests != NULL ?
			config->guests->name : "guest0");
	if (!nic->has_mac_filter)
		nic->mac_filter = nic->port[0] == '\0';
	if (!nic->has_mac)
		nic_choose_mac(config, nic);
	if (!nic->has_guid)
		nic_choose_guid(config, nic);
	if (nic_check_unique(config, nic, error) < 0 ||
	    host_profile_finish(nic->host_profile, config->host_profile, error) < 0)
		return -EINVAL;
	return guest_ensure(config, nic->guest, error);
}

int
config_finish(struct config *config, char *error, unsigned int bytes)
{
	struct config_errbuf errbuf = { error, bytes };

	if (host_profile_finish(config->host_profile, "ws2022", &errbuf) < 0 ||
	    kernel_profile_finish(config->kernel_profile, profiles.kernel_default != NULL ?
			profiles.kernel_default : "", &errbuf) < 0)
		return -EINVAL;
	for (struct config_nic *n = config->nics; n != NULL; n = n->next) {
		if (n->name[0] == '\0')
			nic_choose_name(config, n);
	}
	for (struct config_nic *n = config->nics; n != NULL; n = n->next) {
		if (nic_finish(config, n, &errbuf) < 0)
			return -EINVAL;
	}
	if (config->guests == NULL && guest_ensure(config, "guest0", &errbuf) < 0)
		return -EINVAL;
	for (struct config_port *p = config->ports; p != NULL; p = p->next) {
		if (p->sw[0] == '\0')
			config_copy_text(p->sw, sizeof(p->sw), "sw0");
	}
	return guests_finish(config, &errbuf);
}
