/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HVSIM_PORT_H
#define HVSIM_PORT_H

/*
 * What the kinds of ports have in common: how one is made from its options.
 * A kind describes its options in a table; port_create.c reads the text,
 * complains in one way, and attaches what the kind made.
 */

#include <stdbool.h>
#include <stdint.h>

#include "../core/units.h"
#include "switch.h"

/* One port to be made. */
struct port_request {
	const char *kind;
	const char *options;            /* what follows the colon */
	char name[32];                  /* chosen already, unless the kind names itself */
	bool named;                     /* by the user */
	uint64_t seed;
	char *error;
	unsigned int error_bytes;
};

/* One option. set() returns 0, or a negative errno for a value it refuses;
 * the message then says what it expects. */
struct port_option {
	const char *key;
	int (*set)(void *config, const char *value);
	const char *expects;
};

struct port_kind {
	const char *kind;
	const char *help;               /* lines that end in \n, indented by two */
	/* Makes the port, not attached; NULL with an error written. */
	struct sw_port *(*create)(struct port_request *request);
};

extern const struct port_kind port_kind_afpacket;
extern const struct port_kind port_kind_echo;
extern const struct port_kind port_kind_gen;
extern const struct port_kind port_kind_pcap;
extern const struct port_kind port_kind_sink;
extern const struct port_kind port_kind_tap;

/* Reads the request's options into config by the table, which ends with a NULL
 * key; "name" is known to all kinds. Returns 0 or -EINVAL with an error. */
int port_options(const struct port_request *request, const struct port_option *table,
	void *config);
/* Writes "kind: ..." as the request's error; always returns NULL. */
struct sw_port *port_error(const struct port_request *request, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Values that several kinds read: "", "yes", "on" / "no", "off"; a number that
 * fits into 32 bits; a MAC address is units_parse_mac()'s. */
int port_parse_u32(const char *value, uint32_t *result);
/* Copies a text of 1 ... bytes - 1 characters. */
int port_parse_text(const char *value, char *result, unsigned int bytes);

/* Fills in what every kind sets. */
void port_init(struct sw_port *port, const struct sw_port_ops *ops, const char *name);

#endif /* HVSIM_PORT_H */
