/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Receive-side scaling: the Toeplitz hash over the fields that the guest chose.
 * The hash is linear, so it is looked up byte by byte: table[position][value]
 * holds what that byte contributes under the key.
 */

#include <errno.h>
#include <stdlib.h>

#include "offload.h"

/* Two IPv6 addresses and two ports. */
#define INPUT_BYTES_MAX 36u

/* The 32 bits of the key that start at a bit. */
static uint32_t
key_window(const uint8_t key[NDIS_RSS_KEY_BYTES], unsigned int bit)
{
	uint64_t window = 0;

	for (unsigned int i = 0; i < 5; i++) {
		unsigned int at = bit / 8 + i;

		window = window << 8 | (at < NDIS_RSS_KEY_BYTES ? key[at] : 0);
	}
	return (uint32_t)(window >> (8 - bit % 8));
}

int
rss_set_key(struct vsp_rss *rss, const uint8_t key[NDIS_RSS_KEY_BYTES])
{
	if (rss->toeplitz == NULL)
		rss->toeplitz = calloc((size_t)INPUT_BYTES_MAX * 256, sizeof(*rss->toeplitz));
	if (rss->toeplitz == NULL)
		return -ENOMEM;
	memmove(rss->key, key, NDIS_RSS_KEY_BYTES);
	for (unsigned int at = 0; at < INPUT_BYTES_MAX; at++) {
		uint32_t *table = rss->toeplitz + at * 256;

		table[0] = 0;
		for (unsigned int value = 1; value < 256; value++) {
			unsigned int low = value & -value;
			unsigned int bit = 7u - (unsigned int)__builtin_ctz(low);

			table[value] = table[value ^ low] ^ key_window(rss->key, at * 8 + bit);
		}
	}
	return 0;
}

void
rss_free(struct vsp_rss *rss)
{
	free(rss->toeplitz);
	rss->toeplitz = NULL;
}

static inline uint32_t
toeplitz(const struct vsp_rss *rss, const uint8_t *input, uint32_t bytes)
{
	const uint32_t *table = rss->toeplitz;
	uint32_t hash = 0;

	for (uint32_t i = 0; i < bytes; i++)
		hash ^= table[i * 256 + input[i]];
	return hash;
}

/* The type to use for a packet with these ports, or 0. */
static uint32_t
pick(uint32_t allowed, uint32_t l4_type, uint32_t l3_type)
{
	if ((allowed & l4_type) != 0)
		return l4_type;
	return allowed & l3_type;
}

static bool
hash_ipv4(const struct vsp_rss *rss, const uint8_t *head, const struct frame_view *view,
	uint32_t *hash, uint32_t *type)
{
	uint32_t l4_type = 0;
	uint8_t input[12];

	if (view->l4_offset != 0 && view->proto == IP_TCP)
		l4_type = NDIS_HASH_TCP_IPV4;
	else if (view->l4_offset != 0 && view->proto == IP_UDP)
		l4_type = NDIS_HASH_UDP_IPV4;
	*type = pick(rss->hash_types, l4_type, NDIS_HASH_IPV4);
	if (*type == 0)
		return false;
	memcpy(input, head + view->l3_offset + 12, 8);
	if (*type == NDIS_HASH_IPV4) {
		*hash = toeplitz(rss, input, 8);
		return true;
	}
	memcpy(input + 8, head + view->l4_offset, 4);
	*hash = toeplitz(rss, input, 12);
	return true;
}

/* The addresses that IPv6-EX hashes instead: the home address of a destination
 * options header, the final address of a type 2 routing header. Returns whether
 * the packet has one. The walk stays within the headers frame_parse() checked. */
static bool
extension_addresses(const uint8_t *head, const struct frame_view *view, uint8_t *input)
{
	uint32_t at = view->l3_offset + 40u;
	uint32_t end = HV_MIN((uint32_t)view->l4_offset, FRAME_HEAD_BYTES);
	uint8_t next = head[view->l3_offset + 6u];
	bool found = false;

	while (at + 8 <= end) {
		uint32_t bytes = (head[at + 1] + 1u) * 8;

		if (at + bytes > end)
			break;
		if (next == 43 && head[at + 2] == 2 && bytes >= 24) {
			memcpy(input + 16, head + at + 8, 16);
			found = true;
		}
		if (next == 60) {
			/* Options: type, length, data; padding 0 has no length. */
			for (uint32_t o = at + 2; o + 18 <= at + bytes;) {
				if (head[o] == 0) {
					o++;
					continue;
				}
				if (head[o] == 0xc9 && head[o + 1] == 16) {
					memcpy(input, head + o + 2, 16);
					found = true;
				}
				o += 2u + head[o + 1];
			}
		}
		next = head[at];
		at += bytes;
	}
	return found;
}

static bool
hash_ipv6(const struct vsp_rss *rss, const uint8_t *head, const struct frame_view *view,
	uint32_t *hash, uint32_t *type)
{
	const uint32_t ex = NDIS_HASH_IPV6_EX | NDIS_HASH_TCP_IPV6_EX | NDIS_HASH_UDP_IPV6_EX;
	uint32_t l4_type = 0, l4_ex = 0;
	uint8_t input[INPUT_BYTES_MAX];

	if (view->l4_offset != 0 && view->proto == IP_TCP) {
		l4_type = NDIS_HASH_TCP_IPV6;
		l4_ex = NDIS_HASH_TCP_IPV6_EX;
	} else if (view->l4_offset != 0 && view->proto == IP_UDP) {
		l4_type = NDIS_HASH_UDP_IPV6;
		l4_ex = NDIS_HASH_UDP_IPV6_EX;
	}
	memcpy(input, head + view->l3_offset + 8, 32);
	*type = 0;
	if ((rss->hash_types & ex) != 0 && extension_addresses(head, view, input))
		*type = pick(rss->hash_types, l4_ex, NDIS_HASH_IPV6_EX);
	if (*type == 0) {
		memcpy(input, head + view->l3_offset + 8, 32);
		*type = pick(rss->hash_types, l4_type, NDIS_HASH_IPV6);
	}
	/* Without extensions the EX types are the plain ones. */
	if (*type == 0)
		*type = pick(rss->hash_types, l4_ex, NDIS_HASH_IPV6_EX);
	if (*type == 0)
		return false;
	if ((*type & (NDIS_HASH_IPV6 | NDIS_HASH_IPV6_EX)) != 0) {
		*hash = toeplitz(rss, input, 32);
		return true;
	}
	memcpy(input + 32, head + view->l4_offset, 4);
	*hash = toeplitz(rss, input, 36);
	return true;
}

bool
rss_hash(const struct vsp_rss *rss, const uint8_t *frame, uint32_t bytes,
	uint32_t *hash, uint32_t *type)
{
	uint8_t head[FRAME_HEAD_BYTES];
	struct frame_view view;

	if (rss->toeplitz == NULL || !frame_parse_shared(frame, bytes, head, &view))
		return false;
	if (view.ip_version == 4)
		return hash_ipv4(rss, head, &view, hash, type);
	return hash_ipv6(rss, head, &view, hash, type);
}
