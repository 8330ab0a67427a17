/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HVSIM_MAC_TABLE_H
#define HVSIM_MAC_TABLE_H

/*
 * Which MAC address was last seen at which port, per VLAN. Of a fixed size: a
 * full bucket gives up its oldest entry, so that an address scan costs nothing
 * but learning.
 */

#include <stdint.h>

struct sw_port;
struct mac_table;

#define MAC_AGE_NS 300000000000ull
#define MAC_TABLE_ENTRIES 16384u

/* NULL and errno on error. */
struct mac_table *mac_table_create(void);
void mac_table_destroy(struct mac_table *table);

/* The key of an address in network order. */
static inline uint64_t
mac_key(const uint8_t *mac, uint16_t vlan)
{
	uint32_t high;
	uint16_t low;

	__builtin_memcpy(&high, mac, sizeof(high));
	__builtin_memcpy(&low, mac + 4, sizeof(low));
	return (uint64_t)vlan << 48 | (uint64_t)low << 32 | high;
}

void mac_table_learn(struct mac_table *table, uint64_t key, struct sw_port *port,
	uint64_t now_ns);
/* NULL if it is unknown or was not seen for MAC_AGE_NS. */
struct sw_port *mac_table_find(struct mac_table *table, uint64_t key, uint64_t now_ns);
/* Forgets all addresses at this port. */
void mac_table_forget(struct mac_table *table, const struct sw_port *port);
/* How many addresses are known. */
unsigned int mac_table_count(const struct mac_table *table, uint64_t now_ns);

#endif /* HVSIM_MAC_TABLE_H */
