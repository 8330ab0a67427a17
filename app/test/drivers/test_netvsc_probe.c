/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A probe, with each thing that it needs missing once: one line says which
 * device, which step, what was answered and what to try. And on which NUMA node
 * a port lives. Built around netvsc_probe.c, whose driver table is its own.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_log.h>

#include "fake_data.h"

#undef RTE_LOG_REGISTER         /* fake_world.c has the types */
#define RTE_LOG_REGISTER(type, name, level) extern int type
#include "../../../drivers/net/netvsc/netvsc_probe.c"

#define POINTS_MAX 64u          /* more allocations than a probe makes */
#define NAME "01234567-89ab-4def-8123-456789abcdef"
#define MEMORY_ADVICE "; give EAL more memory (-m)"

static struct rte_devargs devargs;
static enum rte_proc_type_t process;

/* ---- stand-ins ---- */

void
vmbus_driver_register(struct vmbus_driver *driver)
{
	assert_string_equal(driver->driver.name, "net_netvsc");
}

enum rte_proc_type_t
rte_eal_process_type(void)
{
	return process;
}

int
rte_eth_dev_create(struct rte_device *device, const char *name, size_t bytes,
	ethdev_bus_specific_init bus_init, void *bus_params, ethdev_init_t init, void *params)
{
	struct rte_eth_dev *eth = &rte_eth_devices[0];

	assert_string_equal(name, NAME);
	assert_int_equal(bytes, sizeof(struct netvsc_device));
	assert_true(bus_init == NULL && bus_params == NULL);
	memset(&fake_host->dev, 0, bytes);
	eth->data->dev_private = &fake_host->dev;
	eth->device = device;
	return init(eth, params);
}

/* ---- a probe ---- */

static void
host_ready(const char *args)
{
	struct fake_host *host = fake_host_start(true);

	process = RTE_PROC_PRIMARY;
	netvsc_xact_destroy(&host->dev);        /* the probe makes its own */
	devargs.args = (char *)(uintptr_t)args;
	host->vmbus.device.devargs = &devargs;
	host->vmbus.device.numa_node = 1;
	snprintf(host->vmbus.name, sizeof(host->vmbus.name), NAME);
	memset(fake_memory.on_node, 0, sizeof(fake_memory.on_node));
}

/* What it returned; *said is what it logged, to be freed. */
static int
probe(char **said)
{
	size_t bytes;
	FILE *stream = open_memstream(said, &bytes);
	int ret;

	assert_non_null(stream);
	assert_int_equal(rte_openlog_stream(stream), 0);
	ret = netvsc_driver.probe(&netvsc_driver, &fake_host->vmbus);
	rte_openlog_stream(stderr);
	fclose(stream);
	return ret;
}

static void
host_end(int ret)
{
	struct rte_eth_dev *eth = &rte_eth_devices[0];

	if (ret == 0)
		netvsc_ethdev_destroy(eth);
	rte_free(eth->data->mac_addrs);         /* as ethdev does with every port */
	assert_null(fake_host->vmbus.shared);
	assert_false(fake_host->watched);
	assert_null(fake_host->alarm[0].call);
	fake_host_stop();
}

static void
says(const char *said, const char *line)
{
	if (strcmp(said, line) != 0)
		fail_msg("said\n%snot\n%s", said, line);
}

/* ---- what is missing ---- */

static void
nothing_is_said_of_a_probe_that_succeeds(void **state)
{
	char *said;
	int ret;

	(void)state;
	host_ready("");
	ret = probe(&said);
	assert_int_equal(ret, 0);
	assert_string_equal(said, "");
	free(said);
	host_end(ret);
}

/* Each line names the device and one of these steps. */
static const char *const memory_steps[] = {
	"probe: memory for control requests", "attach: opening the main channel",
	"attach: memory for its sections", "probe: memory for the send buffer",
	"probe: memory for addresses",
};

static unsigned int
memory_step(const char *said)
{
	char line[256];

	for (unsigned int i = 0; i < RTE_DIM(memory_steps); i++) {
		snprintf(line, sizeof(line), "NETVSC: " NAME ": %s: Cannot allocate memory"
			MEMORY_ADVICE "\n", memory_steps[i]);
		if (strcmp(said, line) == 0)
			return i;
	}
	fail_msg("no step is named: \"%s\"", said);
	return 0;
}

static void
memory_that_is_missing_at_any_point_is_one_line_with_its_step_and_advice(void **state)
{
	const uint64_t out = fake_memory.out;
	unsigned int seen = 0, point = 0;
	int ret;

	(void)state;
	do {
		char *said;

		host_ready("");
		fake_memory.failed = false;
		fake_memory.left = point++;
		ret = probe(&said);
		fake_memory.left = UINT64_MAX;
		assert_int_equal(ret, fake_memory.failed ? -ENOMEM : 0);
		if (ret < 0)
			seen |= 1u << memory_step(said);
		free(said);
		host_end(ret);
		assert_int_equal(fake_memory.out, out);
		assert_true(point < POINTS_MAX);
	} while (ret < 0);
	assert_int_equal(seen, (1u << RTE_DIM(memory_steps)) - 1);
}

static void
a_removal_that_cannot_be_watched_for_says_why_and_what_to_try(void **state)
{
	char *said;
	const char *last;
	int ret;

	(void)state;
	host_ready("");
	fake_host->set.watch_error = -EMFILE;
	ret = probe(&said);
	assert_int_equal(ret, -EMFILE);
	/* Where a link is opened again that is a warning; a probe ends by it. */
	last = strchr(said, '\n');
	assert_non_null(last);
	says(last + 1, "NETVSC: " NAME ": probe: watching for removal: Too many open files; raise"
		" the limit of open files (ulimit -n)\n");
	free(said);
	host_end(ret);
}

static void
a_timer_that_eal_refuses_is_one_line_with_its_advice(void **state)
{
	char *said;
	int ret;

	(void)state;
	host_ready("");
	fake_host->set.alarm_error = -ENOMEM;
	ret = probe(&said);
	assert_int_equal(ret, -ENOMEM);
	says(said, "NETVSC: " NAME ": probe: timer: Cannot allocate memory" MEMORY_ADVICE "\n");
	free(said);
	host_end(ret);
}

static void
a_device_that_cannot_be_opened_says_so_and_what_to_look_at(void **state)
{
	char *said;
	int ret;

	(void)state;
	host_ready("");
	fake_host->set.absent = true;
	ret = probe(&said);
	assert_int_equal(ret, -ENODEV);
	says(said, "NETVSC: " NAME ": attach: opening the device: No such device; see that"
		" uio_hv_generic drives it, that no other process has it and that this user may open"
		" /dev/uioN\n");
	free(said);
	host_end(ret);
}

static void
a_secondary_process_is_refused_before_anything_is_touched(void **state)
{
	char *said;
	int ret;

	(void)state;
	host_ready("");
	process = RTE_PROC_SECONDARY;
	ret = probe(&said);
	assert_int_equal(ret, -ENOTSUP);
	says(said, "NETVSC: " NAME ": probe: secondary process: Operation not supported;"
		" only the primary process may use the port in this version\n");
	assert_int_equal(fake_host->opens, 0);
	free(said);
	host_end(ret);
}

/* ---- NUMA ---- */

/* Of a device on node 1. (Queues are where the application wants them.) */
static void
numa_aware_puts_a_port_and_its_memory_on_the_node_of_its_device(void **state)
{
	static const struct {
		const char *args;
		int node;
	} rows[] = { { "numa_aware=1", 1 }, { "numa_aware=0", SOCKET_ID_ANY }, { "", SOCKET_ID_ANY } };

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(rows); i++) {
		char *said;
		int ret;

		host_ready(rows[i].args);
		ret = probe(&said);
		assert_int_equal(ret, 0);
		free(said);
		/* What ethdev tells of the port, and what the bus maps its rings by. */
		assert_int_equal(rte_eth_devices[0].device->numa_node, rows[i].node);
		assert_int_equal(fake_host->dev.socket, rows[i].node);
		assert_int_equal(fake_memory.on_node[1], 0);
		assert_true(rows[i].node == 1 ? fake_memory.on_node[2] > 4 :
			fake_memory.on_node[2] == 0);
		host_end(ret);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_said_of_a_probe_that_succeeds),
		cmocka_unit_test(memory_that_is_missing_at_any_point_is_one_line_with_its_step_and_advice),
		cmocka_unit_test(a_removal_that_cannot_be_watched_for_says_why_and_what_to_try),
		cmocka_unit_test(a_timer_that_eal_refuses_is_one_line_with_its_advice),
		cmocka_unit_test(a_device_that_cannot_be_opened_says_so_and_what_to_look_at),
		cmocka_unit_test(a_secondary_process_is_refused_before_anything_is_touched),
		cmocka_unit_test(numa_aware_puts_a_port_and_its_memory_on_the_node_of_its_device),
	};

	rte_log_set_level(0, RTE_LOG_NOTICE);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
