/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * NICs and ports from option lists. Each option is one row of a
 * table: its name, what it expects, how to set it; the topology file
 * (config_file.c) goes through the same rows, so both say the same things.
 * config_settings.c has the settings of the whole host, config_finish.c fills
 * in defaults and checks references.
 */

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_private.h"
#include "units.h"
#include "util.h"

#define NIC_FRAME_HEADER_BYTES 14u
#define NIC_MTU_MAX_BYTES 9216u

void
config_init(struct config *config)
{
	memset(config, 0, sizeof(*config));
	config->seed = 1;
	config->numa_node = -1;
}

void
config_fini(struct config *config)
{
	for (struct config_guest *g = config->guests, *next; g != NULL; g = next) {
		next = g->next;
		free(g);
	}
	for (struct config_nic *n = config->nics, *next; n != NULL; n = next) {
		next = n->next;
		free(n);
	}
	for (struct config_port *p = config->ports, *next; p != NULL; p = next) {
		next = p->next;
		free(p);
	}
	config_init(config);
}

int
config_error(const struct config_errbuf *error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error->text, error->bytes, format, args);
	va_end(args);
	return -EINVAL;
}

/* ---- values ---- */

int
config_copy_text(char *to, size_t to_bytes, const char *value)
{
	size_t length = strlen(value);

	if (length >= to_bytes)
		return -EINVAL;
	memcpy(to, value, length + 1);
	return 0;
}

int
config_copy_name(char *to, size_t to_bytes, const char *value)
{
	if (*value == '\0' || *value == '.' || *value == '-')
		return -EINVAL;
	for (const char *p = value; *p != '\0'; p++) {
		if (!isalnum((unsigned char)*p) && strchr("._-", *p) == NULL)
			return -EINVAL;
	}
	return config_copy_text(to, to_bytes, value);
}

int
config_parse_bounded(const char *value, uint64_t min, uint64_t max, uint32_t *number)
{
	uint64_t parsed;

	if (units_parse_uint(value, &parsed) < 0 || parsed < min || parsed > max)
		return -EINVAL;
	*number = (uint32_t)parsed;
	return 0;
}

/* Adds "N" or "N-M" to the set of VLANs; returns where it ends or NULL. */
static const char *
vlan_range_add(const char *text, uint64_t allowed[64])
{
	char *end;
	unsigned long first, last;

	if (!isdigit((unsigned char)*text))
		return NULL;
	first = last = strtoul(text, &end, 10);
	if (*end == '-') {
		text = end + 1;
		if (!isdigit((unsigned char)*text))
			return NULL;
		last = strtoul(text, &end, 10);
	}
	if (first < 1 || last > 4094 || first > last)
		return NULL;
	for (; first <= last; first++)
		allowed[first / 64] |= 1ull << (first % 64);
	return end;
}

static int
vlan_trunk(const char *list, struct config_vlan *vlan)
{
	vlan->trunk = true;
	if (*list == '\0' || strcmp(list, ":all") == 0) {
		vlan_range_add("1-4094", vlan->allowed);
		return 0;
	}
	if (*list != ':')
		return -EINVAL;
	do {
		list = vlan_range_add(list + 1, vlan->allowed);
	} while (list != NULL && *list == ',');
	return list != NULL && *list == '\0' ? 0 : -EINVAL;
}

int
config_parse_vlan(const char *text, struct config_vlan *vlan)
{
	uint32_t id;

	memset(vlan, 0, sizeof(*vlan));
	if (*text == '\0')
		return 0;
	if (strncmp(text, "trunk", 5) == 0)
		return vlan_trunk(text + 5, vlan);
	if (config_parse_bounded(text, 1, 4094, &id) < 0)
		return -EINVAL;
	vlan->access = (uint16_t)id;
	return 0;
}

static int
copy_vlan(char *to, size_t to_bytes, const char *value)
{
	struct config_vlan vlan;

	if (*value == '\0' || config_parse_vlan(value, &vlan) < 0)
		return -EINVAL;
	return config_copy_text(to, to_bytes, value);
}

/* ---- options of a NIC ---- */

#define NIC_SETTER(option) \
	static int nic_set_##option(struct config_nic *nic, const char *value)

NIC_SETTER(queues) { return config_parse_bounded(value, 1, 64, &nic->queues); }
NIC_SETTER(name) { return config_copy_name(nic->name, sizeof(nic->name), value); }
NIC_SETTER(guest) { return config_copy_name(nic->guest, sizeof(nic->guest), value); }
NIC_SETTER(sw) { return config_copy_name(nic->sw, sizeof(nic->sw), value); }
NIC_SETTER(vlan) { return copy_vlan(nic->vlan, sizeof(nic->vlan), value); }
NIC_SETTER(rsc) { return units_parse_bool(value, &nic->rsc); }
NIC_SETTER(vf) { return units_parse_bool(value, &nic->vf); }
NIC_SETTER(spoofing) { return units_parse_bool(value, &nic->mac_spoofing); }
NIC_SETTER(partial_csum) { return units_parse_bool(value, &nic->partial_csum); }
NIC_SETTER(two_sections) { return units_parse_bool(value, &nic->two_sections); }
NIC_SETTER(recv_sections) { return config_parse_bounded(value, 18, 65535, &nic->recv_sections); }

NIC_SETTER(frames_per_transfer)
{
	return config_parse_bounded(value, 1, 375, &nic->frames_per_transfer);
}

NIC_SETTER(host)
{
	return config_copy_name(nic->host_profile, sizeof(nic->host_profile), value);
}

NIC_SETTER(mac)
{
	uint8_t mac[6];

	/* A station address: neither a group nor all zeros. */
	if (units_parse_mac(value, mac) < 0 || (mac[0] & 1) != 0 ||
	    memcmp(mac, "\0\0\0\0\0", 6) == 0)
		return -EINVAL;
	memcpy(nic->mac, mac, sizeof(mac));
	nic->has_mac = true;
	return 0;
}

NIC_SETTER(guid)
{
	if (units_parse_guid(value, nic->guid) < 0)
		return -EINVAL;
	nic->has_guid = true;
	return 0;
}

NIC_SETTER(monitor)
{
	bool on;

	if (units_parse_bool(value, &on) < 0)
		return -EINVAL;
	nic->monitor = on;
	return 0;
}

NIC_SETTER(link)
{
	uint64_t bps;

	/* The guest is told in 100s of bits, in 32 bits. */
	if (units_parse_bps(value, &bps) < 0 || bps < 100 || bps / 100 > UINT32_MAX)
		return -EINVAL;
	nic->link_bps = bps;
	return 0;
}

NIC_SETTER(mtu)
{
	uint64_t bytes;

	if (units_parse_bytes(value, &bytes) < 0 || bytes < 68 || bytes > NIC_MTU_MAX_BYTES)
		return -EINVAL;
	nic->mtu_max = (uint32_t)bytes + NIC_FRAME_HEADER_BYTES;
	return 0;
}

NIC_SETTER(mac_filter)
{
	nic->has_mac_filter = true;
	return units_parse_bool(value, &nic->mac_filter);
}

NIC_SETTER(port)
{
	if (*value == '\0')
		return -EINVAL;
	return config_copy_text(nic->port, sizeof(nic->port), value);
}

struct nic_option {
	const char *name;
	const char *expects;
	int (*set)(struct config_nic *nic, const char *value);
};

static const char name_expected[] = "a name of letters, digits, '.', '_' and '-'";
static const char bool_expected[] = CONFIG_BOOL_EXPECTED;
static const char vlan_expected[] = "a VLAN from 1 to 4094, or trunk, or [trunk:1-10,20]";

static const struct nic_option nic_options[] = {
	{ "name", name_expected, nic_set_name },
	{ "guest", name_expected, nic_set_guest },
	{ "queues", "a number from 1 to 64", nic_set_queues },
	{ "mac", "a unicast address such as 00:15:5d:01:02:03", nic_set_mac },
	{ "guid", "a GUID such as 7a08391f-f5a0-4ac0-9802-d13fd964f8df", nic_set_guid },
	{ "host", "a host profile (see 'hvsim profiles')", nic_set_host },
	{ "link", "a speed from 100 bit/s to 429G such as 25G", nic_set_link },
	{ "mtu", "a size from 68 to 9k", nic_set_mtu },
	{ "sw", name_expected, nic_set_sw },
	{ "vlan", vlan_expected, nic_set_vlan },
	{ "monitor", bool_expected, nic_set_monitor },
	{ "frames-per-transfer", "a number from 1 to 375", nic_set_frames_per_transfer },
	{ "recv-sections", "a number from 18 to 65535", nic_set_recv_sections },
	{ "two-sections", bool_expected, nic_set_two_sections },
	{ "partial-csum", bool_expected, nic_set_partial_csum },
	{ "rsc", bool_expected, nic_set_rsc },
	{ "mac-filter", bool_expected, nic_set_mac_filter },
	{ "spoofing", bool_expected, nic_set_spoofing },
	{ "vf", bool_expected, nic_set_vf },
	{ "port", "a port such as echo or gen:size=64 (see 'hvsim ports')", nic_set_port },
};
static_assert(ARRAY_SIZE(nic_options) <= 32, "a bit per option");

int
config_unknown(const struct config_errbuf *error, const char *what, const char *word,
	const char *(*name)(unsigned int i))
{
	char list[512];
	size_t n = 0;

	list[0] = '\0';
	for (unsigned int i = 0; name(i) != NULL && n < sizeof(list); i++)
		n += (size_t)snprintf(list + n, sizeof(list) - n, "%s%s", i == 0 ? "" : ", ",
			name(i));
	return config_error(error, "%s has no option \"%s\"; it has %s", what, word, list);
}

static const char *
nic_option_name(unsigned int i)
{
	return i < ARRAY_SIZE(nic_options) ? nic_options[i].name : NULL;
}

void
config_nic_defaults(struct config_nic *nic)
{
	memset(nic, 0, sizeof(*nic));
	nic->queues = 8;
	nic->monitor = -1;
	nic->link_bps = 40000000000u;
	nic->mtu_max = NIC_MTU_MAX_BYTES + NIC_FRAME_HEADER_BYTES;
	nic->frames_per_transfer = 375;
	nic->mac_spoofing = true;
}

int
config_nic_set(struct config_nic *nic, uint32_t *seen, const char *name, const char *value,
	const struct config_errbuf *error)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(nic_options); i++) {
		const struct nic_option *option = &nic_options[i];

		if (strcmp(option->name, name) != 0)
			continue;
		if ((*seen & 1u << i) != 0)
			return config_error(error, "a NIC has one \"%s\", not two", name);
		*seen |= 1u << i;
		if (option->set(nic, value) < 0)
			return config_error(error, "%s=%s: expected %s", name, value,
				option->expects);
		return 0;
	}
	return config_unknown(error, "a NIC", name, nic_option_name);
}

/* A private port comes last and takes the rest of the text, because its own
 * options are separated by commas too; unless it has none ("echo") or is
 * quoted by brackets. Returns 1 if it did, 0 if it is an ordinary option. */
static int
nic_port_tail(struct config_nic *nic, uint32_t *seen, const char *rest,
	const struct config_errbuf *error)
{
	const char *value = rest + strlen("port=");
	int ret;

	if (strncmp(rest, "port=", 5) != 0 || *value == '[')
		return 0;
	if (value[strcspn(value, ":,")] == ',')
		return 0;
	ret = config_nic_set(nic, seen, "port", value, error);
	return ret < 0 ? ret : 1;
}

static int
nic_parse(struct config_nic *nic, const char *spec, struct option_cursor *cursor,
	const struct config_errbuf *error)
{
	uint32_t seen = 0;
	int ret;

	option_start(cursor, spec);
	for (;;) {
		ret = nic_port_tail(nic, &seen, cursor->rest, error);
		if (ret != 0)
			return ret < 0 ? ret : 0;
		if (!option_next(cursor))
			break;
		ret = config_nic_set(nic, &seen, cursor->key, cursor->value, error);
		if (ret < 0)
			return ret;
	}
	if (cursor->error != 0)
		return config_error(error, "\"%s\" is no list of options; write it like "
			"queues=4,port=echo", spec);
	return 0;
}

void
config_nic_append(struct config *config, struct config_nic *nic)
{
	struct config_nic **link = &config->nics;

	while (*link != NULL)
		link = &(*link)->next;
	nic->next = NULL;
	*link = nic;
}

int
config_add_nic(struct config *config, const char *spec, char *error, unsigned int bytes)
{
	struct config_errbuf errbuf = { error, bytes };
	struct config_nic *nic = malloc(sizeof(*nic));
	struct option_cursor *cursor = malloc(sizeof(*cursor));
	int ret;

	if (nic == NULL || cursor == NULL) {
		ret = config_error(&errbuf, "out of memory");
	} else {
		config_nic_defaults(nic);
		ret = nic_parse(nic, spec, cursor, &errbuf);
	}
	free(cursor);
	if (ret < 0)
		free(nic);
	else
		config_nic_append(config, nic);
	return ret;
}

void
config_remove_nic(struct config *config, const char *name)
{
	for (struct config_nic **link = &config->nics; *link != NULL; link = &(*link)->next) {
		struct config_nic *nic = *link;

		if (strcmp(nic->name, name) == 0) {
			*link = nic->next;
			free(nic);
			return;
		}
	}
}

/* ---- ports ---- */

int
config_port_set_place(struct config_port *port, const char *name, const char *value,
	const struct config_errbuf *error)
{
	if (strcmp(name, "sw") == 0) {
		if (config_copy_name(port->sw, sizeof(port->sw), value) < 0)
			return config_error(error, "sw=%s: expected %s", value, name_expected);
		return 1;
	}
	if (strcmp(name, "vlan") == 0) {
		if (copy_vlan(port->vlan, sizeof(port->vlan), value) < 0)
			return config_error(error, "vlan=%s: expected %s", value, vlan_expected);
		return 1;
	}
	return 0;
}

/* Takes sw= and vlan= out of the options; the rest is the port's own. */
static int
port_parse(struct config_port *port, const char *spec, struct option_cursor *cursor,
	const struct config_errbuf *error)
{
	size_t n = strcspn(spec, ":");
	const char *item;
	char separator = ':';
	int ret;

	if (n == 0 || strlen(spec) >= sizeof(port->spec))
		return config_error(error, "\"%s\" is no port; write it like tap:name=tap0 "
			"(see 'hvsim ports')", spec);
	memcpy(port->spec, spec, n);
	option_start(cursor, spec[n] == ':' ? spec + n + 1 : "");
	for (item = cursor->rest; option_next(cursor); item = cursor->rest) {
		size_t length = (size_t)(cursor->rest - item);

		ret = config_port_set_place(port, cursor->key, cursor->value, error);
		if (ret < 0)
			return ret;
		if (ret > 0)
			continue;
		length -= item[length - 1] == ',';
		port->spec[n++] = separator;
		memcpy(port->spec + n, item, length);
		n += length;
		separator = ',';
	}
	port->spec[n] = '\0';
	if (cursor->error != 0)
		return config_error(error, "\"%s\" has a malformed list of options; write it "
			"like tap:name=tap0,vlan=100", spec);
	return 0;
}

void
config_port_append(struct config *config, struct config_port *port)
{
	struct config_port **link = &config->ports;

	while (*link != NULL)
		link = &(*link)->next;
	port->next = NULL;
	*link = port;
}

int
config_add_port(struct config *config, const char *spec, char *error, unsigned int bytes)
{
	struct config_errbuf errbuf = { error, bytes };
	struct config_port *port = calloc(1, sizeof(*port));
	struct option_cursor *cursor = malloc(sizeof(*cursor));
	int ret;

	if (port == NULL || cursor == NULL)
		ret = config_error(&errbuf, "out of memory");
	else
		ret = port_parse(port, spec, cursor, &errbuf);
	free(cursor);
	if (ret < 0)
		free(port);
	else
		config_port_append(config, port);
	return ret;
}
