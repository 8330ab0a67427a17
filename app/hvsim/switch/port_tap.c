/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A tap: an interface of the kernel's network. What the kernel sends on it
 * comes into the switch, what leaves the switch is received by the kernel.
 * Checksums that the kernel left to its interface stay so. On a wire it reads
 * only what the other end has room for: the kernel's queue waits instead.
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "../core/engine.h"
#include "../core/util.h"
#include "port.h"
#include "vnet.h"

#define BATCH 64u
#define RETRY_NS 1000000u
#define SLOT_BYTES ((FRAME_BYTES_MAX + 63u) & ~63u)

struct tap {
	struct sw_port port;
	struct engine_poller poller;
	int fd;
	char interface[IFNAMSIZ];
	uint32_t mtu;           /* 0 = the kernel's default */
	bool up;
	bool readable;          /* since the last EAGAIN */
	bool blocked;           /* readable, but the other end has no room */
	uint8_t *buffers;
	uint64_t read_errors, too_long, full, write_errors;
};

/* ---- options ---- */

static int
set_mtu(void *config, const char *value)
{
	uint32_t mtu;

	if (port_parse_u32(value, &mtu) < 0 || mtu < 68 || mtu > 9216)
		return -EINVAL;
	((struct tap *)config)->mtu = mtu;
	return 0;
}

static int
set_up(void *config, const char *value)
{
	return units_parse_bool(value, &((struct tap *)config)->up);
}

static const struct port_option tap_options[] = {
	{ "mtu", set_mtu, "a number from 68 to 9216" },
	{ "up", set_up, "yes or no" },
	{ NULL },
};

/* ---- from the kernel ---- */

/* Reads one frame; 1, 0 if it was dropped, -1 if there are no more. */
static int
tap_read(struct tap *tap, uint8_t *buffer, struct frame *frame)
{
	struct virtio_net_hdr header;
	struct iovec parts[2] = {
		{ &header, sizeof(header) }, { buffer, SLOT_BYTES },
	};
	ssize_t bytes = readv(tap->fd, parts, 2);

	if (bytes < 0) {
		/* EBADFD: the interface was deleted. */
		tap->read_errors += errno != EAGAIN && errno != EINTR ? 1 : 0;
		tap->readable = false;
		return -1;
	}
	*frame = (struct frame) { .data = buffer, .flags = FRAME_WRITABLE };
	if ((size_t)bytes < sizeof(header) + FRAME_HEADER_BYTES ||
	    (size_t)bytes > sizeof(header) + FRAME_BYTES_MAX ||
	    header.gso_type != VIRTIO_NET_HDR_GSO_NONE) {
		tap->too_long++;
		return 0;
	}
	frame->bytes = (uint32_t)((size_t)bytes - sizeof(header));
	vnet_read(&header, frame);
	return 1;
}

static unsigned int
tap_poll(void *arg)
{
	struct tap *tap = arg;
	struct frame frames[BATCH];
	unsigned int n = 0, reads, room = BATCH;

	if (!tap->readable)
		return 0;
	/* With a link down the frames are read and refused, not kept. */
	if (tap->port.link_up)
		room = HV_MIN(sw_room(&tap->port), BATCH);
	tap->blocked = room == 0;
	for (reads = 0; reads < room; reads++) {
		int ret = tap_read(tap, tap->buffers + (size_t)n * SLOT_BYTES, &frames[n]);

		if (ret < 0)
			break;
		n += (unsigned int)ret;
	}
	sw_input(&tap->port, frames, n);
	return reads;
}

/* Edge-triggered: there is something to read until EAGAIN says otherwise. */
static void
tap_event(void *arg, uint32_t events)
{
	struct tap *tap = arg;

	if (events & (EPOLLIN | EPOLLERR | EPOLLHUP)) {
		tap->readable = true;
		engine_kick();
	}
}

static bool
tap_prepare_sleep(void *arg)
{
	const struct tap *tap = arg;

	return !tap->readable || tap->blocked;
}

static uint64_t
tap_next_ns(void *arg)
{
	const struct tap *tap = arg;

	return tap->readable ? engine_now_ns() + RETRY_NS : UINT64_MAX;
}

/* ---- to the kernel ---- */

static void
tap_write(struct tap *tap, const struct frame *frame)
{
	struct virtio_net_hdr header;
	struct iovec parts[2] = {
		{ &header, sizeof(header) }, { frame_bytes(frame), frame->bytes },
	};

	vnet_write(frame, &header);
	if (writev(tap->fd, parts, 2) >= 0)
		return;
	tap->port.counters.tx_drops++;
	if (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM)
		tap->full++;
	else
		tap->write_errors++;    /* EIO: the interface is not up */
}

static void
tap_output(struct sw_port *port, const struct frame *frames, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		tap_write((struct tap *)port, &frames[i]);
}

/* ---- the port ---- */

static void
tap_destroy(struct sw_port *port)
{
	struct tap *tap = (struct tap *)port;

	engine_poller_remove(&tap->poller);
	if (tap->fd >= 0) {
		engine_fd_remove(tap->fd);
		close(tap->fd);
	}
	free(tap->buffers);
	free(tap);
}

static void
tap_stats(struct sw_port *port, struct stat_sink *stats)
{
	const struct tap *tap = (const struct tap *)port;

	stat_emit(stats, "tap_read_errors", tap->read_errors);
	stat_emit(stats, "tap_too_long", tap->too_long);
	stat_emit(stats, "tap_queue_full", tap->full);
	stat_emit(stats, "tap_write_errors", tap->write_errors);
}

static const struct sw_port_ops tap_ops = {
	.kind = "tap",
	.output = tap_output,
	.destroy = tap_destroy,
	.stats = tap_stats,
};

static const char *
privilege_hint(int error)
{
	return error == EPERM || error == EACCES ?
		"; this needs root or CAP_NET_ADMIN, or a tap that an administrator made for "
		"this user (ip tuntap add mode tap user NAME)" : "";
}

/* Creates the interface, or takes an existing persistent one. */
static int
tap_open(struct tap *tap, const struct port_request *request)
{
	struct ifreq request_if = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	const char *path = "/dev/net/tun";

	tap->fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (tap->fd < 0) {
		port_error(request, "cannot open %s: %s%s", path, strerror(errno),
			privilege_hint(errno));
		return -EPERM;
	}
	memcpy(request_if.ifr_name, tap->interface, sizeof(tap->interface));
	if (ioctl(tap->fd, TUNSETIFF, &request_if) < 0) {
		port_error(request, "cannot create the interface %s: %s%s", tap->interface,
			strerror(errno), privilege_hint(errno));
		return -EPERM;
	}
	memcpy(tap->interface, request_if.ifr_name, sizeof(tap->interface));
	/* Lets the kernel leave checksums to us; a kernel that cannot computes them. */
	ioctl(tap->fd, TUNSETOFFLOAD, (unsigned long)TUN_F_CSUM);
	return 0;
}

/* Sets MTU and state, where asked for. */
static int
tap_configure(struct tap *tap, const struct port_request *request)
{
	struct ifreq request_if = { .ifr_mtu = 0 };
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int ret = s < 0 ? -1 : 0;

	memcpy(request_if.ifr_name, tap->interface, sizeof(tap->interface));
	if (ret == 0 && tap->mtu != 0) {
		request_if.ifr_mtu = (int)tap->mtu;
		ret = ioctl(s, SIOCSIFMTU, &request_if);
	}
	if (ret == 0 && tap->up) {
		ret = ioctl(s, SIOCGIFFLAGS, &request_if);
		request_if.ifr_flags |= IFF_UP;
		if (ret == 0)
			ret = ioctl(s, SIOCSIFFLAGS, &request_if);
	}
	if (ret < 0)
		port_error(request, "cannot configure the interface %s: %s%s", tap->interface,
			strerror(errno), privilege_hint(errno));
	if (s >= 0)
		close(s);
	return ret;
}

static int
tap_watch(struct tap *tap, const struct port_request *request)
{
	int ret;

	tap->buffers = malloc((size_t)BATCH * SLOT_BYTES);
	ret = tap->buffers == NULL ? -ENOMEM :
		engine_fd_add(tap->fd, EPOLLIN | EPOLLET, tap_event, tap);
	if (ret < 0) {
		port_error(request, "cannot watch the interface: %s", strerror(-ret));
		return ret;
	}
	tap->readable = true;
	tap->poller.poll = tap_poll;
	tap->poller.prepare_sleep = tap_prepare_sleep;
	tap->poller.next_ns = tap_next_ns;
	tap->poller.arg = tap;
	engine_poller_add(&tap->poller);
	return 0;
}

static int
tap_make(struct tap *tap, const struct port_request *request)
{
	if (port_options(request, tap_options, tap) < 0)
		return -EINVAL;
	if (request->named &&
	    port_parse_text(request->name, tap->interface, IFNAMSIZ) < 0) {
		port_error(request, "name=%s: an interface's name has at most %d characters",
			request->name, IFNAMSIZ - 1);
		return -EINVAL;
	}
	if (!request->named)            /* the kernel counts it up */
		memcpy(tap->interface, "tap%d", sizeof("tap%d"));
	if (tap_open(tap, request) < 0 || tap_configure(tap, request) < 0)
		return -EINVAL;
	return tap_watch(tap, request);
}

static struct sw_port *
tap_create(struct port_request *request)
{
	struct tap *tap = calloc(1, sizeof(*tap));

	if (tap == NULL)
		return port_error(request, "out of memory");
	tap->fd = -1;
	if (tap_make(tap, request) < 0) {
		tap_destroy(&tap->port);
		return NULL;
	}
	port_init(&tap->port, &tap_ops, tap->interface);
	tap->port.accepts_partial = true;
	return &tap->port;
}

const struct port_kind port_kind_tap = {
	.kind = "tap",
	.help =
	"tap[:name=NAME,mtu=BYTES,up]\n"
	"  An interface of the kernel; it vanishes with hvsim. Needs root or\n"
	"  CAP_NET_ADMIN, or a persistent tap that belongs to the user.\n"
	"    name=NAME  of the interface (default tap0, tap1, ...)\n"
	"    mtu=BYTES  68 to 9216 (default: the kernel's, 1500)\n"
	"    up         set it up\n"
	"  Example: --port tap:name=tap0,up\n",
	.create = tap_create,
};
