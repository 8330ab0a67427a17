/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FAKE_HOST_H
#define FAKE_HOST_H

/*
 * A scripted host for the control path: it lives in the memory of the test and
 * acts whenever the guest signals it. It is a good host unless the test says
 * otherwise; it has its own ring code. With it come stand-ins for what the
 * driver takes from the bus and from EAL.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdint.h>

#include "netvsc.h"

/* The answers a test can spoil; those of RNDIS queries are named by their OID. */
enum fake_answer {
	FAKE_NONE = 0,
	FAKE_RNDIS_TAKEN = NVSP_RNDIS_COMPLETE, /* the completion of any RNDIS request */
	FAKE_RNDIS_INIT = 1000,
	FAKE_RNDIS_SET,
	/* others: the type of an NVSP message, or an OID to query */
};

/* One 32-bit field of one answer set to a value, or the answer cut off. */
struct fake_spoil {
	uint32_t answer;
	uint32_t offset;
	uint32_t value;
	int bytes;                  /* 0: as long as it should be; -1: empty */
};

#define FAKE_LOG_MAX 128u
#define FAKE_ACKS_MAX 512u

/* What the host shows the guest; the ring pages after it wrote an index. */
enum fake_show {
	FAKE_SHOW_HEADER,
	FAKE_SHOW_EXTENSION,
	FAKE_SHOW_PAYLOAD,
	FAKE_SHOW_FOOTER,
	FAKE_SHOW_RNDIS,            /* a message in the receive buffer, frames too */
	FAKE_SHOW_RING_TO_GUEST,
	FAKE_SHOW_RING_TO_HOST,
};

struct fake_settings {
	uint32_t nvsp_max;
	bool no_send_buffer;
	uint32_t send_section_bytes;
	uint32_t recv_sections;     /* parts of the receive buffer; 0 = one */
	uint32_t frame_max;         /* larger ones become the default */
	uint32_t packets_per_message, alignment_shift, max_transfer_bytes;
	uint32_t lso_max, lso_min_segments;
	uint32_t offload_revision;
	bool tells_current_mac;     /* one higher than the permanent one */
	uint32_t multicast_max;
	uint32_t rss_flags, rss_queues, rss_entries;
	uint32_t subchannels_granted;   /* at most */
	uint32_t subchannels_lingering; /* more than were granted */
	bool no_monitor;                /* the main channel is signalled by irqcontrol */
	struct fake_spoil spoil;
	uint32_t silent;            /* no such answer is sent */
	uint32_t twice;             /* such answers are sent twice */
	uint32_t refuse_oid;        /* SET of it is refused */
	uint32_t refuse_status;
	unsigned int refuse_count;  /* so often; 0 = for ever */
	bool notify;                /* every notification there is before each answer */
	bool foreign;               /* answers to nobody before each answer */
	bool deaf;                  /* reads nothing */
	bool spoils_words;          /* what the guest alone writes in the ring pages: see show */
	bool absent;                /* the device cannot be opened: it is gone */
	bool taken;                 /* the open device is gone, which nobody has noticed yet */
	bool answer_first;          /* RNDIS answers come before the completion */
	int watch_error, alarm_error;   /* what asking the bus or EAL for these returns */
};

struct fake_held;

struct fake_host {
	struct fake_settings set;
	/* Told of every packet of the guest, as it lies in the ring, before it is
	 * answered; NULL: nobody is. */
	void (*heard)(const uint8_t *packet, uint32_t bytes);
	/* May change an answer before it is sent, and what else the host says first;
	 * false: it is not sent. NULL: nothing is changed. */
	bool (*meddle)(struct fake_held *answer);
	/* May change what the host is about to show; NULL: nothing is changed. */
	void (*show)(enum fake_show what, void *bytes, uint32_t n);
	/* what the guest said, in order: NVSP types, and OIDs of SET requests */
	uint32_t log[FAKE_LOG_MAX];
	unsigned int log_count;
	unsigned int errors;        /* what no host would have taken */
	unsigned int signals;
	unsigned int opens;

	uint32_t nvsp, mtu_frame;
	uint32_t filter, filter_sets;
	struct ndis_offload_parameters offload_parameters;
	uint32_t offload_bytes;
	struct ndis_rss_parameters rss;
	uint32_t rss_table[NETVSC_RETA_MAX];
	uint8_t rss_key[NDIS_RSS_KEY_BYTES];
	unsigned int rss_disables, rss_enables;
	uint8_t config[128];        /* the last RNDIS configuration parameter */
	uint32_t config_bytes;
	uint32_t multicast_bytes;
	uint8_t multicast[6];       /* the first address of the list */
	unsigned int by_section, by_page;
	unsigned int acks_owed;
	uint64_t acks[FAKE_ACKS_MAX];  /* transfers, as they were acknowledged */
	unsigned int acks_count;       /* all of them; those before are overwritten */
	bool link_down;
	/* Told of each acknowledgement of a transfer; NULL: they are only counted. */
	void (*acked)(uint64_t transaction_id);
	/* Messages of the data path; without it there must be none. */
	void (*data)(const struct vmbus_packet_header *header, const uint8_t *packet);

	struct netvsc_device dev;
	uintptr_t behind_dev;       /* no channel: whoever takes it for one crashes */
	struct vmbus_device vmbus;
	struct vmbus_shared shared;
	bool watched;
	uint32_t latency_us;        /* of the channel last set */

	/* what EAL was asked for */
	struct fake_alarm {
		void (*call)(void *arg);
		void *arg;
		uint64_t us;
	} alarm[2];
	unsigned int callbacks;     /* of the link */
	unsigned int resets, removals;  /* events that ask for a reset, or tell of the end */
	uint16_t callback_status[8];    /* of the link, at each */
};

/* There is one at a time; start() forgets the one before. The device is ready
 * for netvsc_link_open(). */
struct fake_host *fake_host_start(bool page_lists);
void fake_host_stop(void);
extern struct fake_host *fake_host;

/* The host by itself. */
void fake_host_inband(const void *message, uint32_t bytes);
void fake_host_rndis(const void *message, uint32_t bytes);
void fake_host_indicate(uint32_t status, const void *buffer, uint32_t bytes);
void fake_host_complete(uint64_t transaction_id, const void *payload, uint32_t bytes);
/* The answers that silence kept back are sent after all. */
void fake_host_release(void);

static inline void
fake_host_show(enum fake_show what, void *bytes, uint32_t n)
{
	if (fake_host->show != NULL && n != 0)
		fake_host->show(what, bytes, n);
}

/* Runs the next alarm that was set; false if none was. */
bool fake_alarm_run(void);
/* Runs the one that is due last: what is done from time to time. */
bool fake_alarm_run_last(void);

/* Did the guest say these, in this order, with anything in between? Ends at 0. */
bool fake_host_heard(const uint32_t *sequence);

#endif /* FAKE_HOST_H */
