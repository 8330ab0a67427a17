/* SPDX-License-Identifier: BSD-3-Clause */

/* A network namespace of the test's own; see netns.h. */

#include "netns.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

bool
netns_enter(void)
{
	if (geteuid() != 0) {
		printf("skipped: not root, and these tests make network interfaces\n");
		return false;
	}
	if (unshare(CLONE_NEWNET) < 0) {
		perror("unshare(CLONE_NEWNET)");
		exit(1);
	}
	/* No neighbour discovery among the frames that are counted. */
	if (system("ip link set lo up && "
		"echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6") != 0)
		exit(1);
	return true;
}

void
shell(const char *format, ...)
{
	char command[512];
	va_list args;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	if (system(command) != 0)
		fail_msg("'%s' failed", command);
}

int
udp_socket(const char *address)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(5000) };
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	inet_pton(AF_INET, address, &sin.sin_addr);
	assert_int_equal(bind(s, (struct sockaddr *)&sin, sizeof(sin)), 0);
	return s;
}

void
udp_send(int s, const char *address, const char *text)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(5000) };

	inet_pton(AF_INET, address, &sin.sin_addr);
	assert_int_equal(sendto(s, text, strlen(text), 0, (struct sockaddr *)&sin, sizeof(sin)),
		strlen(text));
}

bool
udp_arrives(int s, const char *text, int ms)
{
	struct pollfd p = { .fd = s, .events = POLLIN };
	char got[256];
	ssize_t n;

	if (poll(&p, 1, ms) <= 0)
		return false;
	n = recv(s, got, sizeof(got), 0);
	return n == (ssize_t)strlen(text) && memcmp(got, text, (size_t)n) == 0;
}

void
interface_mac(const char *name, uint8_t mac[6])
{
	struct ifreq request = { .ifr_flags = 0 };
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	assert_int_equal(ioctl(s, SIOCGIFHWADDR, &request), 0);
	memcpy(mac, request.ifr_hwaddr.sa_data, 6);
	close(s);
}

struct frame
udp_frame(uint8_t *data, const uint8_t mac[6], uint8_t to, uint8_t from, const char *text,
	bool partial)
{
	uint8_t *ip = data + 14, *udp = ip + 20;
	uint32_t udp_bytes = 8 + (uint32_t)strlen(text);
	uint16_t sum;

	memset(data, 0, 42);
	memcpy(data, mac, 6);
	memcpy(data + 6, "\x02\x00\x00\x00\x00\x09\x08\x00", 8);
	memcpy(ip, "\x45\x00\x00\x00\x00\x00\x40\x00\x40\x11\x00\x00\x0a\x09\x00\x00\x0a\x09", 18);
	ip[3] = (uint8_t)(20 + udp_bytes);
	ip[15] = from;
	ip[19] = to;
	sum = reference_checksum(ip, 20, 0);
	ip[10] = (uint8_t)(sum >> 8);
	ip[11] = (uint8_t)sum;
	memcpy(udp, "\x13\x88\x13\x88", 4);
	udp[5] = (uint8_t)udp_bytes;
	memcpy(udp + 8, text, strlen(text));
	sum = (uint16_t)~reference_checksum(ip + 12, 8, 17 + udp_bytes);
	if (!partial)
		sum = reference_checksum(udp, udp_bytes, sum);
	udp[6] = (uint8_t)(sum >> 8);
	udp[7] = (uint8_t)sum;
	return (struct frame) {
		.data = data, .bytes = 34 + udp_bytes, .l4_offset = 34,
		.flags = partial ? FRAME_CSUM_PARTIAL : 0,
	};
}

const struct frame *
probe_udp(const struct probe *probe, const char *text)
{
	for (unsigned int i = 0; i < probe->count; i++) {
		const struct frame *frame = &probe->got[i];

		if (frame->bytes >= 42 + strlen(text) && frame->data[12] == 8 &&
		    frame->data[13] == 0 && frame->data[23] == 17 &&
		    memcmp(frame->data + 42, text, strlen(text)) == 0)
			return frame;
	}
	return NULL;
}
