/* SPDX-License-Identifier: BSD-3-Clause */

/* Taps, against the kernel's own network in namespaces made for the test. */

#include "netns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/engine.h"

static uint8_t data[2048];
static uint8_t tap_mac[6];
static struct sw *wire;
static struct sw_port *tap;
static struct probe *probe;
static int udp = -1;

static struct sw_port *
tap_create(struct sw *sw, const char *spec)
{
	char error[512] = "";
	struct sw_port *port = sw_port_create(sw, spec, 1, error, sizeof(error));

	if (port == NULL)
		fail_msg("%s: %s", spec, error);
	return port;
}

/* A tap with the address 10.9.0.1 on a wire with a probe that is 10.9.0.2. */
static int
setup(void **state)
{
	if (engine_setup(state) < 0)
		return -1;
	wire = sw_create_wire("wire");
	tap = tap_create(wire, "tap:name=hvt0,mtu=1400,up");
	probe = probe_create(wire, "probe");
	shell("ip addr add 10.9.0.1/24 dev hvt0");
	shell("ip neigh add 10.9.0.2 lladdr 02:00:00:00:00:09 dev hvt0");
	interface_mac("hvt0", tap_mac);
	udp = udp_socket("10.9.0.1");
	return 0;
}

static int
teardown(void **state)
{
	close(udp);
	return engine_teardown(state);
}

static int
interface_mtu(const char *name)
{
	struct ifreq request = { .ifr_flags = 0 };
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	assert_int_equal(ioctl(s, SIOCGIFMTU, &request), 0);
	close(s);
	return request.ifr_mtu;
}

static void
an_interface_is_made_as_asked_and_vanishes_with_the_port(void **state)
{
	struct sw_port *second = tap_create(sw_create("sw"), "tap");

	(void)state;
	assert_string_equal(tap->name, "hvt0");
	assert_int_equal(interface_mtu("hvt0"), 1400);
	assert_string_equal(second->name, "tap0");
	assert_int_equal(interface_mtu("tap0"), 1500);
	sw_port_remove(second);
	sw_port_remove(tap);
	assert_int_equal(if_nametoindex("hvt0"), 0);
	assert_int_equal(if_nametoindex("tap0"), 0);
}

static bool
text_arrived(void *arg)
{
	return probe_udp(probe, arg) != NULL;
}

static void
what_the_kernel_sends_comes_in_with_its_checksum_left_open(void **state)
{
	char text[] = "partial";
	const struct frame *frame;

	(void)state;
	probe->port.accepts_partial = true;
	udp_send(udp, "10.9.0.2", text);
	assert_true(run_until(text_arrived, text, 5));
	frame = probe_udp(probe, text);
	assert_memory_equal(frame->data, "\x02\x00\x00\x00\x00\x09", 6);
	assert_memory_equal(frame->data + 6, tap_mac, 6);
	assert_true(frame->flags & FRAME_CSUM_PARTIAL);
	assert_int_equal(frame->l4_offset, 34);
	assert_false(l4_checksum_right(frame->data, frame->bytes));
}

static void
what_the_kernel_left_open_is_completed_for_others(void **state)
{
	char text[] = "completed";
	const struct frame *frame;

	(void)state;
	udp_send(udp, "10.9.0.2", text);
	assert_true(run_until(text_arrived, text, 5));
	frame = probe_udp(probe, text);
	assert_true(frame->flags & FRAME_CSUM_GOOD);
	assert_true(l4_checksum_right(frame->data, frame->bytes));
}

static void
the_kernel_receives_what_leaves_and_verifies_its_checksum(void **state)
{
	struct frame frame = udp_frame(data, tap_mac, 1, 2, "full", false);

	(void)state;
	sw_input(&probe->port, &frame, 1);
	assert_true(udp_arrives(udp, "full", 2000));
	frame = udp_frame(data, tap_mac, 1, 2, "partial", true);
	sw_input(&probe->port, &frame, 1);
	assert_true(udp_arrives(udp, "partial", 2000));
	frame = udp_frame(data, tap_mac, 1, 2, "wrong", false);
	data[42] ^= 1;
	sw_input(&probe->port, &frame, 1);
	frame = udp_frame(data, tap_mac, 1, 2, "next", false);
	sw_input(&probe->port, &frame, 1);
	assert_true(udp_arrives(udp, "next", 2000));
	assert_int_equal(stat_of(tap, "tx_drops"), 0);
	assert_int_equal(stat_of(tap, "tx_frames"), 4);
}

struct narrow {
	unsigned int looks;
	uint64_t before;
};

static bool
narrow_over(void *arg)
{
	struct narrow *narrow = arg;

	if (++narrow->looks == 50) {
		narrow->before = probe->count;
		probe->room = 3;
	}
	return probe_udp(probe, "datagram 19") != NULL;
}

static void
a_tap_reads_only_what_the_other_end_has_room_for(void **state)
{
	struct narrow narrow = { .looks = 0 };
	char text[32];

	(void)state;
	probe->room = 0;
	for (unsigned int i = 0; i < 20; i++) {
		snprintf(text, sizeof(text), "datagram %u", i);
		udp_send(udp, "10.9.0.2", text);
	}
	assert_true(run_until(narrow_over, &narrow, 5));
	assert_int_equal(narrow.before, 0);
	assert_true(probe->calls >= 20 / 3);
	for (unsigned int i = 0; i < 20; i++) {
		snprintf(text, sizeof(text), "datagram %u", i);
		assert_non_null(probe_udp(probe, text));
	}
}

static void
an_interface_that_is_down_costs_frames_and_nothing_else(void **state)
{
	struct frame frame = udp_frame(data, tap_mac, 1, 2, "lost", false);

	(void)state;
	shell("ip link set hvt0 down");
	sw_input(&probe->port, &frame, 1);
	assert_int_equal(stat_of(tap, "tx_drops"), 1);
	assert_int_equal(stat_of(tap, "tap_write_errors"), 1);
	shell("ip link set hvt0 up");
	frame = udp_frame(data, tap_mac, 1, 2, "back", false);
	sw_input(&probe->port, &frame, 1);
	assert_true(udp_arrives(udp, "back", 2000));
}

static bool
looked_often(void *arg)
{
	return ++*(unsigned int *)arg == 100;
}

static void
an_interface_that_somebody_deletes_leaves_an_idle_port(void **state)
{
	struct frame frame = udp_frame(data, tap_mac, 1, 2, "lost", false);
	unsigned int looks = 0;

	(void)state;
	shell("ip link del hvt0");
	sw_input(&probe->port, &frame, 1);
	assert_int_equal(stat_of(tap, "tx_drops"), 1);
	assert_true(run_until(looked_often, &looks, 10));
	assert_in_range(stat_of(tap, "tap_read_errors"), 1, 2);
}

static void
without_permission_the_error_says_what_is_needed(void **state)
{
	int status, child = fork();
	char error[512] = "";

	(void)state;
	assert_true(child >= 0);
	if (child == 0) {
		if (setgid(65534) < 0 || setuid(65534) < 0)
			_exit(3);
		if (sw_port_create(sw_create("sw"), "tap:name=hvt9", 1, error,
			    sizeof(error)) != NULL)
			_exit(4);
		_exit(strstr(error, "root or CAP_NET_ADMIN") != NULL ? 0 : 5);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

/* ---- two namespaces ---- */

#define TCP_BYTES (64u << 20)

/* A process in its own namespace: gets a tap, then serves or connects. */
struct peer {
	pid_t pid;
	int to_child;           /* a byte: go on */
	int from_child;         /* a byte: done so far */
};

static uint64_t
receive_all(int s)
{
	static uint8_t buffer[1 << 18];
	uint64_t total = 0, position = 0;
	ssize_t n;

	while ((n = recv(s, buffer, sizeof(buffer), 0)) > 0) {
		for (ssize_t i = 0; i < n; i++, position++) {
			if (buffer[i] != (uint8_t)(position % 251))
				return 0;
		}
		total += (uint64_t)n;
	}
	return total;
}

static void
send_all(int s)
{
	static uint8_t buffer[251 * 1024];

	for (uint32_t i = 0; i < sizeof(buffer); i++)
		buffer[i] = (uint8_t)(i % 251);
	for (uint32_t sent = 0; sent < TCP_BYTES;) {
		uint32_t most = sizeof(buffer) - sent % 251;
		uint32_t want = TCP_BYTES - sent < most ? TCP_BYTES - sent : most;
		ssize_t n = send(s, buffer + sent % 251, want, MSG_NOSIGNAL);

		if (n <= 0)
			_exit(11);
		sent += (uint32_t)n;
	}
}

static void
peer_run(bool server, int from_parent, int to_parent)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(5001) };
	int s = socket(AF_INET, SOCK_STREAM, 0);
	char byte = 1, command[256];

	if (unshare(CLONE_NEWNET) < 0 || write(to_parent, &byte, 1) != 1 ||
	    read(from_parent, &byte, 1) != 1)
		_exit(1);
	s = socket(AF_INET, SOCK_STREAM, 0);
	snprintf(command, sizeof(command), "ip addr add 10.8.0.%d/24 dev %s && ip link set %s up",
		server ? 1 : 2, server ? "hva" : "hvb", server ? "hva" : "hvb");
	if (system(command) != 0)
		_exit(2);
	inet_pton(AF_INET, "10.8.0.1", &sin.sin_addr);
	if (server && (bind(s, (struct sockaddr *)&sin, sizeof(sin)) < 0 || listen(s, 1) < 0))
		_exit(3);
	if (write(to_parent, &byte, 1) != 1 || read(from_parent, &byte, 1) != 1)
		_exit(4);
	if (server) {
		int connection = accept(s, NULL, NULL);

		_exit(receive_all(connection) == TCP_BYTES ? 0 : 5);
	}
	if (connect(s, (struct sockaddr *)&sin, sizeof(sin)) < 0)
		_exit(6);
	send_all(s);
	_exit(0);
}

static struct peer
peer_start(bool server)
{
	int down[2], up[2];
	struct peer peer;

	assert_int_equal(pipe(down), 0);
	assert_int_equal(pipe(up), 0);
	peer.pid = fork();
	assert_true(peer.pid >= 0);
	if (peer.pid == 0) {
		alarm(60);      /* it does not outlive a test that failed */
		peer_run(server, down[0], up[1]);
	}
	close(down[0]);
	close(up[1]);
	peer.to_child = down[1];
	peer.from_child = up[0];
	return peer;
}

static void
peer_wait(const struct peer *peer)
{
	char byte;

	assert_int_equal(read(peer->from_child, &byte, 1), 1);
}

static void
peer_go_on(const struct peer *peer)
{
	char byte = 1;

	assert_int_equal(write(peer->to_child, &byte, 1), 1);
}

struct pair {
	struct peer peer[2];
	int status[2];
	unsigned int ended;
};

static bool
both_ended(void *arg)
{
	struct pair *pair = arg;

	for (unsigned int i = 0; i < 2; i++) {
		if (pair->peer[i].pid > 0 &&
		    waitpid(pair->peer[i].pid, &pair->status[i], WNOHANG) == pair->peer[i].pid) {
			pair->peer[i].pid = 0;
			pair->ended++;
		}
	}
	return pair->ended == 2;
}

static void
two_namespaces_talk_tcp_through_the_switch(void **state)
{
	struct pair pair = { .peer = { peer_start(true), peer_start(false) } };
	struct sw *sw = sw_create("sw");
	struct sw_port *a = tap_create(sw, "tap:name=hva"), *b = tap_create(sw, "tap:name=hvb");
	uint64_t start_ns, ns;

	(void)state;
	for (unsigned int i = 0; i < 2; i++)
		peer_wait(&pair.peer[i]);
	shell("ip link set hva netns %d && ip link set hvb netns %d", pair.peer[0].pid,
		pair.peer[1].pid);
	for (unsigned int i = 0; i < 2; i++) {
		peer_go_on(&pair.peer[i]);
		peer_wait(&pair.peer[i]);
	}
	for (unsigned int i = 0; i < 2; i++)
		peer_go_on(&pair.peer[i]);
	start_ns = engine_clock_ns();
	assert_true(run_until(both_ended, &pair, 40));
	ns = engine_clock_ns() - start_ns;
	for (unsigned int i = 0; i < 2; i++) {
		assert_int_equal(pair.status[i], 0);
		close(pair.peer[i].to_child);
		close(pair.peer[i].from_child);
	}
	print_message("%.2f Gbit/s in frames of %.0f bytes\n", TCP_BYTES * 8.0 / (double)ns,
		(double)b->counters.rx_bytes / (double)b->counters.rx_frames);
	assert_true(b->counters.rx_bytes > TCP_BYTES);
	assert_true(a->counters.tx_bytes > TCP_BYTES);
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(an_interface_is_made_as_asked_and_vanishes_with_the_port),
		CASE(what_the_kernel_sends_comes_in_with_its_checksum_left_open),
		CASE(what_the_kernel_left_open_is_completed_for_others),
		CASE(the_kernel_receives_what_leaves_and_verifies_its_checksum),
		CASE(a_tap_reads_only_what_the_other_end_has_room_for),
		CASE(an_interface_that_is_down_costs_frames_and_nothing_else),
		CASE(an_interface_that_somebody_deletes_leaves_an_idle_port),
		CASE(without_permission_the_error_says_what_is_needed),
		CASE(two_namespaces_talk_tcp_through_the_switch),
	};

	if (!netns_enter())
		return TEST_SKIPPED;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
