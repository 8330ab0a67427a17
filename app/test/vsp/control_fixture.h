/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TEST_CONTROL_FIXTURE_H
#define TEST_CONTROL_FIXTURE_H

/*
 * A NIC on a host without rings: channel.c, rx.c, tx.c, rss.c, check.c, the
 * engine and the transport are fakes that remember what was asked of them.
 * The test plays the guest: it sends packets and reads what came back.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../hvsim/vsp/nic.h"

enum sent_kind {
	SENT_COMPLETION,
	SENT_MESSAGE,
	SENT_TRANSFER,
	SENT_OFFER,             /* of a subchannel: transaction_id is its index */
};

/* One thing that the host did towards the guest, in order. */
struct sent {
	enum sent_kind kind;
	unsigned int channel;
	uint64_t transaction_id;
	bool want_completion;
	uint8_t payload[128];
	uint32_t bytes;
	uint8_t rndis[2048];    /* SENT_TRANSFER: what lay in the section */
	uint32_t rndis_bytes;
	uint32_t offset;
};

#define SENT_MAX 512u

struct host {
	struct vsp_nic *nic;
	struct sent sent[SENT_MAX];
	unsigned int sent_count;
	uint64_t next_id;
	enum vsp_rule last_rule;
	unsigned int violations;
	uint64_t now_ns;
	const uint8_t *gather;          /* what tx_gather() finds */
	uint32_t gather_bytes;
	int gather_error;
	unsigned int tx_handled, rx_completed, divided, keys_set, rescinded, rescinded_subchannels;
	unsigned int rx_frames;
	bool poller_added;
	struct hv_offer offer;
};

extern struct host host;

#define RECV_GPADL 0x51u
#define SEND_GPADL 0x52u
#define ODD_GPADL 0x53u         /* not of whole pages */
#define RECV_PAGES 512u

/* A NIC with default configuration and this host profile, offered, primary open. */
void host_start(const char *profile);
void host_start_with(const struct config_nic *config, const char *profile);
void host_config(struct config_nic *config);
void host_stop(void);
/* Closes and opens the primary again. */
void host_reopen(void);
/* The guest's kernel opens a subchannel. */
void host_open_subchannel(unsigned int index);
void host_forget(void);         /* what was sent and violated so far */
void host_run_timer(struct engine_timer *timer);

/* The guest sends; each returns the completion, or NULL if there was none. */
const struct sent *guest_send(unsigned int channel, const void *message, uint32_t bytes);
const struct sent *guest_send_packet(unsigned int channel, uint16_t type, uint16_t flags,
	const void *message, uint32_t bytes);
const struct sent *guest_rndis(const void *message, uint32_t bytes);
const struct sent *guest_rndis_on(unsigned int channel, uint32_t channel_type,
	const void *message, uint32_t bytes);
/* The guest gives a control section back. */
void guest_ack(uint16_t section);

/* Steps of a polite guest. */
uint32_t guest_init(uint32_t version);          /* returns the status */
void guest_ndis_config(uint32_t mtu_bytes, uint32_t caps);
void guest_ndis_version(uint32_t major, uint32_t minor);
const struct sent *guest_recv_buffer(uint32_t gpadl);
const struct sent *guest_send_buffer(uint32_t gpadl);
void guest_rndis_init(void);
/* All of them, as DPDK's built-in driver does it: the newest version first. */
void guest_operational(void);
enum stage {
	AT_START,               /* nothing said */
	AT_NEGOTIATED,          /* version agreed */
	AT_CONFIGURED,          /* and NDIS_CONFIG */
	AT_RECEIVING,           /* and NDIS_VERSION and the receive buffer */
	AT_READY,               /* and the send buffer */
	AT_OPERATIONAL,         /* and RNDIS INIT */
};

/* A NIC of this profile with a guest that has got so far. */
void reach(const char *profile, enum stage stage);
const struct sent *ask_subchannels(uint32_t operation, uint32_t count);
/* Returns the status; the answer's information in data. */
uint32_t guest_query(uint32_t oid, const uint8_t **data, uint32_t *bytes);
uint32_t guest_set(uint32_t oid, const void *data, uint32_t bytes);

/* The n-th sent thing of a kind since host_forget(), or NULL. */
const struct sent *sent_nth(enum sent_kind kind, unsigned int n);
unsigned int sent_kinds(enum sent_kind kind);
uint32_t sent_u32(const struct sent *sent, unsigned int word);
uint32_t rndis_u32(const struct sent *sent, unsigned int word);

#define assert_rule(rule) do { \
	assert_true(host.violations > 0); \
	assert_string_equal(vsp_rule_name(host.last_rule), vsp_rule_name(rule)); \
} while (0)
#define assert_no_violation() do { \
	if (host.violations > 0) \
		print_message("violated: %s\n", vsp_rule_name(host.last_rule)); \
	assert_int_equal(host.violations, 0); \
} while (0)

bool channel_dead(unsigned int index);

#endif /* TEST_CONTROL_FIXTURE_H */
