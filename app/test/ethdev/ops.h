/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef OPS_H
#define OPS_H

/*
 * An ethdev application that is driven line by line: a command on standard
 * input, one JSON object with what the call returned on standard output.
 */

#include <stdbool.h>
#include <stdint.h>

#include <rte_ethdev.h>
#include <rte_mbuf.h>

#define OPS_PORTS_MAX 4u
#define OPS_WORDS_MAX 24

struct ops_words {
	int count;
	char *word[OPS_WORDS_MAX];
};

/* The number that a word is, or the preset where there is none. */
uint64_t ops_number(const struct ops_words *words, int index, uint64_t preset);
/* What follows "KEY=" in a word from `first` on, or NULL. */
const char *ops_value(const struct ops_words *words, int first, const char *key);
uint64_t ops_value_number(const struct ops_words *words, int first, const char *key,
	uint64_t preset);
/* "-" or none: NULL. Hexadecimal digits. */
bool ops_hex(const char *text, uint8_t *bytes, unsigned int count);

/* Each prints members of the answer, each with a comma before it, and returns
 * what ethdev returned. The first word is the command, the second the port. */
typedef int ops_command(uint16_t port, const struct ops_words *words);

/* ops_port.c */
ops_command ops_configure, ops_queues, ops_start, ops_stop, ops_close, ops_reset, ops_queue;
ops_command ops_promisc, ops_allmulti, ops_mc, ops_mac, ops_mtu, ops_strip, ops_reta, ops_rss;
ops_command ops_lsc;
extern struct rte_mempool *ops_pool;

/* ops_ask.c */
ops_command ops_info, ops_link, ops_stats, ops_xstats, ops_clear, ops_fw, ops_regs, ops_dump;
ops_command ops_removed, ops_qinfo, ops_ptypes, ops_status, ops_done, ops_present, ops_events;
ops_command ops_reta_get, ops_rss_get;

/* ops_traffic.c */
ops_command ops_reach, ops_flood, ops_race, ops_drain, ops_prepare;

#endif /* OPS_H */
