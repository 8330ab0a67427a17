/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A set-associative hash table: a key lives in one of the four entries of its
 * bucket, so nothing is ever moved, chained or allocated after creation.
 */

#include "mac_table.h"

#include <stddef.h>
#include <stdlib.h>

#define WAYS 4u
#define BUCKETS (MAC_TABLE_ENTRIES / WAYS)

struct mac_entry {
	uint64_t key;
	struct sw_port *port;           /* NULL: free */
	uint64_t seen_ns;
};

struct mac_table {
	struct mac_entry entry[BUCKETS][WAYS];
};

struct mac_table *
mac_table_create(void)
{
	return calloc(1, sizeof(struct mac_table));
}

void
mac_table_destroy(struct mac_table *table)
{
	free(table);
}

static struct mac_entry *
bucket_of(struct mac_table *table, uint64_t key)
{
	return table->entry[(key * 0x9e3779b97f4a7c15ull) >> 52];
}
_Static_assert(BUCKETS == 1u << (64 - 52), "bucket_of() takes the top 12 bits");

static int
entry_alive(const struct mac_entry *entry, uint64_t now_ns)
{
	return entry->port != NULL && now_ns - entry->seen_ns < MAC_AGE_NS;
}

/* The entry of this key, or else the one to give up for it. */
static struct mac_entry *
entry_for(struct mac_entry *bucket, uint64_t key)
{
	struct mac_entry *oldest = &bucket[0];

	for (unsigned int i = 0; i < WAYS; i++) {
		struct mac_entry *entry = &bucket[i];

		if (entry->port != NULL && entry->key == key)
			return entry;
		if (oldest->port != NULL &&
		    (entry->port == NULL || entry->seen_ns < oldest->seen_ns))
			oldest = entry;
	}
	return oldest;
}

void
mac_table_learn(struct mac_table *table, uint64_t key, struct sw_port *port, uint64_t now_ns)
{
	struct mac_entry *entry = entry_for(bucket_of(table, key), key);

	entry->key = key;
	entry->port = port;
	entry->seen_ns = now_ns;
}

struct sw_port *
mac_table_find(struct mac_table *table, uint64_t key, uint64_t now_ns)
{
	const struct mac_entry *bucket = bucket_of(table, key);

	for (unsigned int i = 0; i < WAYS; i++) {
		if (bucket[i].key == key && entry_alive(&bucket[i], now_ns))
			return bucket[i].port;
	}
	return NULL;
}

void
mac_table_forget(struct mac_table *table, const struct sw_port *port)
{
	for (unsigned int b = 0; b < BUCKETS; b++) {
		for (unsigned int i = 0; i < WAYS; i++) {
			if (table->entry[b][i].port == port)
				table->entry[b][i].port = NULL;
		}
	}
}

unsigned int
mac_table_count(const struct mac_table *table, uint64_t now_ns)
{
	unsigned int count = 0;

	for (unsigned int b = 0; b < BUCKETS; b++) {
		for (unsigned int i = 0; i < WAYS; i++)
			count += entry_alive(&table->entry[b][i], now_ns) ? 1 : 0;
	}
	return count;
}
