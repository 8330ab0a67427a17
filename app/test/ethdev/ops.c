/* SPDX-License-Identifier: BSD-3-Clause */
/* test_ops [EAL options]: see ops.h. It ends at the end of its input. */

#include "ops.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_errno.h>

#define LINE_BYTES 8192
#define MBUFS 16384u

static const struct command {
	const char *name;
	ops_command *run;
} commands[] = {
	{ "configure", ops_configure }, { "queues", ops_queues }, { "start", ops_start },
	{ "stop", ops_stop }, { "close", ops_close }, { "reset", ops_reset },
	{ "queue", ops_queue }, { "promisc", ops_promisc }, { "allmulti", ops_allmulti },
	{ "mc", ops_mc }, { "mac", ops_mac }, { "mtu", ops_mtu }, { "strip", ops_strip },
	{ "reta", ops_reta }, { "rss", ops_rss }, { "info", ops_info }, { "link", ops_link },
	{ "reta?", ops_reta_get }, { "rss?", ops_rss_get }, { "lsc", ops_lsc },
	{ "stats", ops_stats }, { "xstats", ops_xstats }, { "clear", ops_clear },
	{ "fw", ops_fw }, { "regs", ops_regs }, { "dump", ops_dump },
	{ "removed", ops_removed }, { "qinfo", ops_qinfo }, { "ptypes", ops_ptypes },
	{ "status", ops_status }, { "done", ops_done }, { "present", ops_present },
	{ "events", ops_events }, { "reach", ops_reach }, { "flood", ops_flood },
	{ "race", ops_race }, { "drain", ops_drain }, { "prepare", ops_prepare },
};

uint64_t
ops_number(const struct ops_words *words, int index, uint64_t preset)
{
	return index < words->count ? strtoull(words->word[index], NULL, 0) : preset;
}

const char *
ops_value(const struct ops_words *words, int first, const char *key)
{
	size_t bytes = strlen(key);

	for (int i = first; i < words->count; i++)
		if (strncmp(words->word[i], key, bytes) == 0 && words->word[i][bytes] == '=')
			return words->word[i] + bytes + 1;
	return NULL;
}

uint64_t
ops_value_number(const struct ops_words *words, int first, const char *key, uint64_t preset)
{
	const char *text = ops_value(words, first, key);

	return text != NULL ? strtoull(text, NULL, 0) : preset;
}

bool
ops_hex(const char *text, uint8_t *bytes, unsigned int count)
{
	if (text == NULL || strlen(text) != 2 * (size_t)count)
		return false;
	for (unsigned int i = 0; i < count; i++)
		if (sscanf(text + 2 * i, "%2" SCNx8, &bytes[i]) != 1)
			return false;
	return true;
}

static void
command_run(char *line)
{
	struct ops_words words = { 0 };
	char *rest = NULL;
	int ret = -ENOSYS;

	for (char *word = strtok_r(line, " \n", &rest); word != NULL && words.count < OPS_WORDS_MAX;
			word = strtok_r(NULL, " \n", &rest))
		words.word[words.count++] = word;
	if (words.count == 0)
		return;
	printf("{\"command\": \"%s\"", words.word[0]);
	for (unsigned int i = 0; i < RTE_DIM(commands); i++)
		if (strcmp(commands[i].name, words.word[0]) == 0)
			ret = commands[i].run((uint16_t)ops_number(&words, 1, 0), &words);
	printf(", \"ret\": %d}\n", ret);
	fflush(stdout);
}

int
main(int argc, char **argv)
{
	static char line[LINE_BYTES];

	if (rte_eal_init(argc, argv) < 0)
		return 1;
	ops_pool = rte_pktmbuf_pool_create("ops", MBUFS - 1, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
		(int)rte_socket_id());
	printf("{\"command\": \"ready\", \"ports\": %u, \"ret\": %d}\n", rte_eth_dev_count_avail(),
		ops_pool == NULL ? -rte_errno : 0);
	fflush(stdout);
	while (ops_pool != NULL && fgets(line, sizeof(line), stdin) != NULL)
		command_run(line);
	printf("{\"command\": \"end\", \"mbufs_missing\": %u, \"ret\": 0}\n",
		ops_pool == NULL ? 0 : rte_mempool_in_use_count(ops_pool));
	fflush(stdout);
	return rte_eal_cleanup() < 0;
}
