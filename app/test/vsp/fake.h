/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TEST_VSP_FAKE_H
#define TEST_VSP_FAKE_H

/*
 * A NIC for tests of the VSP's data half, without its control half: a
 * transport in plain memory, a switch that records or echoes, and the guest's
 * ends of the rings, written anew from the protocol notes.
 */

#include <stdbool.h>
#include <stdint.h>

#include "../../hvsim/vsp/offload.h"

#define FAKE_CHANNELS 8u
#define FAKE_RING_BYTES (12u * 4096u)           /* no power of two */
#define FAKE_PAGES 64u                          /* of guest memory, page numbers from 1 */
#define FAKE_FRAMES_MAX 4096u
#define FAKE_FRAME_BYTES 9300u

struct fake_guest_channel {
	struct hv_rings rings;
	struct vmbus_ring_page *tx_page, *rx_page;      /* the guest's view */
	uint32_t tx_write, rx_read;
	unsigned int interrupts;
};

/* What the host sent: one packet taken from the ring. */
struct fake_packet {
	struct vmbus_packet_header header;
	uint8_t bytes[8192];                    /* after the header */
	const uint8_t *extension;
	uint32_t extension_bytes;
	const uint8_t *payload;
	uint32_t payload_bytes;
};

struct fake_frame {
	uint32_t bytes;
	uint16_t flags, vlan_tci, l4_offset;
	bool in_place;                          /* data was guest memory */
	uint8_t data[FAKE_FRAME_BYTES];
};

struct fake {
	struct vsp_profile profile;
	struct vsp_nic nic;
	struct fake_guest_channel channel[FAKE_CHANNELS];
	uint32_t ring_bytes;
	uint8_t *recv, *send, *memory;          /* guest memory */
	uint32_t recv_bytes, send_bytes;
	bool pages_copied;                      /* the transport says: not in place */
	uint8_t *copy;                          /* ... and gives this instead */
	void (*interrupted)(void);      /* if set, called at each interrupt */
	/* the switch */
	bool echo;
	struct fake_frame *frames;
	unsigned int frame_count, frames_max;
	unsigned int batches;
	/* the control half */
	unsigned int nvsp_messages, rndis_messages, sections_freed, subchannels_opened, resets;
	uint32_t nvsp_type;
	unsigned int kicks;
};

extern struct fake fake;

struct fake_options {
	unsigned int channels;          /* 0: 1 */
	enum config_check check;
	uint32_t ring_bytes;            /* data bytes of each ring; 0: FAKE_RING_BYTES */
	uint32_t sections;              /* 0: 64 */
	uint32_t frame_max;             /* 0: 1514 */
	uint32_t nvsp;                  /* 0: 6.1 */
	unsigned int frames_max;        /* that are kept; 0: FAKE_FRAMES_MAX */
};

/* An operational NIC with open channels; 0 on success: for cmocka set-ups. */
int fake_start(const struct fake_options *options);
void fake_stop(void);
unsigned int fake_poll(void);           /* one round */
uint64_t fake_rule(enum vsp_rule rule); /* times it was broken */

/* ---- the guest ---- */

/* Writes a packet; true if the guest would have to signal. Raw: everything in
 * the header is written as given. */
bool guest_put_raw(unsigned int channel, const struct vmbus_packet_header *header,
	const void *rest, uint32_t bytes);
bool guest_put(unsigned int channel, uint16_t type, uint64_t id, const void *extension,
	uint32_t extension_bytes, const void *payload, uint32_t payload_bytes);
/* An RNDIS data message in a section of the send buffer. */
bool guest_send(unsigned int channel, uint64_t id, uint32_t section, uint32_t bytes);
/* Takes the next packet from the host; false if there is none. */
bool guest_take(unsigned int channel, struct fake_packet *packet);
/* Completes a transfer. */
bool guest_complete(unsigned int channel, uint64_t id);
/* The status of the next completion, UINT32_MAX if there is none. */
uint32_t guest_status(unsigned int channel, uint64_t *id);

/* Writes an RNDIS packet message with a frame and per-packet information (type,
 * value pairs); returns its length. */
uint32_t make_message(uint8_t *at, const uint8_t *frame, uint32_t bytes,
	const uint32_t (*ppi)[2], unsigned int ppi_count);
/* Ethernet + IPv4 + TCP or UDP, with right checksums; returns its length. */
uint32_t make_ipv4(uint8_t *frame, uint8_t proto, uint32_t payload_bytes);
uint32_t make_ipv6(uint8_t *frame, uint8_t proto, uint32_t payload_bytes);
/* The plain way to compute a checksum: the oracle. */
uint16_t oracle_csum(const uint8_t *data, uint32_t bytes, uint32_t sum);

#endif /* TEST_VSP_FAKE_H */
