/* SPDX-License-Identifier: BSD-3-Clause */

/* Packet sockets, on one end of a veth pair whose other end is the kernel's. */

#include "netns.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/engine.h"

static uint8_t data[2048];
static uint8_t kernel_mac[6];
static struct sw *wire;
static struct sw_port *port;
static struct probe *probe;
static int udp = -1;

/* hvp1 is 10.9.0.1; the probe behind hvp0 is 10.9.0.2. */
static int
setup(void **state)
{
	char error[512] = "";

	if (engine_setup(state) < 0)
		return -1;
	shell("ip link add hvp0 type veth peer name hvp1 && ip link set hvp0 up && "
		"ip link set hvp1 up && ip addr add 10.9.0.1/24 dev hvp1 && "
		"ip neigh add 10.9.0.2 lladdr 02:00:00:00:00:09 dev hvp1");
	/* Until the carrier is noticed, the kernel drops what is sent. */
	shell("for i in $(seq 500); do ip link show hvp0 | grep -q 'state UP' && exit 0; "
		"sleep 0.01; done; exit 1");
	interface_mac("hvp1", kernel_mac);
	wire = sw_create_wire("wire");
	port = sw_port_create(wire, "afpacket:if=hvp0", 1, error, sizeof(error));
	if (port == NULL)
		fail_msg("%s", error);
	probe = probe_create(wire, "probe");
	udp = udp_socket("10.9.0.1");
	return 0;
}

static int
teardown(void **state)
{
	close(udp);
	shell("ip link del hvp0");
	return engine_teardown(state);
}

static bool
text_arrived(void *arg)
{
	return probe_udp(probe, arg) != NULL;
}

static void
what_arrives_comes_in_and_its_checksum_is_completed(void **state)
{
	char text[] = "hello";
	const struct frame *frame;

	(void)state;
	udp_send(udp, "10.9.0.2", text);
	assert_true(run_until(text_arrived, text, 5));
	frame = probe_udp(probe, text);
	assert_memory_equal(frame->data, "\x02\x00\x00\x00\x00\x09", 6);
	assert_true(l4_checksum_right(frame->data, frame->bytes));
}

static void
an_unfinished_checksum_is_passed_on_to_who_takes_it(void **state)
{
	char text[] = "hello";

	(void)state;
	probe->port.accepts_partial = true;
	udp_send(udp, "10.9.0.2", text);
	assert_true(run_until(text_arrived, text, 5));
	assert_true(probe_udp(probe, text)->flags & FRAME_CSUM_PARTIAL);
}

static void
what_leaves_is_received_and_verified_by_the_kernel(void **state)
{
	struct frame frame = udp_frame(data, kernel_mac, 1, 2, "full", false);

	(void)state;
	sw_input(&probe->port, &frame, 1);
	assert_true(udp_arrives(udp, "full", 2000));
	frame = udp_frame(data, kernel_mac, 1, 2, "partial", true);
	sw_input(&probe->port, &frame, 1);
	assert_true(udp_arrives(udp, "partial", 2000));
	frame = udp_frame(data, kernel_mac, 1, 2, "wrong", false);
	data[43] ^= 1;
	sw_input(&probe->port, &frame, 1);
	frame = udp_frame(data, kernel_mac, 1, 2, "next", false);
	sw_input(&probe->port, &frame, 1);
	assert_true(udp_arrives(udp, "next", 2000));
	assert_int_equal(stat_of(port, "tx_drops"), 0);
}

/* The kernel takes the tag out on the way in, so it arrives beside the frame
 * where that is taken and in it elsewhere. */
static void
a_tag_and_an_unfinished_checksum_cross_together(void **state)
{
	char text[] = "tagged", error[256] = "";
	struct frame frame = udp_frame(data, kernel_mac, 1, 2, text, true);
	struct sw *other = sw_create_wire("other");
	struct sw_port *far = sw_port_create(other, "afpacket:if=hvp1", 1, error, sizeof(error));
	struct probe *sender = probe_create(other, "sender");
	const struct frame *got;

	(void)state;
	assert_non_null(far);
	probe->port.accepts_vlan_flag = true;
	frame.flags |= FRAME_VLAN;
	frame.vlan_tci = 0x6005;
	sw_input(&sender->port, &frame, 1);
	assert_true(run_until(text_arrived, text, 5));
	got = probe_udp(probe, text);
	assert_true(got->flags & FRAME_VLAN);
	assert_int_equal(got->vlan_tci, 0x6005);
	assert_int_equal(got->bytes, frame.bytes);
	assert_true(l4_checksum_right(got->data, got->bytes));
	assert_int_equal(stat_of(far, "tx_bytes"), frame.bytes + 4);
}

static void
what_we_send_does_not_come_back(void **state)
{
	struct frame frame = udp_frame(data, kernel_mac, 1, 2, "once", false);
	char text[] = "answer";

	(void)state;
	sw_input(&probe->port, &frame, 1);
	udp_send(udp, "10.9.0.2", text);
	assert_true(run_until(text_arrived, text, 5));
	assert_null(probe_udp(probe, "once"));
}

static void
a_frame_that_the_interface_refuses_does_not_stop_the_others(void **state)
{
	static uint8_t jumbo[4096];
	struct frame frames[3] = {
		plain_frame(jumbo, 4000, 1, 2),         /* above its MTU */
		udp_frame(data, kernel_mac, 1, 2, "after", false),
		plain_frame(jumbo, 4000, 1, 2),
	};

	(void)state;
	sw_input(&probe->port, frames, 3);
	assert_true(udp_arrives(udp, "after", 2000));
	assert_int_equal(stat_of(port, "tx_drops"), 2);
	assert_int_equal(stat_of(port, "afpacket_write_errors"), 2);
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
		if (sw_port_create(sw_create("sw"), "afpacket:if=hvp0", 1, error,
			    sizeof(error)) != NULL)
			_exit(4);
		_exit(strstr(error, "root or CAP_NET_RAW") != NULL ? 0 : 5);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(what_arrives_comes_in_and_its_checksum_is_completed),
		CASE(an_unfinished_checksum_is_passed_on_to_who_takes_it),
		CASE(what_leaves_is_received_and_verified_by_the_kernel),
		CASE(a_tag_and_an_unfinished_checksum_cross_together),
		CASE(what_we_send_does_not_come_back),
		CASE(a_frame_that_the_interface_refuses_does_not_stop_the_others),
		CASE(without_permission_the_error_says_what_is_needed),
	};

	if (!netns_enter())
		return TEST_SKIPPED;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
