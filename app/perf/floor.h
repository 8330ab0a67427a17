/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PERF_FLOOR_H
#define PERF_FLOOR_H

/*
 * The floor under every figure: a loop that does only what no driver of this
 * NIC can leave out. Its work list is fixed.
 *
 * Receive: the indices loaded once per burst; per transfer its header and
 * ranges copied and checked; per frame the RNDIS header and the per-packet
 * information loaded, the payload copied into an mbuf allocated in bulk, its
 * length, port and offload flags set; per burst one write of acknowledgements,
 * one publication, one fence.
 * Transmit: per frame header and per-packet information written and the payload
 * copied into a section, the mbufs freed in bulk; per message one ring write;
 * per burst one publication, one fence, and the completions reaped.
 *
 * It has no queues to stop, no host that lies in time, no chains, no VLAN: what
 * a driver costs beyond it is what those cost, or waste.
 */

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "vmbus_wire.h"

#define FLOOR_BURST_MAX 64u
#define FLOOR_TRANSFERS_MAX FLOOR_BURST_MAX
#define FLOOR_FRAMES_PER_MESSAGE 8u
#define FLOOR_SECTION_BYTES 6144u       /* of the send buffer, as hosts give it */
#define FLOOR_SLOTS 256u                /* messages under way */
#define FLOOR_RECV_SET 0xcafeu

/* One end of one direction; `index` is this end's own, the peer's is loaded. */
struct floor_ring {
	struct vmbus_ring_page *page;
	uint8_t *data;
	uint32_t data_bytes;
	uint32_t index;
};

struct floor_counters {
	uint64_t frames, transfers, messages, completions, malformed;
};

struct floor {
	struct floor_ring tx, rx;       /* guest ends */
	const uint8_t *recv_buffer;
	uint32_t recv_bytes;
	uint8_t *send_buffer;
	struct rte_mempool *pool;
	uint64_t rearm;                 /* of struct rte_mbuf: data_off, refcnt, nb_segs, port */
	uint16_t free_slots[FLOOR_SLOTS];       /* a stack; slot number = section number */
	uint32_t free_count;
	bool slot_busy[FLOOR_SLOTS];
	struct floor_counters counters;
};

/* Receives up to nb_pkts frames; whole transfers only, so nb_pkts must hold
 * what the host puts into one. Returns how many; 0 without a pool to take
 * mbufs from. The mbufs are the caller's. */
uint16_t floor_rx_burst(struct floor *f, struct rte_mbuf **pkts, uint16_t nb_pkts);

/* Sends up to FLOOR_BURST_MAX frames, each in one segment of the floor's own
 * pool with one reference; what was sent is freed. Returns how many were. */
uint16_t floor_tx_burst(struct floor *f, struct rte_mbuf **pkts, uint16_t nb_pkts);

#endif /* PERF_FLOOR_H */
