/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TRANSCRIPT_LINES_H
#define TRANSCRIPT_LINES_H

/*
 * The messages that are the same in every conversation, written from what the
 * protocol's description says, and the conversation with a host that speaks the
 * newest version. In answers each field has a value of its own.
 */

#include "fake_host.h"
#include "transcript.h"

#define WORDS4(a, b, c, d) a "000000" b "000000" c "000000" d "000000"

/* Type 2; what version 1 once said; MDL chain; status. */
#define INIT_REFUSED "02000000 ffffffff 22000000 00000000 (24)"
#define INIT_TAKEN "02000000 ffffffff 22000000 01000000 (24)"
/* Type, GPADL, id, 0. */
#define RECV_BUFFER "65000000 101e0e00 feca 0000"
#define SEND_BUFFER "68000000 111e0e00 cefa 0000"
#define REVOKE_RECV { SAY, "67000000 feca 0000", NULL }
#define REVOKE_SEND { SAY, "6a000000 cefa 0000", NULL }
/* SET: type 5, length, id, OID, length and offset of the information, 0; SET done:
 * type, 16 bytes, id, status. */
#define SET_DONE "05000080 10000000 id 00000000"
#define SET_FILTER(filter) \
	{ RNDIS, "05000000 20000000 id 0e010100 04000000 14000000 00000000" filter, SET_DONE }
/* QUERY: type 4, length, id, OID, no information; its answer: type, length, id, status,
 * length and offset of the information. */
#define QUERY(oid) "04000000 1c000000 id" oid "(12)"
#define QUERY_REFUSED "04000080 18000000 id bb0000c0 00000000 10000000"
#define QUERY_U32(oid, value) \
	{ RNDIS, QUERY(oid), "04000080 1c000000 id 00000000 04000000 10000000" value }
#define QUERY_MTU_1498 QUERY_U32("06010100", "da050000")
/* The information is where the offset says: here 8 bytes behind the header. */
#define MAC_AT_24 "04000080 26000000 id 00000000 06000000 18000000 [8] 00155d0a0b0c"
#define QUERY_MAC { RNDIS, QUERY("01010101"), MAC_AT_24 }
#define QUERY_CURRENT_MAC { RNDIS, QUERY("02010101"), MAC_AT_24 }
/* Connect status 1 is "disconnected"; speed in 100 bit/s. */
#define QUERY_LINK_DOWN QUERY_U32("14010100", "01000000"), QUERY_U32("07010100", "1d270000")
#define HALT { LEAVE, "03000000 0c000000 id", NULL }
/* Version 1.0, transfers of 16 KiB. */
#define RNDIS_INIT_SENT "02000000 18000000 id 01000000 00000000 00400000"
/* Status, version 1.0, connectionless, 802.3, 7 packets per message, 0x12345 bytes,
 * alignment 1 << 4, no families. */
#define RNDIS_INIT_DONE "02000080 34000000 id 00000000 01000000 00000000 01000000 00000000" \
	"07000000 45230100 04000000 (8)"
/* The same of a host that does not know families. */
#define RNDIS_INIT_DONE_OLD "02000080 2c000000 id 00000000 01000000 00000000 01000000 00000000" \
	"07000000 45230100 04000000"

/* NDIS_OFFLOAD, behind its header: checksums (encapsulation, flags: transmit IPv4,
 * receive IPv4, transmit IPv6, receive IPv6), LSO v1, IPsec v1, LSO v2 of IPv4
 * (encapsulation, longest, fewest segments) and IPv6 (and flags), flags. */
#define OFFLOAD_REV1 \
	"02000000 55010000 02000000 50010000 02000000 55000000 02000000 50000000" \
	"[16] [28] 02000000 3cf50000 02000000 02000000 3df50000 03000000 05000000 77000000"
/* IPsec v2; RSC of IPv4 and IPv6, and 0; encapsulations of GRE and the like. */
#define OFFLOAD_REV2 OFFLOAD_REV1 "[32]"
#define OFFLOAD_REV3 OFFLOAD_REV2 "01 01 0000 [8]"
/* The question says in which words it may be answered. */
#define ASK_OFFLOAD_REV3 "04000000 b8000000 id 0d0201fc 9c000000 14000000 00000000 a7 03 9c00 (152)"
#define ASK_OFFLOAD_REV2 "04000000 ac000000 id 0d0201fc 90000000 14000000 00000000 a7 02 9000 (140)"
#define ASK_OFFLOAD_REV1 "04000000 8c000000 id 0d0201fc 70000000 14000000 00000000 a7 01 7000 (108)"
#define QUERY_OFFLOAD { RNDIS, ASK_OFFLOAD_REV3, \
	"04000080 b4000000 id 00000000 9c000000 10000000 a7 03 9c00" OFFLOAD_REV3 }

/* RSS capabilities: Toeplitz, IPv4, IPv6; 5 interrupts; 6 queues; a table of 96. */
#define QUERY_RSS { RNDIS, "04000000 20000000 id 03020100 04000000 14000000 00000000 88 02 1200", \
	"04000080 2a000000 id 00000000 12000000 10000000 88 02 1200 01030000 05000000" \
	"06000000 6000" }

/* Status, one section: offset, size and number of the pieces, end. */
#define RECV_TAKEN "66000000 01000000 01000000 00100000 0e070000 64000000 78d10200 (12)"
#define SEND_TAKEN "69000000 01000000 00160000 (28)"

/* What such a host is asked while the link is opened with 4 queues, of which it grants
 * 3; and with it the link open, and closed. */
void transcript_attach_61(void);
struct fake_host *transcript_open_61(void);
void transcript_close_61(struct fake_host *host);
/* That the structure holds what OFFLOAD_REV3 says. */
void transcript_told_offload(const struct ndis_offload *told);

#endif /* TRANSCRIPT_LINES_H */
