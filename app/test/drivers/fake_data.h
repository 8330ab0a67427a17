/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FAKE_DATA_H
#define FAKE_DATA_H

/*
 * The data path of the scripted host: it takes the guest's messages apart, with
 * a parser of its own, and sends frames to the guest. Every message is checked
 * as a host checks it; what no host would take counts as host->errors.
 */

#include "fake_host.h"
#include "fake_pool.h"
#include "fake_world.h"

#define FAKE_FRAMES_MAX 1024u
#define FAKE_FRAME_BYTES 16384u
#define FAKE_PPI_MAX 8u

/* A frame that the host received, or is to send. */
struct fake_frame {
	const uint8_t *data;
	uint32_t bytes;
	uint32_t ppi_count;
	struct {
		uint32_t type, value;
	} ppi[FAKE_PPI_MAX];
	/* of received ones */
	uint32_t message;           /* number of the message that it came in */
	bool by_page;
	bool padding_dirty;         /* something but zeros behind it */
	/* of ones to send: spoils the message */
	bool malformed;
	bool outside;               /* the range leads out of the buffer */
};

struct fake_data {
	struct fake_host *host;
	struct rte_eth_dev *eth;
	struct fake_pool pool;
	struct fake_frame frame[FAKE_FRAMES_MAX];
	uint32_t frames;
	uint32_t messages;
	uint32_t message_frames_max, message_bytes_max;
	uint32_t aligned_wrong;     /* packets that start at no multiple of the alignment */
	/* completions */
	bool hold;                  /* keep them */
	uint32_t status;
	uint64_t held[4096];
	uint32_t held_count;
	uint32_t section_next;      /* of the receive buffer */
	uint64_t transfer_id;
};

/* A host with a port of one receive and one transmit queue, started. `set` may
 * change the host before, and the configuration; NULL: nothing. */
struct fake_setup {
	void (*host)(struct fake_host *host);
	uint64_t rx_offloads, tx_offloads;
	uint16_t data_room, nb_desc, mtu;
	uint32_t mbufs;
	bool no_page_lists;
	bool lend;                  /* rx_extmbuf_enable=1, with this rx_copybreak */
	uint32_t rx_copybreak;
};
struct fake_data *fake_data_start(const struct fake_setup *setup);
/* As rte_eth_dev_reset() does it and the start after it; 0 or -errno. */
int fake_data_reset(struct fake_data *d, const struct fake_setup *setup);
/* Ends it all: nothing may be missing. */
void fake_data_stop(struct fake_data *d);

/* The host sends frames in one transfer, and owes the section until it is
 * acknowledged. */
void fake_data_send(struct fake_data *d, const struct fake_frame *frames, unsigned int count);
/* The held completions go out. */
void fake_data_complete(struct fake_data *d);
/* What the PPI says, or UINT32_MAX - 1 if the frame has none of the type. */
#define FAKE_NO_PPI (UINT32_MAX - 1)
uint32_t fake_frame_ppi(const struct fake_frame *frame, uint32_t type);

uint16_t fake_rx(struct fake_data *d, struct rte_mbuf **pkts, uint16_t n);
uint16_t fake_tx(struct fake_data *d, struct rte_mbuf **pkts, uint16_t n);
/* Drains the ring, if only what needs no receive queue, and reaps. */
void fake_settle(struct fake_data *d);
/* A chain of `segments` with `bytes` of a pattern that starts at `seed`. */
struct rte_mbuf *fake_mbuf(struct fake_data *d, uint32_t bytes, unsigned int segments,
	uint8_t seed);
struct rte_mbuf *fake_mbuf_of(struct fake_data *d, const void *data, uint32_t bytes);
struct rte_eth_stats fake_stats(struct fake_data *d);

#endif /* FAKE_DATA_H */
