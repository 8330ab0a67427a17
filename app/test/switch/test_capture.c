/* SPDX-License-Identifier: BSD-3-Clause */

/* Captures and replays, read back with libpcap. */

#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <pcap/pcap.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/engine.h"
#include "core/util.h"

static char folder[64], path[128], path_b[128];
static uint8_t data[64][FRAME_BYTES_MAX];
static struct sw *wire;
static struct probe *left, *right;

static int
setup(void **state)
{
	snprintf(folder, sizeof(folder), "/tmp/hvsim-test-XXXXXX");
	if (mkdtemp(folder) == NULL || engine_setup(state) < 0)
		return -1;
	snprintf(path, sizeof(path), "%s/a.pcapng", folder);
	snprintf(path_b, sizeof(path_b), "%s/b.pcapng", folder);
	wire = sw_create_wire("wire");
	left = probe_create(wire, "left");
	right = probe_create(wire, "right");
	return 0;
}

static int
teardown(void **state)
{
	int ret = engine_teardown(state);

	unlink(path);
	unlink(path_b);
	return rmdir(folder) < 0 ? -1 : ret;
}

static pcap_t *
open_file(const char *name)
{
	char why[PCAP_ERRBUF_SIZE];
	pcap_t *pcap = pcap_open_offline_with_tstamp_precision(name,
		PCAP_TSTAMP_PRECISION_NANO, why);

	if (pcap == NULL)
		fail_msg("%s", why);
	assert_int_equal(pcap_datalink(pcap), DLT_EN10MB);
	return pcap;
}

static uint64_t
wall_clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* Expects the file to hold these bytes next. */
static uint64_t
expect_frame(pcap_t *pcap, const uint8_t *bytes, uint32_t captured, uint32_t original)
{
	struct pcap_pkthdr *header;
	const uint8_t *got;

	assert_int_equal(pcap_next_ex(pcap, &header, &got), 1);
	assert_int_equal(header->caplen, captured);
	assert_int_equal(header->len, original);
	assert_memory_equal(got, bytes, captured);
	return (uint64_t)header->ts.tv_sec * 1000000000u + (uint64_t)header->ts.tv_usec;
}

static void
expect_end(pcap_t *pcap)
{
	struct pcap_pkthdr *header;
	const uint8_t *got;

	assert_int_equal(pcap_next_ex(pcap, &header, &got), PCAP_ERROR_BREAK);
	pcap_close(pcap);
}

/* ---- captures ---- */

static void
both_directions_are_captured_with_the_time(void **state)
{
	struct frame out = plain_frame(data[0], 61, 1, 2), in = plain_frame(data[1], 9000, 2, 1);
	uint64_t before_ns = wall_clock_ns(), at_ns;
	pcap_t *pcap;

	(void)state;
	assert_int_equal(sw_capture_start(&right->port, path, 0), 0);
	assert_int_equal(sw_capture_start(&right->port, path, 0), -EBUSY);
	sw_input(&left->port, &out, 1);
	sw_input(&right->port, &in, 1);
	assert_int_equal(stat_of(&right->port, "capture_frames"), 2);
	sw_capture_stop(&right->port);
	sw_input(&left->port, &out, 1);
	pcap = open_file(path);
	at_ns = expect_frame(pcap, data[0], 61, 61);
	assert_in_range(at_ns, before_ns - 1000000, wall_clock_ns() + 1000000);
	assert_true(expect_frame(pcap, data[1], 9000, 9000) >= at_ns);
	expect_end(pcap);
}

/* libpcap does not show the flags, so the file is read as it is. */
static void
the_direction_is_in_the_flags_of_each_block(void **state)
{
	struct frame frame = plain_frame(data[0], 61, 1, 2);
	uint32_t words[128], n, i, direction[2], count = 0;
	FILE *file;

	(void)state;
	assert_int_equal(sw_capture_start(&right->port, path, 0), 0);
	sw_input(&left->port, &frame, 1);
	sw_input(&right->port, &frame, 1);
	sw_capture_stop(&right->port);
	file = fopen(path, "r");
	n = (uint32_t)fread(words, 4, 128, file);
	fclose(file);
	for (i = 0; i < n; i += words[i + 1] / 4) {
		assert_int_equal(words[i + words[i + 1] / 4 - 1], words[i + 1]);
		if (words[i] == 6)      /* header, frame of 61 padded to 64, option, value */
			direction[count++] = words[i + 7 + 16 + 1];
	}
	assert_int_equal(i, n);
	assert_int_equal(count, 2);
	assert_int_equal(direction[0], 2);
	assert_int_equal(direction[1], 1);
}

static void
a_snap_length_cuts_and_a_tag_beside_the_frame_is_written(void **state)
{
	struct frame frame = plain_frame(data[0], 100, 1, 2);
	uint8_t expected[104];
	pcap_t *pcap;

	(void)state;
	tagged_frame(expected, 104, 1, 2, 0x2005);
	memcpy(expected + 16, data[0] + 12, 88);
	frame.flags = FRAME_VLAN;
	frame.vlan_tci = 0x2005;
	right->port.accepts_vlan_flag = true;
	for (uint32_t snap = 1; snap <= 110; snap++) {
		uint32_t captured = HV_MIN(snap, 104u);

		assert_int_equal(sw_capture_start(&right->port, path, snap), 0);
		sw_input(&left->port, &frame, 1);
		sw_capture_stop(&right->port);
		pcap = open_file(path);
		assert_int_equal(pcap_snapshot(pcap), snap);
		expect_frame(pcap, expected, captured, 104);
		expect_end(pcap);
	}
}

static bool
file_has_grown(void *arg)
{
	struct stat st;

	(void)arg;
	return stat(path, &st) == 0 && st.st_size > 200;
}

static void
a_capture_reaches_the_file_while_it_runs(void **state)
{
	struct frame frame = plain_frame(data[0], 400, 1, 2);

	(void)state;
	assert_int_equal(sw_capture_start(&right->port, path, 0), 0);
	sw_input(&left->port, &frame, 1);
	assert_false(file_has_grown(NULL));
	assert_true(run_until(file_has_grown, NULL, 5));
}

static void
a_large_capture_is_complete(void **state)
{
	struct frame frame = plain_frame(data[0], 1514, 1, 2);
	pcap_t *pcap;

	(void)state;
	assert_int_equal(sw_capture_start(&right->port, path, 0), 0);
	for (unsigned int i = 0; i < 3000; i++) {
		memcpy(data[0] + 14, &i, sizeof(i));
		frame.bytes = 60 + i % 1400;
		sw_input(&left->port, &frame, 1);
		probe_clear(right);
	}
	sw_port_remove(&right->port);           /* ends the capture, too */
	pcap = open_file(path);
	for (unsigned int i = 0; i < 3000; i++) {
		memcpy(data[0] + 14, &i, sizeof(i));
		expect_frame(pcap, data[0], 60 + i % 1400, 60 + i % 1400);
	}
	expect_end(pcap);
}

static void
a_file_that_cannot_be_made_is_an_error(void **state)
{
	(void)state;
	assert_int_equal(sw_capture_start(&right->port, "/nowhere/x.pcapng", 0), -ENOENT);
	assert_null(right->port.capture);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(sw_capture_start(&right->port, path, 0), -ENXIO);
}

static void
a_slow_reader_of_a_fifo_costs_blocks_and_no_time(void **state)
{
	struct frame frame = plain_frame(data[0], 1000, 1, 2);
	int reader;

	(void)state;
	assert_int_equal(mkfifo(path, 0600), 0);
	reader = open(path, O_RDONLY | O_NONBLOCK);
	assert_int_equal(sw_capture_start(&right->port, path, 0), 0);
	for (unsigned int i = 0; i < 2000; i++) {
		sw_input(&left->port, &frame, 1);
		probe_clear(right);
	}
	assert_in_range(stat_of(&right->port, "capture_frames"), 400, 1500);
	assert_int_equal(stat_of(&right->port, "capture_frames") +
		stat_of(&right->port, "capture_drops"), 2000);
	close(reader);
	sw_capture_stop(&right->port);
}

/* ---- replays ---- */

static struct sw_port *
port_create(const char *format, const char *a, const char *b)
{
	char spec[400], error[256] = "";
	struct sw_port *port;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(spec, sizeof(spec), format, a, b);
#pragma GCC diagnostic pop
	port = sw_port_create(wire, spec, 1, error, sizeof(error));
	if (port == NULL)
		fail_msg("%s: %s", spec, error);
	return port;
}

/* Writes a classic file with frames of all sizes, 1.000001 ms apart. */
static void
write_file(unsigned int precision, unsigned int count)
{
	pcap_t *pcap = pcap_open_dead_with_tstamp_precision(DLT_EN10MB, 65535, precision);
	pcap_dumper_t *dumper = pcap_dump_open(pcap, path);
	struct rng rng = { .state = 9 };

	for (unsigned int i = 0; i < count; i++) {
		struct pcap_pkthdr header = {
			.caplen = 14 + (i * 211) % 9200, .len = 14 + (i * 211) % 9200,
			.ts = { .tv_sec = 1000, .tv_usec = i * 1000001 },
		};

		for (uint32_t b = 0; b < header.caplen; b++)
			data[i % 64][b] = (uint8_t)rng_next(&rng);
		pcap_dump((uint8_t *)dumper, &header, data[i % 64]);
	}
	pcap_dump_close(dumper);
	pcap_close(pcap);
}

static bool
replayed(void *arg)
{
	return stat_of(arg, "replay_finished") == 1;
}

static void
a_replay_that_is_recorded_is_byte_identical(void **state)
{
	struct rng rng = { .state = 9 };
	struct sw_port *port;
	pcap_t *pcap;

	(void)state;
	write_file(PCAP_TSTAMP_PRECISION_NANO, 1000);
	sw_port_remove(&right->port);
	sw_port_remove(&left->port);
	port = port_create("pcap:replay=%s,rate=max,record=%s", path, path_b);
	port_create("echo", "", "");
	assert_true(run_until(replayed, port, 10));
	assert_int_equal(stat_of(port, "replay_sent"), 1000);
	assert_int_equal(stat_of(port, "record_frames"), 1000);
	sw_port_remove(port);
	pcap = open_file(path_b);
	for (unsigned int i = 0; i < 1000; i++) {
		uint32_t bytes = 14 + (i * 211) % 9200;

		for (uint32_t b = 0; b < bytes; b++)
			data[0][b] = (uint8_t)rng_next(&rng);
		expect_frame(pcap, data[0], bytes, bytes);
	}
	expect_end(pcap);
}

static void
a_recorded_file_can_be_replayed_in_turn(void **state)
{
	struct frame frame = plain_frame(data[0], 333, 1, 2);
	struct sw_port *port;

	(void)state;
	assert_int_equal(sw_capture_start(&right->port, path, 0), 0);
	sw_input(&left->port, &frame, 1);
	sw_capture_stop(&right->port);
	probe_clear(right);
	sw_port_remove(&left->port);
	port = port_create("pcap:replay=%s,loop=3", path, "");
	assert_true(run_until(replayed, port, 10));
	assert_int_equal(right->count, 3);
	assert_memory_equal(right->got[2].data, data[0], 333);
	assert_int_equal(stat_of(port, "replay_loops"), 3);
}

static void
the_recorded_rate_is_kept(void **state)
{
	uint64_t start_ns;
	struct sw_port *port;

	(void)state;
	write_file(PCAP_TSTAMP_PRECISION_NANO, 50);
	sw_port_remove(&left->port);
	start_ns = engine_clock_ns();
	port = port_create("pcap:replay=%s", path, "");
	assert_true(run_until(replayed, port, 10));
	assert_in_range(engine_clock_ns() - start_ns, 49000000, 5000000000);
	assert_int_equal(right->count, 50);
}

static void
a_given_rate_is_kept(void **state)
{
	uint64_t start_ns;
	struct sw_port *port;

	(void)state;
	write_file(PCAP_TSTAMP_PRECISION_MICRO, 50);
	sw_port_remove(&left->port);
	start_ns = engine_clock_ns();
	port = port_create("pcap:replay=%s,rate=5kpps,loop=10", path, "");
	assert_true(run_until(replayed, port, 10));
	assert_in_range(engine_clock_ns() - start_ns, 99000000, 5000000000);
	assert_int_equal(stat_of(port, "replay_sent"), 500);
}

struct opening {
	struct sw_port *port;
	unsigned int looks;
};

static bool
replayed_after_opening(void *arg)
{
	struct opening *opening = arg;

	if (++opening->looks == 20) {
		assert_int_equal(right->count, 0);
		right->unready = false;
	}
	return replayed(opening->port);
}

static void
at_full_rate_a_replay_waits_for_its_peer_and_loses_nothing(void **state)
{
	struct opening opening = { .looks = 0 };

	(void)state;
	write_file(PCAP_TSTAMP_PRECISION_MICRO, 64);
	sw_port_remove(&left->port);
	right->room = 7;
	right->unready = true;
	opening.port = port_create("pcap:replay=%s,rate=max,loop=3", path, "");
	assert_true(run_until(replayed_after_opening, &opening, 10));
	assert_int_equal(right->count, 192);
	assert_true(right->calls >= 192 / 7);
	assert_int_equal(stat_of(opening.port, "replay_host_drops"), 0);
}

static void
bad_files_are_named_in_one_sentence(void **state)
{
	char spec[300], error[256];
	pcap_t *pcap = pcap_open_dead(DLT_RAW, 65535);
	FILE *file;

	(void)state;
	sw_port_remove(&left->port);
	snprintf(spec, sizeof(spec), "pcap:replay=%s", path);
	assert_null(sw_port_create(wire, spec, 1, error, sizeof(error)));
	assert_non_null(strstr(error, path));
	assert_non_null(strstr(error, "No such file"));
	file = fopen(path, "w");
	fputs("this is no capture file, but long enough", file);
	fclose(file);
	assert_null(sw_port_create(wire, spec, 1, error, sizeof(error)));
	assert_non_null(strstr(error, "unknown file format"));
	pcap_dump_close(pcap_dump_open(pcap, path));
	pcap_close(pcap);
	assert_null(sw_port_create(wire, spec, 1, error, sizeof(error)));
	assert_non_null(strstr(error, "not Ethernet"));
	snprintf(spec, sizeof(spec), "pcap:replay=%s,record=%s", path, path);
	assert_null(sw_port_create(wire, spec, 1, error, sizeof(error)));
	assert_non_null(strstr(error, "same file"));
	assert_null(sw_port_create(wire, "pcap", 1, error, sizeof(error)));
	assert_non_null(strstr(error, "nothing to do"));
	assert_null(sw_port_create(wire, "pcap:record=/nowhere/x", 1, error, sizeof(error)));
	assert_non_null(strstr(error, "/nowhere/x: No such file"));
}

static void
a_file_that_breaks_off_ends_the_replay(void **state)
{
	struct sw_port *port;

	(void)state;
	write_file(PCAP_TSTAMP_PRECISION_MICRO, 10);
	assert_int_equal(truncate(path, 4000), 0);
	sw_port_remove(&left->port);
	port = port_create("pcap:replay=%s,rate=max", path, "");
	assert_true(run_until(replayed, port, 10));
	assert_int_equal(stat_of(port, "replay_failed"), 1);
	assert_in_range(right->count, 1, 9);
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(both_directions_are_captured_with_the_time),
		CASE(the_direction_is_in_the_flags_of_each_block),
		CASE(a_snap_length_cuts_and_a_tag_beside_the_frame_is_written),
		CASE(a_capture_reaches_the_file_while_it_runs),
		CASE(a_large_capture_is_complete),
		CASE(a_file_that_cannot_be_made_is_an_error),
		CASE(a_slow_reader_of_a_fifo_costs_blocks_and_no_time),
		CASE(a_replay_that_is_recorded_is_byte_identical),
		CASE(a_recorded_file_can_be_replayed_in_turn),
		CASE(the_recorded_rate_is_kept),
		CASE(a_given_rate_is_kept),
		CASE(at_full_rate_a_replay_waits_for_its_peer_and_loses_nothing),
		CASE(bad_files_are_named_in_one_sentence),
		CASE(a_file_that_breaks_off_ends_the_replay),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
