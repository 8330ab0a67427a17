/* SPDX-License-Identifier: BSD-3-Clause */
/* test_ops [EAL options]: reads lines from standard input; see ops.h. */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_errno.h>

#include "lines.h"

#define WORDS_MAX 32u

const char *
word_text(const struct words *words, const char *key)
{
	size_t n = strlen(key);

	for (unsigned int i = 0; i < words->count; i++)
		if (strncmp(words->word[i], key, n) == 0 && words->word[i][n] == '=')
			return words->word[i] + n + 1;
	return NULL;
}

int64_t
word_number(const struct words *words, const char *key, int64_t otherwise)
{
	const char *text = word_text(words, key);

	return text != NULL ? strtoll(text, NULL, 0) : otherwise;
}

/* What drivers print goes to standard error: this alone is the answer. */
void
answer(const char *format, ...)
{
	va_list args;

	putchar('{');
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	puts("}");
	fflush(stdout);
}

static const struct op *
find(const char *name)
{
	static const struct op *const tables[] = { port_ops, query_ops, frame_ops };

	for (unsigned int t = 0; t < RTE_DIM(tables); t++)
		for (const struct op *op = tables[t]; op->name != NULL; op++)
			if (strcmp(op->name, name) == 0)
				return op;
	return NULL;
}

static void
obey(struct ops *ops, char *line)
{
	char *word[WORDS_MAX], *save = NULL;
	struct words words = { word, 0 };
	const char *name = strtok_r(line, " \n", &save);
	const struct op *op = name != NULL ? find(name) : NULL;

	while (words.count < WORDS_MAX && (word[words.count] = strtok_r(NULL, " \n", &save)) != NULL)
		words.count++;
	if (op == NULL)
		answer("\"error\": \"unknown\"");
	else
		op->run(ops, &words);
}

static int
on_removed(uint16_t port, enum rte_eth_event_type type, void *arg, void *ret)
{
	struct ops *ops = arg;

	(void)port;
	(void)type;
	(void)ret;
	ops->removals++;
	return 0;
}

int
main(int argc, char **argv)
{
	static struct ops ops;
	static char line[4096];
	struct rte_eth_dev_info info = { 0 };

	if (rte_eal_init(argc, argv) < 0) {
		answer("\"eal\": %d", -rte_errno);
		return 1;
	}
	rte_eth_dev_callback_register(RTE_ETH_ALL, RTE_ETH_EVENT_INTR_RMV, on_removed, &ops);
	if (rte_eth_dev_count_avail() > 0)
		rte_eth_dev_info_get(ops.port, &info);
	answer("\"ports\": %u, \"driver\": \"%s\"", rte_eth_dev_count_avail(),
		info.driver_name != NULL ? info.driver_name : "");
	while (fgets(line, sizeof(line), stdin) != NULL)
		obey(&ops, line);
	rte_eal_cleanup();
	return 0;
}
