/* SPDX-License-Identifier: BSD-3-Clause */

/* control/: what clients say and get, over a socket pair, with a machine of
 * fakes behind. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "control/control.h"
#include "control/control_private.h"
#include "control/machine.h"
#include "control/trace.h"
#include "control/unix_socket.h"
#include "core/engine.h"
#include "core/util.h"
#include "fake_machine.h"

#define ROUND_BOUND_NS 2000000000u

static struct config config;
static int client_fd;
static char text[1 << 20];
static size_t text_used;

/* ---- fixture ---- */

static void
stop_timer(void *arg)
{
	(void)arg;
	engine_stop(1);
}

/* Runs the engine for so long; tests look at the socket in between. */
static void
engine_run_for(uint64_t ns)
{
	struct engine_timer timer = { 0 };

	engine_timer_arm(&timer, engine_clock_ns() + ns, stop_timer, NULL);
	engine_run();
	engine_timer_cancel(&timer);
}

static int
setup(void **state)
{
	char error[256];
	int fds[2];

	(void)state;
	memset(&fake, 0, sizeof(fake));
	assert_int_equal(engine_init(ENGINE_POLL_ADAPTIVE, NULL), 0);
	config_init(&config);
	machine_know_profiles();
	config_add_nic(&config, "queues=2,port=echo", error, sizeof(error));
	config_add_nic(&config, "name=other", error, sizeof(error));
	assert_int_equal(config_finish(&config, error, sizeof(error)), 0);
	assert_int_equal(machine_start(&config, "/fake", error, sizeof(error)), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds),
		0);
	client_fd = fds[0];
	assert_int_equal(control_serve_fd(fds[1]), 0);
	text_used = 0;
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	control_stop();
	machine_stop();
	config_fini(&config);
	engine_fini();
	close(client_fd);
	return 0;
}

/* Runs the engine until a whole line has come, or the bound has passed. */
struct line_wait {
	bool done;
};

static void
line_ready(void *arg, uint32_t events)
{
	struct line_wait *wait = arg;
	ssize_t n = recv(client_fd, text + text_used, sizeof(text) - 1 - text_used, 0);

	(void)events;
	if (n > 0)
		text_used += (size_t)n;
	if (n <= 0 || memchr(text, '\n', text_used) != NULL) {
		wait->done = true;
		engine_stop(0);
	}
}

static json_t *
next_line(void)
{
	struct line_wait wait = { false };
	char *end;
	json_t *line;

	if (memchr(text, '\n', text_used) == NULL) {
		engine_fd_add(client_fd, EPOLLIN, line_ready, &wait);
		engine_run_for(ROUND_BOUND_NS);
		engine_fd_remove(client_fd);
	}
	end = memchr(text, '\n', text_used);
	if (end == NULL)
		return NULL;
	line = json_loadb(text, (size_t)(end - text), 0, NULL);
	text_used -= (size_t)(end - text) + 1;
	memmove(text, end + 1, text_used);
	return line;
}

static void
say(const char *line)
{
	assert_int_equal(send(client_fd, line, strlen(line), MSG_NOSIGNAL), strlen(line));
}

/* Sends one request; returns the result, or NULL with the sentence. */
static json_t *
ask(const char *request, char error[512])
{
	json_t *answer, *result;
	const char *sentence;

	say(request);
	say("\n");
	answer = next_line();
	assert_non_null(answer);
	assert_int_equal(json_integer_value(json_object_get(answer, "v")), 1);
	sentence = json_string_value(json_object_get(answer, "error"));
	snprintf(error, 512, "%s", sentence != NULL ? sentence : "");
	result = json_incref(json_object_get(answer, "result"));
	assert_true(json_is_true(json_object_get(answer, "ok")) == (result != NULL));
	json_decref(answer);
	return result;
}

/* ---- cases ---- */

static void
the_list_names_guests_nics_and_switches(void **state)
{
	char error[512];
	json_t *list = ask("{\"v\":1,\"cmd\":\"list\"}", error);
	const char *name, *about, *mac, *sw, *guest;
	int offered;

	(void)state;
	assert_non_null(list);
	assert_int_equal(json_unpack(list, "{s:[{s:s}], s:[{s:s,s:s,s:s,s:b},{}], s:[{s:s},{}]}",
		"guests", "name", &guest, "nics", "name", &name, "negotiated", &about, "mac",
		&mac, "offered", &offered, "switches", "name", &sw), 0);
	assert_string_equal(guest, "guest0");
	assert_string_equal(name, "nic0");
	assert_string_equal(about, "nic0: negotiated");
	assert_memory_equal(mac, "00:15:5d:", 9);
	assert_true(offered);
	assert_string_equal(sw, "nic0.wire");
	json_decref(list);
}

static void
counters_come_from_every_owner(void **state)
{
	char error[512];
	json_t *counters = ask("{\"v\":1,\"cmd\":\"counters\"}", error);
	int tx, rx0, rx1, port, guest, violations;

	(void)state;
	assert_non_null(counters);
	assert_int_equal(json_unpack(counters, "{s:{s:i}, s:[{s:{s:i}}], s:[{s:{s:i}, "
		"s:[{s:i},{s:i}]},{}], s:[{s:{s:i}},{},{}]}", "host", "violations", &violations,
		"guests", "counters", "devices", &guest, "nics", "counters", "tx_frames", &tx,
		"queues", "rx_frames", &rx0, "rx_frames", &rx1, "ports", "counters", "rx_frames",
		&port), 0);
	assert_int_equal(violations, 7);
	assert_int_equal(guest, 1);
	assert_int_equal(tx, 42);
	assert_int_equal(rx0, 100);
	assert_int_equal(rx1, 101);
	assert_int_equal(port, 5);
	json_decref(counters);
}

static void
what_happens_to_a_nic_reaches_it(void **state)
{
	static const struct {
		const char *request;
		const char *call;
	} cases[] = {
		{ "{\"v\":1,\"cmd\":\"link\",\"nic\":\"nic0\",\"up\":false}", "link nic0 down" },
		{ "{\"v\":1,\"cmd\":\"link\",\"nic\":\"other\",\"up\":true}", "link other up" },
		{ "{\"v\":1,\"cmd\":\"speed\",\"nic\":\"nic0\",\"speed\":\"10G\"}",
			"speed nic0 10000000000" },
		{ "{\"v\":1,\"cmd\":\"network-change\",\"nic\":\"nic0\"}", "network-change nic0" },
		{ "{\"v\":1,\"cmd\":\"offload\",\"nic\":\"nic0\"}", "offload nic0" },
		{ "{\"v\":1,\"cmd\":\"vf\",\"nic\":\"nic0\",\"action\":\"offer\"}",
			"vf-offer nic0" },
		{ "{\"v\":1,\"cmd\":\"vf\",\"nic\":\"nic0\",\"action\":\"revoke\"}",
			"vf-revoke nic0" },
		{ "{\"v\":1,\"cmd\":\"subchannel-remove\",\"nic\":\"nic0\",\"index\":\"3\"}",
			"subchannel-remove nic0 3" },
		{ "{\"v\":1,\"cmd\":\"nic-remove\",\"nic\":\"nic0\"}", "rescind nic0" },
		{ "{\"v\":1,\"cmd\":\"nic-offer\",\"nic\":\"nic0\"}", "offer nic0" },
		{ "{\"v\":1,\"cmd\":\"nic-delete\",\"nic\":\"nic0\"}", "destroy nic0" },
		{ "{\"v\":1,\"cmd\":\"capture-start\",\"port\":\"other\",\"file\":\"/x\"}",
			"capture other /x" },
	};
	char error[512];

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		json_t *result = ask(cases[i].request, error);

		assert_string_equal(error, "");
		assert_non_null(result);
		assert_string_equal(fake.last, cases[i].call);
		json_decref(result);
	}
}

static void
a_guest_that_is_not_ready_is_no_error(void **state)
{
	static const char request[] =
		"{\"v\":1,\"cmd\":\"link\",\"nic\":\"nic0\",\"up\":false}";
	char error[512];
	json_t *result;

	(void)state;
	fake.result = -ENOTCONN;
	result = ask(request, error);
	assert_true(json_is_false(json_object_get(result, "told")));
	json_decref(result);
	fake.result = -ENOTSUP;
	assert_null(ask(request, error));
	assert_string_equal(error, "nic0: link: Operation not supported");
	fake.result = 0;
	result = ask(request, error);
	assert_true(json_is_true(json_object_get(result, "told")));
	json_decref(result);
}

/* Whether a fault is armed, as the answer to "faults" has it. */
static bool
fault_is_armed(const char *name)
{
	char error[512];
	json_t *result = ask("{\"v\":1,\"cmd\":\"faults\"}", error);
	json_t *fault;
	size_t i;
	bool armed = false;

	assert_non_null(result);
	json_array_foreach(json_object_get(result, "faults"), i, fault)
		if (strcmp(json_string_value(json_object_get(fault, "name")), name) == 0)
			armed = json_is_true(json_object_get(fault, "armed"));
	json_decref(result);
	return armed;
}

static void
a_fault_is_armed_and_disarmed(void **state)
{
	char error[512];

	(void)state;
	assert_false(fault_is_armed("unread"));
	json_decref(ask("{\"v\":1,\"cmd\":\"fault-arm\",\"fault\":\"unread:queue=1\"}", error));
	assert_true(fault_is_armed("unread"));
	assert_false(fault_is_armed("silent"));
	json_decref(ask("{\"v\":1,\"cmd\":\"fault-disarm\",\"fault\":\"unread\"}", error));
	assert_false(fault_is_armed("unread"));
}

static void
a_wrong_request_is_refused_in_one_sentence(void **state)
{
	static const struct {
		const char *request;
		const char *sentence;
	} cases[] = {
		{ "{\"v\":1}", "\"cmd\" is missing or not a string" },
		{ "[1]", "a request must be a JSON object" },
		{ "{\"cmd\":\"list\"}", "this hvsim speaks version 1 (\"v\")" },
		{ "{\"v\":2,\"cmd\":\"list\"}", "this hvsim speaks version 1 (\"v\")" },
		{ "{\"v\":1,\"cmd\":\"frob\"}", "there is no command \"frob\"; there are: list "
			"counters profiles guest link speed network-change offload vf nic-add "
			"nic-remove nic-offer nic-delete subchannel-remove port-add port-remove capture-start "
			"capture-stop faults fault-arm fault-disarm trace" },
		{ "{\"v\":1,\"cmd\":\"fault-arm\",\"fault\":\"frob\"}",
			"there is no fault \"frob\"; see 'hvsim faults'" },
		{ "{\"v\":1,\"cmd\":\"fault-arm\"}", "\"fault\" is missing or not a string" },
		{ "{\"v\":1,\"cmd\":\"fault-disarm\",\"fault\":\"unread\"}",
			"no fault \"unread\" is armed" },
		{ "{\"v\":1,\"cmd\":\"list\",\"nic\":\"nic0\"}",
			"\"list\" does not know \"nic\"" },
		{ "{\"v\":1,\"cmd\":\"link\",\"nic\":\"nix\",\"up\":true}",
			"there is no NIC \"nix\"; there are: nic0 other" },
		{ "{\"v\":1,\"cmd\":\"link\",\"nic\":\"nic0\"}",
			"\"up\" is missing or not true or false" },
		{ "{\"v\":1,\"cmd\":\"speed\",\"nic\":\"nic0\",\"speed\":\"fast\"}",
			"fast is no speed; write it like 10G" },
		{ "{\"v\":1,\"cmd\":\"nic-offer\",\"nic\":\"nic0\"}", "nic0 is offered already" },
		{ "{\"v\":1,\"cmd\":\"vf\",\"nic\":\"nic0\",\"action\":\"eat\"}",
			"a VF can be offered or revoked, not \"eat\"" },
		{ "{\"v\":1,\"cmd\":\"capture-stop\",\"port\":\"nic0\"}",
			"nic0 is not captured" },
		{ "{\"v\":1,\"cmd\":\"port-remove\",\"port\":\"nic0\"}",
			"nic0 is a NIC: use nic-delete" },
		{ "{\"v\":1,\"cmd\":\"guest\",\"guest\":\"nobody\"}",
			"there is no guest \"nobody\"" },
	};
	char error[512];

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_null(ask(cases[i].request, error));
		assert_string_equal(error, cases[i].sentence);
	}
	assert_null(ask("{nonsense", error));
	assert_memory_equal(error, "not JSON: ", 10);
}

static void
a_nic_is_added_or_leaves_nothing_behind(void **state)
{
	char error[512];
	json_t *result = ask("{\"v\":1,\"cmd\":\"nic-add\",\"spec\":\"port=echo\"}", error);

	(void)state;
	assert_string_equal(json_string_value(json_object_get(result, "name")), "nic1");
	json_decref(result);
	assert_int_equal(fake.nics, 3);
	assert_null(ask("{\"v\":1,\"cmd\":\"nic-add\",\"spec\":\"name=nic0\"}", error));
	assert_string_equal(error, "two NICs are called \"nic0\"");
	assert_null(ask("{\"v\":1,\"cmd\":\"nic-add\",\"spec\":\"name=impossible\"}", error));
	assert_string_equal(error, "impossible is impossible");
	assert_null(ask("{\"v\":1,\"cmd\":\"nic-add\",\"spec\":\"guest=nobody\"}", error));
	assert_string_equal(error, "there is no guest \"nobody\"");
	fake.result = -ENOSPC;
	assert_null(ask("{\"v\":1,\"cmd\":\"nic-add\",\"spec\":\"name=late\"}", error));
	assert_string_equal(error, "offering NIC \"late\": No space left on device");
	fake.result = 0;
	assert_int_equal(fake.nics, 3);
	result = ask("{\"v\":1,\"cmd\":\"nic-add\",\"spec\":\"name=late\"}", error);
	assert_non_null(result);
	json_decref(result);
}

static void
a_port_is_added_and_removed(void **state)
{
	char error[512], request[128];
	const char *name;
	json_t *result = ask("{\"v\":1,\"cmd\":\"port-add\",\"spec\":\"echo:sw=sw0\"}", error);

	(void)state;
	name = json_string_value(json_object_get(result, "name"));
	assert_non_null(name);
	snprintf(request, sizeof(request), "{\"v\":1,\"cmd\":\"port-remove\",\"port\":\"%s\"}",
		name);
	json_decref(result);
	result = ask(request, error);
	assert_non_null(result);
	json_decref(result);
	assert_null(ask(request, error));
	assert_null(ask("{\"v\":1,\"cmd\":\"port-add\",\"spec\":\"ecko\"}", error));
	assert_string_equal(error, "there is no kind of port 'ecko'");
	assert_null(config.ports->next);
}

static void
requests_in_one_piece_or_in_single_bytes_are_answered_in_order(void **state)
{
	static const char request[] = "{\"v\":1,\"id\":\"x\",\"cmd\":\"guest\"}\n";
	json_t *answer;

	(void)state;
	say("{\"v\":1,\"id\":1,\"cmd\":\"guest\"}\n\n{\"v\":1,\"id\":2,\"cmd\":\"guest\"}\n");
	for (int id = 1; id <= 2; id++) {
		answer = next_line();
		assert_int_equal(json_integer_value(json_object_get(answer, "id")), id);
		json_decref(answer);
	}
	for (const char *p = request; *p != '\0'; p++) {
		const char byte[2] = { *p, '\0' };

		say(byte);
		engine_run_for(1000);
	}
	answer = next_line();
	assert_string_equal(json_string_value(json_object_get(answer, "id")), "x");
	json_decref(answer);
}

static void
a_request_too_long_ends_the_connection(void **state)
{
	static char line[70000];

	(void)state;
	memset(line, ' ', sizeof(line) - 1);
	say(line);
	assert_null(next_line());
	/* The server has closed: a peer that is gone reads as the end. */
	assert_int_equal(recv(client_fd, line, 1, 0), 0);
}

static void
a_trace_subscription_gets_lines_until_the_client_goes(void **state)
{
	char error[512];
	json_t *result = ask("{\"v\":1,\"cmd\":\"trace\"}", error), *event;
	const char *nic, *line;

	(void)state;
	assert_non_null(result);
	json_decref(result);
	assert_true(trace_on);
	trace_event("nic0", 3, "opened");
	event = next_line();
	assert_int_equal(json_unpack(event, "{s:{s:s,s:s}}", "line", "nic", &nic, "text", &line),
		0);
	assert_string_equal(nic, "nic0");
	assert_string_equal(line, "opened");
	json_decref(event);
	shutdown(client_fd, SHUT_RDWR);
	engine_run_for(20000000);
	assert_false(trace_on);
}

static void
a_subscriber_that_does_not_read_loses_events_and_is_told(void **state)
{
	enum { EVENTS = 20000 };
	char error[512];
	json_t *result = ask("{\"v\":1,\"cmd\":\"trace\"}", error), *event;
	json_int_t lost;
	unsigned int got = 0;

	(void)state;
	json_decref(result);
	for (unsigned int i = 0; i < EVENTS; i++)
		trace_event("nic0", i, "an event of some length, so that they add up sooner");
	while (got < EVENTS && (event = next_line()) != NULL) {
		got++;
		json_decref(event);
		if (text_used == 0 && got > 5000)
			break;
	}
	assert_in_range(got, 100, EVENTS - 1);
	engine_run_for(20000000);
	while (recv(client_fd, text, sizeof(text), 0) > 0)
		engine_run_for(1000000);
	text_used = 0;
	trace_event("nic0", 0, "last");
	event = next_line();
	lost = json_integer_value(json_object_get(event, "lost"));
	assert_in_range(lost, 1, EVENTS);
	json_decref(event);
}

static void
the_socket_is_private_and_works_at_a_path_longer_than_an_address(void **state)
{
	char folder[] = "/tmp/hvsim-test-XXXXXX", path[400], part[101];
	struct stat st;
	int fd;

	(void)state;
	assert_non_null(mkdtemp(folder));
	memset(part, 'd', 100);
	part[100] = '\0';
	snprintf(path, sizeof(path), "%s/%s", folder, part);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/%s/control", folder, part);
	assert_int_equal(control_start(path), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700 & ~0077);
	assert_int_equal(unix_listen(path), -EADDRINUSE);
	fd = unix_connect(path);
	assert_true(fd >= 0);
	close(fd);
	control_stop();
	assert_int_equal(unix_connect(path), -ECONNREFUSED);
	/* what a killed hvsim left is replaced */
	assert_int_equal(control_start(path), 0);
	control_stop();
	unlink(path);
	path[strlen(path) - strlen("/control")] = '\0';
	rmdir(path);
	rmdir(folder);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_list_names_guests_nics_and_switches),
		CASE(counters_come_from_every_owner),
		CASE(what_happens_to_a_nic_reaches_it),
		CASE(a_guest_that_is_not_ready_is_no_error),
		CASE(a_fault_is_armed_and_disarmed),
		CASE(a_wrong_request_is_refused_in_one_sentence),
		CASE(a_nic_is_added_or_leaves_nothing_behind),
		CASE(a_port_is_added_and_removed),
		CASE(requests_in_one_piece_or_in_single_bytes_are_answered_in_order),
		CASE(a_request_too_long_ends_the_connection),
		CASE(a_trace_subscription_gets_lines_until_the_client_goes),
		CASE(a_subscriber_that_does_not_read_loses_events_and_is_told),
		CASE(the_socket_is_private_and_works_at_a_path_longer_than_an_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
