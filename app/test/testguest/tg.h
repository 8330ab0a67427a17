/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_H
#define TG_H

/*
 * The protocol-level test guest: a small program's view of a synthetic NIC
 * behind uio_hv_generic, written from the protocol notes alone. It opens a
 * device as any program would, speaks NVSP and RNDIS itself, checks what the
 * host sends, and lets a test do single steps, in any order, wrongly.
 *
 * One thread; every wait is bounded. Errors are 0 or -errno, and what the host
 * does wrong is a fault: printed, counted in tg_faults, and a failed test.
 */

#include <stdbool.h>
#include <stdint.h>

#include "tg_types.h"

/* ---- memory (tg_memory.c) ---- */

int tg_memory_create(struct tg_memory *memory, enum tg_memory_kind kind, uint64_t bytes);
void tg_memory_destroy(struct tg_memory *memory);
/* Page number of an address: VA mode. */
static inline uint64_t
tg_page_number(const void *address)
{
	return (uint64_t)(uintptr_t)address >> HV_PAGE_SHIFT;
}

/* ---- faults of the host (tg_channel.c) ---- */

extern unsigned int tg_faults;
void tg_fault(const struct tg_device *dev, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

uint64_t tg_now_ns(void);

/* ---- finding and opening (tg_device.c) ---- */

/* Opens the index-th NIC that is bound to uio, in order of its GUID; maps
 * everything and masks interrupts. -ENODEV if there is none. */
int tg_open(struct tg_device *dev, unsigned int index);
/* How many NICs are bound to uio. */
unsigned int tg_count(void);
/* Unmaps everything and closes the descriptor: the kernel closes the channel. */
void tg_close(struct tg_device *dev);
/* Waits for the kernel to open `count` subchannels and maps their rings. */
int tg_map_subchannels(struct tg_device *dev, unsigned int count);

/* ---- packets (tg_channel.c) ---- */

/* Writes to the ring and signals if the rules ask for it. */
int tg_send(struct tg_channel *ch, uint16_t type, uint16_t flags, uint64_t tid,
	const struct tg_piece body[3]);         /* extension, payload, more payload */
/* Signals the host, asked for or not. */
void tg_signal(struct tg_channel *ch);
/* Handles what has come, at most a ring's worth; returns the packets handled. */
unsigned int tg_poll(struct tg_channel *ch);
unsigned int tg_poll_all(struct tg_device *dev);
/* Polls until *what >= value, at most ms; 0 or -ETIMEDOUT. */
int tg_wait(struct tg_device *dev, const volatile uint64_t *what, uint64_t value,
	unsigned int ms);
/* Opens a transaction; its id comes back. NULL if all are in use. */
struct tg_slot *tg_slot_open(struct tg_channel *ch, uint64_t *tid);
void tg_slot_close(struct tg_channel *ch, struct tg_slot *slot);
uint8_t *tg_slot_memory(struct tg_channel *ch, const struct tg_slot *slot);
/* Sends an in-band message and waits for its completion. Returns the bytes of
 * the completion's payload or -errno. */
int tg_transact(struct tg_channel *ch, const void *message, uint32_t bytes, void *reply,
	uint32_t reply_room);
/* Completes up to n held transfers, oldest first; returns how many. */
unsigned int tg_release(struct tg_channel *ch, unsigned int n);
/* Completions owed go out as the ring has room. */
void tg_flush_acks(struct tg_channel *ch);
void tg_ack(struct tg_channel *ch, uint64_t tid);

/* ---- NVSP (tg_nvsp.c), one function per message ---- */

int tg_nvsp_init(struct tg_device *dev, uint32_t version);      /* -EPROTONOSUPPORT: refused */
int tg_nvsp_ndis_config(struct tg_device *dev, uint32_t frame_max, uint64_t caps);
int tg_nvsp_ndis_version(struct tg_device *dev, uint32_t major, uint32_t minor);
int tg_nvsp_recv_buffer(struct tg_device *dev);
int tg_nvsp_send_buffer(struct tg_device *dev);                 /* -ENOTSUP: refused */
int tg_nvsp_subchannels(struct tg_device *dev, unsigned int count, uint32_t *granted);
int tg_nvsp_switch_data_path(struct tg_device *dev, uint32_t path);
uint32_t tg_nvsp_pad(const struct tg_device *dev);

/* ---- RNDIS control (tg_rndis.c) ---- */

int tg_rndis_init(struct tg_device *dev);
/* Sends any control message by page list; the NVSP status comes back. */
int tg_rndis_send(struct tg_channel *ch, const void *message, uint32_t bytes, uint32_t *status);
/* Waits for the answer to request `id`: its bytes are in dev->answer. */
int tg_rndis_await(struct tg_device *dev, uint32_t type, uint32_t id);
/* Returns the bytes of the information, or -errno; *status is the NDIS status. */
int tg_rndis_query(struct tg_device *dev, uint32_t oid, void *info, uint32_t room,
	uint32_t *status);
int tg_rndis_set(struct tg_device *dev, uint32_t oid, const void *info, uint32_t bytes,
	uint32_t *status);
int tg_rndis_keepalive(struct tg_device *dev);
int tg_filter(struct tg_device *dev, uint32_t filter);
int tg_rss(struct tg_device *dev, uint32_t hash_info, const uint8_t key[NDIS_RSS_KEY_BYTES],
	const uint32_t *table, unsigned int entries);
/* Takes a control message out of a transfer. */
void tg_rndis_received(struct tg_device *dev, const uint8_t *message, uint32_t bytes);

/* ---- data (tg_tx.c, tg_rx.c) ---- */

/* Writes one RNDIS packet's header and PPIs for a frame; returns their bytes. */
uint32_t tg_rndis_build(const struct tg_tx_frame *frame, uint8_t *out, uint32_t pad_bytes);
/* Sends n frames as one message; -EAGAIN where something is used up. The
 * frames are copied into guest memory first. tid NULL: nobody will wait. */
int tg_tx(struct tg_channel *ch, enum tg_tx_way way, const struct tg_tx_frame *frames,
	unsigned int n, uint64_t *tid);
/* The same, and waits for the completion: returns its enum nvsp_status. */
int tg_tx_wait(struct tg_channel *ch, enum tg_tx_way way, const struct tg_tx_frame *frames,
	unsigned int n);
/* Sends a prepared section or page list as it is, right or wrong. */
struct tg_raw {
	const void *section;            /* copied to a fresh send section if bytes > 0 */
	uint32_t section_bytes;
	const struct tg_piece *ranges;  /* each becomes one GPA range */
	unsigned int range_count;
	uint32_t channel_type;          /* enum nvsp_channel_type */
	bool no_completion;             /* do not ask for one */
	bool detached;                  /* nobody will wait for it */
};
int tg_tx_raw(struct tg_channel *ch, const struct tg_raw *raw, uint64_t *tid);
/* Waits for transaction tid: its status, or -ETIMEDOUT. Closes it. */
int tg_tx_await(struct tg_channel *ch, uint64_t tid, unsigned int ms);

void tg_rx_transfer(struct tg_channel *ch, const uint8_t *packet, uint32_t bytes);
/* Forgets that the sections of a transfer are held. */
void tg_rx_unhold(struct tg_channel *ch, uint64_t tid);

/* ---- all together ---- */

struct tg_options {
	uint32_t nvsp;                  /* 0: the newest the host takes */
	uint32_t mtu;                   /* 0: 1500 */
	uint64_t caps;                  /* NVSP_CONFIG_CAP_*, 8021Q comes by itself */
	unsigned int queues;            /* 0: 1 */
	bool no_send_buffer;
	bool no_filter;                 /* leave the packet filter at none */
	enum tg_memory_kind memory;
};
/* Opens and negotiates everything a driver does, RSS over all queues included.
 * -EPROTONOSUPPORT: the host refuses the version; -EOPNOTSUPP: so many queues. */
int tg_up(struct tg_device *dev, unsigned int index, const struct tg_options *options);
extern const uint8_t tg_rss_key[NDIS_RSS_KEY_BYTES];   /* the published one */

#endif /* TG_H */
