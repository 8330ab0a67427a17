/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FAKE_WORLD_H
#define FAKE_WORLD_H

/* Between the two halves of the scripted host: fake_world.c has the memory, the
 * rings and the stand-ins for bus and EAL, fake_host.c what the host answers. */

#include "fake_host.h"

#define FAKE_RING_DATA_BYTES 16384u
#define FAKE_RING_BYTES (HV_PAGE_BYTES + FAKE_RING_DATA_BYTES)
#define FAKE_RECV_BYTES (64u * 4096u)
#define FAKE_SEND_BYTES (64u * 4096u)
#define FAKE_SUBALLOC_BYTES 2048u
#define FAKE_HELD_MAX 16u
#define FAKE_SUBCHANNELS_MAX 7u
#define FAKE_MTU_FRAME_DEFAULT 1514u

struct fake_held {
	uint16_t type;
	uint64_t transaction_id;
	uint32_t bytes;
	uint8_t payload[512];
};

/* The host's own: the guest sees none of it. */
extern struct fake_world {
	struct fake_host host;
	uint8_t *rings;
	uint8_t *recv, *send;           /* the former NULL while the device is closed */
	bool kept;                      /* of recv, at the next close */
	int kept_maps;                  /* of devices closed before */
	unsigned int keeps;             /* how many there ever were */
	bool scattered;                 /* no two pages follow each other */
	struct vmbus_channel channel, sub[FAKE_SUBCHANNELS_MAX];
	uint32_t tx_read, rx_write;     /* the host's own indices */
	uint32_t recv_slot;
	uint64_t next_transfer;
	struct fake_held held[FAKE_HELD_MAX];
	unsigned int held_count;
	bool acting;
	bool confused;                  /* by its own lies: it reads no further */
	struct rte_eth_dev_data data;
} fake_world;

/* EAL's memory: after `left` more allocations one fails, then no other; `out` of them
 * are not freed. */
extern struct fake_memory {
	uint64_t left;                  /* UINT64_MAX: none fails */
	bool failed;
	uint64_t out;
	uint64_t on_node[3];            /* asked for: on any NUMA node, on 0, on 1 */
} fake_memory;

/* Puts a packet into the ring to the guest. */
struct fake_packet {
	uint16_t type;
	uint64_t transaction_id;
	const void *ext;
	uint32_t ext_bytes;
	const void *payload;
	uint32_t bytes;
};
void fake_world_write(const struct fake_packet *packet);

/* Whether a request may come now: whoever waits for an answer has the driver's control
 * lock. One that nobody waits for any more may have been read late. */
bool fake_world_asked(void);

/* The host's answer to one of the guest's packets. */
void fake_host_packet(const struct vmbus_packet_header *header, const uint8_t *packet);

#endif /* FAKE_WORLD_H */
