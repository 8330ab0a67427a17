/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TEST_SWITCH_NETNS_H
#define TEST_SWITCH_NETNS_H

/* A network namespace of the test's own, and UDP over IPv4 through it. */

#include "fixture.h"

/* Meson's exit status for a skipped test. */
#define TEST_SKIPPED 77

/* Moves the process into a new network namespace; false, with a message, if
 * it is not root. Everything in it vanishes with the process. */
bool netns_enter(void);
/* Runs a shell command; fails the test if it fails. */
void shell(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A UDP socket bound to this address and port 5000, receiving with 2 s time-out. */
int udp_socket(const char *address);
void udp_send(int s, const char *address, const char *text);
/* True if this text arrives, false after `ms`. */
bool udp_arrives(int s, const char *text, int ms);

/* The MAC address of an interface. */
void interface_mac(const char *name, uint8_t mac[6]);
/* A UDP datagram from `from` to `to` (10.9.0.x), ports 5000, with this text
 * and a right checksum, or a partial one with FRAME_CSUM_PARTIAL. */
struct frame udp_frame(uint8_t *data, const uint8_t mac[6], uint8_t to, uint8_t from,
	const char *text, bool partial);
/* The first IPv4/UDP frame that the probe got with this text; NULL: none. */
const struct frame *probe_udp(const struct probe *probe, const char *text);

#endif /* TEST_SWITCH_NETNS_H */
