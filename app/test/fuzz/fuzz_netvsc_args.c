/* SPDX-License-Identifier: BSD-3-Clause */

/* Devargs: whatever a user writes is read, or refused with one line. */

#include "fuzz.h"

#include <errno.h>

#include <rte_log.h>

#include "netvsc_args.h"

int netvsc_logtype_init, netvsc_logtype_control, netvsc_logtype_rx, netvsc_logtype_tx;

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct netvsc_args args, preset;
	char *text = malloc(size + 1);
	int ret;

	fuzz_check(text != NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	rte_log_set_global_level(RTE_LOG_EMERG);
	memset(&args, 0xa5, sizeof(args));
	memset(&preset, 0xa5, sizeof(preset));
	fuzz_check(netvsc_args_parse("fuzz", NULL, &preset) == 0);
	ret = netvsc_args_parse("fuzz", text, &args);
	fuzz_check(ret == 0 || ret == -EINVAL);
	fuzz_check(*text != '\0' || (ret == 0 && memcmp(&args, &preset, sizeof(args)) == 0));
	fuzz_check(args.latency_us <= 6553);    /* what the field of the page holds */
	free(text);
	return 0;
}
