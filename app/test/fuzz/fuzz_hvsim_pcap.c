/* SPDX-License-Identifier: BSD-3-Clause */

/* hvsim's replay of capture files: the input is the file. */

#include "memory_file.h"

#include "core/engine.h"
#include "core/log.h"
#include "switch/switch.h"

#define ROUNDS_MAX 64u

static unsigned int
count_rounds(void *arg)
{
	unsigned int *rounds = arg;

	if (++*rounds == ROUNDS_MAX)
		engine_stop(0);
	return 1;               /* nothing to sleep for */
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool made;
	unsigned int rounds = 0;
	struct engine_poller poller = { .poll = count_rounds, .arg = &rounds };
	char name[64], spec[128], error[512] = "";
	int fd = memory_file(data, size, name);
	struct sw *wire;

	log_set_level(LOG_ERROR);
	if (!made)
		fuzz_check(engine_init(ENGINE_POLL_ADAPTIVE, NULL) == 0);
	made = true;
	wire = sw_create_wire("wire");
	snprintf(spec, sizeof(spec), "pcap:replay=%s,rate=max,loop=2", name);
	fuzz_check(wire != NULL && sw_port_create(wire, "sink", 1, error, sizeof(error)) != NULL);
	if (sw_port_create(wire, spec, 1, error, sizeof(error)) == NULL) {
		fuzz_check(error[0] != '\0');
	} else {
		engine_poller_add(&poller);
		engine_run();
		engine_poller_remove(&poller);
	}
	sw_destroy_all();
	close(fd);
	return 0;
}
