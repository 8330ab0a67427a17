/* SPDX-License-Identifier: BSD-3-Clause */

/* The generator as a port: sizes, schedule, and what it does with a peer that
 * is absent or full. */

#include "fixture.h"

#include "core/engine.h"
#include "switch/gen_check.h"

static struct gen_check *check;

static int
setup(void **state)
{
	check = gen_check_create();
	return check == NULL ? -1 : engine_setup(state);
}

static int
teardown(void **state)
{
	gen_check_destroy(check);
	return engine_teardown(state);
}

static const struct gen_check_counters *
counters(void)
{
	return gen_check_counters(check);
}

static struct sw_port *
port_create(struct sw *sw, const char *spec)
{
	char error[256] = "";
	struct sw_port *port = sw_port_create(sw, spec, 1, error, sizeof(error));

	if (port == NULL)
		fail_msg("%s: %s", spec, error);
	return port;
}

static bool
finished(void *arg)
{
	return stat_of(arg, "gen_finished") == 1;
}

static void
a_generator_and_a_sink_agree(void **state)
{
	struct sw *sw = sw_create_wire("w");
	struct sw_port *gen = port_create(sw,
		"gen:size=60-1514,rate=200kpps,flows=100,count=20000,vlan=7,ipv6=no");
	struct sw_port *sink = port_create(sw, "sink");
	uint64_t start_ns = engine_clock_ns(), took_ns;

	(void)state;
	assert_true(run_until(finished, gen, 10));
	took_ns = engine_clock_ns() - start_ns;
	assert_int_equal(stat_of(gen, "gen_sent"), 20000);
	assert_int_equal(stat_of(sink, "gen_received"), 20000);
	assert_int_equal(stat_of(sink, "gen_lost") + stat_of(sink, "gen_corrupt") +
		stat_of(sink, "gen_foreign") + stat_of(sink, "gen_reordered"), 0);
	assert_true(took_ns >= 99000000);       /* no faster than its rate */
	assert_in_range(stat_of(sink, "rx_frames"), 0, 0);
	assert_int_equal(stat_of(sink, "tx_frames"), 20000);
	assert_true(stat_of(sink, "latency_p50_ns") <= stat_of(sink, "latency_p99_ns"));
	assert_true(stat_of(sink, "latency_p99_ns") <= stat_of(sink, "latency_p999_ns"));
	assert_true(stat_of(sink, "latency_p999_ns") < 1000000000);
}

static void
frames_that_come_back_are_verified(void **state)
{
	struct sw *sw = sw_create_wire("w");
	struct sw_port *gen = port_create(sw, "gen:size=imix,rate=max,count=50000,flows=10");

	(void)state;
	sw_port_remove(port_create(sw, "sink"));
	port_create(sw, "echo");
	assert_true(run_until(finished, gen, 10));
	assert_int_equal(stat_of(gen, "gen_sent"), 50000);
	assert_int_equal(stat_of(gen, "gen_received"), 50000);
	assert_int_equal(stat_of(gen, "gen_lost") + stat_of(gen, "gen_corrupt"), 0);
	assert_int_equal(stat_of(gen, "rx_bytes"),
		50000 / 12 * (7 * 60 + 4 * 590 + 1514) + 7 * 60 + 590);
}

static void
sizes_in_a_list_are_taken_in_turn(void **state)
{
	struct sw *sw = sw_create_wire("w");
	struct sw_port *gen = port_create(sw, "gen:size=[64,1514,512],rate=max,count=7");
	struct probe *probe = probe_create(sw, "probe");
	static const uint32_t expected[7] = { 64, 1514, 512, 64, 1514, 512, 64 };

	(void)state;
	assert_true(run_until(finished, gen, 5));
	assert_int_equal(probe->count, 7);
	for (unsigned int i = 0; i < 7; i++)
		assert_int_equal(probe->got[i].bytes, expected[i]);
}

static void
a_seed_repeats_the_random_sizes(void **state)
{
	struct probe *probe[3];
	struct sw_port *gen = NULL;

	(void)state;
	for (unsigned int i = 0; i < 3; i++) {
		const char *names[3] = { "a", "b", "c" }, *spec[3] = {
			"gen:size=60-1514,rate=max,count=200,seed=5,id=1",
			"gen:size=60-1514,rate=max,count=200,seed=5,id=1",
			"gen:size=60-1514,rate=max,count=200,seed=6,id=1",
		};
		struct sw *sw = sw_create_wire(names[i]);
		struct sw_port *last = port_create(sw, spec[i]);

		gen = gen == NULL ? last : gen; /* pollers run in the reverse order */
		probe[i] = probe_create(sw, names[i]);
	}
	assert_true(run_until(finished, gen, 5));
	assert_int_equal(probe[0]->count, 200);
	for (unsigned int i = 0; i < 200; i++)
		assert_int_equal(probe[0]->got[i].bytes, probe[1]->got[i].bytes);
	for (unsigned int i = 0, same = 0; i < 200; i++) {
		same += probe[0]->got[i].bytes == probe[2]->got[i].bytes;
		assert_in_range(same, 0, 20);
	}
}

/* The other end of a generator's wire: takes nothing when first asked, then
 * 1000 frames, nothing again until 500 were dropped, all in the end. */
static unsigned int asked;
static uint64_t sent_while_waiting;

static unsigned int
room_in_stages(struct probe *probe)
{
	const struct sw_port_counters *c = &probe->port.counters;

	if (++asked < 5) {
		sent_while_waiting = c->tx_frames + c->tx_drops;
		return 0;
	}
	if (c->tx_frames < 1000)
		return 1000 - (unsigned int)c->tx_frames;
	return c->tx_drops < 500 ? 0 : 1000;
}

static void
a_generator_waits_for_its_peer_once_and_then_keeps_its_schedule(void **state)
{
	struct sw *sw = sw_create_wire("w");
	struct sw_port *gen = port_create(sw, "gen:rate=60kpps,duration=50ms,flows=4");
	struct probe *probe = probe_create(sw, "probe");
	uint64_t sent, drops;

	(void)state;
	asked = 0;
	probe->room_fn = room_in_stages;
	assert_true(run_until(finished, gen, 10));
	sent = stat_of(gen, "gen_sent");
	drops = stat_of(gen, "gen_host_drops");
	assert_true(asked >= 5);
	assert_int_equal(sent_while_waiting, 0);
	/* 50 ms at 60 kpps, whatever the receiver took. */
	assert_int_equal(sent + drops + stat_of(gen, "gen_missed"), 3000);
	assert_int_equal(probe->count, sent);
	assert_int_equal(probe->port.counters.tx_drops, drops);
}

/* Says that there is room long before anybody is there. */
static unsigned int
room_of_the_absent(struct probe *probe)
{
	if (++asked == 5) {
		assert_int_equal(probe->count, 0);
		probe->unready = false;
	}
	return 1000;
}

static void
a_generator_waits_until_somebody_is_there(void **state)
{
	struct sw *sw = sw_create_wire("w");
	struct sw_port *gen = port_create(sw, "gen:rate=1Mpps,count=500");
	struct probe *probe = probe_create(sw, "probe");

	(void)state;
	asked = 0;
	probe->unready = true;
	probe->room_fn = room_of_the_absent;
	assert_true(run_until(finished, gen, 10));
	assert_true(asked > 5);
	assert_int_equal(probe->count, 500);
	gen_check_frames(check, probe->got, probe->count, 0);
	assert_int_equal(counters()->received, 500);
}

/* Is there for the first 300 frames, and again after it was asked for a while. */
static bool
ready_in_stages(struct sw_port *port)
{
	const struct probe *probe = (const struct probe *)port;

	if (probe->count == 300)
		asked++;
	return probe->count != 300 || asked > 10;
}

static bool
got_600(void *arg)
{
	return ((struct probe *)arg)->count >= 600;
}

static void
at_full_rate_nothing_is_sent_to_nobody(void **state)
{
	struct sw *sw = sw_create_wire("w");
	struct sw_port *gen = port_create(sw, "gen:rate=max");
	struct probe *probe = probe_create(sw, "probe");

	(void)state;
	asked = 0;
	probe->room = 1;
	probe->ready_fn = ready_in_stages;
	assert_true(run_until(got_600, probe, 10));
	assert_in_range(asked, 10, 12);
	assert_int_equal(stat_of(gen, "gen_host_drops"), 0);
}

static void
frames_without_room_use_up_their_numbers(void **state)
{
	struct sw *sw = sw_create_wire("w");
	struct sw_port *gen = port_create(sw, "gen:rate=200kpps,count=3000");
	struct probe *probe = probe_create(sw, "probe");
	uint64_t drops;

	(void)state;
	asked = 0;
	probe->room_fn = room_in_stages;
	assert_true(run_until(finished, gen, 10));
	drops = stat_of(gen, "gen_host_drops");
	assert_int_equal(stat_of(gen, "gen_sent") + drops, 3000);
	assert_in_range(drops, 500, 500 + 2 * FRAME_BATCH_MAX);
	gen_check_frames(check, probe->got, probe->count, 0);
	assert_int_equal(counters()->received, 3000 - drops);
	assert_int_equal(counters()->lost, drops);
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(a_generator_and_a_sink_agree),
		CASE(frames_that_come_back_are_verified),
		CASE(sizes_in_a_list_are_taken_in_turn),
		CASE(a_seed_repeats_the_random_sizes),
		CASE(a_generator_waits_for_its_peer_once_and_then_keeps_its_schedule),
		CASE(a_generator_waits_until_somebody_is_there),
		CASE(at_full_rate_nothing_is_sent_to_nobody),
		CASE(frames_without_room_use_up_their_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
