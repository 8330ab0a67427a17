/* SPDX-License-Identifier: BSD-3-Clause */

/* Ports from text: what is taken, and what is said about the rest. */

#include "fixture.h"

#include <string.h>

static struct sw *sw;
static char error[512];

static int
setup(void **state)
{
	if (engine_setup(state) < 0)
		return -1;
	sw = sw_create("sw");
	return 0;
}

static struct sw_port *
create(const char *spec)
{
	error[0] = '\0';
	return sw_port_create(sw, spec, 1, error, sizeof(error));
}

static void
good_specifications_are_taken(void **state)
{
	static const char *const good[] = {
		"echo", "echo:", "echo:swap", "echo:swap=mac", "echo:swap=no,delay=100us",
		"sink", "sink:verify=no",
		"gen", "gen:size=64", "gen:size=60", "gen:size=9k", "gen:size=64-1500",
		"gen:size=imix", "gen:size=IMIX", "gen:size=[64,512,1514]", "gen:rate=max",
		"gen:rate=1Mpps", "gen:rate=0.5pps", "gen:flows=65536", "gen:count=5,duration=10s",
		"gen:vlan=100", "gen:src=02:00:00:00:00:01,dst=ff:ff:ff:ff:ff:ff", "gen:seed=0x12",
		"gen:ipv6,size=78", "gen:ipv6,tcp,size=90", "gen:tcp=no", "gen:csum=partial",
		"gen:id=65535", "gen:name=source,size=64,rate=1Mpps",
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct sw_port *port = create(good[i]);

		if (port == NULL)
			fail_msg("'%s' was refused: %s", good[i], error);
		sw_port_remove(port);
	}
}

static void
bad_specifications_are_refused_with_what_would_be_right(void **state)
{
	static const struct {
		const char *spec, *says;
	} bad[] = {
		{ "", "there is no kind of port ''; the kinds are echo, sink, gen, pcap, tap, afpacket" },
		{ "nic", "there is no kind of port 'nic'" },
		{ "echos", "the kinds are" },
		{ "Echo", "the kinds are" },
		{ "echo:foo=1", "echo: there is no option 'foo'; the options are name, swap, delay" },
		{ "echo:swap=ip", "echo: swap=ip: expected mac or no" },
		{ "echo:delay=5", "echo: delay=5: expected a time such as 100us" },
		{ "echo:delay", "expected a time" },
		{ "sink:verify=perhaps", "expected yes or no" },
		{ "gen:size=59", "gen: size=59: expected 60 to 9238 bytes" },
		{ "gen:size=9239", "expected 60 to 9238 bytes" },
		{ "gen:size=1500-64", "expected 60 to 9238 bytes" },
		{ "gen:size=64-", "expected 60" },
		{ "gen:size=-64", "expected 60" },
		{ "gen:size=", "expected 60" },
		{ "gen:size=[64,,65]", "expected 60" },
		{ "gen:size=mix", "expected 60" },
		{ "gen:size=64,tcp", "gen: size=64: these frames have at least 70 bytes" },
		{ "gen:size=[90,78],ipv6,tcp", "size=78: these frames have at least 90" },
		{ "gen:rate=fast", "gen: rate=fast: expected a rate such as 1Mpps" },
		{ "gen:rate=-1Mpps", "expected a rate" },
		{ "gen:rate=2Gpps", "expected a rate" },
		{ "gen:flows=0", "expected a number from 1 to 65536" },
		{ "gen:flows=65537", "expected a number from 1 to 65536" },
		{ "gen:count=0", "expected a number of frames" },
		{ "gen:duration=10", "expected a time such as 10s" },
		{ "gen:vlan=4096", "expected a VLAN id" },
		{ "gen:src=1:2:3", "expected a MAC address" },
		{ "gen:csum=wrong", "expected full or partial" },
		{ "gen:id=65536", "expected a number from 0 to 65535" },
		{ "gen:size=64,,rate=max", "gen: cannot read the options" },
		{ "gen:size=[64", "gen: cannot read the options" },
		{ "gen:=5", "cannot read the options" },
		{ "gen:name=", "name=: expected 1 to 31 letters" },
		{ "gen:name=a b", "expected 1 to 31 letters" },
		{ "gen:name=a-name-that-is-longer-than-thirty-one", "expected 1 to 31 letters" },
		{ "pcap:rate=max", "pcap: nothing to do: give replay=FILE, record=FILE or both" },
		{ "pcap:replay=", "expected the path of a capture file" },
		{ "pcap:replay=x,rate=never", "expected recorded, max, or a rate" },
		{ "pcap:replay=x,loop=-1", "expected a number of times" },
		{ "tap:mtu=67", "tap: mtu=67: expected a number from 68 to 9216" },
		{ "tap:up=maybe", "expected yes or no" },
		{ "tap:name=a-name-too-long-for-linux", "an interface's name has at most 15 characters" },
		{ "afpacket", "afpacket: which interface? give if=NAME" },
		{ "afpacket:if=no-such-if", "afpacket: there is no interface 'no-such-if'" },
		{ "afpacket:if=a-name-too-long-for-linux", "expected the name of an interface" },
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (create(bad[i].spec) != NULL)
			fail_msg("'%s' was taken", bad[i].spec);
		if (strstr(error, bad[i].says) == NULL)
			fail_msg("'%s': it says '%s', not '%s'", bad[i].spec, error, bad[i].says);
		assert_null(strchr(error, '\n'));
	}
	assert_null(sw_port_next(sw, NULL));
}

static void
names_are_made_up_and_never_taken_twice(void **state)
{
	struct sw *other = sw_create_wire("other");
	struct sw_port *first = create("echo");

	(void)state;
	assert_string_equal(first->name, "echo0");
	assert_string_equal(create("echo")->name, "echo1");
	assert_string_equal(sw_port_create(other, "echo", 1, error, sizeof(error))->name, "echo2");
	sw_port_remove(first);
	assert_string_equal(create("echo")->name, "echo0");
	assert_string_equal(create("sink:name=drain")->name, "drain");
	assert_null(create("gen:name=drain"));
	assert_string_equal(error, "gen: there is a port named 'drain' already");
}

static void
a_third_port_on_a_wire_is_refused(void **state)
{
	struct sw *wire = sw_create_wire("wire");

	(void)state;
	assert_non_null(sw_port_create(wire, "sink", 1, error, sizeof(error)));
	assert_non_null(sw_port_create(wire, "sink", 1, error, sizeof(error)));
	assert_null(sw_port_create(wire, "sink", 1, error, sizeof(error)));
	assert_string_equal(error, "sink: 'wire' is a wire and has two ports already");
}

static void
a_long_error_is_cut_to_the_callers_buffer(void **state)
{
	char small[20];

	(void)state;
	memset(small, 'x', sizeof(small));
	assert_null(sw_port_create(sw, "nothing", 1, small, 10));
	assert_int_equal(strlen(small), 9);
	assert_int_equal(small[10], 'x');
}

static void
the_help_names_every_kind_with_an_example(void **state)
{
	static const char *const kinds[] = { "echo", "sink", "gen", "pcap", "tap", "afpacket" };
	const char *help = sw_port_help(), *p;
	unsigned int examples = 0;

	(void)state;
	for (unsigned int i = 0; i < 6; i++)
		assert_non_null(strstr(help, kinds[i]));
	for (p = help; (p = strstr(p, "Example: ")) != NULL; p++)
		examples++;
	assert_int_equal(examples, 6);
	assert_int_equal(help[strlen(help) - 1], '\n');
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, engine_teardown)
	const struct CMUnitTest tests[] = {
		CASE(good_specifications_are_taken),
		CASE(bad_specifications_are_refused_with_what_would_be_right),
		CASE(names_are_made_up_and_never_taken_twice),
		CASE(a_third_port_on_a_wire_is_refused),
		CASE(a_long_error_is_cut_to_the_callers_buffer),
		CASE(the_help_names_every_kind_with_an_example),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
